/* test_distill_graph.c - gradients of every block against finite differences,
 * and what the batch layout promises. */
#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <math.h>

#include "distill_fixture.h"
#include "distill/blocks.h"
#include "distill/gemm.h"

#define LENGTH 6
#define ROWS 2
#define TOKENS (LENGTH * ROWS)
#define WIDTH 32
#define INPUTS_MAX 24

/* --- a graph of one block --------------------------------------------------------------------------- */

/* The loss is the sum of the block's output times fixed random numbers, so
 * every output element has a gradient of its own. */
struct block_test {
    struct compute *compute;
    struct ggml_context *statics, *ctx;
    struct ggml_backend_buffer *buffer;
    struct ggml_cgraph *graph;
    ggml_gallocr_t allocator;
    struct ggml_tensor *inputs[INPUTS_MAX], *grads[INPUTS_MAX];
    size_t input_count;
    struct ggml_tensor *positions, *mask, *select, *weight, *labels;
    struct ggml_tensor *mixer; /* the random numbers */
    struct ggml_tensor *loss;
    struct rng rng;
    struct gemm_plan plan;
};

static struct ggml_tensor *add_input(struct block_test *test, int64_t ne0, int64_t ne1)
{
    struct ggml_tensor *input = ggml_new_tensor_2d(test->statics, GGML_TYPE_F32, ne0, ne1);
    test->grads[test->input_count] = ggml_new_tensor_2d(test->statics, GGML_TYPE_F32, ne0, ne1);
    test->inputs[test->input_count++] = input;
    ggml_set_param(input);
    return input;
}

static struct ggml_tensor *add_norm(struct block_test *test)
{
    struct ggml_tensor *input = ggml_new_tensor_1d(test->statics, GGML_TYPE_F32, WIDTH);
    test->grads[test->input_count] = ggml_new_tensor_1d(test->statics, GGML_TYPE_F32, WIDTH);
    test->inputs[test->input_count++] = input;
    ggml_set_param(input);
    return input;
}

static void test_begin(struct block_test *test, bool with_blas)
{
    struct error error;
    struct ggml_init_params statics = {.mem_size = 128 * ggml_tensor_overhead(), .no_alloc = true};
    struct ggml_init_params nodes = {.mem_size = 4096 * ggml_tensor_overhead() + ggml_graph_overhead_custom(1024, true),
                                     .no_alloc = true};
    *test = (struct block_test){0};
    rng_seed(&test->rng, 7);
    assert_ok(compute_new(1, with_blas, &test->compute, &error));
    test->statics = ggml_init(statics);
    test->ctx = ggml_init(nodes);
    test->positions = ggml_new_tensor_1d(test->statics, GGML_TYPE_I32, TOKENS);
    test->mask = ggml_new_tensor_4d(test->statics, GGML_TYPE_F32, LENGTH, LENGTH, 1, ROWS);
    test->select = ggml_new_tensor_1d(test->statics, GGML_TYPE_I32, 4);
    test->weight = ggml_new_tensor_2d(test->statics, GGML_TYPE_F32, 1, 4);
    test->labels = ggml_new_tensor_2d(test->statics, GGML_TYPE_F32, 11, 4);
}

static void fill_constants(struct block_test *test)
{
    int32_t *positions = test->positions->data, *select = test->select->data;
    float *mask = test->mask->data, *weight = test->weight->data, *labels = test->labels->data;
    for (int i = 0; i < TOKENS; i++)
        positions[i] = i % LENGTH;
    for (int i = 0; i < LENGTH * LENGTH * ROWS; i++) { /* causal; the second row has two documents of three */
        int key = i % LENGTH, query = i / LENGTH % LENGTH, row = i / (LENGTH * LENGTH);
        bool is_foreign = row == 1 && query >= 3 && key < 3;
        mask[i] = key <= query && !is_foreign ? 0.0f : -INFINITY;
    }
    for (int i = 0; i < 4; i++) {
        select[i] = (5 * i + 2) % TOKENS;
        weight[i] = i == 3 ? 0.0f : 1.0f;
        float sum = 0.0f;
        for (int j = 0; j < 11; j++)
            sum += labels[i * 11 + j] = i == 3 ? 1.0f : (float)rng_unit(&test->rng);
        for (int j = 0; j < 11; j++)
            labels[i * 11 + j] /= sum;
    }
}

static void fill_random(struct block_test *test, struct ggml_tensor *tensor)
{
    for (int64_t i = 0; i < ggml_nelements(tensor); i++)
        ((float *)tensor->data)[i] = 2.0f * (float)rng_unit(&test->rng) - 1.0f;
}

static void set_backward(struct block_test *test)
{
    int count = ggml_graph_n_nodes(test->graph);
    struct ggml_tensor *accumulators[1024] = {0};
    for (int i = 0; i < count; i++)
        for (size_t j = 0; j < test->input_count; j++)
            if (ggml_graph_node(test->graph, i) == test->inputs[j])
                accumulators[i] = test->grads[j];
    ggml_build_backward_expand(test->ctx, test->graph, accumulators);
}

/* `output` is the block's, or the loss itself (one element). */
static void test_build(struct block_test *test, struct ggml_tensor *output)
{
    bool is_loss = ggml_nelements(output) == 1;
    test->mixer = ggml_new_tensor(test->statics, GGML_TYPE_F32, GGML_MAX_DIMS, output->ne);
    test->loss = is_loss ? output : ggml_sum(test->ctx, ggml_mul(test->ctx, output, test->mixer));
    ggml_set_loss(test->loss);
    ggml_set_output(test->loss);
    test->graph = ggml_new_graph_custom(test->ctx, 1024, true);
    ggml_build_forward_expand(test->graph, test->loss);
    set_backward(test);
    test->plan = (struct gemm_plan){.gemm = compute_gemm(test->compute)};
    gemm_rewrite(&test->plan, test->ctx, test->graph);
    test->buffer = ggml_backend_alloc_ctx_tensors_from_buft(test->statics, ggml_backend_cpu_buffer_type());
    test->allocator = ggml_gallocr_new(ggml_backend_cpu_buffer_type());
    assert_non_null(test->buffer);
    assert_true(ggml_gallocr_alloc_graph(test->allocator, test->graph));
    for (size_t i = 0; i < test->input_count; i++)
        fill_random(test, test->inputs[i]);
    fill_random(test, test->mixer);
    fill_constants(test);
}

static double run_loss(struct block_test *test)
{
    for (size_t i = 0; i < test->input_count; i++)
        memset(test->grads[i]->data, 0, ggml_nbytes(test->grads[i]));
    *(float *)ggml_graph_get_grad_acc(test->graph, test->loss)->data = 1.0f;
    assert_int_equal(ggml_backend_graph_compute(compute_backend(test->compute), test->graph), GGML_STATUS_SUCCESS);
    return (double)*(const float *)test->loss->data;
}

/* The gradient of one input along a random direction must be the slope of the
 * loss along it, within 1% and the rounding of single precision. */
static void check_input(struct block_test *test, size_t which)
{
    enum { COUNT_MAX = 4096 };
    float *data = test->inputs[which]->data, saved[COUNT_MAX], direction[COUNT_MAX];
    size_t count = (size_t)ggml_nelements(test->inputs[which]);
    assert_true(count <= COUNT_MAX);
    memcpy(saved, data, count * sizeof(float));

    double norm = 0.0, slope = 0.0, step = 2e-2;
    for (size_t i = 0; i < count; i++) {
        direction[i] = 2.0f * (float)rng_unit(&test->rng) - 1.0f;
        norm += (double)(direction[i] * direction[i]);
    }
    run_loss(test);
    for (size_t i = 0; i < count; i++) {
        direction[i] = (float)((double)direction[i] / sqrt(norm));
        slope += (double)(((const float *)test->grads[which]->data)[i] * direction[i]);
    }
    double ends[2];
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < count; i++)
            data[i] = saved[i] + (float)(side ? -step : step) * direction[i];
        ends[side] = run_loss(test);
    }
    memcpy(data, saved, count * sizeof(float));
    double numeric = (ends[0] - ends[1]) / (2.0 * step);
    if (fabs(numeric - slope) > 0.01 * fabs(numeric) + 2e-3)
        fail_msg("input %zu: gradient %g, finite difference %g", which, slope, numeric);
}

static void test_finish(struct block_test *test)
{
    for (size_t i = 0; i < test->input_count; i++)
        check_input(test, i);
    ggml_gallocr_free(test->allocator);
    ggml_backend_buffer_free(test->buffer);
    ggml_free(test->ctx);
    ggml_free(test->statics);
    compute_free(test->compute);
}

/* --- blocks ----------------------------------------------------------------------------------------- */

static struct layer_weights add_layer(struct block_test *test)
{
    return (struct layer_weights){
        .attn_norm = add_norm(test),
        .attn_q = add_input(test, WIDTH, WIDTH),
        .attn_k = add_input(test, WIDTH, WIDTH / 2),
        .attn_v = add_input(test, WIDTH, WIDTH / 2),
        .attn_output = add_input(test, WIDTH, WIDTH),
        .ffn_norm = add_norm(test),
        .ffn_gate = add_input(test, WIDTH, 64),
        .ffn_up = add_input(test, WIDTH, 64),
        .ffn_down = add_input(test, 64, WIDTH),
    };
}

static struct block_inputs shared_inputs(const struct block_test *test)
{
    return (struct block_inputs){test->positions, test->mask, LENGTH, ROWS};
}

static void norm_gradients(void **state)
{
    (void)state;
    struct block_test test;
    test_begin(&test, true);
    struct ggml_tensor *x = add_input(&test, WIDTH, TOKENS);
    test_build(&test, block_norm(test.ctx, x, add_norm(&test), 1e-5f));
    test_finish(&test);
}

static void attention_gradients(void **state)
{
    for (int with_blas = 0; with_blas < 2; with_blas++) {
        (void)state;
        struct block_test test;
        struct model_shape shape = tiny_shape(11, true);
        test_begin(&test, with_blas);
        struct ggml_tensor *x = add_input(&test, WIDTH, TOKENS);
        struct layer_weights weights = {
            .attn_q = add_input(&test, WIDTH, WIDTH),
            .attn_k = add_input(&test, WIDTH, WIDTH / 2),
            .attn_v = add_input(&test, WIDTH, WIDTH / 2),
            .attn_output = add_input(&test, WIDTH, WIDTH),
        };
        struct block_inputs inputs = shared_inputs(&test);
        test_build(&test, block_attention(test.ctx, &shape, &weights, &inputs, x));
        test_finish(&test);
    }
}

static void feed_forward_gradients(void **state)
{
    (void)state;
    struct block_test test;
    test_begin(&test, true);
    struct ggml_tensor *x = add_input(&test, WIDTH, TOKENS);
    struct layer_weights weights = {
        .ffn_gate = add_input(&test, WIDTH, 64),
        .ffn_up = add_input(&test, WIDTH, 64),
        .ffn_down = add_input(&test, 64, WIDTH),
    };
    test_build(&test, block_feed_forward(test.ctx, &weights, x));
    test_finish(&test);
}

static void layer_gradients(void **state)
{
    (void)state;
    struct block_test test;
    struct model_shape shape = tiny_shape(11, true);
    test_begin(&test, true);
    struct ggml_tensor *x = add_input(&test, WIDTH, TOKENS);
    struct layer_weights weights = add_layer(&test);
    struct block_inputs inputs = shared_inputs(&test);
    test_build(&test, block_layer(test.ctx, &shape, &weights, &inputs, x));
    test_finish(&test);
}

static struct adapter add_adapter(struct block_test *test, int64_t inputs, int64_t outputs)
{
    const int64_t rank = 3;
    return (struct adapter){add_input(test, inputs, rank), add_input(test, rank, outputs), 0.5f};
}

/* Beside all matrices but one, whose input is another. */
static void adapter_gradients(void **state)
{
    (void)state;
    struct block_test test;
    struct model_shape shape = tiny_shape(11, true);
    test_begin(&test, true);
    struct ggml_tensor *x = add_input(&test, WIDTH, TOKENS);
    struct layer_weights weights = add_layer(&test);
    static const int64_t outputs[MATRIX_DOWN] = {WIDTH, WIDTH / 2, WIDTH / 2, WIDTH, 64, 64};
    for (int i = MATRIX_Q; i < MATRIX_DOWN; i++)
        weights.adapters[i] = add_adapter(&test, WIDTH, outputs[i]);
    struct block_inputs inputs = shared_inputs(&test);
    test_build(&test, block_layer(test.ctx, &shape, &weights, &inputs, x));
    test_finish(&test);
}

/* With soft labels, three of four rows used. */
static void head_gradients(void **state)
{
    (void)state;
    struct block_test test;
    test_begin(&test, true);
    struct ggml_tensor *x = add_input(&test, WIDTH, TOKENS), *norm = add_norm(&test);
    struct ggml_tensor *head = add_input(&test, WIDTH, 11);
    struct ggml_tensor *logits = block_head(test.ctx, x, norm, head, test.select, test.weight, 1e-5f);
    test_build(&test, ggml_cross_entropy_loss(test.ctx, logits, test.labels));
    test_finish(&test);
}

/* --- whole batches ---------------------------------------------------------------------------------- */

struct model_test {
    struct compute *compute;
    struct weights *weights;
    struct graph *graph;
    struct packer packer;
};

static void model_begin_on(struct model_test *test, struct batch_shape shape, bool is_tied, bool with_blas)
{
    struct error error;
    struct model_shape model = tiny_shape(20, is_tied);
    assert_ok(compute_new(1, with_blas, &test->compute, &error));
    assert_ok(weights_new(&model, &test->weights, &error));
    stir_weights(test->weights, 5);
    assert_ok(graph_new(test->compute, test->weights, shape, true, &test->graph, &error));
    assert_ok(packer_init(&test->packer, shape, &error));
}

static void model_begin(struct model_test *test, struct batch_shape shape, bool is_tied)
{
    model_begin_on(test, shape, is_tied, true);
}

static void model_end(struct model_test *test)
{
    packer_deinit(&test->packer);
    graph_free(test->graph);
    weights_free(test->weights);
    compute_free(test->compute);
}

static void add_random(struct packer *packer, uint32_t count, uint64_t seed, int32_t tag)
{
    int32_t tokens[512];
    bool is_trained[512];
    assert_true(count <= 512);
    struct rng rng;
    rng_seed(&rng, seed);
    struct example example = {tokens, is_trained, count, 0, ""};
    for (uint32_t i = 0; i < count; i++) {
        tokens[i] = (int32_t)rng_below(&rng, 20);
        is_trained[i] = i > count / 2;
        example.trained += is_trained[i];
    }
    assert_true(packer_add(packer, &example, tag));
}

/* Of one element of each parameter, whose loss `run` computes. */
static void check_params(struct model_test *test, double (*run)(struct model_test *test, float gradient_scale))
{
    for (size_t i = 0; i < test->weights->param_count; i++) {
        const struct param *param = &test->weights->params[i];
        double ends[2];
        weights_zero_grads(test->weights);
        (void)run(test, 1.0f);
        size_t at = param_count(param) / 3; /* an element of a token that is there, in the embedding */
        float gradient = param_grad(param)[at], kept = param_data(param)[at], step = 1e-2f;
        for (int side = 0; side < 2; side++) {
            param_data(param)[at] = side ? kept - step : kept + step;
            ends[side] = run(test, 0.0f);
        }
        param_data(param)[at] = kept;
        double numeric = (ends[0] - ends[1]) / (2.0 * (double)step);
        if (fabs(numeric - (double)gradient) > 0.02 * fabs(numeric) + 4e-3)
            fail_msg("%s: gradient %g, finite difference %g", param->weight->name, (double)gradient, numeric);
    }
}

static double run_hard(struct model_test *test, float gradient_scale)
{
    struct error error;
    double loss;
    assert_ok(graph_run(test->graph, &test->packer.batch, gradient_scale, &loss, NULL, &error));
    return loss;
}

static void add_three(struct model_test *test)
{
    add_random(&test->packer, 7, 1, 0);
    add_random(&test->packer, 9, 2, 0);
    add_random(&test->packer, 4, 3, 0);
}

static void whole_model_gradients(void **state)
{
    for (int is_tied = 0; is_tied < 2; is_tied++) {
        (void)state;
        struct model_test test;
        model_begin(&test, (struct batch_shape){12, 2, 12}, is_tied);
        add_three(&test);
        check_params(&test, run_hard);
        model_end(&test);
    }
}

/* What an example contributes must not depend on its neighbours, on the room
 * left over, or on how many passes a step is cut into. */
static void examples_do_not_see_each_other(void **state)
{
    (void)state;
    struct model_test alone, together;
    struct error error;
    double first, second, both;
    model_begin(&alone, (struct batch_shape){16, 1, 16}, true);
    add_random(&alone.packer, 9, 1, 0);
    assert_ok(graph_run(alone.graph, &alone.packer.batch, 0.5f, &first, NULL, &error));
    packer_reset(&alone.packer);
    add_random(&alone.packer, 7, 2, 0);
    assert_ok(graph_run(alone.graph, &alone.packer.batch, 0.5f, &second, NULL, &error));

    model_begin(&together, (struct batch_shape){24, 2, 24}, true);
    add_random(&together.packer, 9, 1, 0);
    add_random(&together.packer, 7, 2, 0);
    assert_ok(graph_run(together.graph, &together.packer.batch, 0.5f, &both, NULL, &error));
    assert_true(fabs(first + second - both) < 1e-4);
    for (size_t i = 0; i < alone.weights->param_count; i++)
        for (size_t j = 0; j < param_count(&alone.weights->params[i]); j++) {
            double a = (double)param_grad(&alone.weights->params[i])[j];
            double b = (double)param_grad(&together.weights->params[i])[j];
            assert_true(fabs(a - b) < 1e-4);
        }
    model_end(&alone);
    model_end(&together);
}

/* Graphs of one compute have one piece of memory, and nothing of each other in it. */
static void graphs_take_turns(void **state)
{
    (void)state;
    struct model_test test;
    struct graph *other;
    struct error error;
    double first, again, others;
    model_begin(&test, (struct batch_shape){24, 2, 24}, true);
    add_three(&test);
    assert_ok(graph_run(test.graph, &test.packer.batch, 1.0f, &first, NULL, &error));
    assert_ok(graph_new(test.compute, test.weights, (struct batch_shape){24, 2, 40}, true, &other, &error));
    assert_ok(graph_run(other, &test.packer.batch, 1.0f, &others, NULL, &error));
    assert_true(fabs(first - others) < 1e-4);
    weights_zero_grads(test.weights);
    assert_ok(graph_run(test.graph, &test.packer.batch, 1.0f, &again, NULL, &error));
    assert_true(first == again);
    graph_free(other);
    check_params(&test, run_hard);
    model_end(&test);
}

/* BLAS is not asked for what the mask hides, ggml's kernels are. Documents of several blocks of queries and of less
 * than one; a row that they fill and one that they don't. */
static void what_the_mask_hides_is_left_out(void **state)
{
    (void)state;
    struct model_test tests[2];
    struct error error;
    double losses[2];
    for (int i = 0; i < 2; i++) {
        model_begin_on(&tests[i], (struct batch_shape){450, 2, 600}, true, i == 0);
        add_random(&tests[i].packer, 300, 1, 0);
        add_random(&tests[i].packer, 290, 2, 0);
        add_random(&tests[i].packer, 150, 3, 0);
        add_random(&tests[i].packer, 40, 4, 0);
        assert_ok(graph_run(tests[i].graph, &tests[i].packer.batch, 1.0f, &losses[i], NULL, &error));
    }
    assert_true(fabs(losses[0] - losses[1]) < 1e-4 * losses[1]);
    for (size_t i = 0; i < tests[0].weights->param_count; i++) {
        double farthest = 0.0, largest = 0.0;
        for (size_t j = 0; j < param_count(&tests[0].weights->params[i]); j++) {
            const double a = (double)param_grad(&tests[0].weights->params[i])[j];
            const double b = (double)param_grad(&tests[1].weights->params[i])[j];
            farthest = fmax(farthest, fabs(a - b));
            largest = fmax(largest, fabs(b));
        }
        assert_true(farthest < 1e-3 * largest + 1e-6);
    }
    model_end(&tests[0]);
    model_end(&tests[1]);
}

/* --- soft labels ------------------------------------------------------------------------------------ */

static void model_begin_soft(struct model_test *test, struct batch_shape shape, struct soft_loss soft)
{
    struct error error;
    model_begin(test, shape, true);
    graph_free(test->graph);
    assert_ok(graph_new_soft(test->compute, test->weights, shape, soft, &test->graph, &error));
}

static const struct soft_loss mixed = {.temperature = 2.5f, .weight = 0.7f};

/* Labels that are the same whenever they are asked for. */
static double run_mixed(struct model_test *test, float gradient_scale)
{
    struct rng rng;
    rng_seed(&rng, 31);
    float *labels = graph_soft_labels(test->graph);
    for (uint32_t i = 0; i < test->packer.batch.selected; i++) {
        float sum = 0.0f;
        for (int j = 0; j < 20; j++)
            sum += labels[i * 20 + (uint32_t)j] = (float)rng_unit(&rng);
        for (int j = 0; j < 20; j++)
            labels[i * 20 + (uint32_t)j] /= sum;
    }
    const double hard = run_hard(test, gradient_scale), t = (double)mixed.temperature, w = (double)mixed.weight;
    return w * t * t * graph_soft_loss(test->graph) + (1.0 - w) * hard;
}

static void soft_and_hard_gradients(void **state)
{
    (void)state;
    struct model_test test;
    model_begin_soft(&test, (struct batch_shape){12, 2, 12}, mixed);
    add_three(&test);
    check_params(&test, run_mixed);
    model_end(&test);
}

/* What is reported is the same as without a teacher. */
static void the_hard_loss_is_told_beside_the_soft_one(void **state)
{
    (void)state;
    struct model_test plain, soft;
    model_begin(&plain, (struct batch_shape){12, 2, 12}, true);
    model_begin_soft(&soft, (struct batch_shape){12, 2, 12}, mixed);
    add_three(&plain);
    add_three(&soft);
    (void)run_mixed(&soft, 1.0f);
    assert_true(fabs(run_hard(&plain, 1.0f) - run_hard(&soft, 0.0f)) < 1e-5);
    assert_null(graph_soft_labels(plain.graph));
    assert_true(graph_soft_loss(plain.graph) == 0.0);
    model_end(&plain);
    model_end(&soft);
}

/* One-hot soft labels are hard labels. */
static void soft_labels_take_the_place_of_hard_ones(void **state)
{
    (void)state;
    struct model_test hard, soft;
    model_begin(&hard, (struct batch_shape){12, 1, 12}, true);
    model_begin_soft(&soft, (struct batch_shape){12, 1, 12}, (struct soft_loss){1.0f, 1.0f});
    add_random(&hard.packer, 10, 1, 0);
    add_random(&soft.packer, 10, 1, 0);
    memset(graph_soft_labels(soft.graph), 0, sizeof(float) * 20 * 12);
    for (uint32_t i = 0; i < soft.packer.batch.selected; i++)
        graph_soft_labels(soft.graph)[i * 20 + (uint32_t)soft.packer.batch.labels[i]] = 1.0f;
    const double loss = run_hard(&hard, 1.0f);
    (void)run_hard(&soft, 1.0f);
    assert_true(fabs(loss - graph_soft_loss(soft.graph)) < 1e-5);
    for (size_t i = 0; i < hard.weights->param_count; i++)
        for (size_t j = 0; j < param_count(&hard.weights->params[i]); j++) {
            const double a = (double)param_grad(&hard.weights->params[i])[j];
            assert_true(fabs(a - (double)param_grad(&soft.weights->params[i])[j]) < 1e-5);
        }
    model_end(&hard);
    model_end(&soft);
}

static void packer_refuses_what_does_not_fit(void **state)
{
    (void)state;
    struct packer packer;
    struct error error;
    assert_ok(packer_init(&packer, (struct batch_shape){10, 2, 4}, &error));
    add_random(&packer, 6, 1, 3); /* trains 2 */
    add_random(&packer, 4, 2, 4); /* trains 1, the rest of the first row */
    assert_int_equal(packer.batch.selected, 3);
    assert_int_equal(packer.tags[2], 4);
    assert_int_equal(packer.batch.documents[9], 1);
    assert_int_equal(packer.batch.positions[6], 0);
    int32_t tokens[11] = {0};
    bool is_trained[11] = {0};
    struct example too_long = {tokens, is_trained, 11, 0, ""};
    assert_false(packer_add(&packer, &too_long, 0));
    is_trained[1] = is_trained[2] = true;
    struct example too_many = {tokens, is_trained, 3, 2, ""};
    assert_false(packer_add(&packer, &too_many, 0));
    packer_deinit(&packer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norm_gradients),
        cmocka_unit_test(attention_gradients),
        cmocka_unit_test(feed_forward_gradients),
        cmocka_unit_test(layer_gradients),
        cmocka_unit_test(adapter_gradients),
        cmocka_unit_test(head_gradients),
        cmocka_unit_test(whole_model_gradients),
        cmocka_unit_test(examples_do_not_see_each_other),
        cmocka_unit_test(graphs_take_turns),
        cmocka_unit_test(what_the_mask_hides_is_left_out),
        cmocka_unit_test(soft_and_hard_gradients),
        cmocka_unit_test(the_hard_loss_is_told_beside_the_soft_one),
        cmocka_unit_test(soft_labels_take_the_place_of_hard_ones),
        cmocka_unit_test(packer_refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
