/* measure.h - how good predictions are: order, calibration, and what routing by them costs and gives. One thread. */
#ifndef ROUTE_MEASURE_H
#define ROUTE_MEASURE_H

#include "route/samples.h"

#define MEASURE_POINTS 21 /* of a curve: shares of the strong model from 0 to 1 by twentieths */
#define MEASURE_RESAMPLES 1000

struct interval {
    double value, low, high; /* 95%, by bootstrap over rows */
};
/* Low and high end, of MEASURE_RESAMPLES values that were drawn, which are sorted. */
void measure_bound(double *drawn, struct interval *interval);

/* The chance that a right row (target of at least one half) has a higher score than a wrong one; ties count half. 0.5
 * where one kind is missing. Rows whose target is not known are left out. */
struct interval measure_auc(const float *scores, const float *targets, size_t count, uint64_t seed);
/* auc(first) - auc(second) on the same rows, resampled together. */
struct interval measure_auc_gain(const float *first, const float *second, const float *targets, size_t count,
                                 uint64_t seed);

/* Rows whose target is known, by rising score, equal ones in an order that is nobody's; mem_free'd by the caller. NULL:
 * no memory. */
size_t *measure_order(const float *scores, const float *targets, size_t count, size_t *known);

/* Mean distance of predicted and real quality over twenty groups of equal size, by prediction. */
double measure_calibration_error(const float *predicted, const float *targets, size_t count);

/* How far the real log odds of whole subjects lie from those predicted, as a variance, without what chance alone makes
 * of it; of predicted[rows[0 .. count)]. 1 where the rows have too few subjects to say. */
double measure_subject_spread(const struct samples *samples, const float *predicted, const float *targets,
                              const size_t *rows, size_t count);

struct curve_point {
    double strong_share, quality, cost; /* cost: a request's mean */
};
struct curve {
    size_t count;
    struct curve_point points[MEASURE_POINTS];
    float tolerances[MEASURE_POINTS]; /* measure_curve: of a router that decides so; INFINITY: nothing is worth more */
};

/* The tolerance of a point, as fulcrum.yaml takes it: 0 to 1. */
double measure_tolerance(const struct curve *curve, size_t point);

/* The share of the strongest model grows from point to point, to those rows first whose predicted gain is largest; the
 * others go to the cheapest model that is predicted as good as the gain demands. predicted[model][row]. */
enum error_code measure_curve(const struct samples *samples, float *const *predicted, struct curve *curve,
                              struct error *error) WARN_UNUSED;
void measure_single(const struct samples *samples, size_t model, struct curve *curve); /* one point */
void measure_random(const struct samples *samples, struct curve *curve);

/* Of the strongest model's advantage over the weakest, the part that a curve has kept: its mean over all shares, and
 * the least share that keeps `part` of it. */
double measure_apgr(const struct samples *samples, const struct curve *curve);
double measure_calls(const struct samples *samples, const struct curve *curve, double part);

#endif
