/* job.c - statuses of customization jobs, and their JSON. Runs none. See job.h. */
#include "customize/job.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/util.h"

#define TERMS_BYTES_MAX (256u << 10)
#define PROGRESS_BYTES_MAX (16u << 10)
#define NAME_PAGE 100

const char *const custom_type_names[CUSTOM_TYPES + 1] = {
    [CUSTOM_FINE_TUNING] = "FINE_TUNING",
    [CUSTOM_DISTILLATION] = "DISTILLATION",
};

const char *const custom_stage_status_names[STAGE_STATUSES] = {
    [STAGE_NOT_STARTED] = "NotStarted", [STAGE_IN_PROGRESS] = "InProgress", [STAGE_COMPLETED] = "Completed",
    [STAGE_STOPPED] = "Stopped",        [STAGE_FAILED] = "Failed",
};

/* --- statuses ---------------------------------------------------------------------------------------- */

static const struct job_status statuses[CUSTOM_STATUSES] = {
    [CUSTOM_IN_PROGRESS] = {"InProgress", JOB_WAITING,
                            JOB_TO(CUSTOM_STOPPING) | JOB_TO(CUSTOM_COMPLETED) | JOB_TO(CUSTOM_FAILED)},
    [CUSTOM_STOPPING] = {"Stopping", JOB_STOPPING,
                         JOB_TO(CUSTOM_STOPPED) | JOB_TO(CUSTOM_COMPLETED) | JOB_TO(CUSTOM_FAILED)},
    [CUSTOM_COMPLETED] = {"Completed", JOB_ENDED, 0},
    [CUSTOM_FAILED] = {"Failed", JOB_ENDED, 0},
    [CUSTOM_STOPPED] = {"Stopped", JOB_ENDED, 0},
};

const struct job_kind custom_job_kind = {
    .name = "customization",
    .title = "model customization job",
    .subject = "base model",
    .resource = "model-customization-job",
    .statuses = statuses,
    .status_count = CUSTOM_STATUSES,
};

bool custom_status_has_ended(enum custom_status status)
{
    assert(status < CUSTOM_STATUSES);
    return statuses[status].phase == JOB_ENDED;
}

bool custom_append_arn(struct buf *out, const char *resource, struct str region, struct str account, struct str base,
                       const char *id)
{
    buf_appendf(out, "arn:aws:bedrock:" STR_FMT ":" STR_FMT ":%s/%s", STR_ARG(region), STR_ARG(account), resource,
                str_find_char(base, '.', 0) < 0 ? "fulcrum." : "");
    for (size_t i = 0; i < base.len; i++) {
        const char c = base.data[i];
        const bool is_kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':';
        buf_append_char(out, is_kept ? c : c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : '-');
    }
    return buf_appendf(out, "/%s", id);
}

/* --- JSON -------------------------------------------------------------------------------------------- */

#define TERMS 9
static void list_terms(struct custom_job *job, const char *names[TERMS], struct str *values[TERMS])
{
    static const char *const all[TERMS] = {"modelName", "base", "basePath", "baseName", "settings",
                                            "teacher", "teacherPath", "teacherAdapter", "teacherName"};
    struct str *const at[TERMS] = {&job->model_name, &job->base, &job->base_path, &job->base_name, &job->settings,
                                     &job->teacher, &job->teacher_path, &job->teacher_adapter, &job->teacher_name};
    memcpy(names, all, sizeof(all));
    memcpy(values, at, sizeof(at));
}

static bool append_terms(struct buf *out, struct custom_job *job)
{
    const char *names[TERMS];
    struct str *values[TERMS];
    list_terms(job, names, values);
    buf_appendf(out, "{\"type\":\"%s\"", custom_type_names[job->type]);
    for (size_t i = 0; i < TERMS; i++)
        json_append_member(out, names[i], *values[i]);
    json_append_member(out, "modelTags", job->model_tags);
    return buf_append_char(out, '}');
}

static enum error_code take_terms(yyjson_val *terms, struct arena *arena, struct custom_job *job,
                                  struct error *error)
{
    const char *names[TERMS];
    struct str *values[TERMS];
    const struct str type = json_str(yyjson_obj_get(terms, "type"));
    list_terms(job, names, values);
    for (size_t i = 0; i < TERMS; i++)
        if (!arena_str(arena, json_str(yyjson_obj_get(terms, names[i])), values[i]))
            return error_no_memory(error);
    job->type = str_eq(type, str_of(custom_type_names[CUSTOM_DISTILLATION])) ? CUSTOM_DISTILLATION
                                                                             : CUSTOM_FINE_TUNING;
    return arena_str(arena, json_str(yyjson_obj_get(terms, "modelTags")), &job->model_tags) ? OK
                                                                                            : error_no_memory(error);
}

const struct scratch *custom_job_scratch(const struct custom_job *job)
{
    return job->base_path.len == 0 ? scratch_find(job->base) : NULL;
}

bool custom_append_variants(struct buf *out, const struct custom_variants *variants)
{
    const double share = variants->written ? (double)variants->kept / (double)variants->written : 0;
    return buf_appendf(out, "\"badReplies\":%llu,\"written\":%llu,\"unfit\":%llu,\"duplicates\":%llu,"
                       "\"offTopic\":%llu,\"kept\":%llu,\"keptShare\":%.4f,\"learnt\":%llu",
                       (unsigned long long)variants->bad_replies, (unsigned long long)variants->written,
                       (unsigned long long)variants->unfit, (unsigned long long)variants->duplicates,
                       (unsigned long long)variants->off_topic, (unsigned long long)variants->kept, share,
                       (unsigned long long)variants->learnt);
}

struct count_member {
    const char *name;
    uint64_t *value;
};
#define COUNTS 26
static void list_counts(struct custom_progress *progress, struct count_member members[COUNTS])
{
    const struct count_member all[COUNTS] = {
        {"accepted", &progress->accepted}, {"rejected", &progress->rejected}, {"trained", &progress->trained},
        {"held", &progress->held},         {"step", &progress->step},         {"steps", &progress->steps},
        {"secondsLeft", &progress->seconds_left}, {"asked", &progress->answers.asked},
        {"answered", &progress->answers.answered}, {"teacherInput", &progress->answers.input},
        {"teacherOutput", &progress->answers.output}, {"variantsAsked", &progress->variants.asked.asked},
        {"variantsAnswered", &progress->variants.asked.answered},
        {"variantsInput", &progress->variants.asked.input}, {"variantsOutput", &progress->variants.asked.output},
        {"variantsBad", &progress->variants.bad_replies}, {"variantsWritten", &progress->variants.written},
        {"variantsUnfit", &progress->variants.unfit}, {"variantsDuplicate", &progress->variants.duplicates},
        {"variantsOffTopic", &progress->variants.off_topic}, {"variantsKept", &progress->variants.kept},
        {"variantsLearnt", &progress->variants.learnt}, {"warmUp", &progress->warm_up},
        {"weights", &progress->weights}, {"baseWeights", &progress->base_weights},
        {"priceShare", &progress->price_share},
    };
    memcpy(members, all, sizeof(all));
}

static bool append_progress(struct buf *out, struct custom_progress *progress)
{
    struct count_member counts[COUNTS];
    list_counts(progress, counts);
    buf_append_text(out, "{\"stages\":[");
    for (size_t i = 0; i < CUSTOM_STAGES; i++)
        buf_appendf(out, "%s{\"status\":\"%s\",\"createdUs\":%llu,\"modifiedUs\":%llu}", i ? "," : "",
                    custom_stage_status_names[progress->stages[i].status],
                    (unsigned long long)progress->stages[i].created_us,
                    (unsigned long long)progress->stages[i].modified_us);
    buf_append_char(out, ']');
    for (size_t i = 0; i < COUNTS; i++)
        buf_appendf(out, ",\"%s\":%llu", counts[i].name, (unsigned long long)*counts[i].value);
    if (progress->has_loss)
        buf_appendf(out, ",\"loss\":%.6f", progress->loss);
    buf_append_text(out, ",\"validationLosses\":[");
    for (size_t i = 0; i < progress->validator_count; i++)
        buf_appendf(out, "%s%.6f", i ? "," : "", progress->validation_losses[i]);
    buf_append_char(out, ']');
    json_append_member(out, "model", str_of(progress->model));
    json_append_member(out, "teacherJob", str_of(progress->answers.job));
    json_append_member(out, "variantsJob", str_of(progress->variants.asked.job));
    return buf_append_char(out, '}');
}

static void take_stages(yyjson_val *stages, struct custom_progress *progress)
{
    for (size_t i = 0; i < CUSTOM_STAGES; i++) {
        yyjson_val *stage = yyjson_arr_get(stages, i);
        const struct str status = json_str(yyjson_obj_get(stage, "status"));
        struct custom_stage_note *note = &progress->stages[i];
        for (size_t k = 0; k < STAGE_STATUSES; k++)
            if (str_eq(status, str_of(custom_stage_status_names[k])))
                note->status = (enum custom_stage_status)k;
        note->created_us = yyjson_get_uint(yyjson_obj_get(stage, "createdUs"));
        note->modified_us = yyjson_get_uint(yyjson_obj_get(stage, "modifiedUs"));
    }
}

static void take_id(yyjson_val *value, char id[JOB_ID_LEN + 1])
{
    const struct str text = json_str(value);
    if (text.len == JOB_ID_LEN)
        memcpy(id, text.data, text.len);
}

static void take_progress(yyjson_val *root, struct custom_progress *progress)
{
    struct count_member counts[COUNTS];
    yyjson_val *losses = yyjson_obj_get(root, "validationLosses"), *loss = yyjson_obj_get(root, "loss");
    *progress = (struct custom_progress){0};
    list_counts(progress, counts);
    take_stages(yyjson_obj_get(root, "stages"), progress);
    for (size_t i = 0; i < COUNTS; i++)
        *counts[i].value = yyjson_get_uint(yyjson_obj_get(root, counts[i].name));
    progress->has_loss = yyjson_is_num(loss);
    progress->loss = yyjson_get_num(loss);
    for (size_t i = 0; i < yyjson_arr_size(losses) && i < CUSTOM_VALIDATORS_MAX; i++)
        progress->validation_losses[progress->validator_count++] = yyjson_get_num(yyjson_arr_get(losses, i));
    take_id(yyjson_obj_get(root, "model"), progress->model);
    take_id(yyjson_obj_get(root, "teacherJob"), progress->answers.job);
    take_id(yyjson_obj_get(root, "variantsJob"), progress->variants.asked.job);
}

static enum error_code job_of(const struct job_row *row, struct arena *arena, struct custom_job *job,
                              struct error *error)
{
    yyjson_doc *terms = NULL, *progress = NULL;
    *job = (struct custom_job){
        .sequence = row->sequence,
        .tenant = row->tenant,
        .account = row->account,
        .region = row->region,
        .name = row->name,
        .token = row->token,
        .request = row->request,
        .status = (enum custom_status)row->status,
        .message = row->message,
        .submit_us = row->submit_us,
        .modified_us = row->modified_us,
        .end_us = row->end_us,
    };
    memcpy(job->id, row->id, sizeof(job->id));
    enum error_code code = json_parse_stored(row->terms, &terms, error);
    if (code == OK)
        code = take_terms(yyjson_doc_get_root(terms), arena, job, error);
    if (code == OK)
        code = json_parse_stored(row->progress, &progress, error);
    if (code == OK)
        take_progress(yyjson_doc_get_root(progress), &job->progress);
    json_free(terms);
    json_free(progress);
    return code == OK ? OK : error_prefix(error, "customization job %s", row->id);
}

/* --- for those who ask ------------------------------------------------------------------------------- */

enum error_code custom_jobs_open(const char *data, struct jobs **jobs, struct error *error)
{
    static const struct job_kind *const kinds[] = {&custom_job_kind};
    enum error_code code = jobs_open(data, kinds, 1, jobs, error);
    if (code != OK)
        return code;
    code = jobs_end_leases(*jobs, &custom_job_kind, error);
    if (code != OK) {
        jobs_close(*jobs);
        *jobs = NULL;
    }
    return code;
}

enum error_code custom_jobs_create(struct jobs *jobs, struct custom_job *job, uint64_t most, bool *is_new,
                                   struct error *error)
{
    struct buf terms, progress;
    buf_init(&terms, TERMS_BYTES_MAX);
    buf_init(&progress, PROGRESS_BYTES_MAX);
    enum error_code code = append_terms(&terms, job) && append_progress(&progress, &job->progress)
                               ? OK
                               : error_no_memory(error);
    struct job_row row = {
        .tenant = job->tenant,
        .account = job->account,
        .region = job->region,
        .name = job->name,
        .token = job->token,
        .subject = job->base,
        .request = job->request,
        .terms = buf_str(&terms),
        .progress = buf_str(&progress),
        .submit_us = job->submit_us,
    };
    memcpy(row.id, job->id, sizeof(row.id));
    if (code == OK)
        code = jobs_create(jobs, &custom_job_kind, &row, &job->tags, most, is_new, error);
    memcpy(job->id, row.id, sizeof(row.id));
    buf_deinit(&terms);
    buf_deinit(&progress);
    return code;
}

enum error_code custom_jobs_get(struct jobs *jobs, struct str tenant, struct str id, struct arena *arena,
                                struct custom_job *job, struct error *error)
{
    struct job_row row;
    enum error_code code = jobs_get(jobs, &custom_job_kind, tenant, id, arena, &row, error);
    return code == OK ? job_of(&row, arena, job, error) : code;
}

enum error_code custom_jobs_list(struct jobs *jobs, const struct job_filter *filter, struct arena *arena,
                                 struct custom_job **list, size_t *count, bool *has_more, struct error *error)
{
    struct job_row *rows;
    *list = ARENA_ARRAY(arena, struct custom_job, filter->max);
    if (!*list)
        return error_no_memory(error);
    enum error_code code = jobs_list(jobs, &custom_job_kind, filter, arena, &rows, count, has_more, error);
    for (size_t i = 0; i < *count && code == OK; i++)
        code = job_of(&rows[i], arena, &(*list)[i], error);
    return code;
}

enum error_code custom_jobs_find_name(struct jobs *jobs, struct str tenant, struct str name, struct arena *arena,
                                      struct custom_job *job, struct error *error)
{
    struct job_filter filter = {.tenant = tenant, .name_contains = name, .max = NAME_PAGE};
    bool has_more = name.len > 0;
    while (has_more) {
        struct job_row *rows;
        size_t count;
        enum error_code code = jobs_list(jobs, &custom_job_kind, &filter, arena, &rows, &count, &has_more, error);
        if (code != OK)
            return code;
        for (size_t i = 0; i < count; i++)
            if (str_eq(rows[i].name, name))
                return job_of(&rows[i], arena, job, error);
        filter.beyond = count ? rows[count - 1].sequence : filter.beyond;
    }
    return error_set(error, ERROR_NOT_FOUND, "There is no %s '%.*s'.", custom_job_kind.title,
                     (int)(name.len > 64 ? 64 : name.len), name.data ? name.data : "");
}

/* --- for the runner ---------------------------------------------------------------------------------- */

enum error_code custom_jobs_claim(struct jobs *jobs, const struct job_lease *lease, bool takes_new,
                                  struct arena *arena, struct custom_job *job, struct job_claim *claim, bool *has_job,
                                  struct error *error)
{
    struct job_row row;
    enum error_code code = jobs_claim(jobs, &custom_job_kind, lease, takes_new, arena, &row, claim, has_job, error);
    if (code != OK || !*has_job)
        return code;
    code = job_of(&row, arena, job, error);
    if (code == OK)
        return OK;
    *has_job = false;
    return jobs_put_down(jobs, &row, claim, CUSTOM_FAILED, error);
}

enum error_code custom_jobs_move(struct jobs *jobs, const struct custom_job *job, const struct job_claim *claim,
                                 const struct job_move *move, bool *has_moved, struct error *error)
{
    struct buf text;
    struct custom_progress progress = job->progress;
    buf_init(&text, PROGRESS_BYTES_MAX);
    enum error_code code = append_progress(&text, &progress) ? OK : error_no_memory(error);
    const struct job_note note = {job->message, buf_str(&text), clock_wall_us()};
    if (code == OK)
        code = jobs_move(jobs, claim, move, &note, has_moved, error);
    buf_deinit(&text);
    return code;
}

enum error_code custom_jobs_note(struct jobs *jobs, const struct custom_job *job, const struct job_claim *claim,
                                 struct error *error)
{
    struct buf text;
    struct custom_progress progress = job->progress;
    buf_init(&text, PROGRESS_BYTES_MAX);
    enum error_code code = append_progress(&text, &progress) ? OK : error_no_memory(error);
    const struct job_note note = {job->message, buf_str(&text), clock_wall_us()};
    if (code == OK)
        code = jobs_note(jobs, claim, &note, error);
    buf_deinit(&text);
    return code;
}
