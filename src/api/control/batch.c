/* CreateModelInvocationJob, GetModelInvocationJob, ListModelInvocationJobs and
 * StopModelInvocationJob. */
#include "api/control/job_call.h"
#include "core/json.h"

/* --- how a job is shown ----------------------------------------------------------------------------- */

static void append_arn(struct buf *out, const struct batch_job *job)
{
    buf_appendf(out, "\"arn:aws:bedrock:" STR_FMT ":" STR_FMT ":%s/%s\"", STR_ARG(job->region),
                STR_ARG(job->account), batch_job_kind.resource, job->id);
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
    json_append_member(out, "jobName", job->name);
    json_append_member(out, "modelId", job->model_id);
    if (job->token.len > 0)
        json_append_member(out, "clientRequestToken", job->token);
    json_append_member(out, "roleArn", job->role_arn);
    json_append_member(out, "status", str_of(batch_status_name(job->status)));
    if (job->message.len > 0)
        json_append_member(out, "message", job->message);
    json_append_time_member(out, "submitTime", job->submit_us);
    json_append_time_member(out, "lastModifiedTime", job->modified_us);
    json_append_time_member(out, "endTime", job->end_us);
    json_append_same_member(out, "inputDataConfig", request);
    json_append_same_member(out, "outputDataConfig", request);
    json_append_same_member(out, "vpcConfig", request);
    buf_appendf(out, ",\"timeoutDurationInHours\":%u", job->timeout_hours);
    json_append_time_member(out, "jobExpirationTime", job->expires_us);
    json_append_member(out, "modelInvocationType", str_of(batch_type_name(job->type)));
    append_counts(out, &job->counts);
    buf_append_char(out, '}');
    json_free(doc);
}

/* --- create ----------------------------------------------------------------------------------------- */

static enum error_code ask_create(struct job_call *jobs)
{
    return batch_create(jobs->batch, &jobs->job, &jobs->error);
}

static void answer_create(struct job_call *jobs, struct buf *body)
{
    buf_append_text(body, "{\"jobArn\":");
    append_arn(body, &jobs->job);
    buf_append_char(body, '}');
}

static enum error_code parse_create(struct job_call *jobs)
{
    struct api_call *call = jobs->call;
    struct batch_job *job = &jobs->job;
    enum error_code code = batch_request_parse(call->exchange->request.body, jobs->arena, job, &jobs->error);
    if (code != OK)
        return code;
    call->resource = job->model_id;
    code = call_resolve_model(call, &jobs->error);
    if (code == OK && job->type == BATCH_INVOKE_MODEL)
        code = call_need_one_body(call, &jobs->error);
    job->tenant = jobs->tenant;
    job->key = str_of(call->identity.key_id);
    if (call->profile.len > 0)
        job->source = call->source;
    job->profile = call->profile;
    job->profile_tags = call->profile_tags;
    job->account = str_of(call->identity.account);
    job->region = str_of(call->identity.region);
    return code;
}

void batch_create_job(struct api_call *call)
{
    struct job_call *jobs = job_call_new(call);
    if (!jobs)
        return;
    jobs->code = parse_create(jobs);
    job_call_run(jobs, ask_create, answer_create);
}

/* --- get and stop ----------------------------------------------------------------------------------- */

static void answer_get(struct job_call *jobs, struct buf *body)
{
    append_job(body, &jobs->job);
}

static enum error_code ask_stop(struct job_call *jobs)
{
    enum error_code code = job_call_find(jobs);
    return code == OK ? batch_request_stop(jobs->batch, &batch_job_kind, jobs->tenant, jobs->identifier.id,
                                           &jobs->error) : code;
}

static void run_for_one(struct api_call *call, enum error_code (*ask)(struct job_call *jobs),
                        void (*answer)(struct job_call *jobs, struct buf *body))
{
    struct job_call *jobs = job_call_new(call);
    if (!jobs)
        return;
    jobs->code = batch_identifier_parse(call->resource, &jobs->identifier, &jobs->error);
    job_call_run(jobs, ask, answer);
}

void batch_get_job(struct api_call *call)
{
    run_for_one(call, job_call_find, answer_get);
}

void batch_stop_job(struct api_call *call)
{
    run_for_one(call, ask_stop, job_call_answer_nothing);
}

/* --- list ------------------------------------------------------------------------------------------- */

static enum error_code ask_list(struct job_call *jobs)
{
    return batch_list(jobs->batch, &batch_job_kind, &jobs->filter, jobs->arena, &jobs->list, &jobs->count,
                      &jobs->has_more,
                      &jobs->error);
}

static void answer_list(struct job_call *jobs, struct buf *body)
{
    buf_append_text(body, "{\"invocationJobSummaries\":[");
    for (size_t i = 0; i < jobs->count; i++) {
        if (i > 0)
            buf_append_char(body, ',');
        append_job(body, &jobs->list[i]);
    }
    buf_append_char(body, ']');
    if (jobs->has_more)
        request_append_next(body, jobs->list[jobs->count - 1].sequence);
    buf_append_char(body, '}');
}

void batch_list_jobs(struct api_call *call)
{
    const struct request_list_query query = request_list_query_of(call->exchange, &batch_list_names);
    struct job_call *jobs = job_call_new(call);
    if (!jobs)
        return;
    jobs->code = batch_list_parse(&query, &jobs->filter, &jobs->error);
    jobs->filter.tenant = jobs->tenant;
    job_call_run(jobs, ask_list, answer_list);
}
