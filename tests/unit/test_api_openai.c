/* Bodies of OpenAI's own API that Bedrock's models of the same form don't take, and the streams of its replies. */
#include "body_fixture.h"
#include "reply_fixture.h"

#include "api/openai/chat.h"
#include "api/openai/dialect.h"
#include "api/openai/responses.h"
#include "api/openai/responses_store.h"
#include "core/limits.h"

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
        {"{\"prompt\":\"a\",\"n\":3,\"best_of\":2}", "best_of: must be n at least, which is 3"},
        {"{\"prompt\":\"a\",\"best_of\":2,\"stream\":true}", "best_of: replies are compared once they are whole"},
        {"{" HELLO ",\"best_of\":2}", "best_of: goes with prompt only"},
        {"{" HELLO ",\"echo\":true}", "echo: goes with prompt only"},
        {"{\"prompt\":\"a\",\"echo\":true,\"logprobs\":0}", "echo: probabilities of a prompt are not given"},
        {"{\"prompt\":\"a\",\"logprobs\":21}", "logprobs: must be between 0 and 20"},
        {"{" HELLO ",\"logprobs\":true,\"top_logprobs\":21}", "top_logprobs: must be between 0 and 20"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct parsed parsed;
        parse(&parsed, rows[i].body);
        release_refused(&parsed, rows[i].message);
    }
}

/* --- responses --------------------------------------------------------------------------------------- */

static void items_become_messages(void **state)
{
    (void)state;
    struct parsed parsed;
    parse_ok(&parsed, "{\"instructions\":\"Short.\",\"input\":[{\"role\":\"developer\",\"content\":\"More.\"},"
                      "{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"Hi\"}]},"
                      "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\","
                      "\"text\":\"So\"}]},{\"type\":\"reasoning\",\"summary\":[]},"
                      "{\"type\":\"function_call\",\"call_id\":\"1\",\"name\":\"a\",\"arguments\":\"{}\"},"
                      "{\"type\":\"custom_tool_call\",\"call_id\":\"2\",\"name\":\"b\",\"input\":\"x\"},"
                      "{\"type\":\"function_call_output\",\"call_id\":\"1\",\"output\":\"7\"},"
                      "{\"type\":\"custom_tool_call_output\",\"call_id\":\"2\",\"output\":[]},"
                      "{\"type\":\"web_search_call\"}],\"tools\":[{\"type\":\"function\",\"name\":\"a\"},"
                      "{\"type\":\"custom\",\"name\":\"b\"}]}");
    const struct chat_request *request = &parsed.request;
    assert_int_equal(request->system_count, 2);
    assert_int_equal(request->message_count, 3); /* the turn of the assistant is one, and so are the results */
    assert_int_equal(request->messages[1].role, CHAT_ASSISTANT);
    assert_int_equal(request->messages[1].block_count, 3);
    assert_str_equal(request->messages[1].blocks[2].json, "{\"input\":\"x\"}");
    assert_int_equal(request->messages[2].block_count, 2);
    assert_str_equal(request->messages[2].blocks[1].id, "2");
    assert_str_equal(ignored_list(&parsed.ignored), "input[].web_search_call");
    release(&parsed);
}

static void ids_name_reply_and_item(void **state)
{
    (void)state;
    struct str key;
    size_t item;
    assert_true(openai_read_id(STR("msg_0123456789abcdef0123456789abcdef1f"), &key, &item));
    assert_str_equal(key, "0123456789abcdef0123456789abcdef");
    assert_int_equal(item, 31);
    assert_true(openai_read_id(STR("resp_0123456789abcdef0123456789abcdef"), &key, &item));
    assert_int_equal(item, 0);
    assert_false(openai_read_id(STR("resp_0123456789abcdef0123456789abcde"), &key, &item));
    assert_false(openai_read_id(STR("resp_0123456789abcdef0123456789abcdeg"), &key, &item));
    assert_false(openai_read_id(STR("resp_0123456789abcdef0123456789abcdef0000000"), &key, &item));
    assert_false(openai_read_id(STR(""), &key, &item));
}

static const char *key_of(unsigned number)
{
    static char key[OPENAI_KEY_LEN + 1];
    (void)snprintf(key, sizeof(key), "%032x", number);
    return key;
}

/* The newest stays although it is too large; others go when there are too many bytes, and one tenant's never for
 * another's. */
static void the_oldest_replies_go(void **state)
{
    (void)state;
    char text[200] = {0};
    struct responses *responses;
    struct response_kept kept, got;
    struct arena arena;
    struct error error;
    const uint64_t usual = limit(responses_bytes);
    arena_init(&arena, 0);
    memset(text, 'x', sizeof(text) - 1);
    assert_int_equal(responses_open(test_root, &responses, &error), OK);
    assert_true(limits_set(STR("responses_bytes"), 1000));
    for (unsigned i = 0; i < 5; i++) {
        kept = (struct response_kept){.input = STR("[]"), .reply = str_of(i == 3 ? "{}" : text)};
        const struct str tenant = i == 3 ? STR("other") : STR("shop");
        assert_int_equal(responses_put(responses, tenant, str_of(key_of(i)), &kept, &error), OK);
    }
    assert_int_equal(responses_get(responses, STR("shop"), str_of(key_of(1)), &arena, &got, &error), ERROR_NOT_FOUND);
    assert_int_equal(responses_get(responses, STR("shop"), str_of(key_of(2)), &arena, &got, &error), OK);
    assert_int_equal(responses_get(responses, STR("other"), str_of(key_of(3)), &arena, &got, &error), OK);
    assert_int_equal(responses_get(responses, STR("shop"), str_of(key_of(3)), &arena, &got, &error), ERROR_NOT_FOUND);
    assert_true(limits_set(STR("responses_bytes"), 10));
    kept = (struct response_kept){.previous = str_of("p"), .input = STR("[1]"), .reply = str_of(text)};
    assert_int_equal(responses_put(responses, STR("shop"), str_of(key_of(9)), &kept, &error), OK);
    responses_close(responses);
    assert_int_equal(responses_open(test_root, &responses, &error), OK);
    assert_int_equal(responses_get(responses, STR("shop"), str_of(key_of(9)), &arena, &got, &error), OK);
    assert_str_equal(got.input, "[1]");
    assert_str_equal(got.previous, "p");
    assert_int_equal(responses_delete(responses, STR("shop"), str_of(key_of(4)), &error), ERROR_NOT_FOUND);
    assert_int_equal(responses_delete(responses, STR("shop"), str_of(key_of(9)), &error), OK);
    assert_int_equal(responses_delete(responses, STR("shop"), str_of(key_of(9)), &error), ERROR_NOT_FOUND);
    responses_close(responses);
    assert_true(limits_set(STR("responses_bytes"), usual));
    arena_deinit(&arena);
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
        cmocka_unit_test(items_become_messages),
        cmocka_unit_test(ids_name_reply_and_item),
        cmocka_unit_test(the_oldest_replies_go),
        cmocka_unit_test(errors_name_member_and_code),
        cmocka_unit_test(calls_are_told_once),
    };
    return cmocka_run_group_tests(tests, test_root_make, test_root_remove);
}
