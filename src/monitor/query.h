/* query.h - what the monitor has: points of one metric, and which metrics there are. For GetMetricData, the evaluation
 * of alarms, and the search of expressions.
 *
 * A metric is (tenant, namespace, name, set of dimensions): sets match exactly, in any order, and a tenant sees its own
 * alone. Times are seconds since 1970. A bucket of a question with period p begins at a multiple of p, and has all
 * samples of [t, t + p). What is long ago is kept in coarser buckets (series.h): then the period is raised to a
 * multiple of theirs. Any thread; may wait for the disk. */
#ifndef MONITOR_QUERY_H
#define MONITOR_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

struct monitor;

#define MONITOR_DIMENSIONS_MAX 30

struct monitor_dimension {
    struct str name, value;
};

struct monitor_metric {
    struct str tenant, namespace, name;
    const struct monitor_dimension *dimensions;
    size_t dimension_count;
    struct str unit; /* in questions data NULL: whatever it is */
};

/* --- statistics --- */

enum monitor_statistic {
    MONITOR_SAMPLE_COUNT,
    MONITOR_AVERAGE,
    MONITOR_SUM,
    MONITOR_MINIMUM,
    MONITOR_MAXIMUM,
    MONITOR_PERCENTILE,
    MONITOR_STATISTICS,
};
extern const char *const monitor_statistic_names[MONITOR_PERCENTILE]; /* "SampleCount", ... */

struct monitor_stat {
    enum monitor_statistic kind;
    double percentile; /* 0 to 100 */
};

/* "Sum", ..., "p99.9". False: it is none that is served. */
bool monitor_stat_parse(struct str text, struct monitor_stat *stat);

/* The least period for which percentiles of the metric are kept, whose multiples have them too: a minute of durations
 * and of whatever clients put, an hour of counts of tokens. 0: they are not kept. */
uint32_t monitor_percentile_period(const struct monitor_metric *metric);

/* --- points --- */

struct monitor_range {
    uint64_t from_s, to_s; /* buckets that begin at `from`, put down to its period, or later, and before `to` */
    uint32_t period_s;     /* a multiple of 60 */
    uint32_t offset_s;     /* buckets begin so far behind multiples of the period; a multiple of 60, below it */
};

struct sketch;

/* One bucket, with all that can be asked of it. */
struct monitor_bucket {
    uint64_t time_s;
    double count, sum, min, max;
    const struct sketch *sketch; /* how samples are distributed, in units of 1 / sketch_scale; NULL: it is not known */
    double sketch_scale;
};

struct monitor_points {
    uint64_t *times_s; /* ascending; periods without a sample are missing */
    double *values;
    size_t count;
    uint32_t period_s; /* of the answer: that of the question, or a coarser one */
};

/* In the arena. ERROR_INVALID: the range has more than LIMIT_MONITOR_POINTS periods. A metric that there is not has no
 * points. ERROR_IO, ERROR_UNAVAILABLE, ERROR_INTERNAL: the store. */
enum error_code monitor_read(struct monitor *monitor, const struct monitor_metric *metric,
                             const struct monitor_stat *stat, const struct monitor_range *range, struct arena *arena,
                             struct monitor_points *points, struct error *error) WARN_UNUSED;

/* The same with everything, for several statistics at once. `unit` is the metric's. */
struct monitor_buckets {
    struct monitor_bucket *items;
    size_t count;
    uint32_t period_s;
    struct str unit;
};
enum error_code monitor_read_buckets(struct monitor *monitor, const struct monitor_metric *metric, bool has_sketches,
                                     const struct monitor_range *range, struct arena *arena,
                                     struct monitor_buckets *buckets, struct error *error) WARN_UNUSED;
/* NAN: a percentile that is not known. */
double monitor_bucket_value(const struct monitor_bucket *bucket, const struct monitor_stat *stat);

/* What a period becomes for a question that begins at `from_s`. */
uint32_t monitor_period_at(const struct monitor *monitor, uint32_t period_s, uint64_t from_s, uint64_t now_s);

/* Cuts a time to what may have points: not before the oldest that is kept, nor far ahead of now. */
void monitor_clamp(const struct monitor *monitor, uint64_t now_s, int64_t *from_s, int64_t *to_s);

/* --- which metrics there are --- */

struct monitor_filter {
    struct str tenant;
    struct str namespace, name; /* data NULL: all */
    /* Each must be among the metric's; a value whose data is NULL: whatever it is. */
    const struct monitor_dimension *dimensions;
    size_t dimension_count;
    bool is_exact;         /* the metric has no others; by name alone where values are open */
    uint64_t active_since_s; /* it has a sample of that time or later; 0: of any time */
};

/* Calls `each` in the order of namespace, name and dimensions; strings are valid inside. It may end the list by an
 * error of its own. */
enum error_code monitor_list(struct monitor *monitor, const struct monitor_filter *filter,
                             enum error_code (*each)(void *ctx, const struct monitor_metric *metric,
                                                     struct error *error),
                             void *ctx, struct error *error) WARN_UNUSED;

/* The tenant with metrics that comes behind this one (empty: the first), in the arena; data NULL: there is none. */
enum error_code monitor_next_tenant(struct monitor *monitor, struct str beyond, struct arena *arena,
                                    struct str *tenant, struct error *error) WARN_UNUSED;

#endif
