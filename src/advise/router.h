/* router.h - a router as it would have answered a log's prompts: the server's own decision, with the predictor that the
 * server would ask, and how many answers it would have had made again.
 *
 * How sure a model is of its answer nobody knows before it has answered. Where the router has labels (route/labels.h)
 * they tell it. Else its chance of being right is taken to be spread as widely as one can be whose mean is the quality
 * that the predictor promises, or one half where the predictor does not know the model: below a chance of x are
 * x^(q / (1 - q)) of the answers.
 *
 * Not followed: which model a conversation is warm at, and what a budget has left. One thread. */
#ifndef ADVISE_ROUTER_H
#define ADVISE_ROUTER_H

#include "core/tier.h"
#include "ledger/price.h"
#include "route/decide.h"
#include "route/predictor.h"

enum { CASE_MIDDLE, CASE_LOW, CASE_HIGH, CASES }; /* of what is not known: as it probably is, less saved, more saved */

struct advise_candidate {
    struct str name, id; /* as the router lists it, and the ID that it is priced by */
    const struct price_row *price;
    double strength;
    bool tells;          /* how sure it was: a model of the program's own engine */
    double judged, doubtful; /* labels of it, and those of them whose answer would be made again */
};

struct advise_router {
    const char *name;
    const struct predictor *predictor; /* NULL: nothing is known, the fallback answers */
    const struct predictor *general;   /* asked where that one has seen too few of a prompt's words; may be NULL */
    struct decide_terms terms;
    double below, share; /* of escalation; below 0: none */
    struct advise_candidate candidates[DECIDE_CANDIDATES_MAX];
    size_t count;
};

/* What it does with a prompt. */
struct advise_routing {
    size_t chosen;       /* of the candidates */
    size_t instead;      /* who makes doubtful answers again; the same: nobody */
    double again[CASES]; /* the share of such prompts whose answer is made again */
};

size_t advise_router_strongest(const struct advise_router *router);

struct features;
void advise_router_ask(const struct advise_router *router, const struct features *features,
                       const double tokens[PRICE_CLASSES], struct advise_routing *routing);

/* An answer of candidate `index` that was so sure, where the text promised `quality` of it (NAN: that is not known) and
 * `promised` of the strongest one's. */
void advise_router_judge(struct advise_router *router, size_t index, double confidence, double quality,
                         double promised);

/* Counts the labels of a file; `damaged` gets lines that are none. ERROR_NOT_FOUND: there is none. */
enum error_code advise_router_learn(struct advise_router *router, const char *path, size_t *damaged,
                                    struct error *error) WARN_UNUSED;

#endif
