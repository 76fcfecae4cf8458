/* attention_lanes.h - what attention wants of lanes besides lanes.h: powers of two, halves of pairs, masks. */
#ifndef KERNELS_ATTENTION_LANES_H
#define KERNELS_ATTENTION_LANES_H

#include "lanes.h"

#ifdef KERNELS_NAME

#define MASKED 0xfc00 /* minus infinity */
#define LANES_ALL ((uint32_t)(((uint64_t)1 << LANES) - 1))

#if LANES == 16

INLINE lanes_i lanes_words(const void *words) { return _mm512_loadu_si512(words); }
INLINE lanes_i lanes_add_words(lanes_i x, lanes_i y) { return _mm512_add_epi32(x, y); }
INLINE uint32_t lanes_equal_words(lanes_i x, lanes_i y) { return _mm512_cmpeq_epi32_mask(x, y); }
INLINE lanes_i lanes_lower_words(lanes_i x, lanes_i y) { return _mm512_min_epi32(x, y); }
INLINE lanes_i lanes_count(void) { return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }
INLINE void lanes_store_words(int32_t *out, lanes_i x) { _mm512_storeu_si512(out, x); }
INLINE lanes_i lanes_both(lanes_i x, lanes_i y) { return _mm512_and_si512(x, y); }
INLINE lanes_f lanes_bits(lanes_i x) { return _mm512_castsi512_ps(x); }
INLINE lanes_i lanes_of_bits(lanes_f x) { return _mm512_castps_si512(x); }
INLINE lanes_i lanes_up_words(lanes_i x, int bits) { return _mm512_sll_epi32(x, _mm_cvtsi32_si128(bits)); }
INLINE lanes_i lanes_down_signed(lanes_i x, int bits) { return _mm512_sra_epi32(x, _mm_cvtsi32_si128(bits)); }
INLINE lanes_f lanes_min(lanes_f x, lanes_f y) { return _mm512_min_ps(x, y); }
INLINE lanes_f lanes_div(lanes_f x, lanes_f y) { return _mm512_div_ps(x, y); }
INLINE lanes_f lanes_with_sign(lanes_f x, lanes_f sign) /* x >= 0 */
{
    return _mm512_or_ps(x, _mm512_and_ps(sign, _mm512_set1_ps(-0.0f)));
}
INLINE float lanes_largest(lanes_f x) { return _mm512_reduce_max_ps(x); }
INLINE bool lanes_any_above(lanes_f x, lanes_f y) { return _mm512_cmp_ps_mask(x, y, _CMP_GT_OQ) != 0; }
/* x where a bit of `bits` is set, else y. */
INLINE lanes_f lanes_where(uint32_t bits, lanes_f x, lanes_f y) { return _mm512_mask_blend_ps((__mmask16)bits, y, x); }
/* x, its exponent raised by the lowest bits of `exponent`; 0 where n is -127 or less. */
INLINE lanes_f lanes_shift(lanes_f x, lanes_f exponent, lanes_f n)
{
    const __m512i shift = _mm512_slli_epi32(_mm512_castps_si512(exponent), 23);
    const __mmask16 kept = _mm512_cmp_ps_mask(n, _mm512_set1_ps(-127), _CMP_NLE_UQ);
    return _mm512_castsi512_ps(_mm512_maskz_add_epi32(kept, _mm512_castps_si512(x), shift));
}

/* Half as many pairs of halves as asked, at most LANES; the other lanes are zero. */
INLINE lanes_f lanes_pairs_of(const char *halves, int count)
{
    return count >= 2 * LANES ? _mm512_castsi512_ps(_mm512_loadu_si512(halves))
                              : _mm512_castsi512_ps(_mm512_zextsi256_si512(_mm256_loadu_si256((const void *)halves)));
}

/* Which of 64 cells are seen, a bit each. */
INLINE uint64_t seen_of(const uint16_t *mask)
{
    const __m512i masked = _mm512_set1_epi16((short)MASKED);
    return _mm512_cmpneq_epi16_mask(_mm512_loadu_si512(mask), masked) |
           (uint64_t)_mm512_cmpneq_epi16_mask(_mm512_loadu_si512(mask + 32), masked) << 32;
}

/* Which of 64 are no zero. */
INLINE uint64_t nonzero_of(const uint16_t *mask)
{
    const __m512i size = _mm512_set1_epi16(0x7fff);
    return _mm512_test_epi16_mask(_mm512_loadu_si512(mask), size) |
           (uint64_t)_mm512_test_epi16_mask(_mm512_loadu_si512(mask + 32), size) << 32;
}

INLINE void transpose(lanes_f v[16])
{
    __m512 t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        const __m512d a = _mm512_castps_pd(t[i]), b = _mm512_castps_pd(t[i + 2]);
        const __m512d c = _mm512_castps_pd(t[i + 1]), d = _mm512_castps_pd(t[i + 3]);
        v[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
        v[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        v[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(c, d));
        v[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(c, d));
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_f32x4(v[i], v[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_f32x4(v[i], v[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_f32x4(v[i + 8], v[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_f32x4(v[i + 8], v[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        v[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
        v[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
        v[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
        v[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

#else

INLINE lanes_i lanes_words(const void *words) { return _mm256_loadu_si256(words); }
INLINE lanes_i lanes_add_words(lanes_i x, lanes_i y) { return _mm256_add_epi32(x, y); }
INLINE uint32_t lanes_equal_words(lanes_i x, lanes_i y)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(x, y)));
}
INLINE lanes_i lanes_lower_words(lanes_i x, lanes_i y) { return _mm256_min_epi32(x, y); }
INLINE lanes_i lanes_count(void) { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }
INLINE void lanes_store_words(int32_t *out, lanes_i x) { _mm256_storeu_si256((__m256i *)out, x); }
INLINE lanes_i lanes_both(lanes_i x, lanes_i y) { return _mm256_and_si256(x, y); }
INLINE lanes_f lanes_bits(lanes_i x) { return _mm256_castsi256_ps(x); }
INLINE lanes_i lanes_of_bits(lanes_f x) { return _mm256_castps_si256(x); }
INLINE lanes_i lanes_up_words(lanes_i x, int bits) { return _mm256_sll_epi32(x, _mm_cvtsi32_si128(bits)); }
INLINE lanes_i lanes_down_signed(lanes_i x, int bits) { return _mm256_sra_epi32(x, _mm_cvtsi32_si128(bits)); }
INLINE lanes_f lanes_min(lanes_f x, lanes_f y) { return _mm256_min_ps(x, y); }
INLINE lanes_f lanes_div(lanes_f x, lanes_f y) { return _mm256_div_ps(x, y); }
INLINE lanes_f lanes_with_sign(lanes_f x, lanes_f sign)
{
    return _mm256_or_ps(x, _mm256_and_ps(sign, _mm256_set1_ps(-0.0f)));
}
INLINE float lanes_largest(lanes_f x)
{
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}
INLINE bool lanes_any_above(lanes_f x, lanes_f y) { return _mm256_movemask_ps(_mm256_cmp_ps(x, y, _CMP_GT_OQ)) != 0; }
INLINE lanes_f lanes_where(uint32_t bits, lanes_f x, lanes_f y)
{
    const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i set = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)bits), bit), bit);
    return _mm256_blendv_ps(y, x, _mm256_castsi256_ps(set));
}
INLINE lanes_f lanes_shift(lanes_f x, lanes_f exponent, lanes_f n)
{
    const __m256i shift = _mm256_slli_epi32(_mm256_castps_si256(exponent), 23);
    const __m256 kept = _mm256_cmp_ps(n, _mm256_set1_ps(-127), _CMP_NLE_UQ);
    return _mm256_and_ps(_mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), shift)), kept);
}
INLINE lanes_f lanes_pairs_of(const char *halves, int count)
{
    (void)count; /* 16 at the least, all that fit */
    return _mm256_castsi256_ps(_mm256_loadu_si256((const void *)halves));
}

INLINE uint64_t differing_of(const uint16_t *mask, __m256i kept, __m256i value)
{
    uint64_t bits = 0;
    for (int i = 0; i < 64; i += 32) {
        const __m256i a = _mm256_and_si256(_mm256_loadu_si256((const void *)(mask + i)), kept);
        const __m256i b = _mm256_and_si256(_mm256_loadu_si256((const void *)(mask + i + 16)), kept);
        const __m256i same = _mm256_packs_epi16(_mm256_cmpeq_epi16(a, value), _mm256_cmpeq_epi16(b, value));
        bits |= (uint64_t)~(uint32_t)_mm256_movemask_epi8(_mm256_permute4x64_epi64(same, 0xd8)) << i;
    }
    return bits;
}
INLINE uint64_t seen_of(const uint16_t *mask)
{
    return differing_of(mask, _mm256_set1_epi16(-1), _mm256_set1_epi16((short)MASKED));
}
INLINE uint64_t nonzero_of(const uint16_t *mask)
{
    return differing_of(mask, _mm256_set1_epi16(0x7fff), _mm256_setzero_si256());
}

INLINE void transpose(lanes_f v[8])
{
    __m256 t[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        v[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        v[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
        v[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        v[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm256_permute2f128_ps(v[i], v[i + 4], 0x20);
        t[i + 4] = _mm256_permute2f128_ps(v[i], v[i + 4], 0x31);
    }
    for (int i = 0; i < 8; i++)
        v[i] = t[i];
}

#endif

/* 2 to the power of x, x <= 0; 0 from -126.5 down; what is no number stays so. A float as large as 1.5 * 2^23 has no
 * fraction, and its lowest bits are the number that was added to it. */
INLINE lanes_f exponential(lanes_f x)
{
    const lanes_f large = lanes_all(0x1.8p23f);
    const lanes_f clipped = lanes_max(lanes_all(-127.0f), x);
    const lanes_f exponent = lanes_add(clipped, large), n = lanes_sub(exponent, large), r = lanes_sub(clipped, n);
    lanes_f p = lanes_all(1.54035304e-4f); /* ln(2)^i / i! */
    p = lanes_fma(p, r, lanes_all(1.33335581e-3f));
    p = lanes_fma(p, r, lanes_all(9.61812911e-3f));
    p = lanes_fma(p, r, lanes_all(5.55041087e-2f));
    p = lanes_fma(p, r, lanes_all(0.240226507f));
    p = lanes_fma(p, r, lanes_all(0.693147181f));
    p = lanes_fma(p, r, lanes_all(1.0f));
    return lanes_shift(p, exponent, n);
}

INLINE float half_of(uint16_t half) { return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(half))); }

/* The lower and the upper halves of pairs as floats. Infinity counts as 65,536: no weight of zero meets it. */
INLINE lanes_f lanes_half_of(lanes_i high)
{
    const lanes_i kept = lanes_set((int32_t)0x8fffe000);
    return lanes_mul(lanes_bits(lanes_both(lanes_down_signed(high, 3), kept)), lanes_all(0x1p112f));
}
INLINE lanes_f lanes_low_halves(lanes_f pairs) { return lanes_half_of(lanes_up_words(lanes_of_bits(pairs), 16)); }
INLINE lanes_f lanes_high_halves(lanes_f pairs) { return lanes_half_of(lanes_of_bits(pairs)); }

#endif
#endif
