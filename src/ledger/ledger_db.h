/* ledger_db.h - ledger.db: lines that are never changed, and the price rows
 * they were priced by. One thread at a time. */
#ifndef LEDGER_LEDGER_DB_H
#define LEDGER_LEDGER_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "ledger/line.h"
#include "ledger/price_book.h"
#include "ledger/schema.h"

#define LEDGER_DB_FILE "ledger.db"
struct ledger_db;

/* Opens `path` for writing, makes it where it is missing, brings it up to date,
 * and notes the rows of `book`. ERROR_CONFLICT: a row has other prices than when it was noted; its
 * book needs a new version. Prices of a tier or class that nobody knew then are added to the row. A row that is
 * damaged here is logged, no more. */
enum error_code ledger_db_open(const char *path, const struct price_book *book, struct ledger_db **db,
                               struct error *error) WARN_UNUSED;

/* The same with rows of models that were added since (price_book_added). */
enum error_code ledger_db_note_added(struct ledger_db *db, const struct price_book *book, size_t first, size_t end,
                                     struct error *error) WARN_UNUSED;

/* For reading beside whoever writes: of this schema or an earlier one, or
 * ERROR_NOT_FOUND, ERROR_INVALID. What ledger_db_insert gets stays in this
 * connection, in temp.recent; temp.kept has what is in the file, with the
 * columns and the checksum of this schema, NULL where it has none, and the
 * row's number as n. */
enum error_code ledger_db_open_view(const char *path, struct ledger_db **db, struct error *error) WARN_UNUSED;
void ledger_db_close(struct ledger_db *db); /* NULL is legal */

enum error_code ledger_db_begin(struct ledger_db *db, struct error *error) WARN_UNUSED;
enum error_code ledger_db_commit(struct ledger_db *db, struct error *error) WARN_UNUSED;
void ledger_db_rollback(struct ledger_db *db);

/* A line that is there already changes nothing: the same time and request_id, or of batch jobs the same request_id. */
enum error_code ledger_db_insert(struct ledger_db *db, const struct ledger_line *line, struct error *error) WARN_UNUSED;

/* Of a view: takes a line that it was given out again, unless that was before ledger_db_keep. */
enum error_code ledger_db_keep(struct ledger_db *db, struct error *error) WARN_UNUSED;
enum error_code ledger_db_forget(struct ledger_db *db, struct str request_id, struct error *error) WARN_UNUSED;

/* --- checksums --- */

bool ledger_db_has_checksums(const struct ledger_db *db); /* false: a view of an earlier program's file */
bool ledger_db_has_sums(const struct ledger_db *db);      /* likewise */

/* Looks at the next `rows` lines that were there when the file was opened: calls `each` for those that are not what
 * was written, gives those without a checksum one. On an error the file is damaged there, or full. */
enum error_code ledger_db_tend(struct ledger_db *db, uint64_t rows,
                               void (*each)(void *ctx, int64_t row, struct str request_id), void *ctx, bool *is_done,
                               struct error *error) WARN_UNUSED;
uint64_t ledger_db_damaged_prices(const struct ledger_db *db); /* found when the book's rows were noted, and logged */

struct sql *ledger_db_sql(struct ledger_db *db); /* for queries */

#endif
