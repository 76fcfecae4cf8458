/* ledger_db.c - see ledger_db.h. */
#include "ledger/ledger_db.h"

#include <assert.h>
#include <sys/stat.h>

#include "core/log.h"
#include "core/mem.h"
#include "store/sql.h"

#define ROW_TEXT_MAX 65536
#define FIRST_WITH_CHECKSUMS 3
#define FIRST_WITH_SUMS 8 /* by all that they are asked for */

struct ledger_db {
    struct sql *sql;
    struct sql_statement *insert;
    struct sql_statement *forget;      /* NULL unless it is a view */
    struct sql_statement *seal, *find; /* NULL in a view */
    int64_t version;
    int64_t kept; /* of a view: up to here lines stay */
    int64_t tended;    /* the last line that was looked at */
    int64_t tend_last; /* the last that was there when it began; -1: not begun */
    uint64_t damaged_prices;
};

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

/* --- price rows --- */

/* What note_price needs. */
struct noting {
    struct sql_statement *insert, *compare, *extend;
};

static void bind_price(struct sql_statement *statement, const struct price_row *row, const struct buf *rates)
{
    sql_bind_text(statement, 1, str_of(row->name));
    sql_bind_text(statement, 2, buf_str(rates));
}

static void say_damaged_price(struct ledger_db *db, const struct price_row *row, const char *why)
{
    db->damaged_prices++;
    log_event(LOG_ERROR, "a price row in ledger.db is damaged", LOG_C("row", row->name), LOG_C("error", why));
}

/* The row was noted before, with another text. */
static enum error_code note_again(struct ledger_db *db, struct noting *noting, const struct price_row *row,
                                  const struct buf *rates, struct error *error)
{
    const bool is_sealed = sql_int(noting->compare, 0) != 0;
    const enum price_difference difference = price_row_compare(row, sql_text(noting->compare, 1));
    sql_reset(noting->compare);
    if (!is_sealed) {
        say_damaged_price(db, row, "its checksum does not fit");
        return OK;
    }
    if (difference >= PRICE_OTHER)
        return error_set(error, ERROR_CONFLICT,
                         "prices: %s has other prices than those that lines of the ledger name by it; give the book "
                         "a new version", row->name);
    if (difference == PRICE_SAME)
        return OK;
    bind_price(noting->extend, row, rates);
    return sql_run(noting->extend, error);
}

/* A row that can't be read, or is not what was written, is the fault of ledger.db and keeps nobody from starting:
 * lines name it all the same, and the book knows its rates. */
static enum error_code note_price(struct ledger_db *db, struct noting *noting, const struct price_row *row,
                                  struct error *error)
{
    struct buf rates;
    bool is_different = false;
    buf_init(&rates, ROW_TEXT_MAX);
    price_row_append(&rates, row);
    bind_price(noting->insert, row, &rates);
    bind_price(noting->compare, row, &rates);
    enum error_code code = rates.failed ? error_no_memory(error) : sql_run(noting->insert, error);
    if (code == OK)
        code = sql_step(noting->compare, &is_different, error);
    if (code == OK && is_different)
        code = note_again(db, noting, row, &rates, error);
    buf_deinit(&rates);
    if (code != ERROR_INTERNAL)
        return code;
    say_damaged_price(db, row, error->message);
    return OK;
}

/* Rows of a book, by number. */
struct row_range {
    const struct price_book *book;
    const struct price_row *(*at)(const struct price_book *book, size_t index);
    size_t first, end;
};

static enum error_code note_all(struct ledger_db *db, const struct row_range *rows, struct noting *noting,
                                struct error *error)
{
    enum error_code code = ledger_db_begin(db, error);
    for (size_t i = rows->first; i < rows->end && code == OK; i++)
        code = note_price(db, noting, rows->at(rows->book, i), error);
    if (code == OK)
        return ledger_db_commit(db, error);
    ledger_db_rollback(db);
    return code;
}

static enum error_code note_prices(struct ledger_db *db, const struct row_range *rows, struct error *error)
{
    struct noting noting = {0};
    enum error_code code = sql_prepare(db->sql, "INSERT OR IGNORE INTO price VALUES (?1, ?2, seal(?1, ?2))",
                                       &noting.insert, error);
    if (code == OK)
        code = sql_prepare(db->sql,
                           "SELECT checksum IS seal(name, rates), rates FROM price WHERE name = ? AND rates <> ?",
                           &noting.compare, error);
    if (code == OK)
        code = sql_prepare(db->sql, "UPDATE price SET rates = ?2, checksum = seal(?1, ?2) WHERE name = ?1",
                           &noting.extend, error);
    if (code == OK)
        code = note_all(db, rows, &noting, error);
    sql_free(noting.insert);
    sql_free(noting.compare);
    sql_free(noting.extend);
    if (code != ERROR_INTERNAL)
        return code;
    db->damaged_prices++;
    log_event(LOG_ERROR, "price rows cannot be noted, ledger.db is damaged", LOG_C("error", error->message));
    return OK;
}

enum error_code ledger_db_note_added(struct ledger_db *db, const struct price_book *book, size_t first, size_t end,
                                     struct error *error)
{
    return note_prices(db, &(struct row_range){book, price_book_added, first, end}, error);
}

/* --- opening for writing --- */

/* Looks each line up by its index as well, so that a damaged index is seen. */
static enum error_code prepare_tending(struct ledger_db *db, struct error *error)
{
    enum error_code code = sql_prepare(db->sql,
                                       "UPDATE line SET checksum = seal(" LEDGER_LINE_COLUMNS ") "
                                       "WHERE rowid BETWEEN ? AND ? AND checksum IS NULL "
                                       "AND rowid < (SELECT below FROM unsealed)", &db->seal, error);
    if (code == OK)
        code = sql_prepare(db->sql,
                           "SELECT rowid, request_id FROM line WHERE rowid BETWEEN ? AND ? AND ("
                           LEDGER_LINE_DAMAGED("rowid")
                           " OR NOT EXISTS (SELECT 1 FROM line AS same INDEXED BY line_time "
                           "WHERE same.time_us = line.time_us AND same.request_id = line.request_id))",
                           &db->find, error);
    return code;
}

#define PARAMETERS_MAX 1024

/* INTO is the table, behind which values and, where they are kept, their checksum go. */
static enum error_code prepare_insert(struct ledger_db *db, const char *into, bool is_sealed, struct error *error)
{
    struct buf text;
    buf_init(&text, 3 * PARAMETERS_MAX);
    buf_appendf(&text, "INSERT OR IGNORE INTO %s VALUES (", into);
    for (int list = 0; list < (is_sealed ? 2 : 1); list++) {
        buf_append_text(&text, list ? ", seal(" : "");
        for (int i = 1; i <= LEDGER_COLUMN_COUNT; i++)
            buf_appendf(&text, "%s?%d", i > 1 ? "," : "", i);
    }
    buf_append_text(&text, is_sealed ? "))" : ")");
    buf_append_char(&text, '\0');
    enum error_code code = text.failed ? error_no_memory(error) : sql_prepare(db->sql, text.data, &db->insert, error);
    buf_deinit(&text);
    return code;
}

static enum error_code prepare(struct ledger_db *db, const char *path, const struct price_book *book,
                               struct error *error)
{
    int64_t version = 0;
    enum error_code code = check_version(db, path, &version, error);
    if (code == OK)
        code = migrate(db->sql, &ledger_migration, error);
    if (code == OK)
        code = note_prices(db, &(struct row_range){book, price_book_row, 0, price_book_count(book)}, error);
    if (code == OK)
        code = prepare_insert(db, "line (" LEDGER_LINE_COLUMNS ", checksum)", true, error);
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

/* --- opening a view --- */

static enum error_code make_kept(struct ledger_db *db, struct error *error)
{
    struct buf text;
    buf_init(&text, 8 * PARAMETERS_MAX);
    buf_append_text(&text, "CREATE TEMP VIEW kept AS SELECT rowid AS n");
    for (size_t i = 0; i < LEDGER_COLUMN_COUNT; i++)
        buf_appendf(&text, ", %s%s", ledger_columns[i].since > db->version ? "NULL AS " : "", ledger_columns[i].name);
    buf_appendf(&text, ", %schecksum FROM main.line", ledger_db_has_checksums(db) ? "" : "NULL AS ");
    buf_append_char(&text, '\0');
    enum error_code code = text.failed ? error_no_memory(error) : sql_exec(db->sql, text.data, error);
    buf_deinit(&text);
    return code;
}

static enum error_code prepare_view(struct ledger_db *db, const char *path, struct error *error)
{
    enum error_code code = check_version(db, path, &db->version, error);
    if (code == OK && db->version == 0)
        code = error_set(error, ERROR_INVALID, "%s is not a ledger", path);
    if (code == OK)
        code = sql_exec(db->sql, "CREATE TEMP TABLE recent (" LEDGER_LINE_COLUMNS ");"
                                 "CREATE UNIQUE INDEX temp.recent_id ON recent (request_id);", error);
    if (code == OK)
        code = make_kept(db, error);
    if (code == OK)
        code = prepare_insert(db, "temp.recent", false, error);
    if (code == OK)
        code = sql_prepare(db->sql, "DELETE FROM temp.recent WHERE request_id = ? AND rowid > ?", &db->forget, error);
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

static void bind_column(struct sql_statement *insert, int index, struct ledger_line *line,
                        const struct ledger_column *column)
{
    if (ledger_kind_is_text(column->kind))
        sql_bind_text(insert, index, *ledger_column_text(line, column));
    else if (column->kind == LEDGER_TIER)
        sql_bind_text(insert, index, str_of(tier_names[line->tier]));
    else if (column->kind == LEDGER_OUTCOME)
        sql_bind_text(insert, index, str_of(ledger_outcome_names[line->outcome]));
    else if (ledger_kind_is_optional(column->kind) && *ledger_column_number(line, column) == LEDGER_ABSENT)
        sql_bind_null(insert, index);
    else
        sql_bind_int(insert, index, (int64_t)*ledger_column_number(line, column));
}

enum error_code ledger_db_insert(struct ledger_db *db, const struct ledger_line *line, struct error *error)
{
    struct ledger_line copy = *line; /* columns are reached by pointers that may write */
    assert(line->tier < TIERS_PRICED && line->outcome < LEDGER_OUTCOMES);
    for (int i = 0; i < LEDGER_COLUMN_COUNT; i++)
        bind_column(db->insert, i + 1, &copy, &ledger_columns[i]);
    return sql_run(db->insert, error);
}

enum error_code ledger_db_keep(struct ledger_db *db, struct error *error)
{
    return sql_number(db->sql, "SELECT coalesce(max(rowid), 0) FROM temp.recent", &db->kept, error);
}

enum error_code ledger_db_forget(struct ledger_db *db, struct str request_id, struct error *error)
{
    sql_bind_text(db->forget, 1, request_id);
    sql_bind_int(db->forget, 2, db->kept);
    return sql_run(db->forget, error);
}

/* --- checksums --- */

bool ledger_db_has_checksums(const struct ledger_db *db)
{
    return db->version >= FIRST_WITH_CHECKSUMS;
}

bool ledger_db_has_sums(const struct ledger_db *db)
{
    return db->version >= FIRST_WITH_SUMS;
}

uint64_t ledger_db_damaged_prices(const struct ledger_db *db)
{
    return db->damaged_prices;
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
    enum error_code code = OK;
    if (db->tend_last < 0)
        code = sql_number(db->sql, "SELECT coalesce(max(rowid), 0) FROM line", &db->tend_last, error);
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
