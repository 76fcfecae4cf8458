/* test_cache_policy.c - which block goes: the three policies, and what value learns from loads. */
#include "cache_fixture.h"

#include <math.h>

#include "core/util.h"

static bool accept_all(void *ctx, const struct cache_item *item)
{
    (void)ctx;
    (void)item;
    return true;
}

static bool accept_not(void *ctx, const struct cache_item *item)
{
    return item != ctx;
}

static void add(struct cache_policy *policy, struct cache_item *item)
{
    cache_policy_request(policy, 1);
    cache_policy_use(policy, item, REUSE_INNER, 1);
    cache_policy_move(policy, item, CACHE_MEMORY);
}

static struct cache_item *victim(struct cache_policy *policy)
{
    return cache_policy_victim(policy, CACHE_MEMORY, accept_all, NULL);
}

static void test_names(void **state)
{
    (void)state;
    enum cache_policy_kind kind;
    assert_true(cache_policy_parse(STR("lru"), &kind) && kind == CACHE_POLICY_LRU);
    assert_true(cache_policy_parse(STR("ttl"), &kind) && kind == CACHE_POLICY_TTL);
    assert_true(cache_policy_parse(STR("value"), &kind) && kind == CACHE_POLICY_VALUE);
    assert_false(cache_policy_parse(STR("lfu"), &kind));
    assert_false(cache_policy_parse(STR(""), &kind));
}

static void test_lru(void **state)
{
    (void)state;
    struct cache_policy *policy = cache_policy_new(CACHE_POLICY_LRU);
    struct cache_item items[4] = {0};
    assert_null(victim(policy));
    for (size_t i = 0; i < 4; i++)
        add(policy, &items[i]);
    assert_ptr_equal(victim(policy), &items[0]);
    cache_policy_use(policy, &items[0], REUSE_INNER, 1);
    assert_ptr_equal(victim(policy), &items[1]);
    assert_ptr_equal(cache_policy_victim(policy, CACHE_MEMORY, accept_not, &items[1]), &items[2]);
    cache_policy_move(policy, &items[1], CACHE_NOWHERE); /* in use */
    assert_ptr_equal(victim(policy), &items[2]);
    cache_policy_move(policy, &items[1], CACHE_MEMORY);
    cache_policy_want(policy, &items[2], true);
    assert_ptr_equal(victim(policy), &items[3]);
    for (size_t i = 0; i < 4; i++) {
        if (i != 2)
            cache_policy_forget(policy, &items[i]);
    }
    assert_ptr_equal(victim(policy), &items[2]); /* wanted, but all there is */
    cache_policy_move(policy, &items[2], CACHE_DISK);
    assert_null(victim(policy));
    assert_ptr_equal(cache_policy_victim(policy, CACHE_DISK, accept_all, NULL), &items[2]);
    cache_policy_free(policy);
    cache_policy_free(NULL);
}

static void test_ttl(void **state)
{
    (void)state;
    struct cache_policy *policy = cache_policy_new(CACHE_POLICY_TTL);
    struct cache_item items[4] = {{.ttl_class = 2, .expires_us = 3600}, {.ttl_class = 1, .expires_us = 302}, {0}, {0}};
    for (size_t i = 0; i < 4; i++)
        add(policy, &items[i]);
    for (size_t expected[] = {2, 3, 1, 0}, i = 0; i < 4; i++) {
        assert_ptr_equal(victim(policy), &items[expected[i]]);
        cache_policy_forget(policy, &items[expected[i]]);
    }
    cache_policy_free(policy);
}

/* Of two that are used alike the one that saves less for its bytes. */
static void test_value_of_bytes(void **state)
{
    (void)state;
    struct cache_policy *policy = cache_policy_new(CACHE_POLICY_VALUE);
    struct cache_item large = {.tokens = 100, .bytes = 1000}, small = {.tokens = 100, .bytes = 10};
    add(policy, &small);
    for (int i = 0; i < 100; i++)
        cache_policy_request(policy, 1);
    add(policy, &large);
    assert_ptr_equal(victim(policy), &large);
    cache_policy_free(policy);
}

/* --- what is learned ---------------------------------------------------------------------------------- */

static void test_rates_of_a_cycle(void **state)
{
    (void)state;
    struct reuse_model *model = reuse_model_new();
    const uint32_t class = reuse_class(REUSE_INNER, 1, 100);
    uint32_t age = 0;
    assert_non_null(model);
    while (reuse_age_begin(age + 1) <= 100)
        age++;
    for (int i = 0; i < 200; i++) {
        for (uint32_t a = 0; a < age; a++) {
            reuse_model_enter(model, class, a, 1);
            reuse_model_leave(model, class, a, 1);
        }
        reuse_model_enter(model, class, age, 1);
        reuse_model_leave(model, class, age, 1);
        reuse_model_used(model, class, age, 1);
    }
    for (int i = 0; i < 5; i++)
        reuse_model_fit(model);
    for (uint32_t a = 1; a < age; a++) /* the nearer its time, the more it is worth */
        assert_true(reuse_model_rate(model, class, a) > reuse_model_rate(model, class, a - 1));
    assert_true(reuse_model_rate(model, class, age) > 2 * reuse_model_rate(model, class, age + 4));
    reuse_model_free(model);
}

static void test_classes(void **state)
{
    (void)state;
    assert_int_equal(reuse_class(REUSE_INNER, 0, 0), 0);
    assert_int_equal(reuse_class(REUSE_INNER, 0, 1e9f), 0);
    assert_int_equal(reuse_class(REUSE_DECLARED, UINT32_MAX, 1e30f), REUSE_CLASSES - 1);
    assert_int_not_equal(reuse_class(REUSE_INNER, 1, 64), reuse_class(REUSE_INNER, 1, 63));
    assert_int_equal(reuse_class(REUSE_INNER, 3, 0), reuse_class(REUSE_INNER, 8, 15));
    assert_true(isinf(reuse_age_begin(REUSE_AGES)));
}

/* The share of blocks read in `count` requests; request i asks for the prompt that `next` makes. */
typedef uint32_t (*next_prompt)(struct rng *rng, uint32_t i, int32_t *tokens);

static double hit_rate(enum cache_policy_kind policy, uint32_t room, uint32_t count, next_prompt next)
{
    struct bed bed = {0};
    struct prefix_options options = bed_options(&bed);
    struct rng rng;
    uint64_t hits = 0, all = 0;
    int32_t tokens[64];
    options.policy = policy;
    options.block_tokens = 1;
    options.memory_bytes = room * BLOCK_BYTES;
    options.nodes_max = 40000;
    options.ghosts_max = 20000;
    bed_init(&bed, &options);
    rng_seed(&rng, 1);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t blocks = next(&rng, i, tokens);
        hits += bed_request(&bed, "t", tokens, blocks, 0, i).tokens;
        all += blocks;
    }
    bed_deinit(&bed);
    return (double)hits / (double)all;
}

/* 32 tenants in turn, prefixes of 8 blocks. */
static uint32_t cycle(struct rng *rng, uint32_t i, int32_t *tokens)
{
    (void)rng;
    count_up(tokens, 8, (int32_t)(i % 32) * 8);
    return 8;
}

static void test_cycle_larger_than_the_cache(void **state)
{
    (void)state;
    const uint32_t rounds = 20;
    const double ideal = 1 - 1.0 / rounds;
    assert_true(hit_rate(CACHE_POLICY_LRU, 192, 32 * rounds, cycle) < 0.001);
    assert_true(hit_rate(CACHE_POLICY_VALUE, 256, 32 * rounds, cycle) > 0.999 * ideal);
    assert_true(hit_rate(CACHE_POLICY_VALUE, 192, 32 * rounds, cycle) > 0.70 * ideal);
    assert_true(hit_rate(CACHE_POLICY_VALUE, 128, 32 * rounds, cycle) > 0.46 * ideal);
}

/* Two of five requests are for a hot set of 50, the others are never seen again. */
static uint32_t scan(struct rng *rng, uint32_t i, int32_t *tokens)
{
    const bool is_hot = rng_below(rng, 5) < 2;
    count_up(tokens, 8, is_hot ? (int32_t)rng_below(rng, 50) * 8 : 1000 + (int32_t)i * 8);
    return 8;
}

static void test_scan_past_a_hot_set(void **state)
{
    (void)state;
    const double lru = hit_rate(CACHE_POLICY_LRU, 300, 3000, scan);
    const double value = hit_rate(CACHE_POLICY_VALUE, 300, 3000, scan);
    assert_true(value > 1.5 * lru);
}

/* The working set is another one every 300 requests. */
static uint32_t shift(struct rng *rng, uint32_t i, int32_t *tokens)
{
    count_up(tokens, 8, (int32_t)(i / 300) * 10000 + (int32_t)rng_below(rng, 40) * 8);
    return 8;
}

static void test_shifting_working_set(void **state)
{
    (void)state;
    const double lru = hit_rate(CACHE_POLICY_LRU, 240, 3000, shift);
    const double value = hit_rate(CACHE_POLICY_VALUE, 240, 3000, shift);
    assert_true(value > 0.95 * lru);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_lru),
        cmocka_unit_test(test_ttl),
        cmocka_unit_test(test_value_of_bytes),
        cmocka_unit_test(test_rates_of_a_cycle),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_cycle_larger_than_the_cache),
        cmocka_unit_test(test_scan_past_a_hot_set),
        cmocka_unit_test(test_shifting_working_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
