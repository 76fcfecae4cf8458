/* sparse.h - a matrix with few numbers in a row, and the logistic regression on it.
 *
 * Fitting is convex and by L-BFGS from zero, so the result depends on the data alone, to the bit. One thread. */
#ifndef ROUTE_SPARSE_H
#define ROUTE_SPARSE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

struct sparse {
    size_t rows, columns;
    size_t count, cap, row_cap;
    size_t *starts;    /* [rows + 1] */
    uint32_t *places;  /* [count] columns */
    float *values;     /* [count] */
};

void sparse_deinit(struct sparse *matrix);
/* Values of the row that is being made; sparse_end closes it. False: no memory. */
bool sparse_add(struct sparse *matrix, uint32_t column, float value) WARN_UNUSED;
bool sparse_end(struct sparse *matrix) WARN_UNUSED;

double sparse_dot(const struct sparse *matrix, size_t row, const float *weights);

struct logistic_options {
    double l2;           /* of half the squared weights, against the sum of the rows' losses */
    unsigned iterations;
};

/* weights[columns + 1], the intercept last: targets[row] in [0, 1] for rows picked[0 .. count). False: no memory. */
bool logistic_fit(const struct sparse *matrix, const size_t *picked, size_t count, const float *targets,
                  const struct logistic_options *options, float *weights) WARN_UNUSED;
double logistic_score(const struct sparse *matrix, size_t row, const float *weights); /* log odds */

/* How much a column tells that `holding` of so many rows have. */
static inline float rarity_of(size_t rows, size_t holding)
{
    return logf(((float)rows + 1) / ((float)holding + 0.5F));
}

static inline double sigmoid(double score)
{
    return score >= 0 ? 1 / (1 + exp(-score)) : exp(score) / (1 + exp(score));
}

#endif
