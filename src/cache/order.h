/* order.h - an ordered set of runs of tokens: the children of one block.
 *
 * A treap (Seidel and Aragon, 1996): a search tree by tokens that is a heap by
 * a priority which the owner draws from a hash, so its depth is O(log n) for
 * any order of insertion. Ordered, because the neighbours of a run are the
 * runs that share the longest prefix with it: that is how a lookup finds where
 * a prompt has changed without comparing it with every child.
 *
 * Runs compare token by token; of two where one begins the other, the shorter
 * comes first. Nodes are embedded in what the owner allocates; nothing here
 * allocates or fails. One thread at a time. */
#ifndef CACHE_ORDER_H
#define CACHE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

struct order_run {
    const int32_t *tokens; /* borrowed for as long as the node is in a set */
    uint32_t count;
};

struct order_node {
    struct order_node *left, *right;
    struct order_run run; /* of the owner's making, not changed while in a set */
    uint32_t priority;
};

struct order { /* zero is empty */
    struct order_node *root;
};

void order_insert(struct order *order, struct order_node *node); /* its run is not in the set */
void order_remove(struct order *order, struct order_node *node); /* it is in the set */

struct order_node *order_find(const struct order *order, struct order_run run); /* NULL: not there */

/* Of the runs in the set the one that shares the longest prefix with `run`, and
 * how many tokens that is. NULL and 0 for an empty set. */
struct order_node *order_nearest(const struct order *order, struct order_run run, uint32_t *shared);

/* The same of those that `accept` takes; it looks at `looks` runs at most. */
typedef bool (*order_accept)(const void *ctx, const struct order_node *node);
struct order_node *order_nearest_of(const struct order *order, struct order_run run, order_accept accept,
                                    const void *ctx, uint32_t looks, uint32_t *shared);

/* The longest run of the set that is a prefix of `run`, itself included. NULL: none. */
struct order_node *order_longest_prefix(const struct order *order, struct order_run run);

uint32_t order_shared(struct order_run a, struct order_run b); /* tokens before the first difference */

#endif
