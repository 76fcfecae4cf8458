/* OpenAI's chat completions: replies and stream chunks, and Mistral's. */
#include "api/native/chat_body.h"

#include "api/native/native.h"
#include "api/reply_reader.h"
#include "core/util.h"

/* A model that declines stops, and its words stand in `refusal`. */
const char *chat_body_finish_reason(const struct chat_request *request, enum chat_stop_reason stop)
{
    switch (stop) {
    case CHAT_STOP_MAX_TOKENS:
    case CHAT_STOP_CONTEXT_WINDOW: return "length";
    case CHAT_STOP_TOOL_USE: return chat_body_has_functions(request) ? "function_call" : "tool_calls";
    case CHAT_STOP_FILTERED:
    case CHAT_STOP_GUARDRAIL: return "content_filter";
    default: return "stop";
    }
}

static bool is_completion(const struct chat_request *request)
{
    return request->raw_prompt.data != NULL;
}

static void append_usage(struct buf *out, const struct chat_usage *usage)
{
    buf_appendf(out, "\"usage\":{\"prompt_tokens\":%llu,\"completion_tokens\":%llu,\"total_tokens\":%llu,",
                native_prompt_tokens(usage), (unsigned long long)usage->output_tokens,
                native_prompt_tokens(usage) + usage->output_tokens);
    buf_appendf(out, "\"prompt_tokens_details\":{\"cached_tokens\":%llu}",
                (unsigned long long)usage->cache_read_tokens);
    if (usage->reasoning_tokens > 0)
        buf_appendf(out, ",\"completion_tokens_details\":{\"reasoning_tokens\":%llu}",
                    (unsigned long long)usage->reasoning_tokens);
    buf_append_char(out, '}');
}

/* "id":...,"object":...,"created":...,"model":... */
static void append_identity(struct buf *out, const struct chat_reply *reply, const char *object)
{
    buf_appendf(out, "\"id\":\"chatcmpl-" STR_FMT "\",\"object\":\"%s\",\"created\":%llu,\"model\":",
                STR_ARG(reply->request_id), object, (unsigned long long)(clock_wall_us() / 1000000));
    buf_append_json(out, reply->model_id);
}

void chat_body_custom_input(struct str arguments, struct buf *out)
{
    yyjson_doc *doc = NULL;
    struct error ignored;
    buf_clear(out);
    const bool is_json = json_parse(arguments, &doc, &ignored) == OK;
    yyjson_val *input = is_json ? yyjson_obj_get(yyjson_doc_get_root(doc), CHAT_BODY_CUSTOM_INPUT) : NULL;
    buf_append_str(out, yyjson_is_str(input) ? json_str(input) : arguments);
    json_free(doc);
}

static void append_custom(struct buf *out, struct str name, struct str arguments)
{
    struct buf input;
    buf_init(&input, out->max);
    chat_body_custom_input(arguments, &input);
    buf_append_text(out, ",\"type\":\"custom\",\"custom\":{\"name\":");
    buf_append_json(out, name);
    buf_append_text(out, ",\"input\":");
    buf_append_json(out, buf_str(&input));
    buf_append_text(out, "}}");
    out->failed = out->failed || input.failed;
    buf_deinit(&input);
}

void chat_body_append_call(struct buf *out, const struct chat_request *request, struct str id, struct str name,
                           struct str arguments)
{
    buf_append_text(out, "{\"id\":");
    buf_append_json(out, id);
    if (chat_body_is_custom(request, name)) {
        append_custom(out, name, arguments);
        return;
    }
    buf_append_text(out, ",\"type\":\"function\",\"function\":{\"name\":");
    buf_append_json(out, name);
    buf_append_text(out, ",\"arguments\":");
    buf_append_json(out, arguments);
    buf_append_text(out, "}}");
}

/* As it was before there were several. */
static void append_function_call(struct buf *out, const struct chat_reply_block *block)
{
    buf_append_text(out, ",\"function_call\":{\"name\":");
    buf_append_json(out, block->tool_name);
    buf_append_text(out, ",\"arguments\":");
    buf_append_json(out, block->text);
    buf_append_char(out, '}');
}

static size_t count_kind(const struct chat_reply *reply, enum chat_block_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < reply->block_count; i++)
        count += reply->blocks[i].kind == kind;
    return count;
}

/* ,"KEY":"..." with the texts of all blocks of a kind; nothing where there are none. */
static void append_kind(struct buf *out, const struct chat_reply *reply, enum chat_block_kind kind, const char *key)
{
    struct buf text;
    if (count_kind(reply, kind) == 0)
        return;
    buf_init(&text, out->max);
    for (size_t i = 0; i < reply->block_count; i++)
        if (reply->blocks[i].kind == kind)
            buf_append_str(&text, reply->blocks[i].text);
    if (text.failed)
        out->failed = true;
    if (kind != CHAT_REASONING || text.len > 0) { /* hidden reasoning says nothing here */
        buf_appendf(out, ",\"%s\":", key);
        buf_append_json(out, buf_str(&text));
    }
    buf_deinit(&text);
}

/* Of pages on the web; for other sources this API has no words. Places are characters of the whole text. */
static void append_annotations(struct buf *out, const struct chat_reply *reply)
{
    size_t count = 0, at = 0;
    for (size_t i = 0; i < reply->block_count; i++) {
        const struct chat_reply_block *block = &reply->blocks[i];
        size_t end = at + (block->kind == CHAT_TEXT ? fields_characters(block->text) : 0);
        for (size_t j = 0; j < block->citation_count; j++) {
            const struct chat_citation *citation = &block->citations[j];
            if (citation->kind != CHAT_CITES_WEB)
                continue;
            buf_append_text(out, count++ ? "," : ",\"annotations\":[");
            buf_appendf(out, "{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":%zu,\"end_index\":%zu,"
                             "\"title\":", at, end);
            buf_append_json(out, citation->title);
            buf_append_text(out, ",\"url\":");
            buf_append_json(out, citation->link);
            buf_append_text(out, "}}");
        }
        at = end;
    }
    if (count > 0)
        buf_append_char(out, ']');
}

static void append_calls(struct buf *out, const struct chat_request *request, const struct chat_reply *reply)
{
    const bool is_function = chat_body_has_functions(request);
    size_t calls = 0;
    for (size_t i = 0; i < reply->block_count; i++) {
        const struct chat_reply_block *block = &reply->blocks[i];
        if (block->kind != CHAT_TOOL_USE)
            continue;
        if (is_function) {
            append_function_call(out, block);
            return;
        }
        buf_append_text(out, calls++ ? "," : ",\"tool_calls\":[");
        chat_body_append_call(out, request, block->tool_id, block->tool_name, block->text);
    }
    buf_append_text(out, calls > 0 ? "]" : "");
}

void chat_body_append_message(struct buf *out, const struct chat_request *request, const struct chat_reply *reply)
{
    const bool has_refusal = count_kind(reply, CHAT_REFUSAL) > 0;
    const bool says_else = has_refusal || count_kind(reply, CHAT_TOOL_USE) > 0;
    buf_append_text(out, "{\"role\":\"assistant\"");
    if (says_else && count_kind(reply, CHAT_TEXT) == 0)
        buf_append_text(out, ",\"content\":null");
    else if (count_kind(reply, CHAT_TEXT) == 0)
        buf_append_text(out, ",\"content\":\"\"");
    append_kind(out, reply, CHAT_TEXT, "content");
    append_kind(out, reply, CHAT_REASONING, "reasoning_content");
    append_kind(out, reply, CHAT_REFUSAL, "refusal");
    if (chat_body_is_api(request) && !has_refusal)
        buf_append_text(out, ",\"refusal\":null");
    append_annotations(out, reply);
    append_calls(out, request, reply);
    buf_append_char(out, '}');
}

/* --- whole replies ---------------------------------------------------------------------------------- */

static bool write_chat(const struct chat_request *request, const struct chat_reply *reply, struct buf *out)
{
    const char *reason = chat_body_finish_reason(request, reply->stop);
    bool is_text = is_completion(request);
    buf_append_char(out, '{');
    append_identity(out, reply, is_text ? "text_completion" : "chat.completion");
    buf_append_text(out, is_text ? ",\"choices\":[{\"index\":0,\"text\":" : ",\"choices\":[{\"index\":0,\"message\":");
    if (is_text)
        native_append_texts(out, reply);
    else
        chat_body_append_message(out, request, reply);
    /* Completions of this service call it stop_reason; clients of either look for their own. */
    buf_appendf(out, is_text ? ",\"stop_reason\":\"%s\",\"finish_reason\":\"%s\"}]," : ",\"finish_reason\":\"%s\"}],",
                reason, reason);
    append_usage(out, &reply->usage);
    return buf_append_char(out, '}');
}

static bool write_mistral(const struct chat_request *request, const struct chat_reply *reply, struct buf *out)
{
    const char *reason = chat_body_finish_reason(request, reply->stop);
    if (is_completion(request)) {
        buf_append_text(out, "{\"outputs\":[{\"text\":");
        native_append_texts(out, reply);
        return buf_appendf(out, ",\"stop_reason\":\"%s\"}]}", reason);
    }
    buf_append_char(out, '{');
    append_identity(out, reply, "chat.completion");
    buf_append_text(out, ",\"choices\":[{\"index\":0,\"message\":");
    chat_body_append_message(out, request, reply);
    buf_appendf(out, ",\"stop_reason\":\"%s\",\"finish_reason\":\"%s\"}],", reason, reason);
    append_usage(out, &reply->usage);
    return buf_append_char(out, '}');
}

/* --- streams: every chunk has one choice ------------------------------------------------------------- */

static bool is_mistral(const struct codec_stream *stream)
{
    return stream->codec == &mistral_codec;
}

static void begin_chunk(struct codec_stream *stream)
{
    struct buf *out = &stream->scratch;
    bool is_text = is_completion(stream->request);
    buf_append_char(out, '{');
    if (is_text && is_mistral(stream)) {
        buf_append_text(out, "\"outputs\":[{");
        return;
    }
    append_identity(out, stream->reply, is_text ? "text_completion" : "chat.completion.chunk");
    buf_append_text(out, ",\"choices\":[{\"index\":0,");
}

/* Ends the choice: `reason` is NULL but for the last. */
static void end_choice(struct codec_stream *stream, const char *reason)
{
    struct buf *out = &stream->scratch;
    const char *quote = reason ? "\"" : "", *shown = reason ? reason : "null";
    bool is_text = is_completion(stream->request);
    if (is_text || is_mistral(stream))
        buf_appendf(out, ",\"stop_reason\":%s%s%s", quote, shown, quote);
    if (!is_text || !is_mistral(stream))
        buf_appendf(out, ",\"finish_reason\":%s%s%s", quote, shown, quote);
    buf_append_text(out, "}]");
}

static void end_chunk(struct codec_stream *stream)
{
    end_choice(stream, NULL);
    buf_append_char(&stream->scratch, '}');
    codec_stream_emit(stream, "chunk");
}

/* A piece of text, in the words of each: Mistral's chat streams have `message` where OpenAI's have `delta`. */
static void append_piece(struct codec_stream *stream, struct str text, bool has_role)
{
    struct buf *out = &stream->scratch;
    const char *role = has_role ? "\"role\":\"assistant\"," : "";
    if (is_completion(stream->request)) {
        buf_append_text(out, "\"text\":");
        buf_append_json(out, text);
        return;
    }
    buf_appendf(out, "\"delta\":{%s\"content\":", role);
    buf_append_json(out, text);
    buf_append_char(out, '}');
    if (!is_mistral(stream))
        return;
    buf_appendf(out, ",\"message\":{\"role\":\"assistant\",\"content\":");
    buf_append_json(out, text);
    buf_append_char(out, '}');
}

static void stream_start(struct codec_stream *stream, const struct chat_reply *reply)
{
    stream->reply = reply;
    if (is_completion(stream->request))
        return;
    begin_chunk(stream);
    append_piece(stream, STR(""), true);
    end_chunk(stream);
}

static void stream_block_start(struct codec_stream *stream, size_t index, enum chat_block_kind kind,
                               struct str tool_id, struct str tool_name)
{
    struct buf *out = &stream->scratch;
    (void)index;
    if (kind != CHAT_TOOL_USE)
        return;
    begin_chunk(stream);
    buf_appendf(out, "\"delta\":{\"tool_calls\":[{\"index\":%zu,\"id\":", stream->calls++);
    buf_append_json(out, tool_id);
    buf_append_text(out, ",\"type\":\"function\",\"function\":{\"name\":");
    buf_append_json(out, tool_name);
    buf_append_text(out, ",\"arguments\":\"\"}}]}");
    end_chunk(stream);
}

static void stream_block_delta(struct codec_stream *stream, size_t index, enum chat_block_kind kind, struct str text)
{
    struct buf *out = &stream->scratch;
    bool is_mark = kind == CHAT_SIGNATURE || kind == CHAT_REDACTED; /* this API has no words for them */
    (void)index;
    if (is_mark || (kind == CHAT_REASONING && is_completion(stream->request)))
        return;
    begin_chunk(stream);
    if (kind == CHAT_TOOL_USE) {
        buf_appendf(out, "\"delta\":{\"tool_calls\":[{\"index\":%zu,\"function\":{\"arguments\":", stream->calls - 1);
        buf_append_json(out, text);
        buf_append_text(out, "}}]}");
    } else if (kind == CHAT_TEXT || is_completion(stream->request)) {
        append_piece(stream, text, false);
    } else {
        buf_append_text(out, kind == CHAT_REFUSAL ? "\"delta\":{\"refusal\":" : "\"delta\":{\"reasoning_content\":");
        buf_append_json(out, text);
        buf_append_char(out, '}');
    }
    end_chunk(stream);
}

static void stream_end(struct codec_stream *stream, const struct chat_reply *reply)
{
    struct buf *out = &stream->scratch;
    stream->reply = reply;
    begin_chunk(stream);
    if (is_completion(stream->request))
        buf_append_text(out, "\"text\":\"\"");
    else
        buf_append_text(out, is_mistral(stream) ? "\"delta\":{\"content\":\"\"},\"message\":{\"role\":\"assistant\","
                                                  "\"content\":\"\"}"
                                                : "\"delta\":{}");
    end_choice(stream, chat_body_finish_reason(stream->request, reply->stop));
    buf_append_char(out, ',');
    append_usage(out, &reply->usage);
    buf_append_char(out, ',');
    native_emit_last(stream, reply, "chunk");
}

static enum error_code parse_chat(yyjson_val *root, enum codec_use use, struct chat_request *request,
                                  struct error *error)
{
    static const struct chat_body_defaults defaults = {.temperature = 1, .top_p = 1};
    (void)use;
    return chat_body_parse(root, &defaults, request, error);
}

static enum error_code parse_mistral(yyjson_val *root, enum codec_use use, struct chat_request *request,
                                     struct error *error)
{
    static const struct chat_body_defaults defaults = {.temperature = 0.7, .top_p = 1};
    (void)use;
    return chat_body_parse(root, &defaults, request, error);
}

const struct codec chat_codec = {
    .name = "chat",
    .parse = parse_chat,
    .write = write_chat,
    .stream_start = stream_start,
    .stream_block_start = stream_block_start,
    .stream_block_delta = stream_block_delta,
    .stream_block_stop = native_no_block_stop,
    .stream_end = stream_end,
    .request_write = chat_body_request_write,
    .reply_parse = chat_body_reply_parse,
    .stream_open = chat_body_stream_open,
    .stream_parse = reply_reader_feed,
    .stream_finish = reply_reader_finish,
    .stream_close = reply_reader_close,
};

const struct codec mistral_codec = {
    .name = "mistral",
    .parse = parse_mistral,
    .write = write_mistral,
    .stream_start = stream_start,
    .stream_block_start = stream_block_start,
    .stream_block_delta = stream_block_delta,
    .stream_block_stop = native_no_block_stop,
    .stream_end = stream_end,
};
