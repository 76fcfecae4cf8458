/* OpenAI's errors, with the member that they mean and the code that clients look for, and its stream of chunks. */
#include "api/openai/dialect.h"

#include <assert.h>

#include "api/anthropic/dialect.h"
#include "api/call.h"
#include "api/sse.h"
#include "core/json.h"

#define PARAM_MAX 128

static const struct dialect_error errors[] = {
    [ERROR_INVALID] = {400, "invalid_request_error"},
    [ERROR_NOT_FOUND] = {404, "not_found"},
    [ERROR_DENIED] = {403, "permission_denied"},
    [ERROR_CONFLICT] = {409, "conflict"},
    [ERROR_QUOTA] = {400, "invalid_request_error"},
    [ERROR_TAGS] = {400, "invalid_request_error"},
    [ERROR_TOO_LARGE] = {413, "request_too_large"},
    [ERROR_THROTTLED] = {429, "rate_limit_exceeded"},
    [ERROR_BUDGET] = {429, "insufficient_quota"},
    [ERROR_NOT_READY] = {503, "server_is_overloaded"},
    [ERROR_TIMEOUT] = {504, "timeout"},
    [ERROR_MODEL] = {500, "server_error"},
    [ERROR_UNAVAILABLE] = {503, "server_is_overloaded"},
    [ERROR_CANCELLED] = {500, "server_error"},
    [ERROR_IO] = {500, "server_error"},
    [ERROR_NO_MEMORY] = {500, "server_error"},
    [ERROR_INTERNAL] = {500, "server_error"},
};

/* What clients tell errors apart by, from the name that logs and metrics have. */
static const struct {
    const char *name, *type, *code;
} kinds[] = {
    {"invalid_request_error", "invalid_request_error", NULL},
    {"invalid_api_key", "invalid_request_error", "invalid_api_key"},
    {"not_found", "invalid_request_error", "not_found"},
    {"permission_denied", "invalid_request_error", "permission_denied"},
    {"conflict", "invalid_request_error", "conflict"},
    {"request_too_large", "invalid_request_error", "request_too_large"},
    {"rate_limit_exceeded", "rate_limit_error", "rate_limit_exceeded"},
    {"insufficient_quota", "insufficient_quota", "project_spend_limit_exceeded"},
    {"server_is_overloaded", "service_unavailable_error", "server_is_overloaded"},
    {"timeout", "server_error", "timeout"},
    {"server_error", "server_error", NULL},
};

static struct dialect_error of_code(enum error_code code)
{
    return dialect_error_of(errors, sizeof(errors) / sizeof(errors[0]), code);
}

static struct dialect_error of_auth(enum auth_problem problem)
{
    assert(problem != AUTH_OK);
    (void)problem;
    return (struct dialect_error){401, "invalid_api_key"};
}

static const char *of_status(int status)
{
    switch (status) {
    case 404: return "not_found";
    case 413: return "request_too_large";
    case 429: return "rate_limit_exceeded";
    case 503: return "server_is_overloaded";
    default: return status < 500 ? "invalid_request_error" : "server_error";
    }
}

/* --- what is wrong with which member ------------------------------------------------------------------ */

/* The path of a member that messages begin with, "" where this one has none. */
static struct str param_of(struct str message)
{
    const ptrdiff_t end = str_find(message, STR(": "), 0);
    if (end <= 0 || end > PARAM_MAX)
        return STR("");
    for (ptrdiff_t i = 0; i < end; i++) {
        const char c = message.data[i];
        const bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && !strchr("_-.[]", c))
            return STR("");
    }
    return str_slice(message, 0, (size_t)end);
}

/* "... prompt is too long: 9000 tokens > 4096 maximum": both numbers. */
static bool is_too_long(struct str message, struct str *tokens, struct str *most)
{
    const struct str words = STR("prompt is too long: "), between = STR(" tokens > "), behind = STR(" maximum");
    const ptrdiff_t at = str_find(message, words, 0);
    const ptrdiff_t middle = at < 0 ? -1 : str_find(message, between, (size_t)at);
    const ptrdiff_t end = middle < 0 ? -1 : str_find(message, behind, (size_t)middle);
    if (end < 0)
        return false;
    *tokens = str_slice(message, (size_t)at + words.len, (size_t)middle);
    *most = str_slice(message, (size_t)middle + between.len, (size_t)end);
    return true;
}

static void append_text_or_null(struct buf *out, const char *key, struct str text)
{
    buf_appendf(out, ",\"%s\":", key);
    if (text.len > 0)
        buf_append_json(out, text);
    else
        buf_append_text(out, "null");
}

static void append_members(struct buf *out, struct str message, const char *type, struct str param, struct str code)
{
    buf_append_text(out, "\"message\":");
    buf_append_json(out, message);
    buf_appendf(out, ",\"type\":\"%s\"", type);
    append_text_or_null(out, "param", param);
    append_text_or_null(out, "code", code);
}

/* In words that this API's clients look for. */
static void append_known(struct buf *out, const char *name, struct str message)
{
    char text[ERROR_MESSAGE_MAX];
    struct str tokens, most, param = param_of(message);
    size_t kind = 0;
    while (kind + 1 < sizeof(kinds) / sizeof(kinds[0]) && strcmp(kinds[kind].name, name) != 0)
        kind++;
    if (is_too_long(message, &tokens, &most) && str_starts(param, STR("input"))) {
        snprintf(text, sizeof(text), "This model's maximum context length is " STR_FMT " tokens, but the input has "
                 STR_FMT " tokens.", STR_ARG(most), STR_ARG(tokens));
        append_members(out, str_of(text), kinds[kind].type, param, STR("context_length_exceeded"));
    } else if (is_too_long(message, &tokens, &most)) {
        snprintf(text, sizeof(text), "This model's maximum context length is " STR_FMT " tokens, but the request has "
                 STR_FMT " tokens and leaves no room for a reply: prompt is too long.", STR_ARG(most), STR_ARG(tokens));
        append_members(out, str_of(text), kinds[kind].type, STR("messages"), STR("context_length_exceeded"));
    } else if (strcmp(name, "not_found") == 0 && str_eq(param, STR("model"))) {
        const struct str model = str_slice(message, sizeof("model: ") - 1, message.len);
        snprintf(text, sizeof(text), "The model `" STR_FMT "` does not exist or you do not have access to it.",
                 STR_ARG(str_slice(model, 0, 256)));
        append_members(out, str_of(text), kinds[kind].type, STR("model"), STR("model_not_found"));
    } else if (str_starts(message, STR("previous_response_id: there is no response"))) {
        append_members(out, message, kinds[kind].type, param, STR("previous_response_not_found"));
    } else {
        append_members(out, message, kinds[kind].type, param, str_of(kinds[kind].code));
    }
}

static bool append_error(struct buf *out, const struct dialect_error *error, struct str message,
                         const char *request_id)
{
    (void)request_id;
    buf_append_text(out, "{\"error\":{");
    append_known(out, error->name, message);
    return buf_append_text(out, "}}");
}

/* Of a stream, where no header says when to come back. */
void openai_append_error(struct buf *out, const struct error *error)
{
    char text[ERROR_MESSAGE_MAX + 64];
    const char *message = dialect_message(&openai_dialect, error);
    if (error->code == ERROR_THROTTLED && error->retry_s > 0)
        snprintf(text, sizeof(text), "%s Please try again in %us.", message, error->retry_s);
    else
        snprintf(text, sizeof(text), "%s", message);
    append_known(out, of_code(error->code).name, str_of(text));
}

/* --- the dialect ------------------------------------------------------------------------------------ */

/* Both APIs have models at the same paths. */
static const struct dialect *speaks(const struct http_request *request)
{
    return http_header_get(request, "anthropic-version").data ? &anthropic_dialect : &openai_dialect;
}

const struct dialect openai_dialect = {
    .name = "openai",
    .telemetry = "openai",
    .id_header = "x-request-id",
    .error_type = "application/json",
    .no_memory = STR("{\"error\":{\"message\":\"out of memory\",\"type\":\"server_error\",\"param\":null,"
                     "\"code\":null}}"),
    .of_code = of_code,
    .of_auth = of_auth,
    .of_status = of_status,
    .append_error = append_error,
    .peek = dialect_peek,
    .speaks = speaks,
    .count_member = "input_tokens",
    .count_object = "response.input_tokens",
};

static bool append_chunk(struct buf *out, struct str type, struct str payload)
{
    (void)type;
    return sse_append_event(out, STR(""), payload);
}

static bool append_chunk_error(struct buf *out, const struct error *error)
{
    struct buf text;
    buf_init(&text, 8 * ERROR_MESSAGE_MAX);
    buf_append_text(&text, "{\"error\":{");
    openai_append_error(&text, error);
    buf_append_text(&text, "}}");
    const bool is_written = !text.failed && append_chunk(out, STR(""), buf_str(&text));
    buf_deinit(&text);
    return is_written;
}

const struct dialect_framing openai_chunks = {
    .content_type = SSE_CONTENT_TYPE,
    .append_event = append_chunk,
    .append_error = append_chunk_error,
    .append_wait = sse_append_keep_alive,
    .append_end = sse_append_done,
};

/* Where no event of the reply came before that could tell it. */
static bool append_event_error(struct buf *out, const struct error *error)
{
    struct buf text;
    buf_init(&text, 16 * ERROR_MESSAGE_MAX);
    buf_append_text(&text, "{\"type\":\"error\",\"sequence_number\":0");
    json_append_member(&text, "code", str_of(of_code(error->code).name));
    json_append_member(&text, "message", str_of(dialect_message(&openai_dialect, error)));
    buf_append_text(&text, ",\"param\":null,\"error\":{");
    openai_append_error(&text, error);
    buf_append_text(&text, "}}");
    const bool is_written = !text.failed && sse_append_event(out, STR("error"), buf_str(&text));
    buf_deinit(&text);
    return is_written;
}

const struct dialect_framing openai_events = {
    .content_type = SSE_CONTENT_TYPE,
    .append_event = sse_append_event,
    .append_error = append_event_error,
    .append_wait = sse_append_keep_alive,
};
