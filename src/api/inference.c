/* Every operation that asks a model for a reply: from the HTTP request to a work
 * (generate/work.h), and from what becomes of it to the HTTP reply. What makes
 * one operation differ from another stands in its row (operations.h): codec,
 * framing, headers, dialect.
 *
 * Three steps may take long, and leave the I/O thread where the body is large
 * (body.h): proving who sent the body, parsing it, and, for the work, writing
 * the prompt. Where the body names the model, parsing is two: the document, then,
 * when the model is known, the request. */
#include "api/inference_internal.h"
#include "api/logged.h"
#include "core/json.h"
#include "generate/documents.h"
#include "generate/shadow.h"

/* --- the client ------------------------------------------------------------------------------------- */

static void on_close(struct http_exchange *exchange)
{
    struct inference *inference = exchange->user;
    inference_leave(inference, LEDGER_CANCELLED);
    inference_tell_gone(inference);
    call_account(inference->call, CALL_CLIENT_GONE);
    inference_release(inference);
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
    inference_open_stream(inference);
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
    if (body->code == OK)
        recalling_read(&inference->recalling, inference->call, request);
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
        inference_leave(inference, LEDGER_CANCELLED);
        inference_tell_gone(inference);
        call_account(inference->call, CALL_CLIENT_GONE);
        inference_release(inference);
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

static bool wants_confidence(const struct api_call *call)
{
    const struct str wish = http_header_get(&call->exchange->request, "x-fulcrum-confidence");
    return wish.data && !str_eq(wish, STR("false")) && !str_eq(wish, STR("0"));
}

static void begin(struct inference *inference)
{
    struct api_call *call = inference->call;
    inference->is_noted =
        call->route && shadow_wants(call->thread->api->work->shadow, call->route, str_of(call->request_id));
    inference->tells_confidence = !inference->is_stream && wants_confidence(call);
    if (inference->tells_confidence)
        recalling_leave_out(&inference->recalling, "confidence");
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
        .recall = recalling_wish(&inference->recalling),
        .is_stream = inference->is_stream,
        .passes_on = inference->codec->stream_pass && inference->request.api_version.data,
        .collects = needs_whole_reply(inference) || inference->is_noted,
        .wants_confidence = inference->is_noted || inference->tells_confidence,
        .started_us = call->exchange->request.started_us,
        .offload = offload_prompt,
    };
    inference->work = work_new(&setup, &inference_handlers, inference);
    if (inference->work) {
        if (inference->is_stream && call->operation->framing->append_wait)
            inference->waiting = waiting_begin(call->exchange->loop, inference_on_wait, inference);
        work_begin(inference->work);
        return;
    }
    (void)error_no_memory(&inference->body.error);
    inference_fail(inference, &inference->body.error);
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
        inference_fail(inference, &body->error);
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
        inference_fail(inference, &body->error);
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
    struct inference *inference = CALL_NEW(call, struct inference);
    if (!inference)
        return NULL;
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
    inference_tell_end(inference, call_shown_error(call, error).status, call_shown_error(call, error).name);
    inference_release(inference);
    call_fail(call, error);
}
