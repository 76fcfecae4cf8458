/* What is served of OpenAI's API, and what its headers say. */
#include "api/call.h"
#include "api/openai/batches.h"
#include "api/openai/chat.h"
#include "api/openai/dialect.h"
#include "api/openai/files.h"
#include "api/openai/responses.h"

/* --- headers ---------------------------------------------------------------------------------------- */

static enum error_code parse_headers(struct api_call *call, bool is_stream, struct chat_request *request,
                                     struct error *error)
{
    static const char *const sessions[] = {"x-session-id", "x-claude-code-session-id", "session_id", "session-id",
                                           "x-session-affinity", NULL};
    (void)is_stream;
    request->api_version = STR(OPENAI_VERSION);
    return call_note_session(call, sessions, request, error); /* what the body says goes before it */
}

static void add_headers(struct api_call *call, const struct chat_request *request, bool is_stream)
{
    (void)request, (void)is_stream;
    const uint64_t us = clock_now_us() - call->exchange->request.started_us;
    call_add_count_header(call, "openai-processing-ms", us / 1000);
    call_add_header(call, "openai-version", STR("2020-10-01"));
}

static const struct operation_headers chat_headers = {.parse = parse_headers, .add = add_headers};

/* --- operations ------------------------------------------------------------------------------------- */

static const struct api_operation rows[] = {
    {"POST", "/v1/chat/completions", "ChatCompletions", .handle = inference_run, .takes_prompt = true,
     .codec = &openai_chat_codec, .framing = &openai_chunks, .headers = &chat_headers, .logs_whole = true},
    {"POST", "/v1/completions", "Completions", .handle = inference_run, .takes_prompt = true,
     .codec = &openai_chat_codec, .framing = &openai_chunks, .headers = &chat_headers, .logs_whole = true},
    {"POST", "/v1/responses", "CreateResponse", .handle = inference_run, .takes_prompt = true,
     .codec = &openai_responses_codec, .framing = &openai_events, .headers = &chat_headers, .memory = &openai_memory,
     .logs_whole = true},
    {"POST", "/v1/responses/input_tokens", "CountInputTokens", .handle = count_tokens, .takes_prompt = true,
     .codec = &openai_responses_codec, .headers = &chat_headers, .memory = &openai_memory},
    {"POST", "/v1/embeddings", "CreateEmbedding", .handle = openai_create_embedding, .takes_prompt = true,
     .headers = &chat_headers},
    {"GET", "/v1/responses/{response}", "GetResponse", .handle = openai_get_response},
    {"DELETE", "/v1/responses/{response}", "DeleteResponse", .handle = openai_delete_response},
    {"POST", "/v1/files", "CreateFile", .handle = openai_create_file, .is_upload = true},
    {"GET", "/v1/files", "ListFiles", .handle = openai_list_files},
    {"GET", "/v1/files/{file}", "GetFile", .handle = openai_get_file},
    {"DELETE", "/v1/files/{file}", "DeleteFile", .handle = openai_delete_file},
    {"GET", "/v1/files/{file}/content", "GetFileContent", .handle = openai_get_file_content},
    {"POST", "/v1/batches", "CreateBatch", .handle = openai_create_batch},
    {"GET", "/v1/batches", "ListBatches", .handle = openai_list_batches},
    {"GET", "/v1/batches/{batch}", "GetBatch", .handle = openai_get_batch},
    {"POST", "/v1/batches/{batch}/cancel", "CancelBatch", .handle = openai_cancel_batch},
    {"GET", "/v1/models", "ListModels", .handle = openai_list_models},
    {"GET", "/v1/models/{model}", "GetModel", .handle = openai_get_model},
};

static const struct absent_operation absent[] = {
    {"GET", "/v1/responses/{response}/input_items", "ListInputItems"},
    {"POST", "/v1/responses/{response}/cancel", "CancelResponse"},
    {"POST", "/v1/responses/compact", "CompactResponse"},
    {"POST", "/v1/conversations", "CreateConversation"},
    {"POST", "/v1/moderations", "CreateModeration"},
    {"POST", "/v1/images/generations", "CreateImage"},
    {"POST", "/v1/audio/speech", "CreateSpeech"},
    {"POST", "/v1/audio/transcriptions", "CreateTranscription"},
    {"POST", "/v1/audio/translations", "CreateTranslation"},
    {"GET", "/v1/assistants", "ListAssistants"},
    {"POST", "/v1/assistants", "CreateAssistant"},
    {"POST", "/v1/threads", "CreateThread"},
    {"GET", "/v1/realtime", "Realtime"},
    {"POST", "/v1/fine_tuning/jobs", "CreateFineTuningJob"},
    {NULL, NULL, NULL},
};

const struct operations_table openai_operations = {
    .dialect = &openai_dialect,
    .prefix = "/v1/",
    .mount = "/openai",
    .rows = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
    .absent = absent,
};
