/* Replies: whole and streamed, in every body shape, against captured ones. */
#include "support.h"

#include "api/bedrock/converse.h"
#include "api/native/anthropic.h"

static const struct chat_reply_block blocks[] = {
    {.kind = CHAT_TEXT, .text = {"Let me \"look\".", 14}},
    {.kind = CHAT_TOOL_USE, .text = {"{\"sign\": \"WZPZ\"}", 16}, .tool_id = {"tooluse_1", 9},
     .tool_name = {"top_song", 8}},
    {.kind = CHAT_TOOL_USE, .text = {"{\"cut", 5}, .tool_id = {"tooluse_2", 9}, .tool_name = {"hello", 5}},
};

static struct chat_reply make_reply(void)
{
    return (struct chat_reply){
        .request_id = STR("137d1aa4-4b4a-4b8f-bee7-fec1348e9ee2"),
        .model_id = STR("anthropic.claude-3-5-sonnet-20241022-v2:0"),
        .native = &anthropic_codec,
        .blocks = blocks,
        .block_count = 3,
        .stop = CHAT_STOP_TOOL_USE,
        .usage = {.input_tokens = 10, .output_tokens = 5, .cache_read_tokens = 3, .cache_write_5m_tokens = 2,
                  .cache_write_1h_tokens = 1},
        .latency_ms = 42,
        .first_byte_ms = 7,
    };
}

static void written(const struct codec *codec, const struct chat_request *request, const struct chat_reply *reply,
                    const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_true(codec->write(request, reply, &out));
    assert_str_equal(buf_str(&out), expected);
    buf_deinit(&out);
}

static void converse_reply_is_written_in_order(void **state)
{
    (void)state;
    struct chat_request request = {.has_tier = true, .tier = TIER_PRIORITY};
    struct chat_reply reply = make_reply();
    written(&converse_codec, &request, &reply,
            "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"Let me \\\"look\\\".\"},"
            "{\"toolUse\":{\"toolUseId\":\"tooluse_1\",\"name\":\"top_song\",\"input\":{\"sign\":\"WZPZ\"}}},"
            "{\"toolUse\":{\"toolUseId\":\"tooluse_2\",\"name\":\"hello\",\"input\":{}}}]}},"
            "\"stopReason\":\"tool_use\",\"usage\":{\"inputTokens\":10,\"outputTokens\":5,\"totalTokens\":21,"
            "\"cacheReadInputTokens\":3,\"cacheWriteInputTokens\":3,\"cacheReadInputTokenCount\":3,"
            "\"cacheWriteInputTokenCount\":3,\"cacheDetails\":[{\"ttl\":\"1h\",\"inputTokens\":1},{\"ttl\":\"5m\","
            "\"inputTokens\":2}]},\"metrics\":{\"latencyMs\":42},\"serviceTier\":{\"type\":\"priority\"}}");
}

static void an_empty_reply_has_one_empty_text(void **state)
{
    (void)state;
    struct chat_request request = {0};
    struct chat_reply reply = {.stop = CHAT_STOP_END_TURN};
    written(&converse_codec, &request, &reply,
            "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"\"}]}},"
            "\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":0,\"outputTokens\":0,\"totalTokens\":0,"
            "\"cacheReadInputTokens\":0,\"cacheWriteInputTokens\":0,\"cacheReadInputTokenCount\":0,"
            "\"cacheWriteInputTokenCount\":0,\"cacheDetails\":[]},\"metrics\":{\"latencyMs\":0}}");
}

static void anthropic_reply_is_written_in_order(void **state)
{
    (void)state;
    struct chat_request request = {0};
    struct chat_reply reply = make_reply();
    written(&anthropic_codec, &request, &reply,
            "{\"model\":\"anthropic.claude-3-5-sonnet-20241022-v2:0\","
            "\"id\":\"msg_bdrk_137d1aa44b4a4b8fbee7fec1348e9ee2\",\"type\":\"message\",\"role\":\"assistant\","
            "\"content\":[{\"type\":\"text\",\"text\":\"Let me \\\"look\\\".\"},{\"type\":\"tool_use\","
            "\"id\":\"tooluse_1\",\"name\":\"top_song\",\"input\":{\"sign\":\"WZPZ\"}},{\"type\":\"tool_use\","
            "\"id\":\"tooluse_2\",\"name\":\"hello\",\"input\":{}}],\"stop_reason\":\"tool_use\","
            "\"stop_sequence\":null,\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":3,"
            "\"cache_read_input_tokens\":3,\"cache_creation\":{\"ephemeral_5m_input_tokens\":2,"
            "\"ephemeral_1h_input_tokens\":1},\"output_tokens\":5}}");
}

static void nova_reply_spells_token_count(void **state)
{
    (void)state;
    struct chat_request request = {0};
    struct chat_reply reply = make_reply();
    reply.block_count = 1;
    written(&nova_codec, &request, &reply,
            "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"Let me \\\"look\\\".\"}]}},"
            "\"stopReason\":\"tool_use\",\"usage\":{\"inputTokens\":10,\"outputTokens\":5,\"totalTokens\":21,"
            "\"cacheReadInputTokenCount\":3,\"cacheWriteInputTokenCount\":3}}");
}

static void llama_reply_counts_its_prompt(void **state)
{
    (void)state;
    struct chat_request request = {0};
    struct chat_reply reply = make_reply();
    reply.stop = CHAT_STOP_MAX_TOKENS;
    written(&llama_codec, &request, &reply,
            "{\"generation\":\"Let me \\\"look\\\".\",\"prompt_token_count\":16,\"generation_token_count\":5,"
            "\"stop_reason\":\"length\"}");
}

static void stop_reasons_have_the_services_words(void **state)
{
    (void)state;
    assert_string_equal(converse_stop_reason(CHAT_STOP_CONTEXT_WINDOW), "model_context_window_exceeded");
    assert_string_equal(converse_stop_reason(CHAT_STOP_MALFORMED_TOOL_USE), "malformed_tool_use");
    assert_string_equal(converse_stop_reason(CHAT_STOP_SEQUENCE), "stop_sequence");
    assert_string_equal(converse_stop_reason(CHAT_STOP_MAX_TOKENS), "max_tokens");
}

static void response_fields_come_from_the_native_reply(void **state)
{
    (void)state;
    struct arena arena;
    struct error error;
    arena_init(&arena, 0);
    struct chat_request request = {.arena = &arena};
    const struct str body = STR("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]}],"
                                "\"additionalModelResponseFieldPaths\":[\"/stop_sequence\",\"/absent\","
                                "\"/usage/output_tokens\"],\"performanceConfig\":{\"latency\":\"standard\"}}");
    assert_int_equal(codec_parse_text(&converse_codec, body, CODEC_GENERATE, &request, &error), OK);
    struct chat_reply reply = make_reply();
    reply.stop = CHAT_STOP_SEQUENCE;
    reply.stop_sequence = STR("END");
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_true(converse_codec.write(&request, &reply, &out));
    assert_true(str_ends(buf_str(&out), STR("\"metrics\":{\"latencyMs\":42},\"additionalModelResponseFields\":{"
                                            "\"stop_sequence\":\"END\",\"usage\":{\"output_tokens\":5}},"
                                            "\"performanceConfig\":{\"latency\":\"standard\"}}")));
    buf_deinit(&out);
    codec_request_free(&request);
    arena_deinit(&arena);
}

/* --- streams ---------------------------------------------------------------------------------------- */

/* Lines of "type payload". */
static void note(void *ctx, struct str event_type, struct str payload)
{
    struct buf *lines = ctx;
    buf_append_str(lines, event_type);
    buf_append_char(lines, ' ');
    buf_append_str(lines, payload);
    buf_append_char(lines, '\n');
}

/* The captured reply of two tools, as the pipeline would give it to a codec. */
static void stream_two_tools(const struct codec *codec, struct buf *lines)
{
    struct chat_request request = {0};
    struct chat_reply reply = {.request_id = STR("r"), .model_id = STR("m"), .usage = {.input_tokens = 150}};
    struct codec_stream stream = {.codec = codec, .request = &request, .ctx = lines, .emit = note};
    buf_init(&stream.scratch, 1 << 16);
    codec->stream_start(&stream, &reply);
    codec->stream_block_start(&stream, 0, CHAT_TEXT, STR(""), STR(""));
    codec->stream_block_delta(&stream, 0, CHAT_TEXT, STR("I'll call both tools."));
    codec->stream_block_stop(&stream, 0, CHAT_TEXT);
    codec->stream_block_start(&stream, 1, CHAT_TOOL_USE, STR("tooluse_kZJMlvQmRJ6eAyJE5GIl7Q"), STR("top_song"));
    codec->stream_block_delta(&stream, 1, CHAT_TOOL_USE, STR("{\"sign\":"));
    codec->stream_block_delta(&stream, 1, CHAT_TOOL_USE, STR("\"WZPZ\"}"));
    codec->stream_block_stop(&stream, 1, CHAT_TOOL_USE);
    codec->stream_block_start(&stream, 2, CHAT_TOOL_USE, STR("tooluse_kZJMlvQmRJ6eAyxxx"), STR("hello"));
    codec->stream_block_delta(&stream, 2, CHAT_TOOL_USE, STR("{\"sign\":\"world\"}"));
    codec->stream_block_stop(&stream, 2, CHAT_TOOL_USE);
    reply.stop = CHAT_STOP_TOOL_USE;
    reply.usage.output_tokens = 45;
    reply.latency_ms = 500;
    codec->stream_end(&stream, &reply);
    assert_false(codec_stream_failed(&stream));
    buf_deinit(&stream.scratch);
}

/* Line by line the captured stream, but for counts that today's service adds at the end. */
static void converse_stream_equals_the_captured_one(void **state)
{
    (void)state;
    struct str file = shared_file_or_skip("conformance/fixtures/agentgateway-response/bedrock/tool.bin.decoded.jsonl");
    struct buf lines, expected;
    buf_init(&lines, 1 << 16);
    buf_init(&expected, 1 << 16);
    stream_two_tools(&converse_codec, &lines);
    struct str rest = file, line;
    while (str_split(&rest, '\n', &line) && line.len > 0) {
        yyjson_doc *doc;
        struct error error;
        assert_int_equal(json_parse(line, &doc, &error), OK);
        yyjson_val *root = yyjson_doc_get_root(doc);
        struct str type = json_str(yyjson_obj_get(yyjson_obj_get(root, "headers"), ":event-type"));
        if (!str_eq(type, STR("metadata")))
            note(&expected, type, json_str(yyjson_obj_get(root, "payload")));
        json_free(doc);
    }
    assert_true(str_starts(buf_str(&lines), buf_str(&expected)));
    struct str last = str_slice(buf_str(&lines), expected.len, lines.len);
    assert_true(str_starts(last,
                           STR("metadata {\"usage\":{\"inputTokens\":150,\"outputTokens\":45,\"totalTokens\":195,")));
    assert_true(str_ends(last, STR("},\"metrics\":{\"latencyMs\":500}}\n")));
    buf_deinit(&lines);
    buf_deinit(&expected);
    mem_free((void *)(uintptr_t)file.data);
}

static void anthropic_stream_has_the_apis_order(void **state)
{
    (void)state;
    static const char *const starts[] = {
        "message_start {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"id\":\"msg_bdrk_r\","
        "\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
        "\"usage\":{\"input_tokens\":150,",
        "content_block_start {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\","
        "\"text\":\"\"}}",
        "content_block_delta {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","
        "\"text\":\"I'll",
        "content_block_stop {\"type\":\"content_block_stop\",\"index\":0}",
        "content_block_start {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\","
        "\"id\":\"tooluse_kZJMlvQmRJ6eAyJE5GIl7Q\",\"name\":\"top_song\",\"input\":{}}}",
        "content_block_delta {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\","
        "\"partial_json\":\"{\\\"sign\\\":\"}}",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},"
        "\"usage\":{\"output_tokens\":45}}",
        "message_stop {\"type\":\"message_stop\",\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":150,"
        "\"outputTokenCount\":45,\"invocationLatency\":500,\"firstByteLatency\":0,",
    };
    struct buf lines;
    buf_init(&lines, 1 << 16);
    stream_two_tools(&anthropic_codec, &lines);
    struct str rest = buf_str(&lines), line;
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        assert_true(str_split(&rest, '\n', &line));
        if (!str_starts(line, str_of(starts[i])))
            fail_msg(STR_FMT "\n  does not begin with\n%s", STR_ARG(line), starts[i]);
    }
    assert_int_equal(rest.len, 0);
    buf_deinit(&lines);
}

static void nova_stream_wraps_converse_events(void **state)
{
    (void)state;
    struct buf lines;
    buf_init(&lines, 1 << 16);
    stream_two_tools(&nova_codec, &lines);
    assert_true(str_starts(buf_str(&lines), STR("chunk {\"messageStart\":{\"role\":\"assistant\"}}\n"
                                                "chunk {\"contentBlockDelta\":{\"contentBlockIndex\":0,"
                                                "\"delta\":{\"text\":")));
    assert_true(str_find(buf_str(&lines), STR("chunk {\"messageStop\":{\"stopReason\":\"tool_use\"}}\n"), 0) > 0);
    assert_true(str_find(buf_str(&lines), STR("\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":150"), 0) > 0);
    buf_deinit(&lines);
}

static void a_full_stream_buffer_is_noticed(void **state)
{
    (void)state;
    struct chat_request request = {0};
    struct buf lines;
    buf_init(&lines, 1 << 16);
    struct codec_stream stream = {.codec = &converse_codec, .request = &request, .ctx = &lines, .emit = note};
    buf_init(&stream.scratch, 8);
    converse_codec.stream_block_delta(&stream, 0, CHAT_TEXT, STR("longer than that"));
    assert_true(codec_stream_failed(&stream));
    assert_int_equal(lines.len, 0);
    buf_deinit(&stream.scratch);
    buf_deinit(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converse_reply_is_written_in_order),
        cmocka_unit_test(an_empty_reply_has_one_empty_text),
        cmocka_unit_test(anthropic_reply_is_written_in_order),
        cmocka_unit_test(nova_reply_spells_token_count),
        cmocka_unit_test(llama_reply_counts_its_prompt),
        cmocka_unit_test(stop_reasons_have_the_services_words),
        cmocka_unit_test(response_fields_come_from_the_native_reply),
        cmocka_unit_test(converse_stream_equals_the_captured_one),
        cmocka_unit_test(anthropic_stream_has_the_apis_order),
        cmocka_unit_test(nova_stream_wraps_converse_events),
        cmocka_unit_test(a_full_stream_buffer_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
