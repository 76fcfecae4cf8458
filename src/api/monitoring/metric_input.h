/* metric_input.h - metrics as requests name them. Strings are borrowed from the request. Any thread. */
#ifndef API_MONITORING_METRIC_INPUT_H
#define API_MONITORING_METRIC_INPUT_H

#include "api/monitoring/service.h"
#include "monitor/query.h"

/* Namespace, MetricName, Dimensions and Unit of an object; `where` is its path for messages, with its dot ("" at the
 * root). Members that are not there stay without data. Dimensions lie in the request's arena. */
enum error_code metric_input_read(struct monitoring_request *request, yyjson_val *object, const char *where,
                                  struct monitor_metric *metric, struct error *error) WARN_UNUSED;

/* A period of 60 seconds or a multiple, up to a day. */
enum error_code metric_input_period(struct monitoring_request *request, int64_t period, const char *where,
                                    uint32_t *seconds, struct error *error) WARN_UNUSED;

/* A statistic or a percentile; of `metric`, where it is not NULL, percentiles must be kept for periods of so many
 * seconds. */
enum error_code metric_input_stat(struct monitoring_request *request, const struct monitor_metric *metric,
                                  uint32_t period_s, struct str text, const char *where, struct monitor_stat *stat,
                                  struct error *error) WARN_UNUSED;

/* A unit of the service's list; empty or data NULL: none was said. */
enum error_code metric_input_unit(struct monitoring_request *request, struct str unit, const char *where,
                                  struct error *error) WARN_UNUSED;

#endif
