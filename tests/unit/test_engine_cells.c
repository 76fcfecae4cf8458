/* test_engine_cells.c - what a sequence's tokens come to does not depend, to the bit, on where in the shared cache its
 * cells lie, on who else is computed in the same batch, on pieces, copies, or a state put back. */
#include <stdio.h>
#include <unistd.h>

#include "support.h"

#include "core/mem.h"
#include "engine/model.h"
#include "engine/random_gguf.h"
#include "kernels_fixture.h"

#define LENGTH 700u
#define OTHERS 6u

static char paths[2][64]; /* by kind: llama, gemma2 (a window, capped scores) */
static struct model *model;

static void open_model(enum random_gguf_kind kind)
{
    const struct model_options options = {.path = paths[kind == RANDOM_GGUF_GEMMA2], .context = 1024, .parallel = 8,
                                          .batch = 128, .threads = 2};
    struct error error;
    assert_int_equal(model_load(&options, &model, &error), OK);
    model_set_threads(model, 1); /* on a busy machine two wait long for each other */
}

static model_token token_at(uint32_t text, uint32_t position)
{
    return (model_token)((text * 7919 + position * 31) % 500);
}

/* Of the last token of each batch: a batch may want few. Others stay zero. */
static float *logits_new(void) { return mem_must_calloc(LENGTH * model_facts(model)->vocabulary, sizeof(float)); }

static float *logits_at(float *logits, uint32_t position)
{
    return logits + (size_t)position * model_facts(model)->vocabulary;
}

static void add(uint32_t text, uint32_t sequence, uint32_t position, bool wants_logits)
{
    model_batch_add(model, token_at(text, position), position, sequence, wants_logits);
}

static void decode_batch(uint32_t index, float *logits)
{
    assert_int_equal(model_decode(model), MODEL_OK);
    if (logits != NULL)
        memcpy(logits, model_logits(model, index), model_facts(model)->vocabulary * sizeof(float));
}

/* Positions begin .. end of the text, `piece` of them a batch. */
static void decode(uint32_t text, uint32_t sequence, uint32_t begin, uint32_t end, uint32_t piece, float *logits)
{
    for (; begin < end; begin += piece) {
        const uint32_t last = (end - begin < piece ? end : begin + piece) - 1;
        model_batch_clear(model);
        for (uint32_t position = begin; position <= last; position++)
            add(text, sequence, position, position == last);
        decode_batch(last - begin, logits == NULL ? NULL : logits_at(logits, last));
    }
}

/* The text token by token, each in a batch with one token of each of the others, which go on from where they are. */
static void decode_among_others(uint32_t sequence, uint32_t begin, uint32_t end, uint32_t *others, float *logits)
{
    for (uint32_t position = begin; position < end; position++) {
        model_batch_clear(model);
        for (uint32_t other = 0; other < OTHERS / 2; other++)
            add(other + 1, other + 1, others[other]++, true);
        add(0, sequence, position, true);
        for (uint32_t other = OTHERS / 2; other < OTHERS; other++)
            add(other + 1, other + 1, others[other]++, true);
        decode_batch(OTHERS / 2, logits_at(logits, position));
    }
}

/* Where both have been kept. */
static void assert_same(float *expected, float *got)
{
    uint32_t compared = 0;
    for (uint32_t position = 0; position < LENGTH; position++) {
        const float *a = logits_at(expected, position), *b = logits_at(got, position);
        if (a[0] == 0 || b[0] == 0)
            continue;
        compared++;
        if (memcmp(a, b, model_facts(model)->vocabulary * sizeof(float)) != 0)
            fail_msg("the logits of position %u differ", position);
    }
    assert_true(compared >= 10);
}

static const enum random_gguf_kind kinds[] = {RANDOM_GGUF_LLAMA, RANDOM_GGUF_GEMMA2};

/* Others fill the front of the cache, leave by turns, and this one's cells go wherever there is room, between new ones
 * of others: later positions in front of earlier ones. */
static void decode_in_pieces(bool has_others, float *logits)
{
    uint32_t others[OTHERS] = {0};
    for (uint32_t other = 0; has_others && other < OTHERS; other++)
        decode(other + 1, other + 1, 0, others[other] = 90 + 7 * other, 50, NULL);
    decode(0, 0, 0, 100, 17, logits);
    if (has_others)
        model_seq_clear(model, 2);
    decode(0, 0, 100, 180, 1, logits);
    if (has_others)
        decode(2, 2, 0, 40, 40, NULL);
    decode(0, 0, 180, 300, 40, logits);
    for (uint32_t other = 1; has_others && other < OTHERS; other += 2)
        model_seq_clear(model, other);
    decode(0, 0, 300, LENGTH, 128, logits);
}

static void cells_may_lie_anywhere(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < 2; kind++) {
        open_model(kinds[kind]);
        float *alone = logits_new(), *among = logits_new();
        decode_in_pieces(false, alone);
        model_clear(model);
        decode_in_pieces(true, among);
        assert_same(alone, among);
        mem_free(alone);
        mem_free(among);
        model_free(model);
    }
}

static void check_among_others(enum random_gguf_kind kind)
{
    open_model(kind);
    float *alone = logits_new(), *among = logits_new();
    uint32_t others[OTHERS];
    decode(0, 0, 0, 100, 50, alone);
    decode(0, 0, 100, LENGTH, 1, alone);
    model_clear(model);
    for (uint32_t other = 0; other < OTHERS; other++)
        decode(other + 1, other + 1, 0, others[other] = 90 + 7 * other, 50, NULL);
    decode(0, 0, 0, 100, 17, among);
    model_seq_clear(model, 2);
    others[1] = 0;
    decode_among_others(0, 100, 180, others, among);
    decode(0, 0, 180, 300, 40, among);
    model_seq_clear(model, 1);
    model_seq_clear(model, 5);
    others[0] = others[4] = 0;
    decode_among_others(0, 300, 340, others, among);
    decode(0, 0, 340, LENGTH, 128, among);
    assert_same(alone, among);
    mem_free(alone);
    mem_free(among);
    model_free(model);
}

static void others_in_the_batch_change_nothing(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < 2; kind++)
        check_among_others(kinds[kind]);
}

/* A copy shares the cells of what it was copied from; a state is put back wherever there is room. */
static void copies_and_states_change_nothing(void **state)
{
    (void)state;
    open_model(RANDOM_GGUF_LLAMA);
    float *alone = logits_new(), *copied = logits_new(), *restored = logits_new();
    uint32_t others[OTHERS];
    decode(0, 0, 0, 100, 50, alone);
    decode(0, 0, 100, LENGTH, 1, alone);
    model_clear(model);
    for (uint32_t other = 0; other < OTHERS; other++)
        decode(other + 1, other + 1, 0, others[other] = 40 + 11 * other, 64, NULL);
    decode(0, 0, 0, 333, 111, NULL);
    model_seq_copy(model, 0, 7, 0, 333);
    const size_t size = model_state_size(model, 0);
    void *saved = mem_must_alloc(size);
    assert_int_equal(model_state_get(model, 0, saved, size), size);
    model_seq_clear(model, 0);
    model_seq_clear(model, 3);
    others[2] = 0;
    decode_among_others(7, 333, 400, others, copied);
    decode(0, 7, 400, LENGTH, 77, copied);
    assert_same(alone, copied);
    model_seq_clear(model, 7);
    model_seq_clear(model, 6);
    others[5] = 0;
    assert_int_not_equal(model_state_set(model, 0, saved, size), 0);
    decode_among_others(0, 333, 400, others, restored);
    decode(0, 0, 400, LENGTH, 99, restored);
    assert_same(alone, restored);
    mem_free(saved);
    mem_free(alone);
    mem_free(copied);
    mem_free(restored);
    model_free(model);
}

static void threads_change_nothing(void **state)
{
    (void)state;
    open_model(RANDOM_GGUF_LLAMA);
    float *one = logits_new(), *two = logits_new();
    decode(0, 0, 0, 690, 115, one);
    decode(0, 0, 690, LENGTH, 1, one);
    model_clear(model);
    model_set_threads(model, 2);
    decode(0, 0, 0, 690, 69, two);
    decode(0, 0, 690, LENGTH, 1, two);
    assert_same(one, two);
    mem_free(one);
    mem_free(two);
    model_free(model);
}

static int write_models(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct random_gguf_options options = RANDOM_GGUF_TINY;
        struct error error;
        options.kind = kinds[i];
        options.window = 96;
        options.weights = "q8_0";
        snprintf(paths[i], sizeof(paths[i]), "/tmp/test_engine_cells_%d_%ld.gguf", i, (long)getpid());
        if (random_gguf_write(&options, paths[i], &error) != OK)
            return 1;
    }
    return 0;
}

static int remove_models(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        unlink(paths[i]);
    return 0;
}

int main(void)
{
    const struct kernels *sets[3];
    if (sets_here(sets) == 0) { /* ggml's own sums are in the order of the cache */
        print_message("skipped: no kernels for this processor\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_may_lie_anywhere),
        cmocka_unit_test(others_in_the_batch_change_nothing),
        cmocka_unit_test(copies_and_states_change_nothing),
        cmocka_unit_test(threads_change_nothing),
    };
    return cmocka_run_group_tests(tests, write_models, remove_models);
}
