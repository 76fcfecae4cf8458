/* verdict.c - the paired bootstrap, and what follows from it. See verdict.h. */
#include "eval/verdict.h"

#include <math.h>
#include <stdlib.h>

#include "core/limits.h"
#include "core/mem.h"
#include "core/util.h"

#define TAIL 0.025

const char *const verdict_names[VERDICTS] = {
    [VERDICT_SWITCH] = "switch", [VERDICT_STAY] = "stay", [VERDICT_UNSURE] = "unsure"};

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double mean_of(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum / (double)count;
}

/* One of `count` rows, each as likely but for a part in 2^32: without a division, for there are millions of draws. */
static size_t draw(struct rng *rng, size_t count)
{
    return (size_t)((rng_next(rng) >> 32) * count >> 32);
}

static void resample(const double *values, size_t count, uint64_t seed, double *means, struct estimate *estimate)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < LIMIT_EVAL_RESAMPLES; i++) {
        double sum = 0;
        for (size_t j = 0; j < count; j++)
            sum += values[draw(&rng, count)];
        means[i] = sum / (double)count;
    }
    qsort(means, LIMIT_EVAL_RESAMPLES, sizeof(*means), compare_doubles);
    estimate->low = means[(size_t)(TAIL * LIMIT_EVAL_RESAMPLES)];
    estimate->high = means[LIMIT_EVAL_RESAMPLES - 1 - (size_t)(TAIL * LIMIT_EVAL_RESAMPLES)];
}

/* What a score may be, and where a row neither wins nor loses. */
struct range {
    double low, middle, high;
};

static void widen(const double *values, size_t count, const struct range *range, struct estimate *estimate)
{
    const double unseen = 1 - pow(TAIL, 1 / (double)count);
    bool has_below = false, has_above = false;
    for (size_t i = 0; i < count; i++) {
        has_below = has_below || values[i] < range->middle;
        has_above = has_above || values[i] > range->middle;
    }
    if (!has_below)
        estimate->low = (1 - unseen) * estimate->low + unseen * range->low;
    if (!has_above)
        estimate->high = (1 - unseen) * estimate->high + unseen * range->high;
}

static bool are_equal(const double *values, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (values[i] < values[0] || values[i] > values[0])
            return false;
    return true;
}

enum error_code estimate_score(const double *scores, size_t count, uint64_t seed, struct estimate *estimate,
                               struct error *error)
{
    size_t known = 0;
    double *values = mem_alloc((count + 1) * sizeof(*values)),
           *means = mem_alloc(LIMIT_EVAL_RESAMPLES * sizeof(*means));
    *estimate = (struct estimate){.high = 1};
    for (size_t i = 0; values && i < count; i++)
        if (!isnan(scores[i]))
            values[known++] = scores[i];
    if (values && means && known > 0) {
        estimate->rows = known;
        estimate->value = mean_of(values, known);
        resample(values, known, seed, means, estimate);
        const struct range range = {0, values[0], 1};
        if (are_equal(values, known))
            widen(values, known, &range, estimate);
    }
    const bool is_made = values && means;
    mem_free(values);
    mem_free(means);
    return is_made ? OK : error_no_memory(error);
}

enum error_code estimate_gain(const double *first, const double *second, size_t count, uint64_t seed,
                              struct estimate *estimate, struct error *error)
{
    static const struct range range = {-1, 0, 1};
    size_t known = 0;
    double *values = mem_alloc((count + 1) * sizeof(*values)),
           *means = mem_alloc(LIMIT_EVAL_RESAMPLES * sizeof(*means));
    *estimate = (struct estimate){.low = -1, .high = 1};
    for (size_t i = 0; values && i < count; i++)
        if (!isnan(first[i]) && !isnan(second[i]))
            values[known++] = first[i] - second[i];
    if (values && means && known > 0) {
        estimate->rows = known;
        estimate->value = mean_of(values, known);
        resample(values, known, seed, means, estimate);
        widen(values, known, &range, estimate);
    }
    const bool is_made = values && means;
    mem_free(values);
    mem_free(means);
    return is_made ? OK : error_no_memory(error);
}

/* A mean of whole points has a rounding error: -0.02 of 100 rows is not below the bound. */
enum verdict verdict_of(const struct estimate *gain, double bound)
{
    const double edge = -bound - 1e-9;
    if (gain->low >= edge)
        return VERDICT_SWITCH;
    return gain->high < edge ? VERDICT_STAY : VERDICT_UNSURE;
}
