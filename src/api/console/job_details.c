/* GET /fulcrum/jobs/{arn}: one job with all that can be looked at while it runs and after. */
#include "api/console/console.h"
#include "api/console/jobs.h"
#include "core/arn.h"
#include "core/json.h"
#include "customize/artifacts.h"
#include "customize/student.h"
#include "customize/worth.h"

#define POINTS_MAX 1000 /* of a curve */
#define LINES_MAX 50    /* of what was left out, and of samples */

struct details_ask {
    struct console_ask base;
    struct str arn, id;
    struct console_job job;
};

/* --- batch ------------------------------------------------------------------------------------------- */

/* A folder of the output: URI and what stands behind it. */
static struct str folder_of(struct arena *arena, struct str uri, const char *behind, struct str name, const char *id)
{
    const bool has_slash = uri.len == 0 || uri.data[uri.len - 1] == '/';
    return arena_printf(arena, STR_FMT "%s%s" STR_FMT "%s%s/", STR_ARG(uri), has_slash ? "" : "/", behind,
                        STR_ARG(name), name.len ? "/" : "", id);
}

static void put_first_errors(struct console_reply *reply, const struct batch_counts *counts)
{
    console_open(reply, "firstErrors", '[');
    for (size_t i = 0; i < counts->first_count; i++) {
        console_open(reply, NULL, '{');
        console_put_uint(reply, "record", counts->firsts[i].number + 1);
        console_put_uint(reply, "code", counts->firsts[i].code);
        console_put_text(reply, "message", str_of(counts->firsts[i].message));
        console_close(reply);
    }
    console_close(reply);
}

/* What was wrong with the records of a batch that was not begun. */
static void put_problems(struct console_reply *reply, const struct batch_problems *problems)
{
    console_open(reply, "problems", '[');
    for (size_t i = 0; i < problems->count; i++) {
        const struct batch_problem *problem = &problems->items[i];
        console_open(reply, NULL, '{');
        console_put_uint(reply, "line", problem->line);
        console_put_text(reply, "code", str_of(problem->code));
        console_put_text(reply, "message", str_of(problem->message));
        console_close(reply);
    }
    console_close(reply);
}

static void put_file(struct console_reply *reply, const char *name, const struct batch_job *job,
                     enum batch_output which)
{
    char id[FILES_ID_LEN + 1];
    batch_output_id(job->id, which, id);
    console_put_text(reply, name, batch_has_output(job, which) ? str_of(id) : (struct str){NULL, 0});
}

/* Of OpenAI's files by their ID; Anthropic's API gives results by the batch's own. */
static void put_files(struct console_reply *reply, const struct batch_job *job)
{
    if (job->type == BATCH_OPENAI) {
        console_put_text(reply, "endpoint", job->endpoint);
        console_put_text(reply, "inputFileId", job->input_uri);
        put_file(reply, "outputFileId", job, BATCH_OUTPUT);
        put_file(reply, "errorFileId", job, BATCH_OUTPUT_ERRORS);
    } else {
        console_put_bool(reply, "hasResults", batch_has_output(job, BATCH_OUTPUT));
    }
    put_problems(reply, &job->problems);
}

static enum error_code put_batch(struct console_ask *ask, const struct batch_job *job)
{
    struct console_reply *reply = &ask->reply;
    const struct batch_counts *counts = &job->counts;
    console_put_text(reply, "invocationType", str_of(batch_type_name(job->type)));
    if (batch_has_files(job->type)) {
        put_files(reply, job);
    } else {
        console_put_text(reply, "inputUri", job->input_uri);
        console_put_text(reply, "outputUri", folder_of(ask->arena, job->output_uri, "", STR(""), job->id));
    }
    console_put_time(reply, "expires", job->expires_us);
    console_open(reply, "records", '{');
    console_put_uint(reply, "total", counts->total);
    console_put_uint(reply, "success", counts->success);
    console_put_uint(reply, "errors", counts->errors);
    console_close(reply);
    console_put_uint(reply, "inputTokens", counts->input_tokens);
    console_put_uint(reply, "outputTokens", counts->output_tokens);
    put_first_errors(reply, counts);
    return OK;
}

/* --- customization ----------------------------------------------------------------------------------- */

static void put_stages(struct console_reply *reply, const struct custom_job *job)
{
    static const char *const names[CUSTOM_STAGES] = {"validation", "dataProcessing", "training"};
    console_open(reply, "stages", '[');
    for (size_t i = 0; i < CUSTOM_STAGES; i++) {
        const struct custom_stage_note *stage = &job->progress.stages[i];
        console_open(reply, NULL, '{');
        console_put_text(reply, "name", str_of(names[i]));
        console_put_text(reply, "status", str_of(custom_stage_status_names[stage->status]));
        console_put_time(reply, "started", stage->created_us);
        console_put_time(reply, "modified", stage->modified_us);
        console_close(reply);
    }
    console_close(reply);
}

static void put_progress(struct console_reply *reply, const struct custom_progress *progress)
{
    const struct {
        const char *name;
        uint64_t value;
    } members[] = {{"acceptedLines", progress->accepted}, {"rejectedLines", progress->rejected},
                   {"trainingRows", progress->trained},   {"validationRows", progress->held},
                   {"step", progress->step},              {"steps", progress->steps},
                   {"teacherAsked", progress->answers.asked},
                   {"teacherAnswered", progress->answers.answered},
                   {"variantsWritten", progress->variants.written},
                   {"variantsKept", progress->variants.kept}};
    console_open(reply, "counts", '{');
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        console_put_uint(reply, members[i].name, members[i].value);
    console_close(reply);
    if (progress->has_loss)
        console_put_number(reply, "loss", progress->loss);
    else
        console_put_null(reply, "loss");
    if (progress->price_share > 0)
        console_put_number(reply, "priceShare", (double)progress->price_share / STUDENT_WHOLE);
    else
        console_put_null(reply, "priceShare");
}

static void put_points(struct console_reply *reply, const char *name, const struct metric_point *points, size_t count,
                       bool is_validation)
{
    console_open(reply, name, '[');
    for (size_t i = 0; i < count; i++) {
        console_open(reply, NULL, '[');
        console_put_uint(reply, NULL, points[i].step);
        if (!is_validation)
            console_put_number(reply, NULL, points[i].loss);
        for (size_t k = 0; is_validation && k < points[i].measured; k++)
            console_put_number(reply, NULL, points[i].validation[k]);
        console_close(reply);
    }
    console_close(reply);
}

static enum error_code put_curve(struct console_ask *ask, const struct custom_job *job)
{
    struct custom_curve curve = {0};
    struct error error;
    const enum error_code code = customize_curve(ask->api->customize, job, POINTS_MAX, ask->arena, &curve, &error);
    if (code == ERROR_NO_MEMORY)
        return error_no_memory(&ask->error);
    if (code != OK) /* a store of objects that is not there hides the curve, not the job */
        curve = (struct custom_curve){0};
    console_open(&ask->reply, "metrics", '{');
    put_points(&ask->reply, "training", curve.training, curve.training_count, false);
    put_points(&ask->reply, "validation", curve.validation, curve.validation_count, true);
    console_close(&ask->reply);
    return OK;
}

static enum error_code put_lines(struct console_ask *ask, const struct custom_job *job, const char *name,
                                 enum custom_artifact artifact)
{
    struct str *lines;
    size_t count = 0;
    struct error error;
    const enum error_code code =
        customize_lines(ask->api->customize, job, artifact, LINES_MAX, ask->arena, &lines, &count, &error);
    if (code == ERROR_NO_MEMORY)
        return error_no_memory(&ask->error);
    console_open(&ask->reply, name, '[');
    for (size_t i = 0; i < count; i++)
        console_put_json(&ask->reply, NULL, lines[i]);
    console_close(&ask->reply);
    return OK;
}

/* Of a distillation: what it costs, and once it is Completed what it is worth. */
static void put_worth(struct console_ask *ask, const struct custom_job *job)
{
    struct console_reply *reply = &ask->reply;
    struct worth worth;
    struct error ignored;
    if (job->type != CUSTOM_DISTILLATION) {
        console_put_null(reply, "worth");
        return;
    }
    const bool is_known = job->status == CUSTOM_COMPLETED &&
                          customize_worth(ask->api->customize, job, &worth, &ignored) == OK;
    console_open(reply, "worth", '{');
    console_put_money(reply, "cost", (ledger_sum)customize_cost(ask->api->customize, job));
    if (is_known) {
        console_put_money(reply, "savedPerRequest", worth.saved);
        console_put_uint(reply, "seenRequests", worth.seen);
        console_put_uint(reply, "days", WORTH_DAYS);
    }
    if (is_known && worth.break_even > 0)
        console_put_uint(reply, "breakEvenRequests", worth.break_even);
    else
        console_put_null(reply, "breakEvenRequests");
    console_close(reply);
}

/* Members of the request that are shown as they came. */
static enum error_code put_request(struct console_ask *ask, const struct custom_job *job)
{
    yyjson_doc *doc = NULL;
    const enum error_code code = json_parse_stored(job->request, &doc, &ask->error);
    if (code != OK)
        return code;
    yyjson_val *request = yyjson_doc_get_root(doc), *hyper = yyjson_obj_get(request, "hyperParameters");
    const struct str data = json_str(yyjson_obj_get(yyjson_obj_get(request, "trainingDataConfig"), "s3Uri"));
    const struct str out = json_str(yyjson_obj_get(yyjson_obj_get(request, "outputDataConfig"), "s3Uri"));
    struct buf text;
    buf_init(&text, job->request.len + 2);
    if (yyjson_is_obj(hyper))
        json_append(&text, hyper);
    else
        buf_append_text(&text, "{}");
    ask->reply.body.failed = ask->reply.body.failed || text.failed;
    console_put_json(&ask->reply, "hyperParameters", buf_str(&text));
    console_put_text(&ask->reply, "inputUri", data.len > 0 ? data : (struct str){NULL, 0});
    console_put_text(&ask->reply, "outputUri",
                     folder_of(ask->arena, out, "model-customization-job-", STR(""), job->id));
    buf_deinit(&text);
    json_free(doc);
    return OK;
}

/* The custom model that it made; null while there is none. */
static void put_output_model(struct console_ask *ask, const struct custom_job *job)
{
    struct buf text;
    buf_init(&text, 2048);
    console_put_text(&ask->reply, "outputModelName", job->model_name);
    if (job->progress.model[0] &&
        custom_append_arn(&text, "custom-model", job->region, job->account, job->base, job->progress.model))
        console_put_text(&ask->reply, "outputModelArn", buf_str(&text));
    else
        console_put_null(&ask->reply, "outputModelArn");
    buf_deinit(&text);
}

static enum error_code put_custom(struct console_ask *ask, const struct custom_job *job)
{
    struct console_reply *reply = &ask->reply;
    console_put_text(reply, "customizationType", str_of(custom_type_names[job->type]));
    console_put_text(reply, "base", job->base);
    console_put_text(reply, "teacher", job->teacher.len > 0 ? job->teacher : (struct str){NULL, 0});
    put_output_model(ask, job);
    put_stages(reply, job);
    put_progress(reply, &job->progress);
    put_worth(ask, job);
    enum error_code code = put_request(ask, job);
    if (code == OK)
        code = put_curve(ask, job);
    if (code == OK)
        code = put_lines(ask, job, "insights", CUSTOM_REJECTED);
    return code == OK ? put_lines(ask, job, "samples", CUSTOM_SAMPLE) : code;
}

/* --- evaluation -------------------------------------------------------------------------------------- */

static void put_sets(struct console_reply *reply, const struct eval_job *job)
{
    console_open(reply, "dataSets", '[');
    for (size_t i = 0; i < job->set_count; i++) {
        const struct eval_set *set = &job->sets[i];
        console_open(reply, NULL, '{');
        console_put_text(reply, "name", set->name);
        console_put_text(reply, "task", str_of(eval_task_names[set->task]));
        console_put_text(reply, "uri", set->uri);
        console_open(reply, "metrics", '[');
        for (size_t k = 0; k < set->measure_count; k++)
            console_put_text(reply, NULL, set->measures[k].name);
        console_close(reply);
        console_close(reply);
    }
    console_close(reply);
}

/* The batch jobs that ask for it. */
static enum error_code put_children(struct console_ask *ask, const struct eval_job *job)
{
    struct str children[EVAL_CHILDREN];
    const enum error_code code = eval_job_children(job, ask->arena, children, &ask->error);
    if (code != OK)
        return code;
    console_open(&ask->reply, "batchJobs", '[');
    for (size_t i = 0; i < EVAL_CHILDREN; i++) {
        struct batch_job child;
        struct error ignored;
        if (children[i].len > 0 &&
            batch_get(ask->api->batch, &batch_job_kind, job->tenant, children[i], ask->arena, &child, &ignored) == OK)
            console_put_text(&ask->reply, NULL, console_batch_arn(&child, ask->arena));
    }
    console_close(&ask->reply);
    return OK;
}

static enum error_code put_summary(struct console_ask *ask, const struct eval_job *job)
{
    struct console_reply *reply = &ask->reply;
    struct str json = {NULL, 0};
    struct error error;
    yyjson_doc *doc = NULL;
    const enum error_code code = evaluations_summary(ask->api->evaluations, job, ask->arena, &json, &error);
    if (code == ERROR_NO_MEMORY)
        return error_no_memory(&ask->error);
    if (json.data)
        (void)!json_parse(json, &doc, &error);
    const struct str verdict = json_str(yyjson_obj_get(yyjson_doc_get_root(doc), "verdict"));
    console_put_text(reply, "verdict", verdict.len > 0 ? verdict : (struct str){NULL, 0});
    console_put_json(reply, "summary", json.data ? json : STR("null"));
    const struct str folder = folder_of(ask->arena, job->output_uri, "", job->name, job->id);
    console_put_text(reply, "outputUri", folder);
    console_put_text(reply, "reportUri",
                     json.data ? arena_printf(ask->arena, STR_FMT EVAL_REPORT, STR_ARG(folder))
                               : (struct str){NULL, 0});
    json_free(doc);
    return OK;
}

static enum error_code put_eval(struct console_ask *ask, const struct eval_job *job)
{
    struct console_reply *reply = &ask->reply;
    console_open(reply, "models", '[');
    for (size_t i = 0; i < job->model_count; i++)
        console_put_text(reply, NULL, job->models[i].id);
    console_close(reply);
    console_put_text(reply, "judge", job->judge.id.len > 0 ? job->judge.id : (struct str){NULL, 0});
    put_sets(reply, job);
    const enum error_code code = put_children(ask, job);
    return code == OK ? put_summary(ask, job) : code;
}

/* --- finding it -------------------------------------------------------------------------------------- */

static enum error_code find(struct details_ask *ask)
{
    struct console_ask *base = &ask->base;
    const struct api *api = base->api;
    const struct str tenant = base->asker.tenant;
    struct batch_job *batch = ARENA_NEW(base->arena, struct batch_job);
    struct custom_job *custom = ARENA_NEW(base->arena, struct custom_job);
    struct eval_job *eval = ARENA_NEW(base->arena, struct eval_job);
    if (!batch || !custom || !eval)
        return error_no_memory(&base->error);
    ask->job.batch = batch;
    ask->job.custom = custom;
    ask->job.eval = eval;
    switch (ask->job.kind) {
    case CONSOLE_BATCH:
    case CONSOLE_OPENAI_BATCH:
    case CONSOLE_MESSAGE_BATCH:
        return batch_get(api->batch, console_job_kinds[ask->job.kind], tenant, ask->id, base->arena, batch,
                         &base->error);
    case CONSOLE_CUSTOMIZATION:
        return customize_get(api->customize, tenant, ask->id, base->arena, custom, &base->error);
    case CONSOLE_EVALUATION:
    case CONSOLE_JOB_KINDS: break;
    }
    return evaluations_get(api->evaluations, tenant, ask->id, base->arena, eval, &base->error);
}

static enum error_code put_details(struct details_ask *ask)
{
    switch (ask->job.kind) {
    case CONSOLE_BATCH:
    case CONSOLE_OPENAI_BATCH:
    case CONSOLE_MESSAGE_BATCH: return put_batch(&ask->base, ask->job.batch);
    case CONSOLE_CUSTOMIZATION: return put_custom(&ask->base, ask->job.custom);
    case CONSOLE_EVALUATION:
    case CONSOLE_JOB_KINDS: break;
    }
    return put_eval(&ask->base, ask->job.eval);
}

/* An ARN means a job only in its own region and account, and with its own base model. */
static enum error_code answer_job(struct console_ask *base)
{
    struct details_ask *ask = (struct details_ask *)base;
    struct console_reply *reply = &base->reply;
    enum error_code code = find(ask);
    if (code != OK)
        return code;
    if (!str_eq(console_job_arn(&ask->job, base->arena), ask->arn))
        return error_set(&base->error, ERROR_NOT_FOUND, "There is no job at this ARN.");
    console_open(reply, NULL, '{');
    console_job_put(base, &ask->job);
    console_open(reply, "details", '{');
    code = put_details(ask);
    console_close(reply);
    console_close(reply);
    return code;
}

static enum error_code read_arn(struct details_ask *ask, struct str text)
{
    struct arn arn;
    ask->arn = text;
    if (console_job_find(text, &ask->job.kind, &ask->id))
        return OK;
    return arn_split(text, &arn)
               ? error_set(&ask->base.error, ERROR_NOT_FOUND, "There is no job at this ARN.")
               : error_set(&ask->base.error, ERROR_INVALID,
                           "arn: expected the ARN of a job, or the ID of a batch, as /fulcrum/jobs lists it");
}

void console_job_details(struct api_call *call)
{
    static const char *const names[] = {NULL};
    struct details_ask *ask = console_ask_new(call, sizeof(*ask), names, NULL);
    if (!ask)
        return;
    if (ask->base.code == OK)
        ask->base.code = read_arn(ask, call->resource);
    console_ask_send(&ask->base, answer_job);
}
