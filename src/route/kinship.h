/* kinship.h - which words are alike: those that stand in the same prompts. One thread.
 *
 * The few directions along which the rows of a matrix differ most: a truncated singular value decomposition, by
 * subspace iteration. A word that few rows have learns by them from the words that it stands beside. */
#ifndef ROUTE_KINSHIP_H
#define ROUTE_KINSHIP_H

#include "route/sparse.h"

#define KINSHIP_MAX 48 /* directions */

struct kinship {
    size_t count;      /* directions, fewer where rows are few; 0: there are none */
    uint32_t columns;  /* of the matrix, the first ones, which count */
    float *directions; /* [columns][count], orthonormal */
};

/* Of rows picked[0 .. count), a row being its values in the first `columns` columns. The same rows give the same bits.
 * False: no memory. kinship_deinit is due either way. */
bool kinship_find(const struct sparse *matrix, const size_t *picked, size_t count, uint32_t columns,
                  struct kinship *kinship) WARN_UNUSED;
void kinship_deinit(struct kinship *kinship);

/* places[kinship->count]: where a row lies along each direction. */
void kinship_place(const struct kinship *kinship, const struct sparse *matrix, size_t row, float *places);

#endif
