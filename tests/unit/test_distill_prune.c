/* test_distill_prune.c - a smaller model out of a pretrained one: which layers and tokens stay, that a text of kept
 * tokens is cut as before and any text can be written, that weights are where they belong and compute what llama.cpp
 * does, and that a run goes on with the same model only. */
#include <gguf.h>

#include "distill_runs.h"

#include "distill/count.h"
#include "distill/pretrained.h"
#include "distill/prune.h"
#include "distill/tokenizer.h"
#include "engine/random_gguf.h"

#define SENTENCES 400

static const char *const words[] = {
    "the",     "order",   "orders",   "ordering", "disorder", "parcel",  "parcels",  "refund",   "refunded",
    "invoice", "invoices", "Monday",  "delivery", "deliver",  "late",    "later",    "latest",   "shipping",
    "ship",    "1234",    "99",       "7",        "AB-1234",  "caf\xc3\xa9", "na\xc3\xafve", "\xe2\x82\xac", "total",
    "totals",  "address", "password", "reset",    "resets",   "account", "accounts", "blue",     "bluest",
    "green",   "greener", "\n",       "\t\t",     "   ",      "...",     "!?",       "{\"a\":1}", "hello",
};
#define WORDS (sizeof(words) / sizeof(words[0]))

/* --- bases ------------------------------------------------------------------------------------------ */

struct base {
    struct folder folder;
    char path[96], pruned[112];
};

static void make_base(struct base *base, const char *name)
{
    make_folder(&base->folder, name);
    snprintf(base->path, sizeof(base->path), "%s/base.gguf", base->folder.path);
    snprintf(base->pruned, sizeof(base->pruned), "%s" PRUNE_SUFFIX, base->folder.out);
}

static void remove_base(const struct base *base)
{
    unlink(base->path);
    unlink(base->pruned);
    remove_folder(&base->folder);
}

static void random_base(struct base *base, const char *name, uint32_t layers)
{
    struct random_gguf_options options = RANDOM_GGUF_TINY;
    struct error error;
    options.layers = layers;
    options.vocabulary = 700;
    make_base(base, name);
    assert_ok(random_gguf_write(&options, base->path, &error));
}

static void append_sentence(struct buf *text, struct rng *rng, size_t most)
{
    const size_t count = 1 + rng_below(rng, 12);
    for (size_t i = 0; i < count; i++)
        buf_appendf(text, "%s%s", i ? " " : "", words[rng_below(rng, most)]);
}

/* Rows of sentences from the first `most` words. */
static void write_sentences(const char *path, uint64_t seed, size_t most)
{
    struct buf text, sentence;
    struct rng rng;
    rng_seed(&rng, seed);
    buf_init(&text, 1 << 20);
    buf_init(&sentence, 1 << 16);
    for (size_t i = 0; i < 200; i++) {
        buf_clear(&sentence);
        append_sentence(&sentence, &rng, most);
        buf_append_text(&text, "{\"messages\":[{\"role\":\"user\",\"content\":");
        buf_append_json(&text, buf_str(&sentence));
        buf_append_text(&text, "}],\"expected\":\"yes\"}\n");
    }
    buf_append_char(&text, '\0');
    write_text(path, text.data);
    buf_deinit(&text);
    buf_deinit(&sentence);
}

/* A model of our own, tied, with merges of several levels. */
static void own_base(struct base *base, const char *name, unsigned digits)
{
    char rows[128];
    struct buf text;
    make_base(base, name);
    snprintf(rows, sizeof(rows), "%s/rows.jsonl", base->folder.path);
    write_sentences(rows, 1, WORDS);
    buf_init(&text, 1 << 16);
    buf_appendf(&text,
                "name: own\n"
                "model: {layers: 5, width: 64, heads: 4, kv_heads: 2, feed_forward: 128, vocabulary: 1600}\n"
                "tokenizer: {corpus: [rows.jsonl], digits: %u}\n"
                "type: f32\n"
                "phases:\n"
                "  - {name: one, tokens: 1536, length: 96, rows: 2, data: [{file: rows.jsonl}]}\n", digits);
    buf_append_char(&text, '\0');
    write_text(base->folder.config, text.data);
    (void)run(&base->folder, false);
    assert_int_equal(rename(base->folder.out, base->path), 0);
    unlink(base->folder.checkpoint);
    buf_deinit(&text);
}

static void write_recipe(const struct base *base, unsigned steps, const char *more)
{
    struct buf text;
    buf_init(&text, 1 << 16);
    buf_appendf(&text,
                "name: student\n"
                "tuned_from: base.gguf\n"
                "type: f32\n"
                "optimiser: {kind: adamw, rate: 0.01}\n"
                "%s\n"
                "phases:\n"
                "  - {name: one, tokens: %u, length: 96, rows: 2, data: [{file: rows.jsonl}]}\n", more, steps * 192);
    buf_append_char(&text, '\0');
    write_text(base->folder.config, text.data);
    buf_deinit(&text);
}

static uint32_t prune(const struct base *base, const char *more)
{
    struct train_config config;
    struct error error;
    uint32_t mark = 0;
    write_recipe(base, 1, more);
    assert_ok(train_config_load(base->folder.config, &config, &error));
    assert_ok(prune_write(&config, base->pruned, &mark, &error));
    assert_int_not_equal(mark, 0);
    train_config_deinit(&config);
    return mark;
}

static struct weights *weights_of(const char *path)
{
    struct pretrained pretrained;
    struct model_shape shape;
    struct weights *weights;
    struct error error;
    assert_ok(pretrained_open(path, &pretrained, &error));
    assert_ok(pretrained_shape(&pretrained, &shape, &error));
    assert_ok(weights_new(&shape, &weights, &error));
    assert_ok(pretrained_copy(&pretrained, weights, &error));
    pretrained_close(&pretrained);
    return weights;
}

/* --- layers ----------------------------------------------------------------------------------------- */

static void layers_are_evenly_spread_with_both_ends(void **state)
{
    (void)state;
    static const struct {
        uint32_t base, count, layers[8];
    } cases[] = {
        {30, 6, {0, 6, 12, 17, 23, 29}}, {30, 2, {0, 29}}, {30, 1, {0}}, {4, 4, {0, 1, 2, 3}}, {5, 3, {0, 2, 4}},
        {12, 8, {0, 2, 3, 5, 6, 8, 9, 11}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t layers[8] = {0};
        prune_spread(cases[i].base, cases[i].count, layers);
        for (uint32_t j = 0; j < cases[i].count; j++)
            assert_int_equal(layers[j], cases[i].layers[j]);
    }
    for (uint32_t base = 1; base < 64; base++)
        for (uint32_t count = 1; count <= base; count++) {
            uint32_t layers[64];
            prune_spread(base, count, layers);
            assert_int_equal(layers[0], 0);
            assert_true(count == 1 || layers[count - 1] == base - 1);
            for (uint32_t j = 1; j < count; j++)
                assert_true(layers[j] > layers[j - 1]);
        }
}

static void assert_same_layer(const struct weights *base, uint32_t old, const struct weights *pruned, uint32_t now)
{
    char name[2][GGML_MAX_NAME];
    size_t matched = 0;
    for (size_t i = 0; i < pruned->param_count; i++) {
        snprintf(name[0], sizeof(name[0]), "blk.%u.", now);
        if (strncmp(pruned->params[i].weight->name, name[0], strlen(name[0])) != 0)
            continue;
        snprintf(name[1], sizeof(name[1]), "blk.%u.%.40s", old, pruned->params[i].weight->name + strlen(name[0]));
        for (size_t j = 0; j < base->param_count; j++)
            if (strcmp(base->params[j].weight->name, name[1]) == 0) {
                assert_memory_equal(param_data(&base->params[j]), param_data(&pruned->params[i]),
                                    param_count(&pruned->params[i]) * sizeof(float));
                matched++;
            }
    }
    assert_int_equal(matched, 9);
}

/* With more than ten layers, so that names in some files' order would meet. */
static void chosen_layers_are_the_bases_own(void **state)
{
    (void)state;
    static const struct {
        const char *pruned;
        uint32_t count, layers[4];
    } cases[] = {
        {"pruned: {layers: 3}", 3, {0, 6, 11}},
        {"pruned: {layers: [1, 2, 10, 11]}", 4, {1, 2, 10, 11}},
        {"pruned: {layers: [7]}", 1, {7}},
    };
    struct base base;
    random_base(&base, "layers", 12);
    struct weights *old = weights_of(base.path);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)prune(&base, cases[i].pruned);
        struct weights *now = weights_of(base.pruned);
        assert_int_equal(now->shape.layers, cases[i].count);
        assert_int_equal(now->shape.vocabulary, old->shape.vocabulary);
        for (uint32_t j = 0; j < cases[i].count; j++)
            assert_same_layer(old, cases[i].layers[j], now, j);
        weights_free(now);
    }
    weights_free(old);
    remove_base(&base);
}

/* --- vocabulary ------------------------------------------------------------------------------------- */

struct vocabularies {
    struct tokenizer *old, *now;
    int32_t *fresh; /* (old->count) -1: gone */
};

static void open_vocabularies(struct vocabularies *both, const char *base, const char *pruned)
{
    struct error error;
    struct gguf_context *gguf = gguf_init_from_file(pruned, (struct gguf_init_params){.no_alloc = true});
    assert_non_null(gguf);
    assert_ok(tokenizer_load_pretrained(base, &both->old, &error));
    assert_ok(tokenizer_load_pretrained(pruned, &both->now, &error));
    both->fresh = mem_calloc(both->old->count, sizeof(*both->fresh));
    assert_non_null(both->fresh);
    for (uint32_t i = 0; i < both->old->count; i++)
        both->fresh[i] = -1;
    const int64_t at = gguf_find_key(gguf, "fulcrum.pruned.tokens");
    assert_true(at >= 0);
    assert_int_equal(gguf_get_arr_n(gguf, at), both->now->count);
    const int32_t *kept = gguf_get_arr_data(gguf, at);
    for (uint32_t i = 0; i < both->now->count; i++)
        both->fresh[kept[i]] = (int32_t)i;
    gguf_free(gguf);
}

static void close_vocabularies(struct vocabularies *both)
{
    tokenizer_free(both->old);
    tokenizer_free(both->now);
    mem_free(both->fresh);
}

static void assert_same_text(const struct vocabularies *both, const struct token_ids *old, const struct token_ids *now)
{
    struct buf texts[2];
    buf_init(&texts[0], 1 << 20);
    buf_init(&texts[1], 1 << 20);
    assert_true(tokenizer_decode(both->old, old->items, old->count, &texts[0]));
    assert_true(tokenizer_decode(both->now, now->items, now->count, &texts[1]));
    assert_true(str_eq(buf_str(&texts[0]), buf_str(&texts[1])));
    buf_deinit(&texts[0]);
    buf_deinit(&texts[1]);
}

/* True: all of the text's tokens are still there. */
static bool check_text(const struct vocabularies *both, struct str text)
{
    struct token_ids old = {0}, now = {0};
    bool is_kept = true;
    assert_true(tokenizer_encode(both->old, text, false, &old));
    assert_true(tokenizer_encode(both->now, text, false, &now));
    for (size_t i = 0; i < old.count; i++)
        is_kept = is_kept && both->fresh[old.items[i]] >= 0;
    assert_same_text(both, &old, &now);
    if (is_kept) {
        assert_int_equal(old.count, now.count);
        for (size_t i = 0; i < old.count; i++)
            assert_int_equal(both->fresh[old.items[i]], now.items[i]);
    }
    token_ids_deinit(&old);
    token_ids_deinit(&now);
    return is_kept;
}

/* Any characters, of one to four bytes. */
static void append_noise(struct buf *text, struct rng *rng)
{
    const size_t count = rng_below(rng, 24);
    for (size_t i = 0; i < count; i++) {
        static const char *const wide[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xe6\x97\xa5", "\xd0\x96"};
        if (rng_below(rng, 8) == 0)
            buf_append_text(text, wide[rng_below(rng, 5)]);
        else
            buf_append_char(text, (char)(' ' + rng_below(rng, 95)));
    }
}

/* Token texts side by side: words as nobody writes them, of kept pieces. */
static void append_pieces(struct buf *text, const struct vocabularies *both, struct rng *rng)
{
    for (size_t i = 0; i < 4; i++) {
        const int32_t token = (int32_t)rng_below(rng, both->now->count);
        struct buf piece;
        buf_init(&piece, 1 << 12);
        assert_true(tokenizer_decode(both->now, &token, 1, &piece));
        if (str_is_utf8(buf_str(&piece)))
            buf_append_str(text, buf_str(&piece));
        buf_deinit(&piece);
    }
}

static void check_vocabularies(const char *base, const char *pruned, uint32_t most)
{
    struct vocabularies both;
    struct buf text;
    struct rng rng;
    size_t kept = 0;
    open_vocabularies(&both, base, pruned);
    assert_true(both.now->count <= most);
    for (uint32_t i = 0; i < SPECIAL_COUNT; i++) {
        const int32_t old = tokenizer_special(both.old, (enum special_token)i);
        assert_int_equal(tokenizer_special(both.now, (enum special_token)i), old < 0 ? -1 : both.fresh[old]);
    }
    rng_seed(&rng, 5);
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < SENTENCES * 3; i++) {
        buf_clear(&text);
        if (i % 3 == 0)
            append_sentence(&text, &rng, WORDS);
        else if (i % 3 == 1)
            append_noise(&text, &rng);
        else
            append_pieces(&text, &both, &rng);
        kept += check_text(&both, buf_str(&text));
    }
    print_message("%u of %u tokens: %zu of %d texts as before\n", both.now->count, both.old->count, kept,
                  SENTENCES * 3);
    assert_true(kept > SENTENCES / 4);
    buf_deinit(&text);
    close_vocabularies(&both);
}

/* At several sizes; what the rows use is cut as before wherever there is room for it. */
static void check_cuts(const struct base *base, const uint32_t *sizes, size_t count)
{
    char rows[128], more[64];
    snprintf(rows, sizeof(rows), "%s/rows.jsonl", base->folder.path);
    write_sentences(rows, 7, WORDS / 2);
    for (size_t i = 0; i < count; i++) {
        snprintf(more, sizeof(more), "pruned: {vocabulary: %u}", sizes[i]);
        (void)prune(base, more);
        check_vocabularies(base->path, base->pruned, sizes[i]);
    }
}

static void a_text_of_kept_tokens_is_cut_as_before(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {300, 400, 560};
    for (unsigned digits = 1; digits <= 3; digits += 2) {
        struct base base;
        own_base(&base, "own", digits);
        check_cuts(&base, sizes, 3);
        remove_base(&base);
    }
}

static void so_it_is_of_models_that_there_are(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {700, 2048};
    static const char *const models[] = {"models/desk-small.gguf", NULL};
    char path[4096] = "";
    FILE *command = popen("deps/model --print smollm2", "re");
    if (command && fgets(path, sizeof(path), command))
        path[strcspn(path, "\n")] = '\0';
    if (command)
        (void)pclose(command);
    for (size_t i = 0; i < 2; i++) {
        const char *model = models[i] ? models[i] : path;
        char full[4096];
        struct base base;
        if (access(model, R_OK) != 0 || !realpath(model, full)) {
            print_message("skipped: no %s\n", model);
            continue;
        }
        make_base(&base, "real");
        assert_int_equal(symlink(full, base.path), 0);
        check_cuts(&base, sizes, 2);
        remove_base(&base);
    }
}

/* --- SentencePiece ---------------------------------------------------------------------------------- */

static void add_token(const char **texts, int32_t *types, float *scores, uint32_t *count, const char *text,
                      int32_t type)
{
    scores[*count] = -(float)*count;
    types[*count] = type;
    texts[(*count)++] = text;
}

/* Every beginning of every word and every piece inside it, so that merges have many ways to go. */
static void put_pieces(struct gguf_context *gguf, struct arena *arena, uint32_t count)
{
    const char **texts = ARENA_ARRAY(arena, const char *, count);
    int32_t *types = ARENA_ARRAY(arena, int32_t, count);
    float *scores = ARENA_ARRAY(arena, float, count);
    uint32_t at = 0;
    assert_true(texts && types && scores);
    add_token(texts, types, scores, &at, "<unk>", 2);
    add_token(texts, types, scores, &at, "<s>", 3);
    add_token(texts, types, scores, &at, "</s>", 3);
    for (unsigned i = 0; i < 256; i++)
        add_token(texts, types, scores, &at, arena_printf(arena, "<0x%02X>", i).data, 6);
    add_token(texts, types, scores, &at, "\xe2\x96\x81", 1);
    for (size_t len = 1; len < 9; len++)
        for (size_t i = 0; i < 24; i++)
            for (size_t from = 0; from + len <= strlen(words[i]); from++) {
                const char *text = arena_printf(arena, "%s%.*s", from ? "" : "\xe2\x96\x81", (int)len,
                                                words[i] + from).data;
                uint32_t same = 0;
                while (same < at && strcmp(texts[same], text) != 0)
                    same++;
                if (same == at && at + 2 < count)
                    add_token(texts, types, scores, &at, text, 1);
            }
    while (at + 2 < count)
        add_token(texts, types, scores, &at, arena_printf(arena, "[unused%u]", at).data, 5);
    add_token(texts, types, scores, &at, "<|im_start|>", 3);
    add_token(texts, types, scores, &at, "<|im_end|>", 3);
    gguf_set_val_str(gguf, "tokenizer.ggml.model", "llama");
    gguf_remove_key(gguf, "tokenizer.ggml.pre");
    gguf_remove_key(gguf, "tokenizer.ggml.merges");
    gguf_set_arr_str(gguf, "tokenizer.ggml.tokens", texts, count);
    gguf_set_arr_data(gguf, "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types, count);
    gguf_set_arr_data(gguf, "tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, scores, count);
    gguf_set_val_u32(gguf, "tokenizer.ggml.bos_token_id", 1);
    gguf_set_val_u32(gguf, "tokenizer.ggml.eos_token_id", count - 1);
}

/* The file at `path` with `change` made to its metadata. */
static void rewrite(const char *path, void (*change)(struct gguf_context *gguf, struct arena *arena, uint32_t count))
{
    struct arena arena;
    struct ggml_context *tensors = NULL;
    struct gguf_context *good = gguf_init_from_file(path, (struct gguf_init_params){.ctx = &tensors});
    struct gguf_context *gguf = gguf_init_empty();
    assert_non_null(good);
    arena_init(&arena, 0);
    gguf_set_kv(gguf, good);
    for (int64_t i = 0; i < gguf_get_n_tensors(good); i++)
        gguf_add_tensor(gguf, ggml_get_tensor(tensors, gguf_get_tensor_name(good, i)));
    change(gguf, &arena, (uint32_t)ggml_get_tensor(tensors, "token_embd.weight")->ne[1]);
    assert_true(gguf_write_to_file(gguf, path, false));
    gguf_free(good);
    gguf_free(gguf);
    ggml_free(tensors);
    arena_deinit(&arena);
}

static void pieces_that_are_joined_by_score_are_cut_as_before(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {280, 360, 500};
    struct base base;
    random_base(&base, "scores", 1);
    rewrite(base.path, put_pieces);
    check_cuts(&base, sizes, 3);
    remove_base(&base);
}

/* --- weights ---------------------------------------------------------------------------------------- */

static void rows_follow_their_tokens(void **state)
{
    (void)state;
    struct base base;
    struct vocabularies both;
    random_base(&base, "rows", 3);
    (void)prune(&base, "pruned: {layers: 2, vocabulary: 400}");
    struct weights *old = weights_of(base.path), *now = weights_of(base.pruned);
    open_vocabularies(&both, base.path, base.pruned);
    assert_int_equal(now->shape.vocabulary, 400);
    assert_int_equal(now->shape.layers, 2);
    for (uint32_t i = 0; i < both.old->count; i++) {
        const size_t width = old->shape.width;
        if (both.fresh[i] < 0)
            continue;
        assert_memory_equal((float *)old->embedding->data + i * width,
                            (float *)now->embedding->data + (size_t)both.fresh[i] * width, width * sizeof(float));
        assert_memory_equal((float *)old->head->data + i * width,
                            (float *)now->head->data + (size_t)both.fresh[i] * width, width * sizeof(float));
    }
    close_vocabularies(&both);
    weights_free(old);
    weights_free(now);
    remove_base(&base);
}

static void graph_and_llama_cpp_agree(const char *path)
{
    struct error error;
    struct compute *compute;
    struct graph *graph;
    struct packer packer;
    struct model *model;
    double loss;
    const struct batch_shape shape = {LOGIT_TOKENS, 1, LOGIT_TOKENS};
    struct weights *weights = weights_of(path);
    assert_ok(compute_new(1, true, &compute, &error));
    assert_ok(graph_new(compute, weights, shape, false, &graph, &error));
    assert_ok(packer_init(&packer, shape, &error));
    fill_batch(&packer.batch, weights->shape.vocabulary);
    assert_ok(graph_run(graph, &packer.batch, 0.0f, &loss, NULL, &error));
    const struct model_options options = {.path = path, .context = 128, .parallel = 1, .threads = 1};
    assert_ok(model_load(&options, &model, &error));
    assert_same_logits(model, graph, &packer.batch, weights->shape.vocabulary);
    model_free(model);
    packer_deinit(&packer);
    graph_free(graph);
    compute_free(compute);
    weights_free(weights);
}

static void what_is_left_computes_what_llama_cpp_does(void **state)
{
    (void)state;
    struct base base;
    random_base(&base, "untied", 4);
    (void)prune(&base, "pruned: {layers: 2, vocabulary: 300}");
    graph_and_llama_cpp_agree(base.pruned);
    remove_base(&base);
    own_base(&base, "tied", 3);
    (void)prune(&base, "pruned: {layers: 3, vocabulary: 350}");
    struct weights *weights = weights_of(base.pruned);
    assert_true(weights->shape.is_tied);
    weights_free(weights);
    graph_and_llama_cpp_agree(base.pruned);
    remove_base(&base);
}

/* The gradient of all weights along a random direction is the slope of the loss. */
static void its_gradients_are_slopes(void **state)
{
    (void)state;
    struct base base;
    struct error error;
    struct compute *compute;
    struct graph *graph;
    struct packer packer;
    struct rng rng;
    double loss[3] = {0}, slope = 0.0, step = 2e-3;
    const struct batch_shape shape = {LOGIT_TOKENS, 1, LOGIT_TOKENS};
    random_base(&base, "slopes", 4);
    (void)prune(&base, "pruned: {layers: 2, vocabulary: 300}");
    struct weights *weights = weights_of(base.pruned);
    assert_ok(compute_new(1, true, &compute, &error));
    assert_ok(graph_new(compute, weights, shape, true, &graph, &error));
    assert_ok(packer_init(&packer, shape, &error));
    fill_batch(&packer.batch, weights->shape.vocabulary);
    assert_ok(graph_run(graph, &packer.batch, 1.0f, &loss[0], NULL, &error));
    for (int side = 0; side < 3; side++) { /* ahead, behind, back */
        rng_seed(&rng, 3);
        for (size_t i = 0; i < weights->param_count; i++)
            for (size_t j = 0; j < param_count(&weights->params[i]); j++) {
                const double direction = rng_unit(&rng) - 0.5;
                slope += side == 0 ? (double)param_grad(&weights->params[i])[j] * direction : 0.0;
                param_data(&weights->params[i])[j] += (float)((side == 1 ? -2.0 : 1.0) * step * direction);
            }
        if (side < 2)
            assert_ok(graph_run(graph, &packer.batch, 0.0f, &loss[side + 1], NULL, &error));
    }
    const double numeric = (loss[1] - loss[2]) / (2.0 * step);
    if (fabs(numeric - slope) > 0.02 * fabs(numeric) + 0.05)
        fail_msg("gradient %g, finite difference %g", slope, numeric);
    packer_deinit(&packer);
    graph_free(graph);
    compute_free(compute);
    weights_free(weights);
    remove_base(&base);
}

/* --- runs ------------------------------------------------------------------------------------------- */

static void a_pruned_model_learns_with_whatever_is_trained(void **state)
{
    (void)state;
    static const char *const cases[] = {"frozen: none", "frozen: embedding", "adapter: {rank: 4}"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct base base;
        char more[128];
        random_base(&base, "learns", 4);
        snprintf(more, sizeof(more), "%s\npruned: {layers: 2, vocabulary: 320}", cases[i]);
        write_recipe(&base, 60, more);
        const struct train_result result = run(&base.folder, false);
        assert_true(result.last_loss < 3.0); /* 5.8 at first */
        struct weights *before = weights_of(base.pruned), *after = weights_of(base.folder.out);
        assert_true(model_shape_equal(&before->shape, &after->shape));
        assert_int_equal(memcmp(before->embedding->data, after->embedding->data, ggml_nbytes(after->embedding)) == 0,
                         i > 0);
        weights_free(before);
        weights_free(after);
        graph_and_llama_cpp_agree(base.folder.out);
        remove_base(&base);
    }
}

static void a_run_goes_on_with_the_same_pruning_only(void **state)
{
    (void)state;
    static const char same[] = "pruned: {layers: [0, 2], vocabulary: 320}";
    static const struct {
        const char *more, *message;
    } others[] = {
        {"pruned: {layers: [0, 3], vocabulary: 320}", "another pruned"},
        {"pruned: {layers: [0, 2], vocabulary: 321}", "another pruned"},
        {"pruned: {layers: [0, 1, 2], vocabulary: 320}", "another pruned"},
        {"", "another pruned"},
    };
    struct base base;
    struct error error;
    random_base(&base, "resumed", 4);
    write_recipe(&base, 9, same);
    (void)run(&base.folder, false);
    const struct str whole = read_file(base.folder.out);
    write_recipe(&base, 4, same);
    (void)run(&base.folder, false);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct train_config config;
        struct train_result result;
        const struct train_options options = {.out = base.folder.out, .resume = true};
        write_recipe(&base, 9, others[i].more);
        assert_ok(train_config_load(base.folder.config, &config, &error));
        assert_int_equal(train_run(&config, &options, &result, &error), ERROR_CONFLICT);
        if (!strstr(error.message, others[i].message))
            fail_msg("expected '%s' in '%s'", others[i].message, error.message);
        train_config_deinit(&config);
    }
    write_recipe(&base, 9, same);
    (void)run(&base.folder, true);
    const struct str resumed = read_file(base.folder.out);
    assert_true(str_eq(whole, resumed));
    mem_free((void *)(uintptr_t)whole.data);
    mem_free((void *)(uintptr_t)resumed.data);
    remove_base(&base);
}

static uint64_t counted_tokens(const struct base *base, const char *more)
{
    struct train_config config;
    struct error error;
    struct buf out;
    write_recipe(base, 1, more);
    buf_init(&out, 1 << 16);
    assert_ok(train_config_load(base->folder.config, &config, &error));
    assert_ok(count_corpora(&config, base->folder.out, UINT32_MAX, &out, &error));
    buf_append_char(&out, '\0');
    const char *tokens = strstr(out.data, "\"tokens\":");
    assert_non_null(tokens);
    const uint64_t count = strtoull(tokens + strlen("\"tokens\":"), NULL, 10);
    train_config_deinit(&config);
    buf_deinit(&out);
    return count;
}

static void rows_are_counted_in_tokens_that_are_left(void **state)
{
    (void)state;
    struct base base;
    own_base(&base, "counted", 1);
    const uint64_t all = counted_tokens(&base, ""), used = counted_tokens(&base, "pruned: {vocabulary: 900}"),
                   few = counted_tokens(&base, "pruned: {vocabulary: 290}");
    assert_int_equal(all, used); /* the rows use less than that */
    assert_true(few > all);
    remove_base(&base);
}

/* --- refusals --------------------------------------------------------------------------------------- */

static void lose_a_piece(struct gguf_context *gguf, struct arena *arena, uint32_t count)
{
    const char *merges[] = {"a b", "ab zzz"};
    (void)arena;
    (void)count;
    gguf_set_arr_str(gguf, "tokenizer.ggml.merges", merges, 2);
}

static void expect_refusal(const struct base *base, const char *message)
{
    struct train_config config;
    struct train_result result;
    struct error error = {0};
    const struct train_options options = {.out = base->folder.out};
    if (train_config_load(base->folder.config, &config, &error) == OK) {
        assert_int_equal(train_run(&config, &options, &result, &error), ERROR_INVALID);
        train_config_deinit(&config);
    }
    if (!strstr(error.message, message))
        fail_msg("expected '%s' in '%s'", message, error.message);
}

static void what_can_not_be_pruned_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *more, *message;
    } cases[] = {
        {"pruned: {}", "pruned: expected layers, vocabulary or both"},
        {"pruned: {layers: 0}", "pruned.layers: expected 1 to"},
        {"pruned: {layers: few}", "pruned.layers: expected 1 to"},
        {"pruned: {layers: []}", "pruned.layers: expected a number"},
        {"pruned: {layers: {a: 1}}", "pruned.layers: expected a number"},
        {"pruned: {layers: [2, 1]}", "pruned.layers: expected numbers of layers"},
        {"pruned: {layers: [1, 1]}", "pruned.layers: expected numbers of layers"},
        {"pruned: {layers: [one]}", "pruned.layers: expected numbers of layers"},
        {"pruned: {layers: 5}", "base.gguf has 4 layers"},
        {"pruned: {layers: [0, 4]}", "base.gguf has 4 layers, numbered from 0"},
        {"pruned: {vocabulary: 0}", "pruned.vocabulary: expected"},
        {"pruned: {vocabulary: 200}", "bytes and markers alone are"},
        {"pruned: {layers: 2}\nadapter: {rank: 2}\nfrozen: x", "frozen: expected"},
        {"pruned: {width: 2}", "pruned.width: unknown key"},
    };
    struct base base;
    random_base(&base, "refused", 4);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_recipe(&base, 1, cases[i].more);
        expect_refusal(&base, cases[i].message);
    }
    write_text(base.folder.config, "name: x\ntuned_from: base.gguf\npruned: {layers: 2}\nadapter: {rank: 2}\n"
                                   "type: adapter\nphases:\n"
                                   "  - {name: a, tokens: 1, length: 48, rows: 1, data: [{file: rows.jsonl}]}\n");
    expect_refusal(&base, "type: expected auto, q8_0 or f32 with pruned");
    write_text(base.folder.config, "name: x\npruned: {layers: 2}\n"
                                   "model: {layers: 2, width: 32, heads: 2, kv_heads: 1, feed_forward: 64}\n"
                                   "tokenizer: {corpus: [rows.jsonl]}\nphases:\n"
                                   "  - {name: a, tokens: 1, length: 48, rows: 1, data: [{file: rows.jsonl}]}\n");
    expect_refusal(&base, "pruned: expected tuned_from besides");
    rewrite(base.path, lose_a_piece);
    write_recipe(&base, 1, "pruned: {vocabulary: 300}");
    expect_refusal(&base, "merge 1 ('ab zzz') is of pieces that are no tokens");
    remove_base(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_are_evenly_spread_with_both_ends),
        cmocka_unit_test(chosen_layers_are_the_bases_own),
        cmocka_unit_test(a_text_of_kept_tokens_is_cut_as_before),
        cmocka_unit_test(so_it_is_of_models_that_there_are),
        cmocka_unit_test(pieces_that_are_joined_by_score_are_cut_as_before),
        cmocka_unit_test(rows_follow_their_tokens),
        cmocka_unit_test(what_is_left_computes_what_llama_cpp_does),
        cmocka_unit_test(its_gradients_are_slopes),
        cmocka_unit_test(a_pruned_model_learns_with_whatever_is_trained),
        cmocka_unit_test(a_run_goes_on_with_the_same_pruning_only),
        cmocka_unit_test(rows_are_counted_in_tokens_that_are_left),
        cmocka_unit_test(what_can_not_be_pruned_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
