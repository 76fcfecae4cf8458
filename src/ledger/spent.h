/* spent.h - what lines of the ledger cost, by day and by whom: for budgets, which count from it after a restart. One
 * thread for each. */
#ifndef LEDGER_SPENT_H
#define LEDGER_SPENT_H

#include "ledger/follow.h"

struct ledger_spent;

/* ERROR_NOT_FOUND: there is no ledger. It sees what was committed, also by a server that runs. */
enum error_code ledger_spent_open(const char *data, struct ledger_spent **spent, struct error *error) WARN_UNUSED;
void ledger_spent_close(struct ledger_spent *spent); /* NULL is legal */

/* As ledger_follow_mark. */
enum error_code ledger_spent_mark(struct ledger_spent *spent, int64_t row, char mark[LEDGER_MARK_MAX],
                                  struct error *error) WARN_UNUSED;

/* The last row before the first one whose request came at `from_us` or later. */
enum error_code ledger_spent_before(struct ledger_spent *spent, uint64_t from_us, int64_t *row,
                                    struct error *error) WARN_UNUSED;

/* Of lines behind row *row, which becomes the last one: the cost of all that agree in day (since 1970), tenant, key and
 * tags, in picodollars, which may stop at INT64_MAX. Those whose requests came before `late_us` come one by one, too,
 * before the sums that they are part of. Strings are valid inside. Either may end it by an error of its own. */
struct ledger_spent_part {
    uint32_t day;
    uint64_t time_us; /* of a single line; 0: it is a sum */
    struct str tenant, key, tags;
    uint64_t cost;
};
enum error_code ledger_spent_next(struct ledger_spent *spent, int64_t *row, uint64_t late_us,
                                  enum error_code (*each)(void *ctx, const struct ledger_spent_part *part,
                                                          struct error *error),
                                  void *ctx, struct error *error) WARN_UNUSED;

#endif
