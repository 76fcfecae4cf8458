/* test_api_usage.c - counts of providers become ours: what they hold of each other, what adds up, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/usage_read.h"

struct sample {
    struct usage_said said;
    uint64_t fresh, read, written_5m, written_1h, replied;
    enum chat_usage_note note;
};

static void check(const struct sample *sample)
{
    struct chat_usage usage;
    usage_take(&sample->said, &usage);
    assert_int_equal(usage.input_tokens, sample->fresh);
    assert_int_equal(usage.cache_read_tokens, sample->read);
    assert_int_equal(usage.cache_write_5m_tokens, sample->written_5m);
    assert_int_equal(usage.cache_write_1h_tokens, sample->written_1h);
    assert_int_equal(usage.output_tokens, sample->replied);
    assert_int_equal(usage.note, sample->note);
}

static void counts_inside_of_the_prompt(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {{.prompt = 131, .read = 100, .written = 20, .replied = 7, .total = 138}, 11, 100, 20, 0, 7, 0},
        {{.prompt = 131, .read = 100, .written = 20, .written_1h = 20, .replied = 7}, 11, 100, 0, 20, 7, 0},
        {{.prompt = 100, .read = 100, .replied = 0, .total = 100}, 0, 100, 0, 0, 0, 0},
        {{0}, 0, 0, 0, 0, 0, 0},
        /* Beside it: the total says so, or the sum. */
        {{.prompt = 11, .read = 100, .written = 20, .replied = 7, .total = 138}, 11, 100, 20, 0, 7, CHAT_USAGE_ODD},
        {{.prompt = 11, .read = 100, .written = 20, .replied = 7, .total = 18}, 11, 100, 20, 0, 7, CHAT_USAGE_ODD},
        {{.prompt = 99, .read = 100, .replied = 7}, 99, 100, 0, 0, 7, CHAT_USAGE_ODD},
        /* What was read inside, what was written beside. */
        {{.prompt = 111, .read = 100, .written = 20, .replied = 7, .total = 138}, 11, 100, 20, 0, 7, CHAT_USAGE_ODD},
        /* Nothing fits. */
        {{.prompt = 131, .read = 100, .written = 20, .replied = 7, .total = 139}, 11, 100, 20, 0, 7, CHAT_USAGE_ODD},
        {{.prompt = 131, .replied = 7, .total = 138, .is_odd = true}, 131, 0, 0, 0, 7, CHAT_USAGE_ODD},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
        check(&samples[i]);
}

static void counts_beside_the_prompt(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {{.prompt = 11, .read = 100, .written = 20, .replied = 7, .total = 138, .is_apart = true},
         11, 100, 20, 0, 7, 0},
        {{.prompt = 11, .read = 100, .written = 20, .written_1h = 5, .replied = 7, .is_apart = true},
         11, 100, 15, 5, 7, 0},
        {{.prompt = 11, .read = 100, .replied = 7, .total = 18, .is_apart = true}, 11, 100, 0, 0, 7, CHAT_USAGE_ODD},
        {{.prompt = 11, .written = 4, .written_1h = 5, .is_apart = true}, 11, 0, 0, 4, 0, CHAT_USAGE_ODD},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
        check(&samples[i]);
}

static void counts_that_nobody_believes(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {{.prompt = INT64_MAX, .read = INT64_MAX, .written = INT64_MAX, .replied = INT64_MAX, .total = INT64_MAX},
         UINT32_MAX, UINT32_MAX, UINT32_MAX, 0, UINT32_MAX, CHAT_USAGE_ODD},
        {{.prompt = 10, .replied = 5, .reasoning = 6}, 10, 0, 0, 0, 5, CHAT_USAGE_ODD},
    };
    struct chat_usage usage;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
        check(&samples[i]);
    usage_take(&samples[1].said, &usage);
    assert_int_equal(usage.reasoning_tokens, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_inside_of_the_prompt),
        cmocka_unit_test(counts_beside_the_prompt),
        cmocka_unit_test(counts_that_nobody_believes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
