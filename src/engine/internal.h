/* internal.h - what port.c (calls, on I/O threads), engine.c and supervisor.c
 * (worker processes, on the main thread) share. Nobody else includes it.
 *
 * Crossings between the threads: the mailbox of each port (mutex), and the
 * atomics of struct engine_model. */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "core/table.h"
#include "engine/broker.h"
#include "engine/engine.h"
#include "engine/link.h"

/* The socket of a fresh worker on its way to a port. */
struct offer {
    int fd;
    uint32_t model, generation; /* of the process behind it */
};

/* At most one offer of each model; there is always room for it. */
struct mailbox {
    pthread_mutex_t mutex;
    struct offer *offers;
    size_t offer_count, offer_cap;
    uv_async_t *wake; /* the port's; NULL before it exists and after it closed */
};

enum worker_state {
    WORKER_DOWN,
    WORKER_STARTING,
    WORKER_READY,
    WORKER_FAILED, /* never loaded, and will not */
    WORKER_GONE,   /* retired, or failed where somebody watches: nothing is left of it */
};

/* A figure of a worker's slot that should change, and for how many looks it did not. Counted in looks, not by the
 * clock: when the whole machine stood still there was one look, however long it took. */
struct watched {
    uint64_t value;
    uint32_t looks;
};

/* The process behind a model. Main thread only. */
struct worker {
    struct engine *engine;
    uint32_t index;                            /* of its model */
    uint32_t slot;                             /* in the broker's page, until it is WORKER_GONE */
    enum worker_state state;
    bool has_process, has_control, has_timer;  /* handles that are not closed yet */
    bool is_retiring;
    struct engine_watcher watcher; /* zeroed: nobody watches */
    uv_process_t process;
    struct link control;
    uv_timer_t restart; /* or, while it retires, until it is killed */
    int port_fds[LIMIT_IO_THREADS]; /* our ends, until HELLO */
    uint64_t started_us;
    uint32_t generation;            /* counts its processes */
    uint32_t burst;                 /* restarts in a row without a quiet minute */
    struct watched heartbeat, step, progress;
    struct error failure;           /* why it is WORKER_FAILED */
};

struct engine_model {
    const struct config_model *config;
    struct arena arena; /* of info */
    struct engine_model_info info_storage;
    _Atomic(const struct engine_model_info *) info;
    atomic_bool is_ready;
    _Atomic uint64_t waiting[TIERS], running, restarts;
    _Atomic uint32_t lost_generation; /* whose link a port had to drop */
    _Atomic(struct broker_slot *) slot; /* NULL: nothing is left of its worker */
    struct worker worker;
};

struct engine {
    const struct config *config;
    uv_loop_t *loop;
    unsigned port_count;
    struct table models; /* struct engine_model, by number */
    struct mailbox mailboxes[LIMIT_IO_THREADS];
    struct broker broker;
    uv_timer_t watch;
    bool has_watch, is_stopping;
};

/* NULL: there is none of that number. Any thread. */
static inline struct engine_model *engine_model_at(const struct engine *engine, size_t number)
{
    return table_at(&engine->models, number);
}

/* supervisor.c; main thread. */
enum error_code supervisor_init(struct engine *engine, struct error *error) WARN_UNUSED;
void supervisor_init_worker(struct engine *engine, struct worker *worker, uint32_t index, uint32_t slot);
void supervisor_start(struct worker *worker);
void supervisor_retire(struct worker *worker);
void supervisor_stop(struct engine *engine); /* until every process and handle is gone */

/* engine.c: gives a socket to a port; any thread. */
void engine_offer(struct engine *engine, unsigned port, uint32_t model, int fd, uint32_t generation);

#endif
