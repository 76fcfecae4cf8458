/* TagResource, UntagResource and ListTagsForResource, of whatever has tags: inference profiles (profiles.c), prompt
 * routers (routers.c), customization jobs (customize.c), custom models (custom_models.c) and their deployments
 * (custom_deployments.c), evaluation jobs (evaluations.c), and batch jobs. */
#include "api/control/customize.h"
#include "api/control/evaluations.h"
#include "api/control/job_call.h"
#include "api/control/profiles.h"
#include "api/control/routers.h"

static enum error_code ask_tag(struct job_call *jobs)
{
    enum error_code code = job_call_find(jobs);
    return code == OK ? batch_tag(jobs->batch, jobs->job.id, &jobs->tags.tags, &jobs->error) : code;
}

static enum error_code ask_untag(struct job_call *jobs)
{
    const struct tag_request *request = &jobs->tags;
    enum error_code code = job_call_find(jobs);
    return code == OK ? batch_untag(jobs->batch, jobs->job.id, request->keys, request->key_count, &jobs->error) : code;
}

static enum error_code ask_tags(struct job_call *jobs)
{
    enum error_code code = job_call_find(jobs);
    return code == OK ? batch_tags(jobs->batch, jobs->job.id, jobs->arena, &jobs->job.tags, &jobs->error) : code;
}

static void answer_tags(struct job_call *jobs, struct buf *body)
{
    tags_append(body, &jobs->job.tags);
}

static void run(struct api_call *call, enum tag_operation operation, enum error_code (*ask)(struct job_call *jobs),
                void (*answer)(struct job_call *jobs, struct buf *body))
{
    if (profiles_take_tags(call, operation) || routers_take_tags(call, operation) ||
        custom_jobs_take_tags(call, operation) || custom_models_take_tags(call, operation) ||
        custom_deployments_take_tags(call, operation) || evaluations_take_tags(call, operation))
        return;
    struct job_call *jobs = job_call_new(call);
    if (!jobs)
        return;
    jobs->code = tag_request_parse(operation, call->exchange->request.body, jobs->arena, &jobs->tags, &jobs->error);
    if (jobs->code == OK)
        jobs->code = batch_resource_parse(jobs->tags.resource, &jobs->identifier, &jobs->error);
    job_call_run(jobs, ask, answer);
}

void tag_resource(struct api_call *call)
{
    run(call, TAG_RESOURCE, ask_tag, job_call_answer_nothing);
}

void untag_resource(struct api_call *call)
{
    run(call, UNTAG_RESOURCE, ask_untag, job_call_answer_nothing);
}

void list_tags_for_resource(struct api_call *call)
{
    run(call, LIST_TAGS, ask_tags, answer_tags);
}
