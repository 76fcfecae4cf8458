/* Bodies of OpenAI's own API that Bedrock's models of the same form don't take, and the streams of its replies. */
#include "body_fixture.h"
#include "reply_fixture.h"

#include "api/openai/chat.h"
#include "api/openai/dialect.h"

static void parse(struct parsed *parsed, const char *body)
{
    parsed_init(parsed, false);
    parsed->request.api_version = STR(OPENAI_VERSION);
    parsed->code = codec_parse_text(&openai_chat_codec, str_of(body), CODEC_GENERATE, &parsed->request, &parsed->error);
    if (parsed->code == OK)
        parsed->code = chat_request_check(&parsed->request, &parsed->error);
}

static void parse_ok(struct parsed *parsed, const char *body)
{
    parse(parsed, body);
    if (parsed->code != OK)
        fail_msg("%s\n%s", body, parsed->error.message);
}

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"

static void tools_come_in_all_shapes(void **state)
{
    (void)state;
    struct parsed parsed;
    parse_ok(&parsed, "{" HELLO ",\"tools\":[{\"type\":\"function\",\"name\":\"flat\",\"strict\":true,"
                      "\"parameters\":{}},"
                      "{\"type\":\"web_search\"},{\"type\":\"function\",\"function\":{\"name\":\"nested\"}},"
                      "{\"type\":\"custom\",\"name\":\"text\"},{\"type\":\"custom\",\"custom\":{\"name\":\"more\"}}]}");
    const struct chat_request *request = &parsed.request;
    assert_int_equal(request->tool_count, 4);
    assert_str_equal(request->tools[0].name, "flat");
    assert_true(request->tools[0].is_strict);
    assert_str_equal(request->tools[1].name, "nested");
    assert_str_equal(request->tools[2].name, "text");
    assert_non_null(request->tools[3].schema);
    assert_str_equal(ignored_list(&parsed.ignored), "tools[].web_search");
    assert_string_equal(request->extras->where, "tools[]");
    release(&parsed);
}

static void marks_are_settled(void **state)
{
    (void)state;
    struct parsed parsed;
    parse_ok(&parsed,
             "{\"messages\":[{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{}},"
             "{\"type\":\"text\",\"text\":\"b\",\"cache_control\":{}}]},{\"role\":\"user\",\"content\":["
             "{\"type\":\"text\",\"text\":\"c\",\"prompt_cache_breakpoint\":{}},"
             "{\"type\":\"text\",\"text\":\"d\",\"prompt_cache_breakpoint\":{\"ttl\":\"30m\"}},"
             "{\"type\":\"text\",\"text\":\"e\",\"cache_control\":{}}]}]}");
    const struct chat_request *request = &parsed.request;
    assert_int_equal(request->system_count, 3); /* the first of five points is gone */
    assert_int_equal(request->system[0].kind, CHAT_TEXT);
    assert_int_equal(request->system[1].kind, CHAT_TEXT);
    assert_int_equal(request->system[2].kind, CHAT_CACHE_POINT);
    assert_int_equal(request->system[2].ttl_seconds, 3600); /* as long as one behind it */
    assert_int_equal(request->messages[0].block_count, 6);
    assert_int_equal(request->messages[0].blocks[3].ttl_seconds, 3600);
    assert_int_equal(request->messages[0].blocks[5].ttl_seconds, 300);
    release(&parsed);
}

static void results_keep_their_marks_outside(void **state)
{
    (void)state;
    struct parsed parsed;
    parse_ok(&parsed, "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\",\"tool_calls\":["
                      "{\"id\":\"1\",\"type\":\"custom\",\"custom\":{\"name\":\"text\",\"input\":\"a\\\"b\"}}]},"
                      "{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":["
                      "{\"type\":\"text\",\"text\":\"x\",\"cache_control\":{}}]}],"
                      "\"tools\":[{\"type\":\"custom\",\"name\":\"text\"}]}");
    const struct chat_message *result = &parsed.request.messages[2];
    assert_str_equal(parsed.request.messages[1].blocks[0].json, "{\"input\":\"a\\\"b\"}");
    assert_int_equal(result->block_count, 2);
    assert_int_equal(result->blocks[0].content_count, 1);
    assert_int_equal(result->blocks[1].kind, CHAT_CACHE_POINT);
    release(&parsed);
}

static void conversations_are_tidied(void **state)
{
    (void)state;
    struct parsed parsed;
    parse_ok(&parsed, "{\"messages\":[{\"role\":\"system\",\"content\":\"Go.\"}]}");
    assert_int_equal(parsed.request.message_count, 1);
    assert_int_equal(parsed.request.system_count, 0);
    assert_int_equal(parsed.request.messages[0].role, CHAT_USER);
    release(&parsed);
    parse_ok(&parsed, "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\",\"content\":null},"
                      "{\"role\":\"assistant\",\"content\":\"\"}]}");
    assert_int_equal(parsed.request.message_count, 1);
    release(&parsed);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *body, *message;
    } rows[] = {
        {"{" HELLO ",\"tool_choice\":\"required\"}", "tool_choice: a tool is asked for, but there are none"},
        {"{" HELLO ",\"tools\":[{\"type\":\"custom\"}]}", "tools[0].name: required and missing"},
        {"{" HELLO ",\"tools\":[{\"name\":\"a\"}],\"tool_choice\":{\"type\":\"function\",\"name\":\"b\"}}",
         "tool_choice: there is no tool named 'b'"},
        {"{" HELLO ",\"tools\":[{\"name\":\"a\"}],\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"auto\","
         "\"tools\":[{\"name\":\"c\"}]}}", "tool_choice.tools: none of them is in tools"},
        {"{" HELLO ",\"service_tier\":\"gold\"}", "service_tier: must be one of"},
        {"{" HELLO ",\"metadata\":[]}", "metadata: expected an object"},
        {"{" HELLO ",\"max_completion_tokens\":0}", "max_completion_tokens: must be at least 1"},
        {"{\"prompt\":[\"a\",\"b\"]}", "prompt: one text is continued by a request"},
        {"{\"prompt\":\"a\",\"best_of\":2}", "best_of: one reply is made of a request"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct parsed parsed;
        parse(&parsed, rows[i].body);
        release_refused(&parsed, rows[i].message);
    }
}

/* --- errors ----------------------------------------------------------------------------------------- */

static void errors_name_member_and_code(void **state)
{
    (void)state;
    static const struct {
        enum error_code code;
        const char *message, *expected;
    } rows[] = {
        {ERROR_INVALID, "n: no",
         "\"message\":\"n: no\",\"type\":\"invalid_request_error\",\"param\":\"n\",\"code\":null"},
        {ERROR_INVALID, "Two words: no", "\"param\":null,\"code\":null"},
        {ERROR_NOT_FOUND, "model: x", "The model `x` does not exist or you do not have access to it."},
        {ERROR_NOT_FOUND, "model: x", "\"param\":\"model\",\"code\":\"model_not_found\""},
        {ERROR_INVALID, "So: prompt is too long: 9 tokens > 4 maximum", "maximum context length is 4 tokens, but the "
                                                                         "request has 9 tokens"},
        {ERROR_THROTTLED, "Slow.", "\"message\":\"Slow. Please try again in 3s.\",\"type\":\"rate_limit_error\""},
        {ERROR_INTERNAL, "secret", "The server failed on this request"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = {.retry_s = 3};
        struct buf out;
        buf_init(&out, 1 << 16);
        (void)error_set(&error, rows[i].code, "%s", rows[i].message);
        error.retry_s = 3;
        openai_append_error(&out, &error);
        if (str_find(buf_str(&out), str_of(rows[i].expected), 0) < 0)
            fail_msg(STR_FMT "\n lacks %s", STR_ARG(buf_str(&out)), rows[i].expected);
        buf_deinit(&out);
    }
}

/* --- streams ---------------------------------------------------------------------------------------- */

static void note(void *ctx, struct str type, struct str payload)
{
    struct buf *lines = ctx;
    (void)type;
    yyjson_doc *doc;
    struct error error;
    assert_int_equal(json_parse(payload, &doc, &error), OK);
    yyjson_val *choice = yyjson_arr_get_first(yyjson_obj_get(yyjson_doc_get_root(doc), "choices"));
    json_append(lines, yyjson_obj_get(choice, "delta"));
    buf_append_text(lines, yyjson_is_str(yyjson_obj_get(choice, "finish_reason")) ? "$\n" : "\n");
    json_free(doc);
}

static void calls_are_told_once(void **state)
{
    (void)state;
    static const char expected[] =
        "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}\n"
        "{\"reasoning_content\":\"Let me \"}\n{\"reasoning_content\":\"\\\"think\\\".\"}\n"
        "{\"content\":\"Ca\"}\n{\"content\":\"f\xC3\xA9\"}\n{\"content\":\" pl\"}\n{\"content\":\"ain\"}\n"
        "{\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"look\","
        "\"arguments\":\"\"}}]}\n"
        "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\":\"}}]}\n"
        "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"1.50}\"}}]}\n"
        "{}$\n";
    struct parsed parsed;
    struct buf lines;
    struct chat_reply reply = fixture_reply(5);
    buf_init(&lines, 1 << 20);
    parse_ok(&parsed, "{" HELLO "}");
    fixture_stream(&openai_chat_codec, &parsed.request, &reply, &lines, note);
    assert_str_equal(buf_str(&lines), expected);
    buf_deinit(&lines);
    release(&parsed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tools_come_in_all_shapes),
        cmocka_unit_test(marks_are_settled),
        cmocka_unit_test(results_keep_their_marks_outside),
        cmocka_unit_test(conversations_are_tidied),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(errors_name_member_and_code),
        cmocka_unit_test(calls_are_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
