/* test_distill_train.c - whole runs of the trainer on toy data: it learns, it
 * resumes exactly, and llama.cpp computes the same logits from its file. */
#include <stdatomic.h>

#include "distill_runs.h"

#include "distill/export.h"
#include "distill/step.h"

/* --- a configuration -------------------------------------------------------------------------------- */

#define STEP_TOKENS 192

static void write_config_of(const struct folder *folder, unsigned steps, unsigned more_steps, unsigned workers)
{
    struct buf text;
    buf_init(&text, 1 << 16);
    buf_appendf(&text,
                "name: toy\n"
                "seed: 3\n"
                "type: f32\n"
                "model: {layers: 1, width: 32, heads: 2, kv_heads: 1, feed_forward: 64, vocabulary: 300}\n"
                "tokenizer: {corpus: [rows.jsonl]}\n"
                "measure: {file: rows.jsonl, rows: 6, length: 48, every: 1000}\n"
                "phases:\n"
                "  - {name: one, tokens: %u, length: 48, rows: 2, accumulate: 2, workers: %u, warm_up: 5,\n"
                "     data: [{file: rows.jsonl, weight: 3}, {copying: characters}]}\n",
                steps * STEP_TOKENS, workers);
    if (more_steps)
        buf_appendf(&text, "  - {name: two, tokens: %u, length: 48, rows: 4, data: [{file: rows.jsonl}]}\n",
                    more_steps * STEP_TOKENS);
    buf_append_char(&text, '\0');
    write_text(folder->config, text.data);
    buf_deinit(&text);
}

static void write_config(const struct folder *folder, unsigned steps, unsigned more_steps)
{
    write_config_of(folder, steps, more_steps, 1);
}

/* --- runs ------------------------------------------------------------------------------------------- */

static void a_tiny_model_learns(void **state)
{
    (void)state;
    struct folder folder;
    make_folder(&folder, "learns");
    write_config(&folder, 10, 120);
    struct train_result result = run(&folder, false);
    assert_int_equal(result.steps, 130);
    assert_true(result.last_loss < 0.05);
    struct str csv = read_file(folder.csv);
    assert_true(str_starts(csv, STR("step,tokens,seconds,phase,rate,loss,accuracy,copy_accuracy,toy_exact\n10,")));
    assert_true(str_ends(csv, STR(",1.0000\n")));
    mem_free((void *)(uintptr_t)csv.data);
    remove_folder(&folder);
}

static void a_run_that_bursts_says_so_and_leaves_no_model(void **state)
{
    (void)state;
    struct folder folder;
    struct train_config config;
    struct train_result result;
    struct error error;
    make_folder(&folder, "bursts");
    write_config(&folder, 10, 0);
    assert_ok(train_config_load(folder.config, &config, &error));
    config.optim.rate = config.optim.muon_rate = 1e30;
    const struct train_options options = {.out = folder.out};
    assert_int_equal(train_run(&config, &options, &result, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "no number"));
    assert_int_equal(access(folder.out, F_OK), -1);
    train_config_deinit(&config);
    remove_folder(&folder);
}

/* Also across a change of phase, and with rows waiting for the next batch. */
static void a_resumed_run_ends_where_an_unbroken_one_does(void **state)
{
    (void)state;
    static const unsigned cuts[][2] = {{7, 0}, {12, 3}};
    struct folder whole, cut;
    make_folder(&whole, "whole");
    write_config(&whole, 12, 6);
    struct train_result expected = run(&whole, false);
    struct str expected_file = read_file(whole.out);
    for (size_t i = 0; i < 2; i++) {
        make_folder(&cut, "cut");
        write_config(&cut, cuts[i][0], cuts[i][1]);
        run(&cut, false);
        write_config(&cut, 12, 6);
        struct train_result result = run(&cut, true);
        struct str file = read_file(cut.out);
        assert_int_equal(result.steps, expected.steps);
        assert_int_equal(file.len, expected_file.len);
        assert_memory_equal(file.data, expected_file.data, file.len);
        mem_free((void *)(uintptr_t)file.data);
        remove_folder(&cut);
    }
    mem_free((void *)(uintptr_t)expected_file.data);
    remove_folder(&whole);
}

/* The checkpoint of one run is the beginning of a larger model, which knows at its first step what the smaller knew. */
static void a_model_grows_from_a_checkpoint(void **state)
{
    (void)state;
    char grown[512];
    struct folder small, large;
    make_folder(&small, "small");
    make_folder(&large, "large");
    write_config(&small, 130, 0);
    run(&small, false);
    snprintf(grown, sizeof(grown),
             "name: toy\n"
             "grown_from: %s\n"
             "model: {layers: 2, width: 64, heads: 4, kv_heads: 1, feed_forward: 96, vocabulary: 300}\n"
             "tokenizer: {corpus: [rows.jsonl]}\n"
             "phases: [{name: one, tokens: 192, length: 48, rows: 4, rate: 0.001, data: [{file: rows.jsonl}]}]\n",
             small.checkpoint);
    write_text(large.config, grown);
    struct train_result result = run(&large, false);
    assert_int_equal(result.steps, 1);
    assert_true(result.last_loss < 0.2);
    remove_folder(&small);
    remove_folder(&large);
}

/* Sums in another order, so near, not equal; and equal to itself. */
static void passes_side_by_side_learn_the_same(void **state)
{
    (void)state;
    struct folder folder;
    struct train_result results[3];
    struct str files[3];
    make_folder(&folder, "workers");
    for (unsigned i = 0; i < 3; i++) {
        write_config_of(&folder, 20, 0, i == 0 ? 1 : 2);
        results[i] = run(&folder, false);
        files[i] = read_file(folder.out);
    }
    assert_true(fabs(results[0].last_loss - results[1].last_loss) < 0.05 * results[0].last_loss);
    assert_int_equal(files[1].len, files[2].len);
    assert_memory_equal(files[1].data, files[2].data, files[1].len);
    for (unsigned i = 0; i < 3; i++)
        mem_free((void *)(uintptr_t)files[i].data);
    remove_folder(&folder);
}

static void count_pause(void *ctx, uint32_t number)
{
    atomic_uint *pauses = ctx;
    assert_true(number < 2);
    atomic_fetch_add(&pauses[number], 1);
}

/* Each thread is asked, by its own number, and often: a pause that lasted for a whole pass would be none. */
static void every_thread_gives_way(void **state)
{
    (void)state;
    struct folder folder;
    struct train_config config;
    struct train_result result;
    struct error error;
    atomic_uint pauses[2] = {0, 0};
    make_folder(&folder, "way");
    write_config_of(&folder, 2, 0, 2);
    const struct train_options options = {.out = folder.out, .way = {count_pause, pauses}};
    assert_ok(train_config_load(folder.config, &config, &error));
    assert_ok(train_run(&config, &options, &result, &error));
    train_config_deinit(&config);
    assert_int_equal(result.steps, 2);
    for (int i = 0; i < 2; i++)
        assert_true(atomic_load(&pauses[i]) > 100);
    remove_folder(&folder);
}

static void a_stopped_run_leaves_a_checkpoint(void **state)
{
    (void)state;
    static const volatile sig_atomic_t stop = 1;
    struct folder folder;
    struct train_config config;
    struct train_result result;
    struct error error;
    make_folder(&folder, "stopped");
    write_config(&folder, 5, 0);
    assert_ok(train_config_load(folder.config, &config, &error));
    struct train_options options = {.out = folder.out, .stop = &stop};
    assert_ok(train_run(&config, &options, &result, &error));
    assert_true(result.was_stopped);
    train_config_deinit(&config);
    assert_int_equal(run(&folder, true).steps, 5);
    remove_folder(&folder);
}

static void expect_refusal(const struct folder *folder, enum error_code code, const char *message)
{
    struct train_config config;
    struct train_result result;
    struct error error;
    struct train_options options = {.out = folder->out, .resume = true};
    assert_ok(train_config_load(folder->config, &config, &error));
    assert_int_equal(train_run(&config, &options, &result, &error), code);
    if (!strstr(error.message, message))
        fail_msg("expected '%s' in '%s'", message, error.message);
    train_config_deinit(&config);
}

static void bad_checkpoints_are_refused(void **state)
{
    (void)state;
    struct folder folder;
    make_folder(&folder, "damaged");
    write_config(&folder, 3, 0);
    expect_refusal(&folder, ERROR_NOT_FOUND, "toy.gguf.checkpoint");
    run(&folder, false);
    struct str file = read_file(folder.checkpoint);
    ((char *)(uintptr_t)file.data)[file.len / 2] ^= 1;
    FILE *damaged = fopen(folder.checkpoint, "we");
    assert_non_null(damaged);
    assert_int_equal(fwrite(file.data, 1, file.len, damaged), file.len);
    fclose(damaged);
    expect_refusal(&folder, ERROR_INVALID, "checksum");
    assert_int_equal(truncate(folder.checkpoint, 50), 0);
    expect_refusal(&folder, ERROR_INVALID, "cut short");
    mem_free((void *)(uintptr_t)file.data);
    remove_folder(&folder);
}

static void configuration_errors_name_line_and_key(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *message;
    } cases[] = {
        {"heads: 2", "heads: 5", "train.yaml:4: model.heads: expected a divisor of width"},
        {"heads: 2", "hedas: 2", "train.yaml:4: model.hedas: unknown key"},
        {"workers: 1", "workers: 3", "phases[0].workers: expected at most accumulate (2)"},
        {"seed: 3", "seed: x", "train.yaml:2: seed: expected an integer"},
        {"name: toy", "nam: toy", "train.yaml:1: nam: unknown key"},
        {"copying: characters", "copying: verse", "phases[0].data[1].copying: expected none, characters or tokens"},
        {"{file: rows.jsonl, weight: 3}", "{weight: 3}", "phases[0].data: expected either a file or copying"},
        {"file: rows.jsonl, rows", "file: nothing.jsonl, rows",
         "train.yaml:6: measure.file: expected the path of a file"},
    };
    struct folder folder;
    make_folder(&folder, "config");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_config(&folder, 3, 0);
        struct str text = read_file(folder.config);
        struct buf changed;
        struct train_config config;
        struct error error;
        ptrdiff_t at = str_find(text, str_of(cases[i].from), 0);
        assert_true(at >= 0);
        buf_init(&changed, 1 << 16);
        buf_append_str(&changed, str_slice(text, 0, (size_t)at));
        buf_append_text(&changed, cases[i].to);
        buf_append_str(&changed, str_slice(text, (size_t)at + strlen(cases[i].from), text.len));
        buf_append_char(&changed, '\0');
        write_text(folder.config, changed.data);
        assert_int_equal(train_config_load(folder.config, &config, &error), ERROR_INVALID);
        if (!strstr(error.message, cases[i].message))
            fail_msg("expected '%s' in '%s'", cases[i].message, error.message);
        buf_deinit(&changed);
        mem_free((void *)(uintptr_t)text.data);
    }
    unlink(folder.config);
    remove_folder(&folder);
}

/* --- the exported file ------------------------------------------------------------------------------ */

static void llama_cpp_computes_the_same_logits(void **state)
{
    for (int is_tied = 0; is_tied < 2; is_tied++) {
        (void)state;
        char path[64];
        struct error error;
        struct tokenizer *tokenizer;
        struct weights *weights;
        struct compute *compute;
        struct graph *graph;
        struct packer packer;
        struct model *model;
        double loss;
        struct batch_shape shape = {LOGIT_TOKENS, 1, LOGIT_TOKENS};
        struct provenance provenance = {.corpus = "0", .seed = 1};
        assert_ok(tokenizer_new(NULL, 0, 1, &tokenizer, &error));
        struct model_shape tiny = tiny_shape(tokenizer->count, is_tied);
        assert_ok(weights_new(&tiny, &weights, &error));
        stir_weights(weights, 6);
        assert_ok(compute_new(1, true, &compute, &error));
        assert_ok(graph_new(compute, weights, shape, false, &graph, &error));
        assert_ok(packer_init(&packer, shape, &error));
        fill_batch(&packer.batch, tokenizer->count);
        assert_ok(graph_run(graph, &packer.batch, 0.0f, &loss, NULL, &error));

        temporary_path(path, "logits.gguf");
        assert_ok(export_model(path, "tiny", EXPORT_F32, weights, tokenizer, NULL, &provenance, &error));
        struct model_options options = {.path = path, .context = 128, .parallel = 1, .threads = 1};
        assert_ok(model_load(&options, &model, &error));
        assert_true(str_find(str_of(model_facts(model)->chat_template), STR("<|im_start|>"), 0) >= 0);
        assert_same_logits(model, graph, &packer.batch, tokenizer->count);

        model_free(model);
        unlink(path);
        packer_deinit(&packer);
        graph_free(graph);
        compute_free(compute);
        weights_free(weights);
        tokenizer_free(tokenizer);
    }
}

static void workers_are_as_many_as_memory_holds(void **state)
{
    static const struct {
        uint32_t wanted;
        uint64_t each, available;
        uint32_t expected;
    } cases[] = {
        {16, 1 << 30, 100ull << 30, 16}, {16, 1 << 30, 10ull << 30, 9}, {16, 1 << 30, 1 << 30, 1},
        {16, 1 << 30, 0, 16},            {16, 0, 1 << 30, 16},          {1, 5ull << 30, 1 << 20, 1},
        {4, 1, UINT64_MAX, 4},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(step_workers_that_fit(cases[i].wanted, cases[i].each, cases[i].available), cases[i].expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tiny_model_learns),
        cmocka_unit_test(a_run_that_bursts_says_so_and_leaves_no_model),
        cmocka_unit_test(a_resumed_run_ends_where_an_unbroken_one_does),
        cmocka_unit_test(a_model_grows_from_a_checkpoint),
        cmocka_unit_test(passes_side_by_side_learn_the_same),
        cmocka_unit_test(workers_are_as_many_as_memory_holds),
        cmocka_unit_test(every_thread_gives_way),
        cmocka_unit_test(a_stopped_run_leaves_a_checkpoint),
        cmocka_unit_test(bad_checkpoints_are_refused),
        cmocka_unit_test(configuration_errors_name_line_and_key),
        cmocka_unit_test(llama_cpp_computes_the_same_logits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
