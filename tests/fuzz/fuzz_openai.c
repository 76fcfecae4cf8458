/* Bodies of OpenAI's own API, chat completions and Responses on either route: any bytes give a checked request or one
 * message. What parses is written back, whole and as a stream, with a call of each of its tools. */
#include <assert.h>

#include "api/openai/chat.h"
#include "api/openai/dialect.h"
#include "api/openai/responses.h"
#include "core/json.h"

#define BLOCKS_MAX 4

static void check_json(struct str text)
{
    yyjson_doc *doc;
    struct error error;
    const enum error_code code = json_parse_exact(text, &doc, &error); /* echoes have numbers as they came */
    assert(code == OK);
    json_free(doc);
}

static void check_event(void *ctx, struct str type, struct str payload)
{
    (void)ctx, (void)type;
    check_json(payload);
}

static void write_whole(const struct codec *codec, const struct chat_request *request, const struct chat_reply *reply)
{
    struct buf out;
    buf_init(&out, 64u << 20);
    const bool is_written = codec->write(request, reply, &out);
    assert(is_written);
    check_json(buf_str(&out));
    buf_deinit(&out);
}

static void write_stream(const struct codec *codec, const struct chat_request *request, const struct chat_reply *reply)
{
    struct codec_stream stream = {.codec = codec, .request = request, .emit = check_event};
    struct error error;
    buf_init(&stream.scratch, 64u << 20);
    buf_init(&stream.held, 64u << 20);
    codec->stream_start(&stream, reply);
    for (size_t i = 0; i < reply->block_count; i++) {
        const struct chat_reply_block *block = &reply->blocks[i];
        codec->stream_block_start(&stream, i, block->kind, block->tool_id, block->tool_name);
        codec->stream_block_delta(&stream, i, block->kind, block->text);
        codec->stream_block_stop(&stream, i, block->kind);
    }
    codec->stream_end(&stream, reply);
    (void)error_set(&error, ERROR_THROTTLED, "slower");
    if (codec->stream_fail)
        (void)codec->stream_fail(&stream, &error);
    assert(!codec_stream_failed(&stream));
    buf_deinit(&stream.scratch);
    buf_deinit(&stream.held);
}

static void write_back(const struct codec *codec, const struct chat_request *request, struct str body)
{
    struct chat_reply_block blocks[BLOCKS_MAX] = {{.kind = CHAT_TEXT, .text = body}};
    struct chat_reply reply = {.request_id = STR("137d1aa4-4b4a-4b8f-bee7-fec1348e9ee2"),
                               .model_id = STR("m"),
                               .blocks = blocks,
                               .block_count = 1};
    for (size_t i = 0; i < request->tool_count && reply.block_count < BLOCKS_MAX; i++)
        blocks[reply.block_count++] = (struct chat_reply_block){
            .kind = CHAT_TOOL_USE, .text = body, .tool_id = STR("1"), .tool_name = request->tools[i].name};
    write_whole(codec, request, &reply);
    write_stream(codec, request, &reply);
}

/* The first byte chooses the route, and whether members may be ignored. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct codec *codec = data[0] & 1 ? &openai_responses_codec : &openai_chat_codec;
    const struct str body = {(const char *)data + 1, size - 1};
    struct arena arena;
    struct error error = {0};
    arena_init(&arena, 64u << 20);
    struct ignored ignored = {.arena = &arena};
    struct chat_request request = {.arena = &arena, .api_version = STR(OPENAI_VERSION)};
    request.ignored = data[0] & 2 ? &ignored : NULL;
    if (codec_parse_text(codec, body, CODEC_GENERATE, &request, &error) == OK) {
        if (chat_request_check(&request, &error) == OK)
            write_back(codec, &request, body);
        codec_request_free(&request);
    } else {
        assert(error.message[0] && !request.document);
    }
    arena_deinit(&arena);
    return 0;
}
