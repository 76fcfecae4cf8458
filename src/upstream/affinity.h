/* affinity.h - which replica of a pool gets a request, so that it finds its
 * prompt's beginning in that one's cache and no replica has much more to do than
 * the others.
 *
 *   key     rendezvous hashing: each replica weighs the request's key by its own
 *           name, the heaviest has it. One that leaves or joins moves the keys that
 *           were or become its own, no others.
 *   bound   a replica is passed over that has `bound` times as many requests as the
 *           mean, both now and counting those it was given lately (what came counts
 *           less and less over AFFINITY_RECENT_S). Now alone would part conversations
 *           at each small burst, lately alone would spread the only one there is; and
 *           below AFFINITY_FEW requests nobody has too many.
 *   known   where replicas have seen at least half of the prompt's blocks, they go
 *           before the key's, and may have a fifth more.
 *   full    one that says so itself (its queue, its KV cache) is passed over while
 *           others are not.
 *
 * Nothing is shared between servers, and nothing has to be: the key decides alike in
 * all of them. It is time that the caller gives, and no request is sent here. Any
 * thread; a mutex is held for some microseconds. */
#ifndef UPSTREAM_AFFINITY_H
#define UPSTREAM_AFFINITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/str.h"

#define AFFINITY_REPLICAS_MAX 64
#define AFFINITY_BOUND 1.25 /* usual */
#define AFFINITY_RECENT_S 30.0
#define AFFINITY_FEW 2.0

/* What a request says of its prompt (prefix.h). Of another tenant or model all of it is different. */
struct affinity_prefix {
    uint64_t key;           /* of its conversation, or of what its prompt begins with */
    const uint64_t *blocks; /* hashes, each of a block of the prompt and all before it */
    size_t count;
};

/* A replica when a request comes. */
struct affinity_replica {
    uint64_t id;     /* of its name: stays when others come and go */
    bool is_out;     /* is not to be asked now */
    double load;     /* requests that it has */
    double waiting;  /* of them those that wait for their turn there; below 0: not known */
    double kv_use;   /* of its KV cache, 0 to 1; below 0: not known */
};

enum affinity_why {
    AFFINITY_KEY,     /* the key's own */
    AFFINITY_KNOWN,   /* another, which has seen the prompt */
    AFFINITY_SPILLED, /* the next one: the key's own has too much to do */
    AFFINITY_MOVED,   /* likewise: it is not to be asked */
    AFFINITY_WHYS
};
extern const char *const affinity_why_names[AFFINITY_WHYS];

struct affinity;

/* `blocks_max`: hashes that are remembered. NULL: no memory. */
struct affinity *affinity_new(double bound, size_t blocks_max);
void affinity_free(struct affinity *affinity); /* NULL is legal */

/* The number of the replica that gets the request, and has it from now on as far as `lately` goes; SIZE_MAX: all are
 * out. `replicas` are the same at each call, in the same order. prefix NULL: the one with the least load. */
size_t affinity_choose(struct affinity *affinity, uint64_t now_us, const struct affinity_prefix *prefix,
                       const struct affinity_replica *replicas, size_t count, enum affinity_why *why);

/* Which replica a key has where nothing else counts; SIZE_MAX: all are out. */
size_t affinity_owner(uint64_t key, const struct affinity_replica *replicas, size_t count);

uint64_t affinity_chosen(struct affinity *affinity, enum affinity_why why); /* so often */

#endif
