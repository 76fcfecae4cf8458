/* What is served of Anthropic's API, and what its headers say. Bedrock has the same paths below /anthropic. */
#include "api/anthropic/batches.h"
#include "api/anthropic/dialect.h"
#include "api/call.h"
#include "api/native/native.h"
#include "chat/traits.h"

#define VERSION_FIRST "2023-06-01" /* of clients that send none, as people do by hand */

/* --- headers ---------------------------------------------------------------------------------------- */

enum error_code anthropic_read_version(const struct http_request *http, struct str *version, struct error *error)
{
    const struct str header = http_header_get(http, "anthropic-version");
    *version = header.data ? header : STR(VERSION_FIRST);
    if (str_eq(*version, STR(VERSION_FIRST)) || str_eq(*version, STR("2026-10-21")))
        return OK;
    return error_set(error, ERROR_INVALID, "anthropic-version: \"" STR_FMT "\" is not a valid version; send "
                     VERSION_FIRST " or 2026-10-21", STR_ARG(str_slice(*version, 0, 64)));
}

/* The header may come several times. Models of this program leave it out of account. */
static enum error_code read_betas(const struct http_request *http, struct chat_request *request, struct error *error)
{
    for (size_t i = 0; i < http->header_count; i++) {
        const struct http_header *header = &http->headers[i];
        if (!str_eq(header->name, STR("anthropic-beta")) || header->value.len == 0)
            continue;
        request->betas = arena_printf(request->arena, STR_FMT "%s" STR_FMT, STR_ARG(request->betas),
                                      request->betas.len > 0 ? "," : "", STR_ARG(header->value));
        if (!request->betas.data)
            return error_no_memory(error);
    }
    if (request->betas.len > 0 && request->ignored)
        ignored_note(request->ignored, "", STR("anthropic-beta"), CHAT_NEED_EXTRAS);
    return OK;
}

static enum error_code parse_headers(struct api_call *call, bool is_stream, struct chat_request *request,
                                     struct error *error)
{
    static const char *const sessions[] = {"x-claude-code-session-id", NULL};
    (void)is_stream;
    enum error_code code = anthropic_read_version(&call->exchange->request, &request->api_version, error);
    if (code == OK)
        code = read_betas(&call->exchange->request, request, error);
    return code == OK ? call_note_session(call, sessions, request, error) : code;
}

static const struct operation_headers message_headers = {.parse = parse_headers};

/* --- operations ------------------------------------------------------------------------------------- */

static const struct api_operation rows[] = {
    {"POST", "/v1/messages", "Messages", .handle = inference_run, .takes_prompt = true, .codec = &anthropic_codec,
     .framing = &anthropic_events, .headers = &message_headers, .logs_whole = true},
    {"POST", "/v1/messages/count_tokens", "MessagesCountTokens", .handle = count_tokens, .takes_prompt = true,
     .codec = &anthropic_codec, .headers = &message_headers},
    {"POST", "/v1/messages/batches", "CreateMessageBatch", .handle = anthropic_create_batch, .is_upload = true},
    {"GET", "/v1/messages/batches", "ListMessageBatches", .handle = anthropic_list_batches},
    {"GET", "/v1/messages/batches/{batch}", "GetMessageBatch", .handle = anthropic_get_batch},
    {"DELETE", "/v1/messages/batches/{batch}", "DeleteMessageBatch", .handle = anthropic_delete_batch},
    {"POST", "/v1/messages/batches/{batch}/cancel", "CancelMessageBatch", .handle = anthropic_cancel_batch},
    {"GET", "/v1/messages/batches/{batch}/results", "GetMessageBatchResults", .handle = anthropic_get_results},
};

const struct operations_table anthropic_operations = {
    .dialect = &anthropic_dialect,
    .prefix = "/v1/messages",
    .mount = "/anthropic",
    .rows = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
};
