/* tree_list.c - what is stored, for people: the largest pieces of prompts and whose they are. See tree.h. */
#include <assert.h>
#include <stdio.h>

#include "cache/tree_internal.h"
#include "core/mem.h"

#define PENDING_MAX 4096u /* nodes that wait to be looked at */

struct listing {
    const struct prefix_tree *tree;
    const struct prefix_tenant *tenant; /* NULL: of all */
    uint64_t now_us;
    uint32_t looks; /* at nodes, that are left */
    struct run_node *pending[PENDING_MAX];
    uint32_t pending_count;
    struct prefix_kept *kept; /* a heap, the smallest first */
    uint32_t count, max;
    bool is_partial;
};

/* --- the largest ------------------------------------------------------------------------------------ */

static void swap(struct prefix_kept *a, struct prefix_kept *b)
{
    const struct prefix_kept kept = *a;
    *a = *b;
    *b = kept;
}

static void sink(struct prefix_kept *kept, uint32_t count, uint32_t at)
{
    for (;;) {
        uint32_t least = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++)
            least = kept[child].bytes < kept[least].bytes ? child : least;
        if (least == at)
            return;
        swap(&kept[at], &kept[least]);
        at = least;
    }
}

static void rise(struct prefix_kept *kept, uint32_t at)
{
    while (at > 0 && kept[at].bytes < kept[(at - 1) / 2].bytes) {
        swap(&kept[at], &kept[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static void keep(struct listing *listing, const struct prefix_kept *found)
{
    if (listing->count < listing->max) {
        listing->kept[listing->count] = *found;
        rise(listing->kept, listing->count++);
    } else if (listing->count > 0 && found->bytes > listing->kept[0].bytes) {
        listing->kept[0] = *found;
        sink(listing->kept, listing->count, 0);
    }
}

/* --- the walk --------------------------------------------------------------------------------------- */

static void push(struct listing *listing, struct run_node *at)
{
    if (at == NULL)
        return;
    if (listing->pending_count < PENDING_MAX)
        listing->pending[listing->pending_count++] = at;
    else
        listing->is_partial = true;
}

/* Blocks without payload have none below them that do, but in a tree of snapshots. */
static void push_children(struct listing *listing, const struct prefix_node *node)
{
    for (uint32_t place = 0; place < CACHE_PLACES; place++)
        if (place != CACHE_LOST || listing->tree->options.is_snapshot || node->parent == NULL)
            push(listing, node->children[place].root);
}

/* The one block that is stored below, if it is in the same tier; NULL: there are others, or none. */
static const struct prefix_node *only_child(const struct prefix_node *node)
{
    const struct run_node *memory = node->children[CACHE_MEMORY].root, *disk = node->children[CACHE_DISK].root;
    const struct run_node *child = node->place == CACHE_MEMORY ? memory : disk;
    const bool is_only = child != NULL && (memory == NULL || disk == NULL) && !child->left && !child->right;
    return is_only ? node_of_const(child) : NULL;
}

static uint32_t seconds_until(uint64_t us, uint64_t now_us)
{
    const uint64_t seconds = us > now_us ? (us - now_us) / 1000000 : 0;
    return seconds < PREFIX_NEVER ? (uint32_t)seconds : PREFIX_NEVER - 1;
}

static void add_block(struct prefix_kept *kept, const struct prefix_node *node, uint64_t *used_us)
{
    kept->tokens = node->end;
    kept->own_tokens += node->count;
    kept->bytes += node->item.bytes;
    *used_us = node->used_us > *used_us ? node->used_us : *used_us;
}

/* From the first block of a piece to its last, below which the walk goes on. The last one ends first, and the first one
 * was used by all that used any. */
static const struct prefix_node *add_piece(struct listing *listing, const struct prefix_node *node)
{
    struct prefix_kept kept = {.place = (enum cache_place)node->place, .hits = node->item.uses_again};
    const struct prefix_node *next = node;
    uint64_t used_us = 0;
    (void)snprintf(kept.tenant, sizeof(kept.tenant), "%s", node->tenant->name);
    do {
        node = next;
        add_block(&kept, node, &used_us);
        next = listing->tree->options.is_snapshot || listing->looks == 0 ? NULL : only_child(node);
        listing->looks -= next != NULL;
    } while (next != NULL);
    if (listing->tree->options.is_snapshot)
        kept.own_tokens = node->end;
    kept.expires_s = node->item.ttl_class ? seconds_until(node->item.expires_us, listing->now_us) : PREFIX_NEVER;
    kept.idle_s = seconds_until(listing->now_us, used_us);
    keep(listing, &kept);
    return node;
}

static void walk(struct listing *listing)
{
    while (listing->pending_count > 0 && listing->looks > 0) {
        const struct run_node *at = listing->pending[--listing->pending_count];
        const struct prefix_node *node = node_of_const(at);
        listing->looks--;
        push(listing, at->left);
        push(listing, at->right);
        if (listing->tenant != NULL && node->tenant != listing->tenant)
            continue;
        push_children(listing, node_is_stored(node) ? add_piece(listing, node) : node);
    }
    listing->is_partial = listing->is_partial || listing->pending_count > 0;
}

uint32_t prefix_tree_list(const struct prefix_tree *tree, struct str tenant, uint64_t now_us, struct prefix_kept kept[],
                          uint32_t max, bool *is_partial)
{
    struct listing *listing = mem_calloc(1, sizeof(*listing));
    *is_partial = listing == NULL;
    if (listing == NULL)
        return 0;
    *listing = (struct listing){.tree = tree, .now_us = now_us, .looks = PREFIX_LIST_LOOKS, .kept = kept, .max = max};
    listing->tenant = tenant.data ? tenant_find(tree, tenant) : NULL;
    if (!tenant.data || listing->tenant != NULL)
        push(listing, tree->roots.root);
    walk(listing);
    const uint32_t count = listing->count;
    *is_partial = listing->is_partial;
    mem_free(listing);
    for (uint32_t left = count; left > 1;) { /* a heap, sorted: the largest comes to stand first */
        swap(&kept[0], &kept[--left]);
        sink(kept, left, 0);
    }
    return count;
}

/* --- tenants ---------------------------------------------------------------------------------------- */

static void put_share(const struct prefix_tenant *tenant, struct prefix_share *share)
{
    (void)snprintf(share->tenant, sizeof(share->tenant), "%s", tenant->name);
    for (int place = 0; place < CACHE_LOST; place++)
        share->bytes[place] = tenant->bytes[place];
}

/* A treap is as deep as a logarithm of what it holds. */
static uint32_t put_shares(const struct run_node *at, struct prefix_share shares[], uint32_t count, uint32_t max)
{
    if (at == NULL || count == max)
        return count;
    const struct prefix_tenant *tenant =
        (const struct prefix_tenant *)((const char *)at - offsetof(struct prefix_tenant, order));
    if (tenant->bytes[CACHE_MEMORY] > 0 || tenant->bytes[CACHE_DISK] > 0)
        put_share(tenant, &shares[count++]);
    return put_shares(at->right, shares, put_shares(at->left, shares, count, max), max);
}

uint32_t prefix_tree_shares(const struct prefix_tree *tree, struct str tenant, struct prefix_share shares[],
                            uint32_t max)
{
    if (!tenant.data)
        return put_shares(tree->tenants.root, shares, 0, max);
    const struct prefix_tenant *found = max > 0 ? tenant_find(tree, tenant) : NULL;
    if (found != NULL)
        put_share(found, &shares[0]);
    return found != NULL;
}
