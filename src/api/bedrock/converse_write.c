/* Replies of Converse and ConverseStream, members in the service's order. */
#include "api/bedrock/converse.h"

#include "api/reply_reader.h"

const char *converse_stop_reason(enum chat_stop_reason stop)
{
    static const char *const names[] = {
        [CHAT_STOP_END_TURN] = "end_turn",
        [CHAT_STOP_MAX_TOKENS] = "max_tokens",
        [CHAT_STOP_SEQUENCE] = "stop_sequence",
        [CHAT_STOP_TOOL_USE] = "tool_use",
        [CHAT_STOP_CONTEXT_WINDOW] = "model_context_window_exceeded",
        [CHAT_STOP_MALFORMED_TOOL_USE] = "malformed_tool_use",
        [CHAT_STOP_MALFORMED_OUTPUT] = "malformed_model_output",
        [CHAT_STOP_REFUSAL] = "content_filtered",
        [CHAT_STOP_FILTERED] = "content_filtered",
        [CHAT_STOP_GUARDRAIL] = "guardrail_intervened",
        [CHAT_STOP_PAUSE] = "end_turn", /* this API has no word for it */
    };
    return names[stop];
}

/* "citationsContent":{...} */
void converse_append_cited(struct buf *out, struct str text, const struct chat_citation *citations, size_t count)
{
    buf_append_text(out, "\"citationsContent\":{\"content\":[{\"text\":");
    buf_append_json(out, text);
    buf_append_text(out, "}],\"citations\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        converse_append_citation(out, &citations[i]);
    }
    buf_append_text(out, "]}");
}

/* "reasoningContent":{...} */
void converse_append_reasoning(struct buf *out, struct str text, struct str signature, struct str data)
{
    if (data.len > 0) {
        buf_append_text(out, "\"reasoningContent\":{\"redactedContent\":");
        buf_append_json(out, data);
        buf_append_char(out, '}');
        return;
    }
    buf_append_text(out, "\"reasoningContent\":{\"reasoningText\":{\"text\":");
    buf_append_json(out, text);
    if (signature.len > 0) {
        buf_append_text(out, ",\"signature\":");
        buf_append_json(out, signature);
    }
    buf_append_text(out, "}}");
}

static void append_block(struct buf *out, const struct chat_reply_block *block)
{
    if (block->kind == CHAT_TOOL_USE) {
        buf_append_text(out, "\"toolUse\":{\"toolUseId\":");
        buf_append_json(out, block->tool_id);
        buf_append_text(out, ",\"name\":");
        buf_append_json(out, block->tool_name);
        buf_append_text(out, ",\"input\":");
        content_append_arguments(out, block->text);
        buf_append_char(out, '}');
    } else if (block->kind == CHAT_REASONING) {
        converse_append_reasoning(out, block->text, block->signature, block->data);
    } else if (block->citation_count > 0) {
        converse_append_cited(out, block->text, block->citations, block->citation_count);
    } else {
        buf_append_text(out, "\"text\":");
        buf_append_json(out, block->text);
    }
}

void converse_append_message(struct buf *out, const struct chat_reply *reply)
{
    buf_append_text(out, "{\"role\":\"assistant\",\"content\":[");
    for (size_t i = 0; i < reply->block_count; i++) {
        buf_append_text(out, i ? ",{" : "{");
        append_block(out, &reply->blocks[i]);
        buf_append_char(out, '}');
    }
    /* Clients read content[0] without asking. */
    buf_append_text(out, reply->block_count ? "]}" : "{\"text\":\"\"}]}");
}

static void append_cache_details(struct buf *out, const struct chat_usage *usage)
{
    buf_append_text(out, ",\"cacheDetails\":[");
    if (usage->cache_write_1h_tokens)
        buf_appendf(out, "{\"ttl\":\"1h\",\"inputTokens\":%llu}", (unsigned long long)usage->cache_write_1h_tokens);
    if (usage->cache_write_1h_tokens && usage->cache_write_5m_tokens)
        buf_append_char(out, ',');
    if (usage->cache_write_5m_tokens)
        buf_appendf(out, "{\"ttl\":\"5m\",\"inputTokens\":%llu}", (unsigned long long)usage->cache_write_5m_tokens);
    buf_append_char(out, ']');
}

/* Both spellings of the cache counts: SDKs know the one, older programs that read raw JSON the other. */
void converse_append_usage(struct buf *out, const struct chat_usage *usage)
{
    unsigned long long read = usage->cache_read_tokens;
    unsigned long long written = usage->cache_write_5m_tokens + usage->cache_write_1h_tokens;
    unsigned long long total = usage->input_tokens + read + written + usage->output_tokens;
    buf_appendf(out, "\"usage\":{\"inputTokens\":%llu,\"outputTokens\":%llu,\"totalTokens\":%llu",
                (unsigned long long)usage->input_tokens, (unsigned long long)usage->output_tokens, total);
    buf_appendf(out, ",\"cacheReadInputTokens\":%llu,\"cacheWriteInputTokens\":%llu", read, written);
    buf_appendf(out, ",\"cacheReadInputTokenCount\":%llu,\"cacheWriteInputTokenCount\":%llu", read, written);
    append_cache_details(out, usage);
    buf_append_char(out, '}');
}

/* Copies the value at each path of the native reply to the same place of a new object. */
static bool collect_fields(yyjson_val *paths, yyjson_doc *native, yyjson_mut_doc *fields)
{
    size_t i, count, found = 0;
    yyjson_val *path;
    yyjson_arr_foreach(paths, i, count, path)
    {
        struct str text = json_str(path);
        yyjson_val *value = yyjson_doc_ptr_getn(native, text.data, text.len);
        yyjson_mut_val *copy = value ? yyjson_val_mut_copy(fields, value) : NULL;
        found += copy && yyjson_mut_doc_ptr_setn(fields, text.data, text.len, copy);
    }
    return found > 0;
}

/* additionalModelResponseFields: what the paths of the request find in the reply as the model's own
 * API would write it. Paths that find nothing are left out. */
static void append_response_fields(struct buf *out, const struct chat_request *request, const struct chat_reply *reply)
{
    yyjson_val *paths = yyjson_obj_get(request->body, "additionalModelResponseFieldPaths");
    if (yyjson_arr_size(paths) == 0 || !reply->native)
        return;
    struct buf text;
    buf_init(&text, out->max);
    yyjson_doc *native = NULL;
    struct error ignored;
    yyjson_alc alc = fields_arena_alc(request->arena);
    yyjson_mut_doc *fields = yyjson_mut_doc_new(&alc);
    if (fields && reply->native->write(request, reply, &text) &&
        json_parse_exact(buf_str(&text), &native, &ignored) == OK) {
        size_t len = 0;
        yyjson_mut_doc_set_root(fields, yyjson_mut_obj(fields));
        char *json = collect_fields(paths, native, fields) ? yyjson_mut_write_opts(fields, 0, &alc, &len, NULL) : NULL;
        if (json) {
            buf_append_text(out, ",\"additionalModelResponseFields\":");
            buf_append(out, json, len);
        }
    }
    json_free(native);
    buf_deinit(&text);
}

/* What was asked for and given is said again. */
static void append_echoes(struct buf *out, const struct chat_request *request)
{
    yyjson_val *latency = yyjson_obj_get(yyjson_obj_get(request->body, "performanceConfig"), "latency");
    if (yyjson_is_str(latency))
        buf_append_text(out, ",\"performanceConfig\":{\"latency\":\"standard\"}");
    if (request->has_tier)
        buf_appendf(out, ",\"serviceTier\":{\"type\":\"%s\"}", tier_names[request->tier]);
}

/* Which of a router's models answered, by the name that the router has for it. */
static void append_trace(struct buf *out, const struct chat_reply *reply)
{
    if (reply->routed_to.len == 0)
        return;
    buf_append_text(out, ",\"trace\":{\"promptRouter\":{\"invokedModelId\":");
    buf_append_json(out, reply->routed_to);
    if (reply->doubted.len > 0) {
        buf_append_text(out, ",\"escalatedFromModelId\":");
        buf_append_json(out, reply->doubted);
    }
    buf_append_text(out, "}}");
}

static void append_metrics(struct buf *out, const struct chat_reply *reply)
{
    buf_appendf(out, ",\"metrics\":{\"latencyMs\":%llu}", (unsigned long long)reply->latency_ms);
}

bool converse_write(const struct chat_request *request, const struct chat_reply *reply, struct buf *out)
{
    buf_append_text(out, "{\"output\":{\"message\":");
    converse_append_message(out, reply);
    buf_appendf(out, "},\"stopReason\":\"%s\",", converse_stop_reason(reply->stop));
    converse_append_usage(out, &reply->usage);
    append_metrics(out, reply);
    append_response_fields(out, request, reply);
    append_trace(out, reply);
    append_echoes(out, request);
    return buf_append_char(out, '}');
}

static void stream_start(struct codec_stream *stream, const struct chat_reply *reply)
{
    (void)reply;
    buf_append_text(&stream->scratch, "{\"role\":\"assistant\"}");
    codec_stream_emit(stream, "messageStart");
}

/* A text block opens with its first delta. */
void converse_block_start(struct buf *out, size_t index, struct str tool_id, struct str tool_name)
{
    buf_appendf(out, "{\"contentBlockIndex\":%zu,\"start\":{\"toolUse\":{\"toolUseId\":", index);
    buf_append_json(out, tool_id);
    buf_append_text(out, ",\"name\":");
    buf_append_json(out, tool_name);
    buf_append_text(out, "}}}");
}

void converse_block_delta(struct buf *out, size_t index, enum chat_block_kind kind, struct str text)
{
    static const char *const members[CHAT_KINDS] = {
        [CHAT_TOOL_USE] = ",\"delta\":{\"toolUse\":{\"input\":",
        [CHAT_REASONING] = ",\"delta\":{\"reasoningContent\":{\"text\":",
        [CHAT_SIGNATURE] = ",\"delta\":{\"reasoningContent\":{\"signature\":",
        [CHAT_REDACTED] = ",\"delta\":{\"reasoningContent\":{\"redactedContent\":",
    };
    const char *member = members[kind];
    buf_append_text(out, "{\"contentBlockIndex\":");
    buf_append_u64(out, index);
    buf_append_text(out, member ? member : ",\"delta\":{\"text\":");
    buf_append_json(out, text);
    buf_append_text(out, member ? "}}}" : "}}");
}

void converse_block_cites(struct buf *out, size_t index, const struct chat_citation *citation)
{
    buf_appendf(out, "{\"contentBlockIndex\":%zu,\"delta\":{\"citation\":", index);
    converse_append_citation(out, citation);
    buf_append_text(out, "}}");
}

static void stream_block_start(struct codec_stream *stream, size_t index, enum chat_block_kind kind,
                               struct str tool_id, struct str tool_name)
{
    if (kind != CHAT_TOOL_USE)
        return;
    converse_block_start(&stream->scratch, index, tool_id, tool_name);
    codec_stream_emit(stream, "contentBlockStart");
}

static void stream_block_delta(struct codec_stream *stream, size_t index, enum chat_block_kind kind, struct str text)
{
    converse_block_delta(&stream->scratch, index, kind, text);
    codec_stream_emit(stream, "contentBlockDelta");
}

static void stream_block_cites(struct codec_stream *stream, size_t index, const struct chat_citation *citation)
{
    converse_block_cites(&stream->scratch, index, citation);
    codec_stream_emit(stream, "contentBlockDelta");
}

static void stream_block_stop(struct codec_stream *stream, size_t index, enum chat_block_kind kind)
{
    (void)kind;
    buf_appendf(&stream->scratch, "{\"contentBlockIndex\":%zu}", index);
    codec_stream_emit(stream, "contentBlockStop");
}

static void stream_end(struct codec_stream *stream, const struct chat_reply *reply)
{
    buf_appendf(&stream->scratch, "{\"stopReason\":\"%s\"", converse_stop_reason(reply->stop));
    append_response_fields(&stream->scratch, stream->request, reply);
    buf_append_char(&stream->scratch, '}');
    codec_stream_emit(stream, "messageStop");
    buf_append_char(&stream->scratch, '{');
    converse_append_usage(&stream->scratch, &reply->usage);
    append_metrics(&stream->scratch, reply);
    append_trace(&stream->scratch, reply);
    append_echoes(&stream->scratch, stream->request);
    buf_append_char(&stream->scratch, '}');
    codec_stream_emit(stream, "metadata");
}

/* Fields of the native reply can be picked out of a whole one only. */
static bool wants_whole_reply(const struct chat_request *request)
{
    return yyjson_obj_get(request->body, "additionalModelResponseFieldPaths") != NULL;
}

const struct codec converse_codec = {
    .name = "converse",
    .wants_whole_reply = wants_whole_reply,
    .parse = converse_parse,
    .write = converse_write,
    .stream_start = stream_start,
    .stream_block_start = stream_block_start,
    .stream_block_delta = stream_block_delta,
    .stream_block_stop = stream_block_stop,
    .stream_block_cites = stream_block_cites,
    .stream_end = stream_end,
    .request_write = converse_request_write,
    .reply_parse = converse_reply_parse,
    .stream_open = converse_stream_open,
    .stream_parse = reply_reader_feed,
    .stream_finish = reply_reader_finish,
    .stream_close = reply_reader_close,
};
