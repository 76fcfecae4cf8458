/* Float weights times floats. Every column's sums go along K one weight at a time, in fused multiplications: no vector
 * of partial sums that would have to be added up, and no rounding of the activations. */
#include "product.h"

#ifdef KERNELS_NAME

#if LANES == 16
#define FLOAT_STRIPS 2
#define FLOAT_COLUMNS 8
#else
#define FLOAT_STRIPS 4
#define FLOAT_COLUMNS 3
#endif
#define FLOAT_SEGMENT (SEGMENT_BYTES / (FLOAT_STRIPS * LANES * (int)sizeof(float)))

INLINE size_t weight_bytes(enum kernel_type type) { return type == KERNEL_F32 ? 4 : 2; }

/* Weight i of each row of a strip. */
INLINE lanes_f weights_at(enum kernel_type type, struct strip strip, int64_t i)
{
    const uint8_t *weights = strip.tile + ((size_t)i * KERNEL_TILE_ROWS + strip.lane) * weight_bytes(type);
    if (type == KERNEL_F32)
        return lanes_floats((const float *)weights);
    return type == KERNEL_F16 ? lanes_halves(weights) : lanes_bfloats(weights);
}

INLINE void multiply(enum kernel_type type, bool is_plain, int columns, const struct place *at)
{
    lanes_f total[FLOAT_STRIPS][FLOAT_COLUMNS];
    const float *x[FLOAT_COLUMNS];
    for (int c = 0; c < columns; c++) {
        x[c] = (const float *)(at->columns + (size_t)c * at->column_stride);
        for (int t = 0; t < FLOAT_STRIPS; t++)
            total[t][c] = at->continues ? lanes_floats(at->out[c] + at->row + LANES * t) : lanes_zero();
    }
    for (int64_t i = 0; i < at->blocks; i++) {
        lanes_f weights[FLOAT_STRIPS];
        for (int t = 0; t < FLOAT_STRIPS; t++)
            weights[t] = is_plain ? lanes_floats((const float *)at->plain + (i * FLOAT_STRIPS + t) * LANES)
                                  : weights_at(type, at->strips[t], i);
        for (int c = 0; c < columns; c++)
            for (int t = 0; t < FLOAT_STRIPS; t++)
                total[t][c] = lanes_fma(weights[t], lanes_all(x[c][i]), total[t][c]);
    }
    for (int c = 0; c < columns; c++)
        for (int t = 0; t < FLOAT_STRIPS; t++)
            lanes_store(at->out[c] + at->row + LANES * t, total[t][c]);
}

INLINE void unpack(enum kernel_type type, const struct place *at, uint8_t *plain)
{
    for (int64_t i = 0; i < at->blocks; i++)
        for (int t = 0; t < FLOAT_STRIPS; t++)
            lanes_store((float *)plain + (i * FLOAT_STRIPS + t) * LANES, weights_at(type, at->strips[t], i));
}

/* --- the table of them ------------------------------------------------------------------------------ */

#define DIRECT(type, columns)                                                                                          \
    static void direct_##type##_##columns(const struct place *at) { multiply(KERNEL_##type, false, columns, at); }
#define DIRECTS(type) static void (*const directs_##type[])(const struct place *at) = {EACH(DIRECT_NAME, type)};
#define DIRECT_NAME(type, columns) direct_##type##_##columns,
#if LANES == 16
#define EACH(WHAT, type)                                                                                               \
    WHAT(type, 1) WHAT(type, 2) WHAT(type, 3) WHAT(type, 4) WHAT(type, 5) WHAT(type, 6) WHAT(type, 7) WHAT(type, 8)
#else
#define EACH(WHAT, type) WHAT(type, 1) WHAT(type, 2) WHAT(type, 3)
#endif
#define UNPACK(type)                                                                                                   \
    static void unpack_##type(const struct place *at, uint8_t *plain) { unpack(KERNEL_##type, at, plain); }

EACH(DIRECT, F32)
EACH(DIRECT, F16)
EACH(DIRECT, BF16)
DIRECTS(F32)
DIRECTS(F16)
DIRECTS(BF16)
UNPACK(F16)
UNPACK(BF16)

static void plain(const struct place *at) { multiply(KERNEL_F32, true, FLOAT_COLUMNS, at); }

#define FORM(type)                                                                                                     \
    .strips = FLOAT_STRIPS, .columns = FLOAT_COLUMNS, .segment = FLOAT_SEGMENT, .column_block = sizeof(float),         \
    .direct = directs_##type

const struct form *KERNELS_PART(floats_form)(enum kernel_type type)
{
    static const struct form forms[] = {
        {FORM(F32), .tile_block = KERNEL_TILE_ROWS * 4},
        {FORM(F16), .tile_block = KERNEL_TILE_ROWS * 2, .plain = plain, .unpack = unpack_F16},
        {FORM(BF16), .tile_block = KERNEL_TILE_ROWS * 2, .plain = plain, .unpack = unpack_BF16},
    };
    return &forms[type - KERNEL_F32];
}

#endif
