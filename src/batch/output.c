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
    char path[PATH_BYTES]; /* where an object is built */
    struct str bucket, prefix; /* the prefix ends with a slash, or is empty */
    struct buf line, result, out;
};

static enum error_code append_record(struct output *output, struct file_writer *writer, uint64_t number,
                                     struct error *error)
{
    struct result result;
    bool is_json = false;
    enum error_code code = results_read(output->source->results, number, &output->result, &result, error);
    if (code == ERROR_NOT_FOUND)
        return OK;
    if (code == OK)
        code = input_read(output->source->input, number, &output->line, &is_json, error);
    if (code != OK && code != ERROR_INVALID)
        return code;
    buf_clear(&output->out);
    if (!record_append_line(&output->out, buf_str(&output->line), is_json, number, result.outcome))
        return error_no_memory(error);
    return file_writer_put(writer, output->out.data, output->out.len, error);
}

static enum error_code build_file(struct output *output, const struct input_file *file, struct error *error)
{
    struct file_writer writer;
    enum error_code code = file_writer_open(&writer, output->path, error);
    if (code != OK)
        return code;
    for (uint64_t i = 0; i < file->count && code == OK; i++) {
        code = append_record(output, &writer, file->first + i, error);
        if (code == OK && atomic_load(output->source->is_cancelled))
            code = error_set(error, ERROR_CANCELLED, "the server is stopping");
    }
    return file_writer_close(&writer, code, error);
}

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
    unsigned status;
    int len = snprintf(key, sizeof(key), STR_FMT "%s/" STR_FMT ".out", STR_ARG(output->prefix), output->source->job->id,
                       STR_ARG(name));
    if (len < 0 || (size_t)len >= sizeof(key))
        return error_set(error, ERROR_INVALID, "The key of the output of " STR_FMT " is longer than %d bytes.",
                         STR_ARG(name), OBJECTS_KEY_MAX);
    enum error_code code = jobs_status(output->source->store, output->source->claim, &status, error);
    if (code != OK) {
        error->code = code == ERROR_CONFLICT ? ERROR_CONFLICT : ERROR_UNAVAILABLE; /* the database may answer later */
        return error->code;
    }
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
        code = build_file(output, &files[i], error);
        if (code == OK)
            code = put(output, files[i].name, "application/jsonl", error);
    }
    return code == OK ? put_manifest(output, error) : code;
}

enum error_code output_put(const struct output_source *source, struct error *error)
{
    struct arena arena;
    struct output output = {.source = source};
    enum error_code code = fenced_path(source->dir, "out", source->claim->fence, output.path, sizeof(output.path),
                                       error);
    if (code != OK)
        return code;
    arena_init(&arena, 0);
    buf_init(&output.line, LINE_BYTES_MAX);
    buf_init(&output.result, LINE_BYTES_MAX);
    buf_init(&output.out, LINE_BYTES_MAX);
    code = put_all(&output, &arena, error);
    (void)unlink(output.path);
    buf_deinit(&output.line);
    buf_deinit(&output.result);
    buf_deinit(&output.out);
    arena_deinit(&arena);
    return code;
}
