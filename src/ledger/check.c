/* check.c - reads all lines of ledger.db and names what does not add up. Changes nothing. See check.h. */
#include "ledger/check.h"

#include <stdio.h>

#include "ledger/ledger_db.h"
#include "store/journal.h"
#include "store/sql.h"

const char *const ledger_damage_names[LEDGER_DAMAGES] = {
    [LEDGER_DAMAGED_FILE] = "file",
    [LEDGER_DAMAGED_LINE] = "line",
    [LEDGER_DAMAGED_PRICE] = "price",
};

struct check {
    struct sql *sql;
    void (*each)(void *ctx, const struct ledger_damage *damage);
    void *ctx;
    struct ledger_checked *checked;
};

static void report(struct check *check, enum ledger_damage_kind kind, int64_t row, struct str name)
{
    const struct ledger_damage damage = {kind, row, name};
    check->checked->damages++;
    check->each(check->ctx, &damage);
}

/* Runs a query whose rows are damages: number and name. What stops it is a damage of the file. */
static enum error_code report_rows(struct check *check, const char *query, enum ledger_damage_kind kind,
                                   struct error *error)
{
    struct sql_statement *rows = NULL; /* a damaged schema has no such column */
    bool has_row;
    enum error_code code = sql_prepare(check->sql, query, &rows, error);
    while (code == OK && (code = sql_step(rows, &has_row, error)) == OK && has_row) {
        const struct str name = sql_text(rows, 1);
        if (kind != LEDGER_DAMAGED_FILE || !str_eq(name, STR("ok")))
            report(check, kind, sql_int(rows, 0), name);
    }
    sql_free(rows);
    if (code != ERROR_INTERNAL)
        return code;
    report(check, LEDGER_DAMAGED_FILE, 0, str_of(error->message));
    return OK;
}

/* 0 where the table can't be counted: that is reported elsewhere. */
static uint64_t count(struct check *check, const char *query)
{
    struct sql_statement *row;
    struct error ignored;
    bool has_row = false;
    if (sql_prepare(check->sql, query, &row, &ignored) != OK)
        return 0;
    const uint64_t value = sql_step(row, &has_row, &ignored) == OK && has_row ? (uint64_t)sql_int(row, 0) : 0;
    sql_free(row);
    return value;
}

static enum error_code check_all(struct check *check, bool has_checksums, struct error *error)
{
    enum error_code code = report_rows(check,
                                       "SELECT 0, integrity_check FROM pragma_integrity_check", /* 100 at most */
                                       LEDGER_DAMAGED_FILE, error);
    check->checked->lines = count(check, "SELECT count(*) FROM main.line");
    check->checked->prices = count(check, "SELECT count(*) FROM main.price");
    check->checked->unsealed = has_checksums
                                   ? count(check, "SELECT count(*) FROM temp.kept WHERE " LEDGER_LINE_UNSEALED("n"))
                                   : check->checked->lines;
    if (code == OK && has_checksums)
        code = report_rows(check, "SELECT n, request_id FROM temp.kept WHERE " LEDGER_LINE_DAMAGED("n"),
                           LEDGER_DAMAGED_LINE, error);
    if (code == OK && has_checksums)
        code = report_rows(check, "SELECT rowid, name FROM main.price WHERE checksum IS NOT seal(name, rates)",
                           LEDGER_DAMAGED_PRICE, error);
    return code;
}

enum error_code ledger_check(const char *data, void (*each)(void *ctx, const struct ledger_damage *damage), void *ctx,
                             struct ledger_checked *checked, struct error *error)
{
    char path[JOURNAL_PATH_MAX];
    struct ledger_db *db;
    *checked = (struct ledger_checked){0};
    if (snprintf(path, sizeof(path), "%s/" LEDGER_DB_FILE, data) >= (int)sizeof(path))
        return error_set(error, ERROR_INVALID, "data directory: the path is too long");
    struct check check = {.each = each, .ctx = ctx, .checked = checked};
    enum error_code code = ledger_db_open_view(path, &db, error);
    if (code == ERROR_INTERNAL) { /* not even its head can be read */
        report(&check, LEDGER_DAMAGED_FILE, 0, str_of(error->message));
        return OK;
    }
    if (code != OK)
        return code;
    check.sql = ledger_db_sql(db);
    code = check_all(&check, ledger_db_has_checksums(db), error);
    ledger_db_close(db);
    return code;
}
