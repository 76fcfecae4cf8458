/* query.c - see query.h: one SELECT over a UNION ALL of pieces, each with the
 * key and the sums of some lines, and no line in two of them.
 *
 *   from         |minute|hour        |day        |day       |hour  |minute|  to
 *   lines  sums by minute, by hour, by day, by hour, by minute        lines
 *
 * plus the lines behind those that are summed, and those of the journal. */
#include "ledger/query.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/buf.h"
#include "core/util.h"
#include "ledger/schema.h"
#include "ledger/summing.h"
#include "ledger/view_internal.h"
#include "store/sql_pack.h"

#define TEXT_MAX 65536
#define SECOND_US UINT64_C(1000000)

const char *const ledger_by_names[LEDGER_BYS] = {
    [LEDGER_BY_NOTHING] = "total",    [LEDGER_BY_DAY] = "day",           [LEDGER_BY_HOUR] = "hour",
    [LEDGER_BY_MINUTE] = "minute",    [LEDGER_BY_TENANT] = "tenant",     [LEDGER_BY_MODEL] = "model",
    [LEDGER_BY_TIER] = "tier",        [LEDGER_BY_OPERATION] = "operation", [LEDGER_BY_OUTCOME] = "outcome",
    [LEDGER_BY_MISS] = "miss",        [LEDGER_BY_PROVIDER] = "provider", [LEDGER_BY_ROUTER] = "router",
    [LEDGER_BY_KEY] = "key",          [LEDGER_BY_PROFILE] = "profile",   [LEDGER_BY_TAG] = "tag:",
};

bool ledger_by_parse(struct str text, enum ledger_by *by, struct str *tag)
{
    const struct str prefix = str_of(ledger_by_names[LEDGER_BY_TAG]);
    *tag = (struct str){NULL, 0};
    if (str_starts(text, prefix)) {
        *by = LEDGER_BY_TAG;
        *tag = str_slice(text, prefix.len, text.len);
        return tag->len > 0;
    }
    for (unsigned i = LEDGER_BY_NOTHING; i < LEDGER_BY_TAG; i++) {
        if (!str_eq(text, str_of(ledger_by_names[i])))
            continue;
        *by = (enum ledger_by)i;
        return true;
    }
    return false;
}

static const char *const columns[LEDGER_BYS] = {
    [LEDGER_BY_NOTHING] = "''",
    [LEDGER_BY_TENANT] = "+tenant", /* or its index would be read from end to end */
    [LEDGER_BY_MODEL] = "model_invoked",
    [LEDGER_BY_TIER] = "tier",
    [LEDGER_BY_OPERATION] = "operation",
    [LEDGER_BY_OUTCOME] = "outcome",
    [LEDGER_BY_MISS] = "coalesce(miss_reason, '')",
    [LEDGER_BY_PROVIDER] = "coalesce(provider, '')",
    [LEDGER_BY_ROUTER] = "coalesce(router, '')",
    [LEDGER_BY_KEY] = "coalesce(api_key, '')",
    [LEDGER_BY_PROFILE] = "coalesce(profile, '')",
    [LEDGER_BY_TAG] = "coalesce((SELECT value FROM json_each(iif(coalesce(tags, '') = '', '{}', tags)) "
                      "WHERE key = ?1), '')",
};

/* Seconds of one group; 0: groups are no periods. */
static uint64_t period_of(enum ledger_by by)
{
    switch (by) {
    case LEDGER_BY_DAY: return SUMMING_DAY;
    case LEDGER_BY_HOUR: return SUMMING_HOUR;
    case LEDGER_BY_MINUTE: return SUMMING_MINUTE;
    default: return 0;
    }
}

/* --- the text --- */

struct asking {
    const struct ledger_query *query;
    struct buf text;
    int64_t through; /* the last line that is summed */
    uint64_t from_us, to_us; /* to_us UINT64_MAX: no bound */
    bool has_piece;
};

static bool is_by_label(enum ledger_by by)
{
    return by != LEDGER_BY_NOTHING && !period_of(by);
}

/* `seconds` is SQL for the time. */
static void begin_piece(struct asking *asking, const char *seconds)
{
    const uint64_t period = period_of(asking->query->by);
    buf_append_text(&asking->text, asking->has_piece ? " UNION ALL SELECT " : "SELECT ");
    if (period)
        buf_appendf(&asking->text, "%s / %" PRIu64 " * %" PRIu64, seconds, period, period);
    else
        buf_append_text(&asking->text, columns[asking->query->by]);
    buf_append_text(&asking->text, " AS k, ");
    asking->has_piece = true;
}

static void append_sums(struct asking *asking, uint64_t grain, uint64_t first, uint64_t end)
{
    buf_appendf(&asking->text,
                " FROM main.sums WHERE grain = %" PRIu64 " AND bucket >= %" PRIu64 " AND bucket < %" PRIu64, grain,
                first, end);
    const bool has_tenant = asking->query->tenant.data != NULL, has_model = asking->query->model.data != NULL;
    if (has_tenant || has_model)
        buf_appendf(&asking->text, " AND label IN (SELECT id FROM main.label WHERE %s%s%s)",
                    has_tenant ? "tenant = ?2" : "", has_tenant && has_model ? " AND " : "",
                    has_model ? "model_invoked = ?3" : "");
}

/* Sums of the periods from number `first` to before `end`. By period they are folded in the order in which they lie; by
 * label their words are looked up once for each. */
static void add_sums(struct asking *asking, uint64_t grain, uint64_t first, uint64_t end)
{
    if (first >= end)
        return;
    begin_piece(asking, "bucket * grain");
    if (is_by_label(asking->query->by)) {
        buf_append_text(&asking->text, "packed FROM (SELECT label AS id, fold(packed) AS packed");
        append_sums(asking, grain, first, end);
        buf_append_text(&asking->text, " GROUP BY label) CROSS JOIN main.label USING (id)");
        return;
    }
    buf_append_text(&asking->text, "fold(packed) AS packed");
    append_sums(asking, grain, first, end);
    buf_append_text(&asking->text, " GROUP BY bucket");
}

/* Single lines of `table` that came from `from_us` on and before `to_us`; `condition` says which of them. */
static void add_lines(struct asking *asking, const char *table, const char *condition, uint64_t from_us, uint64_t to_us)
{
    if (from_us >= to_us)
        return;
    begin_piece(asking, "time_us / 1000000");
    buf_appendf(&asking->text, LEDGER_PACK " AS packed FROM %s AS line WHERE %s", table, condition);
    if (from_us > 0)
        buf_appendf(&asking->text, " AND time_us >= %" PRIu64, from_us);
    if (to_us < UINT64_MAX)
        buf_appendf(&asking->text, " AND time_us < %" PRIu64, to_us);
    if (asking->query->tenant.data)
        buf_append_text(&asking->text, " AND tenant = ?2");
    if (asking->query->model.data)
        buf_append_text(&asking->text, " AND model_invoked = ?3");
    buf_append_text(&asking->text, " GROUP BY k");
}

/* What is summed of [from_us, to_us), by as few rows as there can be: the whole periods of `grain`, and what is left of
 * them and right by the next finer one, down to lines. */
static void cover(struct asking *asking, uint64_t grain, uint64_t from_us, uint64_t to_us)
{
    const uint64_t us = grain * SECOND_US;
    assert(grain == 0 || grain % SUMMING_MINUTE == 0);
    const uint64_t finer = grain == SUMMING_DAY ? SUMMING_HOUR : grain == SUMMING_HOUR ? SUMMING_MINUTE : 0;
    char condition[64];
    if (from_us >= to_us)
        return;
    if (grain == 0) { /* by the index of times, not by row */
        (void)snprintf(condition, sizeof(condition), "+n <= %" PRId64, asking->through);
        add_lines(asking, "temp.kept", condition, from_us, to_us);
        return;
    }
    const uint64_t first = from_us / us + (from_us % us != 0), end = to_us == UINT64_MAX ? INT64_MAX : to_us / us;
    if (first >= end) {
        cover(asking, finer, from_us, to_us);
        return;
    }
    cover(asking, finer, from_us, first * us);
    add_sums(asking, grain, first, end);
    if (to_us < UINT64_MAX)
        cover(asking, finer, end * us, to_us);
}

static void write_text(struct asking *asking)
{
    const uint64_t period = period_of(asking->query->by);
    const bool is_by_cost = asking->query->limit && !period;
    char condition[64];
    (void)snprintf(condition, sizeof(condition), "n > %" PRId64, asking->through);
    buf_append_text(&asking->text, "SELECT k, fold(packed) AS packed FROM (");
    if (asking->through > 0)
        cover(asking, period ? period : SUMMING_DAY, asking->from_us, asking->to_us);
    add_lines(asking, "temp.kept", condition, asking->from_us, asking->to_us);
    add_lines(asking, "temp.late", "true", asking->from_us, asking->to_us);
    if (!asking->has_piece) /* of no time at all */
        add_lines(asking, "temp.late", "false", 0, UINT64_MAX);
    buf_append_text(&asking->text, asking->query->by == LEDGER_BY_NOTHING ? ")" : ") GROUP BY k ORDER BY ");
    if (is_by_cost && asking->query->by != LEDGER_BY_NOTHING)
        buf_appendf(&asking->text, "packed_at(packed, %d) DESC, k LIMIT %" PRIu32, LEDGER_SUM_cost,
                    asking->query->limit);
    else if (asking->query->by != LEDGER_BY_NOTHING)
        buf_append_text(&asking->text, "k");
    buf_append_char(&asking->text, '\0');
}

/* --- the answer --- */

_Static_assert(LEDGER_SUM_cancelled - LEDGER_SUM_completed + 1 == LEDGER_OUTCOMES &&
                   LEDGER_SUM_output_tokens - LEDGER_SUM_input_tokens + 1 == PRICE_CLASSES &&
                   LEDGER_SUM_cost_output - LEDGER_SUM_cost_input + 1 == PRICE_CLASSES &&
                   LEDGER_SUM_COUNT <= SQL_PACK_MAX,
               "sums of one kind stand together, in the order of their enum");

/* Of each lever: what it saved, and in how many requests. */
static const struct {
    int saved, touched;
} lever_sums[LEVERS] = {
    [LEVER_ROUTE] = {LEDGER_SUM_saved_route, LEDGER_SUM_touched_route},
    [LEVER_DISTIL] = {LEDGER_SUM_saved_distil, LEDGER_SUM_touched_distil},
    [LEVER_CACHE] = {LEDGER_SUM_saved_cache, LEDGER_SUM_touched_cache},
    [LEVER_TIER] = {LEDGER_SUM_saved_tier, LEDGER_SUM_touched_tier},
    [LEVER_SHADOW] = {LEDGER_SUM_saved_shadow, LEDGER_SUM_touched_shadow},
    [LEVER_RESPONSE] = {LEDGER_SUM_saved_response, LEDGER_SUM_touched_response},
};

static bool read_group(struct sql_statement *row, struct ledger_group *group)
{
    ledger_sum sums[LEDGER_SUM_COUNT];
    if (!sql_unpack(sql_blob(row, 1), sums, LEDGER_SUM_COUNT))
        return false;
    for (size_t i = 0; i < LEDGER_OUTCOMES; i++)
        group->outcomes[i] = (uint64_t)sums[LEDGER_SUM_completed + i];
    for (size_t i = 0; i < PRICE_CLASSES; i++) {
        group->usage.tokens[i] = (uint64_t)sums[LEDGER_SUM_input_tokens + i];
        group->classes[i] = sums[LEDGER_SUM_cost_input + i];
    }
    for (size_t i = 0; i < LEVERS; i++) {
        group->saved[i] = sums[lever_sums[i].saved];
        group->touched[i] = (uint64_t)sums[lever_sums[i].touched];
    }
    group->cost = sums[LEDGER_SUM_cost];
    group->baseline = sums[LEDGER_SUM_baseline];
    group->cache_hits = (uint64_t)sums[LEDGER_SUM_cache_hits];
    group->attempts = (uint64_t)sums[LEDGER_SUM_attempts];
    group->latency_us = (uint64_t)sums[LEDGER_SUM_latency_us];
    group->first_token_us = (uint64_t)sums[LEDGER_SUM_first_token_us];
    group->first_tokens = (uint64_t)sums[LEDGER_SUM_first_tokens];
    return true;
}

/* "2026-11-29", "2026-11-29T21:00Z", "2026-11-29T21:47Z"; texts as they are. */
static struct str key_of(struct sql_statement *row, enum ledger_by by, char time[TIMESTAMP_LEN + 1])
{
    if (!period_of(by))
        return sql_text(row, 0);
    clock_iso8601((uint64_t)sql_int(row, 0) * SECOND_US, time);
    if (by == LEDGER_BY_DAY)
        return (struct str){time, strlen("2026-11-29")};
    time[strlen("2026-11-29T21:47")] = 'Z';
    return (struct str){time, strlen("2026-11-29T21:47Z")};
}

static enum error_code answer(struct sql_statement *rows, const struct ledger_query *query,
                              enum error_code (*each)(void *ctx, const struct ledger_group *group,
                                                      struct error *error),
                              void *ctx, struct error *error)
{
    bool has_row = true;
    enum error_code code;
    while ((code = sql_step(rows, &has_row, error)) == OK && has_row) {
        char time[TIMESTAMP_LEN + 1];
        struct ledger_group group = {.key = key_of(rows, query->by, time)};
        code = read_group(rows, &group) ? each(ctx, &group, error)
                                        : error_set(error, ERROR_INTERNAL, "ledger.db: sums of its lines are damaged");
        if (code != OK)
            break;
    }
    sql_reset(rows);
    return code;
}

uint64_t ledger_group_requests(const struct ledger_group *group)
{
    return group->outcomes[LEDGER_COMPLETED] + group->outcomes[LEDGER_FAILED] + group->outcomes[LEDGER_CANCELLED];
}

/* --- the question --- */

/* The last periods up to the end of the time asked for, or to the newest line. */
static enum error_code bound_periods(struct ledger_view *view, struct asking *asking, struct error *error)
{
    const uint64_t us = period_of(asking->query->by) * SECOND_US;
    int64_t newest = 0;
    if (!asking->query->limit || !us)
        return OK;
    enum error_code code = sql_number(view_sql(view),
                                       "SELECT max(coalesce((SELECT max(time_us) FROM main.line), 0), "
                                       "coalesce((SELECT max(time_us) FROM temp.late), 0))", &newest, error);
    uint64_t end = (uint64_t)newest + 1;
    end = asking->to_us < end ? asking->to_us : end;
    const uint64_t last = (end + us - 1) / us; /* the first period that is not asked for */
    if (last > asking->query->limit && (last - asking->query->limit) * us > asking->from_us)
        asking->from_us = (last - asking->query->limit) * us;
    return code;
}

static enum error_code ask(struct ledger_view *view, struct asking *asking,
                           enum error_code (*each)(void *ctx, const struct ledger_group *group, struct error *error),
                           void *ctx, struct error *error)
{
    struct sql_statement *rows = NULL;
    enum error_code code = view_has_sums(view) ? sql_number(view_sql(view), "SELECT through FROM main.summed",
                                                             &asking->through, error) : OK;
    if (code == OK)
        code = bound_periods(view, asking, error);
    write_text(asking);
    if (code == OK && asking->text.failed)
        code = error_no_memory(error);
    if (code == OK)
        code = sql_prepare(view_sql(view), asking->text.data, &rows, error);
    if (code != OK)
        return code;
    if (asking->query->by == LEDGER_BY_TAG)
        sql_bind_text(rows, 1, asking->query->tag);
    if (asking->query->tenant.data)
        sql_bind_text(rows, 2, asking->query->tenant);
    if (asking->query->model.data)
        sql_bind_text(rows, 3, asking->query->model);
    code = answer(rows, asking->query, each, ctx, error);
    sql_free(rows);
    return code;
}

enum error_code ledger_query(struct ledger_view *view, const struct ledger_query *query,
                             enum error_code (*each)(void *ctx, const struct ledger_group *group,
                                                     struct error *error),
                             void *ctx, struct error *error)
{
    struct asking asking = {.query = query, .from_us = query->from_us, .to_us = UINT64_MAX};
    assert(query->by < LEDGER_BYS && query->from_us <= INT64_MAX);
    if (query->to_us > 0 && query->to_us < INT64_MAX)
        asking.to_us = query->to_us;
    enum error_code code = view_begin(view, error);
    if (code != OK)
        return code;
    buf_init(&asking.text, TEXT_MAX);
    code = ask(view, &asking, each, ctx, error);
    buf_deinit(&asking.text);
    view_end(view);
    return code;
}

enum error_code ledger_view_groups(struct ledger_view *view, enum ledger_by by, struct str tag,
                                   enum error_code (*each)(void *ctx, const struct ledger_group *group,
                                                           struct error *error),
                                   void *ctx, struct error *error)
{
    const struct ledger_query query = {.by = by, .tag = tag};
    return ledger_query(view, &query, each, ctx, error);
}
