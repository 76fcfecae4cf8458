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
 *                   of what their conversations take at the end: tokens read in turns 3 to 5, over all that could be
 *   memory_ratio    growth of the worker's resident memory over the KV bytes of the tokens it keeps
 *
 * BENCH_THREADS sets the engine's threads: with 1, times mean something beside other busy processes. BENCH_FIGURE
 * names the one figure to measure. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "support.h"
#include "cmd/cmd.h"
#include "core/log.h"
#include "core/util.h"
#include "engine/engine.h"
#include "engine/prefix_store.h"
#include "engine/random_gguf.h"

#define LARGE_PATH "build/bench/random-110m.gguf"
#define SMALL_PATH "build/bench/random-small.gguf"
#define CONTEXT 4608u
#define ROUNDS_MAX 31u
#define REPLY_TOKENS 16u
#define SUFFIX_TOKENS 16u
#define PREFIX_TTL 300u
#define TENANTS 32u
#define TURNS 5u
#define TENANT_PREFIX 2000u
#define TURN_TOKENS 100u /* that a turn adds to its conversation */
#define KEPT_PROMPTS 48u /* of memory_ratio */
#define LOAD_PAIRS 8u /* of requests in a round of overhead */
#define LOAD_TOKENS 256u
#define LOAD_MEMORY (8ull << 20) /* two of its prompts */
#define LOAD_WARM_UP 4u
#define SETTLE_US 6000u /* more than a tick of the kernel's */
#define PAYLOAD_HEADER 16u /* the store's own, of a block */
#define PLENTY (8ull << 30)

struct bed {
    uv_loop_t loop;
    struct config config;
    struct config_model model;
    struct engine *engine;
    struct engine_port *port;
};

struct client {
    char text[CONTEXT];
    uint64_t begun_us, started_us;
    struct engine_finished finished;
    bool is_done;
};

static unsigned rounds;
static uint32_t threads;

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "bench cache: %s\n", what);
    exit(1);
}

/* --- the engine ------------------------------------------------------------------------------------- */

static void open_bed(struct bed *bed, const char *path, uint32_t parallel, uint64_t memory_bytes)
{
    struct error error;
    *bed = (struct bed){.model = {.name = "random", .path = path, .context = CONTEXT, .parallel = parallel,
                                  .threads = threads}};
    bed->config.models = &bed->model;
    bed->config.model_count = 1;
    bed->config.log_level = LOG_WARN;
    bed->config.cache_memory_bytes = memory_bytes;
    uv_loop_init(&bed->loop);
    if (engine_new(&bed->config, &bed->loop, 1, &bed->engine, &error) != OK || engine_wait(bed->engine, &error) != OK)
        die(error.message);
    bed->port = engine_port_new(bed->engine, 0, &bed->loop, &error);
    if (bed->port == NULL)
        die(error.message);
}

static void close_bed(struct bed *bed)
{
    engine_port_close(bed->port);
    engine_stop(bed->engine);
    while (uv_run(&bed->loop, UV_RUN_NOWAIT) != 0)
        usleep(1000);
    engine_free(bed->engine);
    uv_loop_close(&bed->loop);
}

static void on_started(void *ctx, const struct engine_started *started)
{
    (void)started;
    ((struct client *)ctx)->started_us = clock_now_us();
}

static void on_text(void *ctx, struct str text, uint32_t tokens)
{
    (void)ctx;
    (void)text;
    (void)tokens;
}

static void on_finished(void *ctx, const struct engine_finished *finished)
{
    ((struct client *)ctx)->finished = *finished;
    ((struct client *)ctx)->is_done = true;
}

static void on_failed(void *ctx, const struct error *error)
{
    (void)ctx;
    die(error->message);
}

/* Blanks and digits are a token each, so a text of n bytes is a prompt of n tokens. */
static void fill_text(char *text, uint32_t count, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (uint32_t i = 0; i < count; i++)
        text[i] = i % 2 == 0 ? ' ' : (char)('0' + rng_below(&rng, 10));
}

/* The first `prefix` tokens end at a checkpoint; with 0 there is none. */
static void begin(struct bed *bed, struct client *client, uint32_t prefix, uint32_t count, enum engine_cache cache,
                  const char *tenant)
{
    static const struct engine_handlers handlers = {on_started, on_text, on_finished, on_failed};
    const struct engine_segment segments[] = {
        {.ends_checkpoint = prefix > 0, .ttl_seconds = PREFIX_TTL, .text = {client->text, prefix}},
        {.text = {client->text + prefix, count - prefix}},
    };
    const struct engine_request request = {.segments = prefix > 0 ? segments : segments + 1,
                                           .segment_count = prefix > 0 ? 2 : 1,
                                           .max_tokens = REPLY_TOKENS,
                                           .top_p = 1.0f,
                                           .tenant = str_of(tenant),
                                           .cache = cache,
                                           .tier = 1};
    struct error error;
    client->is_done = false;
    client->begun_us = clock_now_us();
    if (engine_generate(bed->port, 0, &request, &handlers, client, &error) == NULL)
        die(error.message);
}

static void finish(struct bed *bed, const struct client *client)
{
    while (!client->is_done)
        uv_run(&bed->loop, UV_RUN_ONCE);
}

static double first_token_ms(const struct client *client)
{
    return (double)(client->started_us - client->begun_us) / 1000.0;
}

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

static void decode_prompt(struct model *model, const struct model_tokens *tokens)
{
    const uint32_t count = (uint32_t)tokens->count, piece = model_facts(model)->batch;
    for (uint32_t at = 0; at < count;) {
        model_batch_clear(model);
        for (uint32_t i = 0; i < piece && at < count; i++, at++)
            model_batch_add(model, tokens->items[at], at, 0, at + 1 == count);
        if (model_decode(model) != MODEL_OK)
            die("llama_decode failed");
    }
}

/* Opens the prompt; what it computes is stored, or what is stored is put back. Microseconds. */
static uint64_t store_or_restore(struct prefix_store *store, struct model *model, const struct prefix_job *job)
{
    struct prefix_use use;
    struct prefix_waiter waiter = {0};
    bool is_pending;
    prefix_store_open(store, job, &waiter, &use, &is_pending);
    prefix_store_begin(store, &use);
    const uint64_t began_us = clock_now_us();
    if (use.readable == 0)
        decode_prompt(model, job->tokens);
    else if (prefix_store_restore(store, &use, 0, 0, UINT32_MAX) != job->marks[0].position)
        die("the prefix was not restored");
    const uint64_t took_us = clock_now_us() - began_us;
    prefix_store_save(store, &use, 0, (uint32_t)job->tokens->count);
    prefix_store_close(store, &use);
    model_seq_clear(model, 0);
    return took_us;
}

static void bench_readback(struct bench *report)
{
    struct error error;
    struct model *model;
    struct prefix_store *store;
    double cold[ROUNDS_MAX], back[ROUNDS_MAX], share[ROUNDS_MAX];
    const struct model_options options = {.path = LARGE_PATH, .context = CONTEXT, .parallel = 2, .threads = threads};
    if (model_load(&options, &model, &error) != OK)
        die(error.message);
    const struct prefix_store_options store_options = {
        .model = model, .policy = CACHE_POLICY_VALUE, .memory_bytes = PLENTY};
    if (prefix_store_new(&store_options, &store, &error) != OK)
        die(error.message);
    static model_token items[2000 + SUFFIX_TOKENS];
    const struct model_tokens tokens = {items, 2000 + SUFFIX_TOKENS, 2000 + SUFFIX_TOKENS};
    const struct prefix_mark mark = {2000, PREFIX_TTL};
    const struct engine_request request = {.cache = ENGINE_CACHE_EXPLICIT, .tenant = STR("readback")};
    const struct prefix_job job = {&request, &tokens, &mark, 1};
    for (unsigned round = 0; round < rounds; round++) {
        for (uint32_t i = 0; i < tokens.count; i++)
            items[i] = (model_token)(300 + (i * 7919 + round) % 8000);
        cold[round] = (double)store_or_restore(store, model, &job) / 1000.0;
        back[round] = (double)store_or_restore(store, model, &job) / 1000.0;
        share[round] = back[round] / cold[round];
    }
    const double result = median(share);
    const struct bench_cell cells[] = {
        BENCH_TEXT("figure", "readback_share"),   BENCH_TEXT("model", "110M"),
        BENCH_NUMBER("computed_ms", median(cold)), BENCH_NUMBER("put_back_ms", median(back)),
        BENCH_NUMBER("share", result),
    };
    bench_row(report, cells, 5);
    bench_limit(report, "readback_share", result, BENCH_AT_MOST, 0.01);
    prefix_store_free(store);
    model_free(model);
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
    static double computed[ROUNDS_MAX * LOAD_PAIRS], kept[ROUNDS_MAX * LOAD_PAIRS], share[ROUNDS_MAX * LOAD_PAIRS];
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
    static double off[ROUNDS_MAX * LOAD_PAIRS], kept[ROUNDS_MAX * LOAD_PAIRS], added[ROUNDS_MAX * LOAD_PAIRS];
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

static struct random_gguf_options small_shape(void)
{
    return (struct random_gguf_options){.layers = 4, .width = 128, .heads = 4, .kv_heads = 2, .feed_forward = 256,
                                        .vocabulary = 512, .context = CONTEXT, .seed = 1};
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
            fill_text(client.text, TENANT_PREFIX, i);
            begin(&bed, &client, 0, TENANT_PREFIX, kept ? ENGINE_CACHE_IMPLICIT : ENGINE_CACHE_OFF, "memory");
            finish(&bed, &client);
        }
        resident[kept] = resident_bytes(engine_worker_pid(bed.engine, 0));
    }
    close_bed(&bed);
    const uint64_t end = TENANT_PREFIX + REPLY_TOKENS - 1;
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
    bench_limit(report, "memory_ratio", result, BENCH_AT_MOST, 1.2);
}

/* --- many tenants, little memory -------------------------------------------------------------------- */

/* What the store takes for a block of the small model. */
static uint64_t small_block_bytes(void)
{
    struct error error;
    struct model *model;
    const struct model_options options = {.path = SMALL_PATH, .context = CONTEXT, .parallel = 1};
    if (model_load(&options, &model, &error) != OK)
        die(error.message);
    model_token items[PREFIX_STORE_BLOCK] = {0};
    const struct model_tokens tokens = {items, PREFIX_STORE_BLOCK, PREFIX_STORE_BLOCK};
    decode_prompt(model, &tokens);
    const uint64_t bytes = model_state_size(model, 0) + PAYLOAD_HEADER;
    model_free(model);
    return bytes;
}

static void bench_tenants(struct bench *report, uint32_t percent, const char *key, double bound)
{
    static struct bed bed;
    static struct client client;
    const uint32_t longest = TENANT_PREFIX + TURNS * TURN_TOKENS;
    const uint64_t blocks = (longest + REPLY_TOKENS - 1) / PREFIX_STORE_BLOCK;
    uint64_t read = 0, ideal = 0;
    const uint64_t bytes = TENANTS * blocks * small_block_bytes() * percent / 100;
    open_bed(&bed, SMALL_PATH, 2, bytes);
    for (uint32_t turn = 1; turn <= TURNS; turn++) {
        for (uint32_t tenant = 0; tenant < TENANTS; tenant++) {
            char name[16];
            const uint32_t count = TENANT_PREFIX + turn * TURN_TOKENS, before = count - TURN_TOKENS;
            snprintf(name, sizeof(name), "tenant-%u", tenant);
            fill_text(client.text, count, tenant);
            begin(&bed, &client, 0, count, ENGINE_CACHE_IMPLICIT, name);
            finish(&bed, &client);
            const uint32_t most = before - before % PREFIX_STORE_BLOCK, got = client.finished.cache.read_tokens;
            read += turn < 3 ? 0 : got < most ? got : most;
            ideal += turn < 3 ? 0 : most;
        }
    }
    close_bed(&bed);
    const double result = (double)read / (double)ideal;
    const struct bench_cell cells[] = {
        BENCH_TEXT("figure", key),
        BENCH_TEXT("model", "small"),
        BENCH_NUMBER("memory_mb", (double)bytes / 1e6),
        BENCH_NUMBER("read_tokens", (double)read),
        BENCH_NUMBER("share_of_ideal", result),
    };
    bench_row(report, cells, 5);
    bench_limit(report, key, result, BENCH_AT_LEAST, bound);
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

static void write_model(const struct random_gguf_options *shape, const char *path)
{
    struct error error;
    if (access(path, R_OK) != 0 && random_gguf_write(shape, path, &error) != OK)
        die(error.message);
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
    if (is_wanted("tenants")) {
        bench_tenants(report, 100, "tenants_100", 0.95);
        bench_tenants(report, 75, "tenants_75", 0.70);
        bench_tenants(report, 50, "tenants_50", 0.45);
    }
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
    return bench_finish(report);
}
