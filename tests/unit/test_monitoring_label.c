/* Labels of series: each word of the service's, widths, and what is no word. */
#include "support.h"

#include <math.h>

#include "api/monitoring/label.h"

static const struct monitor_dimension dimensions[] = {{STR("ModelId"), STR("desk-large")}, {STR("Tier"), STR("flex")}};
static const struct monitor_metric metric = {.namespace = STR("AWS/Bedrock"), .name = STR("Invocations"),
                                             .dimensions = dimensions, .dimension_count = 2};
static const struct label_moment moment = {"123456789012", "eu-west-1", 1764500000 + 3725, 3600};

static void expect(const struct label_series *series, const char *label, const char *wanted)
{
    struct arena arena;
    arena_init(&arena, 1 << 16);
    const struct str text = label_expand(str_of(label), &moment, series, &arena);
    if (!str_eq(text, str_of(wanted)))
        fail_msg("%s: expected '%s', is '" STR_FMT "'", label, wanted, STR_ARG(text));
    arena_deinit(&arena);
}

static void words_tell_of_points(void **state)
{
    (void)state;
    const double values[] = {(double)NAN, 4, 2.5, (double)NAN, 12345678, 7, (double)NAN};
    /* 1764500000 is 2025-11-30 10:53:20 UTC. */
    const struct label_series series = {&metric, STR("Sum"), STR("default"), 60, 1764500000, values, 7};
    static const char *const rows[][2] = {
        {"${DATAPOINT_COUNT}", "4"},
        {"${SUM}", "12345691.5"},
        {"${AVG}", "3086422.9"},
        {"${FIRST} ${LAST}", "4 7"},
        {"${MIN}..${MAX}", "2.5..12345678"},
        {"${FIRST_LAST_RANGE}", "3"},
        {"${MIN_MAX_RANGE}", "12345675.5"},
        {"${FIRST_TIME}", "2025-11-30 11:54 +0100"},
        {"${MAX_TIME}", "2025-11-30 11:57 +0100"},
        {"${FIRST_TIME_RELATIVE}", "1h 1m 5s"},
        {"${FIRST_LAST_TIME_RANGE}", "4m"},
        {"${MIN_MAX_TIME_RANGE}", "2m"},
        {"${LABEL}", "default"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect(&series, rows[i][0], rows[i][1]);
}

static void words_tell_of_metrics(void **state)
{
    (void)state;
    const double value = 1;
    const struct label_series series = {&metric, STR("p99"), STR("default"), 300, 0, &value, 1};
    expect(&series, "${PROP('MetricName')} of ${PROP('Namespace')}", "Invocations of AWS/Bedrock");
    expect(&series, "${PROP(\"Dim.ModelId\")}/${PROP('Dim.Tier')}/${PROP('Dim.Other')}", "desk-large/flex/");
    expect(&series, "${PROP('Stat')} ${PROP('Period')} ${PROP('Region')} ${PROP('AccountId')}",
           "p99 300 eu-west-1 123456789012");
    const struct label_series sum = {.label = STR("e1"), .period_s = 60, .values = &value, .count = 1};
    expect(&sum, "${LABEL}: ${PROP('MetricName')}${LAST}", "e1: 1");
}

static void widths_fill_up(void **state)
{
    (void)state;
    const double value = 12;
    const struct label_series series = {&metric, STR("Sum"), STR("ab"), 60, 0, &value, 1};
    expect(&series, "[${LABEL|5}]", "[   ab]");
    expect(&series, "[${LABEL|-5}]", "[ab   ]");
    expect(&series, "[${MAX|1}]", "[12]");
}

static void what_is_no_word_stays(void **state)
{
    (void)state;
    const struct label_series series = {.label = STR("x"), .period_s = 60};
    static const char *const rows[] = {"",        "plain",     "${",          "${MAX",
                                       "${max}",  "${OTHER}",  "$MAX",        "${MAX|x}",
                                       "}${}",    "${PROP()}", "${PROP('x')}", "${PROP('}",
                                       "${LABEL|999999}", "${PROP(MetricName)}"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect(&series, rows[i], rows[i]);
    expect(&series, "${MAX} ${LAST_TIME} ${DATAPOINT_COUNT}", "- - 0");
}

static void long_labels_are_cut(void **state)
{
    (void)state;
    struct arena arena;
    char label[8000] = "";
    const struct label_series series = {.label = STR("0123456789"), .period_s = 60};
    for (size_t i = 0; i < 900; i++)
        memcpy(label + 8 * i, "${LABEL}", 9);
    arena_init(&arena, 1 << 16);
    assert_true(label_expand(str_of(label), &moment, &series, &arena).len <= LABEL_BYTES_MAX);
    arena_deinit(&arena);
}

static void zones_are_read(void **state)
{
    (void)state;
    int64_t zone = 0;
    assert_true(label_zone(STR("+0130"), &zone) && zone == 5400);
    assert_true(label_zone(STR("-0800"), &zone) && zone == -28800);
    static const char *const others[] = {"", "0130", "+130", "+01:30", "+2400", "+0060", "UTC", "+-130"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(label_zone(str_of(others[i]), &zone));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_tell_of_points),  cmocka_unit_test(words_tell_of_metrics),
        cmocka_unit_test(widths_fill_up),        cmocka_unit_test(what_is_no_word_stays),
        cmocka_unit_test(long_labels_are_cut),   cmocka_unit_test(zones_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
