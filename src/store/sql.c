/* sql.c - opens SQLite's files, prepares statements, turns its codes into errors. No table is known here. */
#include "store/sql.h"

#define XXH_STATIC_LINKING_ONLY /* for a state on the stack */
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <xxhash.h>

#include "core/io.h"
#include "core/mem.h"
#include "store/sql_pack.h"

#define BUSY_TIMEOUT_MS 5000

struct sql {
    sqlite3 *handle;
    char *path;
    bool is_full; /* the last failure was for want of space */
};

struct sql_statement {
    sqlite3_stmt *handle;
    struct sql *sql;
    bool has_failed_bind;
};

/* Whether the disk took no more; SQLite says so outright, or calls it a failure of some step. */
static bool is_full(const struct sql *sql, int result)
{
    const int os_errno = sqlite3_system_errno(sql->handle);
    return (result & 0xff) == SQLITE_FULL ||
           ((result & 0xff) == SQLITE_IOERR && (os_errno == ENOSPC || os_errno == EDQUOT));
}

static enum error_code code_of(const struct sql *sql, int result)
{
    if (is_full(sql, result))
        return ERROR_UNAVAILABLE;
    switch (result & 0xff) {
    case SQLITE_NOMEM: return ERROR_NO_MEMORY;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ERROR_UNAVAILABLE;
    case SQLITE_CONSTRAINT: return ERROR_CONFLICT;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM: return ERROR_IO;
    default: return ERROR_INTERNAL;
    }
}

static enum error_code fail(struct sql *sql, int result, struct error *error)
{
    sql->is_full = sql->handle && is_full(sql, result);
    if ((result & 0xff) == SQLITE_NOMEM || !sql->handle)
        return error_no_memory(error);
    return error_set(error, code_of(sql, result), "%s: %s", sql->path, sqlite3_errmsg(sql->handle));
}

/* --- seal(...) --- */

/* Each value as its type, the length of what follows, and that: text and blobs as they are, numbers as 8 bytes,
 * little-endian. So no two lists of values look alike, and it is the same on every machine. NULLs at the end do not
 * count: a table that has gained columns since seals the rows of before as it did then. */
static void seal_value(XXH3_state_t *state, sqlite3_value *value)
{
    const int type = sqlite3_value_type(value);
    uint64_t head[2], number = 0;
    double real;
    const void *bytes = &number;
    size_t len = sizeof(number);
    switch (type) {
    case SQLITE_INTEGER: number = htole64((uint64_t)sqlite3_value_int64(value)); break;
    case SQLITE_FLOAT:
        real = sqlite3_value_double(value);
        memcpy(&number, &real, sizeof(number));
        number = htole64(number);
        break;
    case SQLITE_NULL: len = 0; break;
    default:
        bytes = type == SQLITE_TEXT ? (const void *)sqlite3_value_text(value) : sqlite3_value_blob(value);
        len = (size_t)sqlite3_value_bytes(value);
    }
    head[0] = htole64((uint64_t)type);
    head[1] = htole64(len);
    XXH3_64bits_update(state, head, sizeof(head));
    if (len > 0)
        XXH3_64bits_update(state, bytes, len);
}

static void seal(sqlite3_context *context, int count, sqlite3_value **values)
{
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    while (count > 0 && sqlite3_value_type(values[count - 1]) == SQLITE_NULL)
        count--;
    for (int i = 0; i < count; i++)
        seal_value(&state, values[i]);
    sqlite3_result_int64(context, (sqlite3_int64)XXH3_64bits_digest(&state));
}

static int add_functions(sqlite3 *handle)
{
    const int result = sqlite3_create_function_v2(
        handle, "seal", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, NULL, seal, NULL, NULL, NULL);
    return result == SQLITE_OK ? sql_pack_register(handle) : result;
}

/* --- faults --- */

/* SQLite's own calls fail as ours do, where a test wants that. Once per process, before the first database. */
static void share_faults(void)
{
    static const struct {
        const char *name;
        sqlite3_syscall_ptr call;
    } calls[] = {
        {"read", (sqlite3_syscall_ptr)io_read},   {"pread", (sqlite3_syscall_ptr)io_pread},
        {"write", (sqlite3_syscall_ptr)io_write}, {"pwrite", (sqlite3_syscall_ptr)io_pwrite},
        {"pread64", (sqlite3_syscall_ptr)io_pread}, {"pwrite64", (sqlite3_syscall_ptr)io_pwrite},
    };
    sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
    for (size_t i = 0; vfs && i < sizeof(calls) / sizeof(calls[0]); i++)
        (void)vfs->xSetSystemCall(vfs, calls[i].name, calls[i].call);
}

enum error_code sql_open(const char *path, enum sql_mode mode, struct sql **sql, struct error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (io_has_faults())
        (void)pthread_once(&once, share_faults);
    struct sql *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->path = mem_strdup(str_of(path));
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    flags |= mode == SQL_WRITE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    int result = made->path ? sqlite3_open_v2(path, &made->handle, flags, NULL) : SQLITE_NOMEM;
    if (result == SQLITE_OK)
        result = add_functions(made->handle);
    enum error_code code = result == SQLITE_OK ? OK : fail(made, result, error);
    if (code == OK) {
        sqlite3_busy_timeout(made->handle, BUSY_TIMEOUT_MS);
        /* 16 MiB of pages at most: IDs are random, so each line of the ledger touches pages all over its index. */
        if (mode == SQL_WRITE)
            code = sql_exec(made,
                            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384;",
                            error);
    }
    if (code != OK) {
        sql_close(made);
        return code;
    }
    *sql = made;
    return OK;
}

void sql_close(struct sql *sql)
{
    if (!sql)
        return;
    (void)sqlite3_close(sql->handle);
    mem_free(sql->path);
    mem_free(sql);
}

enum error_code sql_exec(struct sql *sql, const char *text, struct error *error)
{
    int result = sqlite3_exec(sql->handle, text, NULL, NULL, NULL);
    return result == SQLITE_OK ? OK : fail(sql, result, error);
}

bool sql_is_full(const struct sql *sql)
{
    return sql->is_full;
}

void sql_rollback(struct sql *sql)
{
    if (!sqlite3_get_autocommit(sql->handle))
        (void)sqlite3_exec(sql->handle, "ROLLBACK", NULL, NULL, NULL);
}

enum error_code sql_number(struct sql *sql, const char *text, int64_t *number, struct error *error)
{
    struct sql_statement *statement;
    bool has_row;
    enum error_code code = sql_prepare(sql, text, &statement, error);
    if (code != OK)
        return code;
    code = sql_step(statement, &has_row, error);
    if (code == OK)
        *number = has_row ? sql_int(statement, 0) : 0;
    sql_free(statement);
    return code;
}

enum error_code sql_version(struct sql *sql, int64_t *version, struct error *error)
{
    return sql_number(sql, "PRAGMA user_version", version, error);
}

enum error_code sql_prepare(struct sql *sql, const char *text, struct sql_statement **statement, struct error *error)
{
    struct sql_statement *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->sql = sql;
    int result = sqlite3_prepare_v3(sql->handle, text, -1, SQLITE_PREPARE_PERSISTENT, &made->handle, NULL);
    if (result != SQLITE_OK) {
        mem_free(made);
        return fail(sql, result, error);
    }
    *statement = made;
    return OK;
}

void sql_free(struct sql_statement *statement)
{
    if (!statement)
        return;
    (void)sqlite3_finalize(statement->handle);
    mem_free(statement);
}

static void note_bind(struct sql_statement *statement, int result)
{
    statement->has_failed_bind = statement->has_failed_bind || result != SQLITE_OK;
}

void sql_bind_int(struct sql_statement *statement, int index, int64_t value)
{
    note_bind(statement, sqlite3_bind_int64(statement->handle, index, value));
}

void sql_bind_text(struct sql_statement *statement, int index, struct str value)
{
    const char *data = value.data ? value.data : "";
    note_bind(statement, sqlite3_bind_text64(statement->handle, index, data, value.len, SQLITE_TRANSIENT, SQLITE_UTF8));
}

void sql_bind_blob(struct sql_statement *statement, int index, struct str value)
{
    note_bind(statement, sqlite3_bind_blob64(statement->handle, index, value.data ? value.data : "", value.len,
                                             SQLITE_TRANSIENT));
}

void sql_bind_null(struct sql_statement *statement, int index)
{
    note_bind(statement, sqlite3_bind_null(statement->handle, index));
}

void sql_reset(struct sql_statement *statement)
{
    (void)sqlite3_reset(statement->handle);
    statement->has_failed_bind = false;
}

enum error_code sql_step(struct sql_statement *statement, bool *has_row, struct error *error)
{
    *has_row = false;
    if (statement->has_failed_bind) {
        sql_reset(statement);
        return error_no_memory(error); /* of what may fail in a bind, only memory is not a bug */
    }
    int result = sqlite3_step(statement->handle);
    *has_row = result == SQLITE_ROW;
    if (result == SQLITE_ROW)
        return OK;
    enum error_code code = result == SQLITE_DONE ? OK : fail(statement->sql, result, error);
    sql_reset(statement);
    return code;
}

enum error_code sql_run(struct sql_statement *statement, struct error *error)
{
    bool has_row;
    enum error_code code;
    do
        code = sql_step(statement, &has_row, error);
    while (code == OK && has_row);
    return code;
}

int64_t sql_int(struct sql_statement *statement, int column)
{
    return sqlite3_column_int64(statement->handle, column);
}

struct str sql_text(struct sql_statement *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement->handle, column);
    return (struct str){(const char *)text, text ? (size_t)sqlite3_column_bytes(statement->handle, column) : 0};
}

struct str sql_blob(struct sql_statement *statement, int column)
{
    const void *bytes = sqlite3_column_blob(statement->handle, column);
    return (struct str){bytes, bytes ? (size_t)sqlite3_column_bytes(statement->handle, column) : 0};
}

bool sql_is_null(struct sql_statement *statement, int column)
{
    return sqlite3_column_type(statement->handle, column) == SQLITE_NULL;
}
