/* added.c - see added.h. */
#include "model/added.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/config_section.h"
#include "core/machine.h"

#define MAGIC "GGUF"
#define DEFINITION_MAX ((size_t)64 << 10)

const char *const added_state_names[ADDED_STATES] = {
    [ADDED_WANTED] = "wanted", [ADDED_LOADING] = "loading",   [ADDED_READY] = "ready",
    [ADDED_FAILED] = "failed", [ADDED_REMOVING] = "removing",
};

static const char *const steps[] = {
    "CREATE TABLE model (revision INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, definition TEXT NOT NULL, "
    "state TEXT NOT NULL, message TEXT NOT NULL DEFAULT '') STRICT; "
    "CREATE INDEX model_by_name ON model (name)",
};

enum error_code added_open(const char *data, struct sql **sql, struct error *error)
{
    enum error_code code = state_open(data, sql, error);
    if (code != OK)
        return code;
    code = state_migrate(*sql, "model", steps, sizeof(steps) / sizeof(steps[0]), error);
    if (code != OK) {
        sql_close(*sql);
        *sql = NULL;
    }
    return code;
}

/* --- rows ------------------------------------------------------------------------------------------- */

/* A state that a newer program wrote is none of ours: nothing is done about it. */
static enum added_state state_of(struct str text)
{
    for (int i = 0; i < ADDED_STATES; i++)
        if (str_eq(text, str_of(added_state_names[i])))
            return (enum added_state)i;
    return ADDED_FAILED;
}

static bool read_row(struct sql_statement *select, struct arena *arena, struct added_row *row)
{
    *row = (struct added_row){
        .revision = sql_int(select, 0),
        .name = arena_strdup(arena, sql_text(select, 1)),
        .definition = arena_strdup(arena, sql_text(select, 2)),
        .state = state_of(sql_text(select, 3)),
        .message = arena_strdup(arena, sql_text(select, 4)),
    };
    return row->name && row->definition && row->message;
}

static enum error_code count_rows(struct sql *sql, int64_t *count, struct error *error)
{
    struct sql_statement *select;
    bool has_row = false;
    enum error_code code = sql_prepare(sql, "SELECT count(*) FROM model", &select, error);
    if (code == OK)
        code = sql_step(select, &has_row, error);
    *count = code == OK && has_row ? sql_int(select, 0) : 0;
    sql_free(select);
    return code;
}

enum error_code added_list(struct sql *sql, struct arena *arena, struct added_row **rows, size_t *count,
                           struct error *error)
{
    static const char text[] = "SELECT revision, name, definition, state, message FROM model ORDER BY revision LIMIT ?";
    struct sql_statement *select = NULL;
    int64_t most;
    bool has_row = true;
    *count = 0;
    enum error_code code = count_rows(sql, &most, error);
    if (code != OK)
        return code;
    *rows = ARENA_ARRAY(arena, struct added_row, (size_t)most + 1);
    if (!*rows)
        return error_no_memory(error);
    code = sql_prepare(sql, text, &select, error);
    if (code != OK)
        return code;
    sql_bind_int(select, 1, most);
    while (code == OK && (code = sql_step(select, &has_row, error)) == OK && has_row)
        if (!read_row(select, arena, &(*rows)[(*count)++]))
            code = error_no_memory(error);
    sql_free(select);
    return code;
}

/* A statement with one parameter: a name, or a revision. */
static enum error_code run(struct sql *sql, const char *text, const char *name, struct error *error)
{
    struct sql_statement *statement;
    enum error_code code = sql_prepare(sql, text, &statement, error);
    if (code != OK)
        return code;
    sql_bind_text(statement, 1, str_of(name));
    code = sql_run(statement, error);
    sql_free(statement);
    return code;
}

static enum error_code run_on(struct sql *sql, const char *text, int64_t revision, struct error *error)
{
    struct sql_statement *statement;
    enum error_code code = sql_prepare(sql, text, &statement, error);
    if (code != OK)
        return code;
    sql_bind_int(statement, 1, revision);
    code = sql_run(statement, error);
    sql_free(statement);
    return code;
}

static enum error_code insert(struct sql *sql, const char *name, struct str definition, int64_t *revision,
                              struct error *error)
{
    struct sql_statement *statement;
    bool has_row = false;
    enum error_code code =
        sql_prepare(sql, "INSERT INTO model (name, definition, state) VALUES (?, ?, 'wanted') RETURNING revision",
                    &statement, error);
    if (code != OK)
        return code;
    sql_bind_text(statement, 1, str_of(name));
    sql_bind_text(statement, 2, definition);
    code = sql_step(statement, &has_row, error);
    if (code == OK)
        *revision = sql_int(statement, 0);
    sql_free(statement);
    return code;
}

enum error_code added_insert(struct sql *sql, const char *name, struct str definition, int64_t *revision,
                             struct error *error)
{
    enum error_code code = sql_exec(sql, "BEGIN IMMEDIATE", error);
    if (code != OK)
        return code;
    code = run(sql, "DELETE FROM model WHERE name = ? AND state = 'failed'", name, error);
    if (code == OK)
        code = insert(sql, name, definition, revision, error);
    if (code == OK)
        code = sql_exec(sql, "COMMIT", error);
    if (code != OK)
        sql_rollback(sql);
    return code;
}

/* Of a row that somebody has begun to remove nothing else is said. */
static enum error_code update(struct sql *sql, int64_t revision, enum added_state state, const char *message,
                              struct error *error)
{
    struct sql_statement *statement;
    enum error_code code =
        sql_prepare(sql, "UPDATE model SET state = ?2, message = ?3 WHERE revision = ?1 AND state <> 'removing'",
                    &statement, error);
    if (code != OK)
        return code;
    sql_bind_int(statement, 1, revision);
    sql_bind_text(statement, 2, str_of(added_state_names[state]));
    sql_bind_text(statement, 3, str_of(message));
    code = sql_run(statement, error);
    sql_free(statement);
    return code;
}


enum error_code added_set(struct sql *sql, int64_t revision, enum added_state state, const char *message,
                          struct error *error)
{
    enum error_code code = sql_exec(sql, "BEGIN IMMEDIATE", error);
    if (code != OK)
        return code;
    code = update(sql, revision, state, message, error);
    if (code == OK && state == ADDED_READY)
        code = run_on(sql,
                      "DELETE FROM model WHERE revision < ?1 AND state <> 'removing' AND "
                      "name = (SELECT name FROM model WHERE revision = ?1)",
                      revision, error);
    if (code == OK)
        code = sql_exec(sql, "COMMIT", error);
    if (code != OK)
        sql_rollback(sql);
    return code;
}

enum error_code added_begin_removal(struct sql *sql, const char *name, struct error *error)
{
    return run(sql, "UPDATE model SET state = 'removing', message = '' WHERE name = ?", name, error);
}

enum error_code added_remove(struct sql *sql, int64_t revision, struct error *error)
{
    return run_on(sql, "DELETE FROM model WHERE revision = ?1 AND state = 'removing'", revision, error);
}

enum error_code added_forget(struct sql *sql, const char *name, struct error *error)
{
    return run(sql, "DELETE FROM model WHERE name = ?", name, error);
}

/* --- definitions ------------------------------------------------------------------------------------ */

/* "model:1: models[0].context: expected..." without what only says that there is one model. */
static void say_without_place(struct error *error)
{
    static const char place[] = "model:1: models[0]";
    const struct str message = str_of(error->message);
    if (!str_starts(message, STR(place)))
        return;
    size_t skip = sizeof(place) - 1;
    while (skip < message.len && strchr(".: ", message.data[skip]))
        skip++;
    memmove(error->message, error->message + skip, message.len - skip + 1);
}

enum error_code added_parse(struct str definition, struct config *config, struct error *error)
{
    static const struct config_section *const sections[] = {&config_server_section, NULL};
    struct buf text;
    buf_init(&text, DEFINITION_MAX);
    buf_append_text(&text, "{\"models\": [");
    buf_append_str(&text, definition);
    buf_append_text(&text, "]}\n");
    enum error_code code = text.failed ? error_set(error, ERROR_INVALID, "the model's definition is too long")
                                       : config_parse(buf_str(&text), "model", sections, config, error);
    buf_deinit(&text);
    if (code == ERROR_INVALID)
        say_without_place(error);
    if (code == OK && config->model_count != 1) {
        config_deinit(config);
        return error_set(error, ERROR_INVALID, "a definition is of one model");
    }
    return code;
}

static enum error_code check_size(const char *path, uint64_t bytes, struct error *error)
{
    const uint64_t available = machine_memory_available();
    if (available == 0 || bytes <= available)
        return OK;
    return error_set(error, ERROR_NO_MEMORY, "too little memory: %s has %llu MiB, %llu MiB are available", path,
                     (unsigned long long)(bytes >> 20), (unsigned long long)(available >> 20));
}

enum error_code added_check_file(const struct config_model *model, struct error *error)
{
    char magic[sizeof(MAGIC) - 1];
    struct stat info;
    if (!model->path || model->worker)
        return OK;
    const int fd = open(model->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_set_errno(error, ERROR_NOT_FOUND, errno, "cannot open %s", model->path);
    enum error_code code = OK;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        code = error_set(error, ERROR_INVALID, "%s is not a file", model->path);
    else if (read(fd, magic, sizeof(magic)) != (ssize_t)sizeof(magic) || memcmp(magic, MAGIC, sizeof(magic)) != 0)
        code = error_set(error, ERROR_INVALID, "%s is not a GGUF file", model->path);
    else
        code = check_size(model->path, (uint64_t)info.st_size, error);
    close(fd);
    return code;
}
