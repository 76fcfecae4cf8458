/* prepare.c - checks a job's input record by record, and puts it in order. Asks no model. See prepare.h. */
#include "batch/prepare.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "batch/fenced.h"
#include "batch/files.h"
#include "batch/ids.h"
#include "batch/record.h"
#include "core/io.h"
#include "core/limits.h"

#define PIECE_BYTES (256u << 10)
#define PATH_BYTES 4096
#define PREPARING "preparing" /* directory of an input that is not whole */
#define INPUT_SUFFIX STR(".jsonl")

/* What records name, in the order in which they do first; IDs in `names`. */
struct known_model {
    struct str id;
    struct batch_model model;
    bool is_found;
};

struct prepare {
    const struct batch_options *options;
    const struct batch_job *job;
    const struct batch_form *form;
    const atomic_bool *is_cancelled;
    struct batch_problems *problems;
    struct known_model *models;
    size_t model_count, model_cap;
    struct id_set ids; /* that records have: where they name their model, each may be there once */
    struct arena names;
    struct str bucket, key;
    struct input_writer *writer;
    struct arena arena; /* of one record's request */
    uint64_t bytes;     /* of all files so far */
    uint64_t records;   /* of the current file */
    size_t files;
    struct str name;    /* of the current file */
};

/* --- records ---------------------------------------------------------------------------------------- */

static enum error_code add_model(struct prepare *prepare, struct str id, struct error *error)
{
    void *models = prepare->models;
    struct error ignored;
    if (prepare->model_count == limit(batch_models))
        return error_set(error, ERROR_TOO_LARGE, "The records ask for more than %llu models.",
                         (unsigned long long)limit(batch_models));
    if (!mem_grow(&models, prepare->model_count, &prepare->model_cap, sizeof(*prepare->models)))
        return error_no_memory(error);
    prepare->models = models;
    struct known_model *known = &prepare->models[prepare->model_count];
    *known = (struct known_model){0};
    if (!arena_str(&prepare->names, id, &known->id))
        return error_no_memory(error);
    known->is_found = batch_model_find(prepare->options, prepare->job, known->id, &known->model, &ignored) == OK;
    prepare->model_count++;
    return prepare->form->names_model ? input_writer_model(prepare->writer, id, error) : OK;
}

/* Number of the model that a record names; where none does, the job's own is 0. */
static enum error_code model_of(struct prepare *prepare, const struct batch_record *record, unsigned *number,
                                struct error *error)
{
    *number = 0;
    if (!prepare->form->names_model)
        return OK;
    while (*number < prepare->model_count && !str_eq(prepare->models[*number].id, record->model))
        (*number)++;
    return *number < prepare->model_count ? OK : add_model(prepare, record->model, error);
}

/* Records of one model follow one another, and those that cannot be rendered come first. */
static void rank_by_model(struct order_key *key, unsigned model)
{
    memmove(key->bytes + 2, key->bytes, sizeof(key->bytes) - 2);
    key->bytes[0] = (uint8_t)(model >> 8);
    key->bytes[1] = (uint8_t)model;
}

/* Records that cannot be read or rendered come first; they need no engine. */
static enum error_code key_of(struct prepare *prepare, const struct batch_record *record, struct order_key *key,
                              unsigned *model, struct error *error)
{
    struct chat_request request = {.arena = &prepare->arena};
    struct error ignored;
    enum error_code code = model_of(prepare, record, model, error);
    if (code != OK)
        return code;
    const struct known_model *known = &prepare->models[*model];
    if (known->is_found)
        code = batch_model_parse(prepare->options, &known->model, prepare->job, record->input, &request, &ignored);
    if (known->is_found && code == OK) {
        if (!request.embed) /* which no cache is for */
            code = order_key_of(&known->model.match.model->spec, &request, key, &ignored);
        codec_request_free(&request);
    }
    if (prepare->form->names_model)
        rank_by_model(key, *model);
    return code == ERROR_NO_MEMORY ? error_no_memory(error) : OK;
}

/* --- lines that must be right ------------------------------------------------------------------------- */

static void note_problem(struct prepare *prepare, struct batch_problem *problem, uint64_t line)
{
    struct batch_problems *problems = prepare->problems;
    problem->line = line;
    if (problems->count < BATCH_PROBLEMS)
        problems->items[problems->count++] = *problem;
}

/* What the form wants of every line; `record` was read with `code`. */
static enum error_code check_line(struct prepare *prepare, const struct line *line, const struct batch_record *record,
                                  enum error_code code, struct error *error)
{
    struct batch_problem problem = {0};
    bool is_new = true;
    if (!prepare->form->check)
        return OK;
    if (!record->document) {
        (void)snprintf(problem.code, sizeof(problem.code), "invalid_json_line");
        (void)snprintf(problem.message, sizeof(problem.message), "This line is not parseable as valid JSON.");
        note_problem(prepare, &problem, line->number);
        return OK;
    }
    if (!prepare->form->check(yyjson_doc_get_root(record->document), prepare->job, &problem)) {
        note_problem(prepare, &problem, line->number);
        return OK;
    }
    if (code == OK)
        code = id_set_add(&prepare->ids, record->id, &is_new, error);
    if (code == OK && !is_new) {
        (void)snprintf(problem.code, sizeof(problem.code), "duplicate_custom_id");
        (void)snprintf(problem.param, sizeof(problem.param), "%s", prepare->form->id_member);
        (void)snprintf(problem.message, sizeof(problem.message), "The %s of this line is that of an earlier one.",
                       prepare->form->id_member);
        note_problem(prepare, &problem, line->number);
    }
    return code == ERROR_NO_MEMORY ? code : OK;
}

static enum error_code take_record(struct prepare *prepare, const struct line *line, struct error *error)
{
    struct order_key key = {{0}};
    struct batch_record record = {0};
    struct error ignored;
    unsigned model = 0;
    const enum error_code parsed = line->is_too_long ? ERROR_INVALID
                                                     : record_parse(prepare->form, line->text, &record, &ignored);
    enum error_code code = parsed == ERROR_NO_MEMORY ? error_no_memory(error)
                                                     : check_line(prepare, line, &record, parsed, error);
    if (code == OK && parsed == OK)
        code = key_of(prepare, &record, &key, &model, error);
    const bool is_json = record.document != NULL;
    record_free(&record);
    arena_reset(&prepare->arena);
    return code == OK ? input_writer_record(prepare->writer, line, is_json, model, &key, error) : code;
}

static enum error_code take_line(void *ctx, const struct line *line, struct error *error)
{
    struct prepare *prepare = ctx;
    if (++prepare->records > limit(batch_file_records))
        return error_set(error, ERROR_TOO_LARGE, STR_FMT ": the file has more than %llu records",
                         STR_ARG(prepare->name), (unsigned long long)limit(batch_file_records));
    if (input_writer_total(prepare->writer) >= limit(batch_job_records))
        return error_set(error, ERROR_TOO_LARGE, "The input has more than %llu records.",
                         (unsigned long long)limit(batch_job_records));
    return take_record(prepare, line, error);
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

/* Where an input's bytes come from: an object, or a file. */
struct source {
    struct objects_reader *reader;
    int fd;
};

static enum error_code read_piece(struct source *source, char *piece, size_t *len, struct error *error)
{
    if (source->reader)
        return objects_code(objects_reader_read(source->reader, piece, PIECE_BYTES, len, error), error);
    const ssize_t count = io_read(source->fd, piece, PIECE_BYTES);
    *len = count > 0 ? (size_t)count : 0;
    if (count >= 0)
        return OK;
    if (errno == EINTR)
        return read_piece(source, piece, len, error);
    return error_set_errno(error, ERROR_IO, errno, "cannot read the batch's input");
}

static enum error_code read_lines(struct prepare *prepare, struct source *source, char *piece, struct error *error)
{
    struct line_reader lines;
    size_t len = 1;
    enum error_code code = OK;
    line_reader_init(&lines, limit(batch_record_bytes), take_line, prepare);
    while (code == OK && len > 0) {
        code = read_piece(source, piece, &len, error);
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
    struct source source = {.fd = -1};
    struct objects_info *info = mem_alloc(sizeof(*info));
    char *piece = mem_alloc(PIECE_BYTES);
    enum error_code code = info && piece ? OK : error_no_memory(error);
    prepare->name = name;
    prepare->records = 0;
    if (code == OK)
        code = objects_code(objects_reader_open(prepare->options->objects, prepare->job->tenant, prepare->bucket,
                                                   key, 0, OBJECTS_SIZE_UNKNOWN, info, &source.reader, error), error);
    if (code == OK)
        code = check_size(prepare, info->size, error);
    if (code == OK)
        code = input_writer_file(prepare->writer, name, error);
    if (code == OK)
        code = read_lines(prepare, &source, piece, error);
    objects_reader_close(source.reader);
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

/* Of a batch whose input is one of store/files.h. */
static enum error_code copy_own_file(struct prepare *prepare, struct error *error)
{
    struct file_row row;
    struct source source = {.fd = -1};
    char *piece = mem_alloc(PIECE_BYTES);
    enum error_code code = piece ? OK : error_no_memory(error);
    if (code == OK)
        code = files_read(prepare->options->files, prepare->job->tenant, prepare->job->input_uri, &prepare->names, &row,
                          &source.fd, error);
    if (code == OK) {
        prepare->name = row.name;
        code = check_size(prepare, row.bytes, error);
    }
    if (code == OK)
        code = input_writer_file(prepare->writer, prepare->name, error);
    if (code == OK)
        code = read_lines(prepare, &source, piece, error);
    if (source.fd >= 0)
        (void)close(source.fd);
    mem_free(piece);
    return code;
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

/* The job's own model, before its records are read. */
static enum error_code find_own_model(struct prepare *prepare, struct error *error)
{
    enum error_code code = add_model(prepare, batch_source(prepare->job), error);
    if (code == OK && !prepare->models[0].is_found)
        code = batch_model_find(prepare->options, prepare->job, prepare->models[0].id, &prepare->models[0].model,
                                error);
    return code;
}

static enum error_code copy_objects(struct prepare *prepare, struct error *error)
{
    enum error_code code = objects_code(objects_parse_uri(prepare->job->input_uri, &prepare->bucket, &prepare->key,
                                                          error),
                               error);
    if (code == OK)
        code = check_output(prepare, error);
    return code == OK ? copy_input(prepare, error) : code;
}

static enum error_code fail_for_problems(const struct prepare *prepare, struct error *error)
{
    return error_set(error, ERROR_INVALID, "Line %llu of the input: %s",
                     (unsigned long long)prepare->problems->items[0].line, prepare->problems->items[0].message);
}

static enum error_code fill(struct prepare *prepare, const char *dir, struct error *error)
{
    enum error_code code = prepare->form->names_model ? OK : find_own_model(prepare, error);
    if (code == OK)
        code = input_writer_new(dir, &prepare->writer, error);
    if (code == OK)
        code = batch_has_files(prepare->job->type) ? copy_own_file(prepare, error) : copy_objects(prepare, error);
    if (code == OK && prepare->problems->count > 0)
        code = fail_for_problems(prepare, error);
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
                              uint64_t fence, const atomic_bool *is_cancelled, struct batch_problems *problems,
                              struct error *error)
{
    struct prepare prepare = {.options = options,
                              .job = job,
                              .form = batch_form_of(options, job),
                              .is_cancelled = is_cancelled,
                              .problems = problems};
    problems->count = 0;
    char path[PATH_BYTES];
    enum error_code code = fenced_path(dir, PREPARING, fence, path, sizeof(path), error);
    if (code == OK)
        code = directory_make(dir, error);
    if (code != OK)
        return code;
    fenced_sweep(dir, PREPARING, fence);
    code = directory_make(path, error);
    arena_init(&prepare.arena, 0);
    arena_init(&prepare.names, 0);
    if (code == OK)
        code = fill(&prepare, path, error);
    input_writer_free(prepare.writer);
    arena_deinit(&prepare.arena);
    arena_deinit(&prepare.names);
    id_set_deinit(&prepare.ids);
    mem_free(prepare.models);
    return code == OK ? publish(path, dir, error) : code;
}
