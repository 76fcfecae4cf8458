/* ids.c - open addressing, at most half full. See ids.h. */
#include "batch/ids.h"

#include <stdint.h>
#include <xxhash.h>

#include "core/mem.h"

#define CAP_FIRST 256u

struct id_hash {
    uint64_t low, high; /* both 0: nobody's */
};

void id_set_deinit(struct id_set *set)
{
    mem_free(set->slots);
    *set = (struct id_set){0};
}

/* The hash's place, or the free one where it belongs. */
static struct id_hash *place_of(struct id_hash *slots, size_t cap, struct id_hash hash)
{
    size_t at = (size_t)hash.low & (cap - 1);
    while ((slots[at].low | slots[at].high) != 0 && (slots[at].low != hash.low || slots[at].high != hash.high))
        at = (at + 1) & (cap - 1);
    return &slots[at];
}

static bool grow(struct id_set *set)
{
    const size_t cap = set->cap ? 2 * set->cap : CAP_FIRST;
    struct id_hash *slots = mem_calloc(cap, sizeof(*slots));
    if (!slots)
        return false;
    for (size_t i = 0; i < set->cap; i++)
        if ((set->slots[i].low | set->slots[i].high) != 0)
            *place_of(slots, cap, set->slots[i]) = set->slots[i];
    mem_free(set->slots);
    set->slots = slots;
    set->cap = cap;
    return true;
}

enum error_code id_set_add(struct id_set *set, struct str id, bool *is_new, struct error *error)
{
    const XXH128_hash_t made = XXH3_128bits(id.data, id.len);
    const struct id_hash hash = {made.low64, made.high64 | 1};
    if (2 * (set->count + 1) > set->cap && !grow(set))
        return error_no_memory(error);
    struct id_hash *place = place_of(set->slots, set->cap, hash);
    *is_new = (place->low | place->high) == 0;
    set->count += *is_new;
    *place = hash;
    return OK;
}
