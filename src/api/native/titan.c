/* Amazon Titan's native body: one text in, one text out. */
#include "api/content.h"
#include "api/native/native.h"

#include "core/limits.h"

#define TITAN_TEMPERATURE 0.7
#define TITAN_TOP_P 0.9
#define TITAN_MAX_TOKENS 512

/* A conversation is written as lines that begin with these, the last of them the model's own. */
#define USER_TURN "User:"
#define MODEL_TURN "Bot:"

/* --- parsing ---------------------------------------------------------------------------------------- */

static enum error_code add_turn(struct chat_request *request, enum chat_role role, struct str text,
                                struct error *error)
{
    struct chat_block *block = ARENA_NEW(request->arena, struct chat_block);
    if (!block)
        return error_no_memory(error);
    *block = (struct chat_block){.kind = CHAT_TEXT, .text = str_trim(text)};
    request->messages[request->message_count++] =
        (struct chat_message){.role = role, .blocks = block, .block_count = 1};
    return OK;
}

/* Where the next line that begins a turn is, from `from` on; -1: there is none. */
static ptrdiff_t next_turn(struct str text, size_t from)
{
    while (from < text.len) {
        struct str rest = str_slice(text, from, text.len);
        if (str_starts(rest, STR(USER_TURN)) || str_starts(rest, STR(MODEL_TURN)))
            return (ptrdiff_t)from;
        ptrdiff_t line = str_find_char(text, '\n', from);
        if (line < 0)
            return -1;
        from = (size_t)line + 1;
    }
    return -1;
}

static size_t count_turns(struct str text)
{
    size_t count = 0;
    for (ptrdiff_t at = next_turn(text, 0); at >= 0; at = next_turn(text, (size_t)at + 1))
        count++;
    return count;
}

/* Turns of a conversation that begins with the user's and ends with the model's, still empty. */
static enum error_code parse_turns(struct chat_request *request, struct str text, struct error *error)
{
    enum error_code code = OK;
    size_t at = 0;
    while (at < text.len && code == OK) {
        ptrdiff_t next = next_turn(text, at + 1);
        size_t end = next < 0 ? text.len : (size_t)next;
        struct str turn = str_slice(text, at, end);
        bool is_user = str_starts(turn, STR(USER_TURN));
        turn = str_slice(turn, is_user ? sizeof(USER_TURN) - 1 : sizeof(MODEL_TURN) - 1, turn.len);
        if (next >= 0 || is_user || !fields_is_blank(turn))
            code = add_turn(request, is_user ? CHAT_USER : CHAT_ASSISTANT, turn, error);
        at = end;
    }
    return code;
}

static enum error_code parse_input(struct chat_request *request, struct str text, struct error *error)
{
    struct str trimmed = str_trim(text);
    bool is_conversation = str_starts(trimmed, STR(USER_TURN)) && str_ends(trimmed, STR(MODEL_TURN));
    size_t turns = is_conversation ? count_turns(trimmed) : 1;
    if (turns > limit(messages))
        return field_error(error, "", "inputText", "more turns than the limit of messages");
    request->messages = ARENA_ARRAY(request->arena, struct chat_message, turns + 1);
    if (!request->messages)
        return error_no_memory(error);
    return is_conversation ? parse_turns(request, trimmed, error) : add_turn(request, CHAT_USER, text, error);
}

static enum error_code parse_config(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"temperature", "topP", "maxTokenCount", "stopSequences", NULL};
    static const char where[] = "textGenerationConfig";
    struct chat_sampling *sampling = &request->sampling;
    int64_t max_tokens = TITAN_MAX_TOKENS;
    yyjson_val *config = NULL;
    enum error_code code = json_get_object(root, "", where, &config, error);
    request->max_tokens = TITAN_MAX_TOKENS;
    if (code != OK || !config)
        return code;
    code = fields_known(request->ignored, config, where, members, error);
    if (code == OK)
        code = json_get_number(config, where, "temperature", 0, 1, &sampling->temperature, &sampling->has_temperature,
                               error);
    if (code == OK)
        code = fields_get_top_p(config, where, "topP", &sampling->top_p, &sampling->has_top_p, error);
    if (code == OK)
        code = json_get_int(config, where, "maxTokenCount", 1, INT32_MAX, &max_tokens, NULL, error);
    request->max_tokens = (uint32_t)max_tokens;
    return code == OK ? content_parse_stops(config, where, "stopSequences", request, error) : code;
}

static enum error_code parse_root(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"inputText", "textGenerationConfig", NULL};
    struct str text = {0};
    request->sampling.temperature = TITAN_TEMPERATURE;
    request->sampling.top_p = TITAN_TOP_P;
    enum error_code code = fields_known(request->ignored, root, "", members, error);
    if (code == OK)
        code = fields_need_str(root, "", "inputText", 1, SIZE_MAX, &text, error);
    if (code == OK)
        code = parse_config(root, request, error);
    return code == OK ? parse_input(request, text, error) : code;
}

static enum error_code parse(yyjson_val *root, enum codec_use use, struct chat_request *request, struct error *error)
{
    (void)use;
    return native_parse(root, parse_root, request, error);
}

/* --- writing ---------------------------------------------------------------------------------------- */

/* As the service says it; its pages have FINISHED for the first. */
static const char *completion_reason(enum chat_stop_reason stop)
{
    switch (stop) {
    case CHAT_STOP_MAX_TOKENS:
    case CHAT_STOP_CONTEXT_WINDOW: return "LENGTH";
    case CHAT_STOP_SEQUENCE: return "STOP_CRITERIA_MET";
    default: return "FINISH";
    }
}

static bool write_reply(const struct chat_request *request, const struct chat_reply *reply, struct buf *out)
{
    (void)request;
    buf_appendf(out, "{\"inputTextTokenCount\":%llu,\"results\":[{\"tokenCount\":%llu,\"outputText\":",
                native_prompt_tokens(&reply->usage), (unsigned long long)reply->usage.output_tokens);
    buf_append_json(out, native_reply_text(reply));
    return buf_appendf(out, ",\"completionReason\":\"%s\"}]}", completion_reason(reply->stop));
}

static void stream_start(struct codec_stream *stream, const struct chat_reply *reply)
{
    stream->reply = reply;
}

static void stream_block_delta(struct codec_stream *stream, size_t index, enum chat_block_kind kind, struct str text)
{
    (void)index;
    if (!native_is_shown(kind))
        return;
    buf_append_text(&stream->scratch, "{\"outputText\":");
    buf_append_json(&stream->scratch, text);
    buf_appendf(&stream->scratch,
                ",\"index\":0,\"totalOutputTextTokenCount\":null,\"completionReason\":null,"
                "\"inputTextTokenCount\":%llu}",
                native_prompt_tokens(&stream->reply->usage));
    codec_stream_emit(stream, "chunk");
}

static void stream_end(struct codec_stream *stream, const struct chat_reply *reply)
{
    buf_appendf(&stream->scratch,
                "{\"outputText\":\"\",\"index\":0,\"totalOutputTextTokenCount\":%llu,\"completionReason\":\"%s\","
                "\"inputTextTokenCount\":%llu,",
                (unsigned long long)reply->usage.output_tokens, completion_reason(reply->stop),
                native_prompt_tokens(&reply->usage));
    native_emit_last(stream, reply, "chunk");
}

const struct codec titan_codec = {
    .name = "titan",
    .parse = parse,
    .write = write_reply,
    .stream_start = stream_start,
    .stream_block_start = native_no_block_start,
    .stream_block_delta = stream_block_delta,
    .stream_block_stop = native_no_block_stop,
    .stream_end = stream_end,
};
