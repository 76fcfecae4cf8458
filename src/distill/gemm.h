/* gemm.h - lets a CPU graph do its matrix products through BLAS.
 *
 * ggml's own CPU kernels are made for inference: the OUT_PROD that carries
 * every gradient runs at a fraction of a BLAS sgemm. The BLAS backend would
 * take the 2-D ones, but not the batched products of attention, and each
 * change of backend splits the graph. So products are turned into custom
 * operations of the same graph that call cblas_sgemm.
 *
 * BLAS is loaded at run time and only here: OpenBLAS starts threads when it is
 * loaded, which no serving process should pay for. */
#ifndef DISTILL_GEMM_H
#define DISTILL_GEMM_H

#include <ggml.h>
#include <stdbool.h>
#include <stdint.h>

struct gemm;

/* Loads BLAS with `threads` threads. NULL when there is none: products then
 * stay with ggml. */
struct gemm *gemm_new(int threads);
void gemm_free(struct gemm *gemm);

/* What the products of attention may leave out: those of queries and keys of different documents, and of keys behind
 * their query. The mask gives them no weight, so there zeros do as well. Zero: nothing is known, all is computed. */
struct gemm_rows {
    uint32_t length;          /* tokens of a row */
    uint32_t rows;
    const int32_t *documents; /* (rows * length) as batch.documents says (graph.h); of the batch that is run */
};

/* What a graph's products are done with; it outlives the graph. */
struct gemm_plan {
    const struct gemm *gemm;
    struct gemm_rows rows;
};

/* Turns the F32 MUL_MAT and OUT_PROD nodes of `graph` into BLAS calls; before
 * the graph is allocated. `ctx` holds one small tensor afterwards. */
void gemm_rewrite(struct gemm_plan *plan, struct ggml_context *ctx, struct ggml_cgraph *graph);

/* C (m, n) = alpha * op(A) * op(B) + beta * C, row-major, rows packed. Without
 * BLAS (gemm NULL) a plain loop: for tests and machines that have none. */
struct gemm_operand {
    const float *data;
    int ld;              /* elements between rows as stored */
    bool is_transposed;
};
void gemm_run(const struct gemm *gemm, int m, int n, int k, float alpha, struct gemm_operand a,
              struct gemm_operand b, float beta, float *c, int ldc);

#endif
