/* sketch.c - see sketch.h. A key is the logarithm of a value to the base, moved so that all positive values have
 * positive keys; negative values have the keys of their amounts, negated, and 0 has 0. */
#include "monitor/sketch.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/limits.h"

#define BASE 1.04
#define BASE_COARSE (BASE * BASE)
#define KEY_OF_ONE 20000 /* more than the logarithm of the smallest double */

static double base_of(bool is_coarse)
{
    return is_coarse ? BASE_COARSE : BASE;
}

int32_t sketch_key(double value, bool is_coarse)
{
    if (value == 0)
        return 0;
    const int32_t key = KEY_OF_ONE + (int32_t)ceil(log(fabs(value)) / log(base_of(is_coarse)));
    return value > 0 ? key : -key;
}

double sketch_value(int32_t key, bool is_coarse)
{
    if (key == 0)
        return 0;
    const double base = base_of(is_coarse), border = pow(base, (key > 0 ? key : -key) - KEY_OF_ONE);
    return (key > 0 ? 2 : -2) * border / (base + 1);
}

static bool grow(struct sketch *sketch, struct arena *arena)
{
    const uint32_t cap = sketch->cap ? 2 * sketch->cap : 8;
    struct sketch_bucket *items = arena ? ARENA_ARRAY(arena, struct sketch_bucket, cap)
                                        : mem_realloc(sketch->items, cap * sizeof(*items));
    if (!items)
        return false;
    if (arena && sketch->count)
        memcpy(items, sketch->items, sketch->count * sizeof(*items));
    sketch->items = items;
    sketch->cap = cap;
    return true;
}

/* The place of the key, or where it belongs; last first, for keys mostly come in order. */
static uint32_t place_of(const struct sketch *sketch, int32_t key)
{
    uint32_t low = 0, high = sketch->count;
    if (high > 0 && sketch->items[high - 1].key < key)
        return high;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (sketch->items[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool sketch_add(struct sketch *sketch, int32_t key, uint64_t count, struct arena *arena)
{
    const uint32_t at = place_of(sketch, key);
    if (at < sketch->count && sketch->items[at].key == key) {
        sketch->items[at].count += count;
        return true;
    }
    if (sketch->count == sketch->cap && !grow(sketch, arena))
        return false;
    memmove(sketch->items + at + 1, sketch->items + at, (sketch->count - at) * sizeof(*sketch->items));
    sketch->items[at] = (struct sketch_bucket){key, count};
    sketch->count++;
    if (sketch->count > LIMIT_MONITOR_SKETCH) {
        sketch->items[1].count += sketch->items[0].count;
        sketch->count--;
        memmove(sketch->items, sketch->items + 1, sketch->count * sizeof(*sketch->items));
    }
    return true;
}

bool sketch_merge(struct sketch *into, const struct sketch *from, struct arena *arena)
{
    assert(into->count == 0 || from->count == 0 || into->is_coarse == from->is_coarse);
    into->is_coarse = from->count > 0 ? from->is_coarse : into->is_coarse;
    for (uint32_t i = 0; i < from->count; i++)
        if (!sketch_add(into, from->items[i].key, from->items[i].count, arena))
            return false;
    return true;
}

void sketch_deinit(struct sketch *sketch)
{
    mem_free(sketch->items);
    *sketch = (struct sketch){0};
}

double sketch_percentile(const struct sketch *sketch, double percent)
{
    double total = 0, below = 0;
    for (uint32_t i = 0; i < sketch->count; i++)
        total += (double)sketch->items[i].count;
    for (uint32_t i = 0; i < sketch->count; i++) {
        below += (double)sketch->items[i].count;
        if (below >= total * percent / 100)
            return sketch_value(sketch->items[i].key, sketch->is_coarse);
    }
    return sketch->count ? sketch_value(sketch->items[sketch->count - 1].key, sketch->is_coarse) : 0;
}
