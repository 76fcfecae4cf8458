/* metric_input.c - see metric_input.h. */
#include "api/monitoring/metric_input.h"

#include "core/json.h"

#define NAME_MAX_CHARS 255
#define DIMENSION_VALUE_MAX 1024
#define PERIOD_MAX 86400

static enum error_code check_name(struct monitoring_request *request, struct str text, size_t max, const char *where,
                                  const char *name, struct error *error)
{
    bool has_ink = false;
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        has_ink = has_ink || (c > 0x20 && c != 0x7f);
        if (c < 0x20 || c > 0x7e)
            return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                                   "The value for %s%s has a character that is not printable ASCII.", where, name);
    }
    if (!has_ink || text.len > max)
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                               "The value for %s%s must have 1 to %zu characters, and not blanks alone.", where, name,
                               max);
    return OK;
}

static enum error_code read_dimension(struct monitoring_request *request, yyjson_val *item, const char *where,
                                      struct monitor_dimension *dimension, struct error *error)
{
    dimension->name = monitoring_get_str(item, "Name");
    dimension->value = monitoring_get_str(item, "Value");
    enum error_code code = check_name(request, dimension->name, NAME_MAX_CHARS, where, "Dimensions.Name", error);
    if (code == OK && dimension->name.data[0] == ':')
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                               "The value for %sDimensions.Name must not begin with a colon.", where);
    if (code == OK && dimension->value.data)
        code = check_name(request, dimension->value, DIMENSION_VALUE_MAX, where, "Dimensions.Value", error);
    return code;
}

static enum error_code read_dimensions(struct monitoring_request *request, yyjson_val *list, const char *where,
                                       struct monitor_metric *metric, struct error *error)
{
    size_t i, max;
    yyjson_val *item;
    const size_t count = yyjson_arr_size(list);
    if (count > MONITOR_DIMENSIONS_MAX)
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error, "%sDimensions has %zu members, %d at most.",
                               where, count, MONITOR_DIMENSIONS_MAX);
    struct monitor_dimension *dimensions = ARENA_ARRAY(request->arena, struct monitor_dimension, count + 1);
    if (!dimensions)
        return error_no_memory(error);
    metric->dimensions = dimensions;
    yyjson_arr_foreach(list, i, max, item)
    {
        const enum error_code code = read_dimension(request, item, where, &dimensions[i], error);
        if (code != OK)
            return code;
        for (size_t before = 0; before < i; before++)
            if (str_eq(dimensions[before].name, dimensions[i].name))
                return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                                       "%sDimensions has the name " STR_FMT " twice.", where,
                                       STR_ARG(dimensions[i].name));
        metric->dimension_count++;
    }
    return OK;
}

enum error_code metric_input_read(struct monitoring_request *request, yyjson_val *object, const char *where,
                                  struct monitor_metric *metric, struct error *error)
{
    enum error_code code = OK;
    *metric = (struct monitor_metric){
        .tenant = request->tenant,
        .namespace = monitoring_get_str(object, "Namespace"),
        .name = monitoring_get_str(object, "MetricName"),
        .unit = monitoring_get_str(object, "Unit"),
    };
    if (metric->namespace.data)
        code = check_name(request, metric->namespace, NAME_MAX_CHARS, where, "Namespace", error);
    if (code == OK && metric->name.data)
        code = check_name(request, metric->name, NAME_MAX_CHARS, where, "MetricName", error);
    if (code == OK)
        code = metric_input_unit(request, metric->unit, where, error);
    return code == OK ? read_dimensions(request, yyjson_obj_get(object, "Dimensions"), where, metric, error) : code;
}

enum error_code metric_input_period(struct monitoring_request *request, int64_t period, const char *where,
                                    uint32_t *seconds, struct error *error)
{
    if (period < 60 || period % 60 != 0 || period > PERIOD_MAX)
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                               "The value %lld for %sPeriod must be a multiple of 60, up to %d: points of less than a "
                               "minute are not kept.", (long long)period, where, PERIOD_MAX);
    *seconds = (uint32_t)period;
    return OK;
}

enum error_code metric_input_stat(struct monitoring_request *request, const struct monitor_metric *metric,
                                  uint32_t period_s, struct str text, const char *where, struct monitor_stat *stat,
                                  struct error *error)
{
    if (!monitor_stat_parse(text, stat))
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                               "The value " STR_FMT " for %s is not served: SampleCount, Average, Sum, Minimum, "
                               "Maximum and percentiles (p90, p99.9) are.", STR_ARG(str_slice(text, 0, 64)), where);
    const uint32_t least_s = metric ? monitor_percentile_period(metric) : 0;
    if (stat->kind != MONITOR_PERCENTILE || !metric || (least_s > 0 && period_s % least_s == 0))
        return OK;
    if (least_s > 0)
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                               "The value " STR_FMT " for %s is not served of " STR_FMT " with a Period of %u: its "
                               "percentiles are kept by the hour, so Period must be a multiple of %u.",
                               STR_ARG(str_slice(text, 0, 64)), where, STR_ARG(metric->name), period_s, least_s);
    return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                           "The value " STR_FMT " for %s is not served of " STR_FMT ": percentiles are kept of "
                           "AWS/Bedrock's durations and counts of tokens, and of metrics of your own.",
                           STR_ARG(str_slice(text, 0, 64)), where, STR_ARG(metric->name));
}

enum error_code metric_input_unit(struct monitoring_request *request, struct str unit, const char *where,
                                  struct error *error)
{
    static const char *const units[] = {
        "Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits",
        "Kilobits", "Megabits", "Gigabits", "Terabits", "Percent", "Count", "Bytes/Second", "Kilobytes/Second",
        "Megabytes/Second", "Gigabytes/Second", "Terabytes/Second", "Bits/Second", "Kilobits/Second",
        "Megabits/Second", "Gigabits/Second", "Terabits/Second", "Count/Second", "None",
    };
    if (unit.len == 0)
        return OK;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (str_eq(unit, str_of(units[i])))
            return OK;
    return monitoring_fail(request, FAULT_PARAMETER_VALUE, error, "The value " STR_FMT " for %sUnit is no unit.",
                           STR_ARG(str_slice(unit, 0, 64)), where);
}
