/* Attention over a cache that many sequences share.
 *
 * **One order of sums.** The result of a query depends on the cells that it sees and on their positions alone: not on
 * where in the cache they lie, on the queries beside it, on how many are worked on together, nor on threads. So the
 * order of every sum is fixed by positions. They are cut into blocks of 64 and spans of 512, both from position 0 on:
 *
 *   score    dk products, one after the other
 *   block    the highest score moves once for its 64 cells; then e^(score - highest) of each is its weight
 *   values   weight times value, cell by cell, on top of what earlier blocks of the span left, which is shrunk if the
 *            highest score has moved
 *   total    of weights: lane by lane, 64 / LANES a block in a tree; lanes are added up at the very end
 *   query    its spans, each begun from nothing, in their order
 *
 * Cells of a block that are not seen have a score of minus infinity, so a weight of zero, and all values are finite
 * (load_values), so they change nothing: a query may be computed beside others that see more of the block, or less.
 * Spans are what threads share out when there are few queries.
 *
 * **Speed.** Keys are transposed when they are widened to floats, a lane for each cell, once for all rows: a row is a
 * query's head of those that share a key head. Then scores are the product of rows by keys and values are the product
 * of weights by values, and both are one kernel: six rows by four (two) vectors of sums that stay in registers over the
 * whole depth, so each operand loaded is used four to six times. The transposition moves pairs of halves and widens
 * them afterwards, half as many shuffles as the other way round; that is cheap enough to do it for a single row. */
#include "attention_cells.h"
#include "attention_lanes.h"

#ifdef KERNELS_NAME

#include <assert.h>
#include <float.h>
#include <math.h>

#define SPAN_BLOCKS 8
#define SPAN (SPAN_BLOCKS * BLOCK)
#define QUERIES_MAX 64
#define ROWS_MAX 192
#define TILE_ROWS 6
#define TILE_VECTORS (LANES == 16 ? 4 : 2)
#define LOG2_E 1.44269504f

/* --- what a thread works with ----------------------------------------------------------------------- */

/* Sums of rows. Rows are query by query, in each the heads that share the key head. */
struct sums {
    float *highest; /* [rows]: score, as a power of two; minus infinity: nothing seen yet */
    float *total;   /* [rows][LANES] */
    float *values;  /* [rows][dv] */
};

struct work {
    float *keys;   /* [dk][BLOCK] */
    float *values; /* [BLOCK][dv] */
    float *scores; /* [TILE_ROWS][BLOCK], then weights */
    float *q;      /* [rows][dk], scaled */
};

struct view {
    int64_t first;
    int queries;
    struct cells cells;
};

static int group_of(const struct attention *attention) { return attention->heads / attention->kv_heads; }

static size_t padded(size_t floats) { return (floats + 15) / 16 * 16; }

static size_t sums_floats(const struct attention *attention, int rows)
{
    return padded(padded((size_t)rows) + (size_t)rows * (LANES + (size_t)attention->dv));
}

static struct sums sums_at(int rows, float *floats)
{
    struct sums sums = {.highest = floats, .total = floats + padded((size_t)rows)};
    sums.values = sums.total + (size_t)rows * LANES;
    return sums;
}

static size_t work_floats(const struct attention *attention, int rows)
{
    return BLOCK * (size_t)(attention->dk + attention->dv) + TILE_ROWS * BLOCK + (size_t)rows * (size_t)attention->dk;
}

static float *aligned(void *bytes) { return (float *)(((uintptr_t)bytes + 63) & ~(uintptr_t)63); }

static struct work work_at(const struct attention *attention, void *bytes)
{
    struct work work = {.keys = aligned(bytes)};
    work.values = work.keys + BLOCK * attention->dk;
    work.scores = work.values + BLOCK * attention->dv;
    work.q = work.scores + TILE_ROWS * BLOCK;
    return work;
}

int KERNELS_PART(attend_queries)(const struct attention *attention)
{
    const int most = ROWS_MAX / group_of(attention);
    const int queries = most < 1 ? 1 : most > QUERIES_MAX ? QUERIES_MAX : most;
    return attention->queries < queries ? (int)attention->queries : queries;
}

/* --- a block's keys and values ---------------------------------------------------------------------- */

/* LANES cells, two dimensions at a time. */
static void load_keys(const char *from, size_t cell_bytes, const int32_t *cells, int dk, float *keys)
{
    for (int d = 0; d < dk; d += 2 * LANES) {
        const int count = dk - d < 2 * LANES ? dk - d : 2 * LANES;
        lanes_f pairs[LANES];
        for (int i = 0; i < LANES; i++)
            pairs[i] =
                cells[i] < 0 ? lanes_zero() : lanes_pairs_of(from + (size_t)cells[i] * cell_bytes + 2 * d, count);
        transpose(pairs);
        for (int i = 0; i < count / 2; i++) {
            lanes_store(keys + (d + 2 * i) * BLOCK, lanes_low_halves(pairs[i]));
            lanes_store(keys + (d + 2 * i + 1) * BLOCK, lanes_high_halves(pairs[i]));
        }
    }
}

/* What is not finite is brought into the range of halves, so that a weight of zero hides it. */
static void load_values(const char *from, size_t cell_bytes, int32_t cell, int dv, float *values)
{
    const uint8_t *halves = (const uint8_t *)from + (size_t)cell * cell_bytes;
    for (int d = 0; d < dv; d += LANES)
        lanes_store(values + d,
                    cell < 0 ? lanes_zero()
                             : lanes_min(lanes_max(lanes_halves(halves + 2 * d), lanes_all(-65504)), lanes_all(65504)));
}

/* Neighbours of a sequence lie a row of all heads apart, which the processor does not foresee. */
static void fetch(const char *from, size_t cell_bytes, const int32_t *cells, int width)
{
    for (int i = 0; i < BLOCK; i++)
        for (int at = 0; cells[i] >= 0 && at < 2 * width; at += 64)
            _mm_prefetch(from + (size_t)cells[i] * cell_bytes + at, _MM_HINT_T1);
}

/* Slots that no cell has get a value of zero, and whatever for a score. */
static void load_block(const struct attention *attention, const int32_t *cells, bool has_next, int kv_head,
                       const struct work *work)
{
    const char *k = attention->k + (size_t)kv_head * attention->k_head;
    const char *v = attention->v + (size_t)kv_head * attention->v_head;
    if (has_next) {
        fetch(k, attention->k_cell, cells + BLOCK, attention->dk);
        fetch(v, attention->v_cell, cells + BLOCK, attention->dv);
    }
    for (int at = 0; at < BLOCK; at += LANES) {
        int32_t all = -1;
        for (int i = 0; i < LANES; i++)
            all &= cells[at + i];
        if (all != -1)
            load_keys(k, attention->k_cell, cells + at, attention->dk, work->keys + at);
    }
    for (int i = 0; i < BLOCK; i++)
        load_values(v, attention->v_cell, cells[i], attention->dv, work->values + (size_t)i * (size_t)attention->dv);
}

/* --- products --------------------------------------------------------------------------------------- */

/* c[row][i] = kept[row] * c[row][i], or 0 without `kept`; then for each depth plus a[row][depth] * b[depth][i]. */
struct product {
    const float *a, *b, *kept;
    float *c;
    size_t a_row, b_row, c_row;
    int depth;
};

INLINE void multiply_tile(const struct product *p, const int rows, const int vectors, int column)
{
    lanes_f sums[TILE_ROWS][TILE_VECTORS];
    UNROLL(6)
    for (int row = 0; row < rows; row++)
        UNROLL(4)
    for (int i = 0; i < vectors; i++)
        sums[row][i] = p->kept ? lanes_mul(lanes_floats(p->c + (size_t)row * p->c_row + column + i * LANES),
                                           lanes_all(p->kept[row]))
                               : lanes_zero();
    const float *b = p->b + column;
    for (int depth = 0; depth < p->depth; depth++, b += p->b_row) {
        lanes_f right[TILE_VECTORS];
        UNROLL(4)
        for (int i = 0; i < vectors; i++)
            right[i] = lanes_floats(b + i * LANES);
        UNROLL(6)
        for (int row = 0; row < rows; row++) {
            const lanes_f left = lanes_all(p->a[(size_t)row * p->a_row + (size_t)depth]);
            UNROLL(4)
            for (int i = 0; i < vectors; i++)
                sums[row][i] = lanes_fma(left, right[i], sums[row][i]);
        }
    }
    UNROLL(6)
    for (int row = 0; row < rows; row++)
        UNROLL(4)
    for (int i = 0; i < vectors; i++)
        lanes_store(p->c + (size_t)row * p->c_row + column + i * LANES, sums[row][i]);
}

INLINE void multiply_rows(const struct product *p, const int rows, int columns)
{
    int column = 0;
    for (; column + TILE_VECTORS * LANES <= columns; column += TILE_VECTORS * LANES)
        multiply_tile(p, rows, TILE_VECTORS, column);
    for (; column < columns; column += LANES)
        multiply_tile(p, rows, 1, column);
}

static void multiply(const struct product *p, int rows, int columns)
{
    switch (rows) {
    case 1:
        multiply_rows(p, 1, columns);
        break;
    case 2:
        multiply_rows(p, 2, columns);
        break;
    case 3:
        multiply_rows(p, 3, columns);
        break;
    case 4:
        multiply_rows(p, 4, columns);
        break;
    case 5:
        multiply_rows(p, 5, columns);
        break;
    default:
        multiply_rows(p, 6, columns);
        break;
    }
}

/* --- scores and weights ----------------------------------------------------------------------------- */

/* x * tanh(score / x) for scores that were divided by x. */
INLINE lanes_f capped(lanes_f score, float cap)
{
    const lanes_f size = lanes_max(lanes_sub(lanes_zero(), score), score), one = lanes_all(1.0f);
    const lanes_f e = exponential(lanes_mul(size, lanes_all(-2.0f * LOG2_E)));
    const lanes_f tanh_of_size = lanes_div(lanes_sub(one, e), lanes_add(one, e));
    return lanes_mul(lanes_all(cap * LOG2_E), lanes_with_sign(tanh_of_size, score));
}

/* How steeply scores of this head fall with the distance (ALiBi), or a mask's values count. */
static float slope_of(const struct attention *attention, int head)
{
    if (attention->max_bias <= 0)
        return 1;
    int whole = 1;
    while (whole * 2 <= attention->heads)
        whole *= 2;
    return head < whole ? powf(2, -attention->max_bias / (float)whole * (float)(head + 1))
                        : powf(2, -attention->max_bias / 2 / (float)whole * (float)(2 * (head - whole) + 1));
}

static void add_bias(const struct attention *attention, int64_t query, int head, const int32_t *cells, uint64_t seen,
                     float *scores)
{
    const float slope = slope_of(attention, head) * LOG2_E;
    const uint16_t *mask = (const uint16_t *)(attention->mask + (size_t)query * attention->mask_query);
    for (; seen != 0; seen &= seen - 1) {
        const int slot = __builtin_ctzll(seen);
        scores[slot] += slope * half_of(mask[cells[slot]]);
    }
}

/* Scores of a row become weights, its total grows; returns what is kept of earlier sums. */
INLINE float weigh(uint64_t seen, float *scores, float *highest, float *total)
{
    lanes_f score[BLOCK / LANES];
    for (int i = 0; i < BLOCK / LANES; i++)
        score[i] = lanes_floats(scores + i * LANES);
    if (seen != ~(uint64_t)0)
        for (int i = 0; i < BLOCK / LANES; i++)
            score[i] = lanes_where((uint32_t)(seen >> i * LANES) & LANES_ALL, score[i], lanes_all(-INFINITY));
    lanes_f most = score[0];
    for (int i = 1; i < BLOCK / LANES; i++)
        most = lanes_max(most, score[i]);
    float kept = 1;
    if (lanes_any_above(most, lanes_all(*highest))) {
        float each[LANES];
        const float before = *highest;
        *highest = lanes_largest(most);
        lanes_store(each, exponential(lanes_all(before - *highest)));
        kept = each[0];
    }
    const lanes_f above = lanes_all(*highest > -FLT_MAX ? *highest : -FLT_MAX);
    lanes_f sum[BLOCK / LANES];
    for (int i = 0; i < BLOCK / LANES; i++) {
        sum[i] = exponential(lanes_sub(score[i], above));
        lanes_store(scores + i * LANES, sum[i]);
    }
    for (int half = BLOCK / LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            sum[i] = lanes_add(sum[i], sum[i + half]);
    lanes_store(total, lanes_fma(lanes_floats(total), lanes_all(kept), sum[0]));
    return kept;
}

/* --- a tile of rows meets a block ------------------------------------------------------------------- */

static uint64_t seen_by(const struct attention *attention, const struct view *view, int64_t block, int row)
{
    return view->cells.seen[block * view->cells.queries + row / group_of(attention)];
}

static void weigh_row(const struct attention *attention, const struct view *view, int64_t block, int kv_head, int row,
                      float *scores)
{
    if (attention->softcap != 0)
        for (int i = 0; i < BLOCK; i += LANES)
            lanes_store(scores + i, capped(lanes_floats(scores + i), attention->softcap));
    if (view->cells.is_biased) {
        const int group = group_of(attention);
        add_bias(attention, view->first + row / group, kv_head * group + row % group, view->cells.cell + block * BLOCK,
                 seen_by(attention, view, block, row), scores);
    }
}

static void attend_tile(const struct attention *attention, const struct view *view, const struct work *work,
                        const struct sums *sums, int64_t block, int kv_head, int first, int rows)
{
    const size_t dk = (size_t)attention->dk, dv = (size_t)attention->dv;
    const bool is_plain = attention->softcap == 0 && !view->cells.is_biased;
    uint64_t any = 0;
    for (int row = 0; row < rows; row++)
        any |= seen_by(attention, view, block, first + row);
    if (any == 0)
        return;
    const struct product scores = {.a = work->q + (size_t)first * dk,
                                   .a_row = dk,
                                   .b = work->keys,
                                   .b_row = BLOCK,
                                   .c = work->scores,
                                   .c_row = BLOCK,
                                   .depth = (int)dk};
    multiply(&scores, rows, BLOCK);
    float kept[TILE_ROWS];
    for (int i = 0; i < rows; i++) {
        const int row = first + i;
        const uint64_t seen = seen_by(attention, view, block, row);
        float *own = work->scores + i * BLOCK;
        if (!is_plain)
            weigh_row(attention, view, block, kv_head, row, own);
        if (seen != 0) {
            kept[i] = weigh(seen, own, &sums->highest[row], sums->total + (size_t)row * LANES);
        } else {
            kept[i] = 1;
            memset(own, 0, BLOCK * sizeof(*own));
        }
    }
    const struct product values = {.a = work->scores,
                                   .a_row = BLOCK,
                                   .b = work->values,
                                   .b_row = dv,
                                   .kept = kept,
                                   .c = sums->values + (size_t)first * dv,
                                   .c_row = dv,
                                   .depth = BLOCK - __builtin_clzll(any)};
    multiply(&values, rows, (int)dv);
}

/* --- spans of a view -------------------------------------------------------------------------------- */

static void clear(const struct attention *attention, const struct sums *sums, int rows)
{
    for (int row = 0; row < rows; row++)
        sums->highest[row] = -INFINITY;
    memset(sums->total, 0, (size_t)rows * (LANES + (size_t)attention->dv) * sizeof(float));
}

static void load_queries(const struct attention *attention, const struct view *view, int kv_head, float *q)
{
    const int group = group_of(attention), dk = attention->dk;
    const lanes_f scale =
        lanes_all(attention->softcap != 0 ? attention->scale / attention->softcap : attention->scale * LOG2_E);
    for (int row = 0; row < view->queries * group; row++) {
        const int64_t query = view->first + row / group, head = kv_head * group + row % group;
        const float *from =
            (const float *)(attention->q + (size_t)query * attention->q_query + (size_t)head * attention->q_head);
        for (int d = 0; d < dk; d += LANES)
            lanes_store(q + (size_t)row * (size_t)dk + d, lanes_mul(lanes_floats(from + d), scale));
    }
}

/* work->q is loaded. */
static void attend_span(const struct attention *attention, const struct view *view, const struct work *work, int span,
                        int kv_head, const struct sums *sums)
{
    const struct cells *cells = &view->cells;
    const int rows = view->queries * group_of(attention);
    const int64_t begin = (cells->first / SPAN + span) * SPAN_BLOCKS - cells->first / BLOCK;
    clear(attention, sums, rows);
    for (int64_t block = begin < 0 ? 0 : begin; block < begin + SPAN_BLOCKS && block < cells->slots / BLOCK; block++) {
        uint64_t any = 0;
        for (int query = 0; query < view->queries; query++)
            any |= cells->seen[block * cells->queries + query];
        if (any == 0)
            continue;
        load_block(attention, cells->cell + block * BLOCK, block + 1 < cells->slots / BLOCK, kv_head, work);
        for (int row = 0; row < rows; row += TILE_ROWS)
            attend_tile(attention, view, work, sums, block, kv_head, row,
                        rows - row < TILE_ROWS ? rows - row : TILE_ROWS);
    }
}

/* Also false for sums that are no numbers. */
static bool is_nothing(const struct sums *sums, int row)
{
    const float *total = sums->total + (size_t)row * LANES;
    for (int i = 0; i < LANES; i++)
        if (sums->highest[row] != -INFINITY || total[i] != 0)
            return false;
    return true;
}

static void add_part(const struct attention *attention, const struct sums *whole, const struct sums *part, int rows)
{
    const int dv = attention->dv;
    for (int row = 0; row < rows; row++) {
        if (is_nothing(part, row))
            continue;
        const bool begins = is_nothing(whole, row);
        const float a = whole->highest[row], b = part->highest[row], highest = a > b ? a : b;
        const lanes_f keep = begins ? lanes_zero() : exponential(lanes_all(a - highest));
        const lanes_f take = begins ? lanes_all(1) : exponential(lanes_all(b - highest));
        whole->highest[row] = highest;
        float *to = whole->total + (size_t)row * LANES;
        lanes_store(
            to, lanes_fma(lanes_floats(part->total + (size_t)row * LANES), take, lanes_mul(lanes_floats(to), keep)));
        to = whole->values + (size_t)row * (size_t)dv;
        for (int d = 0; d < dv; d += LANES)
            lanes_store(to + d, lanes_fma(lanes_floats(part->values + (size_t)row * (size_t)dv + d), take,
                                          lanes_mul(lanes_floats(to + d), keep)));
    }
}

/* What remains of a row's sums beside its head's sink: a score without a value. */
static float share_of(const struct attention *attention, const struct sums *sums, int row, int head)
{
    float total = 0, each[LANES];
    for (int i = 0; i < LANES; i++)
        total += sums->total[(size_t)row * LANES + (size_t)i];
    if (!attention->sinks || is_nothing(sums, row))
        return total == 0 ? 0 : 1 / total;
    const float sink = attention->sinks[head] * LOG2_E, highest = fmaxf(sink, sums->highest[row]);
    lanes_store(each, exponential(lanes_all(sums->highest[row] - highest)));
    const float kept = each[0];
    lanes_store(each, exponential(lanes_all(sink - highest)));
    return kept / (total * kept + each[0]);
}

static void finish(const struct attention *attention, const struct view *view, int kv_head, const struct sums *sums)
{
    const int group = group_of(attention), dv = attention->dv;
    for (int row = 0; row < view->queries * group; row++) {
        const int head = kv_head * group + row % group;
        float *out = attention->out + (size_t)((view->first + row / group) * attention->heads + head) * (size_t)dv;
        const lanes_f share = lanes_all(share_of(attention, sums, row, head));
        for (int d = 0; d < dv; d += LANES)
            lanes_store(out + d, lanes_mul(lanes_floats(sums->values + (size_t)row * (size_t)dv + d), share));
    }
}

/* --- what threads share: views and parts ------------------------------------------------------------ */

size_t KERNELS_PART(view_bytes)(const struct attention *attention, int queries)
{
    return 64 + (sizeof(struct view) + 63) / 64 * 64 + KERNELS_PART(cells_bytes)(attention, queries);
}

static struct view *view_at(void *bytes) { return (struct view *)aligned(bytes); }

int KERNELS_PART(see)(const struct attention *attention, int64_t first, int count, void *bytes)
{
    struct view *view = view_at(bytes);
    view->first = first;
    view->cells = KERNELS_PART(cells_at)(attention, count, (char *)view + (sizeof(*view) + 63) / 64 * 64);
    view->queries = KERNELS_PART(cells_see)(attention, first, count, &view->cells);
    return view->queries;
}

int KERNELS_PART(spans)(void *bytes)
{
    const struct cells *cells = &view_at(bytes)->cells;
    return cells->slots == 0 ? 1 : (int)((cells->first + cells->slots - 1) / SPAN - cells->first / SPAN) + 1;
}

int KERNELS_PART(spans_max)(const struct attention *attention)
{
    return (int)((attention->cells + 3 * BLOCK) / SPAN) + 2;
}

size_t KERNELS_PART(part_floats)(const struct attention *attention, int queries)
{
    return sums_floats(attention, queries * group_of(attention));
}

void KERNELS_PART(attend_span)(const struct attention *attention, void *bytes, int span, int kv_head, void *own,
                               float *part)
{
    const struct view *view = view_at(bytes);
    const struct work work = work_at(attention, own);
    const struct sums sums = sums_at(view->queries * group_of(attention), part);
    load_queries(attention, view, kv_head, work.q);
    attend_span(attention, view, &work, span, kv_head, &sums);
}

void KERNELS_PART(join)(const struct attention *attention, void *bytes, int kv_head, float *parts)
{
    const struct view *view = view_at(bytes);
    const int rows = view->queries * group_of(attention), spans = KERNELS_PART(spans)(bytes);
    const struct sums whole = sums_at(rows, parts);
    for (int span = 1; span < spans; span++) {
        const struct sums part = sums_at(rows, parts + (size_t)span * sums_floats(attention, rows));
        add_part(attention, &whole, &part, rows);
    }
    finish(attention, view, kv_head, &whole);
}

/* --- queries by themselves -------------------------------------------------------------------------- */

size_t KERNELS_PART(attend_bytes)(const struct attention *attention, int queries)
{
    const int rows = queries * group_of(attention);
    return 128 + sizeof(float) * (padded(work_floats(attention, rows)) + 2 * padded(sums_floats(attention, rows))) +
           KERNELS_PART(view_bytes)(attention, queries);
}

static void attend_view(const struct attention *attention, const struct view *view, const struct work *work,
                        int kv_head, float *floats)
{
    const int rows = view->queries * group_of(attention), spans = KERNELS_PART(spans)((void *)view);
    const struct sums whole = sums_at(rows, floats);
    const struct sums part = sums_at(rows, floats + padded(sums_floats(attention, rows)));
    load_queries(attention, view, kv_head, work->q);
    attend_span(attention, view, work, 0, kv_head, &whole);
    for (int span = 1; span < spans; span++) {
        attend_span(attention, view, work, span, kv_head, &part);
        add_part(attention, &whole, &part, rows);
    }
    finish(attention, view, kv_head, &whole);
}

void KERNELS_PART(attend)(const struct attention *attention, int64_t first, int count, int first_kv_head, int kv_heads,
                          void *bytes)
{
    const struct work work = work_at(attention, bytes);
    const int rows = count * group_of(attention);
    float *sums = work.keys + padded(work_floats(attention, rows));
    void *view = sums + 2 * padded(sums_floats(attention, rows));
    for (int done = 0; done < count;) {
        const int queries = KERNELS_PART(see)(attention, first + done, count - done, view);
        for (int kv_head = first_kv_head; kv_head < first_kv_head + kv_heads; kv_head++)
            attend_view(attention, view_at(view), &work, kv_head, sums);
        done += queries;
    }
}

#endif
