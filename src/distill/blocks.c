/* blocks.c - the pieces of a Llama layer as ggml nodes. Computes nothing. See blocks.h. */
#include "distill/blocks.h"

#include <math.h>

struct ggml_tensor *block_norm(struct ggml_context *ctx, struct ggml_tensor *x, struct ggml_tensor *weight,
                               float epsilon)
{
    return ggml_mul(ctx, ggml_rms_norm(ctx, x, epsilon), weight);
}

/* x (in, t) -> (out, t) */
static struct ggml_tensor *project(struct ggml_context *ctx, const struct layer_weights *weights, enum matrix matrix,
                                   struct ggml_tensor *x)
{
    struct ggml_tensor *matrices[MATRIX_COUNT];
    const struct adapter *adapter = &weights->adapters[matrix];
    layer_matrices(weights, matrices);
    struct ggml_tensor *frozen = weights->frozen[matrix].forward;
    struct ggml_tensor *y = ggml_mul_mat(ctx, frozen ? frozen : matrices[matrix], x);
    if (!adapter->a)
        return y;
    struct ggml_tensor *low = ggml_scale(ctx, ggml_mul_mat(ctx, adapter->a, x), adapter->scale); /* (rank, t) */
    return ggml_add(ctx, y, ggml_mul_mat(ctx, adapter->b, low));
}

/* The corrections' bounds, in turns over the first training's length, are llama.cpp's. */
static struct ggml_tensor *turn(struct ggml_context *ctx, struct ggml_tensor *x, struct ggml_tensor *positions,
                                int size, const struct model_shape *shape)
{
    if (shape->yarn_factor <= 0)
        return ggml_rope_ext(ctx, x, positions, NULL, size, 0, 0, shape->rope_base, 1.0f, 0.0f, 1.0f, 0.0f, 0.0f);
    return ggml_rope_ext(ctx, x, positions, NULL, size, 0, (int)shape->yarn_original, shape->rope_base,
                         1.0f / shape->yarn_factor, 1.0f, shape->yarn_attention, 32.0f, 1.0f);
}

/* Splits (heads*s, t) into heads, turns them by their position and lays them
 * out row by row: (s, l, heads*b).
 *
 * Mode 0 pairs neighbouring elements, which is what llama.cpp does for its
 * llama architecture, so exported query and key weights need no permutation. */
static struct ggml_tensor *split_heads(struct ggml_context *ctx, struct ggml_tensor *x, int64_t heads,
                                       const struct block_inputs *inputs, const struct model_shape *shape,
                                       bool is_turned)
{
    int64_t size = x->ne[0] / heads;
    if (is_turned) {
        x = ggml_reshape_3d(ctx, x, size, heads, inputs->length * inputs->rows);
        x = turn(ctx, x, inputs->positions, (int)size, shape);
    }
    x = ggml_reshape_4d(ctx, x, size, heads, inputs->length, inputs->rows);
    x = ggml_cont(ctx, ggml_permute(ctx, x, 0, 2, 1, 3)); /* (s, l, heads, b) */
    return ggml_reshape_3d(ctx, x, size, inputs->length, heads * inputs->rows);
}

/* Grouped-query attention, explicit (no flash kernel has a gradient in ggml).
 *
 * Heads and rows are merged into one dimension because the gradient of ggml's
 * broadcasting MUL_MAT wants the fourth to be 1; with heads running fastest,
 * query head i finds key head i / (h/g) in it by the same division. The mask
 * differs by row only, so the scores are seen as 4-D around the softmax. */
struct ggml_tensor *block_attention(struct ggml_context *ctx, const struct model_shape *shape,
                                    const struct layer_weights *weights, const struct block_inputs *inputs,
                                    struct ggml_tensor *x)
{
    int64_t h = shape->heads, g = shape->kv_heads, s = model_shape_head_size(shape);
    int64_t l = inputs->length, b = inputs->rows;

    struct ggml_tensor *q = project(ctx, weights, MATRIX_Q, x);
    struct ggml_tensor *k = project(ctx, weights, MATRIX_K, x);
    q = split_heads(ctx, q, h, inputs, shape, true);
    k = split_heads(ctx, k, g, inputs, shape, true);

    struct ggml_tensor *scores = ggml_reshape_4d(ctx, ggml_mul_mat(ctx, k, q), l, l, h, b); /* key, query, h, b */
    scores = ggml_soft_max_ext(ctx, scores, inputs->mask, 1.0f / sqrtf((float)s), 0.0f);
    /* ggml's allocator may let SOFT_MAX_BACK write over the probabilities that
     * it still reads, which spoils the gradients of q and k. Outputs are never
     * written over; they are needed until the backward pass anyway. */
    ggml_set_output(scores);
    scores = ggml_reshape_3d(ctx, scores, l, l, h * b);

    struct ggml_tensor *v = ggml_reshape_4d(ctx, project(ctx, weights, MATRIX_V, x), s, g, l, b);
    v = ggml_cont(ctx, ggml_permute(ctx, v, 1, 2, 0, 3)); /* (l, s, g, b) */
    v = ggml_reshape_3d(ctx, v, l, s, g * b);

    struct ggml_tensor *mixed = ggml_reshape_4d(ctx, ggml_mul_mat(ctx, v, scores), s, l, h, b);
    mixed = ggml_cont(ctx, ggml_permute(ctx, mixed, 0, 2, 1, 3)); /* (s, h, l, b) */
    return project(ctx, weights, MATRIX_OUTPUT, ggml_reshape_2d(ctx, mixed, s * h, l * b));
}

struct ggml_tensor *block_feed_forward(struct ggml_context *ctx, const struct layer_weights *weights,
                                       struct ggml_tensor *x)
{
    struct ggml_tensor *gate = project(ctx, weights, MATRIX_GATE, x); /* (f, t) */
    struct ggml_tensor *up = project(ctx, weights, MATRIX_UP, x);       /* (f, t) */
    return project(ctx, weights, MATRIX_DOWN, ggml_swiglu_split(ctx, gate, up));
}

struct ggml_tensor *block_layer(struct ggml_context *ctx, const struct model_shape *shape,
                                const struct layer_weights *weights, const struct block_inputs *inputs,
                                struct ggml_tensor *x)
{
    struct ggml_tensor *y = block_norm(ctx, x, weights->attn_norm, shape->norm_epsilon);
    x = ggml_add(ctx, x, block_attention(ctx, shape, weights, inputs, y));
    y = block_norm(ctx, x, weights->ffn_norm, shape->norm_epsilon);
    return ggml_add(ctx, x, block_feed_forward(ctx, weights, y));
}

/* Only the trained tokens reach the head: a row of zero labels would still get
 * a gradient (softmax minus zero), and the product with the vocabulary would
 * be the largest of the step.
 *
 * The number of trained tokens differs by batch but a graph has fixed shapes,
 * so spare rows are multiplied by zero here and labelled uniformly: their
 * logits are all equal, softmax minus label is exactly zero, and nothing flows
 * back through them. */
struct ggml_tensor *block_head(struct ggml_context *ctx, struct ggml_tensor *x, struct ggml_tensor *norm,
                               struct ggml_tensor *head, struct ggml_tensor *select, struct ggml_tensor *weight,
                               float epsilon)
{
    x = block_norm(ctx, ggml_get_rows(ctx, x, select), norm, epsilon); /* (d, r) */
    return ggml_mul_mat(ctx, head, ggml_mul(ctx, x, weight));
}
