/* export.c - writes GGUF. Reads none. See export.h. */
#include "distill/export.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "distill/chatml_jinja.h"
#include "distill/pretoken.h"
#include "engine/metadata.h"

/* llama.cpp's numbers: enum llama_ftype and enum llama_token_type. */
enum { FTYPE_ALL_F32 = 0, FTYPE_MOSTLY_F16 = 1, FTYPE_MOSTLY_Q8_0 = 7 };
enum { TOKEN_NORMAL = 1, TOKEN_CONTROL = 3, TOKEN_USER_DEFINED = 4 };

/* --- metadata --------------------------------------------------------------------------------------- */

static void set_shape(struct gguf_context *gguf, const struct model_shape *shape)
{
    gguf_set_val_u32(gguf, "llama.vocab_size", shape->vocabulary);
    gguf_set_val_u32(gguf, "llama.context_length", shape->context);
    gguf_set_val_u32(gguf, "llama.embedding_length", shape->width);
    gguf_set_val_u32(gguf, "llama.block_count", shape->layers);
    gguf_set_val_u32(gguf, "llama.feed_forward_length", shape->feed_forward);
    gguf_set_val_u32(gguf, "llama.attention.head_count", shape->heads);
    gguf_set_val_u32(gguf, "llama.attention.head_count_kv", shape->kv_heads);
    gguf_set_val_f32(gguf, "llama.attention.layer_norm_rms_epsilon", shape->norm_epsilon);
    gguf_set_val_u32(gguf, "llama.rope.dimension_count", model_shape_head_size(shape));
    gguf_set_val_f32(gguf, "llama.rope.freq_base", shape->rope_base);
    if (shape->yarn_factor > 0) {
        gguf_set_val_str(gguf, "llama.rope.scaling.type", "yarn");
        gguf_set_val_f32(gguf, "llama.rope.scaling.factor", shape->yarn_factor);
        gguf_set_val_f32(gguf, "llama.rope.scaling.attn_factor", shape->yarn_attention);
        gguf_set_val_u32(gguf, "llama.rope.scaling.original_context_length", shape->yarn_original);
    }
}

static void set_general(struct gguf_context *gguf, const char *name, enum export_type type,
                        const struct provenance *provenance)
{
    gguf_set_val_str(gguf, "general.architecture", "llama");
    gguf_set_val_str(gguf, "general.name", name);
    static const uint32_t file_types[] = {[EXPORT_Q8_0] = FTYPE_MOSTLY_Q8_0, [EXPORT_F32] = FTYPE_ALL_F32,
                                          [EXPORT_ADAPTER] = FTYPE_MOSTLY_F16};
    gguf_set_val_u32(gguf, "general.file_type", file_types[type]);
    gguf_set_val_u32(gguf, "general.quantization_version", GGML_QNT_VERSION);
    gguf_set_val_u64(gguf, "fulcrum.train.seed", provenance->seed);
    gguf_set_val_u64(gguf, "fulcrum.train.steps", provenance->steps);
    gguf_set_val_u64(gguf, "fulcrum.train.tokens", provenance->tokens);
    gguf_set_val_str(gguf, "fulcrum.train.corpus_sha256", provenance->corpus);
}

/* As llama.cpp reads one; the name of the base is for people. */
static void set_adapter(struct gguf_context *gguf, const struct tuning *tuning, const struct pretrained *pretrained)
{
    const int64_t base = metadata_find(pretrained->gguf, "general.name", GGUF_TYPE_STRING);
    gguf_set_val_str(gguf, "general.type", "adapter");
    gguf_set_val_str(gguf, "adapter.type", "lora");
    gguf_set_val_f32(gguf, "adapter.lora.alpha", tuning->alpha);
    gguf_set_val_u32(gguf, "general.base_model.count", 1);
    if (base >= 0)
        gguf_set_val_str(gguf, "general.base_model.0.name", gguf_get_val_str(pretrained->gguf, base));
}

static int32_t token_type(const struct tokenizer *tokenizer, uint32_t id)
{
    if ((int32_t)id < tokenizer_special(tokenizer, SPECIAL_END_OF_TEXT))
        return TOKEN_NORMAL;
    return (int32_t)id < tokenizer_special(tokenizer, SPECIAL_TOOL_CALL) ? TOKEN_CONTROL : TOKEN_USER_DEFINED;
}

static const char *spell(struct arena *arena, struct str text)
{
    struct buf buf;
    buf_init(&buf, 1 << 16);
    const char *copy = tokenizer_spell(text, &buf) ? arena_strdup(arena, buf_str(&buf)) : NULL;
    buf_deinit(&buf);
    return copy;
}

static bool set_vocabulary(struct gguf_context *gguf, const struct tokenizer *tokenizer, struct arena *arena)
{
    uint32_t plain = tokenizer->count - SPECIAL_COUNT;
    const char **texts = ARENA_ARRAY(arena, const char *, tokenizer->count);
    const char **merges = ARENA_ARRAY(arena, const char *, tokenizer->merge_count + 1);
    int32_t *types = ARENA_ARRAY(arena, int32_t, tokenizer->count);
    if (!texts || !merges || !types)
        return false;
    for (uint32_t i = 0; i < tokenizer->count; i++) {
        texts[i] = i < plain ? spell(arena, tokenizer->texts[i]) : special_texts[i - plain];
        types[i] = token_type(tokenizer, i);
        if (!texts[i])
            return false;
    }
    for (uint32_t i = 0; i < tokenizer->merge_count; i++) {
        struct token_merge merge = tokenizer->merges[i];
        merges[i] = arena_printf(arena, "%s %s", texts[merge.left], texts[merge.right]).data;
        if (!merges[i])
            return false;
    }
    gguf_set_arr_str(gguf, "tokenizer.ggml.tokens", texts, tokenizer->count);
    gguf_set_arr_data(gguf, "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types, tokenizer->count);
    gguf_set_arr_str(gguf, "tokenizer.ggml.merges", merges, tokenizer->merge_count);
    return true;
}

static bool set_tokenizer(struct gguf_context *gguf, const struct tokenizer *tokenizer, struct arena *arena)
{
    uint32_t end = (uint32_t)tokenizer_special(tokenizer, SPECIAL_END_OF_TEXT);
    gguf_set_val_str(gguf, "tokenizer.ggml.model", "gpt2");
    gguf_set_val_str(gguf, "tokenizer.ggml.pre", PRETOKEN_NAME(tokenizer->digits));
    gguf_set_val_u32(gguf, "tokenizer.ggml.bos_token_id", end);
    gguf_set_val_u32(gguf, "tokenizer.ggml.eos_token_id", (uint32_t)tokenizer_special(tokenizer, SPECIAL_IM_END));
    gguf_set_val_u32(gguf, "tokenizer.ggml.padding_token_id", end);
    gguf_set_val_bool(gguf, "tokenizer.ggml.add_bos_token", false);
    gguf_set_val_str(gguf, "tokenizer.chat_template", chatml_jinja);
    return set_vocabulary(gguf, tokenizer, arena);
}

/* --- tensors ---------------------------------------------------------------------------------------- */

/* Every tensor is copied into `ctx` in its file type: the GGUF writer keeps
 * pointers until the file is written. */
static enum ggml_type type_of(const struct param *param, enum export_type type)
{
    if (type == EXPORT_ADAPTER)
        return GGML_TYPE_F16;
    return type == EXPORT_Q8_0 && param->kind != PARAM_NORM ? GGML_TYPE_Q8_0 : GGML_TYPE_F32;
}

/* `floats` has room for the largest. */
static bool add_tensor(struct gguf_context *gguf, struct ggml_context *ctx, const struct weights *weights,
                       const struct param *param, enum export_type type, float *floats)
{
    const struct ggml_tensor *weight = param->weight;
    struct ggml_tensor *copy = ggml_new_tensor(ctx, type_of(param, type), ggml_n_dims(weight), weight->ne);
    if (!copy)
        return false;
    ggml_set_name(copy, weight->name);
    const bool is_plain = copy->type == GGML_TYPE_F32;
    weights_merged(weights, param, is_plain ? copy->data : floats);
    if (!is_plain)
        ggml_quantize_chunk(copy->type, floats, copy->data, 0, weight->ne[1], weight->ne[0], NULL);
    gguf_add_tensor(gguf, copy);
    return true;
}

/* An adapter's file has the adapters, any other the matrices with the adapters' products in them. */
static bool is_in_file(const struct param *param, enum export_type type)
{
    return (param->kind == PARAM_ADAPTER) == (type == EXPORT_ADAPTER);
}

static struct ggml_context *add_tensors(struct gguf_context *gguf, const struct weights *weights,
                                        enum export_type type)
{
    size_t count = 0, largest = 0;
    for (size_t i = 0; i < weights->param_count; i++) {
        const size_t own = param_count(&weights->params[i]);
        count += is_in_file(&weights->params[i], type) ? own : 0;
        largest = own > largest ? own : largest;
    }
    struct ggml_init_params init = {.mem_size = count * sizeof(float) +
                                                (weights->param_count + 1) * (ggml_tensor_overhead() + 64)};
    struct ggml_context *ctx = ggml_init(init);
    float *floats = mem_calloc(largest, sizeof(*floats));
    bool is_ok = ctx && floats;
    for (size_t i = 0; is_ok && i < weights->param_count; i++)
        if (is_in_file(&weights->params[i], type))
            is_ok = add_tensor(gguf, ctx, weights, &weights->params[i], type, floats);
    mem_free(floats);
    if (!is_ok && ctx)
        ggml_free(ctx);
    return is_ok ? ctx : NULL;
}

enum error_code export_write(const char *path, const struct gguf_context *gguf, struct error *error)
{
    char temporary[4096];
    snprintf(temporary, sizeof(temporary), "%s.tmp", path);
    if (!gguf_write_to_file(gguf, temporary, false))
        return error_set(error, ERROR_IO, "%s: can't be written", temporary);
    if (rename(temporary, path) != 0) {
        int os_errno = errno;
        unlink(temporary);
        return error_set_errno(error, ERROR_IO, os_errno, "%s", path);
    }
    return OK;
}

enum error_code export_model(const char *path, const char *name, enum export_type type, const struct weights *weights,
                             const struct tokenizer *tokenizer, const struct pretrained *pretrained,
                             const struct provenance *provenance, struct error *error)
{
    struct arena arena;
    struct gguf_context *gguf = gguf_init_empty();
    struct ggml_context *ctx = NULL;
    arena_init(&arena, 0);
    enum error_code code = OK;
    if (type != EXPORT_ADAPTER && pretrained)
        gguf_set_kv(gguf, pretrained->gguf);
    set_general(gguf, name, type, provenance);
    if (type == EXPORT_ADAPTER)
        set_adapter(gguf, &weights->tuning, pretrained);
    else
        set_shape(gguf, &weights->shape);
    if ((!pretrained && !set_tokenizer(gguf, tokenizer, &arena)) || !(ctx = add_tensors(gguf, weights, type)))
        code = error_no_memory(error);
    if (!code)
        code = export_write(path, gguf, error);
    if (ctx)
        ggml_free(ctx);
    gguf_free(gguf);
    arena_deinit(&arena);
    return code;
}
