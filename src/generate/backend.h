/* backend.h - the one shape of everything that answers requests: the embedded
 * engine (engine_backend.h), upstreams, in tests a script.
 *
 * A backend is one thread's way to what answers; all of it runs on that thread's
 * loop, but for `prepare`. It sees the neutral request and gives neutral events:
 * blocks, usage, a reason to stop. Prompts, templates, ports, bodies and retries
 * within the backend are its own affair. No event comes before the function that
 * begins a call has returned. */
#ifndef GENERATE_BACKEND_H
#define GENERATE_BACKEND_H

#include <stdbool.h>
#include <uv.h>

#include "chat/cache_use.h"
#include "chat/chat.h"
#include "chat/traits.h"
#include "generate/target.h"

struct chat_choice;

struct backend {
    const struct backend_ops *ops; /* the first member of the backend's own struct */
};

enum backend_use { BACKEND_REPLY, BACKEND_COUNT, BACKEND_EMBED };

/* One request as a backend gets it: the same from prepare on until its call has ended. */
struct backend_job {
    enum backend_use use;
    const struct target *target;
    const struct chat_request *request; /* checked, with the texts of its documents */
    struct str text;           /* of a count: this alone instead of the request, where data is set */
    struct str tenant;
    uint32_t cache_min_tokens; /* shorter prefixes are not cached */
    uint64_t max_reply_us;     /* from the first token on: then the reply ends as at max_tokens; 0: none */
    bool has_elsewhere;        /* another target follows: a backend does not wait until this one can answer */
    struct str request_id;     /* for the log */
    bool passes_on;            /* whoever asked takes a reply in its provider's words, where they are the request's */
    bool wants_confidence;     /* in a reply: how sure the model is of it */
    uint64_t prompt_tokens_max; /* the prompt has no more; `prepare` says so. 0: not known */
    void *prepared;            /* what `prepare` has made, in the request's arena; NULL: it was not asked */
};

/* What is known of a call; the first member of the backend's own struct. */
struct backend_call {
    struct backend *backend;
    struct chat_usage usage;     /* counted so far: the input side from on_started on, output as it comes */
    struct chat_cache_use cache; /* final from on_started on, as is the input side; at the end where it is late */
    uint64_t first_token_us;     /* clock_now_us() at on_started */
    struct str upstream_id;      /* what answers calls the request, in the request's arena; empty: nothing */
    const struct replica *replica; /* of several servers the one that answers, with upstream_id; NULL: there is one */
    double confidence;           /* of the reply so far, where the job wants it: how sure its model is of it, 0 to 1;
                                  * the work begins it below 0: not known */
    double mean_logprob;         /* of the reply's tokens, where request->best is set */
    unsigned repeats;            /* times that the target was asked again */
    bool is_verbatim;            /* from on_started on: on_event tells the reply in its own words, or `verbatim` does */
    const struct chat_choice *choices; /* in the request's arena, from on_finished on: request->choices - 1, or none */
    size_t choice_count;
    yyjson_val *verbatim;        /* of a whole one, inside on_finished */
    uint32_t prompt_tokens;      /* of a question about warmth: of the whole prompt; 0: not known */
};

/* The blocks of a reply come through `sink`, between on_started and the end. Exactly one of on_finished and on_failed
 * comes last. The call may be ended inside every event but those of the sink. */
struct backend_events {
    void (*on_started)(void *ctx); /* the first token is there */
    struct chat_sink sink;
    void (*on_event)(void *ctx, struct str type, yyjson_val *event); /* of a verbatim stream; NULL: unheard */
    void (*on_progress)(void *ctx); /* after each piece of text has become events of the sink */
    void (*on_finished)(void *ctx, enum chat_stop_reason stop, struct str stop_sequence);
    void (*on_failed)(void *ctx, const struct error *error);
};

struct backend_ops {
    const char *name; /* "engine": the provider, for the ledger */

    /* The part that may take long and asks nobody: makes job->prepared. Any thread; for one request one at a time. */
    enum error_code (*prepare)(const struct backend *backend, struct backend_job *job, struct error *error);

    /* Each begins a call; NULL: refused at once, *error says why. `events` outlive the call. */
    struct backend_call *(*start)(struct backend *backend, const struct backend_job *job,
                                  const struct backend_events *events, void *ctx, struct error *error);
    struct backend_call *(*count)(struct backend *backend, const struct backend_job *job,
                                  void (*on_count)(void *ctx, uint32_t tokens, const struct error *error), void *ctx,
                                  struct error *error);

    /* The embeddings of request->embed; what the callback gets is valid inside, and the call's usage is final then.
     * NULL: nothing behind this backend makes any. */
    struct backend_call *(*embed)(struct backend *backend, const struct backend_job *job,
                                  void (*on_embedded)(void *ctx, const struct embeddings *embeddings,
                                                      const struct error *error),
                                  void *ctx, struct error *error);

    /* How many tokens of the prompt are warm at the target for this tenant: a question that changes nothing. Where the
     * op is NULL nobody knows. */
    struct backend_call *(*warmth)(struct backend *backend, const struct backend_job *job,
                                   void (*on_warmth)(void *ctx, uint32_t tokens, const struct error *error), void *ctx,
                                   struct error *error);

    /* Whoever reads the reply is slow: no more of it is fetched until he is not. NULL: the backend can't wait. */
    void (*hold_back)(struct backend_call *call, bool holds);

    /* Ends a call: what still runs is cancelled, no event comes after, its memory is free. Once for each call, also
     * after its last event. */
    void (*end)(struct backend_call *call);

    /* What the target can take of a request (chat/traits.h). */
    const struct chat_traits *(*traits)(const struct backend *backend, const struct target *target);

    /* Tokens that a prompt and its reply may have together; 0: not known. */
    uint32_t (*context)(const struct backend *backend, const struct target *target);

    /* Whether another target may be asked after this error, when no token has come. */
    bool (*may_go_elsewhere)(const struct error *error);

    void (*close)(struct backend *backend); /* once no call is left */
};

/* What most backends answer to may_go_elsewhere: the fault is not the request's, and may not be there elsewhere. */
bool backend_error_passes(const struct error *error);

#endif
