/* measure.c - counts right answers on held-out rows by one forward pass. Changes no weights. See measure.h. */
#include "distill/measure.h"

#include <math.h>
#include <stdio.h>

#define MEASURE_ROWS 4 /* of a pass */

/* --- reading ---------------------------------------------------------------------------------------- */

static bool find_task(struct measure *measure, const char *name, uint8_t *task)
{
    for (uint32_t i = 0; i < measure->task_count; i++)
        if (strcmp(measure->tasks[i].name, name) == 0) {
            *task = (uint8_t)i;
            return true;
        }
    if (measure->task_count == MEASURE_TASKS_MAX)
        return false;
    *task = (uint8_t)measure->task_count++;
    snprintf(measure->tasks[*task].name, sizeof(measure->tasks[*task].name), "%s", *name ? name : "rows");
    return true;
}

static enum error_code read_rows(struct measure *measure, const struct train_measure *settings,
                                 const struct corpus *corpus, const struct tokenizer *tokenizer, struct error *error)
{
    uint32_t wanted = settings->rows < corpus->row_count ? settings->rows : corpus->row_count;
    measure->examples = ARENA_ARRAY(&measure->arena, struct example, wanted);
    measure->tasks_of = ARENA_ARRAY(&measure->arena, uint8_t, wanted);
    measure->is_exact = ARENA_ARRAY(&measure->arena, bool, wanted);
    if (!measure->examples || !measure->tasks_of || !measure->is_exact)
        return error_no_memory(error);
    for (uint32_t i = 0; i < wanted; i++) {
        struct str row = corpus->rows[(uint64_t)i * corpus->row_count / wanted];
        struct example *example = &measure->examples[measure->count];
        enum error_code code = example_of_row(tokenizer, row, &measure->arena, example, error);
        if (code)
            return error_prefix(error, "%s: row at byte %zu", corpus->path, (size_t)(row.data - corpus->text.data));
        if (example->count > settings->length)
            continue;
        if (!find_task(measure, example->task, &measure->tasks_of[measure->count]))
            return error_set(error, ERROR_INVALID, "%s: more than %d tasks", corpus->path, MEASURE_TASKS_MAX);
        measure->tasks[measure->tasks_of[measure->count++]].rows++;
    }
    return OK;
}

enum error_code measure_init(struct measure *measure, const struct train_measure *settings,
                             const struct tokenizer *tokenizer, struct compute *compute, struct weights *weights,
                             struct error *error)
{
    struct batch_shape shape = {settings->length, MEASURE_ROWS, settings->length * MEASURE_ROWS / 2};
    struct corpus corpus;
    *measure = (struct measure){.vocabulary = weights->shape.vocabulary, .tells_loss = settings->loss};
    arena_init(&measure->arena, 0);
    if (!settings->file)
        return OK;
    enum error_code code = corpus_open(settings->file, &corpus, error);
    if (code)
        return code;
    code = read_rows(measure, settings, &corpus, tokenizer, error);
    corpus_close(&corpus);
    if (!code)
        code = packer_init(&measure->packer, shape, error);
    if (!code)
        code = graph_new(compute, weights, shape, false, &measure->graph, error);
    if (code)
        measure_deinit(measure);
    return code;
}

void measure_deinit(struct measure *measure)
{
    graph_free(measure->graph);
    packer_deinit(&measure->packer);
    arena_deinit(&measure->arena);
    *measure = (struct measure){0};
}

/* --- running ---------------------------------------------------------------------------------------- */

/* Cross entropy of one label. */
static double loss_of(const float *logits, uint32_t count, int32_t label)
{
    float most = logits[0];
    double sum = 0;
    for (uint32_t i = 1; i < count; i++)
        most = logits[i] > most ? logits[i] : most;
    for (uint32_t i = 0; i < count; i++)
        sum += exp((double)(logits[i] - most));
    return log(sum) + (double)(most - logits[label]);
}

static void add_losses(struct measure *measure, const struct batch *batch)
{
    const float *logits = graph_logits(measure->graph);
    for (uint32_t i = 0; i < batch->selected; i++) {
        const uint8_t task = measure->tasks_of[measure->packer.tags[i]];
        measure->loss_sums[task] += loss_of(logits + (size_t)i * measure->vocabulary, measure->vocabulary,
                                            batch->labels[i]);
        measure->tokens[task]++;
    }
}

static enum error_code run_batch(struct measure *measure, struct error *error)
{
    const struct batch *batch = &measure->packer.batch;
    bool *is_right = mem_calloc(batch->shape.selected, sizeof(*is_right));
    double loss;
    if (!is_right)
        return error_no_memory(error);
    enum error_code code = graph_run(measure->graph, batch, 0.0f, &loss, is_right, error);
    for (uint32_t i = 0; !code && i < batch->selected; i++)
        measure->is_exact[measure->packer.tags[i]] = measure->is_exact[measure->packer.tags[i]] && is_right[i];
    if (!code && measure->tells_loss)
        add_losses(measure, batch);
    mem_free(is_right);
    packer_reset(&measure->packer);
    return code;
}

enum error_code measure_run(struct measure *measure, struct error *error)
{
    packer_reset(&measure->packer);
    memset(measure->loss_sums, 0, sizeof(measure->loss_sums));
    memset(measure->tokens, 0, sizeof(measure->tokens));
    for (uint32_t i = 0; i < measure->count; i++) {
        measure->is_exact[i] = true;
        if (packer_add(&measure->packer, &measure->examples[i], (int32_t)i))
            continue;
        enum error_code code = run_batch(measure, error);
        if (code)
            return code;
        /* A row whose answer alone is more than half of a batch counts as wrong. */
        measure->is_exact[i] = packer_add(&measure->packer, &measure->examples[i], (int32_t)i);
    }
    enum error_code code = run_batch(measure, error);
    for (uint32_t i = 0; i < measure->task_count; i++) {
        measure->tasks[i].exact = 0;
        measure->tasks[i].loss = measure->tokens[i] ? measure->loss_sums[i] / (double)measure->tokens[i] : 0;
    }
    for (uint32_t i = 0; i < measure->count; i++)
        measure->tasks[measure->tasks_of[i]].exact += measure->is_exact[i];
    return code;
}
