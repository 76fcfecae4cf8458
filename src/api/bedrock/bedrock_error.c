#include "api/bedrock/bedrock_error.h"

#include <stdio.h>

#include "api/eventstream.h"

#define RETRY_USUAL_S 1 /* where nobody knows better */

#define HEADER_COUNT_MAX 8
#define BODY_MAX (8 * ERROR_MESSAGE_MAX)

static const struct bedrock_error errors[] = {
    [ERROR_INVALID] = {"ValidationException", 400, "validationException"},
    [ERROR_NOT_FOUND] = {"ResourceNotFoundException", 404, "validationException"},
    [ERROR_DENIED] = {"AccessDeniedException", 403, "validationException"},
    [ERROR_CONFLICT] = {"ConflictException", 400, "validationException"},
    [ERROR_QUOTA] = {"ServiceQuotaExceededException", 400, "throttlingException"},
    [ERROR_TAGS] = {"TooManyTagsException", 400, "validationException"},
    [ERROR_TOO_LARGE] = {"ValidationException", 400, "validationException"},
    [ERROR_THROTTLED] = {"ThrottlingException", 429, "throttlingException"},
    [ERROR_NOT_READY] = {"ModelNotReadyException", 429, "serviceUnavailableException"},
    [ERROR_TIMEOUT] = {"ModelTimeoutException", 408, "modelStreamErrorException"},
    [ERROR_MODEL] = {"ModelErrorException", 424, "modelStreamErrorException"},
    [ERROR_UNAVAILABLE] = {"ServiceUnavailableException", 503, "serviceUnavailableException"},
    [ERROR_CANCELLED] = {"InternalServerException", 500, "internalServerException"},
    [ERROR_IO] = {"InternalServerException", 500, "internalServerException"},
    [ERROR_NO_MEMORY] = {"InternalServerException", 500, "internalServerException"},
    [ERROR_INTERNAL] = {"InternalServerException", 500, "internalServerException"},
};

const struct bedrock_error *bedrock_error_of(enum error_code code)
{
    size_t index = (size_t)code;
    bool is_known = index < sizeof(errors) / sizeof(errors[0]) && errors[index].name;
    return &errors[is_known ? index : ERROR_INTERNAL];
}

const char *bedrock_error_message(const struct error *error)
{
    bool is_internal = error->code == ERROR_IO || error->code == ERROR_NO_MEMORY || error->code == ERROR_INTERNAL ||
                       error->code == OK;
    if (is_internal)
        return "The server failed on this request; its log says why.";
    return error->message[0] ? error->message : bedrock_error_of(error->code)->name;
}

void bedrock_error_respond_named(struct http_exchange *exchange, int status, const char *name, const char *message,
                                 const char *request_id, const struct http_header *extra, size_t extra_count)
{
    struct http_header headers[HEADER_COUNT_MAX] = {
        {STR("content-type"), STR("application/json")},
        {STR("x-amzn-errortype"), str_of(name)},
        {STR("x-amzn-requestid"), str_of(request_id)},
    };
    static const struct str no_memory = STR("{\"message\":\"The server is out of memory.\"}");
    size_t count = 3;
    for (size_t i = 0; i < extra_count && count < HEADER_COUNT_MAX; i++)
        headers[count++] = extra[i];
    struct buf body;
    buf_init(&body, BODY_MAX);
    buf_append_text(&body, "{\"message\":");
    buf_append_json(&body, str_of(message));
    /* Clients look for the name in the header, some in the body. */
    buf_append_text(&body, ",\"__type\":");
    buf_append_json(&body, str_of(name));
    buf_append_char(&body, '}');
    http_respond(exchange, status, headers, count, body.failed ? no_memory : buf_str(&body));
    buf_deinit(&body);
}

void bedrock_error_respond(struct http_exchange *exchange, const struct error *error, const char *request_id)
{
    char seconds[16];
    int len = snprintf(seconds, sizeof(seconds), "%u", error->retry_s ? error->retry_s : RETRY_USUAL_S);
    const struct http_header retry = {STR("retry-after"), {seconds, (size_t)len}};
    const struct bedrock_error *known = bedrock_error_of(error->code);
    bool can_retry = known->status == 429 || known->status == 503;
    bedrock_error_respond_named(exchange, known->status, known->name, bedrock_error_message(error), request_id, &retry,
                                can_retry ? 1 : 0);
}

bool bedrock_error_append_frame(struct buf *out, const struct error *error, bool has_timeout)
{
    const struct bedrock_error *known = bedrock_error_of(error->code);
    bool is_timeout = error->code == ERROR_TIMEOUT;
    const char *member = is_timeout && has_timeout ? "modelTimeoutException" : known->member;
    struct buf payload;
    buf_init(&payload, BODY_MAX);
    buf_append_text(&payload, "{\"message\":");
    buf_append_json(&payload, str_of(bedrock_error_message(error)));
    if (str_eq(str_of(member), STR("modelStreamErrorException"))) {
        buf_append_text(&payload, ",\"originalStatusCode\":");
        buf_append_u64(&payload, (uint64_t)known->status);
    }
    buf_append_char(&payload, '}');
    bool is_whole = !payload.failed && eventstream_append_exception(out, str_of(member), buf_str(&payload));
    buf_deinit(&payload);
    return is_whole;
}
