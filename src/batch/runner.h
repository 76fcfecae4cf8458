/* runner.h - the thread that computes batch jobs, from inside: shared by
 * runner.c (which jobs, which record next), active.c (one claimed job) and
 * flight.c (one record on its way). Everything here belongs to that thread.
 *
 * A record's result goes into the job's log before its line goes into the
 * ledger, and nothing else is written before both are done. So after a crash
 * only the last result can lack its line; it is recorded again when the job is
 * opened, under the same request ID. What was in flight is computed again.
 *
 * Working files are those of one claim (fenced.h), and a runner that may have
 * lost its leases asks before it writes. So two runners at one job, of which one
 * does not know yet that it lost it, leave one result of each record: the
 * later claim's. */
#ifndef BATCH_RUNNER_H
#define BATCH_RUNNER_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "batch/background.h"
#include "batch/input.h"
#include "batch/job_db.h"
#include "batch/results.h"
#include "batch/setup.h"
#include "core/limits.h"
#include "core/table.h"
#include "core/util.h"
#include "generate/relayed_backend.h"
#include "generate/shadow.h"
#include "generate/work.h"

struct flight;
struct active;
struct relay;
struct transport;

struct flight_queue {
    struct flight *first, *last;
};

/* What one model has of batch jobs; stays where it is until the runner ends. */
struct runner_model {
    unsigned in_flight;
    struct flight *alone; /* it may have killed the engine before: nothing runs beside it */
    uint64_t resume_us;   /* nothing starts before */
};

/* One of the models that a claimed job's records ask for; of most jobs there is one. */
struct job_model {
    struct str id; /* in the job's strings, or its input's */
    struct batch_model model;
    struct runner_model *shared; /* with other jobs on that model; where it is not found, the runner's `nowhere` */
    bool is_found;
};

/* What is newest of a claimed job, for those who ask: the database gets it once
 * a second, and not at all while the disk is full. */
struct job_view {
    char id[JOB_ID_LEN + 1];
    struct batch_counts counts;
    uint64_t start_us, stop_us;
    char message[BATCH_MESSAGE_MAX];
};

struct runner {
    const struct batch_options *options;
    struct jobs *store;
    char owner[UUID_LEN + 1];
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t tick;
    struct background *background;
    struct work_port work;
    struct transport *transport; /* to providers' batches; NULL: none was needed yet */
    struct active *jobs; /* those that are claimed */
    size_t job_count;
    struct table models; /* struct runner_model, by the model's index */
    struct runner_model nowhere;
    size_t flight_bytes; /* lines of all records on their way */
    uint64_t looked_us; /* when the database was looked into */
    /* When leases were last renewed, and when that was tried. On the clock that goes on
     * while the process stands still; leases themselves are on the wall clock. */
    uint64_t renewed_us, tried_us;
    atomic_bool must_look;          /* somebody has added or stopped a job */
    atomic_bool is_draining, is_closing;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards the rest, which other threads read */
    pthread_cond_t quiet;
    bool is_quiet;
    struct job_view *views;
    size_t view_count, view_cap;
};

/* NULL: no memory. */
struct runner_model *runner_model_of(struct runner *runner, const struct model *model);

/* --- one record on its way --- */

enum flight_state { FLIGHT_READY, FLIGHT_RUNNING, FLIGHT_DONE };

struct flight {
    struct active *job;
    struct job_model *wants;
    struct batch_model model;    /* what that was when it was started last */
    struct runner_model *shared; /* likewise */
    struct flight *next, *previous;
    enum flight_state state;
    uint64_t number;
    unsigned tries; /* that ended with the engine's death or silence */
    struct arena arena;
    struct chat_request request;
    struct work *work;       /* in the arena, as long as it is on its way */
    struct route *route;     /* likewise; NULL: the job names no router */
    bool is_noted;           /* its router learns from it */
    struct shadow_case *noted; /* what it learns, since there is a reply: given once the log has that; may be NULL */
    bool is_relayed;         /* its reply came in a batch of its provider (relay.h)... */
    struct buf relayed_text; /* ...and this is it */
    struct relayed_backend relayed;
    bool is_placed, has_token;
    const struct model *answered; /* since it has a reply */
    size_t bytes; /* of its line, while it is on its way */
    char request_id[UUID_LEN + 1];
    struct chat_usage usage;
    struct price_quote quote;
    const struct model *doubted; /* likewise: whose reply was taken back before; NULL: none was */
    struct chat_usage doubted_usage;
    struct price_quote doubted_quote;
    struct buf line;    /* the ledger's, encoded; empty: it costs nothing */
    struct buf outcome; /* for the output */
    bool is_error;
};

struct flight *flight_new(struct active *job, uint64_t number, unsigned model);
void flight_free(struct flight *flight); /* ends what runs; NULL is legal */

/* Reads the record and hands it to the engine. It comes back by active_landed
 * or active_bounced, which may be before this returns. */
void flight_start(struct flight *flight);
/* The same for one whose model is not there, or was removed: its outcome says so. */
void flight_refuse(struct flight *flight);

/* --- one claimed job --- */

enum active_step {
    ACTIVE_OPENING, /* its input is prepared, or its results are read */
    ACTIVE_RELAYING, /* what goes to a provider's batches is written */
    ACTIVE_RUNNING,
    ACTIVE_PUTTING, /* its output is written */
};

struct active {
    struct runner *runner;
    struct active *next;
    struct arena arena; /* of job */
    struct batch_job job;
    struct job_claim claim;
    char dir[BATCH_PATH_MAX];
    struct job_model *models; /* since it was opened; one at least */
    size_t model_count;
    enum active_step step;

    struct background_task task;
    bool is_working; /* the task has not come back */
    bool may_prepare; /* the task may read the job's input; not when it was to be stopped already */
    atomic_bool is_cancelled;
    enum error_code outcome; /* of the task */
    struct error error;

    struct input *input;
    struct results *results;
    struct relay *relay; /* NULL: none of its records is relayed */
    uint64_t next_place;         /* in the order */
    struct flight *upcoming;     /* of the place before: the next to be started; NULL: not looked for */
    struct flight_queue running; /* with the engine */
    struct flight_queue again;   /* to be started again */
    struct flight_queue landed;  /* done, not in the log */
    struct buf unbilled;         /* line of the last result in the log, not in the ledger */
    bool is_stopping, is_expired;
    struct error broken;         /* why no further result can be kept; its code is OK while they can */
    bool is_lost;                /* another runner has it now */
    uint64_t retry_us;           /* waits for a disk or a store until then */
    bool is_waiting;             /* the message says for what */
    char message[BATCH_MESSAGE_MAX]; /* the job's */
    bool is_noted;               /* counts and message are in the database */
    uint64_t noted_us;
};

/* NULL: no memory. All that a claim needs is there before the job is claimed: one that is ours is in nobody's hands but
 * an active's. active_begin follows once job (its strings in the arena) and claim are filled. */
struct active *active_new(struct runner *runner);
void active_begin(struct active *active);
void active_free(struct active *active); /* not while is_working; ends its flights */

void active_tick(struct active *active, uint64_t now_us); /* all that is due */
void active_look(struct active *active);                  /* whether somebody wants it stopped */
void active_task_done(struct active *active);             /* its task has come back */
bool active_give_back(struct active *active);             /* to the database; false: something still runs */
void active_drop_running(struct active *active);          /* what the engine still works on is left */
bool active_is_over(const struct active *active);         /* may be freed */

/* The record that it would start now, NULL: none; and starting it. */
const struct flight *active_next(struct active *active, uint64_t now_us);
void active_start_next(struct active *active);
/* The record on this model that has to run alone, if it is the job's turn. */
struct flight *active_suspect(const struct active *active, const struct runner_model *model);

/* From flight.c: the record's outcome is there; it goes into the log. */
void active_landed(struct flight *flight);
/* It has to be tried again. `is_counted`: it may be the record's own fault. */
void active_bounced(struct flight *flight, const struct error *error, bool is_counted);

/* --- queues --- */

void flight_queue_add(struct flight_queue *queue, struct flight *flight);
void flight_queue_remove(struct flight_queue *queue, struct flight *flight);

/* --- the thread --- */

enum error_code runner_start(const struct batch_options *options, struct jobs *store, struct runner **runner,
                             struct error *error) WARN_UNUSED;
/* NULL: no memory. */
struct transport *runner_transport(struct runner *runner);
/* Claims a job and puts it behind the others; false: there is none to be had, or not now. */
bool runner_claim(struct runner *runner);
/* Whether its leases hold as far as it can know. If not (it stood still, or could not renew them), nothing is written
 * of a job before the database was asked whose it is. */
bool runner_may_write(const struct runner *runner);
void runner_look(struct runner *runner);        /* a job was added or is to be stopped; any thread */
/* Puts what is newest into `job`, as it was read from the database; any thread. False: no memory. */
bool runner_refresh(struct runner *runner, struct arena *arena, struct batch_job *job);
void runner_begin_drain(struct runner *runner); /* no further record is started; any thread */
void runner_wait_quiet(struct runner *runner, uint64_t timeout_ms); /* until jobs are put back; any other thread */
void runner_stop(struct runner *runner);        /* ends what still runs, joins, frees */

#endif
