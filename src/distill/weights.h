/* weights.h - the trained parameters of a model and their gradients.
 *
 * Plain F32 tensors in host memory, one gradient accumulator beside each:
 * graphs add into the accumulators, the optimiser reads them, export and
 * checkpoint go over the same list in the same order. One thread at a time; what
 * was shared counts as weights of its own while nobody changes the values. */
#ifndef DISTILL_WEIGHTS_H
#define DISTILL_WEIGHTS_H

#include <ggml.h>
#include <stddef.h>

#include "core/error.h"
#include "core/util.h"
#include "distill/blocks.h"
#include "distill/shape.h"

/* What the optimiser does with it. */
enum param_kind {
    PARAM_EMBEDDING, /* token rows, and the head when it is not tied */
    PARAM_NORM,      /* 1-D */
    PARAM_MATRIX,    /* hidden 2-D weights */
    PARAM_ADAPTER,   /* of low rank, beside one of these */
};

struct param {
    enum param_kind kind;
    struct ggml_tensor *weight; /* its name is the one in the GGUF file */
    struct ggml_tensor *grad;   /* same shape; NULL: it stays what it is, so no moments are kept either */
};

struct weights {
    struct model_shape shape;
    struct tuning tuning;
    struct ggml_context *ctx;
    struct ggml_backend_buffer *buffer;
    struct param *params;
    size_t param_count;
    struct ggml_tensor *embedding;   /* (d, v) */
    struct ggml_tensor *output_norm; /* (d) */
    struct ggml_tensor *head;        /* (d, v); the embedding when tied */
    struct layer_weights *layers;
    struct frozen *frozen; /* owns the layers' frozen matrices; NULL: there are none, or they are another's */
};

/* Weights are undefined until weights_init, pretrained_copy or a checkpoint fills them. */
enum error_code weights_new(const struct model_shape *shape, struct weights **weights, struct error *error) WARN_UNUSED;
/* The same, of which only some are trained. Adapters are as they begin: they add nothing yet, A is normal with
 * deviation 1 / sqrt(inputs), B zero. */
enum error_code weights_new_tuned(const struct model_shape *shape, const struct tuning *tuning, struct rng *rng,
                                  struct weights **weights, struct error *error) WARN_UNUSED;
void weights_free(struct weights *weights);
/* Gradients of their own beside the values of `weights`, which must outlive them. */
enum error_code weights_share(const struct weights *weights, struct weights **shared, struct error *error) WARN_UNUSED;

/* Normal with deviation 0.02 for the embedding and 1/sqrt(inputs) for the
 * matrices; the two that write to the residual stream start at zero, so that
 * every layer begins as the identity. */
void weights_init(struct weights *weights, struct rng *rng);
void weights_zero_grads(struct weights *weights);
void weights_add_grads(struct weights *weights, const struct weights *others); /* of the same shape */
size_t weights_count(const struct weights *weights); /* parameters, without adapters */
size_t weights_gradient_bytes(const struct weights *weights);

/* What an adapter adds to a matrix (inputs, outputs): scale * B A. */
struct low_rank {
    const float *a; /* (inputs, rank) */
    const float *b; /* (rank, outputs) */
    int64_t inputs, outputs, rank;
    float scale;
};
void low_rank_add(const struct low_rank *product, float *matrix);

/* `out` has param's size: the matrix with its adapter's product added, or itself. */
void weights_merged(const struct weights *weights, const struct param *param, float *out);

static inline size_t param_count(const struct param *param)
{
    return (size_t)ggml_nelements(param->weight);
}
static inline float *param_data(const struct param *param)
{
    return param->weight->data;
}
static inline float *param_grad(const struct param *param)
{
    return param->grad->data;
}

#endif
