/* routing.h - who answers a request that names a router: from the name to a priced decision.
 *
 * A route is one request's way through a router: it hands the work (work.h) the router's models as targets, has
 * each asked how much of the prompt it holds warm, and then chooses: route/predictor.h predicts how good each answer
 * will be, the price book says what it will cost there, route/decide.h decides. Nothing of it touches a request that
 * names no router.
 *
 * The routing is one for all threads; what changes in it is atomic. A route lies in its request's arena and belongs to
 * its thread. */
#ifndef GENERATE_ROUTING_H
#define GENERATE_ROUTING_H

#include "generate/route_quality.h"
#include "generate/work.h"
#include "model/router_store.h"
#include "route/decide.h"
#include "route/predictor.h"

struct routing;

/* ARNs that tenants have made and that stand for a model: its name in the arena, or data NULL where the ID is none of
 * them. Memory alone; any thread. */
struct routing_names {
    enum error_code (*find)(void *ctx, struct str tenant, struct str id, struct arena *arena, struct str *name,
                            struct error *error);
    void *ctx;
};

/* All is borrowed, and outlives the routing; the store becomes its own. A predictor that can't be read is no error:
 * the condition "routers" says so, and its router's fallback answers. */
struct routing_options {
    const struct config *config;
    const struct catalog *catalog;
    const struct registry *models;
    const struct price_book *prices;
    struct routing_names names; /* find NULL: there are none */
};
enum error_code routing_new(const struct routing_options *options, struct routing **routing,
                            struct error *error) WARN_UNUSED;
void routing_free(struct routing *routing); /* NULL is legal */

struct resources *routing_store(struct routing *routing);
const struct route_doubts *routing_doubts(const struct routing *routing); /* of answers: route_doubt.h */

/* Who asks. */
struct routing_asker {
    struct str tenant, account, region;
};

/* catalog_resolve of an ID that may also be an ARN of the asker's own; strings of the match may lie in the arena. What
 * is another tenant's does not exist. */
enum error_code routing_resolve(const struct routing *routing, const struct routing_asker *asker, struct str id,
                                struct arena *arena, struct catalog_match *match, struct error *error) WARN_UNUSED;

struct route;

/* The router that `id` names, in any form: an ARN, or the name of one of fulcrum.yaml. Strings lie in the arena.
 * ERROR_NOT_FOUND: an ARN of a router that is not there, or of somebody else's. *is_router false: it names none. */
enum error_code routing_find(const struct routing *routing, const struct routing_asker *asker, struct str id,
                             struct arena *arena, struct router *router, bool *is_router,
                             struct error *error) WARN_UNUSED;

/* The routers that every tenant has: those of families whose models are served, then those of fulcrum.yaml. Returns
 * how many there are. */
#define ROUTING_COMMON_MAX (ROUTER_FAMILIES + LIMIT_ROUTERS)
size_t routing_common(const struct routing *routing, const struct routing_asker *asker, struct arena *arena,
                      struct router routers[ROUTING_COMMON_MAX]);

/* The predictor that is asked for the route's models, by its file or the program's name for it, and what it stands on;
 * false: there is none. */
bool routing_predictor(const struct route *route, const char **name, struct predictor_facts *facts);

/* Whether that was trained on answers of the model at this place of the route (route_quality.h). */
bool routing_predictor_knows(const struct route *route, size_t place);

/* Whether requests for `id` mean this router, whoever it is that may see it. */
bool routing_is_named(const struct router *router, struct str id);

struct str router_arn(const struct router *router, const struct routing_asker *asker, struct arena *arena);

struct route {
    const struct routing *routing;
    struct router router;
    struct work_router hooks;   /* for work_setup */
    struct str request_id;      /* for the log; may be empty */
    struct catalog_match matches[ROUTER_MODELS_MAX]; /* of those of its models that are served */
    struct target targets[ROUTER_MODELS_MAX];        /* likewise; first the fallback, then from the strongest on */
    double strengths[ROUTER_MODELS_MAX];             /* likewise */
    size_t count;
    struct route_doubts *doubts; /* of answers; NULL: they stand as they are */
    bool has_mixed_bodies;      /* InvokeModel can't be asked: its models read different ones */
    bool is_predicted;          /* qualities are known */
    double quality[ROUTER_MODELS_MAX], uncertainty[ROUTER_MODELS_MAX];
    /* Since the choice: the candidates that could take the request, and what was made of them. */
    struct decide_terms terms;
    struct decide_candidate candidates[ROUTER_MODELS_MAX];
    size_t places[ROUTER_MODELS_MAX]; /* of `targets`, for each candidate */
    size_t candidate_count;           /* 0: there was no choice */
    uint32_t prompt_tokens[ROUTER_MODELS_MAX], reply_tokens[ROUTER_MODELS_MAX]; /* likewise */
    struct decision decision;
};

/* *route NULL and OK: `id` names no router. ERROR_NOT_FOUND as routing_find, ERROR_INVALID: none of the router's models
 * is served. */
enum error_code route_new(const struct routing *routing, const struct routing_asker *asker, struct str id,
                          struct arena *arena, struct route **route, struct error *error) WARN_UNUSED;

/* The route's models as their qualities were asked; and the place of a target among them. */
void route_models(const struct route *route, struct route_quality models[ROUTER_MODELS_MAX]);
size_t route_place(const struct route *route, const struct target *target);

/* What the router's own ID means where one model has to be named: its fallback. */
const struct catalog_match *route_match(const struct route *route);

#endif
