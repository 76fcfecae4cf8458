/* A journal record's payload: any bytes are a line that encodes to the same bytes, or none. */
#include <assert.h>

#include "ledger/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[JOURNAL_RECORD_MAX];
    struct ledger_line line;
    if (size > JOURNAL_RECORD_MAX || !ledger_line_decode((struct str){(const char *)data, size}, &line))
        return 0;
    assert(line.tier < PRICE_TIERS && line.outcome < LEDGER_OUTCOMES);
    assert(ledger_line_encode(&line, again) == size);
    assert(memcmp(again, data, size) == 0);
    return 0;
}
