/* Replies of upstreams: what a dialect writes it reads back, whole, and as a stream however its bytes are cut. */
#include "reply_fixture.h"

#include "api/bedrock/converse.h"
#include "api/eventstream.h"
#include "api/native/native.h"
#include "api/sse.h"
#include "core/limits.h"

static const struct codec *const codecs[] = {&converse_codec, &anthropic_codec, &chat_codec};

/* --- as text ---------------------------------------------------------------------------------------- */

struct record {
    struct buf text;
    bool is_open;
};

static void on_start(void *ctx, size_t index, enum chat_block_kind kind, struct str id, struct str name)
{
    struct record *record = ctx;
    assert_false(record->is_open);
    record->is_open = true;
    buf_appendf(&record->text, "[%zu %d " STR_FMT " " STR_FMT ":", index, (int)kind, STR_ARG(id), STR_ARG(name));
}

/* Pieces of one kind run together: how a stream is cut is nobody's matter. */
static void on_delta(void *ctx, size_t index, enum chat_block_kind kind, struct str text)
{
    struct record *record = ctx;
    (void)index;
    assert_true(record->is_open && text.len > 0);
    if (kind == CHAT_SIGNATURE || kind == CHAT_REDACTED)
        buf_appendf(&record->text, "<%s>", kind == CHAT_SIGNATURE ? "signature" : "redacted");
    buf_append_str(&record->text, text);
}

static void on_stop(void *ctx, size_t index, enum chat_block_kind kind)
{
    struct record *record = ctx;
    (void)index, (void)kind;
    assert_true(record->is_open);
    record->is_open = false;
    buf_append_text(&record->text, "]\n");
}

static void on_cites(void *ctx, size_t index, const struct chat_citation *citation)
{
    struct record *record = ctx;
    (void)index;
    buf_appendf(&record->text, "<cites %d " STR_FMT " " STR_FMT " " STR_FMT " %llu %llu-%llu>", (int)citation->kind,
                STR_ARG(citation->title), STR_ARG(citation->link), STR_ARG(citation->text),
                (unsigned long long)citation->index, (unsigned long long)citation->first,
                (unsigned long long)citation->last);
}

static void record_end(struct record *record, const struct chat_reply *reply)
{
    const struct chat_usage *usage = &reply->usage;
    buf_appendf(&record->text, "stop=%d " STR_FMT " in=%llu out=%llu read=%llu 5m=%llu 1h=%llu think=%llu\n",
                (int)reply->stop, STR_ARG(reply->stop_sequence), (unsigned long long)usage->input_tokens,
                (unsigned long long)usage->output_tokens, (unsigned long long)usage->cache_read_tokens,
                (unsigned long long)usage->cache_write_5m_tokens, (unsigned long long)usage->cache_write_1h_tokens,
                (unsigned long long)usage->reasoning_tokens);
}

static void record_reply(struct record *record, const struct chat_reply *reply)
{
    for (size_t i = 0; i < reply->block_count; i++) {
        const struct chat_reply_block *block = &reply->blocks[i];
        on_start(record, i, block->kind, block->tool_id, block->tool_name);
        if (block->data.len > 0)
            on_delta(record, i, CHAT_REDACTED, block->data);
        if (block->text.len > 0)
            on_delta(record, i, block->kind, block->text);
        for (size_t j = 0; j < block->citation_count; j++)
            on_cites(record, i, &block->citations[j]);
        if (block->signature.len > 0)
            on_delta(record, i, CHAT_SIGNATURE, block->signature);
        on_stop(record, i, block->kind);
    }
    record_end(record, reply);
}

/* What a dialect has words for: chat completions run texts together, put thoughts before and calls behind them, and
 * cite pages on the web alone. */
static struct chat_reply sayable(const struct codec *codec, const struct chat_reply *reply,
                                 struct chat_reply_block *blocks, struct buf *texts, bool is_stream)
{
    struct chat_reply said = *reply;
    said.blocks = blocks;
    said.block_count = 0;
    if (codec == &converse_codec)
        said.usage.reasoning_tokens = 0;
    if (codec == &chat_codec) {
        said.usage.input_tokens += said.usage.cache_write_5m_tokens + said.usage.cache_write_1h_tokens;
        said.usage.cache_write_5m_tokens = said.usage.cache_write_1h_tokens = 0;
        said.stop_sequence = (struct str){0};
    }
    static const struct chat_citation page = {.kind = CHAT_CITES_WEB, .title = TEXT("Page"),
                                              .link = TEXT("https://x/y")};
    size_t from = 0;
    for (size_t i = 0; i < reply->block_count; i++) {
        struct chat_reply_block block = reply->blocks[i];
        if (codec == &chat_codec) {
            block.signature = block.data = (struct str){0};
            block.citations = is_stream || block.citation_count < 2 ? NULL : &page;
            block.citation_count = block.citations ? 1 : 0;
            bool goes_on = said.block_count > 0 && blocks[said.block_count - 1].kind == block.kind &&
                           block.kind != CHAT_TOOL_USE;
            if (block.kind != CHAT_TOOL_USE && block.text.len == 0)
                continue;
            if (goes_on) {
                buf_append_str(texts, block.text);
                blocks[said.block_count - 1].text.len += block.text.len;
                continue;
            }
            if (block.kind == CHAT_TEXT) {
                from = texts->len;
                buf_append_str(texts, block.text);
                block.text.data = texts->data + from;
            }
        }
        blocks[said.block_count++] = block;
    }
    return said;
}

/* --- whole ------------------------------------------------------------------------------------------ */

static struct chat_reply_block room[64];

static void whole_comes_back(const struct codec *codec, const struct chat_reply *reply)
{
    struct chat_request request = {0};
    struct buf out, texts;
    struct record before = {0}, after = {0};
    struct chat_reply said, read;
    struct arena arena;
    struct error error;
    yyjson_doc *doc;
    buf_init(&out, 1 << 20);
    buf_init(&texts, 1 << 20);
    assert_true(buf_reserve(&texts, 1 << 16));
    buf_init(&before.text, 1 << 20);
    buf_init(&after.text, 1 << 20);
    arena_init(&arena, 0);
    said = sayable(codec, reply, room, &texts, false);
    record_reply(&before, &said);
    assert_true(codec->write(&request, reply, &out));
    assert_int_equal(json_parse_exact(buf_str(&out), &doc, &error), OK);
    assert_int_equal(codec->reply_parse(yyjson_doc_get_root(doc), &arena, &read, &error), OK);
    read.usage.cache_write_5m_tokens *= codec != &chat_codec;
    if (codec != &anthropic_codec)
        read.stop_sequence = said.stop_sequence;
    record_reply(&after, &read);
    if (!str_eq(buf_str(&before.text), buf_str(&after.text)))
        fail_msg("%s: wrote\n" STR_FMT "\nread\n" STR_FMT, codec->name, STR_ARG(buf_str(&before.text)),
                 STR_ARG(buf_str(&after.text)));
    json_free(doc);
    arena_deinit(&arena);
    buf_deinit(&before.text);
    buf_deinit(&after.text);
    buf_deinit(&texts);
    buf_deinit(&out);
}

static void whole_replies_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (size_t count = 1; count <= 5; count++) {
            struct chat_reply reply = fixture_reply(count);
            if (count == 5)
                reply.stop = CHAT_STOP_TOOL_USE;
            whole_comes_back(codecs[i], &reply);
        }
        struct chat_reply reply = fixture_reply(4);
        reply.stop = CHAT_STOP_MAX_TOKENS;
        whole_comes_back(codecs[i], &reply);
        if (codecs[i] == &chat_codec)
            continue;
        reply.stop = CHAT_STOP_CONTEXT_WINDOW;
        whole_comes_back(codecs[i], &reply);
        reply.stop = CHAT_STOP_SEQUENCE;
        reply.stop_sequence = STR("END");
        whole_comes_back(codecs[i], &reply);
    }
}

/* --- streamed --------------------------------------------------------------------------------------- */

struct frames {
    struct buf bytes;
    enum codec_framing framing;
    bool has_chunks; /* a native body's on Bedrock */
};

static void frame(void *ctx, struct str type, struct str payload)
{
    struct frames *frames = ctx;
    if (frames->framing == CODEC_FRAMES_SSE) {
        assert_true(sse_append_event(&frames->bytes, type, payload));
    } else if (!frames->has_chunks) {
        assert_true(eventstream_append_event(&frames->bytes, type, payload));
    } else {
        struct buf chunk;
        buf_init(&chunk, 1 << 20);
        buf_append_text(&chunk, "{\"bytes\":\"");
        buf_append_base64(&chunk, payload.data, payload.len);
        buf_append_text(&chunk, "\",\"p\":\"abc\"}");
        assert_true(eventstream_append_event(&frames->bytes, STR("chunk"), buf_str(&chunk)));
        buf_deinit(&chunk);
    }
}

/* Reads in two pieces cut at `cut`, or byte by byte at -1. */
static enum error_code read_stream(const struct codec *codec, enum codec_framing framing, struct str bytes, size_t cut,
                                   struct record *record, struct error *error)
{
    const struct chat_sink sink = {record, on_start, on_delta, on_stop, NULL};
    struct codec_reader *reader = codec->stream_open(framing, &sink);
    enum error_code code = OK;
    assert_non_null(reader);
    reader->block_cites = on_cites;
    buf_init(&record->text, 1 << 20);
    record->is_open = false;
    if (cut == SIZE_MAX) {
        for (size_t i = 0; i < bytes.len && code == OK; i++)
            code = codec->stream_parse(reader, str_slice(bytes, i, i + 1), error);
    } else {
        code = codec->stream_parse(reader, str_slice(bytes, 0, cut), error);
        if (code == OK)
            code = codec->stream_parse(reader, str_slice(bytes, cut, bytes.len), error);
    }
    if (code == OK)
        code = codec->stream_finish(reader, error);
    if (code == OK) {
        assert_true(reader->is_over && reader->is_started);
        record_end(record, &reader->reply);
    }
    codec->stream_close(reader);
    return code;
}

static void stream_comes_back(const struct codec *codec, const struct chat_reply *reply, enum codec_framing framing,
                              bool has_chunks)
{
    struct chat_request request = {0};
    struct frames frames = {.framing = framing, .has_chunks = has_chunks};
    struct record before = {0}, after;
    struct buf texts;
    struct error error = {0};
    buf_init(&frames.bytes, 1 << 20);
    buf_init(&texts, 1 << 20);
    assert_true(buf_reserve(&texts, 1 << 16));
    buf_init(&before.text, 1 << 20);
    struct chat_reply said = sayable(codec, reply, room, &texts, true);
    record_reply(&before, &said);
    fixture_stream(codec, &request, reply, &frames, frame);
    if (codec == &chat_codec && framing == CODEC_FRAMES_SSE)
        assert_true(sse_append_done(&frames.bytes));
    for (size_t cut = 0; cut <= frames.bytes.len + 1; cut++) {
        size_t at = cut > frames.bytes.len ? SIZE_MAX : cut;
        if (read_stream(codec, framing, buf_str(&frames.bytes), at, &after, &error) != OK)
            fail_msg("%s cut at %zu: %s", codec->name, cut, error.message);
        if (!str_eq(buf_str(&before.text), buf_str(&after.text)))
            fail_msg("%s cut at %zu: wrote\n" STR_FMT "\nread\n" STR_FMT, codec->name, cut,
                     STR_ARG(buf_str(&before.text)), STR_ARG(buf_str(&after.text)));
        buf_deinit(&after.text);
    }
    buf_deinit(&before.text);
    buf_deinit(&texts);
    buf_deinit(&frames.bytes);
}

static void streams_come_back_however_they_are_cut(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 5; count++) {
        struct chat_reply reply = fixture_reply(count);
        if (count == 5)
            reply.stop = CHAT_STOP_TOOL_USE;
        stream_comes_back(&converse_codec, &reply, CODEC_FRAMES_EVENTSTREAM, false);
        stream_comes_back(&anthropic_codec, &reply, CODEC_FRAMES_SSE, false);
        stream_comes_back(&anthropic_codec, &reply, CODEC_FRAMES_EVENTSTREAM, true);
        stream_comes_back(&chat_codec, &reply, CODEC_FRAMES_SSE, false);
    }
}

/* --- at random -------------------------------------------------------------------------------------- */

static uint64_t seed;

static unsigned roll(unsigned sides)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((seed >> 33) % sides);
}

static void random_replies_come_back(void **state)
{
    (void)state;
    static const struct str texts[] = {TEXT("a"), TEXT("\"\\\n\r\x01"), TEXT("caf\xC3\xA9 \xF0\x9F\x98\x80"),
                                       TEXT("data: x\n\nevent: y"), TEXT("}]}")};
    for (seed = 1; seed < 120; seed++) {
        uint64_t start = seed;
        struct chat_reply_block blocks[8] = {0};
        struct chat_reply reply = fixture_reply(0);
        reply.blocks = blocks;
        for (size_t count = 1 + roll(5); count > 0; count--) {
            struct chat_reply_block *block = &blocks[reply.block_count++];
            unsigned kind = roll(3);
            *block = (struct chat_reply_block){.kind = CHAT_TEXT, .text = texts[roll(5)]};
            if (kind == 1)
                *block = (struct chat_reply_block){.kind = CHAT_REASONING, .text = texts[roll(5)],
                                                   .signature = STR("s")};
            if (kind == 2)
                *block = (struct chat_reply_block){.kind = CHAT_TOOL_USE, .text = STR("{\"a\":[1e400,\"x\"]}"),
                                                   .tool_id = STR("id"), .tool_name = STR("n")};
        }
        reply.stop = blocks[reply.block_count - 1].kind == CHAT_TOOL_USE ? CHAT_STOP_TOOL_USE : CHAT_STOP_MAX_TOKENS;
        whole_comes_back(&converse_codec, &reply);
        whole_comes_back(&anthropic_codec, &reply);
        stream_comes_back(&converse_codec, &reply, CODEC_FRAMES_EVENTSTREAM, false);
        stream_comes_back(&anthropic_codec, &reply, CODEC_FRAMES_SSE, false);
        seed = start;
    }
}

/* --- what others write ------------------------------------------------------------------------------ */

static void reads_sse(const struct codec *codec, const char *bytes, const char *expected)
{
    struct record record;
    struct error error = {0};
    for (int way = 0; way < 2; way++) {
        enum error_code code =
            read_stream(codec, CODEC_FRAMES_SSE, str_of(bytes), way ? SIZE_MAX : 0, &record, &error);
        if (code != OK)
            fail_msg("%s\n  in %s", error.message, bytes);
        if (!str_starts(buf_str(&record.text), str_of(expected)))
            fail_msg(STR_FMT "\n  does not begin with\n%s", STR_ARG(buf_str(&record.text)), expected);
        buf_deinit(&record.text);
    }
}

#define DELTA(delta) "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":" delta ",\"finish_reason\":null}]}\n\n"
#define FINISH(reason) "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" reason "\"}]}\n\n"
#define CALL(index, rest) DELTA("{\"tool_calls\":[{" index rest "}]}")

static void chat_streams_of_many_servers(void **state)
{
    (void)state;
    /* An ID and a name that come with every piece; an index that is missing; a role alone; thoughts by both names. */
    reads_sse(&chat_codec,
              DELTA("{\"role\":\"assistant\",\"content\":\"\"}") DELTA("{\"reasoning\":\"hm\"}")
              DELTA("{\"reasoning_content\":\" hm\"}") DELTA("{\"content\":\"Hi\"}")
              CALL("\"index\":0,", "\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{"
                                   "\"}")
              CALL("\"index\":0,", "\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"}\"}")
              CALL("\"index\":1,", "\"id\":\"d\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}")
              FINISH("tool_calls") "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":4,"
              "\"prompt_tokens_details\":{\"cached_tokens\":6,\"cache_write_tokens\":1},"
              "\"completion_tokens_details\":{\"reasoning_tokens\":2}}}\n\ndata: [DONE]\n\n",
              "[0 9  :hm hm]\n[1 0  :Hi]\n[2 6 c f:{}]\n[3 6 d g:{}]\nstop=3  in=3 out=4 read=6 5m=1 1h=0 think=2\n");
    reads_sse(&chat_codec,
              ": waiting\n\n" CALL("", "\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}")
              CALL("", "\"function\":{\"arguments\":\"{}\"}") CALL("", "\"id\":\"d\",\"function\":{\"name\":\"g\"}")
              FINISH("stop"),
              "[0 6 c f:{}]\n[1 6 d g:]\nstop=3 ");
    reads_sse(&chat_codec, DELTA("{\"refusal\":\"I won't.\"}") FINISH("stop") "data: [DONE]", "[0 10  :I won't.]\nstop"
                                                                                              "=7 ");
    reads_sse(&chat_codec, DELTA("{\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}") FINISH("length"), "[0 0  :a]\ns"
                                                                                                         "top=1 ");
    /* Other choices are not this reply's. */
    reads_sse(&chat_codec, "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"no\"}}]}\n\n"
                           DELTA("{\"content\":\"yes\"}") FINISH("content_filter"), "[0 0  :yes]\nstop=8 ");
}

#define EVENT(type, rest) "event: " type "\r\ndata: {\"type\":\"" type "\"" rest "}\r\n\r\n"

static void anthropic_streams_of_many_servers(void **state)
{
    (void)state;
    /* Pings, blocks that nobody knows, input that comes whole, usage that comes twice, words of tomorrow. */
    reads_sse(&anthropic_codec,
              EVENT("message_start", ",\"message\":{\"id\":\"msg_1\",\"model\":\"m\",\"usage\":{\"input_tokens\":9,"
                    "\"cache_read_input_tokens\":3,\"cache_creation_input_tokens\":2,\"output_tokens\":1}}")
              EVENT("ping", "")
              EVENT("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"server_tool_use\",\"id\":\"s\"}")
              EVENT("content_block_delta", ",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{"
                                           "}\"}")
              EVENT("content_block_stop", ",\"index\":0")
              EVENT("content_block_start", ",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"H\"}")
              EVENT("content_block_delta", ",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"i\"}")
              EVENT("content_block_delta", ",\"index\":1,\"delta\":{\"type\":\"new_delta\",\"text\":\"?\"}")
              EVENT("content_block_stop", ",\"index\":1")
              EVENT("content_block_start", ",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name"
                                           "\":"
                    "\"f\",\"input\":{\"a\":1.0}}")
              EVENT("content_block_stop", ",\"index\":2")
              EVENT("new_event", ",\"x\":1")
              EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"END\"},\"usage"
                                     "\":"
                    "{\"output_tokens\":7,\"output_tokens_details\":{\"thinking_tokens\":2}}")
              EVENT("message_stop", ""),
              "[0 0  :Hi]\n[1 6 t f:{\"a\":1.0}]\nstop=2 END in=9 out=7 read=3 5m=2 1h=0 think=2\n");
    reads_sse(&anthropic_codec,
              EVENT("message_start", ",\"message\":{}")
              EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"a_new_reason\"}") EVENT("message_stop", ""),
              "stop=0 ");
}

static void fails_sse(const struct codec *codec, const char *bytes, enum error_code expected, const char *message)
{
    struct record record;
    struct error error = {0};
    enum error_code code = read_stream(codec, CODEC_FRAMES_SSE, str_of(bytes), 0, &record, &error);
    assert_int_equal(code, expected);
    assert_string_equal(error.message, message);
    buf_deinit(&record.text);
}

static void failures_in_the_stream_have_their_code(void **state)
{
    (void)state;
    fails_sse(&anthropic_codec,
              EVENT("message_start", ",\"message\":{}")
              EVENT("error", ",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}"),
              ERROR_UNAVAILABLE, "the upstream failed: Overloaded");
    fails_sse(&chat_codec, "data: {\"error\":{\"message\":\"slow down\",\"code\":\"rate_limit_exceeded\"}}\n\n",
              ERROR_THROTTLED, "the upstream failed: slow down");
    fails_sse(&chat_codec, DELTA("{\"content\":\"a\"}"), ERROR_MODEL,
              "the upstream's stream ended before its reply did");
    fails_sse(&chat_codec, "data: {\"choices\":[\n\n", ERROR_MODEL,
              "the upstream's reply cannot be read: malformed JSON at line 1, column 13: unexpected end of data");
    fails_sse(&chat_codec, "data: [1]\n\n", ERROR_MODEL, "the upstream's reply cannot be read: an event is no object");
    fails_sse(&chat_codec,
              CALL("\"index\":0,", "\"id\":\"c\",\"function\":{\"name\":\"f\"}")
              CALL("\"index\":1,", "\"id\":\"d\",\"function\":{\"name\":\"g\"}")
              CALL("\"index\":0,", "\"function\":{\"arguments\":\"{}\"}"),
              ERROR_MODEL, "the upstream's reply cannot be read: pieces of several tool calls are mixed");
    struct record record;
    struct error error = {0};
    struct buf bytes;
    buf_init(&bytes, 1 << 20);
    assert_true(eventstream_append_exception(&bytes, STR("throttlingException"), STR("{\"message\":\"Too many\"}")));
    assert_int_equal(read_stream(&converse_codec, CODEC_FRAMES_EVENTSTREAM, buf_str(&bytes), SIZE_MAX, &record, &error),
                     ERROR_THROTTLED);
    assert_string_equal(error.message, "the upstream failed: Too many");
    buf_deinit(&record.text);
    bytes.data[20] ^= 1;
    assert_int_equal(read_stream(&converse_codec, CODEC_FRAMES_EVENTSTREAM, buf_str(&bytes), 3, &record, &error),
                     ERROR_MODEL);
    buf_deinit(&record.text);
    buf_deinit(&bytes);
}

static void events_have_a_limit(void **state)
{
    (void)state;
    struct limits before = limits_in_force;
    struct buf bytes;
    limits_in_force.upstream_event_bytes = 1000;
    buf_init(&bytes, 1 << 20);
    buf_append_text(&bytes, "data: {\"choices\":[{\"delta\":{\"content\":\"");
    for (int i = 0; i < 2000; i++)
        buf_append_char(&bytes, 'x');
    buf_append_text(&bytes, "\"}}]}\n\n");
    buf_append_char(&bytes, '\0');
    fails_sse(&chat_codec, bytes.data, ERROR_MODEL,
              "the upstream's reply cannot be read: an event is longer than the limit");
    buf_deinit(&bytes);
    struct record record;
    struct error error = {0};
    struct buf payload, message;
    buf_init(&payload, 1 << 20);
    buf_init(&message, 1 << 20);
    buf_append_text(&payload, "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"");
    for (int i = 0; i < 2000; i++)
        buf_append_char(&payload, 'x');
    buf_append_text(&payload, "\"}}");
    assert_true(eventstream_append_event(&message, STR("contentBlockDelta"), buf_str(&payload)));
    assert_int_equal(
        read_stream(&converse_codec, CODEC_FRAMES_EVENTSTREAM, buf_str(&message), SIZE_MAX, &record, &error),
        ERROR_MODEL);
    assert_string_equal(error.message, "the upstream's reply cannot be read: an event is longer than the limit");
    buf_deinit(&record.text);
    buf_deinit(&payload);
    buf_deinit(&message);
    limits_in_force = before;
}

/* --- captured ones ---------------------------------------------------------------------------------- */

static void captured_streams_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *name, *expected;
    } rows[] = {
        {"bedrock/reasoning.bin",
         "[0 9  :Two plus two is four.<signature>SIG-xyz==]\n[1 0  :The answer is 4.]\n"
         "stop=0  in=18 out=46 read=0 5m=0 1h=0 think=0\n"},
        {"bedrock/tool.bin",
         "[0 0  :I'll call both tools.]\n[1 6 tooluse_kZJMlvQmRJ6eAyJE5GIl7Q top_song:{\"sign\":\"WZPZ\"}]\n"},
        {"bedrock/basic.bin", "[0 0  :"},
        {"detect/bedrock-invoke.bin", "[0 0  :Hello! How can I help]\n[1 0  : you today?]\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[256];
        (void)snprintf(path, sizeof(path), "conformance/fixtures/agentgateway-response/%s", rows[i].name);
        struct str file = shared_file_or_skip(path);
        for (size_t cut = 0; cut <= file.len + 1; cut++) {
            struct record record;
            struct error error = {0};
            size_t at = cut > file.len ? SIZE_MAX : cut;
            if (read_stream(&converse_codec, CODEC_FRAMES_EVENTSTREAM, file, at, &record, &error) != OK)
                fail_msg("%s cut at %zu: %s", rows[i].name, cut, error.message);
            if (!str_starts(buf_str(&record.text), str_of(rows[i].expected)))
                fail_msg("%s: " STR_FMT, rows[i].name, STR_ARG(buf_str(&record.text)));
            buf_deinit(&record.text);
        }
        mem_free((void *)(uintptr_t)file.data);
    }
}

static void captured_replies_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *name, *expected;
    } rows[] = {
        {"basic", "[0 0  :Hello world]\nstop=0  in=18 out=46 read=0 5m=0 1h=0 think=0\n"},
        {"cache_write", "[0 0  :ok]\nstop=0  in=16 out=9 read=0 5m=2387 1h=0 think=0\n"},
        {"max_tokens", "[0 0  :Partial response]\nstop=1 "},
        {"reasoning", "[0 9  :Two plus two is four.<signature>SIG-xyz==]\n[1 0  :The answer is 4.]\nstop=0 "},
        {"reasoning_unsigned", "[0 9  :Two plus two is four.]\n[1 0  :The answer is 4.]\nstop=0 "},
        {"tool", "[0 6 tooluse_kZJMlvQmRJ6eAyJE5GIl7Q top_song:{\"sign\":\"WZPZ\"}]\n[1 6 "},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[256];
        struct record record = {0};
        struct chat_reply reply;
        struct arena arena;
        struct error error;
        yyjson_doc *doc;
        (void)snprintf(path, sizeof(path), "conformance/fixtures/agentgateway-response/bedrock/%s.json", rows[i].name);
        struct str file = shared_file_or_skip(path);
        arena_init(&arena, 0);
        buf_init(&record.text, 1 << 20);
        assert_int_equal(json_parse_exact(file, &doc, &error), OK);
        assert_int_equal(converse_codec.reply_parse(yyjson_doc_get_root(doc), &arena, &reply, &error), OK);
        record_reply(&record, &reply);
        if (!str_starts(buf_str(&record.text), str_of(rows[i].expected)))
            fail_msg("%s: " STR_FMT, rows[i].name, STR_ARG(buf_str(&record.text)));
        buf_deinit(&record.text);
        json_free(doc);
        arena_deinit(&arena);
        mem_free((void *)(uintptr_t)file.data);
    }
}

static void what_is_no_reply_is_the_upstreams_fault(void **state)
{
    (void)state;
    static const char *const bodies[] = {"{}", "[]", "{\"output\":{}}", "{\"choices\":[]}", "{\"content\":1}"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        for (size_t j = 0; j < 3; j++) {
            struct chat_reply reply;
            struct arena arena;
            struct error error;
            yyjson_doc *doc;
            arena_init(&arena, 0);
            assert_int_equal(json_parse_exact(str_of(bodies[i]), &doc, &error), OK);
            assert_int_equal(codecs[j]->reply_parse(yyjson_doc_get_root(doc), &arena, &reply, &error), ERROR_MODEL);
            json_free(doc);
            arena_deinit(&arena);
        }
    }
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    static const char bytes[] = DELTA("{\"content\":\"Hi\"}")
        CALL("\"index\":0,", "\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}") FINISH("tool_calls");
    for (uint64_t nth = 1; nth < 200; nth++) {
        struct record record = {0};
        struct error error = {0};
        const struct chat_sink sink = {&record, on_start, on_delta, on_stop, NULL};
        buf_init(&record.text, 1 << 16);
        assert_true(buf_reserve(&record.text, 1 << 12));
        mem_fail_at(nth);
        struct codec_reader *reader = chat_codec.stream_open(CODEC_FRAMES_SSE, &sink);
        enum error_code code = reader ? chat_codec.stream_parse(reader, STR(bytes), &error) : ERROR_NO_MEMORY;
        if (code == OK)
            code = chat_codec.stream_finish(reader, &error);
        bool is_untouched = mem_fail_count() < nth;
        mem_fail_at(0);
        chat_codec.stream_close(reader);
        buf_deinit(&record.text);
        assert_int_equal(code, is_untouched ? OK : ERROR_NO_MEMORY);
        if (is_untouched)
            return;
    }
    fail_msg("allocations never ended");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_replies_come_back),
        cmocka_unit_test(streams_come_back_however_they_are_cut),
        cmocka_unit_test(random_replies_come_back),
        cmocka_unit_test(chat_streams_of_many_servers),
        cmocka_unit_test(anthropic_streams_of_many_servers),
        cmocka_unit_test(failures_in_the_stream_have_their_code),
        cmocka_unit_test(events_have_a_limit),
        cmocka_unit_test(captured_streams_are_read),
        cmocka_unit_test(captured_replies_are_read),
        cmocka_unit_test(what_is_no_reply_is_the_upstreams_fault),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
