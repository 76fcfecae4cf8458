/* Converse, ConverseStream, InvokeModel, InvokeModelWithResponseStream: from
 * the HTTP request to a generation and back.
 *
 * The way to the engine has three steps that may take long, and leave the I/O
 * thread where the body is large (body.h): proving who sent the body, parsing
 * it, and writing the prompt. Between the last two the texts of documents are
 * waited for. */
#include "api/bedrock/converse.h"
#include "api/bedrock/invoke_headers.h"
#include "api/bill.h"
#include "api/body.h"
#include "api/cache_header.h"
#include "api/call.h"
#include "generate/documents.h"
#include "generate/generation.h"

/* A whole reply: as much as a collected one may have, escaped. */
#define REPLY_BODY_MAX (192u << 20)

struct runtime_call {
    struct api_call *call; /* in the exchange's arena, as this is */
    const struct codec *codec;
    bool is_invoke, is_stream;
    bool has_started; /* the stream's headers are out */
    struct body body;
    bool is_unbounded; /* the request gives no maximum of tokens */
    struct chat_request request;
    struct generation_prompt prompt;
    struct document_wait *documents; /* not NULL: their texts, or what is wrong with them, are on their way */
    struct generation *generation;
    struct reservation *reservation; /* that the request is served within; NULL: none */
    struct bill bill;
    struct codec_stream stream;
    struct buf out; /* frames not yet handed to net */
};

/* Frees all that is not in the arena. */
static void release(struct runtime_call *runtime)
{
    documents_cancel(runtime->documents);
    runtime->documents = NULL;
    generation_free(runtime->generation);
    runtime->generation = NULL;
    codec_request_free(&runtime->request);
    buf_deinit(&runtime->stream.scratch);
    buf_deinit(&runtime->out);
}

static void note_usage(struct runtime_call *runtime, const struct chat_usage *usage)
{
    runtime->call->usage.input_tokens = usage->input_tokens;
    runtime->call->usage.output_tokens = usage->output_tokens;
    runtime->call->usage.cache_read_tokens = usage->cache_read_tokens;
    runtime->call->usage.cache_write_tokens = usage->cache_write_5m_tokens + usage->cache_write_1h_tokens;
}

/* What was made of a reply that nobody will finish, for the log. */
static void note_partial_usage(struct runtime_call *runtime)
{
    if (!runtime->generation)
        return;
    struct chat_usage usage = generation_usage(runtime->generation);
    note_usage(runtime, &usage);
}

/* The line in the ledger. Of a reply that nobody got whole, a stream's client
 * pays what it was sent, any other nothing. */
static enum error_code settle(struct runtime_call *runtime, enum ledger_outcome outcome, struct error *error)
{
    bool is_paid = outcome == LEDGER_COMPLETED || runtime->has_started;
    struct chat_usage usage = {0};
    if (runtime->generation)
        usage = generation_usage(runtime->generation);
    if (runtime->reservation && runtime->bill.is_open)
        reservation_use(runtime->reservation, 0, usage.output_tokens, clock_now_us());
    return bill_close(&runtime->bill, runtime->call, outcome, is_paid ? &usage : NULL, error);
}

/* Where the reply fails anyway: the ledger has said what it could not write. */
static void settle_broken(struct runtime_call *runtime, enum ledger_outcome outcome)
{
    struct error ignored;
    (void)!settle(runtime, outcome, &ignored);
}

static void on_close(struct http_exchange *exchange)
{
    struct runtime_call *runtime = exchange->user;
    note_partial_usage(runtime);
    settle_broken(runtime, LEDGER_CANCELLED);
    call_account(runtime->call, CALL_CLIENT_GONE);
    release(runtime);
}

/* The engine tells only after it has seen the prompt that it does not take it. */
static bool is_refusal(const struct runtime_call *runtime, enum error_code code)
{
    bool has_token = runtime->call->usage.first_token_us != 0;
    return !has_token && (code == ERROR_INVALID || code == ERROR_TOO_LARGE || code == ERROR_THROTTLED);
}

/* What the client sees of the loop's side; work of other threads has its own. */
static void hold(struct runtime_call *runtime)
{
    runtime->call->exchange->user = runtime;
    runtime->call->exchange->on_close = on_close;
}

/* The error, as a reply or as the stream's last frame. */
static void finish_failed(struct runtime_call *runtime, const struct error *error)
{
    struct api_call *call = runtime->call;
    note_partial_usage(runtime);
    if (is_refusal(runtime, error->code))
        bill_drop(&runtime->bill, call);
    settle_broken(runtime, LEDGER_FAILED);
    if (!runtime->has_started) {
        release(runtime);
        call_fail(call, error);
        return;
    }
    struct buf frames = runtime->out;
    buf_init(&runtime->out, 0);
    release(runtime);
    call_fail_stream(call, &frames, error);
    buf_deinit(&frames);
}

/* --- streaming -------------------------------------------------------------------------------------- */

/* A payload of the codec becomes an event of the stream. */
static void emit(void *ctx, struct str event_type, struct str payload)
{
    struct runtime_call *runtime = ctx;
    if (!runtime->call->operation->framing->append_event(&runtime->out, event_type, payload))
        runtime->out.failed = true;
}

/* Frames could not be built. */
static bool is_broken(const struct runtime_call *runtime)
{
    return runtime->out.failed || codec_stream_failed(&runtime->stream);
}

/* Hands the frames over. A reader that lets more than the limit pile up is cut
 * off: the engine can't be slowed down for one client. False: it was. */
static bool flush(struct runtime_call *runtime)
{
    struct http_exchange *exchange = runtime->call->exchange;
    bool is_lost = is_broken(runtime);
    if (!is_lost && runtime->out.len > 0) {
        http_respond_write(exchange, buf_str(&runtime->out));
        buf_clear(&runtime->out);
    }
    if (!is_lost && http_exchange_unsent(exchange) <= limit(response_buffer_bytes))
        return true;
    note_partial_usage(runtime);
    settle_broken(runtime, is_lost ? LEDGER_FAILED : LEDGER_CANCELLED);
    call_account(runtime->call, is_lost ? 500 : CALL_CLIENT_GONE);
    release(runtime);
    http_respond_abort(exchange);
    return false;
}

static void on_block_start(void *ctx, size_t index, enum chat_block_kind kind, struct str tool_id,
                           struct str tool_name)
{
    struct runtime_call *runtime = ctx;
    if (runtime->is_stream)
        runtime->codec->stream_block_start(&runtime->stream, index, kind, tool_id, tool_name);
}

static void on_block_delta(void *ctx, size_t index, enum chat_block_kind kind, struct str text)
{
    struct runtime_call *runtime = ctx;
    if (runtime->is_stream)
        runtime->codec->stream_block_delta(&runtime->stream, index, kind, text);
}

static void on_block_stop(void *ctx, size_t index, enum chat_block_kind kind)
{
    struct runtime_call *runtime = ctx;
    if (runtime->is_stream)
        runtime->codec->stream_block_stop(&runtime->stream, index, kind);
}

static void add_common_headers(struct runtime_call *runtime)
{
    struct api_call *call = runtime->call;
    call_add_header(call, "x-fulcrum-model", str_of(call_model(call)->name));
    call_add_header(call, "x-fulcrum-cache", cache_header(&call->cache, &call->exchange->arena));
    call_add_ignored(call);
    if (runtime->is_invoke)
        invoke_headers_echo(call, &runtime->request);
}

static void on_started(void *ctx, const struct chat_reply *reply)
{
    struct runtime_call *runtime = ctx;
    struct api_call *call = runtime->call;
    call->usage.first_token_us = clock_now_us() - call->exchange->request.started_us;
    call->has_cache = true;
    call->cache = generation_cache(runtime->generation);
    if (runtime->reservation)
        reservation_use(runtime->reservation,
                        reply->usage.input_tokens + reply->usage.cache_write_5m_tokens +
                            reply->usage.cache_write_1h_tokens,
                        0, clock_now_us());
    metrics_cached(&call->thread->metrics, call->match.model->index, cache_outcome(&call->cache));
    if (!runtime->is_stream)
        return;
    add_common_headers(runtime);
    if (runtime->is_invoke)
        call_add_header(call, "x-amzn-bedrock-content-type", STR("application/json"));
    runtime->has_started = true;
    call_start_stream(call);
    runtime->codec->stream_start(&runtime->stream, reply);
    (void)flush(runtime);
}

static void on_progress(void *ctx)
{
    struct runtime_call *runtime = ctx;
    if (runtime->is_stream)
        (void)flush(runtime);
}

/* --- the end ---------------------------------------------------------------------------------------- */

static void account_usage(struct runtime_call *runtime, const struct chat_reply *reply,
                          const struct generation_figures *figures)
{
    struct api_call *call = runtime->call;
    note_usage(runtime, &reply->usage);
    call->usage.decode_us = figures->decode_us;
    default_reply_learn(call->match.model, reply->usage.output_tokens, figures->decode_us);
    metrics_timed(&call->thread->metrics, call->match.model->index, &call->usage);
}

static void add_usage_headers(struct api_call *call, const struct chat_reply *reply)
{
    const struct chat_usage *usage = &reply->usage;
    call_add_count_header(call, "x-amzn-bedrock-invocation-latency", reply->latency_ms);
    call_add_count_header(call, "x-amzn-bedrock-input-token-count", usage->input_tokens);
    call_add_count_header(call, "x-amzn-bedrock-output-token-count", usage->output_tokens);
    call_add_count_header(call, "x-amzn-bedrock-cache-read-input-token-count", usage->cache_read_tokens);
    call_add_count_header(call, "x-amzn-bedrock-cache-write-input-token-count",
                          usage->cache_write_5m_tokens + usage->cache_write_1h_tokens);
}

static void finish_whole(struct runtime_call *runtime, const struct chat_reply *reply)
{
    struct api_call *call = runtime->call;
    struct buf body;
    struct error error;
    buf_init(&body, REPLY_BODY_MAX);
    runtime->codec->write(&runtime->request, reply, &body);
    if (settle(runtime, body.failed ? LEDGER_FAILED : LEDGER_COMPLETED, &error) != OK) {
        buf_deinit(&body);
        finish_failed(runtime, &error);
        return;
    }
    add_common_headers(runtime);
    call_add_count_header(call, "x-fulcrum-cost", call->cost);
    if (runtime->is_invoke)
        add_usage_headers(call, reply);
    release(runtime);
    call_respond_json(call, &body);
    buf_deinit(&body);
}

static void finish_stream(struct runtime_call *runtime, const struct chat_reply *reply)
{
    struct http_exchange *exchange = runtime->call->exchange;
    struct error error;
    const struct dialect_framing *framing = runtime->call->operation->framing;
    runtime->codec->stream_end(&runtime->stream, reply);
    if (framing->append_end && !framing->append_end(&runtime->out))
        runtime->out.failed = true;
    if (!is_broken(runtime) && settle(runtime, LEDGER_COMPLETED, &error) != OK) {
        buf_clear(&runtime->out); /* the last frames must not look like a whole reply */
        finish_failed(runtime, &error);
        return;
    }
    if (!flush(runtime))
        return;
    call_account(runtime->call, 200);
    release(runtime);
    http_respond_end(exchange);
}

static void on_finished(void *ctx, const struct chat_reply *reply, const struct generation_figures *figures)
{
    struct runtime_call *runtime = ctx;
    account_usage(runtime, reply, figures);
    if (runtime->is_stream)
        finish_stream(runtime, reply);
    else
        finish_whole(runtime, reply);
}

static void on_blamed(void *ctx, const struct error *error)
{
    struct runtime_call *runtime = ctx;
    runtime->documents = NULL;
    finish_failed(runtime, error);
}

static void on_failed(void *ctx, const struct error *error)
{
    struct runtime_call *runtime = ctx;
    struct api_call *call = runtime->call;
    const struct model *model = call->match.model;
    if (!runtime->has_started)
        runtime->documents = documents_blame(call->thread->port, model->worker, model->context, &runtime->request,
                                             error, on_blamed, runtime);
    if (!runtime->documents)
        finish_failed(runtime, error);
}

/* --- the start -------------------------------------------------------------------------------------- */

/* Within its reservation a request is served as reserved, over it as default. */
static enum error_code resolve_tier(struct runtime_call *runtime, struct error *error)
{
    struct api_call *call = runtime->call;
    struct chat_request *request = &runtime->request;
    if (!request->has_tier)
        request->tier = TIER_DEFAULT;
    call->tier_asked = request->has_tier ? tier_names[request->tier] : "";
    if (request->tier == TIER_RESERVED) {
        struct reservation *reservation =
            reservation_find(call->thread->api->reservations, call->identity.tenant, call_model(call)->name);
        if (!reservation)
            return error_set(error, ERROR_INVALID, "Reservation not found.");
        if (reservation_has_room(reservation, clock_now_us()))
            runtime->reservation = reservation;
        else
            request->tier = TIER_DEFAULT;
    }
    call->tier = tier_names[request->tier];
    return OK;
}

/* What has to be known before the body is parsed. */
static enum error_code prepare(struct runtime_call *runtime, struct error *error)
{
    struct api_call *call = runtime->call;
    struct chat_request *request = &runtime->request;
    enum error_code code = call_resolve_model(call, error);
    if (code != OK)
        return code;
    call_prepare_request(call, request);
    request->is_stream = runtime->is_stream;
    runtime->codec = runtime->is_invoke ? codec_native(call->match.body).body : &converse_codec;
    runtime->stream = (struct codec_stream){
        .codec = runtime->codec, .request = request, .ctx = runtime, .emit = emit};
    buf_init(&runtime->stream.scratch, REPLY_BODY_MAX);
    return runtime->is_invoke ? invoke_headers_parse(call, runtime->is_stream, request, error) : OK;
}

/* A step of body.h. */
static void parse(void *ctx)
{
    struct runtime_call *runtime = ctx;
    struct body *body = &runtime->body;
    struct chat_request *request = &runtime->request;
    const struct http_request *http = &runtime->call->exchange->request;
    body->code = codec_parse_text(runtime->codec, http->body, CODEC_GENERATE, request, &body->error);
    runtime->is_unbounded = request->max_tokens == 0;
    if (runtime->is_unbounded)
        request->max_tokens = default_reply_tokens(runtime->call->thread->api->config, &runtime->call->match);
    if (body->code == OK)
        body->code = chat_request_check(request, &body->error);
    if (body->code == OK && body->is_large)
        documents_digest(request);
    struct str salt = http_header_get(http, "x-fulcrum-cache-salt");
    if (salt.data && !request->cache_salt.data)
        request->cache_salt = salt;
}

static bool wants_fields(const struct runtime_call *runtime)
{
    return !runtime->is_invoke && yyjson_obj_get(runtime->request.body, "additionalModelResponseFieldPaths") != NULL;
}

static enum error_code start(struct runtime_call *runtime, struct error *error)
{
    static const struct generation_handlers handlers = {
        .on_started = on_started,
        .block_start = on_block_start,
        .block_delta = on_block_delta,
        .block_stop = on_block_stop,
        .on_progress = on_progress,
        .on_finished = on_finished,
        .on_failed = on_failed,
    };
    struct api_call *call = runtime->call;
    const struct generation_setup setup = {
        .port = call->thread->port,
        .model = call->match.model->worker,
        .spec = &call->match.model->spec,
        .tenant = str_of(call->identity.tenant),
        .cache = call->match.model->config->cache,
        .cache_min_tokens = catalog_cache_min_tokens(call->thread->api->config, &call->match),
        .request = &runtime->request,
        .prompt = &runtime->prompt,
        .identity = {.request_id = str_of(call->request_id),
                     .model_id = call->match.id,
                     .native = codec_native(call->match.body).fields},
        .collects = !runtime->is_stream || wants_fields(runtime) || runtime->codec->needs_whole_reply,
        .started_us = call->exchange->request.started_us,
        .max_reply_us = runtime->is_unbounded ? default_reply_us(call->thread->api->config) : 0,
    };
    runtime->generation = generation_start(&setup, &handlers, runtime, error);
    if (!runtime->generation)
        return error->code;
    metrics_tier(&call->thread->metrics, call->match.model->index, call->tier_asked, call->tier);
    return bill_open(&runtime->bill, call, runtime->request.tier, error);
}

/* The client left while another thread was at work. */
static bool is_over(struct runtime_call *runtime, bool is_gone)
{
    if (is_gone) {
        call_account(runtime->call, CALL_CLIENT_GONE);
        release(runtime);
    }
    return is_gone;
}

/* A step of body.h. */
static void write_prompt(void *ctx)
{
    struct runtime_call *runtime = ctx;
    const struct template_spec *spec = &runtime->call->match.model->spec;
    runtime->body.code = generation_prepare(spec, &runtime->request, &runtime->prompt, &runtime->body.error);
}

static void on_prompt(void *ctx, bool is_gone)
{
    struct runtime_call *runtime = ctx;
    struct body *body = &runtime->body;
    if (is_over(runtime, is_gone))
        return;
    hold(runtime);
    if (body->code == OK)
        body->code = body_charge_made(body, &body->error);
    if (body->code == OK)
        body->code = start(runtime, &body->error);
    if (body->code != OK)
        finish_failed(runtime, &body->error);
}

static void on_documents(void *ctx, const struct error *refusal)
{
    struct runtime_call *runtime = ctx;
    runtime->documents = NULL;
    if (refusal)
        finish_failed(runtime, refusal);
    else
        body_step(&runtime->body, write_prompt, on_prompt);
}

static void on_parsed(void *ctx, bool is_gone)
{
    struct runtime_call *runtime = ctx;
    struct body *body = &runtime->body;
    struct api_call *call = runtime->call;
    if (is_over(runtime, is_gone))
        return;
    hold(runtime);
    body_drop(body);
    call->metadata_count = runtime->request.metadata_count;
    if (body->code == OK)
        body->code = body_charge_made(body, &body->error);
    if (body->code == OK)
        body->code = resolve_tier(runtime, &body->error);
    if (body->code == OK)
        body->code = documents_resolve(call->thread->documents, str_of(call->identity.tenant), &runtime->request,
                                       on_documents, runtime, &runtime->documents, &body->error);
    if (body->code != OK)
        finish_failed(runtime, &body->error);
    else if (!runtime->documents)
        body_step(body, write_prompt, on_prompt);
}

static void on_open(void *ctx, bool is_gone)
{
    struct runtime_call *runtime = ctx;
    struct body *body = &runtime->body;
    if (is_over(runtime, is_gone))
        return;
    if (body->code == OK)
        body->code = prepare(runtime, &body->error);
    if (body->code == OK)
        body_step(body, parse, on_parsed);
    else
        finish_failed(runtime, &body->error);
}

static void run(struct api_call *call, bool is_invoke, bool is_stream)
{
    struct runtime_call *runtime = ARENA_NEW(&call->exchange->arena, struct runtime_call);
    if (!runtime) {
        struct error error;
        (void)error_no_memory(&error);
        call_fail(call, &error);
        return;
    }
    runtime->call = call;
    runtime->is_invoke = is_invoke;
    runtime->is_stream = is_stream;
    buf_init(&runtime->out, REPLY_BODY_MAX);
    body_open(&runtime->body, call, on_open, runtime);
}

void runtime_converse(struct api_call *call)
{
    run(call, false, false);
}

void runtime_converse_stream(struct api_call *call)
{
    run(call, false, true);
}

void runtime_invoke(struct api_call *call)
{
    run(call, true, false);
}

void runtime_invoke_stream(struct api_call *call)
{
    run(call, true, true);
}
