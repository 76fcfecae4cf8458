/* reply_fixture.h - a reply with every kind of block, and streams of it as the pipeline would give them to a codec. */
#ifndef TESTS_REPLY_FIXTURE_H
#define TESTS_REPLY_FIXTURE_H

#include "support.h"

#include "chat/codec.h"

#define TEXT(literal) {literal, sizeof(literal) - 1}

static const struct chat_citation fixture_citations[] = {
    {.kind = CHAT_CITES_PAGES, .title = TEXT("Report"), .text = TEXT("it is"), .index = 1, .first = 2, .last = 3},
    {.kind = CHAT_CITES_WEB, .title = TEXT("Page"), .link = TEXT("https://x/y"), .text = TEXT("so")},
};

static const struct chat_reply_block fixture_blocks[] = {
    {.kind = CHAT_REASONING, .text = TEXT("Let me \"think\"."), .signature = TEXT("sig==")},
    {.kind = CHAT_REASONING, .data = TEXT("aGlkZGVu")},
    {.kind = CHAT_TEXT, .text = TEXT("Caf\xC3\xA9"), .citations = fixture_citations, .citation_count = 2},
    {.kind = CHAT_TEXT, .text = TEXT(" plain")},
    {.kind = CHAT_TOOL_USE, .text = TEXT("{\"a\":1.50}"), .tool_id = TEXT("call_1"), .tool_name = TEXT("look")},
};

/* Its first `count` blocks. */
static inline struct chat_reply fixture_reply(size_t count)
{
    return (struct chat_reply){
        .request_id = STR("137d1aa4-4b4a-4b8f-bee7-fec1348e9ee2"),
        .model_id = STR("m"),
        .blocks = fixture_blocks,
        .block_count = count,
        .stop = CHAT_STOP_END_TURN,
        .usage = {.input_tokens = 10, .output_tokens = 50, .reasoning_tokens = 20, .cache_read_tokens = 3,
                  .cache_write_5m_tokens = 2, .cache_write_1h_tokens = 1},
    };
}

static inline void fixture_stream_block(struct codec_stream *stream, size_t index, const struct chat_reply_block *block)
{
    const struct codec *codec = stream->codec;
    size_t half = block->text.len / 2;
    codec->stream_block_start(stream, index, block->kind, block->tool_id, block->tool_name);
    if (block->data.len > 0)
        codec->stream_block_delta(stream, index, CHAT_REDACTED, block->data);
    if (half > 0)
        codec->stream_block_delta(stream, index, block->kind, str_slice(block->text, 0, half));
    if (block->text.len > 0)
        codec->stream_block_delta(stream, index, block->kind, str_slice(block->text, half, block->text.len));
    for (size_t i = 0; i < block->citation_count; i++)
        if (codec->stream_block_cites)
            codec->stream_block_cites(stream, index, &block->citations[i]);
    if (block->signature.len > 0)
        codec->stream_block_delta(stream, index, CHAT_SIGNATURE, block->signature);
    codec->stream_block_stop(stream, index, block->kind);
}

/* The whole reply as a stream of `codec`. */
static inline void fixture_stream(const struct codec *codec, const struct chat_request *request,
                                  const struct chat_reply *reply, void *ctx,
                                  void (*emit)(void *ctx, struct str event_type, struct str payload))
{
    struct codec_stream stream = {.codec = codec, .request = request, .ctx = ctx, .emit = emit};
    buf_init(&stream.scratch, 1 << 20);
    codec->stream_start(&stream, reply);
    for (size_t i = 0; i < reply->block_count; i++)
        fixture_stream_block(&stream, i, &reply->blocks[i]);
    codec->stream_end(&stream, reply);
    assert_false(codec_stream_failed(&stream));
    buf_deinit(&stream.scratch);
}

#endif
