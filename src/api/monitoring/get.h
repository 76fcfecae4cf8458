/* get.h - queries of GetMetricData, which alarms on several metrics consist of as well: read, checked, and run. Any
 * thread that may wait. */
#ifndef API_MONITORING_GET_H
#define API_MONITORING_GET_H

#include "api/monitoring/metric_input.h"
#include "monitor/math.h"

struct get_query {
    struct str id, expression, label;
    bool is_metric, is_wanted;
    struct monitor_metric metric; /* of a metric, as are the next two */
    struct monitor_stat stat;
    struct str stat_name;
    uint32_t period_s; /* an expression's own; 0: none */
};

#define GET_QUERIES_MAX 500

/* The list `queries`, whose shape was checked; `where` is its name for messages. */
enum error_code get_queries_read(struct monitoring_request *request, yyjson_val *queries, const char *where,
                                 struct get_query **found, size_t *count, struct error *error) WARN_UNUSED;

#endif
