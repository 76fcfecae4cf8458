/* course.c - the steps of one evaluation job up to its last one. See course.h. */
#include "eval/course.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "batch/prepare.h"
#include "core/file.h"
#include "core/json.h"
#include "core/json_copy.h"
#include "core/limits.h"

#define CHILD_BYTES_MAX ((size_t)1 << 30)
#define CHILD_HOURS 168

/* --- the job ----------------------------------------------------------------------------------------- */

bool course_append_progress(struct buf *out, const struct course *course)
{
    buf_append_text(out, "{\"batchJobs\":[");
    for (size_t i = 0; i < COURSE_CHILDREN; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        buf_append_json(out, course->children[i]);
    }
    return buf_append_text(out, "]}");
}

enum error_code course_begin(struct course *course, struct error *error)
{
    const enum error_code code =
        eval_job_output(&course->job, &course->arena, &course->bucket, &course->prefix, error);
    return code == OK ? eval_job_children(&course->job, &course->arena, course->children, error) : code;
}

/* --- data -------------------------------------------------------------------------------------------- */

/* A set that is there is not copied again: the object may have changed. */
static enum error_code copy_set(struct course *course, size_t set, struct error *error)
{
    char path[COURSE_PATH_MAX];
    struct buf text;
    enum error_code code = course_set_path(course, set, path, error);
    if (code != OK || access(path, F_OK) == 0)
        return code;
    buf_init(&text, (size_t)limit(eval_file_bytes));
    code = course_read_object(course, course->job.sets[set].uri, &text, error);
    if (code == OK && file_replace(path, buf_str(&text), 0600, error) != OK)
        code = error->code = ERROR_UNAVAILABLE;
    buf_deinit(&text);
    return code;
}

static enum error_code copy_data(struct course *course, struct error *error)
{
    enum error_code code = course_make_directory(course, error);
    for (size_t i = 0; i < course->job.set_count && code == OK; i++)
        code = copy_set(course, i, error);
    return code;
}

/* --- batch jobs -------------------------------------------------------------------------------------- */

static const struct eval_asked *asked_of(const struct course *course, size_t child)
{
    return child == EVAL_MODELS_MAX ? &course->job.judge : &course->job.models[child];
}

static void input_name(char name[COURSE_NAME_MAX], size_t child)
{
    if (child == EVAL_MODELS_MAX)
        (void)snprintf(name, COURSE_NAME_MAX, COURSE_WORK "judge.jsonl");
    else
        (void)snprintf(name, COURSE_NAME_MAX, COURSE_WORK "model-%zu.jsonl", child);
}

static struct str s3_uri(struct course *course, const char *name)
{
    return arena_printf(&course->arena, "s3://" STR_FMT "/" STR_FMT "%s", STR_ARG(course->bucket),
                        STR_ARG(course->prefix), name);
}

static struct str request_of(struct course *course, struct str input, struct str output, struct str model)
{
    struct buf text;
    struct str kept = {0};
    buf_init(&text, 65536);
    buf_append_text(&text, "{\"jobName\":");
    buf_append_json(&text, course->job.name);
    json_append_member(&text, "modelId", model);
    buf_append_text(&text,
                    ",\"modelInvocationType\":\"Converse\",\"inputDataConfig\":{\"s3InputDataConfig\":{\"s3Uri\":");
    buf_append_json(&text, input);
    buf_append_text(&text, "}},\"outputDataConfig\":{\"s3OutputDataConfig\":{\"s3Uri\":");
    buf_append_json(&text, output);
    buf_append_text(&text, "}}}");
    if (text.failed || !arena_str(&course->arena, buf_str(&text), &kept))
        kept = (struct str){0};
    buf_deinit(&text);
    return kept;
}

/* The evaluation's own; a role says nothing here, but is shown. */
static struct str role_of(struct course *course)
{
    struct buf text;
    struct str kept = {0};
    buf_init(&text, 8192);
    if (!json_copy_string(&text, json_copy_find(course->job.request, "roleArn")) ||
        !arena_str(&course->arena, buf_str(&text), &kept))
        kept = STR("");
    buf_deinit(&text);
    return kept;
}

/* The same job the second time, by its token. */
static enum error_code make_child(struct course *course, size_t child, struct error *error)
{
    const struct eval_asked *asked = asked_of(course, child);
    char name[COURSE_NAME_MAX];
    input_name(name, child);
    struct batch_job job = {
        .tenant = course->job.tenant,
        .account = course->job.account,
        .region = course->job.region,
        .name = course->job.name,
        .token = arena_printf(&course->arena, "evaluation-%s-%zu", course->job.id, child),
        .model_id = asked->id,
        .role_arn = role_of(course),
        .source = asked->source,
        .profile = asked->profile,
        .profile_tags = asked->profile_tags,
        .type = BATCH_CONVERSE,
        .input_uri = s3_uri(course, name),
        .output_uri = s3_uri(course, COURSE_WORK),
        .timeout_hours = CHILD_HOURS,
    };
    job.request = request_of(course, job.input_uri, job.output_uri, job.model_id);
    if (!job.token.data || !job.input_uri.data || !job.output_uri.data || !job.request.data)
        return error_no_memory(error);
    enum error_code code = batch_create(course->options->batch, &job, error);
    if (code == ERROR_QUOTA)
        code = error->code = ERROR_UNAVAILABLE; /* others end */
    return code == OK && !arena_str(&course->arena, str_of(job.id), &course->children[child]) ? error_no_memory(error)
                                                                                              : code;
}

/* Whether it has ended; ERROR_MODEL: in a way that leaves no answers. */
static enum error_code look_at_child(struct course *course, size_t child, bool *has_ended, struct error *error)
{
    struct batch_job job;
    struct arena arena;
    arena_init(&arena, 0);
    enum error_code code =
        batch_get(course->options->batch, &batch_job_kind, course->job.tenant, course->children[child], &arena, &job,
                  error);
    *has_ended = code == OK && batch_status_has_ended(job.status);
    if (*has_ended && job.status != BATCH_COMPLETED && job.status != BATCH_PARTIALLY_COMPLETED)
        code = error_set(error, ERROR_MODEL, "Batch job '%s', which asked " STR_FMT ", ended as %s. " STR_FMT, job.id,
                         STR_ARG(job.model_id), batch_status_name(job.status), STR_ARG(job.message));
    arena_deinit(&arena);
    return code;
}

/* --- asking ------------------------------------------------------------------------------------------ */

static void append_params(struct buf *out, struct str params)
{
    yyjson_doc *doc = NULL;
    struct error ignored;
    size_t i, max;
    yyjson_val *key, *value;
    if (params.len == 0 || json_parse_exact(params, &doc, &ignored) != OK)
        return;
    json_obj_foreach(yyjson_doc_get_root(doc), i, max, key, value)
    {
        buf_append_char(out, ',');
        buf_append_json(out, json_str(key));
        buf_append_char(out, ':');
        json_append(out, value);
    }
    json_free(doc);
}

static void append_record(struct buf *out, const struct course *course, size_t child, size_t set, size_t row,
                          const struct question *question)
{
    const struct str params = course->job.models[child].params;
    buf_appendf(out, "{\"recordId\":\"%zu-%zu\",\"modelInput\":", set, row);
    if (params.len > 0) {
        buf_append_char(out, '{');
        buf_append_str(out, question->request);
        append_params(out, params);
        buf_append_char(out, '}');
    } else {
        question_append_request(question, false, out);
    }
    buf_append_text(out, "}\n");
}

static enum error_code ask_model(struct course *course, size_t child, const struct course_data *data,
                                 struct error *error)
{
    struct buf text;
    char name[COURSE_NAME_MAX];
    buf_init(&text, CHILD_BYTES_MAX);
    for (size_t set = 0; set < course->job.set_count; set++)
        for (size_t row = 0; row < data->sets[set].count; row++)
            append_record(&text, course, child, set, row, &data->sets[set].items[row]);
    input_name(name, child);
    enum error_code code = text.failed ? error_no_memory(error) : OK;
    if (code == OK)
        code = course_put(course, name, "application/jsonl", buf_str(&text), error);
    buf_deinit(&text);
    return code == OK ? make_child(course, child, error) : code;
}

/* Of all sets and models that are asked; *waits: one has not ended. */
static enum error_code ask_models(struct course *course, bool *waits, struct error *error)
{
    struct course_data data = {0};
    bool has_data = false;
    enum error_code code = OK;
    for (size_t i = 0; i < course->job.model_count && code == OK; i++) {
        bool has_ended = true;
        if (course->job.models[i].is_given)
            continue;
        if (course->children[i].len == 0) {
            if (!has_data)
                code = course_read_data(course, false, &data, error);
            has_data = true;
            if (code == OK)
                code = ask_model(course, i, &data, error);
        }
        if (code == OK)
            code = look_at_child(course, i, &has_ended, error);
        *waits = *waits || !has_ended;
    }
    if (has_data)
        course_data_deinit(&data);
    return code;
}

/* --- the judge --------------------------------------------------------------------------------------- */

struct grading_writer {
    struct course *course;
    const struct course_data *data;
    struct buf text;
    size_t count;
};

static enum error_code append_grading(void *ctx, const struct course_grading *grading, const char *name,
                                      struct error *error)
{
    struct grading_writer *writer = ctx;
    const struct course_data *data = writer->data;
    buf_appendf(&writer->text, "{\"recordId\":\"%s\",\"modelInput\":", name);
    judge_append_grading(&writer->text, writer->course->job.sets[grading->set].measures[grading->measure].criterion,
                         &data->sets[grading->set].items[grading->row],
                         &data->answers[grading->set][grading->model][grading->row]);
    buf_append_text(&writer->text, "}\n");
    writer->count++;
    return writer->text.failed ? error_no_memory(error) : OK;
}

static enum error_code make_judge(struct course *course, bool *is_needed, struct error *error)
{
    struct course_data data = {0};
    struct grading_writer writer = {.course = course, .data = &data};
    char name[COURSE_NAME_MAX];
    buf_init(&writer.text, CHILD_BYTES_MAX);
    enum error_code code = course_read_data(course, true, &data, error);
    if (code == OK)
        code = course_gradings(course, &data, append_grading, &writer, error);
    input_name(name, EVAL_MODELS_MAX);
    *is_needed = writer.count > 0;
    if (code == OK && *is_needed)
        code = course_put(course, name, "application/jsonl", buf_str(&writer.text), error);
    if (code == OK && *is_needed)
        code = make_child(course, EVAL_MODELS_MAX, error);
    buf_deinit(&writer.text);
    course_data_deinit(&data);
    return code;
}

static enum error_code ask_judge(struct course *course, bool *waits, struct error *error)
{
    bool has_ended = true, is_needed = true;
    enum error_code code = OK;
    if (course->job.judge.id.len == 0)
        return OK;
    if (course->children[EVAL_MODELS_MAX].len == 0)
        code = make_judge(course, &is_needed, error);
    if (code == OK && is_needed)
        code = look_at_child(course, EVAL_MODELS_MAX, &has_ended, error);
    *waits = !has_ended;
    return code;
}

enum error_code course_replies(struct course *course, size_t child,
                               enum error_code (*take)(void *ctx, struct str record, struct str reply,
                                                       struct str problem, struct error *error),
                               void *ctx, struct error *error)
{
    char input[COURSE_NAME_MAX], name[96];
    struct buf text, record, problem;
    struct str rest, line;
    buf_init(&text, CHILD_BYTES_MAX);
    buf_init(&record, 1024);
    buf_init(&problem, 1 << 20);
    input_name(input, child);
    (void)snprintf(name, sizeof(name), COURSE_WORK STR_FMT "/%s.out", STR_ARG(course->children[child]),
                   input + strlen(COURSE_WORK));
    enum error_code code = course_get(course, name, &text, error);
    rest = buf_str(&text);
    while (code == OK && str_split(&rest, '\n', &line)) {
        buf_clear(&record);
        buf_clear(&problem);
        if (!json_copy_string(&record, json_copy_find(line, "recordId")))
            continue;
        json_copy_string(&problem, json_copy_find(json_copy_find(line, "error"), "errorMessage"));
        code = take(ctx, buf_str(&record), json_copy_find(line, "modelOutput"), buf_str(&problem), error);
    }
    buf_deinit(&text);
    buf_deinit(&record);
    buf_deinit(&problem);
    return code;
}

/* --- steps ------------------------------------------------------------------------------------------- */

enum error_code course_step(struct course *course, bool *is_over, struct error *error)
{
    bool waits = false;
    *is_over = false;
    enum error_code code = copy_data(course, error);
    if (code == OK)
        code = ask_models(course, &waits, error);
    if (code == OK && !waits)
        code = ask_judge(course, &waits, error);
    if (code != OK || waits)
        return code;
    code = course_write_results(course, error);
    *is_over = code == OK;
    return code;
}

enum error_code course_stop(struct course *course, bool *is_over, struct error *error)
{
    *is_over = true;
    for (size_t i = 0; i < COURSE_CHILDREN; i++) {
        bool has_ended = true;
        if (course->children[i].len == 0)
            continue;
        enum error_code code = look_at_child(course, i, &has_ended, error);
        if (code == ERROR_MODEL || code == ERROR_NOT_FOUND)
            continue; /* it has ended, in whichever way */
        if (code == OK && !has_ended) {
            *is_over = false;
            code = batch_request_stop(course->options->batch, &batch_job_kind, course->job.tenant, course->children[i],
                                      error);
        }
        if (code != OK && code != ERROR_CONFLICT)
            return code;
    }
    return OK;
}
