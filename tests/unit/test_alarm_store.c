/* The store of alarms: what is changed together, what survives, which history and actions are kept; dashboards. */
#include "alarm/store.h"
#include "core/limits.h"
#include "core/util.h"
#include "monitor/dashboards.h"
#include "support.h"

#define CONFIG                                                                                              \
    "{\"AlarmActions\":[\"arn:one\",\"arn:two\"],\"OKActions\":[\"arn:one\"],\"MetricName\":\"Errors\","     \
    "\"Namespace\":\"Shop\",\"Statistic\":\"Sum\",\"Period\":60,\"EvaluationPeriods\":1,\"Threshold\":1,"    \
    "\"ComparisonOperator\":\"GreaterThanThreshold\"}"

static struct alarm_store *open_store(void)
{
    struct alarm_store *store;
    struct error error;
    if (alarm_store_open(test_root, &store, &error) != OK)
        fail_msg("%s", error.message);
    return store;
}

static enum error_code put(struct alarm_store *store, const char *tenant, const char *name)
{
    struct error error;
    const struct alarm_put alarm = {str_of(tenant),       str_of(name), STR("000000000000"), STR("us-east-1"),
                                    STR(CONFIG), STR("{\"a\":\"1\"}"),  true,                1000000};
    return alarm_put(store, &alarm, &error);
}

static bool set(struct alarm_store *store, const struct alarm *seen, enum alarm_state state)
{
    struct error error;
    bool has_changed;
    const struct alarm_change change = {state, STR("because"), STR("{\"x\":1}"), 2000000};
    assert_int_equal(alarm_set_state(store, seen, &change, &has_changed, &error), OK);
    return has_changed;
}

static size_t history(struct alarm_store *store, const char *name, int kind, struct arena *arena,
                      struct alarm_event **events)
{
    struct error error;
    size_t count;
    bool has_more;
    const struct alarm_history_filter filter = {.tenant = STR("t"), .name = str_of(name), .kind = kind,
                                                .to_us = UINT64_MAX, .max = 100};
    assert_int_equal(alarm_history(store, &filter, arena, events, &count, &has_more, &error), OK);
    return count;
}

static void alarms_are_listed_by_name(void **state)
{
    (void)state;
    struct alarm_store *store = open_store();
    struct alarm_list list;
    struct error error;
    assert_int_equal(put(store, "t", "b"), OK);
    assert_int_equal(put(store, "u", "a"), OK);
    assert_int_equal(put(store, "t", "a"), OK);
    assert_int_equal(put(store, "t", "ab"), OK);
    assert_int_equal(alarm_list(store, STR("t"), &list, &error), OK);
    assert_int_equal(list.count, 3);
    assert_str_equal(list.items[0]->name, "a");
    assert_str_equal(list.items[1]->name, "ab");
    assert_str_equal(list.items[2]->name, "b");
    assert_str_equal(list.items[0]->arn, "arn:aws:cloudwatch:us-east-1:000000000000:alarm:a");
    alarm_list_free(&list);
    assert_int_equal(alarm_list(store, (struct str){0}, &list, &error), OK);
    assert_int_equal(list.count, 4);
    alarm_list_free(&list);
    const struct str names[] = {STR("a"), STR("nothing"), STR("b")};
    assert_int_equal(alarm_delete(store, STR("t"), names, 3, 3, &error), OK);
    assert_null(alarm_get(store, STR("t"), STR("a")));
    const struct alarm *other = alarm_get(store, STR("u"), STR("a"));
    assert_non_null(other);
    alarm_release(other);
    alarm_store_close(store);
}

static void states_outlive_the_server(void **state)
{
    (void)state;
    struct alarm_store *store = open_store();
    struct alarm_event *events;
    struct alarm_action action;
    struct arena arena;
    struct error error;
    bool has_one;
    uint64_t due_us;
    arena_init(&arena, 0);
    assert_int_equal(put(store, "t", "a"), OK);
    const struct alarm *seen = alarm_get(store, STR("t"), STR("a"));
    assert_int_equal(seen->state, ALARM_STATE_INSUFFICIENT);
    assert_true(set(store, seen, ALARM_STATE_ALARM));
    assert_false(set(store, seen, ALARM_STATE_OK)); /* that alarm is no longer the one in force */
    alarm_release(seen);
    alarm_store_close(store);

    store = open_store();
    seen = alarm_get(store, STR("t"), STR("a"));
    assert_int_equal(seen->state, ALARM_STATE_ALARM);
    assert_str_equal(seen->reason, "because");
    assert_str_equal(seen->tags, "{\"a\":\"1\"}");
    assert_int_equal(seen->spec.periods, 1);
    assert_int_equal(seen->updated_us, 2000000);
    alarm_release(seen);
    assert_int_equal(put(store, "t", "a"), OK); /* a new configuration keeps the state */
    seen = alarm_get(store, STR("t"), STR("a"));
    assert_int_equal(seen->state, ALARM_STATE_ALARM);
    alarm_release(seen);
    assert_int_equal(history(store, "a", -1, &arena, &events), 3);
    assert_str_equal(events[0].summary, "Alarm \"a\" updated");
    assert_str_equal(events[1].summary, "Alarm updated from INSUFFICIENT_DATA to ALARM");
    assert_str_equal(events[2].summary, "Alarm \"a\" created");

    /* Both actions are there, in their order; one that fails is put off, one that is done is in the history. */
    assert_int_equal(alarm_action_next(store, 2000000, &arena, &action, &has_one, &due_us, &error), OK);
    assert_true(has_one);
    assert_str_equal(action.action, "arn:one");
    assert_int_equal(alarm_action_later(store, &action, 9000000, &error), OK);
    assert_int_equal(alarm_action_next(store, 2000000, &arena, &action, &has_one, &due_us, &error), OK);
    assert_str_equal(action.action, "arn:two");
    assert_int_equal(alarm_action_end(store, &action, true, STR("well"), 3000000, &error), OK);
    assert_int_equal(alarm_action_next(store, 8000000, &arena, &action, &has_one, &due_us, &error), OK);
    assert_false(has_one);
    assert_int_equal(due_us, 9000000);
    assert_int_equal(alarm_action_next(store, 9000000, &arena, &action, &has_one, &due_us, &error), OK);
    assert_true(has_one && action.tries == 1);
    assert_int_equal(history(store, "a", ALARM_EVENT_ACTION, &arena, &events), 1);
    assert_str_equal(events[0].summary, "Successfully executed action arn:two");
    alarm_store_close(store);
    arena_deinit(&arena);
}

static void disabled_actions_are_not_queued(void **state)
{
    (void)state;
    struct alarm_store *store = open_store();
    struct alarm_action action;
    struct arena arena;
    struct error error;
    bool has_one;
    uint64_t due_us;
    const struct str name = STR("a");
    arena_init(&arena, 0);
    assert_int_equal(put(store, "t", "a"), OK);
    assert_int_equal(alarm_enable(store, STR("t"), &name, 1, false, &error), OK);
    const struct alarm *seen = alarm_get(store, STR("t"), name);
    assert_false(seen->is_enabled);
    assert_true(set(store, seen, ALARM_STATE_ALARM));
    alarm_release(seen);
    assert_int_equal(alarm_action_next(store, UINT64_MAX / 2, &arena, &action, &has_one, &due_us, &error), OK);
    assert_false(has_one);
    assert_int_equal(alarm_tag(store, STR("t"), STR("nothing"), STR(""), &error), ERROR_NOT_FOUND);
    assert_int_equal(alarm_tag(store, STR("t"), name, STR("{\"b\":\"2\"}"), &error), OK);
    alarm_store_close(store);
    arena_deinit(&arena);
}

/* The oldest lines of an alarm's history go, and actions that nobody takes are given up. */
static void everything_is_bounded(void **state)
{
    (void)state;
    struct alarm_store *store = open_store();
    struct alarm_event *events;
    struct arena arena;
    struct error error;
    size_t count;
    bool has_more;
    const struct alarm_history_filter filter = {.tenant = STR("t"), .name = STR("a"), .kind = -1, .to_us = UINT64_MAX,
                                                .max = 10 * LIMIT_ALARM_HISTORY};
    arena_init(&arena, 0);
    assert_int_equal(put(store, "t", "a"), OK);
    assert_int_equal(put(store, "t", "b"), OK);
    for (int i = 0; i < LIMIT_ALARM_ACTIONS; i++) { /* three actions each two times */
        const struct alarm *seen = alarm_get(store, STR("t"), STR("a"));
        assert_true(set(store, seen, i % 2 ? ALARM_STATE_OK : ALARM_STATE_ALARM));
        alarm_release(seen);
    }
    assert_int_equal(alarm_history(store, &filter, &arena, &events, &count, &has_more, &error), OK);
    assert_int_equal(count, LIMIT_ALARM_HISTORY);
    assert_false(has_more);
    assert_str_equal(events[0].summary, "Failed to execute action arn:one");
    assert_int_equal(history(store, "b", -1, &arena, &events), 1);
    alarm_store_close(store);
    arena_deinit(&arena);
}

static void the_default_is_made_once(void **state)
{
    (void)state;
    struct alarm_store *store = open_store();
    struct error error;
    const struct str name = STR("d");
    const struct alarm_put alarm = {STR("t"), name, STR("0"), STR("r"), STR(CONFIG), STR(""), true, 1};
    assert_int_equal(alarm_put_default(store, &alarm, &error), OK);
    const struct alarm *made = alarm_get(store, STR("t"), name);
    assert_non_null(made);
    alarm_release(made);
    assert_int_equal(alarm_delete(store, STR("t"), &name, 1, 2, &error), OK);
    alarm_store_close(store);
    store = open_store();
    assert_int_equal(alarm_put_default(store, &alarm, &error), OK);
    assert_null(alarm_get(store, STR("t"), name));
    alarm_store_close(store);
}

/* --- dashboards ------------------------------------------------------------------------------------- */

static void dashboards_are_kept(void **state)
{
    (void)state;
    struct dashboards *dashboards;
    struct dashboard dashboard = {STR("t"), STR("one"), STR("0"), STR("{ }"), STR("{\"a\":\"1\"}"), 5, 0}, *found;
    struct arena arena;
    struct error error;
    size_t count;
    bool has_more;
    arena_init(&arena, 0);
    assert_int_equal(dashboards_open(test_root, &dashboards, &error), OK);
    assert_int_equal(dashboards_put(dashboards, &dashboard, &error), OK);
    dashboard.tags = STR("");
    dashboard.body = STR("{\"widgets\": []}");
    assert_int_equal(dashboards_put(dashboards, &dashboard, &error), OK);
    dashboards_close(dashboards);

    assert_int_equal(dashboards_open(test_root, &dashboards, &error), OK);
    assert_int_equal(dashboards_get(dashboards, STR("t"), STR("one"), &arena, &dashboard, &error), OK);
    assert_str_equal(dashboard.body, "{\"widgets\": []}");
    assert_str_equal(dashboard.tags, "{\"a\":\"1\"}");
    assert_int_equal(dashboards_get(dashboards, STR("u"), STR("one"), &arena, &dashboard, &error), ERROR_NOT_FOUND);
    assert_int_equal(dashboards_list(dashboards, STR("t"), STR("o"), 0, 10, &arena, &found, &count, &has_more, &error),
                     OK);
    assert_true(count == 1 && !has_more && found[0].size == 15);
    assert_int_equal(dashboards_list(dashboards, STR("t"), STR("x"), 0, 10, &arena, &found, &count, &has_more, &error),
                     OK);
    assert_int_equal(count, 0);
    const struct str names[] = {STR("one"), STR("two")};
    assert_int_equal(dashboards_delete(dashboards, STR("t"), names, 2, &error), ERROR_NOT_FOUND);
    assert_int_equal(dashboards_delete(dashboards, STR("t"), names, 1, &error), OK);
    dashboards_close(dashboards);
    arena_deinit(&arena);
}

static void dashboards_have_bounds(void **state)
{
    (void)state;
    struct dashboards *dashboards;
    struct error error;
    char *body = mem_calloc(1, LIMIT_DASHBOARD_BYTES + 1);
    struct dashboard one = {STR("t"), STR("one"), STR("0"), {body, LIMIT_DASHBOARD_BYTES}, STR(""), 5, 0};
    memset(body, ' ', LIMIT_DASHBOARD_BYTES + 1);
    assert_int_equal(dashboards_open(test_root, &dashboards, &error), OK);
    assert_int_equal(dashboards_put(dashboards, &one, &error), OK);
    one.body.len++;
    assert_int_equal(dashboards_put(dashboards, &one, &error), ERROR_TOO_LARGE);
    dashboards_close(dashboards);
    mem_free(body);
    assert_true(dashboard_is_name(STR("a-B_9")));
    assert_false(dashboard_is_name(STR("")));
    assert_false(dashboard_is_name(STR("a b")));
    assert_false(dashboard_is_name((struct str){"a\0b", 3}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(alarms_are_listed_by_name, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(states_outlive_the_server, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(disabled_actions_are_not_queued, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(everything_is_bounded, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(the_default_is_made_once, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(dashboards_are_kept, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(dashboards_have_bounds, test_root_make, test_root_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
