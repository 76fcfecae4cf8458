/* Nova's native body: Converse's with base64 media, cache points inside blocks,
 * topK, and usage spelled ...TokenCount. Both spellings of the parameters that
 * circulate are taken. */
#include "api/bedrock/converse.h"
#include "api/native/native.h"

#include "core/limits.h"

#define NOVA_TEMPERATURE 0.7
#define NOVA_TOP_P 0.9
#define NOVA_TOP_K_MAX 128

/* The one of two spellings that is there; both at once are refused. */
static enum error_code pick_spelling(yyjson_val *config, const char *ours, const char *other, const char **key,
                                     struct error *error)
{
    bool has_ours = yyjson_obj_get(config, ours) != NULL, has_other = yyjson_obj_get(config, other) != NULL;
    if (has_ours && has_other)
        return field_error(error, "inferenceConfig", ours, "given twice, as %s too", other);
    *key = has_other ? other : ours;
    return OK;
}

static enum error_code parse_numbers(yyjson_val *config, struct chat_request *request, struct error *error)
{
    static const char where[] = "inferenceConfig";
    struct chat_sampling *sampling = &request->sampling;
    int64_t max_tokens = 0, top_k = 0;
    const char *key = NULL;
    enum error_code code = pick_spelling(config, "maxTokens", "max_new_tokens", &key, error);
    if (code == OK)
        code = json_get_int(config, where, key, 1, INT32_MAX, &max_tokens, NULL, error);
    if (code == OK)
        code = json_get_number(config, where, "temperature", 0, 1, &sampling->temperature, &sampling->has_temperature,
                               error);
    if (code == OK)
        code = pick_spelling(config, "topP", "top_p", &key, error);
    if (code == OK)
        code = fields_get_top_p(config, where, key, &sampling->top_p, &sampling->has_top_p, error);
    if (code == OK)
        code = pick_spelling(config, "topK", "top_k", &key, error);
    if (code == OK)
        code = json_get_int(config, where, key, 0, NOVA_TOP_K_MAX, &top_k, &sampling->has_top_k, error);
    sampling->top_k = (int32_t)top_k;
    request->max_tokens = (uint32_t)max_tokens;
    return code;
}

static enum error_code parse_config(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"maxTokens", "max_new_tokens", "temperature",   "topP",           "top_p",
                                          "topK",      "top_k",          "stopSequences", "stop_sequences", NULL};
    yyjson_val *config = NULL;
    const char *key = NULL;
    enum error_code code = json_get_object(root, "", "inferenceConfig", &config, error);
    if (code != OK || !config)
        return code;
    code = fields_known(request->ignored, config, "inferenceConfig", members, error);
    if (code == OK)
        code = parse_numbers(config, request, error);
    if (code == OK)
        code = pick_spelling(config, "stopSequences", "stop_sequences", &key, error);
    return code == OK ? content_parse_stops(config, "inferenceConfig", key, request, error) : code;
}

static enum error_code parse_root(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"schemaVersion", "system", "messages", "inferenceConfig", "toolConfig", NULL};
    struct content_parser parser = {.request = request, .error = error, .has_inline_cache_points = true};
    request->origin = &nova_codec;
    request->sampling.temperature = NOVA_TEMPERATURE;
    request->sampling.top_p = NOVA_TOP_P;
    struct str version = {0};
    enum error_code code = fields_known(request->ignored, root, "", members, error);
    if (code == OK)
        code = json_get_str(root, "", "schemaVersion", &version, NULL, error);
    if (code == OK && version.data && !str_eq(version, STR("messages-v1")))
        return field_error(error, "schemaVersion", "", "must be messages-v1");
    if (code == OK)
        code = converse_parse_tools(&parser, yyjson_obj_get(root, "toolConfig"));
    if (code == OK)
        code = converse_parse_system(&parser, yyjson_obj_get(root, "system"));
    if (code == OK)
        code = converse_parse_messages(&parser, yyjson_obj_get(root, "messages"));
    if (code == OK)
        code = parse_config(root, request, error);
    return code == OK ? needs_first_turn(request, error) : code;
}

static enum error_code parse(yyjson_val *root, enum codec_use use, struct chat_request *request, struct error *error)
{
    (void)use;
    return native_parse(root, parse_root, request, error);
}

static void append_usage(struct buf *out, const struct chat_usage *usage)
{
    unsigned long long read = usage->cache_read_tokens;
    unsigned long long written = usage->cache_write_5m_tokens + usage->cache_write_1h_tokens;
    buf_appendf(out,
                "\"usage\":{\"inputTokens\":%llu,\"outputTokens\":%llu,\"totalTokens\":%llu,"
                "\"cacheReadInputTokenCount\":%llu,\"cacheWriteInputTokenCount\":%llu}",
                (unsigned long long)usage->input_tokens, (unsigned long long)usage->output_tokens,
                (unsigned long long)usage->input_tokens + read + written + usage->output_tokens, read, written);
}

static bool write_reply(const struct chat_request *request, const struct chat_reply *reply, struct buf *out)
{
    (void)request;
    buf_append_text(out, "{\"output\":{\"message\":");
    converse_append_message(out, reply);
    buf_appendf(out, "},\"stopReason\":\"%s\",", converse_stop_reason(reply->stop));
    append_usage(out, &reply->usage);
    return buf_append_char(out, '}');
}

static void stream_start(struct codec_stream *stream, const struct chat_reply *reply)
{
    (void)reply;
    buf_append_text(&stream->scratch, "{\"messageStart\":{\"role\":\"assistant\"}}");
    codec_stream_emit(stream, "chunk");
}

static void stream_block_start(struct codec_stream *stream, size_t index, enum chat_block_kind kind,
                               struct str tool_id, struct str tool_name)
{
    if (kind != CHAT_TOOL_USE)
        return;
    buf_append_text(&stream->scratch, "{\"contentBlockStart\":");
    converse_block_start(&stream->scratch, index, tool_id, tool_name);
    buf_append_char(&stream->scratch, '}');
    codec_stream_emit(stream, "chunk");
}

static void stream_block_delta(struct codec_stream *stream, size_t index, enum chat_block_kind kind, struct str text)
{
    buf_append_text(&stream->scratch, "{\"contentBlockDelta\":");
    converse_block_delta(&stream->scratch, index, kind, text);
    buf_append_char(&stream->scratch, '}');
    codec_stream_emit(stream, "chunk");
}

static void stream_block_cites(struct codec_stream *stream, size_t index, const struct chat_citation *citation)
{
    buf_append_text(&stream->scratch, "{\"contentBlockDelta\":");
    converse_block_cites(&stream->scratch, index, citation);
    buf_append_char(&stream->scratch, '}');
    codec_stream_emit(stream, "chunk");
}

static void stream_block_stop(struct codec_stream *stream, size_t index, enum chat_block_kind kind)
{
    (void)kind;
    buf_appendf(&stream->scratch, "{\"contentBlockStop\":{\"contentBlockIndex\":%zu}}", index);
    codec_stream_emit(stream, "chunk");
}

static void stream_end(struct codec_stream *stream, const struct chat_reply *reply)
{
    buf_appendf(&stream->scratch, "{\"messageStop\":{\"stopReason\":\"%s\"}}", converse_stop_reason(reply->stop));
    codec_stream_emit(stream, "chunk");
    buf_append_text(&stream->scratch, "{\"metadata\":{");
    append_usage(&stream->scratch, &reply->usage);
    buf_append_text(&stream->scratch, ",\"metrics\":{},\"trace\":{}},");
    native_emit_last(stream, reply, "chunk");
}

/* Families without a body of their own take Converse's; their streams look like Nova's. */
const struct codec converse_body_codec = {
    .name = "converse-body",
    .parse = converse_parse,
    .write = converse_write,
    .stream_start = stream_start,
    .stream_block_start = stream_block_start,
    .stream_block_delta = stream_block_delta,
    .stream_block_stop = stream_block_stop,
    .stream_block_cites = stream_block_cites,
    .stream_end = stream_end,
};

const struct codec nova_codec = {
    .name = "nova",
    .parse = parse,
    .write = write_reply,
    .stream_start = stream_start,
    .stream_block_start = stream_block_start,
    .stream_block_delta = stream_block_delta,
    .stream_block_stop = stream_block_stop,
    .stream_block_cites = stream_block_cites,
    .stream_end = stream_end,
};
