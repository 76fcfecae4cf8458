/* Attention over a cache that many sequences share.
 *
 * Of such a cache one query sees few cells, scattered among those of others. They are listed first; then groups of
 * LANES of them are widened to floats, once for all query heads that share a key head, and for several queries that
 * stand next to each other in a prompt: each of those sees what the last of them sees, but for an end.
 *
 * **One order of sums.** A score sums its products by class (dk modulo LANES), classes in a tree of halves; values are
 * added cell by cell; the running maximum moves once a group. Few rows are scored cell by cell with the lanes along dk
 * and the tree as shuffles; many rows over a transposed group with a lane for each cell and the tree as plain
 * additions. Both make the same sums in the same order, so it does not matter which one a query meets. */
#include "parts.h"

#ifdef KERNELS_NAME

#include <assert.h>
#include <math.h>

#define QUERIES_MAX 8
#define ROWS_MIN_TRANSPOSED 6
#define MASKED 0xfc00 /* minus infinity */

/* --- lanes ------------------------------------------------------------------------------------------ */

/* e to the power of x, x <= 0; 0 below -87. */
INLINE lanes_f exponential(lanes_f x)
{
    const lanes_f clipped = lanes_max(x, lanes_all(-87.0f));
    const lanes_f n = lanes_round(lanes_mul(clipped, lanes_all(1.44269504f)));
    lanes_f r = lanes_fma(n, lanes_all(-0.693145752f), clipped);
    r = lanes_fma(n, lanes_all(-1.42860677e-6f), r);
    lanes_f p = lanes_all(1.0f / 720);
    p = lanes_fma(p, r, lanes_all(1.0f / 120));
    p = lanes_fma(p, r, lanes_all(1.0f / 24));
    p = lanes_fma(p, r, lanes_all(1.0f / 6));
    p = lanes_fma(p, r, lanes_all(0.5f));
    p = lanes_fma(p, r, lanes_all(1.0f));
    p = lanes_fma(p, r, lanes_all(1.0f));
    return lanes_scale(p, n);
}

#if LANES == 16

/* Sums of 16 vectors' lanes, one to a lane: classes j and j + 8, then j + 4, j + 2, j + 1. Vector PLACE[lane] is that
 * lane's. */
static const uint8_t PLACE[16] = {0, 2, 1, 3, 8, 10, 9, 11, 4, 6, 5, 7, 12, 14, 13, 15};

INLINE lanes_f sums_of(const lanes_f v[16])
{
    __m512 t[8], u[4], w[2];
    for (int i = 0; i < 8; i++)
        t[i] = _mm512_add_ps(_mm512_shuffle_f32x4(v[i], v[i + 8], 0x44), _mm512_shuffle_f32x4(v[i], v[i + 8], 0xee));
    for (int i = 0; i < 4; i++)
        u[i] = _mm512_add_ps(_mm512_shuffle_f32x4(t[i], t[i + 4], 0x88), _mm512_shuffle_f32x4(t[i], t[i + 4], 0xdd));
    for (int i = 0; i < 2; i++) {
        const __m512d a = _mm512_castps_pd(u[i]), b = _mm512_castps_pd(u[i + 2]);
        w[i] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
    }
    return _mm512_add_ps(_mm512_shuffle_ps(w[0], w[1], 0x88), _mm512_shuffle_ps(w[0], w[1], 0xdd));
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

INLINE float largest_of(lanes_f x) { return _mm512_reduce_max_ps(x); }

/* Which of LANES cells are seen, a bit each. */
INLINE uint32_t seen(const uint16_t *mask)
{
    const __m256i halves = _mm256_loadu_si256((const __m256i *)mask);
    return (uint16_t)_mm256_cmpneq_epi16_mask(halves, _mm256_set1_epi16((short)MASKED));
}

#else

static const uint8_t PLACE[8] = {0, 2, 1, 3, 4, 6, 5, 7};

INLINE lanes_f sums_of(const lanes_f v[8])
{
    __m256 t[4], w[2];
    for (int i = 0; i < 4; i++)
        t[i] =
            _mm256_add_ps(_mm256_permute2f128_ps(v[i], v[i + 4], 0x20), _mm256_permute2f128_ps(v[i], v[i + 4], 0x31));
    for (int i = 0; i < 2; i++) {
        const __m256d a = _mm256_castps_pd(t[i]), b = _mm256_castps_pd(t[i + 2]);
        w[i] = _mm256_add_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(a, b)), _mm256_castpd_ps(_mm256_unpackhi_pd(a, b)));
    }
    return _mm256_add_ps(_mm256_shuffle_ps(w[0], w[1], 0x88), _mm256_shuffle_ps(w[0], w[1], 0xdd));
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

INLINE float largest_of(lanes_f x)
{
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}

INLINE uint32_t seen(const uint16_t *mask)
{
    const __m128i halves = _mm_loadu_si128((const __m128i *)mask);
    const __m128i masked = _mm_cmpeq_epi16(halves, _mm_set1_epi16((short)MASKED));
    return ~(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(masked, _mm_setzero_si128())) & 0xff;
}

#endif

/* --- what is seen ----------------------------------------------------------------------------------- */

static int64_t list_seen(const uint16_t *mask, int64_t cells, int32_t *list)
{
    int64_t count = 0, cell = 0;
    for (; cell + LANES <= cells; cell += LANES)
        for (uint32_t bits = mask ? seen(mask + cell) : (1u << LANES) - 1; bits; bits &= bits - 1)
            list[count++] = (int32_t)cell + __builtin_ctz(bits);
    for (; cell < cells; cell++)
        if (!mask || mask[cell] != MASKED)
            list[count++] = (int32_t)cell;
    return count;
}

/* --- a group of cells ------------------------------------------------------------------------------- */

/* What a thread works with. Rows are query by query, in each the heads that share the key head. */
struct work {
    float *keys;            /* [LANES][dk], or [dk][LANES] transposed */
    float *values;          /* [LANES][dv] */
    float *sums;            /* [rows][dv] */
    float *highest, *total; /* [rows] */
    int32_t *lists;         /* [QUERIES_MAX][cells] */
    int64_t counts[QUERIES_MAX];
};

static size_t rows_max(const struct attention *attention)
{
    return (size_t)QUERIES_MAX * (size_t)(attention->heads / attention->kv_heads);
}

size_t KERNELS_PART(attend_bytes)(const struct attention *attention)
{
    const size_t dk = (size_t)attention->dk, dv = (size_t)attention->dv, rows = rows_max(attention);
    return 64 + sizeof(float) * (LANES * (dk + dv) + rows * (dv + 2)) +
           sizeof(int32_t) * QUERIES_MAX * (size_t)attention->cells;
}

static struct work work_at(const struct attention *attention, void *bytes)
{
    const size_t dk = (size_t)attention->dk, dv = (size_t)attention->dv, rows = rows_max(attention);
    struct work work = {.keys = (float *)(((uintptr_t)bytes + 63) & ~(uintptr_t)63)};
    work.values = work.keys + LANES * dk;
    work.sums = work.values + LANES * dv;
    work.highest = work.sums + rows * dv;
    work.total = work.highest + rows;
    work.lists = (int32_t *)(work.total + rows);
    return work;
}

static void widen(const char *from, size_t cell_bytes, const int32_t *cells, int count, int width, float *to)
{
    for (int i = 0; i < count; i++) {
        const uint8_t *halves = (const uint8_t *)from + (size_t)cells[i] * cell_bytes;
        for (int d = 0; d < width; d += LANES)
            lanes_store(to + (size_t)i * (size_t)width + d, lanes_halves(halves + 2 * d));
    }
    memset(to + (size_t)count * (size_t)width, 0, (size_t)(LANES - count) * (size_t)width * sizeof(float));
}

static void widen_transposed(const char *from, size_t cell_bytes, const int32_t *cells, int count, int width, float *to)
{
    for (int d = 0; d < width; d += LANES) {
        lanes_f block[LANES];
        for (int i = 0; i < LANES; i++)
            block[i] =
                i < count ? lanes_halves((const uint8_t *)from + (size_t)cells[i] * cell_bytes + 2 * d) : lanes_zero();
        transpose(block);
        for (int i = 0; i < LANES; i++)
            lanes_store(to + (size_t)(d + i) * LANES, block[i]);
    }
}

INLINE lanes_f scores_across(const float *keys, const float *q, int dk)
{
    lanes_f classes[LANES];
    for (int i = 0; i < LANES; i++) {
        const float *key = keys + (size_t)i * (size_t)dk;
        lanes_f sum = lanes_mul(lanes_floats(key), lanes_floats(q));
        for (int d = LANES; d < dk; d += LANES)
            sum = lanes_fma(lanes_floats(key + d), lanes_floats(q + d), sum);
        classes[PLACE[i]] = sum;
    }
    return sums_of(classes);
}

INLINE lanes_f scores_down(const float *keys, const float *q, int dk)
{
    lanes_f class[LANES];
    for (int i = 0; i < LANES; i++)
        class[i] = lanes_mul(lanes_floats(keys + (size_t)i * LANES), lanes_all(q[i]));
    for (int d = LANES; d < dk; d += LANES)
        for (int i = 0; i < LANES; i++)
            class[i] = lanes_fma(lanes_floats(keys + (size_t)(d + i) * LANES), lanes_all(q[d + i]), class[i]);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            class[i] = lanes_add(class[i], class[i + half]);
    return class[0];
}

/* The group's values, weighted by their scores, become a part of the row's sums. */
INLINE void add_values(const struct work *work, int row, lanes_f scores, int count, int dv)
{
    float *sums = work->sums + (size_t)row * (size_t)dv, weights[LANES];
    const lanes_f own = lanes_first(count, scores, lanes_all(-INFINITY));
    const float before = work->highest[row], highest = fmaxf(before, largest_of(own));
    const lanes_f shrink = exponential(lanes_all(before - highest));
    const lanes_f weight = lanes_first(count, exponential(lanes_sub(own, lanes_all(highest))), lanes_zero());
    lanes_store(weights, weight);
    float total = 0;
    for (int i = 0; i < count; i++)
        total += weights[i];
    float shrinks[LANES];
    lanes_store(shrinks, shrink);
    const float kept = before == -INFINITY ? 0 : shrinks[0];
    work->highest[row] = highest;
    work->total[row] = work->total[row] * kept + total;
    for (int d = 0; d < dv; d += LANES) {
        lanes_f sum = lanes_mul(lanes_floats(sums + d), lanes_all(kept));
        for (int i = 0; i < count; i++)
            sum = lanes_fma(lanes_floats(work->values + (size_t)i * (size_t)dv + d), lanes_all(weights[i]), sum);
        lanes_store(sums + d, sum);
    }
}

/* --- queries ---------------------------------------------------------------------------------------- */

static const float *query_at(const struct attention *attention, int64_t query, int head)
{
    return (const float *)(attention->q + (size_t)query * attention->q_query + (size_t)head * attention->q_head);
}

static void attend_group(const struct attention *attention, const struct work *work, int64_t first, int queries,
                         int kv_head, int64_t base)
{
    const int group = attention->heads / attention->kv_heads, dk = attention->dk, dv = attention->dv;
    const int32_t *cells = work->lists + (int64_t)(queries - 1) * attention->cells + base;
    const int64_t left = work->counts[queries - 1] - base;
    const int count = left < LANES ? (int)left : LANES;
    const bool is_transposed = queries * group >= ROWS_MIN_TRANSPOSED;
    (is_transposed ? widen_transposed : widen)(attention->k + (size_t)kv_head * attention->k_head, attention->k_cell,
                                               cells, count, dk, work->keys);
    widen(attention->v + (size_t)kv_head * attention->v_head, attention->v_cell, cells, count, dv, work->values);
    for (int query = 0; query < queries; query++) {
        const int64_t rest = work->counts[query] - base;
        const int own = rest < count ? (int)rest : count;
        for (int i = 0; own > 0 && i < group; i++) {
            const float *q = query_at(attention, first + query, kv_head * group + i);
            const lanes_f scores = is_transposed ? scores_down(work->keys, q, dk) : scores_across(work->keys, q, dk);
            add_values(work, query * group + i, lanes_mul(scores, lanes_all(attention->scale)), own, dv);
        }
    }
}

static void finish(const struct attention *attention, const struct work *work, int64_t first, int queries, int kv_head)
{
    const int group = attention->heads / attention->kv_heads, dv = attention->dv;
    for (int row = 0; row < queries * group; row++) {
        const int64_t query = first + row / group, head = kv_head * group + row % group;
        float *out = attention->out + (size_t)(query * attention->heads + head) * (size_t)dv;
        const lanes_f share = lanes_all(work->total[row] > 0 ? 1.0f / work->total[row] : 0);
        for (int d = 0; d < dv; d += LANES)
            lanes_store(out + d, lanes_mul(lanes_floats(work->sums + (size_t)row * (size_t)dv + d), share));
    }
}

static void attend_listed(const struct attention *attention, const struct work *work, int64_t first, int queries,
                          int first_kv_head, int kv_heads)
{
    const int rows = queries * (attention->heads / attention->kv_heads);
    for (int kv_head = first_kv_head; kv_head < first_kv_head + kv_heads; kv_head++) {
        memset(work->sums, 0, (size_t)rows * (size_t)attention->dv * sizeof(float));
        for (int row = 0; row < rows; row++) {
            work->highest[row] = -INFINITY;
            work->total[row] = 0;
        }
        for (int64_t base = 0; base < work->counts[queries - 1]; base += LANES)
            attend_group(attention, work, first, queries, kv_head, base);
        finish(attention, work, first, queries, kv_head);
    }
}

/* Whether each query sees what the last one sees, but for an end. */
static bool is_nested(const struct attention *attention, const struct work *work, int queries)
{
    const int32_t *last = work->lists + (int64_t)(queries - 1) * attention->cells;
    for (int i = 0; i + 1 < queries; i++)
        if (work->counts[i] > work->counts[queries - 1] ||
            memcmp(work->lists + (int64_t)i * attention->cells, last, (size_t)work->counts[i] * sizeof(*last)) != 0)
            return false;
    return true;
}

int KERNELS_PART(attend_queries)(const struct attention *attention)
{
    return attention->queries < QUERIES_MAX ? (int)attention->queries : QUERIES_MAX;
}

void KERNELS_PART(attend)(const struct attention *attention, int64_t first, int count, int first_kv_head, int kv_heads,
                          void *bytes)
{
    struct work work = work_at(attention, bytes);
    assert(count > 0 && count <= QUERIES_MAX);
    for (int i = 0; i < count; i++) {
        const char *mask = attention->mask ? attention->mask + (size_t)(first + i) * attention->mask_query : NULL;
        work.counts[i] =
            list_seen((const uint16_t *)mask, attention->cells, work.lists + (int64_t)i * attention->cells);
    }
    if (is_nested(attention, &work, count)) {
        attend_listed(attention, &work, first, count, first_kv_head, kv_heads);
        return;
    }
    for (int i = 0; i < count; i++) {
        struct work alone = work;
        alone.lists += (int64_t)i * attention->cells;
        alone.counts[0] = work.counts[i];
        attend_listed(attention, &alone, first + i, 1, first_kv_head, kv_heads);
    }
}

#endif
