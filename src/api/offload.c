/* offload.c - one piece of work on libuv's pool while the exchange is pinned. Knows no operation. See offload.h. */
#include "api/offload.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic uint64_t running, total;

static void on_close(struct http_exchange *exchange)
{
    struct offload *offload = exchange->user;
    offload->is_gone = true;
}

/* A FIFO, each byte of which lets one through. */
static void pass_gate(void)
{
    const char *gate = getenv("FULCRUM_OFFLOAD_GATE");
    char byte;
    bool is_shut = gate != NULL;
    while (is_shut) {
        const int fd = open(gate, O_RDONLY | O_CLOEXEC); /* waits for the other side */
        is_shut = fd >= 0 && read(fd, &byte, 1) != 1;
        if (fd >= 0)
            (void)close(fd);
    }
}

static void on_work(uv_work_t *work)
{
    struct offload *offload = work->data;
    pass_gate();
    offload->run(offload->ctx);
}

static void finish(struct offload *offload)
{
    struct http_exchange *exchange = offload->exchange;
    bool is_gone = offload->is_gone;
    exchange->user = NULL;
    exchange->on_close = NULL;
    if (!is_gone)
        http_unpin(exchange); /* first: `done` may answer, and then the exchange is gone */
    offload->done(offload->ctx, is_gone);
    if (is_gone)
        http_unpin(exchange);
}

static void on_worked(uv_work_t *work, int status)
{
    (void)status; /* never cancelled */
    atomic_fetch_sub(&running, 1);
    finish(work->data);
}

void offload_start(struct offload *offload, struct http_exchange *exchange, void (*run)(void *ctx),
                   void (*done)(void *ctx, bool is_gone), void *ctx)
{
    *offload = (struct offload){.exchange = exchange, .run = run, .done = done, .ctx = ctx, .work.data = offload};
    exchange->user = offload;
    exchange->on_close = on_close;
    exchange->on_drain = NULL; /* whoever set it reads `user` as something else */
    http_pin(exchange);
    atomic_fetch_add(&total, 1);
    atomic_fetch_add(&running, 1);
    if (uv_queue_work(exchange->loop, &offload->work, on_work, on_worked) == 0)
        return;
    atomic_fetch_sub(&running, 1);
    run(ctx);
    finish(offload);
}

struct offload_counters offload_counters(void)
{
    return (struct offload_counters){.running = atomic_load(&running), .total = atomic_load(&total)};
}
