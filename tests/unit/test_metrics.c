/* test_metrics.c - the conventions' histograms: their labels stay few whatever clients send, sets of threads add up;
 * and the stricter form of the text. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/metrics_genai.h"
#include "api/openmetrics.h"
#include "core/mem.h"

#define TEXT_MAX (4u << 20)

static struct metrics_genai_request request_of(const char *asked, const char *error, uint64_t first_token_us)
{
    return (struct metrics_genai_request){
        .operation = "chat", .provider = "aws.bedrock", .model_asked = str_of(asked), .model = "tiny", .error = error,
        .duration_us = 2 * first_token_us, .first_token_us = first_token_us, .decode_us = first_token_us,
        .output_tokens = 11};
}

static struct buf show(struct metrics_rows *const *sets, size_t count)
{
    struct buf out;
    buf_init(&out, TEXT_MAX);
    metrics_genai_append(&out, sets, count);
    assert_true(buf_append_char(&out, '\0'));
    return out;
}

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
        count++;
    return count;
}

static void labels_stay_few(void **state)
{
    (void)state;
    char name[64];
    struct metrics_rows set = {0};
    struct metrics_rows *sets[] = {&set};
    for (int i = 0; i < 5000; i++) { /* twice each */
        (void)snprintf(name, sizeof(name), "model-%d", i / 2);
        const struct metrics_genai_request request = request_of(name, i % 500 == 1 ? "Broken" : "", 3000);
        metrics_genai_observe(&set, &request);
    }
    struct buf out = show(sets, 1);
    assert_int_equal(count_of(out.data, "gen_ai_server_request_duration_seconds_count{"), METRICS_ROWS_MAX + 2);
    assert_non_null(strstr(out.data, "gen_ai_request_model=\"" METRICS_OTHER "\""));
    uint64_t total = 0;
    for (char *at = out.data; (at = strstr(at, "duration_seconds_count{")); at++)
        total += strtoull(strchr(at, '}') + 2, NULL, 10);
    assert_int_equal(total, 5000); /* nothing is lost */
    buf_deinit(&out);
    metrics_rows_deinit(&set);
}

static void sets_add_up_by_label(void **state)
{
    (void)state;
    struct metrics_rows first = {0}, second = {0};
    struct metrics_rows *sets[] = {&first, &second};
    const struct metrics_genai_request one = request_of("a\"\\\nb", "", 5000), other = request_of("b", "Gone", 1);
    for (int i = 0; i < 3; i++) {
        metrics_genai_observe(&first, &other);
        metrics_genai_observe(&first, &one);
        metrics_genai_observe(&second, &one);
    }
    struct buf out = show(sets, 2);
    assert_non_null(strstr(out.data, "gen_ai_server_time_to_first_token_seconds_bucket{gen_ai_operation_name=\"chat\","
                                     "gen_ai_provider_name=\"aws.bedrock\",gen_ai_request_model=\"a\\\"\\\\\\nb\","
                                     "gen_ai_response_model=\"tiny\",le=\"0.001\"} 0\n"));
    assert_non_null(strstr(out.data, "gen_ai_response_model=\"tiny\",le=\"0.005\"} 6\n")); /* on the bound is within */
    assert_non_null(strstr(out.data, "error_type=\"Gone\",le=\"+Inf\"} 3\n"));
    assert_null(strstr(out.data, "first_token_seconds_bucket{gen_ai_operation_name=\"chat\","
                                 "gen_ai_provider_name=\"aws.bedrock\",gen_ai_request_model=\"b\""));
    assert_non_null(strstr(out.data, "gen_ai_server_request_duration_seconds_sum{gen_ai_operation_name=\"chat\","
                                     "gen_ai_provider_name=\"aws.bedrock\",gen_ai_request_model=\"a\\\"\\\\\\nb\","
                                     "gen_ai_response_model=\"tiny\"} 0.060000\n"));
    buf_deinit(&out);
    metrics_rows_deinit(&first);
    metrics_rows_deinit(&second);
}

/* A series that there was no memory for counts as the others do. */
static void without_memory_nothing_breaks(void **state)
{
    (void)state;
    struct metrics_rows set = {0};
    struct metrics_rows *sets[] = {&set};
    const struct metrics_genai_request request = request_of("a", "", 1);
    mem_fail_at(1);
    metrics_genai_observe(&set, &request);
    mem_fail_at(0);
    metrics_genai_observe(&set, &request);
    struct buf out = show(sets, 1);
    assert_int_equal(count_of(out.data, "_count{"), 6);
    assert_int_equal(count_of(out.data, METRICS_OTHER "\",gen_ai_response_model=\"tiny\"} 1\n"), 3);
    buf_deinit(&out);
    metrics_rows_deinit(&set);
}

static void openmetrics_is_stricter(void **state)
{
    (void)state;
    static const char text[] = "# HELP a_total Help.\n# TYPE a_total counter\na_total{x=\"1\"} 3\n"
                               "# HELP b Gauge.\n# TYPE b gauge\nb 1\n"
                               "# HELP b_total Of b.\n# TYPE b_total counter\nb_total 2\n"
                               "# HELP c No total.\n# TYPE c counter\nc 1\n"
                               "# HELP h Times.\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"0.5\"} 0\n"
                               "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n";
    struct buf out;
    buf_init(&out, TEXT_MAX);
    assert_true(openmetrics_append(&out, str_of(text)));
    assert_true(buf_append_char(&out, '\0'));
    assert_string_equal(out.data, "# HELP a Help.\n# TYPE a counter\na_total{x=\"1\"} 3\n"
                                  "# HELP b Gauge.\n# TYPE b gauge\nb 1\n"
                                  "# HELP b_total Of b.\n# TYPE b_total unknown\nb_total 2\n"
                                  "# HELP c No total.\n# TYPE c unknown\nc 1\n"
                                  "# HELP h Times.\n# TYPE h histogram\n"
                                  "h_bucket{le=\"1.0\"} 1\nh_bucket{le=\"0.5\"} 0\n"
                                  "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n# EOF\n");
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_stay_few),
        cmocka_unit_test(sets_add_up_by_label),
        cmocka_unit_test(without_memory_nothing_breaks),
        cmocka_unit_test(openmetrics_is_stricter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
