/* upstream_backend.c - see upstream_backend.h. A reply is always asked for as a stream, which shows that it lives and
 * can be broken off; a server that answers whole all the same is read whole. */
#include "generate/upstream_backend.h"

#include "core/json.h"
#include "core/util.h"
#include "generate/charge.h"
#include "generate/upstream_embed.h"
#include "model/resolve.h"
#include "upstream/asking.h"
#include "upstream/prefix.h"
#include "upstream/scrape.h"

#define BODY_EXTRA_BYTES (1u << 20) /* that a body may be longer than the client's in another dialect, at least */
#define ESTIMATE_BYTES 4            /* of text, for a token that nobody has counted */
#define UNSEEN_TOKENS 4096  /* at most, that providers put into a prompt themselves, for tools say */
#define MEDIUM_TOKENS 65536 /* the same of an image */
#define MAX_TOKENS_USUAL 4096       /* where an API wants a maximum and nobody has said one */

struct upstream_backend {
    struct backend backend;
    struct upstreams *upstreams;
    struct transport *transport;
    struct scrape *scrape; /* NULL: no pool says what it has to do */
    struct chat_traits *traits[LIMIT_UPSTREAMS]; /* by the upstream, then by its model */
};

/* What `prepare` makes, in the request's arena. */
struct upstream_body {
    struct str text;
    char hash[2 * SHA256_LEN + 1]; /* of it; empty: nobody needs it */
    bool has_prefix;
    struct affinity_prefix prefix; /* of the prompt, where replicas are chosen by it */
};

struct upstream_call {
    struct backend_call call; /* the first member */
    struct upstream *upstream;
    const struct chat_request *request;
    const struct backend_events *events;
    void (*counted)(void *ctx, uint32_t tokens, const struct error *error); /* of a count */
    void (*embedded)(void *ctx, const struct embeddings *embeddings, const struct error *error); /* of embeddings */
    void *ctx;
    struct asking *asking;
    struct codec_reader *reader;   /* of a stream */
    struct buf whole;              /* of a reply that is none */
    bool is_stream, is_started, is_over;
    bool passes_on;                /* the reply is told in its own words too */
    struct buf early;              /* its events before it has started: a JSON array of pairs without its end */
    bool is_reading, is_ended;     /* the reader is at work; the call was ended meanwhile */
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
static struct health *health_of(const struct upstream_call *call)
{
    return &asking_replica(call->asking)->health;
}

/* --- the body --------------------------------------------------------------------------------------- */

/* Of a reply that is read into blocks something would be lost. */
static bool needs_whole(const struct backend_job *job)
{
    const struct chat_request *request = job->request;
    return !request->is_stream && (request->extra_count > 0 || request->needs || request->wants);
}

static bool is_passed_on(const struct backend_job *job, const struct upstream_config *upstream)
{
    return job->use == BACKEND_REPLY && job->passes_on && job->request->origin == wire_codec(upstream->kind);
}

static struct codec_form form_of(const struct upstream_config *upstream, const struct backend_job *job)
{
    const struct target *target = job->target;
    const char *model = upstream_model_id(target->model->upstream_model);
    return (struct codec_form){
        .model = upstream->kind == UPSTREAM_BEDROCK ? (struct str){NULL, 0} : str_of(model),
        .is_stream = job->use == BACKEND_REPLY && !(is_passed_on(job, upstream) && needs_whole(job)),
        .is_count = job->use == BACKEND_COUNT,
        .says_cache_points = upstream_takes_cache_points(target->model->upstream_model),
        .says_max_tokens = upstream->max_tokens_name == UPSTREAM_WORD_OLDER ||
                           (upstream->max_tokens_name == UPSTREAM_WORD_USUAL && upstream_is_elsewhere(upstream)),
    };
}

static enum error_code refuse_count(const struct target *target, struct error *error)
{
    return error_set(error, ERROR_INVALID, "The provider of model %s does not count tokens.", target->name);
}

static enum error_code refuse_verbatim(const struct backend_job *job, struct error *error)
{
    return error_set(error, ERROR_INVALID, "%s: only a request by itself in the provider's own API may ask for this",
                     job->request->needs & CHAT_NEED_CHOICES ? "n" : "logprobs");
}

static enum error_code refuse_embed(const struct target *target, struct error *error)
{
    return error_set(error, ERROR_INVALID, "model: the provider of %s makes no embeddings", target->name);
}

static enum error_code write_body(const struct backend_job *job, const struct upstream_config *upstream,
                                  struct buf *text, struct error *error)
{
    const struct codec_form form = form_of(upstream, job);
    if (job->use != BACKEND_EMBED)
        return wire_codec(upstream->kind)->request_write(job->request, &form, text, error);
    upstream_embed_write(job->request, form.model, text);
    return text->failed ? error_no_memory(error) : OK;
}

/* Images and the like, whose tokens their bytes don't bound. */
static uint64_t media_of(const struct chat_request *request)
{
    uint64_t count = 0;
    for (size_t i = 0; i < request->message_count; i++)
        for (size_t k = 0; k < request->messages[i].block_count; k++) {
            const enum chat_block_kind kind = request->messages[i].blocks[k].kind;
            count += kind == CHAT_IMAGE || kind == CHAT_VIDEO || kind == CHAT_AUDIO || kind == CHAT_DOCUMENT;
        }
    return count;
}

static enum error_code prepare(const struct backend *backend, struct backend_job *job, struct error *error)
{
    const struct upstream *upstream = upstream_of(backend, job->target);
    struct upstream_body *body = ARENA_NEW(job->request->arena, struct upstream_body);
    struct buf text;
    if (!body)
        return error_no_memory(error);
    if ((job->request->needs & CHAT_NEEDS_VERBATIM) && job->use == BACKEND_REPLY &&
        !is_passed_on(job, upstream->config))
        return refuse_verbatim(job, error);
    if (job->use == BACKEND_EMBED && !wire_can(upstream, WIRE_EMBED))
        return refuse_embed(job->target, error);
    if (job->use == BACKEND_COUNT && !wire_can(upstream, WIRE_COUNT))
        return refuse_count(job->target, error);
    buf_init(&text, 2 * (size_t)limit(body_bytes) + BODY_EXTRA_BYTES);
    enum error_code code = write_body(job, upstream->config, &text, error);
    if (code == OK && !arena_str(job->request->arena, buf_str(&text), &body->text))
        code = error_no_memory(error);
    buf_deinit(&text);
    if (code == OK && wire_wants_hash(upstream)) {
        uint8_t hash[SHA256_LEN];
        sha256(body->text, hash);
        hex_encode(hash, sizeof(hash), body->hash);
    }
    if (code == OK && job->use == BACKEND_REPLY && upstream->affinity)
        body->has_prefix = prefix_read(job->request, job->tenant, str_of(job->target->name),
                                       charge_session(job->request), &body->prefix);
    job->prepared = body;
    job->prompt_tokens_max = body->text.len + UNSEEN_TOKENS + MEDIUM_TOKENS * media_of(job->request);
    return code;
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
    struct codec_form form = form_of(match->model->upstream, &job);
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
    if (!is_estimated)
        call->call.usage.output_tokens = reply->usage.output_tokens;
    const uint64_t tokens = usage->input_tokens + usage->cache_read_tokens + usage->cache_write_5m_tokens +
                            usage->cache_write_1h_tokens + usage->output_tokens;
    health_used(health_of(call), tokens, is_estimated, reply->has_odd_usage,
                call->call.first_token_us - call->begun_us);
}

/* --- events ----------------------------------------------------------------------------------------- */

static void free_call(struct upstream_call *call)
{
    const struct codec *codec = wire_codec(call->upstream->config->kind);
    if (call->reader)
        codec->stream_close(call->reader);
    buf_deinit(&call->whole);
    buf_deinit(&call->early);
    mem_free(call);
}

/* The first block shows: nothing is asked again from here on. */
static void show(struct upstream_call *call)
{
    if (call->is_started)
        return;
    call->is_started = true;
    asking_commit(call->asking);
    call->call.first_token_us = clock_now_us();
    if (call->reader)
        take_usage(call, &call->reader->reply.usage);
    call->events->on_started(call->ctx);
}

/* --- its own words ---------------------------------------------------------------------------------- */

static void keep_early(struct upstream_call *call, struct str type, yyjson_val *root)
{
    buf_append_text(&call->early, call->early.len > 0 ? ",[" : "[[");
    buf_append_json(&call->early, type);
    buf_append_char(&call->early, ',');
    json_append(&call->early, root);
    buf_append_char(&call->early, ']');
}

/* What came before the reply had begun. */
static void tell_early(struct upstream_call *call)
{
    yyjson_doc *doc = NULL;
    yyjson_val *pair;
    struct error ignored;
    size_t i, max;
    if (call->early.len == 0)
        return;
    buf_append_char(&call->early, ']');
    if (json_parse_exact(buf_str(&call->early), &doc, &ignored) != OK)
        doc = NULL;
    json_arr_foreach(doc ? yyjson_doc_get_root(doc) : NULL, i, max, pair)
        call->events->on_event(call->ctx, json_str(yyjson_arr_get_first(pair)), yyjson_arr_get_last(pair));
    json_free(doc);
    buf_clear(&call->early);
}

static void on_event(void *ctx, struct str type, yyjson_val *root)
{
    struct upstream_call *call = ctx;
    if (call->is_ended)
        return;
    if (!call->is_started) {
        keep_early(call, type, root);
        return;
    }
    tell_early(call);
    call->events->on_event(call->ctx, type, root);
}

static void on_block_start(void *ctx, size_t index, enum chat_block_kind kind, struct str id, struct str name)
{
    struct upstream_call *call = ctx;
    show(call);
    if (!call->is_ended)
        call->events->sink.block_start(call->events->sink.ctx, index, kind, id, name);
}

static void on_block_delta(void *ctx, size_t index, enum chat_block_kind kind, struct str text)
{
    struct upstream_call *call = ctx;
    call->text_bytes += text.len;
    if (!call->is_ended)
        call->events->sink.block_delta(call->events->sink.ctx, index, kind, text);
}

static void on_block_stop(void *ctx, size_t index, enum chat_block_kind kind)
{
    struct upstream_call *call = ctx;
    if (!call->is_ended)
        call->events->sink.block_stop(call->events->sink.ctx, index, kind);
}

/* The asker may be gone after it. */
static void finish(struct upstream_call *call, const struct chat_reply *reply)
{
    struct str sequence = {0};
    asking_answered(call->asking);
    call->is_reading = true;
    show(call);
    call->is_reading = false;
    if (call->is_ended) {
        free_call(call);
        return;
    }
    tell_early(call);
    close_usage(call, reply);
    if (reply->stop == CHAT_STOP_SEQUENCE)
        (void)arena_str(call->request->arena, reply->stop_sequence, &sequence);
    call->events->on_finished(call->ctx, reply->stop, sequence);
}

static void fail(struct upstream_call *call, struct error *error)
{
    if (asking_retry(call->asking, error))
        return;
    call->call.repeats = asking_repeats(call->asking);
    call->events->on_failed(call->ctx, error);
}

static void keep_id(struct upstream_call *call, struct str id)
{
    if (id.len > 0)
        (void)arena_str(call->request->arena, id, &call->call.upstream_id);
}

/* --- what the upstream says ------------------------------------------------------------------------- */

static void on_reply(void *ctx, const struct transfer_head *head, bool is_stream)
{
    struct upstream_call *call = ctx;
    const enum upstream_kind kind = call->upstream->config->kind;
    const struct codec *codec = wire_codec(kind);
    const struct chat_sink sink = {call, on_block_start, on_block_delta, on_block_stop};
    codec->stream_close(call->reader);
    call->reader = is_stream ? codec->stream_open(wire_framing(kind), &sink) : NULL;
    call->is_stream = is_stream;
    call->call.is_verbatim = call->passes_on && is_stream == call->request->is_stream;
    if (call->reader && call->call.is_verbatim)
        call->reader->event = on_event;
    buf_clear(&call->early);
    call->text_bytes = 0;
    call->call.repeats = asking_repeats(call->asking);
    call->call.upstream_id = (struct str){NULL, 0};
    buf_clear(&call->whole);
    keep_id(call, wire_request_id(head));
}

/* A step of the reader, whose events may end the call. False: it was, and is gone. */
static bool step(struct upstream_call *call, enum error_code *code, struct str bytes, bool is_end, struct error *error)
{
    const struct codec *codec = call->reader->codec;
    call->is_reading = true;
    *code = is_end ? codec->stream_finish(call->reader, error) : codec->stream_parse(call->reader, bytes, error);
    call->is_reading = false;
    if (call->is_ended) {
        free_call(call);
        return false;
    }
    if (!call->call.upstream_id.data)
        keep_id(call, call->reader->reply.upstream_id);
    return true;
}

static void on_bytes(void *ctx, struct str bytes)
{
    struct upstream_call *call = ctx;
    enum error_code code;
    struct error error;
    if (!call->is_stream) {
        if (call->whole.len + bytes.len > call->whole.max || !buf_append_str(&call->whole, bytes))
            fail(call, (error_set(&error, ERROR_MODEL, "the upstream's reply is longer than the limit"), &error));
        return;
    }
    if (!call->reader) {
        fail(call, (error_no_memory(&error), &error));
        return;
    }
    if (!step(call, &code, bytes, false, &error))
        return;
    if (code != OK) {
        fail(call, &error);
    } else if (call->reader->is_over) {
        finish(call, &call->reader->reply);
    } else if (call->is_started) {
        take_usage(call, &call->reader->reply.usage);
        call->events->on_progress(call->ctx);
    }
}

/* The blocks of a reply that came whole, as events. */
static void tell_whole(struct upstream_call *call, const struct chat_reply *reply)
{
    const struct chat_sink sink = {call, on_block_start, on_block_delta, on_block_stop};
    call->is_reading = true;
    for (size_t i = 0; i < reply->block_count && !call->is_ended; i++) {
        const struct chat_reply_block *block = &reply->blocks[i];
        sink.block_start(call, i, block->kind, block->tool_id, block->tool_name);
        if (block->text.len > 0)
            sink.block_delta(call, i, block->kind, block->text);
        if (block->signature.len > 0)
            sink.block_delta(call, i, CHAT_SIGNATURE, block->signature);
        if (block->data.len > 0)
            sink.block_delta(call, i, CHAT_REDACTED, block->data);
        sink.block_stop(call, i, block->kind);
    }
    call->is_reading = false;
    if (call->is_ended)
        free_call(call);
    else
        finish(call, reply);
}

static void read_whole(struct upstream_call *call)
{
    struct arena arena;
    struct chat_reply reply;
    struct error error;
    yyjson_doc *doc = NULL;
    const struct buf text = call->whole; /* the call may be gone before what points into it */
    buf_init(&call->whole, text.max);
    arena_init(&arena, 0);
    enum error_code code = json_parse_exact(buf_str(&text), &doc, &error);
    if (code == ERROR_INVALID)
        code = error.code = ERROR_MODEL;
    if (code == OK)
        code = wire_codec(call->upstream->config->kind)->reply_parse(yyjson_doc_get_root(doc), &arena, &reply, &error);
    if (code != OK) {
        fail(call, &error);
    } else {
        if (!call->call.upstream_id.data)
            keep_id(call, reply.upstream_id);
        if (call->call.is_verbatim)
            call->call.verbatim = yyjson_doc_get_root(doc);
        tell_whole(call, &reply);
    }
    json_free(doc);
    arena_deinit(&arena);
    struct buf gone = text;
    buf_deinit(&gone);
}

static void on_end(void *ctx)
{
    struct upstream_call *call = ctx;
    enum error_code code;
    struct error error;
    if (!call->is_stream) {
        read_whole(call);
        return;
    }
    if (!call->reader) {
        fail(call, (error_no_memory(&error), &error));
        return;
    }
    if (!step(call, &code, STR(""), true, &error))
        return;
    if (code == OK)
        finish(call, &call->reader->reply);
    else
        fail(call, &error);
}

static void on_failed(void *ctx, const struct error *error)
{
    struct upstream_call *call = ctx;
    call->call.repeats = asking_repeats(call->asking);
    call->events->on_failed(call->ctx, error);
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
    call->request = job->request;
    call->ctx = ctx;
    call->begun_us = clock_now_us();
    call->body_bytes = body->text.len;
    call->passes_on = is_passed_on(job, call->upstream->config);
    buf_init(&call->whole, (size_t)limit(upstream_reply_bytes));
    buf_init(&call->early, (size_t)limit(upstream_event_bytes));
    return call;
}

static enum wire_use wire_use_of(enum backend_use use)
{
    if (use == BACKEND_EMBED)
        return WIRE_EMBED;
    return use == BACKEND_COUNT ? WIRE_COUNT : WIRE_REPLY;
}

/* NULL: refused at once; the call is gone. */
static struct backend_call *ask(struct upstream_call *call, const struct backend_job *job,
                                const struct asking_events *events, struct error *error)
{
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
        .has_elsewhere = job->has_elsewhere,
        .request_id = job->request_id,
    };
    call->asking = asking_start(&setup, events, call, error);
    if (call->asking)
        return &call->call;
    free_call(call);
    return NULL;
}

static struct backend_call *start(struct backend *backend, const struct backend_job *job,
                                  const struct backend_events *events, void *ctx, struct error *error)
{
    static const struct asking_events asked = {on_reply, on_bytes, on_end, on_failed};
    struct upstream_call *call = new_call(backend, job, ctx, error);
    if (!call)
        return NULL;
    call->events = events;
    return ask(call, job, &asked, error);
}

/* --- counting --------------------------------------------------------------------------------------- */

/* A reply that is read once it is whole. */
static void on_count_reply(void *ctx, const struct transfer_head *head, bool is_stream)
{
    struct upstream_call *call = ctx;
    (void)head;
    (void)is_stream;
    buf_clear(&call->whole);
}

static void on_count_bytes(void *ctx, struct str bytes)
{
    struct upstream_call *call = ctx;
    buf_append_str(&call->whole, bytes);
}

static void on_count_failed(void *ctx, const struct error *error)
{
    struct upstream_call *call = ctx;
    call->counted(call->ctx, 0, error);
}

/* {"input_tokens":N}, or {"inputTokens":N} */
static void on_count_end(void *ctx)
{
    struct upstream_call *call = ctx;
    struct error error;
    yyjson_doc *doc = NULL;
    if (json_parse(buf_str(&call->whole), &doc, &error) != OK)
        doc = NULL;
    yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL, *count = yyjson_obj_get(root, "input_tokens");
    if (!count)
        count = yyjson_obj_get(root, "inputTokens");
    const bool is_count = yyjson_is_uint(count) && yyjson_get_uint(count) <= UINT32_MAX;
    const uint32_t tokens = is_count ? (uint32_t)yyjson_get_uint(count) : 0;
    json_free(doc);
    if (is_count) {
        asking_answered(call->asking);
        call->counted(call->ctx, tokens, NULL);
        return;
    }
    (void)error_set(&error, ERROR_MODEL, "the upstream's count can't be read");
    if (!asking_retry(call->asking, &error))
        call->counted(call->ctx, 0, &error);
}

/* What is estimated is no count: only a provider that counts is asked, and of whole prompts. */
static struct backend_call *count(struct backend *backend, const struct backend_job *job,
                                  void (*counted)(void *ctx, uint32_t tokens, const struct error *error), void *ctx,
                                  struct error *error)
{
    static const struct asking_events asked = {on_count_reply, on_count_bytes, on_count_end, on_count_failed};
    if (job->text.data) {
        (void)refuse_count(job->target, error);
        return NULL;
    }
    struct upstream_call *call = new_call(backend, job, ctx, error);
    if (!call)
        return NULL;
    call->counted = counted;
    return ask(call, job, &asked, error);
}

/* --- embeddings ------------------------------------------------------------------------------------- */

static void on_embed_bytes(void *ctx, struct str bytes)
{
    struct upstream_call *call = ctx;
    struct error error;
    if (call->whole.len + bytes.len <= call->whole.max && buf_append_str(&call->whole, bytes))
        return;
    (void)error_set(&error, ERROR_MODEL, "the upstream's reply is longer than the limit");
    if (!asking_retry(call->asking, &error))
        call->embedded(call->ctx, NULL, &error);
}

static void on_embed_failed(void *ctx, const struct error *error)
{
    struct upstream_call *call = ctx;
    call->call.repeats = asking_repeats(call->asking);
    call->embedded(call->ctx, NULL, error);
}

static void close_embed(struct upstream_call *call, struct embeddings *made, bool has_usage)
{
    asking_answered(call->asking);
    if (!has_usage)
        made->input_tokens = call->body_bytes / ESTIMATE_BYTES;
    call->call.usage.input_tokens = made->input_tokens;
    call->call.repeats = asking_repeats(call->asking);
    health_used(health_of(call), made->input_tokens, !has_usage, false, clock_now_us() - call->begun_us);
}

static void on_embed_end(void *ctx)
{
    struct upstream_call *call = ctx;
    const size_t count = call->request->embed->count;
    struct embeddings made;
    struct arena arena;
    struct error error;
    yyjson_doc *doc = NULL;
    bool has_usage = false;
    arena_init(&arena, 0);
    enum error_code code = json_parse_exact(buf_str(&call->whole), &doc, &error);
    if (code == OK)
        code = upstream_embed_read(yyjson_doc_get_root(doc), count, &arena, &made, &has_usage, &error);
    json_free(doc);
    if (code == ERROR_INVALID)
        error.code = ERROR_MODEL;
    if (code == OK) {
        close_embed(call, &made, has_usage);
        call->embedded(call->ctx, &made, NULL);
    } else if (!asking_retry(call->asking, &error)) {
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
    return ask(call, job, &asked, error);
}

static void hold_back(struct backend_call *common, bool holds)
{
    struct upstream_call *call = (struct upstream_call *)(void *)common;
    asking_hold_back(call->asking, holds);
}

static void end(struct backend_call *common)
{
    struct upstream_call *call = (struct upstream_call *)(void *)common;
    if (call->is_started && !call->is_over) /* broken off: what was made of it is charged by our own count */
        health_used(health_of(call), call->call.usage.output_tokens, true, false, 0);
    asking_end(call->asking);
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
