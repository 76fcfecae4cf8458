/* batches.c - operations on Anthropic's batches of messages. See batches.h. */
#include "api/anthropic/batches.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "api/anthropic/dialect.h"
#include "api/batch_call.h"
#include "api/upload.h"
#include "batch/files.h"
#include "core/limits.h"
#include "store/files.h"

#define PREFIX ANTHROPIC_BATCH_PREFIX
#define PATH "/v1/messages/batches"
#define WINDOW_HOURS 24u
#define KEEP_S (29u * 86400u)
#define INPUT_PURPOSE ".message_batch"
#define LIST_USUAL 20u
#define LIST_MAX 1000u

/* --- how a batch is shown --------------------------------------------------------------------------------- */

/* On our own host, by the name under which the client came. */
static void append_url(struct buf *out, const struct api_call *call, const struct batch_job *job)
{
    const struct http_request *http = &call->exchange->request;
    const struct str host = http_header_get(http, "host"), scheme = http_header_get(http, "x-forwarded-proto");
    const bool is_tls = scheme.data ? str_eq(scheme, STR("https")) : http->is_tls;
    const ptrdiff_t mount = str_find(http->path, STR(PATH), 0);
    struct buf url;
    buf_init(&url, host.len + http->path.len + 256);
    buf_appendf(&url, "%s://" STR_FMT STR_FMT PATH "/" PREFIX "%s/results", is_tls ? "https" : "http", STR_ARG(host),
                STR_ARG(str_slice(http->path, 0, mount > 0 ? (size_t)mount : 0)), job->id);
    buf_append_json(out, buf_str(&url));
    buf_deinit(&url);
}

static void append_time(struct buf *out, const char *name, uint64_t us)
{
    if (us > 0)
        json_append_time_member(out, name, us);
    else
        buf_appendf(out, ",\"%s\":null", name);
}

static bool is_stopped(const struct batch_job *job)
{
    return job->status == BATCH_STOPPING || job->status == BATCH_STOPPED;
}

static void append_counts(struct buf *out, const struct batch_job *job)
{
    const struct batch_counts *counts = &job->counts;
    const uint64_t missing = counts->total - counts->success - counts->errors;
    const bool has_ended = batch_status_has_ended(job->status), is_failed = job->status == BATCH_FAILED;
    if (!has_ended) {
        buf_appendf(out, ",\"request_counts\":{\"processing\":%llu,\"succeeded\":0,\"errored\":0,\"canceled\":0,"
                    "\"expired\":0}", (unsigned long long)counts->total);
        return;
    }
    buf_appendf(out, ",\"request_counts\":{\"processing\":0,\"succeeded\":%llu,\"errored\":%llu,\"canceled\":%llu,"
                "\"expired\":%llu}", (unsigned long long)counts->success,
                (unsigned long long)(counts->errors + (is_failed ? missing : 0)),
                (unsigned long long)(is_stopped(job) ? missing : 0),
                (unsigned long long)(is_stopped(job) || is_failed ? 0 : missing));
}

static void append_batch(struct buf *out, const struct api_call *call, const struct batch_job *job)
{
    const bool has_ended = batch_status_has_ended(job->status);
    const uint64_t stop_us = !is_stopped(job) ? 0 : job->stop_us > 0 ? job->stop_us : job->modified_us;
    buf_appendf(out, "{\"id\":\"" PREFIX "%s\",\"type\":\"message_batch\",\"processing_status\":\"%s\"", job->id,
                has_ended                        ? "ended"
                : job->status == BATCH_STOPPING ? "canceling"
                                                 : "in_progress");
    append_counts(out, job);
    append_time(out, "created_at", job->submit_us);
    append_time(out, "expires_at", job->expires_us);
    append_time(out, "ended_at", has_ended ? job->end_us : 0);
    append_time(out, "cancel_initiated_at", stop_us);
    buf_append_text(out, ",\"archived_at\":null,\"results_url\":");
    if (batch_has_output(job, BATCH_OUTPUT))
        append_url(out, call, job);
    else
        buf_append_text(out, "null");
    buf_append_char(out, '}');
}

/* --- create: on the pool ------------------------------------------------------------------------------------ */

static enum error_code take_line(void *ctx, struct str line, struct error *error)
{
    struct file_writer *writer = ctx;
    const enum error_code code = file_writer_put(writer, line.data, line.len, error);
    return code == OK ? file_writer_put(writer, "\n", 1, error) : code;
}

/* The requests as lines of a file of ours: the job's input. */
static enum error_code keep_requests(struct upload *upload, struct batch_job *job, struct error *error)
{
    struct files *files = upload->call->thread->api->files;
    char path[FILES_PATH_MAX];
    struct file_writer writer;
    struct anthropic_requests requests = {.take = take_line, .ctx = &writer};
    struct file_row row = {.tenant = job->tenant,
                           .name = STR("requests.jsonl"),
                           .purpose = STR(INPUT_PURPOSE),
                           .expires_us = clock_wall_us() + (uint64_t)KEEP_S * 1000000};
    files_spool_path(files, path);
    enum error_code code = file_writer_open(&writer, path, error);
    if (code != OK)
        return code;
    code = anthropic_split_requests(upload->body, &requests, error);
    code = file_writer_close(&writer, code, error);
    job->counts.total = requests.count;
    files_new_id(row.id);
    if (code == OK)
        code = files_add(files, path, &row, error);
    else
        (void)unlink(path);
    return code == OK && !arena_str(upload->arena, str_of(row.id), &job->input_uri) ? error_no_memory(error) : code;
}

static enum error_code create(struct upload *upload, struct batch_job *job, struct error *error)
{
    struct api_call *call = upload->call;
    struct error ignored;
    *job = (struct batch_job){
        .type = BATCH_ANTHROPIC,
        .tenant = str_of(call->identity.tenant),
        .key = str_of(call->identity.key_id),
        .account = str_of(call->identity.account),
        .region = str_of(call->identity.region),
        .model_id = STR("anthropic"),
        .request = STR("{}"),
        .timeout_hours = WINDOW_HOURS,
        .keep_s = KEEP_S,
    };
    enum error_code code = anthropic_read_version(&call->exchange->request, &job->endpoint, error);
    if (code == OK)
        code = keep_requests(upload, job, error);
    if (code != OK)
        return code;
    code = batch_create(call->thread->api->batch, job, error);
    if (code != OK)
        (void)!files_delete(call->thread->api->files, job->tenant, job->input_uri, &ignored); /* else at its time */
    return code;
}

static void run_create(struct upload *upload)
{
    struct batch_job *job = ARENA_NEW(upload->arena, struct batch_job);
    upload->ctx = job;
    upload->code = job ? create(upload, job, &upload->error) : error_no_memory(&upload->error);
}

static void answer_create(struct upload *upload, struct buf *body)
{
    append_batch(body, upload->call, upload->ctx);
}

void anthropic_create_batch(struct api_call *call)
{
    upload_end(call->exchange, run_create, answer_create);
}

/* --- one batch ----------------------------------------------------------------------------------------------- */

static void ask_about(struct api_call *call, enum error_code (*ask)(struct batch_call *asked),
                      void (*answer)(struct batch_call *asked, struct buf *body))
{
    struct batch_call *asked = batch_call_new(call, &batch_anthropic_kind, PREFIX);
    if (asked)
        batch_call_run(asked, ask, answer);
}

static void answer_one(struct batch_call *asked, struct buf *body)
{
    append_batch(body, asked->call, &asked->job);
}

/* Of one that has ended already it is no error: it stays as it is. */
static enum error_code ask_cancel(struct batch_call *asked)
{
    enum error_code code = batch_call_find_resource(asked);
    if (code != OK || batch_status_has_ended(asked->job.status))
        return code;
    code = batch_request_stop(asked->call->thread->api->batch, asked->kind, asked->tenant, str_of(asked->job.id),
                              &asked->error);
    return code == OK || code == ERROR_CONFLICT ? batch_call_find_resource(asked) : code;
}

static enum error_code ask_delete(struct batch_call *asked)
{
    enum error_code code = batch_call_find_resource(asked);
    if (code == OK && !batch_status_has_ended(asked->job.status))
        code = error_set(&asked->error, ERROR_INVALID, "The batch cannot be deleted before it has ended: cancel it "
                         "first.");
    return code == OK ? batch_delete(asked->call->thread->api->batch, asked->kind, asked->tenant,
                                     str_of(asked->job.id), &asked->error)
                      : code;
}

static void answer_delete(struct batch_call *asked, struct buf *body)
{
    buf_appendf(body, "{\"id\":\"" PREFIX "%s\",\"type\":\"message_batch_deleted\"}", asked->job.id);
}

static enum error_code ask_results(struct batch_call *asked)
{
    char id[FILES_ID_LEN + 1];
    struct file_row row;
    enum error_code code = batch_call_find_resource(asked);
    if (code != OK)
        return code;
    if (!batch_status_has_ended(asked->job.status))
        return error_set(&asked->error, ERROR_INVALID, "The batch has no results yet: its processing_status is not "
                         "ended.");
    batch_output_id(asked->job.id, BATCH_OUTPUT, id);
    code = files_read(asked->call->thread->api->files, asked->tenant, str_of(id), asked->arena, &row, &asked->fd,
                      &asked->error);
    if (code == ERROR_NOT_FOUND)
        return error_set(&asked->error, ERROR_NOT_FOUND, "The batch has no results, or they are not kept any more.");
    asked->bytes = row.bytes;
    return code;
}

void anthropic_get_batch(struct api_call *call)
{
    ask_about(call, batch_call_find_resource, answer_one);
}

void anthropic_cancel_batch(struct api_call *call)
{
    ask_about(call, ask_cancel, answer_one);
}

void anthropic_delete_batch(struct api_call *call)
{
    ask_about(call, ask_delete, answer_delete);
}

void anthropic_get_results(struct api_call *call)
{
    ask_about(call, ask_results, NULL);
}

/* --- list ---------------------------------------------------------------------------------------------------- */

struct page {
    struct str beyond;
    bool is_backwards; /* what is newer than `beyond` is wanted: it comes in the other order */
};

static enum error_code read_page(struct batch_call *asked, struct page *page)
{
    struct http_exchange *exchange = asked->call->exchange;
    const struct str after = http_query_get(exchange, "after_id"), before = http_query_get(exchange, "before_id"),
                     limit = http_query_get(exchange, "limit");
    uint64_t wanted = LIST_USUAL;
    if (limit.len > 0 && (!str_to_u64(limit, &wanted) || wanted == 0 || wanted > LIST_MAX))
        return error_set(&asked->error, ERROR_INVALID, "limit: must be a number from 1 to %u", LIST_MAX);
    if (after.len > 0 && before.len > 0)
        return error_set(&asked->error, ERROR_INVALID, "before_id: not together with after_id");
    page->is_backwards = before.len > 0;
    page->beyond = page->is_backwards ? before : after;
    asked->filter.max = (size_t)wanted;
    asked->filter.is_ascending = page->is_backwards;
    return OK;
}

static enum error_code ask_list(struct batch_call *asked)
{
    const struct page *page = asked->ctx;
    return batch_call_list(asked, page->beyond);
}

static void append_id(struct buf *out, const char *name, const struct batch_job *job)
{
    if (job)
        buf_appendf(out, ",\"%s\":\"" PREFIX "%s\"", name, job->id);
    else
        buf_appendf(out, ",\"%s\":null", name);
}

static void answer_list(struct batch_call *asked, struct buf *body)
{
    const struct page *page = asked->ctx;
    const size_t count = asked->count;
    const struct batch_job *first = NULL, *last = NULL;
    buf_append_text(body, "{\"data\":[");
    for (size_t i = 0; i < count; i++) {
        last = &asked->list[page->is_backwards ? count - 1 - i : i];
        first = first ? first : last;
        if (i > 0)
            buf_append_char(body, ',');
        append_batch(body, asked->call, last);
    }
    buf_appendf(body, "],\"has_more\":%s", asked->has_more ? "true" : "false");
    append_id(body, "first_id", first);
    append_id(body, "last_id", last);
    buf_append_char(body, '}');
}

void anthropic_list_batches(struct api_call *call)
{
    struct batch_call *asked = batch_call_new(call, &batch_anthropic_kind, PREFIX);
    struct page *page = asked ? ARENA_NEW(asked->arena, struct page) : NULL;
    if (!asked)
        return;
    asked->ctx = page;
    asked->code = page ? read_page(asked, page) : error_no_memory(&asked->error);
    batch_call_run(asked, ask_list, answer_list);
}
