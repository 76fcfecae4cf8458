#include "api/call.h"

#include "api/bedrock/bedrock_error.h"
#include "api/control/profiles.h"
#include "api/operations.h"
#include "core/log.h"

/* What logs call a request that reaches no operation. */
static const struct api_operation no_operation = {.name = "none"};

struct api_call *call_new(struct api_thread *thread, struct http_exchange *exchange)
{
    struct api_call *call = ARENA_NEW(&exchange->arena, struct api_call);
    if (!call)
        return NULL;
    call->thread = thread;
    call->exchange = exchange;
    call->operation = &no_operation;
    operations_table(&call->operation_index);
    uuid_v4(call->request_id);
    return call;
}

enum error_code call_prove(struct api_call *call, struct error *error)
{
    return call->proof ? auth_identify_body(call->proof, call->exchange->request.body, &call->identity, error) : OK;
}

enum error_code call_resolve_model(struct api_call *call, struct error *error)
{
    const struct api *api = call->thread->api;
    call->source = call->resource;
    (void)profiles_find(call, call->resource, &call->profile, &call->profile_tags, &call->source);
    enum error_code code = catalog_resolve(api->catalog, api->models, call->source, &call->match, error);
    call->has_match = code == OK;
    return code;
}

const struct model *call_model(const struct api_call *call)
{
    return call->has_match ? call->match.model : NULL;
}

void call_prepare_request(struct api_call *call, struct chat_request *request)
{
    call->ignored.arena = &call->exchange->arena;
    request->arena = &call->exchange->arena;
    request->model_id = call->resource;
    request->ignored = call->thread->api->config->strict ? NULL : &call->ignored;
    request->cache_ttl_max_seconds = catalog_cache_ttl_max_seconds(&call->match);
    request->takes_assistant_first = call->match.body == BODY_ANTHROPIC;
}

void call_add_ignored(struct api_call *call)
{
    struct str list = ignored_list(&call->ignored);
    if (!list.data)
        return;
    ignored_log(&call->ignored);
    call_add_header(call, "x-fulcrum-ignored", list);
}

void call_add_header(struct api_call *call, const char *name, struct str value)
{
    if (call->header_count < sizeof(call->headers) / sizeof(call->headers[0]))
        call->headers[call->header_count++] = (struct http_header){str_of(name), value};
}

void call_add_count_header(struct api_call *call, const char *name, uint64_t value)
{
    struct str text = arena_printf(&call->exchange->arena, "%llu", (unsigned long long)value);
    if (text.data)
        call_add_header(call, name, text);
}

void call_account(struct api_call *call, int status)
{
    const char *outcome = call->has_cache ? cache_outcome_name(cache_outcome(&call->cache)) : "";
    const struct str reason = call->has_cache ? cache_reason(&call->cache, &call->exchange->arena) : STR("");
    const struct model *model = call_model(call);
    size_t model_index = model ? model->index : METRICS_NO_MODEL;
    uint64_t now_us = clock_now_us();
    metrics_request(&call->thread->metrics, call->operation_index, model_index, status);
    log_event(call->operation->is_open ? LOG_DEBUG : LOG_INFO, "request", LOG_C("id", call->request_id),
              LOG_C("tenant", call->identity.tenant), LOG_C("operation", call->operation->name),
              LOG_C("model", model ? model->name : ""), LOG_I("status", status),
              LOG_I("input_tokens", call->usage.input_tokens), LOG_I("output_tokens", call->usage.output_tokens),
              LOG_I("cache_read_tokens", call->usage.cache_read_tokens),
              LOG_I("cache_write_tokens", call->usage.cache_write_tokens), LOG_C("cache", outcome),
              LOG_C("tier", call->tier ? call->tier : ""),
              LOG_C("tier_asked", call->tier_asked ? call->tier_asked : ""),
              LOG_S("cache_reason", reason), LOG_I("cost_picodollars", call->cost),
              LOG_F("ttft_ms", (double)call->usage.first_token_us / 1000),
              LOG_F("latency_ms", (double)(now_us - call->exchange->request.started_us) / 1000),
              LOG_I("metadata", call->metadata_count));
}

/* Content type and request ID go before the call's own. */
static size_t all_headers(struct api_call *call, struct str content_type, struct http_header *headers)
{
    size_t count = 0;
    headers[count++] = (struct http_header){STR("content-type"), content_type};
    headers[count++] = (struct http_header){STR("x-amzn-requestid"), str_of(call->request_id)};
    for (size_t i = 0; i < call->header_count; i++)
        headers[count++] = call->headers[i];
    return count;
}

#define HEADERS_MAX (sizeof(((struct api_call *)0)->headers) / sizeof(struct http_header) + 2)

void call_respond(struct api_call *call, int status, struct str content_type, struct str body)
{
    struct http_header headers[HEADERS_MAX];
    size_t count = all_headers(call, content_type, headers);
    call_account(call, status);
    http_respond(call->exchange, status, headers, count, body);
}

void call_respond_json(struct api_call *call, const struct buf *body)
{
    struct error error;
    if (!body->failed) {
        call_respond(call, 200, STR("application/json"), buf_str(body));
        return;
    }
    (void)error_no_memory(&error);
    call_fail(call, &error);
}

void call_fail(struct api_call *call, const struct error *error)
{
    if (call->identity.problem != AUTH_OK) {
        call_refuse(call, auth_problem_status(call->identity.problem), auth_problem_name(call->identity.problem),
                    error->message);
        return;
    }
    int status = bedrock_error_of(error->code)->status;
    call_account(call, status);
    if (status == 500)
        log_event(LOG_ERROR, "request failed", LOG_C("id", call->request_id), LOG_C("error", error->message));
    bedrock_error_respond(call->exchange, error, call->request_id);
}

void call_refuse(struct api_call *call, int status, const char *name, const char *message)
{
    call_account(call, status);
    bedrock_error_respond_named(call->exchange, status, name, message, call->request_id, NULL, 0);
}

void call_start_stream(struct api_call *call, struct str content_type)
{
    struct http_header headers[HEADERS_MAX];
    size_t count = all_headers(call, content_type, headers);
    http_respond_start(call->exchange, 200, headers, count);
}
