/* run_set.h - an ordered set of runs of tokens: the children of one block.
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
#ifndef CACHE_RUN_SET_H
#define CACHE_RUN_SET_H

#include <stdbool.h>
#include <stdint.h>

struct token_run {
    const int32_t *tokens; /* borrowed for as long as the node is in a set */
    uint32_t count;
};

struct run_node {
    struct run_node *left, *right;
    struct token_run run; /* of the owner's making, not changed while in a set */
    uint32_t priority;
};

struct run_set { /* zero is empty */
    struct run_node *root;
};

void run_set_insert(struct run_set *set, struct run_node *node); /* its run is not in the set */
void run_set_remove(struct run_set *set, struct run_node *node); /* it is in the set */

struct run_node *run_set_find(const struct run_set *set, struct token_run run); /* NULL: not there */

/* Of the runs in the set the one that shares the longest prefix with `run`, and
 * how many tokens that is. NULL and 0 for an empty set. */
struct run_node *run_set_nearest(const struct run_set *set, struct token_run run, uint32_t *shared);

/* The same of those that `accept` takes; it looks at `looks` runs at most. */
typedef bool (*run_accept)(const void *ctx, const struct run_node *node);
struct run_node *run_set_nearest_of(const struct run_set *set, struct token_run run, run_accept accept,
                                    const void *ctx, uint32_t looks, uint32_t *shared);

/* The longest run of the set that is a prefix of `run`, itself included. NULL: none. */
struct run_node *run_set_longest_prefix(const struct run_set *set, struct token_run run);

uint32_t token_run_shared(struct token_run a, struct token_run b); /* tokens before the first difference */

#endif
