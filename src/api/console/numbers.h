/* numbers.h - what the console's questions about the ledger share: usage.c, series.c, requests.c, request.c, cache.c,
 * tenants.c, now.c. On a thread that may wait. */
#ifndef API_CONSOLE_NUMBERS_H
#define API_CONSOLE_NUMBERS_H

#include "api/console/ask.h"
#include "ledger/query.h"
#include "ledger/reads.h"

#define CONSOLE_MINUTE_US UINT64_C(60000000)
#define CONSOLE_DAY_US UINT64_C(86400000000)

/* Runs `answer` with a view of the ledger. */
enum error_code console_with_view(struct console_ask *ask,
                                  enum error_code (*answer)(struct console_ask *ask, struct ledger_view *view));

/* The sum over all lines of a question, whatever it goes by. */
enum error_code console_sum(struct ledger_view *view, const struct ledger_query *query, struct ledger_group *sum,
                            struct error *error) WARN_UNUSED;

/* One member of `groups`: docs/CONSOLE.md lists what it has. */
void console_put_group(struct console_reply *reply, const char *name, const struct ledger_group *group);

/* A line of the ledger with all its fields. */
void console_put_line(struct console_reply *reply, const char *name, const struct ledger_line *line);

/* Of the prompt's tokens those that were read from the cache; NAN: there were none. */
double console_hit_rate(const struct ledger_group *group);

#endif
