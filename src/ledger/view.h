/* view.h - the ledger as it stands, read beside a running server or without
 * one: the lines of ledger.db, and those that are still in the journal.
 * Changes nothing. One thread. */
#ifndef LEDGER_VIEW_H
#define LEDGER_VIEW_H

#include "core/error.h"
#include "ledger/line.h"

struct ledger_view;

/* `data` is the data directory. ERROR_NOT_FOUND: it has no ledger. Requests
 * that are running do not show; those of a server that died show as failed. */
enum error_code ledger_view_open(const char *data, struct ledger_view **view, struct error *error) WARN_UNUSED;
void ledger_view_close(struct ledger_view *view); /* NULL is legal */

/* Every line, in the order in which they were written; strings are valid
 * inside the callback, which may end it by an error of its own. */
enum error_code ledger_view_lines(struct ledger_view *view,
                                  enum error_code (*each)(void *ctx, const struct ledger_line *line,
                                                          struct error *error),
                                  void *ctx, struct error *error) WARN_UNUSED;

/* Lines and price rows that are not what was written. Damaged lines are shown and summed as they stand, but for those
 * whose tier or outcome is none. */
enum error_code ledger_view_damages(struct ledger_view *view, uint64_t *count, struct error *error) WARN_UNUSED;

typedef __int128 ledger_sum; /* picodollars */

struct ledger_group {
    struct str key;
    uint64_t outcomes[LEDGER_OUTCOMES]; /* requests */
    struct price_usage usage;
    ledger_sum cost, baseline, saved[LEVERS];
    uint64_t touched[LEVERS]; /* requests that the lever made cheaper or dearer */
};

enum ledger_by {
    LEDGER_BY_NOTHING,
    LEDGER_BY_DAY,
    LEDGER_BY_TENANT,
    LEDGER_BY_MODEL,
    LEDGER_BY_PROFILE,
    LEDGER_BY_TAG
};

/* Sums by day (UTC), tenant, model that answered, application profile, or value
 * that its tag `tag` had, ascending; by nothing: one. Requests without a profile
 * or the tag have an empty key. */
enum error_code ledger_view_groups(struct ledger_view *view, enum ledger_by by, struct str tag,
                                   enum error_code (*each)(void *ctx, const struct ledger_group *group,
                                                           struct error *error),
                                   void *ctx, struct error *error) WARN_UNUSED;

#endif
