/* batch_form.c - the lines of OpenAI's batches: what a request's must be, and what is said of its reply. */
#include "api/openai/batches.h"

#include <stdio.h>

#include "api/openai/chat.h"
#include "api/openai/dialect.h"
#include "api/openai/responses.h"

#define EMBEDDINGS "/v1/embeddings"

static const struct {
    const char *path, *operation;
    const struct codec *codec;
} endpoints[] = {
    {"/v1/chat/completions", "ChatCompletions", &openai_chat_codec},
    {"/v1/completions", "Completions", &openai_chat_codec},
    {"/v1/responses", "CreateResponse", &openai_responses_codec},
    {EMBEDDINGS, "CreateEmbedding", &openai_chat_codec},
};

static size_t endpoint_of(struct str path)
{
    size_t at = 0;
    while (at < sizeof(endpoints) / sizeof(endpoints[0]) && !str_eq(path, str_of(endpoints[at].path)))
        at++;
    return at;
}

bool openai_batch_serves(struct str endpoint)
{
    return endpoint_of(endpoint) < sizeof(endpoints) / sizeof(endpoints[0]);
}

static const char *operation(const struct batch_job *job)
{
    return openai_batch_serves(job->endpoint) ? endpoints[endpoint_of(job->endpoint)].operation : "none";
}

static const struct codec *codec_of(const struct batch_job *job)
{
    return openai_batch_serves(job->endpoint) ? endpoints[endpoint_of(job->endpoint)].codec : &openai_chat_codec;
}

static const struct batch_embed *embed_of(const struct batch_job *job)
{
    return str_eq(job->endpoint, STR(EMBEDDINGS)) ? &openai_batch_embed : NULL;
}

static struct str version_of(const struct batch_job *job)
{
    (void)job;
    return STR(OPENAI_VERSION);
}

/* --- what a line must be ------------------------------------------------------------------------------ */

static bool complain(struct batch_problem *problem, const char *code, const char *param, const char *message)
{
    (void)snprintf(problem->code, sizeof(problem->code), "%s", code);
    (void)snprintf(problem->param, sizeof(problem->param), "%s", param);
    (void)snprintf(problem->message, sizeof(problem->message), "%s", message);
    return false;
}

static bool check(yyjson_val *line, const struct batch_job *job, struct batch_problem *problem)
{
    yyjson_val *body = yyjson_obj_get(line, "body");
    const struct str id = json_str(yyjson_obj_get(line, "custom_id")), url = json_str(yyjson_obj_get(line, "url")),
                     method = json_str(yyjson_obj_get(line, "method"));
    if (!yyjson_is_obj(line))
        return complain(problem, "invalid_json_line", "", "This line is not a JSON object.");
    if (id.len == 0)
        return complain(problem, "missing_required_parameter", "custom_id", "The custom_id is missing or no string.");
    if (!str_eq_nocase(method, STR("POST")))
        return complain(problem, "invalid_method", "method", "The method must be POST.");
    if (!str_eq(url, job->endpoint))
        return complain(problem, "mismatched_url", "url", "The url is not the endpoint of the batch.");
    if (!yyjson_is_obj(body))
        return complain(problem, "missing_required_parameter", "body", "The body is missing or no object.");
    if (json_str(yyjson_obj_get(body, "model")).len == 0)
        return complain(problem, "missing_required_parameter", "body.model", "The body names no model.");
    return true;
}

/* --- what comes of it ------------------------------------------------------------------------------------ */

static void append_head(struct buf *out, const char *request_id)
{
    buf_append_text(out, "\"id\":\"batch_req_");
    for (const char *at = request_id; *at; at++)
        if (*at != '-')
            buf_append_char(out, *at);
    buf_append_text(out, "\",");
}

static void append_response(struct buf *out, int status, struct str body, const char *request_id)
{
    buf_appendf(out, "\"response\":{\"status_code\":%d,\"request_id\":\"%s\",\"body\":", status, request_id);
    buf_append_str(out, body);
    buf_append_text(out, "},\"error\":null");
}

static bool append_output(struct buf *out, struct str body, const char *request_id)
{
    append_response(out, 200, body, request_id);
    return !out->failed;
}

static bool append_error(struct buf *out, const struct error *error, const char *request_id)
{
    struct buf body;
    const struct dialect_error known = openai_dialect.of_code(error->code);
    buf_init(&body, 16 * ERROR_MESSAGE_MAX);
    const bool is_written = openai_dialect.append_error(&body, &known, str_of(dialect_message(&openai_dialect, error)),
                                                        request_id);
    append_response(out, known.status, buf_str(&body), request_id);
    buf_deinit(&body);
    return is_written && !out->failed;
}

static bool append_missing(struct buf *out, enum batch_missing why)
{
    static const struct {
        const char *code, *message;
    } words[] = {
        [BATCH_MISSING_EXPIRED] = {"batch_expired",
                                   "This request could not be executed before the completion window expired."},
        [BATCH_MISSING_STOPPED] = {"batch_cancelled", "This request was not executed: the batch was cancelled."},
        [BATCH_MISSING_FAILED] = {"server_error", "This request was not executed: the server failed on the batch."},
    };
    return buf_appendf(out, "\"response\":null,\"error\":{\"code\":\"%s\",\"message\":\"%s\"}", words[why].code,
                       words[why].message);
}

const struct batch_form openai_batch_form = {
    .dialect = "openai",
    .id_member = "custom_id",
    .input_member = "body",
    .names_model = true,
    .splits_errors = true,
    .output_purpose = "batch_output",
    .output_name = "batch",
    .operation = operation,
    .codec = codec_of,
    .embed = embed_of,
    .api_version = version_of,
    .check = check,
    .append_head = append_head,
    .append_output = append_output,
    .append_error = append_error,
    .append_missing = append_missing,
};
