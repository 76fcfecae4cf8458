/* A journal record's payload: any bytes are a line that encodes to the same bytes, or none. Those of earlier
 * programs end before the last two strings, which come out as empty ones. */
#include <assert.h>

#include "ledger/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[JOURNAL_RECORD_MAX];
    struct ledger_line line;
    if (size > JOURNAL_RECORD_MAX || !ledger_line_decode((struct str){(const char *)data, size}, &line))
        return 0;
    assert(line.tier < TIERS && line.outcome < LEDGER_OUTCOMES);
    size_t len = ledger_line_encode(&line, again);
    assert(len == size || (len == size + 4 && !line.profile.data && !memcmp(again + size, "\0\0\0", 4)));
    assert(memcmp(again, data, size) == 0);
    return 0;
}
