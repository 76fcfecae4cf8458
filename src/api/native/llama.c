/* Llama's native body: one prompt, its template written by the caller. */
#include "api/fields.h"
#include "api/native/native.h"

#define LLAMA_TEMPERATURE 0.5
#define LLAMA_TOP_P 0.9
#define LLAMA_MAX_GEN_LEN 512
#define LLAMA_MAX_GEN_LEN_MAX 2048

/* Callers write the beginning-of-sequence token; the engine sets it as well where the model wants one. */
#define LLAMA_BEGIN "<|begin_of_text|>"

static enum error_code parse_root(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"prompt", "temperature", "top_p", "max_gen_len", "images", NULL};
    struct chat_sampling *sampling = &request->sampling;
    int64_t max_gen_len = LLAMA_MAX_GEN_LEN;
    yyjson_val *images = NULL;
    sampling->temperature = LLAMA_TEMPERATURE;
    sampling->top_p = LLAMA_TOP_P;
    enum error_code code = fields_known(request->ignored, root, "", members, error);
    if (code == OK)
        code = fields_need_str(root, "", "prompt", 1, SIZE_MAX, &request->raw_prompt, error);
    if (code == OK)
        code = json_get_number(root, "", "temperature", 0, 1, &sampling->temperature, &sampling->has_temperature,
                               error);
    if (code == OK)
        code = fields_get_top_p(root, "", "top_p", &sampling->top_p, &sampling->has_top_p, error);
    if (code == OK)
        code = json_get_int(root, "", "max_gen_len", 1, LLAMA_MAX_GEN_LEN_MAX, &max_gen_len, NULL, error);
    if (code == OK)
        code = json_get_array(root, "", "images", &images, error);
    if (code == OK && yyjson_arr_size(images) > 0)
        return field_error(error, "images", "", "this model reads text only");
    if (str_starts(request->raw_prompt, STR(LLAMA_BEGIN)))
        request->raw_prompt = str_slice(request->raw_prompt, sizeof(LLAMA_BEGIN) - 1, request->raw_prompt.len);
    request->max_tokens = (uint32_t)max_gen_len;
    return code;
}

static enum error_code parse(yyjson_val *root, enum codec_use use, struct chat_request *request, struct error *error)
{
    (void)use;
    return native_parse(root, parse_root, request, error);
}

static const char *stop_reason(enum chat_stop_reason stop)
{
    return stop == CHAT_STOP_MAX_TOKENS || stop == CHAT_STOP_CONTEXT_WINDOW ? "length" : "stop";
}

static bool write_reply(const struct chat_request *request, const struct chat_reply *reply, struct buf *out)
{
    (void)request;
    buf_append_text(out, "{\"generation\":");
    buf_append_json(out, native_reply_text(reply));
    return buf_appendf(out, ",\"prompt_token_count\":%llu,\"generation_token_count\":%llu,\"stop_reason\":\"%s\"}",
                       native_prompt_tokens(&reply->usage), (unsigned long long)reply->usage.output_tokens,
                       stop_reason(reply->stop));
}

static void stream_start(struct codec_stream *stream, const struct chat_reply *reply)
{
    buf_appendf(&stream->scratch,
                "{\"generation\":\"\",\"prompt_token_count\":%llu,\"generation_token_count\":0,\"stop_reason\":null}",
                native_prompt_tokens(&reply->usage));
    codec_stream_emit(stream, "chunk");
}

static void stream_block_delta(struct codec_stream *stream, size_t index, enum chat_block_kind kind, struct str text)
{
    (void)index;
    if (!native_is_shown(kind))
        return;
    buf_append_text(&stream->scratch, "{\"generation\":");
    buf_append_json(&stream->scratch, text);
    buf_append_text(&stream->scratch,
                    ",\"prompt_token_count\":null,\"generation_token_count\":null,\"stop_reason\":null}");
    codec_stream_emit(stream, "chunk");
}

static void stream_end(struct codec_stream *stream, const struct chat_reply *reply)
{
    buf_appendf(&stream->scratch,
                "{\"generation\":\"\",\"prompt_token_count\":null,\"generation_token_count\":%llu,"
                "\"stop_reason\":\"%s\",",
                (unsigned long long)reply->usage.output_tokens, stop_reason(reply->stop));
    native_emit_last(stream, reply, "chunk");
}

const struct codec llama_codec = {
    .name = "llama",
    .parse = parse,
    .write = write_reply,
    .stream_start = stream_start,
    .stream_block_start = native_no_block_start,
    .stream_block_delta = stream_block_delta,
    .stream_block_stop = native_no_block_stop,
    .stream_end = stream_end,
};
