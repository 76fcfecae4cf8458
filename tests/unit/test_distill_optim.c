/* test_distill_optim.c - the optimisers on small known problems. */
#include <math.h>

#include "distill_fixture.h"
#include "distill/optim.h"

static struct weights *new_weights(void)
{
    struct weights *weights = NULL;
    struct error error;
    struct model_shape shape = tiny_shape(20, true);
    assert_ok(weights_new(&shape, &weights, &error));
    stir_weights(weights, 3);
    return weights;
}

static struct optim *new_optim(struct weights *weights, bool with_muon, double clip)
{
    struct optim *optim = NULL;
    struct error error;
    struct optim_settings settings = {.with_muon = with_muon, .rate = 0.01, .muon_rate = 0.02, .beta1 = 0.9,
                                      .beta2 = 0.95, .epsilon = 1e-8, .momentum = 0.95, .clip = clip};
    assert_ok(optim_new(&settings, weights, NULL, &optim, &error));
    return optim;
}

/* Newton-Schulz leaves singular values between about 0.7 and 1.2, so that
 * |x^T v| / |v| is in that range for every v on the smaller side. */
static void muon_makes_matrices_nearly_orthogonal(void **state)
{
    (void)state;
    static const int shapes[][2] = {{8, 20}, {20, 8}, {12, 12}};
    for (size_t shape = 0; shape < 3; shape++) {
        enum { MOST = 400 };
        int rows = shapes[shape][0], cols = shapes[shape][1], side = rows < cols ? rows : cols;
        float x[MOST], next[MOST], square[MOST], poly[MOST];
        float *const scratch[3] = {next, square, poly};
        struct rng rng;
        rng_seed(&rng, shape + 1);
        for (int i = 0; i < rows * cols; i++)
            x[i] = (float)rng_unit(&rng) - 0.5f;
        optim_orthogonalise(NULL, x, rows, cols, scratch);
        for (int trial = 0; trial < 20; trial++) {
            double v[20], norm = 0.0, image = 0.0;
            for (int i = 0; i < side; i++) {
                v[i] = rng_unit(&rng) - 0.5;
                norm += v[i] * v[i];
            }
            for (int j = 0; j < rows + cols - side; j++) {
                double sum = 0.0;
                for (int i = 0; i < side; i++)
                    sum += v[i] * (double)(rows <= cols ? x[i * cols + j] : x[j * cols + i]);
                image += sum * sum;
            }
            double gain = sqrt(image / norm);
            if (gain < 0.6 || gain > 1.3)
                fail_msg("%d x %d: gain %g", rows, cols, gain);
        }
    }
}

/* The gradient of half the squared distance to a target is the difference. */
static double step_towards_zero(struct weights *weights, struct optim *optim)
{
    double distance = 0.0;
    for (size_t i = 0; i < weights->param_count; i++)
        for (size_t j = 0; j < param_count(&weights->params[i]); j++) {
            float value = param_data(&weights->params[i])[j];
            param_grad(&weights->params[i])[j] = value;
            distance += (double)(value * value);
        }
    optim_step(optim, 1.0);
    return distance;
}

static void both_optimisers_descend(void **state)
{
    for (int with_muon = 0; with_muon < 2; with_muon++) {
        (void)state;
        struct weights *weights = new_weights();
        struct optim *optim = new_optim(weights, with_muon, 0.0);
        double first = step_towards_zero(weights, optim), last = first;
        for (int i = 0; i < 150; i++)
            last = step_towards_zero(weights, optim);
        assert_true(last < 0.2 * first);
        optim_free(optim);
        weights_free(weights);
    }
}

static void the_first_adam_step_has_the_size_of_the_rate(void **state)
{
    (void)state;
    struct weights *weights = new_weights();
    struct optim *optim = new_optim(weights, true, 0.0);
    float before = param_data(&weights->params[0])[5];
    weights_zero_grads(weights);
    param_grad(&weights->params[0])[5] = -123.0f;
    optim_step(optim, 0.5);
    assert_true(fabsf(param_data(&weights->params[0])[5] - before - 0.005f) < 1e-5f);
    optim_free(optim);
    weights_free(weights);
}

static void large_gradients_are_clipped_together(void **state)
{
    (void)state;
    struct weights *weights = new_weights();
    struct optim *optim = new_optim(weights, false, 1.0);
    weights_zero_grads(weights);
    param_grad(&weights->params[0])[0] = 3.0f;
    param_grad(&weights->params[1])[0] = 4.0f;
    assert_true(fabs(optim_step(optim, 0.0) - 5.0) < 1e-5);
    assert_true(fabsf(param_grad(&weights->params[0])[0] - 0.6f) < 1e-6f);
    assert_true(fabsf(param_grad(&weights->params[1])[0] - 0.8f) < 1e-6f);
    optim_free(optim);
    weights_free(weights);
}

static void the_rate_warms_up_stays_and_decays(void **state)
{
    (void)state;
    struct optim_schedule schedule = {.warm_steps = 10, .decay_from = 0.5, .final = 0.1};
    assert_true(fabs(optim_schedule_at(&schedule, 0, 100) - 0.1) < 1e-9);
    assert_true(fabs(optim_schedule_at(&schedule, 9, 100) - 1.0) < 1e-9);
    assert_true(fabs(optim_schedule_at(&schedule, 50, 100) - 1.0) < 1e-9);
    assert_true(fabs(optim_schedule_at(&schedule, 75, 100) - 0.55) < 1e-9);
    assert_true(fabs(optim_schedule_at(&schedule, 100, 100) - 0.1) < 1e-9);
    assert_true(fabs(optim_schedule_at(&schedule, 120, 100) - 0.1) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(muon_makes_matrices_nearly_orthogonal),
        cmocka_unit_test(both_optimisers_descend),
        cmocka_unit_test(the_first_adam_step_has_the_size_of_the_rate),
        cmocka_unit_test(large_gradients_are_clipped_together),
        cmocka_unit_test(the_rate_warms_up_stays_and_decays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
