/* gemm.c - the backend that gives a graph's matrix products to BLAS, and leaves all else to ggml. See gemm.h. */
#include "distill/gemm.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "core/mem.h"

/* The part of the CBLAS interface in use; its numbers are fixed by the
 * reference implementation. */
enum { CBLAS_ROW_MAJOR = 101, CBLAS_NO_TRANS = 111, CBLAS_TRANS = 112 };
typedef void (*sgemm_fn)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a,
                         int lda, const float *b, int ldb, float beta, float *c, int ldc);
typedef void (*set_threads_fn)(int threads);

struct gemm {
    void *library;
    sgemm_fn sgemm;
};

/* POSIX promises that a function pointer fits a void pointer, ISO C does not. */
static void symbol(void *library, const char *name, void *function)
{
    void *address = dlsym(library, name);
    memcpy(function, &address, sizeof(address));
}

/* OpenBLAS chooses its kernels by the processor's model number, and takes those of 2004 for one that is newer than
 * itself: a quarter of the speed. What counts is which instructions there are. */
static void name_kernels(void)
{
#if defined(__x86_64__)
    const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (has_avx512 || has_avx2)
        (void)setenv("OPENBLAS_CORETYPE", has_avx512 ? "SKYLAKEX" : "HASWELL", 0);
#endif
}

struct gemm *gemm_new(int threads)
{
    name_kernels();
    static const char *const names[] = {"libopenblas.so.0", "libopenblas.so", "libblas.so.3"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        if (!library)
            continue;
        sgemm_fn sgemm;
        set_threads_fn set_threads;
        symbol(library, "cblas_sgemm", &sgemm);
        symbol(library, "openblas_set_num_threads", &set_threads);
        struct gemm *gemm = sgemm ? mem_calloc(1, sizeof(*gemm)) : NULL;
        if (gemm) {
            *gemm = (struct gemm){library, sgemm};
            if (set_threads)
                set_threads(threads);
            return gemm;
        }
        dlclose(library);
    }
    return NULL;
}

void gemm_free(struct gemm *gemm)
{
    /* The library stays loaded: its threads may still be running in it. */
    mem_free(gemm);
}

static float operand_at(struct gemm_operand x, int row, int col)
{
    return x.is_transposed ? x.data[(size_t)col * (size_t)x.ld + (size_t)row]
                           : x.data[(size_t)row * (size_t)x.ld + (size_t)col];
}

void gemm_run(const struct gemm *gemm, int m, int n, int k, float alpha, struct gemm_operand a,
              struct gemm_operand b, float beta, float *c, int ldc)
{
    if (gemm) {
        gemm->sgemm(CBLAS_ROW_MAJOR, a.is_transposed ? CBLAS_TRANS : CBLAS_NO_TRANS,
                    b.is_transposed ? CBLAS_TRANS : CBLAS_NO_TRANS, m, n, k, alpha, a.data, a.ld, b.data, b.ld, beta,
                    c, ldc);
        return;
    }
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            float sum = 0.0f;
            for (int x = 0; x < k; x++)
                sum += operand_at(a, i, x) * operand_at(b, x, j);
            float *out = &c[(size_t)i * (size_t)ldc + (size_t)j];
            *out = alpha * sum + (beta != 0.0f ? beta * *out : 0.0f);
        }
}

/* One plane of a tensor as the matrix with ne[1] rows and ne[0] columns. BLAS
 * wants one of the two strides to be one element; a transposed view has it in
 * the rows. */
static struct gemm_operand plane(const struct ggml_tensor *x, int64_t i2, int64_t i3)
{
    const char *data = (const char *)x->data + (size_t)i2 * x->nb[2] + (size_t)i3 * x->nb[3];
    bool is_transposed = x->nb[0] != sizeof(float);
    size_t stride = (is_transposed ? x->nb[0] : x->nb[1]) / sizeof(float);
    return (struct gemm_operand){(const float *)(const void *)data, (int)stride, is_transposed};
}

static struct gemm_operand transposed(struct gemm_operand x)
{
    x.is_transposed = !x.is_transposed;
    return x;
}

/* One plane's product: C (m, n) = left (m, k) * right (k, n). */
struct product {
    int m, n, k;
    struct gemm_operand left, right;
    float *c;
    int ldc;
};

static void multiply(const struct gemm *gemm, const struct product *p, float beta)
{
    gemm_run(gemm, p->m, p->n, p->k, 1.0f, p->left, p->right, beta, p->c, p->ldc);
}

/* --- attention by documents ------------------------------------------------------------------------- */

/* Scores, probabilities and their gradients are squares of queries (rows as stored) by keys. Either the output of a
 * product is one, or one of what it multiplies. A square's entries are of use for a query and the keys of its document
 * up to itself; so a document's queries are gone through in blocks, and each meets the keys up to its end. */
#define QUERIES 128 /* of a block */

enum square { SQUARE_NONE, SQUARE_OUT, SQUARE_LEFT, SQUARE_RIGHT };

/* Of a product of attention: one plane for each head of each row, and of weights there is one. */
static enum square square_of(const struct gemm_rows *rows, const struct product *p, int64_t planes)
{
    const int l = (int)rows->length;
    if (!rows->documents || planes < 2 || planes % rows->rows != 0)
        return SQUARE_NONE;
    if (p->m == l && p->n == l)
        return p->k == l ? SQUARE_NONE : SQUARE_OUT;
    if (p->k != l || p->m == p->n)
        return SQUARE_NONE;
    return p->m == l ? SQUARE_LEFT : p->n == l ? SQUARE_RIGHT : SQUARE_NONE;
}

struct range {
    int begin, end;
};

/* What of x begins there. */
static struct gemm_operand part_of(struct gemm_operand x, int row, int col)
{
    x.data += x.is_transposed ? (size_t)col * (size_t)x.ld + (size_t)row : (size_t)row * (size_t)x.ld + (size_t)col;
    return x;
}

/* The part of a product that has these ranges of m, n and k. */
static void multiply_part(const struct gemm *gemm, const struct product *whole, struct range m, struct range n,
                          struct range k, float beta)
{
    const struct product part = {
        m.end - m.begin, n.end - n.begin, k.end - k.begin, part_of(whole->left, m.begin, k.begin),
        part_of(whole->right, k.begin, n.begin),
        whole->c + (size_t)m.begin * (size_t)whole->ldc + (size_t)n.begin, whole->ldc,
    };
    multiply(gemm, &part, beta);
}

/* Where sums go over queries, each block adds to its keys. */
static void multiply_block(const struct gemm *gemm, const struct product *p, enum square square, struct range queries,
                           struct range keys)
{
    const struct range all_m = {0, p->m}, all_n = {0, p->n};
    if (square == SQUARE_OUT)
        multiply_part(gemm, p, queries, keys, (struct range){0, p->k}, 0.0f);
    else if (square == SQUARE_LEFT && p->left.is_transposed)
        multiply_part(gemm, p, keys, all_n, queries, 1.0f);
    else if (square == SQUARE_LEFT)
        multiply_part(gemm, p, queries, all_n, keys, 0.0f);
    else if (p->right.is_transposed)
        multiply_part(gemm, p, all_m, queries, keys, 0.0f);
    else
        multiply_part(gemm, p, all_m, keys, queries, 1.0f);
}

static void multiply_documents(const struct gemm *gemm, const struct product *p, enum square square,
                               const int32_t *documents, int length)
{
    for (int i = 0; i < p->m; i++)
        memset(p->c + (size_t)i * (size_t)p->ldc, 0, (size_t)p->n * sizeof(float));
    for (int begin = 0, end; begin < length; begin = end) {
        end = begin + 1;
        while (end < length && documents[end] == documents[begin])
            end++;
        for (int query = begin; query < end; query += QUERIES) {
            const int last = query + QUERIES < end ? query + QUERIES : end;
            multiply_block(gemm, p, square, (struct range){query, last}, (struct range){begin, last});
        }
    }
}

/* --- nodes ------------------------------------------------------------------------------------------ */

/* A product of two planes for each plane of b; planes of a are shared by consecutive
 * ones of b. It sums over dimension `summed` of both, 0 or 1, and keeps the other. */
static void multiply_planes(struct ggml_tensor *dst, int summed, const struct gemm_plan *plan)
{
    const struct ggml_tensor *a = dst->src[0], *b = dst->src[1];
    const struct gemm_rows *rows = &plan->rows;
    int kept = 1 - summed;
    int64_t share2 = b->ne[2] / a->ne[2], share3 = b->ne[3] / a->ne[3];
    for (int64_t i3 = 0; i3 < b->ne[3]; i3++)
        for (int64_t i2 = 0; i2 < b->ne[2]; i2++) {
            char *out = (char *)dst->data + (size_t)i2 * dst->nb[2] + (size_t)i3 * dst->nb[3];
            struct gemm_operand left = plane(b, i2, i3), right = plane(a, i2 / share2, i3 / share3);
            const struct product product = {
                (int)b->ne[kept], (int)a->ne[kept], (int)a->ne[summed], summed == 0 ? left : transposed(left),
                summed == 0 ? transposed(right) : right, (float *)(void *)out, (int)(dst->nb[1] / sizeof(float)),
            };
            const enum square square = square_of(rows, &product, b->ne[2]);
            if (square == SQUARE_NONE)
                multiply(plan->gemm, &product, 0.0f);
            else
                multiply_documents(plan->gemm, &product, square,
                                   rows->documents + i2 / (b->ne[2] / rows->rows) * rows->length, (int)rows->length);
        }
}

/* MUL_MAT: a (k, m), b (k, n) -> (m, n), c[j][i] = sum over k of a[i][k] * b[j][k]. */
static void run_mul_mat(struct ggml_tensor *dst, int ith, int nth, void *userdata)
{
    (void)nth;
    if (ith == 0)
        multiply_planes(dst, 0, userdata);
}

/* OUT_PROD: a (m, k), b (n, k) -> (m, n), c[j][i] = sum over k of a[k][i] * b[k][j]. */
static void run_out_prod(struct ggml_tensor *dst, int ith, int nth, void *userdata)
{
    (void)nth;
    if (ith == 0)
        multiply_planes(dst, 1, userdata);
}

static bool is_plane(const struct ggml_tensor *x)
{
    return x->type == GGML_TYPE_F32 && (x->nb[0] == sizeof(float) || x->nb[1] == sizeof(float));
}

void gemm_rewrite(struct gemm_plan *plan, struct ggml_context *ctx, struct ggml_cgraph *graph)
{
    if (!plan->gemm)
        return;
    /* ggml_custom_4d fills in the parameters of a custom operation; they are
     * the same for every node of a kind. */
    struct ggml_tensor *arg = ggml_new_tensor_1d(ctx, GGML_TYPE_F32, 1);
    struct ggml_tensor *mul_mat = ggml_custom_4d(ctx, GGML_TYPE_F32, 1, 1, 1, 1, &arg, 1, run_mul_mat, 1, plan);
    struct ggml_tensor *out_prod = ggml_custom_4d(ctx, GGML_TYPE_F32, 1, 1, 1, 1, &arg, 1, run_out_prod, 1, plan);

    for (int i = 0; i < ggml_graph_n_nodes(graph); i++) {
        struct ggml_tensor *node = ggml_graph_node(graph, i);
        if (node->op != GGML_OP_MUL_MAT && node->op != GGML_OP_OUT_PROD)
            continue;
        if (!is_plane(node->src[0]) || !is_plane(node->src[1]) || node->nb[0] != sizeof(float))
            continue;
        const struct ggml_tensor *model = node->op == GGML_OP_MUL_MAT ? mul_mat : out_prod;
        node->op = GGML_OP_CUSTOM;
        memcpy(node->op_params, model->op_params, sizeof(node->op_params));
    }
}
