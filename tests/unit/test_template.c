/* Renderings of the families: golden files from the reference templates, and
 * what no reference holds: segments, checkpoints, tools of Gemma. */
#include "chat_fixture.h"

#include "chat/template.h"

static struct template_spec family_spec(struct str name)
{
    struct template_spec spec = {0};
    if (!template_family_parse(name, &spec.family)) {
        spec.family = TEMPLATE_GENERIC;
        spec.generic = (struct template_generic){
            .pieces = {STR("S:"), STR("\n"), STR("U:"), STR("\n"), STR("A:"), STR("</a>"), STR("A:"), STR("")}};
    }
    return spec;
}

static struct prompt render(const char *family, struct chat_request *request)
{
    struct template_spec spec = family_spec(str_of(family));
    struct prompt prompt;
    struct error error;
    if (template_render(&spec, request, &prompt, &error) != OK)
        fail_msg("%s", error.message);
    return prompt;
}

static void append_prompt(struct buf *text, const struct prompt *prompt)
{
    for (size_t i = 0; i < prompt->count; i++)
        assert_true(buf_append_str(text, prompt->segments[i].text));
}

static void check_text(const char *what, const struct prompt *prompt, struct str expected)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    append_prompt(&text, prompt);
    if (!str_eq(buf_str(&text), expected))
        fail_msg("%s\n--- expected\n" STR_FMT "\n--- rendered\n" STR_FMT "\n", what, STR_ARG(expected),
                 STR_ARG(buf_str(&text)));
    buf_deinit(&text);
}

static void check_case(yyjson_val *row)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct chat_request request = fixture_request(&arena, yyjson_obj_get(row, "request"));
    struct prompt prompt = render(yyjson_get_str(yyjson_obj_get(row, "family")), &request);
    check_text(yyjson_get_str(yyjson_obj_get(row, "name")), &prompt, fixture_str(row, "expected"));
    arena_deinit(&arena);
}

static void check_golden(const char *path)
{
    size_t i, max;
    yyjson_val *row;
    yyjson_doc *doc = yyjson_read_file(path, 0, NULL, NULL);
    if (doc == NULL)
        fail_msg("%s: can't be read; tests run from the top folder", path);
    assert_true(yyjson_arr_size(yyjson_doc_get_root(doc)) > 0);
    yyjson_arr_foreach(yyjson_doc_get_root(doc), i, max, row) check_case(row);
    yyjson_doc_free(doc);
}

static void golden_chatml(void **state)
{
    (void)state;
    check_golden("tests/golden/chatml.json");
}

static void golden_llama3(void **state)
{
    (void)state;
    check_golden("tests/golden/llama3.json");
}

static void golden_mistral(void **state)
{
    (void)state;
    check_golden("tests/golden/mistral.json");
}

static void golden_gemma(void **state)
{
    (void)state;
    check_golden("tests/golden/gemma.json");
}

static void check_rendering(const char *family, const char *json, const char *expected)
{
    struct arena arena;
    arena_init(&arena, 0);
    yyjson_doc *doc = fixture_parse(json);
    struct chat_request request = fixture_request(&arena, yyjson_doc_get_root(doc));
    struct prompt prompt = render(family, &request);
    check_text(json, &prompt, str_of(expected));
    yyjson_doc_free(doc);
    arena_deinit(&arena);
}

static void gemma_prints_tools_like_hermes_in_the_first_user_turn(void **state)
{
    (void)state;
    check_rendering(
        "gemma",
        "{\"system\":[{\"text\":\"Be kind.\"}],\"tools\":[{\"name\":\"t\",\"schema\":{\"type\":\"object\"}}],"
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Go\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"toolUse\":{\"id\":\"i\",\"name\":\"t\",\"input\":{\"a\":[1,2]}}}]},"
        "{\"role\":\"user\",\"content\":[{\"toolResult\":{\"id\":\"i\",\"text\":\"3\"}},{\"text\":\"And?\"}]}]}",
        "<start_of_turn>user\nBe kind.\n\n# Tools\n\nYou may call one or more functions to assist with the user "
        "query.\n\nYou are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
        "{\"type\": \"function\", \"function\": {\"name\": \"t\", \"parameters\": {\"type\": \"object\"}}}\n</tools>"
        "\n\nFor each function call, return a json object with function name and arguments within "
        "<tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": "
        "<args-json-object>}\n</tool_call>\n\nGo<end_of_turn>\n<start_of_turn>model\n<tool_call>\n"
        "{\"name\": \"t\", \"arguments\": {\"a\": [1, 2]}}\n</tool_call><end_of_turn>\n<start_of_turn>user\n"
        "<tool_response>\n3\n</tool_response><end_of_turn>\n<start_of_turn>user\nAnd?<end_of_turn>\n"
        "<start_of_turn>model\n");
}

static void generic_puts_the_measured_text_around(void **state)
{
    (void)state;
    check_rendering("generic",
                    "{\"system\":[{\"text\":\"s\"}],\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]},"
                    "{\"role\":\"assistant\",\"content\":[{\"text\":\"a\"}]},"
                    "{\"role\":\"user\",\"content\":[{\"text\":\"v\"}]}]}",
                    "S:s\nU:u\nA:a</a>U:v\nA:");
}

static void the_last_assistant_message_is_continued(void **state)
{
    (void)state;
    const char *json = "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]},"
                       "{\"role\":\"assistant\",\"content\":[{\"text\":\"{\"}]}]}";
    check_rendering("chatml", json, "<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n{");
    check_rendering("mistral", json, "[INST]u[/INST]{");
    check_rendering("gemma", json, "<start_of_turn>user\nu<end_of_turn>\n<start_of_turn>model\n{");
    check_rendering("generic", json, "U:u\nA:{");
}

static void system_messages_stand_where_they_are(void **state)
{
    (void)state;
    const char *json = "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]},"
                       "{\"role\":\"system\",\"content\":[{\"text\":\"s\"}]}]}";
    check_rendering("chatml", json,
                    "<|im_start|>user\nu<|im_end|>\n<|im_start|>system\ns<|im_end|>\n<|im_start|>assistant\n");
    check_rendering("mistral", json, "[INST]u[/INST][INST]s[/INST]");
    check_rendering("gemma", json,
                    "<start_of_turn>user\nu<end_of_turn>\n<start_of_turn>user\ns<end_of_turn>\n"
                    "<start_of_turn>model\n");
}

static void blocks_of_other_kinds(void **state)
{
    (void)state;
    check_rendering("generic",
                    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"see\"},"
                    "{\"document\":{\"name\":\"a b\",\"text\":\"x,y\\n1,2\"}}]},"
                    "{\"role\":\"assistant\",\"content\":[{\"reasoning\":\"hm\"},{\"text\":\"a\"}]},"
                    "{\"role\":\"user\",\"content\":[{\"toolResult\":{\"id\":\"i\",\"text\":\"no\","
                    "\"error\":true}}]}]}",
                    "U:see\n<document name=\"a b\">\nx,y\n1,2\n</document>\nA:a</a>"
                    "U:<tool_response>\nError: no\n</tool_response>\nA:");
}

static void mistral_shortens_call_ids(void **state)
{
    (void)state;
    check_rendering("mistral",
                    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]},"
                    "{\"role\":\"assistant\",\"content\":[{\"toolUse\":{\"id\":\"tooluse_ab-cd_EFGH123\","
                    "\"name\":\"t\",\"input\":{}}}]},"
                    "{\"role\":\"user\",\"content\":[{\"toolResult\":{\"id\":\"x1\",\"text\":\"r\"}}]}]}",
                    "[INST]u[/INST][TOOL_CALLS][{\"name\": \"t\", \"arguments\": {}, \"id\": \"cdEFGH123\"}]</s>"
                    "[TOOL_RESULTS]{\"content\": r, \"call_id\": \"0000000x1\"}[/TOOL_RESULTS]");
}

static void choice_none_hides_the_tools(void **state)
{
    (void)state;
    check_rendering("chatml",
                    "{\"choice\":\"none\",\"tools\":[{\"name\":\"t\",\"schema\":{}}],"
                    "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]}]}",
                    "<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n");
}

static void a_raw_prompt_is_template_text_without_its_opening_token(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    struct chat_request request = {.arena = &arena, .raw_prompt = STR("<|begin_of_text|>Hi<|eot_id|>")};
    struct prompt prompt = render("llama3", &request);
    assert_int_equal(prompt.count, 1);
    assert_true(prompt.segments[0].is_template);
    check_text("raw", &prompt, STR("Hi<|eot_id|>"));
    arena_deinit(&arena);
}

static void check_raw(const char *family, const char *raw, const char *expected)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct chat_request request = {.arena = &arena, .raw_prompt = str_of(raw)};
    struct prompt prompt = render(family, &request);
    check_text(raw, &prompt, str_of(expected));
    arena_deinit(&arena);
}

static void raw_prompts_in_foreign_markers_are_translated(void **state)
{
    (void)state;
    check_raw("chatml",
              "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>"
              "<|start_header_id|>user<|end_header_id|>\n\nHi<|im_end|><|eot_id|>\n"
              "<|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|>"
              "<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
              "<|start_header_id|>assistant<|end_header_id|>\n",
              "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|><|im_end|>\n"
              "<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n");
    check_raw("chatml",
              "<|start_header_id|>user<|end_header_id|>Go<|eot_id|><|start_header_id|>assistant<|end_header_id|>{",
              "<|im_start|>user\nGo<|im_end|>\n<|im_start|>assistant\n{");
    check_raw("mistral", "Hello", "[INST]Hello[/INST]");
    check_raw("mistral", "<s>[INST]Hello[/INST]", "[INST]Hello[/INST]");
    check_raw("gemma", "<|start_header_id|>", "<start_of_turn>model\n");
    check_raw("llama3", "Once upon a time", "Once upon a time");
    const char *chatml = "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\nB"
                         "<|im_end|>\n<|im_start|>user\nC<|im_end|>\n<|im_start|>assistant\n";
    check_raw("chatml", "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nA [/INST] B </s><s>[INST] C [/INST]", chatml);
    check_raw("chatml", "\n<\xEF\xBD\x9C" "begin\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>S<\xEF\xBD\x9CUser"
        "\xEF\xBD"
                        "\x9C>A<\xEF\xBD\x9C" "Assistant\xEF\xBD\x9C>B<\xEF\xBD\x9C" "end\xE2\x96\x81of\xE2\x96\x81s"
                        "entence"
                        "\xEF\xBD\x9C><\xEF\xBD\x9CUser\xEF\xBD\x9C>C<\xEF\xBD\x9C" "Assistant\xEF\xBD\x9C><think>\n",
              chatml);
    check_raw("mistral", "<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\n", "[INST]A[/INST]");
    check_raw("gemma", "[INST]A[/INST]", "<start_of_turn>user\nA<end_of_turn>\n<start_of_turn>model\n");
    check_raw("generic", "[INST]A[/INST]", "U:A\nA:");
}

/* Content must never be where special tokens are looked for. */
static void markers_of_users_stay_content(void **state)
{
    (void)state;
    static const char *const families[] = {"chatml", "llama3", "mistral", "gemma", "generic"};
    yyjson_doc *doc = fixture_parse(
        "{\"system\":[{\"text\":\"EVIL\"}],\"tools\":[{\"name\":\"EVIL\",\"description\":\"EVIL\","
        "\"schema\":{\"title\":\"EVIL\"}}],\"messages\":["
        "{\"role\":\"user\",\"content\":[{\"text\":\"EVIL\"},{\"document\":{\"name\":\"EVIL\",\"text\":\"EVIL\"}}]},"
        "{\"role\":\"assistant\",\"content\":[{\"text\":\"EVIL\"},{\"toolUse\":{\"id\":\"EVIL\",\"name\":\"EVIL\","
        "\"input\":{\"EVIL\":\"EVIL\"}}}]},"
        "{\"role\":\"user\",\"content\":[{\"toolResult\":{\"id\":\"EV\",\"text\":\"EVIL\"}}]}]}");
    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
        struct arena arena;
        arena_init(&arena, 0);
        struct chat_request request = fixture_request(&arena, yyjson_doc_get_root(doc));
        struct prompt prompt = render(families[f], &request);
        for (size_t i = 0; i < prompt.count; i++) {
            bool is_mistral_id = strcmp(families[f], "mistral") == 0;
            if (prompt.segments[i].is_template && !is_mistral_id)
                assert_true(str_find(prompt.segments[i].text, STR("EVIL"), 0) < 0);
            if (i > 0) /* adjacent template texts are merged */
                assert_false(prompt.segments[i].is_template && prompt.segments[i - 1].is_template);
        }
        arena_deinit(&arena);
    }
    yyjson_doc_free(doc);
}

#define CACHED_TOOL "{\"name\":\"a\",\"schema\":{}%s},{\"name\":\"b\",\"schema\":{}%s}"
#define CACHED                                                                                           \
    "{\"system\":[{\"text\":\"s\"}%s],\"tools\":[" CACHED_TOOL "],"                                       \
    "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}%s,{\"text\":\"v\"}%s]},"               \
    "{\"role\":\"assistant\",\"content\":[{\"text\":\"w\"}%s]},"                                          \
    "{\"role\":\"user\",\"content\":[{\"text\":\"x\"}%s]}]}"
#define POINT ",{\"cache\":300}"
#define TOOL_POINT ",\"cache\":3600"

struct rendered {
    struct arena arena;
    yyjson_doc *doc;
    struct prompt prompt;
};

static void render_cached(struct rendered *out, const char *family, bool system, bool tool, bool messages)
{
    char json[2048];
    const char *point = messages ? POINT : "";
    snprintf(json, sizeof(json), CACHED, system ? POINT : "", tool ? TOOL_POINT : "", "", point, point, point, point);
    arena_init(&out->arena, 0);
    out->doc = fixture_parse(json);
    struct chat_request request = fixture_request(&out->arena, yyjson_doc_get_root(out->doc));
    out->prompt = render(family, &request);
}

static void rendered_free(struct rendered *rendered)
{
    yyjson_doc_free(rendered->doc);
    arena_deinit(&rendered->arena);
}

static void checkpoints_never_change_segments(void **state)
{
    (void)state;
    static const char *const families[] = {"chatml", "llama3", "mistral", "gemma", "generic"};
    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
        struct rendered without, with;
        render_cached(&without, families[f], false, false, false);
        render_cached(&with, families[f], true, true, true);
        assert_int_equal(without.prompt.count, with.prompt.count);
        size_t points = 0;
        for (size_t i = 0; i < with.prompt.count; i++) {
            assert_true(str_eq(without.prompt.segments[i].text, with.prompt.segments[i].text));
            assert_int_equal(without.prompt.segments[i].is_template, with.prompt.segments[i].is_template);
            assert_false(without.prompt.segments[i].ends_checkpoint);
            points += with.prompt.segments[i].ends_checkpoint;
        }
        assert_int_equal(points, 6);
        rendered_free(&without);
        rendered_free(&with);
    }
}

static const struct prompt_segment *only_checkpoint(const struct prompt *prompt)
{
    const struct prompt_segment *found = NULL;
    for (size_t i = 0; i < prompt->count; i++) {
        if (prompt->segments[i].ends_checkpoint) {
            assert_null(found);
            found = &prompt->segments[i];
        }
    }
    assert_non_null(found);
    return found;
}

static void a_system_checkpoint_covers_the_tools(void **state)
{
    (void)state;
    struct rendered rendered;
    render_cached(&rendered, "chatml", true, false, false);
    assert_true(str_find(only_checkpoint(&rendered.prompt)->text, STR("\"name\": \"b\""), 0) >= 0);
    assert_int_equal(only_checkpoint(&rendered.prompt)->ttl_seconds, 300);
    rendered_free(&rendered);
    render_cached(&rendered, "chatml", false, true, false);
    assert_true(str_find(only_checkpoint(&rendered.prompt)->text, STR("\"name\": \"a\""), 0) >= 0);
    assert_int_equal(only_checkpoint(&rendered.prompt)->ttl_seconds, 3600);
    rendered_free(&rendered);
    render_cached(&rendered, "mistral", true, false, false); /* prints the tools first */
    assert_true(str_eq(only_checkpoint(&rendered.prompt)->text, STR("s")));
    rendered_free(&rendered);
}

static void detection(void **state)
{
    (void)state;
    static const struct {
        const char *jinja;
        enum template_family family;
    } rows[] = {
        {"", TEMPLATE_CHATML},
        {"{{'<|im_start|>' + message.role}}", TEMPLATE_CHATML},
        {"{{'<|im_start|>' + message.role + '<|im_sep|>'}}", TEMPLATE_GENERIC},
        {"<|start_header_id|> Cutting Knowledge Date: {{ '\"parameters\": ' }}", TEMPLATE_LLAMA3},
        {"<|start_header_id|> Cutting Knowledge Date: {{ '\"parameters\": ' }}<function=", TEMPLATE_GENERIC},
        {"{{ '<|start_header_id|>' + message['role'] }}", TEMPLATE_GENERIC},
        {"[INST] [AVAILABLE_TOOLS] [TOOL_CALLS]", TEMPLATE_MISTRAL},
        {"[SYSTEM_PROMPT] [INST] [TOOL_CALLS]", TEMPLATE_GENERIC},
        {"[INST] <<SYS>>", TEMPLATE_GENERIC},
        {"<start_of_turn>", TEMPLATE_GEMMA},
        {"### Instruction:", TEMPLATE_GENERIC},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(template_detect(str_of(rows[i].jinja)), rows[i].family);
}

static void names(void **state)
{
    (void)state;
    enum template_family family;
    for (int i = TEMPLATE_CHATML; i < TEMPLATE_GENERIC; i++) {
        const char *name = template_family_name((enum template_family)i);
        assert_true(template_family_parse(str_of(name), &family));
        assert_int_equal(family, i);
    }
    assert_false(template_family_parse(STR("generic"), &family));
    assert_false(template_family_parse(STR(""), &family));
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    struct rendered rendered;
    struct error error;
    struct template_spec spec = {.family = TEMPLATE_LLAMA3};
    enum error_code code = ERROR_NO_MEMORY;
    for (uint64_t n = 1; code != OK; n++) {
        struct prompt prompt;
        struct arena arena;
        render_cached(&rendered, "chatml", true, true, true);
        arena_init(&arena, 0);
        struct chat_request request = fixture_request(&rendered.arena, yyjson_doc_get_root(rendered.doc));
        request.arena = &arena;
        mem_fail_at(n);
        code = template_render(&spec, &request, &prompt, &error);
        mem_fail_at(0);
        assert_true(code == OK || code == ERROR_NO_MEMORY);
        assert_true(n < 1000);
        arena_deinit(&arena);
        rendered_free(&rendered);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_chatml),
        cmocka_unit_test(golden_llama3),
        cmocka_unit_test(golden_mistral),
        cmocka_unit_test(golden_gemma),
        cmocka_unit_test(gemma_prints_tools_like_hermes_in_the_first_user_turn),
        cmocka_unit_test(generic_puts_the_measured_text_around),
        cmocka_unit_test(the_last_assistant_message_is_continued),
        cmocka_unit_test(system_messages_stand_where_they_are),
        cmocka_unit_test(blocks_of_other_kinds),
        cmocka_unit_test(mistral_shortens_call_ids),
        cmocka_unit_test(choice_none_hides_the_tools),
        cmocka_unit_test(a_raw_prompt_is_template_text_without_its_opening_token),
        cmocka_unit_test(raw_prompts_in_foreign_markers_are_translated),
        cmocka_unit_test(markers_of_users_stay_content),
        cmocka_unit_test(checkpoints_never_change_segments),
        cmocka_unit_test(a_system_checkpoint_covers_the_tools),
        cmocka_unit_test(detection),
        cmocka_unit_test(names),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
