/* Accounts of budgets: reserve and settle, the edges of periods, what is told late, and many threads at once. */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "core/util.h"
#include "keys/accounts.h"

#define DOLLAR UINT64_C(1000000000000)
#define DAY_US WINDOW_DAY_US

static const struct subject shop = {SUBJECT_TENANT, {"shop", 4}, {"", 0}};

static struct account_spec spec_of(const struct subject *subject, enum budget_period period, uint64_t limit)
{
    return (struct account_spec){*subject, period, ACCOUNT_OF_STORE, limit, STR("")};
}

static void open_account(struct accounts *accounts, const struct account_spec *spec, uint64_t now_us, ledger_sum spent)
{
    struct error error;
    const struct window window = window_at(spec->period, window_day(now_us));
    accounts_begin(accounts);
    assert_false(accounts_keep(accounts, spec));
    assert_int_equal(accounts_open(accounts, spec, &window, spent, &error), OK);
    accounts_end(accounts);
}

static ledger_sum spent_of(struct accounts *accounts, uint64_t now_us, ledger_sum *reserved)
{
    struct arena arena;
    struct account_state *states;
    struct error error;
    size_t count;
    arena_init(&arena, 0);
    assert_int_equal(accounts_list(accounts, now_us, &arena, &states, &count, &error), OK);
    assert_int_equal(count, 1);
    const ledger_sum spent = states[0].spent;
    if (reserved)
        *reserved = states[0].reserved;
    arena_deinit(&arena);
    return spent;
}

static void test_windows(void **state)
{
    (void)state;
    uint64_t us;
    assert_true(clock_parse(STR("2026-11-30"), &us)); /* a Monday, the last of its month */
    const uint32_t day = window_day(us);
    assert_int_equal(window_at(BUDGET_DAY, day).first_day, day);
    assert_int_equal(window_at(BUDGET_DAY, day).end_day, day + 1);
    assert_int_equal(window_at(BUDGET_WEEK, day).first_day, day);
    assert_int_equal(window_at(BUDGET_WEEK, day - 1).first_day, day - 7);
    assert_int_equal(window_at(BUDGET_WEEK, day + 6).end_day, day + 7);
    assert_int_equal(window_at(BUDGET_MONTH, day).first_day, day - 29);
    assert_int_equal(window_at(BUDGET_MONTH, day).end_day, day + 1);
    assert_int_equal(window_at(BUDGET_MONTH, day + 31).first_day, day + 1); /* the end of December */
    assert_int_equal(window_at(BUDGET_MONTH, day + 31).end_day, day + 32);
    assert_true(clock_parse(STR("2028-02-29"), &us));
    assert_int_equal(window_at(BUDGET_MONTH, window_day(us)).end_day, window_day(us) + 1);
    for (uint32_t other = 0; other < 40000; other++) /* no day is in two of them, or in none */
        for (int period = 0; period < BUDGET_PERIODS; period++) {
            const struct window window = window_at((enum budget_period)period, other);
            assert_true(window_has(&window, other));
            assert_int_equal(window_at((enum budget_period)period, window.first_day).end_day, window.end_day);
            assert_int_equal(window_at((enum budget_period)period, window.end_day - 1).first_day, window.first_day);
        }
}

static void test_reserve_and_settle(void **state)
{
    (void)state;
    struct accounts *accounts = accounts_new();
    struct spending first, second;
    struct arena arena;
    struct error error;
    ledger_sum reserved;
    arena_init(&arena, 0);
    const uint64_t now_us = clock_wall_us();
    const struct account_spec spec = spec_of(&shop, BUDGET_MONTH, DOLLAR);
    open_account(accounts, &spec, now_us, 0);
    const uint64_t later_us = clock_wall_us();
    assert_int_equal(accounts_reserve(accounts, &shop, 1, DOLLAR / 2, later_us, &arena, &first, &error), OK);
    assert_int_equal(accounts_reserve(accounts, &shop, 1, DOLLAR, later_us, &arena, &second, &error), OK);
    assert_true(spent_of(accounts, later_us, &reserved) == 0 && reserved == DOLLAR + DOLLAR / 2);
    /* What runs has it all; another try is worth it. */
    struct spending third;
    assert_int_equal(accounts_reserve(accounts, &shop, 1, 1, later_us, &arena, &third, &error), ERROR_THROTTLED);
    assert_int_equal(error.retry_s, 1);
    accounts_settle(accounts, &second, 3, later_us, later_us);
    accounts_settle(accounts, &second, 3, later_us, later_us); /* it holds nothing any more */
    assert_true(spent_of(accounts, later_us, &reserved) == 3 && reserved == DOLLAR / 2);
    accounts_settle(accounts, &first, DOLLAR, later_us, later_us);
    assert_int_equal(accounts_reserve(accounts, &shop, 1, 1, later_us, &arena, &third, &error), ERROR_BUDGET);
    assert_non_null(strstr(error.message, "The budget of tenant shop for the month is spent: $1.000000000003 of $1."));
    assert_int_equal(accounts_reserve(accounts, &shop, 1, 0, later_us, &arena, &third, &error), OK); /* it is free */
    const struct subject other = {SUBJECT_TENANT, STR("other"), STR("")};
    assert_int_equal(accounts_reserve(accounts, &other, 1, 1, later_us, &arena, &third, &error), OK);
    assert_int_equal(third.count, 0);
    /* More is allowed from now on. */
    const struct account_spec more = spec_of(&shop, BUDGET_MONTH, 2 * DOLLAR);
    accounts_begin(accounts);
    assert_true(accounts_keep(accounts, &more));
    accounts_end(accounts);
    assert_int_equal(accounts_reserve(accounts, &shop, 1, 1, later_us, &arena, &third, &error), OK);
    /* It closes while a request runs. */
    accounts_begin(accounts);
    accounts_end(accounts);
    assert_true(accounts_are_none(accounts));
    accounts_settle(accounts, &third, 1, later_us, later_us);
    arena_deinit(&arena);
    accounts_free(accounts);
}

static void test_all_or_none(void **state)
{
    (void)state;
    struct accounts *accounts = accounts_new();
    struct spending spending;
    struct arena arena;
    struct error error;
    arena_init(&arena, 0);
    const struct subject subjects[] = {shop, {SUBJECT_KEY, STR(""), STR("FK1")}};
    const uint64_t now_us = clock_wall_us();
    const struct account_spec specs[] = {spec_of(&subjects[0], BUDGET_DAY, DOLLAR),
                                         spec_of(&subjects[1], BUDGET_WEEK, DOLLAR)};
    const struct window day = window_at(BUDGET_DAY, window_day(now_us));
    const struct window week = window_at(BUDGET_WEEK, window_day(now_us));
    accounts_begin(accounts);
    assert_int_equal(accounts_open(accounts, &specs[0], &day, 0, &error), OK);
    assert_int_equal(accounts_open(accounts, &specs[1], &week, DOLLAR, &error), OK);
    accounts_end(accounts);
    assert_int_equal(accounts_reserve(accounts, subjects, 2, 1, now_us, &arena, &spending, &error), ERROR_BUDGET);
    assert_non_null(strstr(error.message, "key FK1 for the week"));
    assert_int_equal(spending.count, 0);
    struct account_state *states;
    size_t count;
    assert_int_equal(accounts_list(accounts, now_us, &arena, &states, &count, &error), OK);
    assert_int_equal(count, 2);
    assert_true(states[0].reserved == 0 && states[1].reserved == 0);
    arena_deinit(&arena);
    accounts_free(accounts);
}

/* A request counts in the period that it came in, and a new one begins with nothing. */
static void test_midnight(void **state)
{
    (void)state;
    struct accounts *accounts = accounts_new();
    struct spending before, after;
    struct arena arena;
    struct error error;
    ledger_sum reserved;
    arena_init(&arena, 0);
    const struct account_spec spec = spec_of(&shop, BUDGET_DAY, DOLLAR);
    const uint64_t opened_us = clock_wall_us();
    open_account(accounts, &spec, opened_us, 0);
    const uint64_t midnight_us = (opened_us / DAY_US + 1) * DAY_US;
    assert_int_equal(accounts_reserve(accounts, &shop, 1, DOLLAR, midnight_us - 1, &arena, &before, &error), OK);
    assert_int_equal(accounts_reserve(accounts, &shop, 1, 1, midnight_us - 1, &arena, &after, &error), ERROR_THROTTLED);
    accounts_settle(accounts, &before, DOLLAR, midnight_us - 1, midnight_us + 5);
    assert_true(spent_of(accounts, midnight_us + 5, &reserved) == 0 && reserved == 0);
    assert_int_equal(accounts_reserve(accounts, &shop, 1, DOLLAR, midnight_us + 6, &arena, &after, &error), OK);
    accounts_settle(accounts, &after, 7, midnight_us + 6, midnight_us + 7);
    assert_true(spent_of(accounts, midnight_us + 7, NULL) == 7);
    assert_true(spent_of(accounts, midnight_us - 7, NULL) == 7); /* a clock that goes back begins no period */
    assert_true(spent_of(accounts, midnight_us + DAY_US, NULL) == 0);
    arena_deinit(&arena);
    accounts_free(accounts);
}

/* Each line once: of requests from before it opened by the ledger, of later ones by their end. */
static void test_late_lines(void **state)
{
    (void)state;
    struct accounts *accounts = accounts_new();
    struct spending early, late;
    struct arena arena;
    struct error error;
    arena_init(&arena, 0);
    const struct account_spec spec = spec_of(&shop, BUDGET_MONTH, DOLLAR);
    const uint64_t before_us = clock_wall_us() - 1;
    open_account(accounts, &spec, before_us, 10);
    const uint64_t after_us = clock_wall_us();
    assert_in_range(accounts_newest_us(accounts), before_us, after_us);
    assert_int_equal(accounts_reserve(accounts, &shop, 1, 50, after_us, &arena, &early, &error), OK);
    assert_int_equal(accounts_reserve(accounts, &shop, 1, 50, after_us, &arena, &late, &error), OK);
    accounts_settle(accounts, &early, 1, before_us, after_us);
    accounts_settle(accounts, &late, 2, after_us, after_us);
    assert_true(spent_of(accounts, after_us, NULL) == 12);
    accounts_take_late(accounts, &shop, before_us, 1);
    accounts_take_late(accounts, &shop, after_us, 2);
    accounts_take_late(accounts, &shop, before_us - 40 * DAY_US, 100); /* of another month */
    assert_true(spent_of(accounts, after_us, NULL) == 13);
    arena_deinit(&arena);
    accounts_free(accounts);
}

static void test_alerts(void **state)
{
    (void)state;
    struct accounts *accounts = accounts_new();
    struct spending spending;
    struct arena arena;
    struct error error;
    struct account_state *states;
    size_t count;
    arena_init(&arena, 0);
    const struct account_spec spec = spec_of(&shop, BUDGET_MONTH, 100);
    open_account(accounts, &spec, clock_wall_us(), 79);
    const uint64_t now_us = clock_wall_us();
    assert_int_equal(accounts_take_alerts(accounts, now_us, &arena, &states, &count, &error), OK);
    assert_int_equal(count, 0);
    for (unsigned percent = 80; percent <= 100; percent += 20) {
        assert_int_equal(accounts_reserve(accounts, &shop, 1, 50, now_us, &arena, &spending, &error), OK);
        accounts_settle(accounts, &spending, percent == 80 ? 1 : 30, now_us, now_us);
        assert_int_equal(accounts_take_alerts(accounts, now_us, &arena, &states, &count, &error), OK);
        assert_int_equal(count, 1);
        assert_int_equal(states[0].percent, percent);
    }
    assert_int_equal(accounts_take_alerts(accounts, now_us, &arena, &states, &count, &error), OK);
    assert_int_equal(count, 0); /* once */
    arena_deinit(&arena);
    accounts_free(accounts);
}

/* --- many at once ----------------------------------------------------------------------------------- */

#define THREADS 8
#define TURNS 4000

struct crowd {
    struct accounts *accounts;
    atomic_ullong spent, let_in, dearest;
    unsigned seed;
};

static void *spend_some(void *ctx)
{
    struct crowd *crowd = ctx;
    struct rng rng;
    struct error error;
    struct arena arena;
    static atomic_uint seeds;
    rng_seed(&rng, atomic_fetch_add(&seeds, 1) + 1);
    arena_init(&arena, 0);
    for (int i = 0; i < TURNS; i++) {
        struct spending spending[3];
        size_t held = 0;
        for (; held < 3; held++) {
            const uint64_t amount = 1 + rng_below(&rng, 1000);
            if (accounts_reserve(crowd->accounts, &shop, 1, amount, clock_wall_us(), &arena, &spending[held], &error))
                break;
        }
        for (size_t k = 0; k < held; k++) {
            const uint64_t cost = rng_below(&rng, spending[k].amount + 1), now_us = clock_wall_us();
            atomic_fetch_add(&crowd->spent, cost);
            atomic_fetch_add(&crowd->let_in, 1);
            accounts_settle(crowd->accounts, &spending[k], cost, now_us, now_us);
        }
        arena_reset(&arena);
    }
    arena_deinit(&arena);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct crowd crowd = {.accounts = accounts_new()};
    pthread_t threads[THREADS];
    ledger_sum reserved;
    const uint64_t limit = 500000;
    const struct account_spec spec = spec_of(&shop, BUDGET_MONTH, limit);
    open_account(crowd.accounts, &spec, clock_wall_us(), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, spend_some, &crowd), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(spent_of(crowd.accounts, clock_wall_us(), &reserved) == (ledger_sum)atomic_load(&crowd.spent));
    assert_true(reserved == 0);
    assert_in_range(atomic_load(&crowd.spent), limit, limit + 1000 - 1); /* one request over at most */
    assert_true(atomic_load(&crowd.let_in) > 500);
    accounts_free(crowd.accounts);
}

/* What a request pays on its way: three accounts among a thousand, four subjects. */
static void test_cost(void **state)
{
    (void)state;
    struct accounts *accounts = accounts_new();
    struct arena arena;
    struct error error;
    struct spending spending;
    char names[1000][24];
    const struct subject subjects[] = {
        shop, {SUBJECT_KEY, STR(""), STR("FK1")}, {SUBJECT_TAG, STR("shop"), STR("team=red")},
        {SUBJECT_TAG, STR(""), STR("team=red")}};
    arena_init(&arena, 0);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "other-%d", i);
        const struct subject subject = {SUBJECT_TENANT, str_of(names[i]), STR("")};
        const struct account_spec spec = spec_of(i < 3 ? &subjects[i] : &subject, BUDGET_MONTH, DOLLAR);
        const struct window window = window_at(BUDGET_MONTH, window_day(clock_wall_us()));
        assert_int_equal(accounts_open(accounts, &spec, &window, 0, &error), OK);
    }
    const uint64_t begun_us = clock_now_us();
    for (int i = 0; i < 100000; i++) {
        const uint64_t now_us = clock_wall_us();
        assert_int_equal(accounts_reserve(accounts, subjects, 4, 5, now_us, &arena, &spending, &error), OK);
        assert_int_equal(spending.count, 3);
        accounts_settle(accounts, &spending, 1, now_us, now_us);
        arena_reset(&arena);
    }
    printf("reserve and settle in three accounts: %.0f ns\n", (double)(clock_now_us() - begun_us) / 100);
    arena_deinit(&arena);
    accounts_free(accounts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_reserve_and_settle),
        cmocka_unit_test(test_all_or_none),
        cmocka_unit_test(test_midnight),
        cmocka_unit_test(test_late_lines),
        cmocka_unit_test(test_alerts),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
