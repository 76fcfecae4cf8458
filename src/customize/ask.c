/* ask.c - makes the batch job, looks whether it has ended, and reads what it has written. Knows nothing of what is
 * asked. See ask.h. */
#include "customize/ask.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "batch/batch.h"
#include "batch/files.h"
#include "batch/lines.h"
#include "core/limits.h"

#define REQUEST_BYTES_MAX (64u << 10)
#define PIECE_BYTES (256u << 10)
#define HOURS 168

yyjson_val *ask_teacher_config(const struct custom_run *run)
{
    yyjson_val *config = yyjson_obj_get(yyjson_doc_get_root(run->request), "customizationConfig");
    return yyjson_obj_get(yyjson_obj_get(config, "distillationConfig"), "teacherModelConfig");
}

/* --- the batch job ---------------------------------------------------------------------------------- */

/* What CreateModelInvocationJob would have been sent. */
static bool append_request(struct buf *out, const struct batch_job *job)
{
    buf_append_text(out, "{\"jobName\":");
    buf_append_json(out, job->name);
    json_append_member(out, "roleArn", job->role_arn);
    json_append_member(out, "modelId", job->model_id);
    json_append_member(out, "modelInvocationType", STR("Converse"));
    buf_append_text(out, ",\"inputDataConfig\":{\"s3InputDataConfig\":{\"s3Uri\":");
    buf_append_json(out, job->input_uri);
    buf_append_text(out, "}},\"outputDataConfig\":{\"s3OutputDataConfig\":{\"s3Uri\":");
    buf_append_json(out, job->output_uri);
    return buf_append_text(out, "}}}");
}

static enum error_code request_of(struct batch_job *job, struct arena *arena, struct error *error)
{
    struct buf text;
    buf_init(&text, REQUEST_BYTES_MAX);
    const bool is_made = append_request(&text, job) && arena_str(arena, buf_str(&text), &job->request);
    buf_deinit(&text);
    return is_made ? OK : error_no_memory(error);
}

static enum error_code make_job(struct custom_run *run, const struct ask *ask, struct batch_job *job,
                                struct error *error)
{
    yyjson_val *request = yyjson_doc_get_root(run->request);
    const struct str output = json_str(yyjson_obj_get(yyjson_obj_get(request, "outputDataConfig"), "s3Uri"));
    struct arena *arena = &run->arena;
    const char *slash = output.len > 0 && output.data[output.len - 1] == '/' ? "" : "/";
    *job = (struct batch_job){
        .tenant = run->job.tenant,
        .account = run->job.account,
        .region = run->job.region,
        .name = arena_printf(arena, "%s%s", ask->name, run->job.id),
        .token = arena_printf(arena, "%s%s", ask->token, run->job.id),
        .model_id = run->job.teacher,
        .source = STR(""),
        .profile = STR(""),
        .profile_tags = STR(""),
        .role_arn = json_str(yyjson_obj_get(request, "roleArn")),
        .type = BATCH_CONVERSE,
        .input_uri = arena_printf(arena, STR_FMT "%smodel-customization-job-%s/%s", STR_ARG(output), slash,
                                  run->job.id, ask->input),
        .output_uri = arena_printf(arena, STR_FMT "%smodel-customization-job-%s/%s", STR_ARG(output), slash,
                                   run->job.id, ask->folder),
        .timeout_hours = HOURS,
    };
    if (!job->name.data || !job->token.data || !job->input_uri.data || !job->output_uri.data)
        return error_no_memory(error);
    enum error_code code = request_of(job, arena, error);
    if (code == OK)
        code = batch_create(run->runner->batch, job, error);
    if (code == ERROR_QUOTA) /* of the tenant's batch jobs, which end some day */
        return error->code = ERROR_UNAVAILABLE;
    return code == ERROR_CONFLICT ? (error->code = ERROR_INVALID) : code; /* its token stands for another job */
}

static void note_counts(struct custom_asked *noted, const struct batch_job *job)
{
    noted->asked = job->counts.total;
    noted->answered = job->counts.success + job->counts.errors;
    noted->input = job->counts.input_tokens;
    noted->output = job->counts.output_tokens;
}

static enum error_code job_failed(const struct batch_job *job, struct error *error)
{
    return error_set(error, ERROR_INVALID, "The teacher's batch job %s is %s%s" STR_FMT, job->id,
                     batch_status_name(job->status), job->message.len ? ": " : "", STR_ARG(job->message));
}

static enum error_code get_job(struct custom_run *run, struct custom_asked *noted, struct arena *arena,
                               struct batch_job *job, struct error *error)
{
    const enum error_code code = batch_get(run->runner->batch, &batch_job_kind, run->job.tenant, str_of(noted->job),
                                           arena, job, error);
    if (code == OK)
        note_counts(noted, job);
    return code;
}

/* --- what the batch job put out --- */

/* Where the output of either batch job is kept, and what the object is called. */
static const struct kept {
    const char *file, *object;
} kept_answers = {"answers.jsonl", "prompts.jsonl.out"}, kept_replies = {"replies.jsonl", "requests.jsonl.out"};

static const struct kept *kept_of(const struct custom_run *run, const struct custom_asked *noted)
{
    return noted == &run->job.progress.answers ? &kept_answers : &kept_replies;
}

static bool has_answers(const struct batch_job *job)
{
    return job->status == BATCH_COMPLETED || job->status == BATCH_PARTIALLY_COMPLETED;
}

static enum error_code copy_object(struct custom_run *run, struct str bucket, struct str key, const char *path,
                                   struct error *error)
{
    struct objects_reader *reader = NULL;
    struct file_writer out = {.fd = -1};
    size_t len = 1;
    char *piece = mem_alloc(PIECE_BYTES);
    enum error_code code = piece ? file_writer_open(&out, path, error) : error_no_memory(error);
    if (code == OK)
        code = objects_code(objects_reader_open(run->runner->options->objects, run->job.tenant, bucket, key, 0,
                                               OBJECTS_SIZE_UNKNOWN, NULL, &reader, error), error);
    while (code == OK && len > 0) {
        code = objects_code(objects_reader_read(reader, piece, PIECE_BYTES, &len, error), error);
        if (code == OK)
            code = file_writer_put(&out, piece, len, error);
    }
    objects_reader_close(reader);
    mem_free(piece);
    return file_writer_close(&out, code, error);
}

/* As soon as they are there: objects are their owner's, who may delete them while the job waits for its turn. */
static enum error_code keep_output(struct custom_run *run, const struct custom_asked *noted,
                                   const struct batch_job *job, struct error *error)
{
    const struct kept *names = kept_of(run, noted);
    const struct run_path kept = run_file(run, names->file), part = run_file(run, "output.part");
    char uri[OBJECTS_KEY_MAX + 128];
    struct str bucket, key;
    if (access(kept.text, F_OK) == 0)
        return OK;
    const int len = snprintf(uri, sizeof(uri), STR_FMT "%s/%s", STR_ARG(job->output_uri), job->id, names->object);
    assert(len > 0 && (size_t)len < sizeof(uri)); /* keys of the output were checked */
    enum error_code code = objects_code(objects_parse_uri((struct str){uri, (size_t)len}, &bucket, &key, error), error);
    if (code == OK)
        code = copy_object(run, bucket, key, part.text, error);
    if (code == OK && rename(part.text, kept.text) != 0)
        code = file_fail("rename", part.text, errno, error);
    return code == OK ? OK : error_prefix(error, "The teacher's answers");
}

/* The one that the teacher is at, or was: variants are there before answers are asked for. */
static struct custom_asked *latest(struct custom_run *run)
{
    struct custom_progress *progress = &run->job.progress;
    return progress->answers.job[0] ? &progress->answers : &progress->variants.asked;
}

bool run_teacher_has_ended(struct custom_run *run)
{
    struct arena arena;
    struct batch_job job;
    struct error ignored; /* of a database that may answer the next time */
    arena_init(&arena, 0);
    struct custom_asked *noted = latest(run);
    const enum error_code code = get_job(run, noted, &arena, &job, &ignored);
    const bool has_ended = code == ERROR_NOT_FOUND || (code == OK && batch_status_has_ended(job.status));
    if (code == OK && has_answers(&job))
        (void)!keep_output(run, noted, &job, &ignored); /* it is tried again, and told, when the job goes on */
    arena_deinit(&arena);
    return has_ended;
}

void run_stop_teacher(struct custom_run *run)
{
    struct error ignored; /* it has ended */
    const char *id = latest(run)->job;
    if (id[0])
        (void)!batch_request_stop(run->runner->batch, &batch_job_kind, run->job.tenant, str_of(id), &ignored);
}

/* ERROR_NOT_READY: it has not ended. */
static enum error_code check_job(struct custom_run *run, struct custom_asked *noted, struct batch_job *job,
                                 struct error *error)
{
    memcpy(noted->job, job->id, sizeof(job->id));
    enum error_code code = get_job(run, noted, &run->arena, job, error);
    if (code == OK && !batch_status_has_ended(job->status))
        code = error_set(error, ERROR_NOT_READY, "the teacher has not answered yet");
    if (code == OK && !has_answers(job))
        code = job_failed(job, error);
    return code == OK ? keep_output(run, noted, job, error) : code;
}

/* --- its output ------------------------------------------------------------------------------------- */

struct answers {
    answer_taker *take;
    void *ctx;
    struct arena arena; /* of one answer */
};

/* *is_there false: there is none, or none that can be learnt, and the text says why. */
static enum error_code read_answer(yyjson_val *line, struct answers *answers, struct content *answer, bool *is_there,
                                   struct error *error)
{
    yyjson_val *output = yyjson_obj_get(yyjson_obj_get(line, "modelOutput"), "output");
    yyjson_val *content = yyjson_obj_get(yyjson_obj_get(output, "message"), "content");
    const struct str reason = json_str(yyjson_obj_get(yyjson_obj_get(line, "error"), "errorMessage"));
    struct str why = reason.len > 0 ? reason : STR("its answer has no text");
    enum error_code code = OK;
    *answer = (struct content){0};
    if (content)
        code = content_read(content, "its answer", &answers->arena, answer, error);
    *is_there = code == OK && !content_is_blank(answer);
    if (code != OK && code != ERROR_INVALID)
        return code;
    if (code == ERROR_INVALID)
        why = str_of(error->message);
    if (!*is_there)
        *answer = (struct content){0};
    return *is_there || arena_str(&answers->arena, why, &answer->text) ? OK : error_no_memory(error);
}

static enum error_code take_line(void *ctx, const struct line *line, struct error *error)
{
    struct answers *answers = ctx;
    struct content answer;
    bool is_there = false;
    yyjson_doc *doc = NULL;
    if (line->is_too_long)
        return OK;
    enum error_code code = json_parse_exact(line->text, &doc, error);
    if (code == ERROR_INVALID)
        return OK; /* somebody has been at the file: the record has no answer */
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (code == OK)
        code = read_answer(root, answers, &answer, &is_there, error);
    if (code == OK)
        code = answers->take(answers->ctx, json_str(yyjson_obj_get(root, "recordId")), is_there, &answer, error);
    json_free(doc);
    arena_reset(&answers->arena);
    return code;
}

/* The file that keep_output made. */
static enum error_code read_lines(struct custom_run *run, const char *path, char *piece, struct line_reader *lines,
                                  struct error *error)
{
    size_t len = 1;
    FILE *file = fopen(path, "re");
    enum error_code code = file ? OK : file_fail("open", path, errno, error);
    while (code == OK && (len = fread(piece, 1, PIECE_BYTES, file)) > 0) {
        code = line_reader_feed(lines, (struct str){piece, len}, error);
        if (code == OK)
            code = run_tick(run, error);
    }
    if (code == OK && ferror(file))
        code = file_fail("read", path, errno, error);
    if (code == OK)
        code = line_reader_end(lines, error);
    if (file)
        (void)fclose(file);
    return code;
}

static enum error_code read_output(struct custom_run *run, const struct custom_asked *noted, struct answers *answers,
                                   struct error *error)
{
    struct line_reader lines;
    char *piece = mem_alloc(PIECE_BYTES);
    arena_init(&answers->arena, 0);
    line_reader_init(&lines, ASK_LINE_BYTES_MAX, take_line, answers);
    const enum error_code code = piece ? read_lines(run, run_file(run, kept_of(run, noted)->file).text, piece, &lines,
                                                    error)
                                       : error_no_memory(error);
    line_reader_deinit(&lines);
    arena_deinit(&answers->arena);
    mem_free(piece);
    return code;
}

enum error_code ask_teacher(struct custom_run *run, const struct ask *ask, const char *requests, answer_taker *take,
                            void *ctx, struct error *error)
{
    struct answers answers = {.take = take, .ctx = ctx};
    struct batch_job job;
    enum error_code code = OK;
    if (!ask->noted->job[0])
        code = run_put_file(run, ask->input, requests, "application/jsonl", error);
    if (code == OK)
        code = make_job(run, ask, &job, error);
    if (code == OK)
        code = check_job(run, ask->noted, &job, error);
    return code == OK ? read_output(run, ask->noted, &answers, error) : code;
}
