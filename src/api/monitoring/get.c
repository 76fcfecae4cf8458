/* get.c - GetMetricData: metrics and expressions over them, as parallel lists of times and values. */
#include "api/monitoring/get.h"

#include <math.h>
#include <string.h>

#include "api/call.h"
#include "api/monitoring/label.h"
#include "core/limits.h"

#define POINTS_MAX 100800

struct getting {
    struct monitoring_request *request;
    struct get_query *queries;
    size_t count;
    struct math *math;
    struct math_range range;
    bool is_ascending;
    struct label_moment moment;
    uint64_t skip, room; /* points of earlier pages, and that this one may have yet */
    bool has_more;
};

/* --- series ----------------------------------------------------------------------------------------- */

/* Reads into `series->values`, whose period is set; what the reading takes is freed at once. */
static enum error_code fill(struct getting *getting, const struct monitor_metric *metric,
                            const struct monitor_stat *stat, const struct math_range *range, struct arena *arena,
                            struct math_series *series, struct error *error)
{
    struct arena scratch;
    struct monitor_points points;
    const size_t count = math_points(range, series->period_s);
    const int64_t first_s = math_first(range, series->period_s);
    const struct monitor_range wanted = {(uint64_t)range->start_s, (uint64_t)range->end_s, series->period_s, 0};
    series->values = ARENA_ARRAY(arena, double, count + 1);
    if (!series->values)
        return error_no_memory(error);
    for (size_t i = 0; i < count; i++)
        series->values[i] = (double)NAN;
    arena_init(&scratch, (size_t)limit(monitoring_reply_bytes));
    const enum error_code code = monitor_read(getting->request->api->monitor, metric, stat, &wanted, &scratch, &points,
                                              error);
    for (size_t i = 0; code == OK && i < points.count; i++) {
        const int64_t at = ((int64_t)points.times_s[i] - first_s) / series->period_s;
        if ((int64_t)points.times_s[i] >= first_s && at < (int64_t)count)
            series->values[at] = points.values[i];
    }
    arena_deinit(&scratch);
    return code;
}

/* What labels tell of the metric that a series comes from. */
struct origin {
    const struct monitor_metric *metric;
    struct str stat;
};

static bool set_origin(struct math_series *series, const struct monitor_metric *metric, struct str stat,
                       struct arena *arena)
{
    struct origin *origin = ARENA_NEW(arena, struct origin);
    if (origin)
        *origin = (struct origin){metric, stat};
    series->origin = origin;
    return origin != NULL;
}

static enum error_code read_metric(void *ctx, size_t index, const struct math_range *range, struct arena *arena,
                                   struct math_series *series, struct error *error)
{
    struct getting *getting = ctx;
    const struct get_query *query = &getting->queries[index];
    series->label = query->metric.name;
    series->period_s = query->period_s;
    if (!set_origin(series, &query->metric, query->stat_name, arena))
        return error_no_memory(error);
    return fill(getting, &query->metric, &query->stat, range, arena, series, error);
}

/* --- searches --------------------------------------------------------------------------------------- */

struct searching {
    const struct search *terms;
    struct arena *arena;
    struct monitor_metric *found;
    size_t count, max;
};

static bool copy_metric(struct arena *arena, const struct monitor_metric *metric, struct monitor_metric *copy)
{
    struct monitor_dimension *dimensions = ARENA_ARRAY(arena, struct monitor_dimension, metric->dimension_count + 1);
    *copy = *metric;
    copy->unit = (struct str){NULL, 0};
    copy->dimensions = dimensions;
    bool is_good = dimensions && arena_str(arena, metric->namespace, &copy->namespace) &&
                   arena_str(arena, metric->name, &copy->name);
    for (size_t i = 0; is_good && i < metric->dimension_count; i++)
        is_good = arena_str(arena, metric->dimensions[i].name, &dimensions[i].name) &&
                  arena_str(arena, metric->dimensions[i].value, &dimensions[i].value);
    return is_good;
}

static enum error_code match(void *ctx, const struct monitor_metric *metric, struct error *error)
{
    struct searching *searching = ctx;
    struct search_dimension dimensions[MONITOR_DIMENSIONS_MAX];
    const struct search_metric tried = {metric->namespace, metric->name, dimensions, metric->dimension_count};
    for (size_t i = 0; i < metric->dimension_count; i++)
        dimensions[i] = (struct search_dimension){metric->dimensions[i].name, metric->dimensions[i].value};
    if (searching->count == searching->max || !search_matches(searching->terms, &tried))
        return OK;
    return copy_metric(searching->arena, metric, &searching->found[searching->count]) && ++searching->count > 0
               ? OK
               : error_no_memory(error);
}

/* What tells it from the others: its dimensions' values, then its name. */
static struct str label_of(const struct monitor_metric *metric, struct arena *arena)
{
    struct str label = {NULL, 0};
    struct buf text;
    buf_init(&text, 65536);
    for (size_t i = 0; i < metric->dimension_count; i++)
        buf_appendf(&text, STR_FMT " ", STR_ARG(metric->dimensions[i].value));
    buf_append_str(&text, metric->name);
    if (!text.failed && !arena_str(arena, buf_str(&text), &label))
        label = (struct str){NULL, 0};
    buf_deinit(&text);
    return label;
}

static enum error_code read_search(void *ctx, const struct math_search *search, const struct math_range *range,
                                   size_t max, struct arena *arena, struct math_series **found, size_t *count,
                                   struct error *error)
{
    struct getting *getting = ctx;
    struct monitor_stat stat;
    struct searching searching = {.terms = search->terms, .arena = arena, .max = max,
                                  .found = ARENA_ARRAY(arena, struct monitor_metric, max + 1)};
    const struct str namespace = search_namespace(search->terms);
    const struct monitor_filter filter = {.tenant = getting->request->tenant,
                                          .namespace = namespace.len ? namespace : (struct str){NULL, 0}};
    *found = ARENA_ARRAY(arena, struct math_series, max + 1);
    if (!searching.found || !*found)
        return error_no_memory(error);
    enum error_code code = metric_input_stat(getting->request, NULL, 0, search->stat, "SEARCH", &stat, error);
    if (code == OK)
        code = monitor_list(getting->request->api->monitor, &filter, match, &searching, error);
    for (*count = 0; code == OK && *count < searching.count; ++*count) {
        struct math_series *series = &(*found)[*count];
        series->period_s = search->period_s;
        series->label = label_of(&searching.found[*count], arena);
        if (!set_origin(series, &searching.found[*count], search->stat, arena))
            return error_no_memory(error);
        code = fill(getting, &searching.found[*count], &stat, range, arena, series, error);
    }
    return code;
}

/* --- the question ----------------------------------------------------------------------------------- */

static enum error_code read_range(struct monitoring_request *request, struct math_range *range, struct error *error)
{
    double start = 0, end = 0;
    (void)monitoring_get_time(request->input, "StartTime", &start);
    (void)monitoring_get_time(request->input, "EndTime", &end);
    *range = (struct math_range){(int64_t)floor(start), (int64_t)ceil(end), 0};
    if (start < end)
        return OK;
    return monitoring_fail(request, FAULT_VALIDATION, error,
                           "The parameter StartTime must be less than the parameter EndTime.");
}

static enum error_code read_order(struct getting *getting, struct error *error)
{
    struct monitoring_request *request = getting->request;
    const struct str order = monitoring_get_str(request->input, "ScanBy");
    const int64_t most = monitoring_get_int(request->input, "MaxDatapoints", POINTS_MAX);
    getting->is_ascending = str_eq(order, STR("TimestampAscending"));
    if (order.data && !getting->is_ascending && !str_eq(order, STR("TimestampDescending")))
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                               "The value for ScanBy must be TimestampDescending or TimestampAscending.");
    if (most < 1)
        return monitoring_fail(request, FAULT_PARAMETER_VALUE, error, "The value for MaxDatapoints must be above 0.");
    getting->room = most < POINTS_MAX ? (uint64_t)most : POINTS_MAX;
    return OK;
}

/* What labels tell of the one who asks, and when. */
static enum error_code read_moment(struct getting *getting, struct error *error)
{
    struct monitoring_request *request = getting->request;
    yyjson_val *options = yyjson_obj_get(request->input, "LabelOptions");
    const struct str zone = monitoring_get_str(options, "Timezone");
    getting->moment = (struct label_moment){request->account, request->region, (int64_t)(request->now_us / 1000000), 0};
    if (!zone.data || label_zone(zone, &getting->moment.zone_s))
        return OK;
    return monitoring_fail(request, FAULT_PARAMETER_VALUE, error,
                           "The value for LabelOptions.Timezone must be a sign and four digits, as in +0130.");
}

/* Old points lie further apart: a metric's period is what they have. Far more time than points are kept for is cut,
 * since series are laid out whole. */
static enum error_code plan(struct getting *getting, struct error *error)
{
    struct monitoring_request *request = getting->request;
    const struct monitor *monitor = request->api->monitor;
    const uint64_t now_s = request->now_us / 1000000;
    struct math_query *queries = ARENA_ARRAY(request->arena, struct math_query, getting->count);
    if (!queries)
        return error_no_memory(error);
    monitor_clamp(monitor, now_s, &getting->range.start_s, &getting->range.end_s);
    for (size_t i = 0; i < getting->count; i++) {
        struct get_query *query = &getting->queries[i];
        if (query->is_metric)
            query->period_s = monitor_period_at(monitor, query->period_s, (uint64_t)getting->range.start_s, now_s);
        queries[i] = (struct math_query){.id = query->id, .expression = query->expression, .period_s = query->period_s,
                                         .is_wanted = query->is_wanted};
    }
    const enum error_code code = math_new(queries, getting->count, request->arena, &getting->math, error);
    if (code == ERROR_INVALID)
        request->fault = FAULT_VALIDATION;
    return code;
}

/* --- the answer ------------------------------------------------------------------------------------- */

static bool add_point(struct getting *getting, yyjson_mut_val *times, yyjson_mut_val *values, int64_t time_s,
                      double value)
{
    yyjson_mut_doc *doc = getting->request->reply;
    return yyjson_mut_arr_add_sint(doc, times, time_s) && yyjson_mut_arr_add_real(doc, values, value);
}

/* Points of the page; *is_cut: there are more behind it. False: no memory. */
static bool add_points(struct getting *getting, const struct math_series *series, yyjson_mut_val *times,
                       yyjson_mut_val *values, bool *is_cut)
{
    const size_t count = math_points(&getting->range, series->period_s);
    const int64_t first_s = math_first(&getting->range, series->period_s);
    *is_cut = false;
    for (size_t n = 0; n < count && !*is_cut; n++) {
        const size_t i = getting->is_ascending ? n : count - 1 - n;
        if (isnan(series->values[i]))
            continue;
        if (getting->skip > 0) {
            getting->skip--;
            continue;
        }
        *is_cut = getting->room == 0;
        if (*is_cut)
            break;
        getting->room--;
        if (!add_point(getting, times, values, first_s + (int64_t)i * series->period_s, series->values[i]))
            return false;
    }
    return true;
}

static struct str default_label(const struct get_query *query, const struct math_series *series)
{
    return series->label.len ? series->label : query->id;
}

/* A label that is the same for several series would tell them apart no more: then each has its own. */
static struct str label_for(const struct getting *getting, const struct get_query *query,
                            const struct math_series *series, size_t series_count)
{
    const struct origin *origin = series->origin;
    const struct label_series labelled = {
        .metric = origin ? origin->metric : NULL,
        .stat = origin ? origin->stat : (struct str){"", 0},
        .label = default_label(query, series),
        .period_s = series->period_s,
        .first_s = math_first(&getting->range, series->period_s),
        .values = series->values,
        .count = math_points(&getting->range, series->period_s),
    };
    if (query->label.data && label_is_dynamic(query->label))
        return label_expand(query->label, &getting->moment, &labelled, getting->request->arena);
    if (query->label.data && (series_count == 1 || !series->label.len))
        return query->label;
    return labelled.label;
}

static bool add_result(struct getting *getting, const struct get_query *query, const struct math_series *series,
                       size_t series_count, yyjson_mut_val *results)
{
    struct monitoring_request *request = getting->request;
    yyjson_mut_doc *doc = request->reply;
    yyjson_mut_val *result = yyjson_mut_arr_add_obj(doc, results);
    bool is_cut = false;
    if (!result || !monitoring_add_str(request, result, "Id", query->id) ||
        !monitoring_add_str(request, result, "Label", label_for(getting, query, series, series_count)))
        return false;
    yyjson_mut_val *times = yyjson_mut_obj_add_arr(doc, result, "Timestamps");
    yyjson_mut_val *values = yyjson_mut_obj_add_arr(doc, result, "Values");
    if (!times || !values || !add_points(getting, series, times, values, &is_cut))
        return false;
    getting->has_more = getting->has_more || is_cut;
    return yyjson_mut_obj_add_str(doc, result, "StatusCode", is_cut ? "PartialData" : "Complete");
}

static enum error_code answer(struct getting *getting, const struct math_result *results, struct error *error)
{
    struct monitoring_request *request = getting->request;
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(request->reply, request->output, "MetricDataResults");
    if (!list)
        return error_no_memory(error);
    for (size_t i = 0; i < getting->count; i++) {
        if (!getting->queries[i].is_wanted)
            continue;
        for (size_t n = 0; n < results[i].count; n++)
            if (!add_result(getting, &getting->queries[i], &results[i].series[n], results[i].count, list))
                return error_no_memory(error);
    }
    return yyjson_mut_obj_add_arr(request->reply, request->output, "Messages") ? OK : error_no_memory(error);
}

/* A page is a place in the points of the whole answer, which is made again for each. */
static struct str question(const struct getting *getting)
{
    return arena_printf(getting->request->arena, "%lld|%lld|%d|%zu|" STR_FMT, (long long)getting->range.start_s,
                        (long long)getting->range.end_s, getting->is_ascending, getting->count,
                        STR_ARG(getting->queries[0].id));
}

static enum error_code run(struct getting *getting, struct error *error)
{
    struct monitoring_request *request = getting->request;
    const struct math_source source = {.ctx = getting, .metric = read_metric, .search = read_search};
    struct math_result *results = ARENA_ARRAY(request->arena, struct math_result, getting->count);
    const uint64_t room = getting->room;
    uint64_t from = 0;
    const struct str what = question(getting);
    if (!results || !what.data)
        return error_no_memory(error);
    enum error_code code = monitoring_read_token(request, what, &from, error);
    if (code == OK)
        code = plan(getting, error);
    if (code == OK)
        code = math_run(getting->math, &getting->range, &source, request->arena, results, error);
    if (code == ERROR_INVALID && !request->fault)
        request->fault = FAULT_VALIDATION;
    getting->skip = from;
    if (code == OK)
        code = answer(getting, results, error);
    if (code != OK || !getting->has_more)
        return code;
    return monitoring_add_token(request, what, from + room) ? OK : error_no_memory(error);
}

enum error_code monitoring_get_metric_data(struct monitoring_request *request, struct error *error)
{
    struct getting getting = {.request = request};
    enum error_code code = get_queries_read(request, yyjson_obj_get(request->input, "MetricDataQueries"),
                                            "MetricDataQueries", &getting.queries, &getting.count, error);
    if (code == OK)
        code = read_range(request, &getting.range, error);
    if (code == OK)
        code = read_order(&getting, error);
    if (code == OK)
        code = read_moment(&getting, error);
    return code == OK ? run(&getting, error) : code;
}
