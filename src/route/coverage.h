/* coverage.h - whether predictions are as far off as they say they may be, on rows that they were not learnt from.
 *
 * One answer is right or wrong and tells nothing of a chance; so rows of alike texts are taken together. Rows are
 * halved along the direction in which their words differ most, and again, down to COVERAGE_ROWS. What a predictor is
 * off by in one of them it is off by in all. The mean quality of a group then lies within 1.96 standard deviations of
 * the mean that was predicted, in 95 of 100 groups: chance's, of so many answers, and the uncertainty that was said.
 * One thread. */
#ifndef ROUTE_COVERAGE_H
#define ROUTE_COVERAGE_H

#include "route/samples.h"

#define COVERAGE_ROWS 50 /* of a group, about */
#define COVERAGE_DEVIATIONS 1.96

struct coverage {
    size_t groups;  /* of all models; 0: there are no rows */
    double share;   /* of them, whose mean lies within */
    double bare;    /* the same by chance alone, as if the predictor said that it is never off */
    double said;    /* mean uncertainty */
};

/* predicted[model][row], uncertainty[model][row]. False: no memory. */
bool coverage_measure(const struct samples *samples, float *const *predicted, float *const *uncertainty,
                      struct coverage *coverage) WARN_UNUSED;

#endif
