/* Splitting replies: every family, whole, byte by byte and in random pieces. */
#include "chat_fixture.h"

#include "chat/reply_parser.h"
#include "core/util.h"

/* Events written down: T(text) U:name(json) in order. */
struct record {
    struct buf text;
    size_t next_index;
    bool is_open;
    enum chat_block_kind kind;
};

static void on_start(void *ctx, size_t index, enum chat_block_kind kind, struct str id, struct str name)
{
    struct record *record = ctx;
    assert_false(record->is_open);
    assert_int_equal(index, record->next_index);
    record->is_open = true;
    record->kind = kind;
    if (kind == CHAT_TEXT) {
        buf_append_text(&record->text, "T(");
        return;
    }
    assert_int_equal(kind, CHAT_TOOL_USE);
    assert_true(str_starts(id, STR("tooluse_")));
    assert_int_equal(id.len, 30);
    buf_appendf(&record->text, "U:" STR_FMT "(", STR_ARG(name));
}

static void on_delta(void *ctx, size_t index, enum chat_block_kind kind, struct str text)
{
    struct record *record = ctx;
    assert_true(record->is_open && index == record->next_index && kind == record->kind);
    assert_true(text.len > 0);
    assert_true(str_is_utf8(text));
    buf_append_str(&record->text, text);
}

static void on_stop(void *ctx, size_t index, enum chat_block_kind kind)
{
    struct record *record = ctx;
    assert_true(record->is_open && index == record->next_index && kind == record->kind);
    record->is_open = false;
    record->next_index++;
    buf_append_text(&record->text, ")");
}

static const char TOOLS[] =
    "{\"choice\":\"%s\",\"tools\":[{\"name\":\"get\",\"schema\":{}},{\"name\":\"put\",\"schema\":{}}]}";

/* Pieces of `step` bytes; 0: of random length. */
static void split(enum template_family family, const struct chat_request *request, struct str reply, size_t step,
                  struct record *record, bool *is_malformed)
{
    struct chat_sink sink = {record, on_start, on_delta, on_stop, NULL};
    struct reply_parser *parser = reply_parser_new(family, request, &sink);
    struct error error;
    struct rng rng;
    rng_seed(&rng, reply.len);
    *record = (struct record){0};
    buf_init(&record->text, 1 << 20);
    while (reply.len > 0) {
        size_t len = step > 0 ? step : 1 + (size_t)rng_below(&rng, 7);
        assert_int_equal(reply_parser_feed(parser, str_slice(reply, 0, len), &error), OK);
        reply = str_slice(reply, len, reply.len);
    }
    assert_int_equal(reply_parser_finish(parser, &error), OK);
    assert_false(record->is_open);
    *is_malformed = reply_parser_has_malformed_call(parser);
    reply_parser_free(parser);
}

static void check_with(enum template_family family, const char *choice, const char *reply, const char *events,
                       bool is_malformed)
{
    static const size_t steps[] = {100000, 1, 0, 2, 3, 5};
    char json[256];
    struct arena arena;
    snprintf(json, sizeof(json), TOOLS, choice);
    yyjson_doc *doc = fixture_parse(json);
    arena_init(&arena, 0);
    struct chat_request request = fixture_request(&arena, yyjson_doc_get_root(doc));
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct record record;
        bool was_malformed;
        split(family, &request, str_of(reply), steps[i], &record, &was_malformed);
        if (!str_eq(buf_str(&record.text), str_of(events)))
            fail_msg("%s in pieces of %zu\n  gives    " STR_FMT "\n  expected %s", reply, steps[i],
                     STR_ARG(buf_str(&record.text)), events);
        if (was_malformed != is_malformed)
            fail_msg("%s: malformed is %d", reply, was_malformed);
        buf_deinit(&record.text);
    }
    arena_deinit(&arena);
    yyjson_doc_free(doc);
}

static void check(enum template_family family, const char *reply, const char *events)
{
    check_with(family, "auto", reply, events, false);
}

static void check_malformed(enum template_family family, const char *reply, const char *events)
{
    check_with(family, "auto", reply, events, true);
}

/* Each piece of text, and where it lay in what was fed. */
struct places {
    struct str fed;
    size_t from, to;
};

static void on_place(void *ctx, size_t index, size_t from, size_t to)
{
    struct places *places = ctx;
    (void)index;
    assert_true(from >= places->to && from < to);
    places->from = from;
    places->to = to;
}

static void on_nothing(void *ctx, size_t index, enum chat_block_kind kind, struct str id, struct str name)
{
    (void)ctx, (void)index, (void)kind, (void)id, (void)name;
}

static void on_placed_text(void *ctx, size_t index, enum chat_block_kind kind, struct str text)
{
    struct places *places = ctx;
    (void)index;
    if (kind != CHAT_TEXT)
        return;
    assert_int_equal(text.len, places->to - places->from);
    assert_memory_equal(text.data, places->fed.data + places->from, text.len);
}

static void on_end(void *ctx, size_t index, enum chat_block_kind kind)
{
    (void)ctx, (void)index, (void)kind;
}

static void text_says_where_it_came_from(void **state)
{
    (void)state;
    static const char *const replies[] = {
        "just text, <tool_c and more",
        "Look. <tool_call>\n{\"name\": \"get\", \"arguments\": {}}\n</tool_call> and </tool then",
        "<tool_call>\n{\"name\": \"nobody\", \"arguments\": {}}\n</tool_call> behind",
    };
    char json[256];
    struct arena arena;
    snprintf(json, sizeof(json), TOOLS, "auto");
    yyjson_doc *doc = fixture_parse(json);
    arena_init(&arena, 0);
    struct chat_request request = fixture_request(&arena, yyjson_doc_get_root(doc));
    for (size_t i = 0; i < 3; i++)
        for (size_t step = 1; step < 40; step++) {
            struct places places = {.fed = str_of(replies[i])};
            const struct chat_sink sink = {&places, on_nothing, on_placed_text, on_end, NULL};
            struct error error;
            struct reply_parser *parser = reply_parser_new(TEMPLATE_CHATML, &request, &sink);
            reply_parser_on_text(parser, on_place, &places);
            for (size_t at = 0; at < places.fed.len; at += step) {
                const size_t end = at + step < places.fed.len ? at + step : places.fed.len;
                assert_int_equal(reply_parser_feed(parser, str_slice(places.fed, at, end), &error), OK);
            }
            assert_int_equal(reply_parser_finish(parser, &error), OK);
            assert_int_equal(places.to, places.fed.len); /* each of them ends with text */
            reply_parser_free(parser);
        }
    arena_deinit(&arena);
    yyjson_doc_free(doc);
}

static void plain_text(void **state)
{
    (void)state;
    for (int family = TEMPLATE_CHATML; family <= TEMPLATE_GENERIC; family++) {
        check((enum template_family)family, "", "");
        check((enum template_family)family, "Hello  world.\n", "T(Hello  world.\n)");
        check((enum template_family)family, " \n ", "T( \n )");
        check((enum template_family)family, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 a<b [1] {2}",
              "T(\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 a<b [1] {2})");
    }
}

static void hermes_calls(void **state)
{
    (void)state;
    static const enum template_family families[] = {TEMPLATE_CHATML, TEMPLATE_GEMMA, TEMPLATE_GENERIC};
    for (size_t i = 0; i < 3; i++) {
        enum template_family family = families[i];
        check(family, "<tool_call>\n{\"name\": \"get\", \"arguments\": {\"a\": [1, \"}\"]}}\n</tool_call>",
              "U:get({\"a\": [1, \"}\"]})");
        check(family, "Let me see.\n\n<tool_call>{\"name\":\"get\",\"arguments\":{}}</tool_call>",
              "T(Let me see.)U:get({})");
        check(family,
              "<tool_call>\n{\"name\": \"get\", \"arguments\": {\"a\":1}}\n</tool_call>\n<tool_call>\n"
              "{\"name\": \"put\", \"arguments\": {\"b\":\"\xC3\xA9\"}}\n</tool_call>\n",
              "U:get({\"a\":1})U:put({\"b\":\"\xC3\xA9\"})");
        check(family, "<tool_call>\n{\"name\": \"get\"}\n</tool_call> done", "U:get({})T( done)");
        check(family, "<tool_call>{\"arguments\": {\"a\": {\"b\": \"x\\\"\"}}, \"name\": \"put\"}</tool_call>",
              "U:put({\"a\": {\"b\": \"x\\\"\"}})");
        check(family, "<tool_call>{\"id\": 12, \"name\": \"put\", \"x\": [true, {}], \"arguments\": {}}</tool_call>",
              "U:put({})");
    }
}

static void hermes_text_that_looks_like_a_call(void **state)
{
    (void)state;
    check(TEMPLATE_CHATML, "a <tool_cal> <<tool_ <tool", "T(a <tool_cal> <<tool_ <tool)");
    check(TEMPLATE_CHATML, "x<<tool_call>{\"name\":\"get\"}", "T(x<)U:get({})");
    check(TEMPLATE_CHATML, "{\"name\":\"get\"}", "T({\"name\":\"get\"})");
    check_malformed(TEMPLATE_CHATML, "<tool_call>hello</tool_call>", "T(<tool_call>hello</tool_call>)");
    check_malformed(TEMPLATE_CHATML, "<tool_call>{\"name\": \"none\", \"arguments\": {}}\n</tool_call>",
                    "T(<tool_call>{\"name\": \"none\", \"arguments\": {}}\n</tool_call>)");
    check_malformed(TEMPLATE_CHATML, "<tool_call><tool_call>{\"name\":\"get\"}", "T(<tool_call>)U:get({})");
    check_malformed(TEMPLATE_CHATML, "<tool_call>{}", "T(<tool_call>{})");
    check_malformed(TEMPLATE_CHATML, "<tool_call>{\"arguments\": 5, \"name\": \"get\"}",
                    "T(<tool_call>{\"arguments\": 5, \"name\": \"get\"})");
}

static void broken_calls(void **state)
{
    (void)state;
    check_malformed(TEMPLATE_CHATML, "<tool_call>\n{\"na", "T(<tool_call>\n{\"na)");
    check_malformed(TEMPLATE_CHATML, "<tool_call>\n", "T(<tool_call>\n)");
    check_malformed(TEMPLATE_CHATML, "<tool_call>\n{\"name\": \"get\", \"arguments\": {\"a\": \"b",
                    "U:get({\"a\": \"b)");
    check_malformed(TEMPLATE_CHATML, "<tool_call>\n{\"name\": \"get\", \"arg", "U:get()");
    check_malformed(TEMPLATE_CHATML, "<tool_call>{\"name\":\"get\",\"arguments\":{\"a\":!}}</tool_call>ok",
                    "U:get({\"a\":)T(ok)");
    check_malformed(TEMPLATE_CHATML, "<tool_call>{\"name\":\"get\",\"arguments\":\"x\"}</tool_call>", "U:get()");
    check(TEMPLATE_CHATML, "<tool_call>{\"name\":\"get\",\"arguments\":{}}</tool_", "U:get({})");
    check(TEMPLATE_CHATML, "<tool_call>{\"name\":\"get\",\"arguments\":{}}</to you", "U:get({})T(</to you)");
}

static void forced_calls_never_become_text(void **state)
{
    (void)state;
    check_with(TEMPLATE_CHATML, "any", "<tool_call>\n{\"na", "", true);
    check_with(TEMPLATE_LLAMA3, "any", "{\"na", "", true);
    check_with(TEMPLATE_MISTRAL, "any", "[TOOL_CALLS][{\"name\": \"ge", "", true);
    check_with(TEMPLATE_CHATML, "any", "<tool_call>\n{\"name\": \"get\", \"arguments\": {}}\n</tool_call>", "U:get({})",
               false);
}

static void llama3_calls(void **state)
{
    (void)state;
    check(TEMPLATE_LLAMA3, "{\"name\": \"get\", \"parameters\": {\"a\": 1}}", "U:get({\"a\": 1})");
    check(TEMPLATE_LLAMA3, "\n<|python_tag|>{\"name\": \"get\", \"parameters\": {}}", "U:get({})");
    check(TEMPLATE_LLAMA3, "{\"type\":\"function\",\"name\":\"get\",\"parameters\":{}}; {\"name\":\"put\"}\n",
          "U:get({})U:put({})");
    check(TEMPLATE_LLAMA3, "{\"parameters\": {\"x\": null}, \"name\": \"get\"}", "U:get({\"x\": null})");
    check(TEMPLATE_LLAMA3, "{\"answer\": 42}", "T({\"answer\": 42})");
    check(TEMPLATE_LLAMA3, "{\"name\": \"Bob\", \"age\": 3}", "T({\"name\": \"Bob\", \"age\": 3})");
    check(TEMPLATE_LLAMA3, "Use {\"name\": \"get\"}", "T(Use {\"name\": \"get\"})");
    check(TEMPLATE_LLAMA3, "  {not json", "T(  {not json)");
    check(TEMPLATE_LLAMA3, "{\"name\": \"get\"} and", "U:get({})T(and)");
}

static void mistral_calls(void **state)
{
    (void)state;
    check(TEMPLATE_MISTRAL, "[TOOL_CALLS][{\"name\": \"get\", \"arguments\": {\"a\": 1}, \"id\": \"abcdef012\"}]",
          "U:get({\"a\": 1})");
    check(TEMPLATE_MISTRAL,
          "Well. [TOOL_CALLS] [{\"name\":\"get\",\"arguments\":{}}, {\"name\":\"put\",\"arguments\":{}}]",
          "T(Well.)U:get({})U:put({})");
    check(TEMPLATE_MISTRAL, " [ {\"name\":\"get\",\"arguments\":{}}] bye", "U:get({})T(bye)");
    check(TEMPLATE_MISTRAL, "[TOOL_CALLS]{\"name\":\"get\"}", "U:get({})");
    check(TEMPLATE_MISTRAL, "[1, 2] and [TOOL", "T([1, 2] and [TOOL)");
    check(TEMPLATE_MISTRAL, "[{\"x\": 1}]", "T([{\"x\": 1}])");
    check_malformed(TEMPLATE_MISTRAL, "[TOOL_CALLS][]", "T([TOOL_CALLS][])");
    check_malformed(TEMPLATE_MISTRAL, "[TOOL_CALLS][{\"name\":\"get\",\"arguments\":{\"a\"", "U:get({\"a\")");
}

static void without_tools_everything_is_text(void **state)
{
    (void)state;
    const char *reply = "<tool_call>\n{\"name\": \"get\", \"arguments\": {}}\n</tool_call>";
    check_with(TEMPLATE_CHATML, "none", reply, "T(<tool_call>\n{\"name\": \"get\", \"arguments\": {}}\n</tool_call>)",
               false);
}

/* JSON by a schema quotes what it likes; a call at the beginning is still one. */
static void output_by_schema_holds_no_calls(void **state)
{
    (void)state;
    static const char *const replies[][2] = {
        {"{\"v\":\"a <tool_call>\\n{\\\"name\\\"\"}", "T({\"v\":\"a <tool_call>\\n{\\\"name\\\"\"})"},
        {"\"<tool_call>{\"", "T(\"<tool_call>{\")"},
        {"<tool_call>\n{\"name\": \"get\", \"arguments\": {}}\n</tool_call>", "U:get({})"},
    };
    struct arena arena;
    yyjson_doc *doc = fixture_parse("{\"output\":{},\"tools\":[{\"name\":\"get\",\"schema\":{}}]}");
    arena_init(&arena, 0);
    struct chat_request request = fixture_request(&arena, yyjson_doc_get_root(doc));
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        for (size_t step = 0; step < 4; step++) {
            struct record record;
            bool is_malformed;
            split(TEMPLATE_CHATML, &request, str_of(replies[i][0]), step, &record, &is_malformed);
            assert_true(str_eq(buf_str(&record.text), str_of(replies[i][1])));
            assert_false(is_malformed);
            buf_deinit(&record.text);
        }
    }
    arena_deinit(&arena);
    yyjson_doc_free(doc);
}

static void names_are_passed_on_before_arguments_end(void **state)
{
    (void)state;
    struct arena arena;
    struct record record = {0};
    struct error error;
    struct chat_sink sink = {&record, on_start, on_delta, on_stop, NULL};
    char json[256];
    snprintf(json, sizeof(json), TOOLS, "auto");
    yyjson_doc *doc = fixture_parse(json);
    arena_init(&arena, 0);
    buf_init(&record.text, 4096);
    struct chat_request request = fixture_request(&arena, yyjson_doc_get_root(doc));
    struct reply_parser *parser = reply_parser_new(TEMPLATE_CHATML, &request, &sink);
    assert_int_equal(reply_parser_feed(parser, STR("Hi <tool_call>{\"name\": \"get\""), &error), OK);
    assert_true(str_eq(buf_str(&record.text), STR("T(Hi)U:get(")));
    assert_int_equal(reply_parser_feed(parser, STR(", \"arguments\": {\"a\": \"bc"), &error), OK);
    assert_true(str_eq(buf_str(&record.text), STR("T(Hi)U:get({\"a\": \"bc")));
    assert_int_equal(reply_parser_tool_use_count(parser), 1);
    reply_parser_free(parser);
    buf_deinit(&record.text);
    arena_deinit(&arena);
    yyjson_doc_free(doc);
}

static void long_white_space_is_not_held(void **state)
{
    (void)state;
    char reply[600] = "x";
    memset(reply + 1, '\n', 500);
    struct buf events;
    buf_init(&events, 4096);
    buf_appendf(&events, "T(%s)", reply);
    buf_append_char(&events, '\0');
    check(TEMPLATE_CHATML, reply, events.data);
    buf_deinit(&events);
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    struct str reply = STR("Text <tool_call>{\"arguments\": {\"a\": 1}, \"name\": \"get\"}</tool_call>");
    char json[256];
    struct arena arena;
    snprintf(json, sizeof(json), TOOLS, "auto");
    yyjson_doc *doc = fixture_parse(json);
    arena_init(&arena, 0);
    struct chat_request request = fixture_request(&arena, yyjson_doc_get_root(doc));
    enum error_code code = ERROR_NO_MEMORY;
    for (uint64_t n = 1; code != OK; n++) {
        struct record record = {0};
        struct error error;
        char space[256];
        record.text = (struct buf){.data = space, .cap = sizeof(space), .max = sizeof(space)};
        struct chat_sink sink = {&record, on_start, on_delta, on_stop, NULL};
        mem_fail_at(n);
        struct reply_parser *parser = reply_parser_new(TEMPLATE_CHATML, &request, &sink);
        code = parser == NULL ? ERROR_NO_MEMORY : reply_parser_feed(parser, reply, &error);
        if (code == OK)
            code = reply_parser_finish(parser, &error);
        mem_fail_at(0);
        assert_true(code == OK || code == ERROR_NO_MEMORY);
        assert_true(n < 1000);
        reply_parser_free(parser);
    }
    arena_deinit(&arena);
    yyjson_doc_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text),
        cmocka_unit_test(text_says_where_it_came_from),
        cmocka_unit_test(hermes_calls),
        cmocka_unit_test(hermes_text_that_looks_like_a_call),
        cmocka_unit_test(broken_calls),
        cmocka_unit_test(forced_calls_never_become_text),
        cmocka_unit_test(llama3_calls),
        cmocka_unit_test(mistral_calls),
        cmocka_unit_test(without_tools_everything_is_text),
        cmocka_unit_test(output_by_schema_holds_no_calls),
        cmocka_unit_test(names_are_passed_on_before_arguments_end),
        cmocka_unit_test(long_white_space_is_not_held),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
