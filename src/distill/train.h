/* train.h - the training loop. One thread; ggml and BLAS may use more. */
#ifndef DISTILL_TRAIN_H
#define DISTILL_TRAIN_H

#include <signal.h>
#include <stdbool.h>

#include "core/error.h"
#include "distill/graph.h"
#include "distill/train_config.h"

struct train_options {
    const char *out;                   /* GGUF file; OUT.checkpoint and OUT.csv stand beside it */
    bool resume;                       /* go on from OUT.checkpoint */
    const volatile sig_atomic_t *stop; /* set: write a checkpoint and end; may be NULL */
    struct give_way way;               /* asked while graphs run; zero: nobody */
};

/* What came of it. */
struct train_result {
    uint64_t steps, tokens;
    double last_loss; /* mean of the last logged steps */
    bool was_stopped;
};

/* Trains through all phases and writes the model. The file is also written at
 * every checkpoint, so that a run can be judged before it ends. */
enum error_code train_run(const struct train_config *config, const struct train_options *options,
                          struct train_result *result, struct error *error) WARN_UNUSED;

/* Opens what the model begins with and its teacher, and looks whether they go together. Trains nothing. */
enum error_code train_check(const struct train_config *config, struct error *error) WARN_UNUSED;

#endif
