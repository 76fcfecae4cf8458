/* tree_path.c - what a request does to the tree while it runs: it pins what it reads, claims what it will store, and
 * others wait for that. Also the birth and death of a tree. See tree.h for the calls in their order.
 *
 * Pins. A path pins each block that it reads and each that it claims, and the root of its scope. Since it begins at the
 * root and leaves out nothing, pins hold whole prefixes: where a block is pinned, all above it are. Eviction relies on
 * it: from an unpinned block it may walk down to any leaf without asking whether somebody holds it. (A snapshot stands
 * alone, and a path pins the one that it reads.) To pin the last block only and let children hold their parents would
 * save a loop per request, and make each eviction look below each candidate; there are far more of those.
 *
 * Claims. A claim is made before anything is computed: the block becomes a node without payload whose owner is the
 * path. That is how a second request for the same prompt finds out that it need not compute it. A path's claims are in
 * the order of the prompt, and are committed in that order; next_claim is the first that is not yet. A node has one
 * owner at most, and none when it has a payload.
 *
 *     root --- A --- B --- C --- D        request 1 has read A and B, and claims C and D
 *                           \
 *                            E            request 2 begins like it up to C, and claims E
 *
 * Who comes while C is claimed finds in the lookup that more of its prompt is pending than stored, and waits for C to
 * be committed. Request 2 did not wait, because it was admitted before request 1 had claimed, and computes C for
 * itself; but E may be stored only when C is, or what is stored would not be a prefix any more. So E is claimed and not
 * due, until request 1 commits C.
 *
 * Orphans. Request 1 may give up: it is cancelled, stands still, or its commit is refused for want of room. Then C is
 * neither stored nor owned, nobody will ever commit it, and E would never be due. Such a claim is an orphan
 * (prefix_path_is_orphan), and its path yields and claims again, with C. It is not given C in the moment when request 1
 * lets go, because the tree does not know who can: C's state is there only for a request whose sequence has passed it,
 * and which those are is known to the requests alone. Each asks when its prompt has been read a piece further.
 *
 * Waiters hold nothing: their path is closed, and opened again when they are woken. What they wait for stays, since it
 * is owned. They are woken first come first, so that the first becomes the new owner of what was given up and the
 * others wait for that one.
 *
 * Closing goes deepest first, and so does each loop that renews or lets go. Lists by age and by time to live are filled
 * at their end, so a child always stands before its parent: it is evicted before it and ends before it. The other way
 * about, the end of a block's time would find children that had their time still to come, and eviction by age would
 * meet parents first and have to search for leaves below them. A node without payload is freed when it is let go and
 * nothing hangs below it, which is also true only from below.*/
#include <assert.h>

#include "cache/tree_internal.h"
#include "core/mem.h"
#include "core/must.h"

/* --- the tree ----------------------------------------------------------------------------------------- */

enum error_code prefix_tree_new(const struct prefix_options *options, struct prefix_tree **tree, struct error *error)
{
    assert(options->backend.drop != NULL);
    assert(options->disk_bytes == 0 || (options->backend.to_disk != NULL && options->backend.to_memory != NULL));
    if (options->block_tokens == 0 || options->block_tokens > PREFIX_BLOCK_TOKENS_MAX)
        return error_set(error, ERROR_INVALID, "cache: blocks of %u tokens, expected 1 to %u", options->block_tokens,
                         PREFIX_BLOCK_TOKENS_MAX);
    struct prefix_tree *made = mem_calloc(1, sizeof(*made));
    if (made == NULL)
        return error_no_memory(error);
    made->options = *options;
    made->ttl_count = 1;
    made->policy = cache_policy_new(options->policy);
    made->scratch = mem_alloc(PREFIX_KEY_LEN + sizeof(uint32_t) + options->block_tokens * sizeof(int32_t));
    if (made->policy == NULL || made->scratch == NULL) {
        prefix_tree_free(made);
        return error_no_memory(error);
    }
    *tree = made;
    return OK;
}

/* Leaves first, so that each node goes before its parent. */
static void free_below(struct prefix_tree *tree, struct prefix_node *node)
{
    struct prefix_node *const top = node->parent;
    while (node != top) {
        struct run_node *child = NULL;
        for (uint32_t place = 0; child == NULL && place < CACHE_PLACES; place++)
            child = node->children[place].root;
        if (child != NULL) {
            node = node_of(child);
            continue;
        }
        struct prefix_node *parent = node->parent;
        if (node_is_stored(node)) {
            const struct prefix_backend *backend = &tree->options.backend;
            backend->drop(backend->ctx, (enum cache_place)node->place, node->item.bytes, node->payload);
            list_remove(node, LINK_TTL);
            node_move(tree, node, CACHE_LOST);
        }
        assert(node->pins == 0 && node->wants == 0 && node->owner == NULL);
        node_free(tree, node);
        node = parent;
    }
}

void prefix_tree_free(struct prefix_tree *tree)
{
    if (tree == NULL)
        return;
    while (tree->roots.root != NULL)
        free_below(tree, node_of(tree->roots.root));
    while (tree->tenants.root != NULL) {
        struct prefix_tenant *tenant =
            (struct prefix_tenant *)((char *)tree->tenants.root - offsetof(struct prefix_tenant, order));
        tenant->floor_bytes = tenant->ceiling_bytes = 0;
        tenant_free_if_unused(tree, tenant);
    }
    cache_policy_free(tree->policy);
    mem_free(tree->scratch);
    mem_free(tree);
}

void prefix_tree_stats(const struct prefix_tree *tree, struct prefix_stats *stats)
{
    *stats = tree->stats;
}

static uint32_t block_count_of(const struct prefix_tree *tree, uint32_t tokens)
{
    const uint32_t block = tree->options.block_tokens;
    return tokens > 0 ? (tokens - 1) / block + 1 : 1;
}

/* --- pins --------------------------------------------------------------------------------------------- */

static void hold(struct prefix_tree *tree, const struct prefix_path *path, struct prefix_node *node)
{
    if (path->is_want)
        node->wants++;
    else
        node->pins++;
    node_settle(tree, node);
}

static void let_go(struct prefix_tree *tree, const struct prefix_path *path, struct prefix_node *node)
{
    must(path->is_want ? node->wants > 0 : node->pins > 0, "a hold is let go once", LOG_I("wants", node->wants),
         LOG_I("pins", node->pins), LOG_I("end", node->end));
    if (path->is_want)
        node->wants--;
    else
        node->pins--;
    /* Its time to live ended meanwhile. */
    if (node_is_stored(node) && node->pins == 0 && node->item.ttl_class != 0 && node->links[LINK_TTL].list == NULL)
        node_expire(tree, node);
    else
        node_trim(tree, node);
}

static bool add_node(struct prefix_tree *tree, struct prefix_path *path, struct prefix_node *node)
{
    if (!mem_grow((void **)&path->nodes, path->count, &path->cap, sizeof(struct prefix_node *)))
        return false;
    path->nodes[path->count++] = node;
    hold(tree, path, node);
    return true;
}

static void path_free(struct prefix_path *path)
{
    mem_free(path->nodes);
    mem_free(path->claims);
    mem_free(path);
}

/* Collects the stored blocks from the front to walk->hit. */
static bool hold_hit(struct prefix_tree *tree, struct prefix_path *path, const struct walk *walk)
{
    size_t count = 0;
    for (const struct prefix_node *node = walk->hit; node != NULL && node != walk->root; node = node->parent)
        count += !tree->options.is_snapshot || node == walk->hit;
    path->nodes = mem_alloc(count * sizeof(*path->nodes));
    if (path->nodes == NULL)
        return false;
    path->cap = path->count = count;
    path->read_count = (uint32_t)count;
    for (struct prefix_node *node = walk->hit; count > 0; node = node->parent)
        path->nodes[--count] = node;
    for (size_t i = 0; i < path->count; i++)
        hold(tree, path, path->nodes[i]);
    return true;
}

static enum error_code open_path(struct prefix_tree *tree, const struct prefix_query *query, bool is_want,
                                 struct prefix_path **path, struct prefix_hit *hit, struct error *error)
{
    struct walk walk;
    tree_walk(tree, query, &walk, hit);
    struct prefix_path *made = mem_calloc(1, sizeof(*made));
    if (made == NULL)
        return error_no_memory(error);
    made->is_want = is_want;
    made->hit_tokens = hit->tokens;
    made->is_snapshot = tree->options.is_snapshot;
    made->block_count = block_count_of(tree, query->count);
    /* Taken now, so that a claim has a scope to put its blocks into. */
    made->root = walk.root != NULL ? walk.root : root_get(tree, &query->scope);
    if (made->root == NULL || !hold_hit(tree, made, &walk)) {
        if (made->root != NULL)
            node_trim(tree, made->root);
        path_free(made);
        return error_no_memory(error);
    }
    hold(tree, made, made->root);
    *path = made;
    return OK;
}

enum error_code prefix_tree_open(struct prefix_tree *tree, const struct prefix_query *query, struct prefix_path **path,
                                 struct prefix_hit *hit, struct error *error)
{
    return open_path(tree, query, false, path, hit, error);
}

enum error_code prefix_tree_want(struct prefix_tree *tree, const struct prefix_query *query, struct prefix_path **path,
                                 struct error *error)
{
    struct prefix_hit hit;
    return open_path(tree, query, true, path, &hit, error);
}

/* --- waiters ------------------------------------------------------------------------------------------ */

/* A ring from the first to come to the last, so that the first computes what another gave up. */
void prefix_tree_wait(struct prefix_tree *tree, const struct prefix_hit *hit, struct prefix_waiter *waiter)
{
    (void)tree;
    struct prefix_node *node = hit->pending;
    assert(node != NULL && node->owner != NULL);
    struct prefix_waiter *head = node->waiters ? node->waiters : waiter;
    waiter->node = node;
    waiter->next = head;
    waiter->previous = node->waiters ? head->previous : waiter;
    waiter->previous->next = waiter;
    head->previous = waiter;
    node->waiters = head;
}

static void remove_waiter(struct prefix_waiter *waiter)
{
    struct prefix_node *node = waiter->node;
    must(node->waiters != NULL && waiter->next != NULL, "a waiter is in its block's ring", LOG_I("end", node->end));
    if (node->waiters == waiter)
        node->waiters = waiter->next == waiter ? NULL : waiter->next;
    waiter->previous->next = waiter->next;
    waiter->next->previous = waiter->previous;
    waiter->node = NULL;
}

/* The block that it waits for is claimed, so it stays. */
void prefix_tree_unwait(struct prefix_tree *tree, struct prefix_waiter *waiter)
{
    (void)tree;
    if (waiter->node != NULL)
        remove_waiter(waiter);
}

static void wake_all(struct prefix_node *node, bool is_ready)
{
    while (node->waiters != NULL) {
        struct prefix_waiter *waiter = node->waiters;
        remove_waiter(waiter);
        waiter->wake(waiter, is_ready);
    }
}

/* --- reading ------------------------------------------------------------------------------------------ */

/* Reads no further than before path->nodes[index]. */
static void cut_hit(struct prefix_tree *tree, struct prefix_path *path, uint32_t index)
{
    for (size_t i = path->count; i > index; i--)
        let_go(tree, path, path->nodes[i - 1]);
    path->count = index;
    path->read_count = index;
    path->hit_tokens = index > 0 ? path->nodes[index - 1]->end : 0;
}

uint32_t prefix_tree_load(struct prefix_tree *tree, struct prefix_path *path)
{
    assert(!path->is_want && path->claim_count == 0);
    const struct prefix_backend *backend = &tree->options.backend;
    struct error error;
    for (uint32_t i = 0; i < path->read_count; i++) {
        struct prefix_node *node = path->nodes[i];
        if (node->place == CACHE_MEMORY)
            continue;
        const bool has_room = store_make_room(tree, node->tenant, node->item.bytes, false);
        if (has_room && backend->to_memory(backend->ctx, node->key, node->item.bytes, &node->payload, &error) == OK) {
            node_move(tree, node, CACHE_MEMORY);
            tree->stats.promoted++;
            continue;
        }
        cut_hit(tree, path, i);
        if (has_room && node->pins == 0)
            store_drop(tree, node); /* it can't be read: no use to anybody */
        break;
    }
    return path->hit_tokens;
}

uint32_t prefix_path_count(const struct prefix_path *path)
{
    return path->read_count;
}

struct prefix_block prefix_path_block(const struct prefix_path *path, uint32_t index)
{
    assert(index < path->read_count);
    const struct prefix_node *node = path->nodes[index];
    return (struct prefix_block){
        .payload = node->payload,
        .bytes = node->item.bytes,
        .key = node->key,
        .parent_key = path->is_snapshot ? path->root->key : node->parent->key,
        .begin = path->is_snapshot ? 0 : node->end - node->count,
        .end = node->end,
        .used_end = node->end < path->hit_tokens ? node->end : path->hit_tokens,
        .place = (enum cache_place)node->place,
        .ttl_s = node->item.ttl_class > 0 ? (uint32_t)((node->item.expires_us - node->used_us) / 1000000) : 0,
        .expires_us = node->item.expires_us,
    };
}

/* A checkpoint that the client declared has a time to live, implicit caching has none. */
static enum reuse_mark mark_of(const struct prefix_tree *tree, const struct prefix_path *path,
                               const struct prefix_node *node)
{
    if (node->item.ttl_class > 0)
        return REUSE_DECLARED;
    return node->end > (path->block_count - 1) * tree->options.block_tokens ? REUSE_TAIL : REUSE_INNER;
}

void prefix_tree_use(struct prefix_tree *tree, struct prefix_path *path, uint64_t now_us)
{
    assert(!path->is_want && !path->is_used);
    path->is_used = true;
    prefix_tree_expire(tree, now_us);
    cache_policy_request(tree->policy, path->block_count);
    for (uint32_t i = path->read_count; i-- > 0;) {
        struct prefix_node *node = path->nodes[i];
        cache_policy_use(tree->policy, &node->item, mark_of(tree, path, node), path->block_count);
        node_renew(tree, node, 0);
    }
}

/* --- storing ------------------------------------------------------------------------------------------ */

/* One call of prefix_tree_claim. */
struct claiming {
    struct prefix_tree *tree;
    struct prefix_path *path;
    const int32_t *tokens;
    const struct prefix_checkpoint *checkpoints;
    uint32_t checkpoint_count;
    bool is_failed; /* no memory */
};

/* The longest time that a checkpoint at or behind `end` asks for. */
static enum error_code ttl_at(const struct claiming *c, uint32_t end, uint8_t *class, struct error *error)
{
    uint32_t seconds = 0;
    for (uint32_t i = 0; i < c->checkpoint_count; i++) {
        const struct prefix_checkpoint *checkpoint = &c->checkpoints[i];
        if (checkpoint->position >= end && checkpoint->ttl_s > seconds)
            seconds = checkpoint->ttl_s;
    }
    return ttl_class_of(c->tree, seconds, class, error);
}

static bool is_checkpoint(const struct claiming *c, uint32_t end)
{
    for (uint32_t i = 0; i < c->checkpoint_count; i++) {
        if (c->checkpoints[i].position == end)
            return true;
    }
    return false;
}

static bool add_claim(struct claiming *c, struct prefix_node *node)
{
    struct prefix_path *path = c->path;
    must(node->owner == NULL && node->pins > 0, "a claim is on a block that nobody else computes, and pinned",
         LOG_I("end", node->end), LOG_I("pins", node->pins));
    if (!mem_grow((void **)&path->claims, path->claim_count, &path->claim_cap, sizeof(*path->claims)))
        return false;
    path->claims[path->claim_count++] = node;
    node->owner = path;
    return true;
}

/* Pins the child with these tokens, made if there is none, and claims it if it
 * is to be stored and nobody else computes it. NULL: go no further. */
static struct prefix_node *claim_child(struct claiming *c, struct prefix_node *parent, uint32_t count)
{
    const struct token_run run = {c->tokens + parent->end, count};
    struct prefix_node *child = node_child(parent, run);
    if (child != NULL && child->owner == NULL && node_is_stored(child) && !node_is_fresh(child, c->tree->now_us))
        return NULL;
    if (child == NULL) {
        child = node_new(c->tree, parent, run);
        if (child == NULL) {
            c->is_failed = c->tree->stats.nodes < c->tree->options.nodes_max;
            return NULL;
        }
    }
    if (!add_node(c->tree, c->path, child)) {
        node_trim(c->tree, child);
        c->is_failed = true;
        return NULL;
    }
    const bool is_wanted = !c->path->is_snapshot || is_checkpoint(c, child->end);
    if (is_wanted && !node_is_stored(child) && child->owner == NULL && !add_claim(c, child)) {
        c->is_failed = true;
        return NULL;
    }
    return child;
}

/* Down the whole blocks; checkpoints inside a block get a shorter one of their own. */
static void claim_all(struct claiming *c)
{
    const uint32_t block = c->tree->options.block_tokens;
    struct prefix_node *node = c->path->root;
    for (uint32_t i = 0; node != NULL && i < c->checkpoint_count;) {
        const uint32_t position = c->checkpoints[i].position;
        if (position <= node->end)
            i++;
        else if (position - node->end >= block)
            node = claim_child(c, node, block);
        else if (claim_child(c, node, position - node->end) != NULL || !c->is_failed)
            i++;
        else
            return;
    }
}

static void undo_claims(struct claiming *c, size_t nodes_before, size_t claims_before)
{
    struct prefix_path *path = c->path;
    for (; path->claim_count > claims_before; path->claim_count--)
        path->claims[path->claim_count - 1]->owner = NULL;
    for (; path->count > nodes_before; path->count--)
        let_go(c->tree, path, path->nodes[path->count - 1]);
}

/* Stored blocks that the claim went through: longer times to live, and a use, if it wasn't one already. */
static enum error_code renew_claimed(struct claiming *c, size_t nodes_before, struct error *error)
{
    struct prefix_path *path = c->path;
    for (size_t i = path->count; i-- > nodes_before;) {
        struct prefix_node *node = path->nodes[i];
        uint8_t class = 0;
        const enum error_code code = ttl_at(c, node->end, &class, error);
        if (code != OK)
            return code;
        if (!node_is_stored(node)) {
            if (node->owner == path && c->tree->ttls[class] > c->tree->ttls[node->item.ttl_class])
                node->item.ttl_class = class;
            continue;
        }
        node_renew(c->tree, node, class);
        const uint32_t index = (node->end - 1) / c->tree->options.block_tokens;
        if (index >= path->read_count || path->nodes[index] != node)
            cache_policy_use(c->tree->policy, &node->item, mark_of(c->tree, path, node), path->block_count);
    }
    return OK;
}

enum error_code prefix_tree_claim(struct prefix_tree *tree, struct prefix_path *path, const int32_t *tokens,
                                  uint32_t count, const struct prefix_checkpoint *checkpoints,
                                  uint32_t checkpoint_count, uint64_t now_us, struct error *error)
{
    assert(path->is_used);
    for (uint32_t i = 0; i < checkpoint_count; i++) {
        assert(checkpoints[i].position <= count && (i == 0 || checkpoints[i].position > checkpoints[i - 1].position));
    }
    struct claiming c = {tree, path, tokens, checkpoints, checkpoint_count, false};
    const size_t nodes_before = path->count, claims_before = path->claim_count;
    prefix_tree_expire(tree, now_us);
    path->block_count = block_count_of(tree, count);
    claim_all(&c);
    if (c.is_failed) {
        undo_claims(&c, nodes_before, claims_before);
        return error_no_memory(error);
    }
    const enum error_code code = renew_claimed(&c, nodes_before, error);
    if (code != OK)
        undo_claims(&c, nodes_before, claims_before);
    return code;
}

/* The next to commit, if there is one and what is above it is stored: that may be another request's to compute. */
static const struct prefix_node *next_due(const struct prefix_path *path)
{
    if (path->next_claim >= path->claim_count)
        return NULL;
    const struct prefix_node *node = path->claims[path->next_claim];
    return path->is_snapshot || node->parent == path->root || node_is_stored(node->parent) ? node : NULL;
}

bool prefix_path_is_orphan(const struct prefix_path *path)
{
    if (path->next_claim >= path->claim_count || next_due(path) != NULL)
        return false;
    const struct prefix_node *above = path->claims[path->next_claim]->parent;
    while (above != path->root && !node_is_stored(above) && above->owner != NULL)
        above = above->parent;
    return above != path->root && !node_is_stored(above);
}

bool prefix_path_next_claim(const struct prefix_path *path, uint32_t *begin, uint32_t *end)
{
    const struct prefix_node *node = next_due(path);
    if (node == NULL)
        return false;
    *begin = path->is_snapshot ? 0 : node->end - node->count;
    *end = node->end;
    return true;
}

bool prefix_path_claim(const struct prefix_tree *tree, const struct prefix_path *path, struct prefix_block *block)
{
    const struct prefix_node *node = next_due(path);
    if (node == NULL)
        return false;
    *block = (struct prefix_block){
        .key = node->key,
        .parent_key = path->is_snapshot ? path->root->key : node->parent->key,
        .begin = path->is_snapshot ? 0 : node->end - node->count,
        .end = node->end,
        .used_end = node->end,
        .place = CACHE_LOST,
        .ttl_s = tree->ttls[node->item.ttl_class],
    };
    return true;
}

/* Others may compute what is left of the claims. The nodes are pinned, so they stay until the path is closed. */
static void abandon_claims(struct prefix_path *path)
{
    for (; path->next_claim < path->claim_count; path->next_claim++) {
        struct prefix_node *node = path->claims[path->next_claim];
        must(node->owner == path, "a claim has one owner until it is committed or given up", LOG_I("end", node->end));
        node->owner = NULL;
        wake_all(node, false);
    }
}

void prefix_tree_yield(struct prefix_tree *tree, struct prefix_path *path)
{
    (void)tree;
    abandon_claims(path);
}

/* The tokens that are computed again if this payload is not there. */
static uint32_t tokens_saved(const struct prefix_path *path, const struct prefix_node *node)
{
    const struct prefix_node *above = node->parent;
    while (path->is_snapshot && above != path->root && !node_is_stored(above))
        above = above->parent;
    return node->end - above->end;
}

bool prefix_tree_commit(struct prefix_tree *tree, struct prefix_path *path, uint64_t payload, uint64_t bytes,
                        uint64_t now_us)
{
    const struct prefix_backend *backend = &tree->options.backend;
    if (path->next_claim >= path->claim_count) { /* refused before */
        backend->drop(backend->ctx, CACHE_MEMORY, bytes, payload);
        return false;
    }
    assert(next_due(path) != NULL);
    struct prefix_node *node = path->claims[path->next_claim++];
    must(node->owner == path && !node_is_stored(node), "what is committed was claimed by this path and is not stored",
         LOG_I("end", node->end), LOG_I("place", node->place), LOG_B("owned", node->owner != NULL));
    prefix_tree_expire(tree, now_us);
    node->owner = NULL;
    node->used_us = tree->now_us;
    tree->stats.blocks[CACHE_LOST] += !node->item.is_known;
    cache_policy_use(tree->policy, &node->item, mark_of(tree, path, node), path->block_count);
    if (!store_make_room(tree, node->tenant, bytes, true)) {
        backend->drop(backend->ctx, CACHE_MEMORY, bytes, payload);
        tree->stats.refused++;
        node->item.ttl_class = 0;
        node->lost = PREFIX_EVICTED;
        node_settle(tree, node);
        wake_all(node, false);
        abandon_claims(path);
        return false;
    }
    node->payload = payload;
    node->item.bytes = bytes;
    node->item.tokens = tokens_saved(path, node);
    node->lost = PREFIX_NO_MISS;
    node_move(tree, node, CACHE_MEMORY);
    node_renew(tree, node, 0);
    tree->stats.stored++;
    wake_all(node, true);
    return true;
}

/* A use lasts until here. Deepest first, so that no list has a parent before its children. */
void prefix_tree_close(struct prefix_tree *tree, struct prefix_path *path)
{
    if (path == NULL)
        return;
    abandon_claims(path);
    for (; path->count > 0; path->count--) {
        struct prefix_node *node = path->nodes[path->count - 1];
        if (path->is_used && node_is_stored(node))
            node_renew(tree, node, 0);
        let_go(tree, path, node);
    }
    let_go(tree, path, path->root);
    path_free(path);
}
