/* OpenAI's chat completions: messages and tools. */
#include "api/native/chat_body.h"

#include "core/limits.h"

#define NAME_MAX_CHARACTERS 64
#define CALL_ID_MAX_CHARACTERS 256

struct reader {
    struct chat_request *request;
    struct error *error;
    size_t blocks; /* so far, against limit(content_blocks) */
};

static enum error_code new_blocks(struct reader *reader, const char *where, size_t count, struct chat_block **blocks)
{
    reader->blocks += count;
    if (reader->blocks > limit(content_blocks))
        return field_error(reader->error, where, "content", "more content blocks than the limit of %zu",
                           (size_t)limit(content_blocks));
    *blocks = ARENA_ARRAY(reader->request->arena, struct chat_block, count + 1);
    return *blocks ? OK : error_no_memory(reader->error);
}

/* Room of a list that append_blocks has made: the next power of two, 8 at least. */
static size_t room_of(size_t count)
{
    size_t room = 8;
    while (room < count)
        room *= 2;
    return count ? room : 0;
}

/* Adds blocks to a list that only this function has made; doubling keeps long lists linear. */
static enum error_code append_blocks(struct reader *reader, struct chat_block **blocks, size_t *count,
                                     const struct chat_block *more, size_t more_count)
{
    if (*count + more_count > room_of(*count)) {
        struct chat_block *grown = ARENA_ARRAY(reader->request->arena, struct chat_block, room_of(*count + more_count));
        if (!grown)
            return error_no_memory(reader->error);
        if (*count > 0)
            memcpy(grown, *blocks, *count * sizeof(*grown));
        *blocks = grown;
    }
    memcpy(*blocks + *count, more, more_count * sizeof(*more));
    *count += more_count;
    return OK;
}

/* --- content ---------------------------------------------------------------------------------------- */

static enum error_code parse_words(struct reader *reader, yyjson_val *part, const char *where, const char *key,
                                   struct chat_block *block)
{
    static const char *const members[] = {"type", "text", "refusal", "cache_control", NULL};
    block->kind = CHAT_TEXT;
    enum error_code code = fields_known(reader->request->ignored, part, where, members, reader->error);
    return code == OK ? fields_need_str(part, where, key, 0, SIZE_MAX, &block->text, reader->error) : code;
}

static enum error_code parse_part(struct reader *reader, yyjson_val *part, const char *where, struct chat_block *block)
{
    struct str type = {0};
    block->raw = part;
    if (!yyjson_is_obj(part))
        return field_error(reader->error, where, "", "expected an object, got %s", json_type_name(part));
    enum error_code code = fields_need_str(part, where, "type", 1, SIZE_MAX, &type, reader->error);
    if (code != OK)
        return code;
    if (str_eq(type, STR("refusal")))
        return parse_words(reader, part, where, "refusal", block);
    if (str_eq(type, STR("text")) || str_eq(type, STR("input_text")) || str_eq(type, STR("output_text")))
        return parse_words(reader, part, where, "text", block);
    return chat_body_media(reader->request, part, type, where, block, reader->error);
}

/* A string, an array of parts, or nothing at all where `may_be_absent`. */
static enum error_code parse_content(struct reader *reader, yyjson_val *object, const char *where, bool may_be_absent,
                                     struct chat_block **blocks, size_t *count)
{
    yyjson_val *content = yyjson_obj_get(object, "content"), *part;
    size_t i, max, parts = yyjson_is_arr(content) ? yyjson_arr_size(content) : 1;
    bool is_absent = !content || yyjson_is_null(content);
    if (is_absent && !may_be_absent)
        return field_error(reader->error, where, "content", "required and missing");
    if (!is_absent && !yyjson_is_str(content) && !yyjson_is_arr(content))
        return field_error(reader->error, where, "content", "expected a string or an array, got %s",
                           json_type_name(content));
    /* Calls of the assistant come behind. */
    enum error_code code =
        new_blocks(reader, where, parts + yyjson_arr_size(yyjson_obj_get(object, "tool_calls")), blocks);
    if (code != OK || is_absent)
        return code;
    if (yyjson_is_str(content)) {
        (*blocks)[(*count)++] = (struct chat_block){.kind = CHAT_TEXT, .text = json_str(content)};
        return OK;
    }
    yyjson_arr_foreach(content, i, max, part)
    {
        struct field_path path = field_path_index(where, "content", i);
        code = parse_part(reader, part, path.text, &(*blocks)[(*count)++]);
        if (code != OK)
            return code;
    }
    return OK;
}

/* --- calls of the assistant, and their results -------------------------------------------------------- */

/* The arguments, a string of JSON; nothing stands for no arguments. */
static enum error_code parse_arguments(struct reader *reader, yyjson_val *function, const char *where,
                                       struct chat_block *block)
{
    yyjson_val *arguments = yyjson_obj_get(function, "arguments"), *inner = NULL;
    if (!arguments || yyjson_is_null(arguments) || (yyjson_is_str(arguments) && yyjson_get_len(arguments) == 0)) {
        block->json = STR("{}");
        return OK;
    }
    block->value = arguments;
    if (yyjson_is_obj(arguments)) /* as some write them */
        return fields_json_text(arguments, reader->request->arena, &block->json, reader->error);
    if (!yyjson_is_str(arguments))
        return field_error(reader->error, where, "arguments", "expected a string, got %s", json_type_name(arguments));
    enum error_code code = fields_parse_inner(json_str(arguments), reader->request->arena, &inner, reader->error);
    if (code == OK && !yyjson_is_obj(inner))
        return field_error(reader->error, where, "arguments", "must hold a JSON object, got %s", json_type_name(inner));
    if (code == ERROR_INVALID)
        return field_error(reader->error, where, "arguments", "is not JSON");
    block->value = inner;
    return code == OK ? fields_json_text(inner, reader->request->arena, &block->json, reader->error) : code;
}

static enum error_code parse_call(struct reader *reader, yyjson_val *call, const char *where, struct chat_block *block)
{
    static const char *const members[] = {"id", "type", "index", "function", NULL};
    static const char *const function_members[] = {"name", "arguments", NULL};
    yyjson_val *function = NULL;
    block->kind = CHAT_TOOL_USE;
    block->raw = call;
    if (!yyjson_is_obj(call))
        return field_error(reader->error, where, "", "expected an object, got %s", json_type_name(call));
    enum error_code code = fields_known(reader->request->ignored, call, where, members, reader->error);
    if (code == OK)
        code = fields_need_str(call, where, "id", 1, CALL_ID_MAX_CHARACTERS, &block->id, reader->error);
    if (code == OK)
        code = fields_need_object(call, where, "function", &function, reader->error);
    struct field_path path = field_path_member(where, "function");
    if (code == OK)
        code = fields_known(reader->request->ignored, function, path.text, function_members, reader->error);
    if (code == OK)
        code = fields_need_str(function, path.text, "name", 1, NAME_MAX_CHARACTERS, &block->name, reader->error);
    return code == OK ? parse_arguments(reader, function, path.text, block) : code;
}

static enum error_code parse_assistant(struct reader *reader, yyjson_val *object, const char *where,
                                       struct chat_message *message)
{
    yyjson_val *calls = NULL, *call;
    size_t i, max;
    message->role = CHAT_ASSISTANT;
    enum error_code code = json_get_array(object, where, "tool_calls", &calls, reader->error);
    if (code == OK)
        code = parse_content(reader, object, where, true, &message->blocks, &message->block_count);
    if (code == OK && message->block_count > 0 && message->blocks[0].kind == CHAT_TEXT &&
        message->blocks[0].text.len == 0 && yyjson_arr_size(calls) > 0)
        message->block_count = 0; /* "" beside calls says nothing */
    yyjson_arr_foreach(calls, i, max, call)
    {
        struct field_path path = field_path_index(where, "tool_calls", i);
        if (code == OK)
            code = parse_call(reader, call, path.text, &message->blocks[message->block_count++]);
    }
    return code;
}

/* Results that follow each other belong into one message: `message` is that of the one before, or empty. */
static enum error_code parse_result(struct reader *reader, yyjson_val *object, const char *where,
                                    struct chat_message *message)
{
    struct chat_block block = {.kind = CHAT_TOOL_RESULT, .raw = object};
    enum error_code code =
        fields_need_str(object, where, "tool_call_id", 1, CALL_ID_MAX_CHARACTERS, &block.id, reader->error);
    if (code == OK)
        code = parse_content(reader, object, where, false, &block.content, &block.content_count);
    message->role = CHAT_USER;
    return code == OK ? append_blocks(reader, &message->blocks, &message->block_count, &block, 1) : code;
}

/* --- messages --------------------------------------------------------------------------------------- */

enum { ROLE_SYSTEM, ROLE_DEVELOPER, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL };

static enum error_code add_system(struct reader *reader, yyjson_val *object, const char *where)
{
    struct chat_request *request = reader->request;
    struct chat_block *blocks;
    size_t count = 0;
    enum error_code code = parse_content(reader, object, where, false, &blocks, &count);
    for (size_t i = 0; i < count && code == OK; i++) {
        blocks[i].raw = object; /* the role and the name stand there */
        if (blocks[i].kind != CHAT_TEXT || blocks[i].text.len > 0)
            code = append_blocks(reader, &request->system, &request->system_count, &blocks[i], 1);
    }
    return code;
}

static enum error_code read_role(struct reader *reader, yyjson_val *object, const char *where, int *role)
{
    static const char *const members[] = {"role", "content", "name", "tool_calls", "tool_call_id", NULL};
    static const char *const roles[] = {"system", "developer", "user", "assistant", "tool", NULL};
    if (!yyjson_is_obj(object))
        return field_error(reader->error, where, "", "expected an object, got %s", json_type_name(object));
    enum error_code code = fields_known(reader->request->ignored, object, where, members, reader->error);
    if (code == OK)
        code = fields_enum(object, where, "role", roles, role, reader->error);
    return code == OK && *role < 0 ? field_error(reader->error, where, "role", "required and missing") : code;
}

static enum error_code parse_message(struct reader *reader, yyjson_val *object, const char *where, bool *was_result)
{
    struct chat_request *request = reader->request;
    struct chat_message *message = &request->messages[request->message_count];
    int role = -1;
    enum error_code code = read_role(reader, object, where, &role);
    bool is_result = role == ROLE_TOOL, is_system = role == ROLE_SYSTEM || role == ROLE_DEVELOPER;
    if (code == OK && is_system && request->message_count == 0)
        return add_system(reader, object, where);
    if (code == OK && is_result && *was_result)
        return parse_result(reader, object, where, message - 1);
    *was_result = is_result;
    message->raw = is_result ? NULL : object; /* results of several messages become one */
    if (code == OK && is_result)
        code = parse_result(reader, object, where, message);
    else if (code == OK && role == ROLE_ASSISTANT)
        code = parse_assistant(reader, object, where, message);
    else if (code == OK)
        code = parse_content(reader, object, where, false, &message->blocks, &message->block_count);
    if (code == OK && !is_result && role != ROLE_ASSISTANT)
        message->role = is_system ? CHAT_SYSTEM : CHAT_USER;
    request->message_count += code == OK;
    return code;
}

enum error_code chat_body_messages(yyjson_val *root, struct chat_request *request, struct error *error)
{
    struct reader reader = {.request = request, .error = error};
    yyjson_val *messages = NULL, *object;
    size_t i, max;
    bool was_result = false;
    enum error_code code = fields_need_array(root, "", "messages", &messages, error);
    if (code != OK)
        return code;
    if (yyjson_arr_size(messages) > limit(messages))
        return field_error(error, "", "messages", "%zu messages are more than the limit of %zu",
                           yyjson_arr_size(messages), (size_t)limit(messages));
    request->messages = ARENA_ARRAY(request->arena, struct chat_message, yyjson_arr_size(messages) + 1);
    if (!request->messages)
        return error_no_memory(error);
    yyjson_arr_foreach(messages, i, max, object)
    {
        struct field_path path = field_path_index("", "messages", i);
        if (code == OK)
            code = parse_message(&reader, object, path.text, &was_result);
    }
    return code;
}

/* --- tools ------------------------------------------------------------------------------------------ */

static enum error_code parse_function(struct reader *reader, yyjson_val *function, const char *where,
                                      struct chat_tool *tool)
{
    static const char *const members[] = {"name", "description", "parameters", "strict", NULL};
    enum error_code code = fields_known(reader->request->ignored, function, where, members, reader->error);
    if (code == OK)
        code = fields_need_str(function, where, "name", 1, NAME_MAX_CHARACTERS, &tool->name, reader->error);
    if (code == OK && !fields_alphabet(tool->name, "_-"))
        return field_error(reader->error, where, "name", "may hold letters, digits, _ and - only");
    if (code == OK)
        code = json_get_str(function, where, "description", &tool->description, NULL, reader->error);
    if (code == OK)
        code = json_get_bool(function, where, "strict", &tool->is_strict, NULL, reader->error);
    if (code == OK)
        code = json_get_object(function, where, "parameters", &tool->schema, reader->error);
    if (code == OK && !tool->schema)
        code = fields_parse_inner(STR("{\"type\":\"object\",\"properties\":{}}"), reader->request->arena, &tool->schema,
                                  reader->error);
    return code;
}

static enum error_code parse_tool(struct reader *reader, yyjson_val *object, const char *where, struct chat_tool *tool)
{
    static const char *const members[] = {"type", "function", NULL};
    struct str type = STR("function");
    yyjson_val *function = NULL;
    tool->raw = object;
    if (!yyjson_is_obj(object))
        return field_error(reader->error, where, "", "expected an object, got %s", json_type_name(object));
    enum error_code code = json_get_str(object, where, "type", &type, NULL, reader->error);
    if (code == OK && !str_eq(type, STR("function")))
        return needs_note(reader->request, CHAT_NEED_SERVER_TOOLS, reader->error, where, "type",
                          "only tools of type function can be used here");
    if (code == OK)
        code = fields_known(reader->request->ignored, object, where, members, reader->error);
    if (code == OK)
        code = fields_need_object(object, where, "function", &function, reader->error);
    struct field_path path = field_path_member(where, "function");
    return code == OK ? parse_function(reader, function, path.text, tool) : code;
}

static enum error_code parse_named_choice(struct reader *reader, yyjson_val *choice)
{
    struct chat_request *request = reader->request;
    yyjson_val *function = NULL;
    if (!yyjson_is_obj(choice))
        return field_error(reader->error, "", "tool_choice", "expected a string or an object, got %s",
                           json_type_name(choice));
    enum error_code code = fields_need_object(choice, "tool_choice", "function", &function, reader->error);
    request->tool_choice = CHAT_TOOL_NAMED;
    return code == OK ? fields_need_str(function, "tool_choice.function", "name", 1, NAME_MAX_CHARACTERS,
                                        &request->tool_choice_name, reader->error)
                      : code;
}

/* Mistral says any where OpenAI says required. */
static enum error_code parse_choice(struct reader *reader, yyjson_val *root)
{
    static const char *const names[] = {"auto", "none", "required", "any", NULL};
    static const enum chat_tool_choice choices[] = {CHAT_TOOL_AUTO, CHAT_TOOL_NONE, CHAT_TOOL_ANY, CHAT_TOOL_ANY};
    yyjson_val *choice = yyjson_obj_get(root, "tool_choice");
    int which = -1;
    bool is_parallel = true;
    enum error_code code = json_get_bool(root, "", "parallel_tool_calls", &is_parallel, NULL, reader->error);
    reader->request->is_single_call = !is_parallel;
    if (code != OK || !choice || yyjson_is_null(choice))
        return code;
    if (!yyjson_is_str(choice))
        return parse_named_choice(reader, choice);
    code = fields_enum(root, "", "tool_choice", names, &which, reader->error);
    if (code == OK)
        reader->request->tool_choice = choices[which];
    return code;
}

enum error_code chat_body_tools(yyjson_val *root, struct chat_request *request, struct error *error)
{
    struct reader reader = {.request = request, .error = error};
    yyjson_val *tools = NULL, *item;
    enum error_code code = json_get_array(root, "", "tools", &tools, error);
    size_t i, count = yyjson_arr_size(tools);
    if (code == OK && count > limit(tools))
        code = field_error(error, "tools", "", "%zu tools are more than the limit of %zu", count, (size_t)limit(tools));
    if (code != OK)
        return code;
    request->tools = ARENA_ARRAY(request->arena, struct chat_tool, count + 1);
    if (!request->tools)
        return error_no_memory(error);
    request->tool_count = count;
    yyjson_arr_foreach(tools, i, count, item)
    {
        struct field_path path = field_path_index("", "tools", i);
        code = parse_tool(&reader, item, path.text, &request->tools[i]);
        if (code != OK)
            return code;
    }
    return parse_choice(&reader, root);
}
