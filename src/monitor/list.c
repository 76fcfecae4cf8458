/* list.c - which metrics there are: each series under its kind's sets of dimensions, in order, each metric once. See
 * query.h. */
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "monitor/monitor_internal.h"

struct list {
    const struct monitor_filter *filter;
    struct series_db *db;
    struct arena arena;
    struct monitor_metric *items;
    size_t count, cap;
};

/* --- the filter ------------------------------------------------------------------------------------- */

static bool has_dimension(const struct monitor_metric *metric, const struct monitor_dimension *wanted)
{
    for (size_t i = 0; i < metric->dimension_count; i++)
        if (str_eq(metric->dimensions[i].name, wanted->name))
            return !wanted->value.data || str_eq(metric->dimensions[i].value, wanted->value);
    return false;
}

static bool passes(const struct monitor_filter *filter, const struct monitor_metric *metric)
{
    if ((filter->namespace.data && !str_eq(filter->namespace, metric->namespace)) ||
        (filter->name.data && !str_eq(filter->name, metric->name)) ||
        (filter->is_exact && metric->dimension_count != filter->dimension_count))
        return false;
    for (size_t i = 0; i < filter->dimension_count; i++)
        if (!has_dimension(metric, &filter->dimensions[i]))
            return false;
    return true;
}

/* --- metrics ---------------------------------------------------------------------------------------- */

static bool copy_metric(struct list *list, const struct monitor_metric *metric, struct monitor_metric *copy)
{
    struct monitor_dimension *dimensions =
        ARENA_ARRAY(&list->arena, struct monitor_dimension, metric->dimension_count + 1);
    bool is_good = dimensions != NULL;
    *copy = *metric;
    copy->dimensions = dimensions;
    is_good = is_good && arena_str(&list->arena, metric->namespace, &copy->namespace) &&
              arena_str(&list->arena, metric->name, &copy->name) &&
              arena_str(&list->arena, metric->unit, &copy->unit);
    for (size_t i = 0; is_good && i < metric->dimension_count; i++)
        is_good = arena_str(&list->arena, metric->dimensions[i].name, &dimensions[i].name) &&
                  arena_str(&list->arena, metric->dimensions[i].value, &dimensions[i].value);
    return is_good;
}

static bool add(struct list *list, const struct monitor_metric *metric)
{
    void *items = list->items;
    if (!passes(list->filter, metric))
        return true;
    if (!mem_grow(&items, list->count, &list->cap, sizeof(*list->items)))
        return false;
    list->items = items;
    return copy_metric(list, metric, &list->items[list->count]) && ++list->count > 0;
}

/* One of a kind's sets: those of which every field is said. */
static bool add_set(struct list *list, const struct series_row *row, unsigned set)
{
    const struct kind *kind = &monitor_kinds[row->kind];
    struct monitor_dimension dimensions[KIND_FIELDS_MAX];
    struct monitor_metric metric = {.tenant = list->filter->tenant, .namespace = str_of(kind->namespace),
                                    .dimensions = dimensions};
    for (size_t field = 0; field < kind->field_count; field++) {
        if (!(set >> field & 1))
            continue;
        if (row->fields[field].len == 0)
            return true;
        dimensions[metric.dimension_count++] =
            (struct monitor_dimension){str_of(kind->fields[field]), row->fields[field]};
    }
    for (size_t i = 0; i < kind->metric_count; i++) {
        metric.name = str_of(kind->metrics[i].name);
        metric.unit = str_of(kind->metrics[i].unit);
        if ((row->metrics >> i & 1) && !add(list, &metric))
            return false;
    }
    return true;
}

static bool add_own(struct list *list, const struct series_row *row)
{
    struct monitor_dimension dimensions[MONITOR_DIMENSIONS_MAX];
    struct monitor_metric metric = {.tenant = list->filter->tenant, .namespace = row->fields[0], .name = row->fields[1],
                                    .unit = row->fields[3], .dimensions = dimensions};
    struct error ignored;
    yyjson_doc *doc;
    size_t i, max;
    yyjson_val *pair;
    if (json_parse_stored(row->fields[2], &doc, &ignored) != OK)
        return true; /* a damaged row hides its metric alone */
    yyjson_arr_foreach(yyjson_doc_get_root(doc), i, max, pair)
    {
        if (metric.dimension_count < MONITOR_DIMENSIONS_MAX)
            dimensions[metric.dimension_count++] = (struct monitor_dimension){json_str(yyjson_arr_get(pair, 0)),
                                                                              json_str(yyjson_arr_get(pair, 1))};
    }
    const bool is_good = add(list, &metric);
    json_free(doc);
    return is_good;
}

static enum error_code take_row(void *ctx, const struct series_row *row, struct error *error)
{
    struct list *list = ctx;
    const struct kind *kind = &monitor_kinds[row->kind];
    bool is_good = true, is_active = true;
    if (list->filter->active_since_s) {
        const enum error_code code =
            series_db_is_active(list->db, row->id, list->filter->active_since_s, &is_active, error);
        if (code != OK)
            return code;
    }
    if (!is_active)
        return OK;
    if (row->kind == KIND_OWN)
        is_good = add_own(list, row);
    for (size_t i = 0; is_good && i < kind->set_count; i++)
        is_good = add_set(list, row, kind->sets[i]);
    return is_good ? OK : error_no_memory(error);
}

/* --- order ------------------------------------------------------------------------------------------ */

static int compare_text(struct str a, struct str b)
{
    const size_t shorter = a.len < b.len ? a.len : b.len;
    const int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare(const void *a, const void *b)
{
    const struct monitor_metric *first = a, *second = b;
    int order = compare_text(first->namespace, second->namespace);
    order = order ? order : compare_text(first->name, second->name);
    const size_t shorter =
        first->dimension_count < second->dimension_count ? first->dimension_count : second->dimension_count;
    for (size_t i = 0; !order && i < shorter; i++) {
        order = compare_text(first->dimensions[i].name, second->dimensions[i].name);
        order = order ? order : compare_text(first->dimensions[i].value, second->dimensions[i].value);
    }
    return order ? order
                 : (first->dimension_count > second->dimension_count) -
                       (first->dimension_count < second->dimension_count);
}

enum error_code monitor_list(struct monitor *monitor, const struct monitor_filter *filter,
                             enum error_code (*each)(void *ctx, const struct monitor_metric *metric,
                                                     struct error *error),
                             void *ctx, struct error *error)
{
    struct list list = {.filter = filter};
    enum error_code code = monitor_reader_take(monitor, &list.db, error);
    if (code != OK)
        return code;
    arena_init(&list.arena, 0);
    code = series_db_each(list.db, filter->tenant, KINDS, NULL, 0, take_row, &list, error);
    monitor_reader_give(monitor, list.db);
    if (list.count > 1)
        qsort(list.items, list.count, sizeof(list.items[0]), compare);
    for (size_t i = 0; i < list.count && code == OK; i++)
        if (i == 0 || compare(&list.items[i - 1], &list.items[i]) != 0)
            code = each(ctx, &list.items[i], error);
    mem_free(list.items);
    arena_deinit(&list.arena);
    return code;
}

enum error_code monitor_next_tenant(struct monitor *monitor, struct str beyond, struct arena *arena,
                                    struct str *tenant, struct error *error)
{
    struct series_db *db;
    enum error_code code = monitor_reader_take(monitor, &db, error);
    if (code != OK)
        return code;
    code = series_db_next_tenant(db, beyond, arena, tenant, error);
    monitor_reader_give(monitor, db);
    return code;
}
