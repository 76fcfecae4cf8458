/* genai.c - see genai.h. */
#include "api/genai.h"

#include "core/json.h"
#include "traces/span.h"

const char *genai_operation(const struct chat_request *request)
{
    if (request->embed)
        return "embeddings";
    return request->raw_prompt.data ? "text_completion" : "chat";
}

const char *genai_provider(const struct dialect *dialect)
{
    return dialect->telemetry ? dialect->telemetry : GENAI_PROVIDER;
}

const char *genai_finish_reason(enum chat_stop_reason stop)
{
    switch (stop) {
    case CHAT_STOP_END_TURN:
    case CHAT_STOP_SEQUENCE: return "stop";
    case CHAT_STOP_MAX_TOKENS:
    case CHAT_STOP_CONTEXT_WINDOW: return "length";
    case CHAT_STOP_TOOL_USE: return "tool_call";
    case CHAT_STOP_MALFORMED_TOOL_USE:
    case CHAT_STOP_MALFORMED_OUTPUT: return "error";
    case CHAT_STOP_REFUSAL:
    case CHAT_STOP_FILTERED:
    case CHAT_STOP_GUARDRAIL: return "content_filter";
    case CHAT_STOP_PAUSE: return "pause";
    }
    return "stop";
}

/* --- content ------------------------------------------------------------------------------------------ */

static void append_member(struct buf *out, const char *key, struct str text)
{
    buf_appendf(out, ",\"%s\":", key);
    buf_append_json(out, text);
}

/* Arguments are JSON; what is none, of a reply that broke off, is a text. */
static void append_arguments(struct buf *out, struct str arguments)
{
    yyjson_doc *doc;
    struct error ignored;
    buf_append_text(out, ",\"arguments\":");
    if (json_parse(arguments, &doc, &ignored) == OK) {
        json_free(doc);
        buf_append_str(out, arguments);
    } else {
        buf_append_json(out, arguments);
    }
}

static void append_call(struct buf *out, struct str id, struct str name, struct str arguments)
{
    buf_append_text(out, "{\"type\":\"tool_call\"");
    append_member(out, "id", id);
    append_member(out, "name", name);
    append_arguments(out, arguments);
    buf_append_char(out, '}');
}

static void append_text(struct buf *out, const char *type, struct str text)
{
    buf_appendf(out, "{\"type\":\"%s\"", type);
    append_member(out, "content", text);
    buf_append_char(out, '}');
}

static void append_result(struct buf *out, const struct chat_block *block, struct arena *arena)
{
    struct str text = STR("");
    if (!chat_result_text(block, arena, &text))
        text = STR("");
    buf_append_text(out, "{\"type\":\"tool_call_response\"");
    append_member(out, "id", block->id);
    append_member(out, "response", text);
    buf_append_char(out, '}');
}

static void append_file(struct buf *out, const struct chat_block *block)
{
    static const char *const modalities[CHAT_KINDS] = {
        [CHAT_IMAGE] = "image", [CHAT_VIDEO] = "video", [CHAT_AUDIO] = "audio", [CHAT_DOCUMENT] = "document"};
    buf_append_text(out, "{\"type\":\"file\"");
    append_member(out, "modality", str_of(modalities[block->kind]));
    append_member(out, "format", block->format);
    append_member(out, "name", block->name);
    buf_append_char(out, '}');
}

/* False: it is nothing that somebody said. */
static bool append_part(struct buf *out, const struct chat_block *block, struct arena *arena)
{
    switch (block->kind) {
    case CHAT_TEXT:
    case CHAT_REFUSAL: append_text(out, "text", block->text); return true;
    case CHAT_REASONING: append_text(out, "reasoning", block->text); return true;
    case CHAT_SEARCH_RESULT: append_text(out, "text", block->text); return true;
    case CHAT_TOOL_USE: append_call(out, block->id, block->name, block->json); return true;
    case CHAT_TOOL_RESULT: append_result(out, block, arena); return true;
    case CHAT_DOCUMENT:
    case CHAT_IMAGE:
    case CHAT_VIDEO:
    case CHAT_AUDIO: append_file(out, block); return true;
    default: return false;
    }
}

static void append_parts(struct buf *out, const struct chat_block *blocks, size_t count, struct arena *arena)
{
    buf_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        const size_t before = out->len;
        if (before > 0 && out->data[before - 1] != '[')
            buf_append_char(out, ',');
        if (!append_part(out, &blocks[i], arena) && !out->failed)
            out->len = before; /* the comma as well */
    }
    buf_append_char(out, ']');
}

static void append_messages(struct buf *out, const struct chat_request *request)
{
    static const char *const roles[] = {[CHAT_SYSTEM] = "system", [CHAT_USER] = "user",
                                        [CHAT_ASSISTANT] = "assistant"};
    buf_append_char(out, '[');
    for (size_t i = 0; i < request->message_count; i++) {
        const struct chat_message *message = &request->messages[i];
        buf_appendf(out, "%s{\"role\":\"%s\",\"parts\":", i ? "," : "", roles[message->role]);
        append_parts(out, message->blocks, message->block_count, request->arena);
        buf_append_char(out, '}');
    }
    if (request->raw_prompt.data) {
        buf_append_text(out, "{\"role\":\"user\",\"parts\":[");
        append_text(out, "text", request->raw_prompt);
        buf_append_text(out, "]}");
    }
    buf_append_char(out, ']');
}

static void append_tools(struct buf *out, const struct chat_request *request)
{
    buf_append_char(out, '[');
    for (size_t i = 0; i < request->tool_count; i++) {
        const struct chat_tool *tool = &request->tools[i];
        buf_appendf(out, "%s{\"type\":\"function\"", i ? "," : "");
        append_member(out, "name", tool->name);
        if (tool->description.len > 0)
            append_member(out, "description", tool->description);
        if (tool->schema) {
            buf_append_text(out, ",\"parameters\":");
            json_append(out, tool->schema);
        }
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

static void append_reply(struct buf *out, const struct chat_reply *reply)
{
    buf_append_text(out, "[{\"role\":\"assistant\",\"parts\":[");
    for (size_t i = 0; i < reply->block_count; i++) {
        const struct chat_reply_block *block = &reply->blocks[i];
        buf_append_text(out, i ? "," : "");
        if (block->kind == CHAT_TOOL_USE)
            append_call(out, block->tool_id, block->tool_name, block->text);
        else
            append_text(out, block->kind == CHAT_REASONING ? "reasoning" : "text", block->text);
    }
    buf_appendf(out, "],\"finish_reason\":\"%s\"}]", genai_finish_reason(reply->stop));
}

static void add(struct span *span, const char *key, struct buf *text)
{
    if (!text->failed)
        span_text(span, key, buf_str(text));
    buf_clear(text);
}

void genai_add_content(struct span *span, const struct chat_request *request, const struct chat_reply *reply)
{
    struct buf text;
    buf_init(&text, GENAI_CONTENT_BYTES);
    if (request->system_count > 0) {
        append_parts(&text, request->system, request->system_count, request->arena);
        add(span, "gen_ai.system_instructions", &text);
    }
    append_messages(&text, request);
    add(span, "gen_ai.input.messages", &text);
    if (request->tool_count > 0) {
        append_tools(&text, request);
        add(span, "gen_ai.tool.definitions", &text);
    }
    if (reply) {
        append_reply(&text, reply);
        add(span, "gen_ai.output.messages", &text);
    }
    buf_deinit(&text);
}
