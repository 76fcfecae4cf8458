/* route_quality.h - how good the answer of each of a router's models will be: which predictor is asked, and by which
 * names. Opened once, read-only after: any thread. */
#ifndef GENERATE_ROUTE_QUALITY_H
#define GENERATE_ROUTE_QUALITY_H

#include "model/router.h"
#include "route/predictor.h"

struct route_qualities;

/* A predictor that can't be read is no error: the condition "routers" says which, and its routers know no qualities. */
enum error_code route_qualities_open(const struct routers_config *routers, struct route_qualities **qualities,
                                     struct error *error) WARN_UNUSED;
void route_qualities_close(struct route_qualities *qualities); /* NULL is legal */

/* One of a router's models. */
struct route_quality {
    struct str name, id;         /* the model's own name, and the ID that it is listed by */
    double strength;             /* router_strength */
    double quality, uncertainty; /* the answer */
};

/* What stands behind the answers; false: nobody would be asked. */
bool route_qualities_facts(const struct route_qualities *qualities, const struct router_config *router,
                           const struct route_quality *models, size_t count, const char **name,
                           struct predictor_facts *facts);

/* Whether the router's own predictor was trained on answers of this model: if not, what it knows of others is taken, by
 * the model's place among the router's. True where the router has none of its own that could be read. */
bool route_qualities_knows(const struct route_qualities *qualities, const struct router_config *router,
                           const struct route_quality *model);

/* Fills in the answers, of at most ROUTER_MODELS_MAX; false: there is nobody to ask. */
bool route_qualities_ask(const struct route_qualities *qualities, const struct router_config *router,
                         const struct chat_request *request, struct route_quality *models, size_t count);

/* The chance that the answer of models[index] is right of which the model was so sure; qualities are filled in. False:
 * nothing is known of that model's confidence, and *chance is that. */
bool route_qualities_chance(const struct route_qualities *qualities, const struct router_config *router,
                            const struct route_quality *models, size_t count, size_t index, double confidence,
                            double *chance);
/* Rows that it stands on; 0: nothing is known. */
uint32_t route_qualities_chance_rows(const struct route_qualities *qualities, const struct router_config *router,
                                     const struct route_quality *models, size_t count, size_t index);

#endif
