/* view.c - see view.h. */
#include "ledger/view.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/mem.h"
#include "ledger/drain.h"
#include "ledger/ledger.h"
#include "ledger/view_internal.h"
#include "store/sql.h"

struct ledger_view {
    struct ledger_db *db;
    char dir[JOURNAL_PATH_MAX]; /* the journal's */
    bool has_server;
    struct journal_reader *reader; /* where it reads on, with a server; NULL: `segment` is not open */
    uint64_t segment;
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

/* What a pass takes: finished lines, or the others. */
enum pass { PASS_FINISHED, PASS_OPEN };

static enum error_code take_record(struct ledger_db *db, const struct journal_record *record, enum pass pass,
                                   struct error *error)
{
    struct ledger_line line;
    if ((record->type == LEDGER_FINISHED) != (pass == PASS_FINISHED) || !ledger_line_decode(record->payload, &line))
        return OK;
    return record->type == LEDGER_REFUSED ? ledger_db_forget(db, line.request_id, error)
                                          : ledger_db_insert(db, &line, error);
}

/* Up to what is written now. */
static enum error_code read_records(struct ledger_db *db, struct journal_reader *reader, uint64_t segment,
                                    enum pass pass, struct error *error)
{
    struct journal_record record;
    enum error_code code = OK;
    enum journal_read state = JOURNAL_RECORD;
    while (code == OK && (state = journal_reader_next(reader, &record, error)) == JOURNAL_RECORD) {
        if (ledger_line_version(record.payload) > LEDGER_LINE_VERSION)
            return drain_newer(segment, record.payload, error);
        code = take_record(db, &record, pass, error);
    }
    return state == JOURNAL_FAILED ? error->code : code;
}

/* Any segment may go away while we read: then its lines are in the database. */
static enum error_code read_segment(const struct ledger_view *view, uint64_t segment, enum pass pass,
                                    struct error *error)
{
    struct journal_reader *reader;
    enum error_code code = journal_reader_open(view->dir, segment, &reader, error);
    if (code != OK)
        return code == ERROR_NOT_FOUND ? OK : code;
    code = read_records(view->db, reader, segment, pass, error);
    journal_reader_close(reader);
    return code;
}

/* Of a server that died. Finished lines go in first, so that an accepted one of the same request is left out. Those
 * that were refused go out again, unless they were let in and finished elsewhere. */
static enum error_code read_left(struct ledger_view *view, const uint64_t *segments, size_t count, struct error *error)
{
    enum error_code code = OK;
    for (size_t i = 0; i < count && code == OK; i++)
        code = read_segment(view, segments[i], PASS_FINISHED, error);
    if (code == OK)
        code = ledger_db_keep(view->db, error);
    for (size_t i = 0; i < count && code == OK; i++)
        code = read_segment(view, segments[i], PASS_OPEN, error);
    return code;
}

/* Of a server that runs, from where the last look ended. A segment that a later one follows has all that it will ever
 * have: the list is older than the look into it. */
static enum error_code read_on(struct ledger_view *view, const uint64_t *segments, size_t count, struct error *error)
{
    enum error_code code = OK;
    for (size_t i = 0; i < count && code == OK; i++) {
        if (segments[i] < view->segment)
            continue;
        if (segments[i] > view->segment) {
            journal_reader_close(view->reader);
            view->reader = NULL;
            view->segment = segments[i];
        }
        if (!view->reader)
            code = journal_reader_open(view->dir, view->segment, &view->reader, error);
        if (code == OK)
            code = read_records(view->db, view->reader, view->segment, PASS_FINISHED, error);
        if (code == ERROR_NOT_FOUND)
            code = OK;
    }
    return code;
}

static enum error_code read_journal(struct ledger_view *view, struct error *error)
{
    uint64_t *segments;
    size_t count;
    enum error_code code = journal_list(view->dir, &segments, &count, error);
    if (code != OK)
        return code;
    code = view->has_server ? read_on(view, segments, count, error) : read_left(view, segments, count, error);
    mem_free(segments);
    return code;
}

/* A line of batch jobs is known by its ID alone: its work may have been done again at another time. */
static const char late[] =
    "CREATE TEMP VIEW late AS SELECT rowid AS n, * FROM temp.recent "
    "WHERE NOT EXISTS (SELECT 1 FROM main.line WHERE line.time_us = recent.time_us "
    "AND line.request_id = recent.request_id) AND NOT (recent.tier = 'batch' AND EXISTS "
    "(SELECT 1 FROM main.line WHERE line.request_id = recent.request_id AND line.tier = 'batch'));";

static enum error_code fill_recent(struct ledger_view *view, struct error *error)
{
    struct sql *sql = ledger_db_sql(view->db);
    enum error_code code = sql_exec(sql, "BEGIN", error);
    if (code == OK)
        code = read_journal(view, error);
    if (code == OK)
        return sql_exec(sql, "COMMIT", error);
    sql_rollback(sql);
    return code;
}

/* What was late and is in the database by now goes, or it would grow with the server's life. */
static enum error_code follow(struct ledger_view *view, struct error *error)
{
    if (!view->has_server)
        return OK;
    enum error_code code = fill_recent(view, error);
    if (code == OK)
        code = sql_exec(ledger_db_sql(view->db),
                        "DELETE FROM temp.recent WHERE rowid NOT IN (SELECT n FROM temp.late)", error);
    return code;
}

/* The snapshot of the database is taken by the first query after BEGIN, later than the look into the journal: a line
 * leaves the journal only once it is there, so none is missed. */
enum error_code view_begin(struct ledger_view *view, struct error *error)
{
    const enum error_code code = follow(view, error);
    return code == OK ? sql_exec(ledger_db_sql(view->db), "BEGIN", error) : code;
}

void view_end(struct ledger_view *view)
{
    sql_rollback(ledger_db_sql(view->db));
}

struct sql *view_sql(struct ledger_view *view)
{
    return ledger_db_sql(view->db);
}

bool view_has_sums(const struct ledger_view *view)
{
    return ledger_db_has_sums(view->db);
}

static enum error_code open_parts(struct ledger_view *view, const char *path, struct error *error)
{
    enum error_code code = ledger_db_open_view(path, &view->db, error);
    if (code == OK)
        code = sql_exec(ledger_db_sql(view->db), late, error);
    return code == OK ? fill_recent(view, error) : code;
}

enum error_code ledger_view_open(const char *data, struct ledger_view **view, struct error *error)
{
    char path[JOURNAL_PATH_MAX];
    struct ledger_view *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    const int dir_len = snprintf(made->dir, sizeof(made->dir), "%s/" LEDGER_JOURNAL_DIR, data);
    enum error_code code = OK;
    if (snprintf(path, sizeof(path), "%s/" LEDGER_DB_FILE, data) >= (int)sizeof(path) ||
        dir_len >= (int)sizeof(made->dir))
        code = error_set(error, ERROR_INVALID, "data directory: the path is too long");
    made->has_server = code == OK && is_served(data);
    if (code == OK)
        code = open_parts(made, path, error);
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
    journal_reader_close(view->reader);
    ledger_db_close(view->db);
    mem_free(view);
}

/* --- lines --- */

static bool find_outcome(struct str text, enum ledger_outcome *outcome)
{
    for (unsigned i = 0; i < LEDGER_OUTCOMES; i++) {
        if (!str_eq(text, str_of(ledger_outcome_names[i])))
            continue;
        *outcome = (enum ledger_outcome)i;
        return true;
    }
    return false;
}

/* False: a bit has changed in a word that has to be one of a few. */
static bool read_column(struct sql_statement *row, int n, struct ledger_line *line, const struct ledger_column *column)
{
    if (column->kind == LEDGER_TIER)
        return tier_find(sql_text(row, n), &line->tier) && line->tier < TIERS_PRICED;
    if (column->kind == LEDGER_OUTCOME)
        return find_outcome(sql_text(row, n), &line->outcome);
    if (sql_is_null(row, n))
        ledger_column_clear(line, column);
    else if (ledger_kind_is_text(column->kind))
        *ledger_column_text(line, column) = sql_text(row, n);
    else
        *ledger_column_number(line, column) = (uint64_t)sql_int(row, n);
    return true;
}

bool view_read_line(struct sql_statement *row, struct ledger_line *line)
{
    *line = (struct ledger_line){0};
    for (int n = 0; n < LEDGER_COLUMN_COUNT; n++)
        if (!read_column(row, n, line, &ledger_columns[n]))
            return false;
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
        if (!view_read_line(rows, &line))
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
                                       "SELECT (SELECT count(*) FROM temp.kept WHERE " LEDGER_LINE_DAMAGED("n") ") + "
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
    enum error_code code = view_begin(view, error);
    if (code != OK)
        return code;
    code = each_line(view, "SELECT " LEDGER_LINE_COLUMNS " FROM temp.kept ORDER BY n", each, ctx, error);
    if (code == OK)
        code = each_line(view, "SELECT " LEDGER_LINE_COLUMNS " FROM temp.late ORDER BY n", each, ctx, error);
    view_end(view);
    return code;
}
