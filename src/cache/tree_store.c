/* tree_store.c - which tier a block is in, who is evicted, what stays of it as a ghost. See tree.h; times to live are
 * in ttl.c, and in which order the policy would have blocks go in policy.c. */
#include <assert.h>

#include "cache/tree_internal.h"

#include "core/must.h"

/* --- which list a node is in -------------------------------------------------------------------------- */

static bool has_children(const struct prefix_node *node)
{
    return node->children[CACHE_MEMORY].root || node->children[CACHE_DISK].root || node->children[CACHE_LOST].root;
}

static bool is_spare(const struct prefix_node *node)
{
    return !node_is_stored(node) && node->pins == 0 && node->wants == 0 && node->owner == NULL &&
           node->waiters == NULL && !has_children(node);
}

/* Tenants over their floor, for the case that the policy finds no victim among its oldest. */
static void settle_tenant(struct prefix_tree *tree, struct prefix_tenant *tenant)
{
    const bool is_over = tenant->bytes[CACHE_MEMORY] > tenant->floor_bytes && tenant->lists[CACHE_MEMORY].first;
    if (is_over == tenant->is_over)
        return;
    tenant->is_over = is_over;
    if (is_over) {
        struct prefix_tenant *head = tree->over ? tree->over : tenant;
        tenant->next = head;
        tenant->previous = tree->over ? head->previous : tenant;
        tenant->previous->next = tenant;
        head->previous = tenant;
        tree->over = head;
    } else {
        if (tree->over == tenant)
            tree->over = tenant->next == tenant ? NULL : tenant->next;
        tenant->previous->next = tenant->next;
        tenant->next->previous = tenant->previous;
    }
}

void node_settle(struct prefix_tree *tree, struct prefix_node *node)
{
    struct node_list *list = NULL;
    enum cache_place place = CACHE_NOWHERE;
    if (node_is_stored(node) && node->pins == 0) {
        list = &node->tenant->lists[node->place];
        place = (enum cache_place)node->place;
    } else if (!node_is_stored(node) && node->item.is_known) {
        list = is_spare(node) ? &tree->spare : NULL;
        place = CACHE_LOST;
    }
    if (node->links[LINK_AGE].list != list) {
        list_remove(node, LINK_AGE);
        if (list != NULL)
            list_append(list, node, LINK_AGE);
    }
    if (node->item.is_known) {
        cache_policy_want(tree->policy, &node->item, node->wants > 0);
        if (node->item.place != place)
            cache_policy_move(tree->policy, &node->item, place);
    }
    settle_tenant(tree, node->tenant);
}

/* Frees what is not needed from the node upwards. A ghost that has just lost its
 * last child was unused for as long, so it is the next to be forgotten. */
static void trim(struct prefix_tree *tree, struct prefix_node *node, bool lost_child)
{
    while (node != NULL && is_spare(node)) {
        struct prefix_node *parent = node->parent;
        if (node->item.is_known) {
            node_settle(tree, node);
            if (lost_child) {
                list_remove(node, LINK_AGE);
                list_prepend(&tree->spare, node, LINK_AGE);
            }
            return;
        }
        node_free(tree, node);
        node = parent;
        lost_child = true;
    }
    if (node != NULL)
        node_settle(tree, node);
}

static void forget_ghost(struct prefix_tree *tree)
{
    struct prefix_node *ghost = tree->spare.first, *parent = ghost->parent;
    tree->stats.blocks[CACHE_LOST]--;
    node_free(tree, ghost);
    trim(tree, parent, true);
}

void node_trim(struct prefix_tree *tree, struct prefix_node *node)
{
    trim(tree, node, false);
    while (tree->stats.blocks[CACHE_LOST] > tree->options.ghosts_max && tree->spare.first != NULL)
        forget_ghost(tree);
}

/* --- places ------------------------------------------------------------------------------------------- */

static void count_node(struct prefix_tree *tree, struct prefix_node *node, bool is_more)
{
    const uint64_t sign = is_more ? 1 : UINT64_MAX; /* adding UINT64_MAX takes one away */
    if (!node_is_stored(node)) {
        tree->stats.blocks[CACHE_LOST] += node->item.is_known ? sign : 0;
        return;
    }
    must(is_more || (tree->stats.bytes[node->place] >= node->item.bytes &&
                     node->tenant->bytes[node->place] >= node->item.bytes),
         "bytes of a block are counted once", LOG_I("place", node->place), LOG_I("bytes", node->item.bytes),
         LOG_I("tier", tree->stats.bytes[node->place]), LOG_I("tenant", node->tenant->bytes[node->place]));
    tree->stats.blocks[node->place] += sign;
    tree->stats.bytes[node->place] += sign * node->item.bytes;
    tree->stats.tokens[node->place] += sign * node->item.tokens;
    node->tenant->bytes[node->place] += sign * node->item.bytes;
}

void node_move(struct prefix_tree *tree, struct prefix_node *node, enum cache_place place)
{
    must(node->parent != NULL && node->place != place && place < CACHE_PLACES,
         "a block moves from one place to another, and roots never", LOG_I("from", node->place), LOG_I("to", place));
    count_node(tree, node, false);
    run_set_remove(&node->parent->children[node->place], &node->order);
    node->place = (uint8_t)place;
    run_set_insert(&node->parent->children[place], &node->order);
    count_node(tree, node, true);
    node_settle(tree, node);
}

/* A ghost may have become known by an attempt to store it. */
void node_lose(struct prefix_tree *tree, struct prefix_node *node, enum prefix_miss why)
{
    if (node_is_stored(node)) {
        const struct prefix_backend *backend = &tree->options.backend;
        backend->drop(backend->ctx, (enum cache_place)node->place, node->item.bytes, node->payload);
        must(node->pins == 0, "what is pinned stays", LOG_I("pins", node->pins), LOG_I("end", node->end),
             LOG_I("why", why));
        list_remove(node, LINK_TTL);
        node->item.ttl_class = 0;
        if (why == PREFIX_EXPIRED)
            tree->stats.expired++;
        else
            tree->stats.evicted++;
        node_move(tree, node, CACHE_LOST);
    }
    node->lost = (uint8_t)why;
    node_trim(tree, node);
}

/* --- eviction ----------------------------------------------------------------------------------------- */

/* A leaf of the node's place at or below it. Nothing below is pinned, as pins hold whole prefixes. */
static struct prefix_node *leaf_below(const struct prefix_tree *tree, struct prefix_node *node)
{
    const enum cache_place place = (enum cache_place)node->place;
    while (!tree->options.is_snapshot && node->children[place].root != NULL)
        node = node_of(node->children[place].root);
    must(node->pins == 0, "pins hold whole prefixes", LOG_I("pins", node->pins), LOG_I("end", node->end),
         LOG_I("place", place));
    return node;
}

void store_drop(struct prefix_tree *tree, struct prefix_node *node)
{
    for (;;) {
        struct prefix_node *lowest = node;
        while (!tree->options.is_snapshot && lowest->children[CACHE_DISK].root != NULL)
            lowest = node_of(lowest->children[CACHE_DISK].root);
        const bool is_last = lowest == node;
        node_lose(tree, lowest, PREFIX_EVICTED);
        if (is_last)
            return;
    }
}

static bool accept_any(void *ctx, const struct cache_item *item)
{
    (void)ctx;
    (void)item;
    return true;
}

/* ctx: the tenant that needs room; it may always take from itself. */
static bool accept_over_floor(void *ctx, const struct cache_item *item)
{
    const struct prefix_tenant *tenant = ((const struct prefix_node *)item)->tenant;
    return tenant == ctx || tenant->bytes[CACHE_MEMORY] > tenant->floor_bytes;
}

static struct prefix_node *memory_victim(struct prefix_tree *tree, struct prefix_tenant *tenant)
{
    struct cache_item *item = cache_policy_victim(tree->policy, CACHE_MEMORY, accept_over_floor, tenant);
    struct prefix_node *node = (struct prefix_node *)item;
    if (node == NULL && tree->over != NULL) { /* the oldest of each list are protected: in turn, then */
        node = tree->over->lists[CACHE_MEMORY].first;
        tree->over = tree->over->next;
    } else if (node == NULL) {
        node = tenant->lists[CACHE_MEMORY].first;
    }
    return node ? leaf_below(tree, node) : NULL;
}

static bool make_disk_room(struct prefix_tree *tree, uint64_t bytes)
{
    if (bytes > tree->options.disk_bytes)
        return false;
    while (tree->stats.bytes[CACHE_DISK] > tree->options.disk_bytes - bytes) {
        struct cache_item *item = cache_policy_victim(tree->policy, CACHE_DISK, accept_any, NULL);
        if (item == NULL)
            return false;
        node_lose(tree, leaf_below(tree, (struct prefix_node *)item), PREFIX_EVICTED);
    }
    return true;
}

/* From memory to disk, or out. */
static void evict(struct prefix_tree *tree, struct prefix_node *node)
{
    const struct prefix_backend *backend = &tree->options.backend;
    struct error error;
    /* Making room must not free the node: it is stored, so it is not spare. */
    if (make_disk_room(tree, node->item.bytes) &&
        backend->to_disk(backend->ctx, node->key, node->item.bytes, &node->payload, &error) == OK) {
        node_move(tree, node, CACHE_DISK);
        tree->stats.demoted++;
        return;
    }
    store_drop(tree, node);
}

/* Below the tenant's ceiling, by its own blocks that are longest unused. */
static bool make_room_of_tenant(struct prefix_tree *tree, struct prefix_tenant *tenant, uint64_t bytes)
{
    const uint64_t ceiling = tenant->ceiling_bytes;
    if (ceiling == 0)
        return true;
    if (bytes > ceiling)
        return false;
    while (tenant->bytes[CACHE_MEMORY] + tenant->bytes[CACHE_DISK] > ceiling - bytes) {
        struct prefix_node *node = tenant->lists[CACHE_DISK].first;
        if (node == NULL)
            node = tenant->lists[CACHE_MEMORY].first;
        if (node == NULL)
            return false;
        store_drop(tree, leaf_below(tree, node));
    }
    return true;
}

bool store_make_room(struct prefix_tree *tree, struct prefix_tenant *tenant, uint64_t bytes, bool is_new)
{
    if (bytes > tree->options.memory_bytes || (is_new && !make_room_of_tenant(tree, tenant, bytes)))
        return false;
    while (tree->stats.bytes[CACHE_MEMORY] > tree->options.memory_bytes - bytes) {
        struct prefix_node *node = memory_victim(tree, tenant);
        if (node == NULL)
            return false;
        evict(tree, node);
    }
    return true;
}

bool store_make_node_room(struct prefix_tree *tree)
{
    while (tree->stats.nodes >= tree->options.nodes_max) {
        if (tree->spare.first != NULL) {
            forget_ghost(tree);
            continue;
        }
        struct cache_item *item = cache_policy_victim(tree->policy, CACHE_DISK, accept_any, NULL);
        if (item == NULL)
            item = cache_policy_victim(tree->policy, CACHE_MEMORY, accept_any, NULL);
        if (item == NULL)
            return false;
        store_drop(tree, leaf_below(tree, (struct prefix_node *)item));
    }
    return true;
}
