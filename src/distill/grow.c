/* grow.c - copies and scales the weights of a smaller model into a larger one. Trains neither. See grow.h. */
#include "distill/grow.h"

#include "core/mem.h"

#define PART_LOW 0.25 /* of what a copy takes, before the copies of one thing are brought to 1 together */
#define PART_HIGH 0.75

/* Which old input, output or unit each new one is a copy of. */
struct map {
    uint32_t *old; /* (count) */
    uint32_t count, old_count;
};

struct growth {
    struct rng *rng;
    struct map width, units, query; /* residual stream, feed-forward units, rows of all query heads */
    struct map kv;                  /* rows of all key-value heads: each its own */
    double *sums;                   /* (largest map) */
};

static enum error_code make_map(struct map *map, uint32_t count, uint32_t old_count, struct error *error)
{
    map->count = count;
    map->old_count = old_count;
    map->old = mem_calloc(count, sizeof(*map->old));
    return map->old ? OK : error_no_memory(error);
}

static enum error_code make_maps(struct growth *growth, const struct model_shape *to, const struct model_shape *from,
                                 struct error *error)
{
    const uint32_t size = model_shape_head_size(from), copies = to->heads / from->heads;
    uint32_t most = to->width > to->feed_forward ? to->width : to->feed_forward;
    if (make_map(&growth->width, to->width, from->width, error) ||
        make_map(&growth->units, to->feed_forward, from->feed_forward, error) ||
        make_map(&growth->query, to->width, from->width, error) ||
        make_map(&growth->kv, size * to->kv_heads, size * from->kv_heads, error))
        return error->code;
    for (uint32_t i = 0; i < to->width; i++) {
        growth->width.old[i] = i % from->width;
        growth->query.old[i] = i / size / copies * size + i % size;
    }
    for (uint32_t i = 0; i < to->feed_forward; i++)
        growth->units.old[i] = i < from->feed_forward ? i : (uint32_t)(rng_unit(growth->rng) * from->feed_forward);
    for (uint32_t i = 0; i < growth->kv.count; i++)
        growth->kv.old[i] = i;
    growth->sums = mem_calloc(most, sizeof(*growth->sums));
    return growth->sums ? OK : error_no_memory(error);
}

static void free_maps(struct growth *growth)
{
    mem_free(growth->width.old);
    mem_free(growth->units.old);
    mem_free(growth->query.old);
    mem_free(growth->kv.old);
    mem_free(growth->sums);
}

/* A row of a matrix: copies of an input share its weight. */
static void grow_row(struct growth *growth, const struct map *inputs, float *row, const float *old_row)
{
    memset(growth->sums, 0, inputs->old_count * sizeof(*growth->sums));
    for (uint32_t i = 0; i < inputs->count; i++) {
        const double part = PART_LOW + (PART_HIGH - PART_LOW) * rng_unit(growth->rng);
        row[i] = (float)part;
        growth->sums[inputs->old[i]] += part;
    }
    for (uint32_t i = 0; i < inputs->count; i++)
        row[i] = (float)(row[i] / growth->sums[inputs->old[i]] * old_row[inputs->old[i]]);
}

static void grow_matrix(struct growth *growth, struct ggml_tensor *to, const struct ggml_tensor *from,
                        const struct map *inputs, const struct map *outputs)
{
    for (uint32_t i = 0; i < outputs->count; i++)
        grow_row(growth, inputs, (float *)to->data + (size_t)i * inputs->count,
                 (const float *)from->data + (size_t)outputs->old[i] * inputs->old_count);
}

/* Rows of the embedding and norms stand in each copy of the stream as they are, but for `scale`. */
static void repeat(const struct growth *growth, struct ggml_tensor *to, const struct ggml_tensor *from, float scale)
{
    const struct map *width = &growth->width;
    for (int64_t row = 0; row < to->ne[1]; row++)
        for (uint32_t i = 0; i < width->count; i++)
            ((float *)to->data)[row * width->count + i] =
                ((const float *)from->data)[row * width->old_count + width->old[i]] * scale;
}

static void grow_layer(struct growth *growth, const struct layer_weights *to, const struct layer_weights *from)
{
    const struct map *width = &growth->width;
    repeat(growth, to->attn_norm, from->attn_norm, 1.0f);
    repeat(growth, to->ffn_norm, from->ffn_norm, 1.0f);
    grow_matrix(growth, to->attn_q, from->attn_q, width, &growth->query);
    grow_matrix(growth, to->attn_k, from->attn_k, width, &growth->kv);
    grow_matrix(growth, to->attn_v, from->attn_v, width, &growth->kv);
    grow_matrix(growth, to->attn_output, from->attn_output, &growth->query, width);
    grow_matrix(growth, to->ffn_gate, from->ffn_gate, width, &growth->units);
    grow_matrix(growth, to->ffn_up, from->ffn_up, width, &growth->units);
    grow_matrix(growth, to->ffn_down, from->ffn_down, &growth->units, width);
}

static enum error_code check_shapes(const struct model_shape *to, const struct model_shape *from, struct error *error)
{
    if (to->vocabulary != from->vocabulary || to->is_tied != from->is_tied)
        return error_set(error, ERROR_CONFLICT, "vocabulary and tied must be those of the smaller model");
    if (to->width % from->width != 0 || to->heads % from->heads != 0 || to->kv_heads != from->kv_heads ||
        model_shape_head_size(to) != model_shape_head_size(from))
        return error_set(error, ERROR_CONFLICT,
                         "width %u and heads %u must be the same multiple of %u and %u, kv_heads must be %u", to->width,
                         to->heads, from->width, from->heads, from->kv_heads);
    if (to->layers < from->layers || to->feed_forward < from->feed_forward)
        return error_set(error, ERROR_CONFLICT, "layers and feed_forward must be at least %u and %u", from->layers,
                         from->feed_forward);
    if (to->rope_base != from->rope_base || to->norm_epsilon != from->norm_epsilon)
        return error_set(error, ERROR_CONFLICT, "rope_base and norm_epsilon must be those of the smaller model");
    return OK;
}

enum error_code weights_grow(struct weights *weights, const struct weights *from, struct rng *rng, struct error *error)
{
    struct growth growth = {.rng = rng};
    const struct model_shape *to = &weights->shape, *old = &from->shape;
    if (check_shapes(to, old, error) != OK)
        return error->code;
    const enum error_code code = make_maps(&growth, to, old, error);
    if (code == OK) {
        /* The head adds up all copies of the stream. */
        const float head_part = (float)old->width / (float)to->width;
        repeat(&growth, weights->embedding, from->embedding, 1.0f);
        repeat(&growth, weights->output_norm, from->output_norm, head_part);
        if (!to->is_tied)
            repeat(&growth, weights->head, from->head, 1.0f);
        for (uint32_t i = 0; i < old->layers; i++)
            grow_layer(&growth, &weights->layers[i * to->layers / old->layers], &from->layers[i]);
    }
    free_maps(&growth);
    return code;
}
