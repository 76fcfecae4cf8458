/* spec.c - PutMetricAlarm's members: what they may be, alone and together. See spec.h. */
#include "alarm/spec.h"

#include <math.h>

#include "core/limits.h"

const char *const alarm_state_names[ALARM_STATES] = {"OK", "ALARM", "INSUFFICIENT_DATA"};
const char *const alarm_action_members[ALARM_STATES] = {"OKActions", "AlarmActions", "InsufficientDataActions"};

static const char *const comparisons[] = {"GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold",
                                          "LessThanOrEqualToThreshold"};
static const char *const missings[] = {"missing", "ignore", "breaching", "notBreaching"};

#define DAY_S 86400
#define QUERIES_MAX 20

struct reading {
    struct arena *arena;
    struct alarm_spec *spec;
    struct error *error;
};

bool alarm_state_find(struct str name, enum alarm_state *state)
{
    for (int i = 0; i < ALARM_STATES; i++)
        if (str_eq(name, str_of(alarm_state_names[i]))) {
            *state = (enum alarm_state)i;
            return true;
        }
    return false;
}

/* --- members ---------------------------------------------------------------------------------------- */

static yyjson_val *get(yyjson_val *object, const char *key)
{
    yyjson_val *value = yyjson_obj_get(object, key);
    return yyjson_is_null(value) ? NULL : value;
}

static struct str get_str(yyjson_val *object, const char *key)
{
    return json_str(get(object, key));
}

static enum error_code fail(struct reading *reading, const char *member, const char *what)
{
    return error_set(reading->error, ERROR_INVALID, "%s: %s", member, what);
}

static enum error_code fail_at(struct reading *reading, size_t i, const char *member, const char *what)
{
    return error_set(reading->error, ERROR_INVALID, "Metrics[%zu].%s: %s", i, member, what);
}

static enum error_code get_choice(struct reading *reading, yyjson_val *config, const char *key,
                                  const char *const *choices, int count, int *choice)
{
    const struct str text = get_str(config, key);
    for (int i = 0; i < count; i++)
        if (str_eq(text, str_of(choices[i]))) {
            *choice = i;
            return OK;
        }
    struct str all = {0};
    for (int i = 0; i < count; i++)
        all = arena_printf(reading->arena, STR_FMT "%s%s", STR_ARG(all), i ? ", " : "", choices[i]);
    return error_set(reading->error, ERROR_INVALID, "%s: '" STR_FMT "' is none of " STR_FMT, key,
                     STR_ARG(str_slice(text, 0, 64)), STR_ARG(all));
}

/* A whole number from 1 on; `otherwise` where there is none. */
static enum error_code get_count(struct reading *reading, yyjson_val *object, const char *key, uint32_t otherwise,
                                 uint32_t *count)
{
    yyjson_val *value = get(object, key);
    const double number = value ? yyjson_get_num(value) : otherwise;
    if (!(number >= 1 && number <= UINT32_MAX) || number != floor(number))
        return error_set(reading->error, ERROR_INVALID, "%s: expected a whole number from 1 on", key);
    *count = (uint32_t)number;
    return OK;
}

/* --- what is not done here -------------------------------------------------------------------------- */

static enum error_code refuse_foreign(struct reading *reading, yyjson_val *config)
{
    static const struct {
        const char *member, *what;
    } rows[] = {
        {"ThresholdMetricId", "alarms over anomaly detection bands are not supported; give a Threshold"},
        {"EvaluationCriteria", "alarms over PromQL are not supported; give MetricName or Metrics"},
        {"EvaluationWindow", "not supported; alarms are evaluated every minute over the last whole minutes"},
        {"EvaluationInterval", "not supported; alarms are evaluated every minute"},
        {"WarmUpConfiguration", "not supported; TreatMissingData says what a new alarm makes of no data"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (get(config, rows[i].member))
            return fail(reading, rows[i].member, rows[i].what);
    const struct str comparison = get_str(config, "ComparisonOperator");
    if (str_find(comparison, STR("UpperThreshold"), 0) >= 0 || str_find(comparison, STR("LowerThreshold"), 0) >= 0 ||
        str_find(comparison, STR("LowerOrGreater"), 0) >= 0)
        return fail(reading, "ComparisonOperator",
                    "alarms over anomaly detection bands are not supported; compare with a Threshold");
    return OK;
}

/* --- metrics ---------------------------------------------------------------------------------------- */

/* Of the metric of a query or of the alarm itself. */
static enum error_code read_metric(struct reading *reading, const char *where, yyjson_val *object,
                                   struct monitor_metric *metric)
{
    yyjson_val *list = get(object, "Dimensions"), *item;
    size_t i, max;
    metric->namespace = get_str(object, "Namespace");
    metric->name = get_str(object, "MetricName");
    if (metric->namespace.len == 0 || metric->name.len == 0)
        return error_set(reading->error, ERROR_INVALID, "%s%s: a metric must have it", where,
                         metric->name.len == 0 ? "MetricName" : "Namespace");
    const size_t count = yyjson_arr_size(list);
    if (count > MONITOR_DIMENSIONS_MAX)
        return error_set(reading->error, ERROR_INVALID, "%sDimensions: there are %zu, %d are the most", where, count,
                         MONITOR_DIMENSIONS_MAX);
    struct monitor_dimension *dimensions = ARENA_ARRAY(reading->arena, struct monitor_dimension, count + 1);
    if (!dimensions)
        return error_no_memory(reading->error);
    json_arr_foreach(list, i, max, item)
        dimensions[i] = (struct monitor_dimension){get_str(item, "Name"), get_str(item, "Value")};
    metric->dimensions = dimensions;
    metric->dimension_count = count;
    return OK;
}

static enum error_code read_stat(struct reading *reading, const char *where, struct str text,
                                 struct monitor_stat *stat)
{
    if (monitor_stat_parse(text, stat))
        return OK;
    return error_set(reading->error, ERROR_INVALID,
                     "%s: '" STR_FMT "' is none of SampleCount, Average, Sum, Minimum, Maximum and p0 to p100", where,
                     STR_ARG(str_slice(text, 0, 64)));
}

/* Periods of an alarm end at any minute, so nothing that is kept by the hour is of use to it. */
static enum error_code check_kept(struct reading *reading, const char *where, const struct alarm_metric *metric)
{
    if (metric->stat.kind != MONITOR_PERCENTILE || monitor_percentile_period(&metric->metric) == 60)
        return OK;
    return error_set(reading->error, ERROR_INVALID,
                     "%s: percentiles of " STR_FMT " are not kept by the minute, as an alarm needs them", where,
                     STR_ARG(str_slice(metric->metric.name, 0, 64)));
}

static enum error_code check_period(struct reading *reading, const char *where, uint32_t period_s)
{
    if (period_s % 60 == 0 && period_s <= DAY_S)
        return OK;
    return error_set(reading->error, ERROR_INVALID,
                     "%sPeriod: %u is no multiple of 60 up to %d: minutes are what is kept", where, period_s, DAY_S);
}

static enum error_code allocate(struct reading *reading, size_t count)
{
    struct alarm_spec *spec = reading->spec;
    spec->count = count;
    spec->queries = ARENA_ARRAY(reading->arena, struct math_query, count);
    spec->metrics = ARENA_ARRAY(reading->arena, struct alarm_metric, count);
    return spec->queries && spec->metrics ? OK : error_no_memory(reading->error);
}

static enum error_code read_one_metric(struct reading *reading, yyjson_val *config)
{
    struct alarm_spec *spec = reading->spec;
    const struct str statistic = get_str(config, "Statistic"), extended = get_str(config, "ExtendedStatistic");
    uint32_t period_s;
    if ((statistic.len > 0) == (extended.len > 0))
        return fail(reading, "Statistic", "an alarm over one metric has either Statistic or ExtendedStatistic");
    enum error_code code = allocate(reading, 1);
    if (code == OK)
        code = read_metric(reading, "", config, &spec->metrics[0].metric);
    if (code == OK)
        code = statistic.len > 0 ? read_stat(reading, "Statistic", statistic, &spec->metrics[0].stat)
                                 : read_stat(reading, "ExtendedStatistic", extended, &spec->metrics[0].stat);
    if (code == OK)
        code = check_kept(reading, "ExtendedStatistic", &spec->metrics[0]);
    if (code == OK && !get(config, "Period"))
        return fail(reading, "Period", "an alarm over one metric must have it");
    if (code == OK)
        code = get_count(reading, config, "Period", 0, &period_s);
    if (code == OK)
        code = check_period(reading, "", period_s);
    if (code != OK)
        return code;
    spec->statistic = statistic.len > 0 ? statistic : extended;
    spec->unit = spec->metrics[0].metric.unit = get_str(config, "Unit");
    spec->queries[0] = (struct math_query){.id = STR("m1"), .period_s = period_s, .is_wanted = true};
    return OK;
}

static enum error_code read_query(struct reading *reading, yyjson_val *item, size_t i)
{
    struct math_query *query = &reading->spec->queries[i];
    struct alarm_metric *metric = &reading->spec->metrics[i];
    yyjson_val *stat = get(item, "MetricStat");
    query->id = get_str(item, "Id");
    query->expression = get_str(item, "Expression");
    query->is_wanted = !get(item, "ReturnData") || yyjson_get_bool(get(item, "ReturnData"));
    if ((stat != NULL) == (query->expression.len > 0))
        return fail_at(reading, i, "MetricStat", "a query has either MetricStat or Expression");
    yyjson_val *from = stat ? stat : item;
    enum error_code code = OK;
    const struct str where = arena_printf(reading->arena, "Metrics[%zu].%s", i, stat ? "MetricStat." : "");
    if (!where.data)
        return error_no_memory(reading->error);
    if (stat || get(item, "Period"))
        code = get_count(reading, from, "Period", 0, &query->period_s);
    if (code == OK)
        code = check_period(reading, where.data, query->period_s);
    if (code == OK && stat)
        code = read_stat(reading, where.data, get_str(stat, "Stat"), &metric->stat);
    if (code == OK && stat)
        code = read_metric(reading, where.data, get(stat, "Metric"), &metric->metric);
    metric->metric.unit = get_str(stat, "Unit");
    return code == OK && stat ? check_kept(reading, where.data, metric) : code;
}

static enum error_code read_queries(struct reading *reading, yyjson_val *list)
{
    yyjson_val *item;
    size_t i, max, wanted = 0;
    const size_t count = yyjson_arr_size(list);
    if (count == 0 || count > QUERIES_MAX)
        return error_set(reading->error, ERROR_INVALID, "Metrics: there are %zu queries, 1 to %d may be", count,
                         QUERIES_MAX);
    enum error_code code = allocate(reading, count);
    json_arr_foreach(list, i, max, item)
    {
        if (code == OK)
            code = read_query(reading, item, i);
        if (code == OK && reading->spec->queries[i].is_wanted) {
            wanted++;
            reading->spec->watched = i;
        }
    }
    if (code == OK && wanted != 1)
        return error_set(reading->error, ERROR_INVALID,
                         "Metrics: ReturnData is true for %zu queries; an alarm watches exactly one", wanted);
    return code;
}

static enum error_code read_watched(struct reading *reading, yyjson_val *config)
{
    yyjson_val *list = get(config, "Metrics");
    static const char *const alone[] = {"MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions",
                                        "Period", "Unit"};
    if (!list)
        return read_one_metric(reading, config);
    for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++)
        if (get(config, alone[i]) && yyjson_arr_size(get(config, alone[i])) + yyjson_get_len(get(config, alone[i])) > 0)
            return fail(reading, alone[i], "an alarm with Metrics can't have it");
    return read_queries(reading, list);
}

static enum error_code compile(struct reading *reading)
{
    struct alarm_spec *spec = reading->spec;
    if (math_new(spec->queries, spec->count, reading->arena, &spec->math, reading->error) != OK)
        return error_prefix(reading->error, "Metrics");
    if (math_type(spec->math, spec->watched) != MATH_SERIES)
        return fail(reading, "Metrics", "the query that the alarm watches must give exactly one series");
    for (size_t i = 0; i < spec->count; i++)
        if (math_searches(spec->math, i))
            return fail(reading, "Metrics", "alarms can't use SEARCH");
    spec->period_s = math_period(spec->math, spec->watched);
    return OK;
}

/* --- the alarm -------------------------------------------------------------------------------------- */

static enum error_code read_actions(struct reading *reading, yyjson_val *config, int state)
{
    yyjson_val *list = get(config, alarm_action_members[state]), *item;
    size_t i, max;
    const size_t count = yyjson_arr_size(list);
    struct str *actions = ARENA_ARRAY(reading->arena, struct str, count + 1);
    if (!actions)
        return error_no_memory(reading->error);
    if (count > ALARM_ACTIONS_MAX)
        return fail(reading, alarm_action_members[state], "there may be 5 at most");
    json_arr_foreach(list, i, max, item)
    {
        actions[i] = json_str(item);
        if (actions[i].len == 0 || actions[i].len > LIMIT_ALARM_ACTION_BYTES)
            return fail(reading, alarm_action_members[state], "an action has 1 to 1024 characters");
    }
    reading->spec->actions[state] = actions;
    reading->spec->action_counts[state] = count;
    return OK;
}

static enum error_code read_threshold(struct reading *reading, yyjson_val *config)
{
    struct alarm_spec *spec = reading->spec;
    int comparison = 0, missing = ALARM_MISSING;
    if (!get(config, "ComparisonOperator"))
        return fail(reading, "ComparisonOperator", "an alarm must have it");
    if (!get(config, "Threshold"))
        return fail(reading, "Threshold", "an alarm must have it");
    enum error_code code = get_choice(reading, config, "ComparisonOperator", comparisons, 4, &comparison);
    if (code == OK && get(config, "TreatMissingData"))
        code = get_choice(reading, config, "TreatMissingData", missings, 4, &missing);
    spec->threshold = yyjson_get_num(get(config, "Threshold"));
    spec->comparison = (enum alarm_comparison)comparison;
    spec->missing = (enum alarm_missing)missing;
    return code;
}

static enum error_code read_periods(struct reading *reading, yyjson_val *config)
{
    struct alarm_spec *spec = reading->spec;
    if (!get(config, "EvaluationPeriods"))
        return fail(reading, "EvaluationPeriods", "an alarm must have it");
    enum error_code code = get_count(reading, config, "EvaluationPeriods", 0, &spec->periods);
    spec->has_to_alarm = get(config, "DatapointsToAlarm") != NULL;
    if (code == OK)
        code = get_count(reading, config, "DatapointsToAlarm", spec->periods, &spec->to_alarm);
    if (code == OK && spec->to_alarm > spec->periods)
        return fail(reading, "DatapointsToAlarm", "there can't be more than EvaluationPeriods");
    return code;
}

static enum error_code check_span(struct reading *reading)
{
    const struct alarm_spec *spec = reading->spec;
    const uint64_t most_s = spec->period_s >= 3600 ? 7 * DAY_S : DAY_S;
    if ((uint64_t)spec->periods * spec->period_s <= most_s)
        return OK;
    return fail(reading, "EvaluationPeriods",
                "times the period it is more than a day, or, with periods of an hour and more, than seven");
}

static enum error_code check_texts(struct reading *reading, yyjson_val *config)
{
    if (get_str(config, "AlarmDescription").len > LIMIT_ALARM_DESCRIPTION)
        return fail(reading, "AlarmDescription", "it may have 1024 characters");
    const struct str low = get_str(config, "EvaluateLowSampleCountPercentile");
    if (low.data && !str_eq(low, STR("evaluate")) && !str_eq(low, STR("ignore")))
        return fail(reading, "EvaluateLowSampleCountPercentile", "expected evaluate or ignore");
    return OK;
}

enum error_code alarm_spec_read(yyjson_val *config, struct arena *arena, struct alarm_spec *spec, struct error *error)
{
    struct reading reading = {.arena = arena, .spec = spec, .error = error};
    *spec = (struct alarm_spec){0};
    enum error_code code = refuse_foreign(&reading, config);
    for (int state = 0; code == OK && state < ALARM_STATES; state++)
        code = read_actions(&reading, config, state);
    if (code == OK)
        code = check_texts(&reading, config);
    if (code == OK)
        code = read_threshold(&reading, config);
    if (code == OK)
        code = read_periods(&reading, config);
    if (code == OK)
        code = read_watched(&reading, config);
    if (code == OK)
        code = compile(&reading);
    return code == OK ? check_span(&reading) : code;
}

bool alarm_config_append(struct buf *out, yyjson_val *input)
{
    static const char *const kept[] = {
        "AlarmDescription", "OKActions", "AlarmActions", "InsufficientDataActions", "MetricName", "Namespace",
        "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit", "EvaluationPeriods", "DatapointsToAlarm",
        "Threshold", "ComparisonOperator", "TreatMissingData", "EvaluateLowSampleCountPercentile", "Metrics",
        "ActionConfiguration"};
    bool is_first = true;
    buf_append_char(out, '{');
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        yyjson_val *value = get(input, kept[i]);
        if (!value)
            continue;
        buf_appendf(out, "%s\"%s\":", is_first ? "" : ",", kept[i]);
        json_append(out, value);
        is_first = false;
    }
    return buf_append_char(out, '}');
}

bool alarm_breaches(const struct alarm_spec *spec, double value)
{
    switch (spec->comparison) {
    case ALARM_GREATER_EQUAL: return value >= spec->threshold;
    case ALARM_GREATER: return value > spec->threshold;
    case ALARM_LESS: return value < spec->threshold;
    default: return value <= spec->threshold;
    }
}

const char *alarm_comparison_words(const struct alarm_spec *spec)
{
    static const char *const words[] = {"greater than or equal to the threshold", "greater than the threshold",
                                        "less than the threshold", "less than or equal to the threshold"};
    return words[spec->comparison];
}
