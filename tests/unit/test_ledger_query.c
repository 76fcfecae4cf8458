/* test_ledger_query.c - questions about the ledger against sums made by hand, wherever the lines lie: summed, in
 * ledger.db, in the journal; and journals whose records a view has to understand as the writer does. */
#include "ledger_fixture.h"
#include "ledger/money.h"
#include "ledger/query.h"
#include "ledger/routes.h"

#define GROUPS_MAX 4096

/* --- by hand ---------------------------------------------------------------------------------------- */

struct answer {
    char keys[GROUPS_MAX][64];
    struct ledger_group groups[GROUPS_MAX];
    size_t count;
};
static struct answer expected, got;

static void key_of(const struct ledger_line *line, const struct ledger_query *query, char key[64])
{
    char time[TIMESTAMP_LEN + 1];
    struct str text = STR("");
    clock_iso8601(line->time_us, time);
    switch (query->by) {
    case LEDGER_BY_NOTHING: break;
    case LEDGER_BY_DAY: text = (struct str){time, 10}; break;
    case LEDGER_BY_HOUR: (void)snprintf(key, 64, "%.13s:00Z", time); return;
    case LEDGER_BY_MINUTE: (void)snprintf(key, 64, "%.16sZ", time); return;
    case LEDGER_BY_TENANT: text = line->tenant; break;
    case LEDGER_BY_MODEL: text = line->model_invoked; break;
    case LEDGER_BY_TIER: text = str_of(tier_names[line->tier]); break;
    case LEDGER_BY_OPERATION: text = line->operation; break;
    case LEDGER_BY_OUTCOME: text = str_of(ledger_outcome_names[line->outcome]); break;
    case LEDGER_BY_MISS: text = line->miss_reason; break;
    case LEDGER_BY_PROVIDER: text = line->provider; break;
    case LEDGER_BY_ROUTER: text = line->router; break;
    case LEDGER_BY_KEY: text = line->key; break;
    case LEDGER_BY_PROFILE: text = line->profile; break;
    case LEDGER_BY_TAG: text = line->tags.len ? str_slice(line->tags, 9, 10) : STR(""); break;
    default: fail();
    }
    (void)snprintf(key, 64, STR_FMT, STR_ARG(text));
}

/* Where the key is, or belongs. */
static size_t place_of(const char *key)
{
    size_t i = 0;
    while (i < expected.count && strcmp(expected.keys[i], key) < 0)
        i++;
    if (i < expected.count && !strcmp(expected.keys[i], key))
        return i;
    memmove(expected.keys + i + 1, expected.keys + i, (expected.count - i) * sizeof(expected.keys[0]));
    memmove(expected.groups + i + 1, expected.groups + i, (expected.count - i) * sizeof(expected.groups[0]));
    (void)snprintf(expected.keys[i], sizeof(expected.keys[i]), "%s", key);
    expected.groups[i] = (struct ledger_group){0};
    expected.count++;
    return i;
}

static void add(struct ledger_group *group, const struct ledger_line *line)
{
    group->outcomes[line->outcome]++;
    for (size_t i = 0; i < PRICE_CLASSES; i++) {
        group->usage.tokens[i] += line->usage.tokens[i];
        group->classes[i] += line->quote.classes[i];
    }
    for (size_t i = 0; i < LEVERS; i++) {
        group->saved[i] += line->quote.saved[i];
        group->touched[i] += line->quote.saved[i] != 0;
    }
    group->cost += line->quote.cost;
    group->baseline += line->quote.baseline;
    group->cache_hits += line->usage.tokens[PRICE_CACHE_READ] > 0;
    group->attempts += line->attempts;
    group->latency_us += line->latency_us;
    group->first_token_us += line->first_token_us == LEDGER_NO_TOKEN ? 0 : line->first_token_us;
    group->first_tokens += line->first_token_us != LEDGER_NO_TOKEN;
}

static void sum_by_hand(const struct ledger_query *query, size_t count)
{
    char key[64] = "";
    expected.count = 0;
    if (query->by == LEDGER_BY_NOTHING)
        (void)place_of("");
    for (size_t i = 0; i < count; i++) {
        const struct ledger_line *line = &lines[i];
        if (line->time_us < query->from_us || (query->to_us && line->time_us >= query->to_us) ||
            (query->tenant.data && !str_eq(query->tenant, line->tenant)) ||
            (query->model.data && !str_eq(query->model, line->model_invoked)))
            continue;
        key_of(line, query, key);
        add(&expected.groups[place_of(key)], line);
    }
}

static enum error_code see(void *ctx, const struct ledger_group *group, struct error *error)
{
    (void)ctx;
    (void)error;
    assert_true(got.count < GROUPS_MAX);
    (void)snprintf(got.keys[got.count], 64, STR_FMT, STR_ARG(group->key));
    got.groups[got.count] = *group;
    got.groups[got.count++].key = (struct str){NULL, 0};
    return OK;
}

static void ask(struct ledger_view *view, const struct ledger_query *query)
{
    struct error error;
    got.count = 0;
    if (ledger_query(view, query, see, NULL, &error) != OK)
        fail_msg("%s", error.message);
}

static void compare(struct ledger_view *view, const struct ledger_query *query, size_t count)
{
    ask(view, query);
    sum_by_hand(query, count);
    bool is_same = got.count == expected.count;
    for (size_t i = 0; i < got.count && is_same; i++)
        is_same = !strcmp(got.keys[i], expected.keys[i]) &&
                  !memcmp(&got.groups[i], &expected.groups[i], sizeof(got.groups[i]));
    if (!is_same)
        fail_msg("by %s from %llu to %llu of %.*s: %zu groups, expected %zu", ledger_by_names[query->by],
                 (unsigned long long)query->from_us, (unsigned long long)query->to_us, (int)query->tenant.len,
                 query->tenant.data ? query->tenant.data : "", got.count, expected.count);
}

/* --- tests ------------------------------------------------------------------------------------------ */

/* No bound, or one on a day, an hour, a minute, or anywhere. */
static uint64_t some_time(struct rng *rng)
{
    static const uint64_t units[] = {0, DAY_US, UINT64_C(3600000000), UINT64_C(60000000), 1};
    const uint64_t unit = units[rng_below(rng, 5)];
    return unit ? (BEGIN_US + rng_below(rng, 5 * DAY_US)) / unit * unit : 0;
}

static void ask_much(struct ledger_view *view, struct rng *rng, size_t count)
{
    for (size_t i = 0; i < 300; i++) {
        const struct ledger_query query = {
            .from_us = some_time(rng), .to_us = some_time(rng), .by = (enum ledger_by)rng_below(rng, LEDGER_BYS),
            .tenant = rng_below(rng, 3) ? (struct str){NULL, 0} : STR("globex"), .tag = STR("team"),
            .model = rng_below(rng, 4) ? (struct str){NULL, 0} : STR("large")};
        compare(view, &query, count);
    }
}

static void sums_are_those_of_the_lines(void **state)
{
    (void)state;
    struct rng rng;
    struct ledger_view *view;
    struct error error;
    rng_seed(&rng, 4);
    make_lines(&rng);
    write_db(IN_DB, SUMMED);
    struct journal *journal = open_journal();
    for (size_t i = IN_DB - 100; i < LINES - 100; i++) /* the first hundred are in the database as well */
        append(journal, LEDGER_FINISHED, &lines[i]);
    int lock = hold_lock();
    assert_int_equal(ledger_view_open(test_root, &view, &error), OK);
    ask_much(view, &rng, LINES - 100);
    for (size_t i = LINES - 100; i < LINES; i++) { /* the view stays open, over a new segment */
        if (i == LINES - 50)
            assert_int_equal(journal_roll(journal, &error), OK);
        append(journal, LEDGER_FINISHED, &lines[i]);
        compare(view, &(struct ledger_query){.by = LEDGER_BY_TENANT}, i + 1);
    }
    ask_much(view, &rng, LINES);
    write_db(LINES, LINES); /* what is there already changes nothing */
    ask_much(view, &rng, LINES);
    ledger_view_close(view);
    close(lock);
    journal_close(journal);
}

static void limits_keep_the_last_and_the_dearest(void **state)
{
    (void)state;
    struct ledger_view *view;
    struct error error;
    for (size_t i = 0; i < 10; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "id-%zu", i);
        lines[i] = (struct ledger_line){
            .request_id = str_of(ids[i]), .time_us = BEGIN_US + i * UINT64_C(7200000000), .tier = TIER_DEFAULT,
            .model_invoked = i % 5 == 0 ? STR("a") : i % 5 == 1 ? STR("b") : STR("c"),
            .quote = {.cost = i % 5 == 1 ? 9000000000 : 1000000000}};
    }
    write_db(10, 0);
    assert_int_equal(ledger_view_open(test_root, &view, &error), OK);
    ask(view, &(struct ledger_query){.by = LEDGER_BY_MODEL, .limit = 2});
    assert_int_equal(got.count, 2);
    assert_true(!strcmp(got.keys[0], "b") && !strcmp(got.keys[1], "c"));
    ask(view, &(struct ledger_query){.by = LEDGER_BY_HOUR, .limit = 5}); /* the last is 18 hours after the first */
    assert_int_equal(got.count, 3);
    assert_true(!strcmp(got.keys[0], "2026-11-25T14:00Z") && !strcmp(got.keys[2], "2026-11-25T18:00Z"));
    ask(view, &(struct ledger_query){.by = LEDGER_BY_HOUR, .limit = 1, .to_us = BEGIN_US + UINT64_C(3600000000)});
    assert_true(got.count == 1 && !strcmp(got.keys[0], "2026-11-25T00:00Z"));
    ask(view, &(struct ledger_query){.by = LEDGER_BY_DAY, .from_us = BEGIN_US + 5 * DAY_US});
    assert_int_equal(got.count, 0);
    ask(view, &(struct ledger_query){.from_us = 2, .to_us = 1});
    assert_true(got.count == 1 && ledger_group_requests(&got.groups[0]) == 0);
    ledger_view_close(view);
}

static enum error_code write_route(void *ctx, const struct ledger_route *route, struct error *error)
{
    char money[MONEY_TEXT];
    (void)error;
    buf_appendf(ctx, STR_FMT ">" STR_FMT " %llu %s; ", STR_ARG(route->router), STR_ARG(route->model),
                (unsigned long long)route->requests, money_picodollars(route->cost, money));
    return OK;
}

static void expect_routes(struct ledger_view *view, uint64_t from_us, struct str tenant, const char *expected_text)
{
    struct buf text;
    struct error error;
    buf_init(&text, 4096);
    if (ledger_routes(view, from_us, tenant, write_route, &text, &error) != OK)
        fail_msg("%s", error.message);
    assert_true(buf_append_char(&text, '\0'));
    assert_string_equal(text.data, expected_text);
    buf_deinit(&text);
}

static void routes_are_by_router_and_model(void **state)
{
    (void)state;
    static const struct {
        const char *router, *requested, *invoked, *tenant, *operation;
        uint64_t cost;
    } rows[] = {
        {"within-tolerance", "auto", "small", "a", "Converse", INT64_MAX},
        {"within-tolerance", "auto", "small", "b", "Converse", INT64_MAX},
        {"doubted", "auto", "small", "a", "Converse", 5}, /* was taken back: its cost counts, its request does not */
        {"escalated", "auto", "large", "a", "Converse", 70},
        {"fallback", "arn:x", "large", "a", "ConverseStream", 1},
        {"", "large", "large", "a", "Converse", 9}, /* names no router */
        {"fallback", "auto", "large", "(shadow)", "ShadowConverse", 9},
    };
    struct ledger_view *view;
    struct error error;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "id-%zu", i);
        lines[i] = (struct ledger_line){
            .request_id = str_of(ids[i]), .time_us = BEGIN_US + i, .tier = TIER_DEFAULT,
            .tenant = str_of(rows[i].tenant), .operation = str_of(rows[i].operation),
            .router = str_of(rows[i].router), .model_requested = str_of(rows[i].requested),
            .model_invoked = str_of(rows[i].invoked), .quote = {.cost = rows[i].cost}};
    }
    write_db(5, 0);
    struct journal *journal = open_journal();
    for (size_t i = 3; i < sizeof(rows) / sizeof(rows[0]); i++) /* two of them are in the database as well */
        append(journal, LEDGER_FINISHED, &lines[i]);
    assert_int_equal(ledger_view_open(test_root, &view, &error), OK);
    expect_routes(view, 0, (struct str){NULL, 0},
                  "arn:x>large 1 1; auto>large 1 70; auto>small 2 18446744073709551619; ");
    expect_routes(view, 0, STR("b"), "auto>small 1 9223372036854775807; ");
    expect_routes(view, BEGIN_US + 3, STR("a"), "arn:x>large 1 1; auto>large 1 70; ");
    ledger_view_close(view);
    journal_close(journal);
}

static size_t rows_left(void)
{
    struct ledger_db *db = open_db();
    struct error error;
    int64_t count = 0;
    assert_int_equal(sql_number(ledger_db_sql(db), "SELECT count(*) FROM line", &count, &error), OK);
    ledger_db_close(db);
    return (size_t)count;
}

static void show_total(struct ledger_group *group)
{
    struct ledger_view *view;
    struct error error;
    assert_int_equal(ledger_view_open(test_root, &view, &error), OK);
    ask(view, &(struct ledger_query){.by = LEDGER_BY_NOTHING});
    *group = got.groups[0];
    ledger_view_close(view);
}

/* Let in, refused, let in again for another target: what counts is how it ended there, to a view as to the writer. */
static void refused_and_let_in_again(void **state)
{
    (void)state;
    struct ledger_group group;
    struct error error;
    struct ledger *ledger;
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "id-%zu", i);
        lines[i] = (struct ledger_line){.request_id = str_of(ids[i]), .time_us = BEGIN_US, .tier = TIER_FLEX,
                                        .outcome = LEDGER_FAILED};
    }
    ledger_db_close(open_db());
    struct journal *journal = open_journal();
    for (size_t i = 0; i < 3; i++) {
        append(journal, LEDGER_ACCEPTED, &lines[i]);
        append(journal, LEDGER_REFUSED, &lines[i]);
        if (i < 2)
            append(journal, LEDGER_ACCEPTED, &lines[i]);
    }
    lines[0].outcome = LEDGER_COMPLETED;
    append(journal, LEDGER_FINISHED, &lines[0]);
    show_total(&group);
    assert_true(group.outcomes[LEDGER_COMPLETED] == 1 && group.outcomes[LEDGER_FAILED] == 1);
    journal_close(journal);
    assert_int_equal(ledger_open(test_root, book, &ledger, &error), OK);
    assert_true(ledger_close(ledger));
    show_total(&group);
    assert_true(group.outcomes[LEDGER_COMPLETED] == 1 && group.outcomes[LEDGER_FAILED] == 1);
    assert_int_equal(rows_left(), 2);
}

/* What a later program wrote is neither dropped nor read: start that one. */
static void lines_of_a_later_program_stay(void **state)
{
    (void)state;
    uint8_t payload[JOURNAL_RECORD_MAX];
    struct ledger *ledger;
    struct ledger_view *view;
    struct error error;
    uint64_t *segments;
    size_t count;
    lines[0] = (struct ledger_line){.request_id = STR("later"), .time_us = BEGIN_US, .tier = TIER_DEFAULT};
    ledger_db_close(open_db());
    struct journal *journal = open_journal();
    append(journal, LEDGER_FINISHED, &lines[0]);
    const size_t len = ledger_line_encode(&lines[0], payload);
    payload[0]++;
    assert_int_equal(journal_append(journal, LEDGER_FINISHED, (struct str){(char *)payload, len}, 0, &error), OK);
    journal_close(journal);
    assert_int_equal(ledger_open(test_root, book, &ledger, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "ledger: a later version of this program wrote segment 1 of the journal "));
    assert_non_null(strstr(error.message, "no line is lost"));
    assert_int_equal(ledger_view_open(test_root, &view, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "a later version"));
    (void)snprintf((char *)payload, sizeof(payload), "%s/" LEDGER_JOURNAL_DIR, test_root);
    assert_int_equal(journal_list((char *)payload, &segments, &count, &error), OK);
    assert_true(count == 1 && segments[0] == 1);
    mem_free(segments);
}

#define EACH_IN_ITS_OWN(test) cmocka_unit_test_setup_teardown(test, load, unload)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH_IN_ITS_OWN(sums_are_those_of_the_lines),
        EACH_IN_ITS_OWN(limits_keep_the_last_and_the_dearest),
        EACH_IN_ITS_OWN(routes_are_by_router_and_model),
        EACH_IN_ITS_OWN(refused_and_let_in_again),
        EACH_IN_ITS_OWN(lines_of_a_later_program_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
