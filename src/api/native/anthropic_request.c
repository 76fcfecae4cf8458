/* Requests to upstreams that speak the Anthropic body: its own API, and Bedrock's InvokeModel for Claude. */
#include "api/native/anthropic.h"

#include "api/media_type.h"
#include "api/request_write.h"

#define BEDROCK_VERSION "bedrock-2023-05-31"

/* --- blocks ----------------------------------------------------------------------------------------- */

/* "source":{...}; documents of formats that this API does not take go as their text, where it is known. */
static enum error_code append_source(struct request_writer *writer, const struct chat_block *block)
{
    struct buf *out = writer->out;
    char media_type[MEDIA_TYPE_MAX];
    bool is_media = block->kind == CHAT_IMAGE || str_eq(block->format, STR("pdf"));
    media_type_of(block->kind, block->format, media_type);
    if (block->source == CHAT_SOURCE_S3 || block->source == CHAT_SOURCE_FILE)
        return request_refuse(writer, block->where, "a file in S3 or behind an ID");
    request_key(out, "source");
    if (block->source == CHAT_SOURCE_URL) {
        buf_append_text(out, "{\"type\":\"url\"");
        request_text(out, "url", block->data);
    } else if (block->source == CHAT_SOURCE_BASE64 && is_media) {
        buf_append_text(out, "{\"type\":\"base64\"");
        request_text(out, "media_type", str_of(media_type));
        request_text(out, "data", block->data);
    } else if (block->text.len > 0) {
        buf_append_text(out, "{\"type\":\"text\",\"media_type\":\"text/plain\"");
        request_text(out, "data", block->source == CHAT_SOURCE_TEXT ? block->data : block->text);
    } else {
        return request_refuse(writer, block->where, "a file that is neither a PDF nor text");
    }
    buf_append_char(out, '}');
    return OK;
}

static enum error_code append_document(struct request_writer *writer, const struct chat_block *block)
{
    buf_append_text(writer->out, "{\"type\":\"document\"");
    enum error_code code = append_source(writer, block);
    if (block->name.len > 0)
        request_text(writer->out, "title", block->name);
    if (block->context.len > 0 && block->source == CHAT_SOURCE_TEXT)
        request_text(writer->out, "context", block->context);
    return code;
}

static enum error_code append_image(struct request_writer *writer, const struct chat_block *block)
{
    buf_append_text(writer->out, "{\"type\":\"image\"");
    return append_source(writer, block);
}

static void append_search_result(struct buf *out, const struct chat_block *block)
{
    buf_append_text(out, "{\"type\":\"search_result\"");
    request_text(out, "source", block->link);
    request_text(out, "title", block->name);
    buf_append_text(out, ",\"content\":[{\"type\":\"text\"");
    request_text(out, "text", str_slice(block->text, block->link.len + 1, block->text.len));
    buf_append_text(out, "}]");
}

static void append_reasoning(struct buf *out, const struct chat_block *block)
{
    if (block->data.len > 0) {
        buf_append_text(out, "{\"type\":\"redacted_thinking\"");
        request_text(out, "data", block->data);
        return;
    }
    buf_append_text(out, "{\"type\":\"thinking\"");
    request_text(out, "thinking", block->text);
    request_text(out, "signature", block->signature);
}

static void append_tool_use(struct buf *out, const struct chat_block *block)
{
    buf_append_text(out, "{\"type\":\"tool_use\"");
    request_text(out, "id", block->id);
    request_text(out, "name", block->name);
    buf_append_text(out, ",\"input\":");
    buf_append_str(out, block->json.len > 0 ? block->json : STR("{}"));
}

static void append_text(struct buf *out, struct str text)
{
    buf_append_text(out, "{\"type\":\"text\"");
    request_text(out, "text", text);
}

static void append_json_text(struct buf *out, yyjson_val *value)
{
    struct buf text;
    buf_init(&text, out->max);
    json_append(&text, value);
    append_text(out, buf_str(&text));
    out->failed = out->failed || text.failed;
    buf_deinit(&text);
}

static enum error_code append_blocks(struct request_writer *writer, const char *key, const struct chat_block *blocks,
                                     size_t count);

/* The block but for its last brace. */
static enum error_code append_open_block(struct request_writer *writer, const struct chat_block *block)
{
    struct buf *out = writer->out;
    switch (block->kind) {
    case CHAT_TEXT:
    case CHAT_REFUSAL:
        append_text(out, block->text);
        anthropic_append_citations(out, block->citations, block->citation_count);
        return OK;
    case CHAT_JSON: append_json_text(out, block->value); return OK;
    case CHAT_REASONING: append_reasoning(out, block); return OK;
    case CHAT_TOOL_USE: append_tool_use(out, block); return OK;
    case CHAT_SEARCH_RESULT: append_search_result(out, block); return OK;
    case CHAT_DOCUMENT: return append_document(writer, block);
    case CHAT_IMAGE: return append_image(writer, block);
    case CHAT_VIDEO: return request_refuse(writer, block->where, "a video");
    case CHAT_AUDIO: return request_refuse(writer, block->where, "audio");
    case CHAT_TOOL_RESULT:
        buf_append_text(out, "{\"type\":\"tool_result\"");
        request_text(out, "tool_use_id", block->id);
        if (block->is_error)
            buf_append_text(out, ",\"is_error\":true");
        return append_blocks(writer, "content", block->content, block->content_count);
    default: return request_refuse(writer, block->where, "this block");
    }
}

/* The node but for its last brace. */
static void append_open_raw(struct buf *out, yyjson_val *raw)
{
    json_append(out, raw);
    if (!out->failed)
        out->len--;
}

static bool takes_cache_control(const struct chat_block *block)
{
    return block->kind != CHAT_REASONING && !(block->kind == CHAT_TEXT && block->text.len == 0);
}

/* A cache point is a member of the block before it. */
static enum error_code append_blocks(struct request_writer *writer, const char *key, const struct chat_block *blocks,
                                     size_t count)
{
    struct buf *out = writer->out;
    enum error_code code = OK;
    request_key(out, key);
    buf_append_char(out, '[');
    for (size_t i = 0; i < count && code == OK; i++) {
        const struct chat_block *block = &blocks[i];
        bool is_empty = block->kind == CHAT_TEXT && block->text.len == 0 && !writer->is_own;
        if (block->kind == CHAT_CACHE_POINT || is_empty)
            continue;
        request_item(out);
        const bool is_raw = writer->is_own && yyjson_is_obj(block->raw);
        bool is_marked = i + 1 < count && blocks[i + 1].kind == CHAT_CACHE_POINT && takes_cache_control(block);
        if (is_raw && (!is_marked || yyjson_obj_get(block->raw, "cache_control"))) {
            json_append(out, block->raw);
            continue;
        }
        if (is_raw)
            append_open_raw(out, block->raw);
        else
            code = append_open_block(writer, block);
        if (is_marked)
            anthropic_append_cache_control(out, blocks[i + 1].ttl_seconds);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
    return code;
}

void anthropic_append_cache_control(struct buf *out, uint32_t ttl_seconds)
{
    buf_appendf(out, ",\"cache_control\":{\"type\":\"ephemeral\"%s}", ttl_seconds > 300 ? ",\"ttl\":\"1h\"" : "");
}

/* --- tools ------------------------------------------------------------------------------------------ */

static enum error_code append_tool(struct request_writer *writer, size_t index)
{
    const struct chat_tool *tool = &writer->request->tools[index];
    struct buf *out = writer->out;
    request_item(out);
    if (writer->is_own && tool->raw) {
        const bool is_marked = tool->cache_point_after && !yyjson_obj_get(tool->raw, "cache_control");
        append_open_raw(out, tool->raw);
        if (is_marked)
            anthropic_append_cache_control(out, tool->ttl_seconds);
        buf_append_char(out, '}');
        return OK;
    }
    if (!tool->schema) {
        struct field_path path = field_path_index("", "tools", index);
        return request_refuse(writer, path.text, "a provider's own tool");
    }
    buf_append_char(out, '{');
    request_text(out, "name", tool->name);
    if (tool->description.len > 0)
        request_text(out, "description", tool->description);
    request_key(out, "input_schema");
    json_append(out, tool->schema);
    if (tool->is_strict)
        buf_append_text(out, ",\"strict\":true");
    if (tool->cache_point_after)
        anthropic_append_cache_control(out, tool->ttl_seconds);
    buf_append_char(out, '}');
    return OK;
}

/* additionalModelRequestFields of a request that came through Converse: members of this API. */
static yyjson_val *converse_fields_of(const struct chat_request *request)
{
    return request->origin == &converse_codec ? request_extra(request, "additionalModelRequestFields") : NULL;
}

static enum error_code append_tools(struct request_writer *writer)
{
    static const char *const types[] = {[CHAT_TOOL_AUTO] = "auto", [CHAT_TOOL_ANY] = "any", [CHAT_TOOL_NAMED] = "tool",
                                        [CHAT_TOOL_NONE] = "none"};
    const struct chat_request *request = writer->request;
    yyjson_val *provided = yyjson_obj_get(converse_fields_of(request), "tools"), *tool;
    struct buf *out = writer->out;
    enum error_code code = OK;
    size_t i, max;
    if (request->tool_count == 0 && yyjson_arr_size(provided) == 0)
        return OK;
    request_key(out, "tools");
    buf_append_char(out, '[');
    for (size_t j = 0; j < request->tool_count && code == OK; j++)
        code = append_tool(writer, j);
    yyjson_arr_foreach(provided, i, max, tool)
    {
        request_item(out);
        json_append(out, tool);
    }
    buf_append_char(out, ']');
    if (request->tool_choice == CHAT_TOOL_AUTO && !request->is_single_call)
        return code;
    buf_appendf(out, ",\"tool_choice\":{\"type\":\"%s\"", types[request->tool_choice]);
    if (request->tool_choice == CHAT_TOOL_NAMED)
        request_text(out, "name", request->tool_choice_name);
    buf_append_text(out, request->is_single_call ? ",\"disable_parallel_tool_use\":true}" : "}");
    return code;
}

/* --- the body --------------------------------------------------------------------------------------- */

static void append_sampling(struct request_writer *writer)
{
    const struct chat_request *request = writer->request;
    const struct chat_sampling *sampling = &request->sampling;
    struct buf *out = writer->out;
    if (sampling->has_temperature)
        request_number(out, "temperature", sampling->temperature < 1 ? sampling->temperature : 1);
    if (sampling->has_top_p)
        request_number(out, "top_p", sampling->top_p);
    if (sampling->has_top_k)
        request_number(out, "top_k", sampling->top_k);
    for (size_t i = 0; i < request->stop_count; i++) {
        buf_append_text(out, i ? "," : ",\"stop_sequences\":[");
        buf_append_json(out, request->stop_sequences[i]);
    }
    if (request->stop_count > 0)
        buf_append_char(out, ']');
}

/* What a client of Converse asked of the model itself, but for what the neutral request has. */
static void append_converse_fields(struct request_writer *writer, yyjson_val *fields)
{
    static const char *const carried[] = {"top_k", "topK", "inferenceConfig", "seed", "cache_salt", "tool_choice",
                                          "tools", NULL};
    yyjson_obj_iter iter = yyjson_obj_iter_with(fields);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        bool is_older = yyjson_equals_str(key, "reasoning_config"); /* what Converse called thinking first */
        if (fields_index(json_str(key), carried) >= 0)
            continue;
        request_item(writer->out);
        buf_append_json(writer->out, is_older ? STR("thinking") : json_str(key));
        buf_append_char(writer->out, ':');
        json_append(writer->out, yyjson_obj_iter_get_val(key));
    }
}

static void append_output_config(struct request_writer *writer)
{
    const struct chat_request *request = writer->request;
    yyjson_val *fields = converse_fields_of(request);
    struct str effort = request_effort(request);
    struct buf *out = writer->out;
    bool is_there = yyjson_obj_get(fields, "output_config") || yyjson_obj_get(fields, "output_format");
    if (is_there || (!request->output_schema && effort.len == 0))
        return;
    request_key(out, "output_config");
    buf_append_char(out, '{');
    if (effort.len > 0)
        request_text(out, "effort", effort);
    if (request->output_schema) {
        request_key(out, "format");
        buf_append_text(out, "{\"type\":\"json_schema\",\"schema\":");
        json_append(out, request->output_schema);
        buf_append_char(out, '}');
    }
    buf_append_char(out, '}');
}

/* Bedrock wants its version in the body, Anthropic in a header. */
static void append_head(struct request_writer *writer)
{
    const struct codec_form *form = writer->form;
    struct buf *out = writer->out;
    struct str version = json_str(writer->is_own ? request_extra(writer->request, "anthropic_version") : NULL);
    if (form->model.data) {
        request_text(out, "model", form->model);
        if (form->is_stream)
            buf_append_text(out, ",\"stream\":true");
    } else {
        request_text(out, "anthropic_version", version.len > 0 ? version : STR(BEDROCK_VERSION));
    }
    if (form->is_count)
        return;
    request_key(out, "max_tokens");
    buf_append_u64(out, writer->request->max_tokens);
}

enum error_code anthropic_request_write(const struct chat_request *request, const struct codec_form *form,
                                        struct buf *out, struct error *error)
{
    static const char *const said[] = {"mcp_servers", "container", NULL};
    static const char *const head[] = {"anthropic_version", NULL};
    struct request_writer writer = {.request = request, .form = form, .out = out, .error = error,
                                    .dialect = "Anthropic's API", .is_own = request->origin == &anthropic_codec};
    enum error_code code = request_check(&writer, said);
    if (code == OK && request->max_tokens == 0 && !form->is_count)
        code = field_error(error, "max_tokens", "", "required by an upstream that speaks Anthropic's API");
    buf_append_char(out, '{');
    append_head(&writer);
    if (code == OK && request->system_count > 0)
        code = append_blocks(&writer, "system", request->system, request->system_count);
    if (code == OK)
        code = request_messages(&writer, append_blocks);
    if (!form->is_count)
        append_sampling(&writer);
    if (code == OK)
        code = append_tools(&writer);
    if (writer.is_own) {
        request_extras(&writer, "", head);
    } else {
        append_converse_fields(&writer, converse_fields_of(request));
        append_output_config(&writer);
    }
    buf_append_char(out, '}');
    return code == OK ? request_done(&writer) : code;
}
