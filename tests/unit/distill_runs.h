/* distill_runs.h - whole runs of the trainer in a folder of their own, and its graph beside llama.cpp, for tests. */
#ifndef TESTS_DISTILL_RUNS_H
#define TESTS_DISTILL_RUNS_H

#include <math.h>
#include <sys/stat.h>

#include "distill_fixture.h"

#include "core/buf.h"
#include "distill/train.h"
#include "engine/model.h"

/* --- a folder with a configuration ------------------------------------------------------------------ */

struct folder {
    char path[64], config[96], out[96], checkpoint[112], csv[112];
};

static inline void write_rows(const char *folder)
{
    static const char *const words[] = {"refund", "invoice", "address", "password", "delivery", "coupon"};
    char path[96];
    struct buf text;
    buf_init(&text, 1 << 16);
    for (size_t i = 0; i < 6; i++)
        buf_appendf(&text,
                    "{\"task\":\"toy\",\"messages\":[{\"role\":\"user\",\"content\":\"About my %s.\"}],"
                    "\"expected\":\"class_%zu\"}\n",
                    words[i], i);
    buf_append_char(&text, '\0');
    snprintf(path, sizeof(path), "%s/rows.jsonl", folder);
    write_text(path, text.data);
    buf_deinit(&text);
}

static inline void make_folder(struct folder *folder, const char *name)
{
    temporary_path(folder->path, name);
    assert_int_equal(mkdir(folder->path, 0700), 0);
    snprintf(folder->config, sizeof(folder->config), "%s/train.yaml", folder->path);
    snprintf(folder->out, sizeof(folder->out), "%s/toy.gguf", folder->path);
    snprintf(folder->checkpoint, sizeof(folder->checkpoint), "%s.checkpoint", folder->out);
    snprintf(folder->csv, sizeof(folder->csv), "%s.csv", folder->out);
    write_rows(folder->path);
}

static inline void remove_folder(const struct folder *folder)
{
    char rows[96];
    snprintf(rows, sizeof(rows), "%s/rows.jsonl", folder->path);
    unlink(rows);
    unlink(folder->config);
    unlink(folder->out);
    unlink(folder->checkpoint);
    unlink(folder->csv);
    assert_int_equal(rmdir(folder->path), 0);
}

static inline struct train_result run(const struct folder *folder, bool resume)
{
    struct train_config config;
    struct train_result result;
    struct error error;
    struct train_options options = {.out = folder->out, .resume = resume};
    assert_ok(train_config_load(folder->config, &config, &error));
    assert_ok(train_run(&config, &options, &result, &error));
    train_config_deinit(&config);
    return result;
}

static inline struct str read_file(const char *path)
{
    struct stat info;
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &info), 0);
    char *data = mem_alloc((size_t)info.st_size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)info.st_size, file), (size_t)info.st_size);
    fclose(file);
    return (struct str){data, (size_t)info.st_size};
}

/* --- beside llama.cpp ------------------------------------------------------------------------------- */

/* llama.cpp keeps keys and values in half precision, 11 bits of mantissa:
 * logits of about 1 may differ by a few thousandths, and no more. */
#define LOGIT_TOLERANCE 0.01
#define LOGIT_TOKENS 40

static inline void assert_same_logits(struct model *model, const struct graph *graph, const struct batch *batch,
                               uint32_t vocabulary)
{
    double spread = 0.0;
    for (uint32_t i = 0; i < LOGIT_TOKENS; i++) {
        model_batch_clear(model);
        model_batch_add(model, batch->tokens[i], i, 0, true);
        assert_int_equal(model_decode(model), MODEL_OK);
        const float *ours = graph_logits(graph) + (size_t)i * vocabulary, *theirs = model_logits(model, 0);
        for (uint32_t j = 0; j < vocabulary; j++) {
            spread = fmax(spread, fabs((double)ours[j]));
            if (fabs((double)ours[j] - (double)theirs[j]) > LOGIT_TOLERANCE)
                fail_msg("token %u, logit %u: %g here, %g in llama.cpp", i, j, (double)ours[j], (double)theirs[j]);
        }
    }
    assert_true(spread > 0.5); /* logits that are all near zero would prove nothing */
}

static inline void fill_batch(struct batch *batch, uint32_t vocabulary)
{
    struct rng rng;
    rng_seed(&rng, 8);
    batch->selected = LOGIT_TOKENS;
    for (uint32_t i = 0; i < LOGIT_TOKENS; i++) {
        batch->tokens[i] = (int32_t)rng_below(&rng, vocabulary);
        batch->positions[i] = (int32_t)i;
        batch->documents[i] = 0;
        batch->selects[i] = (int32_t)i;
        batch->labels[i] = 0;
    }
}

#endif
