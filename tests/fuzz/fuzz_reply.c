/* Replies of upstreams in every dialect that they speak, whole and as streams in any pieces: any bytes give blocks in
 * order, or one error, and memory stays bounded. The first byte chooses dialect, frames and the size of pieces. */
#include <assert.h>

#include "api/bedrock/converse.h"
#include "api/native/native.h"
#include "core/limits.h"

static const struct codec *const codecs[] = {&converse_codec, &anthropic_codec, &chat_codec};

struct watch {
    size_t count;
    bool is_open;
    enum chat_block_kind kind;
};

static void on_start(void *ctx, size_t index, enum chat_block_kind kind, struct str id, struct str name)
{
    struct watch *watch = ctx;
    assert(!watch->is_open && index == watch->count);
    assert(kind == CHAT_TEXT || kind == CHAT_TOOL_USE || kind == CHAT_REASONING || kind == CHAT_REFUSAL);
    (void)id, (void)name;
    *watch = (struct watch){watch->count + 1, true, kind};
}

static void on_delta(void *ctx, size_t index, enum chat_block_kind kind, struct str text)
{
    struct watch *watch = ctx;
    bool is_mark = kind == CHAT_SIGNATURE || kind == CHAT_REDACTED;
    assert(watch->is_open && index + 1 == watch->count && text.len > 0);
    assert(kind == watch->kind || (is_mark && watch->kind == CHAT_REASONING));
}

static void on_stop(void *ctx, size_t index, enum chat_block_kind kind)
{
    struct watch *watch = ctx;
    assert(watch->is_open && index + 1 == watch->count && kind == watch->kind);
    watch->is_open = false;
}

static void read_stream(const struct codec *codec, enum codec_framing framing, struct str bytes, size_t piece)
{
    struct watch watch = {0};
    const struct chat_sink sink = {&watch, on_start, on_delta, on_stop, NULL};
    struct error error = {0};
    struct codec_reader *reader = codec->stream_open(framing, &sink);
    enum error_code code = OK;
    assert(reader);
    for (size_t at = 0; at < bytes.len && code == OK; at += piece)
        code = codec->stream_parse(reader, str_slice(bytes, at, at + piece), &error);
    if (code == OK)
        code = codec->stream_finish(reader, &error);
    assert(code == OK ? !watch.is_open : error.message[0] != '\0');
    codec->stream_close(reader);
}

static void read_whole(const struct codec *codec, struct str text)
{
    yyjson_doc *doc;
    struct chat_reply reply;
    struct error error = {0};
    struct arena arena;
    if (json_parse_exact(text, &doc, &error) != OK)
        return;
    arena_init(&arena, 64u << 20);
    if (codec->reply_parse(yyjson_doc_get_root(doc), &arena, &reply, &error) == OK) {
        for (size_t i = 0; i < reply.block_count; i++)
            assert(reply.blocks[i].kind < CHAT_KINDS);
    } else {
        assert(error.message[0]);
    }
    arena_deinit(&arena);
    json_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct codec *codec = codecs[data[0] % 3];
    struct str bytes = {(const char *)data + 1, size - 1};
    size_t piece = data[0] & 0x40 ? 1 : data[0] & 0x20 ? 7 : size;
    limits_in_force.upstream_event_bytes = 1u << 16;
    if (data[0] & 0x80)
        read_whole(codec, bytes);
    else
        read_stream(codec, data[0] & 0x10 ? CODEC_FRAMES_EVENTSTREAM : CODEC_FRAMES_SSE, bytes, piece);
    return 0;
}
