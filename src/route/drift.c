/* drift.c - see drift.h. */
#include "route/drift.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BINS 10
#define LEAST_VARIANCE 0.01 /* of one answer: nobody is so sure that a single other one says more than that */

struct pair {
    float predicted, observed;
};

void drift_add(struct drift *drift, double predicted, double observed)
{
    drift->predicted[drift->next] = (float)predicted;
    drift->observed[drift->next] = (float)observed;
    drift->next = (drift->next + 1) % DRIFT_WINDOW;
    drift->count += drift->count < DRIFT_WINDOW;
}

static int by_prediction(const void *a, const void *b)
{
    const float x = ((const struct pair *)a)->predicted, y = ((const struct pair *)b)->predicted;
    return (x > y) - (x < y);
}

/* Of the differences, each weighed by how far its prediction is from `middle`, or by 1. */
static double z_of(const struct pair *pairs, size_t count, bool is_weighed, double middle, double *gap)
{
    double sum = 0, variance = 0, weights = 0;
    for (size_t i = 0; i < count; i++) {
        const double p = (double)pairs[i].predicted, weight = is_weighed ? p - middle : 1;
        sum += weight * ((double)pairs[i].observed - p);
        variance += weight * weight * fmax(p * (1 - p), LEAST_VARIANCE);
        weights += fabs(weight);
    }
    *gap = weights > 0 ? fabs(sum) / weights : 0;
    return variance > 0 ? sum / sqrt(variance) : 0;
}

/* Pairs lie by prediction. */
static double error_of(const struct pair *pairs, size_t count)
{
    double error = 0;
    for (size_t bin = 0; bin < BINS; bin++) {
        const size_t from = bin * count / BINS, to = (bin + 1) * count / BINS;
        double sum = 0;
        for (size_t i = from; i < to; i++)
            sum += (double)pairs[i].observed - (double)pairs[i].predicted;
        error += fabs(sum);
    }
    return count > 0 ? error / (double)count : 0;
}

static void judge(struct drift *drift, const struct pair *pairs, struct drift_figures *figures)
{
    bool is_off = false, is_near = true;
    for (int is_weighed = 0; is_weighed < 2; is_weighed++) {
        double gap;
        const double z = z_of(pairs, drift->count, is_weighed, figures->predicted, &gap);
        is_off = is_off || (fabs(z) >= DRIFT_Z && gap >= DRIFT_GAP);
        is_near = is_near && fabs(z) < DRIFT_Z_OVER;
        if (fabs(z) > fabs(figures->z))
            figures->z = z;
    }
    if (drift->count >= DRIFT_LABELS_MIN)
        drift->drifts = is_off || (drift->drifts && !is_near);
}

void drift_measure(struct drift *drift, struct drift_figures *figures)
{
    struct pair pairs[DRIFT_WINDOW];
    *figures = (struct drift_figures){.count = drift->count};
    for (size_t i = 0; i < drift->count; i++) {
        pairs[i] = (struct pair){drift->predicted[i], drift->observed[i]};
        figures->predicted += (double)pairs[i].predicted / (double)drift->count;
        figures->observed += (double)pairs[i].observed / (double)drift->count;
    }
    qsort(pairs, drift->count, sizeof(pairs[0]), by_prediction);
    figures->error = error_of(pairs, drift->count);
    judge(drift, pairs, figures);
    figures->drifts = drift->drifts;
}
