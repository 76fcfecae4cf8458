/* lanes.h - rows of weights side by side, 16 or 8: the few vector operations that the products are written in, for
 * AVX-512 with VNNI, AVX2 with VNNI, and AVX2. Which one is decided by the compiler's flags: each set of them gets an
 * object of its own. Without any of the three KERNELS_NAME is not defined, and there are no kernels.
 *
 * A lane is a row. `lanes_b` holds for each row four weights that stand next to each other along K, as unsigned
 * bytes; lanes_dot adds to each row's sum the products of its four weights and the same four activations.
 *
 * Activations are signed bytes, groups of four in their order. Where the processor has no instruction that sums four
 * products of bytes, weights of up to six bits are multiplied in pairs whose sums of 16 bits are added up for as long
 * as they can't overflow (lanes_gather). Eight bits leave no room for that: 255 * 127 * 2 has 17. For those the
 * activations are kept as 16 bits there (QUANTS_WIDE), a group of four in the order 0, 2, 1, 3, as the even and the
 * odd bytes of the weights fall out when they are widened. */
#ifndef KERNELS_LANES_H
#define KERNELS_LANES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* The loop that follows is written out; its count is a constant. */
#ifdef __clang__
#define UNROLL(count) _Pragma("unroll")
#else
#define UNROLL_TEXT(text) _Pragma(#text)
#define UNROLL(count) UNROLL_TEXT(GCC unroll count)
#endif

INLINE int32_t lanes_word(const void *bytes)
{
    int32_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__) &&                 \
    defined(__AVX512VNNI__)

#define KERNELS_NAME kernels_avx512
#define LANES 16
typedef __m512i lanes_b, lanes_i;
typedef __m512 lanes_f;

INLINE lanes_b lanes_load(const uint8_t bytes[64]) { return _mm512_loadu_si512(bytes); }
INLINE lanes_b lanes_low(lanes_b x) { return _mm512_and_si512(x, _mm512_set1_epi8(0x0f)); }
INLINE lanes_b lanes_high(lanes_b x) { return lanes_low(_mm512_srli_epi16(x, 4)); }
INLINE lanes_b lanes_and(lanes_b x, uint8_t mask) { return _mm512_and_si512(x, _mm512_set1_epi8((char)mask)); }
INLINE lanes_b lanes_or(lanes_b x, lanes_b y) { return _mm512_or_si512(x, y); }
/* All 32 bits of a lane move: what comes in from the next byte is masked out by the caller. */
INLINE lanes_b lanes_down(lanes_b x, int bits) { return _mm512_srlv_epi32(x, _mm512_set1_epi32(bits)); }
INLINE lanes_b lanes_up(lanes_b x, int bits) { return _mm512_sllv_epi32(x, _mm512_set1_epi32(bits)); }
INLINE void lanes_keep(uint8_t bytes[64], lanes_b x) { _mm512_storeu_si512(bytes, x); }
/* 16 in each byte whose bit is set. */
INLINE lanes_b lanes_fifth(const uint8_t mask[8])
{
    uint64_t bits;
    memcpy(&bits, mask, sizeof(bits));
    return _mm512_maskz_set1_epi8(bits, 16);
}
INLINE lanes_i lanes_set(int32_t value) { return _mm512_set1_epi32(value); }
INLINE lanes_i lanes_ones(void) { return _mm512_set1_epi16(1); }
INLINE lanes_i lanes_byte(lanes_b x, int which)
{
    return _mm512_and_si512(lanes_down(x, 8 * which), _mm512_set1_epi32(0xff));
}
INLINE lanes_i lanes_signed_byte(lanes_b x, int which) { return _mm512_srai_epi32(lanes_up(x, 24 - 8 * which), 24); }
INLINE lanes_b lanes_even(lanes_b x) { return _mm512_and_si512(x, _mm512_set1_epi16(0xff)); }
INLINE lanes_b lanes_odd(lanes_b x) { return _mm512_srli_epi16(x, 8); }
INLINE lanes_i lanes_pairs(lanes_i sum, lanes_b x, const int16_t pair[2])
{
    return _mm512_dpwssd_epi32(sum, x, _mm512_set1_epi32(lanes_word(pair)));
}
/* Adds products of pairs of 16 bits. */
INLINE lanes_i lanes_madd(lanes_i sum, lanes_i x, lanes_i y) { return _mm512_dpwssd_epi32(sum, x, y); }
INLINE lanes_i lanes_dot(lanes_i sum, lanes_b x, const int8_t *four)
{
    return _mm512_dpbusd_epi32(sum, x, _mm512_set1_epi32(lanes_word(four)));
}
INLINE lanes_f lanes_zero(void) { return _mm512_setzero_ps(); }
INLINE lanes_f lanes_halves(const uint8_t bytes[32])
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)bytes));
}
/* bfloat16: the upper half of a float. */
INLINE lanes_f lanes_bfloats(const uint8_t bytes[32])
{
    const __m512i words = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)bytes));
    return _mm512_castsi512_ps(_mm512_slli_epi32(words, 16));
}
INLINE lanes_f lanes_float(lanes_i x) { return _mm512_cvtepi32_ps(x); }
INLINE lanes_f lanes_same_bits(lanes_i x) { return _mm512_castsi512_ps(x); }
INLINE lanes_f lanes_all(float x) { return _mm512_set1_ps(x); }
INLINE lanes_f lanes_mul(lanes_f x, lanes_f y) { return _mm512_mul_ps(x, y); }
INLINE lanes_f lanes_fma(lanes_f x, lanes_f y, lanes_f sum) { return _mm512_fmadd_ps(x, y, sum); }
INLINE lanes_f lanes_fnma(lanes_f x, lanes_f y, lanes_f sum) { return _mm512_fnmadd_ps(x, y, sum); }
INLINE void lanes_store(float *out, lanes_f x) { _mm512_storeu_ps(out, x); }
INLINE lanes_f lanes_floats(const float *x) { return _mm512_loadu_ps(x); }
INLINE lanes_f lanes_add(lanes_f x, lanes_f y) { return _mm512_add_ps(x, y); }
INLINE lanes_f lanes_sub(lanes_f x, lanes_f y) { return _mm512_sub_ps(x, y); }
INLINE lanes_f lanes_max(lanes_f x, lanes_f y) { return _mm512_max_ps(x, y); }
/* x in the first `count` lanes, y in the others. */
INLINE lanes_f lanes_first(int count, lanes_f x, lanes_f y)
{
    return _mm512_mask_blend_ps((__mmask16)((1u << count) - 1), y, x);
}
/* x * 2^n for whole numbers n. */
INLINE lanes_f lanes_scale(lanes_f x, lanes_f n) { return _mm512_scalef_ps(x, n); }
INLINE lanes_f lanes_round(lanes_f x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

#else

#define LANES 8
typedef __m256i lanes_b, lanes_i;
typedef __m256 lanes_f;

INLINE lanes_b lanes_load(const uint8_t bytes[32]) { return _mm256_loadu_si256((const __m256i *)bytes); }
INLINE lanes_b lanes_and(lanes_b x, uint8_t mask) { return _mm256_and_si256(x, _mm256_set1_epi8((char)mask)); }
INLINE lanes_b lanes_low(lanes_b x) { return lanes_and(x, 0x0f); }
INLINE lanes_b lanes_high(lanes_b x) { return lanes_low(_mm256_srli_epi16(x, 4)); }
INLINE lanes_b lanes_or(lanes_b x, lanes_b y) { return _mm256_or_si256(x, y); }
INLINE lanes_b lanes_down(lanes_b x, int bits) { return _mm256_srlv_epi32(x, _mm256_set1_epi32(bits)); }
INLINE lanes_b lanes_up(lanes_b x, int bits) { return _mm256_sllv_epi32(x, _mm256_set1_epi32(bits)); }
INLINE void lanes_keep(uint8_t bytes[32], lanes_b x) { _mm256_storeu_si256((__m256i *)bytes, x); }
INLINE lanes_b lanes_fifth(const uint8_t mask[4])
{
    const __m256i byte = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3,
                                          3, 3, 3, 3, 3, 3);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201u);
    const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(lanes_word(mask)), byte);
    return _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit), _mm256_set1_epi8(16));
}
INLINE lanes_i lanes_set(int32_t value) { return _mm256_set1_epi32(value); }
INLINE lanes_i lanes_ones(void) { return _mm256_set1_epi16(1); }
INLINE lanes_i lanes_byte(lanes_b x, int which)
{
    return _mm256_and_si256(lanes_down(x, 8 * which), _mm256_set1_epi32(0xff));
}
INLINE lanes_i lanes_signed_byte(lanes_b x, int which) { return _mm256_srai_epi32(lanes_up(x, 24 - 8 * which), 24); }
INLINE lanes_b lanes_even(lanes_b x) { return _mm256_and_si256(x, _mm256_set1_epi16(0xff)); }
INLINE lanes_b lanes_odd(lanes_b x) { return _mm256_srli_epi16(x, 8); }
/* Says to the compiler that x is needed here. Else it would add up products of whole numbers in an order of its own,
 * for which all of them have to wait in memory. */
INLINE lanes_i lanes_now(lanes_i x)
{
    __asm__("" : "+x"(x));
    return x;
}
INLINE lanes_i lanes_madd(lanes_i sum, lanes_i x, lanes_i y)
{
    return lanes_now(_mm256_add_epi32(sum, _mm256_madd_epi16(x, y)));
}
INLINE lanes_i lanes_pairs(lanes_i sum, lanes_b x, const int16_t pair[2])
{
    return lanes_madd(sum, x, _mm256_set1_epi32(lanes_word(pair)));
}
INLINE lanes_f lanes_zero(void) { return _mm256_setzero_ps(); }
INLINE lanes_f lanes_halves(const uint8_t bytes[16])
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)bytes));
}
INLINE lanes_f lanes_bfloats(const uint8_t bytes[16])
{
    const __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)bytes));
    return _mm256_castsi256_ps(_mm256_slli_epi32(words, 16));
}
INLINE lanes_f lanes_float(lanes_i x) { return _mm256_cvtepi32_ps(x); }
INLINE lanes_f lanes_same_bits(lanes_i x) { return _mm256_castsi256_ps(x); }
INLINE lanes_f lanes_all(float x) { return _mm256_set1_ps(x); }
INLINE lanes_f lanes_mul(lanes_f x, lanes_f y) { return _mm256_mul_ps(x, y); }
INLINE lanes_f lanes_fma(lanes_f x, lanes_f y, lanes_f sum) { return _mm256_fmadd_ps(x, y, sum); }
INLINE lanes_f lanes_fnma(lanes_f x, lanes_f y, lanes_f sum) { return _mm256_fnmadd_ps(x, y, sum); }
INLINE void lanes_store(float *out, lanes_f x) { _mm256_storeu_ps(out, x); }
INLINE lanes_f lanes_floats(const float *x) { return _mm256_loadu_ps(x); }
INLINE lanes_f lanes_add(lanes_f x, lanes_f y) { return _mm256_add_ps(x, y); }
INLINE lanes_f lanes_sub(lanes_f x, lanes_f y) { return _mm256_sub_ps(x, y); }
INLINE lanes_f lanes_max(lanes_f x, lanes_f y) { return _mm256_max_ps(x, y); }
INLINE lanes_f lanes_first(int count, lanes_f x, lanes_f y)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_blendv_ps(y, x, _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane)));
}
INLINE lanes_f lanes_scale(lanes_f x, lanes_f n)
{
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_mul_ps(
        x, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_max_epi32(exponent, _mm256_setzero_si256()), 23)));
}
INLINE lanes_f lanes_round(lanes_f x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

#if defined(__AVXVNNI__)
#define KERNELS_NAME kernels_avx_vnni
INLINE lanes_i lanes_dot(lanes_i sum, lanes_b x, const int8_t *four)
{
    return _mm256_dpbusd_avx_epi32(sum, x, _mm256_set1_epi32(lanes_word(four)));
}
#else
#define KERNELS_NAME kernels_avx2
#define QUANTS_WIDE 1
INLINE lanes_i lanes_dot(lanes_i sum, lanes_b x, const int8_t *four)
{
    const int16_t *wide = (const int16_t *)four;
    return lanes_pairs(lanes_pairs(sum, lanes_even(x), wide), lanes_odd(x), wide + 2);
}
INLINE void lanes_gather(lanes_i *sum, lanes_i *part, lanes_b x, const int8_t *four, lanes_i scale, bool begins,
                         bool ends)
{
    const lanes_i product = _mm256_maddubs_epi16(x, _mm256_set1_epi32(lanes_word(four)));
    *part = lanes_now(begins ? product : _mm256_add_epi16(*part, product));
    if (ends)
        *sum = lanes_madd(*sum, *part, scale);
}
#endif
#endif

/* Whether weights of eight bits may go through lanes_gather. */
#ifdef QUANTS_WIDE
#define GATHERS_BYTES false
#else
#define GATHERS_BYTES true
#endif

#ifndef QUANTS_WIDE
/* Adds products of weights of up to six bits to *sum, by way of *part: a run `begins` and `ends` such that its products
 * of pairs fit 15 bits together. Where products are gathered as pairs they are multiplied by `scale` at the end, which
 * has 16 bits twice in each lane; elsewhere it is ones. */
INLINE void lanes_gather(lanes_i *sum, lanes_i *part, lanes_b x, const int8_t *four, lanes_i scale, bool begins,
                         bool ends)
{
    (void)part, (void)scale, (void)begins, (void)ends;
    *sum = lanes_dot(*sum, x, four);
}
#endif

#endif
#endif
