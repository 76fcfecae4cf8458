/* table.c - see table.h. Segments double in size; one that is published stays where it is until table_deinit. */
#include "core/table.h"

#include "core/mem.h"

/* Segment s begins at TABLE_FIRST * (2^s - 1). */
static size_t segment_of(size_t index, size_t *offset)
{
    const size_t segment = 63 - (size_t)__builtin_clzll(index / TABLE_FIRST + 1);
    *offset = index - TABLE_FIRST * (((size_t)1 << segment) - 1);
    return segment;
}

void *table_at(const struct table *table, size_t index)
{
    if (index >= atomic_load_explicit(&table->count, memory_order_acquire))
        return NULL;
    size_t offset;
    const size_t segment = segment_of(index, &offset);
    _Atomic(void *) *items = atomic_load_explicit(&table->segments[segment], memory_order_acquire);
    return items ? atomic_load_explicit(&items[offset], memory_order_acquire) : NULL;
}

size_t table_count(const struct table *table)
{
    return atomic_load_explicit(&table->count, memory_order_acquire);
}

bool table_put(struct table *table, size_t index, void *item)
{
    size_t offset;
    const size_t segment = segment_of(index, &offset);
    if (segment >= TABLE_SEGMENTS)
        return false;
    _Atomic(void *) *items = atomic_load_explicit(&table->segments[segment], memory_order_relaxed);
    if (!items) {
        items = mem_calloc((size_t)TABLE_FIRST << segment, sizeof(*items));
        if (!items)
            return false;
        atomic_store_explicit(&table->segments[segment], items, memory_order_release);
    }
    atomic_store_explicit(&items[offset], item, memory_order_release);
    if (index >= atomic_load_explicit(&table->count, memory_order_relaxed))
        atomic_store_explicit(&table->count, index + 1, memory_order_release);
    return true;
}

void table_deinit(struct table *table)
{
    for (size_t i = 0; i < TABLE_SEGMENTS; i++) {
        mem_free((void *)atomic_load(&table->segments[i]));
        atomic_store(&table->segments[i], NULL);
    }
    atomic_store(&table->count, 0);
}
