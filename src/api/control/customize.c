/* CreateModelCustomizationJob, GetModelCustomizationJob, ListModelCustomizationJobs and StopModelCustomizationJob; and
 * tags of such jobs. */
#include "api/control/customize.h"

#include "api/control/change.h"
#include "api/control/customize_request.h"
#include "api/control/profiles.h"
#include "api/control/request_fields.h"
#include "api/control/tag_request.h"
#include "customize/customize.h"
#include "customize/student.h"
#include "customize/worth.h"

#define JOBS_BODY_MAX (64u << 20)

/* One request about jobs. */
struct custom_call {
    struct change base;
    struct customize *customize;
    struct arena *arena;
    struct custom_job job;
    struct customize_request request;
    struct customize_identifier identifier;
    struct tag_request tags;
    struct job_filter filter;
    struct custom_job *list;
    size_t count;
    bool has_more;
    struct worth worth; /* of a distillation that is Completed */
    bool has_worth;
};

static struct custom_call *new_call(struct api_call *call)
{
    struct custom_call *custom = change_new(call, sizeof(*custom));
    if (!custom)
        return NULL;
    custom->customize = call->thread->api->customize;
    custom->arena = &call->exchange->arena;
    custom->request.job = &custom->job;
    custom->job.tenant = str_of(call->identity.tenant);
    custom->job.account = str_of(call->identity.account);
    custom->job.region = str_of(call->identity.region);
    return custom;
}

/* --- how a job is shown ----------------------------------------------------------------------------- */

static void append_arn(struct buf *out, const char *name, const char *resource, const struct custom_job *job,
                       const char *id)
{
    buf_appendf(out, "%s\"%s\":\"", out->data[out->len - 1] == '{' ? "" : ",", name);
    custom_append_arn(out, resource, job->region, job->account, job->base, id);
    buf_append_char(out, '"');
}

void custom_append_base_arn(struct buf *out, const char *name, struct str region, struct str base)
{
    buf_appendf(out, ",\"%s\":\"arn:aws:bedrock:" STR_FMT "::foundation-model/" STR_FMT "\"", name, STR_ARG(region),
                STR_ARG(base));
}

static void append_stages(struct buf *out, const struct custom_job *job)
{
    static const char *const names[CUSTOM_STAGES] = {"validationDetails", "dataProcessingDetails", "trainingDetails"};
    buf_append_text(out, ",\"statusDetails\":{");
    for (size_t i = 0; i < CUSTOM_STAGES; i++) {
        const struct custom_stage_note *stage = &job->progress.stages[i];
        const bool is_stopping = job->status == CUSTOM_STOPPING && stage->status == STAGE_IN_PROGRESS;
        buf_appendf(out, "%s\"%s\":{\"status\":\"%s\"", i ? "," : "", names[i],
                    is_stopping ? "Stopping" : custom_stage_status_names[stage->status]);
        json_append_time_member(out, "creationTime", stage->created_us);
        json_append_time_member(out, "lastModifiedTime", stage->modified_us);
        buf_append_char(out, '}');
    }
    buf_append_char(out, '}');
}

/* Members of the request, as they came. */
static void append_request(struct buf *out, const struct custom_job *job)
{
    static const char *const names[] = {"roleArn", "hyperParameters", "trainingDataConfig", "outputDataConfig",
                                        "customizationConfig", "vpcConfig"};
    yyjson_doc *doc = NULL;
    struct error ignored;
    if (json_parse(job->request, &doc, &ignored) != OK)
        out->failed = true; /* no memory: it was JSON when it was stored */
    yyjson_val *request = yyjson_doc_get_root(doc), *validation = yyjson_obj_get(request, "validationDataConfig");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        json_append_same_member(out, names[i], request);
    buf_append_text(out, ",\"validationDataConfig\":");
    if (yyjson_is_obj(validation))
        json_append(out, validation);
    else
        buf_append_text(out, "{\"validators\":[]}");
    json_free(doc);
}

static void append_metrics(struct buf *out, const struct custom_progress *progress)
{
    if (progress->has_loss)
        buf_appendf(out, ",\"trainingMetrics\":{\"trainingLoss\":%.6f}", progress->loss);
    if (progress->validator_count == 0)
        return;
    buf_append_text(out, ",\"validationMetrics\":[");
    for (size_t i = 0; i < progress->validator_count; i++)
        buf_appendf(out, "%s{\"validationLoss\":%.6f}", i ? "," : "", progress->validation_losses[i]);
    buf_append_char(out, ']');
}

/* What was asked in all, and how many prompts it has answered. */
static void append_teacher(struct buf *out, const struct custom_progress *progress, uint64_t cost)
{
    const struct custom_asked *answers = &progress->answers, *variants = &progress->variants.asked;
    if (!answers->job[0] && !variants->job[0])
        return;
    buf_append_text(out, ",\"teacher\":{");
    if (answers->job[0])
        buf_appendf(out, "\"job\":\"%s\",", answers->job);
    buf_appendf(out, "\"prompts\":%llu,\"answers\":%llu,\"inputTokens\":%llu,\"outputTokens\":%llu,"
                "\"costPicodollars\":%llu}", (unsigned long long)answers->asked,
                (unsigned long long)answers->answered, (unsigned long long)(answers->input + variants->input),
                (unsigned long long)(answers->output + variants->output), (unsigned long long)cost);
}

/* The prompts that the teacher wrote, and what became of them. */
static void append_synthesis(struct buf *out, const struct custom_variants *variants)
{
    if (!variants->asked.job[0])
        return;
    buf_appendf(out, ",\"synthesis\":{\"job\":\"%s\",\"requests\":%llu,\"replies\":%llu,\"inputTokens\":%llu,"
                "\"outputTokens\":%llu,", variants->asked.job, (unsigned long long)variants->asked.asked,
                (unsigned long long)variants->asked.answered, (unsigned long long)variants->asked.input,
                (unsigned long long)variants->asked.output);
    custom_append_variants(out, variants);
    buf_append_char(out, '}');
}

/* How much of its base it is, and of its base's price. */
static void append_student(struct buf *out, const struct custom_progress *progress)
{
    if (progress->price_share == 0)
        return;
    buf_appendf(out, ",\"student\":{\"weights\":%llu,\"baseWeights\":%llu,\"priceShare\":%.6f}",
                (unsigned long long)progress->weights, (unsigned long long)progress->base_weights,
                (double)progress->price_share / STUDENT_WHOLE);
}

/* Beyond the service: how far it is. */
static void append_progress(struct buf *out, const struct custom_progress *progress, uint64_t cost)
{
    buf_appendf(out, ",\"progress\":{\"acceptedLines\":%llu,\"rejectedLines\":%llu,\"trainingRows\":%llu,"
                "\"validationRows\":%llu,\"step\":%llu,\"steps\":%llu,\"secondsLeft\":%llu",
                (unsigned long long)progress->accepted, (unsigned long long)progress->rejected,
                (unsigned long long)progress->trained, (unsigned long long)progress->held,
                (unsigned long long)progress->step, (unsigned long long)progress->steps,
                (unsigned long long)progress->seconds_left);
    append_teacher(out, progress, cost);
    append_synthesis(out, &progress->variants);
    append_student(out, progress);
    buf_append_char(out, '}');
}

/* Beyond the service: after how many requests it has paid for itself. */
static void append_worth(struct buf *out, const struct worth *worth)
{
    buf_appendf(out, ",\"breakEven\":{\"requests\":%llu,\"savedPerRequestPicodollars\":%lld,"
                "\"seenRequests\":%llu,\"days\":%d}", (unsigned long long)worth->break_even, (long long)worth->saved,
                (unsigned long long)worth->seen, WORTH_DAYS);
}

static void append_times(struct buf *out, const struct custom_job *job)
{
    json_append_time_member(out, "creationTime", job->submit_us);
    json_append_time_member(out, "lastModifiedTime", job->modified_us);
    json_append_time_member(out, "endTime", job->end_us);
}

static void append_job(struct buf *out, const struct custom_call *custom)
{
    const struct custom_job *job = &custom->job;
    buf_append_char(out, '{');
    append_arn(out, "jobArn", custom_job_kind.resource, job, job->id);
    json_append_member(out, "jobName", job->name);
    json_append_member(out, "outputModelName", job->model_name);
    if (job->progress.model[0])
        append_arn(out, "outputModelArn", "custom-model", job, job->progress.model);
    if (job->token.len > 0)
        json_append_member(out, "clientRequestToken", job->token);
    json_append_member(out, "status", str_of(custom_job_kind.statuses[job->status].name));
    append_stages(out, job);
    if (job->message.len > 0)
        json_append_member(out, job->status == CUSTOM_FAILED ? "failureMessage" : "message", job->message);
    append_times(out, job);
    custom_append_base_arn(out, "baseModelArn", job->region, job->base);
    json_append_member(out, "customizationType", str_of(custom_type_names[job->type]));
    append_request(out, job);
    append_metrics(out, &job->progress);
    append_progress(out, &job->progress, customize_cost(custom->customize, job));
    if (custom->has_worth)
        append_worth(out, &custom->worth);
    buf_append_char(out, '}');
}

static void append_summary(struct buf *out, const struct custom_job *job)
{
    buf_append_char(out, '{');
    append_arn(out, "jobArn", custom_job_kind.resource, job, job->id);
    custom_append_base_arn(out, "baseModelArn", job->region, job->base);
    json_append_member(out, "jobName", job->name);
    json_append_member(out, "status", str_of(custom_job_kind.statuses[job->status].name));
    append_stages(out, job);
    append_times(out, job);
    if (job->progress.model[0])
        append_arn(out, "customModelArn", "custom-model", job, job->progress.model);
    json_append_member(out, "customModelName", job->model_name);
    json_append_member(out, "customizationType", str_of(custom_type_names[job->type]));
    buf_append_char(out, '}');
}

/* --- create ----------------------------------------------------------------------------------------- */

static enum error_code make_job(struct change *base)
{
    struct custom_call *custom = (struct custom_call *)base;
    return customize_create(custom->customize, &custom->job, &base->error);
}

static void respond_created(struct change *base)
{
    struct custom_call *custom = (struct custom_call *)base;
    struct buf body;
    buf_init(&body, JOBS_BODY_MAX);
    buf_append_char(&body, '{');
    append_arn(&body, "jobArn", custom_job_kind.resource, &custom->job, custom->job.id);
    buf_append_char(&body, '}');
    if (body.failed)
        call_respond_json(base->call, &body);
    else
        call_respond(base->call, 201, STR("application/json"), buf_str(&body));
    buf_deinit(&body);
}

/* Whatever is served may teach: a model, a router, what an application profile stands for. */
static enum error_code find_teacher(struct api_call *call, struct custom_call *custom, struct catalog_match *match,
                                    struct error *error)
{
    struct custom_job *job = &custom->job;
    const struct routing *routing = call->thread->api->work->routing;
    const struct routing_asker asker = call_asker(call);
    struct arena *arena = &call->exchange->arena;
    struct route *route = NULL;
    struct str arn, tags;
    (void)profiles_find(call, job->teacher, &arn, &tags, &job->teacher);
    enum error_code code = route_new(routing, &asker, job->teacher, arena, &route, error);
    if (code == OK && !route)
        code = routing_resolve(routing, &asker, job->teacher, arena, match, error);
    else if (code == OK && custom->request.wants_soft)
        return error_set(error, ERROR_INVALID,
                         "hyperParameters.softLabels: the teacher is a router, whose answers are several models'; name "
                         "one of them, or leave softLabels out");
    else if (code == OK)
        *match = *route_match(route);
    return code == OK ? OK : error_prefix(error, "customizationConfig.distillationConfig.teacherModelConfig."
                                          "teacherModelIdentifier");
}

void custom_create_job(struct api_call *call)
{
    struct custom_call *custom = new_call(call);
    struct catalog_match teacher = {0};
    if (!custom)
        return;
    struct change *base = &custom->base;
    base->code = customize_request_parse(call->exchange->request.body, custom->arena, &custom->request, &base->error);
    if (base->code == OK && custom->job.type == CUSTOM_DISTILLATION)
        base->code = find_teacher(call, custom, &teacher, &base->error);
    if (base->code == OK && custom->request.wants_soft)
        base->code = customize_soft_teacher(&teacher, custom->arena, &custom->job, &base->error);
    if (base->code == OK)
        base->code = customize_base(custom->customize, custom->request.base, custom->arena, &custom->job,
                                    &base->error);
    if (base->code == OK && custom->job.type == CUSTOM_DISTILLATION &&
        !customize_note_teacher(custom->customize, &teacher, custom->arena, &custom->job))
        base->code = error_no_memory(&base->error);
    change_send(base, make_job, respond_created);
}

/* --- get and stop ----------------------------------------------------------------------------------- */

/* An ARN means a job only in its own region and account. */
static enum error_code find_job(struct change *base)
{
    struct custom_call *custom = (struct custom_call *)base;
    const struct customize_identifier *wanted = &custom->identifier;
    const struct str tenant = custom->job.tenant;
    const enum error_code code =
        customize_get(custom->customize, tenant, wanted->id, custom->arena, &custom->job, &base->error);
    const bool is_other = code == OK && wanted->account.len > 0 &&
                          (!str_eq(wanted->account, custom->job.account) ||
                           !str_eq(wanted->region, custom->job.region));
    return is_other ? error_set(&base->error, ERROR_NOT_FOUND, "There is no model customization job at this ARN.")
                    : code;
}

static void respond_job(struct change *base)
{
    struct custom_call *custom = (struct custom_call *)base;
    struct buf body;
    buf_init(&body, JOBS_BODY_MAX);
    append_job(&body, custom);
    call_respond_json(base->call, &body);
    buf_deinit(&body);
}

static enum error_code stop_job(struct change *base)
{
    struct custom_call *custom = (struct custom_call *)base;
    const enum error_code code = find_job(base);
    return code == OK ? customize_request_stop(custom->customize, custom->job.tenant, str_of(custom->job.id),
                                               &base->error)
                      : code;
}

static void run_for_one(struct api_call *call, enum error_code (*make)(struct change *base),
                        void (*respond)(struct change *base))
{
    struct custom_call *custom = new_call(call);
    if (!custom)
        return;
    custom->base.code = customize_identifier_parse(call->resource, custom_job_kind.resource, "jobIdentifier",
                                                   &custom->identifier, &custom->base.error);
    change_send(&custom->base, make, respond);
}

static enum error_code get_job(struct change *base)
{
    struct custom_call *custom = (struct custom_call *)base;
    struct error ignored; /* a ledger that can't be read now keeps nobody from his job */
    const enum error_code code = find_job(base);
    custom->has_worth = code == OK && custom->job.type == CUSTOM_DISTILLATION &&
                        custom->job.status == CUSTOM_COMPLETED &&
                        customize_worth(custom->customize, &custom->job, &custom->worth, &ignored) == OK;
    return code;
}

void custom_get_job(struct api_call *call)
{
    run_for_one(call, get_job, respond_job);
}

void custom_stop_job(struct api_call *call)
{
    run_for_one(call, stop_job, change_respond_nothing);
}

/* --- list ------------------------------------------------------------------------------------------- */

static enum error_code list_jobs(struct change *base)
{
    struct custom_call *custom = (struct custom_call *)base;
    return customize_list(custom->customize, &custom->filter, custom->arena, &custom->list, &custom->count,
                          &custom->has_more, &base->error);
}

static void respond_list(struct change *base)
{
    struct custom_call *custom = (struct custom_call *)base;
    struct buf body;
    buf_init(&body, JOBS_BODY_MAX);
    buf_append_text(&body, "{\"modelCustomizationJobSummaries\":[");
    for (size_t i = 0; i < custom->count; i++) {
        if (i > 0)
            buf_append_char(&body, ',');
        append_summary(&body, &custom->list[i]);
    }
    buf_append_char(&body, ']');
    if (custom->has_more)
        request_append_next(&body, custom->list[custom->count - 1].sequence);
    buf_append_char(&body, '}');
    call_respond_json(base->call, &body);
    buf_deinit(&body);
}

void custom_list_jobs(struct api_call *call)
{
    static const struct request_list_names names = {"creationTimeAfter", "creationTimeBefore",
                                                    "model customization jobs"};
    const struct request_list_query query = request_list_query_of(call->exchange, &names);
    struct custom_call *custom = new_call(call);
    if (!custom)
        return;
    custom->base.code = request_list_parse(&query, &names, &custom_job_kind, &custom->filter, &custom->base.error);
    custom->filter.tenant = custom->job.tenant;
    change_send(&custom->base, list_jobs, respond_list);
}

/* --- tags ------------------------------------------------------------------------------------------- */

static enum error_code tag_job(struct change *base)
{
    struct custom_call *custom = (struct custom_call *)base;
    const enum error_code code = find_job(base);
    return code == OK ? customize_tag(custom->customize, custom->job.id, &custom->tags.tags, &base->error) : code;
}

static enum error_code untag_job(struct change *base)
{
    struct custom_call *custom = (struct custom_call *)base;
    const enum error_code code = find_job(base);
    return code == OK ? customize_untag(custom->customize, custom->job.id, custom->tags.keys, custom->tags.key_count,
                                        &base->error)
                      : code;
}

static enum error_code read_tags(struct change *base)
{
    struct custom_call *custom = (struct custom_call *)base;
    const enum error_code code = find_job(base);
    return code == OK ? customize_tags(custom->customize, custom->job.id, custom->arena, &custom->job.tags,
                                       &base->error)
                      : code;
}

static void respond_tags(struct change *base)
{
    struct custom_call *custom = (struct custom_call *)base;
    struct buf body;
    buf_init(&body, JOBS_BODY_MAX);
    tags_append(&body, &custom->job.tags);
    call_respond_json(base->call, &body);
    buf_deinit(&body);
}

bool custom_jobs_take_tags(struct api_call *call, enum tag_operation operation)
{
    static enum error_code (*const makers[])(struct change *base) = {
        [TAG_RESOURCE] = tag_job, [UNTAG_RESOURCE] = untag_job, [LIST_TAGS] = read_tags};
    struct tag_request request;
    struct customize_identifier identifier;
    struct error error;
    if (tag_request_parse(operation, call->exchange->request.body, &call->exchange->arena, &request, &error) != OK ||
        !str_starts(request.resource, STR("arn:")) ||
        customize_identifier_parse(request.resource, custom_job_kind.resource, "resourceARN", &identifier, &error) !=
            OK)
        return false;
    struct custom_call *custom = new_call(call);
    if (!custom)
        return true;
    custom->tags = request;
    custom->identifier = identifier;
    change_send(&custom->base, makers[operation], operation == LIST_TAGS ? respond_tags : change_respond_nothing);
    return true;
}
