/* test_distill_teacher.c - labels out of a teacher's distributions; what a student learns from them, and from which
 * teachers it can't. */
#include <gguf.h>

#include "distill_runs.h"

#include "distill/pretrained.h"
#include "distill/prune.h"
#include "distill/soften.h"
#include "distill/teacher.h"
#include "distill/tokenizer.h"
#include "engine/random_gguf.h"

/* --- rows ------------------------------------------------------------------------------------------- */

static double sum_of(const float *row, uint32_t count)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < count; i++)
        sum += (double)row[i];
    return sum;
}

static bool is_near(float a, double b)
{
    return fabs((double)a - b) < 1e-6;
}

static void temperature_flattens(void **state)
{
    (void)state;
    const float logits[3] = {1.0f, 3.0f, -1.0f};
    float row[3];
    soften(logits, 3, 1.0f, row);
    assert_true(is_near(row[0] / row[1], exp(-2.0)) && is_near(row[2] / row[1], exp(-4.0)));
    soften(logits, 3, 2.0f, row);
    assert_true(is_near(row[0] / row[1], exp(-1.0)) && is_near(row[2] / row[1], exp(-2.0)));
    assert_true(fabs(sum_of(row, 3) - 1.0) < 1e-6);
    const float far[2] = {-1e30f, 1e30f};
    soften(far, 2, 0.5f, row);
    assert_true(row[0] == 0.0f && row[1] == 1.0f);
}

static void what_the_largest_leave_is_shared_evenly(void **state)
{
    (void)state;
    uint32_t heap[6];
    float row[6] = {0.05f, 0.4f, 0.05f, 0.3f, 0.05f, 0.15f};
    soften_keep(row, 6, 2, heap);
    const double expected[6] = {0.075, 0.4, 0.075, 0.3, 0.075, 0.075};
    for (int i = 0; i < 6; i++)
        assert_true(is_near(row[i], expected[i]));
    float equal[4] = {0.25f, 0.25f, 0.25f, 0.25f}, sure[4] = {0.0f, 1.0f, 0.0f, 0.0f};
    soften_keep(equal, 4, 3, heap);
    soften_keep(sure, 4, 2, heap); /* zeros may be kept: they stay zeros */
    for (int i = 0; i < 4; i++)
        assert_true(is_near(equal[i], 0.25) && is_near(sure[i], i == 1));
}

/* Some of a teacher's mass may lie on tokens that the row does not have. */
static void every_row_sums_to_one(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    static const uint32_t tops[] = {0, 1, 2, 7, 64, COUNT - 1, COUNT, COUNT + 1};
    uint32_t heap[COUNT];
    float whole[COUNT], row[COUNT];
    struct rng rng;
    rng_seed(&rng, 3);
    for (size_t t = 0; t < sizeof(tops) / sizeof(tops[0]); t++)
        for (int is_cut = 0; is_cut < 2; is_cut++) {
            for (int i = 0; i < COUNT; i++)
                row[i] = 20.0f * (float)rng_unit(&rng);
            soften(row, COUNT, 1.5f, whole);
            memcpy(row, whole, sizeof(row));
            const uint32_t count = is_cut ? COUNT / 2 : COUNT;
            soften_keep(row, count, tops[t], heap);
            assert_true(fabs(sum_of(row, count) - 1.0) < 1e-5);
            uint32_t kept = 0;
            for (uint32_t i = 0; i < count; i++)
                kept += row[i] == whole[i];
            if (tops[t] > 0 && tops[t] < count)
                assert_int_equal(kept, tops[t]);
        }
    float none[4] = {0};
    soften_keep(none, 4, 0, heap);
    for (int i = 0; i < 4; i++)
        assert_true(is_near(none[i], 0.25));
}

/* --- a student that is its teacher ------------------------------------------------------------------ */

static void write_model(const char *path, uint64_t seed)
{
    struct random_gguf_options options = RANDOM_GGUF_TINY;
    struct error error;
    options.seed = seed;
    assert_ok(random_gguf_write(&options, path, &error));
}

struct lesson {
    char path[64], cut[80]; /* of the teacher, and of what the student begins as, where that has fewer tokens */
    struct pretrained base;
    struct tokenizer *tokenizer;
    struct weights *weights;
    struct compute *compute;
    struct train_teacher settings;
    struct teacher *teacher;
    struct teacher_reader *reader;
    struct graph *graph;
    struct packer packer;
};

/* All of its layers, and fewer of its tokens. */
static void cut_tokens_of(const char *path, const char *out)
{
    struct folder folder;
    struct train_config config;
    struct error error;
    char text[512];
    uint32_t mark;
    make_folder(&folder, "cut");
    snprintf(text, sizeof(text),
             "name: cut\n"
             "tuned_from: %s\n"
             "type: f32\n"
             "pruned: {vocabulary: 400}\n"
             "phases: [{name: one, tokens: 192, length: 96, rows: 2, data: [{file: rows.jsonl}]}]\n", path);
    write_text(folder.config, text);
    assert_ok(train_config_load(folder.config, &config, &error));
    assert_ok(prune_write(&config, out, &mark, &error));
    train_config_deinit(&config);
    remove_folder(&folder);
}

static void lesson_begin(struct lesson *lesson, double temperature, uint32_t top, bool is_cut)
{
    const struct batch_shape shape = {LOGIT_TOKENS, 1, LOGIT_TOKENS + 3}; /* some are spare */
    struct model_shape model;
    struct error error;
    *lesson = (struct lesson){0};
    temporary_path(lesson->path, "lesson.gguf");
    write_model(lesson->path, 1);
    const char *student = is_cut ? lesson->cut : lesson->path;
    snprintf(lesson->cut, sizeof(lesson->cut), "%s.cut", lesson->path);
    if (is_cut)
        cut_tokens_of(lesson->path, lesson->cut);
    lesson->settings = (struct train_teacher){lesson->path, NULL, temperature, top, 1.0};
    assert_ok(pretrained_open(student, &lesson->base, &error));
    assert_ok(pretrained_shape(&lesson->base, &model, &error));
    assert_ok(tokenizer_load_pretrained(student, &lesson->tokenizer, &error));
    assert_ok(weights_new(&model, &lesson->weights, &error));
    assert_ok(pretrained_copy(&lesson->base, lesson->weights, &error));
    assert_ok(compute_new(1, true, &lesson->compute, &error));
    assert_ok(teacher_open(&lesson->settings, &lesson->base, lesson->tokenizer, &lesson->teacher, &error));
    assert_ok(teacher_reader_new(lesson->teacher, lesson->compute, shape, &lesson->reader, &error));
    assert_ok(graph_new_soft(lesson->compute, lesson->weights, shape, teacher_loss(lesson->teacher), &lesson->graph,
                             &error));
    assert_ok(packer_init(&lesson->packer, shape, &error));
    fill_batch(&lesson->packer.batch, model.vocabulary);
}

static void lesson_end(struct lesson *lesson)
{
    packer_deinit(&lesson->packer);
    graph_free(lesson->graph);
    teacher_reader_free(lesson->reader);
    teacher_free(lesson->teacher);
    compute_free(lesson->compute);
    weights_free(lesson->weights);
    tokenizer_free(lesson->tokenizer);
    pretrained_close(&lesson->base);
    unlink(lesson->path);
    unlink(lesson->cut);
}

/* The largest element of any gradient, after a step. */
static double steepest(struct lesson *lesson)
{
    struct error error;
    double loss, most = 0.0;
    const struct batch *batch = &lesson->packer.batch;
    weights_zero_grads(lesson->weights);
    assert_ok(teacher_read(lesson->reader, batch, graph_soft_labels(lesson->graph), &error));
    assert_ok(graph_run(lesson->graph, batch, 1.0f, &loss, NULL, &error));
    for (size_t i = 0; i < lesson->weights->param_count; i++)
        for (size_t j = 0; j < param_count(&lesson->weights->params[i]); j++)
            most = fmax(most, fabs((double)param_grad(&lesson->weights->params[i])[j]));
    return most;
}

static void a_student_that_is_its_teacher_has_nothing_to_learn(void **state)
{
    (void)state;
    static const double temperatures[] = {1.0, 3.0};
    struct lesson lesson;
    for (size_t i = 0; i < 2; i++) {
        lesson_begin(&lesson, temperatures[i], 0, false);
        assert_true(steepest(&lesson) < 2e-4);
        param_data(&lesson.weights->params[0])[100] += 1.0f;
        param_data(&lesson.weights->params[2])[7] += 1.0f;
        assert_true(steepest(&lesson) > 0.01);
        lesson_end(&lesson);
    }
    lesson_begin(&lesson, 1.0, 8, false); /* how the rest is spread is not the teacher's */
    assert_true(steepest(&lesson) > 0.01);
    lesson_end(&lesson);
}

/* What the teacher holds for probable of the tokens that are gone is shared among those that are left. */
static void neither_has_one_with_fewer_tokens(void **state)
{
    (void)state;
    struct lesson lesson;
    lesson_begin(&lesson, 1.0, 0, true);
    assert_true(lesson.tokenizer->count == 400 && lesson.weights->shape.vocabulary == 400);
    assert_true(steepest(&lesson) < 2e-4);
    lesson_end(&lesson);
}

/* --- runs ------------------------------------------------------------------------------------------- */

static void write_config(const struct folder *folder, unsigned steps, unsigned workers, const char *teacher)
{
    struct buf text;
    buf_init(&text, 1 << 16);
    buf_appendf(&text,
                "name: taught\n"
                "tuned_from: base.gguf\n"
                "type: f32\n"
                "optimiser: {kind: adamw, rate: 0.003}\n"
                "log_every: 1\n"
                "teacher: %s\n"
                "phases:\n"
                "  - {name: one, tokens: %u, length: 96, rows: 2, accumulate: 2, workers: %u,\n"
                "     data: [{file: rows.jsonl}]}\n",
                teacher, steps * 2 * 2 * 96, workers);
    buf_append_char(&text, '\0');
    write_text(folder->config, text.data);
    buf_deinit(&text);
}

struct school {
    struct folder folder;
    char base[96], teacher[96];
};

/* The student begins as another model than the teacher is. */
static void make_school(struct school *school, const char *name)
{
    make_folder(&school->folder, name);
    snprintf(school->base, sizeof(school->base), "%s/base.gguf", school->folder.path);
    snprintf(school->teacher, sizeof(school->teacher), "%s/teacher.gguf", school->folder.path);
    write_model(school->base, 1);
    write_model(school->teacher, 2);
}

static void remove_school(const struct school *school)
{
    unlink(school->base);
    unlink(school->teacher);
    remove_folder(&school->folder);
}

/* Of the first line, and of the last one, by the column's name. */
static void read_column(const char *path, struct str column, double ends[2])
{
    const struct str text = read_file(path);
    struct str rest = text, line, name, value;
    int at = 0, lines = 0;
    assert_true(str_split(&rest, '\n', &line));
    while (str_split(&line, ',', &name) && !str_eq(name, column))
        at++;
    assert_true(str_eq(name, column));
    while (str_split(&rest, '\n', &line) && line.len > 0) {
        for (int i = 0; i <= at; i++)
            assert_true(str_split(&line, ',', &value));
        assert_true(str_to_double(value, &ends[lines++ > 0]));
    }
    mem_free((void *)(uintptr_t)text.data);
}

/* It comes nearer to what the teacher holds for probable, which the rows' own answers are not. */
static void a_student_comes_nearer_to_its_teacher(void **state)
{
    (void)state;
    struct school school;
    double soft[2], hard[2];
    make_school(&school, "nearer");
    write_config(&school.folder, 60, 1, "{file: teacher.gguf, weight: 1}");
    (void)run(&school.folder, false);
    read_column(school.folder.csv, STR("soft_loss"), soft);
    assert_true(soft[1] < soft[0] - 0.15);
    write_config(&school.folder, 60, 1, "{file: teacher.gguf, temperature: 2, top: 32, weight: 0.3}");
    (void)run(&school.folder, false);
    read_column(school.folder.csv, STR("loss"), hard);
    assert_true(hard[1] < hard[0] - 2.0);
    remove_school(&school);
}

static void a_resumed_run_ends_where_an_unbroken_one_does(void **state)
{
    (void)state;
    static const char teacher[] = "{file: teacher.gguf, temperature: 2, top: 16}";
    struct school school;
    make_school(&school, "resumed");
    write_config(&school.folder, 9, 2, teacher);
    (void)run(&school.folder, false);
    const struct str whole = read_file(school.folder.out);
    write_config(&school.folder, 4, 2, teacher);
    (void)run(&school.folder, false);
    write_config(&school.folder, 9, 2, teacher);
    (void)run(&school.folder, true);
    const struct str resumed = read_file(school.folder.out);
    assert_true(str_eq(whole, resumed));
    mem_free((void *)(uintptr_t)whole.data);
    mem_free((void *)(uintptr_t)resumed.data);
    remove_school(&school);
}

static void tune_teacher(const struct school *school, const char *type, const char *out)
{
    struct buf text;
    buf_init(&text, 1 << 16);
    buf_appendf(&text,
                "name: adapted\n"
                "tuned_from: teacher.gguf\n"
                "adapter: {rank: 4, alpha: 6, targets: [attn_q, attn_v, ffn_down]}\n"
                "type: %s\n"
                "optimiser: {kind: adamw, rate: 0.05}\n"
                "phases: [{name: one, tokens: 3840, length: 96, rows: 4, data: [{file: rows.jsonl}]}]\n",
                type);
    buf_append_char(&text, '\0');
    write_text(school->folder.config, text.data);
    buf_deinit(&text);
    (void)run(&school->folder, false);
    assert_int_equal(rename(school->folder.out, out), 0);
}

/* Of the first step. */
static double soft_loss_of(const struct school *school, const char *teacher)
{
    double ends[2];
    write_config(&school->folder, 1, 1, teacher);
    (void)run(&school->folder, false);
    read_column(school->folder.csv, STR("soft_loss"), ends);
    return ends[0];
}

/* The file of an adapter is half precision, so near, not equal. */
static void an_adapter_is_added_to_its_teacher(void **state)
{
    (void)state;
    struct school school;
    char adapter[112], merged[112];
    make_school(&school, "adapted");
    snprintf(adapter, sizeof(adapter), "%s/adapter.gguf", school.folder.path);
    snprintf(merged, sizeof(merged), "%s/merged.gguf", school.folder.path);
    tune_teacher(&school, "adapter", adapter);
    tune_teacher(&school, "f32", merged);
    double losses[3];
    static const char *const teachers[] = {"{file: teacher.gguf}", "{file: teacher.gguf, adapter: adapter.gguf}",
                                           "{file: merged.gguf}"};
    for (size_t i = 0; i < 3; i++)
        losses[i] = soft_loss_of(&school, teachers[i]);
    assert_true(fabs(losses[0] - losses[2]) > 0.1);
    assert_true(fabs(losses[1] - losses[2]) < 0.01);
    unlink(adapter);
    unlink(merged);
    remove_school(&school);
}

static void a_pruned_student_learns_of_its_base_and_of_its_like(void **state)
{
    (void)state;
    struct school school;
    double soft[2];
    char cut[112], beside[112];
    make_school(&school, "pruned");
    snprintf(cut, sizeof(cut), "%s/cut.gguf", school.folder.path);
    snprintf(beside, sizeof(beside), "%s" PRUNE_SUFFIX, school.folder.out);
    write_config(&school.folder, 40, 1, "{file: base.gguf, weight: 1}\npruned: {layers: 1, vocabulary: 400}");
    (void)run(&school.folder, false);
    read_column(school.folder.csv, STR("soft_loss"), soft);
    assert_true(soft[1] < soft[0] - 0.1);
    cut_tokens_of(school.base, cut);
    assert_int_equal(rename(cut, school.base), 0); /* begins and learns with 400 tokens */
    write_config(&school.folder, 1, 1, "{file: base.gguf}");
    (void)run(&school.folder, false);
    write_config(&school.folder, 1, 1, "{file: teacher.gguf}"); /* of the whole vocabulary */
    (void)run(&school.folder, false);
    unlink(beside);
    remove_school(&school);
}

/* A model of the trainer's own, and a smaller one with its tokenizer. */
static void a_model_from_nothing_may_have_a_teacher(void **state)
{
    (void)state;
    struct school school;
    make_school(&school, "own");
    write_text(school.folder.config,
               "name: large\n"
               "type: f32\n"
               "model: {layers: 2, width: 64, heads: 4, kv_heads: 1, feed_forward: 96, vocabulary: 300}\n"
               "tokenizer: {corpus: [rows.jsonl]}\n"
               "phases: [{name: one, tokens: 1920, length: 48, rows: 4, data: [{file: rows.jsonl}]}]\n");
    (void)run(&school.folder, false);
    assert_int_equal(rename(school.folder.out, school.teacher), 0);
    write_text(school.folder.config,
               "name: small\n"
               "type: f32\n"
               "log_every: 1\n"
               "model: {layers: 1, width: 32, heads: 2, kv_heads: 1, feed_forward: 64}\n"
               "tokenizer: {file: teacher.gguf}\n"
               "teacher: {file: teacher.gguf, weight: 1}\n"
               "phases: [{name: one, tokens: 9600, length: 48, rows: 4, data: [{file: rows.jsonl}]}]\n");
    double ends[2];
    (void)run(&school.folder, false);
    read_column(school.folder.csv, STR("soft_loss"), ends);
    assert_true(ends[1] < ends[0] - 0.5);
    remove_school(&school);
}

/* --- refusals --------------------------------------------------------------------------------------- */

static void expect_refusal(const struct folder *folder, const char *file, const char *message)
{
    struct train_config config;
    struct train_result result;
    struct error error = {0};
    const struct train_options options = {.out = folder->out};
    if (train_config_load(folder->config, &config, &error) == OK) {
        assert_int_equal(train_run(&config, &options, &result, &error), ERROR_INVALID);
        train_config_deinit(&config);
    }
    if (!strstr(error.message, message) || !strstr(error.message, file))
        fail_msg("expected '%s' and '%s' in '%s'", file, message, error.message);
}

/* A good GGUF file with `change` made to its metadata. */
static void spoil(const char *path, void (*change)(struct gguf_context *gguf, const struct gguf_context *good))
{
    struct ggml_context *tensors = NULL;
    struct gguf_context *good = gguf_init_from_file(path, (struct gguf_init_params){.ctx = &tensors});
    struct gguf_context *gguf = gguf_init_empty();
    assert_non_null(good);
    gguf_set_kv(gguf, good);
    for (int64_t i = 0; i < gguf_get_n_tensors(good); i++)
        gguf_add_tensor(gguf, ggml_get_tensor(tensors, gguf_get_tensor_name(good, i)));
    change(gguf, good);
    assert_true(gguf_write_to_file(gguf, path, false));
    gguf_free(good);
    gguf_free(gguf);
    ggml_free(tensors);
}

#define LIST_MAX 1024

/* With two entries changed for one another, and without the last `fewer`. */
static void set_list(struct gguf_context *gguf, const struct gguf_context *good, const char *key, size_t fewer)
{
    const char *texts[LIST_MAX];
    const int64_t at = gguf_find_key(good, key);
    const size_t count = gguf_get_arr_n(good, at);
    assert_true(count > 5 && count <= LIST_MAX);
    for (size_t i = 0; i < count; i++)
        texts[i] = gguf_get_arr_str(good, at, i == 3 ? 4 : i == 4 ? 3 : i);
    gguf_set_arr_str(gguf, key, texts, count - fewer);
}

static void swap_tokens(struct gguf_context *gguf, const struct gguf_context *good)
{
    set_list(gguf, good, "tokenizer.ggml.tokens", 0);
}

static void lose_tokens(struct gguf_context *gguf, const struct gguf_context *good)
{
    set_list(gguf, good, "tokenizer.ggml.tokens", 2);
}

static void swap_merges(struct gguf_context *gguf, const struct gguf_context *good)
{
    set_list(gguf, good, "tokenizer.ggml.merges", 0);
}

static void split_otherwise(struct gguf_context *gguf, const struct gguf_context *good)
{
    (void)good;
    gguf_set_val_str(gguf, "tokenizer.ggml.pre", "falcon");
}

static void lose_the_tokenizer(struct gguf_context *gguf, const struct gguf_context *good)
{
    (void)good;
    gguf_remove_key(gguf, "tokenizer.ggml.tokens");
}

static void lose_the_layers(struct gguf_context *gguf, const struct gguf_context *good)
{
    (void)good;
    gguf_remove_key(gguf, "llama.block_count");
}

static void teachers_of_another_vocabulary_are_refused(void **state)
{
    (void)state;
    static const struct {
        void (*change)(struct gguf_context *gguf, const struct gguf_context *good);
        const char *message;
    } cases[] = {
        {swap_tokens, "its token 3 is"},
        {lose_tokens, "it has 510 tokens, the student's 512"},
        {swap_merges, "it has no merge"},
        {split_otherwise, "tokenizer.ggml.pre differs"},
        {lose_the_tokenizer, "it has 0 tokens, the student's 512"},
        {lose_the_layers, "no llama.block_count in it"},
    };
    struct school school;
    make_school(&school, "foreign");
    write_config(&school.folder, 1, 1, "{file: teacher.gguf}");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_model(school.teacher, 2);
        spoil(school.teacher, cases[i].change);
        expect_refusal(&school.folder, "teacher.gguf", cases[i].message);
    }
    remove_school(&school);
}

static void what_is_no_teacher_is_refused(void **state)
{
    (void)state;
    struct school school;
    struct error error;
    struct random_gguf_options options = RANDOM_GGUF_TINY;
    make_school(&school, "none");
    options.kind = RANDOM_GGUF_MAMBA;
    assert_ok(random_gguf_write(&options, school.teacher, &error));
    write_config(&school.folder, 1, 1, "{file: teacher.gguf}");
    expect_refusal(&school.folder, "teacher.gguf", "not of the llama architecture");
    write_config(&school.folder, 1, 1, "{file: rows.jsonl}");
    expect_refusal(&school.folder, "rows.jsonl", "not a readable GGUF file");
    write_text(school.folder.config, /* its vocabulary is its own */
               "name: small\n"
               "model: {layers: 1, width: 32, heads: 2, kv_heads: 1, feed_forward: 64, vocabulary: 300}\n"
               "tokenizer: {corpus: [rows.jsonl]}\n"
               "teacher: {file: base.gguf}\n"
               "phases: [{name: one, tokens: 192, length: 48, rows: 4, data: [{file: rows.jsonl}]}]\n");
    expect_refusal(&school.folder, "base.gguf", "not made by fulcrum train");
    remove_school(&school);
}

static void lose_alpha(struct gguf_context *gguf, const struct gguf_context *good)
{
    (void)good;
    gguf_set_val_f32(gguf, "adapter.lora.alpha", 0.0f);
}

static void adapters_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct school school;
    struct error error;
    char adapter[112];
    struct random_gguf_options wide = RANDOM_GGUF_TINY, shallow = RANDOM_GGUF_TINY;
    make_school(&school, "misfits");
    snprintf(adapter, sizeof(adapter), "%s/adapter.gguf", school.folder.path);
    tune_teacher(&school, "adapter", adapter);
    wide.feed_forward = 96;
    shallow.layers = 1;
    write_config(&school.folder, 1, 1, "{file: teacher.gguf, adapter: adapter.gguf}");
    assert_ok(random_gguf_write(&wide, school.teacher, &error));
    expect_refusal(&school.folder, "adapter.gguf", "it is of another model: beside blk.0.ffn_down.weight (96 to 64)");
    assert_ok(random_gguf_write(&shallow, school.teacher, &error));
    expect_refusal(&school.folder, "adapter.gguf", "which stands beside no matrix of the model");
    write_model(school.teacher, 2);
    spoil(adapter, lose_alpha);
    expect_refusal(&school.folder, "adapter.gguf", "no adapter.lora.alpha in it");
    write_config(&school.folder, 1, 1, "{file: teacher.gguf, adapter: base.gguf}");
    expect_refusal(&school.folder, "base.gguf", "not an adapter of low rank");
    unlink(adapter);
    remove_school(&school);
}

static void bad_keys_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *teacher, *message;
    } cases[] = {
        {"{weight: 1}", "teacher: the key 'file' is missing"},
        {"{file: nothing.gguf}", "teacher.file"},
        {"{file: teacher.gguf, adapter: nothing.gguf}", "teacher.adapter"},
        {"{file: teacher.gguf, weight: 0}", "teacher.weight: expected more than 0, 1 at most"},
        {"{file: teacher.gguf, weight: 1.5}", "teacher.weight: expected"},
        {"{file: teacher.gguf, temperature: 0}", "teacher.temperature: expected 0.1 to 20"},
        {"{file: teacher.gguf, temperature: 21}", "teacher.temperature: expected 0.1 to 20"},
        {"{file: teacher.gguf, top: -1}", "teacher.top"},
        {"{file: teacher.gguf, share: 1}", "teacher.share"},
    };
    struct school school;
    make_school(&school, "keys");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_config(&school.folder, 1, 1, cases[i].teacher);
        expect_refusal(&school.folder, "train.yaml", cases[i].message);
    }
    remove_school(&school);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(temperature_flattens),
        cmocka_unit_test(what_the_largest_leave_is_shared_evenly),
        cmocka_unit_test(every_row_sums_to_one),
        cmocka_unit_test(a_student_that_is_its_teacher_has_nothing_to_learn),
        cmocka_unit_test(neither_has_one_with_fewer_tokens),
        cmocka_unit_test(a_student_comes_nearer_to_its_teacher),
        cmocka_unit_test(a_resumed_run_ends_where_an_unbroken_one_does),
        cmocka_unit_test(an_adapter_is_added_to_its_teacher),
        cmocka_unit_test(a_pruned_student_learns_of_its_base_and_of_its_like),
        cmocka_unit_test(a_model_from_nothing_may_have_a_teacher),
        cmocka_unit_test(teachers_of_another_vocabulary_are_refused),
        cmocka_unit_test(what_is_no_teacher_is_refused),
        cmocka_unit_test(adapters_that_do_not_fit_are_refused),
        cmocka_unit_test(bad_keys_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
