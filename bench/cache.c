/* cache.c - `make bench B=cache`: what the prompt cache saves and what it costs, through engine.h and the real worker.
 *
 * On a model of 110 million random parameters (Q8_0), times as medians over BENCH_ROUNDS (5) rounds:
 *
 *   saved_N         share of the time to first token that a cached prefix of N tokens saves; 16 tokens follow it
 *   readback_share  putting the state of 2,000 tokens back, over computing it, in this process
 *   keeping_share   CPU time of keeping a prompt that comes once, over that of computing it, in this process
 *   overhead        CPU time of the model thread that keeping prefixes adds to a load which never repeats itself,
 *                   over that without
 *
 * On a small model, that takes seconds where the large one would take minutes, once:
 *
 *   tenants_P       32 tenants with prefixes of 2,000 tokens talk for five turns, one after the other; memory is P%
 *                   of what their conversations take at the end: tokens read in turns 3 to 5, over all that could be;
 *                   llama.cpp's own server beside it
 *   memory_ratio    growth of the worker's resident memory over the KV bytes of the tokens it keeps
 *
 * On one with room for 32,000 tokens:
 *
 *   document_32k    share of the time to first token that the second question over such a document saves
 *
 * BENCH_THREADS sets the engine's threads: with 1, times mean something beside other busy processes. BENCH_FIGURE
 * names the one figure to measure (tenants and saved are one each). */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cache_bed.h"
#include "cache_parts.h"
#include "cmd/cmd.h"
#include "core/log.h"

#define KEPT_PROMPTS 48u /* of memory_ratio */
#define KEPT_TOKENS 2000u /* of each */
#define LOAD_PAIRS 8u /* of requests in a round of overhead */
#define PAIRS_MAX (BENCH_ROUNDS_MAX * LOAD_PAIRS)
#define LOAD_TOKENS 256u
#define LOAD_MEMORY (8ull << 20) /* two of its prompts */
#define LOAD_WARM_UP 4u
#define SETTLE_US 6000u /* more than a tick of the kernel's */

static double median(double *values)
{
    return bench_percentile(values, rounds, 0.5);
}

/* --- what is saved ---------------------------------------------------------------------------------- */

static void bench_saved(struct bed *bed, struct bench *report, uint32_t tokens, const char *key)
{
    static struct client client;
    double cold[BENCH_ROUNDS_MAX], cached[BENCH_ROUNDS_MAX], saved[BENCH_ROUNDS_MAX];
    for (unsigned round = 0; round < rounds; round++) {
        const uint32_t count = tokens + SUFFIX_TOKENS;
        fill_text(client.text, count, tokens + round);
        begin(bed, &client, tokens, count, ENGINE_CACHE_EXPLICIT, "saved");
        finish(bed, &client);
        cold[round] = first_token_ms(&client);
        fill_text(client.text + tokens, SUFFIX_TOKENS, round);
        begin(bed, &client, tokens, count, ENGINE_CACHE_EXPLICIT, "saved");
        finish(bed, &client);
        if (client.finished.cache.read_tokens != tokens)
            die("the prefix was not read");
        cached[round] = first_token_ms(&client);
        saved[round] = 1 - cached[round] / cold[round];
    }
    const double result = median(saved);
    const struct bench_cell cells[] = {
        BENCH_TEXT("figure", key),
        BENCH_TEXT("model", "110M"),
        BENCH_NUMBER("cold_first_token_ms", median(cold)),
        BENCH_NUMBER("cached_first_token_ms", median(cached)),
        BENCH_NUMBER("saved", result),
    };
    bench_row(report, cells, 5);
    bench_limit(report, key, result, BENCH_AT_LEAST, 0.97);
}

static void bench_readback(struct bench *report)
{
    const struct store_times times = measure_store(LARGE_PATH, CONTEXT, 2000, rounds);
    const struct bench_cell cells[] = {
        BENCH_TEXT("figure", "readback_share"),
        BENCH_TEXT("model", "110M"),
        BENCH_NUMBER("computed_ms", times.computed_ms),
        BENCH_NUMBER("put_back_ms", times.put_back_ms),
        BENCH_NUMBER("share", times.share),
    };
    bench_row(report, cells, 5);
    bench_limit(report, "readback_share", times.share, BENCH_AT_MOST, 0.003);
}

/* --- what it costs ---------------------------------------------------------------------------------- */

static double thread_cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* A prompt that nobody has sent before, computed and kept. CPU microseconds of this thread for either. */
static void compute_and_keep(struct prefix_store *store, struct model *model, uint32_t seed, double *computed_us,
                             double *kept_us)
{
    static model_token items[LOAD_TOKENS];
    static const struct engine_request request = {.cache = ENGINE_CACHE_IMPLICIT, .tenant = {"load", 4}};
    const struct model_tokens tokens = {items, LOAD_TOKENS, LOAD_TOKENS};
    const struct prefix_job job = {.request = &request, .tokens = &tokens};
    struct prefix_use use;
    struct prefix_waiter waiter = {0};
    bool is_pending;
    for (uint32_t i = 0; i < LOAD_TOKENS; i++)
        items[i] = (model_token)(300 + (i * 7919 + seed) % 8000);
    const double opening_us = thread_cpu_us();
    prefix_store_open(store, &job, &waiter, &use, &is_pending);
    prefix_store_begin(store, &use);
    const double computing_us = thread_cpu_us();
    decode_prompt(model, &tokens);
    const double saving_us = thread_cpu_us();
    prefix_store_save(store, &use, 0, LOAD_TOKENS);
    prefix_store_close(store, &use);
    *computed_us = saving_us - computing_us;
    *kept_us = computing_us - opening_us + thread_cpu_us() - saving_us;
    model_seq_clear(model, 0);
}

static void bench_keeping(struct bench *report)
{
    struct error error;
    struct model *model;
    struct prefix_store *store;
    static double computed[PAIRS_MAX], kept[PAIRS_MAX], share[PAIRS_MAX];
    const unsigned count = rounds * LOAD_PAIRS;
    const struct model_options options = {.path = LARGE_PATH, .context = CONTEXT, .parallel = 2, .threads = threads};
    if (model_load(&options, &model, &error) != OK)
        die(error.message);
    const struct prefix_store_options store_options = {
        .model = model, .policy = CACHE_POLICY_VALUE, .memory_bytes = LOAD_MEMORY};
    if (prefix_store_new(&store_options, &store, &error) != OK)
        die(error.message);
    for (uint32_t i = 0; i < LOAD_WARM_UP + count; i++) {
        const uint32_t at = i < LOAD_WARM_UP ? 0 : i - LOAD_WARM_UP;
        compute_and_keep(store, model, i, &computed[at], &kept[at]);
        share[at] = kept[at] / computed[at];
    }
    struct prefix_stats stats;
    prefix_store_stats(store, &stats);
    if (stats.evicted == 0)
        die("nothing was evicted");
    const double result = bench_percentile(share, count, 0.5);
    const struct bench_cell cells[] = {
        BENCH_TEXT("figure", "keeping_share"),
        BENCH_TEXT("model", "110M"),
        BENCH_NUMBER("computed_cpu_ms", bench_percentile(computed, count, 0.5) / 1000.0),
        BENCH_NUMBER("kept_cpu_ms", bench_percentile(kept, count, 0.5) / 1000.0),
        BENCH_NUMBER("share", result),
    };
    bench_row(report, cells, 5);
    bench_limit(report, "keeping_share", result, BENCH_AT_MOST, 0.01);
    prefix_store_free(store);
    model_free(model);
}

/* Nanoseconds on a CPU of the worker's busiest thread so far: the model thread. */
static uint64_t model_thread_ns(int pid)
{
    char path[64];
    uint64_t most = 0;
    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        die("the worker's threads can't be read");
    for (const struct dirent *task; (task = readdir(tasks)) != NULL;) {
        unsigned long long ns = 0;
        snprintf(path, sizeof(path), "/proc/%d/task/%.10s/schedstat", pid, task->d_name);
        FILE *file = fopen(path, "r");
        if (file != NULL && fscanf(file, "%llu", &ns) == 1 && ns > most)
            most = ns;
        if (file != NULL)
            fclose(file);
    }
    closedir(tasks);
    return most;
}

/* The same once the thread sleeps: it tidies up behind its last answer, and what runs is counted only now and then. */
static uint64_t settled_thread_ns(int pid)
{
    uint64_t now = model_thread_ns(pid), before;
    do {
        before = now;
        usleep(SETTLE_US);
        now = model_thread_ns(pid);
    } while (now != before);
    return now;
}

/* CPU milliseconds of a prompt that nobody has sent before, and its reply. */
static double request_cpu_ms(struct bed *bed, enum engine_cache cache)
{
    static struct client client;
    static uint64_t seed = 1000000;
    const int pid = engine_worker_pid(bed->engine, 0);
    fill_text(client.text, LOAD_TOKENS, seed++);
    const uint64_t before_ns = settled_thread_ns(pid);
    begin(bed, &client, 0, LOAD_TOKENS, cache, "load");
    finish(bed, &client);
    return (double)(settled_thread_ns(pid) - before_ns) / 1e6;
}

/* Of the model thread, which all tokens wait for, its time on a CPU: what other processes do counts for little then.
 * In pairs, each kind first in every second one, so that drift falls on both alike. Memory is small, so that all that
 * is kept pushes something out. */
static void bench_overhead(struct bench *report)
{
    static struct bed bed;
    static double off[PAIRS_MAX], kept[PAIRS_MAX], added[PAIRS_MAX];
    const unsigned pairs = rounds * LOAD_PAIRS;
    open_bed(&bed, LARGE_PATH, 4, LOAD_MEMORY);
    for (unsigned i = 0; i < LOAD_WARM_UP; i++)
        (void)request_cpu_ms(&bed, ENGINE_CACHE_IMPLICIT);
    for (unsigned pair = 0; pair < pairs; pair++) {
        for (unsigned half = 0; half < 2; half++) {
            if ((half + pair) % 2 == 0)
                off[pair] = request_cpu_ms(&bed, ENGINE_CACHE_OFF);
            else
                kept[pair] = request_cpu_ms(&bed, ENGINE_CACHE_IMPLICIT);
        }
        added[pair] = kept[pair] / off[pair] - 1;
    }
    struct engine_counters counters;
    engine_counters(bed.engine, 0, &counters);
    if (counters.cache_evicted == 0)
        die("nothing was evicted");
    close_bed(&bed);
    const double result = bench_percentile(added, pairs, 0.5);
    const struct bench_cell cells[] = {
        BENCH_TEXT("figure", "overhead"),
        BENCH_TEXT("model", "110M"),
        BENCH_NUMBER("off_cpu_ms", bench_percentile(off, pairs, 0.5)),
        BENCH_NUMBER("implicit_cpu_ms", bench_percentile(kept, pairs, 0.5)),
        BENCH_NUMBER("added", result),
        BENCH_NUMBER("added_p25", bench_percentile(added, pairs, 0.25)),
        BENCH_NUMBER("added_p75", bench_percentile(added, pairs, 0.75)),
    };
    bench_row(report, cells, 7);
    bench_limit(report, "overhead", result, BENCH_AT_MOST, 0.02);
}

static uint64_t resident_bytes(int pid)
{
    char path[64];
    unsigned long long size = 0, pages = 0;
    snprintf(path, sizeof(path), "/proc/%d/statm", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%llu %llu", &size, &pages) != 2)
        die("the worker's memory can't be read");
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t cell_bytes(void)
{
    const struct random_gguf_options shape = small_shape();
    return (uint64_t)shape.layers * shape.kv_heads * (shape.width / shape.heads) * 2 * sizeof(uint16_t);
}

/* As many prompts are sent without cache before, so that all else that grows has grown. */
static void bench_memory(struct bench *report)
{
    static struct bed bed;
    static struct client client;
    uint64_t resident[2];
    open_bed(&bed, SMALL_PATH, 2, PLENTY);
    for (uint32_t kept = 0; kept < 2; kept++) {
        for (uint32_t i = 0; i < KEPT_PROMPTS; i++) {
            fill_text(client.text, KEPT_TOKENS, i);
            begin(&bed, &client, 0, KEPT_TOKENS, kept ? ENGINE_CACHE_IMPLICIT : ENGINE_CACHE_OFF, "memory");
            finish(&bed, &client);
        }
        resident[kept] = resident_bytes(engine_worker_pid(bed.engine, 0));
    }
    close_bed(&bed);
    const uint64_t end = KEPT_TOKENS + REPLY_TOKENS - 1;
    const uint64_t ideal = KEPT_PROMPTS * (end - end % PREFIX_STORE_BLOCK) * cell_bytes();
    const double result = (double)(resident[1] - resident[0]) / (double)ideal;
    const struct bench_cell cells[] = {
        BENCH_TEXT("figure", "memory_ratio"),
        BENCH_TEXT("model", "small"),
        BENCH_NUMBER("kv_mb", (double)ideal / 1e6),
        BENCH_NUMBER("resident_growth_mb", (double)(resident[1] - resident[0]) / 1e6),
        BENCH_NUMBER("ratio", result),
    };
    bench_row(report, cells, 5);
    bench_limit(report, "memory_ratio", result, BENCH_AT_MOST, 1.15);
}

/* --- main ------------------------------------------------------------------------------------------- */

static bool is_wanted(const char *figure)
{
    const char *only = getenv("BENCH_FIGURE");
    return only == NULL || strcmp(only, figure) == 0;
}

int main(int argc, char **argv)
{
    static struct bed bed;
    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        return cmd_worker(argc - 1, argv + 1);
    signal(SIGPIPE, SIG_IGN);
    log_configure(LOG_WARN, LOG_LOGFMT);
    const struct random_gguf_options large = RANDOM_GGUF_110M, small = small_shape();
    rounds = bench_rounds(5);
    threads = (uint32_t)bench_setting("BENCH_THREADS", 0);
    bench_model(&large, LARGE_PATH);
    bench_model(&small, SMALL_PATH);
    struct bench *report = bench_new("cache");
    if (is_wanted("tenants"))
        bench_tenants(report);
    if (is_wanted("memory_ratio"))
        bench_memory(report);
    if (is_wanted("saved")) {
        open_bed(&bed, LARGE_PATH, 4, PLENTY);
        bench_saved(&bed, report, 2000, "saved_2000");
        bench_saved(&bed, report, 4000, "saved_4000");
        close_bed(&bed);
    }
    if (is_wanted("keeping_share"))
        bench_keeping(report);
    if (is_wanted("overhead"))
        bench_overhead(report);
    if (is_wanted("readback_share"))
        bench_readback(report);
    if (is_wanted("document_32k"))
        bench_document(report);
    return bench_finish(report);
}
