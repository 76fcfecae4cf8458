/* sketch.h - how many values lie where, for percentiles: counts in buckets whose borders grow by 4 percent, so that
 * what is read off is within 2 percent of the value; those of coarse sketches grow by 8, and are within 4 percent. Of
 * any sign; sketches of one width add up. One thread at a time.
 *
 * At most LIMIT_MONITOR_SKETCH buckets: past it the smallest are put together. */
#ifndef MONITOR_SKETCH_H
#define MONITOR_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mem.h"

struct sketch_bucket {
    int32_t key; /* in the order of values */
    uint64_t count;
};

enum sketch_width { SKETCH_NONE, SKETCH_FINE, SKETCH_COARSE };

struct sketch { /* zeroed: empty */
    struct sketch_bucket *items; /* by key, ascending */
    uint32_t count, cap;
    bool is_coarse;
};

int32_t sketch_key(double value, bool is_coarse);
double sketch_value(int32_t key, bool is_coarse); /* the middle of its bucket */

/* In the arena, or where that is NULL on the heap: then sketch_deinit frees it. False: no memory. */
bool sketch_add(struct sketch *sketch, int32_t key, uint64_t count, struct arena *arena);
/* Both of one width. */
bool sketch_merge(struct sketch *into, const struct sketch *from, struct arena *arena);
void sketch_deinit(struct sketch *sketch);

/* The value below which `percent` of all lie; of an empty one 0. */
double sketch_percentile(const struct sketch *sketch, double percent);

#endif
