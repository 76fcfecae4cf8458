/* shadow_internal.h - one request whose other answers are made, from inside: shared by shadow.c (which, when), by
 * shadow_case.c (its answers and its label), by shadow_learn.c (what labels tell) and by shadow_judge.c. All of it
 * belongs to the shadow's thread once the case was given to it. */
#ifndef GENERATE_SHADOW_INTERNAL_H
#define GENERATE_SHADOW_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/util.h"
#include "generate/shadow.h"
#include "route/labels.h"

/* What labels say, of those of one router. */
struct shadow_learnt {
    uint64_t labels;
    char since[TIMESTAMP_LEN + 1];          /* empty: there are none */
    struct drift drifts[ROUTER_MODELS_MAX]; /* in the configuration's order of models */
};

/* What is known of one router's learning. */
struct shadow_router {
    const struct router_config *config;
    double share;
    char path[LABELS_PATH_MAX];
    char *names[ROUTER_MODELS_MAX]; /* of the configuration's models, as labels call them */
    uint64_t predictor; /* whose labels the windows have; 0: there is none */
    atomic_uint_least64_t outcomes[SHADOW_OUTCOMES], waiting, cost;
    struct shadow_learnt learnt; /* under the mutex */
};

struct shadow {
    struct shadow_options options;
    struct shadow_router *routers; /* in the configuration's order; config NULL: it has no share */
    size_t router_count;
    uv_loop_t loop;
    uv_async_t wake;
    struct work_port work;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards the queue, and what routers know */
    struct shadow_case *first, *last;
    size_t queued, queued_bytes, queued_batch; /* the last: of `queued`, records of batch jobs */
    atomic_bool is_draining, is_closing;
    /* The thread's own. */
    struct shadow_case *running;
    size_t running_count;
};

/* One of a case's models. */
struct shadow_answer {
    struct str name;   /* as labels call the model */
    struct str listed; /* as the router lists it */
    double predicted;  /* NAN: nobody knew */
    double quality, cost; /* NAN: not known, or not yet */
    bool is_there;
    bool is_same; /* as the strongest one's */
    struct chat_reply reply;
    double verdicts; /* of the strongest: the judge's, added up, */
    unsigned verdict_count; /* and how many there are */
};

/* A request to a model, on its way. */
struct shadow_try {
    struct arena arena;
    struct chat_request request;
    struct ignored ignored;
    struct catalog_match match;
    struct chat_metadata session; /* the client's request, for the line in the ledger */
    char request_id[UUID_LEN + 1];
    struct work *work; /* NULL: none runs */
};

struct shadow_case {
    struct shadow *shadow;
    struct shadow_router *router;
    struct shadow_case *next, *previous;
    struct arena arena; /* owns all strings and answers */
    size_t bytes;
    struct str request_id, tenant, account, region, body, cache_salt, answered;
    const struct codec *codec;
    enum body_shape shape;
    bool is_batch;
    uint64_t time_us, predictor, group;
    struct features *features;
    struct str prompt, system; /* texts, cut */
    struct shadow_answer answers[ROUTER_MODELS_MAX];
    struct catalog_match matches[ROUTER_MODELS_MAX];
    size_t count, strongest;
    size_t place;    /* of the answer that is being made or judged */
    bool is_swapped; /* the judge is asked for the second time, in the other order; the first time it said: */
    bool is_good, is_strongest_good;
    const char *by;
    struct shadow_try try;
};

void shadow_case_begin(struct shadow_case *noted);
void shadow_case_free(struct shadow_case *noted); /* ends what runs; NULL is legal */

/* The case is over: it is counted and freed. */
void shadow_case_over(struct shadow_case *noted, enum shadow_outcome outcome);
/* Reads the router's labels, while nobody waits for what they say. */
void shadow_look(struct shadow_router *router, struct shadow *shadow);
void shadow_tell_drift(struct shadow *shadow); /* as a condition, or that there is none */
/* A label was written; `is_begun_anew`: into a new file. */
void shadow_learn(struct shadow_router *router, struct shadow *shadow, const struct label *label, bool is_begun_anew);

/* The try's request goes to the model of `match`. After OK the handlers have heard of it or will, and the case may be
 * gone by then. */
enum error_code shadow_try_begin(struct shadow_case *noted, const struct catalog_match *match, struct str asked,
                                 const char *operation, const struct work_handlers *handlers,
                                 struct error *error) WARN_UNUSED;
void shadow_try_end(struct shadow_case *noted);

/* Asks the judge which of two answers are good enough, in this order; shadow_judge_heard follows, also of a failure. */
void shadow_judge_ask(struct shadow_case *noted, const struct chat_reply *a, const struct chat_reply *b);
void shadow_judge_heard(struct shadow_case *noted, bool is_answer, bool is_a_good, bool is_b_good);

bool shadow_copy_reply(struct arena *arena, const struct chat_reply *reply, struct chat_reply *copy);
/* A handler of both kinds of tries. */
void shadow_billed(void *ctx, const struct target *answered, const struct ledger_line *line);

#endif
