/* Floats to columns. */
#include "columns.h"

#ifdef KERNELS_NAME

#include <float.h>
#include <math.h>

size_t KERNELS_PART(column_bytes)(enum kernel_type type, int64_t k)
{
    if (is_float(type))
        return (size_t)k * sizeof(float);
    return is_short(type) ? (size_t)(k / 32) * sizeof(struct column32) : (size_t)(k / 256) * sizeof(struct column256);
}

/* Below this a factor's inverse would be no number: such floats count as zeros. */
#define LEAST 1e-36f

#define RUN 32 /* activations that share a factor, or of a block of 256 an eighth */
#define RUNS 8 /* that are turned together, so that what is done along a run is done side by side for eight */

/* A vector of eight becomes one number each: `join` of all its lanes. */
#define REDUCE(join)                                                                                                   \
    for (int i = 0; i < 4; i++)                                                                                        \
        x[i] = join(_mm256_unpacklo_epi32(x[2 * i], x[2 * i + 1]), _mm256_unpackhi_epi32(x[2 * i], x[2 * i + 1]));     \
    for (int i = 0; i < 2; i++)                                                                                        \
        x[i] = join(_mm256_unpacklo_epi64(x[2 * i], x[2 * i + 1]), _mm256_unpackhi_epi64(x[2 * i], x[2 * i + 1]));     \
    return join(_mm256_permute2x128_si256(x[0], x[1], 0x20), _mm256_permute2x128_si256(x[0], x[1], 0x31))

INLINE __m256i largest_of(__m256i x[RUNS]) { REDUCE(_mm256_max_epi32); }
INLINE __m256i sums_of(__m256i x[RUNS]) { REDUCE(_mm256_add_epi32); }

/* The bits of each run's largest magnitude. As bits, what is infinite or no number is greater than all numbers. */
INLINE __m256i magnitudes_of(const float *x, int runs)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    __m256i most[RUNS];
    UNROLL(8)
    for (int r = 0; r < RUNS; r++) {
        most[r] = _mm256_setzero_si256();
        for (int i = 0; i < RUN && r < runs; i += 8)
            most[r] = _mm256_max_epi32(most[r],
                                       _mm256_castps_si256(_mm256_andnot_ps(sign, _mm256_loadu_ps(x + RUN * r + i))));
    }
    return largest_of(most);
}

/* The factors that make whole numbers, no number where a magnitude is none, and their inverses, 0 where there is
 * nothing to multiply. */
INLINE __m256 factors_of(__m256i magnitudes, __m256 *inverses)
{
    const __m256 largest = _mm256_castsi256_ps(magnitudes);
    const __m256 is_more = _mm256_cmp_ps(largest, _mm256_set1_ps(LEAST), _CMP_NLT_UQ);
    const __m256 is_number = _mm256_cmp_ps(largest, _mm256_set1_ps(FLT_MAX), _CMP_LE_OQ);
    const __m256 factors = _mm256_div_ps(largest, _mm256_set1_ps(127.0f));
    *inverses = _mm256_and_ps(_mm256_and_ps(is_more, is_number), _mm256_div_ps(_mm256_set1_ps(127.0f), largest));
    return _mm256_blendv_ps(_mm256_set1_ps(NAN), factors, is_number);
}

/* A run as bytes, or as words of 16 bits in the order of QUANTS_WIDE; sums of pairs of its first and its last 16. */
INLINE void quantise_run(const float *x, float inverse, bool is_wide, int8_t *q, __m256i pairs[2])
{
    static const float zeros[RUN];
    const float *from = inverse > 0 ? x : zeros;
    __m256i whole[4];
    for (int i = 0; i < 4; i++)
        whole[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(from + 8 * i), _mm256_set1_ps(inverse)));
    /* Packing goes by halves of a register: four numbers of the one, four of the other. */
    const __m256i a = _mm256_packs_epi32(whole[0], whole[1]), b = _mm256_packs_epi32(whole[2], whole[3]);
    pairs[0] = _mm256_madd_epi16(a, _mm256_set1_epi16(1));
    pairs[1] = _mm256_madd_epi16(b, _mm256_set1_epi16(1));
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

/* Up to eight runs, each a block. */
INLINE void quantise32(enum kernel_type type, const float *x, int runs, struct column32 *out)
{
    static const uint8_t zeros[KERNEL_TYPES] = {[KERNEL_Q4_0] = 8, [KERNEL_Q5_0] = 16, [KERNEL_Q8_0] = 128};
    float factor[RUNS], inverse[RUNS];
    int32_t sum[RUNS];
    __m256 inverses;
    __m256i total[RUNS] = {_mm256_setzero_si256()};
    _mm256_storeu_ps(factor, factors_of(magnitudes_of(x, runs), &inverses));
    _mm256_storeu_ps(inverse, inverses);
    UNROLL(8)
    for (int r = 0; r < RUNS; r++) {
        __m256i pairs[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
        if (r < runs)
            quantise_run(x + RUN * r, inverse[r], sizeof(out->q) == 64 && type == KERNEL_Q8_0, out[r].q, pairs);
        total[r] = _mm256_add_epi32(pairs[0], pairs[1]);
    }
    _mm256_storeu_si256((__m256i *)sum, sums_of(total));
    for (int r = 0; r < runs; r++) {
        out[r].d = factor[r];
        out[r].sum = factor[r] * (float)sum[r];
        out[r].shift = COLUMN_WHOLE_BITS - zeros[type] * sum[r];
    }
}

static void quantise_all32(enum kernel_type type, int64_t count, const float *x, struct column32 *out)
{
    int64_t i = 0;
    for (; i + RUNS <= count; i += RUNS)
        quantise32(type, x + RUN * i, RUNS, out + i);
    if (i < count)
        quantise32(type, x + RUN * i, (int)(count - i), out + i);
}

INLINE int32_t sum_of(__m256i x)
{
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1)));
}

/* A block of eight runs. */
static void quantise256(const float *x, struct column256 *out)
{
    static const uint8_t place[RUNS] = {0, 2, 1, 3, 4, 6, 5, 7}; /* of each sum of 32 among the pairs */
    __m256i most = magnitudes_of(x, RUNS);
    __m256 inverses;
    most = _mm256_max_epi32(most, _mm256_permute2x128_si256(most, most, 1));
    most = _mm256_max_epi32(most, _mm256_shuffle_epi32(most, 0x4e));
    most = _mm256_max_epi32(most, _mm256_shuffle_epi32(most, 0xb1));
    out->d = _mm256_cvtss_f32(factors_of(most, &inverses));
    for (int r = 0; r < RUNS; r++) {
        __m256i pairs[2];
        quantise_run(x + RUN * r, _mm256_cvtss_f32(inverses), false, out->q + RUN * r, pairs);
        const int32_t first = sum_of(pairs[0]), last = sum_of(pairs[1]);
        out->pairs[place[r]] = (int16_t)(first + last);
        out->shift[2 * r] = -32 * first;
        out->shift[2 * r + 1] = -32 * last;
    }
}

void KERNELS_PART(quantise)(enum kernel_type type, int64_t k, const float *x, uint8_t *column)
{
    if (is_float(type))
        memcpy(column, x, (size_t)k * sizeof(float));
    else if (is_short(type))
        quantise_all32(type, k / RUN, x, (struct column32 *)column);
    else
        for (int64_t i = 0; i < k / 256; i++)
            quantise256(x + 256 * i, (struct column256 *)column + i);
}

#endif
