/* batches.c - operations on OpenAI's batches: what is asked for, and a job as that API tells it. See batches.h. */
#include "api/openai/batches.h"

#include <stdio.h>

#include "api/batch_call.h"
#include "api/openai/list.h"
#include "core/limits.h"

#define PREFIX OPENAI_BATCH_PREFIX
#define WINDOW_HOURS 24u
#define KEEP_MIN_S 3600
#define KEEP_MAX_S 2592000
#define METADATA_PAIRS 16u
#define METADATA_KEY_MAX 64u
#define METADATA_VALUE_MAX 512u
#define LIST_USUAL 20u
#define LIST_MAX 100u
#define US_PER_S 1000000u

/* --- how a batch is shown ------------------------------------------------------------------------------- */

static const char *status_of(const struct batch_job *job)
{
    switch (job->status) {
    case BATCH_SUBMITTED:
    case BATCH_VALIDATING: return "validating";
    case BATCH_SCHEDULED:
    case BATCH_IN_PROGRESS:
        return job->counts.total > 0 && job->counts.success + job->counts.errors == job->counts.total ? "finalizing"
                                                                                                     : "in_progress";
    case BATCH_STOPPING: return "cancelling";
    case BATCH_COMPLETED: return "completed";
    case BATCH_PARTIALLY_COMPLETED:
    case BATCH_EXPIRED: return "expired";
    case BATCH_STOPPED: return "cancelled";
    case BATCH_FAILED:
    case BATCH_STATUSES: break;
    }
    return "failed";
}

static void append_time(struct buf *out, const char *name, uint64_t us)
{
    if (us > 0)
        buf_appendf(out, ",\"%s\":%llu", name, (unsigned long long)(us / US_PER_S));
    else
        buf_appendf(out, ",\"%s\":null", name);
}

static void append_times(struct buf *out, const struct batch_job *job)
{
    const bool is_stop = job->status == BATCH_STOPPING || job->status == BATCH_STOPPED;
    const uint64_t stop_us = !is_stop ? 0 : job->stop_us > 0 ? job->stop_us : job->modified_us;
    const bool is_expired = job->status == BATCH_EXPIRED || job->status == BATCH_PARTIALLY_COMPLETED;
    append_time(out, "created_at", job->submit_us);
    append_time(out, "in_progress_at", job->start_us);
    append_time(out, "expires_at", job->expires_us);
    append_time(out, "finalizing_at", job->status == BATCH_COMPLETED ? job->end_us : 0);
    append_time(out, "completed_at", job->status == BATCH_COMPLETED ? job->end_us : 0);
    append_time(out, "failed_at", job->status == BATCH_FAILED ? job->end_us : 0);
    append_time(out, "expired_at", is_expired ? job->end_us : 0);
    append_time(out, "cancelling_at", stop_us);
    append_time(out, "cancelled_at", job->status == BATCH_STOPPED ? job->end_us : 0);
}

static void append_problem(struct buf *out, const char *code, struct str message, const char *param, uint64_t line)
{
    buf_appendf(out, "{\"code\":\"%s\"", code);
    json_append_member(out, "message", message);
    buf_append_text(out, ",\"param\":");
    if (param[0])
        buf_append_json(out, str_of(param));
    else
        buf_append_text(out, "null");
    if (line > 0)
        buf_appendf(out, ",\"line\":%llu}", (unsigned long long)line);
    else
        buf_append_text(out, ",\"line\":null}");
}

static void append_errors(struct buf *out, const struct batch_job *job)
{
    if (job->status != BATCH_FAILED) {
        buf_append_text(out, ",\"errors\":null");
        return;
    }
    buf_append_text(out, ",\"errors\":{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < job->problems.count; i++) {
        const struct batch_problem *problem = &job->problems.items[i];
        if (i > 0)
            buf_append_char(out, ',');
        append_problem(out, problem->code, str_of(problem->message), problem->param, problem->line);
    }
    if (job->problems.count == 0)
        append_problem(out, "invalid_request", job->message, "", 0);
    buf_append_text(out, "]}");
}

static void append_output_id(struct buf *out, const char *name, const struct batch_job *job, enum batch_output which)
{
    char id[FILES_ID_LEN + 1];
    batch_output_id(job->id, which, id);
    if (batch_has_output(job, which))
        buf_appendf(out, ",\"%s\":\"%s\"", name, id);
    else
        buf_appendf(out, ",\"%s\":null", name);
}

static void append_metadata(struct buf *out, const struct batch_job *job)
{
    yyjson_doc *doc = NULL;
    struct error ignored;
    if (json_parse_exact(job->request, &doc, &ignored) != OK)
        out->failed = true; /* no memory: it was JSON when it was stored */
    yyjson_val *metadata = yyjson_obj_get(yyjson_doc_get_root(doc), "metadata");
    buf_append_text(out, ",\"metadata\":");
    if (yyjson_is_obj(metadata))
        json_append(out, metadata);
    else
        buf_append_text(out, "null");
    json_free(doc);
}

static void append_batch(struct buf *out, const struct batch_job *job)
{
    const struct batch_counts *counts = &job->counts;
    buf_appendf(out, "{\"id\":\"" PREFIX "%s\",\"object\":\"batch\"", job->id);
    json_append_member(out, "endpoint", job->endpoint);
    append_errors(out, job);
    json_append_member(out, "input_file_id", job->input_uri);
    buf_appendf(out, ",\"completion_window\":\"%uh\",\"status\":\"%s\"", job->timeout_hours, status_of(job));
    append_output_id(out, "output_file_id", job, BATCH_OUTPUT);
    append_output_id(out, "error_file_id", job, BATCH_OUTPUT_ERRORS);
    append_times(out, job);
    buf_appendf(out, ",\"request_counts\":{\"total\":%llu,\"completed\":%llu,\"failed\":%llu}",
                (unsigned long long)counts->total, (unsigned long long)counts->success,
                (unsigned long long)counts->errors);
    append_metadata(out, job);
    buf_append_char(out, '}');
}

/* --- create ----------------------------------------------------------------------------------------------- */

static enum error_code check_metadata(yyjson_val *metadata, struct error *error)
{
    size_t i, max;
    yyjson_val *key, *value;
    if (yyjson_obj_size(metadata) > METADATA_PAIRS)
        return error_set(error, ERROR_INVALID, "metadata: has more than %u pairs", METADATA_PAIRS);
    json_obj_foreach(metadata, i, max, key, value)
    {
        if (!yyjson_is_str(value) || json_str(key).len > METADATA_KEY_MAX || json_str(value).len > METADATA_VALUE_MAX)
            return error_set(error, ERROR_INVALID, "metadata: keys have at most %u characters, values are strings of "
                             "at most %u", METADATA_KEY_MAX, METADATA_VALUE_MAX);
    }
    return OK;
}

static enum error_code read_keep(yyjson_val *root, struct batch_job *job, struct error *error)
{
    yyjson_val *expires = NULL;
    int64_t seconds = 0;
    struct str anchor = STR("created_at");
    enum error_code code = json_get_object(root, "", "output_expires_after", &expires, error);
    job->keep_s = limit(files_keep_ms) / 1000;
    if (code != OK || !expires)
        return code;
    bool is_there = false;
    code = json_get_int(expires, "output_expires_after", "seconds", KEEP_MIN_S, KEEP_MAX_S, &seconds, &is_there, error);
    if (code == OK)
        code = json_get_str(expires, "output_expires_after", "anchor", &anchor, NULL, error);
    if (code == OK && (!is_there || !str_eq(anchor, STR("created_at"))))
        code = error_set(error, ERROR_INVALID, "output_expires_after: needs the anchor created_at and seconds");
    if (code == OK)
        job->keep_s = (uint64_t)seconds;
    return code;
}

static enum error_code read_members(yyjson_val *root, struct batch_job *job, struct error *error)
{
    struct str window = {0};
    yyjson_val *metadata = NULL;
    enum error_code code = json_get_str(root, "", "input_file_id", &job->input_uri, NULL, error);
    if (code == OK)
        code = json_get_str(root, "", "endpoint", &job->endpoint, NULL, error);
    if (code == OK)
        code = json_get_str(root, "", "completion_window", &window, NULL, error);
    if (code == OK)
        code = json_get_object(root, "", "metadata", &metadata, error);
    if (code == OK)
        code = check_metadata(metadata, error);
    if (code != OK)
        return code;
    if (job->input_uri.len == 0)
        return error_set(error, ERROR_INVALID, "input_file_id: required and missing");
    if (!openai_batch_serves(job->endpoint))
        return error_set(error, ERROR_INVALID, "endpoint: must be /v1/chat/completions, /v1/completions, "
                         "/v1/responses or /v1/embeddings");
    if (!str_eq(window, STR("24h")))
        return error_set(error, ERROR_INVALID, "completion_window: must be 24h");
    return read_keep(root, job, error);
}

static enum error_code parse_create(struct batch_call *asked)
{
    struct batch_job *job = &asked->job;
    const struct http_request *http = &asked->call->exchange->request;
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse(http->body, &doc, &asked->error);
    if (code == OK && !yyjson_is_obj(yyjson_doc_get_root(doc)))
        code = error_set(&asked->error, ERROR_INVALID, "The body is not a JSON object.");
    if (code == OK)
        code = read_members(yyjson_doc_get_root(doc), job, &asked->error);
    if (code == OK && (!arena_str(asked->arena, job->input_uri, &job->input_uri) ||
                       !arena_str(asked->arena, job->endpoint, &job->endpoint)))
        code = error_no_memory(&asked->error);
    json_free(doc);
    job->type = BATCH_OPENAI;
    job->request = http->body;
    job->tenant = asked->tenant;
    job->key = str_of(asked->call->identity.key_id);
    job->model_id = STR("openai");
    job->account = str_of(asked->call->identity.account);
    job->region = str_of(asked->call->identity.region);
    job->timeout_hours = WINDOW_HOURS;
    return code;
}

static enum error_code ask_create(struct batch_call *asked)
{
    const struct api *api = asked->call->thread->api;
    struct file_row row;
    enum error_code code = files_get(api->files, asked->tenant, asked->job.input_uri, asked->arena, &row,
                                     &asked->error);
    if (code == ERROR_NOT_FOUND)
        return error_set(&asked->error, ERROR_INVALID, "input_file_id: there is no file '" STR_FMT "'",
                         STR_ARG(str_slice(asked->job.input_uri, 0, 64)));
    if (code == OK && !str_eq(row.purpose, STR("batch")))
        return error_set(&asked->error, ERROR_INVALID, "input_file_id: the file's purpose is '" STR_FMT "', must be "
                         "batch", STR_ARG(row.purpose));
    return code == OK ? batch_create(api->batch, &asked->job, &asked->error) : code;
}

static void answer_one(struct batch_call *asked, struct buf *body)
{
    append_batch(body, &asked->job);
}

void openai_create_batch(struct api_call *call)
{
    struct batch_call *asked = batch_call_new(call, &batch_openai_kind, PREFIX);
    if (!asked)
        return;
    asked->code = parse_create(asked);
    batch_call_run(asked, ask_create, answer_one);
}

/* --- get, cancel, list ------------------------------------------------------------------------------------ */

static enum error_code ask_cancel(struct batch_call *asked)
{
    enum error_code code = batch_call_find_resource(asked);
    if (code == OK && batch_status_has_ended(asked->job.status))
        code = error_set(&asked->error, ERROR_CONFLICT, "Cannot cancel a batch with status '%s'.",
                         status_of(&asked->job));
    if (code == OK)
        code = batch_request_stop(asked->call->thread->api->batch, asked->kind, asked->tenant, str_of(asked->job.id),
                                  &asked->error);
    return code == OK ? batch_call_find_resource(asked) : code;
}

static void ask_about(struct api_call *call, enum error_code (*ask)(struct batch_call *asked))
{
    struct batch_call *asked = batch_call_new(call, &batch_openai_kind, PREFIX);
    if (asked)
        batch_call_run(asked, ask, answer_one);
}

void openai_get_batch(struct api_call *call)
{
    ask_about(call, batch_call_find_resource);
}

void openai_cancel_batch(struct api_call *call)
{
    ask_about(call, ask_cancel);
}

static enum error_code ask_list(struct batch_call *asked)
{
    const struct openai_page *page = asked->ctx;
    return batch_call_list(asked, page->after);
}

static void answer_list(struct batch_call *asked, struct buf *body)
{
    char first[sizeof(PREFIX) + JOB_ID_LEN], last[sizeof(PREFIX) + JOB_ID_LEN];
    const size_t count = asked->count;
    buf_append_text(body, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_append_char(body, ',');
        append_batch(body, &asked->list[i]);
    }
    if (count > 0) {
        (void)snprintf(first, sizeof(first), PREFIX "%s", asked->list[0].id);
        (void)snprintf(last, sizeof(last), PREFIX "%s", asked->list[count - 1].id);
    }
    openai_append_page_end(body, count > 0 ? first : NULL, count > 0 ? last : NULL, asked->has_more);
}

void openai_list_batches(struct api_call *call)
{
    struct batch_call *asked = batch_call_new(call, &batch_openai_kind, PREFIX);
    struct openai_page *page = asked ? ARENA_NEW(asked->arena, struct openai_page) : NULL;
    if (!asked)
        return;
    asked->ctx = page;
    asked->code = page ? openai_page_parse(call->exchange, LIST_USUAL, LIST_MAX, page, &asked->error)
                       : error_no_memory(&asked->error);
    if (asked->code == OK) {
        asked->filter.max = page->limit;
        asked->filter.is_ascending = page->is_ascending;
    }
    batch_call_run(asked, ask_list, answer_list);
}
