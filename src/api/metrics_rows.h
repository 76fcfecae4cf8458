/* metrics_rows.h - counters by labels that come from clients in part: a model ID as it was asked for, a tenant.
 *
 * A set belongs to one thread, which alone adds to it, without a lock: rows are found by a hash, made once and never
 * taken away; any thread may read meanwhile. There are at most METRICS_ROWS_MAX in a set; what comes later has
 * METRICS_OTHER in place of one label, and counts there. */
#ifndef API_METRICS_ROWS_H
#define API_METRICS_ROWS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

#define METRICS_LABELS_MAX 5
#define METRICS_LABEL_BYTES 256 /* of each, what is longer is cut */
#define METRICS_ROWS_MAX 192    /* and as many again of METRICS_OTHER */
#define METRICS_ROWS_SLOTS 512
#define METRICS_OTHER "(other)"

typedef _Atomic uint64_t metrics_count;

static inline void metrics_add(metrics_count *count, uint64_t value)
{
    atomic_fetch_add_explicit(count, value, memory_order_relaxed);
}

static inline uint64_t metrics_load(metrics_count *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

struct metrics_series {
    struct str labels[METRICS_LABELS_MAX]; /* its own; an empty one is none */
    metrics_count counts[];
};

struct metrics_rows { /* zeroed: empty */
    size_t count;     /* its thread's */
    _Atomic(struct metrics_series *) slots[METRICS_ROWS_SLOTS];
};
void metrics_rows_deinit(struct metrics_rows *rows);

/* Its own thread: the row of these labels, with `counts` counters; where there is no room for it, that of METRICS_OTHER
 * in place of label number `client`. NULL: no memory, not even for that. */
struct metrics_series *metrics_rows_find(struct metrics_rows *rows, const struct str labels[METRICS_LABELS_MAX],
                                         size_t client, size_t counts);

/* Any thread: the rows of all sets, those of the same labels beside each other. mem_free it. NULL: no memory. */
struct metrics_series **metrics_rows_collect(struct metrics_rows *const *sets, size_t set_count, size_t *count);
/* How many rows at the beginning of a list have the same labels; 0 for an empty one. */
size_t metrics_rows_same(struct metrics_series *const *list, size_t count);
/* The sum of one counter over so many rows. */
uint64_t metrics_rows_sum(struct metrics_series *const *same, size_t count, size_t counter);

/* `name{label="...",...`, to which the caller adds labels of its own and the end. */
void metrics_series_append(struct buf *out, const char *name, const char *suffix, const char *const *label_names,
                        const struct metrics_series *row);

#endif
