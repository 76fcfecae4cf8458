/* attention.c - `make bench B=attention`: attention over a shared cache, ours beside that of ggml as it was released.
 *
 * One thread and one operation. A mask with a plane for every second head is more than our kernels take, so the same
 * graph with such a mask is computed by ggml's own. Rounds of both alternate; the best of each counts, in time of the
 * thread, which other work on the machine disturbs least.
 *
 *   many, many_wide   512 queries that end 4,096 cells: speed over the released one
 *   shared            16 sequences of 500 cells each in one cache
 *   long              one query over 8,192 cells
 *
 * BENCH_ROUNDS changes the rounds (7). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml.h>

#include "support.h"
#include "core/mem.h"

static const struct scene {
    const char *name;
    int64_t width, heads, kv_heads, queries, cells, sequences;
    double bound;
} scenes[] = {
    {"many", 64, 12, 4, 512, 4096, 1, 2.5},
    {"many_wide", 128, 32, 8, 512, 4096, 1, 2},
    {"shared", 64, 12, 4, 16, 8000, 16, 2.5},
    {"long", 64, 12, 4, 1, 8192, 1, 1.5},
};

_Noreturn static void die(const char *what)
{
    (void)fprintf(stderr, "bench attention: %s\n", what);
    exit(1);
}

static double thread_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static ggml_backend_t open_backend(void)
{
    ggml_backend_load_all_from_path(FULCRUM_BACKEND_DIR);
    ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    ggml_backend_t backend = device ? ggml_backend_dev_init(device, NULL) : NULL;
    if (!backend)
        die("ggml has no CPU backend here");
    ggml_backend_set_n_threads_t set_threads = (ggml_backend_set_n_threads_t)ggml_backend_reg_get_proc_address(
        ggml_backend_dev_backend_reg(device), "ggml_backend_set_n_threads");
    if (!set_threads)
        die("ggml's CPU backend is not what it was");
    set_threads(backend, 1);
    return backend;
}

/* --- one operation ---------------------------------------------------------------------------------- */

struct attention {
    struct ggml_context *context;
    ggml_backend_buffer_t buffer;
    struct ggml_cgraph *graph;
};

static void fill(struct ggml_tensor *tensor)
{
    const int64_t count = ggml_nelements(tensor);
    uint64_t seed = 1;
    for (int64_t i = 0; i < count; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const float value = (float)(seed >> 40) / (float)(1u << 22) - 2.0f;
        if (tensor->type == GGML_TYPE_F16)
            ((ggml_fp16_t *)tensor->data)[i] = ggml_fp32_to_fp16(value);
        else
            ((float *)tensor->data)[i] = value;
    }
}

/* Sequences lie one behind the other; each has as many queries, its last cells. */
static void fill_mask(const struct scene *scene, struct ggml_tensor *mask, int32_t *positions)
{
    const int64_t length = scene->cells / scene->sequences, own = scene->queries / scene->sequences;
    ggml_fp16_t *at = mask->data;
    for (int64_t plane = 0; plane < mask->ne[2]; plane++)
        for (int64_t query = 0; query < scene->queries; query++)
            for (int64_t cell = 0; cell < scene->cells; cell++) {
                positions[cell] = (int32_t)(cell % length);
                const bool is_seen = cell / length == query / own && cell % length <= length - own + query % own;
                *at++ = ggml_fp32_to_fp16(is_seen ? 0 : -INFINITY);
            }
}

static struct attention attention_new(ggml_backend_t backend, const struct scene *scene, int64_t planes)
{
    const struct ggml_init_params params = {ggml_tensor_overhead() * 12 + ggml_graph_overhead(), NULL, true};
    struct attention attention = {.context = ggml_init(params)};
    struct ggml_context *context = attention.context;
    if (!context)
        die("out of memory");
    struct ggml_tensor *q =
        ggml_new_tensor_3d(context, GGML_TYPE_F32, scene->width, scene->heads, scene->queries);
    struct ggml_tensor *k = ggml_new_tensor_3d(context, GGML_TYPE_F16, scene->width, scene->kv_heads, scene->cells);
    struct ggml_tensor *v = ggml_new_tensor_3d(context, GGML_TYPE_F16, scene->width, scene->kv_heads, scene->cells);
    struct ggml_tensor *mask = ggml_new_tensor_3d(context, GGML_TYPE_F16, scene->cells, scene->queries, planes);
    struct ggml_tensor *positions = ggml_new_tensor_1d(context, GGML_TYPE_I32, scene->cells);
    struct ggml_tensor *out = ggml_flash_attn_ext(context, ggml_permute(context, q, 0, 2, 1, 3),
                                                  ggml_permute(context, k, 0, 2, 1, 3),
                                                  ggml_permute(context, v, 0, 2, 1, 3), mask,
                                                  1 / sqrtf((float)scene->width), 0, 0);
    out->src[5] = positions;
    attention.graph = ggml_new_graph(context);
    ggml_build_forward_expand(attention.graph, out);
    attention.buffer = ggml_backend_alloc_ctx_tensors(context, backend);
    if (!attention.buffer)
        die("out of memory");
    fill(q);
    fill(k);
    fill(v);
    fill_mask(scene, mask, positions->data);
    return attention;
}

static void attention_free(struct attention *attention)
{
    ggml_backend_buffer_free(attention->buffer);
    ggml_free(attention->context);
}

static void measure(ggml_backend_t backend, const struct attention *attention, double *best_us)
{
    const double from = thread_us();
    if (ggml_backend_graph_compute(backend, attention->graph) != GGML_STATUS_SUCCESS)
        die("attention failed");
    const double us = thread_us() - from;
    if (*best_us == 0 || us < *best_us)
        *best_us = us;
}

static double operations_of(const struct scene *scene)
{
    const double length = (double)(scene->cells / scene->sequences), own = (double)(scene->queries / scene->sequences);
    return (double)scene->queries * (length - (own - 1) / 2) * (double)scene->heads * 4 * (double)scene->width;
}

int main(void)
{
    struct bench *bench = bench_new("attention");
    ggml_backend_t backend = open_backend();
    for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
        const struct scene *scene = &scenes[i];
        struct attention ours = attention_new(backend, scene, 1), released = attention_new(backend, scene, 2);
        double ours_us = 0, released_us = 0;
        for (unsigned round = 0; round < bench_rounds(7); round++) {
            measure(backend, &ours, &ours_us);
            measure(backend, &released, &released_us);
        }
        const struct bench_cell cells[] = {BENCH_TEXT("scene", scene->name), BENCH_NUMBER("ours_us", ours_us),
                                           BENCH_NUMBER("released_us", released_us),
                                           BENCH_NUMBER("ours_gflops", operations_of(scene) / ours_us / 1e3)};
        bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
        bench_limit(bench, scene->name, released_us / ours_us, BENCH_AT_LEAST, scene->bound);
        attention_free(&ours);
        attention_free(&released);
    }
    ggml_backend_free(backend);
    return bench_finish(bench);
}
