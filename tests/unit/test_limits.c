/* The table of limits, and limits set in fulcrum.yaml. */
#include "support.h"
#include "cmd/sections.h"

#include <stdio.h>

#include "core/config.h"
#include "core/limits.h"

static void defaults_hold(void **state)
{
    (void)state;
    size_t count;
    const struct limit_row *rows = limits_rows(&count);
    assert_int_equal(count * sizeof(uint64_t), sizeof(struct limits));
    for (size_t i = 0; i < count; i++) {
        uint64_t value;
        memcpy(&value, (const char *)&limits_in_force + rows[i].offset, sizeof(value));
        assert_int_equal(value, rows[i].default_value);
        assert_true(value > 0 && *rows[i].what && *rows[i].unit);
    }
    assert_int_equal(limit(body_bytes), 25000000);
}

static void set_by_name(void **state)
{
    (void)state;
    struct limits before = limits_in_force;
    assert_true(limits_set(STR("tools"), 7));
    assert_int_equal(limit(tools), 7);
    assert_false(limits_set(STR("tool"), 7));
    assert_false(limits_set(STR(""), 7));
    limits_in_force = before;
}

static void refuse(const char *yaml, const char *part)
{
    struct config config;
    struct error error;
    assert_int_equal(config_parse(str_of(yaml), "f.yaml", program_sections, &config, &error), ERROR_INVALID);
    assert_string_equal(error.message, part);
}

static void set_in_configuration(void **state)
{
    (void)state;
    struct limits before = limits_in_force;
    struct config config;
    struct error error;
    const char *yaml = "limits: {body_bytes: 1MiB, idle_timeout_ms: 30s, drain_timeout_ms: 1500, tools: 3}";
    assert_int_equal(config_parse(str_of(yaml), "f.yaml", program_sections, &config, &error), OK);
    config_deinit(&config);
    assert_int_equal(limit(body_bytes), 1048576);
    assert_int_equal(limit(idle_timeout_ms), 30000);
    assert_int_equal(limit(drain_timeout_ms), 1500);
    assert_int_equal(limit(tools), 3);
    assert_int_equal(limit(messages), before.messages);
    refuse("limits: {bodybytes: 1}", "f.yaml:1: limits.bodybytes: unknown key, did you mean 'body_bytes'?");
    refuse("limits: {tools: 0}", "f.yaml:1: limits.tools: expected 1 to 1099511627776, got 0");
    refuse("limits: {tools: 1KiB}", "f.yaml:1: limits.tools: expected an integer, got '1KiB'");
    refuse("limits: {idle_timeout_ms: 1MiB}",
           "f.yaml:1: limits.idle_timeout_ms: expected a duration (milliseconds, or with s, m or h), got '1MiB'");
    limits_in_force = before;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold),
        cmocka_unit_test(set_by_name),
        cmocka_unit_test(set_in_configuration),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
