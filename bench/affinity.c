/* affinity.c - `make bench B=affinity`: how much of N replicas' caches is worth anything, by who gets which request.
 *
 * The trace is Mooncake's of 3,993 requests (../shared/data/traces-mooncake; without it these rows are skipped), played
 * in its own time against N simulated replicas. Each has an LRU of blocks of 512 tokens, computes what it misses one
 * request after another, and writes replies beside that. Who gets a request the product's own code says
 * (upstream/affinity.h), from what it sees in a running server: blocks, and how many requests each replica has. The
 * trace has no sessions: a prompt's first block is its key.
 *
 *   hit_ratio   blocks that were there, over those that one cache of the summed size has
 *   requests    of the replica with the most, over the mean
 *   at_once     likewise: requests that it has, over time
 *   computed    likewise: tokens that were not there. Some prompts are a hundred times as long as others, and nobody is
 *               passed over for that while he has nothing to do: it tells, and has no bound
 *
 * Each is the worst of DRAWS draws of the replicas' names, which decide who has which key.
 *
 * Beside it: rotation, chance, and the key alone (rendezvous hashing without a bound, nothing known). The second part
 * asks four real servers (affinity_servers.c). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "affinity_parts.h"
#include "support_trace.h"
#include "core/mem.h"
#include "core/util.h"
#include "upstream/affinity.h"
#include "upstream/known.h"
#include "upstream/prefix.h"

#define TRACE "../shared/data/traces-mooncake/synthetic_trace.jsonl.gz"
#define REPLICAS_MAX 16
#define BLOCK_TOKENS 512 /* of the trace... */
#define PIECES 4         /* ...which the product sees as so many of 512 bytes */
#define BLOCKS_MAX 4096
#define DRAWS 8u
#define PREFILL_TOKENS_S 16000.0
#define REPLY_TOKEN_S 0.02
#define REMEMBERED 262144u /* as the product has it */

enum way { BY_AFFINITY, BY_KEY, BY_ROTATION, BY_CHANCE, WAYS };
static const char *const way_names[WAYS] = {"affinity", "key alone", "rotation", "chance"};

/* --- prompts --------------------------------------------------------------------------------------- */

/* A prompt as the product and as a replica see it. */
struct prompt {
    uint64_t seen[PREFIX_BLOCKS_MAX], stored[BLOCKS_MAX];
    size_t seen_count, count;
};

/* A piece of a block and all before it, as a hash that says nothing else. */
static uint64_t hashed(int32_t block, uint64_t piece)
{
    return ((uint64_t)block * PIECES + piece + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static void read_prompt(const struct trace *trace, const struct trace_request *request, struct prompt *prompt)
{
    prompt->seen_count = prompt->count = 0;
    for (uint32_t i = 0; i < request->count && i < BLOCKS_MAX; i++) {
        const int32_t block = trace->blocks[request->first + i];
        prompt->stored[prompt->count++] = hashed(block, PIECES - 1);
        for (uint64_t piece = 0; piece < PIECES && prompt->seen_count < PREFIX_BLOCKS_MAX; piece++)
            prompt->seen[prompt->seen_count++] = hashed(block, piece);
    }
}

/* --- one replica ------------------------------------------------------------------------------------ */

struct replica {
    struct known *cache; /* of one server: who has seen what is what it stores */
    double free_s;       /* when it has computed all that it was given */
    double *ends;        /* of its requests, in no order */
    size_t running, cap;
    double requests, computed, at_once; /* sums; the last in seconds */
};

/* Requests that have ended are gone, and time is counted until now. */
static void pass_time(struct replica *replica, double from_s, double now_s)
{
    for (size_t i = 0; i < replica->running;) {
        replica->at_once += fmax(0, fmin(replica->ends[i], now_s) - from_s);
        if (replica->ends[i] <= now_s)
            replica->ends[i] = replica->ends[--replica->running];
        else
            i++;
    }
}

/* Blocks that it had. */
static size_t give(struct replica *replica, const struct prompt *prompt, const struct trace_request *request,
                   double now_s)
{
    uint64_t who;
    const size_t hits = known_match(replica->cache, prompt->stored, prompt->count, 1, &who);
    const double missed = (double)(prompt->count - hits) * BLOCK_TOKENS;
    known_note(replica->cache, prompt->stored, prompt->count, 0);
    replica->free_s = fmax(replica->free_s, now_s) + missed / PREFILL_TOKENS_S;
    if (!mem_grow((void **)&replica->ends, replica->running, &replica->cap, sizeof(*replica->ends)))
        exit(1);
    replica->ends[replica->running++] = replica->free_s + request->reply_tokens * REPLY_TOKEN_S;
    replica->requests++;
    replica->computed += missed;
    return hits;
}

/* --- the pool --------------------------------------------------------------------------------------- */

struct pool {
    struct replica replicas[REPLICAS_MAX];
    struct affinity_replica seen[REPLICAS_MAX];
    size_t count;
    struct affinity *affinity;
    struct rng rng;
    size_t turn;
};

static void open_pool(struct pool *pool, size_t count, size_t blocks, unsigned draw)
{
    *pool = (struct pool){.count = count, .affinity = affinity_new(AFFINITY_BOUND, REMEMBERED)};
    rng_seed(&pool->rng, draw);
    for (size_t i = 0; i < count; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "http://10.0.%u.%zu:8000/v1", draw, i + 1);
        pool->seen[i] = (struct affinity_replica){.id = str_hash(str_of(name)), .waiting = -1, .kv_use = -1};
        pool->replicas[i].cache = known_new(blocks / count);
        if (!pool->affinity || !pool->replicas[i].cache)
            exit(1);
    }
}

static void close_pool(struct pool *pool)
{
    for (size_t i = 0; i < pool->count; i++) {
        known_free(pool->replicas[i].cache);
        mem_free(pool->replicas[i].ends);
    }
    affinity_free(pool->affinity);
}

static size_t place(struct pool *pool, enum way way, const struct prompt *prompt, uint64_t now_us)
{
    const struct affinity_prefix prefix = {.key = prompt->seen[0], .blocks = prompt->seen, .count = prompt->seen_count};
    enum affinity_why why;
    switch (way) {
    case BY_AFFINITY:
        for (size_t i = 0; i < pool->count; i++)
            pool->seen[i].load = (double)pool->replicas[i].running;
        return affinity_choose(pool->affinity, now_us, &prefix, pool->seen, pool->count, &why);
    case BY_KEY: return affinity_owner(prefix.key, pool->seen, pool->count);
    case BY_ROTATION: return pool->turn++ % pool->count;
    default: return rng_below(&pool->rng, pool->count);
    }
}

struct outcome {
    double hits, requests, computed, at_once;
};

/* Of the one with the most, over the mean. */
static double over_mean(const struct pool *pool, double (*of)(const struct replica *replica))
{
    double sum = 0, most = 0;
    for (size_t i = 0; i < pool->count; i++) {
        sum += of(&pool->replicas[i]);
        most = fmax(most, of(&pool->replicas[i]));
    }
    return sum > 0 ? most / sum * (double)pool->count : 1;
}

static double requests_of(const struct replica *replica) { return replica->requests; }
static double computed_of(const struct replica *replica) { return replica->computed; }
static double at_once_of(const struct replica *replica) { return replica->at_once; }

static struct outcome play(const struct trace *trace, size_t count, size_t blocks, enum way way, unsigned draw)
{
    static struct prompt prompt;
    struct pool pool;
    size_t hits = 0;
    double last_s = 0;
    open_pool(&pool, count, blocks, draw);
    for (size_t r = 0; r < trace->request_count; r++) {
        const struct trace_request *request = &trace->requests[r];
        const double now_s = (double)request->now_us / 1e6;
        read_prompt(trace, request, &prompt);
        if (prompt.count == 0)
            continue;
        for (size_t i = 0; i < count; i++)
            pass_time(&pool.replicas[i], last_s, now_s);
        last_s = now_s;
        hits += give(&pool.replicas[place(&pool, way, &prompt, request->now_us)], &prompt, request, now_s);
    }
    const struct outcome outcome = {(double)hits / (double)trace->block_count, over_mean(&pool, requests_of),
                                    over_mean(&pool, computed_of), over_mean(&pool, at_once_of)};
    close_pool(&pool);
    return outcome;
}

/* The worst of several draws of the replicas' names, which decide who has which key. */
static struct outcome play_all(const struct trace *trace, size_t count, size_t blocks, enum way way)
{
    struct outcome worst = {.hits = INFINITY};
    for (unsigned draw = 0; draw < DRAWS; draw++) {
        const struct outcome outcome = play(trace, count, blocks, way, draw);
        worst.hits = fmin(worst.hits, outcome.hits);
        worst.requests = fmax(worst.requests, outcome.requests);
        worst.computed = fmax(worst.computed, outcome.computed);
        worst.at_once = fmax(worst.at_once, outcome.at_once);
    }
    return worst;
}

/* --- the rows --------------------------------------------------------------------------------------- */

struct worst {
    double ratio, load;
};

static void bench_ways(struct bench *bench, const struct trace *trace, size_t count, size_t blocks,
                       struct worst *worst)
{
    const double one = play(trace, 1, blocks, BY_ROTATION, 0).hits;
    for (enum way way = 0; way < WAYS; way++) {
        const struct outcome outcome = play_all(trace, count, blocks, way);
        const double ratio = outcome.hits / one;
        const struct bench_cell cells[] = {
            BENCH_NUMBER("replicas", count),         BENCH_NUMBER("blocks", blocks),
            BENCH_TEXT("way", way_names[way]),       BENCH_NUMBER("one_cache", one),
            BENCH_NUMBER("hit_rate", outcome.hits),  BENCH_NUMBER("hit_ratio", ratio),
            BENCH_NUMBER("requests", outcome.requests), BENCH_NUMBER("computed", outcome.computed),
            BENCH_NUMBER("at_once", outcome.at_once),
        };
        bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
        if (way != BY_AFFINITY)
            continue;
        worst->ratio = fmin(worst->ratio, ratio);
        worst->load = fmax(worst->load, fmax(outcome.requests, outcome.at_once));
    }
}

/* Of the trace's own keys: who moves when one of N replicas leaves. The same when it joins, the other way round. */
static double moved_keys(const struct trace *trace, size_t count, double *strangers)
{
    struct pool pool;
    double moved = 0;
    open_pool(&pool, count, count, 0);
    *strangers = 0;
    for (size_t r = 0; r < trace->request_count; r++) {
        const uint64_t key = hashed(trace->blocks[trace->requests[r].first], 0);
        const size_t before = affinity_owner(key, pool.seen, count);
        for (size_t gone = 0; gone < count; gone++) {
            pool.seen[gone].is_out = true;
            const size_t after = affinity_owner(key, pool.seen, count);
            pool.seen[gone].is_out = false;
            moved += after != before;
            *strangers += after != before && before != gone;
        }
    }
    close_pool(&pool);
    return moved / (double)trace->request_count;
}

static void bench_trace(struct bench *bench, const struct trace *trace)
{
    static const size_t counts[] = {4, 8}, sizes[] = {10000, 20000, 44000};
    struct worst worst = {INFINITY, 0};
    double moved = 0;
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        double strangers;
        for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
            bench_ways(bench, trace, counts[c], sizes[s], &worst);
        const double share = moved_keys(trace, counts[c], &strangers);
        const struct bench_cell cells[] = {
            BENCH_NUMBER("replicas", counts[c]), BENCH_TEXT("way", "one leaves or joins"),
            BENCH_NUMBER("moved_by_n", share), BENCH_NUMBER("strangers", strangers)};
        bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
        moved = fmax(moved, share);
    }
    bench_limit(bench, "hit_ratio", worst.ratio, BENCH_AT_LEAST, 0.95);
    bench_limit(bench, "load", worst.load, BENCH_AT_MOST, 1.3);
    bench_limit(bench, "moved_by_n", moved, BENCH_AT_MOST, 1);
}

int main(void)
{
    struct trace trace = {0};
    struct bench *bench = bench_new("affinity");
    if (access(TRACE, R_OK) == 0) {
        trace_read(TRACE, &trace);
        bench_trace(bench, &trace);
        trace_free(&trace);
    } else {
        printf("skipped: no ../shared\n");
    }
    affinity_servers(bench);
    return bench_finish(bench);
}
