/* view.h - the ledger as it stands, read beside a running server or without
 * one: the lines of ledger.db, and those that are still in the journal. Sums
 * are query.h's. Changes nothing. A view may stay open as long as one likes:
 * it follows the journal from where it was. One thread at a time. */
#ifndef LEDGER_VIEW_H
#define LEDGER_VIEW_H

#include "core/error.h"
#include "ledger/line.h"

struct ledger_view;

/* `data` is the data directory. ERROR_NOT_FOUND: it has no ledger;
 * ERROR_INVALID: a later program wrote it, or its journal. Requests that are
 * running do not show; those of a server that died show as failed. */
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

#endif
