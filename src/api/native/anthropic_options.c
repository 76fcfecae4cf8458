/* What Anthropic's clients ask of a reply: thinking, a format, features in beta. */
#include "api/native/anthropic_options.h"

#define BUDGET_MIN 1024
#define INTERLEAVED_THINKING "interleaved-thinking-"

/* Features in beta are named so that they may be used; using one is another member's matter. */
static enum error_code check_betas(yyjson_val *object, const char *where, bool *is_interleaved, struct error *error)
{
    yyjson_val *betas = yyjson_obj_get(object, "anthropic_beta"), *item;
    size_t i, count;
    *is_interleaved = false;
    if (!betas || yyjson_is_null(betas) || yyjson_is_str(betas)) {
        *is_interleaved = str_find(json_str(betas), STR(INTERLEAVED_THINKING), 0) >= 0;
        return OK;
    }
    if (!yyjson_is_arr(betas))
        return field_error(error, where, "anthropic_beta", "expected an array of strings, got %s",
                           json_type_name(betas));
    yyjson_arr_foreach(betas, i, count, item)
    {
        struct field_path path = field_path_index(where, "anthropic_beta", i);
        if (!yyjson_is_str(item))
            return field_error(error, path.text, "", "expected a string, got %s", json_type_name(item));
        *is_interleaved = *is_interleaved || str_starts(json_str(item), STR(INTERLEAVED_THINKING));
    }
    return OK;
}

/* Between the calls of a tool loop a budget may be larger than one reply. */
static enum error_code check_budget(yyjson_val *thinking, const char *where, bool is_interleaved,
                                    const struct chat_request *request, struct error *error)
{
    int64_t budget = 0;
    bool present;
    enum error_code code =
        json_get_int(thinking, where, "budget_tokens", INT32_MIN, INT32_MAX, &budget, &present, error);
    if (code == OK && !present)
        return field_error(error, where, "budget_tokens", "required and missing");
    if (code == OK && budget < BUDGET_MIN)
        return field_error(error, where, "budget_tokens", "must be at least %d", BUDGET_MIN);
    if (code == OK && !is_interleaved && request->max_tokens > 0 && budget >= request->max_tokens)
        return field_error(error, where, "budget_tokens", "must be less than max_tokens, which is %u",
                           request->max_tokens);
    return code;
}

/* A model that can't think answers without. `reasoning_config` is what Converse called the member first; of models of
 * others it is a string. */
static enum error_code parse_thinking(yyjson_val *object, const char *where, const char *key, bool is_interleaved,
                                      struct chat_request *request, struct error *error)
{
    static const char *const types[] = {"disabled", "enabled", "adaptive", "between_tools", NULL};
    enum { DISABLED, ENABLED };
    static const char why[] = "this model does not think; leave it out or send type disabled";
    yyjson_val *thinking = yyjson_obj_get(object, key);
    struct field_path path = field_path_member(where, key);
    int type = -1;
    if (!thinking || yyjson_is_null(thinking))
        return OK;
    if (yyjson_is_str(thinking))
        return needs_ignore(request, CHAT_NEED_THINKING, object, where, key, why, error);
    enum error_code code = json_get_object(object, where, key, &thinking, error);
    if (code == OK)
        code = fields_enum(thinking, path.text, "type", types, &type, error);
    if (code == OK && type < 0)
        code = field_error(error, path.text, "type", "required and missing");
    if (code == OK && type == ENABLED)
        code = check_budget(thinking, path.text, is_interleaved, request, error);
    return code == OK && type != DISABLED
               ? needs_ignore(request, CHAT_NEED_THINKING, object, where, key, why, error)
               : code;
}

/* {"type": "json_schema", "schema": {...}} at where.key. */
static enum error_code parse_format(yyjson_val *object, const char *where, const char *key,
                                    struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"type", "schema", "name", "description", "strict", NULL};
    static const char *const types[] = {"json_schema", NULL};
    struct field_path path = field_path_member(where, key);
    yyjson_val *format = NULL, *schema = NULL;
    int type = -1;
    enum error_code code = json_get_object(object, where, key, &format, error);
    if (code != OK || !format)
        return code;
    code = fields_known(request->ignored, format, path.text, members, error);
    if (code == OK)
        code = fields_enum(format, path.text, "type", types, &type, error);
    if (code == OK && type < 0)
        code = field_error(error, path.text, "type", "required and missing");
    if (code == OK)
        code = fields_need_object(format, path.text, "schema", &schema, error);
    if (code == OK && request->output_schema)
        code = field_error(error, where, key, "a format is asked for twice");
    if (code == OK)
        request->output_schema = schema;
    return code;
}

static enum error_code parse_output_config(yyjson_val *object, const char *where, struct chat_request *request,
                                           struct error *error)
{
    static const char *const members[] = {"format", "effort", NULL};
    struct field_path path = field_path_member(where, "output_config");
    yyjson_val *config = NULL;
    struct str effort = {0};
    enum error_code code = json_get_object(object, where, "output_config", &config, error);
    if (code != OK || !config)
        return code;
    code = fields_known(request->ignored, config, path.text, members, error);
    if (code == OK)
        code = json_get_str(config, path.text, "effort", &effort, NULL, error);
    if (code == OK)
        code = needs_ignore(request, CHAT_NEED_EFFORT, config, path.text, "effort", "is not supported by this model",
                            error);
    return code == OK ? parse_format(config, path.text, "format", request, error) : code;
}

enum error_code anthropic_options_parse(yyjson_val *object, const char *where, struct chat_request *request,
                                        struct error *error)
{
    static const struct needs_member needed[] = {
        {"mcp_servers", CHAT_NEED_CONNECTORS,
         "MCP servers are not called by this server; call them yourself and send toolUse blocks"},
        {"container", CHAT_NEED_CONNECTORS, "containers are not supported by this server"},
    };
    bool is_interleaved;
    enum error_code code = needs_members(request, object, where, needed, sizeof(needed) / sizeof(needed[0]), error);
    if (code == OK)
        code = check_betas(object, where, &is_interleaved, error);
    if (code == OK)
        code = parse_thinking(object, where, "thinking", is_interleaved, request, error);
    if (code == OK)
        code = parse_thinking(object, where, "reasoning_config", is_interleaved, request, error);
    if (code == OK)
        code = parse_output_config(object, where, request, error);
    if (code == OK)
        code = parse_format(object, where, "output_format", request, error);
    if (code == OK)
        code = needs_ignore(request, CHAT_NEED_CONTEXT_EDITS, object, where, "context_management",
                            "the conversation is taken as it is sent; there is nothing to clear", error);
    return code;
}

enum error_code anthropic_tool_choice(yyjson_val *object, const char *where, struct chat_request *request,
                                      struct error *error)
{
    static const char *const members[] = {"type", "name", "disable_parallel_tool_use", NULL};
    static const char *const types[] = {"auto", "any", "tool", "none", NULL};
    static const enum chat_tool_choice choices[] = {CHAT_TOOL_AUTO, CHAT_TOOL_ANY, CHAT_TOOL_NAMED, CHAT_TOOL_NONE};
    struct field_path path = field_path_member(where, "tool_choice");
    yyjson_val *choice = NULL;
    int type = -1;
    enum error_code code = json_get_object(object, where, "tool_choice", &choice, error);
    if (code != OK || !choice)
        return code;
    code = fields_known(request->ignored, choice, path.text, members, error);
    if (code == OK)
        code = fields_enum(choice, path.text, "type", types, &type, error);
    if (code == OK && type < 0)
        code = field_error(error, path.text, "type", "required and missing");
    if (code == OK)
        code = json_get_bool(choice, path.text, "disable_parallel_tool_use", &request->is_single_call, NULL, error);
    if (code != OK || request->tool_choice != CHAT_TOOL_AUTO)
        return code;
    request->tool_choice = choices[type];
    return type == 2 ? fields_need_str(choice, path.text, "name", 1, ANTHROPIC_NAME_MAX, &request->tool_choice_name,
                                       error)
                     : OK;
}
