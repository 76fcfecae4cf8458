/* /healthz, /readyz and /metrics. */
#include <assert.h>
#include <inttypes.h>

#include "alarm/alarms.h"
#include "api/call.h"
#include "api/offload.h"
#include "api/openmetrics.h"
#include "api/operations.h"
#include "core/condition.h"
#include "generate/route_doubt.h"
#include "generate/routing.h"
#include "generate/shadow.h"
#include "invocations/invocations.h"
#include "keys/keys.h"
#include "recall/recall.h"
#include "store/disk.h"
#include "traces/traces.h"
#include "upstream/metrics.h"

#define METRICS_TEXT_MAX (16u << 20)
#define READY_TEXT_MAX (64u << 10)

void health_alive(struct api_call *call)
{
    call_respond(call, 200, STR("text/plain; charset=utf-8"), STR("ok\n"));
}

/* Ready is: every model answers, no condition is down, and the server is not going down. Says everything that is
 * wrong, and below "ready" what somebody should know. */
void health_ready(struct api_call *call)
{
    const struct api *api = call->thread->api;
    struct buf wrong, out;
    buf_init(&wrong, READY_TEXT_MAX);
    if (atomic_load(&api->is_draining))
        buf_append_text(&wrong, "draining\n");
    const struct model_list *list = registry_list(api->models);
    for (size_t i = 0; i < list->count; i++)
        if (!list->models[i]->upstream && !engine_model_is_ready(api->engine, list->models[i]->worker))
            buf_appendf(&wrong, "model %s is not ready\n", list->models[i]->name);
    const bool is_ready = wrong.len == 0 && !condition_any_down();

    buf_init(&out, READY_TEXT_MAX);
    buf_append_text(&out, is_ready ? "ready\n" : "");
    buf_append_str(&out, buf_str(&wrong));
    condition_append_text(&out);
    if (api->work->upstreams)
        upstreams_append_notes(api->work->upstreams, &out);
    call_respond(call, is_ready ? 200 : 503, STR("text/plain; charset=utf-8"), buf_str(&out));
    buf_deinit(&wrong);
    buf_deinit(&out);
}

/* A metric without labels. */
struct metrics_row {
    const char *name, *type, *help;
    uint64_t value;
};

static void append_rows(struct buf *out, const struct metrics_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        metrics_append_head(out, rows[i].name, rows[i].type, rows[i].help);
        buf_append_text(out, rows[i].name);
        buf_append_char(out, ' ');
        buf_append_u64(out, rows[i].value);
        buf_append_char(out, '\n');
    }
}

/* Those of `list` that have a worker, in memory of the caller's to free; NULL: no memory. */
static struct model_list *workers_of(const struct model_list *list)
{
    struct model_list *workers = mem_calloc(1, sizeof(*workers) + list->count * sizeof(workers->models[0]));
    for (size_t i = 0; workers && i < list->count; i++)
        if (!list->models[i]->upstream)
            workers->models[workers->count++] = list->models[i];
    return workers;
}

static void append_engine(struct buf *out, const struct api *api, const struct model_list *list)
{
    static const struct {
        const char *name, *type, *help;
        size_t offset;
    } rows[] = {
        {"fulcrum_engine_prefilled_tokens_total", "counter", "Prompt tokens that the engine computed.",
         offsetof(struct engine_counters, prefilled_tokens)},
        {"fulcrum_engine_generated_tokens_total", "counter", "Tokens that the engine sampled.",
         offsetof(struct engine_counters, generated_tokens)},
        {"fulcrum_engine_steps_total", "counter", "Steps of the engine, one llama_decode each.",
         offsetof(struct engine_counters, steps)},
        {"fulcrum_engine_recomputed_tokens_total", "counter",
         "Tokens computed again, because their state was lost while the request was preempted.",
         offsetof(struct engine_counters, recomputed_tokens)},
        {"fulcrum_cache_evicted_blocks_total", "counter", "Blocks of prefixes that left the cache for want of room.",
         offsetof(struct engine_counters, cache_evicted)},
        {"fulcrum_worker_restarts_total", "counter", "Times the model's worker was started again.",
         offsetof(struct engine_counters, restarts)},
        {"fulcrum_queue_depth", "gauge", "Requests that wait for their first token.",
         offsetof(struct engine_counters, queue_depth)},
        {"fulcrum_requests_running", "gauge", "Requests whose tokens are being made.",
         offsetof(struct engine_counters, running)},
    };
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        metrics_append_head(out, rows[row].name, rows[row].type, rows[row].help);
        for (size_t model = 0; model < list->count; model++) {
            struct engine_counters counters;
            uint64_t value;
            engine_counters(api->engine, list->models[model]->worker, &counters);
            memcpy(&value, (const char *)&counters + rows[row].offset, sizeof(value));
            metrics_append_model(out, rows[row].name, list->models[model]->name, value);
        }
    }
    metrics_append_head(out, "fulcrum_model_ready", "gauge", "1 when the model's worker answers.");
    for (size_t model = 0; model < list->count; model++)
        metrics_append_model(out, "fulcrum_model_ready", list->models[model]->name,
                             engine_model_is_ready(api->engine, list->models[model]->worker));
    metrics_append_head(out, "fulcrum_model_row_independent", "gauge",
                        "1 when the bits of a reply do not depend on what runs beside it.");
    for (size_t model = 0; model < list->count; model++) {
        const struct engine_model_info *info = engine_model_info(api->engine, list->models[model]->worker);
        metrics_append_model(out, "fulcrum_model_row_independent", list->models[model]->name,
                             info != NULL && info->is_row_independent);
    }
}

/* Of the engine's queue and steps, by tier. */
static void append_tiers(struct buf *out, const struct api *api, const struct model_list *list)
{
    static const struct {
        const char *name, *type, *help;
        size_t offset;
    } rows[] = {
        {"fulcrum_tier_queued", "gauge", "Requests that wait to be admitted, by tier.",
         offsetof(struct engine_counters, tier_queued)},
        {"fulcrum_tier_running", "gauge", "Requests that hold a sequence of the engine, by tier.",
         offsetof(struct engine_counters, tier_running)},
        {"fulcrum_tier_preempted", "gauge", "Requests that gave their place to a higher tier, by tier.",
         offsetof(struct engine_counters, tier_preempted)},
        {"fulcrum_tier_preemptions_total", "counter", "Times that requests were preempted, by tier.",
         offsetof(struct engine_counters, tier_preemptions)},
    };
    struct engine_counters counters;
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        metrics_append_head(out, rows[row].name, rows[row].type, rows[row].help);
        for (size_t model = 0; model < list->count; model++) {
            uint64_t values[TIERS];
            engine_counters(api->engine, list->models[model]->worker, &counters);
            memcpy(values, (const char *)&counters + rows[row].offset, sizeof(values));
            for (size_t tier = 0; tier < TIERS; tier++) {
                buf_appendf(out, "%s{model=\"%s\",tier=\"%s\"} ", rows[row].name, list->models[model]->name,
                            tier_names[tier]);
                buf_append_u64(out, values[tier]);
                buf_append_char(out, '\n');
            }
        }
    }
}

/* How long steps took, and how far the predictions were off. */
static void append_steps(struct buf *out, const struct api *api, const struct model_list *list)
{
    struct engine_counters counters;
    metrics_append_head(out, "fulcrum_engine_step_seconds_total", "counter", "Time spent in steps of the engine.");
    for (size_t model = 0; model < list->count; model++) {
        engine_counters(api->engine, list->models[model]->worker, &counters);
        buf_appendf(out, "fulcrum_engine_step_seconds_total{model=\"%s\"} %.6f\n", list->models[model]->name,
                    (double)counters.steps_us / 1e6);
    }
    metrics_append_head(out, "fulcrum_engine_step_error_seconds_total", "counter",
                        "Distance of the predicted duration of steps from the measured one.");
    for (size_t model = 0; model < list->count; model++) {
        engine_counters(api->engine, list->models[model]->worker, &counters);
        buf_appendf(out, "fulcrum_engine_step_error_seconds_total{model=\"%s\"} %.6f\n", list->models[model]->name,
                    (double)counters.steps_error_us / 1e6);
    }
}

/* What each model keeps of prompts, by where it is kept. */
static void append_cache(struct buf *out, const struct api *api, const struct model_list *list)
{
    static const char *const tiers[] = {"memory", "disk"};
    static const struct {
        const char *name, *help;
        size_t offsets[sizeof(tiers) / sizeof(tiers[0])];
    } rows[] = {
        {"fulcrum_cache_bytes", "Bytes of prefix states, but for copies on disk of what is in memory.",
         {offsetof(struct engine_counters, cache_bytes), offsetof(struct engine_counters, cache_disk_bytes)}},
        {"fulcrum_cache_tokens", "Prompt tokens whose state is kept.",
         {offsetof(struct engine_counters, cache_tokens), offsetof(struct engine_counters, cache_disk_tokens)}},
    };
    struct engine_counters counters;
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        metrics_append_head(out, rows[row].name, "gauge", rows[row].help);
        for (size_t model = 0; model < list->count; model++) {
            engine_counters(api->engine, list->models[model]->worker, &counters);
            for (size_t tier = 0; tier < sizeof(tiers) / sizeof(tiers[0]); tier++) {
                uint64_t value;
                memcpy(&value, (const char *)&counters + rows[row].offsets[tier], sizeof(value));
                buf_appendf(out, "%s{model=\"%s\",tier=\"%s\"} %" PRIu64 "\n", rows[row].name,
                            list->models[model]->name, tiers[tier], value);
            }
        }
    }
}

static void append_workers(struct buf *out, const struct api *api, const struct model_list *list)
{
    struct model_list *workers = workers_of(list);
    if (workers) {
        append_engine(out, api, workers);
        append_tiers(out, api, workers);
        append_steps(out, api, workers);
        append_cache(out, api, workers);
    } else {
        out->failed = true;
    }
    mem_free(workers);
}

static void append_documents(struct buf *out, const struct api *api)
{
    struct extractor_counters counters;
    extractor_counters(api->extractor, &counters);
    const struct metrics_row rows[] = {
        {"fulcrum_document_extractions_total", "counter", "Processes started to read a document.",
         counters.extractions},
        {"fulcrum_document_failures_total", "counter", "Of them, those that gave no text.", counters.failures},
        {"fulcrum_document_cache_hits_total", "counter", "Documents whose text was known already.",
         counters.cache_hits},
        {"fulcrum_document_shared_total", "counter", "Documents that waited for another request's process.",
         counters.shared},
        {"fulcrum_document_queue_depth", "gauge", "Documents that wait to be read.", counters.waiting},
        {"fulcrum_document_cache_bytes", "gauge", "Bytes of texts that are kept.", counters.cache_bytes},
        {"fulcrum_document_cache_documents", "gauge", "Documents whose text is kept.", counters.cache_documents},
    };
    append_rows(out, rows, sizeof(rows) / sizeof(rows[0]));
}

static void append_server(struct buf *out, const struct api *api)
{
    const struct server *server = atomic_load(&api->server);
    if (!server)
        return;
    struct server_counters counters;
    server_counters(server, &counters);
    const struct metrics_row rows[] = {
        {"fulcrum_connections", "gauge", "Open client connections.", counters.connections_open},
        {"fulcrum_connections_total", "counter", "Client connections accepted.", counters.connections_total},
        {"fulcrum_connections_refused_total", "counter", "Client connections that found no room.",
         counters.connections_refused_total},
        {"fulcrum_connections_displaced_total", "counter", "Connections at rest that were closed to make room.",
         counters.connections_displaced_total},
        {"fulcrum_http_requests_total", "counter", "HTTP requests read.", counters.requests_total},
        {"fulcrum_protocol_errors_total", "counter", "Broken HTTP that was refused.", counters.protocol_errors_total},
        {"fulcrum_received_bytes_total", "counter", "Bytes from clients.", counters.bytes_in_total},
        {"fulcrum_sent_bytes_total", "counter", "Bytes to clients.", counters.bytes_out_total},
    };
    append_rows(out, rows, sizeof(rows) / sizeof(rows[0]));
    const struct offload_counters work = offload_counters();
    const struct metrics_row offloaded[] = {
        {"fulcrum_offloaded_running", "gauge", "Work on large bodies and in databases, beside the I/O threads.",
         work.running},
        {"fulcrum_offloaded_total", "counter", "Such work begun.", work.total},
    };
    append_rows(out, offloaded, sizeof(offloaded) / sizeof(offloaded[0]));
}

static void append_ledger(struct buf *out, const struct api *api)
{
    struct ledger_counters counters;
    ledger_counters(api->ledger, &counters);
    const struct metrics_row rows[] = {
        {"fulcrum_ledger_lines_total", "counter", "Lines put into ledger.db.", counters.lines},
        {"fulcrum_ledger_errors_total", "counter", "Times that the ledger's files refused.", counters.errors},
        {"fulcrum_ledger_journal_bytes", "gauge", "Journal on the disk.", counters.journal_bytes},
    };
    append_rows(out, rows, sizeof(rows) / sizeof(rows[0]));
}

/* Under the names of the service's metrics, and what those do not say. */
static void append_invocations(struct buf *out, const struct api *api)
{
    struct invocations_counters counters;
    if (!api->invocations)
        return;
    invocations_counters(api->invocations, &counters);
    const struct metrics_row rows[] = {
        {"ModelInvocationLogsS3DeliverySuccess", "counter", "Objects of invocation log records that were put.",
         counters.delivered},
        {"ModelInvocationLogsS3DeliveryFailure", "counter", "Tries that failed, and records that were lost.",
         counters.failed},
        {"ModelInvocationLargeDataS3DeliverySuccess", "counter", "Objects of bodies that were put.",
         counters.large_delivered},
        {"ModelInvocationLargeDataS3DeliveryFailure", "counter", "Tries that failed, and bodies that were lost.",
         counters.large_failed},
        {"fulcrum_invocation_log_records_total", "counter", "Records that were delivered.", counters.records},
        {"fulcrum_invocation_log_queue_bytes", "gauge", "Of records on their way to the disk.", counters.queue_bytes},
        {"fulcrum_invocation_log_spool_bytes", "gauge", "Of files that wait to be delivered.", counters.spool_bytes},
    };
    append_rows(out, rows, sizeof(rows) / sizeof(rows[0]));
    static const char lost[] = "fulcrum_invocation_log_lost_total";
    metrics_append_head(out, lost, "counter", "Records that were lost, by what there was no room or place for.");
    buf_appendf(out, "%s{at=\"memory\"} %" PRIu64 "\n%s{at=\"disk\"} %" PRIu64 "\n%s{at=\"destination\"} %" PRIu64 "\n",
                lost, counters.lost_memory, lost, counters.lost_disk, lost, counters.lost_destination);
}

static void append_recall(struct buf *out, const struct api *api)
{
    const struct recall_figures figures = recall_figures(api->work->recall);
    const struct metrics_row rows[] = {
        {"fulcrum_response_cache_hits_total", "counter", "Requests whose answer was there.", figures.hits},
        {"fulcrum_response_cache_misses_total", "counter", "Requests whose answer was looked for and had to be made.",
         figures.misses},
        {"fulcrum_response_cache_evicted_total", "counter", "Answers that made room for others.", figures.evicted},
        {"fulcrum_response_cache_entries", "gauge", "Answers that are kept.", figures.entries},
        {"fulcrum_response_cache_bytes", "gauge", "Of them.", figures.bytes},
    };
    append_rows(out, rows, sizeof(rows) / sizeof(rows[0]));
}

static void append_traces(struct buf *out, const struct api *api)
{
    struct traces_counters counters;
    traces_counters(api->traces, &counters);
    const struct metrics_row rows[] = {
        {"fulcrum_traces_spans_total", "counter", "Spans that the receiver of traces has taken.", counters.sent},
        {"fulcrum_traces_dropped_total", "counter", "Spans that were lost, for want of room or at the receiver.",
         counters.dropped},
        {"fulcrum_traces_queue_bytes", "gauge", "Of spans on their way to the receiver.", counters.queue_bytes},
    };
    append_rows(out, rows, sizeof(rows) / sizeof(rows[0]));
}

static void append_disk(struct buf *out)
{
    struct disk_figures figures;
    if (!disk_figures(&figures))
        return;
    const struct metrics_row rows[] = {
        {"fulcrum_disk_free_bytes", "gauge", "Free on the disk of the data directory.", figures.free_bytes},
        {"fulcrum_disk_reserve_bytes", "gauge", "Set aside there for journal and ledger.", figures.reserve_bytes},
    };
    append_rows(out, rows, sizeof(rows) / sizeof(rows[0]));
}

static void append_outcomes(struct buf *out, const char *router, const struct shadow_figures *figures)
{
    for (size_t i = 0; i < SHADOW_OUTCOMES; i++)
        buf_appendf(out, "fulcrum_shadow_requests_total{router=\"%s\",outcome=\"%s\"} %" PRIu64 "\n", router,
                    shadow_outcome_names[i], figures->outcomes[i]);
}

static void append_waiting(struct buf *out, const char *router, const struct shadow_figures *figures)
{
    buf_appendf(out, "fulcrum_shadow_waiting{router=\"%s\"} %" PRIu64 "\n", router, figures->waiting);
}

static void append_shadow_cost(struct buf *out, const char *router, const struct shadow_figures *figures)
{
    buf_appendf(out, "fulcrum_shadow_cost_picodollars_total{router=\"%s\"} %" PRIu64 "\n", router, figures->cost);
}

static void append_labels(struct buf *out, const char *router, const struct shadow_figures *figures)
{
    buf_appendf(out, "fulcrum_router_labels{router=\"%s\"} %" PRIu64 "\n", router, figures->labels);
}

static void append_quality(struct buf *out, const char *router, const struct shadow_figures *figures)
{
    static const char *const kinds[] = {"predicted", "found"};
    for (size_t i = 0; i < figures->count; i++)
        for (size_t kind = 0; figures->models[i].drift.count > 0 && kind < 2; kind++)
            buf_appendf(out, "fulcrum_router_quality{router=\"%s\",model=\"" STR_FMT "\",kind=\"%s\"} %.4f\n", router,
                        STR_ARG(figures->models[i].name), kinds[kind],
                        kind ? figures->models[i].drift.observed : figures->models[i].drift.predicted);
}

/* What routers learn from their own traffic; nothing where none does. */
static void append_learning(struct buf *out, const struct api *api)
{
    static const struct {
        const char *name, *type, *help;
        void (*append)(struct buf *out, const char *router, const struct shadow_figures *figures);
    } rows[] = {
        {"fulcrum_shadow_requests_total", "counter", "Requests that routers learn from, by what came of them.",
         append_outcomes},
        {"fulcrum_shadow_waiting", "gauge", "Of them, those whose other answers are not made yet.", append_waiting},
        {"fulcrum_shadow_cost_picodollars_total", "counter", "What the other answers cost, 10^-12 dollars.",
         append_shadow_cost},
        {"fulcrum_router_labels", "gauge", "Labels that are kept.", append_labels},
        {"fulcrum_router_quality", "gauge", "Of a router's model over its last labels, predicted and found.",
         append_quality},
    };
    const struct routers_config *routers = routers_config(api->config);
    for (size_t row = 0; api->work->shadow && row < sizeof(rows) / sizeof(rows[0]); row++) {
        struct shadow_figures figures;
        metrics_append_head(out, rows[row].name, rows[row].type, rows[row].help);
        for (size_t i = 0; i < routers->count; i++)
            if (shadow_figures(api->work->shadow, i, &figures))
                rows[row].append(out, routers->items[i].name, &figures);
    }
}

/* Answers of routers that make doubtful ones again; nothing where none does. */
static void append_doubts(struct buf *out, const struct api *api)
{
    static const char name[] = "fulcrum_router_answers_total";
    const struct routers_config *routers = routers_config(api->config);
    bool has_head = false;
    for (size_t i = 0; i < routers->count; i++) {
        if (!routers->items[i].escalate.below)
            continue;
        if (!has_head)
            metrics_append_head(out, name, "counter", "Answers of cheaper models, by whether they were good enough.");
        has_head = true;
        for (int k = 0; k < DOUBT_OUTCOMES; k++)
            buf_appendf(out, "%s{router=\"%s\",outcome=\"%s\"} %" PRIu64 "\n", name, routers->items[i].name,
                        doubt_outcome_names[k],
                        route_doubts_count(routing_doubts(api->work->routing), i, (enum doubt_outcome)k));
    }
}

/* Of the models that may be asked for: the counts of others are kept, and shown again when they are back. */
static void append_requests(struct buf *out, const struct api *api, const struct model_list *list,
                            struct metrics *const *sets, size_t set_count)
{
    const char *operation_names[METRICS_OPERATIONS_MAX];
    size_t operation_count = operations_count();
    assert(operation_count < METRICS_OPERATIONS_MAX);
    for (size_t i = 0; i < operation_count; i++)
        operation_names[i] = operations_at(i)->name;
    operation_names[operation_count++] = "none";
    const size_t name_count = registry_name_count(api->models);
    const char **names = mem_calloc(name_count + 1, sizeof(*names));
    for (size_t i = 0; names && i < list->count; i++)
        if (list->models[i]->index < name_count)
            names[list->models[i]->index] = list->models[i]->name;
    if (names)
        metrics_append(out, sets, set_count, operation_names, operation_count, names, name_count);
    else
        out->failed = true;
    mem_free((void *)names);
}

static void append_genai(struct buf *out, struct api *api)
{
    struct metrics_rows *sets[LIMIT_IO_THREADS];
    size_t count = 0;
    for (unsigned i = 0; i < api->thread_count; i++) {
        struct api_thread *thread = atomic_load(&api->threads[i]);
        if (thread)
            sets[count++] = &thread->genai;
    }
    metrics_genai_append(out, sets, count);
}

/* In the form that the scraper asks for. */
static void respond_metrics(struct api_call *call, const struct buf *text)
{
    const struct str accept = http_header_get(&call->exchange->request, "accept");
    struct buf out;
    if (text->failed || !accept.data || str_find(accept, STR(OPENMETRICS_TYPE), 0) < 0) {
        call_respond(call, text->failed ? 500 : 200, STR("text/plain; version=0.0.4; charset=utf-8"), buf_str(text));
        return;
    }
    buf_init(&out, METRICS_TEXT_MAX);
    openmetrics_append(&out, buf_str(text));
    call_respond(call, out.failed ? 500 : 200, STR(OPENMETRICS_TYPE "; version=1.0.0; charset=utf-8"), buf_str(&out));
    buf_deinit(&out);
}

void health_metrics(struct api_call *call)
{
    struct api *api = call->thread->api;
    const struct model_list *list = registry_list(api->models);
    struct metrics *sets[LIMIT_IO_THREADS + 2];
    size_t set_count = 0;
    for (unsigned i = 0; i < api->thread_count; i++) {
        struct api_thread *thread = atomic_load(&api->threads[i]);
        if (thread)
            sets[set_count++] = &thread->metrics;
    }
    sets[set_count++] = api->batch_metrics;
    sets[set_count++] = api->shadow_metrics;
    struct buf out;
    buf_init(&out, METRICS_TEXT_MAX);
    append_requests(&out, api, list, sets, set_count);
    append_genai(&out, api);
    append_workers(&out, api, list);
    if (api->work->upstreams)
        upstreams_append_metrics(api->work->upstreams, &out);
    append_documents(&out, api);
    append_server(&out, api);
    append_ledger(&out, api);
    append_invocations(&out, api);
    if (api->work->recall)
        append_recall(&out, api);
    append_traces(&out, api);
    append_disk(&out);
    append_learning(&out, api);
    append_doubts(&out, api);
    metrics_append_head(&out, "fulcrum_condition", "gauge", "What is wrong: 0 nothing, 1 note, 2 down.");
    condition_append_metrics(&out);
    alarms_append_metrics(api->alarms, &out);
    keys_append_metrics(api->keys, &out);
    respond_metrics(call, &out);
    buf_deinit(&out);
}
