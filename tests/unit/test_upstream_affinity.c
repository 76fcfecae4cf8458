/* Which replica of a pool gets a request: balance and movement of rendezvous hashing, the bound on load, what is known
 * of prompts and how much of it is kept, replicas that are out or full. */
#include "support.h"

#include "core/util.h"
#include "upstream/affinity.h"
#include "upstream/known.h"

#define SECOND UINT64_C(1000000)
#define START (1000 * SECOND)
#define KEYS 20000u

static struct rng rng;

static int begin(void **state)
{
    (void)state;
    rng_seed(&rng, 7);
    return 0;
}

static void fill(struct affinity_replica *replicas, size_t count)
{
    for (size_t i = 0; i < count; i++)
        replicas[i] = (struct affinity_replica){.id = rng_next(&rng), .waiting = -1, .kv_use = -1};
}

/* --- rendezvous hashing ----------------------------------------------------------------------------- */

static void test_keys_are_spread(void **state)
{
    static const size_t sizes[] = {2, 3, 8, AFFINITY_REPLICAS_MAX};
    (void)state;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        struct affinity_replica replicas[AFFINITY_REPLICAS_MAX];
        unsigned each[AFFINITY_REPLICAS_MAX] = {0};
        fill(replicas, sizes[s]);
        for (unsigned k = 0; k < KEYS; k++)
            each[affinity_owner(k, replicas, sizes[s])]++; /* keys that differ in few bits */
        for (size_t i = 0; i < sizes[s]; i++) {
            const double share = (double)each[i] * (double)sizes[s] / KEYS;
            assert_true(share > 0.75 && share < 1.25);
        }
    }
}

/* Keys of the others stay where they were, and that is all but one in N. */
static void test_one_that_leaves_moves_its_own(void **state)
{
    struct affinity_replica replicas[8];
    unsigned moved = 0;
    (void)state;
    fill(replicas, 8);
    for (unsigned k = 0; k < KEYS; k++) {
        const uint64_t key = rng_next(&rng);
        replicas[3].is_out = false;
        const size_t before = affinity_owner(key, replicas, 8);
        replicas[3].is_out = true;
        const size_t after = affinity_owner(key, replicas, 8);
        assert_int_not_equal(after, 3);
        assert_true(before == 3 || before == after);
        moved += before != after;
    }
    assert_true(moved < KEYS / 8 * 1.1);
    for (size_t i = 0; i < 8; i++)
        replicas[i].is_out = true;
    assert_true(affinity_owner(1, replicas, 8) == SIZE_MAX);
}

/* The order in which fulcrum.yaml names them is nothing to it. */
static void test_one_that_joins_takes_only_its_own(void **state)
{
    struct affinity_replica before[7], after[8];
    unsigned moved = 0;
    (void)state;
    fill(after, 8);
    for (size_t i = 0; i < 7; i++)
        before[i] = after[i < 2 ? i : i + 1];
    for (unsigned k = 0; k < KEYS; k++) {
        const uint64_t key = rng_next(&rng);
        const uint64_t was = before[affinity_owner(key, before, 7)].id, is = after[affinity_owner(key, after, 8)].id;
        assert_true(was == is || is == after[2].id);
        moved += was != is;
    }
    assert_true(moved < KEYS / 8 * 1.1);
}

/* --- choices ---------------------------------------------------------------------------------------- */

struct pool {
    struct affinity *affinity;
    struct affinity_replica replicas[4];
    uint64_t now_us;
    enum affinity_why why;
};

static void open_pool(struct pool *pool, double bound)
{
    *pool = (struct pool){.affinity = affinity_new(bound, 1024), .now_us = START};
    assert_non_null(pool->affinity);
    fill(pool->replicas, 4);
}

static size_t choose(struct pool *pool, const struct affinity_prefix *prefix)
{
    return affinity_choose(pool->affinity, pool->now_us, prefix, pool->replicas, 4, &pool->why);
}

static size_t owner_of(const struct pool *pool, uint64_t key)
{
    return affinity_owner(key, pool->replicas, 4);
}

/* The only conversation stays where it is, however fast its turns follow. */
static void test_the_same_key_the_same_replica(void **state)
{
    const struct affinity_prefix prefix = {.key = 99};
    struct pool pool;
    (void)state;
    open_pool(&pool, 1.25);
    const size_t owner = owner_of(&pool, 99);
    for (unsigned i = 0; i < 50; i++) {
        pool.now_us += i % 2 * 60 * SECOND;
        pool.replicas[owner].load = i % 2;
        assert_int_equal(choose(&pool, &prefix), owner);
        assert_int_equal(pool.why, AFFINITY_KEY);
    }
    assert_int_equal(affinity_chosen(pool.affinity, AFFINITY_KEY), 50);
    affinity_free(pool.affinity);
}

/* One key alone, all at once: none has more than the bound allows. */
static void test_load_is_bounded(void **state)
{
    const struct affinity_prefix prefix = {.key = 5};
    const double bounds[] = {1, 1.25, 2};
    (void)state;
    for (size_t b = 0; b < sizeof(bounds) / sizeof(bounds[0]); b++) {
        struct pool pool;
        unsigned each[4] = {0}, spilled = 0;
        open_pool(&pool, bounds[b]);
        for (unsigned i = 0; i < 400; i++) {
            const size_t chosen = choose(&pool, &prefix);
            each[chosen]++;
            pool.replicas[chosen].load++;
            spilled += pool.why == AFFINITY_SPILLED;
        }
        for (size_t i = 0; i < 4; i++)
            assert_true(each[i] <= bounds[b] * 100 + 1);
        assert_true(each[owner_of(&pool, 5)] >= bounds[b] * 100 - 1);
        assert_int_equal(spilled, 400 - each[owner_of(&pool, 5)]);
        affinity_free(pool.affinity);
    }
}

/* A burst that is over now, or one that has only begun, parts nobody from his replica. */
static void test_too_much_is_now_and_lately(void **state)
{
    const struct affinity_prefix prefix = {.key = 5};
    struct pool pool;
    (void)state;
    open_pool(&pool, 1.25);
    const size_t owner = owner_of(&pool, 5);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(choose(&pool, &prefix), owner); /* lately */
    pool.replicas[owner].load = 20;                      /* and now */
    assert_int_not_equal(choose(&pool, &prefix), owner);
    assert_int_equal(pool.why, AFFINITY_SPILLED);
    for (size_t i = 0; i < 4; i++)
        pool.replicas[i].load = 20;
    assert_int_equal(choose(&pool, &prefix), owner);
    affinity_free(pool.affinity);
}

static void test_who_is_out_is_passed_over(void **state)
{
    const struct affinity_prefix prefix = {.key = 5};
    struct pool pool;
    (void)state;
    open_pool(&pool, 1.25);
    const size_t owner = owner_of(&pool, 5);
    pool.replicas[owner].is_out = true;
    assert_int_equal(choose(&pool, &prefix), owner_of(&pool, 5));
    assert_int_equal(pool.why, AFFINITY_MOVED);
    for (size_t i = 0; i < 4; i++)
        pool.replicas[i].is_out = true;
    assert_true(choose(&pool, &prefix) == SIZE_MAX);
    affinity_free(pool.affinity);
}

static void test_who_is_full_is_passed_over(void **state)
{
    const struct affinity_prefix prefix = {.key = 5};
    struct pool pool;
    (void)state;
    open_pool(&pool, 2);
    const size_t owner = owner_of(&pool, 5);
    pool.replicas[owner].waiting = 3;
    pool.replicas[owner].kv_use = 0.9;
    assert_int_equal(choose(&pool, &prefix), owner);
    pool.replicas[owner].kv_use = 0.95;
    assert_int_not_equal(choose(&pool, &prefix), owner);
    pool.replicas[owner].kv_use = 0.5;
    pool.replicas[owner].waiting = 9;
    assert_int_not_equal(choose(&pool, &prefix), owner);
    for (size_t i = 0; i < 4; i++) /* all have queues: the key decides again */
        pool.replicas[i].waiting = 9;
    assert_int_equal(choose(&pool, &prefix), owner);
    affinity_free(pool.affinity);
}

/* --- what is known ---------------------------------------------------------------------------------- */

static void test_what_is_known_goes_before_the_key(void **state)
{
    uint64_t blocks[8];
    struct pool pool;
    (void)state;
    open_pool(&pool, 1.25);
    for (size_t i = 0; i < 8; i++)
        blocks[i] = rng_next(&rng);
    const struct affinity_prefix first = {.key = 1, .blocks = blocks, .count = 4};
    const size_t has_it = choose(&pool, &first);
    assert_int_equal(has_it, owner_of(&pool, 1));
    uint64_t key = 2;
    while (owner_of(&pool, key) == has_it)
        key++;
    pool.now_us += 600 * SECOND;
    const struct affinity_prefix longer = {.key = key, .blocks = blocks, .count = 8};
    assert_int_equal(choose(&pool, &longer), has_it); /* half of it */
    assert_int_equal(pool.why, AFFINITY_KNOWN);
    pool.now_us += 600 * SECOND;
    uint64_t other[9];
    memcpy(other, blocks, sizeof(blocks[0]) * 4);
    for (size_t i = 4; i < 9; i++)
        other[i] = rng_next(&rng);
    const struct affinity_prefix too_little = {.key = key, .blocks = other, .count = 9};
    assert_int_equal(choose(&pool, &too_little), owner_of(&pool, key));
    assert_int_equal(pool.why, AFFINITY_KEY);
    pool.replicas[has_it].is_out = true;
    pool.now_us += 600 * SECOND;
    assert_int_not_equal(choose(&pool, &longer), has_it);
    affinity_free(pool.affinity);
}

/* Of a prompt that several have seen, the one with the least to do. */
static void test_of_several_that_know_it_the_least_loaded(void **state)
{
    uint64_t block = 77;
    const struct affinity_prefix prefix = {.key = 1, .blocks = &block, .count = 1};
    unsigned each[4] = {0};
    struct pool pool;
    (void)state;
    open_pool(&pool, 1.25);
    for (unsigned i = 0; i < 400; i++) {
        const size_t chosen = choose(&pool, &prefix);
        each[chosen]++;
        pool.replicas[chosen].load++;
    }
    for (size_t i = 0; i < 4; i++)
        assert_true(each[i] <= 1.25 * 1.2 * 100 + 1);
    affinity_free(pool.affinity);
}

static void test_least_loaded_without_a_prefix(void **state)
{
    struct pool pool;
    (void)state;
    open_pool(&pool, 1.25);
    for (size_t i = 0; i < 4; i++)
        pool.replicas[i].load = i == 2 ? 1 : 5;
    assert_int_equal(choose(&pool, NULL), 2);
    affinity_free(pool.affinity);
}

/* --- the table -------------------------------------------------------------------------------------- */

static void test_memory_is_bounded(void **state)
{
    struct known *known = known_new(100);
    uint64_t blocks[150], who;
    (void)state;
    for (size_t i = 0; i < 150; i++)
        blocks[i] = rng_next(&rng);
    known_note(known, blocks, 150, 0);
    assert_int_equal(known_count(known), 100);
    assert_int_equal(known_match(known, blocks, 150, UINT64_MAX, &who), 100);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t other = rng_next(&rng);
        known_note(known, &other, 1, 1);
        known_note(known, blocks, 10, 0); /* used again and again: stays */
    }
    assert_int_equal(known_count(known), 100);
    assert_int_equal(known_match(known, blocks, 150, UINT64_MAX, &who), 10);
    known_free(known);
}

/* The longest unused goes, and of one prompt its end before its beginning. */
static void test_ends_go_first(void **state)
{
    struct known *known = known_new(6);
    uint64_t blocks[4] = {1, 2, 3, 4}, others[4] = {11, 12, 13, 14}, who;
    (void)state;
    known_note(known, blocks, 4, 0);
    known_note(known, others, 4, 1);
    assert_int_equal(known_match(known, blocks, 4, UINT64_MAX, &who), 2);
    assert_int_equal(known_match(known, others, 4, UINT64_MAX, &who), 4);
    assert_int_equal(who, 2);
    known_free(known);
}

static void test_matches_are_one_replicas(void **state)
{
    struct known *known = known_new(16);
    const uint64_t blocks[4] = {1, 2, 3, 4};
    uint64_t who;
    (void)state;
    known_note(known, blocks, 4, 0);
    known_note(known, blocks, 2, 5);
    assert_int_equal(known_match(known, blocks, 2, UINT64_MAX, &who), 2);
    assert_int_equal(who, 1 | 1 << 5);
    assert_int_equal(known_match(known, blocks, 4, UINT64_MAX, &who), 4);
    assert_int_equal(who, 1);
    assert_int_equal(known_match(known, blocks, 4, UINT64_C(1) << 5, &who), 2);
    assert_int_equal(known_match(known, blocks, 4, UINT64_C(1) << 6, &who), 0);
    assert_int_equal(who, 0);
    known_free(known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_spread),
        cmocka_unit_test(test_one_that_leaves_moves_its_own),
        cmocka_unit_test(test_one_that_joins_takes_only_its_own),
        cmocka_unit_test(test_the_same_key_the_same_replica),
        cmocka_unit_test(test_load_is_bounded),
        cmocka_unit_test(test_too_much_is_now_and_lately),
        cmocka_unit_test(test_who_is_out_is_passed_over),
        cmocka_unit_test(test_who_is_full_is_passed_over),
        cmocka_unit_test(test_what_is_known_goes_before_the_key),
        cmocka_unit_test(test_of_several_that_know_it_the_least_loaded),
        cmocka_unit_test(test_least_loaded_without_a_prefix),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_ends_go_first),
        cmocka_unit_test(test_matches_are_one_replicas),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
