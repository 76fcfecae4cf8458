/* distill_speed.c - how fast `fulcrum train` trains SmolLM2, of what the machine's matrix products can reach, and
 * beside PyTorch in BF16 on the same work. Trains nothing that stays. See distill.c.
 *
 *   peak_share   arithmetic of a step over its time and over the best rate of OpenBLAS in this run (1024 x 1024 x 1024,
 *                F32, all cores)
 *   torch_speed  tokens a second over PyTorch's (distill_torch.py); absent where there is none
 *
 * Arithmetic of a token: 6 for each weight of a layer (2 forward, 2 for the gradient of what comes in, 2 for that of
 * the weight), 4 where it is frozen; 4 for each of the head's (frozen) by the share of trained tokens; 6 * layers *
 * width * length for attention, which sees half of a row in the mean. Where all weights are trained, `in_products` is
 * the share of a step's time that the products with them take, at BLAS's rates for their own shapes; the rest goes into
 * attention, norms, activations, the loss and the optimiser.
 *
 * Steps of 4,096 tokens in passes of two rows of 512, one worker for each core. BENCH_STEPS (6) that are measured,
 * BENCH_THREADS (the cores), BENCH_MODEL (SmolLM2), BENCH_TORCH (a python that has torch). */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "distill_parts.h"
#include "core/mem.h"
#include "core/util.h"
#include "distill/gemm.h"
#include "distill/pretrained.h"

#define FOLDER "build/bench/distilled"
#define DATA "speed-rows.jsonl"
#define TORCH "build/bench/torch/bin/python"
#define LENGTH 512u
#define PASS_ROWS 2u
#define PASS_TOKENS ((int)(LENGTH * PASS_ROWS))
#define STEP_PASSES 4u
#define RANK 8u
#define PEAK_SIZE 1024
#define PEAK_ROUNDS 20u
#define SHAPE_ROUNDS 5u
#define COMMAND_MAX 2048
#define LINE_MAX_BYTES 4096

struct speed_bed {
    const char *model;
    struct model_shape shape;
    double trained_share; /* of the tokens of the data */
    unsigned threads, passes;
    uint64_t steps;
    double peak; /* operations a second */
    const struct gemm *gemm;
    float *a, *b, *c;
};

struct kind {
    const char *name, *file, *extra; /* of the recipe */
    bool is_adapter;
};

_Noreturn static void die(const char *what)
{
    (void)fprintf(stderr, "bench distill: speed: %s\n", what);
    exit(1);
}

static void skip(struct bench *bench, const char *what, const char *why)
{
    const struct bench_cell cells[] = {BENCH_TEXT("speed", what), BENCH_TEXT("result", why)};
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
}

/* First line that the command prints. */
static bool run_line(const char *command, char *line, size_t cap)
{
    FILE *out = popen(command, "r");
    const bool has_line = out && fgets(line, (int)cap, out);
    return out && pclose(out) == 0 && has_line;
}

static double number_behind(const char *line, const char *key)
{
    const char *at = strstr(line, key);
    return at ? strtod(at + strlen(key), NULL) : NAN;
}

/* --- products --------------------------------------------------------------------------------------- */

/* Seconds of the fastest of some rounds of (m, k) * (k, n). */
static double product_s(const struct speed_bed *bed, int m, int n, int k, unsigned rounds)
{
    uint64_t best = UINT64_MAX;
    for (unsigned round = 0; round < rounds; round++) {
        const uint64_t from = clock_now_us();
        gemm_run(bed->gemm, m, n, k, 1, (struct gemm_operand){bed->a, k, false},
                 (struct gemm_operand){bed->b, n, false}, 0, bed->c, n);
        const uint64_t took = clock_now_us() - from;
        best = took < best ? took : best;
    }
    return (double)(best ? best : 1) / 1e6;
}

/* Of a pass with one matrix: forward, the gradient of what comes in, and that of the matrix unless it is frozen. */
static double matrix_s(const struct speed_bed *bed, uint32_t in, uint32_t out, int tokens, bool is_frozen)
{
    const int i = (int)in, o = (int)out;
    return product_s(bed, tokens, o, i, SHAPE_ROUNDS) + product_s(bed, tokens, i, o, SHAPE_ROUNDS) +
           (is_frozen ? 0 : product_s(bed, o, i, tokens, SHAPE_ROUNDS));
}

static double pass_products_s(const struct speed_bed *bed)
{
    const struct model_shape *shape = &bed->shape;
    const uint32_t d = shape->width, f = shape->feed_forward, kv = d / shape->heads * shape->kv_heads;
    const int trained = (int)(PASS_TOKENS * bed->trained_share) + 1;
    const double layer = 2 * matrix_s(bed, d, d, PASS_TOKENS, false) + 2 * matrix_s(bed, d, kv, PASS_TOKENS, false) +
                         2 * matrix_s(bed, d, f, PASS_TOKENS, false) + matrix_s(bed, f, d, PASS_TOKENS, false);
    return layer * shape->layers + matrix_s(bed, d, shape->vocabulary, trained, true);
}

/* --- arithmetic ------------------------------------------------------------------------------------- */

static double layer_weights(const struct model_shape *shape)
{
    const double d = shape->width, kv = d / shape->heads * shape->kv_heads;
    return 2 * d * d + 2 * d * kv + 3 * d * shape->feed_forward;
}

/* In and out of each of the seven matrices, times the rank. */
static double layer_adapters(const struct model_shape *shape)
{
    const double d = shape->width, kv = d / shape->heads * shape->kv_heads;
    return RANK * (2 * (d + d) + 2 * (d + kv) + 3 * (d + shape->feed_forward));
}

static double token_operations(const struct speed_bed *bed, bool is_adapter)
{
    const struct model_shape *shape = &bed->shape;
    const double layer = is_adapter ? 4 * layer_weights(shape) + 6 * layer_adapters(shape) : 6 * layer_weights(shape);
    return shape->layers * (layer + 6.0 * shape->width * LENGTH) +
           4.0 * shape->width * shape->vocabulary * bed->trained_share;
}

/* --- runs ------------------------------------------------------------------------------------------- */

static void write_recipe(const struct speed_bed *bed, const struct kind *kind)
{
    char path[256];
    (void)snprintf(path, sizeof(path), FOLDER "/speed-%s.yaml", kind->file);
    FILE *file = fopen(path, "w");
    if (!file)
        die("cannot write a recipe into " FOLDER);
    (void)fprintf(file,
                  "name: speed\ntuned_from: \"%s\"\nfrozen: embedding\n%soptimiser: {kind: adamw, rate: 0.00001}\n"
                  "phases:\n  - {name: speed, tokens: %llu, length: %u, rows: %u, accumulate: %u, workers: %u, "
                  "data: [{file: " DATA "}]}\nlog_every: 1\ncheckpoint_every: 1000000\n",
                  bed->model, kind->extra, (unsigned long long)((bed->steps + 1) * bed->passes * LENGTH * PASS_ROWS),
                  LENGTH, PASS_ROWS, bed->passes, bed->threads);
    if (fclose(file) != 0)
        die("cannot write a recipe into " FOLDER);
}

/* Tokens a second behind the first step, which has much to touch for the first time. */
static double read_rate(const struct kind *kind)
{
    char path[256], line[LINE_MAX_BYTES];
    double first[2] = {0}, last[2] = {0};
    size_t count = 0;
    (void)snprintf(path, sizeof(path), FOLDER "/speed-%s.gguf.csv", kind->file);
    FILE *file = fopen(path, "r");
    for (; file && fgets(line, sizeof(line), file); count++) {
        char *rest = strchr(line, ',');
        if (count == 0 || !rest)
            continue; /* the names of the columns: step, tokens, seconds, ... */
        last[0] = strtod(rest + 1, &rest);
        last[1] = strtod(rest + 1, NULL);
        if (count == 1)
            memcpy(first, last, sizeof(first));
    }
    if (file)
        (void)fclose(file);
    if (!(last[1] > first[1]))
        die("the curve of a run has too few steps");
    return (last[0] - first[0]) / (last[1] - first[1]);
}

static double train_rate(const struct speed_bed *bed, const struct kind *kind)
{
    char command[COMMAND_MAX];
    write_recipe(bed, kind);
    (void)snprintf(command, sizeof(command),
                   "build/fulcrum train --config " FOLDER "/speed-%s.yaml --out " FOLDER "/speed-%s.gguf >" FOLDER
                   "/speed.log 2>&1 && rm -f " FOLDER "/speed-%s.gguf " FOLDER "/speed-%s.gguf.checkpoint",
                   kind->file, kind->file, kind->file, kind->file);
    if (system(command) != 0)
        die("a training failed, see " FOLDER "/speed.log");
    return read_rate(kind);
}

static double measure(struct bench *bench, const struct speed_bed *bed, const struct kind *kind)
{
    const double rate = train_rate(bed, kind), operations = token_operations(bed, kind->is_adapter);
    const double share = rate * operations / bed->peak;
    const double in_products = kind->is_adapter ? NAN : pass_products_s(bed) * rate / PASS_TOKENS;
    const struct bench_cell cells[] = {
        BENCH_TEXT("speed", kind->name),
        BENCH_NUMBER("tokens_per_s", rate),
        BENCH_NUMBER("gigaflops", rate * operations / 1e9),
        BENCH_NUMBER("peak_gigaflops", bed->peak / 1e9),
        BENCH_NUMBER("share", share),
        BENCH_NUMBER("in_products", in_products), /* the last, for adapters have none */
    };
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]) - kind->is_adapter);
    if (!kind->is_adapter)
        bench_limit(bench, "peak_share", share, BENCH_AT_LEAST, 0.5);
    return rate;
}

/* --- PyTorch ---------------------------------------------------------------------------------------- */

static void measure_torch(struct bench *bench, const struct speed_bed *bed, double ours)
{
    static const char name[] = "PyTorch, BF16, all weights but the embedding";
    const char *python = getenv("BENCH_TORCH");
    const struct model_shape *shape = &bed->shape;
    char command[COMMAND_MAX], line[LINE_MAX_BYTES];
    python = python ? python : TORCH;
    if (access(python, X_OK) != 0) {
        skip(bench, name, "not run: no PyTorch, see bench/distill_torch.py");
        return;
    }
    (void)snprintf(command, sizeof(command),
                   "'%s' bench/distill_torch.py --layers %u --width %u --heads %u --kv-heads %u --feed-forward %u "
                   "--vocabulary %u --length %u --rows %u --passes %u --steps %llu --threads %u --trained %.4f",
                   python, shape->layers, shape->width, shape->heads, shape->kv_heads, shape->feed_forward,
                   shape->vocabulary, LENGTH, PASS_ROWS, bed->passes, (unsigned long long)bed->steps, bed->threads,
                   bed->trained_share);
    const double rate = run_line(command, line, sizeof(line)) ? number_behind(line, "\"tokensPerSecond\":") : NAN;
    if (!(rate > 0)) {
        skip(bench, name, "not run: PyTorch failed");
        return;
    }
    const double operations = token_operations(bed, false);
    const struct bench_cell cells[] = {BENCH_TEXT("speed", name), BENCH_NUMBER("tokens_per_s", rate),
                                       BENCH_NUMBER("gigaflops", rate * operations / 1e9),
                                       BENCH_NUMBER("ours_over_it", ours / rate)};
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
    bench_limit(bench, "torch_speed", ours / rate, BENCH_AT_LEAST, 1);
}

/* --- all of it -------------------------------------------------------------------------------------- */

static void read_shape(struct speed_bed *bed)
{
    struct pretrained file = {0};
    struct error error;
    if (pretrained_open(bed->model, &file, &error) != OK || pretrained_shape(&file, &bed->shape, &error) != OK)
        die(error.message);
    pretrained_close(&file);
}

/* Rows of many shops, and how many of their tokens are trained on. */
static void make_data(struct speed_bed *bed, const struct kind *kind)
{
    char command[COMMAND_MAX], line[LINE_MAX_BYTES];
    if (system("python3 models/desk_generate.py --rows 4000 --length 360 --seed 3 --out " FOLDER "/" DATA
               " 2>/dev/null") != 0)
        die("models/desk_generate.py failed");
    write_recipe(bed, kind);
    (void)snprintf(command, sizeof(command), "build/fulcrum train --config " FOLDER "/speed-%s.yaml --out '%s' --count",
                   kind->file, bed->model);
    if (!run_line(command, line, sizeof(line)))
        die("the data could not be counted");
    bed->trained_share = number_behind(line, "\"trainedTokens\":") / number_behind(line, "\"tokens\":");
    if (!(bed->trained_share > 0))
        die("the data has no trained tokens");
}

/* Room for the largest product of a pass. */
static void measure_peak(struct speed_bed *bed)
{
    const size_t deep = bed->shape.width > (uint32_t)PASS_TOKENS ? bed->shape.width : (uint32_t)PASS_TOKENS;
    const size_t head = deep * bed->shape.vocabulary, inner = deep * bed->shape.feed_forward;
    const size_t square = (size_t)PEAK_SIZE * PEAK_SIZE, most = head > inner ? head : inner;
    const size_t size = most > square ? most : square;
    bed->a = mem_must_alloc(sizeof(float) * size);
    bed->b = mem_must_alloc(sizeof(float) * size);
    bed->c = mem_must_alloc(sizeof(float) * size);
    for (size_t i = 0; i < size; i++)
        bed->a[i] = bed->b[i] = (float)(i % 17) * 0.01f;
    const double operations = 2.0 * PEAK_SIZE * PEAK_SIZE * PEAK_SIZE;
    bed->peak = operations / product_s(bed, PEAK_SIZE, PEAK_SIZE, PEAK_SIZE, PEAK_ROUNDS);
}

void bench_distill_speed(struct bench *bench)
{
    static const struct kind kinds[] = {{"all weights but the embedding", "whole", "", false},
                                        {"adapters of rank 8", "adapter", "adapter: {rank: 8}\ntype: adapter\n", true}};
    char path[PATH_MAX];
    const char *named = getenv("BENCH_MODEL");
    struct speed_bed bed = {.model = named ? realpath(named, path) : NULL}; /* recipes look from their own folder */
    if (!bed.model) {
        skip(bench, "all", "not run: no SmolLM2, `make model` fetches it");
        return;
    }
    bed.threads = (unsigned)bench_setting("BENCH_THREADS", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    bed.passes = bed.threads > STEP_PASSES ? bed.threads : STEP_PASSES;
    bed.steps = bench_setting("BENCH_STEPS", 6);
    (void)mkdir("build/bench", 0777);
    (void)mkdir(FOLDER, 0777);
    struct gemm *gemm = gemm_new((int)bed.threads);
    if (!gemm) {
        skip(bench, "all", "not run: no BLAS here");
        return;
    }
    bed.gemm = gemm;
    read_shape(&bed);
    make_data(&bed, &kinds[0]);
    measure_peak(&bed);
    const double whole = measure(bench, &bed, &kinds[0]);
    (void)measure(bench, &bed, &kinds[1]);
    measure_torch(bench, &bed, whole);
    mem_free(bed.a);
    mem_free(bed.b);
    mem_free(bed.c);
    gemm_free(gemm);
}
