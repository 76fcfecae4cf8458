/* graph.h - the training graph: forward, loss and gradients of one batch.
 *
 * A graph is built once per batch shape and run many times. Graphs of one
 * compute take turns in one piece of memory, as large as the largest needs. One
 * thread at a time (the CPU backend may use more inside a run). */
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
size_t compute_bytes(const struct compute *compute); /* of memory that its graphs take turns in */

/* Asked between the operations of a graph, by the thread that runs it, which has this number among those of a training,
 * from 0 on. It may sleep: the CPUs are for others first. */
struct give_way {
    void (*pause)(void *ctx, uint32_t number); /* any thread; NULL: nobody is asked */
    void *ctx;
};
void compute_give_way(struct compute *compute, struct give_way way, uint32_t number);
struct give_way compute_way(const struct compute *compute);

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
};

/* A loss that wants soft labels besides hard ones (Hinton et al. 2015, arXiv 1503.02531), T the temperature, H the
 * cross entropy: weight * T^2 * H(soft label, softmax(logits / T)) + (1 - weight) * H(label, softmax(logits)). The
 * gradient of H shrinks with 1 / T^2, hence the factor: the parts weigh the same whatever T is. */
struct soft_loss {
    float temperature;
    float weight; /* 0: hard labels alone */
};

struct graph;
enum error_code graph_new(struct compute *compute, struct weights *weights, struct batch_shape shape,
                          bool with_gradients, struct graph **graph, struct error *error) WARN_UNUSED;
/* With gradients, of that loss. */
enum error_code graph_new_soft(struct compute *compute, struct weights *weights, struct batch_shape shape,
                               struct soft_loss soft, struct graph **graph, struct error *error) WARN_UNUSED;
/* Logits alone, without room for labels: of a teacher. */
enum error_code graph_new_forward(struct compute *compute, const struct weights *weights, struct batch_shape shape,
                                  struct graph **graph, struct error *error) WARN_UNUSED;
void graph_free(struct graph *graph);

/* Runs `batch`. Gradients of (sum of losses) * gradient_scale are added to the
 * accumulators. *loss_sum is the sum of cross entropies (nats) of the selected
 * tokens with their hard labels; is_right (may be NULL), one per selected token,
 * tells whether the label is the most probable token. */
enum error_code graph_run(struct graph *graph, const struct batch *batch, float gradient_scale, double *loss_sum,
                          bool *is_right, struct error *error) WARN_UNUSED;
/* The same of a graph without a loss. */
enum error_code graph_run_forward(struct graph *graph, const struct batch *batch, struct error *error) WARN_UNUSED;

/* Logits (v, r) of the last run; until another graph of the same kind, with a loss or without, runs on that compute. */
const float *graph_logits(const struct graph *graph);

/* Of a graph with soft labels: where they are to be put before every run, (v, r), a row per selected token that sums
 * to 1; and the sum of their cross entropies, without T^2, in the last run. NULL and 0 of others. */
float *graph_soft_labels(struct graph *graph);
double graph_soft_loss(const struct graph *graph);

#endif
