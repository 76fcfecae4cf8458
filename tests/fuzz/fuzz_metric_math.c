/* Metric math: any texts as expressions of a set give an error that names one of them, or values that are finite or not
 * there, within the bounds. Lines of the input are the expressions. */
#include <assert.h>
#include <math.h>

#include "core/limits.h"
#include "monitor/math.h"

#define METRICS 3
#define QUERIES 8

static enum error_code give_metric(void *ctx, size_t index, const struct math_range *range, struct arena *arena,
                                   struct math_series *series, struct error *error)
{
    const struct math_query *queries = ctx;
    const size_t points = math_points(range, queries[index].period_s);
    (void)error;
    series->values = ARENA_ARRAY(arena, double, points);
    assert(series->values);
    for (size_t p = 0; p < points; p++)
        series->values[p] = (p + index) % 3 ? (double)p - (double)index : NAN;
    return OK;
}

static enum error_code give_found(void *ctx, const struct math_search *search, const struct math_range *range,
                                  size_t max, struct arena *arena, struct math_series **found, size_t *count,
                                  struct error *error)
{
    const struct search_dimension dimension = {STR("ModelId"), STR("desk-large")};
    const struct search_metric metric = {STR("AWS/Bedrock"), STR("InputTokenCount"), &dimension, 1};
    struct math_query query = {.period_s = search->period_s};
    assert(max > 0);
    *found = ARENA_NEW(arena, struct math_series);
    *count = search_matches(search->terms, &metric);
    return give_metric(&query, 0, range, arena, *found, error);
    (void)ctx;
}

static void check(const struct math *math, const struct math_range *range, const struct math_result *results)
{
    for (size_t i = METRICS; i < QUERIES; i++)
        for (size_t s = 0; s < results[i].count; s++) {
            const struct math_series *series = &results[i].series[s];
            assert(series->period_s > 0 && (math_type(math, i) == MATH_ARRAY || results[i].count == 1));
            for (size_t p = 0; p < math_points(range, series->period_s); p++)
                assert(!isinf(series->values[p]));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const ids[QUERIES] = {"m1", "m2", "m3", "e1", "e2", "e3", "e4", "e5"};
    struct math_query queries[QUERIES];
    struct math_result results[QUERIES];
    struct str rest = {(const char *)data, size}, line;
    struct arena arena;
    struct math *math;
    struct error error;
    size_t count = METRICS;
    for (size_t i = 0; i < QUERIES; i++)
        queries[i] = (struct math_query){.id = str_of(ids[i]), .period_s = i < 2 ? 60 : 300, .is_wanted = true};
    while (count < QUERIES && size > 0 && str_split(&rest, '\n', &line))
        queries[count++].expression = line;
    for (size_t i = METRICS; i < QUERIES; i++)
        queries[i].expression = queries[i].expression.len ? queries[i].expression : STR("m1");
    const struct math_source source = {queries, give_metric, give_found};
    const struct math_range range = {1000000030, 1000003000, 60};
    arena_init(&arena, 0);
    if (math_new(queries, QUERIES, &arena, &math, &error) == OK &&
        math_run(math, &range, &source, &arena, results, &error) == OK)
        check(math, &range, results);
    arena_deinit(&arena);
    return 0;
}
