/* alarms.c - alarms: made, described, changed and deleted. What an alarm may be is alarm/spec.h's. */
#include "api/monitoring/alarms.h"

#include "alarm/alarms.h"
#include "api/call.h"
#include "core/limits.h"

#define NAMES_MAX 100
#define PAGE_MAX 100
#define PAGE_USUAL 50
#define CONFIG_MAX ((size_t)1 << 20)
#define REASON_MAX 1023
#define REASON_DATA_MAX 4000
#define SET_TRIES 8 /* the state may change while it is being set */

static struct alarm_store *store_of(const struct monitoring_request *request)
{
    return alarms_store(request->api->alarms);
}

/* Who asks for alarms the first time has one already. */
static void welcome(const struct monitoring_request *request)
{
    alarms_welcome(request->api->alarms, request->tenant, str_of(request->account), str_of(request->region));
}

enum error_code monitoring_get_names(struct monitoring_request *request, const char *key, size_t max,
                                     struct str **names, size_t *count, struct error *error)
{
    yyjson_val *list = yyjson_obj_get(request->input, key), *item;
    size_t i, size;
    *count = yyjson_arr_size(list);
    *names = ARENA_ARRAY(request->arena, struct str, *count + 1);
    if (!*names)
        return error_no_memory(error);
    if (*count > max)
        return monitoring_fail(request, FAULT_VALIDATION, error, "%s: there are %zu, %zu are the most", key, *count,
                               max);
    json_arr_foreach(list, i, size, item)
    {
        (*names)[i] = json_str(item);
        if ((*names)[i].len == 0)
            return monitoring_fail(request, FAULT_VALIDATION, error, "%s[%zu]: it is empty", key, i);
    }
    return OK;
}

enum error_code monitoring_get_page(struct monitoring_request *request, size_t max, size_t usual, size_t *size,
                                    struct error *error)
{
    const int64_t asked = monitoring_get_int(request->input, "MaxRecords", (int64_t)usual);
    if (asked < 1 || asked > (int64_t)max)
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error, "MaxRecords: expected 1 to %zu", max);
    *size = (size_t)asked;
    return OK;
}

static enum error_code not_found(struct monitoring_request *request, struct str name, struct error *error)
{
    return monitoring_fail(request, FAULT_NOT_FOUND, error, "Alarm '" STR_FMT "' does not exist.",
                           STR_ARG(str_slice(name, 0, LIMIT_ALARM_NAME)));
}

/* --- making ----------------------------------------------------------------------------------------- */

/* ARNs may mean something elsewhere; an address is asked for by name, so it must be one that is allowed. */
static enum error_code check_actions(struct monitoring_request *request, const struct alarm_spec *spec,
                                     struct error *error)
{
    const struct alarm_config *config = alarm_config(request->api->config);
    for (int state = 0; state < ALARM_STATES; state++)
        for (size_t i = 0; i < spec->action_counts[state]; i++) {
            const struct str action = spec->actions[state][i];
            if (!str_starts(action, STR("arn:")) && !alarm_hook_of(config, action))
                return monitoring_fail(request, FAULT_VALIDATION, error,
                                       "%s[%zu]: '" STR_FMT "' is neither an ARN nor an address that alarms.allowed "
                                       "of the server's configuration begins with",
                                       alarm_action_members[state], i, STR_ARG(str_slice(action, 0, 200)));
        }
    return OK;
}

static enum error_code put(struct monitoring_request *request, struct str config, struct error *error)
{
    struct alarm_put alarm = {
        .tenant = request->tenant,
        .name = monitoring_get_str(request->input, "AlarmName"),
        .account = str_of(request->account),
        .region = str_of(request->region),
        .config = config,
        .is_enabled = monitoring_get_bool(request->input, "ActionsEnabled", true),
        .now_us = request->now_us,
    };
    enum error_code code = monitoring_new_tags(request, &alarm.tags, error);
    if (code == OK)
        code = alarm_put(store_of(request), &alarm, error);
    if (code == OK)
        alarms_look(request->api->alarms);
    return code;
}

enum error_code monitoring_put_metric_alarm(struct monitoring_request *request, struct error *error)
{
    const struct str name = monitoring_get_str(request->input, "AlarmName");
    struct alarm_spec spec;
    struct buf config;
    if (name.len == 0 || name.len > LIMIT_ALARM_NAME)
        return monitoring_fail(request, FAULT_VALIDATION, error, "AlarmName: expected 1 to %d bytes",
                               LIMIT_ALARM_NAME);
    enum error_code code = alarm_spec_read(request->input, request->arena, &spec, error);
    if (code == ERROR_INVALID)
        request->fault = FAULT_VALIDATION;
    if (code == OK)
        code = check_actions(request, &spec, error);
    if (code != OK)
        return code;
    welcome(request);
    buf_init(&config, CONFIG_MAX);
    code = alarm_config_append(&config, request->input) ? put(request, buf_str(&config), error)
                                                        : error_no_memory(error);
    buf_deinit(&config);
    return code;
}

/* --- describing ------------------------------------------------------------------------------------- */

static bool add(struct monitoring_request *request, yyjson_mut_val *object, const char *key, yyjson_mut_val *value)
{
    return value && yyjson_mut_obj_add(object, yyjson_mut_str(request->reply, key), value);
}

static bool add_config(struct monitoring_request *request, yyjson_mut_val *object, yyjson_val *config)
{
    yyjson_val *key, *value;
    size_t i, max;
    bool is_added = true;
    json_obj_foreach(config, i, max, key, value)
        is_added = is_added && yyjson_mut_obj_add(object, yyjson_val_mut_copy(request->reply, key),
                                                  yyjson_val_mut_copy(request->reply, value));
    return is_added;
}

/* Lists that readers take for granted. */
static bool add_empty(struct monitoring_request *request, yyjson_mut_val *object, yyjson_val *config)
{
    bool is_added = true;
    for (int state = 0; state < ALARM_STATES; state++)
        if (!yyjson_obj_get(config, alarm_action_members[state]))
            is_added = is_added && add(request, object, alarm_action_members[state], yyjson_mut_arr(request->reply));
    if (!yyjson_obj_get(config, "Metrics") && !yyjson_obj_get(config, "Dimensions"))
        is_added = is_added && add(request, object, "Dimensions", yyjson_mut_arr(request->reply));
    return is_added;
}

static bool add_alarm(struct monitoring_request *request, yyjson_mut_val *list, const struct alarm *alarm)
{
    yyjson_mut_val *object = yyjson_mut_obj(request->reply);
    yyjson_val *config = yyjson_doc_get_root(alarm->doc);
    return object && monitoring_add_str(request, object, "AlarmName", alarm->name) &&
           monitoring_add_str(request, object, "AlarmArn", alarm->arn) &&
           monitoring_add_time(request, object, "AlarmConfigurationUpdatedTimestamp", alarm->config_us) &&
           add(request, object, "ActionsEnabled", yyjson_mut_bool(request->reply, alarm->is_enabled)) &&
           add_config(request, object, config) && add_empty(request, object, config) &&
           monitoring_add_str(request, object, "StateValue", str_of(alarm_state_names[alarm->state])) &&
           monitoring_add_str(request, object, "StateReason", alarm->reason) &&
           (alarm->reason_data.len == 0 ||
            monitoring_add_str(request, object, "StateReasonData", alarm->reason_data)) &&
           monitoring_add_time(request, object, "StateUpdatedTimestamp", alarm->updated_us) &&
           monitoring_add_time(request, object, "StateTransitionedTimestamp", alarm->updated_us) &&
           yyjson_mut_arr_append(list, object);
}

struct filter {
    struct str *names;
    size_t name_count;
    struct str prefix, action_prefix, state;
    bool takes_none; /* only composite alarms are asked for, or those that belong to one: there are none */
};

static bool has_action(const struct alarm *alarm, struct str prefix)
{
    for (int state = 0; state < ALARM_STATES; state++)
        for (size_t i = 0; i < alarm->spec.action_counts[state]; i++)
            if (str_starts(alarm->spec.actions[state][i], prefix))
                return true;
    return false;
}

static bool takes(const struct filter *filter, const struct alarm *alarm)
{
    bool is_named = filter->name_count == 0;
    for (size_t i = 0; i < filter->name_count && !is_named; i++)
        is_named = str_eq(filter->names[i], alarm->name);
    return is_named && !filter->takes_none && str_starts(alarm->name, filter->prefix) &&
           (filter->state.len == 0 || str_eq(filter->state, str_of(alarm_state_names[alarm->state]))) &&
           (filter->action_prefix.len == 0 || has_action(alarm, filter->action_prefix));
}

static enum error_code read_types(struct monitoring_request *request, struct filter *filter, struct error *error)
{
    struct str *types;
    size_t count;
    const enum error_code code = monitoring_get_names(request, "AlarmTypes", NAMES_MAX, &types, &count, error);
    bool has_metric = count == 0;
    for (size_t i = 0; code == OK && i < count; i++) {
        has_metric = has_metric || str_eq(types[i], STR("MetricAlarm"));
        if (!str_eq(types[i], STR("MetricAlarm")) && !str_eq(types[i], STR("CompositeAlarm")) &&
            !str_eq(types[i], STR("LogAlarm")))
            return monitoring_fail(request, FAULT_VALIDATION, error,
                                   "AlarmTypes[%zu]: expected MetricAlarm or CompositeAlarm", i);
    }
    filter->takes_none = !has_metric || monitoring_has(request->input, "ChildrenOfAlarmName") ||
                         monitoring_has(request->input, "ParentsOfAlarmName");
    return code;
}

static enum error_code read_filter(struct monitoring_request *request, struct filter *filter, struct error *error)
{
    enum alarm_state state;
    *filter = (struct filter){
        .prefix = monitoring_get_str(request->input, "AlarmNamePrefix"),
        .action_prefix = monitoring_get_str(request->input, "ActionPrefix"),
        .state = monitoring_get_str(request->input, "StateValue"),
    };
    const enum error_code code =
        monitoring_get_names(request, "AlarmNames", NAMES_MAX, &filter->names, &filter->name_count, error);
    if (code != OK)
        return code;
    if (filter->name_count > 0 && filter->prefix.len > 0)
        return monitoring_fail(request, FAULT_PARAMETER_COMBINATION, error,
                               "AlarmNames and AlarmNamePrefix can't be given together");
    if (filter->state.len > 0 && !alarm_state_find(filter->state, &state))
        return monitoring_fail(request, FAULT_VALIDATION, error,
                               "StateValue: expected OK, ALARM or INSUFFICIENT_DATA");
    return read_types(request, filter, error);
}

/* One page of those that the filter takes; `position`: how many of them came before. */
static enum error_code add_page(struct monitoring_request *request, const struct filter *filter,
                                const struct alarm_list *list, uint64_t position, size_t size, struct str what,
                                struct error *error)
{
    yyjson_mut_val *found = yyjson_mut_arr(request->reply);
    uint64_t seen = 0;
    bool is_added = add(request, request->output, "MetricAlarms", found) &&
                    add(request, request->output, "CompositeAlarms", yyjson_mut_arr(request->reply));
    for (size_t i = 0; i < list->count && is_added; i++) {
        if (!takes(filter, list->items[i]) || seen++ < position)
            continue;
        if (seen > position + size)
            return monitoring_add_token(request, what, position + size) ? OK : error_no_memory(error);
        is_added = add_alarm(request, found, list->items[i]);
    }
    return is_added ? OK : error_no_memory(error);
}

enum error_code monitoring_describe_alarms(struct monitoring_request *request, struct error *error)
{
    struct filter filter;
    struct alarm_list list;
    uint64_t position = 0;
    size_t size = 0;
    enum error_code code = read_filter(request, &filter, error);
    if (code == OK)
        code = monitoring_get_page(request, PAGE_MAX, PAGE_USUAL, &size, error);
    const struct str what = arena_printf(request->arena, STR_FMT "\n" STR_FMT "\n" STR_FMT, STR_ARG(filter.prefix),
                                         STR_ARG(filter.state), STR_ARG(filter.action_prefix));
    if (code == OK)
        code = what.data ? monitoring_read_token(request, what, &position, error) : error_no_memory(error);
    if (code != OK)
        return code;
    welcome(request);
    code = alarm_list(store_of(request), request->tenant, &list, error);
    if (code == OK)
        code = add_page(request, &filter, &list, position, size, what, error);
    alarm_list_free(&list);
    return code;
}

/* --- of one metric ---------------------------------------------------------------------------------- */

static bool has_dimensions(const struct monitor_metric *metric, yyjson_val *list)
{
    yyjson_val *item;
    size_t i, max;
    if (yyjson_arr_size(list) != metric->dimension_count)
        return false;
    json_arr_foreach(list, i, max, item)
    {
        bool is_there = false;
        for (size_t d = 0; d < metric->dimension_count && !is_there; d++)
            is_there = str_eq(metric->dimensions[d].name, monitoring_get_str(item, "Name")) &&
                       str_eq(metric->dimensions[d].value, monitoring_get_str(item, "Value"));
        if (!is_there)
            return false;
    }
    return true;
}

static bool is_over(const struct alarm *alarm, yyjson_val *input)
{
    const struct alarm_spec *spec = &alarm->spec;
    const struct str statistic = monitoring_get_str(input, "Statistic");
    const struct str extended = monitoring_get_str(input, "ExtendedStatistic");
    const struct str unit = monitoring_get_str(input, "Unit");
    const struct monitor_metric *metric = &spec->metrics[0].metric;
    if (spec->statistic.len == 0 || !str_eq(metric->namespace, monitoring_get_str(input, "Namespace")) ||
        !str_eq(metric->name, monitoring_get_str(input, "MetricName")))
        return false;
    const int64_t period_s = monitoring_get_int(input, "Period", spec->period_s);
    return has_dimensions(metric, yyjson_obj_get(input, "Dimensions")) && period_s == spec->period_s &&
           (statistic.len == 0 || str_eq(statistic, spec->statistic)) &&
           (extended.len == 0 || str_eq(extended, spec->statistic)) && (unit.len == 0 || str_eq(unit, spec->unit));
}

enum error_code monitoring_describe_alarms_for_metric(struct monitoring_request *request, struct error *error)
{
    yyjson_mut_val *found = yyjson_mut_arr(request->reply);
    struct alarm_list list;
    bool is_added = add(request, request->output, "MetricAlarms", found);
    enum error_code code = alarm_list(store_of(request), request->tenant, &list, error);
    for (size_t i = 0; code == OK && i < list.count && is_added; i++)
        if (is_over(list.items[i], request->input))
            is_added = add_alarm(request, found, list.items[i]);
    alarm_list_free(&list);
    return code == OK && !is_added ? error_no_memory(error) : code;
}

/* --- changing --------------------------------------------------------------------------------------- */

static enum error_code set_state(struct monitoring_request *request, struct str name,
                                 const struct alarm_change *change, struct error *error)
{
    enum error_code code = OK;
    bool is_set = false;
    for (int tries = 0; code == OK && !is_set && tries < SET_TRIES; tries++) {
        const struct alarm *alarm = alarm_get(store_of(request), request->tenant, name);
        if (!alarm)
            return not_found(request, name, error);
        code = alarm_set_state(store_of(request), alarm, change, &is_set, error);
        is_set = is_set || alarm->state == change->state;
        alarm_release(alarm);
    }
    return code;
}

enum error_code monitoring_set_alarm_state(struct monitoring_request *request, struct error *error)
{
    struct alarm_change change = {
        .reason = monitoring_get_str(request->input, "StateReason"),
        .reason_data = monitoring_get_str(request->input, "StateReasonData"),
        .now_us = request->now_us,
    };
    yyjson_doc *doc = NULL;
    if (!alarm_state_find(monitoring_get_str(request->input, "StateValue"), &change.state))
        return monitoring_fail(request, FAULT_VALIDATION, error,
                               "StateValue: expected OK, ALARM or INSUFFICIENT_DATA");
    if (change.reason.len > REASON_MAX || change.reason_data.len > REASON_DATA_MAX)
        return monitoring_fail(request, FAULT_VALIDATION, error,
                               "StateReason may have %d bytes, StateReasonData %d", REASON_MAX, REASON_DATA_MAX);
    if (change.reason_data.len > 0 && json_parse(change.reason_data, &doc, error) != OK)
        return monitoring_fail(request, FAULT_FORMAT, error, "StateReasonData: it is no JSON");
    json_free(doc);
    welcome(request);
    const enum error_code code = set_state(request, monitoring_get_str(request->input, "AlarmName"), &change, error);
    if (code == OK)
        alarms_send(request->api->alarms);
    return code;
}

/* All of them, or none. */
enum error_code monitoring_delete_alarms(struct monitoring_request *request, struct error *error)
{
    struct str *names;
    size_t count;
    const enum error_code code = monitoring_get_names(request, "AlarmNames", NAMES_MAX, &names, &count, error);
    if (code != OK)
        return code;
    welcome(request);
    for (size_t i = 0; i < count; i++) {
        const struct alarm *alarm = alarm_get(store_of(request), request->tenant, names[i]);
        alarm_release(alarm);
        if (!alarm)
            return not_found(request, names[i], error);
    }
    return alarm_delete(store_of(request), request->tenant, names, count, request->now_us, error);
}

static enum error_code enable(struct monitoring_request *request, bool is_enabled, struct error *error)
{
    struct str *names;
    size_t count;
    const enum error_code code = monitoring_get_names(request, "AlarmNames", NAMES_MAX, &names, &count, error);
    if (code != OK)
        return code;
    welcome(request);
    return alarm_enable(store_of(request), request->tenant, names, count, is_enabled, error);
}

enum error_code monitoring_enable_alarm_actions(struct monitoring_request *request, struct error *error)
{
    return enable(request, true, error);
}

enum error_code monitoring_disable_alarm_actions(struct monitoring_request *request, struct error *error)
{
    return enable(request, false, error);
}
