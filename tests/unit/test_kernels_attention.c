/* Attention's kernels beside plain C, for every set of instructions that this processor has: right for shapes that
 * models have, and the same bits however queries are grouped, cells lie and work is shared out. */
#include <ggml.h>
#include <math.h>

#include "support.h"

#include "core/mem.h"
#include "kernels/kernels.h"

#if defined(__x86_64__)

#include "kernels_fixture.h"

#define HALF_MASKED 0xfc00

struct scene {
    struct attention attention;
    float *q, *sinks;
    ggml_fp16_t *k, *v;
    uint16_t *mask;
    int32_t *positions;
};

struct shape {
    int dk, dv, heads, kv_heads;
};

/* Nothing is seen yet; positions are the cells' numbers. */
static struct scene scene_new(struct shape shape, int64_t queries, int64_t cells)
{
    struct scene s = {0};
    const size_t q_count = (size_t)(queries * shape.heads * shape.dk);
    const size_t k_count = (size_t)(cells * shape.kv_heads * shape.dk);
    const size_t v_count = (size_t)(cells * shape.kv_heads * shape.dv);
    s.q = mem_must_alloc(sizeof(float) * q_count);
    s.sinks = mem_must_alloc(sizeof(float) * (size_t)shape.heads);
    s.k = mem_must_alloc(2 * k_count);
    s.v = mem_must_alloc(2 * v_count);
    s.mask = mem_must_alloc(2 * (size_t)(queries * cells));
    s.positions = mem_must_alloc(sizeof(int32_t) * (size_t)cells);
    for (size_t i = 0; i < q_count; i++)
        s.q[i] = draw_float() * 3;
    for (int i = 0; i < shape.heads; i++)
        s.sinks[i] = draw_float() * 4;
    for (size_t i = 0; i < k_count; i++)
        s.k[i] = ggml_fp32_to_fp16(draw_float() * 3);
    for (size_t i = 0; i < v_count; i++)
        s.v[i] = ggml_fp32_to_fp16(draw_float());
    for (int64_t i = 0; i < queries * cells; i++)
        s.mask[i] = HALF_MASKED;
    for (int64_t i = 0; i < cells; i++)
        s.positions[i] = (int32_t)i;
    s.attention = (struct attention){
        .q = (const char *)s.q,
        .k = (const char *)s.k,
        .v = (const char *)s.v,
        .mask = (const char *)s.mask,
        .positions = s.positions,
        .q_query = sizeof(float) * (size_t)(shape.heads * shape.dk),
        .q_head = sizeof(float) * (size_t)shape.dk,
        .k_cell = 2 * (size_t)(shape.kv_heads * shape.dk),
        .k_head = 2 * (size_t)shape.dk,
        .v_cell = 2 * (size_t)(shape.kv_heads * shape.dv),
        .v_head = 2 * (size_t)shape.dv,
        .mask_query = 2 * (size_t)cells,
        .dk = shape.dk,
        .dv = shape.dv,
        .heads = shape.heads,
        .kv_heads = shape.kv_heads,
        .queries = queries,
        .cells = cells,
        .scale = 1.0f / sqrtf((float)shape.dk),
    };
    return s;
}

static void scene_free(struct scene *s)
{
    mem_free(s->q);
    mem_free(s->sinks);
    mem_free(s->k);
    mem_free(s->v);
    mem_free(s->mask);
    mem_free(s->positions);
}

static size_t out_bytes(const struct scene *s)
{
    return sizeof(float) * (size_t)(s->attention.queries * s->attention.heads * s->attention.dv);
}

/* [queries][heads][dv], mem_free it. At most `together` queries and `kv_heads` heads of keys at a time. */
static float *attend_all(const struct kernels *kernels, const struct scene *s, int together, int kv_heads)
{
    struct attention attention = s->attention;
    const int most = kernels->attend_queries(&attention);
    float *out = mem_must_alloc(out_bytes(s));
    void *work = mem_must_alloc(kernels->attend_bytes(&attention, most));
    memset(out, 0xff, out_bytes(s));
    attention.out = out;
    together = together < most ? together : most;
    for (int64_t first = 0; first < attention.queries; first += together)
        for (int head = 0; head < attention.kv_heads; head += kv_heads)
            kernels->attend(&attention, first,
                            (int)(attention.queries - first < together ? attention.queries - first : together), head,
                            attention.kv_heads - head < kv_heads ? attention.kv_heads - head : kv_heads, work);
    mem_free(work);
    return out;
}

/* The same by way of views, parts in an order of their own. */
static float *attend_parts(const struct kernels *kernels, const struct scene *s)
{
    struct attention attention = s->attention;
    const int most = kernels->attend_queries(&attention);
    float *out = mem_must_alloc(out_bytes(s));
    void *work = mem_must_alloc(kernels->attend_bytes(&attention, most));
    void *view = mem_must_alloc(kernels->view_bytes(&attention, most));
    attention.out = out;
    for (int64_t first = 0; first < attention.queries;) {
        const int64_t left = attention.queries - first;
        const int queries = kernels->see(&attention, first, (int)(left < most ? left : most), view);
        const int spans = kernels->spans(view);
        const size_t floats = kernels->part_floats(&attention, queries);
        float *parts = mem_must_alloc(sizeof(float) * floats * (size_t)spans);
        assert_true(queries >= 1 && spans >= 1 && spans <= kernels->spans_max(&attention));
        for (int head = 0; head < attention.kv_heads; head++) {
            for (int span = spans; span-- > 0;)
                kernels->attend_span(&attention, view, span, head, work, parts + (size_t)span * floats);
            kernels->join(&attention, view, head, parts);
        }
        mem_free(parts);
        first += queries;
    }
    mem_free(work);
    mem_free(view);
    return out;
}

/* --- plain C ---------------------------------------------------------------------------------------- */

static double slope_of(const struct attention *a, int head)
{
    const int whole = 1 << (int)floor(log2(a->heads));
    if (a->max_bias <= 0)
        return 1;
    return head < whole ? pow(pow(2, -(double)a->max_bias / whole), head + 1)
                        : pow(pow(2, -(double)a->max_bias / 2 / whole), 2 * (head - whole) + 1);
}

static double score_of(const struct scene *s, int64_t query, int head, int64_t cell)
{
    const struct attention *a = &s->attention;
    const ggml_fp16_t *k = s->k + (cell * a->kv_heads + head / (a->heads / a->kv_heads)) * a->dk;
    double sum = 0;
    if (s->mask[query * a->cells + cell] == HALF_MASKED)
        return -INFINITY;
    for (int d = 0; d < a->dk; d++)
        sum += (double)s->q[(query * a->heads + head) * a->dk + d] * ggml_fp16_to_fp32(k[d]);
    sum *= a->scale;
    if (a->softcap != 0)
        sum = a->softcap * tanh(sum / a->softcap);
    return sum + slope_of(a, head) * ggml_fp16_to_fp32(s->mask[query * a->cells + cell]);
}

static void check_row(const struct scene *s, int64_t query, int head, double *weight, const float *got)
{
    const struct attention *a = &s->attention;
    double highest = -INFINITY, total = 0;
    for (int64_t cell = 0; cell < a->cells; cell++) {
        weight[cell] = score_of(s, query, head, cell);
        highest = fmax(highest, weight[cell]);
    }
    for (int64_t cell = 0; cell < a->cells; cell++)
        total += weight[cell] = highest == -INFINITY ? 0 : exp(weight[cell] - highest);
    if (a->sinks != NULL && total > 0)
        total += exp(a->sinks[head] - highest);
    for (int d = 0; d < a->dv; d++) {
        double value = 0;
        for (int64_t cell = 0; cell < a->cells; cell++)
            value += weight[cell] *
                     ggml_fp16_to_fp32(s->v[(cell * a->kv_heads + head / (a->heads / a->kv_heads)) * a->dv + d]);
        value = total > 0 ? value / total : 0;
        if (!(fabs((double)got[d] - value) < 2e-5))
            fail_msg("dk %d query %lld head %d: %g, not %g", a->dk, (long long)query, head, (double)got[d], value);
    }
}

static void check_attention(const struct scene *s, const float *out)
{
    const struct attention *a = &s->attention;
    double *weight = mem_must_alloc(sizeof(double) * (size_t)a->cells);
    for (int64_t query = 0; query < a->queries; query++)
        for (int head = 0; head < a->heads; head++)
            check_row(s, query, head, weight, out + (query * a->heads + head) * a->dv);
    mem_free(weight);
}

/* --- scenes ----------------------------------------------------------------------------------------- */

/* The queries continue sequences of some length, each of which has the cells that `take` gives it. Sequences share no
 * cells; a query sees its sequence up to itself, or the last `window` of that. */
static void draw_sequences(struct scene *s, int64_t per_sequence, int64_t window)
{
    const int64_t cells = s->attention.cells, sequences = (s->attention.queries + per_sequence - 1) / per_sequence;
    int32_t *place = mem_must_alloc(sizeof(int32_t) * (size_t)cells);
    for (int64_t i = 0; i < cells; i++)
        place[i] = (int32_t)i;
    for (int64_t i = 0; i + 1 < cells; i++) { /* runs of neighbours, now and then one that lies anywhere */
        const int64_t other = draw() % 4 == 0 ? i + draw() % (uint32_t)(cells - i) : i;
        const int32_t swap = place[i];
        place[i] = place[other];
        place[other] = swap;
    }
    for (int64_t sequence = 0; sequence < sequences; sequence++) {
        const int64_t begin = sequence * cells / sequences, length = (sequence + 1) * cells / sequences - begin;
        const int64_t first = sequence * per_sequence;
        const int64_t queries =
            s->attention.queries - first < per_sequence ? s->attention.queries - first : per_sequence;
        for (int64_t position = 0; position < length; position++) {
            const int32_t cell = place[begin + position];
            s->positions[cell] = (int32_t)position;
            for (int64_t query = 0; query < queries; query++) {
                const int64_t own = length - queries + query;
                s->mask[(first + query) * cells + cell] =
                    position <= own && position > own - window ? 0 : HALF_MASKED;
            }
        }
    }
    mem_free(place);
}

static void check_ways(const struct kernels *kernels, const struct scene *s)
{
    float *together = attend_all(kernels, s, 64, s->attention.kv_heads);
    float *alone = attend_all(kernels, s, 1, 1), *some = attend_all(kernels, s, 7, 2);
    float *parts = attend_parts(kernels, s);
    check_attention(s, together);
    assert_memory_equal(together, alone, out_bytes(s));
    assert_memory_equal(together, some, out_bytes(s));
    assert_memory_equal(together, parts, out_bytes(s));
    mem_free(together);
    mem_free(alone);
    mem_free(some);
    mem_free(parts);
}

static const struct shape shapes[] = {{64, 64, 9, 3},  {128, 128, 4, 4}, {16, 32, 8, 1},    {80, 80, 2, 1},
                                      {64, 64, 1, 1},  {96, 96, 6, 2},   {256, 256, 4, 1},  {48, 16, 5, 5},
                                      {192, 128, 2, 2}, {112, 112, 4, 2}, {576, 512, 16, 1}};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static void attention_is_right_and_depends_on_no_other_query(void **state)
{
    const struct kernels *sets[3];
    const size_t count = sets_here(sets);
    (void)state;
    seed = 4;
    if (count == 0)
        skip();
    for (size_t set = 0; set < count; set++)
        for (size_t i = 0; i < 3 * SHAPES; i++) {
            const int64_t queries = 1 + draw() % 40, cells = queries + draw() % (i % 3 == 0 ? 1500 : 200);
            struct scene s = scene_new(shapes[i % SHAPES], queries, cells);
            draw_sequences(&s, 1 + draw() % (uint32_t)queries, draw() % 2 == 0 ? INT64_MAX / 2 : 1 + draw() % 100);
            check_ways(sets[set], &s);
            scene_free(&s);
        }
}

/* What some models add: a cap of scores, sinks, scores that fall with the distance, and more than one of them. */
static void what_models_add_is_right(void **state)
{
    const struct kernels *sets[3];
    const size_t count = sets_here(sets);
    (void)state;
    seed = 5;
    for (size_t set = 0; set < count; set++)
        for (unsigned what = 1; what < 8; what++) {
            struct scene s = scene_new((struct shape){64, 64, 12, 4}, 5, 700);
            draw_sequences(&s, 3, INT64_MAX / 2);
            s.attention.softcap = what & 1 ? 5.0f : 0;
            s.attention.sinks = what & 2 ? s.sinks : NULL;
            s.attention.max_bias = what & 4 ? 8.0f : 0;
            for (int64_t i = 0; what & 4 && i < 5 * 700; i++)
                if (s.mask[i] != HALF_MASKED)
                    s.mask[i] = ggml_fp32_to_fp16(-(float)(draw() % 50));
            check_ways(sets[set], &s);
            scene_free(&s);
        }
}

/* One sequence in the cache's first cells, and the same in another cache: elsewhere, in any order, others between. */
static void attention_depends_on_no_place_in_the_cache(void **state)
{
    const struct shape shape = {64, 64, 6, 2};
    const struct kernels *sets[3];
    const size_t count = sets_here(sets), row = 2 * 64;
    (void)state;
    seed = 6;
    for (size_t set = 0; set < count; set++) {
        struct scene close = scene_new(shape, 3, 700), wide = scene_new(shape, 3, 4000);
        memcpy(wide.q, close.q, sizeof(float) * 3 * 6 * 64);
        for (size_t i = 0; i < 700; i++) {
            const size_t cell = i * 2999 % 4000; /* no common divisor */
            wide.positions[cell] = close.positions[i] = (int32_t)i;
            for (size_t query = 0; query < 3; query++)
                if (i + 2 - query < 700)
                    close.mask[query * 700 + i] = wide.mask[query * 4000 + cell] = 0;
            memcpy(wide.k + cell * row, close.k + i * row, 2 * row);
            memcpy(wide.v + cell * row, close.v + i * row, 2 * row);
        }
        float *a = attend_all(sets[set], &close, 64, 2), *b = attend_all(sets[set], &wide, 64, 2);
        assert_memory_equal(a, b, out_bytes(&close));
        mem_free(a);
        mem_free(b);
        scene_free(&close);
        scene_free(&wide);
    }
}

/* Positions that are equal, or further apart than there are cells; and none at all, without a mask. */
static void positions_may_be_anything(void **state)
{
    const struct kernels *sets[3];
    const size_t count = sets_here(sets);
    (void)state;
    seed = 7;
    for (size_t set = 0; set < count; set++)
        for (int kind = 0; kind < 4; kind++) {
            struct scene s = scene_new((struct shape){64, 64, 4, 2}, 9, 333);
            draw_sequences(&s, 9, INT64_MAX / 2);
            for (int64_t cell = 0; cell < 333; cell++)
                s.positions[cell] = kind == 0   ? s.positions[cell] / 5
                                    : kind == 1 ? s.positions[cell] * 6000000
                                    : kind == 2 ? (int32_t)draw()
                                                : s.positions[cell] + 2147483000;
            check_ways(sets[set], &s);
            s.attention.positions = NULL;
            check_ways(sets[set], &s);
            memset(s.mask, 0, 2 * 9 * 333);
            s.attention.mask = NULL;
            check_ways(sets[set], &s);
            scene_free(&s);
        }
}

/* --- extremes --------------------------------------------------------------------------------------- */

static void nothing_seen_is_zero_and_one_cell_its_value(void **state)
{
    const struct kernels *sets[3];
    const size_t count = sets_here(sets);
    (void)state;
    seed = 8;
    for (size_t set = 0; set < count; set++) {
        struct scene s = scene_new((struct shape){64, 64, 4, 2}, 4, 300);
        s.mask[1 * 300 + 299] = 0;
        s.mask[3 * 300 + 64] = 0;
        check_ways(sets[set], &s);
        float *out = attend_all(sets[set], &s, 4, 2);
        for (int d = 0; d < 64; d++) {
            assert_true(out[d] == 0 && out[2 * 256 + d] == 0);
            assert_true(out[256 + d] == ggml_fp16_to_fp32(s.v[299 * 128 + d]));
        }
        mem_free(out);
        scene_free(&s);
    }
}

/* Scores so far apart that one cell takes all, so low that none may count, and beyond what floats hold. */
static void scores_may_be_huge(void **state)
{
    static const float sizes[] = {1e3f, -1e3f, 1e30f, 3e38f};
    const struct kernels *sets[3];
    const size_t count = sets_here(sets);
    (void)state;
    seed = 9;
    for (size_t set = 0; set < count; set++)
        for (size_t size = 0; size < 4; size++) {
            struct scene s = scene_new((struct shape){64, 64, 2, 1}, 3, 150);
            draw_sequences(&s, 3, INT64_MAX / 2);
            for (size_t i = 0; i < 3 * 2 * 64; i++)
                s.q[i] *= sizes[size];
            if (size < 2)
                check_ways(sets[set], &s);
            float *out = attend_all(sets[set], &s, 3, 1), *alone = attend_all(sets[set], &s, 1, 1);
            assert_memory_equal(out, alone, out_bytes(&s));
            mem_free(out);
            mem_free(alone);
            scene_free(&s);
        }
}

/* What is no number stays where it came from: with its query, or with those that see its cell. */
static void what_is_no_number_stays_where_it_is(void **state)
{
    const struct kernels *sets[3];
    const size_t count = sets_here(sets);
    (void)state;
    seed = 10;
    for (size_t set = 0; set < count; set++)
        for (int kind = 0; kind < 2; kind++) {
            struct scene s = scene_new((struct shape){64, 64, 4, 2}, 8, 600);
            draw_sequences(&s, 8, INT64_MAX / 2);
            float *before = attend_all(sets[set], &s, 8, 2);
            for (int64_t cell = 0; cell < 600; cell++)
                for (int d = 0; d < 128 && s.positions[cell] == 599; d++) /* only the last query sees it */
                    s.k[cell * 128 + d] = s.v[cell * 128 + d] = kind == 0 ? 0x7e00 : 0x7c00;
            for (int d = 0; d < 4 * 64; d++)
                s.q[7 * 256 + d] = NAN;
            float *after = attend_all(sets[set], &s, 8, 2);
            assert_memory_equal(before, after, sizeof(float) * 7 * 256);
            assert_true(isnan(after[7 * 256]));
            mem_free(before);
            mem_free(after);
            scene_free(&s);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_is_right_and_depends_on_no_other_query),
        cmocka_unit_test(what_models_add_is_right),
        cmocka_unit_test(attention_depends_on_no_place_in_the_cache),
        cmocka_unit_test(positions_may_be_anything),
        cmocka_unit_test(nothing_seen_is_zero_and_one_cell_its_value),
        cmocka_unit_test(scores_may_be_huge),
        cmocka_unit_test(what_is_no_number_stays_where_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void) { return 0; }

#endif
