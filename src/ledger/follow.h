/* follow.h - lines in the order in which they came into ledger.db, for whoever keeps a sum of its own of them: a row is
 * never changed nor taken away, so the number of the last one that was taken says where to go on. One thread. */
#ifndef LEDGER_FOLLOW_H
#define LEDGER_FOLLOW_H

#include "core/error.h"
#include "ledger/line.h"

struct ledger_follow;

/* ERROR_NOT_FOUND: there is no ledger. It sees what was committed, also by a server that runs. */
enum error_code ledger_follow_open(const char *data, struct ledger_follow **follow, struct error *error) WARN_UNUSED;
void ledger_follow_close(struct ledger_follow *follow); /* NULL is legal */

/* Up to `max` lines behind row *row, which becomes that of the last one. Damaged lines are passed over. `each` may end
 * it by an error of its own; strings are valid inside. *has_more: there may be others now. */
enum error_code ledger_follow_next(struct ledger_follow *follow, int64_t *row, uint64_t max,
                                   enum error_code (*each)(void *ctx, const struct ledger_line *line,
                                                           struct error *error),
                                   void *ctx, bool *has_more, struct error *error) WARN_UNUSED;

/* What tells this ledger's row from that of another file: the ID of its request; empty: there is no such row. */
#define LEDGER_MARK_MAX 256
enum error_code ledger_follow_mark(struct ledger_follow *follow, int64_t row, char mark[LEDGER_MARK_MAX],
                                   struct error *error) WARN_UNUSED;

#endif
