/* pretrained.c - reads the shape and the weights of a GGUF file. Reads no tokenizer: that is tokenizer.c's. See
 * pretrained.h. */
#include "distill/pretrained.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/mem.h"
#include "core/str.h"
#include "engine/metadata.h"

enum error_code pretrained_open(const char *path, struct pretrained *pretrained, struct error *error)
{
    *pretrained = (struct pretrained){.path = path};
    pretrained->gguf = gguf_init_from_file(path, (struct gguf_init_params){.ctx = &pretrained->tensors});
    if (!pretrained->gguf)
        return error_set(error, ERROR_INVALID, "%s: not a readable GGUF file", path);
    return OK;
}

void pretrained_close(struct pretrained *pretrained)
{
    if (pretrained->gguf)
        gguf_free(pretrained->gguf);
    if (pretrained->tensors)
        ggml_free(pretrained->tensors);
    *pretrained = (struct pretrained){0};
}

/* --- shape ------------------------------------------------------------------------------------------ */

/* False: it is not there, or of another type. */
static bool get_u32(const struct pretrained *pretrained, const char *key, uint32_t *value)
{
    const int64_t at = metadata_find(pretrained->gguf, key, GGUF_TYPE_UINT32);
    if (at < 0)
        return false;
    *value = gguf_get_val_u32(pretrained->gguf, at);
    return true;
}

static void get_f32(const struct pretrained *pretrained, const char *key, float *value)
{
    const int64_t at = metadata_find(pretrained->gguf, key, GGUF_TYPE_FLOAT32);
    if (at >= 0)
        *value = gguf_get_val_f32(pretrained->gguf, at);
}

static bool is_text(const struct pretrained *pretrained, const char *key, const char *value)
{
    return strcmp(metadata_text(pretrained->gguf, key), value) == 0;
}

/* What changes the computation without a tensor of its own. */
static enum error_code check_rope(const struct pretrained *pretrained, struct model_shape *shape,
                                  struct error *error)
{
    uint32_t turned = model_shape_head_size(shape), key = turned, value = turned;
    (void)get_u32(pretrained, "llama.rope.dimension_count", &turned);
    (void)get_u32(pretrained, "llama.attention.key_length", &key);
    (void)get_u32(pretrained, "llama.attention.value_length", &value);
    if (turned != model_shape_head_size(shape) || key != turned || value != turned)
        return error_set(error, ERROR_INVALID,
                         "%s: heads of %u, %u and %u turned; the trainer knows heads of width / heads",
                         pretrained->path, key, value, turned);
    if (gguf_find_key(pretrained->gguf, "llama.rope.scaling.type") < 0 ||
        is_text(pretrained, "llama.rope.scaling.type", "none"))
        return OK;
    shape->yarn_original = shape->context;
    shape->yarn_attention = 1;
    get_f32(pretrained, "llama.rope.scaling.factor", &shape->yarn_factor);
    get_f32(pretrained, "llama.rope.scaling.attn_factor", &shape->yarn_attention);
    (void)get_u32(pretrained, "llama.rope.scaling.original_context_length", &shape->yarn_original);
    if (!is_text(pretrained, "llama.rope.scaling.type", "yarn") || !(shape->yarn_factor > 1))
        return error_set(error, ERROR_INVALID,
                         "%s: its positions are scaled (llama.rope.scaling.type); of the ways to do so the trainer "
                         "knows yarn",
                         pretrained->path);
    return OK;
}

enum error_code pretrained_shape(const struct pretrained *pretrained, struct model_shape *shape, struct error *error)
{
    const struct {
        const char *key;
        uint32_t *value;
    } needed[] = {
        {"llama.block_count", &shape->layers},
        {"llama.embedding_length", &shape->width},
        {"llama.attention.head_count", &shape->heads},
        {"llama.feed_forward_length", &shape->feed_forward},
        {"llama.context_length", &shape->context},
    };
    *shape = (struct model_shape){.rope_base = 10000.0f, .norm_epsilon = 1e-5f};
    if (!is_text(pretrained, "general.architecture", "llama"))
        return error_set(error, ERROR_INVALID, "%s: not of the llama architecture, the only one that can be trained",
                         pretrained->path);
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (!get_u32(pretrained, needed[i].key, needed[i].value) || *needed[i].value == 0)
            return error_set(error, ERROR_INVALID, "%s: no %s in it", pretrained->path, needed[i].key);
    shape->kv_heads = shape->heads;
    (void)get_u32(pretrained, "llama.attention.head_count_kv", &shape->kv_heads);
    if (shape->width % shape->heads != 0 || shape->kv_heads == 0 || shape->heads % shape->kv_heads != 0)
        return error_set(error, ERROR_INVALID, "%s: %u heads on %u of keys for a width of %u", pretrained->path,
                         shape->heads, shape->kv_heads, shape->width);
    get_f32(pretrained, "llama.rope.freq_base", &shape->rope_base);
    get_f32(pretrained, "llama.attention.layer_norm_rms_epsilon", &shape->norm_epsilon);
    const struct ggml_tensor *embedding = ggml_get_tensor(pretrained->tensors, "token_embd.weight");
    if (!embedding)
        return error_set(error, ERROR_INVALID, "%s: no token_embd.weight in it", pretrained->path);
    shape->vocabulary = (uint32_t)embedding->ne[1];
    shape->is_tied = ggml_get_tensor(pretrained->tensors, "output.weight") == NULL;
    return check_rope(pretrained, shape, error);
}

bool pretrained_is_quantised(const struct pretrained *pretrained)
{
    const struct ggml_tensor *matrix = ggml_get_tensor(pretrained->tensors, "blk.0.attn_q.weight");
    return matrix && ggml_is_quantized(matrix->type);
}

/* --- weights ---------------------------------------------------------------------------------------- */

static enum error_code to_floats(const struct pretrained *pretrained, const struct ggml_tensor *from, float *out,
                                 struct error *error)
{
    const ggml_to_float_t to_float = ggml_get_type_traits(from->type)->to_float;
    if (from->type == GGML_TYPE_F32)
        memcpy(out, from->data, ggml_nbytes(from));
    else if (to_float)
        to_float(from->data, out, ggml_nelements(from));
    else
        return error_set(error, ERROR_INVALID, "%s: %s is of type %s, which nothing turns to floats", pretrained->path,
                         from->name, ggml_type_name(from->type));
    return OK;
}

static enum error_code copy_tensor(const struct pretrained *pretrained, const struct param *param, struct error *error)
{
    struct ggml_tensor *weight = param->weight;
    const struct ggml_tensor *from = ggml_get_tensor(pretrained->tensors, weight->name);
    if (!from || !ggml_are_same_shape(from, weight))
        return error_set(error, ERROR_INVALID, "%s: %s is %s", pretrained->path, weight->name,
                         from ? "of another shape" : "missing");
    return to_floats(pretrained, from, weight->data, error);
}

/* A tensor that the graph has no place for would be left out of what is trained, and the model be another one. */
static enum error_code check_all_known(const struct pretrained *pretrained, const struct weights *weights,
                                       struct error *error)
{
    for (int64_t i = 0; i < gguf_get_n_tensors(pretrained->gguf); i++) {
        const char *name = gguf_get_tensor_name(pretrained->gguf, i);
        size_t at = 0;
        while (at < weights->param_count && strcmp(weights->params[at].weight->name, name) != 0)
            at++;
        if (at == weights->param_count)
            return error_set(error, ERROR_INVALID, "%s: it has a tensor %s, which the trainer's model lacks",
                             pretrained->path, name);
    }
    return OK;
}

enum error_code pretrained_copy(const struct pretrained *pretrained, struct weights *weights, struct error *error)
{
    enum error_code code = check_all_known(pretrained, weights, error);
    for (size_t i = 0; !code && i < weights->param_count; i++)
        if (weights->params[i].kind != PARAM_ADAPTER)
            code = copy_tensor(pretrained, &weights->params[i], error);
    return code;
}

/* --- adapters --------------------------------------------------------------------------------------- */

#define LORA_A ".lora_a"
#define LORA_B ".lora_b"

static enum error_code check_adapter(const struct pretrained *file, float *alpha, struct error *error)
{
    if (!is_text(file, "general.type", "adapter") || !is_text(file, "adapter.type", "lora"))
        return error_set(error, ERROR_INVALID, "%s: not an adapter of low rank (adapter.type lora)", file->path);
    if (!is_text(file, "general.architecture", "llama"))
        return error_set(error, ERROR_INVALID, "%s: not of the llama architecture", file->path);
    *alpha = 0.0f;
    get_f32(file, "adapter.lora.alpha", alpha);
    if (!(*alpha > 0.0f))
        return error_set(error, ERROR_INVALID, "%s: no adapter.lora.alpha in it", file->path);
    return OK;
}

/* The matrix that a tensor NAME.lora_a or NAME.lora_b stands beside. NULL: there is none. */
static struct ggml_tensor *target_of(const struct weights *weights, struct str name)
{
    if (!str_ends(name, STR(LORA_A)) && !str_ends(name, STR(LORA_B)))
        return NULL;
    const struct str target = str_slice(name, 0, name.len - strlen(LORA_A));
    for (size_t i = 0; i < weights->param_count; i++)
        if (weights->params[i].kind == PARAM_MATRIX && str_eq(str_of(weights->params[i].weight->name), target))
            return weights->params[i].weight;
    return NULL;
}

static enum error_code add_product(const struct pretrained *file, const struct ggml_tensor *a,
                                   const struct ggml_tensor *b, float alpha, struct ggml_tensor *weight,
                                   struct error *error)
{
    float *floats = mem_alloc((size_t)(ggml_nelements(a) + ggml_nelements(b)) * sizeof(float));
    if (!floats)
        return error_no_memory(error);
    const struct low_rank product = {floats,      floats + ggml_nelements(a), weight->ne[0], weight->ne[1],
                                     a->ne[1], alpha / (float)a->ne[1]};
    enum error_code code = to_floats(file, a, floats, error);
    if (!code)
        code = to_floats(file, b, floats + ggml_nelements(a), error);
    if (!code)
        low_rank_add(&product, weight->data);
    mem_free(floats);
    return code;
}

static enum error_code merge_tensor(const struct pretrained *file, const char *name, float alpha,
                                    struct weights *weights, struct error *error)
{
    char other[GGML_MAX_NAME + sizeof(LORA_A)];
    struct ggml_tensor *weight = target_of(weights, str_of(name));
    if (!weight)
        return error_set(error, ERROR_INVALID, "%s: it has a tensor %s, which stands beside no matrix of the model",
                         file->path, name);
    const bool is_a = str_ends(str_of(name), STR(LORA_A));
    (void)snprintf(other, sizeof(other), "%s%s", weight->name, is_a ? LORA_B : LORA_A);
    const struct ggml_tensor *a = ggml_get_tensor(file->tensors, name), *b = ggml_get_tensor(file->tensors, other);
    if (!b)
        return error_set(error, ERROR_INVALID, "%s: %s is missing", file->path, other);
    if (!is_a) /* with its other half */
        return OK;
    if (a->ne[0] != weight->ne[0] || b->ne[1] != weight->ne[1] || a->ne[1] != b->ne[0])
        return error_set(error, ERROR_INVALID,
                         "%s: it is of another model: beside %s (%lld to %lld) it has %lld to %lld, of rank %lld and "
                         "%lld", file->path, weight->name, (long long)weight->ne[0], (long long)weight->ne[1],
                         (long long)a->ne[0], (long long)b->ne[1], (long long)a->ne[1], (long long)b->ne[0]);
    return add_product(file, a, b, alpha, weight, error);
}

/* One half of an adapter that training goes on with, its values multiplied by `factor`. */
static enum error_code copy_adapter(const struct pretrained *file, const struct param *param, float factor,
                                    struct error *error)
{
    float *values = param->weight->data;
    const struct ggml_tensor *from = ggml_get_tensor(file->tensors, param->weight->name);
    if (!from || !ggml_are_same_shape(from, param->weight))
        return error_set(error, ERROR_INVALID, "%s: %s is %s", file->path, param->weight->name,
                         from ? "of another rank, or beside another model" : "missing");
    const enum error_code code = to_floats(file, from, values, error);
    for (int64_t i = 0; !code && i < ggml_nelements(from); i++)
        values[i] *= factor;
    return code;
}

/* It may lack nothing, and have nothing besides: what it adds to a matrix that is no target now would be lost. */
static enum error_code copy_adapters(const struct pretrained *file, float alpha, struct weights *weights,
                                     struct error *error)
{
    int64_t copied = 0;
    enum error_code code = OK;
    for (size_t i = 0; !code && i < weights->param_count; i++) {
        const struct param *param = &weights->params[i];
        if (param->kind != PARAM_ADAPTER)
            continue;
        const bool is_b = str_ends(str_of(param->weight->name), STR(LORA_B));
        code = copy_adapter(file, param, is_b ? alpha / weights->tuning.alpha : 1.0f, error);
        copied++;
    }
    if (!code && copied != gguf_get_n_tensors(file->gguf))
        code = error_set(error, ERROR_INVALID, "%s: it has more matrices than adapter.targets", file->path);
    return code;
}

enum error_code pretrained_copy_adapter(const char *path, struct weights *weights, struct error *error)
{
    struct pretrained file;
    float alpha = 0.0f;
    enum error_code code = pretrained_open(path, &file, error);
    if (!code)
        code = check_adapter(&file, &alpha, error);
    if (!code)
        code = copy_adapters(&file, alpha, weights, error);
    pretrained_close(&file);
    return code;
}

enum error_code pretrained_merge(const char *path, struct weights *weights, struct error *error)
{
    struct pretrained file;
    float alpha = 0.0f;
    enum error_code code = pretrained_open(path, &file, error);
    if (!code)
        code = check_adapter(&file, &alpha, error);
    for (int64_t i = 0; !code && i < gguf_get_n_tensors(file.gguf); i++)
        code = merge_tensor(&file, gguf_get_tensor_name(file.gguf, i), alpha, weights, error);
    pretrained_close(&file);
    return code;
}
