/* cell.h - what is kept of one metric's samples in one bucket of time, and how a row of such cells lies in a file.
 *
 * A row is its cells one after the other, absent ones at the end left out. A cell is a byte of flags, 0 where it is
 * absent, then the number of samples, and
 *
 *   CELL_SAME     all samples have one value: that
 *   otherwise     sum, smallest, largest
 *   CELL_SKETCH   the sketch: how many buckets, the first one's key, a byte with two orders, the bytes that follow, and
 *                 as bits, filled up to a byte: for each bucket but the first the distance of its key from the one
 *                 before less 1, then its count less 1, as Golomb codes of these orders
 *   CELL_UNKNOWN  how samples are distributed is not known
 *   CELL_COARSE   its sketch, or the one that follows from the value, is a coarse one
 *
 * Numbers are whole ones of up to 53 bits as varints (zigzag, then doubled), others as varint 1 and 8 bytes,
 * little-endian: token counts are small and exact, whatever clients send is kept as it came. */
#ifndef MONITOR_CELL_H
#define MONITOR_CELL_H

#include "core/buf.h"
#include "monitor/sketch.h"

struct cell { /* zeroed: no sample */
    double count, sum, min, max;
    bool is_unknown; /* the sketch does not have all samples, or they are of two widths */
    struct sketch sketch;
};

#define CELL_ROW_MAX ((size_t)1 << 20) /* bytes of a row */

/* `count` samples of one value. With SKETCH_NONE percentiles are not known. False: no memory. */
bool cell_add(struct cell *cell, double value, double count, enum sketch_width width, struct arena *arena);
bool cell_merge(struct cell *into, const struct cell *from, struct arena *arena);
/* Percentiles are not known from here on, unless all samples are one value. */
void cell_forget_sketch(struct cell *cell);
void cell_deinit(struct cell *cell); /* of one whose sketch is on the heap */

void cells_pack(struct buf *out, const struct cell *cells, size_t count);

/* Adds the row's cells to `cells`; those past `count` are left. False: no memory, or the row is damaged. */
bool cells_unpack(struct str row, struct cell *cells, size_t count, struct arena *arena);
/* The one at `index` alone; `has_sketch` false: its sketch is left out, which is faster. */
bool cells_unpack_one(struct str row, size_t index, bool has_sketch, struct cell *cell, struct arena *arena);

#endif
