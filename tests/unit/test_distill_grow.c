/* test_distill_grow.c - a larger model begins as the smaller one that it was grown from. */
#include <math.h>

#include "distill_fixture.h"
#include "distill/grow.h"

#define VOCABULARY 20

static struct model_shape larger_shape(const struct model_shape *small)
{
    struct model_shape shape = *small;
    shape.layers = 5;
    shape.width = 3 * small->width;
    shape.heads = 3 * small->heads;
    shape.feed_forward = 100;
    return shape;
}

static struct weights *make_weights(const struct model_shape *shape)
{
    struct error error;
    struct weights *weights;
    assert_ok(weights_new(shape, &weights, &error));
    stir_weights(weights, 5);
    return weights;
}

/* Large, as it is initialised, then grown from `small`. */
static struct weights *make_grown(const struct model_shape *shape, const struct weights *small)
{
    struct error error;
    struct weights *weights;
    struct rng rng;
    rng_seed(&rng, 7);
    assert_ok(weights_new(shape, &weights, &error));
    weights_init(weights, &rng);
    assert_ok(weights_grow(weights, small, &rng, &error));
    return weights;
}

static void fill(struct packer *packer)
{
    int32_t tokens[12];
    bool is_trained[12];
    struct rng rng;
    struct example example = {tokens, is_trained, 12, 8, ""};
    rng_seed(&rng, 1);
    for (uint32_t i = 0; i < 12; i++) {
        tokens[i] = (int32_t)rng_below(&rng, VOCABULARY);
        is_trained[i] = i >= 4;
    }
    assert_true(packer_add(packer, &example, 0));
}

/* Logits of one batch into `logits`; gradients are left in the weights. */
static void compute_logits(struct weights *weights, float logits[8 * VOCABULARY])
{
    struct error error;
    struct compute *compute;
    struct graph *graph;
    struct packer packer;
    double loss;
    const struct batch_shape shape = {12, 1, 8};
    assert_ok(compute_new(1, true, &compute, &error));
    assert_ok(graph_new(compute, weights, shape, true, &graph, &error));
    assert_ok(packer_init(&packer, shape, &error));
    fill(&packer);
    weights_zero_grads(weights);
    assert_ok(graph_run(graph, &packer.batch, 1.0f, &loss, NULL, &error));
    memcpy(logits, graph_logits(graph), 8 * VOCABULARY * sizeof(*logits));
    packer_deinit(&packer);
    graph_free(graph);
    compute_free(compute);
}

static void grown_model_computes_the_same(void **state)
{
    (void)state;
    for (int is_tied = 0; is_tied < 2; is_tied++) {
        float before[8 * VOCABULARY], after[8 * VOCABULARY];
        const struct model_shape small = tiny_shape(VOCABULARY, is_tied), large = larger_shape(&small);
        struct weights *weights = make_weights(&small), *grown = make_grown(&large, weights);
        compute_logits(weights, before);
        compute_logits(grown, after);
        for (size_t i = 0; i < 8 * VOCABULARY; i++)
            assert_float_equal(before[i], after[i], 2e-3f * (1.0f + fabsf(before[i])));
        weights_free(weights);
        weights_free(grown);
    }
}

/* Copies that had equal gradients would stay copies for ever: rows that write to copies of the stream get others. */
static void copies_part(void **state)
{
    (void)state;
    float logits[8 * VOCABULARY];
    const struct model_shape small = tiny_shape(VOCABULARY, true), large = larger_shape(&small);
    struct weights *weights = make_weights(&small), *grown = make_grown(&large, weights);
    compute_logits(grown, logits);
    const float *gradient = NULL;
    for (size_t i = 0; i < grown->param_count; i++)
        if (grown->params[i].weight == grown->layers[0].ffn_down)
            gradient = param_grad(&grown->params[i]);
    assert_non_null(gradient);
    size_t parted = 0;
    const size_t copy = (size_t)small.width * large.feed_forward; /* of the first row, which is the first element's */
    for (size_t i = 0; i < large.feed_forward; i++)
        parted += fabsf(gradient[i] - gradient[i + copy]) > 0.01f * fabsf(gradient[i]);
    assert_true(parted > large.feed_forward / 2);
    weights_free(weights);
    weights_free(grown);
}

static void shapes_that_do_not_fit(void **state)
{
    (void)state;
    const struct model_shape small = tiny_shape(VOCABULARY, true);
    struct weights *from = make_weights(&small);
    for (size_t i = 0; i < 6; i++) {
        struct error error;
        struct rng rng;
        struct weights *weights;
        struct model_shape large = larger_shape(&small);
        static const char *const names[] = {"vocabulary", "tied", "width", "kv_heads", "layers", "rope_base"};
        large.vocabulary += i == 0;
        large.is_tied = i != 1;
        large.heads += i == 2 ? large.heads : 0;
        large.kv_heads += i == 3 ? large.kv_heads : 0;
        large.layers = i == 4 ? 1 : large.layers;
        large.rope_base = i == 5 ? 500000.0f : large.rope_base;
        rng_seed(&rng, 7);
        assert_ok(weights_new(&large, &weights, &error));
        assert_int_equal(weights_grow(weights, from, &rng, &error), ERROR_CONFLICT);
        assert_non_null(strstr(error.message, names[i]));
        weights_free(weights);
    }
    weights_free(from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grown_model_computes_the_same),
        cmocka_unit_test(copies_part),
        cmocka_unit_test(shapes_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
