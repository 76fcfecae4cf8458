/* blocks.h - the blocks of a Llama layer as ggml graph pieces.
 *
 * Each function appends nodes to a context and returns the output tensor;
 * nothing is computed or owned here. All of them stay inside the operations
 * that ggml can differentiate, and each has a gradient check of its own in
 * tests/unit/test_distill_graph.c.
 *
 * Shapes are written in ggml's order, fastest dimension first:
 *   d width, f feed-forward, v vocabulary, h heads, g key-value heads, s head
 *   size, l length of a row, b rows, t = l * b tokens, r selected tokens. */
#ifndef DISTILL_BLOCKS_H
#define DISTILL_BLOCKS_H

#include <ggml.h>

#include "distill/shape.h"

/* Beside a matrix (in, out); no tensors: none. */
struct adapter {
    struct ggml_tensor *a; /* (in, rank) */
    struct ggml_tensor *b; /* (rank, out) */
    float scale;
};

/* A matrix (in, out) as bytes (frozen.h); no tensors: there are only the floats. */
struct frozen_matrix {
    struct ggml_tensor *forward;  /* (in, out) */
    struct ggml_tensor *backward; /* (out, in) */
};

/* Weights of one layer, named as in a GGUF file of the llama architecture. */
struct layer_weights {
    struct ggml_tensor *attn_norm;   /* (d) */
    struct ggml_tensor *attn_q;      /* (d, h*s) */
    struct ggml_tensor *attn_k;      /* (d, g*s) */
    struct ggml_tensor *attn_v;      /* (d, g*s) */
    struct ggml_tensor *attn_output; /* (h*s, d) */
    struct ggml_tensor *ffn_norm;    /* (d) */
    struct ggml_tensor *ffn_gate;    /* (d, f) */
    struct ggml_tensor *ffn_up;      /* (d, f) */
    struct ggml_tensor *ffn_down;    /* (f, d) */
    struct adapter adapters[MATRIX_COUNT];
    struct frozen_matrix frozen[MATRIX_COUNT];
};

/* Its matrices in the order of enum matrix. */
static inline void layer_matrices(const struct layer_weights *layer, struct ggml_tensor *matrices[MATRIX_COUNT])
{
    matrices[MATRIX_Q] = layer->attn_q;
    matrices[MATRIX_K] = layer->attn_k;
    matrices[MATRIX_V] = layer->attn_v;
    matrices[MATRIX_OUTPUT] = layer->attn_output;
    matrices[MATRIX_GATE] = layer->ffn_gate;
    matrices[MATRIX_UP] = layer->ffn_up;
    matrices[MATRIX_DOWN] = layer->ffn_down;
}

/* What every layer of one batch shares. */
struct block_inputs {
    struct ggml_tensor *positions; /* (t) I32 */
    struct ggml_tensor *mask;      /* (l, l, 1, b) F32: 0 or -inf, key by query */
    int64_t length, rows;          /* l, b */
};

/* x (d, t) -> (d, t) */
struct ggml_tensor *block_norm(struct ggml_context *ctx, struct ggml_tensor *x, struct ggml_tensor *weight,
                               float epsilon);
struct ggml_tensor *block_attention(struct ggml_context *ctx, const struct model_shape *shape,
                                    const struct layer_weights *weights, const struct block_inputs *inputs,
                                    struct ggml_tensor *x);
struct ggml_tensor *block_feed_forward(struct ggml_context *ctx, const struct layer_weights *weights,
                                       struct ggml_tensor *x);
struct ggml_tensor *block_layer(struct ggml_context *ctx, const struct model_shape *shape,
                                const struct layer_weights *weights, const struct block_inputs *inputs,
                                struct ggml_tensor *x);

/* Logits (v, r) of the tokens that `select` (r) I32 picks from x (d, t).
 * `weight` (1, r) F32 is 1 for a trained row and 0 for a spare one. */
struct ggml_tensor *block_head(struct ggml_context *ctx, struct ggml_tensor *x, struct ggml_tensor *norm,
                               struct ggml_tensor *head, struct ggml_tensor *select, struct ggml_tensor *weight,
                               float epsilon);

#endif
