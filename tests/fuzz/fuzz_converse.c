/* Request bodies of every shape: any bytes give a checked request or one
 * message. What parses is written back as a reply, with its response fields. */
#include <assert.h>

#include "api/bedrock/converse.h"
#include "api/native/native.h"

static const struct codec *const codecs[] = {&converse_codec, &anthropic_codec, &nova_codec, &llama_codec,
                                             &converse_body_codec, &chat_codec, &mistral_codec, &titan_codec,
                                             &cohere_codec, &jurassic_codec};

static void write_back(const struct codec *codec, const struct chat_request *request)
{
    struct chat_reply_block block = {.kind = CHAT_TEXT, .text = request->raw_prompt};
    if (request->message_count > 0 && request->messages[0].block_count > 0)
        block.text = request->messages[0].blocks[0].text;
    struct chat_reply reply = {.native = &anthropic_codec, .blocks = &block, .block_count = 1};
    struct buf out;
    yyjson_doc *doc;
    struct error error;
    buf_init(&out, 64u << 20);
    bool is_written = codec->write(request, &reply, &out);
    assert(is_written);
    enum error_code code = json_parse(buf_str(&out), &doc, &error);
    assert(code == OK);
    json_free(doc);
    buf_deinit(&out);
}

/* The first byte chooses the shape, so that one corpus serves them all. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct codec *codec = codecs[data[0] % (sizeof(codecs) / sizeof(codecs[0]))];
    enum codec_use use = data[0] & 0x80 ? CODEC_COUNT : CODEC_GENERATE;
    struct str body = {(const char *)data + 1, size - 1};
    struct arena arena;
    struct error error = {0};
    arena_init(&arena, 64u << 20);
    struct ignored ignored = {.arena = &arena};
    struct chat_request request = {.arena = &arena, .ignored = data[0] & 0x40 ? &ignored : NULL};
    if (codec_parse_text(codec, body, use, &request, &error) == OK) {
        if (chat_request_check(&request, &error) == OK)
            write_back(codec, &request);
        codec_request_free(&request);
    } else {
        assert(error.message[0] && !request.document);
    }
    struct str list = ignored_list(&ignored);
    for (size_t i = 0; i < list.len; i++)
        assert(list.data[i] >= ' ' && list.data[i] < 0x7F);
    arena_deinit(&arena);
    return 0;
}
