/* artifacts.h - what a customization job leaves to be looked at, read while it runs and after: its curve, and the first
 * lines of what it put into its output. What the tenant has deleted meanwhile is not there. Waits for the disk: any
 * thread but I/O threads. */
#ifndef CUSTOMIZE_ARTIFACTS_H
#define CUSTOMIZE_ARTIFACTS_H

#include "customize/customize.h"
#include "customize/metrics.h"

/* Points of training have a loss, those of validation `measured` losses; in the arena. */
struct custom_curve {
    struct metric_point *training, *validation;
    size_t training_count, validation_count;
};
/* At most `most` of each, evenly spread, the last one among them. */
enum error_code customize_curve(const struct customize *customize, const struct custom_job *job, size_t most,
                                struct arena *arena, struct custom_curve *curve, struct error *error) WARN_UNUSED;

/* Lines that were left out, and why; variants with their answers (docs/DISTILLATION.md). */
enum custom_artifact { CUSTOM_REJECTED, CUSTOM_SAMPLE };
/* The first `most` lines, each whole JSON, in the arena. */
enum error_code customize_lines(const struct customize *customize, const struct custom_job *job,
                                enum custom_artifact artifact, size_t most, struct arena *arena, struct str **lines,
                                size_t *count, struct error *error) WARN_UNUSED;

#endif
