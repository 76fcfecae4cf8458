/* Replies of upstreams that speak Converse, whole and streamed. */
#include "api/bedrock/converse.h"

#include "api/reply_reader.h"
#include "api/usage_read.h"

static enum chat_stop_reason stop_of(struct str name)
{
    for (size_t i = 0; i <= CHAT_STOP_PAUSE; i++)
        if (str_eq(name, str_of(converse_stop_reason((enum chat_stop_reason)i))))
            return str_eq(name, STR("content_filtered")) ? CHAT_STOP_FILTERED : (enum chat_stop_reason)i;
    return CHAT_STOP_END_TURN; /* a word that is newer than this program */
}

/* The second is Nova's spelling. */
static uint64_t count_of(yyjson_val *usage, const char *key, const char *other)
{
    return fields_count(usage, yyjson_obj_get(usage, key) ? key : other);
}

/* {"serviceTier": {"type": "flex"}} */
static void read_tier(yyjson_val *root, struct chat_reply *reply)
{
    enum tier tier;
    if (tier_find(json_str(yyjson_obj_get(yyjson_obj_get(root, "serviceTier"), "type")), &tier)) {
        reply->usage.tier = tier;
        reply->usage.has_tier = true;
    }
}

static void read_usage(yyjson_val *usage, struct chat_reply *reply)
{
    yyjson_val *details = yyjson_obj_get(usage, "cacheDetails"), *detail;
    struct usage_said said = {
        .prompt = fields_count(usage, "inputTokens"),
        .read = count_of(usage, "cacheReadInputTokens", "cacheReadInputTokenCount"),
        .written = count_of(usage, "cacheWriteInputTokens", "cacheWriteInputTokenCount"),
        .replied = fields_count(usage, "outputTokens"),
        .total = fields_count(usage, "totalTokens"),
        .is_apart = true,
    };
    size_t i, max;
    yyjson_arr_foreach(details, i, max, detail)
    {
        if (yyjson_equals_str(yyjson_obj_get(detail, "ttl"), "1h"))
            said.written_1h = fields_count(detail, "inputTokens");
    }
    usage_take(&said, &reply->usage);
}

/* The sequence that ended the reply, where additionalModelResponseFieldPaths asked for it. */
static struct str stop_sequence_of(yyjson_val *object)
{
    return json_str(yyjson_obj_get(yyjson_obj_get(object, "additionalModelResponseFields"), "stop_sequence"));
}

/* --- whole ------------------------------------------------------------------------------------------ */

static enum error_code read_cited(yyjson_val *cited, struct arena *arena, struct chat_reply_block *block,
                                  struct error *error)
{
    yyjson_val *content = yyjson_obj_get(cited, "content"), *part;
    struct buf text;
    size_t i, max;
    block->kind = CHAT_TEXT;
    if (!citations_read(arena, yyjson_obj_get(cited, "citations"), converse_read_citation, &block->citations,
                        &block->citation_count))
        return error_no_memory(error);
    buf_init(&text, SIZE_MAX / 2);
    yyjson_arr_foreach(content, i, max, part) buf_append_str(&text, json_str(yyjson_obj_get(part, "text")));
    bool is_kept = !text.failed && arena_str(arena, buf_str(&text), &block->text);
    buf_deinit(&text);
    return is_kept ? OK : error_no_memory(error);
}

static void read_reasoning(yyjson_val *reasoning, struct chat_reply_block *block)
{
    yyjson_val *shown = yyjson_obj_get(reasoning, "reasoningText");
    block->kind = CHAT_REASONING;
    block->text = json_str(yyjson_obj_get(shown, "text"));
    block->signature = json_str(yyjson_obj_get(shown, "signature"));
    block->data = json_str(yyjson_obj_get(reasoning, "redactedContent"));
}

/* False: a block of a kind that nobody here knows. */
static bool read_block(yyjson_val *item, struct arena *arena, struct chat_reply_block *block, enum error_code *code,
                       struct error *error)
{
    yyjson_val *text = yyjson_obj_get(item, "text"), *use = yyjson_obj_get(item, "toolUse");
    yyjson_val *reasoning = yyjson_obj_get(item, "reasoningContent"), *cited = yyjson_obj_get(item, "citationsContent");
    *code = OK;
    if (yyjson_is_str(text)) {
        *block = (struct chat_reply_block){.kind = CHAT_TEXT, .text = json_str(text)};
    } else if (use) {
        *block = (struct chat_reply_block){.kind = CHAT_TOOL_USE,
                                           .tool_id = json_str(yyjson_obj_get(use, "toolUseId")),
                                           .tool_name = json_str(yyjson_obj_get(use, "name"))};
        *code = reply_input(yyjson_obj_get(use, "input"), arena, &block->text, error);
    } else if (reasoning) {
        read_reasoning(reasoning, block);
    } else if (cited) {
        *code = read_cited(cited, arena, block, error);
    }
    return yyjson_is_str(text) || use || reasoning || cited;
}

enum error_code converse_reply_parse(yyjson_val *root, struct arena *arena, struct chat_reply *reply,
                                     struct error *error)
{
    yyjson_val *message = yyjson_obj_get(yyjson_obj_get(root, "output"), "message");
    yyjson_val *content = yyjson_obj_get(message, "content"), *item;
    struct chat_reply_block *blocks;
    size_t i, max;
    *reply = (struct chat_reply){0};
    if (!yyjson_is_arr(content))
        return reply_malformed(error, "output.message.content is missing");
    enum error_code code = reply_blocks(arena, yyjson_arr_size(content), &blocks, error);
    yyjson_arr_foreach(content, i, max, item)
    {
        if (code == OK && read_block(item, arena, &blocks[reply->block_count], &code, error))
            reply->block_count++;
    }
    reply->blocks = code == OK ? blocks : NULL;
    reply->stop = stop_of(json_str(yyjson_obj_get(root, "stopReason")));
    reply->stop_sequence = stop_sequence_of(root);
    reply->latency_ms = fields_count(yyjson_obj_get(root, "metrics"), "latencyMs");
    read_usage(yyjson_obj_get(root, "usage"), reply);
    read_tier(root, reply);
    return code;
}

/* --- streamed --------------------------------------------------------------------------------------- */

static enum error_code take_delta(struct reply_reader *reader, int64_t place, yyjson_val *delta, struct error *error)
{
    static const struct {
        const char *key;
        enum chat_block_kind piece;
    } thoughts[] = {{"text", CHAT_REASONING}, {"signature", CHAT_SIGNATURE}, {"redactedContent", CHAT_REDACTED}};
    yyjson_val *text = yyjson_obj_get(delta, "text"), *use = yyjson_obj_get(delta, "toolUse");
    yyjson_val *reasoning = yyjson_obj_get(delta, "reasoningContent"), *citation = yyjson_obj_get(delta, "citation");
    const struct str none = {0};
    enum error_code code = OK;
    if (use) {
        if (reader->is_open && reader->kind == CHAT_TOOL_USE && reader->place == place)
            reply_piece(reader, CHAT_TOOL_USE, json_str(yyjson_obj_get(use, "input")));
        return OK;
    }
    if (yyjson_is_str(text) || citation)
        code = reply_block(reader, place, CHAT_TEXT, none, none, error);
    else if (reasoning)
        code = reply_block(reader, place, CHAT_REASONING, none, none, error);
    if (code != OK)
        return code;
    reply_piece(reader, CHAT_TEXT, json_str(text));
    for (size_t i = 0; i < 3 && reasoning; i++)
        reply_piece(reader, thoughts[i].piece, json_str(yyjson_obj_get(reasoning, thoughts[i].key)));
    if (yyjson_is_obj(citation)) {
        struct chat_citation read;
        converse_read_citation(citation, &read);
        reply_cites(reader, &read);
    }
    return OK;
}

/* Tool calls have a start; text and reasoning open with their first piece. Others are not for anybody here. */
static enum error_code take_start(struct reply_reader *reader, int64_t place, yyjson_val *start, struct error *error)
{
    yyjson_val *use = yyjson_obj_get(start, "toolUse");
    if (use)
        return reply_block(reader, place, CHAT_TOOL_USE, json_str(yyjson_obj_get(use, "toolUseId")),
                           json_str(yyjson_obj_get(use, "name")), error);
    reader->skipped = place;
    return OK;
}

static enum error_code take_stop(struct reply_reader *reader, int64_t place, struct error *error)
{
    enum error_code code = OK;
    if (place > reader->place && place != reader->skipped) /* text without a word */
        code = reply_block(reader, place, CHAT_TEXT, (struct str){0}, (struct str){0}, error);
    reply_block_stop(reader);
    return code;
}

/* Nova's own streams have the event inside of theirs: {"contentBlockDelta":{...}}. */
static void unwrap(struct str *type, yyjson_val **root)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(*root);
    yyjson_val *key = type->len == 0 ? yyjson_obj_iter_next(&iter) : NULL;
    if (!key)
        return;
    *type = json_str(key);
    *root = yyjson_obj_iter_get_val(key);
}

static enum error_code take_event(struct reply_reader *reader, struct str type, yyjson_val *root, struct error *error)
{
    struct codec_reader *common = &reader->common;
    unwrap(&type, &root);
    int64_t place = (int64_t)(fields_count(root, "contentBlockIndex") & INT64_MAX);
    common->is_started = true;
    if (str_eq(type, STR("contentBlockStart")))
        return take_start(reader, place, yyjson_obj_get(root, "start"), error);
    if (str_eq(type, STR("contentBlockDelta")))
        return place == reader->skipped ? OK : take_delta(reader, place, yyjson_obj_get(root, "delta"), error);
    if (str_eq(type, STR("contentBlockStop")))
        return take_stop(reader, place, error);
    if (str_eq(type, STR("messageStop"))) {
        reply_block_stop(reader);
        common->has_stop = true;
        common->reply.stop = stop_of(json_str(yyjson_obj_get(root, "stopReason")));
        common->reply.stop_sequence = reply_keep(reader, stop_sequence_of(root));
    } else if (str_eq(type, STR("metadata"))) {
        read_usage(yyjson_obj_get(root, "usage"), &common->reply);
        read_tier(root, &common->reply);
        common->reply.latency_ms = fields_count(yyjson_obj_get(root, "metrics"), "latencyMs");
        if (common->has_stop)
            reply_over(reader);
    }
    return OK;
}

struct codec_reader *converse_stream_open(enum codec_framing framing, const struct chat_sink *sink)
{
    return reply_reader_open(&converse_codec, take_event, framing, sink);
}
