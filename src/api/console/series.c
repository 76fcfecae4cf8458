/* Series over time, for charts: counts and money from the ledger's sums, percentiles and refusals from the monitor. */
#include "api/console/numbers.h"

#include <math.h>

#include "api/console/console.h"
#include "api/fields.h"
#include "core/limits.h"
#include "ledger/money.h"
#include "monitor/query.h"
#include "monitor/sketch.h"

#define POINTS_MAX 10000
#define SERIES_MAX LEVERS
#define SECOND_US UINT64_C(1000000)
#define READING_BYTES_MAX ((size_t)64 << 20)

enum metric {
    METRIC_REQUESTS,
    METRIC_ERRORS,
    METRIC_LATENCY,
    METRIC_FIRST_TOKEN,
    METRIC_HIT_RATE,
    METRIC_COST,
    METRIC_SAVED,
    METRICS_COUNT,
};
static const char *const metric_names[METRICS_COUNT + 1] = {"requests", "errors", "latency", "timeToFirstToken",
                                                            "hitRate",  "cost",   "saved",   NULL};
static const char *const units[METRICS_COUNT] = {"Count", "Count", "Milliseconds", "Milliseconds", "None", "Dollars",
                                                 "Dollars"};
static const uint64_t periods[] = {60, 300, 3600, 86400};
static const char *const period_names[] = {"60", "300", "3600", "86400", NULL};

struct series_ask {
    struct console_ask base;
    size_t metric, period_index;
    uint64_t first_s, period_s; /* points begin at first_s, one each period */
    size_t count;
    struct str model;
    struct ledger_group *groups; /* of lines, one for each point */
};

/* --- from the ledger -------------------------------------------------------------------------------- */

static void add_group(struct ledger_group *sum, const struct ledger_group *group)
{
    for (size_t i = 0; i < LEDGER_OUTCOMES; i++)
        sum->outcomes[i] += group->outcomes[i];
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        sum->usage.tokens[i] += group->usage.tokens[i];
    for (size_t i = 0; i < LEVERS; i++)
        sum->saved[i] += group->saved[i];
    sum->cost += group->cost;
    sum->baseline += group->baseline;
}

/* Keys are the times at which groups begin. */
static enum error_code take_group(void *ctx, const struct ledger_group *group, struct error *error)
{
    struct series_ask *ask = ctx;
    uint64_t us;
    (void)error;
    if (!clock_parse(group->key, &us) || us / SECOND_US < ask->first_s)
        return OK;
    const uint64_t at = (us / SECOND_US - ask->first_s) / ask->period_s;
    if (at < ask->count)
        add_group(&ask->groups[at], group);
    return OK;
}

static enum error_code read_lines(struct console_ask *base, struct ledger_view *view)
{
    struct series_ask *ask = (struct series_ask *)base;
    const struct ledger_query query = {
        .from_us = ask->first_s * SECOND_US,
        .to_us = (ask->first_s + ask->count * ask->period_s) * SECOND_US,
        .tenant = base->asker.tenant,
        .model = ask->model,
        .by = ask->period_s < 3600 ? LEDGER_BY_MINUTE : ask->period_s < 86400 ? LEDGER_BY_HOUR : LEDGER_BY_DAY,
    };
    ask->groups = ARENA_ARRAY(base->arena, struct ledger_group, ask->count + 1);
    return ask->groups ? ledger_query(view, &query, take_group, ask, &base->error) : error_no_memory(&base->error);
}

static void put_dollars(struct console_reply *reply, ledger_sum picodollars)
{
    char text[MONEY_TEXT];
    console_put_json(reply, NULL, picodollars ? str_of(money_dollars(picodollars, text)) : STR("0"));
}

static void put_value(struct console_reply *reply, const struct series_ask *ask, const struct ledger_group *group,
                      size_t series)
{
    switch (ask->metric) {
    case METRIC_REQUESTS: console_put_uint(reply, NULL, ledger_group_requests(group)); break;
    case METRIC_HIT_RATE: console_put_number(reply, NULL, console_hit_rate(group)); break;
    case METRIC_COST: put_dollars(reply, group->cost); break;
    default: put_dollars(reply, group->saved[series]); break;
    }
}

static void put_from_lines(struct console_reply *reply, const struct series_ask *ask)
{
    const size_t count = ask->metric == METRIC_SAVED ? LEVERS : 1;
    for (size_t series = 0; series < count; series++) {
        console_open(reply, NULL, '{');
        console_put_text(reply, "label", str_of(count > 1 ? price_lever_names[series] : metric_names[ask->metric]));
        console_open(reply, "values", '[');
        for (size_t i = 0; i < ask->count; i++)
            put_value(reply, ask, &ask->groups[i], series);
        console_close(reply);
        console_close(reply);
    }
}

/* --- from the monitor ------------------------------------------------------------------------------- */

/* Each a metric of AWS/Bedrock, of which a sum or a percentile is shown. */
struct source {
    const char *label, *metric;
    double percentile; /* 0: the sum */
};
static const struct source errors[] = {{"server", "InvocationServerErrors", 0},
                                       {"client", "InvocationClientErrors", 0},
                                       {"throttled", "InvocationThrottles", 0},
                                       {NULL, NULL, 0}};
static const struct source latencies[] = {
    {"p50", "InvocationLatency", 50}, {"p90", "InvocationLatency", 90}, {"p99", "InvocationLatency", 99},
    {NULL, NULL, 0}};
static const struct source first_tokens[] = {
    {"p50", "TimeToFirstToken", 50}, {"p90", "TimeToFirstToken", 90}, {"p99", "TimeToFirstToken", 99},
    {NULL, NULL, 0}};

static const struct source *sources_of(size_t metric)
{
    return metric == METRIC_ERRORS ? errors : metric == METRIC_LATENCY ? latencies : first_tokens;
}

/* All that is known of one point, of all tenants that are asked for. */
struct point {
    double count, sum, min, max, scale;
    struct sketch sketch;
};

static bool add_bucket(struct point *point, const struct monitor_bucket *bucket, struct arena *arena)
{
    const bool is_first = point->count <= 0;
    point->min = is_first || bucket->min < point->min ? bucket->min : point->min;
    point->max = is_first || bucket->max > point->max ? bucket->max : point->max;
    point->count += bucket->count;
    point->sum += bucket->sum;
    point->scale = bucket->sketch_scale;
    return !bucket->sketch || sketch_merge(&point->sketch, bucket->sketch, arena);
}

static enum error_code add_tenant(const struct series_ask *ask, struct str tenant, const struct source *source,
                                  struct point *points, struct arena *arena, struct error *error)
{
    const struct monitor_dimension dimension = {STR("ModelId"), ask->model};
    const struct monitor_metric metric = {.tenant = tenant, .namespace = STR("AWS/Bedrock"),
                                          .name = str_of(source->metric), .dimensions = &dimension,
                                          .dimension_count = ask->model.data != NULL};
    const struct monitor_range range = {.from_s = ask->first_s, .to_s = ask->first_s + ask->count * ask->period_s,
                                        .period_s = (uint32_t)ask->period_s};
    struct monitor_buckets buckets;
    const enum error_code code =
        monitor_read_buckets(ask->base.api->monitor, &metric, source->percentile > 0, &range, arena, &buckets, error);
    for (size_t i = 0; code == OK && i < buckets.count; i++) {
        const uint64_t time_s = buckets.items[i].time_s;
        const size_t at = time_s >= ask->first_s ? (size_t)((time_s - ask->first_s) / ask->period_s) : ask->count;
        if (at < ask->count && !add_bucket(&points[at], &buckets.items[i], arena))
            return error_no_memory(error);
    }
    return code;
}

/* One tenant's, or everybody's. */
static enum error_code add_tenants(struct series_ask *ask, const struct source *source, struct point *points,
                                   struct arena *arena, struct error *error)
{
    struct str tenant = ask->base.asker.tenant;
    enum error_code code = OK;
    if (tenant.data)
        return add_tenant(ask, tenant, source, points, arena, error);
    tenant = STR("");
    while (code == OK) {
        code = monitor_next_tenant(ask->base.api->monitor, tenant, arena, &tenant, error);
        if (code != OK || !tenant.data)
            break;
        code = add_tenant(ask, tenant, source, points, arena, error);
    }
    return code;
}

static double value_at(const struct point *point, const struct source *source)
{
    const struct monitor_bucket bucket = {.count = point->count, .sum = point->sum, .min = point->min,
                                          .max = point->max, .sketch = point->sketch.count ? &point->sketch : NULL,
                                          .sketch_scale = point->scale};
    const struct monitor_stat stat = {.kind = source->percentile > 0 ? MONITOR_PERCENTILE : MONITOR_SUM,
                                      .percentile = source->percentile};
    if (point->count <= 0)
        return source->percentile > 0 ? (double)NAN : 0;
    return monitor_bucket_value(&bucket, &stat);
}

static void put_points(const struct series_ask *ask, struct console_reply *reply, const struct source *source,
                       const struct point *points)
{
    console_open(reply, NULL, '{');
    console_put_text(reply, "label", str_of(source->label));
    console_open(reply, "values", '[');
    for (size_t i = 0; i < ask->count; i++)
        console_put_number(reply, NULL, value_at(&points[i], source));
    console_close(reply);
    console_close(reply);
}

/* Series of the same metric are read once. */
static enum error_code put_from_monitor(struct series_ask *ask, struct console_reply *reply)
{
    const struct source *source = sources_of(ask->metric);
    struct arena arena;
    struct point *points = NULL;
    enum error_code code = OK;
    arena_init(&arena, READING_BYTES_MAX);
    for (size_t i = 0; code == OK && source[i].label; i++) {
        if (i == 0 || source[i].metric != source[i - 1].metric) {
            points = ARENA_ARRAY(&arena, struct point, ask->count + 1);
            code = points ? add_tenants(ask, &source[i], points, &arena, &ask->base.error)
                          : error_no_memory(&ask->base.error);
        }
        if (code == OK)
            put_points(ask, reply, &source[i], points);
    }
    arena_deinit(&arena);
    return code;
}

/* --- the question ----------------------------------------------------------------------------------- */

static bool is_of_lines(size_t metric)
{
    return metric == METRIC_REQUESTS || metric >= METRIC_HIT_RATE;
}

static enum error_code answer_series(struct console_ask *base)
{
    struct series_ask *ask = (struct series_ask *)base;
    struct console_reply *reply = &base->reply;
    enum error_code code = is_of_lines(ask->metric) ? console_with_view(base, read_lines) : OK;
    if (code != OK)
        return code;
    console_open(reply, NULL, '{');
    console_put_text(reply, "metric", str_of(metric_names[ask->metric]));
    console_put_text(reply, "unit", str_of(units[ask->metric]));
    console_put_uint(reply, "period", ask->period_s);
    console_open(reply, "times", '[');
    for (size_t i = 0; i < ask->count; i++)
        console_put_uint(reply, NULL, ask->first_s + i * ask->period_s);
    console_close(reply);
    console_open(reply, "series", '[');
    if (is_of_lines(ask->metric))
        put_from_lines(reply, ask);
    else
        code = put_from_monitor(ask, reply);
    console_close(reply);
    console_close(reply);
    return code;
}

/* Whole periods that the time asked for touches. What the monitor keeps in coarser points of long ago gets longer
 * periods. */
static enum error_code lay_out(struct series_ask *ask, const struct console_period *period, struct error *error)
{
    const uint64_t from_s = period->from_us / SECOND_US, to_s = (period->to_us + SECOND_US - 1) / SECOND_US;
    ask->period_s = periods[ask->period_index];
    if (!is_of_lines(ask->metric))
        ask->period_s = monitor_period_at(ask->base.api->monitor, (uint32_t)ask->period_s, from_s,
                                          clock_wall_us() / SECOND_US);
    ask->first_s = from_s / ask->period_s * ask->period_s;
    ask->count = (size_t)((to_s - ask->first_s + ask->period_s - 1) / ask->period_s);
    if (ask->count <= POINTS_MAX)
        return OK;
    return field_error(error, "", "period", "makes more than %d points of this time; ask for a longer one", POINTS_MAX);
}

static enum error_code read_question(struct api_call *call, struct series_ask *ask, struct error *error)
{
    struct console_period period;
    ask->period_index = 1;
    ask->model = http_query_get(call->exchange, "model");
    enum error_code code = console_query_choice(call, "metric", metric_names, &ask->metric, error);
    if (code == OK)
        code = console_query_choice(call, "period", period_names, &ask->period_index, error);
    if (code == OK)
        code = console_query_period(call, CONSOLE_DAY_US, &period, error);
    return code == OK ? lay_out(ask, &period, error) : code;
}

void console_series(struct api_call *call)
{
    static const char *const names[] = {"metric", "period", "from", "to", "model", NULL};
    struct series_ask *ask = console_ask_new(call, sizeof(*ask), names, NULL);
    if (!ask)
        return;
    if (ask->base.code == OK)
        ask->base.code = read_question(call, ask, &ask->base.error);
    console_ask_send(&ask->base, answer_series);
}
