/* teach.c - the teacher is asked for the answers that the data lack: a batch job of the tenant's, one record for each
 * prompt, whose input and output lie in the job's own output. Batch jobs answer and bill each record once whatever
 * dies, read what prompts have in common from the cache, and are the same one when they are made twice with one token;
 * so nothing is asked twice. See run.h. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch/batch.h"
#include "batch/files.h"
#include "batch/lines.h"
#include "core/limits.h"
#include "core/log.h"
#include "customize/data.h"
#include "customize/metrics.h"
#include "customize/run.h"

#define LINE_BYTES_MAX (64u << 20)
#define PIECE_BYTES (256u << 10)
#define HOURS 168
#define HOUR_US 3600000000ull
#define ASKED "teacher/prompts.jsonl"
#define ANSWERS "answers.jsonl"

struct lesson {
    char key[DATA_KEY_LEN + 1];
    uint32_t number; /* of the prompt, from 0 */
    bool is_again;   /* an earlier prompt is the same */
    bool is_answered;
    struct str text; /* the answer, or why there is none */
};

struct lessons {
    struct custom_run *run;
    struct arena arena;
    struct lesson *items;
    size_t count, cap;
    struct file_writer *out;
    struct buf text;
    uint32_t reply_tokens;
    uint64_t lost;
};

/* --- prompts ---------------------------------------------------------------------------------------- */

static enum error_code add_lesson(void *ctx, uint64_t number, struct str row, struct error *error)
{
    struct lessons *lessons = ctx;
    yyjson_doc *doc = NULL;
    void *items = lessons->items;
    enum error_code code = json_parse(row, &doc, error);
    if (code != OK)
        return code;
    if (mem_grow(&items, lessons->count, &lessons->cap, sizeof(*lessons->items))) {
        lessons->items = items;
        struct lesson *lesson = &lessons->items[lessons->count++];
        *lesson = (struct lesson){.number = (uint32_t)number - 1, .text = STR("it was not asked for an answer")};
        (void)snprintf(lesson->key, sizeof(lesson->key), STR_FMT,
                       STR_ARG(json_str(yyjson_obj_get(yyjson_doc_get_root(doc), "key"))));
    } else {
        code = error_no_memory(error);
    }
    json_free(doc);
    return code;
}

static int compare_keys(const void *a, const void *b)
{
    const struct lesson *left = a, *right = b;
    const int order = strcmp(left->key, right->key);
    return order ? order : (left->number > right->number) - (left->number < right->number);
}

static int compare_numbers(const void *a, const void *b)
{
    const struct lesson *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

/* Of those that are the same the first is asked. */
static void mark_again(struct lessons *lessons)
{
    if (lessons->count == 0)
        return;
    qsort(lessons->items, lessons->count, sizeof(*lessons->items), compare_keys);
    for (size_t i = 1; i < lessons->count; i++)
        lessons->items[i].is_again = !strcmp(lessons->items[i].key, lessons->items[i - 1].key);
    qsort(lessons->items, lessons->count, sizeof(*lessons->items), compare_numbers);
}

static enum error_code ask_prompt(void *ctx, uint64_t number, struct str row, struct error *error)
{
    struct lessons *lessons = ctx;
    struct conversation conversation;
    if (lessons->items[number - 1].is_again)
        return OK;
    enum error_code code = conversation_of_prompt(row, &lessons->arena, &conversation, NULL, error);
    buf_clear(&lessons->text);
    if (code == OK && !conversation_append_record(&lessons->text, &conversation, lessons->items[number - 1].key,
                                                  lessons->reply_tokens))
        code = error_no_memory(error);
    if (code == OK)
        code = file_writer_put(lessons->out, lessons->text.data, lessons->text.len, error);
    return code == OK ? run_tick(lessons->run, error) : code;
}

static enum error_code put_prompts(struct lessons *lessons, struct error *error)
{
    const struct run_path path = run_file(lessons->run, "asks.jsonl");
    struct file_writer out = {.fd = -1};
    lessons->out = &out;
    enum error_code code = file_writer_open(&out, path.text, error);
    if (code == OK)
        code = run_each_row(run_file(lessons->run, "prompts.jsonl").text, ask_prompt, lessons, error);
    code = file_writer_close(&out, code, error);
    return code == OK ? run_put_file(lessons->run, ASKED, path.text, "application/jsonl", error) : code;
}

/* --- the batch job ---------------------------------------------------------------------------------- */

static yyjson_val *teacher_of(const struct custom_run *run)
{
    yyjson_val *config = yyjson_obj_get(yyjson_doc_get_root(run->request), "customizationConfig");
    return yyjson_obj_get(yyjson_obj_get(config, "distillationConfig"), "teacherModelConfig");
}

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

static enum error_code make_job(struct lessons *lessons, struct batch_job *job, struct error *error)
{
    struct custom_run *run = lessons->run;
    yyjson_val *request = yyjson_doc_get_root(run->request);
    const struct str output = json_str(yyjson_obj_get(yyjson_obj_get(request, "outputDataConfig"), "s3Uri"));
    struct arena *arena = &run->arena;
    const char *slash = output.len > 0 && output.data[output.len - 1] == '/' ? "" : "/";
    *job = (struct batch_job){
        .tenant = run->job.tenant,
        .account = run->job.account,
        .region = run->job.region,
        .name = arena_printf(arena, "teacher-of-%s", run->job.id),
        .token = arena_printf(arena, "customization-%s", run->job.id),
        .model_id = run->job.teacher,
        .source = STR(""),
        .profile = STR(""),
        .profile_tags = STR(""),
        .role_arn = json_str(yyjson_obj_get(request, "roleArn")),
        .type = BATCH_CONVERSE,
        .input_uri = arena_printf(arena, STR_FMT "%smodel-customization-job-%s/" ASKED, STR_ARG(output), slash,
                                  run->job.id),
        .output_uri = arena_printf(arena, STR_FMT "%smodel-customization-job-%s/teacher/", STR_ARG(output), slash,
                                   run->job.id),
        .timeout_hours = HOURS,
    };
    buf_clear(&lessons->text);
    if (!append_request(&lessons->text, job) || !arena_str(arena, buf_str(&lessons->text), &job->request) ||
        !job->name.data || !job->token.data || !job->input_uri.data || !job->output_uri.data)
        return error_no_memory(error);
    const enum error_code code = batch_create(run->runner->batch, job, error);
    if (code == ERROR_QUOTA) /* of the tenant's batch jobs, which end some day */
        return error->code = ERROR_UNAVAILABLE;
    return code == ERROR_CONFLICT ? (error->code = ERROR_INVALID) : code; /* its token stands for another job */
}

static void note_counts(struct custom_run *run, const struct batch_job *job)
{
    struct custom_progress *progress = &run->job.progress;
    progress->asked = job->counts.total;
    progress->answered = job->counts.success + job->counts.errors;
    progress->teacher_input = job->counts.input_tokens;
    progress->teacher_output = job->counts.output_tokens;
    memcpy(progress->teacher_job, job->id, sizeof(job->id));
}

static enum error_code job_failed(const struct batch_job *job, struct error *error)
{
    return error_set(error, ERROR_INVALID, "The teacher's batch job %s is %s%s" STR_FMT, job->id,
                     batch_status_name(job->status), job->message.len ? ": " : "", STR_ARG(job->message));
}

static enum error_code get_job(struct custom_run *run, struct arena *arena, struct batch_job *job, struct error *error)
{
    const enum error_code code =
        batch_get(run->runner->batch, run->job.tenant, str_of(run->job.progress.teacher_job), arena, job, error);
    if (code == OK)
        note_counts(run, job);
    return code;
}

/* --- what the batch job put out --- */

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
        code = run_problem(objects_reader_open(run->runner->options->objects, run->job.tenant, bucket, key, 0,
                                               OBJECTS_SIZE_UNKNOWN, NULL, &reader, error), error);
    while (code == OK && len > 0) {
        code = run_problem(objects_reader_read(reader, piece, PIECE_BYTES, &len, error), error);
        if (code == OK)
            code = file_writer_put(&out, piece, len, error);
    }
    objects_reader_close(reader);
    mem_free(piece);
    return file_writer_close(&out, code, error);
}

/* As soon as they are there: objects are their owner's, who may delete them while the job waits for its turn. */
static enum error_code keep_answers(struct custom_run *run, const struct batch_job *job, struct error *error)
{
    const struct run_path kept = run_file(run, ANSWERS), part = run_file(run, ANSWERS ".part");
    char uri[OBJECTS_KEY_MAX + 128];
    struct str bucket, key;
    if (access(kept.text, F_OK) == 0)
        return OK;
    const int len = snprintf(uri, sizeof(uri), STR_FMT "%s/prompts.jsonl.out", STR_ARG(job->output_uri), job->id);
    assert(len > 0 && (size_t)len < sizeof(uri)); /* keys of the output were checked */
    enum error_code code = run_problem(objects_parse_uri((struct str){uri, (size_t)len}, &bucket, &key, error), error);
    if (code == OK)
        code = copy_object(run, bucket, key, part.text, error);
    if (code == OK && rename(part.text, kept.text) != 0)
        code = file_fail("rename", part.text, errno, error);
    return code == OK ? OK : error_prefix(error, "The teacher's answers");
}

bool run_teacher_has_ended(struct custom_run *run)
{
    struct arena arena;
    struct batch_job job;
    struct error ignored; /* of a database that may answer the next time */
    arena_init(&arena, 0);
    const enum error_code code = get_job(run, &arena, &job, &ignored);
    const bool has_ended = code == ERROR_NOT_FOUND || (code == OK && batch_status_has_ended(job.status));
    if (code == OK && has_answers(&job))
        (void)!keep_answers(run, &job, &ignored); /* it is tried again, and told, when the job goes on */
    arena_deinit(&arena);
    return has_ended;
}

void run_stop_teacher(struct custom_run *run)
{
    struct error ignored; /* it has ended */
    if (run->job.progress.teacher_job[0])
        (void)!batch_request_stop(run->runner->batch, run->job.tenant, str_of(run->job.progress.teacher_job), &ignored);
}

/* ERROR_NOT_READY: it has not ended. */
static enum error_code check_job(struct custom_run *run, struct batch_job *job, struct error *error)
{
    memcpy(run->job.progress.teacher_job, job->id, sizeof(job->id));
    enum error_code code = get_job(run, &run->arena, job, error);
    if (code == OK && !batch_status_has_ended(job->status))
        code = error_set(error, ERROR_NOT_READY, "the teacher has not answered yet");
    if (code == OK && !has_answers(job))
        code = job_failed(job, error);
    return code == OK ? keep_answers(run, job, error) : code;
}

/* --- answers ---------------------------------------------------------------------------------------- */

static struct lesson *find_lesson(struct lessons *lessons, struct str key)
{
    size_t low = 0, high = lessons->count;
    while (low < high) { /* in the order of keys meanwhile */
        const size_t middle = low + (high - low) / 2;
        struct lesson *lesson = &lessons->items[middle];
        const struct str own = str_of(lesson->key);
        const int order = own.len == key.len ? memcmp(own.data, key.data, key.len) : own.len < key.len ? -1 : 1;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < lessons->count && str_eq(str_of(lessons->items[low].key), key) ? &lessons->items[low] : NULL;
}

static bool read_text(yyjson_val *content, struct buf *text)
{
    size_t idx, max;
    yyjson_val *block;
    buf_clear(text);
    yyjson_arr_foreach(content, idx, max, block)
    {
        const struct str part = json_str(yyjson_obj_get(block, "text"));
        if (text->len > 0 && part.len > 0)
            buf_append_char(text, '\n');
        buf_append_str(text, part);
    }
    return str_trim(buf_str(text)).len > 0;
}

static bool take_answer(struct lessons *lessons, struct lesson *lesson, yyjson_val *root)
{
    yyjson_val *output = yyjson_obj_get(yyjson_obj_get(root, "modelOutput"), "output");
    yyjson_val *content = yyjson_obj_get(yyjson_obj_get(output, "message"), "content");
    struct str reason = json_str(yyjson_obj_get(yyjson_obj_get(root, "error"), "errorMessage"));
    lesson->is_answered = read_text(content, &lessons->text);
    if (lesson->is_answered)
        return arena_str(&lessons->arena, buf_str(&lessons->text), &lesson->text);
    return arena_str(&lessons->arena, reason.len > 0 ? reason : STR("its answer has no text"), &lesson->text);
}

static enum error_code take_line(void *ctx, const struct line *line, struct error *error)
{
    struct lessons *lessons = ctx;
    yyjson_doc *doc = NULL;
    if (line->is_too_long)
        return OK;
    enum error_code code = json_parse(line->text, &doc, error);
    if (code == OK) {
        yyjson_val *root = yyjson_doc_get_root(doc);
        struct lesson *lesson = find_lesson(lessons, json_str(yyjson_obj_get(root, "recordId")));
        if (lesson && !take_answer(lessons, lesson, root))
            code = error_no_memory(error);
    }
    json_free(doc);
    return code == ERROR_INVALID ? OK : code; /* somebody has been at the file: its prompt has no answer */
}

/* The file that keep_answers made. */
static enum error_code read_lines(struct lessons *lessons, char *piece, struct error *error)
{
    const struct run_path path = run_file(lessons->run, ANSWERS);
    struct line_reader lines;
    size_t len = 1;
    FILE *file = fopen(path.text, "re");
    enum error_code code = file ? OK : file_fail("open", path.text, errno, error);
    line_reader_init(&lines, LINE_BYTES_MAX, take_line, lessons);
    while (code == OK && (len = fread(piece, 1, PIECE_BYTES, file)) > 0) {
        code = line_reader_feed(&lines, (struct str){piece, len}, error);
        if (code == OK)
            code = run_tick(lessons->run, error);
    }
    if (code == OK && ferror(file))
        code = file_fail("read", path.text, errno, error);
    if (code == OK)
        code = line_reader_end(&lines, error);
    line_reader_deinit(&lines);
    if (file)
        (void)fclose(file);
    return code;
}

static enum error_code read_answers(struct lessons *lessons, struct error *error)
{
    char *piece = mem_alloc(PIECE_BYTES);
    qsort(lessons->items, lessons->count, sizeof(*lessons->items), compare_keys);
    const enum error_code code = piece ? read_lines(lessons, piece, error) : error_no_memory(error);
    mem_free(piece);
    /* Those that are the same as an earlier one have its answer. */
    for (size_t i = 1; code == OK && i < lessons->count; i++)
        if (lessons->items[i].is_again) {
            lessons->items[i].is_answered = lessons->items[i - 1].is_answered;
            lessons->items[i].text = lessons->items[i - 1].text;
        }
    qsort(lessons->items, lessons->count, sizeof(*lessons->items), compare_numbers);
    return code;
}

static enum error_code write_taught(void *ctx, uint64_t number, struct str row, struct error *error)
{
    struct lessons *lessons = ctx;
    const struct lesson *lesson = &lessons->items[number - 1];
    struct conversation conversation;
    struct data_origin origin;
    enum error_code code = conversation_of_prompt(row, &lessons->arena, &conversation, &origin, error);
    if (code != OK)
        return code;
    if (!lesson->is_answered) {
        lessons->lost++;
        const struct str why = arena_printf(&lessons->arena, "the teacher gave no answer: " STR_FMT,
                                            STR_ARG(lesson->text));
        return run_reject(lessons->run, origin.file, origin.line, why, error);
    }
    conversation.turns[conversation.count++] = (struct data_turn){true, lesson->text};
    buf_clear(&lessons->text);
    if (!conversation_append_row(&lessons->text, &conversation, &origin, false))
        return error_no_memory(error);
    return file_writer_put(lessons->out, lessons->text.data, lessons->text.len, error);
}

static enum error_code put_taught(struct lessons *lessons, struct error *error)
{
    const struct run_path path = run_file(lessons->run, "taught.jsonl");
    struct custom_progress *progress = &lessons->run->job.progress;
    struct file_writer out = {.fd = -1};
    lessons->out = &out;
    enum error_code code = file_writer_open(&out, path.text, error);
    if (code == OK)
        code = run_each_row(run_file(lessons->run, "prompts.jsonl").text, write_taught, lessons, error);
    code = file_writer_close(&out, code, error);
    if (code == OK && lessons->lost > 0)
        code = run_put_insights(lessons->run, error);
    if (code != OK)
        return code;
    progress->accepted -= lessons->lost;
    progress->rejected += lessons->lost;
    if (progress->accepted >= limit(customization_prompts_min))
        return OK;
    return error_set(error, ERROR_INVALID,
                     "The teacher answered %llu of %llu prompts, so that the data have %llu good lines; at least %llu "
                     "are needed. The output's prompt_insights/rejected.jsonl says why.",
                     (unsigned long long)(lessons->count - lessons->lost), (unsigned long long)lessons->count,
                     (unsigned long long)progress->accepted, (unsigned long long)limit(customization_prompts_min));
}

static enum error_code teach(struct lessons *lessons, struct error *error)
{
    struct batch_job job;
    enum error_code code =
        run_each_row(run_file(lessons->run, "prompts.jsonl").text, add_lesson, lessons, error);
    mark_again(lessons);
    if (code == OK && lessons->count > 0 && !lessons->run->job.progress.teacher_job[0])
        code = put_prompts(lessons, error);
    if (code == OK && lessons->count > 0)
        code = make_job(lessons, &job, error);
    if (code == OK && lessons->count > 0)
        code = check_job(lessons->run, &job, error);
    if (code == OK && lessons->count > 0)
        code = read_answers(lessons, error);
    return code == OK ? put_taught(lessons, error) : code;
}

enum error_code run_teach(struct custom_run *run, struct error *error)
{
    struct lessons lessons = {.run = run};
    yyjson_val *most = yyjson_obj_get(teacher_of(run), "maxResponseLengthForInference");
    lessons.reply_tokens = yyjson_is_uint(most) ? (uint32_t)yyjson_get_uint(most) : DATA_REPLY_TOKENS;
    arena_init(&lessons.arena, 0);
    buf_init(&lessons.text, LINE_BYTES_MAX);
    const enum error_code code = teach(&lessons, error);
    buf_deinit(&lessons.text);
    mem_free(lessons.items);
    arena_deinit(&lessons.arena);
    return code;
}
