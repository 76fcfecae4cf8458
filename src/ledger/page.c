/* page.c - see page.h. A page is made of windows of time, from the newest down. Each is one SELECT over temp.kept and
 * temp.late together, so that a line counts once whether the journal or ledger.db has it.
 *
 *   upper     lines before this place, (time, request's ID), are left; (time, "") is before all of that time
 *   lower     down to this time a window reaches: so many lines below `upper`
 *
 * Between two windows `upper` goes down to the end of the newest hour that has a line with the filter's words. */
#include "ledger/page.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/buf.h"
#include "core/mem.h"
#include "ledger/schema.h"
#include "ledger/summing.h"
#include "ledger/view_internal.h"

#define TEXT_MAX 65536
#define FIRST_WINDOW 2000 /* lines; the next ones are larger */
#define WINDOW_GROWTH 4
#define WINDOWS_MAX 256 /* of a page: of hours that have a line or two each */
#define SECOND_US INT64_C(1000000)

/* In a line, and in a label's row: the same without NULL. Session is in no label. */
static const struct {
    const char *line, *label;
} words[LEDGER_FILTER_WORDS] = {
    [LEDGER_WITH_TENANT] = {"tenant", "tenant"},
    [LEDGER_WITH_MODEL] = {"model_invoked", "model_invoked"},
    [LEDGER_WITH_OPERATION] = {"operation", "operation"},
    [LEDGER_WITH_TIER] = {"tier", "tier"},
    [LEDGER_WITH_OUTCOME] = {"outcome", "outcome"},
    [LEDGER_WITH_MISS] = {"coalesce(miss_reason, '')", "miss_reason"},
    [LEDGER_WITH_ROUTER] = {"coalesce(router, '')", "router"},
    [LEDGER_WITH_KEY] = {"coalesce(api_key, '')", "api_key"},
    [LEDGER_WITH_PROFILE] = {"coalesce(profile, '')", "profile"},
    [LEDGER_WITH_SESSION] = {"coalesce(session, '')", NULL},
};
/* Numbers of parameters: of the words from 1 on, then these. */
enum {
    P_UPPER = LEDGER_FILTER_WORDS + 1, /* time... */
    P_ID,                              /* ...and ID of `upper` */
    P_LOWER,
    P_LIMIT,
    P_VALUE, /* of sorting */
    P_THROUGH,
    P_GRAIN,
    P_FIRST,
    P_LAST,
};

struct paging {
    struct ledger_view *view;
    const struct ledger_page_query *query;
    enum error_code (*each)(void *ctx, const struct ledger_line *line, struct error *error);
    void *ctx;
    struct ledger_page_end *end;
    int64_t from_us;     /* of the filter */
    struct ledger_cursor upper; /* in another order than time a line, or above all of the window */
    int64_t lower_us;    /* of the window */
    int64_t through;     /* the last line that is summed */
    uint32_t left;       /* lines that the page still takes */
    bool has_more;       /* the window has one behind them */
    bool is_over;        /* nothing is left below */
    struct sql_statement *rows, *window, *hour, *newest;
};

/* --- texts ------------------------------------------------------------------------------------------ */

static void append_words(struct buf *text, const struct ledger_filter *filter, bool is_label)
{
    for (int i = 0; i < LEDGER_FILTER_WORDS; i++) {
        const char *column = is_label ? words[i].label : words[i].line;
        if (filter->words[i].data && column)
            buf_appendf(text, " AND %s = ?%d", column, i + 1);
    }
}

static bool has_label_words(const struct ledger_filter *filter)
{
    for (int i = LEDGER_WITH_MODEL; i < LEDGER_FILTER_WORDS; i++)
        if (filter->words[i].data && words[i].label)
            return true;
    return false;
}

static bool has_words(const struct ledger_filter *filter)
{
    for (int i = LEDGER_WITH_MODEL; i < LEDGER_FILTER_WORDS; i++)
        if (filter->words[i].data)
            return true;
    return false;
}

static const char *const value_columns[LEDGER_SORTS] = {NULL, "cost", "latency_us"};

/* Lines of a window, from `upper` down. */
static void append_rows(struct buf *text, const struct ledger_page_query *query)
{
    static const char *const tables[] = {"temp.kept", "temp.late"};
    const char *value = value_columns[query->sort];
    for (size_t i = 0; i < 2; i++) {
        buf_appendf(text, "%sSELECT " LEDGER_LINE_COLUMNS " FROM %s WHERE time_us >= ?%d", i ? " UNION ALL " : "",
                    tables[i], P_LOWER);
        if (value)
            buf_appendf(text, " AND time_us < ?%d AND (%s, time_us, request_id) < (?%d, ?%d, ?%d)", P_LAST, value,
                        P_VALUE, P_UPPER, P_ID);
        else
            buf_appendf(text, " AND (time_us, request_id) < (?%d, ?%d)", P_UPPER, P_ID);
        append_words(text, &query->filter, false);
    }
    buf_appendf(text, " ORDER BY %s%stime_us DESC, request_id DESC LIMIT ?%d", value ? value : "",
                value ? " DESC, " : "", P_LIMIT);
}

/* How many lines there are below `upper`, at most so many, and the time of the last one. By the index alone. */
static void append_window(struct buf *text, const struct ledger_page_query *query)
{
    buf_appendf(text, "SELECT count(*), min(time_us) FROM (SELECT time_us FROM temp.kept WHERE time_us < ?%d "
                      "AND time_us >= ?%d%s ORDER BY time_us DESC LIMIT ?%d)",
                P_UPPER, P_LOWER, query->filter.words[LEDGER_WITH_TENANT].data ? " AND tenant = ?1" : "", P_LIMIT);
}

/* The newest period of a grain, among some, in which summed lines have the words. */
static void append_hour(struct buf *text, const struct ledger_page_query *query)
{
    buf_appendf(text, "SELECT bucket FROM main.sums WHERE grain = ?%d AND bucket BETWEEN ?%d AND ?%d "
                      "AND label IN (SELECT id FROM main.label WHERE true", P_GRAIN, P_FIRST, P_LAST);
    append_words(text, &query->filter, true);
    buf_append_text(text, ") ORDER BY bucket DESC LIMIT 1");
}

/* The newest of the lines that are not summed. */
static void append_newest(struct buf *text, const struct ledger_page_query *query)
{
    buf_append_text(text, "SELECT max(coalesce((SELECT max(+time_us) FROM temp.kept WHERE ");
    buf_appendf(text, "n > ?%d AND +time_us < ?%d", P_THROUGH, P_UPPER);
    append_words(text, &query->filter, false);
    buf_appendf(text, "), -1), coalesce((SELECT max(time_us) FROM temp.late WHERE time_us < ?%d", P_UPPER);
    append_words(text, &query->filter, false);
    buf_append_text(text, "), -1))");
}

static enum error_code prepare(struct paging *paging, void (*append)(struct buf *, const struct ledger_page_query *),
                               struct sql_statement **statement, struct error *error)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    append(&text, paging->query);
    buf_append_char(&text, '\0');
    enum error_code code =
        text.failed ? error_no_memory(error) : sql_prepare(view_sql(paging->view), text.data, statement, error);
    buf_deinit(&text);
    return code;
}

/* Numbers of the words are below those of all other parameters, so a text may be without some. */
static void bind_words(const struct paging *paging, struct sql_statement *statement)
{
    for (int i = 0; i < LEDGER_FILTER_WORDS; i++)
        if (paging->query->filter.words[i].data)
            sql_bind_text(statement, i + 1, paging->query->filter.words[i]);
}

/* --- windows ---------------------------------------------------------------------------------------- */

/* Where the next page goes on, if this was its last line. */
static enum error_code note_place(struct paging *paging, struct sql_statement *row, const struct ledger_line *line,
                                  struct error *error)
{
    const struct str id = sql_text(row, 0);
    paging->upper.time_us = sql_int(row, 1);
    paging->upper.value = (int64_t)(paging->query->sort == LEDGER_SORT_COST ? line->quote.cost : line->latency_us);
    return ledger_cursor_set_id(&paging->upper, id)
               ? OK
               : error_set(error, ERROR_INTERNAL, "ledger.db: a request's ID is too long");
}

static enum error_code give_row(struct paging *paging, struct error *error)
{
    struct ledger_line line;
    const bool is_whole = view_read_line(paging->rows, &line); /* else ledger_view_damages counts it */
    enum error_code code = note_place(paging, paging->rows, &line, error);
    paging->left -= is_whole;
    return code == OK && is_whole ? paging->each(paging->ctx, &line, error) : code;
}

/* Lines between `upper` and lower_us, as many as the page still takes. */
static enum error_code give_rows(struct paging *paging, struct error *error)
{
    struct sql_statement *rows = paging->rows;
    bool has_row = true;
    enum error_code code = OK;
    sql_bind_int(rows, P_UPPER, paging->upper.time_us);
    sql_bind_text(rows, P_ID, str_of(paging->upper.id));
    sql_bind_int(rows, P_LOWER, paging->lower_us);
    sql_bind_int(rows, P_LIMIT, (int64_t)paging->left + 1);
    if (paging->query->sort != LEDGER_SORT_TIME) {
        sql_bind_int(rows, P_VALUE, paging->upper.value);
        sql_bind_int(rows, P_LAST, paging->upper.top_us);
    }
    while (code == OK && (code = sql_step(rows, &has_row, error)) == OK && has_row) {
        paging->has_more = paging->left == 0;
        if (paging->has_more)
            break;
        code = give_row(paging, error);
    }
    if (has_row)
        sql_reset(rows);
    return code;
}

/* So many lines before `before_us`, but none before `floor_us`: *count of them, down to lower_us. */
static enum error_code find_window(struct paging *paging, int64_t before_us, int64_t floor_us, int64_t lines,
                                   int64_t *count, struct error *error)
{
    bool has_row = false;
    sql_bind_int(paging->window, P_UPPER, before_us);
    sql_bind_int(paging->window, P_LOWER, floor_us);
    sql_bind_int(paging->window, P_LIMIT, lines);
    const enum error_code code = sql_step(paging->window, &has_row, error);
    *count = has_row ? sql_int(paging->window, 0) : 0;
    paging->lower_us = *count == lines ? sql_int(paging->window, 1) : floor_us;
    if (has_row)
        sql_reset(paging->window);
    paging->end->scanned += (uint64_t)*count;
    return code;
}

/* --- from hour to hour ------------------------------------------------------------------------------ */

/* The newest period of `grain` from number `first` to `last` that has lines with the words; -1: none. */
static enum error_code find_period(struct paging *paging, int64_t grain, int64_t first, int64_t last, int64_t *found,
                                   struct error *error)
{
    bool has_row = false;
    sql_bind_int(paging->hour, P_GRAIN, grain);
    sql_bind_int(paging->hour, P_FIRST, first);
    sql_bind_int(paging->hour, P_LAST, last);
    const enum error_code code = sql_step(paging->hour, &has_row, error);
    *found = has_row ? sql_int(paging->hour, 0) : -1;
    if (has_row)
        sql_reset(paging->hour);
    return code;
}

/* The same of hours up to `last`, by days first. */
static enum error_code find_hour(struct paging *paging, int64_t last, int64_t *hour, struct error *error)
{
    const int64_t per_day = SUMMING_DAY / SUMMING_HOUR;
    int64_t day = last / per_day;
    enum error_code code = OK;
    *hour = -1;
    while (code == OK && *hour < 0 && day >= 0) {
        code = find_period(paging, SUMMING_DAY, 0, day, &day, error);
        const int64_t end = (day + 1) * per_day - 1;
        if (code == OK && day >= 0)
            code = find_period(paging, SUMMING_HOUR, day * per_day, end < last ? end : last, hour, error);
        day--;
    }
    return code;
}

static enum error_code find_newest(struct paging *paging, int64_t before_us, int64_t *newest_us, struct error *error)
{
    bool has_row = false;
    sql_bind_int(paging->newest, P_THROUGH, paging->through);
    sql_bind_int(paging->newest, P_UPPER, before_us);
    const enum error_code code = sql_step(paging->newest, &has_row, error);
    *newest_us = has_row ? sql_int(paging->newest, 0) : -1;
    if (has_row)
        sql_reset(paging->newest);
    return code;
}

/* Lines with the filter's words, before *before_us, are before the new *before_us, and down to *floor_us a window has
 * to be looked through. */
static enum error_code jump(struct paging *paging, int64_t *before_us, int64_t *floor_us, struct error *error)
{
    const int64_t hour_us = SUMMING_HOUR * SECOND_US;
    int64_t hour = -1, newest_us = -1;
    *floor_us = paging->from_us;
    if (!paging->hour)
        return OK;
    enum error_code code = find_hour(paging, (*before_us - 1) / hour_us, &hour, error);
    if (code == OK)
        code = find_newest(paging, *before_us, &newest_us, error);
    if (code != OK)
        return code;
    const int64_t hour_end_us = (hour + 1) * hour_us;
    const int64_t end_us = newest_us + 1 > hour_end_us ? newest_us + 1 : hour_end_us;
    paging->is_over = end_us <= paging->from_us;
    *before_us = end_us < *before_us ? end_us : *before_us;
    const int64_t begin_us = (*before_us - 1) / hour_us * hour_us;
    *floor_us = begin_us > paging->from_us ? begin_us : paging->from_us;
    return OK;
}

/* --- a page ----------------------------------------------------------------------------------------- */

/* Without words to look for each line is one of the page. */
static enum error_code page_plain(struct paging *paging, struct error *error)
{
    const uint32_t limit = paging->left;
    paging->lower_us = paging->from_us;
    const enum error_code code = give_rows(paging, error);
    paging->end->scanned = limit - paging->left;
    paging->is_over = !paging->has_more;
    return code;
}

static enum error_code page_by_time(struct paging *paging, struct error *error)
{
    int64_t lines = FIRST_WINDOW, count, floor_us;
    enum error_code code = OK;
    unsigned windows = 0;
    if (!has_words(&paging->query->filter))
        return page_plain(paging, error);
    while (!paging->is_over && paging->end->scanned < LEDGER_SCAN_LINES && windows++ < WINDOWS_MAX) {
        const int64_t upper_us = paging->upper.time_us + (paging->upper.id[0] != '\0');
        int64_t before_us = upper_us;
        code = jump(paging, &before_us, &floor_us, error);
        if (code != OK || paging->is_over)
            break;
        if (before_us < upper_us)
            paging->upper = (struct ledger_cursor){.time_us = before_us};
        const int64_t left = LEDGER_SCAN_LINES - (int64_t)paging->end->scanned;
        code = find_window(paging, before_us, floor_us, lines < left ? lines : left, &count, error);
        if (code == OK)
            code = give_rows(paging, error);
        if (code != OK || paging->has_more)
            break;
        paging->upper = (struct ledger_cursor){.time_us = paging->lower_us};
        paging->is_over = paging->lower_us <= paging->from_us;
        lines = lines < LEDGER_SCAN_LINES ? lines * WINDOW_GROWTH : lines;
    }
    return code;
}

/* One window, in the order of its values. */
static enum error_code page_by_value(struct paging *paging, struct error *error)
{
    int64_t floor_us = paging->from_us, count;
    enum error_code code = OK;
    if (paging->upper.lower_us < 0) {
        code = jump(paging, &paging->upper.top_us, &floor_us, error);
        floor_us = paging->from_us;
        paging->upper.value = paging->upper.time_us = INT64_MAX;
        paging->upper.id[0] = '\0';
    } else {
        floor_us = paging->upper.lower_us;
    }
    if (code == OK && !paging->is_over)
        code = find_window(paging, paging->upper.top_us, floor_us, LEDGER_SORT_LINES, &count, error);
    if (code == OK && !paging->is_over)
        code = give_rows(paging, error);
    paging->is_over = paging->is_over || (!paging->has_more && paging->lower_us <= paging->from_us);
    return code;
}

/* Behind the last line; or, of a window that has been read, where the next one begins. */
static void write_end(struct paging *paging)
{
    struct ledger_cursor next = paging->upper;
    next.lower_us = paging->has_more ? paging->lower_us : -1;
    if (!paging->has_more)
        next.top_us = paging->lower_us;
    ledger_cursor_write(&next, paging->query->sort, paging->end->next);
}

static enum error_code prepare_all(struct paging *paging, struct error *error)
{
    const bool jumps = has_label_words(&paging->query->filter) && view_has_sums(paging->view);
    enum error_code code = prepare(paging, append_rows, &paging->rows, error);
    if (code == OK)
        code = prepare(paging, append_window, &paging->window, error);
    if (code == OK && jumps)
        code = prepare(paging, append_newest, &paging->newest, error);
    if (code == OK && jumps)
        code = prepare(paging, append_hour, &paging->hour, error);
    if (code == OK && jumps)
        code = sql_number(view_sql(paging->view), "SELECT through FROM main.summed", &paging->through, error);
    struct sql_statement *const statements[] = {paging->rows, paging->window, paging->newest, paging->hour};
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]) && code == OK; i++)
        if (statements[i])
            bind_words(paging, statements[i]);
    return code;
}

/* Above all lines that the filter may have now: those that come later belong to no page of this list. */
static enum error_code begin(struct paging *paging, struct error *error)
{
    const struct ledger_page_query *query = paging->query;
    const uint64_t to_us = query->filter.to_us;
    int64_t newest_us;
    const enum error_code code = sql_number(view_sql(paging->view),
                                            "SELECT max(coalesce((SELECT max(time_us) FROM main.line), -1), "
                                            "coalesce((SELECT max(time_us) FROM temp.late), -1))", &newest_us, error);
    paging->upper = (struct ledger_cursor){.top_us = newest_us + 1, .lower_us = -1};
    if (to_us > 0 && to_us < INT64_MAX && (int64_t)to_us < paging->upper.top_us)
        paging->upper.top_us = (int64_t)to_us;
    paging->upper.time_us = paging->upper.top_us;
    if (code != OK || query->cursor.len == 0)
        return code;
    return ledger_cursor_read(query->cursor, query->sort, &paging->upper)
               ? OK
               : error_set(error, ERROR_INVALID, "cursor: expected the `next` of a page in this order");
}

enum error_code ledger_page(struct ledger_view *view, const struct ledger_page_query *query,
                            enum error_code (*each)(void *ctx, const struct ledger_line *line, struct error *error),
                            void *ctx, struct ledger_page_end *end, struct error *error)
{
    const uint64_t from_us = query->filter.from_us;
    struct paging paging = {.view = view, .query = query, .each = each, .ctx = ctx, .end = end, .left = query->limit,
                            .from_us = from_us < INT64_MAX ? (int64_t)from_us : INT64_MAX};
    assert(query->limit > 0 && query->sort < LEDGER_SORTS);
    *end = (struct ledger_page_end){.scanned = 0};
    enum error_code code = view_begin(view, error);
    if (code != OK)
        return code;
    code = begin(&paging, error);
    if (code == OK)
        code = prepare_all(&paging, error);
    if (code == OK)
        code = query->sort == LEDGER_SORT_TIME ? page_by_time(&paging, error) : page_by_value(&paging, error);
    if (code == OK && !paging.is_over)
        write_end(&paging);
    sql_free(paging.rows);
    sql_free(paging.window);
    sql_free(paging.newest);
    sql_free(paging.hour);
    view_end(view);
    return code;
}

/* --- one line --------------------------------------------------------------------------------------- */

#define XSTR(number) #number
#define TEXT_OF(number) XSTR(number)

/* Where a line may be: in the journal; in ledger.db, if it is of a batch job by an index of its own; or by the index of
 * times from end to end, which has the ID beside the time. */
static const char *const places[] = {
    "SELECT " LEDGER_LINE_COLUMNS " FROM temp.late WHERE request_id = ?1",
    "SELECT " LEDGER_LINE_COLUMNS " FROM temp.kept WHERE request_id = ?1 AND tier = 'batch'",
    "SELECT " LEDGER_LINE_COLUMNS " FROM temp.kept WHERE n = (SELECT n FROM (SELECT n, request_id AS id FROM temp.kept "
    "ORDER BY time_us DESC LIMIT " TEXT_OF(LEDGER_FIND_LINES) ") WHERE id = ?1 LIMIT 1)",
};

static enum error_code look(struct ledger_view *view, const char *text, struct str request_id, struct str tenant,
                            enum error_code (*each)(void *ctx, const struct ledger_line *line, struct error *error),
                            void *ctx, bool *is_found, struct error *error)
{
    struct sql_statement *row;
    struct ledger_line line;
    enum error_code code = sql_prepare(view_sql(view), text, &row, error);
    if (code != OK)
        return code;
    sql_bind_text(row, 1, request_id);
    code = sql_step(row, is_found, error);
    if (code == OK && *is_found && (!view_read_line(row, &line) || (tenant.data && !str_eq(tenant, line.tenant))))
        code = error_set(error, ERROR_NOT_FOUND, "There is no request of this ID in the ledger.");
    else if (code == OK && *is_found)
        code = each(ctx, &line, error);
    sql_free(row);
    return code;
}

enum error_code ledger_find(struct ledger_view *view, struct str request_id, struct str tenant,
                            enum error_code (*each)(void *ctx, const struct ledger_line *line, struct error *error),
                            void *ctx, struct error *error)
{
    bool is_found = false;
    enum error_code code = view_begin(view, error);
    if (code != OK)
        return code;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && code == OK && !is_found; i++)
        code = look(view, places[i], request_id, tenant, each, ctx, &is_found, error);
    view_end(view);
    if (code == OK && !is_found)
        return error_set(error, ERROR_NOT_FOUND, "There is no request of this ID in the ledger.");
    return code;
}

enum error_code ledger_rates(struct ledger_view *view, struct str name, struct arena *arena, struct str *rates,
                             struct error *error)
{
    struct sql_statement *row;
    bool has_row = false;
    *rates = (struct str){NULL, 0};
    enum error_code code = sql_prepare(view_sql(view), "SELECT rates FROM main.price WHERE name = ?1", &row, error);
    if (code != OK)
        return code;
    sql_bind_text(row, 1, name);
    code = sql_step(row, &has_row, error);
    if (code == OK && has_row && !arena_str(arena, sql_text(row, 0), rates))
        code = error_no_memory(error);
    sql_free(row);
    return code;
}
