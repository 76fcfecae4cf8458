/* series.h - DATA/monitor.db: rows of cells by series and bucket of time, in buckets of a minute, five minutes and an
 * hour, which all are written at once, so that each is whole however long the others are kept.
 *
 *   series   (tenant, kind, fields) of kinds.h, and which of the kind's metrics ever had a sample
 *   cell     a row of cells (cell.h): (grain, series, bucket), bucket in grains since 1970
 *   sealed   rows of one series over four hours, a day or a week, packed into one (seal.h), once that time has ended
 *   through  up to which row of ledger.db lines are in here, and what tells that file from another
 *
 * A connection belongs to one thread at a time. */
#ifndef MONITOR_SERIES_H
#define MONITOR_SERIES_H

#include "core/error.h"
#include "monitor/cell.h"
#include "monitor/kinds.h"

#define SERIES_DB_FILE "monitor.db"

enum series_grain { SERIES_MINUTE, SERIES_FIVE_MINUTES, SERIES_HOUR, SERIES_GRAINS };
extern const uint32_t series_grain_s[SERIES_GRAINS];

struct series_db;

/* `keep_s`: for how long buckets of each grain are kept. Not `is_writer`: the file is there. */
enum error_code series_db_open(const char *path, bool is_writer, const uint64_t keep_s[SERIES_GRAINS],
                               struct series_db **db, struct error *error) WARN_UNUSED;
void series_db_close(struct series_db *db); /* NULL is legal */

/* --- writing --- */

enum error_code series_db_begin(struct series_db *db, struct error *error) WARN_UNUSED;
enum error_code series_db_commit(struct series_db *db, struct error *error) WARN_UNUSED;
void series_db_rollback(struct series_db *db);

struct series_key {
    struct str tenant;
    enum monitor_kind kind;
    struct str fields[KIND_FIELDS_MAX];
};

/* The series, made where it is missing. `metrics`: bits of those that have a sample now. ERROR_QUOTA: the tenant, or
 * the server, has too many. */
enum error_code series_db_find(struct series_db *db, const struct series_key *key, unsigned metrics, int64_t *id,
                               struct error *error) WARN_UNUSED;

/* Adds to the buckets that the minute lies in; those that are past their keeping at `now_s` are left out. */
enum error_code series_db_add(struct series_db *db, int64_t id, uint64_t minute, const struct cell *cells, size_t count,
                              uint64_t now_s, struct error *error) WARN_UNUSED;

/* Where the ledger's lines were taken up to. */
#define SERIES_MARK_MAX 256
enum error_code series_db_through(struct series_db *db, int64_t *row, char mark[SERIES_MARK_MAX],
                                  struct error *error) WARN_UNUSED;
enum error_code series_db_set_through(struct series_db *db, int64_t row, const char *mark,
                                      struct error *error) WARN_UNUSED;

/* Seals what has ended and takes away what is past its keeping, some series at a time, in a transaction of its own. */
enum error_code series_db_tend(struct series_db *db, uint64_t now_s, bool *is_done, struct error *error) WARN_UNUSED;

/* --- reading --- */

struct series_row {
    int64_t id;
    enum monitor_kind kind;
    unsigned metrics;
    struct str fields[KIND_FIELDS_MAX];
};

/* The tenant's series of a kind (KINDS: of all), whose first fields are these, ascending; `each` may end it by an error
 * of its own. Strings are valid inside. */
enum error_code series_db_each(struct series_db *db, struct str tenant, enum monitor_kind kind,
                               const struct str *fields, size_t field_count,
                               enum error_code (*each)(void *ctx, const struct series_row *row, struct error *error),
                               void *ctx, struct error *error) WARN_UNUSED;

/* Rows of one series whose bucket begins at `from_s` or later and before `to_s`, in any order, some in several parts
 * that add up. */
enum error_code series_db_cells(struct series_db *db, enum series_grain grain, int64_t id, uint64_t from_s,
                                uint64_t to_s,
                                enum error_code (*each)(void *ctx, uint64_t bucket_s, struct str row,
                                                        struct error *error),
                                void *ctx, struct error *error) WARN_UNUSED;
enum error_code series_db_is_active(struct series_db *db, int64_t id, uint64_t since_s, bool *is_active,
                                    struct error *error) WARN_UNUSED;
/* The tenant that comes behind this one, in the order of bytes; data NULL: there is none. */
enum error_code series_db_next_tenant(struct series_db *db, struct str beyond, struct arena *arena, struct str *tenant,
                                      struct error *error) WARN_UNUSED;

#endif
