/* JSON schema to grammar: what each schema's grammar takes and leaves, and
 * what is refused by name. */
#include "chat_fixture.h"
#include "gbnf_match.h"

#include "chat/json_schema.h"
#include "core/limits.h"

static void grammar_of(const char *schema, struct buf *grammar)
{
    struct error error;
    yyjson_doc *doc = fixture_parse(schema);
    buf_init(grammar, limit(grammar_bytes));
    if (json_schema_to_grammar(yyjson_doc_get_root(doc), "root", "tool", grammar, &error) != OK)
        fail_msg("%s: %s", schema, error.message);
    assert_true(buf_append_char(grammar, '\0'));
    yyjson_doc_free(doc);
}

/* Texts separated by ';'. Those before the bar match, those behind don't. */
static void check(const char *schema, const char *matching, const char *others)
{
    struct buf grammar;
    struct gm gm;
    struct str part, rest;
    grammar_of(schema, &grammar);
    gm_init(&gm, grammar.data);
    for (int should_match = 1; should_match >= 0; should_match--) {
        rest = str_of(should_match ? matching : others);
        while (rest.len > 0 && str_split(&rest, ';', &part))
            if (gm_matches(&gm, part) != should_match)
                fail_msg("%s\n%s " STR_FMT "\n%s", schema, should_match ? "should match" : "should not match",
                         STR_ARG(part), grammar.data);
    }
    gm_deinit(&gm);
    buf_deinit(&grammar);
}

static void check_refused(const char *schema, const char *part)
{
    struct error error = {0};
    struct buf grammar;
    yyjson_doc *doc = fixture_parse(schema);
    buf_init(&grammar, limit(grammar_bytes));
    enum error_code code = json_schema_to_grammar(yyjson_doc_get_root(doc), "root", "tool", &grammar, &error);
    if (code != ERROR_INVALID || strstr(error.message, part) == NULL)
        fail_msg("%s gives %d '%s', not '%s'", schema, (int)code, error.message, part);
    buf_deinit(&grammar);
    yyjson_doc_free(doc);
}

static void scalars(void **state)
{
    (void)state;
    check("{\"type\":\"string\"}", "\"\";\"a b\";\"\\n\\u00e9\\\"\";\"\xC3\xA9\xF0\x9F\x98\x80\"",
          "a;\"\n\";\"\\ud800\";\"\\x\";\"a\"b\"; \"a\"");
    check("{\"type\":\"integer\"}", "0;-1;12;999999999999999", "01;1.0;+1;1e3;;1234567890123456");
    check("{\"type\":\"number\"}", "0;-1.5;1e10;2.5E-3", "1.;.5;1e;1e400;NaN");
    check("{\"type\":\"boolean\"}", "true;false", "True;1");
    check("{\"type\":\"null\"}", "null", "nil");
    check("{\"type\":[\"integer\",\"null\",\"string\"]}", "1;null;\"x\"", "true;1.5");
    check("{}", "1;\"a\";null;[];{};[1, {\"a\": [true]}];{\"a\":1, \"b\":2}", "{a:1};[1,];[1  ,2]");
    check("true", "1;[]", "x");
}

static void string_lengths(void **state)
{
    (void)state;
    check("{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}", "\"ab\";\"abc\";\"\xC3\xA9\xC3\xA9\"",
          "\"a\";\"abcd\";\"\xC3\xA9\"");
    check("{\"type\":\"string\",\"minLength\":2}", "\"ab\";\"abcdef\"", "\"a\"");
    check("{\"type\":\"string\",\"maxLength\":0}", "\"\"", "\"a\"");
}

/* Counting in tens gives exactly the counts asked for. */
static void check_lengths(uint64_t min, uint64_t max)
{
    char schema[128];
    struct buf grammar, text;
    struct gm gm;
    snprintf(schema, sizeof(schema), "{\"type\":\"string\",\"minLength\":%d,\"maxLength\":%d}", (int)min, (int)max);
    grammar_of(schema, &grammar);
    gm_init(&gm, grammar.data);
    buf_init(&text, 4096);
    for (uint64_t len = 0; len <= max + 12; len++) {
        buf_clear(&text);
        buf_append_char(&text, '"');
        for (uint64_t i = 0; i < len; i++)
            buf_append_char(&text, 'x');
        buf_append_char(&text, '"');
        if (gm_matches(&gm, buf_str(&text)) != (min <= len && len <= max))
            fail_msg("%s: %d characters\n%s", schema, (int)len, grammar.data);
    }
    buf_deinit(&text);
    gm_deinit(&gm);
    buf_deinit(&grammar);
}

static void long_lengths(void **state)
{
    (void)state;
    check_lengths(0, 31);
    check_lengths(0, 99);
    check_lengths(0, 100);
    check_lengths(0, 101);
    check_lengths(7, 257);
    check_lengths(45, 45);
    check_lengths(120, 130);
    struct buf grammar;
    grammar_of("{\"type\":\"string\",\"minLength\":12345,\"maxLength\":2147483647}", &grammar);
    assert_true(grammar.len < 4096);
    buf_deinit(&grammar);
}

static void formats(void **state)
{
    (void)state;
    check("{\"type\":\"string\",\"format\":\"date\"}", "\"2024-02-28\";\"1999-12-31\"",
          "\"2024-02-30\";\"2024-13-01\";\"2024-04-31\";\"24-01-01\"");
    check("{\"type\":\"string\",\"format\":\"time\"}", "\"23:59:59Z\";\"00:00:00.5+01:00\"", "\"24:00:00Z\";\"1:00\"");
    check("{\"type\":\"string\",\"format\":\"date-time\"}", "\"2024-02-28T12:00:00Z\"", "\"2024-02-28 12:00:00\"");
    check("{\"type\":\"string\",\"format\":\"uuid\"}", "\"123e4567-e89b-12d3-a456-426614174000\"", "\"123\"");
    check("{\"type\":\"string\",\"format\":\"email\"}", "\"anything\"", "1");
    check("{\"type\":\"string\",\"format\":\"date\",\"maxLength\":3}", "\"abc\"", "\"2024-02-28\"");
}

static void integer_ranges(void **state)
{
    (void)state;
    static const int64_t ranges[][2] = {{0, 0},   {1, 7},     {0, 10},   {5, 123},   {-3, 4},    {-120, -7},
                                        {-1, -1}, {99, 1000}, {-10, 10}, {345, 678}, {1000, 2000}};
    for (size_t r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++) {
        char schema[128], text[32];
        struct buf grammar;
        struct gm gm;
        snprintf(schema, sizeof(schema), "{\"type\":\"integer\",\"minimum\":%d,\"maximum\":%d}", (int)ranges[r][0],
                 (int)ranges[r][1]);
        grammar_of(schema, &grammar);
        gm_init(&gm, grammar.data);
        for (int64_t i = -1300; i <= 2300; i++) {
            snprintf(text, sizeof(text), "%d", (int)i);
            if (gm_matches(&gm, str_of(text)) != (ranges[r][0] <= i && i <= ranges[r][1]))
                fail_msg("%s: %s\n%s", schema, text, grammar.data);
        }
        gm_deinit(&gm);
        buf_deinit(&grammar);
    }
    check("{\"type\":\"integer\",\"minimum\":18}", "18;19;100;999999999999999", "17;-18;1;018");
    check("{\"type\":\"integer\",\"maximum\":-5}", "-5;-123456", "-4;0;5");
    check("{\"type\":\"integer\",\"exclusiveMinimum\":0,\"exclusiveMaximum\":3}", "1;2", "0;3");
    check("{\"type\":\"integer\",\"minimum\":0,\"exclusiveMinimum\":true,\"maximum\":1.5}", "1", "0;2");
    check("{\"type\":\"integer\",\"minimum\":0,\"multipleOf\":1}", "0;5", "-1");
}

static void number_ranges(void **state)
{
    (void)state;
    check("{\"type\":\"number\",\"minimum\":0,\"maximum\":1}", "0;1;0.5;0.001", "1.5;-0.5;2;1.0;-1");
    check("{\"type\":\"number\",\"exclusiveMinimum\":0}", "0.5;1;2.25", "0;-1;-0.5");
    check("{\"type\":\"number\",\"minimum\":-2,\"maximum\":5}", "-2;-1.5;-0.5;0.5;4.9;5", "-2.5;5.1;-3;6");
    check("{\"type\":\"number\",\"maximum\":-1.5}", "-2;-2.5;-100", "-1;-1.7;0;1");
    check("{\"type\":\"number\",\"exclusiveMinimum\":0,\"exclusiveMaximum\":1}", "0.5;0.01", "0;1;0.0;1.5;-0.5");
    check_refused("{\"type\":\"number\",\"minimum\":0.1,\"maximum\":0.9}", "no whole number");
    check_refused("{\"type\":\"integer\",\"minimum\":3,\"maximum\":2}", "no whole number");
}

static void enums(void **state)
{
    (void)state;
    check("{\"enum\":[\"a\",1,null,\"q\\\"\\\\\"]}", "\"a\";1;null;\"q\\\"\\\\\"", "\"b\";2;a");
    check("{\"type\":\"string\",\"enum\":[\"a\",1]}", "\"a\"", "1");
    check("{\"const\":{\"a\":[1,2]}}", "{\"a\":[1,2]}", "{}");
    check("{\"type\":\"integer\",\"const\":3.0}", "3.0", "3");
    check_refused("{\"enum\":[]}", "'enum' holds no value");
    check_refused("{\"type\":\"string\",\"enum\":[1]}", "'enum' holds no value");
    check_refused("{\"type\":\"string\",\"const\":1}", "'const' is not of the type");
    check_refused("{\"enum\":[\"a\"],\"minLength\":2}", "'minLength' beside 'enum'");
}

static void objects(void **state)
{
    (void)state;
    const char *optional = "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},"
                           "\"b\":{\"type\":\"boolean\"},\"c\":{\"type\":\"null\"}}%s}";
    char schema[256];
    snprintf(schema, sizeof(schema), optional, "");
    check(schema,
          "{};{\"a\":1};{\"b\": true};{\"c\":null};{\"a\":1,\"b\":true};{\"a\":1, \"c\":null};{\"b\":true,\"c\":null};"
          "{\"a\":1,\"b\":true,\"c\":null}",
          "{\"b\":true,\"a\":1};{\"a\":1,};{,\"a\":1};{\"a\":1,\"a\":1};{\"d\":1};{ };{\"a\":  1}");
    snprintf(schema, sizeof(schema), optional, ",\"required\":[\"b\"]");
    check(schema, "{\"b\":true};{\"a\":1,\"b\":true};{\"b\":true,\"c\":null};{\"a\":1,\"b\":true,\"c\":null}",
          "{};{\"a\":1};{\"a\":1,\"c\":null};{\"c\":null}");
    snprintf(schema, sizeof(schema), optional, ",\"required\":[\"c\",\"a\",\"b\"]");
    check(schema, "{\"a\":1,\"b\":true,\"c\":null}", "{};{\"a\":1};{\"a\":1,\"b\":true}");
    snprintf(schema, sizeof(schema), optional, ",\"required\":[\"c\"]");
    check(schema, "{\"c\":null};{\"a\":1,\"c\":null};{\"b\":true,\"c\":null}", "{};{\"a\":1};{\"b\":true}");
}

static void free_objects(void **state)
{
    (void)state;
    check("{\"type\":\"object\"}", "{};{\"x\": 1};{\"x\":[{\"y\":null}], \"z\":\"\"}", "[];{x:1};{ }");
    check("{\"type\":\"object\",\"properties\":{}}", "{};{\"x\":1}", "[]");
    check("{\"type\":\"object\",\"additionalProperties\":false}", "{}", "{\"x\":1}");
    check("{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}", "{};{\"x\":1,\"y\":2}",
          "{\"x\":\"\"}");
    check("{\"type\":\"object\",\"required\":[\"x\"]}", "{\"x\":[1]}", "{};{\"y\":1}");
    check("{\"type\":\"object\",\"required\":[\"x\"],\"additionalProperties\":{\"type\":\"null\"}}", "{\"x\":null}",
          "{\"x\":1}");
    check_refused("{\"type\":\"object\",\"required\":[\"x\"],\"additionalProperties\":false}", "'x' is required");
}

static void arrays(void **state)
{
    (void)state;
    check("{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}", "[];[1];[1,2, 3]", "[1,];[,1];[\"a\"];[1 ,2]");
    check("{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":2,\"maxItems\":3}", "[1,2];[1,2,3]",
          "[];[1];[1,2,3,4]");
    check("{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"maxItems\":1}", "[];[1]", "[1,2]");
    check("{\"type\":\"array\",\"maxItems\":0}", "[]", "[1]");
    check("{\"type\":\"array\"}", "[];[1,\"a\",{}]", "1");
    check("{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}", "[1,\"a\"]",
          "[];[1];[\"a\",1];[1,\"a\",2]");
    check("{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"}],\"items\":{\"type\":\"null\"}}",
          "[1];[1,null];[1,null,null]", "[];[1,2]");
    check("{\"type\":\"array\",\"items\":[{\"type\":\"integer\"}],\"additionalItems\":false}", "[1]", "[1,2];[]");
    check_refused("{\"type\":\"array\",\"minItems\":2,\"maxItems\":1}", "'minItems' is larger");
    check_refused("{\"type\":\"array\",\"uniqueItems\":true}", "uniqueItems");
}

static void combinations(void **state)
{
    (void)state;
    check("{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"null\"}],\"default\":null,\"title\":\"X\"}", "1;null",
          "\"a\"");
    check("{\"oneOf\":[{\"const\":\"a\"},{\"type\":\"array\",\"items\":{\"type\":\"null\"}}]}", "\"a\";[null]", "[1]");
    check("{\"allOf\":[{\"type\":\"string\"}],\"description\":\"one\"}", "\"a\"", "1");
    check("{\"allOf\":[{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]},"
          "{\"$ref\":\"#/$defs/B\"}],\"properties\":{\"c\":{\"type\":\"null\"}},\"required\":[\"c\"],"
          "\"$defs\":{\"B\":{\"properties\":{\"b\":{\"type\":\"boolean\"}}}}}",
          "{\"c\":null,\"a\":1};{\"c\":null,\"a\":1,\"b\":true}", "{\"c\":null};{\"a\":1}");
    check_refused("{\"allOf\":[{\"type\":\"string\"},{\"type\":\"object\"}]}", "for objects only");
    check_refused("{\"allOf\":[{\"properties\":{\"a\":{}}},{\"properties\":{\"a\":true}}]}", "in two ways");
    check_refused("{\"anyOf\":[{\"required\":[\"a\"]}],\"properties\":{\"a\":{}}}", "'properties' beside 'anyOf'");
    check_refused("{\"anyOf\":[]}", "'anyOf' must be");
}

static void references(void **state)
{
    (void)state;
    check("{\"$ref\":\"#/$defs/N\",\"$defs\":{\"N\":{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"integer\"},"
          "\"next\":{\"anyOf\":[{\"$ref\":\"#/$defs/N\"},{\"type\":\"null\"}]}},\"required\":[\"v\",\"next\"]}}}",
          "{\"v\":1,\"next\":null};{\"v\":1,\"next\":{\"v\":2,\"next\":null}}", "{\"v\":1};{\"v\":1,\"next\":1}");
    check("{\"type\":\"object\",\"properties\":{\"kids\":{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}}}",
          "{};{\"kids\":[]};{\"kids\":[{},{\"kids\":[{}]}]}", "{\"kids\":[1]}");
    check("{\"definitions\":{\"a/b\":{\"type\":\"null\"}},\"$ref\":\"#/definitions/a~1b\"}", "null", "1");
    check_refused("{\"$ref\":\"#/$defs/X\"}", "$ref '#/$defs/X' does not lead");
    check_refused("{\"$ref\":\"http://example.com/s\"}", "does not lead");
    check_refused("{\"$ref\":\"#\"}", "in a circle");
    check_refused("{\"$defs\":{\"A\":{\"anyOf\":[{\"type\":\"null\"},{\"$ref\":\"#/$defs/B\"}]},"
                  "\"B\":{\"allOf\":[{\"$ref\":\"#/$defs/A\"}]}},\"$ref\":\"#/$defs/A\"}",
                  "in a circle");
    check_refused("{\"$defs\":{\"A\":{\"allOf\":[{\"$ref\":\"#/$defs/A\"},{\"type\":\"object\"}]}},\"$ref\":"
                  "\"#/$defs/A\"}",
                  "circle");
}

static void patterns(void **state)
{
    (void)state;
    check("{\"type\":\"string\",\"pattern\":\"^[A-Z]{2}-\\\\d+$\"}", "\"AB-1\";\"ZZ-123\"",
          "\"A-1\";\"AB-\";\"xAB-1\";\"AB-1x\"");
    check("{\"type\":\"string\",\"pattern\":\"b\"}", "\"b\";\"abc\"", "\"\";\"a\"");
    check("{\"type\":\"string\",\"pattern\":\"^a|b$\"}", "\"ax\";\"xb\"", "\"xa\";\"bx\"");
    check("{\"type\":\"string\",\"pattern\":\"^(?:ab|c)*$\"}", "\"\";\"abc\";\"cab\"", "\"a\";\"d\"");
    check("{\"type\":\"string\",\"pattern\":\"^[^a-c]$\"}", "\"d\";\"\xC3\xA9\";\"\\\"\";\"\\\\\"",
          "\"a\";\"\\n\";\"dd\"");
    check("{\"type\":\"string\",\"pattern\":\"^\\\"\\\\\\\\\\\\n$\"}", "\"\\\"\\\\\\n\"", "\"\"");
    check("{\"type\":\"string\",\"pattern\":\"^.?\\\\.[\\\\w.+-]{1,3}?$\"}", "\"a.b\";\".+-.\"", "\".\";\"a.abcd\"");
    check("{\"type\":\"string\",\"pattern\":\"^x{2,}y{,3}\\\\u0041\\\\x42$\"}", "\"xxy{,3}AB\"", "\"xy{,3}AB\"");
    check("{\"type\":\"string\",\"pattern\":\"^a{0}(|b)$\"}", "\"\";\"b\"", "\"a\"");
    check("{\"type\":\"string\",\"pattern\":\"\"}", "\"\";\"x\"", "");
    static const char *const refused[][2] = {
        {"(?=a)", "look-around"},     {"(a", "without an end"},   {"a)", "closing bracket"}, {"[a", "without an end"},
        {"a^b", "anchor"},            {"*a", "repetition"},       {"\\\\1", "back-ref"},     {"\\\\bx", "back-ref"},
        {"(a*)*", "may be empty"},    {"[]", "empty class"},      {"[b-a]", "two ends"},     {"\\\\u12", "digits"},
        {"x{3,2}", "repetitions"},    {"a\\\\", "at its end"},    {"[\\\\d-z]", "two ends"}, {"(a$)", "anchor"},
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        char schema[128];
        snprintf(schema, sizeof(schema), "{\"type\":\"string\",\"pattern\":\"%s\"}", refused[i][0]);
        check_refused(schema, refused[i][1]);
    }
}

static void refusals_name_keyword_and_place(void **state)
{
    (void)state;
    static const char *const keywords[] = {"not",           "if",           "patternProperties", "propertyNames",
                                           "contains",      "minProperties", "maxProperties",    "dependentRequired"};
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        char schema[128], part[64];
        snprintf(schema, sizeof(schema), "{\"type\":\"object\",\"properties\":{\"a\":{\"items\":{\"%s\":{}}}}}",
                 keywords[i]);
        snprintf(part, sizeof(part), "tool.properties.a.items: the keyword '%s'", keywords[i]);
        check_refused(schema, part);
    }
    check_refused("{\"multipleOf\":5}", "multipleOf");
    check_refused("{\"type\":\"float\"}", "unknown type 'float'");
    check_refused("{\"properties\":{\"a\":{\"items\":3}}}", "tool.properties.a.items: a schema must be");
    check_refused("{\"properties\":[]}", "'properties' must be");
    check_refused("{\"type\":\"string\",\"minLength\":-1}", "'minLength' must be");
    check_refused("{\"type\":\"string\",\"pattern\":\"a\",\"maxLength\":3}", "'pattern' beside");
    check_refused("false", "allows nothing");
    check_refused("3", "a schema must be");
}

static void annotations_are_ignored(void **state)
{
    (void)state;
    check("{\"$schema\":\"s\",\"$id\":\"i\",\"title\":\"t\",\"description\":\"d\",\"default\":1,\"examples\":[1],"
          "\"x-own\":1,\"deprecated\":true,\"type\":\"integer\",\"minLength\":3}",
          "1", "\"a\"");
}

static void limits_hold(void **state)
{
    (void)state;
    struct buf schema;
    buf_init(&schema, 8 << 20);
    buf_append_text(&schema, "{\"type\":\"object\",\"properties\":{");
    for (int i = 0; i < 25000; i++)
        buf_appendf(&schema, "%s\"p%d\":{}", i ? "," : "", i);
    buf_append_text(&schema, "}}");
    buf_append_char(&schema, '\0');
    check_refused(schema.data, "limit schema_rules");
    buf_deinit(&schema);

    struct buf small;
    struct error error;
    yyjson_doc *doc = fixture_parse("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}");
    buf_init(&small, 64);
    assert_int_equal(json_schema_to_grammar(yyjson_doc_get_root(doc), "root", "tool", &small, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "larger than 64 bytes"));
    buf_deinit(&small);
    yyjson_doc_free(doc);
}

static void rules_begin_with_the_root_name(void **state)
{
    (void)state;
    struct buf grammar;
    struct error error;
    struct str rest, line;
    yyjson_doc *doc = fixture_parse("{\"properties\":{\"a\":{},\"b\":{\"type\":\"string\",\"maxLength\":300}}}");
    buf_init(&grammar, 1 << 20);
    assert_int_equal(json_schema_to_grammar(yyjson_doc_get_root(doc), "args-3", "tool", &grammar, &error), OK);
    rest = buf_str(&grammar);
    assert_true(str_starts(rest, STR("args-3-")) || str_starts(rest, STR("args-3 ::= ")));
    while (str_split(&rest, '\n', &line))
        assert_true(line.len == 0 || str_starts(line, STR("args-3-")) || str_starts(line, STR("args-3 ::= ")));
    buf_deinit(&grammar);
    yyjson_doc_free(doc);
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    yyjson_doc *doc = fixture_parse(
        "{\"properties\":{\"a\":{\"$ref\":\"#/$defs/A\"},\"b\":{\"type\":\"string\",\"pattern\":\"^(a|b)+$\"},"
        "\"c\":{\"type\":\"array\",\"items\":{\"enum\":[1,\"x\"]},\"maxItems\":99},\"d\":{}},\"required\":[\"a\"],"
        "\"$defs\":{\"A\":{\"type\":\"integer\",\"minimum\":3}}}");
    enum error_code code = ERROR_NO_MEMORY;
    for (uint64_t n = 1; code != OK; n++) {
        struct buf grammar;
        struct error error;
        buf_init(&grammar, 1 << 20);
        mem_fail_at(n);
        code = json_schema_to_grammar(yyjson_doc_get_root(doc), "root", "tool", &grammar, &error);
        mem_fail_at(0);
        if (code != OK && code != ERROR_NO_MEMORY)
            fail_msg("allocation %d: %s", (int)n, error.message);
        assert_true(n < 10000);
        buf_deinit(&grammar);
    }
    yyjson_doc_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars),
        cmocka_unit_test(string_lengths),
        cmocka_unit_test(long_lengths),
        cmocka_unit_test(formats),
        cmocka_unit_test(integer_ranges),
        cmocka_unit_test(number_ranges),
        cmocka_unit_test(enums),
        cmocka_unit_test(objects),
        cmocka_unit_test(free_objects),
        cmocka_unit_test(arrays),
        cmocka_unit_test(combinations),
        cmocka_unit_test(references),
        cmocka_unit_test(patterns),
        cmocka_unit_test(refusals_name_keyword_and_place),
        cmocka_unit_test(annotations_are_ignored),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(rules_begin_with_the_root_name),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
