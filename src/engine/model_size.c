/* model_size.c - reads the head of a GGUF file. See model_size.h. */
#include "engine/model_size.h"

#include <stdio.h>
#include <string.h>

#include "engine/metadata.h"

static uint32_t layers_of(const struct gguf_context *gguf)
{
    char key[128];
    (void)snprintf(key, sizeof(key), "%.100s.block_count", metadata_text(gguf, "general.architecture"));
    const int64_t count = metadata_find(gguf, key, GGUF_TYPE_UINT32);
    return count >= 0 ? gguf_get_val_u32(gguf, count) : 0;
}

enum error_code model_size_read(const char *path, struct model_size *size, struct error *error)
{
    struct ggml_context *tensors = NULL;
    struct gguf_context *gguf =
        gguf_init_from_file(path, (struct gguf_init_params){.no_alloc = true, .ctx = &tensors});
    *size = (struct model_size){0};
    if (!gguf)
        return error_set(error, ERROR_INVALID, "%s: not a readable GGUF file", path);
    const bool has_head = gguf_find_tensor(gguf, "output.weight") >= 0;
    for (int64_t i = 0; i < gguf_get_n_tensors(gguf); i++) {
        const char *name = gguf_get_tensor_name(gguf, i);
        if (!has_head || strcmp(name, "token_embd.weight") != 0)
            size->weights += (uint64_t)ggml_nelements(ggml_get_tensor(tensors, name));
    }
    size->layers = layers_of(gguf);
    gguf_free(gguf);
    ggml_free(tensors);
    return OK;
}
