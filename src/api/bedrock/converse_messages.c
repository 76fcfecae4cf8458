/* Messages of Converse and its system blocks: what each may hold. Their blocks are read in converse_content.c. */
#include "api/bedrock/converse.h"

#include "core/limits.h"

/* What a message of each role can't hold, NULL: it can. Of one of the system, in the midst of a conversation, all but
 * text. */
static const char *misplaced(enum chat_role role, enum chat_block_kind kind)
{
    bool is_user = role == CHAT_USER, is_assistant = role == CHAT_ASSISTANT;
    switch (kind) {
    case CHAT_TOOL_USE: return is_assistant ? NULL : "toolUse";
    case CHAT_REASONING: return is_assistant ? NULL : "reasoningContent";
    case CHAT_TOOL_RESULT: return is_user ? NULL : "toolResult";
    case CHAT_DOCUMENT:
    case CHAT_SEARCH_RESULT: return is_user ? NULL : "documents";
    default: return NULL;
    }
}

static enum error_code check_message(struct content_parser *parser, const struct chat_message *message,
                                     size_t document_count, const char *where)
{
    static const char *const roles[] = {[CHAT_SYSTEM] = "system", [CHAT_USER] = "user", [CHAT_ASSISTANT] = "assistant"};
    if (document_count > limit(message_documents))
        return field_error(parser->error, where, "content", "%zu documents are more than the limit of %zu in a message",
                           document_count, (size_t)limit(message_documents));
    bool has_document = false, has_text = false;
    for (size_t i = 0; i < message->block_count; i++) {
        enum chat_block_kind kind = message->blocks[i].kind;
        const char *what = misplaced(message->role, kind);
        has_document = has_document || chat_is_document(kind);
        has_text = has_text || kind == CHAT_TEXT;
        if (what)
            return field_error(parser->error, where, "content", "a message of the %s can't hold %s",
                               roles[message->role], what);
    }
    if (has_document && !has_text)
        return field_error(parser->error, where, "content", "a document needs a text block beside it");
    if (message->role == CHAT_ASSISTANT) /* its text may be blank: a reply can be, and comes back in the history */
        return OK;
    return content_check_blank(message->blocks, message->block_count, where, "content", parser->error);
}

static enum error_code parse_role(struct content_parser *parser, yyjson_val *object, const char *where,
                                  enum chat_role *role)
{
    static const char *const roles[] = {"user", "assistant", "system", NULL};
    int which;
    enum error_code code = fields_enum(object, where, "role", roles, &which, parser->error);
    if (code != OK)
        return code;
    if (which < 0)
        return field_error(parser->error, where, "role", "required and missing");
    static const enum chat_role meant[] = {CHAT_USER, CHAT_ASSISTANT, CHAT_SYSTEM};
    *role = meant[which];
    return OK;
}

static enum error_code parse_message(struct content_parser *parser, yyjson_val *object, const char *where,
                                     struct chat_message *message)
{
    static const char *const members[] = {"role", "content", NULL};
    yyjson_val *content = NULL;
    if (!yyjson_is_obj(object))
        return field_error(parser->error, where, "", "expected an object, got %s", json_type_name(object));
    enum error_code code = fields_known(parser->request->ignored, object, where, members, parser->error);
    if (code == OK)
        code = parse_role(parser, object, where, &message->role);
    if (code == OK)
        code = fields_need_array(object, where, "content", &content, parser->error);
    if (code != OK)
        return code;
    size_t count = yyjson_arr_size(content);
    if (count == 0)
        return field_error(parser->error, where, "content", "must have at least one content block");
    code = content_note_blocks(parser, count, where, "content");
    if (code != OK)
        return code;
    size_t per_item = parser->has_inline_cache_points ? 2 : 1, document_count = parser->request->document_count;
    message->raw = object;
    message->blocks = ARENA_ARRAY(parser->request->arena, struct chat_block, count * per_item);
    if (!message->blocks)
        return error_no_memory(parser->error);
    size_t i;
    yyjson_val *item;
    yyjson_arr_foreach(content, i, count, item)
    {
        struct field_path path = field_path_index(where, "content", i);
        code = converse_parse_block(parser, item, path.text, message->blocks, &message->block_count);
        if (code != OK)
            return code;
    }
    return check_message(parser, message, parser->request->document_count - document_count, where);
}

enum error_code converse_parse_messages(struct content_parser *parser, yyjson_val *messages)
{
    return content_each_message(parser, messages, parse_message);
}

static bool is_system_kind(enum chat_block_kind kind)
{
    return kind == CHAT_TEXT || kind == CHAT_CACHE_POINT || kind == CHAT_OTHER;
}

enum error_code converse_parse_system(struct content_parser *parser, yyjson_val *system)
{
    static const char *const members[] = {"text", "guardContent", "cachePoint", NULL};
    struct chat_request *request = parser->request;
    if (!system || yyjson_is_null(system))
        return OK;
    if (!yyjson_is_arr(system))
        return field_error(parser->error, "system", "", "expected an array, got %s", json_type_name(system));
    size_t i, count = yyjson_arr_size(system);
    enum error_code code = content_note_blocks(parser, count, "system", "");
    if (code != OK)
        return code;
    request->system = ARENA_ARRAY(request->arena, struct chat_block, 2 * count + 1);
    if (!request->system)
        return error_no_memory(parser->error);
    yyjson_val *item;
    yyjson_arr_foreach(system, i, count, item)
    {
        struct field_path path = field_path_index("", "system", i);
        code = fields_known(parser->request->ignored, item, path.text, members, parser->error);
        if (code == OK)
            code = converse_parse_block(parser, item, path.text, request->system, &request->system_count);
        if (code == OK && !is_system_kind(request->system[request->system_count - 1].kind))
            code = field_error(parser->error, path.text, "", "may hold text and cachePoint only");
        yyjson_val *text = yyjson_obj_get(item, "text");
        if (code == OK && text && fields_is_blank(json_str(text)))
            code = field_error(parser->error, path.text, "text", "must not be blank");
        if (code != OK)
            return code;
    }
    return OK;
}
