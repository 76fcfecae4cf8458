/* graph.c - builds the graph of one batch shape and runs it. Which batches and how many is step.c's. See graph.h. */
#include "distill/graph.h"

#include <assert.h>
#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/mem.h"
#include "distill/frozen.h"
#include "distill/gemm.h"

/* ggml counts nodes of both passes; one layer makes about 120. */
#define GRAPH_NODES_PER_LAYER 256
#define GRAPH_NODES_OUTSIDE 512

struct graph;

/* Where graphs that never run at the same time have their tensors: the largest of them decides how much that is. */
struct graph_memory {
    ggml_gallocr_t allocator;
    const struct graph *holder; /* whose tensors lie in it now */
};

struct compute {
    ggml_backend_t cpu;
    struct gemm *gemm;
    struct graph_memory learning; /* graphs with a loss, */
    struct graph_memory reading;  /* and those without: labels of the former are written of the logits of the latter */
    struct give_way way;
    uint32_t number; /* that it is asked with */
};

/* What is computed besides logits. */
struct graph_plan {
    bool has_loss, has_gradients;
    struct soft_loss soft;
};

struct graph {
    struct compute *compute;
    const struct weights *weights;
    struct batch_shape shape;
    struct graph_plan plan;
    struct gemm_plan products;
    uint32_t selected; /* of the last run */
    struct ggml_context *ctx;
    struct ggml_cgraph *cgraph;
    struct graph_memory *memory;   /* the compute's of its kind */
    struct ggml_tensor *tokens;    /* (t) I32 */
    struct ggml_tensor *positions; /* (t) I32 */
    struct ggml_tensor *mask;      /* (l, l, 1, b) */
    struct ggml_tensor *select;    /* (r) I32 */
    struct ggml_tensor *weight;    /* (1, r): 1 trained, 0 spare */
    struct ggml_tensor *labels;    /* (v, r) probabilities */
    struct ggml_tensor *soft;      /* (v, r) probabilities of the teacher; NULL: there are none */
    struct ggml_tensor *logits;    /* (v, r) */
    struct ggml_tensor *hard_loss; /* (1) mean over r */
    struct ggml_tensor *soft_loss; /* (1) mean over r; NULL: there is none */
    struct ggml_tensor *loss;      /* (1) of which the gradients are */
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

static bool memory_new(struct graph_memory *memory)
{
    *memory = (struct graph_memory){.allocator = ggml_gallocr_new(ggml_backend_cpu_buffer_type())};
    return memory->allocator != NULL;
}

static void memory_free(struct graph_memory *memory)
{
    if (memory->allocator)
        ggml_gallocr_free(memory->allocator);
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
    if (!memory_new(&c->learning) || !memory_new(&c->reading)) {
        compute_free(c);
        return error_no_memory(error);
    }
    *compute = c;
    return OK;
}

size_t compute_bytes(const struct compute *compute)
{
    return ggml_gallocr_get_buffer_size(compute->learning.allocator, 0) +
           ggml_gallocr_get_buffer_size(compute->reading.allocator, 0);
}

void compute_free(struct compute *compute)
{
    if (!compute)
        return;
    memory_free(&compute->learning);
    memory_free(&compute->reading);
    gemm_free(compute->gemm);
    ggml_backend_free(compute->cpu);
    mem_free(compute);
}

static bool pause_graph(void *ctx)
{
    const struct compute *compute = ctx;
    compute->way.pause(compute->way.ctx, compute->number);
    return false; /* it goes on */
}

void compute_give_way(struct compute *compute, struct give_way way, uint32_t number)
{
    ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(ggml_backend_get_device(compute->cpu));
    ggml_backend_set_abort_callback_t set_callback =
        (ggml_backend_set_abort_callback_t)ggml_backend_reg_get_proc_address(reg, "ggml_backend_set_abort_callback");
    compute->way = way;
    compute->number = number;
    if (set_callback && way.pause)
        set_callback(compute->cpu, pause_graph, compute);
}

struct give_way compute_way(const struct compute *compute)
{
    return compute->way;
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
    if (graph->plan.has_loss)
        graph->labels = add_input(graph, GGML_TYPE_F32, graph->weights->shape.vocabulary, r, 1);
    if (graph->plan.soft.weight > 0.0f)
        graph->soft = add_input(graph, GGML_TYPE_F32, graph->weights->shape.vocabulary, r, 1);
}

static void build_loss(struct graph *graph)
{
    struct ggml_context *ctx = graph->ctx;
    const struct soft_loss *soft = &graph->plan.soft;
    graph->loss = graph->hard_loss = ggml_cross_entropy_loss(ctx, graph->logits, graph->labels);
    ggml_set_output(graph->hard_loss);
    if (graph->soft) {
        struct ggml_tensor *cooled = ggml_scale(ctx, graph->logits, 1.0f / soft->temperature);
        graph->soft_loss = ggml_cross_entropy_loss(ctx, cooled, graph->soft);
        ggml_set_output(graph->soft_loss);
        graph->loss = ggml_add(
            ctx, ggml_scale(ctx, graph->soft_loss, soft->weight * soft->temperature * soft->temperature),
            ggml_scale(ctx, graph->hard_loss, 1.0f - soft->weight));
        ggml_set_output(graph->loss);
    }
    ggml_set_loss(graph->loss);
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
    if (graph->plan.has_loss)
        build_loss(graph);
    ggml_build_forward_expand(graph->cgraph, graph->loss ? graph->loss : graph->logits);
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

/* Gives the graph's tensors their places, which were another graph's perhaps. False: no memory. */
static bool lay_out(struct graph *graph)
{
    struct graph_memory *memory = graph->memory;
    if (memory->holder == graph)
        return true;
    memory->holder = NULL;
    for (struct ggml_tensor *t = ggml_get_first_tensor(graph->ctx); t; t = ggml_get_next_tensor(graph->ctx, t)) {
        t->data = NULL;
        t->buffer = NULL;
    }
    if (!ggml_gallocr_alloc_graph(memory->allocator, graph->cgraph))
        return false;
    memory->holder = graph;
    return true;
}

static enum error_code make_graph(struct compute *compute, const struct weights *weights, struct batch_shape shape,
                                  struct graph_plan plan, struct graph **graph, struct error *error)
{
    struct graph *g = mem_calloc(1, sizeof(*g));
    if (!g)
        return error_no_memory(error);
    size_t nodes = (size_t)weights->shape.layers * GRAPH_NODES_PER_LAYER + GRAPH_NODES_OUTSIDE;
    struct ggml_init_params init = {
        .mem_size = nodes * 2 * ggml_tensor_overhead() + ggml_graph_overhead_custom(nodes, true),
        .no_alloc = true,
    };
    *g = (struct graph){.compute = compute, .weights = weights, .shape = shape, .plan = plan};
    g->products = (struct gemm_plan){compute->gemm, {shape.length, shape.rows, NULL}};
    g->ctx = ggml_init(init);
    g->memory = plan.has_loss ? &compute->learning : &compute->reading;
    if (!g->ctx) {
        graph_free(g);
        return error_no_memory(error);
    }
    g->cgraph = ggml_new_graph_custom(g->ctx, nodes, plan.has_gradients);
    build_inputs(g);
    build_forward(g);
    bool is_built = !plan.has_gradients || build_backward(g);
    frozen_rewrite(weights, g->cgraph);
    gemm_rewrite(&g->products, g->ctx, g->cgraph);
    if (!is_built || !lay_out(g)) {
        graph_free(g);
        return error_no_memory(error);
    }
    *graph = g;
    return OK;
}

enum error_code graph_new(struct compute *compute, struct weights *weights, struct batch_shape shape,
                          bool with_gradients, struct graph **graph, struct error *error)
{
    const struct graph_plan plan = {.has_loss = true, .has_gradients = with_gradients};
    return make_graph(compute, weights, shape, plan, graph, error);
}

enum error_code graph_new_soft(struct compute *compute, struct weights *weights, struct batch_shape shape,
                               struct soft_loss soft, struct graph **graph, struct error *error)
{
    assert(soft.temperature > 0.0f && soft.weight >= 0.0f && soft.weight <= 1.0f);
    const struct graph_plan plan = {.has_loss = true, .has_gradients = true, .soft = soft};
    return make_graph(compute, weights, shape, plan, graph, error);
}

enum error_code graph_new_forward(struct compute *compute, const struct weights *weights, struct batch_shape shape,
                                  struct graph **graph, struct error *error)
{
    return make_graph(compute, weights, shape, (struct graph_plan){0}, graph, error);
}

void graph_free(struct graph *graph)
{
    if (!graph)
        return;
    if (graph->memory->holder == graph)
        graph->memory->holder = NULL;
    if (graph->ctx)
        ggml_free(graph->ctx);
    mem_free(graph);
}

const float *graph_logits(const struct graph *graph)
{
    return graph->logits->data;
}

float *graph_soft_labels(struct graph *graph)
{
    return graph->soft && lay_out(graph) ? graph->soft->data : NULL;
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

static void fill_selection(const struct graph *graph, const struct batch *batch)
{
    int32_t *select = graph->select->data;
    float *weight = graph->weight->data;
    for (size_t i = 0; i < graph->shape.selected; i++) {
        bool is_used = i < batch->selected;
        select[i] = is_used ? batch->selects[i] : 0;
        weight[i] = is_used ? 1.0f : 0.0f;
    }
}

/* Of all rows from `first` on, which are spare. */
static void fill_uniform(const struct graph *graph, struct ggml_tensor *labels, size_t first)
{
    size_t v = graph->weights->shape.vocabulary;
    float *data = labels->data;
    for (size_t i = first * v; i < graph->shape.selected * v; i++)
        data[i] = 1.0f / (float)v;
}

static void fill_labels(const struct graph *graph, const struct batch *batch)
{
    size_t v = graph->weights->shape.vocabulary;
    float *labels = graph->labels->data;
    memset(labels, 0, batch->selected * v * sizeof(float));
    for (size_t i = 0; i < batch->selected; i++)
        labels[i * v + (size_t)batch->labels[i]] = 1.0f;
    fill_uniform(graph, graph->labels, batch->selected);
    if (graph->soft)
        fill_uniform(graph, graph->soft, batch->selected);
}

static bool is_argmax(const float *logits, size_t count, int32_t label)
{
    for (size_t i = 0; i < count; i++)
        if (logits[i] > logits[label])
            return false;
    return true;
}

enum error_code graph_run_forward(struct graph *graph, const struct batch *batch, struct error *error)
{
    if (!lay_out(graph))
        return error_no_memory(error);
    memcpy(graph->tokens->data, batch->tokens, ggml_nbytes(graph->tokens));
    memcpy(graph->positions->data, batch->positions, ggml_nbytes(graph->positions));
    fill_mask(graph, batch);
    fill_selection(graph, batch);
    graph->selected = batch->selected;
    graph->products.rows.documents = batch->documents;
    if (ggml_backend_graph_compute(graph->compute->cpu, graph->cgraph) != GGML_STATUS_SUCCESS)
        return error_set(error, ERROR_INTERNAL, "the training graph failed");
    return OK;
}

/* Of the selected rows; in a spare one all logits are equal. */
static double loss_sum_of(const struct graph *graph, const struct ggml_tensor *mean)
{
    uint32_t rows = graph->shape.selected;
    double spare = (double)(rows - graph->selected) * log((double)graph->weights->shape.vocabulary);
    return (double)*(const float *)mean->data * (double)rows - spare;
}

double graph_soft_loss(const struct graph *graph)
{
    return graph->soft_loss ? loss_sum_of(graph, graph->soft_loss) : 0.0;
}

enum error_code graph_run(struct graph *graph, const struct batch *batch, float gradient_scale, double *loss_sum,
                          bool *is_right, struct error *error)
{
    size_t v = graph->weights->shape.vocabulary;
    assert(graph->plan.has_loss);
    if (!lay_out(graph))
        return error_no_memory(error);
    fill_labels(graph, batch);
    if (graph->plan.has_gradients) /* the loss is a mean over all rows, spare ones included */
        *(float *)ggml_graph_get_grad_acc(graph->cgraph, graph->loss)->data =
            gradient_scale * (float)graph->shape.selected;
    const enum error_code code = graph_run_forward(graph, batch, error);
    if (code)
        return code;
    *loss_sum = loss_sum_of(graph, graph->hard_loss);
    if (is_right)
        for (size_t i = 0; i < batch->selected; i++)
            is_right[i] = is_argmax(graph_logits(graph) + i * v, v, batch->labels[i]);
    return OK;
}
