/* Bedrock's errors: our codes, refused authentication and HTTP's own refusals by the service's names, in a body and in
 * the frames of an event stream. */
#include "api/bedrock/dialect.h"

#include <assert.h>

#include "api/eventstream.h"

#define PAYLOAD_MAX (8 * ERROR_MESSAGE_MAX)

struct known_error {
    struct dialect_error error;
    const char *member; /* of the stream's union; the nearest one where the stream has no such member */
};

static const struct known_error errors[] = {
    [ERROR_INVALID] = {{400, "ValidationException"}, "validationException"},
    [ERROR_NOT_FOUND] = {{404, "ResourceNotFoundException"}, "validationException"},
    [ERROR_DENIED] = {{403, "AccessDeniedException"}, "validationException"},
    [ERROR_CONFLICT] = {{400, "ConflictException"}, "validationException"},
    [ERROR_QUOTA] = {{400, "ServiceQuotaExceededException"}, "throttlingException"},
    [ERROR_TAGS] = {{400, "TooManyTagsException"}, "validationException"},
    [ERROR_TOO_LARGE] = {{400, "ValidationException"}, "validationException"},
    [ERROR_THROTTLED] = {{429, "ThrottlingException"}, "throttlingException"},
    /* Not 429: SDKs of AWS try that again, whatever the headers say. */
    [ERROR_BUDGET] = {{400, "ServiceQuotaExceededException"}, "throttlingException"},
    [ERROR_NOT_READY] = {{429, "ModelNotReadyException"}, "serviceUnavailableException"},
    [ERROR_TIMEOUT] = {{408, "ModelTimeoutException"}, "modelStreamErrorException"},
    [ERROR_MODEL] = {{424, "ModelErrorException"}, "modelStreamErrorException"},
    [ERROR_UNAVAILABLE] = {{503, "ServiceUnavailableException"}, "serviceUnavailableException"},
    [ERROR_CANCELLED] = {{500, "InternalServerException"}, "internalServerException"},
    [ERROR_IO] = {{500, "InternalServerException"}, "internalServerException"},
    [ERROR_NO_MEMORY] = {{500, "InternalServerException"}, "internalServerException"},
    [ERROR_INTERNAL] = {{500, "InternalServerException"}, "internalServerException"},
};

static const struct known_error *known(enum error_code code)
{
    size_t index = (size_t)code;
    bool is_known = index < sizeof(errors) / sizeof(errors[0]) && errors[index].member;
    return &errors[is_known ? index : ERROR_INTERNAL];
}

static struct dialect_error of_code(enum error_code code)
{
    return known(code)->error;
}

static struct dialect_error of_auth(enum auth_problem problem)
{
    static const struct dialect_error names[] = {
        [AUTH_MISSING] = {403, "MissingAuthenticationTokenException"},
        [AUTH_INCOMPLETE] = {400, "IncompleteSignature"},
        [AUTH_UNKNOWN_KEY] = {403, "UnrecognizedClientException"},
        [AUTH_BAD_SIGNATURE] = {403, "InvalidSignatureException"},
        [AUTH_EXPIRED] = {400, "RequestExpired"},
        [AUTH_DENIED] = {403, "AccessDeniedException"},
    };
    assert(problem != AUTH_OK);
    return names[problem];
}

static const char *of_status(int status)
{
    static const struct dialect_error names[] = {
        {404, "UnknownOperationException"}, {405, "MethodNotAllowedException"},   {408, "RequestTimeoutException"},
        {429, "ThrottlingException"},       {503, "ServiceUnavailableException"}, {501, "UnknownOperationException"},
        {505, "ValidationException"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].status == status)
            return names[i].name;
    return status < 500 ? "ValidationException" : "InternalServerException";
}

/* Clients look for the name in the header, some in the body. */
static bool append_error(struct buf *out, const struct dialect_error *error, struct str message,
                         const char *request_id)
{
    (void)request_id;
    buf_append_text(out, "{\"message\":");
    buf_append_json(out, message);
    buf_append_text(out, ",\"__type\":");
    buf_append_json(out, str_of(error->name));
    return buf_append_char(out, '}');
}

const struct dialect bedrock_dialect = {
    .name = "bedrock",
    .telemetry = "aws.bedrock",
    .id_header = "x-amzn-requestid",
    .name_header = "x-amzn-errortype",
    .count_member = "inputTokens",
    .error_type = "application/json",
    .no_memory = STR("{\"message\":\"The server is out of memory.\"}"),
    .of_code = of_code,
    .of_auth = of_auth,
    .of_status = of_status,
    .append_error = append_error,
};

/* --- streams ---------------------------------------------------------------------------------------- */

static bool append_exception(struct buf *out, const struct error *error, const char *member)
{
    struct buf payload;
    buf_init(&payload, PAYLOAD_MAX);
    buf_append_text(&payload, "{\"message\":");
    buf_append_json(&payload, str_of(dialect_message(&bedrock_dialect, error)));
    if (str_eq(str_of(member), STR("modelStreamErrorException"))) {
        buf_append_text(&payload, ",\"originalStatusCode\":");
        buf_append_u64(&payload, (uint64_t)known(error->code)->error.status);
    }
    buf_append_char(&payload, '}');
    bool is_whole = !payload.failed && eventstream_append_exception(out, str_of(member), buf_str(&payload));
    buf_deinit(&payload);
    return is_whole;
}

static bool append_event_error(struct buf *out, const struct error *error)
{
    return append_exception(out, error, known(error->code)->member);
}

static bool append_chunk(struct buf *out, struct str type, struct str payload)
{
    struct buf chunk;
    (void)type;
    buf_init(&chunk, payload.len * 2 + 64);
    buf_append_text(&chunk, "{\"bytes\":\"");
    buf_append_base64(&chunk, payload.data, payload.len);
    buf_append_text(&chunk, "\"}");
    bool is_whole = !chunk.failed && eventstream_append_event(out, STR("chunk"), buf_str(&chunk));
    buf_deinit(&chunk);
    return is_whole;
}

static bool append_chunk_error(struct buf *out, const struct error *error)
{
    return append_exception(out, error,
                            error->code == ERROR_TIMEOUT ? "modelTimeoutException" : known(error->code)->member);
}

#define EVENT_STREAM_TYPE "application/vnd.amazon.eventstream"

const struct dialect_framing bedrock_events = {
    .content_type = EVENT_STREAM_TYPE,
    .append_event = eventstream_append_event,
    .append_error = append_event_error,
    .names_logged_events = true,
};

const struct dialect_framing bedrock_chunks = {
    .content_type = EVENT_STREAM_TYPE,
    .append_event = append_chunk,
    .append_error = append_chunk_error,
};
