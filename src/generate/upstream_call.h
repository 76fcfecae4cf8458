/* upstream_call.h - one call to an upstream from inside: upstream_backend.c begins and ends it, upstream_reply.c reads
 * a reply for it, upstream_once.c what is read once it is whole: counts and embeddings. One loop's thread. */
#ifndef GENERATE_UPSTREAM_CALL_H
#define GENERATE_UPSTREAM_CALL_H

#include "generate/upstream_backend.h"
#include "generate/upstream_marks.h"
#include "upstream/asking.h"
#include "upstream/scrape.h"

#define ESTIMATE_BYTES 4 /* of text, for a token that nobody has counted */

struct upstream_backend {
    struct backend backend;
    struct upstreams *upstreams;
    struct transport *transport;
    struct scrape *scrape; /* NULL: no pool says what it has to do */
    struct chat_traits *traits[LIMIT_UPSTREAMS]; /* by the upstream, then by its model */
};

struct upstream_call;

/* One asking of a call. Where the first is slow to begin and the upstream has another replica that may be asked, a
 * second is begun (`hedge_after`): the one that shows a block first has the call, the other is ended. */
struct leg {
    struct upstream_call *call;
    struct asking *asking;       /* NULL: not begun, or ended */
    struct codec_reader *reader; /* of a stream */
    struct buf whole;            /* of a reply that is none */
    struct buf early;            /* its events before it has started: a JSON array of pairs without its end */
    struct str id;               /* what the upstream calls it, in the request's arena */
    bool is_stream;
    bool is_verbatim;            /* it is told in its own words too */
};

/* Begins the second leg; lives until the loop has let go of it. */
struct hedge {
    uv_timer_t timer;
    struct upstream_call *call;
};

struct upstream_call {
    struct backend_call call; /* the first member */
    struct upstream *upstream;
    const struct backend_job *job;
    const struct upstream_marks *marks; /* that were thought of; NULL: none */
    const struct backend_events *events;
    void (*counted)(void *ctx, uint32_t tokens, const struct error *error); /* of a count */
    void (*embedded)(void *ctx, const struct embeddings *embeddings, const struct error *error); /* of embeddings */
    void *ctx;
    struct leg legs[2];
    struct leg *winner;            /* whose blocks are told; NULL: none has shown any */
    struct hedge *hedge;           /* NULL: there is no second leg to come */
    unsigned repeats;              /* of legs that have ended, and the second leg itself */
    bool passes_on;                /* the reply may be told in its own words */
    bool is_over;
    bool is_reading, is_ended;     /* a reader is at work; the call was ended meanwhile */
    uint64_t begun_us;
    uint64_t body_bytes, text_bytes; /* for estimates */
};

static inline struct upstream_backend *upstream_backend_own(struct backend *backend)
{
    return (struct upstream_backend *)(void *)backend;
}

/* Of the replica that answers. */
static inline struct health *upstream_leg_health(const struct leg *leg)
{
    return &asking_replica(leg->asking)->health;
}

/* The replica that answers, of several; NULL: there is one. */
static inline const struct replica *upstream_leg_replica(const struct leg *leg)
{
    return leg->asking && leg->call->upstream->replica_count > 1 ? asking_replica(leg->asking) : NULL;
}

/* --- of upstream_backend.c --- */

struct upstream_call *upstream_call_new(struct backend *backend, const struct backend_job *job, void *ctx,
                                        struct error *error);
/* Begins the first leg. NULL: refused at once; the call is gone. */
struct backend_call *upstream_call_ask(struct upstream_call *call, const struct asking_events *events,
                                       struct error *error);

/* --- of upstream_reply.c --- */

extern const struct asking_events upstream_reply_events; /* of a leg */
void upstream_call_drop_hedge(struct upstream_call *call);
void upstream_call_count_repeats(struct upstream_call *call);
void upstream_leg_end_asking(struct leg *leg);
void upstream_call_free(struct upstream_call *call);

/* --- of upstream_once.c: members of backend_ops --- */

struct backend_call *upstream_count(struct backend *backend, const struct backend_job *job,
                                    void (*counted)(void *ctx, uint32_t tokens, const struct error *error), void *ctx,
                                    struct error *error);
struct backend_call *upstream_embed(struct backend *backend, const struct backend_job *job,
                                    void (*embedded)(void *ctx, const struct embeddings *embeddings,
                                                     const struct error *error),
                                    void *ctx, struct error *error);

#endif
