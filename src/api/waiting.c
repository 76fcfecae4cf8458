/* waiting.c - see waiting.h. The timer outlives whoever waits until its loop has closed it. */
#include "api/waiting.h"

#include <assert.h>

#include "core/limits.h"
#include "core/mem.h"

struct waiting {
    uv_timer_t timer;
    void (*on_wait)(void *ctx);
    void *ctx;
};

static void on_timer(uv_timer_t *timer)
{
    struct waiting *waiting = timer->data;
    waiting->on_wait(waiting->ctx);
}

struct waiting *waiting_begin(uv_loop_t *loop, void (*on_wait)(void *ctx), void *ctx)
{
    const uint64_t after_ms = limit(stream_wait_ms);
    struct waiting *waiting = mem_calloc(1, sizeof(*waiting));
    if (!waiting)
        return NULL;
    waiting->on_wait = on_wait;
    waiting->ctx = ctx;
    uv_timer_init(loop, &waiting->timer);
    waiting->timer.data = waiting;
    const int result = uv_timer_start(&waiting->timer, on_timer, after_ms, after_ms);
    assert(result == 0);
    (void)result;
    return waiting;
}

static void on_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

void waiting_end(struct waiting *waiting)
{
    if (waiting)
        uv_close((uv_handle_t *)&waiting->timer, on_closed);
}
