/* frozen.c - quantises matrices in both directions and puts them where the fastest kernels for them are. Changes no
 * weights. See frozen.h. */
#include "distill/frozen.h"

#include <assert.h>
#include <ggml-alloc.h>
#include <ggml-backend.h>

#include "core/mem.h"

#define FROZEN_TYPE GGML_TYPE_Q8_0
#define FROZEN_UNIT 32 /* weights of a block, along either side */

struct frozen {
    struct ggml_context *ctx;
    struct ggml_backend_buffer *buffer;
};

/* Where src/kernels multiplies. NULL: not on this processor, and there floats are faster, by BLAS. */
static ggml_backend_buffer_type_t tiles(void)
{
    ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    ggml_backend_dev_get_extra_bufts_t extra = NULL;
    if (device)
        extra = (ggml_backend_dev_get_extra_bufts_t)ggml_backend_reg_get_proc_address(
            ggml_backend_dev_backend_reg(device), "ggml_backend_dev_get_extra_bufts");
    ggml_backend_buffer_type_t *types = extra ? extra(device) : NULL;
    for (size_t i = 0; types && types[i]; i++)
        if (strcmp(ggml_backend_buft_name(types[i]), "CPU_TILES") == 0)
            return types[i];
    return NULL;
}

static bool can_be_frozen(const struct ggml_tensor *weight)
{
    return !(weight->flags & GGML_TENSOR_FLAG_PARAM) && weight->ne[0] % FROZEN_UNIT == 0 &&
           weight->ne[1] % FROZEN_UNIT == 0;
}

static void add_matrix(struct ggml_context *ctx, const struct ggml_tensor *weight, bool goes_back,
                       struct frozen_matrix *matrix)
{
    matrix->forward = ggml_new_tensor_2d(ctx, FROZEN_TYPE, weight->ne[0], weight->ne[1]);
    ggml_format_name(matrix->forward, "%s.q8_0", weight->name);
    if (!goes_back)
        return;
    matrix->backward = ggml_new_tensor_2d(ctx, FROZEN_TYPE, weight->ne[1], weight->ne[0]);
    ggml_format_name(matrix->backward, "%s.transposed", weight->name);
}

static void transpose(const struct ggml_tensor *weight, float *out)
{
    const float *in = weight->data;
    const int64_t columns = weight->ne[0], rows = weight->ne[1];
    for (int64_t row = 0; row < rows; row++)
        for (int64_t column = 0; column < columns; column++)
            out[column * rows + row] = in[row * columns + column];
}

static void fill(struct ggml_tensor *frozen, const float *floats, void *blocks)
{
    ggml_quantize_chunk(frozen->type, floats, blocks, 0, frozen->ne[1], frozen->ne[0], NULL);
    ggml_backend_tensor_set(frozen, blocks, 0, ggml_nbytes(frozen));
}

/* With room for its floats and its blocks. */
static void fill_matrix(const struct frozen_matrix *matrix, const struct ggml_tensor *weight, float *floats,
                        void *blocks)
{
    if (matrix->forward)
        fill(matrix->forward, weight->data, blocks);
    if (!matrix->backward)
        return;
    transpose(weight, floats);
    fill(matrix->backward, floats, blocks);
}

static bool fill_all(struct weights *weights)
{
    size_t largest = 0;
    for (size_t i = 0; i < weights->param_count; i++)
        if (weights->params[i].kind == PARAM_MATRIX && param_count(&weights->params[i]) > largest)
            largest = param_count(&weights->params[i]);
    float *floats = mem_alloc(largest * sizeof(*floats));
    void *blocks = mem_alloc(largest * sizeof(float));
    const bool has_room = floats && blocks;
    for (uint32_t i = 0; has_room && i < weights->shape.layers; i++) {
        struct ggml_tensor *matrices[MATRIX_COUNT];
        layer_matrices(&weights->layers[i], matrices);
        for (int j = 0; j < MATRIX_COUNT; j++)
            fill_matrix(&weights->layers[i].frozen[j], matrices[j], floats, blocks);
    }
    mem_free(floats);
    mem_free(blocks);
    return has_room;
}

static void forget(struct weights *weights)
{
    frozen_free(weights->frozen);
    weights->frozen = NULL;
    for (uint32_t i = 0; i < weights->shape.layers; i++)
        memset(weights->layers[i].frozen, 0, sizeof(weights->layers[i].frozen));
}

static size_t add_matrices(struct weights *weights, bool goes_back, struct ggml_context *ctx)
{
    size_t count = 0;
    for (uint32_t i = 0; i < weights->shape.layers; i++) {
        struct ggml_tensor *matrices[MATRIX_COUNT];
        layer_matrices(&weights->layers[i], matrices);
        for (int j = 0; j < MATRIX_COUNT; j++)
            if (can_be_frozen(matrices[j])) {
                add_matrix(ctx, matrices[j], goes_back, &weights->layers[i].frozen[j]);
                count++;
            }
    }
    return count;
}

enum error_code frozen_make(struct weights *weights, bool goes_back, struct error *error)
{
    const size_t most = (size_t)weights->shape.layers * MATRIX_COUNT * 2;
    struct ggml_init_params init = {.mem_size = most * ggml_tensor_overhead(), .no_alloc = true};
    ggml_backend_buffer_type_t type = tiles();
    assert(!weights->frozen);
    if (!type)
        return OK;
    struct frozen *frozen = weights->frozen = mem_calloc(1, sizeof(*frozen));
    if (!frozen)
        return error_no_memory(error);
    frozen->ctx = ggml_init(init);
    bool is_ok = frozen->ctx != NULL;
    if (is_ok && add_matrices(weights, goes_back, frozen->ctx) > 0) {
        frozen->buffer = ggml_backend_alloc_ctx_tensors_from_buft(frozen->ctx, type);
        is_ok = frozen->buffer && fill_all(weights);
    }
    if (!is_ok)
        forget(weights);
    return is_ok ? OK : error_no_memory(error);
}

void frozen_free(struct frozen *frozen)
{
    if (!frozen)
        return;
    if (frozen->buffer)
        ggml_backend_buffer_free(frozen->buffer);
    if (frozen->ctx)
        ggml_free(frozen->ctx);
    mem_free(frozen);
}

/* --- the way back ----------------------------------------------------------------------------------- */

static struct ggml_tensor *backward_of(const struct weights *weights, const struct ggml_tensor *forward)
{
    for (uint32_t i = 0; i < weights->shape.layers; i++)
        for (int j = 0; j < MATRIX_COUNT; j++)
            if (weights->layers[i].frozen[j].forward == forward)
                return weights->layers[i].frozen[j].backward;
    return NULL;
}

/* ggml's gradient of W x for x is OUT_PROD(W, transposed gradient), which is MUL_MAT(transposed W, gradient). The
 * transposed gradient stays a source, unread: the allocator frees what it is a view of when its last reader is done. */
void frozen_rewrite(const struct weights *weights, struct ggml_cgraph *graph)
{
    for (int i = 0; i < ggml_graph_n_nodes(graph); i++) {
        struct ggml_tensor *node = ggml_graph_node(graph, i);
        struct ggml_tensor *backward = node->op == GGML_OP_OUT_PROD ? backward_of(weights, node->src[0]) : NULL;
        if (!backward)
            continue;
        assert(node->src[1]->op == GGML_OP_TRANSPOSE);
        node->op = GGML_OP_MUL_MAT;
        node->src[0] = backward;
        node->src[2] = node->src[1];
        node->src[1] = node->src[2]->src[0];
    }
}
