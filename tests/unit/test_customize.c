/* Customization jobs without a server: lines of training data, hyperparameters and recipes, the trainer's curve as the
 * service's CSV files, jobs in the store. */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "core/log.h"
#include "customize/data.h"
#include "customize/job.h"
#include "customize/logs.h"
#include "customize/metrics.h"
#include "customize/recipe.h"
#include "customize/student.h"
#include "customize/variants.h"

/* --- data ------------------------------------------------------------------------------------------- */

#define HEAD "{\"schemaVersion\":\"bedrock-conversation-2024\","
#define USER(text) "{\"role\":\"user\",\"content\":[{\"text\":\"" text "\"}]}"
#define ASSISTANT(text) "{\"role\":\"assistant\",\"content\":[{\"text\":\"" text "\"}]}"

static void expect_row(const char *line, const char *row)
{
    struct arena arena;
    struct buf out;
    struct error error;
    struct conversation conversation;
    const struct data_origin origin = {STR("a.jsonl"), 7, "t"};
    arena_init(&arena, 0);
    buf_init(&out, 1 << 20);
    assert_int_equal(conversation_parse(str_of(line), &arena, &conversation, &error), OK);
    assert_true(conversation_append_row(&out, &conversation, &origin, false));
    assert_true(buf_append_char(&out, '\0'));
    assert_string_equal(out.data, row);
    buf_deinit(&out);
    arena_deinit(&arena);
}

static void expect_reason(const char *line, const char *part)
{
    struct arena arena;
    struct error error;
    struct conversation conversation;
    arena_init(&arena, 0);
    assert_int_equal(conversation_parse(str_of(line), &arena, &conversation, &error), ERROR_INVALID);
    if (!strstr(error.message, part))
        fail_msg("%s: %s", line, error.message);
    arena_deinit(&arena);
}

static void conversations_become_rows(void **state)
{
    (void)state;
    expect_row(HEAD "\"system\":[{\"text\":\"S\"}],\"messages\":[" USER("a") "," ASSISTANT("b") "]}",
               "{\"task\":\"t\",\"file\":\"a.jsonl\",\"line\":7,\"system\":\"S\",\"messages\":[{\"role\":\"user\","
               "\"content\":\"a\"}],\"expected\":\"b\"}\n");
    expect_row(HEAD "\"messages\":[" USER("a") "," ASSISTANT("b") "," USER("c") "," ASSISTANT("d") "]}",
               "{\"task\":\"t\",\"file\":\"a.jsonl\",\"line\":7,\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
               "{\"role\":\"assistant\",\"content\":\"b\"},{\"role\":\"user\",\"content\":\"c\"}],"
               "\"expected\":\"d\"}\n");
    /* Texts of a turn are joined as the template joins them. */
    expect_row(HEAD "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"},{\"text\":\"b\"}]},"
               ASSISTANT("c") "]}",
               "{\"task\":\"t\",\"file\":\"a.jsonl\",\"line\":7,\"messages\":[{\"role\":\"user\","
               "\"content\":\"a\\nb\"}],\"expected\":\"c\"}\n");
}

static void lines_that_are_no_good_say_why(void **state)
{
    (void)state;
    expect_reason("{\"schemaVersion\":", "JSON");
    expect_reason("[]", "expected an object");
    expect_reason("{\"messages\":[" USER("a") "]}", "schemaVersion");
    expect_reason("{\"schemaVersion\":\"bedrock-conversion-2024\",\"messages\":[" USER("a") "]}", "schemaVersion");
    expect_reason(HEAD "\"messages\":[]}", "messages");
    expect_reason(HEAD "\"messages\":[" ASSISTANT("a") "]}", "messages[0].role");
    expect_reason(HEAD "\"messages\":[" USER("a") "," USER("b") "]}", "messages[1].role");
    expect_reason(HEAD "\"messages\":[{\"role\":\"system\",\"content\":[]}]}", "messages[0].role");
    expect_reason(HEAD "\"messages\":[" USER("  ") "]}", "there is no text");
    expect_reason(HEAD "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", "messages[0].content");
    expect_reason(HEAD "\"messages\":[{\"role\":\"user\",\"content\":[{\"image\":{}}]}]}", "content[0].image");
    expect_reason(HEAD "\"system\":\"S\",\"messages\":[" USER("a") "]}", "system");
}

#define TOOLS "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"find\",\"description\":\"d\",\"inputSchema\":" \
              "{\"json\":{\"type\":\"object\"}}}}]}"
#define CALL(id, input) "{\"toolUse\":{\"toolUseId\":\"" id "\",\"name\":\"find\",\"input\":" input "}}"
#define RESULT(id, content) "{\"toolResult\":{\"toolUseId\":\"" id "\",\"content\":[" content "]}}"
#define TURN(role, blocks) "{\"role\":\"" role "\",\"content\":[" blocks "]}"

static void conversations_may_have_tools(void **state)
{
    (void)state;
    const char *const mark = ",{\"cachePoint\":{\"type\":\"default\"}}]";
    char line[2048];
    (void)snprintf(line, sizeof(line), HEAD "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"find\","
                   "\"description\":\"d\",\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}%s},\"messages\":["
                   USER("a") "," TURN("assistant", CALL("1", "{\"n\":1.10}")) "]}", mark);
    expect_row(line, "{\"task\":\"t\",\"file\":\"a.jsonl\",\"line\":7," TOOLS ",\"messages\":[{\"role\":\"user\","
               "\"content\":\"a\"}],\"expected\":[" CALL("1", "{\"n\":1.10}") "]}\n");
    expect_row(HEAD TOOLS ",\"messages\":[" USER("a") ","
               TURN("assistant", "{\"text\":\"I look.\"}," CALL("1", "{}") "," CALL("2", "{}")) ","
               TURN("user", RESULT("2", "{\"text\":\"y\"}") "," RESULT("1", "{\"json\":{\"x\":1.0}}")) ","
               ASSISTANT("b") "]}",
               "{\"task\":\"t\",\"file\":\"a.jsonl\",\"line\":7," TOOLS ",\"messages\":[{\"role\":\"user\","
               "\"content\":\"a\"}," TURN("assistant", "{\"text\":\"I look.\"}," CALL("1", "{}") "," CALL("2", "{}"))
               "," TURN("user", RESULT("2", "{\"text\":\"y\"}") "," RESULT("1", "{\"json\":{\"x\":1.0}}"))
               "],\"expected\":\"b\"}\n");
}

static void calls_and_results_belong_together(void **state)
{
    (void)state;
    expect_reason(HEAD "\"messages\":[" USER("a") "," TURN("assistant", CALL("1", "{}")) "]}", "no tool is offered");
    expect_reason(HEAD TOOLS ",\"messages\":[" TURN("user", CALL("1", "{}")) "]}", "messages[0].content: calls");
    expect_reason(HEAD TOOLS ",\"messages\":[" TURN("user", RESULT("1", "")) "]}", "messages[0].content: expected the");
    expect_reason(HEAD TOOLS ",\"messages\":[" USER("a") "," TURN("assistant", CALL("1", "{}")) "," USER("b") "]}",
                  "messages[2].content: expected the result");
    expect_reason(HEAD TOOLS ",\"messages\":[" USER("a") "," TURN("assistant", CALL("1", "{}")) ","
                  TURN("user", RESULT("2", "")) "]}", "messages[2].content: expected the result");
    expect_reason(HEAD TOOLS ",\"messages\":[" USER("a") "," TURN("assistant", CALL("1", "\"x\"")) "]}",
                  "messages[1].content[0]: the call's input");
    expect_reason(HEAD TOOLS ",\"messages\":[" USER("a") "," TURN("assistant", CALL("", "{}")) "]}", "no ID");
    expect_reason(HEAD "\"toolConfig\":{\"tools\":[{\"systemTool\":{\"name\":\"s\"}}]},\"messages\":[" USER("a") "]}",
                  "toolConfig.tools[0]");
    expect_reason(HEAD "\"toolConfig\":{\"tools\":{}},\"messages\":[" USER("a") "]}", "toolConfig.tools: expected");
    expect_reason(HEAD "\"toolConfig\":{\"tool\":[]},\"messages\":[" USER("a") "]}", "toolConfig.tool:");
    expect_reason(HEAD "\"system\":[" CALL("1", "{}") "],\"messages\":[" USER("a") "]}", "system: has texts alone");
}

static void an_answer_may_be_missing(void **state)
{
    struct arena arena;
    struct error error;
    struct conversation conversation;
    (void)state;
    arena_init(&arena, 0);
    assert_int_equal(conversation_parse(STR(HEAD "\"messages\":[" USER("a") "]}"), &arena, &conversation, &error), OK);
    assert_false(conversation_is_answered(&conversation));
    arena_deinit(&arena);
}

static void a_prompt_comes_back_and_has_a_key_of_its_own(void **state)
{
    struct arena arena;
    struct buf first, again;
    struct error error;
    struct conversation conversation, read;
    struct data_origin origin = {STR("a.jsonl"), 7, "t"}, found;
    (void)state;
    arena_init(&arena, 0);
    buf_init(&first, 1 << 16);
    buf_init(&again, 1 << 16);
    assert_int_equal(conversation_parse(STR(HEAD "\"system\":[{\"text\":\"S\"}],\"messages\":[" USER("a") ","
                                            ASSISTANT("b") "," USER("c") "]}"), &arena, &conversation, &error), OK);
    assert_true(conversation_append_prompt(&first, &conversation, &origin));
    assert_int_equal(conversation_of_prompt(buf_str(&first), &arena, &read, &found, &error), OK);
    assert_true(read.count == 3 && str_eq(read.system, STR("S")) && str_eq(read.turns[2].content.text, STR("c")));
    assert_true(found.line == 7 && str_eq(found.file, origin.file) && !strcmp(found.task, "t"));
    origin.line = 8; /* the same prompt elsewhere has the same key, another prompt another one */
    assert_true(conversation_append_prompt(&again, &conversation, &origin));
    assert_memory_equal(first.data, again.data, 9 + DATA_KEY_LEN);
    buf_clear(&again);
    conversation.system = STR("T");
    assert_true(conversation_append_prompt(&again, &conversation, &origin));
    assert_memory_not_equal(first.data, again.data, 9 + DATA_KEY_LEN);
    buf_clear(&again);
    const struct data_asking asking = {"k", 9, 0};
    assert_true(conversation_append_record(&again, &read, &asking) && buf_append_char(&again, '\0'));
    assert_string_equal(again.data,
                        "{\"recordId\":\"k\",\"modelInput\":{\"system\":[{\"text\":\"S\"},{\"cachePoint\":{\"type\":"
                        "\"default\"}}],\"messages\":[" USER("a") "," ASSISTANT("b") "," USER("c") "],"
                        "\"inferenceConfig\":{\"maxTokens\":9,\"temperature\":0}}}\n");
    buf_deinit(&first);
    buf_deinit(&again);
    arena_deinit(&arena);
}

/* --- invocation logs -------------------------------------------------------------------------------- */

static bool filter_fits(const char *filter, const char *metadata, enum error_code expected)
{
    yyjson_doc *one, *another;
    struct error error;
    assert_int_equal(json_parse(str_of(filter), &one, &error), OK);
    assert_int_equal(json_parse(str_of(metadata), &another, &error), OK);
    assert_int_equal(log_filter_check(yyjson_doc_get_root(one), &error), expected);
    const bool fits = expected == OK && log_filter_fits(yyjson_doc_get_root(one), yyjson_doc_get_root(another));
    json_free(one);
    json_free(another);
    return fits;
}

static void filters_look_at_metadata(void **state)
{
    (void)state;
    assert_true(filter_fits("{\"equals\":{\"a\":\"1\"}}", "{\"a\":\"1\",\"b\":\"2\"}", OK));
    assert_false(filter_fits("{\"equals\":{\"a\":\"1\"}}", "{\"a\":\"2\"}", OK));
    assert_false(filter_fits("{\"equals\":{\"a\":\"1\"}}", "null", OK));
    assert_true(filter_fits("{\"notEquals\":{\"a\":\"1\"}}", "null", OK));
    static const char both[] = "{\"andAll\":[{\"equals\":{\"a\":\"1\"}},{\"notEquals\":{\"b\":\"2\"}}]}";
    static const char one[] = "{\"orAll\":[{\"equals\":{\"a\":\"1\"}},{\"equals\":{\"b\":\"2\"}}]}";
    assert_true(filter_fits(both, "{\"a\":\"1\"}", OK));
    assert_false(filter_fits(both, "{\"a\":\"1\",\"b\":\"2\"}", OK));
    assert_true(filter_fits(one, "{\"b\":\"2\"}", OK));
    assert_false(filter_fits(one, "{\"b\":\"3\"}", OK));
    static const char *const wrong[] = {"{}", "[]", "{\"equals\":{}}", "{\"equals\":{\"a\":1}}", "{\"andAll\":[]}",
                                        "{\"equals\":{\"a\":\"1\",\"b\":\"2\"}}", "{\"orAll\":[{\"andAll\":[]}]}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        (void)filter_fits(wrong[i], "{}", ERROR_INVALID);
}

#define RECORD(in, out) "{\"schemaType\":\"ModelInvocationLog\",\"input\":{\"inputBodyJson\":" in "}," \
                        "\"output\":{\"outputBodyJson\":" out "}}"

static void expect_answer(const char *record, const char *system, const char *question, const char *answer)
{
    struct arena arena;
    struct error error;
    struct conversation conversation;
    yyjson_doc *doc;
    arena_init(&arena, 0);
    assert_int_equal(json_parse(str_of(record), &doc, &error), OK);
    const enum error_code code = log_conversation(yyjson_doc_get_root(doc), true, &arena, &conversation, &error);
    json_free(doc);
    assert_int_equal(code, answer ? OK : ERROR_INVALID);
    if (answer) {
        assert_true(conversation.count == 2 && str_eq(conversation.system, str_of(system)));
        assert_true(str_eq(conversation.turns[0].content.text, str_of(question)));
        assert_true(str_eq(conversation.turns[1].content.text, str_of(answer)));
    }
    arena_deinit(&arena);
}

static void records_of_several_bodies_are_read(void **state)
{
    (void)state;
    expect_answer(RECORD("{\"system\":[{\"text\":\"S\"},{\"cachePoint\":{\"type\":\"default\"}}],\"messages\":["
                         USER("q") "]}",
                         "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"a\"}]}}}"),
                  "S", "q", "a");
    expect_answer(RECORD("{\"system\":\"S\",\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]}",
                         "{\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}"), "S", "q", "a");
    expect_answer(RECORD("{\"messages\":[" USER("q") "]}",
                         "[{\"contentBlockDelta\":{\"delta\":{\"text\":\"a\"}}},{\"delta\":{\"text\":\"b\"}}]"),
                  "", "q", "ab");
    expect_answer(RECORD("{\"messages\":[" USER("q") "]}", "{\"content\":[{\"toolUse\":{}}]}"), "", "", NULL);
    expect_answer(RECORD("{\"messages\":[" USER("q") "," ASSISTANT("p") "]}", "{}"), "", "", NULL);
    expect_answer("{\"schemaType\":\"ModelInvocationLog\",\"errorCode\":\"X\"}", "", "", NULL);
    expect_answer("{}", "", "", NULL);
    assert_true(log_is_model(STR("us.amazon.nova-pro-v1:0"),
                             STR("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0")));
    assert_false(log_is_model(STR("amazon.nova-pro-v1:0"), STR("amazon.nova-lite-v1:0")));
}

#define ANTHROPIC_TOOLS "\"tools\":[{\"name\":\"find\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"}}]"

/* The row of a record, whatever words it is in, is that of a line in Converse's. */
static void expect_same_row(const char *record, const char *line)
{
    struct arena arena;
    struct buf one, another;
    struct error error;
    struct conversation conversation;
    yyjson_doc *doc;
    const struct data_origin origin = {STR("a"), 1, "t"};
    arena_init(&arena, 0);
    buf_init(&one, 1 << 16);
    buf_init(&another, 1 << 16);
    assert_int_equal(json_parse_exact(str_of(record), &doc, &error), OK);
    if (log_conversation(yyjson_doc_get_root(doc), true, &arena, &conversation, &error) != OK)
        fail_msg("%s", error.message);
    assert_true(conversation_append_row(&one, &conversation, &origin, false) && buf_append_char(&one, 0));
    assert_int_equal(conversation_parse(str_of(line), &arena, &conversation, &error), OK);
    assert_true(conversation_append_row(&another, &conversation, &origin, false) && buf_append_char(&another, 0));
    assert_string_equal(one.data, another.data);
    json_free(doc);
    buf_deinit(&one);
    buf_deinit(&another);
    arena_deinit(&arena);
}

static void records_may_have_tools(void **state)
{
    static const char called[] = HEAD TOOLS ",\"messages\":[" USER("q") ","
                                 TURN("assistant", "{\"text\":\"t\"}," CALL("1", "{\"n\":1.10}")) "]}";
    static const char told[] = HEAD TOOLS ",\"messages\":[" USER("q") "," TURN("assistant", CALL("1", "{}")) ","
                               TURN("user", RESULT("1", "{\"text\":\"r\"}")) "," ASSISTANT("a") "]}";
    (void)state;
    expect_same_row(RECORD("{\"messages\":[" USER("q") "]," TOOLS "}",
                           "{\"output\":{\"message\":"
                           TURN("assistant", "{\"text\":\"t\"}," CALL("1", "{\"n\":1.10}")) "}}"), called);
    expect_same_row(RECORD("{\"messages\":[" USER("q") "]," TOOLS "}",
                           "[{\"contentBlockDelta\":{\"delta\":{\"text\":\"t\"},\"contentBlockIndex\":0}},"
                           "{\"contentBlockStop\":{\"contentBlockIndex\":0}},{\"contentBlockStart\":{\"start\":"
                           "{\"toolUse\":{\"toolUseId\":\"1\","
                           "\"name\":\"find\"}}}},{\"contentBlockDelta\":{\"delta\":{\"toolUse\":"
                           "{\"input\":\"{\\\"n\\\":\"}}}},{\"contentBlockDelta\":{\"delta\":{\"toolUse\":{\"input\":"
                           "\"1.10}\"}}}},{\"contentBlockStop\":{}}]"), called);
    expect_same_row(RECORD("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]," ANTHROPIC_TOOLS "}",
                           "[{\"type\":\"message_start\",\"message\":{}},{\"type\":\"content_block_start\","
                           "\"content_block\":{\"type\":\"text\","
                           "\"text\":\"\"}},{\"type\":\"content_block_delta\",\"delta\":{\"type\":"
                           "\"text_delta\",\"text\":\"t\"}},{\"type\":\"content_block_stop\"},{\"type\":"
                           "\"content_block_start\",\"content_block\":{\"type\":\"tool_use\",\"id\":\"1\","
                           "\"name\":\"find\",\"input\":{}}},{\"type\":\"content_block_delta\","
                           "\"delta\":{\"type\":\"input_json_delta\","
                           "\"partial_json\":\"{\\\"n\\\":1.10}\"}},{\"type\":\"content_block_stop\"}]"), called);
    expect_same_row(RECORD("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":["
                           "{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"find\",\"input\":{}}]},{\"role\":\"user\","
                           "\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"1\","
                           "\"content\":\"r\"}]}]," ANTHROPIC_TOOLS "}",
                           "{\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}"), told);
    expect_answer(RECORD("{\"messages\":[" USER("q") "],\"tools\":[{\"type\":\"bash_20250124\",\"name\":\"bash\"}]}",
                         "{\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}"), "", "", NULL);
    expect_answer(RECORD("{\"messages\":[" USER("q") "]}", "{\"content\":[" CALL("1", "{}") "]}"), "", "", NULL);
}

/* --- hyperparameters -------------------------------------------------------------------------------- */

static enum error_code parse(const char *text, struct hyper *hyper, struct error *error)
{
    yyjson_doc *doc;
    assert_int_equal(json_parse(str_of(text), &doc, error), OK);
    const enum error_code code = hyper_parse(yyjson_doc_get_root(doc), hyper, error);
    json_free(doc);
    return code;
}

static void hyperparameters_are_strings(void **state)
{
    struct hyper hyper;
    struct error error;
    (void)state;
    assert_int_equal(hyper_parse(NULL, &hyper, &error), OK);
    assert_int_equal(hyper.epochs, 3);
    assert_int_equal(parse("{\"epochCount\":\"2\",\"learningRate\":\"1e-4\",\"trainEmbedding\":\"true\","
                           "\"seed\":\"9\"}", &hyper, &error), OK);
    assert_true(hyper.epochs == 2 && hyper.rate == 1e-4 && hyper.trains_embedding && hyper.seed == 9);
    static const char *const wrong[] = {"{\"epochCount\":2}",       "{\"epochCount\":\"0\"}", "{\"batchSize\":\"513\"}",
                                        "{\"learningRate\":\"x\"}", "{\"maxLength\":\"1\"}",  "{\"epochs\":\"1\"}",
                                        "{\"trainEmbedding\":\"1\"}", "[]",
                                        "{\"softLabels\":\"yes\"}",
                                        "{\"softLabels\":\"true\",\"softTemperature\":\"0\"}",
                                        "{\"softLabels\":\"true\",\"softWeight\":\"1.1\"}",
                                        "{\"softLabels\":\"true\",\"softTop\":\"-1\"}",
                                        "{\"softLabels\":\"false\",\"softWeight\":\"1\"}",
                                        "{\"softTop\":\"0\"}", "{\"softTemperature\":\"2\"}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(parse(wrong[i], &hyper, &error), ERROR_INVALID);
        assert_non_null(strstr(error.message, "hyperParameters"));
    }
}

static struct recipe a_recipe(void)
{
    return (struct recipe){.name = STR("m"), .base = STR("/b \"c\".gguf"), .rows = "train.jsonl", .held = "held.jsonl",
                           .hyper = {.epochs = 4, .batch = 8, .length = 2048},
                           .size = {.tokens = 9000, .rows = 100, .longest = 130, .held = 10, .base_bytes = 1000}};
}

static void a_recipe_is_as_long_as_its_epochs(void **state)
{
    struct recipe recipe = a_recipe();
    struct buf out;
    (void)state;
    buf_init(&out, 1 << 16);
    /* 100 tokens a row with what is left empty: eight of them are five rows of 160, and 40,000 positions 50 steps. */
    assert_int_equal(recipe_steps(&recipe), 50);
    assert_true(recipe_append(&out, &recipe) && buf_append_char(&out, '\0'));
    assert_non_null(strstr(out.data, "tuned_from: \"/b \\\"c\\\".gguf\"\n"));
    assert_non_null(strstr(out.data, "tokens: 40000, length: 160, rows: 5, accumulate: 1"));
    assert_non_null(strstr(out.data, "measure: {file: held.jsonl, rows: 10, length: 160, every: 5, loss: true}"));
    assert_non_null(strstr(out.data, "type: auto"));
    assert_non_null(strstr(out.data, "warm_up: 0,"));
    recipe.hyper.epochs = 8;
    assert_int_equal(recipe_steps(&recipe), 100);
    recipe.hyper.warm_up = HYPER_CHOSEN;
    buf_clear(&out);
    assert_true(recipe_append(&out, &recipe) && buf_append_char(&out, '\0'));
    assert_non_null(strstr(out.data, "warm_up: 5,"));
    recipe.hyper.rank = 4;
    recipe.size.held = 0;
    buf_clear(&out);
    assert_true(recipe_append(&out, &recipe) && buf_append_char(&out, '\0'));
    assert_non_null(strstr(out.data, "adapter: {rank: 4, alpha: 8.000000}\ntype: adapter"));
    assert_null(strstr(out.data, "measure"));
    buf_deinit(&out);
}

/* Every worker has as many passes as the others, and a step about as many rows as without them. */
static void passes_of_a_step_are_shared_by_the_cpus(void **state)
{
    static const struct {
        uint32_t cpus, batch;
        const char *expected;
    } cases[] = {
        {1, 8, "rows: 5, accumulate: 1, workers: 1,"},   {2, 8, "rows: 3, accumulate: 2, workers: 2,"},
        {4, 8, "rows: 1, accumulate: 4, workers: 4,"},   {64, 8, "rows: 1, accumulate: 5, workers: 5,"},
        {2, 64, "rows: 6, accumulate: 6, workers: 2,"},  {2, 1, "rows: 1, accumulate: 1, workers: 1,"},
        {64, 512, "rows: 6, accumulate: 48, workers: 16,"}, {0, 8, "rows: 5, accumulate: 1, workers: 1,"},
    };
    struct recipe recipe = a_recipe();
    struct buf out;
    (void)state;
    buf_init(&out, 1 << 16);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        recipe.cpus = cases[i].cpus;
        recipe.hyper.batch = cases[i].batch;
        buf_clear(&out);
        assert_true(recipe_append(&out, &recipe) && buf_append_char(&out, '\0'));
        if (!strstr(out.data, cases[i].expected))
            fail_msg("expected '%s' in '%s'", cases[i].expected, out.data);
    }
    buf_deinit(&out);
}

static void expect_in_recipe(const struct recipe *recipe, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    assert_true(recipe_append(&out, recipe) && buf_append_char(&out, '\0'));
    if (!strstr(out.data, expected))
        fail_msg("expected '%s' in '%s'", expected, out.data);
    buf_deinit(&out);
}

static void fresh_values_are_of_rows_that_are_learnt(void **state)
{
    struct recipe recipe = a_recipe();
    (void)state;
    expect_in_recipe(&recipe, "data: [{file: train.jsonl}]");
    recipe.hyper.has_fresh_values = true;
    expect_in_recipe(&recipe, "data: [{file: train.jsonl, fresh_values: true}]");
    expect_in_recipe(&recipe, "measure: {file: held.jsonl, rows");
    recipe.scratch = scratch_find(STR("fulcrum.scratch-small"));
    recipe.hyper.copying = 1;
    expect_in_recipe(&recipe, "[{file: train.jsonl, weight: 95, fresh_values: true}, {copying: tokens, weight: 5}]");
}

/* An adapter of a part of a model is written into it: its base is served nowhere. */
static void a_part_of_the_base_is_kept_whole(void **state)
{
    struct recipe recipe = a_recipe();
    struct buf out;
    (void)state;
    recipe.hyper.layers = 6;
    expect_in_recipe(&recipe, "\npruned: {layers: 6}\nfrozen: embedding\n");
    recipe.hyper.vocabulary = 4096;
    expect_in_recipe(&recipe, "\npruned: {layers: 6, vocabulary: 4096}\n");
    recipe.hyper.layers = 0;
    recipe.hyper.rank = 4;
    expect_in_recipe(&recipe, "\npruned: {vocabulary: 4096}\nfrozen: embedding\nadapter: {rank: 4, alpha: 8.000000}\n"
                              "type: auto\n");
    assert_false(hyper_is_adapter(&recipe.hyper));
    buf_init(&out, 1 << 16);
    assert_true(recipe_append_count(&out, &recipe, true) && buf_append_char(&out, '\0'));
    assert_non_null(strstr(out.data, "pruned: {vocabulary: 4096}\nphases:"));
    assert_non_null(strstr(out.data, "data: [{file: train.jsonl}]}\nmeasure: {file: held.jsonl}\n"));
    buf_deinit(&out);
}

static void a_model_from_scratch_copies_first(void **state)
{
    struct recipe recipe = a_recipe();
    struct error error;
    (void)state;
    recipe.scratch = scratch_find(STR("arn:aws:bedrock:us-east-1::foundation-model/fulcrum.scratch-large"));
    assert_non_null(recipe.scratch);
    assert_int_equal(hyper_parse_scratch(NULL, &recipe.hyper, &error), OK);
    assert_int_equal(hyper_check(&recipe.hyper, recipe.scratch, 0, &error), OK);
    recipe.hyper.batch = 8;
    recipe.cpus = 2;
    /* 7,000,000 tokens in steps of 2,048; 20 epochs of 10,000 positions in steps of six rows, a twentieth more. */
    assert_int_equal(recipe_copying_steps(&recipe), 3417);
    assert_int_equal(recipe_steps(&recipe), 3417 + 219);
    expect_in_recipe(&recipe, "\nmodel: {layers: 6, width: 192, heads: 6, kv_heads: 3, feed_forward: 384, "
                              "vocabulary: 3072, context: 4096}\ntokenizer: {corpus: [train.jsonl], digits: 3}\n");
    expect_in_recipe(&recipe, "{name: copying-1, tokens: 2099200, length: 64, rows: 16, accumulate: 2, workers: 2, "
                              "warm_up: 30, data: [{copying: characters}]}\n");
    expect_in_recipe(&recipe, "{name: copying-2, tokens: 4898816, length: 64, rows: 16, accumulate: 2, workers: 2, ");
    expect_in_recipe(&recipe, "data: [{file: train.jsonl, weight: 95}, {copying: tokens, weight: 5}]}\n");
    expect_in_recipe(&recipe, "\noptimiser: {kind: muon, rate: 0.004000000, muon_rate: 0.020000000}\n");
    recipe.hyper.copying = 0;
    recipe.hyper.rate = 0.001;
    assert_int_equal(recipe_copying_steps(&recipe), 0);
    expect_in_recipe(&recipe, "rate: 0.001000000, muon_rate: 0.005000000}\nphases:\n  - {name: train,");
    expect_in_recipe(&recipe, "data: [{file: train.jsonl}]}\n");
    assert_null(scratch_find(STR("fulcrum.scratch")));
    assert_null(scratch_find(STR("arn:aws:bedrock:us-east-1::foundation-model/fulcrum.desk-small")));
}

static void shares_of_a_price_multiply(void **state)
{
    static const struct {
        const char *settings;
        uint64_t share;
        const char *made;
    } cases[] = {
        {",\"price_as\":\"a.b\",\"context\":512", 250000,
         ",\"price_as\":\"a.b\",\"context\":512,\"price_share\":0.250000"},
        {",\"price\":{\"input\":1.5,\"output\":2},\"price_share\":0.500000,\"teacher\":\"t\"", 250000,
         ",\"price\":{\"input\":1.5,\"output\":2},\"teacher\":\"t\",\"price_share\":0.125000"},
        {",\"price_as\":\"a.b\",\"price_share\":0.333333", 333333, ",\"price_as\":\"a.b\",\"price_share\":0.111111"},
        {",\"price_as\":\"a.b\",\"price_share\":0.333333", STUDENT_WHOLE,
         ",\"price_as\":\"a.b\",\"price_share\":0.333333"},
        {",\"price_as\":\"a.b\"", STUDENT_WHOLE, ",\"price_as\":\"a.b\""},
        {",\"context\":512", 250000, ",\"context\":512"},
        {"", 250000, ""},
    };
    struct arena arena;
    (void)state;
    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str made;
        assert_true(student_settings(str_of(cases[i].settings), cases[i].share, &arena, &made));
        assert_string_equal(made.data, cases[i].made);
    }
    assert_int_equal(student_share(STR(",\"price_share\":0.125000,\"x\":1")), 125000);
    assert_int_equal(student_share(STR("")), STUDENT_WHOLE);
    arena_deinit(&arena);
}

/* What nobody has said is the trainer's to choose. */
static void a_recipe_names_the_teacher_of_soft_labels(void **state)
{
    struct recipe recipe = a_recipe();
    struct error error;
    struct buf out;
    (void)state;
    buf_init(&out, 1 << 16);
    recipe.teacher = STR("/t \"a\".gguf");
    assert_true(recipe_append(&out, &recipe) && buf_append_char(&out, '\0'));
    assert_null(strstr(out.data, "teacher"));
    assert_int_equal(parse("{\"softLabels\":\"true\"}", &recipe.hyper, &error), OK);
    buf_clear(&out);
    assert_true(recipe_append(&out, &recipe) && buf_append_char(&out, '\0'));
    assert_non_null(strstr(out.data, "\nteacher: {file: \"/t \\\"a\\\".gguf\"}\n"));
    assert_int_equal(parse("{\"softLabels\":\"true\",\"softTemperature\":\"2\",\"softTop\":\"0\",\"softWeight\":"
                           "\"0.5\"}", &recipe.hyper, &error), OK);
    recipe.teacher_adapter = STR("/a.gguf");
    buf_clear(&out);
    assert_true(recipe_append_check(&out, &recipe) && buf_append_char(&out, '\0'));
    assert_non_null(strstr(out.data, "\", adapter: \"/a.gguf\", temperature: 2.000000, top: 0, weight: 0.500000}\n"));
    assert_non_null(strstr(out.data, "tuned_from: \"/b \\\"c\\\".gguf\"\n"));
    buf_deinit(&out);
}

/* --- metrics ---------------------------------------------------------------------------------------- */

static void the_curve_becomes_two_files(void **state)
{
    static const char curve[] =
        "step,tokens,seconds,phase,rate,loss,accuracy,copy_accuracy,validator_1_exact,validator_1_loss\n"
        "1,64,0.5,train,1.0,2.0000,0.1,,,\n"
        "2,128,1.0,train,1.0,1.0000,0.5,,0.25,1.5000\n"
        "3,192,1.5,train,1.0,nan,0.5,,,\n"
        "4,256,2.0,tra";
    char path[512];
    struct arena arena;
    struct buf out;
    struct error error;
    struct metric_point *points;
    struct metrics_run run = {.steps = 4, .epochs = 2};
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/curve.csv", test_root);
    assert_int_equal(file_replace(path, STR(curve), 0600, &error), OK);
    arena_init(&arena, 0);
    buf_init(&out, 1 << 16);
    assert_int_equal(metrics_read(path, &arena, &points, &run.count, &error), OK);
    assert_int_equal(run.count, 2); /* what is no number is left out; what is being written is no line yet */
    run.points = points;
    assert_true(metrics_append_steps(&out, &run) && buf_append_char(&out, '\0'));
    assert_string_equal(out.data, "step_number,epoch_number,training_loss,perplexity\n"
                                  "1,1,2.000000,7.389056\n2,1,1.000000,2.718282\n");
    buf_clear(&out);
    assert_true(metrics_append_validation(&out, &run) && buf_append_char(&out, '\0'));
    assert_string_equal(out.data, "step_number,epoch_number,validation_loss,perplexity\n2,1,1.500000,4.481689\n");
    assert_int_equal(metrics_parse(STR("step_number,epoch_number,training_loss,perplexity\n1,1,2.5,12\n2,1,oops,1\n"),
                                   &arena, &points, &run.count, &error), OK); /* and the files can be read again */
    assert_true(run.count == 1 && points[0].step == 1 && points[0].loss == 2.5 && points[0].measured == 0);
    assert_int_equal(metrics_parse(STR("step_number,epoch_number,validation_loss_1,perplexity_1,validation_loss_2,"
                                       "perplexity_2\n4,2,0.5,1.6,0.25,1.3\n"), &arena, &points, &run.count, &error),
                     OK);
    assert_true(run.count == 1 && isnan(points[0].loss) && points[0].measured == 2 && points[0].validation[1] == 0.25);
    assert_int_equal(metrics_read("/nowhere/at/all", &arena, &points, &run.count, &error), OK);
    assert_int_equal(run.count, 0);
    buf_deinit(&out);
    arena_deinit(&arena);
}

/* --- jobs ------------------------------------------------------------------------------------------- */

static void arns_have_the_form_that_the_service_gives_them(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 1 << 10);
    custom_append_arn(&out, "custom-model", STR("us-east-1"), STR("000000000000"), STR("Desk_small"), "abcdefghijkl");
    assert_true(buf_append_char(&out, '\0'));
    assert_string_equal(out.data,
                        "arn:aws:bedrock:us-east-1:000000000000:custom-model/fulcrum.desk-small/abcdefghijkl");
    buf_deinit(&out);
}

static void a_job_comes_back_as_it_was(void **state)
{
    struct jobs *jobs;
    struct arena arena;
    struct error error;
    bool is_new, has_job, has_moved;
    struct job_claim claim;
    const struct job_lease lease = {STR("me"), 1000, 2000};
    struct custom_job job = {.id = "abcdefghijkl", .tenant = STR("t"), .account = STR("000000000000"),
                             .region = STR("us-east-1"), .name = STR("n"), .token = STR(""), .request = STR("{}"),
                             .model_name = STR("m"), .base = STR("b"), .base_path = STR("/p"), .base_name = STR("bn"),
                             .settings = STR(",\"price_as\":\"x\""), .model_tags = STR("")};
    struct custom_job read;
    (void)state;
    arena_init(&arena, 0);
    assert_int_equal(custom_jobs_open(test_root, &jobs, &error), OK);
    assert_int_equal(custom_jobs_create(jobs, &job, 10, &is_new, &error), OK);
    assert_int_equal(custom_jobs_claim(jobs, &lease, true, &arena, &read, &claim, &has_job, &error), OK);
    assert_true(has_job && str_eq(read.settings, job.settings) && str_eq(read.base_path, job.base_path));
    read.progress.stages[CUSTOM_TRAINING] = (struct custom_stage_note){STAGE_IN_PROGRESS, 5, 6};
    read.progress.has_loss = true;
    read.progress.loss = 0.5;
    read.progress.validator_count = 2;
    read.progress.validation_losses[1] = 0.25;
    read.progress.steps = 9;
    memcpy(read.progress.model, "mnopqrstuvwx", sizeof(read.progress.model));
    read.progress.variants = (struct custom_variants){{"abcdefghijkl", 1, 2, 3, 4}, 5, 6, 7, 8, 9, 10, 11};
    read.progress.answers = (struct custom_asked){"bcdefghijklm", 12, 13, 14, 15};
    assert_int_equal(custom_jobs_note(jobs, &read, &claim, &error), OK);
    assert_int_equal(custom_jobs_find_name(jobs, STR("t"), STR("n"), &arena, &job, &error), OK);
    assert_int_equal(job.progress.stages[CUSTOM_TRAINING].status, STAGE_IN_PROGRESS);
    assert_true(job.progress.has_loss && job.progress.loss == 0.5 && job.progress.validation_losses[1] == 0.25);
    assert_int_equal(job.progress.steps, 9);
    assert_string_equal(job.progress.model, "mnopqrstuvwx");
    assert_memory_equal(&job.progress.variants, &read.progress.variants, sizeof(read.progress.variants));
    assert_memory_equal(&job.progress.answers, &read.progress.answers, sizeof(read.progress.answers));
    assert_int_equal(custom_jobs_find_name(jobs, STR("u"), STR("n"), &arena, &job, &error), ERROR_NOT_FOUND);
    const struct job_move move = {CUSTOM_IN_PROGRESS, CUSTOM_COMPLETED, true};
    assert_int_equal(custom_jobs_move(jobs, &read, &claim, &move, &has_moved, &error), OK);
    assert_true(has_moved && custom_status_has_ended(CUSTOM_COMPLETED));
    assert_int_equal(jobs_request_stop(jobs, &custom_job_kind, STR("t"), STR("abcdefghijkl"), 1, &error),
                     ERROR_CONFLICT);
    jobs_close(jobs);
    arena_deinit(&arena);
}

/* --- variants --------------------------------------------------------------------------------------- */

/* Texts joined by |, or a part of the reason. */
static void expect_variants(const char *reply, uint32_t count, const char *joined, const char *reason)
{
    struct arena arena;
    struct error error;
    struct buf out;
    struct str texts[VARIANTS_EACH];
    size_t found;
    arena_init(&arena, 0);
    buf_init(&out, 1 << 16);
    const enum error_code code = variants_parse(str_of(reply), count, &arena, texts, &found, &error);
    if (reason ? code != ERROR_INVALID || !strstr(error.message, reason) : code != OK)
        fail_msg("%s: %d, %s", reply, code, code == OK ? "" : error.message);
    for (size_t i = 0; !reason && i < found; i++)
        buf_appendf(&out, "%s" STR_FMT, i ? "|" : "", STR_ARG(texts[i]));
    assert_true(buf_append_char(&out, '\0'));
    if (!reason)
        assert_string_equal(out.data, joined);
    buf_deinit(&out);
    arena_deinit(&arena);
}

static void replies_are_lists_or_nothing(void **state)
{
    (void)state;
    expect_variants("[\"a\", \" b\\n\", \"\", \"c\"]", 8, "a|b|c", NULL);
    expect_variants("```json\n[\"a\",\n \"b\"]\n```\n", 8, "a|b", NULL);
    expect_variants("1. a\n2) b\n\n10. c 1. d", 8, "a|b|c 1. d", NULL);
    expect_variants("- a\n- b-c", 8, "a|b-c", NULL);
    expect_variants("\xe2\x80\xa2 a\n\xe2\x80\xa2 b", 8, "a|b", NULL);
    expect_variants("What is this?\nAnd that?", 2, "What is this?|And that?", NULL);
    expect_variants("[\"a\", \"b\", \"c\"]", 2, "a|b", NULL); /* more than were wanted */
    expect_variants("Here they are:\n1. a\n2. b", 8, NULL, "not marked alike");
    expect_variants("- a\n* b", 8, NULL, "not marked alike");
    expect_variants("I can't do that.", 1, NULL, "neither");
    expect_variants("I can't do that.\nSorry.", 8, NULL, "neither");
    expect_variants("{\"a\": \"b\"}", 8, NULL, "neither");
    expect_variants("[\"a\", \"b", 8, NULL, "");
    expect_variants("[\"a\", {\"text\": \"b\"}]", 8, NULL, "item 1");
    expect_variants("[]", 8, NULL, "no prompt");
    expect_variants("", 8, NULL, "neither");
}

static void requests_fit_into_a_reply(void **state)
{
    static char large[16384];
    struct data_turn turns[3] = {{.content.text = STR("a")}, {true, .content.text = STR("b")},
                                 {.content.text = STR("c")}};
    const struct conversation seed = {.system = STR("Be kind."), .turns = turns, .count = 3};
    struct buf out;
    (void)state;
    assert_int_equal(variants_fitting(STR("Where is my parcel?"), 8), 8);
    assert_int_equal(variants_fitting(STR("Where is my parcel?"), 3), 3);
    assert_int_equal(variants_fitting((struct str){large, 2000}, 8), 4);
    assert_int_equal(variants_fitting((struct str){large, sizeof(large)}, 8), 1);
    buf_init(&out, 1 << 16);
    assert_true(variants_append_request(&out, &seed, 2, 1, "k") && buf_append_char(&out, '\0'));
    assert_non_null(strstr(out.data, "Be kind.\"},{\"cachePoint\""));
    assert_non_null(strstr(out.data, "<conversation>\\nuser: a\\nassistant: b\\n</conversation>\\n<message>\\nc\\n"
                                     "</message>\\nWrite 2 other messages. You were shown this message 1 time before"));
    buf_deinit(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_root_make, test_root_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(conversations_become_rows),
        TEST(lines_that_are_no_good_say_why),
        TEST(conversations_may_have_tools),
        TEST(calls_and_results_belong_together),
        TEST(an_answer_may_be_missing),
        TEST(a_prompt_comes_back_and_has_a_key_of_its_own),
        TEST(filters_look_at_metadata),
        TEST(records_of_several_bodies_are_read),
        TEST(records_may_have_tools),
        TEST(hyperparameters_are_strings),
        TEST(a_recipe_is_as_long_as_its_epochs),
        TEST(a_recipe_names_the_teacher_of_soft_labels),
        TEST(passes_of_a_step_are_shared_by_the_cpus),
        TEST(fresh_values_are_of_rows_that_are_learnt),
        TEST(a_part_of_the_base_is_kept_whole),
        TEST(a_model_from_scratch_copies_first),
        TEST(shares_of_a_price_multiply),
        TEST(the_curve_becomes_two_files),
        TEST(arns_have_the_form_that_the_service_gives_them),
        TEST(a_job_comes_back_as_it_was),
        TEST(replies_are_lists_or_nothing),
        TEST(requests_fit_into_a_reply),
    };
    log_configure(LOG_OFF, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
