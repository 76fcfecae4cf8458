/* OpenAI's chat completions: tools, and which of them the model shall call. In OpenAI's own API (api_version) tools may
 * be flat as in Responses, take free text (type custom) or be the provider's, and `functions` are what tools were
 * called before. */
#include "api/native/chat_body.h"
#include "core/limits.h"

#define NAME_MAX_CHARACTERS 64
#define CUSTOM_SCHEMA                                                                                                \
    "{\"type\":\"object\",\"properties\":{\"" CHAT_BODY_CUSTOM_INPUT "\":{\"type\":\"string\"}},"                    \
    "\"required\":[\"" CHAT_BODY_CUSTOM_INPUT "\"],\"additionalProperties\":false}"

struct reader {
    struct chat_request *request;
    struct error *error;
    size_t hosted; /* tools that only a provider has */
};

static enum error_code new_tools(struct reader *reader, size_t count, const char *key)
{
    if (count > limit(tools))
        return field_error(reader->error, key, "", "%zu tools are more than the limit of %zu", count,
                           (size_t)limit(tools));
    reader->request->tools = ARENA_ARRAY(reader->request->arena, struct chat_tool, count + 1);
    return reader->request->tools ? OK : error_no_memory(reader->error);
}

/* --- one tool --------------------------------------------------------------------------------------- */

static enum error_code parse_name(struct reader *reader, yyjson_val *object, const char *where, struct chat_tool *tool)
{
    enum error_code code = fields_need_str(object, where, "name", 1, NAME_MAX_CHARACTERS, &tool->name, reader->error);
    if (code == OK && !fields_alphabet(tool->name, "_-"))
        return field_error(reader->error, where, "name", "may hold letters, digits, _ and - only");
    return code == OK ? json_get_str(object, where, "description", &tool->description, NULL, reader->error) : code;
}

/* `is_flat`: beside the tool's type, where else an object of their own holds them. */
static enum error_code parse_function(struct reader *reader, yyjson_val *function, const char *where, bool is_flat,
                                      struct chat_tool *tool)
{
    static const char *const members[] = {"name", "description", "parameters", "strict", NULL};
    static const char *const flat_members[] = {"type", "name", "description", "parameters", "strict", "cache_control",
                                               NULL};
    enum error_code code = fields_known(reader->request->ignored, function, where, is_flat ? flat_members : members,
                                        reader->error);
    if (code == OK)
        code = parse_name(reader, function, where, tool);
    if (code == OK)
        code = json_get_bool(function, where, "strict", &tool->is_strict, NULL, reader->error);
    if (code == OK)
        code = json_get_object(function, where, "parameters", &tool->schema, reader->error);
    if (code == OK && !tool->schema)
        code = fields_parse_inner(STR("{\"type\":\"object\",\"properties\":{}}"), reader->request->arena, &tool->schema,
                                  reader->error);
    return code;
}

/* Free text, which models are asked for as the one argument of a function. Nothing holds it to a grammar. */
static enum error_code parse_custom(struct reader *reader, yyjson_val *custom, const char *where,
                                    struct chat_tool *tool)
{
    yyjson_val *format = yyjson_obj_get(custom, "format");
    enum error_code code = parse_name(reader, custom, where, tool);
    if (code == OK && yyjson_is_obj(format) && !yyjson_equals_str(yyjson_obj_get(format, "type"), "text"))
        code = needs_ignore(reader->request, CHAT_NEED_GUIDED_TEXT, custom, where, "format",
                            "a custom tool's input can't be held to a grammar here", reader->error);
    return code == OK ? fields_parse_inner(STR(CUSTOM_SCHEMA), reader->request->arena, &tool->schema, reader->error)
                      : code;
}

/* A tool of the provider's: kept for one, ignored by everybody else. */
static enum error_code note_hosted(struct reader *reader, yyjson_val *object, struct str type)
{
    struct chat_request *request = reader->request;
    reader->hosted++;
    if (!request->ignored)
        return field_error(reader->error, "tools", "", "tools of type " STR_FMT " can't be used here",
                           STR_ARG(str_slice(type, 0, 64)));
    ignored_note(request->ignored, CHAT_BODY_HOSTED_TOOLS, type, CHAT_NEED_SERVER_TOOLS);
    return chat_request_extra(request, CHAT_BODY_HOSTED_TOOLS, type, object, reader->error);
}

static enum error_code parse_mark(struct reader *reader, yyjson_val *object, struct chat_tool *tool)
{
    if (chat_body_is_api(reader->request))
        tool->cache_point_after = chat_body_mark(reader->request, object, &tool->ttl_seconds);
    return OK;
}

/* Its members stand in an object named after its type, or beside the type. */
static enum error_code parse_callable(struct reader *reader, yyjson_val *object, struct str type, const char *where,
                                      struct chat_tool *tool)
{
    static const char *const members[] = {"type", "function", "custom", "cache_control", NULL};
    const bool is_custom = str_eq(type, STR("custom"));
    const char *key = is_custom ? "custom" : "function";
    struct field_path path = field_path_member(where, key);
    yyjson_val *inner = NULL;
    const bool is_flat = chat_body_is_api(reader->request) && !yyjson_obj_get(object, key);
    enum error_code code = is_flat ? OK : fields_known(reader->request->ignored, object, where, members, reader->error);
    if (code == OK && !is_flat)
        code = fields_need_object(object, where, key, &inner, reader->error);
    if (code == OK)
        code = parse_mark(reader, object, tool);
    if (code != OK)
        return code;
    if (is_custom)
        return parse_custom(reader, is_flat ? object : inner, is_flat ? where : path.text, tool);
    return parse_function(reader, is_flat ? object : inner, is_flat ? where : path.text, is_flat, tool);
}

static enum error_code parse_tool(struct reader *reader, yyjson_val *object, const char *where)
{
    struct chat_request *request = reader->request;
    struct chat_tool *tool = &request->tools[request->tool_count];
    const bool is_api = chat_body_is_api(request);
    struct str type = STR("function");
    tool->raw = object;
    if (!yyjson_is_obj(object))
        return field_error(reader->error, where, "", "expected an object, got %s", json_type_name(object));
    enum error_code code = json_get_str(object, where, "type", &type, NULL, reader->error);
    const bool is_callable = str_eq(type, STR("function")) || (is_api && str_eq(type, STR("custom")));
    if (code == OK && !is_callable && is_api)
        return note_hosted(reader, object, type);
    request->tool_count += code == OK;
    if (code == OK && !is_callable)
        return needs_note(request, CHAT_NEED_SERVER_TOOLS, reader->error, where, "type",
                          "only tools of type function can be used here");
    return code == OK ? parse_callable(reader, object, type, where, tool) : code;
}

static enum error_code parse_tools(struct reader *reader, yyjson_val *root)
{
    yyjson_val *tools = NULL, *item;
    size_t i, max;
    enum error_code code = json_get_array(root, "", "tools", &tools, reader->error);
    if (code == OK)
        code = new_tools(reader, yyjson_arr_size(tools), "tools");
    yyjson_arr_foreach(tools, i, max, item)
    {
        struct field_path path = field_path_index("", "tools", i);
        if (code == OK)
            code = parse_tool(reader, item, path.text);
    }
    return code;
}

/* --- which of them ---------------------------------------------------------------------------------- */

static const struct chat_tool *find_tool(const struct chat_request *request, struct str name)
{
    for (size_t i = 0; i < request->tool_count; i++)
        if (str_eq(request->tools[i].name, name))
            return &request->tools[i];
    return NULL;
}

/* The name in {"type":"function","function":{"name":...}} and its flat form. */
static enum error_code name_in(struct reader *reader, yyjson_val *choice, const char *where, struct str *name)
{
    yyjson_val *inner = yyjson_obj_get(choice, "function");
    const bool is_api = chat_body_is_api(reader->request);
    struct field_path path = field_path_member(where, inner || !is_api ? "function" : "custom");
    inner = inner || !is_api ? inner : yyjson_obj_get(choice, "custom");
    if (is_api && !inner)
        return fields_need_str(choice, where, "name", 1, NAME_MAX_CHARACTERS, name, reader->error);
    if (!yyjson_is_obj(inner))
        return fields_need_object(choice, where, "function", &inner, reader->error);
    return fields_need_str(inner, path.text, "name", 1, NAME_MAX_CHARACTERS, name, reader->error);
}

static enum error_code choose(struct reader *reader, struct str name, const char *where)
{
    struct chat_request *request = reader->request;
    if (chat_body_is_api(request) && !find_tool(request, name))
        return field_error(reader->error, where, "", "there is no tool named '" STR_FMT "'", STR_ARG(name));
    request->tool_choice = CHAT_TOOL_NAMED;
    request->tool_choice_name = name;
    return OK;
}

static bool is_callable_choice(yyjson_val *choice)
{
    yyjson_val *type = yyjson_obj_get(choice, "type");
    return !type || yyjson_equals_str(type, "function") || yyjson_equals_str(type, "custom") ||
           yyjson_equals_str(type, "tool");
}

/* Only some of the tools may be called; the others are as good as not there. */
static enum error_code parse_allowed(struct reader *reader, yyjson_val *choice)
{
    static const char *const modes[] = {"auto", "required", NULL};
    static const char *const wheres[] = {"tool_choice", "tool_choice.allowed_tools"};
    struct chat_request *request = reader->request;
    yyjson_val *nested = yyjson_obj_get(choice, "allowed_tools"), *tools = NULL, *item;
    yyjson_val *allowed = yyjson_is_obj(nested) ? nested : choice;
    const char *where = wheres[allowed == nested];
    size_t i, max, kept = 0;
    int mode = -1;
    enum error_code code = fields_enum(allowed, where, "mode", modes, &mode, reader->error);
    if (code == OK)
        code = fields_need_array(allowed, where, "tools", &tools, reader->error);
    if (code == OK && yyjson_arr_size(tools) > limit(tools))
        code = field_error(reader->error, where, "tools", "more than the limit of %zu tools", (size_t)limit(tools));
    for (size_t k = 0; k < request->tool_count && code == OK; k++) {
        bool is_allowed = false;
        yyjson_arr_foreach(tools, i, max, item)
        {
            struct str name = {0};
            struct field_path path = field_path_index(where, "tools", i);
            if (code == OK && is_callable_choice(item))
                code = name_in(reader, item, path.text, &name);
            is_allowed = is_allowed || (name.data && str_eq(name, request->tools[k].name));
        }
        if (is_allowed)
            request->tools[kept++] = request->tools[k];
    }
    request->tool_count = kept;
    request->tool_choice = mode == 1 ? CHAT_TOOL_ANY : CHAT_TOOL_AUTO;
    return code == OK && kept == 0 ? field_error(reader->error, where, "tools", "none of them is in tools") : code;
}

static enum error_code parse_chosen(struct reader *reader, yyjson_val *choice)
{
    struct str name = {0};
    if (!yyjson_is_obj(choice))
        return field_error(reader->error, "", "tool_choice", "expected a string or an object, got %s",
                           json_type_name(choice));
    if (chat_body_is_api(reader->request) && yyjson_equals_str(yyjson_obj_get(choice, "type"), "allowed_tools"))
        return parse_allowed(reader, choice);
    if (chat_body_is_api(reader->request) && !is_callable_choice(choice))
        return OK; /* of a tool that only a provider has */
    enum error_code code = name_in(reader, choice, "tool_choice", &name);
    return code == OK ? choose(reader, name, "tool_choice") : code;
}

/* Mistral says any where OpenAI says required. */
static enum error_code parse_choice(struct reader *reader, yyjson_val *root)
{
    static const char *const names[] = {"auto", "none", "required", "any", NULL};
    static const enum chat_tool_choice choices[] = {CHAT_TOOL_AUTO, CHAT_TOOL_NONE, CHAT_TOOL_ANY, CHAT_TOOL_ANY};
    struct chat_request *request = reader->request;
    yyjson_val *choice = yyjson_obj_get(root, "tool_choice");
    int which = -1;
    bool is_parallel = true;
    enum error_code code = json_get_bool(root, "", "parallel_tool_calls", &is_parallel, NULL, reader->error);
    request->is_single_call = !is_parallel;
    if (code != OK || !choice || yyjson_is_null(choice))
        return code;
    if (!yyjson_is_str(choice))
        return parse_chosen(reader, choice);
    code = fields_enum(root, "", "tool_choice", names, &which, reader->error);
    if (code != OK)
        return code;
    request->tool_choice = choices[which];
    if (!chat_body_is_api(request) || request->tool_count > 0 || request->tool_choice != CHAT_TOOL_ANY)
        return OK;
    request->tool_choice = CHAT_TOOL_AUTO; /* all that there were are the provider's */
    if (reader->hosted > 0)
        return OK;
    return field_error(reader->error, "", "tool_choice", "a tool is asked for, but there are none");
}

/* --- as they were called before ----------------------------------------------------------------------- */

static enum error_code parse_functions(struct reader *reader, yyjson_val *functions)
{
    struct chat_request *request = reader->request;
    yyjson_val *item;
    size_t i, max;
    enum error_code code = new_tools(reader, yyjson_arr_size(functions), "functions");
    yyjson_arr_foreach(functions, i, max, item)
    {
        struct field_path path = field_path_index("", "functions", i);
        if (code == OK && !yyjson_is_obj(item))
            code = field_error(reader->error, path.text, "", "expected an object, got %s", json_type_name(item));
        if (code == OK)
            code = parse_function(reader, item, path.text, false, &request->tools[request->tool_count++]);
    }
    request->is_single_call = true; /* a message has room for one */
    return code;
}

static enum error_code parse_function_call(struct reader *reader, yyjson_val *root)
{
    static const char *const names[] = {"auto", "none", NULL};
    yyjson_val *choice = yyjson_obj_get(root, "function_call");
    struct str name = {0};
    int which = -1;
    if (yyjson_is_obj(choice)) {
        const enum error_code code =
            fields_need_str(choice, "function_call", "name", 1, NAME_MAX_CHARACTERS, &name, reader->error);
        return code == OK ? choose(reader, name, "function_call") : code;
    }
    const enum error_code code = fields_enum(root, "", "function_call", names, &which, reader->error);
    if (code == OK && which == 1)
        reader->request->tool_choice = CHAT_TOOL_NONE;
    return code;
}

bool chat_body_has_functions(const struct chat_request *request)
{
    return chat_body_is_api(request) && yyjson_arr_size(yyjson_obj_get(request->body, "functions")) > 0 &&
           yyjson_arr_size(yyjson_obj_get(request->body, "tools")) == 0;
}

bool chat_body_is_custom(const struct chat_request *request, struct str name)
{
    const struct chat_tool *tool = chat_body_is_api(request) ? find_tool(request, name) : NULL;
    return tool && yyjson_equals_str(yyjson_obj_get(tool->raw, "type"), "custom");
}

enum error_code chat_body_tools(yyjson_val *root, struct chat_request *request, struct error *error)
{
    struct reader reader = {.request = request, .error = error};
    const bool has_functions = chat_body_has_functions(request);
    enum error_code code = has_functions ? parse_functions(&reader, yyjson_obj_get(root, "functions"))
                                         : parse_tools(&reader, root);
    if (code != OK)
        return code;
    return has_functions ? parse_function_call(&reader, root) : parse_choice(&reader, root);
}
