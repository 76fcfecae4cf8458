/* saving.h - what a router between the weakest and the strongest model saves, beside always asking the strongest.
 *
 * The curves of measure.h have a point for each twentieth; here every row is a step, so that the two figures that
 * people ask for can be read off, with intervals. One thread. */
#ifndef ROUTE_SAVING_H
#define ROUTE_SAVING_H

#include "route/measure.h"

#define SAVING_LOST 0.01 /* of quality, that may be lost */
#define SAVING_COST 0.5  /* of the strongest model's cost, that may be spent */

struct saving {
    struct interval cost; /* least part of the strongest one's cost that gives its quality less SAVING_LOST; 1: none */
    struct interval lost; /* quality below the strongest model's at SAVING_COST of its cost; negative: above it */
};

/* The weakest model answers all rows; those of order[0 .. count), one after the other, the strongest. */
struct saving_plan {
    const size_t *order;
    size_t count;
    const bool *changes; /* [rows of the samples] whether a row in the order does go to the strongest; NULL: each */
    bool pays_both;      /* the weakest model's answer too, where the strongest answers after it */
};

/* Rows of which one of the two is not known are left out. False: no memory. */
bool saving_measure(const struct samples *samples, const struct saving_plan *plan, uint64_t seed,
                    struct saving *saving) WARN_UNUSED;

/* By what the text predicts, predicted[model][row]: rows go to the strongest in the order of what is gained. */
bool saving_by_text(const struct samples *samples, float *const *predicted, uint64_t seed,
                    struct saving *saving) WARN_UNUSED;

#endif
