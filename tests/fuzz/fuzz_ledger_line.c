/* A journal record's payload: any bytes are a line, of this version or an earlier one, or none. What is one encodes to
 * a line of this version with the same columns, and one of this version to the same bytes. Lines may follow each
 * other. */
#include <assert.h>

#include "ledger/line.h"

static void assert_same(struct ledger_line *a, struct ledger_line *b)
{
    assert(a->tier == b->tier && a->outcome == b->outcome);
    for (size_t i = 0; i < LEDGER_COLUMN_COUNT; i++) {
        const struct ledger_column *column = &ledger_columns[i];
        if (ledger_kind_is_text(column->kind))
            assert(str_eq(*ledger_column_text(a, column), *ledger_column_text(b, column)));
        else if (column->kind != LEDGER_TIER && column->kind != LEDGER_OUTCOME)
            assert(*ledger_column_number(a, column) == *ledger_column_number(b, column));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[JOURNAL_RECORD_MAX];
    const struct str payload = {(const char *)data, size};
    struct ledger_line line, back;
    for (struct str lines = payload; lines.len > 0 && ledger_line_take(&lines, &line);)
        assert(lines.data > payload.data && lines.data + lines.len == payload.data + size);
    if (size > JOURNAL_RECORD_MAX || !ledger_line_decode(payload, &line))
        return 0;
    assert(line.tier < TIERS_PRICED && line.outcome < LEDGER_OUTCOMES);
    assert(ledger_line_version(payload) <= LEDGER_LINE_VERSION);
    size_t len = ledger_line_encode(&line, again);
    if (len == 0) { /* an earlier line, as long as a record may be */
        assert(ledger_line_version(payload) < LEDGER_LINE_VERSION);
        return 0;
    }
    assert(ledger_line_decode((struct str){(char *)again, len}, &back));
    assert_same(&line, &back);
    assert(ledger_line_version(payload) < LEDGER_LINE_VERSION || (len == size && !memcmp(again, data, size)));
    return 0;
}
