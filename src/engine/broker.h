/* broker.h - the page that gateway and workers share: CPU tokens, heartbeat, counters.
 *
 * CPU. ggml's threads spin at barriers, so two workers with a thread per core
 * each would mostly wait for threads that are not running. Every worker says
 * while it has work how many threads it could use, and asks before each step
 * how many it may: the cores are shared among those that have work, one each at
 * least. The answer is computed from the page, so lending costs nanoseconds and
 * a worker that goes idle frees its cores at the other's next step.
 *
 * Contention. Threads of strangers (a build, a batch job) are not in the page.
 * Each worker measures how long its own compute threads waited for a CPU
 * (run delay of /proc/self/task/N/schedstat). When that is more than a fifth
 * of the time (our own I/O threads cost a few percent, a stranger half), it
 * takes one thread less, and tries again after a while that doubles up to 16 s.
 *
 * Placement. With two threads and more each is bound to a core of its own:
 * beside a stranger the kernel's balancing by group weight else puts two
 * spinning threads on one core, where every barrier costs a time slice (230
 * tokens/s became 10). A single thread may run anywhere.
 *
 * Counters are written by the worker and read by the gateway. They are reset only when the slot goes to another
 * model, so they are exact at any moment and survive kill -9 of the worker.
 *
 * The page is a memfd: created by the gateway (broker_create), mapped by the
 * workers (broker_attach). A slot has one writer, the worker that owns it;
 * everything is atomic, any thread may read. */
#ifndef ENGINE_BROKER_H
#define ENGINE_BROKER_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/limits.h"
#include "engine/tier.h"

#define BROKER_SLOTS LIMIT_WORKERS

struct broker_slot {
    _Atomic uint32_t wanted;          /* threads the owner could use now; 0: idle */
    _Atomic uint32_t using;           /* threads of the present step */
    _Atomic uint64_t heartbeat_us;    /* clock_now_us of the front thread's last sign of life */
    _Atomic uint64_t step_began_us;   /* 0: no step is running */
    _Atomic uint64_t progress_us;     /* when the model thread last got on outside a step; 0: it sleeps */
    _Atomic uint64_t prefilled_tokens, generated_tokens, steps;
    _Atomic uint64_t cache_bytes, cache_tokens; /* prefix states in host memory now */
    _Atomic uint64_t cache_disk_bytes, cache_disk_tokens; /* and in files, but for copies of those */
    _Atomic uint64_t cache_evicted;             /* blocks */
    _Atomic uint64_t recomputed_tokens; /* whose state was lost while the request was preempted */
    _Atomic uint64_t steps_us, steps_error_us; /* duration of all steps; distance of the predictions from it */
    _Atomic uint64_t preemptions[TIERS];
    _Atomic uint64_t queued_tokens[TIERS]; /* of prompts that wait to be admitted, now */
    _Atomic uint32_t queued[TIERS], running[TIERS], preempted[TIERS]; /* requests, now */
    char pad[256 - 14 * sizeof(uint32_t) - 22 * sizeof(uint64_t)]; /* no line shared by two workers */
};

struct broker_page {
    _Atomic uint32_t cores;
    _Atomic uint32_t slot_count; /* slots that ever had an owner are below; steps look at no others */
    char pad[120];
    struct broker_slot slots[BROKER_SLOTS];
};
_Static_assert(sizeof(struct broker_slot) == 256, "a slot fills whole cache lines");

struct broker {
    struct broker_page *page;
    int fd;
};

enum error_code broker_create(struct broker *broker, struct error *error) WARN_UNUSED; /* gateway */
enum error_code broker_attach(struct broker *broker, int fd, struct error *error) WARN_UNUSED; /* worker */
void broker_deinit(struct broker *broker);
void broker_claim(struct broker *broker, uint32_t slot);   /* gateway: it goes to a model that is new */
void broker_release(struct broker *broker, uint32_t slot); /* gateway: its owner died */
uint32_t broker_cores(void);                               /* cores this process may run on */

/* For a process that takes what is left (a training), any of its threads: whether the one of this number, from 0 on,
 * finds a core that no worker wants. Workers that have only batch work count for none: that waits as well. */
bool broker_has_room(const struct broker *broker, uint32_t number);

/* --- the worker's side; the model thread -------------------------------------------------------------- */

#define BROKER_TASKS_MAX 128

/* Watches the run delay of this process's compute threads. */
struct broker_client {
    struct broker_page *page;
    struct broker_slot *slot;
    uint32_t threads_max;    /* what this worker would ever use */
    uint32_t ceiling;        /* what contention allows at present */
    bool is_fixed;           /* serial mode: always threads_max */
    uint32_t tasks[BROKER_TASKS_MAX]; /* thread ids of the compute threads */
    uint32_t task_count;
    cpu_set_t cores;         /* that this process may run on */
    uint32_t placed;         /* threads that placement was last made for */
    uint64_t window_began_us, window_busy_us, window_delay_us;
    uint64_t retry_at_us, retry_after_us;
};

void broker_client_init(struct broker_client *client, struct broker *broker, uint32_t slot, uint32_t threads_max,
                        bool is_fixed);
/* Says which threads compute, as /proc/self/task names them. */
void broker_client_watch(struct broker_client *client, uint32_t task);
/* Before a step: threads to use, 1 at least. */
uint32_t broker_client_begin(struct broker_client *client, uint64_t now_us);
void broker_client_end(struct broker_client *client, uint64_t now_us); /* after it */
void broker_client_idle(struct broker_client *client);                 /* nothing to do: all tokens go back */
/* Between steps, after whatever may take long: the model thread still gets on. */
void broker_client_progress(struct broker_client *client, uint64_t now_us);

#endif
