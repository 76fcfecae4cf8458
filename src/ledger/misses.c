/* misses.c - see misses.h: one pass over lines, each priced once more by the functions of the bill. */
#include "ledger/misses.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/buf.h"
#include "ledger/page.h"
#include "ledger/view_internal.h"

#define TEXT_MAX 4096
#define ROWS_MAX 256 /* price rows that are kept at once */
#define ARENA_MAX (4u << 20)

struct known_row {
    struct price_row row;
    bool is_known; /* the ledger has it */
};

struct counting {
    struct ledger_view *view;
    struct ledger_misses *misses;
    struct arena arena;
    struct known_row rows[ROWS_MAX];
    size_t row_count, last; /* the one that was asked for before */
};

/* --- price rows ------------------------------------------------------------------------------------- */

static enum error_code read_row(struct counting *counting, struct str name, struct known_row *known,
                                struct error *error)
{
    struct str rates;
    const enum error_code code = ledger_rates(counting->view, name, &counting->arena, &rates, error);
    if (code != OK)
        return code;
    known->is_known = rates.data && price_row_read(rates, name, &counting->arena, &known->row);
    known->row.name = arena_strdup(&counting->arena, name);
    return known->row.name ? OK : error_no_memory(error);
}

/* Lines that follow each other mostly have the same. */
static enum error_code find_row(struct counting *counting, struct str name, const struct known_row **found,
                                struct error *error)
{
    for (size_t i = 0; i < counting->row_count; i++) {
        const size_t at = (counting->last + i) % counting->row_count;
        if (!str_eq(name, str_of(counting->rows[at].row.name)))
            continue;
        counting->last = at;
        *found = &counting->rows[at];
        return OK;
    }
    if (counting->row_count == ROWS_MAX) {
        arena_reset(&counting->arena);
        counting->row_count = 0;
    }
    counting->last = counting->row_count;
    *found = &counting->rows[counting->last];
    const enum error_code code = read_row(counting, name, &counting->rows[counting->last], error);
    counting->row_count += code == OK;
    return code;
}

/* --- lines ------------------------------------------------------------------------------------------ */

enum column { C_REASON, C_PRICE, C_TIER, C_TOKENS };

static struct ledger_miss *miss_of(struct ledger_misses *misses, struct str reason)
{
    const struct str cut = str_slice(reason, 0, LEDGER_MISS_REASON_MAX - 1);
    size_t i = 0;
    while (i < misses->count && !str_eq(cut, str_of(misses->items[i].reason)))
        i++;
    if (i == LEDGER_MISS_REASONS)
        return &misses->items[i - 1];
    if (i == misses->count) {
        (void)snprintf(misses->items[i].reason, LEDGER_MISS_REASON_MAX, STR_FMT, STR_ARG(cut));
        misses->count++;
    }
    return &misses->items[i];
}

static enum error_code take_line(struct counting *counting, struct sql_statement *line, struct error *error)
{
    struct price_usage usage = {{0}}; /* without the reply, which costs the same either way */
    const struct known_row *known;
    enum tier tier;
    for (int i = 0; i < PRICE_OUTPUT; i++)
        usage.tokens[i] = (uint64_t)sql_int(line, C_TOKENS + i);
    struct ledger_miss *miss = miss_of(counting->misses, sql_text(line, C_REASON));
    const struct price_usage warm = price_usage_warm(&usage);
    const enum error_code code = find_row(counting, sql_text(line, C_PRICE), &known, error);
    if (code != OK || !tier_find(sql_text(line, C_TIER), &tier) || tier >= TIERS_PRICED)
        return code;
    miss->requests++;
    miss->tokens += price_input_tokens(&usage) - usage.tokens[PRICE_CACHE_READ];
    if (known->is_known)
        miss->lost += (ledger_sum)price_cost(&known->row, tier, &usage) -
                      (ledger_sum)price_cost(&known->row, tier, &warm);
    return OK;
}

static void append_lines(struct buf *text, const char *table, bool has_tenant)
{
    buf_appendf(text, "SELECT miss_reason, price, tier, input_tokens, cache_read_tokens, cache_write_5m_tokens, "
                      "cache_write_1h_tokens FROM %s WHERE time_us >= ?2 AND time_us < ?3%s "
                      "AND coalesce(miss_reason, '') <> ''", table, has_tenant ? " AND tenant = ?1" : "");
}

static enum error_code count_lines(struct counting *counting, struct sql_statement *lines, struct error *error)
{
    bool has_row = true;
    enum error_code code = OK;
    while (code == OK && (code = sql_step(lines, &has_row, error)) == OK && has_row)
        code = take_line(counting, lines, error);
    return code;
}

static void bind(struct sql_statement *statement, struct str tenant, uint64_t from_us, uint64_t to_us)
{
    if (tenant.data)
        sql_bind_text(statement, 1, tenant);
    sql_bind_int(statement, 2, (int64_t)from_us);
    sql_bind_int(statement, 3, (int64_t)to_us);
}

/* From when on there are no more lines than may be looked at. */
static enum error_code find_begin(struct counting *counting, struct str tenant, uint64_t to_us, struct error *error)
{
    struct sql_statement *oldest;
    char text[256];
    bool has_row = false;
    (void)snprintf(text, sizeof(text),
                   "SELECT time_us FROM temp.kept WHERE time_us >= ?2 AND time_us < ?3%s "
                   "ORDER BY time_us DESC LIMIT 1 OFFSET %d",
                   tenant.data ? " AND tenant = ?1" : "", LEDGER_MISS_LINES);
    enum error_code code = sql_prepare(view_sql(counting->view), text, &oldest, error);
    if (code != OK)
        return code;
    bind(oldest, tenant, counting->misses->from_us, to_us);
    code = sql_step(oldest, &has_row, error);
    if (code == OK && has_row)
        counting->misses->from_us = (uint64_t)sql_int(oldest, 0) + 1;
    sql_free(oldest);
    return code;
}

static enum error_code count_all(struct counting *counting, struct str tenant, uint64_t to_us, struct error *error)
{
    struct sql_statement *lines = NULL;
    struct buf text;
    enum error_code code = find_begin(counting, tenant, to_us, error);
    buf_init(&text, TEXT_MAX);
    append_lines(&text, "temp.kept", tenant.data != NULL);
    buf_append_text(&text, " UNION ALL ");
    append_lines(&text, "temp.late", tenant.data != NULL);
    buf_append_char(&text, '\0');
    if (code == OK)
        code = text.failed ? error_no_memory(error)
                           : sql_prepare(view_sql(counting->view), text.data, &lines, error);
    buf_deinit(&text);
    if (code != OK)
        return code;
    bind(lines, tenant, counting->misses->from_us, to_us);
    code = count_lines(counting, lines, error);
    sql_free(lines);
    return code;
}

static int by_loss(const void *a, const void *b)
{
    const struct ledger_miss *first = a, *second = b;
    return (first->lost < second->lost) - (first->lost > second->lost);
}

enum error_code ledger_misses(struct ledger_view *view, uint64_t from_us, uint64_t to_us, struct str tenant,
                              struct ledger_misses *misses, struct error *error)
{
    struct counting *counting = mem_calloc(1, sizeof(*counting));
    *misses = (struct ledger_misses){.from_us = from_us};
    if (!counting)
        return error_no_memory(error);
    counting->view = view;
    counting->misses = misses;
    arena_init(&counting->arena, ARENA_MAX);
    enum error_code code = view_begin(view, error);
    if (code == OK) {
        code = count_all(counting, tenant, to_us > 0 && to_us < INT64_MAX ? to_us : INT64_MAX, error);
        view_end(view);
    }
    arena_deinit(&counting->arena);
    mem_free(counting);
    qsort(misses->items, misses->count, sizeof(misses->items[0]), by_loss);
    return code;
}
