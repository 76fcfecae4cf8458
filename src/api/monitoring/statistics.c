/* statistics.c - GetMetricStatistics: several statistics of one metric, point by point. */
#include <math.h>

#include "api/call.h"
#include "api/monitoring/metric_input.h"
#include "core/json.h"

#define POINTS_MAX 1440
#define EXTENDED_MAX 10

struct asking {
    struct monitoring_request *request;
    struct monitor_metric metric;
    struct monitor_range range;
    struct monitor_stat stats[MONITOR_STATISTICS + EXTENDED_MAX];
    struct str names[MONITOR_STATISTICS + EXTENDED_MAX];
    size_t count;
    bool has_percentiles;
};

static enum error_code read_names(struct asking *asking, const char *list, bool are_percentiles, size_t most,
                                  struct error *error)
{
    size_t i, max;
    yyjson_val *name;
    yyjson_val *names = yyjson_obj_get(asking->request->input, list);
    if (yyjson_arr_size(names) > most)
        return monitoring_fail(asking->request, FAULT_PARAMETER_VALUE, error, "%s has %zu members, %zu at most.", list,
                               yyjson_arr_size(names), most);
    yyjson_arr_foreach(names, i, max, name)
    {
        struct monitor_stat *stat = &asking->stats[asking->count];
        const enum error_code code = metric_input_stat(asking->request, &asking->metric,
                                                       asking->range.period_s, json_str(name), list, stat, error);
        if (code != OK)
            return code;
        if ((stat->kind == MONITOR_PERCENTILE) != are_percentiles)
            return monitoring_fail(asking->request, FAULT_PARAMETER_VALUE, error,
                                   "The value " STR_FMT " stands in %s: percentiles belong into ExtendedStatistics, "
                                   "the others into Statistics.", STR_ARG(json_str(name)), list);
        asking->names[asking->count++] = json_str(name);
    }
    return OK;
}

static enum error_code read_statistics(struct asking *asking, struct error *error)
{
    struct monitoring_request *request = asking->request;
    const bool has_plain = yyjson_arr_size(yyjson_obj_get(request->input, "Statistics")) > 0;
    asking->has_percentiles = yyjson_arr_size(yyjson_obj_get(request->input, "ExtendedStatistics")) > 0;
    if (!has_plain && !asking->has_percentiles)
        return monitoring_fail(request, FAULT_MISSING_PARAMETER, error,
                               "One of the parameters Statistics and ExtendedStatistics is required.");
    enum error_code code = read_names(asking, "Statistics", false, MONITOR_PERCENTILE, error);
    return code == OK ? read_names(asking, "ExtendedStatistics", true, EXTENDED_MAX, error) : code;
}

static enum error_code read_range(struct asking *asking, struct error *error)
{
    struct monitoring_request *request = asking->request;
    double start = 0, end = 0;
    uint32_t period_s = 60;
    enum error_code code = metric_input_period(request, monitoring_get_int(request->input, "Period", 0), "", &period_s,
                                               error);
    if (code != OK)
        return code;
    (void)monitoring_get_time(request->input, "StartTime", &start);
    (void)monitoring_get_time(request->input, "EndTime", &end);
    if (start >= end)
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                               "The parameter StartTime must be less than the parameter EndTime.");
    if ((end - start) / period_s > POINTS_MAX)
        return monitoring_fail(request, FAULT_PARAMETER_COMBINATION, error,
                               "You have requested up to %.0f datapoints, which exceeds the limit of %d. You may "
                               "reduce the datapoints requested by increasing Period, or decreasing the time range.",
                               ceil((end - start) / period_s), POINTS_MAX);
    asking->range = (struct monitor_range){(uint64_t)floor(start), (uint64_t)ceil(end), period_s, 0};
    return OK;
}

static bool add_point(const struct asking *asking, yyjson_mut_val *points, const struct monitor_bucket *bucket,
                      struct str unit)
{
    struct monitoring_request *request = asking->request;
    yyjson_mut_doc *doc = request->reply;
    yyjson_mut_val *point = yyjson_mut_arr_add_obj(doc, points);
    yyjson_mut_val *extended = asking->has_percentiles ? yyjson_mut_obj(doc) : NULL;
    bool is_good = point && yyjson_mut_obj_add_uint(doc, point, "Timestamp", bucket->time_s);
    for (size_t i = 0; is_good && i < asking->count; i++) {
        const double value = monitor_bucket_value(bucket, &asking->stats[i]);
        if (!isnan(value))
            is_good = yyjson_mut_obj_add(asking->stats[i].kind == MONITOR_PERCENTILE ? extended : point,
                                         yyjson_mut_strn(doc, asking->names[i].data, asking->names[i].len),
                                         yyjson_mut_real(doc, value));
    }
    if (is_good && extended)
        is_good = yyjson_mut_obj_add_val(doc, point, "ExtendedStatistics", extended);
    return is_good && monitoring_add_str(request, point, "Unit", unit);
}

static enum error_code answer(const struct asking *asking, struct error *error)
{
    struct monitoring_request *request = asking->request;
    struct monitor_buckets buckets;
    const enum error_code code = monitor_read_buckets(request->api->monitor, &asking->metric, asking->has_percentiles,
                                                      &asking->range, request->arena, &buckets, error);
    if (code != OK)
        return code;
    yyjson_mut_val *points = yyjson_mut_arr(request->reply);
    bool is_good = points && monitoring_add_str(request, request->output, "Label", asking->metric.name) &&
                   yyjson_mut_obj_add_val(request->reply, request->output, "Datapoints", points);
    for (size_t i = 0; is_good && i < buckets.count; i++)
        is_good = add_point(asking, points, &buckets.items[i], buckets.unit);
    return is_good ? OK : error_no_memory(error);
}

enum error_code monitoring_get_metric_statistics(struct monitoring_request *request, struct error *error)
{
    struct asking asking = {.request = request};
    enum error_code code = metric_input_read(request, request->input, "", &asking.metric, error);
    if (code == OK)
        code = read_range(&asking, error);
    if (code == OK)
        code = read_statistics(&asking, error);
    return code == OK ? answer(&asking, error) : code;
}
