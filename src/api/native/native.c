/* What several native bodies are read and written with. */
#include "api/native/native.h"

enum error_code native_parse(yyjson_val *root, native_root_parser parse_root, struct chat_request *request,
                             struct error *error)
{
    if (!yyjson_is_obj(root))
        return error_set(error, ERROR_INVALID, "the request body must be a JSON object, got %s", json_type_name(root));
    return parse_root(root, request, error);
}

unsigned long long native_prompt_tokens(const struct chat_usage *usage)
{
    return usage->input_tokens + usage->cache_read_tokens + usage->cache_write_5m_tokens + usage->cache_write_1h_tokens;
}

struct str native_reply_text(const struct chat_reply *reply)
{
    for (size_t i = 0; i < reply->block_count; i++)
        if (reply->blocks[i].kind != CHAT_REASONING)
            return reply->blocks[i].text;
    return STR("");
}

void native_append_texts(struct buf *out, const struct chat_reply *reply)
{
    struct buf text;
    buf_init(&text, out->max);
    for (size_t i = 0; i < reply->block_count; i++)
        if (reply->blocks[i].kind == CHAT_TEXT || reply->blocks[i].kind == CHAT_REFUSAL)
            buf_append_str(&text, reply->blocks[i].text);
    if (text.failed)
        out->failed = true;
    buf_append_json(out, buf_str(&text));
    buf_deinit(&text);
}

void native_append_metrics(struct buf *out, const struct chat_reply *reply)
{
    const struct chat_usage *usage = &reply->usage;
    buf_appendf(out,
                "\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":%llu,\"outputTokenCount\":%llu,"
                "\"invocationLatency\":%llu,\"firstByteLatency\":%llu",
                (unsigned long long)usage->input_tokens, (unsigned long long)usage->output_tokens,
                (unsigned long long)reply->latency_ms, (unsigned long long)reply->first_byte_ms);
    buf_appendf(out, ",\"cacheReadInputTokenCount\":%llu,\"cacheWriteInputTokenCount\":%llu}",
                (unsigned long long)usage->cache_read_tokens,
                (unsigned long long)(usage->cache_write_5m_tokens + usage->cache_write_1h_tokens));
}

void native_emit_last(struct codec_stream *stream, const struct chat_reply *reply, const char *event_type)
{
    native_append_metrics(&stream->scratch, reply);
    buf_append_char(&stream->scratch, '}');
    codec_stream_emit(stream, event_type);
}

void native_no_block_start(struct codec_stream *stream, size_t index, enum chat_block_kind kind, struct str tool_id,
                           struct str tool_name)
{
    (void)stream, (void)index, (void)kind, (void)tool_id, (void)tool_name;
}

void native_no_block_stop(struct codec_stream *stream, size_t index, enum chat_block_kind kind)
{
    (void)stream, (void)index, (void)kind;
}
