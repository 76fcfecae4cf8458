/* kernels.h - products of weights with activations, for few columns and for many: what serving on a CPU consists of.
 *
 * ggml keeps each row of a weight matrix by itself and multiplies it with one column at a time, so four sequences that
 * decode together read and unpack the weights four times. Here sixteen rows lie side by side in a tile, sixteen lanes
 * work on them, and each step that loads weights uses them for up to eight columns.
 *
 * A tile is the blocks of 16 rows, block by block along K. Inside a tile's block each field of ggml's block has its 16
 * rows one after the other: scales row by row; everything else, quants and packed scales, in words of four bytes (word
 * 0 of all rows, word 1 of all rows, ...). So a tile takes what its rows took, packing loses nothing, and four weights
 * that stand next to each other along K are one lane's word. Q8_0's quants are stored with 128 added: then weights of
 * all types are unsigned, and what was added comes off by the sum of the activations, a figure of the column alone.
 * Q4_0's and Q5_0's zero of 8 and 16 comes off the same way. Fifth bits of 32-weight blocks lie word by word as a mask:
 * bit 4 * r + i is weight i of row r.
 *
 *   type   weights a block   a tile's block, bytes
 *   Q4_0    32    d 2*16, quants 16*16
 *   Q4_1    32    d 2*16, least 2*16, quants 16*16
 *   Q5_0    32    d 2*16, fifth bits 4*16, quants 16*16
 *   Q5_1    32    d 2*16, least 2*16, fifth bits 4*16, quants 16*16
 *   Q8_0    32    d 2*16, quants 32*16
 *   Q4_K   256    d 2*16, dmin 2*16, scales 12*16, quants 128*16
 *   Q5_K   256    d 2*16, dmin 2*16, scales 12*16, high bits 32*16, quants 128*16
 *   Q6_K   256    quants 128*16, high bits 64*16, scales 16*16, d 2*16
 *   F32      1    4*16
 *   F16      1    2*16
 *   BF16     1    2*16
 *
 * **A column's result depends on that column alone.** Its sums are made in one order, whatever other columns are worked
 * on beside it and however rows are dealt out to threads: the same bits for one column and for five hundred.
 *
 * Pure functions, any thread; pointers need no alignment. */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KERNEL_TILE_ROWS 16

enum kernel_type {
    KERNEL_Q4_0,
    KERNEL_Q4_1,
    KERNEL_Q5_0,
    KERNEL_Q5_1,
    KERNEL_Q8_0,
    KERNEL_Q4_K,
    KERNEL_Q5_K,
    KERNEL_Q6_K,
    KERNEL_F32,
    KERNEL_F16,
    KERNEL_BF16,
    KERNEL_TYPES
};

/* --- packing: every processor --- */

int kernel_block_weights(enum kernel_type type); /* 1, 32 or 256; K is a multiple of it */
size_t kernel_row_bytes(enum kernel_type type, int64_t k);
static inline size_t kernel_tile_bytes(enum kernel_type type, int64_t k)
{
    return KERNEL_TILE_ROWS * kernel_row_bytes(type, k);
}

/* `rows` are count (1 to 16) rows as ggml has them, one behind the other; rows that are missing become zeros. */
void kernel_pack(enum kernel_type type, int64_t k, const uint8_t *rows, int count, uint8_t *tile);

/* The other way, one row. */
void kernel_unpack_row(enum kernel_type type, int64_t k, const uint8_t *tile, int row, uint8_t *blocks);

/* --- attention -------------------------------------------------------------------------------------- */

/* Queries over the cells of a cache, both halves of it F16. Strides in bytes; dk and dv are multiples of 16; heads a
 * multiple of kv_heads. `mask` has a row of `cells` halves for each query: minus infinity does not see the cell, others
 * are added to its score; NULL: all are seen. `positions` are the cells', in a sequence each at most once (attention.c
 * says what else); NULL: the order of the cache.
 *
 * A query's result depends on the cells that it sees and on their positions alone: not on where in the cache they lie,
 * on what lies between them, on other queries, on threads, nor on which of the functions below are used. */
struct attention {
    const char *q, *k, *v, *mask;
    const int32_t *positions;
    const float *sinks; /* [heads]: scores without a value; NULL: none */
    size_t q_query, q_head, k_cell, k_head, v_cell, v_head, mask_query;
    float *out; /* out[(query * heads + head) * dv] */
    int dk, dv, heads, kv_heads;
    int64_t queries, cells;
    float scale, softcap, max_bias; /* 0: none */
};

/* --- by what the processor can ---------------------------------------------------------------------- */

struct kernels {
    const char *name;

    /* A column of K floats as the products of this type want it. */
    size_t (*column_bytes)(enum kernel_type type, int64_t k);
    void (*quantise)(enum kernel_type type, int64_t k, const float *x, uint8_t *column);

    /* out[c][first_row + r] = row r times column c, for `rows` rows from the first tile on and all columns.
     * `column_stride` in bytes. */
    void (*product)(enum kernel_type type, int64_t k, const uint8_t *tiles, int rows, const uint8_t *columns,
                    size_t column_stride, int column_count, float *const *out, size_t first_row);

    /* Many queries: `count` of them, at most attend_queries, for some of the heads that share keys and values. `work`
     * has attend_bytes. */
    int (*attend_queries)(const struct attention *attention);
    size_t (*attend_bytes)(const struct attention *attention, int queries);
    void (*attend)(const struct attention *attention, int64_t first, int count, int first_kv_head, int kv_heads,
                   void *work);

    /* Few queries over cells that threads share out. A view holds which cells the queries see: `see` makes one of
     * `count` queries or fewer, and returns of how many (view_bytes for `count`). Then each of its spans and key heads
     * is a part by itself (part_floats for the view's queries; `work` has attend_bytes), and the parts of a key head,
     * span by span, are joined to the result. */
    size_t (*view_bytes)(const struct attention *attention, int queries);
    int (*see)(const struct attention *attention, int64_t first, int count, void *view);
    int (*spans)(void *view);
    int (*spans_max)(const struct attention *attention);
    size_t (*part_floats)(const struct attention *attention, int queries);
    void (*attend_span)(const struct attention *attention, void *view, int span, int kv_head, void *work, float *part);
    void (*join)(const struct attention *attention, void *view, int kv_head, float *parts);
};

extern const struct kernels kernels_avx512;   /* AVX-512 with VNNI */
extern const struct kernels kernels_avx_vnni; /* AVX2 with VNNI */
extern const struct kernels kernels_avx2;

#ifdef __cplusplus
}
#endif

#endif
