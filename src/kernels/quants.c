/* Quantised weights times columns of bytes.
 *
 * Within a run of 16 or 32 weights, which share a scale, sums are whole numbers, so their order is free; runs and
 * blocks are added as floats from K = 0 on, with the same fused multiplications for any number of columns. That is why
 * a column's result does not depend on what is worked on beside it. */
#include "columns.h"
#include "product.h"

#ifdef KERNELS_NAME

#define STRIPS 2 /* of a call */

/* So many of them have their sums in registers together. Sixteen registers, which is what eight lanes come with, hold
 * those of two strips by four columns; with more columns it is one strip after the other. Q8_0 takes both all the same:
 * what it gains is that loads of activations are shared, and totals may wait in memory. So does Q6_K with dot products
 * of bytes, whose sums the compiler otherwise keeps in memory. */
#define TOGETHER(type, columns)                                                                                        \
    (LANES == 16 || (columns) <= 4 || (type) == KERNEL_Q8_0 || ((type) == KERNEL_Q6_K && GATHERS_BYTES) ? 2 : 1)

INLINE lanes_b words_at(struct strip strip, int offset) { return lanes_load(strip.tile + offset + 4 * strip.lane); }

INLINE lanes_f halves_at(struct strip strip, int offset) { return lanes_halves(strip.tile + offset + 2 * strip.lane); }

INLINE lanes_b fifth_at(struct strip strip, int offset) { return lanes_fifth(strip.tile + offset + strip.lane / 2); }

/* A strip at block b. */
INLINE struct strip strip_at(const struct place *at, int strip, size_t tile_block, int64_t b)
{
    return (struct strip){at->strips[strip].tile + (size_t)b * tile_block,
                          LANES == KERNEL_TILE_ROWS ? 0 : at->strips[strip].lane};
}

/* What the products of a type are made for: `strips` by `columns`. */
struct shape {
    enum kernel_type type;
    bool is_plain;
    int strips, columns;
};

INLINE float *out_of(const struct place *at, int strip, int column)
{
    return at->out[column] + at->row + LANES * strip;
}

INLINE void totals_begin(const struct shape *shape, const struct place *at, lanes_f total[STRIPS][COLUMNS_MAX])
{
    for (int t = 0; t < shape->strips; t++)
        for (int c = 0; c < shape->columns; c++)
            total[t][c] = at->continues ? lanes_floats(out_of(at, t, c)) : lanes_zero();
}

INLINE void totals_end(const struct shape *shape, const struct place *at, lanes_f total[STRIPS][COLUMNS_MAX])
{
    for (int t = 0; t < shape->strips; t++)
        for (int c = 0; c < shape->columns; c++)
            lanes_store(out_of(at, t, c), total[t][c]);
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

INLINE void multiply32(struct shape shape, const struct place *at)
{
    const enum kernel_type type = shape.type;
    const int strips = shape.strips, columns = shape.columns;
    lanes_f total[STRIPS][COLUMNS_MAX];
    totals_begin(&shape, at, total);
    for (int64_t b = 0; b < at->blocks; b++) {
        const struct column32 *x[COLUMNS_MAX];
        struct strip strip[STRIPS];
        lanes_i sum[STRIPS][COLUMNS_MAX], part[STRIPS][COLUMNS_MAX];
        const int run = has_fifth(type) ? 4 : 8; /* groups whose products of pairs fit 15 bits together */
        for (int t = 0; t < strips; t++)
            strip[t] = strip_at(at, t, TILE_BLOCK32(type), b);
        for (int c = 0; c < columns; c++) {
            x[c] = (const struct column32 *)(at->columns + (size_t)c * at->column_stride) + b;
            for (int t = 0; t < strips; t++)
                sum[t][c] = lanes_set(x[c]->shift);
        }
        UNROLL(8)
        for (int group = 0; group < 8; group++) {
            lanes_b weights[STRIPS];
            for (int t = 0; t < strips; t++)
                weights[t] = shape.is_plain ? lanes_load(at->plain + plain_group(PLAIN32, b, t, group))
                                            : group32(type, strip[t], group);
            for (int c = 0; c < columns; c++)
                for (int t = 0; t < strips; t++) {
                    if (type == KERNEL_Q8_0)
                        sum[t][c] = lanes_dot(sum[t][c], weights[t], x[c]->q + sizeof(x[c]->q) / 8 * (size_t)group);
                    else
                        lanes_gather(&sum[t][c], &part[t][c], weights[t], x[c]->q + 4 * group, lanes_ones(),
                                     group % run == 0, group % run == run - 1);
                }
        }
        for (int t = 0; t < strips; t++) {
            const lanes_f d = halves_at(strip[t], 0), whole = lanes_mul(d, lanes_all(-COLUMN_WHOLE));
            for (int c = 0; c < columns; c++)
                total[t][c] =
                    lanes_fma(lanes_fma(lanes_same_bits(sum[t][c]), d, whole), lanes_all(x[c]->d), total[t][c]);
            for (int c = 0; has_least(type) && c < columns; c++)
                total[t][c] = lanes_fma(halves_at(strip[t], 32), lanes_all(x[c]->sum), total[t][c]);
        }
    }
    totals_end(&shape, at, total);
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

/* Where products are gathered as pairs of 16 bits, what makes 32 of them can multiply them by the scale of their run as
 * well: then the runs of a block have one sum, a whole number. Q6_K's runs are scaled as floats everywhere, since the
 * zero of their weights comes off before. */
#define SCALES_WHOLE(type) (!GATHERS_BYTES && !IS_Q6(type))

/* The scales of a run, both halves of a lane alike. */
INLINE lanes_i whole_scales_at(const struct runs *runs, int piece, int run)
{
    const lanes_i scales = lanes_byte(runs->scales[piece / 2], (2 * piece + run) % 4);
    return lanes_or(scales, lanes_up(scales, 16));
}

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
    uint8_t *scales = plain + sizeof(lanes_b) * (size_t)(64 + RUNS(type) * piece + run);
    if (SCALES_WHOLE(type))
        lanes_keep(scales, whole_scales_at(runs, piece, run));
    else
        lanes_store((float *)scales, scales_at(type, strip, runs, piece, run));
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

/* The sums of a block so far, without the factors that its runs share: in `whole` where scales are multiplied as whole
 * numbers, else in `scaled`. */
struct sums {
    lanes_i whole[STRIPS][COLUMNS_MAX];
    lanes_f scaled[STRIPS][COLUMNS_MAX];
};

/* A block of some strips, and of the columns. */
struct block256 {
    struct strip strip[STRIPS];
    const uint8_t *plain[STRIPS];
    struct runs runs[STRIPS];
    const struct column256 *x[COLUMNS_MAX];
};

/* Adds the products of a run. */
INLINE void multiply_run(const struct shape *shape, const struct block256 *block, int piece, int run, struct sums *sums)
{
    const enum kernel_type type = shape->type;
    const int strips = shape->strips, columns = shape->columns;
    const int number = RUNS(type) * piece + run;
    const int fits = IS_Q6(type) ? 2 : type == KERNEL_Q5_K ? 4 : 8; /* groups whose sums of pairs fit 15 bits */
    const uint8_t *plain_scales[STRIPS];
    lanes_i part[STRIPS][COLUMNS_MAX], factor[STRIPS];
    for (int t = 0; t < strips; t++) {
        plain_scales[t] = shape->is_plain ? block->plain[t] + sizeof(lanes_b) * (size_t)(64 + number) : NULL;
        factor[t] = !SCALES_WHOLE(type) ? lanes_ones()
                    : shape->is_plain   ? lanes_load(plain_scales[t])
                                        : whole_scales_at(&block->runs[t], piece, run);
        for (int c = 0; c < columns && !SCALES_WHOLE(type); c++)
            sums->whole[t][c] = lanes_set(IS_Q6(type) ? block->x[c]->shift[number] : 0);
    }
    UNROLL(8)
    for (int group = 0; group < 8; group++) {
        if (group >= GROUPS(type))
            continue;
        const int at_group = group_number(type, piece, run, group);
        lanes_b weights[STRIPS];
        for (int t = 0; t < strips; t++)
            weights[t] = shape->is_plain ? lanes_load(block->plain[t] + sizeof(lanes_b) * (size_t)at_group)
                                         : group256(type, block->strip[t], piece, run, group);
        for (int c = 0; c < columns; c++)
            for (int t = 0; t < strips; t++)
                lanes_gather(&sums->whole[t][c], &part[t][c], weights[t], block->x[c]->q + 4 * at_group, factor[t],
                             group % fits == 0, group % fits == fits - 1);
    }
    for (int t = 0; t < strips && !SCALES_WHOLE(type); t++) {
        const lanes_f scales = shape->is_plain ? lanes_floats((const float *)plain_scales[t])
                                               : scales_at(type, block->strip[t], &block->runs[t], piece, run);
        for (int c = 0; c < columns; c++)
            sums->scaled[t][c] = lanes_fma(lanes_float(sums->whole[t][c]), scales, sums->scaled[t][c]);
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

INLINE void multiply256(struct shape shape, const struct place *at)
{
    const enum kernel_type type = shape.type;
    const int strips = shape.strips, columns = shape.columns;
    lanes_f total[STRIPS][COLUMNS_MAX];
    totals_begin(&shape, at, total);
    for (int64_t b = 0; b < at->blocks; b++) {
        struct block256 block;
        struct sums sums;
        for (int c = 0; c < columns; c++)
            block.x[c] = (const struct column256 *)(at->columns + (size_t)c * at->column_stride) + b;
        for (int t = 0; t < strips; t++) {
            block.strip[t] = strip_at(at, t, TILE_BLOCK256(type), b);
            block.plain[t] = shape.is_plain ? at->plain + plain_group(PLAIN256, b, t, 0) : NULL;
            if (!IS_Q6(type))
                block.runs[t] = runs_of(block.strip[t]);
            for (int c = 0; c < columns; c++) {
                sums.whole[t][c] = lanes_set(0);
                sums.scaled[t][c] = lanes_zero();
            }
        }
        for (int piece = 0; piece < PIECES(type); piece++) {
            UNROLL(8)
            for (int run = 0; run < 8; run++)
                if (run < RUNS(type))
                    multiply_run(&shape, &block, piece, run, &sums);
        }
        for (int t = 0; t < strips; t++) {
            const lanes_f d = halves_at(block.strip[t], IS_Q6(type) ? 16 * 208 : 0);
            for (int c = 0; c < columns; c++) {
                const lanes_f sum = SCALES_WHOLE(type) ? lanes_float(sums.whole[t][c]) : sums.scaled[t][c];
                total[t][c] = lanes_fma(sum, lanes_mul(d, lanes_all(block.x[c]->d)), total[t][c]);
                if (!IS_Q6(type))
                    total[t][c] =
                        without_minima(total[t][c], &block.runs[t], halves_at(block.strip[t], 32), block.x[c]);
            }
        }
    }
    totals_end(&shape, at, total);
}

/* --- the table of them ------------------------------------------------------------------------------ */

#define EACH(WHAT, type, block)                                                                                        \
    WHAT(type, block, 1)                                                                                               \
    WHAT(type, block, 2)                                                                                               \
    WHAT(type, block, 3) WHAT(type, block, 4) WHAT(type, block, 5) WHAT(type, block, 6) WHAT(type, block, 7)           \
        WHAT(type, block, 8)
/* The place of the second strip of a place of two. */
INLINE struct place second_strip(const struct place *at, size_t plain_block)
{
    struct place second = *at;
    second.strips[0] = at->strips[1];
    second.plain += plain_block;
    second.row += LANES;
    return second;
}

#define SHAPE(type, is_plain, columns)                                                                                 \
    (struct shape){KERNEL_##type, is_plain, TOGETHER(KERNEL_##type, columns), columns}

/* Strips that are worked on together are a function by themselves, which is called for each of two that are not. */
#define MULTIPLY(name, type, block, is_plain, columns)                                                                 \
    static __attribute__((noinline)) void name##_together(const struct place *at)                                      \
    {                                                                                                                  \
        multiply##block(SHAPE(type, is_plain, columns), at);                                                           \
    }                                                                                                                  \
    static void name(const struct place *at)                                                                           \
    {                                                                                                                  \
        name##_together(at);                                                                                           \
        if (TOGETHER(KERNEL_##type, columns) < STRIPS) {                                                               \
            const struct place second = second_strip(at, PLAIN##block);                                                \
            name##_together(&second);                                                                                  \
        }                                                                                                              \
    }
#define DIRECT(type, block, columns) MULTIPLY(direct_##type##_##columns, type, block, false, columns)
#define DIRECT_NAME(type, block, columns) direct_##type##_##columns,
#define DEFINE(type, block)                                                                                            \
    EACH(DIRECT, type, block)                                                                                          \
    static void (*const directs_##type[])(const struct place *at) = {EACH(DIRECT_NAME, type, block)};
#define DEFINE_PLAIN(type, block)                                                                                      \
    DEFINE(type, block)                                                                                                \
    MULTIPLY(plain_##type, type, block, true, COLUMNS_MAX)                                                             \
    static void unpack_##type(const struct place *at, uint8_t *plain) { unpack##block(KERNEL_##type, at, plain); }

DEFINE_PLAIN(Q4_0, 32)
DEFINE_PLAIN(Q4_1, 32)
DEFINE_PLAIN(Q5_0, 32)
DEFINE_PLAIN(Q5_1, 32)
DEFINE(Q8_0, 32)
DEFINE_PLAIN(Q4_K, 256)
DEFINE_PLAIN(Q5_K, 256)
DEFINE_PLAIN(Q6_K, 256)

#define FORM(type, block)                                                                                              \
    .strips = STRIPS, .columns = COLUMNS_MAX, .segment = (int)(SEGMENT_BYTES / (STRIPS * PLAIN##block)),               \
    .column_block = sizeof(struct column##block), .direct = directs_##type
#define FORM_PLAIN(type, block) FORM(type, block), .plain = plain_##type, .unpack = unpack_##type
/* Nibbles are unpacked for less than reading bytes costs, but where products take all of what unpacks as well. */
#define FORM_FOUR_BITS(type, block)                                                                                    \
    FORM(type, block), .plain = GATHERS_BYTES ? NULL : plain_##type, .unpack = GATHERS_BYTES ? NULL : unpack_##type

const struct form *KERNELS_PART(quants_form)(enum kernel_type type)
{
    static const struct form forms[] = {
        [KERNEL_Q4_0] = {FORM_FOUR_BITS(Q4_0, 32), .tile_block = 16 * 18},
        [KERNEL_Q4_1] = {FORM_FOUR_BITS(Q4_1, 32), .tile_block = 16 * 20},
        [KERNEL_Q5_0] = {FORM_PLAIN(Q5_0, 32), .tile_block = 16 * 22},
        [KERNEL_Q5_1] = {FORM_PLAIN(Q5_1, 32), .tile_block = 16 * 24},
        [KERNEL_Q8_0] = {FORM(Q8_0, 32), .tile_block = 16 * 34},
        [KERNEL_Q4_K] = {FORM_FOUR_BITS(Q4_K, 256), .tile_block = 16 * 144},
        [KERNEL_Q5_K] = {FORM_PLAIN(Q5_K, 256), .tile_block = 16 * 176},
        [KERNEL_Q6_K] = {FORM_PLAIN(Q6_K, 256), .tile_block = 16 * 210},
    };
    return &forms[type];
}

#endif
