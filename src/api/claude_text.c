/* Claude's text completions, the body of its first versions: a prompt of turns that
 * begin with "\n\nHuman:" and "\n\nAssistant:". The same models take messages, so a
 * body without a prompt is left to them. */
#include "api/converse.h"
#include "api/native.h"

#include "core/limits.h"

#define HUMAN "\n\nHuman:"
#define ASSISTANT "\n\nAssistant:"
#define TOP_K_MAX 500

static bool is_text(const struct chat_request *request)
{
    return yyjson_obj_get(yyjson_doc_get_root(request->document), "prompt") != NULL;
}

/* --- parsing ---------------------------------------------------------------------------------------- */

static enum error_code new_block(struct chat_request *request, struct str text, struct chat_block **block,
                                 struct error *error)
{
    *block = ARENA_NEW(request->arena, struct chat_block);
    if (!*block)
        return error_no_memory(error);
    **block = (struct chat_block){.kind = CHAT_TEXT, .text = text};
    return OK;
}

/* The next marker from `from` on, its length and whose turn it opens; -1: there is none. */
static ptrdiff_t next_turn(struct str prompt, size_t from, enum chat_role *role, size_t *len)
{
    ptrdiff_t human = str_find(prompt, STR(HUMAN), from), assistant = str_find(prompt, STR(ASSISTANT), from);
    bool is_human = human >= 0 && (assistant < 0 || human < assistant);
    *role = is_human ? CHAT_USER : CHAT_ASSISTANT;
    *len = is_human ? sizeof(HUMAN) - 1 : sizeof(ASSISTANT) - 1;
    return is_human ? human : assistant;
}

static size_t count_turns(struct str prompt)
{
    enum chat_role role;
    size_t count = 0, len = 0;
    for (ptrdiff_t at = next_turn(prompt, 0, &role, &len); at >= 0; count++)
        at = next_turn(prompt, (size_t)at + len, &role, &len);
    return count;
}

static enum error_code add_system(struct chat_request *request, struct str text, struct error *error)
{
    if (text.len == 0)
        return OK;
    request->system_count = 1;
    return new_block(request, text, &request->system, error);
}

/* The last turn, if it is the assistant's and empty, only opens the reply. */
static enum error_code add_turns(struct chat_request *request, struct str prompt, size_t from, enum chat_role role,
                                 struct error *error)
{
    enum error_code code = OK;
    bool is_last = false;
    while (code == OK && !is_last) {
        enum chat_role next_role;
        size_t len;
        ptrdiff_t next = next_turn(prompt, from, &next_role, &len);
        is_last = next < 0;
        struct str text = str_trim(str_slice(prompt, from, is_last ? prompt.len : (size_t)next));
        if (text.len > 0 || role == CHAT_USER || !is_last) {
            struct chat_message *message = &request->messages[request->message_count++];
            *message = (struct chat_message){.role = role, .block_count = 1};
            code = new_block(request, text, &message->blocks, error);
        }
        from = is_last ? prompt.len : (size_t)next + len;
        role = next_role;
    }
    return code;
}

static enum error_code parse_prompt(struct chat_request *request, struct str prompt, struct error *error)
{
    enum chat_role role = CHAT_USER;
    size_t len = 0, turns = count_turns(prompt);
    ptrdiff_t first = next_turn(prompt, 0, &role, &len);
    if (turns > limit(messages))
        return field_error(error, "", "prompt", "more turns than the limit of messages");
    request->messages = ARENA_ARRAY(request->arena, struct chat_message, turns + 2);
    if (!request->messages)
        return error_no_memory(error);
    if (first < 0)
        return add_turns(request, prompt, 0, CHAT_USER, error);
    enum error_code code = add_system(request, str_trim(str_slice(prompt, 0, (size_t)first)), error);
    return code == OK ? add_turns(request, prompt, (size_t)first + len, role, error) : code;
}

static enum error_code parse_numbers(yyjson_val *root, struct chat_request *request, struct error *error)
{
    struct chat_sampling *sampling = &request->sampling;
    int64_t top_k = 0, max_tokens = 0;
    sampling->temperature = 1;
    sampling->top_p = 1;
    enum error_code code =
        json_get_number(root, "", "temperature", 0, 1, &sampling->temperature, &sampling->has_temperature, error);
    if (code == OK)
        code = fields_get_top_p(root, "", "top_p", &sampling->top_p, &sampling->has_top_p, error);
    if (code == OK)
        code = json_get_int(root, "", "top_k", 0, TOP_K_MAX, &top_k, &sampling->has_top_k, error);
    if (code == OK)
        code = json_get_int(root, "", "max_tokens_to_sample", 1, INT32_MAX, &max_tokens, NULL, error);
    sampling->top_k = (int32_t)top_k;
    request->max_tokens = (uint32_t)max_tokens;
    return code == OK ? converse_parse_stops(root, "", "stop_sequences", request, error) : code;
}

static enum error_code parse_text(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"prompt", "max_tokens_to_sample", "temperature", "top_p", "top_k",
                                          "stop_sequences", "anthropic_version", NULL};
    struct str prompt = {0};
    request->takes_assistant_first = true;
    enum error_code code = fields_known(request->ignored, root, "", members, error);
    if (code == OK)
        code = fields_need_str(root, "", "prompt", 1, SIZE_MAX, &prompt, error);
    if (code == OK)
        code = parse_numbers(root, request, error);
    return code == OK ? parse_prompt(request, prompt, error) : code;
}

static enum error_code parse(struct str body, enum codec_use use, struct chat_request *request, struct error *error)
{
    enum error_code code = json_parse_exact(body, &request->document, error);
    if (code != OK)
        return code;
    if (is_text(request)) {
        code = parse_text(yyjson_doc_get_root(request->document), request, error);
        if (code != OK)
            codec_request_free(request);
        return code;
    }
    codec_request_free(request);
    return anthropic_codec.parse(body, use, request, error);
}

/* --- writing ---------------------------------------------------------------------------------------- */

/* A turn that ends by itself ends at the next human's. */
static void append_stop(struct buf *out, const struct chat_reply *reply)
{
    bool is_cut = reply->stop == CHAT_STOP_MAX_TOKENS || reply->stop == CHAT_STOP_CONTEXT_WINDOW;
    buf_appendf(out, ",\"stop_reason\":\"%s\",\"stop\":", is_cut ? "max_tokens" : "stop_sequence");
    if (is_cut)
        buf_append_text(out, "null");
    else
        buf_append_json(out, reply->stop == CHAT_STOP_SEQUENCE ? reply->stop_sequence : STR(HUMAN));
}

static bool write_reply(const struct chat_request *request, const struct chat_reply *reply, struct buf *out)
{
    if (!is_text(request))
        return anthropic_codec.write(request, reply, out);
    buf_append_text(out, "{\"type\":\"completion\",\"completion\":");
    buf_append_json(out, native_reply_text(reply));
    append_stop(out, reply);
    return buf_append_char(out, '}');
}

static void stream_start(struct codec_stream *stream, const struct chat_reply *reply)
{
    if (!is_text(stream->request))
        anthropic_codec.stream_start(stream, reply);
}

static void stream_block_start(struct codec_stream *stream, size_t index, enum chat_block_kind kind,
                               struct str tool_id, struct str tool_name)
{
    if (!is_text(stream->request))
        anthropic_codec.stream_block_start(stream, index, kind, tool_id, tool_name);
}

static void stream_block_delta(struct codec_stream *stream, size_t index, enum chat_block_kind kind, struct str text)
{
    if (!is_text(stream->request)) {
        anthropic_codec.stream_block_delta(stream, index, kind, text);
        return;
    }
    buf_append_text(&stream->scratch, "{\"type\":\"completion\",\"completion\":");
    buf_append_json(&stream->scratch, text);
    buf_append_text(&stream->scratch, ",\"stop_reason\":null,\"stop\":null}");
    codec_stream_emit(stream, "chunk");
}

static void stream_block_stop(struct codec_stream *stream, size_t index, enum chat_block_kind kind)
{
    if (!is_text(stream->request))
        anthropic_codec.stream_block_stop(stream, index, kind);
}

static void stream_end(struct codec_stream *stream, const struct chat_reply *reply)
{
    if (!is_text(stream->request)) {
        anthropic_codec.stream_end(stream, reply);
        return;
    }
    buf_append_text(&stream->scratch, "{\"type\":\"completion\",\"completion\":\"\"");
    append_stop(&stream->scratch, reply);
    buf_append_char(&stream->scratch, ',');
    native_emit_last(stream, reply, "chunk");
}

const struct codec claude_text_codec = {
    .name = "claude-text",
    .parse = parse,
    .write = write_reply,
    .stream_start = stream_start,
    .stream_block_start = stream_block_start,
    .stream_block_delta = stream_block_delta,
    .stream_block_stop = stream_block_stop,
    .stream_end = stream_end,
};
