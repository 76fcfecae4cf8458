/* Tiles times columns: which rows meet which columns when.
 *
 * The products of a type (quants.c, floats.c) go along K with the sums of some strips of rows and of a group of columns
 * in registers. One group does so in one walk over all of K. For more groups the strips' weights are needed again and
 * again, so K is cut into segments that stay in the cache of the second level while all columns pass; for many columns
 * a segment of a type that is dear to unpack is unpacked once before. Sums so far wait in the output. A sum is the same
 * either way: its terms are added in the order of K, and a float loses nothing while it waits. */
#include "columns.h"
#include "product.h"

#ifdef KERNELS_NAME

#include <assert.h>

/* A cache of the second level holds so many bytes of columns beside the strips that are worked on. */
#define COLUMNS_BYTES ((size_t)512 << 10)

/* From so many columns on unpacking pays. */
#define UNPACK_COLUMNS 32

/* The columns of a piece from the first segment's to the last one's. */
struct piece {
    const struct form *form;
    const uint8_t *columns;
    size_t column_stride;
    int count;
    float *const *out;
};

/* The last strips of a matrix may have fewer rows than lanes: their results go through a buffer. */
static void multiply_cut(void (*multiply)(const struct place *at), const struct place *at, int columns, int rows)
{
    float buffer[COLUMNS_MAX][STRIPS_MAX * LANES];
    float *rows_of[COLUMNS_MAX];
    struct place in_buffer = *at;
    const size_t bytes = (size_t)rows * sizeof(float);
    memset(buffer, 0, sizeof(buffer));
    for (int c = 0; c < columns; c++) {
        rows_of[c] = buffer[c];
        if (at->continues)
            memcpy(buffer[c], at->out[c] + at->row, bytes);
    }
    in_buffer.out = rows_of;
    in_buffer.row = 0;
    multiply(&in_buffer);
    for (int c = 0; c < columns; c++)
        memcpy(at->out[c] + at->row, buffer[c], bytes);
}

/* Groups of nearly one size: 9 columns as 5 and 4, for 8 and 1 take longer. */
static int group_of(int left, int most)
{
    const int groups = (left + most - 1) / most;
    return groups > 2 ? most : (left + groups - 1) / groups;
}

/* All columns of a piece by some strips: at.strips stand at the first block. */
static void multiply_strips(const struct piece *piece, struct place at, int64_t blocks, int rows)
{
    const struct form *form = piece->form;
    const bool is_unpacked = form->unpack && piece->count >= UNPACK_COLUMNS;
    const int64_t segment = piece->count <= form->columns ? blocks : form->segment;
    uint8_t plain[SEGMENT_BYTES] __attribute__((aligned(64)));
    for (int64_t block = 0; block < blocks; block += segment) {
        at.blocks = blocks - block < segment ? blocks - block : segment;
        at.continues = block > 0;
        at.plain = plain;
        if (is_unpacked)
            form->unpack(&at, plain);
        for (int c = 0, count; c < piece->count; c += count) {
            count = group_of(piece->count - c, form->columns);
            at.columns = piece->columns + (size_t)c * piece->column_stride + (size_t)block * form->column_block;
            at.out = piece->out + c;
            void (*const multiply)(const struct place *at) =
                is_unpacked && count == form->columns ? form->plain : form->direct[count - 1];
            if (rows >= form->strips * LANES)
                multiply(&at);
            else
                multiply_cut(multiply, &at, count, rows);
        }
        for (int t = 0; t < form->strips; t++)
            at.strips[t].tile += (size_t)at.blocks * form->tile_block;
    }
}

/* So many columns at a time as stay in the second-level cache while all tiles pass by. */
void KERNELS_PART(product)(enum kernel_type type, int64_t k, const uint8_t *tiles, int rows, const uint8_t *columns,
                           size_t column_stride, int column_count, float *const *out, size_t first_row)
{
    const struct form *form = is_float(type) ? KERNELS_PART(floats_form)(type) : KERNELS_PART(quants_form)(type);
    const size_t tile_bytes = kernel_tile_bytes(type, k);
    const int fit = (int)(COLUMNS_BYTES / column_stride) / form->columns * form->columns;
    const int most = fit < 4 * form->columns ? 4 * form->columns : fit, step = form->strips * LANES;
    for (int c = 0; c < column_count; c += most) {
        struct piece piece = {form, columns + (size_t)c * column_stride, column_stride,
                              column_count - c < most ? column_count - c : most, out + c};
        for (int row = 0; row < rows; row += step) {
            struct place at = {.column_stride = column_stride, .row = first_row + (size_t)row};
            for (int t = 0; t < form->strips; t++) {
                /* Strips that the matrix lacks: the first once more, its results are dropped. */
                const int here = row + t * LANES < rows ? row + t * LANES : row;
                at.strips[t] = (struct strip){tiles + (size_t)(here / KERNEL_TILE_ROWS) * tile_bytes,
                                              LANES == KERNEL_TILE_ROWS ? 0 : (size_t)(here % KERNEL_TILE_ROWS)};
            }
            multiply_strips(&piece, at, k / kernel_block_weights(type), rows - row < step ? rows - row : step);
        }
    }
}

#endif
