/* Replies of upstreams that speak OpenAI's chat completions, whole and streamed. Of several choices the first
 * counts. */
#include "api/native/chat_body.h"

#include "api/citations.h"
#include "api/native/native.h"
#include "api/reply_reader.h"
#include "api/usage_read.h"

/* Models that were made to call a tool may say "stop", and those that decline say it in words of their own. */
static enum chat_stop_reason stop_of(struct str name, bool has_calls, bool has_refusal)
{
    bool is_end = str_eq(name, STR("stop")) || str_eq(name, STR("tool_calls")) || str_eq(name, STR("function_call"));
    if (has_calls && is_end)
        return CHAT_STOP_TOOL_USE;
    if (str_eq(name, STR("length")))
        return CHAT_STOP_MAX_TOKENS;
    if (str_eq(name, STR("content_filter")))
        return CHAT_STOP_FILTERED;
    return has_refusal ? CHAT_STOP_REFUSAL : CHAT_STOP_END_TURN;
}

/* The detail, or where that is not there the first of two members beside the details. */
static uint64_t count_of(yyjson_val *details, const char *detail, yyjson_val *usage, const char *key, const char *other)
{
    if (yyjson_obj_get(details, detail))
        return fields_count(details, detail);
    return fields_count(usage, yyjson_obj_get(usage, key) ? key : other);
}

/* The prompt's count holds what was read from the cache, and written to it. DeepSeek says what was read in a member of
 * its own and what was not beside it; LiteLLM says both, in Anthropic's words, outside of the details. */
bool chat_body_tier(struct str name, enum tier *tier)
{
    static const struct {
        const char *name;
        enum tier tier;
    } tiers[] = {
        {"default", TIER_DEFAULT}, {"flex", TIER_FLEX},    {"priority", TIER_PRIORITY}, {"fast", TIER_PRIORITY},
        {"scale", TIER_DEFAULT},   {"ultrafast", TIER_ULTRAFAST}, {"standard", TIER_DEFAULT},
    };
    for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
        if (!str_eq(name, str_of(tiers[i].name)))
            continue;
        *tier = tiers[i].tier;
        return true;
    }
    return false;
}

/* Of a reply or of any chunk. */
static void read_tier(yyjson_val *root, struct chat_reply *reply)
{
    enum tier tier;
    if (chat_body_tier(json_str(yyjson_obj_get(root, "service_tier")), &tier)) {
        reply->usage.tier = tier;
        reply->usage.has_tier = true;
    }
}

static void read_usage(yyjson_val *usage, struct chat_reply *reply)
{
    yyjson_val *prompt = yyjson_obj_get(usage, "prompt_tokens_details"), *missed;
    yyjson_val *lives = yyjson_obj_get(prompt, "cache_write_tokens_details");
    struct usage_said said = {
        .prompt = fields_count(usage, "prompt_tokens"),
        .read = count_of(prompt, "cached_tokens", usage, "prompt_cache_hit_tokens", "cache_read_input_tokens"),
        .written = count_of(prompt, "cache_write_tokens", usage, "cache_creation_input_tokens", "cache_write_tokens"),
        .written_1h = fields_count(lives, "ttl_12h_tokens"),
        .replied = fields_count(usage, "completion_tokens"),
        .reasoning = fields_count(yyjson_obj_get(usage, "completion_tokens_details"), "reasoning_tokens"),
        .total = fields_count(usage, "total_tokens"),
    };
    missed = yyjson_obj_get(usage, "prompt_cache_miss_tokens");
    said.is_odd = missed && said.prompt != fields_count(usage, "prompt_cache_hit_tokens") +
                                               fields_count(usage, "prompt_cache_miss_tokens");
    usage_take(&said, &reply->usage);
}

/* Two names for the same thing circulate. */
static struct str reasoning_of(yyjson_val *message)
{
    struct str text = json_str(yyjson_obj_get(message, "reasoning_content"));
    return text.len > 0 ? text : json_str(yyjson_obj_get(message, "reasoning"));
}

/* The choice whose index is 0, or that has none; NULL: none. */
static yyjson_val *first_choice(yyjson_val *root)
{
    yyjson_val *choices = yyjson_obj_get(root, "choices"), *choice;
    size_t i, max;
    yyjson_arr_foreach(choices, i, max, choice)
    {
        if (yyjson_is_obj(choice) && fields_count(choice, "index") == 0)
            return choice;
    }
    return NULL;
}

static enum error_code check_failure(yyjson_val *root, struct error *error)
{
    yyjson_val *failure = yyjson_obj_get(root, "error");
    struct str name = json_str(yyjson_obj_get(failure, "code"));
    if (!failure || yyjson_is_null(failure))
        return OK;
    if (name.len == 0)
        name = json_str(yyjson_obj_get(failure, "type"));
    struct str message = yyjson_is_str(failure) ? json_str(failure) : json_str(yyjson_obj_get(failure, "message"));
    return reply_failure(name, message, error);
}

/* --- whole ------------------------------------------------------------------------------------------ */

static void add_text(struct chat_reply *reply, struct chat_reply_block *blocks, enum chat_block_kind kind,
                     struct str text)
{
    if (text.len > 0)
        blocks[reply->block_count++] = (struct chat_reply_block){.kind = kind, .text = text};
}

/* As some servers write it, in parts. */
static void add_parts(struct chat_reply *reply, struct chat_reply_block *blocks, yyjson_val *parts)
{
    yyjson_val *part;
    size_t i, max;
    yyjson_arr_foreach(parts, i, max, part) add_text(reply, blocks, CHAT_TEXT, json_str(yyjson_obj_get(part, "text")));
}

static void add_calls(struct chat_reply *reply, struct chat_reply_block *blocks, yyjson_val *calls)
{
    yyjson_val *call;
    size_t i, max;
    yyjson_arr_foreach(calls, i, max, call)
    {
        yyjson_val *function = yyjson_obj_get(call, "function");
        struct str arguments = json_str(yyjson_obj_get(function, "arguments"));
        if (!function)
            continue;
        blocks[reply->block_count++] = (struct chat_reply_block){
            .kind = CHAT_TOOL_USE,
            .text = arguments.len > 0 ? arguments : STR("{}"),
            .tool_id = json_str(yyjson_obj_get(call, "id")),
            .tool_name = json_str(yyjson_obj_get(function, "name")),
        };
    }
}

static void read_url_citation(yyjson_val *annotation, struct chat_citation *citation)
{
    yyjson_val *page = yyjson_obj_get(annotation, "url_citation");
    *citation = (struct chat_citation){.kind = CHAT_CITES_WEB,
                                       .title = json_str(yyjson_obj_get(page, "title")),
                                       .link = json_str(yyjson_obj_get(page, "url"))};
}

enum error_code chat_body_reply_parse(yyjson_val *root, struct arena *arena, struct chat_reply *reply,
                                      struct error *error)
{
    yyjson_val *choice = first_choice(root), *message = yyjson_obj_get(choice, "message");
    yyjson_val *content = yyjson_obj_get(message, "content"), *calls = yyjson_obj_get(message, "tool_calls");
    struct chat_reply_block *blocks;
    struct str refusal = json_str(yyjson_obj_get(message, "refusal"));
    *reply = (struct chat_reply){0};
    enum error_code code = check_failure(root, error);
    if (code == OK && !yyjson_is_obj(message))
        code = reply_malformed(error, "choices[0].message is missing");
    if (code == OK)
        code = reply_blocks(arena, 3 + yyjson_arr_size(calls) + yyjson_arr_size(content), &blocks, error);
    if (code != OK)
        return code;
    reply->blocks = blocks;
    add_text(reply, blocks, CHAT_REASONING, reasoning_of(message));
    size_t before = reply->block_count;
    add_text(reply, blocks, CHAT_TEXT, json_str(content));
    add_parts(reply, blocks, content);
    if (reply->block_count > before &&
        !citations_read(arena, yyjson_obj_get(message, "annotations"), read_url_citation, &blocks[before].citations,
                        &blocks[before].citation_count))
        return error_no_memory(error);
    add_text(reply, blocks, CHAT_REFUSAL, refusal);
    add_calls(reply, blocks, calls);
    reply->upstream_id = json_str(yyjson_obj_get(root, "id"));
    reply->upstream_model = json_str(yyjson_obj_get(root, "model"));
    reply->stop = stop_of(json_str(yyjson_obj_get(choice, "finish_reason")), yyjson_arr_size(calls) > 0,
                          refusal.len > 0);
    read_usage(yyjson_obj_get(root, "usage"), reply);
    read_tier(root, reply);
    return OK;
}

/* --- streamed --------------------------------------------------------------------------------------- */

/* A piece of a kind that has no places of its own: goes on where that kind is open, else opens. */
static enum error_code take_text(struct reply_reader *reader, enum chat_block_kind kind, struct str text,
                                 struct error *error)
{
    int64_t place = reader->is_open && reader->kind == kind ? reader->place : reader->place + 1;
    if (text.len == 0)
        return OK;
    enum error_code code = reply_block(reader, place, kind, (struct str){0}, (struct str){0}, error);
    if (code == OK)
        reply_piece(reader, kind, text);
    return code;
}

/* Calls are counted from 0, each behind the last; `first_call` is the place of the first of them. */
static enum error_code take_call(struct reply_reader *reader, yyjson_val *call, struct error *error)
{
    yyjson_val *function = yyjson_obj_get(call, "function"), *index = yyjson_obj_get(call, "index");
    struct str id = json_str(yyjson_obj_get(call, "id")), name = json_str(yyjson_obj_get(function, "name"));
    bool is_call_open = reader->is_open && reader->kind == CHAT_TOOL_USE;
    int64_t number = (int64_t)(fields_count(call, "index") & INT32_MAX);
    if (!json_is_number(index)) /* servers forget it: an ID begins a call, or a name */
        number = (int64_t)reader->calls - (is_call_open && id.len == 0 && name.len == 0);
    if (number > (int64_t)reader->calls || (number < (int64_t)reader->calls && !is_call_open) ||
        number + 1 < (int64_t)reader->calls)
        return reply_malformed(error, "pieces of several tool calls are mixed");
    if (number == (int64_t)reader->calls) {
        enum error_code code = reply_block(reader, reader->place + 1, CHAT_TOOL_USE, id, name, error);
        if (code != OK)
            return code;
        reader->calls++;
    }
    reply_piece(reader, CHAT_TOOL_USE, json_str(yyjson_obj_get(function, "arguments")));
    return OK;
}

static enum error_code take_delta(struct reply_reader *reader, yyjson_val *delta, struct error *error)
{
    yyjson_val *content = yyjson_obj_get(delta, "content"), *calls = yyjson_obj_get(delta, "tool_calls"), *item;
    struct str refusal = json_str(yyjson_obj_get(delta, "refusal"));
    size_t i, max;
    reader->has_refusal = reader->has_refusal || refusal.len > 0;
    enum error_code code = take_text(reader, CHAT_REASONING, reasoning_of(delta), error);
    if (code == OK)
        code = take_text(reader, CHAT_TEXT, json_str(content), error);
    yyjson_arr_foreach(content, i, max, item)
    {
        if (code == OK)
            code = take_text(reader, CHAT_TEXT, json_str(yyjson_obj_get(item, "text")), error);
    }
    if (code == OK)
        code = take_text(reader, CHAT_REFUSAL, refusal, error);
    yyjson_arr_foreach(calls, i, max, item)
    {
        if (code == OK)
            code = take_call(reader, item, error);
    }
    return code;
}

static enum error_code take_event(struct reply_reader *reader, struct str frame, yyjson_val *root, struct error *error)
{
    struct codec_reader *common = &reader->common;
    yyjson_val *choice = first_choice(root), *reason = yyjson_obj_get(choice, "finish_reason");
    yyjson_val *usage = yyjson_obj_get(root, "usage");
    read_tier(root, &common->reply);
    enum error_code code = check_failure(root, error);
    (void)frame;
    if (code != OK)
        return code;
    if (!common->is_started) {
        common->is_started = true;
        common->reply.upstream_id = reply_keep(reader, json_str(yyjson_obj_get(root, "id")));
        common->reply.upstream_model = reply_keep(reader, json_str(yyjson_obj_get(root, "model")));
    }
    if (yyjson_is_obj(usage))
        read_usage(usage, &common->reply);
    code = take_delta(reader, yyjson_obj_get(choice, "delta"), error);
    if (code == OK && yyjson_is_str(reason)) {
        reply_block_stop(reader);
        common->has_stop = true;
        common->reply.stop = stop_of(json_str(reason), reader->calls > 0, reader->has_refusal);
    }
    return code;
}

struct codec_reader *chat_body_stream_open(enum codec_framing framing, const struct chat_sink *sink)
{
    return reply_reader_open(&chat_codec, take_event, framing, sink);
}
