/* escalate.h - what making doubtful answers again is worth, on rows that tell how sure the weakest model was: it
 * answers all of them, and the strongest answers those again that are least likely to be right, unless its own answer
 * is predicted to be no better. One thread. */
#ifndef ROUTE_ESCALATE_H
#define ROUTE_ESCALATE_H

#include "route/saving.h"

struct predictor;

struct escalation {
    size_t rows;   /* whose confidence and qualities are known; 0: there are no figures */
    bool is_learnt; /* the chances from these rows, four fifths at a time; else the predictor has them */
    float *chance; /* [rows of the samples] that the weakest model's answer is right; NAN: not known */
    bool *gains;   /* likewise: the strongest one's is predicted to be better */
    struct interval auc;  /* of the chance, for 'the weakest model is right' */
    double calibration_error;
    struct curve curve;   /* strong_share: of answers that are made again; both are paid for */
    float below[MEASURE_POINTS]; /* the bound on the chance that gives so many */
    struct saving saving;
    double least_gain; /* in quality over another curve, at the cost of that point of it where it is least */
};

/* From confidence to chance by what the other folds tell, or by the predictor where it knows; `predicted`: qualities by
 * the text, [model][row]. False: no memory; escalation_deinit is due either way. */
bool escalation_predict(const struct samples *samples, float *const *predicted, const struct predictor *predictor,
                        struct escalation *escalation) WARN_UNUSED;

/* All but the chances; `other` is the curve without. */
bool escalation_measure(const struct samples *samples, const struct curve *other, uint64_t seed,
                        struct escalation *escalation) WARN_UNUSED;
void escalation_deinit(struct escalation *escalation);

#endif
