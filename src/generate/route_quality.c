/* route_quality.c - see route_quality.h: the program's own predictors, and those of fulcrum.yaml. */
#include "generate/route_quality.h"

#include "core/condition.h"
#include "core/log.h"
#include "route/features.h"

struct route_qualities {
    const struct routers_config *routers;
    struct predictor *general, *desk; /* those of the program */
    struct predictor *own[];          /* of each router; NULL: it names none, or it can't be read */
};

static void open_program(struct route_qualities *qualities)
{
    struct error error;
    if (predictor_open_builtin(PREDICTOR_DESK, &qualities->desk, &error) != OK)
        log_event(LOG_DEBUG, "the general predictor stands for the desk's", LOG_C("error", error.message));
    /* Who has no routers need not be told. */
    if (predictor_open_builtin(PREDICTOR_GENERAL, &qualities->general, &error) != OK && qualities->routers->count > 0)
        condition_set("routers", CONDITION_NOTE, "routers answer by their fallback: %s", error.message);
}

/* The last fault stays to be read in /readyz; all are in the log. */
static void open_own(struct route_qualities *qualities)
{
    struct error error;
    for (size_t i = 0; i < qualities->routers->count; i++) {
        const struct router_config *router = &qualities->routers->items[i];
        if (!router->predictor || predictor_open(router->predictor, &qualities->own[i], &error) == OK)
            continue;
        log_event(LOG_WARN, "router answers by its fallback", LOG_C("router", router->name),
                  LOG_C("error", error.message));
        condition_set("routers", CONDITION_NOTE, "router %s answers by its fallback: %s; run `fulcrum router train` "
                      "again and restart the server", router->name, error.message);
    }
}

enum error_code route_qualities_open(const struct routers_config *routers, struct route_qualities **qualities,
                                     struct error *error)
{
    struct route_qualities *made = mem_calloc(1, sizeof(*made) + routers->count * sizeof(made->own[0]));
    if (!made)
        return error_no_memory(error);
    made->routers = routers;
    open_program(made);
    open_own(made);
    *qualities = made;
    return OK;
}

void route_qualities_close(struct route_qualities *qualities)
{
    if (!qualities)
        return;
    for (size_t i = 0; i < qualities->routers->count; i++)
        predictor_free(qualities->own[i]);
    predictor_free(qualities->general);
    predictor_free(qualities->desk);
    mem_free(qualities);
}

static bool knows_all(const struct predictor *predictor, const struct route_quality *models, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!predictor || !predictor_knows(predictor, models[i].name))
            return false;
    return true;
}

static const struct predictor *predictor_of(const struct route_qualities *qualities,
                                            const struct router_config *router, const struct route_quality *models,
                                            size_t count)
{
    if (router && router->predictor)
        return qualities->own[router - qualities->routers->items];
    return knows_all(qualities->desk, models, count) ? qualities->desk : qualities->general;
}

bool route_qualities_facts(const struct route_qualities *qualities, const struct router_config *router,
                           const struct route_quality *models, size_t count, const char **name,
                           struct predictor_facts *facts)
{
    const struct predictor *predictor = predictor_of(qualities, router, models, count);
    *name = router && router->predictor ? router->predictor
                                        : predictor == qualities->desk ? PREDICTOR_DESK : PREDICTOR_GENERAL;
    if (predictor)
        predictor_facts(predictor, facts);
    return predictor != NULL;
}

bool route_qualities_knows(const struct route_qualities *qualities, const struct router_config *router,
                           const struct route_quality *model)
{
    const struct predictor *own =
        router && router->predictor ? qualities->own[router - qualities->routers->items] : NULL;
    return !own || predictor_knows(own, model->name) || predictor_knows(own, model->id);
}

static struct str name_for(const struct predictor *predictor, const struct route_quality *model)
{
    const bool is_by_id = !predictor_knows(predictor, model->name) && predictor_knows(predictor, model->id);
    return is_by_id ? model->id : model->name;
}

static bool ask(const struct predictor *predictor, const struct features *features,
                const struct route_quality *models, size_t count, struct prediction *predictions)
{
    struct predictor_candidate candidates[ROUTER_MODELS_MAX];
    struct predictor_bound bound;
    struct error ignored;
    for (size_t i = 0; predictor && i < count; i++)
        candidates[i] = (struct predictor_candidate){name_for(predictor, &models[i]), models[i].strength};
    if (!predictor || predictor_bind(predictor, candidates, count, &bound, &ignored) != OK)
        return false;
    predictor_ask_features(predictor, &bound, features, predictions);
    return true;
}

bool route_qualities_ask(const struct route_qualities *qualities, const struct router_config *router,
                         const struct chat_request *request, struct route_quality *models, size_t count)
{
    const struct predictor *predictor = predictor_of(qualities, router, models, count);
    struct prediction predictions[ROUTER_MODELS_MAX];
    struct route_prompt prompt;
    struct features features;
    route_prompt_of_request(request, &prompt);
    features_read(&prompt, &features);
    if (!ask(predictor, &features, models, count, predictions))
        return false;
    /* The desk's predictor knows desks; of what is another matter it has seen too few words. */
    if (predictor == qualities->desk && predictions[0].familiarity < PREDICTOR_FAMILIAR)
        (void)ask(qualities->general, &features, models, count, predictions);
    for (size_t i = 0; i < count; i++) {
        models[i].quality = (double)predictions[i].quality;
        models[i].uncertainty = (double)predictions[i].uncertainty;
    }
    return true;
}

bool route_qualities_chance(const struct route_qualities *qualities, const struct router_config *router,
                            const struct route_quality *models, size_t count, size_t index, double confidence,
                            double *chance)
{
    const struct predictor *predictor = predictor_of(qualities, router, models, count);
    const struct route_quality *model = &models[index];
    *chance = confidence;
    return predictor &&
           predictor_chance(predictor, name_for(predictor, model), confidence, model->quality, chance);
}

uint32_t route_qualities_chance_rows(const struct route_qualities *qualities, const struct router_config *router,
                                     const struct route_quality *models, size_t count, size_t index)
{
    const struct predictor *predictor = predictor_of(qualities, router, models, count);
    return predictor ? predictor_chance_rows(predictor, name_for(predictor, &models[index])) : 0;
}
