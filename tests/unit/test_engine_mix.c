/* test_engine_mix.c - prefixes under a random load: tenants, kinds of caching,
 * checkpoints, cancels, and a memory that holds a part of it. Whatever was read,
 * shared, evicted or waited for, the counts add up and the replies are right. */
#include "support_scheduler.h"

#include <stdio.h>
#include <unistd.h>

#include "core/log.h"
#include "core/util.h"
#include "support.h"

#define CONTEXT 1024u
#define WINDOW 128u
#define WAVE 20u
#define BUDGET (100ull << 10) /* about five blocks of every six that the load would keep */
#define TTL 300u

static char paths[3][64]; /* by enum random_gguf_kind */
static model_token prompts[3][CONTEXT];
static struct scheduler_tiers bed_tiers; /* of the next bed */
static uint64_t preempted;               /* in all beds */
static const char *const tenants[] = {"a", "b", "c"};

static struct bed *open_bed(enum random_gguf_kind kind, uint64_t memory_bytes)
{
    const struct bed_options options = {
        .path = paths[kind], .context = CONTEXT, .parallel = 6, .memory_bytes = memory_bytes, .chunk_max = 64,
        .tiers = bed_tiers};
    return bed_new(&options);
}

static uint32_t below(struct rng *rng, uint32_t bound)
{
    return (uint32_t)rng_below(rng, bound);
}

/* Up to three marks, every second one a checkpoint only sometimes. */
static void random_ask(struct rng *rng, struct ask *ask)
{
    static const enum engine_cache modes[] = {ENGINE_CACHE_EXPLICIT, ENGINE_CACHE_EXPLICIT, ENGINE_CACHE_IMPLICIT,
                                              ENGINE_CACHE_IMPLICIT, ENGINE_CACHE_OFF};
    const uint32_t count = 2 + below(rng, 700);
    ask_init(ask, prompts[below(rng, 3)], count, modes[below(rng, 5)], 1 + below(rng, 90));
    if (below(rng, 3) == 0) /* goes its own way somewhere */
        ask->job.tokens.items[below(rng, count)] = (model_token)below(rng, 500);
    ask->job.request.tenant = str_of(tenants[below(rng, 3)]);
    ask->job.request.cache_min_tokens = below(rng, 2) * 100;
    ask->job.request.tier = (enum tier)below(rng, TIERS);
    for (uint32_t at = 1 + below(rng, count); at <= count && ask->job.prefix.mark_count < 3; at += 1 + below(rng, 300))
        ask_mark(ask, at, below(rng, 3) > 0 ? TTL * (1 + 11 * below(rng, 2)) : 0);
}

static void check_counts(const struct ask *ask)
{
    const struct engine_finished *done = &ask->finished;
    const struct engine_cache_use *use = &done->cache;
    assert_true(use->read_tokens + use->write_tokens <= done->prompt_tokens);
    assert_true(use->read_tokens < done->prompt_tokens);
    assert_true(use->write_1h_tokens <= use->write_tokens);
    assert_int_equal(done->prefilled_tokens, done->prompt_tokens - use->read_tokens);
    if (ask->job.request.cache != ENGINE_CACHE_EXPLICIT)
        assert_int_equal(use->write_tokens, 0);
    if (use->read_tokens > 0)
        assert_true(use->read_tokens >= ask->job.request.cache_min_tokens ||
                    use->read_tokens + 1 == done->prompt_tokens);
}

/* The prompt tokens that the wave's requests say were computed for them. */
static uint64_t run_wave(struct rng *rng, struct bed *bed, struct bed *cold, bool has_cancels, uint64_t *read)
{
    struct ask asks[WAVE];
    uint64_t prefilled = 0;
    for (uint32_t i = 0; i < WAVE; i++) {
        random_ask(rng, &asks[i]);
        ask_submit(bed, &asks[i]);
        if (below(rng, 4) == 0)
            usleep(below(rng, 3000));
        if (has_cancels && i > 0 && below(rng, 5) == 0 && !asks[i / 2].job.is_cancelled) {
            pthread_mutex_lock(&bed->mutex);
            if (!asks[i / 2].is_finished)
                scheduler_cancel(bed->scheduler, &asks[i / 2].job);
            pthread_mutex_unlock(&bed->mutex);
        }
    }
    for (uint32_t i = 0; i < WAVE; i++) {
        ask_wait(&asks[i]);
        assert_false(asks[i].is_failed);
        if (asks[i].is_finished) {
            check_counts(&asks[i]);
            prefilled += asks[i].finished.prefilled_tokens;
            *read += asks[i].finished.cache.read_tokens;
            if (i % 4 == 0)
                (void)assert_reply_alone(cold, &asks[i]);
        }
    }
    for (uint32_t i = 0; i < WAVE; i++)
        ask_deinit(&asks[i]);
    return prefilled;
}

static void run_mix(enum random_gguf_kind kind, uint32_t waves, bool has_cancels, uint64_t memory_bytes)
{
    struct bed *bed = open_bed(kind, memory_bytes), *cold = open_bed(kind, 0);
    struct prefix_stats stats;
    struct rng rng;
    uint64_t read = 0;
    rng_seed(&rng, kind + memory_bytes + has_cancels);
    bed_run(bed);
    for (uint32_t wave = 0; wave < waves; wave++) {
        const uint64_t before = bed_prefilled(bed), told = run_wave(&rng, bed, cold, has_cancels, &read);
        const uint64_t counted = bed_prefilled(bed) - before;
        assert_true(has_cancels ? counted >= told : counted == told);
        assert_int_equal(bed_queued(bed), 0);
        prefix_store_stats(bed->store, &stats);
        assert_true(stats.bytes[CACHE_MEMORY] <= memory_bytes);
    }
    assert_true(read > 0);
    for (size_t tier = 0; tier < TIERS; tier++)
        preempted += atomic_load(&bed->client.slot->preemptions[tier]);
    assert_true((stats.evicted > 0) == (memory_bytes == BUDGET));
    bed_free(bed);
    bed_free(cold);
}

static void test_mix(void **state)
{
    (void)state;
    run_mix(RANDOM_GGUF_LLAMA, 6, false, MODEL_ROOM);
}

static void test_mix_with_evictions(void **state)
{
    (void)state;
    run_mix(RANDOM_GGUF_LLAMA, 6, false, BUDGET);
}

static void test_mix_with_cancels(void **state)
{
    (void)state;
    run_mix(RANDOM_GGUF_LLAMA, 6, true, BUDGET);
}

static void test_mix_of_snapshots(void **state)
{
    (void)state;
    run_mix(RANDOM_GGUF_MAMBA, 3, true, MODEL_ROOM);
    run_mix(RANDOM_GGUF_GEMMA2, 2, true, MODEL_ROOM);
}

/* Tiers that share steps and rise at once; no room to park most of what is preempted. */
static void test_mix_of_tiers(void **state)
{
    (void)state;
    const uint64_t before = preempted;
    bed_tiers = (struct scheduler_tiers){
        .is_objective = true, .objective = 3, .batch_step_us = 5000, .age_us = 20000, .batch_age_us = 20000,
        .parked_bytes = 60u << 10};
    run_mix(RANDOM_GGUF_LLAMA, 3, true, MODEL_ROOM);
    run_mix(RANDOM_GGUF_MAMBA, 2, true, MODEL_ROOM);
    run_mix(RANDOM_GGUF_GEMMA2, 2, true, MODEL_ROOM);
    bed_tiers = (struct scheduler_tiers){0};
    assert_true(preempted > before);
}

int main(void)
{
    static const char *const names[] = {"llama", "mamba", "gemma"};
    struct error error;
    struct random_gguf_options options = RANDOM_GGUF_TINY;
    log_configure(LOG_OFF, LOG_LOGFMT);
    options.window = WINDOW;
    for (int kind = 0; kind < 3; kind++) {
        options.kind = (enum random_gguf_kind)kind;
        snprintf(paths[kind], sizeof(paths[kind]), "/tmp/fulcrum-test-mix-%s-%d.gguf", names[kind], (int)getpid());
        if (random_gguf_write(&options, paths[kind], &error) != OK) {
            fprintf(stderr, "%s\n", error.message);
            return 1;
        }
        fill_tokens(prompts[kind], CONTEXT, (uint64_t)kind + 1);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mix),
        cmocka_unit_test(test_mix_with_evictions),
        cmocka_unit_test(test_mix_with_cancels),
        cmocka_unit_test(test_mix_of_snapshots),
        cmocka_unit_test(test_mix_of_tiers),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (int kind = 0; kind < 3; kind++)
        unlink(paths[kind]);
    return failed;
}
