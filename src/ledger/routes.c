/* routes.c - see routes.h. Sums are of whole dollars and of the rest, since one of picodollars may be too large. */
#include "ledger/routes.h"

#include "ledger/view_internal.h"

#define DOLLAR 1000000000000
#define TEXT_OF(x) TEXT_OF_VALUE(x)
#define TEXT_OF_VALUE(x) #x
#define LINES_OF(table)                                                                                         \
    "SELECT tenant, model_requested, model_invoked, router, cost FROM " table                                    \
    " WHERE time_us >= ?1 AND coalesce(router, '') <> '' AND operation NOT LIKE 'Shadow%'"

static const char text[] =
    "SELECT model_requested, model_invoked, sum(router <> 'doubted'), sum(cost / " TEXT_OF(DOLLAR) "), "
    "sum(cost % " TEXT_OF(DOLLAR) ") FROM (" LINES_OF("temp.kept") " UNION ALL " LINES_OF("temp.late") ") "
    "WHERE ?2 OR tenant = ?3 GROUP BY 1, 2 ORDER BY 1, 2";

static enum error_code ask(struct ledger_view *view, uint64_t from_us, struct str tenant,
                           enum error_code (*each)(void *ctx, const struct ledger_route *route, struct error *error),
                           void *ctx, struct error *error)
{
    struct sql_statement *rows;
    bool has_row = true;
    enum error_code code = sql_prepare(view_sql(view), text, &rows, error);
    if (code != OK)
        return code;
    sql_bind_int(rows, 1, (int64_t)from_us);
    sql_bind_int(rows, 2, !tenant.data);
    sql_bind_text(rows, 3, tenant);
    while ((code = sql_step(rows, &has_row, error)) == OK && has_row) {
        const struct ledger_route route = {
            .router = sql_text(rows, 0),
            .model = sql_text(rows, 1),
            .requests = (uint64_t)sql_int(rows, 2),
            .cost = (ledger_sum)sql_int(rows, 3) * DOLLAR + sql_int(rows, 4),
        };
        code = each(ctx, &route, error);
        if (code != OK)
            break;
    }
    sql_free(rows);
    return code;
}

enum error_code ledger_routes(struct ledger_view *view, uint64_t from_us, struct str tenant,
                              enum error_code (*each)(void *ctx, const struct ledger_route *route,
                                                      struct error *error),
                              void *ctx, struct error *error)
{
    enum error_code code = view_begin(view, error);
    if (code != OK)
        return code;
    code = ask(view, from_us, tenant, each, ctx, error);
    view_end(view);
    return code;
}
