/* attention_cells.h - which cells of a cache some queries see, in the order of their positions.
 *
 * A slot is a position, counted from that of slot 0; BLOCK slots that begin at a multiple of BLOCK are worked on
 * together. Positions of one sequence are without gaps and come once each, so slots are nearly full, and queries of one
 * sequence share them. Where that does not hold (positions that are equal, or further apart than the cache has cells),
 * a query is alone and its slots are ranks: by position, and in the cache's order where positions are equal.
 * Without positions those are the cells' numbers. */
#ifndef KERNELS_ATTENTION_CELLS_H
#define KERNELS_ATTENTION_CELLS_H

#include "parts.h"

#ifdef KERNELS_NAME

#define BLOCK 64 /* a bit each in a word */

struct cells {
    int64_t first;  /* position of slot 0, a multiple of BLOCK */
    int64_t slots;  /* in use, a multiple of BLOCK */
    int64_t cap;    /* a multiple of BLOCK */
    int queries;    /* that `seen` has room for */
    bool is_biased; /* the mask of a cell that is seen is not always zero */
    uint64_t *mask; /* [cap / BLOCK]: bit i: the last query sees cell i of so many */
    int32_t *cell;  /* [cap]: of each slot, -1: none */
    uint64_t *seen; /* [cap / BLOCK][queries]: bit i: slot i of the block is seen */
};

size_t KERNELS_PART(cells_bytes)(const struct attention *attention, int queries);
struct cells KERNELS_PART(cells_at)(const struct attention *attention, int queries, void *bytes);

/* How many of `count` queries from `first` on, one at least, see cells that fit together; those are in *cells. */
int KERNELS_PART(cells_see)(const struct attention *attention, int64_t first, int count, struct cells *cells);

#endif
#endif
