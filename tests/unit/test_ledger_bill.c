/* test_ledger_bill.c - the ledger as a bill, against sums made by hand over lines at random: priced by rows that round
 * and rows that do not, in the database and in the journal. */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "cmd/sections.h"
#include "core/config.h"
#include "core/file.h"
#include "core/util.h"
#include "ledger/bill.h"
#include "ledger/drain.h"
#include "ledger/ledger.h"
#include "store/sql.h"

#define BEGIN_US UINT64_C(1795564800000000) /* 2026-11-25 00:00:00 UTC */
#define HOUR_US UINT64_C(3600000000)
#define DAY_US (24 * HOUR_US)
#define LINES 1500
#define IN_DB 1000 /* of them; the rest is in the journal, some in both */

static struct config config;
static struct price_book *book;

/* A price of one's own whose rates are no whole picodollars a token. */
static const char settings[] = "models:\n"
                               "  - {name: odd, path: x.gguf, price: {input: 0.0000017, output: 0.0000391}}\n"
                               "  - {name: part, path: x.gguf, price_as: amazon.nova-pro-v1:0, price_share: 0.33333}\n";

static int load(void **state)
{
    char file[256];
    struct error error;
    if (test_root_make(state))
        return -1;
    (void)snprintf(file, sizeof(file), "%s/x.gguf", test_root);
    if (file_replace(file, STR("-"), 0600, &error) != OK)
        fail_msg("%s", error.message);
    (void)snprintf(file, sizeof(file), "%s/f.yaml", test_root); /* beside the model */
    if (config_parse(str_of(settings), file, program_sections, &config, &error) ||
        price_book_load(&config, &book, &error))
        fail_msg("%s", error.message);
    return 0;
}

static int unload(void **state)
{
    price_book_free(book);
    config_deinit(&config);
    return test_root_remove(state);
}

/* --- lines ------------------------------------------------------------------------------------------ */

static struct ledger_line lines[LINES];
static char ids[LINES][32];

static const struct price_row *some_row(struct rng *rng)
{
    switch (rng_below(rng, 6)) {
    case 0: return price_book_own(book, 0);
    case 1: return price_book_own(book, 1);
    case 2: return price_book_find(book, STR("anthropic.claude-sonnet-4-20250514-v1:0"), STR("")); /* two steps */
    case 3: return price_book_find(book, STR("amazon.nova-lite-v1:0"), STR("eu"));
    case 4: return price_book_row_of(book, NULL, STR("nobody's"), STR(""));
    default: return price_book_find(book, STR("amazon.nova-pro-v1:0"), STR(""));
    }
}

static void make_line(struct rng *rng, size_t i)
{
    static const char *const tenants[] = {"acme", "globex", "a,\"b\""}, *const models[] = {"large", "small"};
    static const char *const tags[] = {"", "{\"team\":\"a\"}", "{\"team\":\"b\",\"x\":\"1\"}"};
    static const char *const sessions[] = {"", "one", "two"};
    const struct price_path path = {some_row(rng), some_row(rng), some_row(rng)};
    struct ledger_line *line = &lines[i];
    const bool is_long = rng_below(rng, 4) == 0;
    (void)snprintf(ids[i], sizeof(ids[i]), "id-%06zu", i);
    *line = (struct ledger_line){
        .request_id = str_of(ids[i]), .tenant = str_of(tenants[rng_below(rng, 3)]), .dialect = STR("bedrock"),
        .operation = STR("Converse"), .model_requested = STR("m"), .model_invoked = str_of(models[rng_below(rng, 2)]),
        .price = str_of(path.answered->name), .baseline_price = str_of(path.asked->name),
        .tags = str_of(tags[rng_below(rng, 3)]), .session = str_of(sessions[rng_below(rng, 3)]),
        .provider = STR(LEDGER_PROVIDER_ENGINE), .attempts = 1, .router_score = LEDGER_ABSENT,
        .time_us = BEGIN_US + rng_below(rng, 4) * 3 * DAY_US + rng_below(rng, 6 * HOUR_US),
        .tier = price_tiers[rng_below(rng, TIERS_PRICED)], .outcome = LEDGER_COMPLETED,
        .first_token_us = LEDGER_NO_TOKEN,
        .usage = {{rng_below(rng, is_long ? 400000 : 900), rng_below(rng, 2) * rng_below(rng, 5000),
                   rng_below(rng, 3) * 17, rng_below(rng, 2) * 33, rng_below(rng, 700)}},
    };
    line->quote = price_quote(&path, line->tier, &line->usage);
    if (rng_below(rng, 9) == 0) { /* an answer that nobody asked for */
        line->tenant = STR("(shadow)");
        line->baseline_price = STR(PRICE_NONE);
        line->quote = price_quote_shadow(path.answered, line->tier, &line->usage);
    } else if (rng_below(rng, 9) == 0) {
        line->quote = price_quote_again(&path, line->tier, &line->usage);
    }
}

static void write_db(size_t count)
{
    char path[256];
    struct ledger_db *db;
    struct error error;
    (void)snprintf(path, sizeof(path), "%s/" LEDGER_DB_FILE, test_root);
    if (ledger_db_open(path, book, &db, &error) != OK)
        fail_msg("%s", error.message);
    assert_int_equal(ledger_db_begin(db, &error), OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(ledger_db_insert(db, &lines[i], &error), OK);
    assert_int_equal(ledger_db_commit(db, &error), OK);
    ledger_db_close(db);
}

static void write_journal(size_t from, size_t to)
{
    uint8_t payload[JOURNAL_RECORD_MAX];
    char dir[256];
    struct journal *journal;
    struct error error;
    (void)snprintf(dir, sizeof(dir), "%s/" LEDGER_JOURNAL_DIR, test_root);
    assert_int_equal(journal_open(dir, 1u << 30, &journal, &error), OK);
    for (size_t i = from; i < to; i++) {
        const size_t len = ledger_line_encode(&lines[i], payload);
        assert_true(len > 0);
        assert_int_equal(journal_append(journal, LEDGER_FINISHED, (struct str){(char *)payload, len}, 0, &error), OK);
    }
    journal_close(journal);
}

/* --- sums -------------------------------------------------------------------------------------------- */

struct sums {
    bill_money all, baseline, levers[LEVERS];
    ledger_sum tokens[PRICE_CLASSES], paid[PRICE_CLASSES];
    uint64_t rows, requests;
};

struct seen {
    struct sums sums;
    uint64_t period_us, last_us;
    char last[256]; /* the group before: none comes twice */
};

static void check_usage(const struct bill_row *row)
{
    assert_true(row->tokens > 0 && row->requests > 0 && row->price.len > 0 && row->has_price);
    assert_true(row->cost == (bill_money)row->tokens * row->rate);
    assert_true(row->read_tokens <= row->input_tokens);
    assert_true(row->up_to == 0 || row->up_to > row->above);
}

static enum error_code see(void *ctx, const struct bill_row *row, struct error *error)
{
    struct seen *seen = ctx;
    (void)error;
    assert_true(row->from_us < row->to_us && row->to_us - row->from_us <= seen->period_us);
    assert_true(row->from_us >= seen->last_us);
    seen->last_us = row->from_us;
    seen->sums.rows++;
    seen->sums.all += row->cost;
    if (row->kind == BILL_LEVER) {
        seen->sums.levers[row->lever] += row->cost;
        return OK;
    }
    seen->sums.baseline += row->cost;
    if (row->kind == BILL_USAGE) {
        check_usage(row);
        seen->sums.tokens[row->class] += row->tokens;
        seen->sums.paid[row->class] += row->paid;
    }
    return OK;
}

static struct sums sum_by_hand(const struct bill_query *query, size_t count)
{
    struct sums sums = {0};
    for (size_t i = 0; i < count; i++) {
        const struct ledger_line *line = &lines[i];
        if (line->time_us < query->from_us || (query->to_us && line->time_us >= query->to_us) ||
            (query->tenant.data && !str_eq(query->tenant, line->tenant)))
            continue;
        sums.all += (bill_money)line->quote.cost * BILL_MONEY_PER_PICODOLLAR;
        sums.baseline += (bill_money)line->quote.baseline * BILL_MONEY_PER_PICODOLLAR;
        for (size_t k = 0; k < LEVERS; k++)
            sums.levers[k] -= (bill_money)line->quote.saved[k] * BILL_MONEY_PER_PICODOLLAR;
        for (size_t k = 0; k < PRICE_CLASSES; k++) {
            sums.tokens[k] += line->usage.tokens[k];
            sums.paid[k] += line->quote.classes[k];
        }
    }
    return sums;
}

static void compare(struct ledger_view *view, const struct bill_query *query, size_t count)
{
    struct seen seen = {.period_us = query->by == LEDGER_BY_DAY ? DAY_US : HOUR_US};
    struct error error;
    const struct sums expected = sum_by_hand(query, count);
    if (ledger_bill(view, query, see, &seen, &error) != OK)
        fail_msg("%s", error.message);
    assert_true(seen.sums.all == expected.all && seen.sums.baseline == expected.baseline);
    assert_memory_equal(seen.sums.levers, expected.levers, sizeof(expected.levers));
    assert_memory_equal(seen.sums.tokens, expected.tokens, sizeof(expected.tokens));
    assert_memory_equal(seen.sums.paid, expected.paid, sizeof(expected.paid));
}

static uint64_t some_time(struct rng *rng)
{
    return rng_below(rng, 3) ? BEGIN_US + rng_below(rng, 11 * DAY_US) / 1000000 * 1000000 : 0;
}

static void ask_much(struct ledger_view *view, struct rng *rng, size_t count)
{
    for (size_t i = 0; i < 60; i++) {
        const struct bill_query query = {
            .from_us = some_time(rng), .to_us = some_time(rng), .has_session = rng_below(rng, 2),
            .by = rng_below(rng, 2) ? LEDGER_BY_DAY : LEDGER_BY_HOUR,
            .tenant = rng_below(rng, 3) ? (struct str){NULL, 0} : STR("globex")};
        compare(view, &query, count);
    }
}

/* --- tests ------------------------------------------------------------------------------------------ */

static void charges_add_up_to_the_lines(void **state)
{
    (void)state;
    struct rng rng;
    struct ledger_view *view;
    struct error error;
    rng_seed(&rng, 17);
    for (size_t i = 0; i < LINES; i++)
        make_line(&rng, i);
    write_db(IN_DB);
    write_journal(IN_DB - 100, LINES); /* the first hundred are in the database as well */
    assert_int_equal(ledger_view_open(test_root, &view, &error), OK);
    ask_much(view, &rng, LINES);
    ledger_view_close(view);
}

/* One row for each class and step; nothing to round where a token has a price in whole picodollars. */
struct list {
    struct bill_row rows[32];
    size_t count;
};

static enum error_code keep(void *ctx, const struct bill_row *row, struct error *error)
{
    struct list *list = ctx;
    (void)error;
    assert_true(list->count < 32);
    list->rows[list->count++] = *row; /* its strings are gone */
    return OK;
}

static void rows_are_of_one_price(void **state)
{
    (void)state;
    const struct price_row *row = price_book_find(book, STR("anthropic.claude-sonnet-4-20250514-v1:0"), STR(""));
    const struct price_path path = {row, row, row};
    struct list list = {.count = 0};
    struct ledger_view *view;
    struct error error;
    assert_true(row && row->step_count == 2);
    const uint64_t sizes[] = {100, row->steps[1].above_tokens, row->steps[1].above_tokens + 1};
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "one-%zu", i);
        lines[i] = (struct ledger_line){
            .request_id = str_of(ids[i]), .tenant = STR("t"), .model_invoked = STR("m"), .tier = TIER_DEFAULT,
            .price = str_of(row->name), .baseline_price = str_of(row->name), .time_us = BEGIN_US + i,
            .router_score = LEDGER_ABSENT, .usage = {{sizes[i] - 60, 60, 0, 0, 10}}};
        lines[i].quote = price_quote(&path, TIER_DEFAULT, &lines[i].usage);
    }
    write_db(3);
    assert_int_equal(ledger_view_open(test_root, &view, &error), OK);
    assert_int_equal(ledger_bill(view, &(struct bill_query){.by = LEDGER_BY_HOUR}, keep, &list, &error), OK);
    ledger_view_close(view);
    assert_int_equal(list.count, 7); /* input, read and output at two steps, and what the cache saved */
    for (size_t i = 0; i < 6; i++) {
        const struct bill_row *usage = &list.rows[i];
        assert_int_equal(usage->kind, BILL_USAGE);
        assert_int_equal(usage->above, i < 3 ? 0 : sizes[1]);
        assert_int_equal(usage->up_to, i < 3 ? sizes[1] : 0);
        assert_int_equal(usage->requests, i < 3 ? 2 : 1);
        assert_int_equal(usage->rate, row->steps[i / 3].rates[TIER_DEFAULT][i % 3 == 2 ? PRICE_OUTPUT : PRICE_INPUT]);
        assert_true(usage->input_tokens == sizes[0] + sizes[1] + sizes[2] && usage->read_tokens == 180);
    }
    assert_int_equal(list.rows[6].kind, BILL_LEVER);
    assert_int_equal(list.rows[6].lever, LEVER_CACHE);
    assert_int_equal(list.rows[6].requests, 3);
    assert_true(list.rows[6].cost < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(charges_add_up_to_the_lines, load, unload),
        cmocka_unit_test_setup_teardown(rows_are_of_one_price, load, unload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
