/* graph.h - the training graph: forward, loss and gradients of one batch.
 *
 * A graph is built once per batch shape, allocated once and run many times;
 * a step allocates nothing. One thread at a time (the CPU backend may use more
 * inside a run). */
#ifndef DISTILL_GRAPH_H
#define DISTILL_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "distill/weights.h"

/* Where graphs run: ggml's CPU backend, loaded at run time, and BLAS. */
struct compute;
enum error_code compute_new(int threads, bool with_blas, struct compute **compute, struct error *error) WARN_UNUSED;
void compute_free(struct compute *compute);
struct gemm *compute_gemm(const struct compute *compute); /* NULL without BLAS */
struct ggml_backend *compute_backend(const struct compute *compute);

struct batch_shape {
    uint32_t length;   /* l: tokens of a row; several documents may share one */
    uint32_t rows;     /* b */
    uint32_t selected; /* r: room for trained tokens */
};

/* One batch. Documents in a row do not see each other: the mask is causal
 * within `documents` ids, and positions start at 0 in each. */
struct batch {
    struct batch_shape shape;
    int32_t *tokens;    /* (l * b) */
    int32_t *positions; /* (l * b), within the document */
    int32_t *documents; /* (l * b), any id that differs between neighbours; -1: padding */
    int32_t *selects;   /* (r) index into tokens whose next token is trained */
    int32_t *labels;    /* (r) that next token */
    uint32_t selected;  /* used entries of selects and labels */
    const float *soft_labels; /* (v, r) instead of labels, rows sum to 1; or NULL */
};

struct graph;
enum error_code graph_new(struct compute *compute, struct weights *weights, struct batch_shape shape,
                          bool with_gradients, struct graph **graph, struct error *error) WARN_UNUSED;
void graph_free(struct graph *graph);

/* Runs `batch`. Gradients of (sum of losses) * gradient_scale are added to the
 * accumulators. *loss_sum is the sum of cross entropies (nats) of the selected
 * tokens; is_right (may be NULL), one per selected token, tells whether the
 * label is the most probable token. */
enum error_code graph_run(struct graph *graph, const struct batch *batch, float gradient_scale, double *loss_sum,
                          bool *is_right, struct error *error) WARN_UNUSED;

/* Logits (v, r) of the last run. */
const float *graph_logits(const struct graph *graph);

#endif
