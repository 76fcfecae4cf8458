/* get_queries.c - the queries of get.h out of a document. */
#include "api/monitoring/get.h"

#include "core/limits.h"

static enum error_code read_metric(struct monitoring_request *request, yyjson_val *item, const char *where,
                                   struct get_query *query, struct error *error)
{
    char place[96];
    yyjson_val *stat = yyjson_obj_get(item, "MetricStat"), *metric = yyjson_obj_get(stat, "Metric");
    (void)snprintf(place, sizeof(place), "%sMetricStat.Metric.", where);
    enum error_code code = metric_input_read(request, metric, place, &query->metric, error);
    if (code != OK)
        return code;
    if (!query->metric.namespace.data || !query->metric.name.data)
        return monitoring_fail(request, FAULT_MISSING_PARAMETER, error, "The parameter %s%s is required.", place,
                               query->metric.namespace.data ? "MetricName" : "Namespace");
    query->metric.unit = monitoring_get_str(stat, "Unit");
    query->stat_name = monitoring_get_str(stat, "Stat");
    (void)snprintf(place, sizeof(place), "%sMetricStat.", where);
    code = metric_input_unit(request, query->metric.unit, place, error);
    if (code == OK)
        code = metric_input_period(request, monitoring_get_int(stat, "Period", 0), place, &query->period_s, error);
    (void)snprintf(place, sizeof(place), "%sMetricStat.Stat", where);
    if (code != OK)
        return code;
    return metric_input_stat(request, &query->metric, query->period_s, query->stat_name, place, &query->stat, error);
}

static enum error_code read_query(struct monitoring_request *request, yyjson_val *item, const char *where,
                                  struct get_query *query, struct error *error)
{
    const struct str account = monitoring_get_str(item, "AccountId");
    *query = (struct get_query){
        .id = monitoring_get_str(item, "Id"),
        .expression = monitoring_get_str(item, "Expression"),
        .label = monitoring_get_str(item, "Label"),
        .is_metric = monitoring_has(item, "MetricStat"),
        .is_wanted = monitoring_get_bool(item, "ReturnData", true),
    };
    if (query->is_metric == (query->expression.data != NULL))
        return monitoring_fail(request, FAULT_VALIDATION, error,
                               "%s must have exactly one of MetricStat and Expression.", where);
    if (account.data && !str_eq(account, str_of(request->account)))
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                               "%sAccountId must be your own, %s: metrics of other accounts are not shown.", where,
                               request->account);
    if (query->is_metric)
        return read_metric(request, item, where, query, error);
    if (!monitoring_has(item, "Period"))
        return OK;
    return metric_input_period(request, monitoring_get_int(item, "Period", 0), where, &query->period_s, error);
}

enum error_code get_queries_read(struct monitoring_request *request, yyjson_val *queries, const char *where,
                                 struct get_query **found, size_t *count, struct error *error)
{
    char place[48];
    size_t i, max;
    yyjson_val *item;
    *count = yyjson_arr_size(queries);
    if (*count == 0 || *count > GET_QUERIES_MAX)
        return monitoring_fail(request, FAULT_VALIDATION, error, "%s must have 1 to %d members.", where,
                               GET_QUERIES_MAX);
    *found = ARENA_ARRAY(request->arena, struct get_query, *count);
    if (!*found)
        return error_no_memory(error);
    yyjson_arr_foreach(queries, i, max, item)
    {
        (void)snprintf(place, sizeof(place), "%s[%zu].", where, i);
        const enum error_code code = read_query(request, item, place, &(*found)[i], error);
        if (code != OK)
            return code;
    }
    return OK;
}
