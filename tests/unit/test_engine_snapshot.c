/* test_engine_snapshot.c - models whose state can't be cut: recurrent and sliding
 * window. A prefix is read at exactly the checkpoints that were declared. */
#include "support_scheduler.h"

#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "support.h"

#define CONTEXT 1024u
#define REPLY 20u
#define MINUTES 300u
#define WINDOW 128u
#define MANY 8u

static char mamba_path[64], gemma_path[64];
static model_token prompt[CONTEXT];

struct kind {
    const char *path;
    enum model_state_kind state;
};

static struct bed *open_bed(const struct kind *kind, uint64_t memory_bytes, bool is_deterministic)
{
    const struct bed_options options = {.path = kind->path,
                                        .context = CONTEXT,
                                        .parallel = MANY + 2,
                                        .memory_bytes = memory_bytes,
                                        .chunk_max = 64,
                                        .is_serial = is_deterministic};
    struct bed *bed = bed_new(&options);
    assert_int_equal(model_facts(bed->model)->state_kind, kind->state);
    bed_run(bed);
    return bed;
}

static void run_prompt(struct bed *bed, struct ask *ask, enum engine_cache cache, uint32_t count, uint32_t mark)
{
    ask_init(ask, prompt, count, cache, REPLY);
    if (mark > 0)
        ask_mark(ask, mark, MINUTES);
    ask_run(bed, ask);
}

static void assert_counts(const struct ask *ask, uint32_t read, uint32_t written)
{
    assert_int_equal(ask->finished.cache.read_tokens, read);
    assert_int_equal(ask->finished.cache.write_tokens, written);
}

static void assert_same_reply(const struct ask *a, const struct ask *b)
{
    assert_int_equal(a->finished.output_tokens, b->finished.output_tokens);
    assert_true(a->text.len > 0 && str_eq(buf_str(&a->text), buf_str(&b->text)));
}

/* The second run reads the whole checkpoint; its reply is that of a model without a cache. */
static void hits_at_the_checkpoint(void **state)
{
    const struct kind *kind = *state;
    static const uint32_t marks[] = {1, 63, 64, 65, 200, 256, 300, 700};
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        struct bed *bed = open_bed(kind, MODEL_ROOM, true);
        struct ask asks[3];
        for (size_t run = 0; run < 3; run++)
            run_prompt(bed, &asks[run], ENGINE_CACHE_EXPLICIT, marks[i] + 4, marks[i]);
        assert_counts(&asks[0], 0, marks[i]);
        for (size_t run = 1; run < 3; run++) {
            assert_counts(&asks[run], marks[i], 0);
            assert_int_equal(asks[run].finished.cache.miss, ENGINE_MISS_NONE);
            assert_same_reply(&asks[0], &asks[run]);
        }
        for (size_t run = 0; run < 3; run++)
            ask_deinit(&asks[run]);
        bed_free(bed);
    }
}

static void equals_a_run_without_cache(void **state)
{
    const struct kind *kind = *state;
    struct bed *off = open_bed(kind, 0, true), *bed = open_bed(kind, MODEL_ROOM, true);
    struct ask reference, cold, warm;
    /* At the end of a piece, so that all three compute the same pieces. */
    run_prompt(off, &reference, ENGINE_CACHE_OFF, 400, 0);
    run_prompt(bed, &cold, ENGINE_CACHE_EXPLICIT, 400, 256);
    run_prompt(bed, &warm, ENGINE_CACHE_EXPLICIT, 400, 256);
    assert_counts(&warm, 256, 0);
    assert_same_reply(&reference, &cold);
    assert_same_reply(&reference, &warm);
    ask_deinit(&reference);
    ask_deinit(&cold);
    ask_deinit(&warm);
    bed_free(off);
    bed_free(bed);
}

static void diverging_is_a_miss(void **state)
{
    struct bed *bed = open_bed(*state, MODEL_ROOM, false);
    struct ask first, other, inside;
    run_prompt(bed, &first, ENGINE_CACHE_EXPLICIT, 304, 300);
    ask_init(&other, prompt, 304, ENGINE_CACHE_EXPLICIT, REPLY);
    other.job.tokens.items[298] ^= 1;
    ask_mark(&other, 300, MINUTES);
    ask_run(bed, &other);
    /* A checkpoint before the stored one: the state can't be cut back to it. */
    run_prompt(bed, &inside, ENGINE_CACHE_EXPLICIT, 304, 200);
    assert_counts(&first, 0, 300);
    assert_counts(&other, 0, 300);
    assert_counts(&inside, 0, 200);
    assert_false(str_eq(buf_str(&first.text), buf_str(&other.text)));
    ask_deinit(&first);
    ask_deinit(&other);
    ask_deinit(&inside);
    bed_free(bed);
}

/* The longer one is read and the shorter one, never stored, can't be taken any more: it must not be. */
static void passed_checkpoints_are_left_out(void **state)
{
    const struct kind *kind = *state;
    struct bed *bed = open_bed(kind, MODEL_ROOM, true), *cold = open_bed(kind, MODEL_ROOM, true);
    struct ask first, both, shorter, reference;
    run_prompt(bed, &first, ENGINE_CACHE_EXPLICIT, 400, 300);
    ask_init(&both, prompt, 400, ENGINE_CACHE_EXPLICIT, REPLY);
    ask_mark(&both, 100, MINUTES);
    ask_mark(&both, 300, MINUTES);
    ask_run(bed, &both);
    assert_counts(&both, 300, 0);
    run_prompt(bed, &shorter, ENGINE_CACHE_EXPLICIT, 104, 100);
    run_prompt(cold, &reference, ENGINE_CACHE_EXPLICIT, 104, 100);
    assert_counts(&shorter, 0, 100);
    assert_same_reply(&reference, &shorter);
    ask_deinit(&first);
    ask_deinit(&both);
    ask_deinit(&shorter);
    ask_deinit(&reference);
    bed_free(bed);
    bed_free(cold);
}

static void implicit_reads_what_it_kept(void **state)
{
    for (int deterministic = 0; deterministic < 2; deterministic++) {
        struct bed *bed = open_bed(*state, MODEL_ROOM, deterministic);
        const uint32_t kept = deterministic ? 256 : 384;
        struct ask first, again, longer;
        run_prompt(bed, &first, ENGINE_CACHE_IMPLICIT, 400, 0);
        run_prompt(bed, &again, ENGINE_CACHE_IMPLICIT, 400, 0);
        run_prompt(bed, &longer, ENGINE_CACHE_IMPLICIT, 500, 0);
        assert_counts(&first, 0, 0);
        assert_counts(&again, kept, 0);
        assert_counts(&longer, kept, 0);
        if (deterministic)
            assert_same_reply(&first, &again);
        ask_deinit(&first);
        ask_deinit(&again);
        ask_deinit(&longer);
        bed_free(bed);
    }
}

static void damage(struct ask *ask)
{
    assert_int_equal(damage_blocks(ask), 1);
}

static void damaged_is_a_miss(void **state)
{
    struct bed *bed = open_bed(*state, MODEL_ROOM, true);
    struct ask asks[3];
    for (size_t i = 0; i < 3; i++) {
        ask_init(&asks[i], prompt, 400, ENGINE_CACHE_EXPLICIT, REPLY);
        ask_mark(&asks[i], 310, MINUTES);
        asks[i].on_started = i == 0 ? damage : NULL;
        ask_run(bed, &asks[i]);
        assert_counts(&asks[i], i == 2 ? 310 : 0, i == 0 ? 310 : 0);
        assert_same_reply(&asks[0], &asks[i]);
    }
    for (size_t i = 0; i < 3; i++)
        ask_deinit(&asks[i]);
    bed_free(bed);
}

/* More than run at once, two prefixes, some cancelled on the way. */
static void parallel_requests(void **state)
{
    struct bed *bed = open_bed(*state, MODEL_ROOM, false);
    struct ask asks[3 * MANY];
    uint32_t read = 0;
    for (uint32_t i = 0; i < 3 * MANY; i++) {
        ask_init(&asks[i], prompt + i % 2, 600 + i, ENGINE_CACHE_EXPLICIT, REPLY);
        ask_mark(&asks[i], 150, MINUTES);
        ask_mark(&asks[i], 590, MINUTES);
        ask_submit(bed, &asks[i]);
        if (i % 5 == 4)
            scheduler_cancel(bed->scheduler, &asks[i - 2].job);
    }
    for (uint32_t i = 0; i < 3 * MANY; i++) {
        ask_wait(&asks[i]);
        assert_true(asks[i].is_finished || (i % 5 == 2 && asks[i].is_gone));
        assert_false(asks[i].is_failed);
        const uint32_t tokens = asks[i].finished.cache.read_tokens;
        assert_true(tokens == 0 || tokens == 150 || tokens == 590);
        read += tokens == 590;
    }
    assert_true(read >= 2 * MANY);
    for (uint32_t i = 0; i < 3 * MANY; i++)
        ask_deinit(&asks[i]);
    bed_free(bed);
}

#define TESTS(kind)                                                                              \
    cmocka_unit_test_prestate(hits_at_the_checkpoint, kind),                                     \
        cmocka_unit_test_prestate(equals_a_run_without_cache, kind),                             \
        cmocka_unit_test_prestate(diverging_is_a_miss, kind),                                    \
        cmocka_unit_test_prestate(passed_checkpoints_are_left_out, kind),                        \
        cmocka_unit_test_prestate(implicit_reads_what_it_kept, kind),                            \
        cmocka_unit_test_prestate(damaged_is_a_miss, kind), cmocka_unit_test_prestate(parallel_requests, kind)

int main(void)
{
    struct random_gguf_options options = RANDOM_GGUF_TINY;
    log_configure(LOG_OFF, LOG_LOGFMT);
    options.context = CONTEXT;
    options.kind = RANDOM_GGUF_MAMBA;
    if (!write_model(&options, "mamba", mamba_path))
        return 1;
    options.kind = RANDOM_GGUF_GEMMA2;
    options.window = WINDOW;
    if (!write_model(&options, "gemma", gemma_path))
        return 1;
    fill_tokens(prompt, CONTEXT, 1);
    struct kind mamba = {mamba_path, MODEL_STATE_RECURRENT}, gemma = {gemma_path, MODEL_STATE_WINDOW};
    const struct CMUnitTest tests[] = {TESTS(&mamba), TESTS(&gemma)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(mamba_path);
    unlink(gemma_path);
    return failed;
}
