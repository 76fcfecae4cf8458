/* Quantised weights times columns of bytes.
 *
 * Within a run of 16 or 32 weights, which share a scale, sums are whole numbers, so their order is free; runs and
 * blocks are added as floats from K = 0 on, with the same fused multiplications in every variant. That is why a
 * column's result does not depend on what is worked on beside it. */
#include "columns.h"
#include "product.h"

#ifdef KERNELS_NAME

/* With eight lanes, whose sixteen registers hold no more, half a tile at a time. */
#if LANES == 16
#define STRIPS 2
#else
#define STRIPS 1
#endif

INLINE lanes_b words_at(struct strip strip, int offset) { return lanes_load(strip.tile + offset + 4 * strip.lane); }

INLINE lanes_f halves_at(struct strip strip, int offset) { return lanes_halves(strip.tile + offset + 2 * strip.lane); }

INLINE lanes_b fifth_at(struct strip strip, int offset) { return lanes_fifth(strip.tile + offset + strip.lane / 2); }

/* A strip at block b. */
INLINE struct strip strip_at(const struct place *at, int strip, size_t tile_block, int64_t b)
{
    return (struct strip){at->strips[strip].tile + (size_t)b * tile_block,
                          LANES == KERNEL_TILE_ROWS ? 0 : at->strips[strip].lane};
}

INLINE void totals_begin(const struct place *at, int columns, lanes_f total[STRIPS][COLUMNS_MAX])
{
    for (int t = 0; t < STRIPS; t++)
        for (int c = 0; c < columns; c++)
            total[t][c] = at->continues ? lanes_floats(at->out[c] + at->row + LANES * t) : lanes_zero();
}

INLINE void totals_end(const struct place *at, int columns, lanes_f total[STRIPS][COLUMNS_MAX])
{
    for (int t = 0; t < STRIPS; t++)
        for (int c = 0; c < columns; c++)
            lanes_store(at->out[c] + at->row + LANES * t, total[t][c]);
}

/* Where group `group` of block b's unpacked weights lies, four of each row. */
INLINE size_t plain_group(size_t block_bytes, int64_t b, int strip, int group)
{
    return ((size_t)b * STRIPS + (size_t)strip) * block_bytes + (size_t)group * sizeof(lanes_b);
}

/* --- blocks of 32 ----------------------------------------------------------------------------------- */

#define PLAIN32 (8 * sizeof(lanes_b)) /* a block of a strip, unpacked */

#define TILE_BLOCK32(type)                                                                                             \
    (KERNEL_TILE_ROWS *                                                                                                \
     ((size_t)((type) == KERNEL_Q8_0 ? 34 : 18) + (has_least(type) ? 2 : 0) + (has_fifth(type) ? 4 : 0)))

INLINE lanes_b group32(enum kernel_type type, struct strip strip, int group)
{
    const int fifth = has_least(type) ? 64 : 32, quants = fifth + (has_fifth(type) ? 64 : 0);
    if (type == KERNEL_Q8_0)
        return words_at(strip, quants + 64 * group);
    const lanes_b word = words_at(strip, quants + 64 * (group % 4));
    const lanes_b low = group < 4 ? lanes_low(word) : lanes_high(word);
    return has_fifth(type) ? lanes_or(low, fifth_at(strip, fifth + 8 * group)) : low;
}

INLINE void unpack32(enum kernel_type type, const struct place *at, uint8_t *plain)
{
    for (int64_t b = 0; b < at->blocks; b++)
        for (int t = 0; t < STRIPS; t++) {
            const struct strip strip = strip_at(at, t, TILE_BLOCK32(type), b);
            UNROLL(8)
            for (int group = 0; group < 8; group++)
                lanes_keep(plain + plain_group(PLAIN32, b, t, group), group32(type, strip, group));
        }
}

INLINE void multiply32(enum kernel_type type, bool is_plain, int columns, const struct place *at)
{
    lanes_f total[STRIPS][COLUMNS_MAX];
    totals_begin(at, columns, total);
    for (int64_t b = 0; b < at->blocks; b++) {
        const struct column32 *x[COLUMNS_MAX];
        struct strip strip[STRIPS];
        lanes_i sum[STRIPS][COLUMNS_MAX], part[STRIPS][COLUMNS_MAX];
        const int run = has_fifth(type) ? 4 : 8; /* groups whose products of pairs fit 15 bits together */
        for (int t = 0; t < STRIPS; t++)
            strip[t] = strip_at(at, t, TILE_BLOCK32(type), b);
        for (int c = 0; c < columns; c++) {
            x[c] = (const struct column32 *)(at->columns + (size_t)c * at->column_stride) + b;
            for (int t = 0; t < STRIPS; t++)
                sum[t][c] = lanes_set(x[c]->shift);
        }
        UNROLL(8)
        for (int group = 0; group < 8; group++) {
            lanes_b weights[STRIPS];
            for (int t = 0; t < STRIPS; t++)
                weights[t] = is_plain ? lanes_load(at->plain + plain_group(PLAIN32, b, t, group))
                                      : group32(type, strip[t], group);
            for (int c = 0; c < columns; c++)
                for (int t = 0; t < STRIPS; t++) {
                    if (type == KERNEL_Q8_0)
                        sum[t][c] = lanes_dot(sum[t][c], weights[t], x[c]->q + sizeof(x[c]->q) / 8 * (size_t)group);
                    else
                        lanes_gather(&sum[t][c], &part[t][c], weights[t], x[c]->q + 4 * group, group % run == 0,
                                     group % run == run - 1);
                }
        }
        for (int t = 0; t < STRIPS; t++) {
            const lanes_f d = halves_at(strip[t], 0), whole = lanes_mul(d, lanes_all(-COLUMN_WHOLE));
            for (int c = 0; c < columns; c++)
                total[t][c] =
                    lanes_fma(lanes_fma(lanes_same_bits(sum[t][c]), d, whole), lanes_all(x[c]->d), total[t][c]);
            for (int c = 0; has_least(type) && c < columns; c++)
                total[t][c] = lanes_fma(halves_at(strip[t], 32), lanes_all(x[c]->sum), total[t][c]);
        }
    }
    totals_end(at, columns, total);
}

/* --- blocks of 256 ---------------------------------------------------------------------------------- */

/* A block is gone through in pieces: 64 weights in two runs of 32, whose nibbles share words, or Q6_K's 128 in eight
 * runs of 16. */
#define IS_Q6(type) ((type) == KERNEL_Q6_K)
#define PIECES(type) (IS_Q6(type) ? 2 : 4)
#define RUNS(type) (IS_Q6(type) ? 8 : 2)   /* of a piece */
#define GROUPS(type) (IS_Q6(type) ? 4 : 8) /* of a run */
#define TILE_BLOCK256(type)                                                                                            \
    (KERNEL_TILE_ROWS * (size_t)((type) == KERNEL_Q4_K ? 144 : (type) == KERNEL_Q5_K ? 176 : 210))
/* A block of a strip, unpacked: its groups, then the scales of its runs as floats. */
#define PLAIN256 (80 * sizeof(lanes_b))

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

/* High nibbles stay where they are, sixteen times what they mean: that saves shifting each word, and a scale that is a
 * sixteenth makes the same float of it. */
#define STAYS_HIGH(type, run) ((type) == KERNEL_Q4_K && (run) && GATHERS_BYTES)

/* The scales of a run. */
INLINE lanes_f scales_at(enum kernel_type type, struct strip strip, const struct runs *runs, int piece, int run)
{
    if (IS_Q6(type))
        return lanes_float(lanes_signed_byte(words_at(strip, 16 * 192 + 64 * (2 * piece + run / 4)), run % 4));
    const lanes_f scales = lanes_float(lanes_byte(runs->scales[piece / 2], (2 * piece + run) % 4));
    return STAYS_HIGH(type, run) ? lanes_mul(scales, lanes_all(1.0f / 16)) : scales;
}

/* Q4_K, Q5_K: nibbles of two runs share a word, fifth bits of eight runs a byte.
 * Q6_K: low bits are nibbles, the other half of the piece has the high ones; two high bits of four runs of 32 share a
 * byte. */
INLINE lanes_b group256(enum kernel_type type, struct strip strip, int piece, int run, int group)
{
    if (IS_Q6(type)) {
        const int quarter = run / 2, in_quarter = 4 * (run % 2) + group;
        const lanes_b word = words_at(strip, 64 * (16 * piece + 8 * (quarter % 2) + in_quarter));
        const lanes_b bits = words_at(strip, 16 * 128 + 64 * (8 * piece + in_quarter));
        const lanes_b placed = quarter < 2 ? lanes_up(bits, 4 - 2 * quarter) : lanes_down(bits, 2 * quarter - 4);
        return lanes_or(quarter < 2 ? lanes_low(word) : lanes_high(word), lanes_and(placed, 0x30));
    }
    const int high = 16 * 16, quants = type == KERNEL_Q5_K ? high + 32 * 16 : high;
    const lanes_b word = words_at(strip, quants + 64 * (8 * piece + group));
    if (STAYS_HIGH(type, run))
        return lanes_and(word, 0xf0);
    const lanes_b low = run ? lanes_high(word) : lanes_low(word);
    if (type == KERNEL_Q4_K)
        return low;
    const lanes_b bit = lanes_and(lanes_down(words_at(strip, high + 64 * group), 2 * piece + run), 1);
    return lanes_or(low, lanes_up(bit, 4));
}

INLINE int group_number(enum kernel_type type, int piece, int run, int group)
{
    return (piece * RUNS(type) + run) * GROUPS(type) + group;
}

INLINE void unpack_run(enum kernel_type type, struct strip strip, const struct runs *runs, int piece, int run,
                       uint8_t *plain)
{
    UNROLL(8)
    for (int group = 0; group < 8; group++)
        if (group < GROUPS(type))
            lanes_keep(plain + sizeof(lanes_b) * (size_t)group_number(type, piece, run, group),
                       group256(type, strip, piece, run, group));
    lanes_store((float *)(plain + sizeof(lanes_b) * (size_t)(64 + RUNS(type) * piece + run)),
                scales_at(type, strip, runs, piece, run));
}

INLINE void unpack256(enum kernel_type type, const struct place *at, uint8_t *plain)
{
    for (int64_t b = 0; b < at->blocks; b++)
        for (int t = 0; t < STRIPS; t++) {
            const struct strip strip = strip_at(at, t, TILE_BLOCK256(type), b);
            struct runs runs = {0};
            if (!IS_Q6(type))
                runs = runs_of(strip);
            for (int piece = 0; piece < PIECES(type); piece++) {
                UNROLL(8)
                for (int run = 0; run < 8; run++)
                    if (run < RUNS(type))
                        unpack_run(type, strip, &runs, piece, run, plain + plain_group(PLAIN256, b, t, 0));
            }
        }
}

/* The whole numbers of a run, scaled, added to `scaled`. */
INLINE void multiply_run(enum kernel_type type, bool is_plain, int columns, const struct place *at, int64_t b,
                         const struct strip strip[STRIPS], const struct runs runs[STRIPS],
                         const struct column256 *const x[COLUMNS_MAX], int piece, int run,
                         lanes_f scaled[STRIPS][COLUMNS_MAX])
{
    const int number = RUNS(type) * piece + run;
    const int fits = IS_Q6(type) ? 2 : type == KERNEL_Q5_K ? 4 : 8; /* groups whose sums of pairs fit 15 bits */
    lanes_i sum[STRIPS][COLUMNS_MAX], part[STRIPS][COLUMNS_MAX];
    for (int t = 0; t < STRIPS; t++)
        for (int c = 0; c < columns; c++)
            sum[t][c] = lanes_set(IS_Q6(type) ? x[c]->shift[number] : 0);
    UNROLL(8)
    for (int group = 0; group < 8; group++) {
        if (group >= GROUPS(type))
            continue;
        const int at_group = group_number(type, piece, run, group);
        lanes_b weights[STRIPS];
        for (int t = 0; t < STRIPS; t++)
            weights[t] = is_plain ? lanes_load(at->plain + plain_group(PLAIN256, b, t, at_group))
                                  : group256(type, strip[t], piece, run, group);
        for (int c = 0; c < columns; c++)
            for (int t = 0; t < STRIPS; t++)
                lanes_gather(&sum[t][c], &part[t][c], weights[t], x[c]->q + 4 * at_group, group % fits == 0,
                             group % fits == fits - 1);
    }
    for (int t = 0; t < STRIPS; t++) {
        const lanes_f scales = is_plain
                                   ? lanes_floats((const float *)(at->plain + plain_group(PLAIN256, b, t, 64 + number)))
                                   : scales_at(type, strip[t], &runs[t], piece, run);
        for (int c = 0; c < columns; c++)
            scaled[t][c] = lanes_fma(lanes_float(sum[t][c]), scales, scaled[t][c]);
    }
}

/* Takes off what minima come to: their dot product with the sums of the runs. */
INLINE lanes_f without_minima(lanes_f total, const struct runs *runs, lanes_f dmin, const struct column256 *x)
{
    lanes_i least = lanes_set(0);
    for (int h = 0; h < 2; h++) {
        least = lanes_pairs(least, lanes_even(runs->minima[h]), x->pairs + 4 * h);
        least = lanes_pairs(least, lanes_odd(runs->minima[h]), x->pairs + 4 * h + 2);
    }
    return lanes_fnma(lanes_float(least), lanes_mul(dmin, lanes_all(x->d)), total);
}

INLINE void multiply256(enum kernel_type type, bool is_plain, int columns, const struct place *at)
{
    lanes_f total[STRIPS][COLUMNS_MAX];
    totals_begin(at, columns, total);
    for (int64_t b = 0; b < at->blocks; b++) {
        const struct column256 *x[COLUMNS_MAX];
        struct strip strip[STRIPS];
        struct runs runs[STRIPS];
        lanes_f scaled[STRIPS][COLUMNS_MAX];
        for (int c = 0; c < columns; c++)
            x[c] = (const struct column256 *)(at->columns + (size_t)c * at->column_stride) + b;
        for (int t = 0; t < STRIPS; t++) {
            strip[t] = strip_at(at, t, TILE_BLOCK256(type), b);
            if (!IS_Q6(type))
                runs[t] = runs_of(strip[t]);
            for (int c = 0; c < columns; c++)
                scaled[t][c] = lanes_zero();
        }
        for (int piece = 0; piece < PIECES(type); piece++) {
            UNROLL(8)
            for (int run = 0; run < 8; run++)
                if (run < RUNS(type))
                    multiply_run(type, is_plain, columns, at, b, strip, runs, x, piece, run, scaled);
        }
        for (int t = 0; t < STRIPS; t++) {
            const lanes_f d = halves_at(strip[t], IS_Q6(type) ? 16 * 208 : 0);
            for (int c = 0; c < columns; c++) {
                total[t][c] = lanes_fma(scaled[t][c], lanes_mul(d, lanes_all(x[c]->d)), total[t][c]);
                if (!IS_Q6(type))
                    total[t][c] = without_minima(total[t][c], &runs[t], halves_at(strip[t], 32), x[c]);
            }
        }
    }
    totals_end(at, columns, total);
}

/* --- the table of them ------------------------------------------------------------------------------ */

#define EACH(WHAT, type, block)                                                                                        \
    WHAT(type, block, 1)                                                                                               \
    WHAT(type, block, 2)                                                                                               \
    WHAT(type, block, 3) WHAT(type, block, 4) WHAT(type, block, 5) WHAT(type, block, 6) WHAT(type, block, 7)           \
        WHAT(type, block, 8)
#define DIRECT(type, block, columns)                                                                                   \
    static void direct_##type##_##columns(const struct place *at)                                                      \
    {                                                                                                                  \
        multiply##block(KERNEL_##type, false, columns, at);                                                            \
    }
#define DIRECT_NAME(type, block, columns) direct_##type##_##columns,
#define DEFINE(type, block)                                                                                            \
    EACH(DIRECT, type, block)                                                                                          \
    static void (*const directs_##type[])(const struct place *at) = {EACH(DIRECT_NAME, type, block)};
#define DEFINE_PLAIN(type, block)                                                                                      \
    DEFINE(type, block)                                                                                                \
    static void plain_##type(const struct place *at) { multiply##block(KERNEL_##type, true, COLUMNS_MAX, at); }        \
    static void unpack_##type(const struct place *at, uint8_t *plain) { unpack##block(KERNEL_##type, at, plain); }

DEFINE(Q4_0, 32)
DEFINE(Q4_1, 32)
DEFINE_PLAIN(Q5_0, 32)
DEFINE_PLAIN(Q5_1, 32)
DEFINE(Q8_0, 32)
DEFINE(Q4_K, 256)
DEFINE_PLAIN(Q5_K, 256)
DEFINE_PLAIN(Q6_K, 256)

#define FORM(type, block)                                                                                              \
    .strips = STRIPS, .columns = COLUMNS_MAX, .segment = (int)(SEGMENT_BYTES / (STRIPS * PLAIN##block)),               \
    .column_block = sizeof(struct column##block), .direct = directs_##type
#define FORM_PLAIN(type, block) FORM(type, block), .plain = plain_##type, .unpack = unpack_##type

const struct form *KERNELS_PART(quants_form)(enum kernel_type type)
{
    static const struct form forms[] = {
        [KERNEL_Q4_0] = {FORM(Q4_0, 32), .tile_block = 16 * 18},
        [KERNEL_Q4_1] = {FORM(Q4_1, 32), .tile_block = 16 * 20},
        [KERNEL_Q5_0] = {FORM_PLAIN(Q5_0, 32), .tile_block = 16 * 22},
        [KERNEL_Q5_1] = {FORM_PLAIN(Q5_1, 32), .tile_block = 16 * 24},
        [KERNEL_Q8_0] = {FORM(Q8_0, 32), .tile_block = 16 * 34},
        [KERNEL_Q4_K] = {FORM(Q4_K, 256), .tile_block = 16 * 144},
        [KERNEL_Q5_K] = {FORM_PLAIN(Q5_K, 256), .tile_block = 16 * 176},
        [KERNEL_Q6_K] = {FORM_PLAIN(Q6_K, 256), .tile_block = 16 * 210},
    };
    return &forms[type];
}

#endif
