/* The Anthropic messages body: replies and stream events. */
#include "api/native/anthropic.h"

#include "api/bedrock/converse.h"
#include "api/reply_reader.h"

static const char *stop_reason(enum chat_stop_reason stop)
{
    switch (stop) {
    case CHAT_STOP_MALFORMED_TOOL_USE: /* this API has no word for them; the turn ended */
    case CHAT_STOP_MALFORMED_OUTPUT: return "end_turn";
    case CHAT_STOP_REFUSAL:
    case CHAT_STOP_FILTERED:
    case CHAT_STOP_GUARDRAIL: return "refusal";
    case CHAT_STOP_PAUSE: return "pause_turn";
    default: return converse_stop_reason(stop);
    }
}

/* msg_, on Bedrock msg_bdrk_, and the request's ID without its dashes. */
static void append_id(struct buf *out, struct str request_id, bool is_bedrock)
{
    buf_append_text(out, is_bedrock ? "\"msg_bdrk_" : "\"msg_");
    for (size_t i = 0; i < request_id.len; i++)
        if (request_id.data[i] != '-')
            buf_append_char(out, request_id.data[i]);
    buf_append_char(out, '"');
}

static void append_identity(struct buf *out, const struct chat_reply *reply, bool is_bedrock)
{
    buf_append_text(out, "\"model\":");
    buf_append_json(out, reply->model_id);
    buf_append_text(out, ",\"id\":");
    append_id(out, reply->request_id, is_bedrock);
    buf_append_text(out, ",\"type\":\"message\",\"role\":\"assistant\",\"content\":[");
}

/* Of those that think. */
static void append_thinking_tokens(struct buf *out, const struct chat_usage *usage)
{
    if (usage->reasoning_tokens > 0)
        buf_appendf(out, ",\"output_tokens_details\":{\"thinking_tokens\":%llu}",
                    (unsigned long long)usage->reasoning_tokens);
}

static void append_usage(struct buf *out, const struct chat_usage *usage)
{
    buf_appendf(out,
                "\"usage\":{\"input_tokens\":%llu,\"cache_creation_input_tokens\":%llu,"
                "\"cache_read_input_tokens\":%llu",
                (unsigned long long)usage->input_tokens,
                (unsigned long long)(usage->cache_write_5m_tokens + usage->cache_write_1h_tokens),
                (unsigned long long)usage->cache_read_tokens);
    buf_appendf(out,
                ",\"cache_creation\":{\"ephemeral_5m_input_tokens\":%llu,\"ephemeral_1h_input_tokens\":%llu},"
                "\"output_tokens\":%llu",
                (unsigned long long)usage->cache_write_5m_tokens, (unsigned long long)usage->cache_write_1h_tokens,
                (unsigned long long)usage->output_tokens);
    append_thinking_tokens(out, usage);
    buf_append_char(out, '}');
}

static void append_thinking(struct buf *out, const struct chat_reply_block *block)
{
    if (block->data.len > 0) {
        buf_append_text(out, "{\"type\":\"redacted_thinking\",\"data\":");
        buf_append_json(out, block->data);
        return;
    }
    buf_append_text(out, "{\"type\":\"thinking\",\"thinking\":");
    buf_append_json(out, block->text);
    buf_append_text(out, ",\"signature\":");
    buf_append_json(out, block->signature);
}

static void append_text(struct buf *out, const struct chat_reply_block *block)
{
    buf_append_text(out, "{\"type\":\"text\",\"text\":");
    buf_append_json(out, block->text);
    anthropic_append_citations(out, block->citations, block->citation_count);
}

static void append_block(struct buf *out, const struct chat_reply_block *block)
{
    if (block->kind == CHAT_TOOL_USE) {
        buf_append_text(out, "{\"type\":\"tool_use\",\"id\":");
        buf_append_json(out, block->tool_id);
        buf_append_text(out, ",\"name\":");
        buf_append_json(out, block->tool_name);
        buf_append_text(out, ",\"input\":");
        content_append_arguments(out, block->text);
    } else if (block->kind == CHAT_REASONING) {
        append_thinking(out, block);
    } else {
        append_text(out, block);
    }
    buf_append_char(out, '}');
}

static void append_stop(struct buf *out, const struct chat_reply *reply)
{
    buf_appendf(out, "\"stop_reason\":\"%s\",\"stop_sequence\":", stop_reason(reply->stop));
    if (reply->stop == CHAT_STOP_SEQUENCE)
        buf_append_json(out, reply->stop_sequence);
    else
        buf_append_text(out, "null");
}

/* Not Anthropic's own API. */
static bool is_bedrock(const struct chat_request *request)
{
    return request->api_version.data == NULL;
}

/* Replies and streams of the older body: text, and no events. */
static bool is_completion(const struct chat_request *request)
{
    return is_bedrock(request) && anthropic_is_completion(request->body);
}

static bool write_completion(const struct chat_reply *reply, struct buf *out)
{
    anthropic_append_completion(out, native_reply_text(reply));
    anthropic_append_completion_stop(out, reply);
    return buf_append_char(out, '}');
}

static bool write_reply(const struct chat_request *request, const struct chat_reply *reply, struct buf *out)
{
    if (is_completion(request))
        return write_completion(reply, out);
    buf_append_char(out, '{');
    append_identity(out, reply, is_bedrock(request));
    for (size_t i = 0; i < reply->block_count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        append_block(out, &reply->blocks[i]);
    }
    /* Clients read content[0] without asking. */
    buf_append_text(out, reply->block_count ? "]," : "{\"type\":\"text\",\"text\":\"\"}],");
    append_stop(out, reply);
    buf_append_char(out, ',');
    append_usage(out, &reply->usage);
    return buf_append_char(out, '}');
}

static void stream_start(struct codec_stream *stream, const struct chat_reply *reply)
{
    struct buf *out = &stream->scratch;
    if (is_completion(stream->request))
        return;
    buf_append_text(out, "{\"type\":\"message_start\",\"message\":{");
    append_identity(out, reply, is_bedrock(stream->request));
    buf_append_text(out, "],\"stop_reason\":null,\"stop_sequence\":null,");
    append_usage(out, &reply->usage);
    buf_append_text(out, "}}");
    codec_stream_emit(stream, "message_start");
}

/* Thinking begins with its first piece, which tells whether it is shown. */
static void owe_start(struct codec_stream *stream, size_t index, enum chat_block_kind kind, struct str data)
{
    struct buf *out = &stream->scratch;
    if (!stream->is_start_owed)
        return;
    stream->is_start_owed = false;
    buf_appendf(out, "{\"type\":\"content_block_start\",\"index\":%zu,\"content_block\":", index);
    if (kind == CHAT_REDACTED) {
        buf_append_text(out, "{\"type\":\"redacted_thinking\",\"data\":");
        buf_append_json(out, data);
        buf_append_text(out, "}}");
    } else {
        buf_append_text(out, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}");
    }
    codec_stream_emit(stream, "content_block_start");
}

static void stream_block_start(struct codec_stream *stream, size_t index, enum chat_block_kind kind,
                               struct str tool_id, struct str tool_name)
{
    struct buf *out = &stream->scratch;
    if (is_completion(stream->request))
        return;
    stream->is_start_owed = kind == CHAT_REASONING;
    if (stream->is_start_owed)
        return;
    buf_appendf(out, "{\"type\":\"content_block_start\",\"index\":%zu,\"content_block\":", index);
    if (kind == CHAT_TOOL_USE) {
        buf_append_text(out, "{\"type\":\"tool_use\",\"id\":");
        buf_append_json(out, tool_id);
        buf_append_text(out, ",\"name\":");
        buf_append_json(out, tool_name);
        buf_append_text(out, ",\"input\":{}}}");
    } else {
        buf_append_text(out, "{\"type\":\"text\",\"text\":\"\"}}");
    }
    codec_stream_emit(stream, "content_block_start");
}

static const char *const deltas[CHAT_KINDS] = {
    [CHAT_TEXT] = ",\"delta\":{\"type\":\"text_delta\",\"text\":",
    [CHAT_REFUSAL] = ",\"delta\":{\"type\":\"text_delta\",\"text\":",
    [CHAT_TOOL_USE] = ",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":",
    [CHAT_REASONING] = ",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":",
    [CHAT_SIGNATURE] = ",\"delta\":{\"type\":\"signature_delta\",\"signature\":",
};

static void stream_block_delta(struct codec_stream *stream, size_t index, enum chat_block_kind kind, struct str text)
{
    struct buf *out = &stream->scratch;
    bool is_words = kind == CHAT_TEXT || kind == CHAT_REFUSAL;
    if (is_completion(stream->request)) {
        if (!is_words)
            return;
        anthropic_append_completion(out, text);
        buf_append_text(out, ",\"stop_reason\":null,\"stop\":null}");
        codec_stream_emit(stream, "chunk");
        return;
    }
    owe_start(stream, index, kind, text);
    if (!deltas[kind])
        return;
    buf_append_text(out, "{\"type\":\"content_block_delta\",\"index\":");
    buf_append_u64(out, index);
    buf_append_text(out, deltas[kind]);
    buf_append_json(out, text);
    buf_append_text(out, "}}");
    codec_stream_emit(stream, "content_block_delta");
}

static void stream_block_stop(struct codec_stream *stream, size_t index, enum chat_block_kind kind)
{
    if (is_completion(stream->request))
        return;
    owe_start(stream, index, kind, STR(""));
    buf_appendf(&stream->scratch, "{\"type\":\"content_block_stop\",\"index\":%zu}", index);
    codec_stream_emit(stream, "content_block_stop");
}

static void stream_block_cites(struct codec_stream *stream, size_t index, const struct chat_citation *citation)
{
    if (is_completion(stream->request))
        return;
    buf_appendf(&stream->scratch, "{\"type\":\"content_block_delta\",\"index\":%zu,\"delta\":{\"type\":"
                                  "\"citations_delta\",\"citation\":", index);
    anthropic_append_citation(&stream->scratch, citation);
    buf_append_text(&stream->scratch, "}}");
    codec_stream_emit(stream, "content_block_delta");
}

static void stream_end_completion(struct codec_stream *stream, const struct chat_reply *reply)
{
    anthropic_append_completion(&stream->scratch, STR(""));
    anthropic_append_completion_stop(&stream->scratch, reply);
    buf_append_char(&stream->scratch, ',');
    native_emit_last(stream, reply, "chunk");
}

/* --- an upstream's own words -------------------------------------------------------------------------- */

static void stream_pass(struct codec_stream *stream, struct str type, yyjson_val *event)
{
    struct buf *out = &stream->scratch;
    yyjson_val *message = yyjson_obj_get(event, "message");
    const char *name = yyjson_get_str(yyjson_obj_get(event, "type"));
    (void)type;
    stream->has_end = stream->has_end || (name && strcmp(name, "message_stop") == 0);
    if (yyjson_is_obj(message)) {
        buf_append_text(out, "{\"type\":\"message_start\",\"message\":");
        codec_append_with(out, message, "model", stream->reply->model_id);
        buf_append_char(out, '}');
    } else {
        json_append(out, event);
    }
    codec_stream_emit(stream, name ? name : "");
}

static bool pass(const struct chat_request *request, const struct chat_reply *reply, yyjson_val *body, struct buf *out)
{
    (void)request;
    codec_append_with(out, body, "model", reply->model_id);
    return !out->failed;
}

/* Servers forget it. */
static void end_verbatim(struct codec_stream *stream)
{
    if (stream->has_end)
        return;
    buf_append_text(&stream->scratch, "{\"type\":\"message_stop\"}");
    codec_stream_emit(stream, "message_stop");
}

static void stream_end(struct codec_stream *stream, const struct chat_reply *reply)
{
    if (stream->is_verbatim) {
        end_verbatim(stream);
        return;
    }
    struct buf *out = &stream->scratch;
    if (is_completion(stream->request)) {
        stream_end_completion(stream, reply);
        return;
    }
    buf_append_text(out, "{\"type\":\"message_delta\",\"delta\":{");
    append_stop(out, reply);
    if (reply->has_late_input) { /* what message_start said of it is replaced */
        buf_append_text(out, "},");
        append_usage(out, &reply->usage);
        buf_append_char(out, '}');
    } else {
        buf_appendf(out, "},\"usage\":{\"output_tokens\":%llu", (unsigned long long)reply->usage.output_tokens);
        append_thinking_tokens(out, &reply->usage);
        buf_append_text(out, "}}");
    }
    codec_stream_emit(stream, "message_delta");
    buf_append_text(out, "{\"type\":\"message_stop\"");
    if (is_bedrock(stream->request)) {
        buf_append_char(out, ',');
        native_emit_last(stream, reply, "message_stop");
        return;
    }
    buf_append_char(out, '}');
    codec_stream_emit(stream, "message_stop");
}

const struct codec anthropic_codec = {
    .name = "anthropic",
    .parse = anthropic_parse,
    .write = write_reply,
    .stream_start = stream_start,
    .stream_block_start = stream_block_start,
    .stream_block_delta = stream_block_delta,
    .stream_block_stop = stream_block_stop,
    .stream_block_cites = stream_block_cites,
    .stream_end = stream_end,
    .stream_pass = stream_pass,
    .pass = pass,
    .request_write = anthropic_request_write,
    .reply_parse = anthropic_reply_parse,
    .stream_open = anthropic_stream_open,
    .stream_parse = reply_reader_feed,
    .stream_finish = reply_reader_finish,
    .stream_close = reply_reader_close,
};
