/* router.h - a router: a name under which several models answer, each request by the one that is cheapest for its
 * quality.
 *
 * Three kinds: those that tenants make by the API (router_store.h), one for each family of models that is served
 * (router_default), and those of `routers:` in fulcrum.yaml. Here stands what a router is; who answers a request is
 * chosen in generate/routing.h. Plain data; any thread. */
#ifndef MODEL_ROUTER_H
#define MODEL_ROUTER_H

#include "core/config.h"
#include "core/error.h"
#include "core/mem.h"
#include "model/resolve.h"
#include "store/resource.h"

#define ROUTER_MODELS_MAX 8

enum router_kind { ROUTER_CUSTOM, ROUTER_DEFAULT, ROUTER_CONFIGURED };

/* What makes it choose a model. */
enum router_rule {
    ROUTER_RULE_DIFFERENCE, /* the fallback, unless another is better by `difference` */
    ROUTER_RULE_TOLERANCE,  /* the cheapest of those that are worse than the best by `tolerance` at most */
    ROUTER_RULE_BUDGET,     /* as good as `budget` can buy */
};

struct router_model {
    struct str listed; /* as its maker named it: an ARN, a model ID or name */
    struct str source; /* what that resolves to: the same, or what an application profile stands for */
};

struct router {
    struct resource head; /* of a custom one; its sequence of a family's: the family's number; times of all */
    enum router_kind kind;
    struct str account, region;
    struct str name, description; /* description may be empty */
    struct router_model models[ROUTER_MODELS_MAX];
    size_t model_count;
    size_t fallback; /* of models; ROUTER_DEAREST: the one whose tokens cost most */
    enum router_rule rule;
    double difference, tolerance; /* 0 to 1 */
    uint64_t budget;              /* picodollars for a thousand requests */
    const struct config_tenant *payer; /* whose budget that is, in all of his requests; NULL: the router's own */
    double escalate_below, escalate_share; /* 0 to 1; 0: no answer is doubted */
    uint32_t escalate_hold; /* tokens of a stream that are held back until that is decided; 0: streams are not */
    double margin;                /* 0 to 1: how much must be gained before a conversation leaves a warm model */
    const struct router_config *config; /* of a configured one; else NULL */
};
#define ROUTER_DEAREST SIZE_MAX
#define ROUTER_MARGIN 0.2
#define ROUTER_TOLERANCE 0.05
#define ROUTER_ESCALATE_SHARE 0.3
#define ROUTER_ESCALATE_HOLD 32

/* --- `routers:` of fulcrum.yaml, and `routing:` of its tenants --- */

/* The tier of what a router learns from. */
enum router_shadow_tier { ROUTER_SHADOW_FLEX, ROUTER_SHADOW_BATCH, ROUTER_SHADOW_DEFAULT };

/* Of what share of its requests the other models' answers are made too, to learn from (generate/shadow.h). */
struct router_shadow {
    const char *share; /* NULL: of none */
    enum router_shadow_tier tier;
    const char *judge; /* model ID; NULL: answers are compared */
    bool text;         /* labels keep the prompts' texts */
};

/* Numbers are text where 0 and nothing differ; NULL: nothing is said. */
struct router_config {
    const char *name;
    const char **models;
    size_t model_count;
    const char *fallback;
    const char *difference, *tolerance, *margin;
    struct router_escalate {
        const char *below, *share, *hold;
    } escalate;
    uint64_t budget; /* picodollars for a thousand requests; 0: none */
    struct router_shadow shadow;
    const struct config_recall *recall; /* NULL: what holds for the tenant */
    const char *predictor; /* file; NULL: the one of the program that knows most of the models */
};
struct routers_config {
    struct router_config *items;
    size_t count;
};
extern const struct config_section routers_section;
const struct routers_config *routers_config(const struct config *config);

/* What holds for a tenant's requests where the router itself does not say it. */
struct routing_config {
    const char *tolerance, *margin;
    uint64_t budget; /* as above, over all such routers together */
};
extern const struct config_section tenant_routing_section;
const struct routing_config *routing_config(const struct config_tenant *tenant);

/* A configured router as the requests of a tenant (NULL: of nobody in fulcrum.yaml) see it. Strings borrow from the
 * configuration. */
void router_of_config(const struct router_config *config, const struct config_tenant *tenant, struct router *router);

/* --- of a family --- */

#define ROUTER_FAMILIES 3
/* The family of a default router by any of its names ("anthropic.claude:1", "anthropic.claude-prompt-router"), or
 * -1. */
int router_family(struct str name);
const char *router_family_id(size_t family); /* "anthropic.claude:1" */

/* The router of a family over the models that are served of it, as a tenant sees it; strings lie in the arena.
 * ERROR_NOT_FOUND: fewer than two are. */
enum error_code router_default(const struct catalog *catalog, const struct registry *registry,
                               const struct price_book *prices, size_t family, const struct config_tenant *tenant,
                               struct arena *arena, struct router *router, struct error *error) WARN_UNUSED;

/* What a token of a model costs, about: what routers order models by. */
double router_strength(const struct price_row *price);

#endif
