/* What is served of Amazon Bedrock: operations of the runtime, and of the control plane. */
#include "api/bedrock/converse.h"
#include "api/bedrock/dialect.h"
#include "api/bedrock/invoke_headers.h"
#include "api/call.h"
#include "api/control/routers.h"

static const struct api_operation rows[] = {
    {"POST", "/model/{modelId}/converse", "Converse", .handle = inference_run, .takes_prompt = true,
     .codec = &converse_codec},
    {"POST", "/model/{modelId}/converse-stream", "ConverseStream", .handle = inference_run, .takes_prompt = true,
     .codec = &converse_codec, .framing = &bedrock_events, .logs_whole = true},
    {"POST", "/model/{modelId}/invoke", "InvokeModel", .handle = inference_run, .takes_prompt = true,
     .headers = &invoke_headers},
    {"POST", "/model/{modelId}/invoke-with-response-stream", "InvokeModelWithResponseStream",
     .handle = inference_run, .takes_prompt = true, .framing = &bedrock_chunks, .headers = &invoke_headers},
    {"POST", "/model/{modelId}/count-tokens", "CountTokens", .handle = count_tokens, .takes_prompt = true},
    {"GET", "/foundation-models", "ListFoundationModels", .handle = control_list_foundation_models},
    {"GET", "/foundation-models/{modelIdentifier}", "GetFoundationModel", .handle = control_get_foundation_model},
    {"POST", "/model-invocation-job", "CreateModelInvocationJob", .handle = batch_create_job},
    {"GET", "/model-invocation-job/{jobIdentifier}", "GetModelInvocationJob", .handle = batch_get_job},
    {"POST", "/model-invocation-job/{jobIdentifier}/stop", "StopModelInvocationJob", .handle = batch_stop_job},
    {"GET", "/model-invocation-jobs", "ListModelInvocationJobs", .handle = batch_list_jobs},
    {"POST", "/model-customization-jobs", "CreateModelCustomizationJob", .handle = custom_create_job},
    {"GET", "/model-customization-jobs/{jobIdentifier}", "GetModelCustomizationJob", .handle = custom_get_job},
    {"POST", "/model-customization-jobs/{jobIdentifier}/stop", "StopModelCustomizationJob",
     .handle = custom_stop_job},
    {"GET", "/model-customization-jobs", "ListModelCustomizationJobs", .handle = custom_list_jobs},
    {"GET", "/custom-models/{modelIdentifier}", "GetCustomModel", .handle = custom_model_get},
    {"GET", "/custom-models", "ListCustomModels", .handle = custom_model_list},
    {"DELETE", "/custom-models/{modelIdentifier}", "DeleteCustomModel", .handle = custom_model_delete},
    {"POST", "/inference-profiles", "CreateInferenceProfile", .handle = profile_create},
    {"GET", "/inference-profiles/{inferenceProfileIdentifier}", "GetInferenceProfile", .handle = profile_get},
    {"GET", "/inference-profiles", "ListInferenceProfiles", .handle = profile_list},
    {"DELETE", "/inference-profiles/{inferenceProfileIdentifier}", "DeleteInferenceProfile", .handle = profile_delete},
    {"POST", "/prompt-routers", "CreatePromptRouter", .handle = router_create},
    {"GET", "/prompt-routers/{promptRouterArn}", "GetPromptRouter", .handle = router_get},
    {"GET", "/prompt-routers", "ListPromptRouters", .handle = router_list},
    {"DELETE", "/prompt-routers/{promptRouterArn}", "DeletePromptRouter", .handle = router_delete},
    {"PUT", "/logging/modelinvocations", "PutModelInvocationLoggingConfiguration", .handle = logging_put},
    {"GET", "/logging/modelinvocations", "GetModelInvocationLoggingConfiguration", .handle = logging_get},
    {"DELETE", "/logging/modelinvocations", "DeleteModelInvocationLoggingConfiguration", .handle = logging_delete},
    {"POST", "/fulcrum/routers/{modelId}/explain", "ExplainRoute", .handle = explain_route, .takes_prompt = true},
    {"GET", "/fulcrum/routers/{modelId}", "DescribeRouter", .handle = describe_router},
    {"POST", "/tagResource", "TagResource", .handle = tag_resource},
    {"POST", "/untagResource", "UntagResource", .handle = untag_resource},
    {"POST", "/listTagsForResource", "ListTagsForResource", .handle = list_tags_for_resource},
};

const struct operations_table bedrock_operations = {
    .dialect = &bedrock_dialect,
    .prefix = "",
    .rows = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
    .absent = bedrock_absent,
};
