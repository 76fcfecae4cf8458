/* advise_levers.c - see advise_levers.h. */
#include "cmd/advise_levers.h"

#include <string.h>

#include "core/log.h"
#include "model/router.h"
#include "route/labels.h"

struct reading {
    const struct advise_scales *scales;
    const char *data;
    struct advise_levers *levers;
};

/* --- a router of the configuration -------------------------------------------------------------------- */

static enum error_code make_candidate(const struct advise_scales *scales, const struct router *router, size_t index,
                                      struct advise_candidate *candidate, struct error *error)
{
    const struct config *config = &scales->config;
    const struct str listed = router->models[index].listed;
    const size_t place = config_find_model(config, listed);
    struct advise_price price = {.row = NULL};
    *candidate = (struct advise_candidate){.name = listed, .id = listed, .tells = place < config->model_count};
    if (candidate->tells && config->models[place].id_count > 0)
        candidate->id = str_of(config->models[place].ids[0]);
    if (candidate->tells)
        candidate->name = str_of(config->models[place].name);
    candidate->price = candidate->tells ? price_book_own(scales->book, place) : NULL;
    if (!candidate->price)
        advise_price_find(scales->book, &scales->catalog, candidate->id, STR(""), &price);
    candidate->price = candidate->price ? candidate->price : price.row;
    if (!candidate->price)
        return error_set(error, ERROR_INVALID, "--what-if: router: '" STR_FMT "' of router " STR_FMT
                         " has no price; give it price_as in fulcrum.yaml",
                         STR_ARG(listed), STR_ARG(router->name));
    candidate->strength = router_strength(candidate->price);
    return OK;
}

static enum error_code set_terms(const struct router *router, struct advise_router *made, struct error *error)
{
    if (router->rule == ROUTER_RULE_BUDGET)
        return error_set(error, ERROR_INVALID, "--what-if: router: what " STR_FMT " does depends on what its budget "
                         "has left; name one with a tolerance", STR_ARG(router->name));
    made->terms = (struct decide_terms){
        .rule = router->rule == ROUTER_RULE_DIFFERENCE ? DECIDE_DIFFERENCE : DECIDE_TOLERANCE,
        .difference = router->difference,
        .tolerance = router->tolerance,
        .margin = router->margin,
        .fallback = router->fallback == ROUTER_DEAREST ? advise_router_strongest(made) : router->fallback};
    made->below = router->escalate_below;
    made->share = router->escalate_share;
    return OK;
}

/* As the server chooses it: the router's own, the desk's where that knows all models, the general one. */
static enum error_code choose_predictor(struct reading *reading, const struct router_config *config,
                                        struct advise_router *made, struct error *error)
{
    struct advise_levers *levers = reading->levers;
    made->predictor = reading->scales->predictor;
    if (config->predictor) {
        const enum error_code code = predictor_open(config->predictor, &levers->own, error);
        made->predictor = levers->own;
        return code;
    }
    if (predictor_open_builtin(PREDICTOR_DESK, &levers->own, error) != OK)
        return OK; /* the general one stands for it */
    for (size_t i = 0; i < made->count; i++)
        if (!predictor_knows(levers->own, made->candidates[i].name))
            return OK;
    made->predictor = levers->own;
    made->general = reading->scales->predictor;
    return OK;
}

static enum error_code learn_labels(const struct reading *reading, struct advise_router *made, struct error *error)
{
    char path[LABELS_PATH_MAX];
    size_t damaged;
    struct error ignored;
    if (!reading->data || labels_path(reading->data, str_of(made->name), path, &ignored) != OK)
        return OK;
    const enum error_code code = advise_router_learn(made, path, &damaged, error);
    return code == ERROR_NOT_FOUND ? OK : code;
}

static enum error_code take_router(struct reading *reading, const struct router_config *config, struct error *error)
{
    struct advise_levers *levers = reading->levers;
    struct router router;
    router_of_config(config, NULL, &router);
    levers->has_router = true;
    levers->router = (struct advise_router){.name = config->name, .count = router.model_count};
    enum error_code code = OK;
    for (size_t i = 0; i < router.model_count && code == OK; i++)
        code = make_candidate(reading->scales, &router, i, &levers->router.candidates[i], error);
    if (code == OK)
        code = set_terms(&router, &levers->router, error);
    if (code == OK)
        code = choose_predictor(reading, config, &levers->router, error);
    return code == OK ? learn_labels(reading, &levers->router, error) : code;
}
_Static_assert(ROUTER_MODELS_MAX <= DECIDE_CANDIDATES_MAX, "all models of a router are candidates");

/* --- levers ------------------------------------------------------------------------------------------- */

static enum error_code refuse(const char *key, const char *values, struct str value, struct error *error)
{
    return error_set(error, ERROR_INVALID, "--what-if: %s: expected %s, got '" STR_FMT "'", key, values,
                     STR_ARG(value));
}

static enum error_code read_ttl(struct reading *reading, struct str value, struct error *error)
{
    struct plan_choice *choice = &reading->levers->choice;
    choice->cache = !str_eq(value, STR("off"));
    choice->ttl = str_eq(value, STR("5m")) ? TTL_5M : str_eq(value, STR("1h")) ? TTL_1H : TTL_BEST;
    if (!choice->cache || choice->ttl != TTL_BEST || str_eq(value, STR("best")))
        return OK;
    return refuse("ttl", "5m, 1h, best or off", value, error);
}

static enum error_code read_batch(struct reading *reading, struct str value, struct error *error)
{
    struct plan_choice *choice = &reading->levers->choice;
    choice->batch = str_eq(value, STR("nightly")) ? WAIT_NIGHTLY : str_eq(value, STR("all")) ? WAIT_QUIET : WAIT_NEVER;
    if (choice->batch != WAIT_NEVER || str_eq(value, STR("off")))
        return OK;
    return refuse("batch", "nightly, all or off", value, error);
}

static enum error_code read_router(struct reading *reading, struct str value, struct error *error)
{
    const struct routers_config *routers = routers_config(&reading->scales->config);
    reading->levers->choice.route = value.len > 0 && !str_eq(value, STR("off"));
    if (value.len == 0)
        return refuse("router", "a router of the configuration, a model ID, auto or off", value, error);
    if (!reading->levers->choice.route || str_eq(value, STR("auto")))
        return OK;
    for (size_t i = 0; i < routers->count; i++)
        if (str_eq(str_of(routers->items[i].name), value))
            return take_router(reading, &routers->items[i], error);
    return advise_scales_find(reading->scales, "router", value, &reading->levers->small, error);
}

static enum error_code read_distill(struct reading *reading, struct str value, struct error *error)
{
    struct plan_choice *choice = &reading->levers->choice;
    const size_t place = config_find_model(&reading->scales->config, value);
    choice->distill = value.len > 0 && !str_eq(value, STR("off"));
    if (value.len == 0)
        return refuse("distill", "on, a student of the configuration, a model ID or off", value, error);
    if (!choice->distill || str_eq(value, STR("on")))
        return OK;
    choice->student =
        place < reading->scales->config.model_count ? price_book_own(reading->scales->book, place) : NULL;
    return choice->student ? OK : advise_scales_find(reading->scales, "distill", value, &choice->student, error);
}

/* "VALUE@TAG:WORD"; without an @ of all requests. */
static enum error_code split_scope(const char *key, struct str *value, struct intake_scope *scope,
                                   struct error *error)
{
    size_t at = value->len;
    while (at > 0 && value->data[at - 1] != '@')
        at--;
    if (at == 0)
        return OK;
    const struct str text = str_slice(*value, at, value->len);
    const ptrdiff_t colon = str_find_char(text, ':', 0);
    if (!scope || colon <= 0 || (size_t)colon + 1 == text.len)
        return error_set(error, ERROR_INVALID, "--what-if: %s: %s, got '@" STR_FMT "'", key,
                         scope ? "expected @TAG:VALUE or @model:ID" : "marks are of all requests, without an @",
                         STR_ARG(text));
    *scope = (struct intake_scope){str_slice(text, 0, (size_t)colon), str_slice(text, (size_t)colon + 1, text.len)};
    *value = str_slice(*value, 0, at - 1);
    return OK;
}

static enum error_code read_pair(struct reading *reading, struct str pair, struct error *error)
{
    struct advise_levers *levers = reading->levers;
    const struct {
        const char *key;
        struct intake_scope *scope;
        enum error_code (*read)(struct reading *reading, struct str value, struct error *error);
    } keys[] = {{"ttl", NULL, read_ttl},
                {"router", &levers->route, read_router},
                {"batch", &levers->batch, read_batch},
                {"distill", &levers->student, read_distill}};
    const ptrdiff_t equals = str_find_char(pair, '=', 0);
    const struct str key = str_slice(pair, 0, equals < 0 ? pair.len : (size_t)equals);
    struct str value = equals < 0 ? STR("") : str_slice(pair, (size_t)equals + 1, pair.len);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (!str_eq(key, str_of(keys[i].key)))
            continue;
        const enum error_code code = split_scope(keys[i].key, &value, keys[i].scope, error);
        return code == OK ? keys[i].read(reading, value, error) : code;
    }
    return error_set(error, ERROR_INVALID, "--what-if: expected ttl, router, batch or distill, got '" STR_FMT "'",
                     STR_ARG(key));
}

enum error_code advise_levers_read(const char *text, const struct advise_scales *scales, const char *data,
                                   struct advise_levers *levers, struct error *error)
{
    struct reading reading = {scales, data, levers};
    struct str rest = str_of(text), pair;
    enum error_code code = OK;
    *levers = (struct advise_levers){.choice.is_given = text != NULL};
    while (code == OK && str_split(&rest, ',', &pair))
        code = read_pair(&reading, pair, error);
    return code;
}

void advise_levers_free(struct advise_levers *levers)
{
    predictor_free(levers->own);
    *levers = (struct advise_levers){.own = NULL};
}

void advise_levers_apply(const struct advise_levers *levers, struct advisor_options *options)
{
    options->choice = levers->choice;
    options->small = levers->small;
    options->router = levers->has_router ? &levers->router : NULL;
    options->route = levers->route;
    options->student = levers->student;
    options->batch = levers->batch;
}
