/* tree.c - nodes, scopes, lookup. See tree.h. */
#include "cache/tree.h"

#include <assert.h>
#include <string.h>

#include "cache/tree_internal.h"
#include "core/mem.h"
#include "core/must.h"
#include "core/util.h"

#define SIBLINGS_MAX 256u /* blocks that are looked at for one that begins like the rest of a prompt */

/* --- lists ------------------------------------------------------------------------------------------ */

void list_append(struct node_list *list, struct prefix_node *node, enum link_kind kind)
{
    struct node_link *link = &node->links[kind];
    *link = (struct node_link){.previous = list->last, .list = list};
    if (list->last != NULL)
        list->last->links[kind].next = node;
    else
        list->first = node;
    list->last = node;
}

void list_prepend(struct node_list *list, struct prefix_node *node, enum link_kind kind)
{
    struct node_link *link = &node->links[kind];
    *link = (struct node_link){.next = list->first, .list = list};
    if (list->first != NULL)
        list->first->links[kind].previous = node;
    else
        list->last = node;
    list->first = node;
}

void list_remove(struct prefix_node *node, enum link_kind kind)
{
    struct node_link *link = &node->links[kind];
    if (link->list == NULL)
        return;
    if (link->previous != NULL)
        link->previous->links[kind].next = link->next;
    else
        link->list->first = link->next;
    if (link->next != NULL)
        link->next->links[kind].previous = link->previous;
    else
        link->list->last = link->previous;
    *link = (struct node_link){0};
}

/* --- keys ------------------------------------------------------------------------------------------- */

/* Fields are hashed one by one, so that no two ways to cut them give one key. */
void scope_digest(const struct prefix_scope *scope, int32_t digest[KEY_TOKENS])
{
    const struct str fields[] = {scope->tenant, scope->fingerprint, scope->adapter, scope->template_version,
                                 scope->salt};
    enum { COUNT = sizeof(fields) / sizeof(fields[0]) };
    char text[COUNT * (1 + SHA256_LEN)];
    for (size_t i = 0; i < COUNT; i++) {
        text[i * (1 + SHA256_LEN)] = (char)('1' + i);
        sha256(fields[i], (uint8_t *)text + i * (1 + SHA256_LEN) + 1);
    }
    sha256((struct str){text, sizeof(text)}, (uint8_t *)digest);
}

/* scratch: parent's key, number of tokens, tokens; in this machine's byte order. */
static void set_key(struct prefix_tree *tree, struct prefix_node *node)
{
    uint8_t *at = tree->scratch;
    memcpy(at, node->parent->key, PREFIX_KEY_LEN);
    memcpy(at + PREFIX_KEY_LEN, &node->count, sizeof(node->count));
    memcpy(at + PREFIX_KEY_LEN + sizeof(node->count), node->tokens, node->count * sizeof(*node->tokens));
    const size_t len = PREFIX_KEY_LEN + sizeof(node->count) + node->count * sizeof(*node->tokens);
    sha256((struct str){(const char *)at, len}, node->key);
}

/* --- tenants ---------------------------------------------------------------------------------------- */

static struct prefix_tenant *tenant_by_digest(const struct prefix_tree *tree, const int32_t digest[KEY_TOKENS])
{
    struct run_node *found = run_set_find(&tree->tenants, (struct token_run){digest, KEY_TOKENS});
    return found ? (struct prefix_tenant *)((char *)found - offsetof(struct prefix_tenant, order)) : NULL;
}

struct prefix_tenant *tenant_find(const struct prefix_tree *tree, struct str name)
{
    int32_t digest[KEY_TOKENS];
    sha256(name, (uint8_t *)digest);
    return tenant_by_digest(tree, digest);
}

struct prefix_tenant *tenant_get(struct prefix_tree *tree, struct str name)
{
    int32_t digest[KEY_TOKENS];
    sha256(name, (uint8_t *)digest);
    struct prefix_tenant *tenant = tenant_by_digest(tree, digest);
    if (tenant != NULL || tree->tenant_count >= tree->options.tenants_max)
        return tenant;
    tenant = mem_calloc(1, sizeof(*tenant) + name.len + 1);
    if (tenant == NULL)
        return NULL;
    if (name.len > 0)
        memcpy(tenant->name, name.data, name.len);
    memcpy(tenant->digest, digest, sizeof(digest));
    tenant->order.run = (struct token_run){tenant->digest, KEY_TOKENS};
    tenant->order.priority = (uint32_t)digest[0];
    run_set_insert(&tree->tenants, &tenant->order);
    tree->tenant_count++;
    return tenant;
}

void tenant_free_if_unused(struct prefix_tree *tree, struct prefix_tenant *tenant)
{
    if (tenant->roots > 0 || tenant->floor_bytes > 0 || tenant->ceiling_bytes > 0)
        return;
    run_set_remove(&tree->tenants, &tenant->order);
    tree->tenant_count--;
    mem_free(tenant);
}

enum error_code prefix_tree_set_tenant(struct prefix_tree *tree, struct str name, uint64_t floor_bytes,
                                       uint64_t ceiling_bytes, struct error *error)
{
    struct prefix_tenant *tenant = tenant_find(tree, name);
    const uint64_t floors = tree->floor_bytes - (tenant ? tenant->floor_bytes : 0);
    if (ceiling_bytes > 0 && floor_bytes > ceiling_bytes)
        return error_set(error, ERROR_INVALID, "cache.floor: expected at most the ceiling, %llu bytes",
                         (unsigned long long)ceiling_bytes);
    if (floor_bytes > tree->options.memory_bytes - floors)
        return error_set(error, ERROR_INVALID, "cache.floor: the floors of all tenants are more than the %llu bytes of "
                         "the cache", (unsigned long long)tree->options.memory_bytes);
    tenant = tenant_get(tree, name);
    if (tenant == NULL)
        return tree->tenant_count >= tree->options.tenants_max
                   ? error_set(error, ERROR_QUOTA, "more than %u tenants have something in the cache",
                               tree->options.tenants_max)
                   : error_no_memory(error);
    tree->floor_bytes = floors + floor_bytes;
    tenant->floor_bytes = floor_bytes;
    tenant->ceiling_bytes = ceiling_bytes;
    if (tenant->lists[CACHE_MEMORY].first != NULL)
        node_settle(tree, tenant->lists[CACHE_MEMORY].first);
    tenant_free_if_unused(tree, tenant);
    return OK;
}

uint64_t prefix_tree_tenant_bytes(const struct prefix_tree *tree, struct str name, enum cache_place place)
{
    const struct prefix_tenant *tenant = tenant_find(tree, name);
    return tenant && place < CACHE_LOST ? tenant->bytes[place] : 0;
}

/* --- nodes ------------------------------------------------------------------------------------------ */

static struct prefix_node *node_alloc(struct token_run run)
{
    struct prefix_node *node = mem_calloc(1, sizeof(*node) + run.count * sizeof(*run.tokens));
    if (node == NULL)
        return NULL;
    memcpy(node->tokens, run.tokens, run.count * sizeof(*run.tokens));
    node->count = run.count;
    node->order.run = (struct token_run){node->tokens, run.count};
    node->place = CACHE_LOST;
    return node;
}

static void set_priority(struct prefix_node *node)
{
    memcpy(&node->order.priority, node->key, sizeof(node->order.priority));
}

struct prefix_node *node_new(struct prefix_tree *tree, struct prefix_node *parent, struct token_run run)
{
    struct prefix_node *node = store_make_node_room(tree) ? node_alloc(run) : NULL;
    if (node == NULL)
        return NULL;
    node->parent = parent;
    node->tenant = parent->tenant;
    node->end = parent->end + run.count;
    set_key(tree, node);
    set_priority(node);
    run_set_insert(&parent->children[CACHE_LOST], &node->order);
    node_settle(tree, parent); /* not spare any more */
    tree->stats.nodes++;
    return node;
}

void node_free(struct prefix_tree *tree, struct prefix_node *node)
{
    must(!node_is_stored(node) && node->pins == 0 && node->owner == NULL && node->waiters == NULL,
         "what is freed is stored nowhere, and nobody's", LOG_I("place", node->place), LOG_I("pins", node->pins),
         LOG_B("owned", node->owner != NULL), LOG_I("end", node->end));
    cache_policy_forget(tree->policy, &node->item);
    list_remove(node, LINK_AGE);
    if (node->parent != NULL) {
        run_set_remove(&node->parent->children[CACHE_LOST], &node->order);
    } else {
        run_set_remove(&tree->roots, &node->order);
        must(node->tenant->roots > 0, "a tenant has the roots of its scopes", LOG_I("tenants", tree->tenant_count));
        node->tenant->roots--;
        tenant_free_if_unused(tree, node->tenant);
    }
    tree->stats.nodes--;
    mem_free(node);
}

static struct prefix_node *root_by_digest(const struct prefix_tree *tree, const int32_t digest[KEY_TOKENS])
{
    return node_of(run_set_find(&tree->roots, (struct token_run){digest, KEY_TOKENS}));
}

/* A root is a node without payload whose tokens are its key. */
struct prefix_node *root_get(struct prefix_tree *tree, const struct prefix_scope *scope)
{
    int32_t digest[KEY_TOKENS];
    scope_digest(scope, digest);
    struct prefix_node *root = root_by_digest(tree, digest);
    if (root != NULL || !store_make_node_room(tree))
        return root;
    struct prefix_tenant *tenant = tenant_get(tree, scope->tenant);
    if (tenant == NULL)
        return NULL;
    root = node_alloc((struct token_run){digest, KEY_TOKENS});
    if (root == NULL) {
        tenant_free_if_unused(tree, tenant);
        return NULL;
    }
    root->tenant = tenant;
    tenant->roots++;
    memcpy(root->key, digest, PREFIX_KEY_LEN);
    set_priority(root);
    run_set_insert(&tree->roots, &root->order);
    tree->stats.nodes++;
    return root;
}

struct prefix_node *node_child(const struct prefix_node *node, struct token_run run)
{
    struct run_node *found = NULL;
    for (uint32_t place = 0; found == NULL && place < CACHE_PLACES; place++)
        found = run_set_find(&node->children[place], run);
    return node_of(found);
}

/* --- lookup ----------------------------------------------------------------------------------------- */

static struct token_run rest_of(const struct prefix_query *query, const struct prefix_node *node)
{
    return (struct token_run){query->tokens + node->end, query->count - node->end};
}

static bool is_usable(const struct prefix_node *node, const struct prefix_query *query)
{
    return node_is_stored(node) && node_is_fresh(node, query->now_us);
}

static bool is_usable_block(const struct prefix_node *node, const struct prefix_query *query)
{
    return is_usable(node, query) || (node_is_stored(node) && node_outlives(node, query->now_us));
}

/* The last place at or before `tokens` where a read may end. */
static uint32_t read_end(const struct prefix_query *query, uint32_t tokens)
{
    if (query->positions == NULL)
        return tokens;
    uint32_t low = 0, high = query->position_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (query->positions[middle] <= tokens)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? query->positions[low - 1] : 0;
}

static void set_pending(const struct prefix_query *query, struct prefix_hit *hit, struct prefix_node *node)
{
    const uint32_t tokens = read_end(query, node->end);
    if (tokens > hit->pending_tokens) {
        hit->pending_tokens = tokens;
        hit->pending = node;
    }
}

/* What is seen of the prompt below `node`: tokens shared with its nearest child,
 * and whether that child, or any other, goes on otherwise. */
static uint32_t seen_below(const struct prefix_node *node, struct token_run rest, bool *goes_on)
{
    uint32_t most = 0;
    *goes_on = false;
    for (uint32_t place = 0; place < CACHE_PLACES; place++) {
        uint32_t shared;
        const struct run_node *nearest = run_set_nearest(&node->children[place], rest, &shared);
        if (nearest == NULL || shared < most)
            continue;
        *goes_on = nearest->run.count > shared || (shared == most && *goes_on);
        most = shared;
    }
    return most;
}

static void set_lost(const struct prefix_query *query, struct prefix_hit *hit, const struct prefix_node *node)
{
    /* One that is stored was pinned when its time ended. */
    hit->miss = node_is_stored(node) ? PREFIX_EXPIRED : (enum prefix_miss)node->lost;
    hit->age_s = (uint32_t)((query->now_us - node->used_us) / 1000000);
}

/* lost: the first block after the hit that was stored once; NULL: none. */
static void set_miss(const struct prefix_tree *tree, const struct prefix_query *query, const struct walk *walk,
                     const struct prefix_node *lost, struct prefix_hit *hit)
{
    const uint32_t target = query->positions != NULL ? read_end(query, query->count) : query->count;
    if (hit->tokens >= target) {
        hit->miss = PREFIX_NO_MISS;
        return;
    }
    const struct token_run rest = rest_of(query, walk->last);
    if (lost == NULL) {
        lost = node_of(run_set_longest_prefix(&walk->last->children[CACHE_LOST], rest));
        if (lost != NULL && (lost->lost == PREFIX_NO_MISS || lost->end <= hit->tokens))
            lost = NULL;
    }
    if (lost != NULL) {
        set_lost(query, hit, lost);
        return;
    }
    bool goes_on;
    const uint32_t seen = walk->last->end + seen_below(walk->last, rest, &goes_on);
    if (goes_on && seen < query->count && seen >= tree->options.new_below) {
        hit->miss = PREFIX_CHANGED;
        hit->changed_at = seen;
    }
}

static bool accept_usable(const void *ctx, const struct run_node *order)
{
    return is_usable_block(node_of_const(order), ctx);
}

/* The stored block that begins like `rest`, for as far as it does. One that ended, which may still be read or waits to
 * be worked off, must not stand before one that can be read. */
static void extend_into_block(const struct prefix_query *query, const struct prefix_node *node, struct walk *walk,
                              uint32_t *tokens)
{
    for (uint32_t place = 0; place < CACHE_LOST; place++) {
        const struct run_set *children = &node->children[place];
        const struct token_run rest = rest_of(query, node);
        uint32_t shared;
        struct prefix_node *child = node_of(run_set_nearest(children, rest, &shared));
        if (child != NULL && shared > 0 && !is_usable_block(child, query))
            child = node_of(run_set_nearest_of(children, rest, accept_usable, query, SIBLINGS_MAX, &shared));
        if (child != NULL && node->end + shared > *tokens) {
            *tokens = node->end + shared;
            walk->hit = child;
        }
    }
}

static void walk_blocks(const struct prefix_tree *tree, const struct prefix_query *query, struct walk *walk,
                        struct prefix_hit *hit)
{
    const uint32_t block = tree->options.block_tokens;
    struct prefix_node *node = walk->root, *stored = walk->root, *lost = NULL, *child;
    bool is_stored = true, is_pending = true;
    while (query->count - node->end >= block &&
           (child = node_child(node, (struct token_run){query->tokens + node->end, block})) != NULL) {
        is_stored = is_stored && is_usable_block(child, query);
        if (is_stored) {
            stored = child;
        } else if ((is_pending = is_pending && child->owner != NULL)) {
            set_pending(query, hit, child);
        } else if (lost == NULL && (node_is_stored(child) || child->lost != PREFIX_NO_MISS)) {
            lost = child;
        }
        node = child;
    }
    walk->last = node;
    walk->hit = stored != walk->root ? stored : NULL;
    uint32_t tokens = stored->end;
    extend_into_block(query, stored, walk, &tokens);
    child = is_pending ? node_of(run_set_longest_prefix(&node->children[CACHE_LOST], rest_of(query, node))) : NULL;
    if (child != NULL && child->owner != NULL)
        set_pending(query, hit, child);
    hit->tokens = read_end(query, tokens);
    while (walk->hit != NULL && walk->hit->end - walk->hit->count >= hit->tokens)
        walk->hit = walk->hit->parent != walk->root ? walk->hit->parent : NULL;
    for (node = walk->hit; node != NULL && node->place == CACHE_DISK; node = node->parent)
        hit->disk_tokens += (node->end < hit->tokens ? node->end : hit->tokens) - (node->end - node->count);
    set_miss(tree, query, walk, lost, hit);
}

/* The longest of the node's children in `place` that begins `rest`, ends where a
 * read may, and is usable or (LOST) claimed. */
static struct prefix_node *snapshot_child(const struct prefix_query *query, const struct prefix_node *node,
                                          uint32_t place)
{
    struct token_run rest = rest_of(query, node);
    for (;;) {
        struct prefix_node *child = node_of(run_set_longest_prefix(&node->children[place], rest));
        if (child == NULL)
            return NULL;
        const bool is_there = place == CACHE_LOST ? child->owner != NULL : is_usable(child, query);
        if (is_there && read_end(query, child->end) == child->end)
            return child;
        rest.count = child->count - 1;
    }
}

static void walk_snapshots(const struct prefix_tree *tree, const struct prefix_query *query, struct walk *walk,
                           struct prefix_hit *hit)
{
    const uint32_t block = tree->options.block_tokens;
    struct prefix_node *node = walk->root, *lost = NULL, *child;
    while (query->count - node->end >= block &&
           (child = node_child(node, (struct token_run){query->tokens + node->end, block})) != NULL)
        node = child;
    walk->last = node;
    for (; node != NULL && walk->hit == NULL; node = node->parent) {
        struct prefix_node *memory = snapshot_child(query, node, CACHE_MEMORY);
        struct prefix_node *disk = snapshot_child(query, node, CACHE_DISK);
        if (hit->pending == NULL && (child = snapshot_child(query, node, CACHE_LOST)) != NULL)
            set_pending(query, hit, child);
        walk->hit = disk != NULL && (memory == NULL || disk->end > memory->end) ? disk : memory;
        if (lost == NULL && node->lost != PREFIX_NO_MISS)
            lost = node;
    }
    if (walk->hit != NULL) {
        hit->tokens = walk->hit->end;
        hit->disk_tokens = walk->hit->place == CACHE_DISK ? hit->tokens : 0;
    }
    if (lost != NULL && lost->end <= hit->tokens)
        lost = NULL;
    set_miss(tree, query, walk, lost, hit);
}

static void look(const struct prefix_tree *tree, const struct prefix_query *query, struct walk *walk,
                 struct prefix_hit *hit)
{
    int32_t digest[KEY_TOKENS];
    *hit = (struct prefix_hit){.miss = PREFIX_FIRST_USE};
    scope_digest(&query->scope, digest);
    *walk = (struct walk){.root = root_by_digest(tree, digest)};
    if (walk->root == NULL)
        return;
    if (tree->options.is_snapshot)
        walk_snapshots(tree, query, walk, hit);
    else
        walk_blocks(tree, query, walk, hit);
    if (hit->pending_tokens <= hit->tokens) {
        hit->pending_tokens = 0;
        hit->pending = NULL;
    }
}

void tree_walk(struct prefix_tree *tree, const struct prefix_query *query, struct walk *walk, struct prefix_hit *hit)
{
    prefix_tree_expire(tree, query->now_us);
    look(tree, query, walk, hit);
}

void prefix_tree_peek(const struct prefix_tree *tree, const struct prefix_query *query, struct prefix_hit *hit)
{
    struct walk walk;
    look(tree, query, &walk, hit);
}
