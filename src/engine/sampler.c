/* sampler.c - see sampler.h. */
#include "engine/sampler.h"

#include <math.h>
#include <stdlib.h>

#define SORT_FIRST 64u /* candidates sorted before asking whether they hold top_p; four times as many each turn */

void sampler_init(struct sampler *sampler, float temperature, float top_p, int32_t top_k, uint64_t seed)
{
    sampler->temperature = temperature;
    sampler->top_p = top_p;
    sampler->top_k = top_k;
    rng_seed(&sampler->rng, seed);
}

/* Eight running maxima, since one would wait for itself at every comparison. */
int32_t sampler_greedy(const float *logits, uint32_t count)
{
    float best[8];
    for (uint32_t lane = 0; lane < 8; lane++)
        best[lane] = -INFINITY;
    uint32_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (uint32_t lane = 0; lane < 8; lane++)
            best[lane] = logits[i + lane] > best[lane] ? logits[i + lane] : best[lane];
    float top = -INFINITY;
    for (uint32_t lane = 0; lane < 8; lane++)
        top = best[lane] > top ? best[lane] : top;
    for (; i < count; i++)
        top = logits[i] > top ? logits[i] : top;
    for (i = 0; i < count; i++)
        if (logits[i] == top)
            return (int32_t)i;
    return 0;
}

static void swap(struct sampler_candidate *a, struct sampler_candidate *b)
{
    const struct sampler_candidate t = *a;
    *a = *b;
    *b = t;
}

/* A total order (ties by token), so that the outcome does not depend on the path taken here. */
static int compare(const void *left, const void *right)
{
    const struct sampler_candidate *a = left, *b = right;
    if (a->logit != b->logit)
        return a->logit > b->logit ? -1 : 1;
    return (a->token > b->token) - (a->token < b->token);
}

/* Brings the `want` largest to the front, in any order (Hoare's selection). */
static void select_top(struct sampler_candidate *items, uint32_t count, uint32_t want)
{
    int64_t low = 0, high = (int64_t)count - 1;
    while (low < high) {
        const struct sampler_candidate pivot = items[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (compare(&items[i], &pivot) < 0)
                i++;
            while (compare(&items[j], &pivot) > 0)
                j--;
            if (i <= j)
                swap(&items[i++], &items[j--]);
        }
        if ((int64_t)want - 1 <= j)
            high = j;
        else if ((int64_t)want - 1 >= i)
            low = i;
        else
            return;
    }
}

uint32_t sampler_top(const float *logits, uint32_t count, uint32_t want, struct sampler_candidate *top)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count && want > 0; i++) {
        if (!(logits[i] > (found < want ? -INFINITY : top[found - 1].logit)))
            continue;
        uint32_t at = found < want ? found++ : found - 1;
        for (; at > 0 && top[at - 1].logit < logits[i]; at--)
            top[at] = top[at - 1];
        top[at] = (struct sampler_candidate){logits[i], (int32_t)i};
    }
    return found;
}

static double weight(const struct sampler *sampler, float logit, float top)
{
    return exp(((double)logit - (double)top) / (double)sampler->temperature);
}

static double mass_of(const struct sampler *sampler, const struct sampler_candidate *items, uint32_t count, float top)
{
    double mass = 0;
    for (uint32_t i = 0; i < count; i++)
        mass += weight(sampler, items[i].logit, top);
    return mass;
}

/* Number of candidates, sorted at the front, that together hold top_p of the mass. */
static uint32_t nucleus(const struct sampler *sampler, struct sampler_candidate *items, uint32_t count, float top)
{
    const double wanted = mass_of(sampler, items, count, top) * (double)sampler->top_p;
    double mass = 0;
    uint32_t done = 0;
    for (uint32_t end = SORT_FIRST; done < count; end *= 4) {
        end = end < count ? end : count;
        select_top(items + done, count - done, end - done);
        qsort(items + done, end - done, sizeof(*items), compare);
        for (; done < end; done++) {
            mass += weight(sampler, items[done].logit, top);
            if (mass >= wanted)
                return done + 1;
        }
    }
    return count;
}

static int32_t draw(struct sampler *sampler, const struct sampler_candidate *items, uint32_t count, float top)
{
    double left = rng_unit(&sampler->rng) * mass_of(sampler, items, count, top);
    for (uint32_t i = 0; i < count; i++) {
        left -= weight(sampler, items[i].logit, top);
        if (left < 0)
            return items[i].token;
    }
    return items[count - 1].token;
}

int32_t sampler_pick(struct sampler *sampler, const float *logits, uint32_t count, struct sampler_candidate *scratch)
{
    const int32_t best = sampler_greedy(logits, count);
    if (!(sampler->temperature > 0) || sampler->top_k == 1)
        return best;
    const float top = logits[best];
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; i++)
        if (logits[i] > -INFINITY) /* also drops what is not a number */
            scratch[used++] = (struct sampler_candidate){logits[i], (int32_t)i};
    if (used < 2 || !isfinite(top))
        return best;
    if (sampler->top_k > 0 && (uint32_t)sampler->top_k < used) {
        select_top(scratch, used, (uint32_t)sampler->top_k);
        used = (uint32_t)sampler->top_k;
        qsort(scratch, used, sizeof(*scratch), compare); /* a fixed order, whatever the selection did */
    }
    if (sampler->top_p > 0 && sampler->top_p < 1)
        used = nucleus(sampler, scratch, used, top);
    return draw(sampler, scratch, used, top);
}
