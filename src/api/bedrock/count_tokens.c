/* CountTokens: as many tokens as the prompt of the same request would have. */
#include "api/bedrock/converse.h"
#include "api/body.h"
#include "generate/documents.h"
#include "generate/generation.h"

struct count_call {
    struct api_call *call; /* in the exchange's arena, as this is */
    struct engine_call *running;
    struct document_wait *documents; /* not NULL: their texts are on their way */
    struct body step;
    yyjson_doc *body;
    struct chat_request request;
    struct engine_segment *segments;
    size_t segment_count;
};

static void release(struct count_call *count)
{
    documents_cancel(count->documents);
    count->documents = NULL;
    if (count->running)
        engine_cancel(count->running);
    count->running = NULL;
    codec_request_free(&count->request);
    json_free(count->body);
    count->body = NULL;
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

static void on_count(void *ctx, uint32_t tokens, const struct error *error)
{
    struct count_call *count = ctx;
    struct api_call *call = count->call;
    count->running = NULL;
    release(count);
    if (error) {
        call_fail(call, error);
        return;
    }
    call_add_ignored(call);
    struct str body = arena_printf(&call->exchange->arena, "{\"inputTokens\":%u}", tokens);
    call_respond(call, 200, STR("application/json"), body.data ? body : STR("{}"));
}

static enum error_code parse_native(struct count_call *count, yyjson_val *value, struct error *error)
{
    static const char *const members[] = {"body", NULL};
    static const char where[] = "input.invokeModel";
    struct str text = {0}, body = {0};
    if (!yyjson_is_obj(value))
        return field_error(error, where, "", "expected an object, got %s", json_type_name(value));
    enum error_code code = fields_known(count->request.ignored, value, where, members, error);
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

static enum error_code parse(struct count_call *count, struct error *error)
{
    static const char *const members[] = {"invokeModel", "converse", NULL};
    static const char *const root_members[] = {"input", NULL};
    struct api_call *call = count->call;
    yyjson_val *root, *input = NULL, *value = NULL;
    size_t which = 0;
    enum error_code code = json_parse_exact(call->exchange->request.body, &count->body, error);
    if (code != OK)
        return code;
    root = yyjson_doc_get_root(count->body);
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

/* The client left while another thread was at work. */
static bool is_over(struct count_call *count, bool is_gone)
{
    if (is_gone) {
        call_account(count->call, CALL_CLIENT_GONE);
        release(count);
    }
    return is_gone;
}

static void fail(struct count_call *count, const struct error *error)
{
    struct api_call *call = count->call;
    release(count);
    call_fail(call, error);
}

/* A step of body.h. */
static void write_prompt(void *ctx)
{
    struct count_call *count = ctx;
    const struct template_spec *spec = &count->call->match.model->spec;
    count->step.code =
        generation_segments(spec, &count->request, &count->segments, &count->segment_count, &count->step.error);
}

static void on_prompt(void *ctx, bool is_gone)
{
    struct count_call *count = ctx;
    struct api_call *call = count->call;
    struct body *step = &count->step;
    if (is_over(count, is_gone))
        return;
    hold(count);
    if (step->code == OK)
        step->code = body_charge_made(step, &step->error);
    if (step->code == OK) {
        step->error.code = ERROR_NO_MEMORY;
        count->running = engine_count(call->thread->port, call->match.model->worker, count->segments,
                                      count->segment_count, on_count, count, &step->error);
    }
    if (!count->running)
        fail(count, &step->error);
}

static void on_documents(void *ctx, const struct error *refusal)
{
    struct count_call *count = ctx;
    count->documents = NULL;
    if (refusal)
        fail(count, refusal);
    else
        body_step(&count->step, write_prompt, on_prompt);
}

/* A step of body.h. */
static void parse_body(void *ctx)
{
    struct count_call *count = ctx;
    struct body *step = &count->step;
    step->code = parse(count, &step->error);
    if (step->code == OK)
        step->code = chat_request_check(&count->request, &step->error);
    if (step->code == OK && step->is_large)
        documents_digest(&count->request);
}

static void on_parsed(void *ctx, bool is_gone)
{
    struct count_call *count = ctx;
    struct body *step = &count->step;
    if (is_over(count, is_gone))
        return;
    hold(count);
    body_drop(step);
    if (step->code == OK)
        step->code = body_charge_made(step, &step->error);
    if (step->code == OK)
        step->code = documents_resolve(count->call->thread->documents, str_of(count->call->identity.tenant),
                                       &count->request, on_documents, count, &count->documents, &step->error);
    if (step->code != OK)
        fail(count, &step->error);
    else if (!count->documents)
        body_step(step, write_prompt, on_prompt);
}

static void on_open(void *ctx, bool is_gone)
{
    struct count_call *count = ctx;
    struct body *step = &count->step;
    if (is_over(count, is_gone))
        return;
    if (step->code == OK)
        step->code = call_resolve_model(count->call, &step->error);
    if (step->code != OK) {
        fail(count, &step->error);
        return;
    }
    call_prepare_request(count->call, &count->request);
    count->request.cache_ttl_max_seconds = 0; /* nothing is kept, so nothing can be kept for too long */
    body_step(step, parse_body, on_parsed);
}

void count_tokens(struct api_call *call)
{
    struct count_call *count = ARENA_NEW(&call->exchange->arena, struct count_call);
    if (!count) {
        struct error error;
        (void)error_no_memory(&error);
        call_fail(call, &error);
        return;
    }
    count->call = call;
    body_open(&count->step, call, on_open, count);
}
