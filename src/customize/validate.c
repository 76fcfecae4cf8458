/* validate.c - the first stage: lines of the training data are read, and those that are no good left out and listed.
 * Asks no model. See run.h. */
#include <stdio.h>
#include <string.h>

#include "batch/files.h"
#include "batch/lines.h"
#include "core/limits.h"
#include "customize/data.h"
#include "customize/metrics.h"
#include "customize/run.h"

#define PIECE_BYTES (256u << 10)
#define INSIGHTS "prompt_insights/rejected.jsonl"
#define ROW_BYTES_MAX (64u << 20)

/* One pass over the files of a URI. */
struct reading {
    struct custom_run *run;
    struct file_writer *rows, *insights;
    char task[24];
    struct str bucket, key; /* of the URI */
    struct str file;        /* being read, behind the URI's prefix */
    uint64_t accepted, rejected, files;
    struct arena arena; /* of one line */
    struct buf text;    /* one row, or one insight */
};

/* --- lines ------------------------------------------------------------------------------------------ */

static enum error_code reject(struct reading *reading, uint64_t line, const char *reason, struct error *error)
{
    reading->rejected++;
    buf_clear(&reading->text);
    buf_append_text(&reading->text, "{\"file\":");
    buf_append_json(&reading->text, reading->file);
    buf_appendf(&reading->text, ",\"line\":%llu,\"status\":\"Rejected\"", (unsigned long long)line);
    json_append_member(&reading->text, "reason", str_of(reason));
    if (!buf_append_text(&reading->text, "}\n"))
        return error_no_memory(error);
    return file_writer_put(reading->insights, reading->text.data, reading->text.len, error);
}

/* The teacher's part, a missing answer, is none of the data's where nobody teaches. */
static enum error_code check_use(const struct conversation *conversation, struct error *error)
{
    return conversation_is_answered(conversation)
               ? OK
               : error_set(error, ERROR_INVALID, "messages: the last one must be the assistant's");
}

static enum error_code keep(struct reading *reading, const struct line *line, const struct conversation *conversation,
                              struct error *error)
{
    const struct data_origin origin = {reading->file, line->number, reading->task};
    reading->accepted++;
    buf_clear(&reading->text);
    if (!conversation_append_row(&reading->text, conversation, &origin, true))
        return error_no_memory(error);
    return file_writer_put(reading->rows, reading->text.data, reading->text.len, error);
}

static enum error_code take_line(void *ctx, const struct line *line, struct error *error)
{
    struct reading *reading = ctx;
    struct conversation conversation;
    struct error why;
    enum error_code code = OK;
    if (line->is_too_long)
        code = error_set(&why, ERROR_INVALID, "the line has more than %llu bytes",
                         (unsigned long long)limit(customization_line_bytes));
    if (code == OK)
        code = conversation_parse(line->text, &reading->arena, &conversation, &why);
    if (code == OK)
        code = check_use(&conversation, &why);
    if (code == ERROR_INVALID)
        code = reject(reading, line->number, why.message, error);
    else
        code = code == OK ? keep(reading, line, &conversation, error) : error_no_memory(error);
    arena_reset(&reading->arena);
    if (code == OK && reading->accepted > limit(customization_prompts))
        code = error_set(error, ERROR_INVALID, "The data has more than %llu good lines, which is the limit.",
                         (unsigned long long)limit(customization_prompts));
    return code;
}

/* --- files ------------------------------------------------------------------------------------------ */

static enum error_code read_lines(struct reading *reading, struct objects_reader *reader, char *piece,
                                  struct error *error)
{
    struct line_reader lines;
    size_t len = 1;
    enum error_code code = OK;
    line_reader_init(&lines, limit(customization_line_bytes), take_line, reading);
    while (code == OK && len > 0) {
        code = run_problem(objects_reader_read(reader, piece, PIECE_BYTES, &len, error), error);
        if (code == OK)
            code = run_tick(reading->run, error);
        if (code == OK)
            code = line_reader_feed(&lines, (struct str){piece, len}, error);
    }
    if (code == OK)
        code = line_reader_end(&lines, error);
    line_reader_deinit(&lines);
    return code;
}

static enum error_code read_file(struct reading *reading, struct str key, struct str name, struct error *error)
{
    struct objects_reader *reader = NULL;
    struct objects_info *info = mem_alloc(sizeof(*info));
    char *piece = mem_alloc(PIECE_BYTES);
    enum error_code code = info && piece ? OK : error_no_memory(error);
    reading->file = name;
    if (code == OK && ++reading->files > limit(customization_files))
        code = error_set(error, ERROR_INVALID, "The data has more than %llu files.",
                         (unsigned long long)limit(customization_files));
    if (code == OK)
        code = run_problem(objects_reader_open(reading->run->runner->options->objects, reading->run->job.tenant,
                                               reading->bucket, key, 0, OBJECTS_SIZE_UNKNOWN, info, &reader, error),
                           error);
    if (code == OK && info->size > limit(customization_file_bytes))
        code = error_set(error, ERROR_INVALID, STR_FMT ": the file has %llu bytes, more than the limit of %llu",
                         STR_ARG(name), (unsigned long long)info->size,
                         (unsigned long long)limit(customization_file_bytes));
    if (code == OK)
        code = read_lines(reading, reader, piece, error);
    objects_reader_close(reader);
    mem_free(piece);
    mem_free(info);
    return code;
}

static enum error_code read_page(struct reading *reading, const struct objects_page *page, struct str prefix,
                                 struct error *error)
{
    enum error_code code = OK;
    for (size_t i = 0; i < page->count && code == OK; i++) {
        const struct str key = page->entries[i].key;
        if (str_ends(key, STR(".jsonl")))
            code = read_file(reading, key, str_slice(key, prefix.len, key.len), error);
    }
    return code;
}

/* Every *.jsonl below the prefix, in the order of their keys. */
static enum error_code read_folder(struct reading *reading, struct error *error)
{
    struct arena arena;
    struct objects_page page = {.is_truncated = true};
    struct objects_list_options options = {.max = OBJECTS_PAGE_MAX};
    char after[OBJECTS_KEY_MAX + 1], prefix[OBJECTS_KEY_MAX + 2];
    const struct str key = reading->key;
    const bool has_slash = key.len == 0 || key.data[key.len - 1] == '/';
    enum error_code code = OK;
    if (key.len > OBJECTS_KEY_MAX)
        return error_set(error, ERROR_INVALID, "s3Uri: the key is too long");
    memcpy(prefix, key.data ? key.data : "", key.len);
    prefix[key.len] = '/';
    options.prefix = (struct str){prefix, key.len + !has_slash};
    arena_init(&arena, 0);
    while (code == OK && page.is_truncated) {
        arena_reset(&arena);
        code = run_problem(objects_list(reading->run->runner->options->objects, reading->run->job.tenant,
                                        reading->bucket, &options, &arena, &page, error), error);
        if (code == OK)
            code = read_page(reading, &page, options.prefix, error);
        if (code != OK || !page.is_truncated || page.next.len > OBJECTS_KEY_MAX)
            break;
        memcpy(after, page.next.data, page.next.len);
        options.after = (struct str){after, page.next.len};
    }
    arena_deinit(&arena);
    return code;
}

static struct str base_name(struct str key)
{
    size_t from = key.len;
    while (from > 0 && key.data[from - 1] != '/')
        from--;
    return str_slice(key, from, key.len);
}

/* An object, or all *.jsonl objects below a prefix. */
static enum error_code read_uri(struct reading *reading, struct str uri, struct error *error)
{
    struct objects_info *info = mem_alloc(sizeof(*info));
    if (!info)
        return error_no_memory(error);
    enum error_code code = run_problem(objects_parse_uri(uri, &reading->bucket, &reading->key, error), error);
    const struct str key = reading->key;
    if (code == OK) {
        enum objects_problem problem = OBJECTS_NO_KEY;
        if (key.len > 0 && key.data[key.len - 1] != '/')
            problem = objects_head(reading->run->runner->options->objects, reading->run->job.tenant, reading->bucket,
                                   key, info, error);
        if (problem == OBJECTS_NO_KEY)
            code = read_folder(reading, error);
        else
            code = run_problem(problem, error);
        if (code == OK && problem == OBJECTS_OK)
            code = read_file(reading, key, base_name(key), error);
    }
    mem_free(info);
    if (code == OK && reading->files == 0)
        code = error_set(error, ERROR_INVALID, "There is no object and no folder of *.jsonl objects at " STR_FMT ".",
                         STR_ARG(uri));
    return code;
}

/* --- the stage -------------------------------------------------------------------------------------- */

static enum error_code read_data(struct custom_run *run, struct str uri, size_t validator, struct file_writer *rows,
                                 struct file_writer *insights, struct reading *reading, struct error *error)
{
    *reading = (struct reading){.run = run, .rows = rows, .insights = insights};
    metrics_task(validator, reading->task);
    arena_init(&reading->arena, 0);
    buf_init(&reading->text, ROW_BYTES_MAX);
    enum error_code code = read_uri(reading, uri, error);
    arena_deinit(&reading->arena);
    buf_deinit(&reading->text);
    return code;
}

static struct str uri_of(yyjson_val *config)
{
    return json_str(yyjson_obj_get(config, "s3Uri"));
}

static enum error_code read_validators(struct custom_run *run, struct file_writer *rows, struct file_writer *insights,
                                       struct error *error)
{
    yyjson_val *request = yyjson_doc_get_root(run->request);
    yyjson_val *list = yyjson_obj_get(yyjson_obj_get(request, "validationDataConfig"), "validators"), *item;
    size_t idx, max;
    enum error_code code = OK;
    yyjson_arr_foreach(list, idx, max, item)
    {
        struct reading reading = {0};
        if (code == OK)
            code = read_data(run, uri_of(item), idx, rows, insights, &reading, error);
        if (code == OK && reading.accepted == 0)
            code = error_set(error, ERROR_INVALID,
                             "validationDataConfig.validators[%zu]: none of its %llu lines is good; " INSIGHTS
                             " in the output says why.", idx, (unsigned long long)reading.rejected);
        run->job.progress.rejected += reading.rejected;
        run->job.progress.held += reading.accepted;
    }
    return code;
}

static enum error_code read_all(struct custom_run *run, struct file_writer *rows, struct file_writer *held,
                                struct file_writer *insights, struct error *error)
{
    yyjson_val *request = yyjson_doc_get_root(run->request);
    struct reading reading;
    struct custom_progress *progress = &run->job.progress;
    enum error_code code = read_data(run, uri_of(yyjson_obj_get(request, "trainingDataConfig")), 0, rows, insights,
                                     &reading, error);
    progress->accepted = reading.accepted;
    progress->rejected = reading.rejected;
    progress->held = 0;
    if (code == OK && reading.accepted < limit(customization_prompts_min))
        code = error_set(error, ERROR_INVALID,
                         "The training data has %llu good lines, at least %llu are needed; %llu were left out, and "
                         INSIGHTS " in the output says why.", (unsigned long long)reading.accepted,
                         (unsigned long long)limit(customization_prompts_min), (unsigned long long)reading.rejected);
    return code == OK ? read_validators(run, held, insights, error) : code;
}

static enum error_code read_into_files(struct custom_run *run, struct error *error)
{
    const struct run_path rows_path = run_file(run, "rows.jsonl"), held_path = run_file(run, "validators.jsonl"),
                          insights_path = run_file(run, "insights.jsonl");
    struct file_writer rows = {.fd = -1}, held = {.fd = -1}, insights = {.fd = -1};
    enum error_code code = file_writer_open(&rows, rows_path.text, error);
    if (code == OK)
        code = file_writer_open(&held, held_path.text, error);
    if (code == OK)
        code = file_writer_open(&insights, insights_path.text, error);
    if (code == OK)
        code = read_all(run, &rows, &held, &insights, error);
    code = file_writer_close(&rows, code, error);
    code = file_writer_close(&held, code, error);
    struct error first = *error; /* what is wrong with the data is listed all the same */
    const enum error_code listed = file_writer_close(&insights, code == ERROR_INVALID ? OK : code, &first);
    return code == OK && listed != OK ? (*error = first).code : code;
}

/* Known to be there before anything is computed. */
static enum error_code check_output(struct custom_run *run, struct error *error)
{
    yyjson_val *request = yyjson_doc_get_root(run->request);
    const struct str uri = uri_of(yyjson_obj_get(request, "outputDataConfig"));
    struct str bucket, key;
    enum error_code code = run_problem(objects_parse_uri(uri, &bucket, &key, error), error);
    if (code == OK)
        code = run_problem(objects_bucket_head(run->runner->options->objects, run->job.tenant, bucket, NULL, error),
                           error);
    return code == OK ? OK : error_prefix(error, "The output " STR_FMT, STR_ARG(uri));
}

enum error_code run_validate(struct custom_run *run, struct error *error)
{
    struct error first;
    const struct run_path insights = run_file(run, "insights.jsonl");
    enum error_code code = check_output(run, error);
    if (code != OK)
        return code;
    code = read_into_files(run, error);
    if (code != OK && code != ERROR_INVALID)
        return code;
    first = *error;
    if (run->job.progress.rejected > 0) {
        const enum error_code put = run_put_file(run, INSIGHTS, insights.text, "application/jsonl", error);
        if (put != OK && code == OK)
            return put;
    }
    *error = first;
    return code;
}
