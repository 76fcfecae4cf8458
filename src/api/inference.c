/* Every operation that asks a model for a reply: from the HTTP request to a work
 * (generate/work.h), and from what becomes of it to the HTTP reply. What makes
 * one operation differ from another stands in its row (operations.h): codec,
 * framing, headers, dialect.
 *
 * Three steps may take long, and leave the I/O thread where the body is large
 * (body.h): proving who sent the body, parsing it, and, for the work, writing
 * the prompt. Where the body names the model, parsing is two: the document, then,
 * when the model is known, the request. */
#include "api/body.h"
#include "api/cache_header.h"
#include "api/call.h"
#include "api/genai.h"
#include "api/logged.h"
#include "api/recent.h"
#include "api/traced.h"
#include "api/waiting.h"
#include "core/json.h"
#include "generate/documents.h"
#include "generate/shadow.h"
#include "generate/work.h"
#include "monitor/monitor.h"

/* A whole reply: as much as a collected one may have, escaped. */
#define REPLY_BODY_MAX (192u << 20)

struct inference {
    struct api_call *call; /* in the exchange's arena, as this is */
    const struct codec *codec;
    bool is_stream;
    bool has_started; /* the stream's headers are out */
    bool is_placed;   /* somebody has taken the request */
    bool is_noted;    /* its router learns from it */
    bool is_read;     /* the body was understood */
    bool has_line;    /* of the ledger */
    bool is_cache_noted; /* what became of the prompt's cache is in the metrics */
    bool tells_confidence; /* the client asked for it */
    struct invocation *logged; /* NULL: it is not */
    struct traced *traced;     /* likewise */
    const struct chat_reply *reply; /* whole, while it is finished; else NULL */
    struct body body;
    struct chat_request request;
    struct work *work; /* NULL until the body is parsed */
    struct waiting *waiting; /* for the first token of a stream that tells of it; else NULL */
    struct codec_stream stream;
    struct buf out; /* frames not yet handed to net */
};

static void stop_waiting(struct inference *inference)
{
    waiting_end(inference->waiting);
    inference->waiting = NULL;
}

/* Frees all that is not in the arena. */
static void release(struct inference *inference)
{
    work_end(inference->work, LEDGER_FAILED);
    inference->work = NULL;
    stop_waiting(inference);
    codec_request_free(&inference->request);
    buf_deinit(&inference->stream.scratch);
    buf_deinit(&inference->stream.held);
    buf_deinit(&inference->out);
}

static void note_usage(struct inference *inference, const struct chat_usage *usage)
{
    inference->call->usage.input_tokens = usage->input_tokens;
    inference->call->usage.output_tokens = usage->output_tokens;
    inference->call->usage.cache_read_tokens = usage->cache_read_tokens;
    inference->call->usage.cache_write_tokens = usage->cache_write_5m_tokens + usage->cache_write_1h_tokens;
}

/* As the conventions for generative AI name it. */
static void observe(const struct inference *inference, const char *error_name)
{
    const struct api_call *call = inference->call;
    const struct placement *placement = inference->is_placed ? work_placement(inference->work) : NULL;
    const struct metrics_genai_request request = {
        .operation = genai_operation(&inference->request),
        .provider = genai_provider(call->dialect),
        .model_asked = call->has_match ? call->match.id : STR(""),
        .model = placement ? placement->answered.name : "",
        .error = error_name ? error_name : "",
        .duration_us = clock_now_us() - call->exchange->request.started_us,
        .first_token_us = call->usage.first_token_us,
        .decode_us = call->usage.decode_us,
        .output_tokens = call->usage.output_tokens,
    };
    metrics_genai_observe(&call->thread->genai, &request);
}

static void end_trace(struct inference *inference, int status, const char *error_name)
{
    const struct traced_end end = {
        .request = &inference->request,
        .is_read = inference->is_read,
        .placement = inference->is_placed ? work_placement(inference->work) : NULL,
        .reply = inference->reply,
        .error = error_name,
        .status = status,
        .is_sent = inference->has_started,
    };
    traced_end(inference->traced, inference->call, &end);
}

/* Once, at the end of any kind and before release: to all that keep something of requests. NULL: it went well. */
static void tell_end(struct inference *inference, int status, const char *error_name)
{
    struct invocation *logged = inference->logged;
    observe(inference, error_name);
    recents_note(inference->call->thread->api->recents, inference->call);
    if (inference->traced)
        end_trace(inference, status, error_name);
    if (!logged)
        return;
    inference->logged = NULL;
    logged_end(logged, inference->call, &inference->request, inference->is_read, error_name);
}

static void tell_gone(struct inference *inference)
{
    tell_end(inference, CALL_CLIENT_GONE, LOGGED_CLIENT_GONE);
}

static void tell_no_memory(struct inference *inference)
{
    const struct dialect_error known = inference->call->dialect->of_code(ERROR_NO_MEMORY);
    tell_end(inference, known.status, known.name);
}

/* As the client reads it. */
static struct dialect_error shown(const struct api_call *call, const struct error *error)
{
    const enum auth_problem problem = call->identity.problem;
    return problem == AUTH_OK ? call->dialect->of_code(error->code) : call->dialect->of_auth(problem);
}

/* Upstreams say only at the end what they read of it. */
static void note_cache(struct inference *inference)
{
    struct api_call *call = inference->call;
    if (!call->has_cache || inference->is_cache_noted)
        return;
    inference->is_cache_noted = true;
    call->cache = work_cache(inference->work);
    metrics_cached(&call->thread->metrics, call->match.model->index, cache_outcome(&call->cache));
}

/* Nobody will finish the reply: its line is closed, and what was made of it goes into the log. */
static void leave(struct inference *inference, enum ledger_outcome outcome)
{
    if (!inference->work)
        return;
    struct chat_usage usage = work_usage(inference->work);
    note_usage(inference, &usage);
    note_cache(inference);
    work_end(inference->work, outcome);
}

static void on_close(struct http_exchange *exchange)
{
    struct inference *inference = exchange->user;
    leave(inference, LEDGER_CANCELLED);
    tell_gone(inference);
    call_account(inference->call, CALL_CLIENT_GONE);
    release(inference);
}

/* The slow reader has caught up. */
static void on_drain(struct http_exchange *exchange)
{
    struct inference *inference = exchange->user;
    if (inference->work)
        work_hold_back(inference->work, false);
}

/* What the client sees of the loop's side; work of other threads has its own. */
static void hold(struct inference *inference)
{
    inference->call->exchange->user = inference;
    inference->call->exchange->on_close = on_close;
    inference->call->exchange->on_drain = on_drain;
}

/* Points of metrics come from lines; of a request without one they come from here. */
static void note_refusal(const struct inference *inference, const struct error *error)
{
    const struct api_call *call = inference->call;
    const int status = call->dialect->of_code(error->code).status;
    if (inference->has_line || call->identity.problem != AUTH_OK)
        return;
    monitor_refused(call->thread->api->monitor, str_of(call->identity.tenant),
                    call->has_match ? call_subject(call).model_requested : STR(""),
                    status == 429                                   ? MONITOR_THROTTLE
                    : status >= 500 || status == 424 || status == 408 ? MONITOR_SERVER_ERROR
                                                                    : MONITOR_CLIENT_ERROR);
}

/* The error, as a reply or as the stream's last frame. */
static void finish_failed(struct inference *inference, const struct error *error)
{
    struct api_call *call = inference->call;
    const struct codec *codec = inference->codec;
    const struct dialect_error known = shown(call, error);
    const bool is_told = inference->has_started && inference->stream.reply && codec->stream_fail &&
                         codec->stream_fail(&inference->stream, error);
    leave(inference, LEDGER_FAILED);
    note_refusal(inference, error);
    tell_end(inference, known.status, known.name);
    if (!inference->has_started) {
        release(inference);
        call_fail(call, error);
        return;
    }
    struct buf frames = inference->out;
    buf_init(&inference->out, 0);
    release(inference);
    call_fail_stream(call, &frames, error, is_told);
    buf_deinit(&frames);
}

/* --- streaming -------------------------------------------------------------------------------------- */

/* A payload of the codec becomes an event of the stream. */
static void emit(void *ctx, struct str event_type, struct str payload)
{
    struct inference *inference = ctx;
    const struct dialect_framing *framing = inference->call->operation->framing;
    if (!framing->append_event(&inference->out, event_type, payload))
        inference->out.failed = true;
    if (inference->logged)
        logged_event(inference->logged, framing, event_type, payload);
}

/* Frames could not be built. */
static bool is_broken(const struct inference *inference)
{
    return inference->out.failed || codec_stream_failed(&inference->stream);
}

/* Hands the frames over. For a slow reader waits what can (work_hold_back); one that lets more than the limit pile up
 * is cut off: the engine can't be slowed down for one client. False: it was. */
static bool flush(struct inference *inference)
{
    struct http_exchange *exchange = inference->call->exchange;
    bool is_lost = is_broken(inference);
    if (!is_lost && inference->out.len > 0) {
        http_respond_write(exchange, buf_str(&inference->out));
        buf_clear(&inference->out);
    }
    if (!is_lost && http_exchange_unsent(exchange) >= limit(response_buffer_bytes) / 2)
        work_hold_back(inference->work, true);
    if (!is_lost && http_exchange_unsent(exchange) <= limit(response_buffer_bytes))
        return true;
    leave(inference, is_lost ? LEDGER_FAILED : LEDGER_CANCELLED);
    if (is_lost)
        tell_no_memory(inference);
    else
        tell_gone(inference);
    call_account(inference->call, is_lost ? 500 : CALL_CLIENT_GONE);
    release(inference);
    http_respond_abort(exchange);
    return false;
}

static void on_block_start(void *ctx, size_t index, enum chat_block_kind kind, struct str tool_id,
                           struct str tool_name)
{
    struct inference *inference = ctx;
    if (inference->is_stream)
        inference->codec->stream_block_start(&inference->stream, index, kind, tool_id, tool_name);
}

static void on_block_delta(void *ctx, size_t index, enum chat_block_kind kind, struct str text)
{
    struct inference *inference = ctx;
    if (inference->is_stream)
        inference->codec->stream_block_delta(&inference->stream, index, kind, text);
}

static void on_block_stop(void *ctx, size_t index, enum chat_block_kind kind)
{
    struct inference *inference = ctx;
    if (inference->is_stream)
        inference->codec->stream_block_stop(&inference->stream, index, kind);
}

static bool wants_confidence(const struct api_call *call)
{
    const struct str wish = http_header_get(&call->exchange->request, "x-fulcrum-confidence");
    return wish.data && !str_eq(wish, STR("false")) && !str_eq(wish, STR("0"));
}

/* Who answers, and why not somebody else. */
static void add_route(struct inference *inference, const struct placement *placement)
{
    struct api_call *call = inference->call;
    const bool is_elsewhere = placement->attempts > placement->doubted_attempts + 1;
    const struct str reason = is_elsewhere ? STR("failed-over") : placement->why;
    const struct str value = arena_printf(&call->exchange->arena, "%s; reason=" STR_FMT, placement->answered.name,
                                          STR_ARG(reason));
    if (value.data)
        call_add_header(call, "x-fulcrum-route", value);
}

static void add_common_headers(struct inference *inference)
{
    struct api_call *call = inference->call;
    const struct placement *placement = work_placement(inference->work);
    call_add_header(call, "x-fulcrum-model", str_of(placement->answered.name));
    if (call->route)
        add_route(inference, placement);
    if (!call->cache.is_late)
        call_add_header(call, "x-fulcrum-cache", cache_header(&call->cache, &call->exchange->arena));
    call_add_ignored(call);
    if (call->operation->headers && call->operation->headers->add)
        call->operation->headers->add(call, &inference->request, inference->is_stream);
}

static void on_placed(void *ctx, const struct placement *placement)
{
    struct inference *inference = ctx;
    struct api_call *call = inference->call;
    call->tier = tier_names[inference->request.tier];
    if (!inference->is_placed)
        metrics_tier(&call->thread->metrics, placement->asked.model->index, call->tier_asked, call->tier);
    inference->is_placed = true;
}

/* The headers don't wait for what only the first token decides; later ones are in the ledger's line alone. */
static void on_wait(void *ctx)
{
    struct inference *inference = ctx;
    const struct dialect_framing *framing = inference->call->operation->framing;
    if (inference->call->exchange->user != inference) /* another thread has the request; the client may be gone */
        return;
    if (!inference->has_started) {
        call_add_ignored(inference->call);
        inference->has_started = true;
        call_start_stream(inference->call);
    }
    if (!framing->append_wait(&inference->out))
        inference->out.failed = true;
    (void)flush(inference);
}

static void on_started(void *ctx, const struct chat_reply *reply)
{
    struct inference *inference = ctx;
    struct api_call *call = inference->call;
    call->usage.first_token_us = clock_now_us() - call->exchange->request.started_us;
    call->has_cache = true;
    call->cache = work_cache(inference->work);
    stop_waiting(inference);
    if (!inference->is_stream)
        return;
    if (!inference->has_started) {
        add_common_headers(inference);
        inference->has_started = true;
        call_start_stream(call);
    }
    inference->codec->stream_start(&inference->stream, reply);
    (void)flush(inference);
}

static void on_progress(void *ctx)
{
    struct inference *inference = ctx;
    if (inference->is_stream)
        (void)flush(inference);
}

/* --- the end ---------------------------------------------------------------------------------------- */

static void on_billed(void *ctx, const struct target *answered, const struct ledger_line *line)
{
    struct inference *inference = ctx;
    struct api_call *call = inference->call;
    inference->has_line = true;
    call->cost += line->quote.cost;
    if (inference->traced)
        traced_billed(inference->traced, line);
    metrics_billed_line(&call->thread->metrics, answered->model, line);
}

/* Digits enough to tell apart what is all but sure. */
static void add_confidence(struct inference *inference, const struct chat_reply *reply)
{
    struct api_call *call = inference->call;
    if (!inference->tells_confidence || reply->confidence < 0)
        return;
    const struct str value = arena_printf(&call->exchange->arena, "%.9g", reply->confidence);
    if (value.data)
        call_add_header(call, "x-fulcrum-confidence", value);
}

static void log_whole(struct inference *inference, const struct buf *body)
{
    if (inference->logged && !body->failed)
        invocation_set_output(inference->logged, buf_str(body));
    if (body->failed)
        tell_no_memory(inference);
    else
        tell_end(inference, 200, NULL);
}

/* Without memory for the whole reply its events stay. */
static void log_stream(struct inference *inference, const struct chat_reply *reply)
{
    struct buf body;
    buf_init(&body, REPLY_BODY_MAX);
    if (inference->logged && inference->call->operation->logs_whole &&
        inference->codec->write(&inference->request, reply, &body))
        invocation_set_output(inference->logged, buf_str(&body));
    buf_deinit(&body);
    tell_end(inference, 200, NULL);
}

/* What keeps a reply before its last byte is sent (operations.h). In the exchange's arena: the rest is gone then. */
struct ending {
    struct offload offload;
    struct api_call *call;
    void *noted;
    struct buf out;  /* what is left to be sent */
    struct buf text; /* of a stream: the whole reply, which is kept; else that is `out` */
    bool is_stream;
};

static void keep_reply(void *ctx)
{
    struct ending *ending = ctx;
    const struct buf *reply = ending->is_stream ? &ending->text : &ending->out;
    if (!reply->failed)
        ending->call->operation->memory->keep(ending->noted, buf_str(reply));
}

static void on_kept(void *ctx, bool is_gone)
{
    struct ending *ending = ctx;
    struct api_call *call = ending->call;
    struct http_exchange *exchange = call->exchange;
    struct buf out = ending->out, text = ending->text; /* the arena goes with the exchange */
    if (is_gone) {
        call_account(call, CALL_CLIENT_GONE);
    } else if (ending->is_stream) {
        call_account(call, 200);
        http_respond_write(exchange, buf_str(&out));
        http_respond_end(exchange);
    } else {
        call_respond_json(call, &out);
    }
    buf_deinit(&out);
    buf_deinit(&text);
}

/* NULL: nothing is to be kept. */
static struct ending *ending_new(struct inference *inference)
{
    struct api_call *call = inference->call;
    const struct operation_memory *memory = call->operation->memory;
    void *noted = memory ? memory->note(call, &inference->request) : NULL;
    struct ending *ending = noted ? ARENA_NEW(&call->exchange->arena, struct ending) : NULL;
    if (ending)
        *ending = (struct ending){.call = call, .noted = noted, .is_stream = inference->is_stream};
    return ending;
}

/* Its buffers are the ending's from here on; the inference is over. */
static void end_kept(struct ending *ending, const struct buf *out, const struct buf *text)
{
    ending->out = *out;
    ending->text = text ? *text : (struct buf){0};
    offload_start(&ending->offload, ending->call->exchange, keep_reply, on_kept, ending);
}

static void finish_whole(struct inference *inference, const struct chat_reply *reply)
{
    struct api_call *call = inference->call;
    struct buf body;
    struct error error;
    buf_init(&body, REPLY_BODY_MAX);
    inference->codec->write(&inference->request, reply, &body);
    if (work_settle(inference->work, body.failed ? LEDGER_FAILED : LEDGER_COMPLETED, &error) != OK) {
        buf_deinit(&body);
        finish_failed(inference, &error);
        return;
    }
    add_common_headers(inference);
    call_add_count_header(call, "x-fulcrum-cost", call->cost);
    if (call->operation->headers && call->operation->headers->add_usage)
        call->operation->headers->add_usage(call, reply);
    add_confidence(inference, reply);
    log_whole(inference, &body);
    struct ending *ending = body.failed ? NULL : ending_new(inference);
    release(inference);
    if (ending) {
        end_kept(ending, &body, NULL);
        return;
    }
    call_respond_json(call, &body);
    buf_deinit(&body);
}

/* The stream's last events wait until its reply is kept. False: nothing is to be kept. */
static bool finish_kept(struct inference *inference, const struct chat_reply *reply)
{
    struct ending *ending = is_broken(inference) ? NULL : ending_new(inference);
    struct buf text;
    if (!ending)
        return false;
    buf_init(&text, REPLY_BODY_MAX);
    inference->codec->write(&inference->request, reply, &text);
    log_stream(inference, reply);
    const struct buf out = inference->out;
    buf_init(&inference->out, 0);
    release(inference);
    end_kept(ending, &out, &text);
    return true;
}

static void finish_stream(struct inference *inference, const struct chat_reply *reply)
{
    struct http_exchange *exchange = inference->call->exchange;
    struct error error;
    const struct dialect_framing *framing = inference->call->operation->framing;
    inference->codec->stream_end(&inference->stream, reply);
    if (framing->append_end && !framing->append_end(&inference->out))
        inference->out.failed = true;
    if (!is_broken(inference) && work_settle(inference->work, LEDGER_COMPLETED, &error) != OK) {
        buf_clear(&inference->out); /* the last frames must not look like a whole reply */
        finish_failed(inference, &error);
        return;
    }
    if (finish_kept(inference, reply) || !flush(inference))
        return;
    call_account(inference->call, 200);
    log_stream(inference, reply);
    release(inference);
    http_respond_end(exchange);
}

/* What the router learns from, once the client has its answer. NULL: nothing. */
static struct shadow_case *note(struct inference *inference, const struct chat_reply *reply)
{
    struct api_call *call = inference->call;
    const struct http_request *http = &call->exchange->request;
    if (!inference->is_noted)
        return NULL;
    const struct shadow_source source = {
        .request_id = str_of(call->request_id),
        .asker = call_asker(call),
        .body = http->body,
        .cache_salt = http_header_get(http, "x-fulcrum-cache-salt"),
        .codec = inference->codec,
        .shape = call->match.body,
        .request = &inference->request,
        .time_us = clock_wall_us() - (clock_now_us() - http->started_us),
    };
    return shadow_note(call->thread->api->work->shadow, call->route, &source, work_placement(inference->work), reply);
}

static void on_finished(void *ctx, const struct chat_reply *reply, const struct work_figures *figures)
{
    struct inference *inference = ctx;
    struct api_call *call = inference->call;
    struct shadow *shadow = call->thread->api->work->shadow;
    struct shadow_case *noted = note(inference, reply);
    inference->reply = reply;
    note_usage(inference, &reply->usage);
    note_cache(inference);
    if (!inference->is_stream) /* which may have been withheld */
        call->usage.first_token_us = figures->first_token_us;
    call->usage.decode_us = figures->decode_us;
    metrics_timed(&call->thread->metrics, call->match.model->index, &call->usage);
    if (inference->is_stream)
        finish_stream(inference, reply);
    else
        finish_whole(inference, reply);
    shadow_give(shadow, noted);
}

static void on_failed(void *ctx, const struct error *error)
{
    finish_failed(ctx, error);
}

/* --- the start -------------------------------------------------------------------------------------- */

/* What has to be known before the body is parsed. */
static enum error_code prepare(struct inference *inference, struct error *error)
{
    struct api_call *call = inference->call;
    struct chat_request *request = &inference->request;
    enum error_code code = call_resolve_model(call, error);
    if (code == OK && !call->operation->codec)
        code = call_need_one_body(call, error);
    if (code != OK)
        return code;
    call_prepare_request(call, request);
    request->is_stream = inference->is_stream;
    inference->codec = call->operation->codec ? call->operation->codec : codec_native(call->match.body).body;
    inference->stream = (struct codec_stream){
        .codec = inference->codec, .request = request, .ctx = inference, .emit = emit};
    buf_init(&inference->stream.scratch, REPLY_BODY_MAX);
    buf_init(&inference->stream.held, REPLY_BODY_MAX);
    const struct operation_headers *headers = call->operation->headers;
    return headers ? headers->parse(call, inference->is_stream, request, error) : OK;
}

/* The body's document is the request's from here on, if it was parsed before. */
static enum error_code parse_request(struct inference *inference, struct error *error)
{
    struct chat_request *request = &inference->request;
    const struct str text = inference->call->exchange->request.body;
    if (!request->document)
        return codec_parse_text(inference->codec, text, CODEC_GENERATE, request, error);
    return codec_parse(inference->codec, yyjson_doc_get_root(request->document), CODEC_GENERATE, request, error);
}

/* A step of body.h. */
static void parse(void *ctx)
{
    struct inference *inference = ctx;
    struct body *body = &inference->body;
    struct chat_request *request = &inference->request;
    const struct http_request *http = &inference->call->exchange->request;
    if (inference->logged)
        logged_input(inference->logged, inference->call);
    body->code = parse_request(inference, &body->error);
    inference->is_read = body->code == OK;
    if (body->code == OK)
        body->code = chat_request_check(request, &body->error);
    if (body->code == OK && body->is_large)
        documents_digest(request);
    struct str salt = http_header_get(http, "x-fulcrum-cache-salt");
    if (salt.data && !request->cache_salt.data)
        request->cache_salt = salt;
}

static bool needs_whole_reply(const struct inference *inference)
{
    const struct codec *codec = inference->codec;
    const bool is_logged_whole = inference->logged && inference->call->operation->logs_whole;
    return !inference->is_stream || codec->needs_whole_reply || is_logged_whole ||
           traced_wants_content(inference->traced) ||
           (codec->wants_whole_reply && codec->wants_whole_reply(&inference->request));
}

/* The client left while another thread was at work. */
static bool is_over(struct inference *inference, bool is_gone)
{
    if (is_gone) {
        leave(inference, LEDGER_CANCELLED);
        tell_gone(inference);
        call_account(inference->call, CALL_CLIENT_GONE);
        release(inference);
    }
    return is_gone;
}

/* A step of body.h. */
static void write_prompt(void *ctx)
{
    struct inference *inference = ctx;
    work_prepare(inference->work);
}

static void on_prompt(void *ctx, bool is_gone)
{
    struct inference *inference = ctx;
    struct body *body = &inference->body;
    if (is_over(inference, is_gone))
        return;
    hold(inference);
    body->code = body_charge_made(body, &body->error);
    work_continue(inference->work, body->code == OK ? NULL : &body->error);
}

static void offload_prompt(void *ctx, struct work *work)
{
    struct inference *inference = ctx;
    (void)work;
    body_step(&inference->body, write_prompt, on_prompt);
}

static void begin(struct inference *inference)
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
    struct api_call *call = inference->call;
    inference->is_noted =
        call->route && shadow_wants(call->thread->api->work->shadow, call->route, str_of(call->request_id));
    inference->tells_confidence = !inference->is_stream && wants_confidence(call);
    const struct work_setup setup = {
        .port = &call->thread->work,
        .kind = WORK_REPLY,
        .line = WORK_LINE_LEDGER,
        .request = &inference->request,
        .match = &call->match,
        .router = call->route ? &call->route->hooks : NULL,
        .subject = call_subject(call),
        .native = codec_native(call->match.body).fields,
        .tier = TIER_DEFAULT,
        .is_stream = inference->is_stream,
        .collects = needs_whole_reply(inference) || inference->is_noted,
        .wants_confidence = inference->is_noted || inference->tells_confidence,
        .started_us = call->exchange->request.started_us,
        .offload = offload_prompt,
    };
    inference->work = work_new(&setup, &handlers, inference);
    if (inference->work) {
        if (inference->is_stream && call->operation->framing->append_wait)
            inference->waiting = waiting_begin(call->exchange->loop, on_wait, inference);
        work_begin(inference->work);
        return;
    }
    (void)error_no_memory(&inference->body.error);
    finish_failed(inference, &inference->body.error);
}

static void on_parsed(void *ctx, bool is_gone)
{
    struct inference *inference = ctx;
    struct body *body = &inference->body;
    struct api_call *call = inference->call;
    const struct chat_request *request = &inference->request;
    if (is_over(inference, is_gone))
        return;
    hold(inference);
    body_drop(body);
    call->metadata_count = request->metadata_count;
    if (body->code == OK)
        body->code = body_charge_made(body, &body->error);
    if (body->code != OK) {
        finish_failed(inference, &body->error);
        return;
    }
    call->tier_asked = request->has_tier ? tier_names[request->tier] : "";
    if (!request->has_tier || request->tier != TIER_RESERVED) /* of that the work has to see how much is left */
        call->tier = tier_names[request->has_tier ? request->tier : TIER_DEFAULT];
    begin(inference);
}

static void on_model_known(void *ctx, bool is_gone)
{
    struct inference *inference = ctx;
    struct body *body = &inference->body;
    if (is_over(inference, is_gone))
        return;
    if (inference->call->dialect->peek)
        inference->is_stream = inference->is_stream && body->wants_stream;
    if (body->code == OK)
        body->code = prepare(inference, &body->error);
    if (body->code == OK)
        body_step(body, parse, on_parsed);
    else
        finish_failed(inference, &body->error);
}

static void on_open(void *ctx, bool is_gone)
{
    struct inference *inference = ctx;
    if (!is_gone && inference->body.code == OK)
        inference->logged = logged_begin(inference->call);
    if (!is_gone && inference->body.code == OK && inference->call->dialect->peek)
        body_peek(&inference->body, &inference->request, on_model_known);
    else
        on_model_known(inference, is_gone);
}

/* NULL: no memory; the call was answered. */
static struct inference *inference_new(struct api_call *call)
{
    struct inference *inference = ARENA_NEW(&call->exchange->arena, struct inference);
    if (!inference) {
        struct error error;
        (void)error_no_memory(&error);
        call_fail(call, &error);
        return NULL;
    }
    inference->call = call;
    inference->traced = traced_begin(call);
    inference->is_stream = call->operation->framing != NULL;
    buf_init(&inference->out, REPLY_BODY_MAX);
    return inference;
}

void inference_run(struct api_call *call)
{
    struct inference *inference = inference_new(call);
    if (inference)
        body_open(&inference->body, call, on_open, inference);
}

void inference_refuse(struct api_call *call, const struct error *error)
{
    struct inference *inference = inference_new(call);
    if (!inference)
        return;
    tell_end(inference, shown(call, error).status, shown(call, error).name);
    release(inference);
    call_fail(call, error);
}
