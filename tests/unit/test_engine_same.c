/* test_engine_same.c - a reply's bits depend on its request alone: not on what runs beside it or ran before it, not on
 * the pieces its prompt was read in, on caching, preemption or threads. For models whose rows are independent. */
#include "support_scheduler.h"

#include <ggml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/log.h"
#include "core/util.h"
#include "engine/row_independence.h"
#include "support.h"

static const char *const WEIGHTS[] = {"q8_0", "q4_0", "q4_K", "q5_K", "q6_K", "f32", "bf16", "f16"};
#define WEIGHTS_COUNT (sizeof(WEIGHTS) / sizeof(WEIGHTS[0]))

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
    for (size_t i = 0; i < WEIGHTS_COUNT; i++)
        assert_fact(paths[i], has_kernels(), has_kernels() ? NULL : "MUL_MAT of blk.0.attn_q.weight");
    assert_fact(gemma2_path, has_kernels(), has_kernels() ? NULL : "MUL_MAT of blk.0.attn_q.weight");
    if (has_kernels())
        assert_fact(mamba_path, true, NULL);
}

/* ggml as it was released. In a process of its own: the setting is read once. */
static void test_without_kernels(void **state)
{
    (void)state;
    int status = 0;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("GGML_CPU_TILES", "0", 1);
        assert_fact(paths[0], false, "MUL_MAT of blk.0.attn_q.weight");
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
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
    struct ggml_tensor *halves = ggml_new_tensor_2d(ggml, GGML_TYPE_F16, 16, 4);
    struct ggml_tensor *attention = ggml_flash_attn_ext(ggml, x, halves, halves, halves, 1, 0, 0);
    assert_false(node_is_row_independent(attention, takes_all)); /* in the order of the cells, wherever they lie */
    attention->src[5] = ggml_new_tensor_1d(ggml, GGML_TYPE_I32, 4);
    assert_true(node_is_row_independent(attention, takes_all));
    assert_false(node_is_row_independent(attention, takes_none));
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

static bool can_cut(const struct walk *walk)
{
    return model_facts(walk->model)->state_kind == MODEL_STATE_ATTENTION;
}

/* Out of the cells and into others, as the prefix store does it. */
static void move(struct walk *walk, uint32_t sequence)
{
    struct model *model = walk->model;
    const uint32_t target = can_cut(walk) ? model_facts(model)->scratch : sequence;
    const size_t size = model_state_size(model, sequence);
    void *state = mem_alloc(size);
    assert_true(size > 0 && state != NULL);
    const size_t len = model_state_get(model, sequence, state, size);
    model_seq_clear(model, sequence);
    assert_true(model_state_set(model, target, state, len) > 0);
    if (target != sequence) {
        model_seq_copy(model, target, sequence, 0, walk->readers[sequence].past);
        model_seq_clear(model, target);
    }
    mem_free(state);
}

/* A beginning that another sequence has is shared. */
static void share(struct walk *walk, uint32_t sequence)
{
    const uint32_t from = below(walk, SEQUENCES), past = walk->readers[from].past;
    if (from == sequence || past == 0 || !can_cut(walk))
        return;
    struct reader *reader = &walk->readers[sequence];
    model_seq_clear(walk->model, sequence);
    *reader = (struct reader){.text = walk->readers[from].text, .past = 1 + below(walk, past)};
    model_seq_copy(walk->model, from, sequence, 0, reader->past);
}

static void begin_anew(struct walk *walk, uint32_t sequence)
{
    model_seq_clear(walk->model, sequence);
    walk->readers[sequence] = (struct reader){.text = below(walk, TEXTS)};
}

static void disturb(struct walk *walk, uint32_t sequence)
{
    struct reader *reader = &walk->readers[sequence];
    switch (below(walk, 24)) {
    case 0: begin_anew(walk, sequence); break;
    case 1: share(walk, sequence); break;
    case 2:
        if (reader->past > 0)
            move(walk, sequence);
        break;
    case 3:
        if (reader->past > 1 && can_cut(walk)) {
            reader->past -= 1 + below(walk, reader->past - 1);
            assert_true(model_seq_cut(walk->model, sequence, reader->past));
        }
        break;
    default: break;
    }
    if (reader->past == LENGTH)
        begin_anew(walk, sequence);
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
        disturb(walk, i);
    for (uint32_t i = 0; i < SEQUENCES; i++)
        add_piece(walk, (first + i) % SEQUENCES);
    if (model_batch_count(walk->model) == 0)
        return;
    model_set_threads(walk->model, below(walk, 40) == 0 ? 2 : 1); /* on a busy machine they wait for each other */
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
        assert_true(compared > STEPS || !has_kernels());
    }
    assert_true(take_walk(mamba_path) > STEPS || !has_kernels());
    assert_true(take_walk(gemma2_path) > STEPS || !has_kernels());
}

/* --- requests --------------------------------------------------------------------------------------- */

#define ASKS 16u
#define CONTEXT 1024u
#define PROMPT_MAX 600u
#define MINUTES 300u

struct wave {
    struct ask asks[ASKS];
    uint32_t first, stride;
};

struct round {
    const char *name;
    struct bed_options bed;
    enum engine_cache cache;
    uint32_t waves; /* how often all come; each time another is first, in the first wave one of batch */
    bool is_on_disk;
};

static model_token prompts[3][PROMPT_MAX];
static struct buf alone[ASKS]; /* the replies when nothing else runs */
static uint64_t preempted, recomputed, read_tokens;

/* Request number i: three prompts begin alike; half are sampled; replies are short but for each fourth. */
static void init_ask(struct ask *ask, uint32_t i, enum engine_cache cache)
{
    static const uint32_t lengths[] = {5, 64, 129, 300, 411, 599};
    const uint32_t count = lengths[i % 6];
    ask_init(ask, prompts[i % 3], count, cache, i % 4 == 0 ? 150 : 5 + i);
    ask->job.tokens.items[count - 1] = (model_token)(i + 1);
    ask->job.request.temperature = i % 2 ? 1.5f : 0;
    ask->job.request.seed = i;
    ask->job.request.tier = (enum tier)((i + i / 4) % TIERS);
    if (cache == ENGINE_CACHE_EXPLICIT && count > 200)
        ask_mark(ask, count - 100, MINUTES);
}

/* All others come when the first one's reply has begun. */
static void let_in(struct ask *ask)
{
    struct wave *wave = ask->ctx;
    for (uint32_t i = 1; ask->texts == 4 && i < ASKS; i++)
        ask_submit(ask->bed, &wave->asks[(wave->first + i * wave->stride) % ASKS]);
}

static void run_wave(struct bed *bed, const struct round *round, struct wave *wave)
{
    for (uint32_t i = 0; i < ASKS; i++) {
        init_ask(&wave->asks[i], i, round->cache);
        wave->asks[i].bed = bed;
    }
    wave->asks[wave->first].on_text = let_in;
    wave->asks[wave->first].ctx = wave;
    ask_submit(bed, &wave->asks[wave->first]);
    for (uint32_t i = 0; i < ASKS; i++) {
        struct ask *ask = &wave->asks[i];
        ask_wait(ask);
        assert_true(ask->is_finished);
        if (!str_eq(buf_str(&ask->text), buf_str(&alone[i])))
            fail_msg("%s: the reply to request %u is another beside others", round->name, (unsigned)i);
        read_tokens += ask->finished.cache.read_tokens;
    }
    for (uint32_t i = 0; i < ASKS; i++)
        ask_deinit(&wave->asks[i]);
}

static void run_round(const struct round *round, const char *path)
{
    struct bed_options options = round->bed;
    struct wave wave;
    options.path = path;
    options.context = CONTEXT;
    options.disk_dir = round->is_on_disk ? test_root : NULL;
    struct bed *bed = bed_open(&options);
    for (uint32_t number = 0; number < round->waves; number++) {
        wave.first = 12 - 4 * number;
        wave.stride = 3 + 4 * number;
        run_wave(bed, round, &wave);
        for (size_t tier = 0; tier < TIERS; tier++)
            preempted += number == 0 ? atomic_load(&bed->client.slot->preemptions[tier]) : 0;
        if (round->is_on_disk) { /* another worker finds what this one left */
            bed_free(bed);
            bed = bed_open(&options);
        }
    }
    recomputed += atomic_load(&bed->client.slot->recomputed_tokens);
    bed_free(bed);
}

static void learn_alone(const char *path)
{
    const struct bed_options options = {.path = path, .context = CONTEXT, .parallel = 1, .threads = 1};
    struct bed *bed = bed_open(&options);
    for (uint32_t i = 0; i < ASKS; i++) {
        struct ask ask;
        init_ask(&ask, i, ENGINE_CACHE_OFF);
        ask_run(bed, &ask);
        buf_init(&alone[i], 1u << 20);
        buf_append_str(&alone[i], buf_str(&ask.text));
        assert_true(alone[i].len > 0);
        ask_deinit(&ask);
    }
    bed_free(bed);
}

static void test_replies(void **state)
{
    (void)state;
    static const struct round rounds[] = {
        {"many", {.parallel = 16, .threads = 1}, ENGINE_CACHE_OFF, 2, false},
        {"two threads", {.parallel = 16, .threads = 2}, ENGINE_CACHE_OFF, 1, false},
        {"odd pieces", {.parallel = 5, .threads = 1, .chunk_max = 13}, ENGINE_CACHE_OFF, 1, false},
        {"cached", {.parallel = 16, .threads = 1, .memory_bytes = MODEL_ROOM}, ENGINE_CACHE_IMPLICIT, 2, false},
        {"cached, preempted", {.parallel = 3, .threads = 1, .chunk_max = 50, .memory_bytes = MODEL_ROOM},
         ENGINE_CACHE_EXPLICIT, 2, false},
        {"computed again", {.parallel = 2, .threads = 1, .tiers = {.parked_bytes = 1}}, ENGINE_CACHE_OFF, 2, false},
        {"on disk", {.parallel = 6, .threads = 1, .memory_bytes = 1u << 20, .disk_bytes = 64u << 20},
         ENGINE_CACHE_EXPLICIT, 2, true},
    };
    for (size_t kind = 0; kind < 2 && has_kernels(); kind++) {
        const char *path = paths[kind == 0 ? 0 : 2]; /* q8_0, q4_K */
        learn_alone(path);
        preempted = recomputed = read_tokens = 0;
        for (size_t i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++) {
            const uint64_t read_before = read_tokens;
            run_round(&rounds[i], path);
            assert_true((read_tokens > read_before) == (rounds[i].cache != ENGINE_CACHE_OFF));
        }
        assert_true(preempted > 0 && recomputed > 0);
        for (uint32_t i = 0; i < ASKS; i++)
            buf_deinit(&alone[i]);
    }
}

/* --- main --------------------------------------------------------------------------------------------- */

static bool write_models(void)
{
    struct random_gguf_options options = {.layers = 2, .width = 256, .heads = 8, .kv_heads = 2, .feed_forward = 512,
                                          .vocabulary = 512, .context = CONTEXT, .seed = 1, .window = 128};
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
    for (uint64_t i = 0; i < 3; i++)
        fill_tokens(prompts[i], PROMPT_MAX, i + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_kernels), /* before anything reads the setting */
        cmocka_unit_test(test_fact),
        cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_logits),
        cmocka_unit_test_setup_teardown(test_replies, test_root_make, test_root_remove),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (size_t i = 0; i < WEIGHTS_COUNT; i++)
        unlink(paths[i]);
    unlink(mamba_path);
    unlink(gemma2_path);
    return failed;
}
