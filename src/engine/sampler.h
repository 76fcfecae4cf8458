/* sampler.h - picks the next token from logits. One thread at a time.
 *
 * Own code instead of llama.cpp's sampler chain: a greedy pick there first
 * copies the whole vocabulary into 12-byte records, for every token of every
 * sequence; and the random numbers here are ours, so a seed gives the same
 * tokens whatever library version serves. */
#ifndef ENGINE_SAMPLER_H
#define ENGINE_SAMPLER_H

#include <stdint.h>

#include "core/util.h"

struct sampler {
    float temperature; /* 0: greedy */
    float top_p;       /* 1 and above, or 0: off */
    int32_t top_k;     /* 0 and below: off */
    struct rng rng;
};

struct sampler_candidate {
    float logit;
    int32_t token;
};

void sampler_init(struct sampler *sampler, float temperature, float top_p, int32_t top_k, uint64_t seed);

/* logits[count]; scratch[count] is needed unless greedy. */
int32_t sampler_pick(struct sampler *sampler, const float *logits, uint32_t count, struct sampler_candidate *scratch);
int32_t sampler_greedy(const float *logits, uint32_t count); /* the first of the largest */

/* The `want` largest into top[want], the largest first; how many there were. */
uint32_t sampler_top(const float *logits, uint32_t count, uint32_t want, struct sampler_candidate *top);

#endif
