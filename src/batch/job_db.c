/* job_db.c - a batch job as a row of the store of jobs.
 *
 * subject is the model ID. Terms: {"roleArn", "type", "inputUri", "outputUri",
 * "timeoutHours", "source", "profile", "profileTags", "endpoint", "keepSeconds",
 * "key"}.
 * Progress: {"total", "success", "errors", "inputTokens", "outputTokens", "startUs",
 * "stopUs", "firstErrors": [{"number", "code", "message"}], "problems": [{"code",
 * "param", "line", "message"}]}. Both stand in databases: members may be added, and are 0
 * or empty where they are missing. */
#include "batch/job_db.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "core/util.h"

#define TERMS_BYTES_MAX (1u << 20)
#define PROGRESS_BYTES_MAX (64u << 10)

enum error_code job_db_open(const char *data, struct jobs **jobs, struct error *error)
{
    enum error_code code = jobs_open(data, batch_kinds, BATCH_KINDS, jobs, error);
    if (code != OK)
        return code;
    for (size_t i = 0; i < BATCH_KINDS && code == OK; i++)
        code = jobs_end_leases(*jobs, batch_kinds[i], error);
    if (code != OK) {
        jobs_close(*jobs);
        *jobs = NULL;
    }
    return code;
}

/* --- a job's JSON ------------------------------------------------------------------------------------ */

static bool append_terms(struct buf *out, const struct batch_job *job)
{
    const struct {
        const char *name;
        struct str value;
    } members[] = {
        {"{\"roleArn\":", job->role_arn},    {",\"type\":", str_of(batch_type_name(job->type))},
        {",\"inputUri\":", job->input_uri},  {",\"outputUri\":", job->output_uri},
        {",\"source\":", job->source},       {",\"profile\":", job->profile},
        {",\"profileTags\":", job->profile_tags}, {",\"endpoint\":", job->endpoint},
        {",\"key\":", job->key},
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        buf_append_text(out, members[i].name);
        buf_append_json(out, members[i].value);
    }
    buf_appendf(out, ",\"timeoutHours\":%u,\"keepSeconds\":%llu}", job->timeout_hours, (unsigned long long)job->keep_s);
    return !out->failed;
}

static void append_problems(struct buf *out, const struct batch_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct batch_problem *problem = &problems->items[i];
        buf_appendf(out, "%s{\"code\":\"%s\",\"line\":%llu", i ? "," : "", problem->code,
                    (unsigned long long)problem->line);
        json_append_member(out, "param", str_of(problem->param));
        json_append_member(out, "message", str_of(problem->message));
        buf_append_char(out, '}');
    }
}

static bool append_progress(struct buf *out, const struct batch_job *job)
{
    const struct batch_counts *counts = &job->counts;
    buf_appendf(out,
                "{\"total\":%llu,\"success\":%llu,\"errors\":%llu,\"inputTokens\":%llu,\"outputTokens\":%llu,"
                "\"startUs\":%llu,\"stopUs\":%llu,\"problems\":[",
                (unsigned long long)counts->total, (unsigned long long)counts->success,
                (unsigned long long)counts->errors, (unsigned long long)counts->input_tokens,
                (unsigned long long)counts->output_tokens, (unsigned long long)job->start_us,
                (unsigned long long)job->stop_us);
    append_problems(out, &job->problems);
    buf_append_text(out, "],\"firstErrors\":[");
    for (size_t i = 0; i < counts->first_count; i++) {
        const struct batch_error *first = &counts->firsts[i];
        buf_appendf(out, "%s{\"number\":%llu,\"code\":%u,\"message\":", i ? "," : "",
                    (unsigned long long)first->number, first->code);
        buf_append_json(out, str_of(first->message));
        buf_append_char(out, '}');
    }
    return buf_append_text(out, "]}");
}

static enum error_code take_terms(yyjson_val *terms, struct arena *arena, struct batch_job *job, struct error *error)
{
    const struct {
        const char *name;
        struct str *value;
    } members[] = {
        {"roleArn", &job->role_arn}, {"inputUri", &job->input_uri}, {"outputUri", &job->output_uri},
        {"source", &job->source},    {"profile", &job->profile},    {"profileTags", &job->profile_tags},
        {"endpoint", &job->endpoint}, {"key", &job->key},
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (!arena_str(arena, json_str(yyjson_obj_get(terms, members[i].name)), members[i].value))
            return error_no_memory(error);
    struct str type = json_str(yyjson_obj_get(terms, "type"));
    for (enum batch_type i = 0; i < BATCH_TYPES; i++)
        if (str_eq(type, str_of(batch_type_name(i))))
            job->type = i;
    job->keep_s = yyjson_get_uint(yyjson_obj_get(terms, "keepSeconds"));
    job->timeout_hours = (uint32_t)yyjson_get_uint(yyjson_obj_get(terms, "timeoutHours"));
    return OK;
}

static void take_first_errors(yyjson_val *list, struct batch_counts *counts)
{
    size_t i, max;
    yyjson_val *item;
    json_arr_foreach(list, i, max, item)
    {
        if (counts->first_count == BATCH_FIRST_ERRORS)
            return;
        struct batch_error *first = &counts->firsts[counts->first_count++];
        first->number = yyjson_get_uint(yyjson_obj_get(item, "number"));
        first->code = (unsigned)yyjson_get_uint(yyjson_obj_get(item, "code"));
        (void)snprintf(first->message, sizeof(first->message), STR_FMT,
                       STR_ARG(json_str(yyjson_obj_get(item, "message"))));
    }
}

static void copy_member(yyjson_val *object, const char *name, char *out, size_t size)
{
    (void)snprintf(out, size, STR_FMT, STR_ARG(json_str(yyjson_obj_get(object, name))));
}

static void take_problems(yyjson_val *list, struct batch_problems *problems)
{
    size_t i, max;
    yyjson_val *item;
    json_arr_foreach(list, i, max, item)
    {
        if (problems->count == BATCH_PROBLEMS)
            return;
        struct batch_problem *problem = &problems->items[problems->count++];
        problem->line = yyjson_get_uint(yyjson_obj_get(item, "line"));
        copy_member(item, "code", problem->code, sizeof(problem->code));
        copy_member(item, "param", problem->param, sizeof(problem->param));
        copy_member(item, "message", problem->message, sizeof(problem->message));
    }
}

static void take_progress(yyjson_val *progress, struct batch_job *job)
{
    struct batch_counts *counts = &job->counts;
    *counts = (struct batch_counts){
        .total = yyjson_get_uint(yyjson_obj_get(progress, "total")),
        .success = yyjson_get_uint(yyjson_obj_get(progress, "success")),
        .errors = yyjson_get_uint(yyjson_obj_get(progress, "errors")),
        .input_tokens = yyjson_get_uint(yyjson_obj_get(progress, "inputTokens")),
        .output_tokens = yyjson_get_uint(yyjson_obj_get(progress, "outputTokens")),
    };
    job->start_us = yyjson_get_uint(yyjson_obj_get(progress, "startUs"));
    job->stop_us = yyjson_get_uint(yyjson_obj_get(progress, "stopUs"));
    take_first_errors(yyjson_obj_get(progress, "firstErrors"), counts);
    take_problems(yyjson_obj_get(progress, "problems"), &job->problems);
}

static enum error_code job_of(const struct job_row *row, struct arena *arena, struct batch_job *job,
                              struct error *error)
{
    yyjson_doc *terms = NULL, *progress = NULL;
    *job = (struct batch_job){
        .sequence = row->sequence,
        .tenant = row->tenant,
        .account = row->account,
        .region = row->region,
        .name = row->name,
        .token = row->token,
        .model_id = row->subject,
        .request = row->request,
        .status = (enum batch_status)row->status,
        .message = row->message,
        .submit_us = row->submit_us,
        .modified_us = row->modified_us,
        .end_us = row->end_us,
        .expires_us = row->expires_us,
    };
    memcpy(job->id, row->id, sizeof(job->id));
    enum error_code code = json_parse_stored(row->terms, &terms, error);
    if (code == OK)
        code = take_terms(yyjson_doc_get_root(terms), arena, job, error);
    if (code == OK)
        code = json_parse_stored(row->progress, &progress, error);
    if (code == OK)
        take_progress(yyjson_doc_get_root(progress), job);
    json_free(terms);
    json_free(progress);
    return code == OK ? OK : error_prefix(error, "batch job %s", row->id);
}

/* --- for those who ask ------------------------------------------------------------------------------- */

enum error_code job_db_create(struct jobs *jobs, struct batch_job *job, uint64_t most, bool *is_new,
                              struct error *error)
{
    struct buf terms, progress;
    buf_init(&terms, TERMS_BYTES_MAX);
    buf_init(&progress, PROGRESS_BYTES_MAX);
    struct job_row row = {
        .tenant = job->tenant,
        .account = job->account,
        .region = job->region,
        .name = job->name,
        .token = job->token,
        .subject = job->model_id,
        .request = job->request,
        .submit_us = job->submit_us,
        .expires_us = job->expires_us,
    };
    memcpy(row.id, job->id, sizeof(row.id));
    const bool fits = append_terms(&terms, job) && append_progress(&progress, job);
    enum error_code code = fits ? OK : error_no_memory(error);
    row.terms = buf_str(&terms);
    row.progress = buf_str(&progress);
    if (code == OK)
        code = jobs_create(jobs, batch_kind_of(job->type), &row, &job->tags, most, is_new, error);
    memcpy(job->id, row.id, sizeof(row.id));
    buf_deinit(&terms);
    buf_deinit(&progress);
    return code;
}

enum error_code job_db_get(struct jobs *jobs, const struct job_kind *kind, struct str tenant, struct str id,
                           struct arena *arena, struct batch_job *job, struct error *error)
{
    struct job_row row;
    enum error_code code = jobs_get(jobs, kind, tenant, id, arena, &row, error);
    return code == OK ? job_of(&row, arena, job, error) : code;
}

enum error_code job_db_list(struct jobs *jobs, const struct job_kind *kind, const struct job_filter *filter,
                            struct arena *arena, struct batch_job **list, size_t *count, bool *has_more,
                                struct error *error)
{
    struct job_row *rows;
    *list = ARENA_ARRAY(arena, struct batch_job, filter->max);
    if (!*list)
        return error_no_memory(error);
    enum error_code code = jobs_list(jobs, kind, filter, arena, &rows, count, has_more, error);
    for (size_t i = 0; i < *count && code == OK; i++)
        code = job_of(&rows[i], arena, &(*list)[i], error);
    return code;
}

/* --- for runners ------------------------------------------------------------------------------------- */

/* `progress` is deinitialised by the caller. */
static enum error_code note_of(const struct batch_job *job, uint64_t now_us, struct buf *progress,
                               struct job_note *note, struct error *error)
{
    buf_init(progress, PROGRESS_BYTES_MAX);
    if (!append_progress(progress, job))
        return error_no_memory(error);
    *note = (struct job_note){job->message, buf_str(progress), now_us};
    return OK;
}

/* The kinds take turns, by the clock: whichever is looked at first has no rank. */
static enum error_code claim_of_any(struct jobs *jobs, const struct job_lease *lease, bool takes_new,
                                    struct arena *arena, struct job_row *row, struct job_claim *claim, bool *has_job,
                                    struct error *error)
{
    enum error_code code = OK;
    *has_job = false;
    for (size_t i = 0; i < BATCH_KINDS && code == OK && !*has_job; i++)
        code = jobs_claim(jobs, batch_kinds[(i + lease->now_us) % BATCH_KINDS], lease, takes_new, arena, row, claim,
                          has_job, error);
    return code;
}

enum error_code job_db_claim(struct jobs *jobs, const struct job_lease *lease, bool takes_new, struct arena *arena,
                             struct batch_job *job, struct job_claim *claim, bool *has_job, struct error *error)
{
    struct job_row row;
    enum error_code code = claim_of_any(jobs, lease, takes_new, arena, &row, claim, has_job, error);
    if (code != OK || !*has_job)
        return code;
    code = job_of(&row, arena, job, error);
    if (code == OK)
        return OK;
    *has_job = false;
    return jobs_put_down(jobs, &row, claim, BATCH_FAILED, error);
}

enum error_code job_db_move(struct jobs *jobs, const struct batch_job *job, const struct job_claim *claim,
                            const struct job_move *move, uint64_t now_us, bool *has_moved, struct error *error)
{
    struct buf progress;
    struct job_note note;
    enum error_code code = note_of(job, now_us, &progress, &note, error);
    if (code == OK)
        code = jobs_move(jobs, claim, move, &note, has_moved, error);
    buf_deinit(&progress);
    return code;
}

enum error_code job_db_note(struct jobs *jobs, const struct batch_job *job, const struct job_claim *claim,
                            uint64_t now_us, struct error *error)
{
    struct buf progress;
    struct job_note note;
    enum error_code code = note_of(job, now_us, &progress, &note, error);
    if (code == OK)
        code = jobs_note(jobs, claim, &note, error);
    buf_deinit(&progress);
    return code;
}

enum error_code job_db_expire(struct jobs *jobs, uint64_t now_us, struct error *error)
{
    return jobs_expire(jobs, &batch_job_kind, BATCH_EXPIRED, STR("The job did not start before its time was up."),
                       now_us, error);
}
