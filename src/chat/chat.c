/* What every dialect's request must hold to, and the text of structured tool results. */
#include "chat/chat.h"

#include <inttypes.h>

#include "core/json.h"
#include "core/limits.h"

static enum error_code check_messages(const struct chat_request *request, struct error *error)
{
    if (request->message_count == 0)
        return error_set(error, ERROR_INVALID, "messages: at least one message is required");
    if (request->message_count > limit(messages))
        return error_set(error, ERROR_INVALID, "messages: %zu messages are more than the limit of %" PRIu64,
                         request->message_count, limit(messages));
    for (size_t i = 0; i < request->message_count; i++) {
        enum chat_role role = request->messages[i].role;
        if (role != CHAT_SYSTEM && role != CHAT_USER && role != CHAT_ASSISTANT)
            return error_set(error, ERROR_INVALID, "messages[%zu].role: unknown role", i);
    }
    return OK;
}

static enum error_code check_blocks(const struct chat_request *request, struct error *error)
{
    size_t count = request->system_count;
    for (size_t i = 0; i < request->message_count; i++)
        count += request->messages[i].block_count;
    if (count > limit(content_blocks))
        return error_set(error, ERROR_INVALID, "messages: %zu content blocks are more than the limit of %" PRIu64,
                         count, limit(content_blocks));
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
        if (!request->tools[i].schema)
            continue; /* the provider's own */
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

static bool append_result(struct buf *out, const struct chat_block *result)
{
    for (size_t i = 0; i < result->content_count; i++) {
        const struct chat_block *item = &result->content[i];
        if (i > 0)
            buf_append_char(out, '\n');
        if (item->kind == CHAT_JSON)
            json_append(out, item->value);
        else
            buf_append_str(out, item->text);
    }
    return !out->failed;
}

bool chat_result_text(const struct chat_block *result, struct arena *arena, struct str *text)
{
    bool is_one_text = result->content_count == 1 && result->content[0].kind != CHAT_JSON;
    if (result->content_count == 0 || is_one_text) {
        *text = is_one_text ? result->content[0].text : STR("");
        return true;
    }
    struct buf joined;
    buf_init(&joined, (size_t)limit(body_bytes) * 2);
    bool is_made = append_result(&joined, result) && arena_str(arena, buf_str(&joined), text);
    buf_deinit(&joined);
    return is_made;
}
