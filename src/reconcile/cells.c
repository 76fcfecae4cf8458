/* cells.c - see cells.h. */
#include "reconcile/cells.h"

#include <stdlib.h>
#include <string.h>

#define NAME_BYTES_MAX 256 /* of a model's name; the rest is none of it */

struct cell_name {
    struct str model, key;
};

void cells_init(struct cells *cells)
{
    *cells = (struct cells){.count = 0};
    arena_init(&cells->arena, 0);
}

void cells_deinit(struct cells *cells)
{
    arena_deinit(&cells->arena);
    mem_free(cells->items);
    mem_free(cells->table);
    mem_free(cells->names);
}

static uint32_t *find_slot(struct cells *cells, uint64_t period_us, struct str key)
{
    size_t at = (str_hash(key) ^ (period_us * UINT64_C(0x9e3779b97f4a7c15))) & (cells->table_size - 1);
    for (;;) {
        uint32_t *slot = &cells->table[at];
        if (*slot == 0 || (cells->items[*slot - 1].period_us == period_us && str_eq(cells->items[*slot - 1].key, key)))
            return slot;
        at = (at + 1) & (cells->table_size - 1);
    }
}

/* Room for one more, the table at most half full. */
static bool grow(struct cells *cells)
{
    if (cells->count < cells->room)
        return true;
    if (!mem_grow((void **)&cells->items, cells->count, &cells->room, sizeof(*cells->items)))
        return false;
    size_t size = 64;
    while (size < 2 * cells->room)
        size *= 2;
    uint32_t *table = mem_calloc(size, sizeof(*table));
    if (!table) {
        cells->room = cells->count; /* the table has no place for more */
        return false;
    }
    mem_free(cells->table);
    cells->table = table;
    cells->table_size = size;
    for (size_t i = 0; i < cells->count; i++)
        *find_slot(cells, cells->items[i].period_us, cells->items[i].key) = (uint32_t)(i + 1);
    return true;
}

static enum error_code name_of(struct cells *cells, struct str model, const struct cell_name **found,
                               struct error *error)
{
    for (size_t i = 0; i < cells->name_count; i++) {
        *found = &cells->names[i];
        if (str_eq((*found)->model, model))
            return OK;
    }
    if (cells->name_count == LIMIT_RECONCILE_MODELS)
        return error_set(error, ERROR_TOO_LARGE, "more than %d names of models", LIMIT_RECONCILE_MODELS);
    if (!mem_grow((void **)&cells->names, cells->name_count, &cells->name_room, sizeof(*cells->names)))
        return error_no_memory(error);
    struct cell_name *name = &cells->names[cells->name_count];
    name->key = report_model_key(model, &cells->arena);
    if (!name->key.data || !arena_str(&cells->arena, model, &name->model))
        return error_no_memory(error);
    cells->name_count++;
    *found = name;
    return OK;
}

enum error_code cells_find(struct cells *cells, uint64_t period_us, struct str model, struct cell **cell,
                           struct error *error)
{
    const struct cell_name *name = NULL;
    const enum error_code code = name_of(cells, str_slice(model, 0, NAME_BYTES_MAX), &name, error);
    if (code != OK)
        return code;
    if (!grow(cells))
        return error_no_memory(error);
    uint32_t *slot = find_slot(cells, period_us, name->key);
    if (*slot == 0) {
        if (cells->count == LIMIT_RECONCILE_CELLS)
            return error_set(error, ERROR_TOO_LARGE, "more than %d models and periods: compare less, --from and --to",
                             LIMIT_RECONCILE_CELLS);
        cells->items[cells->count] = (struct cell){.period_us = period_us, .key = name->key, .model = name->model};
        *slot = (uint32_t)++cells->count;
    }
    *cell = &cells->items[*slot - 1];
    return OK;
}

static int compare_cells(const void *a, const void *b)
{
    const struct cell *x = a, *y = b;
    const size_t shorter = x->key.len < y->key.len ? x->key.len : y->key.len;
    const int order = memcmp(x->key.data, y->key.data, shorter);
    if (order || x->key.len != y->key.len)
        return order ? order : x->key.len < y->key.len ? -1 : 1;
    return (x->period_us > y->period_us) - (x->period_us < y->period_us);
}

void cells_sort(struct cells *cells)
{
    if (cells->count > 0)
        qsort(cells->items, cells->count, sizeof(cells->items[0]), compare_cells);
}
