/* weights.c - allocates parameters and gradients and gives them their names. Initial values are drawn here, too. See
 * weights.h. */
#include "distill/weights.h"

#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <math.h>

#include "core/mem.h"
#include "distill/frozen.h"

#define PARAMS_PER_LAYER (9 + 2 * MATRIX_COUNT)
#define PARAMS_OUTSIDE 3

static bool is_trained(const struct weights *w, enum param_kind kind)
{
    if (w->tuning.is_all_frozen)
        return false;
    if (w->tuning.rank > 0)
        return kind == PARAM_ADAPTER;
    return kind != PARAM_EMBEDDING || !w->tuning.is_embedding_frozen;
}

static struct ggml_tensor *add_param(struct weights *w, enum param_kind kind, int64_t inputs, int64_t outputs,
                                     const char *name)
{
    struct param *param = &w->params[w->param_count++];
    int dims = kind == PARAM_NORM ? 1 : 2;
    int64_t ne[2] = {inputs, outputs};
    param->kind = kind;
    param->weight = ggml_new_tensor(w->ctx, GGML_TYPE_F32, dims, ne);
    ggml_set_name(param->weight, name);
    if (is_trained(w, kind)) {
        param->grad = ggml_new_tensor(w->ctx, GGML_TYPE_F32, dims, ne);
        ggml_set_param(param->weight);
    }
    return param->weight;
}

static struct ggml_tensor *add_layer_param(struct weights *w, enum param_kind kind, int64_t inputs, int64_t outputs,
                                           uint32_t layer, const char *name)
{
    struct ggml_tensor *weight = add_param(w, kind, inputs, outputs, "");
    ggml_format_name(weight, "blk.%u.%s.weight", layer, name);
    return weight;
}

/* By the names that llama.cpp's adapters have. */
static void add_adapter(struct weights *w, struct layer_weights *layer, enum matrix matrix, struct ggml_tensor *weight)
{
    const struct tuning *tuning = &w->tuning;
    struct adapter *adapter = &layer->adapters[matrix];
    if (tuning->rank == 0 || !(tuning->targets & 1u << matrix))
        return;
    adapter->a = add_param(w, PARAM_ADAPTER, weight->ne[0], tuning->rank, "");
    adapter->b = add_param(w, PARAM_ADAPTER, tuning->rank, weight->ne[1], "");
    adapter->scale = tuning->alpha / (float)tuning->rank;
    ggml_format_name(adapter->a, "%s.lora_a", weight->name);
    ggml_format_name(adapter->b, "%s.lora_b", weight->name);
}

static void add_adapters(struct weights *w, struct layer_weights *l)
{
    struct ggml_tensor *matrices[MATRIX_COUNT];
    layer_matrices(l, matrices);
    for (int i = 0; i < MATRIX_COUNT; i++)
        add_adapter(w, l, (enum matrix)i, matrices[i]);
}

static void add_layer(struct weights *w, uint32_t layer)
{
    const struct model_shape *shape = &w->shape;
    int64_t d = shape->width, f = shape->feed_forward;
    int64_t kv = (int64_t)shape->kv_heads * model_shape_head_size(shape);
    struct layer_weights *l = &w->layers[layer];
    l->attn_norm = add_layer_param(w, PARAM_NORM, d, 1, layer, "attn_norm");
    l->attn_q = add_layer_param(w, PARAM_MATRIX, d, d, layer, "attn_q");
    l->attn_k = add_layer_param(w, PARAM_MATRIX, d, kv, layer, "attn_k");
    l->attn_v = add_layer_param(w, PARAM_MATRIX, d, kv, layer, "attn_v");
    l->attn_output = add_layer_param(w, PARAM_MATRIX, d, d, layer, "attn_output");
    l->ffn_norm = add_layer_param(w, PARAM_NORM, d, 1, layer, "ffn_norm");
    l->ffn_gate = add_layer_param(w, PARAM_MATRIX, d, f, layer, "ffn_gate");
    l->ffn_up = add_layer_param(w, PARAM_MATRIX, d, f, layer, "ffn_up");
    l->ffn_down = add_layer_param(w, PARAM_MATRIX, f, d, layer, "ffn_down");
    add_adapters(w, l);
}

static enum error_code make_weights(const struct model_shape *shape, const struct tuning *tuning,
                                    struct weights **weights, struct error *error)
{
    struct weights *w = mem_calloc(1, sizeof(*w));
    if (!w)
        return error_no_memory(error);
    size_t most = (size_t)shape->layers * PARAMS_PER_LAYER + PARAMS_OUTSIDE;
    struct ggml_init_params init = {.mem_size = (2 * most + 1) * ggml_tensor_overhead(), .no_alloc = true};
    w->shape = *shape;
    w->tuning = *tuning;
    w->params = mem_calloc(most, sizeof(*w->params));
    w->layers = mem_calloc(shape->layers, sizeof(*w->layers));
    w->ctx = ggml_init(init);
    if (!w->params || !w->layers || !w->ctx) {
        weights_free(w);
        return error_no_memory(error);
    }

    w->embedding = add_param(w, PARAM_EMBEDDING, shape->width, shape->vocabulary, "token_embd.weight");
    for (uint32_t i = 0; i < shape->layers; i++)
        add_layer(w, i);
    w->output_norm = add_param(w, PARAM_NORM, shape->width, 1, "output_norm.weight");
    w->head = shape->is_tied ? w->embedding
                             : add_param(w, PARAM_EMBEDDING, shape->width, shape->vocabulary, "output.weight");

    w->buffer = ggml_backend_alloc_ctx_tensors_from_buft(w->ctx, ggml_backend_cpu_buffer_type());
    if (!w->buffer) {
        weights_free(w);
        return error_no_memory(error);
    }
    weights_zero_grads(w);
    *weights = w;
    return OK;
}

enum error_code weights_new(const struct model_shape *shape, struct weights **weights, struct error *error)
{
    return make_weights(shape, &(struct tuning){0}, weights, error);
}

void weights_free(struct weights *weights)
{
    if (!weights)
        return;
    frozen_free(weights->frozen);
    if (weights->buffer)
        ggml_backend_buffer_free(weights->buffer);
    if (weights->ctx)
        ggml_free(weights->ctx);
    mem_free(weights->layers);
    mem_free(weights->params);
    mem_free(weights);
}

/* The tensors of the values are the other's, so layers and names are as well. */
static enum error_code share_params(const struct weights *weights, struct weights *s, struct error *error)
{
    struct ggml_init_params init = {.mem_size = (weights->param_count + 1) * ggml_tensor_overhead(), .no_alloc = true};
    s->ctx = ggml_init(init);
    s->params = mem_calloc(weights->param_count, sizeof(*s->params));
    s->layers = mem_calloc(weights->shape.layers, sizeof(*s->layers));
    if (!s->ctx || !s->params || !s->layers)
        return error_no_memory(error);
    memcpy(s->layers, weights->layers, weights->shape.layers * sizeof(*s->layers));
    for (size_t i = 0; i < weights->param_count; i++) {
        s->params[i] = weights->params[i];
        if (weights->params[i].grad)
            s->params[i].grad = ggml_dup_tensor(s->ctx, weights->params[i].grad);
    }
    s->buffer = ggml_backend_alloc_ctx_tensors_from_buft(s->ctx, ggml_backend_cpu_buffer_type());
    return s->buffer ? OK : error_no_memory(error);
}

enum error_code weights_share(const struct weights *weights, struct weights **shared, struct error *error)
{
    struct weights *s = mem_calloc(1, sizeof(*s));
    if (!s)
        return error_no_memory(error);
    *s = *weights;
    s->ctx = NULL;
    s->buffer = NULL;
    s->params = NULL;
    s->layers = NULL;
    s->frozen = NULL;
    enum error_code code = share_params(weights, s, error);
    if (code) {
        weights_free(s);
        return code;
    }
    weights_zero_grads(s);
    *shared = s;
    return OK;
}

size_t weights_gradient_bytes(const struct weights *weights)
{
    size_t bytes = 0;
    for (size_t i = 0; i < weights->param_count; i++)
        bytes += weights->params[i].grad ? ggml_nbytes(weights->params[i].grad) : 0;
    return bytes;
}

static float normal(struct rng *rng)
{
    double u = 1.0 - rng_unit(rng), v = rng_unit(rng); /* Box and Muller; u is never 0 */
    return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}

static bool writes_residual(const struct weights *weights, const struct param *param)
{
    for (uint32_t i = 0; i < weights->shape.layers; i++)
        if (param->weight == weights->layers[i].attn_output || param->weight == weights->layers[i].ffn_down)
            return true;
    return false;
}

void weights_init(struct weights *weights, struct rng *rng)
{
    for (size_t i = 0; i < weights->param_count; i++) {
        const struct param *param = &weights->params[i];
        float *data = param_data(param);
        float deviation = param->kind == PARAM_EMBEDDING ? 0.02f : 1.0f / sqrtf((float)param->weight->ne[0]);
        if (writes_residual(weights, param))
            deviation = 0.0f;
        for (size_t j = 0; j < param_count(param); j++)
            data[j] = param->kind == PARAM_NORM ? 1.0f : deviation * normal(rng);
    }
}

static void init_adapter(const struct adapter *adapter, struct rng *rng)
{
    if (!adapter->a)
        return;
    const float deviation = 1.0f / sqrtf((float)adapter->a->ne[0]);
    for (int64_t i = 0; i < ggml_nelements(adapter->a); i++)
        ((float *)adapter->a->data)[i] = deviation * normal(rng);
    memset(adapter->b->data, 0, ggml_nbytes(adapter->b));
}

enum error_code weights_new_tuned(const struct model_shape *shape, const struct tuning *tuning, struct rng *rng,
                                  struct weights **weights, struct error *error)
{
    const enum error_code code = make_weights(shape, tuning, weights, error);
    for (uint32_t i = 0; !code && i < shape->layers; i++)
        for (int j = 0; j < MATRIX_COUNT; j++)
            init_adapter(&(*weights)->layers[i].adapters[j], rng);
    return code;
}

/* --- adapters --------------------------------------------------------------------------------------- */

static const struct adapter *adapter_of(const struct weights *weights, const struct ggml_tensor *weight)
{
    for (uint32_t i = 0; i < weights->shape.layers; i++) {
        const struct layer_weights *l = &weights->layers[i];
        struct ggml_tensor *matrices[MATRIX_COUNT];
        layer_matrices(l, matrices);
        for (int j = 0; j < MATRIX_COUNT; j++)
            if (matrices[j] == weight)
                return l->adapters[j].a ? &l->adapters[j] : NULL;
    }
    return NULL;
}

void low_rank_add(const struct low_rank *product, float *matrix)
{
    const int64_t inputs = product->inputs, rank = product->rank;
    for (int64_t o = 0; o < product->outputs; o++)
        for (int64_t r = 0; r < rank; r++) {
            const float factor = product->scale * product->b[o * rank + r];
            for (int64_t i = 0; i < inputs; i++)
                matrix[o * inputs + i] += factor * product->a[r * inputs + i];
        }
}

void weights_merged(const struct weights *weights, const struct param *param, float *out)
{
    const struct adapter *adapter = adapter_of(weights, param->weight);
    memcpy(out, param_data(param), param_count(param) * sizeof(float));
    if (!adapter)
        return;
    const struct low_rank product = {adapter->a->data,     adapter->b->data,   param->weight->ne[0],
                                     param->weight->ne[1], adapter->a->ne[1], adapter->scale};
    low_rank_add(&product, out);
}

/* --- gradients -------------------------------------------------------------------------------------- */

void weights_zero_grads(struct weights *weights)
{
    for (size_t i = 0; i < weights->param_count; i++)
        if (weights->params[i].grad)
            memset(weights->params[i].grad->data, 0, ggml_nbytes(weights->params[i].grad));
}

void weights_add_grads(struct weights *weights, const struct weights *others)
{
    for (size_t i = 0; i < weights->param_count; i++) {
        if (!weights->params[i].grad)
            continue;
        float *sum = param_grad(&weights->params[i]);
        const float *grad = param_grad(&others->params[i]);
        for (size_t j = 0; j < param_count(&weights->params[i]); j++)
            sum[j] += grad[j];
    }
}

size_t weights_count(const struct weights *weights)
{
    size_t count = 0;
    for (size_t i = 0; i < weights->param_count; i++)
        if (weights->params[i].kind != PARAM_ADAPTER)
            count += param_count(&weights->params[i]);
    return count;
}
