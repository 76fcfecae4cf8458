/* test_route_budget.c - what is spent follows the budget, and buys what it can. */
#include "support.h"

#include <math.h>

#include "core/util.h"
#include "route/budget.h"
#include "route/decide.h"

#define SMALL 1000u  /* picodollars of an answer, about */
#define LARGE 15000u

struct course {
    double spent, quality; /* in the mean of a request */
    size_t dear;
};

struct question {
    struct decide_candidate pair[2];
    double gain;
};

/* A stream of prompts, of which some gain much from the large model and most little. */
static struct question draw(struct rng *rng)
{
    struct question question;
    const double length = exp(rng_unit(rng) * 2 - 1);
    question.gain = pow(rng_unit(rng), 3) * 0.8;
    question.pair[0] = (struct decide_candidate){
        .quality = 0.95 - question.gain, .strength = 1, .cost = (uint64_t)(SMALL * length)};
    question.pair[1] = (struct decide_candidate){.quality = 0.95, .strength = 15, .cost = (uint64_t)(LARGE * length)};
    return question;
}

/* So many requests by the budget; what is billed differs from what was expected, as replies do in length. */
static struct course run(struct route_budget *budget, size_t count, uint64_t seed)
{
    struct rng rng;
    struct course course = {0};
    rng_seed(&rng, seed);
    for (size_t i = 0; i < count; i++) {
        const struct question question = draw(&rng);
        const struct decide_terms terms = {
            .rule = DECIDE_BUDGET, .weight = route_budget_weight(budget), .fallback = 1};
        struct decision decision;
        decide(&terms, question.pair, 2, &decision);
        const struct decide_candidate *chosen = &question.pair[decision.chosen];
        const uint64_t cost = (uint64_t)((double)chosen->cost * (0.5 + rng_unit(&rng)));
        route_budget_spend(budget, cost);
        course.spent += (double)cost / (double)count;
        course.quality += chosen->quality / (double)count;
        course.dear += decision.chosen == 1;
    }
    return course;
}

/* Between always the cheap model and always the dear one the mean is within 5% of any budget once there were 2,000
 * requests, and never above by more once there were 500. */
static void test_spending_follows(void **state)
{
    (void)state;
    for (uint64_t each = 1500; each <= 13000; each += 1250)
        for (uint64_t seed = 1; seed <= 5; seed++) {
            struct route_budget budget;
            route_budget_begin(&budget, each * 1000);
            const struct course early = run(&budget, 500, seed);
            assert_true(early.spent < 1.1 * (double)each);
            const struct course course = run(&budget, 1500, seed + 100);
            const double spent = (early.spent + 3 * course.spent) / 4;
            if (fabs(spent / (double)each - 1) > 0.05)
                fail_msg("budget %d, seed %d: %.0f a request", (int)each, (int)seed, spent);
        }
}

/* The most that so much money buys of these requests, all of them known before: by one weight for all. */
static double best_quality(double each, size_t count, uint64_t seed)
{
    double low = 1e-9, high = 1, best = 0;
    for (int step = 0; step < 60; step++) {
        struct rng rng;
        double spent = 0, quality = 0;
        const double weight = sqrt(low * high);
        rng_seed(&rng, seed);
        for (size_t i = 0; i < count; i++) {
            const struct question question = draw(&rng);
            const double price = (double)(question.pair[1].cost - question.pair[0].cost);
            const struct decide_candidate *chosen = &question.pair[question.gain > weight * price];
            spent += (double)chosen->cost * (0.5 + rng_unit(&rng)) / (double)count;
            quality += chosen->quality / (double)count;
        }
        *(spent > each ? &low : &high) = weight;
        best = spent > each ? best : quality;
    }
    return best;
}

/* Within half a point of the best that could be bought, at any budget; and more for more. */
static void test_it_buys_quality(void **state)
{
    (void)state;
    double before = 0;
    for (uint64_t each = 1500; each <= 14000; each += 2500) {
        struct route_budget budget;
        route_budget_begin(&budget, each * 1000);
        const struct course course = run(&budget, 4000, 7);
        assert_true(course.quality > best_quality((double)each, 4000, 7) - 0.005);
        assert_true(course.quality > before);
        before = course.quality;
    }
}

/* Less than the cheapest costs: it answers all. More than the best costs: the best answers all. */
static void test_out_of_reach(void **state)
{
    (void)state;
    struct route_budget budget;
    route_budget_begin(&budget, 500 * 1000);
    assert_true(run(&budget, 2000, 3).dear < 20);
    route_budget_begin(&budget, UINT64_C(100000) * 1000);
    const struct course course = run(&budget, 2000, 3);
    assert_true(course.dear > 1950 && course.spent < 100000);
}

/* The budget holds again after a change, and neither a saved up fortune nor an old debt is carried for long. */
static void test_traffic_changes(void **state)
{
    (void)state;
    struct route_budget budget;
    route_budget_begin(&budget, UINT64_C(40000) * 1000); /* nobody spends that */
    (void)run(&budget, 5000, 11);
    budget.each = 5000;
    (void)run(&budget, 1000, 12);
    assert_true(fabs(run(&budget, 2000, 13).spent / 5000 - 1) < 0.05);
    assert_true((double)atomic_load(&budget.debt) >= -ROUTE_BUDGET_SAVED * budget.each);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spending_follows),
        cmocka_unit_test(test_it_buys_quality),
        cmocka_unit_test(test_out_of_reach),
        cmocka_unit_test(test_traffic_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
