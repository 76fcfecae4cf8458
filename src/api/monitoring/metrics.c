/* metrics.c - ListMetrics and PutMetricData. */
#include <math.h>
#include <stdlib.h>

#include "api/call.h"
#include "api/monitoring/metric_input.h"
#include "core/json.h"
#include "monitor/monitor.h"

#define PAGE_METRICS 500
#define RECENT_S (3 * 3600)
#define DATA_MAX 1000           /* of one call */
#define VALUES_MAX 150          /* of one datum */
#define AGE_MAX_S (14 * 86400)
#define AHEAD_MAX_S 7200

/* --- ListMetrics ------------------------------------------------------------------------------------ */

struct listing {
    struct monitoring_request *request;
    yyjson_mut_val *metrics;
    uint64_t at, from;
    bool has_more;
};

static bool add_metric(struct listing *listing, const struct monitor_metric *metric)
{
    struct monitoring_request *request = listing->request;
    yyjson_mut_val *object = yyjson_mut_arr_add_obj(request->reply, listing->metrics);
    yyjson_mut_val *dimensions = yyjson_mut_arr(request->reply);
    bool is_good = object && dimensions && monitoring_add_str(request, object, "Namespace", metric->namespace) &&
                   monitoring_add_str(request, object, "MetricName", metric->name) &&
                   yyjson_mut_obj_add_val(request->reply, object, "Dimensions", dimensions);
    for (size_t i = 0; is_good && i < metric->dimension_count; i++) {
        yyjson_mut_val *dimension = yyjson_mut_arr_add_obj(request->reply, dimensions);
        is_good = dimension && monitoring_add_str(request, dimension, "Name", metric->dimensions[i].name) &&
                  monitoring_add_str(request, dimension, "Value", metric->dimensions[i].value);
    }
    return is_good;
}

static enum error_code list_one(void *ctx, const struct monitor_metric *metric, struct error *error)
{
    struct listing *listing = ctx;
    const uint64_t at = listing->at++;
    if (at < listing->from)
        return OK;
    if (at >= listing->from + PAGE_METRICS) {
        listing->has_more = true;
        return OK;
    }
    return add_metric(listing, metric) ? OK : error_no_memory(error);
}

/* What the token of a page is good for. */
static struct str question(struct monitoring_request *request, const struct monitor_metric *metric, bool is_recent)
{
    struct buf text;
    struct str copy = {NULL, 0};
    buf_init(&text, 65536);
    buf_appendf(&text, "%d|" STR_FMT "|" STR_FMT, is_recent, STR_ARG(metric->namespace), STR_ARG(metric->name));
    for (size_t i = 0; i < metric->dimension_count; i++)
        buf_appendf(&text, "|" STR_FMT "=" STR_FMT, STR_ARG(metric->dimensions[i].name),
                    STR_ARG(metric->dimensions[i].value));
    if (!text.failed && !arena_str(request->arena, buf_str(&text), &copy))
        copy = (struct str){NULL, 0};
    buf_deinit(&text);
    return copy;
}

static enum error_code check_listing(struct monitoring_request *request, struct str recently, struct error *error)
{
    const struct str owner = monitoring_get_str(request->input, "OwningAccount");
    if (recently.data && !str_eq(recently, STR("PT3H")))
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error, "The value for RecentlyActive must be PT3H.");
    if (owner.data && !str_eq(owner, str_of(request->account)))
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                               "OwningAccount must be your own, %s: metrics of other accounts are not shown.",
                               request->account);
    return OK;
}

enum error_code monitoring_list_metrics(struct monitoring_request *request, struct error *error)
{
    struct monitor_metric metric;
    struct listing listing = {.request = request, .metrics = yyjson_mut_arr(request->reply)};
    const struct str recently = monitoring_get_str(request->input, "RecentlyActive");
    enum error_code code = metric_input_read(request, request->input, "", &metric, error);
    if (code == OK)
        code = check_listing(request, recently, error);
    if (code != OK)
        return code;
    const struct str what = question(request, &metric, recently.data != NULL);
    if (!what.data || !yyjson_mut_obj_add_val(request->reply, request->output, "Metrics", listing.metrics))
        return error_no_memory(error);
    const struct monitor_filter filter = {
        .tenant = request->tenant,
        .namespace = metric.namespace,
        .name = metric.name,
        .dimensions = metric.dimensions,
        .dimension_count = metric.dimension_count,
        .active_since_s = recently.data ? request->now_us / 1000000 - RECENT_S : 0,
    };
    code = monitoring_read_token(request, what, &listing.from, error);
    if (code == OK)
        code = monitor_list(request->api->monitor, &filter, list_one, &listing, error);
    if (code != OK || !listing.has_more)
        return code;
    return monitoring_add_token(request, what, listing.from + PAGE_METRICS) ? OK : error_no_memory(error);
}

/* --- PutMetricData ---------------------------------------------------------------------------------- */

/* What is in no metric: 2^360 is the service's own bound. */
static bool is_value(double value)
{
    return isfinite(value) && fabs(value) <= 0x1p360;
}

static enum error_code read_list(struct monitoring_request *request, yyjson_val *list, const char *name,
                                 const char *where, const double **numbers, struct error *error)
{
    size_t i, max;
    yyjson_val *item;
    double *copy = ARENA_ARRAY(request->arena, double, yyjson_arr_size(list) + 1);
    if (!copy)
        return error_no_memory(error);
    yyjson_arr_foreach(list, i, max, item)
    {
        copy[i] = yyjson_get_num(item);
        if (!is_value(copy[i]))
            return monitoring_fail(request, FAULT_PARAMETER_VALUE, error, "%s%s[%zu] is out of range.", where, name, i);
    }
    *numbers = copy;
    return OK;
}

static enum error_code read_values(struct monitoring_request *request, yyjson_val *datum, const char *where,
                                   struct monitor_sample *sample, struct error *error)
{
    yyjson_val *values = yyjson_obj_get(datum, "Values"), *counts = yyjson_obj_get(datum, "Counts");
    const size_t count = yyjson_arr_size(values);
    if (count == 0 || count > VALUES_MAX || (yyjson_is_arr(counts) && yyjson_arr_size(counts) != count))
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                               "%sValues must have 1 to %d members, and Counts as many.", where, VALUES_MAX);
    enum error_code code = read_list(request, values, "Values", where, &sample->values, error);
    if (code == OK && yyjson_is_arr(counts))
        code = read_list(request, counts, "Counts", where, &sample->counts, error);
    for (size_t i = 0; code == OK && sample->counts && i < count; i++)
        if (sample->counts[i] <= 0)
            code = monitoring_fail(request, FAULT_PARAMETER_VALUE, error, "%sCounts[%zu] must be above 0.", where, i);
    sample->count = count;
    return code;
}

static enum error_code read_set(struct monitoring_request *request, yyjson_val *set, const char *where,
                                struct monitor_sample *sample, struct error *error)
{
    sample->is_set = true;
    sample->set_count = monitoring_get_number(set, "SampleCount", 0);
    sample->set_sum = monitoring_get_number(set, "Sum", 0);
    sample->set_min = monitoring_get_number(set, "Minimum", 0);
    sample->set_max = monitoring_get_number(set, "Maximum", 0);
    if (sample->set_count <= 0 || !is_value(sample->set_count) || !is_value(sample->set_sum) ||
        !is_value(sample->set_min) || !is_value(sample->set_max) || sample->set_min > sample->set_max)
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                               "%sStatisticValues must have a SampleCount above 0, and a Minimum that is not above the "
                               "Maximum.", where);
    return OK;
}

static enum error_code read_samples(struct monitoring_request *request, yyjson_val *datum, const char *where,
                                    struct monitor_sample *sample, struct error *error)
{
    const bool has_value = monitoring_has(datum, "Value"), has_values = monitoring_has(datum, "Values");
    yyjson_val *set = yyjson_obj_get(datum, "StatisticValues");
    if (has_value + has_values + yyjson_is_obj(set) != 1)
        return monitoring_fail(request, FAULT_PARAMETER_COMBINATION, error,
                               "%s must have exactly one of Value, Values and StatisticValues.", where);
    if (has_values)
        return read_values(request, datum, where, sample, error);
    if (set)
        return read_set(request, set, where, sample, error);
    double *value = ARENA_NEW(request->arena, double);
    if (!value)
        return error_no_memory(error);
    *value = monitoring_get_number(datum, "Value", 0);
    sample->values = value;
    sample->count = 1;
    return is_value(*value)
               ? OK
               : monitoring_fail(request, FAULT_PARAMETER_VALUE, error, "%sValue is out of range.", where);
}

static enum error_code read_time(struct monitoring_request *request, yyjson_val *datum, const char *where,
                                 struct monitor_sample *sample, struct error *error)
{
    const double now_s = (double)request->now_us / 1e6;
    double seconds = now_s;
    (void)monitoring_get_time(datum, "Timestamp", &seconds);
    if (seconds < now_s - AGE_MAX_S || seconds > now_s + AHEAD_MAX_S)
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                               "The value for %sTimestamp must be at most two weeks ago and two hours ahead.", where);
    sample->time_s = (uint64_t)seconds;
    return OK;
}

static enum error_code read_datum(struct monitoring_request *request, struct str namespace, yyjson_val *datum,
                                  size_t index, struct monitor_sample *sample, struct error *error)
{
    char where[48];
    (void)snprintf(where, sizeof(where), "MetricData[%zu].", index);
    enum error_code code = metric_input_read(request, datum, where, &sample->metric, error);
    sample->metric.namespace = namespace;
    if (!sample->metric.unit.len)
        sample->metric.unit = STR("None");
    if (code == OK)
        code = read_samples(request, datum, where, sample, error);
    return code == OK ? read_time(request, datum, where, sample, error) : code;
}

static enum error_code check_namespace(struct monitoring_request *request, struct str namespace, struct error *error)
{
    if (namespace.data[0] == ':')
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                               "The value for Namespace must not begin with a colon.");
    if (!str_starts(namespace, STR("AWS/")) && !str_eq(namespace, STR("Fulcrum")))
        return OK;
    return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                           "The value for Namespace must not be Fulcrum or begin with AWS/: these are the server's own "
                           "metrics.");
}

enum error_code monitoring_put_metric_data(struct monitoring_request *request, struct error *error)
{
    size_t i, max;
    yyjson_val *datum, *data = yyjson_obj_get(request->input, "MetricData");
    const size_t count = yyjson_arr_size(data);
    struct monitor_metric named;
    enum error_code code = metric_input_read(request, request->input, "", &named, error);
    if (code == OK)
        code = check_namespace(request, named.namespace, error);
    if (code != OK)
        return code;
    if (yyjson_arr_size(yyjson_obj_get(request->input, "EntityMetricData")) > 0)
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                               "EntityMetricData is not served here; put the metrics into MetricData.");
    if (count == 0)
        return monitoring_fail(request, FAULT_MISSING_PARAMETER, error, "The parameter MetricData is required.");
    if (count > DATA_MAX)
        return monitoring_fail(request, FAULT_LIMIT, error, "MetricData has %zu members, %d at most.", count, DATA_MAX);
    struct monitor_sample *samples = ARENA_ARRAY(request->arena, struct monitor_sample, count);
    if (!samples)
        return error_no_memory(error);
    yyjson_arr_foreach(data, i, max, datum)
    {
        code = read_datum(request, named.namespace, datum, i, &samples[i], error);
        if (code != OK)
            return code;
    }
    return monitor_put(request->api->monitor, samples, count, error);
}
