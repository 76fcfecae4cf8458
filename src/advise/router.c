/* router.c - see router.h. */
#include "advise/router.h"

#include <assert.h>
#include <math.h>

#include "advise/prices.h"
#include "core/json.h"
#include "route/features.h"
#include "route/labels.h"

#define NOTHING_KNOWN 0.5 /* of a model that the predictor does not know */
#define LABELS_OF_DOUBT 2 /* what is thought without labels counts as much as so many */
#define DEVIATIONS_95 1.96

/* --- predictions ---------------------------------------------------------------------------------------- */

static struct str name_for(const struct predictor *predictor, const struct advise_candidate *candidate)
{
    const bool is_by_id = !predictor_knows(predictor, candidate->name) && predictor_knows(predictor, candidate->id);
    return is_by_id ? candidate->id : candidate->name;
}

static bool predict(const struct advise_router *router, const struct predictor *predictor,
                    const struct features *features, struct prediction *predictions)
{
    struct predictor_candidate candidates[DECIDE_CANDIDATES_MAX];
    struct predictor_bound bound;
    struct error ignored;
    for (size_t i = 0; i < router->count && predictor; i++)
        candidates[i] = (struct predictor_candidate){name_for(predictor, &router->candidates[i]),
                                                     router->candidates[i].strength};
    if (!predictor || predictor_bind(predictor, candidates, router->count, &bound, &ignored) != OK)
        return false;
    predictor_ask_features(predictor, &bound, features, predictions);
    return true;
}

/* --- answers that are made again ------------------------------------------------------------------------ */

size_t advise_router_strongest(const struct advise_router *router)
{
    size_t best = 0;
    for (size_t i = 1; i < router->count; i++)
        if (router->candidates[i].strength > router->candidates[best].strength)
            best = i;
    return best;
}

/* Of a chance that is one no answer is taken back for another that promises no more. */
static double bound_of(const struct advise_router *router, size_t chosen, double promised)
{
    const bool is_chance =
        router->predictor &&
        predictor_chance_rows(router->predictor, name_for(router->predictor, &router->candidates[chosen])) > 0;
    return is_chance ? fmin(router->below, promised) : router->below;
}

static bool is_known(const struct advise_router *router, size_t chosen)
{
    return router->predictor &&
           predictor_knows(router->predictor, name_for(router->predictor, &router->candidates[chosen]));
}

static double thought(const struct advise_router *router, size_t chosen, double quality, double promised)
{
    const double mean = fmin(fmax(is_known(router, chosen) ? quality : NOTHING_KNOWN, 0.01), 0.99);
    return pow(bound_of(router, chosen, promised), mean / (1 - mean));
}

/* By the labels, where there are some, with their 95% interval; without, as far as the predictor is unsure, or half of
 * the way to all and to none. */
static void find_again(const struct advise_router *router, const struct prediction *prediction, double promised,
                       struct advise_routing *routing)
{
    const size_t chosen = routing->chosen;
    const double quality = (double)prediction->quality, unsure = (double)prediction->uncertainty;
    const double before = thought(router, chosen, quality, promised), judged = router->candidates[chosen].judged;
    const double mean =
        (router->candidates[chosen].doubtful + LABELS_OF_DOUBT * before) / (judged + LABELS_OF_DOUBT);
    const double deviation = sqrt(mean * (1 - mean) / (judged + LABELS_OF_DOUBT + 1));
    double most = (1 + mean) / 2, least = mean / 2;
    if (judged > 0) {
        most = mean + DEVIATIONS_95 * deviation;
        least = mean - DEVIATIONS_95 * deviation;
    } else if (is_known(router, chosen)) {
        most = thought(router, chosen, quality - unsure, promised);
        least = thought(router, chosen, quality + unsure, promised);
    }
    routing->again[CASE_MIDDLE] = fmin(mean, router->share);
    routing->again[CASE_LOW] = fmin(fmin(most, 1), router->share);
    routing->again[CASE_HIGH] = fmin(fmax(least, 0), router->share);
}

/* --- the decision --------------------------------------------------------------------------------------- */

void advise_router_ask(const struct advise_router *router, const struct features *features,
                       const double tokens[PRICE_CLASSES], struct advise_routing *routing)
{
    struct prediction predictions[DECIDE_CANDIDATES_MAX] = {0};
    struct decide_candidate candidates[DECIDE_CANDIDATES_MAX] = {0};
    struct decide_terms terms = router->terms;
    struct decision decision;
    assert(router->count > 0);
    terms.is_blind = !predict(router, router->predictor, features, predictions);
    if (!terms.is_blind && router->general && predictions[0].familiarity < PREDICTOR_FAMILIAR)
        (void)predict(router, router->general, features, predictions);
    for (size_t i = 0; i < router->count; i++)
        candidates[i] = (struct decide_candidate){
            .quality = (double)predictions[i].quality,
            .uncertainty = (double)predictions[i].uncertainty,
            .strength = router->candidates[i].strength,
            .cost = (uint64_t)advise_cost(router->candidates[i].price, TIER_DEFAULT, tokens)};
    decide(&terms, candidates, router->count, &decision);
    const size_t best = advise_router_strongest(router);
    const struct advise_candidate *chosen = &router->candidates[decision.chosen];
    *routing = (struct advise_routing){.chosen = decision.chosen, .instead = decision.chosen};
    if (!(router->below > 0) || !chosen->tells || router->candidates[best].strength <= chosen->strength)
        return;
    routing->instead = best;
    find_again(router, &predictions[decision.chosen], candidates[best].quality, routing);
}

/* --- labels --------------------------------------------------------------------------------------------- */

struct learning {
    struct advise_router *router;
    size_t *damaged;
};

/* Of the candidate by one of its names; NULL: nobody knows it. */
static yyjson_val *of_candidate(yyjson_val *numbers, const struct advise_candidate *candidate)
{
    yyjson_val *value = yyjson_obj_getn(numbers, candidate->name.data, candidate->name.len);
    return value ? value : yyjson_obj_getn(numbers, candidate->id.data, candidate->id.len);
}

void advise_router_judge(struct advise_router *router, size_t index, double confidence, double quality,
                         double promised)
{
    struct advise_candidate *candidate = &router->candidates[index];
    double chance = confidence;
    if (router->predictor && !isnan(quality))
        (void)predictor_chance(router->predictor, name_for(router->predictor, candidate), confidence, quality,
                               &chance);
    candidate->judged++;
    candidate->doubtful += chance < bound_of(router, index, promised);
}

static double number_of(yyjson_val *value, double otherwise)
{
    return yyjson_is_num(value) ? yyjson_get_num(value) : otherwise;
}

static enum error_code on_label(void *ctx, const struct label_line *line, struct error *error)
{
    struct advise_router *router = ((struct learning *)ctx)->router;
    yyjson_val *confidences = yyjson_obj_get(line->root, "confidence");
    yyjson_val *predicted = yyjson_obj_get(line->root, "predicted");
    const struct advise_candidate *best = &router->candidates[advise_router_strongest(router)];
    (void)error;
    for (size_t i = 0; i < router->count; i++) {
        yyjson_val *confidence = of_candidate(confidences, &router->candidates[i]);
        if (yyjson_is_num(confidence))
            advise_router_judge(router, i, yyjson_get_num(confidence),
                                number_of(of_candidate(predicted, &router->candidates[i]), (double)NAN),
                                number_of(of_candidate(predicted, best), 1));
    }
    return OK;
}

static enum error_code on_fault(void *ctx, enum label_fault fault, struct error *error)
{
    (void)error;
    *((struct learning *)ctx)->damaged += fault == LABEL_DAMAGED;
    return OK;
}

enum error_code advise_router_learn(struct advise_router *router, const char *path, size_t *damaged,
                                    struct error *error)
{
    struct learning learning = {router, damaged};
    const struct label_reader reader = {&learning, on_label, on_fault};
    *damaged = 0;
    return labels_read(path, &reader, error);
}
