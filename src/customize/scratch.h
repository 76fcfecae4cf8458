/* scratch.h - students that begin with random weights and have a vocabulary of their own: what a job's
 * baseModelIdentifier may name besides models that are served. Pure; any thread. */
#ifndef CUSTOMIZE_SCRATCH_H
#define CUSTOMIZE_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

#include "core/str.h"

struct scratch {
    const char *id, *name;
    uint32_t layers, width, heads, kv_heads, feed_forward;
    const char *price_as; /* the embedded model of this shape costs as much */
    double rate;          /* part of the full rates, once copying is learnt */
};
#define SCRATCH_KINDS 2
extern const struct scratch scratches[SCRATCH_KINDS];

#define SCRATCH_PROVIDER "Fulcrum"
#define SCRATCH_VOCABULARY 3072u
#define SCRATCH_VOCABULARY_MIN 1400u /* bytes, markers and all numbers of three digits are 1,361 */
#define SCRATCH_VOCABULARY_MAX 8192u
#define SCRATCH_CONTEXT 4096u

/* By its ID, or by the ARN of a foundation model with it. NULL: there is none. */
const struct scratch *scratch_find(struct str identifier);

#endif
