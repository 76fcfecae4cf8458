/* What is served of Anthropic's API, and what its headers say. Bedrock has the same paths below /anthropic. */
#include "api/anthropic/dialect.h"
#include "api/call.h"
#include "api/native/native.h"

#define VERSION_FIRST "2023-06-01" /* of clients that send none, as people do by hand */

/* --- headers ---------------------------------------------------------------------------------------- */

static enum error_code check_version(struct str version, struct error *error)
{
    if (str_eq(version, STR(VERSION_FIRST)) || str_eq(version, STR("2026-10-21")))
        return OK;
    return error_set(error, ERROR_INVALID, "anthropic-version: \"" STR_FMT "\" is not a valid version; send "
                     VERSION_FIRST " or 2026-10-21", STR_ARG(str_slice(version, 0, 64)));
}

static enum error_code parse_headers(struct api_call *call, bool is_stream, struct chat_request *request,
                                     struct error *error)
{
    static const char *const sessions[] = {"x-claude-code-session-id", NULL};
    const struct str version = http_header_get(&call->exchange->request, "anthropic-version");
    (void)is_stream;
    request->api_version = version.data ? version : STR(VERSION_FIRST);
    const enum error_code code = check_version(request->api_version, error);
    return code == OK ? call_note_session(call, sessions, request, error) : code;
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
