/* Alarms: from datapoints to a state, what reasons say, what PutMetricAlarm may be, and how notices are signed. */
#include <math.h>

#include "alarm/config.h"
#include "alarm/decide.h"
#include "alarm/hook.h"
#include "core/config_section.h"
#include "core/limits.h"
#include "support.h"

/* --- states ----------------------------------------------------------------------------------------- */

#define RANGE 5
#define OK_ ALARM_STATE_OK
#define AL ALARM_STATE_ALARM
#define IN ALARM_STATE_INSUFFICIENT
#define KEEP ALARM_STATES

/* Datapoints as the service's own guide writes them, oldest first: X breaches, 0 does not, - is missing. In the order
 * of enum alarm_missing: what follows when missing points are missing, ignored, breaching, not breaching. */
static const struct {
    uint32_t periods, to_alarm;
    const char *points;
    enum alarm_state states[4];
    size_t missing;
} decisions[] = {
    {3, 3, "0-X-X", {OK_, OK_, OK_, OK_}, 0},
    {3, 3, "----0", {OK_, OK_, OK_, OK_}, 2},
    {3, 3, "-----", {IN, KEEP, AL, OK_}, 3},
    {3, 3, "0XX-X", {AL, AL, AL, AL}, 0},
    {3, 3, "--X--", {AL, KEEP, AL, OK_}, 2},
    {3, 2, "0-X-X", {AL, AL, AL, AL}, 0},
    {3, 2, "00X0X", {AL, AL, AL, AL}, 0},
    {3, 2, "0-X--", {OK_, OK_, AL, OK_}, 1},
    {3, 2, "----0", {OK_, OK_, AL, OK_}, 2},
    {3, 2, "---X-", {AL, KEEP, AL, OK_}, 2},
    /* Further ones of the same rules. */
    {3, 1, "X0000", {OK_, OK_, OK_, OK_}, 0},
    {3, 1, "00X00", {AL, AL, AL, AL}, 0},
    {3, 1, "---0-", {OK_, OK_, AL, OK_}, 2},
    {3, 2, "-X-X-", {AL, AL, AL, AL}, 1},
    {1, 1, "--X", {AL, AL, AL, AL}, 0},
    {1, 1, "X--", {AL, AL, AL, AL}, 0},
    {1, 1, "---", {IN, KEEP, AL, OK_}, 1},
    {1, 1, "XX0", {OK_, OK_, OK_, OK_}, 0},
    {5, 5, "XXXXX", {AL, AL, AL, AL}, 0},
    {5, 5, "XXX0X", {OK_, OK_, OK_, OK_}, 0},
    {5, 5, "XXXX-", {AL, KEEP, AL, OK_}, 1},
};

static size_t read_points(const char *text, double *values)
{
    const size_t count = strlen(text);
    for (size_t i = 0; i < count; i++)
        values[i] = text[i] == '-' ? NAN : text[i] == 'X' ? 1.0 : 99.0;
    return count;
}

static void points_become_states(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++)
        for (int missing = 0; missing < 4; missing++)
            for (enum alarm_state now = 0; now < ALARM_STATES; now++) {
                double values[RANGE];
                struct alarm_verdict verdict;
                const struct alarm_spec spec = {.comparison = ALARM_LESS, .threshold = 60, .period_s = 300,
                                                .missing = (enum alarm_missing)missing,
                                                .periods = decisions[i].periods, .to_alarm = decisions[i].to_alarm};
                const struct alarm_points points = {values, read_points(decisions[i].points, values), 0};
                enum alarm_state expected = decisions[i].states[missing];
                expected = expected == KEEP ? now : expected;
                alarm_decide(&spec, now, &points, &verdict);
                if (verdict.state != expected || verdict.missing != decisions[i].missing)
                    fail_msg("%s, %u of %u, missing %d, from %s: %s", decisions[i].points, decisions[i].to_alarm,
                             decisions[i].periods, missing, alarm_state_names[now], alarm_state_names[verdict.state]);
            }
}

static void thresholds_compare(void **state)
{
    static const struct {
        enum alarm_comparison comparison;
        bool below, at, above;
    } cases[] = {
        {ALARM_GREATER_EQUAL, false, true, true}, {ALARM_GREATER, false, false, true},
        {ALARM_LESS, true, false, false},         {ALARM_LESS_EQUAL, true, true, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct alarm_spec spec = {.comparison = cases[i].comparison, .threshold = 60};
        assert_int_equal(alarm_breaches(&spec, 59.9), cases[i].below);
        assert_int_equal(alarm_breaches(&spec, 60), cases[i].at);
        assert_int_equal(alarm_breaches(&spec, 60.1), cases[i].above);
    }
}

/* --- reasons ---------------------------------------------------------------------------------------- */

static void expect_reason(const char *text, enum alarm_missing missing, uint32_t to_alarm, const char *expected)
{
    double values[RANGE];
    struct alarm_verdict verdict;
    struct buf out;
    const struct alarm_spec spec = {.comparison = ALARM_LESS, .threshold = 60, .period_s = 300, .missing = missing,
                                    .periods = 3, .to_alarm = to_alarm};
    /* 2026-11-30 15:00:00 */
    const struct alarm_points points = {values, read_points(text, values), 1796050800};
    buf_init(&out, 65536);
    alarm_decide(&spec, ALARM_STATE_OK, &points, &verdict);
    alarm_reason_append(&out, &spec, ALARM_STATE_OK, &points, &verdict);
    assert_str_equal(buf_str(&out), expected);
    buf_deinit(&out);
}

static void reasons_name_datapoints(void **state)
{
    (void)state;
    expect_reason("00XXX", ALARM_MISSING, 3,
                  "Threshold Crossed: 3 out of the last 3 datapoints [1.0 (30/11/26 15:20:00), 1.0 (30/11/26 "
                  "15:15:00), 1.0 (30/11/26 15:10:00)] were less than the threshold (60.0) (minimum 3 datapoints for "
                  "OK -> ALARM transition).");
    expect_reason("XX00X", ALARM_MISSING, 2,
                  "Threshold Crossed: 2 out of the last 3 datapoints [1.0 (30/11/26 15:20:00), 99.0 (30/11/26 "
                  "15:15:00), 99.0 (30/11/26 15:10:00)] were not less than the threshold (60.0) (minimum 2 datapoints "
                  "for OK -> OK transition).");
    expect_reason("----X", ALARM_BREACHING, 3,
                  "Threshold Crossed: 1 out of the last 1 datapoint [1.0 (30/11/26 15:20:00)] was less than the "
                  "threshold (60.0) and 2 missing datapoints were treated as [Breaching] (minimum 3 datapoints for OK "
                  "-> ALARM transition).");
    expect_reason("-----", ALARM_NOT_BREACHING, 3,
                  "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated "
                  "as [NonBreaching] (minimum 1 datapoint for OK -> OK transition).");
    expect_reason("-----", ALARM_MISSING, 3, "Insufficient Data: 3 datapoints were unknown.");
}

static void reason_data_is_json(void **state)
{
    (void)state;
    double values[RANGE];
    struct alarm_verdict verdict;
    struct buf out;
    const struct alarm_spec spec = {.comparison = ALARM_LESS, .threshold = 60, .period_s = 300, .periods = 3,
                                    .to_alarm = 2, .statistic = STR("Sum")};
    const struct alarm_points points = {values, read_points("X-0-X", values), 1796050800};
    buf_init(&out, 65536);
    alarm_decide(&spec, ALARM_STATE_OK, &points, &verdict);
    alarm_reason_data_append(&out, &spec, &points, &verdict, UINT64_C(1796052300250000));
    assert_str_equal(buf_str(&out),
                     "{\"version\":\"1.0\",\"queryDate\":\"2026-11-30T15:25:00.250+0000\",\"startDate\":"
                     "\"2026-11-30T15:00:00.000+0000\",\"statistic\":\"Sum\",\"period\":300,\"recentDatapoints\":[1.0,"
                     "99.0,1.0],\"threshold\":60.0,\"evaluatedDatapoints\":[{\"timestamp\":\"2026-11-30T15:20:00.000"
                     "+0000\",\"value\":1.0},{\"timestamp\":\"2026-11-30T15:10:00.000+0000\",\"value\":99.0},"
                     "{\"timestamp\":\"2026-11-30T15:00:00.000+0000\",\"value\":1.0}]}");
    buf_deinit(&out);
}

static void numbers_are_short(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{60, "60.0"}, {0.1, "0.1"}, {-2.5, "-2.5"}, {100.0 / 3, "33.333333333333336"}, {0, "0.0"},
                 {1e20, "1e+20"}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out;
        buf_init(&out, 64);
        alarm_number_append(&out, cases[i].value);
        assert_str_equal(buf_str(&out), cases[i].text);
        buf_deinit(&out);
    }
}

/* --- what an alarm may be --------------------------------------------------------------------------- */

#define END "\"EvaluationPeriods\":3,\"Threshold\":60,\"ComparisonOperator\":\"LessThanThreshold\"}"
#define ONE "{\"MetricName\":\"InputTokenCount\",\"Namespace\":\"AWS/Bedrock\",\"Statistic\":\"Sum\",\"Period\":300,"
#define METRIC(id, name, more)                                                                             \
    "{\"Id\":\"" id "\",\"MetricStat\":{\"Metric\":{\"Namespace\":\"AWS/Bedrock\",\"MetricName\":\"" name  \
    "\",\"Dimensions\":[{\"Name\":\"ModelId\",\"Value\":\"m\"}]},\"Period\":300,\"Stat\":\"Sum\"}" more "}"
#define GOAL                                                                                                \
    "{\"Metrics\":[" METRIC("r", "CacheReadInputTokenCount", ",\"ReturnData\":false") ","                   \
    METRIC("w", "CacheWriteInputTokenCount", ",\"ReturnData\":false") ","                                   \
    METRIC("i", "InputTokenCount", ",\"ReturnData\":false") ",{\"Id\":\"hit\",\"Expression\":"              \
    "\"100*r/(r+w+i)\"}],"

static enum error_code read_spec(const char *text, struct arena *arena, struct alarm_spec *spec, struct error *error)
{
    yyjson_doc *doc = NULL;
    arena_init(arena, 0);
    assert_int_equal(json_parse(str_of(text), &doc, error), OK);
    const enum error_code code = alarm_spec_read(yyjson_doc_get_root(doc), arena, spec, error);
    json_free(doc);
    return code;
}

static void specs_are_read(void **state)
{
    (void)state;
    struct arena arena;
    struct alarm_spec spec;
    struct error error;
    assert_int_equal(read_spec(GOAL "\"DatapointsToAlarm\":2,\"TreatMissingData\":\"notBreaching\","
                                    "\"AlarmActions\":[\"arn:aws:sns:us-east-1:1:ops\"],\"New\":{\"a\":1}," END,
                               &arena, &spec, &error),
                     OK);
    assert_int_equal(spec.count, 4);
    assert_int_equal(spec.watched, 3);
    assert_int_equal(spec.period_s, 300);
    assert_int_equal(spec.periods, 3);
    assert_int_equal(spec.to_alarm, 2);
    assert_int_equal(spec.missing, ALARM_NOT_BREACHING);
    assert_int_equal(spec.action_counts[ALARM_STATE_ALARM], 1);
    arena_deinit(&arena);

    assert_int_equal(read_spec(ONE "\"Dimensions\":[]," END, &arena, &spec, &error), OK);
    assert_int_equal(spec.count, 1);
    assert_int_equal(spec.to_alarm, 3);
    assert_int_equal(spec.missing, ALARM_MISSING);
    arena_deinit(&arena);
}

static void wrong_specs_are_named(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{" END, "Statistic: an alarm over one metric has either Statistic or ExtendedStatistic"},
        {ONE "\"EvaluationPeriods\":3}", "ComparisonOperator: an alarm must have it"},
        {ONE "\"EvaluationPeriods\":3,\"ComparisonOperator\":\"LessThanThreshold\"}",
         "Threshold: an alarm must have it"},
        {ONE "\"Threshold\":1,\"ComparisonOperator\":\"LessThanThreshold\"}",
         "EvaluationPeriods: an alarm must have it"},
        {ONE "\"EvaluationPeriods\":3,\"Threshold\":1,\"ComparisonOperator\":\"LessThan\"}",
         "ComparisonOperator: 'LessThan' is none of GreaterThanOrEqualToThreshold, GreaterThanThreshold, "
         "LessThanThreshold, LessThanOrEqualToThreshold"},
        {ONE "\"ThresholdMetricId\":\"ad1\",\"EvaluationPeriods\":3,\"ComparisonOperator\":"
             "\"LessThanLowerOrGreaterThanUpperThreshold\"}",
         "ThresholdMetricId: alarms over anomaly detection bands are not supported; give a Threshold"},
        {ONE "\"EvaluationPeriods\":3,\"Threshold\":1,\"ComparisonOperator\":\"GreaterThanUpperThreshold\"}",
         "ComparisonOperator: alarms over anomaly detection bands are not supported; compare with a Threshold"},
        {"{\"EvaluationCriteria\":{}," END,
         "EvaluationCriteria: alarms over PromQL are not supported; give MetricName or Metrics"},
        {ONE "\"DatapointsToAlarm\":4," END, "DatapointsToAlarm: there can't be more than EvaluationPeriods"},
        {ONE "\"TreatMissingData\":\"never\"," END,
         "TreatMissingData: 'never' is none of missing, ignore, breaching, notBreaching"},
        {"{\"MetricName\":\"m\",\"Namespace\":\"n\",\"Statistic\":\"Sum\",\"Period\":10," END,
         "Period: 10 is no multiple of 60 up to 86400: minutes are what is kept"},
        {"{\"MetricName\":\"m\",\"Namespace\":\"n\",\"Statistic\":\"tm99\",\"Period\":60," END,
         "Statistic: 'tm99' is none of SampleCount, Average, Sum, Minimum, Maximum and p0 to p100"},
        {"{\"MetricName\":\"m\",\"Statistic\":\"Sum\",\"Period\":60," END, "Namespace: a metric must have it"},
        {"{\"MetricName\":\"m\",\"Namespace\":\"n\",\"Statistic\":\"Sum\",\"Period\":43200," END,
         NULL},
        {"{\"MetricName\":\"m\",\"Namespace\":\"n\",\"Statistic\":\"Sum\",\"Period\":1800,\"EvaluationPeriods\":49,"
         "\"Threshold\":1,\"ComparisonOperator\":\"LessThanThreshold\"}",
         "EvaluationPeriods: times the period it is more than a day, or, with periods of an hour and more, than seven"},
        {"{\"Metrics\":[]," END, "Metrics: there are 0 queries, 1 to 20 may be"},
        {"{\"Metrics\":[" METRIC("a", "A", "") "," METRIC("b", "B", "") "]," END,
         "Metrics: ReturnData is true for 2 queries; an alarm watches exactly one"},
        {"{\"Metrics\":[" METRIC("a", "A", ",\"ReturnData\":false")
         ",{\"Id\":\"e\",\"Expression\":\"a+nothing\"}]," END,
         "Metrics: expression 'e': no query has the ID 'nothing' (character 3)"},
        {"{\"Metrics\":[" METRIC("a", "A", ",\"ReturnData\":false")
         ",{\"Id\":\"e\",\"Expression\":\"METRICS()\"}]," END,
         "Metrics: the query that the alarm watches must give exactly one series"},
        {"{\"Metrics\":[{\"Id\":\"e\",\"Expression\":\"SUM(SEARCH('{A} x','Sum',300))\"}]," END,
         "Metrics: alarms can't use SEARCH"},
        {"{\"Metrics\":[{\"Id\":\"e\"}]," END, "Metrics[0].MetricStat: a query has either MetricStat or Expression"},
        {"{\"MetricName\":\"m\",\"Metrics\":[" METRIC("a", "A", "") "]," END,
         "MetricName: an alarm with Metrics can't have it"},
        {ONE "\"AlarmActions\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]," END, "AlarmActions: there may be 5 at most"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena;
        struct alarm_spec spec;
        struct error error = {0};
        assert_int_equal(read_spec(cases[i].text, &arena, &spec, &error), cases[i].message ? ERROR_INVALID : OK);
        if (cases[i].message)
            assert_string_equal(error.message, cases[i].message);
        arena_deinit(&arena);
    }
}

/* --- web hooks -------------------------------------------------------------------------------------- */

/* printf %s '1764489600.{"a":1}' | openssl dgst -sha256 -hmac secret */
static void notices_are_signed(void **state)
{
    (void)state;
    char signature[HOOK_SIGNATURE_LEN + 1], other[HOOK_SIGNATURE_LEN + 1];
    hook_sign(STR("secret"), 1764489600, STR("{\"a\":1}"), signature);
    assert_string_equal(signature, "v1=1b8a65ac636eb1354f29a132a68e3394b492f6b5d0ed3a16d389f82b0e3f1b43");
    hook_sign(STR("secret"), 1764489601, STR("{\"a\":1}"), other);
    assert_string_not_equal(signature, other);
    hook_sign(STR("secre"), 1764489600, STR("{\"a\":1}"), other);
    assert_string_not_equal(signature, other);
}

static void actions_find_their_hooks(void **state)
{
    (void)state;
    struct alarm_hook actions[] = {{.action = "arn:aws:sns:us-east-1:1:ops", .url = "https://a/x"}};
    struct alarm_hook allowed[] = {{.url = "https://b/hooks"}, {.url = "http://c:8080/"}};
    const struct alarm_config config = {.actions = actions, .action_count = 1, .allowed = allowed, .allowed_count = 2};
    assert_ptr_equal(alarm_hook_of(&config, STR("arn:aws:sns:us-east-1:1:ops")), &actions[0]);
    assert_null(alarm_hook_of(&config, STR("arn:aws:sns:us-east-1:1:op")));
    assert_ptr_equal(alarm_hook_of(&config, STR("https://b/hooks")), &allowed[0]);
    assert_ptr_equal(alarm_hook_of(&config, STR("https://b/hooks/1")), &allowed[0]);
    assert_ptr_equal(alarm_hook_of(&config, STR("https://b/hooks?x=1")), &allowed[0]);
    assert_null(alarm_hook_of(&config, STR("https://b/hooksters")));
    assert_null(alarm_hook_of(&config, STR("https://b/")));
    assert_ptr_equal(alarm_hook_of(&config, STR("http://c:8080/any/where")), &allowed[1]);
    assert_null(alarm_hook_of(&config, STR("http://c:80801/")));
}

static enum error_code read_config(const char *text, struct config *config, struct error *error)
{
    static const struct config_section *const sections[] = {&config_server_section, &alarms_section, NULL};
    return config_parse(str_of(text), "f.yaml", sections, config, error);
}

static void configuration_is_read(void **state)
{
    (void)state;
    struct config config;
    struct error error;
    assert_int_equal(read_config("alarms:\n  interval: 2s\n  actions:\n    \"arn:aws:sns:us-east-1:1:ops\":\n"
                                 "      url: https://h/x\n    arn2: {url: \"http://h:1/\", secret_env: PATH}\n"
                                 "  allowed:\n    - {url: \"https://h/\"}\n",
                                 &config, &error),
                     OK);
    const struct alarm_config *alarms = alarm_config(&config);
    assert_int_equal(alarms->interval_ms, 2000);
    assert_int_equal(alarms->action_count, 2);
    assert_string_equal(alarms->actions[0].action, "arn:aws:sns:us-east-1:1:ops");
    assert_string_equal(alarms->actions[0].url, "https://h/x");
    assert_string_equal(alarms->actions[1].secret_env, "PATH");
    assert_int_equal(alarms->allowed_count, 1);
    config_deinit(&config);
    assert_int_equal(read_config("listen: 127.0.0.1:1\n", &config, &error), OK);
    assert_int_equal(alarm_config(&config)->interval_ms, 60000);
    config_deinit(&config);
}

static void wrong_configurations_are_named(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"alarms:\n  actions: [a]\n",
         "f.yaml:2: alarms.actions: expected a mapping from ARNs to {url, secret_file or secret_env}"},
        {"alarms:\n  actions:\n    arn1: {}\n", "f.yaml:3: alarms.actions.arn1: the key 'url' is missing"},
        {"alarms:\n  actions:\n    arn1: {url: \"ftp://h\"}\n",
         "f.yaml:3: alarms.actions.arn1.url: expected an address that begins with http:// or https://, got the string "
         "'ftp://h'"},
        {"alarms:\n  actions:\n    arn1: {url: \"http://h/\", secret: x}\n", NULL},
        {"alarms:\n  actions:\n    arn1: {url: \"http://h/\", secret_file: no-such-file}\n", NULL},
        {"alarms:\n  allowed:\n    - {url: \"http://h/\", secret_env: NO_SUCH_VARIABLE_1}\n",
         "f.yaml:3: alarms.allowed[0]: the environment has no variable NO_SUCH_VARIABLE_1, which secret_env names"},
        {"alarms:\n  interval: 0\n", NULL},
        {"alarms:\n  intervall: 1s\n", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config config;
        struct error error = {0};
        assert_int_equal(read_config(cases[i].text, &config, &error), ERROR_INVALID);
        if (cases[i].message)
            assert_string_equal(error.message, cases[i].message);
        assert_non_null(strstr(error.message, "alarms."));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_become_states),
        cmocka_unit_test(thresholds_compare),
        cmocka_unit_test(reasons_name_datapoints),
        cmocka_unit_test(reason_data_is_json),
        cmocka_unit_test(numbers_are_short),
        cmocka_unit_test(specs_are_read),
        cmocka_unit_test(wrong_specs_are_named),
        cmocka_unit_test(notices_are_signed),
        cmocka_unit_test(actions_find_their_hooks),
        cmocka_unit_test(configuration_is_read),
        cmocka_unit_test(wrong_configurations_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
