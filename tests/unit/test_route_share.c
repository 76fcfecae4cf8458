/* test_route_share.c - a bounded share of answers: exact, in any order of what is wanted, by any number of threads. */
#include "support.h"

#include <pthread.h>

#include "core/util.h"
#include "route/share.h"

static void all_that_are_wanted(void **state)
{
    (void)state;
    static const double parts[] = {0, 0.01, 0.1, 0.25, 0.3, 1.0 / 3, 0.7, 0.999, 1};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct route_share share = {0};
        uint64_t taken = 0;
        for (uint64_t answers = 1; answers <= 3000; answers++) {
            taken += route_share_take(&share, parts[i], true);
            const double allowed = (double)answers * parts[i];
            assert_true((double)taken <= allowed + 1e-6);
            assert_true((double)taken > allowed - 1.001);
        }
    }
}

/* Of any number of answers, whatever was wanted of them. */
static void some_that_are_wanted(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    for (unsigned round = 0; round < 200; round++) {
        struct route_share share = {0};
        const double part = rng_unit(&rng);
        uint64_t taken = 0, wanted = 0;
        double often = rng_unit(&rng);
        for (uint64_t answers = 1; answers <= 400; answers++) {
            if (answers % 100 == 0)
                often = rng_unit(&rng);
            const bool is_wanted = rng_unit(&rng) < often;
            wanted += is_wanted;
            const bool is_taken = route_share_take(&share, part, is_wanted);
            assert_true(is_wanted || !is_taken);
            taken += is_taken;
            assert_true((double)taken <= (double)answers * part + 1e-6 && taken <= wanted);
        }
    }
}

/* What was saved in a quiet time is spent, but not more than its bound. */
static void little_is_saved(void **state)
{
    (void)state;
    struct route_share share = {0};
    for (unsigned i = 0; i < 1000; i++)
        assert_false(route_share_take(&share, 0.5, false));
    assert_true(route_share_rate(&share) == 0);
    unsigned in_a_row = 0;
    while (route_share_take(&share, 0.5, true))
        in_a_row++;
    assert_true(in_a_row >= ROUTE_SHARE_SAVED && in_a_row <= 2 * ROUTE_SHARE_SAVED);
    for (unsigned i = 0; i < 2000; i++)
        (void)route_share_take(&share, 0.5, true);
    assert_true(route_share_rate(&share) > 0.45 && route_share_rate(&share) < 0.55);
}

#define THREADS 4
#define EACH 20000

static struct route_share shared;

static void *ask(void *taken)
{
    for (unsigned i = 0; i < EACH; i++)
        *(uint64_t *)taken += route_share_take(&shared, 0.3, true);
    return NULL;
}

static void threads_share_it(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    uint64_t taken[THREADS] = {0}, sum = 0;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &taken[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        sum += taken[i];
    }
    assert_int_equal(sum, THREADS * EACH * 3 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_are_wanted),
        cmocka_unit_test(some_that_are_wanted),
        cmocka_unit_test(little_is_saved),
        cmocka_unit_test(threads_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
