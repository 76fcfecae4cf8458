/* drift.h - whether what a predictor says of a model still holds, by the last labels.
 *
 * Of each of the last DRIFT_WINDOW labels the predicted quality and the one that was found are kept. If the predictor
 * is calibrated, their differences add up to about zero, and so they do when each is weighed by how far its prediction
 * is from the mean of the predictions; the spread of both sums follows from the predictions. It drifts once one of them
 * (too good or too bad in all, or too sure) is off by DRIFT_Z standard deviations and by DRIFT_GAP in quality, until
 * both are within DRIFT_Z_OVER again. Pure, one thread at a time. */
#ifndef ROUTE_DRIFT_H
#define ROUTE_DRIFT_H

#include <stdbool.h>
#include <stddef.h>

#define DRIFT_WINDOW 512
#define DRIFT_LABELS_MIN 100 /* before nothing is said */
#define DRIFT_GAP 0.05
#define DRIFT_Z 4.5
#define DRIFT_Z_OVER 2.0

/* Zeroed: empty. */
struct drift {
    size_t count; /* in the window */
    size_t next;
    float predicted[DRIFT_WINDOW], observed[DRIFT_WINDOW];
    bool drifts;
};

struct drift_figures {
    size_t count;
    double predicted, observed; /* means */
    double error;               /* calibration error: mean distance of both, over tenths of the predictions */
    double z;                   /* of the sum that is off most; above 0: answers are better than predicted, or the
                                 * differences between prompts larger */
    bool drifts;
};

void drift_add(struct drift *drift, double predicted, double observed);
void drift_measure(struct drift *drift, struct drift_figures *figures);

#endif
