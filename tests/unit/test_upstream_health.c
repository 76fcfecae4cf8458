/* Whether an upstream may be asked now: its circuit, its rest, its limits, the budget of repetitions. */
#include "support.h"

#include "upstream/health.h"

#define SECOND UINT64_C(1000000)
#define START (1000 * SECOND)

static const struct retry_verdict failed = {.cause = RETRY_FAILED, .may_repeat = true, .counts = true,
                                            .code = ERROR_UNAVAILABLE};

static void init(struct health *health, struct upstream_config *config)
{
    config->name = "u";
    health_init(health, config);
}

static enum error_code enter(struct health *health, uint64_t now_us, struct error *error)
{
    *error = (struct error){0};
    return health_enter(health, now_us, HEALTH_FIRST, error);
}

static void fail_once(struct health *health, uint64_t now_us)
{
    struct error error;
    assert_int_equal(enter(health, now_us, &error), OK);
    health_leave(health, now_us, HEALTH_FAILED, &failed);
}

static enum health_state state_of(struct health *health)
{
    struct health_counters counters;
    health_counters(health, &counters);
    return counters.state;
}

static void test_circuit(void **state)
{
    struct upstream_config config = {0};
    struct health health;
    struct error error;
    (void)state;
    init(&health, &config);
    for (int i = 0; i < UPSTREAM_FAULTS; i++)
        fail_once(&health, START);
    assert_int_equal(state_of(&health), HEALTH_OPEN);
    assert_int_equal(enter(&health, START, &error), ERROR_UNAVAILABLE);
    assert_int_equal(error.retry_s, 2);

    /* One is let through when the time is over; while it runs, and after it has failed, no other. */
    uint64_t now_us = START + 2 * SECOND;
    assert_int_equal(enter(&health, now_us, &error), OK);
    assert_int_equal(enter(&health, now_us, &error), ERROR_UNAVAILABLE);
    health_leave(&health, now_us, HEALTH_FAILED, &failed);
    assert_int_equal(state_of(&health), HEALTH_OPEN);
    assert_int_equal(enter(&health, now_us + 3 * SECOND, &error), ERROR_UNAVAILABLE);

    now_us += 4 * SECOND; /* twice as long */
    assert_int_equal(enter(&health, now_us, &error), OK);
    health_leave(&health, now_us, HEALTH_ANSWERED, NULL);
    assert_int_equal(state_of(&health), HEALTH_CLOSED);
    assert_int_equal(enter(&health, now_us, &error), OK);
    health_deinit(&health);
}

static void test_faults_that_open_nothing(void **state)
{
    struct upstream_config config = {0};
    struct health health;
    struct error error;
    (void)state;
    init(&health, &config);
    for (int i = 0; i < 3 * UPSTREAM_FAULTS; i++) { /* an answer between them */
        fail_once(&health, START);
        if (i % 4 == 3) {
            assert_int_equal(enter(&health, START, &error), OK);
            health_leave(&health, START, HEALTH_ANSWERED, NULL);
        }
    }
    assert_int_equal(state_of(&health), HEALTH_CLOSED);
    health_deinit(&health);
    init(&health, &config);
    for (unsigned i = 0; i < 3 * UPSTREAM_FAULTS; i++) /* far apart */
        fail_once(&health, START + i * 10 * SECOND);
    assert_int_equal(state_of(&health), HEALTH_CLOSED);
    const struct retry_verdict refused = {.cause = RETRY_REFUSED, .code = ERROR_INVALID};
    for (int i = 0; i < 3 * UPSTREAM_FAULTS; i++) { /* the requests' own */
        assert_int_equal(enter(&health, START, &error), OK);
        health_leave(&health, START, HEALTH_FAILED, &refused);
    }
    assert_int_equal(state_of(&health), HEALTH_CLOSED);
    health_deinit(&health);
}

static void test_probe_that_is_cancelled(void **state)
{
    struct upstream_config config = {0};
    struct health health;
    struct error error;
    (void)state;
    init(&health, &config);
    for (int i = 0; i < UPSTREAM_FAULTS; i++)
        fail_once(&health, START);
    assert_int_equal(enter(&health, START + 2 * SECOND, &error), OK);
    health_leave(&health, START + 2 * SECOND, HEALTH_CANCELLED, NULL);
    assert_int_equal(enter(&health, START + 2 * SECOND, &error), OK); /* the next one finds out */
    health_deinit(&health);
}

static void test_rest(void **state)
{
    struct upstream_config config = {0};
    struct health health;
    struct error error;
    const struct retry_verdict throttled = {
        .cause = RETRY_THROTTLED, .cool_ms = 7000, .wait_ms = 7000, .code = ERROR_THROTTLED};
    (void)state;
    init(&health, &config);
    assert_int_equal(enter(&health, START, &error), OK);
    health_leave(&health, START, HEALTH_FAILED, &throttled);
    assert_int_equal(enter(&health, START + 3 * SECOND, &error), ERROR_THROTTLED);
    assert_int_equal(error.retry_s, 4);
    /* Who has waited as he was told may ask; of a request that comes from another replica that is not known. */
    assert_int_equal(health_enter(&health, START + 3 * SECOND, HEALTH_AGAIN, &error), OK);
    assert_int_equal(health_enter(&health, START + 3 * SECOND, HEALTH_ELSEWHERE, &error), ERROR_THROTTLED);
    uint64_t running;
    assert_int_equal(health_free_us(&health, START + 3 * SECOND, &running), START + 7 * SECOND);
    assert_int_equal(running, 1);
    assert_int_equal(enter(&health, START + 7 * SECOND, &error), OK);
    health_deinit(&health);
}

static void test_limits(void **state)
{
    struct upstream_config config = {.requests = 2, .requests_per_minute = 6, .tokens_per_minute = 600};
    struct health health;
    struct error error;
    (void)state;
    init(&health, &config);
    assert_int_equal(enter(&health, START, &error), OK);
    assert_int_equal(enter(&health, START, &error), OK);
    assert_int_equal(enter(&health, START, &error), ERROR_THROTTLED); /* two at once */
    health_leave(&health, START, HEALTH_ANSWERED, NULL);
    health_leave(&health, START, HEALTH_ANSWERED, NULL);
    for (int i = 2; i < 6; i++) {
        assert_int_equal(enter(&health, START, &error), OK);
        health_leave(&health, START, HEALTH_ANSWERED, NULL);
    }
    assert_int_equal(enter(&health, START, &error), ERROR_THROTTLED); /* six a minute */
    assert_int_equal(error.retry_s, 10);
    assert_int_equal(enter(&health, START + 10 * SECOND, &error), OK);
    health_leave(&health, START + 10 * SECOND, HEALTH_ANSWERED, NULL);
    health_used(&health, 900, false, false, 0);
    assert_int_equal(enter(&health, START + 20 * SECOND, &error), ERROR_THROTTLED); /* tokens, on credit */
    assert_int_equal(enter(&health, START + 60 * SECOND, &error), OK);
    health_deinit(&health);
}

static void test_budget_of_repetitions(void **state)
{
    struct upstream_config config = {0};
    struct health health;
    struct error error;
    int repeats = 0;
    (void)state;
    init(&health, &config);
    while (health_may_repeat(&health, false))
        repeats++;
    assert_in_range(repeats, 1, 20);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(enter(&health, START, &error), OK);
        health_leave(&health, START, HEALTH_ANSWERED, NULL);
    }
    for (repeats = 0; health_may_repeat(&health, false);)
        repeats++;
    assert_in_range(repeats, 9, 10); /* a fifth of them */
    health_deinit(&health);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_circuit),      cmocka_unit_test(test_faults_that_open_nothing),
        cmocka_unit_test(test_probe_that_is_cancelled), cmocka_unit_test(test_rest),
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_budget_of_repetitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
