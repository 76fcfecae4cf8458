/* CreateEvaluationJob, GetEvaluationJob, ListEvaluationJobs, StopEvaluationJob and BatchDeleteEvaluationJob; and tags
 * of such jobs. */
#include "api/control/evaluations.h"

#include "api/control/change.h"
#include "api/control/evaluation_request.h"
#include "api/control/request_fields.h"
#include "eval/evaluations.h"

#define BODY_MAX ((size_t)64 << 20)

/* One request about jobs. */
struct evaluation_call {
    struct change base;
    struct evaluations *evaluations;
    struct arena *arena;
    struct eval_job job;
    struct evaluation_identifier identifier;
    struct evaluation_deletes deletes;
    struct tag_request tags;
    struct error problems[EVALUATION_DELETES_MAX]; /* of each delete */
    struct job_filter filter;
    struct eval_job *list;
    size_t count;
    bool has_more;
};

static struct evaluation_call *own(struct change *base) { return (struct evaluation_call *)(void *)base; }

static struct evaluation_call *new_call(struct api_call *call)
{
    struct evaluation_call *made = change_new(call, sizeof(*made));
    if (!made)
        return NULL;
    made->evaluations = call->thread->api->evaluations;
    made->arena = &call->exchange->arena;
    made->job.tenant = str_of(call->identity.tenant);
    made->job.account = str_of(call->identity.account);
    made->job.region = str_of(call->identity.region);
    return made;
}

static void respond(struct change *base, int status, struct buf *body)
{
    if (body->failed || status == 200)
        call_respond_json(base->call, body);
    else
        call_respond(base->call, status, STR("application/json"), buf_str(body));
    buf_deinit(body);
}

/* --- how a job is shown ----------------------------------------------------------------------------- */

static void append_arn(struct buf *out, const struct eval_job *job)
{
    buf_appendf(out, "\"arn:aws:bedrock:" STR_FMT ":" STR_FMT ":%s/%s\"", STR_ARG(job->region), STR_ARG(job->account),
                eval_job_kind.resource, job->id);
}

static void append_head(struct buf *out, const struct eval_job *job)
{
    buf_append_text(out, "{\"jobArn\":");
    append_arn(out, job);
    json_append_member(out, "jobName", job->name);
    json_append_member(out, "status", str_of(eval_job_kind.statuses[job->status].name));
    buf_append_text(out, ",\"jobType\":\"Automated\",\"applicationType\":\"ModelEvaluation\"");
    json_append_time_member(out, "creationTime", job->submit_us);
}

/* Members of the request, as they came. */
static void append_job(struct buf *out, const struct eval_job *job)
{
    static const char *const names[] = {"jobDescription",   "roleArn",         "customerEncryptionKeyId",
                                        "evaluationConfig", "inferenceConfig", "outputDataConfig"};
    yyjson_doc *doc = NULL;
    struct error ignored;
    if (json_parse_exact(job->request, &doc, &ignored) != OK)
        out->failed = true; /* no memory: it was JSON when it was stored */
    append_head(out, job);
    json_append_time_member(out, "lastModifiedTime", job->modified_us);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        json_append_same_member(out, names[i], yyjson_doc_get_root(doc));
    if (job->message.len > 0) {
        buf_append_text(out, ",\"failureMessages\":[");
        buf_append_json(out, job->message);
        buf_append_char(out, ']');
    }
    buf_append_char(out, '}');
    json_free(doc);
}

/* `is_given`: which of the models. */
static void append_identifiers(struct buf *out, const char *name, const struct eval_job *job, bool is_given)
{
    size_t count = 0;
    buf_appendf(out, "\"%s\":[", name);
    for (size_t i = 0; i < job->model_count; i++) {
        if (job->models[i].is_given != is_given)
            continue;
        if (count++ > 0)
            buf_append_char(out, ',');
        buf_append_json(out, job->models[i].id);
    }
    buf_append_char(out, ']');
}

static void append_summary(struct buf *out, const struct eval_job *job)
{
    bool has_task[EVAL_TASKS] = {false};
    size_t count = 0;
    append_head(out, job);
    buf_append_text(out, ",\"evaluationTaskTypes\":[");
    for (size_t i = 0; i < job->set_count; i++) {
        if (has_task[job->sets[i].task])
            continue;
        has_task[job->sets[i].task] = true;
        buf_appendf(out, "%s\"%s\"", count++ ? "," : "", eval_task_names[job->sets[i].task]);
    }
    buf_append_text(out, "],");
    append_identifiers(out, "modelIdentifiers", job, false);
    buf_append_text(out, ",\"inferenceConfigSummary\":{\"modelConfigSummary\":{");
    append_identifiers(out, "bedrockModelIdentifiers", job, false);
    buf_append_char(out, ',');
    append_identifiers(out, "precomputedInferenceSourceIdentifiers", job, true);
    buf_append_text(out, "}}");
    if (job->judge.id.len > 0) {
        buf_append_text(out, ",\"evaluatorModelIdentifiers\":[");
        buf_append_json(out, job->judge.id);
        buf_append_char(out, ']');
    }
    buf_append_char(out, '}');
}

/* --- create ----------------------------------------------------------------------------------------- */

static enum error_code make_job(struct change *base)
{
    return evaluations_create(own(base)->evaluations, &own(base)->job, &base->error);
}

static void respond_created(struct change *base)
{
    struct buf body;
    buf_init(&body, BODY_MAX);
    buf_append_text(&body, "{\"jobArn\":");
    append_arn(&body, &own(base)->job);
    buf_append_char(&body, '}');
    respond(base, 202, &body);
}

/* Who is to be asked is known before the job is made. */
static enum error_code resolve(struct api_call *call, struct eval_asked *asked, const char *member, struct error *error)
{
    call->resource = asked->id;
    call->profile = call->profile_tags = (struct str){0};
    const enum error_code code = call_resolve_model(call, error);
    if (code != OK)
        return error_prefix(error, "%s", member);
    if (call->profile.len > 0)
        asked->source = call->source;
    asked->profile = call->profile;
    asked->profile_tags = call->profile_tags;
    return OK;
}

static enum error_code parse_create(struct evaluation_call *made)
{
    struct api_call *call = made->base.call;
    struct eval_job *job = &made->job;
    enum error_code code = evaluation_request_parse(call->exchange->request.body, made->arena, job, &made->base.error);
    for (size_t i = 0; i < job->model_count && code == OK; i++)
        if (!job->models[i].is_given)
            code = resolve(call, &job->models[i], "inferenceConfig.models", &made->base.error);
    if (code == OK && job->judge.id.len > 0)
        code = resolve(call, &job->judge, "evaluationConfig.automated.evaluatorModelConfig", &made->base.error);
    return code;
}

void evaluation_create_job(struct api_call *call)
{
    struct evaluation_call *made = new_call(call);
    if (!made)
        return;
    made->base.code = parse_create(made);
    change_send(&made->base, make_job, respond_created);
}

/* --- get and stop ----------------------------------------------------------------------------------- */

/* An ARN means a job only in its own region and account. */
static enum error_code find(struct evaluation_call *asked, const struct evaluation_identifier *wanted,
                            struct error *error)
{
    const struct str tenant = str_of(asked->base.call->identity.tenant);
    const enum error_code code =
        evaluations_get(asked->evaluations, tenant, wanted->id, asked->arena, &asked->job, error);
    const bool is_other = code == OK && wanted->account.len > 0 &&
                          (!str_eq(wanted->account, asked->job.account) || !str_eq(wanted->region, asked->job.region));
    return is_other ? error_set(error, ERROR_NOT_FOUND, "There is no evaluation job at this ARN.") : code;
}

static enum error_code find_job(struct change *base) { return find(own(base), &own(base)->identifier, &base->error); }

static void respond_job(struct change *base)
{
    struct buf body;
    buf_init(&body, BODY_MAX);
    append_job(&body, &own(base)->job);
    respond(base, 200, &body);
}

static enum error_code stop_job(struct change *base)
{
    struct evaluation_call *asked = own(base);
    const enum error_code code = find_job(base);
    return code == OK
               ? evaluations_request_stop(asked->evaluations, asked->job.tenant, str_of(asked->job.id), &base->error)
               : code;
}

static void run_for_one(struct api_call *call, enum error_code (*make)(struct change *base),
                        void (*answer)(struct change *base))
{
    struct evaluation_call *asked = new_call(call);
    if (!asked)
        return;
    asked->base.code =
        evaluation_identifier_parse(call->resource, "jobIdentifier", &asked->identifier, &asked->base.error);
    change_send(&asked->base, make, answer);
}

void evaluation_get_job(struct api_call *call) { run_for_one(call, find_job, respond_job); }

void evaluation_stop_job(struct api_call *call) { run_for_one(call, stop_job, change_respond_nothing); }

/* --- list ------------------------------------------------------------------------------------------- */

static enum error_code list_jobs(struct change *base)
{
    struct evaluation_call *asked = own(base);
    return evaluations_list(asked->evaluations, &asked->filter, asked->arena, &asked->list, &asked->count,
                            &asked->has_more, &base->error);
}

static void respond_list(struct change *base)
{
    const struct evaluation_call *asked = own(base);
    struct buf body;
    buf_init(&body, BODY_MAX);
    buf_append_text(&body, "{\"jobSummaries\":[");
    for (size_t i = 0; i < asked->count; i++) {
        if (i > 0)
            buf_append_char(&body, ',');
        append_summary(&body, &asked->list[i]);
    }
    buf_append_char(&body, ']');
    if (asked->has_more)
        request_append_next(&body, asked->list[asked->count - 1].sequence);
    buf_append_char(&body, '}');
    respond(base, 200, &body);
}

/* All jobs here are of one application type: asked for the other, the list is empty. */
static enum error_code parse_application(struct evaluation_call *asked, struct str type)
{
    static const char *const types[] = {"ModelEvaluation", "RagEvaluation", NULL};
    if (!type.data)
        return OK;
    if (str_eq(type, str_of(types[1])))
        asked->filter.submit_after_us = INT64_MAX;
    return str_eq(type, str_of(types[0])) || str_eq(type, str_of(types[1]))
               ? OK
               : error_set(&asked->base.error, ERROR_INVALID,
                           "applicationTypeEquals: must be ModelEvaluation or RagEvaluation");
}

void evaluation_list_jobs(struct api_call *call)
{
    static const struct request_list_names names = {"creationTimeAfter", "creationTimeBefore", "evaluation jobs"};
    struct http_exchange *exchange = call->exchange;
    struct request_list_query query = request_list_query_of(exchange, &names);
    const bool is_deleting = str_eq(query.status, STR("Deleting")); /* a job that is deleted is gone at once */
    if (is_deleting)
        query.status = (struct str){0};
    struct evaluation_call *asked = new_call(call);
    if (!asked)
        return;
    asked->base.code = request_list_parse(&query, &names, &eval_job_kind, &asked->filter, &asked->base.error);
    if (asked->base.code == OK)
        asked->base.code = parse_application(asked, http_query_get(exchange, "applicationTypeEquals"));
    if (is_deleting)
        asked->filter.submit_after_us = INT64_MAX;
    asked->filter.tenant = asked->job.tenant;
    change_send(&asked->base, list_jobs, respond_list);
}

/* --- delete ----------------------------------------------------------------------------------------- */

/* Each for itself: what can't be deleted does not keep the others. */
static enum error_code delete_jobs(struct change *base)
{
    struct evaluation_call *asked = own(base);
    for (size_t i = 0; i < asked->deletes.count; i++) {
        struct error *problem = &asked->problems[i];
        problem->code = OK;
        if (find(asked, &asked->deletes.items[i], problem) == OK)
            (void)!evaluations_delete(asked->evaluations, asked->job.tenant, str_of(asked->job.id), problem);
    }
    return OK;
}

static const char *code_of(enum error_code code)
{
    switch (code) {
    case ERROR_NOT_FOUND:
        return "ResourceNotFoundException";
    case ERROR_CONFLICT:
        return "ConflictException";
    default:
        return "InternalServerException";
    }
}

static void respond_deleted(struct change *base)
{
    const struct evaluation_call *asked = own(base);
    struct buf body;
    size_t count = 0;
    buf_init(&body, BODY_MAX);
    buf_append_text(&body, "{\"errors\":[");
    for (size_t i = 0; i < asked->deletes.count; i++) {
        if (asked->problems[i].code == OK)
            continue;
        buf_append_text(&body, count++ ? ",{\"jobIdentifier\":" : "{\"jobIdentifier\":");
        buf_append_json(&body, asked->deletes.items[i].text);
        json_append_member(&body, "code", str_of(code_of(asked->problems[i].code)));
        json_append_member(&body, "message", str_of(asked->problems[i].message));
        buf_append_char(&body, '}');
    }
    buf_append_text(&body, "],\"evaluationJobs\":[");
    count = 0;
    for (size_t i = 0; i < asked->deletes.count; i++) {
        if (asked->problems[i].code != OK)
            continue;
        buf_append_text(&body, count++ ? ",{\"jobIdentifier\":" : "{\"jobIdentifier\":");
        buf_append_json(&body, asked->deletes.items[i].text);
        buf_append_text(&body, ",\"jobStatus\":\"Deleting\"}");
    }
    buf_append_text(&body, "]}");
    respond(base, 202, &body);
}

void evaluation_delete_jobs(struct api_call *call)
{
    struct evaluation_call *asked = new_call(call);
    if (!asked)
        return;
    asked->base.code =
        evaluation_deletes_parse(call->exchange->request.body, asked->arena, &asked->deletes, &asked->base.error);
    change_send(&asked->base, delete_jobs, respond_deleted);
}

/* --- tags ------------------------------------------------------------------------------------------- */

static enum error_code tag_job(struct change *base)
{
    struct evaluation_call *asked = own(base);
    const enum error_code code = find_job(base);
    return code == OK ? evaluations_tag(asked->evaluations, asked->job.id, &asked->tags.tags, &base->error) : code;
}

static enum error_code untag_job(struct change *base)
{
    struct evaluation_call *asked = own(base);
    const enum error_code code = find_job(base);
    return code == OK ? evaluations_untag(asked->evaluations, asked->job.id, asked->tags.keys, asked->tags.key_count,
                                          &base->error)
                      : code;
}

static enum error_code read_tags(struct change *base)
{
    struct evaluation_call *asked = own(base);
    const enum error_code code = find_job(base);
    return code == OK ? evaluations_tags(asked->evaluations, asked->job.id, asked->arena, &asked->job.tags,
                                         &base->error)
                      : code;
}

static void respond_tags(struct change *base)
{
    struct buf body;
    buf_init(&body, BODY_MAX);
    tags_append(&body, &own(base)->job.tags);
    respond(base, 200, &body);
}

bool evaluations_take_tags(struct api_call *call, enum tag_operation operation)
{
    static enum error_code (*const makers[])(struct change *base) = {
        [TAG_RESOURCE] = tag_job, [UNTAG_RESOURCE] = untag_job, [LIST_TAGS] = read_tags};
    struct tag_request request;
    struct evaluation_identifier identifier;
    struct error error;
    if (tag_request_parse(operation, call->exchange->request.body, &call->exchange->arena, &request, &error) != OK ||
        !str_starts(request.resource, STR("arn:")) ||
        evaluation_identifier_parse(request.resource, "resourceARN", &identifier, &error) != OK)
        return false;
    struct evaluation_call *asked = new_call(call);
    if (!asked)
        return true;
    asked->tags = request;
    asked->identifier = identifier;
    change_send(&asked->base, makers[operation], operation == LIST_TAGS ? respond_tags : change_respond_nothing);
    return true;
}
