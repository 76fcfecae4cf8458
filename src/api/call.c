/* call.c - what handlers need of a request: its model, its reply headers, its end. Parses no body. See call.h. */
#include "api/call.h"

#include "api/control/profiles.h"
#include "core/log.h"
#include "monitor/monitor.h"
#include "upstream/upstreams.h"

/* What logs call a request that reaches no operation. */
static const struct api_operation no_operation = {.name = "none"};

struct api_call *call_new(struct api_thread *thread, struct http_exchange *exchange)
{
    struct api_call *call = ARENA_NEW(&exchange->arena, struct api_call);
    if (!call)
        return NULL;
    call->thread = thread;
    call->exchange = exchange;
    call->dialect = operations_dialect(exchange->request.path);
    call->operation = &no_operation;
    call->operation_index = operations_count();
    call->headers = call->first_headers;
    call->header_count = CALL_OWN_HEADERS;
    call->header_cap = CALL_FIRST_HEADERS;
    uuid_v4(call->request_id);
    return call;
}

struct auth_question call_question(const struct api_call *call)
{
    const struct api *api = call->thread->api;
    return (struct auth_question){
        .config = api->config, .sessions = api->sessions, .keys = api->auth_keys, .now_us = clock_wall_us()};
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
    const struct routing_asker asker = call_asker(call);
    enum error_code code =
        route_new(api->work->routing, &asker, call->source, &call->exchange->arena, &call->route, error);
    if (code == OK && call->route) {
        call->match = *route_match(call->route);
        call->route->request_id = str_of(call->request_id);
    } else if (code == OK && !api->work->routing) {
        code = catalog_resolve(api->catalog, api->models, call->source, &call->match, error);
    } else if (code == OK) {
        code = routing_resolve(api->work->routing, &asker, call->source, &call->exchange->arena, &call->match, error);
    }
    call->has_match = code == OK;
    if (code == ERROR_INVALID && call->dialect->peek) /* a body names it, not the path */
        return error_set(error, ERROR_NOT_FOUND, "model: " STR_FMT, STR_ARG(str_slice(call->resource, 0, 256)));
    return code;
}

struct routing_asker call_asker(const struct api_call *call)
{
    return (struct routing_asker){
        .tenant = str_of(call->identity.tenant),
        .account = str_of(call->identity.account),
        .region = str_of(call->identity.region),
    };
}

enum error_code call_need_one_body(const struct api_call *call, struct error *error)
{
    if (!call->route || !call->route->has_mixed_bodies)
        return OK;
    return error_set(error, ERROR_INVALID,
                     "modelId: the models of the prompt router '" STR_FMT
                     "' take different bodies in InvokeModel; ask it by Converse",
                     STR_ARG(call->route->router.name));
}

const struct model *call_model(const struct api_call *call)
{
    return call->has_match ? call->match.model : NULL;
}

void call_prepare_request(struct api_call *call, struct chat_request *request)
{
    request->arena = &call->exchange->arena;
    request->model_id = call->resource;
    request->ignored = call_unknown_members(call);
    request->cache_ttl_max_seconds = catalog_cache_ttl_max_seconds(&call->match);
    request->takes_assistant_first = call->match.body == BODY_ANTHROPIC;
    request->is_target_unknown = call->route || call->match.model->upstream || call->thread->api->work->others.router;
}

enum error_code call_note_session(const struct api_call *call, const char *const *names, struct chat_request *request,
                                  struct error *error)
{
    struct str session = {0};
    for (size_t i = 0; names[i] && session.len == 0; i++)
        session = http_header_get(&call->exchange->request, names[i]);
    if (session.len == 0 || session.len > CHAT_SESSION_BYTES_MAX || !str_is_utf8(session))
        return OK;
    request->metadata = ARENA_NEW(request->arena, struct chat_metadata);
    if (!request->metadata)
        return error_no_memory(error);
    request->metadata[request->metadata_count++] = (struct chat_metadata){STR("session"), session};
    return OK;
}

struct charge_subject call_subject(const struct api_call *call)
{
    return (struct charge_subject){
        .request_id = str_of(call->request_id),
        .tenant = str_of(call->identity.tenant),
        .key = str_of(call->identity.key_id),
        .dialect = str_of(call->dialect->name),
        .operation = str_of(call->operation->name),
        .model_requested = call->resource,
        .profile = call->profile,
        .tags = call->profile_tags,
    };
}

struct ignored *call_unknown_members(struct api_call *call)
{
    call->ignored.arena = &call->exchange->arena;
    return call->thread->api->config->strict ? NULL : &call->ignored;
}

void call_add_answerer(struct api_call *call, const struct placement *placement)
{
    call_add_header(call, "x-fulcrum-model", str_of(placement->answered.name));
    if (!placement->replica)
        return;
    const struct str number = arena_printf(&call->exchange->arena, "%zu", replica_number(placement->replica));
    if (number.data)
        call_add_header(call, "x-fulcrum-replica", number);
}

void call_add_ignored(struct api_call *call)
{
    struct str list = ignored_list(&call->ignored);
    if (!list.data)
        return;
    ignored_log(&call->ignored);
    call_add_header(call, "x-fulcrum-ignored", list);
}

static bool make_room(struct api_call *call)
{
    if (call->header_count < call->header_cap)
        return true;
    struct http_header *more = ARENA_ARRAY(&call->exchange->arena, struct http_header, 2 * call->header_cap);
    if (!more)
        return false;
    memcpy(more, call->headers, call->header_count * sizeof(*more));
    call->headers = more;
    call->header_cap *= 2;
    return true;
}

void call_add_header(struct api_call *call, const char *name, struct str value)
{
    if (make_room(call))
        call->headers[call->header_count++] = (struct http_header){str_of(name), value};
    else
        log_event(LOG_ERROR, "reply lacks a header: memory is out", LOG_C("id", call->request_id),
                  LOG_C("header", name));
}

void call_add_count_header(struct api_call *call, const char *name, uint64_t value)
{
    struct str text = arena_printf(&call->exchange->arena, "%llu", (unsigned long long)value);
    if (text.data)
        call_add_header(call, name, text);
}

void call_add_trace(struct api_call *call, struct str traceparent, struct str tracestate)
{
    call->traceparent = traceparent;
    call->tracestate = tracestate;
    call_add_header(call, "traceparent", traceparent);
    if (tracestate.len > 0)
        call_add_header(call, "tracestate", tracestate);
}

/* Those of an error, which has none of the call's own headers. */
static size_t trace_headers(const struct api_call *call, struct http_header headers[2])
{
    size_t count = 0;
    if (call->traceparent.len > 0)
        headers[count++] = (struct http_header){STR("traceparent"), call->traceparent};
    if (call->tracestate.len > 0)
        headers[count++] = (struct http_header){STR("tracestate"), call->tracestate};
    return count;
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

static void set_own_headers(struct api_call *call, struct str content_type)
{
    call->headers[0] = (struct http_header){STR("content-type"), content_type};
    call->headers[1] = (struct http_header){str_of(call->dialect->id_header), str_of(call->request_id)};
}

void call_respond(struct api_call *call, int status, struct str content_type, struct str body)
{
    set_own_headers(call, content_type);
    call_account(call, status);
    http_respond(call->exchange, status, call->headers, call->header_count, body);
}

void call_respond_json(struct api_call *call, const struct buf *body)
{
    if (body->failed)
        call_fail_no_memory(call);
    else
        call_respond(call, 200, STR("application/json"), buf_str(body));
}

void call_fail_no_memory(struct api_call *call)
{
    struct error error;
    (void)error_no_memory(&error);
    call_fail(call, &error);
}

void *call_alloc(struct api_call *call, size_t size)
{
    void *made = arena_alloc(&call->exchange->arena, size);
    if (!made)
        call_fail_no_memory(call);
    return made;
}

struct dialect_error call_shown_error(const struct api_call *call, const struct error *error)
{
    const enum auth_problem problem = call->identity.problem;
    return problem == AUTH_OK ? call->dialect->of_code(error->code) : call->dialect->of_auth(problem);
}

void call_note_refusal(const struct api_call *call, const struct error *error)
{
    const int status = call->dialect->of_code(error->code).status;
    if (call->identity.problem != AUTH_OK)
        return;
    monitor_refused(call->thread->api->monitor, str_of(call->identity.tenant),
                    call->has_match ? call_subject(call).model_requested : STR(""),
                    status == 429                                   ? MONITOR_THROTTLE
                    : status >= 500 || status == 424 || status == 408 ? MONITOR_SERVER_ERROR
                                                                    : MONITOR_CLIENT_ERROR);
}

void call_fail(struct api_call *call, const struct error *error)
{
    struct http_header trace[2];
    const size_t trace_count = trace_headers(call, trace);
    if (call->identity.problem != AUTH_OK) {
        const struct dialect_error refusal = call->dialect->of_auth(call->identity.problem);
        call_account(call, refusal.status);
        dialect_refuse(call->dialect, call->exchange, &refusal, error->message, call->request_id, trace, trace_count);
        return;
    }
    int status = call->dialect->of_code(error->code).status;
    call_account(call, status);
    if (status == 500)
        log_event(LOG_ERROR, "request failed", LOG_C("id", call->request_id), LOG_C("error", error->message));
    dialect_fail_with(call->dialect, call->exchange, error, call->request_id, trace, trace_count);
}

void call_refuse(struct api_call *call, int status, const char *message, const char *allow)
{
    const struct dialect_error refusal = {status, call->dialect->of_status(status)};
    const struct http_header header = {STR("allow"), str_of(allow)};
    call_account(call, status);
    dialect_refuse(call->dialect, call->exchange, &refusal, message, call->request_id, &header, allow ? 1 : 0);
}

void call_start_reply(struct api_call *call, const char *content_type)
{
    set_own_headers(call, str_of(content_type));
    http_respond_start(call->exchange, 200, call->headers, call->header_count);
}

void call_start_stream(struct api_call *call)
{
    call_start_reply(call, call->operation->framing->content_type);
}

void call_fail_stream(struct api_call *call, struct buf *frames, const struct error *error, bool is_told)
{
    struct http_exchange *exchange = call->exchange;
    call_account(call, call->dialect->of_code(error->code).status);
    if (!is_told && !call->operation->framing->append_error(frames, error)) {
        http_respond_abort(exchange);
        return;
    }
    http_respond_write(exchange, buf_str(frames));
    http_respond_end(exchange);
}
