/* Replies of upstreams that speak the Anthropic body, whole and streamed. */
#include "api/native/anthropic.h"

#include "api/reply_reader.h"
#include "api/usage_read.h"

static enum chat_stop_reason stop_of(struct str name)
{
    static const struct {
        const char *name;
        enum chat_stop_reason stop;
    } known[] = {
        {"max_tokens", CHAT_STOP_MAX_TOKENS}, {"stop_sequence", CHAT_STOP_SEQUENCE},
        {"tool_use", CHAT_STOP_TOOL_USE},     {"pause_turn", CHAT_STOP_PAUSE},
        {"refusal", CHAT_STOP_REFUSAL},       {"model_context_window_exceeded", CHAT_STOP_CONTEXT_WINDOW},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (str_eq(name, str_of(known[i].name)))
            return known[i].stop;
    return CHAT_STOP_END_TURN; /* also for a word that is newer than this program */
}

static void read_count(yyjson_val *object, const char *key, uint64_t *count)
{
    yyjson_val *value = yyjson_obj_get(object, key);
    if (value && !yyjson_is_null(value))
        *count = fields_count(object, key);
}

/* Members that are there overwrite what an earlier event said. What is written and not said for how long counts as
 * written for 5 minutes. */
static void read_usage(yyjson_val *usage, struct chat_reply *reply)
{
    const struct chat_usage *before = &reply->usage;
    yyjson_val *creation = yyjson_obj_get(usage, "cache_creation");
    uint64_t short_lived = before->cache_write_5m_tokens;
    struct usage_said said = {
        .prompt = before->input_tokens,
        .read = before->cache_read_tokens,
        .written_1h = before->cache_write_1h_tokens,
        .replied = before->output_tokens,
        .reasoning = before->reasoning_tokens,
        .is_apart = true,
    };
    read_count(usage, "input_tokens", &said.prompt);
    read_count(usage, "output_tokens", &said.replied);
    read_count(usage, "cache_read_input_tokens", &said.read);
    read_count(yyjson_obj_get(usage, "output_tokens_details"), "thinking_tokens", &said.reasoning);
    read_count(creation, "ephemeral_5m_input_tokens", &short_lived);
    read_count(creation, "ephemeral_1h_input_tokens", &said.written_1h);
    said.written = short_lived + said.written_1h;
    read_count(usage, "cache_creation_input_tokens", &said.written);
    said.is_odd = before->note == CHAT_USAGE_ODD ||
                  (yyjson_is_obj(creation) && said.written != short_lived + said.written_1h);
    usage_take(&said, &reply->usage);
}

/* Why less was read than by the message before, in the words of this program; a kind that is not known says nothing. */
static void read_diagnostics(yyjson_val *diagnostics, struct chat_reply *reply)
{
    static const struct {
        const char *type;
        enum chat_cache_miss why;
    } kinds[] = {
        {"model_changed", CHAT_MISS_FIRST_USE},    {"system_changed", CHAT_MISS_CHANGED},
        {"tools_changed", CHAT_MISS_CHANGED},      {"messages_changed", CHAT_MISS_CHANGED},
        {"previous_message_not_found", CHAT_MISS_EXPIRED},
    };
    yyjson_val *reason = yyjson_obj_get(diagnostics, "cache_miss_reason");
    const struct str type = json_str(yyjson_obj_get(reason, "type"));
    if (yyjson_is_null(reason))
        reply->miss = (struct chat_told_miss){.is_told = true, .why = CHAT_MISS_NONE};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (str_eq(type, str_of(kinds[i].type)))
            reply->miss = (struct chat_told_miss){.is_told = true, .why = kinds[i].why};
    read_count(reason, "cache_missed_input_tokens", &reply->miss.tokens);
}

/* --- whole ------------------------------------------------------------------------------------------ */

/* False: a block of a kind that nobody here knows. */
static bool read_block(yyjson_val *item, struct arena *arena, struct chat_reply_block *block, enum error_code *code,
                       struct error *error)
{
    struct str type = json_str(yyjson_obj_get(item, "type"));
    *block = (struct chat_reply_block){.kind = CHAT_TEXT, .text = json_str(yyjson_obj_get(item, "text"))};
    *code = OK;
    if (str_eq(type, STR("text"))) {
        if (!citations_read(arena, yyjson_obj_get(item, "citations"), anthropic_read_citation, &block->citations,
                            &block->citation_count))
            *code = error_no_memory(error);
    } else if (str_eq(type, STR("tool_use"))) {
        block->kind = CHAT_TOOL_USE;
        block->tool_id = json_str(yyjson_obj_get(item, "id"));
        block->tool_name = json_str(yyjson_obj_get(item, "name"));
        *code = reply_input(yyjson_obj_get(item, "input"), arena, &block->text, error);
    } else if (str_eq(type, STR("thinking")) || str_eq(type, STR("redacted_thinking"))) {
        block->kind = CHAT_REASONING;
        block->text = json_str(yyjson_obj_get(item, "thinking"));
        block->signature = json_str(yyjson_obj_get(item, "signature"));
        block->data = json_str(yyjson_obj_get(item, "data"));
    } else {
        return false;
    }
    return true;
}

enum error_code anthropic_reply_parse(yyjson_val *root, struct arena *arena, struct chat_reply *reply,
                                      struct error *error)
{
    yyjson_val *content = yyjson_obj_get(root, "content"), *item;
    struct chat_reply_block *blocks;
    size_t i, max;
    *reply = (struct chat_reply){0};
    if (!yyjson_is_arr(content))
        return reply_malformed(error, "content is missing");
    enum error_code code = reply_blocks(arena, yyjson_arr_size(content), &blocks, error);
    yyjson_arr_foreach(content, i, max, item)
    {
        if (code == OK && read_block(item, arena, &blocks[reply->block_count], &code, error))
            reply->block_count++;
    }
    reply->blocks = code == OK ? blocks : NULL;
    reply->upstream_id = json_str(yyjson_obj_get(root, "id"));
    reply->upstream_model = json_str(yyjson_obj_get(root, "model"));
    reply->stop = stop_of(json_str(yyjson_obj_get(root, "stop_reason")));
    reply->stop_sequence = json_str(yyjson_obj_get(root, "stop_sequence"));
    read_usage(yyjson_obj_get(root, "usage"), reply);
    read_diagnostics(yyjson_obj_get(root, "diagnostics"), reply);
    return code;
}

/* --- streamed --------------------------------------------------------------------------------------- */

static void take_message_start(struct reply_reader *reader, yyjson_val *message)
{
    struct chat_reply *reply = &reader->common.reply;
    reply->upstream_id = reply_keep(reader, json_str(yyjson_obj_get(message, "id")));
    reply->upstream_model = reply_keep(reader, json_str(yyjson_obj_get(message, "model")));
    read_usage(yyjson_obj_get(message, "usage"), reply);
    read_diagnostics(yyjson_obj_get(message, "diagnostics"), reply);
}

/* Some servers give the whole input here, and no pieces. */
static enum error_code take_input(struct reply_reader *reader, yyjson_val *input, struct error *error)
{
    struct buf text;
    if (yyjson_obj_size(input) == 0)
        return OK;
    buf_init(&text, (size_t)64 << 20);
    bool is_made = json_append(&text, input);
    if (is_made)
        reply_piece(reader, CHAT_TOOL_USE, buf_str(&text));
    buf_deinit(&text);
    return is_made ? OK : error_no_memory(error);
}

static enum error_code take_start(struct reply_reader *reader, int64_t place, yyjson_val *block, struct error *error)
{
    struct str type = json_str(yyjson_obj_get(block, "type"));
    const struct str none = {0};
    enum error_code code = OK;
    if (str_eq(type, STR("text"))) {
        code = reply_block(reader, place, CHAT_TEXT, none, none, error);
        if (code == OK)
            reply_piece(reader, CHAT_TEXT, json_str(yyjson_obj_get(block, "text")));
    } else if (str_eq(type, STR("tool_use"))) {
        code = reply_block(reader, place, CHAT_TOOL_USE, json_str(yyjson_obj_get(block, "id")),
                           json_str(yyjson_obj_get(block, "name")), error);
        if (code == OK)
            code = take_input(reader, yyjson_obj_get(block, "input"), error);
    } else if (str_eq(type, STR("thinking")) || str_eq(type, STR("redacted_thinking"))) {
        code = reply_block(reader, place, CHAT_REASONING, none, none, error);
        if (code != OK)
            return code;
        reply_piece(reader, CHAT_REASONING, json_str(yyjson_obj_get(block, "thinking")));
        reply_piece(reader, CHAT_SIGNATURE, json_str(yyjson_obj_get(block, "signature")));
        reply_piece(reader, CHAT_REDACTED, json_str(yyjson_obj_get(block, "data")));
    } else {
        reply_block_stop(reader);
        reader->skipped = place;
    }
    return code;
}

static enum error_code take_delta(struct reply_reader *reader, int64_t place, yyjson_val *delta, struct error *error)
{
    static const struct {
        const char *type, *key;
        enum chat_block_kind block, piece;
    } known[] = {
        {"text_delta", "text", CHAT_TEXT, CHAT_TEXT},
        {"input_json_delta", "partial_json", CHAT_TOOL_USE, CHAT_TOOL_USE},
        {"thinking_delta", "thinking", CHAT_REASONING, CHAT_REASONING},
        {"signature_delta", "signature", CHAT_REASONING, CHAT_SIGNATURE},
        {"citations_delta", "citation", CHAT_TEXT, CHAT_TEXT},
    };
    struct str type = json_str(yyjson_obj_get(delta, "type"));
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        yyjson_val *value = yyjson_obj_get(delta, known[i].key);
        if (!str_eq(type, str_of(known[i].type)))
            continue;
        enum error_code code = OK;
        if (known[i].block != CHAT_TOOL_USE) /* a call without a start has no name */
            code = reply_block(reader, place, known[i].block, (struct str){0}, (struct str){0}, error);
        if (code == OK && reader->kind == known[i].block && reader->place == place)
            reply_piece(reader, known[i].piece, json_str(value));
        if (code == OK && yyjson_is_obj(value)) {
            struct chat_citation citation;
            anthropic_read_citation(value, &citation);
            reply_cites(reader, &citation);
        }
        return code;
    }
    return OK;
}

static void take_message_delta(struct reply_reader *reader, yyjson_val *root)
{
    struct chat_reply *reply = &reader->common.reply;
    yyjson_val *delta = yyjson_obj_get(root, "delta"), *reason = yyjson_obj_get(delta, "stop_reason");
    read_usage(yyjson_obj_get(root, "usage"), reply);
    if (!yyjson_is_str(reason))
        return;
    reply->stop = stop_of(json_str(reason));
    reply->stop_sequence = reply_keep(reader, json_str(yyjson_obj_get(delta, "stop_sequence")));
    reader->common.has_stop = true;
}

/* The name of the frame says the same as `type`, where there is one. */
static enum error_code take_event(struct reply_reader *reader, struct str frame, yyjson_val *root, struct error *error)
{
    struct str type = json_str(yyjson_obj_get(root, "type"));
    int64_t place = (int64_t)(fields_count(root, "index") & INT64_MAX);
    yyjson_val *failure = yyjson_obj_get(root, "error");
    (void)frame;
    if (str_eq(type, STR("error")))
        return reply_failure(json_str(yyjson_obj_get(failure, "type")), json_str(yyjson_obj_get(failure, "message")),
                             error);
    reader->common.is_started = reader->common.is_started || str_eq(type, STR("message_start"));
    if (str_eq(type, STR("message_start")))
        take_message_start(reader, yyjson_obj_get(root, "message"));
    else if (str_eq(type, STR("content_block_start")))
        return take_start(reader, place, yyjson_obj_get(root, "content_block"), error);
    else if (str_eq(type, STR("content_block_delta")))
        return place == reader->skipped ? OK : take_delta(reader, place, yyjson_obj_get(root, "delta"), error);
    else if (str_eq(type, STR("content_block_stop")))
        reply_block_stop(reader);
    else if (str_eq(type, STR("message_delta")))
        take_message_delta(reader, root);
    else if (str_eq(type, STR("message_stop")))
        reply_over(reader);
    return OK;
}

struct codec_reader *anthropic_stream_open(enum codec_framing framing, const struct chat_sink *sink)
{
    return reply_reader_open(&anthropic_codec, take_event, framing, sink);
}
