/* cache.c - `make bench B=cache`: what the prompt cache saves and what it costs, through engine.h and the real worker.
 *
 * On a model of 110 million random parameters (Q8_0), times as medians over BENCH_ROUNDS (5) rounds:
 *
 *   saved_N         share of the time to first token that a cached prefix of N tokens saves; 16 tokens follow it
 *   readback_share  putting the state of 2,000 tokens back, over computing it, in this process
 *   overhead        time that keeping prefixes adds to a load which never repeats itself, over that without
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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_bed.h"
#include "cache_parts.h"
#include "cmd/cmd.h"
#include "core/log.h"

#define KEPT_PROMPTS 48u /* of memory_ratio */
#define KEPT_TOKENS 2000u /* of each */
#define LOAD_PAIRS 8u /* of requests in a round of overhead */
#define LOAD_TOKENS 400u

static double median(double *values)
{
    return bench_percentile(values, rounds, 0.5);
}

/* --- what is saved ---------------------------------------------------------------------------------- */

static void bench_saved(struct bed *bed, struct bench *report, uint32_t tokens, const char *key)
{
    static struct client client;
    double cold[ROUNDS_MAX], cached[ROUNDS_MAX], saved[ROUNDS_MAX];
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

/* Milliseconds of a prompt that nobody has sent before, and its reply. */
static double request_ms(struct bed *bed, enum engine_cache cache)
{
    static struct client client;
    static uint64_t seed = 1000000;
    fill_text(client.text, LOAD_TOKENS, seed++);
    const uint64_t began_us = clock_now_us();
    begin(bed, &client, 0, LOAD_TOKENS, cache, "load");
    finish(bed, &client);
    return (double)(clock_now_us() - began_us) / 1000.0;
}

/* In pairs, each kind first in every second one: what else the machine does falls on both alike. */
static void bench_overhead(struct bed *bed, struct bench *report)
{
    static double off[ROUNDS_MAX * LOAD_PAIRS], kept[ROUNDS_MAX * LOAD_PAIRS], added[ROUNDS_MAX * LOAD_PAIRS];
    const unsigned pairs = rounds * LOAD_PAIRS;
    for (unsigned pair = 0; pair < pairs; pair++) {
        for (unsigned half = 0; half < 2; half++) {
            if ((half + pair) % 2 == 0)
                off[pair] = request_ms(bed, ENGINE_CACHE_OFF);
            else
                kept[pair] = request_ms(bed, ENGINE_CACHE_IMPLICIT);
        }
        added[pair] = kept[pair] / off[pair] - 1;
    }
    const double result = bench_percentile(added, pairs, 0.5);
    const struct bench_cell cells[] = {
        BENCH_TEXT("figure", "overhead"),
        BENCH_TEXT("model", "110M"),
        BENCH_NUMBER("off_ms", bench_percentile(off, pairs, 0.5)),
        BENCH_NUMBER("implicit_ms", bench_percentile(kept, pairs, 0.5)),
        BENCH_NUMBER("added", result),
    };
    bench_row(report, cells, 5);
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

static uint64_t setting(const char *name, uint64_t fallback)
{
    uint64_t value;
    return str_to_u64(str_of(getenv(name)), &value) ? value : fallback;
}

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
    const uint64_t wanted = setting("BENCH_ROUNDS", 5);
    rounds = wanted > 0 && wanted < ROUNDS_MAX ? (unsigned)wanted : 5;
    threads = (uint32_t)setting("BENCH_THREADS", 0);
    mkdir("build", 0777);
    mkdir("build/bench", 0777);
    write_model(&large, LARGE_PATH);
    write_model(&small, SMALL_PATH);
    struct bench *report = bench_new("cache");
    if (is_wanted("tenants"))
        bench_tenants(report);
    if (is_wanted("memory_ratio"))
        bench_memory(report);
    open_bed(&bed, LARGE_PATH, 4, PLENTY);
    if (is_wanted("saved")) {
        bench_saved(&bed, report, 2000, "saved_2000");
        bench_saved(&bed, report, 4000, "saved_4000");
    }
    if (is_wanted("overhead"))
        bench_overhead(&bed, report);
    close_bed(&bed);
    if (is_wanted("readback_share"))
        bench_readback(report);
    if (is_wanted("document_32k"))
        bench_document(report);
    return bench_finish(report);
}
