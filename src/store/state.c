/* state.c - opens state.db and brings each room's tables to its version. What the tables hold is the rooms'. See
 * state.h. */
#include "store/state.h"

#include <stdio.h>

#include "store/migrate.h"

#define PATH_MAX_BYTES 4096

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

enum error_code state_migrate(struct sql *sql, const char *room, const char *const *steps, size_t step_count,
                              struct error *error)
{
    const struct migration migration = {.room = room, .steps = steps, .step_count = step_count};
    const enum error_code code = migrate(sql, &migration, error);
    return code == ERROR_INVALID ? error_prefix(error, STATE_DB_FILE) : code;
}

enum error_code state_open_room(const char *data, const struct state_room *room, struct sql **sql,
                                struct sql_statement **queries, struct error *error)
{
    enum error_code code = state_open(data, sql, error);
    if (code == OK)
        code = state_migrate(*sql, room->name, room->steps, room->step_count, error);
    for (size_t i = 0; code == OK && i < room->text_count; i++)
        code = sql_prepare(*sql, room->texts[i], &queries[i], error);
    return code;
}
