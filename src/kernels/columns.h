/* columns.h - activations as the products of quantised weights take them: whole numbers of a byte with a factor for
 * each block, and the sums that take off what unsigned weights have too much. Products of float weights take floats. */
#ifndef KERNELS_COLUMNS_H
#define KERNELS_COLUMNS_H

#include "parts.h"

#ifdef KERNELS_NAME

/* Floats from here on, 2^22 of them either way, are whole numbers one apart, so a whole number below 2^22 added to the
 * bits of the one is added to its value: a sum of products that begins with COLUMN_WHOLE_BITS need not be converted.
 * It is scaled by fma(sum, d, -COLUMN_WHOLE * d): d has eleven bits, so the product is exact, and one rounding remains.
 */
#define COLUMN_WHOLE 12582912.0f /* 1.5 * 2^23 */
#define COLUMN_WHOLE_BITS 0x4b400000

/* 32 activations: x = d * q. `shift` takes off what the unsigned weights have too much: -zero * sum of q; `sum` is d
 * times the sum of q, for weights that have a least value. */
struct column32 {
    float d, sum;
    int32_t shift; /* and COLUMN_WHOLE_BITS */
#ifdef QUANTS_WIDE
    int8_t q[64]; /* Q8_0: 16 bits each */
#else
    int8_t q[32];
#endif
};

/* 256 activations. `pairs`: sums of 32 each in the order 0 2, 1 3, 4 6, 5 7, as packed minima fall out; `shift`: -32
 * times the sums of 16 each. */
struct column256 {
    float d;
    int16_t pairs[8];
    int32_t shift[16];
    int8_t q[256];
};

INLINE bool is_short(enum kernel_type type) { return type <= KERNEL_Q8_0; }

INLINE bool is_float(enum kernel_type type) { return type >= KERNEL_F32; }

INLINE bool has_least(enum kernel_type type) { return type == KERNEL_Q4_1 || type == KERNEL_Q5_1; }

INLINE bool has_fifth(enum kernel_type type) { return type == KERNEL_Q5_0 || type == KERNEL_Q5_1; }

#endif
#endif
