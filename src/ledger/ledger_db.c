#include "ledger/ledger_db.h"

#include <sys/stat.h>

#include "core/log.h"
#include "core/mem.h"
#include "store/sql.h"

#define ROW_TEXT_MAX 65536

struct ledger_db {
    struct sql *sql;
    struct sql_statement *insert;
    struct sql_statement *forget;      /* NULL unless it is a view */
    struct sql_statement *seal, *find; /* NULL in a view */
    int64_t version;
    int64_t tended;    /* the last line that was looked at */
    int64_t tend_last; /* the last that was there when it began; -1: not begun */
    uint64_t damaged_prices;
};

#define COLUMNS                                                                                                  \
    "request_id TEXT NOT NULL UNIQUE, time_us INTEGER NOT NULL, tenant TEXT NOT NULL, dialect TEXT NOT NULL, "    \
    "operation TEXT NOT NULL, model_requested TEXT NOT NULL, model_invoked TEXT NOT NULL, tier TEXT NOT NULL, "   \
    "input_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL, cache_write_5m_tokens INTEGER NOT NULL, " \
    "cache_write_1h_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, latency_us INTEGER NOT NULL, "       \
    "first_token_us INTEGER, outcome TEXT NOT NULL, price TEXT NOT NULL, baseline_price TEXT NOT NULL, "          \
    "cost INTEGER NOT NULL, baseline INTEGER NOT NULL, saved_route INTEGER NOT NULL, "                            \
    "saved_distil INTEGER NOT NULL, saved_cache INTEGER NOT NULL, saved_tier INTEGER NOT NULL, "                  \
    "profile TEXT NOT NULL DEFAULT '', tags TEXT NOT NULL DEFAULT ''"

#define KEEP_LINES                                                                                                \
    "CREATE TRIGGER line_keep BEFORE UPDATE ON line WHEN old.checksum IS NOT NULL "                               \
    "BEGIN SELECT RAISE(ABORT, 'lines are never changed'); END;"

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE line (" COLUMNS ", checksum INTEGER) STRICT;"
    "CREATE TABLE price (name TEXT NOT NULL UNIQUE, rates TEXT NOT NULL, checksum INTEGER) STRICT;"
    "CREATE TABLE unsealed (below INTEGER NOT NULL) STRICT;"
    "INSERT INTO unsealed VALUES (0);"
    KEEP_LINES
    "CREATE TRIGGER line_stay BEFORE DELETE ON line BEGIN SELECT RAISE(ABORT, 'lines are never deleted'); END;"
    "PRAGMA user_version = 3;"
    "COMMIT;";

/* From the version of the index to the next. Lines get their checksums later, some at a time (ledger_db_tend). */
static const char *const upgrades[LEDGER_DB_VERSION] = {
    [1] = "BEGIN IMMEDIATE;"
          "ALTER TABLE line ADD COLUMN profile TEXT NOT NULL DEFAULT '';"
          "ALTER TABLE line ADD COLUMN tags TEXT NOT NULL DEFAULT '';"
          "PRAGMA user_version = 2;"
          "COMMIT;",
    [2] = "BEGIN IMMEDIATE;"
          "ALTER TABLE line ADD COLUMN checksum INTEGER;"
          "ALTER TABLE price ADD COLUMN checksum INTEGER;"
          "UPDATE price SET checksum = seal(name, rates);"
          "CREATE TABLE unsealed (below INTEGER NOT NULL) STRICT;"
          "INSERT INTO unsealed SELECT coalesce(max(rowid), 0) + 1 FROM line;"
          "DROP TRIGGER line_keep;"
          KEEP_LINES
          "PRAGMA user_version = 3;"
          "COMMIT;",
};
_Static_assert(LEDGER_DB_VERSION == 3, "the schema and the upgrades say so");

#define VALUES                                                                                                    \
    "?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26"

/* --- opening --- */

static enum error_code check_version(struct ledger_db *db, const char *path, int64_t *version, struct error *error)
{
    enum error_code code = sql_version(db->sql, version, error);
    if (code == OK && *version > LEDGER_DB_VERSION)
        return error_set(error, ERROR_INVALID, "%s: made by a newer version of this program; use that one", path);
    if (code == ERROR_INTERNAL)
        return error_prefix(error, "the ledger is damaged (move the file away to begin a new one)");
    return code;
}

enum noted { NOTED, NOTED_OTHERWISE, NOTED_DAMAGED };

/* What the row of this name says that was noted before, with other rates. */
static enum error_code compare_price(struct sql_statement *compare, enum noted *noted, struct error *error)
{
    bool is_different = false;
    enum error_code code = sql_step(compare, &is_different, error);
    *noted = !is_different ? NOTED : sql_int(compare, 0) ? NOTED_OTHERWISE : NOTED_DAMAGED;
    if (code == OK && is_different)
        sql_reset(compare);
    return code;
}

/* A row that can't be read, or is not what was written, is the fault of ledger.db and keeps nobody from starting:
 * lines name it all the same, and the book knows its rates. */
static enum error_code note_price(struct ledger_db *db, struct sql_statement *insert, struct sql_statement *compare,
                                  const struct price_row *row, struct error *error)
{
    struct buf rates;
    enum noted noted = NOTED;
    buf_init(&rates, ROW_TEXT_MAX);
    price_row_append(&rates, row);
    struct sql_statement *const both[] = {insert, compare};
    for (size_t i = 0; i < 2; i++) {
        sql_bind_text(both[i], 1, str_of(row->name));
        sql_bind_text(both[i], 2, buf_str(&rates));
    }
    enum error_code code = rates.failed ? error_no_memory(error) : sql_run(insert, error);
    if (code == OK)
        code = compare_price(compare, &noted, error);
    buf_deinit(&rates);
    if (noted == NOTED_OTHERWISE)
        return error_set(error, ERROR_CONFLICT,
                         "prices: %s has other prices than those that lines of the ledger name by it; give the book "
                         "a new version", row->name);
    if (code == OK && noted != NOTED_DAMAGED)
        return OK;
    if (code != OK && code != ERROR_INTERNAL)
        return code;
    db->damaged_prices++;
    log_event(LOG_ERROR, "a price row in ledger.db is damaged", LOG_C("row", row->name),
              LOG_C("error", code == OK ? "its checksum does not fit" : error->message));
    return OK;
}

static enum error_code note_all(struct ledger_db *db, const struct price_book *book, struct sql_statement *insert,
                                struct sql_statement *compare, struct error *error)
{
    enum error_code code = ledger_db_begin(db, error);
    for (size_t i = 0; i < price_book_count(book) && code == OK; i++)
        code = note_price(db, insert, compare, price_book_row(book, i), error);
    if (code == OK)
        return ledger_db_commit(db, error);
    ledger_db_rollback(db);
    return code;
}

static enum error_code note_prices(struct ledger_db *db, const struct price_book *book, struct error *error)
{
    struct sql_statement *insert = NULL, *compare = NULL;
    enum error_code code =
        sql_prepare(db->sql, "INSERT OR IGNORE INTO price VALUES (?1, ?2, seal(?1, ?2))", &insert, error);
    if (code == OK)
        code = sql_prepare(db->sql, "SELECT checksum IS seal(name, rates) FROM price WHERE name = ? AND rates <> ?",
                           &compare, error);
    if (code == OK)
        code = note_all(db, book, insert, compare, error);
    sql_free(insert);
    sql_free(compare);
    if (code != ERROR_INTERNAL)
        return code;
    db->damaged_prices++;
    log_event(LOG_ERROR, "price rows cannot be noted, ledger.db is damaged", LOG_C("error", error->message));
    return OK;
}

/* Looks each line up by its ID as well, so that a damaged index is seen. */
static enum error_code prepare_tending(struct ledger_db *db, struct error *error)
{
    enum error_code code = sql_prepare(db->sql,
                                       "UPDATE line SET checksum = seal(" LEDGER_LINE_COLUMNS ") "
                                       "WHERE rowid BETWEEN ? AND ? AND checksum IS NULL "
                                       "AND rowid < (SELECT below FROM unsealed)", &db->seal, error);
    if (code == OK)
        code = sql_prepare(db->sql,
                           "SELECT rowid, request_id FROM line WHERE rowid BETWEEN ? AND ? AND (" LEDGER_LINE_DAMAGED
                           " OR NOT EXISTS (SELECT 1 FROM line AS same WHERE same.request_id = line.request_id))",
                           &db->find, error);
    return code;
}

static enum error_code prepare(struct ledger_db *db, const char *path, const struct price_book *book,
                               struct error *error)
{
    int64_t version = 0;
    enum error_code code = check_version(db, path, &version, error);
    if (code == OK && version == 0) {
        code = sql_exec(db->sql, schema, error);
        version = LEDGER_DB_VERSION;
    }
    for (; code == OK && version < LEDGER_DB_VERSION; version++)
        code = sql_exec(db->sql, upgrades[version], error);
    if (code == OK)
        code = note_prices(db, book, error);
    if (code == OK)
        code = sql_prepare(db->sql, "INSERT OR IGNORE INTO line VALUES (" VALUES ", seal(" VALUES "))", &db->insert,
                           error);
    if (code == OK)
        code = prepare_tending(db, error);
    return code;
}

enum error_code ledger_db_open(const char *path, const struct price_book *book, struct ledger_db **db,
                               struct error *error)
{
    struct ledger_db *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    enum error_code code = sql_open(path, SQL_WRITE, &made->sql, error);
    if (code == ERROR_INTERNAL)
        code = error_prefix(error, "the ledger is damaged (move the file away to begin a new one)");
    if (code == OK)
        code = prepare(made, path, book, error);
    if (code != OK) {
        ledger_db_close(made);
        return code;
    }
    made->version = LEDGER_DB_VERSION;
    made->tend_last = -1;
    *db = made;
    return OK;
}

static enum error_code prepare_view(struct ledger_db *db, const char *path, struct error *error)
{
    int64_t version = 0;
    enum error_code code = check_version(db, path, &version, error);
    if (code == OK && version == 0)
        code = error_set(error, ERROR_INVALID, "%s is not a ledger", path);
    if (code == OK)
        code = sql_exec(db->sql, "CREATE TEMP TABLE recent (" COLUMNS ") STRICT;", error);
    if (code == OK)
        code = sql_exec(db->sql,
                        version < 2 ? "CREATE TEMP VIEW kept AS SELECT rowid AS n, *, '' AS profile, '' AS tags FROM "
                                      "main.line;"
                                    : "CREATE TEMP VIEW kept AS SELECT rowid AS n, " LEDGER_LINE_COLUMNS
                                      " FROM main.line;",
                        error);
    if (code == OK)
        code = sql_prepare(db->sql, "INSERT OR IGNORE INTO temp.recent VALUES (" VALUES ")", &db->insert, error);
    db->version = version;
    if (code == OK)
        code = sql_prepare(db->sql, "DELETE FROM temp.recent WHERE request_id = ?", &db->forget, error);
    return code;
}

enum error_code ledger_db_open_view(const char *path, struct ledger_db **db, struct error *error)
{
    struct stat info;
    if (stat(path, &info))
        return error_set(error, ERROR_NOT_FOUND, "there is no ledger at %s; `fulcrum serve` makes one", path);
    struct ledger_db *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    enum error_code code = sql_open(path, SQL_READ, &made->sql, error);
    if (code == OK)
        code = prepare_view(made, path, error);
    if (code != OK) {
        ledger_db_close(made);
        return code;
    }
    *db = made;
    return OK;
}

void ledger_db_close(struct ledger_db *db)
{
    if (!db)
        return;
    sql_free(db->insert);
    sql_free(db->forget);
    sql_free(db->seal);
    sql_free(db->find);
    sql_close(db->sql);
    mem_free(db);
}

/* --- writing --- */

enum error_code ledger_db_begin(struct ledger_db *db, struct error *error)
{
    return sql_exec(db->sql, "BEGIN IMMEDIATE", error);
}

enum error_code ledger_db_commit(struct ledger_db *db, struct error *error)
{
    return sql_exec(db->sql, "COMMIT", error);
}

void ledger_db_rollback(struct ledger_db *db)
{
    sql_rollback(db->sql);
}

enum error_code ledger_db_insert(struct ledger_db *db, const struct ledger_line *line, struct error *error)
{
    struct sql_statement *insert = db->insert;
    int n = 1;
    sql_bind_text(insert, n++, line->request_id);
    sql_bind_int(insert, n++, (int64_t)line->time_us);
    sql_bind_text(insert, n++, line->tenant);
    sql_bind_text(insert, n++, line->dialect);
    sql_bind_text(insert, n++, line->operation);
    sql_bind_text(insert, n++, line->model_requested);
    sql_bind_text(insert, n++, line->model_invoked);
    sql_bind_text(insert, n++, str_of(tier_names[line->tier]));
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        sql_bind_int(insert, n++, (int64_t)line->usage.tokens[i]);
    sql_bind_int(insert, n++, (int64_t)line->latency_us);
    if (line->first_token_us == LEDGER_NO_TOKEN)
        sql_bind_null(insert, n++);
    else
        sql_bind_int(insert, n++, (int64_t)line->first_token_us);
    sql_bind_text(insert, n++, str_of(ledger_outcome_names[line->outcome]));
    sql_bind_text(insert, n++, line->price);
    sql_bind_text(insert, n++, line->baseline_price);
    sql_bind_int(insert, n++, (int64_t)line->quote.cost);
    sql_bind_int(insert, n++, (int64_t)line->quote.baseline);
    for (size_t i = 0; i < LEVERS; i++)
        sql_bind_int(insert, n++, line->quote.saved[i]);
    sql_bind_text(insert, n++, line->profile);
    sql_bind_text(insert, n++, line->tags);
    return sql_run(insert, error);
}

enum error_code ledger_db_forget(struct ledger_db *db, struct str request_id, struct error *error)
{
    sql_bind_text(db->forget, 1, request_id);
    return sql_run(db->forget, error);
}

/* --- checksums --- */

bool ledger_db_has_checksums(const struct ledger_db *db)
{
    return db->version >= 3;
}

uint64_t ledger_db_damaged_prices(const struct ledger_db *db)
{
    return db->damaged_prices;
}

static enum error_code begin_tending(struct ledger_db *db, struct error *error)
{
    struct sql_statement *last;
    bool has_row;
    enum error_code code = sql_prepare(db->sql, "SELECT coalesce(max(rowid), 0) FROM line", &last, error);
    if (code != OK)
        return code;
    code = sql_step(last, &has_row, error);
    db->tend_last = code == OK && has_row ? sql_int(last, 0) : 0;
    sql_free(last);
    return code;
}

static void bind_range(struct sql_statement *statement, int64_t first, int64_t last)
{
    sql_bind_int(statement, 1, first);
    sql_bind_int(statement, 2, last);
}

static enum error_code find_damage(struct ledger_db *db, int64_t first, int64_t last,
                                   void (*each)(void *ctx, int64_t row, struct str request_id), void *ctx,
                                   struct error *error)
{
    bool has_row;
    enum error_code code;
    bind_range(db->find, first, last);
    while ((code = sql_step(db->find, &has_row, error)) == OK && has_row)
        each(ctx, sql_int(db->find, 0), sql_text(db->find, 1));
    return code;
}

enum error_code ledger_db_tend(struct ledger_db *db, uint64_t rows,
                               void (*each)(void *ctx, int64_t row, struct str request_id), void *ctx, bool *is_done,
                               struct error *error)
{
    enum error_code code = db->tend_last < 0 ? begin_tending(db, error) : OK;
    *is_done = false;
    if (code != OK)
        return code;
    const int64_t first = db->tended + 1, left = db->tend_last - db->tended;
    const int64_t last = left > (int64_t)rows ? db->tended + (int64_t)rows : db->tend_last;
    code = find_damage(db, first, last, each, ctx, error);
    if (code == OK) {
        bind_range(db->seal, first, last);
        code = sql_run(db->seal, error);
    }
    if (code != OK)
        return code;
    db->tended = last;
    *is_done = last == db->tend_last;
    return *is_done ? sql_exec(db->sql, "UPDATE unsealed SET below = 0 WHERE below <> 0", error) : OK;
}

struct sql *ledger_db_sql(struct ledger_db *db)
{
    return db->sql;
}
