/* offload.h - work of one request on a thread of libuv's pool, so that the I/O thread goes on with its streams: what is
 * made of a large body, a question to a database.
 *
 * While the work runs, the exchange and its arena are the work's alone; the I/O thread touches neither, and the client
 * may leave (the exchange is kept, http_pin). Work that is started with a body of at most OFFLOAD_INLINE_BYTES is done
 * at once: crossing threads costs more than it takes.
 *
 * FULCRUM_OFFLOAD_GATE, for tests, names a FIFO: work begins when somebody opens it for writing. */
#ifndef API_OFFLOAD_H
#define API_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "net/http.h"

#define OFFLOAD_INLINE_BYTES ((size_t)65536)

/* In the exchange's arena. One piece of work at a time; may be used again from `done` on. */
struct offload {
    uv_work_t work;
    struct http_exchange *exchange;
    void *ctx;
    void (*run)(void *ctx);
    void (*done)(void *ctx, bool is_gone);
    bool is_gone;
};

/* Queues `run`, then calls `done` on the I/O thread. `is_gone`: the client has left, on_close was this module's; what
 * was made is to be freed, nothing may be answered, and the exchange is gone when `done` returns. Sets the exchange's
 * user and on_close, and takes its on_drain away; all are free again in `done`. Where the pool takes nothing more, both
 * run before this returns. */
void offload_start(struct offload *offload, struct http_exchange *exchange, void (*run)(void *ctx),
                   void (*done)(void *ctx, bool is_gone), void *ctx);

struct offload_counters {
    uint64_t running, total; /* queued or running now; begun since the start */
};
struct offload_counters offload_counters(void); /* any thread */

#endif
