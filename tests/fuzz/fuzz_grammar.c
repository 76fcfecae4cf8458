/* Grammars: a JSON schema becomes a grammar and a random reply by it, or the bytes are a grammar themselves. Whatever
 * they are, the work is bounded, and a reply by a schema is JSON.
 *
 * First byte: 's' schema, anything else a grammar. Second: where the random numbers begin. The rest: the text. */
#include <assert.h>
#include <math.h>
#include <stdint.h>

#include "chat/json_schema.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/util.h"
#include "engine/grammar.h"

#define TOKENS 64u
#define VOCABULARY 259u /* all bytes, two longer tokens, the end */
#define END 258

static const struct vocabulary *vocabulary_get(void)
{
    static struct vocabulary *vocabulary;
    static char bytes[256];
    struct vocabulary_token tokens[VOCABULARY] = {[256] = {.piece = STR("\":\"")}, [257] = {.piece = STR("\"}")},
                                                  [END] = {.is_end = true}};
    if (vocabulary != NULL)
        return vocabulary;
    for (size_t i = 0; i < 256; i++) {
        bytes[i] = (char)i;
        tokens[i].piece = (struct str){&bytes[i], 1};
    }
    vocabulary = vocabulary_new(tokens, VOCABULARY);
    assert(vocabulary != NULL);
    return vocabulary;
}

static int32_t pick(const float *logits, struct rng *rng)
{
    uint64_t seen = 0;
    int32_t found = -1;
    for (uint32_t i = 0; i < VOCABULARY; i++)
        if (!isinf(logits[i]) && rng_below(rng, ++seen) == 0)
            found = (int32_t)i;
    return found;
}

/* True: the reply is complete. */
static bool walk(struct grammar *grammar, struct rng *rng, struct buf *out)
{
    struct error error;
    float logits[VOCABULARY];
    for (uint32_t done = 0; done < TOKENS; done++) {
        memset(logits, 0, sizeof(logits));
        enum error_code code = grammar_mask(grammar, logits, &error);
        int32_t token = code == OK ? pick(logits, rng) : -1;
        if (code == OK) {
            assert(token >= 0); /* nobody gets stuck */
            code = grammar_close(grammar, TOKENS - done, &token, &error);
        }
        if (code == OK && token >= 0 && token != END) {
            buf_append_str(out, grammar_piece(grammar, token));
            code = grammar_accept(grammar, token, NULL, &error);
        }
        assert(grammar_work(grammar) <= LIMIT_GRAMMAR_WORK_FIRST + (done + 2) * LIMIT_GRAMMAR_WORK_TOKEN);
        assert(code == OK || code == ERROR_INVALID);
        if (code != OK)
            return false;
        if (token < 0 || token == END || grammar_is_complete(grammar))
            return true;
    }
    return grammar_may_end(grammar);
}

static void check_reply(struct str grammar_text, uint64_t seed, bool is_schema)
{
    struct grammar *grammar;
    struct error error;
    struct rng rng;
    struct buf reply;
    const enum error_code code = grammar_new(grammar_text, GRAMMAR_ENFORCED, vocabulary_get(), &grammar, &error);
    assert(code == OK || (code == ERROR_INVALID && grammar == NULL));
    if (code != OK)
        return;
    rng_seed(&rng, seed);
    buf_init(&reply, 1u << 20);
    if (walk(grammar, &rng, &reply) && is_schema) {
        yyjson_doc *doc = NULL;
        assert(str_is_utf8(buf_str(&reply)));
        assert(json_parse(buf_str(&reply), &doc, &error) == OK);
        json_free(doc);
    }
    buf_deinit(&reply);
    grammar_free(grammar);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const struct str text = {(const char *)data + 2, size - 2};
    if (data[0] != 's') {
        check_reply(text, data[1], false);
        return 0;
    }
    struct buf grammar;
    struct error error;
    yyjson_doc *doc = NULL;
    if (json_parse(text, &doc, &error) != OK)
        return 0;
    buf_init(&grammar, limit(grammar_bytes));
    if (json_schema_to_grammar(yyjson_doc_get_root(doc), "root", "schema", &grammar, &error) == OK)
        check_reply(buf_str(&grammar), data[1], true);
    buf_deinit(&grammar);
    json_free(doc);
    return 0;
}
