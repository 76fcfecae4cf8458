/* Bodies of Responses: items become messages, and what stands flat here is what chat completions have nested. */
#include "api/native/chat_body.h"
#include "api/native/native.h"
#include "api/openai/chat.h"
#include "api/openai/responses.h"

/* --- IDs -------------------------------------------------------------------------------------------- */

static bool is_hex(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("0123456789abcdef", text.data[i]) || text.data[i] == '\0')
            return false;
    return text.len > 0;
}

bool openai_read_id(struct str id, struct str *key, size_t *item)
{
    const ptrdiff_t line = str_find_char(id, '_', 0);
    const struct str digits = line < 0 ? STR("") : str_slice(id, (size_t)line + 1, id.len);
    const struct str place = str_slice(digits, OPENAI_KEY_LEN, digits.len);
    if (digits.len < OPENAI_KEY_LEN || !is_hex(digits) || place.len > 6)
        return false;
    *key = str_slice(digits, 0, OPENAI_KEY_LEN);
    *item = 0;
    for (size_t i = 0; i < place.len; i++)
        *item = *item * 16 + (size_t)(strchr("0123456789abcdef", place.data[i]) - "0123456789abcdef");
    return true;
}

/* --- items ------------------------------------------------------------------------------------------ */

static enum error_code parse_item(struct chat_body_reader *reader, yyjson_val *item, const char *where);

/* Which was kept here; else nobody knows what it stands for. */
static enum error_code parse_reference(struct chat_body_reader *reader, yyjson_val *item, const char *where)
{
    yyjson_val *kept = yyjson_obj_get(reader->request->earlier, "items");
    struct str id = {0};
    enum error_code code = fields_need_str(item, where, "id", 1, SIZE_MAX, &id, reader->error);
    yyjson_val *found = code == OK ? yyjson_obj_getn(kept, id.data, id.len) : NULL;
    if (code == OK && (!found || yyjson_equals_str(yyjson_obj_get(found, "type"), "item_reference")))
        return field_error(reader->error, where, "id", "there is no item '" STR_FMT "' here",
                           STR_ARG(str_slice(id, 0, 64)));
    return code == OK ? parse_item(reader, found, where) : code;
}

/* Of kinds that only a provider has, such as its searches, and the model's thoughts. */
static enum error_code pass_over(struct chat_body_reader *reader, struct str type, const char *where)
{
    struct chat_request *request = reader->request;
    if (str_eq(type, STR("reasoning")))
        return OK;
    if (!request->ignored)
        return field_error(reader->error, where, "type", "items of this type can't be read here");
    ignored_note(request->ignored, "input[]", type, CHAT_NEED_OTHER_BLOCKS);
    return OK;
}

static enum error_code parse_item(struct chat_body_reader *reader, yyjson_val *item, const char *where)
{
    struct str type = STR("message");
    if (!yyjson_is_obj(item))
        return field_error(reader->error, where, "", "expected an object, got %s", json_type_name(item));
    enum error_code code = json_get_str(item, where, "type", &type, NULL, reader->error);
    if (code != OK)
        return code;
    if (str_eq(type, STR("message")))
        return chat_body_message(reader, item, where);
    if (str_eq(type, STR("function_call")) || str_eq(type, STR("custom_tool_call")))
        return chat_body_item_call(reader, item, where, str_eq(type, STR("custom_tool_call")));
    if (str_eq(type, STR("function_call_output")) || str_eq(type, STR("custom_tool_call_output")))
        return chat_body_item_result(reader, item, where);
    if (str_eq(type, STR("item_reference")))
        return parse_reference(reader, item, where);
    return pass_over(reader, type, where);
}

static enum error_code parse_items(struct chat_body_reader *reader, yyjson_val *items, const char *key)
{
    yyjson_val *item;
    size_t i, max;
    enum error_code code = OK;
    yyjson_arr_foreach(items, i, max, item)
    {
        struct field_path path = field_path_index("", key, i);
        if (code == OK)
            code = parse_item(reader, item, path.text);
    }
    return code;
}

/* A text is what the user says. */
static enum error_code parse_input_text(struct chat_request *request, struct str text, struct error *error)
{
    struct chat_block *block = ARENA_NEW(request->arena, struct chat_block);
    if (!block)
        return error_no_memory(error);
    *block = (struct chat_block){.kind = CHAT_TEXT, .text = text};
    request->messages[request->message_count++] =
        (struct chat_message){.role = CHAT_USER, .blocks = block, .block_count = 1};
    return OK;
}

static enum error_code parse_instructions(yyjson_val *root, struct chat_request *request, struct error *error)
{
    struct str text = {0};
    enum error_code code = json_get_str(root, "", "instructions", &text, NULL, error);
    if (code != OK || text.len == 0)
        return code;
    request->system = ARENA_ARRAY(request->arena, struct chat_block, 8); /* room as chat_body_message expects it */
    if (!request->system)
        return error_no_memory(error);
    request->system[request->system_count++] = (struct chat_block){.kind = CHAT_TEXT, .text = text};
    return OK;
}

static enum error_code parse_input(yyjson_val *root, struct chat_request *request, struct error *error)
{
    struct chat_body_reader reader = {.request = request, .error = error};
    yyjson_val *input = yyjson_obj_get(root, "input"), *turns = yyjson_obj_get(request->earlier, "turns");
    if (!yyjson_is_str(input) && !yyjson_is_arr(input))
        return field_error(error, "", "input", "expected a string or an array, got %s", json_type_name(input));
    enum error_code code = chat_body_begin(&reader, 1 + yyjson_arr_size(turns) + yyjson_arr_size(input), "input");
    if (code == OK)
        code = parse_instructions(root, request, error);
    if (code == OK)
        code = parse_items(&reader, turns, "previous_response_id");
    if (code == OK && yyjson_is_str(input) && yyjson_get_len(input) > 0)
        code = parse_input_text(request, json_str(input), error);
    if (code == OK)
        code = parse_items(&reader, input, "input");
    if (code == OK)
        chat_body_end(&reader);
    if (code == OK && request->message_count == 0)
        return field_error(error, "", "input", "must not be empty");
    return code == OK ? needs_first_turn(request, error) : code;
}

/* --- the rest --------------------------------------------------------------------------------------- */

static bool includes(yyjson_val *root, const char *what)
{
    yyjson_val *item;
    size_t i, max;
    yyjson_arr_foreach(yyjson_obj_get(root, "include"), i, max, item)
    {
        if (yyjson_equals_str(item, what))
            return true;
    }
    return false;
}

static enum error_code parse_sampling(yyjson_val *root, struct chat_request *request, struct error *error)
{
    struct chat_sampling *sampling = &request->sampling;
    int64_t most = 0, top_logprobs = 0;
    bool has_most;
    sampling->temperature = 1;
    sampling->top_p = 1;
    enum error_code code = chat_body_sampling(root, request, error);
    if (code == OK)
        code = json_get_int(root, "", "max_output_tokens", 1, INT32_MAX, &most, &has_most, error);
    if (code == OK)
        code = json_get_int(root, "", "top_logprobs", 0, LOGPROB_TOP_MAX, &top_logprobs, NULL, error);
    request->max_tokens = (uint32_t)most;
    request->top_logprobs = (uint8_t)top_logprobs;
    request->wants_logprobs = top_logprobs > 0 || includes(root, "message.output_text.logprobs");
    if (code != OK || !request->wants_logprobs)
        return code;
    return needs_note(request, CHAT_NEED_LOGPROBS, error, "", top_logprobs > 0 ? "top_logprobs" : "include",
                      "this model's probabilities are not given");
}

/* text: {"format": {...}, "verbosity": ...} */
static enum error_code parse_text(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"format", NULL};
    static const char *const types[] = {"text", "json_object", "json_schema", NULL};
    yyjson_val *text = NULL, *format = NULL;
    int type = -1;
    enum error_code code = json_get_object(root, "", "text", &text, error);
    if (code == OK && text)
        code = fields_known(request->ignored, text, "text", members, error);
    if (code == OK && text)
        code = json_get_object(text, "text", "format", &format, error);
    if (code == OK && format)
        code = fields_enum(format, "text.format", "type", types, &type, error);
    if (code == OK && type == 1)
        return fields_parse_inner(STR("{\"type\":\"object\"}"), request->arena, &request->output_schema, error);
    return code == OK && type == 2 ? fields_need_object(format, "text.format", "schema", &request->output_schema, error)
                                   : code;
}

static enum error_code check_known(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {
        "model", "input", "instructions", "max_output_tokens", "metadata", "parallel_tool_calls",
        "previous_response_id", "store", "stream", "stream_options", "service_tier", "temperature", "top_p", "top_k",
        "seed", "text", "tools", "tool_choice", "top_logprobs", "user", "prompt_cache_key", "prompt_cache_options",
        "safety_identifier", "session_id", "include", "background", "conversation", "prompt", NULL};
    static const struct needs_member needed[] = {
        {"conversation", CHAT_NEED_MANAGED_PROMPTS, "conversations are not kept here; send previous_response_id"},
        {"prompt", CHAT_NEED_MANAGED_PROMPTS, "prompts are not kept here; send instructions and input"},
    };
    bool is_background = false;
    enum error_code code = fields_known(request->ignored, root, "", members, error);
    if (code == OK)
        code = needs_members(request, root, "", needed, sizeof(needed) / sizeof(needed[0]), error);
    if (code == OK)
        code = json_get_bool(root, "", "background", &is_background, NULL, error);
    if (code == OK && is_background)
        return field_error(error, "", "background", "replies are made while the client waits for them");
    if (code == OK && json_str(yyjson_obj_get(root, "previous_response_id")).len > 0 && !request->earlier)
        return field_error(error, "", "previous_response_id", "goes with /v1/responses only");
    return code;
}

enum error_code openai_parse_responses(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const carried[] = {"input", "instructions", "model", "stream", "stream_options",
                                          "max_output_tokens", "temperature", "top_p", "top_k", "seed", "tools",
                                          "tool_choice", "parallel_tool_calls", NULL};
    request->origin = &openai_responses_codec;
    request->takes_assistant_first = true;
    enum error_code code = check_known(root, request, error);
    if (code == OK)
        code = parse_sampling(root, request, error);
    if (code == OK)
        code = parse_text(root, request, error);
    if (code == OK)
        code = needs_extras(request, root, "", carried, error);
    if (code == OK)
        code = chat_body_tools(root, request, error);
    return code == OK ? parse_input(root, request, error) : code;
}

/* --- either form ------------------------------------------------------------------------------------ */

bool openai_is_responses(yyjson_val *root)
{
    return yyjson_obj_get(root, "input") && !yyjson_obj_get(root, "messages");
}

bool openai_is_stored(const struct chat_request *request)
{
    return !yyjson_is_false(yyjson_obj_get(request->body, "store"));
}

enum error_code openai_parse(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const struct chat_body_defaults defaults = {.temperature = 1, .top_p = 1};
    enum error_code code = openai_is_responses(root) ? native_parse(root, openai_parse_responses, request, error)
                                                     : chat_body_parse(root, &defaults, request, error);
    if (code == OK)
        code = openai_parse_options(root, request, error);
    if (code == OK)
        chat_body_settle_marks(request);
    return code;
}
