/* product.h - what product.c, which deals out rows and columns, shares with the products themselves. */
#ifndef KERNELS_PRODUCT_H
#define KERNELS_PRODUCT_H

#include "parts.h"

#ifdef KERNELS_NAME

#define STRIPS_MAX 4
#define COLUMNS_MAX 8
#define SEGMENT_BYTES (96 << 10)

/* LANES rows that lie side by side in a tile: all of it, or the half that begins with row `lane`. */
struct strip {
    const uint8_t *tile;
    size_t lane;
};

/* One call: some blocks of some strips times some columns. */
struct place {
    struct strip strips[STRIPS_MAX]; /* at the first of the blocks, as `columns` are */
    const uint8_t *plain;            /* the same blocks, unpacked */
    int64_t blocks;
    const uint8_t *columns;
    size_t column_stride;
    float *const *out; /* out[column][row] on */
    size_t row;
    bool continues; /* the results of the blocks before are in out; else sums begin with zero */
};

/* How weights of a type are multiplied. */
struct form {
    int strips, columns;             /* so many at most have their sums together */
    int segment;                     /* blocks of all strips that fit SEGMENT_BYTES, unpacked if they can be */
    size_t tile_block, column_block; /* bytes */
    void (*const *direct)(const struct place *at); /* [columns - 1]: for 1, 2, ... of them */
    /* For all `columns`, of blocks that were unpacked before. NULL: unpacking costs less than reading what it gives. */
    void (*plain)(const struct place *at);
    void (*unpack)(const struct place *at, uint8_t *plain);
};

const struct form *KERNELS_PART(quants_form)(enum kernel_type type);
const struct form *KERNELS_PART(floats_form)(enum kernel_type type);

#endif
#endif
