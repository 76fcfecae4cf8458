/* cache_replay.c - replays a trace of block hashes through the real prefix tree and its eviction policy.
 *
 *   build/bench/cache_replay --trace FILE --blocks N[,N...] [--policy lru|ttl|value] [--ghosts N] [--ttl SECONDS]
 *                            [--json]
 *
 * support_trace.h says what a trace is. Every block has the size 1 and there is room for N; no model runs and no
 * payload exists. A hit is a block that was stored, as were all before it. Beside the policy stand
 *
 *   lru        the same code with the policy lru
 *   optimum    what nobody could beat: always drops the block whose next use is furthest away (Belady
 *              1966; as a block is never used without those before it, that is always a leaf, or one
 *              whose children are used no sooner)
 *   unbounded  room for everything
 *
 * --ghosts: lost blocks remembered (65536). --ttl: time to live, renewed by each use; without it blocks
 * stay until evicted, with the policy ttl it is 300. With --json one object a line, rates from 0 to 1. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_trace.h"
#include "cache/tree.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/mem.h"

#define SIZES_MAX 32
#define GHOSTS_DEFAULT 65536
#define TTL_DEFAULT_S 300
#define NEVER UINT32_MAX

_Noreturn static void die(int status, const char *what, const char *detail)
{
    (void)fprintf(stderr, "cache_replay: %s%s%s\n", what, detail[0] ? ": " : "", detail);
    exit(status);
}

/* --- the real tree ------------------------------------------------------------------------------------ */

static void drop_nothing(void *ctx, enum cache_place place, uint64_t bytes, uint64_t payload)
{
    (void)ctx;
    (void)place;
    (void)bytes;
    (void)payload;
}

static uint32_t replay_request(struct prefix_tree *tree, const int32_t *tokens, const struct trace_request *request,
                               uint32_t ttl_s, struct error *error)
{
    const struct prefix_query query = {.tokens = tokens, .count = request->count, .now_us = request->now_us};
    const struct prefix_checkpoint end = {.position = request->count, .ttl_s = ttl_s};
    struct prefix_path *path;
    struct prefix_hit hit;
    uint32_t from, to;
    if (prefix_tree_open(tree, &query, &path, &hit, error) != OK)
        die(1, "open", error->message);
    prefix_tree_use(tree, path, request->now_us);
    if (prefix_tree_claim(tree, path, tokens, request->count, &end, 1, request->now_us, error) != OK)
        die(1, "claim", error->message);
    while (prefix_path_next_claim(path, &from, &to))
        (void)prefix_tree_commit(tree, path, 0, 1, request->now_us);
    prefix_tree_close(tree, path);
    return hit.tokens;
}

static double replay(const struct trace *trace, enum cache_policy_kind policy, uint32_t blocks, uint32_t ghosts,
                     uint32_t ttl_s)
{
    struct prefix_options options = {
        .backend.drop = drop_nothing,
        .policy = policy,
        .block_tokens = 1,
        .memory_bytes = blocks,
        .nodes_max = UINT32_MAX,
        .ghosts_max = ghosts,
        .tenants_max = 1,
    };
    struct prefix_tree *tree;
    struct error error;
    uint64_t hits = 0;
    if (prefix_tree_new(&options, &tree, &error) != OK)
        die(1, "tree", error.message);
    for (size_t i = 0; i < trace->request_count; i++) {
        const struct trace_request *request = &trace->requests[i];
        hits += replay_request(tree, trace->blocks + request->first, request, ttl_s, &error);
    }
    prefix_tree_free(tree);
    return (double)hits / (double)trace->block_count;
}

/* --- the optimum -------------------------------------------------------------------------------------- */

struct entry {
    uint32_t next;  /* request */
    uint32_t depth;
    int32_t block;
};

struct optimum {
    struct entry *heap; /* the furthest next use first, then the deepest; entries go stale */
    size_t count, cap;
    uint32_t *next; /* [block], of those stored */
    bool *is_stored;
};

static bool goes_before(const struct entry *a, const struct entry *b)
{
    return a->next != b->next ? a->next > b->next : a->depth > b->depth;
}

static void heap_push(struct optimum *o, struct entry entry)
{
    if (!mem_grow((void **)&o->heap, o->count, &o->cap, sizeof(*o->heap)))
        die(1, "out of memory", "");
    size_t i = o->count++;
    for (; i > 0 && goes_before(&entry, &o->heap[(i - 1) / 2]); i = (i - 1) / 2)
        o->heap[i] = o->heap[(i - 1) / 2];
    o->heap[i] = entry;
}

static struct entry heap_pop(struct optimum *o)
{
    const struct entry top = o->heap[0], last = o->heap[--o->count];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < o->count; i = child) {
        if (child + 1 < o->count && goes_before(&o->heap[child + 1], &o->heap[child]))
            child++;
        if (!goes_before(&o->heap[child], &last))
            break;
        o->heap[i] = o->heap[child];
    }
    o->heap[i] = last;
    return top;
}

/* next_uses[i]: the request that uses trace->blocks[i] next. */
static uint32_t *find_next_uses(const struct trace *trace)
{
    uint32_t *next_uses = mem_must_alloc(trace->block_count * sizeof(*next_uses));
    uint32_t *seen = mem_must_alloc((size_t)trace->distinct * sizeof(*seen));
    memset(seen, 0xff, (size_t)trace->distinct * sizeof(*seen));
    for (size_t r = trace->request_count; r-- > 0;) {
        const struct trace_request *request = &trace->requests[r];
        for (size_t i = request->first; i < request->first + request->count; i++) {
            next_uses[i] = seen[trace->blocks[i]];
            seen[trace->blocks[i]] = (uint32_t)r;
        }
    }
    mem_free(seen);
    return next_uses;
}

static double replay_optimum(const struct trace *trace, const uint32_t *next_uses, uint32_t blocks)
{
    struct optimum o = {.next = mem_must_calloc((size_t)trace->distinct, sizeof(*o.next)),
                        .is_stored = mem_must_calloc((size_t)trace->distinct, sizeof(*o.is_stored))};
    uint64_t hits = 0, stored = 0;
    for (size_t r = 0; r < trace->request_count; r++) {
        const struct trace_request *request = &trace->requests[r];
        bool is_prefix = true;
        for (uint32_t depth = 0; depth < request->count; depth++) {
            const size_t i = request->first + depth;
            const int32_t block = trace->blocks[i];
            is_prefix = is_prefix && o.is_stored[block];
            hits += is_prefix;
            stored += !o.is_stored[block];
            o.is_stored[block] = true;
            o.next[block] = next_uses[i];
            heap_push(&o, (struct entry){next_uses[i], depth, block});
        }
        while (stored > blocks) {
            const struct entry entry = heap_pop(&o);
            if (!o.is_stored[entry.block] || o.next[entry.block] != entry.next)
                continue; /* stale */
            o.is_stored[entry.block] = false;
            stored--;
        }
    }
    mem_free(o.heap);
    mem_free(o.next);
    mem_free(o.is_stored);
    return (double)hits / (double)trace->block_count;
}

/* --- the program -------------------------------------------------------------------------------------- */

struct arguments {
    const char *trace;
    uint32_t sizes[SIZES_MAX];
    size_t size_count;
    const char *policy_name;
    enum cache_policy_kind policy;
    uint32_t ghosts, ttl_s;
    bool has_ttl, is_json;
};

static uint32_t number_of(struct str text, const char *option)
{
    uint64_t value;
    if (!str_to_u64(text, &value) || value >= UINT32_MAX)
        die(2, option, "expected a number");
    return (uint32_t)value;
}

static void set_option(struct arguments *a, struct str option, const char *value)
{
    struct str rest = str_of(value), part;
    if (str_eq(option, STR("--trace"))) {
        a->trace = value;
    } else if (str_eq(option, STR("--blocks"))) {
        while (a->size_count < SIZES_MAX && str_split(&rest, ',', &part))
            a->sizes[a->size_count++] = number_of(part, "--blocks");
    } else if (str_eq(option, STR("--policy"))) {
        a->policy_name = value;
        if (!cache_policy_parse(rest, &a->policy))
            die(2, value, "expected --policy lru, ttl or value");
    } else if (str_eq(option, STR("--ghosts"))) {
        a->ghosts = number_of(rest, "--ghosts");
    } else if (str_eq(option, STR("--ttl"))) {
        a->ttl_s = number_of(rest, "--ttl");
        a->has_ttl = true;
    } else {
        die(2, "unknown option", option.data);
    }
}

static struct arguments parse(int argc, char **argv)
{
    struct arguments a = {.policy_name = "value", .policy = CACHE_POLICY_VALUE, .ghosts = GHOSTS_DEFAULT};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            a.is_json = true;
        } else if (i + 1 < argc) {
            set_option(&a, str_of(argv[i]), argv[i + 1]);
            i++;
        } else {
            die(2, argv[i], "unknown, or a value is missing");
        }
    }
    if (a.trace == NULL || a.size_count == 0)
        die(2, "usage: cache_replay --trace FILE --blocks N[,N...] [--policy lru|ttl|value] [--ghosts N] "
               "[--ttl SECONDS] [--json]", "");
    if (!a.has_ttl && a.policy == CACHE_POLICY_TTL)
        a.ttl_s = TTL_DEFAULT_S;
    return a;
}

int main(int argc, char **argv)
{
    const struct arguments a = parse(argc, argv);
    struct trace trace = {0};
    trace_read(a.trace, &trace);
    uint32_t *next_uses = find_next_uses(&trace);
    const double unbounded = 1 - (double)trace.distinct / (double)trace.block_count;
    if (!a.is_json)
        printf("%zu requests, %zu blocks, %d distinct\n%10s %10s %10s %10s %10s\n", trace.request_count,
               trace.block_count, trace.distinct, "room", a.policy_name, "lru", "optimum", "unbounded");
    for (size_t i = 0; i < a.size_count; i++) {
        const uint32_t blocks = a.sizes[i];
        const double rate = replay(&trace, a.policy, blocks, a.ghosts, a.ttl_s);
        const double lru = replay(&trace, CACHE_POLICY_LRU, blocks, a.ghosts, 0);
        const double optimum = replay_optimum(&trace, next_uses, blocks);
        if (a.is_json)
            printf("{\"blocks\":%u,\"policy\":\"%s\",\"hitRate\":%.6f,\"lruHitRate\":%.6f,\"optimumHitRate\":%.6f,"
                   "\"unboundedHitRate\":%.6f,\"requests\":%zu,\"blocksRequested\":%zu}\n",
                   blocks, a.policy_name, rate, lru, optimum, unbounded, trace.request_count, trace.block_count);
        else
            printf("%10u %9.2f%% %9.2f%% %9.2f%% %9.2f%%\n", blocks, 100 * rate, 100 * lru, 100 * optimum,
                   100 * unbounded);
    }
    mem_free(next_uses);
    trace_free(&trace);
    return 0;
}
