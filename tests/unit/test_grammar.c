/* The grammar machine by itself: what it takes, compared with a backtracking matcher; its masks, its bounds, how it
 * closes a reply, and what it calls text. */
#include "gbnf_match.h"

#include <math.h>

#include "chat/json_schema.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/util.h"
#include "engine/grammar.h"
#include "engine/grammar_program.h"

/* All single bytes, some longer ones, and special tokens. */
static const char *const LONG[] = {"ab", "aba", "bb", "\":\"", "\"}", "\",\"", "{\"", "true", "false", "null", "hello",
                                   " ", "aaaaaaaa", "\xC3\xA9", "\xE2\x82", "\xF0\x9F", "[[", "]]", "},", "},{", "12",
                                   "<tool", "_call>", "call", ">\n{\""};
static const char *const SPECIAL[] = {"<|im_end|>", "<|im_start|>", "<tool_call>", "</tool_call>", "[TOOL_CALLS]"};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TOKEN_END ((int32_t)(256 + COUNT(LONG)))
#define TOKEN_MARKER(i) (TOKEN_END + (int32_t)(i))

static struct vocabulary *vocabulary;

static int make_vocabulary(void **state)
{
    static char bytes[256];
    struct vocabulary_token tokens[256 + COUNT(LONG) + COUNT(SPECIAL)] = {0};
    (void)state;
    for (size_t i = 0; i < 256; i++) {
        bytes[i] = (char)i;
        tokens[i].piece = (struct str){&bytes[i], 1};
    }
    for (size_t i = 0; i < COUNT(LONG); i++)
        tokens[256 + i].piece = str_of(LONG[i]);
    for (size_t i = 0; i < COUNT(SPECIAL); i++)
        tokens[256 + COUNT(LONG) + i].marker = str_of(SPECIAL[i]);
    tokens[TOKEN_END].is_end = true;
    vocabulary = vocabulary_new(tokens, COUNT(tokens));
    return vocabulary == NULL;
}

static int free_vocabulary(void **state)
{
    (void)state;
    vocabulary_free(vocabulary);
    return 0;
}

static struct grammar *grammar_of(struct str text, enum grammar_use use)
{
    struct grammar *grammar;
    struct error error;
    if (grammar_new(text, use, vocabulary, &grammar, &error) != OK)
        fail_msg("%s\n" STR_FMT, error.message, STR_ARG(text));
    return grammar;
}

static void accept(struct grammar *grammar, int32_t token)
{
    struct error error;
    if (grammar_accept(grammar, token, NULL, &error) != OK)
        fail_msg("%s", error.message);
}

static bool allows(struct grammar *grammar, int32_t token)
{
    struct error error;
    bool allowed;
    if (grammar_allows(grammar, token, &allowed, &error) != OK)
        fail_msg("%s", error.message);
    return allowed;
}

/* Byte by byte; true when all are allowed. */
static bool feed(struct grammar *grammar, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!allows(grammar, (uint8_t)text.data[i]))
            return false;
        accept(grammar, (uint8_t)text.data[i]);
    }
    return true;
}

static bool takes(const char *grammar_text, struct str text)
{
    struct grammar *grammar = grammar_of(str_of(grammar_text), GRAMMAR_ENFORCED);
    const bool taken = feed(grammar, text) && grammar_may_end(grammar);
    grammar_free(grammar);
    return taken;
}

static void assert_refused(const char *text, const char *message)
{
    struct grammar *grammar;
    struct error error;
    assert_int_equal(grammar_new(str_of(text), GRAMMAR_ENFORCED, vocabulary, &grammar, &error), ERROR_INVALID);
    if (strstr(error.message, message) == NULL)
        fail_msg("%s: %s", text, error.message);
    assert_null(grammar);
}

/* --- random grammars --------------------------------------------------------------------------------- */

#define RULES 4

static void write_symbol(struct rng *rng, struct buf *out, unsigned rule, bool may_recur)
{
    static const char *const plain[] = {"\"a\"", "\"b\"", "(\"ab\")", "[ab]", "[^a]", "\"c\"",
                                        "(\"a\" | \"bc\")", "(\"\")"};
    const uint64_t kind = rng_below(rng, 10);
    if (kind < 6)
        buf_append_text(out, plain[rng_below(rng, COUNT(plain))]);
    else if (kind < 9 && rule + 1 < RULES)
        buf_appendf(out, "r%u", rule + 1 + (unsigned)rng_below(rng, RULES - rule - 1));
    else if (may_recur)
        buf_appendf(out, "r%u", (unsigned)rng_below(rng, RULES));
    else
        buf_append_text(out, "[abc]");
    static const char *const repeats[] = {"", "", "", "?", "*", "+", "{2}", "{1,2}", "{0,3}"};
    buf_append_text(out, repeats[rng_below(rng, COUNT(repeats))]);
    buf_append_char(out, ' ');
}

/* Rules call later ones, or any behind a character, so none begins with itself. */
static void write_grammar(struct rng *rng, struct buf *out)
{
    buf_append_text(out, "root ::= r0\n");
    for (unsigned rule = 0; rule < RULES; rule++) {
        buf_appendf(out, "r%u ::= ", rule);
        const uint64_t alternatives = 1 + rng_below(rng, 3);
        for (uint64_t i = 0; i < alternatives; i++) {
            const uint64_t symbols = rng_below(rng, 4);
            const bool begins = rng_below(rng, 2) == 0;
            buf_append_text(out, i > 0 ? "| " : "");
            buf_append_text(out, begins ? "[ab] " : "");
            for (uint64_t k = 0; k < symbols; k++)
                write_symbol(rng, out, rule, begins);
            if (symbols == 0 && !begins)
                buf_append_text(out, "\"c\" ");
        }
        buf_append_char(out, '\n');
    }
    buf_append_char(out, '\0');
}

/* Number `n` as a text of a, b and c, shorter ones first. */
static struct str text_number(unsigned n, char out[16])
{
    size_t len = 0;
    for (; n > 0; n = (n - 1) / 3)
        out[len++] = (char)('a' + (n - 1) % 3);
    return (struct str){out, len};
}

/* Every text of at most five characters is taken by both or by none. */
static void takes_what_a_matcher_takes(void **state)
{
    (void)state;
    struct rng rng;
    struct error error;
    unsigned tried = 0;
    rng_seed(&rng, 42);
    for (int round = 0; round < 150; round++) {
        struct buf text;
        struct gm gm;
        struct grammar *grammar;
        char out[16];
        buf_init(&text, 1 << 16);
        write_grammar(&rng, &text);
        const struct str grammar_text = str_of(text.data);
        if (grammar_new(grammar_text, GRAMMAR_ENFORCED, vocabulary, &grammar, &error) != OK) {
            assert_non_null(strstr(error.message, "no text can match")); /* no other fault is in them */
            buf_deinit(&text);
            continue;
        }
        grammar_free(grammar);
        tried++;
        gm_init(&gm, text.data);
        for (unsigned n = 0; n < 364; n++) {
            const struct str one = text_number(n, out);
            if (takes(text.data, one) != gm_matches(&gm, one))
                fail_msg("'" STR_FMT "' is taken by one of them alone:\n%s", STR_ARG(one), text.data);
        }
        gm_deinit(&gm);
        buf_deinit(&text);
    }
    assert_true(tried > 80);
}

/* --- walks ------------------------------------------------------------------------------------------- */

static int32_t pick(struct rng *rng, const float *logits)
{
    int32_t found = -1;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < vocabulary->count; i++)
        if (!isinf(logits[i]) && rng_below(rng, ++seen) == 0)
            found = (int32_t)i;
    return found;
}

/* A random reply; the mask must say of each token what grammar_allows says. True: it is complete. */
static bool walk(struct grammar *grammar, struct rng *rng, uint32_t most, struct buf *out)
{
    struct error error;
    float logits[256 + COUNT(LONG) + COUNT(SPECIAL)];
    for (uint32_t done = 0; done < most; done++) {
        memset(logits, 0, sizeof(logits));
        if (grammar_mask(grammar, logits, &error) != OK)
            fail_msg("%s", error.message);
        for (uint32_t i = 0; i < vocabulary->count; i++)
            if (allows(grammar, (int32_t)i) != !isinf(logits[i]))
                fail_msg("token %u behind '" STR_FMT "'", i, STR_ARG(buf_str(out)));
        int32_t token = pick(rng, logits);
        assert_true(token >= 0); /* nobody gets stuck */
        assert_int_equal(grammar_close(grammar, most - done, &token, &error), OK);
        if (token < 0 || token == TOKEN_END)
            return grammar_may_end(grammar);
        buf_append_str(out, grammar_piece(grammar, token));
        accept(grammar, token);
        if (grammar_is_complete(grammar))
            return true;
    }
    return grammar_may_end(grammar);
}

static void schema_grammar(const char *schema, struct buf *out)
{
    struct error error;
    yyjson_doc *doc = NULL;
    assert_int_equal(json_parse(str_of(schema), &doc, &error), OK);
    buf_init(out, limit(grammar_bytes));
    if (json_schema_to_grammar(yyjson_doc_get_root(doc), "root", "schema", out, &error) != OK)
        fail_msg("%s: %s", schema, error.message);
    json_free(doc);
}

static const char *const SCHEMAS[] = {
    "{\"type\":\"object\"}",
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"n\":{\"type\":\"integer\"},\"ok\":{\"type\":"
    "\"boolean\"}},\"required\":[\"ok\"],\"additionalProperties\":false}",
    "{\"type\":\"array\",\"items\":{\"enum\":[\"a\",\"ab\",\"aba\",\"<|im_end|>\",\"</tool_call>\"]},\"maxItems\":40}",
    "{\"$defs\":{\"n\":{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/n\"}}]}},"
    "\"$ref\":\"#/$defs/n\"}",
    "{\"type\":\"string\",\"pattern\":\"^([a-c]{1,3}-)*\\\\d+$\"}",
    "{\"type\":\"string\",\"minLength\":100,\"maxLength\":150}",
};

static void replies_are_whole(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 7);
    for (size_t i = 0; i < COUNT(SCHEMAS); i++) {
        struct buf grammar_text;
        schema_grammar(SCHEMAS[i], &grammar_text);
        for (int round = 0; round < 30; round++) {
            struct buf text;
            struct grammar *grammar = grammar_of(buf_str(&grammar_text), GRAMMAR_ENFORCED);
            struct error error;
            yyjson_doc *doc = NULL;
            buf_init(&text, 1 << 20);
            assert_true(walk(grammar, &rng, 160, &text)); /* it fits, so it is whole */
            assert_true(str_is_utf8(buf_str(&text)));
            if (json_parse(buf_str(&text), &doc, &error) != OK)
                fail_msg("%s gave " STR_FMT, SCHEMAS[i], STR_ARG(buf_str(&text)));
            json_free(doc);
            grammar_free(grammar);
            buf_deinit(&text);
        }
        buf_deinit(&grammar_text);
    }
}

/* Whatever the allowance: a reply that can be whole within it is. */
static void small_allowances(void **state)
{
    (void)state;
    struct rng rng;
    struct buf grammar_text;
    unsigned with_content = 0;
    rng_seed(&rng, 11);
    schema_grammar("{\"type\":\"object\",\"properties\":{\"s\":{\"type\":\"string\"}},\"required\":[\"s\"],"
                   "\"additionalProperties\":false}", &grammar_text);
    for (uint32_t most = 1; most < 40; most++) {
        for (int round = 0; round < 20; round++) {
            struct buf text;
            struct grammar *grammar = grammar_of(buf_str(&grammar_text), GRAMMAR_ENFORCED);
            buf_init(&text, 1 << 16);
            const bool is_whole = walk(grammar, &rng, most, &text);
            /* {" s ":" "} */
            if (most >= 4 && !is_whole)
                fail_msg("with %u tokens: " STR_FMT, most, STR_ARG(buf_str(&text)));
            with_content += is_whole && most < 48 && text.len > sizeof("{\"s\":\"\"}") - 1;
            grammar_free(grammar);
            buf_deinit(&text);
        }
    }
    assert_true(with_content > 200);
    buf_deinit(&grammar_text);
}

/* What can't be whole within the allowance, or only after thousands of characters, is cut off, and nothing fails. */
static void long_replies(void **state)
{
    (void)state;
    static const char *const texts[] = {"root ::= \"\\\"\" a{20000,} \"\\\"\"\na ::= [a-z]\n",
                                        "root ::= \"x\"* \"\\\"\" [^\\\"]{3000,30000} \"\\\"\"\n"};
    struct rng rng;
    rng_seed(&rng, 13);
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct buf text;
        struct grammar *grammar = grammar_of(str_of(texts[i]), GRAMMAR_ENFORCED);
        buf_init(&text, 1 << 20);
        assert_false(walk(grammar, &rng, 60, &text));
        assert_true(text.len >= 60);
        grammar_free(grammar);
        buf_deinit(&text);
    }
}

/* --- characters --------------------------------------------------------------------------------------- */

static void only_utf8(void **state)
{
    (void)state;
    static const char any[] = "root ::= [^x]*\n";
    static const char *const good[] = {"", "a", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                                       "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "\xC3\xA9\xE2\x82\xAC"};
    static const char *const bad[] = {"x", "\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xF0\x80\x80\x80",
                                      "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
                                      "\xFF", "\xC3", "\xE2\x82", "\xC3\xC3"};
    for (size_t i = 0; i < COUNT(good); i++)
        if (!takes(any, str_of(good[i])))
            fail_msg("good %zu", i);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (takes(any, str_of(bad[i])))
            fail_msg("bad %zu", i);
    static const char some[] = "root ::= [\\u00E9-\\u0105\\u20AC\\U0001F600-\\U0001F64F]+\n";
    assert_true(takes(some, STR("\xC3\xA9\xC4\x85\xE2\x82\xAC\xF0\x9F\x98\x80\xF0\x9F\x99\x8F")));
    assert_false(takes(some, STR("\xC3\xA8")));
    assert_false(takes(some, STR("\xE2\x82\xAD")));
    assert_false(takes(some, STR("\xF0\x9F\x99\x90")));
}

/* --- bounds ------------------------------------------------------------------------------------------- */

/* As many tokens as it takes; its work stays within the allowance, or it fails alone and by name. */
static void bounded(const char *schema)
{
    struct buf grammar_text;
    struct grammar *grammar;
    struct error error;
    struct rng rng;
    float logits[256 + COUNT(LONG) + COUNT(SPECIAL)];
    rng_seed(&rng, 3);
    schema_grammar(schema, &grammar_text);
    enum error_code code = grammar_new(buf_str(&grammar_text), GRAMMAR_ENFORCED, vocabulary, &grammar, &error);
    uint64_t tokens = 0;
    for (; code == OK && tokens < 300 && !grammar_is_complete(grammar); tokens++) {
        memset(logits, 0, sizeof(logits));
        code = grammar_mask(grammar, logits, &error);
        const int32_t token = pick(&rng, logits);
        if (code != OK || token < 0 || token == TOKEN_END)
            break;
        code = grammar_accept(grammar, token, NULL, &error);
    }
    if (grammar != NULL)
        assert_true(grammar_work(grammar) <= LIMIT_GRAMMAR_WORK_FIRST + (tokens + 1) * LIMIT_GRAMMAR_WORK_TOKEN);
    if (code != OK && (code != ERROR_INVALID || strstr(error.message, "root: its grammar") == NULL))
        fail_msg("%.100s: %s", schema, error.message);
    grammar_free(grammar);
    buf_deinit(&grammar_text);
}

static void bombs_are_bounded(void **state)
{
    (void)state;
    struct buf many;
    bounded("{\"$defs\":{\"n\":{\"anyOf\":[{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/n\"},\"minItems\":1,"
            "\"maxItems\":3},{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/n\"},\"minItems\":1,\"maxItems\":4},{"
            "\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/n\"},\"minItems\":0,\"maxItems\":5}]}},\"$ref\":"
            "\"#/$defs/n\"}");
    bounded("{\"type\":\"string\",\"pattern\":\"^([a-z]{1,99}){1,99}$\"}");
    bounded("{\"type\":\"string\",\"pattern\":\"^((([a-z]{1,9}){1,9}){1,9}){1,9}$\"}");
    bounded("{\"type\":\"string\",\"pattern\":\"^((([a-z]{1,99}){1,99}){1,99}){1,99}$\"}");
    bounded("{\"type\":\"string\",\"pattern\":\"^(((a|b|ab|ba){1,30}|(a|ab){1,20}){1,40}|([ab]{1,5}){2,90}){1,50}$\"}");
    bounded("{\"type\":\"string\",\"pattern\":\"^(([ab]+)+)+$\"}");
    buf_init(&many, 1 << 20);
    buf_append_text(&many, "{\"type\":\"string\",\"pattern\":\"^");
    for (int i = 0; i < 2000; i++)
        buf_append_text(&many, "[a-b]+");
    buf_append_text(&many, "$\"}");
    buf_append_char(&many, '\0');
    bounded(many.data);
    buf_deinit(&many);
}

/* Ten thousand texts that begin alike cost no more than the bytes that they are made of. */
static void alike_texts_are_read_once(void **state)
{
    (void)state;
    struct buf text;
    struct grammar *grammar;
    buf_init(&text, 4u << 20);
    buf_append_text(&text, "root ::= ");
    for (int i = 0; i < 10000; i++)
        buf_appendf(&text, "%s\"the same beginning of all of them, sixty bytes and more: %d\"", i > 0 ? " | " : "", i);
    buf_append_char(&text, '\n');
    grammar = grammar_of(buf_str(&text), GRAMMAR_ENFORCED);
    assert_true(feed(grammar, STR("the same beginning of all of them, sixty bytes and more: 9999")));
    assert_true(grammar_is_complete(grammar));
    assert_true(grammar_work(grammar) < 5000);
    grammar_free(grammar);
    buf_deinit(&text);
}

/* Rules that hang on each other in a long chain, in whatever order they are written. */
static void long_chains(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        struct buf text;
        struct grammar *grammar;
        buf_init(&text, 1u << 20);
        buf_append_text(&text, "root ::= \"<\" a-0 \">\"\na-5000 ::= \"z\"\n");
        for (int i = 0; i < 5000; i++) {
            const int at = way == 0 ? i : way == 1 ? 4999 - i : (int)((unsigned)i * 2741u % 5000u);
            buf_appendf(&text, "a-%d ::= (\"x\" | \"y\" a-%d) a-%d | a-%d\n", at, at + 1, at + 1, at + 1);
        }
        grammar = grammar_of(buf_str(&text), GRAMMAR_ENFORCED);
        assert_true(feed(grammar, STR("<z>")));
        assert_true(grammar_is_complete(grammar));
        grammar_free(grammar);
        buf_deinit(&text);
    }
}

static void deep_replies_end(void **state)
{
    (void)state;
    static const struct {
        const char *grammar;
        char open, close;
        unsigned least, most;
    } cases[] = {{"root ::= \"[\" root? \"]\"\n", '[', ']', 40, LIMIT_JSON_DEPTH - 1},
                 {"root ::= \"a\" root? \"b\"\n", 'a', 'b', 900, LIMIT_GRAMMAR_DEPTH + 1}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct grammar *grammar = grammar_of(str_of(cases[i].grammar), GRAMMAR_ENFORCED);
        unsigned depth = 0;
        for (; allows(grammar, cases[i].open); depth++)
            accept(grammar, cases[i].open);
        assert_in_range(depth, cases[i].least, cases[i].most);
        for (; depth > 0; depth--)
            accept(grammar, cases[i].close);
        assert_true(grammar_is_complete(grammar));
        grammar_free(grammar);
    }
}

static void bad_grammars(void **state)
{
    (void)state;
    assert_refused("root ::= nothing\n", "no rule is called 'nothing'");
    assert_refused("x ::= \"a\"\n", "no rule is called 'root'");
    assert_refused("root ::= root \"a\" | \"b\"\n", "begins with itself");
    assert_refused("root ::= a\na ::= b\nb ::= \"\"? a \"x\" | \"y\"\n", "begins with itself");
    assert_refused("root ::= \"a\" root\n", "root: no text can match");
    assert_refused("root ::= a\n# output schema\na ::= \"a\" a\n", "output schema: no text can match");
    assert_refused("root ::= \"a\nroot ::= \"b\"\n", "closing quote");
    assert_refused("root ::= [a\n", "closing bracket");
    assert_refused("root ::= (\"a\"\n", "group without its end");
    assert_refused("root ::= \"a\"{3,1}\n", "not in order");
    assert_refused("root ::= \"a\"{1000001}\n", "million");
    assert_refused("root ::= \"a\"\nroot ::= \"b\"\n", "second time");
    assert_refused("# tools[1] (x)\nroot ::= \"a\"{999999}\n", "tools[1] (x): its grammar is too large");
    assert_refused("root ::= \"\\q\"\n", "escape");
    assert_refused("root ::= \"\xFF\"\n", "UTF-8");
}

/* A whole short reply with the n-th allocation failing. */
static enum error_code reply_by(struct str text)
{
    struct grammar *grammar;
    struct error error;
    float logits[256 + COUNT(LONG) + COUNT(SPECIAL)];
    enum error_code code = grammar_new(text, GRAMMAR_ENFORCED, vocabulary, &grammar, &error);
    for (uint32_t done = 0; code == OK && done < 12 && !grammar_is_complete(grammar); done++) {
        int32_t token = -1;
        memset(logits, 0, sizeof(logits));
        code = grammar_mask(grammar, logits, &error);
        for (int32_t i = 0; code == OK && i < TOKEN_END && token < 0; i++)
            token = isinf(logits[i]) ? -1 : i;
        if (code == OK)
            code = grammar_close(grammar, 12 - done, &token, &error);
        if (code == OK && token < 0)
            break;
        if (code == OK)
            code = grammar_accept(grammar, token, NULL, &error);
    }
    grammar_free(grammar);
    return code;
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    enum error_code code = ERROR_NO_MEMORY;
    uint64_t n = 1;
    for (; code != OK; n++) {
        mem_fail_at(n);
        code = reply_by(STR("# all\nroot ::= \"[\" (item (\",\" item)*)? \"]\"\n"
                            "item ::= \"ab\" | \"ac\" | [b-d]{1,3} | root\n"));
        mem_fail_at(0);
        assert_true(code == OK || code == ERROR_NO_MEMORY);
        assert_true(n < 2000);
    }
    assert_true(n > 20);
}

/* --- text and markup ----------------------------------------------------------------------------------- */

struct heard {
    struct str reply;
    size_t at;
    char kinds[256]; /* for each byte of the reply: t or m */
};

static void on_decided(void *ctx, size_t len, bool is_text)
{
    struct heard *heard = ctx;
    for (size_t i = 0; i < len; i++)
        heard->kinds[heard->at++] = is_text ? 't' : 'm';
}

/* What each byte of a reply is: t, m, or ? at its end. */
static void check_kinds(const char *grammar_text, enum grammar_use use, const char *reply, const char *kinds)
{
    struct heard heard = {.reply = str_of(reply)};
    const struct grammar_listener listener = {&heard, on_decided};
    struct error error;
    struct grammar *grammar = grammar_of(str_of(grammar_text), use);
    for (const char *c = reply; *c != '\0'; c++) {
        if (use == GRAMMAR_ENFORCED && !allows(grammar, (uint8_t)*c))
            fail_msg("'%c' at byte %d of %s", *c, (int)(c - reply), reply);
        assert_int_equal(grammar_accept(grammar, (uint8_t)*c, &listener, &error), OK);
    }
    memset(heard.kinds + heard.at, '?', heard.reply.len - heard.at);
    if (strcmp(heard.kinds, kinds) != 0)
        fail_msg("%s\n%s\n%s is wanted", reply, heard.kinds, kinds);
    grammar_free(grammar);
}

static void text_and_markup(void **state)
{
    (void)state;
    static const char calls[] = "root ::= text\ntext ::= ~<\"<c>\"> \"1\"+ <\"</c>\"> text\n";
    check_kinds("root ::= \"ab\"\n", GRAMMAR_ENFORCED, "ab", "mm");
    check_kinds(calls, GRAMMAR_ENFORCED, "Hi <c>11</c> so", "tttmmmmmmmmmttt");
    check_kinds(calls, GRAMMAR_ENFORCED, "a<<c>1</c>", "ttmmmmmmmm");
    check_kinds(calls, GRAMMAR_ENFORCED, "a<c", "t??");
    check_kinds(calls, GRAMMAR_ENFORCED, "a<cd", "tttt");
    check_kinds(calls, GRAMMAR_OBSERVED, "<c>x <c>1", "mmmttmmmm");
    static const char first[] = "root ::= \"{n\" \"1\" text | text-0\ntext-0 ::= \"\" | [^{] text | \"{\" text-1\n"
                                "text-1 ::= \"\" | [^n] text\ntext ::= ~<\"<c>\"> \"1\" text\n";
    check_kinds(first, GRAMMAR_ENFORCED, "{n1 b", "mmmtt");
    check_kinds(first, GRAMMAR_ENFORCED, "{m {n1", "tttttt");
    check_kinds(first, GRAMMAR_ENFORCED, "{", "?");
}

/* A special token stands for its text where the grammar says so, and nowhere else. */
static void markers(void **state)
{
    (void)state;
    struct grammar *grammar =
        grammar_of(STR("root ::= <\"<tool_call>\"> \"</tool_call>\" <\"</tool_call>\">\n"), GRAMMAR_ENFORCED);
    assert_true(allows(grammar, TOKEN_MARKER(2)) && allows(grammar, '<') && !allows(grammar, TOKEN_MARKER(3)));
    assert_true(str_eq(grammar_piece(grammar, TOKEN_MARKER(2)), STR("<tool_call>")));
    accept(grammar, TOKEN_MARKER(2));
    assert_false(allows(grammar, TOKEN_MARKER(3))); /* a text, not the marker */
    assert_true(feed(grammar, STR("</tool_call>")));
    assert_true(allows(grammar, TOKEN_MARKER(3)));
    assert_true(feed(grammar, STR("</tool_call>")));
    assert_true(grammar_is_complete(grammar));
    grammar_free(grammar);

    grammar = grammar_of(STR("root ::= text\ntext ::= ~<\"<tool_call>\"> \"x\" text\n"), GRAMMAR_ENFORCED);
    assert_true(allows(grammar, TOKEN_MARKER(1)) && str_eq(grammar_piece(grammar, TOKEN_MARKER(1)), STR("")));
    accept(grammar, TOKEN_MARKER(1)); /* says nothing in free text */
    assert_true(allows(grammar, TOKEN_END));
    accept(grammar, TOKEN_MARKER(2));
    assert_true(allows(grammar, 'x') && !allows(grammar, 'y') && !allows(grammar, TOKEN_END));
    accept(grammar, 'x');
    assert_true(allows(grammar, 'y') && allows(grammar, TOKEN_END));
    grammar_free(grammar);
}

/* A token that ends the marker and goes on must go on as the grammar says. */
static void marker_inside_a_token(void **state)
{
    (void)state;
    struct grammar *grammar = grammar_of(STR("root ::= text\ntext ::= ~<\"<tool_call>\"> \"\\n{\\\"a\\\"}\"\n"),
                                         GRAMMAR_ENFORCED);
    const int32_t behind = 256 + (int32_t)COUNT(LONG) - 1; /* >\n{" */
    assert_true(feed(grammar, STR("so: <tool_call")));
    assert_true(allows(grammar, behind));
    accept(grammar, behind);
    assert_true(allows(grammar, 'a') && !allows(grammar, 'b'));
    grammar_free(grammar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_a_matcher_takes),
        cmocka_unit_test(replies_are_whole),
        cmocka_unit_test(small_allowances),
        cmocka_unit_test(long_replies),
        cmocka_unit_test(only_utf8),
        cmocka_unit_test(bombs_are_bounded),
        cmocka_unit_test(alike_texts_are_read_once),
        cmocka_unit_test(long_chains),
        cmocka_unit_test(deep_replies_end),
        cmocka_unit_test(bad_grammars),
        cmocka_unit_test(every_failing_allocation_is_an_error),
        cmocka_unit_test(text_and_markup),
        cmocka_unit_test(markers),
        cmocka_unit_test(marker_inside_a_token),
    };
    return cmocka_run_group_tests(tests, make_vocabulary, free_vocabulary);
}
