/* train.h - makes a predictor of samples, and measures it beside baselines on rows that it did not learn from.
 *
 * Five folds by group: each row is predicted by weights that were found, chosen among options and calibrated on the
 * other four alone. The predictor itself is then fitted on all rows. The same samples, seed and program give the same
 * bytes. One thread. */
#ifndef ROUTE_TRAIN_H
#define ROUTE_TRAIN_H

#include "core/buf.h"
#include "route/coverage.h"
#include "route/escalate.h"
#include "route/predictor.h"

struct train_method {
    const char *name; /* "router", or a baseline's */
    float *predicted[PREDICTOR_MODELS_MAX]; /* [rows], each by what did not learn from it; NULL: it predicts nothing */
    struct interval auc; /* of 'the weakest model is right' */
    struct interval gain; /* of the router's AUC over this one's */
    double apgr, calls_50, calls_80;
    struct curve curve;
};

#define TRAIN_METHODS 9 /* the router first */

struct train_report {
    const struct samples *samples;
    double calibration_error; /* mean over models */
    float *uncertainty[PREDICTOR_MODELS_MAX]; /* [rows], that the router says of what it predicts */
    struct coverage coverage; /* of the router */
    struct saving saving; /* of the router, by the text alone */
    struct train_method methods[TRAIN_METHODS];
    size_t method_count;
    struct escalation escalation;
};

struct route_train_options {
    uint64_t seed;
    bool permutes_labels; /* deals the qualities anew among the rows: a router must then find nothing */
    bool only_measures;   /* leaves out the predictor */
};

/* `out` gets the predictor's file, unless only_measures. *report needs train_report_deinit after OK, and `samples`
 * while it is read. Too few rows to deal them into folds: ERROR_INVALID. */
enum error_code route_train(struct samples *samples, const struct route_train_options *options, struct buf *out,
                            struct train_report *report, struct error *error) WARN_UNUSED;

/* Measures a predictor that is there on samples, all of which count as held out; baselines learn from the samples. A
 * model of the samples that the predictor does not know: ERROR_NOT_FOUND. */
enum error_code route_eval(const struct samples *samples, const struct predictor *predictor, uint64_t seed,
                           struct train_report *report, struct error *error) WARN_UNUSED;

void train_report_deinit(struct train_report *report);

#endif
