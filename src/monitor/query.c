/* query.c - see query.h: which series make up a metric, and their rows as points. */
#include "monitor/query.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/limits.h"
#include "core/util.h"
#include "monitor/monitor_internal.h"

#define AHEAD_S 7200 /* clients may put samples of as long ahead */

/* --- statistics ------------------------------------------------------------------------------------- */

const char *const monitor_statistic_names[MONITOR_PERCENTILE] = {
    [MONITOR_SAMPLE_COUNT] = "SampleCount", [MONITOR_AVERAGE] = "Average", [MONITOR_SUM] = "Sum",
    [MONITOR_MINIMUM] = "Minimum",          [MONITOR_MAXIMUM] = "Maximum",
};

static bool is_percentile(struct str text, double *percentile)
{
    const ptrdiff_t dot = str_find_char(text, '.', 0);
    if (text.len < 2 || text.data[0] != 'p' || text.data[1] < '0' || text.data[1] > '9')
        return false;
    return (dot < 0 || text.len - (size_t)dot <= 11) && str_to_double(str_slice(text, 1, text.len), percentile) &&
           *percentile >= 0 && *percentile <= 100;
}

bool monitor_stat_parse(struct str text, struct monitor_stat *stat)
{
    *stat = (struct monitor_stat){.kind = MONITOR_PERCENTILE};
    for (int kind = 0; kind < MONITOR_PERCENTILE; kind++) {
        if (!str_eq(text, str_of(monitor_statistic_names[kind])))
            continue;
        stat->kind = (enum monitor_statistic)kind;
        return true;
    }
    return is_percentile(text, &stat->percentile);
}

static double percentile_of(const struct monitor_bucket *bucket, double percent)
{
    const double value =
        bucket->sketch ? sketch_percentile(bucket->sketch, percent) * bucket->sketch_scale : bucket->min;
    return value < bucket->min ? bucket->min : value > bucket->max ? bucket->max : value;
}

double monitor_bucket_value(const struct monitor_bucket *bucket, const struct monitor_stat *stat)
{
    switch (stat->kind) {
    case MONITOR_SAMPLE_COUNT: return bucket->count;
    case MONITOR_AVERAGE: return bucket->sum / bucket->count;
    case MONITOR_SUM: return bucket->sum;
    case MONITOR_MINIMUM: return bucket->min;
    case MONITOR_MAXIMUM: return bucket->max;
    default: break;
    }
    if (!bucket->sketch && bucket->min != bucket->max)
        return (double)NAN;
    return stat->percentile <= 0     ? bucket->min
           : stat->percentile >= 100 ? bucket->max
                                     : percentile_of(bucket, stat->percentile);
}

/* --- which series ----------------------------------------------------------------------------------- */

/* Where a metric lies: cells `index` of the series of `kind` with these fields (data NULL: any). */
struct source {
    enum monitor_kind kind;
    size_t index;
    struct str fields[KIND_FIELDS_MAX];
};

static struct str value_of(const struct monitor_metric *metric, struct str name)
{
    for (size_t i = 0; i < metric->dimension_count; i++)
        if (str_eq(metric->dimensions[i].name, name))
            return metric->dimensions[i].value;
    return (struct str){NULL, 0};
}

/* Whether the metric's dimensions are one of the kind's sets. */
static bool take_fields(const struct kind *kind, const struct monitor_metric *metric, struct source *source)
{
    unsigned set = 0;
    size_t found = 0;
    for (size_t field = 0; field < kind->field_count; field++) {
        source->fields[field] = value_of(metric, str_of(kind->fields[field]));
        if (!source->fields[field].data)
            continue;
        set |= 1u << field;
        found++;
    }
    if (found != metric->dimension_count)
        return false;
    for (size_t i = 0; i < kind->set_count; i++)
        if (kind->sets[i] == set)
            return true;
    return false;
}

static bool find_source(const struct monitor_metric *metric, struct source *source)
{
    for (int kind = KIND_OWN + 1; kind < KINDS; kind++) {
        const struct kind *table = &monitor_kinds[kind];
        if (!str_eq(metric->namespace, str_of(table->namespace)))
            continue;
        for (size_t i = 0; i < table->metric_count; i++) {
            *source = (struct source){.kind = (enum monitor_kind)kind, .index = i};
            if (str_eq(metric->name, str_of(table->metrics[i].name)) &&
                (!metric->unit.data || str_eq(metric->unit, str_of(table->metrics[i].unit))))
                return take_fields(table, metric, source);
        }
    }
    return false;
}

uint32_t monitor_percentile_period(const struct monitor_metric *metric)
{
    struct source source = {.kind = KIND_OWN};
    const enum sketch_width width = find_source(metric, &source)
                                        ? monitor_kinds[source.kind].metrics[source.index].width : SKETCH_FINE;
    return width == SKETCH_NONE ? 0 : series_grain_s[width == SKETCH_COARSE ? SERIES_HOUR : SERIES_MINUTE];
}

/* IDs of the series that make up a metric. */
struct chosen {
    const struct source *source;
    struct str unit; /* of a client's own; data NULL: any */
    int64_t *ids;
    size_t count, cap;
    struct arena *arena;
    struct str found_unit;
};

static enum error_code choose(void *ctx, const struct series_row *row, struct error *error)
{
    struct chosen *chosen = ctx;
    const struct source *source = chosen->source;
    void *ids = chosen->ids;
    for (size_t i = 0; source->kind != KIND_OWN && i < KIND_FIELDS_MAX; i++)
        if (source->fields[i].data && !str_eq(source->fields[i], row->fields[i]))
            return OK;
    if (source->kind == KIND_OWN && chosen->unit.data && !str_eq(chosen->unit, row->fields[3]))
        return OK;
    if (!(row->metrics >> source->index & 1))
        return OK;
    if (!mem_grow(&ids, chosen->count, &chosen->cap, sizeof(*chosen->ids)))
        return error_no_memory(error);
    chosen->ids = ids;
    chosen->ids[chosen->count++] = row->id;
    if (source->kind == KIND_OWN && !chosen->found_unit.data &&
        !arena_str(chosen->arena, row->fields[3], &chosen->found_unit))
        return error_no_memory(error);
    return OK;
}

/* --- points ----------------------------------------------------------------------------------------- */

/* The answer as it grows: one cell for each period. */
struct grid {
    const struct source *source;
    struct cell *cells;
    size_t count;
    uint64_t first_s;
    uint32_t period_s;
    bool has_sketches;
    struct arena *arena;
};

static enum error_code take_row(void *ctx, uint64_t bucket_s, struct str row, struct error *error)
{
    struct grid *grid = ctx;
    const size_t at = (size_t)((bucket_s - grid->first_s) / grid->period_s);
    assert(at < grid->count);
    if (cells_unpack_one(row, grid->source->index, grid->has_sketches, &grid->cells[at], grid->arena))
        return OK;
    return error_set(error, ERROR_INTERNAL, SERIES_DB_FILE ": a row is damaged, or memory is out");
}

uint32_t monitor_period_at(const struct monitor *monitor, uint32_t period_s, uint64_t from_s, uint64_t now_s)
{
    const uint64_t *keep_s = monitor_keep_s(monitor);
    const uint64_t age_s = now_s > from_s ? now_s - from_s : 0;
    size_t grain = SERIES_MINUTE;
    while (grain < SERIES_HOUR && age_s > keep_s[grain])
        grain++;
    const uint32_t least_s = series_grain_s[grain];
    return period_s <= least_s ? least_s : (period_s + least_s - 1) / least_s * least_s;
}

/* The coarsest buckets that the periods are made of. */
static enum series_grain grain_of(const struct grid *grid)
{
    enum series_grain grain = SERIES_HOUR;
    while (grain > SERIES_MINUTE &&
           (grid->period_s % series_grain_s[grain] != 0 || grid->first_s % series_grain_s[grain] != 0))
        grain--;
    return grain;
}

void monitor_clamp(const struct monitor *monitor, uint64_t now_s, int64_t *from_s, int64_t *to_s)
{
    const int64_t now = (int64_t)now_s, kept = (int64_t)monitor_keep_s(monitor)[SERIES_HOUR] + 86400;
    const int64_t oldest = now > kept ? now - kept : 0, latest = now + AHEAD_S;
    *from_s = *from_s < oldest ? oldest : *from_s > latest ? latest : *from_s;
    *to_s = *to_s < oldest ? oldest : *to_s > latest ? latest : *to_s;
}

static enum error_code lay_out(struct monitor *monitor, const struct monitor_range *range, struct grid *grid,
                               uint64_t *end_s, struct error *error)
{
    const uint64_t now_s = clock_wall_us() / 1000000;
    int64_t from = (int64_t)range->from_s, to = (int64_t)range->to_s;
    monitor_clamp(monitor, now_s, &from, &to);
    const uint64_t from_s = (uint64_t)from, to_s = (uint64_t)to;
    assert(range->period_s > 0 && range->period_s % 60 == 0 && range->offset_s % 60 == 0);
    grid->period_s = monitor_period_at(monitor, range->period_s, from_s, now_s);
    const uint32_t offset_s = grid->period_s == range->period_s ? range->offset_s : 0;
    grid->first_s = from_s - (from_s + grid->period_s - offset_s) % grid->period_s;
    grid->count = to_s > grid->first_s ? (size_t)((to_s - grid->first_s + grid->period_s - 1) / grid->period_s) : 0;
    *end_s = grid->first_s + grid->count * grid->period_s;
    if (grid->count > LIMIT_MONITOR_POINTS)
        return error_set(error, ERROR_INVALID, "%zu periods of %u seconds are asked for, %u at most: ask for less time "
                         "or longer periods", grid->count, grid->period_s, LIMIT_MONITOR_POINTS);
    grid->cells = ARENA_ARRAY(grid->arena, struct cell, grid->count + 1);
    return grid->cells ? OK : error_no_memory(error);
}

static enum error_code read_rows(struct series_db *db, const struct monitor_metric *metric, struct chosen *chosen,
                                 struct grid *grid, uint64_t end_s, struct error *error)
{
    const struct source *source = grid->source;
    const size_t field_count = source->kind == KIND_OWN ? 3 : 0;
    enum error_code code = series_db_each(db, metric->tenant, source->kind, source->fields, field_count, choose, chosen,
                                          error);
    for (size_t i = 0; i < chosen->count && code == OK; i++)
        code = series_db_cells(db, grain_of(grid), chosen->ids[i], grid->first_s, end_s, take_row, grid,
                               error);
    return code;
}

static enum error_code give_buckets(const struct grid *grid, struct monitor_buckets *buckets, struct error *error)
{
    const double scale = monitor_kinds[grid->source->kind].metrics[grid->source->index].scale;
    buckets->items = ARENA_ARRAY(grid->arena, struct monitor_bucket, grid->count + 1);
    if (!buckets->items)
        return error_no_memory(error);
    for (size_t i = 0; i < grid->count; i++) {
        const struct cell *cell = &grid->cells[i];
        if (cell->count == 0)
            continue;
        buckets->items[buckets->count++] = (struct monitor_bucket){
            .time_s = grid->first_s + i * grid->period_s,
            .count = cell->count,
            .sum = cell->sum / scale,
            .min = cell->min / scale,
            .max = cell->max / scale,
            .sketch = cell->is_unknown ? NULL : &cell->sketch,
            .sketch_scale = 1 / scale,
        };
    }
    return OK;
}

enum error_code monitor_read_buckets(struct monitor *monitor, const struct monitor_metric *metric, bool has_sketches,
                                     const struct monitor_range *range, struct arena *arena,
                                     struct monitor_buckets *buckets, struct error *error)
{
    struct source source = {.kind = KIND_OWN};
    struct grid grid = {.source = &source, .has_sketches = has_sketches, .arena = arena};
    struct chosen chosen = {.source = &source, .unit = metric->unit, .arena = arena};
    struct series_db *db;
    uint64_t end_s = 0;
    enum error_code code = lay_out(monitor, range, &grid, &end_s, error);
    *buckets = (struct monitor_buckets){.period_s = grid.period_s, .unit = STR("None")};
    if (code != OK)
        return code;
    if (find_source(metric, &source))
        buckets->unit = str_of(monitor_kinds[source.kind].metrics[source.index].unit);
    else if (!monitor_own_fields(metric, arena, source.fields))
        return error_no_memory(error);
    else
        source.kind = KIND_OWN;
    source.index = source.kind == KIND_OWN ? 0 : source.index;
    code = monitor_reader_take(monitor, &db, error);
    if (code != OK)
        return code;
    code = read_rows(db, metric, &chosen, &grid, end_s, error);
    monitor_reader_give(monitor, db);
    mem_free(chosen.ids);
    if (chosen.found_unit.data)
        buckets->unit = chosen.found_unit;
    return code == OK ? give_buckets(&grid, buckets, error) : code;
}

enum error_code monitor_read(struct monitor *monitor, const struct monitor_metric *metric,
                             const struct monitor_stat *stat, const struct monitor_range *range, struct arena *arena,
                             struct monitor_points *points, struct error *error)
{
    struct monitor_buckets buckets;
    *points = (struct monitor_points){0};
    const enum error_code code = monitor_read_buckets(monitor, metric, stat->kind == MONITOR_PERCENTILE, range, arena,
                                                      &buckets, error);
    points->period_s = buckets.period_s;
    if (code != OK)
        return code;
    points->times_s = ARENA_ARRAY(arena, uint64_t, buckets.count + 1);
    points->values = ARENA_ARRAY(arena, double, buckets.count + 1);
    if (!points->times_s || !points->values)
        return error_no_memory(error);
    for (size_t i = 0; i < buckets.count; i++) {
        const double value = monitor_bucket_value(&buckets.items[i], stat);
        if (isnan(value))
            continue;
        points->times_s[points->count] = buckets.items[i].time_s;
        points->values[points->count++] = value;
    }
    return OK;
}
