/* Needs of requests, with the sentences that refuse them, and members that nobody here reads. */
#include "api/needs.h"

#include <stdarg.h>
#include <stdio.h>

enum error_code needs_note(struct chat_request *request, enum chat_need need, struct error *error, const char *where,
                           const char *key, const char *format, ...)
{
    char why[ERROR_MESSAGE_MAX];
    struct error refusal;
    va_list args;
    if (request->needs & need)
        return OK;
    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    (void)field_error(&refusal, where, key, "%s", why);
    const char *message = arena_strdup(request->arena, str_of(refusal.message));
    return message ? chat_request_need(request, need, message, error) : error_no_memory(error);
}

enum error_code needs_ignore(struct chat_request *request, enum chat_need need, yyjson_val *object, const char *where,
                             const char *key, const char *why, struct error *error)
{
    yyjson_val *value = yyjson_obj_get(object, key);
    if (!value || yyjson_is_null(value))
        return OK;
    request->wants |= need;
    if (!request->ignored)
        return needs_note(request, need, error, where, key, "%s", why);
    ignored_note(request->ignored, where, str_of(key), need);
    return OK;
}

enum error_code needs_members(struct chat_request *request, yyjson_val *object, const char *where,
                              const struct needs_member *members, size_t count, struct error *error)
{
    enum error_code code = OK;
    for (size_t i = 0; i < count && code == OK; i++) {
        yyjson_val *value = yyjson_obj_get(object, members[i].key);
        bool is_empty = yyjson_is_null(value) || (yyjson_is_arr(value) && yyjson_arr_size(value) == 0);
        if (value && !is_empty)
            code = needs_note(request, members[i].need, error, where, members[i].key, "%s", members[i].why);
    }
    return code;
}

enum error_code needs_extras(struct chat_request *request, yyjson_val *object, const char *where,
                             const char *const *carried, struct error *error)
{
    enum error_code code = OK;
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    for (yyjson_val *key; code == OK && (key = yyjson_obj_iter_next(&iter));) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (!yyjson_is_null(value) && fields_index(json_str(key), carried) < 0)
            code = chat_request_extra(request, where, json_str(key), value, error);
    }
    return code;
}

enum error_code needs_first_turn(struct chat_request *request, struct error *error)
{
    bool has_user = false;
    if (request->message_count == 0 || request->messages[0].role == CHAT_USER)
        return OK;
    for (size_t i = 0; i < request->message_count; i++)
        has_user = has_user || request->messages[i].role == CHAT_USER;
    if (request->messages[0].role == CHAT_ASSISTANT && request->takes_assistant_first && has_user)
        return OK;
    return needs_note(request, CHAT_NEED_ASSISTANT_FIRST, error, "messages[0]", "",
                      "a conversation must start with a user message. Try again with a conversation that starts with a "
                      "user message.");
}

enum error_code needs_where(struct chat_request *request, struct chat_block *block, const char *where,
                            struct error *error)
{
    block->where = arena_strdup(request->arena, str_of(where));
    return block->where ? OK : error_no_memory(error);
}
