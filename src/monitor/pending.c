/* pending.c - see pending.h. */
#include "monitor/pending.h"

#include <string.h>

#define SLOTS_FIRST 256u

void pending_init(struct pending *pending)
{
    *pending = (struct pending){0};
    arena_init(&pending->arena, 0);
}

void pending_deinit(struct pending *pending)
{
    arena_deinit(&pending->arena);
    mem_free(pending->items);
    mem_free(pending->slots);
}

void pending_clear(struct pending *pending)
{
    arena_reset(&pending->arena);
    pending->count = 0;
    if (pending->slots)
        memset(pending->slots, 0, pending->slot_count * sizeof(pending->slots[0]));
}

static uint64_t hash_of(const struct series_key *key, uint64_t minute)
{
    uint64_t hash = str_hash(key->tenant) * 31 + (uint64_t)key->kind + minute * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < KIND_FIELDS_MAX; i++)
        hash = hash * UINT64_C(0x100000001b3) + (key->fields[i].len ? str_hash(key->fields[i]) : 1);
    return hash;
}

static bool is_same(const struct pending_cells *item, const struct series_key *key, uint64_t minute)
{
    bool same = item->minute == minute && item->key.kind == key->kind && str_eq(item->key.tenant, key->tenant);
    for (size_t i = 0; same && i < KIND_FIELDS_MAX; i++)
        same = str_eq(item->key.fields[i], key->fields[i]);
    return same;
}

static void place(struct pending *pending, size_t index)
{
    size_t at = pending->items[index].hash & (pending->slot_count - 1);
    while (pending->slots[at])
        at = (at + 1) & (pending->slot_count - 1);
    pending->slots[at] = (uint32_t)index + 1;
}

static bool make_room(struct pending *pending)
{
    void *items = pending->items;
    if (!mem_grow(&items, pending->count, &pending->cap, sizeof(*pending->items)))
        return false;
    pending->items = items;
    if (pending->slots && 2 * (pending->count + 1) < pending->slot_count)
        return true;
    const size_t slot_count = pending->slots ? 2 * pending->slot_count : SLOTS_FIRST;
    uint32_t *slots = mem_calloc(slot_count, sizeof(*slots));
    if (!slots)
        return false;
    mem_free(pending->slots);
    pending->slots = slots;
    pending->slot_count = slot_count;
    for (size_t i = 0; i < pending->count; i++)
        place(pending, i);
    return true;
}

static bool copy_key(struct pending *pending, const struct series_key *key, struct series_key *copy)
{
    *copy = *key;
    bool is_good = arena_str(&pending->arena, key->tenant, &copy->tenant);
    for (size_t i = 0; i < KIND_FIELDS_MAX; i++)
        is_good = is_good && arena_str(&pending->arena, key->fields[i], &copy->fields[i]);
    return is_good;
}

struct cell *pending_at(struct pending *pending, const struct series_key *key, uint64_t minute)
{
    const uint64_t hash = hash_of(key, minute);
    for (size_t at = hash & (pending->slot_count - 1); pending->slots && pending->slots[at];
         at = (at + 1) & (pending->slot_count - 1)) {
        struct pending_cells *item = &pending->items[pending->slots[at] - 1];
        if (item->hash == hash && is_same(item, key, minute))
            return item->cells;
    }
    if (!make_room(pending))
        return NULL;
    struct pending_cells *item = &pending->items[pending->count];
    *item = (struct pending_cells){.minute = minute, .hash = hash};
    if (!copy_key(pending, key, &item->key))
        return NULL;
    place(pending, pending->count++);
    return item->cells;
}

/* --- writing ---------------------------------------------------------------------------------------- */

static unsigned metrics_of(const struct pending_cells *item)
{
    unsigned metrics = 0;
    for (unsigned i = 0; i < KIND_METRICS_MAX; i++)
        metrics |= item->cells[i].count > 0 ? 1u << i : 0;
    return metrics;
}

static enum error_code find(struct series_db *db, const struct pending_cells *item, int64_t *id, struct error *error)
{
    const struct series_key whole = {.tenant = item->key.tenant, .kind = item->key.kind};
    const unsigned metrics = metrics_of(item);
    const enum error_code code = series_db_find(db, &item->key, metrics, id, error);
    if (code != ERROR_QUOTA || item->key.kind == KIND_OWN)
        return code;
    return series_db_find(db, &whole, metrics, id, error);
}

enum error_code pending_write(struct pending *pending, struct series_db *db, uint64_t now_s, uint64_t *lost,
                              struct error *error)
{
    for (size_t i = 0; i < pending->count; i++) {
        const struct pending_cells *item = &pending->items[i];
        int64_t id = 0;
        enum error_code code = find(db, item, &id, error);
        if (code == ERROR_QUOTA && item->key.kind != KIND_OWN) {
            ++*lost;
            continue;
        }
        if (code == OK)
            code = series_db_add(db, id, item->minute, item->cells, monitor_kinds[item->key.kind].metric_count, now_s,
                                 error);
        if (code != OK)
            return code;
    }
    return OK;
}
