/* The request of Converse and ConverseStream but for its content blocks. */
#include "api/bedrock/converse.h"

#include "core/limits.h"

#define METADATA_COUNT_MAX 16
#define METADATA_BYTES_MAX 256
#define FIELD_PATHS_MAX 10
#define FIELD_PATH_BYTES_MAX 256

/* What a model's own API defaults to differs by family; Converse has one answer for all. */
#define DEFAULT_TEMPERATURE 0.7
#define DEFAULT_TOP_P 0.9

static enum error_code parse_input_schema(struct content_parser *parser, yyjson_val *spec, const char *where,
                                          yyjson_val **schema)
{
    static const char *const members[] = {"json", NULL};
    yyjson_val *input_schema = NULL;
    enum error_code code = fields_need_object(spec, where, "inputSchema", &input_schema, parser->error);
    if (code != OK)
        return code;
    struct field_path path = field_path_member(where, "inputSchema");
    size_t which;
    code = fields_union(parser->request->ignored, input_schema, path.text, members, &which, schema, parser->error);
    if (code == OK && !yyjson_is_obj(*schema))
        return field_error(parser->error, path.text, "json", "expected an object, got %s", json_type_name(*schema));
    return code;
}

static enum error_code parse_tool_spec(struct content_parser *parser, yyjson_val *spec, const char *tool_where,
                                       struct chat_tool *tool)
{
    static const char *const members[] = {"name", "description", "inputSchema", "strict", NULL};
    struct field_path path = field_path_member(tool_where, "toolSpec");
    const char *where = path.text;
    if (!yyjson_is_obj(spec))
        return field_error(parser->error, where, "", "expected an object, got %s", json_type_name(spec));
    enum error_code code = fields_known(parser->request->ignored, spec, where, members, parser->error);
    if (code == OK)
        code = content_tool_name(parser, spec, where, &tool->name);
    if (code == OK)
        code = fields_get_str(spec, where, "description", 1, SIZE_MAX, &tool->description, NULL, parser->error);
    if (code == OK)
        code = json_get_bool(spec, where, "strict", &tool->is_strict, NULL, parser->error);
    if (code == OK)
        code = parse_input_schema(parser, spec, where, &tool->schema);
    return code;
}

static enum error_code parse_tool_choice(struct content_parser *parser, yyjson_val *tool_config)
{
    static const char *const members[] = {"auto", "any", "tool", NULL};
    static const enum chat_tool_choice choices[] = {CHAT_TOOL_AUTO, CHAT_TOOL_ANY, CHAT_TOOL_NAMED};
    static const char where[] = "toolConfig.toolChoice";
    struct chat_request *request = parser->request;
    yyjson_val *choice = yyjson_obj_get(tool_config, "toolChoice");
    if (!choice || yyjson_is_null(choice))
        return OK;
    size_t which;
    yyjson_val *value;
    enum error_code code =
        fields_union(parser->request->ignored, choice, where, members, &which, &value, parser->error);
    if (code != OK)
        return code;
    struct field_path path = field_path_member(where, members[which]);
    if (!yyjson_is_obj(value))
        return field_error(parser->error, path.text, "", "expected an object, got %s", json_type_name(value));
    request->tool_choice = choices[which];
    return which == 2 ? content_tool_name(parser, value, path.text, &request->tool_choice_name) : OK;
}

/* One entry of tools: a specification, or a cache point behind the tool before it. */
static enum error_code parse_tool(struct content_parser *parser, yyjson_val *item, const char *where)
{
    static const char *const members[] = {"toolSpec", "systemTool", "cachePoint", NULL};
    struct chat_request *request = parser->request;
    size_t which;
    yyjson_val *value;
    enum error_code code = fields_union(parser->request->ignored, item, where, members, &which, &value, parser->error);
    if (code != OK)
        return code;
    struct chat_tool *next = &request->tools[request->tool_count];
    if (which < 2) {
        next->raw = item;
        next->name = json_str(yyjson_obj_get(value, "name"));
        request->tool_count++;
    }
    if (which == 0)
        return parse_tool_spec(parser, value, where, next);
    if (which == 1)
        return needs_note(request, CHAT_NEED_SERVER_TOOLS, parser->error, where, "systemTool",
                          "system tools are not supported by this server");
    if (request->tool_count == 0)
        return field_error(parser->error, where, "cachePoint", "must follow a tool");
    struct field_path path = field_path_member(where, "cachePoint");
    struct chat_tool *tool = &request->tools[request->tool_count - 1];
    tool->cache_point_after = true;
    return converse_cache_point(parser, value, path.text, &tool->ttl_seconds);
}

enum error_code converse_parse_tools(struct content_parser *parser, yyjson_val *tool_config)
{
    static const char *const members[] = {"tools", "toolChoice", NULL};
    struct chat_request *request = parser->request;
    yyjson_val *tools = NULL;
    if (!tool_config || yyjson_is_null(tool_config))
        return OK;
    if (!yyjson_is_obj(tool_config))
        return field_error(parser->error, "toolConfig", "", "expected an object, got %s", json_type_name(tool_config));
    enum error_code code = fields_known(parser->request->ignored, tool_config, "toolConfig", members, parser->error);
    if (code == OK)
        code = fields_need_array(tool_config, "toolConfig", "tools", &tools, parser->error);
    if (code != OK)
        return code;
    size_t i, count = yyjson_arr_size(tools);
    if (count == 0 || count > limit(tools))
        return field_error(parser->error, "toolConfig", "tools", "must have 1 to %zu entries, has %zu",
                           (size_t)limit(tools), count);
    request->tools = ARENA_ARRAY(request->arena, struct chat_tool, count);
    if (!request->tools)
        return error_no_memory(parser->error);
    yyjson_val *item;
    yyjson_arr_foreach(tools, i, count, item)
    {
        struct field_path path = field_path_index("toolConfig", "tools", i);
        code = parse_tool(parser, item, path.text);
        if (code != OK)
            return code;
    }
    return parse_tool_choice(parser, tool_config);
}

static enum error_code parse_inference_config(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"maxTokens", "temperature", "topP", "topK", "stopSequences", NULL};
    static const char where[] = "inferenceConfig";
    struct chat_sampling *sampling = &request->sampling;
    yyjson_val *config = NULL;
    int64_t max_tokens = 0;
    sampling->temperature = DEFAULT_TEMPERATURE;
    sampling->top_p = DEFAULT_TOP_P;
    enum error_code code = json_get_object(root, "", where, &config, error);
    if (code != OK || !config)
        return code;
    code = fields_known(request->ignored, config, where, members, error);
    if (code == OK)
        code = json_get_int(config, where, "maxTokens", 1, INT32_MAX, &max_tokens, NULL, error);
    if (code == OK)
        code = json_get_number(config, where, "temperature", 0, 1, &sampling->temperature, &sampling->has_temperature,
                               error);
    if (code == OK)
        code = fields_get_top_p(config, where, "topP", &sampling->top_p, &sampling->has_top_p, error);
    if (code == OK) /* not the service's, but what the AI SDK sends */
        code = converse_parse_top_k(config, where, "topK", sampling, error);
    request->max_tokens = (uint32_t)max_tokens;
    return code == OK ? content_parse_stops(config, where, "stopSequences", request, error) : code;
}

/* RFC 6901: "" or "/..."; "~" only before 0 or 1. The service refuses the empty one too. */
static bool is_json_pointer(struct str text)
{
    if (text.len == 0 || text.data[0] != '/')
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '~' && (i + 1 == text.len || (text.data[i + 1] != '0' && text.data[i + 1] != '1')))
            return false;
    return true;
}

static enum error_code check_response_paths(yyjson_val *root, struct error *error)
{
    static const char key[] = "additionalModelResponseFieldPaths";
    yyjson_val *paths = NULL, *item;
    enum error_code code = json_get_array(root, "", key, &paths, error);
    size_t i, count = yyjson_arr_size(paths);
    if (code != OK)
        return code;
    if (count > FIELD_PATHS_MAX)
        return field_error(error, "", key, "must have at most %d entries, has %zu", FIELD_PATHS_MAX, count);
    yyjson_arr_foreach(paths, i, count, item)
    {
        struct str text = json_str(item);
        struct field_path path = field_path_index("", key, i);
        if (text.len > FIELD_PATH_BYTES_MAX)
            return field_error(error, path.text, "", "must have at most %d characters", FIELD_PATH_BYTES_MAX);
        if (!is_json_pointer(text))
            return field_error(error, path.text, "", "expected a JSON pointer such as /stop_sequence");
    }
    return OK;
}

static bool is_metadata_text(struct str text)
{
    return fields_alphabet(text, " \t\n\v\f\r:_@$#=/+,-.");
}

enum error_code converse_parse_metadata(yyjson_val *metadata, struct chat_request *request, struct error *error)
{
    static const char where[] = "requestMetadata";
    if (!metadata || yyjson_is_null(metadata))
        return OK;
    if (!yyjson_is_obj(metadata))
        return field_error(error, where, "", "expected an object, got %s", json_type_name(metadata));
    size_t i, count = yyjson_obj_size(metadata);
    if (count == 0 || count > METADATA_COUNT_MAX)
        return field_error(error, where, "", "must have 1 to %d entries, has %zu", METADATA_COUNT_MAX, count);
    request->metadata = ARENA_ARRAY(request->arena, struct chat_metadata, count);
    if (!request->metadata)
        return error_no_memory(error);
    yyjson_val *key, *val;
    yyjson_obj_foreach(metadata, i, count, key, val)
    {
        struct str name = json_str(key), text = json_str(val);
        if (name.len == 0 || name.len > METADATA_BYTES_MAX || !is_metadata_text(name))
            return field_error(error, where, "", "key %zu must have 1 to %d letters, digits, spaces or :_@$#=/+,-.", i,
                               METADATA_BYTES_MAX);
        if (!yyjson_is_str(val) || text.len > METADATA_BYTES_MAX || !is_metadata_text(text))
            return field_error(error, where, "",
                               "value %zu must be a string of at most %d letters, digits, spaces or :_@$#=/+,-.", i,
                               METADATA_BYTES_MAX);
        request->metadata[request->metadata_count++] = (struct chat_metadata){name, text};
    }
    return OK;
}

enum error_code converse_parse_tier(struct str name, struct chat_request *request, struct error *error)
{
    enum tier tier;
    if (!tier_find(name, &tier) || !tier_may_be_asked(tier))
        return error_set(error, ERROR_INVALID, "service tier provided is invalid");
    request->tier = tier;
    request->has_tier = true;
    return OK;
}

static enum error_code parse_service_tier(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"type", NULL};
    yyjson_val *tier = NULL;
    struct str name = {0};
    enum error_code code = json_get_object(root, "", "serviceTier", &tier, error);
    if (code != OK || !tier)
        return code;
    code = fields_known(request->ignored, tier, "serviceTier", members, error);
    if (code == OK)
        code = fields_need_str(tier, "serviceTier", "type", 0, SIZE_MAX, &name, error);
    return code == OK ? converse_parse_tier(name, request, error) : code;
}

static enum error_code check_performance(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"latency", NULL};
    static const char *const latencies[] = {"standard", "optimized", NULL};
    yyjson_val *config = NULL;
    int latency = -1;
    enum error_code code = json_get_object(root, "", "performanceConfig", &config, error);
    if (code != OK || !config)
        return code;
    code = fields_known(request->ignored, config, "performanceConfig", members, error);
    if (code == OK)
        code = fields_enum(config, "performanceConfig", "latency", latencies, &latency, error);
    if (code == OK && latency == 1) /* the reply says that it was served as standard */
        return needs_ignore(request, CHAT_NEED_FAST_LATENCY, config, "performanceConfig", "latency",
                            "optimized is not supported by this model", error);
    return code;
}

/* The schema comes as a string that holds JSON. */
static enum error_code parse_output_schema(yyjson_val *structure, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"jsonSchema", NULL};
    static const char *const schema_members[] = {"schema", "name", "description", NULL};
    static const char where[] = "outputConfig.textFormat.structure";
    static const char inner[] = "outputConfig.textFormat.structure.jsonSchema";
    size_t which;
    yyjson_val *definition;
    struct str text = {0}, unused = {0};
    enum error_code code = fields_union(request->ignored, structure, where, members, &which, &definition, error);
    if (code != OK)
        return code;
    if (!yyjson_is_obj(definition))
        return field_error(error, inner, "", "expected an object, got %s", json_type_name(definition));
    code = fields_known(request->ignored, definition, inner, schema_members, error);
    if (code == OK)
        code = fields_need_str(definition, inner, "schema", 1, SIZE_MAX, &text, error);
    if (code == OK)
        code = json_get_str(definition, inner, "name", &unused, NULL, error);
    if (code == OK)
        code = json_get_str(definition, inner, "description", &unused, NULL, error);
    if (code == OK && request->output_schema)
        return field_error(error, "outputConfig", "textFormat", "a format is asked for twice");
    if (code == OK && (code = fields_parse_inner(text, request->arena, &request->output_schema, error)) != OK)
        return error_prefix(error, "%s.schema", inner);
    return code;
}

static enum error_code parse_output_config(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"textFormat", "effort", NULL};
    static const char *const format_members[] = {"type", "structure", NULL};
    static const char *const types[] = {"json_schema", NULL};
    static const char where[] = "outputConfig.textFormat";
    yyjson_val *config = NULL, *format = NULL, *structure = NULL;
    int type = -1;
    struct str effort = {0};
    enum error_code code = json_get_object(root, "", "outputConfig", &config, error);
    if (code != OK || !config)
        return code;
    code = fields_known(request->ignored, config, "outputConfig", members, error);
    if (code == OK)
        code = json_get_str(config, "outputConfig", "effort", &effort, NULL, error);
    if (code == OK)
        code = needs_ignore(request, CHAT_NEED_EFFORT, config, "outputConfig", "effort",
                            "is not supported by this model", error);
    if (code == OK)
        code = json_get_object(config, "outputConfig", "textFormat", &format, error);
    if (code != OK || !format)
        return code;
    code = fields_known(request->ignored, format, where, format_members, error);
    if (code == OK)
        code = fields_enum(format, where, "type", types, &type, error);
    if (code == OK && type < 0)
        return field_error(error, where, "type", "required and missing");
    if (code == OK)
        code = fields_need_object(format, where, "structure", &structure, error);
    return code == OK ? parse_output_schema(structure, request, error) : code;
}

static enum error_code parse_conversation(yyjson_val *root, struct chat_request *request, struct error *error)
{
    struct content_parser parser = {.request = request, .error = error};
    enum error_code code = converse_parse_tools(&parser, yyjson_obj_get(root, "toolConfig"));
    if (code == OK)
        code = converse_parse_system(&parser, yyjson_obj_get(root, "system"));
    if (code == OK)
        code = converse_parse_messages(&parser, yyjson_obj_get(root, "messages"));
    if (code == OK && parser.has_tool_blocks && request->tool_count == 0)
        return field_error(error, "toolConfig", "", "must be given with toolUse and toolResult content blocks");
    return code;
}

/* What the neutral request has no place for. */
static enum error_code keep_extras(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const carried[] = {"messages",   "system",          "inferenceConfig",
                                          "toolConfig", "requestMetadata", "serviceTier", NULL};
    static const char *const carried_config[] = {"maxTokens", "temperature", "topP", "topK", "stopSequences", NULL};
    static const char *const carried_tools[] = {"tools", "toolChoice", NULL};
    enum error_code code = needs_extras(request, root, "", carried, error);
    if (code == OK)
        code = needs_extras(request, yyjson_obj_get(root, "inferenceConfig"), "inferenceConfig", carried_config, error);
    if (code == OK)
        code = needs_extras(request, yyjson_obj_get(root, "toolConfig"), "toolConfig", carried_tools, error);
    return code;
}

enum error_code converse_parse(yyjson_val *root, enum codec_use use, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {
        "messages",        "system",          "inferenceConfig", "toolConfig",
        "guardrailConfig", "promptVariables", "requestMetadata", "additionalModelRequestFields",
        "performanceConfig", "serviceTier",   "outputConfig",    "additionalModelResponseFieldPaths", NULL};
    static const struct needs_member needed[] = {
        {"guardrailConfig", CHAT_NEED_GUARDRAILS, "guardrails are not supported by this server"},
    };
    static const char *const count_members[] = {"messages", "system", "toolConfig", "additionalModelRequestFields",
                                                NULL};
    request->origin = &converse_codec;
    if (!yyjson_is_obj(root))
        return error_set(error, ERROR_INVALID, "the request body must be a JSON object, got %s", json_type_name(root));
    enum error_code code =
        fields_known(request->ignored, root, "", use == CODEC_COUNT ? count_members : members, error);
    if (code == OK)
        code = needs_members(request, root, "", needed, sizeof(needed) / sizeof(needed[0]), error);
    if (code == OK) /* of a managed prompt; this is none */
        code = needs_ignore(request, CHAT_NEED_MANAGED_PROMPTS, root, "", "promptVariables",
                            "managed prompts are not supported by this server", error);
    if (code == OK)
        code = parse_conversation(root, request, error);
    if (code == OK)
        code = parse_inference_config(root, request, error);
    if (code == OK)
        code = converse_parse_model_fields(root, request, error);
    if (code == OK)
        code = check_response_paths(root, error);
    if (code == OK)
        code = converse_parse_metadata(yyjson_obj_get(root, "requestMetadata"), request, error);
    if (code == OK)
        code = check_performance(root, request, error);
    if (code == OK)
        code = parse_service_tier(root, request, error);
    if (code == OK)
        code = parse_output_config(root, request, error);
    if (code == OK)
        code = keep_extras(root, request, error);
    return code == OK ? needs_first_turn(request, error) : code;
}
