/* JSON schema to grammar: what each schema's grammar takes and leaves, and
 * what is refused by name. */
#include "chat_fixture.h"
#include "gbnf_match.h"

#include "chat/json_schema.h"
#include "core/limits.h"

/* As request bodies are read: numbers stay as they are written. */
static yyjson_doc *parse_exact(const char *text)
{
    struct error error;
    yyjson_doc *doc;
    if (json_parse_exact(str_of(text), &doc, &error) != OK)
        fail_msg("%s: %s", text, error.message);
    return doc;
}

static void grammar_of(const char *schema, struct buf *grammar)
{
    struct error error;
    yyjson_doc *doc = parse_exact(schema);
    buf_init(grammar, limit(grammar_bytes));
    if (json_schema_to_grammar(yyjson_doc_get_root(doc), "root", "tool", grammar, &error) != OK)
        fail_msg("%s: %s", schema, error.message);
    assert_true(buf_append_char(grammar, '\0'));
    json_free(doc);
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
    yyjson_doc *doc = parse_exact(schema);
    buf_init(&grammar, limit(grammar_bytes));
    enum error_code code = json_schema_to_grammar(yyjson_doc_get_root(doc), "root", "tool", &grammar, &error);
    if (code != ERROR_INVALID || strstr(error.message, part) == NULL)
        fail_msg("%s gives %d '%s', not '%s'", schema, (int)code, error.message, part);
    buf_deinit(&grammar);
    json_free(doc);
}

static void scalars(void **state)
{
    (void)state;
    check("{\"type\":\"string\"}", "\"\";\"a b\";\"\\n\\u00e9\\\"\";\"\xC3\xA9\xF0\x9F\x98\x80\"",
          "a;\"\n\";\"\\ud800\";\"\\x\";\"a\"b\"; \"a\"");
    check("{\"type\":\"integer\"}", "0;-1;12;999999999999999;1234567890123456789;-8999999999999999999",
          "01;1.0;+1;1e3;;12345678901234567890;9223372036854775808");
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
    check("{\"type\":\"string\",\"format\":\"email\"}", "\"a.b+c@d-e.example\"", "\"a\";\"a@b\";\".a@b.de\";1");
    check("{\"type\":\"string\",\"format\":\"ipv4\"}", "\"10.0.255.1\"", "\"10.0.256.1\";\"1.2.3\"");
    check("{\"type\":\"string\",\"format\":\"ipv6\"}", "\"::\";\"fe80::1\";\"1:2:3:4:5:6:7:8\"", "\"1:2\";\"1:::2\"");
    check("{\"type\":\"string\",\"format\":\"uri\"}", "\"https://a.b/c?d=1#e\";\"mailto:a@b\"", "\"a\";\"://\"");
    check("{\"type\":\"string\",\"format\":\"duration\"}", "\"P1DT2H\";\"PT5M\"", "\"P\";\"1D\"");
    check("{\"type\":\"string\",\"format\":\"hostname\",\"maxLength\":3}", "\"a-b\"", "\"a.bc\";\"-b\"");
    check("{\"type\":\"string\",\"format\":\"color\"}", "\"anything\"", "1");
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
    check("{\"type\":\"number\",\"minimum\":0,\"maximum\":1}", "0;1;0.5;0.001", "1.5;-0.5;2;1.01;-1;00.5");
    check("{\"type\":\"number\",\"exclusiveMinimum\":0}", "0.5;1;2.25", "0;-1;-0.5;0.0");
    check("{\"type\":\"number\",\"minimum\":-2,\"maximum\":5}", "-2;-1.5;-0.5;0.5;4.9;5", "-2.5;5.1;-3;6");
    check("{\"type\":\"number\",\"maximum\":-1.5}", "-2;-2.5;-100;-1.7;-1.5", "-1;-1.4;0;1");
    check("{\"type\":\"number\",\"exclusiveMinimum\":0,\"exclusiveMaximum\":1}", "0.5;0.01", "0;1;0.0;1.5;-0.5");
    check("{\"type\":\"number\",\"minimum\":0,\"maximum\":0.5}", "0.0;0.25;0.5", "0;0.51;-0.1");
    check("{\"type\":\"number\",\"minimum\":7,\"maximum\":7.5}", "7.0;7.25;7.5", "7;7.51;6.9");
    check("{\"type\":\"number\",\"minimum\":-0.5,\"exclusiveMaximum\":0.5}", "0.0;-0.25;0.4;-0.5", "0;0.5;-0.51");
    check("{\"type\":\"number\",\"minimum\":0,\"maximum\":0.5,\"multipleOf\":0.25}", "0.0;0.25;0.5", "0.3;1");
    check("{\"type\":\"number\",\"minimum\":0.1,\"maximum\":0.9}", "0.1;0.10;0.55;0.9", "0;0.09;0.91;1");
    check("{\"type\":\"number\",\"exclusiveMinimum\":36.5,\"maximum\":37.4}", "36.51;37;37.4", "36.5;36.50;37.41");
    check("{\"type\":\"number\",\"minimum\":-0.25,\"maximum\":-0.125}", "-0.25;-0.2;-0.125", "-0.3;-0.1;0;0.2");
    check("{\"type\":\"number\",\"minimum\":-1e-3,\"exclusiveMaximum\":2.5e1}", "-0.001;24.9;0", "-0.002;25");
    check_refused("{\"type\":\"integer\",\"minimum\":3,\"maximum\":2}", "no number lies between");
    check_refused("{\"type\":\"integer\",\"minimum\":0.1,\"maximum\":0.9}", "no whole number");
    check_refused("{\"type\":\"integer\",\"minimum\":1e999}", "'minimum' has too many digits");
    check_refused("{\"type\":\"integer\",\"minimum\":\"1\"}", "'minimum' must be a number");
}

static void long_numbers(void **state)
{
    (void)state;
    check("{\"type\":\"integer\",\"minimum\":9007199254740993,\"maximum\":9007199254740995}",
          "9007199254740993;9007199254740995", "9007199254740992;9007199254740996");
    check("{\"type\":\"integer\",\"minimum\":18446744073709551616,\"maximum\":1e30}",
          "18446744073709551616;1000000000000000000000000000000",
          "18446744073709551615;1000000000000000000000000000001");
    check("{\"type\":\"integer\",\"minimum\":1600000000000000}", "1600000000000000;9999999999999999",
          "1599999999999999;1");
    check("{\"type\":\"number\",\"maximum\":-1e16}", "-10000000000000000;-10000000000000000.5", "-9999999999999999;0");
    check("{\"enum\":[123456789012345678901234567890,0.1000000000000000000001]}",
          "123456789012345678901234567890;0.1000000000000000000001", "1.2345678901234568e29;0.1");
    check("{\"const\":9007199254740993}", "9007199254740993", "9007199254740992");
    check("{\"type\":\"integer\",\"enum\":[1,9007199254740993],\"minimum\":9007199254740993}", "9007199254740993", "1");
}

static void steps(void **state)
{
    (void)state;
    check("{\"type\":\"integer\",\"multipleOf\":5,\"minimum\":7,\"maximum\":123}", "10;15;120", "5;7;12;125");
    check("{\"type\":\"integer\",\"multipleOf\":10}", "0;-10;100;12345678901230", "5;101;00");
    check("{\"type\":\"number\",\"multipleOf\":0.01,\"minimum\":0.005,\"maximum\":2}", "0.01;1;1.5;1.99;2",
          "0;0.005;2.01;0.001");
    check("{\"type\":\"number\",\"multipleOf\":0.25,\"exclusiveMinimum\":-1}", "-0.75;0;0.5;0.50;7.25", "-1;0.3;0.2");
    check("{\"type\":\"integer\",\"multipleOf\":365,\"maximum\":800,\"minimum\":-400}", "-365;0;730", "365.0;1095;1");
    check("{\"allOf\":[{\"type\":\"integer\",\"multipleOf\":4},{\"multipleOf\":6}],\"minimum\":1,\"maximum\":30}",
          "12;24", "4;6;36");
    check_refused("{\"multipleOf\":0}", "'multipleOf' must be");
    check_refused("{\"type\":\"integer\",\"multipleOf\":7,\"minimum\":1,\"maximum\":6}", "no whole number");
}

static void enums(void **state)
{
    (void)state;
    check("{\"enum\":[\"a\",1,null,\"q\\\"\\\\\"]}", "\"a\";1;null;\"q\\\"\\\\\"", "\"b\";2;a");
    check("{\"type\":\"string\",\"enum\":[\"a\",1]}", "\"a\"", "1");
    check("{\"const\":{\"a\":[1,2]}}", "{\"a\":[1,2]}", "{}");
    check("{\"type\":\"integer\",\"const\":3.0}", "3.0", "3");
    check("{\"enum\":[\"apple\",\"apricot\",\"ap\",\"bé\",\"bè\",\"banana\"]}",
          "\"apple\";\"apricot\";\"ap\";\"bé\";\"bè\";\"banana\"", "\"a\";\"app\";\"b\"");
    check("{\"enum\":[\"a\",\"bb\",\"ccc\",7],\"minLength\":2,\"pattern\":\"^[ac]*$\"}", "\"ccc\";7", "\"a\";\"bb\"");
    check("{\"type\":\"integer\",\"enum\":[1,2,3],\"minimum\":2,\"not\":{\"const\":3}}", "2", "1;3");
    check("{\"anyOf\":[{\"const\":\"a\"},{\"const\":\"b\"},{\"enum\":[null,\"a\"]}]}", "\"a\";\"b\";null", "\"c\"");
    check_refused("{\"enum\":[]}", "'enum' holds no value");
    check_refused("{\"type\":\"string\",\"enum\":[1]}", "'enum' holds no value");
    check_refused("{\"type\":\"string\",\"const\":1}", "'const' holds no value");
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
    check("{\"type\":\"object\",\"properties\":{}}", "{}", "{\"x\":1};[]");
    check("{\"type\":\"object\",\"properties\":{},\"additionalProperties\":true}", "{};{\"x\":1}", "[]");
    check("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"}},\"additionalProperties\":{\"type\":"
          "\"integer\"}}",
          "{};{\"a\":null};{\"a\":null,\"b\":1,\"ab\":2};{\"b\":1}", "{\"a\":1};{\"b\":1,\"a\":null};{\"b\":null}");
    check("{\"type\":\"object\",\"additionalProperties\":false}", "{}", "{\"x\":1}");
    check("{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}", "{};{\"x\":1,\"y\":2}",
          "{\"x\":\"\"}");
    check("{\"type\":\"object\",\"required\":[\"x\"]}", "{\"x\":[1]}", "{};{\"y\":1}");
    check("{\"type\":\"object\",\"required\":[\"x\"],\"additionalProperties\":{\"type\":\"null\"}}", "{\"x\":null}",
          "{\"x\":1}");
    check_refused("{\"type\":\"object\",\"required\":[\"x\"],\"additionalProperties\":false}", "'x' is required");
}

static void object_keywords(void **state)
{
    (void)state;
    check("{\"type\":\"object\",\"propertyNames\":{\"type\":\"string\"},\"additionalProperties\":{\"type\":\"null\"}}",
          "{};{\"x\":null}", "{\"x\":1}");
    check(
        "{\"type\":\"object\",\"propertyNames\":{\"enum\":[\"p\",\"q\"]},\"additionalProperties\":{\"type\":\"null\"}}",
        "{};{\"p\":null};{\"p\":null,\"q\":null}", "{\"r\":null};{\"p\":null,\"p\":null}");
    check("{\"type\":\"object\",\"propertyNames\":{\"pattern\":\"^[a-z]{2}$\"}}", "{\"ab\":1}", "{\"a\":1};{\"AB\":1}");
    check("{\"type\":\"object\",\"patternProperties\":{\"^x-\":{\"type\":\"null\"},\"_id$\":{\"type\":\"integer\"}},"
          "\"additionalProperties\":false}", "{};{\"x-a\":null,\"a_id\":1}", "{\"x-a\":1};{\"b\":1};{\"x-_id\":1}");
    check("{\"type\":\"object\",\"additionalProperties\":{\"type\":\"null\"},\"minProperties\":1,\"maxProperties\":2}",
          "{\"a\":null};{\"a\":null,\"b\":null}", "{};{\"a\":null,\"b\":null,\"c\":null}");
    check("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"},\"b\":{\"type\":\"null\"},\"c\":{\"type\":"
          "\"null\"}},"
          "\"minProperties\":1,\"maxProperties\":2,\"required\":[\"b\"]}",
          "{\"b\":null};{\"a\":null,\"b\":null};{\"b\":null,\"c\":null}",
          "{};{\"a\":null};{\"a\":null,\"b\":null,\"c\":null}");
    check("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"},\"b\":{\"type\":\"null\"}},"
          "\"dependentRequired\":{\"a\":[\"b\"]}}",
          "{};{\"b\":null};{\"a\":null,\"b\":null}", "{\"a\":null}");
    check("{\"type\":\"object\",\"properties\":{\"a\":false,\"b\":{\"type\":\"null\"}}}", "{};{\"b\":null}",
          "{\"a\":1}");
    check_refused("{\"type\":\"object\",\"properties\":{\"a\":{}},\"additionalProperties\":false,\"minProperties\":2}",
                  "minProperties");
}

static void conditions(void **state)
{
    (void)state;
    check("{\"type\":\"object\",\"properties\":{\"k\":{\"enum\":[\"a\",\"b\"]},\"n\":{\"type\":\"null\"}},\"required\":"
          "[\"k\"],"
          "\"if\":{\"properties\":{\"k\":{\"const\":\"a\"}},\"required\":[\"k\"]},\"then\":{\"required\":[\"n\"]},"
          "\"else\":{\"properties\":{\"n\":false}}}",
          "{\"k\":\"a\",\"n\":null};{\"k\":\"b\"}", "{\"k\":\"a\"};{\"k\":\"b\",\"n\":null}");
    check("{\"type\":\"object\",\"oneOf\":[{\"properties\":{\"k\":{\"const\":\"a\"},\"x\":{\"type\":\"integer\"}},"
          "\"required\":[\"k\",\"x\"]},"
          "{\"properties\":{\"k\":{\"const\":\"b\"},\"y\":{\"type\":\"null\"}},\"required\":[\"k\"]}],"
          "\"discriminator\":{\"propertyName\":\"k\"}}",
          "{\"k\":\"a\",\"x\":1};{\"k\":\"b\"};{\"k\":\"b\",\"y\":null}",
          "{\"k\":\"a\"};{\"k\":\"b\",\"x\":1};{\"k\":\"c\"}");
    check("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"}},\"not\":{\"required\":[\"a\"]}}", "{}",
          "{\"a\":null}");
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
    check("{\"type\":\"array\",\"items\":{\"enum\":[1,2,3]},\"uniqueItems\":true,\"minItems\":2}",
          "[3,1];[1,2,3];[2,3]", "[1];[1,1];[1,2,1];[]");
    check("{\"type\":\"array\",\"items\":{\"enum\":[1,2,3,4,5,6,7,8]},\"uniqueItems\":true,\"maxItems\":3}",
          "[];[1,8];[2,3,4]", "[1,1];[1,2,3,4]");
    check("{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"contains\":{\"const\":7},\"maxItems\":3}",
          "[7];[7,1,2]", "[];[7,1,2,3];[\"a\"]");
    check("{\"type\":\"array\",\"items\":false}", "[]", "[1]");
    check("{\"anyOf\":[{\"type\":\"array\",\"items\":{\"type\":\"null\"},\"maxItems\":1},{\"type\":\"array\","
          "\"items\":{\"type\":\"null\"},\"minItems\":1,\"maxItems\":2}]}",
          "[];[null];[null,null]", "[null,null,null]");
    check_refused("{\"type\":\"array\",\"items\":{\"enum\":[1,1.0]},\"uniqueItems\":true,\"minItems\":3}",
                  "'uniqueItems' leaves");
}

/* One condition for each of 40 values: as many alternatives, not 2^40. */
static void many_conditions_on_one_property(void **state)
{
    static const char *const required[] = {"", ",\"required\":[\"k\"]"};
    (void)state;
    for (size_t variant = 1; variant < 4; variant++) {
        struct buf text;
        buf_init(&text, 1u << 16);
        buf_appendf(&text, "{\"type\":\"object\",\"properties\":{\"k\":{\"type\":\"string\"},"
                           "\"n\":{\"type\":\"integer\"}}%s,"
                           "\"additionalProperties\":false,\"allOf\":[",
                    required[variant / 2]);
        for (int i = 0; i < 40; i++)
            buf_appendf(&text, "%s{\"if\":{\"properties\":{\"k\":{\"const\":\"v%d\"}}%s},"
                               "\"then\":{\"properties\":{\"n\":{\"const\":%d}},\"required\":[\"n\"]}}",
                        i > 0 ? "," : "", i, required[variant % 2], i);
        buf_append_text(&text, "]}");
        buf_append_char(&text, '\0');
        assert_false(text.failed);
        check(text.data, "{\"k\":\"v7\",\"n\":7};{\"k\":\"v39\",\"n\":39};{\"k\":\"w\"};{\"k\":\"w\",\"n\":5}",
              "{\"k\":\"v7\",\"n\":8};{\"k\":\"v7\"};{\"k\":\"v39\",\"n\":7}");
        buf_deinit(&text);
    }
}

/* The grammar has what the check then chooses from. */
static void opposites_that_cannot_be_said(void **state)
{
    (void)state;
    check("{\"oneOf\":[{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
          "{\"type\":\"array\",\"items\":{\"type\":\"boolean\"}}]}",
          "[\"a\"];[true,false]", "[1];[true,\"a\"]");
    check("{\"type\":\"array\",\"items\":{\"type\":\"boolean\"},"
          "\"not\":{\"type\":\"array\",\"contains\":{\"const\":true}}}",
          "[false]", "[1]");
    check("{\"type\":[\"array\",\"null\"],\"not\":{\"type\":\"array\",\"uniqueItems\":true}}", "null", "1;[1]");
    check("{\"type\":\"string\",\"not\":{\"type\":\"string\",\"format\":\"email\"}}", "\"a\"", "1");
    check("{\"type\":[\"string\",\"null\"],\"not\":{\"type\":\"string\",\"format\":\"date\"}}", "null", "1");
    check("{\"type\":\"string\",\"not\":{\"type\":\"string\",\"format\":\"color\"}}", "\"red\"", "1");
    check("{\"type\":\"string\",\"not\":{\"format\":\"date\"}}", "\"today\"", "1");
}

static void few_values_without_enum(void **state)
{
    (void)state;
    check("{\"type\":\"array\",\"items\":{\"type\":\"boolean\"},\"uniqueItems\":true,\"minItems\":2}",
          "[true,false];[false,true]", "[true,true];[true];[true,false,true]");
    check("{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":-1.5,\"exclusiveMaximum\":2},"
          "\"uniqueItems\":true,\"minItems\":2}",
          "[1,0];[-1,0,1]", "[1,1];[1,2];[-2,1];[1]");
    check("{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":10,\"maximum\":40,\"multipleOf\":10},"
          "\"uniqueItems\":true,\"maxItems\":2}",
          "[];[40,10];[20]", "[10,10];[15];[10,20,30]");
    check("{\"type\":\"array\",\"items\":{\"enum\":[1,1.0,2]},\"uniqueItems\":true,\"minItems\":2}", "[1,2];[2,1]",
          "[1,1.0];[1,1]");
    check_refused("{\"type\":\"array\",\"items\":{\"type\":\"boolean\"},\"uniqueItems\":true,\"minItems\":3}",
                  "'uniqueItems' leaves");
    check("{\"type\":\"integer\",\"minimum\":1,\"maximum\":5,\"not\":{\"enum\":[1,3,5.0]}}", "2;4", "1;3;5;0;6");
    check("{\"type\":[\"integer\",\"null\"],\"minimum\":9223372036854775807,\"maximum\":9223372036854775808,"
          "\"not\":{\"const\":null}}",
          "9223372036854775807;9223372036854775808", "null;9223372036854775806");
    check("{\"oneOf\":[{\"type\":\"integer\",\"minimum\":0,\"maximum\":20,\"multipleOf\":3},"
          "{\"type\":\"integer\",\"minimum\":0,\"maximum\":20,\"multipleOf\":5}]}",
          "3;5;18;20", "0;15;7;21;25");
    check("{\"type\":\"integer\",\"minimum\":1,\"maximum\":6,\"not\":{\"multipleOf\":2}}", "1;3;5", "2;4;6;7");
    check("{\"type\":\"integer\",\"minimum\":1,\"not\":{\"multipleOf\":2}}", "1;5;1001", "0;-1");
    check_refused("{\"type\":\"integer\",\"minimum\":1,\"maximum\":1,\"not\":{\"const\":1}}", "leaves no value");
}

static void bounds_as_far_as_a_type_goes(void **state)
{
    (void)state;
    check("{\"type\":\"number\",\"minimum\":-1.7976931348623157e308,\"maximum\":1.7976931348623157e308}",
          "0;-1.5;100000", "\"a\"");
    check("{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":1e45}", "0.5;12", "0;-1;1e99");
    check("{\"type\":\"integer\",\"minimum\":1e30,\"maximum\":1e308}", "1000000000000000000000000000000", "1");
    check("{\"type\":\"integer\",\"minimum\":-1e308,\"maximum\":-5}", "-5;-123456", "-4;0");
    check("{\"type\":\"number\",\"minimum\":-3.4028234663852886e38,\"maximum\":3.4028234663852886e38}", "0;-1.5;12",
          "\"a\"");
    check_refused("{\"type\":\"number\",\"minimum\":1e308,\"maximum\":1e300}", "no number lies");
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
    check("{\"allOf\":[{\"type\":\"string\",\"minLength\":2},{\"maxLength\":3}]}", "\"ab\";\"abc\"", "\"a\";\"abcd\"");
    check("{\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}],\"properties\":{\"a\":{\"type\":\"null\"},\"b\":{"
          "\"type\":\"null\"}}}",
          "{\"a\":null};{\"b\":null};{\"a\":null,\"b\":null}", "{}");
    check("{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}", "1.5;-0.25", "1;2");
    check("{\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}],\"properties\":{\"a\":{\"type\":\"null\"},\"b\":{"
          "\"type\":\"null\"}}}",
          "{\"a\":null};{\"b\":null}", "{};{\"a\":null,\"b\":null}");
    check("{\"type\":\"string\",\"anyOf\":[{\"enum\":[\"a\"]},{\"enum\":[\"b\"]}]}", "\"a\";\"b\"", "\"c\"");
    check("{\"type\":[\"string\",\"null\"],\"not\":{\"enum\":[\"a\",null]}}", "\"\";\"b\";\"aa\"", "\"a\";null");
    check("{\"type\":\"string\",\"nullable\":true}", "\"a\";null", "1");
    check_refused("{\"allOf\":[{\"type\":\"string\"},{\"type\":\"object\"}]}", "no type fits");
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
    check("{\"definitions\":{\"Box<string>\":{\"type\":\"null\"}},\"$ref\":\"#/definitions/Box%3Cstring%3E\"}", "null",
          "1");
    check("{\"$defs\":{\"x\":{\"$anchor\":\"here\",\"type\":\"null\"},\"y\":{\"$id\":\"https://h.example/"
          "y.json\",\"$defs\":{"
          "\"in\":{\"type\":\"integer\"}}}},\"anyOf\":[{\"$ref\":\"#here\"},{\"$ref\":\"y.json#/$defs/in\"}]}",
          "null;1", "\"a\"");
    check("{\"$id\":\"https://h.example/s/a.json\",\"$ref\":\"/s/b.json\",\"$defs\":{\"b\":{\"$id\":\"https://"
          "h.example/s/b.json\","
          "\"$ref\":\"#/$defs/own\",\"$defs\":{\"own\":{\"type\":\"null\"}}}}}",
          "null", "1");
    check("{\"$defs\":{\"n\":{\"type\":\"integer\"}},\"$ref\":\"#/$defs/n\",\"minimum\":3,\"description\":\"d\"}",
          "3;4", "2");
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
    check("{\"type\":\"string\",\"pattern\":\"^(?=.*[0-9])(?!x)[a-z0-9]{2,3}$\"}", "\"a1\";\"1ab\"",
          "\"ab\";\"x1\";\"1\"");
    check("{\"type\":\"string\",\"pattern\":\"^(?!-)[a-z-]+(?<!-)$\"}", "\"a-b\";\"a\"", "\"-a\";\"a-\"");
    check("{\"type\":\"string\",\"pattern\":\"^(?!^[-+.]*$)[+-]?0*\\\\d*\\\\.?\\\\d*$\"}", "\"1\";\"-.5\";\"007.\"",
          "\"\";\"-\";\"+.\";\"a\"");
    check("{\"type\":\"string\",\"pattern\":\"^(\\\\p{Extended_Pictographic}|\\\\p{Emoji_Component})+$\"}",
          "\"\xF0\x9F\x98\x80\"", "\"\";\"a\"");
    check("{\"type\":\"string\",\"pattern\":\"(^a$)|(^,)x($|,)\"}", "\"a\";\",x\";\",x,\"", "\"ab\";\"x\"");
    check("{\"type\":\"string\",\"pattern\":\"^(a*)*$\"}", "\"\";\"aaa\"", "\"b\"");
    check("{\"type\":\"string\",\"pattern\":\"^((a{1,3}){2,4}b)?$\"}", "\"\";\"aab\";\"aaaaaaaaaaaab\"",
          "\"ab\";\"b\"");
    check("{\"type\":\"string\",\"pattern\":\"^[\\\\w-.]+\\\\u{41}\\\\p{Lu}$\"}", "\"a-.AB\"", "\"aAb\"");
    check("{\"type\":\"string\",\"pattern\":\"^(?<year>\\\\d{4})$\"}", "\"2024\"", "\"24\"");
    check("{\"type\":\"string\",\"pattern\":\"^[A-Z]{2}$\",\"minLength\":2,\"maxLength\":2}", "\"AB\"", "\"A\"");
    check("{\"type\":\"string\",\"pattern\":\"^[a-z]+-\\\\d+$\",\"maxLength\":5}", "\"a-1\";\"abc-1\"",
          "\"abcd-1\";\"a-\"");
    check("{\"type\":\"string\",\"pattern\":\"^x[a-z]*$\",\"maxLength\":3000,\"minLength\":3}", "\"xab\"", "\"xa\"");
    check("{\"allOf\":[{\"type\":\"string\",\"pattern\":\"a\"},{\"pattern\":\"^.b\"}]}", "\"ab\";\"xba\"",
          "\"xb\";\"a\"");
    check_refused("{\"type\":\"string\",\"pattern\":\"^[a-z]{4}$\",\"maxLength\":3}", "no string fits");
    static const char *const refused[][2] = {
        {"(a", "without an end"}, {"a)", "closing bracket"}, {"[a", "without an end"}, {"a^b", "no string fits"},
        {"*a", "repetition"},     {"\\\\1", "back-ref"},     {"\\\\bx", "back-ref"},    {"[]", "empty class"},
        {"[b-a]", "two ends"},    {"\\\\u12", "digits"},     {"x{3,2}", "in order"},    {"a\\\\", "at its end"},
        {"(?i:a)", "group of"},   {"((?!a)b)+c", "look-around"}, {"\\\\p{Xx}", "category"},
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
    check("{\"properties\":{\"a\":{\"items\":{\"not\":{}}}},\"required\":[\"a\"]}", "{\"a\":[]}", "{\"a\":[1]}");
    check_refused("{\"properties\":{\"a\":{\"items\":{\"not\":{}},\"minItems\":1}},\"required\":[\"a\"]}",
                  "tool.properties.a.items: 'not' allows nothing");
    check_refused("{\"properties\":{\"a\":{\"items\":{\"$dynamicRef\":\"#x\"}}}}", "the keyword '$dynamicRef'");
    check_refused("{\"properties\":{\"a\":{\"items\":{\"pattern\":\"\\\\b\"}}}}",
                  "tool.properties.a.items: 'pattern' holds");
    check_refused("{\"type\":\"float\"}", "unknown type 'float'");
    check_refused("{\"properties\":{\"a\":{\"items\":3}}}", "tool.properties.a.items: a schema must be");
    check_refused("{\"properties\":[]}", "'properties' must be");
    check_refused("{\"type\":\"string\",\"minLength\":-1}", "'minLength' must be");
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
        cmocka_unit_test(long_numbers),
        cmocka_unit_test(steps),
        cmocka_unit_test(object_keywords),
        cmocka_unit_test(conditions),
        cmocka_unit_test(enums),
        cmocka_unit_test(objects),
        cmocka_unit_test(free_objects),
        cmocka_unit_test(arrays),
        cmocka_unit_test(many_conditions_on_one_property),
        cmocka_unit_test(opposites_that_cannot_be_said),
        cmocka_unit_test(few_values_without_enum),
        cmocka_unit_test(bounds_as_far_as_a_type_goes),
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
