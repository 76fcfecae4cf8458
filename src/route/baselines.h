/* baselines.h - honest simple ways to predict the same: what a predictor must beat. One thread.
 *
 * Each learns from the picked rows alone and fills predicted[model][row] for the rows of the fold. */
#ifndef ROUTE_BASELINES_H
#define ROUTE_BASELINES_H

#include "route/samples.h"

struct baseline_split {
    const struct samples *samples;
    const size_t *picked; /* rows to learn from */
    size_t count;
    uint8_t fold; /* whose rows are predicted */
};

/* Mean quality of the row's subject, drawn to the mean of all by five rows of it. */
void baseline_subject_mean(const struct baseline_split *split, float *const *predicted);
/* Logistic regression on which words stand in the prompt. */
bool baseline_bag_of_words(const struct baseline_split *split, float *const *predicted) WARN_UNUSED;
/* Mean quality of the fifty rows that are most alike by TF-IDF of words, weighed by how alike. */
bool baseline_neighbours(const struct baseline_split *split, float *const *predicted) WARN_UNUSED;

#endif
