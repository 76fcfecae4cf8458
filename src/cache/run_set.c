/* run_set.c - the treap; see run_set.h. */
#include "cache/run_set.h"

#include <stddef.h>

uint32_t token_run_shared(struct token_run a, struct token_run b)
{
    const uint32_t count = a.count < b.count ? a.count : b.count;
    uint32_t i = 0;
    while (i < count && a.tokens[i] == b.tokens[i])
        i++;
    return i;
}

static int compare(struct token_run a, struct token_run b)
{
    const uint32_t at = token_run_shared(a, b);
    if (at < a.count && at < b.count)
        return a.tokens[at] < b.tokens[at] ? -1 : 1;
    return (a.count > b.count) - (a.count < b.count);
}

/* Splits the tree at `root` around `run`: smaller ones to *left, the others to *right. */
static void split(struct run_node *root, struct token_run run, struct run_node **left, struct run_node **right)
{
    while (root != NULL) {
        if (compare(root->run, run) < 0) {
            *left = root;
            left = &root->right;
            root = root->right;
        } else {
            *right = root;
            right = &root->left;
            root = root->left;
        }
    }
    *left = NULL;
    *right = NULL;
}

void run_set_insert(struct run_set *set, struct run_node *node)
{
    struct run_node **at = &set->root;
    while (*at != NULL && (*at)->priority >= node->priority)
        at = compare(node->run, (*at)->run) < 0 ? &(*at)->left : &(*at)->right;
    split(*at, node->run, &node->left, &node->right);
    *at = node;
}

void run_set_remove(struct run_set *set, struct run_node *node)
{
    struct run_node **at = &set->root;
    while (*at != node)
        at = compare(node->run, (*at)->run) < 0 ? &(*at)->left : &(*at)->right;
    struct run_node *left = node->left, *right = node->right;
    while (left != NULL && right != NULL) {
        struct run_node **higher = left->priority >= right->priority ? &left : &right;
        *at = *higher;
        at = higher == &left ? &left->right : &right->left;
        *higher = *at;
    }
    *at = left != NULL ? left : right;
    node->left = node->right = NULL;
}

struct run_node *run_set_find(const struct run_set *set, struct token_run run)
{
    struct run_node *node = set->root;
    while (node != NULL) {
        const int difference = compare(run, node->run);
        if (difference == 0)
            break;
        node = difference < 0 ? node->left : node->right;
    }
    return node;
}

struct run_node *run_set_nearest(const struct run_set *set, struct token_run run, uint32_t *shared)
{
    struct run_node *before = NULL, *after = NULL;
    struct run_node *node = set->root;
    *shared = 0;
    while (node != NULL) {
        if (compare(node->run, run) <= 0) {
            before = node;
            node = node->right;
        } else {
            after = node;
            node = node->left;
        }
    }
    const uint32_t with_before = before ? token_run_shared(before->run, run) : 0;
    const uint32_t with_after = after ? token_run_shared(after->run, run) : 0;
    *shared = with_before >= with_after ? with_before : with_after;
    return before != NULL && with_before >= with_after ? before : after;
}

struct search {
    struct token_run run;
    run_accept accept;
    const void *ctx;
    uint32_t looks, shared;
    struct run_node *best;
};

/* In the order of the set, towards `run` first. What stands beyond a node shares no more with the run than the node
 * does, so it is looked at only where the node shares more than the best that was accepted. */
static void search_below(struct search *search, struct run_node *node)
{
    if (node == NULL || search->looks == 0)
        return;
    search->looks--;
    const bool is_before = compare(node->run, search->run) <= 0;
    const uint32_t shared = token_run_shared(node->run, search->run);
    search_below(search, is_before ? node->right : node->left);
    if (shared <= search->shared)
        return;
    if (search->accept(search->ctx, node)) {
        search->best = node;
        search->shared = shared;
        return;
    }
    search_below(search, is_before ? node->left : node->right);
}

struct run_node *run_set_nearest_of(const struct run_set *set, struct token_run run, run_accept accept,
                                    const void *ctx, uint32_t looks, uint32_t *shared)
{
    struct search search = {.run = run, .accept = accept, .ctx = ctx, .looks = looks};
    search_below(&search, set->root);
    *shared = search.shared;
    return search.best;
}

struct run_node *run_set_longest_prefix(const struct run_set *set, struct token_run run)
{
    for (;;) {
        struct run_node *before = NULL;
        for (struct run_node *node = set->root; node != NULL;) {
            const bool is_before = compare(node->run, run) <= 0;
            before = is_before ? node : before;
            node = is_before ? node->right : node->left;
        }
        if (before == NULL)
            return NULL;
        /* What begins `run` comes before it, and shares no more with it than its predecessor does. */
        const uint32_t shared = token_run_shared(before->run, run);
        if (shared == before->run.count)
            return before;
        run.count = shared;
    }
}
