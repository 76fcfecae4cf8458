/* attention_cells.c - see attention_cells.h. */
#include "attention_cells.h"
#include "attention_lanes.h"

#ifdef KERNELS_NAME

#include <assert.h>

/* The slots in use begin and end within a block. */
static int64_t cap_of(const struct attention *attention) { return (attention->cells + 3 * BLOCK - 1) / BLOCK * BLOCK; }

size_t KERNELS_PART(cells_bytes)(const struct attention *attention, int queries)
{
    const size_t cap = (size_t)cap_of(attention);
    return cap * sizeof(int32_t) + (size_t)(queries + 1) * (cap / BLOCK) * sizeof(uint64_t);
}

struct cells KERNELS_PART(cells_at)(const struct attention *attention, int queries, void *bytes)
{
    struct cells cells = {.cap = cap_of(attention), .queries = queries, .seen = bytes};
    cells.mask = cells.seen + (size_t)queries * (size_t)(cells.cap / BLOCK);
    cells.cell = (int32_t *)(cells.mask + cells.cap / BLOCK);
    return cells;
}

/* --- the mask, BLOCK cells at a time --- */

static const uint16_t *mask_of(const struct attention *attention, int64_t query)
{
    return (const uint16_t *)(attention->mask + (size_t)query * attention->mask_query);
}

INLINE uint64_t seen_at(const struct attention *attention, int64_t query, int64_t cell, bool *is_biased)
{
    const int64_t left = attention->cells - cell;
    if (!attention->mask)
        return left >= BLOCK ? ~(uint64_t)0 : ((uint64_t)1 << left) - 1;
    const uint16_t *mask = mask_of(attention, query) + cell;
    uint16_t rest[BLOCK];
    if (left < BLOCK) {
        for (int i = 0; i < BLOCK; i++)
            rest[i] = i < left ? mask[i] : MASKED;
        mask = rest;
    }
    const uint64_t bits = seen_of(mask);
    *is_biased = *is_biased || (bits != 0 && (bits & nonzero_of(mask)) != 0);
    return bits;
}

INLINE int64_t position_of(const struct attention *attention, int64_t cell)
{
    return attention->positions ? attention->positions[cell] : cell;
}

/* The lowest position that the query sees; -1: it sees nothing. */
static int64_t lowest_seen(const struct attention *attention, int64_t query)
{
    lanes_i lowest = lanes_set(INT32_MAX);
    int32_t lane[LANES];
    bool is_biased = false;
    for (int64_t base = 0; base < attention->cells; base += BLOCK) {
        uint64_t bits = seen_at(attention, query, base, &is_biased);
        if (bits != 0 && !attention->positions)
            return base + __builtin_ctzll(bits);
        if (bits == ~(uint64_t)0)
            for (int at = 0; at < BLOCK; at += LANES)
                lowest = lanes_lower_words(lowest, lanes_words(attention->positions + base + at));
        else
            for (; bits != 0; bits &= bits - 1)
                lowest = lanes_lower_words(lowest, lanes_set(attention->positions[base + __builtin_ctzll(bits)]));
    }
    lanes_store_words(lane, lowest);
    for (int i = 1; i < LANES; i++)
        lane[0] = lane[i] < lane[0] ? lane[i] : lane[0];
    return lane[0] == INT32_MAX ? -1 : lane[0];
}

/* --- slots --- */

static bool reach(struct cells *cells, int64_t slots)
{
    if (slots > cells->cap)
        return false;
    const int64_t before = cells->slots, after = (slots + BLOCK - 1) / BLOCK * BLOCK;
    if (after <= before)
        return true;
    memset(cells->cell + before, 0xff, (size_t)(after - before) * sizeof(*cells->cell));
    memset(cells->seen + before / BLOCK * cells->queries, 0,
           (size_t)((after - before) / BLOCK * cells->queries) * sizeof(*cells->seen));
    cells->slots = after;
    return true;
}

static bool put_one(const struct attention *attention, struct cells *cells, int row, int64_t cell)
{
    const int64_t slot = position_of(attention, cell) - cells->first;
    if (slot < 0 || !reach(cells, slot + 1) || (cells->cell[slot] >= 0 && cells->cell[slot] != cell))
        return false;
    cells->cell[slot] = (int32_t)cell;
    cells->seen[slot / BLOCK * cells->queries + row] |= (uint64_t)1 << slot % BLOCK;
    return true;
}

/* LANES cells whose positions follow each other. False: they don't, or something is in their way. */
INLINE bool put_run(const struct attention *attention, struct cells *cells, int row, int64_t cell)
{
    const int64_t position = position_of(attention, cell), slot = position - cells->first;
    if (slot < 0 || (attention->positions &&
                     lanes_equal_words(lanes_words(attention->positions + cell),
                                       lanes_add_words(lanes_set((int32_t)position), lanes_count())) != LANES_ALL))
        return false;
    if (!reach(cells, slot + LANES))
        return false;
    const lanes_i there = lanes_words(cells->cell + slot);
    const lanes_i here = lanes_add_words(lanes_set((int32_t)cell), lanes_count());
    if ((lanes_equal_words(there, here) | lanes_equal_words(there, lanes_set(-1))) != LANES_ALL)
        return false;
    const int shift = (int)(slot % BLOCK);
    lanes_store_words(cells->cell + slot, here);
    uint64_t *seen = cells->seen + slot / BLOCK * cells->queries + row;
    seen[0] |= (uint64_t)LANES_ALL << shift;
    if (shift > BLOCK - LANES)
        seen[cells->queries] |= (uint64_t)LANES_ALL >> (BLOCK - shift);
    return true;
}

/* Cells of BLOCK from `base` on. False: something is in the way of one. */
static bool put(const struct attention *attention, struct cells *cells, int row, int64_t base, uint64_t bits)
{
    for (int at = 0; at < BLOCK && bits >> at != 0; at += LANES) {
        uint32_t some = (uint32_t)(bits >> at) & LANES_ALL;
        if (some == LANES_ALL && put_run(attention, cells, row, base + at))
            continue;
        for (; some != 0; some &= some - 1)
            if (!put_one(attention, cells, row, base + at + __builtin_ctz(some)))
                return false;
    }
    return true;
}

static bool see_first(const struct attention *attention, int64_t query, struct cells *cells)
{
    for (int64_t base = 0; base < attention->cells; base += BLOCK) {
        const uint64_t bits = cells->mask[base / BLOCK] = seen_at(attention, query, base, &cells->is_biased);
        if (bits != 0 && !put(attention, cells, 0, base, bits))
            return false;
    }
    return true;
}

static void take(const struct attention *attention, struct cells *cells, int row, int64_t base, uint64_t bits)
{
    for (; bits != 0; bits &= bits - 1) {
        const int64_t slot = position_of(attention, base + __builtin_ctzll(bits)) - cells->first;
        cells->seen[slot / BLOCK * cells->queries + row] &= ~((uint64_t)1 << slot % BLOCK);
    }
}

/* What the query before sees, but for a few cells. False: something is in the way of one; then some slots may have a
 * cell that nobody sees, which does not matter. */
static bool see_next(const struct attention *attention, int64_t query, struct cells *cells, int row)
{
    for (int64_t block = 0; block < cells->slots / BLOCK; block++)
        cells->seen[block * cells->queries + row] = cells->seen[block * cells->queries + row - 1];
    for (int64_t base = 0; base < attention->cells; base += BLOCK) {
        const uint64_t before = cells->mask[base / BLOCK], bits = seen_at(attention, query, base, &cells->is_biased);
        if (bits == before)
            continue;
        cells->mask[base / BLOCK] = bits;
        take(attention, cells, row, base, before & ~bits);
        if (!put(attention, cells, row, base, bits & ~before))
            return false;
    }
    return true;
}

/* --- ranks --- */

static bool is_before(const struct attention *attention, int32_t a, int32_t b)
{
    const int64_t of_a = position_of(attention, a), of_b = position_of(attention, b);
    return of_a != of_b ? of_a < of_b : a < b;
}

static void sift(const struct attention *attention, int32_t *heap, int64_t at, int64_t count)
{
    for (int64_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && is_before(attention, heap[child], heap[child + 1]))
            child++;
        if (!is_before(attention, heap[at], heap[child]))
            return;
        const int32_t swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
    }
}

static void see_by_rank(const struct attention *attention, int64_t query, struct cells *cells)
{
    int64_t count = 0;
    cells->first = cells->slots = 0;
    reach(cells, attention->cells);
    for (int64_t base = 0; base < attention->cells; base += BLOCK)
        for (uint64_t bits = seen_at(attention, query, base, &cells->is_biased); bits != 0; bits &= bits - 1)
            cells->cell[count++] = (int32_t)base + __builtin_ctzll(bits);
    for (int64_t at = count / 2; at-- > 0;)
        sift(attention, cells->cell, at, count);
    for (int64_t last = count; last-- > 1;) {
        const int32_t swap = cells->cell[0];
        cells->cell[0] = cells->cell[last];
        cells->cell[last] = swap;
        sift(attention, cells->cell, 0, last);
    }
    for (int64_t slot = 0; slot < count; slot++)
        cells->seen[slot / BLOCK * cells->queries] |= (uint64_t)1 << slot % BLOCK;
}

int KERNELS_PART(cells_see)(const struct attention *attention, int64_t first, int count, struct cells *cells)
{
    assert(count > 0 && count <= cells->queries);
    const int64_t lowest = lowest_seen(attention, first);
    cells->first = lowest < 0 ? 0 : lowest / BLOCK * BLOCK;
    cells->slots = 0;
    cells->is_biased = false;
    if (!see_first(attention, first, cells)) {
        see_by_rank(attention, first, cells);
        return 1;
    }
    int queries = 1;
    while (queries < count && see_next(attention, first + queries, cells, queries))
        queries++;
    return queries;
}

#endif
