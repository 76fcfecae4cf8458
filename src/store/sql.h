/* sql.h - SQLite, the only place that includes it. A connection and its
 * statements belong to one thread at a time.
 *
 * Errors carry the file's path and SQLite's words. ERROR_UNAVAILABLE: somebody
 * else holds the database, or the disk is full; ERROR_IO: disk or permission; ERROR_INTERNAL: the
 * file is damaged or no database; ERROR_CONFLICT: a constraint or a trigger.
 *
 * Texts may use a function of our own: seal(...), a checksum (XXH3) of its
 * arguments and their types, NULLs at the end left out, for tables that shall
 * notice when they change. */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/str.h"

struct sql;
struct sql_statement;

enum sql_mode {
    SQL_WRITE, /* created where it is missing; write-ahead log, synced at each commit */
    SQL_READ,  /* must be there; only temporary tables can be written */
};

enum error_code sql_open(const char *path, enum sql_mode mode, struct sql **sql, struct error *error) WARN_UNUSED;
void sql_close(struct sql *sql); /* statements must be freed before; NULL is legal */

/* Any number of statements. */
enum error_code sql_exec(struct sql *sql, const char *text, struct error *error) WARN_UNUSED;
bool sql_is_full(const struct sql *sql); /* whether the last failure was for want of space on the disk */
void sql_rollback(struct sql *sql); /* of a transaction, if there is one */

/* The one number that a SELECT gives; 0 where it gives none. */
enum error_code sql_number(struct sql *sql, const char *text, int64_t *number, struct error *error) WARN_UNUSED;

/* PRAGMA user_version, the schema's. */
enum error_code sql_version(struct sql *sql, int64_t *version, struct error *error) WARN_UNUSED;

enum error_code sql_prepare(struct sql *sql, const char *text, struct sql_statement **statement,
                            struct error *error) WARN_UNUSED;
void sql_free(struct sql_statement *statement); /* NULL is legal */

/* Parameters count from 1. Text and blobs are copied. A failure to bind shows at the next step. */
void sql_bind_int(struct sql_statement *statement, int index, int64_t value);
void sql_bind_text(struct sql_statement *statement, int index, struct str value);
void sql_bind_blob(struct sql_statement *statement, int index, struct str value);
void sql_bind_null(struct sql_statement *statement, int index);

/* The next row; *has_row false: it is done, and reset for another run. */
enum error_code sql_step(struct sql_statement *statement, bool *has_row, struct error *error) WARN_UNUSED;
/* To the end, rows ignored. */
enum error_code sql_run(struct sql_statement *statement, struct error *error) WARN_UNUSED;
void sql_reset(struct sql_statement *statement);

/* Columns count from 0; valid until the next step. */
int64_t sql_int(struct sql_statement *statement, int column);
struct str sql_text(struct sql_statement *statement, int column);
struct str sql_blob(struct sql_statement *statement, int column);
bool sql_is_null(struct sql_statement *statement, int column);

#endif
