/* codec.c - the table of dialects and the search in it. See codec.h. */
#include "chat/codec.h"

#include <assert.h>

#include "chat/traits.h"
#include "core/json.h"

static const struct codec *codecs[CODEC_MAX];
static size_t codec_count;

void codec_register(const struct codec *codec)
{
    for (size_t i = 0; i < codec_count; i++)
        if (codecs[i] == codec)
            return;
    assert(codec_count < CODEC_MAX);
    codecs[codec_count++] = codec;
}

const struct codec *codec_find(struct str name)
{
    for (size_t i = 0; i < codec_count; i++)
        if (str_eq(str_of(codecs[i]->name), name))
            return codecs[i];
    return NULL;
}

static struct codec_pair natives[BODY_SHAPES];

void codec_register_native(enum body_shape shape, struct codec_pair pair)
{
    natives[shape] = pair;
}

struct codec_pair codec_native(enum body_shape shape)
{
    return natives[shape];
}

enum error_code codec_parse(const struct codec *codec, yyjson_val *root, enum codec_use use,
                            struct chat_request *request, struct error *error)
{
    struct error first;
    request->body = root;
    enum error_code code = codec->parse(root, use, request, error);
    const bool is_routed = code == OK && request->is_target_unknown; /* what is wrong in itself goes nowhere */
    if (is_routed || chat_request_fits(request, &chat_traits_embedded, &first) == OK)
        return code;
    *error = first; /* it came before whatever else is wrong */
    return first.code;
}

enum error_code codec_parse_text(const struct codec *codec, struct str text, enum codec_use use,
                                 struct chat_request *request, struct error *error)
{
    enum error_code code = json_parse_exact(text, &request->document, error);
    if (code == OK)
        code = codec_parse(codec, yyjson_doc_get_root(request->document), use, request, error);
    if (code != OK)
        codec_request_free(request);
    return code;
}

void codec_request_free(struct chat_request *request)
{
    json_free(request->document);
    request->document = NULL;
    request->body = NULL;
}

void codec_append_with(struct buf *out, yyjson_val *object, const char *key, struct str text)
{
    size_t i, max;
    yyjson_val *name, *value;
    buf_append_char(out, '{');
    json_obj_foreach(object, i, max, name, value)
    {
        if (i > 0)
            buf_append_char(out, ',');
        buf_append_json(out, json_str(name));
        buf_append_char(out, ':');
        if (yyjson_equals_str(name, key))
            buf_append_json(out, text);
        else
            json_append(out, value);
    }
    buf_append_char(out, '}');
}

void codec_stream_emit(struct codec_stream *stream, const char *event_type)
{
    if (stream->scratch.failed)
        return;
    stream->emit(stream->ctx, str_of(event_type), buf_str(&stream->scratch));
    buf_clear(&stream->scratch);
}

bool codec_stream_failed(const struct codec_stream *stream)
{
    return stream->scratch.failed;
}
