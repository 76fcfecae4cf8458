/* prune.c - chooses layers, counts tokens, and writes what is left of a model. Chooses no tokens: that is cut.c's. See
 * prune.h. */
#include "distill/prune.h"

#include <gguf.h>
#include <stdio.h>

#include "core/util.h"
#include "distill/corpus.h"
#include "distill/cut.h"
#include "distill/export.h"
#include "distill/pretrained.h"

#define LAYER_PREFIX "blk."

struct pruned {
    const struct train_config *config;
    struct arena arena;
    struct pretrained base;
    struct ggml_tensor **old; /* (old_count) of the base */
    size_t old_count;
    struct model_shape shape; /* of the base */
    uint32_t *layers;         /* (layer_count) that stay, by the base's numbers, ascending */
    uint32_t layer_count;
    bool is_cut;
    struct cut cut; /* of the vocabulary */
    struct gguf_context *gguf;
    struct ggml_context *tensors; /* those that the base does not have as they are */
};

/* --- layers ----------------------------------------------------------------------------------------- */

void prune_spread(uint32_t base, uint32_t count, uint32_t *layers)
{
    const uint64_t gaps = count > 1 ? count - 1 : 1;
    for (uint32_t i = 0; i < count; i++)
        layers[i] = (uint32_t)((2 * (uint64_t)i * (base - 1) + gaps) / (2 * gaps));
}

static enum error_code choose_layers(struct pruned *pruned, struct error *error)
{
    const struct pruning *wanted = pruned->config->pruned;
    const uint32_t base = pruned->shape.layers;
    const uint32_t most = wanted->chosen_count > 0 ? wanted->chosen[wanted->chosen_count - 1] + 1 : wanted->layers;
    if (most > base)
        return error_set(error, ERROR_INVALID, "pruned.layers: %s has %u layers%s", pruned->config->tuned_from, base,
                         wanted->chosen_count > 0 ? ", numbered from 0" : "");
    pruned->layer_count = wanted->chosen_count > 0 ? (uint32_t)wanted->chosen_count : wanted->layers;
    if (pruned->layer_count == 0)
        pruned->layer_count = base;
    pruned->layers = ARENA_ARRAY(&pruned->arena, uint32_t, pruned->layer_count);
    if (!pruned->layers)
        return error_no_memory(error);
    if (wanted->chosen_count > 0)
        memcpy(pruned->layers, wanted->chosen, wanted->chosen_count * sizeof(*pruned->layers));
    else
        prune_spread(base, pruned->layer_count, pruned->layers);
    return OK;
}

/* --- tokens ----------------------------------------------------------------------------------------- */

static enum error_code count_rows(const struct tokenizer *tokenizer, const char *path, uint64_t *uses,
                                  struct error *error)
{
    struct corpus corpus;
    struct arena arena;
    enum error_code code = corpus_open(path, &corpus, error);
    if (code != OK)
        return code;
    arena_init(&arena, 0);
    for (uint32_t i = 0; code == OK && i < corpus.row_count; i++) {
        struct example example;
        code = example_of_row(tokenizer, corpus.rows[i], &arena, &example, error);
        if (code != OK)
            code = error_prefix(error, "%s: row %u", path, i + 1);
        for (uint32_t j = 0; code == OK && j < example.count; j++)
            uses[example.tokens[j]]++;
        arena_reset(&arena);
    }
    arena_deinit(&arena);
    corpus_close(&corpus);
    return code;
}

/* How often the recipe's files use each token. */
static enum error_code count_uses(const struct pruned *pruned, uint64_t *uses, struct error *error)
{
    const struct train_config *config = pruned->config;
    struct tokenizer *tokenizer;
    enum error_code code = tokenizer_load_pretrained(config->tuned_from, &tokenizer, error);
    if (code != OK)
        return code;
    if (tokenizer->count != pruned->shape.vocabulary)
        code = error_set(error, ERROR_INVALID, "%s: %u tokens, and an embedding of %u", config->tuned_from,
                         tokenizer->count, pruned->shape.vocabulary);
    for (size_t i = 0; code == OK && i < config->phase_count; i++)
        for (size_t j = 0; code == OK && j < config->phases[i].source_count; j++)
            if (train_config_is_first(config, i, j))
                code = count_rows(tokenizer, config->phases[i].sources[j].file, uses, error);
    tokenizer_free(tokenizer);
    return code;
}

static enum error_code choose_tokens(struct pruned *pruned, struct error *error)
{
    const uint32_t most = pruned->config->pruned->vocabulary;
    if (most == 0)
        return OK;
    uint64_t *uses = mem_calloc(pruned->shape.vocabulary, sizeof(*uses));
    if (!uses)
        return error_no_memory(error);
    enum error_code code = count_uses(pruned, uses, error);
    if (code == OK) {
        code = cut_choose(pruned->base.gguf, uses, most, &pruned->cut, error);
        pruned->is_cut = code == OK;
        if (code == ERROR_INVALID)
            code = error_prefix(error, "pruned.vocabulary: %s", pruned->config->tuned_from);
    }
    mem_free(uses);
    return code;
}

/* --- the file --------------------------------------------------------------------------------------- */

/* The layer's new number; the count of layers: it is gone. */
static uint32_t layer_now(const struct pruned *pruned, uint32_t layer)
{
    uint32_t at = 0;
    while (at < pruned->layer_count && pruned->layers[at] != layer)
        at++;
    return at;
}

/* Gives a layer's tensor its new number. False: it is of a layer that is gone. */
static bool renumber(const struct pruned *pruned, struct ggml_tensor *tensor)
{
    struct str rest = str_of(tensor->name), number;
    char renamed[GGML_MAX_NAME];
    uint64_t layer;
    if (!str_starts(rest, STR(LAYER_PREFIX)))
        return true;
    rest = str_slice(rest, sizeof(LAYER_PREFIX) - 1, rest.len);
    if (!str_split(&rest, '.', &number) || !str_to_u64(number, &layer) || layer >= pruned->shape.layers)
        return true; /* of no layer that there is: refused where the weights are read */
    const uint32_t now = layer_now(pruned, (uint32_t)layer);
    (void)snprintf(renamed, sizeof(renamed), LAYER_PREFIX "%u." STR_FMT, now, STR_ARG(rest));
    ggml_set_name(tensor, renamed);
    return now < pruned->layer_count;
}

static bool has_rows_of_tokens(const struct ggml_tensor *tensor)
{
    return strcmp(tensor->name, "token_embd.weight") == 0 || strcmp(tensor->name, "output.weight") == 0;
}

/* The rows of the tokens that stay. Blocks of quantised types lie within a row. NULL: no memory. */
static struct ggml_tensor *gather_rows(struct pruned *pruned, const struct ggml_tensor *old)
{
    const struct cut *cut = &pruned->cut;
    struct ggml_tensor *tensor = ggml_new_tensor_2d(pruned->tensors, old->type, old->ne[0], cut->count);
    if (!tensor)
        return NULL;
    const size_t row = ggml_row_size(old->type, old->ne[0]);
    ggml_set_name(tensor, old->name);
    for (uint32_t i = 0; i < cut->count; i++)
        memcpy((char *)tensor->data + i * row, (const char *)old->data + (size_t)cut->kept[i] * row, row);
    return tensor;
}

/* Looked up before any gets another layer's name. */
static bool find_tensors(struct pruned *pruned)
{
    pruned->old_count = (size_t)gguf_get_n_tensors(pruned->base.gguf);
    pruned->old = ARENA_ARRAY(&pruned->arena, struct ggml_tensor *, pruned->old_count + 1);
    for (size_t i = 0; pruned->old && i < pruned->old_count; i++)
        pruned->old[i] = ggml_get_tensor(pruned->base.tensors, gguf_get_tensor_name(pruned->base.gguf, (int64_t)i));
    return pruned->old != NULL;
}

/* Room for embedding and head. */
static bool make_room(struct pruned *pruned)
{
    size_t bytes = 0;
    for (size_t i = 0; pruned->is_cut && i < pruned->old_count; i++)
        if (has_rows_of_tokens(pruned->old[i]))
            bytes += ggml_row_size(pruned->old[i]->type, pruned->old[i]->ne[0]) * pruned->cut.count +
                     ggml_tensor_overhead() + 64;
    pruned->tensors = ggml_init((struct ggml_init_params){.mem_size = bytes + 64});
    return pruned->tensors != NULL;
}

static enum error_code put_tensors(struct pruned *pruned, struct error *error)
{
    if (!find_tensors(pruned) || !make_room(pruned))
        return error_no_memory(error);
    for (size_t i = 0; i < pruned->old_count; i++) {
        struct ggml_tensor *tensor = pruned->old[i];
        if (pruned->is_cut && has_rows_of_tokens(tensor)) {
            if (tensor->ne[1] != pruned->shape.vocabulary)
                return error_set(error, ERROR_INVALID, "%s: %s has %lld rows for %u tokens",
                                 pruned->config->tuned_from, tensor->name, (long long)tensor->ne[1],
                                 pruned->shape.vocabulary);
            tensor = gather_rows(pruned, tensor);
        }
        if (!tensor)
            return error_no_memory(error);
        if (renumber(pruned, tensor))
            gguf_add_tensor(pruned->gguf, tensor);
    }
    return OK;
}

static enum error_code put_metadata(struct pruned *pruned, struct error *error)
{
    struct gguf_context *gguf = pruned->gguf;
    gguf_set_kv(gguf, pruned->base.gguf);
    gguf_set_val_u32(gguf, "llama.block_count", pruned->layer_count);
    gguf_set_arr_data(gguf, "fulcrum.pruned.layers", GGUF_TYPE_UINT32, pruned->layers, pruned->layer_count);
    if (!pruned->is_cut)
        return OK;
    gguf_set_val_u32(gguf, "llama.vocab_size", pruned->cut.count);
    gguf_set_arr_data(gguf, "fulcrum.pruned.tokens", GGUF_TYPE_INT32, pruned->cut.kept, pruned->cut.count);
    return cut_put(&pruned->cut, gguf, error);
}

static enum error_code put_mark(const struct pruned *pruned, uint32_t *mark, struct error *error)
{
    struct buf text;
    uint8_t digest[SHA256_LEN];
    const uint32_t counts[] = {pruned->layer_count, pruned->is_cut ? pruned->cut.count : 0};
    buf_init(&text, SIZE_MAX);
    buf_append(&text, counts, sizeof(counts));
    buf_append(&text, pruned->layers, pruned->layer_count * sizeof(*pruned->layers));
    if (pruned->is_cut)
        buf_append(&text, pruned->cut.kept, pruned->cut.count * sizeof(*pruned->cut.kept));
    sha256(buf_str(&text), digest);
    memcpy(mark, digest, sizeof(*mark));
    *mark |= 1; /* 0 is no pruning */
    const enum error_code code = text.failed ? error_no_memory(error) : OK;
    buf_deinit(&text);
    return code;
}

static enum error_code make(struct pruned *pruned, const char *path, uint32_t *mark, struct error *error)
{
    enum error_code code = pretrained_open(pruned->config->tuned_from, &pruned->base, error);
    if (code == OK)
        code = pretrained_shape(&pruned->base, &pruned->shape, error);
    if (code == OK)
        code = choose_layers(pruned, error);
    if (code == OK)
        code = choose_tokens(pruned, error);
    if (code == OK)
        code = put_mark(pruned, mark, error);
    if (code == OK)
        code = put_metadata(pruned, error);
    if (code == OK)
        code = put_tensors(pruned, error);
    return code == OK ? export_write(path, pruned->gguf, error) : code;
}

enum error_code prune_write(const struct train_config *config, const char *path, uint32_t *mark, struct error *error)
{
    struct pruned pruned = {.config = config, .gguf = gguf_init_empty()};
    arena_init(&pruned.arena, 0);
    const enum error_code code = make(&pruned, path, mark, error);
    gguf_free(pruned.gguf);
    if (pruned.tensors)
        ggml_free(pruned.tensors);
    cut_deinit(&pruned.cut);
    pretrained_close(&pruned.base);
    arena_deinit(&pruned.arena);
    return code;
}

enum error_code prune_base(const struct train_config *config, const char *beside, const char **path, uint32_t *mark,
                           struct error *error)
{
    *path = config->pruned ? beside : config->tuned_from;
    *mark = 0;
    return config->pruned ? prune_write(config, beside, mark, error) : OK;
}
