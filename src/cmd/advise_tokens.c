/* advise_tokens.c - see advise_tokens.h. */
#include "cmd/advise_tokens.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/io.h"
#include "engine/embedded.h"
#include "engine/model.h"

struct advise_tokens {
    const struct config *config;
    struct model_tokens scratch;
    struct {
        bool is_tried;
        struct model *model; /* its vocabulary; NULL: it can't be read */
    } models[];
};

struct advise_tokens *advise_tokens_new(const struct config *config)
{
    struct advise_tokens *tokens =
        mem_calloc(1, sizeof(*tokens) + config->model_count * sizeof(tokens->models[0]));
    if (tokens)
        tokens->config = config;
    return tokens;
}

void advise_tokens_free(struct advise_tokens *tokens)
{
    if (!tokens)
        return;
    for (size_t i = 0; i < tokens->config->model_count; i++)
        model_free(tokens->models[i].model);
    model_tokens_deinit(&tokens->scratch);
    mem_free(tokens);
}

/* A file of the program's own is read from a file without a name. */
static void load_embedded(const char *name, struct model **model)
{
    char file[128], path[64];
    struct error ignored;
    (void)snprintf(file, sizeof(file), "%s.gguf", name);
    const struct str bytes = embedded_file(str_of(file));
    const int fd = bytes.data ? memfd_create("vocabulary", MFD_CLOEXEC) : -1;
    if (fd < 0)
        return;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (io_write_at(fd, bytes.data, bytes.len, 0) && model_load_vocabulary(path, model, &ignored) != OK)
        *model = NULL;
    (void)close(fd);
}

static struct model *load(struct advise_tokens *tokens, size_t index)
{
    const struct config_model *config = &tokens->config->models[index];
    struct error ignored;
    if (tokens->models[index].is_tried)
        return tokens->models[index].model;
    tokens->models[index].is_tried = true;
    if (!config->path)
        load_embedded(config->name, &tokens->models[index].model);
    else if (model_load_vocabulary(config->path, &tokens->models[index].model, &ignored) != OK)
        tokens->models[index].model = NULL;
    return tokens->models[index].model;
}

uint32_t advise_tokens_count(void *ctx, struct str model, struct str text)
{
    struct advise_tokens *tokens = ctx;
    struct error ignored;
    const size_t index = config_find_model(tokens->config, model);
    struct model *vocabulary = index < tokens->config->model_count ? load(tokens, index) : NULL;
    tokens->scratch.count = 0;
    if (!vocabulary || model_tokenize(vocabulary, text, false, &tokens->scratch, &ignored) != OK)
        return 0;
    return (uint32_t)tokens->scratch.count;
}
