/* How many tokens the prompt of a request would have: CountTokens, whose body is another request's, wrapped, and what
 * other dialects call it, whose body is the request's. Counting it is a work (generate/work.h). */
#include "api/bedrock/converse.h"
#include "api/body.h"
#include "generate/documents.h"
#include "generate/work.h"

struct count_call {
    struct api_call *call; /* in the exchange's arena, as this is */
    struct body step;
    yyjson_doc *wrapping; /* of CountTokens */
    struct chat_request request;
    struct work *work; /* NULL until the body is parsed */
};

static void release(struct count_call *count)
{
    work_end(count->work, LEDGER_CANCELLED);
    count->work = NULL;
    codec_request_free(&count->request);
    json_free(count->wrapping);
    count->wrapping = NULL;
}

static void on_close(struct http_exchange *exchange)
{
    struct count_call *count = exchange->user;
    call_account(count->call, CALL_CLIENT_GONE);
    release(count);
}

static void hold(struct count_call *count)
{
    count->call->exchange->user = count;
    count->call->exchange->on_close = on_close;
}

/* The client left while another thread was at work. */
static bool is_over(struct count_call *count, bool is_gone)
{
    if (is_gone) {
        call_account(count->call, CALL_CLIENT_GONE);
        release(count);
    }
    return is_gone;
}

/* --- the answer ------------------------------------------------------------------------------------- */

static void on_counted(void *ctx, uint32_t tokens)
{
    struct count_call *count = ctx;
    struct api_call *call = count->call;
    release(count);
    call_add_ignored(call);
    const char *object = call->dialect->count_object;
    const struct str body =
        arena_printf(&call->exchange->arena, "{%s%s%s\"%s\":%u}", object ? "\"object\":\"" : "", object ? object : "",
                     object ? "\"," : "", call->dialect->count_member, tokens);
    call_respond(call, 200, STR("application/json"), body.data ? body : STR("{}"));
}

static void on_failed(void *ctx, const struct error *error)
{
    struct count_call *count = ctx;
    struct api_call *call = count->call;
    release(count);
    call_fail(call, error);
}

/* --- the body --------------------------------------------------------------------------------------- */

static enum error_code parse_native(struct count_call *count, yyjson_val *value, struct error *error)
{
    static const char *const members[] = {"body", NULL};
    static const char where[] = "input.invokeModel";
    struct str text = {0}, body = {0};
    if (!yyjson_is_obj(value))
        return field_error(error, where, "", "expected an object, got %s", json_type_name(value));
    enum error_code code = call_need_one_body(count->call, error);
    if (code == OK)
        code = fields_known(count->request.ignored, value, where, members, error);
    if (code == OK)
        code = fields_need_str(value, where, "body", 1, SIZE_MAX, &text, error);
    if (code == OK)
        code = fields_base64(text, where, "body", count->request.arena, &body, error);
    const struct codec *codec = codec_native(count->call->match.body).body;
    count->step.made = json_cost(body);
    if (code == OK && codec_parse_text(codec, body, CODEC_COUNT, &count->request, error) != OK)
        code = error_prefix(error, "input.invokeModel.body");
    return code;
}

/* Of a dialect whose body for this is that of a request. */
static enum error_code parse_plain(struct count_call *count, struct error *error)
{
    return codec_parse(count->call->operation->codec, yyjson_doc_get_root(count->request.document), CODEC_COUNT,
                       &count->request, error);
}

static enum error_code parse_wrapped(struct count_call *count, struct error *error)
{
    static const char *const members[] = {"invokeModel", "converse", NULL};
    static const char *const root_members[] = {"input", NULL};
    struct api_call *call = count->call;
    yyjson_val *root, *input = NULL, *value = NULL;
    size_t which = 0;
    enum error_code code = json_parse_exact(call->exchange->request.body, &count->wrapping, error);
    if (code != OK)
        return code;
    root = yyjson_doc_get_root(count->wrapping);
    if (!yyjson_is_obj(root))
        return error_set(error, ERROR_INVALID, "the request body must be a JSON object, got %s", json_type_name(root));
    code = fields_known(count->request.ignored, root, "", root_members, error);
    if (code == OK)
        code = fields_need_object(root, "", "input", &input, error);
    if (code == OK)
        code = fields_union(count->request.ignored, input, "input", members, &which, &value, error);
    if (code != OK)
        return code;
    if (which == 0)
        return parse_native(count, value, error);
    if (codec_parse(&converse_codec, value, CODEC_COUNT, &count->request, error) != OK)
        return error_prefix(error, "input.converse");
    return OK;
}

/* A step of body.h. */
static void parse_body(void *ctx)
{
    struct count_call *count = ctx;
    struct body *step = &count->step;
    step->code = count->request.document ? parse_plain(count, &step->error) : parse_wrapped(count, &step->error);
    if (step->code == OK)
        step->code = chat_request_check(&count->request, &step->error);
    if (step->code == OK && step->is_large)
        documents_digest(&count->request);
}

/* --- the work --------------------------------------------------------------------------------------- */

static void write_prompt(void *ctx)
{
    struct count_call *count = ctx;
    work_prepare(count->work);
}

static void on_prompt(void *ctx, bool is_gone)
{
    struct count_call *count = ctx;
    struct body *step = &count->step;
    if (is_over(count, is_gone))
        return;
    hold(count);
    step->code = body_charge_made(step, &step->error);
    work_continue(count->work, step->code == OK ? NULL : &step->error);
}

static void offload_prompt(void *ctx, struct work *work)
{
    struct count_call *count = ctx;
    (void)work;
    body_step(&count->step, write_prompt, on_prompt);
}

static void on_parsed(void *ctx, bool is_gone)
{
    static const struct work_handlers handlers = {.on_counted = on_counted, .on_failed = on_failed};
    struct count_call *count = ctx;
    struct body *step = &count->step;
    if (is_over(count, is_gone))
        return;
    hold(count);
    body_drop(step);
    const struct work_setup setup = {
        .port = &count->call->thread->work,
        .kind = WORK_COUNT,
        .request = &count->request,
        .match = &count->call->match,
        .router = count->call->route ? &count->call->route->hooks : NULL,
        .subject = call_subject(count->call),
        .tier = TIER_DEFAULT,
        .started_us = count->call->exchange->request.started_us,
        .offload = offload_prompt,
    };
    if (step->code == OK)
        step->code = body_charge_made(step, &step->error);
    if (step->code == OK && !(count->work = work_new(&setup, &handlers, count)))
        step->code = error_no_memory(&step->error);
    if (step->code == OK)
        work_begin(count->work);
    else
        on_failed(count, &step->error);
}

static enum error_code prepare(struct count_call *count, struct error *error)
{
    struct api_call *call = count->call;
    const struct operation_headers *headers = call->operation->headers;
    enum error_code code = call_resolve_model(call, error);
    if (code != OK)
        return code;
    call_prepare_request(call, &count->request);
    count->request.cache_ttl_max_seconds = 0; /* nothing is kept, so nothing can be kept for too long */
    return headers ? headers->parse(call, false, &count->request, error) : OK;
}

static void on_model_known(void *ctx, bool is_gone)
{
    struct count_call *count = ctx;
    struct body *step = &count->step;
    if (is_over(count, is_gone))
        return;
    if (step->code == OK)
        step->code = prepare(count, &step->error);
    if (step->code == OK)
        body_step(step, parse_body, on_parsed);
    else
        on_failed(count, &step->error);
}

static void on_open(void *ctx, bool is_gone)
{
    struct count_call *count = ctx;
    if (!is_gone && count->step.code == OK && count->call->dialect->peek)
        body_peek(&count->step, &count->request, on_model_known);
    else
        on_model_known(count, is_gone);
}

void count_tokens(struct api_call *call)
{
    struct count_call *count = CALL_NEW(call, struct count_call);
    if (!count)
        return;
    count->call = call;
    body_open(&count->step, call, on_open, count);
}
