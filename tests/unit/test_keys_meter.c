/* Requests and tokens a minute: what lets in, what is owed, and tenants beside each other. */
#include "support.h"

#include "core/config.h"
#include "cmd/sections.h"
#include "keys/rates.h"

#define SECOND UINT64_C(1000000)
#define BEGIN (UINT64_C(1795564800) * SECOND)

static enum error_code take(struct meter *meter, const struct meter_limits *limits, uint64_t tokens, uint64_t now_us)
{
    struct error error = {.code = OK};
    const enum error_code code = meter_take(meter, limits, "tenant", STR("shop"), tokens, now_us, &error);
    if (code == OK)
        return OK;
    assert_int_equal(code, ERROR_THROTTLED);
    assert_non_null(strstr(error.message, "The tenant 'shop' has used its "));
    assert_true(error.retry_s >= 1);
    return code;
}

static void requests_fill_evenly(void **state)
{
    (void)state;
    const struct meter_limits limits = {.requests = 6};
    struct meter meter = {0};
    for (int i = 0; i < 6; i++)
        assert_int_equal(take(&meter, &limits, 1000, BEGIN), OK);
    assert_int_not_equal(take(&meter, &limits, 0, BEGIN), OK);
    assert_int_not_equal(take(&meter, &limits, 0, BEGIN + 9 * SECOND), OK);
    assert_int_equal(take(&meter, &limits, 0, BEGIN + 10 * SECOND), OK);
    assert_int_not_equal(take(&meter, &limits, 0, BEGIN + 10 * SECOND), OK);
    meter_undo(&meter, &limits, 0);
    assert_int_equal(take(&meter, &limits, 0, BEGIN + 10 * SECOND), OK);
}

static void what_was_used_besides_is_owed(void **state)
{
    (void)state;
    const struct meter_limits limits = {.tokens = 60};
    struct meter meter = {0};
    assert_int_equal(take(&meter, &limits, 10, BEGIN), OK);
    meter_give(&meter, &limits, 10, 70, BEGIN);
    assert_int_not_equal(take(&meter, &limits, 10, BEGIN + 10 * SECOND), OK);
    assert_int_equal(take(&meter, &limits, 10, BEGIN + 11 * SECOND), OK);
    meter_give(&meter, &limits, 10, 0, BEGIN + 11 * SECOND); /* it failed */
    assert_int_equal(take(&meter, &limits, 1, BEGIN + 11 * SECOND), OK);
}

static void tenants_have_their_own(void **state)
{
    (void)state;
    struct config config;
    struct error error;
    static const char text[] = "tenants:\n"
                               "  - {name: a, bearer: [], rate: {requests_per_minute: 1}}\n"
                               "  - {name: b, bearer: [], rate: {tokens_per_minute: 5}}\n"
                               "  - {name: c, bearer: []}\n";
    if (config_parse(STR(text), "fulcrum.yaml", program_sections, &config, &error) != OK)
        fail_msg("%s", error.message);
    struct rates *rates = rates_new(&config);
    assert_non_null(rates);
    assert_true(rates_bound(rates, STR("a")) && rates_bound(rates, STR("b")));
    assert_false(rates_bound(rates, STR("c")) || rates_bound(rates, STR("d")));
    assert_int_equal(rates_take(rates, STR("a"), 9, BEGIN, &error), OK);
    assert_int_equal(rates_take(rates, STR("a"), 9, BEGIN, &error), ERROR_THROTTLED);
    assert_string_equal(error.message, "The tenant 'a' has used its 1 requests a minute.");
    assert_int_equal(error.retry_s, 60);
    assert_int_equal(rates_take(rates, STR("b"), 9, BEGIN, &error), OK);
    assert_int_equal(rates_take(rates, STR("b"), 9, BEGIN, &error), ERROR_THROTTLED);
    rates_undo(rates, STR("b"), 9);
    assert_int_equal(rates_take(rates, STR("b"), 1, BEGIN, &error), OK);
    rates_give(rates, STR("b"), 1, 100, BEGIN);
    assert_int_equal(rates_take(rates, STR("b"), 0, BEGIN, &error), ERROR_THROTTLED);
    for (int i = 0; i < 100; i++)
        assert_int_equal(rates_take(rates, STR("c"), 1000, BEGIN, &error), OK);
    rates_free(rates);
    config_deinit(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_fill_evenly),
        cmocka_unit_test(what_was_used_besides_is_owed),
        cmocka_unit_test(tenants_have_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
