/* What is served of Anthropic's API, and what its headers say. Bedrock has the same paths below /anthropic. */
#include "api/anthropic/dialect.h"
#include "api/call.h"
#include "api/native/native.h"

#define VERSION_FIRST "2023-06-01" /* of clients that send none, as people do by hand */

#define SESSION_BYTES_MAX 256

/* --- headers ---------------------------------------------------------------------------------------- */

static enum error_code check_version(struct str version, struct error *error)
{
    if (str_eq(version, STR(VERSION_FIRST)) || str_eq(version, STR("2026-10-21")))
        return OK;
    return error_set(error, ERROR_INVALID, "anthropic-version: \"" STR_FMT "\" is not a valid version; send "
                     VERSION_FIRST " or 2026-10-21", STR_ARG(str_slice(version, 0, 64)));
}

/* Whose turn of which agent it is, by Claude Code: the request's session. */
static enum error_code note_session(const struct http_request *http, struct chat_request *request, struct error *error)
{
    const struct str session = http_header_get(http, "x-claude-code-session-id");
    if (session.len == 0 || session.len > SESSION_BYTES_MAX || !str_is_utf8(session))
        return OK;
    request->metadata = ARENA_NEW(request->arena, struct chat_metadata);
    if (!request->metadata)
        return error_no_memory(error);
    request->metadata[request->metadata_count++] = (struct chat_metadata){STR("session"), session};
    return OK;
}

static enum error_code parse_headers(struct api_call *call, bool is_stream, struct chat_request *request,
                                     struct error *error)
{
    const struct http_request *http = &call->exchange->request;
    const struct str version = http_header_get(http, "anthropic-version");
    (void)is_stream;
    request->api_version = version.data ? version : STR(VERSION_FIRST);
    const enum error_code code = check_version(request->api_version, error);
    return code == OK ? note_session(http, request, error) : code;
}

static const struct operation_headers message_headers = {.parse = parse_headers};

/* --- operations ------------------------------------------------------------------------------------- */

static const struct api_operation rows[] = {
    {"POST", "/v1/messages", "Messages", .handle = inference_run, .takes_prompt = true, .codec = &anthropic_codec,
     .framing = &anthropic_events, .headers = &message_headers, .logs_whole = true},
    {"POST", "/v1/messages/count_tokens", "MessagesCountTokens", .handle = count_tokens, .takes_prompt = true,
     .codec = &anthropic_codec, .headers = &message_headers},
};

static const struct absent_operation absent[] = {
    {"POST", "/v1/messages/batches", "CreateMessageBatch"},
    {"GET", "/v1/messages/batches", "ListMessageBatches"},
    {"GET", "/v1/messages/batches/{id}", "GetMessageBatch"},
    {NULL, NULL, NULL},
};

const struct operations_table anthropic_operations = {
    .dialect = &anthropic_dialect,
    .prefix = "/v1/messages",
    .mount = "/anthropic",
    .rows = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
    .absent = absent,
};
