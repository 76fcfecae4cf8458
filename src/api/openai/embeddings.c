/* CreateEmbedding of OpenAI's API: strings or tokens, one or many, to numbers or base64. */
#include "api/embed.h"
#include "api/fields.h"
#include "api/needs.h"
#include "api/openai/dialect.h"

#define DIMENSIONS_MAX 65536

/* --- the request ------------------------------------------------------------------------------------ */

/* `[1, 2]` is one input of two tokens; everything else in brackets is one input each. */
static bool is_many(yyjson_val *input)
{
    return yyjson_is_arr(input) && !json_is_number(yyjson_arr_get_first(input));
}

static enum error_code parse_inputs(yyjson_val *input, struct chat_request *request, struct embed_request *embed,
                                    struct error *error)
{
    const size_t count = is_many(input) ? yyjson_arr_size(input) : 1;
    struct embed_input *inputs = ARENA_ARRAY(request->arena, struct embed_input, count + 1);
    enum error_code code = inputs ? OK : error_no_memory(error);
    size_t i, max;
    yyjson_val *item;
    embed->inputs = inputs;
    embed->count = count;
    if (code == OK && (count == 0 || count > EMBED_INPUTS_MAX))
        return error_set(error, ERROR_INVALID, "input: 1 to %u inputs in a request, got %zu", EMBED_INPUTS_MAX, count);
    if (code == OK && !is_many(input))
        return embed_parse_input(input, "input", request->arena, inputs, error);
    json_arr_foreach(input, i, max, item)
    {
        const struct field_path path = field_path_index("", "input", i);
        if (code == OK)
            code = embed_parse_input(item, path.text, request->arena, &inputs[i], error);
    }
    return code;
}

static enum error_code parse(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const known[] = {"model", "input", "dimensions", "encoding_format", "user", NULL};
    static const char *const formats[] = {"float", "base64", NULL};
    struct embed_request *embed = ARENA_NEW(request->arena, struct embed_request);
    yyjson_val *input = yyjson_obj_get(root, "input");
    int64_t dimensions = 0;
    int format = -1;
    if (!embed)
        return error_no_memory(error);
    if (!input || yyjson_is_null(input))
        return error_set(error, ERROR_INVALID, "input: required and missing");
    enum error_code code = parse_inputs(input, request, embed, error);
    if (code == OK)
        code = json_get_int(root, "", "dimensions", 1, DIMENSIONS_MAX, &dimensions, NULL, error);
    if (code == OK)
        code = fields_enum(root, "", "encoding_format", formats, &format, error);
    if (code == OK && !request->is_target_unknown) /* of an upstream, which gets the members as they came */
        code = fields_known(request->ignored, root, "", known, error);
    embed->dimensions = (uint32_t)dimensions;
    request->embed = embed;
    return code;
}

/* --- the reply -------------------------------------------------------------------------------------- */

static bool write_reply(const struct chat_request *request, const struct embed_reply *reply, struct buf *out)
{
    const struct embeddings *made = reply->embeddings;
    const bool is_base64 = str_eq(json_str(yyjson_obj_get(request->body, "encoding_format")), STR("base64"));
    const unsigned long long tokens = made->input_tokens;
    buf_append_text(out, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < made->count; i++) {
        const float *values = made->values + i * made->width;
        buf_appendf(out, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", i > 0 ? "," : "", i);
        if (is_base64)
            embed_append_base64(out, values, made->width);
        else
            embed_append_numbers(out, values, made->width);
        buf_append_char(out, '}');
    }
    buf_append_text(out, "],\"model\":");
    buf_append_json(out, reply->model_id);
    return buf_appendf(out, ",\"usage\":{\"prompt_tokens\":%llu,\"total_tokens\":%llu}}", tokens, tokens);
}

static bool write_record(const struct chat_request *request, struct str model_id, const struct embeddings *made,
                         struct buf *out)
{
    const struct embed_reply reply = {model_id, made};
    return write_reply(request, &reply, out);
}

const struct batch_embed openai_batch_embed = {.parse = parse, .write = write_record};

void openai_create_embedding(struct api_call *call)
{
    static const struct embed_format format = {.parse = parse, .write = write_reply};
    embed_run(call, &format);
}
