/* upstream_backend.c - see upstream_backend.h. A reply is always asked for as a stream, which shows that it lives and
 * can be broken off; a server that answers whole all the same is read whole. */
#include "generate/upstream_backend.h"

#include "core/json.h"
#include "core/util.h"
#include "generate/upstream_body.h"
#include "generate/upstream_embed.h"
#include "model/resolve.h"
#include "upstream/asking.h"
#include "upstream/scrape.h"

#define ESTIMATE_BYTES 4            /* of text, for a token that nobody has counted */
#define MAX_TOKENS_USUAL 4096       /* where an API wants a maximum and nobody has said one */

struct upstream_backend {
    struct backend backend;
    struct upstreams *upstreams;
    struct transport *transport;
    struct scrape *scrape; /* NULL: no pool says what it has to do */
    struct chat_traits *traits[LIMIT_UPSTREAMS]; /* by the upstream, then by its model */
};

struct upstream_call;

/* One asking of a call. Where the first is slow to begin and the upstream has another replica that may be asked, a
 * second is begun (`hedge_after`): the one that shows a block first has the call, the other is ended. */
struct leg {
    struct upstream_call *call;
    struct asking *asking;       /* NULL: not begun, or ended */
    struct codec_reader *reader; /* of a stream */
    struct buf whole;            /* of a reply that is none */
    struct buf early;            /* its events before it has started: a JSON array of pairs without its end */
    struct str id;               /* what the upstream calls it, in the request's arena */
    bool is_stream;
    bool is_verbatim;            /* it is told in its own words too */
};

/* Begins the second leg; lives until the loop has let go of it. */
struct hedge {
    uv_timer_t timer;
    struct upstream_call *call;
};

struct upstream_call {
    struct backend_call call; /* the first member */
    struct upstream *upstream;
    const struct backend_job *job;
    const struct backend_events *events;
    void (*counted)(void *ctx, uint32_t tokens, const struct error *error); /* of a count */
    void (*embedded)(void *ctx, const struct embeddings *embeddings, const struct error *error); /* of embeddings */
    void *ctx;
    struct leg legs[2];
    struct leg *winner;            /* whose blocks are told; NULL: none has shown any */
    struct hedge *hedge;           /* NULL: there is no second leg to come */
    unsigned repeats;              /* of legs that have ended, and the second leg itself */
    bool passes_on;                /* the reply may be told in its own words */
    bool is_over;
    bool is_reading, is_ended;     /* a reader is at work; the call was ended meanwhile */
    uint64_t begun_us;
    uint64_t body_bytes, text_bytes; /* for estimates */
};

static struct upstream_backend *own(struct backend *backend)
{
    return (struct upstream_backend *)(void *)backend;
}

static const struct upstream *upstream_of(const struct backend *backend, const struct target *target)
{
    const struct upstream_backend *self = (const struct upstream_backend *)(const void *)backend;
    return upstreams_at(self->upstreams, target->model->upstream);
}

/* Of the replica that answers. */
static struct health *health_of(const struct leg *leg)
{
    return &asking_replica(leg->asking)->health;
}

static enum error_code prepare(const struct backend *backend, struct backend_job *job, struct error *error)
{
    return upstream_body_write(upstream_of(backend, job->target), job, error);
}

enum error_code upstream_backend_write_whole(const struct backend *backend, const struct config *config,
                                             const struct catalog_match *match, struct chat_request *request,
                                             struct buf *out, struct error *error)
{
    const struct target target = {.kind = TARGET_UPSTREAM, .model = match->model, .name = match->model->name,
                                  .match = match};
    const struct backend_job job = {.use = BACKEND_REPLY, .target = &target, .request = request};
    enum error_code code = chat_request_fits(request, backend->ops->traits(backend, &target), error);
    if (code != OK)
        return code;
    if (request->max_tokens == 0)
        request->max_tokens = upstream_backend_max_tokens(config, match);
    struct codec_form form = upstream_form(match->model->upstream, &job);
    form.is_stream = false;
    return wire_codec(match->model->upstream->kind)->request_write(request, &form, out, error);
}

/* --- usage ------------------------------------------------------------------------------------------ */

static bool is_counted(const struct chat_usage *usage)
{
    return usage->input_tokens + usage->cache_read_tokens + usage->cache_write_5m_tokens +
               usage->cache_write_1h_tokens >
           0;
}

/* The upstream's own words, and until those have come an estimate: what is broken off is charged too. */
static void take_usage(struct upstream_call *call, const struct chat_usage *said)
{
    struct chat_usage *usage = &call->call.usage;
    const uint64_t written = call->text_bytes / ESTIMATE_BYTES;
    if (is_counted(said))
        *usage = *said;
    else
        *usage = (struct chat_usage){.input_tokens = call->body_bytes / ESTIMATE_BYTES,
                                     .output_tokens = said->output_tokens};
    if (usage->output_tokens < written && !call->is_over)
        usage->output_tokens = written;
    if (!call->is_over)
        usage->note = CHAT_USAGE_ESTIMATED;
    call->call.cache.is_late = !is_counted(said) && !call->is_over;
    call->call.cache.read_tokens = (uint32_t)usage->cache_read_tokens;
    call->call.cache.write_1h_tokens = (uint32_t)usage->cache_write_1h_tokens;
    call->call.cache.write_tokens = (uint32_t)(usage->cache_write_5m_tokens + usage->cache_write_1h_tokens);
}

/* What of it counts at the end: the ledger's line is made of it. */
static void close_usage(struct upstream_call *call, const struct chat_reply *reply)
{
    const struct chat_usage *usage = &call->call.usage;
    const bool is_estimated = !is_counted(&reply->usage) || (reply->usage.output_tokens == 0 && call->text_bytes > 0);
    take_usage(call, &reply->usage);
    call->is_over = true;
    if (!is_estimated) {
        call->call.usage.output_tokens = reply->usage.output_tokens;
        call->call.usage.note = reply->usage.note;
    }
    const uint64_t tokens = usage->input_tokens + usage->cache_read_tokens + usage->cache_write_5m_tokens +
                            usage->cache_write_1h_tokens + usage->output_tokens;
    health_used(health_of(call->winner), tokens, is_estimated, reply->usage.note == CHAT_USAGE_ODD,
                call->call.first_token_us - call->begun_us);
}

/* --- events ----------------------------------------------------------------------------------------- */

static void free_hedge(uv_handle_t *handle)
{
    mem_free(handle->data);
}

static void drop_hedge(struct upstream_call *call)
{
    if (call->hedge)
        uv_close((uv_handle_t *)&call->hedge->timer, free_hedge);
    call->hedge = NULL;
}

static void end_asking(struct leg *leg)
{
    if (!leg->asking)
        return;
    leg->call->repeats += asking_repeats(leg->asking);
    asking_end(leg->asking);
    leg->asking = NULL;
}

static void end_leg(struct leg *leg)
{
    end_asking(leg);
    wire_codec(leg->call->upstream->config->kind)->stream_close(leg->reader);
    leg->reader = NULL;
    buf_deinit(&leg->whole);
    buf_deinit(&leg->early);
}

static void free_call(struct upstream_call *call)
{
    for (size_t i = 0; i < sizeof(call->legs) / sizeof(call->legs[0]); i++)
        end_leg(&call->legs[i]);
    mem_free(call);
}

static struct leg *other_leg(const struct leg *leg)
{
    struct upstream_call *call = leg->call;
    return leg == &call->legs[0] ? &call->legs[1] : &call->legs[0];
}

static void count_repeats(struct upstream_call *call)
{
    call->call.repeats = call->repeats;
    for (size_t i = 0; i < sizeof(call->legs) / sizeof(call->legs[0]); i++)
        if (call->legs[i].asking)
            call->call.repeats += asking_repeats(call->legs[i].asking);
}

/* The first block shows: nothing is asked again from here on, and nobody else has a say. */
static void show(struct leg *leg)
{
    struct upstream_call *call = leg->call;
    if (call->winner)
        return;
    call->winner = leg;
    drop_hedge(call);
    end_leg(other_leg(leg));
    count_repeats(call);
    asking_commit(leg->asking);
    call->call.upstream_id = leg->id;
    call->call.is_verbatim = leg->is_verbatim;
    call->call.first_token_us = clock_now_us();
    if (leg->reader)
        take_usage(call, &leg->reader->reply.usage);
    call->events->on_started(call->ctx);
}

/* --- its own words ---------------------------------------------------------------------------------- */

static void keep_early(struct leg *leg, struct str type, yyjson_val *root)
{
    buf_append_text(&leg->early, leg->early.len > 0 ? ",[" : "[[");
    buf_append_json(&leg->early, type);
    buf_append_char(&leg->early, ',');
    json_append(&leg->early, root);
    buf_append_char(&leg->early, ']');
}

/* What came before the reply had begun. */
static void tell_early(struct leg *leg)
{
    const struct upstream_call *call = leg->call;
    yyjson_doc *doc = NULL;
    yyjson_val *pair;
    struct error ignored;
    size_t i, max;
    if (leg->early.len == 0)
        return;
    buf_append_char(&leg->early, ']');
    if (json_parse_exact(buf_str(&leg->early), &doc, &ignored) != OK)
        doc = NULL;
    json_arr_foreach(doc ? yyjson_doc_get_root(doc) : NULL, i, max, pair)
        call->events->on_event(call->ctx, json_str(yyjson_arr_get_first(pair)), yyjson_arr_get_last(pair));
    json_free(doc);
    buf_clear(&leg->early);
}

static void on_event(void *ctx, struct str type, yyjson_val *root)
{
    struct leg *leg = ctx;
    const struct upstream_call *call = leg->call;
    if (call->is_ended)
        return;
    if (call->winner != leg) {
        keep_early(leg, type, root);
        return;
    }
    tell_early(leg);
    call->events->on_event(call->ctx, type, root);
}

static void on_block_start(void *ctx, size_t index, enum chat_block_kind kind, struct str id, struct str name)
{
    struct leg *leg = ctx;
    struct upstream_call *call = leg->call;
    show(leg);
    if (!call->is_ended)
        call->events->sink.block_start(call->events->sink.ctx, index, kind, id, name);
}

static void on_block_delta(void *ctx, size_t index, enum chat_block_kind kind, struct str text)
{
    struct leg *leg = ctx;
    struct upstream_call *call = leg->call;
    call->text_bytes += text.len;
    if (!call->is_ended)
        call->events->sink.block_delta(call->events->sink.ctx, index, kind, text);
}

static void on_block_stop(void *ctx, size_t index, enum chat_block_kind kind)
{
    struct leg *leg = ctx;
    struct upstream_call *call = leg->call;
    if (!call->is_ended)
        call->events->sink.block_stop(call->events->sink.ctx, index, kind);
}

/* The asker may be gone after it. */
static void finish(struct leg *leg, const struct chat_reply *reply)
{
    struct upstream_call *call = leg->call;
    struct str sequence = {0};
    asking_answered(leg->asking);
    call->is_reading = true;
    show(leg);
    call->is_reading = false;
    if (call->is_ended) {
        free_call(call);
        return;
    }
    tell_early(leg);
    close_usage(call, reply);
    if (reply->stop == CHAT_STOP_SEQUENCE)
        (void)arena_str(call->job->request->arena, reply->stop_sequence, &sequence);
    call->events->on_finished(call->ctx, reply->stop, sequence);
}

/* The leg can't answer; the other one still may. */
static void give_up(struct leg *leg, const struct error *error)
{
    struct upstream_call *call = leg->call;
    if (!call->winner && other_leg(leg)->asking) {
        end_leg(leg);
        return;
    }
    if (call->winner == leg && leg->reader) /* what came in the same piece as the failure counts, too */
        take_usage(call, &leg->reader->reply.usage);
    count_repeats(call);
    drop_hedge(call);
    call->events->on_failed(call->ctx, error);
}

static void fail(struct leg *leg, struct error *error)
{
    if (!asking_retry(leg->asking, error))
        give_up(leg, error);
}

static void keep_id(struct leg *leg, struct str id)
{
    if (id.len > 0)
        (void)arena_str(leg->call->job->request->arena, id, &leg->id);
    leg->call->call.upstream_id = leg->id;
}

/* --- what the upstream says ------------------------------------------------------------------------- */

static void on_reply(void *ctx, const struct transfer_head *head, bool is_stream)
{
    struct leg *leg = ctx;
    const enum upstream_kind kind = leg->call->upstream->config->kind;
    const struct codec *codec = wire_codec(kind);
    const struct chat_sink sink = {leg, on_block_start, on_block_delta, on_block_stop};
    codec->stream_close(leg->reader);
    leg->reader = is_stream ? codec->stream_open(wire_framing(kind), &sink) : NULL;
    leg->is_stream = is_stream;
    leg->is_verbatim = leg->call->passes_on && is_stream == leg->call->job->request->is_stream;
    if (leg->reader && leg->is_verbatim)
        leg->reader->event = on_event;
    buf_clear(&leg->early);
    leg->id = (struct str){NULL, 0};
    buf_clear(&leg->whole);
    keep_id(leg, wire_request_id(head));
    count_repeats(leg->call);
}

/* A step of the reader, whose events may end the call. False: it was, and is gone. */
static bool step(struct leg *leg, enum error_code *code, struct str bytes, bool is_end, struct error *error)
{
    struct upstream_call *call = leg->call;
    const struct codec *codec = leg->reader->codec;
    call->is_reading = true;
    *code = is_end ? codec->stream_finish(leg->reader, error) : codec->stream_parse(leg->reader, bytes, error);
    call->is_reading = false;
    if (call->is_ended) {
        free_call(call);
        return false;
    }
    if (!leg->id.data)
        keep_id(leg, leg->reader->reply.upstream_id);
    return true;
}

static void on_bytes(void *ctx, struct str bytes)
{
    struct leg *leg = ctx;
    struct upstream_call *call = leg->call;
    enum error_code code;
    struct error error;
    if (!leg->is_stream) {
        if (leg->whole.len + bytes.len > leg->whole.max || !buf_append_str(&leg->whole, bytes))
            fail(leg, (error_set(&error, ERROR_MODEL, "the upstream's reply is longer than the limit"), &error));
        return;
    }
    if (!leg->reader) {
        fail(leg, (error_no_memory(&error), &error));
        return;
    }
    if (!step(leg, &code, bytes, false, &error))
        return;
    if (code != OK) {
        fail(leg, &error);
    } else if (leg->reader->is_over) {
        finish(leg, &leg->reader->reply);
    } else if (call->winner) {
        take_usage(call, &leg->reader->reply.usage);
        call->events->on_progress(call->ctx);
    }
}

/* The blocks of a reply that came whole, as events. */
static void tell_whole(struct leg *leg, const struct chat_reply *reply)
{
    struct upstream_call *call = leg->call;
    const struct chat_sink sink = {leg, on_block_start, on_block_delta, on_block_stop};
    take_usage(call, &reply->usage); /* known before the first block shows */
    call->is_reading = true;
    for (size_t i = 0; i < reply->block_count && !call->is_ended; i++) {
        const struct chat_reply_block *block = &reply->blocks[i];
        sink.block_start(leg, i, block->kind, block->tool_id, block->tool_name);
        if (block->text.len > 0)
            sink.block_delta(leg, i, block->kind, block->text);
        if (block->signature.len > 0)
            sink.block_delta(leg, i, CHAT_SIGNATURE, block->signature);
        if (block->data.len > 0)
            sink.block_delta(leg, i, CHAT_REDACTED, block->data);
        sink.block_stop(leg, i, block->kind);
    }
    call->is_reading = false;
    if (call->is_ended)
        free_call(call);
    else
        finish(leg, reply);
}

static void read_whole(struct leg *leg)
{
    struct arena arena;
    struct chat_reply reply;
    struct error error;
    yyjson_doc *doc = NULL;
    const struct buf text = leg->whole; /* the call may be gone before what points into it */
    buf_init(&leg->whole, text.max);
    arena_init(&arena, 0);
    enum error_code code = json_parse_exact(buf_str(&text), &doc, &error);
    if (code == ERROR_INVALID)
        code = error.code = ERROR_MODEL;
    if (code == OK)
        code = wire_codec(leg->call->upstream->config->kind)->reply_parse(yyjson_doc_get_root(doc), &arena, &reply,
                                                                         &error);
    if (code != OK) {
        fail(leg, &error);
    } else {
        if (!leg->id.data)
            keep_id(leg, reply.upstream_id);
        if (leg->is_verbatim)
            leg->call->call.verbatim = yyjson_doc_get_root(doc);
        tell_whole(leg, &reply);
    }
    json_free(doc);
    arena_deinit(&arena);
    struct buf gone = text;
    buf_deinit(&gone);
}

static void on_end(void *ctx)
{
    struct leg *leg = ctx;
    enum error_code code;
    struct error error;
    if (!leg->is_stream) {
        read_whole(leg);
        return;
    }
    if (!leg->reader) {
        fail(leg, (error_no_memory(&error), &error));
        return;
    }
    if (!step(leg, &code, STR(""), true, &error))
        return;
    if (code == OK)
        finish(leg, &leg->reader->reply);
    else
        fail(leg, &error);
}

static void on_failed(void *ctx, const struct error *error)
{
    give_up(ctx, error);
}

/* --- the backend ------------------------------------------------------------------------------------ */

/* Of Anthropic's API, where the client speaks it too. */
static struct str api_version_of(const struct chat_request *request)
{
    return request->origin == wire_codec(UPSTREAM_ANTHROPIC) ? request->api_version : (struct str){NULL, 0};
}

static struct upstream_call *new_call(struct backend *backend, const struct backend_job *job, void *ctx,
                                      struct error *error)
{
    const struct upstream_body *body = job->prepared;
    struct upstream_call *call = mem_calloc(1, sizeof(*call));
    if (!call) {
        (void)error_no_memory(error);
        return NULL;
    }
    call->call.backend = backend;
    call->upstream = upstreams_at(own(backend)->upstreams, job->target->model->upstream);
    call->job = job;
    call->ctx = ctx;
    call->begun_us = clock_now_us();
    call->body_bytes = body->text.len;
    call->passes_on = upstream_is_passed_on(job, call->upstream->config);
    for (size_t i = 0; i < sizeof(call->legs) / sizeof(call->legs[0]); i++) {
        call->legs[i].call = call;
        buf_init(&call->legs[i].whole, (size_t)limit(upstream_reply_bytes));
        buf_init(&call->legs[i].early, (size_t)limit(upstream_event_bytes));
    }
    return call;
}

static enum wire_use wire_use_of(enum backend_use use)
{
    if (use == BACKEND_EMBED)
        return WIRE_EMBED;
    return use == BACKEND_COUNT ? WIRE_COUNT : WIRE_REPLY;
}

static bool begin_leg(struct leg *leg, uint64_t avoided, const struct asking_events *events, struct error *error)
{
    const struct upstream_call *call = leg->call;
    const struct backend_job *job = call->job;
    const struct upstream_body *body = job->prepared;
    struct asking_setup setup = {
        .transport = own(call->call.backend)->transport,
        .upstream = call->upstream,
        .ask = {.use = wire_use_of(job->use),
                .model = upstream_model_id(job->target->model->upstream_model),
                .body = body->text,
                .hash = body->hash[0] ? body->hash : NULL,
                .api_version = api_version_of(job->request),
                .betas = job->request->origin == wire_codec(UPSTREAM_ANTHROPIC) ? job->request->betas
                                                                                : (struct str){NULL, 0}},
        .prefix = body->has_prefix ? &body->prefix : NULL,
        .avoided = avoided,
        .has_elsewhere = job->has_elsewhere,
        .request_id = job->request_id,
    };
    leg->asking = asking_start(&setup, events, leg, error);
    return leg->asking != NULL;
}

/* NULL: refused at once; the call is gone. */
static struct backend_call *ask(struct upstream_call *call, const struct asking_events *events, struct error *error)
{
    if (begin_leg(&call->legs[0], 0, events, error))
        return &call->call;
    free_call(call);
    return NULL;
}

static const struct asking_events reply_events = {on_reply, on_bytes, on_end, on_failed};

/* Once, and only where a replica has room that the first leg does not wait for. */
static bool begin_second(struct upstream_call *call)
{
    struct replica *first = call->legs[0].asking ? asking_replica(call->legs[0].asking) : NULL;
    struct error ignored;
    if (!call->hedge || !first)
        return false;
    drop_hedge(call);
    if (!upstream_has_other(call->upstream, clock_now_us(), replica_bit(first)) ||
        !health_may_repeat(&first->health, true) ||
        !begin_leg(&call->legs[1], replica_bit(first), &reply_events, &ignored))
        return false;
    call->repeats++;
    return true;
}

static void on_hedge(uv_timer_t *timer)
{
    const struct hedge *hedge = timer->data;
    (void)begin_second(hedge->call);
}

/* Without memory for it there is one leg. */
static void plan_second(struct upstream_call *call)
{
    const uint64_t after_ms = call->upstream->config->hedge_ms;
    struct hedge *hedge = after_ms && call->upstream->affinity ? mem_calloc(1, sizeof(*hedge)) : NULL;
    if (!hedge)
        return;
    hedge->call = call;
    uv_timer_init(transport_loop(own(call->call.backend)->transport), &hedge->timer);
    hedge->timer.data = hedge;
    uv_timer_start(&hedge->timer, on_hedge, after_ms, 0);
    call->hedge = hedge;
}

static struct backend_call *start(struct backend *backend, const struct backend_job *job,
                                  const struct backend_events *events, void *ctx, struct error *error)
{
    struct upstream_call *call = new_call(backend, job, ctx, error);
    if (!call)
        return NULL;
    call->events = events;
    struct backend_call *begun = ask(call, &reply_events, error);
    if (begun)
        plan_second(call);
    return begun;
}

/* --- counting --------------------------------------------------------------------------------------- */

/* A reply that is read once it is whole. */
static void on_count_reply(void *ctx, const struct transfer_head *head, bool is_stream)
{
    struct leg *leg = ctx;
    (void)head;
    (void)is_stream;
    buf_clear(&leg->whole);
}

static void on_count_bytes(void *ctx, struct str bytes)
{
    struct leg *leg = ctx;
    buf_append_str(&leg->whole, bytes);
}

static void on_count_failed(void *ctx, const struct error *error)
{
    const struct leg *leg = ctx;
    leg->call->counted(leg->call->ctx, 0, error);
}

/* {"input_tokens":N}, or {"inputTokens":N} */
static void on_count_end(void *ctx)
{
    const struct leg *leg = ctx;
    const struct upstream_call *call = leg->call;
    struct error error;
    yyjson_doc *doc = NULL;
    if (json_parse(buf_str(&leg->whole), &doc, &error) != OK)
        doc = NULL;
    yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL, *count = yyjson_obj_get(root, "input_tokens");
    if (!count)
        count = yyjson_obj_get(root, "inputTokens");
    const bool is_count = yyjson_is_uint(count) && yyjson_get_uint(count) <= UINT32_MAX;
    const uint32_t tokens = is_count ? (uint32_t)yyjson_get_uint(count) : 0;
    json_free(doc);
    if (is_count) {
        asking_answered(leg->asking);
        call->counted(call->ctx, tokens, NULL);
        return;
    }
    (void)error_set(&error, ERROR_MODEL, "the upstream's count can't be read");
    if (!asking_retry(leg->asking, &error))
        call->counted(call->ctx, 0, &error);
}

/* What is estimated is no count: only a provider that counts is asked, and of whole prompts. */
static struct backend_call *count(struct backend *backend, const struct backend_job *job,
                                  void (*counted)(void *ctx, uint32_t tokens, const struct error *error), void *ctx,
                                  struct error *error)
{
    static const struct asking_events asked = {on_count_reply, on_count_bytes, on_count_end, on_count_failed};
    if (job->text.data) {
        (void)upstream_refuse_count(job->target, error);
        return NULL;
    }
    struct upstream_call *call = new_call(backend, job, ctx, error);
    if (!call)
        return NULL;
    call->counted = counted;
    return ask(call, &asked, error);
}

/* --- embeddings ------------------------------------------------------------------------------------- */

static void on_embed_bytes(void *ctx, struct str bytes)
{
    struct leg *leg = ctx;
    struct error error;
    if (leg->whole.len + bytes.len <= leg->whole.max && buf_append_str(&leg->whole, bytes))
        return;
    (void)error_set(&error, ERROR_MODEL, "the upstream's reply is longer than the limit");
    if (!asking_retry(leg->asking, &error))
        leg->call->embedded(leg->call->ctx, NULL, &error);
}

static void on_embed_failed(void *ctx, const struct error *error)
{
    const struct leg *leg = ctx;
    count_repeats(leg->call);
    leg->call->embedded(leg->call->ctx, NULL, error);
}

static void close_embed(struct leg *leg, struct embeddings *made, bool has_usage)
{
    struct upstream_call *call = leg->call;
    asking_answered(leg->asking);
    if (!has_usage)
        made->input_tokens = call->body_bytes / ESTIMATE_BYTES;
    call->call.usage.input_tokens = made->input_tokens;
    count_repeats(call);
    health_used(health_of(leg), made->input_tokens, !has_usage, false, clock_now_us() - call->begun_us);
}

static void on_embed_end(void *ctx)
{
    struct leg *leg = ctx;
    struct upstream_call *call = leg->call;
    const size_t count = call->job->request->embed->count;
    struct embeddings made;
    struct arena arena;
    struct error error;
    yyjson_doc *doc = NULL;
    bool has_usage = false;
    arena_init(&arena, 0);
    enum error_code code = json_parse_exact(buf_str(&leg->whole), &doc, &error);
    if (code == OK)
        code = upstream_embed_read(yyjson_doc_get_root(doc), count, &arena, &made, &has_usage, &error);
    json_free(doc);
    if (code == ERROR_INVALID)
        error.code = ERROR_MODEL;
    if (code == OK) {
        close_embed(leg, &made, has_usage);
        call->embedded(call->ctx, &made, NULL);
    } else if (!asking_retry(leg->asking, &error)) {
        call->embedded(call->ctx, NULL, &error);
    }
    arena_deinit(&arena);
}

static struct backend_call *embed(struct backend *backend, const struct backend_job *job,
                                  void (*embedded)(void *ctx, const struct embeddings *embeddings,
                                                   const struct error *error),
                                  void *ctx, struct error *error)
{
    static const struct asking_events asked = {on_count_reply, on_embed_bytes, on_embed_end, on_embed_failed};
    struct upstream_call *call = new_call(backend, job, ctx, error);
    if (!call)
        return NULL;
    call->embedded = embedded;
    return ask(call, &asked, error);
}

static void hold_back(struct backend_call *common, bool holds)
{
    struct upstream_call *call = (struct upstream_call *)(void *)common;
    for (size_t i = 0; i < sizeof(call->legs) / sizeof(call->legs[0]); i++)
        if (call->legs[i].asking)
            asking_hold_back(call->legs[i].asking, holds);
}

static void end(struct backend_call *common)
{
    struct upstream_call *call = (struct upstream_call *)(void *)common;
    if (call->winner && !call->is_over) /* broken off: what was made of it is charged by our own count */
        health_used(health_of(call->winner), call->call.usage.output_tokens, true, false, 0);
    drop_hedge(call);
    for (size_t i = 0; i < sizeof(call->legs) / sizeof(call->legs[0]); i++)
        end_asking(&call->legs[i]);
    if (call->is_reading)
        call->is_ended = true;
    else
        free_call(call);
}

static const struct chat_traits *traits(const struct backend *backend, const struct target *target)
{
    const struct upstream_backend *self = (const struct upstream_backend *)(const void *)backend;
    const struct upstream_config *upstream = target->model->upstream;
    return &self->traits[upstream - self->upstreams->items[0].config]
                        [target->model->upstream_model - upstream->models];
}

static uint32_t context(const struct backend *backend, const struct target *target)
{
    (void)backend;
    return target->model->context;
}

static void close_backend(struct backend *backend)
{
    struct upstream_backend *self = own(backend);
    scrape_close(self->scrape);
    transport_close(self->transport);
    for (size_t i = 0; i < LIMIT_UPSTREAMS; i++)
        mem_free(self->traits[i]);
    mem_free(self);
}

static bool make_traits(struct upstream_backend *self)
{
    for (size_t i = 0; i < self->upstreams->count; i++) {
        const struct upstream_config *upstream = self->upstreams->items[i].config;
        struct chat_traits *made = mem_calloc(upstream->model_count, sizeof(*made));
        if (!made)
            return false;
        self->traits[i] = made;
        for (size_t k = 0; k < upstream->model_count; k++)
            made[k] = (struct chat_traits){.takes = upstream_takes(upstream, &upstream->models[k]),
                                           .dialect = wire_codec(upstream->kind)};
    }
    return true;
}

struct backend *upstream_backend_new(struct upstreams *upstreams, uv_loop_t *loop, struct error *error)
{
    static const struct backend_ops ops = {
        .name = "upstream",
        .prepare = prepare,
        .start = start,
        .count = count,
        .embed = embed,
        .hold_back = hold_back,
        .end = end,
        .traits = traits,
        .context = context,
        .may_go_elsewhere = backend_error_passes,
        .close = close_backend,
    };
    struct upstream_backend *made = mem_calloc(1, sizeof(*made));
    if (made) {
        made->backend.ops = &ops;
        made->upstreams = upstreams;
        made->transport = transport_open(loop, error);
        if (made->transport && make_traits(made) && scrape_open(made->transport, upstreams, &made->scrape, error) == OK)
            return &made->backend;
        close_backend(&made->backend);
    }
    (void)error_no_memory(error);
    return NULL;
}

uint32_t upstream_backend_max_tokens(const struct config *config, const struct catalog_match *match)
{
    const struct model *model = match->model;
    if (model->upstream_model->max_tokens)
        return model->upstream_model->max_tokens;
    if (model->upstream->kind != UPSTREAM_ANTHROPIC)
        return 0;
    const uint32_t usual = catalog_default_reply_tokens(config, match);
    return usual ? usual : MAX_TOKENS_USUAL;
}
