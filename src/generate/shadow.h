/* shadow.h - how routers learn from their own traffic: for a share of the requests the other models answer too.
 *
 * Once a client has its answer, what was asked and answered goes into a queue; a thread of the module's own, with
 * an engine port of its own, has the router's other models answer the same request in a tier that takes only what
 * clients leave, compares the answers with the strongest model's (route/agree.h, or a judge model) and appends a label
 * (route/labels.h). No client ever waits: what the queue has no room for is dropped and counted.
 *
 * Which requests: those whose ID's CRC-32, as a fraction of 2^32, is below the router's share; records of batch jobs
 * too, whose other answers are made in the batch tier and have half of the queue at most.
 *
 * What it costs is the lever `shadow`'s (ledger/price.h): no tenant's bill, budget or limit knows of it, and prompts
 * are cached apart from the tenants' own.
 *
 * shadow_wants, _note, _give, _forget and the questions: any thread. */
#ifndef GENERATE_SHADOW_H
#define GENERATE_SHADOW_H

#include "core/util.h"
#include "generate/routing.h"
#include "route/drift.h"

struct shadow;
struct shadow_case;

#define SHADOW_TENANT "(shadow)" /* whose lines they are in the ledger; no tenant can have this name */

struct shadow_options {
    const struct work_shared *work; /* outlives the shadow */
    const struct catalog *catalog;
    unsigned engine_port;
    enum error_code (*admit)(uint64_t bytes, struct error *error); /* whether the disk may take so much */
    void (*on_billed)(void *ctx, const struct model *model, const struct ledger_line *line); /* the shadow's thread */
    void *ctx;
};

/* Whether any router of the configuration has a share: else there is no shadow to open. */
bool shadow_is_wanted(const struct config *config);

enum error_code shadow_open(const struct shadow_options *options, struct shadow **shadow,
                            struct error *error) WARN_UNUSED;
void shadow_begin_drain(struct shadow *shadow); /* what waits is dropped, nothing new is taken; NULL is legal */
void shadow_close(struct shadow *shadow); /* what runs is cancelled; before the engine stops; NULL is legal */

/* --- on the way of a request --- */

/* Of a request that has a route; its reply must be collected then. `shadow` NULL: never. */
bool shadow_wants(const struct shadow *shadow, const struct route *route, struct str request_id);

struct shadow_source {
    struct str request_id;
    struct routing_asker asker;
    struct str body, cache_salt; /* body empty: its text is gone, and is written again from the request's */
    size_t body_bytes;           /* as long as that is at most; 0: the longest that is taken */
    bool is_batch;               /* a record of a batch job: nobody waits for its answer */
    const struct codec *codec; /* that read the body */
    enum body_shape shape;     /* of the ID that was asked for */
    const struct chat_request *request; /* as the work had it */
    uint64_t time_us;          /* clock_wall_us() when it came */
};

/* Copies what is needed. NULL: there is no room or it is too large, which is counted; or there is one model alone. */
struct shadow_case *shadow_note(struct shadow *shadow, const struct route *route, const struct shadow_source *source,
                                const struct placement *placement, const struct chat_reply *reply);
void shadow_give(struct shadow *shadow, struct shadow_case *noted); /* once the client has all; NULL is legal */
void shadow_forget(struct shadow_case *noted); /* instead: the answer was not the client's after all; NULL is legal */

/* --- questions --- */

enum shadow_outcome {
    SHADOW_LABELLED,  /* a label was written */
    SHADOW_UNJUDGED,  /* the answers were there, and nobody could tell whether they are as good */
    SHADOW_FAILED,    /* the strongest model, or all others, did not answer; or the label could not be written */
    SHADOW_DROPPED,   /* the queue was full, the request too large, the server was ending, or a job did not keep it */
    SHADOW_OUTCOMES,
};
extern const char *const shadow_outcome_names[SHADOW_OUTCOMES];

/* What one router has learnt. */
struct shadow_figures {
    double share;
    uint64_t outcomes[SHADOW_OUTCOMES]; /* requests, by this process */
    uint64_t waiting;
    uint64_t cost;     /* picodollars, likewise */
    uint64_t labels;   /* that are kept, */
    char since[TIMESTAMP_LEN + 1]; /* the oldest of them; empty: there are none */
    size_t count;
    struct shadow_model {
        struct str name; /* as the router lists it */
        struct drift_figures drift; /* by the predictor that is in use */
    } models[ROUTER_MODELS_MAX];
    bool drifts;
};

/* False: the router has no share. Of a configured router, by its place in the configuration. */
bool shadow_figures(const struct shadow *shadow, size_t router, struct shadow_figures *figures);
bool shadow_figures_of(const struct shadow *shadow, const struct route *route, struct shadow_figures *figures);

#endif
