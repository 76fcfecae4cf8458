/* Streams of upstreams: frames into events, events into blocks. */
#include "api/reply_reader.h"

#include "api/eventstream.h"
#include "core/limits.h"

#define ARENA_BYTES_MAX (4u << 20) /* names and IDs of one reply */
#define SLICE_BYTES (64u << 10)

/* --- failures --------------------------------------------------------------------------------------- */

enum error_code reply_malformed(struct error *error, const char *what)
{
    return error_set(error, ERROR_MODEL, "the upstream's reply cannot be read: %s", what);
}

enum error_code reply_failure(struct str name, struct str message, struct error *error)
{
    static const struct {
        const char *name;
        enum error_code code;
    } known[] = {
        {"throttlingException", ERROR_THROTTLED},       {"rate_limit_error", ERROR_THROTTLED},
        {"rate_limit_exceeded", ERROR_THROTTLED},       {"serviceUnavailableException", ERROR_UNAVAILABLE},
        {"overloaded_error", ERROR_UNAVAILABLE},        {"service_unavailable_error", ERROR_UNAVAILABLE},
        {"internalServerException", ERROR_UNAVAILABLE}, {"api_error", ERROR_UNAVAILABLE},
        {"server_error", ERROR_UNAVAILABLE},            {"modelTimeoutException", ERROR_TIMEOUT},
        {"timeout_error", ERROR_TIMEOUT},               {"validationException", ERROR_INVALID},
        {"invalid_request_error", ERROR_INVALID},
    };
    enum error_code code = ERROR_MODEL;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (str_eq(name, str_of(known[i].name)))
            code = known[i].code;
    if (message.len == 0)
        message = name;
    return error_set(error, code, "the upstream failed: %.*s", (int)(message.len > 300 ? 300 : message.len),
                     message.data ? message.data : "");
}

/* --- blocks ----------------------------------------------------------------------------------------- */

struct str reply_keep(struct reply_reader *reader, struct str text)
{
    struct str copy = {0};
    if (!arena_str(&reader->arena, text, &copy) && reader->failed.code == OK)
        (void)error_no_memory(&reader->failed);
    return copy;
}

void reply_block_stop(struct reply_reader *reader)
{
    struct chat_sink *sink = &reader->common.sink;
    if (reader->is_open)
        sink->block_stop(sink->ctx, reader->block_count - 1, reader->kind);
    reader->is_open = false;
}

enum error_code reply_block(struct reply_reader *reader, int64_t place, enum chat_block_kind kind, struct str id,
                            struct str name, struct error *error)
{
    struct chat_sink *sink = &reader->common.sink;
    if (reader->is_open && reader->place == place && reader->kind == kind)
        return OK;
    if (place < reader->place || (place == reader->place && kind == CHAT_TOOL_USE))
        return reply_malformed(error, "pieces of several blocks are mixed");
    reply_block_stop(reader);
    if (reader->block_count >= limit(content_blocks))
        return reply_malformed(error, "it has more blocks than the limit");
    reader->is_open = true;
    reader->kind = kind;
    reader->place = place;
    struct str kept_id = reply_keep(reader, id), kept_name = reply_keep(reader, name);
    sink->block_start(sink->ctx, reader->block_count++, kind, kept_id, kept_name);
    return OK;
}

void reply_piece(struct reply_reader *reader, enum chat_block_kind kind, struct str text)
{
    struct chat_sink *sink = &reader->common.sink;
    if (reader->is_open && text.len > 0)
        sink->block_delta(sink->ctx, reader->block_count - 1, kind, text);
}

void reply_cites(struct reply_reader *reader, const struct chat_citation *citation)
{
    if (reader->is_open && reader->common.block_cites)
        reader->common.block_cites(reader->common.sink.ctx, reader->block_count - 1, citation);
}

void reply_over(struct reply_reader *reader)
{
    reply_block_stop(reader);
    reader->common.is_over = true;
}

/* --- events ----------------------------------------------------------------------------------------- */

static enum error_code take_json(struct reply_reader *reader, struct str type, struct str text, struct error *error)
{
    yyjson_doc *doc;
    if (reader->common.is_over)
        return OK; /* what follows the end says nothing */
    enum error_code code = json_parse_exact(text, &doc, error);
    if (code == ERROR_INVALID) {
        (void)error_prefix(error, "the upstream's reply cannot be read");
        return error->code = ERROR_MODEL;
    }
    if (code != OK)
        return code;
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (yyjson_is_obj(root))
        code = reader->take(reader, type, root, error);
    else
        code = reply_malformed(error, "an event is no object");
    if (code == OK && reader->failed.code == OK && reader->common.event)
        reader->common.event(reader->common.sink.ctx, type, root);
    json_free(doc);
    if (code == OK && reader->failed.code != OK)
        *error = reader->failed;
    return code == OK ? reader->failed.code : code;
}

static enum error_code take_sse(void *ctx, const struct sse_event *event, struct error *error)
{
    struct reply_reader *reader = ctx;
    if (!str_eq(event->data, STR(SSE_DONE)))
        return take_json(reader, event->type, event->data, error);
    reply_over(reader);
    return OK;
}

/* The event of a native body's stream lies in its frame as base64. */
static enum error_code take_chunk(struct reply_reader *reader, struct str payload, struct error *error)
{
    yyjson_doc *doc;
    struct buf text;
    enum error_code code = json_parse(payload, &doc, error);
    if (code != OK)
        return code == ERROR_INVALID ? reply_malformed(error, "a chunk is not JSON") : code;
    struct str bytes = json_str(yyjson_obj_get(yyjson_doc_get_root(doc), "bytes"));
    buf_init(&text, bytes.len + 4);
    if (base64_decode(bytes, &text))
        code = take_json(reader, STR(""), buf_str(&text), error);
    else
        code = text.failed ? error_no_memory(error) : reply_malformed(error, "a chunk is not base64");
    buf_deinit(&text);
    json_free(doc);
    return code;
}

static struct str header_of(const struct eventstream_message *message, const char *name)
{
    const struct eventstream_header *header = eventstream_find(message, name);
    return header ? header->bytes : (struct str){0};
}

static enum error_code take_message(struct reply_reader *reader, const struct eventstream_message *message,
                                    struct error *error)
{
    struct str kind = header_of(message, ":message-type"), type = header_of(message, ":event-type");
    if (reader->common.is_over)
        return OK;
    if (str_eq(kind, STR("error")))
        return reply_failure(header_of(message, ":error-code"), header_of(message, ":error-message"), error);
    if (str_eq(kind, STR("exception"))) {
        yyjson_doc *doc = NULL;
        struct error ignored;
        struct str text = {0};
        if (json_parse(message->payload, &doc, &ignored) == OK)
            text = json_str(yyjson_obj_get(yyjson_doc_get_root(doc), "message"));
        enum error_code code = reply_failure(header_of(message, ":exception-type"), text, error);
        json_free(doc);
        return code;
    }
    return str_eq(type, STR("chunk")) ? take_chunk(reader, message->payload, error)
                                      : take_json(reader, type, message->payload, error);
}

/* --- frames ----------------------------------------------------------------------------------------- */

/* By the length that the frame begins with. */
static bool is_too_long(struct str rest)
{
    uint8_t head[4];
    if (rest.len < sizeof(head))
        return false;
    memcpy(head, rest.data, sizeof(head));
    uint32_t len = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
    return len > limit(upstream_event_bytes) + EVENTSTREAM_OVERHEAD;
}

static enum error_code feed_eventstream(struct reply_reader *reader, struct str bytes, struct error *error)
{
    struct buf *pending = &reader->pending;
    enum error_code code = OK;
    size_t at = 0, consumed = 1;
    if (!buf_append_str(pending, bytes))
        return pending->len + bytes.len > pending->max ? reply_malformed(error, "an event is longer than the limit")
                                                       : error_no_memory(error);
    while (code == OK && consumed > 0) {
        struct eventstream_message message; /* its headers alone are large */
        struct str rest = str_slice(buf_str(pending), at, pending->len);
        if (is_too_long(rest))
            return reply_malformed(error, "an event is longer than the limit");
        code = eventstream_decode(rest, &message, &consumed, error);
        if (code != OK)
            return code == ERROR_INVALID ? reply_malformed(error, "a frame of its stream is damaged") : code;
        if (consumed > 0)
            code = take_message(reader, &message, error);
        at += consumed;
    }
    buf_consume(pending, at);
    return code;
}

/* Pieces of any size: what waits for its end is never more than one event and a slice. */
static enum error_code feed_slices(struct reply_reader *reader, struct str bytes, struct error *error)
{
    enum error_code code = OK;
    for (size_t at = 0; at < bytes.len && code == OK; at += SLICE_BYTES)
        code = feed_eventstream(reader, str_slice(bytes, at, at + SLICE_BYTES), error);
    return code;
}

enum error_code reply_reader_feed(struct codec_reader *common, struct str bytes, struct error *error)
{
    struct reply_reader *reader = (struct reply_reader *)common;
    enum error_code code = reader->failed.code;
    if (code != OK) {
        *error = reader->failed;
        return code;
    }
    if (reader->framing == CODEC_FRAMES_EVENTSTREAM)
        code = feed_slices(reader, bytes, error);
    else
        code = sse_reader_feed(&reader->sse, bytes, error);
    if (code == ERROR_TOO_LARGE)
        code = reply_malformed(error, "an event is longer than the limit");
    if (code != OK)
        reader->failed = *error;
    return code;
}

/* Servers forget the last blank line of the stream, so one is read behind it. */
enum error_code reply_reader_finish(struct codec_reader *common, struct error *error)
{
    struct reply_reader *reader = (struct reply_reader *)common;
    struct str end = reader->framing == CODEC_FRAMES_SSE ? STR("\n\n") : STR("");
    enum error_code code = reply_reader_feed(common, end, error);
    if (code != OK)
        return code;
    if (!common->is_over && !common->has_stop)
        code = error_set(error, ERROR_MODEL, "the upstream's stream ended before its reply did");
    if (code == OK)
        reply_over(reader);
    return code;
}

struct codec_reader *reply_reader_open(const struct codec *codec, reply_event_taker take, enum codec_framing framing,
                                       const struct chat_sink *sink)
{
    struct reply_reader *reader = mem_calloc(1, sizeof(*reader));
    if (!reader)
        return NULL;
    reader->common = (struct codec_reader){.codec = codec, .sink = *sink};
    reader->take = take;
    reader->framing = framing;
    reader->place = reader->skipped = -1;
    arena_init(&reader->arena, ARENA_BYTES_MAX);
    buf_init(&reader->pending, (size_t)limit(upstream_event_bytes) + SLICE_BYTES);
    sse_reader_init(&reader->sse, (size_t)limit(upstream_event_bytes), take_sse, reader);
    return &reader->common;
}

void reply_reader_close(struct codec_reader *common)
{
    struct reply_reader *reader = (struct reply_reader *)common;
    if (!reader)
        return;
    sse_reader_deinit(&reader->sse);
    buf_deinit(&reader->pending);
    arena_deinit(&reader->arena);
    mem_free(reader);
}

/* --- whole replies ---------------------------------------------------------------------------------- */

enum error_code reply_blocks(struct arena *arena, size_t count, struct chat_reply_block **blocks, struct error *error)
{
    if (count > limit(content_blocks))
        return reply_malformed(error, "it has more blocks than the limit");
    *blocks = ARENA_ARRAY(arena, struct chat_reply_block, count + 1);
    return *blocks ? OK : error_no_memory(error);
}

enum error_code reply_input(yyjson_val *input, struct arena *arena, struct str *text, struct error *error)
{
    *text = STR("{}");
    return input && !yyjson_is_null(input) ? fields_json_text(input, arena, text, error) : OK;
}
