/* Cohere's native bodies: replies and stream chunks. */
#include "api/native/cohere.h"

#include "api/content.h"
#include "api/needs.h"
#include "api/native/native.h"

static bool is_prompt(const struct chat_request *request)
{
    return yyjson_obj_get(request->body, "prompt") != NULL;
}

static const char *finish_reason(enum chat_stop_reason stop)
{
    return stop == CHAT_STOP_MAX_TOKENS || stop == CHAT_STOP_CONTEXT_WINDOW ? "MAX_TOKENS" : "COMPLETE";
}

static void append_id(struct buf *out, const char *name, const struct chat_reply *reply)
{
    buf_appendf(out, "\"%s\":\"" STR_FMT "\"", name, STR_ARG(reply->request_id));
}

/* "tool_calls":[...], */
static void append_calls(struct buf *out, const struct chat_reply *reply)
{
    size_t count = 0;
    buf_append_text(out, "\"tool_calls\":[");
    for (size_t i = 0; i < reply->block_count; i++) {
        if (reply->blocks[i].kind != CHAT_TOOL_USE)
            continue;
        buf_append_text(out, count++ > 0 ? ",{\"name\":" : "{\"name\":");
        buf_append_json(out, reply->blocks[i].tool_name);
        buf_append_text(out, ",\"parameters\":");
        content_append_arguments(out, reply->blocks[i].text);
        buf_append_char(out, '}');
    }
    buf_append_text(out, "],");
}

/* What was sent, and the two turns that came of it. */
static void append_history(struct buf *out, const struct chat_request *request, const struct chat_reply *reply)
{
    yyjson_val *root = request->body, *history = yyjson_obj_get(root, "chat_history"), *turn;
    size_t i, max;
    buf_append_text(out, "\"chat_history\":[");
    yyjson_arr_foreach(history, i, max, turn)
    {
        json_append(out, turn);
        buf_append_char(out, ',');
    }
    buf_append_text(out, "{\"role\":\"USER\",\"message\":");
    buf_append_json(out, json_str(yyjson_obj_get(root, "message")));
    buf_append_text(out, "},{\"role\":\"CHATBOT\",\"message\":");
    native_append_texts(out, reply);
    buf_append_text(out, "}],");
}

/* The whole reply of Command R. */
static void append_chat(struct buf *out, const struct chat_request *request, const struct chat_reply *reply)
{
    buf_append_char(out, '{');
    append_id(out, "response_id", reply);
    buf_append_text(out, ",\"text\":");
    native_append_texts(out, reply);
    buf_append_char(out, ',');
    append_id(out, "generation_id", reply);
    buf_append_char(out, ',');
    append_history(out, request, reply);
    if (request->tool_count > 0)
        append_calls(out, reply);
    buf_appendf(out,
                "\"finish_reason\":\"%s\",\"meta\":{\"api_version\":{\"version\":\"1\"},\"billed_units\":{"
                "\"input_tokens\":%llu,\"output_tokens\":%llu}}}",
                finish_reason(reply->stop), native_prompt_tokens(&reply->usage),
                (unsigned long long)reply->usage.output_tokens);
}

static bool write_reply(const struct chat_request *request, const struct chat_reply *reply, struct buf *out)
{
    if (!is_prompt(request)) {
        append_chat(out, request, reply);
        return !out->failed;
    }
    buf_append_char(out, '{');
    append_id(out, "id", reply);
    buf_append_text(out, ",\"generations\":[{");
    append_id(out, "id", reply);
    buf_append_text(out, ",\"text\":");
    native_append_texts(out, reply);
    buf_appendf(out, ",\"finish_reason\":\"%s\"}],\"prompt\":", finish_reason(reply->stop));
    buf_append_json(out, json_str(yyjson_obj_get(request->body, "prompt")));
    return buf_append_char(out, '}');
}

/* --- streams ---------------------------------------------------------------------------------------- */

static void stream_start(struct codec_stream *stream, const struct chat_reply *reply)
{
    stream->reply = reply;
    if (is_prompt(stream->request))
        return;
    buf_append_text(&stream->scratch, "{\"is_finished\":false,\"event_type\":\"stream-start\",");
    append_id(&stream->scratch, "generation_id", reply);
    buf_append_text(&stream->scratch, ",\"text\":\"\"}"); /* readers of either form look for text in every chunk */
    codec_stream_emit(stream, "chunk");
}

static void stream_block_delta(struct codec_stream *stream, size_t index, enum chat_block_kind kind, struct str text)
{
    (void)index;
    if (kind == CHAT_TOOL_USE || !native_is_shown(kind))
        return;
    buf_append_text(&stream->scratch, "{\"is_finished\":false,");
    buf_append_text(&stream->scratch,
                    is_prompt(stream->request) ? "\"index\":0," : "\"event_type\":\"text-generation\",");
    buf_append_text(&stream->scratch, "\"text\":");
    buf_append_json(&stream->scratch, text);
    buf_append_char(&stream->scratch, '}');
    codec_stream_emit(stream, "chunk");
}

static void emit_calls(struct codec_stream *stream, const struct chat_reply *reply)
{
    buf_append_text(&stream->scratch, "{\"is_finished\":false,\"event_type\":\"tool-calls-generation\",");
    append_calls(&stream->scratch, reply);
    buf_append_text(&stream->scratch, "\"text\":\"\"}");
    codec_stream_emit(stream, "chunk");
}

static void stream_end(struct codec_stream *stream, const struct chat_reply *reply)
{
    struct buf *out = &stream->scratch;
    bool is_text = is_prompt(stream->request);
    if (!is_text && reply->stop == CHAT_STOP_TOOL_USE)
        emit_calls(stream, reply);
    buf_append_text(out, "{\"is_finished\":true,");
    buf_append_text(out, is_text ? "\"index\":0," : "\"event_type\":\"stream-end\",");
    buf_appendf(out, "\"finish_reason\":\"%s\",\"text\":\"\",", finish_reason(reply->stop));
    if (!is_text) {
        buf_append_text(out, "\"response\":");
        append_chat(out, stream->request, reply);
        buf_append_char(out, ',');
    }
    native_emit_last(stream, reply, "chunk");
}

const struct codec cohere_codec = {
    .name = "cohere",
    .needs_whole_reply = true,
    .parse = cohere_parse,
    .write = write_reply,
    .stream_start = stream_start,
    .stream_block_start = native_no_block_start, /* calls come whole, at the end */
    .stream_block_delta = stream_block_delta,
    .stream_block_stop = native_no_block_stop,
    .stream_end = stream_end,
};
