/* prepare.c - checks a job's input record by record, and puts it in order. Asks no model. See prepare.h. */
#include "batch/prepare.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "batch/fenced.h"
#include "batch/files.h"
#include "batch/record.h"
#include "core/io.h"
#include "core/limits.h"

#define PIECE_BYTES (256u << 10)
#define PATH_BYTES 4096
#define PREPARING "preparing" /* directory of an input that is not whole */
#define INPUT_SUFFIX STR(".jsonl")

struct prepare {
    const struct batch_options *options;
    const struct batch_job *job;
    const atomic_bool *is_cancelled;
    struct batch_model model;
    struct str bucket, key;
    struct input_writer *writer;
    struct arena arena; /* of one record's request */
    uint64_t bytes;     /* of all files so far */
    uint64_t records;   /* of the current file */
    size_t files;
    struct str name;    /* of the current file */
};

/* --- records ---------------------------------------------------------------------------------------- */

/* Records that cannot be read or rendered come first; they need no engine. */
static enum error_code key_of(struct prepare *prepare, struct str line, struct order_key *key, bool *is_json,
                              struct error *error)
{
    struct batch_record record;
    struct chat_request request = {.arena = &prepare->arena};
    *key = (struct order_key){{0}};
    enum error_code code = record_parse(line, &record, error);
    *is_json = record.document != NULL;
    if (code == OK)
        code = batch_model_parse(&prepare->model, prepare->job, record.input, &request, error);
    if (code == OK) {
        code = order_key_of(&prepare->model.match.model->spec, &request, key, error);
        codec_request_free(&request);
    }
    record_free(&record);
    arena_reset(&prepare->arena);
    return code == ERROR_NO_MEMORY ? code : OK;
}

static enum error_code take_line(void *ctx, const struct line *line, struct error *error)
{
    struct prepare *prepare = ctx;
    struct order_key key = {{0}};
    bool is_json = false;
    if (++prepare->records > limit(batch_file_records))
        return error_set(error, ERROR_TOO_LARGE, STR_FMT ": the file has more than %llu records",
                         STR_ARG(prepare->name), (unsigned long long)limit(batch_file_records));
    if (input_writer_total(prepare->writer) >= limit(batch_job_records))
        return error_set(error, ERROR_TOO_LARGE, "The input has more than %llu records.",
                         (unsigned long long)limit(batch_job_records));
    enum error_code code = line->is_too_long ? OK : key_of(prepare, line->text, &key, &is_json, error);
    return code == OK ? input_writer_record(prepare->writer, line, is_json, &key, error) : code;
}

/* --- files ------------------------------------------------------------------------------------------ */

static enum error_code check_size(struct prepare *prepare, uint64_t size, struct error *error)
{
    prepare->bytes += size;
    if (size > limit(batch_file_bytes))
        return error_set(error, ERROR_TOO_LARGE, STR_FMT ": the file has %llu bytes, more than the limit of %llu",
                         STR_ARG(prepare->name), (unsigned long long)size, (unsigned long long)limit(batch_file_bytes));
    if (prepare->bytes > limit(batch_job_bytes))
        return error_set(error, ERROR_TOO_LARGE, "The input has more than %llu bytes.",
                         (unsigned long long)limit(batch_job_bytes));
    if (++prepare->files > limit(batch_job_files))
        return error_set(error, ERROR_TOO_LARGE, "The input has more than %llu files.",
                         (unsigned long long)limit(batch_job_files));
    return OK;
}

static enum error_code read_lines(struct prepare *prepare, struct objects_reader *reader, char *piece,
                                  struct error *error)
{
    struct line_reader lines;
    size_t len = 1;
    enum error_code code = OK;
    line_reader_init(&lines, limit(batch_record_bytes), take_line, prepare);
    while (code == OK && len > 0) {
        code = objects_code(objects_reader_read(reader, piece, PIECE_BYTES, &len, error), error);
        if (code == OK && atomic_load(prepare->is_cancelled))
            code = error_set(error, ERROR_CANCELLED, "the job was stopped");
        if (code == OK)
            code = line_reader_feed(&lines, (struct str){piece, len}, error);
    }
    if (code == OK)
        code = line_reader_end(&lines, error);
    line_reader_deinit(&lines);
    return code;
}

static enum error_code copy_file(void *ctx, struct str key, struct str name, struct error *error)
{
    struct prepare *prepare = ctx;
    struct objects_reader *reader = NULL;
    struct objects_info *info = mem_alloc(sizeof(*info));
    char *piece = mem_alloc(PIECE_BYTES);
    enum error_code code = info && piece ? OK : error_no_memory(error);
    prepare->name = name;
    prepare->records = 0;
    if (code == OK)
        code = objects_code(objects_reader_open(prepare->options->objects, prepare->job->tenant, prepare->bucket,
                                                   key, 0, OBJECTS_SIZE_UNKNOWN, info, &reader, error), error);
    if (code == OK)
        code = check_size(prepare, info->size, error);
    if (code == OK)
        code = input_writer_file(prepare->writer, name, error);
    if (code == OK)
        code = read_lines(prepare, reader, piece, error);
    objects_reader_close(reader);
    mem_free(piece);
    mem_free(info);
    return code;
}

static bool is_input(const void *ctx, struct str key)
{
    (void)ctx;
    return str_ends(key, INPUT_SUFFIX);
}

/* An object, or every *.jsonl below the prefix. */
static enum error_code copy_input(struct prepare *prepare, struct error *error)
{
    const struct objects_visitor visitor = {is_input, copy_file, prepare};
    const enum error_code code = objects_each(prepare->options->objects, prepare->job->tenant, prepare->bucket,
                                              prepare->key, &visitor, error);
    return code == OK && prepare->files == 0
               ? error_set(error, ERROR_INVALID, "There is no object and no folder of *.jsonl objects at " STR_FMT ".",
                           STR_ARG(prepare->job->input_uri))
               : code;
}

/* Known to be there before anything is computed. */
static enum error_code check_output(const struct prepare *prepare, struct error *error)
{
    struct str bucket, key;
    enum error_code code = objects_code(objects_parse_uri(prepare->job->output_uri, &bucket, &key, error), error);
    if (code == OK)
        code = objects_code(objects_bucket_head(prepare->options->objects, prepare->job->tenant, bucket, NULL,
                                                   error),
                               error);
    return code == OK ? OK : error_prefix(error, "The output " STR_FMT, STR_ARG(prepare->job->output_uri));
}

static enum error_code fill(struct prepare *prepare, const char *dir, struct error *error)
{
    enum error_code code = batch_model_find(prepare->options, prepare->job, &prepare->model, error);
    if (code == OK)
        code = objects_code(objects_parse_uri(prepare->job->input_uri, &prepare->bucket, &prepare->key, error),
                               error);
    if (code == OK)
        code = check_output(prepare, error);
    if (code == OK)
        code = input_writer_new(dir, &prepare->writer, error);
    if (code == OK)
        code = copy_input(prepare, error);
    if (code == OK && input_writer_total(prepare->writer) == 0)
        code = error_set(error, ERROR_INVALID, "The input has no records.");
    return code == OK ? input_writer_finish(prepare->writer, error) : code;
}

/* The whole copy gets its name, unless another claim was first: then it is not needed. */
static enum error_code publish(const char *made, const char *dir, struct error *error)
{
    char path[PATH_BYTES];
    int len = snprintf(path, sizeof(path), "%s/" INPUT_DIRECTORY, dir);
    assert(len > 0 && (size_t)len < sizeof(path)); /* that of `made` is longer */
    if (io_renameat(AT_FDCWD, made, AT_FDCWD, path) == 0)
        return OK;
    return errno == EEXIST || errno == ENOTEMPTY ? directory_remove(made, error)
                                                 : file_fail("rename", made, errno, error);
}

enum error_code prepare_input(const struct batch_options *options, const struct batch_job *job, const char *dir,
                              uint64_t fence, const atomic_bool *is_cancelled, struct error *error)
{
    struct prepare prepare = {.options = options, .job = job, .is_cancelled = is_cancelled};
    char path[PATH_BYTES];
    enum error_code code = fenced_path(dir, PREPARING, fence, path, sizeof(path), error);
    if (code == OK)
        code = directory_make(dir, error);
    if (code != OK)
        return code;
    fenced_sweep(dir, PREPARING, fence);
    code = directory_make(path, error);
    arena_init(&prepare.arena, 0);
    if (code == OK)
        code = fill(&prepare, path, error);
    input_writer_free(prepare.writer);
    arena_deinit(&prepare.arena);
    return code == OK ? publish(path, dir, error) : code;
}
