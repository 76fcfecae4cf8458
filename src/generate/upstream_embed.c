/* upstream_embed.c - see upstream_embed.h. */
#include "generate/upstream_embed.h"

#include <stdlib.h>

#include "core/json.h"

/* --- the body --------------------------------------------------------------------------------------- */

static void append_input(struct buf *out, const struct embed_input *input)
{
    if (input->text.data) {
        buf_append_json(out, input->text);
        return;
    }
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < input->token_count; i++)
        buf_appendf(out, "%s%d", i > 0 ? "," : "", input->tokens[i]);
    buf_append_char(out, ']');
}

static void write_anew(const struct embed_request *embed, struct str model, struct buf *out)
{
    buf_append_text(out, "{\"model\":");
    buf_append_json(out, model);
    buf_append_text(out, ",\"input\":[");
    for (size_t i = 0; i < embed->count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        append_input(out, &embed->inputs[i]);
    }
    buf_append_text(out, "],\"encoding_format\":\"float\"");
    if (embed->dimensions > 0)
        buf_appendf(out, ",\"dimensions\":%u", embed->dimensions);
    buf_append_char(out, '}');
}

void upstream_embed_write(const struct chat_request *request, struct str model, struct buf *out)
{
    size_t i, max;
    yyjson_val *key, *value;
    if (!yyjson_obj_get(request->body, "input") || !yyjson_obj_get(request->body, "model")) {
        write_anew(request->embed, model, out);
        return;
    }
    buf_append_char(out, '{');
    yyjson_obj_foreach(request->body, i, max, key, value)
    {
        if (i > 0)
            buf_append_char(out, ',');
        buf_append_json(out, json_str(key));
        buf_append_char(out, ':');
        if (str_eq(json_str(key), STR("model")))
            buf_append_json(out, model);
        else
            json_append(out, value);
    }
    buf_append_char(out, '}');
}

/* --- the answer ------------------------------------------------------------------------------------- */

static bool read_numbers(yyjson_val *list, uint32_t width, float *to)
{
    size_t i, max;
    yyjson_val *number;
    if (yyjson_arr_size(list) != width)
        return false;
    yyjson_arr_foreach(list, i, max, number)
    {
        if (!json_is_number(number))
            return false;
        to[i] = yyjson_is_raw(number) ? strtof(yyjson_get_raw(number), NULL) : (float)yyjson_get_num(number);
    }
    return true;
}

/* Little-endian, as this machine has them. */
static bool read_base64(struct str text, uint32_t width, float *to)
{
    struct buf bytes;
    buf_init(&bytes, (size_t)width * sizeof(float) + 4);
    const bool is_good = base64_decode(text, &bytes) && bytes.len == width * sizeof(float);
    if (is_good)
        memcpy(to, bytes.data, bytes.len);
    buf_deinit(&bytes);
    return is_good;
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values go over the wire as they lie in memory");

static uint32_t width_of(yyjson_val *embedding)
{
    const struct str text = json_str(embedding);
    const size_t padding = str_ends(text, STR("==")) ? 2 : str_ends(text, STR("="));
    const size_t bytes = text.len < 4 ? 0 : text.len / 4 * 3 - padding;
    const size_t width = yyjson_is_arr(embedding) ? yyjson_arr_size(embedding) : bytes / sizeof(float);
    return width <= UINT32_MAX ? (uint32_t)width : 0;
}

/* The place that the item names, or its own. */
static size_t place_of(yyjson_val *item, size_t own)
{
    struct error ignored;
    int64_t place = (int64_t)own;
    return json_get_int(item, "", "index", 0, INT64_MAX, &place, NULL, &ignored) == OK ? (size_t)place : SIZE_MAX;
}

static bool read_items(yyjson_val *data, struct embeddings *made, float *values, bool *seen)
{
    size_t i, max;
    yyjson_val *item;
    yyjson_arr_foreach(data, i, max, item)
    {
        yyjson_val *embedding = yyjson_obj_get(item, "embedding");
        const size_t place = place_of(item, i);
        if (place >= made->count || seen[place])
            return false;
        float *to = values + place * made->width;
        seen[place] = yyjson_is_str(embedding) ? read_base64(json_str(embedding), made->width, to)
                                               : read_numbers(embedding, made->width, to);
        if (!seen[place])
            return false;
    }
    return true;
}

enum error_code upstream_embed_read(yyjson_val *root, size_t count, struct arena *arena, struct embeddings *embeddings,
                                    bool *has_usage, struct error *error)
{
    yyjson_val *data = yyjson_obj_get(root, "data"), *usage = yyjson_obj_get(root, "usage");
    yyjson_val *first = yyjson_obj_get(yyjson_arr_get_first(data), "embedding");
    const uint32_t width = width_of(first);
    if (yyjson_arr_size(data) != count || width == 0)
        return error_set(error, ERROR_MODEL, "the upstream's embeddings can't be read");
    float *values = ARENA_ARRAY(arena, float, count * width);
    bool *seen = ARENA_ARRAY(arena, bool, count);
    if (!values || !seen)
        return error_no_memory(error);
    *embeddings = (struct embeddings){.width = width, .count = count, .values = values};
    if (!read_items(data, embeddings, values, seen))
        return error_set(error, ERROR_MODEL, "the upstream's embeddings can't be read");
    int64_t tokens = 0;
    *has_usage = false;
    if (json_get_int(usage, "usage", "prompt_tokens", 0, INT64_MAX, &tokens, has_usage, error) != OK)
        tokens = 0;
    embeddings->input_tokens = (uint64_t)tokens;
    return OK;
}
