/* test_distill_pretrained.c - training that begins with somebody else's model: the same function as llama.cpp computes
 * from the file, whatever its weights' type; what may change and what may not; which files are refused. */
#include <gguf.h>

#include "distill_runs.h"

#include "distill/frozen.h"
#include "distill/pretrained.h"
#include "distill/tokenizer.h"
#include "engine/random_gguf.h"

static void write_model(const char *path, const char *type)
{
    struct random_gguf_options options = RANDOM_GGUF_TINY;
    struct error error;
    options.weights = type;
    assert_ok(random_gguf_write(&options, path, &error));
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

/* --- what is computed ------------------------------------------------------------------------------- */

static void spoil(const char *path, void (*change)(struct gguf_context *gguf));

/* Beyond half of what it was trained on at first. */
static void reach_further(struct gguf_context *gguf)
{
    gguf_set_val_str(gguf, "llama.rope.scaling.type", "yarn");
    gguf_set_val_f32(gguf, "llama.rope.scaling.factor", 4.0f);
    gguf_set_val_f32(gguf, "llama.rope.scaling.attn_factor", 1.15f);
    gguf_set_val_u32(gguf, "llama.rope.scaling.original_context_length", LOGIT_TOKENS / 2);
}

static void logits_are_those_of_llama_cpp(const char *type, bool is_scaled)
{
    char path[64];
    struct error error;
    struct compute *compute;
    struct graph *graph;
    struct packer packer;
    struct model *model;
    double loss;
    const struct batch_shape shape = {LOGIT_TOKENS, 1, LOGIT_TOKENS};
    temporary_path(path, "pretrained.gguf");
    write_model(path, type);
    if (is_scaled)
        spoil(path, reach_further);
    struct weights *weights = weights_of(path);
    assert_int_equal(weights->shape.vocabulary, 512);
    assert_true(weights->shape.yarn_factor == (is_scaled ? 4.0f : 0.0f));
    assert_false(weights->shape.is_tied);
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
    unlink(path);
}

static void floats_compute_what_llama_cpp_does(void **state)
{
    (void)state;
    logits_are_those_of_llama_cpp(NULL, false);
    logits_are_those_of_llama_cpp("f16", false);
    logits_are_those_of_llama_cpp(NULL, true);
}

/* llama.cpp turns activations to bytes for such weights and we don't, so only the weights are looked at. */
static void quantised_weights_are_the_floats_that_they_stand_for(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        float farthest; /* of weights below 1 */
    } cases[] = {{"q8_0", 0.01f}, {"q5_1", 0.07f}, {"q4_1", 0.13f}, {"q4_0", 0.25f}};
    char exact[64], path[64];
    temporary_path(exact, "exact.gguf");
    temporary_path(path, "quantised.gguf");
    write_model(exact, NULL);
    struct weights *wanted = weights_of(exact);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_model(path, cases[i].type);
        struct weights *weights = weights_of(path);
        float farthest = 0.0f;
        for (size_t p = 0; p < weights->param_count; p++)
            for (size_t j = 0; j < param_count(&weights->params[p]); j++)
                farthest =
                    fmaxf(farthest, fabsf(param_data(&weights->params[p])[j] - param_data(&wanted->params[p])[j]));
        assert_true(farthest > 0.0f);
        if (farthest > cases[i].farthest)
            fail_msg("%s: a weight is off by %g", cases[i].type, (double)farthest);
        weights_free(weights);
    }
    weights_free(wanted);
    unlink(exact);
    unlink(path);
}

static void its_vocabulary_is_llama_cpps(void **state)
{
    (void)state;
    static const struct str text = {"the order of Ms. \xc3\x89va: 12 <|im_end|>\n", 37};
    char path[64];
    struct error error;
    struct tokenizer *tokenizer;
    struct token_ids ids = {0};
    struct buf back;
    temporary_path(path, "vocabulary.gguf");
    write_model(path, NULL);
    assert_ok(tokenizer_load_pretrained(path, &tokenizer, &error));
    assert_int_equal(tokenizer->count, 512);
    assert_true(tokenizer_encode(tokenizer, STR("<|im_end|>"), true, &ids));
    assert_int_equal(ids.count, 1);
    assert_int_equal(ids.items[0], tokenizer_special(tokenizer, SPECIAL_IM_END));
    ids.count = 0;
    assert_true(tokenizer_encode(tokenizer, text, false, &ids)); /* what a user writes is no marker */
    for (size_t i = 0; i < ids.count; i++)
        assert_int_not_equal(ids.items[i], tokenizer_special(tokenizer, SPECIAL_IM_END));
    buf_init(&back, 1 << 16);
    assert_true(tokenizer_decode(tokenizer, ids.items, ids.count, &back));
    assert_true(str_eq(buf_str(&back), text));
    buf_deinit(&back);
    token_ids_deinit(&ids);
    tokenizer_free(tokenizer);
    unlink(path);
}

/* --- runs ------------------------------------------------------------------------------------------- */

static void write_config(const struct folder *folder, unsigned steps, const char *more)
{
    struct buf text;
    buf_init(&text, 1 << 16);
    buf_appendf(&text,
                "name: tuned\n"
                "tuned_from: base.gguf\n"
                "type: f32\n"
                "optimiser: {kind: adamw, rate: 0.01}\n"
                "%s\n"
                "phases:\n"
                "  - {name: one, tokens: %u, length: 96, rows: 2, accumulate: 2, data: [{file: rows.jsonl}]}\n",
                more, steps * 2 * 2 * 96);
    buf_append_char(&text, '\0');
    write_text(folder->config, text.data);
    buf_deinit(&text);
}

static void make_tuned_folder(struct folder *folder, const char *name, char base[96])
{
    make_folder(folder, name);
    snprintf(base, 96, "%s/base.gguf", folder->path);
    write_model(base, "q8_0");
}

static void remove_tuned_folder(const struct folder *folder, const char *base)
{
    unlink(base);
    remove_folder(folder);
}

static bool is_same_param(const struct weights *a, const struct weights *b, size_t at)
{
    return memcmp(param_data(&a->params[at]), param_data(&b->params[at]),
                  param_count(&a->params[at]) * sizeof(float)) == 0;
}

static void what_is_frozen_stays_and_the_rest_learns(void **state)
{
    (void)state;
    for (int is_frozen = 0; is_frozen < 2; is_frozen++) {
        struct folder folder;
        char base[96];
        make_tuned_folder(&folder, "tuned", base);
        write_config(&folder, 60, is_frozen ? "frozen: embedding" : "frozen: none");
        const struct train_result result = run(&folder, false);
        assert_int_equal(result.steps, 60);
        assert_true(result.last_loss < 1.5);
        struct weights *before = weights_of(base), *after = weights_of(folder.out);
        for (size_t i = 0; i < before->param_count; i++) {
            const bool must_stay = is_frozen && before->params[i].kind == PARAM_EMBEDDING;
            assert_int_equal(is_same_param(before, after, i), must_stay);
        }
        weights_free(before);
        weights_free(after);
        remove_tuned_folder(&folder, base);
    }
}

static const char *text_of(const struct gguf_context *gguf, const char *key)
{
    const int64_t at = gguf_find_key(gguf, key);
    assert_true(at >= 0);
    return gguf_get_val_str(gguf, at);
}

static void the_file_says_of_itself_what_its_base_said(void **state)
{
    (void)state;
    struct folder folder;
    char base[96];
    make_tuned_folder(&folder, "metadata", base);
    write_config(&folder, 1, "");
    (void)run(&folder, false);
    struct gguf_context *from = gguf_init_from_file(base, (struct gguf_init_params){.no_alloc = true});
    struct gguf_context *to = gguf_init_from_file(folder.out, (struct gguf_init_params){.no_alloc = true});
    assert_non_null(from);
    assert_non_null(to);
    assert_string_equal(text_of(to, "general.name"), "tuned");
    assert_string_equal(text_of(to, "tokenizer.chat_template"), text_of(from, "tokenizer.chat_template"));
    const int64_t tokens = gguf_find_key(from, "tokenizer.ggml.tokens");
    const int64_t copied = gguf_find_key(to, "tokenizer.ggml.tokens");
    assert_int_equal(gguf_get_arr_n(from, tokens), gguf_get_arr_n(to, copied));
    for (size_t i = 0; i < gguf_get_arr_n(from, tokens); i++)
        assert_string_equal(gguf_get_arr_str(from, tokens, i), gguf_get_arr_str(to, copied, i));
    assert_true(gguf_find_key(to, "fulcrum.train.steps") >= 0);
    gguf_free(from);
    gguf_free(to);
    remove_tuned_folder(&folder, base);
}

static void a_resumed_run_ends_where_an_unbroken_one_does(void **state)
{
    (void)state;
    struct folder folder;
    char base[96];
    make_tuned_folder(&folder, "resumed", base);
    write_config(&folder, 9, "frozen: embedding");
    (void)run(&folder, false);
    const struct str whole = read_file(folder.out);
    write_config(&folder, 4, "frozen: embedding");
    (void)run(&folder, false);
    write_config(&folder, 9, "frozen: embedding");
    (void)run(&folder, true);
    const struct str resumed = read_file(folder.out);
    assert_true(str_eq(whole, resumed));
    mem_free((void *)(uintptr_t)whole.data);
    mem_free((void *)(uintptr_t)resumed.data);
    remove_tuned_folder(&folder, base);
}

/* --- adapters --------------------------------------------------------------------------------------- */

/* From a base of floats, so that llama.cpp computes with the same weights as we do. */
static void train_adapter(const struct folder *folder, const char *base, const char *type)
{
    struct buf text;
    write_model(base, NULL);
    buf_init(&text, 1 << 16);
    buf_appendf(&text,
                "name: adapted\n"
                "tuned_from: base.gguf\n"
                "adapter: {rank: 4, alpha: 6, targets: [attn_q, attn_v, attn_output, ffn_down]}\n"
                "type: %s\n"
                "optimiser: {kind: adamw, rate: 0.02}\n"
                "phases:\n"
                "  - {name: one, tokens: 11520, length: 96, rows: 2, accumulate: 2, workers: 2,\n"
                "     data: [{file: rows.jsonl}]}\n",
                type);
    buf_append_char(&text, '\0');
    write_text(folder->config, text.data);
    buf_deinit(&text);
    const struct train_result result = run(folder, false);
    assert_int_equal(result.steps, 30);
    assert_true(result.last_loss < 3.0); /* 6.9 at first */
}

/* Adapters beside all matrices that add something already. */
static struct weights *adapted_weights(const char *path)
{
    struct pretrained pretrained;
    struct model_shape shape;
    struct weights *weights;
    struct error error;
    struct rng rng;
    const struct tuning tuning = {.rank = 4, .alpha = 8.0f, .targets = (1u << MATRIX_COUNT) - 1};
    rng_seed(&rng, 5);
    assert_ok(pretrained_open(path, &pretrained, &error));
    assert_ok(pretrained_shape(&pretrained, &shape, &error));
    assert_ok(weights_new_tuned(&shape, &tuning, &rng, &weights, &error));
    assert_ok(pretrained_copy(&pretrained, weights, &error));
    pretrained_close(&pretrained);
    for (size_t i = 0; i < weights->param_count; i++)
        for (size_t j = 0; weights->params[i].grad && j < param_count(&weights->params[i]); j++)
            param_data(&weights->params[i])[j] += (float)rng_unit(&rng) * 0.2f - 0.1f;
    return weights;
}

static void compute_gradients(struct compute *compute, struct weights *weights)
{
    struct graph *graph;
    struct packer packer;
    struct error error;
    double loss;
    const struct batch_shape shape = {LOGIT_TOKENS, 1, LOGIT_TOKENS};
    weights_zero_grads(weights);
    assert_ok(graph_new(compute, weights, shape, true, &graph, &error));
    assert_ok(packer_init(&packer, shape, &error));
    fill_batch(&packer.batch, weights->shape.vocabulary);
    assert_ok(graph_run(graph, &packer.batch, 1.0f, &loss, NULL, &error));
    packer_deinit(&packer);
    graph_free(graph);
}

/* Of the angle between the gradients of all adapters. */
static double cosine(const struct weights *a, const struct weights *b)
{
    double product = 0.0, of_a = 0.0, of_b = 0.0;
    for (size_t i = 0; i < a->param_count; i++)
        for (size_t j = 0; a->params[i].grad && j < param_count(&a->params[i]); j++) {
            const double x = (double)param_grad(&a->params[i])[j], y = (double)param_grad(&b->params[i])[j];
            product += x * y;
            of_a += x * x;
            of_b += y * y;
        }
    return product / sqrt(of_a * of_b);
}

/* Also for a second worker's gradients, whose weights are the first one's. */
static void frozen_matrices_give_the_gradients_of_floats(void **state)
{
    (void)state;
    char path[64];
    struct compute *compute;
    struct weights *shared;
    struct error error;
    temporary_path(path, "frozen.gguf");
    write_model(path, NULL);
    struct weights *floats = adapted_weights(path), *frozen = adapted_weights(path);
    assert_ok(compute_new(1, true, &compute, &error));
    assert_ok(frozen_make(frozen, true, &error));
    assert_ok(weights_share(frozen, &shared, &error));
    compute_gradients(compute, floats);
    compute_gradients(compute, frozen);
    compute_gradients(compute, shared);
    assert_true(cosine(floats, frozen) > 0.999);
    assert_true(cosine(frozen, shared) > 0.999999);
    weights_free(shared);
    weights_free(frozen);
    weights_free(floats);
    compute_free(compute);
    unlink(path);
}

static bool is_target(const char *name)
{
    return strstr(name, "attn_q.") || strstr(name, "attn_v.") || strstr(name, "attn_output.") ||
           strstr(name, "ffn_down.");
}

static void an_adapter_changes_its_targets_alone(void **state)
{
    (void)state;
    struct folder folder;
    char base[96];
    make_tuned_folder(&folder, "merged", base);
    train_adapter(&folder, base, "f32");
    struct weights *before = weights_of(base), *after = weights_of(folder.out);
    for (size_t i = 0; i < before->param_count; i++)
        assert_int_equal(is_same_param(before, after, i), !is_target(before->params[i].weight->name));
    weights_free(before);
    weights_free(after);
    remove_tuned_folder(&folder, base);
}

static void decode_all(struct model *model, uint32_t vocabulary, float *logits)
{
    for (uint32_t i = 0; i < LOGIT_TOKENS; i++) {
        model_batch_clear(model);
        model_batch_add(model, (model_token)(i * 37 % vocabulary), i, 0, true);
        assert_int_equal(model_decode(model), MODEL_OK);
        memcpy(logits + (size_t)i * vocabulary, model_logits(model, 0), vocabulary * sizeof(float));
    }
}

static float *logits_of(const char *path, const char *adapter, char fingerprint[65])
{
    const struct model_options options = {.path = path, .adapter = adapter, .context = 128, .parallel = 1,
                                          .threads = 1};
    struct model *model;
    struct error error;
    assert_ok(model_load(&options, &model, &error));
    const uint32_t vocabulary = model_facts(model)->vocabulary;
    float *logits = mem_calloc((size_t)LOGIT_TOKENS * vocabulary, sizeof(*logits));
    assert_non_null(logits);
    decode_all(model, vocabulary, logits);
    snprintf(fingerprint, 65, "%s", model_facts(model)->fingerprint);
    model_free(model);
    return logits;
}

static double farthest(const float *a, const float *b)
{
    double most = 0.0;
    for (size_t i = 0; i < LOGIT_TOKENS * 512; i++)
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

/* The same run twice gives the same weights; once they are written beside the model, once into it. */
static void llama_cpp_computes_the_same_with_an_adapter_and_merged(void **state)
{
    (void)state;
    struct folder folder;
    struct stat info, base_info;
    char base[96], adapter[112], prints[3][65];
    make_tuned_folder(&folder, "adapter", base);
    snprintf(adapter, sizeof(adapter), "%s/adapter.gguf", folder.path);
    train_adapter(&folder, base, "adapter");
    assert_int_equal(rename(folder.out, adapter), 0);
    train_adapter(&folder, base, "f32");
    assert_int_equal(stat(adapter, &info), 0);
    assert_int_equal(stat(base, &base_info), 0);
    assert_true(info.st_size < base_info.st_size / 4);
    float *merged = logits_of(folder.out, NULL, prints[0]), *beside = logits_of(base, adapter, prints[1]),
          *plain = logits_of(base, NULL, prints[2]);
    assert_true(farthest(merged, plain) > 1.0);
    assert_true(farthest(merged, beside) < 0.05);
    assert_string_not_equal(prints[1], prints[2]); /* what is cached of the one is not the other's */
    mem_free(merged);
    mem_free(beside);
    mem_free(plain);
    unlink(adapter);
    remove_tuned_folder(&folder, base);
}

/* Its products are computed where the model's are, so replies stay as independent of each other. */
static void an_adapter_lies_where_its_model_does(void **state)
{
    (void)state;
    struct folder folder;
    struct error error;
    struct model *model;
    char base[96], hindrance[sizeof(((struct model_facts *)0)->row_hindrance)];
    make_tuned_folder(&folder, "tiles", base);
    train_adapter(&folder, base, "adapter");
    for (int i = 0; i < 2; i++) {
        const struct model_options options = {.path = base, .adapter = i ? folder.out : NULL, .context = 128,
                                              .parallel = 1, .threads = 1};
        assert_ok(model_load(&options, &model, &error));
        if (i == 0)
            snprintf(hindrance, sizeof(hindrance), "%s", model_facts(model)->row_hindrance);
        else
            assert_string_equal(model_facts(model)->row_hindrance, hindrance);
        model_free(model);
    }
    remove_tuned_folder(&folder, base);
}

static void an_adapter_of_another_model_is_refused(void **state)
{
    (void)state;
    struct folder folder;
    struct model *model;
    struct error error;
    char base[96];
    make_tuned_folder(&folder, "foreign", base);
    train_adapter(&folder, base, "adapter");
    struct random_gguf_options other = RANDOM_GGUF_TINY;
    other.width = 128;
    assert_ok(random_gguf_write(&other, base, &error));
    const char *const adapters[] = {folder.out, folder.config, "/nothing"};
    for (size_t i = 0; i < 3; i++) {
        const struct model_options options = {.path = base, .adapter = adapters[i], .context = 128};
        assert_int_equal(model_load(&options, &model, &error), ERROR_INVALID);
        assert_non_null(strstr(error.message, adapters[i]));
    }
    remove_tuned_folder(&folder, base);
}

static void expect_refusal(const struct folder *folder, const char *message)
{
    struct train_config config;
    struct train_result result;
    struct error error = {0};
    const struct train_options options = {.out = folder->out};
    if (train_config_load(folder->config, &config, &error) == OK) {
        assert_int_equal(train_run(&config, &options, &result, &error), ERROR_INVALID);
        train_config_deinit(&config);
    }
    if (!strstr(error.message, message))
        fail_msg("expected '%s' in '%s'", message, error.message);
}

/* Goes on with the adapter by a step that changes nothing to speak of. */
static void write_further(const struct folder *folder, const char *settings)
{
    char text[512];
    snprintf(text, sizeof(text),
             "name: further\n"
             "tuned_from: base.gguf\n"
             "adapter: {%s, from: adapter.gguf}\n"
             "type: adapter\n"
             "optimiser: {kind: adamw, rate: 0.00000001}\n"
             "phases:\n"
             "  - {name: two, tokens: 384, length: 96, rows: 2, accumulate: 2, data: [{file: rows.jsonl}]}\n",
             settings);
    write_text(folder->config, text);
}

static void an_adapter_is_trained_further(void **state)
{
    (void)state;
    struct folder folder;
    char base[96], adapter[112];
    make_tuned_folder(&folder, "further", base);
    snprintf(adapter, sizeof(adapter), "%s/adapter.gguf", folder.path);
    train_adapter(&folder, base, "adapter");
    assert_int_equal(rename(folder.out, adapter), 0);
    /* A new adapter begins at 6.9; another alpha is made up for. */
    static const char *const same[] = {"rank: 4, alpha: 6, targets: [attn_q, attn_v, attn_output, ffn_down]",
                                       "rank: 4, alpha: 24, targets: [attn_q, attn_v, attn_output, ffn_down]"};
    for (size_t i = 0; i < 2; i++) {
        write_further(&folder, same[i]);
        assert_true(run(&folder, false).last_loss < 3.0);
        unlink(folder.out);
    }
    static const char *const others[][2] = {
        {"rank: 3, targets: [attn_q, attn_v, attn_output, ffn_down]", "of another rank"},
        {"rank: 4", "is missing"},
        {"rank: 4, targets: [attn_q]", "more matrices than adapter.targets"},
    };
    for (size_t i = 0; i < 3; i++) {
        write_further(&folder, others[i][0]);
        expect_refusal(&folder, others[i][1]);
    }
    unlink(adapter);
    remove_tuned_folder(&folder, base);
}

/* --- refusals --------------------------------------------------------------------------------------- */

static void other_models_are_refused_by_name(void **state)
{
    (void)state;
    static const enum random_gguf_kind kinds[] = {RANDOM_GGUF_MAMBA, RANDOM_GGUF_GEMMA2};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct folder folder;
        struct error error;
        char base[96];
        struct random_gguf_options options = RANDOM_GGUF_TINY;
        options.kind = kinds[i];
        make_tuned_folder(&folder, "refused", base);
        assert_ok(random_gguf_write(&options, base, &error));
        write_config(&folder, 1, "");
        expect_refusal(&folder, "not of the llama architecture");
        remove_tuned_folder(&folder, base);
    }
}

/* A good GGUF file with `change` made to its metadata. */
static void spoil(const char *path, void (*change)(struct gguf_context *gguf))
{
    struct ggml_context *tensors = NULL;
    struct gguf_context *good = gguf_init_from_file(path, (struct gguf_init_params){.ctx = &tensors});
    struct gguf_context *gguf = gguf_init_empty();
    assert_non_null(good);
    gguf_set_kv(gguf, good);
    for (int64_t i = 0; i < gguf_get_n_tensors(good); i++)
        gguf_add_tensor(gguf, ggml_get_tensor(tensors, gguf_get_tensor_name(good, i)));
    change(gguf);
    assert_true(gguf_write_to_file(gguf, path, false));
    gguf_free(good);
    gguf_free(gguf);
    ggml_free(tensors);
}

static void scale_positions(struct gguf_context *gguf)
{
    gguf_set_val_str(gguf, "llama.rope.scaling.type", "linear");
    gguf_set_val_f32(gguf, "llama.rope.scaling.factor", 2.0f);
}

static void scale_by_nothing(struct gguf_context *gguf)
{
    gguf_set_val_str(gguf, "llama.rope.scaling.type", "yarn");
}

static void turn_less(struct gguf_context *gguf)
{
    gguf_set_val_u32(gguf, "llama.rope.dimension_count", 8);
}

static void lose_the_layers(struct gguf_context *gguf)
{
    gguf_remove_key(gguf, "llama.block_count");
}

static void have_too_many_layers(struct gguf_context *gguf)
{
    gguf_set_val_u32(gguf, "llama.block_count", 3);
}

static void have_too_few_layers(struct gguf_context *gguf)
{
    gguf_set_val_u32(gguf, "llama.block_count", 1);
}

static void what_the_graph_lacks_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        void (*change)(struct gguf_context *gguf);
        const char *message;
    } cases[] = {
        {scale_positions, "llama.rope.scaling.type"},
        {scale_by_nothing, "llama.rope.scaling.type"},
        {turn_less, "8 turned"},
        {lose_the_layers, "no llama.block_count in it"},
        {have_too_many_layers, "blk.2.attn_norm.weight is missing"},
        {have_too_few_layers, "it has a tensor blk.1."},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[64];
        struct pretrained pretrained;
        struct model_shape shape;
        struct weights *weights = NULL;
        struct error error = {0};
        temporary_path(path, "spoilt.gguf");
        write_model(path, NULL);
        spoil(path, cases[i].change);
        assert_ok(pretrained_open(path, &pretrained, &error));
        enum error_code code = pretrained_shape(&pretrained, &shape, &error);
        if (code == OK) {
            assert_ok(weights_new(&shape, &weights, &error));
            code = pretrained_copy(&pretrained, weights, &error);
        }
        assert_int_equal(code, ERROR_INVALID);
        if (!strstr(error.message, cases[i].message))
            fail_msg("expected '%s' in '%s'", cases[i].message, error.message);
        weights_free(weights);
        pretrained_close(&pretrained);
        unlink(path);
    }
}

static void keys_that_the_file_decides_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *more, *message;
    } cases[] = {
        {"model: {layers: 1, width: 32, heads: 2, kv_heads: 1, feed_forward: 64}",
         "model: expected nothing with tuned_from"},
        {"tokenizer: {corpus: [rows.jsonl]}", "tokenizer: expected nothing with tuned_from"},
        {"yarn: {factor: 1, original: 512}", "yarn.factor: expected more than 1"},
        {"yarn: {factor: 4}", "yarn"},
        {"grown_from: rows.jsonl", "grown_from: expected nothing with tuned_from"},
        {"frozen: layers", "frozen: expected none or embedding"},
        {"adapter: {rank: 0}", "adapter.rank: expected"},
        {"adapter: {rank: 2, base: q4_0}", "adapter.base: expected"},
        {"adapter: {rank: 2, targets: [attn_q, norm]}", "adapter.targets: expected attn_q"},
    };
    struct folder folder;
    char base[96];
    make_tuned_folder(&folder, "keys", base);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_config(&folder, 1, cases[i].more);
        expect_refusal(&folder, cases[i].message);
    }
    write_text(folder.config, "name: x\n"
                              "phases:\n"
                              "  - {name: a, tokens: 1, length: 48, rows: 1, data: [{file: rows.jsonl}]}\n");
    expect_refusal(&folder, "model: expected the shape of the model, or tuned_from");
    write_text(folder.config, "name: x\n"
                              "tuned_from: base.gguf\n"
                              "type: adapter\n"
                              "phases:\n"
                              "  - {name: a, tokens: 1, length: 48, rows: 1, data: [{file: rows.jsonl}]}\n");
    expect_refusal(&folder, "type: expected an adapter that could be written");
    remove_tuned_folder(&folder, base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_compute_what_llama_cpp_does),
        cmocka_unit_test(quantised_weights_are_the_floats_that_they_stand_for),
        cmocka_unit_test(its_vocabulary_is_llama_cpps),
        cmocka_unit_test(what_is_frozen_stays_and_the_rest_learns),
        cmocka_unit_test(the_file_says_of_itself_what_its_base_said),
        cmocka_unit_test(a_resumed_run_ends_where_an_unbroken_one_does),
        cmocka_unit_test(frozen_matrices_give_the_gradients_of_floats),
        cmocka_unit_test(an_adapter_changes_its_targets_alone),
        cmocka_unit_test(llama_cpp_computes_the_same_with_an_adapter_and_merged),
        cmocka_unit_test(an_adapter_lies_where_its_model_does),
        cmocka_unit_test(an_adapter_of_another_model_is_refused),
        cmocka_unit_test(an_adapter_is_trained_further),
        cmocka_unit_test(other_models_are_refused_by_name),
        cmocka_unit_test(what_the_graph_lacks_is_refused_by_name),
        cmocka_unit_test(keys_that_the_file_decides_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
