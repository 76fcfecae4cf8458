#include "store/state.h"

#include <stdio.h>

#include "core/buf.h"

#define PATH_MAX_BYTES 4096
#define STEP_BYTES_MAX 65536

enum error_code state_open(const char *data, struct sql **sql, struct error *error)
{
    char path[PATH_MAX_BYTES];
    int len = snprintf(path, sizeof(path), "%s/" STATE_DB_FILE, data);
    if (len < 0 || (size_t)len >= sizeof(path))
        return error_set(error, ERROR_INVALID, "data directory: the path is too long");
    enum error_code code = sql_open(path, SQL_WRITE, sql, error);
    if (code != OK)
        return code;
    code = sql_exec(*sql, "CREATE TABLE IF NOT EXISTS schema (room TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT",
                    error);
    if (code != OK)
        sql_close(*sql);
    return code;
}

static enum error_code read_version(struct sql *sql, const char *room, int64_t *version, struct error *error)
{
    struct sql_statement *statement;
    bool has_row = false;
    enum error_code code = sql_prepare(sql, "SELECT version FROM schema WHERE room = ?", &statement, error);
    if (code != OK)
        return code;
    sql_bind_text(statement, 1, str_of(room));
    code = sql_step(statement, &has_row, error);
    *version = has_row ? sql_int(statement, 0) : 0;
    sql_free(statement);
    return code;
}

static enum error_code run_step(struct sql *sql, const char *room, const char *step, size_t version,
                                struct error *error)
{
    struct buf text;
    buf_init(&text, STEP_BYTES_MAX);
    buf_appendf(&text, "BEGIN IMMEDIATE; %s; INSERT INTO schema VALUES ('%s', %zu) ON CONFLICT (room) DO UPDATE SET "
                       "version = excluded.version; COMMIT;", step, room, version);
    buf_append_char(&text, '\0');
    enum error_code code = text.failed ? error_no_memory(error) : sql_exec(sql, text.data, error);
    if (code != OK)
        sql_rollback(sql);
    buf_deinit(&text);
    return code;
}

enum error_code state_migrate(struct sql *sql, const char *room, const char *const *steps, size_t step_count,
                              struct error *error)
{
    int64_t version;
    enum error_code code = read_version(sql, room, &version, error);
    if (code == OK && (version < 0 || (uint64_t)version > step_count))
        return error_set(error, ERROR_INVALID,
                         STATE_DB_FILE ": its tables of %s have version %lld, this program knows them up to %zu; "
                         "start the program that wrote them", room, (long long)version, step_count);
    for (size_t at = (size_t)version; code == OK && at < step_count; at++)
        code = run_step(sql, room, steps[at], at + 1, error);
    return code;
}
