/* The grammar machine against llama.cpp's: over random replies both let the same tokens through. Tokens that are part
 * of a character are left out: llama.cpp takes bytes that no UTF-8 has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <llama.h>
#include <math.h>

#include "chat/json_schema.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/util.h"
#include "engine/grammar.h"
#include "engine/model.h"
#include "engine/random_gguf.h"

#define TOKENS 60

static struct model *model;
static struct llama_model *llama;

static int load(void **state)
{
    char path[64];
    struct error error;
    const struct random_gguf_options shape = RANDOM_GGUF_TINY;
    struct llama_model_params params = llama_model_default_params();
    (void)state;
    snprintf(path, sizeof(path), "/tmp/fulcrum-oracle-%d.gguf", (int)getpid());
    const struct model_options options = {.path = path, .context = 256, .parallel = 1};
    if (random_gguf_write(&shape, path, &error) != OK || model_load(&options, &model, &error) != OK)
        return 1;
    params.vocab_only = true;
    llama = llama_model_load_from_file(path, params);
    unlink(path);
    return llama == NULL;
}

static int unload(void **state)
{
    (void)state;
    llama_model_free(llama);
    model_free(model);
    return 0;
}

static bool is_compared(const struct vocabulary *v, uint32_t token)
{
    return v->kinds[token] == VOCABULARY_END || (v->kinds[token] == VOCABULARY_TEXT && str_is_utf8(v->pieces[token]));
}

/* A token that both take; -1: the reply may end, and does. */
static int32_t compare(struct grammar *grammar, struct llama_sampler *sampler, struct rng *rng, const char *schema)
{
    const struct vocabulary *v = model_vocabulary(model);
    struct error error;
    float *logits = mem_must_calloc(v->count, sizeof(*logits));
    llama_token_data *candidates = mem_must_calloc(v->count, sizeof(*candidates));
    for (uint32_t i = 0; i < v->count; i++)
        candidates[i] = (llama_token_data){.id = (llama_token)i, .logit = 0};
    llama_token_data_array all = {candidates, v->count, -1, false};
    llama_sampler_apply(sampler, &all);
    assert_int_equal(grammar_mask(grammar, logits, &error), OK);
    int32_t found = -1;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < v->count; i++) {
        if (!is_compared(v, i))
            continue;
        if (isinf(logits[i]) != isinf(candidates[i].logit))
            fail_msg("%s: token %u, '" STR_FMT "'", schema, i, STR_ARG(v->pieces[i]));
        if (!isinf(logits[i]) && rng_below(rng, ++seen) == 0)
            found = (int32_t)i;
    }
    mem_free(logits);
    mem_free(candidates);
    assert_true(seen > 0);
    return v->kinds[found] == VOCABULARY_END ? -1 : found;
}

static void walk(const char *schema, uint64_t seed)
{
    struct buf text;
    struct error error;
    struct grammar *grammar;
    struct rng rng;
    yyjson_doc *doc = NULL;
    rng_seed(&rng, seed);
    buf_init(&text, limit(grammar_bytes));
    assert_int_equal(json_parse(str_of(schema), &doc, &error), OK);
    assert_int_equal(json_schema_to_grammar(yyjson_doc_get_root(doc), "root", "schema", &text, &error), OK);
    assert_int_equal(grammar_new(buf_str(&text), GRAMMAR_ENFORCED, model_vocabulary(model), &grammar, &error), OK);
    buf_append_char(&text, '\0');
    struct llama_sampler *sampler = llama_sampler_init_grammar(llama_model_get_vocab(llama), text.data, "root");
    assert_non_null(sampler);
    for (int i = 0; i < TOKENS; i++) {
        const int32_t token = compare(grammar, sampler, &rng, schema);
        if (token < 0)
            break;
        assert_int_equal(grammar_accept(grammar, token, NULL, &error), OK);
        llama_sampler_accept(sampler, token);
    }
    llama_sampler_free(sampler);
    grammar_free(grammar);
    json_free(doc);
    buf_deinit(&text);
}

static void same_tokens_as_llama_cpp(void **state)
{
    (void)state;
    static const char *const schemas[] = {
        "{\"type\":\"object\"}",
        "{\"type\":\"array\",\"items\":{\"type\":\"number\"},\"minItems\":2,\"maxItems\":50}",
        "{\"type\":\"object\",\"properties\":{\"aa\":{\"enum\":[\"aa\",\"ab\",\"abba\",1,null]},\"b\":{\"type\":"
        "\"integer\",\"minimum\":-17,\"maximum\":1234},\"c\":{\"type\":\"string\","
        "\"maxLength\":40}},\"required\":[\"b\"]}",
        "{\"type\":\"string\",\"pattern\":\"^(a|bc){1,7}-[^a-c]+(x.)*$\"}",
        "{\"$defs\":{\"n\":{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/n\"}},"
        "{\"type\":\"object\",\"properties\":{\"k\":{\"$ref\":\"#/$defs/n\"}}}]}},\"$ref\":\"#/$defs/n\"}",
        "{\"anyOf\":[{\"type\":\"string\",\"format\":\"date-time\"},{\"type\":\"string\",\"format\":\"uuid\"},"
        "{\"type\":\"boolean\"},{\"const\":{\"a\":[1,\"\\u000b \\\\ \"]}}]}",
    };
    for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++)
        for (uint64_t seed = 0; seed < 8; seed++)
            walk(schemas[i], seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_tokens_as_llama_cpp)};
    return cmocka_run_group_tests(tests, load, unload);
}
