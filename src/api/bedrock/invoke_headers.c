/* Headers beside the bodies of InvokeModel. */
#include "api/bedrock/invoke_headers.h"

#include "api/bedrock/converse.h"
#include "api/call.h"

#define METADATA_HEADER_MAX 8500

static struct str header(const struct api_call *call, const char *name)
{
    return http_header_get(&call->exchange->request, name);
}

static bool is_json_type(struct str value)
{
    ptrdiff_t end = str_find_char(value, ';', 0);
    return str_eq_nocase(str_trim(str_slice(value, 0, end < 0 ? value.len : (size_t)end)), STR("application/json"));
}

/* Accept lists several types; one of them has to let JSON in. */
static bool accepts_json(struct str accept)
{
    struct str part;
    if (!accept.data || accept.len == 0)
        return true;
    while (str_split(&accept, ',', &part)) {
        ptrdiff_t end = str_find_char(part, ';', 0);
        struct str type = str_trim(str_slice(part, 0, end < 0 ? part.len : (size_t)end));
        if (str_eq(type, STR("*/*")) || str_eq(type, STR("application/*")) || is_json_type(type))
            return true;
    }
    return false;
}

/* Unless told a type, boto3 sends none and the AWS SDK for JavaScript sends
 * that of any blob; both mean JSON. */
static bool is_body_type(struct str type)
{
    return !type.data || is_json_type(type) || str_eq_nocase(type, STR("application/octet-stream"));
}

static enum error_code check_types(const struct api_call *call, bool is_stream, struct error *error)
{
    if (!is_body_type(header(call, "content-type")))
        return error_set(error, ERROR_INVALID, "Content-Type: the body must be sent as application/json");
    const char *accept = is_stream ? "x-amzn-bedrock-accept" : "accept";
    if (!accepts_json(header(call, accept)))
        return error_set(error, ERROR_INVALID, "%s: only application/json can be answered", accept);
    return OK;
}

/* A header that can't have an effect here, noted as a member of the body is. */
static enum error_code ignore(struct ignored *ignored, enum chat_need need, const char *name, const char *why,
                              struct error *error)
{
    if (!ignored)
        return error_set(error, ERROR_INVALID, "%s: %s", name, why);
    ignored_note(ignored, "", str_of(name), need);
    return OK;
}

static enum error_code check_latency(struct str latency, struct ignored *ignored, struct error *error)
{
    static const char name[] = "X-Amzn-Bedrock-PerformanceConfig-Latency";
    if (!latency.data || str_eq(latency, STR("standard")))
        return OK;
    if (!str_eq(latency, STR("optimized")))
        return error_set(error, ERROR_INVALID, "%s: must be one of standard, optimized", name);
    return ignore(ignored, CHAT_NEED_FAST_LATENCY, name, "optimized is not supported by this model", error);
}

static enum error_code check_refused(const struct api_call *call, struct ignored *ignored, struct error *error)
{
    struct str trace = header(call, "x-amzn-bedrock-trace");
    struct str latency = header(call, "x-amzn-bedrock-performanceconfig-latency");
    if (header(call, "x-amzn-bedrock-guardrailidentifier").data || header(call, "x-amzn-bedrock-guardrailversion").data)
        return error_set(error, ERROR_INVALID,
                         "X-Amzn-Bedrock-GuardrailIdentifier: guardrails are not supported by this server");
    if (trace.data && !str_eq(trace, STR("DISABLED")) && !str_eq(trace, STR("ENABLED")) &&
        !str_eq(trace, STR("ENABLED_FULL")))
        return error_set(error, ERROR_INVALID, "X-Amzn-Bedrock-Trace: must be one of ENABLED, DISABLED, ENABLED_FULL");
    enum error_code code = OK;
    if (trace.data && !str_eq(trace, STR("DISABLED")))
        code = ignore(ignored, CHAT_NEED_GUARDRAILS, "X-Amzn-Bedrock-Trace",
                      "there is no guardrail to trace on this server", error);
    return code == OK ? check_latency(latency, ignored, error) : code;
}

static enum error_code parse_metadata(const struct api_call *call, struct chat_request *request, struct error *error)
{
    struct str text = header(call, "x-amzn-bedrock-request-metadata");
    yyjson_val *metadata;
    if (!text.data)
        return OK;
    if (text.len > METADATA_HEADER_MAX)
        return error_set(error, ERROR_INVALID, "X-Amzn-Bedrock-Request-Metadata: must have at most %d characters",
                         METADATA_HEADER_MAX);
    enum error_code code = fields_parse_inner(text, request->arena, &metadata, error);
    if (code == OK)
        code = converse_parse_metadata(metadata, request, error);
    return code == OK ? OK : error_prefix(error, "X-Amzn-Bedrock-Request-Metadata");
}

static enum error_code parse(struct api_call *call, bool is_stream, struct chat_request *request, struct error *error)
{
    struct str tier = header(call, "x-amzn-bedrock-service-tier");
    enum error_code code = check_types(call, is_stream, error);
    if (code == OK)
        code = check_refused(call, request->ignored, error);
    if (code == OK && tier.data)
        code = converse_parse_tier(tier, request, error);
    return code == OK ? parse_metadata(call, request, error) : code;
}

static void add(struct api_call *call, const struct chat_request *request, bool is_stream)
{
    struct str latency = header(call, "x-amzn-bedrock-performanceconfig-latency");
    if (latency.data)
        call_add_header(call, "x-amzn-bedrock-performanceconfig-latency", STR("standard"));
    if (request->has_tier)
        call_add_header(call, "x-amzn-bedrock-service-tier", str_of(tier_names[request->tier]));
    if (is_stream)
        call_add_header(call, "x-amzn-bedrock-content-type", STR("application/json"));
}

static void add_usage(struct api_call *call, const struct chat_reply *reply)
{
    const struct chat_usage *usage = &reply->usage;
    call_add_count_header(call, "x-amzn-bedrock-invocation-latency", reply->latency_ms);
    call_add_count_header(call, "x-amzn-bedrock-input-token-count", usage->input_tokens);
    call_add_count_header(call, "x-amzn-bedrock-output-token-count", usage->output_tokens);
    call_add_count_header(call, "x-amzn-bedrock-cache-read-input-token-count", usage->cache_read_tokens);
    call_add_count_header(call, "x-amzn-bedrock-cache-write-input-token-count",
                          usage->cache_write_5m_tokens + usage->cache_write_1h_tokens);
}

const struct operation_headers invoke_headers = {.parse = parse, .add = add, .add_usage = add_usage};
