/* spent.c - see spent.h. */
#include "ledger/spent.h"

#include <stdio.h>

#include "core/mem.h"
#include "ledger/ledger_db.h"
#include "store/sql.h"

#define PATH_MAX_BYTES 4096

struct ledger_spent {
    struct ledger_db *db;
    struct ledger_follow *follow; /* for its marks */
    struct sql_statement *last, *before, *late, *sums;
};

static enum error_code prepare(struct ledger_spent *spent, struct error *error)
{
    struct sql *sql = ledger_db_sql(spent->db);
    enum error_code code = sql_prepare(sql, "SELECT coalesce(max(rowid), 0) FROM main.line", &spent->last, error);
    if (code == OK)
        code = sql_prepare(sql, "SELECT coalesce((SELECT min(rowid) - 1 FROM main.line WHERE time_us >= ?), "
                                "(SELECT max(rowid) FROM main.line), 0)", &spent->before, error);
    if (code == OK)
        code = sql_prepare(sql, "SELECT time_us / 86400000000, tenant, coalesce(api_key, ''), tags, cost, time_us "
                                "FROM temp.kept WHERE n > ?1 AND n <= ?2 AND time_us < ?3 AND cost > 0", &spent->late,
                           error);
    if (code == OK) /* total() would be a double, and sum() fails past 64 bits: halves that can't */
        code = sql_prepare(sql, "SELECT time_us / 86400000000 AS day, tenant, coalesce(api_key, '') AS api_key, tags, "
                                "sum(cost >> 32), sum(cost & 4294967295) FROM temp.kept WHERE n > ?1 AND n <= ?2 "
                                "AND cost > 0 GROUP BY 1, 2, 3, 4", &spent->sums, error);
    return code;
}

enum error_code ledger_spent_open(const char *data, struct ledger_spent **spent, struct error *error)
{
    char path[PATH_MAX_BYTES];
    const int len = snprintf(path, sizeof(path), "%s/" LEDGER_DB_FILE, data);
    if (len < 0 || (size_t)len >= sizeof(path))
        return error_set(error, ERROR_INVALID, "data directory: the path is too long");
    struct ledger_spent *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    enum error_code code = ledger_db_open_view(path, &made->db, error);
    if (code == OK)
        code = ledger_follow_open(data, &made->follow, error);
    if (code == OK)
        code = prepare(made, error);
    if (code != OK) {
        ledger_spent_close(made);
        return code;
    }
    *spent = made;
    return OK;
}

void ledger_spent_close(struct ledger_spent *spent)
{
    if (!spent)
        return;
    sql_free(spent->last);
    sql_free(spent->before);
    sql_free(spent->late);
    sql_free(spent->sums);
    ledger_follow_close(spent->follow);
    ledger_db_close(spent->db);
    mem_free(spent);
}

enum error_code ledger_spent_mark(struct ledger_spent *spent, int64_t row, char mark[LEDGER_MARK_MAX],
                                  struct error *error)
{
    return ledger_follow_mark(spent->follow, row, mark, error);
}

static enum error_code read_number(struct sql_statement *query, int64_t *number, struct error *error)
{
    bool has_row = false;
    const enum error_code code = sql_step(query, &has_row, error);
    *number = has_row ? sql_int(query, 0) : 0;
    sql_reset(query);
    return code;
}

enum error_code ledger_spent_before(struct ledger_spent *spent, uint64_t from_us, int64_t *row, struct error *error)
{
    sql_bind_int(spent->before, 1, (int64_t)from_us);
    return read_number(spent->before, row, error);
}

static enum error_code read_parts(struct sql_statement *query, bool is_late,
                                  enum error_code (*each)(void *ctx, const struct ledger_spent_part *part,
                                                          struct error *error),
                                  void *ctx, struct error *error)
{
    enum error_code code;
    bool has_row = true;
    while ((code = sql_step(query, &has_row, error)) == OK && has_row) {
        const int64_t day = sql_int(query, 0), high = is_late ? 0 : sql_int(query, 4);
        struct ledger_spent_part part = {
            .day = day < 0 ? 0 : (uint32_t)day,
            .tenant = sql_text(query, 1),
            .key = sql_text(query, 2),
            .tags = sql_text(query, 3),
        };
        if (is_late) {
            part.cost = (uint64_t)sql_int(query, 4);
            part.time_us = (uint64_t)sql_int(query, 5);
        } else {
            const __int128 sum = ((__int128)high << 32) + sql_int(query, 5);
            part.cost = sum > INT64_MAX ? INT64_MAX : (uint64_t)sum;
        }
        code = each(ctx, &part, error);
        if (code != OK)
            break;
    }
    sql_reset(query);
    return code;
}

enum error_code ledger_spent_next(struct ledger_spent *spent, int64_t *row, uint64_t late_us,
                                  enum error_code (*each)(void *ctx, const struct ledger_spent_part *part,
                                                          struct error *error),
                                  void *ctx, struct error *error)
{
    int64_t last;
    enum error_code code = read_number(spent->last, &last, error);
    if (code != OK || last <= *row)
        return code;
    sql_bind_int(spent->late, 1, *row);
    sql_bind_int(spent->late, 2, last);
    sql_bind_int(spent->late, 3, (int64_t)late_us);
    code = read_parts(spent->late, true, each, ctx, error);
    sql_bind_int(spent->sums, 1, *row);
    sql_bind_int(spent->sums, 2, last);
    if (code == OK)
        code = read_parts(spent->sums, false, each, ctx, error);
    if (code == OK)
        *row = last;
    return code;
}
