/* follow.c - see follow.h. */
#include "ledger/follow.h"

#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "ledger/ledger_db.h"
#include "ledger/view_internal.h"
#include "store/sql.h"

#define PATH_MAX_BYTES 4096

struct ledger_follow {
    struct ledger_db *db;
    struct sql_statement *next, *mark, *last;
};

static enum error_code prepare(struct ledger_follow *follow, struct error *error)
{
    struct sql *sql = ledger_db_sql(follow->db);
    enum error_code code = sql_prepare(sql, "SELECT " LEDGER_LINE_COLUMNS ", n FROM temp.kept WHERE n > ? AND n <= ? "
                                            "ORDER BY n", &follow->next, error);
    if (code == OK)
        code = sql_prepare(sql, "SELECT request_id FROM main.line WHERE rowid = ?", &follow->mark, error);
    if (code == OK)
        code = sql_prepare(sql, "SELECT coalesce(max(rowid), 0) FROM main.line", &follow->last, error);
    return code;
}

enum error_code ledger_follow_open(const char *data, struct ledger_follow **follow, struct error *error)
{
    char path[PATH_MAX_BYTES];
    const int len = snprintf(path, sizeof(path), "%s/" LEDGER_DB_FILE, data);
    if (len < 0 || (size_t)len >= sizeof(path))
        return error_set(error, ERROR_INVALID, "data directory: the path is too long");
    struct ledger_follow *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    enum error_code code = ledger_db_open_view(path, &made->db, error);
    if (code == OK)
        code = prepare(made, error);
    if (code != OK) {
        ledger_follow_close(made);
        return code;
    }
    *follow = made;
    return OK;
}

void ledger_follow_close(struct ledger_follow *follow)
{
    if (!follow)
        return;
    sql_free(follow->next);
    sql_free(follow->mark);
    sql_free(follow->last);
    ledger_db_close(follow->db);
    mem_free(follow);
}

static enum error_code read_last(struct ledger_follow *follow, int64_t *last, struct error *error)
{
    bool has_row = false;
    const enum error_code code = sql_step(follow->last, &has_row, error);
    *last = code == OK && has_row ? sql_int(follow->last, 0) : 0;
    if (has_row)
        sql_reset(follow->last);
    return code;
}

enum error_code ledger_follow_next(struct ledger_follow *follow, int64_t *row, uint64_t max,
                                   enum error_code (*each)(void *ctx, const struct ledger_line *line,
                                                           struct error *error),
                                   void *ctx, bool *has_more, struct error *error)
{
    int64_t last, end;
    bool has_row = true;
    enum error_code code = read_last(follow, &last, error);
    end = last - *row > (int64_t)max ? *row + (int64_t)max : last;
    *has_more = code == OK && end < last;
    if (code != OK || end <= *row)
        return code;
    sql_bind_int(follow->next, 1, *row);
    sql_bind_int(follow->next, 2, end);
    while (code == OK && (code = sql_step(follow->next, &has_row, error)) == OK && has_row) {
        struct ledger_line line;
        if (view_read_line(follow->next, &line))
            code = each(ctx, &line, error);
    }
    if (has_row)
        sql_reset(follow->next);
    *row = code == OK ? end : *row;
    return code;
}

enum error_code ledger_follow_mark(struct ledger_follow *follow, int64_t row, char mark[LEDGER_MARK_MAX],
                                   struct error *error)
{
    bool has_row = false;
    sql_bind_int(follow->mark, 1, row);
    const enum error_code code = sql_step(follow->mark, &has_row, error);
    const struct str id = code == OK && has_row ? sql_text(follow->mark, 0) : STR("");
    (void)snprintf(mark, LEDGER_MARK_MAX, STR_FMT, STR_ARG(id));
    if (has_row)
        sql_reset(follow->mark);
    return code;
}
