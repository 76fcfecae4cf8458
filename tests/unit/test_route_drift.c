/* test_route_drift.c - a predictor that is off is noticed, and one that holds is not blamed. */
#include "support.h"

#include <math.h>

#include "core/util.h"
#include "route/drift.h"

/* Answers come out well by chance `truth` of what is predicted. Returns after how many labels it was said to drift. */
static size_t run(struct drift *drift, size_t labels, uint64_t seed, double (*truth)(double predicted))
{
    struct rng rng;
    struct drift_figures figures;
    size_t said = 0;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < labels; i++) {
        const double predicted = 0.3 + 0.65 * rng_unit(&rng);
        drift_add(drift, predicted, rng_unit(&rng) < truth(predicted));
        drift_measure(drift, &figures);
        said += figures.drifts;
    }
    return said;
}

static double as_predicted(double predicted)
{
    return predicted;
}

static double worse(double predicted)
{
    return fmax(0, predicted - 0.2);
}

/* Right in the mean, and far too sure of both ends. */
static double too_sure(double predicted)
{
    return 0.625 + 0.2 * (predicted - 0.625);
}

static void test_what_holds_is_not_blamed(void **state)
{
    (void)state;
    size_t blamed = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct drift drift = {0};
        blamed += run(&drift, 2000, seed, as_predicted) > 0;
    }
    assert_true(blamed <= 1); /* of 80,000 labels */
}

static void test_what_is_off_is_noticed(void **state)
{
    (void)state;
    static double (*const truths[])(double) = {worse, too_sure};
    for (size_t i = 0; i < 2; i++)
        for (uint64_t seed = 1; seed <= 10; seed++) {
            struct drift drift = {0};
            struct drift_figures figures;
            assert_true(run(&drift, 800, seed, truths[i]) > 200);
            drift_measure(&drift, &figures);
            assert_true(figures.drifts && figures.error > 0.08 && fabs(figures.z) > DRIFT_Z_OVER);
            assert_true(i == 1 || figures.z < 0);
            (void)run(&drift, 2000, seed + 50, as_predicted); /* and is over once it holds again */
            drift_measure(&drift, &figures);
            assert_false(figures.drifts);
        }
}

static void test_few_labels_say_nothing(void **state)
{
    (void)state;
    struct drift drift = {0};
    struct drift_figures figures;
    drift_measure(&drift, &figures);
    assert_true(figures.count == 0 && !figures.drifts && figures.error == 0);
    for (size_t i = 0; i < DRIFT_LABELS_MIN - 1; i++)
        drift_add(&drift, 0.9, 0);
    drift_measure(&drift, &figures);
    assert_false(figures.drifts);
    drift_add(&drift, 0.9, 0);
    drift_measure(&drift, &figures);
    assert_true(figures.drifts && figures.z < -DRIFT_Z);
    assert_true(fabs(figures.predicted - 0.9) < 1e-6 && figures.observed == 0);
}

/* A predictor that is certain is not blamed for one answer in a hundred. */
static void test_certainty(void **state)
{
    (void)state;
    struct drift drift = {0};
    struct drift_figures figures;
    for (size_t i = 0; i < DRIFT_WINDOW; i++)
        drift_add(&drift, 1, i % 100 != 0);
    drift_measure(&drift, &figures);
    assert_false(figures.drifts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_holds_is_not_blamed), cmocka_unit_test(test_what_is_off_is_noticed),
        cmocka_unit_test(test_few_labels_say_nothing), cmocka_unit_test(test_certainty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
