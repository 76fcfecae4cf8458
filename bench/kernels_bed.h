/* kernels_bed.h - what those parts of `make bench B=kernels` share that run whole models: engines of one worker, with
 * our kernels or with ggml as it was released, and requests that keep some clients busy. What fails ends the program.
 * One thread. */
#ifndef BENCH_KERNELS_BED_H
#define BENCH_KERNELS_BED_H

#include <sys/types.h>
#include <uv.h>

#include "support.h"
#include "core/buf.h"
#include "engine/engine.h"

#define RANDOM_Q8_0 "build/bench/random-110m.gguf"
#define RANDOM_Q4_K_M "build/bench/random-110m-q4_k_m.gguf"
#define CONTEXT 4608u /* tokens of a sequence */
#define PARALLEL 16u
#define PROMPT_TEXT_MAX 8192u

struct side_options {
    const char *model;    /* path */
    bool is_released;     /* ggml computes as it was released, without our kernels */
    const char *backends; /* directory of ggml's, NULL: the one of the build */
};

/* One engine. */
struct side {
    uv_loop_t loop;
    struct config config;
    struct config_model model;
    struct engine *engine;
    struct engine_port *port;
    uint64_t load_us; /* until the worker was ready */
};
void side_open(struct side *side, const struct side_options *options);
void side_close(struct side *side);
pid_t side_worker(const struct side *side);

/* One request, and what came of it. */
struct asked {
    struct str prompt;
    uint32_t max_tokens;
    float temperature;
    uint64_t seed;
    struct buf *reply; /* NULL: its text is not kept */

    uint64_t first_us; /* from the request to its first token */
    uint32_t tokens;
};
/* All of them in their order, `clients` at a time; microseconds from the first request to the last reply. */
uint64_t side_ask(struct side *side, struct asked *asked, size_t count, uint32_t clients);

uint32_t bed_threads(void); /* of either side's models: BENCH_THREADS, or the cores */
/* A prompt of exactly so many tokens for the random models, and about as many for others. */
struct str bed_prompt(char text[PROMPT_TEXT_MAX], uint32_t tokens);
double bed_cpu_ms(pid_t pid); /* that a process has taken so far, all threads */
double bed_median(double *values, unsigned count);
bool bed_is_wanted(const char *figure);          /* BENCH_FIGURE is absent or names it */
const char *bed_smollm2(void);                   /* BENCH_MODEL; NULL: there is no such file */
void bed_skip(struct bench *bench, const char *figure, const char *why);
_Noreturn void bed_die(const char *what);

/* --- the parts --- */

void bench_models(struct bench *bench); /* all that BENCH_FIGURE wants; makes the random models */
void bench_rates(struct bench *bench);      /* kernels_rates.c */
void bench_load(struct bench *bench);       /* kernels_load.c */
void bench_same(struct bench *bench);       /* kernels_same.c */
void bench_perplexity(struct bench *bench); /* kernels_perplexity.c */
int perplexity_child(const char *model);    /* prints the perplexity; exit status */

#endif
