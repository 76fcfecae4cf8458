/* test_engine_same.c - a reply's bits depend on its request alone: not on what runs beside it or ran before it, not on
 * the pieces its prompt was read in, on caching, preemption or threads. For models whose rows are independent. */
#include "support_scheduler.h"

#include <ggml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/util.h"
#include "engine/row_independence.h"
#include "support.h"

static const char *const WEIGHTS[] = {"q8_0", "q4_0", "q4_K", "q5_K", "q6_K", "f32", "bf16", "f16"};
#define WEIGHTS_COUNT (sizeof(WEIGHTS) / sizeof(WEIGHTS[0]))
#define WEIGHTS_TAKEN 5u /* of them, that the kernels take on every processor that has any of them */

static char paths[WEIGHTS_COUNT][64];
static char mamba_path[64], gemma2_path[64];

static bool has_kernels(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && getenv("GGML_CPU_TILES") == NULL;
}

/* --- the fact --------------------------------------------------------------------------------------- */

static void assert_fact(const char *path, bool is_independent, const char *hindrance)
{
    struct model *model;
    struct error error;
    const struct model_options options = {.path = path, .context = 256, .parallel = 1};
    assert_int_equal(model_load(&options, &model, &error), OK);
    const struct model_facts *facts = model_facts(model);
    assert_int_equal(facts->is_row_independent, is_independent);
    assert_true(is_independent == (facts->row_hindrance[0] == '\0'));
    if (hindrance != NULL && strncmp(facts->row_hindrance, hindrance, strlen(hindrance)) != 0)
        fail_msg("'%s' does not begin with '%s'", facts->row_hindrance, hindrance);
    const bool is_attention_ours = has_kernels() && strstr(facts->row_hindrance, "FLASH_ATTN") == NULL;
    assert_int_equal(facts->tile == 0, is_attention_ours);
    model_free(model);
}

static void test_fact(void **state)
{
    (void)state;
    for (size_t i = 0; i < WEIGHTS_TAKEN; i++)
        assert_fact(paths[i], has_kernels(), has_kernels() ? NULL : "MUL_MAT of blk.0.attn_q.weight");
    assert_fact(gemma2_path, has_kernels(), has_kernels() ? NULL : "MUL_MAT of ");
}

static bool takes_all(const struct ggml_tensor *node)
{
    (void)node;
    return true;
}

static bool takes_none(const struct ggml_tensor *node)
{
    (void)node;
    return false;
}

static void test_nodes(void **state)
{
    (void)state;
    struct ggml_context *ggml = ggml_init((struct ggml_init_params){.mem_size = 1u << 20, .no_alloc = true});
    struct ggml_tensor *x = ggml_new_tensor_2d(ggml, GGML_TYPE_F32, 16, 4);
    struct ggml_tensor *y = ggml_new_tensor_2d(ggml, GGML_TYPE_F32, 16, 4);
    struct ggml_tensor *mask = ggml_new_tensor_2d(ggml, GGML_TYPE_F32, 16, 4);
    const struct ggml_tensor *rows[] = {ggml_add(ggml, x, y), ggml_rms_norm(ggml, x, 1e-5f), ggml_silu(ggml, x),
                                        ggml_swiglu_split(ggml, x, y), ggml_soft_max(ggml, x),
                                        ggml_reshape_1d(ggml, x, 64), ggml_sum_rows(ggml, x)};
    const struct ggml_tensor *others[] = {ggml_soft_max_ext(ggml, x, mask, 1, 0), ggml_sum(ggml, x),
                                          ggml_cumsum(ggml, x), ggml_out_prod(ggml, x, y)};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_true(node_is_row_independent(rows[i], NULL));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(node_is_row_independent(others[i], takes_all));
    const struct ggml_tensor *product = ggml_mul_mat(ggml, x, y);
    assert_true(node_is_row_independent(product, takes_all));
    assert_false(node_is_row_independent(product, takes_none));
    assert_false(node_is_row_independent(product, NULL));
    ggml_free(ggml);
}

/* --- the model by itself ------------------------------------------------------------------------------ */

#define TEXTS 2u
#define LENGTH 240u
#define SEQUENCES 7u
#define STEPS 250u
#define PIECE_MAX 70u

/* What is known of each text: the logits behind each of its tokens. */
struct known {
    model_token tokens[LENGTH];
    float *logits; /* [LENGTH][vocabulary] */
};

/* A sequence that reads a text. */
struct reader {
    uint32_t text, past, batched, row;
};

struct walk {
    struct model *model;
    uint32_t vocabulary;
    struct rng rng;
    struct known known[TEXTS];
    struct reader readers[SEQUENCES];
    uint32_t compared;
};

static uint32_t below(struct walk *walk, uint32_t bound)
{
    return (uint32_t)rng_below(&walk->rng, bound);
}

/* One token after the other, with nothing else in the cells. */
static void learn(struct walk *walk, uint32_t text)
{
    struct known *known = &walk->known[text];
    fill_tokens(known->tokens, LENGTH, text + 1);
    known->logits = mem_alloc(sizeof(float) * LENGTH * walk->vocabulary);
    assert_non_null(known->logits);
    for (uint32_t at = 0; at < LENGTH; at++) {
        decode_tokens(walk->model, 0, known->tokens, at, at + 1);
        memcpy(known->logits + (size_t)at * walk->vocabulary, model_logits(walk->model, 0),
               walk->vocabulary * sizeof(float));
    }
    model_clear(walk->model);
}

static void add_piece(struct walk *walk, uint32_t sequence)
{
    struct reader *reader = &walk->readers[sequence];
    const uint32_t left = LENGTH - reader->past;
    const uint32_t wanted = below(walk, 3) > 0 ? 1 : 1 + below(walk, PIECE_MAX);
    reader->batched = below(walk, 4) == 0 ? 0 : wanted < left ? wanted : left;
    const uint32_t end = reader->past + reader->batched;
    for (uint32_t at = reader->past; at < end; at++)
        model_batch_add(walk->model, walk->known[reader->text].tokens[at], at, sequence, at + 1 == end);
    reader->row = model_batch_count(walk->model) - 1;
}

static void compare(struct walk *walk, uint32_t sequence)
{
    struct reader *reader = &walk->readers[sequence];
    if (reader->batched == 0)
        return;
    reader->past += reader->batched;
    const float *expected = walk->known[reader->text].logits + (size_t)(reader->past - 1) * walk->vocabulary;
    assert_memory_equal(model_logits(walk->model, reader->row), expected, walk->vocabulary * sizeof(float));
    walk->compared++;
}

static void walk_step(struct walk *walk)
{
    const uint32_t first = below(walk, SEQUENCES);
    model_batch_clear(walk->model);
    for (uint32_t i = 0; i < SEQUENCES; i++)
        add_piece(walk, (first + i) % SEQUENCES);
    if (model_batch_count(walk->model) == 0)
        return;
    model_set_threads(walk->model, below(walk, 16) == 0 ? 2 : 1); /* on a busy machine they wait for each other */
    assert_int_equal(model_decode(walk->model), MODEL_OK);
    for (uint32_t i = 0; i < SEQUENCES; i++)
        compare(walk, i);
}

/* The logits compared; 0: the model's rows are not independent. */
static uint32_t take_walk(const char *path)
{
    struct error error;
    struct walk *walk = mem_calloc(1, sizeof(*walk));
    const struct model_options options = {.path = path, .context = 512, .parallel = SEQUENCES, .threads = 2};
    assert_non_null(walk);
    assert_int_equal(model_load(&options, &walk->model, &error), OK);
    walk->vocabulary = model_facts(walk->model)->vocabulary;
    rng_seed(&walk->rng, 7);
    model_set_threads(walk->model, 1);
    if (model_facts(walk->model)->is_row_independent) {
        for (uint32_t text = 0; text < TEXTS; text++)
            learn(walk, text);
        for (uint32_t i = 0; i < SEQUENCES; i++)
            walk->readers[i].text = i % TEXTS;
        for (uint32_t step = 0; step < STEPS; step++)
            walk_step(walk);
    }
    const uint32_t compared = walk->compared;
    for (uint32_t text = 0; text < TEXTS; text++)
        mem_free(walk->known[text].logits);
    model_free(walk->model);
    mem_free(walk);
    return compared;
}

static void test_logits(void **state)
{
    (void)state;
    for (size_t i = 0; i < WEIGHTS_COUNT; i++) {
        const uint32_t compared = take_walk(paths[i]);
        assert_true(compared > LENGTH / 3 || i >= WEIGHTS_TAKEN || !has_kernels());
    }
    (void)take_walk(mamba_path);
}

/* --- main --------------------------------------------------------------------------------------------- */

static bool write_models(void)
{
    struct random_gguf_options options = {.layers = 2, .width = 256, .heads = 8, .kv_heads = 2, .feed_forward = 512,
                                          .vocabulary = 512, .context = 512, .seed = 1, .window = 128};
    for (size_t i = 0; i < WEIGHTS_COUNT; i++) {
        options.weights = WEIGHTS[i];
        if (!write_model(&options, WEIGHTS[i], paths[i]))
            return false;
    }
    options.weights = WEIGHTS[0];
    options.kind = RANDOM_GGUF_MAMBA;
    if (!write_model(&options, "same-mamba", mamba_path))
        return false;
    options.kind = RANDOM_GGUF_GEMMA2;
    return write_model(&options, "same-gemma2", gemma2_path);
}

int main(void)
{
    log_configure(LOG_ERROR, LOG_LOGFMT);
    if (!write_models())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fact),
        cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_logits),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (size_t i = 0; i < WEIGHTS_COUNT; i++)
        unlink(paths[i]);
    unlink(mamba_path);
    unlink(gemma2_path);
    return failed;
}
