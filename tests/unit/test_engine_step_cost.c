/* test_engine_step_cost.c - the cost of steps, learned from machines that are made up. */
#include <math.h>
#include <stddef.h>

#include "core/util.h"
#include "engine/step_cost.h"
#include "support.h"

/* A machine: each figure's price in microseconds. */
struct machine {
    double step, reply, near, far, attended;
};
static const struct machine slow = {4000, 600, 3800, 1900, 0.4}, fast = {900, 20, 60, 35, 0.01};

static double measure(const struct machine *machine, const struct step_shape *shape)
{
    const uint32_t rows = shape->replies + shape->prompt, near = rows < 16 ? rows : 16;
    return machine->step + machine->reply * shape->replies + machine->near * near + machine->far * (rows - near) +
           machine->attended * (double)(shape->replies_attended + shape->prompt_attended);
}

static struct step_shape shape_of(uint32_t replies, uint32_t past, uint32_t prompt)
{
    struct step_shape shape = {0};
    for (uint32_t i = 0; i < replies; i++)
        step_shape_add_reply(&shape, past);
    if (prompt > 0)
        step_shape_add_prompt(&shape, past, prompt);
    return shape;
}

static struct step_shape random_shape(struct rng *rng)
{
    const uint32_t prompt = rng_below(rng, 3) == 0 ? 8 + (uint32_t)rng_below(rng, 500) : 0;
    return shape_of((prompt == 0) + (uint32_t)rng_below(rng, 16), (uint32_t)rng_below(rng, 3000), prompt);
}

static void teach(struct step_cost *cost, const struct machine *machine, uint32_t steps, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (uint32_t i = 0; i < steps; i++) {
        const struct step_shape shape = random_shape(&rng);
        const double noise = 0.95 + 0.1 * (double)rng_below(&rng, 1000) / 1000;
        step_cost_learn(cost, &shape, measure(machine, &shape) * noise);
    }
}

static void assert_predicts(const struct step_cost *cost, const struct machine *machine, double tolerance)
{
    struct rng rng;
    rng_seed(&rng, 99);
    for (uint32_t i = 0; i < 200; i++) {
        const struct step_shape shape = random_shape(&rng);
        const double truth = measure(machine, &shape);
        assert_true(fabs(step_cost_predict(cost, &shape) - truth) < tolerance * truth);
    }
}

static void test_learns(void **state)
{
    (void)state;
    const struct machine *const machines[] = {&slow, &fast};
    for (size_t i = 0; i < 2; i++) {
        struct step_cost cost;
        step_cost_init(&cost, 0);
        teach(&cost, machines[i], 300, 5);
        assert_predicts(&cost, machines[i], 0.15);
    }
}

/* A core was taken away, or came back: the model follows. */
static void test_follows(void **state)
{
    (void)state;
    struct step_cost cost;
    step_cost_init(&cost, 0);
    teach(&cost, &fast, 300, 5);
    teach(&cost, &slow, 900, 6);
    assert_predicts(&cost, &slow, 0.2);
}

/* One step that took a hundred times as long changes little. */
static void test_outlier(void **state)
{
    (void)state;
    struct step_cost cost;
    const struct step_shape one = shape_of(1, 100, 0);
    step_cost_init(&cost, 0);
    teach(&cost, &slow, 300, 5);
    const double before = step_cost_predict(&cost, &one);
    step_cost_learn(&cost, &one, 100 * measure(&slow, &one));
    assert_true(fabs(step_cost_predict(&cost, &one) - before) < 0.3 * before);
}

/* Only one reply at a time was seen: more of them cost at least what they do. */
static void test_is_careful(void **state)
{
    (void)state;
    struct step_cost cost;
    const struct step_shape one = shape_of(1, 100, 0), four = shape_of(4, 100, 0);
    step_cost_init(&cost, 0);
    assert_true(step_cost_predict(&cost, &one) == 0);
    for (uint32_t i = 0; i < 2000; i++)
        step_cost_learn(&cost, &one, measure(&slow, &one));
    assert_true(fabs(step_cost_predict(&cost, &one) - measure(&slow, &one)) < 0.02 * measure(&slow, &one));
    assert_true(step_cost_predict(&cost, &four) >= measure(&slow, &four));
}

/* A busy machine: steps take up to ten times as long, at random. Prompts stay dear all the same. */
static void test_noise(void **state)
{
    (void)state;
    struct step_cost cost;
    struct rng rng;
    const struct step_shape one = shape_of(1, 100, 0);
    step_cost_init(&cost, 0);
    rng_seed(&rng, 8);
    teach(&cost, &slow, 300, 5);
    for (uint32_t i = 0; i < 3000; i++) {
        const struct step_shape shape = rng_below(&rng, 8) == 0 ? shape_of(2, 100, 64) : shape_of(1 + i % 3, 100, 0);
        step_cost_learn(&cost, &shape, measure(&slow, &shape) * (1 + (double)rng_below(&rng, 9)));
        const double limit_us = 2 * measure(&slow, &one);
        assert_true(step_cost_fit(&cost, &one, 0, limit_us, 512) * slow.far <= 3 * limit_us);
    }
}

static void test_fit(void **state)
{
    (void)state;
    struct step_cost cost;
    const struct step_shape none = {0}, four = shape_of(4, 100, 0);
    step_cost_init(&cost, 0);
    assert_int_equal(step_cost_fit(&cost, &none, 0, 1e5, 512), 32); /* nothing known: carefully */
    assert_int_equal(step_cost_fit(&cost, &none, 0, 1e5, 5), 5);
    teach(&cost, &slow, 300, 5);
    const uint32_t count = step_cost_fit(&cost, &four, 200, 1e5, 512);
    struct step_shape shape = four;
    step_shape_add_prompt(&shape, 200, count);
    assert_true(step_cost_predict(&cost, &shape) <= 1e5);
    shape = four;
    step_shape_add_prompt(&shape, 200, count + 1);
    assert_true(step_cost_predict(&cost, &shape) > 1e5);
    assert_int_equal(step_cost_fit(&cost, &four, 200, 1e3, 512), 0); /* the replies alone take longer */
    assert_int_equal(step_cost_fit(&cost, &four, 200, 1e9, 512), 512);
}

/* From a tile's rows on replies and prompts are computed, and counted, apart. */
static void test_passes(void **state)
{
    (void)state;
    struct step_cost cost;
    struct step_shape passes[STEP_PASSES];
    const struct step_shape replies = shape_of(9, 200, 0), much = shape_of(0, 200, 55), both = shape_of(9, 200, 55),
                            little = shape_of(9, 200, 54);
    step_cost_init(&cost, 64);
    teach(&cost, &slow, 300, 5);
    assert_int_equal(step_cost_passes(&cost, &little, passes), 1);
    assert_memory_equal(&passes[0], &little, sizeof(little));
    assert_int_equal(step_cost_passes(&cost, &much, passes), 1);
    assert_int_equal(step_cost_passes(&cost, &both, passes), 2);
    assert_memory_equal(&passes[0], &replies, sizeof(replies));
    assert_memory_equal(&passes[1], &much, sizeof(much));
    assert_true(fabs(step_cost_predict(&cost, &both) -
                     step_cost_predict(&cost, &replies) - step_cost_predict(&cost, &much)) < 1);
    assert_true(step_cost_predict(&cost, &both) > step_cost_predict(&cost, &little) + slow.step);
    cost.tile = 0;
    assert_int_equal(step_cost_passes(&cost, &both, passes), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns),     cmocka_unit_test(test_follows), cmocka_unit_test(test_outlier),
        cmocka_unit_test(test_is_careful), cmocka_unit_test(test_noise),   cmocka_unit_test(test_fit),
        cmocka_unit_test(test_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
