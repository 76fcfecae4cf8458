/* Products of weights, of any bytes in any shape, on every set of instructions that this processor has: what is packed
 * comes out as it went in, all sets agree, and neither other columns nor other tiles nor unlikely activations change a
 * column's result. Each buffer has the size that it needs and no byte more.
 *
 * An input is type, blocks along K (two bytes), rows, columns, then bytes that are repeated as weights and as
 * activations: their exponents are kept small but for one pattern in eight. */
#include <assert.h>
#include <math.h>

#include "core/mem.h"
#include "kernels/kernels.h"

#if defined(__x86_64__)

#include "kernels_fixture.h"

#define HEAD_BYTES 5
#define WEIGHTS_MAX 6000 /* of a row */
#define ROWS_MAX 40
#define COLUMNS_MAX 40

struct input {
    enum kernel_type type;
    int64_t k;
    int rows, columns;
    const uint8_t *bytes;
    size_t size;
};

static bool input_parse(const uint8_t *data, size_t size, struct input *input)
{
    if (size <= HEAD_BYTES)
        return false;
    const enum kernel_type type = (enum kernel_type)(data[0] % KERNEL_TYPES);
    const int weights = kernel_block_weights(type), blocks = data[1] | data[2] << 8;
    *input = (struct input){.type = type,
                            .k = (int64_t)weights * (1 + blocks % (WEIGHTS_MAX / weights)),
                            .rows = 1 + data[3] % ROWS_MAX,
                            .columns = 1 + data[4] % COLUMNS_MAX,
                            .bytes = data + HEAD_BYTES,
                            .size = size - HEAD_BYTES};
    return true;
}

static uint8_t *blocks_new(const struct input *input)
{
    const size_t bytes = kernel_row_bytes(input->type, input->k) * (size_t)input->rows;
    uint8_t *blocks = mem_must_alloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        blocks[i] = input->bytes[i % input->size];
    return blocks;
}

static float *activations_new(const struct input *input)
{
    const size_t count = (size_t)input->k * (size_t)input->columns;
    float *x = mem_must_alloc(count * sizeof(float));
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = 0;
        for (int byte = 0; byte < 4; byte++)
            bits = bits << 8 | input->bytes[(i * 3 + (size_t)byte) % input->size];
        if (input->bytes[0] & 7)
            bits = (bits & 0x83ffffffu) + 0x3c000000u;
        memcpy(&x[i], &bits, sizeof(bits));
    }
    return x;
}

static uint8_t *pack(const struct input *input, const uint8_t *blocks)
{
    const size_t row_bytes = kernel_row_bytes(input->type, input->k), bytes = kernel_tile_bytes(input->type, input->k);
    const int count = (input->rows + KERNEL_TILE_ROWS - 1) / KERNEL_TILE_ROWS;
    uint8_t *tiles = mem_must_alloc(bytes * (size_t)count), *row_again = mem_must_alloc(row_bytes);
    for (int tile = 0; tile < count; tile++) {
        const int row = tile * KERNEL_TILE_ROWS, left = input->rows - row;
        kernel_pack(input->type, input->k, blocks + (size_t)row * row_bytes,
                    left < KERNEL_TILE_ROWS ? left : KERNEL_TILE_ROWS, tiles + bytes * (size_t)tile);
    }
    for (int row = 0; row < input->rows; row++) {
        kernel_unpack_row(input->type, input->k, tiles + bytes * (size_t)(row / KERNEL_TILE_ROWS),
                          row % KERNEL_TILE_ROWS, row_again);
        assert(memcmp(row_again, blocks + (size_t)row * row_bytes, row_bytes) == 0);
    }
    mem_free(row_again);
    return tiles;
}

/* `rows` rows from `first` (a tile's first) on times `columns` columns from `column` on: out[column][row]. */
static float *multiply(const struct kernels *kernels, const struct input *input, const uint8_t *tiles,
                       const uint8_t *quantised, int first, int rows, int column, int columns)
{
    const size_t column_bytes = kernels->column_bytes(input->type, input->k);
    float *out = mem_must_alloc(sizeof(float) * (size_t)(rows * columns)), *at[COLUMNS_MAX];
    for (int c = 0; c < columns; c++)
        at[c] = out + (size_t)c * (size_t)rows;
    kernels->product(input->type, input->k,
                     tiles + (size_t)(first / KERNEL_TILE_ROWS) * kernel_tile_bytes(input->type, input->k), rows,
                     quantised + (size_t)column * column_bytes, column_bytes, columns, at, 0);
    return out;
}

/* The same bits, or neither is a number. */
static void assert_same(const float *a, const float *b, int count)
{
    for (int i = 0; i < count; i++)
        assert(memcmp(&a[i], &b[i], sizeof(float)) == 0 || (isnan(a[i]) && isnan(b[i])));
}

static float *check(const struct kernels *kernels, const struct input *input, const uint8_t *tiles, const float *x)
{
    const size_t column_bytes = kernels->column_bytes(input->type, input->k);
    uint8_t *quantised = mem_must_alloc(column_bytes * (size_t)input->columns);
    for (int c = 0; c < input->columns; c++)
        kernels->quantise(input->type, input->k, x + c * input->k, quantised + (size_t)c * column_bytes);
    float *all = multiply(kernels, input, tiles, quantised, 0, input->rows, 0, input->columns);
    for (int c = input->bytes[0] % 3; c < input->columns; c += 7) {
        float *alone = multiply(kernels, input, tiles, quantised, 0, input->rows, c, 1);
        assert_same(alone, all + c * input->rows, input->rows);
        mem_free(alone);
    }
    const int first = (input->rows - 1) / KERNEL_TILE_ROWS * KERNEL_TILE_ROWS, rows = input->rows - first;
    float *last = multiply(kernels, input, tiles, quantised, first, rows, 0, input->columns);
    for (int c = 0; c < input->columns; c++)
        assert_same(last + c * rows, all + c * input->rows + first, rows);
    mem_free(last);
    mem_free(quantised);
    return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input;
    const struct kernels *sets[3];
    float *results[3];
    if (!input_parse(data, size, &input))
        return 0;
    uint8_t *blocks = blocks_new(&input), *tiles = pack(&input, blocks);
    float *x = activations_new(&input);
    const size_t count = sets_here(sets);
    for (size_t i = 0; i < count; i++) {
        results[i] = check(sets[i], &input, tiles, x);
        assert_same(results[i], results[0], input.rows * input.columns);
    }
    for (size_t i = 0; i < count; i++)
        mem_free(results[i]);
    mem_free(x);
    mem_free(tiles);
    mem_free(blocks);
    return 0;
}

#else

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return (void)data, (void)size, 0; }

#endif
