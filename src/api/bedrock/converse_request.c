/* Requests to upstreams that speak Converse. */
#include "api/bedrock/converse.h"

#include "api/native/anthropic.h"
#include "api/request_write.h"

#define DOCUMENT_NAME_MAX 200

/* What Converse takes as a document's name: other characters become hyphens, runs of spaces one. */
static void append_document_name(struct buf *out, struct str name)
{
    char text[DOCUMENT_NAME_MAX];
    size_t len = 0;
    for (size_t i = 0; i < name.len && len < sizeof(text); i++) {
        struct str c = str_slice(name, i, i + 1);
        bool is_space = strchr(" \t\n\r", name.data[i]) != NULL && name.data[i];
        if (is_space && len > 0 && text[len - 1] == ' ')
            continue;
        text[len++] = is_space ? ' ' : fields_alphabet(c, "-_()[]") ? name.data[i] : '-';
    }
    request_text(out, "name", len > 0 ? (struct str){text, len} : STR("document"));
}

/* "source":{...} of a document, an image, ... */
static enum error_code append_source(struct request_writer *writer, const struct chat_block *block)
{
    struct buf *out = writer->out;
    if (block->source == CHAT_SOURCE_URL || block->source == CHAT_SOURCE_FILE)
        return request_refuse(writer, block->where, "a file behind a URL or an ID");
    if (block->source == CHAT_SOURCE_S3) {
        buf_append_text(out, ",\"source\":{\"s3Location\":{");
        request_text(out, "uri", block->data);
        buf_append_text(out, "}}");
        return OK;
    }
    buf_append_text(out, ",\"source\":{");
    if (block->source == CHAT_SOURCE_BASE64)
        request_text(out, "bytes", block->data);
    else
        request_text(out, "text", block->source == CHAT_SOURCE_TEXT ? block->data : block->text);
    buf_append_char(out, '}');
    return OK;
}

static enum error_code append_document(struct request_writer *writer, const struct chat_block *block)
{
    struct buf *out = writer->out;
    buf_append_text(out, "{\"document\":{");
    request_text(out, "format", block->format.len > 0 ? block->format : STR("txt"));
    append_document_name(out, block->name);
    enum error_code code = append_source(writer, block);
    if (block->context.len > 0)
        request_text(out, "context", block->context);
    buf_append_text(out, "}}");
    return code;
}

static enum error_code append_media(struct request_writer *writer, const char *key, const struct chat_block *block)
{
    buf_appendf(writer->out, "{\"%s\":{", key);
    request_text(writer->out, "format", block->format);
    enum error_code code = append_source(writer, block);
    buf_append_text(writer->out, "}}");
    return code;
}

static void append_search_result(struct buf *out, const struct chat_block *block)
{
    struct str found = str_slice(block->text, block->link.len + 1, block->text.len);
    buf_append_text(out, "{\"searchResult\":{");
    request_text(out, "source", block->link);
    request_text(out, "title", block->name);
    buf_append_text(out, ",\"content\":[{");
    request_text(out, "text", found);
    buf_append_text(out, "}]}}");
}

static void append_text(struct buf *out, const struct chat_block *block)
{
    buf_append_char(out, '{');
    if (block->citation_count > 0)
        converse_append_cited(out, block->text, block->citations, block->citation_count);
    else
        request_text(out, "text", block->text);
    buf_append_char(out, '}');
}

static void append_tool_use(struct buf *out, const struct chat_block *block)
{
    buf_append_text(out, "{\"toolUse\":{");
    request_text(out, "toolUseId", block->id);
    request_text(out, "name", block->name);
    buf_append_text(out, ",\"input\":");
    buf_append_str(out, block->json.len > 0 ? block->json : STR("{}"));
    buf_append_text(out, "}}");
}

/* Five minutes are what the service takes unasked; older models know no other word. */
static void append_cache_point(struct buf *out, uint32_t ttl_seconds)
{
    request_item(out);
    buf_appendf(out, "{\"cachePoint\":{\"type\":\"default\"%s}}", ttl_seconds > 300 ? ",\"ttl\":\"1h\"" : "");
}

static enum error_code append_block(struct request_writer *writer, const struct chat_block *block);

static enum error_code append_tool_result(struct request_writer *writer, const struct chat_block *block)
{
    struct buf *out = writer->out;
    enum error_code code = OK;
    buf_append_text(out, "{\"toolResult\":{");
    request_text(out, "toolUseId", block->id);
    buf_append_text(out, ",\"content\":[");
    for (size_t i = 0; i < block->content_count && code == OK; i++)
        code = append_block(writer, &block->content[i]);
    buf_append_text(out, block->is_error ? "],\"status\":\"error\"}}" : "]}}");
    return code;
}

static enum error_code append_block(struct request_writer *writer, const struct chat_block *block)
{
    struct buf *out = writer->out;
    bool is_empty_text = block->kind == CHAT_TEXT && block->text.len == 0; /* which this API refuses */
    if (is_empty_text && !writer->is_own)
        return OK;
    if (block->kind == CHAT_CACHE_POINT && !(writer->is_own && block->raw)) {
        append_cache_point(out, block->ttl_seconds);
        return OK;
    }
    request_item(out);
    if (writer->is_own && block->raw) {
        json_append(out, block->raw);
        return OK;
    }
    switch (block->kind) {
    case CHAT_DOCUMENT: return append_document(writer, block);
    case CHAT_IMAGE: return append_media(writer, "image", block);
    case CHAT_VIDEO: return append_media(writer, "video", block);
    case CHAT_AUDIO: return append_media(writer, "audio", block);
    case CHAT_TOOL_RESULT: return append_tool_result(writer, block);
    case CHAT_SEARCH_RESULT: append_search_result(out, block); break;
    case CHAT_TOOL_USE: append_tool_use(out, block); break;
    case CHAT_TEXT:
    case CHAT_REFUSAL: append_text(out, block); break;
    case CHAT_JSON:
        buf_append_text(out, "{\"json\":");
        json_append(out, block->value);
        buf_append_char(out, '}');
        break;
    case CHAT_REASONING:
        buf_append_char(out, '{');
        converse_append_reasoning(out, block->text, block->signature, block->data);
        buf_append_char(out, '}');
        break;
    default: return request_refuse(writer, block->where, "this block");
    }
    return OK;
}

static enum error_code append_blocks(struct request_writer *writer, const char *key, const struct chat_block *blocks,
                                     size_t count)
{
    enum error_code code = OK;
    request_key(writer->out, key);
    buf_append_char(writer->out, '[');
    for (size_t i = 0; i < count && code == OK; i++)
        code = append_block(writer, &blocks[i]);
    buf_append_char(writer->out, ']');
    return code;
}

static bool has_own_top_k(const struct request_writer *writer)
{
    return writer->is_own && yyjson_obj_get(yyjson_obj_get(writer->request->body, "inferenceConfig"), "topK");
}

static void append_inference_config(struct request_writer *writer)
{
    const struct chat_request *request = writer->request;
    const struct chat_sampling *sampling = &request->sampling;
    struct buf *out = writer->out;
    request_key(out, "inferenceConfig");
    buf_append_char(out, '{');
    if (request->max_tokens > 0)
        request_number(out, "maxTokens", request->max_tokens);
    if (sampling->has_temperature)
        request_number(out, "temperature", sampling->temperature < 1 ? sampling->temperature : 1);
    if (sampling->has_top_p)
        request_number(out, "topP", sampling->top_p);
    if (has_own_top_k(writer))
        request_number(out, "topK", sampling->top_k);
    if (request->stop_count > 0) {
        request_key(out, "stopSequences");
        buf_append_char(out, '[');
    }
    for (size_t i = 0; i < request->stop_count; i++) {
        request_item(out);
        buf_append_json(out, request->stop_sequences[i]);
    }
    if (request->stop_count > 0)
        buf_append_char(out, ']');
    if (writer->is_own)
        request_extras(writer, "inferenceConfig", NULL);
    buf_append_char(out, '}');
}

static enum error_code append_tool(struct request_writer *writer, size_t index)
{
    const struct chat_tool *tool = &writer->request->tools[index];
    struct buf *out = writer->out;
    request_item(out);
    if (writer->is_own && tool->raw) {
        json_append(out, tool->raw);
    } else if (!tool->schema) {
        struct field_path path = field_path_index("", "tools", index);
        return request_refuse(writer, path.text, "a provider's own tool");
    } else {
        buf_append_text(out, "{\"toolSpec\":{");
        request_text(out, "name", tool->name);
        if (tool->description.len > 0)
            request_text(out, "description", tool->description);
        buf_append_text(out, ",\"inputSchema\":{\"json\":");
        json_append(out, tool->schema);
        buf_append_text(out, tool->is_strict ? "},\"strict\":true}}" : "}}}");
    }
    if (tool->cache_point_after)
        append_cache_point(out, tool->ttl_seconds);
    return OK;
}

static enum error_code append_tool_config(struct request_writer *writer)
{
    const struct chat_request *request = writer->request;
    struct buf *out = writer->out;
    enum error_code code = OK;
    if (request->tool_count == 0)
        return OK;
    request_key(out, "toolConfig");
    buf_append_text(out, "{\"tools\":[");
    for (size_t i = 0; i < request->tool_count && code == OK; i++)
        code = append_tool(writer, i);
    buf_append_char(out, ']');
    if (request->tool_choice == CHAT_TOOL_ANY)
        buf_append_text(out, ",\"toolChoice\":{\"any\":{}}");
    if (request->tool_choice == CHAT_TOOL_NAMED) {
        buf_append_text(out, ",\"toolChoice\":{\"tool\":{");
        request_text(out, "name", request->tool_choice_name);
        buf_append_text(out, "}}");
    }
    if (writer->is_own)
        request_extras(writer, "toolConfig", NULL);
    buf_append_char(out, '}');
    return code;
}

/* Anthropic's members that the same model reads behind Converse. */
static const char *const anthropic_members[] = {ANTHROPIC_OPTIONS, NULL};

/* What Converse has no member for goes to the model as its own API's. */
static void append_foreign_fields(struct request_writer *writer)
{
    static const char *const types[] = {[CHAT_TOOL_AUTO] = "auto", [CHAT_TOOL_ANY] = "any", [CHAT_TOOL_NAMED] = "tool",
                                        [CHAT_TOOL_NONE] = "none"};
    const struct chat_request *request = writer->request;
    struct buf *out = writer->out;
    size_t before = out->len;
    request_key(out, "additionalModelRequestFields");
    buf_append_char(out, '{');
    size_t begin = out->len;
    if (request->sampling.has_top_k && request->sampling.top_k > 0)
        request_number(out, "top_k", request->sampling.top_k);
    if (request->sampling.has_seed) {
        request_key(out, "seed");
        buf_append_u64(out, request->sampling.seed);
    }
    bool says_choice = request->tool_choice == CHAT_TOOL_NONE || request->is_single_call;
    if (request->tool_count > 0 && says_choice) {
        request_key(out, "tool_choice");
        buf_appendf(out, "{\"type\":\"%s\"", types[request->tool_choice]);
        if (request->tool_choice == CHAT_TOOL_NAMED)
            request_text(out, "name", request->tool_choice_name);
        buf_append_text(out, request->is_single_call ? ",\"disable_parallel_tool_use\":true}" : "}");
    }
    for (const struct chat_extra *extra = request->extras; extra; extra = extra->next) {
        if (request->origin != &anthropic_codec || fields_index(extra->name, anthropic_members) < 0)
            continue;
        request_item(out);
        buf_append_json(out, extra->name);
        buf_append_char(out, ':');
        json_append(out, extra->raw);
    }
    if (out->len == begin)
        out->len = before; /* nothing to say */
    else
        buf_append_char(out, '}');
}

/* additionalModelRequestFields as they came, but for the salt of this gateway's own cache. */
static void append_own_fields(struct buf *out, yyjson_val *fields)
{
    buf_append_char(out, '{');
    yyjson_obj_iter iter = yyjson_obj_iter_with(fields);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        if (yyjson_equals_str(key, "cache_salt"))
            continue;
        request_item(out);
        buf_append_json(out, json_str(key));
        buf_append_char(out, ':');
        json_append(out, yyjson_obj_iter_get_val(key));
    }
    buf_append_char(out, '}');
}

static void append_own_extras(struct request_writer *writer)
{
    struct buf *out = writer->out;
    for (const struct chat_extra *extra = writer->request->extras; extra; extra = extra->next) {
        if (extra->where[0])
            continue;
        request_item(out);
        buf_append_json(out, extra->name);
        buf_append_char(out, ':');
        if (str_eq(extra->name, STR("additionalModelRequestFields")))
            append_own_fields(out, extra->raw);
        else
            json_append(out, extra->raw);
    }
}

static void append_output_config(struct request_writer *writer)
{
    const struct chat_request *request = writer->request;
    struct str effort = request_effort(request);
    struct buf *out = writer->out;
    if (request->origin == &anthropic_codec || (!request->output_schema && effort.len == 0))
        return; /* Anthropic's stands in the fields */
    request_key(out, "outputConfig");
    buf_append_char(out, '{');
    if (request->output_schema) {
        struct buf schema;
        buf_init(&schema, out->max);
        json_append(&schema, request->output_schema);
        buf_append_text(out, "\"textFormat\":{\"type\":\"json_schema\",\"structure\":{\"jsonSchema\":{\"schema\":");
        buf_append_json(out, buf_str(&schema));
        buf_append_text(out, ",\"name\":\"reply\"}}}");
        out->failed = out->failed || schema.failed;
        buf_deinit(&schema);
    }
    if (effort.len > 0)
        request_text(out, "effort", effort);
    buf_append_char(out, '}');
}

static void append_metadata(struct request_writer *writer)
{
    const struct chat_request *request = writer->request;
    for (size_t i = 0; i < request->metadata_count; i++) {
        buf_append_text(writer->out, i ? "," : ",\"requestMetadata\":{");
        buf_append_json(writer->out, request->metadata[i].key);
        buf_append_char(writer->out, ':');
        buf_append_json(writer->out, request->metadata[i].value);
    }
    if (request->metadata_count > 0)
        buf_append_char(writer->out, '}');
}

/* Of the prompt alone, inside what CountTokens wants around it. */
static enum error_code write_count(struct request_writer *writer)
{
    const struct chat_request *request = writer->request;
    struct buf *out = writer->out;
    buf_append_text(out, "{\"input\":{\"converse\":{");
    enum error_code code = request_messages(writer, append_blocks);
    if (code == OK && request->system_count > 0)
        code = append_blocks(writer, "system", request->system, request->system_count);
    if (code == OK)
        code = append_tool_config(writer);
    buf_append_text(out, "}}}");
    return code == OK ? request_done(writer) : code;
}

enum error_code converse_request_write(const struct chat_request *request, const struct codec_form *form,
                                       struct buf *out, struct error *error)
{
    struct request_writer writer = {.request = request, .form = form, .out = out, .error = error,
                                    .dialect = "Converse", .is_own = request->origin == &converse_codec};
    enum error_code code = request_check(&writer, anthropic_members);
    if (code == OK && form->is_count)
        return write_count(&writer);
    buf_append_char(out, '{');
    if (code == OK)
        code = request_messages(&writer, append_blocks);
    if (code == OK && request->system_count > 0)
        code = append_blocks(&writer, "system", request->system, request->system_count);
    append_inference_config(&writer);
    if (code == OK)
        code = append_tool_config(&writer);
    append_metadata(&writer);
    if (request->has_tier)
        buf_appendf(out, ",\"serviceTier\":{\"type\":\"%s\"}", tier_names[request->tier]);
    if (writer.is_own) {
        append_own_extras(&writer);
    } else {
        append_foreign_fields(&writer);
        append_output_config(&writer);
    }
    buf_append_char(out, '}');
    return code == OK ? request_done(&writer) : code;
}
