/* Scoring of replies, intervals, and the rows of `fulcrum eval`. */
#include "support.h"

#include "cmd/eval_data.h"
#include "core/json.h"
#include "distill/score.h"

static yyjson_doc *parsed(const char *text)
{
    yyjson_doc *doc;
    struct error error;
    assert_int_equal(json_parse(str_of(text), &doc, &error), OK);
    return doc;
}

static struct score_result scored(enum score_kind kind, const char *expected, const char *reply)
{
    yyjson_doc *doc = parsed(expected);
    struct score_result result =
        score_reply(kind, yyjson_doc_get_root(doc), &(struct score_reply){.text = str_of(reply)});
    json_free(doc);
    return result;
}

static struct score_result scored_tool(const char *expected, const char *name, const char *arguments)
{
    yyjson_doc *doc = parsed(expected), *input = parsed(arguments);
    struct score_reply reply = {.tool_name = str_of(name), .tool_input = yyjson_doc_get_root(input)};
    struct score_result result = score_reply(SCORE_TOOL, yyjson_doc_get_root(doc), &reply);
    json_free(doc);
    json_free(input);
    return result;
}

static void text_ignores_case_space_and_final_punctuation(void **state)
{
    (void)state;
    assert_true(scored(SCORE_TEXT, "\"order_status\"", " Order_Status.\n").is_right);
    assert_true(scored(SCORE_TEXT, "\"9 am  to 5 pm.\"", "9 am to\n5 pm").is_right);
    assert_false(scored(SCORE_TEXT, "\"order_status\"", "order status").is_right);
    assert_false(scored(SCORE_TEXT, "\"$4.90\"", "$4.9").is_right);
    assert_false(scored(SCORE_TEXT, "\"closed\"", "").is_right);
    assert_false(scored(SCORE_TEXT, "\"closed\"", "closed on Monday").is_right);
    assert_false(scored(SCORE_TEXT, "4", "4").is_right); /* no string was expected: a fault of the row */
}

static void json_ignores_order_and_spelling(void **state)
{
    (void)state;
    const char *expected = "\"{\\\"order\\\":\\\"4711\\\",\\\"amount\\\":49.90,\\\"date\\\":null}\"";
    assert_true(scored(SCORE_JSON, expected, "{\"date\": null, \"amount\": 49.9, \"order\": \"4711\"}").is_right);
    assert_true(scored(SCORE_JSON, "{\"a\":[1,{\"b\":true}]}", "```json\n{\"a\": [1.0, {\"b\": true}]}\n```").is_right);
    assert_false(scored(SCORE_JSON, "[1,2]", "[2,1]").is_right);
    assert_false(scored(SCORE_JSON, "{\"a\":1}", "{\"a\":1,\"b\":2}").is_right);
    assert_false(scored(SCORE_JSON, "{\"a\":-1}", "{\"a\":18446744073709551615}").is_right);
    assert_false(scored(SCORE_JSON, "{\"a\":1}", "the answer is {\"a\":1}").is_right);
    assert_false(scored(SCORE_JSON, "{\"a\":1}", "").is_right);
}

static void json_counts_fields(void **state)
{
    (void)state;
    struct score_result result =
        scored(SCORE_JSON, "{\"order\":\"4711\",\"product\":\"oak lamp\",\"date\":null}",
               "{\"order\":\"4712\",\"product\":\"oak lamp\",\"date\":null}");
    assert_false(result.is_right);
    assert_int_equal(result.field_count, 3);
    assert_int_equal(result.fields_right, 2);
    result = scored(SCORE_JSON, "{\"order\":\"4711\",\"date\":null}", "no JSON");
    assert_int_equal(result.field_count, 2);
    assert_int_equal(result.fields_right, 0);
}

static void tool_needs_name_and_arguments(void **state)
{
    (void)state;
    const char *expected = "{\"name\":\"refund\",\"arguments\":{\"order\":\"4711\",\"amount\":\"$5\"}}";
    assert_true(scored_tool(expected, "refund", "{\"amount\":\"$5\",\"order\":\"4711\"}").is_right);
    struct score_result result = scored_tool(expected, "refund", "{\"amount\":\"$6\",\"order\":\"4711\"}");
    assert_false(result.is_right);
    assert_int_equal(result.field_count, 3);
    assert_int_equal(result.fields_right, 2);
    result = scored_tool(expected, "cancel", "{\"amount\":\"$5\",\"order\":\"4711\"}");
    assert_false(result.is_right);
    assert_int_equal(result.fields_right, 0);
    assert_false(scored(SCORE_TOOL, expected, "refund").is_right);
    assert_true(scored(SCORE_TOOL, "null", "just text").is_right);
    assert_false(scored_tool("null", "refund", "{}").is_right);
}

static void fields_are_compared_one_by_one(void **state)
{
    (void)state;
    const char *expected = "\"order_status; 4711; oak lamp; solved\"";
    assert_true(scored(SCORE_FIELDS, expected, "order_status;4711; Oak lamp; solved.").is_right);
    struct score_result result = scored(SCORE_FIELDS, expected, "order_status; 4712; oak lamp");
    assert_false(result.is_right);
    assert_int_equal(result.field_count, 4);
    assert_int_equal(result.fields_right, 2);
    assert_false(scored(SCORE_FIELDS, expected, "order_status; 4711; oak lamp; solved; more").is_right);
    assert_false(scored(SCORE_FIELDS, expected, "").is_right);
    assert_true(scored(SCORE_FIELDS, "\"4\"", "4").is_right);
}

static void kind_follows_task_then_answer(void **state)
{
    (void)state;
    yyjson_doc *tool = parsed("{\"name\":\"a\",\"arguments\":{}}"), *text = parsed("\"a\""), *object = parsed("{}");
    assert_int_equal(score_kind_of(STR("answer_500"), yyjson_doc_get_root(text)), SCORE_TEXT);
    assert_int_equal(score_kind_of(STR("extract"), yyjson_doc_get_root(text)), SCORE_JSON);
    assert_int_equal(score_kind_of(STR("summary_long"), yyjson_doc_get_root(text)), SCORE_FIELDS);
    assert_int_equal(score_kind_of(STR("other"), yyjson_doc_get_root(tool)), SCORE_TOOL);
    assert_int_equal(score_kind_of(STR("other"), yyjson_doc_get_root(object)), SCORE_JSON);
    json_free(tool);
    json_free(text);
    json_free(object);
}

static void assert_interval(struct score_interval interval, double score, double low, double high)
{
    assert_float_equal((float)interval.score, (float)score, 1e-4F);
    assert_float_equal((float)interval.low, (float)low, 1e-4F);
    assert_float_equal((float)interval.high, (float)high, 1e-4F);
}

/* 8 of 10: centre (0.8 + 3.8415/20) / 1.38415 = 0.71674, half width
 * 1.95996 / 1.38415 * sqrt(0.016 + 3.8415/400) = 0.22658. */
static void wilson_interval_by_hand(void **state)
{
    (void)state;
    assert_interval(score_wilson(8, 10), 0.8, 0.49016, 0.94332);
    assert_interval(score_wilson(0, 10), 0, 0, 0.27753);
    assert_interval(score_wilson(10, 10), 1, 0.72247, 1);
    assert_interval(score_wilson(95, 100), 0.95, 0.88825, 0.97846);
    assert_interval(score_wilson(0, 0), 0, 0, 0);
}

/* The first is the example of Newcombe's paper (36, 12, 2, 0): 0.0569 to 0.3404. */
static void difference_of_pairs_as_in_the_paper(void **state)
{
    (void)state;
    struct score_pairs paper = {.both = 36, .only_first = 12, .only_second = 2, .neither = 0};
    assert_interval(score_difference(&paper), 0.2, 0.0569, 0.3404);
    struct score_pairs swapped = {.both = 36, .only_first = 2, .only_second = 12, .neither = 0};
    assert_interval(score_difference(&swapped), -0.2, -0.3404, -0.0569);
    struct score_pairs same = {.both = 50};
    assert_interval(score_difference(&same), 0, -0.07135, 0.07135);
    assert_interval(score_difference(&(struct score_pairs){0}), 0, 0, 0);
}

static const char rows[] =
    "{\"id\":\"1\",\"task\":\"classify\",\"system\":\"Say \\\"hi\\\"\",\"messages\":[{\"role\":\"user\","
    "\"content\":\"a\"}],\"expected\":\"b\"}\n\n"
    "{\"task\":\"tool\",\"kind\":\"complex\",\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"c\"}]}],"
    "\"tools\":[{\"name\":\"t\",\"description\":\"d\",\"schema\":{\"type\":\"object\"}}],"
    "\"expected\":{\"name\":\"t\",\"arguments\":{}}}";

static void rows_become_requests(void **state)
{
    (void)state;
    struct eval_data data;
    struct error error;
    struct buf body;
    assert_int_equal(eval_data_parse(str_of(rows), "rows", &data, &error), OK);
    assert_int_equal(data.count, 2);
    assert_int_equal(data.task_count, 2);
    assert_false(data.rows[0].is_complex);
    assert_true(data.rows[1].is_complex);
    buf_init(&body, 4096);
    eval_row_append_request(&data.rows[0], &body);
    assert_str_equal(buf_str(&body), "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]}],"
                                     "\"system\":[{\"text\":\"Say \\\"hi\\\"\"}],"
                                     "\"inferenceConfig\":{\"temperature\":0,\"maxTokens\":70}}");
    buf_clear(&body);
    eval_row_append_request(&data.rows[1], &body);
    yyjson_doc *doc;
    assert_int_equal(json_parse(buf_str(&body), &doc, &error), OK);
    yyjson_val *spec = yyjson_ptr_get(yyjson_doc_get_root(doc), "/toolConfig/tools/0/toolSpec");
    assert_str_equal(json_str(yyjson_obj_get(spec, "description")), "d");
    assert_true(yyjson_is_obj(yyjson_ptr_get(spec, "/inputSchema/json")));
    json_free(doc);
    buf_deinit(&body);
    eval_data_deinit(&data);
}

static void bad_rows_name_their_line_and_field(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "no rows"},
        {"\n{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", "rows:2: expected"},
        {"{\"messages\":[],\"expected\":\"a\"}", "messages"},
        {"{\"messages\":[{\"role\":\"user\"}],\"expected\":\"a\"}", "messages[0].content"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"kind\":\"odd\",\"expected\":\"a\"}", "kind"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tools\":[{}],\"expected\":\"a\"}", "tools[0]"},
        {"[]", "expected an object"},
        {"{", "line 1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct eval_data data;
        struct error error;
        assert_int_equal(eval_data_parse(str_of(cases[i][0]), "rows", &data, &error), ERROR_INVALID);
        if (!strstr(error.message, cases[i][1]))
            fail_msg("case %zu: '%s' lacks '%s'", i, error.message, cases[i][1]);
    }
}

static void thinning_keeps_rows_of_all_parts(void **state)
{
    (void)state;
    struct buf text;
    struct eval_data data;
    struct error error;
    buf_init(&text, 65536);
    for (int i = 0; i < 10; i++)
        buf_appendf(&text, "{\"task\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
                           "\"expected\":\"%d\"}\n",
                    i < 5 ? "one" : "two", i);
    assert_int_equal(eval_data_parse(buf_str(&text), "rows", &data, &error), OK);
    eval_data_thin(&data, 20);
    assert_int_equal(data.count, 10);
    eval_data_thin(&data, 4);
    assert_int_equal(data.count, 4);
    assert_int_equal(data.rows[0].task, 0);
    assert_int_equal(data.rows[3].task, 1);
    eval_data_deinit(&data);
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_ignores_case_space_and_final_punctuation),
        cmocka_unit_test(json_ignores_order_and_spelling),
        cmocka_unit_test(json_counts_fields),
        cmocka_unit_test(tool_needs_name_and_arguments),
        cmocka_unit_test(fields_are_compared_one_by_one),
        cmocka_unit_test(kind_follows_task_then_answer),
        cmocka_unit_test(wilson_interval_by_hand),
        cmocka_unit_test(difference_of_pairs_as_in_the_paper),
        cmocka_unit_test(rows_become_requests),
        cmocka_unit_test(bad_rows_name_their_line_and_field),
        cmocka_unit_test(thinning_keeps_rows_of_all_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
