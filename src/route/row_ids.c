/* row_ids.c - a table by hash, at most half full. See row_ids.h. */
#include "route/row_ids.h"

#define FIRST_CAP 1024

void row_ids_deinit(struct row_ids *ids)
{
    mem_free(ids->places);
    arena_deinit(&ids->arena);
    *ids = (struct row_ids){0};
}

static struct row_id *place_of(struct row_id *places, size_t cap, struct str id)
{
    size_t at = (size_t)str_hash(id) & (cap - 1);
    while (places[at].number != 0 && !str_eq(places[at].id, id))
        at = (at + 1) & (cap - 1);
    return &places[at];
}

static bool make_room(struct row_ids *ids)
{
    if (2 * (ids->count + 1) <= ids->cap)
        return true;
    const size_t cap = ids->cap ? 2 * ids->cap : FIRST_CAP;
    struct row_id *places = mem_calloc(cap, sizeof(*places));
    for (size_t i = 0; places && i < ids->cap; i++)
        if (ids->places[i].number != 0)
            *place_of(places, cap, ids->places[i].id) = ids->places[i];
    if (!places)
        return false;
    mem_free(ids->places);
    ids->places = places;
    ids->cap = cap;
    return true;
}

bool row_ids_add(struct row_ids *ids, struct str id, size_t number, size_t *before)
{
    struct str copy;
    if (!make_room(ids))
        return false;
    struct row_id *place = place_of(ids->places, ids->cap, id);
    *before = place->number;
    if (place->number != 0)
        return true;
    if (!arena_str(&ids->arena, id, &copy))
        return false;
    *place = (struct row_id){copy, number};
    ids->count++;
    return true;
}
