/* curve.h - the progress line and the CSV file of a training run.
 *
 * CSV columns: step, tokens, seconds, phase, rate, loss (nats per trained
 * token since the line before), accuracy (of trained tokens of files),
 * copy_accuracy (of random copying), with a teacher soft_loss (the same as loss with
 * the teacher's labels), per measured task NAME_exact, then, where
 * that is asked for, per measured task NAME_loss (nats per token of its answers);
 * empty where nothing was measured. One thread. */
#ifndef DISTILL_CURVE_H
#define DISTILL_CURVE_H

#include <stdio.h>

#include "core/error.h"
#include "distill/measure.h"

struct curve_share {
    uint64_t count, right;
};

struct curve {
    FILE *csv;
    const struct measure *measure;
    bool has_teacher;
    bool is_terminal; /* standard error: one line rewritten in place */
    /* Since the last point. */
    double loss, soft_loss;
    uint64_t loss_count;
    struct curve_share tokens, copied;
    double last_seconds;
    uint64_t last_tokens;
    double last_loss; /* of the last point */
};

struct curve_point {
    const char *phase;
    uint64_t steps, tokens, tokens_left;
    double seconds, rate;
    bool is_measured; /* the curve's measure has just been run */
};

/* A resumed run stands at `steps` and `tokens`: earlier lines are kept, later
 * ones dropped, since they are written again. */
enum error_code curve_open(struct curve *curve, const char *path, const struct measure *measure, bool has_teacher,
                           uint64_t steps, uint64_t tokens, double seconds, struct error *error) WARN_UNUSED;
void curve_close(struct curve *curve);

void curve_add_loss(struct curve *curve, double loss_sum, double soft_loss_sum, uint64_t count);
void curve_add_token(struct curve *curve, bool is_copied, bool is_right);

/* Writes a line to the file and one to standard error. */
enum error_code curve_write(struct curve *curve, const struct curve_point *point, struct error *error) WARN_UNUSED;

#endif
