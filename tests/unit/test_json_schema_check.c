/* Does a value hold to a schema: keyword by keyword, and what is said when not. */
#include "chat_fixture.h"

#include "chat/json_schema_check.h"
#include "core/json.h"

static enum error_code check(const char *schema, struct str value, struct error *error)
{
    yyjson_doc *doc;
    assert_int_equal(json_parse_exact(str_of(schema), &doc, error), OK);
    enum error_code code = json_schema_check(yyjson_doc_get_root(doc), value, "tool", error);
    json_free(doc);
    return code;
}

/* Values separated by ';'. Those before hold, those behind don't. */
static void holds(const char *schema, const char *good, const char *bad)
{
    struct error error;
    struct str part;
    for (int should_hold = 1; should_hold >= 0; should_hold--) {
        struct str rest = str_of(should_hold ? good : bad);
        while (rest.len > 0 && str_split(&rest, ';', &part))
            if (check(schema, part, &error) != (should_hold ? OK : ERROR_MODEL))
                fail_msg("%s %s " STR_FMT, schema, should_hold ? "should hold for" : "should not hold for",
                         STR_ARG(part));
    }
}

static void keywords(void **state)
{
    (void)state;
    holds("{\"type\":\"integer\"}", "1;1.0;1e3;-0", "1.5;\"1\";null");
    holds("{\"type\":[\"string\",\"null\"]}", "\"\";null", "1;[]");
    holds("{\"enum\":[1,{\"a\":[1,2]}]}", "1.0;{\"a\":[1,2.0]}", "2;{\"a\":[2,1]}");
    holds("{\"const\":9007199254740993}", "9007199254740993;9007199254740993.0", "9007199254740992");
    holds("{\"minimum\":1,\"exclusiveMaximum\":2}", "1;1.9;\"x\"", "0.9;2");
    holds("{\"multipleOf\":0.01}", "0.07;4;\"a\"", "0.075");
    holds("{\"minLength\":2,\"maxLength\":3,\"pattern\":\"^\\\\w+$\"}", "\"ab\";\"\xC3\xA9\xC3\xA9\xC3\xA9\";1",
          "\"a\";\"abcd\";\"a b\"");
    holds("{\"uniqueItems\":true}", "[1,2,\"1\"];[]", "[1,1.0];[{\"a\":1},{\"a\":1}]");
    holds("{\"items\":{\"type\":\"null\"},\"prefixItems\":[{\"const\":1}],\"maxItems\":2}", "[1,null];[1];[]",
          "[2];[1,2];[1,null,null]");
    holds("{\"contains\":{\"const\":1},\"minContains\":2,\"maxContains\":3}", "[1,0,1];[1,1,1]", "[1];[1,1,1,1]");
    holds("{\"required\":[\"a\"],\"properties\":{\"a\":{\"type\":\"null\"}},\"additionalProperties\":false}",
          "{\"a\":null};1", "{};{\"a\":1};{\"a\":null,\"b\":1}");
    holds("{\"patternProperties\":{\"^x\":{\"type\":\"null\"}},\"propertyNames\":{\"maxLength\":2}}",
          "{\"x\":null,\"y\":1}", "{\"x\":1};{\"yyy\":1}");
    holds("{\"minProperties\":2}", "{\"a\":1,\"b\":1}", "{\"a\":1};{\"a\":1,\"a\":2}");
    holds("{\"dependentRequired\":{\"a\":[\"b\"]},\"dependencies\":{\"c\":{\"required\":[\"d\"]}}}",
          "{};{\"a\":1,\"b\":1}", "{\"a\":1};{\"c\":1}");
}

static void combinations(void **state)
{
    (void)state;
    holds("{\"anyOf\":[{\"type\":\"null\"},{\"minimum\":3}]}", "null;3;\"a\"", "2");
    holds("{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":3}]}", "2;3.5", "3;2.5");
    holds("{\"allOf\":[{\"minimum\":1},{\"maximum\":2}],\"not\":{\"const\":1}}", "2;1.5", "0;1;3");
    holds("{\"if\":{\"const\":1},\"then\":{\"type\":\"string\"},\"else\":{\"type\":\"integer\"}}", "2", "1;\"a\"");
    holds("{\"$ref\":\"#/$defs/a%20b\",\"$defs\":{\"a b\":{\"items\":{\"$ref\":\"#\"},\"type\":[\"array\",\"null\"]}}}",
          "[[null,[]]]", "[1]");
    holds("{\"type\":\"string\",\"nullable\":true}", "null;\"a\"", "1");
    holds("{\"format\":\"email\"}", "\"a\";1", NULL);
    holds("{\"not\":{\"type\":\"string\",\"format\":\"email\"}}", "\"a\";1", "\"a@b.example\"");
    holds("{\"not\":{\"format\":\"date\"}}", "\"today\"", "\"2026-11-29\";1");
    holds("{\"not\":{\"type\":\"string\",\"format\":\"color\"}}", "\"red\";1", NULL);
    holds("{\"not\":{\"not\":{\"format\":\"uuid\"}}}", "1", "\"a\"");
    holds("{\"not\":{\"not\":{\"format\":\"color\"}}}", "\"red\"", NULL);
}

static void unevaluated(void **state)
{
    (void)state;
    holds("{\"allOf\":[{\"properties\":{\"a\":{}}}],\"properties\":{\"b\":{}},\"unevaluatedProperties\":false}",
          "{\"a\":1,\"b\":1};{};1", "{\"c\":1}");
    holds("{\"anyOf\":[{\"properties\":{\"a\":{\"const\":1}},\"required\":[\"a\"]},{}],\"unevaluatedProperties\":{"
          "\"type\":"
          "\"null\"}}",
          "{\"a\":1};{\"a\":null}", "{\"a\":2}");
    holds("{\"prefixItems\":[{}],\"contains\":{\"const\":7},\"unevaluatedItems\":false}", "[7];[1,7]", "[7,1];[1]");
    holds("{\"if\":{\"prefixItems\":[{\"const\":1}]},\"unevaluatedItems\":false}", "[1];[]", "[2];[1,2]");
}

static void failures_name_place_and_keyword(void **state)
{
    (void)state;
    struct error error;
    const char *schema = "{\"properties\":{\"tags\":{\"items\":{\"properties\":{\"v\":{\"uniqueItems\":true}}}}}}";
    assert_int_equal(check(schema, STR("{\"tags\":[{},{\"v\":[1,1]}]}"), &error), ERROR_MODEL);
    assert_string_equal(error.message,
                        "tool: the model's reply does not fit the schema: tags[1].v: 'uniqueItems' does not hold");
    assert_int_equal(check("{}", STR("{\"a\":"), &error), ERROR_MODEL);
    assert_int_equal(check("{\"$ref\":\"#\"}", STR("1"), &error), ERROR_MODEL); /* a circle ends */
}

static bool needs_check(const char *schema)
{
    yyjson_doc *doc = fixture_parse(schema);
    bool needs = json_schema_needs_check(yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return needs;
}

static void only_some_schemas_need_it(void **state)
{
    (void)state;
    assert_false(needs_check("{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[1]}},\"required\":[\"a\"]}"));
    assert_true(needs_check("{\"properties\":{\"a\":{\"items\":{\"uniqueItems\":true}}}}"));
    assert_true(needs_check("{\"oneOf\":[{},{}]}"));
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    enum error_code code = ERROR_NO_MEMORY;
    for (uint64_t n = 1; code != OK; n++) {
        struct error error;
        yyjson_doc *doc =
            fixture_parse("{\"items\":{\"pattern\":\"^(a|b)+$\",\"not\":{\"const\":\"b\"}},\"uniqueItems\":true}");
        mem_fail_at(n);
        code = json_schema_check(yyjson_doc_get_root(doc), STR("[\"ab\",\"aa\"]"), "tool", &error);
        mem_fail_at(0);
        if (code != OK && code != ERROR_NO_MEMORY && strstr(error.message, "memory") == NULL)
            fail_msg("allocation %d: %s", (int)n, error.message);
        assert_true(n < 1000);
        yyjson_doc_free(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keywords),
        cmocka_unit_test(combinations),
        cmocka_unit_test(unevaluated),
        cmocka_unit_test(failures_name_place_and_keyword),
        cmocka_unit_test(only_some_schemas_need_it),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
