/* count.c - goes through a recipe's files once and counts. Trains nothing. See count.h. */
#include "distill/count.h"

#include <inttypes.h>
#include <unistd.h>

#include "distill/corpus.h"
#include "distill/corpus_tokenizer.h"
#include "distill/prune.h"

struct corpus_count {
    uint64_t tokens, trained;
    uint32_t longest;
    const char *name; /* of the file */
    uint32_t most;    /* tokens; rows with more are told one by one */
    struct buf *out;
};

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static enum error_code count_rows(const struct tokenizer *tokenizer, const struct corpus *corpus,
                                  struct corpus_count *count, struct error *error)
{
    struct arena arena;
    enum error_code code = OK;
    arena_init(&arena, 0);
    for (uint32_t i = 0; !code && i < corpus->row_count; i++) {
        struct example example;
        code = example_of_row(tokenizer, corpus->rows[i], &arena, &example, error);
        if (code)
            code = error_prefix(error, "%s: row %u", corpus->path, i + 1);
        else if (example.count > count->most && !buf_appendf(count->out, "{\"file\":\"%s\",\"row\":%u,\"tokens\":%u}\n",
                                                             count->name, i + 1, example.count))
            code = error_no_memory(error);
        else {
            count->tokens += example.count;
            count->trained += example.trained;
            count->longest = example.count > count->longest ? example.count : count->longest;
        }
        arena_reset(&arena);
    }
    arena_deinit(&arena);
    return code;
}

static enum error_code count_file(const struct tokenizer *tokenizer, const char *path, uint32_t most,
                                  struct buf *out, struct error *error)
{
    struct corpus corpus;
    struct corpus_count count = {.name = name_of(path), .most = most, .out = out};
    enum error_code code = corpus_open(path, &corpus, error);
    if (code)
        return code;
    code = count_rows(tokenizer, &corpus, &count, error);
    if (!code && !buf_appendf(out, "{\"file\":\"%s\",\"rows\":%u,\"tokens\":%" PRIu64 ",\"trainedTokens\":%" PRIu64
                              ",\"longest\":%u,\"sha256\":\"%s\"}\n", count.name, corpus.row_count,
                              count.tokens, count.trained, count.longest, corpus.hash))
        code = error_no_memory(error);
    corpus_close(&corpus);
    return code;
}

/* What is left of a base is written beside the model, as for a training. */
static enum error_code load_pruned(const struct train_config *config, const char *model, struct tokenizer **tokenizer,
                                   struct error *error)
{
    struct buf beside;
    const char *base;
    uint32_t mark;
    buf_init(&beside, 1u << 16);
    buf_appendf(&beside, "%s" PRUNE_SUFFIX, model);
    enum error_code code = buf_append_char(&beside, 0) ? prune_base(config, beside.data, &base, &mark, error)
                                                       : error_no_memory(error);
    if (code == OK)
        code = tokenizer_load_pretrained(base, tokenizer, error);
    buf_deinit(&beside);
    return code;
}

static enum error_code make_tokenizer(const struct train_config *config, struct tokenizer **tokenizer,
                                      struct error *error)
{
    struct corpus *corpora = mem_calloc(config->tokenizer_corpus_count, sizeof(*corpora));
    size_t opened = 0;
    enum error_code code = corpora ? OK : error_no_memory(error);
    while (code == OK && opened < config->tokenizer_corpus_count) {
        code = corpus_open(config->tokenizer_corpus[opened], &corpora[opened], error);
        opened += code == OK;
    }
    if (code == OK)
        code = corpus_tokenizer(config, corpora, tokenizer, error);
    while (opened > 0)
        corpus_close(&corpora[--opened]);
    mem_free(corpora);
    return code;
}

/* Of the model that the recipe makes, has made, or begins with. */
static enum error_code load_tokenizer(const struct train_config *config, const char *model,
                                      struct tokenizer **tokenizer, struct error *error)
{
    if (config->tuned_from)
        return load_pruned(config, model, tokenizer, error);
    if (config->tokenizer_corpus_count > 0 && access(model, F_OK) != 0)
        return make_tokenizer(config, tokenizer, error);
    return tokenizer_load(model, tokenizer, error);
}

static bool is_data(const struct train_config *config, const char *path)
{
    for (size_t i = 0; i < config->phase_count; i++)
        for (size_t j = 0; j < config->phases[i].source_count; j++)
            if (config->phases[i].sources[j].file && strcmp(config->phases[i].sources[j].file, path) == 0)
                return true;
    return false;
}

enum error_code count_corpora(const struct train_config *config, const char *model, uint32_t most, struct buf *out,
                              struct error *error)
{
    struct tokenizer *tokenizer = NULL;
    enum error_code code = load_tokenizer(config, model, &tokenizer, error);
    for (size_t i = 0; !code && i < config->phase_count; i++)
        for (size_t j = 0; !code && j < config->phases[i].source_count; j++)
            if (train_config_is_first(config, i, j))
                code = count_file(tokenizer, config->phases[i].sources[j].file, most, out, error);
    if (!code && config->measure.file && !is_data(config, config->measure.file))
        code = count_file(tokenizer, config->measure.file, most, out, error);
    tokenizer_free(tokenizer);
    return code;
}
