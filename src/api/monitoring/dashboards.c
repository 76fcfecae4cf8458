/* dashboards.c - dashboards: kept as the text that they are. */
#include "monitor/dashboards.h"

#include "api/call.h"
#include "api/monitoring/alarms.h"

#define PAGE_MAX 1000
#define NAMES_MAX 100

static struct str arn_of(const struct monitoring_request *request, struct str name, struct str account)
{
    return arena_printf(request->arena, "arn:aws:cloudwatch::" STR_FMT ":dashboard/" STR_FMT, STR_ARG(account),
                        STR_ARG(name));
}

static enum error_code check_name(struct monitoring_request *request, struct str name, struct error *error)
{
    return dashboard_is_name(name)
               ? OK
               : monitoring_fail(request, FAULT_DASHBOARD_INVALID, error,
                                 "DashboardName: expected 1 to 255 letters, digits, - and _");
}

static enum error_code add_flaws(struct monitoring_request *request, const struct dashboard_flaw *flaws, size_t count,
                                 struct error *error)
{
    yyjson_mut_val *list = yyjson_mut_arr(request->reply);
    bool is_added =
        list && yyjson_mut_obj_add_val(request->reply, request->output, "DashboardValidationMessages", list);
    for (size_t i = 0; i < count && is_added; i++) {
        yyjson_mut_val *item = yyjson_mut_obj(request->reply);
        is_added = item && monitoring_add_str(request, item, "DataPath", flaws[i].path) &&
                   monitoring_add_str(request, item, "Message", flaws[i].message) &&
                   yyjson_mut_arr_append(list, item);
    }
    return is_added ? OK : error_no_memory(error);
}

enum error_code monitoring_put_dashboard(struct monitoring_request *request, struct error *error)
{
    struct dashboard dashboard = {
        .tenant = request->tenant,
        .name = monitoring_get_str(request->input, "DashboardName"),
        .account = str_of(request->account),
        .body = monitoring_get_str(request->input, "DashboardBody"),
        .modified_us = request->now_us,
    };
    struct dashboard_flaw *flaws;
    size_t count;
    struct error why;
    enum error_code code = check_name(request, dashboard.name, error);
    if (code != OK)
        return code;
    code = dashboard_check(dashboard.body, request->arena, &flaws, &count, &why);
    if (code != OK && code != ERROR_NO_MEMORY)
        return monitoring_fail(request, FAULT_DASHBOARD_INVALID, error, "DashboardBody: it is no JSON object: %s",
                               why.message);
    code = code == OK ? monitoring_new_tags(request, &dashboard.tags, error) : error_no_memory(error);
    if (code == OK)
        code = dashboards_put(request->api->dashboards, &dashboard, error);
    return code == OK ? add_flaws(request, flaws, count, error) : code;
}

static enum error_code is_there(struct monitoring_request *request, enum error_code code)
{
    if (code == ERROR_NOT_FOUND)
        request->fault = FAULT_DASHBOARD_NOT_FOUND;
    return code;
}

enum error_code monitoring_get_dashboard(struct monitoring_request *request, struct error *error)
{
    struct dashboard dashboard;
    const struct str name = monitoring_get_str(request->input, "DashboardName");
    enum error_code code =
        dashboards_get(request->api->dashboards, request->tenant, name, request->arena, &dashboard, error);
    if (code != OK)
        return is_there(request, code);
    const bool is_added =
        monitoring_add_str(request, request->output, "DashboardArn", arn_of(request, name, dashboard.account)) &&
        monitoring_add_str(request, request->output, "DashboardBody", dashboard.body) &&
        monitoring_add_str(request, request->output, "DashboardName", name);
    return is_added ? OK : error_no_memory(error);
}

static bool add_entry(struct monitoring_request *request, yyjson_mut_val *list, const struct dashboard *dashboard)
{
    yyjson_mut_val *item = yyjson_mut_obj(request->reply);
    return item && monitoring_add_str(request, item, "DashboardName", dashboard->name) &&
           monitoring_add_str(request, item, "DashboardArn", arn_of(request, dashboard->name, dashboard->account)) &&
           monitoring_add_time(request, item, "LastModified", dashboard->modified_us) &&
           yyjson_mut_obj_add_uint(request->reply, item, "Size", dashboard->size) &&
           yyjson_mut_arr_append(list, item);
}

enum error_code monitoring_list_dashboards(struct monitoring_request *request, struct error *error)
{
    const struct str prefix = monitoring_get_str(request->input, "DashboardNamePrefix");
    struct dashboard *found;
    uint64_t position;
    size_t count;
    bool has_more;
    const struct str what = prefix.data ? prefix : STR("");
    enum error_code code = monitoring_read_token(request, what, &position, error);
    if (code == OK)
        code = dashboards_list(request->api->dashboards, request->tenant, prefix, position, PAGE_MAX, request->arena,
                               &found, &count, &has_more, error);
    if (code != OK)
        return code;
    yyjson_mut_val *list = yyjson_mut_arr(request->reply);
    bool is_added = list && yyjson_mut_obj_add_val(request->reply, request->output, "DashboardEntries", list);
    for (size_t i = 0; i < count && is_added; i++)
        is_added = add_entry(request, list, &found[i]);
    if (is_added && has_more)
        is_added = monitoring_add_token(request, what, position + count);
    return is_added ? OK : error_no_memory(error);
}

enum error_code monitoring_delete_dashboards(struct monitoring_request *request, struct error *error)
{
    struct str *names;
    size_t count;
    const enum error_code code = monitoring_get_names(request, "DashboardNames", NAMES_MAX, &names, &count, error);
    if (code != OK)
        return code;
    return is_there(request, dashboards_delete(request->api->dashboards, request->tenant, names, count, error));
}
