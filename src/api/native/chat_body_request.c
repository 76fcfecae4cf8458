/* Requests to upstreams that speak OpenAI's chat completions. */
#include "api/native/chat_body.h"

#include "api/media_type.h"
#include "api/native/native.h"
#include "api/request_write.h"

/* --- parts ------------------------------------------------------------------------------------------ */

/* "url":"data:image/png;base64,..." or the URL itself. */
static enum error_code append_url(struct request_writer *writer, const char *key, const struct chat_block *block)
{
    struct buf *out = writer->out, url;
    char media_type[MEDIA_TYPE_MAX];
    if (block->source == CHAT_SOURCE_URL) {
        request_text(out, key, block->data);
        return OK;
    }
    if (block->source != CHAT_SOURCE_BASE64)
        return request_refuse(writer, block->where, "a file in S3 or behind an ID");
    media_type_of(block->kind, block->format, media_type);
    buf_init(&url, out->max);
    buf_appendf(&url, "data:%s;base64,", media_type);
    buf_append_str(&url, block->data);
    request_text(out, key, buf_str(&url));
    out->failed = out->failed || url.failed;
    buf_deinit(&url);
    return OK;
}

static enum error_code append_linked(struct request_writer *writer, const char *type, const struct chat_block *block)
{
    buf_appendf(writer->out, "{\"type\":\"%s\",\"%s\":{", type, type);
    enum error_code code = append_url(writer, "url", block);
    buf_append_text(writer->out, "}}");
    return code;
}

static enum error_code append_audio(struct request_writer *writer, const struct chat_block *block)
{
    struct buf *out = writer->out;
    if (block->source != CHAT_SOURCE_BASE64)
        return request_refuse(writer, block->where, "audio that is not in the body");
    buf_append_text(out, "{\"type\":\"input_audio\",\"input_audio\":{");
    request_text(out, "data", block->data);
    request_text(out, "format", block->format);
    buf_append_text(out, "}}");
    return OK;
}

static bool is_text_format(struct str format)
{
    return str_eq(format, STR("txt")) || str_eq(format, STR("md")) || str_eq(format, STR("csv"));
}

/* Text goes as text, other files as what they are. */
static enum error_code append_document(struct request_writer *writer, const struct chat_block *block)
{
    struct buf *out = writer->out;
    bool is_text = block->source == CHAT_SOURCE_TEXT || block->source == CHAT_SOURCE_NONE ||
                   is_text_format(block->format);
    if (block->kind == CHAT_SEARCH_RESULT || is_text) {
        buf_append_text(out, "{\"type\":\"text\",\"text\":");
        request_document_text(out, block);
        buf_append_char(out, '}');
        return OK;
    }
    buf_append_text(out, "{\"type\":\"file\",\"file\":{");
    request_text(out, "filename", block->name);
    enum error_code code = append_url(writer, "file_data", block);
    buf_append_text(out, "}}");
    return code;
}

static enum error_code append_part(struct request_writer *writer, const struct chat_block *block)
{
    struct buf *out = writer->out;
    request_item(out);
    if (writer->is_own && block->raw) {
        json_append(out, block->raw);
        return OK;
    }
    switch (block->kind) {
    case CHAT_TEXT:
    case CHAT_REFUSAL:
        buf_append_text(out, "{\"type\":\"text\"");
        request_text(out, "text", block->text);
        buf_append_char(out, '}');
        return OK;
    case CHAT_DOCUMENT:
    case CHAT_SEARCH_RESULT: return append_document(writer, block);
    case CHAT_IMAGE: return append_linked(writer, "image_url", block);
    case CHAT_VIDEO: return append_linked(writer, "video_url", block);
    case CHAT_AUDIO: return append_audio(writer, block);
    default: return request_refuse(writer, block->where, "this block");
    }
}

/* --- marks ------------------------------------------------------------------------------------------ */

/* Tools and the assistant's messages take no marks: the next part that does gets theirs. */
static void owe_mark(struct request_writer *writer, uint32_t ttl_seconds)
{
    if (writer->form->says_cache_points && ttl_seconds > writer->owed_ttl_seconds)
        writer->owed_ttl_seconds = ttl_seconds;
}

/* Seconds that a mark behind block `i` shall live; 0: there is none. */
static uint32_t mark_behind(const struct request_writer *writer, const struct chat_block *blocks, size_t count,
                            size_t i)
{
    if (!writer->form->says_cache_points || i + 1 >= count || blocks[i + 1].kind != CHAT_CACHE_POINT)
        return 0;
    return blocks[i + 1].ttl_seconds;
}

/* Of the part that was written last, whose brace opens again. */
static void append_mark(struct request_writer *writer, uint32_t ttl_seconds)
{
    struct buf *out = writer->out;
    if (ttl_seconds < writer->owed_ttl_seconds)
        ttl_seconds = writer->owed_ttl_seconds;
    writer->owed_ttl_seconds = 0;
    if (ttl_seconds == 0 || out->failed)
        return;
    out->len--;
    buf_appendf(out, ",\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"%s}}",
                ttl_seconds > 300 ? ",\"ttl\":\"12h\"" : "");
    writer->marks++;
}

/* What a message has parts for: reasoning and cache points are the providers' own affair here. */
static bool is_part(const struct chat_block *block)
{
    return block->kind != CHAT_CACHE_POINT && block->kind != CHAT_REASONING && block->kind != CHAT_TOOL_USE &&
           block->kind != CHAT_TOOL_RESULT && !(block->kind == CHAT_TEXT && block->text.len == 0);
}

static size_t count_parts(const struct chat_block *blocks, size_t count)
{
    size_t parts = 0;
    for (size_t i = 0; i < count; i++)
        parts += is_part(&blocks[i]);
    return parts;
}

/* "content": one text as a string, which every server reads, else parts. */
static enum error_code append_content(struct request_writer *writer, const struct chat_block *blocks, size_t count)
{
    struct buf *out = writer->out;
    enum error_code code = OK;
    size_t parts = count_parts(blocks, count);
    request_key(out, "content");
    for (size_t i = 0; parts == 1 && i < count; i++) {
        if (!is_part(&blocks[i]) || blocks[i].kind != CHAT_TEXT || (writer->is_own && blocks[i].raw) ||
            writer->owed_ttl_seconds > 0 || mark_behind(writer, blocks, count, i) > 0)
            continue;
        buf_append_json(out, blocks[i].text);
        return OK;
    }
    buf_append_char(out, '[');
    for (size_t i = 0; i < count && code == OK; i++) {
        if (!is_part(&blocks[i]))
            continue;
        code = append_part(writer, &blocks[i]);
        if (!(writer->is_own && blocks[i].raw))
            append_mark(writer, mark_behind(writer, blocks, count, i));
    }
    buf_append_char(out, ']');
    return code;
}

/* --- messages --------------------------------------------------------------------------------------- */

/* Text alone is what every server takes of a tool. */
static enum error_code append_result(struct request_writer *writer, const struct chat_block *block,
                                     uint32_t ttl_seconds)
{
    struct buf *out = writer->out, text;
    struct str result = {0};
    request_item(out);
    if (writer->is_own && block->raw) {
        json_append(out, block->raw);
        return OK;
    }
    for (size_t i = 0; i < block->content_count; i++) {
        const struct chat_block *item = &block->content[i];
        bool is_read = chat_is_document(item->kind) && item->text.len > 0;
        if (item->where && !is_read)
            return request_refuse(writer, item->where, "what is no text in a tool's result");
    }
    if (!chat_result_text(block, writer->request->arena, &result))
        return error_no_memory(writer->error);
    buf_init(&text, out->max);
    buf_append_text(&text, block->is_error ? "Error: " : "");
    buf_append_str(&text, result);
    buf_append_text(out, "{\"role\":\"tool\"");
    request_text(out, "tool_call_id", block->id);
    if (ttl_seconds > 0 || writer->owed_ttl_seconds > 0) {
        buf_append_text(out, ",\"content\":[{\"type\":\"text\"");
        request_text(out, "text", buf_str(&text));
        buf_append_char(out, '}');
        append_mark(writer, ttl_seconds);
        buf_append_text(out, "]}");
    } else {
        request_text(out, "content", buf_str(&text));
        buf_append_char(out, '}');
    }
    out->failed = out->failed || text.failed;
    buf_deinit(&text);
    return OK;
}

static void append_calls(struct request_writer *writer, const struct chat_message *message)
{
    struct buf *out = writer->out;
    size_t count = 0;
    for (size_t i = 0; i < message->block_count; i++) {
        const struct chat_block *block = &message->blocks[i];
        if (block->kind != CHAT_TOOL_USE)
            continue;
        buf_append_text(out, count++ ? "," : ",\"tool_calls\":[");
        if (writer->is_own && block->raw) {
            json_append(out, block->raw);
            continue;
        }
        buf_append_char(out, '{');
        request_text(out, "id", block->id);
        buf_append_text(out, ",\"type\":\"function\",\"function\":{");
        request_text(out, "name", block->name);
        request_text(out, "arguments", block->json.len > 0 ? block->json : STR("{}"));
        buf_append_text(out, "}}");
    }
    if (count > 0)
        buf_append_char(out, ']');
}

/* Its parts take no marks: what is owed waits, and its own are owed behind it. */
static enum error_code append_assistant(struct request_writer *writer, const struct chat_message *message)
{
    const uint32_t owed = writer->owed_ttl_seconds;
    struct codec_form form = *writer->form;
    const struct codec_form *whole = writer->form;
    enum error_code code = OK;
    writer->owed_ttl_seconds = 0;
    form.says_cache_points = false;
    writer->form = &form;
    buf_append_text(writer->out, "{\"role\":\"assistant\"");
    if (count_parts(message->blocks, message->block_count) > 0)
        code = append_content(writer, message->blocks, message->block_count);
    else
        buf_append_text(writer->out, ",\"content\":null");
    append_calls(writer, message);
    writer->form = whole;
    owe_mark(writer, owed);
    for (size_t i = 0; i < message->block_count; i++)
        if (message->blocks[i].kind == CHAT_CACHE_POINT)
            owe_mark(writer, message->blocks[i].ttl_seconds);
    buf_append_char(writer->out, '}');
    return code;
}

/* Results of tools are messages of their own; what stands between two of them is one too. */
static enum error_code append_user(struct request_writer *writer, const struct chat_message *message)
{
    enum error_code code = OK;
    for (size_t from = 0, to; from < message->block_count && code == OK; from = to) {
        to = from + 1;
        if (message->blocks[from].kind == CHAT_TOOL_RESULT) {
            code = append_result(writer, &message->blocks[from],
                                 mark_behind(writer, message->blocks, message->block_count, from));
            continue;
        }
        while (to < message->block_count && message->blocks[to].kind != CHAT_TOOL_RESULT)
            to++;
        if (count_parts(&message->blocks[from], to - from) == 0)
            continue;
        request_item(writer->out);
        buf_append_text(writer->out, "{\"role\":\"user\"");
        code = append_content(writer, &message->blocks[from], to - from);
        buf_append_char(writer->out, '}');
    }
    return code;
}

static enum error_code append_message(struct request_writer *writer, const struct chat_message *message)
{
    struct buf *out = writer->out;
    if (writer->is_own && message->raw) {
        request_item(out);
        json_append(out, message->raw);
        return OK;
    }
    if (message->role == CHAT_USER)
        return append_user(writer, message);
    request_item(out);
    if (message->role == CHAT_ASSISTANT)
        return append_assistant(writer, message);
    buf_append_text(out, "{\"role\":\"system\"");
    enum error_code code = append_content(writer, message->blocks, message->block_count);
    buf_append_char(out, '}');
    return code;
}

/* Blocks of one message of the body share its node. */
static enum error_code append_system(struct request_writer *writer)
{
    const struct chat_request *request = writer->request;
    struct buf *out = writer->out;
    enum error_code code = OK;
    for (size_t from = 0, to; from < request->system_count && code == OK; from = to) {
        yyjson_val *raw = writer->is_own ? request->system[from].raw : NULL;
        to = from + 1;
        while (to < request->system_count && (writer->is_own ? request->system[to].raw : NULL) == raw)
            to++;
        if (!raw && count_parts(&request->system[from], to - from) == 0)
            continue;
        request_item(out);
        if (raw) {
            json_append(out, raw);
            continue;
        }
        buf_append_text(out, "{\"role\":\"system\"");
        code = append_content(writer, &request->system[from], to - from);
        buf_append_char(out, '}');
    }
    return code;
}

static enum error_code append_messages(struct request_writer *writer)
{
    request_key(writer->out, "messages");
    buf_append_char(writer->out, '[');
    for (size_t i = 0; i < writer->request->tool_count; i++)
        if (writer->request->tools[i].cache_point_after && !(writer->is_own && writer->request->tools[i].raw))
            owe_mark(writer, writer->request->tools[i].ttl_seconds);
    enum error_code code = append_system(writer);
    for (size_t i = 0; i < writer->request->message_count && code == OK; i++)
        code = append_message(writer, &writer->request->messages[i]);
    buf_append_char(writer->out, ']');
    return code;
}

/* --- tools, sampling -------------------------------------------------------------------------------- */

static enum error_code append_tool(struct request_writer *writer, size_t index)
{
    const struct chat_tool *tool = &writer->request->tools[index];
    struct buf *out = writer->out;
    request_item(out);
    if (writer->is_own && tool->raw) {
        json_append(out, tool->raw);
        return OK;
    }
    if (!tool->schema) {
        struct field_path path = field_path_index("", "tools", index);
        return request_refuse(writer, path.text, "a provider's own tool");
    }
    buf_append_text(out, "{\"type\":\"function\",\"function\":{");
    request_text(out, "name", tool->name);
    if (tool->description.len > 0)
        request_text(out, "description", tool->description);
    request_key(out, "parameters");
    json_append(out, tool->schema);
    buf_append_text(out, tool->is_strict ? ",\"strict\":true}}" : "}}");
    return OK;
}

static bool is_hosted(const struct chat_extra *extra)
{
    return strcmp(extra->where, CHAT_BODY_HOSTED_TOOLS) == 0;
}

/* A tool of the provider's stands in the body, and may be passed on. */
static bool has_hosted(const struct request_writer *writer)
{
    const struct chat_extra *extra = writer->is_own ? writer->request->extras : NULL;
    while (extra && !is_hosted(extra))
        extra = extra->next;
    return extra != NULL;
}

static enum error_code append_tools(struct request_writer *writer)
{
    static const char *const choices[] = {[CHAT_TOOL_ANY] = "required", [CHAT_TOOL_NONE] = "none"};
    const struct chat_request *request = writer->request;
    struct buf *out = writer->out;
    enum error_code code = OK;
    if (request->tool_count == 0 && !has_hosted(writer))
        return OK;
    request_key(out, "tools");
    buf_append_char(out, '[');
    for (size_t i = 0; i < request->tool_count && code == OK; i++)
        code = append_tool(writer, i);
    for (const struct chat_extra *extra = request->extras; extra && writer->is_own; extra = extra->next) {
        if (!is_hosted(extra))
            continue;
        request_item(out);
        json_append(out, extra->raw);
    }
    buf_append_char(out, ']');
    if (request->tool_choice == CHAT_TOOL_NAMED) {
        buf_append_text(out, ",\"tool_choice\":{\"type\":\"function\",\"function\":{");
        request_text(out, "name", request->tool_choice_name);
        buf_append_text(out, "}}");
    } else if (request->tool_choice != CHAT_TOOL_AUTO) {
        buf_appendf(out, ",\"tool_choice\":\"%s\"", choices[request->tool_choice]);
    }
    if (request->is_single_call)
        buf_append_text(out, ",\"parallel_tool_calls\":false");
    return code;
}

static void append_sampling(struct request_writer *writer)
{
    const struct chat_request *request = writer->request;
    const struct chat_sampling *sampling = &request->sampling;
    struct buf *out = writer->out;
    bool is_older = writer->form->says_max_tokens || (writer->is_own && yyjson_obj_get(request->body, "max_tokens"));
    if (request->max_tokens > 0) {
        request_key(out, is_older ? "max_tokens" : "max_completion_tokens");
        buf_append_u64(out, request->max_tokens);
    }
    if (sampling->has_temperature)
        request_number(out, "temperature", sampling->temperature);
    if (sampling->has_top_p)
        request_number(out, "top_p", sampling->top_p);
    if (sampling->has_top_k)
        request_number(out, "top_k", sampling->top_k > 0 ? sampling->top_k : -1);
    if (sampling->has_seed) {
        request_key(out, "seed");
        buf_append_i64(out, (int64_t)sampling->seed);
    }
    for (size_t i = 0; i < request->stop_count; i++) {
        buf_append_text(out, i ? "," : ",\"stop\":[");
        buf_append_json(out, request->stop_sequences[i]);
    }
    if (request->stop_count > 0)
        buf_append_char(out, ']');
}

static void append_format(struct request_writer *writer)
{
    const struct chat_request *request = writer->request;
    struct str effort = request_effort(request);
    struct buf *out = writer->out;
    if (request->output_schema) {
        buf_append_text(out, ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"reply\","
                             "\"schema\":");
        json_append(out, request->output_schema);
        buf_append_text(out, "}}");
    }
    if (effort.len > 0)
        request_text(out, "reasoning_effort", effort);
}

/* A priority that is not 0 is refused by servers that are not told to go by it. */
static void append_vllm(const struct codec_form *form, struct buf *out)
{
    if (form->cache_salt.data)
        request_text(out, "cache_salt", form->cache_salt);
    if (form->cache_salt.data && form->priority)
        buf_appendf(out, ",\"priority\":%d", form->priority);
}

/* The client's own word for a tier that is not sold there. */
static bool is_unsold(const struct request_writer *writer)
{
    enum tier asked;
    return writer->request->tier == TIER_DEFAULT &&
           chat_body_tier(json_str(request_extra(writer->request, "service_tier")), &asked) && asked != TIER_DEFAULT;
}

/* Members of the client's own that are not passed on; NULL: all are. */
static const char *const *unpassed(const struct request_writer *writer)
{
    static const char *const tier[] = {"service_tier", NULL};
    static const char *const members[] = {"service_tier", "cache_salt", "priority", NULL};
    const char *const *vllm = members + 1;
    if (is_unsold(writer))
        return writer->form->cache_salt.data ? members : tier;
    return writer->form->cache_salt.data ? vllm : NULL;
}

/* In the dialect's own words it has passed already. */
static void append_tier(struct request_writer *writer)
{
    const struct chat_request *request = writer->request;
    if (!writer->is_own && request->has_tier &&
        (request->tier == TIER_FLEX || request->tier == TIER_PRIORITY || request->tier == TIER_ULTRAFAST))
        request_text(writer->out, "service_tier", str_of(tier_names[request->tier]));
}

enum error_code chat_body_request_write(const struct chat_request *request, const struct codec_form *form,
                                        struct buf *out, struct error *error)
{
    static const char *const said[] = {NULL};
    struct request_writer writer = {.request = request, .form = form, .out = out, .error = error,
                                    .dialect = "chat completions", .is_own = request->origin == &chat_codec};
    enum error_code code = request_check(&writer, said);
    buf_append_char(out, '{');
    if (form->model.data)
        request_text(out, "model", form->model);
    if (code == OK)
        code = append_messages(&writer);
    append_sampling(&writer);
    if (code == OK)
        code = append_tools(&writer);
    if (writer.is_own)
        request_extras(&writer, "", unpassed(&writer));
    else
        append_format(&writer);
    append_tier(&writer);
    append_vllm(form, out);
    if (writer.marks > 0 && !(writer.is_own && yyjson_obj_get(request->body, "prompt_cache_options")))
        buf_append_text(out, ",\"prompt_cache_options\":{\"mode\":\"explicit\"}");
    if (form->is_stream) /* usage comes in streams that ask for it alone */
        buf_append_text(out, ",\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    buf_append_char(out, '}');
    return code == OK ? request_done(&writer) : code;
}
