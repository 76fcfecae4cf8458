/* grammar.c - `make bench B=grammar`: what a grammar costs for each token of a reply.
 *
 * Replies are drawn at random from the tokens that the grammar allows, so every
 * token asks for the whole vocabulary: the worst case, since the engine tries the
 * model's own choice first. The same tokens go through llama.cpp's grammar, which
 * is given up for a grammar once a token takes it longer than a second.
 *
 *   small_record, large_record   time of ours over llama.cpp's for an ordinary record, by size of the vocabulary */
#include <llama.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "support.h"
#include "chat/json_schema.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/util.h"
#include "engine/grammar.h"
#include "engine/model.h"

#define TOKENS_MAX 400u /* of a reply */
#define LLAMA_GIVE_UP_US 1000000u

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "bench grammar: %s\n", what);
    exit(1);
}

static const struct {
    const char *name, *schema;
} CASES[] = {
    {"record",
     "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"age\":{\"type\":\"integer\","
     "\"minimum\":0,\"maximum\":150},\"mail\":{\"type\":\"string\",\"pattern\":\"^[a-z0-9._]+@[a-z0-9.]+$\"},"
     "\"tags\":{\"type\":\"array\",\"items\":{\"enum\":[\"red\",\"green\",\"blue\"]},\"maxItems\":5},\"note\":{"
     "\"type\":\"string\",\"maxLength\":200}},\"required\":[\"name\",\"age\",\"mail\",\"tags\",\"note\"],"
     "\"additionalProperties\":false}"},
    {"any object", "{\"type\":\"object\"}"},
    {"text up to 3,000", "{\"type\":\"string\",\"minLength\":2000,\"maxLength\":3000}"},
    {"nested counts", "{\"type\":\"string\",\"pattern\":\"^([a-z]{1,99}){1,99}$\"}"},
    {"four counts", "{\"type\":\"string\",\"pattern\":\"^((([a-z]{1,9}){1,9}){1,9}){1,9}$\"}"},
    {"ambiguous arrays",
     "{\"$defs\":{\"n\":{\"anyOf\":[{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/n\"},\"minItems\":1,\"maxItems\":"
     "3},{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/n\"},\"minItems\":1,\"maxItems\":4},{\"type\":\"array\","
     "\"items\":{\"$ref\":\"#/$defs/n\"},\"minItems\":1,\"maxItems\":5},{\"type\":\"null\"}]}},"
     "\"$ref\":\"#/$defs/n\"}"},
    {"many texts", NULL}, /* made below */
    {"many repetitions", NULL},
};
#define CASES_COUNT (sizeof(CASES) / sizeof(CASES[0]))

static void write_schema(size_t number, struct buf *out)
{
    if (CASES[number].schema != NULL) {
        buf_append_text(out, CASES[number].schema);
    } else if (strcmp(CASES[number].name, "many texts") == 0) {
        buf_append_text(out, "{\"enum\":[");
        for (int i = 0; i < 10000; i++)
            buf_appendf(out, "%s\"The first sixty bytes of all these texts are exactly the same, %d\"",
                        i > 0 ? "," : "", i);
        buf_append_text(out, "]}");
    } else {
        buf_append_text(out, "{\"type\":\"string\",\"pattern\":\"^");
        for (int i = 0; i < 2000; i++)
            buf_append_text(out, "[a-z]+");
        buf_append_text(out, "$\"}");
    }
}

static void write_grammar(size_t number, struct buf *out)
{
    struct buf schema;
    struct error error;
    yyjson_doc *doc = NULL;
    buf_init(&schema, 4u << 20);
    buf_init(out, limit(grammar_bytes));
    write_schema(number, &schema);
    if (json_parse(buf_str(&schema), &doc, &error) != OK ||
        json_schema_to_grammar(yyjson_doc_get_root(doc), "root", "schema", out, &error) != OK)
        die(error.message);
    json_free(doc);
    buf_deinit(&schema);
}

/* --- ours ------------------------------------------------------------------------------------------- */

struct walk {
    int32_t tokens[TOKENS_MAX];
    size_t count;
    double compile_us, mean_us, worst_us;
    bool failed;
};

static int32_t pick(const float *logits, uint32_t count, struct rng *rng)
{
    int32_t token = -1;
    float best = -1;
    for (uint32_t i = 0; i < count; i++) {
        if (isinf(logits[i]))
            continue;
        const float value = (float)rng_unit(rng);
        if (value > best) {
            best = value;
            token = (int32_t)i;
        }
    }
    return token;
}

static void run_ours(struct str text, const struct vocabulary *vocabulary, struct walk *walk)
{
    struct grammar *grammar = NULL;
    struct error error;
    struct rng rng;
    float *logits = mem_must_calloc(vocabulary->count, sizeof(*logits));
    uint64_t all_us = 0, worst_us = 0, from = clock_now_us();
    rng_seed(&rng, 1);
    *walk = (struct walk){.count = 0};
    walk->failed = grammar_new(text, GRAMMAR_ENFORCED, vocabulary, &grammar, &error) != OK;
    walk->compile_us = (double)(clock_now_us() - from);
    while (!walk->failed && walk->count < TOKENS_MAX && !grammar_is_complete(grammar)) {
        memset(logits, 0, vocabulary->count * sizeof(*logits));
        from = clock_now_us();
        walk->failed = grammar_mask(grammar, logits, &error) != OK;
        uint64_t took = clock_now_us() - from;
        const int32_t token = pick(logits, vocabulary->count, &rng);
        if (walk->failed || token < 0 || vocabulary->kinds[token] == VOCABULARY_END)
            break;
        from = clock_now_us();
        walk->failed = grammar_accept(grammar, token, NULL, &error) != OK;
        took += clock_now_us() - from;
        all_us += took;
        worst_us = took > worst_us ? took : worst_us;
        walk->tokens[walk->count++] = token;
    }
    if (walk->failed)
        fprintf(stderr, "%s\n", error.message);
    walk->mean_us = walk->count > 0 ? (double)all_us / (double)walk->count : 0;
    walk->worst_us = (double)worst_us;
    grammar_free(grammar);
    mem_free(logits);
}

/* --- llama.cpp's ------------------------------------------------------------------------------------- */

/* Mean time of a token over the same reply; negative where it was given up. */
static double run_llama(const char *text, const struct llama_vocab *vocab, const struct walk *walk)
{
    struct llama_sampler *sampler = llama_sampler_init_grammar(vocab, text, "root");
    const size_t count = (size_t)llama_vocab_n_tokens(vocab);
    llama_token_data *candidates = mem_must_calloc(count, sizeof(*candidates));
    uint64_t all_us = 0;
    size_t done = 0;
    bool gave_up = sampler == NULL;
    for (; done < walk->count && !gave_up; done++) {
        for (size_t i = 0; i < count; i++)
            candidates[i] = (llama_token_data){.id = (llama_token)i};
        llama_token_data_array array = {candidates, count, -1, false};
        const uint64_t from = clock_now_us();
        llama_sampler_apply(sampler, &array);
        llama_sampler_accept(sampler, walk->tokens[done]);
        const uint64_t took = clock_now_us() - from;
        all_us += took;
        gave_up = took > LLAMA_GIVE_UP_US;
    }
    if (sampler != NULL)
        llama_sampler_free(sampler);
    mem_free(candidates);
    return gave_up || done == 0 ? -1 : (double)all_us / (double)done;
}

static void measure(struct bench *bench, const char *size, const char *path)
{
    struct model *model;
    struct error error;
    const struct model_options options = {.path = path, .context = 256, .parallel = 1};
    if (model_load(&options, &model, &error) != OK)
        die(error.message);
    struct llama_model_params params = llama_model_default_params();
    params.vocab_only = true;
    struct llama_model *llama = llama_model_load_from_file(path, params);
    for (size_t i = 0; i < CASES_COUNT && llama != NULL; i++) {
        struct buf grammar;
        struct walk walk;
        write_grammar(i, &grammar);
        run_ours(buf_str(&grammar), model_vocabulary(model), &walk);
        buf_append_char(&grammar, '\0');
        const double llama_us = run_llama(grammar.data, llama_model_get_vocab(llama), &walk);
        const struct bench_cell cells[] = {
            BENCH_TEXT("grammar", CASES[i].name),
            BENCH_NUMBER("vocabulary", model_facts(model)->vocabulary),
            BENCH_NUMBER("tokens", walk.count),
            BENCH_NUMBER("failed", walk.failed),
            BENCH_NUMBER("compile_us", walk.compile_us),
            BENCH_NUMBER("ours_us", walk.mean_us),
            BENCH_NUMBER("ours_worst_us", walk.worst_us),
            BENCH_NUMBER("llama_us", llama_us),
        };
        bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
        if (i == 0)
            bench_limit(bench, size, walk.mean_us / llama_us, BENCH_AT_MOST, 1);
        buf_deinit(&grammar);
    }
    llama_model_free(llama);
    model_free(model);
}

int main(void)
{
    struct bench *bench = bench_new("grammar");
    struct random_gguf_options shape = RANDOM_GGUF_TINY;
    shape.vocabulary = 151936;
    shape.layers = 1;
    shape.width = 32;
    bench_model(&shape, "build/bench/vocabulary-151936.gguf");
    measure(bench, "small_record", "models/desk-large.gguf");
    measure(bench, "large_record", "build/bench/vocabulary-151936.gguf");
    return bench_finish(bench);
}
