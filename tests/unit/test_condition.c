/* Conditions of the server: levels, their order in /readyz, texts that are too long. */
#include "core/condition.h"
#include "support.h"

static void expect_text(const char *expected)
{
    struct buf out;
    buf_init(&out, 65536);
    condition_append_text(&out);
    assert_false(out.failed);
    assert_int_equal(out.len, strlen(expected));
    assert_memory_equal(buf_str(&out).data, expected, out.len);
    buf_deinit(&out);
}

static void down_comes_first_and_goes(void **state)
{
    (void)state;
    condition_set("sandbox", CONDITION_NOTE, "no Landlock before ABI %d", 1);
    assert_false(condition_any_down());
    condition_set("disk", CONDITION_DOWN, "%d bytes are free", 7);
    assert_true(condition_any_down());
    expect_text("disk: 7 bytes are free\nsandbox: no Landlock before ABI 1\n");

    condition_set("disk", CONDITION_NOTE, "%d bytes are free", 9);
    assert_false(condition_any_down());
    expect_text("sandbox: no Landlock before ABI 1\ndisk: 9 bytes are free\n");

    condition_set("sandbox", CONDITION_CLEAR, "all walls stand");
    expect_text("disk: 9 bytes are free\nsandbox: all walls stand\n");
    condition_set("sandbox", CONDITION_NOTE, "no more");
    condition_clear("disk");
    condition_clear("sandbox");
    condition_clear("never set");
    expect_text("");
}

static void metrics_keep_what_was_set_once(void **state)
{
    (void)state;
    condition_set("disk", CONDITION_DOWN, "full");
    condition_clear("disk");
    struct buf out;
    buf_init(&out, 65536);
    condition_append_metrics(&out);
    buf_append_char(&out, '\0');
    assert_non_null(strstr(out.data, "fulcrum_condition{name=\"disk\"} 0\n"));
    buf_deinit(&out);
}

static void long_text_is_cut(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    condition_set("long", CONDITION_NOTE, "%s", text);
    struct buf out;
    buf_init(&out, 65536);
    condition_append_text(&out);
    assert_int_equal(out.len, strlen("long: \n") + CONDITION_TEXT_MAX - 1);
    buf_deinit(&out);
    condition_clear("long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(down_comes_first_and_goes),
        cmocka_unit_test(metrics_keep_what_was_set_once),
        cmocka_unit_test(long_text_is_cut),
    };
    return cmocka_run_group_tests_name("condition", tests, NULL, NULL);
}
