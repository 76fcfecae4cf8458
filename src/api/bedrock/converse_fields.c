/* additionalModelRequestFields: parameters that a family has besides Converse's own. */
#include "api/bedrock/converse.h"
#include "api/native/anthropic_options.h"

#define TOP_K_MAX 1000000

static const char where[] = "additionalModelRequestFields";

enum error_code converse_parse_top_k(yyjson_val *object, const char *path, const char *key,
                                     struct chat_sampling *sampling, struct error *error)
{
    int64_t top_k = 0;
    bool present;
    enum error_code code = json_get_int(object, path, key, 0, TOP_K_MAX, &top_k, &present, error);
    if (code == OK && present) {
        sampling->top_k = (int32_t)top_k;
        sampling->has_top_k = true;
    }
    return code;
}

/* Nova's. */
static enum error_code parse_inference_config(yyjson_val *fields, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"topK", NULL};
    static const char path[] = "additionalModelRequestFields.inferenceConfig";
    yyjson_val *config = NULL;
    enum error_code code = json_get_object(fields, where, "inferenceConfig", &config, error);
    if (code != OK || !config)
        return code;
    code = fields_known(request->ignored, config, path, members, error);
    return code == OK ? converse_parse_top_k(config, path, "topK", &request->sampling, error) : code;
}

static enum error_code parse_sampling(yyjson_val *fields, struct chat_request *request, struct error *error)
{
    struct chat_sampling *sampling = &request->sampling;
    int64_t seed = 0;
    enum error_code code = converse_parse_top_k(fields, where, "top_k", sampling, error);
    if (code == OK)
        code = converse_parse_top_k(fields, where, "topK", sampling, error);
    if (code == OK)
        code = parse_inference_config(fields, request, error);
    if (code == OK)
        code = json_get_int(fields, where, "seed", 0, INT64_MAX, &seed, &sampling->has_seed, error);
    sampling->seed = (uint64_t)seed;
    return code;
}

enum error_code converse_parse_model_fields(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"top_k", "topK", "inferenceConfig", "seed", "cache_salt", "tools",
                                          "tool_choice",
                                          ANTHROPIC_OPTIONS, NULL};
    static const struct needs_member needed[] = {
        {"tools", CHAT_NEED_SERVER_TOOLS,
         "tools of the provider are not supported by this server; define tools in toolConfig"},
    };
    yyjson_val *fields = NULL;
    enum error_code code = json_get_object(root, "", where, &fields, error);
    if (code != OK || !fields)
        return code;
    code = fields_known(request->ignored, fields, where, members, error);
    if (code == OK)
        code = needs_members(request, fields, where, needed, sizeof(needed) / sizeof(needed[0]), error);
    if (code == OK)
        code = parse_sampling(fields, request, error);
    if (code == OK)
        code = fields_get_str(fields, where, "cache_salt", 1, 256, &request->cache_salt, NULL, error);
    if (code == OK)
        code = anthropic_tool_choice(fields, where, request, error);
    return code == OK ? anthropic_options_parse(fields, where, request, error) : code;
}
