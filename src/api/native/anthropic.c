/* The Anthropic messages body: parsing, but for the content of messages. Writing is in anthropic_write.c. */
#include "api/native/anthropic.h"

#include "api/native/anthropic_options.h"
#include "core/limits.h"

#define ANTHROPIC_NEWER_VERSION "2026-10-21"
/* What Claude Code says of itself in a system block of its own, which changes from request to request. */
#define ANTHROPIC_BILLING_BLOCK "x-anthropic-billing-header:"
#define ANTHROPIC_MEMBERS                                                                                            \
    "max_tokens", "messages", "system", "temperature", "top_p", "top_k", "stop_sequences", "tools", "tool_choice",  \
        "service_tier", "seed", "cache_salt", ANTHROPIC_OPTIONS
#define ANTHROPIC_TEMPERATURE 1.0
#define ANTHROPIC_TOP_P 0.999
#define ANTHROPIC_COMPLETION_TOP_P 1.0
#define ANTHROPIC_TOP_K_MAX 500

/* They say nothing to a model, and no prompt that begins with one would ever be found in a cache. */
static void drop_billing_blocks(struct chat_request *request)
{
    size_t kept = 0;
    for (size_t i = 0; i < request->system_count; i++) {
        const struct chat_block *block = &request->system[i];
        if (block->kind != CHAT_TEXT || !str_starts(block->text, STR(ANTHROPIC_BILLING_BLOCK)))
            request->system[kept++] = *block;
    }
    request->system_count = kept;
}

static enum error_code parse_system(struct content_parser *parser, yyjson_val *root)
{
    struct chat_request *request = parser->request;
    yyjson_val *system = yyjson_obj_get(root, "system");
    if (!system || yyjson_is_null(system))
        return OK;
    enum error_code code =
        anthropic_content(parser, system, "", "system", CHAT_SYSTEM, &request->system, &request->system_count);
    for (size_t i = 0; code == OK && i < request->system_count; i++)
        if (request->system[i].kind != CHAT_TEXT && request->system[i].kind != CHAT_CACHE_POINT)
            return field_error(parser->error, "system", "", "may hold text blocks only");
    if (code == OK)
        drop_billing_blocks(request);
    return code;
}

static enum error_code parse_custom_tool(struct content_parser *parser, yyjson_val *object, const char *where,
                                         struct chat_tool *tool)
{
    static const char *const members[] = {"type",   "name", "description", "input_schema", "cache_control",
                                          "strict", "eager_input_streaming", NULL};
    bool is_eager; /* arguments are streamed as they come in any case */
    enum error_code code = fields_known(parser->request->ignored, object, where, members, parser->error);
    if (code == OK)
        code = fields_need_str(object, where, "name", 1, ANTHROPIC_NAME_MAX, &tool->name, parser->error);
    if (code == OK && !fields_alphabet(tool->name, "_-"))
        return field_error(parser->error, where, "name", "may hold letters, digits, _ and - only");
    if (code == OK)
        code = json_get_str(object, where, "description", &tool->description, NULL, parser->error);
    if (code == OK)
        code = fields_need_object(object, where, "input_schema", &tool->schema, parser->error);
    if (code == OK)
        code = json_get_bool(object, where, "strict", &tool->is_strict, NULL, parser->error);
    if (code == OK)
        code = json_get_bool(object, where, "eager_input_streaming", &is_eager, NULL, parser->error);
    return code;
}

static enum error_code parse_tool(struct content_parser *parser, yyjson_val *object, const char *where,
                                  struct chat_tool *tool)
{
    struct str type = STR("custom");
    tool->raw = object;
    tool->name = json_str(yyjson_obj_get(object, "name"));
    if (!yyjson_is_obj(object))
        return field_error(parser->error, where, "", "expected an object, got %s", json_type_name(object));
    enum error_code code = json_get_str(object, where, "type", &type, NULL, parser->error);
    bool is_custom = str_eq(type, STR("custom"));
    if (code == OK && !is_custom)
        code = needs_note(parser->request, CHAT_NEED_SERVER_TOOLS, parser->error, where, "type",
                          "only custom tools are supported by this model");
    if (code == OK && is_custom)
        code = parse_custom_tool(parser, object, where, tool);
    return code == OK ? anthropic_cache_control(parser, object, where, &tool->cache_point_after, &tool->ttl_seconds)
                      : code;
}

static enum error_code parse_tools(struct content_parser *parser, yyjson_val *root)
{
    struct chat_request *request = parser->request;
    yyjson_val *tools = NULL, *item;
    enum error_code code = json_get_array(root, "", "tools", &tools, parser->error);
    size_t i, count = yyjson_arr_size(tools);
    if (code != OK)
        return code;
    if (count > limit(tools))
        return field_error(parser->error, "tools", "", "%zu tools are more than the limit of %zu", count,
                           (size_t)limit(tools));
    request->tools = ARENA_ARRAY(request->arena, struct chat_tool, count + 1);
    if (!request->tools)
        return error_no_memory(parser->error);
    request->tool_count = count;
    yyjson_arr_foreach(tools, i, count, item)
    {
        struct field_path path = field_path_index("", "tools", i);
        code = parse_tool(parser, item, path.text, &request->tools[i]);
        if (code != OK)
            return code;
    }
    return anthropic_tool_choice(root, "", request, parser->error);
}

static enum error_code parse_sampling(yyjson_val *root, struct chat_request *request, struct error *error)
{
    struct chat_sampling *sampling = &request->sampling;
    int64_t top_k = 0, seed = 0;
    enum error_code code =
        json_get_number(root, "", "temperature", 0, 1, &sampling->temperature, &sampling->has_temperature, error);
    if (code == OK)
        code = fields_get_top_p(root, "", "top_p", &sampling->top_p, &sampling->has_top_p, error);
    if (code == OK)
        code = json_get_int(root, "", "top_k", 0, ANTHROPIC_TOP_K_MAX, &top_k, &sampling->has_top_k, error);
    if (code == OK)
        code = json_get_int(root, "", "seed", 0, INT64_MAX, &seed, &sampling->has_seed, error);
    if (code == OK)
        code = fields_get_str(root, "", "cache_salt", 1, 256, &request->cache_salt, NULL, error);
    sampling->top_k = (int32_t)top_k;
    sampling->seed = (uint64_t)seed;
    return code == OK ? content_parse_stops(root, "", "stop_sequences", request, error) : code;
}

/* Versions of the API: what a body may hold depends on the one it names, not on the model. `said`: by a header,
 * which was checked then. */
static enum error_code check_version(yyjson_val *root, struct str said, enum codec_use use, bool *is_newer,
                                     struct error *error)
{
    static const char *const versions[] = {"bedrock-2023-05-31", "2023-06-01", ANTHROPIC_NEWER_VERSION, NULL};
    static const char *const sampling[] = {"temperature", "top_p", "top_k"};
    struct str version = said;
    int which = -1;
    enum error_code code =
        said.data ? OK : fields_need_str(root, "", "anthropic_version", 1, 64, &version, error);
    if (code == OK && use == CODEC_GENERATE && !said.data)
        code = fields_enum(root, "", "anthropic_version", versions, &which, error);
    *is_newer = code == OK && str_eq(version, STR(ANTHROPIC_NEWER_VERSION));
    for (size_t i = 0; i < sizeof(sampling) / sizeof(sampling[0]) && *is_newer; i++)
        if (!yyjson_is_null(yyjson_obj_get(root, sampling[i])) && yyjson_obj_get(root, sampling[i]))
            return field_error(error, "", sampling[i], "Extra inputs are not permitted");
    return code;
}

static enum error_code parse_max_tokens(yyjson_val *root, enum codec_use use, struct chat_request *request,
                                        struct error *error)
{
    int64_t max_tokens = 0;
    bool present;
    enum error_code code = json_get_int(root, "", "max_tokens", 1, INT32_MAX, &max_tokens, &present, error);
    if (code == OK && !present && use == CODEC_GENERATE)
        return field_error(error, "max_tokens", "", "required and missing");
    request->max_tokens = (uint32_t)max_tokens;
    return code;
}

/* On Bedrock the tier is a header's or, in the newer bodies, a member's matter; of Anthropic's own names none asks for
 * one of them. */
static enum error_code parse_tier(yyjson_val *root, struct chat_request *request, struct error *error)
{
    struct str name = {0};
    bool present;
    enum error_code code = json_get_str(root, "", "service_tier", &name, &present, error);
    if (code != OK || !present || request->has_tier || str_eq(name, STR("auto")) ||
        str_eq(name, STR("standard_only")))
        return code;
    return converse_parse_tier(name, request, error);
}

/* cache_control at the root: a cache point behind the last block, unless there is one. */
static enum error_code parse_automatic_caching(struct content_parser *parser, yyjson_val *root)
{
    struct chat_request *request = parser->request;
    bool is_there;
    uint32_t ttl_seconds = 0;
    struct chat_message *last = request->message_count ? &request->messages[request->message_count - 1] : NULL;
    const bool is_marked = last && last->block_count && last->blocks[last->block_count - 1].kind == CHAT_CACHE_POINT;
    yyjson_val *ttl = yyjson_obj_get(yyjson_obj_get(root, "cache_control"), "ttl");
    const uint32_t wanted = yyjson_equals_str(ttl, "1h") ? 3600 : 300;
    if (!last || !yyjson_obj_get(root, "cache_control"))
        return OK;
    if (is_marked && last->blocks[last->block_count - 1].ttl_seconds == wanted)
        return OK;
    if (is_marked)
        return field_error(parser->error, "cache_control", "ttl", "the last block has another one");
    enum error_code code = anthropic_cache_control(parser, root, "", &is_there, &ttl_seconds);
    struct chat_block *blocks = ARENA_ARRAY(request->arena, struct chat_block, last->block_count + 2);
    if (code != OK || !is_there)
        return code;
    if (!blocks)
        return error_no_memory(parser->error);
    memcpy(blocks, last->blocks, last->block_count * sizeof(*blocks));
    blocks[last->block_count++] = (struct chat_block){.kind = CHAT_CACHE_POINT, .ttl_seconds = ttl_seconds};
    last->blocks = blocks;
    return OK;
}

static enum error_code parse_conversation(yyjson_val *root, bool is_newer, struct chat_request *request,
                                          struct error *error)
{
    struct content_parser parser = {.request = request, .error = error, .is_newer_version = is_newer};
    enum error_code code = parse_tools(&parser, root);
    if (code == OK)
        code = parse_system(&parser, root);
    if (code == OK)
        code = content_each_message(&parser, yyjson_obj_get(root, "messages"), anthropic_message);
    return code == OK && request->api_version.data ? parse_automatic_caching(&parser, root) : code;
}

/* In Anthropic's own API the body says besides which model is meant, and what Bedrock has no use for. */
static enum error_code check_members(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const bedrock[] = {ANTHROPIC_MEMBERS, "anthropic_version", "amazon-bedrock-guardrailConfig",
                                          NULL};
    static const char *const own[] = {ANTHROPIC_MEMBERS, "model", "stream", "cache_control", "inference_geo", "speed",
                                      NULL};
    return fields_known(request->ignored, root, "", request->api_version.data ? own : bedrock, error);
}

static enum error_code parse_messages(yyjson_val *root, enum codec_use use, struct chat_request *request,
                                      struct error *error)
{
    static const struct needs_member needed[] = {
        {"amazon-bedrock-guardrailConfig", CHAT_NEED_GUARDRAILS, "guardrails are not supported by this server"},
    };
    bool is_newer;
    enum error_code code = check_members(root, request, error);
    if (code == OK)
        code = needs_members(request, root, "", needed, sizeof(needed) / sizeof(needed[0]), error);
    if (code == OK)
        code = check_version(root, request->api_version, use, &is_newer, error);
    if (code == OK)
        code = parse_max_tokens(root, use, request, error);
    if (code == OK)
        code = anthropic_options_parse(root, "", request, error);
    if (code == OK)
        code = parse_tier(root, request, error);
    if (code == OK)
        code = parse_conversation(root, is_newer, request, error);
    return code;
}

/* What the neutral request has no place for. */
static enum error_code keep_extras(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const carried[] = {"max_tokens", "messages", "system", "temperature", "top_p", "top_k",
                                          "stop_sequences", "tools", "tool_choice", "cache_salt", "model", "stream",
                                          "prompt", "max_tokens_to_sample", NULL};
    return needs_extras(request, root, "", carried, error);
}

enum error_code anthropic_parse(yyjson_val *root, enum codec_use use, struct chat_request *request, struct error *error)
{
    if (!yyjson_is_obj(root))
        return error_set(error, ERROR_INVALID, "the request body must be a JSON object, got %s", json_type_name(root));
    const bool is_completion = !request->api_version.data && anthropic_is_completion(root);
    request->origin = &anthropic_codec;
    request->sampling.temperature = ANTHROPIC_TEMPERATURE;
    request->sampling.top_p = is_completion ? ANTHROPIC_COMPLETION_TOP_P : ANTHROPIC_TOP_P;
    enum error_code code = is_completion ? anthropic_parse_completion(root, request, error)
                                         : parse_messages(root, use, request, error);
    if (code == OK)
        code = parse_sampling(root, request, error);
    if (code == OK)
        code = keep_extras(root, request, error);
    return code == OK ? needs_first_turn(request, error) : code;
}
