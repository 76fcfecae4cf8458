/* bill.c - see bill.h. Lines of a period come sorted by what charges have in common; what follows each other is
 * added up, first by list price, then by all else. */
#include "ledger/bill.h"

#include <assert.h>
#include <stdio.h>

#include "core/buf.h"
#include "core/util.h"
#include "ledger/summing.h"
#include "ledger/view_internal.h"

#define SECOND_US UINT64_C(1000000)
#define TEXT_MAX 8192
#define KEY_BYTES_MAX (1u << 20)

/* What lines of one group share, in the order in which they are sorted; the list price comes last. */
enum { KEY_TENANT, KEY_MODEL, KEY_PROVIDER, KEY_TIER, KEY_PROFILE, KEY_TAGS, KEY_PRICE, KEYS };
/* Columns of the question: the keys, and behind them numbers. */
enum {
    AT_TOKENS = KEYS,
    AT_CLASSES = AT_TOKENS + PRICE_CLASSES,
    AT_SAVED = AT_CLASSES + PRICE_CLASSES,
    AT_BASELINE = AT_SAVED + LEVERS,
};

/* Before lines had one there was no other. */
#define PROVIDER "iif(coalesce(provider, '') = '', '" LEDGER_PROVIDER_ENGINE "', provider)"
#define TAGS "coalesce(tags, '')"
#define TAGS_AND_SESSION                                                                                     \
    "iif(coalesce(session, '') = '', " TAGS ", json_set(iif(json_valid(tags), tags, '{}'), '$.session', session))"
#define COLUMNS                                                                                              \
    ", baseline_price, input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, "      \
    "output_tokens, cost_input, cost_cache_read, cost_cache_write_5m, cost_cache_write_1h, cost_output, "    \
    "saved_route, saved_distil, saved_cache, saved_tier, coalesce(saved_shadow, 0), "            \
    "coalesce(saved_response, 0), baseline"
_Static_assert(PRICE_CLASSES == 5 && LEVERS == 6, "COLUMNS names each of them");

/* Of one class of tokens, at one step of the price. */
struct part {
    uint64_t requests, tokens;
    ledger_sum paid;
    bool lacks_paid;
};

struct summing_up {
    struct ledger_view *view;
    const struct bill_query *query;
    enum error_code (*each)(void *ctx, const struct bill_row *row, struct error *error);
    void *ctx;
    struct sql_statement *lines, *rates, *next;
    uint64_t from_us, to_us; /* of the period */
    bool has_group;
    struct buf keys[KEYS]; /* of the lines that are being added up */
    enum tier tier;
    struct price_plain plain;
    bool has_price;
    struct part parts[PRICE_STEPS_MAX][PRICE_CLASSES]; /* by list price... */
    ledger_sum baseline;
    uint64_t input_tokens, read_tokens;
    bill_money rounding[2]; /* ...and these by all else; [1] where the ledger has the price */
    ledger_sum saved[LEVERS];
    uint64_t touched[LEVERS];
};

/* --- charges --- */

static struct bill_row row_of(const struct summing_up *sums, enum bill_kind kind)
{
    return (struct bill_row){
        .kind = kind,
        .from_us = sums->from_us,
        .to_us = sums->to_us,
        .tenant = buf_str(&sums->keys[KEY_TENANT]),
        .model = buf_str(&sums->keys[KEY_MODEL]),
        .provider = buf_str(&sums->keys[KEY_PROVIDER]),
        .profile = buf_str(&sums->keys[KEY_PROFILE]),
        .tags = buf_str(&sums->keys[KEY_TAGS]),
        .tier = sums->tier,
    };
}

static enum error_code give_usage(const struct summing_up *sums, size_t step, enum price_class class,
                                  bill_money *total, struct error *error)
{
    const struct part *part = &sums->parts[step][class];
    struct bill_row row = row_of(sums, BILL_USAGE);
    if (part->requests == 0)
        return OK;
    row.price = buf_str(&sums->keys[KEY_PRICE]);
    row.has_price = sums->has_price;
    row.class = class;
    row.above = sums->plain.steps[step].above_tokens;
    row.up_to = step + 1 < sums->plain.count ? sums->plain.steps[step + 1].above_tokens : 0;
    row.rate = class == PRICE_OUTPUT ? sums->plain.steps[step].output : sums->plain.steps[step].input;
    row.requests = part->requests;
    row.tokens = part->tokens;
    row.has_paid = !part->lacks_paid;
    row.paid = part->paid;
    row.input_tokens = sums->input_tokens;
    row.read_tokens = sums->read_tokens;
    if (__builtin_mul_overflow((bill_money)row.tokens, (bill_money)row.rate, &row.cost) ||
        __builtin_add_overflow(*total, row.cost, total))
        return error_set(error, ERROR_TOO_LARGE, "the sums of a period are too large");
    return sums->each(sums->ctx, &row, error);
}

/* All usage at one list price, and what the baseline of its requests has besides. */
static enum error_code give_price(struct summing_up *sums, struct error *error)
{
    bill_money total = 0;
    enum error_code code = OK;
    for (size_t step = 0; step < sums->plain.count; step++)
        for (unsigned class = 0; class < PRICE_CLASSES && code == OK; class++)
            code = give_usage(sums, step, (enum price_class)class, &total, error);
    sums->rounding[sums->has_price] += sums->baseline * BILL_MONEY_PER_PICODOLLAR - total;
    memset(sums->parts, 0, sizeof(sums->parts));
    sums->baseline = 0;
    sums->input_tokens = sums->read_tokens = 0;
    return code;
}

static enum error_code give_rounding(struct summing_up *sums, struct error *error)
{
    enum error_code code = OK;
    for (int has_price = 1; has_price >= 0 && code == OK; has_price--) {
        struct bill_row row = row_of(sums, BILL_ROUNDING);
        row.has_price = has_price;
        row.cost = sums->rounding[has_price];
        sums->rounding[has_price] = 0;
        if (row.cost != 0)
            code = sums->each(sums->ctx, &row, error);
    }
    return code;
}

static enum error_code give_levers(struct summing_up *sums, struct error *error)
{
    enum error_code code = OK;
    for (unsigned lever = 0; lever < LEVERS && code == OK; lever++) {
        struct bill_row row = row_of(sums, BILL_LEVER);
        row.lever = (enum price_lever)lever;
        row.cost = -sums->saved[lever] * BILL_MONEY_PER_PICODOLLAR;
        row.requests = sums->touched[lever];
        if (row.cost != 0)
            code = sums->each(sums->ctx, &row, error);
    }
    memset(sums->saved, 0, sizeof(sums->saved));
    memset(sums->touched, 0, sizeof(sums->touched));
    return code;
}

/* What is left of a group whose usage is given. */
static enum error_code give_rest(struct summing_up *sums, struct error *error)
{
    const enum error_code code = give_rounding(sums, error);
    return code == OK ? give_levers(sums, error) : code;
}

/* --- lines --- */

static enum error_code read_price(struct summing_up *sums, struct error *error)
{
    bool has_row = false;
    sql_bind_text(sums->rates, 1, buf_str(&sums->keys[KEY_PRICE]));
    const enum error_code code = sql_step(sums->rates, &has_row, error);
    sums->has_price = code == OK && has_row && price_plain_read(sql_text(sums->rates, 0), &sums->plain);
    if (!sums->has_price)
        sums->plain = (struct price_plain){.count = 1};
    sql_reset(sums->rates);
    return code;
}

/* The first key that differs from those of the lines before; KEYS: none. */
static int first_other(const struct summing_up *sums)
{
    int key = 0;
    while (key < KEYS && str_eq(buf_str(&sums->keys[key]), sql_text(sums->lines, key)))
        key++;
    return key;
}

static enum error_code begin_group(struct summing_up *sums, struct error *error)
{
    for (int key = 0; key < KEYS; key++) {
        buf_clear(&sums->keys[key]);
        if (!buf_append_str(&sums->keys[key], sql_text(sums->lines, key)) && sql_text(sums->lines, key).len > 0)
            return error_no_memory(error);
    }
    sums->has_group = true;
    return read_price(sums, error);
}

static void add_line(struct summing_up *sums)
{
    struct price_usage usage;
    for (int i = 0; i < PRICE_CLASSES; i++)
        usage.tokens[i] = (uint64_t)sql_int(sums->lines, AT_TOKENS + i);
    const uint64_t input = price_input_tokens(&usage);
    struct part *parts = sums->parts[price_plain_step(&sums->plain, input)];
    for (int i = 0; i < PRICE_CLASSES; i++) {
        parts[i].requests += usage.tokens[i] > 0;
        parts[i].tokens += usage.tokens[i];
        parts[i].paid += sql_int(sums->lines, AT_CLASSES + i);
        parts[i].lacks_paid = parts[i].lacks_paid || sql_is_null(sums->lines, AT_CLASSES + i);
    }
    for (int i = 0; i < LEVERS; i++) {
        const int64_t saved = sql_int(sums->lines, AT_SAVED + i);
        sums->saved[i] += saved;
        sums->touched[i] += saved != 0;
    }
    sums->baseline += sql_int(sums->lines, AT_BASELINE);
    sums->input_tokens += input;
    sums->read_tokens += usage.tokens[PRICE_CACHE_READ];
}

/* Ends the groups that the line at hand is not part of any more. A damaged word for a tier is no tier's. */
static enum error_code take_line(struct summing_up *sums, struct error *error)
{
    const int other = first_other(sums);
    enum tier tier;
    enum error_code code = OK;
    if (!tier_find(sql_text(sums->lines, KEY_TIER), &tier) || tier >= TIERS_PRICED)
        return OK;
    if (sums->has_group && other < KEYS)
        code = give_price(sums, error);
    if (code == OK && sums->has_group && other < KEY_PRICE)
        code = give_rest(sums, error);
    if (code == OK && (!sums->has_group || other < KEYS))
        code = begin_group(sums, error);
    sums->tier = tier;
    if (code == OK)
        add_line(sums);
    return code;
}

static enum error_code take_period(struct summing_up *sums, struct error *error)
{
    bool has_row = true;
    enum error_code code;
    sql_bind_int(sums->lines, 1, (int64_t)sums->from_us);
    sql_bind_int(sums->lines, 2, (int64_t)sums->to_us);
    if (sums->query->tenant.data)
        sql_bind_text(sums->lines, 3, sums->query->tenant);
    while ((code = sql_step(sums->lines, &has_row, error)) == OK && has_row)
        if ((code = take_line(sums, error)) != OK)
            break;
    sql_reset(sums->lines);
    if (code == OK && sums->has_group)
        code = give_price(sums, error);
    if (code == OK && sums->has_group)
        code = give_rest(sums, error);
    sums->has_group = false;
    return code;
}

/* --- periods --- */

/* The first line at `from_us` or later; INT64_MAX: there is none. */
static enum error_code find_next(struct summing_up *sums, uint64_t from_us, uint64_t *time_us, struct error *error)
{
    bool has_row = false;
    sql_bind_int(sums->next, 1, (int64_t)from_us);
    const enum error_code code = sql_step(sums->next, &has_row, error);
    *time_us = code == OK && has_row ? (uint64_t)sql_int(sums->next, 0) : INT64_MAX;
    sql_reset(sums->next);
    return code;
}

static enum error_code take_all(struct summing_up *sums, struct error *error)
{
    const uint64_t period = (sums->query->by == LEDGER_BY_DAY ? SUMMING_DAY : SUMMING_HOUR) * SECOND_US;
    const uint64_t end = sums->query->to_us ? sums->query->to_us : INT64_MAX;
    uint64_t time_us = 0;
    enum error_code code = find_next(sums, sums->query->from_us, &time_us, error);
    while (code == OK && time_us < end) {
        const uint64_t first = time_us / period * period;
        sums->from_us = first < sums->query->from_us ? sums->query->from_us : first;
        sums->to_us = first + period < end ? first + period : end;
        code = take_period(sums, error);
        if (code == OK)
            code = find_next(sums, sums->to_us, &time_us, error);
    }
    return code;
}

/* `tables` of the same columns: what is in ledger.db, and what is in the journal alone. */
static void write_lines(const struct bill_query *query, struct buf *text)
{
    static const char *const tables[] = {"temp.kept", "temp.late"};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        buf_appendf(text,
                    "%sSELECT tenant, model_invoked, " PROVIDER ", tier, coalesce(profile, ''), %s" COLUMNS
                    " FROM %s WHERE time_us >= ?1 AND time_us < ?2%s",
                    i ? " UNION ALL " : "", query->has_session ? TAGS_AND_SESSION : TAGS, tables[i],
                    query->tenant.data ? " AND tenant = ?3" : "");
    buf_append_text(text, " ORDER BY 1, 2, 3, 4, 5, 6, 7");
    buf_append_char(text, '\0');
}

static enum error_code prepare(struct summing_up *sums, struct error *error)
{
    struct sql *sql = view_sql(sums->view);
    struct buf text;
    buf_init(&text, TEXT_MAX);
    write_lines(sums->query, &text);
    assert(!text.failed || text.cap < TEXT_MAX);
    enum error_code code = text.failed ? error_no_memory(error) : sql_prepare(sql, text.data, &sums->lines, error);
    buf_deinit(&text);
    if (code == OK)
        code = sql_prepare(sql, "SELECT rates FROM main.price WHERE name = ?1", &sums->rates, error);
    if (code == OK)
        code = sql_prepare(sql, "SELECT min(coalesce((SELECT min(time_us) FROM main.line WHERE time_us >= ?1), "
                                "9223372036854775807), coalesce((SELECT min(time_us) FROM temp.late "
                                "WHERE time_us >= ?1), 9223372036854775807))", &sums->next, error);
    return code;
}

enum error_code ledger_bill(struct ledger_view *view, const struct bill_query *query,
                               enum error_code (*each)(void *ctx, const struct bill_row *row, struct error *error),
                               void *ctx, struct error *error)
{
    struct summing_up sums = {.view = view, .query = query, .each = each, .ctx = ctx};
    assert((query->by == LEDGER_BY_DAY || query->by == LEDGER_BY_HOUR) && query->from_us <= INT64_MAX);
    enum error_code code = view_begin(view, error);
    if (code != OK)
        return code;
    for (int key = 0; key < KEYS; key++)
        buf_init(&sums.keys[key], KEY_BYTES_MAX);
    code = prepare(&sums, error);
    if (code == OK)
        code = take_all(&sums, error);
    for (int key = 0; key < KEYS; key++)
        buf_deinit(&sums.keys[key]);
    sql_free(sums.lines);
    sql_free(sums.rates);
    sql_free(sums.next);
    view_end(view);
    return code;
}
