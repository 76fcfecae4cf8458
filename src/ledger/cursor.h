/* cursor.h - where a page of lines goes on, as a text that clients hand back. For page.c. Pure, any thread.
 *
 *   t~TIME~ID                       by time: behind that line; without an ID, before that time
 *   c~TOP                           by cost (l: latency): a window of lines before TOP begins
 *   c~TOP~LOWER~VALUE~TIME~ID       inside it, behind the line of that cost */
#ifndef LEDGER_CURSOR_H
#define LEDGER_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/str.h"

enum ledger_sort { LEDGER_SORT_TIME, LEDGER_SORT_COST, LEDGER_SORT_LATENCY, LEDGER_SORTS };
extern const char *const ledger_sort_names[LEDGER_SORTS + 1]; /* "time", "cost", "latency"; ends with NULL */

#define LEDGER_CURSOR_MAX 384
#define LEDGER_CURSOR_ID_MAX 256

struct ledger_cursor {
    int64_t time_us;
    char id[LEDGER_CURSOR_ID_MAX]; /* empty: before all lines of the time */
    /* In another order than time: */
    int64_t top_us, lower_us; /* bounds of the window; lower_us -1: it is still to be found, and nothing below holds */
    int64_t value;            /* of the line */
};

/* False: the text is no cursor of this order. */
bool ledger_cursor_read(struct str text, enum ledger_sort sort, struct ledger_cursor *cursor);
void ledger_cursor_write(const struct ledger_cursor *cursor, enum ledger_sort sort, char text[LEDGER_CURSOR_MAX]);

/* False: it is too long. */
bool ledger_cursor_set_id(struct ledger_cursor *cursor, struct str id);

#endif
