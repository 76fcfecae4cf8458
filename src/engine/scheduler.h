/* scheduler.h - the model thread: continuous batching over one model, by tiers.
 *
 * Each step computes one token of every running reply and a piece of the prompts
 * that are being read, in one pass over the model or in two (step_cost.h). The
 * front thread makes jobs and hands them over; the scheduler answers with events,
 * the last of which gives the job back. The two meet only in the inbox (mutex)
 * and in `post`.
 *
 * Admission: priority, then default, then flex, then batch; within one tier
 * tenants take turns by tokens (fair_queue.h). A job is admitted when a sequence
 * is free and the cells that its prompt and its longest possible reply need are
 * not promised to others, so a reply, once begun, never runs out of cells. Where
 * that fails, requests of lower tiers are preempted between two steps, the
 * lowest and youngest first: their state is parked (park.h), and they go on where
 * they were, before anything of their tier that is new; so at most three times as
 * many are parked as there are sequences.
 *
 * Steps: the highest tier that has work fills the step first. What is left of the
 * time that a step may take, by the measured cost of such batches (step_cost.h),
 * goes to the lower ones; those that find no room stand still with their cells.
 * Batch shares a step with others only when `share` is the objective, and a step
 * of its own is short, since whoever arrives meanwhile waits for its end.
 *
 * Nobody starves: a job that made no progress for an age is treated as of the
 * tier above, once for each age, and keeps that place to its end. In the queue
 * all that rose share one turn of a quarter's weight, so that a long backlog does
 * not push aside those that belong there.
 *
 * Prefixes: what the store has of a prompt is restored before it is read, a
 * bounded number of tokens a step; a job whose prefix another job is computing
 * is parked until it is there, lending that job its tier, and so is one whose
 * blocks are read from disk.
 *
 * The same bits: a reply is a function of its prompt and its sampler's settings
 * where the model's rows are independent (model_facts.is_row_independent), with
 * all of the above. Serial mode gives the same for other models: one job at a
 * time, never preempted, prompt pieces cut at absolute multiples of
 * PREFIX_STORE_PIECE and at checkpoints, the number of threads fixed. */
#ifndef ENGINE_SCHEDULER_H
#define ENGINE_SCHEDULER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "engine/broker.h"
#include "engine/engine.h"
#include "engine/fair_queue.h"
#include "engine/grammar.h"
#include "engine/model.h"
#include "engine/prefix_store.h"

struct scheduler;

/* Made and freed by the front thread. Between scheduler_submit and its last
 * event only the model thread touches it, but for is_cancelled. */
struct job {
    struct arena arena; /* owns what request points to */
    struct engine_request request;
    struct model_tokens tokens; /* the prompt */
    struct prefix_job prefix;   /* points to the two above, and into the arena */
    struct grammar *grammar; /* NULL: none */
    uint64_t queued_us;
    atomic_bool is_cancelled;
    void *owner; /* the front's */
    struct job *next; /* in a queue of the scheduler */

    /* model thread */
    struct fair_item item;  /* in a queue */
    uint8_t tier;           /* that it is treated as; the request's, or above it */
    uint64_t progress_us;   /* since when it has made none */
    struct prefix_use use;
    struct prefix_waiter waiter; /* while parked */
    bool is_woken;
    bool is_fetching; /* parked until its blocks are read from disk; `use` is open */
};

enum event_kind { EVENT_STARTED, EVENT_TEXT, EVENT_FINISHED, EVENT_FAILED, EVENT_GONE /* after a cancel */ };

/* The last three are last. The receiver frees the event (event_free). */
struct event {
    enum event_kind kind;
    struct job *job;
    struct event *next;
    struct engine_started started;
    struct engine_finished finished;
    struct error *error; /* EVENT_FAILED */
    struct buf text;
    uint32_t text_tokens;
    struct engine_certainty certainty; /* with the text */
    struct buf logprobs; /* likewise: logprob_count of protocol_put_logprob */
    uint32_t logprob_count;
};
void event_free(struct event *event);

/* Times in microseconds, 0: none. */
struct scheduler_tiers {
    bool is_objective; /* batch may share steps with others */
    double objective;  /* by which a lower tier may lengthen a step, times; 1 and more */
    uint64_t deadline_us[TIERS]; /* longest wait in the queue */
    uint64_t age_us, batch_age_us;         /* without progress, after which a job rises a tier */
    uint64_t batch_step_us;                /* longest step of batch alone */
    uint64_t parked_bytes;                 /* of copied states of preempted requests */
};

struct scheduler_options {
    struct model *model;
    struct broker_client *broker;
    struct prefix_store *prefixes; /* NULL: no cache */
    struct scheduler_tiers tiers;
    bool is_serial;
    uint32_t chunk_max; /* prompt tokens of one step while replies run */
    double row_us;      /* 0: what steps cost is measured; else a row, for ever: for tests that count steps */
    void (*post)(void *ctx, struct event *events); /* model thread; a list, oldest first */
    void *ctx;
};

struct scheduler *scheduler_new(const struct scheduler_options *options); /* NULL: no memory */
void scheduler_free(struct scheduler *scheduler);
void scheduler_run(struct scheduler *scheduler); /* model thread; until scheduler_quit */

/* Any thread. */
void scheduler_submit(struct scheduler *scheduler, struct job *job);
void scheduler_cancel(struct scheduler *scheduler, struct job *job); /* before its last event arrived */
void scheduler_quit(struct scheduler *scheduler);
void scheduler_wake(struct scheduler *scheduler); /* blocks that jobs wait for may have been read */
uint64_t scheduler_queued_tokens(const struct scheduler *scheduler, uint8_t tier); /* of jobs not admitted */

#endif
