/* routes.h - who answered the requests that named a router, and what that cost. One thread for each view. */
#ifndef LEDGER_ROUTES_H
#define LEDGER_ROUTES_H

#include "ledger/query.h"

struct ledger_route {
    struct str router;   /* as requests named it: an ARN, or the name of one of fulcrum.yaml */
    struct str model;    /* that answered */
    uint64_t requests;
    ledger_sum cost;     /* with that of answers which were taken back, of the model that gave them */
};

/* Of requests that came at `from_us` or later, of a tenant (data NULL: of all), in the order of both names; answers
 * that routers learn from are nobody's. `each` may end it by an error of its own; strings are valid inside. Reads the
 * lines of that time, one by one: days, not years. */
enum error_code ledger_routes(struct ledger_view *view, uint64_t from_us, struct str tenant,
                              enum error_code (*each)(void *ctx, const struct ledger_route *route,
                                                      struct error *error),
                              void *ctx, struct error *error) WARN_UNUSED;

#endif
