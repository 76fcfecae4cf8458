/* JSON: depth, memory, positions and typed getters. */
#include "support.h"

#include "core/json.h"
#include "core/json_copy.h"
#include "core/limits.h"
#include "core/util.h"

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

/* --- copies without a parser ------------------------------------------------------------------------ */

static void append_random_string(struct rng *rng, struct buf *out)
{
    static const char *const pieces[] = {"a",        "name",   " ",       "\\\"",           "\\\\",     "\\/",  "\\n",
                                         "\\u0000",  "\\u001F", "\\u00e9", "\\uD83D\\uDE00", "\xc3\xa9", "{",    "]",
                                         ",",        ":",      "\x7f",    "\\u0022",         "\\u005C",  "\\b"};
    buf_append_char(out, '"');
    for (size_t n = rng_below(rng, 6); n-- > 0;)
        buf_append_text(out, pieces[rng_below(rng, sizeof(pieces) / sizeof(pieces[0]))]);
    buf_append_char(out, '"');
}

static void append_space(struct rng *rng, struct buf *out)
{
    static const char spaces[] = " \t\n\r";
    while (rng_below(rng, 3) == 0)
        buf_append_char(out, spaces[rng_below(rng, 4)]);
}

static void append_random_value(struct rng *rng, struct buf *out, unsigned depth)
{
    static const char *const scalars[] = {"true", "false", "null", "0",
                                          "-0",   "1.50",  "1E+5", "12345678901234567890123"};
    const uint64_t kind = rng_below(rng, depth ? 4 : 2);
    append_space(rng, out);
    if (kind == 0) {
        buf_append_text(out, scalars[rng_below(rng, sizeof(scalars) / sizeof(scalars[0]))]);
    } else if (kind == 1) {
        append_random_string(rng, out);
    } else {
        buf_append_char(out, kind == 2 ? '[' : '{');
        for (size_t i = 0, n = rng_below(rng, 4); i < n; i++) {
            append_space(rng, out);
            if (i > 0)
                buf_append_char(out, ',');
            append_space(rng, out);
            if (kind == 3) {
                append_random_string(rng, out);
                append_space(rng, out);
                buf_append_char(out, ':');
            }
            append_random_value(rng, out, depth - 1);
        }
        append_space(rng, out);
        buf_append_char(out, kind == 2 ? ']' : '}');
    }
    append_space(rng, out);
}

/* Quotes that are escaped, and backslashes that are: nothing within a string counts. */
static void the_cost_of_random_values(void **state)
{
    (void)state;
    struct rng rng;
    struct error error;
    rng_seed(&rng, 7);
    for (int round = 0; round < 2000; round++) {
        struct buf text;
        yyjson_doc *doc;
        buf_init(&text, 1 << 20);
        append_random_value(&rng, &text, 4);
        assert_int_equal(json_parse(buf_str(&text), &doc, &error), OK);
        const size_t needed = text.len + yyjson_doc_get_val_count(doc) * sizeof(yyjson_val);
        const size_t bound = text.len + (yyjson_doc_get_val_count(doc) * 2 + 1) * sizeof(yyjson_val);
        assert_in_range(json_cost(buf_str(&text)), needed, bound);
        json_free(doc);
        buf_deinit(&text);
    }
}

static void copied_is_what_is_printed(struct str text, yyjson_val *value)
{
    struct buf printed, copied;
    buf_init(&printed, 1u << 20);
    buf_init(&copied, 1u << 20);
    assert_true(json_append(&printed, value));
    assert_true(json_copy_append(&copied, text));
    if (!str_eq(buf_str(&printed), buf_str(&copied)))
        fail_msg("printed " STR_FMT "\ncopied " STR_FMT "\nof " STR_FMT, STR_ARG(buf_str(&printed)),
                 STR_ARG(buf_str(&copied)), STR_ARG(text));
    buf_clear(&copied);
    assert_int_equal(json_copy_string(&copied, text), yyjson_is_str(value));
    if (yyjson_is_str(value))
        assert_true(str_eq(buf_str(&copied), json_str(value)));
    buf_deinit(&printed);
    buf_deinit(&copied);
}

static void copies_are_what_a_parser_would_print(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 5);
    for (size_t round = 0; round < 5000; round++) {
        struct buf text;
        struct error error;
        yyjson_doc *doc;
        buf_init(&text, 1u << 20);
        append_random_value(&rng, &text, 5);
        assert_int_equal(json_parse_exact(buf_str(&text), &doc, &error), OK);
        yyjson_val *root = yyjson_doc_get_root(doc);
        copied_is_what_is_printed(str_trim(buf_str(&text)), root);
        yyjson_val *member = yyjson_obj_get(root, "name");
        const struct str found = json_copy_find(buf_str(&text), "name");
        assert_int_equal(found.data != NULL, member != NULL);
        if (member)
            copied_is_what_is_printed(found, member);
        json_free(doc);
        buf_deinit(&text);
    }
}

/* Every beginning of a text, and every text with a byte missing: nothing is read beyond the end. */
static void copies_of_what_is_no_json_end(void **state)
{
    (void)state;
    static const char whole[] = "{\"a\\u0041\\ud83d\\ude00\":[1,\"b\\\\\",{\"name\":{}}],\"name\":{\"c\":\"\\u12\"} }";
    for (size_t from = 0; from < sizeof(whole); from++)
        for (size_t len = 0; from + len < sizeof(whole); len++) {
            char *exact = mem_must_calloc(1, len + 1);
            memcpy(exact, whole + from, len);
            char *end = mem_realloc(exact, len ? len : 1); /* so that a sanitizer sees the end */
            struct buf out;
            buf_init(&out, 4096);
            const struct str found = json_copy_find((struct str){end, len}, "name");
            assert_true(!found.data || (found.data >= end && found.data + found.len <= end + len));
            (void)json_copy_append(&out, (struct str){end, len});
            (void)json_copy_string(&out, (struct str){end, len});
            buf_deinit(&out);
            mem_free(end);
        }
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
        cmocka_unit_test(the_cost_of_random_values),
        cmocka_unit_test(copies_are_what_a_parser_would_print),
        cmocka_unit_test(copies_of_what_is_no_json_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
