/* alarm_history.c - what happened to alarms, page by page. */
#include "alarm/alarms.h"
#include "api/call.h"
#include "api/monitoring/alarms.h"

#define PAGE_MAX 100

static enum error_code read_kind(struct monitoring_request *request, int *kind, struct error *error)
{
    const struct str type = monitoring_get_str(request->input, "HistoryItemType");
    *kind = -1;
    for (int i = 0; i < ALARM_EVENT_KINDS; i++)
        if (str_eq(type, str_of(alarm_event_names[i])))
            *kind = i;
    if (type.len == 0 || *kind >= 0)
        return OK;
    return monitoring_fail(request, FAULT_VALIDATION, error,
                           "HistoryItemType: expected ConfigurationUpdate, StateUpdate or Action");
}

static uint64_t get_us(struct monitoring_request *request, const char *key, uint64_t otherwise)
{
    double seconds;
    return monitoring_get_time(request->input, key, &seconds) && seconds >= 0 ? (uint64_t)(seconds * 1e6) : otherwise;
}

static bool add_event(struct monitoring_request *request, yyjson_mut_val *list, const struct alarm_event *event)
{
    yyjson_mut_val *item = yyjson_mut_obj(request->reply);
    return item && monitoring_add_str(request, item, "AlarmName", event->name) &&
           monitoring_add_str(request, item, "AlarmType", STR("MetricAlarm")) &&
           monitoring_add_time(request, item, "Timestamp", event->time_us) &&
           monitoring_add_str(request, item, "HistoryItemType", str_of(alarm_event_names[event->kind])) &&
           monitoring_add_str(request, item, "HistorySummary", event->summary) &&
           monitoring_add_str(request, item, "HistoryData", event->data) && yyjson_mut_arr_append(list, item);
}

static enum error_code give(struct monitoring_request *request, const struct alarm_history_filter *filter,
                            struct str what, struct error *error)
{
    struct alarm_event *events;
    size_t count;
    bool has_more;
    const enum error_code code = alarm_history(alarms_store(request->api->alarms), filter, request->arena, &events,
                                               &count, &has_more, error);
    if (code != OK)
        return code;
    yyjson_mut_val *list = yyjson_mut_arr(request->reply);
    bool is_added = list && yyjson_mut_obj_add_val(request->reply, request->output, "AlarmHistoryItems", list);
    for (size_t i = 0; i < count && is_added; i++)
        is_added = add_event(request, list, &events[i]);
    if (is_added && has_more)
        is_added = monitoring_add_token(request, what, (uint64_t)events[count - 1].id);
    return is_added ? OK : error_no_memory(error);
}

enum error_code monitoring_describe_alarm_history(struct monitoring_request *request, struct error *error)
{
    const struct str order = monitoring_get_str(request->input, "ScanBy");
    struct alarm_history_filter filter = {
        .tenant = request->tenant,
        .name = monitoring_get_str(request->input, "AlarmName"),
        .from_us = get_us(request, "StartDate", 0),
        .to_us = get_us(request, "EndDate", UINT64_MAX),
        .ascends = str_eq(order, STR("TimestampAscending")),
    };
    uint64_t beyond = 0;
    if (order.len > 0 && !filter.ascends && !str_eq(order, STR("TimestampDescending")))
        return monitoring_fail(request, FAULT_VALIDATION, error,
                               "ScanBy: expected TimestampDescending or TimestampAscending");
    enum error_code code = read_kind(request, &filter.kind, error);
    if (code == OK)
        code = monitoring_get_page(request, PAGE_MAX, PAGE_MAX, &filter.max, error);
    const struct str what = arena_printf(request->arena, STR_FMT "\n%d\n%d", STR_ARG(filter.name), filter.kind,
                                         filter.ascends);
    if (code == OK)
        code = what.data ? monitoring_read_token(request, what, &beyond, error) : error_no_memory(error);
    filter.beyond = (int64_t)beyond;
    return code == OK ? give(request, &filter, what, error) : code;
}
