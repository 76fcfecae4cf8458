/* scheduler.h - the model thread: continuous batching over one model.
 *
 * Each step is one decode over one token of every running reply and a piece of
 * the prompts that are being read. The front thread makes jobs and hands them
 * over; the scheduler answers with events, the last of which gives the job
 * back. The two meet only in the inbox (mutex) and in `post`.
 *
 * Admission: in order of tier, first come first served within one; a job is
 * admitted when a sequence is free and the cells that its prompt and its
 * longest possible reply need are not promised to others, so a reply, once
 * begun, never runs out of cells.
 *
 * Prefixes: what the store has of a prompt is restored before it is read, a
 * bounded number of tokens a step; a job whose prefix another job is computing
 * is parked until it is there, and so is one whose blocks are read from disk.
 *
 * Deterministic mode: one job at a time, prompt pieces cut at absolute
 * multiples of SCHEDULER_BLOCK and at checkpoints, the number of threads fixed. */
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
#include "engine/model.h"
#include "engine/prefix_store.h"

#define SCHEDULER_BLOCK 256u
#define SCHEDULER_TIERS 4

struct scheduler;

/* Made and freed by the front thread. Between scheduler_submit and its last
 * event only the model thread touches it, but for is_cancelled. */
struct job {
    struct arena arena; /* owns what request points to */
    struct engine_request request;
    struct model_tokens tokens; /* the prompt */
    struct prefix_job prefix;   /* points to the two above, and into the arena */
    struct model_grammar *grammar; /* NULL: none */
    uint64_t queued_us;
    atomic_bool is_cancelled;
    void *owner; /* the front's */
    struct job *next; /* in a queue of the scheduler */

    /* model thread */
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
};
void event_free(struct event *event);

struct scheduler_options {
    struct model *model;
    struct broker_client *broker;
    struct prefix_store *prefixes; /* NULL: no cache */
    bool is_deterministic;
    uint32_t chunk_max; /* prompt tokens of one step while replies run */
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
uint64_t scheduler_queued_tokens(const struct scheduler *scheduler); /* of jobs not admitted */

/* Prompt tokens for the next step, given the time allowed and measured costs.
 * Pure, for tests. token_us 0: nothing measured yet. */
uint32_t scheduler_chunk(double budget_us, double decode_us, double token_us, uint32_t room);

#endif
