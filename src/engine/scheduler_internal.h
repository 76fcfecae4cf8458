/* scheduler_internal.h - what the files of the scheduler share. Nobody else
 * includes it; everything but the inbox belongs to the model thread.
 *
 *   scheduler.c           inbox, events, the loop
 *   scheduler_queue.c     who waits, who is admitted, who grew too old
 *   scheduler_sequence.c  beginning, preemption, end of a running request
 *   scheduler_step.c      what goes into the next step
 *   scheduler_reply.c     the next token of each reply */
#ifndef ENGINE_SCHEDULER_INTERNAL_H
#define ENGINE_SCHEDULER_INTERNAL_H

#include <pthread.h>

#include "engine/park.h"
#include "engine/protocol.h"
#include "engine/sampler.h"
#include "engine/scheduler.h"
#include "engine/step_cost.h"
#include "engine/text.h"

enum phase { PHASE_PROMPT, PHASE_REPLY };

/* A token whose text has not gone out; of the likeliest in its place the `logit` is a logprob. */
struct token_entry {
    size_t at; /* bytes of the reply before it */
    float value;
    model_token token;
    uint32_t top_count;
    struct sampler_candidate top[LOGPROB_TOP_MAX];
};
struct token_log {
    struct token_entry *items;
    size_t count, cap;
    size_t bytes, shown; /* of the reply's text as its tokens have it: all, and what went out */
};

struct sequence {
    struct job *job;
    struct sequence *next; /* in the list of the preempted */
    uint32_t id;           /* of the model's sequences, while it runs */
    enum phase phase;
    uint8_t lent_tier;  /* of a request that waits for this one's prefix */
    uint32_t past;      /* tokens whose state is in the cells */
    uint32_t redo;      /* up to here they were computed before, and lost */
    uint32_t batched;   /* behind them, how many the present step computes */
    uint32_t row;       /* of the pass, where logits are wanted */
    bool wants_logits;
    model_token token;  /* chosen, not yet decoded */
    uint32_t output, output_max, cells;
    uint32_t silent_tokens; /* chosen since the last text event */
    struct engine_certainty certainty; /* of the tokens chosen so far, where the request wants to know */
    struct token_log log;              /* likewise: how likely they were */
    struct text_filter text;
    struct sampler sampler;
    struct model_tokens reply; /* chosen so far */
    uint64_t admitted_us, first_us;
    uint64_t stepped_us; /* when it last had a place in a step */
    struct park park;    /* while preempted */
};

struct job_list {
    struct job *first, **last;
};

struct sequence_list {
    struct sequence *first, *last;
};

struct scheduler {
    struct scheduler_options options;
    const struct model_facts *facts;

    pthread_mutex_t mutex; /* guards the five below */
    pthread_cond_t wake;
    struct job_list inbox;
    bool is_quitting, has_cancel, has_progress;
    _Atomic uint64_t queued_tokens[TIERS];

    struct fair_queue waiting[TIERS]; /* by the tier that the jobs are treated as */
    struct job_list parked; /* their prefix is being computed by another, or read from disk */
    uint32_t queued[TIERS]; /* both, by the tier that was asked for */
    uint64_t swept_us;
    struct sequence *sequences[MODEL_SEQUENCES]; /* running, in order of admission */
    uint32_t count;
    struct sequence_list preempted[TIERS];
    uint64_t parked_bytes;
    bool id_taken[MODEL_SEQUENCES];
    uint64_t cells_promised;
    struct sampler_candidate *scratch;
    struct event *events, **events_end;
    struct step_cost cost;
    uint64_t steps;
    struct step_shape shape;  /* of the step being composed */
    uint32_t redone;          /* prompt tokens in it that were computed before */
};

/* --- scheduler.c --- */
struct event *add_event(struct scheduler *s, enum event_kind kind, struct job *job);
void add_failure(struct scheduler *s, struct job *job, const struct error *error);

/* --- scheduler_queue.c --- */
void queue_init(struct scheduler *s);
void queue_deinit(struct scheduler *s);
void queue_add(struct scheduler *s, struct job *job);
void queue_drop_cancelled(struct scheduler *s);
void queue_sweep(struct scheduler *s); /* deadlines and ageing; cheap when it is not time yet */
void queue_admit(struct scheduler *s);
bool queue_is_idle(const struct scheduler *s); /* nothing to do before something arrives */

/* --- scheduler_sequence.c --- */
uint32_t sequence_cells(const struct scheduler *s, const struct job *job); /* that prompt and longest reply need */
void sequence_begin(struct scheduler *s, struct job *job); /* its prefix is open; ends in a failure without memory */
void sequence_end(struct scheduler *s, struct sequence *seq); /* running */
void sequence_fail(struct scheduler *s, struct sequence *seq, const struct error *error);
void sequence_preempt(struct scheduler *s, struct sequence *seq);
void sequence_resume(struct scheduler *s, struct sequence *seq); /* taken out of its list before */
void sequence_drop_preempted(struct scheduler *s, struct sequence *seq); /* the same, and it is over */
void sequence_list_clear(struct sequence_list *list);
void sequence_list_push(struct sequence_list *list, struct sequence *seq);
struct sequence *sequence_list_pop(struct sequence_list *list);

static inline uint8_t sequence_tier(const struct sequence *seq)
{
    return seq->lent_tier < seq->job->tier ? seq->lent_tier : seq->job->tier;
}
static inline bool sequence_is_restoring(const struct sequence *seq)
{
    return seq->phase == PHASE_PROMPT && seq->redo == 0 && seq->past < seq->job->use.readable;
}
/* Its next tokens are known: the prompt's, or such as were computed before. */
static inline bool sequence_is_reading(const struct sequence *seq)
{
    return seq->phase == PHASE_PROMPT || seq->past < seq->redo;
}

/* --- scheduler_step.c --- */
uint8_t step_top_tier(const struct scheduler *s);       /* the highest that has something to do */
double step_batch_limit_us(const struct scheduler *s); /* longest step of batch alone */
bool step_batch_has_room(const struct scheduler *s);    /* one more batch request would find time in its steps */
void step_restore(struct scheduler *s);                 /* puts stored prefixes back */
void step_compose(struct scheduler *s);                 /* who computes how much: `batched`, s->shape */
bool step_has(const struct sequence *seq, const struct step_shape *pass); /* it has a part in this pass of the step */
void step_fill(struct scheduler *s, const struct step_shape *pass);       /* the model's batch */

/* --- scheduler_logprobs.c --- */
/* For each token of a reply whose request wants them, in this order: with the logits as the model gave them (false: no
 * memory); with that of the token that was chosen; with the bytes of its text, which is added to the filter. */
bool logprobs_begin(struct scheduler *s, struct sequence *seq, const float *logits, float mass) WARN_UNUSED;
void logprobs_choose(struct sequence *seq, model_token token, float logit, float mass);
void logprobs_add_text(struct sequence *seq, size_t len);
/* Before `ready` bytes are taken out of the filter: puts those of the tokens that begin in them; how many. */
uint32_t logprobs_tell(struct scheduler *s, struct sequence *seq, size_t ready, struct buf *out);

/* --- scheduler_reply.c --- */
/* After a good pass: what was computed counts, and tokens are chosen. */
void reply_advance(struct scheduler *s, const struct step_shape *pass);

#endif
