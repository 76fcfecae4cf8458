/* ledger_db.h - ledger.db: lines that are never changed, and the price rows
 * they were priced by. One thread at a time. */
#ifndef LEDGER_LEDGER_DB_H
#define LEDGER_LEDGER_DB_H

#include "core/error.h"
#include "ledger/line.h"
#include "ledger/price_book.h"

#define LEDGER_DB_FILE "ledger.db"
#define LEDGER_DB_VERSION 2

struct ledger_db;

/* Opens `path` for writing, makes it where it is missing, brings it up to date,
 * and notes the rows of `book`. ERROR_CONFLICT: a row has other prices than when it was noted; its
 * book needs a new version. */
enum error_code ledger_db_open(const char *path, const struct price_book *book, struct ledger_db **db,
                               struct error *error) WARN_UNUSED;

/* For reading beside whoever writes: of this schema or an earlier one, or
 * ERROR_NOT_FOUND, ERROR_INVALID. What ledger_db_insert gets stays in this
 * connection, in temp.recent; temp.kept has what is in the file, with the
 * columns of this schema and the row's number as n. */
enum error_code ledger_db_open_view(const char *path, struct ledger_db **db, struct error *error) WARN_UNUSED;
void ledger_db_close(struct ledger_db *db); /* NULL is legal */

enum error_code ledger_db_begin(struct ledger_db *db, struct error *error) WARN_UNUSED;
enum error_code ledger_db_commit(struct ledger_db *db, struct error *error) WARN_UNUSED;
void ledger_db_rollback(struct ledger_db *db);

/* A line whose request_id is there already changes nothing. */
enum error_code ledger_db_insert(struct ledger_db *db, const struct ledger_line *line, struct error *error) WARN_UNUSED;

/* Of a view: takes a line that it was given out again. */
enum error_code ledger_db_forget(struct ledger_db *db, struct str request_id, struct error *error) WARN_UNUSED;

struct sql *ledger_db_sql(struct ledger_db *db); /* for queries */

#endif
