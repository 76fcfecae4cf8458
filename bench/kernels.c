/* kernels.c - `make bench B=kernels`: products of weights, ours beside those of ggml as it was released.
 *
 * One thread, one matrix, n columns: ggml computes a graph of one product on weights that lie in our buffer type, and
 * another on the same weights where the released library would have them (repacked where it has a form for that, else
 * plain). Rounds of both alternate; the best of each counts, which other work on the machine disturbs least.
 *
 *   q8_0_nN, q4_k_nN  what n columns cost over one, ours
 *   TYPE_prompt       billions of operations a second with 512 columns, ours
 *   TYPE_one          speed of one column over the released one
 *   avx2_TYPE_nN      speed of n columns over the released one, both with no more than AVX2
 *
 * Then whole models, each part with its figures at the head of its file: kernels_rates.c, kernels_load.c,
 * kernels_same.c, kernels_perplexity.c. BENCH_FIGURE takes only one of products, engine, smollm2, q4_k_m, avx2, prompt,
 * load, same, perplexity. BENCH_MODEL is the path of SmolLM2 (what `make model` fetched), for smollm2, same,
 * perplexity. BENCH_THREADS are the threads of each model (the cores).
 *
 * BENCH_ROWS and BENCH_K change the matrix (768 x 3072), BENCH_ROUNDS the rounds (12). */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml.h>

#include "kernels_bed.h"
#include "support.h"
#include "cmd/cmd.h"
#include "core/mem.h"
#include "core/util.h"

static const int columns[] = {1, 2, 4, 8, 16, 64, 512};
#define COLUMNS_COUNT (sizeof(columns) / sizeof(columns[0]))

static const struct {
    enum ggml_type type;
    const char *name;
    double cost[3]; /* bounds of 4, 8 and 16 columns over one; 0: none */
    double prompt;  /* bound */
    double one;     /* bound */
} cases[] = {
    {GGML_TYPE_Q8_0, "q8_0", {1.5, 2.2, 3.5}, 600, 1.2}, {GGML_TYPE_Q4_K, "q4_k", {2, 3, 5}, 600, 1},
    {GGML_TYPE_Q6_K, "q6_k", {0, 0, 0}, 550, 1},         {GGML_TYPE_Q5_K, "q5_k", {0, 0, 0}, 0, 1},
    {GGML_TYPE_Q4_0, "q4_0", {0, 0, 0}, 0, 0},           {GGML_TYPE_Q4_1, "q4_1", {0, 0, 0}, 0, 0},
    {GGML_TYPE_Q5_0, "q5_0", {0, 0, 0}, 0, 0},           {GGML_TYPE_Q5_1, "q5_1", {0, 0, 0}, 0, 0},
    {GGML_TYPE_F32, "f32", {0, 0, 0}, 0, 1},             {GGML_TYPE_F16, "f16", {0, 0, 0}, 0, 1},
    {GGML_TYPE_BF16, "bf16", {0, 0, 0}, 0, 1},
};
#define CASES_COUNT (sizeof(cases) / sizeof(cases[0]))

_Noreturn static void die(const char *what)
{
    (void)fprintf(stderr, "bench kernels: %s\n", what);
    exit(1);
}

/* --- one product ------------------------------------------------------------------------------------ */

struct product {
    struct ggml_context *weights_context, *context;
    ggml_backend_buffer_t weights, rest;
    struct ggml_cgraph *graph;
};

static struct ggml_context *make_context(void)
{
    const struct ggml_init_params params = {ggml_tensor_overhead() * 8 + ggml_graph_overhead(), NULL, true};
    struct ggml_context *context = ggml_init(params);
    return context ? context : (die("out of memory"), NULL);
}

/* False: this buffer type does not take such weights. */
static bool product_new(ggml_backend_t backend, ggml_backend_buffer_type_t place, enum ggml_type type, int64_t k,
                        int64_t rows, int64_t count, const void *blocks, const float *x, struct product *product)
{
    *product = (struct product){.weights_context = make_context(), .context = make_context()};
    struct ggml_tensor *w = ggml_new_tensor_2d(product->weights_context, type, k, rows);
    struct ggml_tensor *in = ggml_new_tensor_2d(product->context, GGML_TYPE_F32, k, count);
    product->weights = ggml_backend_alloc_ctx_tensors_from_buft(product->weights_context, place);
    if (!product->weights)
        die("out of memory");
    struct ggml_tensor *out = ggml_mul_mat(product->context, w, in);
    if (!ggml_backend_supports_op(backend, out) || (w->extra == NULL && place != ggml_backend_cpu_buffer_type()))
        return false;
    product->graph = ggml_new_graph(product->context);
    ggml_build_forward_expand(product->graph, out);
    product->rest = ggml_backend_alloc_ctx_tensors(product->context, backend);
    ggml_backend_tensor_set(w, blocks, 0, ggml_nbytes(w));
    ggml_backend_tensor_set(in, x, 0, ggml_nbytes(in));
    return true;
}

static void product_free(struct product *product)
{
    ggml_backend_buffer_free(product->weights);
    ggml_backend_buffer_free(product->rest);
    ggml_free(product->weights_context);
    ggml_free(product->context);
}

static double time_us(ggml_backend_t backend, const struct product *product, int repeats)
{
    const uint64_t from = clock_now_us();
    for (int i = 0; i < repeats; i++)
        if (ggml_backend_graph_compute(backend, product->graph) != GGML_STATUS_SUCCESS)
            die("a product failed");
    return (double)(clock_now_us() - from) / repeats;
}

/* --- both ------------------------------------------------------------------------------------------- */

struct places {
    ggml_backend_t backend;
    ggml_backend_buffer_type_t tiles, repack; /* NULL: this processor has none */
};

static struct places places_of(ggml_backend_dev_t device)
{
    struct places places = {0};
    if (!device)
        die("ggml has no CPU backend here");
    places.backend = ggml_backend_dev_init(device, NULL);
    ggml_backend_reg_t registry = ggml_backend_dev_backend_reg(device);
    ggml_backend_set_n_threads_t set_threads =
        (ggml_backend_set_n_threads_t)ggml_backend_reg_get_proc_address(registry, "ggml_backend_set_n_threads");
    ggml_backend_dev_get_extra_bufts_t extras = (ggml_backend_dev_get_extra_bufts_t)ggml_backend_reg_get_proc_address(
        registry, "ggml_backend_dev_get_extra_bufts");
    if (!places.backend || !set_threads || !extras)
        die("ggml's CPU backend is not what it was");
    set_threads(places.backend, 1);
    for (ggml_backend_buffer_type_t *each = extras(device); *each; each++) {
        if (!strcmp(ggml_backend_buft_name(*each), "CPU_TILES"))
            places.tiles = *each;
        else if (!strcmp(ggml_backend_buft_name(*each), "CPU_REPACK"))
            places.repack = *each;
    }
    if (!places.tiles)
        die("no kernels for this processor");
    return places;
}

struct shape {
    int64_t k, rows;
    const void *blocks;
    const float *x;
};

static void measure(const struct places *places, enum ggml_type type, const struct shape *shape, int count,
                    unsigned rounds, double *ours_us, double *released_us)
{
    struct product ours, released;
    if (!product_new(places->backend, places->tiles, type, shape->k, shape->rows, count, shape->blocks, shape->x,
                     &ours))
        die("no kernels for this type");
    bool is_repacked = places->repack && product_new(places->backend, places->repack, type, shape->k, shape->rows,
                                                     count, shape->blocks, shape->x, &released);
    if (!is_repacked && !product_new(places->backend, ggml_backend_cpu_buffer_type(), type, shape->k, shape->rows,
                                     count, shape->blocks, shape->x, &released))
        die("ggml has no product of this type");
    const int repeats = count < 32 ? 8 : 1; /* a clock of microseconds */
    *ours_us = *released_us = INFINITY;
    for (unsigned round = 0; round < rounds; round++) {
        *ours_us = fmin(*ours_us, time_us(places->backend, &ours, repeats));
        *released_us = fmin(*released_us, time_us(places->backend, &released, repeats));
    }
    product_free(&ours);
    product_free(&released);
}

static uint8_t *blocks_new(enum ggml_type type, const struct shape *shape, const float *weights)
{
    uint8_t *blocks = mem_must_alloc(ggml_row_size(type, shape->k) * (size_t)shape->rows);
    if (type == GGML_TYPE_F32)
        memcpy(blocks, weights, sizeof(float) * (size_t)(shape->k * shape->rows));
    else
        ggml_quantize_chunk(type, weights, blocks, 0, shape->rows, shape->k, NULL);
    return blocks;
}

static void bench_case(struct bench *bench, const struct places *places, size_t which, struct shape *shape,
                       const float *weights)
{
    double ours[COLUMNS_COUNT], released[COLUMNS_COUNT];
    const char *name = cases[which].name;
    char key[32];
    uint8_t *blocks = blocks_new(cases[which].type, shape, weights);
    shape->blocks = blocks;
    for (size_t i = 0; i < COLUMNS_COUNT; i++) {
        const double billions = 2e-9 * (double)shape->k * (double)shape->rows * columns[i];
        const unsigned rounds = bench_rounds(12);
        measure(places, cases[which].type, shape, columns[i], rounds, &ours[i], &released[i]);
        const struct bench_cell cells[] = {
            BENCH_TEXT("type", name),
            BENCH_NUMBER("columns", columns[i]),
            BENCH_NUMBER("released_us", released[i]),
            BENCH_NUMBER("ours_us", ours[i]),
            BENCH_NUMBER("released_billions", billions / released[i] * 1e6),
            BENCH_NUMBER("ours_billions", billions / ours[i] * 1e6),
            BENCH_NUMBER("faster", released[i] / ours[i]),
        };
        bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
        if (columns[i] >= 4 && columns[i] <= 16 && cases[which].cost[i - 2] > 0) {
            snprintf(key, sizeof(key), "%s_n%d", name, columns[i]);
            bench_limit(bench, key, ours[i] / ours[0], BENCH_AT_MOST, cases[which].cost[i - 2]);
        }
        if (columns[i] == 512 && cases[which].prompt > 0) {
            snprintf(key, sizeof(key), "%s_prompt", name);
            bench_limit(bench, key, billions / ours[i] * 1e6, BENCH_AT_LEAST, cases[which].prompt);
        }
    }
    snprintf(key, sizeof(key), "%s_one", name);
    if (cases[which].one > 0)
        bench_limit(bench, key, released[0] / ours[0], BENCH_AT_LEAST, cases[which].one);
    mem_free(blocks);
}

/* Processors without VNNI get the variant of ggml for AVX2. */
static void bench_avx2(struct bench *bench, const struct places *places, size_t which, struct shape *shape,
                       const float *weights)
{
    static const int few[] = {1, 4, 8, 16};
    const enum ggml_type type = cases[which].type;
    uint8_t *blocks = blocks_new(type, shape, weights);
    shape->blocks = blocks;
    for (size_t i = 0; i < sizeof(few) / sizeof(few[0]); i++) {
        double ours, released;
        char key[32];
        measure(places, type, shape, few[i], bench_rounds(12), &ours, &released);
        snprintf(key, sizeof(key), "avx2_%s", cases[which].name);
        const struct bench_cell cells[] = {
            BENCH_TEXT("type", key),
            BENCH_NUMBER("columns", few[i]),
            BENCH_NUMBER("released_us", released),
            BENCH_NUMBER("ours_us", ours),
            BENCH_NUMBER("faster", released / ours),
        };
        bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
        snprintf(key, sizeof(key), "avx2_%s_n%d", cases[which].name, few[i]);
        if (few[i] > 1)
            bench_limit(bench, key, released / ours, BENCH_AT_LEAST, 1.7);
    }
    mem_free(blocks);
}

#define AVX2_TYPES 3 /* the first of the cases: those that the bounds name */

static void bench_products(struct bench *bench)
{
    struct shape shape = {.k = (int64_t)bench_setting("BENCH_K", 3072),
                          .rows = (int64_t)bench_setting("BENCH_ROWS", 768)};
    ggml_backend_load_all_from_path(FULCRUM_BACKEND_DIR);
    struct places places = places_of(ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU));
    ggml_backend_reg_t haswell = ggml_backend_load(FULCRUM_BACKEND_DIR "/libggml-cpu-haswell.so");
    struct places avx2 = places_of(haswell ? ggml_backend_reg_dev_get(haswell, 0) : NULL);
    const size_t count = (size_t)(shape.k * shape.rows), columns_size = (size_t)shape.k * 512;
    float *weights = mem_must_alloc(sizeof(float) * count), *x = mem_must_alloc(sizeof(float) * columns_size);
    struct rng rng;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < count; i++)
        weights[i] = (float)rng_unit(&rng) * 0.1f - 0.05f;
    for (size_t i = 0; i < columns_size; i++)
        x[i] = (float)rng_unit(&rng) * 4 - 2;
    shape.x = x;
    for (size_t i = 0; i < CASES_COUNT; i++)
        bench_case(bench, &places, i, &shape, weights);
    for (size_t i = 0; i < AVX2_TYPES; i++)
        bench_avx2(bench, &avx2, i, &shape, weights);
    mem_free(weights);
    mem_free(x);
    ggml_backend_free(places.backend);
    ggml_backend_free(avx2.backend);
}

/* --- main ------------------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        return cmd_worker(argc - 1, argv + 1);
    if (argc > 2 && strcmp(argv[1], "perplexity") == 0)
        return perplexity_child(argv[2]);
    signal(SIGPIPE, SIG_IGN);
    struct bench *bench = bench_new("kernels");
    if (bed_is_wanted("products"))
        bench_products(bench);
    bench_models(bench);
    return bench_finish(bench);
}
