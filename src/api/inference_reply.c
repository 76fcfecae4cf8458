/* What becomes of a work, as the client reads it: streams as they come, whole replies at their end. See
 * inference_internal.h. */
#include "api/cache_header.h"
#include "api/inference_internal.h"
#include "api/kept.h"
#include "api/logged.h"
#include "generate/shadow.h"

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

void inference_open_stream(struct inference *inference)
{
    inference->stream = (struct codec_stream){
        .codec = inference->codec, .request = &inference->request, .ctx = inference, .emit = emit};
    buf_init(&inference->stream.scratch, REPLY_BODY_MAX);
    buf_init(&inference->stream.held, REPLY_BODY_MAX);
    buf_init(&inference->stream.held_logprobs, REPLY_BODY_MAX);
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
    inference_leave(inference, is_lost ? LEDGER_FAILED : LEDGER_CANCELLED);
    if (is_lost)
        inference_tell_no_memory(inference);
    else
        inference_tell_gone(inference);
    call_account(inference->call, is_lost ? 500 : CALL_CLIENT_GONE);
    inference_release(inference);
    http_respond_abort(exchange);
    return false;
}

static bool tells_blocks(const struct inference *inference)
{
    return inference->is_stream && !inference->stream.is_verbatim;
}

static void on_event(void *ctx, struct str type, yyjson_val *event)
{
    struct inference *inference = ctx;
    if (inference->is_stream)
        inference->codec->stream_pass(&inference->stream, type, event);
}

static void on_block_start(void *ctx, size_t index, enum chat_block_kind kind, struct str tool_id,
                           struct str tool_name)
{
    struct inference *inference = ctx;
    if (tells_blocks(inference))
        inference->codec->stream_block_start(&inference->stream, index, kind, tool_id, tool_name);
}

static void on_block_delta(void *ctx, size_t index, enum chat_block_kind kind, struct str text)
{
    struct inference *inference = ctx;
    if (tells_blocks(inference))
        inference->codec->stream_block_delta(&inference->stream, index, kind, text);
    inference->stream.logprobs = NULL;
    inference->stream.logprob_count = 0;
}

static void on_block_stop(void *ctx, size_t index, enum chat_block_kind kind)
{
    struct inference *inference = ctx;
    if (tells_blocks(inference))
        inference->codec->stream_block_stop(&inference->stream, index, kind);
}

static void on_block_logprobs(void *ctx, size_t index, const struct token_logprob *tokens, size_t count)
{
    struct inference *inference = ctx;
    (void)index;
    inference->stream.logprobs = tokens;
    inference->stream.logprob_count = count;
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
    call_add_answerer(call, placement);
    if (call->route)
        add_route(inference, placement);
    recalling_add_header(&inference->recalling, call, placement);
    if (call->has_cache && !call->cache.is_late)
        call_add_header(call, "x-fulcrum-cache", cache_header(&call->cache, &call->exchange->arena));
    if (call->has_cache && call->cache.is_thought_of) {
        const struct str marks = cache_marks_header(&call->cache, &call->exchange->arena);
        if (marks.data)
            call_add_header(call, "x-fulcrum-marks", marks);
    }
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
void inference_on_wait(void *ctx)
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
    call->has_cache = !work_placement(inference->work)->is_recalled; /* else no prompt was read */
    call->cache = work_cache(inference->work);
    inference_stop_waiting(inference);
    if (!inference->is_stream)
        return;
    if (!inference->has_started) {
        add_common_headers(inference);
        inference->has_started = true;
        call_start_stream(call);
    }
    inference->stream.is_verbatim = reply->is_verbatim;
    inference->stream.reply = reply;
    if (!reply->is_verbatim)
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
        inference_tell_no_memory(inference);
    else
        inference_tell_end(inference, 200, NULL);
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
    inference_tell_end(inference, 200, NULL);
}

static void finish_whole(struct inference *inference, const struct chat_reply *reply)
{
    struct api_call *call = inference->call;
    struct buf body;
    struct error error;
    buf_init(&body, REPLY_BODY_MAX);
    if (reply->verbatim)
        inference->codec->pass(&inference->request, reply, reply->verbatim, &body);
    else
        inference->codec->write(&inference->request, reply, &body);
    if (work_settle(inference->work, body.failed ? LEDGER_FAILED : LEDGER_COMPLETED, &error) != OK) {
        buf_deinit(&body);
        inference_fail(inference, &error);
        return;
    }
    add_common_headers(inference);
    call_add_count_header(call, "x-fulcrum-cost", call->cost);
    if (call->operation->headers && call->operation->headers->add_usage)
        call->operation->headers->add_usage(call, reply);
    add_confidence(inference, reply);
    log_whole(inference, &body);
    struct kept *kept = body.failed ? NULL : kept_new(call, &inference->request, inference->is_stream);
    inference_release(inference);
    if (kept) {
        kept_end(kept, &body, NULL);
        return;
    }
    call_respond_json(call, &body);
    buf_deinit(&body);
}

/* The stream's last events wait until its reply is kept. False: nothing is to be kept. */
static bool finish_kept(struct inference *inference, const struct chat_reply *reply)
{
    struct api_call *call = inference->call;
    struct kept *kept = is_broken(inference) ? NULL : kept_new(call, &inference->request, true);
    struct buf text;
    if (!kept)
        return false;
    buf_init(&text, REPLY_BODY_MAX);
    inference->codec->write(&inference->request, reply, &text);
    log_stream(inference, reply);
    const struct buf out = inference->out;
    buf_init(&inference->out, 0);
    inference_release(inference);
    kept_end(kept, &out, &text);
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
        inference_fail(inference, &error);
        return;
    }
    if (finish_kept(inference, reply) || !flush(inference))
        return;
    call_account(inference->call, 200);
    log_stream(inference, reply);
    inference_release(inference);
    http_respond_end(exchange);
}

/* What the router learns from, once the client has its answer. NULL: nothing. */
static struct shadow_case *note(struct inference *inference, const struct chat_reply *reply)
{
    struct api_call *call = inference->call;
    const struct http_request *http = &call->exchange->request;
    if (!inference->is_noted || work_placement(inference->work)->is_recalled)
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
    inference_note_usage(inference, &reply->usage);
    inference_note_cache(inference);
    if (!inference->is_stream) /* which may have been withheld */
        call->usage.first_token_us = figures->first_token_us;
    call->usage.decode_us = figures->decode_us;
    if (!work_placement(inference->work)->is_recalled)
        metrics_timed(&call->thread->metrics, call->match.model->index, &call->usage);
    if (inference->is_stream)
        finish_stream(inference, reply);
    else
        finish_whole(inference, reply);
    shadow_give(shadow, noted);
}

static void on_failed(void *ctx, const struct error *error)
{
    inference_fail(ctx, error);
}

const struct work_handlers inference_handlers = {
    .on_placed = on_placed,
    .on_started = on_started,
    .block_start = on_block_start,
    .block_delta = on_block_delta,
    .block_logprobs = on_block_logprobs,
    .block_stop = on_block_stop,
    .on_event = on_event,
    .on_progress = on_progress,
    .on_finished = on_finished,
    .on_failed = on_failed,
    .on_billed = on_billed,
};
