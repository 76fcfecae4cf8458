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

/* The factor that makes whole numbers of `count` floats, and its inverse; no number if one of them is none (as bits,
 * what is infinite or no number is greater than all numbers). The inverse is 0 where there is nothing to multiply. */
INLINE float scale_of(const float *x, int count, float *inverse)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    __m256i most = _mm256_setzero_si256();
    for (int i = 0; i < count; i += 8)
        most = _mm256_max_epi32(most, _mm256_castps_si256(_mm256_andnot_ps(sign, _mm256_loadu_ps(x + i))));
    __m128i four = _mm_max_epi32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
    four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0xb1));
    const float largest = _mm_cvtss_f32(_mm_castsi128_ps(four));
    const bool counts = largest >= LEAST && largest <= FLT_MAX;
    *inverse = counts ? 127.0f / largest : 0;
    return counts || largest < LEAST ? largest / 127.0f : NAN;
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
    static const float zeros[32];
    const float *from = inverse > 0 ? x : zeros;
    __m256i whole[4];
    for (int i = 0; i < 4; i++)
        whole[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(from + 8 * i), _mm256_set1_ps(inverse)));
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
    if (is_float(type))
        memcpy(column, x, (size_t)k * sizeof(float));
    else if (is_short(type))
        for (int64_t i = 0; i < k / 32; i++)
            quantise32(type, x + 32 * i, (struct column32 *)column + i);
    else
        for (int64_t i = 0; i < k / 256; i++)
            quantise256(x + 256 * i, (struct column256 *)column + i);
}

#endif
