/* The body of AI21's Jurassic-2: one prompt, one completion. The service has ended
 * these models; programs that were written for them are still about. */
#include "api/content.h"
#include "api/needs.h"
#include "api/native/native.h"

#define JURASSIC_TEMPERATURE 0.7
#define MAX_TOKENS 200 /* the service's default */

static enum error_code parse_root(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"prompt",      "maxTokens",    "temperature",     "topP",
                                          "topKReturn",  "stopSequences", "numResults",     "countPenalty",
                                          "presencePenalty", "frequencyPenalty", "minTokens", NULL};
    struct chat_sampling *sampling = &request->sampling;
    int64_t max_tokens = MAX_TOKENS, results = 1, top_k = 0;
    sampling->temperature = JURASSIC_TEMPERATURE;
    sampling->top_p = 1;
    enum error_code code = fields_known(request->ignored, root, "", members, error);
    if (code == OK)
        code = fields_need_str(root, "", "prompt", 1, SIZE_MAX, &request->raw_prompt, error);
    if (code == OK)
        code = json_get_int(root, "", "maxTokens", 1, INT32_MAX, &max_tokens, NULL, error);
    if (code == OK)
        code = json_get_number(root, "", "temperature", 0, 1, &sampling->temperature, &sampling->has_temperature,
                               error);
    if (code == OK)
        code = fields_get_top_p(root, "", "topP", &sampling->top_p, &sampling->has_top_p, error);
    if (code == OK)
        code = json_get_int(root, "", "numResults", 1, 16, &results, NULL, error);
    if (code == OK && results != 1)
        return field_error(error, "", "numResults", "one reply is made of a request");
    if (code == OK)
        code = json_get_int(root, "", "topKReturn", 0, 64, &top_k, NULL, error);
    if (code == OK && top_k > 0)
        return field_error(error, "", "topKReturn", "probabilities are not given here");
    request->max_tokens = (uint32_t)max_tokens;
    return code == OK ? content_parse_stops(root, "", "stopSequences", request, error) : code;
}

static enum error_code parse(yyjson_val *root, enum codec_use use, struct chat_request *request, struct error *error)
{
    (void)use;
    return native_parse(root, parse_root, request, error);
}

static const char *finish_reason(enum chat_stop_reason stop)
{
    switch (stop) {
    case CHAT_STOP_MAX_TOKENS:
    case CHAT_STOP_CONTEXT_WINDOW: return "length";
    case CHAT_STOP_SEQUENCE: return "stop";
    default: return "endoftext";
    }
}

/* Without its end, to which a stream adds the metrics. */
static void append_reply(struct buf *out, const struct chat_request *request, const struct chat_reply *reply,
                         struct str text)
{
    buf_appendf(out, "{\"id\":\"" STR_FMT "\",\"prompt\":{\"text\":", STR_ARG(reply->request_id));
    buf_append_json(out, json_str(yyjson_obj_get(request->body, "prompt")));
    buf_append_text(out, ",\"tokens\":[]},\"completions\":[{\"data\":{\"text\":");
    buf_append_json(out, text);
    buf_appendf(out, ",\"tokens\":[]},\"finishReason\":{\"reason\":\"%s\"}}]", finish_reason(reply->stop));
}

static bool write_reply(const struct chat_request *request, const struct chat_reply *reply, struct buf *out)
{
    append_reply(out, request, reply, native_reply_text(reply));
    return buf_append_char(out, '}');
}

/* This body has no pieces: a stream is the whole reply in one chunk. */
static void stream_start(struct codec_stream *stream, const struct chat_reply *reply)
{
    (void)stream, (void)reply;
}

static void stream_block_delta(struct codec_stream *stream, size_t index, enum chat_block_kind kind, struct str text)
{
    (void)stream, (void)index, (void)kind, (void)text;
}

static void stream_end(struct codec_stream *stream, const struct chat_reply *reply)
{
    append_reply(&stream->scratch, stream->request, reply, native_reply_text(reply));
    buf_append_char(&stream->scratch, ',');
    native_emit_last(stream, reply, "chunk");
}

const struct codec jurassic_codec = {
    .name = "jurassic",
    .needs_whole_reply = true,
    .parse = parse,
    .write = write_reply,
    .stream_start = stream_start,
    .stream_block_start = native_no_block_start,
    .stream_block_delta = stream_block_delta,
    .stream_block_stop = native_no_block_stop,
    .stream_end = stream_end,
};
