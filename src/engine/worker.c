/* worker.c - see worker.h. */
#include "engine/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/must.h"
#include "core/util.h"
#include "engine/embedded.h"
#include "engine/embedder.h"
#include "engine/link.h"
#include "engine/prompt_memo.h"
#include "engine/scheduler.h"
#include "jinja/examine.h"

#define HEARTBEAT_MS 100u
#define INLINE_TEXT_MAX ((size_t)64 << 10) /* more text and grammar is worked on in libuv's pool */
#define REQUEST_ARENA_MAX ((size_t)2 * PROTOCOL_PAYLOAD_MAX)

struct front;

/* One link to an I/O thread of the gateway. */
struct front_port {
    struct front *worker;
    struct link link;
    struct front_call *calls; /* doubly linked */
};

/* A request from its frame to its last event. Front thread; while `work` is
 * queued the pool thread that prepares it. */
struct front_call {
    struct job job; /* owner points back here */
    struct embed_job embed; /* likewise; of FRAME_EMBED, with the job's arena */
    struct front_port *port; /* NULL once the link is gone */
    uint32_t id;
    enum frame_type type; /* what asked for it */
    struct prompt_recall recall;
    bool is_cancelled, is_submitted;
    uv_work_t work;
    struct error error; /* of preparing */
    struct front_call *previous, *next;
};

struct front {
    uv_loop_t loop;
    struct link control;
    struct front_port *ports;
    unsigned port_count;
    struct broker broker;
    struct broker_client client;
    struct frame_config config;
    struct arena arena; /* strings of config */
    bool has_config;
    pthread_t thread;
    uv_async_t wake;
    uv_timer_t heartbeat;

    pthread_mutex_t mutex; /* guards the three below: from the model thread to the front */
    struct event *events, **events_end;
    struct embed_job *embedded;
    bool is_loaded;

    bool is_up; /* front: HELLO or FATAL was sent */
    struct prompt_memo memo;
    struct model *model; /* set by the model thread before is_loaded */
    struct scheduler *scheduler; /* NULL where there is an embedder */
    struct embedder *embedder;   /* of a model that makes embeddings; else NULL */
    struct prefix_store *prefixes;
    struct error load_error;
    struct examination examined; /* the model's template; its texts lie in `arena` */
};

/* --- model thread ----------------------------------------------------------------------------------- */

static void post(void *ctx, struct event *events)
{
    struct front *w = ctx;
    struct event **end = &events->next;
    while (*end != NULL)
        end = &(*end)->next;
    pthread_mutex_lock(&w->mutex);
    *w->events_end = events;
    w->events_end = end;
    pthread_mutex_unlock(&w->mutex);
    uv_async_send(&w->wake);
}

static void post_embedded(void *ctx, struct embed_job *jobs)
{
    struct front *w = ctx;
    pthread_mutex_lock(&w->mutex);
    struct embed_job **end = &w->embedded;
    while (*end != NULL)
        end = &(*end)->next;
    *end = jobs;
    pthread_mutex_unlock(&w->mutex);
    uv_async_send(&w->wake);
}

/* Disk thread. Nothing is read before the scheduler, which asks for it, is there. */
static void wake_scheduler(void *ctx)
{
    const struct front *w = ctx;
    scheduler_wake(w->scheduler);
}

/* Asked to give the same bits always, and a batch's other rows would change them: one request at a time. */
static bool is_serial(const struct front *w)
{
    return w->config.deterministic && !model_facts(w->model)->is_row_independent;
}

static enum error_code load_prefixes(struct front *w, struct error *error)
{
    const struct frame_config *config = &w->config;
    const struct prefix_store_options options = {
        .model = w->model,
        .policy = (enum cache_policy_kind)config->cache_policy,
        .memory_bytes = config->cache_memory_bytes,
        .disk_dir = config->cache_dir.len > 0 ? config->cache_dir.data : NULL,
        .disk_bytes = config->cache_disk_bytes,
        .on_progress = wake_scheduler,
        .ctx = w,
        .is_serial = is_serial(w),
    };
    if (config->cache_memory_bytes == 0)
        return OK;
    enum error_code code = prefix_store_new(&options, &w->prefixes, error);
    for (size_t i = 0; i < config->tenant_count && code == OK; i++) {
        const struct frame_tenant *tenant = &config->tenants[i];
        code = prefix_store_set_tenant(w->prefixes, tenant->name, tenant->floor_bytes, tenant->ceiling_bytes, error);
    }
    return code;
}

static struct scheduler_tiers tiers_of(const struct frame_config *config)
{
    struct scheduler_tiers tiers = {
        .is_objective = config->is_objective,
        .objective = (double)config->objective,
        .age_us = config->age_ms * 1000,
        .batch_age_us = config->batch_age_ms * 1000,
        .batch_step_us = config->batch_step_ms * 1000,
        .parked_bytes = config->parked_bytes,
    };
    for (size_t i = 0; i < TIERS; i++)
        tiers.deadline_us[i] = config->deadline_ms[i] * 1000;
    return tiers;
}

static enum error_code make_scheduler(struct front *w, struct error *error)
{
    const struct frame_config *config = &w->config;
    if (load_prefixes(w, error) != OK)
        return error->code;
    const struct scheduler_options scheduler = {
        .tiers = tiers_of(config),
        .model = w->model,
        .broker = &w->client,
        .prefixes = w->prefixes,
        .is_serial = is_serial(w),
        .chunk_max = (uint32_t)(config->prefill_chunk_tokens < UINT32_MAX ? config->prefill_chunk_tokens : UINT32_MAX),
        .post = post,
        .ctx = w,
    };
    w->scheduler = scheduler_new(&scheduler);
    return w->scheduler == NULL ? error_no_memory(error) : OK;
}

static enum error_code make_embedder(struct front *w, struct error *error)
{
    const struct embedder_options embedder = {
        .model = w->model, .broker = &w->client, .is_serial = is_serial(w), .post = post_embedded, .ctx = w};
    w->embedder = embedder_new(&embedder);
    return w->embedder == NULL ? error_no_memory(error) : OK;
}

/* Families that chat/template.h writes itself need no examination. A template that can't be examined keeps no model
 * from being served: its prompts are ChatML's then. */
static void examine(struct front *w)
{
    const struct model_facts *facts = model_facts(w->model);
    const struct examined_source source = {str_of(facts->chat_template), facts->begin_text, facts->end_text};
    struct error error;
    for (size_t i = 0; i < TEMPLATE_PIECES; i++)
        w->examined.around.pieces[i] = STR("");
    if (template_detect(source.text) != TEMPLATE_GENERIC || facts->embedding != 0)
        return;
    if (jinja_examine(&source, &w->arena, &w->examined, &error) != OK)
        snprintf(w->examined.hindrance, sizeof(w->examined.hindrance), "it was not examined: %.120s", error.message);
    if (!w->examined.is_measured)
        log_event(LOG_WARN, "template_replaced", LOG_S("model", w->config.name),
                  LOG_C("because", w->examined.hindrance), LOG_C("by", "chatml"));
}

static enum error_code load(struct front *w, struct error *error)
{
    const struct frame_config *config = &w->config;
    char name[256];
    struct model_options options = {
        .path = config->path.len > 0 ? config->path.data : NULL,
        .adapter = config->adapter.len > 0 ? config->adapter.data : NULL,
        .context = config->context,
        .parallel = config->parallel,
        .threads = config->threads,
        .kv_bytes = config->kv_bytes,
    };
    if (options.path == NULL) {
        snprintf(name, sizeof(name), "%s.gguf", config->name.data);
        options.bytes = embedded_file(str_of(name));
        if (options.bytes.data == NULL)
            return error_set(error, ERROR_INVALID, "no model of this name is embedded in this build; set its path");
    }
    const enum error_code code = model_load(&options, &w->model, error);
    if (code != OK)
        return code;
    examine(w);
    if (is_serial(w))
        log_event(LOG_WARN, "deterministic_is_serial", LOG_S("model", config->name),
                  LOG_C("because_of", model_facts(w->model)->row_hindrance));
    broker_client_init(&w->client, &w->broker, config->broker_slot, model_facts(w->model)->threads,
                       is_serial(w));
    uint32_t tasks[BROKER_TASKS_MAX];
    const size_t count = model_compute_tasks(w->model, tasks, BROKER_TASKS_MAX);
    for (size_t i = 0; i < count; i++)
        broker_client_watch(&w->client, tasks[i]);
    return model_facts(w->model)->embedding != 0 ? make_embedder(w, error) : make_scheduler(w, error);
}

static void *model_main(void *arg)
{
    struct front *w = arg;
    struct error error = {.code = OK};
    const enum error_code code = load(w, &error);
    pthread_mutex_lock(&w->mutex);
    w->load_error = error;
    w->load_error.code = code;
    w->is_loaded = true;
    pthread_mutex_unlock(&w->mutex);
    uv_async_send(&w->wake);
    if (code == OK && w->embedder != NULL)
        embedder_run(w->embedder);
    else if (code == OK)
        scheduler_run(w->scheduler);
    return NULL;
}

/* --- calls ------------------------------------------------------------------------------------------ */

static void free_call(struct front_call *call)
{
    if (call->port != NULL) {
        if (call->next != NULL)
            call->next->previous = call->previous;
        if (call->previous != NULL)
            call->previous->next = call->next;
        else
            call->port->calls = call->next;
    }
    embed_job_deinit(&call->embed);
    grammar_free(call->job.grammar);
    model_tokens_deinit(&call->job.tokens);
    arena_deinit(&call->job.arena);
    mem_free(call);
}

/* Frames are lost only when the gateway reads nothing any more; then its link is dropped. */
static void sent(struct front_port *port)
{
    if (!link_end(&port->link))
        port->link.handlers.on_broken(port);
}

static void send_failed(struct front_port *port, uint32_t id, const struct error *error)
{
    protocol_put_failed(link_begin(&port->link), id, error);
    sent(port);
}

static void fail_call(struct front_call *call, const struct error *error)
{
    if (call->port != NULL && !call->is_cancelled)
        send_failed(call->port, call->id, error);
    free_call(call);
}

/* The reference service's words: frameworks look for them and shorten the conversation. The maximum is the context;
 * a prompt that just fills it leaves no token for a reply. */
#define TOO_LONG "Input is too long for requested model: prompt is too long: "

static enum error_code check_queue(const struct front *w, enum tier tier, uint64_t queued, uint64_t more,
                                   struct error *error)
{
    if (queued == 0 || queued + more <= w->config.queue_tokens)
        return OK;
    return error_set(error, ERROR_THROTTLED, "%llu prompt tokens of tier %s wait already; try again later",
                     (unsigned long long)queued, tier_names[tier]);
}

static enum error_code check_size(const struct front *w, const struct front_call *call, struct error *error)
{
    const struct model_facts *facts = model_facts(w->model);
    const size_t count = call->job.tokens.count;
    if (count >= facts->context)
        return error_set(error, ERROR_INVALID, TOO_LONG "%zu tokens > %u maximum", count,
                         count > facts->context ? facts->context : facts->context - 1);
    if (count == 0)
        return error_set(error, ERROR_INVALID, "the prompt is empty");
    const enum tier tier = call->job.request.tier;
    return check_queue(w, tier, scheduler_queued_tokens(w->scheduler, (uint8_t)tier), count, error);
}

/* A reply must fit into a frame. */
static enum error_code check_inputs(const struct front *w, const struct front_call *call, struct error *error)
{
    const enum tier tier = call->embed.wanted.tier;
    const size_t most = PROTOCOL_PAYLOAD_MAX / (4 * ((size_t)model_facts(w->model)->embedding + 1)) - 1;
    if (call->embed.wanted.count > most)
        return error_set(error, ERROR_INVALID, "input: at most %zu inputs of this model in a request", most);
    return check_queue(w, tier, embedder_queued_tokens(w->embedder, tier), embed_job_tokens(&call->embed), error);
}

/* Of a model that writes no embeddings are wanted, or of one that makes them something else than a count. */
static enum error_code check_kind(const struct front *w, enum frame_type type, struct error *error)
{
    if (type == FRAME_COUNT || (type == FRAME_EMBED) == (w->embedder != NULL))
        return OK;
    return error_set(error, ERROR_INVALID, type == FRAME_EMBED
                                               ? "model: this one writes text and makes no embeddings"
                                               : "model: this one makes embeddings and no replies");
}

static void send_counted(struct front_call *call)
{
    protocol_put_counted(link_begin(&call->port->link), call->id, (uint32_t)call->job.tokens.count);
    sent(call->port);
    free_call(call);
}

/* Here and not on the model thread: what it does now may take long, and only what it stores and drops is shared. */
static void send_warm(struct front *w, struct front_call *call)
{
    struct engine_warmth warmth;
    prefix_store_warmth(w->prefixes, &call->job.prefix, &warmth);
    protocol_put_warm(link_begin(&call->port->link), call->id, &warmth);
    sent(call->port);
    prompt_memo_put(&w->memo, &call->job, &call->recall);
    free_call(call);
}

/* Prepared (or failed to be): answer, refuse or queue. */
static void dispatch(struct front *w, struct front_call *call)
{
    struct error error = call->error;
    if (call->port == NULL || call->is_cancelled) {
        free_call(call);
        return;
    }
    if (error.code == OK && call->type == FRAME_GENERATE)
        error.code = check_size(w, call, &error);
    if (error.code == OK && call->type == FRAME_EMBED)
        error.code = check_inputs(w, call, &error);
    if (error.code != OK) {
        fail_call(call, &error);
        return;
    }
    if (call->type == FRAME_COUNT) {
        send_counted(call);
        return;
    }
    if (call->type == FRAME_WARMTH) {
        send_warm(w, call);
        return;
    }
    if (call->type == FRAME_EMBED) {
        call->is_submitted = true;
        embedder_submit(w->embedder, &call->embed);
        return;
    }
    must(!call->is_submitted && call->type == FRAME_GENERATE, "a request is queued once", LOG_I("call", call->id),
         LOG_I("type", call->type));
    call->is_submitted = true;
    call->job.queued_us = clock_now_us();
    scheduler_submit(w->scheduler, &call->job);
}

/* Of the segments from `first` on. */
static size_t text_len(const struct engine_request *request, size_t first)
{
    size_t len = 0;
    for (size_t i = first; i < request->segment_count; i++)
        len += request->segments[i].text.len;
    return len;
}

static void add_mark(struct job *job, struct prefix_mark *marks, const struct engine_segment *segment,
                     uint32_t position)
{
    if (segment->is_template && !segment->ends_checkpoint)
        return;
    marks[job->prefix.mark_count++] = (struct prefix_mark){
        .position = position,
        .ttl_seconds = segment->ends_checkpoint ? segment->ttl_seconds : 0,
    };
}

static enum error_code find_tokens(const struct model *model, struct front_call *call)
{
    const struct engine_request *request = &call->job.request;
    const struct prompt_recall *recall = &call->recall;
    struct model_tokens *tokens = &call->job.tokens;
    struct prefix_mark *marks = ARENA_ARRAY(&call->job.arena, struct prefix_mark, request->segment_count + 1);
    enum error_code code = marks ? OK : error_no_memory(&call->error);
    if (code == OK && recall->segments == 0)
        code = model_tokenize_begin(model, tokens, &call->error);
    for (size_t i = 0; i < request->segment_count && code == OK; i++) {
        const struct engine_segment *segment = &request->segments[i];
        const bool is_known = i < recall->segments;
        if (!is_known)
            code = model_tokenize(model, segment->text, segment->is_template, tokens, &call->error);
        const uint32_t end = is_known ? recall->ends[i] : (uint32_t)tokens->count;
        if (!is_known && recall->ends != NULL)
            recall->ends[i] = end;
        if (code == OK)
            add_mark(&call->job, marks, segment, end);
    }
    call->job.prefix = (struct prefix_job){
        .request = request, .tokens = tokens, .marks = marks, .mark_count = call->job.prefix.mark_count};
    return code;
}

/* Any thread: the prompt's tokens and the grammar's rules, so that the model
 * thread waits for neither. A text that can't fit whatever its tokens are is not
 * tokenised. */
static void prepare(const struct model *model, struct front_call *call)
{
    const struct engine_request *request = &call->job.request;
    const struct model_facts *facts = model_facts(model);
    const size_t at_least = text_len(request, 0) / facts->piece_max;
    call->error.code = OK;
    if (call->type == FRAME_EMBED) {
        call->error.code = embed_job_prepare(model, &call->embed, &call->job.arena, &call->error);
        return;
    }
    if (call->type == FRAME_GENERATE && at_least > facts->context) {
        (void)error_set(&call->error, ERROR_INVALID, TOO_LONG "%zu tokens > %u maximum, counted no further", at_least,
                        facts->context);
        return;
    }
    enum error_code code = find_tokens(model, call);
    if (code == OK && request->grammar.len > 0)
        code = grammar_new(request->grammar, request->observes_grammar ? GRAMMAR_OBSERVED : GRAMMAR_ENFORCED,
                           model_vocabulary(model), &call->job.grammar, &call->error);
    call->error.code = code;
}

static void on_work(uv_work_t *work)
{
    struct front_call *call = work->data;
    prepare(((struct front *)work->loop->data)->model, call);
}

static void flush_ports(struct front *w)
{
    for (unsigned i = 0; i < w->port_count; i++)
        link_flush(&w->ports[i].link);
}

static void on_work_done(uv_work_t *work, int status)
{
    struct front *w = work->loop->data;
    (void)status;
    dispatch(w, work->data);
    flush_ports(w);
}

static struct front_call *new_call(struct front_port *port, uint32_t id)
{
    struct front_call *call = mem_calloc(1, sizeof(*call));
    if (call == NULL)
        return NULL;
    arena_init(&call->job.arena, REQUEST_ARENA_MAX);
    call->job.owner = call->embed.owner = call;
    call->port = port;
    call->id = id;
    call->work.data = call;
    call->next = port->calls;
    if (port->calls != NULL)
        port->calls->previous = call;
    port->calls = call;
    return call;
}

static struct front_call *find_call(const struct front_port *port, uint32_t id)
{
    struct front_call *call = port->calls;
    while (call != NULL && call->id != id)
        call = call->next;
    return call;
}

static void cancel_call(struct front *w, struct front_call *call)
{
    call->is_cancelled = true;
    atomic_store(&call->embed.is_cancelled, true);
    if (call->is_submitted && call->type == FRAME_GENERATE)
        scheduler_cancel(w->scheduler, &call->job);
}

static bool decode(struct front_call *call, struct str payload)
{
    struct engine_request *request = &call->job.request;
    struct arena *arena = &call->job.arena;
    struct engine_segment *segments = NULL;
    if (call->type == FRAME_GENERATE)
        return protocol_get_generate(payload, arena, request);
    if (call->type == FRAME_EMBED)
        return protocol_get_embed(payload, arena, &call->embed.wanted);
    if (call->type == FRAME_WARMTH)
        return protocol_get_warmth(payload, arena, request);
    const bool good = protocol_get_count(payload, arena, &segments, &request->segment_count);
    request->segments = segments;
    return good;
}

/* The payload is copied whole: the request's strings then point into the copy. */
static bool on_request(struct front_port *port, const struct frame_header *header, struct str payload)
{
    struct front *w = port->worker;
    struct error error;
    struct str copy;
    struct front_call *call = find_call(port, header->call) == NULL ? new_call(port, header->call) : NULL;
    if (call == NULL)
        return false;
    if (!arena_str(&call->job.arena, payload, &copy)) {
        (void)error_no_memory(&error);
        fail_call(call, &error);
        return true;
    }
    const struct engine_request *request = &call->job.request;
    call->type = header->type;
    if (!decode(call, copy)) {
        free_call(call);
        return false;
    }
    if (check_kind(w, call->type, &error) != OK) {
        fail_call(call, &error);
        return true;
    }
    if (call->type == FRAME_WARMTH || (call->type == FRAME_GENERATE && w->memo.count > 0))
        prompt_memo_recall(&w->memo, &call->job, &call->recall);
    const bool is_costly = request->grammar.len > 0 && !request->observes_grammar; /* may grow by its repetitions */
    const size_t work = call->type == FRAME_EMBED
                            ? payload.len
                            : text_len(request, call->recall.segments) + request->grammar.len;
    if ((is_costly || work > INLINE_TEXT_MAX) &&
        uv_queue_work(&w->loop, &call->work, on_work, on_work_done) == 0)
        return true;
    prepare(w->model, call);
    dispatch(w, call);
    return true;
}

static struct engine_prefix prefix_said(const struct prefix_kept *kept)
{
    return (struct engine_prefix){
        .tenant = str_of(kept->tenant),
        .tokens = kept->tokens,
        .own_tokens = kept->own_tokens,
        .bytes = kept->bytes,
        .hits = kept->hits,
        .is_on_disk = kept->place == CACHE_DISK,
        .expires_s = kept->expires_s == PREFIX_NEVER ? ENGINE_NEVER : kept->expires_s,
        .idle_s = kept->idle_s,
    };
}

/* At once, between two frames: it takes one look into the tree. */
static bool on_prefixes(struct front_port *port, uint32_t id, struct str payload)
{
    struct frame_prefixes wanted;
    struct prefixes found;
    struct engine_prefix items[ENGINE_PREFIXES_MAX];
    struct error error;
    if (!protocol_get_prefixes(payload, &wanted))
        return false;
    if (!prefix_store_list(port->worker->prefixes, wanted.tenant, wanted.most, &found)) {
        (void)error_no_memory(&error);
        send_failed(port, id, &error);
        return true;
    }
    struct engine_prefix_tenant *tenants = mem_calloc(found.share_count + 1, sizeof(*tenants));
    struct engine_prefixes kept = {.items = items, .tenants = tenants, .count = found.kept_count,
                                   .tenant_count = tenants ? found.share_count : 0, .is_partial = found.is_partial};
    for (size_t i = 0; i < kept.count; i++)
        items[i] = prefix_said(&found.kept[i]);
    for (size_t i = 0; i < kept.tenant_count; i++)
        tenants[i] = (struct engine_prefix_tenant){str_of(found.shares[i].tenant), found.shares[i].bytes[CACHE_MEMORY],
                                                   found.shares[i].bytes[CACHE_DISK]};
    protocol_put_kept(link_begin(&port->link), id, &kept);
    sent(port);
    mem_free(tenants);
    prefixes_free(&found);
    return true;
}

static bool on_port_frame(void *ctx, const struct frame_header *header, struct str payload)
{
    struct front_port *port = ctx;
    if (!port->worker->is_up)
        return false;
    if (header->type == FRAME_PREFIXES) {
        const bool good = on_prefixes(port, header->call, payload);
        link_flush(&port->link);
        return good;
    }
    if (header->type == FRAME_GENERATE || header->type == FRAME_COUNT || header->type == FRAME_WARMTH ||
        header->type == FRAME_EMBED) {
        const bool good = on_request(port, header, payload);
        link_flush(&port->link);
        return good;
    }
    if (header->type != FRAME_CANCEL || payload.len != 0)
        return false;
    struct front_call *call = find_call(port, header->call);
    if (call != NULL)
        cancel_call(port->worker, call);
    return true;
}

static void on_port_broken(void *ctx)
{
    struct front_port *port = ctx;
    while (port->calls != NULL) {
        struct front_call *call = port->calls;
        port->calls = call->next;
        call->port = NULL;
        call->previous = call->next = NULL;
        cancel_call(port->worker, call);
    }
    link_close(&port->link);
}

static void on_port_closed(void *ctx)
{
    (void)ctx; /* ports live as long as the process */
}

/* --- events of the scheduler ------------------------------------------------------------------------ */

static void put_text(struct buf *out, uint32_t id, const struct event *event)
{
    const struct frame_text frame = {
        .text = buf_str(&event->text),
        .tokens = event->text_tokens,
        .count = event->logprob_count,
        .certainty = event->certainty,
        .records = buf_str(&event->logprobs),
    };
    protocol_put_text(out, id, &frame);
    out->failed = out->failed || event->logprobs.failed;
}

static void send_event(struct front_port *port, uint32_t id, const struct event *event)
{
    struct buf *out = link_begin(&port->link);
    switch (event->kind) {
    case EVENT_STARTED: protocol_put_started(out, id, &event->started); break;
    case EVENT_TEXT: put_text(out, id, event); break;
    case EVENT_FINISHED: protocol_put_finished(out, id, &event->finished); break;
    case EVENT_FAILED: protocol_put_failed(out, id, event->error); break;
    case EVENT_GONE: return;
    }
    sent(port);
}

static void on_event(struct event *event)
{
    struct front_call *call = event->job->owner;
    must(call->is_submitted, "the scheduler speaks of jobs that it was given", LOG_I("call", call->id),
         LOG_I("event", event->kind));
    if (call->port != NULL && !call->is_cancelled)
        send_event(call->port, call->id, event);
    if (event->kind >= EVENT_FINISHED)
        free_call(call);
    event_free(event);
}

static void on_embedded(struct front *w, struct embed_job *job)
{
    struct front_call *call = job->owner;
    const struct engine_embeddings made = {.width = model_facts(w->model)->embedding, .count = job->wanted.count,
                                           .tokens = job->counts, .values = job->values};
    if (job->error.code != OK) {
        fail_call(call, &job->error);
        return;
    }
    if (call->port != NULL && !call->is_cancelled) {
        protocol_put_embedded(link_begin(&call->port->link), call->id, &made);
        sent(call->port);
    }
    free_call(call);
}

static void say_hello(struct front *w)
{
    w->is_up = true;
    struct buf *out = link_begin(&w->control);
    if (w->load_error.code != OK) {
        protocol_put_fatal(out, str_of(w->load_error.message));
    } else {
        const struct model_facts *facts = model_facts(w->model);
        struct engine_model_info info = {
            .parameters = facts->parameters,
            .context = facts->context,
            .vocabulary = facts->vocabulary,
            .parallel = facts->parallel,
            .can_cut_state = facts->state_kind == MODEL_STATE_ATTENTION,
            .is_row_independent = facts->is_row_independent,
            .embedding = facts->embedding,
            .chat_template = facts->chat_template,
            .has_generic = w->examined.is_measured,
            .generic = w->examined.around,
        };
        memcpy(info.fingerprint, facts->fingerprint, sizeof(info.fingerprint));
        memcpy(info.architecture, facts->architecture, sizeof(info.architecture));
        memcpy(info.row_hindrance, facts->row_hindrance, sizeof(info.row_hindrance));
        protocol_put_hello(out, &info);
    }
    if (!link_end(&w->control))
        _exit(1);
    link_flush(&w->control);
}

static void on_wake(uv_async_t *wake)
{
    struct front *w = wake->loop->data;
    pthread_mutex_lock(&w->mutex);
    struct event *event = w->events;
    struct embed_job *job = w->embedded;
    w->embedded = NULL;
    const bool is_loaded = w->is_loaded;
    w->events = NULL;
    w->events_end = &w->events;
    pthread_mutex_unlock(&w->mutex);
    if (is_loaded && !w->is_up)
        say_hello(w);
    while (event != NULL) {
        struct event *next = event->next;
        on_event(event);
        event = next;
    }
    while (job != NULL) {
        struct embed_job *next = job->next;
        on_embedded(w, job);
        job = next;
    }
    flush_ports(w);
}

/* --- control link ----------------------------------------------------------------------------------- */

static bool on_control_frame(void *ctx, const struct frame_header *header, struct str payload)
{
    struct front *w = ctx;
    struct str copy;
    if (header->type != FRAME_CONFIG || w->has_config || !arena_str(&w->arena, payload, &copy) ||
        !protocol_get_config(copy, &w->arena, &w->config) || w->config.broker_slot >= BROKER_SLOTS)
        return false;
    w->has_config = true;
    struct str *const texts[] = {&w->config.name, &w->config.path, &w->config.adapter, &w->config.cache_dir};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        texts[i]->data = arena_strdup(&w->arena, *texts[i]);
        if (texts[i]->data == NULL)
            return false;
    }
    log_configure((enum log_level)w->config.log_level, (enum log_format)w->config.log_format);
    return pthread_create(&w->thread, NULL, model_main, w) == 0;
}

/* The gateway is gone, or wants us gone. Model and requests are nothing worth
 * saving, and a step may run for long: leave at once. */
static void on_control_broken(void *ctx)
{
    (void)ctx;
    _exit(0);
}

static void on_control_closed(void *ctx)
{
    (void)ctx;
}

static void on_heartbeat(uv_timer_t *timer)
{
    struct front *w = timer->loop->data;
    if (w->has_config)
        atomic_store(&w->broker.page->slots[w->config.broker_slot].heartbeat_us, clock_now_us());
}

/* --- process ---------------------------------------------------------------------------------------- */

static enum error_code open_links(struct front *w, struct error *error)
{
    static const struct link_handlers control = {on_control_frame, on_control_broken, on_control_closed};
    static const struct link_handlers port = {on_port_frame, on_port_broken, on_port_closed};
    enum error_code code = broker_attach(&w->broker, PROTOCOL_FD_BROKER, error);
    for (unsigned i = 0; i < w->port_count && code == OK; i++) {
        w->ports[i].worker = w;
        code = link_open(&w->ports[i].link, &w->loop, PROTOCOL_FD_PORTS + (int)i, &port, &w->ports[i], error);
    }
    return code == OK ? link_open(&w->control, &w->loop, PROTOCOL_FD_CONTROL, &control, w, error) : code;
}

int worker_run(unsigned ports)
{
    struct error error;
    struct front *w = mem_must_calloc(1, sizeof(*w));
    w->ports = mem_must_calloc(ports + 1, sizeof(*w->ports));
    w->port_count = ports;
    w->events_end = &w->events;
    arena_init(&w->arena, 1u << 20);
    pthread_mutex_init(&w->mutex, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* sent to the whole group; the gateway drains first and then closes our link */
    signal(SIGTERM, SIG_IGN);
    uv_loop_init(&w->loop);
    w->loop.data = w;
    uv_async_init(&w->loop, &w->wake, on_wake);
    uv_timer_init(&w->loop, &w->heartbeat);
    uv_timer_start(&w->heartbeat, on_heartbeat, 0, HEARTBEAT_MS);
    if (open_links(w, &error) != OK) {
        fprintf(stderr, "fulcrum worker: %s\n", error.message);
        return 1;
    }
    uv_run(&w->loop, UV_RUN_DEFAULT);
    return 0;
}
