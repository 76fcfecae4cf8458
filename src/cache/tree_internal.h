/* tree_internal.h - what the files of the prefix tree share: tree.c (nodes,
 * scopes, lookup), tree_store.c (tiers, eviction, ghosts), ttl.c (times to live),
 * tree_path.c (pins, claims, waiters), tree_add.c (blocks found on disk),
 * tree_list.c (what is stored, for people). Nobody
 * else includes it. */
#ifndef CACHE_TREE_INTERNAL_H
#define CACHE_TREE_INTERNAL_H

#include "cache/run_set.h"
#include "cache/tree.h"

#define KEY_TOKENS 8u /* a key seen as a run of tokens, for ordered sets of scopes and tenants */

enum link_kind { LINK_AGE, LINK_TTL, LINK_KINDS };

struct node_list {
    struct prefix_node *first, *last;
};

struct node_link {
    struct prefix_node *previous, *next;
    struct node_list *list; /* NULL: in none */
};

/* States, by place:
 *   MEMORY, DISK  has a payload. Unpinned: in the tenant's list of the place and the policy's.
 *   LOST          has none: a ghost (item.is_known), claimed (owner), or only there for its children.
 *                 Spare, when nothing needs it: ghosts wait in tree->spare, others are freed.
 * Blocks, not snapshots: a child in memory has its parent in memory, one on disk has it in either tier. */
struct prefix_node {
    struct cache_item item; /* first: the policy's items are nodes */
    struct run_node order; /* among parent->children[place]; of a root, among tree->roots */
    struct prefix_node *parent;
    struct run_set children[CACHE_PLACES];
    struct node_link links[LINK_KINDS];
    struct prefix_tenant *tenant;
    struct prefix_path *owner; /* will commit it */
    struct prefix_waiter *waiters; /* a ring, first come first */
    uint64_t payload;
    uint64_t used_us;
    uint32_t end; /* tokens from the prompt's begin to this block's end */
    uint32_t count;
    uint32_t pins, wants; /* paths */
    uint8_t place;
    uint8_t lost; /* enum prefix_miss: why it has no payload any more */
    uint8_t key[PREFIX_KEY_LEN];
    int32_t tokens[];
};

struct prefix_tenant {
    struct run_node order;
    struct node_list lists[CACHE_LOST]; /* unpinned, longest unused first */
    struct prefix_tenant *previous, *next; /* in tree->over */
    bool is_over;                          /* more in memory than its floor, and something of it unpinned */
    uint64_t bytes[CACHE_LOST];
    uint64_t floor_bytes, ceiling_bytes;
    uint32_t roots;
    int32_t digest[KEY_TOKENS];
    char name[];
};

struct prefix_tree {
    struct prefix_options options;
    struct cache_policy *policy;
    struct run_set roots, tenants;
    struct prefix_tenant *over; /* a ring */
    struct node_list spare;     /* ghosts without children, longest lost first */
    struct node_list ttl_lists[CACHE_TTL_CLASSES]; /* next to expire first */
    uint32_t ttls[CACHE_TTL_CLASSES], ttl_count;   /* seconds; [0] is none */
    uint32_t tenant_count;
    uint64_t floor_bytes; /* of all tenants */
    uint64_t now_us;      /* the latest that was passed in: lists by time stay in order */
    struct prefix_stats stats;
    uint8_t *scratch; /* for hashing one block */
};

struct prefix_path {
    struct prefix_node *root;
    struct prefix_node **nodes; /* pinned or wanted; the first read_count are read */
    size_t count, cap;
    struct prefix_node **claims; /* to commit, from next_claim on */
    size_t claim_count, claim_cap, next_claim;
    uint32_t read_count;
    uint32_t hit_tokens;
    uint32_t block_count; /* of the whole prompt */
    bool is_want, is_used, is_snapshot;
};

/* A lookup's way down. */
struct walk {
    struct prefix_node *root; /* NULL: scope never seen */
    struct prefix_node *last; /* deepest whole block seen, in any place */
    struct prefix_node *hit;  /* last block to read, maybe in part; NULL: none */
};

/* --- tree.c --- */
void list_append(struct node_list *list, struct prefix_node *node, enum link_kind kind);
void list_prepend(struct node_list *list, struct prefix_node *node, enum link_kind kind);
void list_remove(struct prefix_node *node, enum link_kind kind); /* legal in none */
void scope_digest(const struct prefix_scope *scope, int32_t digest[KEY_TOKENS]);
struct prefix_tenant *tenant_find(const struct prefix_tree *tree, struct str name);
/* NULL: no memory, or too many. */
struct prefix_tenant *tenant_get(struct prefix_tree *tree, struct str name);
void tenant_free_if_unused(struct prefix_tree *tree, struct prefix_tenant *tenant);
struct prefix_node *root_get(struct prefix_tree *tree, const struct prefix_scope *scope);
struct prefix_node *node_child(const struct prefix_node *node, struct token_run run);
struct prefix_node *node_new(struct prefix_tree *tree, struct prefix_node *parent, struct token_run run);
void node_free(struct prefix_tree *tree, struct prefix_node *node);
void tree_walk(struct prefix_tree *tree, const struct prefix_query *query, struct walk *walk, struct prefix_hit *hit);

static inline struct prefix_node *node_of(struct run_node *order)
{
    return order ? (struct prefix_node *)((char *)order - offsetof(struct prefix_node, order)) : NULL;
}
static inline const struct prefix_node *node_of_const(const struct run_node *order)
{
    return order ? (const struct prefix_node *)((const char *)order - offsetof(struct prefix_node, order)) : NULL;
}
static inline bool node_is_stored(const struct prefix_node *node)
{
    return node->place != CACHE_LOST;
}

/* --- tree_store.c --- */
/* Puts the node into the lists that its state asks for. */
void node_settle(struct prefix_tree *tree, struct prefix_node *node);
/* Frees the node, and those above it, if nothing needs them. */
void node_trim(struct prefix_tree *tree, struct prefix_node *node);
void node_move(struct prefix_tree *tree, struct prefix_node *node, enum cache_place place);
/* Drops the payload; the node becomes a ghost. */
void node_lose(struct prefix_tree *tree, struct prefix_node *node, enum prefix_miss why);
/* Drops the payloads of a node that is not pinned, and of all below it on disk. */
void store_drop(struct prefix_tree *tree, struct prefix_node *node);
/* False: what is there is in use, or protected. is_new: the bytes are not yet the tenant's. */
bool store_make_room(struct prefix_tree *tree, struct prefix_tenant *tenant, uint64_t bytes, bool is_new);
/* For one more node: a ghost goes, or else a block. */
bool store_make_node_room(struct prefix_tree *tree);

/* --- ttl.c --- */
/* Fails when there are CACHE_TTL_CLASSES already. */
enum error_code ttl_class_of(struct prefix_tree *tree, uint32_t seconds, uint8_t *class,
                             struct error *error) WARN_UNUSED;
/* Starts the time to live anew, at least `ttl_class`. */
void node_renew(struct prefix_tree *tree, struct prefix_node *node, uint8_t ttl_class);
void node_expire(struct prefix_tree *tree, struct prefix_node *node);
/* Its time has ended, nobody worked that off yet, and then it will stay for its children, as one without a time to
 * live. Not for snapshots: they stay for nobody. */
bool node_outlives(const struct prefix_node *node, uint64_t now_us);

static inline bool node_is_fresh(const struct prefix_node *node, uint64_t now_us)
{
    return node->item.ttl_class == 0 || node->item.expires_us > now_us;
}

#endif
