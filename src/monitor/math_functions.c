/* math_functions.c - the functions of metric math: what each takes, and what it makes of it. See math.h. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "core/limits.h"
#include "monitor/math_internal.h"

/* --- what they take --------------------------------------------------------------------------------- */

static bool is_value(const struct math_node *node)
{
    return node->kind != MATH_STRING && node->kind != MATH_WORD;
}

static bool is_series(const struct math_node *node)
{
    return is_value(node) && node->type != MATH_SCALAR;
}

static bool is_scalar(const struct math_node *node)
{
    return is_value(node) && node->type == MATH_SCALAR;
}

static bool is_word(const struct math_node *node, const char *word)
{
    return node->kind == MATH_WORD && str_eq(node->text, str_of(word));
}

static enum error_code refuse(const struct math_node *call, struct error *error)
{
    return error_set(error, ERROR_INVALID, "%s at character %zu can't take these arguments: write %s",
                     call->function->name, call->at, call->function->usage);
}

static enum error_code gives(const struct math *math, struct math_node *call, enum math_type type)
{
    call->type = type;
    if (type == MATH_SCALAR)
        call->period_s = 0;
    else if (call->period_s == 0 && type == MATH_SERIES)
        call->period_s = math_own_period(math);
    return OK;
}

#define CHECK(name) \
    static enum error_code name(struct math *math, struct arena *arena, struct math_node *call, struct error *error)

CHECK(check_point) /* anything to the same */
{
    (void)arena;
    return is_value(call->child) ? gives(math, call, call->child->type) : refuse(call, error);
}

CHECK(check_course)
{
    (void)arena;
    return is_series(call->child) ? gives(math, call, call->child->type) : refuse(call, error);
}

CHECK(check_reduce)
{
    (void)arena;
    if (!is_series(call->child))
        return refuse(call, error);
    return gives(math, call, call->child->type == MATH_ARRAY ? MATH_SERIES : MATH_SCALAR);
}

CHECK(check_one) /* a series to a series */
{
    (void)arena;
    const bool is_one = is_series(call->child) && call->child->type == MATH_SERIES;
    return is_one ? gives(math, call, MATH_SERIES) : refuse(call, error);
}

CHECK(check_period)
{
    (void)arena;
    if (!is_series(call->child) || call->child->period_s == 0)
        return refuse(call, error);
    call->number = call->child->period_s;
    return gives(math, call, MATH_SCALAR);
}

CHECK(check_time_series)
{
    (void)arena;
    return is_scalar(call->child) ? gives(math, call, MATH_SERIES) : refuse(call, error);
}

CHECK(check_array) /* a series is an array of one */
{
    (void)arena;
    return is_series(call->child) ? gives(math, call, MATH_ARRAY) : refuse(call, error);
}

CHECK(check_metric_count)
{
    (void)arena;
    return is_series(call->child) ? gives(math, call, MATH_SCALAR) : refuse(call, error);
}

CHECK(check_pick)
{
    (void)arena;
    return is_series(call->child) ? gives(math, call, MATH_SERIES) : refuse(call, error);
}

CHECK(check_metrics)
{
    (void)arena;
    if (call->child && call->child->kind != MATH_STRING)
        return refuse(call, error);
    for (size_t i = 0; i < math->count; i++) {
        if (!math_query_has(math, i, call))
            continue;
        if (call->period_s && call->period_s != math->queries[i].period_s)
            return error_set(error, ERROR_INVALID,
                             "the metrics of METRICS at character %zu have periods of %u and of %u seconds; give them "
                             "the same Period",
                             call->at, call->period_s, math->queries[i].period_s);
        call->period_s = math->queries[i].period_s;
    }
    return gives(math, call, MATH_ARRAY);
}

CHECK(check_fill)
{
    (void)arena;
    const struct math_node *with = call->child->next;
    if (!is_series(call->child) || (!is_word(with, "REPEAT") && !is_word(with, "LINEAR") &&
                                    (!is_value(with) || with->type == MATH_ARRAY)))
        return refuse(call, error);
    return gives(math, call, call->child->type);
}

CHECK(check_if)
{
    (void)arena;
    enum math_type type = MATH_SCALAR;
    for (const struct math_node *child = call->child; child; child = child->next) {
        if (!is_value(child) || child->type == MATH_ARRAY)
            return refuse(call, error);
        type = child->type > type ? child->type : type;
    }
    return gives(math, call, type);
}

CHECK(check_slice)
{
    (void)arena;
    if (!is_series(call->child))
        return refuse(call, error);
    for (const struct math_node *child = call->child->next; child; child = child->next)
        if (!is_scalar(child))
            return refuse(call, error);
    return gives(math, call, MATH_ARRAY);
}

CHECK(check_sort)
{
    (void)arena;
    static const char *const by[] = {"AVG", "MIN", "MAX", "SUM"};
    const struct math_node *function = call->child->next, *order = function->next;
    bool is_known = false;
    for (size_t i = 0; i < sizeof(by) / sizeof(by[0]); i++)
        is_known = is_known || is_word(function, by[i]);
    if (!is_series(call->child) || !is_known || (!is_word(order, "ASC") && !is_word(order, "DESC")) ||
        (order->next && !is_scalar(order->next)))
        return refuse(call, error);
    return gives(math, call, MATH_ARRAY);
}

CHECK(check_search)
{
    const struct math_node *stat = call->child->next, *period = stat->next;
    if (call->child->kind != MATH_STRING || stat->kind != MATH_STRING || (period && period->kind != MATH_NUMBER))
        return refuse(call, error);
    const double period_s = period ? period->number : math_own_period(math);
    if (period_s < 1 || period_s > MATH_PERIOD_MAX || period_s != floor(period_s))
        return error_set(error, ERROR_INVALID, "the period of SEARCH at character %zu must be from 1 to %d seconds",
                         call->at, MATH_PERIOD_MAX);
    if (search_parse(call->child->text, arena, &call->search.terms, error) != OK)
        return error_prefix(error, "SEARCH at character %zu", call->at);
    call->search.stat = stat->text;
    call->search.period_s = call->period_s = (uint32_t)period_s;
    math->searches[math->current] = true;
    return gives(math, call, MATH_ARRAY);
}

/* --- what they make of each point ------------------------------------------------------------------- */

#define RUN(name)                                                                                        \
    static enum error_code name(struct math_run *run, const struct math_node *call,                      \
                                struct math_value *arguments, struct math_value *value, struct error *error)

enum point { POINT_ABS, POINT_CEIL, POINT_FLOOR, POINT_LOG, POINT_LOG10 };

static double at_point(int option, double value)
{
    double made = value;
    switch (option) {
    case POINT_ABS:
        return fabs(value);
    case POINT_CEIL:
        return ceil(value);
    case POINT_FLOOR:
        return floor(value);
    case POINT_LOG:
        made = log(value);
        break;
    default:
        made = log10(value);
        break;
    }
    return isfinite(made) ? made : NAN;
}

RUN(run_point)
{
    *value = arguments[0];
    value->scalar = at_point(call->function->option, value->scalar);
    enum error_code code = math_own(run, value, error);
    for (size_t i = 0; code == OK && i < value->count; i++) {
        double *values = value->series[i].values;
        const size_t points = math_run_points(run, value->series[i].period_s);
        for (size_t p = 0; p < points; p++)
            values[p] = isnan(values[p]) ? NAN : at_point(call->function->option, values[p]);
        code = math_work(run, points, error);
    }
    return code;
}

enum course { COURSE_DIFF, COURSE_DIFF_TIME, COURSE_RATE, COURSE_RUNNING_SUM };

/* Of one series: each point beside the one before it that is there. */
static void follow(int option, double *values, size_t points, uint32_t period_s)
{
    double before = NAN, sum = 0;
    size_t before_at = 0;
    for (size_t p = 0; p < points; p++) {
        const double now = values[p];
        if (isnan(now))
            continue;
        const double seconds = (double)(p - before_at) * period_s;
        sum += now;
        if (option == COURSE_RUNNING_SUM)
            values[p] = sum;
        else if (option == COURSE_DIFF_TIME)
            values[p] = isnan(before) ? NAN : seconds;
        else
            values[p] = (now - before) / (option == COURSE_RATE && seconds > 0 ? seconds : 1);
        before = now;
        before_at = p;
    }
}

RUN(run_course)
{
    *value = arguments[0];
    enum error_code code = math_own(run, value, error);
    for (size_t i = 0; code == OK && i < value->count; i++) {
        const size_t points = math_run_points(run, value->series[i].period_s);
        follow(call->function->option, value->series[i].values, points, value->series[i].period_s);
        code = math_work(run, points, error);
    }
    return code;
}

enum clock { CLOCK_MINUTE, CLOCK_HOUR, CLOCK_DAY, CLOCK_DATE, CLOCK_MONTH, CLOCK_YEAR, CLOCK_EPOCH };

/* UTC; days of the week from Monday, 1. */
static double at_time(int option, int64_t time_s)
{
    const time_t seconds = (time_t)time_s;
    struct tm parts;
    if (option == CLOCK_EPOCH || !gmtime_r(&seconds, &parts))
        return (double)time_s;
    const int values[] = {parts.tm_min,  parts.tm_hour,    parts.tm_wday ? parts.tm_wday : 7,
                          parts.tm_mday, parts.tm_mon + 1, parts.tm_year + 1900};
    return values[option];
}

static enum error_code new_series(struct math_run *run, const struct math_node *call, struct math_value *value,
                                  size_t *points, struct error *error)
{
    *points = math_run_points(run, call->period_s);
    *value = (struct math_value){.type = MATH_SERIES, .count = 1, .is_own = true};
    enum error_code code = math_series_new(run, 1, *points, &value->series, error);
    if (code == OK)
        value->series[0].period_s = call->period_s;
    return code == OK ? math_work(run, *points, error) : code;
}

RUN(run_time)
{
    size_t points;
    const enum error_code code = new_series(run, call, value, &points, error);
    (void)arguments;
    for (size_t p = 0; code == OK && p < points; p++)
        value->series[0].values[p] = at_time(call->function->option, math_run_time(run, call->period_s, p));
    return code;
}

RUN(run_time_series)
{
    size_t points;
    const enum error_code code = new_series(run, call, value, &points, error);
    for (size_t p = 0; code == OK && p < points; p++)
        value->series[0].values[p] = arguments[0].scalar;
    return code;
}

RUN(run_period)
{
    (void)run, (void)arguments, (void)error;
    *value = (struct math_value){.type = MATH_SCALAR, .scalar = call->number};
    return OK;
}

/* --- one of many ------------------------------------------------------------------------------------ */

enum reduce { REDUCE_AVG, REDUCE_SUM, REDUCE_MIN, REDUCE_MAX, REDUCE_STDDEV, REDUCE_COUNT };

struct tally {
    size_t count;
    double sum, least, most, mean, squares; /* squares: of what is off the mean, by Welford */
};

static void tally(struct tally *tally, double value)
{
    if (isnan(value))
        return;
    tally->count++;
    tally->sum += value;
    tally->least = tally->count == 1 || value < tally->least ? value : tally->least;
    tally->most = tally->count == 1 || value > tally->most ? value : tally->most;
    const double off = value - tally->mean;
    tally->mean += off / (double)tally->count;
    tally->squares += off * (value - tally->mean);
}

/* `of`: how many values there could be, where absent ones count as 0 in an average. */
static double tallied(const struct tally *tally, int option, size_t of)
{
    if (option == REDUCE_COUNT)
        return (double)tally->count;
    if (tally->count == 0)
        return NAN;
    switch (option) {
    case REDUCE_AVG:
        return tally->sum / (double)(of ? of : tally->count);
    case REDUCE_SUM:
        return tally->sum;
    case REDUCE_MIN:
        return tally->least;
    case REDUCE_MAX:
        return tally->most;
    default:
        return sqrt(tally->squares / (double)tally->count);
    }
}

static double reduce_series(const struct math_run *run, const struct math_series *series, int option)
{
    struct tally sum = {0};
    const size_t points = math_run_points(run, series->period_s);
    for (size_t p = 0; p < points; p++)
        tally(&sum, series->values[p]);
    return tallied(&sum, option, 0);
}

static double reduce_point(const struct math_value *array, size_t point, int option)
{
    struct tally sum = {0};
    for (size_t i = 0; i < array->count; i++)
        tally(&sum, array->series[i].values[point]);
    return sum.count == 0 ? NAN : tallied(&sum, option, array->count);
}

RUN(run_reduce)
{
    size_t points;
    const struct math_value *from = &arguments[0];
    const int option = call->function->option;
    if (from->type == MATH_SERIES) {
        *value = (struct math_value){.type = MATH_SCALAR, .scalar = reduce_series(run, &from->series[0], option)};
        return math_work(run, math_run_points(run, from->series[0].period_s), error);
    }
    enum error_code code = new_series(run, call, value, &points, error);
    if (code == OK)
        code = math_work(run, (uint64_t)points * from->count, error);
    for (size_t p = 0; code == OK && p < points; p++)
        value->series[0].values[p] = reduce_point(from, p, option);
    return code;
}

RUN(run_metric_count)
{
    (void)run, (void)call, (void)error;
    *value = (struct math_value){.type = MATH_SCALAR, .scalar = (double)arguments[0].count};
    return OK;
}

RUN(run_pick) /* option 0: the first, 1: the last */
{
    size_t points;
    *value = arguments[0];
    value->type = MATH_SERIES;
    if (value->count == 0)
        return new_series(run, call, value, &points, error);
    value->series += call->function->option ? value->count - 1 : 0;
    value->count = 1;
    return OK;
}

/* --- arrays ----------------------------------------------------------------------------------------- */

static bool is_empty(const struct math_run *run, const struct math_series *series)
{
    const size_t points = math_run_points(run, series->period_s);
    for (size_t p = 0; p < points; p++)
        if (!isnan(series->values[p]))
            return false;
    return true;
}

/* Those from `from` to before `to`, in an array that may be reordered; their values stay whose they are. */
static enum error_code part_of(struct math_run *run, const struct math_value *array, size_t from, size_t to,
                               struct math_value *value, struct error *error)
{
    to = to < array->count ? to : array->count;
    from = from < to ? from : to;
    *value = (struct math_value){.type = MATH_ARRAY, .count = to - from, .is_own = array->is_own};
    const enum error_code code = math_series_new(run, to - from, 0, &value->series, error);
    for (size_t i = from; code == OK && i < to; i++)
        value->series[i - from] = array->series[i];
    return code;
}

RUN(run_remove_empty)
{
    (void)call;
    size_t kept = 0;
    enum error_code code = part_of(run, &arguments[0], 0, arguments[0].count, value, error);
    for (size_t i = 0; code == OK && i < value->count; i++) {
        code = math_work(run, math_run_points(run, value->series[i].period_s), error);
        if (code == OK && !is_empty(run, &value->series[i]))
            value->series[kept++] = value->series[i];
    }
    value->count = kept;
    return code;
}

/* A number of series; what is none is none at all. */
static size_t to_count(double number)
{
    return number > 0 ? (number < LIMIT_MATH_SERIES ? (size_t)number : LIMIT_MATH_SERIES) : 0;
}

RUN(run_slice)
{
    const bool has_end = call->child->next->next;
    return part_of(run, &arguments[0], to_count(arguments[1].scalar),
                   has_end ? to_count(arguments[2].scalar) : SIZE_MAX, value, error);
}

struct ranked {
    struct math_series series;
    double by;
    size_t place;
};

/* Series without a value come last; equal ones stay as they were. */
static int compare_ranked(const void *a, const void *b, void *ctx)
{
    const struct ranked *one = a, *other = b;
    const bool descends = *(const bool *)ctx;
    if (isnan(one->by) != isnan(other->by))
        return isnan(one->by) ? 1 : -1;
    if (one->by < other->by)
        return descends ? 1 : -1;
    if (one->by > other->by)
        return descends ? -1 : 1;
    return (one->place > other->place) - (one->place < other->place);
}

static int sort_option(struct str name)
{
    static const char *const names[] = {[REDUCE_AVG] = "AVG", [REDUCE_SUM] = "SUM", [REDUCE_MIN] = "MIN",
                                        [REDUCE_MAX] = "MAX"};
    int option = REDUCE_AVG;
    while (option < REDUCE_MAX && !str_eq(name, str_of(names[option])))
        option++;
    return option;
}

RUN(run_sort)
{
    const struct math_node *function = call->child->next, *order = function->next;
    bool descends = is_word(order, "DESC");
    enum error_code code = part_of(run, &arguments[0], 0, arguments[0].count, value, error);
    struct ranked *ranked = ARENA_ARRAY(run->arena, struct ranked, value->count + 1);
    if (code == OK && !ranked)
        code = error_no_memory(error);
    for (size_t i = 0; code == OK && i < value->count; i++) {
        ranked[i] = (struct ranked){value->series[i],
                                    reduce_series(run, &value->series[i], sort_option(function->text)), i};
        code = math_work(run, math_run_points(run, value->series[i].period_s), error);
    }
    if (code != OK)
        return code;
    qsort_r(ranked, value->count, sizeof(*ranked), compare_ranked, &descends);
    for (size_t i = 0; i < value->count; i++)
        value->series[i] = ranked[i].series;
    if (order->next && to_count(arguments[3].scalar) < value->count)
        value->count = to_count(arguments[3].scalar);
    return OK;
}

RUN(run_metrics)
{
    (void)arguments;
    size_t count = 0;
    enum error_code code = math_work(run, run->math->count, error);
    if (code == OK)
        code = math_series_new(run, run->math->count, 0, &value->series, error);
    for (size_t i = 0; code == OK && i < run->math->count; i++)
        if (math_query_has(run->math, i, call))
            value->series[count++] = run->values[i].series[0];
    value->type = MATH_ARRAY;
    value->count = count;
    value->is_own = false;
    return code;
}

RUN(run_search)
{
    (void)arguments;
    *value = (struct math_value){.type = MATH_ARRAY};
    if (!run->source->search)
        return error_set(error, ERROR_INVALID, "SEARCH can't be used here");
    const enum error_code code = run->source->search(run->source->ctx, &call->search, run->range, LIMIT_MATH_SERIES,
                                                     run->arena, &value->series, &value->count, error);
    for (size_t i = 0; code == OK && i < value->count; i++)
        value->series[i].period_s = call->period_s;
    return code == OK ? math_hold(run, (uint64_t)value->count * math_run_points(run, call->period_s), error) : code;
}

/* --- FILL and IF ------------------------------------------------------------------------------------ */

static void repeat(double *values, size_t points)
{
    for (size_t p = 1; p < points; p++)
        values[p] = isnan(values[p]) ? values[p - 1] : values[p];
}

/* A straight line over each gap that has two ends. */
static void interpolate(double *values, size_t points)
{
    size_t before = SIZE_MAX;
    for (size_t p = 0; p < points; p++) {
        if (isnan(values[p]))
            continue;
        for (size_t gap = before == SIZE_MAX ? p : before + 1; gap < p; gap++)
            values[gap] = values[before] +
                          (values[p] - values[before]) * (double)(gap - before) / (double)(p - before);
        before = p;
    }
}

static void fill(double *values, size_t points, const struct math_node *with, const struct math_value *filler)
{
    if (is_word(with, "REPEAT")) {
        repeat(values, points);
    } else if (is_word(with, "LINEAR")) {
        interpolate(values, points);
    } else {
        for (size_t p = 0; p < points; p++)
            if (isnan(values[p]))
                values[p] = filler->type == MATH_SERIES ? filler->series[0].values[p] : filler->scalar;
    }
}

RUN(run_fill)
{
    *value = arguments[0];
    enum error_code code = math_own(run, value, error);
    for (size_t i = 0; code == OK && i < value->count; i++) {
        const size_t points = math_run_points(run, value->series[i].period_s);
        fill(value->series[i].values, points, call->child->next, &arguments[1]);
        code = math_work(run, points, error);
    }
    return code;
}

static double point_of(const struct math_value *value, size_t point)
{
    return value->type == MATH_SERIES ? value->series[0].values[point] : value->scalar;
}

/* Where the condition is true, a value that isn't there is 0; where it is false, or not there, there is none. */
static double choose(const struct math_value *arguments, bool has_other, size_t point)
{
    const double condition = point_of(&arguments[0], point);
    if (isnan(condition))
        return NAN;
    if (condition == 0)
        return has_other ? point_of(&arguments[2], point) : NAN;
    const double chosen = point_of(&arguments[1], point);
    return isnan(chosen) && arguments[0].type == MATH_SERIES ? 0 : chosen;
}

RUN(run_if)
{
    const bool has_other = call->child->next->next;
    size_t points;
    if (call->type == MATH_SCALAR) {
        *value = (struct math_value){.type = MATH_SCALAR, .scalar = choose(arguments, has_other, 0)};
        return OK;
    }
    const enum error_code code = new_series(run, call, value, &points, error);
    for (size_t p = 0; code == OK && p < points; p++)
        value->series[0].values[p] = choose(arguments, has_other, p);
    return code;
}

/* --- the table -------------------------------------------------------------------------------------- */

static const struct math_function functions[] = {
    {"ABS", "ABS(m)", 1, 1, check_point, run_point, POINT_ABS},
    {"AVG", "AVG(m) or AVG([m1, m2])", 1, 1, check_reduce, run_reduce, REDUCE_AVG},
    {"CEIL", "CEIL(m)", 1, 1, check_point, run_point, POINT_CEIL},
    {"DATAPOINT_COUNT", "DATAPOINT_COUNT(m)", 1, 1, check_reduce, run_reduce, REDUCE_COUNT},
    {"DATE", "DATE(m)", 1, 1, check_one, run_time, CLOCK_DATE},
    {"DAY", "DAY(m)", 1, 1, check_one, run_time, CLOCK_DAY},
    {"DIFF", "DIFF(m)", 1, 1, check_course, run_course, COURSE_DIFF},
    {"DIFF_TIME", "DIFF_TIME(m)", 1, 1, check_course, run_course, COURSE_DIFF_TIME},
    {"EPOCH", "EPOCH(m)", 1, 1, check_one, run_time, CLOCK_EPOCH},
    {"FILL", "FILL(m, 0), FILL(m, REPEAT), FILL(m, LINEAR) or FILL(m1, m2)", 2, 2, check_fill, run_fill, 0},
    {"FIRST", "FIRST([m1, m2])", 1, 1, check_pick, run_pick, 0},
    {"FLOOR", "FLOOR(m)", 1, 1, check_point, run_point, POINT_FLOOR},
    {"HOUR", "HOUR(m)", 1, 1, check_one, run_time, CLOCK_HOUR},
    {"IF", "IF(m > 1, m, 0) with numbers and single series", 2, 3, check_if, run_if, 0},
    {"LAST", "LAST([m1, m2])", 1, 1, check_pick, run_pick, 1},
    {"LOG", "LOG(m)", 1, 1, check_point, run_point, POINT_LOG},
    {"LOG10", "LOG10(m)", 1, 1, check_point, run_point, POINT_LOG10},
    {"MAX", "MAX(m) or MAX([m1, m2])", 1, 1, check_reduce, run_reduce, REDUCE_MAX},
    {"METRICS", "METRICS() or METRICS(\"text\")", 0, 1, check_metrics, run_metrics, 0},
    {"METRIC_COUNT", "METRIC_COUNT(METRICS())", 1, 1, check_metric_count, run_metric_count, 0},
    {"MIN", "MIN(m) or MIN([m1, m2])", 1, 1, check_reduce, run_reduce, REDUCE_MIN},
    {"MINUTE", "MINUTE(m)", 1, 1, check_one, run_time, CLOCK_MINUTE},
    {"MONTH", "MONTH(m)", 1, 1, check_one, run_time, CLOCK_MONTH},
    {"PERIOD", "PERIOD(m)", 1, 1, check_period, run_period, 0},
    {"RATE", "RATE(m)", 1, 1, check_course, run_course, COURSE_RATE},
    {"REMOVE_EMPTY", "REMOVE_EMPTY(METRICS())", 1, 1, check_array, run_remove_empty, 0},
    {"RUNNING_SUM", "RUNNING_SUM(m)", 1, 1, check_course, run_course, COURSE_RUNNING_SUM},
    {"SEARCH", "SEARCH('{Namespace,Dimension} words', 'Sum', 300)", 2, 3, check_search, run_search, 0},
    {"SLICE", "SLICE(METRICS(), 0, 5)", 2, 3, check_slice, run_slice, 0},
    {"SORT", "SORT(METRICS(), AVG, DESC, 5) by AVG, MIN, MAX or SUM, ASC or DESC", 3, 4, check_sort, run_sort, 0},
    {"STDDEV", "STDDEV(m) or STDDEV([m1, m2])", 1, 1, check_reduce, run_reduce, REDUCE_STDDEV},
    {"SUM", "SUM(m) or SUM([m1, m2])", 1, 1, check_reduce, run_reduce, REDUCE_SUM},
    {"TIME_SERIES", "TIME_SERIES(5)", 1, 1, check_time_series, run_time_series, 0},
    {"YEAR", "YEAR(m)", 1, 1, check_one, run_time, CLOCK_YEAR},
};

const struct math_function *math_function_find(struct str name)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (str_eq(name, str_of(functions[i].name)))
            return &functions[i];
    return NULL;
}

bool math_function_is_foreign(struct str name)
{
    static const char *const foreign[] = {"ANOMALY_DETECTION_BAND", "DB_PERF_INSIGHTS", "INSIGHT_RULE_METRIC",
                                          "LAMBDA", "SERVICE_QUOTA"};
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        if (str_eq(name, str_of(foreign[i])))
            return true;
    return false;
}
