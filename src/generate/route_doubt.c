/* route_doubt.c - see route_doubt.h. */
#include "generate/route_doubt.h"

#include "core/condition.h"
#include "core/log.h"
#include "generate/routing.h"
#include "route/share.h"

struct route_doubts {
    const struct routers_config *routers;
    const struct route_qualities *qualities;
    struct doubting {
        struct route_share share;
        _Atomic uint64_t counts[DOUBT_OUTCOMES];
    } each[]; /* each router of fulcrum.yaml */
};

const char *const doubt_outcome_names[DOUBT_OUTCOMES] = {"good-enough", "share-spent", "escalated"};

enum error_code route_doubts_open(const struct routers_config *routers, const struct route_qualities *qualities,
                                  struct route_doubts **doubts, struct error *error)
{
    struct route_doubts *made = mem_calloc(1, sizeof(*made) + routers->count * sizeof(made->each[0]));
    if (!made)
        return error_no_memory(error);
    made->routers = routers;
    made->qualities = qualities;
    *doubts = made;
    return OK;
}

void route_doubts_close(struct route_doubts *doubts)
{
    mem_free(doubts);
}

uint64_t route_doubts_count(const struct route_doubts *doubts, size_t router, enum doubt_outcome outcome)
{
    return atomic_load_explicit(&doubts->each[router].counts[outcome], memory_order_relaxed);
}

static struct doubting *doubting_of(const struct route *route)
{
    return &route->doubts->each[route->router.config - route->doubts->routers->items];
}

/* --- who would answer instead ----------------------------------------------------------------------- */

/* The strongest of the others, where it is stronger than who answers; else `count`. */
static size_t strongest(const struct route *route, const struct target *answering, const struct target others[],
                        size_t count)
{
    double most = route->strengths[route_place(route, answering)];
    size_t best = count;
    for (size_t i = 0; i < count; i++) {
        const double strength = route->strengths[route_place(route, &others[i])];
        if (strength <= most)
            continue;
        most = strength;
        best = i;
    }
    return best;
}

/* Only this program's own engine tells how sure a model is. */
static bool can_be_doubted(const struct route *route, const struct target *answering, const struct target others[],
                           size_t count)
{
    return answering->kind == TARGET_ENGINE && strongest(route, answering, others, count) < count;
}

static bool may_doubt(void *ctx, const struct target *answering, const struct target others[], size_t count)
{
    return can_be_doubted(ctx, answering, others, count);
}

/* --- chances ---------------------------------------------------------------------------------------- */

static bool chance_of(const struct route *route, size_t place, double confidence, double *chance)
{
    struct route_quality models[ROUTER_MODELS_MAX];
    route_models(route, models);
    return route_qualities_chance(route->doubts->qualities, route->router.config, models, route->count, place,
                                  confidence, chance);
}

/* A chance that is one is compared with what the text promises of the other answer; a mere confidence is not. */
static size_t doubt(void *ctx, struct placement *placement, const struct target others[], size_t count,
                    double confidence)
{
    const struct route *route = ctx;
    const struct router *router = &route->router;
    const size_t place = route_place(route, &placement->answered);
    const size_t best = strongest(route, &placement->answered, others, count);
    double chance;
    if (best == count)
        return SIZE_MAX;
    const double promised = route->quality[route_place(route, &others[best])];
    const bool is_chance = chance_of(route, place, confidence, &chance);
    const bool is_doubtful = chance < router->escalate_below && !(is_chance && promised <= chance);
    struct doubting *doubting = doubting_of(route);
    const bool is_taken = route_share_take(&doubting->share, router->escalate_share, is_doubtful);
    const enum doubt_outcome outcome = is_taken ? DOUBT_ESCALATED : is_doubtful ? DOUBT_SHARE_SPENT : DOUBT_GOOD_ENOUGH;
    atomic_fetch_add_explicit(&doubting->counts[outcome], 1, memory_order_relaxed);
    log_event(LOG_INFO, "answer judged", LOG_S("id", route->request_id), LOG_S("router", router->name),
              LOG_C("model", placement->answered.name), LOG_F("confidence", confidence), LOG_F("chance", chance),
              LOG_C("instead", is_taken ? others[best].name : ""),
              LOG_C("reason", doubt_outcome_names[outcome]));
    if (!is_taken)
        return SIZE_MAX;
    placement->why = STR("escalated");
    placement->score = promised;
    placement->doubted_chance = chance;
    return best;
}

void route_doubt_hook(struct route *route, struct route_doubts *doubts)
{
    const struct router *router = &route->router;
    if (!router->config || !(router->escalate_below > 0))
        return;
    route->doubts = doubts;
    route->hooks.may_doubt = may_doubt;
    route->hooks.doubt = doubt;
    route->hooks.held_tokens = router->escalate_hold;
}

/* --- what is known beforehand ----------------------------------------------------------------------- */

bool route_doubt_may(const struct route *route, size_t place)
{
    return route->doubts && can_be_doubted(route, &route->targets[place], route->targets, route->count);
}

double route_doubt_rate(const struct route *route, size_t place)
{
    return route_doubt_may(route, place) ? route_share_rate(&doubting_of(route)->share) : 0;
}

uint32_t route_doubt_rows(const struct route *route, size_t place)
{
    struct route_quality models[ROUTER_MODELS_MAX];
    if (!route_doubt_may(route, place))
        return 0;
    route_models(route, models);
    return route_qualities_chance_rows(route->doubts->qualities, route->router.config, models, route->count, place);
}

void route_doubt_note(const struct route *route)
{
    size_t doubtable = 0;
    if (!route->doubts)
        return;
    for (size_t i = 0; i < route->count; i++) {
        if (!route_doubt_may(route, i))
            continue;
        doubtable++;
        if (route_doubt_rows(route, i) == 0)
            log_event(LOG_WARN, "router escalates by confidence, which is no chance",
                      LOG_S("router", route->router.name), LOG_C("model", route->targets[i].name),
                      LOG_C("why", "its predictor was trained on no rows that tell that model's confidence"));
    }
    if (doubtable == 0)
        condition_set("routers", CONDITION_NOTE,
                      "router " STR_FMT " never escalates: none of its models is stronger than another; the dearer one "
                      "is, so give them prices (price_as)", STR_ARG(route->router.name));
}
