/* GET /fulcrum/jobs: batch jobs of each API, customization and evaluation jobs in one list, the newest first. */
#include "api/console/jobs.h"

#include "api/anthropic/batches.h"
#include "api/console/console.h"
#include "api/openai/batches.h"
#include "core/arn.h"
#include "core/util.h"

static const char *const kind_names[CONSOLE_JOB_KINDS + 1] = {
    [CONSOLE_BATCH] = "batch",
    [CONSOLE_OPENAI_BATCH] = "openai-batch",
    [CONSOLE_MESSAGE_BATCH] = "message-batch",
    [CONSOLE_CUSTOMIZATION] = "customization",
    [CONSOLE_EVALUATION] = "evaluation"};
const struct job_kind *const console_job_kinds[CONSOLE_JOB_KINDS] = {
    &batch_job_kind, &batch_openai_kind, &batch_anthropic_kind, &custom_job_kind, &eval_job_kind};
/* Of those whose API names jobs by an ID. */
static const char *const prefixes[CONSOLE_JOB_KINDS] = {
    [CONSOLE_OPENAI_BATCH] = OPENAI_BATCH_PREFIX, [CONSOLE_MESSAGE_BATCH] = ANTHROPIC_BATCH_PREFIX};

/* --- what all have ----------------------------------------------------------------------------------- */

struct head {
    struct str arn, name, tenant, message, model;
    const char *status;
    uint64_t created_us, started_us, ended_us; /* started 0: not begun, or its kind does not say */
};

struct progress {
    const char *stage;
    uint64_t done, total; /* total 0: not known yet */
    uint64_t seconds_left; /* 0: not known */
};

/* The ARN of a job whose kind has no base model in it. */
static struct str arn_of(const struct job_kind *kind, struct str region, struct str account, const char *id,
                         struct arena *arena)
{
    return arena_printf(arena, "arn:aws:bedrock:" STR_FMT ":" STR_FMT ":%s/%s", STR_ARG(region), STR_ARG(account),
                        kind->resource, id);
}

struct str console_batch_arn(const struct batch_job *job, struct arena *arena)
{
    const enum console_job_kind kind = job->type == BATCH_OPENAI      ? CONSOLE_OPENAI_BATCH
                                       : job->type == BATCH_ANTHROPIC ? CONSOLE_MESSAGE_BATCH
                                                                      : CONSOLE_BATCH;
    if (prefixes[kind])
        return arena_printf(arena, "%s%s", prefixes[kind], job->id);
    return arn_of(&batch_job_kind, job->region, job->account, job->id, arena);
}

static struct str custom_arn(const struct custom_job *job, struct arena *arena)
{
    struct buf text;
    struct str arn = {NULL, 0};
    buf_init(&text, 2048);
    if (custom_append_arn(&text, custom_job_kind.resource, job->region, job->account, job->base, job->id))
        (void)!arena_str(arena, buf_str(&text), &arn);
    buf_deinit(&text);
    return arn;
}

static struct str eval_arn(const struct eval_job *job, struct arena *arena)
{
    return arn_of(&eval_job_kind, job->region, job->account, job->id, arena);
}

struct str console_job_arn(const struct console_job *job, struct arena *arena)
{
    switch (job->kind) {
    case CONSOLE_BATCH:
    case CONSOLE_OPENAI_BATCH:
    case CONSOLE_MESSAGE_BATCH: return console_batch_arn(job->batch, arena);
    case CONSOLE_CUSTOMIZATION: return custom_arn(job->custom, arena);
    case CONSOLE_EVALUATION:
    case CONSOLE_JOB_KINDS: break;
    }
    return eval_arn(job->eval, arena);
}

bool console_job_find(struct str text, enum console_job_kind *kind, struct str *id)
{
    struct arn arn;
    const bool is_arn = arn_split(text, &arn);
    const struct str name = is_arn ? arn.id : text;
    *id = str_slice(name, name.len > JOB_ID_LEN ? name.len - JOB_ID_LEN : 0, name.len);
    for (size_t i = 0; i < CONSOLE_JOB_KINDS; i++) {
        *kind = (enum console_job_kind)i;
        if (prefixes[i] ? !is_arn && str_starts(text, str_of(prefixes[i]))
                        : is_arn && str_eq(arn.type, str_of(console_job_kinds[i]->resource)))
            return true;
    }
    return false;
}

static void read_batch(const struct batch_job *job, struct arena *arena, struct head *head, struct progress *progress)
{
    static const char *const stages[BATCH_STATUSES] = {
        [BATCH_SUBMITTED] = "waiting",  [BATCH_VALIDATING] = "validation", [BATCH_SCHEDULED] = "waiting",
        [BATCH_IN_PROGRESS] = "answers", [BATCH_STOPPING] = "stopping"};
    const struct str arn = console_batch_arn(job, arena);
    const bool has_files = batch_has_files(job->type); /* no name, and a model in each record */
    *head = (struct head){arn, has_files ? arn : job->name, job->tenant, job->message,
                          has_files ? (struct str){NULL, 0} : job->model_id, batch_status_name(job->status),
                          job->submit_us, job->start_us, job->end_us};
    *progress = (struct progress){stages[job->status], job->counts.success + job->counts.errors, job->counts.total, 0};
}

static void read_stage(const struct custom_job *job, struct progress *progress)
{
    const struct custom_progress *seen = &job->progress;
    const struct custom_stage_note *stages = seen->stages;
    if (stages[CUSTOM_TRAINING].status != STAGE_NOT_STARTED)
        *progress = (struct progress){"training", seen->step, seen->steps, seen->seconds_left};
    else if (stages[CUSTOM_DATA_PROCESSING].status != STAGE_NOT_STARTED)
        *progress = (struct progress){"dataProcessing", seen->answers.answered + seen->variants.asked.answered,
                                      seen->answers.asked + seen->variants.asked.asked, 0};
    else if (stages[CUSTOM_VALIDATION].status != STAGE_NOT_STARTED)
        *progress = (struct progress){"validation", seen->accepted + seen->rejected, 0, 0};
    else
        *progress = (struct progress){.stage = "waiting"};
}

static void read_custom(const struct custom_job *job, struct arena *arena, struct head *head,
                        struct progress *progress)
{
    *head = (struct head){custom_arn(job, arena), job->name, job->tenant,
                          job->message, job->base, custom_job_kind.statuses[job->status].name, job->submit_us,
                          job->progress.stages[CUSTOM_VALIDATION].created_us, job->end_us};
    read_stage(job, progress);
    if (custom_status_has_ended(job->status))
        progress->stage = NULL;
}

/* What its batch jobs have done. */
static void add_children(const struct console_ask *ask, const struct eval_job *job, struct progress *progress)
{
    struct str children[EVAL_CHILDREN];
    struct error ignored;
    if (eval_job_children(job, ask->arena, children, &ignored) != OK)
        return;
    for (size_t i = 0; i < EVAL_CHILDREN; i++) {
        struct batch_job child;
        if (children[i].len == 0 ||
            batch_get(ask->api->batch, &batch_job_kind, job->tenant, children[i], ask->arena, &child, &ignored) != OK)
            continue;
        progress->done += child.counts.success + child.counts.errors;
        progress->total += child.counts.total;
        progress->stage = i == EVAL_MODELS_MAX ? "judge" : "answers";
    }
}

static void read_eval(const struct console_ask *ask, const struct eval_job *job, struct head *head,
                      struct progress *progress)
{
    const struct str first = job->models[0].id, second = job->model_count > 1 ? job->models[1].id : STR("");
    *head = (struct head){eval_arn(job, ask->arena), job->name,
                          job->tenant, job->message,
                          arena_printf(ask->arena, STR_FMT "%s" STR_FMT, STR_ARG(first), second.len ? ", " : "",
                                       STR_ARG(second)),
                          eval_job_kind.statuses[job->status].name, job->submit_us, 0, job->end_us};
    *progress = (struct progress){.stage = "data"};
    add_children(ask, job, progress);
    if (eval_job_kind.statuses[job->status].phase == JOB_ENDED)
        progress->stage = NULL;
}

static void put_progress(struct console_reply *reply, const struct progress *progress)
{
    console_open(reply, "progress", '{');
    console_put_text(reply, "stage", progress->stage ? str_of(progress->stage) : (struct str){NULL, 0});
    console_put_uint(reply, "done", progress->done);
    if (progress->total > 0)
        console_put_uint(reply, "total", progress->total);
    else
        console_put_null(reply, "total");
    if (progress->seconds_left > 0)
        console_put_uint(reply, "secondsLeft", progress->seconds_left);
    else
        console_put_null(reply, "secondsLeft");
    console_close(reply);
}

void console_job_put(struct console_ask *ask, const struct console_job *job)
{
    struct console_reply *reply = &ask->reply;
    struct head head = {0};
    struct progress progress = {0};
    switch (job->kind) {
    case CONSOLE_BATCH:
    case CONSOLE_OPENAI_BATCH:
    case CONSOLE_MESSAGE_BATCH: read_batch(job->batch, ask->arena, &head, &progress); break;
    case CONSOLE_CUSTOMIZATION: read_custom(job->custom, ask->arena, &head, &progress); break;
    case CONSOLE_EVALUATION: read_eval(ask, job->eval, &head, &progress); break;
    case CONSOLE_JOB_KINDS: return;
    }
    console_put_text(reply, "kind", str_of(kind_names[job->kind]));
    console_put_text(reply, "arn", head.arn);
    console_put_text(reply, "name", head.name);
    console_put_text(reply, "tenant", head.tenant);
    console_put_text(reply, "status", str_of(head.status));
    console_put_time(reply, "created", head.created_us);
    console_put_time(reply, "started", head.started_us);
    console_put_time(reply, "ended", head.ended_us);
    put_progress(reply, &progress);
    console_put_text(reply, "message", head.message.len > 0 ? head.message : (struct str){NULL, 0});
    console_put_text(reply, "model", head.model);
}

/* --- the list ---------------------------------------------------------------------------------------- */

struct jobs_ask {
    struct console_ask base;
    struct console_page page;
    size_t kind;       /* CONSOLE_JOB_KINDS: all */
    struct str status; /* data NULL: any */
};

/* One kind's part of the page, the newest first. */
struct part {
    struct batch_job *batch;
    struct custom_job *custom;
    struct eval_job *eval;
    size_t count, at;
    bool has_more;
};

static enum error_code read_part(struct jobs_ask *ask, size_t kind, struct part *part)
{
    struct console_ask *base = &ask->base;
    const struct api *api = base->api;
    struct error *error = &base->error;
    unsigned status = 0;
    struct job_filter filter = {.tenant = base->asker.tenant, .max = ask->page.limit,
                                .beyond = ask->page.has_cursor ? (int64_t)ask->page.keys[0] : 0};
    *part = (struct part){0};
    if ((ask->kind != CONSOLE_JOB_KINDS && ask->kind != kind) ||
        (ask->status.data && !job_status_find(console_job_kinds[kind], ask->status, &status)))
        return OK;
    if (ask->status.data)
        filter.status = console_job_kinds[kind]->statuses[status].name;
    if (console_is_batch((enum console_job_kind)kind))
        return batch_list(api->batch, console_job_kinds[kind], &filter, base->arena, &part->batch, &part->count,
                          &part->has_more, error);
    if (kind == CONSOLE_CUSTOMIZATION)
        return customize_list(api->customize, &filter, base->arena, &part->custom, &part->count, &part->has_more,
                              error);
    return evaluations_list(api->evaluations, &filter, base->arena, &part->eval, &part->count, &part->has_more, error);
}

static struct console_job job_at(const struct part *part, size_t kind)
{
    struct console_job job = {.kind = (enum console_job_kind)kind};
    switch (job.kind) {
    case CONSOLE_BATCH:
    case CONSOLE_OPENAI_BATCH:
    case CONSOLE_MESSAGE_BATCH:
        job.batch = &part->batch[part->at];
        job.sequence = job.batch->sequence;
        break;
    case CONSOLE_CUSTOMIZATION:
        job.custom = &part->custom[part->at];
        job.sequence = job.custom->sequence;
        break;
    case CONSOLE_EVALUATION:
    case CONSOLE_JOB_KINDS:
        job.eval = &part->eval[part->at];
        job.sequence = job.eval->sequence;
        break;
    }
    return job;
}

/* The newest of what is left of all parts. False: nothing is. */
static bool take_newest(struct part *parts, struct console_job *newest)
{
    size_t from = CONSOLE_JOB_KINDS;
    for (size_t kind = 0; kind < CONSOLE_JOB_KINDS; kind++) {
        if (parts[kind].at == parts[kind].count)
            continue;
        const struct console_job job = job_at(&parts[kind], kind);
        if (from != CONSOLE_JOB_KINDS && job.sequence < newest->sequence)
            continue;
        from = kind;
        *newest = job;
    }
    if (from == CONSOLE_JOB_KINDS)
        return false;
    parts[from].at++;
    return true;
}

static enum error_code answer_jobs(struct console_ask *base)
{
    struct jobs_ask *ask = (struct jobs_ask *)base;
    struct part parts[CONSOLE_JOB_KINDS];
    struct console_job job = {0};
    enum error_code code = OK;
    bool has_more = false;
    for (size_t kind = 0; kind < CONSOLE_JOB_KINDS && code == OK; kind++)
        code = read_part(ask, kind, &parts[kind]);
    if (code != OK)
        return code;
    console_open(&base->reply, NULL, '{');
    console_open(&base->reply, "jobs", '[');
    for (size_t i = 0; i < ask->page.limit && take_newest(parts, &job); i++) {
        console_open(&base->reply, NULL, '{');
        console_job_put(base, &job);
        console_close(&base->reply);
    }
    console_close(&base->reply);
    for (size_t kind = 0; kind < CONSOLE_JOB_KINDS; kind++)
        has_more = has_more || parts[kind].has_more || parts[kind].at < parts[kind].count;
    console_put_cursor(&base->reply, has_more, (uint64_t)job.sequence, 0);
    console_close(&base->reply);
    return OK;
}

/* A status is that of some kind. */
static enum error_code read_status(struct jobs_ask *ask)
{
    unsigned ignored;
    ask->status = http_query_get(ask->base.call->exchange, "status");
    if (!ask->status.data)
        return OK;
    for (size_t kind = 0; kind < CONSOLE_JOB_KINDS; kind++)
        if (job_status_find(console_job_kinds[kind], ask->status, &ignored))
            return OK;
    return error_set(&ask->base.error, ERROR_INVALID, "status: no job has the status '" STR_FMT "'",
                     STR_ARG(str_slice(ask->status, 0, 64)));
}

void console_jobs(struct api_call *call)
{
    static const char *const names[] = {"kind", "status", "limit", "cursor", NULL};
    struct jobs_ask *ask = console_ask_new(call, sizeof(*ask), names, "jobs");
    if (!ask)
        return;
    struct console_ask *base = &ask->base;
    ask->kind = CONSOLE_JOB_KINDS;
    if (base->code == OK)
        base->code = console_query_page(call, &ask->page, &base->error);
    if (base->code == OK)
        base->code = console_query_choice(call, "kind", kind_names, &ask->kind, &base->error);
    if (base->code == OK)
        base->code = read_status(ask);
    console_ask_send(base, answer_jobs);
}
