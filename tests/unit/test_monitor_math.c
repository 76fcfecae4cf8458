/* Metric math: expressions over series with gaps, what they come to, and what is wrong with them; searches for
 * metrics. */
#include <math.h>
#include <stdio.h>

#include "core/limits.h"
#include "monitor/math.h"
#include "support.h"

#define POINTS 5
#define PERIOD 60
#define _ NAN

/* The metrics that expressions name. a and b are those of the service's own example. */
static const struct {
    const char *id;
    double values[POINTS];
} metrics[] = {
    {"a", {30, 20, 0, 0, _}},   {"b", {20, _, 20, _, _}},  {"c", {1, 1, 0, 0, _}},  {"d", {30, _, 0, 0, 30}},
    {"e", {0, 0, 20, _, 20}},   {"gap", {10, _, _, 40, _}}, {"none", {_, _, _, _, _}}, {"up", {1, 4, 9, 16, 25}},
    {"err4xx", {1, 1, 1, 1, 1}}, {"err5xx", {2, 2, _, 2, 2}},
};
#define METRICS (sizeof(metrics) / sizeof(metrics[0]))

static enum error_code give_metric(void *ctx, size_t index, const struct math_range *range, struct arena *arena,
                                   struct math_series *series, struct error *error)
{
    (void)ctx, (void)range, (void)error;
    series->label = str_of(metrics[index].id);
    series->values = ARENA_ARRAY(arena, double, POINTS);
    assert_non_null(series->values);
    memcpy(series->values, metrics[index].values, sizeof(metrics[index].values));
    return OK;
}

/* Three models' series; the second has no point. */
static enum error_code give_found(void *ctx, const struct math_search *search, const struct math_range *range,
                                  size_t max, struct arena *arena, struct math_series **found, size_t *count,
                                  struct error *error)
{
    static const char *const models[] = {"large", "small", "pro"};
    (void)ctx, (void)range, (void)error;
    assert_true(max >= 3);
    assert_true(str_eq(search->stat, STR("Sum")));
    *found = ARENA_ARRAY(arena, struct math_series, 3);
    *count = 0;
    for (size_t i = 0; i < 3; i++) {
        const struct search_dimension dimension = {STR("ModelId"), str_of(models[i])};
        const struct search_metric metric = {STR("AWS/Bedrock"), STR("InputTokenCount"), &dimension, 1};
        if (!search_matches(search->terms, &metric))
            continue;
        (*found)[*count].label = dimension.value;
        (*found)[*count].values = ARENA_ARRAY(arena, double, POINTS);
        for (size_t p = 0; p < POINTS; p++)
            (*found)[*count].values[p] = i == 1 ? NAN : (double)(i + p);
        *count += 1;
    }
    return OK;
}

static const struct math_source source = {NULL, give_metric, give_found};
static const struct math_range range = {6000, 6000 + POINTS * PERIOD, 0};

struct set {
    struct arena arena;
    struct math_query queries[METRICS + 2];
    struct math *math;
    struct math_result results[METRICS + 2];
    struct error error;
};

/* The metrics, and two expressions with the IDs x (wanted) and y. */
static enum error_code make_set(struct set *set, const char *x, const char *y)
{
    memset(set, 0, sizeof(*set));
    arena_init(&set->arena, 0);
    for (size_t i = 0; i < METRICS; i++)
        set->queries[i] = (struct math_query){.id = str_of(metrics[i].id), .period_s = PERIOD};
    set->queries[METRICS] = (struct math_query){.id = STR("x"), .expression = str_of(x), .is_wanted = true};
    set->queries[METRICS + 1] = (struct math_query){.id = STR("y"), .expression = str_of(y)};
    return math_new(set->queries, METRICS + 2, &set->arena, &set->math, &set->error);
}

static void run_set(struct set *set)
{
    const enum error_code code = math_run(set->math, &range, &source, &set->arena, set->results, &set->error);
    if (code != OK)
        fail_msg("%s", set->error.message);
}

static void expect_values(const char *expression, const struct math_series *series, const double *expected)
{
    for (size_t p = 0; p < POINTS; p++)
        if (isnan(series->values[p]) ? !isnan(expected[p]) : !(fabs(series->values[p] - expected[p]) < 1e-9))
            fail_msg("%s: point %zu is %g, expected %g", expression, p, series->values[p], expected[p]);
}

static const struct {
    const char *x, *y;
    double expected[POINTS];
} worth[] = {
    /* Gaps count as 0 beside a point of another series, and for nothing beside a number. */
    {"a + b", "1", {50, 20, 20, 0, _}},
    {"b + 1", "1", {21, _, 21, _, _}},
    {"a - b", "1", {10, 20, -20, 0, _}},
    {"b * 2", "1", {40, _, 40, _, _}},
    {"100*b/(a+b)", "1", {40, 0, 100, _, _}},
    {"a / b", "1", {1.5, _, 0, _, _}},
    {"1 / a", "1", {1.0 / 30, 1.0 / 20, _, _, _}},
    {"up ^ 0.5", "1", {1, 2, 3, 4, 5}},
    {"(0-up) ^ 0.5", "1", {_, _, _, _, _}},
    {"none + 1", "1", {_, _, _, _, _}},
    {"none + none", "1", {_, _, _, _, _}},
    /* What binds how tight. */
    {"up - 1 - 1", "1", {-1, 2, 7, 14, 23}},
    {"2 + 3 * up", "1", {5, 14, 29, 50, 77}},
    {"-up ^ 2", "1", {-1, -16, -81, -256, -625}},
    {"up ^ -1", "1", {1, 0.25, 1.0 / 9, 0.0625, 0.04}},
    {"up * 2 ^ 3 ^ 0", "1", {2, 8, 18, 32, 50}},
    {"-(-up)", "1", {1, 4, 9, 16, 25}},
    {"+up + .5e1", "1", {6, 9, 14, 21, 30}},
    {"up / 2 / 2", "1", {0.25, 1, 2.25, 4, 6.25}},
    {"up + (1 + 1 > 1 AND 0 OR 1)", "1", {2, 5, 10, 17, 26}},
    /* Comparisons: the service's own example. */
    {"(a < b)", "1", {0, 0, 1, 0, _}},
    {"a >= 30", "1", {1, 0, 0, 0, _}},
    {"a > 15 AND b > 15", "1", {1, 0, 0, 0, _}},
    {"a > 15 || b > 15", "1", {1, 1, 1, 0, _}},
    {"a == 0 && up != 9", "1", {0, 0, 0, 1, 0}},
    {"a <= 20", "1", {0, 1, 1, 1, _}},
    /* IF: the service's own tables. */
    {"IF(c, d, e)", "1", {30, 0, 20, _, _}},
    {"IF(c, 5, e)", "1", {5, 5, 20, _, _}},
    {"IF(c, d, 5)", "1", {30, 0, 5, 5, _}},
    {"IF(a<25, a)", "1", {_, 20, 0, 0, _}},
    {"IF(up > 4, 10, 2)", "1", {2, 2, 10, 10, 10}},
    {"IF(1, b, a)", "1", {20, _, 20, _, _}},
    {"IF(0, b)", "1", {_, _, _, _, _}},
    /* FILL. */
    {"FILL(gap, 0)", "1", {10, 0, 0, 40, 0}},
    {"FILL(gap, REPEAT)", "1", {10, 10, 10, 40, 40}},
    {"FILL(gap, LINEAR)", "1", {10, 20, 30, 40, _}},
    {"FILL(b, up)", "1", {20, 4, 20, 16, 25}},
    {"FILL(none, REPEAT)", "1", {_, _, _, _, _}},
    {"FILL(none, 3)", "1", {3, 3, 3, 3, 3}},
    {"FILL(gap, MIN(up))", "1", {10, 1, 1, 40, 1}},
    /* Numbers of one series, and one series of several. */
    {"up - AVG(up)", "1", {-10, -7, -2, 5, 14}},
    {"up - AVG(b)", "1", {-19, -16, -11, -4, 5}},
    {"up / AVG(none)", "1", {_, _, _, _, _}},
    {"up + SUM(b)", "1", {41, 44, 49, 56, 65}},
    {"MAX(up) - MIN(up) + up * 0", "1", {24, 24, 24, 24, 24}},
    {"STDDEV(gap) + up * 0", "1", {15, 15, 15, 15, 15}},
    {"up * 0 + DATAPOINT_COUNT(b)", "1", {2, 2, 2, 2, 2}},
    {"SUM([a, b])", "1", {50, 20, 20, 0, _}},
    {"AVG([a, b])", "1", {25, 10, 10, 0, _}},
    {"MIN([a, b])", "1", {20, 20, 0, 0, _}},
    {"MAX([a, b])", "1", {30, 20, 20, 0, _}},
    {"STDDEV([a, b])", "1", {5, 0, 10, 0, _}},
    {"SUM([a, b] / up)", "1", {50, 5, 20.0 / 9, 0, 0}},
    {"SUM(METRICS(\"err\"))", "1", {3, 3, 1, 3, 3}},
    {"SUM([METRICS(\"4xx\"), METRICS(\"5xx\")])", "1", {3, 3, 1, 3, 3}},
    {"SUM(-[err4xx, err5xx])", "1", {-3, -3, -1, -3, -3}},
    {"SUM(METRICS(\"nothing\"))", "1", {_, _, _, _, _}},
    {"up * 0 + METRIC_COUNT(METRICS(\"err\"))", "1", {2, 2, 2, 2, 2}},
    {"up / PERIOD(a) * 60", "1", {1, 4, 9, 16, 25}},
    /* Each point by itself, and beside the one before it. */
    {"ABS(a - b)", "1", {10, 20, 20, 0, _}},
    {"CEIL(up / 2)", "1", {1, 2, 5, 8, 13}},
    {"FLOOR(up / 2)", "1", {0, 2, 4, 8, 12}},
    {"LOG10(a)", "1", {1.4771212547196624, 1.3010299956639813, _, _, _}},
    {"DIFF(up)", "1", {_, 3, 5, 7, 9}},
    {"DIFF(gap)", "1", {_, _, _, 30, _}},
    {"DIFF_TIME(gap)", "1", {_, _, _, 180, _}},
    {"RATE(gap)", "1", {_, _, _, 30.0 / 180, _}},
    {"RUNNING_SUM(gap)", "1", {10, _, _, 50, _}},
    {"RUNNING_SUM(FILL(gap, 0))", "1", {10, 10, 10, 50, 50}},
    {"MINUTE(none)", "1", {40, 41, 42, 43, 44}},
    {"EPOCH(up) - 6000", "1", {0, 60, 120, 180, 240}},
    {"DAY(up) * 10000 + YEAR(up)", "1", {41970, 41970, 41970, 41970, 41970}},
    {"TIME_SERIES(MAX(up))", "1", {25, 25, 25, 25, 25}},
    /* Arrays. */
    {"FIRST(SORT([a, up, b], MAX, DESC))", "1", {30, 20, 0, 0, _}},
    {"LAST(SORT([a, up, none], SUM, ASC, 2))", "1", {1, 4, 9, 16, 25}},
    {"SUM(SLICE([up, a, up], 1))", "1", {31, 24, 9, 16, 25}},
    {"SUM(SLICE([up, a, up], 0, 1))", "1", {1, 4, 9, 16, 25}},
    {"SUM(SEARCH('{AWS/Bedrock,ModelId} MetricName=\"InputTokenCount\"', 'Sum', 60))", "1", {2, 4, 6, 8, 10}},
    /* Others by their IDs, in any order; an ID may look like a word. */
    {"y * 2", "a + b", {100, 40, 40, 0, _}},
    {"up * y", "2 + 1", {3, 12, 27, 48, 75}},
    {"SUM(y)", "[a, b]", {50, 20, 20, 0, _}},
    {"y + y", "up - AVG(up)", {-20, -14, -4, 10, 28}},
};

static void expressions_have_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(worth) / sizeof(worth[0]); i++) {
        struct set set;
        if (make_set(&set, worth[i].x, worth[i].y) != OK)
            fail_msg("%s: %s", worth[i].x, set.error.message);
        run_set(&set);
        assert_int_equal(set.results[METRICS].count, 1);
        assert_int_equal(math_period(set.math, METRICS), PERIOD);
        assert_null(set.results[0].series);
        expect_values(worth[i].x, set.results[METRICS].series, worth[i].expected);
        arena_deinit(&set.arena);
    }
}

/* A series that two expressions share is never changed by one of them. */
static void shared_series_stay(void **state)
{
    (void)state;
    struct set set;
    assert_int_equal(make_set(&set, "FILL(a, 20) + y * 0 + up * 1", "ABS(a) + RUNNING_SUM(a)"), OK);
    set.queries[0].is_wanted = set.queries[7].is_wanted = set.queries[METRICS + 1].is_wanted = true;
    run_set(&set);
    expect_values("a", set.results[0].series, metrics[0].values);
    expect_values("up", set.results[7].series, metrics[7].values);
    expect_values("x", set.results[METRICS].series, (const double[]){31, 24, 9, 16, 45});
    expect_values("y", set.results[METRICS + 1].series, (const double[]){60, 70, 50, 50, _});
    arena_deinit(&set.arena);
}

static void arrays_keep_labels(void **state)
{
    (void)state;
    static const char *const expected[] = {"pro", "large"};
    struct set set;
    assert_int_equal(make_set(&set,
                              "SORT(REMOVE_EMPTY(SEARCH('{AWS/Bedrock,ModelId} InputTokenCount', 'Sum', 60)), AVG, "
                              "DESC) / 1000",
                              "METRICS()/2"),
                     OK);
    assert_int_equal(math_type(set.math, METRICS), MATH_ARRAY);
    assert_true(math_searches(set.math, METRICS));
    assert_false(math_searches(set.math, METRICS + 1));
    set.queries[METRICS + 1].is_wanted = true;
    run_set(&set);
    assert_int_equal(set.results[METRICS].count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(str_eq(set.results[METRICS].series[i].label, str_of(expected[i])));
    assert_int_equal(set.results[METRICS + 1].count, METRICS);
    for (size_t i = 0; i < METRICS; i++)
        assert_true(str_eq(set.results[METRICS + 1].series[i].id, str_of(metrics[i].id)));
    arena_deinit(&set.arena);
}

static void faults_are_named(void **state)
{
    static const struct {
        const char *x, *y, *message;
    } cases[] = {
        {"a +", "1", "expression 'x': expected a number, an ID, a function or ( at the end"},
        {"a b", "1", "expression 'x': expected an operator at character 3 ('b')"},
        {"(a", "1", "expression 'x': expected ) at the end"},
        {"a + m7", "1", "expression 'x': no query has the ID 'm7' (character 5)"},
        {"y", "x", "expression 'x' is made of itself"},
        {"a + x", "1", "expression 'x' is made of itself"},
        {"a", "NOSUCH(a)", "expression 'y': there is no function 'NOSUCH' (character 1)"},
        {"ANOMALY_DETECTION_BAND(a)", "1",
         "expression 'x': ANOMALY_DETECTION_BAND at character 1 is not supported here"},
        {"SELECT SUM(InputTokenCount)", "1", "expression 'x': queries by SELECT are not supported here; use SEARCH"},
        {"AVG(a)", "1",
         "expression 'x': it is a number and no series; make one of it by TIME_SERIES, or set ReturnData to false"},
        {"5", "1",
         "expression 'x': it is a number and no series; make one of it by TIME_SERIES, or set ReturnData to false"},
        {"'text'", "1", "expression 'x': 'text' is neither a number nor a series"},
        {"REPEAT", "1", "expression 'x': 'REPEAT' is neither a number nor a series"},
        {"a + 'text'", "1", "expression 'x': 'text' at character 5 is neither a number nor a series"},
        {"[a, b] + [a, b]", "1",
         "expression 'x': the operator at character 8 stands between two arrays of series; make a series of one, as "
         "by SUM"},
        {"SUM([a, 1])", "1", "expression 'x': the number at character 9 is no series: [ ] has series only"},
        {"FILL(a)", "1",
         "expression 'x': FILL at character 1 has 1 arguments: write FILL(m, 0), FILL(m, REPEAT), FILL(m, LINEAR) or "
         "FILL(m1, m2)"},
        {"FILL(a, SOMEHOW)", "1",
         "expression 'x': FILL at character 1 can't take these arguments: write FILL(m, 0), FILL(m, REPEAT), "
         "FILL(m, LINEAR) or FILL(m1, m2)"},
        {"IF([a, b], 1, 0)", "1",
         "expression 'x': IF at character 1 can't take these arguments: write IF(m > 1, m, 0) with numbers and single "
         "series"},
        {"SUM(3)", "1", "expression 'x': SUM at character 1 can't take these arguments: write SUM(m) or SUM([m1, m2])"},
        {"SORT(METRICS(), STDDEV, DESC)", "1",
         "expression 'x': SORT at character 1 can't take these arguments: write SORT(METRICS(), AVG, DESC, 5) by AVG, "
         "MIN, MAX or SUM, ASC or DESC"},
        {"SEARCH('{A,B} (x', 'Sum', 60)", "1",
         "expression 'x': SEARCH at character 1: expected ) at character 9 of the search"},
        {"SEARCH('{A,B} x', 'Sum', 0)", "1",
         "expression 'x': the period of SEARCH at character 1 must be from 1 to 86400 seconds"},
        {"a + SEARCH('{A,B} x', 'Sum', 300)", "1",
         "expression 'x': at character 5 series of 60 and of 300 seconds come together; give them the same Period"},
        {"\"open", "1", "expression 'x': a text without its second quote at character 1 ('\"open')"},
        {"a $ b", "1", "expression 'x': expected an operator at character 3 ('$ b')"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct set set;
        assert_int_equal(make_set(&set, cases[i].x, cases[i].y), ERROR_INVALID);
        assert_string_equal(set.error.message, cases[i].message);
        arena_deinit(&set.arena);
    }
}

static void ids_are_checked(void **state)
{
    (void)state;
#define RULE "must begin with a small letter and have letters, digits and underscores, 255 at most"
    static const struct {
        const char *one, *other, *message;
    } cases[] = {
        {"m1", "m1", "the ID 'm1' is there twice"},
        {"M1", "m2", "the ID 'M1' " RULE},
        {"", "m2", "the ID '' " RULE},
        {"m1", "m-2", "the ID 'm-2' " RULE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena;
        struct math *math;
        struct error error;
        const struct math_query queries[] = {{.id = str_of(cases[i].one), .period_s = 60},
                                             {.id = str_of(cases[i].other), .period_s = 60}};
        arena_init(&arena, 0);
        assert_int_equal(math_new(queries, 2, &arena, &math, &error), ERROR_INVALID);
        assert_string_equal(error.message, cases[i].message);
        arena_deinit(&arena);
    }
}

/* No expression takes the stack, the memory or the hour: each bound gives an error. */
static void everything_is_bounded(void **state)
{
    (void)state;
    char text[LIMIT_MATH_EXPRESSION + 8];
    struct set set;
    memset(text, '(', LIMIT_MATH_EXPRESSION);
    text[LIMIT_MATH_EXPRESSION] = '\0';
    assert_int_equal(make_set(&set, text, "1"), ERROR_TOO_LARGE);
    arena_deinit(&set.arena);
    memset(text, '-', LIMIT_MATH_EXPRESSION);
    assert_int_equal(make_set(&set, text, "1"), ERROR_TOO_LARGE);
    arena_deinit(&set.arena);
    memset(text, ' ', LIMIT_MATH_EXPRESSION + 1);
    text[LIMIT_MATH_EXPRESSION + 1] = '\0';
    text[0] = 'a';
    assert_int_equal(make_set(&set, text, "1"), ERROR_INVALID);
    arena_deinit(&set.arena);

    /* As long as an expression may be, to the left as deep as it may be. */
    text[0] = 'b';
    for (size_t i = 1; i + 1 < LIMIT_MATH_EXPRESSION; i += 2) {
        text[i] = '+';
        text[i + 1] = 'b';
    }
    text[LIMIT_MATH_EXPRESSION - 1] = '\0';
    assert_int_equal(make_set(&set, text, "1"), OK);
    run_set(&set);
    assert_true(set.results[METRICS].series->values[0] == 20.0 * (LIMIT_MATH_EXPRESSION / 2));
    const struct math_range years = {0, (int64_t)PERIOD * 20000000, 0};
    assert_int_equal(math_run(set.math, &years, &source, &set.arena, set.results, &set.error), ERROR_TOO_LARGE);
    arena_deinit(&set.arena);
}

/* Expressions that lead from one to the next, each twice: as many steps as expressions. */
static void chains_take_their_length(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    static char texts[COUNT][32], ids[COUNT][16];
    static struct math_query queries[COUNT];
    static struct math_result results[COUNT];
    struct arena arena;
    struct math *math;
    struct error error;
    arena_init(&arena, 0);
    for (int i = 0; i < COUNT; i++) {
        snprintf(ids[i], sizeof(ids[i]), "e%d", i);
        snprintf(texts[i], sizeof(texts[i]), "(e%d + e%d) / 2", i + 1, i + 1);
        queries[i] = (struct math_query){.id = str_of(ids[i]), .expression = str_of(texts[i]), .is_wanted = i == 0};
    }
    queries[COUNT - 1] = (struct math_query){.id = str_of(ids[COUNT - 1]), .period_s = PERIOD};
    static const struct math_source first = {NULL, give_metric, NULL};
    assert_int_equal(math_new(queries, COUNT, &arena, &math, &error), OK);
    assert_false(math_searches(math, 0));
    /* The callback gives metrics by index: the chain's end has none of these. */
    queries[COUNT - 1].expression = STR("TIME_SERIES(7)");
    assert_int_equal(math_new(queries, COUNT, &arena, &math, &error), OK);
    assert_int_equal(math_run(math, &range, &first, &arena, results, &error), OK);
    assert_true(results[0].series->values[0] == 7);
    arena_deinit(&arena);
}

static void periods_of_a_set(void **state)
{
    (void)state;
    struct arena arena;
    struct math *math;
    struct error error;
    struct math_query queries[] = {
        {.id = STR("m1"), .period_s = 60},
        {.id = STR("m2"), .period_s = 300},
        {.id = STR("e1"), .expression = STR("m2 + TIME_SERIES(1)")},
        {.id = STR("e2"), .expression = STR("m1 * AVG(m2)")},
        {.id = STR("e3"), .expression = STR("TIME_SERIES(1)"), .period_s = 3600},
    };
    arena_init(&arena, 0);
    assert_int_equal(math_new(queries, 5, &arena, &math, &error), OK);
    assert_int_equal(math_period(math, 2), 300);
    assert_int_equal(math_period(math, 3), 60);
    assert_int_equal(math_period(math, 4), 3600);
    queries[2].expression = STR("m1 + m2");
    assert_int_equal(math_new(queries, 5, &arena, &math, &error), ERROR_INVALID);
    assert_string_equal(error.message, "expression 'e1': at character 6 series of 60 and of 300 seconds come together; "
                                       "give them the same Period");
    queries[2].expression = STR("SUM(METRICS())");
    assert_int_equal(math_new(queries, 5, &arena, &math, &error), ERROR_INVALID);
    arena_deinit(&arena);
}

static void grids_begin_at_whole_periods(void **state)
{
    (void)state;
    const struct math_range odd = {1000, 1900, 0};
    assert_int_equal(math_first(&odd, 300), 900);
    assert_int_equal(math_points(&odd, 300), 4);
    const struct math_range moved = {1000, 1900, 120}; /* 720, 1020, ... */
    assert_int_equal(math_first(&moved, 300), 720);
    assert_int_equal(math_points(&moved, 300), 4);
    assert_int_equal(math_first(&(struct math_range){1020, 1900, 120}, 300), 1020);
    assert_int_equal(math_points(&(struct math_range){900, 1200, 0}, 300), 1);
    assert_int_equal(math_points(&(struct math_range){900, 900, 0}, 300), 0);
    assert_int_equal(math_points(&(struct math_range){1200, 900, 0}, 300), 0);
}

/* --- searches --------------------------------------------------------------------------------------- */

static void searches_match(void **state)
{
    static const struct search_dimension model[] = {{STR("ModelId"), STR("desk-large-v2")}};
    static const struct search_dimension tier[] = {{STR("ServiceTier"), STR("flex")},
                                                   {STR("ModelId"), STR("t2.micro")}};
    static const struct search_metric of_model = {STR("AWS/Bedrock"), STR("InputTokenCount"), model, 1};
    static const struct search_metric of_tier = {STR("AWS/Bedrock"), STR("CacheReadInputTokenCount"), tier, 2};
    static const struct search_metric own = {STR("My Space"), STR("Europe\\France Traffic(Network)"), NULL, 0};
    static const struct {
        const char *text;
        bool of_model, of_tier, own;
    } cases[] = {
        {"{AWS/Bedrock,ModelId}", true, false, false},
        {"{AWS/Bedrock, ModelId, ServiceTier}", false, true, false},
        {"{AWS/Bedrock}", true, true, false},
        {"{\"AWS/Bedrock\",\"ModelId\"} MetricName=\"InputTokenCount\"", true, false, false},
        {"{AWS/Bedrock,ModelId}, \"InputTokenCount\"", true, false, false},
        {"{AWS/Bedrock} MetricName=\"InputToken\"", false, false, false},
        {"{AWS/Bedrock} InputToken", true, true, false},
        {"inputtokencount", true, false, false},
        {"token", true, true, false},
        {"ToKen", false, false, false},
        {"token count", true, true, false},
        {"CountToken", false, false, false},
        {"MetricName=input", true, true, false},
        {"read OR Namespace=\"My Space\"", false, true, true},
        {"Namespace=AWS", true, true, false},
        {"NOT Namespace=AWS", false, false, true},
        {"{AWS/Bedrock} token NOT read", true, false, false},
        {"{AWS/Bedrock} token AND NOT (read OR desk)", false, false, false},
        {"(bedrock AND read) OR traffic", false, true, true},
        {"MetricName=\"InputTokenCount\" OR (ServiceTier=flex AND MetricName=\"CacheReadInputTokenCount\")", true, true,
         false},
        {"ModelId=\"t2.micro\"", false, true, false},
        {"ModelId=large", true, false, false},
        {"desk_large", true, false, false},
        {"\"desk-large\"", false, false, false},
        {"\"desk-large-v2\"", true, false, false},
        {"v2", true, false, false},
        {"\"Europe\\\\France Traffic\\(Network\\)\"", false, false, true},
        {"order", false, false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena;
        struct search *search;
        struct error error;
        arena_init(&arena, 0);
        if (search_parse(str_of(cases[i].text), &arena, &search, &error) != OK)
            fail_msg("%s: %s", cases[i].text, error.message);
        if (search_matches(search, &of_model) != cases[i].of_model ||
            search_matches(search, &of_tier) != cases[i].of_tier || search_matches(search, &own) != cases[i].own)
            fail_msg("%s matches others", cases[i].text);
        arena_deinit(&arena);
    }
}

static void broken_searches_are_named(void **state)
{
    static const char *const cases[] = {"", "  ", "{", "{A,}", "{A B}", "(a", "a)", "\"a", "NOT", "a AND", "a OR",
                                        "a OR OR b", "=b", "a=", "OR a", "((((((((((((((((((((a))))))))))))))))))))"};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena;
        struct search *search;
        struct error error = {0};
        arena_init(&arena, 0);
        if (search_parse(str_of(cases[i]), &arena, &search, &error) != ERROR_INVALID)
            fail_msg("'%s' was taken", cases[i]);
        assert_true(strlen(error.message) > 0);
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_have_values),
        cmocka_unit_test(shared_series_stay),
        cmocka_unit_test(arrays_keep_labels),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(ids_are_checked),
        cmocka_unit_test(everything_is_bounded),
        cmocka_unit_test(chains_take_their_length),
        cmocka_unit_test(periods_of_a_set),
        cmocka_unit_test(grids_begin_at_whole_periods),
        cmocka_unit_test(searches_match),
        cmocka_unit_test(broken_searches_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
