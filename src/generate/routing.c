/* routing.c - see routing.h: routers by their names, predictors, budgets; and one request's choice. */
#include "generate/routing.h"

#include <assert.h>
#include <stdio.h>

#include "core/arn.h"
#include "core/limits.h"
#include "core/log.h"
#include "generate/default_reply.h"
#include "generate/route_doubt.h"
#include "route/budget.h"

struct routing {
    struct routing_options options;
    struct resources *store;
    struct route_qualities *qualities;
    struct route_doubts *doubts;
    struct route_budget *budgets; /* of each configured router, then of each tenant of fulcrum.yaml */
};

/* --- start ------------------------------------------------------------------------------------------ */

static const struct routers_config *configured(const struct routing *routing)
{
    return routers_config(routing->options.config);
}

static void begin_budgets(struct routing *routing)
{
    const struct config *config = routing->options.config;
    const struct routers_config *routers = configured(routing);
    for (size_t i = 0; i < routers->count; i++)
        route_budget_begin(&routing->budgets[i], routers->items[i].budget);
    for (size_t i = 0; i < config->tenant_count; i++)
        route_budget_begin(&routing->budgets[routers->count + i], routing_config(&config->tenants[i])->budget);
}

static void note_unknown(const struct route *route)
{
    for (size_t i = 0; i < route->count; i++)
        if (!routing_predictor_knows(route, i))
            log_event(LOG_WARN, "a router's predictor was not trained on a model",
                      LOG_S("router", route->router.name), LOG_S("model", route->targets[i].listed),
                      LOG_C("predictor", route->router.config->predictor),
                      LOG_C("why", "its answers are taken to be as good as those of the model that had its place by "
                            "price then; run `fulcrum router train` again"));
}

static void note_routers(const struct routing *routing)
{
    const struct routers_config *routers = configured(routing);
    const struct routing_asker nobody = {STR(""), STR(""), STR("")};
    for (size_t i = 0; i < routers->count; i++) {
        struct arena arena;
        struct route *route;
        struct error ignored; /* its models may come later */
        arena_init(&arena, 0);
        if (route_new(routing, &nobody, str_of(routers->items[i].name), &arena, &route, &ignored) == OK && route) {
            note_unknown(route);
            route_doubt_note(route);
        }
        arena_deinit(&arena);
    }
}

enum error_code routing_new(const struct routing_options *options, struct routing **routing, struct error *error)
{
    struct routing *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->options = *options;
    made->budgets = mem_calloc(configured(made)->count + options->config->tenant_count + 1, sizeof(*made->budgets));
    enum error_code code = made->budgets ? route_qualities_open(configured(made), &made->qualities, error)
                                         : error_no_memory(error);
    if (code == OK)
        code = route_doubts_open(configured(made), made->qualities, &made->doubts, error);
    if (code == OK)
        code = resources_open(&router_resource, options->config->data, &made->store, error);
    if (code != OK) {
        routing_free(made);
        return code;
    }
    begin_budgets(made);
    note_routers(made);
    *routing = made;
    return OK;
}

void routing_free(struct routing *routing)
{
    if (!routing)
        return;
    route_doubts_close(routing->doubts);
    route_qualities_close(routing->qualities);
    resources_close(routing->store);
    mem_free(routing->budgets);
    mem_free(routing);
}

struct resources *routing_store(struct routing *routing)
{
    return routing->store;
}

const struct route_doubts *routing_doubts(const struct routing *routing)
{
    return routing->doubts;
}

/* --- budgets ---------------------------------------------------------------------------------------- */

/* The router's own, or its tenant's; NULL: it decides by another rule. */
static struct route_budget *budget_of(const struct route *route)
{
    const struct routing *routing = route->routing;
    const struct routers_config *routers = configured(routing);
    const struct config_tenant *tenants = routing->options.config->tenants;
    const struct router *router = &route->router;
    if (router->rule != ROUTER_RULE_BUDGET)
        return NULL;
    return &routing->budgets[router->payer ? routers->count + (size_t)(router->payer - tenants)
                                           : (size_t)(router->config - routers->items)];
}

static double weight_of(const struct route *route)
{
    const struct route_budget *budget = budget_of(route);
    return budget ? route_budget_weight(budget) : 0;
}

static void billed(void *ctx, const struct placement *placement, uint64_t cost)
{
    struct route_budget *budget = budget_of(ctx);
    (void)placement;
    if (budget)
        route_budget_spend(budget, cost);
}

/* --- models that tenants have made ------------------------------------------------------------------ */

/* The name that the ID stands for; else the ID itself. */
static enum error_code find_name(const struct routing *routing, struct str tenant, struct str id, struct arena *arena,
                                 struct str *name, struct error *error)
{
    const struct routing_names *names = &routing->options.names;
    *name = (struct str){NULL, 0};
    const enum error_code code = names->find ? names->find(names->ctx, tenant, id, arena, name, error) : OK;
    if (!name->data)
        *name = id;
    return code;
}

enum error_code routing_resolve(const struct routing *routing, const struct routing_asker *asker, struct str id,
                                struct arena *arena, struct catalog_match *match, struct error *error)
{
    struct str name;
    enum error_code code = find_name(routing, asker->tenant, id, arena, &name, error);
    if (code == OK)
        code = catalog_resolve(routing->options.catalog, routing->options.models, name, match, error);
    if (code != OK || name.data != id.data || !str_starts(str_of(match->model->name), STR(MODEL_CUSTOM_PREFIX)))
        return code;
    return str_starts(id, STR("arn:")) ? error_set(error, ERROR_NOT_FOUND, "There is no custom model at this ARN.")
                                       : error_set(error, ERROR_INVALID, "The provided model identifier is invalid.");
}

/* --- from a name to a router ------------------------------------------------------------------------ */

static const struct config_tenant *tenant_of(const struct config *config, struct str name)
{
    for (size_t i = 0; i < config->tenant_count; i++)
        if (str_eq(name, str_of(config->tenants[i].name)))
            return &config->tenants[i];
    return NULL;
}

static const struct router_config *find_configured(const struct routing *routing, struct str name)
{
    const struct routers_config *routers = configured(routing);
    for (size_t i = 0; i < routers->count; i++)
        if (str_eq(name, str_of(routers->items[i].name)))
            return &routers->items[i];
    return NULL;
}

static enum error_code not_found(struct str id, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "There is no prompt router '%.*s'.", (int)(id.len > 128 ? 128 : id.len),
                     id.data);
}

static enum error_code find_default(const struct routing *routing, const struct routing_asker *asker, struct str id,
                                    struct arena *arena, struct router *router, struct error *error)
{
    const struct routing_options *options = &routing->options;
    const int family = router_family(id);
    if (family < 0)
        return not_found(id, error);
    const struct config_tenant *tenant = tenant_of(options->config, asker->tenant);
    enum error_code code = router_default(options->catalog, options->models, options->prices, (size_t)family, tenant,
                                          arena, router, error);
    for (size_t i = 0; code == OK && i < router->model_count; i++) {
        router->models[i].listed = arena_printf(arena, "arn:aws:bedrock:" STR_FMT "::foundation-model/" STR_FMT,
                                                STR_ARG(asker->region), STR_ARG(router->models[i].source));
        if (!router->models[i].listed.data)
            code = error_no_memory(error);
    }
    return code;
}

/* What follows prompt-router/ in an ARN, or stands alone. */
static enum error_code find_own(const struct routing *routing, const struct routing_asker *asker,
                                const struct arn *arn, struct arena *arena, struct router *router,
                                struct error *error)
{
    const struct router_config *config = find_configured(routing, arn->id);
    if (config) {
        router_of_config(config, tenant_of(routing->options.config, asker->tenant), router);
        return OK;
    }
    enum error_code code = resources_get(routing->store, asker->tenant, arn->id, arena, router, error);
    const bool is_other = code == OK && arn->region.data &&
                          (!str_eq(arn->region, router->region) || !str_eq(arn->account, router->account));
    return is_other ? error_set(error, ERROR_NOT_FOUND, "There is no prompt router at this ARN.") : code;
}

static bool cut(struct str *text, const char *prefix)
{
    const struct str head = str_of(prefix);
    if (!str_starts(*text, head))
        return false;
    *text = str_slice(*text, head.len, text->len);
    return true;
}

/* Forms that only a router has: ARNs, also without their head, and the names of families' routers. */
static bool is_own_form(struct str id, struct arn *arn, bool *is_default)
{
    const bool is_whole = arn_split(id, arn);
    *is_default = false;
    if (!is_whole) {
        *arn = (struct arn){.id = id};
        *is_default = cut(&arn->id, "default-prompt-router/") || router_family(id) >= 0;
        return *is_default || cut(&arn->id, "prompt-router/");
    }
    *is_default = str_eq(arn->type, STR("default-prompt-router")) ||
                  (str_eq(arn->type, STR("foundation-model")) && router_family(arn->id) >= 0);
    return *is_default || str_eq(arn->type, STR("prompt-router"));
}

bool routing_is_named(const struct router *router, struct str id)
{
    struct arn arn;
    bool is_default = false;
    const bool is_own = is_own_form(id, &arn, &is_default);
    if (router->kind == ROUTER_DEFAULT || is_default)
        return router->kind == ROUTER_DEFAULT && is_default && router_family(arn.id) == (int)router->head.sequence;
    if (!is_own && str_starts(id, STR("arn:")))
        return false;
    return str_eq(arn.id, router->kind == ROUTER_CUSTOM ? str_of(router->head.id) : router->name);
}

enum error_code routing_find(const struct routing *routing, const struct routing_asker *asker, struct str id,
                             struct arena *arena, struct router *router, bool *is_router, struct error *error)
{
    struct arn arn = {.id = id};
    bool is_default = false;
    *is_router = true;
    if (is_own_form(id, &arn, &is_default))
        return is_default ? find_default(routing, asker, arn.id, arena, router, error)
                          : find_own(routing, asker, &arn, arena, router, error);
    *is_router = find_configured(routing, id) != NULL;
    if (!*is_router && resource_is_id(id)) {
        struct error ignored;
        *is_router = resources_get(routing->store, asker->tenant, id, arena, router, &ignored) == OK;
        return OK;
    }
    arn = (struct arn){.id = id};
    return *is_router ? find_own(routing, asker, &arn, arena, router, error) : OK;
}

size_t routing_common(const struct routing *routing, const struct routing_asker *asker, struct arena *arena,
                      struct router routers[ROUTING_COMMON_MAX])
{
    const struct routers_config *config = configured(routing);
    const struct config_tenant *tenant = tenant_of(routing->options.config, asker->tenant);
    struct error ignored;
    size_t count = 0;
    for (size_t i = 0; i < ROUTER_FAMILIES; i++)
        count += find_default(routing, asker, str_of(router_family_id(i)), arena, &routers[count], &ignored) == OK;
    for (size_t i = 0; i < config->count; i++)
        router_of_config(&config->items[i], tenant, &routers[count++]);
    return count;
}

struct str router_arn(const struct router *router, const struct routing_asker *asker, struct arena *arena)
{
    static const char format[] = "arn:aws:bedrock:" STR_FMT ":" STR_FMT ":%s/" STR_FMT;
    const bool is_custom = router->kind == ROUTER_CUSTOM;
    const struct str region = is_custom ? router->region : asker->region;
    const struct str account = is_custom ? router->account : asker->account;
    struct str id = is_custom ? str_of(router->head.id) : router->name;
    if (router->kind == ROUTER_DEFAULT)
        id = str_of(router_family_id((size_t)router->head.sequence));
    const struct str arn = arena_printf(arena, format, STR_ARG(region), STR_ARG(account),
                                        router->kind == ROUTER_DEFAULT ? "default-prompt-router" : "prompt-router",
                                        STR_ARG(id));
    return arn.data ? arn : STR("");
}

/* --- candidates ------------------------------------------------------------------------------------- */

static struct target target_of(const struct routing *routing, const struct catalog_match *match, struct str listed)
{
    return (struct target){
        .kind = target_kind_of(match->model),
        .model = match->model,
        .name = match->model->name,
        .price = price_book_row_of(routing->options.prices, match->model->price, match->id, match->place),
        .match = match,
        .listed = listed,
    };
}

static void put_at(struct route *route, size_t place, const struct target *target)
{
    for (size_t i = route->count; i > place; i--) {
        route->targets[i] = route->targets[i - 1];
        route->strengths[i] = route->strengths[i - 1];
    }
    route->targets[place] = *target;
    route->strengths[place] = router_strength(target->price);
    route->count++;
}

/* From the strongest on, but for the fallback, which comes first. */
static void add_target(struct route *route, const struct target *target, bool is_fallback, bool has_fallback)
{
    const double strength = router_strength(target->price);
    size_t place = is_fallback ? 0 : has_fallback;
    while (!is_fallback && place < route->count && route->strengths[place] >= strength)
        place++;
    put_at(route, place, target);
}

/* Models that are not there now are left out: they may come back. */
static enum error_code list_targets(struct route *route, struct str tenant, struct arena *arena, struct error *error)
{
    const struct routing_options *options = &route->routing->options;
    const struct router *router = &route->router;
    bool has_fallback = false;
    for (size_t i = 0; i < router->model_count; i++) {
        struct catalog_match *match = &route->matches[i];
        struct error ignored;
        struct str name;
        if (find_name(route->routing, tenant, router->models[i].source, arena, &name, &ignored) != OK ||
            catalog_resolve(options->catalog, options->models, name, match, &ignored) != OK)
            continue;
        const struct target target = target_of(route->routing, match, router->models[i].listed);
        add_target(route, &target, i == router->fallback, has_fallback);
        has_fallback = has_fallback || i == router->fallback;
    }
    for (size_t i = 1; i < route->count; i++)
        route->has_mixed_bodies = route->has_mixed_bodies || route->targets[i].match->body != route_match(route)->body;
    return route->count > 0 ? OK
                            : error_set(error, ERROR_INVALID,
                                        "None of the models of the prompt router '" STR_FMT "' is served here now.",
                                        STR_ARG(router->name));
}

const struct catalog_match *route_match(const struct route *route)
{
    return route->targets[0].match;
}

/* --- the choice ------------------------------------------------------------------------------------- */

/* Member by member: of whole structs GCC 12 takes this to write nothing, and leaves out the calls. */
void route_models(const struct route *route, struct route_quality models[ROUTER_MODELS_MAX])
{
    for (size_t i = 0; i < route->count; i++) {
        struct route_quality *model = &models[i];
        model->name = str_of(route->targets[i].name);
        model->id = route->targets[i].match->id;
        model->strength = route->strengths[i];
        model->quality = route->quality[i];
        model->uncertainty = route->uncertainty[i];
    }
}

size_t route_place(const struct route *route, const struct target *target)
{
    size_t place = 0;
    while (place + 1 < route->count && route->targets[place].match != target->match)
        place++;
    return place;
}

bool routing_predictor(const struct route *route, const char **name, struct predictor_facts *facts)
{
    struct route_quality models[ROUTER_MODELS_MAX] = {0};
    route_models(route, models);
    return route_qualities_facts(route->routing->qualities, route->router.config, models, route->count, name,
                                 facts);
}

bool routing_predictor_knows(const struct route *route, size_t place)
{
    struct route_quality models[ROUTER_MODELS_MAX] = {0};
    route_models(route, models);
    return route_qualities_knows(route->routing->qualities, route->router.config, &models[place]);
}

static void predict(struct route *route, const struct chat_request *request)
{
    struct route_quality models[ROUTER_MODELS_MAX];
    route_models(route, models);
    route->is_predicted = route_qualities_ask(route->routing->qualities, route->router.config, request, models,
                                              route->count);
    for (size_t i = 0; i < route->count; i++) {
        route->quality[i] = models[i].quality;
        route->uncertainty[i] = models[i].uncertainty;
    }
}

static size_t route_targets(void *ctx, const struct chat_request *request, struct placement *placement,
                            struct target targets[])
{
    struct route *route = ctx;
    predict(route, request);
    placement->why = STR("only-candidate");
    placement->score = route->quality[0];
    memcpy(targets, route->targets, route->count * sizeof(*targets));
    return route->count;
}

static bool has_checkpoint(const struct chat_request *request)
{
    for (size_t i = 0; i < request->system_count; i++)
        if (request->system[i].kind == CHAT_CACHE_POINT)
            return true;
    for (size_t i = 0; i < request->message_count; i++)
        for (size_t k = 0; k < request->messages[i].block_count; k++)
            if (request->messages[i].blocks[k].kind == CHAT_CACHE_POINT)
                return true;
    return false;
}

static bool has_past(const struct chat_request *request)
{
    for (size_t i = 0; i < request->message_count; i++)
        if (request->messages[i].role == CHAT_ASSISTANT)
            return true;
    return false;
}

/* What is computed of the prompt is written into the cache where the request asks for that. */
static enum price_class class_of_fresh(const struct chat_request *request)
{
    return has_checkpoint(request) ? PRICE_CACHE_WRITE_5M : PRICE_INPUT;
}

static void price(const struct target *target, const struct chat_request *request, uint32_t prompt, uint32_t reply,
                  struct decide_candidate *candidate)
{
    const enum tier tier = tier_price(request->tier);
    const uint32_t fresh = prompt - candidate->warm_tokens;
    struct price_usage now = {{[PRICE_CACHE_READ] = candidate->warm_tokens, [PRICE_OUTPUT] = reply}};
    struct price_usage stayed = {{[PRICE_CACHE_READ] = fresh + reply}}, back = {{0}};
    now.tokens[class_of_fresh(request)] = fresh;
    back.tokens[class_of_fresh(request)] = fresh + reply;
    candidate->cost = price_cost(target->price, tier, &now);
    const uint64_t after = price_cost(target->price, tier, &back), read = price_cost(target->price, tier, &stayed);
    candidate->way_back = after > read ? after - read : 0;
}

static uint32_t longest_prompt(const struct target targets[], size_t count)
{
    uint32_t most = 0;
    for (size_t i = 0; i < count; i++)
        most = targets[i].prompt_tokens > most ? targets[i].prompt_tokens : most;
    return most;
}

static bool has_replied(const struct model *model)
{
    return atomic_load_explicit(&model->live->reply_length, memory_order_relaxed) > 0;
}

/* A model that has not replied yet is taken to reply as another of them does. */
static uint32_t reply_tokens(const struct target targets[], size_t count, size_t index, uint32_t max_tokens)
{
    const struct model *model = targets[index].model;
    for (size_t i = 0; i < count && !has_replied(model); i++)
        if (has_replied(targets[i].model))
            model = targets[i].model;
    return expected_reply_tokens(model, max_tokens);
}

static size_t strongest(const struct route *route)
{
    size_t best = 0;
    for (size_t i = 1; i < route->candidate_count; i++)
        best = route->candidates[i].strength > route->candidates[best].strength ? i : best;
    return best;
}

/* So many answers of a cheaper model are made again, and both are paid for. */
static void expect_doubts(struct route *route)
{
    const double dear = (double)route->candidates[strongest(route)].cost;
    for (size_t i = 0; i < route->candidate_count; i++)
        route->candidates[i].cost += (uint64_t)(route_doubt_rate(route, route->places[i]) * dear);
}

static void fill_candidates(struct route *route, const struct chat_request *request, const struct target targets[],
                            const uint32_t warm_tokens[], size_t count)
{
    const uint32_t most = longest_prompt(targets, count);
    route->candidate_count = count;
    for (size_t i = 0; i < count; i++) {
        struct decide_candidate *candidate = &route->candidates[i];
        const size_t place = route_place(route, &targets[i]);
        const uint32_t prompt = targets[i].prompt_tokens ? targets[i].prompt_tokens : most;
        const uint32_t context = targets[i].model->context;
        route->places[i] = place;
        route->prompt_tokens[i] = prompt;
        route->reply_tokens[i] = reply_tokens(targets, count, i, request->max_tokens);
        *candidate = (struct decide_candidate){
            .quality = route->quality[place],
            .uncertainty = route->uncertainty[place],
            .strength = route->strengths[place],
            .warm_tokens = warm_tokens[i] < prompt ? warm_tokens[i] : prompt,
            .is_out = context > 0 && prompt >= context,
        };
        price(&targets[i], request, prompt, route->reply_tokens[i], candidate);
    }
    expect_doubts(route);
}

/* The fallback may be one of those that can't take the request, or be gone. */
static size_t fallback_of(const struct route *route)
{
    const struct router *router = &route->router;
    const struct str listed =
        router->fallback == ROUTER_DEAREST ? STR("") : router->models[router->fallback].listed;
    for (size_t i = 0; i < route->candidate_count; i++)
        if (str_eq(route->targets[route->places[i]].listed, listed))
            return i;
    return strongest(route);
}

static void fill_terms(struct route *route, const struct chat_request *request)
{
    static const enum decide_rule rules[] = {[ROUTER_RULE_DIFFERENCE] = DECIDE_DIFFERENCE,
                                             [ROUTER_RULE_TOLERANCE] = DECIDE_TOLERANCE,
                                             [ROUTER_RULE_BUDGET] = DECIDE_BUDGET};
    const struct router *router = &route->router;
    route->terms = (struct decide_terms){
        .rule = rules[router->rule],
        .difference = router->difference,
        .tolerance = router->tolerance,
        .weight = weight_of(route),
        .margin = router->margin,
        .fallback = fallback_of(route),
        .is_blind = !route->is_predicted,
        .has_past = has_past(request),
    };
}

static void log_choice(const struct route *route)
{
    char line[512];
    size_t at = 0;
    line[0] = '\0';
    for (size_t i = 0; i < route->candidate_count && at < sizeof(line); i++) {
        const struct decide_candidate *candidate = &route->candidates[i];
        const int len = snprintf(line + at, sizeof(line) - at, "%s%s quality=%.3f+-%.3f cost=%llu warm=%u",
                                 i ? ", " : "", route->targets[route->places[i]].name, candidate->quality,
                                 candidate->uncertainty, (unsigned long long)candidate->cost, candidate->warm_tokens);
        at += len > 0 ? (size_t)len : 0;
    }
    log_event(LOG_INFO, "routed", LOG_S("id", route->request_id), LOG_S("router", route->router.name),
              LOG_C("to", route->targets[route->places[route->decision.chosen]].name),
              LOG_C("reason", route->decision.reason), LOG_C("candidates", line));
}

static size_t choose(void *ctx, const struct chat_request *request, struct placement *placement,
                     const struct target targets[], const uint32_t warm_tokens[], size_t count)
{
    struct route *route = ctx;
    fill_candidates(route, request, targets, warm_tokens, count);
    fill_terms(route, request);
    decide(&route->terms, route->candidates, count, &route->decision);
    if (count == 1) /* the others went while they were asked */
        route->decision.reason = "only-candidate";
    placement->why = str_of(route->decision.reason);
    placement->score = route->candidates[route->decision.chosen].quality;
    log_choice(route);
    return route->decision.chosen;
}

enum error_code route_new(const struct routing *routing, const struct routing_asker *asker, struct str id,
                          struct arena *arena, struct route **route, struct error *error)
{
    struct router router;
    bool is_router = false;
    *route = NULL;
    enum error_code code = routing ? routing_find(routing, asker, id, arena, &router, &is_router, error) : OK;
    if (code != OK || !is_router)
        return code;
    struct route *made = ARENA_NEW(arena, struct route);
    if (!made)
        return error_no_memory(error);
    made->routing = routing;
    made->router = router;
    made->hooks = (struct work_router){.ctx = made, .route = route_targets, .choose = choose, .billed = billed};
    route_doubt_hook(made, routing->doubts);
    code = list_targets(made, asker->tenant, arena, error);
    if (code == OK)
        *route = made;
    return code;
}
