/* verdict.c - intervals of means, and what follows from them. See verdict.h. */
#include "eval/verdict.h"

#include <math.h>

#include "core/mem.h"

#define TAIL 0.025
#define PI 3.14159265358979323846
#define CELLS 512 /* between the least and the greatest value: multiples of 1/512, or of 1/256 of a gain, are exact */

/* Of the sum's characteristic function: its step, in deviations of the sum, and where it is as good as over. */
#define STEP 0.3 /* beyond 2 * pi / STEP deviations its values repeat */
#define FAR 8    /* deviations: so far from 0 the sum is surely on one side */
#define STEPS_MAX 20000
#define NEGLIGIBLE 1e-7
#define HALVINGS 28

const char *const verdict_names[VERDICTS] = {
    [VERDICT_SWITCH] = "switch", [VERDICT_STAY] = "stay", [VERDICT_UNSURE] = "unsure"};

/* --- values in few places ---------------------------------------------------------------------------- */

/* What a value may be, and how many rows have which. One between two places counts as parts of a row at both, so that
 * the mean stays what it is. */
struct tally {
    double low, high;
    double at[CELLS + 1], rows[CELLS + 1]; /* with rows, in rising order */
    size_t count;
};

static void tally_values(struct tally *tally, const double *values, size_t count)
{
    const double span = tally->high - tally->low;
    double cells[CELLS + 2] = {0};
    for (size_t i = 0; i < count; i++) {
        const double place = fmin(fmax((values[i] - tally->low) / span, 0), 1) * CELLS;
        const size_t cell = (size_t)place;
        cells[cell] += 1 - (place - (double)cell);
        cells[cell + 1] += place - (double)cell;
    }
    tally->count = 0;
    for (size_t i = 0; i <= CELLS; i++) {
        if (cells[i] <= 0)
            continue;
        tally->at[tally->count] = tally->low + span * (double)i / CELLS;
        tally->rows[tally->count++] = cells[i];
    }
}

/* --- quantiles of the weighed mean ------------------------------------------------------------------- */

/* The chance that the mean of the rows and of one more at `extra`, weighed at random, is less than `edge`. Weights that
 * sum up to 1 and are all as likely are exponential variables over their sum: the mean is less than the edge where
 * the sum of (value - edge) * variable is less than 0, which its characteristic function tells (Gil-Pelaez). */
static double chance_below(const struct tally *tally, double extra, double edge)
{
    double mean = extra - edge, variance = mean * mean, sum = 0;
    for (size_t i = 0; i < tally->count; i++) {
        mean += tally->rows[i] * (tally->at[i] - edge);
        variance += tally->rows[i] * (tally->at[i] - edge) * (tally->at[i] - edge);
    }
    const double deviation = sqrt(variance), step = STEP / deviation;
    if (fabs(mean) > FAR * deviation)
        return mean < 0;
    for (size_t k = 0; k < STEPS_MAX; k++) {
        const double at = ((double)k + 0.5) * step, x = at * (extra - edge);
        double size = log1p(x * x), angle = atan(x);
        for (size_t i = 0; i < tally->count; i++) {
            const double y = at * (tally->at[i] - edge);
            size += tally->rows[i] * log1p(y * y);
            angle += tally->rows[i] * atan(y);
        }
        const double part = exp(-size / 2) / ((double)k + 0.5);
        sum += part * sin(angle);
        if (part < NEGLIGIBLE)
            break;
    }
    return 0.5 - sum / PI;
}

/* Between the least and the greatest that there is: the mean is never outside. */
static double quantile(const struct tally *tally, double extra, double chance)
{
    double low = fmin(tally->at[0], extra), high = fmax(tally->at[tally->count - 1], extra);
    if (!(low < high))
        return low;
    for (size_t i = 0; i < HALVINGS; i++) {
        const double middle = (low + high) / 2;
        *(chance_below(tally, extra, middle) < chance ? &low : &high) = middle;
    }
    return (low + high) / 2;
}

/* `values`: at least one, each from low to high. */
static enum error_code estimate_mean(const double *values, size_t count, double low, double high,
                                     struct estimate *estimate, struct error *error)
{
    struct tally *tally = mem_alloc(sizeof(*tally));
    double sum = 0;
    if (!tally)
        return error_no_memory(error);
    tally->low = low;
    tally->high = high;
    tally_values(tally, values, count);
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    *estimate = (struct estimate){.value = sum / (double)count,
                                  .low = quantile(tally, low, TAIL),
                                  .high = quantile(tally, high, 1 - TAIL),
                                  .rows = count};
    mem_free(tally);
    return OK;
}

/* --- estimates --------------------------------------------------------------------------------------- */

/* The values that are known, `second` NULL: of scores alone. */
static enum error_code estimate_known(const double *first, const double *second, size_t count, double low,
                                      struct estimate *estimate, struct error *error)
{
    size_t known = 0;
    double *values = mem_alloc((count + 1) * sizeof(*values));
    *estimate = (struct estimate){.low = low, .high = 1};
    if (!values)
        return error_no_memory(error);
    for (size_t i = 0; i < count; i++) {
        const double value = first[i] - (second ? second[i] : 0);
        if (!isnan(value))
            values[known++] = value;
    }
    const enum error_code code = known > 0 ? estimate_mean(values, known, low, 1, estimate, error) : OK;
    mem_free(values);
    return code;
}

enum error_code estimate_score(const double *scores, size_t count, struct estimate *estimate, struct error *error)
{
    return estimate_known(scores, NULL, count, 0, estimate, error);
}

enum error_code estimate_gain(const double *first, const double *second, size_t count, struct estimate *estimate,
                              struct error *error)
{
    return estimate_known(first, second, count, -1, estimate, error);
}

/* Computed ends have an error of their own: what is off by less than 1e-7 is not below the bound. */
enum verdict verdict_of(const struct estimate *gain, double bound)
{
    const double edge = -bound - 1e-7;
    if (gain->low >= edge)
        return VERDICT_SWITCH;
    return gain->high < edge ? VERDICT_STAY : VERDICT_UNSURE;
}
