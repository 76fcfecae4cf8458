/* spread.h - how much the chances of rows differ, of which each was tossed once. One thread.
 *
 * A right answer and a wrong one say nothing of one chance, but rows with the same words should fare alike, the more so
 * the more words they share. Under a linear model of the words the product of two rows' distances from the mean is, in
 * expectation, the variance of chances times what the rows have in common; a regression over all pairs gives the
 * variance (Haseman and Elston, "The investigation of linkage...", 1972; as genetics uses it for traits). */
#ifndef ROUTE_SPREAD_H
#define ROUTE_SPREAD_H

#include "route/sparse.h"

struct spread {
    double variance; /* of chances; noise may make it negative */
    double error;    /* its standard deviation, were all chances the same; INFINITY: the rows can't tell */
};

/* Of rows picked[0 .. count) whose target is known; a row is what it has in the first `columns` columns. False: no
 * memory. */
bool spread_measure(const struct sparse *matrix, uint32_t columns, const size_t *picked, size_t count,
                    const float *targets, struct spread *spread) WARN_UNUSED;

#endif
