/* measure.h - exact match and loss on held-out rows while a model trains.
 *
 * An answer is right when every token of it is the most probable one given the
 * true tokens before it, which is when greedy decoding writes it: one forward
 * pass instead of generation. One thread. */
#ifndef DISTILL_MEASURE_H
#define DISTILL_MEASURE_H

#include "core/error.h"
#include "distill/corpus.h"
#include "distill/graph.h"
#include "distill/train_config.h"

#define MEASURE_TASKS_MAX 16

struct measure_task {
    char name[EXAMPLE_TASK_MAX];
    uint32_t rows, exact;
    double loss; /* mean cross entropy of the answers' tokens, nats; 0 where none was computed */
};

struct measure {
    struct arena arena; /* owns the examples */
    struct example *examples;
    uint8_t *tasks_of; /* index into tasks, per example */
    bool *is_exact;    /* per example, of the last run */
    uint32_t count;
    struct measure_task tasks[MEASURE_TASKS_MAX]; /* in order of appearance */
    uint32_t task_count;
    struct packer packer;
    struct graph *graph;
    bool tells_loss; /* in the curve */
    uint32_t vocabulary;
    double loss_sums[MEASURE_TASKS_MAX]; /* of the run under way, */
    uint64_t tokens[MEASURE_TASKS_MAX];  /* over so many of the answers' tokens */
};

enum error_code measure_init(struct measure *measure, const struct train_measure *settings,
                             const struct tokenizer *tokenizer, struct compute *compute, struct weights *weights,
                             struct error *error) WARN_UNUSED;
void measure_deinit(struct measure *measure);

/* Fills in `exact` and `loss` of every task. */
enum error_code measure_run(struct measure *measure, struct error *error) WARN_UNUSED;

#endif
