/* What is tried again at an upstream, after how long, and what clients see of failures. */
#include "support.h"

#include <stdlib.h>

#include "upstream/retry.h"

#define NOW 1448193780 /* Sun, 22 Nov 2015 12:03:00 GMT */
#define NONE ((struct str){NULL, 0})

static struct retry_words words_of(const char *after, const char *after_ms, const char *should)
{
    return retry_read(str_of(after), str_of(after_ms), str_of(should), NOW);
}

static void waits(const char *after, const char *after_ms, uint64_t wait_ms)
{
    const struct retry_words words = words_of(after, after_ms, NULL);
    if (!words.has_wait || words.wait_ms != wait_ms)
        fail_msg("%s / %s: has %d, %llu ms and not %llu", after ? after : "-", after_ms ? after_ms : "-",
                 words.has_wait, (unsigned long long)words.wait_ms, (unsigned long long)wait_ms);
}

static void test_retry_after(void **state)
{
    (void)state;
    waits("0", NULL, 0);
    waits("3", NULL, 3000);
    waits(" 1.5 ", NULL, 1500);
    waits("Sun, 22 Nov 2015 12:03:09 GMT", NULL, 9000);
    waits("Sunday, 22-Nov-15 12:03:09 GMT", NULL, 9000);
    waits("Sun Nov 22 12:03:09 2015", NULL, 9000);
    waits("Sun, 22 Nov 2015 11:00:00 GMT", NULL, 0); /* has passed */
    waits("60", "250", 250);                         /* the exact one goes first */
    waits("2", "soon", 2000);
    waits(NULL, "0.4", 1);
    waits("1e99", NULL, 86400000);
    waits("99999999999999999999", NULL, 86400000);
}

static void test_retry_after_that_says_nothing(void **state)
{
    static const char *const texts[] = {"", "-1", "soon", "nan", "0x10", "12 parsecs, or so",
                                        "Sun, 99 Nov 2015 12:03:09 GMT and a lot more of text than a date can have"};
    (void)state;
    assert_false(retry_read(NONE, NONE, NONE, NOW).has_wait);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (words_of(texts[i], NULL, NULL).has_wait)
            fail_msg("'%s' is no wait", texts[i]);
}

static void test_should_retry(void **state)
{
    (void)state;
    struct retry_words words = words_of(NULL, NULL, "true");
    assert_true(words.has_should && words.should);
    words = words_of(NULL, NULL, "FALSE");
    assert_true(words.has_should && !words.should);
    assert_false(words_of(NULL, NULL, "perhaps").has_should);
    assert_false(words_of(NULL, NULL, NULL).has_should);

    words = words_of(NULL, NULL, "false");
    assert_false(retry_judge(503, STR(""), STR(""), &words).may_repeat);
    words = words_of(NULL, NULL, "true");
    assert_true(retry_judge(400, STR(""), STR(""), &words).may_repeat);
    assert_false(retry_judge(401, STR(""), STR(""), &words).may_repeat); /* a key does not become right by asking */
}

static void test_text(void **state)
{
    uint64_t wait_ms = 7;
    (void)state;
    assert_true(retry_read_text(STR("Rate limit reached. Please try again in 1.2s. Visit us."), &wait_ms));
    assert_int_equal(wait_ms, 1200);
    assert_true(retry_read_text(STR("try again in 350ms."), &wait_ms));
    assert_int_equal(wait_ms, 350);
    assert_true(retry_read_text(STR("Please try again in 6m0s."), &wait_ms));
    assert_int_equal(wait_ms, 360000);
    assert_false(retry_read_text(STR("try again in a while"), &wait_ms));
    assert_false(retry_read_text(STR("try again in "), &wait_ms));
    assert_false(retry_read_text(STR("try again in 5 parsecs"), &wait_ms));
}

struct row {
    long status;
    const char *name;
    enum retry_cause cause;
    bool may_repeat, counts;
    enum error_code code;
};

static void test_statuses(void **state)
{
    static const struct row rows[] = {
        {400, "invalid_request_error", RETRY_REFUSED, false, false, ERROR_INVALID},
        {401, "invalid_api_key", RETRY_CREDENTIALS, false, false, ERROR_UNAVAILABLE},
        {402, "", RETRY_SPENT, false, false, ERROR_UNAVAILABLE},
        {403, "AccessDeniedException", RETRY_CREDENTIALS, false, false, ERROR_UNAVAILABLE},
        {404, "model_not_found", RETRY_MISSING, false, false, ERROR_UNAVAILABLE},
        {408, "ModelTimeoutException", RETRY_LATE, true, true, ERROR_TIMEOUT},
        {409, "conflict_error", RETRY_FAILED, true, false, ERROR_UNAVAILABLE},
        {413, "request_too_large", RETRY_REFUSED, false, false, ERROR_TOO_LARGE},
        {422, "", RETRY_REFUSED, false, false, ERROR_INVALID},
        {424, "ModelErrorException", RETRY_FAILED, true, true, ERROR_MODEL},
        {429, "rate_limit_exceeded", RETRY_THROTTLED, true, false, ERROR_THROTTLED},
        {429, "insufficient_quota", RETRY_SPENT, false, false, ERROR_UNAVAILABLE},
        {429, "enforced_spend_limit_reached", RETRY_SPENT, false, false, ERROR_UNAVAILABLE},
        {498, "capacity_exceeded", RETRY_OVERLOADED, false, false, ERROR_UNAVAILABLE},
        {500, "api_error", RETRY_FAILED, true, true, ERROR_UNAVAILABLE},
        {502, "", RETRY_FAILED, true, true, ERROR_UNAVAILABLE},
        {503, "ServiceUnavailableException", RETRY_OVERLOADED, true, true, ERROR_UNAVAILABLE},
        {504, "timeout_error", RETRY_LATE, true, true, ERROR_TIMEOUT},
        {529, "overloaded_error", RETRY_OVERLOADED, true, true, ERROR_UNAVAILABLE},
        {302, "", RETRY_FAILED, false, true, ERROR_MODEL},
    };
    const struct retry_words none = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        const struct retry_verdict verdict = retry_judge(row->status, str_of(row->name), STR("m"), &none);
        if (verdict.cause != row->cause || verdict.may_repeat != row->may_repeat || verdict.counts != row->counts ||
            verdict.code != row->code)
            fail_msg("%ld %s: cause %d, repeat %d, counts %d, code %d", row->status, row->name, verdict.cause,
                     verdict.may_repeat, verdict.counts, verdict.code);
    }
}

static void test_throttled_rests(void **state)
{
    struct retry_words words = words_of("7", NULL, NULL);
    (void)state;
    struct retry_verdict verdict = retry_judge(429, STR(""), STR(""), &words);
    assert_int_equal(verdict.wait_ms, 7000);
    assert_int_equal(verdict.cool_ms, 7000);
    words = words_of("86400", NULL, NULL);
    verdict = retry_judge(429, STR(""), STR(""), &words);
    assert_int_equal(verdict.wait_ms, 86400000);
    assert_true(verdict.cool_ms < verdict.wait_ms); /* a day is somebody's mistake more often than not */
    const struct retry_words none = {0};
    verdict = retry_judge(429, STR(""), STR("Please try again in 2s."), &none);
    assert_int_equal(verdict.wait_ms, 2000);
    verdict = retry_judge(429, STR(""), STR("You have reached your specified API usage limits."), &none);
    assert_int_equal(verdict.cause, RETRY_SPENT);
}

static void test_pauses(void **state)
{
    uint64_t before = 0;
    (void)state;
    for (unsigned i = 1; i < 12; i++) {
        const uint64_t longest = retry_pause_ms(i, 0), shortest = retry_pause_ms(i, 255);
        assert_true(longest >= before && shortest <= longest && shortest >= longest - longest / 4);
        before = longest;
    }
    assert_int_equal(before, 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_after),  cmocka_unit_test(test_retry_after_that_says_nothing),
        cmocka_unit_test(test_should_retry), cmocka_unit_test(test_text),
        cmocka_unit_test(test_statuses),     cmocka_unit_test(test_throttled_rests),
        cmocka_unit_test(test_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
