/* The kernels for ggml beside plain C: packing and products, for every set of instructions that this processor
 * has. Activations are chosen so that quantising them loses nothing; then a product has one right answer. */
#include <ggml.h>
#include <math.h>

#include "support.h"

#include "core/mem.h"
#include "kernels/kernels.h"

#if defined(__x86_64__)

#include "kernels_fixture.h"

static const enum ggml_type types[KERNEL_TYPES] = {
    [KERNEL_Q4_0] = GGML_TYPE_Q4_0, [KERNEL_Q4_1] = GGML_TYPE_Q4_1, [KERNEL_Q5_0] = GGML_TYPE_Q5_0,
    [KERNEL_Q5_1] = GGML_TYPE_Q5_1, [KERNEL_Q8_0] = GGML_TYPE_Q8_0, [KERNEL_Q4_K] = GGML_TYPE_Q4_K,
    [KERNEL_Q5_K] = GGML_TYPE_Q5_K, [KERNEL_Q6_K] = GGML_TYPE_Q6_K, [KERNEL_F32] = GGML_TYPE_F32,
    [KERNEL_F16] = GGML_TYPE_F16,   [KERNEL_BF16] = GGML_TYPE_BF16,
};

static bool is_float(enum kernel_type type) { return type >= KERNEL_F32; }

/* --- weights ---------------------------------------------------------------------------------------- */

struct weights {
    enum kernel_type type;
    int64_t k;
    int rows;
    uint8_t *blocks, *tiles;
    float *values; /* [rows][k] */
};

static size_t tile_count(int rows) { return (size_t)(rows + KERNEL_TILE_ROWS - 1) / KERNEL_TILE_ROWS; }

static void draw_floats(const struct weights *w, uint8_t *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const float value = draw_float();
        const ggml_fp16_t half = ggml_fp32_to_fp16(value);
        const ggml_bf16_t brain = ggml_fp32_to_bf16(value);
        if (w->type == KERNEL_F32)
            memcpy(blocks + 4 * i, &value, 4);
        else
            memcpy(blocks + 2 * i, w->type == KERNEL_F16 ? (const void *)&half : &brain, 2);
    }
}

/* Random bits are weights as well, but for the halves among them: those become small numbers. */
static void tame_halves(const struct weights *w)
{
    static const uint8_t places[KERNEL_TYPES][2] = {
        [KERNEL_Q4_1] = {0, 2}, [KERNEL_Q5_1] = {0, 2},     [KERNEL_Q4_K] = {0, 2},
        [KERNEL_Q5_K] = {0, 2}, [KERNEL_Q6_K] = {208, 208},
    };
    const size_t bytes = ggml_type_size(types[w->type]);
    for (size_t at = 0; at < kernel_row_bytes(w->type, w->k) * (size_t)w->rows; at += bytes)
        for (int i = 0; i < 2; i++) {
            const ggml_fp16_t half = ggml_fp32_to_fp16(draw_float() * 0.1f);
            memcpy(w->blocks + at + places[w->type][i], &half, 2);
        }
}

static struct weights weights_new(enum kernel_type type, int64_t k, int rows, int fill)
{
    struct weights w = {.type = type, .k = k, .rows = rows};
    const size_t row_bytes = kernel_row_bytes(type, k), bytes = row_bytes * (size_t)rows;
    assert_int_equal(row_bytes, ggml_row_size(types[type], k));
    w.blocks = mem_must_alloc(bytes);
    w.tiles = mem_must_alloc(kernel_tile_bytes(type, k) * tile_count(rows));
    w.values = mem_must_alloc(sizeof(float) * (size_t)rows * (size_t)k);
    for (size_t i = 0; i < bytes; i++)
        w.blocks[i] = fill < 0 ? (uint8_t)draw() : (uint8_t)fill;
    if (is_float(type))
        draw_floats(&w, w.blocks, (size_t)rows * (size_t)k);
    else
        tame_halves(&w);
    for (int row = 0; row < rows; row += KERNEL_TILE_ROWS) {
        const int count = rows - row < KERNEL_TILE_ROWS ? rows - row : KERNEL_TILE_ROWS;
        kernel_pack(type, k, w.blocks + (size_t)row * row_bytes, count,
                    w.tiles + (size_t)(row / KERNEL_TILE_ROWS) * kernel_tile_bytes(type, k));
    }
    if (type == KERNEL_F32)
        memcpy(w.values, w.blocks, bytes);
    for (int row = 0; type != KERNEL_F32 && row < rows; row++)
        ggml_get_type_traits(types[type])
            ->to_float(w.blocks + (size_t)row * row_bytes, w.values + (size_t)row * (size_t)k, k);
    return w;
}

static void weights_free(struct weights *w)
{
    mem_free(w->blocks);
    mem_free(w->tiles);
    mem_free(w->values);
}

static void packing_loses_nothing(void **state)
{
    (void)state;
    for (int type = 0; type < KERNEL_TYPES; type++)
        for (int rows = 1; rows <= 33; rows += 8) {
            struct weights w = weights_new((enum kernel_type)type, 512, rows, -1);
            const size_t row_bytes = kernel_row_bytes(w.type, w.k);
            uint8_t *row = mem_must_alloc(row_bytes);
            for (int r = 0; r < rows; r++) {
                kernel_unpack_row(w.type, w.k, w.tiles + (size_t)(r / 16) * kernel_tile_bytes(w.type, w.k), r % 16,
                                  row);
                assert_memory_equal(row, w.blocks + (size_t)r * row_bytes, row_bytes);
            }
            mem_free(row);
            weights_free(&w);
        }
}

/* --- products --------------------------------------------------------------------------------------- */

#define CANARY 12345.0f
#define FIRST_ROW 48

/* Whole numbers up to 127 by a power of two, 127 among each 32 of them. */
static void draw_column(float *x, int64_t k, int most)
{
    for (int64_t i = 0; i < k; i++)
        x[i] = (float)((int)(draw() % (2 * (unsigned)most + 1)) - most) / 64;
    for (int64_t i = 0; i < k; i += 32)
        x[i + draw() % (k - i < 32 ? k - i : 32)] = most == 0 ? 0 : (draw() & 1 ? 127.0f : -127.0f) / 64;
}

static void check_product(const struct kernels *kernels, const struct weights *w, int columns, int most)
{
    const size_t bytes = kernels->column_bytes(w->type, w->k), stride = (size_t)w->rows + 3;
    float *x = mem_must_alloc(sizeof(float) * (size_t)columns * (size_t)w->k);
    float *out = mem_must_alloc(sizeof(float) * (size_t)columns * stride);
    float *alone = mem_must_alloc(sizeof(float) * stride);
    float **rows = mem_must_alloc(sizeof(float *) * (size_t)columns);
    uint8_t *quantised = mem_must_alloc(bytes * (size_t)columns);
    for (int c = 0; c < columns; c++)
        rows[c] = out + (size_t)c * stride - FIRST_ROW;
    for (size_t i = 0; i < (size_t)columns * stride; i++)
        out[i] = CANARY;
    for (int c = 0; c < columns; c++) {
        draw_column(x + (size_t)c * (size_t)w->k, w->k, most);
        kernels->quantise(w->type, w->k, x + (size_t)c * (size_t)w->k, quantised + (size_t)c * bytes);
    }
    kernels->product(w->type, w->k, w->tiles, w->rows, quantised, bytes, columns, rows, FIRST_ROW);
    for (int c = 0; c < columns; c++) {
        for (int r = 0; r < w->rows; r++) {
            double sum = 0, size = 0;
            for (int64_t i = 0; i < w->k; i++) {
                const double term =
                    (double)w->values[(size_t)r * (size_t)w->k + (size_t)i] * x[(size_t)c * (size_t)w->k + (size_t)i];
                sum += term;
                size += fabs(term);
            }
            if (fabs(out[(size_t)c * stride + (size_t)r] - sum) > 4e-6 * size + 1e-30)
                fail_msg("%s type %d k %lld rows %d columns %d: row %d column %d is %.9g, not %.9g", kernels->name,
                         (int)w->type, (long long)w->k, w->rows, columns, r, c,
                         (double)out[(size_t)c * stride + (size_t)r], sum);
        }
        for (size_t r = (size_t)w->rows; r < stride; r++)
            assert_true(out[(size_t)c * stride + r] == CANARY);
        kernels->product(w->type, w->k, w->tiles, w->rows, quantised + (size_t)c * bytes, bytes, 1, &alone, 0);
        assert_memory_equal(alone, out + (size_t)c * stride, sizeof(float) * (size_t)w->rows);
    }
    mem_free(x);
    mem_free(out);
    mem_free(alone);
    mem_free(rows);
    mem_free(quantised);
}

static void products_are_right_and_depend_on_no_other_column(void **state)
{
    static const int rows[] = {1, 5, 8, 9, 16, 17, 31, 32, 40, 48}, columns[] = {1, 2, 3, 4, 5, 6, 7, 8, 16, 19};
    const struct kernels *sets[3];
    const size_t count = sets_here(sets);
    (void)state;
    seed = 1;
    if (count == 0)
        skip();
    for (size_t set = 0; set < count; set++)
        for (int type = 0; type < KERNEL_TYPES; type++)
            for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const int64_t blocks = is_float((enum kernel_type)type) ? 400 : 5;
                const int64_t k =
                    kernel_block_weights((enum kernel_type)type) * (1 + (int64_t)draw() % blocks);
                struct weights w = weights_new((enum kernel_type)type, k, rows[i], -1);
                check_product(sets[set], &w, columns[(i + (size_t)type) % 10], 127);
                weights_free(&w);
            }
}

/* Every quant at its highest or lowest, every activation at its: no sum may run over. */
static void extremes_do_not_saturate(void **state)
{
    static const int fills[] = {0x00, 0xff, 0x80, 0x7f, 0x0f, 0xf0};
    const struct kernels *sets[3];
    const size_t count = sets_here(sets);
    (void)state;
    seed = 2;
    for (size_t set = 0; set < count; set++)
        for (int type = 0; type < KERNEL_TYPES; type++)
            for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
                struct weights w = weights_new((enum kernel_type)type, 512, 17, fills[i]);
                check_product(sets[set], &w, 3, 127);
                check_product(sets[set], &w, 2, 0);
                weights_free(&w);
            }
}

/* More columns than stay in a cache at once come in pieces of them, and K in segments. */
static void many_columns_come_in_pieces(void **state)
{
    const struct kernels *sets[3];
    const size_t count = sets_here(sets);
    (void)state;
    seed = 3;
    for (size_t set = 0; set < count; set++)
        for (int type = 0; type < KERNEL_TYPES; type++) {
            struct weights w = weights_new((enum kernel_type)type, type == KERNEL_Q4_K ? 8192 : 4096, 18, -1);
            check_product(sets[set], &w, type == KERNEL_Q4_K ? 203 : 37, 127);
            weights_free(&w);
        }
}

/* A column of what is no number, of infinity or of next to nothing, between two that are as always. */
static void check_odd_column(const struct kernels *kernels, const struct weights *w, float odd)
{
    const size_t bytes = kernels->column_bytes(w->type, w->k);
    float *x = mem_must_calloc((size_t)w->k, sizeof(float)), *out = mem_must_alloc(sizeof(float) * 4 * (size_t)w->rows);
    uint8_t *quantised = mem_must_alloc(bytes * 3);
    float *rows[4];
    for (int i = 0; i < 4; i++)
        rows[i] = out + i * w->rows;
    for (int c = 0; c < 3; c++) {
        draw_column(x, w->k, 127);
        for (int64_t i = 0; c == 1 && i < w->k; i++)
            x[i] = !isfinite(odd) ? (i == 5 ? odd : x[i]) : i % 3 == 0 ? odd : 0;
        kernels->quantise(w->type, w->k, x, quantised + (size_t)c * bytes);
    }
    kernels->product(w->type, w->k, w->tiles, w->rows, quantised, bytes, 3, rows, 0);
    for (int r = 0; r < w->rows; r++) {
        assert_true(isfinite(odd) ? fabsf(rows[1][r]) < 1e-30f : !isfinite(rows[1][r]));
        assert_true(isfinite(rows[0][r]) && isfinite(rows[2][r]));
    }
    kernels->product(w->type, w->k, w->tiles, w->rows, quantised + 2 * bytes, bytes, 1, rows + 3, 0);
    assert_memory_equal(rows[3], rows[2], sizeof(float) * (size_t)w->rows);
    mem_free(x);
    mem_free(out);
    mem_free(quantised);
}

static void what_is_no_number_stays_none(void **state)
{
    static const float odd[] = {NAN, -NAN, INFINITY, -INFINITY, 0.0f, 1e-40f, -1e-45f, 3e-38f};
    const struct kernels *sets[3];
    const size_t count = sets_here(sets);
    (void)state;
    seed = 4;
    for (size_t set = 0; set < count; set++)
        for (int type = 0; type < KERNEL_TYPES; type++)
            for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
                struct weights w = weights_new((enum kernel_type)type, 512, 19, -1);
                check_odd_column(sets[set], &w, odd[i]);
                weights_free(&w);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packing_loses_nothing),
        cmocka_unit_test(products_are_right_and_depend_on_no_other_column),
        cmocka_unit_test(extremes_do_not_saturate),
        cmocka_unit_test(many_columns_come_in_pieces),
        cmocka_unit_test(what_is_no_number_stays_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void) { return 0; }

#endif
