/* alarms.h - operations on alarms, their history, dashboards, and tags of both: handlers of service.h. */
#ifndef API_MONITORING_ALARMS_H
#define API_MONITORING_ALARMS_H

#include "api/monitoring/service.h"

enum error_code monitoring_put_metric_alarm(struct monitoring_request *request, struct error *error);
enum error_code monitoring_describe_alarms(struct monitoring_request *request, struct error *error);
enum error_code monitoring_describe_alarms_for_metric(struct monitoring_request *request, struct error *error);
enum error_code monitoring_describe_alarm_history(struct monitoring_request *request, struct error *error);
enum error_code monitoring_set_alarm_state(struct monitoring_request *request, struct error *error);
enum error_code monitoring_delete_alarms(struct monitoring_request *request, struct error *error);
enum error_code monitoring_enable_alarm_actions(struct monitoring_request *request, struct error *error);
enum error_code monitoring_disable_alarm_actions(struct monitoring_request *request, struct error *error);

enum error_code monitoring_put_dashboard(struct monitoring_request *request, struct error *error);
enum error_code monitoring_get_dashboard(struct monitoring_request *request, struct error *error);
enum error_code monitoring_list_dashboards(struct monitoring_request *request, struct error *error);
enum error_code monitoring_delete_dashboards(struct monitoring_request *request, struct error *error);

enum error_code monitoring_tag_resource(struct monitoring_request *request, struct error *error);
enum error_code monitoring_untag_resource(struct monitoring_request *request, struct error *error);
enum error_code monitoring_list_tags(struct monitoring_request *request, struct error *error);

/* The member Tags of a request that makes something, as kept: a JSON object; empty without one. */
enum error_code monitoring_new_tags(struct monitoring_request *request, struct str *tags,
                                    struct error *error) WARN_UNUSED;

/* The member of a request that is a list of texts, in its arena. ERROR_INVALID: there are more than `max`, or one is
 * empty. */
enum error_code monitoring_get_names(struct monitoring_request *request, const char *key, size_t max,
                                     struct str **names, size_t *count, struct error *error) WARN_UNUSED;

/* From 1 to `max`; `max` without it. */
enum error_code monitoring_get_page(struct monitoring_request *request, size_t max, size_t usual, size_t *size,
                                    struct error *error) WARN_UNUSED;

#endif
