/* sql_pack.h - lists of sums in one column, for tables that are read by adding
 * up many rows: one column is read and added some times faster than forty, and
 * sums do not overflow. Every connection has these functions:
 *
 *   pack(a, b, ...)  aggregate: the sum of each argument over the rows, as one blob; NULL counts as 0
 *   fold(packed)     aggregate: the sums of such blobs, element by element
 *   fold2(p, q)      of two of them
 *   packed_at(p, n)  element n, from 0, as a real number, to sort by
 *
 * A blob that is none fails the statement with ERROR_INTERNAL. */
#ifndef STORE_SQL_PACK_H
#define STORE_SQL_PACK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/str.h"

#define SQL_PACK_MAX 64 /* elements of a list */

struct sqlite3;
int sql_pack_register(struct sqlite3 *handle); /* for sql.c: a result of SQLite's */

/* Elements that the list does not have are 0: it was packed before there were so many. False: it is no list. */
bool sql_unpack(struct str packed, __int128 *values, size_t count);

#endif
