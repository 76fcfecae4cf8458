/* registry.h - the models of this server: those of fulcrum.yaml, and those that were added while it ran.
 *
 * A struct model is one version of a name: what was said of it when it was added. It never moves, and stays until
 * registry_free, so a request may keep its pointer for as long as it likes; a replacement is another struct model with
 * the same name and index. Which models may be asked for is one list, swapped whole: a reader sees the list before a
 * change or after it, never half of it.
 *
 *   added -> STARTING -> READY -> RETIRING -> RETIRED
 *               |
 *               v
 *            FAILED
 *
 * Only READY ones are in the list. A RETIRING one still answers whoever holds it (model_hold); with nobody left it is
 * RETIRED: its worker ends.
 *
 * The main thread changes the registry; any thread reads it, without a lock. */
#ifndef MODEL_REGISTRY_H
#define MODEL_REGISTRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "chat/template.h"
#include "core/config.h"
#include "core/error.h"
#include "engine/engine.h"
#include "ledger/price_book.h"
#include "upstream/config.h"

/* How names of models begin that are a tenant's own: nobody asks for them by that name, but by ARNs that only the
 * tenant can use (generate/routing.h). */
#define MODEL_CUSTOM_PREFIX "custom-model/"

/* Who computes its replies. */
enum model_kind {
    MODEL_WORKER,   /* a process of ours, by `worker` */
    MODEL_UPSTREAM, /* a server of somebody else's, by `upstream`; always READY */
};
#define MODEL_NO_WORKER UINT32_MAX

enum model_state { MODEL_STARTING, MODEL_READY, MODEL_RETIRING, MODEL_RETIRED, MODEL_FAILED };

/* What changes of a model while others read it. */
struct model_live {
    _Atomic uint32_t state;    /* enum model_state */
    _Atomic uint64_t holds;    /* requests that need it until they end */
    _Atomic uint64_t token_us; /* of its replies lately, each token; 0: nothing is known */
    _Atomic uint64_t reply_length; /* of its replies lately, in 256ths of a token; 0: nothing is known */
};

struct model {
    const char *name;
    const char **ids; /* that stand for it, besides the name; patterns among them */
    size_t id_count;
    enum model_kind kind;
    uint32_t index;   /* of the name: counters go by it, and go on when the model is replaced */
    uint32_t worker;  /* of the version: the number by which the engine knows its process */
    const struct upstream_config *upstream; /* NULL: a worker of ours */
    const struct upstream_model *upstream_model;
    const struct config_model *config; /* as fulcrum.yaml or `fulcrum models add` has it */
    const struct price_row *price;     /* its own; NULL: that of the ID asked for */
    const struct price_row *teacher;   /* what the model costs that it was distilled from; NULL: it was not */
    struct template_spec spec;         /* this and the rest: since it was loaded */
    uint32_t context;                  /* tokens of one sequence */
    uint32_t parallel;                 /* sequences at once */
    uint32_t embedding;                /* values of an embedding, which is what it makes; 0: replies */
    char fingerprint[65];              /* of its file; empty: it was never loaded */
    struct model_live *live;
};

/* In the order in which IDs are looked up: those of fulcrum.yaml first, `models:` before `upstreams:`. */
struct model_list {
    size_t count;
    const struct model *models[];
};

struct registry;

/* The models of the configuration, which outlives the registry; their price is taken from `prices`, which may be NULL
 * where nobody asks. They are in the list at once, READY or not: nobody asks before the server listens. */
enum error_code registry_new(const struct config *config, struct price_book *prices, struct registry **registry,
                             struct error *error) WARN_UNUSED;
void registry_free(struct registry *registry); /* NULL is legal */

/* Any thread. The list stays valid until registry_free. */
const struct model_list *registry_list(const struct registry *registry);

/* Names that were ever there, by `index`; NULL past the last. */
size_t registry_name_count(const struct registry *registry);
const char *registry_name(const struct registry *registry, size_t index);
/* The model that may be asked for under this name; NULL: none now. */
const struct model *registry_find(const struct registry *registry, const char *name);

/* --- main thread --- */

/* One more version, STARTING, not in the list. `config` is copied with its strings. ERROR_CONFLICT: the server has seen
 * too many; ERROR_INVALID: no price book has its price_as or its teacher. */
enum error_code registry_add(struct registry *registry, const struct config_model *config, const struct model **model,
                             struct error *error) WARN_UNUSED;
/* Of an upstream's whose provider has a price list that does not have it, where nothing else says its price. */
bool model_price_is_elsewhere(const struct model *model);
/* What its worker says of it. Before anybody asks for it. */
enum error_code registry_describe(struct registry *registry, const struct model *model,
                                  const struct engine_model_info *info, struct error *error) WARN_UNUSED;
/* READY: its IDs lead to it. It takes the place of the READY one of its name, which is RETIRING from here on and comes
 * back in *replaced (NULL: there was none). On ERROR_NO_MEMORY nothing has changed. */
enum error_code registry_publish(struct registry *registry, const struct model *model,
                                 const struct model **replaced, struct error *error) WARN_UNUSED;
/* FAILED, unless it was ever READY: its worker is gone. */
void registry_give_up(const struct model *model);
/* RETIRING: nobody is led to it any more. */
enum error_code registry_retire(struct registry *registry, const struct model *model, struct error *error) WARN_UNUSED;

/* --- a model and its requests; any thread --- */

enum model_state model_state(const struct model *model);

/* Keeps the worker of a model for a request until model_release. False: it is too late, look it up again. */
bool model_hold(const struct model *model) WARN_UNUSED;
void model_release(const struct model *model);
/* Main thread, of a RETIRING one: nobody holds it, and from here on nobody can. */
bool model_try_end(const struct model *model) WARN_UNUSED;

#endif
