/* InvokeModel: bodies of the model's family. Those of models that make embeddings are read here: of Titan's text
 * embeddings, `{"inputText"}` to `{"embedding"}`. */
#include "api/bedrock/invoke_headers.h"
#include "api/embed.h"
#include "api/fields.h"

#define DIMENSIONS_MAX 65536

static const char *const types[] = {"float", "binary", NULL};
enum { TYPE_FLOAT = 1, TYPE_BINARY = 2 };

/* --- Titan text embeddings ---------------------------------------------------------------------------- */

/* Bits of TYPE_...; what the request says or its reply has. */
static enum error_code read_types(yyjson_val *root, unsigned *wanted, struct error *error)
{
    yyjson_val *list = NULL, *item;
    size_t i, max;
    enum error_code code = json_get_array(root, "", "embeddingTypes", &list, error);
    *wanted = 0;
    json_arr_foreach(list, i, max, item)
    {
        const int which = fields_index(json_str(item), types);
        if (code == OK && which < 0)
            code = error_set(error, ERROR_INVALID, "embeddingTypes[%zu]: must be one of float, binary", i);
        *wanted |= which < 0 ? 0 : 1u << which;
    }
    *wanted = *wanted ? *wanted : TYPE_FLOAT;
    return code;
}

static enum error_code parse(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const known[] = {"inputText", "dimensions", "normalize", "embeddingTypes", NULL};
    struct embed_request *embed = ARENA_NEW(request->arena, struct embed_request);
    struct embed_input *input = ARENA_NEW(request->arena, struct embed_input);
    int64_t dimensions = 0;
    bool is_normalised = true;
    unsigned wanted;
    if (!embed || !input)
        return error_no_memory(error);
    enum error_code code = fields_need_str(root, "", "inputText", 1, SIZE_MAX, &input->text, error);
    if (code == OK)
        code = json_get_int(root, "", "dimensions", 1, DIMENSIONS_MAX, &dimensions, NULL, error);
    if (code == OK)
        code = json_get_bool(root, "", "normalize", &is_normalised, NULL, error);
    if (code == OK && !is_normalised)
        code = error_set(error, ERROR_INVALID, "normalize: embeddings of this server have length 1; leave it out");
    if (code == OK)
        code = read_types(root, &wanted, error);
    if (code == OK)
        code = fields_known(request->ignored, root, "", known, error);
    *embed = (struct embed_request){.inputs = input, .count = 1, .dimensions = (uint32_t)dimensions};
    request->embed = embed;
    return code;
}

static void append_bits(struct buf *out, const float *values, uint32_t width)
{
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < width; i++)
        buf_append_text(out, values[i] > 0 ? (i > 0 ? ",1" : "1") : (i > 0 ? ",0" : "0"));
    buf_append_char(out, ']');
}

static bool write_reply(const struct chat_request *request, const struct embed_reply *reply, struct buf *out)
{
    const struct embeddings *made = reply->embeddings;
    unsigned wanted;
    struct error ignored;
    (void)!read_types(request->body, &wanted, &ignored);
    buf_append_char(out, '{');
    if (wanted & TYPE_FLOAT) {
        buf_append_text(out, "\"embedding\":");
        embed_append_numbers(out, made->values, made->width);
        buf_append_char(out, ',');
    }
    buf_append_text(out, "\"embeddingsByType\":{");
    if (wanted & TYPE_FLOAT) {
        buf_append_text(out, "\"float\":");
        embed_append_numbers(out, made->values, made->width);
    }
    if (wanted & TYPE_BINARY) {
        buf_append_text(out, wanted & TYPE_FLOAT ? ",\"binary\":" : "\"binary\":");
        append_bits(out, made->values, made->width);
    }
    return buf_appendf(out, "},\"inputTextTokenCount\":%llu}", (unsigned long long)made->input_tokens);
}

/* --- the operation ---------------------------------------------------------------------------------- */

void invoke_model(struct api_call *call)
{
    static const struct embed_format titan = {.parse = parse, .write = write_reply};
    if (str_find(call->resource, STR("amazon.titan-embed-text-v"), 0) >= 0)
        embed_run(call, &titan);
    else
        inference_run(call);
}
