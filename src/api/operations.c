#include "api/operations.h"

#include "api/call.h"

static const struct api_operation operations[] = {
    {"POST", "/model/{modelId}/converse", "Converse", runtime_converse, false},
    {"POST", "/model/{modelId}/converse-stream", "ConverseStream", runtime_converse_stream, false},
    {"POST", "/model/{modelId}/invoke", "InvokeModel", runtime_invoke, false},
    {"POST", "/model/{modelId}/invoke-with-response-stream", "InvokeModelWithResponseStream", runtime_invoke_stream,
     false},
    {"POST", "/model/{modelId}/count-tokens", "CountTokens", count_tokens, false},
    {"GET", "/foundation-models", "ListFoundationModels", control_list_foundation_models, false},
    {"GET", "/foundation-models/{modelIdentifier}", "GetFoundationModel", control_get_foundation_model, false},
    {"POST", "/model-invocation-job", "CreateModelInvocationJob", batch_create_job, false},
    {"GET", "/model-invocation-job/{jobIdentifier}", "GetModelInvocationJob", batch_get_job, false},
    {"POST", "/model-invocation-job/{jobIdentifier}/stop", "StopModelInvocationJob", batch_stop_job, false},
    {"GET", "/model-invocation-jobs", "ListModelInvocationJobs", batch_list_jobs, false},
    {"POST", "/inference-profiles", "CreateInferenceProfile", profile_create, false},
    {"GET", "/inference-profiles/{inferenceProfileIdentifier}", "GetInferenceProfile", profile_get, false},
    {"GET", "/inference-profiles", "ListInferenceProfiles", profile_list, false},
    {"DELETE", "/inference-profiles/{inferenceProfileIdentifier}", "DeleteInferenceProfile", profile_delete, false},
    {"POST", "/tagResource", "TagResource", tag_resource, false},
    {"POST", "/untagResource", "UntagResource", untag_resource, false},
    {"POST", "/listTagsForResource", "ListTagsForResource", list_tags_for_resource, false},
    {"POST", "/", "GetCallerIdentity", sts_query, true},
    {"GET", "/", "GetCallerIdentity", sts_query, true},
    {"GET", "/healthz", "healthz", health_alive, true},
    {"GET", "/readyz", "readyz", health_ready, true},
    {"GET", "/metrics", "metrics", health_metrics, true},
    {"", "", "S3", NULL, false}, /* the last; src/s3/route.c has them all */
};

#define OPERATION_COUNT (sizeof(operations) / sizeof(operations[0]))

/* Requests that reach no operation are counted in the row behind the last. */
_Static_assert(OPERATION_COUNT < METRICS_OPERATIONS_MAX, "metrics have a row for every operation and one more");

const struct api_operation *operations_table(size_t *count)
{
    *count = OPERATION_COUNT;
    return operations;
}

size_t operations_s3_index(void)
{
    return OPERATION_COUNT - 1;
}

bool operations_path_matches(const char *pattern, struct str path, bool spans_slashes, struct str *parameter)
{
    size_t at = 0;
    while (*pattern && *pattern != '{') {
        if (at == path.len || path.data[at] != *pattern)
            return false;
        at++;
        pattern++;
    }
    if (!*pattern)
        return at == path.len;
    const char *rest = strchr(pattern, '}') + 1;
    ptrdiff_t slash = str_find_char(path, '/', at);
    size_t segment_end = slash < 0 ? path.len : (size_t)slash;
    /* A whole segment, or the longest stretch that the rest of the pattern allows. */
    for (size_t end = spans_slashes ? path.len : segment_end; end > at; end--) {
        *parameter = str_slice(path, at, end);
        if (operations_path_matches(rest, str_slice(path, end, path.len), spans_slashes, parameter))
            return true;
        if (!spans_slashes)
            return false;
    }
    return false;
}

static bool find_served(struct str method, struct str path, bool spans_slashes, struct operations_match *match)
{
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        if (!operations_path_matches(operations[i].pattern, path, spans_slashes, &match->parameter))
            continue;
        if (str_eq(method, str_of(operations[i].method))) {
            match->operation = &operations[i];
            match->index = i;
            return true;
        }
        match->allowed_method = operations[i].method;
    }
    return false;
}

static bool find_absent(struct str method, struct str path, struct operations_match *match)
{
    size_t count;
    const struct absent_operation *absent = operations_absent(&count);
    for (size_t i = 0; i < count; i++) {
        struct str parameter;
        if (!operations_path_matches(absent[i].pattern, path, false, &parameter))
            continue;
        if (str_eq(method, str_of(absent[i].method))) {
            match->absent = absent[i].name;
            return true;
        }
        match->allowed_method = absent[i].method;
    }
    return false;
}

struct operations_match operations_find(struct str method, struct str path)
{
    struct operations_match match = {0};
    /* Load balancers probe with HEAD; net sends no body for it. */
    if (str_eq(method, STR("HEAD")))
        method = STR("GET");
    if (find_served(method, path, false, &match) || find_absent(method, path, &match))
        return match;
    if (!match.allowed_method)
        find_served(method, path, true, &match);
    return match;
}
