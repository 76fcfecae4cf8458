/* Cohere's native bodies: parsing. Writing is in cohere_write.c. */
#include "api/native/cohere.h"

#include <stdio.h>

#include "api/content.h"
#include "api/needs.h"
#include "api/native/native.h"
#include "core/limits.h"

#define COMMAND_TEMPERATURE 0.9
#define COMMAND_R_TEMPERATURE 0.3
#define COHERE_TOP_P 0.75
#define COHERE_TOP_K_MAX 500
#define TEMPERATURE_MAX 5
#define SCHEMA_BYTES_MAX (1u << 20)

struct reader {
    struct chat_request *request;
    struct error *error;
    size_t room; /* of request->messages */
};

/* --- numbers ---------------------------------------------------------------------------------------- */

static enum error_code parse_numbers(yyjson_val *root, struct chat_request *request, struct error *error)
{
    struct chat_sampling *sampling = &request->sampling;
    double top_k = 0;
    int64_t max_tokens = 0, seed = 0;
    sampling->top_p = COHERE_TOP_P;
    enum error_code code = json_get_number(root, "", "temperature", 0, TEMPERATURE_MAX, &sampling->temperature,
                                           &sampling->has_temperature, error);
    if (code == OK)
        code = fields_get_top_p(root, "", "p", &sampling->top_p, &sampling->has_top_p, error);
    if (code == OK) /* a float, as the service has it */
        code = json_get_number(root, "", "k", 0, COHERE_TOP_K_MAX, &top_k, &sampling->has_top_k, error);
    if (code == OK)
        code = json_get_int(root, "", "max_tokens", 1, INT32_MAX, &max_tokens, NULL, error);
    if (code == OK)
        code = json_get_int(root, "", "seed", INT64_MIN, INT64_MAX, &seed, &sampling->has_seed, error);
    sampling->top_k = (int32_t)top_k;
    sampling->seed = (uint64_t)seed;
    request->max_tokens = (uint32_t)max_tokens;
    return code == OK ? content_parse_stops(root, "", "stop_sequences", request, error) : code;
}

/* A member that may only be off. */
static enum error_code refuse_true(yyjson_val *root, const char *key, const char *why, struct error *error)
{
    bool is_on = false;
    enum error_code code = json_get_bool(root, "", key, &is_on, NULL, error);
    return code == OK && is_on ? field_error(error, "", key, "%s", why) : code;
}

static enum error_code ignore_penalties(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const keys[] = {"frequency_penalty", "presence_penalty"};
    enum error_code code = OK;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && code == OK; i++) {
        double penalty = 0;
        code = json_get_number(root, "", keys[i], 0, 1, &penalty, NULL, error);
        if (code == OK && penalty != 0)
            code = needs_ignore(request, CHAT_NEED_PENALTIES, root, "", keys[i],
                                "penalties have no effect on these models", error);
    }
    return code;
}

/* --- Command: prompt -------------------------------------------------------------------------------- */

static enum error_code parse_prompt(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"prompt", "temperature", "p", "k", "max_tokens", "seed", "stop_sequences",
                                          "return_likelihoods", "stream", "num_generations", "logit_bias", "truncate",
                                          "frequency_penalty", "presence_penalty", NULL};
    static const char *const likelihoods[] = {"NONE", "GENERATION", "ALL", NULL};
    static const struct field_absent refused[] = {
        {"logit_bias", "tokens can't be made likelier by their numbers here"},
    };
    int64_t generations = 1;
    int which = 0;
    request->sampling.temperature = COMMAND_TEMPERATURE;
    enum error_code code = fields_known(request->ignored, root, "", members, error);
    if (code == OK && yyjson_obj_size(yyjson_obj_get(root, "logit_bias")) > 0)
        code = fields_refuse(root, "", refused, 1, error);
    if (code == OK)
        code = fields_need_str(root, "", "prompt", 1, SIZE_MAX, &request->raw_prompt, error);
    if (code == OK)
        code = json_get_int(root, "", "num_generations", 1, 5, &generations, NULL, error);
    if (code == OK && generations != 1)
        return field_error(error, "", "num_generations", "one reply is made of a request");
    if (code == OK)
        code = fields_enum(root, "", "return_likelihoods", likelihoods, &which, error);
    if (code == OK && which > 0)
        return field_error(error, "", "return_likelihoods", "probabilities are not given here");
    if (code == OK)
        code = ignore_penalties(root, request, error);
    return code == OK ? parse_numbers(root, request, error) : code;
}

/* --- Command R: messages ---------------------------------------------------------------------------- */

/* Takes `blocks`, which lie in the arena. */
static enum error_code add_message(struct reader *reader, enum chat_role role, struct chat_block *blocks, size_t count)
{
    struct chat_request *request = reader->request;
    if (request->message_count == reader->room || request->message_count >= limit(messages))
        return field_error(reader->error, "", "chat_history", "more messages than the limit of %zu",
                           (size_t)limit(messages));
    request->messages[request->message_count++] =
        (struct chat_message){.role = role, .blocks = blocks, .block_count = count};
    return OK;
}

static enum error_code add_text(struct reader *reader, enum chat_role role, struct str text)
{
    struct chat_block *block = ARENA_NEW(reader->request->arena, struct chat_block);
    if (!block)
        return error_no_memory(reader->error);
    *block = (struct chat_block){.kind = CHAT_TEXT, .text = text};
    return add_message(reader, role, block, 1);
}

static enum error_code parse_turn(struct reader *reader, yyjson_val *object, const char *where)
{
    static const char *const members[] = {"role", "message", "user_name", "tool_calls", "tool_results", NULL};
    static const char *const roles[] = {"USER", "CHATBOT", "SYSTEM", "TOOL", NULL};
    static const struct field_absent refused[] = {
        {"tool_calls", "calls of earlier turns can't be carried; send tool_results beside the message"},
        {"tool_results", "results of earlier turns can't be carried; send tool_results beside the message"},
    };
    struct str text = {0};
    int role = -1;
    if (!yyjson_is_obj(object))
        return field_error(reader->error, where, "", "expected an object, got %s", json_type_name(object));
    enum error_code code = fields_known(reader->request->ignored, object, where, members, reader->error);
    if (code == OK)
        code = fields_refuse(object, where, refused, sizeof(refused) / sizeof(refused[0]), reader->error);
    if (code == OK)
        code = fields_enum(object, where, "role", roles, &role, reader->error);
    if (code == OK && (role < 0 || role == 3))
        return field_error(reader->error, where, "role", "must be one of USER, CHATBOT, SYSTEM");
    if (code == OK)
        code = fields_need_str(object, where, "message", 0, SIZE_MAX, &text, reader->error);
    if (code != OK)
        return code;
    return add_text(reader, role == 0 ? CHAT_USER : role == 1 ? CHAT_ASSISTANT : CHAT_SYSTEM, text);
}

static enum error_code parse_history(struct reader *reader, yyjson_val *root)
{
    yyjson_val *history = NULL, *object;
    size_t i, max;
    enum error_code code = json_get_array(root, "", "chat_history", &history, reader->error);
    if (code != OK)
        return code;
    reader->room = yyjson_arr_size(history) + 3; /* the message, calls and their results */
    reader->request->messages = ARENA_ARRAY(reader->request->arena, struct chat_message, reader->room);
    if (!reader->request->messages)
        return error_no_memory(reader->error);
    yyjson_arr_foreach(history, i, max, object)
    {
        struct field_path path = field_path_index("", "chat_history", i);
        if (code == OK)
            code = parse_turn(reader, object, path.text);
    }
    return code;
}

/* "key: value" lines of a document. */
static enum error_code document_text(struct reader *reader, yyjson_val *object, struct str *text)
{
    struct buf lines;
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    buf_init(&lines, (size_t)limit(body_bytes) * 2);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (!yyjson_is_str(value) || yyjson_equals_str(key, "id"))
            continue;
        buf_append_str(&lines, json_str(key));
        buf_append_text(&lines, ": ");
        buf_append_str(&lines, json_str(value));
        buf_append_char(&lines, '\n');
    }
    bool is_kept = !lines.failed && arena_str(reader->request->arena, buf_str(&lines), text);
    buf_deinit(&lines);
    return is_kept ? OK : error_no_memory(reader->error);
}

static enum error_code parse_document(struct reader *reader, yyjson_val *object, const char *where, size_t number,
                                      struct chat_block *block)
{
    if (!yyjson_is_obj(object))
        return field_error(reader->error, where, "", "expected an object, got %s", json_type_name(object));
    struct str name = json_str(yyjson_obj_get(object, "id"));
    if (name.len == 0)
        name = json_str(yyjson_obj_get(object, "title"));
    if (name.len == 0)
        name = arena_printf(reader->request->arena, "doc_%zu", number);
    *block = (struct chat_block){.kind = CHAT_DOCUMENT, .name = name, .format = STR("txt")};
    return name.data ? document_text(reader, object, &block->text) : error_no_memory(reader->error);
}

/* The user's message, behind the documents that it is about. */
static enum error_code parse_message(struct reader *reader, yyjson_val *root, bool may_be_empty)
{
    yyjson_val *documents = NULL, *object;
    struct str text = {0};
    size_t i, max;
    enum error_code code = fields_need_str(root, "", "message", may_be_empty ? 0 : 1, SIZE_MAX, &text, reader->error);
    if (code == OK)
        code = json_get_array(root, "", "documents", &documents, reader->error);
    if (code != OK || (text.len == 0 && yyjson_arr_size(documents) == 0))
        return code;
    if (yyjson_arr_size(documents) > limit(content_blocks))
        return field_error(reader->error, "", "documents", "more than the limit of content blocks");
    struct chat_block *blocks = ARENA_ARRAY(reader->request->arena, struct chat_block, yyjson_arr_size(documents) + 1);
    if (!blocks)
        return error_no_memory(reader->error);
    yyjson_arr_foreach(documents, i, max, object)
    {
        struct field_path path = field_path_index("", "documents", i);
        if (code == OK)
            code = parse_document(reader, object, path.text, i, &blocks[i]);
    }
    blocks[yyjson_arr_size(documents)] = (struct chat_block){.kind = CHAT_TEXT, .text = text};
    return code == OK ? add_message(reader, CHAT_USER, blocks, yyjson_arr_size(documents) + 1) : code;
}

/* --- Command R: tools ------------------------------------------------------------------------------- */

const char *cohere_type(struct str name)
{
    static const struct {
        const char *name, *type;
    } types[] = {
        {"str", "string"},    {"string", "string"},   {"int", "integer"},   {"integer", "integer"},
        {"float", "number"},  {"number", "number"},   {"bool", "boolean"},  {"boolean", "boolean"},
        {"list", "array"},    {"array", "array"},     {"dict", "object"},   {"object", "object"},
    };
    ptrdiff_t bracket = str_find_char(name, '[', 0); /* "List[str]" */
    struct str bare = bracket < 0 ? name : str_slice(name, 0, (size_t)bracket);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (str_eq_nocase(bare, str_of(types[i].name)))
            return types[i].type;
    return NULL;
}

static enum error_code append_parameter(struct reader *reader, yyjson_val *definition, const char *where,
                                        struct buf *schema, bool *is_required)
{
    static const char *const members[] = {"description", "type", "required", NULL};
    struct str type = STR("str"), description = {0};
    if (!yyjson_is_obj(definition))
        return field_error(reader->error, where, "", "expected an object, got %s", json_type_name(definition));
    enum error_code code = fields_known(reader->request->ignored, definition, where, members, reader->error);
    if (code == OK)
        code = json_get_str(definition, where, "type", &type, NULL, reader->error);
    if (code == OK && !cohere_type(type))
        return field_error(reader->error, where, "type", "must be one of str, int, float, bool, list, dict");
    if (code == OK)
        code = json_get_str(definition, where, "description", &description, NULL, reader->error);
    if (code == OK)
        code = json_get_bool(definition, where, "required", is_required, NULL, reader->error);
    if (code != OK)
        return code;
    buf_appendf(schema, "{\"type\":\"%s\"", cohere_type(type));
    if (description.len > 0) {
        buf_append_text(schema, ",\"description\":");
        buf_append_json(schema, description);
    }
    buf_append_char(schema, '}');
    return OK;
}

static enum error_code append_parameters(struct reader *reader, yyjson_val *definitions, const char *where,
                                         struct buf *schema)
{
    struct buf required;
    enum error_code code = OK;
    size_t count = 0;
    yyjson_obj_iter iter = yyjson_obj_iter_with(definitions);
    buf_init(&required, SCHEMA_BYTES_MAX);
    buf_append_text(schema, "{\"type\":\"object\",\"properties\":{");
    for (yyjson_val *key; code == OK && (key = yyjson_obj_iter_next(&iter));) {
        bool is_required = false;
        char name[64];
        (void)snprintf(name, sizeof(name), "%.*s", (int)(yyjson_get_len(key) > 60 ? 60 : yyjson_get_len(key)),
                       yyjson_get_str(key));
        struct field_path path = field_path_member(where, name);
        if (count++ > 0)
            buf_append_char(schema, ',');
        buf_append_json(schema, json_str(key));
        buf_append_char(schema, ':');
        code = append_parameter(reader, yyjson_obj_iter_get_val(key), path.text, schema, &is_required);
        if (!is_required)
            continue;
        if (required.len > 0)
            buf_append_char(&required, ',');
        buf_append_json(&required, json_str(key));
    }
    buf_append_text(schema, "},\"required\":[");
    buf_append_str(schema, buf_str(&required));
    buf_append_text(schema, "]}");
    bool has_failed = required.failed || schema->failed;
    buf_deinit(&required);
    return code == OK && has_failed ? error_no_memory(reader->error) : code;
}

static enum error_code parse_tool(struct reader *reader, yyjson_val *object, const char *where, struct chat_tool *tool)
{
    static const char *const members[] = {"name", "description", "parameter_definitions", NULL};
    yyjson_val *definitions = NULL;
    struct buf schema;
    struct str text = {0};
    if (!yyjson_is_obj(object))
        return field_error(reader->error, where, "", "expected an object, got %s", json_type_name(object));
    enum error_code code = fields_known(reader->request->ignored, object, where, members, reader->error);
    if (code == OK)
        code = fields_need_str(object, where, "name", 1, 64, &tool->name, reader->error);
    if (code == OK && !fields_alphabet(tool->name, "_-"))
        return field_error(reader->error, where, "name", "may hold letters, digits, _ and - only");
    if (code == OK)
        code = json_get_str(object, where, "description", &tool->description, NULL, reader->error);
    if (code == OK)
        code = json_get_object(object, where, "parameter_definitions", &definitions, reader->error);
    if (code != OK)
        return code;
    struct field_path path = field_path_member(where, "parameter_definitions");
    buf_init(&schema, SCHEMA_BYTES_MAX);
    code = append_parameters(reader, definitions, path.text, &schema);
    if (code == OK && !arena_str(reader->request->arena, buf_str(&schema), &text))
        code = error_no_memory(reader->error);
    buf_deinit(&schema);
    return code == OK ? fields_parse_inner(text, reader->request->arena, &tool->schema, reader->error) : code;
}

static enum error_code parse_tools(struct reader *reader, yyjson_val *root)
{
    struct chat_request *request = reader->request;
    yyjson_val *tools = NULL, *object;
    size_t i, count;
    enum error_code code = json_get_array(root, "", "tools", &tools, reader->error);
    count = yyjson_arr_size(tools);
    if (code == OK && count > limit(tools))
        code = field_error(reader->error, "", "tools", "%zu tools are more than the limit of %zu", count,
                           (size_t)limit(tools));
    if (code != OK)
        return code;
    request->tools = ARENA_ARRAY(request->arena, struct chat_tool, count + 1);
    if (!request->tools)
        return error_no_memory(reader->error);
    request->tool_count = count;
    yyjson_arr_foreach(tools, i, count, object)
    {
        struct field_path path = field_path_index("", "tools", i);
        code = parse_tool(reader, object, path.text, &request->tools[i]);
        if (code != OK)
            return code;
    }
    return OK;
}

/* A call and what came of it; the body has no IDs, so numbers stand for them. */
static enum error_code parse_result(struct reader *reader, yyjson_val *object, const char *where, size_t number,
                                    struct chat_block *use, struct chat_block *result)
{
    static const char *const members[] = {"call", "outputs", NULL};
    yyjson_val *call = NULL, *outputs = NULL, *parameters = NULL;
    struct arena *arena = reader->request->arena;
    if (!yyjson_is_obj(object))
        return field_error(reader->error, where, "", "expected an object, got %s", json_type_name(object));
    enum error_code code = fields_known(reader->request->ignored, object, where, members, reader->error);
    if (code == OK)
        code = fields_need_object(object, where, "call", &call, reader->error);
    if (code == OK)
        code = fields_need_array(object, where, "outputs", &outputs, reader->error);
    struct field_path path = field_path_member(where, "call");
    *use = (struct chat_block){.kind = CHAT_TOOL_USE, .json = STR("{}")};
    if (code == OK)
        code = fields_need_str(call, path.text, "name", 1, 64, &use->name, reader->error);
    if (code == OK)
        code = json_get_object(call, path.text, "parameters", &parameters, reader->error);
    if (code == OK && parameters)
        code = fields_json_text(parameters, arena, &use->json, reader->error);
    use->id = arena_printf(arena, "call_%zu", number);
    *result = (struct chat_block){.kind = CHAT_TOOL_RESULT, .id = use->id};
    result->content = ARENA_NEW(arena, struct chat_block);
    if (code == OK && (!use->id.data || !result->content))
        return error_no_memory(reader->error);
    if (code != OK)
        return code;
    *result->content = (struct chat_block){.kind = CHAT_JSON, .value = outputs};
    result->content_count = 1;
    return OK;
}

static enum error_code parse_results(struct reader *reader, yyjson_val *results)
{
    struct arena *arena = reader->request->arena;
    size_t i, count = yyjson_arr_size(results);
    yyjson_val *object;
    enum error_code code = OK;
    if (count == 0)
        return OK;
    if (count > limit(content_blocks))
        return field_error(reader->error, "", "tool_results", "more than the limit of content blocks");
    struct chat_block *uses = ARENA_ARRAY(arena, struct chat_block, count);
    struct chat_block *blocks = ARENA_ARRAY(arena, struct chat_block, count);
    if (!uses || !blocks)
        return error_no_memory(reader->error);
    yyjson_arr_foreach(results, i, count, object)
    {
        struct field_path path = field_path_index("", "tool_results", i);
        if (code == OK)
            code = parse_result(reader, object, path.text, i, &uses[i], &blocks[i]);
    }
    if (code == OK)
        code = add_message(reader, CHAT_ASSISTANT, uses, count);
    return code == OK ? add_message(reader, CHAT_USER, blocks, count) : code;
}

/* --- Command R: the body ----------------------------------------------------------------------------- */

static enum error_code parse_switches(yyjson_val *root, struct chat_request *request, struct error *error)
{
    bool is_raw = false;
    enum error_code code =
        refuse_true(root, "search_queries_only", "queries for a search are not made here; ask for them", error);
    if (code == OK)
        code = refuse_true(root, "return_prompt", "the prompt is not given back", error);
    if (code == OK)
        code = json_get_bool(root, "", "raw_prompting", &is_raw, NULL, error);
    if (code == OK && is_raw)
        code = fields_need_str(root, "", "message", 1, SIZE_MAX, &request->raw_prompt, error);
    return code;
}

static enum error_code parse_preamble(yyjson_val *root, struct chat_request *request, struct error *error)
{
    struct str preamble = {0};
    enum error_code code = json_get_str(root, "", "preamble", &preamble, NULL, error);
    if (code != OK || preamble.len == 0)
        return code;
    request->system = ARENA_NEW(request->arena, struct chat_block);
    if (!request->system)
        return error_no_memory(error);
    *request->system = (struct chat_block){.kind = CHAT_TEXT, .text = preamble};
    request->system_count = 1;
    return OK;
}

static enum error_code parse_conversation(yyjson_val *root, struct chat_request *request, struct error *error)
{
    struct reader reader = {.request = request, .error = error};
    yyjson_val *results = NULL;
    enum error_code code = json_get_array(root, "", "tool_results", &results, error);
    if (code == OK)
        code = parse_preamble(root, request, error);
    if (code == OK)
        code = parse_tools(&reader, root);
    if (code == OK)
        code = parse_history(&reader, root);
    if (code == OK)
        code = parse_message(&reader, root, yyjson_arr_size(results) > 0);
    if (code == OK)
        code = parse_results(&reader, results);
    return code == OK ? needs_first_turn(request, error) : code;
}

static enum error_code parse_chat(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {
        "message",           "chat_history",     "documents",     "search_queries_only", "preamble",
        "max_tokens",        "temperature",      "p",             "k",                   "prompt_truncation",
        "frequency_penalty", "presence_penalty", "seed",          "return_prompt",       "tools",
        "tool_results",      "stop_sequences",   "raw_prompting", "force_single_step",   "stream",
        NULL};
    request->sampling.temperature = COMMAND_R_TEMPERATURE;
    request->takes_assistant_first = true;
    enum error_code code = fields_known(request->ignored, root, "", members, error);
    if (code == OK)
        code = parse_numbers(root, request, error);
    if (code == OK)
        code = ignore_penalties(root, request, error);
    if (code == OK)
        code = parse_switches(root, request, error);
    return code == OK && !request->raw_prompt.data ? parse_conversation(root, request, error) : code;
}

static enum error_code parse_root(yyjson_val *root, struct chat_request *request, struct error *error)
{
    return yyjson_obj_get(root, "prompt") ? parse_prompt(root, request, error) : parse_chat(root, request, error);
}

enum error_code cohere_parse(yyjson_val *root, enum codec_use use, struct chat_request *request, struct error *error)
{
    (void)use;
    return native_parse(root, parse_root, request, error);
}
