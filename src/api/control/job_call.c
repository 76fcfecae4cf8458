/* From a request about jobs to the pool and back. */
#include "api/control/job_call.h"

#include "store/disk.h"

#define JOBS_BODY_MAX ((size_t)64 << 20)

struct job_call *job_call_new(struct api_call *call)
{
    struct job_call *jobs = CALL_NEW(call, struct job_call);
    if (!jobs)
        return NULL;
    jobs->call = call;
    jobs->batch = call->thread->api->batch;
    jobs->arena = &call->exchange->arena;
    jobs->tenant = str_of(call->identity.tenant);
    return jobs;
}

static void run(void *ctx)
{
    struct job_call *jobs = ctx;
    jobs->code = disk_check(&jobs->error); /* files that were removed can still be read, and say what was */
    if (jobs->code == OK)
        jobs->code = jobs->ask(jobs);
}

static void done(void *ctx, bool is_gone)
{
    struct job_call *jobs = ctx;
    struct buf body;
    if (is_gone) {
        call_account(jobs->call, CALL_CLIENT_GONE);
        return;
    }
    if (jobs->code != OK) {
        call_fail(jobs->call, &jobs->error);
        return;
    }
    buf_init(&body, JOBS_BODY_MAX);
    jobs->answer(jobs, &body);
    call_respond_json(jobs->call, &body);
    buf_deinit(&body);
}

void job_call_run(struct job_call *jobs, enum error_code (*ask)(struct job_call *jobs),
                  void (*answer)(struct job_call *jobs, struct buf *body))
{
    if (jobs->code != OK) {
        call_fail(jobs->call, &jobs->error);
        return;
    }
    jobs->ask = ask;
    jobs->answer = answer;
    offload_start(&jobs->offload, jobs->call->exchange, run, done, jobs);
}

enum error_code job_call_find(struct job_call *jobs)
{
    const struct batch_identifier *wanted = &jobs->identifier;
    struct batch_job *job = &jobs->job;
    enum error_code code = batch_get(jobs->batch, &batch_job_kind, jobs->tenant, wanted->id, jobs->arena, job,
                                     &jobs->error);
    bool is_other = wanted->account.len > 0 &&
                    (!str_eq(wanted->account, job->account) || !str_eq(wanted->region, job->region));
    if (code == OK && is_other)
        code = error_set(&jobs->error, ERROR_NOT_FOUND, "There is no batch job '" STR_FMT "' at this ARN.",
                         STR_ARG(wanted->id));
    return code;
}

void job_call_answer_nothing(struct job_call *jobs, struct buf *body)
{
    (void)jobs;
    buf_append_text(body, "{}");
}
