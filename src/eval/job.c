/* job.c - the kind of evaluation jobs, and their JSON. See job.h. */
#include "eval/job.h"

#include <string.h>

#include "core/json.h"
#include "store/objects.h"

static const struct job_status statuses[EVAL_STATUSES] = {
    [EVAL_IN_PROGRESS] = {"InProgress", JOB_WAITING,
                          JOB_TO(EVAL_STOPPING) | JOB_TO(EVAL_COMPLETED) | JOB_TO(EVAL_FAILED)},
    [EVAL_STOPPING] = {"Stopping", JOB_STOPPING, JOB_TO(EVAL_STOPPED) | JOB_TO(EVAL_FAILED)},
    [EVAL_COMPLETED] = {"Completed", JOB_ENDED, 0},
    [EVAL_FAILED] = {"Failed", JOB_ENDED, 0},
    [EVAL_STOPPED] = {"Stopped", JOB_ENDED, 0},
};

const struct job_kind eval_job_kind = {
    .name = "evaluation",
    .title = "evaluation job",
    .subject = "account",
    .resource = "evaluation-job",
    .statuses = statuses,
    .status_count = EVAL_STATUSES,
    .has_unique_names = true,
};

const char *const eval_task_names[EVAL_TASKS + 1] = {
    [EVAL_SUMMARIZATION] = "Summarization",
    [EVAL_CLASSIFICATION] = "Classification",
    [EVAL_QUESTIONS] = "QuestionAndAnswer",
    [EVAL_GENERATION] = "Generation",
    [EVAL_CUSTOM] = "Custom",
};

/* --- metrics ----------------------------------------------------------------------------------------- */

static enum metric accuracy_of(enum eval_task task)
{
    switch (task) {
    case EVAL_SUMMARIZATION:
        return METRIC_ROUGE;
    case EVAL_CLASSIFICATION:
        return METRIC_EXACT;
    case EVAL_QUESTIONS:
        return METRIC_F1;
    default:
        return METRIC_AUTO;
    }
}

bool eval_measure_find(struct str name, enum eval_task task, struct eval_measure *measure)
{
    static const struct {
        const char *name;
        enum metric metric;
    } own[] = {{"ExactMatch", METRIC_EXACT},
               {"JsonEquality", METRIC_JSON},
               {"ToolCall", METRIC_TOOL},
               {"TokenF1", METRIC_F1},
               {"RougeL", METRIC_ROUGE}};
    *measure = (struct eval_measure){.name = name, .criterion = judge_criterion_find(name)};
    if (measure->criterion) {
        measure->metric = METRIC_JUDGE;
        return true;
    }
    measure->metric = accuracy_of(task);
    if (str_eq(name, STR("Builtin.Accuracy")))
        return true;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (!str_eq(name, str_of(own[i].name)))
            continue;
        measure->metric = own[i].metric;
        return true;
    }
    return false;
}

/* --- terms ------------------------------------------------------------------------------------------- */

static void append_asked(struct buf *out, const struct eval_asked *asked)
{
    buf_append_text(out, "{\"id\":");
    buf_append_json(out, asked->id);
    json_append_member(out, "source", asked->source);
    json_append_member(out, "profile", asked->profile);
    json_append_member(out, "profileTags", asked->profile_tags);
    json_append_member(out, "params", asked->params);
    buf_appendf(out, ",\"isGiven\":%s}", asked->is_given ? "true" : "false");
}

static void append_set(struct buf *out, const struct eval_set *set)
{
    buf_appendf(out, "{\"task\":\"%s\"", eval_task_names[set->task]);
    json_append_member(out, "name", set->name);
    json_append_member(out, "uri", set->uri);
    buf_append_text(out, ",\"metrics\":[");
    for (size_t i = 0; i < set->measure_count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        buf_append_json(out, set->measures[i].name);
    }
    buf_append_text(out, "]}");
}

bool eval_job_append_terms(struct buf *out, const struct eval_job *job)
{
    buf_append_text(out, "{\"outputUri\":");
    buf_append_json(out, job->output_uri);
    buf_append_text(out, ",\"judge\":");
    append_asked(out, &job->judge);
    buf_append_text(out, ",\"models\":[");
    for (size_t i = 0; i < job->model_count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        append_asked(out, &job->models[i]);
    }
    buf_append_text(out, "],\"sets\":[");
    for (size_t i = 0; i < job->set_count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        append_set(out, &job->sets[i]);
    }
    return buf_append_text(out, "]}");
}

static bool take_str(yyjson_val *object, const char *name, struct arena *arena, struct str *value)
{
    return arena_str(arena, json_str(yyjson_obj_get(object, name)), value);
}

static bool take_asked(yyjson_val *object, struct arena *arena, struct eval_asked *asked)
{
    asked->is_given = yyjson_get_bool(yyjson_obj_get(object, "isGiven"));
    return take_str(object, "id", arena, &asked->id) && take_str(object, "source", arena, &asked->source) &&
           take_str(object, "profile", arena, &asked->profile) &&
           take_str(object, "profileTags", arena, &asked->profile_tags) &&
           take_str(object, "params", arena, &asked->params);
}

static bool take_set(yyjson_val *object, struct arena *arena, struct eval_set *set)
{
    size_t i, max;
    yyjson_val *metric;
    const struct str task = json_str(yyjson_obj_get(object, "task"));
    set->task = EVAL_CUSTOM;
    for (size_t j = 0; j < EVAL_TASKS; j++)
        if (str_eq(task, str_of(eval_task_names[j])))
            set->task = (enum eval_task)j;
    yyjson_arr_foreach(yyjson_obj_get(object, "metrics"), i, max, metric)
    {
        struct str name;
        if (!arena_str(arena, json_str(metric), &name))
            return false;
        if (set->measure_count < EVAL_METRICS_MAX &&
            eval_measure_find(name, set->task, &set->measures[set->measure_count]))
            set->measure_count++;
    }
    return take_str(object, "name", arena, &set->name) && take_str(object, "uri", arena, &set->uri);
}

static bool take_terms(yyjson_val *terms, struct arena *arena, struct eval_job *job)
{
    size_t i, max;
    yyjson_val *item;
    bool fits = take_str(terms, "outputUri", arena, &job->output_uri) &&
                take_asked(yyjson_obj_get(terms, "judge"), arena, &job->judge);
    yyjson_arr_foreach(yyjson_obj_get(terms, "models"), i, max, item)
    {
        if (job->model_count < EVAL_MODELS_MAX)
            fits = fits && take_asked(item, arena, &job->models[job->model_count++]);
    }
    yyjson_arr_foreach(yyjson_obj_get(terms, "sets"), i, max, item)
    {
        if (job->set_count < EVAL_SETS_MAX)
            fits = fits && take_set(item, arena, &job->sets[job->set_count++]);
    }
    return fits;
}

enum error_code eval_job_of_row(const struct job_row *row, struct arena *arena, struct eval_job *job,
                                struct error *error)
{
    yyjson_doc *terms = NULL;
    *job = (struct eval_job){
        .sequence = row->sequence,
        .tenant = row->tenant,
        .account = row->account,
        .region = row->region,
        .name = row->name,
        .token = row->token,
        .request = row->request,
        .status = (enum eval_status)row->status,
        .message = row->message,
        .progress = row->progress,
        .submit_us = row->submit_us,
        .modified_us = row->modified_us,
        .end_us = row->end_us,
    };
    memcpy(job->id, row->id, sizeof(job->id));
    if (json_parse(row->terms, &terms, error) != OK)
        return error_set(error, ERROR_INTERNAL, "evaluation job %s: what was stored of it cannot be read", row->id);
    const bool fits = take_terms(yyjson_doc_get_root(terms), arena, job);
    json_free(terms);
    return fits ? OK : error_no_memory(error);
}

enum error_code eval_job_output(const struct eval_job *job, struct arena *arena, struct str *bucket,
                                struct str *prefix, struct error *error)
{
    struct str key;
    const enum error_code code = objects_code(objects_parse_uri(job->output_uri, bucket, &key, error), error);
    if (code != OK)
        return code;
    const bool has_slash = key.len == 0 || key.data[key.len - 1] == '/';
    *prefix = arena_printf(arena, STR_FMT "%s" STR_FMT "/%s/", STR_ARG(key), has_slash ? "" : "/", STR_ARG(job->name),
                           job->id);
    return prefix->data ? OK : error_no_memory(error);
}

enum error_code eval_job_children(const struct eval_job *job, struct arena *arena, struct str children[EVAL_CHILDREN],
                                  struct error *error)
{
    yyjson_doc *doc = NULL;
    const enum error_code code = json_parse(job->progress, &doc, error);
    if (code == ERROR_NO_MEMORY)
        return code;
    yyjson_val *list = yyjson_obj_get(yyjson_doc_get_root(doc), "batchJobs");
    bool fits = true;
    for (size_t i = 0; i < EVAL_CHILDREN; i++)
        fits = arena_str(arena, json_str(yyjson_arr_get(list, i)), &children[i]) && fits;
    json_free(doc);
    return fits ? OK : error_no_memory(error);
}
