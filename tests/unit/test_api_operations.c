/* From paths to operations, counts to Prometheus lines. */
#include "support.h"

#include "api/call.h"
#include "api/metrics.h"
#include "api/operations.h"

static struct operations_match find(const char *method, const char *path)
{
    return operations_find(str_of(method), str_of(path));
}

static void operations_are_found_by_path(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *name, *parameter;
    } rows[] = {
        {"POST", "/model/tiny/converse", "Converse", "tiny"},
        {"POST", "/model/us.amazon.nova-pro-v1%3A0/converse-stream", "ConverseStream", "us.amazon.nova-pro-v1%3A0"},
        {"POST", "/model/a/invoke", "InvokeModel", "a"},
        {"POST", "/model/a/invoke-with-response-stream", "InvokeModelWithResponseStream", "a"},
        {"POST", "/model/arn%3Aaws%3Abedrock%3A%3A%3Afoundation-model%2Fx/count-tokens", "CountTokens",
         "arn%3Aaws%3Abedrock%3A%3A%3Afoundation-model%2Fx"},
        {"POST", "/model/arn:aws:bedrock:::foundation-model/x/converse", "Converse",
         "arn:aws:bedrock:::foundation-model/x"},
        {"GET", "/foundation-models", "ListFoundationModels", NULL},
        {"GET", "/foundation-models/a.b", "GetFoundationModel", "a.b"},
        {"GET", "/healthz", "healthz", NULL},
        {"HEAD", "/readyz", "readyz", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct operations_match match = find(rows[i].method, rows[i].path);
        assert_non_null(match.operation);
        assert_string_equal(match.operation->name, rows[i].name);
        if (rows[i].parameter)
            assert_str_equal(match.parameter, rows[i].parameter);
    }
}

static void what_is_not_served_is_known_by_name(void **state)
{
    (void)state;
    assert_string_equal(find("GET", "/guardrails").absent, "ListGuardrails");
    assert_string_equal(find("POST", "/guardrail/a/version/1/apply").absent, "ApplyGuardrail");
    assert_string_equal(find("POST", "/model/a/invoke-with-bidirectional-stream").absent,
                        "InvokeModelWithBidirectionalStream");
    assert_string_equal(find("POST", "/async-invoke").absent, "StartAsyncInvoke");
}

static void wrong_methods_and_paths_are_told_apart(void **state)
{
    (void)state;
    struct operations_match match = find("GET", "/model/a/converse");
    assert_null(match.operation);
    assert_string_equal(match.allowed_method, "POST");
    match = find("POST", "/nothing/here");
    assert_true(!match.operation && !match.absent && !match.allowed_method);
    match = find("POST", "/model//converse");
    assert_null(match.operation);
    match = find("POST", "/model/a/converse/");
    assert_null(match.operation);
    match = find("POST", "");
    assert_null(match.operation);
}

static void sets_are_added_up(void **state)
{
    (void)state;
    static const char *const operations[] = {"Converse", "none"};
    static const char *const models[] = {"tiny"};
    struct metrics *sets[2];
    for (size_t i = 0; i < 2; i++) {
        sets[i] = mem_must_calloc(1, sizeof(struct metrics));
        metrics_request(sets[i], 0, 0, 200);
        metrics_request(sets[i], 0, 0, 418);
        metrics_request(sets[i], 1, METRICS_NO_MODEL, 404);
        const struct metrics_usage usage = {
            .input_tokens = 10, .output_tokens = 5, .first_token_us = 30000, .decode_us = 4000};
        metrics_timed(sets[i], 0, &usage);
        metrics_billed(sets[i], 0, &usage, 7, 9);
    }
    struct buf out;
    buf_init(&out, 1 << 20);
    metrics_append(&out, sets, 2, operations, 2, models, 1);
    static const char *const lines[] = {
        "fulcrum_requests_total{operation=\"Converse\",model=\"tiny\",code=\"200\"} 2\n",
        "fulcrum_requests_total{operation=\"Converse\",model=\"tiny\",code=\"500\"} 2\n",
        "fulcrum_requests_total{operation=\"none\",model=\"\",code=\"404\"} 2\n",
        "fulcrum_input_tokens_total{model=\"tiny\"} 20\n",
        "fulcrum_output_tokens_total{model=\"tiny\"} 10\n",
        "fulcrum_cost_picodollars_total{model=\"tiny\"} 14\n",
        "fulcrum_time_to_first_token_seconds_bucket{model=\"tiny\",le=\"0.025\"} 0\n",
        "fulcrum_time_to_first_token_seconds_bucket{model=\"tiny\",le=\"0.05\"} 2\n",
        "fulcrum_time_to_first_token_seconds_bucket{model=\"tiny\",le=\"+Inf\"} 2\n",
        "fulcrum_time_to_first_token_seconds_sum{model=\"tiny\"} 0.060000\n",
        "fulcrum_time_per_output_token_seconds_bucket{model=\"tiny\",le=\"0.001\"} 2\n",
        "fulcrum_time_per_output_token_seconds_count{model=\"tiny\"} 2\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (str_find(buf_str(&out), str_of(lines[i]), 0) < 0)
            fail_msg("missing: %s in\n" STR_FMT, lines[i], STR_ARG(buf_str(&out)));
    buf_deinit(&out);
    for (size_t i = 0; i < 2; i++) {
        metrics_deinit(sets[i]);
        mem_free(sets[i]);
    }
}

/* And room for the tables of dialects to come. */
static void metrics_have_a_row_for_each(void **state)
{
    (void)state;
    assert_true(operations_count() + 32 < METRICS_OPERATIONS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_are_found_by_path),
        cmocka_unit_test(metrics_have_a_row_for_each),
        cmocka_unit_test(what_is_not_served_is_known_by_name),
        cmocka_unit_test(wrong_methods_and_paths_are_told_apart),
        cmocka_unit_test(sets_are_added_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
