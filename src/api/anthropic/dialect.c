/* Anthropic's errors and its stream of events. */
#include "api/anthropic/dialect.h"

#include <assert.h>

#include "api/sse.h"

static const struct dialect_error errors[] = {
    [ERROR_INVALID] = {400, "invalid_request_error"},
    [ERROR_NOT_FOUND] = {404, "not_found_error"},
    [ERROR_DENIED] = {403, "permission_error"},
    [ERROR_CONFLICT] = {409, "conflict_error"},
    [ERROR_QUOTA] = {400, "invalid_request_error"},
    [ERROR_TAGS] = {400, "invalid_request_error"},
    [ERROR_TOO_LARGE] = {413, "request_too_large"},
    [ERROR_THROTTLED] = {429, "rate_limit_error"},
    [ERROR_BUDGET] = {429, "billing_error"},
    [ERROR_NOT_READY] = {529, "overloaded_error"},
    [ERROR_TIMEOUT] = {504, "timeout_error"},
    [ERROR_MODEL] = {500, "api_error"},
    [ERROR_UNAVAILABLE] = {529, "overloaded_error"},
    [ERROR_CANCELLED] = {500, "api_error"},
    [ERROR_IO] = {500, "api_error"},
    [ERROR_NO_MEMORY] = {500, "api_error"},
    [ERROR_INTERNAL] = {500, "api_error"},
};

static struct dialect_error of_code(enum error_code code)
{
    return dialect_error_of(errors, sizeof(errors) / sizeof(errors[0]), code);
}

static struct dialect_error of_auth(enum auth_problem problem)
{
    assert(problem != AUTH_OK);
    return problem == AUTH_DENIED ? (struct dialect_error){403, "permission_error"}
                                  : (struct dialect_error){401, "authentication_error"};
}

static const char *of_status(int status)
{
    switch (status) {
    case 404: return "not_found_error";
    case 413: return "request_too_large";
    case 429: return "rate_limit_error";
    default: return status < 500 ? "invalid_request_error" : "api_error";
    }
}

static void append_fault(struct buf *out, const char *name, struct str message)
{
    buf_appendf(out, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":", name);
    buf_append_json(out, message);
    buf_append_char(out, '}');
}

static bool append_error(struct buf *out, const struct dialect_error *error, struct str message,
                         const char *request_id)
{
    append_fault(out, error->name, message);
    return buf_appendf(out, ",\"request_id\":\"%s\"}", request_id);
}

const struct dialect anthropic_dialect = {
    .name = "anthropic",
    .telemetry = "anthropic",
    .id_header = "request-id",
    .error_type = "application/json",
    .no_memory = STR("{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"out of memory\"}}"),
    .of_code = of_code,
    .of_auth = of_auth,
    .of_status = of_status,
    .append_error = append_error,
    .peek = dialect_peek,
    .count_member = "input_tokens",
};

static bool append_event_error(struct buf *out, const struct error *error)
{
    struct buf text;
    buf_init(&text, 8 * ERROR_MESSAGE_MAX);
    append_fault(&text, of_code(error->code).name, str_of(dialect_message(&anthropic_dialect, error)));
    buf_append_char(&text, '}');
    const bool is_written = !text.failed && sse_append_event(out, STR("error"), buf_str(&text));
    buf_deinit(&text);
    return is_written;
}

static bool append_ping(struct buf *out)
{
    return sse_append_event(out, STR("ping"), STR("{\"type\":\"ping\"}"));
}

const struct dialect_framing anthropic_events = {
    .content_type = SSE_CONTENT_TYPE,
    .append_event = sse_append_event,
    .append_error = append_event_error,
    .append_wait = append_ping,
};
