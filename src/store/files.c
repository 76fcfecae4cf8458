/* files.c - a table of state.db beside a directory of bytes, behind one mutex. See files.h. */
#include "store/files.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/io.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/util.h"
#include "store/disk.h"
#include "store/state.h"

#define DIRECTORY "files"
#define ID_PREFIX "file-"
#define ID_RANDOM_LEN (FILES_ID_LEN - (sizeof(ID_PREFIX) - 1))
#define SPOOL_PREFIX "new-"

#define COLUMNS "id, sequence, tenant, name, purpose, bytes, created_us, expires_us"

enum query {
    QUERY_PUT,
    QUERY_GET,
    QUERY_HAS,
    QUERY_DELETE,
    QUERY_USAGE,
    QUERY_EXPIRED,
    QUERY_LIST_UP,
    QUERY_LIST_DOWN,
    QUERIES,
};

struct files {
    char directory[FILES_PATH_MAX];
    pthread_mutex_t mutex; /* of all that follows */
    struct sql *sql;
    struct sql_statement *queries[QUERIES];
};

static const char *const steps[] = {
    "CREATE TABLE file (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, "
    "name TEXT NOT NULL, purpose TEXT NOT NULL, bytes INTEGER NOT NULL, created_us INTEGER NOT NULL, "
    "expires_us INTEGER NOT NULL) STRICT;"
    "CREATE INDEX file_tenant ON file (tenant, sequence);"
    "CREATE INDEX file_expires ON file (expires_us) WHERE expires_us > 0",
};

#define LIST                                                                                                    \
    "SELECT " COLUMNS " FROM file WHERE tenant = ?1 AND (purpose = ?2 OR (?2 = '' AND purpose NOT LIKE '.%')) " \
    "AND (expires_us = 0 OR expires_us > ?3) "

static const char *const texts[QUERIES] = {
    [QUERY_PUT] = "INSERT INTO file (id, tenant, name, purpose, bytes, created_us, expires_us) "
                  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET bytes = excluded.bytes "
                  "WHERE tenant = excluded.tenant RETURNING sequence",
    [QUERY_GET] = "SELECT " COLUMNS " FROM file WHERE id = ?1 AND tenant = ?2 AND (expires_us = 0 OR expires_us > ?3)",
    [QUERY_HAS] = "SELECT 1 FROM file WHERE id = ?1",
    [QUERY_DELETE] = "DELETE FROM file WHERE id = ?1",
    [QUERY_USAGE] = "SELECT count(*), coalesce(sum(bytes), 0) FROM file WHERE tenant = ?1",
    [QUERY_EXPIRED] = "SELECT id FROM file WHERE expires_us > 0 AND expires_us <= ?1 LIMIT 1",
    [QUERY_LIST_UP] = LIST "AND sequence > ?4 ORDER BY sequence LIMIT ?5",
    [QUERY_LIST_DOWN] = LIST "AND (?4 = 0 OR sequence < ?4) ORDER BY sequence DESC LIMIT ?5",
};

static enum error_code fail(const char *what, const char *path, struct error *error)
{
    const bool is_full = errno == ENOSPC || errno == EDQUOT;
    return error_set_errno(error, is_full ? ERROR_UNAVAILABLE : ERROR_IO, errno, "cannot %s %s", what, path);
}

/* `id` is a row's own, or one that was checked. */
static void path_of(const struct files *files, struct str id, char path[FILES_PATH_MAX])
{
    const int len = snprintf(path, FILES_PATH_MAX, "%.4000s/" STR_FMT, files->directory, STR_ARG(id));
    assert(len > 0 && len < FILES_PATH_MAX);
    (void)len;
}

/* --- IDs -------------------------------------------------------------------------------------------- */

void files_new_id(char id[FILES_ID_LEN + 1])
{
    memcpy(id, ID_PREFIX, sizeof(ID_PREFIX) - 1);
    random_id(id + sizeof(ID_PREFIX) - 1, ID_RANDOM_LEN);
}

void files_id_of(struct str text, char id[FILES_ID_LEN + 1])
{
    uint8_t digest[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];
    sha256(text, digest);
    hex_encode(digest, sizeof(digest), hex);
    (void)snprintf(id, FILES_ID_LEN + 1, ID_PREFIX "%.*s", (int)ID_RANDOM_LEN, hex);
}

static bool is_id(struct str id)
{
    const struct str prefix = STR(ID_PREFIX);
    return id.len == FILES_ID_LEN && str_starts(id, prefix) &&
           is_random_id(str_slice(id, prefix.len, id.len), ID_RANDOM_LEN);
}

static enum error_code not_found(struct str id, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "There is no file '" STR_FMT "'.", STR_ARG(str_slice(id, 0, 64)));
}

void files_spool_path(struct files *files, char path[FILES_PATH_MAX])
{
    char id[ID_RANDOM_LEN + 1];
    random_id(id, ID_RANDOM_LEN);
    const int len = snprintf(path, FILES_PATH_MAX, "%.4000s/" SPOOL_PREFIX "%s", files->directory, id);
    assert(len > 0 && len < FILES_PATH_MAX);
    (void)len;
}

/* --- opening ---------------------------------------------------------------------------------------- */

static enum error_code has_row(struct files *files, struct str id, bool *has, struct error *error)
{
    struct sql_statement *query = files->queries[QUERY_HAS];
    sql_bind_text(query, 1, id);
    const enum error_code code = sql_step(query, has, error);
    if (code == OK && *has)
        sql_reset(query);
    return code;
}

/* What an earlier process has left: bytes that were not whole, or without their row. */
static void sweep(struct files *files)
{
    DIR *dir = opendir(files->directory);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        struct error error;
        char path[FILES_PATH_MAX];
        const struct str name = str_of(entry->d_name);
        bool has = false;
        if (entry->d_name[0] == '.' || (is_id(name) && (has_row(files, name, &has, &error) != OK || has)))
            continue;
        path_of(files, name, path);
        (void)unlink(path);
    }
    if (dir)
        (void)closedir(dir);
}

static enum error_code prepare(struct files *files, const char *data, struct error *error)
{
    static const struct state_room room = {.name = "files",
                                           .steps = steps,
                                           .texts = texts,
                                           .step_count = sizeof(steps) / sizeof(steps[0]),
                                           .text_count = QUERIES};
    const int len = snprintf(files->directory, sizeof(files->directory), "%s/" DIRECTORY, data);
    if (len < 0 || len > 4000)
        return error_set(error, ERROR_INVALID, "data directory: the path is too long");
    if (mkdir(files->directory, 0700) && errno != EEXIST)
        return fail("make", files->directory, error);
    const enum error_code code = state_open_room(data, &room, &files->sql, files->queries, error);
    if (code == OK)
        sweep(files);
    return code;
}

enum error_code files_open(const char *data, struct files **files, struct error *error)
{
    struct files *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    pthread_mutex_init(&made->mutex, NULL);
    const enum error_code code = prepare(made, data, error);
    if (code != OK) {
        files_close(made);
        return code;
    }
    *files = made;
    return OK;
}

void files_close(struct files *files)
{
    if (!files)
        return;
    for (size_t i = 0; i < QUERIES; i++)
        sql_free(files->queries[i]);
    sql_close(files->sql);
    pthread_mutex_destroy(&files->mutex);
    mem_free(files);
}

/* --- rows, with the mutex held ------------------------------------------------------------------------ */

static enum error_code read_row(struct sql_statement *query, struct arena *arena, struct file_row *row,
                                struct error *error)
{
    const struct str id = sql_text(query, 0);
    *row = (struct file_row){.sequence = sql_int(query, 1),
                             .bytes = (uint64_t)sql_int(query, 5),
                             .created_us = (uint64_t)sql_int(query, 6),
                             .expires_us = (uint64_t)sql_int(query, 7)};
    if (id.len != FILES_ID_LEN)
        return error_set(error, ERROR_INTERNAL, STATE_DB_FILE ": file '" STR_FMT "' makes no sense", STR_ARG(id));
    memcpy(row->id, id.data, id.len);
    return arena_str(arena, sql_text(query, 2), &row->tenant) && arena_str(arena, sql_text(query, 3), &row->name) &&
                   arena_str(arena, sql_text(query, 4), &row->purpose)
               ? OK
               : error_no_memory(error);
}

/* The row goes first: bytes without one are nobody's. */
static enum error_code remove_file(struct files *files, struct str id, struct error *error)
{
    char path[FILES_PATH_MAX];
    sql_bind_text(files->queries[QUERY_DELETE], 1, id);
    const enum error_code code = sql_run(files->queries[QUERY_DELETE], error);
    path_of(files, id, path);
    if (code == OK && io_unlinkat(AT_FDCWD, path, 0) && errno != ENOENT)
        log_event(LOG_WARN, "file stays until the next start", LOG_C("path", path));
    return code;
}

static void drop_expired(struct files *files)
{
    struct sql_statement *query = files->queries[QUERY_EXPIRED];
    struct error error;
    bool has = true;
    enum error_code code = OK;
    while (code == OK && has) {
        char id[FILES_ID_LEN + 1] = {0};
        sql_bind_int(query, 1, (int64_t)clock_wall_us());
        code = sql_step(query, &has, &error);
        if (code != OK || !has)
            break;
        (void)snprintf(id, sizeof(id), STR_FMT, STR_ARG(sql_text(query, 0)));
        sql_reset(query);
        code = remove_file(files, str_of(id), &error);
    }
    if (code != OK)
        log_event(LOG_ERROR, "files whose time is up stay", LOG_C("error", error.message));
}

static enum error_code check_quota(struct files *files, const struct file_row *row, struct error *error)
{
    struct sql_statement *query = files->queries[QUERY_USAGE];
    bool has = false;
    sql_bind_text(query, 1, row->tenant);
    const enum error_code code = sql_step(query, &has, error);
    if (code != OK)
        return code;
    const uint64_t count = has ? (uint64_t)sql_int(query, 0) : 0, bytes = has ? (uint64_t)sql_int(query, 1) : 0;
    sql_reset(query);
    if (count >= limit(files))
        return error_set(error, ERROR_QUOTA, "There are %llu files already, as many as may be kept: delete some.",
                         (unsigned long long)count);
    if (row->bytes > limit(files_bytes) || bytes > limit(files_bytes) - row->bytes)
        return error_set(error, ERROR_QUOTA, "All files together would have more than the limit of %llu bytes: delete "
                         "some.", (unsigned long long)limit(files_bytes));
    return OK;
}

static enum error_code insert(struct files *files, struct file_row *row, struct error *error)
{
    struct sql_statement *query = files->queries[QUERY_PUT];
    const struct str strings[] = {str_of(row->id), row->tenant, row->name, row->purpose};
    bool has = false, more = false;
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        sql_bind_text(query, (int)i + 1, strings[i]);
    sql_bind_int(query, 5, (int64_t)row->bytes);
    sql_bind_int(query, 6, (int64_t)row->created_us);
    sql_bind_int(query, 7, (int64_t)row->expires_us);
    enum error_code code = sql_step(query, &has, error);
    if (code == OK && !has)
        return error_set(error, ERROR_CONFLICT, "the file's ID is somebody else's");
    if (code == OK) {
        row->sequence = sql_int(query, 0);
        code = sql_step(query, &more, error); /* to its end, which commits it */
    }
    return code;
}

/* --- adding ----------------------------------------------------------------------------------------- */

static enum error_code sync_bytes(const char *path, struct file_row *row, struct error *error)
{
    struct stat info;
    const int fd = io_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return fail("open", path, error);
    enum error_code code = fstat(fd, &info) || io_fsync(fd) ? fail("sync", path, error) : OK;
    row->bytes = code == OK ? (uint64_t)info.st_size : 0;
    (void)close(fd);
    return code;
}

enum error_code files_add(struct files *files, const char *path, struct file_row *row, struct error *error)
{
    char name[FILES_PATH_MAX];
    assert(is_id(str_of(row->id)));
    row->created_us = clock_wall_us();
    enum error_code code = sync_bytes(path, row, error);
    path_of(files, str_of(row->id), name);
    pthread_mutex_lock(&files->mutex);
    drop_expired(files);
    if (code == OK)
        code = check_quota(files, row, error);
    if (code == OK && io_renameat(AT_FDCWD, path, AT_FDCWD, name))
        code = fail("rename", path, error);
    if (code == OK)
        code = insert(files, row, error);
    pthread_mutex_unlock(&files->mutex);
    if (code != OK)
        (void)unlink(path);
    return code;
}

/* --- reading ---------------------------------------------------------------------------------------- */

static enum error_code get(struct files *files, struct str tenant, struct str id, struct arena *arena,
                           struct file_row *row, struct error *error)
{
    struct sql_statement *query = files->queries[QUERY_GET];
    bool has = false;
    if (!is_id(id))
        return not_found(id, error);
    sql_bind_text(query, 1, id);
    sql_bind_text(query, 2, tenant);
    sql_bind_int(query, 3, (int64_t)clock_wall_us());
    enum error_code code = sql_step(query, &has, error);
    if (code != OK)
        return code;
    if (!has)
        return not_found(id, error);
    code = read_row(query, arena, row, error);
    sql_reset(query);
    return code;
}

enum error_code files_get(struct files *files, struct str tenant, struct str id, struct arena *arena,
                          struct file_row *row, struct error *error)
{
    pthread_mutex_lock(&files->mutex);
    const enum error_code code = get(files, tenant, id, arena, row, error);
    pthread_mutex_unlock(&files->mutex);
    return code;
}

enum error_code files_read(struct files *files, struct str tenant, struct str id, struct arena *arena,
                           struct file_row *row, int *fd, struct error *error)
{
    char path[FILES_PATH_MAX];
    pthread_mutex_lock(&files->mutex);
    enum error_code code = get(files, tenant, id, arena, row, error);
    if (code == OK) {
        path_of(files, id, path);
        *fd = io_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
        code = *fd >= 0 ? OK : fail("open", path, error);
    }
    pthread_mutex_unlock(&files->mutex);
    return code;
}

enum error_code files_delete(struct files *files, struct str tenant, struct str id, struct error *error)
{
    struct arena arena;
    struct file_row row;
    arena_init(&arena, 0);
    pthread_mutex_lock(&files->mutex);
    enum error_code code = get(files, tenant, id, &arena, &row, error);
    if (code == OK)
        code = remove_file(files, id, error);
    pthread_mutex_unlock(&files->mutex);
    arena_deinit(&arena);
    return code;
}

static enum error_code list(struct sql_statement *query, const struct file_filter *filter, struct arena *arena,
                            struct file_row *rows, size_t *count, bool *has_more, struct error *error)
{
    bool has = true;
    enum error_code code;
    sql_bind_text(query, 1, filter->tenant);
    sql_bind_text(query, 2, filter->purpose);
    sql_bind_int(query, 3, (int64_t)clock_wall_us());
    sql_bind_int(query, 4, filter->beyond);
    sql_bind_int(query, 5, (int64_t)filter->max + 1);
    while ((code = sql_step(query, &has, error)) == OK && has) {
        *has_more = *count == filter->max;
        if (*has_more || (code = read_row(query, arena, &rows[*count], error)) != OK)
            break;
        (*count)++;
    }
    sql_reset(query);
    return code;
}

enum error_code files_list(struct files *files, const struct file_filter *filter, struct arena *arena,
                           struct file_row **rows, size_t *count, bool *has_more, struct error *error)
{
    *count = 0;
    *has_more = false;
    *rows = ARENA_ARRAY(arena, struct file_row, filter->max);
    if (!*rows)
        return error_no_memory(error);
    pthread_mutex_lock(&files->mutex);
    drop_expired(files);
    const enum error_code code = list(files->queries[filter->is_ascending ? QUERY_LIST_UP : QUERY_LIST_DOWN], filter,
                                      arena, *rows, count, has_more, error);
    pthread_mutex_unlock(&files->mutex);
    return code;
}
