/* test_cache_tree.c - what is stored of which prompt, for how long, and why not. */
#include "cache_fixture.h"

#include <string.h>

#include "core/util.h"

static struct prefix_stats stats_of(const struct bed *bed)
{
    struct prefix_stats stats;
    prefix_tree_stats(bed->tree, &stats);
    return stats;
}

/* --- sharing and scopes ------------------------------------------------------------------------------- */

static void test_prefixes_are_shared(void **state)
{
    (void)state;
    struct bed bed = {0};
    const struct prefix_options options = bed_options(&bed);
    int32_t a[12], b[12];
    bed_init(&bed, &options);
    count_up(a, 12, 1);
    memcpy(b, a, sizeof(b));
    b[8] = 99;
    assert_int_equal(bed_request(&bed, "t", a, 12, 0, 1).tokens, 0);
    assert_int_equal(stats_of(&bed).blocks[CACHE_MEMORY], 3);
    assert_int_equal(bed_request(&bed, "t", b, 12, 0, 2).tokens, 8);
    assert_int_equal(stats_of(&bed).blocks[CACHE_MEMORY], 4); /* two shared, two of their own */
    assert_int_equal(stats_of(&bed).tokens[CACHE_MEMORY], 16);
    assert_int_equal(bed_request(&bed, "t", a, 12, 0, 3).tokens, 12);
    assert_int_equal(bed_request(&bed, "t", b, 12, 0, 4).tokens, 12);
    assert_int_equal(stats_of(&bed).stored, 4);
    bed_deinit(&bed);
}

static void test_scopes_never_share(void **state)
{
    (void)state;
    struct bed bed = {0};
    const struct prefix_options options = bed_options(&bed);
    const struct prefix_scope scopes[] = {
        {STR("ab"), STR("m"), STR("x"), STR("1"), STR("")},  {STR("a"), STR("bm"), STR("x"), STR("1"), STR("")},
        {STR("ab"), STR("n"), STR("x"), STR("1"), STR("")},  {STR("ab"), STR("m"), STR("y"), STR("1"), STR("")},
        {STR("ab"), STR("m"), STR("x"), STR("2"), STR("")},  {STR("ab"), STR("m"), STR("x"), STR("1"), STR("s")},
        {STR("abm"), STR(""), STR("x"), STR("1"), STR("")},
    };
    enum { COUNT = sizeof(scopes) / sizeof(scopes[0]) };
    uint8_t keys[COUNT][PREFIX_KEY_LEN];
    int32_t tokens[8];
    bed_init(&bed, &options);
    count_up(tokens, 8, 1);
    for (size_t i = 0; i < COUNT; i++) {
        const struct prefix_query query = {.scope = scopes[i], .tokens = tokens, .count = 8, .now_us = i};
        const struct prefix_checkpoint end = {8, 0};
        struct prefix_hit hit;
        struct prefix_path *path;
        struct error error;
        assert_int_equal(bed_try(&bed, &query, &end, 1, &hit), OK);
        assert_int_equal(hit.tokens, 0);
        assert_int_equal(hit.miss, PREFIX_FIRST_USE);
        assert_int_equal(prefix_tree_open(bed.tree, &query, &path, &hit, &error), OK);
        assert_int_equal(hit.tokens, 8);
        memcpy(keys[i], prefix_path_block(path, 1).key, PREFIX_KEY_LEN);
        prefix_tree_close(bed.tree, path);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(keys[i], keys[j], PREFIX_KEY_LEN);
    }
    assert_int_equal(stats_of(&bed).blocks[CACHE_MEMORY], 2 * COUNT);
    bed_deinit(&bed);
}

/* --- where a read may end ----------------------------------------------------------------------------- */

static void test_checkpoint_inside_a_block(void **state)
{
    (void)state;
    struct bed bed = {0};
    const struct prefix_options options = bed_options(&bed);
    const struct prefix_checkpoint two[] = {{6, 3600}, {11, 300}};
    int32_t tokens[16], other[16];
    struct prefix_hit hit;
    bed_init(&bed, &options);
    count_up(tokens, 16, 1);
    const struct prefix_query query = query_of("t", tokens, 15, 1);
    assert_int_equal(bed_try(&bed, &query, two, 2, &hit), OK);
    assert_int_equal(stats_of(&bed).blocks[CACHE_MEMORY], 4); /* 0-4, 4-6, 4-8, 8-11 */
    assert_int_equal(bed_peek(&bed, "t", tokens, 15, 2).tokens, 11);
    /* The block that is whole can be cut, so a read may end anywhere in it ... */
    memcpy(other, tokens, sizeof(other));
    other[7] = 99;
    assert_int_equal(bed_peek(&bed, "t", other, 15, 2).tokens, 7);
    other[5] = 99;
    assert_int_equal(bed_peek(&bed, "t", other, 15, 2).tokens, 5);
    /* ... but where the caller says it may. */
    const uint32_t positions[] = {2, 6, 9, 13};
    struct prefix_query back = query_of("t", tokens, 15, 2);
    back.positions = positions;
    back.position_count = 4;
    prefix_tree_peek(bed.tree, &back, &hit);
    assert_int_equal(hit.tokens, 9);
    back.tokens = other;
    prefix_tree_peek(bed.tree, &back, &hit);
    assert_int_equal(hit.tokens, 2);
    back.position_count = 0;
    prefix_tree_peek(bed.tree, &back, &hit);
    assert_int_equal(hit.tokens, 0);
    assert_int_equal(hit.miss, PREFIX_NO_MISS); /* nothing was asked for */
    bed_deinit(&bed);
}

static void test_blocks_of_a_path(void **state)
{
    (void)state;
    struct bed bed = {0};
    const struct prefix_options options = bed_options(&bed);
    int32_t tokens[16];
    struct prefix_hit hit;
    struct prefix_path *path;
    struct error error;
    bed_init(&bed, &options);
    count_up(tokens, 16, 1);
    (void)bed_request(&bed, "t", tokens, 12, 0, 1);
    const struct prefix_query query = query_of("t", tokens, 10, 2);
    assert_int_equal(prefix_tree_open(bed.tree, &query, &path, &hit, &error), OK);
    assert_int_equal(hit.tokens, 10);
    assert_int_equal(prefix_path_count(path), 3);
    const struct prefix_block last = prefix_path_block(path, 2);
    assert_int_equal(last.begin, 8);
    assert_int_equal(last.end, 12);
    assert_int_equal(last.used_end, 10);
    assert_int_equal(last.payload, 3);
    assert_int_equal(last.bytes, BLOCK_BYTES);
    assert_int_equal(prefix_path_block(path, 0).used_end, 4);
    prefix_tree_close(bed.tree, path);
    bed_deinit(&bed);
}

/* The reply is stored behind its prompt by a second claim. */
static void test_claim_again(void **state)
{
    (void)state;
    struct bed bed = {0};
    const struct prefix_options options = bed_options(&bed);
    const struct prefix_checkpoint prompt = {6, 300}, reply = {14, 0};
    int32_t tokens[16];
    struct prefix_hit hit;
    struct prefix_path *path;
    struct error error;
    bed_init(&bed, &options);
    count_up(tokens, 16, 1);
    const struct prefix_query query = query_of("t", tokens, 6, 1);
    assert_int_equal(prefix_tree_open(bed.tree, &query, &path, &hit, &error), OK);
    prefix_tree_use(bed.tree, path, 1);
    assert_int_equal(prefix_tree_claim(bed.tree, path, tokens, 6, &prompt, 1, 1, &error), OK);
    bed_commit_all(&bed, path, 2);
    assert_int_equal(prefix_tree_claim(bed.tree, path, tokens, 14, &reply, 1, 3, &error), OK);
    bed_commit_all(&bed, path, 4);
    prefix_tree_close(bed.tree, path);
    assert_int_equal(stats_of(&bed).blocks[CACHE_MEMORY], 5); /* 0-4, 4-6, 4-8, 8-12, 12-14 */
    assert_int_equal(bed_peek(&bed, "t", tokens, 16, 5).tokens, 14);
    bed_deinit(&bed);
}

/* --- why a request missed ----------------------------------------------------------------------------- */

static void test_reasons(void **state)
{
    (void)state;
    struct bed bed = {0};
    struct prefix_options options = bed_options(&bed);
    options.memory_bytes = 4 * BLOCK_BYTES;
    options.new_below = 3;
    int32_t tokens[20], other[20];
    bed_init(&bed, &options);
    count_up(tokens, 20, 1);
    assert_int_equal(bed_peek(&bed, "t", tokens, 16, 0).miss, PREFIX_FIRST_USE);
    (void)bed_request(&bed, "t", tokens, 16, 300, 0);
    assert_int_equal(bed_peek(&bed, "t", tokens, 16, 1).miss, PREFIX_NO_MISS);
    assert_int_equal(bed_peek(&bed, "t", tokens, 20, 1).miss, PREFIX_FIRST_USE); /* it went on */
    memcpy(other, tokens, sizeof(other));
    other[9] = 99;
    struct prefix_hit hit = bed_peek(&bed, "t", other, 20, 1);
    assert_int_equal(hit.miss, PREFIX_CHANGED);
    assert_int_equal(hit.changed_at, 9);
    other[2] = 99;
    assert_int_equal(bed_peek(&bed, "t", other, 20, 1).miss, PREFIX_FIRST_USE); /* two tokens are nothing */
    hit = bed_peek(&bed, "t", tokens, 16, 412 * SECOND);
    assert_int_equal(hit.tokens, 0);
    assert_int_equal(hit.miss, PREFIX_EXPIRED);
    assert_int_equal(hit.age_s, 412);
    /* A change is seen in what is gone, too. */
    memcpy(other, tokens, sizeof(other));
    other[13] = 99;
    hit = bed_peek(&bed, "t", other, 16, 412 * SECOND);
    assert_int_equal(hit.miss, PREFIX_EXPIRED);
    (void)bed_request(&bed, "t", tokens, 16, 0, 413 * SECOND);
    count_up(other, 8, 1000);
    (void)bed_request(&bed, "t", other, 8, 0, 414 * SECOND);
    hit = bed_peek(&bed, "t", tokens, 16, 415 * SECOND);
    assert_int_equal(hit.tokens, 8);
    assert_int_equal(hit.miss, PREFIX_EVICTED);
    bed_check(&bed);
    bed_deinit(&bed);
}

/* --- times to live ------------------------------------------------------------------------------------ */

static void test_ttl_is_renewed_by_each_hit(void **state)
{
    (void)state;
    struct bed bed = {0};
    const struct prefix_options options = bed_options(&bed);
    int32_t tokens[8];
    bed_init(&bed, &options);
    count_up(tokens, 8, 1);
    (void)bed_request(&bed, "t", tokens, 8, 300, 0);
    assert_int_equal(bed_request(&bed, "t", tokens, 8, 300, 299 * SECOND).tokens, 8);
    assert_int_equal(bed_request(&bed, "t", tokens, 8, 300, 598 * SECOND).tokens, 8);
    assert_int_equal(bed_peek(&bed, "t", tokens, 8, 897 * SECOND).tokens, 8); /* a look renews nothing */
    assert_int_equal(bed_peek(&bed, "t", tokens, 8, 898 * SECOND).tokens, 0);
    assert_int_equal(stats_of(&bed).expired, 2);
    bed_deinit(&bed);
}

/* A 1h checkpoint before a 5m one: the parts expire apart, in order. */
static void test_ttl_of_each_checkpoint(void **state)
{
    (void)state;
    struct bed bed = {0};
    const struct prefix_options options = bed_options(&bed);
    const struct prefix_checkpoint two[] = {{8, 3600}, {14, 300}};
    int32_t tokens[16];
    struct prefix_hit hit;
    bed_init(&bed, &options);
    count_up(tokens, 16, 1);
    const struct prefix_query query = query_of("t", tokens, 15, 0);
    assert_int_equal(bed_try(&bed, &query, two, 2, &hit), OK);
    assert_int_equal(bed_peek(&bed, "t", tokens, 15, 299 * SECOND).tokens, 14);
    hit = bed_peek(&bed, "t", tokens, 15, 301 * SECOND);
    assert_int_equal(hit.tokens, 8);
    assert_int_equal(hit.miss, PREFIX_EXPIRED);
    bed_check(&bed);
    /* All at once after a long silence, children before parents. */
    (void)bed_try(&bed, &query, two, 2, &hit);
    assert_int_equal(bed_peek(&bed, "t", tokens, 15, 9000 * SECOND).tokens, 0);
    assert_int_equal(stats_of(&bed).blocks[CACHE_MEMORY], 0);
    bed_deinit(&bed);
}

/* A declared checkpoint under blocks of implicit caching, which stay. */
static void test_ttl_ends_under_a_block_without(void **state)
{
    (void)state;
    struct bed bed = {0};
    const struct prefix_options options = bed_options(&bed);
    const struct prefix_checkpoint two[] = {{4, 300}, {12, 0}};
    int32_t tokens[12];
    struct prefix_hit hit;
    bed_init(&bed, &options);
    count_up(tokens, 12, 1);
    const struct prefix_query query = query_of("t", tokens, 12, 0);
    assert_int_equal(bed_try(&bed, &query, two, 2, &hit), OK);
    assert_int_equal(bed_peek(&bed, "t", tokens, 12, 9000 * SECOND).tokens, 12);
    bed_deinit(&bed);
}

static void test_ttl_ends_while_pinned(void **state)
{
    (void)state;
    struct bed bed = {0};
    const struct prefix_options options = bed_options(&bed);
    int32_t tokens[8];
    struct prefix_hit hit;
    struct prefix_path *path;
    struct error error;
    bed_init(&bed, &options);
    count_up(tokens, 8, 1);
    (void)bed_request(&bed, "t", tokens, 8, 300, 0);
    const struct prefix_query query = query_of("t", tokens, 8, SECOND);
    assert_int_equal(prefix_tree_open(bed.tree, &query, &path, &hit, &error), OK);
    hit = bed_peek(&bed, "t", tokens, 8, 301 * SECOND);
    assert_int_equal(hit.tokens, 0);
    assert_int_equal(hit.miss, PREFIX_EXPIRED);
    assert_int_equal(stats_of(&bed).blocks[CACHE_MEMORY], 2); /* still being read */
    prefix_tree_close(bed.tree, path);
    assert_int_equal(stats_of(&bed).blocks[CACHE_MEMORY], 0);
    bed_deinit(&bed);
}

/* A request that lasts longer than the time to live: it begins again at its end. */
static void test_ttl_begins_when_the_request_ends(void **state)
{
    (void)state;
    struct bed bed = {0};
    const struct prefix_options options = bed_options(&bed);
    const struct prefix_checkpoint end = {8, 300};
    int32_t tokens[8], other[8];
    struct prefix_hit hit;
    struct prefix_path *path;
    struct error error;
    bed_init(&bed, &options);
    count_up(tokens, 8, 1);
    count_up(other, 8, 100);
    const struct prefix_query query = query_of("t", tokens, 8, 0);
    assert_int_equal(prefix_tree_open(bed.tree, &query, &path, &hit, &error), OK);
    prefix_tree_use(bed.tree, path, 0);
    assert_int_equal(prefix_tree_claim(bed.tree, path, tokens, 8, &end, 1, 0, &error), OK);
    bed_commit_all(&bed, path, SECOND);
    (void)bed_request(&bed, "t", other, 8, 300, 400 * SECOND);
    prefix_tree_close(bed.tree, path);
    assert_int_equal(bed_peek(&bed, "t", tokens, 8, 699 * SECOND).tokens, 8);
    assert_int_equal(bed_peek(&bed, "t", tokens, 8, 700 * SECOND).tokens, 0);
    bed_deinit(&bed);
}

static void test_too_many_ttls(void **state)
{
    (void)state;
    struct bed bed = {0};
    const struct prefix_options options = bed_options(&bed);
    int32_t tokens[4] = {1, 2, 3, 4};
    struct prefix_hit hit;
    bed_init(&bed, &options);
    for (uint32_t i = 1; i < CACHE_TTL_CLASSES; i++)
        (void)bed_request(&bed, "t", tokens, 4, 60 * i, i);
    const struct prefix_query query = query_of("t", tokens, 4, 100);
    const struct prefix_checkpoint one_more = {4, 7};
    assert_int_equal(bed_try(&bed, &query, &one_more, 1, &hit), ERROR_INVALID);
    assert_int_equal(hit.tokens, 4);
    bed_deinit(&bed);
}

/* --- budgets ------------------------------------------------------------------------------------------ */

static void test_floor_and_ceiling(void **state)
{
    (void)state;
    struct bed bed = {0};
    struct prefix_options options = bed_options(&bed);
    options.memory_bytes = 40 * BLOCK_BYTES;
    int32_t tokens[80];
    struct error error;
    bed_init(&bed, &options);
    assert_int_equal(prefix_tree_set_tenant(bed.tree, STR("small"), 10 * BLOCK_BYTES, 0, &error), OK);
    assert_int_equal(prefix_tree_set_tenant(bed.tree, STR("capped"), 0, 5 * BLOCK_BYTES, &error), OK);
    assert_int_equal(prefix_tree_set_tenant(bed.tree, STR("x"), 30 * BLOCK_BYTES, 0, &error), OK);
    assert_int_equal(prefix_tree_set_tenant(bed.tree, STR("x"), 31 * BLOCK_BYTES, 0, &error), ERROR_INVALID);
    assert_int_equal(prefix_tree_set_tenant(bed.tree, STR("x"), 0, 0, &error), OK);
    assert_int_equal(prefix_tree_set_tenant(bed.tree, STR("x"), 20, 10, &error), ERROR_INVALID);
    count_up(tokens, 80, 1);
    (void)bed_request(&bed, "small", tokens, 60, 0, 0); /* 15 blocks, 10 of them safe */
    for (int i = 1; i < 100; i++) {
        count_up(tokens, 80, 1000 * i);
        (void)bed_request(&bed, "large", tokens, 40, 0, (uint64_t)i);
    }
    assert_int_equal(prefix_tree_tenant_bytes(bed.tree, STR("small"), CACHE_MEMORY), 10 * BLOCK_BYTES);
    assert_int_equal(prefix_tree_tenant_bytes(bed.tree, STR("large"), CACHE_MEMORY), 30 * BLOCK_BYTES);
    count_up(tokens, 80, 1);
    assert_int_equal(bed_peek(&bed, "small", tokens, 60, 200).tokens, 40);
    (void)bed_request(&bed, "capped", tokens, 16, 0, 201);
    count_up(tokens, 80, 500);
    (void)bed_request(&bed, "capped", tokens, 12, 0, 202);
    assert_in_range(prefix_tree_tenant_bytes(bed.tree, STR("capped"), CACHE_MEMORY), 1, 5 * BLOCK_BYTES);
    assert_int_equal(bed_peek(&bed, "capped", tokens, 12, 203).tokens, 12);
    count_up(tokens, 80, 1);
    assert_in_range(bed_peek(&bed, "capped", tokens, 16, 203).tokens, 0, 8); /* gave up its own, the end first */
    (void)bed_request(&bed, "capped", tokens, 80, 0, 204); /* 20 blocks will not fit below 5 */
    assert_true(prefix_tree_tenant_bytes(bed.tree, STR("capped"), CACHE_MEMORY) <= 5 * BLOCK_BYTES);
    assert_int_equal(prefix_tree_tenant_bytes(bed.tree, STR("nobody"), CACHE_MEMORY), 0);
    bed_deinit(&bed);
}

static void test_pinned_blocks_stay(void **state)
{
    (void)state;
    struct bed bed = {0};
    struct prefix_options options = bed_options(&bed);
    options.memory_bytes = 4 * BLOCK_BYTES;
    int32_t tokens[16], other[16];
    struct prefix_hit hit;
    struct prefix_path *path;
    struct error error;
    bed_init(&bed, &options);
    count_up(tokens, 16, 1);
    count_up(other, 16, 500);
    (void)bed_request(&bed, "t", tokens, 16, 0, 0);
    const struct prefix_query query = query_of("t", tokens, 12, 1);
    assert_int_equal(prefix_tree_open(bed.tree, &query, &path, &hit, &error), OK);
    (void)bed_request(&bed, "t", other, 16, 0, 2); /* one place is free for it, no more */
    bed_check(&bed);
    assert_int_equal(bed_peek(&bed, "t", other, 16, 3).tokens, 4);
    assert_int_equal(bed_peek(&bed, "t", tokens, 16, 3).tokens, 12);
    assert_int_equal(stats_of(&bed).refused, 1);
    prefix_tree_close(bed.tree, path);
    (void)bed_request(&bed, "t", other, 16, 0, 4);
    assert_int_equal(bed_peek(&bed, "t", other, 16, 5).tokens, 16);
    bed_deinit(&bed);
}

static void test_wanted_blocks_go_last(void **state)
{
    (void)state;
    struct bed bed = {0};
    struct prefix_options options = bed_options(&bed);
    options.memory_bytes = 6 * BLOCK_BYTES;
    int32_t tokens[8], other[8];
    struct prefix_path *want;
    struct error error;
    bed_init(&bed, &options);
    count_up(tokens, 8, 1);
    (void)bed_request(&bed, "t", tokens, 8, 0, 0);
    const struct prefix_query query = query_of("t", tokens, 8, 1);
    assert_int_equal(prefix_tree_want(bed.tree, &query, &want, &error), OK);
    for (int i = 1; i < 10; i++) {
        count_up(other, 8, 100 * i);
        (void)bed_request(&bed, "t", other, 8, 0, (uint64_t)i);
        bed_check(&bed);
    }
    assert_int_equal(bed_peek(&bed, "t", tokens, 8, 20).tokens, 8);
    /* Without anything else they go, and the path stays valid. */
    int32_t longest[24];
    count_up(longest, 24, 5000);
    (void)bed_request(&bed, "t", longest, 24, 0, 21);
    assert_int_equal(bed_peek(&bed, "t", tokens, 8, 22).tokens, 0);
    bed_check(&bed);
    prefix_tree_close(bed.tree, want);
    bed_deinit(&bed);
}

/* --- one prefill for many ----------------------------------------------------------------------------- */

struct sleeper {
    struct prefix_waiter waiter;
    int woken;
    bool is_ready;
};

static int wake_count;

static void wake(struct prefix_waiter *waiter, bool is_ready)
{
    struct sleeper *sleeper = (struct sleeper *)waiter;
    sleeper->woken = ++wake_count;
    sleeper->is_ready = is_ready;
}

static struct prefix_path *open_and_claim(struct bed *bed, const int32_t *tokens, uint32_t count, uint64_t now_us)
{
    const struct prefix_query query = query_of("t", tokens, count, now_us);
    const struct prefix_checkpoint end = {count, 300};
    struct prefix_path *path;
    struct prefix_hit hit;
    struct error error;
    assert_int_equal(prefix_tree_open(bed->tree, &query, &path, &hit, &error), OK);
    prefix_tree_use(bed->tree, path, now_us);
    assert_int_equal(prefix_tree_claim(bed->tree, path, tokens, count, &end, 1, now_us, &error), OK);
    return path;
}

static void commit_one(struct bed *bed, struct prefix_path *path, uint64_t now_us)
{
    bed->live[CACHE_MEMORY]++, bed->live_bytes[CACHE_MEMORY] += BLOCK_BYTES;
    assert_true(prefix_tree_commit(bed->tree, path, ++bed->next_payload, BLOCK_BYTES, now_us));
}

static void test_waiting_for_a_prefill(void **state)
{
    (void)state;
    struct bed bed = {0};
    const struct prefix_options options = bed_options(&bed);
    int32_t tokens[12], other[12];
    struct sleeper all = {.waiter.wake = wake}, half = {.waiter.wake = wake};
    uint32_t begin, end;
    bed_init(&bed, &options);
    count_up(tokens, 12, 1);
    memcpy(other, tokens, sizeof(other));
    other[7] = 99;
    struct prefix_path *first = open_and_claim(&bed, tokens, 11, 1);
    struct prefix_hit hit = bed_peek(&bed, "t", tokens, 12, 2);
    assert_int_equal(hit.tokens, 0);
    assert_int_equal(hit.pending_tokens, 11);
    prefix_tree_wait(bed.tree, &hit, &all.waiter);
    hit = bed_peek(&bed, "t", other, 12, 2);
    assert_int_equal(hit.pending_tokens, 4);
    prefix_tree_wait(bed.tree, &hit, &half.waiter);
    /* A second one claims nothing of it meanwhile, and has to wait with what it has behind it. */
    struct prefix_path *second = open_and_claim(&bed, tokens, 12, 3);
    assert_false(prefix_path_next_claim(second, &begin, &end));
    assert_false(prefix_path_is_orphan(second));
    prefix_tree_close(bed.tree, second);
    commit_one(&bed, first, 4);
    assert_true(half.woken && half.is_ready && !all.woken);
    commit_one(&bed, first, 5);
    assert_true(prefix_path_next_claim(first, &begin, &end));
    assert_int_equal(begin, 8);
    assert_int_equal(end, 11);
    commit_one(&bed, first, 6);
    assert_true(all.woken && all.is_ready);
    hit = bed_peek(&bed, "t", tokens, 12, 7);
    assert_int_equal(hit.tokens, 11);
    assert_int_equal(hit.pending_tokens, 0);
    prefix_tree_unwait(bed.tree, &all.waiter);
    prefix_tree_close(bed.tree, first);
    bed_deinit(&bed);
}

static void test_hand_over_when_it_fails(void **state)
{
    (void)state;
    struct bed bed = {0};
    const struct prefix_options options = bed_options(&bed);
    int32_t tokens[12];
    struct sleeper sleepers[3] = {{.waiter.wake = wake}, {.waiter.wake = wake}, {.waiter.wake = wake}};
    bed_init(&bed, &options);
    count_up(tokens, 12, 1);
    struct prefix_path *first = open_and_claim(&bed, tokens, 12, 1);
    for (size_t i = 0; i < 3; i++) {
        const struct prefix_hit hit = bed_peek(&bed, "t", tokens, 12, 2);
        prefix_tree_wait(bed.tree, &hit, &sleepers[i].waiter);
    }
    prefix_tree_unwait(bed.tree, &sleepers[1].waiter); /* its client went away */
    commit_one(&bed, first, 3);
    prefix_tree_close(bed.tree, first);
    assert_true(sleepers[0].woken && !sleepers[0].is_ready && sleepers[2].woken > sleepers[0].woken);
    assert_false(sleepers[1].woken);
    bed_check(&bed);
    /* The first to be woken goes on where the other stopped; the next waits for it. */
    struct prefix_path *second = open_and_claim(&bed, tokens, 12, 4);
    const struct prefix_hit hit = bed_peek(&bed, "t", tokens, 12, 5);
    assert_int_equal(hit.tokens, 4);
    assert_int_equal(hit.pending_tokens, 12);
    bed_commit_all(&bed, second, 6);
    prefix_tree_close(bed.tree, second);
    assert_int_equal(bed_peek(&bed, "t", tokens, 12, 7).tokens, 12);
    assert_int_equal(stats_of(&bed).stored, 3);
    bed_deinit(&bed);
}

/* Two prompts that begin alike: each stores its own part, the beginning is the first one's. */
static void test_claims_behind_anothers(void **state)
{
    (void)state;
    struct bed bed = {0};
    const struct prefix_options options = bed_options(&bed);
    int32_t tokens[12], other[12];
    uint32_t begin, end;
    bed_init(&bed, &options);
    count_up(tokens, 12, 1);
    memcpy(other, tokens, sizeof(other));
    other[4] = 99;
    struct prefix_path *first = open_and_claim(&bed, tokens, 12, 1);
    struct prefix_path *second = open_and_claim(&bed, other, 12, 2);
    assert_int_equal(bed_peek(&bed, "t", other, 12, 3).pending_tokens, 12); /* whoever wants it waits for it */
    assert_false(prefix_path_next_claim(second, &begin, &end));
    commit_one(&bed, first, 4);
    assert_true(prefix_path_next_claim(second, &begin, &end));
    assert_int_equal(begin, 4);
    bed_commit_all(&bed, second, 5);
    bed_check(&bed);
    prefix_tree_close(bed.tree, first);
    prefix_tree_close(bed.tree, second);
    assert_int_equal(bed_peek(&bed, "t", other, 12, 6).tokens, 12);
    assert_int_equal(bed_peek(&bed, "t", tokens, 12, 6).tokens, 4);
    bed_deinit(&bed);
}

static void test_what_was_given_up_above(void **state)
{
    (void)state;
    struct bed bed = {0};
    const struct prefix_options options = bed_options(&bed);
    const struct prefix_checkpoint whole = {12, 300};
    struct error error;
    int32_t tokens[12], other[12];
    uint32_t begin, end;
    bed_init(&bed, &options);
    count_up(tokens, 12, 1);
    memcpy(other, tokens, sizeof(other));
    other[9] = 99;
    struct prefix_path *first = open_and_claim(&bed, tokens, 12, 1);
    struct prefix_path *second = open_and_claim(&bed, other, 12, 2);
    commit_one(&bed, first, 3);
    assert_false(prefix_path_is_orphan(second)); /* the block from 4 is still on its way */
    prefix_tree_close(bed.tree, first);
    assert_true(prefix_path_is_orphan(second));
    assert_false(prefix_path_next_claim(second, &begin, &end));
    prefix_tree_yield(bed.tree, second);
    assert_int_equal(prefix_tree_claim(bed.tree, second, other, 12, &whole, 1, 4, &error), OK);
    assert_true(!prefix_path_is_orphan(second) && prefix_path_next_claim(second, &begin, &end));
    assert_int_equal(begin, 4);
    bed_commit_all(&bed, second, 5);
    bed_check(&bed);
    prefix_tree_close(bed.tree, second);
    assert_int_equal(bed_peek(&bed, "t", other, 12, 6).tokens, 12);
    bed_deinit(&bed);
}

/* --- disk --------------------------------------------------------------------------------------------- */

static void test_disk(void **state)
{
    (void)state;
    struct bed bed = {0};
    struct prefix_options options = bed_options(&bed);
    options.memory_bytes = 4 * BLOCK_BYTES;
    options.disk_bytes = 6 * BLOCK_BYTES;
    int32_t tokens[16], other[16];
    bed_init(&bed, &options);
    count_up(tokens, 16, 1);
    count_up(other, 16, 100);
    (void)bed_request(&bed, "t", tokens, 16, 0, 0);
    (void)bed_request(&bed, "t", other, 12, 0, 1);
    bed_check(&bed);
    assert_int_equal(stats_of(&bed).blocks[CACHE_DISK], 3);
    struct prefix_hit hit = bed_peek(&bed, "t", tokens, 16, 2);
    assert_int_equal(hit.tokens, 16);
    assert_int_equal(hit.disk_tokens, 12);
    assert_int_equal(bed_request(&bed, "t", tokens, 16, 0, 3).tokens, 16); /* the two change places */
    assert_int_equal(stats_of(&bed).promoted, 3);
    assert_int_equal(bed_peek(&bed, "t", other, 12, 4).disk_tokens, 12);
    bed_check(&bed);
    /* Disk and memory full: the longest unused go for good. */
    count_up(other, 16, 200);
    (void)bed_request(&bed, "t", other, 16, 0, 5);
    assert_int_equal(stats_of(&bed).blocks[CACHE_DISK], 6);
    assert_int_equal(stats_of(&bed).evicted, 1);
    bed_deinit(&bed);
}

static void test_disk_fails(void **state)
{
    (void)state;
    struct bed bed = {0};
    struct prefix_options options = bed_options(&bed);
    options.memory_bytes = 4 * BLOCK_BYTES;
    options.disk_bytes = 8 * BLOCK_BYTES;
    int32_t tokens[16], other[16];
    struct prefix_hit hit;
    bed_init(&bed, &options);
    count_up(tokens, 16, 1);
    count_up(other, 16, 100);
    (void)bed_request(&bed, "t", tokens, 16, 0, 0);
    (void)bed_request(&bed, "t", other, 8, 0, 1);
    bed.is_disk_broken = true;
    hit = bed_request(&bed, "t", tokens, 16, 0, 2); /* two blocks are read, two computed anew */
    assert_int_equal(hit.tokens, 8);
    bed_check(&bed);
    assert_int_equal(bed_peek(&bed, "t", tokens, 16, 3).tokens, 16);
    bed.is_disk_full = true;
    count_up(other, 16, 300);
    (void)bed_request(&bed, "t", other, 16, 0, 4);
    bed_check(&bed);
    assert_int_equal(bed_peek(&bed, "t", other, 16, 5).tokens, 16);
    assert_int_equal(bed_peek(&bed, "t", tokens, 16, 5).tokens, 0);
    bed_deinit(&bed);
}

/* --- lists -------------------------------------------------------------------------------------------- */

/* A beginning that two prompts share is one piece, what each goes on with another; the largest comes first. */
static void test_pieces_are_listed(void **state)
{
    (void)state;
    struct bed bed = {0};
    const struct prefix_options options = bed_options(&bed);
    struct prefix_kept kept[8];
    struct prefix_share shares[8];
    bool is_partial;
    int32_t a[24], b[24];
    bed_init(&bed, &options);
    count_up(a, 24, 1);
    memcpy(b, a, sizeof(b));
    b[12] = 99;
    (void)bed_request(&bed, "shop", a, 24, 0, 1 * SECOND);
    (void)bed_request(&bed, "shop", b, 16, 300, 2 * SECOND);
    (void)bed_request(&bed, "shop", b, 16, 300, 12 * SECOND);
    (void)bed_request(&bed, "bank", b, 8, 0, 13 * SECOND);
    uint32_t count = prefix_tree_list(bed.tree, STR("shop"), 20 * SECOND, kept, 8, &is_partial);
    assert_int_equal(count, 3);
    assert_false(is_partial);
    assert_int_equal(kept[0].tokens, kept[0].own_tokens == 12 && kept[0].hits == 2 ? 12 : 24);
    for (uint32_t i = 0; i < count; i++) {
        const struct prefix_kept *piece = &kept[i];
        assert_string_equal(piece->tenant, "shop");
        assert_int_equal(piece->place, CACHE_MEMORY);
        assert_int_equal(piece->bytes, piece->own_tokens / BLOCK * BLOCK_BYTES);
        if (piece->tokens == 12) { /* what they share */
            assert_int_equal(piece->own_tokens, 12);
            assert_int_equal(piece->hits, 2);
            assert_int_equal(piece->idle_s, 8);
            assert_int_equal(piece->expires_s, 292);
        } else if (piece->tokens == 16) {
            assert_int_equal(piece->own_tokens, 4);
            assert_int_equal(piece->hits, 1);
            assert_int_equal(piece->expires_s, 292);
        } else {
            assert_int_equal(piece->tokens, 24);
            assert_int_equal(piece->own_tokens, 12);
            assert_int_equal(piece->hits, 0);
            assert_int_equal(piece->expires_s, PREFIX_NEVER);
            assert_int_equal(piece->idle_s, 19);
        }
    }
    assert_int_equal(prefix_tree_list(bed.tree, (struct str){NULL, 0}, 20 * SECOND, kept, 8, &is_partial), 4);
    assert_int_equal(prefix_tree_list(bed.tree, STR("nobody"), 20 * SECOND, kept, 8, &is_partial), 0);
    assert_int_equal(prefix_tree_list(bed.tree, (struct str){NULL, 0}, 20 * SECOND, kept, 1, &is_partial), 1);
    assert_int_equal(kept[0].bytes, 3 * BLOCK_BYTES);
    assert_int_equal(prefix_tree_shares(bed.tree, (struct str){NULL, 0}, shares, 8), 2);
    assert_int_equal(prefix_tree_shares(bed.tree, STR("bank"), shares, 8), 1);
    assert_string_equal(shares[0].tenant, "bank");
    assert_int_equal(shares[0].bytes[CACHE_MEMORY], 2 * BLOCK_BYTES);
    bed_deinit(&bed);
}

/* More blocks than a question may look at: it says so. */
static void test_lists_are_bounded(void **state)
{
    (void)state;
    struct bed bed = {0};
    struct prefix_options options = bed_options(&bed);
    struct prefix_kept kept[8];
    bool is_partial;
    int32_t tokens[8];
    options.memory_bytes = UINT64_C(2) * PREFIX_LIST_LOOKS * BLOCK_BYTES;
    options.nodes_max = 4 * PREFIX_LIST_LOOKS;
    bed_init(&bed, &options);
    for (int32_t i = 0; i < (int32_t)PREFIX_LIST_LOOKS + 100; i++) {
        count_up(tokens, 4, i * 5);
        (void)bed_request(&bed, "t", tokens, 4, 0, 1);
    }
    assert_int_equal(prefix_tree_list(bed.tree, STR("t"), 2, kept, 8, &is_partial), 8);
    assert_true(is_partial);
    bed_deinit(&bed);
}

/* --- snapshots ---------------------------------------------------------------------------------------- */

static void test_snapshots(void **state)
{
    (void)state;
    struct bed bed = {0};
    struct prefix_options options = bed_options(&bed);
    options.is_snapshot = true;
    options.memory_bytes = 3 * BLOCK_BYTES;
    const struct prefix_checkpoint three[] = {{6, 0}, {8, 0}, {13, 0}}, later = {17, 0};
    int32_t tokens[20], other[20];
    struct prefix_hit hit;
    struct prefix_path *path;
    struct error error;
    bed_init(&bed, &options);
    count_up(tokens, 20, 1);
    struct prefix_query query = query_of("t", tokens, 15, 0);
    assert_int_equal(bed_try(&bed, &query, three, 3, &hit), OK);
    assert_int_equal(stats_of(&bed).blocks[CACHE_MEMORY], 3);
    assert_int_equal(stats_of(&bed).tokens[CACHE_MEMORY], 6 + 8 + 5);
    assert_int_equal(bed_peek(&bed, "t", tokens, 15, 1).tokens, 13);
    assert_int_equal(bed_peek(&bed, "t", tokens, 12, 1).tokens, 8);
    assert_int_equal(bed_peek(&bed, "t", tokens, 7, 1).tokens, 6);
    assert_int_equal(bed_peek(&bed, "t", tokens, 5, 1).tokens, 0);
    memcpy(other, tokens, sizeof(other));
    other[7] = 99;
    hit = bed_peek(&bed, "t", other, 15, 1);
    assert_int_equal(hit.tokens, 6);
    assert_int_equal(hit.miss, PREFIX_CHANGED);
    assert_int_equal(hit.changed_at, 7);
    const uint32_t positions[] = {6, 10};
    query.positions = positions;
    query.position_count = 2;
    prefix_tree_peek(bed.tree, &query, &hit);
    assert_int_equal(hit.tokens, 6); /* not at 8, where nobody asked */
    query.positions = NULL;
    assert_int_equal(prefix_tree_open(bed.tree, &query, &path, &hit, &error), OK);
    assert_int_equal(prefix_path_count(path), 1);
    assert_int_equal(prefix_path_block(path, 0).begin, 0);
    assert_int_equal(prefix_path_block(path, 0).used_end, 13);
    prefix_tree_close(bed.tree, path);
    /* A fourth takes the place of the one unused for longest, parent or not. */
    query.count = 19;
    assert_int_equal(bed_try(&bed, &query, &later, 1, &hit), OK);
    assert_int_equal(hit.tokens, 13);
    assert_int_equal(bed_peek(&bed, "t", tokens, 19, 2).tokens, 17);
    assert_int_equal(bed_peek(&bed, "t", tokens, 16, 2).tokens, 13);
    bed_deinit(&bed);
}

static void test_waiting_for_a_snapshot(void **state)
{
    (void)state;
    struct bed bed = {0};
    struct prefix_options options = bed_options(&bed);
    options.is_snapshot = true;
    int32_t tokens[12];
    struct sleeper sleeper = {.waiter.wake = wake};
    bed_init(&bed, &options);
    count_up(tokens, 12, 1);
    struct prefix_path *path = open_and_claim(&bed, tokens, 10, 1);
    struct prefix_hit hit = bed_peek(&bed, "t", tokens, 12, 2);
    assert_int_equal(hit.pending_tokens, 10);
    prefix_tree_wait(bed.tree, &hit, &sleeper.waiter);
    commit_one(&bed, path, 3);
    assert_true(sleeper.woken && sleeper.is_ready);
    prefix_tree_close(bed.tree, path);
    hit = bed_peek(&bed, "t", tokens, 12, 301 * SECOND + 3);
    assert_int_equal(hit.miss, PREFIX_EXPIRED);
    bed_deinit(&bed);
}

/* --- no memory ---------------------------------------------------------------------------------------- */

static enum error_code busy_hour(struct bed *bed)
{
    struct prefix_hit hit;
    struct error error;
    int32_t tokens[40];
    enum error_code code = prefix_tree_set_tenant(bed->tree, STR("b"), 20, 100, &error);
    for (uint32_t i = 0; code == OK && i < 12; i++) {
        const struct prefix_checkpoint two[] = {{6, 3600}, {17 + i, 300}};
        struct prefix_path *want;
        count_up(tokens, 40, 1 + (int32_t)(i % 5));
        const struct prefix_query query = query_of(i % 2 ? "a" : "b", tokens, 30, i);
        code = prefix_tree_want(bed->tree, &query, &want, &error);
        if (code != OK)
            break;
        code = bed_try(bed, &query, two, 2, &hit);
        bed_check(bed);
        prefix_tree_close(bed->tree, want);
    }
    return code;
}

static void fail_each_allocation(bool is_snapshot)
{
    enum error_code code = ERROR_NO_MEMORY;
    for (uint64_t nth = 1; code != OK; nth++) {
        struct bed bed = {0};
        struct prefix_options options = bed_options(&bed);
        struct error error;
        options.is_snapshot = is_snapshot;
        options.policy = CACHE_POLICY_VALUE;
        options.memory_bytes = 15 * BLOCK_BYTES;
        options.disk_bytes = 5 * BLOCK_BYTES;
        options.ghosts_max = 10;
        mem_fail_at(nth);
        code = prefix_tree_new(&options, &bed.tree, &error);
        if (code == OK) {
            code = busy_hour(&bed);
            mem_fail_at(0);
            bed_check(&bed);
            assert_int_equal(busy_hour(&bed), OK); /* it works on */
            bed_deinit(&bed);
        }
        mem_fail_at(0);
        assert_true(code == OK || code == ERROR_NO_MEMORY);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    fail_each_allocation(false);
    fail_each_allocation(true);
}

/* --- against a naive reference ------------------------------------------------------------------------ */

#define PROMPTS_MAX 600
#define PROMPT_MAX 30u

struct stored_prompt {
    char tenant;
    uint32_t count; /* stored up to here */
    int32_t tokens[PROMPT_MAX];
};

static uint32_t longest_stored(const struct stored_prompt *prompts, size_t count, char tenant, const int32_t *tokens,
                               uint32_t token_count, bool is_snapshot)
{
    uint32_t best = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t shared = 0;
        while (prompts[i].tenant == tenant && shared < token_count && shared < prompts[i].count &&
               prompts[i].tokens[shared] == tokens[shared])
            shared++;
        if (is_snapshot && shared < prompts[i].count)
            continue;
        best = shared > best ? shared : best;
    }
    return best;
}

static void make_prompt(struct rng *rng, int32_t *tokens, uint32_t *count)
{
    *count = 1 + (uint32_t)rng_below(rng, PROMPT_MAX);
    for (uint32_t i = 0; i < *count; i++)
        tokens[i] = (int32_t)rng_below(rng, i % 3 == 0 ? 3 : 1);
}

/* With room for all, hits are exactly those of a search through all prompts. */
static void compare_with_reference(bool is_snapshot, uint64_t seed)
{
    static struct stored_prompt prompts[PROMPTS_MAX];
    struct bed bed = {0};
    struct prefix_options options = bed_options(&bed);
    struct rng rng;
    options.is_snapshot = is_snapshot;
    options.memory_bytes = 100000 * BLOCK_BYTES;
    options.policy = CACHE_POLICY_VALUE;
    bed_init(&bed, &options);
    rng_seed(&rng, seed);
    for (size_t i = 0; i < PROMPTS_MAX; i++) {
        struct stored_prompt *prompt = &prompts[i];
        *prompt = (struct stored_prompt){.tenant = (char)('a' + rng_below(&rng, 3))};
        const char tenant[2] = {prompt->tenant, 0};
        make_prompt(&rng, prompt->tokens, &prompt->count);
        const uint32_t expected =
            longest_stored(prompts, i, prompt->tenant, prompt->tokens, prompt->count, is_snapshot);
        assert_int_equal(bed_request(&bed, tenant, prompt->tokens, prompt->count, 0, i).tokens, expected);
    }
    bed_deinit(&bed);
}

static void test_against_reference(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        compare_with_reference(false, seed);
        compare_with_reference(true, seed);
    }
}

#define PATHS_MAX 8

struct player {
    struct prefix_path *path;
    int32_t tokens[PROMPT_MAX];
    uint32_t count;
    bool is_want;
};

static void play(struct bed *bed, struct rng *rng, struct player *player, uint64_t now_us)
{
    struct prefix_hit hit;
    struct error error;
    uint32_t begin, end;
    if (player->path == NULL) {
        const char tenant[2] = {(char)('a' + rng_below(rng, 4)), 0};
        make_prompt(rng, player->tokens, &player->count);
        const struct prefix_query query = query_of(tenant, player->tokens, player->count, now_us);
        player->is_want = rng_below(rng, 4) == 0;
        if (player->is_want) {
            assert_int_equal(prefix_tree_want(bed->tree, &query, &player->path, &error), OK);
            return;
        }
        struct prefix_hit asked;
        prefix_tree_peek(bed->tree, &query, &asked);
        assert_int_equal(prefix_tree_open(bed->tree, &query, &player->path, &hit, &error), OK);
        assert_int_equal(asked.tokens, hit.tokens); /* a question is answered with what an open finds */
        assert_int_equal(asked.disk_tokens, hit.disk_tokens);
        assert_true(hit.tokens <= player->count);
        bed->is_disk_broken = rng_below(rng, 10) == 0;
        assert_true(prefix_tree_load(bed->tree, player->path) <= hit.tokens);
        if (rng_below(rng, 8) == 0)
            return; /* never admitted */
        const struct prefix_checkpoint two[] = {{1 + (uint32_t)rng_below(rng, player->count), 3600},
                                                {player->count, rng_below(rng, 2) ? 300 : 0}};
        const bool has_two = two[0].position < two[1].position;
        prefix_tree_use(bed->tree, player->path, now_us);
        assert_int_equal(prefix_tree_claim(bed->tree, player->path, player->tokens, player->count,
                                           has_two ? two : two + 1, has_two ? 2 : 1, now_us, &error), OK);
    } else if (!player->is_want && rng_below(rng, 4) != 0 && prefix_path_next_claim(player->path, &begin, &end)) {
        const uint64_t bytes = 1 + rng_below(rng, 2 * BLOCK_BYTES);
        bed->live[CACHE_MEMORY]++, bed->live_bytes[CACHE_MEMORY] += bytes;
        bed->is_disk_full = rng_below(rng, 10) == 0;
        (void)prefix_tree_commit(bed->tree, player->path, ++bed->next_payload, bytes, now_us);
    } else {
        prefix_tree_close(bed->tree, player->path);
        player->path = NULL;
    }
}

/* Tight budgets, requests that overlap, expiry, failing disk: the invariants hold after each step. */
static void test_invariants_hold(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct bed bed = {0};
        struct prefix_options options = bed_options(&bed);
        struct player players[PATHS_MAX] = {0};
        struct error error;
        struct rng rng;
        options.policy = (enum cache_policy_kind)(seed % 3);
        options.is_snapshot = seed % 2;
        options.memory_bytes = 60 * BLOCK_BYTES;
        options.disk_bytes = seed % 4 < 2 ? 0 : 40 * BLOCK_BYTES;
        options.ghosts_max = 30;
        options.nodes_max = seed % 5 == 0 ? 100 : 400;
        bed_init(&bed, &options);
        rng_seed(&rng, seed);
        assert_int_equal(prefix_tree_set_tenant(bed.tree, STR("a"), 10 * BLOCK_BYTES, 0, &error), OK);
        assert_int_equal(prefix_tree_set_tenant(bed.tree, STR("b"), 0, 20 * BLOCK_BYTES, &error), OK);
        for (uint64_t step = 0; step < 4000; step++) {
            play(&bed, &rng, &players[rng_below(&rng, PATHS_MAX)], step * 10 * SECOND);
            bed_check(&bed);
        }
        for (size_t i = 0; i < PATHS_MAX; i++)
            prefix_tree_close(bed.tree, players[i].path);
        bed_deinit(&bed);
    }
}

/* --- bounds ------------------------------------------------------------------------------------------- */

static void test_a_million_blocks(void **state)
{
    (void)state;
    struct bed bed = {0};
    struct prefix_options options = bed_options(&bed);
    options.policy = CACHE_POLICY_VALUE;
    options.nodes_max = 3000;
    options.disk_bytes = 500 * BLOCK_BYTES;
    int32_t tokens[10 * BLOCK];
    bed_init(&bed, &options);
    size_t before = 0;
    for (int32_t i = 0; i < 100000; i++) {
        count_up(tokens, 10 * BLOCK, i * 100);
        (void)bed_request(&bed, i % 2 ? "a" : "b", tokens, 10 * BLOCK, 300, (uint64_t)i * 1000);
        if (i == 10000)
            before = mem_heap_bytes();
    }
    assert_int_equal(stats_of(&bed).stored, 1000000);
    assert_true(stats_of(&bed).blocks[CACHE_LOST] <= options.ghosts_max);
    assert_true(mem_heap_bytes() <= before + 65536);
    bed_deinit(&bed);
}

/* One system prompt, very many questions: children of one block. */
static void test_many_siblings(void **state)
{
    (void)state;
    struct bed bed = {0};
    struct prefix_options options = bed_options(&bed);
    options.memory_bytes = 100000 * BLOCK_BYTES;
    options.nodes_max = 100000;
    int32_t tokens[8] = {1, 2, 3, 4, 0, 0, 0, 0};
    bed_init(&bed, &options);
    for (int32_t i = 0; i < 50000; i++) {
        tokens[4] = i; /* ascending: the worst order for a plain search tree */
        (void)bed_request(&bed, "t", tokens, 8, 0, (uint64_t)i);
    }
    tokens[4] = 77;
    tokens[6] = 5;
    const struct prefix_hit hit = bed_peek(&bed, "t", tokens, 8, 60000);
    assert_int_equal(hit.tokens, 6);
    assert_int_equal(hit.changed_at, 6);
    bed_deinit(&bed);
}

static void test_bad_options(void **state)
{
    (void)state;
    struct bed bed = {0};
    struct prefix_options options = bed_options(&bed);
    struct prefix_tree *tree;
    struct error error;
    options.block_tokens = 0;
    assert_int_equal(prefix_tree_new(&options, &tree, &error), ERROR_INVALID);
    options.block_tokens = PREFIX_BLOCK_TOKENS_MAX + 1;
    assert_int_equal(prefix_tree_new(&options, &tree, &error), ERROR_INVALID);
    prefix_tree_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefixes_are_shared),
        cmocka_unit_test(test_scopes_never_share),
        cmocka_unit_test(test_checkpoint_inside_a_block),
        cmocka_unit_test(test_blocks_of_a_path),
        cmocka_unit_test(test_claim_again),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_ttl_is_renewed_by_each_hit),
        cmocka_unit_test(test_ttl_of_each_checkpoint),
        cmocka_unit_test(test_ttl_ends_under_a_block_without),
        cmocka_unit_test(test_ttl_ends_while_pinned),
        cmocka_unit_test(test_ttl_begins_when_the_request_ends),
        cmocka_unit_test(test_too_many_ttls),
        cmocka_unit_test(test_floor_and_ceiling),
        cmocka_unit_test(test_pinned_blocks_stay),
        cmocka_unit_test(test_wanted_blocks_go_last),
        cmocka_unit_test(test_waiting_for_a_prefill),
        cmocka_unit_test(test_hand_over_when_it_fails),
        cmocka_unit_test(test_claims_behind_anothers),
        cmocka_unit_test(test_what_was_given_up_above),
        cmocka_unit_test(test_disk),
        cmocka_unit_test(test_disk_fails),
        cmocka_unit_test(test_pieces_are_listed),
        cmocka_unit_test(test_lists_are_bounded),
        cmocka_unit_test(test_snapshots),
        cmocka_unit_test(test_waiting_for_a_snapshot),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_against_reference),
        cmocka_unit_test(test_invariants_hold),
        cmocka_unit_test(test_a_million_blocks),
        cmocka_unit_test(test_many_siblings),
        cmocka_unit_test(test_bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
