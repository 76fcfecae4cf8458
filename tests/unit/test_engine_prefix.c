/* test_engine_prefix.c - prefixes on the real scheduler, tiny model with random
 * weights: answers with a cache are those without, and counts say what happened. */
#include "support_scheduler.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/util.h"
#include "engine/sampler.h"
#include "support.h"

#define CONTEXT 2048u
#define REPLY 24u
#define MINUTES 300u
#define HOUR 3600u

static char model_path[64];
static model_token prompt[CONTEXT]; /* tokens that tests take theirs from */

static struct bed *open_bed(uint64_t memory_bytes, bool is_deterministic)
{
    const struct bed_options options = {.path = model_path,
                                        .context = CONTEXT,
                                        .parallel = 12,
                                        .memory_bytes = memory_bytes,
                                        .chunk_max = 64,
                                        .is_serial = is_deterministic};
    return bed_new(&options);
}

static struct bed *run_bed(uint64_t memory_bytes, bool is_deterministic)
{
    struct bed *bed = open_bed(memory_bytes, is_deterministic);
    bed_run(bed);
    return bed;
}

static void assert_counts(const struct ask *ask, uint32_t read, uint32_t written, uint32_t written_1h)
{
    const struct engine_cache_use *use = &ask->finished.cache;
    assert_int_equal(use->read_tokens, read);
    assert_int_equal(use->write_tokens, written);
    assert_int_equal(use->write_1h_tokens, written_1h);
}

static void assert_same_reply(const struct ask *a, const struct ask *b)
{
    assert_int_equal(a->finished.output_tokens, b->finished.output_tokens);
    assert_true(a->text.len > 0 && str_eq(buf_str(&a->text), buf_str(&b->text)));
}

/* A prompt of `count` tokens; with a mark in it, or 0. */
static void run_prompt(struct bed *bed, struct ask *ask, enum engine_cache cache, uint32_t count, uint32_t mark)
{
    ask_init(ask, prompt, count, cache, REPLY);
    if (mark > 0)
        ask_mark(ask, mark, MINUTES);
    ask_run(bed, ask);
}

/* --- the same answers ------------------------------------------------------------------------------- */

static void test_explicit_equals_cold(void **state)
{
    (void)state;
    static const struct {
        uint32_t mark, count, read;
    } cases[] = {
        {64, 65, 64},    {64, 300, 64},   {63, 70, 63},    {65, 70, 65},     {1, 2, 1},      {100, 600, 100},
        {255, 300, 255}, {256, 300, 256}, {257, 300, 257}, {500, 513, 500},  {512, 513, 512}, {700, 1500, 700},
        {128, 128, 127}, {130, 130, 129}, {1, 1, 0},       {1500, 1500, 1499},
    };
    struct bed *cold = run_bed(0, true);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bed *bed = run_bed(MODEL_ROOM, true);
        struct ask off, first, second;
        const uint32_t mark = cases[i].mark, count = cases[i].count;
        run_prompt(cold, &off, ENGINE_CACHE_OFF, count, 0);
        run_prompt(bed, &first, ENGINE_CACHE_EXPLICIT, count, mark);
        run_prompt(bed, &second, ENGINE_CACHE_EXPLICIT, count, mark);
        assert_counts(&first, 0, mark, 0);
        assert_counts(&second, cases[i].read, 0, 0);
        assert_int_equal(first.finished.cache.miss, ENGINE_MISS_FIRST_USE);
        assert_same_reply(&off, &first);
        assert_same_reply(&first, &second);
        ask_deinit(&off);
        ask_deinit(&first);
        ask_deinit(&second);
        bed_free(bed);
    }
    bed_free(cold);
}

static void test_implicit_equals_cold(void **state)
{
    (void)state;
    static const struct {
        uint32_t count, read;
    } cases[] = {{40, 0}, {256, 0}, {257, 256}, {400, 256}, {512, 256}, {513, 512}, {1100, 1024}};
    struct bed *cold = run_bed(0, true);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bed *bed = run_bed(MODEL_ROOM, true);
        struct ask off, first, second;
        run_prompt(cold, &off, ENGINE_CACHE_OFF, cases[i].count, 0);
        run_prompt(bed, &first, ENGINE_CACHE_IMPLICIT, cases[i].count, 0);
        run_prompt(bed, &second, ENGINE_CACHE_IMPLICIT, cases[i].count, 0);
        assert_counts(&first, 0, 0, 0);
        assert_counts(&second, cases[i].read, 0, 0);
        assert_same_reply(&off, &first);
        assert_same_reply(&first, &second);
        ask_deinit(&off);
        ask_deinit(&first);
        ask_deinit(&second);
        bed_free(bed);
    }
    bed_free(cold);
}

/* Turn after turn, each with a checkpoint further on: what a turn reads was
 * computed by several before it. */
static void test_conversation_equals_cold(void **state)
{
    (void)state;
    for (int implicit = 0; implicit < 2; implicit++) {
        struct bed *warm = run_bed(MODEL_ROOM, true);
        uint32_t last = 0;
        for (uint32_t turn = 1; turn <= 6; turn++) {
            struct bed *cold = run_bed(MODEL_ROOM, true);
            struct ask asks[2];
            for (int i = 0; i < 2; i++) {
                ask_init(&asks[i], prompt, turn * 171 + 3, implicit ? ENGINE_CACHE_IMPLICIT : ENGINE_CACHE_EXPLICIT,
                         REPLY);
                for (uint32_t mark = 1; mark <= turn && !implicit; mark++)
                    ask_mark(&asks[i], mark * 171, mark == turn ? MINUTES : 0);
                ask_run(i == 0 ? cold : warm, &asks[i]);
            }
            assert_same_reply(&asks[0], &asks[1]);
            assert_int_equal(asks[1].finished.cache.read_tokens, implicit ? last / 256 * 256 : last);
            last = implicit ? turn * 171 + 3 : turn * 171;
            ask_deinit(&asks[0]);
            ask_deinit(&asks[1]);
            bed_free(cold);
        }
        bed_free(warm);
    }
}

/* Another beginning gives another reply: else the tests above would prove nothing. */
static void test_prefix_matters(void **state)
{
    (void)state;
    struct bed *bed = run_bed(0, true);
    struct ask asks[2];
    model_token tokens[300];
    for (size_t i = 0; i < 2; i++) {
        memcpy(tokens, prompt, sizeof(tokens));
        tokens[i * 40] = 7;
        ask_init(&asks[i], tokens, 300, ENGINE_CACHE_OFF, REPLY);
        ask_run(bed, &asks[i]);
    }
    assert_false(str_eq(buf_str(&asks[0].text), buf_str(&asks[1].text)));
    ask_deinit(&asks[0]);
    ask_deinit(&asks[1]);
    bed_free(bed);
}

static void assert_replies_alone(const struct ask *asks, size_t begin, size_t end)
{
    struct bed *cold = open_bed(0, false);
    size_t compared = 0;
    for (size_t i = begin; i < end; i++)
        compared += assert_reply_alone(cold, &asks[i]);
    assert_true(compared > end - begin);
    bed_free(cold);
}

/* Restored in another order of cells, beside others, and continued in other
 * pieces than the cold prompt: logits stay close. */
static void test_logits_are_close(void **state)
{
    (void)state;
    struct bed *bed = open_bed(MODEL_ROOM, false);
    const uint32_t vocabulary = model_facts(bed->model)->vocabulary;
    float *cold = mem_alloc(vocabulary * sizeof(*cold));
    struct ask ask;
    struct prefix_waiter waiter = {0};
    bool is_pending;
    ask_init(&ask, prompt, 400, ENGINE_CACHE_EXPLICIT, 1);
    ask_mark(&ask, 330, MINUTES);
    ask.job.prefix = (struct prefix_job){&ask.job.request, &ask.job.tokens, ask.marks, 1};
    for (uint32_t round = 0; round < 2; round++) {
        struct prefix_use *use = &ask.job.use;
        prefix_store_open(bed->store, &ask.job.prefix, &waiter, use, &is_pending);
        prefix_store_begin(bed->store, use);
        const uint32_t past = prefix_store_restore(bed->store, use, round, 0, UINT32_MAX);
        assert_int_equal(past, round == 0 ? 0 : 330);
        if (round == 0)
            decode_tokens(bed->model, round, prompt, 0, 390);
        prefix_store_save(bed->store, use, round, 390);
        prefix_store_close(bed->store, use);
        decode_tokens(bed->model, round, prompt, round == 0 ? 390 : past, 400);
        const float *logits = model_logits(bed->model, model_batch_count(bed->model) - 1);
        for (uint32_t i = 0; i < vocabulary; i++) {
            if (round == 1)
                assert_true(fabsf(cold[i] - logits[i]) < 0.02f);
            cold[i] = logits[i];
        }
    }
    mem_free(cold);
    ask_deinit(&ask);
    bed_free(bed);
}

/* --- counts ----------------------------------------------------------------------------------------- */

static void test_two_checkpoints(void **state)
{
    (void)state;
    struct bed *bed = run_bed(MODEL_ROOM, false);
    struct ask asks[3];
    for (size_t i = 0; i < 3; i++) {
        ask_init(&asks[i], prompt, 500, ENGINE_CACHE_EXPLICIT, REPLY);
        if (i == 2)
            asks[i].job.tokens.items[150] ^= 1; /* behind the first checkpoint */
        ask_mark(&asks[i], 130, HOUR);
        ask_mark(&asks[i], 410, MINUTES);
        ask_run(bed, &asks[i]);
    }
    assert_counts(&asks[0], 0, 410, 130);
    assert_counts(&asks[1], 410, 0, 0);
    assert_counts(&asks[2], 130, 280, 0);
    assert_int_equal(asks[1].finished.cache.miss, ENGINE_MISS_NONE);
    assert_int_equal(asks[2].finished.cache.miss, ENGINE_MISS_CHANGED);
    assert_int_equal(asks[2].finished.cache.miss_value, 150);
    assert_replies_alone(asks, 0, 3);
    for (size_t i = 0; i < 3; i++)
        ask_deinit(&asks[i]);
    bed_free(bed);
}

/* A second is over when more than one has passed since the job was closed. That comes after its last event, but
 * before the next job ends. */
static void test_expired_checkpoint(void **state)
{
    (void)state;
    struct bed *bed = run_bed(MODEL_ROOM, true);
    struct ask first, next, again;
    ask_init(&first, prompt, 300, ENGINE_CACHE_EXPLICIT, REPLY);
    ask_mark(&first, 256, 1);
    ask_run(bed, &first);
    run_prompt(bed, &next, ENGINE_CACHE_OFF, 10, 0);
    usleep(1100000);
    run_prompt(bed, &again, ENGINE_CACHE_EXPLICIT, 300, 256);
    assert_counts(&again, 0, 256, 0);
    assert_int_equal(again.finished.cache.miss, ENGINE_MISS_EXPIRED);
    assert_true(again.finished.cache.miss_value >= 1);
    assert_same_reply(&first, &again);
    ask_deinit(&first);
    ask_deinit(&next);
    ask_deinit(&again);
    bed_free(bed);
}

static void test_checkpoints_at_one_position(void **state)
{
    (void)state;
    struct bed *bed = run_bed(MODEL_ROOM, false);
    struct ask asks[2];
    for (size_t i = 0; i < 2; i++) {
        ask_init(&asks[i], prompt, 300, ENGINE_CACHE_EXPLICIT, 2);
        ask_mark(&asks[i], 0, MINUTES);
        ask_mark(&asks[i], 200, 0);
        ask_mark(&asks[i], 200, MINUTES);
        ask_mark(&asks[i], 200, HOUR);
        ask_run(bed, &asks[i]);
        assert_counts(&asks[i], i == 0 ? 0 : 200, i == 0 ? 200 : 0, i == 0 ? 200 : 0);
        ask_deinit(&asks[i]);
    }
    bed_free(bed);
}

static void test_minimum_and_no_checkpoint(void **state)
{
    (void)state;
    struct bed *bed = run_bed(MODEL_ROOM, false);
    for (size_t round = 0; round < 2; round++) {
        struct ask below, none, implicit;
        ask_init(&below, prompt, 300, ENGINE_CACHE_EXPLICIT, 2);
        ask_mark(&below, 200, MINUTES);
        ask_init(&none, prompt, 300, ENGINE_CACHE_EXPLICIT, 2);
        ask_init(&implicit, prompt, 199, ENGINE_CACHE_IMPLICIT, 2);
        below.job.request.cache_min_tokens = implicit.job.request.cache_min_tokens = 201;
        ask_run(bed, &below);
        ask_run(bed, &none);
        ask_run(bed, &implicit);
        assert_int_equal(below.finished.cache.miss, ENGINE_MISS_BELOW_MINIMUM);
        assert_int_equal(below.finished.cache.miss_value, 200);
        assert_int_equal(below.finished.cache.miss_need, 201);
        assert_int_equal(none.finished.cache.miss, ENGINE_MISS_NO_CHECKPOINT);
        assert_int_equal(implicit.finished.cache.miss, ENGINE_MISS_BELOW_MINIMUM);
        assert_counts(&below, 0, 0, 0);
        assert_counts(&none, 0, 0, 0);
        assert_counts(&implicit, 0, 0, 0);
        ask_deinit(&below);
        ask_deinit(&none);
        ask_deinit(&implicit);
    }
    bed_free(bed);
}

static void test_tenants_and_salts_are_apart(void **state)
{
    (void)state;
    struct bed *bed = run_bed(MODEL_ROOM, false);
    static const struct {
        const char *tenant, *salt;
    } scopes[] = {{"a", ""}, {"b", ""}, {"a", "x"}, {"", "a"}};
    for (size_t i = 0; i < 8; i++) {
        struct ask ask;
        ask_init(&ask, prompt, 300, ENGINE_CACHE_EXPLICIT, 2);
        ask_mark(&ask, 200, MINUTES);
        ask.job.request.tenant = str_of(scopes[i % 4].tenant);
        ask.job.request.cache_salt = str_of(scopes[i % 4].salt);
        ask_run(bed, &ask);
        assert_counts(&ask, i < 4 ? 0 : 200, i < 4 ? 200 : 0, 0);
        ask_deinit(&ask);
    }
    bed_free(bed);
}

/* The most likely tokens behind the first `begin`, as the scheduler would choose them. */
static void reply_greedily(struct model *model, model_token *tokens, uint32_t begin, uint32_t end)
{
    const uint32_t vocabulary = model_facts(model)->vocabulary;
    decode_tokens(model, 0, tokens, 0, begin);
    for (uint32_t at = begin; at < end; at++) {
        tokens[at] = sampler_greedy(model_logits(model, model_batch_count(model) - 1), vocabulary);
        decode_tokens(model, 0, tokens, at, at + 1);
    }
    model_clear(model);
}

/* A turn that follows reads prompt and reply, but for the part of a block at the end. */
static void test_replies_are_kept(void **state)
{
    (void)state;
    struct bed *bed = run_bed(MODEL_ROOM, false), *cold = open_bed(0, false);
    struct ask first, next;
    model_token tokens[520];
    memcpy(tokens, prompt, sizeof(tokens));
    reply_greedily(cold->model, tokens, 300, 500);
    ask_init(&first, tokens, 300, ENGINE_CACHE_IMPLICIT, 200);
    ask_run(bed, &first);
    assert_int_equal(first.finished.output_tokens, 200);
    assert_int_equal(atomic_load(&bed->client.slot->cache_tokens), 448); /* the last token was not decoded: 499 */
    ask_init(&next, tokens, 520, ENGINE_CACHE_IMPLICIT, REPLY);
    ask_run(bed, &next);
    assert_counts(&next, 448, 0, 0);
    (void)assert_reply_alone(cold, &next);
    ask_deinit(&first);
    ask_deinit(&next);
    bed_free(bed);
    bed_free(cold);
}

static void test_off_costs_nothing(void **state)
{
    (void)state;
    struct bed *bed = run_bed(MODEL_ROOM, false);
    struct prefix_stats stats;
    for (size_t i = 0; i < 2; i++) {
        struct ask ask;
        run_prompt(bed, &ask, ENGINE_CACHE_OFF, 300, 200);
        assert_counts(&ask, 0, 0, 0);
        assert_int_equal(ask.finished.cache.miss, ENGINE_MISS_DISABLED);
        ask_deinit(&ask);
    }
    prefix_store_stats(bed->store, &stats);
    assert_int_equal(stats.nodes, 0);
    assert_int_equal(stats.bytes[CACHE_MEMORY], 0);
    bed_free(bed);
}

/* Two blocks of a prefix of five fit. */
static void test_budget_too_small(void **state)
{
    (void)state;
    struct bed *cold = open_bed(0, false), *probe = run_bed(MODEL_ROOM, false);
    struct ask one;
    struct prefix_stats stats;
    run_prompt(probe, &one, ENGINE_CACHE_EXPLICIT, 400, 320);
    prefix_store_stats(probe->store, &stats);
    const uint64_t block_bytes = stats.bytes[CACHE_MEMORY] / 5;
    bed_free(probe);
    for (uint64_t room = 1; room < 3 * block_bytes; room += 2 * block_bytes + block_bytes / 2) {
        struct bed *bed = open_bed(room, false);
        struct ask asks[4];
        for (size_t i = 0; i < 4; i++) {
            ask_init(&asks[i], prompt, 400, ENGINE_CACHE_EXPLICIT, REPLY);
            ask_mark(&asks[i], 320, MINUTES);
            ask_submit(bed, &asks[i]);
        }
        bed_run(bed);
        for (size_t i = 0; i < 4; i++) {
            ask_wait(&asks[i]);
            assert_true(asks[i].is_finished);
            assert_counts(&asks[i], 0, 0, 0);
            (void)assert_reply_alone(cold, &asks[i]);
            ask_deinit(&asks[i]);
        }
        prefix_store_stats(bed->store, &stats);
        assert_true(stats.bytes[CACHE_MEMORY] <= room && stats.refused > 0);
        bed_free(bed);
    }
    ask_deinit(&one);
    bed_free(cold);
}

/* --- at the same time ------------------------------------------------------------------------------- */

#define MANY 8u

static void make_many(struct ask *asks)
{
    for (uint32_t i = 0; i < MANY; i++) {
        ask_init(&asks[i], prompt, 1000 + i, ENGINE_CACHE_EXPLICIT, REPLY);
        asks[i].job.tokens.items[995] = (model_token)i; /* alike up to here */
        ask_mark(&asks[i], 990, MINUTES);
    }
}

static void test_many_read_one_prefill(void **state)
{
    (void)state;
    struct bed *bed = open_bed(MODEL_ROOM, false);
    struct ask asks[MANY];
    uint64_t prompts = 0;
    make_many(asks);
    for (size_t i = 0; i < MANY; i++)
        ask_submit(bed, &asks[i]);
    bed_run(bed);
    for (size_t i = 0; i < MANY; i++) {
        ask_wait(&asks[i]);
        assert_true(asks[i].is_finished);
        assert_counts(&asks[i], i == 0 ? 0 : 990, i == 0 ? 990 : 0, 0);
        prompts += asks[i].job.tokens.count;
    }
    assert_int_equal(bed_prefilled(bed), prompts - (MANY - 1) * 990);
    assert_int_equal(bed_queued(bed), 0);
    assert_replies_alone(asks, 0, MANY);
    for (size_t i = 0; i < MANY; i++)
        ask_deinit(&asks[i]);
    bed_free(bed);
}

/* Two documents under one system prompt, asked in turn: each is computed once. */
static void test_documents_that_begin_alike(void **state)
{
    (void)state;
    struct bed *bed = open_bed(MODEL_ROOM, false);
    struct ask asks[MANY];
    uint64_t prompts = 0;
    make_many(asks);
    for (size_t i = 0; i < MANY; i++) {
        for (size_t at = 200; at < 990 && i % 2 == 1; at++)
            asks[i].job.tokens.items[at] = prompt[990 - at];
        ask_submit(bed, &asks[i]);
    }
    bed_run(bed);
    for (size_t i = 0; i < MANY; i++) {
        ask_wait(&asks[i]);
        assert_true(asks[i].is_finished);
        assert_counts(&asks[i], i < 2 ? 0 : 990, i < 2 ? 990 : 0, 0);
        prompts += asks[i].job.tokens.count;
    }
    assert_int_equal(bed_prefilled(bed), prompts - (MANY - 2) * 990);
    assert_replies_alone(asks, 0, MANY);
    for (size_t i = 0; i < MANY; i++)
        ask_deinit(&asks[i]);
    bed_free(bed);
}

static void cancel_first(struct ask *ask)
{
    struct ask *asks = ask->ctx;
    if (ask->texts == 2)
        scheduler_cancel(ask->bed->scheduler, &asks[0].job);
}

static void cancel_parked(struct ask *ask)
{
    struct ask *asks = ask->ctx;
    if (ask->texts == 2)
        scheduler_cancel(ask->bed->scheduler, &asks[3].job);
}

/* A reply that runs beside keeps the pieces of prompts small, and tells when to act. */
static void run_beside(struct bed *bed, struct ask *asks, void (*act)(struct ask *))
{
    struct ask beside;
    make_many(asks);
    ask_init(&beside, prompt + 1500, 20, ENGINE_CACHE_OFF, 100);
    beside.on_text = act;
    beside.ctx = asks;
    ask_submit(bed, &beside);
    for (size_t i = 0; i < MANY; i++)
        ask_submit(bed, &asks[i]);
    bed_run(bed);
    for (size_t i = 0; i < MANY; i++)
        ask_wait(&asks[i]);
    ask_wait(&beside);
    ask_deinit(&beside);
}

static void test_computing_one_is_cancelled(void **state)
{
    (void)state;
    struct bed *bed = open_bed(MODEL_ROOM, false);
    struct ask asks[MANY];
    run_beside(bed, asks, cancel_first);
    assert_true(asks[0].is_gone && !asks[0].is_started);
    /* The next in line goes on from the blocks that were done; it writes the rest. */
    uint32_t written = 0;
    for (size_t i = 1; i < MANY; i++) {
        assert_true(asks[i].is_finished);
        written += asks[i].finished.cache.write_tokens;
        assert_int_equal(asks[i].finished.cache.read_tokens, i == 1 ? 0 : 990);
    }
    assert_int_equal(written, 990);
    assert_replies_alone(asks, 1, MANY);
    for (size_t i = 0; i < MANY; i++)
        ask_deinit(&asks[i]);
    bed_free(bed);
}

static void test_parked_one_is_cancelled(void **state)
{
    (void)state;
    struct bed *bed = open_bed(MODEL_ROOM, false);
    struct ask asks[MANY];
    run_beside(bed, asks, cancel_parked);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(asks[i].is_gone, i == 3);
        assert_int_equal(asks[i].is_finished, i != 3);
        if (i != 3)
            assert_counts(&asks[i], i == 0 ? 0 : 990, i == 0 ? 990 : 0, 0);
    }
    assert_int_equal(bed_queued(bed), 0);
    for (size_t i = 0; i < MANY; i++)
        ask_deinit(&asks[i]);
    bed_free(bed);
}

/* A token that the model does not have breaks the step which also holds the rest of the prefix. */
static void test_computing_one_fails(void **state)
{
    (void)state;
    struct bed *bed = open_bed(MODEL_ROOM, false);
    struct ask asks[MANY];
    make_many(asks);
    asks[0].job.tokens.items[990] = 1 << 20;
    for (size_t i = 0; i < MANY; i++)
        ask_submit(bed, &asks[i]);
    bed_run(bed);
    for (size_t i = 0; i < MANY; i++)
        ask_wait(&asks[i]);
    assert_true(asks[0].is_failed);
    for (size_t i = 1; i < MANY; i++) {
        assert_true(asks[i].is_finished);
        assert_counts(&asks[i], i == 1 ? 0 : 990, i == 1 ? 990 : 0, 0);
    }
    assert_replies_alone(asks, 1, MANY);
    for (size_t i = 0; i < MANY; i++)
        ask_deinit(&asks[i]);
    bed_free(bed);
}

/* The donor's stored blocks are damaged while it runs: whoever reads its prefix all the same had it from its cells. */
static void start_taker(struct ask *donor)
{
    assert_int_equal(damage_blocks(donor), 4);
    ask_submit(donor->bed, donor->ctx);
}

static void test_donor_ends_first(void **state)
{
    (void)state;
    struct bed *bed = run_bed(MODEL_ROOM, false);
    struct ask donor, taker, stranger;
    ask_init(&donor, prompt, 300, ENGINE_CACHE_EXPLICIT, 12);
    ask_mark(&donor, 200, MINUTES);
    ask_init(&taker, prompt, 310, ENGINE_CACHE_EXPLICIT, 200);
    taker.job.tokens.items[309] = 33;
    ask_mark(&taker, 200, MINUTES);
    donor.on_started = start_taker;
    donor.ctx = &taker;
    ask_submit(bed, &donor);
    ask_wait(&donor);
    /* Its cells would be overwritten by this one if the taker did not hold them. */
    ask_init(&stranger, prompt + 700, 600, ENGINE_CACHE_OFF, 2);
    ask_submit(bed, &stranger);
    ask_wait(&taker);
    ask_wait(&stranger);
    assert_true(donor.is_finished && taker.is_finished && stranger.is_finished);
    assert_counts(&taker, 200, 0, 0);
    assert_replies_alone(&taker, 0, 1);
    ask_deinit(&donor);
    ask_deinit(&taker);
    ask_deinit(&stranger);
    bed_free(bed);
}

/* --- damage ----------------------------------------------------------------------------------------- */

static void damage_some(struct ask *ask)
{
    assert_int_equal(damage_blocks(ask), 5);
}

static void test_damaged_is_a_miss(void **state)
{
    (void)state;
    for (int deterministic = 0; deterministic < 2; deterministic++) {
        struct bed *bed = run_bed(MODEL_ROOM, deterministic);
        struct ask asks[3];
        for (size_t i = 0; i < 3; i++) {
            ask_init(&asks[i], prompt, 400, ENGINE_CACHE_EXPLICIT, REPLY);
            ask_mark(&asks[i], 310, MINUTES);
            asks[i].on_started = i == 0 ? damage_some : NULL;
            ask_run(bed, &asks[i]);
        }
        assert_counts(&asks[1], 0, 0, 0);
        assert_counts(&asks[2], 310, 0, 0); /* what was damaged has been stored anew */
        assert_replies_alone(asks, 0, 3);
        for (size_t i = 0; i < 3; i++)
            ask_deinit(&asks[i]);
        bed_free(bed);
    }
}

static void damage_the_last(struct ask *ask)
{
    const uint32_t count = damage_blocks_from(ask, UINT32_MAX);
    (void)damage_blocks_from(ask, count - 1);
}

/* Blocks end at multiples of 64 and at marks. Where the last one is damaged, the rest is computed from its begin; where
 * the answer has to be the cold one, from a multiple of 256 or a mark. */
static void test_damaged_at_the_end(void **state)
{
    (void)state;
    static const struct {
        uint32_t first_mark, read, deterministic_read;
    } cases[] = {{0, 576, 512}, {300, 576, 512}, {540, 576, 540}};
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        const bool is_deterministic = i % 2;
        struct bed *bed = run_bed(MODEL_ROOM, is_deterministic);
        struct ask asks[3];
        for (size_t k = 0; k < 3; k++) {
            ask_init(&asks[k], prompt, 700, ENGINE_CACHE_EXPLICIT, REPLY);
            if (cases[i / 2].first_mark)
                ask_mark(&asks[k], cases[i / 2].first_mark, MINUTES);
            ask_mark(&asks[k], 600, MINUTES);
            asks[k].on_started = k == 0 ? damage_the_last : NULL;
            ask_run(bed, &asks[k]);
        }
        assert_int_equal(asks[1].finished.cache.read_tokens,
                         is_deterministic ? cases[i / 2].deterministic_read : cases[i / 2].read);
        assert_int_equal(asks[2].finished.cache.read_tokens, 600);
        assert_replies_alone(asks, 0, 3);
        for (size_t k = 0; k < 3; k++)
            ask_deinit(&asks[k]);
        bed_free(bed);
    }
}

int main(void)
{
    struct random_gguf_options options = RANDOM_GGUF_TINY;
    log_configure(LOG_OFF, LOG_LOGFMT);
    options.context = CONTEXT;
    if (!write_model(&options, "prefix", model_path))
        return 1;
    fill_tokens(prompt, CONTEXT, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_explicit_equals_cold),
        cmocka_unit_test(test_implicit_equals_cold),
        cmocka_unit_test(test_conversation_equals_cold),
        cmocka_unit_test(test_prefix_matters),
        cmocka_unit_test(test_logits_are_close),
        cmocka_unit_test(test_two_checkpoints),
        cmocka_unit_test(test_expired_checkpoint),
        cmocka_unit_test(test_checkpoints_at_one_position),
        cmocka_unit_test(test_minimum_and_no_checkpoint),
        cmocka_unit_test(test_tenants_and_salts_are_apart),
        cmocka_unit_test(test_replies_are_kept),
        cmocka_unit_test(test_off_costs_nothing),
        cmocka_unit_test(test_budget_too_small),
        cmocka_unit_test(test_many_read_one_prefill),
        cmocka_unit_test(test_documents_that_begin_alike),
        cmocka_unit_test(test_computing_one_is_cancelled),
        cmocka_unit_test(test_parked_one_is_cancelled),
        cmocka_unit_test(test_computing_one_fails),
        cmocka_unit_test(test_donor_ends_first),
        cmocka_unit_test(test_damaged_is_a_miss),
        cmocka_unit_test(test_damaged_at_the_end),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(model_path);
    return failed;
}
