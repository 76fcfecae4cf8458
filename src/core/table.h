/* table.h - pointers by number: grows without ever moving, so that readers need no lock.
 *
 * One writer at a time; any thread may read meanwhile. Items are the owner's: the table frees its own memory only. */
#ifndef CORE_TABLE_H
#define CORE_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define TABLE_SEGMENTS 24    /* the s-th has room for TABLE_FIRST << s items */
#define TABLE_FIRST 8

struct table { /* zeroed: empty */
    _Atomic size_t count; /* first, so that {0} is legal: clang takes no 0 for an atomic pointer */
    _Atomic(_Atomic(void *) *) segments[TABLE_SEGMENTS];
};

/* NULL: nothing was put there. */
void *table_at(const struct table *table, size_t index);
/* One past the highest number that something was put at. */
size_t table_count(const struct table *table);
/* False: no memory, or past the last segment; the table is as it was. */
bool table_put(struct table *table, size_t index, void *item);
void table_deinit(struct table *table);

#endif
