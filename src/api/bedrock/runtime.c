/* Converse, ConverseStream, InvokeModel, InvokeModelWithResponseStream: from
 * the HTTP request to a work (generate/work.h), and from what becomes of it to
 * the HTTP reply.
 *
 * Three steps may take long, and leave the I/O thread where the body is large
 * (body.h): proving who sent the body, parsing it, and, for the work, writing
 * the prompt. */
#include "api/bedrock/converse.h"
#include "api/bedrock/invoke_headers.h"
#include "api/body.h"
#include "api/cache_header.h"
#include "api/call.h"
#include "generate/documents.h"
#include "generate/work.h"

/* A whole reply: as much as a collected one may have, escaped. */
#define REPLY_BODY_MAX (192u << 20)

struct runtime_call {
    struct api_call *call; /* in the exchange's arena, as this is */
    const struct codec *codec;
    bool is_invoke, is_stream;
    bool has_started; /* the stream's headers are out */
    bool is_placed;   /* somebody has taken the request */
    struct body body;
    struct chat_request request;
    struct work *work; /* NULL until the body is parsed */
    struct codec_stream stream;
    struct buf out; /* frames not yet handed to net */
};

/* Frees all that is not in the arena. */
static void release(struct runtime_call *runtime)
{
    work_end(runtime->work, LEDGER_FAILED);
    runtime->work = NULL;
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

/* Nobody will finish the reply: its line is closed, and what was made of it goes into the log. */
static void leave(struct runtime_call *runtime, enum ledger_outcome outcome)
{
    if (!runtime->work)
        return;
    struct chat_usage usage = work_usage(runtime->work);
    note_usage(runtime, &usage);
    work_end(runtime->work, outcome);
}

static void on_close(struct http_exchange *exchange)
{
    struct runtime_call *runtime = exchange->user;
    leave(runtime, LEDGER_CANCELLED);
    call_account(runtime->call, CALL_CLIENT_GONE);
    release(runtime);
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
    leave(runtime, LEDGER_FAILED);
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
    leave(runtime, is_lost ? LEDGER_FAILED : LEDGER_CANCELLED);
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
    call_add_header(call, "x-fulcrum-model", str_of(work_placement(runtime->work)->answered.name));
    call_add_header(call, "x-fulcrum-cache", cache_header(&call->cache, &call->exchange->arena));
    call_add_ignored(call);
    if (runtime->is_invoke)
        invoke_headers_echo(call, &runtime->request);
}

static void on_placed(void *ctx, const struct placement *placement)
{
    struct runtime_call *runtime = ctx;
    struct api_call *call = runtime->call;
    call->tier = tier_names[runtime->request.tier];
    if (!runtime->is_placed)
        metrics_tier(&call->thread->metrics, placement->asked.model->index, call->tier_asked, call->tier);
    runtime->is_placed = true;
}

static void on_started(void *ctx, const struct chat_reply *reply)
{
    struct runtime_call *runtime = ctx;
    struct api_call *call = runtime->call;
    call->usage.first_token_us = clock_now_us() - call->exchange->request.started_us;
    call->has_cache = true;
    call->cache = work_cache(runtime->work);
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

static void on_billed(void *ctx, const struct ledger_line *line)
{
    struct runtime_call *runtime = ctx;
    struct api_call *call = runtime->call;
    const uint64_t *tokens = line->usage.tokens;
    const struct metrics_usage counts = {
        .input_tokens = tokens[PRICE_INPUT],
        .output_tokens = tokens[PRICE_OUTPUT],
        .cache_read_tokens = tokens[PRICE_CACHE_READ],
        .cache_write_tokens = tokens[PRICE_CACHE_WRITE_5M] + tokens[PRICE_CACHE_WRITE_1H],
    };
    call->cost = line->quote.cost;
    metrics_billed(&call->thread->metrics, work_placement(runtime->work)->answered.model->index, &counts,
                   line->quote.cost, line->quote.baseline);
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
    if (work_settle(runtime->work, body.failed ? LEDGER_FAILED : LEDGER_COMPLETED, &error) != OK) {
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
    if (!is_broken(runtime) && work_settle(runtime->work, LEDGER_COMPLETED, &error) != OK) {
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

static void on_finished(void *ctx, const struct chat_reply *reply, const struct work_figures *figures)
{
    struct runtime_call *runtime = ctx;
    struct api_call *call = runtime->call;
    note_usage(runtime, &reply->usage);
    call->usage.decode_us = figures->decode_us;
    metrics_timed(&call->thread->metrics, call->match.model->index, &call->usage);
    if (runtime->is_stream)
        finish_stream(runtime, reply);
    else
        finish_whole(runtime, reply);
}

static void on_failed(void *ctx, const struct error *error)
{
    finish_failed(ctx, error);
}

/* --- the start -------------------------------------------------------------------------------------- */

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

/* The client left while another thread was at work. */
static bool is_over(struct runtime_call *runtime, bool is_gone)
{
    if (is_gone) {
        leave(runtime, LEDGER_CANCELLED);
        call_account(runtime->call, CALL_CLIENT_GONE);
        release(runtime);
    }
    return is_gone;
}

/* A step of body.h. */
static void write_prompt(void *ctx)
{
    struct runtime_call *runtime = ctx;
    work_prepare(runtime->work);
}

static void on_prompt(void *ctx, bool is_gone)
{
    struct runtime_call *runtime = ctx;
    struct body *body = &runtime->body;
    if (is_over(runtime, is_gone))
        return;
    hold(runtime);
    body->code = body_charge_made(body, &body->error);
    work_continue(runtime->work, body->code == OK ? NULL : &body->error);
}

static void offload_prompt(void *ctx, struct work *work)
{
    struct runtime_call *runtime = ctx;
    (void)work;
    body_step(&runtime->body, write_prompt, on_prompt);
}

static void begin(struct runtime_call *runtime)
{
    static const struct work_handlers handlers = {
        .on_placed = on_placed,
        .on_started = on_started,
        .block_start = on_block_start,
        .block_delta = on_block_delta,
        .block_stop = on_block_stop,
        .on_progress = on_progress,
        .on_finished = on_finished,
        .on_failed = on_failed,
        .on_billed = on_billed,
    };
    struct api_call *call = runtime->call;
    const struct work_setup setup = {
        .port = &call->thread->work,
        .kind = WORK_REPLY,
        .line = WORK_LINE_LEDGER,
        .request = &runtime->request,
        .match = &call->match,
        .subject = call_subject(call),
        .native = codec_native(call->match.body).fields,
        .tier = TIER_DEFAULT,
        .is_stream = runtime->is_stream,
        .collects = !runtime->is_stream || wants_fields(runtime) || runtime->codec->needs_whole_reply,
        .started_us = call->exchange->request.started_us,
        .offload = offload_prompt,
    };
    runtime->work = work_new(&setup, &handlers, runtime);
    if (runtime->work) {
        work_begin(runtime->work);
        return;
    }
    (void)error_no_memory(&runtime->body.error);
    finish_failed(runtime, &runtime->body.error);
}

static void on_parsed(void *ctx, bool is_gone)
{
    struct runtime_call *runtime = ctx;
    struct body *body = &runtime->body;
    struct api_call *call = runtime->call;
    const struct chat_request *request = &runtime->request;
    if (is_over(runtime, is_gone))
        return;
    hold(runtime);
    body_drop(body);
    call->metadata_count = request->metadata_count;
    if (body->code == OK)
        body->code = body_charge_made(body, &body->error);
    if (body->code != OK) {
        finish_failed(runtime, &body->error);
        return;
    }
    call->tier_asked = request->has_tier ? tier_names[request->tier] : "";
    if (!request->has_tier || request->tier != TIER_RESERVED) /* of that the work has to see how much is left */
        call->tier = tier_names[request->has_tier ? request->tier : TIER_DEFAULT];
    begin(runtime);
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
