/* What every dialect's request must hold to. */
#include "chat_fixture.h"

#include "core/limits.h"

static void check(const char *json, enum error_code expected, const char *part)
{
    struct arena arena;
    struct error error = {0};
    arena_init(&arena, 0);
    yyjson_doc *doc = fixture_parse(json);
    struct chat_request request = fixture_request(&arena, yyjson_doc_get_root(doc));
    enum error_code code = chat_request_check(&request, &error);
    if (code != expected)
        fail_msg("%s gives %d, %s", json, (int)code, error.message);
    if (strstr(error.message, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, error.message);
    yyjson_doc_free(doc);
    arena_deinit(&arena);
}

#define USER "{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]}"

static void messages(void **state)
{
    (void)state;
    check("{\"messages\":[" USER "]}", OK, "");
    check("{\"messages\":[" USER ",{\"role\":\"system\",\"content\":[]}]}", OK, "");
    check("{\"messages\":[]}", ERROR_INVALID, "at least one message");
    check("{\"messages\":[{\"role\":\"assistant\",\"content\":[]}]}", OK, ""); /* a rule of dialects */
}

static void tools(void **state)
{
    (void)state;
    check("{\"messages\":[" USER "],\"tools\":[{\"name\":\"a\",\"schema\":{}}],\"choice\":{\"name\":\"a\"}}", OK, "");
    check("{\"messages\":[" USER "],\"tools\":[{\"name\":\"a\",\"schema\":{}}],\"choice\":{\"name\":\"b\"}}",
          ERROR_INVALID, "no tool named 'b'");
    check("{\"messages\":[" USER "],\"choice\":\"any\"}", ERROR_INVALID, "no tools are given");
    check("{\"messages\":[" USER "],\"tools\":[{\"name\":\"a\",\"schema\":{}},{\"name\":\"a\",\"schema\":{}}]}",
          ERROR_INVALID, "tools[1].name");
    check("{\"messages\":[" USER "],\"tools\":[{\"name\":\"\",\"schema\":{}}]}", ERROR_INVALID, "tools[0].name");
}

static void limits_on_counts(void **state)
{
    (void)state;
    struct error error;
    struct arena arena;
    arena_init(&arena, 0);
    struct chat_message one = {.role = CHAT_USER};
    struct chat_request request = {.arena = &arena, .messages = &one, .message_count = 1};
    assert_int_equal(chat_request_check(&request, &error), OK);

    struct str stops[2] = {STR("x"), STR("")};
    request.stop_sequences = stops;
    request.stop_count = 1;
    assert_int_equal(chat_request_check(&request, &error), OK);
    request.stop_count = 2;
    assert_int_equal(chat_request_check(&request, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "stopSequences[1]"));
    request.stop_count = limit(stop_sequences) + 1;
    assert_int_equal(chat_request_check(&request, &error), ERROR_INVALID);
    request.stop_count = 0;

    request.message_count = limit(messages) + 1;
    assert_int_equal(chat_request_check(&request, &error), ERROR_INVALID);
    request.message_count = 1;
    one.blocks = ARENA_ARRAY(&arena, struct chat_block, limit(content_blocks) + 1);
    one.block_count = limit(content_blocks) + 1;
    assert_int_equal(chat_request_check(&request, &error), ERROR_INVALID);
    arena_deinit(&arena);
}

static void a_raw_prompt_needs_no_messages(void **state)
{
    (void)state;
    struct error error;
    struct chat_request request = {.raw_prompt = STR("x")};
    assert_int_equal(chat_request_check(&request, &error), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages),
        cmocka_unit_test(tools),
        cmocka_unit_test(limits_on_counts),
        cmocka_unit_test(a_raw_prompt_needs_no_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
