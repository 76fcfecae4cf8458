#include "ledger/view.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/mem.h"
#include "ledger/drain.h"
#include "ledger/ledger.h"
#include "store/sql.h"

struct ledger_view {
    struct ledger_db *db;
};

/* Whether a server holds the data directory: then what is open is running. */
static bool is_served(const char *data)
{
    char path[JOURNAL_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/lock", data);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool is_held = flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd); /* and with it the lock, if it was free */
    return is_held;
}

/* --- the journal's lines, into the view's own table --- */

/* Any segment may go away while we read: then its lines are in the database. */
static enum error_code read_segment(struct ledger_db *db, const char *dir, uint64_t segment, enum ledger_record type,
                                    struct error *error)
{
    struct journal_reader *reader;
    struct journal_record record;
    enum error_code code = journal_reader_open(dir, segment, &reader, error);
    if (code != OK)
        return code == ERROR_NOT_FOUND ? OK : code;
    enum journal_read state = JOURNAL_RECORD;
    while (code == OK && (state = journal_reader_next(reader, &record, error)) == JOURNAL_RECORD) {
        struct ledger_line line;
        if (record.type != type || !ledger_line_decode(record.payload, &line))
            continue;
        code = type == LEDGER_REFUSED ? ledger_db_forget(db, line.request_id, error)
                                      : ledger_db_insert(db, &line, error);
    }
    if (state == JOURNAL_FAILED)
        code = error->code;
    journal_reader_close(reader);
    return code;
}

/* Finished lines go in first, so that an accepted one of the same request is left out. Refused ones go out again. */
static enum error_code read_journal(struct ledger_db *db, const char *data, bool has_server, struct error *error)
{
    char dir[JOURNAL_PATH_MAX];
    uint64_t *segments;
    size_t count;
    if (snprintf(dir, sizeof(dir), "%s/" LEDGER_JOURNAL_DIR, data) >= (int)sizeof(dir))
        return error_set(error, ERROR_INVALID, "data directory: the path is too long");
    enum error_code code = journal_list(dir, &segments, &count, error);
    static const enum ledger_record passes[] = {LEDGER_FINISHED, LEDGER_ACCEPTED, LEDGER_REFUSED};
    for (size_t pass = 0; pass < (has_server ? 1 : 3); pass++)
        for (size_t i = 0; i < count && code == OK; i++)
            code = read_segment(db, dir, segments[i], passes[pass], error);
    mem_free(segments);
    return code;
}

/* The snapshot of the database is taken by the first query after this one: a
 * line leaves the journal only once it is there, so none is missed. */
static enum error_code fill_recent(struct ledger_view *view, const char *data, struct error *error)
{
    struct sql *sql = ledger_db_sql(view->db);
    enum error_code code = sql_exec(sql, "BEGIN", error);
    if (code == OK)
        code = read_journal(view->db, data, is_served(data), error);
    if (code == OK)
        code = sql_exec(sql, "COMMIT", error);
    if (code == OK)
        code = sql_exec(sql,
                        "CREATE TEMP VIEW late AS SELECT rowid AS n, * FROM temp.recent "
                        "WHERE request_id NOT IN (SELECT request_id FROM main.line);"
                        "CREATE TEMP VIEW whole AS SELECT * FROM temp.kept UNION ALL SELECT * FROM late;",
                        error);
    return code;
}

enum error_code ledger_view_open(const char *data, struct ledger_view **view, struct error *error)
{
    char path[JOURNAL_PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/" LEDGER_DB_FILE, data) >= (int)sizeof(path))
        return error_set(error, ERROR_INVALID, "data directory: the path is too long");
    struct ledger_view *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    enum error_code code = ledger_db_open_view(path, &made->db, error);
    if (code == OK)
        code = fill_recent(made, data, error);
    if (code != OK) {
        ledger_view_close(made);
        return code;
    }
    *view = made;
    return OK;
}

void ledger_view_close(struct ledger_view *view)
{
    if (!view)
        return;
    ledger_db_close(view->db);
    mem_free(view);
}

/* --- lines --- */

/* Index of `text` among `names`, or -1. */
static int find_name(const char *const *names, struct str text)
{
    for (int i = 0; names[i]; i++) {
        if (str_eq(text, str_of(names[i])))
            return i;
    }
    return -1;
}

/* False: a bit has changed in a word that has to be one of a few. */
static bool read_line(struct sql_statement *row, struct ledger_line *line)
{
    int n = 0;
    *line = (struct ledger_line){0};
    line->request_id = sql_text(row, n++);
    line->time_us = (uint64_t)sql_int(row, n++);
    line->tenant = sql_text(row, n++);
    line->dialect = sql_text(row, n++);
    line->operation = sql_text(row, n++);
    line->model_requested = sql_text(row, n++);
    line->model_invoked = sql_text(row, n++);
    const bool has_tier = tier_find(sql_text(row, n++), &line->tier) && line->tier < TIERS;
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        line->usage.tokens[i] = (uint64_t)sql_int(row, n++);
    line->latency_us = (uint64_t)sql_int(row, n++);
    line->first_token_us = sql_is_null(row, n) ? LEDGER_NO_TOKEN : (uint64_t)sql_int(row, n);
    n++;
    int outcome = find_name(ledger_outcome_names, sql_text(row, n++));
    line->price = sql_text(row, n++);
    line->baseline_price = sql_text(row, n++);
    line->quote.cost = (uint64_t)sql_int(row, n++);
    line->quote.baseline = (uint64_t)sql_int(row, n++);
    for (size_t i = 0; i < LEVERS; i++)
        line->quote.saved[i] = sql_int(row, n++);
    line->profile = sql_text(row, n++);
    line->tags = sql_text(row, n++);
    if (!has_tier || outcome < 0)
        return false;
    line->outcome = (enum ledger_outcome)outcome;
    return true;
}

static enum error_code each_line(struct ledger_view *view, const char *query,
                                 enum error_code (*each)(void *ctx, const struct ledger_line *line,
                                                         struct error *error),
                                 void *ctx, struct error *error)
{
    struct sql_statement *rows;
    bool has_row = true;
    enum error_code code = sql_prepare(ledger_db_sql(view->db), query, &rows, error);
    if (code != OK)
        return code;
    while ((code = sql_step(rows, &has_row, error)) == OK && has_row) {
        struct ledger_line line;
        if (!read_line(rows, &line))
            continue; /* ledger_view_damages counts it */
        code = each(ctx, &line, error);
        if (code != OK)
            break;
    }
    sql_free(rows);
    return code;
}

enum error_code ledger_view_damages(struct ledger_view *view, uint64_t *count, struct error *error)
{
    struct sql_statement *row;
    bool has_row = false;
    *count = 0;
    if (!ledger_db_has_checksums(view->db))
        return OK;
    enum error_code code = sql_prepare(ledger_db_sql(view->db),
                                       "SELECT (SELECT count(*) FROM main.line WHERE " LEDGER_LINE_DAMAGED ") + "
                                       "(SELECT count(*) FROM main.price WHERE checksum IS NOT seal(name, rates))",
                                       &row, error);
    if (code != OK)
        return code;
    code = sql_step(row, &has_row, error);
    *count = code == OK && has_row ? (uint64_t)sql_int(row, 0) : 0;
    sql_free(row);
    return code;
}

/* Both queries see one snapshot. */
enum error_code ledger_view_lines(struct ledger_view *view,
                                  enum error_code (*each)(void *ctx, const struct ledger_line *line,
                                                          struct error *error),
                                  void *ctx, struct error *error)
{
    struct sql *sql = ledger_db_sql(view->db);
    enum error_code code = sql_exec(sql, "BEGIN", error);
    if (code != OK)
        return code;
    code = each_line(view, "SELECT " LEDGER_LINE_COLUMNS " FROM temp.kept ORDER BY n", each, ctx, error);
    if (code == OK)
        code = each_line(view, "SELECT " LEDGER_LINE_COLUMNS " FROM temp.late ORDER BY n", each, ctx, error);
    sql_rollback(sql);
    return code;
}

/* --- sums --- */

/* Sums of picodollars outgrow 64 bits at nine million dollars, so they are taken in two parts. */
#define PART 1000000
#define MONEY(column) ", SUM(" column " / 1000000), SUM(" column " % 1000000)"
#define SUMS                                                                                                     \
    "SUM(outcome = 'completed'), SUM(outcome = 'failed'), SUM(outcome = 'cancelled'), SUM(input_tokens), "        \
    "SUM(cache_read_tokens), SUM(cache_write_5m_tokens), SUM(cache_write_1h_tokens), SUM(output_tokens)" MONEY(   \
        "cost") MONEY("baseline") MONEY("saved_route") MONEY("saved_distil") MONEY("saved_cache")                 \
        MONEY("saved_tier") ", SUM(saved_route <> 0), SUM(saved_distil <> 0), SUM(saved_cache <> 0), "            \
                            "SUM(saved_tier <> 0)"

static ledger_sum read_sum(struct sql_statement *row, int *n)
{
    ledger_sum whole = sql_int(row, (*n)++);
    return whole * PART + sql_int(row, (*n)++);
}

static void read_group(struct sql_statement *row, struct ledger_group *group)
{
    int n = 0;
    *group = (struct ledger_group){.key = sql_text(row, n++)};
    for (size_t i = 0; i < LEDGER_OUTCOMES; i++)
        group->outcomes[i] = (uint64_t)sql_int(row, n++);
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        group->usage.tokens[i] = (uint64_t)sql_int(row, n++);
    group->cost = read_sum(row, &n);
    group->baseline = read_sum(row, &n);
    for (size_t i = 0; i < LEVERS; i++)
        group->saved[i] = read_sum(row, &n);
    for (size_t i = 0; i < LEVERS; i++)
        group->touched[i] = (uint64_t)sql_int(row, n++);
}

enum error_code ledger_view_groups(struct ledger_view *view, enum ledger_by by, struct str tag,
                                   enum error_code (*each)(void *ctx, const struct ledger_group *group,
                                                           struct error *error),
                                   void *ctx, struct error *error)
{
    static const char *const queries[] = {
        [LEDGER_BY_NOTHING] = "SELECT '', " SUMS " FROM temp.whole",
        [LEDGER_BY_DAY] = "SELECT date(time_us / 1000000, 'unixepoch') AS k, " SUMS " FROM temp.whole GROUP BY k",
        [LEDGER_BY_TENANT] = "SELECT tenant AS k, " SUMS " FROM temp.whole GROUP BY k",
        [LEDGER_BY_MODEL] = "SELECT model_invoked AS k, " SUMS " FROM temp.whole GROUP BY k",
        [LEDGER_BY_PROFILE] = "SELECT profile AS k, " SUMS " FROM temp.whole GROUP BY k",
        [LEDGER_BY_TAG] = "SELECT coalesce((SELECT value FROM json_each(iif(tags = '', '{}', tags)) WHERE key = ?), "
                          "'') AS k, " SUMS " FROM temp.whole GROUP BY k",
    };
    struct sql_statement *rows;
    bool has_row = true;
    enum error_code code = sql_prepare(ledger_db_sql(view->db), queries[by], &rows, error);
    if (code != OK)
        return code;
    if (by == LEDGER_BY_TAG)
        sql_bind_text(rows, 1, tag);
    while ((code = sql_step(rows, &has_row, error)) == OK && has_row) {
        struct ledger_group group;
        read_group(rows, &group);
        code = each(ctx, &group, error);
        if (code != OK)
            break;
    }
    sql_free(rows);
    return code;
}
