/* Replies of models that think, cite and decline, in every dialect: whole and streamed. */
#include "reply_fixture.h"

#include "api/bedrock/converse.h"
#include "api/native/native.h"

static void has(struct str text, const char *part)
{
    if (str_find(text, str_of(part), 0) < 0)
        fail_msg("%s\n  is not in\n" STR_FMT, part, STR_ARG(text));
}

static void lacks(struct str text, const char *part)
{
    if (str_find(text, str_of(part), 0) >= 0)
        fail_msg("%s\n  is in\n" STR_FMT, part, STR_ARG(text));
}

static void written(const struct codec *codec, const struct chat_reply *reply, struct buf *out)
{
    struct chat_request request = {0};
    yyjson_doc *doc;
    struct error error;
    buf_init(out, 1 << 20);
    assert_true(codec->write(&request, reply, out));
    assert_int_equal(json_parse(buf_str(out), &doc, &error), OK);
    json_free(doc);
}

static void note(void *ctx, struct str event_type, struct str payload)
{
    (void)event_type;
    buf_append_str(ctx, payload);
    buf_append_char(ctx, '\n');
}

static void streamed(const struct codec *codec, const struct chat_reply *reply, struct buf *out)
{
    struct chat_request request = {0};
    buf_init(out, 1 << 20);
    fixture_stream(codec, &request, reply, out, note);
}

static void converse_says_all(void **state)
{
    (void)state;
    struct buf out;
    struct chat_reply reply = fixture_reply(5);
    written(&converse_codec, &reply, &out);
    has(buf_str(&out),
        "\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":\"Let me \\\"think\\\".\",\"signature\":"
        "\"sig==\"}}},{\"reasoningContent\":{\"redactedContent\":\"aGlkZGVu\"}},{\"citationsContent\":{\"content\":["
        "{\"text\":\"Café\"}],\"citations\":[{\"title\":\"Report\",\"sourceContent\":[{\"text\":\"it is\"}],"
        "\"location\":{\"documentPage\":{\"documentIndex\":1,\"start\":2,\"end\":3}}},{\"title\":\"Page\","
        "\"sourceContent\":[{\"text\":\"so\"}],\"location\":{\"web\":{\"url\":\"https://x/y\"}}}]}},"
        "{\"text\":\" plain\"},{\"toolUse\":{\"toolUseId\":\"call_1\",\"name\":\"look\",\"input\":{\"a\":1.50}}}]");
    buf_deinit(&out);
    streamed(&converse_codec, &reply, &out);
    has(buf_str(&out), "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"text\":\"\\\"think\\\".\"}}}");
    has(buf_str(&out), "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"signature\":\"sig==\"}}}\n"
                       "{\"contentBlockIndex\":0}\n");
    has(buf_str(&out), "{\"contentBlockIndex\":1,\"delta\":{\"reasoningContent\":{\"redactedContent\":"
                       "\"aGlkZGVu\"}}}\n{\"contentBlockIndex\":1}\n");
    has(buf_str(&out), "{\"contentBlockIndex\":2,\"delta\":{\"citation\":{\"title\":\"Report\",");
    buf_deinit(&out);
}

static void anthropic_says_all(void **state)
{
    (void)state;
    struct buf out;
    struct chat_reply reply = fixture_reply(5);
    written(&anthropic_codec, &reply, &out);
    has(buf_str(&out),
        "\"content\":[{\"type\":\"thinking\",\"thinking\":\"Let me \\\"think\\\".\",\"signature\":\"sig==\"},"
        "{\"type\":\"redacted_thinking\",\"data\":\"aGlkZGVu\"},{\"type\":\"text\",\"text\":\"Café\",\"citations\":["
        "{\"type\":\"page_location\",\"cited_text\":\"it is\",\"document_title\":\"Report\",\"document_index\":1,"
        "\"start_page_number\":2,\"end_page_number\":3},{\"type\":\"web_search_result_location\",\"cited_text\":\"so\","
        "\"title\":\"Page\",\"url\":\"https://x/y\"}]},{\"type\":\"text\",\"text\":\" plain\"},{\"type\":\"tool_use\","
        "");
    has(buf_str(&out), "\"output_tokens\":50,\"output_tokens_details\":{\"thinking_tokens\":20}}");
    buf_deinit(&out);
    streamed(&anthropic_codec, &reply, &out);
    has(buf_str(&out), "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\","
                       "\"thinking\":\"\",\"signature\":\"\"}}\n{\"type\":\"content_block_delta\",\"index\":0,"
                       "\"delta\":{\"type\":\"thinking_delta\",");
    has(buf_str(&out), "\"delta\":{\"type\":\"signature_delta\",\"signature\":\"sig==\"}}\n"
                       "{\"type\":\"content_block_stop\",\"index\":0}\n{\"type\":\"content_block_start\",\"index\":1,"
                       "\"content_block\":{\"type\":\"redacted_thinking\",\"data\":\"aGlkZGVu\"}}\n"
                       "{\"type\":\"content_block_stop\",\"index\":1}\n");
    has(buf_str(&out), "\"delta\":{\"type\":\"citations_delta\",\"citation\":{\"type\":\"page_location\",");
    buf_deinit(&out);
}

static void chat_says_what_it_has_words_for(void **state)
{
    (void)state;
    struct buf out;
    struct chat_reply reply = fixture_reply(5);
    written(&chat_codec, &reply, &out);
    has(buf_str(&out),
        "{\"role\":\"assistant\",\"content\":\"Café plain\",\"reasoning_content\":\"Let me \\\"think\\\".\","
        "\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":0,\"end_index\":4,"
        "\"title\":\"Page\",\"url\":\"https://x/y\"}}],\"tool_calls\":[");
    has(buf_str(&out), "\"completion_tokens_details\":{\"reasoning_tokens\":20}");
    buf_deinit(&out);
    streamed(&chat_codec, &reply, &out);
    has(buf_str(&out), "\"delta\":{\"reasoning_content\":\"\\\"think\\\".\"}");
    lacks(buf_str(&out), "sig==");
    lacks(buf_str(&out), "aGlkZGVu");
    buf_deinit(&out);
}

/* A thought that was cut off before its first piece is a block all the same. */
static void empty_thinking_opens_and_closes(void **state)
{
    (void)state;
    static const struct chat_reply_block empty = {.kind = CHAT_REASONING};
    struct chat_reply reply = {.blocks = &empty, .block_count = 1, .stop = CHAT_STOP_MAX_TOKENS};
    struct buf out;
    streamed(&anthropic_codec, &reply, &out);
    has(buf_str(&out), "\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n"
                       "{\"type\":\"content_block_stop\",\"index\":0}\n");
    buf_deinit(&out);
}

static void refusals_have_their_words(void **state)
{
    (void)state;
    static const struct chat_reply_block no = {.kind = CHAT_REFUSAL, .text = TEXT("I won't.")};
    struct chat_reply reply = {.blocks = &no, .block_count = 1, .stop = CHAT_STOP_REFUSAL};
    struct buf out;
    written(&chat_codec, &reply, &out);
    has(buf_str(&out), "\"content\":null,\"refusal\":\"I won't.\"},\"finish_reason\":\"stop\"");
    buf_deinit(&out);
    streamed(&chat_codec, &reply, &out);
    has(buf_str(&out), "\"delta\":{\"refusal\":\"n't.\"}");
    buf_deinit(&out);
    written(&anthropic_codec, &reply, &out);
    has(buf_str(&out), "{\"type\":\"text\",\"text\":\"I won't.\"}],\"stop_reason\":\"refusal\"");
    buf_deinit(&out);
    written(&converse_codec, &reply, &out);
    has(buf_str(&out), "\"content\":[{\"text\":\"I won't.\"}]}},\"stopReason\":\"content_filtered\"");
    buf_deinit(&out);
}

static void every_stop_has_a_word_in_every_dialect(void **state)
{
    (void)state;
    static const struct {
        enum chat_stop_reason stop;
        const char *converse, *anthropic, *chat;
    } rows[] = {
        {CHAT_STOP_MALFORMED_OUTPUT, "malformed_model_output", "end_turn", "stop"},
        {CHAT_STOP_FILTERED, "content_filtered", "refusal", "content_filter"},
        {CHAT_STOP_GUARDRAIL, "guardrail_intervened", "refusal", "content_filter"},
        {CHAT_STOP_PAUSE, "end_turn", "pause_turn", "stop"},
        {CHAT_STOP_CONTEXT_WINDOW, "model_context_window_exceeded", "model_context_window_exceeded", "length"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct chat_reply reply = {.stop = rows[i].stop};
        struct buf out;
        char expected[64];
        written(&converse_codec, &reply, &out);
        (void)snprintf(expected, sizeof(expected), "\"stopReason\":\"%s\"", rows[i].converse);
        has(buf_str(&out), expected);
        buf_deinit(&out);
        written(&anthropic_codec, &reply, &out);
        (void)snprintf(expected, sizeof(expected), "\"stop_reason\":\"%s\"", rows[i].anthropic);
        has(buf_str(&out), expected);
        buf_deinit(&out);
        written(&chat_codec, &reply, &out);
        (void)snprintf(expected, sizeof(expected), "\"finish_reason\":\"%s\"", rows[i].chat);
        has(buf_str(&out), expected);
        buf_deinit(&out);
    }
}

/* Bodies that know text only do not take thoughts for the answer. */
static void reasoning_is_no_answer(void **state)
{
    (void)state;
    static const struct codec *const codecs[] = {&llama_codec, &titan_codec, &cohere_codec, &mistral_codec,
                                                 &nova_codec};
    struct chat_reply reply = fixture_reply(4);
    for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
        struct buf out;
        bool may_say = codecs[i] == &nova_codec || codecs[i] == &mistral_codec;
        written(codecs[i], &reply, &out);
        has(buf_str(&out), "Caf");
        if (!may_say)
            lacks(buf_str(&out), "think");
        buf_deinit(&out);
        streamed(codecs[i], &reply, &out);
        if (!may_say)
            lacks(buf_str(&out), "think");
        buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converse_says_all),
        cmocka_unit_test(anthropic_says_all),
        cmocka_unit_test(chat_says_what_it_has_words_for),
        cmocka_unit_test(empty_thinking_opens_and_closes),
        cmocka_unit_test(refusals_have_their_words),
        cmocka_unit_test(every_stop_has_a_word_in_every_dialect),
        cmocka_unit_test(reasoning_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
