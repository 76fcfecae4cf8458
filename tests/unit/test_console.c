/* The console's API without a server: parameters, whose data is seen, answers as JSON and as CSV. */
#include "support.h"

#include <math.h>
#include <stdio.h>

#include "api/console/asker.h"
#include "api/console/query.h"
#include "api/console/reply.h"

#define NOW_S UINT64_C(1764000000)
#define NOW_US (NOW_S * 1000000)

struct question {
    struct http_exchange exchange;
    struct api_call call;
    struct error error;
};

static struct question *ask(void **state, const char *query)
{
    struct question *question = *state;
    arena_deinit(&question->exchange.arena);
    *question = (struct question){.exchange.request.query = str_of(query)};
    arena_init(&question->exchange.arena, 1 << 20);
    question->call.exchange = &question->exchange;
    return question;
}

static int open_question(void **state)
{
    static struct question question;
    *state = &question;
    return 0;
}

static int close_question(void **state)
{
    (void)ask(state, "");
    return 0;
}

/* --- parameters -------------------------------------------------------------------------------------- */

static void unknown_parameters_are_named(void **state)
{
    static const char *const names[] = {"from", "by", NULL};
    struct question *question = ask(state, "from=1&by=day&tenant=a&format=csv&");
    assert_int_equal(console_query_known(&question->call, names, &question->error), OK);
    question = ask(state, "by=day&limits=3");
    assert_int_equal(console_query_known(&question->call, names, &question->error), ERROR_INVALID);
    assert_string_equal(question->error.message,
                        "limits: there is no such parameter here; there are from, by, tenant, format");
}

static void times_have_many_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms; /* 0: refused */
    } rows[] = {
        {"1764000000123", 1764000000123},
        {"2025-11-24", 1763942400000},
        {"2025-11-24T16:00", 1764000000000},
        {"2025-11-24T16:00:00", 1764000000000},
        {"2025-11-24T16:00:00Z", 1764000000000},
        {"2025-11-24T16:00:00.123Z", 1764000000123},
        {"2025-11-24T16:00:00.1234567", 1764000000123},
        {"-90s", NOW_S * 1000 - 90000},
        {"-15m", NOW_S * 1000 - 900000},
        {"-24h", NOW_S * 1000 - 86400000},
        {"-7d", NOW_S * 1000 - 604800000},
        {"-0s", NOW_S * 1000},
        {"", 0}, {"-", 0}, {"-h", 0}, {"-24", 0}, {"-24y", 0}, {"24h", 0}, {"-9999999d", 0}, {"now", 0},
        {"2025-11-24Z", 0}, {"2025-11-24T16:00:00.Z", 0}, {"2025-11-24T16:00:00ZZ", 0}, {"2025-13-24", 0},
        {"99999999999999999999", 0}, {"9999999999999999999", 0}, {"1.5", 0},
        {"2025-11-24T16:00:00.0000000000000000000000000000001Z", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t us = 0;
        const bool is_time = console_parse_time(str_of(rows[i].text), NOW_US, &us);
        if (is_time != (rows[i].ms != 0) || (is_time && us / 1000 != rows[i].ms))
            fail_msg("%s: %d, %llu ms", rows[i].text, is_time, (unsigned long long)us / 1000);
    }
}

static void periods_go_forward(void **state)
{
    struct console_period period;
    struct question *question = ask(state, "");
    assert_int_equal(console_query_period(&question->call, 60000000, &period, &question->error), OK);
    assert_int_equal(period.to_us - period.from_us, 60000000);
    question = ask(state, "from=2025-11-24&to=2025-11-25");
    assert_int_equal(console_query_period(&question->call, 0, &period, &question->error), OK);
    assert_int_equal(period.to_us - period.from_us, UINT64_C(86400000000));
    question = ask(state, "from=2025-11-24&to=2025-11-24");
    assert_int_equal(console_query_period(&question->call, 0, &period, &question->error), ERROR_INVALID);
    question = ask(state, "from=yesterday");
    assert_int_equal(console_query_period(&question->call, 0, &period, &question->error), ERROR_INVALID);
    assert_ptr_equal(strstr(question->error.message, "from"), question->error.message);
}

static void pages_have_a_size_and_a_place(void **state)
{
    struct console_page page;
    struct console_reply reply;
    struct question *question = ask(state, "");
    assert_int_equal(console_query_page(&question->call, &page, &question->error), OK);
    assert_int_equal(page.limit, 50);
    assert_false(page.has_cursor);

    console_reply_init(&reply);
    console_open(&reply, NULL, '{');
    console_put_cursor(&reply, true, UINT64_MAX, 7);
    console_close(&reply);
    char query[CONSOLE_CURSOR_MAX + 32];
    (void)snprintf(query, sizeof(query), "limit=500&cursor=%s", reply.next);
    question = ask(state, query);
    assert_int_equal(console_query_page(&question->call, &page, &question->error), OK);
    assert_true(page.has_cursor && page.limit == 500 && page.keys[0] == UINT64_MAX && page.keys[1] == 7);
    console_reply_deinit(&reply);

    static const char *const wrong[] = {"limit=0", "limit=501", "limit=x", "limit=", "cursor=", "cursor=12",
                                        "cursor=000000000000000x0000000000000007", "cursor=%zz"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        question = ask(state, wrong[i]);
        if (console_query_page(&question->call, &page, &question->error) != ERROR_INVALID)
            fail_msg("%s is taken", wrong[i]);
    }
}

static void choices_are_listed(void **state)
{
    static const char *const names[] = {"time", "cost", NULL};
    size_t which = 1;
    struct question *question = ask(state, "");
    assert_int_equal(console_query_choice(&question->call, "sort", names, &which, &question->error), OK);
    assert_int_equal(which, 1);
    question = ask(state, "sort=time");
    assert_int_equal(console_query_choice(&question->call, "sort", names, &which, &question->error), OK);
    assert_int_equal(which, 0);
    question = ask(state, "sort=size");
    assert_int_equal(console_query_choice(&question->call, "sort", names, &which, &question->error), ERROR_INVALID);
    assert_string_equal(question->error.message, "sort: must be one of time, cost");
}

static void viewers_see_their_own(void **state)
{
    struct console_asker asker;
    struct question *question = ask(state, "tenant=lab");
    (void)snprintf(question->call.identity.tenant, sizeof(question->call.identity.tenant), "shop");
    assert_int_equal(console_asker(&question->call, &asker, &question->error), ERROR_NOT_FOUND);
    question->call.identity.is_admin = true;
    assert_int_equal(console_asker(&question->call, &asker, &question->error), OK);
    assert_str_equal(asker.tenant, "lab");
    assert_true(console_asker_sees(&asker, STR("lab")) && !console_asker_sees(&asker, STR("shop")));

    question = ask(state, "tenant=shop");
    (void)snprintf(question->call.identity.tenant, sizeof(question->call.identity.tenant), "shop");
    assert_int_equal(console_asker(&question->call, &asker, &question->error), OK);
    question = ask(state, "");
    (void)snprintf(question->call.identity.tenant, sizeof(question->call.identity.tenant), "shop");
    assert_int_equal(console_asker(&question->call, &asker, &question->error), OK);
    assert_str_equal(asker.tenant, "shop");
    question->call.identity.is_admin = true;
    assert_int_equal(console_asker(&question->call, &asker, &question->error), OK);
    assert_null(asker.tenant.data);
    assert_true(console_asker_sees(&asker, STR("lab")));
}

/* --- answers ----------------------------------------------------------------------------------------- */

static void members_are_written(void **state)
{
    (void)state;
    struct console_reply reply;
    console_reply_init(&reply);
    console_open(&reply, NULL, '{');
    console_put_text(&reply, "text", STR("a \"b\""));
    console_put_text(&reply, "none", (struct str){NULL, 0});
    console_open(&reply, "list", '[');
    console_put_uint(&reply, NULL, UINT64_MAX);
    console_put_int(&reply, NULL, -1);
    console_put_number(&reply, NULL, 0.25);
    console_put_number(&reply, NULL, NAN);
    console_open(&reply, NULL, '{');
    console_close(&reply);
    console_close(&reply);
    console_put_bool(&reply, "is", true);
    console_put_time(&reply, "at", NOW_US + 5000);
    console_put_time(&reply, "never", 0);
    console_put_money(&reply, "cost", 380000000);
    console_put_money(&reply, "saved", -((ledger_sum)INT64_MAX * 100));
    console_put_json(&reply, "tags", STR("{\"a\":1}"));
    console_put_members(&reply, STR("{ \"b\": 2 }"));
    console_put_members(&reply, STR("{}"));
    console_put_cursor(&reply, false, 1, 2);
    console_close(&reply);
    assert_str_equal(buf_str(&reply.body),
                     "{\"text\":\"a \\\"b\\\"\",\"none\":null,\"list\":[18446744073709551615,-1,0.25,null,{}],"
                     "\"is\":true,\"at\":\"2025-11-24T16:00:00.005Z\",\"never\":null,\"costPicodollars\":380000000,"
                     "\"costDollars\":\"0.000380000000\",\"savedPicodollars\":-922337203685477580700,"
                     "\"savedDollars\":\"-922337203.685477580700\",\"tags\":{\"a\":1},\"b\": 2,"
                     "\"next\":null}");
    console_reply_deinit(&reply);
}

static void check_csv(const char *json, const char *expected)
{
    struct buf out;
    struct error error;
    buf_init(&out, 1 << 20);
    assert_int_equal(console_csv(str_of(json), "rows", &out, &error), OK);
    assert_str_equal(buf_str(&out), expected);
    buf_deinit(&out);
}

static void lists_become_csv(void **state)
{
    (void)state;
    check_csv("{\"rows\":[]}", "\n");
    check_csv("{\"rows\":[{\"a\":1,\"b\":{\"c\":\"x,y\",\"d\":[1,2]}},{\"a\":922337203685477580700,\"e\":null}]}",
              "a,b.c,b.d,e\n1,\"x,y\",\"[1,2]\",\n922337203685477580700,,,\n");
    /* What a spreadsheet would compute is text; a negative sum stays a number. */
    check_csv("{\"rows\":[{\"a\":\"=1+1\",\"b\":\"-0.000000000001\",\"c\":\"@x\",\"d\":-1}]}",
              "a,b,c,d\n'=1+1,-0.000000000001,'@x,-1\n");
    struct buf out;
    struct error error;
    buf_init(&out, 1 << 20);
    assert_int_equal(console_csv(STR("{\"rows\":3}"), "rows", &out, &error), ERROR_INTERNAL);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unknown_parameters_are_named, open_question, close_question),
        cmocka_unit_test(times_have_many_forms),
        cmocka_unit_test_setup_teardown(periods_go_forward, open_question, close_question),
        cmocka_unit_test_setup_teardown(pages_have_a_size_and_a_place, open_question, close_question),
        cmocka_unit_test_setup_teardown(choices_are_listed, open_question, close_question),
        cmocka_unit_test_setup_teardown(viewers_see_their_own, open_question, close_question),
        cmocka_unit_test(members_are_written),
        cmocka_unit_test(lists_become_csv),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
