#include "chat/chat.h"

#include <inttypes.h>

#include "core/limits.h"

static enum error_code check_messages(const struct chat_request *request, struct error *error)
{
    if (request->message_count == 0)
        return error_set(error, ERROR_INVALID, "messages: at least one message is required");
    if (request->message_count > limit(messages))
        return error_set(error, ERROR_INVALID, "messages: %zu messages are more than the limit of %" PRIu64,
                         request->message_count, limit(messages));
    bool has_user = false;
    for (size_t i = 0; i < request->message_count; i++) {
        enum chat_role role = request->messages[i].role;
        if (role != CHAT_SYSTEM && role != CHAT_USER && role != CHAT_ASSISTANT)
            return error_set(error, ERROR_INVALID, "messages[%zu].role: unknown role", i);
        has_user = has_user || role == CHAT_USER;
    }
    const enum chat_role first = request->messages[0].role;
    bool may_come_first = first == CHAT_ASSISTANT && request->takes_assistant_first && has_user;
    if (first != CHAT_USER && !may_come_first)
        return error_set(error, ERROR_INVALID,
                         "messages[0]: a conversation must start with a user message. Try again with a conversation "
                         "that starts with a user message.");
    return OK;
}

struct block_counts {
    size_t blocks, cache_points;
};

static void count_blocks(struct block_counts *counts, const struct chat_block *blocks, size_t count)
{
    counts->blocks += count;
    for (size_t i = 0; i < count; i++)
        if (blocks[i].kind == CHAT_CACHE_POINT)
            counts->cache_points++;
}

static enum error_code check_blocks(const struct chat_request *request, struct error *error)
{
    struct block_counts counts = {0};
    count_blocks(&counts, request->system, request->system_count);
    for (size_t i = 0; i < request->message_count; i++)
        count_blocks(&counts, request->messages[i].blocks, request->messages[i].block_count);
    for (size_t i = 0; i < request->tool_count; i++)
        counts.cache_points += request->tools[i].cache_point_after;
    if (counts.blocks > limit(content_blocks))
        return error_set(error, ERROR_INVALID, "messages: %zu content blocks are more than the limit of %" PRIu64,
                         counts.blocks, limit(content_blocks));
    if (counts.cache_points > LIMIT_CACHE_POINTS)
        return error_set(error, ERROR_INVALID, "%zu cache points are more than the limit of %d",
                         counts.cache_points, LIMIT_CACHE_POINTS);
    return OK;
}

static bool has_tool(const struct chat_request *request, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(request->tools[i].name, name))
            return true;
    return false;
}

static enum error_code check_tools(const struct chat_request *request, struct error *error)
{
    if (request->tool_count > limit(tools))
        return error_set(error, ERROR_INVALID, "tools: %zu tools are more than the limit of %" PRIu64,
                         request->tool_count, limit(tools));
    for (size_t i = 0; i < request->tool_count; i++) {
        struct str name = request->tools[i].name;
        if (name.len == 0)
            return error_set(error, ERROR_INVALID, "tools[%zu].name: must not be empty", i);
        if (has_tool(request, i, name))
            return error_set(error, ERROR_INVALID, "tools[%zu].name: a tool named '" STR_FMT "' is defined already",
                             i, STR_ARG(name));
    }
    if (request->tool_choice == CHAT_TOOL_ANY && request->tool_count == 0)
        return error_set(error, ERROR_INVALID, "toolChoice: a tool is asked for, but no tools are given");
    if (request->tool_choice == CHAT_TOOL_NAMED &&
        !has_tool(request, request->tool_count, request->tool_choice_name))
        return error_set(error, ERROR_INVALID, "toolChoice: there is no tool named '" STR_FMT "'",
                         STR_ARG(request->tool_choice_name));
    return OK;
}

static enum error_code check_stop_sequences(const struct chat_request *request, struct error *error)
{
    if (request->stop_count > limit(stop_sequences))
        return error_set(error, ERROR_INVALID, "stopSequences: %zu sequences are more than the limit of %" PRIu64,
                         request->stop_count, limit(stop_sequences));
    for (size_t i = 0; i < request->stop_count; i++) {
        size_t len = request->stop_sequences[i].len;
        if (len == 0 || len > limit(stop_sequence_bytes))
            return error_set(error, ERROR_INVALID,
                             "stopSequences[%zu]: %zu bytes long, must have 1 to %" PRIu64, i, len,
                             limit(stop_sequence_bytes));
    }
    return OK;
}

enum error_code chat_request_check(const struct chat_request *request, struct error *error)
{
    enum error_code code = OK;
    if (request->raw_prompt.data == NULL)
        code = check_messages(request, error);
    if (code == OK)
        code = check_blocks(request, error);
    if (code == OK)
        code = check_tools(request, error);
    if (code == OK)
        code = check_stop_sequences(request, error);
    return code;
}
