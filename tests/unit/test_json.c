/* JSON: depth, memory, positions and typed getters. */
#include "support.h"

#include "core/json.h"
#include "core/limits.h"

static yyjson_doc *parsed(const char *text)
{
    yyjson_doc *doc;
    struct error error;
    assert_int_equal(json_parse(str_of(text), &doc, &error), OK);
    return doc;
}

static void malformed_text_names_its_place(void **state)
{
    (void)state;
    yyjson_doc *doc;
    struct error error;
    assert_int_equal(json_parse(STR("{\n \"a\": 1,\n x}"), &doc, &error), ERROR_INVALID);
    assert_null(doc);
    assert_non_null(strstr(error.message, "line 3"));
    assert_int_equal(json_parse(STR(""), &doc, &error), ERROR_INVALID);
    assert_int_equal(json_parse(STR("{} x"), &doc, &error), ERROR_INVALID);
    assert_int_equal(json_parse(STR("\"\xff\""), &doc, &error), ERROR_INVALID);
    assert_int_equal(json_parse(STR("\"unterminated \\"), &doc, &error), ERROR_INVALID);
}

static void depth_is_bounded_outside_strings_only(void **state)
{
    (void)state;
    char text[400];
    struct error error;
    yyjson_doc *doc;
    for (size_t depth = LIMIT_JSON_DEPTH; depth <= LIMIT_JSON_DEPTH + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        enum error_code code = json_parse((struct str){text, 2 * depth}, &doc, &error);
        assert_int_equal(code, depth == LIMIT_JSON_DEPTH ? OK : ERROR_INVALID);
        json_free(doc);
    }
    memset(text, '[', sizeof(text));
    text[0] = text[sizeof(text) - 1] = '"';
    assert_int_equal(json_parse((struct str){text, sizeof(text)}, &doc, &error), OK);
    json_free(doc);
}

static void memory_is_capped(void **state)
{
    (void)state;
    size_t count = 4 << 20;
    char *text = mem_must_alloc(2 * count + 1);
    text[0] = '[';
    for (size_t i = 0; i < count; i++) {
        text[1 + 2 * i] = '0';
        text[2 + 2 * i] = ',';
    }
    text[2 * count] = ']';
    yyjson_doc *doc;
    struct error error;
    assert_int_equal(json_parse((struct str){text, 2 * count + 1}, &doc, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "memory"));
    mem_free(text);
}

static void getters_name_the_path(void **state)
{
    (void)state;
    yyjson_doc *doc = parsed("{\"text\":1,\"n\":\"x\",\"big\":18446744073709551615,\"null\":null,\"f\":2.5,\"o\":[]}");
    yyjson_val *root = yyjson_doc_get_root(doc), *value;
    struct error error;
    struct str text = STR("default");
    int64_t number = 7;
    double real = 0;
    bool present = true;
    assert_int_equal(json_get_str(root, "messages[0]", "text", &text, NULL, &error), ERROR_INVALID);
    assert_string_equal(error.message, "messages[0].text: expected a string, got a number");
    assert_int_equal(json_get_int(root, "", "n", 1, 5, &number, NULL, &error), ERROR_INVALID);
    assert_string_equal(error.message, "n: expected an integer, got a string");
    assert_int_equal(json_get_int(root, "", "big", 1, 5, &number, NULL, &error), ERROR_INVALID);
    assert_string_equal(error.message, "big: must be between 1 and 5");
    assert_int_equal(json_get_int(root, "", "null", 1, 5, &number, &present, &error), OK);
    assert_false(present);
    assert_int_equal(number, 7);
    assert_int_equal(json_get_number(root, "", "f", 0, 1, &real, NULL, &error), ERROR_INVALID);
    assert_int_equal(json_get_number(root, "", "f", 0, 3, &real, NULL, &error), OK);
    assert_int_equal(json_get_object(root, "", "o", &value, &error), ERROR_INVALID);
    assert_int_equal(json_get_array(root, "", "o", &value, &error), OK);
    assert_non_null(value);
    assert_int_equal(json_get_array(root, "", "missing", &value, &error), OK);
    assert_null(value);
    json_free(doc);
}

static void text_comes_back_compact(void **state)
{
    (void)state;
    yyjson_doc *doc = parsed("{ \"b\" : [1, 2.5, \"\\u00e4\"], \"a\": null }");
    struct buf buf;
    buf_init(&buf, 1000);
    assert_true(json_append(&buf, yyjson_doc_get_root(doc)));
    assert_str_equal(buf_str(&buf), "{\"b\":[1,2.5,\"\xc3\xa4\"],\"a\":null}");
    buf_deinit(&buf);
    json_free(doc);
}

/* Numbers of an exact document are the text that they were. */
static void exact_numbers_come_back(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[123456789012345678901234567890,9007199254740993,-0,1.10,1E5,1e999,0.1000]}";
    yyjson_doc *doc;
    struct error error;
    struct buf buf;
    assert_int_equal(json_parse_exact(STR(text), &doc, &error), OK);
    buf_init(&buf, 1000);
    assert_true(json_append(&buf, yyjson_doc_get_root(doc)));
    assert_str_equal(buf_str(&buf), text);
    buf_deinit(&buf);
    json_free(doc);
    assert_int_equal(json_parse_exact(STR("{\"a\":01}"), &doc, &error), ERROR_INVALID);
}

static void getters_read_exact_numbers(void **state)
{
    (void)state;
    yyjson_doc *doc;
    struct error error;
    int64_t number = 0;
    double real = 0;
    assert_int_equal(json_parse_exact(STR("{\"i\":-42,\"f\":2.5,\"h\":18446744073709551616,\"e\":1e2}"), &doc, &error),
                     OK);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_int_equal(json_get_int(root, "", "i", -50, 0, &number, NULL, &error), OK);
    assert_int_equal(number, -42);
    assert_int_equal(json_get_int(root, "", "i", 0, 50, &number, NULL, &error), ERROR_INVALID);
    assert_int_equal(json_get_int(root, "", "h", 0, 50, &number, NULL, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "must be between"));
    assert_int_equal(json_get_int(root, "", "f", 0, 50, &number, NULL, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "expected an integer, got a number"));
    assert_int_equal(json_get_number(root, "", "f", 0, 3, &real, NULL, &error), OK);
    assert_true(real == 2.5);
    assert_int_equal(json_get_number(root, "", "e", 0, 99, &real, NULL, &error), ERROR_INVALID);
    json_free(doc);
}

static int order(const char *a, const char *b)
{
    struct exact x, y;
    assert_true(exact_parse(str_of(a), &x));
    assert_true(exact_parse(str_of(b), &y));
    assert_int_equal(exact_compare(&y, &x), -exact_compare(&x, &y));
    return exact_compare(&x, &y);
}

static void decimals_are_exact(void **state)
{
    (void)state;
    static const char *const numbers[] = {"-1e30",
                                          "-18446744073709551617",
                                          "-18446744073709551616",
                                          "-10",
                                          "-0.30",
                                          "-0.1",
                                          "0",
                                          "1e-400",
                                          "0.1",
                                          "0.10000000000000001",
                                          "2",
                                          "9007199254740992",
                                          "9007199254740993",
                                          "1e16"};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++)
            assert_int_equal(order(numbers[i], numbers[k]), i < k ? -1 : i > k);
    assert_int_equal(order("1.50", "15e-1"), 0);
    assert_int_equal(order("-0.0", "0e7"), 0);
    assert_int_equal(order("1000", "0.001e6"), 0);
    struct exact value;
    static const char *const odd[] = {"", "-", "1.", ".5", "1e", "1e+", "0x1", "1 ", "1e999999", "+1"};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_false(exact_parse(str_of(odd[i]), &value));
}

static bool is_multiple(const char *number, const char *step)
{
    struct exact value, of;
    uint64_t whole;
    int32_t exponent;
    assert_true(exact_parse(str_of(number), &value) && exact_parse(str_of(step), &of));
    assert_true(exact_to_step(&of, &whole, &exponent));
    return exact_is_multiple(&value, whole, exponent);
}

static void multiples_are_exact(void **state)
{
    (void)state;
    assert_true(is_multiple("0.07", "0.01") && is_multiple("123456789012345678901234567890", "30"));
    assert_true(is_multiple("0", "7") && is_multiple("-21", "7") && is_multiple("1e30", "1024") &&
                is_multiple("4.5", "1.5"));
    assert_false(is_multiple("0.075", "0.01") || is_multiple("22", "7") || is_multiple("1e30", "7") ||
                 is_multiple("5", "10"));
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        yyjson_doc *doc;
        struct error error;
        mem_fail_at(nth);
        enum error_code code = json_parse(STR("{\"a\":[1,2,{\"b\":\"c\"}]}"), &doc, &error);
        bool was_hit = mem_fail_count() >= nth;
        mem_fail_at(0);
        assert_int_equal(code, was_hit ? ERROR_NO_MEMORY : OK); /* never the body's fault */
        json_free(doc);
        if (!was_hit)
            break;
    }
}

/* No text costs more than is said of it: what counts is the number of values and the text itself. */
static void the_cost_of_parsing(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "1", "\"a,b:[{\\\",\"", "[]", "[1,2,3,[4,{}],{\"a\":1,\"b\":{\"c\":[true,false,null]}}]",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a long one, with: [brackets] and {braces}\"}]}]}",
        "  [ 0 , 0 , 0 , 0 , 0 ]  ",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        yyjson_doc *doc;
        struct error error;
        struct str text = str_of(texts[i]);
        assert_int_equal(json_parse(text, &doc, &error), OK);
        size_t needed = text.len + yyjson_doc_get_val_count(doc) * sizeof(yyjson_val);
        assert_in_range(json_cost(text), needed, needed + 6 * sizeof(yyjson_val));
        json_free(doc);
    }
    assert_true(json_cost(STR("\"unfinished \\")) >= 13); /* looks no further than the end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_text_names_its_place),
        cmocka_unit_test(depth_is_bounded_outside_strings_only),
        cmocka_unit_test(memory_is_capped),
        cmocka_unit_test(getters_name_the_path),
        cmocka_unit_test(text_comes_back_compact),
        cmocka_unit_test(exact_numbers_come_back),
        cmocka_unit_test(getters_read_exact_numbers),
        cmocka_unit_test(decimals_are_exact),
        cmocka_unit_test(multiples_are_exact),
        cmocka_unit_test(every_failing_allocation_is_an_error),
        cmocka_unit_test(the_cost_of_parsing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
