/* cell.c - see cell.h. */
#include "monitor/cell.h"

#include <endian.h>
#include <math.h>
#include <string.h>

enum { CELL_THERE = 1, CELL_SAME = 2, CELL_SKETCH = 4, CELL_UNKNOWN = 8, CELL_COARSE = 16 };

#define WHOLE_MAX 9007199254740992.0 /* 2^53 */
#define ORDER_MAX 7

/* --- adding ----------------------------------------------------------------------------------------- */

static bool is_same(const struct cell *cell)
{
    return cell->min == cell->max && cell->sum == cell->min * cell->count;
}

static void add_sums(struct cell *cell, double count, double sum, double min, double max)
{
    const bool is_first = cell->count == 0;
    cell->count += count;
    cell->sum += sum;
    cell->min = is_first || min < cell->min ? min : cell->min;
    cell->max = is_first || max > cell->max ? max : cell->max;
}

static uint64_t weight(double count)
{
    return count < 1 ? 1 : (uint64_t)llround(count);
}

/* Before samples of a width come. False: what is there is of the other one, and they can't be added. */
static bool can_take(struct cell *cell, bool is_coarse)
{
    const bool fits = cell->sketch.count == 0 || cell->sketch.is_coarse == is_coarse;
    if (fits)
        cell->sketch.is_coarse = is_coarse;
    cell->is_unknown = cell->is_unknown || !fits;
    return fits;
}

static bool add_value(struct cell *cell, double value, double count, bool is_coarse, struct arena *arena)
{
    return !can_take(cell, is_coarse) ||
           sketch_add(&cell->sketch, sketch_key(value, is_coarse), weight(count), arena);
}

bool cell_add(struct cell *cell, double value, double count, enum sketch_width width, struct arena *arena)
{
    add_sums(cell, count, value * count, value, value);
    cell->is_unknown = cell->is_unknown || width == SKETCH_NONE;
    return width == SKETCH_NONE || add_value(cell, value, count, width == SKETCH_COARSE, arena);
}

bool cell_merge(struct cell *into, const struct cell *from, struct arena *arena)
{
    if (from->count == 0)
        return true;
    add_sums(into, from->count, from->sum, from->min, from->max);
    into->is_unknown = into->is_unknown || from->is_unknown;
    return from->sketch.count == 0 || !can_take(into, from->sketch.is_coarse) ||
           sketch_merge(&into->sketch, &from->sketch, arena);
}

void cell_forget_sketch(struct cell *cell)
{
    cell->is_unknown = true;
    cell->sketch.count = 0;
}

void cell_deinit(struct cell *cell)
{
    sketch_deinit(&cell->sketch);
    *cell = (struct cell){0};
}

/* --- writing ---------------------------------------------------------------------------------------- */

static void put_varint(struct buf *out, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        buf_append_char(out, (char)(number | 0x80));
    buf_append_char(out, (char)number);
}

static uint64_t zigzag(int64_t number)
{
    return (uint64_t)number << 1 ^ (uint64_t)(number >> 63);
}

static void put_number(struct buf *out, double number)
{
    if (number == floor(number) && fabs(number) < WHOLE_MAX) {
        put_varint(out, zigzag((int64_t)number) << 1);
        return;
    }
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    bits = htole64(bits);
    put_varint(out, 1);
    buf_append(out, &bits, sizeof(bits));
}

/* Bits from the highest of a byte on. */
struct bits {
    struct buf *out;
    unsigned byte, used;
};

static void put_bit(struct bits *bits, unsigned bit)
{
    bits->byte = bits->byte << 1 | bit;
    if (++bits->used == 8) {
        buf_append_char(bits->out, (char)bits->byte);
        bits->byte = bits->used = 0;
    }
}

static unsigned width_of(uint64_t number) /* above 0 */
{
    return 64 - (unsigned)__builtin_clzll(number);
}

/* The number without its lowest `order` bits, and 1 more, behind as many zeros as it has bits but one; then those. */
static void put_golomb(struct bits *bits, uint64_t number, unsigned order)
{
    const uint64_t high = (number >> order) + 1;
    const unsigned width = width_of(high);
    for (unsigned i = 1; i < width; i++)
        put_bit(bits, 0);
    for (unsigned i = width; i-- > 0;)
        put_bit(bits, high >> i & 1);
    for (unsigned i = order; i-- > 0;)
        put_bit(bits, number >> i & 1);
}

/* What `put_golomb` writes the distances of keys, or the counts, with the fewest bits with. */
static unsigned best_order(const struct sketch *sketch, bool of_counts, uint64_t *bits)
{
    unsigned best = 0;
    uint64_t best_bits = UINT64_MAX;
    for (unsigned order = 0; order <= ORDER_MAX; order++) {
        uint64_t sum = 0;
        for (uint32_t i = of_counts ? 0 : 1; i < sketch->count; i++) {
            const uint64_t number = of_counts ? sketch->items[i].count - 1
                                              : (uint64_t)(sketch->items[i].key - sketch->items[i - 1].key - 1);
            sum += 2 * width_of((number >> order) + 1) - 1 + order;
        }
        if (sum < best_bits) {
            best_bits = sum;
            best = order;
        }
    }
    *bits += best_bits;
    return best;
}

static void put_sketch(struct buf *out, const struct sketch *sketch)
{
    struct bits bits = {.out = out};
    uint64_t len = 0;
    const unsigned of_keys = best_order(sketch, false, &len), of_counts = best_order(sketch, true, &len);
    put_varint(out, sketch->count);
    put_varint(out, zigzag(sketch->items[0].key));
    buf_append_char(out, (char)(of_keys | of_counts << 4));
    put_varint(out, (len + 7) / 8);
    for (uint32_t i = 0; i < sketch->count; i++) {
        if (i > 0)
            put_golomb(&bits, (uint64_t)(sketch->items[i].key - sketch->items[i - 1].key - 1), of_keys);
        put_golomb(&bits, sketch->items[i].count - 1, of_counts);
    }
    while (bits.used > 0)
        put_bit(&bits, 0);
}

/* Where all samples are the same, the sketch follows from the value. */
static void put_cell(struct buf *out, const struct cell *cell)
{
    const bool same = is_same(cell), has_sketch = !same && !cell->is_unknown && cell->sketch.count > 0;
    if (cell->count == 0) {
        buf_append_char(out, 0);
        return;
    }
    buf_append_char(out, (char)(CELL_THERE | (same ? CELL_SAME : 0) | (has_sketch ? CELL_SKETCH : 0) |
                                (!same && !has_sketch ? CELL_UNKNOWN : 0) |
                                (cell->sketch.is_coarse && (same || has_sketch) ? CELL_COARSE : 0)));
    put_number(out, cell->count);
    if (!same)
        put_number(out, cell->sum);
    put_number(out, cell->min);
    if (!same)
        put_number(out, cell->max);
    if (has_sketch)
        put_sketch(out, &cell->sketch);
}

void cells_pack(struct buf *out, const struct cell *cells, size_t count)
{
    while (count > 0 && cells[count - 1].count == 0)
        count--;
    for (size_t i = 0; i < count; i++)
        put_cell(out, &cells[i]);
}

/* --- reading ---------------------------------------------------------------------------------------- */

struct reader {
    const uint8_t *at, *end;
};

static bool take_varint(struct reader *reader, uint64_t *number)
{
    *number = 0;
    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        const uint8_t byte = *reader->at++;
        *number |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

static int64_t unzigzag(uint64_t number)
{
    return (int64_t)(number >> 1) ^ -(int64_t)(number & 1);
}

static bool take_number(struct reader *reader, double *number)
{
    uint64_t bits;
    if (!take_varint(reader, &bits))
        return false;
    if (!(bits & 1)) {
        *number = (double)unzigzag(bits >> 1);
        return true;
    }
    if (bits != 1 || reader->end - reader->at < (ptrdiff_t)sizeof(bits))
        return false;
    memcpy(&bits, reader->at, sizeof(bits));
    reader->at += sizeof(bits);
    bits = le64toh(bits);
    memcpy(number, &bits, sizeof(*number));
    return isfinite(*number);
}

/* The bits of a sketch: from `at` on, `used` of its first byte were taken. */
struct bit_reader {
    const uint8_t *at, *end;
    unsigned used;
};

static bool take_bits(struct bit_reader *bits, unsigned count, uint64_t *number)
{
    for (; count > 0; count--) {
        if (bits->at == bits->end)
            return false;
        *number = *number << 1 | (*bits->at >> (7 - bits->used) & 1);
        bits->used = (bits->used + 1) % 8;
        bits->at += bits->used == 0;
    }
    return true;
}

static bool take_golomb(struct bit_reader *bits, unsigned order, uint64_t *number)
{
    unsigned zeros = 0;
    uint64_t bit = 0;
    while (zeros < 56 && take_bits(bits, 1, &bit) && bit == 0)
        zeros++;
    if (bit != 1)
        return false;
    *number = 1;
    if (!take_bits(bits, zeros, number))
        return false;
    --*number;
    return take_bits(bits, order, number);
}

/* `sketch` NULL: passes over it. */
static bool take_sketch(struct reader *reader, struct sketch *sketch, struct arena *arena)
{
    uint64_t buckets, first, distance = 0, count, len;
    if (!take_varint(reader, &buckets) || !take_varint(reader, &first) || reader->at == reader->end)
        return false;
    const unsigned of_keys = *reader->at & 15, of_counts = *reader->at >> 4;
    reader->at++;
    if (!take_varint(reader, &len) || len > (uint64_t)(reader->end - reader->at) || of_keys > ORDER_MAX ||
        of_counts > ORDER_MAX)
        return false;
    struct bit_reader bits = {reader->at, reader->at + len, 0};
    int64_t key = unzigzag(first);
    reader->at += len;
    for (uint64_t i = 0; sketch && i < buckets; i++) {
        if ((i > 0 && !take_golomb(&bits, of_keys, &distance)) || !take_golomb(&bits, of_counts, &count))
            return false;
        key += i > 0 ? (int64_t)distance + 1 : 0;
        if (distance > INT32_MAX / 4 || key < INT32_MIN / 2 || key > INT32_MAX / 2)
            return false;
        if (!sketch_add(sketch, (int32_t)key, count + 1, arena))
            return false;
    }
    return true;
}

/* Adds the next cell to `cell`; NULL: passes over it. */
static bool take_cell(struct reader *reader, struct cell *cell, bool has_sketch, struct arena *arena)
{
    double count, sum, min, max;
    const uint8_t flags = *reader->at++;
    if (flags == 0)
        return true;
    if (!take_number(reader, &count) || count <= 0)
        return false;
    if (flags & CELL_SAME) {
        if (!take_number(reader, &min))
            return false;
        max = min;
        sum = min * count;
    } else if (!take_number(reader, &sum) || !take_number(reader, &min) || !take_number(reader, &max)) {
        return false;
    }
    if (cell) {
        add_sums(cell, count, sum, min, max);
        cell->is_unknown = cell->is_unknown || (flags & CELL_UNKNOWN);
    }
    if (flags & CELL_SAME)
        return !cell || !has_sketch || add_value(cell, min, count, flags & CELL_COARSE, arena);
    const bool is_taken = cell && has_sketch && (flags & CELL_SKETCH) && can_take(cell, flags & CELL_COARSE);
    return !(flags & CELL_SKETCH) || take_sketch(reader, is_taken ? &cell->sketch : NULL, arena);
}

static struct reader reader_of(struct str row)
{
    const uint8_t *bytes = (const uint8_t *)row.data;
    return (struct reader){bytes, bytes + row.len};
}

bool cells_unpack(struct str row, struct cell *cells, size_t count, struct arena *arena)
{
    struct reader reader = reader_of(row);
    for (size_t i = 0; reader.at < reader.end; i++)
        if (!take_cell(&reader, i < count ? &cells[i] : NULL, true, arena))
            return false;
    return true;
}

bool cells_unpack_one(struct str row, size_t index, bool has_sketch, struct cell *cell, struct arena *arena)
{
    struct reader reader = reader_of(row);
    for (size_t i = 0; i <= index && reader.at < reader.end; i++)
        if (!take_cell(&reader, i == index ? cell : NULL, has_sketch, arena))
            return false;
    return true;
}
