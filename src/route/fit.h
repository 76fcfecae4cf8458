/* fit.h - finds the weights of a predictor on some rows of the samples. One thread.
 *
 * A word's value is its rarity among those rows, the row's values having norm 1; words of one row alone count nothing.
 * How the prompt is built enters as one of eight bins for each number, and where the row lies among others as its place
 * along a few directions (kinship.h). All have the same ridge penalty, so `scale` and `kinship` say how much the built
 * numbers and the places may say beside the words. What the places say is the words' in the end: nothing of them
 * is left in a file. */
#ifndef ROUTE_FIT_H
#define ROUTE_FIT_H

#include "route/kinship.h"
#include "route/samples.h"
#include "route/weights.h"

#define FIT_BUILT_COLUMNS (FEATURES_BUILT * WEIGHTS_BINS)

struct fit_options {
    float l2, scale, kinship;
};

struct fit {
    float *rarity;                          /* [FEATURES_BUCKETS]; 0: counts nothing */
    float edges[FEATURES_BUILT][WEIGHTS_EDGES];
    struct kinship kinship;
    struct sparse all, alone;               /* rows of the samples: words and built numbers; built numbers alone */
    struct sparse scaled;                   /* `all` and places, by the options */
    struct fit_options options;             /* of `scaled` and the weights */
    float *weights[PREDICTOR_MODELS_MAX];   /* of `all`; NULL: not fitted */
    float *alone_weights[PREDICTOR_MODELS_MAX];
};

/* False: no memory. fit_deinit is due either way. */
bool fit_begin(struct fit *fit, const struct samples *samples, const size_t *picked, size_t count) WARN_UNUSED;
bool fit_choose(struct fit *fit, struct fit_options options) WARN_UNUSED; /* before fit_model */
bool fit_model(struct fit *fit, const struct samples *samples, const size_t *picked, size_t count, size_t model)
    WARN_UNUSED;
bool fit_alone(struct fit *fit, const struct samples *samples, const size_t *picked, size_t count, size_t model)
    WARN_UNUSED;
void fit_deinit(struct fit *fit);

/* Turns scores into chances: sigmoid(slope * score + offset), by Platt's method, on rows that the weights never saw. */
struct calibration {
    float slope, offset;
};
void calibrate(const float *scores, const float *targets, const size_t *picked, size_t count,
               struct calibration *calibration);

/* How much rows picked[0 .. count) told of each bucket's weight for a model, by the curvature of their losses;
 * spoken[FEATURES_BUCKETS]. */
void fit_spoken(const struct fit *fit, const size_t *picked, size_t count, size_t model, float *spoken);
/* Of what could be unknown of a row's score the part that still is: 1 where no bucket of it was seen. */
double fit_strangeness(const struct fit *fit, size_t row, const float *spoken);

/* Rounds what was found on `picked` into a file's weights. NULL: no memory. */
struct route_weights *fit_round(const struct fit *fit, const struct samples *samples, const size_t *picked,
                                size_t count, const struct calibration *all, const struct calibration *alone);

#endif
