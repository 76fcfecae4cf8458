/* metrics.h - the trainer's curve (distill/curve.h), and the two CSV files that the service makes of it:
 *
 *   step_wise_training_metrics.csv  step_number,epoch_number,training_loss,perplexity
 *   validation_metrics.csv          step_number,epoch_number,validation_loss,perplexity of each validator
 *
 * Any thread. */
#ifndef CUSTOMIZE_METRICS_H
#define CUSTOMIZE_METRICS_H

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "customize/job.h"

/* Tasks of held-out rows: one for each validator, or one for those that were split off. */
#define METRICS_TASK "validator"
void metrics_task(size_t validator, char name[24]);

struct metric_point {
    uint64_t step;
    double seconds, loss;
    size_t measured; /* losses of so many validators were computed here; 0: none */
    double validation[CUSTOM_VALIDATORS_MAX];
};

/* Of the trainer's curve, or of either of the service's files, whose points lack what the file does not have: `loss` is
 * NAN, or `measured` 0. In the arena. */
enum error_code metrics_parse(struct str text, struct arena *arena, struct metric_point **points, size_t *count,
                              struct error *error) WARN_UNUSED;
/* All points of the file, in the arena. No file: no points. */
enum error_code metrics_read(const char *path, struct arena *arena, struct metric_point **points, size_t *count,
                             struct error *error) WARN_UNUSED;

struct metrics_run {
    const struct metric_point *points;
    size_t count;
    uint64_t steps; /* of the whole run */
    uint64_t before; /* of these, before the first epoch */
    uint32_t epochs;
};
bool metrics_append_steps(struct buf *out, const struct metrics_run *run);
/* With one validator the columns have the service's names, with more of them a number behind. */
bool metrics_append_validation(struct buf *out, const struct metrics_run *run);

#endif
