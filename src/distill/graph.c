/* graph.c - builds the graph of one batch shape and runs it. Which batches and how many is step.c's. See graph.h. */
#include "distill/graph.h"

#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/mem.h"
#include "distill/gemm.h"

/* ggml counts nodes of both passes; one layer makes about 120. */
#define GRAPH_NODES_PER_LAYER 256
#define GRAPH_NODES_OUTSIDE 512

struct compute {
    ggml_backend_t cpu;
    struct gemm *gemm;
};

struct graph {
    struct compute *compute;
    const struct weights *weights;
    struct batch_shape shape;
    bool has_gradients;
    struct ggml_context *ctx;
    struct ggml_cgraph *cgraph;
    ggml_gallocr_t allocator;
    struct ggml_tensor *tokens;    /* (t) I32 */
    struct ggml_tensor *positions; /* (t) I32 */
    struct ggml_tensor *mask;      /* (l, l, 1, b) */
    struct ggml_tensor *select;    /* (r) I32 */
    struct ggml_tensor *weight;    /* (1, r): 1 trained, 0 spare */
    struct ggml_tensor *labels;    /* (v, r) probabilities */
    struct ggml_tensor *logits;    /* (v, r) */
    struct ggml_tensor *loss;      /* (1) mean over r */
};

/* --- where graphs run ------------------------------------------------------------------------------- */

/* ggml tells where it loads what from; only trouble is worth a line here. */
static void on_ggml_log(enum ggml_log_level level, const char *text, void *user_data)
{
    (void)user_data;
    if (level == GGML_LOG_LEVEL_WARN || level == GGML_LOG_LEVEL_ERROR)
        fputs(text, stderr);
}

static void load_backends(void)
{
    const char *dir = getenv("FULCRUM_BACKEND_DIR");
    if (ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU))
        return;
    ggml_log_set(on_ggml_log, NULL);
    ggml_backend_load_all_from_path(dir && *dir ? dir : FULCRUM_BACKEND_DIR);
}

enum error_code compute_new(int threads, bool with_blas, struct compute **compute, struct error *error)
{
    load_backends();
    struct compute *c = mem_calloc(1, sizeof(*c));
    if (!c)
        return error_no_memory(error);
    ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    c->cpu = device ? ggml_backend_dev_init(device, NULL) : NULL;
    if (!c->cpu) {
        mem_free(c);
        return error_set(error, ERROR_UNAVAILABLE,
                         "no CPU backend in %s: build the dependencies or set FULCRUM_BACKEND_DIR",
                         FULCRUM_BACKEND_DIR);
    }
    ggml_backend_set_n_threads_t set_threads = (ggml_backend_set_n_threads_t)ggml_backend_reg_get_proc_address(
        ggml_backend_dev_backend_reg(device), "ggml_backend_set_n_threads");
    if (set_threads)
        set_threads(c->cpu, threads);
    if (with_blas)
        c->gemm = gemm_new(threads);
    *compute = c;
    return OK;
}

void compute_free(struct compute *compute)
{
    if (!compute)
        return;
    gemm_free(compute->gemm);
    ggml_backend_free(compute->cpu);
    mem_free(compute);
}

struct gemm *compute_gemm(const struct compute *compute)
{
    return compute->gemm;
}

struct ggml_backend *compute_backend(const struct compute *compute)
{
    return compute->cpu;
}

/* --- building --------------------------------------------------------------------------------------- */

static struct ggml_tensor *add_input(struct graph *graph, enum ggml_type type, int64_t ne0, int64_t ne1, int64_t ne3)
{
    struct ggml_tensor *input = ggml_new_tensor_4d(graph->ctx, type, ne0, ne1, 1, ne3);
    ggml_set_input(input);
    return input;
}

static void build_inputs(struct graph *graph)
{
    int64_t l = graph->shape.length, b = graph->shape.rows, r = graph->shape.selected;
    graph->tokens = add_input(graph, GGML_TYPE_I32, l * b, 1, 1);
    graph->positions = add_input(graph, GGML_TYPE_I32, l * b, 1, 1);
    graph->mask = add_input(graph, GGML_TYPE_F32, l, l, b);
    graph->select = add_input(graph, GGML_TYPE_I32, r, 1, 1);
    graph->weight = add_input(graph, GGML_TYPE_F32, 1, r, 1);
    graph->labels = add_input(graph, GGML_TYPE_F32, graph->weights->shape.vocabulary, r, 1);
}

static void build_forward(struct graph *graph)
{
    const struct weights *w = graph->weights;
    struct block_inputs inputs = {
        .positions = graph->positions,
        .mask = graph->mask,
        .length = graph->shape.length,
        .rows = graph->shape.rows,
    };
    struct ggml_tensor *x = ggml_get_rows(graph->ctx, w->embedding, graph->tokens); /* (d, t) */
    for (uint32_t i = 0; i < w->shape.layers; i++)
        x = block_layer(graph->ctx, &w->shape, &w->layers[i], &inputs, x);
    graph->logits = block_head(graph->ctx, x, w->output_norm, w->head, graph->select, graph->weight,
                               w->shape.norm_epsilon);
    ggml_set_output(graph->logits);
    graph->loss = ggml_cross_entropy_loss(graph->ctx, graph->logits, graph->labels);
    ggml_set_loss(graph->loss);
    ggml_set_output(graph->loss);
    ggml_build_forward_expand(graph->cgraph, graph->loss);
}

static const struct param *find_param(const struct weights *weights, const struct ggml_tensor *node)
{
    for (size_t i = 0; i < weights->param_count; i++)
        if (weights->params[i].weight == node)
            return &weights->params[i];
    return NULL;
}

/* ggml takes the accumulators by the forward graph's node numbers. */
static bool build_backward(struct graph *graph)
{
    int count = ggml_graph_n_nodes(graph->cgraph);
    struct ggml_tensor **accumulators = mem_calloc((size_t)count, sizeof(struct ggml_tensor *));
    if (!accumulators)
        return false;
    for (int i = 0; i < count; i++) {
        const struct param *param = find_param(graph->weights, ggml_graph_node(graph->cgraph, i));
        if (param && param->grad)
            accumulators[i] = param->grad;
    }
    ggml_build_backward_expand(graph->ctx, graph->cgraph, accumulators);
    mem_free(accumulators);
    return true;
}

enum error_code graph_new(struct compute *compute, struct weights *weights, struct batch_shape shape,
                          bool with_gradients, struct graph **graph, struct error *error)
{
    struct graph *g = mem_calloc(1, sizeof(*g));
    if (!g)
        return error_no_memory(error);
    size_t nodes = (size_t)weights->shape.layers * GRAPH_NODES_PER_LAYER + GRAPH_NODES_OUTSIDE;
    struct ggml_init_params init = {
        .mem_size = nodes * 2 * ggml_tensor_overhead() + ggml_graph_overhead_custom(nodes, true),
        .no_alloc = true,
    };
    *g = (struct graph){.compute = compute, .weights = weights, .shape = shape, .has_gradients = with_gradients};
    g->ctx = ggml_init(init);
    g->allocator = ggml_gallocr_new(ggml_backend_cpu_buffer_type());
    if (!g->ctx || !g->allocator) {
        graph_free(g);
        return error_no_memory(error);
    }
    g->cgraph = ggml_new_graph_custom(g->ctx, nodes, with_gradients);
    build_inputs(g);
    build_forward(g);
    bool is_built = !with_gradients || build_backward(g);
    gemm_rewrite(compute->gemm, g->ctx, g->cgraph);
    if (!is_built || !ggml_gallocr_alloc_graph(g->allocator, g->cgraph)) {
        graph_free(g);
        return error_no_memory(error);
    }
    *graph = g;
    return OK;
}

void graph_free(struct graph *graph)
{
    if (!graph)
        return;
    if (graph->allocator)
        ggml_gallocr_free(graph->allocator);
    if (graph->ctx)
        ggml_free(graph->ctx);
    mem_free(graph);
}

const float *graph_logits(const struct graph *graph)
{
    return graph->logits->data;
}

/* --- running ---------------------------------------------------------------------------------------- */

/* A query sees the keys of its own document up to itself. Padding sees itself
 * only: a row that sees nothing would make the softmax divide by zero. */
static void fill_mask(const struct graph *graph, const struct batch *batch)
{
    size_t l = graph->shape.length;
    float *mask = graph->mask->data;
    for (size_t row = 0; row < graph->shape.rows; row++) {
        const int32_t *documents = batch->documents + row * l;
        for (size_t query = 0; query < l; query++) {
            float *keys = mask + (row * l + query) * l;
            for (size_t key = 0; key < l; key++)
                keys[key] = -INFINITY;
            size_t first = query;
            while (documents[query] >= 0 && first > 0 && documents[first - 1] == documents[query])
                first--;
            memset(keys + first, 0, (query - first + 1) * sizeof(float));
        }
    }
}

static void fill_labels(const struct graph *graph, const struct batch *batch)
{
    size_t v = graph->weights->shape.vocabulary, r = graph->shape.selected;
    int32_t *select = graph->select->data;
    float *weight = graph->weight->data, *labels = graph->labels->data;
    for (size_t i = 0; i < r; i++) {
        bool is_used = i < batch->selected;
        float *row = labels + i * v;
        select[i] = is_used ? batch->selects[i] : 0;
        weight[i] = is_used ? 1.0f : 0.0f;
        if (is_used && batch->soft_labels) {
            memcpy(row, batch->soft_labels + i * v, v * sizeof(float));
        } else if (is_used) {
            memset(row, 0, v * sizeof(float));
            row[batch->labels[i]] = 1.0f;
        } else {
            for (size_t j = 0; j < v; j++)
                row[j] = 1.0f / (float)v;
        }
    }
}

static bool is_argmax(const float *logits, size_t count, int32_t label)
{
    for (size_t i = 0; i < count; i++)
        if (logits[i] > logits[label])
            return false;
    return true;
}

enum error_code graph_run(struct graph *graph, const struct batch *batch, float gradient_scale, double *loss_sum,
                          bool *is_right, struct error *error)
{
    size_t v = graph->weights->shape.vocabulary, r = graph->shape.selected;
    memcpy(graph->tokens->data, batch->tokens, ggml_nbytes(graph->tokens));
    memcpy(graph->positions->data, batch->positions, ggml_nbytes(graph->positions));
    fill_mask(graph, batch);
    fill_labels(graph, batch);
    if (graph->has_gradients) /* the loss is a mean over r rows, spare ones included */
        *(float *)ggml_graph_get_grad_acc(graph->cgraph, graph->loss)->data = gradient_scale * (float)r;

    if (ggml_backend_graph_compute(graph->compute->cpu, graph->cgraph) != GGML_STATUS_SUCCESS)
        return error_set(error, ERROR_INTERNAL, "the training graph failed");

    double spare = (double)(r - batch->selected) * log((double)v);
    *loss_sum = (double)*(const float *)graph->loss->data * (double)r - spare;
    if (is_right)
        for (size_t i = 0; i < batch->selected; i++)
            is_right[i] = is_argmax(graph_logits(graph) + i * v, v, batch->labels[i]);
    return OK;
}
