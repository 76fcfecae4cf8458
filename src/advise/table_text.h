/* table_text.h - comma-separated values (RFC 4180) as spend logs are exported, one row at a time. Any thread. */
#ifndef ADVISE_TABLE_TEXT_H
#define ADVISE_TABLE_TEXT_H

#include <stdbool.h>

#include "core/limits.h"
#include "core/mem.h"
#include "core/str.h"

struct table_row {
    struct str cells[LIMIT_ADVISE_TABLE_COLUMNS]; /* [count]; borrow from the text or the arena */
    size_t count;
};

enum table_take {
    TABLE_ROW,
    TABLE_MORE, /* the text ends inside of a row */
    TABLE_BAD,  /* too many cells, or no memory; the row is passed over */
};

/* The row at the start of the text, which then begins behind it. With `is_last` the end of the text ends the row. */
enum table_take table_take_row(struct str *text, bool is_last, struct arena *arena, struct table_row *row);

#endif
