/* page.h - lines of the ledger a page at a time, the newest first or by what they cost or took, through filters; and
 * one line by its request.
 *
 * A page goes on where the one before ended, at a line's own time and ID and not at a count, so lines that come
 * meanwhile, or go from the journal into ledger.db, neither repeat nor hide others. A page looks at LEDGER_SCAN_LINES
 * lines at most: where few of them fit it ends early, with fewer rows or none, and the next one goes on. Days and hours
 * that have no line with the words asked for (a model, a tier, ...) are not looked into: the ledger's sums tell.
 *
 * By cost or latency the lines of a range are in order among LEDGER_SORT_LINES at a time, the newest first.
 *
 * One thread for each view. */
#ifndef LEDGER_PAGE_H
#define LEDGER_PAGE_H

#include "ledger/cursor.h"
#include "ledger/view.h"

#define LEDGER_SCAN_LINES 50000
#define LEDGER_SORT_LINES 20000

/* Words of a line that a filter may name. */
enum ledger_filter_word {
    LEDGER_WITH_TENANT,
    LEDGER_WITH_MODEL, /* that answered */
    LEDGER_WITH_OPERATION,
    LEDGER_WITH_TIER,
    LEDGER_WITH_OUTCOME,
    LEDGER_WITH_MISS,
    LEDGER_WITH_ROUTER,
    LEDGER_WITH_KEY,
    LEDGER_WITH_PROFILE,
    LEDGER_WITH_SESSION,
    LEDGER_FILTER_WORDS,
};

struct ledger_filter {
    uint64_t from_us, to_us; /* lines whose request came at `from` or later, before `to`; 0: whenever */
    struct str words[LEDGER_FILTER_WORDS]; /* data NULL: any; empty: those that have none */
};

struct ledger_page_query {
    struct ledger_filter filter;
    enum ledger_sort sort;
    uint32_t limit;    /* lines, at least 1 */
    struct str cursor; /* `next` of the page before; empty: the first one */
};

struct ledger_page_end {
    char next[LEDGER_CURSOR_MAX]; /* empty: that was the last one */
    uint64_t scanned;             /* lines that were looked at */
};

/* ERROR_INVALID: the cursor is none of this order. `each` may end it by an error of its own; strings are valid
 * inside. */
enum error_code ledger_page(struct ledger_view *view, const struct ledger_page_query *query,
                            enum error_code (*each)(void *ctx, const struct ledger_line *line, struct error *error),
                            void *ctx, struct ledger_page_end *end, struct error *error) WARN_UNUSED;

/* The line of a request, among the newest LEDGER_FIND_LINES. ERROR_NOT_FOUND, also where `tenant` (data NULL: any) is
 * another's. */
#define LEDGER_FIND_LINES 4000000
enum error_code ledger_find(struct ledger_view *view, struct str request_id, struct str tenant,
                            enum error_code (*each)(void *ctx, const struct ledger_line *line, struct error *error),
                            void *ctx, struct error *error) WARN_UNUSED;

/* The rates of a price row that lines name, as JSON (price_row_read), in the arena; data NULL: the ledger does not
 * have it. */
enum error_code ledger_rates(struct ledger_view *view, struct str name, struct arena *arena, struct str *rates,
                             struct error *error) WARN_UNUSED;

#endif
