/* output.c - writes results as objects, in the order of the input. See output.h. */
#include "batch/output.h"

#include <stdio.h>
#include <unistd.h>

#include "batch/fenced.h"
#include "batch/files.h"
#include "batch/prepare.h"
#include "batch/record.h"
#include "core/limits.h"

#define LINE_BYTES_MAX ((size_t)512 << 20) /* input and output of one record */
#define PATH_BYTES 4096

struct output {
    const struct output_source *source;
    const struct batch_form *form;
    char path[PATH_BYTES]; /* where an object is built */
    struct str bucket, prefix; /* the prefix ends with a slash, or is empty */
    struct buf line, result, out;
};

/* Which of a job's files a line belongs into. */
enum part { PART_ALL, PART_SUCCESS, PART_ERRORS };

/* What came of the record; *has false: it has no line in this part. */
static enum error_code read_result(struct output *output, uint64_t number, enum part part, struct result *result,
                                   bool *has, struct error *error)
{
    enum error_code code = results_read(output->source->results, number, &output->result, result, error);
    *has = code == OK && (part == PART_ALL || result->is_error == (part == PART_ERRORS));
    if (code != ERROR_NOT_FOUND || !output->form->append_missing || part == PART_SUCCESS)
        return code == ERROR_NOT_FOUND ? OK : code;
    *has = true;
    buf_clear(&output->result);
    if (!output->form->append_missing(&output->result, output->source->missing))
        return error_no_memory(error);
    *result = (struct result){.number = number, .is_error = true, .outcome = buf_str(&output->result)};
    return OK;
}

static enum error_code append_record(struct output *output, struct file_writer *writer, uint64_t number,
                                     enum part part, struct error *error)
{
    struct result result;
    char request_id[UUID_LEN + 1];
    struct record_line line = {.number = number, .request_id = request_id};
    bool has = false;
    enum error_code code = read_result(output, number, part, &result, &has, error);
    if (code != OK || !has)
        return code;
    code = input_read(output->source->input, number, &output->line, &line.is_json, error);
    if (code != OK && code != ERROR_INVALID)
        return code;
    line.text = buf_str(&output->line);
    batch_request_id(output->source->job->id, number, request_id);
    buf_clear(&output->out);
    if (!record_append_line(output->form, &output->out, &line, result.outcome))
        return error_no_memory(error);
    return file_writer_put(writer, output->out.data, output->out.len, error);
}

static enum error_code build_file(struct output *output, const struct input_file *file, enum part part,
                                  struct error *error)
{
    struct file_writer writer;
    enum error_code code = file_writer_open(&writer, output->path, error);
    if (code != OK)
        return code;
    for (uint64_t i = 0; i < file->count && code == OK; i++) {
        code = append_record(output, &writer, file->first + i, part, error);
        if (code == OK && atomic_load(output->source->is_cancelled))
            code = error_set(error, ERROR_CANCELLED, "the server is stopping");
    }
    return file_writer_close(&writer, code, error);
}

/* --- files --------------------------------------------------------------------------------------------- */

static enum error_code ask_claim(const struct output *output, struct error *error)
{
    unsigned status;
    const enum error_code code = jobs_status(output->source->store, output->source->claim, &status, error);
    if (code != OK)
        error->code = code == ERROR_CONFLICT ? ERROR_CONFLICT : ERROR_UNAVAILABLE; /* the database may answer later */
    return code == OK ? OK : error->code;
}

static enum error_code put_file(struct output *output, enum batch_output which, struct error *error)
{
    const struct batch_job *job = output->source->job;
    char name[64];
    (void)snprintf(name, sizeof(name), "%s_%s_%s.jsonl", output->form->output_name, job->id,
                   which == BATCH_OUTPUT ? "output" : "error");
    struct file_row row = {.tenant = job->tenant,
                           .name = str_of(name),
                           .purpose = str_of(output->form->output_purpose),
                           .expires_us = job->keep_s ? job->submit_us + job->keep_s * 1000000 : 0};
    batch_output_id(job->id, which, row.id);
    enum error_code code = ask_claim(output, error);
    return code == OK ? files_add(output->source->options->files, output->path, &row, error) : code;
}

/* One file of all lines, or one of those that succeeded and one of the others. A tenant whose files are too many can
 * set that right. */
static enum error_code put_files(struct output *output, struct error *error)
{
    size_t count;
    const struct batch_counts *counts = &output->source->job->counts;
    const struct input_file *files = input_files(output->source->input, &count);
    const bool has[] = {!output->form->splits_errors || counts->success > 0,
                        output->form->splits_errors && counts->success < counts->total};
    enum error_code code = OK;
    for (enum batch_output which = BATCH_OUTPUT; which <= BATCH_OUTPUT_ERRORS && code == OK; which++) {
        if (!has[which])
            continue;
        const enum part part = !output->form->splits_errors ? PART_ALL
                               : which == BATCH_OUTPUT      ? PART_SUCCESS
                                                            : PART_ERRORS;
        code = build_file(output, &files[0], part, error);
        if (code == OK)
            code = put_file(output, which, error);
    }
    if (code != ERROR_QUOTA)
        return code;
    error->code = ERROR_DENIED;
    return error_prefix(error, "The output cannot be kept");
}

/* --- objects ------------------------------------------------------------------------------------------- */

/* A bucket that is gone and a server that refuses can be set right, and what was computed is worth the wait. */
static enum error_code put_problem(enum objects_problem problem, struct error *error)
{
    if (problem != OBJECTS_NO_BUCKET && problem != OBJECTS_DENIED && problem != OBJECTS_QUOTA)
        return objects_code(problem, error);
    error->code = ERROR_DENIED;
    return error_prefix(error, "The output cannot be written");
}

/* Unless another runner has the job: its output is the one that counts. */
static enum error_code put(struct output *output, struct str name, const char *type, struct error *error)
{
    char key[OBJECTS_KEY_MAX + 1];
    int len = snprintf(key, sizeof(key), STR_FMT "%s/" STR_FMT ".out", STR_ARG(output->prefix), output->source->job->id,
                       STR_ARG(name));
    if (len < 0 || (size_t)len >= sizeof(key))
        return error_set(error, ERROR_INVALID, "The key of the output of " STR_FMT " is longer than %d bytes.",
                         STR_ARG(name), OBJECTS_KEY_MAX);
    const enum error_code code = ask_claim(output, error);
    if (code != OK)
        return code;
    return put_problem(objects_put_file(output->source->options->objects, output->source->job->tenant, output->bucket,
                                        (struct str){key, (size_t)len}, output->path, str_of(type), error), error);
}

static enum error_code put_manifest(struct output *output, struct error *error)
{
    const struct batch_counts *counts = &output->source->job->counts;
    struct file_writer writer;
    buf_clear(&output->out);
    buf_appendf(&output->out,
                "{\"totalRecordCount\":%llu,\"processedRecordCount\":%llu,\"successRecordCount\":%llu,"
                "\"errorRecordCount\":%llu,\"inputTokenCount\":%llu,\"outputTokenCount\":%llu}\n",
                (unsigned long long)counts->total, (unsigned long long)(counts->success + counts->errors),
                (unsigned long long)counts->success, (unsigned long long)counts->errors,
                (unsigned long long)counts->input_tokens, (unsigned long long)counts->output_tokens);
    if (output->out.failed)
        return error_no_memory(error);
    enum error_code code = file_writer_open(&writer, output->path, error);
    if (code != OK)
        return code;
    code = file_writer_put(&writer, output->out.data, output->out.len, error);
    code = file_writer_close(&writer, code, error);
    return code == OK ? put(output, STR("manifest.json"), "application/json", error) : code;
}

static enum error_code put_all(struct output *output, struct arena *arena, struct error *error)
{
    size_t count;
    struct str key;
    const struct input_file *files = input_files(output->source->input, &count);
    enum error_code code =
        objects_code(objects_parse_uri(output->source->job->output_uri, &output->bucket, &key, error), error);
    if (code != OK)
        return code;
    bool has_slash = key.len == 0 || key.data[key.len - 1] == '/';
    output->prefix = arena_printf(arena, STR_FMT "%s", STR_ARG(key), has_slash ? "" : "/");
    if (!output->prefix.data)
        return error_no_memory(error);
    for (size_t i = 0; i < count && code == OK; i++) {
        code = build_file(output, &files[i], PART_ALL, error);
        if (code == OK)
            code = put(output, files[i].name, "application/jsonl", error);
    }
    return code == OK ? put_manifest(output, error) : code;
}

enum error_code output_put(const struct output_source *source, struct error *error)
{
    struct arena arena;
    struct output output = {.source = source, .form = batch_form_of(source->options, source->job)};
    enum error_code code = fenced_path(source->dir, "out", source->claim->fence, output.path, sizeof(output.path),
                                       error);
    if (code != OK)
        return code;
    arena_init(&arena, 0);
    buf_init(&output.line, LINE_BYTES_MAX);
    buf_init(&output.result, LINE_BYTES_MAX);
    buf_init(&output.out, LINE_BYTES_MAX);
    code = batch_has_files(source->job->type) ? put_files(&output, error) : put_all(&output, &arena, error);
    (void)unlink(output.path);
    buf_deinit(&output.line);
    buf_deinit(&output.result);
    buf_deinit(&output.out);
    arena_deinit(&arena);
    return code;
}
