/* Calls inside of text: for each family, what the grammar of a request says of a reply byte by byte. */
#include "chat_fixture.h"

#include "chat/template.h"
#include "engine/grammar.h"

static struct vocabulary *vocabulary;

/* Single bytes, and one token that ends the reply. */
static int make_vocabulary(void **state)
{
    static char bytes[256];
    struct vocabulary_token tokens[257] = {{.piece = {bytes, 1}}, [256] = {.is_end = true}};
    (void)state;
    for (size_t i = 0; i < 256; i++) {
        bytes[i] = (char)i;
        tokens[i].piece = (struct str){&bytes[i], 1};
    }
    vocabulary = vocabulary_new(tokens, 257);
    return vocabulary == NULL;
}

static int free_vocabulary(void **state)
{
    (void)state;
    vocabulary_free(vocabulary);
    return 0;
}

struct heard {
    char kinds[512];
    size_t at;
};

static void on_decided(void *ctx, size_t len, bool is_text)
{
    struct heard *heard = ctx;
    for (size_t i = 0; i < len; i++)
        heard->kinds[heard->at++] = is_text ? 't' : 'm';
}

static struct grammar *grammar_of(enum template_family family, const char *json, bool is_single)
{
    struct arena arena;
    struct error error;
    struct template_grammar rules;
    struct grammar *grammar;
    const struct template_spec spec = {.family = family};
    yyjson_doc *doc = fixture_parse(json);
    arena_init(&arena, 0);
    struct chat_request request = fixture_request(&arena, yyjson_doc_get_root(doc));
    request.is_single_call = is_single;
    if (template_grammar(&spec, &request, &rules, &error) != OK)
        fail_msg("%s", error.message);
    assert_true(rules.text.len > 0);
    if (grammar_new(rules.text, rules.is_observed ? GRAMMAR_OBSERVED : GRAMMAR_ENFORCED, vocabulary, &grammar,
                    &error) != OK)
        fail_msg("%s\n" STR_FMT, error.message, STR_ARG(rules.text));
    arena_deinit(&arena);
    yyjson_doc_free(doc);
    return grammar;
}

/* `marked`: a reply that begins with text, in which ~ stands where calls begin and end, and ^ where it is not known
 * yet. `end`: '.' when the reply is over with its last byte, '!' when that one is not let through, 0 otherwise. */
static void check(enum template_family family, const char *json, bool is_single, const char *marked, char end)
{
    struct heard heard = {.at = 0};
    const struct grammar_listener listener = {&heard, on_decided};
    struct grammar *grammar = grammar_of(family, json, is_single);
    struct error error;
    char wanted[512], kind = 't', last = '\0';
    size_t done = 0;
    for (const char *c = marked; *c != '\0'; c++) {
        bool allowed = false;
        if (*c == '~' || *c == '^') {
            kind = *c == '^' ? '?' : kind == 't' ? 'm' : 't';
            continue;
        }
        if (last != '\0')
            fail_msg("%s: '%c' comes too early", marked, last);
        assert_int_equal(grammar_allows(grammar, (uint8_t)*c, &allowed, &error), OK);
        last = allowed ? '\0' : '!';
        if (!allowed)
            continue;
        wanted[done++] = kind;
        assert_int_equal(grammar_accept(grammar, (uint8_t)*c, &listener, &error), OK);
        last = grammar_is_complete(grammar) ? '.' : '\0';
    }
    memset(heard.kinds + heard.at, '?', done - heard.at);
    if (memcmp(heard.kinds, wanted, done) != 0 || last != end)
        fail_msg("%s\n%.*s%c\n%.*s%c is wanted", marked, (int)done, heard.kinds, last, (int)done, wanted, end);
    grammar_free(grammar);
}

#define SCHEMA "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"boolean\"}},\"required\":[\"a\"]," \
               "\"additionalProperties\":false}"
#define STRICT "{\"tools\":[{\"name\":\"f\",\"strict\":true,\"schema\":" SCHEMA "},{\"name\":\"g\",\"schema\":{}}]}"
#define LOOSE "{\"tools\":[{\"name\":\"f\",\"schema\":" SCHEMA "},{\"name\":\"g\",\"schema\":{}}]}"

static void hermes(void **state)
{
    (void)state;
    const enum template_family f = TEMPLATE_CHATML;
    check(f, LOOSE, false, "Hi <b", 0);
    check(f, LOOSE, false, "Hi ^<tool", 0);
    check(f, LOOSE, false, "a~<tool_call>{\"x\":1}</tool_call>~b", 0);
    check(f, LOOSE, false, "~<tool_call>\n~no", 0);
    check(f, LOOSE, true, "a~<tool_call>\n{\"x\":[\"</tool_call>}\"]}", '.');
    check(f, STRICT, false,
          "a~<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\":true}}\n</tool_call>~\n~<tool_call>", 0);
    check(f, STRICT, false, "~<tool_call>\n{\"name\": \"h", '!');
    check(f, STRICT, false, "~<tool_call>{\"name\": \"f\", \"arguments\": {\"a\":1", '!');
    check(f, STRICT, true, "~<tool_call>{\"name\": \"g\", \"arguments\": {\"z\" : [1, {}]}}", '.');
}

static void llama3(void **state)
{
    (void)state;
    const enum template_family f = TEMPLATE_LLAMA3;
    check(f, LOOSE, false, "^ {\"nam", 0);
    check(f, LOOSE, false, " {\"no\": 1}", 0);
    check(f, LOOSE, false, "so {\"name\"", 0);
    check(f, LOOSE, false, "{^<|pyt", 0);
    check(f, LOOSE, false, "~{ \"name\": \"f\", \"parameters\": {}} ;{\"name\":\"g\"}~ x", 0);
    check(f, STRICT, false, "~{\"name\": \"f\", \"parameters\": {\"a\":1", '!');
    check(f, STRICT, false, "x~<|python_tag|>{\"name\": \"f\", \"parameters\": {\"a\":true}}; {\"name\": \"z", '!');
    check(f, STRICT, false, "~{\"name\": \"f\", \"parameters\": {\"a\":true}}\n{\"name\" :\"g\", \"parameters\": [",
          '!');
    check(f, STRICT, true, "~{\"name\": \"f\", \"parameters\": {\"a\":true}}", '.');
}

static void mistral(void **state)
{
    (void)state;
    const enum template_family f = TEMPLATE_MISTRAL;
    check(f, LOOSE, false, "~[TOOL_CALLS][{\"x\":1}, {\"y\":2}]~z", 0);
    check(f, LOOSE, false, "[1, 2]", 0);
    check(f, LOOSE, false, "[~[TOOL_CALLS]", 0);
    check(f, LOOSE, false, "^[TOO", 0);
    check(f, LOOSE, false, "[ TOO", 0);
    check(f, LOOSE, false, "~ [{\"name\" : \"f\"}]~ x", 0);
    check(f, STRICT, false, "a ~[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"a\":fa", 0);
    check(f, STRICT, false, "~[{\"name\": \"f\", \"arguments\": {\"b", '!');
    check(f, STRICT, true, "~[{\"name\": \"f\", \"arguments\": {\"a\":false}}", '.');
}

static void all_is_markup_when_forced(void **state)
{
    (void)state;
    check(TEMPLATE_CHATML, "{\"output\":{\"enum\":[\"yes <tool_call>\"]}}", false, "~\"yes <tool_call>\"", '.');
    check(TEMPLATE_CHATML, "{\"choice\":\"any\",\"tools\":[{\"name\":\"f\",\"schema\":" SCHEMA "}]}", false,
          "~<tool_call>\n{\"name\": \"f\"", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hermes),
        cmocka_unit_test(llama3),
        cmocka_unit_test(mistral),
        cmocka_unit_test(all_is_markup_when_forced),
    };
    return cmocka_run_group_tests(tests, make_vocabulary, free_vocabulary);
}
