/* evaluate.c - see evaluate.h. What points mean is decide.c's. */
#include "alarm/evaluate.h"

#include <math.h>

#include "alarm/decide.h"
#include "core/limits.h"
#include "core/log.h"

#define SETTLE_S 5 /* until the last lines of a minute are in the monitor */
#define REASON_MAX ((size_t)64 << 10)

struct look {
    struct monitor *monitor;
    const struct alarm *alarm;
};

/* Points as they are, on the grid of the range. */
static enum error_code give_metric(void *ctx, size_t index, const struct math_range *range, struct arena *arena,
                                   struct math_series *series, struct error *error)
{
    const struct look *look = ctx;
    const struct alarm_spec *spec = &look->alarm->spec;
    const uint32_t period_s = spec->queries[index].period_s;
    const size_t count = math_points(range, period_s);
    const struct monitor_range asked = {(uint64_t)math_first(range, period_s), (uint64_t)range->end_s, period_s,
                                        (uint32_t)(range->offset_s % period_s)};
    struct monitor_metric metric = spec->metrics[index].metric;
    struct monitor_points points;
    metric.tenant = look->alarm->tenant;
    series->values = ARENA_ARRAY(arena, double, count + 1);
    if (!series->values)
        return error_no_memory(error);
    for (size_t i = 0; i < count; i++)
        series->values[i] = NAN;
    const enum error_code code =
        monitor_read(look->monitor, &metric, &spec->metrics[index].stat, &asked, arena, &points, error);
    for (size_t i = 0; code == OK && i < points.count; i++) {
        const uint64_t at = (points.times_s[i] - asked.from_s) / period_s;
        if (points.times_s[i] >= asked.from_s && at < count)
            series->values[at] = points.values[i];
    }
    return code;
}

/* Periods end at the last whole minute; long ones move on by more, so that a look at them reads coarser points. */
static int64_t step_of(uint32_t period_s)
{
    return period_s < 3600 ? 60 : period_s < 86400 ? 300 : 3600;
}

/* The watched query's last periods that are over. */
static enum error_code read_points(const struct look *look, uint64_t now_us, struct arena *arena,
                                   struct alarm_points *points, struct error *error)
{
    const struct alarm_spec *spec = &look->alarm->spec;
    const struct math_source source = {.ctx = (void *)look, .metric = give_metric};
    const int64_t period_s = spec->period_s, now_s = (int64_t)(now_us / 1000000) - SETTLE_S;
    const int64_t end_s = now_s - now_s % step_of(spec->period_s);
    const struct math_range range = {end_s - (int64_t)(spec->periods + ALARM_PERIODS_MORE) * period_s, end_s,
                                     end_s % period_s};
    struct math_result *results = ARENA_ARRAY(arena, struct math_result, spec->count);
    if (!results)
        return error_no_memory(error);
    const enum error_code code = math_run(spec->math, &range, &source, arena, results, error);
    if (code != OK)
        return code;
    points->values = results[spec->watched].series->values;
    points->count = math_points(&range, spec->period_s);
    points->first_s = range.start_s;
    return OK;
}

static enum error_code change_state(struct alarm_store *store, const struct alarm *alarm,
                                    const struct alarm_points *points, const struct alarm_verdict *verdict,
                                    uint64_t now_us, bool *has_changed, struct error *error)
{
    struct buf reason, data;
    buf_init(&reason, REASON_MAX);
    buf_init(&data, REASON_MAX);
    alarm_reason_append(&reason, &alarm->spec, alarm->state, points, verdict);
    alarm_reason_data_append(&data, &alarm->spec, points, verdict, now_us);
    const struct alarm_change change = {verdict->state, buf_str(&reason), buf_str(&data), now_us};
    const enum error_code code = reason.failed || data.failed
                                     ? error_no_memory(error)
                                     : alarm_set_state(store, alarm, &change, has_changed, error);
    if (*has_changed)
        log_event(LOG_INFO, "alarm", LOG_S("tenant", alarm->tenant), LOG_S("alarm", alarm->name),
                  LOG_C("from", alarm_state_names[alarm->state]), LOG_C("to", alarm_state_names[verdict->state]),
                  LOG_S("reason", buf_str(&reason)));
    buf_deinit(&reason);
    buf_deinit(&data);
    return code;
}

enum error_code alarm_evaluate(struct alarm_store *store, struct monitor *monitor, const struct alarm *alarm,
                               uint64_t now_us, bool *has_changed, struct error *error)
{
    const struct look look = {monitor, alarm};
    struct alarm_points points;
    struct alarm_verdict verdict;
    struct arena arena;
    *has_changed = false;
    arena_init(&arena, 0);
    enum error_code code = read_points(&look, now_us, &arena, &points, error);
    if (code == OK) {
        alarm_decide(&alarm->spec, alarm->state, &points, &verdict);
        if (verdict.state != alarm->state)
            code = change_state(store, alarm, &points, &verdict, now_us, has_changed, error);
    }
    arena_deinit(&arena);
    return code;
}
