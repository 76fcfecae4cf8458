/* kernels_rates.c - tokens a second, and the time to the first one, of whole models: the engine with our kernels beside
 * llama.cpp's own server and beside the engine, both on ggml as it was released.
 *
 *   engine_N, smollm2_N, q4_k_m_N  output tokens a second of N clients, over llama-server's
 *   avx2_N                         the same over our own engine's, both with ggml's variant for AVX2 alone
 *   prompt_ttft                    time to the first token of a prompt of 4,000, over the sooner of the released two
 *
 * All get the same prompts, the same threads, 16 sequences, and choose greedily; a client asks again as soon as it is
 * answered, and whole requests count, prompts and all. Rounds alternate; the median of their ratios counts. On a
 * machine that is busy with other things BENCH_THREADS=1 and the CPU time of a token tell more. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels_bed.h"
#include "support_llama.h"
#include "core/util.h"

#define RATE_PROMPT 64u /* tokens */
#define RATE_REPLY 64u
#define REQUESTS_MAX (2 * PARALLEL)
#define LONG_PROMPT 4000u
#define ROUNDS 3
#define AVX2_DIR "build/bench/avx2"

/* Whoever answers: an engine or llama.cpp's server. */
struct contender {
    struct side *side;
    struct llama_server *server;
};

/* What it made of some requests. */
struct rate {
    double tokens_per_second;
    double cpu_ms; /* of its process, a token */
};

static uint32_t requests_of(uint32_t clients)
{
    return 2 * clients;
}

static pid_t process_of(const struct contender *who)
{
    return who->server != NULL ? (pid_t)llama_server_pid(who->server) : side_worker(who->side);
}

/* All prompts answered: tokens of the answers, and microseconds. */
static uint64_t ask_all(const struct contender *who, const struct str *prompts, uint32_t count, uint32_t clients,
                        uint64_t *us)
{
    struct asked asked[REQUESTS_MAX];
    uint64_t tokens = 0;
    if (who->server != NULL) {
        const uint64_t began_us = clock_now_us();
        tokens = llama_server_complete_all(who->server, prompts, count, clients, RATE_REPLY);
        *us = clock_now_us() - began_us;
        if (tokens == 0)
            bed_die("llama-server did not answer");
        return tokens;
    }
    for (uint32_t i = 0; i < count; i++)
        asked[i] = (struct asked){.prompt = prompts[i], .max_tokens = RATE_REPLY};
    *us = side_ask(who->side, asked, count, clients);
    for (uint32_t i = 0; i < count; i++)
        tokens += asked[i].tokens;
    return tokens;
}

/* Of prompts that `round` stands for; the second time that they are asked counts. In the first one the threads of the
 * one whose turn it was before may still spin, and an engine that finds them there gives up a thread for a second. */
static struct rate rate_of(const struct contender *who, uint32_t clients, unsigned round)
{
    static char texts[REQUESTS_MAX][PROMPT_TEXT_MAX];
    struct str prompts[REQUESTS_MAX];
    const uint32_t count = requests_of(clients);
    uint64_t us;
    srand(round);
    for (uint32_t i = 0; i < count; i++)
        prompts[i] = bed_prompt(texts[i], RATE_PROMPT);
    (void)ask_all(who, prompts, count, clients, &us);
    const double cpu_ms = bed_cpu_ms(process_of(who));
    const uint64_t tokens = ask_all(who, prompts, count, clients, &us);
    return (struct rate){(double)tokens * 1e6 / (double)us,
                         (bed_cpu_ms(process_of(who)) - cpu_ms) / (double)tokens};
}

/* A prompt of 4,000 tokens: milliseconds to its first token, and of CPU. */
struct first {
    double ms, cpu_ms;
};

static struct first first_of(const struct contender *who)
{
    static char text[PROMPT_TEXT_MAX];
    struct asked asked = {.prompt = bed_prompt(text, LONG_PROMPT), .max_tokens = 1};
    const double cpu_ms = bed_cpu_ms(process_of(who));
    const uint64_t began_us = clock_now_us();
    if (who->server == NULL)
        (void)side_ask(who->side, &asked, 1, 1);
    else if (llama_server_complete_all(who->server, &asked.prompt, 1, 1, 1) == 0)
        bed_die("llama-server did not answer");
    return (struct first){(double)(clock_now_us() - began_us) / 1000, bed_cpu_ms(process_of(who)) - cpu_ms};
}

static struct llama_server *start_server(const char *model, const char **why)
{
    const struct llama_server_options options = {.program = llama_server_program(why), .model = model,
                                                 .context = CONTEXT, .parallel = PARALLEL, .threads = bed_threads(),
                                                 .is_released = true};
    return options.program != NULL ? llama_server_start(&options, why) : NULL;
}

/* --- rates ------------------------------------------------------------------------------------------ */

/* The median of `ours` over `theirs`. */
static double compare_rates(struct bench *bench, const char *key, const struct contender *ours,
                            const struct contender *theirs, uint32_t clients)
{
    double own[BENCH_ROUNDS_MAX], other[BENCH_ROUNDS_MAX], own_cpu[BENCH_ROUNDS_MAX], other_cpu[BENCH_ROUNDS_MAX],
        ratio[BENCH_ROUNDS_MAX];
    const unsigned rounds = bench_rounds(ROUNDS);
    for (unsigned round = 0; round < rounds; round++) {
        const struct rate first = rate_of(ours, clients, round), second = rate_of(theirs, clients, round);
        own[round] = first.tokens_per_second;
        other[round] = second.tokens_per_second;
        own_cpu[round] = first.cpu_ms;
        other_cpu[round] = second.cpu_ms;
        ratio[round] = own[round] / other[round];
    }
    const double result = bed_median(ratio, rounds);
    const struct bench_cell cells[] = {
        BENCH_TEXT("figure", key),
        BENCH_TEXT("beside", theirs->server != NULL ? "llama-server" : "engine"),
        BENCH_NUMBER("its_tokens_per_second", bed_median(other, rounds)),
        BENCH_NUMBER("our_tokens_per_second", bed_median(own, rounds)),
        BENCH_NUMBER("its_cpu_ms_a_token", bed_median(other_cpu, rounds)),
        BENCH_NUMBER("our_cpu_ms_a_token", bed_median(own_cpu, rounds)),
        BENCH_NUMBER("ratio", result),
    };
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
    return result;
}

/* Beside llama-server; a second row beside our own engine on the released ggml tells what of it is the kernels'. */
static void bench_model_rates(struct bench *bench, const char *model, const char *name, double bound)
{
    static const uint32_t clients[] = {4, 16};
    static struct side tiles, released;
    const char *why;
    struct llama_server *server = start_server(model, &why);
    const struct contender ours = {.side = &tiles}, same = {.side = &released}, other = {.server = server};
    side_open(&tiles, &(struct side_options){.model = model});
    side_open(&released, &(struct side_options){.model = model, .is_released = true});
    for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
        char key[32];
        snprintf(key, sizeof(key), "%s_%u", name, clients[i]);
        (void)compare_rates(bench, key, &ours, &same, clients[i]);
        if (server != NULL)
            bench_limit(bench, key, compare_rates(bench, key, &ours, &other, clients[i]), BENCH_AT_LEAST, bound);
        else
            bed_skip(bench, key, why);
    }
    side_close(&tiles);
    side_close(&released);
    if (server != NULL)
        llama_server_stop(server);
}

/* --- AVX2 ------------------------------------------------------------------------------------------- */

/* A directory with the one variant of ggml's CPU backend; NULL: this build has none such. */
static const char *only_avx2(void)
{
    static const char file[] = "libggml-cpu-haswell.so";
    char target[PATH_MAX], link[PATH_MAX];
    snprintf(target, sizeof(target), "%s/%s", FULCRUM_BACKEND_DIR, file);
    snprintf(link, sizeof(link), "%s/%s", AVX2_DIR, file);
    (void)unlink(link);
    const bool is_there = access(target, R_OK) == 0 && (mkdir(AVX2_DIR, 0777) == 0 || errno == EEXIST);
    return is_there && symlink(target, link) == 0 ? AVX2_DIR : NULL;
}

static void bench_avx2(struct bench *bench)
{
    static const uint32_t clients[] = {4, 16};
    static struct side tiles, released;
    const struct contender ours = {.side = &tiles}, same = {.side = &released};
    const char *directory = only_avx2();
    if (directory == NULL) {
        bed_skip(bench, "avx2", "skipped: ggml has no variant for AVX2 here");
        return;
    }
    side_open(&tiles, &(struct side_options){.model = RANDOM_Q8_0, .backends = directory});
    side_open(&released, &(struct side_options){.model = RANDOM_Q8_0, .backends = directory, .is_released = true});
    for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
        char key[32];
        snprintf(key, sizeof(key), "avx2_%u", clients[i]);
        bench_limit(bench, key, compare_rates(bench, key, &ours, &same, clients[i]), BENCH_AT_LEAST, 1.7);
    }
    side_close(&tiles);
    side_close(&released);
}

/* --- a long prompt ---------------------------------------------------------------------------------- */

static void add_first(struct bench *bench, const char *who, struct first *firsts, unsigned rounds)
{
    double ms[BENCH_ROUNDS_MAX], cpu_ms[BENCH_ROUNDS_MAX];
    for (unsigned round = 0; round < rounds; round++) {
        ms[round] = firsts[round].ms;
        cpu_ms[round] = firsts[round].cpu_ms;
    }
    const struct bench_cell cells[] = {
        BENCH_TEXT("figure", "prompt_ttft"),
        BENCH_TEXT("of", who),
        BENCH_NUMBER("prompt_tokens", LONG_PROMPT),
        BENCH_NUMBER("first_token_ms", bed_median(ms, rounds)),
        BENCH_NUMBER("cpu_ms", bed_median(cpu_ms, rounds)),
    };
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
}

static void bench_prompt(struct bench *bench)
{
    static struct side tiles, released;
    struct first own[BENCH_ROUNDS_MAX], same[BENCH_ROUNDS_MAX], other[BENCH_ROUNDS_MAX];
    double ratio[BENCH_ROUNDS_MAX];
    const unsigned rounds = bench_rounds(ROUNDS);
    const char *why;
    struct llama_server *server = start_server(RANDOM_Q8_0, &why);
    side_open(&tiles, &(struct side_options){.model = RANDOM_Q8_0});
    side_open(&released, &(struct side_options){.model = RANDOM_Q8_0, .is_released = true});
    for (unsigned round = 0; round < rounds; round++) {
        own[round] = first_of(&(struct contender){.side = &tiles});
        same[round] = first_of(&(struct contender){.side = &released});
        other[round] = server != NULL ? first_of(&(struct contender){.server = server}) : same[round];
        ratio[round] = own[round].ms / fmin(other[round].ms, same[round].ms);
    }
    side_close(&tiles);
    side_close(&released);
    add_first(bench, "ours", own, rounds);
    add_first(bench, "engine", same, rounds);
    if (server == NULL) {
        bed_skip(bench, "prompt_ttft", why);
    } else {
        add_first(bench, "llama-server", other, rounds);
        llama_server_stop(server);
    }
    bench_limit(bench, "prompt_ttft", bed_median(ratio, rounds), BENCH_AT_MOST, 0.45);
}

void bench_rates(struct bench *bench)
{
    const char *smollm2 = bed_smollm2();
    if (bed_is_wanted("engine"))
        bench_model_rates(bench, RANDOM_Q8_0, "engine", 2.5);
    if (bed_is_wanted("smollm2") && smollm2 != NULL)
        bench_model_rates(bench, smollm2, "smollm2", 2);
    else if (bed_is_wanted("smollm2"))
        bed_skip(bench, "smollm2", "skipped: BENCH_MODEL names no file");
    if (bed_is_wanted("q4_k_m"))
        bench_model_rates(bench, RANDOM_Q4_K_M, "q4_k_m", 2);
    if (bed_is_wanted("avx2"))
        bench_avx2(bench);
    if (bed_is_wanted("prompt"))
        bench_prompt(bench);
}
