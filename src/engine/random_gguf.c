/* random_gguf.c - see random_gguf.h. */
#include "engine/random_gguf.h"

#include <ggml.h>
#include <gguf.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "core/util.h"

#define SPECIALS 3
#define LETTERS 26u
#define MAMBA_KERNEL 4u
#define MAMBA_STATE 16u
#define MAMBA_RANK 4u
#define WORD_START "\xe2\x96\x81" /* before the first piece of a word, in a vocabulary of words */
#define WORD_SPECIALS 104u /* tokens up to the last that has a number of its own there */
#define POST_NORM 4.0f /* of gemma2: with a tied head the last token would else repeat itself */
#define MAMBA_STEP_BIAS (-3.0f) /* before softplus: a token is half forgotten after about 14 more */

static const char *const special_texts[SPECIALS] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};

static const char chatml[] =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + "
    "'\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

struct builder {
    const struct random_gguf_options *options;
    struct arena arena;
    struct gguf_context *gguf;
    struct ggml_context *ggml;
    struct rng rng;
    enum ggml_type type, dear; /* of matrices; of those that bear least of it */
};

/* --- vocabulary ------------------------------------------------------------------------------------- */

/* The printable stand-in that byte-level BPE files use for a byte. */
static uint32_t byte_code_point(uint32_t byte)
{
    uint32_t shifted = 0;
    for (uint32_t b = 0; b < 256; b++) {
        const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        if (b == byte)
            return printable ? b : 256 + shifted;
        shifted += !printable;
    }
    return 0;
}

static const char *byte_text(struct arena *arena, uint32_t byte)
{
    const uint32_t point = byte_code_point(byte);
    if (point < 128)
        return arena_printf(arena, "%c", (int)point).data;
    return arena_printf(arena, "%c%c", (int)(0xC0 | point >> 6), (int)(0x80 | (point & 0x3F))).data;
}

static void put_vocabulary(struct builder *b)
{
    const uint32_t count = b->options->vocabulary, plain = count - SPECIALS;
    const char **texts = ARENA_ARRAY(&b->arena, const char *, count);
    const char **merges = ARENA_ARRAY(&b->arena, const char *, count);
    int32_t *types = ARENA_ARRAY(&b->arena, int32_t, count);
    size_t merge_count = 0;
    uint32_t token = 0;
    for (; token < 256; token++)
        texts[token] = byte_text(&b->arena, token);
    for (uint32_t pair = 0; pair < LETTERS * LETTERS && token < plain; pair++, token++) {
        const int first = (int)('a' + pair / LETTERS), second = (int)('a' + pair % LETTERS);
        texts[token] = arena_printf(&b->arena, "%c%c", first, second).data;
        merges[merge_count++] = arena_printf(&b->arena, "%c %c", first, second).data;
    }
    for (; token < plain; token++)
        texts[token] = arena_printf(&b->arena, "%sw%u", byte_text(&b->arena, ' '), token).data;
    for (uint32_t i = 0; i < SPECIALS; i++, token++)
        texts[token] = special_texts[i];
    for (uint32_t i = 0; i < count; i++)
        types[i] = i < plain ? 1 : 3; /* normal, control */
    gguf_set_val_str(b->gguf, "tokenizer.ggml.model", "gpt2");
    gguf_set_val_str(b->gguf, "tokenizer.ggml.pre", "gpt-2");
    gguf_set_arr_str(b->gguf, "tokenizer.ggml.tokens", texts, count);
    gguf_set_arr_data(b->gguf, "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types, count);
    gguf_set_arr_str(b->gguf, "tokenizer.ggml.merges", merges, merge_count);
    gguf_set_val_u32(b->gguf, "tokenizer.ggml.bos_token_id", plain);
    gguf_set_val_u32(b->gguf, "tokenizer.ggml.eos_token_id", plain + 2);
    gguf_set_val_bool(b->gguf, "tokenizer.ggml.add_bos_token", false);
    gguf_set_val_str(b->gguf, "tokenizer.chat_template", chatml);
}

/* Letters and pairs of them, each as the beginning of a word and inside one. */
static const char *word_text(struct builder *b, uint32_t number)
{
    const char *start = number % 2 ? "" : WORD_START;
    const uint32_t letter = number / 2;
    if (letter < LETTERS)
        return arena_printf(&b->arena, "%s%c", start, (int)('a' + letter)).data;
    const uint32_t pair = letter - LETTERS;
    if (pair < LETTERS * LETTERS)
        return arena_printf(&b->arena, "%s%c%c", start, (int)('a' + pair / LETTERS), (int)('a' + pair % LETTERS)).data;
    return arena_printf(&b->arena, WORD_START "w%u", number).data;
}

static void put_words(struct builder *b)
{
    static const char *const specials[] = {"[UNK]", "[CLS]", "[SEP]", "[MASK]"}; /* from 100 on */
    const uint32_t count = b->options->vocabulary;
    const char **texts = ARENA_ARRAY(&b->arena, const char *, count);
    int32_t *types = ARENA_ARRAY(&b->arena, int32_t, count);
    for (uint32_t token = 0; token < count; token++) {
        types[token] = token < WORD_SPECIALS ? 3 : 1;
        texts[token] = token >= WORD_SPECIALS ? word_text(b, token - WORD_SPECIALS)
                                              : arena_printf(&b->arena, "[unused%u]", token).data;
        if (token >= 100 && token < WORD_SPECIALS)
            texts[token] = specials[token - 100];
    }
    texts[0] = "[PAD]";
    gguf_set_val_str(b->gguf, "tokenizer.ggml.model", "bert");
    gguf_set_arr_str(b->gguf, "tokenizer.ggml.tokens", texts, count);
    gguf_set_arr_data(b->gguf, "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types, count);
    gguf_set_val_u32(b->gguf, "tokenizer.ggml.token_type_count", 2);
}

static const char *const architectures[] = {"llama", "mamba", "gemma2", "bert"};

static const char *key_of(struct builder *b, const char *key)
{
    return arena_printf(&b->arena, "%s.%s", architectures[b->options->kind], key).data;
}

static void put_mamba_shape(struct builder *b)
{
    const struct random_gguf_options *o = b->options;
    gguf_set_val_u32(b->gguf, key_of(b, "ssm.conv_kernel"), MAMBA_KERNEL);
    gguf_set_val_u32(b->gguf, key_of(b, "ssm.inner_size"), o->feed_forward);
    gguf_set_val_u32(b->gguf, key_of(b, "ssm.state_size"), MAMBA_STATE);
    gguf_set_val_u32(b->gguf, key_of(b, "ssm.time_step_rank"), MAMBA_RANK);
}

static void put_shape(struct builder *b)
{
    const struct random_gguf_options *o = b->options;
    const bool is_mamba = o->kind == RANDOM_GGUF_MAMBA;
    gguf_set_val_str(b->gguf, "general.architecture", architectures[o->kind]);
    gguf_set_val_str(b->gguf, "general.name", "random");
    gguf_set_val_u32(b->gguf, key_of(b, "block_count"), o->layers);
    gguf_set_val_u32(b->gguf, key_of(b, "context_length"), o->context);
    gguf_set_val_u32(b->gguf, key_of(b, "embedding_length"), o->width);
    gguf_set_val_u32(b->gguf, key_of(b, "feed_forward_length"), is_mamba ? 0 : o->feed_forward);
    gguf_set_val_u32(b->gguf, key_of(b, "attention.head_count"), is_mamba ? 0 : o->heads);
    gguf_set_val_f32(b->gguf, key_of(b, "attention.layer_norm_rms_epsilon"), 1e-5f);
    gguf_set_val_u32(b->gguf, key_of(b, "vocab_size"), o->vocabulary);
    if (o->pooling > 0)
        gguf_set_val_u32(b->gguf, key_of(b, "pooling_type"), o->pooling);
    if (is_mamba) {
        put_mamba_shape(b);
        return;
    }
    if (o->kind == RANDOM_GGUF_BERT) {
        gguf_set_val_bool(b->gguf, key_of(b, "attention.causal"), false);
        gguf_set_val_f32(b->gguf, key_of(b, "attention.layer_norm_epsilon"), 1e-12f);
        return;
    }
    gguf_set_val_u32(b->gguf, key_of(b, "attention.head_count_kv"), o->kv_heads);
    gguf_set_val_u32(b->gguf, key_of(b, "rope.dimension_count"), o->width / o->heads);
    gguf_set_val_f32(b->gguf, key_of(b, "rope.freq_base"), 10000.0f);
    if (o->kind == RANDOM_GGUF_GEMMA2)
        gguf_set_val_u32(b->gguf, key_of(b, "attention.sliding_window"), o->window);
}

/* --- weights ---------------------------------------------------------------------------------------- */

static float uniform(struct rng *rng, float spread)
{
    return ((float)(rng_next(rng) >> 40) * (1.0f / (1 << 23)) - 1.0f) * spread;
}

/* weights[rows][columns], variance 1/columns, so activations keep their size. */
static void put_matrix(struct builder *b, const char *name, uint32_t columns, uint32_t rows, float scale,
                       enum ggml_type type)
{
    type = columns % (uint32_t)ggml_blck_size(type) == 0 ? type : GGML_TYPE_F32;
    struct ggml_tensor *tensor = ggml_new_tensor_2d(b->ggml, type, columns, rows);
    const float spread = scale * sqrtf(3.0f / (float)columns);
    float *row = ARENA_ARRAY(&b->arena, float, columns);
    const size_t row_bytes = ggml_row_size(type, columns);
    for (uint32_t r = 0; r < rows; r++) {
        void *out = (char *)tensor->data + (size_t)r * row_bytes;
        for (uint32_t c = 0; c < columns; c++)
            row[c] = uniform(&b->rng, spread);
        ggml_quantize_chunk(type, row, out, 0, 1, columns, NULL);
    }
    ggml_set_name(tensor, name);
    gguf_add_tensor(b->gguf, tensor);
}

/* Zero rows of the head: the special tokens' logits are 0 where the largest of
 * the others is about 6, so replies hardly ever end by themselves. */
static void silence_specials(struct builder *b, const char *name)
{
    struct ggml_tensor *head = ggml_get_tensor(b->ggml, name);
    const size_t row_bytes = ggml_row_size(head->type, head->ne[0]);
    memset((char *)head->data + row_bytes * (b->options->vocabulary - SPECIALS), 0, row_bytes * SPECIALS);
}

static void put_constant(struct builder *b, const char *name, uint32_t count, float value)
{
    struct ggml_tensor *tensor = ggml_new_tensor_1d(b->ggml, GGML_TYPE_F32, count);
    for (uint32_t i = 0; i < count; i++)
        ((float *)tensor->data)[i] = value;
    ggml_set_name(tensor, name);
    gguf_add_tensor(b->gguf, tensor);
}

/* [inner][state]: how fast each part of the state decays. */
static void put_decay(struct builder *b, const char *name)
{
    struct ggml_tensor *tensor = ggml_new_tensor_2d(b->ggml, GGML_TYPE_F32, MAMBA_STATE, b->options->feed_forward);
    for (uint32_t i = 0; i < MAMBA_STATE * b->options->feed_forward; i++)
        ((float *)tensor->data)[i] = -(float)(i % MAMBA_STATE + 1);
    ggml_set_name(tensor, name);
    gguf_add_tensor(b->gguf, tensor);
}

struct matrix {
    const char *name;
    uint32_t columns, rows;
    bool is_dear;
};

static const char *layer_name(struct builder *b, uint32_t layer, const char *name)
{
    return arena_printf(&b->arena, "blk.%u.%s", layer, name).data;
}

/* The first and last eighth of the layers, and every third between. */
static bool has_more_bits(const struct builder *b, uint32_t layer)
{
    const uint32_t layers = b->options->layers;
    return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

static void put_matrices(struct builder *b, uint32_t layer, const struct matrix *matrices, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_matrix(b, layer_name(b, layer, matrices[i].name), matrices[i].columns, matrices[i].rows, 1.0f,
                   matrices[i].is_dear && has_more_bits(b, layer) ? b->dear : b->type);
}

static void put_mamba_layer(struct builder *b, uint32_t layer)
{
    const uint32_t width = b->options->width, inner = b->options->feed_forward;
    const struct matrix matrices[] = {
        {"ssm_in.weight", width, 2 * inner, false},  {"ssm_conv1d.weight", MAMBA_KERNEL, inner, false},
        {"ssm_dt.weight", MAMBA_RANK, inner, false}, {"ssm_x.weight", inner, MAMBA_RANK + 2 * MAMBA_STATE, false},
        {"ssm_out.weight", inner, width, false},
    };
    put_matrices(b, layer, matrices, sizeof(matrices) / sizeof(matrices[0]));
    put_constant(b, layer_name(b, layer, "attn_norm.weight"), width, 1.0f);
    put_constant(b, layer_name(b, layer, "ssm_conv1d.bias"), inner, 0.0f);
    put_constant(b, layer_name(b, layer, "ssm_dt.bias"), inner, MAMBA_STEP_BIAS);
    put_constant(b, layer_name(b, layer, "ssm_d"), inner, 1.0f);
    put_decay(b, layer_name(b, layer, "ssm_a"));
}

static void put_layer(struct builder *b, uint32_t layer)
{
    const struct random_gguf_options *o = b->options;
    const uint32_t kv = o->width / o->heads * o->kv_heads;
    const struct matrix matrices[] = {
        {"attn_q.weight", o->width, o->width, false},
        {"attn_k.weight", o->width, kv, false},
        {"attn_v.weight", o->width, kv, true},
        {"attn_output.weight", o->width, o->width, false},
        {"ffn_gate.weight", o->width, o->feed_forward, false},
        {"ffn_up.weight", o->width, o->feed_forward, false},
        {"ffn_down.weight", o->feed_forward, o->width, true},
    };
    static const char *const norms[] = {"attn_norm.weight", "ffn_norm.weight", "post_attention_norm.weight",
                                        "post_ffw_norm.weight"};
    put_matrices(b, layer, matrices, sizeof(matrices) / sizeof(matrices[0]));
    for (size_t i = 0; i < (o->kind == RANDOM_GGUF_GEMMA2 ? 4 : 2); i++)
        put_constant(b, layer_name(b, layer, norms[i]), o->width, i < 2 ? 1.0f : POST_NORM);
}

static void put_norm(struct builder *b, const char *name, uint32_t width)
{
    put_constant(b, arena_printf(&b->arena, "%s.weight", name).data, width, 1.0f);
    put_constant(b, arena_printf(&b->arena, "%s.bias", name).data, width, 0.0f);
}

static void put_bert(struct builder *b)
{
    const struct random_gguf_options *o = b->options;
    const struct matrix matrices[] = {
        {"attn_q.weight", o->width, o->width, false},          {"attn_k.weight", o->width, o->width, false},
        {"attn_v.weight", o->width, o->width, false},          {"attn_output.weight", o->width, o->width, false},
        {"ffn_up.weight", o->width, o->feed_forward, false},   {"ffn_down.weight", o->feed_forward, o->width, false},
    };
    put_matrix(b, "token_embd.weight", o->width, o->vocabulary, sqrtf((float)o->width), b->type);
    put_matrix(b, "token_types.weight", o->width, 2, 1.0f, GGML_TYPE_F32);
    put_matrix(b, "position_embd.weight", o->width, o->context, 1.0f, GGML_TYPE_F32);
    put_norm(b, "token_embd_norm", o->width);
    for (uint32_t layer = 0; layer < o->layers; layer++) {
        put_matrices(b, layer, matrices, sizeof(matrices) / sizeof(matrices[0]));
        put_norm(b, layer_name(b, layer, "attn_output_norm"), o->width);
        put_norm(b, layer_name(b, layer, "layer_output_norm"), o->width);
    }
}

static void put_weights(struct builder *b)
{
    const struct random_gguf_options *o = b->options;
    if (o->kind == RANDOM_GGUF_BERT) {
        put_bert(b);
        return;
    }
    const bool is_tied = o->kind == RANDOM_GGUF_GEMMA2;
    put_matrix(b, "token_embd.weight", o->width, o->vocabulary, is_tied ? 1.0f : sqrtf((float)o->width),
               b->type);
    for (uint32_t layer = 0; layer < o->layers; layer++) {
        if (o->kind == RANDOM_GGUF_MAMBA)
            put_mamba_layer(b, layer);
        else
            put_layer(b, layer);
    }
    put_constant(b, "output_norm.weight", o->width, 1.0f);
    if (!is_tied)
        put_matrix(b, "output.weight", o->width, o->vocabulary, 2.0f, b->dear);
    silence_specials(b, is_tied ? "token_embd.weight" : "output.weight");
}

static size_t weights_bytes(const struct random_gguf_options *o)
{
    const size_t layer = (size_t)o->width * ((size_t)4 * o->width + (size_t)3 * o->feed_forward);
    const size_t values = layer * o->layers + (size_t)2 * o->width * o->vocabulary + (size_t)o->width * o->context;
    return values * sizeof(float) + ((size_t)16 << 20);
}

/* Types that can be made without knowing which weights matter. */
static bool find_type(const char *name, enum ggml_type *type)
{
    *type = GGML_TYPE_F32;
    for (int i = 0; name != NULL && i < GGML_TYPE_COUNT; i++) {
        *type = (enum ggml_type)i;
        if (ggml_type_name(*type) != NULL && strcmp(ggml_type_name(*type), name) == 0)
            return *type <= GGML_TYPE_F16 || *type == GGML_TYPE_BF16 ||
                   (ggml_is_quantized(*type) && !ggml_quantize_requires_imatrix(*type));
    }
    return name == NULL;
}

/* Or the mixture that most files have. */
static bool find_types(struct builder *b)
{
    const bool is_mixture = b->options->weights != NULL && strcmp(b->options->weights, "q4_K_M") == 0;
    const bool is_found = find_type(is_mixture ? "q4_K" : b->options->weights, &b->type);
    b->dear = is_mixture ? GGML_TYPE_Q6_K : b->type;
    return is_found;
}

enum error_code random_gguf_write(const struct random_gguf_options *options, const char *path, struct error *error)
{
    struct builder b = {.options = options};
    if (options->vocabulary < 256 + SPECIALS + 1 || options->heads == 0 || options->width % options->heads != 0 ||
        options->kv_heads == 0 || options->heads % options->kv_heads != 0 ||
        !find_types(&b))
        return error_set(error, ERROR_INVALID, "a model of this shape can't be made");
    b.gguf = gguf_init_empty();
    arena_init(&b.arena, 0);
    rng_seed(&b.rng, options->seed);
    b.ggml = ggml_init((struct ggml_init_params){.mem_size = weights_bytes(options)});
    if (b.gguf == NULL || b.ggml == NULL) {
        gguf_free(b.gguf);
        return error_no_memory(error);
    }
    put_shape(&b);
    if (options->kind == RANDOM_GGUF_BERT)
        put_words(&b);
    else
        put_vocabulary(&b);
    put_weights(&b);
    const bool written = gguf_write_to_file(b.gguf, path, false);
    gguf_free(b.gguf);
    ggml_free(b.ggml);
    arena_deinit(&b.arena);
    return written ? OK : error_set(error, ERROR_IO, "writing %s failed", path);
}
