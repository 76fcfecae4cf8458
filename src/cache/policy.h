/* policy.h - which block goes when there is no room: lru, ttl or value.
 *
 *   lru    the one used longest ago
 *   ttl    the one whose time to live ends first; those without one before all, longest unused first
 *   value  the one with the least  rate of use x tokens saved / bytes,  the rate as learned (reuse.h)
 *
 * The policy keeps every item of one place (memory, disk, or lost but
 * remembered) in lists by class and age, oldest use first. It decides on what
 * it is told, in time that does not depend on the number of items: a victim is
 * found among the oldest of each list, and items grow older by moving from list
 * to list, once per half octave of age.
 *
 * An item whose chance of use is the lowest may have children in its place; a
 * block is never used without its parent, so the children are worth no more,
 * and the tree takes one of those instead.
 *
 * Items that a waiting request needs are victims only when nothing else is
 * left. Items in use are taken out (CACHE_NOWHERE) for as long as they are.
 *
 * Items are embedded in what the caller owns and stay at their address while
 * the policy knows them. Nothing but cache_policy_new allocates. One thread. */
#ifndef CACHE_POLICY_H
#define CACHE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/reuse.h"
#include "core/str.h"

enum cache_policy_kind { CACHE_POLICY_LRU, CACHE_POLICY_TTL, CACHE_POLICY_VALUE };
bool cache_policy_parse(struct str name, enum cache_policy_kind *kind); /* lru, ttl, value */

enum cache_place { CACHE_MEMORY, CACHE_DISK, CACHE_LOST, CACHE_PLACES, CACHE_NOWHERE = CACHE_PLACES };

/* Different times to live in one tree; class 0 is for blocks without one. */
#define CACHE_TTL_CLASSES 9u

struct cache_item {
    /* set by the owner, before cache_policy_use */
    uint64_t expires_us; /* with a ttl_class over 0 */
    uint64_t bytes;
    uint32_t tokens; /* that a use of this item saves */
    uint8_t ttl_class;

    /* the policy's */
    struct cache_item *previous, *next;
    uint64_t used_tick;
    double weight;
    float mean_distance;
    uint32_t uses_again;
    uint16_t class;
    uint8_t age;
    uint8_t place; /* enum cache_place: whose list it is in */
    bool is_known, is_wanted;
};

struct cache_policy;

struct cache_policy *cache_policy_new(enum cache_policy_kind kind); /* NULL: no memory */
void cache_policy_free(struct cache_policy *policy);

/* A request for `blocks` blocks begins; its uses follow. */
void cache_policy_request(struct cache_policy *policy, uint32_t blocks);

/* The request uses the item, for the first time or again; last blocks of a
 * prompt before first ones, so that parents are never older than children. */
void cache_policy_use(struct cache_policy *policy, struct cache_item *item, enum reuse_mark mark, uint32_t blocks);

void cache_policy_move(struct cache_policy *policy, struct cache_item *item, enum cache_place place);
void cache_policy_want(struct cache_policy *policy, struct cache_item *item, bool is_wanted);
void cache_policy_forget(struct cache_policy *policy, struct cache_item *item); /* it may be freed then */

/* The item of the place to go next; NULL: none that `accept` takes. `accept`
 * is asked about the oldest few of each list only. */
typedef bool (*cache_policy_accept)(void *ctx, const struct cache_item *item);
struct cache_item *cache_policy_victim(struct cache_policy *policy, enum cache_place place, cache_policy_accept accept,
                                       void *ctx);

#endif
