/* Responses: the object, whole or as far as it has come, and the events of its stream. Each block of a reply is an
 * item, which is told when it begins, in pieces, and whole when it is over. Events are numbered without gaps. */
#include "api/native/chat_body.h"
#include "api/native/native.h"
#include "api/openai/chat.h"
#include "api/openai/dialect.h"
#include "api/openai/logprobs.h"
#include "api/openai/responses.h"
#include "core/json.h"
#include "core/util.h"

/* --- items ------------------------------------------------------------------------------------------ */

enum item_form { ITEM_MESSAGE, ITEM_REFUSAL, ITEM_REASONING, ITEM_FUNCTION, ITEM_CUSTOM };

static enum item_form form_of(const struct chat_request *request, enum chat_block_kind kind, struct str name)
{
    switch (kind) {
    case CHAT_TOOL_USE: return chat_body_is_custom(request, name) ? ITEM_CUSTOM : ITEM_FUNCTION;
    case CHAT_REASONING: return ITEM_REASONING;
    case CHAT_REFUSAL: return ITEM_REFUSAL;
    default: return ITEM_MESSAGE;
    }
}

static void append_logprobs(struct buf *out, struct str logprobs)
{
    buf_append_text(out, ",\"logprobs\":[");
    buf_append_str(out, logprobs);
    buf_append_char(out, ']');
}

static void append_item_id(struct buf *out, enum item_form form, struct str request_id, size_t index)
{
    static const char *const prefixes[] = {"msg_", "msg_", "rs_", "fc_", "ctc_"};
    openai_append_id(out, prefixes[form], request_id);
    if (out->len > 0)
        out->len--; /* its quote */
    buf_appendf(out, "%02zx\"", index);
}

/* `logprobs` as they are written, without the brackets. */
static void append_part(struct buf *out, enum item_form form, struct str text, struct str logprobs)
{
    static const char *const heads[] = {"{\"type\":\"output_text\",\"annotations\":[],\"text\":",
                                        "{\"type\":\"refusal\",\"refusal\":",
                                        "{\"type\":\"reasoning_text\",\"text\":"};
    buf_append_text(out, heads[form]);
    buf_append_json(out, text);
    if (form == ITEM_MESSAGE)
        append_logprobs(out, logprobs);
    buf_append_char(out, '}');
}

/* ,"call_id":...,"name":...,"arguments":... */
static void append_call(struct buf *out, enum item_form form, const struct chat_reply_block *block)
{
    json_append_member(out, "call_id", block->tool_id);
    json_append_member(out, "name", block->tool_name);
    json_append_member(out, form == ITEM_CUSTOM ? "input" : "arguments", block->text);
}

/* The text of a custom call's block is its input, without the arguments around it. */
static void append_item(struct buf *out, enum item_form form, struct str request_id, size_t index, const char *status,
                        const struct chat_reply_block *block, struct str logprobs)
{
    static const char *const types[] = {"message", "message", "reasoning", "function_call", "custom_tool_call"};
    const bool has_text = block->text.len > 0 || strcmp(status, "in_progress") != 0;
    buf_appendf(out, "{\"type\":\"%s\",\"id\":", types[form]);
    append_item_id(out, form, request_id, index);
    buf_appendf(out, ",\"status\":\"%s\"", status);
    if (form == ITEM_FUNCTION || form == ITEM_CUSTOM) {
        append_call(out, form, block);
        buf_append_char(out, '}');
        return;
    }
    buf_append_text(out, form == ITEM_REASONING ? ",\"summary\":[]" : ",\"role\":\"assistant\"");
    buf_append_text(out, ",\"content\":[");
    if (has_text)
        append_part(out, form, block->text, logprobs);
    buf_append_char(out, ']');
    if (form == ITEM_REASONING && (block->signature.len > 0 || block->data.len > 0))
        json_append_member(out, "encrypted_content", block->signature.len > 0 ? block->signature : block->data);
    buf_append_char(out, '}');
}

static void append_output(struct buf *out, const struct chat_request *request, const struct chat_reply *reply)
{
    struct buf input, logprobs;
    buf_init(&input, out->max);
    buf_init(&logprobs, out->max);
    buf_append_text(out, ",\"output\":[");
    for (size_t i = 0; i < reply->block_count; i++) {
        struct chat_reply_block block = reply->blocks[i];
        const enum item_form form = form_of(request, block.kind, block.tool_name);
        if (form == ITEM_CUSTOM) {
            chat_body_custom_input(block.text, &input);
            block.text = buf_str(&input);
        }
        buf_append_text(out, i > 0 ? "," : "");
        buf_clear(&logprobs);
        openai_append_logprobs(&logprobs, &(struct openai_piece){block.text, block.logprobs, block.logprob_count}, 1);
        out->failed = out->failed || input.failed || logprobs.failed;
        append_item(out, form, reply->request_id, i, "completed", &block, buf_str(&logprobs));
    }
    buf_append_char(out, ']');
    buf_deinit(&input);
    buf_deinit(&logprobs);
}

/* --- the object ------------------------------------------------------------------------------------- */

/* `,"NAME":` and what the request said, else `usual`. */
static void append_echo(struct buf *out, const struct chat_request *request, const char *name, const char *usual)
{
    yyjson_val *value = yyjson_obj_get(request->body, name);
    buf_append_text(out, ",\"");
    buf_append_text(out, name);
    buf_append_text(out, "\":");
    if (value && !yyjson_is_null(value))
        json_append(out, value);
    else
        buf_append_text(out, usual);
}

static void append_echoes(struct buf *out, const struct chat_request *request)
{
    static const struct {
        const char *name, *usual;
    } rows[] = {
        {"instructions", "null"}, {"max_output_tokens", "null"}, {"metadata", "{}"}, {"parallel_tool_calls", "true"},
        {"previous_response_id", "null"}, {"reasoning", "{\"effort\":null,\"summary\":null}"}, {"store", "true"},
        {"temperature", "1.0"}, {"text", "{\"format\":{\"type\":\"text\"}}"}, {"tool_choice", "\"auto\""},
        {"tools", "[]"}, {"top_p", "1.0"}, {"truncation", "\"disabled\""},
    };
    const char *tier = openai_tier(request);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        append_echo(out, request, rows[i].name, rows[i].usual);
    if (tier)
        buf_appendf(out, ",\"service_tier\":\"%s\"", tier);
}

static void append_usage(struct buf *out, const struct chat_usage *usage)
{
    const unsigned long long prompt = native_prompt_tokens(usage);
    const uint64_t written = usage->cache_write_5m_tokens + usage->cache_write_1h_tokens;
    buf_appendf(out, ",\"usage\":{\"input_tokens\":%llu,\"input_tokens_details\":{\"cached_tokens\":%llu,"
                     "\"cache_write_tokens\":%llu},",
                prompt, (unsigned long long)usage->cache_read_tokens, (unsigned long long)written);
    buf_appendf(out, "\"output_tokens\":%llu,\"output_tokens_details\":{\"reasoning_tokens\":%llu},"
                     "\"total_tokens\":%llu}",
                (unsigned long long)usage->output_tokens, (unsigned long long)usage->reasoning_tokens,
                prompt + usage->output_tokens);
}

/* Why a reply is not whole; NULL: it is. */
static const char *incomplete(enum chat_stop_reason stop)
{
    switch (stop) {
    case CHAT_STOP_MAX_TOKENS:
    case CHAT_STOP_CONTEXT_WINDOW: return "max_output_tokens";
    case CHAT_STOP_FILTERED:
    case CHAT_STOP_GUARDRAIL: return "content_filter";
    default: return NULL;
    }
}

static void append_head(struct buf *out, const struct chat_reply *reply, uint64_t created_s, const char *status)
{
    buf_append_text(out, "{\"id\":");
    openai_append_id(out, "resp_", reply->request_id);
    buf_appendf(out, ",\"object\":\"response\",\"created_at\":%llu,\"status\":\"%s\",\"background\":false",
                (unsigned long long)created_s, status);
    json_append_member(out, "model", reply->model_id);
}

/* Of one that has just begun. */
static void append_begun(struct buf *out, const struct chat_request *request, const struct chat_reply *reply,
                         uint64_t created_s)
{
    append_head(out, reply, created_s, "in_progress");
    buf_append_text(out, ",\"error\":null,\"incomplete_details\":null,\"output\":[],\"usage\":null");
    append_echoes(out, request);
    buf_append_char(out, '}');
}

static bool append_whole(struct buf *out, const struct chat_request *request, const struct chat_reply *reply,
                         uint64_t created_s)
{
    const char *reason = incomplete(reply->stop);
    append_head(out, reply, created_s, reason ? "incomplete" : "completed");
    buf_appendf(out, ",\"completed_at\":%llu,\"error\":null", (unsigned long long)(clock_wall_us() / 1000000));
    if (reason)
        buf_appendf(out, ",\"incomplete_details\":{\"reason\":\"%s\"}", reason);
    else
        buf_append_text(out, ",\"incomplete_details\":null");
    append_output(out, request, reply);
    append_usage(out, &reply->usage);
    append_echoes(out, request);
    return buf_append_char(out, '}');
}

static bool write_reply(const struct chat_request *request, const struct chat_reply *reply, struct buf *out)
{
    return append_whole(out, request, reply, clock_wall_us() / 1000000);
}

/* --- streams ---------------------------------------------------------------------------------------- */

static void begin_event(struct codec_stream *stream, const char *type)
{
    buf_appendf(&stream->scratch, "{\"type\":\"%s\",\"sequence_number\":%zu", type, stream->events++);
}

static void end_event(struct codec_stream *stream, const char *type)
{
    buf_append_char(&stream->scratch, '}');
    codec_stream_emit(stream, type);
}

static void stream_start(struct codec_stream *stream, const struct chat_reply *reply)
{
    static const char *const types[] = {"response.created", "response.in_progress"};
    stream->reply = reply;
    stream->created_s = clock_wall_us() / 1000000;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        begin_event(stream, types[i]);
        buf_append_text(&stream->scratch, ",\"response\":");
        append_begun(&stream->scratch, stream->request, reply, stream->created_s);
        end_event(stream, types[i]);
    }
}

/* ,"item_id":...,"output_index":N, and of a part its place. */
static void append_place(struct codec_stream *stream, enum item_form form, size_t index)
{
    struct buf *out = &stream->scratch;
    buf_append_text(out, ",\"item_id\":");
    append_item_id(out, form, stream->reply->request_id, index);
    buf_appendf(out, ",\"output_index\":%zu", index);
    if (form != ITEM_FUNCTION && form != ITEM_CUSTOM)
        buf_append_text(out, ",\"content_index\":0");
}

static void tell_item(struct codec_stream *stream, const char *type, enum item_form form, size_t index,
                      const char *status, struct str text)
{
    const struct chat_reply_block block = {.text = text, .tool_id = stream->held_id, .tool_name = stream->held_name};
    begin_event(stream, type);
    buf_appendf(&stream->scratch, ",\"output_index\":%zu,\"item\":", index);
    append_item(&stream->scratch, form, stream->reply->request_id, index, status, &block,
                buf_str(&stream->held_logprobs));
    end_event(stream, type);
}

static void tell_part(struct codec_stream *stream, const char *type, enum item_form form, size_t index,
                      struct str text)
{
    begin_event(stream, type);
    append_place(stream, form, index);
    buf_append_text(&stream->scratch, ",\"part\":");
    append_part(&stream->scratch, form, text, buf_str(&stream->held_logprobs));
    end_event(stream, type);
}

/* Of the block that is open. */
static enum item_form form_now(const struct codec_stream *stream, enum chat_block_kind kind)
{
    return form_of(stream->request, kind, stream->held_name);
}

static void stream_block_start(struct codec_stream *stream, size_t index, enum chat_block_kind kind,
                               struct str tool_id, struct str tool_name)
{
    struct arena *arena = stream->request->arena;
    buf_clear(&stream->held);
    buf_clear(&stream->held_logprobs);
    if (!arena_str(arena, tool_id, &stream->held_id) || !arena_str(arena, tool_name, &stream->held_name))
        stream->scratch.failed = true;
    const enum item_form form = form_now(stream, kind);
    tell_item(stream, "response.output_item.added", form, index, "in_progress", STR(""));
    if (form <= ITEM_REASONING)
        tell_part(stream, "response.content_part.added", form, index, STR(""));
}

/* Those of a piece, which are kept for what tells the whole block. */
static void tell_logprobs(struct codec_stream *stream, struct str text)
{
    const struct openai_piece piece = {text, stream->logprobs, stream->logprob_count};
    struct buf *held = &stream->held_logprobs;
    if (held->len > 0 && piece.count > 0)
        buf_append_char(held, ',');
    const size_t from = held->len;
    openai_append_logprobs(held, &piece, 1);
    append_logprobs(&stream->scratch, str_slice(buf_str(held), from, held->len));
    stream->scratch.failed = stream->scratch.failed || held->failed;
}

static void tell_piece(struct codec_stream *stream, enum item_form form, size_t index, struct str text)
{
    static const char *const types[] = {"response.output_text.delta", "response.refusal.delta",
                                        "response.reasoning_text.delta", "response.function_call_arguments.delta",
                                        "response.custom_tool_call_input.delta"};
    begin_event(stream, types[form]);
    append_place(stream, form, index);
    json_append_member(&stream->scratch, "delta", text);
    if (form == ITEM_MESSAGE)
        tell_logprobs(stream, text);
    end_event(stream, types[form]);
}

static void stream_block_delta(struct codec_stream *stream, size_t index, enum chat_block_kind kind, struct str text)
{
    if (kind == CHAT_SIGNATURE || kind == CHAT_REDACTED || text.len == 0)
        return;
    const enum item_form form = form_now(stream, kind);
    if (!buf_append_str(&stream->held, text))
        stream->scratch.failed = true;
    if (form != ITEM_CUSTOM) /* whose text is inside its arguments */
        tell_piece(stream, form, index, text);
}

static void tell_whole(struct codec_stream *stream, enum item_form form, size_t index, struct str text)
{
    static const struct {
        const char *type, *member;
    } rows[] = {{"response.output_text.done", "text"},
                {"response.refusal.done", "refusal"},
                {"response.reasoning_text.done", "text"},
                {"response.function_call_arguments.done", "arguments"},
                {"response.custom_tool_call_input.done", "input"}};
    begin_event(stream, rows[form].type);
    append_place(stream, form, index);
    if (form == ITEM_FUNCTION)
        json_append_member(&stream->scratch, "name", stream->held_name);
    json_append_member(&stream->scratch, rows[form].member, text);
    if (form == ITEM_MESSAGE)
        append_logprobs(&stream->scratch, buf_str(&stream->held_logprobs));
    end_event(stream, rows[form].type);
}

static void stream_block_stop(struct codec_stream *stream, size_t index, enum chat_block_kind kind)
{
    const enum item_form form = form_now(stream, kind);
    struct buf input;
    buf_init(&input, stream->held.max);
    struct str text = buf_str(&stream->held);
    if (form == ITEM_CUSTOM) {
        chat_body_custom_input(text, &input);
        text = buf_str(&input);
        stream->scratch.failed = stream->scratch.failed || input.failed;
        tell_piece(stream, form, index, text);
    }
    tell_whole(stream, form, index, text);
    if (form <= ITEM_REASONING)
        tell_part(stream, "response.content_part.done", form, index, text);
    tell_item(stream, "response.output_item.done", form, index, "completed", text);
    buf_deinit(&input);
}

static void stream_end(struct codec_stream *stream, const struct chat_reply *reply)
{
    const char *type = incomplete(reply->stop) ? "response.incomplete" : "response.completed";
    stream->reply = reply;
    begin_event(stream, type);
    buf_append_text(&stream->scratch, ",\"response\":");
    append_whole(&stream->scratch, stream->request, reply, stream->created_s);
    end_event(stream, type);
}

/* Clients tell failures apart by the code inside, and wait for this event. */
static bool stream_fail(struct codec_stream *stream, const struct error *error)
{
    struct buf *out = &stream->scratch;
    if (codec_stream_failed(stream))
        return false;
    buf_clear(out); /* of an event that was not finished */
    begin_event(stream, "response.failed");
    buf_append_text(out, ",\"response\":");
    append_head(out, stream->reply, stream->created_s, "failed");
    buf_append_text(out, ",\"error\":{");
    openai_append_error(out, error);
    buf_append_text(out, "},\"incomplete_details\":null,\"output\":[],\"usage\":null");
    append_echoes(out, stream->request);
    buf_append_char(out, '}');
    end_event(stream, "response.failed");
    return !codec_stream_failed(stream);
}

/* --- bodies ----------------------------------------------------------------------------------------- */

static enum error_code parse(yyjson_val *root, enum codec_use use, struct chat_request *request, struct error *error)
{
    (void)use;
    if (yyjson_is_obj(root) && !yyjson_obj_get(root, "input") && !yyjson_obj_get(root, "messages"))
        return field_error(error, "", "input", "required and missing");
    return openai_parse(root, request, error);
}

const struct codec openai_responses_codec = {
    .name = "openai-responses",
    .needs_whole_reply = true,
    .parse = parse,
    .write = write_reply,
    .stream_start = stream_start,
    .stream_block_start = stream_block_start,
    .stream_block_delta = stream_block_delta,
    .stream_block_stop = stream_block_stop,
    .stream_end = stream_end,
    .stream_fail = stream_fail,
};
