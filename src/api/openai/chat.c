/* Chat completions of OpenAI's own API, and the plain completions of before: bodies by native/chat_body.h, replies and
 * chunks as its clients add them up. A chunk says one thing, and a call its name and ID once: the reason of the end
 * stands in a chunk of its own, and usage in one without choices. */
#include "api/openai/chat.h"

#include "api/native/chat_body.h"
#include "api/native/native.h"
#include "api/openai/logprobs.h"
#include "api/openai/responses.h"
#include "core/util.h"

#define COMPLETION_TOKENS 16 /* of plain completions that ask for no number */

static bool is_completion(const struct chat_request *request)
{
    return request->raw_prompt.data != NULL;
}

/* --- bodies ----------------------------------------------------------------------------------------- */

static enum error_code parse(yyjson_val *root, enum codec_use use, struct chat_request *request, struct error *error)
{
    (void)use;
    enum error_code code = openai_parse(root, request, error);
    if (code == OK && is_completion(request) && request->max_tokens == 0)
        request->max_tokens = COMPLETION_TOKENS;
    return code;
}

/* --- what replies and chunks have in common ----------------------------------------------------------- */

void openai_append_id(struct buf *out, const char *prefix, struct str request_id)
{
    buf_appendf(out, "\"%s", prefix);
    for (size_t i = 0; i < request_id.len; i++)
        if (request_id.data[i] != '-')
            buf_append_char(out, request_id.data[i]);
    buf_append_char(out, '"');
}

static void append_identity(struct buf *out, const struct chat_request *request, const struct chat_reply *reply,
                            bool is_stream, uint64_t created_s)
{
    const char *object = is_stream ? "chat.completion.chunk" : "chat.completion", *tier = openai_tier(request);
    buf_append_text(out, "{\"id\":");
    openai_append_id(out, is_completion(request) ? "cmpl-" : "chatcmpl-", reply->request_id);
    buf_appendf(out, ",\"object\":\"%s\",\"created\":%llu,\"model\":",
                is_completion(request) ? "text_completion" : object, (unsigned long long)created_s);
    buf_append_json(out, reply->model_id);
    if (tier)
        buf_appendf(out, ",\"service_tier\":\"%s\"", tier);
}

static void append_usage(struct buf *out, const struct chat_usage *usage)
{
    const unsigned long long prompt = native_prompt_tokens(usage);
    const uint64_t written = usage->cache_write_5m_tokens + usage->cache_write_1h_tokens;
    buf_appendf(out, "\"usage\":{\"prompt_tokens\":%llu,\"completion_tokens\":%llu,\"total_tokens\":%llu,", prompt,
                (unsigned long long)usage->output_tokens, prompt + usage->output_tokens);
    buf_appendf(out, "\"prompt_tokens_details\":{\"cached_tokens\":%llu,\"cache_write_tokens\":%llu,"
                     "\"audio_tokens\":0},",
                (unsigned long long)usage->cache_read_tokens, (unsigned long long)written);
    buf_appendf(out, "\"completion_tokens_details\":{\"reasoning_tokens\":%llu,\"audio_tokens\":0,"
                     "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}",
                (unsigned long long)usage->reasoning_tokens);
}

/* --- whole replies ---------------------------------------------------------------------------------- */

/* "logprobs":... of pieces of text; null where they are not wanted. */
static void append_logprobs(struct buf *out, const struct chat_request *request, const struct openai_piece *pieces,
                            size_t count, size_t offset)
{
    if (!request->wants_logprobs || count == 0) {
        buf_append_text(out, ",\"logprobs\":null");
    } else if (is_completion(request)) {
        buf_append_text(out, ",\"logprobs\":");
        openai_append_legacy_logprobs(out, pieces, count, offset, request->top_logprobs > 0);
    } else {
        buf_append_text(out, ",\"logprobs\":{\"content\":[");
        openai_append_logprobs(out, pieces, count);
        buf_append_text(out, "],\"refusal\":null}");
    }
}

static void append_reply_logprobs(struct buf *out, const struct chat_request *request, const struct chat_reply *reply)
{
    size_t count = 0;
    const struct openai_piece *pieces = request->wants_logprobs ? openai_pieces(request->arena, reply, &count) : NULL;
    out->failed = out->failed || (request->wants_logprobs && !pieces);
    append_logprobs(out, request, pieces, count, 0);
}

/* The prompt, where it is to be given back; else nothing. */
static struct str echo_of(const struct chat_request *request)
{
    const bool is_wanted = is_completion(request) && yyjson_is_true(yyjson_obj_get(request->body, "echo"));
    return is_wanted ? request->raw_prompt : STR("");
}

static void append_choice(struct buf *out, const struct chat_request *request, const struct chat_reply *reply,
                          size_t index)
{
    buf_appendf(out, "%s{\"index\":%zu,", index > 0 ? "," : "", index);
    if (is_completion(request)) {
        buf_append_text(out, "\"text\":");
        native_append_texts(out, reply);
    } else {
        buf_append_text(out, "\"message\":");
        chat_body_append_message(out, request, reply);
    }
    append_reply_logprobs(out, request, reply);
    buf_appendf(out, ",\"finish_reason\":\"%s\"}", chat_body_finish_reason(request, reply->stop));
}

/* The reply, of its place 0, or one of the others, as if it were the reply. */
static struct chat_reply choice_at(const struct chat_reply *reply, size_t place)
{
    struct chat_reply other = *reply;
    if (place == 0)
        return other;
    other.blocks = reply->choices[place - 1].blocks;
    other.block_count = reply->choices[place - 1].block_count;
    other.stop = reply->choices[place - 1].stop;
    other.mean_logprob = reply->choices[place - 1].mean_logprob;
    return other;
}

/* The prompt as a block before the others. False: no memory. */
static bool put_echo(const struct chat_request *request, struct chat_reply *reply)
{
    struct chat_reply_block *blocks = ARENA_ARRAY(request->arena, struct chat_reply_block, reply->block_count + 1);
    if (!blocks)
        return false;
    blocks[0] = (struct chat_reply_block){.kind = CHAT_TEXT, .text = echo_of(request)};
    for (size_t i = 0; i < reply->block_count; i++)
        blocks[i + 1] = reply->blocks[i];
    reply->blocks = blocks;
    reply->block_count++;
    return true;
}

/* How many others are likelier, of the same likelihood those that come before it. */
static size_t rank_of(const struct chat_reply *reply, size_t place)
{
    const double own = choice_at(reply, place).mean_logprob;
    size_t rank = 0;
    for (size_t i = 0; i <= reply->choice_count; i++) {
        const double other = choice_at(reply, i).mean_logprob;
        rank += other > own || (other == own && i < place);
    }
    return rank;
}

/* Of more replies than are given those that the model itself found likeliest, the likeliest first; else all. */
static bool write_reply(const struct chat_request *request, const struct chat_reply *reply, struct buf *out)
{
    const size_t count = request->best > 0 ? request->best : reply->choice_count + 1;
    append_identity(out, request, reply, false, clock_wall_us() / 1000000);
    buf_append_text(out, ",\"choices\":[");
    for (size_t rank = 0; rank < count; rank++) {
        size_t place = rank;
        for (size_t i = 0; request->best > 0 && i <= reply->choice_count; i++)
            place = rank_of(reply, i) == rank ? i : place;
        struct chat_reply choice = choice_at(reply, place);
        if (echo_of(request).len > 0 && !put_echo(request, &choice))
            return false;
        append_choice(out, request, &choice, rank);
    }
    buf_append_text(out, "],");
    append_usage(out, &reply->usage);
    return buf_append_char(out, '}');
}

/* --- streams ---------------------------------------------------------------------------------------- */

static bool wants_usage(const struct chat_request *request)
{
    return yyjson_is_true(yyjson_obj_get(yyjson_obj_get(request->body, "stream_options"), "include_usage"));
}

static void begin_chunk(struct codec_stream *stream)
{
    append_identity(&stream->scratch, stream->request, stream->reply, true, stream->created_s);
    buf_appendf(&stream->scratch, ",\"choices\":[{\"index\":%zu,", stream->choice);
}

/* `reason` is NULL but for the last, and `piece` but for text. */
static void end_chunk_with(struct codec_stream *stream, const char *reason, const struct openai_piece *piece)
{
    const char *quote = reason ? "\"" : "";
    append_logprobs(&stream->scratch, stream->request, piece, piece ? 1 : 0, stream->characters);
    buf_appendf(&stream->scratch, ",\"finish_reason\":%s%s%s}]%s}", quote, reason ? reason : "null", quote,
                wants_usage(stream->request) ? ",\"usage\":null" : "");
    codec_stream_emit(stream, "chunk");
}

static void end_chunk(struct codec_stream *stream, const char *reason)
{
    end_chunk_with(stream, reason, NULL);
}

static void begin_choice(struct codec_stream *stream)
{
    stream->calls = 0;
    stream->characters = 0;
    if (is_completion(stream->request) && echo_of(stream->request).len == 0)
        return;
    begin_chunk(stream);
    if (is_completion(stream->request)) {
        buf_append_text(&stream->scratch, "\"text\":");
        buf_append_json(&stream->scratch, echo_of(stream->request));
        end_chunk(stream, NULL);
        return;
    }
    buf_append_text(&stream->scratch, "\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}");
    end_chunk(stream, NULL);
}

static void stream_start(struct codec_stream *stream, const struct chat_reply *reply)
{
    stream->reply = reply;
    stream->created_s = clock_wall_us() / 1000000;
    begin_choice(stream);
}

/* Kept until the call is whole. */
static void hold_call(struct codec_stream *stream, struct str id, struct str name)
{
    struct arena *arena = stream->request->arena;
    buf_clear(&stream->held);
    if (!arena_str(arena, id, &stream->held_id) || !arena_str(arena, name, &stream->held_name))
        stream->scratch.failed = true;
    stream->is_start_owed = true;
}

static void stream_block_start(struct codec_stream *stream, size_t index, enum chat_block_kind kind,
                               struct str tool_id, struct str tool_name)
{
    struct buf *out = &stream->scratch;
    (void)index;
    if (kind != CHAT_TOOL_USE)
        return;
    stream->calls++;
    if (chat_body_is_custom(stream->request, tool_name)) {
        hold_call(stream, tool_id, tool_name);
        return;
    }
    begin_chunk(stream);
    if (chat_body_has_functions(stream->request)) {
        buf_append_text(out, "\"delta\":{\"function_call\":{\"name\":");
        buf_append_json(out, tool_name);
        buf_append_text(out, ",\"arguments\":\"\"}}");
    } else {
        buf_appendf(out, "\"delta\":{\"tool_calls\":[{\"index\":%zu,\"id\":", stream->calls - 1);
        buf_append_json(out, tool_id);
        buf_append_text(out, ",\"type\":\"function\",\"function\":{\"name\":");
        buf_append_json(out, tool_name);
        buf_append_text(out, ",\"arguments\":\"\"}}]}");
    }
    end_chunk(stream, NULL);
}

static void append_arguments(struct codec_stream *stream, struct str text)
{
    struct buf *out = &stream->scratch;
    const bool is_only = chat_body_has_functions(stream->request);
    if (is_only)
        buf_append_text(out, "\"delta\":{\"function_call\":{\"arguments\":");
    else
        buf_appendf(out, "\"delta\":{\"tool_calls\":[{\"index\":%zu,\"function\":{\"arguments\":", stream->calls - 1);
    buf_append_json(out, text);
    buf_append_text(out, is_only ? "}}" : "}}]}");
}

static void append_piece(struct codec_stream *stream, enum chat_block_kind kind, struct str text)
{
    static const char *const keys[CHAT_KINDS] = {
        [CHAT_TEXT] = "content", [CHAT_REFUSAL] = "refusal", [CHAT_REASONING] = "reasoning_content"};
    buf_appendf(&stream->scratch, is_completion(stream->request) ? "\"%s\":" : "\"delta\":{\"%s\":",
                is_completion(stream->request) ? "text" : keys[kind]);
    buf_append_json(&stream->scratch, text);
    buf_append_text(&stream->scratch, is_completion(stream->request) ? "" : "}");
}

static void stream_block_delta(struct codec_stream *stream, size_t index, enum chat_block_kind kind, struct str text)
{
    const bool is_mark = kind == CHAT_SIGNATURE || kind == CHAT_REDACTED; /* this API has no words for them */
    (void)index;
    if (is_mark || text.len == 0 || (kind == CHAT_REASONING && is_completion(stream->request)))
        return;
    if (stream->is_start_owed) {
        buf_append_str(&stream->held, text);
        return;
    }
    begin_chunk(stream);
    if (kind == CHAT_TOOL_USE)
        append_arguments(stream, text);
    else
        append_piece(stream, kind, text);
    const struct openai_piece piece = {text, stream->logprobs, stream->logprob_count};
    end_chunk_with(stream, NULL, kind == CHAT_TEXT ? &piece : NULL);
    stream->characters += stream->request->wants_logprobs ? openai_characters(text) : 0;
}

/* A call that was held is told whole: its text is inside its arguments. */
static void stream_block_stop(struct codec_stream *stream, size_t index, enum chat_block_kind kind)
{
    struct buf *out = &stream->scratch, call;
    (void)index, (void)kind;
    if (!stream->is_start_owed)
        return;
    stream->is_start_owed = false;
    buf_init(&call, stream->held.max);
    chat_body_append_call(&call, stream->request, stream->held_id, stream->held_name, buf_str(&stream->held));
    begin_chunk(stream);
    buf_appendf(out, "\"delta\":{\"tool_calls\":[{\"index\":%zu,", stream->calls - 1);
    buf_append_str(out, str_slice(buf_str(&call), 1, call.len)); /* behind its brace */
    buf_append_text(out, "]}");
    out->failed = out->failed || call.failed || stream->held.failed;
    buf_deinit(&call);
    end_chunk(stream, NULL);
}

static void end_choice(struct codec_stream *stream, enum chat_stop_reason stop)
{
    begin_chunk(stream);
    buf_append_text(&stream->scratch, is_completion(stream->request) ? "\"text\":\"\"" : "\"delta\":{}");
    end_chunk(stream, chat_body_finish_reason(stream->request, stop));
}

/* One of the others: it was not told while it came. */
static void tell_choice(struct codec_stream *stream, const struct chat_choice *choice)
{
    stream->choice++;
    begin_choice(stream);
    for (size_t i = 0; i < choice->block_count; i++) {
        const struct chat_reply_block *block = &choice->blocks[i];
        stream_block_start(stream, i, block->kind, block->tool_id, block->tool_name);
        stream->logprobs = block->logprobs;
        stream->logprob_count = block->logprob_count;
        stream_block_delta(stream, i, block->kind, block->text);
        stream_block_stop(stream, i, block->kind);
    }
    end_choice(stream, choice->stop);
}

static void stream_end(struct codec_stream *stream, const struct chat_reply *reply)
{
    struct buf *out = &stream->scratch;
    stream->reply = reply;
    if (!stream->is_verbatim)
        end_choice(stream, reply->stop);
    for (size_t i = 0; i < reply->choice_count; i++)
        tell_choice(stream, &reply->choices[i]);
    if (!wants_usage(stream->request) || stream->has_end)
        return;
    append_identity(out, stream->request, reply, true, stream->created_s);
    buf_append_text(out, ",\"choices\":[],");
    append_usage(out, &reply->usage);
    buf_append_char(out, '}');
    codec_stream_emit(stream, "chunk");
}

/* --- an upstream's own words -------------------------------------------------------------------------- */

/* Usage was asked for on the way to the upstream: who did not ask does not get the chunk. */
static void stream_pass(struct codec_stream *stream, struct str type, yyjson_val *event)
{
    const bool is_usage = yyjson_arr_size(yyjson_obj_get(event, "choices")) == 0 &&
                          yyjson_is_obj(yyjson_obj_get(event, "usage"));
    (void)type;
    if (is_usage && (!wants_usage(stream->request) || stream->has_end))
        return;
    stream->has_end = stream->has_end || is_usage;
    codec_append_with(&stream->scratch, event, "model", stream->reply->model_id);
    codec_stream_emit(stream, "chunk");
}

static bool pass(const struct chat_request *request, const struct chat_reply *reply, yyjson_val *body, struct buf *out)
{
    (void)request;
    codec_append_with(out, body, "model", reply->model_id);
    return !out->failed;
}

const struct codec openai_chat_codec = {
    .name = "openai-chat",
    .parse = parse,
    .write = write_reply,
    .stream_start = stream_start,
    .stream_block_start = stream_block_start,
    .stream_block_delta = stream_block_delta,
    .stream_block_stop = stream_block_stop,
    .stream_end = stream_end,
    .stream_pass = stream_pass,
    .pass = pass,
};
