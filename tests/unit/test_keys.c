/* Virtual keys: their rows, whose a credential is, what it may ask and how often, tags; what the ledger has of
 * budgets. */
#include "support.h"

#include "cmd/sections.h"
#include "core/config_values.h"
#include "keys/make.h"
#include "keys/tally.h"
#include "ledger/ledger.h"

#define SECOND UINT64_C(1000000)
#define NOW_US (UINT64_C(1790000000) * SECOND)

static struct arena arena;
static struct config config;
static struct price_book *book;

static int set_up(void **state)
{
    struct error error;
    return test_root_make(state) || config_parse(STR(""), NULL, program_sections, &config, &error) ||
           price_book_load(&config, &book, &error);
}

static int tear_down(void **state)
{
    price_book_free(book);
    config_deinit(&config);
    return test_root_remove(state);
}

static struct ledger *open_ledger(void)
{
    struct ledger *ledger;
    struct error error;
    assert_int_equal(ledger_open(test_root, book, &ledger, &error), OK);
    return ledger;
}

static struct key_store *open_store(void)
{
    struct key_store *store;
    struct error error;
    assert_int_equal(key_store_open(test_root, &store, &error), OK);
    return store;
}

static struct key_row make_key(const char *name, const char *tenant, struct key_secret *secret,
                               const struct key_wish *more)
{
    struct key_wish wish = *more;
    struct key_row row;
    struct error error;
    wish.name = str_of(name);
    wish.tenant = str_of(tenant);
    assert_int_equal(key_from_wish(&wish, &config, NOW_US, &arena, secret, &row, &error), OK);
    return row;
}

static void refuse_wish(const struct key_wish *wish, const char *message)
{
    struct key_secret secret;
    struct key_row row;
    struct error error;
    assert_int_equal(key_from_wish(wish, &config, NOW_US, &arena, &secret, &row, &error), ERROR_INVALID);
    if (!strstr(error.message, message))
        fail_msg("'%s' lacks '%s'", error.message, message);
}

static void test_wishes(void **state)
{
    (void)state;
    struct key_secret secret;
    const struct str models[] = {STR("claude-*"), STR("no model")};
    const struct key_tag tags[] = {{STR("team"), STR("red")}, {STR("team"), STR("blue")}};
    const struct key_row row = make_key("app", "", &secret, &(struct key_wish){.expires = STR("30d")});
    assert_true(str_eq(row.tenant, STR("default")) && str_eq(row.models, STR("[]")) && str_eq(row.tags, STR("{}")));
    assert_true(row.expires_us == NOW_US + 30 * WINDOW_DAY_US);
    assert_true(key_is_id(row.id) && strlen(secret.token) == KEY_TOKEN_LEN);
    assert_true(str_starts(str_of(secret.token), STR("sk-")));
    assert_true(str_ends(str_of(secret.token), row.hint));
    refuse_wish(&(struct key_wish){.name = STR("a\nb")}, "name: ");
    refuse_wish(&(struct key_wish){.tenant = STR("a/b")}, "tenant: ");
    refuse_wish(&(struct key_wish){.expires = STR("soon")}, "expires: ");
    refuse_wish(&(struct key_wish){.expires = STR("0d")}, "expires: ");
    refuse_wish(&(struct key_wish){.expires = STR("2001-01-01")}, "expires: ");
    refuse_wish(&(struct key_wish){.models = models, .model_count = 2}, "models[1]: ");
    refuse_wish(&(struct key_wish){.tags = tags, .tag_count = 2}, "tags: 'team' is there twice");
}

static void test_budget_wishes(void **state)
{
    (void)state;
    struct budget_row rows[BUDGET_PERIODS];
    struct error error;
    size_t count;
    struct budget_wish wish = {{SUBJECT_TAG, STR(""), STR("team=red")}, {STR("5"), {NULL, 0}, STR("0")}, STR("")};
    assert_int_equal(budgets_from_wish(&wish, &config, rows, &count, &error), OK);
    assert_true(count == 2 && rows[0].limit == 5 * CONFIG_PICO && rows[1].period == BUDGET_MONTH &&
                rows[1].limit == 0);
    wish.amounts[BUDGET_WEEK] = STR("much");
    assert_int_equal(budgets_from_wish(&wish, &config, rows, &count, &error), ERROR_INVALID);
    assert_true(str_starts(str_of(error.message), STR("week: expected dollars")));
    wish.subject.name = STR("team");
    assert_int_equal(budgets_from_wish(&wish, &config, rows, &count, &error), ERROR_INVALID);
    assert_true(str_starts(str_of(error.message), STR("tag: expected KEY=VALUE")));
    wish = (struct budget_wish){{SUBJECT_TENANT, STR("shop"), STR("")}, {STR("5")}, STR("arn:nobody")};
    assert_int_equal(budgets_from_wish(&wish, &config, rows, &count, &error), ERROR_INVALID);
    assert_true(str_starts(str_of(error.message), STR("alert: ")));
}

static void test_store(void **state)
{
    (void)state;
    struct key_store *store = open_store();
    struct key_secret secret;
    struct key_row row = make_key("app", "shop", &secret, &(struct key_wish){.requests = 7}), found, *rows;
    struct budget_row budget = {{SUBJECT_KEY, STR(""), row.id}, BUDGET_WEEK, 9, STR("")}, *budgets;
    struct error error;
    int64_t before, after;
    size_t count;
    uint8_t master[KEY_MASTER_LEN], again[KEY_MASTER_LEN];
    assert_int_equal(key_store_revision(store, &before, &error), OK);
    assert_int_equal(key_store_add(store, &row, &budget, 1, &error), OK);
    assert_int_equal(key_store_revision(store, &after, &error), OK);
    assert_true(after > before);
    assert_int_equal(key_store_add(store, &row, NULL, 0, &error), ERROR_CONFLICT);
    const struct key_row other = make_key("app", "other", &secret, &(struct key_wish){.requests = 0});
    assert_int_equal(key_store_add(store, &other, NULL, 0, &error), OK);
    assert_int_equal(key_store_find(store, STR("app"), (struct str){NULL, 0}, &arena, &found, &error), ERROR_CONFLICT);
    assert_int_equal(key_store_find(store, STR("app"), STR("shop"), &arena, &found, &error), OK);
    assert_true(str_eq(found.id, row.id) && found.requests == 7);
    assert_int_equal(key_store_find(store, STR("none"), STR("shop"), &arena, &found, &error), ERROR_NOT_FOUND);
    assert_int_equal(key_store_revoke(store, row.id, NOW_US, &error), OK);
    assert_int_equal(key_store_revoke(store, row.id, NOW_US + 5, &error), OK);
    assert_int_equal(key_store_find(store, row.id, (struct str){NULL, 0}, &arena, &found, &error), OK);
    assert_true(found.revoked_us == NOW_US);
    assert_int_equal(key_store_master(store, master, &error), OK);
    key_store_close(store);
    store = open_store(); /* all of it is there again */
    assert_int_equal(key_store_master(store, again, &error), OK);
    assert_memory_equal(master, again, sizeof(master));
    assert_int_equal(key_store_keys(store, &arena, &rows, &count, &error), OK);
    assert_int_equal(count, 2);
    assert_int_equal(key_store_budgets(store, &arena, &budgets, &count, &error), OK);
    assert_true(count == 1 && budgets[0].limit == 9 && str_eq(budgets[0].subject.name, row.id));
    budget.limit = 0;
    assert_int_equal(key_store_set_budgets(store, &budget, 1, &error), OK);
    assert_int_equal(key_store_budgets(store, &arena, &budgets, &count, &error), OK);
    assert_int_equal(count, 0);
    bool was_given;
    for (uint32_t day = 5; day < 7; day++) { /* each period has its own */
        assert_int_equal(key_store_has_alert(store, STR("b"), day, 80, &was_given, &error), OK);
        assert_false(was_given);
        assert_int_equal(key_store_note_alert(store, STR("b"), day, 80, &error), OK);
        assert_int_equal(key_store_has_alert(store, STR("b"), day, 80, &was_given, &error), OK);
        assert_true(was_given);
    }
    key_store_close(store);
}

static void test_ring(void **state)
{
    (void)state;
    const uint8_t master[KEY_MASTER_LEN] = {1};
    const struct str models[] = {STR("claude-*"), STR("desk-small")};
    struct key_secret secrets[2];
    struct ring *ring;
    struct error error;
    struct auth_key key;
    struct str tags;
    const struct key_tag tag = {STR("team"), STR("red")};
    struct key_row rows[] = {
        make_key("a", "shop", &secrets[0],
                 &(struct key_wish){.models = models, .model_count = 2, .requests = 2, .tags = &tag, .tag_count = 1}),
        make_key("b", "other", &secrets[1], &(struct key_wish){.expires = STR("10s"), .tokens = 600}),
    };
    assert_int_equal(ring_new(master, &ring, &error), OK);
    const struct str token = str_of(secrets[0].token);
    assert_int_equal(ring_by_token(ring, token, NOW_US, &key), AUTH_KEY_MISSING);
    assert_int_equal(ring_by_token(ring, STR("sk-another"), NOW_US, &key), AUTH_KEY_UNKNOWN);
    assert_int_equal(ring_by_id(ring, STR("AKIDEXAMPLE"), NOW_US, &key), AUTH_KEY_UNKNOWN);
    assert_int_equal(ring_load(ring, rows, 2, &error), OK);
    assert_int_equal(ring_by_token(ring, token, NOW_US, &key), AUTH_KEY_GOOD);
    assert_string_equal(key.tenant, "shop");
    char access[KEY_ACCESS_SECRET_LEN + 1];
    key_access_secret(master, rows[0].id, access);
    assert_int_equal(ring_by_id(ring, rows[0].id, NOW_US, &key), AUTH_KEY_GOOD);
    assert_string_equal(key.secret, access);
    assert_int_equal(ring_by_id(ring, rows[1].id, NOW_US + 10 * SECOND - 1, &key), AUTH_KEY_GOOD);
    assert_int_equal(ring_by_id(ring, rows[1].id, NOW_US + 10 * SECOND, &key), AUTH_KEY_EXPIRED);

    const struct str good[] = {STR("x"), STR("claude-3")}, bad[] = {STR("x"), STR("")};
    assert_int_equal(ring_may_ask(ring, rows[0].id, good, 2, &error), OK);
    assert_int_equal(ring_may_ask(ring, rows[0].id, bad, 2, &error), ERROR_DENIED);
    assert_non_null(strstr(error.message, "The key 'a' may not use the model 'x'"));
    assert_int_equal(ring_may_ask(ring, rows[1].id, bad, 2, &error), OK);
    assert_int_equal(ring_tags(ring, rows[0].id, &arena, &tags, &error), OK);
    assert_true(str_eq(tags, STR("{\"team\":\"red\"}")));

    for (int i = 0; i < 2; i++)
        assert_int_equal(ring_take(ring, rows[0].id, 5, NOW_US, &error), OK);
    assert_int_equal(ring_take(ring, rows[0].id, 5, NOW_US, &error), ERROR_THROTTLED);
    assert_int_equal(error.retry_s, 30);
    assert_int_equal(ring_load(ring, rows, 2, &error), OK); /* what was used stays used */
    assert_int_equal(ring_take(ring, rows[0].id, 5, NOW_US + 29 * SECOND, &error), ERROR_THROTTLED);
    assert_int_equal(ring_take(ring, rows[0].id, 5, NOW_US + 30 * SECOND, &error), OK);
    assert_int_equal(ring_take(ring, rows[1].id, 100, NOW_US, &error), OK);
    ring_give(ring, rows[1].id, 100, 700, NOW_US); /* 100 are owed, ten come a second */
    assert_int_equal(ring_take(ring, rows[1].id, 1, NOW_US, &error), ERROR_THROTTLED);
    assert_int_equal(error.retry_s, 11);
    assert_int_equal(ring_take(ring, rows[1].id, 1, NOW_US + 11 * SECOND, &error), OK);

    rows[0].revoked_us = NOW_US;
    assert_int_equal(ring_load(ring, rows, 2, &error), OK);
    assert_int_equal(ring_by_token(ring, token, NOW_US, &key), AUTH_KEY_REVOKED);
    assert_int_equal(ring_may_ask(ring, rows[0].id, good, 2, &error), ERROR_DENIED);
    ring_free(ring);
}

/* --- what the ledger has ---------------------------------------------------------------------------- */

static ledger_sum late_sum;

static void take_late(void *ctx, const struct subject *subject, uint64_t time_us, uint64_t cost)
{
    (void)ctx;
    (void)time_us;
    late_sum += subject->kind == SUBJECT_TENANT ? cost : 0;
}

static void record(struct ledger *ledger, const char *id, uint64_t time_us, const char *key, const char *tags,
                   uint64_t cost)
{
    struct error error;
    struct ledger_line line = {
        .request_id = str_of(id), .tenant = STR("shop"), .key = str_of(key), .tags = str_of(tags), .time_us = time_us,
        .dialect = STR("bedrock"), .operation = STR("Converse"), .model_requested = STR("m"), .model_invoked = STR("m"),
        .price = STR("p"), .baseline_price = STR("p"), .tier = TIER_DEFAULT, .first_token_us = LEDGER_NO_TOKEN,
        .attempts = 1, .router_score = LEDGER_ABSENT, .quote = {.cost = cost},
    };
    assert_int_equal(ledger_record(ledger, &line, &error), OK);
}

static ledger_sum spent_of(struct key_store *store, struct tally *tally, enum subject_kind kind, const char *tenant,
                           const char *name)
{
    const struct subject subject = {kind, str_of(tenant), str_of(name)};
    const struct window window = window_at(BUDGET_MONTH, window_day(NOW_US));
    struct error error;
    ledger_sum stored, read;
    assert_int_equal(key_store_spent(store, &subject, &window, &stored, &error), OK);
    assert_int_equal(tally_read(tally, &subject, &window, &read, 1, NOW_US, &error), OK);
    assert_true(stored == read);
    return stored;
}

static void step(struct tally *tally, uint64_t late_us)
{
    struct error error;
    late_sum = 0;
    assert_int_equal(tally_step(tally, NOW_US, late_us, take_late, NULL, &error), OK);
}

static void test_tally(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger();
    record(ledger, "1", NOW_US, "FK1", "{\"team\":\"red\"}", 5);
    record(ledger, "2", NOW_US + SECOND, "", "", 7);
    record(ledger, "3", NOW_US - 50 * WINDOW_DAY_US, "FK1", "", 1000); /* long ago: not in this month */
    record(ledger, "4", NOW_US, "FK1", "{\"team\":\"blue\"}", INT64_MAX);
    assert_true(ledger_close(ledger));
    struct key_store *store = open_store();
    struct tally *tally;
    struct error error;
    assert_int_equal(tally_open(test_root, store, &tally, &error), OK);
    const struct subject subject = {SUBJECT_KEY, STR(""), STR("FK1")};
    const struct window window = window_at(BUDGET_MONTH, window_day(NOW_US));
    ledger_sum read;
    assert_int_equal(tally_read(tally, &subject, &window, &read, 1, NOW_US, &error), OK); /* nothing is stored yet */
    assert_true(read == (ledger_sum)INT64_MAX + 5);
    step(tally, NOW_US + 1);
    assert_true(late_sum == (ledger_sum)INT64_MAX + 5 + 1000);
    assert_true(spent_of(store, tally, SUBJECT_TAG, "shop", "team=red") == 5);
    assert_true(spent_of(store, tally, SUBJECT_TAG, "", "team=red") == 5);
    assert_true(spent_of(store, tally, SUBJECT_TAG, "other", "team=red") == 0);
    assert_true(spent_of(store, tally, SUBJECT_TENANT, "shop", "") == INT64_MAX); /* a day's sum stops there */
    tally_close(tally);
    key_store_close(store);

    ledger = open_ledger(); /* what came since, and nothing twice */
    record(ledger, "5", NOW_US, "", "{\"team\":\"red\"}", 2);
    assert_true(ledger_close(ledger));
    store = open_store();
    assert_int_equal(tally_open(test_root, store, &tally, &error), OK);
    const struct subject red = {SUBJECT_TAG, STR("shop"), STR("team=red")};
    assert_int_equal(tally_read(tally, &red, &window, &read, 1, NOW_US, &error), OK);
    assert_true(read == 7);
    step(tally, 0);
    step(tally, 0);
    assert_true(late_sum == 0 && spent_of(store, tally, SUBJECT_TAG, "shop", "team=red") == 7);
    tally_close(tally);
    key_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_wishes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_budget_wishes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_store, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ring, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tally, set_up, tear_down),
    };
    arena_init(&arena, 0);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_deinit(&arena);
    return failed;
}
