/* cursor.c - reads and writes places; knows no lines. See cursor.h. */
#include "ledger/cursor.h"

#include <inttypes.h>
#include <stdio.h>

const char *const ledger_sort_names[LEDGER_SORTS + 1] = {"time", "cost", "latency"};

static const char letters[LEDGER_SORTS] = {'t', 'c', 'l'};

static bool take_number(struct str *rest, int64_t *number)
{
    struct str part;
    return str_split(rest, '~', &part) && str_to_i64(part, number) && *number >= 0;
}

/* So far from the end of numbers that adding to it is safe. */
static bool take_time(struct str *rest, int64_t *time_us)
{
    return take_number(rest, time_us) && *time_us <= INT64_MAX / 2;
}

bool ledger_cursor_set_id(struct ledger_cursor *cursor, struct str id)
{
    if (id.len >= LEDGER_CURSOR_ID_MAX)
        return false;
    if (id.len > 0)
        memcpy(cursor->id, id.data, id.len);
    cursor->id[id.len] = '\0';
    return true;
}

bool ledger_cursor_read(struct str text, enum ledger_sort sort, struct ledger_cursor *cursor)
{
    struct str rest = text, part;
    *cursor = (struct ledger_cursor){.lower_us = -1};
    if (!str_split(&rest, '~', &part) || part.len != 1 || part.data[0] != letters[sort])
        return false;
    if (sort == LEDGER_SORT_TIME)
        return take_time(&rest, &cursor->time_us) && ledger_cursor_set_id(cursor, rest);
    if (!take_time(&rest, &cursor->top_us))
        return false;
    return !rest.data || (take_time(&rest, &cursor->lower_us) && take_number(&rest, &cursor->value) &&
                          take_time(&rest, &cursor->time_us) && ledger_cursor_set_id(cursor, rest));
}

void ledger_cursor_write(const struct ledger_cursor *cursor, enum ledger_sort sort, char text[LEDGER_CURSOR_MAX])
{
    if (sort == LEDGER_SORT_TIME)
        (void)snprintf(text, LEDGER_CURSOR_MAX, "%c~%" PRId64 "~%s", letters[sort], cursor->time_us, cursor->id);
    else if (cursor->lower_us >= 0)
        (void)snprintf(text, LEDGER_CURSOR_MAX, "%c~%" PRId64 "~%" PRId64 "~%" PRId64 "~%" PRId64 "~%s", letters[sort],
                       cursor->top_us, cursor->lower_us, cursor->value, cursor->time_us, cursor->id);
    else
        (void)snprintf(text, LEDGER_CURSOR_MAX, "%c~%" PRId64, letters[sort], cursor->top_us);
}
