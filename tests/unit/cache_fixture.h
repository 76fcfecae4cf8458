/* cache_fixture.h - a prefix tree over payloads that are only counted, and a check of all its invariants. */
#ifndef TESTS_UNIT_CACHE_FIXTURE_H
#define TESTS_UNIT_CACHE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/tree_internal.h"
#include "core/mem.h"

#define SECOND UINT64_C(1000000)
#define BLOCK 4u
#define BLOCK_BYTES 10u

struct bed {
    struct prefix_tree *tree;
    uint64_t next_payload;
    uint64_t live[CACHE_LOST], live_bytes[CACHE_LOST]; /* what the backend holds */
    bool is_disk_full, is_disk_broken;
};

static inline enum error_code bed_to_disk(void *ctx, const uint8_t *key, uint64_t bytes, uint64_t *payload,
                                          struct error *error)
{
    struct bed *bed = ctx;
    assert_non_null(key);
    if (bed->is_disk_full)
        return error_set(error, ERROR_IO, "disk full");
    *payload |= UINT64_C(1) << 63;
    bed->live[CACHE_MEMORY]--, bed->live_bytes[CACHE_MEMORY] -= bytes;
    bed->live[CACHE_DISK]++, bed->live_bytes[CACHE_DISK] += bytes;
    return OK;
}

static inline enum error_code bed_to_memory(void *ctx, const uint8_t *key, uint64_t bytes, uint64_t *payload,
                                            struct error *error)
{
    struct bed *bed = ctx;
    assert_non_null(key);
    if (bed->is_disk_broken)
        return error_set(error, ERROR_IO, "checksum");
    assert_true(*payload >> 63);
    *payload &= UINT64_MAX >> 1;
    bed->live[CACHE_DISK]--, bed->live_bytes[CACHE_DISK] -= bytes;
    bed->live[CACHE_MEMORY]++, bed->live_bytes[CACHE_MEMORY] += bytes;
    return OK;
}

static inline void bed_drop(void *ctx, enum cache_place place, uint64_t bytes, uint64_t payload)
{
    struct bed *bed = ctx;
    assert_int_equal(payload >> 63, place == CACHE_DISK);
    assert_true(bed->live[place] > 0);
    bed->live[place]--, bed->live_bytes[place] -= bytes;
}

static inline struct prefix_options bed_options(struct bed *bed)
{
    return (struct prefix_options){
        .backend = {bed, bed_to_disk, bed_to_memory, bed_drop},
        .policy = CACHE_POLICY_LRU,
        .block_tokens = BLOCK,
        .memory_bytes = 1000 * BLOCK_BYTES,
        .nodes_max = 10000,
        .ghosts_max = 1000,
        .tenants_max = 100,
        .new_below = 1,
    };
}

static inline void bed_init(struct bed *bed, const struct prefix_options *options)
{
    struct error error;
    assert_int_equal(prefix_tree_new(options, &bed->tree, &error), OK);
}

/* --- invariants --------------------------------------------------------------------------------------- */

struct census {
    uint64_t blocks[CACHE_PLACES], bytes[CACHE_LOST], nodes;
};

static inline void check_node(const struct prefix_tree *tree, struct prefix_node *node, struct census *census);

static inline void check_order(const struct prefix_tree *tree, struct prefix_node *parent, uint32_t place,
                               struct run_node *order, struct census *census)
{
    if (order == NULL)
        return;
    check_order(tree, parent, place, order->left, census);
    struct prefix_node *node = node_of(order);
    assert_ptr_equal(node->parent, parent);
    assert_int_equal(node->place, place);
    assert_int_equal(node->end, parent->end + node->count);
    check_node(tree, node, census);
    check_order(tree, parent, place, order->right, census);
}

static inline void check_node(const struct prefix_tree *tree, struct prefix_node *node, struct census *census)
{
    census->nodes++;
    if (node->place != CACHE_LOST || node->item.is_known)
        census->blocks[node->place]++;
    if (node_is_stored(node)) {
        census->bytes[node->place] += node->item.bytes;
        assert_null(node->owner);
        assert_int_equal(node->lost, PREFIX_NO_MISS);
        assert_int_equal(node->item.place, node->pins > 0 ? (int)CACHE_NOWHERE : node->place);
        assert_ptr_equal(node->links[LINK_AGE].list, node->pins > 0 ? NULL : &node->tenant->lists[node->place]);
        if (!tree->options.is_snapshot && node->parent->parent != NULL) {
            assert_true(node_is_stored(node->parent));
            assert_true(node->place == CACHE_DISK || node->parent->place == CACHE_MEMORY);
        }
    } else {
        const bool is_needed = node->pins || node->wants || node->owner || node->waiters ||
                               node->children[CACHE_MEMORY].root || node->children[CACHE_DISK].root ||
                               node->children[CACHE_LOST].root;
        assert_true(is_needed || node->item.is_known);
        assert_ptr_equal(node->links[LINK_AGE].list,
                         !is_needed && node->item.is_known ? (const void *)&tree->spare : NULL);
        assert_null(node->links[LINK_TTL].list);
    }
    for (uint32_t place = 0; place < CACHE_PLACES; place++)
        check_order(tree, node, place, node->children[place].root, census);
}

static inline void check_roots(const struct prefix_tree *tree, struct run_node *order, struct census *census)
{
    if (order == NULL)
        return;
    check_roots(tree, order->left, census);
    check_node(tree, node_of(order), census);
    check_roots(tree, order->right, census);
}

/* Each stored block is in one piece of the list, and in one tenant's share. */
static inline void check_list(const struct prefix_tree *tree, const struct prefix_stats *stats)
{
    enum { MOST = 2048 };
    static struct prefix_kept kept[MOST];
    static struct prefix_share shares[MOST];
    uint64_t listed[CACHE_LOST] = {0}, shared[CACHE_LOST] = {0};
    bool is_partial;
    const uint32_t count = prefix_tree_list(tree, (struct str){NULL, 0}, tree->now_us, kept, MOST, &is_partial);
    for (uint32_t i = 0; i < count; i++) {
        listed[kept[i].place] += kept[i].bytes;
        assert_true(kept[i].own_tokens > 0 && kept[i].own_tokens <= kept[i].tokens);
        assert_true(i == 0 || kept[i].bytes <= kept[i - 1].bytes);
    }
    const uint32_t share_count = prefix_tree_shares(tree, (struct str){NULL, 0}, shares, MOST);
    for (uint32_t i = 0; i < share_count; i++)
        for (int place = 0; place < CACHE_LOST; place++)
            shared[place] += shares[i].bytes[place];
    for (int place = 0; place < CACHE_LOST; place++) {
        assert_int_equal(shared[place], stats->bytes[place]);
        if (!is_partial && count < MOST)
            assert_int_equal(listed[place], stats->bytes[place]);
    }
}

static inline void bed_check(const struct bed *bed)
{
    const struct prefix_tree *tree = bed->tree;
    struct census census = {0};
    struct prefix_stats stats;
    check_roots(tree, tree->roots.root, &census);
    prefix_tree_stats(tree, &stats);
    for (uint32_t place = 0; place < CACHE_LOST; place++) {
        assert_int_equal(stats.bytes[place], census.bytes[place]);
        assert_int_equal(bed->live_bytes[place], census.bytes[place]);
        assert_int_equal(bed->live[place], census.blocks[place]);
        assert_int_equal(stats.blocks[place], census.blocks[place]);
    }
    assert_int_equal(stats.blocks[CACHE_LOST], census.blocks[CACHE_LOST]);
    assert_int_equal(stats.nodes, census.nodes);
    assert_true(stats.bytes[CACHE_MEMORY] <= tree->options.memory_bytes);
    assert_true(stats.bytes[CACHE_DISK] <= tree->options.disk_bytes);
    assert_true(stats.nodes <= tree->options.nodes_max);
    check_list(tree, &stats);
}

static inline void bed_deinit(struct bed *bed)
{
    bed_check(bed);
    prefix_tree_free(bed->tree);
    assert_int_equal(bed->live[CACHE_MEMORY], 0);
    assert_int_equal(bed->live[CACHE_DISK], 0);
}

/* --- requests ----------------------------------------------------------------------------------------- */

static inline struct prefix_query query_of(const char *tenant, const int32_t *tokens, uint32_t count, uint64_t now_us)
{
    return (struct prefix_query){
        .scope = {.tenant = str_of(tenant), .fingerprint = STR("model"), .template_version = STR("1")},
        .tokens = tokens,
        .count = count,
        .now_us = now_us,
    };
}

static inline struct prefix_hit bed_peek(struct bed *bed, const char *tenant, const int32_t *tokens, uint32_t count,
                                         uint64_t now_us)
{
    const struct prefix_query query = query_of(tenant, tokens, count, now_us);
    struct prefix_hit before, hit;
    prefix_tree_peek(bed->tree, &query, &before);
    prefix_tree_expire(bed->tree, now_us); /* as an open does; whatever ended by then must not make a difference */
    prefix_tree_peek(bed->tree, &query, &hit);
    assert_int_equal(before.tokens, hit.tokens);
    assert_int_equal(before.disk_tokens, hit.disk_tokens);
    return hit;
}

static inline void bed_commit_all(struct bed *bed, struct prefix_path *path, uint64_t now_us)
{
    uint32_t begin, end;
    while (prefix_path_next_claim(path, &begin, &end)) {
        bed->live[CACHE_MEMORY]++, bed->live_bytes[CACHE_MEMORY] += BLOCK_BYTES;
        (void)prefix_tree_commit(bed->tree, path, ++bed->next_payload, BLOCK_BYTES, now_us);
    }
}

/* A whole request: reads what it can, stores up to the checkpoints. Fails only without memory. */
static inline enum error_code bed_try(struct bed *bed, const struct prefix_query *query,
                                      const struct prefix_checkpoint *checkpoints, uint32_t checkpoint_count,
                                      struct prefix_hit *hit)
{
    struct prefix_path *path;
    struct error error;
    struct prefix_hit asked;
    prefix_tree_peek(bed->tree, query, &asked);
    enum error_code code = prefix_tree_open(bed->tree, query, &path, hit, &error);
    if (code != OK)
        return code;
    assert_int_equal(asked.tokens, hit->tokens);
    assert_int_equal(asked.disk_tokens, hit->disk_tokens);
    hit->tokens = prefix_tree_load(bed->tree, path);
    prefix_tree_use(bed->tree, path, query->now_us);
    code = prefix_tree_claim(bed->tree, path, query->tokens, query->count, checkpoints, checkpoint_count,
                             query->now_us, &error);
    if (code == OK)
        bed_commit_all(bed, path, query->now_us);
    prefix_tree_close(bed->tree, path);
    return code;
}

static inline struct prefix_hit bed_request(struct bed *bed, const char *tenant, const int32_t *tokens, uint32_t count,
                                            uint32_t ttl_s, uint64_t now_us)
{
    const struct prefix_query query = query_of(tenant, tokens, count, now_us);
    const struct prefix_checkpoint checkpoint = {count, ttl_s};
    struct prefix_hit hit;
    assert_int_equal(bed_try(bed, &query, &checkpoint, 1, &hit), OK);
    return hit;
}

/* tokens[i] = first + i */
static inline void count_up(int32_t *tokens, uint32_t count, int32_t first)
{
    for (uint32_t i = 0; i < count; i++)
        tokens[i] = first + (int32_t)i;
}

#endif
