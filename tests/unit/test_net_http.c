/* The parts of http.h that need no connection. */
#include "support.h"

#include "net/exchange.h"

static struct exchange exchange;

static int set_up(void **state)
{
    (void)state;
    arena_init(&exchange.base.arena, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_deinit(&exchange.base.arena);
    return 0;
}

static void test_percent_decoding(void **state)
{
    (void)state;
    static const struct {
        const char *text, *decoded; /* NULL: refused */
    } cases[] = {
        {"", ""},
        {"plain+plus", "plain+plus"},
        {"arn%3Aaws%3abedrock%2Fx", "arn:aws:bedrock/x"},
        {"%253A", "%3A"}, /* once only */
        {"%", NULL},
        {"%4", NULL},
        {"a%zz", NULL},
        {"%-1", NULL},
        {"% 1", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str decoded;
        bool ok = http_percent_decode(str_of(cases[i].text), &exchange.base.arena, &decoded);
        assert_int_equal(ok, cases[i].decoded != NULL);
        if (ok)
            assert_str_equal(decoded, cases[i].decoded);
    }
}

static void test_query(void **state)
{
    (void)state;
    exchange.base.request.query = STR("list-type=2&prefix=a%2Fb+c&empty=&flag&bad=%zz&prefix=second&a=b=c");
    assert_str_equal(http_query_get(&exchange.base, "list-type"), "2");
    assert_str_equal(http_query_get(&exchange.base, "prefix"), "a/b c");
    assert_str_equal(http_query_get(&exchange.base, "empty"), "");
    assert_str_equal(http_query_get(&exchange.base, "flag"), "");
    assert_str_equal(http_query_get(&exchange.base, "bad"), "%zz");
    assert_str_equal(http_query_get(&exchange.base, "a"), "b=c");
    assert_non_null(http_query_get(&exchange.base, "flag").data);
    assert_null(http_query_get(&exchange.base, "fla").data);
    assert_null(http_query_get(&exchange.base, "").data);
    exchange.base.request.query = STR("");
    assert_null(http_query_get(&exchange.base, "a").data);
}

static void test_headers(void **state)
{
    (void)state;
    struct http_header headers[] = {{STR("host"), STR("x")}, {STR("accept"), STR("")}, {STR("host"), STR("y")}};
    struct http_request request = {.headers = headers, .header_count = 3};
    assert_str_equal(http_header_get(&request, "host"), "x");
    assert_non_null(http_header_get(&request, "accept").data);
    assert_null(http_header_get(&request, "hos").data);
}

static void test_header_values(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    assert_true(http_append_header_value(&buf, STR("a\r\nb\x7f\xc3\xa4")));
    assert_str_equal(buf_str(&buf), "a  b \xc3\xa4");
    buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percent_decoding),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_header_values),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
