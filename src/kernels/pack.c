/* Rows of ggml's blocks to tiles of sixteen and back: kernels.h has the layout. */
#include <assert.h>
#include <string.h>

#include "kernels.h"

#define FIELDS_MAX 5
#define FLOATS_AT_ONCE 16

/* How the 16 rows of a field lie in a tile's block. */
enum order {
    HALVES, /* two bytes of each row, row by row */
    WORDS,  /* four bytes of each row, then the next four */
    SIGNED, /* the same, and 128 is added to each byte */
    BITS,   /* four bits of each row, then the next four */
};

/* A field of ggml's block: its bytes in one row. */
struct field {
    uint8_t bytes;
    enum order order;
};

struct form {
    int weights;
    struct field fields[FIELDS_MAX]; /* in their order; the rest has 0 bytes */
};

static const struct form forms[KERNEL_TYPES] = {
    [KERNEL_Q4_0] = {32, {{2, HALVES}, {16, WORDS}}},
    [KERNEL_Q4_1] = {32, {{2, HALVES}, {2, HALVES}, {16, WORDS}}},
    [KERNEL_Q5_0] = {32, {{2, HALVES}, {4, BITS}, {16, WORDS}}},
    [KERNEL_Q5_1] = {32, {{2, HALVES}, {2, HALVES}, {4, BITS}, {16, WORDS}}},
    [KERNEL_Q8_0] = {32, {{2, HALVES}, {32, SIGNED}}},
    [KERNEL_Q4_K] = {256, {{2, HALVES}, {2, HALVES}, {12, WORDS}, {128, WORDS}}},
    [KERNEL_Q5_K] = {256, {{2, HALVES}, {2, HALVES}, {12, WORDS}, {32, WORDS}, {128, WORDS}}},
    [KERNEL_Q6_K] = {256, {{128, WORDS}, {64, WORDS}, {16, WORDS}, {2, HALVES}}},
    [KERNEL_F32] = {1, {{4, WORDS}}},
    [KERNEL_F16] = {1, {{2, HALVES}}},
    [KERNEL_BF16] = {1, {{2, HALVES}}},
};

static size_t block_bytes(const struct form *form)
{
    size_t bytes = 0;
    for (int i = 0; i < FIELDS_MAX; i++)
        bytes += form->fields[i].bytes;
    return bytes;
}

int kernel_block_weights(enum kernel_type type) { return forms[type].weights; }

size_t kernel_row_bytes(enum kernel_type type, int64_t k)
{
    const struct form *form = &forms[type];
    assert(k > 0 && k % form->weights == 0);
    return (size_t)(k / form->weights) * block_bytes(form);
}

/* --- fields ----------------------------------------------------------------------------------------- */

static void pack_words(const uint8_t *from, size_t row_bytes, int count, int words, uint32_t flip, uint8_t *to)
{
    for (int word = 0; word < words; word++)
        for (int row = 0; row < count; row++) {
            uint32_t bits;
            memcpy(&bits, from + (size_t)row * row_bytes + 4 * word, 4);
            bits ^= flip;
            memcpy(to + 4 * (KERNEL_TILE_ROWS * word + row), &bits, 4);
        }
}

/* Nibble i of each row's word is the row's part of mask i. */
static void pack_bits(const uint8_t *from, size_t row_bytes, int count, uint8_t *to)
{
    uint64_t masks[8] = {0};
    for (int row = 0; row < count; row++) {
        uint32_t bits;
        memcpy(&bits, from + (size_t)row * row_bytes, 4);
        for (int i = 0; i < 8; i++)
            masks[i] |= (uint64_t)(bits >> 4 * i & 15) << 4 * row;
    }
    memcpy(to, masks, sizeof(masks));
}

static void pack_field(const struct field *field, const uint8_t *from, size_t row_bytes, int count, uint8_t *to)
{
    switch (field->order) {
    case HALVES:
        for (int row = 0; row < count; row++)
            memcpy(to + 2 * row, from + (size_t)row * row_bytes, 2);
        break;
    case WORDS:
        pack_words(from, row_bytes, count, field->bytes / 4, 0, to);
        break;
    case SIGNED:
        pack_words(from, row_bytes, count, field->bytes / 4, 0x80808080u, to);
        break;
    case BITS:
        pack_bits(from, row_bytes, count, to);
        break;
    }
}

static void unpack_words(const uint8_t *from, int row, int words, uint32_t flip, uint8_t *to)
{
    for (int word = 0; word < words; word++) {
        uint32_t bits;
        memcpy(&bits, from + 4 * (KERNEL_TILE_ROWS * word + row), 4);
        bits ^= flip;
        memcpy(to + 4 * word, &bits, 4);
    }
}

static void unpack_bits(const uint8_t *from, int row, uint8_t *to)
{
    uint64_t masks[8];
    uint32_t bits = 0;
    memcpy(masks, from, sizeof(masks));
    for (int i = 0; i < 8; i++)
        bits |= (uint32_t)(masks[i] >> 4 * row & 15) << 4 * i;
    memcpy(to, &bits, 4);
}

static void unpack_field(const struct field *field, const uint8_t *from, int row, uint8_t *to)
{
    switch (field->order) {
    case HALVES:
        memcpy(to, from + 2 * row, 2);
        break;
    case WORDS:
        unpack_words(from, row, field->bytes / 4, 0, to);
        break;
    case SIGNED:
        unpack_words(from, row, field->bytes / 4, 0x80808080u, to);
        break;
    case BITS:
        unpack_bits(from, row, to);
        break;
    }
}

/* Floats have blocks of one weight. Sixteen of each row at a time: what is touched stays in the first cache. */
static inline void pack_floats(int64_t k, const uint8_t *rows, size_t bytes, int count, uint8_t *tile)
{
    for (int64_t from = 0; from < k; from += FLOATS_AT_ONCE) {
        const int64_t end = k - from < FLOATS_AT_ONCE ? k : from + FLOATS_AT_ONCE;
        for (int row = 0; row < count; row++)
            for (int64_t i = from; i < end; i++)
                memcpy(tile + ((size_t)i * KERNEL_TILE_ROWS + (size_t)row) * bytes,
                       rows + ((size_t)row * (size_t)k + (size_t)i) * bytes, bytes);
    }
}

/* --- rows ------------------------------------------------------------------------------------------- */

void kernel_pack(enum kernel_type type, int64_t k, const uint8_t *rows, int count, uint8_t *tile)
{
    const struct form *form = &forms[type];
    const size_t bytes = block_bytes(form), row_bytes = kernel_row_bytes(type, k);
    assert(count > 0 && count <= KERNEL_TILE_ROWS);
    if (count < KERNEL_TILE_ROWS)
        memset(tile, 0, kernel_tile_bytes(type, k));
    if (form->weights == 1) {
        if (bytes == 4)
            pack_floats(k, rows, 4, count, tile);
        else
            pack_floats(k, rows, 2, count, tile);
        return;
    }
    for (int64_t block = 0; block < k / form->weights; block++) {
        const uint8_t *from = rows + (size_t)block * bytes;
        for (int i = 0; i < FIELDS_MAX && form->fields[i].bytes; i++) {
            pack_field(&form->fields[i], from, row_bytes, count, tile);
            from += form->fields[i].bytes;
            tile += form->fields[i].bytes * KERNEL_TILE_ROWS;
        }
    }
}

void kernel_unpack_row(enum kernel_type type, int64_t k, const uint8_t *tile, int row, uint8_t *blocks)
{
    const struct form *form = &forms[type];
    const size_t bytes = block_bytes(form);
    assert(row >= 0 && row < KERNEL_TILE_ROWS);
    for (int64_t block = 0; block < k / form->weights; block++) {
        const uint8_t *from = tile + (size_t)block * bytes * KERNEL_TILE_ROWS;
        for (int i = 0; i < FIELDS_MAX && form->fields[i].bytes; i++) {
            unpack_field(&form->fields[i], from, row, blocks);
            blocks += form->fields[i].bytes;
            from += form->fields[i].bytes * KERNEL_TILE_ROWS;
        }
    }
}
