/* scrape.c - see scrape.h. */
#include "upstream/scrape.h"

#include <math.h>

#include "core/limits.h"
#include "core/log.h"
#include "core/util.h"
#include "upstream/replica_metrics.h"
#include "upstream/wire.h"

#define PERIOD_MS 2000
#define CONNECT_MS 1000
#define ANSWER_MS 2000

/* A replica, and the question that is under way. */
struct look {
    struct replica *replica;
    struct transfer *transfer; /* NULL: none is */
    struct arena arena;        /* of its headers */
    struct buf text;
    long status;
    bool is_told; /* that it says nothing */
};

struct scrape {
    struct transport *transport;
    struct upstreams *upstreams;
    uv_timer_t timer;
    bool is_reader; /* the one of all threads */
    size_t count;
    struct look looks[];
};

/* --- what comes ------------------------------------------------------------------------------------- */

static void keep(struct look *look)
{
    struct replica_report *report = &look->replica->report;
    const struct replica_metrics said =
        replica_metrics_read(look->replica->upstream->config->server, buf_str(&look->text));
    if (said.running < 0 || said.waiting < 0)
        return;
    atomic_store(&report->running, (uint32_t)said.running);
    atomic_store(&report->waiting, (uint32_t)said.waiting);
    atomic_store(&report->kv_permille, (uint32_t)lround(fmax(0, said.kv_use) * 1000));
    atomic_store(&report->heard_us, clock_now_us());
}

static void on_head(void *ctx, const struct transfer_head *head)
{
    struct look *look = ctx;
    look->status = head->status;
}

static void on_bytes(void *ctx, struct str bytes)
{
    struct look *look = ctx;
    buf_append_str(&look->text, bytes);
}

static void end(struct look *look)
{
    if (look->transfer)
        transfer_end(look->transfer);
    look->transfer = NULL;
    arena_reset(&look->arena);
    buf_deinit(&look->text);
}

static void on_done(void *ctx, enum transfer_fault fault, const char *what)
{
    struct look *look = ctx;
    if (fault == TRANSFER_DONE && look->status == 200 && !look->text.failed) {
        keep(look);
    } else if (!look->is_told) {
        look->is_told = true;
        log_event(LOG_WARN, "upstream_metrics", LOG_C("upstream", look->replica->upstream->config->name),
                  LOG_C("at", replica_name(look->replica)), LOG_I("status", look->status),
                  LOG_C("what", fault == TRANSFER_DONE ? "its metrics can't be read: are they turned on?" : what));
    }
    end(look);
}

/* --- asking ----------------------------------------------------------------------------------------- */

static void ask(struct scrape *scrape, struct look *look)
{
    static const struct transfer_events events = {on_head, on_bytes, on_done};
    const struct wire_ask wanted = {.use = WIRE_METRICS};
    struct transfer_request request;
    struct error ignored; /* there is a next time */
    if (look->transfer)
        return;
    look->status = 0;
    buf_init(&look->text, (size_t)limit(replica_metrics_bytes));
    if (wire_write(look->replica, &wanted, &look->arena, &request, &ignored) != OK)
        return;
    request.connect_ms = CONNECT_MS;
    request.first_byte_ms = request.idle_ms = ANSWER_MS;
    look->transfer = transfer_start(scrape->transport, &request, &events, look, &ignored);
}

static void on_timer(uv_timer_t *timer)
{
    struct scrape *scrape = timer->data;
    bool is_read = false;
    if (!scrape->is_reader)
        scrape->is_reader = atomic_compare_exchange_strong(&scrape->upstreams->is_scraped, &is_read, true);
    for (size_t i = 0; i < scrape->count && scrape->is_reader; i++)
        ask(scrape, &scrape->looks[i]);
}

/* --- the scrape ------------------------------------------------------------------------------------- */

static bool is_looked_at(const struct upstream *upstream)
{
    return upstream->affinity && upstream->config->server != UPSTREAM_SERVER_ANY;
}

static void add_looks(struct scrape *scrape, struct upstream *upstream)
{
    for (size_t i = 0; i < upstream->replica_count && is_looked_at(upstream); i++) {
        struct look *look = &scrape->looks[scrape->count++];
        look->replica = &upstream->replicas[i];
        arena_init(&look->arena, 0);
    }
}

enum error_code scrape_open(struct transport *transport, struct upstreams *upstreams, struct scrape **scrape,
                            struct error *error)
{
    size_t count = 0;
    *scrape = NULL;
    for (size_t i = 0; i < upstreams->count; i++)
        count += is_looked_at(&upstreams->items[i]) ? upstreams->items[i].replica_count : 0;
    if (count == 0)
        return OK;
    struct scrape *made = mem_calloc(1, sizeof(*made) + count * sizeof(made->looks[0]));
    if (!made)
        return error_no_memory(error);
    made->transport = transport;
    made->upstreams = upstreams;
    for (size_t i = 0; i < upstreams->count; i++)
        add_looks(made, &upstreams->items[i]);
    uv_timer_init(transport_loop(transport), &made->timer);
    made->timer.data = made;
    uv_timer_start(&made->timer, on_timer, 0, PERIOD_MS);
    *scrape = made;
    return OK;
}

static void on_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

void scrape_close(struct scrape *scrape)
{
    if (!scrape)
        return;
    for (size_t i = 0; i < scrape->count; i++) {
        end(&scrape->looks[i]);
        arena_deinit(&scrape->looks[i].arena);
    }
    if (scrape->is_reader)
        atomic_store(&scrape->upstreams->is_scraped, false);
    uv_close((uv_handle_t *)&scrape->timer, on_closed);
}
