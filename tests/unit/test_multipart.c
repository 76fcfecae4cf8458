/* Forms: what the parts are, in the ways in which clients write them; and what is none. */
#include "support.h"

#include "api/multipart.h"
#include "core/buf.h"

#define TYPE STR("multipart/form-data; boundary=xyz")
#define HEAD "--xyz\r\nContent-Disposition: form-data; "

static void expect_parts(struct str type, struct str body, const char *expected)
{
    struct multipart form;
    struct multipart_part part;
    struct error error;
    struct arena arena;
    struct buf seen;
    bool has_part = true;
    arena_init(&arena, 0);
    buf_init(&seen, 1u << 16);
    assert_int_equal(multipart_open(&form, type, body, &error), OK);
    while (has_part) {
        assert_int_equal(multipart_next(&form, &arena, &part, &has_part, &error), OK);
        if (has_part)
            buf_appendf(&seen, STR_FMT "|" STR_FMT "|" STR_FMT ";", STR_ARG(part.name),
                        STR_ARG(part.filename.data ? part.filename : STR("-")), STR_ARG(part.body));
    }
    assert_int_equal(seen.len, strlen(expected));
    assert_memory_equal(seen.data, expected, seen.len);
    buf_deinit(&seen);
    arena_deinit(&arena);
}

static void test_parts(void **state)
{
    (void)state;
    expect_parts(TYPE,
                 STR(HEAD "name=\"a\"\r\n\r\n1\r\n" HEAD "name=b; filename=\"f\"\r\nX: y\r\n\r\n2\r\n3\r\n--xyz--"),
                 "a|-|1;b|f|2\r\n3;");
    expect_parts(TYPE, STR("words before\r\n" HEAD "name=\"a\"\r\n\r\n\r\n--xyz  \r\nContent-Disposition: form-data; "
                           "name=\"b\"\r\n\r\n--xyz--\r\nwords behind"), "a|-|;b|-|;");
    expect_parts(STR("Multipart/Form-Data;Boundary=\"x;y\""),
                 STR("--x;y\r\ncontent-disposition:form-data;name=a\r\n\r\n--x;\r\n--x;y--"), "a|-|--x;;");
    expect_parts(TYPE, STR("--xyz--"), "");
}

static void test_names(void **state)
{
    (void)state;
    expect_parts(TYPE, STR(HEAD "name=\"a\"; filename=\"say \\\"hi\\\" %22%41 c:\\\\d.txt\"\r\n\r\n1\r\n--xyz--"),
                 "a|say \"hi\" \"%41 c:\\d.txt|1;");
    expect_parts(TYPE, STR(HEAD "name=\"a\"; filename=\"no\"; filename*=UTF-8'de'n%C3%A4me%20%22\r\n\r\n1\r\n--xyz--"),
                 "a|n\xC3\xA4me \"|1;");
}

static void expect_broken(struct str type, struct str body)
{
    struct multipart form;
    struct multipart_part part;
    struct error error;
    struct arena arena;
    bool has_part = true;
    arena_init(&arena, 0);
    enum error_code code = multipart_open(&form, type, body, &error);
    while (code == OK && has_part)
        code = multipart_next(&form, &arena, &part, &has_part, &error);
    assert_int_equal(code, ERROR_INVALID);
    arena_deinit(&arena);
}

static void test_what_is_none(void **state)
{
    (void)state;
    expect_broken(STR("application/json; boundary=xyz"), STR("--xyz--"));
    expect_broken(STR("multipart/form-data"), STR("--xyz--"));
    expect_broken(STR("multipart/form-data; boundary="), STR("--xyz--"));
    expect_broken(TYPE, STR(""));
    expect_broken(TYPE, STR("--xyzz\r\n"));
    expect_broken(TYPE, STR(HEAD "name=\"a\"\r\n\r\n1"));
    expect_broken(TYPE, STR(HEAD "name=\"a\"\r\n"));
    expect_broken(TYPE, STR("--xyz\r\nno header\r\n\r\n1\r\n--xyz--"));
    expect_broken(TYPE, STR(HEAD "name=\"\xff\"\r\n\r\n1\r\n--xyz--"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
