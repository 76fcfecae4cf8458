/* engine.h - the gateway's side of the engine: workers, links, calls.
 *
 * One worker process per model, started and restarted by the supervisor on the
 * main thread's loop. Models come and go while it runs. Every I/O thread has a port: its own socket to each
 * worker, so that no request crosses a thread in the gateway. Handlers run on
 * the port's thread.
 *
 * Nothing here knows a dialect or a template: a prompt is segments, a reply is
 * text. Token counts are the worker's own. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "chat/template.h"
#include "core/config.h"
#include "core/error.h"
#include "core/logprob.h"
#include "core/str.h"
#include "engine/tier.h"

struct engine;
struct engine_port;
struct engine_call;

/* What a loaded worker says of its model. */
struct engine_model_info {
    char fingerprint[65];     /* SHA-256 of the file, hex */
    uint64_t parameters;
    uint32_t context;         /* tokens one sequence may hold */
    uint32_t vocabulary;
    uint32_t parallel;
    char architecture[32];
    bool can_cut_state;       /* plain attention: state can be cut at any block */
    bool is_row_independent;  /* replies are the same to the bit whatever else runs: model.h */
    char row_hindrance[96];   /* what prevents it, "" */
    uint32_t embedding;       /* it makes embeddings of so many values, and no replies; 0: replies */
    const char *chat_template; /* the file's Jinja text, "" without */
    struct template_generic generic; /* what the template writes around content, as it was measured */
    bool has_generic;                /* it was, and proved; families that are known are not measured */
};

struct engine_segment {
    bool is_template; /* special tokens are recognised in it */
    bool ends_checkpoint;
    uint32_t ttl_seconds;
    struct str text;
};

enum engine_cache { ENGINE_CACHE_OFF, ENGINE_CACHE_EXPLICIT, ENGINE_CACHE_IMPLICIT };

/* What the cache did for a prompt: it has read + write + plain input tokens. */
enum engine_miss {
    ENGINE_MISS_NONE, /* everything asked for was read */
    ENGINE_MISS_FIRST_USE,
    ENGINE_MISS_CHANGED,       /* at token miss_value */
    ENGINE_MISS_BELOW_MINIMUM, /* miss_value of miss_need tokens */
    ENGINE_MISS_EXPIRED,       /* unused for miss_value seconds */
    ENGINE_MISS_EVICTED,
    ENGINE_MISS_NO_CHECKPOINT,
    ENGINE_MISS_DISABLED,
};
struct engine_cache_use {
    uint32_t read_tokens;
    uint32_t write_tokens;    /* all */
    uint32_t write_1h_tokens; /* of them, up to checkpoints that live for an hour */
    enum engine_miss miss;
    uint32_t miss_value, miss_need;
};

struct engine_request {
    const struct engine_segment *segments;
    size_t segment_count;
    uint32_t max_tokens; /* 0: up to the context */
    float temperature;   /* 0: greedy */
    float top_p;         /* 1: off */
    int32_t top_k;       /* 0: off */
    uint64_t seed;
    struct str grammar;  /* grammar_program.h, empty: none */
    bool observes_grammar; /* it says what is text of the reply and when it is over, and forces nothing */
    const struct str *stops;
    size_t stop_count;
    struct str tenant;
    struct str cache_salt;
    enum engine_cache cache;
    uint32_t cache_min_tokens; /* shorter prefixes are not cached */
    enum tier tier;
    bool wants_certainty; /* costs a pass over the vocabulary for each token of the reply */
    bool wants_logprobs;  /* the same */
    uint8_t top_logprobs; /* likeliest tokens of each place, with wants_logprobs; LOGPROB_TOP_MAX at most */
};

/* Something to make an embedding of. */
struct engine_input {
    struct str text;       /* data NULL: the tokens instead, as they are */
    const int32_t *tokens;
    uint32_t token_count;
};
struct engine_embed {
    const struct engine_input *inputs;
    size_t count;
    enum tier tier;
};
struct engine_embeddings {
    uint32_t width; /* values of each */
    size_t count;
    const uint32_t *tokens; /* of each input, with those that the model wants around it */
    const float *values;    /* [count][width], each of length 1 */
};

enum engine_stop { ENGINE_STOP_END, ENGINE_STOP_LENGTH, ENGINE_STOP_SEQUENCE, ENGINE_STOP_CONTEXT };

/* Sent once the prompt is admitted and its first token is computed. */
struct engine_started {
    uint32_t prompt_tokens;
    struct engine_cache_use cache;
};

/* What a request for a prompt would read of the cache if it were admitted now. */
struct engine_warmth {
    uint32_t prompt_tokens;
    uint32_t warm_tokens; /* engine_cache_use's read_tokens, unless the cache changes before */
    uint32_t disk_tokens; /* of them, on disk: to be read before the request begins */
};

/* A piece of prompts that a worker keeps (cache/tree.h): a beginning that several share, or what one goes on with. */
#define ENGINE_NEVER UINT32_MAX
struct engine_prefix {
    struct str tenant;
    uint32_t tokens, own_tokens; /* from the prompt's begin to its end; of the piece alone */
    uint64_t bytes;              /* likewise */
    uint32_t hits;               /* uses of it after the first */
    uint32_t expires_s, idle_s;  /* expires_s ENGINE_NEVER: it has no time to live */
    bool is_on_disk;
};
/* What a tenant has in a worker's cache. */
struct engine_prefix_tenant {
    struct str name;
    uint64_t memory_bytes, disk_bytes;
};
struct engine_prefixes {
    const struct engine_prefix *items; /* the largest first */
    const struct engine_prefix_tenant *tenants;
    size_t count, tenant_count;
    bool is_partial; /* more is kept than a question may look at */
};
#define ENGINE_PREFIXES_MAX 1000u /* of one answer */

/* How sure the model is of its reply so far: of each token the natural logarithm of the probability that the model
 * itself gave it, at temperature 1 and before a grammar left some out. Whatever the reply was sampled at, and whatever
 * it had to look like, that is what the model thinks of it; a token that a grammar forces is no sign that it knows. */
struct engine_certainty {
    uint32_t tokens; /* with the one that ends it; 0: the request did not ask */
    float sum; /* of the logarithms; 0 and below */
};
#define ENGINE_CERTAINTY_LEAST (-100.0F) /* for one token */

struct engine_finished {
    enum engine_stop stop;
    uint32_t stop_index;        /* which stop sequence */
    uint32_t prompt_tokens;     /* all of the prompt */
    uint32_t prefilled_tokens;  /* of it, computed for this request */
    struct engine_cache_use cache;
    uint32_t output_tokens;
    uint64_t queue_us, prefill_us, decode_us;
    struct engine_certainty certainty;
};

/* Exactly one of finished or failed comes last, unless the call is cancelled:
 * then nothing comes any more. */
struct engine_handlers {
    void (*on_started)(void *ctx, const struct engine_started *started);
    void (*on_text)(void *ctx, struct str text, uint32_t token_count); /* whole UTF-8 characters */
    void (*on_finished)(void *ctx, const struct engine_finished *finished);
    void (*on_failed)(void *ctx, const struct error *error);
    void (*on_certainty)(void *ctx, const struct engine_certainty *certainty); /* before on_text; may be NULL */
    /* Of the tokens that begin in the text of the next on_text, valid inside; what a stop sequence cuts off has none.
     * May be NULL. */
    void (*on_logprobs)(void *ctx, const struct token_logprob *tokens, size_t count);
};

/* Who hears of a worker that was added; on the main thread, ctx first. Exactly one of on_failed and on_gone comes last:
 * nothing is left of the worker then, neither process nor memory nor descriptors. */
struct engine_watcher {
    void (*on_ready)(void *ctx); /* it has loaded; restarts are nobody's business */
    void (*on_failed)(void *ctx, const struct error *error); /* it never loaded, and will not */
    void (*on_gone)(void *ctx);                              /* it was retired */
    void *ctx;
};

/* Main thread. engine_new starts the workers of config's models, whose numbers are their places there; engine_wait
 * runs `loop` until all have loaded or one of those failed for good. */
enum error_code engine_new(const struct config *config, uv_loop_t *loop, unsigned port_count, struct engine **engine,
                           struct error *error) WARN_UNUSED;
enum error_code engine_wait(struct engine *engine, struct error *error) WARN_UNUSED;
void engine_stop(struct engine *engine); /* ends the workers and waits for them; ports should be closed before */
void engine_free(struct engine *engine);
int engine_broker_fd(const struct engine *engine); /* of the page of broker.h, for a child that gives way; any thread */

/* Main thread. Starts one more worker, under a number that was never used; `config` outlives the engine.
 * ERROR_CONFLICT: there are too many. */
enum error_code engine_add(struct engine *engine, uint32_t model, const struct config_model *config,
                           const struct engine_watcher *watcher, struct error *error) WARN_UNUSED;
/* Ends the worker of one that was added; on_gone follows, or on_failed where that was on its way. Whoever still has
 * calls there hears that it stopped. */
void engine_retire(struct engine *engine, uint32_t model);

/* NULL while the worker has never loaded. Stays valid until on_failed, on_gone or engine_free. Any thread. */
const struct engine_model_info *engine_model_info(const struct engine *engine, size_t model);
bool engine_model_is_ready(const struct engine *engine, size_t model); /* any thread */
int engine_worker_pid(const struct engine *engine, size_t model);      /* 0: none is ready. Main thread. */

/* Counters kept by the gateway, surviving worker restarts; all 0 once nothing is left of the worker. Any thread. */
struct engine_counters {
    uint64_t prefilled_tokens, generated_tokens; /* as counted by the engine */
    uint64_t restarts;
    uint64_t queue_depth, running; /* now */
    uint64_t steps;
    uint64_t cache_bytes, cache_tokens;           /* prefix states in host memory, now */
    uint64_t cache_disk_bytes, cache_disk_tokens; /* and on disk, but for copies of those */
    uint64_t cache_evicted;                       /* blocks, as counted by the engine */
    uint64_t recomputed_tokens;         /* prompts and replies whose state was lost while preempted */
    uint64_t steps_us, steps_error_us;  /* duration of all steps; distance of the predictions from it */
    uint64_t tier_queued[TIERS], tier_running[TIERS], tier_preempted[TIERS]; /* requests, now */
    uint64_t tier_preemptions[TIERS];
};
void engine_counters(const struct engine *engine, size_t model, struct engine_counters *counters);

/* I/O threads. */
struct engine_port *engine_port_new(struct engine *engine, unsigned index, uv_loop_t *loop, struct error *error);
void engine_port_close(struct engine_port *port); /* drops pending calls silently; frees once its handles closed */

/* Starts a call. Refused at once (ERROR_THROTTLED, with the queue full;
 * ERROR_UNAVAILABLE, with the worker down) or NULL on no memory; what the
 * request points to is copied. */
struct engine_call *engine_generate(struct engine_port *port, size_t model, const struct engine_request *request,
                                    const struct engine_handlers *handlers, void *ctx, struct error *error);
void engine_cancel(struct engine_call *call); /* no handler runs after this */

/* The embeddings of some inputs, in their order, of a model that makes such. Refused and freed as engine_generate; what
 * the callback gets is valid inside. ERROR_INVALID: the model makes none, an input is empty or too long. */
struct engine_call *engine_embed(struct engine_port *port, size_t model, const struct engine_embed *wanted,
                                 void (*on_embedded)(void *ctx, const struct engine_embeddings *embeddings,
                                                     const struct error *error),
                                 void *ctx, struct error *error);

/* Counts the tokens of segments as the engine would prefill them (beginning-of-sequence token included). */
struct engine_call *engine_count(struct engine_port *port, size_t model, const struct engine_segment *segments,
                                 size_t segment_count,
                                 void (*on_count)(void *ctx, uint32_t tokens, const struct error *error), void *ctx,
                                 struct error *error);

/* How much of a prompt the model holds warm for the tenant and salt of `request`, of which segments, tenant,
 * cache_salt, cache and cache_min_tokens count. A question changes nothing: no time to live begins anew, no use is
 * counted. The worker answers between two of its steps and waits for none. Refused and freed as engine_generate. */
struct engine_call *engine_warmth(struct engine_port *port, size_t model, const struct engine_request *request,
                                  void (*on_warmth)(void *ctx, const struct engine_warmth *warmth,
                                                    const struct error *error),
                                  void *ctx, struct error *error);

/* What the worker keeps of prompts, of one tenant (data NULL: of all): its `most` largest pieces, ENGINE_PREFIXES_MAX
 * at most. Answered as engine_warmth; what the callback gets is valid inside. ERROR_UNAVAILABLE too where the worker is
 * another program (`worker:`), which need not know the question. */
struct engine_call *engine_prefixes(struct engine_port *port, size_t model, struct str tenant, uint32_t most,
                                    void (*on_prefixes)(void *ctx, const struct engine_prefixes *prefixes,
                                                        const struct error *error),
                                    void *ctx, struct error *error);

#endif
