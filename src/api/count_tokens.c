/* CountTokens: as many tokens as the prompt of the same request would have. */
#include "api/call.h"
#include "api/converse.h"
#include "generate/documents.h"
#include "generate/generation.h"

struct count_call {
    struct api_call *call; /* in the exchange's arena, as this is */
    struct engine_call *running;
    struct document_wait *documents; /* not NULL: their texts are on their way */
    yyjson_doc *body;
    struct chat_request request;
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
    if (code == OK && codec->parse(body, CODEC_COUNT, &count->request, error) != OK)
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
    enum error_code code = call_resolve_model(call, error);
    if (code == OK)
        call_prepare_request(call, &count->request);
    if (code == OK)
        code = json_parse(call->exchange->request.body, &count->body, error);
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
    if (converse_parse_value(value, CODEC_COUNT, &count->request, error) != OK)
        return error_prefix(error, "input.converse");
    return OK;
}

static enum error_code start(struct count_call *count, struct error *error)
{
    struct api_call *call = count->call;
    struct engine_segment *segments = NULL;
    size_t segment_count = 0;
    enum error_code code = generation_segments(&call->thread->api->specs[call->match.model], &count->request, &segments,
                                               &segment_count, error);
    if (code != OK)
        return code;
    error->code = ERROR_NO_MEMORY;
    count->running = engine_count(call->thread->port, call->match.model, segments, segment_count, on_count, count,
                                  error);
    return count->running ? OK : error->code;
}

static void on_documents(void *ctx, const struct error *refusal)
{
    struct count_call *count = ctx;
    struct api_call *call = count->call;
    struct error error;
    count->documents = NULL;
    if (!refusal && start(count, &error) == OK)
        return;
    release(count);
    call_fail(call, refusal ? refusal : &error);
}

/* The prompt's parts, then the texts of its documents, then the count. */
static enum error_code prepare(struct count_call *count, struct error *error)
{
    enum error_code code = parse(count, error);
    if (code == OK)
        code = chat_request_check(&count->request, error);
    if (code == OK)
        code = documents_resolve(count->call->thread->documents, str_of(count->call->identity.tenant), &count->request,
                                 on_documents, count, &count->documents, error);
    return code == OK && !count->documents ? start(count, error) : code;
}

void count_tokens(struct api_call *call)
{
    struct error error;
    struct count_call *count = ARENA_NEW(&call->exchange->arena, struct count_call);
    if (!count) {
        (void)error_no_memory(&error);
        call_fail(call, &error);
        return;
    }
    count->call = call;
    if (prepare(count, &error) != OK) {
        release(count);
        call_fail(call, &error);
        return;
    }
    call->exchange->user = count;
    call->exchange->on_close = on_close;
}
