/* math.h - metric math: expressions over series, as GetMetricData and alarms have them.
 *
 * A set of queries, each with an ID: metrics, which the caller has, and expressions over the IDs of the others, in any
 * order. math_new reads all of them and finds what is wrong with them without a value; math_run gets the series of
 * metrics by callbacks and computes.
 *
 * Every series lies on the grid of its period: point i is at floor(start / period) * period + i * period. NAN is a
 * point that isn't there. Between two series a point that only one of them has counts as 0 in the other; a point
 * that has no finite value, such as one divided by zero, is dropped. Any thread; results lie in the caller's arena. */
#ifndef MONITOR_MATH_H
#define MONITOR_MATH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/mem.h"
#include "monitor/search.h"

#define MATH_PERIOD_MAX 86400

enum math_type {
    MATH_SCALAR, /* a number: no result, but a part of one */
    MATH_SERIES,
    MATH_ARRAY,  /* any number of series, also none */
};

struct math_query {
    struct str id;         /* [a-z][A-Za-z0-9_]*, each once */
    struct str expression; /* empty: a metric */
    uint32_t period_s;     /* of a metric; of an expression that takes none from a metric, or 0: chosen */
    bool is_wanted;        /* its result; an expression must be no mere number then */
};

struct math_range {
    int64_t start_s, end_s; /* since 1970; end exclusive */
    int64_t offset_s;       /* periods begin so far behind their multiples; 0 where nobody asks for more */
};
static inline int64_t math_first(const struct math_range *range, uint32_t period_s) /* time of point 0 */
{
    return range->start_s - ((range->start_s - range->offset_s) % period_s + period_s) % period_s;
}
static inline size_t math_points(const struct math_range *range, uint32_t period_s)
{
    const int64_t span = range->end_s - math_first(range, period_s);
    return span > 0 ? (size_t)((span + period_s - 1) / period_s) : 0;
}

struct math_series {
    struct str id;    /* of the query that it comes from; empty: made of several */
    struct str label; /* what tells it apart in an array; may be empty */
    const void *origin; /* of the source: the metric that it comes from; NULL: made of several */
    uint32_t period_s;
    double *values;   /* math_points of its period */
};

struct math_search {
    struct search *terms;
    struct str stat;
    uint32_t period_s;
};

/* Where series come from. Values are allocated in the arena. */
struct math_source {
    void *ctx;
    /* The metric queries[index]: label, origin and values; the rest is filled in. */
    enum error_code (*metric)(void *ctx, size_t index, const struct math_range *range, struct arena *arena,
                              struct math_series *series, struct error *error);
    /* Those that match, at most `max`, labels, origins and values. NULL: searches are refused. */
    enum error_code (*search)(void *ctx, const struct math_search *search, const struct math_range *range, size_t max,
                              struct arena *arena, struct math_series **found, size_t *count, struct error *error);
};

struct math;

/* Strings are borrowed. ERROR_INVALID names the query's ID: syntax, IDs that are not there, are there twice or go in a
 * circle, arguments of the wrong type, series of different periods in one operation. */
enum error_code math_new(const struct math_query *queries, size_t count, struct arena *arena, struct math **math,
                         struct error *error) WARN_UNUSED;

enum math_type math_type(const struct math *math, size_t index);
uint32_t math_period(const struct math *math, size_t index); /* of its points, seconds; 0: that of no series */
bool math_searches(const struct math *math, size_t index);   /* whether it, or what it is made of, has a SEARCH */

struct math_result {
    struct math_series *series; /* one for a metric and MATH_SERIES */
    size_t count;
};

/* results[i] of queries[i] that are wanted; the others are empty. ERROR_TOO_LARGE: more points than may be computed in
 * one request. */
enum error_code math_run(const struct math *math, const struct math_range *range, const struct math_source *source,
                         struct arena *arena, struct math_result *results, struct error *error) WARN_UNUSED;

#endif
