/* migrate.c - see migrate.h. The version of a whole file is PRAGMA user_version,
 * that of a room a row of the table `schema`, which state.c makes. */
#include "store/migrate.h"

#include <assert.h>

#include "core/buf.h"

#define STEP_BYTES_MAX 65536

static enum error_code read_version(struct sql *sql, const char *room, int64_t *version, struct error *error)
{
    struct sql_statement *statement;
    bool has_row = false;
    if (!room)
        return sql_version(sql, version, error);
    enum error_code code = sql_prepare(sql, "SELECT version FROM schema WHERE room = ?", &statement, error);
    if (code != OK)
        return code;
    sql_bind_text(statement, 1, str_of(room));
    code = sql_step(statement, &has_row, error);
    *version = has_row ? sql_int(statement, 0) : 0;
    sql_free(statement);
    return code;
}

static enum error_code run_step(struct sql *sql, const struct migration *migration, size_t version,
                                struct error *error)
{
    struct buf text;
    buf_init(&text, STEP_BYTES_MAX);
    buf_appendf(&text, "BEGIN IMMEDIATE; %s; ", migration->steps[version - 1]);
    if (migration->room)
        buf_appendf(&text, "INSERT INTO schema VALUES ('%s', %zu) ON CONFLICT (room) DO UPDATE SET version = "
                           "excluded.version; COMMIT;", migration->room, version);
    else
        buf_appendf(&text, "PRAGMA user_version = %zu; COMMIT;", version);
    buf_append_char(&text, '\0');
    enum error_code code = text.failed ? error_no_memory(error) : sql_exec(sql, text.data, error);
    if (code != OK)
        sql_rollback(sql);
    buf_deinit(&text);
    return code;
}

enum error_code migrate(struct sql *sql, const struct migration *migration, struct error *error)
{
    int64_t version = 0;
    const char *room = migration->room;
    assert(migration->step_count > 0);
    enum error_code code = read_version(sql, room, &version, error);
    if (code == OK && (version < 0 || (uint64_t)version > migration->step_count))
        return error_set(error, ERROR_INVALID,
                         "its tables%s%s have version %lld, this program knows them up to %zu; start the program that "
                         "wrote them", room ? " of " : "", room ? room : "", (long long)version,
                         migration->step_count);
    for (size_t at = (size_t)version; code == OK && at < migration->step_count; at++)
        code = run_step(sql, migration, at + 1, error);
    return code;
}
