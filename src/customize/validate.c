/* validate.c - the first stage: lines of the training data are read, and those that are no good left out and listed.
 * Asks no model. See run.h. */
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "batch/files.h"
#include "batch/lines.h"
#include "core/limits.h"
#include "customize/data.h"
#include "customize/logs.h"
#include "customize/metrics.h"
#include "customize/run.h"

#define PIECE_BYTES (256u << 10)
#define ROW_BYTES_MAX (64u << 20)
#define URI_SHOWN 160 /* bytes of a URI in messages: the reason follows */

/* Where good lines go, with an answer and without, and what is said of the others. */
struct outputs {
    struct file_writer rows, prompts, held, insights;
};

/* One pass over the files of a URI. */
struct reading {
    struct custom_run *run;
    struct file_writer *rows, *prompts, *insights; /* prompts NULL: each line has to have its answer */
    yyjson_val *logs; /* invocationLogsConfig; NULL: lines are conversations */
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
    if (++reading->run->listed > limit(customization_rejected))
        return OK;
    buf_clear(&reading->text);
    buf_append_text(&reading->text, "{\"file\":");
    buf_append_json(&reading->text, reading->file);
    buf_appendf(&reading->text, ",\"line\":%llu,\"status\":\"Rejected\"", (unsigned long long)line);
    json_append_member(&reading->text, "reason", str_of(reason));
    if (!buf_append_text(&reading->text, "}\n"))
        return error_no_memory(error);
    return file_writer_put(reading->insights, reading->text.data, reading->text.len, error);
}

/* What is missing may be the teacher's part. */
static enum error_code check_use(const struct reading *reading, const struct conversation *conversation,
                                 struct error *error)
{
    return reading->prompts || conversation_is_answered(conversation)
               ? OK
               : error_set(error, ERROR_INVALID, "messages: the last one must be the assistant's");
}

static bool uses_answers(const struct reading *reading)
{
    return yyjson_is_true(yyjson_obj_get(reading->logs, "usePromptResponse"));
}

/* A record that the filters leave out is none of the data's; *is_wanted false. */
static enum error_code read_record(struct reading *reading, struct str text, struct conversation *conversation,
                                   bool *is_wanted, struct error *error)
{
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse_exact(text, &doc, error);
    yyjson_val *record = yyjson_doc_get_root(doc);
    if (code == OK)
        *is_wanted = log_filter_fits(yyjson_obj_get(reading->logs, "requestMetadataFilters"),
                                     yyjson_obj_get(record, "requestMetadata"));
    if (code == OK && *is_wanted && uses_answers(reading) &&
        !log_is_model(json_str(yyjson_obj_get(record, "modelId")), reading->run->job.teacher))
        code = error_set(error, ERROR_INVALID, "it is of another model than the teacher");
    if (code == OK && *is_wanted)
        code = log_conversation(record, uses_answers(reading), &reading->arena, conversation, error);
    json_free(doc);
    return code;
}

static enum error_code keep(struct reading *reading, const struct line *line, const struct conversation *conversation,
                              struct error *error)
{
    const struct data_origin origin = {reading->file, line->number, reading->task};
    const bool is_answered = conversation_is_answered(conversation);
    const bool learns_all = reading->run->job.type == CUSTOM_FINE_TUNING;
    reading->accepted++;
    buf_clear(&reading->text);
    if (!(is_answered ? conversation_append_row(&reading->text, conversation, &origin, learns_all)
                      : conversation_append_prompt(&reading->text, conversation, &origin)))
        return error_no_memory(error);
    return file_writer_put(is_answered ? reading->rows : reading->prompts, reading->text.data, reading->text.len,
                           error);
}

/* A record has more in it than its conversation. */
static uint64_t longest_line(const struct reading *reading)
{
    return reading->logs ? limit(batch_record_bytes) : limit(customization_line_bytes);
}

static enum error_code take_line(void *ctx, const struct line *line, struct error *error)
{
    struct reading *reading = ctx;
    struct conversation conversation;
    struct error why;
    enum error_code code = OK;
    bool is_wanted = true;
    if (reading->logs && reading->accepted >= limit(customization_prompts))
        return OK; /* traffic has no end; data sets do */
    if (line->is_too_long)
        code = error_set(&why, ERROR_INVALID, "the line has more than %llu bytes",
                         (unsigned long long)longest_line(reading));
    if (code == OK && reading->logs)
        code = read_record(reading, line->text, &conversation, &is_wanted, &why);
    else if (code == OK)
        code = conversation_parse(line->text, &reading->arena, &conversation, &why);
    if (code == OK && is_wanted)
        code = check_use(reading, &conversation, &why);
    if (code == OK && !is_wanted)
        code = OK;
    else if (code == ERROR_INVALID)
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

/* What is packed by gzip, in several members perhaps, becomes lines. */
struct unpacking {
    z_stream stream;
    bool is_open;
    char *out;
};

static enum error_code unpack(struct unpacking *unpacking, struct line_reader *lines, struct str piece,
                              struct error *error)
{
    z_stream *stream = &unpacking->stream;
    enum error_code code = OK;
    stream->next_in = (unsigned char *)(uintptr_t)piece.data;
    stream->avail_in = (unsigned)piece.len;
    while (code == OK && stream->avail_in > 0) {
        stream->next_out = (unsigned char *)unpacking->out;
        stream->avail_out = PIECE_BYTES;
        const int result = inflate(stream, Z_NO_FLUSH);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return error_set(error, ERROR_INVALID, "a file that ends with .gz is not packed by gzip, or is damaged");
        code = line_reader_feed(lines, (struct str){unpacking->out, PIECE_BYTES - stream->avail_out}, error);
        if (result == Z_STREAM_END && inflateReset(stream) != Z_OK)
            return error_no_memory(error);
    }
    return code;
}

static enum error_code feed(struct unpacking *unpacking, struct line_reader *lines, struct str piece,
                            struct error *error)
{
    return unpacking->is_open ? unpack(unpacking, lines, piece, error) : line_reader_feed(lines, piece, error);
}

/* `piece` has room for two. */
static enum error_code read_lines(struct reading *reading, struct objects_reader *reader, char *piece,
                                  struct error *error)
{
    struct line_reader lines;
    struct unpacking unpacking = {.out = piece + PIECE_BYTES};
    size_t len = 1;
    enum error_code code = OK;
    if (str_ends(reading->file, STR(".gz"))) {
        unpacking.is_open = inflateInit2(&unpacking.stream, 15 + 16) == Z_OK; /* gzip's head */
        code = unpacking.is_open ? OK : error_no_memory(error);
    }
    line_reader_init(&lines, (size_t)longest_line(reading), take_line, reading);
    while (code == OK && len > 0) {
        code = objects_code(objects_reader_read(reader, piece, PIECE_BYTES, &len, error), error);
        if (code == OK)
            code = run_tick(reading->run, error);
        if (code == OK)
            code = feed(&unpacking, &lines, (struct str){piece, len}, error);
    }
    if (code == OK)
        code = line_reader_end(&lines, error);
    line_reader_deinit(&lines);
    if (unpacking.is_open)
        (void)inflateEnd(&unpacking.stream);
    return code;
}

static enum error_code read_file(void *ctx, struct str key, struct str name, struct error *error)
{
    struct reading *reading = ctx;
    struct objects_reader *reader = NULL;
    struct objects_info *info = mem_alloc(sizeof(*info));
    char *piece = mem_alloc((size_t)2 * PIECE_BYTES);
    enum error_code code = info && piece ? OK : error_no_memory(error);
    reading->file = name;
    if (code == OK && ++reading->files > limit(customization_files))
        code = error_set(error, ERROR_INVALID, "The data has more than %llu files.",
                         (unsigned long long)limit(customization_files));
    if (code == OK)
        code = objects_code(objects_reader_open(reading->run->runner->options->objects, reading->run->job.tenant,
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

/* Of logs batches of records, not the large bodies beside them. */
static bool is_data(const void *ctx, struct str key)
{
    const struct reading *reading = ctx;
    static const char *const ends[] = {".json.gz", ".jsonl.gz", ".gz", ".json", ".jsonl"};
    if (!reading->logs)
        return str_ends(key, STR(".jsonl"));
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (str_ends(key, str_of(ends[i])) && str_find(key, STR("/data/"), 0) < 0)
            return true;
    return false;
}

/* An object, or all of data below a prefix. */
static enum error_code read_uri(struct reading *reading, struct str uri, struct error *error)
{
    const struct custom_run *run = reading->run;
    const struct objects_visitor visitor = {is_data, read_file, reading};
    enum error_code code = objects_code(objects_parse_uri(uri, &reading->bucket, &reading->key, error), error);
    if (code == OK)
        code = objects_each(run->runner->options->objects, run->job.tenant, reading->bucket, reading->key, &visitor,
                            error);
    if (code == ERROR_INVALID)
        return error_prefix(error, STR_FMT, STR_ARG(str_slice(uri, 0, URI_SHOWN)));
    if (code == OK && reading->files == 0)
        code = error_set(error, ERROR_INVALID, "There is no object and no folder of *.jsonl objects%s at " STR_FMT ".",
                         reading->logs ? " or records of an invocation log" : "", STR_ARG(uri));
    return code;
}

/* --- the stage -------------------------------------------------------------------------------------- */

static enum error_code read_data(struct reading *reading, struct str uri, size_t validator, struct error *error)
{
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

static enum error_code read_validators(struct custom_run *run, struct outputs *outputs, struct error *error)
{
    yyjson_val *request = yyjson_doc_get_root(run->request);
    yyjson_val *list = yyjson_obj_get(yyjson_obj_get(request, "validationDataConfig"), "validators"), *item;
    size_t idx, max;
    enum error_code code = OK;
    yyjson_arr_foreach(list, idx, max, item)
    {
        struct reading reading = {.run = run, .rows = &outputs->held, .insights = &outputs->insights};
        if (code == OK)
            code = read_data(&reading, uri_of(item), idx, error);
        if (code == OK && reading.accepted == 0)
            code = error_set(error, ERROR_INVALID,
                             "validationDataConfig.validators[%zu]: none of its %llu lines is good; " RUN_REJECTED
                             " in the output says why.", idx, (unsigned long long)reading.rejected);
        run->job.progress.rejected += reading.rejected;
        run->job.progress.held += reading.accepted;
    }
    return code;
}

static enum error_code read_all(struct custom_run *run, struct outputs *outputs, struct error *error)
{
    yyjson_val *request = yyjson_doc_get_root(run->request), *config = yyjson_obj_get(request, "trainingDataConfig");
    yyjson_val *logs = yyjson_obj_get(config, "invocationLogsConfig");
    struct custom_progress *progress = &run->job.progress;
    struct reading reading = {.run = run, .rows = &outputs->rows, .insights = &outputs->insights};
    reading.logs = yyjson_is_obj(logs) ? logs : NULL;
    if (run->job.type == CUSTOM_DISTILLATION)
        reading.prompts = &outputs->prompts;
    enum error_code code = read_data(
        &reading, uri_of(reading.logs ? yyjson_obj_get(logs, "invocationLogSource") : config), 0, error);
    progress->accepted = reading.accepted;
    progress->rejected = reading.rejected;
    progress->held = 0;
    if (code == OK && reading.accepted < limit(customization_prompts_min))
        code = error_set(error, ERROR_INVALID,
                         "The training data has %llu good lines, at least %llu are needed; %llu were left out, and "
                         RUN_REJECTED " in the output says why.", (unsigned long long)reading.accepted,
                         (unsigned long long)limit(customization_prompts_min), (unsigned long long)reading.rejected);
    return code == OK ? read_validators(run, outputs, error) : code;
}

static enum error_code read_into_files(struct custom_run *run, struct error *error)
{
    static const char *const names[] = {"rows.jsonl", "prompts.jsonl", "validators.jsonl", "insights.jsonl"};
    struct outputs outputs = {.rows = {.fd = -1}, .prompts = {.fd = -1}, .held = {.fd = -1}, .insights = {.fd = -1}};
    struct file_writer *const writers[] = {&outputs.rows, &outputs.prompts, &outputs.held, &outputs.insights};
    struct run_path paths[4];
    enum error_code code = OK;
    run->listed = 0;
    for (size_t i = 0; i < 4 && code == OK; i++) {
        paths[i] = run_file(run, names[i]);
        code = file_writer_open(writers[i], paths[i].text, error);
    }
    if (code == OK)
        code = read_all(run, &outputs, error);
    for (size_t i = 0; i < 3; i++)
        code = file_writer_close(writers[i], code, error);
    struct error first = *error; /* what is wrong with the data is listed all the same */
    const enum error_code listed = file_writer_close(&outputs.insights, code == ERROR_INVALID ? OK : code, &first);
    return code == OK && listed != OK ? (*error = first).code : code;
}

/* Known to be there before anything is computed. */
static enum error_code check_output(struct custom_run *run, struct error *error)
{
    yyjson_val *request = yyjson_doc_get_root(run->request);
    const struct str uri = uri_of(yyjson_obj_get(request, "outputDataConfig"));
    struct str bucket;
    struct run_key key;
    enum error_code code = run_output_key(run, RUN_LONGEST_NAME, &bucket, &key, error);
    if (code == OK)
        code = objects_code(objects_bucket_head(run->runner->options->objects, run->job.tenant, bucket, NULL, error),
                           error);
    return code == OK ? OK : error_prefix(error, "The output " STR_FMT, STR_ARG(str_slice(uri, 0, URI_SHOWN)));
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
        const enum error_code put = run_put_file(run, RUN_REJECTED, insights.text, "application/jsonl", error);
        if (put != OK && code == OK)
            return put;
    }
    *error = first;
    return code;
}
