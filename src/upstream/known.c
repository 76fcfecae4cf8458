/* known.c - see known.h. Entries lie in one array that never moves; buckets and the order of use are chains of their
 * numbers. */
#include "upstream/known.h"

#include <assert.h>

#include "core/mem.h"

#define NONE UINT32_MAX

struct entry {
    uint64_t hash, replicas;
    uint32_t same;         /* next of the bucket */
    uint32_t newer, older; /* by last use */
};

struct known {
    struct entry *entries;
    uint32_t *buckets;
    size_t bucket_count; /* a power of two */
    uint32_t count, max;
    uint32_t newest, oldest;
};

struct known *known_new(size_t blocks_max)
{
    struct known *known = mem_calloc(1, sizeof(*known));
    assert(blocks_max > 0 && blocks_max < NONE);
    if (!known)
        return NULL;
    known->max = (uint32_t)blocks_max;
    known->newest = known->oldest = NONE;
    for (known->bucket_count = 1; known->bucket_count < blocks_max;)
        known->bucket_count *= 2;
    known->entries = mem_calloc(blocks_max, sizeof(*known->entries));
    known->buckets = mem_alloc(known->bucket_count * sizeof(*known->buckets));
    if (!known->entries || !known->buckets) {
        known_free(known);
        return NULL;
    }
    for (size_t i = 0; i < known->bucket_count; i++)
        known->buckets[i] = NONE;
    return known;
}

void known_free(struct known *known)
{
    if (!known)
        return;
    mem_free(known->entries);
    mem_free(known->buckets);
    mem_free(known);
}

static uint32_t *bucket_of(const struct known *known, uint64_t hash)
{
    return &known->buckets[hash & (known->bucket_count - 1)];
}

static uint32_t find(const struct known *known, uint64_t hash)
{
    uint32_t at = *bucket_of(known, hash);
    while (at != NONE && known->entries[at].hash != hash)
        at = known->entries[at].same;
    return at;
}

/* --- the order of use ------------------------------------------------------------------------------- */

static void unlink_entry(struct known *known, uint32_t at)
{
    const struct entry *entry = &known->entries[at];
    *(entry->newer == NONE ? &known->newest : &known->entries[entry->newer].older) = entry->older;
    *(entry->older == NONE ? &known->oldest : &known->entries[entry->older].newer) = entry->newer;
}

static void link_newest(struct known *known, uint32_t at)
{
    struct entry *entry = &known->entries[at];
    entry->newer = NONE;
    entry->older = known->newest;
    *(known->newest == NONE ? &known->oldest : &known->entries[known->newest].newer) = at;
    known->newest = at;
}

/* --- entries ---------------------------------------------------------------------------------------- */

static uint32_t take_oldest(struct known *known)
{
    const uint32_t at = known->oldest;
    uint32_t *link = bucket_of(known, known->entries[at].hash);
    unlink_entry(known, at);
    while (*link != at)
        link = &known->entries[*link].same;
    *link = known->entries[at].same;
    return at;
}

static uint32_t add(struct known *known, uint64_t hash)
{
    const uint32_t at = known->count < known->max ? known->count++ : take_oldest(known);
    uint32_t *bucket = bucket_of(known, hash);
    known->entries[at] = (struct entry){.hash = hash, .same = *bucket};
    *bucket = at;
    return at;
}

size_t known_match(const struct known *known, const uint64_t *blocks, size_t count, uint64_t among, uint64_t *who)
{
    size_t depth = 0;
    *who = 0;
    for (; depth < count; depth++) {
        const uint32_t at = find(known, blocks[depth]);
        const uint64_t left = at == NONE ? 0 : known->entries[at].replicas & (depth > 0 ? *who : among);
        if (left == 0)
            break;
        *who = left;
    }
    return depth;
}

/* From the last block to the first, so that none goes before those that need it. */
void known_note(struct known *known, const uint64_t *blocks, size_t count, unsigned replica)
{
    assert(replica < KNOWN_REPLICAS_MAX);
    for (size_t i = count < known->max ? count : known->max; i > 0; i--) {
        uint32_t at = find(known, blocks[i - 1]);
        if (at == NONE)
            at = add(known, blocks[i - 1]);
        else
            unlink_entry(known, at);
        known->entries[at].replicas |= UINT64_C(1) << replica;
        link_newest(known, at);
    }
}

size_t known_count(const struct known *known)
{
    return known->count;
}
