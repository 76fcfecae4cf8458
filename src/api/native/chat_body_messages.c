/* OpenAI's chat completions: messages. */
#include "api/native/chat_body.h"

#include "core/limits.h"

#define NAME_MAX_CHARACTERS 64
#define CALL_ID_MAX_CHARACTERS 256

static enum error_code new_blocks(struct chat_body_reader *reader, const char *where, size_t count,
                                  struct chat_block **blocks)
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
static enum error_code append_blocks(struct chat_body_reader *reader, struct chat_block **blocks, size_t *count,
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

static enum error_code parse_words(struct chat_body_reader *reader, yyjson_val *part, const char *where,
                                   const char *key, struct chat_block *block)
{
    static const char *const members[] = {"type", "text", "refusal", "cache_control", "prompt_cache_breakpoint",
                                          "annotations", "logprobs", NULL};
    block->kind = CHAT_TEXT;
    enum error_code code = fields_known(reader->request->ignored, part, where, members, reader->error);
    return code == OK ? fields_need_str(part, where, key, 0, SIZE_MAX, &block->text, reader->error) : code;
}

static enum error_code parse_part(struct chat_body_reader *reader, yyjson_val *part, const char *where,
                                  struct chat_block *block)
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

/* Room is there. */
static void add_mark(const struct chat_body_reader *reader, yyjson_val *object, struct chat_block *blocks,
                     size_t *count)
{
    uint32_t ttl_seconds;
    if (chat_body_is_api(reader->request) && chat_body_mark(reader->request, object, &ttl_seconds))
        blocks[(*count)++] = (struct chat_block){.kind = CHAT_CACHE_POINT, .ttl_seconds = ttl_seconds};
}

/* A string, an array of parts, or nothing at all where `may_be_absent`. */
static enum error_code parse_content(struct chat_body_reader *reader, yyjson_val *object, const char *where,
                                     const char *key, bool may_be_absent, struct chat_block **blocks, size_t *count)
{
    yyjson_val *content = yyjson_obj_get(object, key), *part;
    size_t i, max, parts = yyjson_is_arr(content) ? yyjson_arr_size(content) : 1;
    const bool is_absent = !content || yyjson_is_null(content);
    const size_t room = chat_body_is_api(reader->request) ? 2 * parts : parts; /* a cache point behind each */
    if (is_absent && !may_be_absent)
        return field_error(reader->error, where, key, "required and missing");
    if (!is_absent && !yyjson_is_str(content) && !yyjson_is_arr(content))
        return field_error(reader->error, where, key, "expected a string or an array, got %s",
                           json_type_name(content));
    /* Calls of the assistant come behind. */
    enum error_code code =
        new_blocks(reader, where, room + yyjson_arr_size(yyjson_obj_get(object, "tool_calls")) + 1, blocks);
    if (code != OK || is_absent)
        return code;
    if (yyjson_is_str(content)) {
        (*blocks)[(*count)++] = (struct chat_block){.kind = CHAT_TEXT, .text = json_str(content)};
        add_mark(reader, object, *blocks, count);
        return OK;
    }
    yyjson_arr_foreach(content, i, max, part)
    {
        struct field_path path = field_path_index(where, key, i);
        code = parse_part(reader, part, path.text, &(*blocks)[(*count)++]);
        if (code != OK)
            return code;
        add_mark(reader, part, *blocks, count);
    }
    return OK;
}

/* --- calls of the assistant, and their results -------------------------------------------------------- */

/* The arguments, a string of JSON; nothing stands for no arguments. */
static enum error_code parse_arguments(struct chat_body_reader *reader, yyjson_val *function, const char *where,
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

/* Free text, as the one argument that models see. */
static enum error_code parse_custom_call(struct chat_body_reader *reader, yyjson_val *custom, const char *where,
                                         struct chat_block *block)
{
    struct str input = {0};
    struct buf json;
    enum error_code code = fields_need_str(custom, where, "name", 1, NAME_MAX_CHARACTERS, &block->name, reader->error);
    if (code == OK)
        code = fields_need_str(custom, where, "input", 0, SIZE_MAX, &input, reader->error);
    if (code != OK)
        return code;
    buf_init(&json, 6 * input.len + 64);
    buf_append_text(&json, "{\"" CHAT_BODY_CUSTOM_INPUT "\":");
    buf_append_json(&json, input);
    buf_append_char(&json, '}');
    const bool is_made = !json.failed && arena_str(reader->request->arena, buf_str(&json), &block->json);
    buf_deinit(&json);
    return is_made ? fields_parse_inner(block->json, reader->request->arena, &block->value, reader->error)
                   : error_no_memory(reader->error);
}

static enum error_code parse_function_call(struct chat_body_reader *reader, yyjson_val *function, const char *where,
                                           struct chat_block *block)
{
    enum error_code code =
        fields_need_str(function, where, "name", 1, NAME_MAX_CHARACTERS, &block->name, reader->error);
    return code == OK ? parse_arguments(reader, function, where, block) : code;
}

static enum error_code parse_call(struct chat_body_reader *reader, yyjson_val *call, const char *where,
                                  struct chat_block *block)
{
    static const char *const members[] = {"id", "type", "index", "function", "custom", NULL};
    static const char *const function_members[] = {"name", "arguments", NULL};
    yyjson_val *inner = yyjson_obj_get(call, "custom");
    const bool is_custom = chat_body_is_api(reader->request) && yyjson_is_obj(inner);
    const char *key = is_custom ? "custom" : "function";
    struct field_path path = field_path_member(where, key);
    block->kind = CHAT_TOOL_USE;
    block->raw = call;
    if (!yyjson_is_obj(call))
        return field_error(reader->error, where, "", "expected an object, got %s", json_type_name(call));
    enum error_code code = fields_known(reader->request->ignored, call, where, members, reader->error);
    if (code == OK)
        code = fields_need_str(call, where, "id", 1, CALL_ID_MAX_CHARACTERS, &block->id, reader->error);
    if (code == OK)
        code = fields_need_object(call, where, key, &inner, reader->error);
    if (code == OK && !is_custom)
        code = fields_known(reader->request->ignored, inner, path.text, function_members, reader->error);
    if (code != OK)
        return code;
    return is_custom ? parse_custom_call(reader, inner, path.text, block)
                     : parse_function_call(reader, inner, path.text, block);
}

/* The one call of before there were several, which has no ID: its function's name does. */
static enum error_code parse_only_call(struct chat_body_reader *reader, yyjson_val *object, const char *where,
                                       struct chat_message *message)
{
    yyjson_val *function = NULL;
    struct field_path path = field_path_member(where, "function_call");
    struct chat_block *block = &message->blocks[message->block_count];
    enum error_code code = json_get_object(object, where, "function_call", &function, reader->error);
    if (code != OK || !function)
        return code;
    message->block_count++;
    *block = (struct chat_block){.kind = CHAT_TOOL_USE, .raw = object};
    code = parse_function_call(reader, function, path.text, block);
    block->id = block->name;
    return code;
}

/* What the assistant said where it declined, and the call in its older form. */
static enum error_code parse_older(struct chat_body_reader *reader, yyjson_val *object, const char *where,
                                   struct chat_message *message)
{
    struct str refusal = {0};
    enum error_code code = json_get_str(object, where, "refusal", &refusal, NULL, reader->error);
    if (code == OK && refusal.len > 0 && message->block_count == 0)
        message->blocks[message->block_count++] = (struct chat_block){.kind = CHAT_TEXT, .text = refusal};
    return code == OK ? parse_only_call(reader, object, where, message) : code;
}

static enum error_code parse_assistant(struct chat_body_reader *reader, yyjson_val *object, const char *where,
                                       struct chat_message *message)
{
    yyjson_val *calls = NULL, *call;
    size_t i, max;
    message->role = CHAT_ASSISTANT;
    enum error_code code = json_get_array(object, where, "tool_calls", &calls, reader->error);
    if (code == OK)
        code = parse_content(reader, object, where, "content", true, &message->blocks, &message->block_count);
    if (code == OK && message->block_count > 0 && message->blocks[0].kind == CHAT_TEXT &&
        message->blocks[0].text.len == 0 && yyjson_arr_size(calls) > 0)
        message->block_count = 0; /* "" beside calls says nothing */
    if (code == OK && chat_body_is_api(reader->request))
        code = parse_older(reader, object, where, message);
    yyjson_arr_foreach(calls, i, max, call)
    {
        struct field_path path = field_path_index(where, "tool_calls", i);
        if (code == OK)
            code = parse_call(reader, call, path.text, &message->blocks[message->block_count++]);
    }
    return code;
}

/* Cache points stand behind results, not inside. */
static void lift_marks(struct chat_block *result, struct chat_block *mark)
{
    size_t kept = 0;
    for (size_t i = 0; i < result->content_count; i++) {
        if (result->content[i].kind == CHAT_CACHE_POINT)
            *mark = result->content[i];
        else
            result->content[kept++] = result->content[i];
    }
    result->content_count = kept;
}

/* Results that follow each other belong into one message: `message` is that of the one before, or empty. */
static enum error_code parse_result(struct chat_body_reader *reader, yyjson_val *object, const char *where,
                                    struct chat_message *message)
{
    struct chat_block block = {.kind = CHAT_TOOL_RESULT, .raw = object};
    const bool is_older = yyjson_equals_str(yyjson_obj_get(object, "role"), "function");
    struct chat_block mark = {.kind = CHAT_CACHE_POINT};
    enum error_code code = fields_need_str(object, where, is_older ? "name" : "tool_call_id", 1, CALL_ID_MAX_CHARACTERS,
                                           &block.id, reader->error);
    if (code == OK)
        code = parse_content(reader, object, where, "content", false, &block.content, &block.content_count);
    message->role = CHAT_USER;
    if (code == OK)
        lift_marks(&block, &mark);
    if (code == OK)
        code = append_blocks(reader, &message->blocks, &message->block_count, &block, 1);
    return code == OK && mark.ttl_seconds
               ? append_blocks(reader, &message->blocks, &message->block_count, &mark, 1)
               : code;
}

/* --- messages --------------------------------------------------------------------------------------- */

enum { ROLE_SYSTEM, ROLE_DEVELOPER, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL, ROLE_FUNCTION };

static enum error_code add_system(struct chat_body_reader *reader, yyjson_val *object, const char *where)
{
    struct chat_request *request = reader->request;
    struct chat_block *blocks;
    size_t count = 0;
    enum error_code code = parse_content(reader, object, where, "content", false, &blocks, &count);
    for (size_t i = 0; i < count && code == OK; i++) {
        blocks[i].raw = object; /* the role and the name stand there */
        if (blocks[i].kind != CHAT_TEXT || blocks[i].text.len > 0)
            code = append_blocks(reader, &request->system, &request->system_count, &blocks[i], 1);
    }
    return code;
}

static enum error_code read_role(struct chat_body_reader *reader, yyjson_val *object, const char *where, int *role)
{
    static const char *const members[] = {"role", "content", "name", "tool_calls", "tool_call_id", NULL};
    static const char *const api_members[] = {"role", "content", "name", "tool_calls", "tool_call_id", "refusal",
                                              "annotations", "function_call", "cache_control", "id", "type", "status",
                                              NULL};
    static const char *const roles[] = {"system", "developer", "user", "assistant", "tool", NULL};
    static const char *const api_roles[] = {"system", "developer", "user", "assistant", "tool", "function", NULL};
    const bool is_api = chat_body_is_api(reader->request);
    if (!yyjson_is_obj(object))
        return field_error(reader->error, where, "", "expected an object, got %s", json_type_name(object));
    enum error_code code = fields_known(reader->request->ignored, object, where, is_api ? api_members : members,
                                        reader->error);
    if (code == OK)
        code = fields_enum(object, where, "role", is_api ? api_roles : roles, role, reader->error);
    return code == OK && *role < 0 ? field_error(reader->error, where, "role", "required and missing") : code;
}

enum error_code chat_body_message(struct chat_body_reader *reader, yyjson_val *object, const char *where)
{
    struct chat_request *request = reader->request;
    struct chat_message *message = &request->messages[request->message_count];
    int role = -1;
    enum error_code code = read_role(reader, object, where, &role);
    const bool is_result = role == ROLE_TOOL || role == ROLE_FUNCTION;
    const bool is_system = role == ROLE_SYSTEM || role == ROLE_DEVELOPER;
    if (code == OK && is_system && request->message_count == 0)
        return add_system(reader, object, where);
    if (code == OK && is_result && reader->was_result)
        return parse_result(reader, object, where, message - 1);
    reader->was_result = is_result;
    message->raw = is_result ? NULL : object; /* results of several messages become one */
    if (code == OK && is_result)
        code = parse_result(reader, object, where, message);
    else if (code == OK && role == ROLE_ASSISTANT)
        code = parse_assistant(reader, object, where, message);
    else if (code == OK)
        code = parse_content(reader, object, where, "content", false, &message->blocks, &message->block_count);
    if (code == OK && !is_result && role != ROLE_ASSISTANT)
        message->role = is_system ? CHAT_SYSTEM : CHAT_USER;
    request->message_count += code == OK;
    return code;
}

static bool says_nothing(const struct chat_message *message)
{
    for (size_t i = 0; i < message->block_count; i++)
        if (message->blocks[i].kind != CHAT_TEXT || message->blocks[i].text.len > 0)
            return false;
    return true;
}

/* Clients append an empty turn of the assistant's, for the reply; and where there are instructions alone, they are
 * what is asked. */
static void tidy(struct chat_request *request)
{
    while (request->message_count > 0 && request->messages[request->message_count - 1].role == CHAT_ASSISTANT &&
           says_nothing(&request->messages[request->message_count - 1]))
        request->message_count--;
    if (request->message_count > 0 || request->system_count == 0)
        return;
    struct chat_message *message = &request->messages[request->message_count++];
    *message = (struct chat_message){.role = CHAT_USER,
                                     .blocks = request->system,
                                     .block_count = request->system_count,
                                     .raw = request->system[0].raw};
    for (size_t i = 1; i < message->block_count; i++)
        if (message->blocks[i].raw != message->blocks[0].raw) /* of several messages: nobody's node is all of it */
            message->raw = NULL;
    for (size_t i = 0; i < message->block_count; i++)
        message->blocks[i].raw = NULL;
    request->system_count = 0;
    request->system = NULL;
}

enum error_code chat_body_begin(struct chat_body_reader *reader, size_t count, const char *where)
{
    struct chat_request *request = reader->request;
    if (count > limit(messages))
        return field_error(reader->error, "", where, "%zu messages are more than the limit of %zu", count,
                           (size_t)limit(messages));
    request->messages = ARENA_ARRAY(request->arena, struct chat_message, count + 1);
    return request->messages ? OK : error_no_memory(reader->error);
}

void chat_body_end(struct chat_body_reader *reader)
{
    if (chat_body_is_api(reader->request))
        tidy(reader->request);
}

enum error_code chat_body_messages(yyjson_val *root, struct chat_request *request, struct error *error)
{
    struct chat_body_reader reader = {.request = request, .error = error};
    yyjson_val *messages = NULL, *object;
    size_t i, max;
    enum error_code code = fields_need_array(root, "", "messages", &messages, error);
    if (code == OK)
        code = chat_body_begin(&reader, yyjson_arr_size(messages), "messages");
    yyjson_arr_foreach(messages, i, max, object)
    {
        struct field_path path = field_path_index("", "messages", i);
        if (code == OK)
            code = chat_body_message(&reader, object, path.text);
    }
    if (code == OK)
        chat_body_end(&reader);
    return code;
}

/* --- items, as Responses have them ---------------------------------------------------------------------- */

/* What the assistant does in one turn is one message, however many items say it. */
static enum error_code add_to_turn(struct chat_body_reader *reader, enum chat_role role, const struct chat_block *block)
{
    struct chat_request *request = reader->request;
    struct chat_message *last = request->message_count ? &request->messages[request->message_count - 1] : NULL;
    const bool is_result = role == CHAT_USER;
    const bool goes_on = last && last->role == role && (!is_result || reader->was_result);
    struct chat_message *message = goes_on ? last : &request->messages[request->message_count++];
    struct chat_block *blocks = message->blocks;
    const size_t count = message->block_count;
    enum error_code code = OK;
    message->role = role;
    if (!goes_on || (!is_result && reader->grown != message)) { /* a list that append_blocks may add to */
        message->blocks = NULL;
        message->block_count = 0;
        if (goes_on)
            code = append_blocks(reader, &message->blocks, &message->block_count, blocks, count);
    }
    reader->grown = message;
    reader->was_result = is_result;
    return code == OK ? append_blocks(reader, &message->blocks, &message->block_count, block, 1) : code;
}

enum error_code chat_body_item_call(struct chat_body_reader *reader, yyjson_val *item, const char *where,
                                    bool is_custom)
{
    struct chat_block block = {.kind = CHAT_TOOL_USE, .raw = item};
    enum error_code code =
        fields_need_str(item, where, "call_id", 1, CALL_ID_MAX_CHARACTERS, &block.id, reader->error);
    if (code == OK)
        code = is_custom ? parse_custom_call(reader, item, where, &block)
                         : parse_function_call(reader, item, where, &block);
    return code == OK ? add_to_turn(reader, CHAT_ASSISTANT, &block) : code;
}

enum error_code chat_body_item_result(struct chat_body_reader *reader, yyjson_val *item, const char *where)
{
    struct chat_block block = {.kind = CHAT_TOOL_RESULT, .raw = item};
    struct chat_block mark = {.kind = CHAT_CACHE_POINT};
    enum error_code code =
        fields_need_str(item, where, "call_id", 1, CALL_ID_MAX_CHARACTERS, &block.id, reader->error);
    if (code == OK)
        code = parse_content(reader, item, where, "output", false, &block.content, &block.content_count);
    if (code != OK)
        return code;
    lift_marks(&block, &mark);
    code = add_to_turn(reader, CHAT_USER, &block);
    return code == OK && mark.ttl_seconds ? add_to_turn(reader, CHAT_USER, &mark) : code;
}
