/* resource_tags.c - tags of alarms and dashboards, by their ARNs. */
#include "alarm/alarms.h"
#include "api/call.h"
#include "api/control/resource_tags.h"
#include "api/monitoring/alarms.h"
#include "monitor/dashboards.h"

#define KEY_MAX 128
#define VALUE_MAX 256

/* --- Tags of a request ------------------------------------------------------------------------------ */

static enum error_code read_tags(struct monitoring_request *request, struct job_tags *tags, struct error *error)
{
    yyjson_val *list = yyjson_obj_get(request->input, "Tags"), *item;
    size_t i, max;
    tags->count = 0;
    tags->items = ARENA_ARRAY(request->arena, struct job_tag, yyjson_arr_size(list) + 1);
    if (!tags->items)
        return error_no_memory(error);
    if (yyjson_arr_size(list) > JOB_TAGS_MAX)
        return monitoring_fail(request, FAULT_VALIDATION, error, "Tags: there may be %d at most", JOB_TAGS_MAX);
    json_arr_foreach(list, i, max, item)
    {
        const struct job_tag tag = {monitoring_get_str(item, "Key"), monitoring_get_str(item, "Value")};
        if (tag.key.len == 0 || tag.key.len > KEY_MAX || tag.value.len > VALUE_MAX)
            return monitoring_fail(request, FAULT_VALIDATION, error,
                                   "Tags[%zu]: a key has 1 to %d bytes, a value up to %d", i, KEY_MAX, VALUE_MAX);
        for (size_t other = 0; other < tags->count; other++)
            if (str_eq(tags->items[other].key, tag.key))
                return monitoring_fail(request, FAULT_VALIDATION, error, "Tags[%zu]: the key is there twice", i);
        tags->items[tags->count++] = tag;
    }
    return OK;
}

enum error_code monitoring_new_tags(struct monitoring_request *request, struct str *tags, struct error *error)
{
    struct job_tags given;
    enum error_code code = read_tags(request, &given, error);
    *tags = STR("");
    return code == OK && given.count > 0 ? resource_tags_json(&given, request->arena, tags, error) : code;
}

/* --- whose ------------------------------------------------------------------------------------------ */

struct tagged {
    bool is_alarm;
    struct str name;
    struct str tags; /* as they are, in the arena */
};

/* arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME or arn:aws:cloudwatch::ACCOUNT:dashboard/NAME. */
static bool split(struct str arn, struct tagged *tagged)
{
    struct str part;
    for (int i = 0; i < 5; i++)
        if (!str_split(&arn, ':', &part) || (i == 0 && !str_eq(part, STR("arn"))) ||
            (i == 2 && !str_eq(part, STR("cloudwatch"))))
            return false;
    tagged->is_alarm = str_starts(arn, STR("alarm:"));
    if (!tagged->is_alarm && !str_starts(arn, STR("dashboard/")))
        return false;
    tagged->name = str_slice(arn, tagged->is_alarm ? 6 : 10, arn.len);
    return true;
}

static enum error_code no_resource(struct monitoring_request *request, struct error *error)
{
    return monitoring_fail(request, FAULT_NOT_FOUND, error, "ResourceARN: there is no such alarm or dashboard.");
}

static enum error_code find(struct monitoring_request *request, struct tagged *tagged, struct error *error)
{
    struct dashboard dashboard;
    if (!split(monitoring_get_str(request->input, "ResourceARN"), tagged))
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                               "ResourceARN: expected the ARN of an alarm or a dashboard");
    if (tagged->is_alarm) {
        const struct alarm *alarm =
            alarm_get(alarms_store(request->api->alarms), request->tenant, tagged->name);
        const bool is_kept = alarm && arena_str(request->arena, alarm->tags, &tagged->tags);
        alarm_release(alarm);
        if (!alarm)
            return no_resource(request, error);
        return is_kept ? OK : error_no_memory(error);
    }
    const enum error_code code = dashboards_get(request->api->dashboards, request->tenant, tagged->name,
                                                request->arena, &dashboard, error);
    tagged->tags = dashboard.tags;
    return code == ERROR_NOT_FOUND ? no_resource(request, error) : code;
}

static enum error_code put(struct monitoring_request *request, const struct tagged *tagged, struct str tags,
                           struct error *error)
{
    return tagged->is_alarm
               ? alarm_tag(alarms_store(request->api->alarms), request->tenant, tagged->name, tags, error)
               : dashboards_tag(request->api->dashboards, request->tenant, tagged->name, tags, error);
}

/* --- operations ------------------------------------------------------------------------------------- */

static enum error_code change(struct monitoring_request *request, const struct job_tags *more, const struct str *keys,
                              size_t key_count, struct error *error)
{
    struct tagged tagged;
    struct str merged;
    enum error_code code = find(request, &tagged, error);
    if (code == OK)
        code = resource_tags_merge(tagged.tags, more, keys, key_count, request->arena, &merged, error);
    return code == OK ? put(request, &tagged, merged, error) : code;
}

enum error_code monitoring_tag_resource(struct monitoring_request *request, struct error *error)
{
    struct job_tags tags;
    const enum error_code code = read_tags(request, &tags, error);
    return code == OK ? change(request, &tags, NULL, 0, error) : code;
}

enum error_code monitoring_untag_resource(struct monitoring_request *request, struct error *error)
{
    static const struct job_tags none;
    struct str *keys;
    size_t count;
    const enum error_code code = monitoring_get_names(request, "TagKeys", JOB_TAGS_MAX, &keys, &count, error);
    return code == OK ? change(request, &none, keys, count, error) : code;
}

enum error_code monitoring_list_tags(struct monitoring_request *request, struct error *error)
{
    struct tagged tagged;
    struct job_tags tags = {0};
    enum error_code code = find(request, &tagged, error);
    if (code == OK)
        code = resource_tags_parse(tagged.tags, request->arena, &tags, error);
    if (code != OK)
        return code;
    yyjson_mut_val *list = yyjson_mut_arr(request->reply);
    bool is_added = list && yyjson_mut_obj_add_val(request->reply, request->output, "Tags", list);
    for (size_t i = 0; i < tags.count && is_added; i++) {
        yyjson_mut_val *item = yyjson_mut_obj(request->reply);
        is_added = item && monitoring_add_str(request, item, "Key", tags.items[i].key) &&
                   monitoring_add_str(request, item, "Value", tags.items[i].value) && yyjson_mut_arr_append(list, item);
    }
    return is_added ? OK : error_no_memory(error);
}
