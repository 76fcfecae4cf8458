/* fuzz_ledger_cursor.c - any bytes as the place where a page of lines goes on. What is read is written as a text that
 * is read as the same place. Input: the cursor. */
#include <assert.h>
#include <stddef.h>

#include "ledger/cursor.h"

static void again(struct str text, enum ledger_sort sort)
{
    struct ledger_cursor cursor, other;
    char written[LEDGER_CURSOR_MAX];
    if (!ledger_cursor_read(text, sort, &cursor))
        return;
    ledger_cursor_write(&cursor, sort, written);
    assert(ledger_cursor_read(str_of(written), sort, &other));
    assert(cursor.time_us == other.time_us && cursor.top_us == other.top_us && cursor.lower_us == other.lower_us);
    assert(cursor.value == other.value && strcmp(cursor.id, other.id) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int sort = 0; sort < LEDGER_SORTS; sort++)
        again((struct str){(const char *)data, size}, (enum ledger_sort)sort);
    return 0;
}
