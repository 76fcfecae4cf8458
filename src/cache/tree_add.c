/* tree_add.c - blocks that an earlier process left on disk. See tree.h. */
#include "cache/tree_internal.h"

/* The node that the block hangs below. Of a snapshot the blocks between are
 * made here, without payload. */
static struct prefix_node *parent_of(struct prefix_tree *tree, const struct prefix_found *found, uint32_t *begin)
{
    const uint32_t block = tree->options.block_tokens;
    struct prefix_node *node = found->parent != NULL ? found->parent : root_get(tree, &found->scope);
    *begin = 0;
    while (node != NULL && found->count - *begin > block) {
        const struct token_run run = {found->tokens + *begin, block};
        struct prefix_node *child = tree->options.is_snapshot ? node_child(node, run) : NULL;
        if (child == NULL && tree->options.is_snapshot)
            child = node_new(tree, node, run);
        if (child == NULL)
            node_trim(tree, node);
        node = child;
        *begin += block;
    }
    return node;
}

static bool is_possible(const struct prefix_tree *tree, const struct prefix_found *found)
{
    const struct prefix_options *options = &tree->options;
    const uint64_t nodes = options->is_snapshot ? found->count / options->block_tokens + 2 : 2;
    return found->count > 0 && tree->stats.nodes + nodes <= options->nodes_max &&
           found->bytes <= options->disk_bytes && tree->stats.bytes[CACHE_DISK] <= options->disk_bytes - found->bytes &&
           (found->parent == NULL || node_is_stored(found->parent));
}

struct prefix_node *prefix_tree_add(struct prefix_tree *tree, const struct prefix_found *found)
{
    uint32_t begin;
    uint8_t class;
    struct error error;
    if (!is_possible(tree, found) || ttl_class_of(tree, found->ttl_s, &class, &error) != OK)
        return NULL;
    struct prefix_node *parent = parent_of(tree, found, &begin);
    if (parent == NULL)
        return NULL;
    const struct token_run run = {found->tokens + begin, found->count - begin};
    struct prefix_node *node = node_child(parent, run);
    if (node == NULL)
        node = node_new(tree, parent, run);
    if (node == NULL) {
        node_trim(tree, parent);
        return NULL;
    }
    if (node_is_stored(node) || memcmp(node->key, found->key, PREFIX_KEY_LEN) != 0) {
        node_trim(tree, node);
        return NULL;
    }
    node->payload = found->payload;
    node->item.bytes = found->bytes;
    node->item.tokens = tree->options.is_snapshot ? found->count : run.count;
    node->item.ttl_class = class;
    node_move(tree, node, CACHE_DISK);
    return node;
}

void prefix_tree_age(struct prefix_tree *tree, struct prefix_node *node, const struct prefix_found *found)
{
    cache_policy_request(tree->policy, 1);
    cache_policy_use(tree->policy, &node->item, node->item.ttl_class > 0 ? REUSE_DECLARED : REUSE_INNER, 1);
    node->used_us = found->used_us;
    node->item.expires_us = found->expires_us;
    list_remove(node, LINK_TTL);
    if (node->item.ttl_class > 0)
        list_append(&tree->ttl_lists[node->item.ttl_class], node, LINK_TTL);
    list_remove(node, LINK_AGE);
    node_settle(tree, node);
}
