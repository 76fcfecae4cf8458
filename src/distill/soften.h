/* soften.h - from a teacher's logits to labels. Pure; any thread. */
#ifndef DISTILL_SOFTEN_H
#define DISTILL_SOFTEN_H

#include <stdint.h>

/* Probabilities softmax(logits / temperature) of `count` entries. */
void soften(const float *logits, uint32_t count, float temperature, float *out);

/* Leaves the `top` largest of a row's probabilities as they are and gives every other entry the same share of what is
 * left of 1, so that the row sums to 1; `top` 0, or not below count: scales all to that sum. Of equal ones the first
 * are kept. `heap` has room for `top` entries. */
void soften_keep(float *row, uint32_t count, uint32_t top, uint32_t *heap);

#endif
