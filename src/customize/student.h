/* student.h - how much of its base a student is, and what that makes of its price.
 *
 * A whole model costs what its base costs. One that was pruned costs its share of that: the weights that each of its
 * tokens is multiplied with (layers and head) over those of its base, since that is what a token's work is, and what
 * memory has to deliver for it. Shares are millionths, rounded up, and stand in the custom model's settings as
 * price_share, which fulcrum.yaml has, too; a student of a student has both in one. Any thread. */
#ifndef CUSTOMIZE_STUDENT_H
#define CUSTOMIZE_STUDENT_H

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

#define STUDENT_WHOLE 1000000u

/* The share that settings speak of. */
uint64_t student_share(struct str settings);

/* Of the model in the file `path` made out of that in `base`; STUDENT_WHOLE at most. Both counts of weights come back
 * as well. */
struct student_size {
    uint64_t weights, base_weights, share;
};
enum error_code student_measure(const char *path, const char *base, struct student_size *size,
                                struct error *error) WARN_UNUSED;

/* Settings with the share of them that `share` is; unpriced ones stay as they are. False: no memory. */
bool student_settings(struct str settings, uint64_t share, struct arena *arena, struct str *made) WARN_UNUSED;

#endif
