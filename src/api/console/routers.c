/* GET /fulcrum/routers: the routers of fulcrum.yaml, of families and of tenants, what each decides by, who answered of
 * late, and what its predictions stand on. */
#include "api/console/ask.h"
#include "api/console/console.h"
#include "core/util.h"
#include "generate/route_learning.h"
#include "generate/shadow.h"
#include "ledger/reads.h"
#include "ledger/routes.h"

#define DAY_US UINT64_C(86400000000)
#define DAYS_DEFAULT 7
#define DAYS_MAX 90
#define LEARNING_MAX (1u << 20)

/* What the ledger has of one name and one model. */
struct routed {
    struct str router, model;
    uint64_t requests;
    ledger_sum cost;
    struct routed *next;
};

struct routers_ask {
    struct console_ask base;
    uint64_t days;
    struct routed *routed;
};

/* --- who answered ------------------------------------------------------------------------------------ */

static enum error_code keep(void *ctx, const struct ledger_route *route, struct error *error)
{
    struct routers_ask *ask = ctx;
    struct routed *routed = ARENA_NEW(ask->base.arena, struct routed);
    if (!routed || !arena_str(ask->base.arena, route->router, &routed->router) ||
        !arena_str(ask->base.arena, route->model, &routed->model))
        return error_no_memory(error);
    routed->requests = route->requests;
    routed->cost = route->cost;
    routed->next = ask->routed;
    ask->routed = routed;
    return OK;
}

static enum error_code read_routed(struct routers_ask *ask)
{
    struct console_ask *base = &ask->base;
    struct ledger_view *view;
    enum error_code code = ledger_reads_take(base->api->reads, &view, &base->error);
    if (code != OK)
        return code;
    code = ledger_routes(view, clock_wall_us() - ask->days * DAY_US, base->asker.tenant, keep, ask, &base->error);
    ledger_reads_give(base->api->reads, view);
    return code;
}

/* By model; a router has several names. */
static void put_share(struct routers_ask *ask, const struct router *router)
{
    struct console_reply *reply = &ask->base.reply;
    console_open(reply, "share", '[');
    for (const struct routed *first = ask->routed; first; first = first->next) {
        uint64_t requests = 0;
        ledger_sum cost = 0;
        const struct routed *earlier = ask->routed;
        if (!routing_is_named(router, first->router))
            continue;
        while (earlier != first &&
               !(str_eq(earlier->model, first->model) && routing_is_named(router, earlier->router)))
            earlier = earlier->next;
        if (earlier != first)
            continue;
        for (const struct routed *same = first; same; same = same->next) {
            if (!str_eq(same->model, first->model) || !routing_is_named(router, same->router))
                continue;
            requests += same->requests;
            cost += same->cost;
        }
        console_open(reply, NULL, '{');
        console_put_text(reply, "model", first->model);
        console_put_uint(reply, "requests", requests);
        console_put_money(reply, "cost", cost);
        console_close(reply);
    }
    console_close(reply);
}

/* --- one router -------------------------------------------------------------------------------------- */

static void put_rule(struct console_reply *reply, const struct router *router)
{
    static const char *const names[] = {[ROUTER_RULE_DIFFERENCE] = "qualityDifference",
                                        [ROUTER_RULE_TOLERANCE] = "tolerance",
                                        [ROUTER_RULE_BUDGET] = "budget"};
    const double values[] = {[ROUTER_RULE_DIFFERENCE] = router->difference * 100,
                             [ROUTER_RULE_TOLERANCE] = router->tolerance,
                             [ROUTER_RULE_BUDGET] = (double)router->budget * 1e-12};
    console_open(reply, "rule", '{');
    console_put_text(reply, "kind", str_of(names[router->rule]));
    console_put_number(reply, names[router->rule], values[router->rule]);
    console_put_number(reply, "margin", router->margin);
    if (router->escalate_below > 0) {
        console_open(reply, "escalate", '{');
        console_put_number(reply, "below", router->escalate_below);
        console_put_number(reply, "share", router->escalate_share);
        console_put_uint(reply, "hold", router->escalate_hold);
        console_close(reply);
    } else {
        console_put_null(reply, "escalate");
    }
    console_close(reply);
}

/* Of one none of whose models is served nothing is known. */
static void put_learning(struct console_ask *ask, const struct route *route)
{
    struct console_reply *reply = &ask->reply;
    const struct shadow *shadow = ask->api->work->shadow;
    struct shadow_figures figures;
    struct buf text;
    const bool has_figures = route && shadow_figures_of(shadow, route, &figures);
    if (has_figures)
        console_put_uint(reply, "labels", figures.labels);
    else
        console_put_null(reply, "labels");
    console_put_json(reply, "drifts", !has_figures ? STR("null") : figures.drifts ? STR("true") : STR("false"));
    buf_init(&text, LEARNING_MAX);
    if (route)
        route_append_shadow(&text, route, shadow);
    console_put_json(reply, "shadow", route ? buf_str(&text) : STR("null"));
    buf_clear(&text);
    if (route)
        route_append_predictor(&text, route);
    console_put_json(reply, "predictor", route ? buf_str(&text) : STR("null"));
    reply->body.failed = reply->body.failed || text.failed;
    buf_deinit(&text);
}

static void put_models(struct console_reply *reply, const struct router *router, const struct route *route)
{
    console_open(reply, "models", '[');
    for (size_t i = 0; i < router->model_count; i++)
        console_put_text(reply, NULL, router->models[i].listed);
    console_close(reply);
    console_open(reply, "served", '[');
    for (size_t i = 0; route && i < route->count; i++)
        console_put_text(reply, NULL, str_of(route->targets[i].name));
    console_close(reply);
    if (router->fallback != ROUTER_DEAREST)
        console_put_text(reply, "fallback", router->models[router->fallback].listed);
    else
        console_put_text(reply, "fallback", route ? route->targets[0].listed : (struct str){NULL, 0});
}

static void put_router(struct routers_ask *ask, const struct router *router, const struct routing_asker *asker)
{
    static const char *const kinds[] = {
        [ROUTER_CUSTOM] = "made", [ROUTER_DEFAULT] = "default", [ROUTER_CONFIGURED] = "configured"};
    struct console_ask *base = &ask->base;
    struct console_reply *reply = &base->reply;
    struct route *route = NULL;
    struct error ignored;
    const struct str arn = router_arn(router, asker, base->arena);
    (void)!route_new(base->api->work->routing, asker, arn, base->arena, &route, &ignored);
    console_open(reply, NULL, '{');
    console_put_text(reply, "name", router->name);
    console_put_text(reply, "arn", arn);
    console_put_text(reply, "tenant", router->kind == ROUTER_CUSTOM ? router->head.tenant : (struct str){NULL, 0});
    console_put_text(reply, "kind", str_of(kinds[router->kind]));
    console_put_text(reply, "description", router->description.len > 0 ? router->description : (struct str){NULL, 0});
    put_models(reply, router, route);
    put_rule(reply, router);
    put_share(ask, router);
    put_learning(base, route);
    console_close(reply);
}

/* --- all of them ------------------------------------------------------------------------------------- */

/* As the tenant sees them; an admin who asks about everybody, as its own does. */
static enum error_code put_common(struct routers_ask *ask)
{
    struct console_ask *base = &ask->base;
    struct routing_asker asker = call_asker(base->call);
    struct router *routers = ARENA_ARRAY(base->arena, struct router, ROUTING_COMMON_MAX);
    if (!routers)
        return error_no_memory(&base->error);
    if (base->asker.tenant.data)
        asker.tenant = base->asker.tenant;
    const size_t count = routing_common(base->api->work->routing, &asker, base->arena, routers);
    for (size_t i = count; i > 0; i--) /* those of fulcrum.yaml first */
        put_router(ask, &routers[i - 1], &asker);
    return OK;
}

static enum error_code put_made(struct routers_ask *ask)
{
    struct console_ask *base = &ask->base;
    void *found;
    size_t count;
    const enum error_code code = resources_list_all(base->api->routers, base->arena, &found, &count, &base->error);
    const struct router *routers = found;
    for (size_t i = 0; code == OK && i < count; i++) {
        const struct routing_asker asker = {routers[i].head.tenant, routers[i].account, routers[i].region};
        if (console_asker_sees(&base->asker, asker.tenant))
            put_router(ask, &routers[i], &asker);
    }
    return code;
}

static enum error_code answer_routers(struct console_ask *base)
{
    struct routers_ask *ask = (struct routers_ask *)base;
    enum error_code code = read_routed(ask);
    if (code != OK)
        return code;
    console_open(&base->reply, NULL, '{');
    console_put_uint(&base->reply, "days", ask->days);
    console_open(&base->reply, "routers", '[');
    code = put_common(ask);
    if (code == OK)
        code = put_made(ask);
    console_close(&base->reply);
    console_close(&base->reply);
    return code;
}

void console_routers(struct api_call *call)
{
    static const char *const names[] = {"days", NULL};
    struct routers_ask *ask = console_ask_new(call, sizeof(*ask), names, "routers");
    if (!ask)
        return;
    ask->days = DAYS_DEFAULT;
    if (ask->base.code == OK)
        ask->base.code = console_query_number(call, "days", 1, DAYS_MAX, &ask->days, &ask->base.error);
    console_ask_send(&ask->base, answer_routers);
}
