/* affinity.c - see affinity.h. */
#include "upstream/affinity.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>

#include "core/mem.h"
#include "upstream/known.h"

#define KNOWN_SHARE 2      /* one in so many blocks must be known */
#define KNOWN_EXTRA 1.2    /* of the bound */
#define KV_FULL 0.9
#define QUEUE_FULL 4.0     /* requests that wait, more than at the one where the fewest do */

_Static_assert(AFFINITY_REPLICAS_MAX <= KNOWN_REPLICAS_MAX, "each replica has a bit");

const char *const affinity_why_names[AFFINITY_WHYS] = {
    [AFFINITY_KEY] = "key", [AFFINITY_KNOWN] = "known", [AFFINITY_SPILLED] = "spilled", [AFFINITY_MOVED] = "moved"};

struct affinity {
    pthread_mutex_t mutex;
    double bound;
    struct known *known;
    double recent[AFFINITY_REPLICAS_MAX]; /* requests that each was given, by how long ago */
    uint64_t counted_us;                  /* when that was true */
    uint64_t chosen[AFFINITY_WHYS];
};

struct affinity *affinity_new(double bound, size_t blocks_max)
{
    struct affinity *affinity = mem_calloc(1, sizeof(*affinity));
    assert(bound >= 1);
    if (!affinity)
        return NULL;
    affinity->bound = bound;
    affinity->known = known_new(blocks_max);
    if (!affinity->known) {
        mem_free(affinity);
        return NULL;
    }
    pthread_mutex_init(&affinity->mutex, NULL);
    return affinity;
}

void affinity_free(struct affinity *affinity)
{
    if (!affinity)
        return;
    pthread_mutex_destroy(&affinity->mutex);
    known_free(affinity->known);
    mem_free(affinity);
}

/* --- rendezvous hashing ----------------------------------------------------------------------------- */

/* The finaliser of SplitMix64: each bit of the input moves half of the output's. */
static uint64_t mixed(uint64_t value)
{
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

static uint64_t weight(uint64_t key, uint64_t replica)
{
    return mixed(key ^ mixed(replica + UINT64_C(0x9e3779b97f4a7c15)));
}

/* The heaviest of those in the mask; SIZE_MAX: it is empty. */
static size_t heaviest(uint64_t key, const struct affinity_replica *replicas, size_t count, uint64_t mask)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < count; i++)
        if (mask >> i & 1 && (best == SIZE_MAX || weight(key, replicas[i].id) > weight(key, replicas[best].id)))
            best = i;
    return best;
}

static uint64_t all_of(size_t count)
{
    return count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

static uint64_t those_there(const struct affinity_replica *replicas, size_t count)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < count; i++)
        mask |= (uint64_t)!replicas[i].is_out << i;
    return mask;
}

size_t affinity_owner(uint64_t key, const struct affinity_replica *replicas, size_t count)
{
    return heaviest(key, replicas, count, those_there(replicas, count));
}

/* --- load ------------------------------------------------------------------------------------------- */

static void age(struct affinity *affinity, uint64_t now_us)
{
    const double past_s = now_us > affinity->counted_us ? (double)(now_us - affinity->counted_us) / 1e6 : 0;
    const double left = exp(-past_s / AFFINITY_RECENT_S);
    for (size_t i = 0; i < AFFINITY_REPLICAS_MAX; i++)
        affinity->recent[i] *= left;
    if (now_us > affinity->counted_us)
        affinity->counted_us = now_us;
}

static double least_waiting(const struct affinity_replica *replicas, size_t count, uint64_t there)
{
    double least = INFINITY;
    for (size_t i = 0; i < count; i++)
        if (there >> i & 1)
            least = fmin(least, fmax(0, replicas[i].waiting));
    return least;
}

/* Of those that are there the ones that have room; all of them where none has. */
static uint64_t those_with_room(const struct affinity_replica *replicas, size_t count, uint64_t there)
{
    const double least = least_waiting(replicas, count, there);
    uint64_t room = 0;
    for (size_t i = 0; i < count; i++)
        if (there >> i & 1 && replicas[i].kv_use <= KV_FULL && replicas[i].waiting <= least + QUEUE_FULL)
            room |= UINT64_C(1) << i;
    return room ? room : there;
}

/* What a pool has to do when a request comes. */
struct loads {
    size_t count;
    double now[AFFINITY_REPLICAS_MAX];  /* requests of each */
    double both[AFFINITY_REPLICAS_MAX]; /* with those that it was given lately */
};

/* So many may one have, with one request more. Never less than the mean: a request has to go somewhere. */
static double cap_of(const double *loads, size_t count, uint64_t mask, double bound)
{
    double sum = 1, replicas = 0;
    for (size_t i = 0; i < count; i++) {
        const bool counts = mask >> i & 1;
        sum += counts ? loads[i] : 0;
        replicas += counts;
    }
    return ceil(bound * sum / replicas);
}

/* Those of the mask to whom one request more may be given. */
static uint64_t those_below(const struct loads *loads, uint64_t mask, double bound)
{
    const double now = fmax(AFFINITY_FEW, cap_of(loads->now, loads->count, mask, bound));
    const double both = cap_of(loads->both, loads->count, mask, bound);
    uint64_t below = 0;
    for (size_t i = 0; i < loads->count; i++)
        if (mask >> i & 1 && (loads->now[i] + 1 <= now || loads->both[i] + 1 <= both))
            below |= UINT64_C(1) << i;
    return below;
}

static size_t least_loaded(const struct loads *loads, uint64_t mask)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < loads->count; i++)
        if (mask >> i & 1 && (best == SIZE_MAX || loads->both[i] < loads->both[best]))
            best = i;
    return best;
}

/* --- the choice ------------------------------------------------------------------------------------- */

static size_t by_prefix(const struct affinity *affinity, const struct affinity_prefix *prefix,
                        const struct affinity_replica *replicas, const struct loads *loads, uint64_t room,
                        enum affinity_why *why)
{
    const size_t count = loads->count;
    const uint64_t free_ones = those_below(loads, room, affinity->bound);
    const uint64_t warm_ones = those_below(loads, room, affinity->bound * KNOWN_EXTRA);
    const size_t first = heaviest(prefix->key, replicas, count, all_of(count));
    uint64_t who;
    const size_t depth = known_match(affinity->known, prefix->blocks, prefix->count, warm_ones, &who);
    size_t best;
    if (depth > 0 && depth * KNOWN_SHARE >= prefix->count)
        best = least_loaded(loads, who);
    else
        best = heaviest(prefix->key, replicas, count, free_ones ? free_ones : room);
    if (best == first)
        *why = AFFINITY_KEY;
    else if (who >> best & 1 && depth * KNOWN_SHARE >= prefix->count)
        *why = AFFINITY_KNOWN;
    else
        *why = replicas[first].is_out ? AFFINITY_MOVED : AFFINITY_SPILLED;
    known_note(affinity->known, prefix->blocks, prefix->count, (unsigned)best);
    return best;
}

size_t affinity_choose(struct affinity *affinity, uint64_t now_us, const struct affinity_prefix *prefix,
                       const struct affinity_replica *replicas, size_t count, enum affinity_why *why)
{
    struct loads loads = {.count = count};
    const uint64_t there = those_there(replicas, count);
    assert(count > 0 && count <= AFFINITY_REPLICAS_MAX);
    *why = AFFINITY_KEY;
    if (there == 0)
        return SIZE_MAX;
    const uint64_t room = those_with_room(replicas, count, there);
    pthread_mutex_lock(&affinity->mutex);
    age(affinity, now_us);
    for (size_t i = 0; i < count; i++) {
        loads.now[i] = replicas[i].load;
        loads.both[i] = replicas[i].load + affinity->recent[i];
    }
    const size_t best = prefix ? by_prefix(affinity, prefix, replicas, &loads, room, why) : least_loaded(&loads, room);
    affinity->recent[best] += 1;
    affinity->chosen[*why]++;
    pthread_mutex_unlock(&affinity->mutex);
    return best;
}

uint64_t affinity_chosen(struct affinity *affinity, enum affinity_why why)
{
    pthread_mutex_lock(&affinity->mutex);
    const uint64_t chosen = affinity->chosen[why];
    pthread_mutex_unlock(&affinity->mutex);
    return chosen;
}
