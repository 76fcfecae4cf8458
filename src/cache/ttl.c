/* ttl.c - how long a block lives: its class of time to live, the renewal by each use, the end. See tree.h. What an
 * end leaves behind (ghosts) and who goes earlier for want of room is tree_store.c.
 *
 * A block belongs to one class, that is to one time to live, and class 0 has none. Each class has a list of its blocks
 * by the moment at which they end. As every renewal gives the full time of the class and appends at the list's end, the
 * lists are sorted without sorting, and the next to end is the first of one of at most CACHE_TTL_CLASSES lists. A heap
 * would allow any time to live, and cost a logarithm for each block of each use; clients may ask for two.
 *
 * Three rules hold:
 *
 *   A use begins the time anew when the request is admitted, and once more when it is over (tree_path.c): a block
 *   lives for its time after the last moment at which somebody needed it.
 *
 *   A path is renewed from its deepest block upwards, so a parent stands behind its children in the list and ends
 *   at the same moment or later. When a parent's turn comes, its children with a time to live are gone already.
 *
 *   What is pinned ends when it is let go: its payload is being read. Till then it is in no list, not fresh, and
 *   nobody else gets it. */
#include "cache/tree_internal.h"

#include "core/must.h"

#define LOOKS 64u /* blocks below an ended one, to say whether it stays */

enum error_code ttl_class_of(struct prefix_tree *tree, uint32_t seconds, uint8_t *class, struct error *error)
{
    for (uint32_t i = 0; i < tree->ttl_count; i++) {
        if (tree->ttls[i] == seconds) {
            *class = (uint8_t)i;
            return OK;
        }
    }
    if (tree->ttl_count == CACHE_TTL_CLASSES)
        return error_set(error, ERROR_INVALID, "ttl: %u s would be one more than %u different times to live", seconds,
                         CACHE_TTL_CLASSES - 1);
    *class = (uint8_t)tree->ttl_count;
    tree->ttls[tree->ttl_count++] = seconds;
    return OK;
}

void node_renew(struct prefix_tree *tree, struct prefix_node *node, uint8_t ttl_class)
{
    struct cache_item *item = &node->item;
    must(node_is_stored(node) && ttl_class < tree->ttl_count, "what is renewed is stored, for a time that is known",
         LOG_I("place", node->place), LOG_I("class", ttl_class), LOG_I("classes", tree->ttl_count));
    node->used_us = tree->now_us;
    if (tree->ttls[ttl_class] > tree->ttls[item->ttl_class])
        item->ttl_class = ttl_class;
    list_remove(node, LINK_TTL);
    if (item->ttl_class == 0)
        return;
    item->expires_us = tree->now_us + (uint64_t)tree->ttls[item->ttl_class] * 1000000;
    list_append(&tree->ttl_lists[item->ttl_class], node, LINK_TTL);
}

/* Of two that end in the same moment, in different classes, the deeper one: a parent must not stay for a child that
 * ends with it. */
static bool ends_before(const struct prefix_node *a, const struct prefix_node *b)
{
    return a->item.expires_us < b->item.expires_us || (a->item.expires_us == b->item.expires_us && a->end > b->end);
}

static struct prefix_node *next_expired(struct prefix_tree *tree)
{
    struct prefix_node *first = NULL;
    for (uint32_t i = 1; i < tree->ttl_count; i++) {
        struct prefix_node *node = tree->ttl_lists[i].first;
        if (node != NULL && node->item.expires_us <= tree->now_us && (first == NULL || ends_before(node, first)))
            first = node;
    }
    return first;
}

/* Children never outlive it but those without a time to live, which stay until
 * they are evicted; so it stays for them, as one of them. */
void node_expire(struct prefix_tree *tree, struct prefix_node *node)
{
    const bool is_needed = !tree->options.is_snapshot &&
                           (node->children[CACHE_MEMORY].root || node->children[CACHE_DISK].root);
    if (!is_needed) {
        node_lose(tree, node, PREFIX_EXPIRED);
        return;
    }
    node->item.ttl_class = 0;
    node_settle(tree, node);
}

/* Any block of this treap of children that stays itself. */
static bool any_stays(const struct run_node *at, uint64_t now_us, uint32_t *looks)
{
    if (at == NULL || *looks == 0)
        return false;
    (*looks)--;
    const struct prefix_node *node = node_of_const(at);
    return node_is_fresh(node, now_us) || any_stays(node->children[CACHE_MEMORY].root, now_us, looks) ||
           any_stays(node->children[CACHE_DISK].root, now_us, looks) || any_stays(at->left, now_us, looks) ||
           any_stays(at->right, now_us, looks);
}

/* For a question, which may not work off anything. It looks at so few blocks that no prompt can make it slow, and says
 * no beyond: the answer is then too small, never too large. */
bool node_outlives(const struct prefix_node *node, uint64_t now_us)
{
    uint32_t looks = LOOKS;
    return node->pins == 0 && node->links[LINK_TTL].list != NULL &&
           (any_stays(node->children[CACHE_MEMORY].root, now_us, &looks) ||
            any_stays(node->children[CACHE_DISK].root, now_us, &looks));
}

void prefix_tree_expire(struct prefix_tree *tree, uint64_t now_us)
{
    tree->now_us = now_us > tree->now_us ? now_us : tree->now_us;
    for (struct prefix_node *node; (node = next_expired(tree)) != NULL;) {
        list_remove(node, LINK_TTL);
        if (node->pins == 0) /* else when unpinned; nobody else gets it till then */
            node_expire(tree, node);
    }
}
