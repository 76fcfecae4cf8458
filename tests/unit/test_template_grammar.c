/* Grammars that force tool calls and JSON output, in each family's syntax. */
#include "chat_fixture.h"
#include "gbnf_match.h"

#include "chat/template.h"

#define TOOLS                                                                                                     \
    "\"tools\":[{\"name\":\"get\",\"schema\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}},"    \
    "\"required\":[\"n\"]}},{\"name\":\"put\",\"schema\":{\"type\":\"object\",\"additionalProperties\":false}}]"
#define OUTPUT "\"output\":{\"enum\":[\"yes\",\"no\"]}"

static void check(enum template_family family, const char *json, const char *const *matching,
                  const char *const *others)
{
    struct arena arena;
    struct error error;
    struct template_grammar grammar;
    struct gm gm;
    struct template_spec spec = {.family = family};
    yyjson_doc *doc = fixture_parse(json);
    arena_init(&arena, 0);
    struct chat_request request = fixture_request(&arena, yyjson_doc_get_root(doc));
    if (template_grammar(&spec, &request, &grammar, &error) != OK)
        fail_msg("%s: %s", json, error.message);
    gm_init(&gm, arena_strdup(&arena, grammar.text));
    for (; *matching != NULL; matching++)
        if (!gm_matches(&gm, str_of(*matching)))
            fail_msg("should match: %s\n" STR_FMT, *matching, STR_ARG(grammar.text));
    for (; *others != NULL; others++)
        if (gm_matches(&gm, str_of(*others)))
            fail_msg("should not match: %s\n" STR_FMT, *others, STR_ARG(grammar.text));
    gm_deinit(&gm);
    arena_deinit(&arena);
    yyjson_doc_free(doc);
}
#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})

#define HERMES(name, arguments) "<tool_call>\n{\"name\": \"" name "\", \"arguments\": " arguments "}\n</tool_call>"

static void any_tool(void **state)
{
    (void)state;
    static const enum template_family families[] = {TEMPLATE_CHATML, TEMPLATE_GEMMA, TEMPLATE_GENERIC};
    for (size_t i = 0; i < 3; i++)
        check(families[i], "{\"choice\":\"any\"," TOOLS "}",
              TEXTS(HERMES("get", "{\"n\":1}"), HERMES("get", "{\"n\": 12}"), HERMES("put", "{}")),
              TEXTS("", "Hi", HERMES("get", "{}"), HERMES("put", "{\"n\":1}"), HERMES("none", "{}")));
    check(TEMPLATE_LLAMA3, "{\"choice\":\"any\"," TOOLS "}",
          TEXTS("{\"name\": \"get\", \"parameters\": {\"n\":1}}", "{\"name\": \"put\", \"parameters\": {}}"),
          TEXTS("{\"name\": \"get\", \"parameters\": {}}", "{}"));
    check(TEMPLATE_MISTRAL, "{\"choice\":\"any\"," TOOLS "}",
          TEXTS("[TOOL_CALLS][{\"name\": \"get\", \"arguments\": {\"n\":1}}]"), TEXTS("[TOOL_CALLS][]"));
}

static void named_tool(void **state)
{
    (void)state;
    check(TEMPLATE_CHATML, "{\"choice\":{\"name\":\"put\"}," TOOLS "}", TEXTS(HERMES("put", "{}")),
          TEXTS(HERMES("get", "{\"n\":1}"), "Hi"));
}

static void output_schema(void **state)
{
    (void)state;
    check(TEMPLATE_CHATML, "{" OUTPUT "}", TEXTS("\"yes\"", "\"no\""), TEXTS("yes", "", "\"maybe\""));
    check(TEMPLATE_CHATML, "{\"choice\":\"none\"," TOOLS "," OUTPUT "}", TEXTS("\"yes\""), TEXTS(HERMES("put", "{}")));
    check(TEMPLATE_CHATML, "{" TOOLS "," OUTPUT "}", TEXTS("\"yes\"", HERMES("put", "{}")), TEXTS("Hi"));
    check(TEMPLATE_CHATML, "{\"choice\":\"any\"," TOOLS "," OUTPUT "}", TEXTS(HERMES("put", "{}")), TEXTS("\"yes\""));
}

static void free_output_has_no_grammar(void **state)
{
    (void)state;
    struct arena arena;
    struct error error;
    struct template_grammar grammar;
    struct template_spec spec = {.family = TEMPLATE_CHATML};
    yyjson_doc *doc = fixture_parse("{\"choice\":\"none\"," TOOLS "}");
    arena_init(&arena, 0);
    struct chat_request request = fixture_request(&arena, yyjson_doc_get_root(doc));
    assert_int_equal(template_grammar(&spec, &request, &grammar, &error), OK);
    assert_int_equal(grammar.text.len, 0);
    arena_deinit(&arena);
    yyjson_doc_free(doc);
}

static void refusals_name_the_tool(void **state)
{
    (void)state;
    struct arena arena;
    struct error error;
    struct template_grammar grammar;
    struct template_spec spec = {.family = TEMPLATE_CHATML};
    yyjson_doc *doc = fixture_parse("{\"choice\":\"any\",\"tools\":[{\"name\":\"ok\",\"schema\":{}},"
                                    "{\"name\":\"odd\",\"schema\":{\"properties\":{\"a\":{\"type\":\"odd\"}}}}]}");
    arena_init(&arena, 0);
    struct chat_request request = fixture_request(&arena, yyjson_doc_get_root(doc));
    assert_int_equal(template_grammar(&spec, &request, &grammar, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "tools[1] (odd).properties.a: unknown type 'odd'"));
    arena_deinit(&arena);
    yyjson_doc_free(doc);
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    struct template_spec spec = {.family = TEMPLATE_MISTRAL};
    yyjson_doc *doc = fixture_parse("{\"choice\":\"any\"," TOOLS "}");
    enum error_code code = ERROR_NO_MEMORY;
    for (uint64_t n = 1; code != OK; n++) {
        struct arena space, arena;
        struct error error;
        struct template_grammar grammar;
        arena_init(&space, 0);
        arena_init(&arena, 0);
        struct chat_request request = fixture_request(&space, yyjson_doc_get_root(doc));
        request.arena = &arena;
        mem_fail_at(n);
        code = template_grammar(&spec, &request, &grammar, &error);
        mem_fail_at(0);
        assert_true(code == OK || code == ERROR_NO_MEMORY);
        assert_true(n < 1000);
        arena_deinit(&arena);
        arena_deinit(&space);
    }
    yyjson_doc_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_tool),
        cmocka_unit_test(named_tool),
        cmocka_unit_test(output_schema),
        cmocka_unit_test(free_output_has_no_grammar),
        cmocka_unit_test(refusals_name_the_tool),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
