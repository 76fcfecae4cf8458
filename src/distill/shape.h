/* shape.h - the shape of a trained model, a decoder-only Llama, and what of it is trained. */
#ifndef DISTILL_SHAPE_H
#define DISTILL_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

struct model_shape {
    uint32_t layers;
    uint32_t width;        /* d: of the residual stream */
    uint32_t heads;        /* query heads; width / heads is the size of each */
    uint32_t kv_heads;     /* divides heads */
    uint32_t feed_forward; /* f */
    uint32_t vocabulary;   /* v */
    uint32_t context;      /* tokens, written into the exported file */
    bool is_tied;          /* the head is the embedding */
    float rope_base;
    float norm_epsilon;
    /* YaRN (Peng et al. 2023, arXiv 2309.00071), as llama.cpp has it: positions beyond those of the first training. */
    float yarn_factor;    /* so many times further; 0: positions are as they are */
    float yarn_attention; /* beside its own scale of queries and keys */
    uint32_t yarn_original; /* tokens that it was trained on at first */
};

/* The matrices of a layer, in the order of struct layer_weights. */
enum matrix { MATRIX_Q, MATRIX_K, MATRIX_V, MATRIX_OUTPUT, MATRIX_GATE, MATRIX_UP, MATRIX_DOWN, MATRIX_COUNT };

/* What of a model is trained. Zero: all of it. */
struct tuning {
    bool is_all_frozen;       /* there are no gradients: of a teacher */
    bool is_embedding_frozen; /* embedding and head stay */
    /* Adapters (LoRA; Hu et al. 2021, arXiv 2106.09685): the model stays, and beside each of some matrices W of every
     * layer two of low rank are trained: W x + alpha / rank * B A x. */
    uint32_t rank; /* 0: no adapters */
    float alpha;
    uint32_t targets; /* bit 1 << enum matrix */
    uint32_t pruning; /* what it was before: of a smaller model out of a pretrained one its mark (prune.h), else 0 */
};

/* Field by field: the padding of a struct may differ between equal shapes. */
static inline bool model_shape_equal(const struct model_shape *a, const struct model_shape *b)
{
    return a->layers == b->layers && a->width == b->width && a->heads == b->heads && a->kv_heads == b->kv_heads &&
           a->feed_forward == b->feed_forward && a->vocabulary == b->vocabulary && a->context == b->context &&
           a->is_tied == b->is_tied && a->rope_base == b->rope_base && a->norm_epsilon == b->norm_epsilon &&
           a->yarn_factor == b->yarn_factor && a->yarn_attention == b->yarn_attention &&
           a->yarn_original == b->yarn_original;
}

static inline uint32_t model_shape_head_size(const struct model_shape *shape)
{
    return shape->width / shape->heads;
}

#endif
