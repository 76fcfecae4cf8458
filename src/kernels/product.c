/* Tiles times columns. Each product exists for one or two tiles and for one to COLUMNS_MAX columns: sums of all of them
 * stay in registers while a tile's block is gone through once.
 *
 * Within a block sums are whole numbers, so their order is free; between blocks they are floats, added block by block
 * from K = 0 on, with the same fused multiplications in every variant. That is why a column's result does not depend
 * on what is worked on beside it. */
#include "parts.h"

#ifdef KERNELS_NAME

#include <assert.h>
#include <math.h>

/* Strips of LANES rows and columns whose sums stay in registers together. */
#if LANES == 16
#define STRIPS_MAX 2
#define COLUMNS_MAX 4
#else
#define STRIPS_MAX 1
#define COLUMNS_MAX 6
#endif

/* A cache of the second level holds so many bytes of columns beside the tile that is worked on. */
#define COLUMNS_BYTES ((size_t)768 << 10)

/* --- columns ---------------------------------------------------------------------------------------- */

/* 32 activations: x = d * q. `shift` takes off what the unsigned weights have too much: -zero * sum of q; `sum` is d
 * times the sum of q, for weights that have a least value. */
struct column32 {
    float d, sum;
    int32_t shift;
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

INLINE bool has_least(enum kernel_type type) { return type == KERNEL_Q4_1 || type == KERNEL_Q5_1; }

INLINE bool has_fifth(enum kernel_type type) { return type == KERNEL_Q5_0 || type == KERNEL_Q5_1; }

size_t KERNELS_PART(column_bytes)(enum kernel_type type, int64_t k)
{
    return is_short(type) ? (size_t)(k / 32) * sizeof(struct column32) : (size_t)(k / 256) * sizeof(struct column256);
}

/* The factor that makes whole numbers of `count` floats, and its inverse. */
INLINE float scale_of(const float *x, int count, float *inverse)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    __m256 most = _mm256_setzero_ps();
    for (int i = 0; i < count; i += 8)
        most = _mm256_max_ps(most, _mm256_andnot_ps(sign, _mm256_loadu_ps(x + i)));
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(most), _mm256_extractf128_ps(most, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    const float largest = _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
    const float d = largest / 127.0f;
    *inverse = d > 0 ? 127.0f / largest : 0;
    return d;
}

INLINE int32_t sum_of(__m256i x)
{
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1)));
}

/* 32 floats as bytes, or as words of 16 bits in the order of QUANTS_WIDE; the sums of the first and the last 16. */
INLINE void quantise_run(const float *x, float inverse, bool is_wide, int8_t *q, int32_t sums[2])
{
    __m256i whole[4];
    for (int i = 0; i < 4; i++)
        whole[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), _mm256_set1_ps(inverse)));
    sums[0] = sum_of(_mm256_add_epi32(whole[0], whole[1]));
    sums[1] = sum_of(_mm256_add_epi32(whole[2], whole[3]));
    /* Packing goes by halves of a register: four numbers of the one, four of the other. */
    const __m256i a = _mm256_packs_epi32(whole[0], whole[1]), b = _mm256_packs_epi32(whole[2], whole[3]);
    if (is_wide) {
        const __m256i order = _mm256_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15, 0, 1, 4, 5, 2, 3,
                                               6, 7, 8, 9, 12, 13, 10, 11, 14, 15);
        _mm256_storeu_si256((__m256i *)q, _mm256_shuffle_epi8(_mm256_permute4x64_epi64(a, 0xd8), order));
        _mm256_storeu_si256((__m256i *)(q + 32), _mm256_shuffle_epi8(_mm256_permute4x64_epi64(b, 0xd8), order));
    } else {
        const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        _mm256_storeu_si256((__m256i *)q, _mm256_permutevar8x32_epi32(_mm256_packs_epi16(a, b), order));
    }
}

static void quantise32(enum kernel_type type, const float *x, struct column32 *out)
{
    static const uint8_t zeros[KERNEL_TYPES] = {[KERNEL_Q4_0] = 8, [KERNEL_Q5_0] = 16, [KERNEL_Q8_0] = 128};
    float inverse;
    int32_t sums[2];
    out->d = scale_of(x, 32, &inverse);
    quantise_run(x, inverse, sizeof(out->q) == 64 && type == KERNEL_Q8_0, out->q, sums);
    out->sum = out->d * (float)(sums[0] + sums[1]);
    out->shift = -zeros[type] * (sums[0] + sums[1]);
}

static void quantise256(const float *x, struct column256 *out)
{
    static const uint8_t place[8] = {0, 2, 1, 3, 4, 6, 5, 7}; /* of each sum of 32 among the pairs */
    float inverse;
    out->d = scale_of(x, 256, &inverse);
    for (int i = 0; i < 8; i++) {
        int32_t sums[2];
        quantise_run(x + 32 * i, inverse, false, out->q + 32 * i, sums);
        out->pairs[place[i]] = (int16_t)(sums[0] + sums[1]);
        out->shift[2 * i] = -32 * sums[0];
        out->shift[2 * i + 1] = -32 * sums[1];
    }
}

void KERNELS_PART(quantise)(enum kernel_type type, int64_t k, const float *x, uint8_t *column)
{
    if (is_short(type))
        for (int64_t i = 0; i < k / 32; i++)
            quantise32(type, x + 32 * i, (struct column32 *)column + i);
    else
        for (int64_t i = 0; i < k / 256; i++)
            quantise256(x + 256 * i, (struct column256 *)column + i);
}

/* --- blocks of 32 ----------------------------------------------------------------------------------- */

/* Where the tiles and columns of one call lie. */
struct place {
    const uint8_t *tiles;
    size_t tile_bytes;
    size_t lane; /* the strip's first row in the tile: 0, or 8 where lanes are 8 */
    int64_t blocks;
    const uint8_t *columns;
    size_t column_stride;
    float *out;
    size_t out_stride;
};

/* A strip's part of a tile's block. */
struct strip {
    const uint8_t *block;
    size_t lane;
};

INLINE struct strip strip_at(const struct place *at, int strip, size_t block_bytes, int64_t b)
{
    return (struct strip){at->tiles + (size_t)strip * at->tile_bytes + (size_t)b * block_bytes,
                          LANES == KERNEL_TILE_ROWS ? 0 : at->lane};
}

INLINE lanes_b words_at(struct strip strip, int offset) { return lanes_load(strip.block + offset + 4 * strip.lane); }

INLINE lanes_f halves_at(struct strip strip, int offset) { return lanes_halves(strip.block + offset + 2 * strip.lane); }

INLINE lanes_b fifth_at(struct strip strip, int offset) { return lanes_fifth(strip.block + offset + strip.lane / 2); }

INLINE lanes_b group32(enum kernel_type type, struct strip strip, int group)
{
    const int fifth = has_least(type) ? 64 : 32, quants = fifth + (has_fifth(type) ? 64 : 0);
    if (type == KERNEL_Q8_0)
        return words_at(strip, quants + 64 * group);
    const lanes_b word = words_at(strip, quants + 64 * (group % 4));
    const lanes_b low = group < 4 ? lanes_low(word) : lanes_high(word);
    return has_fifth(type) ? lanes_or(low, fifth_at(strip, fifth + 8 * group)) : low;
}

INLINE void product32(enum kernel_type type, int strips, int columns, const struct place *at)
{
    const size_t block_bytes = KERNEL_TILE_ROWS * ((size_t)(type == KERNEL_Q8_0 ? 34 : 18) + (has_least(type) ? 2 : 0) +
                                                   (has_fifth(type) ? 4 : 0));
    lanes_f total[STRIPS_MAX][COLUMNS_MAX];
    for (int t = 0; t < strips; t++)
        for (int c = 0; c < columns; c++)
            total[t][c] = lanes_zero();
    for (int64_t b = 0; b < at->blocks; b++) {
        const struct column32 *x[COLUMNS_MAX];
        struct strip strip[STRIPS_MAX];
        lanes_i sum[STRIPS_MAX][COLUMNS_MAX], part[STRIPS_MAX][COLUMNS_MAX];
        const int run = has_fifth(type) ? 4 : 8; /* groups whose products of pairs fit 15 bits together */
        for (int t = 0; t < strips; t++)
            strip[t] = strip_at(at, t, block_bytes, b);
        for (int c = 0; c < columns; c++) {
            x[c] = (const struct column32 *)(at->columns + (size_t)c * at->column_stride) + b;
            for (int t = 0; t < strips; t++)
                sum[t][c] = lanes_set(x[c]->shift);
        }
        UNROLL(8)
        for (int group = 0; group < 8; group++) {
            for (int t = 0; t < strips; t++) {
                const lanes_b weights = group32(type, strip[t], group);
                for (int c = 0; c < columns; c++) {
                    if (type == KERNEL_Q8_0)
                        sum[t][c] = lanes_dot(sum[t][c], weights, x[c]->q + sizeof(x[c]->q) / 8 * (size_t)group);
                    else
                        lanes_gather(&sum[t][c], &part[t][c], weights, x[c]->q + 4 * group, group % run == 0,
                                     group % run == run - 1);
                }
            }
        }
        for (int t = 0; t < strips; t++) {
            const lanes_f d = halves_at(strip[t], 0);
            for (int c = 0; c < columns; c++)
                total[t][c] = lanes_fma(lanes_float(sum[t][c]), lanes_mul(d, lanes_all(x[c]->d)), total[t][c]);
            for (int c = 0; has_least(type) && c < columns; c++)
                total[t][c] = lanes_fma(halves_at(strip[t], 32), lanes_all(x[c]->sum), total[t][c]);
        }
    }
    for (int t = 0; t < strips; t++)
        for (int c = 0; c < columns; c++)
            lanes_store(at->out + (size_t)c * at->out_stride + LANES * t, total[t][c]);
}

/* --- blocks of 256 ---------------------------------------------------------------------------------- */

#define Q4_K_TILE_BLOCK (16 * 144)
#define Q5_K_TILE_BLOCK (16 * 176)
#define Q6_K_TILE_BLOCK (16 * 210)

struct blocks256 {
    const struct column256 *x[COLUMNS_MAX];
    struct strip strip[STRIPS_MAX];
};

INLINE void blocks256_at(const struct place *at, int strips, int columns, size_t block_bytes, int64_t b,
                         struct blocks256 *blocks)
{
    for (int t = 0; t < strips; t++)
        blocks->strip[t] = strip_at(at, t, block_bytes, b);
    for (int c = 0; c < columns; c++)
        blocks->x[c] = (const struct column256 *)(at->columns + (size_t)c * at->column_stride) + b;
}

/* Scales and minima of eight runs of 32, six bits each, in three words a row. Byte i of `scales[h]` is run 4 * h + i.
 */
struct runs {
    lanes_b scales[2], minima[2];
};

INLINE struct runs runs_of(struct strip strip)
{
    const lanes_b a = words_at(strip, 64), b = words_at(strip, 128), c = words_at(strip, 192);
    return (struct runs){
        {lanes_and(a, 63), lanes_or(lanes_low(c), lanes_and(lanes_down(a, 2), 0x30))},
        {lanes_and(b, 63), lanes_or(lanes_high(c), lanes_and(lanes_down(b, 2), 0x30))},
    };
}

/* Four weights of each row in run `run`: nibbles of two runs share a word, fifth bits of eight runs a byte. */
INLINE lanes_b group_k(enum kernel_type type, struct strip strip, int pair, int which, int group)
{
    const int high = 16 * 16, quants = type == KERNEL_Q5_K ? high + 32 * 16 : high;
    const lanes_b word = words_at(strip, quants + 64 * (8 * pair + group));
    const lanes_b low = which ? lanes_high(word) : lanes_low(word);
    if (type == KERNEL_Q4_K)
        return low;
    const lanes_b bit = lanes_and(lanes_down(words_at(strip, high + 64 * group), 2 * pair + which), 1);
    return lanes_or(low, lanes_up(bit, 4));
}

INLINE void product_k(enum kernel_type type, int strips, int columns, const struct place *at)
{
    const size_t block_bytes = type == KERNEL_Q4_K ? Q4_K_TILE_BLOCK : Q5_K_TILE_BLOCK;
    lanes_f total[STRIPS_MAX][COLUMNS_MAX];
    for (int t = 0; t < strips; t++)
        for (int c = 0; c < columns; c++)
            total[t][c] = lanes_zero();
    for (int64_t b = 0; b < at->blocks; b++) {
        struct blocks256 blocks;
        struct runs runs[STRIPS_MAX];
        lanes_f scaled[STRIPS_MAX][COLUMNS_MAX];
        blocks256_at(at, strips, columns, block_bytes, b, &blocks);
        for (int t = 0; t < strips; t++) {
            runs[t] = runs_of(blocks.strip[t]);
            for (int c = 0; c < columns; c++)
                scaled[t][c] = lanes_zero();
        }
        for (int pair = 0; pair < 4; pair++) {
            UNROLL(2)
            for (int which = 0; which < 2; which++) {
                lanes_i sum[STRIPS_MAX][COLUMNS_MAX], part[STRIPS_MAX][COLUMNS_MAX];
                const int run = 2 * pair + which, fits = type == KERNEL_Q4_K ? 8 : 4;
                for (int t = 0; t < strips; t++)
                    for (int c = 0; c < columns; c++)
                        sum[t][c] = lanes_set(0);
                UNROLL(8)
                for (int group = 0; group < 8; group++) {
                    for (int t = 0; t < strips; t++) {
                        const lanes_b weights = group_k(type, blocks.strip[t], pair, which, group);
                        for (int c = 0; c < columns; c++)
                            lanes_gather(&sum[t][c], &part[t][c], weights, blocks.x[c]->q + 32 * run + 4 * group,
                                         group % fits == 0, group % fits == fits - 1);
                    }
                }
                for (int t = 0; t < strips; t++) {
                    const lanes_f scale = lanes_float(lanes_byte(runs[t].scales[pair / 2], run % 4));
                    for (int c = 0; c < columns; c++)
                        scaled[t][c] = lanes_fma(lanes_float(sum[t][c]), scale, scaled[t][c]);
                }
            }
        }
        for (int t = 0; t < strips; t++) {
            const lanes_f d = halves_at(blocks.strip[t], 0), dmin = halves_at(blocks.strip[t], 32);
            for (int c = 0; c < columns; c++) {
                lanes_i least = lanes_set(0);
                for (int h = 0; h < 2; h++) {
                    least = lanes_pairs(least, lanes_even(runs[t].minima[h]), blocks.x[c]->pairs + 4 * h);
                    least = lanes_pairs(least, lanes_odd(runs[t].minima[h]), blocks.x[c]->pairs + 4 * h + 2);
                }
                const lanes_f dx = lanes_all(blocks.x[c]->d);
                total[t][c] = lanes_fma(scaled[t][c], lanes_mul(d, dx), total[t][c]);
                total[t][c] = lanes_fnma(lanes_float(least), lanes_mul(dmin, dx), total[t][c]);
            }
        }
    }
    for (int t = 0; t < strips; t++)
        for (int c = 0; c < columns; c++)
            lanes_store(at->out + (size_t)c * at->out_stride + LANES * t, total[t][c]);
}

/* Quarter `quarter` of a half: 32 weights, whose low bits are nibbles and whose high ones two bits of a byte. */
INLINE lanes_b group_q6(struct strip strip, int half, int quarter, int group)
{
    const lanes_b word = words_at(strip, 64 * (16 * half + 8 * (quarter & 1) + group));
    const lanes_b bits = words_at(strip, 16 * 128 + 64 * (8 * half + group));
    const lanes_b low = quarter < 2 ? lanes_low(word) : lanes_high(word);
    const lanes_b placed = quarter < 2 ? lanes_up(bits, 4 - 2 * quarter) : lanes_down(bits, 2 * quarter - 4);
    return lanes_or(low, lanes_and(placed, 0x30));
}

INLINE void product_q6(int strips, int columns, const struct place *at)
{
    lanes_f total[STRIPS_MAX][COLUMNS_MAX];
    for (int t = 0; t < strips; t++)
        for (int c = 0; c < columns; c++)
            total[t][c] = lanes_zero();
    for (int64_t b = 0; b < at->blocks; b++) {
        struct blocks256 blocks;
        lanes_f scaled[STRIPS_MAX][COLUMNS_MAX];
        blocks256_at(at, strips, columns, Q6_K_TILE_BLOCK, b, &blocks);
        for (int t = 0; t < strips; t++)
            for (int c = 0; c < columns; c++)
                scaled[t][c] = lanes_zero();
        for (int half = 0; half < 2; half++) {
            UNROLL(8)
            for (int run = 0; run < 8; run++) {
                lanes_i sum[STRIPS_MAX][COLUMNS_MAX], part[STRIPS_MAX][COLUMNS_MAX];
                for (int t = 0; t < strips; t++)
                    for (int c = 0; c < columns; c++)
                        sum[t][c] = lanes_set(blocks.x[c]->shift[8 * half + run]);
                UNROLL(4)
                for (int group = 0; group < 4; group++) {
                    for (int t = 0; t < strips; t++) {
                        const lanes_b weights = group_q6(blocks.strip[t], half, run / 2, 4 * (run & 1) + group);
                        for (int c = 0; c < columns; c++)
                            lanes_gather(&sum[t][c], &part[t][c], weights,
                                         blocks.x[c]->q + 128 * half + 16 * run + 4 * group, group % 2 == 0,
                                         group % 2 == 1);
                    }
                }
                for (int t = 0; t < strips; t++) {
                    const lanes_b scales = words_at(blocks.strip[t], 16 * 192 + 64 * (2 * half + run / 4));
                    const lanes_f scale = lanes_float(lanes_signed_byte(scales, run & 3));
                    for (int c = 0; c < columns; c++)
                        scaled[t][c] = lanes_fma(lanes_float(sum[t][c]), scale, scaled[t][c]);
                }
            }
        }
        for (int t = 0; t < strips; t++) {
            const lanes_f d = halves_at(blocks.strip[t], 16 * 208);
            for (int c = 0; c < columns; c++)
                total[t][c] = lanes_fma(scaled[t][c], lanes_mul(d, lanes_all(blocks.x[c]->d)), total[t][c]);
        }
    }
    for (int t = 0; t < strips; t++)
        for (int c = 0; c < columns; c++)
            lanes_store(at->out + (size_t)c * at->out_stride + LANES * t, total[t][c]);
}

/* --- the table of them ------------------------------------------------------------------------------ */

INLINE void multiply(enum kernel_type type, int strips, int columns, const struct place *at)
{
    if (is_short(type))
        product32(type, strips, columns, at);
    else if (type == KERNEL_Q6_K)
        product_q6(strips, columns, at);
    else
        product_k(type, strips, columns, at);
}

typedef void variant(const struct place *at);

#define VARIANT(type, strips, columns)                                                                                 \
    static __attribute__((noinline)) void multiply_##type##_##strips##_##columns(const struct place *at)               \
    {                                                                                                                  \
        multiply(KERNEL_##type, strips, columns, at);                                                                  \
    }
#if LANES == 16
#define EACH(do, type, strips)                                                                                         \
    do                                                                                                                 \
    (type, strips, 1) do(type, strips, 2) do(type, strips, 3) do(type, strips, 4)
#define DEFINE(type) EACH(VARIANT, type, 1) EACH(VARIANT, type, 2)
#define LIST(type) [KERNEL_##type] = {{EACH(NAME, type, 1)}, {EACH(NAME, type, 2)}}
#else
#define EACH(do, type, strips)                                                                                         \
    do                                                                                                                 \
    (type, strips, 1) do(type, strips, 2) do(type, strips, 3) do(type, strips, 4) do(type, strips, 5) do(type, strips, \
                                                                                                         6)
#define DEFINE(type) EACH(VARIANT, type, 1)
#define LIST(type) [KERNEL_##type] = {{EACH(NAME, type, 1)}}
#endif
#define NAME(type, strips, columns) multiply_##type##_##strips##_##columns,

DEFINE(Q4_0)
DEFINE(Q4_1)
DEFINE(Q5_0)
DEFINE(Q5_1)
DEFINE(Q8_0)
DEFINE(Q4_K)
DEFINE(Q5_K)
DEFINE(Q6_K)

static variant *const variants[KERNEL_TYPES][STRIPS_MAX][COLUMNS_MAX] = {
    LIST(Q4_0), LIST(Q4_1), LIST(Q5_0), LIST(Q5_1), LIST(Q8_0), LIST(Q4_K), LIST(Q5_K), LIST(Q6_K)};

/* All columns of up to STRIPS_MAX strips, of which the last may have fewer rows than lanes: those go through a buffer.
 */
static void product_strips(enum kernel_type type, int rows, struct place at, int columns)
{
    float buffer[COLUMNS_MAX * STRIPS_MAX * LANES];
    float *out = at.out;
    const size_t out_stride = at.out_stride;
    const int strips = (rows + LANES - 1) / LANES;
    const bool is_cut = rows < strips * LANES;
    for (int c = 0; c < columns; c += COLUMNS_MAX) {
        const int count = columns - c < COLUMNS_MAX ? columns - c : COLUMNS_MAX;
        at.out = is_cut ? buffer : out + (size_t)c * out_stride;
        at.out_stride = is_cut ? STRIPS_MAX * LANES : out_stride;
        variants[type][strips - 1][count - 1](&at);
        for (int i = 0; is_cut && i < count; i++)
            memcpy(out + (size_t)(c + i) * out_stride, buffer + i * STRIPS_MAX * LANES, (size_t)rows * sizeof(float));
        at.columns += (size_t)count * at.column_stride;
    }
}

/* So many columns at a time as stay in the second-level cache while all tiles pass by. */
void KERNELS_PART(product)(enum kernel_type type, int64_t k, const uint8_t *tiles, int rows, const uint8_t *columns,
                           size_t column_stride, int column_count, float *out, size_t out_stride)
{
    const size_t tile_bytes = kernel_tile_bytes(type, k);
    const int fit = (int)(COLUMNS_BYTES / column_stride) / COLUMNS_MAX * COLUMNS_MAX;
    const int piece = fit < 4 * COLUMNS_MAX ? 4 * COLUMNS_MAX : fit;
    for (int c = 0; c < column_count; c += piece) {
        const int count = column_count - c < piece ? column_count - c : piece;
        for (int row = 0; row < rows; row += STRIPS_MAX * LANES) {
            const int here = rows - row < STRIPS_MAX * LANES ? rows - row : STRIPS_MAX * LANES;
            const struct place place = {.tiles = tiles + (size_t)(row / KERNEL_TILE_ROWS) * tile_bytes,
                                        .tile_bytes = tile_bytes,
                                        .lane = (size_t)(row % KERNEL_TILE_ROWS),
                                        .blocks = k / kernel_block_weights(type),
                                        .columns = columns + (size_t)c * column_stride,
                                        .column_stride = column_stride,
                                        .out = out + (size_t)c * out_stride + row,
                                        .out_stride = out_stride};
            product_strips(type, here, place, count);
        }
    }
}

#endif
