/* metrics_rows.c - see metrics_rows.h. */
#include "api/metrics_rows.h"

#include <assert.h>
#include <stdlib.h>

#include "core/mem.h"

/* --- counting --- */

static size_t hash_of(const struct str labels[METRICS_LABELS_MAX])
{
    uint64_t hash = 0;
    for (size_t i = 0; i < METRICS_LABELS_MAX; i++)
        hash = (hash ^ str_hash(labels[i])) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(hash >> 32);
}

static bool has_labels(const struct metrics_series *row, const struct str labels[METRICS_LABELS_MAX])
{
    size_t i = 0;
    while (i < METRICS_LABELS_MAX && str_eq(row->labels[i], labels[i]))
        i++;
    return i == METRICS_LABELS_MAX;
}

/* One piece of memory: the row, its counters, the texts of its labels. */
static struct metrics_series *make(const struct str labels[METRICS_LABELS_MAX], size_t counts)
{
    const size_t size = sizeof(struct metrics_series) + counts * sizeof(metrics_count);
    size_t len = 0;
    for (size_t i = 0; i < METRICS_LABELS_MAX; i++)
        len += labels[i].len;
    struct metrics_series *row = mem_calloc(1, size + len + 1);
    char *at = (char *)row + size;
    for (size_t i = 0; row && i < METRICS_LABELS_MAX; i++) {
        if (labels[i].len > 0)
            memcpy(at, labels[i].data, labels[i].len);
        row->labels[i] = (struct str){at, labels[i].len};
        at += labels[i].len;
    }
    return row;
}

/* NULL: there is none, and no room for one more, or no memory. */
static struct metrics_series *find(struct metrics_rows *rows, const struct str labels[METRICS_LABELS_MAX],
                                   size_t counts, size_t max)
{
    static_assert(2 * METRICS_ROWS_MAX < METRICS_ROWS_SLOTS, "a search ends at a free slot");
    size_t slot = hash_of(labels) % METRICS_ROWS_SLOTS;
    struct metrics_series *row;
    while ((row = atomic_load_explicit(&rows->slots[slot], memory_order_relaxed)) && !has_labels(row, labels))
        slot = (slot + 1) % METRICS_ROWS_SLOTS;
    if (row || rows->count >= max)
        return row;
    row = make(labels, counts);
    if (row) {
        rows->count++;
        atomic_store_explicit(&rows->slots[slot], row, memory_order_release);
    }
    return row;
}

struct metrics_series *metrics_rows_find(struct metrics_rows *rows, const struct str labels[METRICS_LABELS_MAX],
                                         size_t client, size_t counts)
{
    struct str cut[METRICS_LABELS_MAX];
    assert(client < METRICS_LABELS_MAX);
    for (size_t i = 0; i < METRICS_LABELS_MAX; i++)
        cut[i] = str_slice(labels[i], 0, METRICS_LABEL_BYTES);
    struct metrics_series *row = find(rows, cut, counts, METRICS_ROWS_MAX);
    if (row)
        return row;
    cut[client] = STR(METRICS_OTHER);
    return find(rows, cut, counts, 2 * METRICS_ROWS_MAX);
}

void metrics_rows_deinit(struct metrics_rows *rows)
{
    for (size_t i = 0; i < METRICS_ROWS_SLOTS; i++)
        mem_free(atomic_load(&rows->slots[i]));
}

/* --- showing --- */

static int compare(const struct metrics_series *a, const struct metrics_series *b)
{
    int order = 0;
    for (size_t i = 0; i < METRICS_LABELS_MAX && order == 0; i++) {
        const struct str x = a->labels[i], y = b->labels[i];
        order = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);
        if (order == 0)
            order = (x.len > y.len) - (x.len < y.len);
    }
    return order;
}

static int by_labels(const void *a, const void *b)
{
    return compare(*(struct metrics_series *const *)a, *(struct metrics_series *const *)b);
}

struct metrics_series **metrics_rows_collect(struct metrics_rows *const *sets, size_t set_count, size_t *count)
{
    struct metrics_series **list = mem_calloc(set_count * METRICS_ROWS_SLOTS + 1, sizeof(struct metrics_series *));
    *count = 0;
    for (size_t i = 0; list && i < set_count; i++)
        for (size_t slot = 0; slot < METRICS_ROWS_SLOTS; slot++) {
            struct metrics_series *row = atomic_load_explicit(&sets[i]->slots[slot], memory_order_acquire);
            if (row)
                list[(*count)++] = row;
        }
    if (list)
        qsort(list, *count, sizeof(struct metrics_series *), by_labels);
    return list;
}

size_t metrics_rows_same(struct metrics_series *const *list, size_t count)
{
    size_t same = count > 0;
    while (same < count && compare(list[0], list[same]) == 0)
        same++;
    return same;
}

uint64_t metrics_rows_sum(struct metrics_series *const *same, size_t count, size_t counter)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += metrics_load(&same[i]->counts[counter]);
    return sum;
}

/* As Prometheus' text wants them inside of quotes. */
static void append_escaped(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.data[i];
        if (c == '\\' || c == '"')
            buf_append_char(out, '\\');
        if (c == '\n')
            buf_append_text(out, "\\n");
        else
            buf_append_char(out, c);
    }
}

void metrics_series_append(struct buf *out, const char *name, const char *suffix, const char *const *label_names,
                        const struct metrics_series *row)
{
    bool is_first = true;
    buf_appendf(out, "%s%s{", name, suffix);
    for (size_t i = 0; i < METRICS_LABELS_MAX; i++) {
        if (row->labels[i].len == 0)
            continue;
        buf_appendf(out, "%s%s=\"", is_first ? "" : ",", label_names[i]);
        append_escaped(out, row->labels[i]);
        buf_append_char(out, '"');
        is_first = false;
    }
}
