/* CreateModelInvocationJob, GetModelInvocationJob, ListModelInvocationJobs and
 * StopModelInvocationJob; TagResource, UntagResource and ListTagsForResource
 * of jobs (those of profiles: api/control/profiles.c). The database waits for the disk, so it is asked on a
 * thread of libuv's pool; the I/O thread answers when that comes back. */
#include "batch/batch.h"

#include "api/call.h"
#include "api/control/batch_request.h"
#include "api/control/profiles.h"
#include "api/control/tag_request.h"
#include "core/json.h"
#include "store/disk.h"

#define JOBS_BODY_MAX ((size_t)64 << 20)

/* One question. Lives until the pool is done with it, whether or not somebody still waits. */
struct question {
    uv_work_t work;
    struct api_call *call; /* NULL: the client is gone */
    struct batch *batch;
    struct arena arena;
    void (*ask)(struct question *question);
    void (*answer)(struct question *question, struct buf *body);
    struct batch_job job;
    struct batch_identifier identifier;
    struct str tenant;
    struct tag_request tag_request;
    struct job_filter filter;
    struct batch_job *jobs;
    size_t count;
    bool has_more;
    enum error_code code;
    struct error error;
};

static void free_question(struct question *question)
{
    arena_deinit(&question->arena);
    mem_free(question);
}

static void on_close(struct http_exchange *exchange)
{
    struct question *question = exchange->user;
    call_account(question->call, CALL_CLIENT_GONE);
    question->call = NULL;
}

static void ask(uv_work_t *work)
{
    struct question *question = work->data;
    question->code = disk_check(&question->error); /* files that were removed can still be read, and say what was */
    if (question->code == OK)
        question->ask(question);
}

static void on_asked(uv_work_t *work, int status)
{
    struct question *question = work->data;
    struct api_call *call = question->call;
    if (call && (question->code != OK || status != 0)) {
        call_fail(call, &question->error);
    } else if (call) {
        struct buf body;
        buf_init(&body, JOBS_BODY_MAX);
        question->answer(question, &body);
        call_respond_json(call, &body);
        buf_deinit(&body);
    }
    free_question(question);
}

static struct question *new_question(struct api_call *call)
{
    struct question *question = mem_calloc(1, sizeof(*question));
    if (!question)
        return NULL;
    arena_init(&question->arena, 0);
    question->work.data = question;
    question->call = call;
    question->batch = call->thread->api->batch;
    if (arena_str(&question->arena, str_of(call->identity.tenant), &question->tenant))
        return question;
    free_question(question);
    return NULL;
}

static void fail_question(struct question *question, struct api_call *call, const struct error *error)
{
    call_fail(call, error);
    if (question)
        free_question(question);
}

static void send_off(struct question *question, struct api_call *call, void (*how)(struct question *question),
                     void (*answer)(struct question *question, struct buf *body))
{
    question->ask = how;
    question->answer = answer;
    call->exchange->user = question;
    call->exchange->on_close = on_close;
    if (uv_queue_work(call->exchange->loop, &question->work, ask, on_asked) == 0)
        return;
    call->exchange->on_close = NULL;
    (void)error_no_memory(&question->error);
    fail_question(question, call, &question->error);
}

/* --- how a job is shown ----------------------------------------------------------------------------- */

static void append_arn(struct buf *out, const struct batch_job *job)
{
    buf_appendf(out, "\"arn:aws:bedrock:" STR_FMT ":" STR_FMT ":%s/%s\"", STR_ARG(job->region),
                STR_ARG(job->account), batch_job_kind.resource, job->id);
}

static void append_str(struct buf *out, const char *name, struct str value)
{
    buf_appendf(out, ",\"%s\":", name);
    buf_append_json(out, value);
}

static void append_time(struct buf *out, const char *name, uint64_t us)
{
    char text[TIMESTAMP_LEN + 1];
    if (!us)
        return;
    clock_iso8601(us, text);
    buf_appendf(out, ",\"%s\":\"%s\"", name, text);
}

/* A member of the request, as it came. */
static void append_member(struct buf *out, yyjson_val *request, const char *name)
{
    yyjson_val *value = yyjson_obj_get(request, name);
    if (!value || yyjson_is_null(value))
        return;
    buf_appendf(out, ",\"%s\":", name);
    json_append(out, value);
}

static void append_counts(struct buf *out, const struct batch_counts *counts)
{
    if (counts->total == 0)
        return;
    buf_appendf(out,
                ",\"totalRecordCount\":%llu,\"processedRecordCount\":%llu,\"successRecordCount\":%llu,"
                "\"errorRecordCount\":%llu",
                (unsigned long long)counts->total, (unsigned long long)(counts->success + counts->errors),
                (unsigned long long)counts->success, (unsigned long long)counts->errors);
}

static void append_job(struct buf *out, const struct batch_job *job)
{
    yyjson_doc *doc = NULL;
    struct error ignored;
    if (json_parse_exact(job->request, &doc, &ignored) != OK)
        out->failed = true; /* no memory: it was JSON when it was stored */
    yyjson_val *request = yyjson_doc_get_root(doc);
    buf_append_text(out, "{\"jobArn\":");
    append_arn(out, job);
    append_str(out, "jobName", job->name);
    append_str(out, "modelId", job->model_id);
    if (job->token.len > 0)
        append_str(out, "clientRequestToken", job->token);
    append_str(out, "roleArn", job->role_arn);
    append_str(out, "status", str_of(batch_status_name(job->status)));
    if (job->message.len > 0)
        append_str(out, "message", job->message);
    append_time(out, "submitTime", job->submit_us);
    append_time(out, "lastModifiedTime", job->modified_us);
    append_time(out, "endTime", job->end_us);
    append_member(out, request, "inputDataConfig");
    append_member(out, request, "outputDataConfig");
    append_member(out, request, "vpcConfig");
    buf_appendf(out, ",\"timeoutDurationInHours\":%u", job->timeout_hours);
    append_time(out, "jobExpirationTime", job->expires_us);
    append_str(out, "modelInvocationType", str_of(batch_type_names[job->type]));
    append_counts(out, &job->counts);
    buf_append_char(out, '}');
    json_free(doc);
}

/* --- create ----------------------------------------------------------------------------------------- */

static void ask_create(struct question *question)
{
    question->code = batch_create(question->batch, &question->job, &question->error);
}

static void answer_create(struct question *question, struct buf *body)
{
    buf_append_text(body, "{\"jobArn\":");
    append_arn(body, &question->job);
    buf_append_char(body, '}');
}

static enum error_code parse_create(struct question *question, struct api_call *call, struct error *error)
{
    struct batch_job *job = &question->job;
    enum error_code code = batch_request_parse(call->exchange->request.body, &question->arena, job, error);
    if (code != OK)
        return code;
    call->resource = job->model_id;
    code = call_resolve_model(call, error);
    if (code != OK)
        return code;
    job->tenant = question->tenant;
    if (call->profile.len > 0 && !arena_str(&question->arena, call->source, &job->source))
        return error_no_memory(error);
    if (!arena_str(&question->arena, call->profile, &job->profile) ||
        !arena_str(&question->arena, call->profile_tags, &job->profile_tags))
        return error_no_memory(error);
    if (!arena_str(&question->arena, str_of(call->identity.account), &job->account) ||
        !arena_str(&question->arena, str_of(call->identity.region), &job->region))
        return error_no_memory(error);
    return OK;
}

void batch_create_job(struct api_call *call)
{
    struct error error;
    struct question *question = new_question(call);
    enum error_code code = question ? parse_create(question, call, &error) : error_no_memory(&error);
    if (code != OK)
        fail_question(question, call, &error);
    else
        send_off(question, call, ask_create, answer_create);
}

/* --- get and stop ----------------------------------------------------------------------------------- */

/* An ARN means the job only in its own region and account. */
static enum error_code find_job(struct question *question)
{
    const struct batch_identifier *wanted = &question->identifier;
    struct batch_job *job = &question->job;
    enum error_code code =
        batch_get(question->batch, question->tenant, wanted->id, &question->arena, job, &question->error);
    bool is_other = wanted->account.len > 0 &&
                    (!str_eq(wanted->account, job->account) || !str_eq(wanted->region, job->region));
    if (code == OK && is_other)
        code = error_set(&question->error, ERROR_NOT_FOUND, "There is no batch job '" STR_FMT "' at this ARN.",
                         STR_ARG(wanted->id));
    return code;
}

static void ask_get(struct question *question)
{
    question->code = find_job(question);
}

static void answer_get(struct question *question, struct buf *body)
{
    append_job(body, &question->job);
}

static void ask_stop(struct question *question)
{
    question->code = find_job(question);
    if (question->code == OK)
        question->code = batch_request_stop(question->batch, question->tenant, question->identifier.id,
                                            &question->error);
}

static void answer_nothing(struct question *question, struct buf *body)
{
    (void)question;
    buf_append_text(body, "{}");
}

static void run_for_one(struct api_call *call, void (*how)(struct question *question),
                        void (*answer)(struct question *question, struct buf *body))
{
    struct error error;
    struct str text = {0};
    struct question *question = new_question(call);
    bool is_kept = question && arena_str(&question->arena, call->resource, &text);
    enum error_code code = is_kept ? batch_identifier_parse(text, &question->identifier, &error)
                                   : error_no_memory(&error);
    if (code != OK)
        fail_question(question, call, &error);
    else
        send_off(question, call, how, answer);
}

void batch_get_job(struct api_call *call)
{
    run_for_one(call, ask_get, answer_get);
}

void batch_stop_job(struct api_call *call)
{
    run_for_one(call, ask_stop, answer_nothing);
}

/* --- list ------------------------------------------------------------------------------------------- */

static void ask_list(struct question *question)
{
    question->code = batch_list(question->batch, &question->filter, &question->arena, &question->jobs,
                                &question->count, &question->has_more, &question->error);
}

static void answer_list(struct question *question, struct buf *body)
{
    buf_append_text(body, "{\"invocationJobSummaries\":[");
    for (size_t i = 0; i < question->count; i++) {
        if (i > 0)
            buf_append_char(body, ',');
        append_job(body, &question->jobs[i]);
    }
    buf_append_char(body, ']');
    if (question->has_more) {
        buf_append_text(body, ",\"nextToken\":\"");
        batch_append_token(body, question->jobs[question->count - 1].sequence);
        buf_append_char(body, '"');
    }
    buf_append_char(body, '}');
}

void batch_list_jobs(struct api_call *call)
{
    struct error error;
    struct http_exchange *exchange = call->exchange;
    const struct batch_list_query query = {
        .submit_after = http_query_get(exchange, "submitTimeAfter"),
        .submit_before = http_query_get(exchange, "submitTimeBefore"),
        .status = http_query_get(exchange, "statusEquals"),
        .name_contains = http_query_get(exchange, "nameContains"),
        .max_results = http_query_get(exchange, "maxResults"),
        .next_token = http_query_get(exchange, "nextToken"),
        .sort_by = http_query_get(exchange, "sortBy"),
        .sort_order = http_query_get(exchange, "sortOrder"),
    };
    struct question *question = new_question(call);
    enum error_code code = question ? batch_list_parse(&query, &question->filter, &error) : error_no_memory(&error);
    if (code == OK) {
        question->filter.tenant = question->tenant;
        if (!arena_str(&question->arena, question->filter.name_contains, &question->filter.name_contains))
            code = error_no_memory(&error);
    }
    if (code != OK)
        fail_question(question, call, &error);
    else
        send_off(question, call, ask_list, answer_list);
}

/* --- tags ------------------------------------------------------------------------------------------- */

static void ask_tag(struct question *question)
{
    question->code = find_job(question);
    if (question->code == OK)
        question->code =
            batch_tag(question->batch, question->job.id, &question->tag_request.tags, &question->error);
}

static void ask_untag(struct question *question)
{
    const struct tag_request *request = &question->tag_request;
    question->code = find_job(question);
    if (question->code == OK)
        question->code = batch_untag(question->batch, question->job.id, request->keys, request->key_count,
                                     &question->error);
}

static void ask_tags(struct question *question)
{
    question->code = find_job(question);
    if (question->code == OK)
        question->code = batch_tags(question->batch, question->job.id, &question->arena, &question->job.tags,
                                    &question->error);
}

static void answer_tags(struct question *question, struct buf *body)
{
    buf_append_text(body, "{\"tags\":[");
    for (size_t i = 0; i < question->job.tags.count; i++) {
        const struct job_tag *tag = &question->job.tags.items[i];
        buf_append_text(body, i > 0 ? ",{\"key\":" : "{\"key\":");
        buf_append_json(body, tag->key);
        append_str(body, "value", tag->value);
        buf_append_char(body, '}');
    }
    buf_append_text(body, "]}");
}

static void run_for_tags(struct api_call *call, enum tag_operation operation, void (*how)(struct question *question),
                         void (*answer)(struct question *question, struct buf *body))
{
    struct error error;
    struct question *question = new_question(call);
    enum error_code code = question ? tag_request_parse(operation, call->exchange->request.body, &question->arena,
                                                        &question->tag_request, &error)
                                    : error_no_memory(&error);
    if (code == OK)
        code = batch_resource_parse(question->tag_request.resource, &question->identifier, &error);
    if (code != OK)
        fail_question(question, call, &error);
    else
        send_off(question, call, how, answer);
}

void tag_resource(struct api_call *call)
{
    if (!profiles_take_tags(call, TAG_RESOURCE))
        run_for_tags(call, TAG_RESOURCE, ask_tag, answer_nothing);
}

void untag_resource(struct api_call *call)
{
    if (!profiles_take_tags(call, UNTAG_RESOURCE))
        run_for_tags(call, UNTAG_RESOURCE, ask_untag, answer_nothing);
}

void list_tags_for_resource(struct api_call *call)
{
    if (!profiles_take_tags(call, LIST_TAGS))
        run_for_tags(call, LIST_TAGS, ask_tags, answer_tags);
}
