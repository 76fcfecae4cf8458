/* responses_store.c - one table of SQLite behind one mutex. See responses_store.h. */
#include "api/openai/responses_store.h"

#include <pthread.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/util.h"
#include "store/disk.h"
#include "store/migrate.h"

#define FILE_NAME "responses.db"
#define PATH_BYTES 4096
#define ROW_BYTES 256 /* of what is kept besides the texts */

enum query { QUERY_PUT, QUERY_GET, QUERY_DELETE, QUERY_EXPIRE, QUERY_SUMS, QUERY_OLDEST, QUERIES };

struct responses {
    pthread_mutex_t mutex; /* of all that follows */
    struct sql *sql;
    struct sql_statement *queries[QUERIES];
};

static const char *const steps[] = {
    "CREATE TABLE response (sequence INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, key TEXT NOT NULL,"
    " previous TEXT NOT NULL, expires_us INTEGER NOT NULL, bytes INTEGER NOT NULL, input TEXT NOT NULL,"
    " reply TEXT NOT NULL, UNIQUE (tenant, key)) STRICT;"
    "CREATE INDEX response_expires ON response (expires_us);"
    "CREATE INDEX response_age ON response (tenant, sequence);"
    "CREATE TABLE sums (tenant TEXT PRIMARY KEY, count INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;"
    "CREATE TRIGGER response_put AFTER INSERT ON response BEGIN"
    " INSERT INTO sums VALUES (new.tenant, 1, new.bytes)"
    " ON CONFLICT (tenant) DO UPDATE SET count = count + 1, bytes = bytes + excluded.bytes; END;"
    "CREATE TRIGGER response_gone AFTER DELETE ON response BEGIN"
    " UPDATE sums SET count = count - 1, bytes = bytes - old.bytes WHERE tenant = old.tenant; END;",
};

static const char *const texts[QUERIES] = {
    [QUERY_PUT] = "INSERT INTO response (tenant, key, previous, expires_us, bytes, input, reply)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [QUERY_GET] = "SELECT previous, input, reply FROM response WHERE tenant = ?1 AND key = ?2 AND expires_us > ?3",
    [QUERY_DELETE] = "DELETE FROM response WHERE tenant = ?1 AND key = ?2 AND expires_us > ?3 RETURNING sequence",
    /* A few at a time: more go than come. */
    [QUERY_EXPIRE] = "DELETE FROM response WHERE sequence IN"
                     " (SELECT sequence FROM response WHERE expires_us <= ?1 ORDER BY expires_us LIMIT 16)",
    [QUERY_SUMS] = "SELECT count > ?2 OR bytes > ?3 FROM sums WHERE tenant = ?1 AND count > 1",
    [QUERY_OLDEST] = "DELETE FROM response WHERE sequence = (SELECT min(sequence) FROM response WHERE tenant = ?1)",
};

enum error_code responses_open(const char *data, struct responses **responses, struct error *error)
{
    char path[PATH_BYTES];
    static const struct migration migration = {.steps = steps, .step_count = sizeof(steps) / sizeof(steps[0])};
    const int len = snprintf(path, sizeof(path), "%s/" FILE_NAME, data);
    if (len < 0 || (size_t)len >= sizeof(path))
        return error_set(error, ERROR_INVALID, "data directory: the path is too long");
    struct responses *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    pthread_mutex_init(&made->mutex, NULL);
    enum error_code code = sql_open(path, SQL_WRITE, &made->sql, error);
    if (code == OK) /* outlives the process, and not a power cut: nobody shall wait for the disk at each reply */
        code = sql_exec(made->sql, "PRAGMA synchronous = NORMAL", error);
    if (code == OK)
        code = migrate(made->sql, &migration, error);
    for (size_t i = 0; i < QUERIES && code == OK; i++)
        code = sql_prepare(made->sql, texts[i], &made->queries[i], error);
    if (code != OK) {
        responses_close(made);
        return code;
    }
    *responses = made;
    return OK;
}

void responses_close(struct responses *responses)
{
    if (!responses)
        return;
    for (size_t i = 0; i < QUERIES; i++)
        sql_free(responses->queries[i]);
    sql_close(responses->sql);
    pthread_mutex_destroy(&responses->mutex);
    mem_free(responses);
}

/* The statement with the tenant bound, and the key where there is one. */
static struct sql_statement *asked(struct responses *responses, enum query query, struct str tenant, struct str key)
{
    struct sql_statement *statement = responses->queries[query];
    sql_bind_text(statement, 1, tenant);
    if (key.data)
        sql_bind_text(statement, 2, key);
    return statement;
}

/* --- writing ---------------------------------------------------------------------------------------- */

static enum error_code insert(struct responses *responses, struct str tenant, struct str key,
                              const struct response_kept *kept, uint64_t now_us, struct error *error)
{
    struct sql_statement *put = asked(responses, QUERY_PUT, tenant, key);
    sql_bind_text(put, 3, kept->previous.data ? kept->previous : STR(""));
    sql_bind_int(put, 4, (int64_t)(now_us + 1000 * limit(responses_keep_ms)));
    sql_bind_int(put, 5, (int64_t)(kept->input.len + kept->reply.len + ROW_BYTES));
    sql_bind_text(put, 6, kept->input);
    sql_bind_text(put, 7, kept->reply);
    return sql_run(put, error);
}

/* The newest stays whatever its size. */
static enum error_code make_room(struct responses *responses, struct str tenant, struct error *error)
{
    for (;;) {
        bool has_row = false, is_over = false;
        struct sql_statement *sums = asked(responses, QUERY_SUMS, tenant, (struct str){0});
        sql_bind_int(sums, 2, (int64_t)limit(responses));
        sql_bind_int(sums, 3, (int64_t)limit(responses_bytes));
        enum error_code code = sql_step(sums, &has_row, error);
        is_over = code == OK && has_row && sql_int(sums, 0) != 0;
        sql_reset(sums);
        if (code == OK && is_over)
            code = sql_run(asked(responses, QUERY_OLDEST, tenant, (struct str){0}), error);
        if (code != OK || !is_over)
            return code;
    }
}

enum error_code responses_put(struct responses *responses, struct str tenant, struct str key,
                              const struct response_kept *kept, struct error *error)
{
    const uint64_t now_us = clock_wall_us();
    enum error_code code = disk_admit(kept->input.len + kept->reply.len + ROW_BYTES, error);
    if (code != OK)
        return code;
    pthread_mutex_lock(&responses->mutex);
    code = sql_exec(responses->sql, "BEGIN IMMEDIATE", error);
    sql_bind_int(responses->queries[QUERY_EXPIRE], 1, (int64_t)now_us);
    if (code == OK)
        code = sql_run(responses->queries[QUERY_EXPIRE], error);
    if (code == OK)
        code = insert(responses, tenant, key, kept, now_us, error);
    if (code == OK)
        code = make_room(responses, tenant, error);
    if (code == OK)
        code = sql_exec(responses->sql, "COMMIT", error);
    if (code != OK)
        sql_rollback(responses->sql);
    pthread_mutex_unlock(&responses->mutex);
    return code;
}

/* --- reading ---------------------------------------------------------------------------------------- */

static enum error_code not_found(struct str key, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "Response with id 'resp_" STR_FMT "' not found.",
                     STR_ARG(str_slice(key, 0, 64)));
}

static enum error_code read_row(struct sql_statement *row, struct arena *arena, struct response_kept *kept,
                                struct error *error)
{
    const bool is_kept = arena_str(arena, sql_text(row, 0), &kept->previous) &&
                         arena_str(arena, sql_text(row, 1), &kept->input) &&
                         arena_str(arena, sql_text(row, 2), &kept->reply);
    return is_kept ? OK : error_no_memory(error);
}

enum error_code responses_get(struct responses *responses, struct str tenant, struct str key, struct arena *arena,
                              struct response_kept *kept, struct error *error)
{
    bool has_row = false;
    pthread_mutex_lock(&responses->mutex);
    struct sql_statement *get = asked(responses, QUERY_GET, tenant, key);
    sql_bind_int(get, 3, (int64_t)clock_wall_us());
    enum error_code code = sql_step(get, &has_row, error);
    if (code == OK && has_row)
        code = read_row(get, arena, kept, error);
    sql_reset(get);
    pthread_mutex_unlock(&responses->mutex);
    return code == OK && !has_row ? not_found(key, error) : code;
}

enum error_code responses_delete(struct responses *responses, struct str tenant, struct str key, struct error *error)
{
    bool has_row = false, has_more = false;
    pthread_mutex_lock(&responses->mutex);
    struct sql_statement *delete = asked(responses, QUERY_DELETE, tenant, key);
    sql_bind_int(delete, 3, (int64_t)clock_wall_us());
    enum error_code code = sql_step(delete, &has_row, error);
    if (code == OK && has_row)
        code = sql_step(delete, &has_more, error); /* to its end, which commits it */
    sql_reset(delete);
    pthread_mutex_unlock(&responses->mutex);
    return code == OK && !has_row ? not_found(key, error) : code;
}
