/* relay_build.c - the files and the log of a relay. Asks no provider. See relay.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "batch/fenced.h"
#include "batch/files.h"
#include "batch/record.h"
#include "batch/relay_parts.h"
#include "core/file.h"
#include "core/io.h"
#include "generate/upstream_backend.h"

#define LOG_NAME "relay"
#define LOG_BYTES_MAX ((size_t)16 << 20)
#define PART_RECORDS_MAX 50000u
#define BODY_EXTRA_BYTES ((size_t)1 << 20)
#define PIECE_RECORDS 4096u
#define REPLY_TOKENS_MAX 131072u /* where neither record nor target bounds it */

const char *const relay_state_names[RELAY_STATES] = {
    [RELAY_BUILT] = "built",     [RELAY_UPLOADED] = "uploaded", [RELAY_CREATING] = "creating",
    [RELAY_CREATED] = "created", [RELAY_FETCHED] = "fetched",   [RELAY_GIVEN_UP] = "given_up",
};

enum error_code relay_path(const struct relay_part *part, const char *what, char path[RELAY_PATH_MAX],
                           struct error *error)
{
    const int len = snprintf(path, RELAY_PATH_MAX, "%s/part-%u.%llu.%s", part->relay->active->dir, part->number,
                             (unsigned long long)part->fence, what);
    return len > 0 && len < RELAY_PATH_MAX ? OK
                                           : error_set(error, ERROR_INVALID, "data directory: the path is too long");
}

/* --- the log -------------------------------------------------------------------------------------------------- */

enum error_code relay_note(struct relay_part *part, struct error *error)
{
    struct relay *relay = part->relay;
    struct buf line;
    buf_init(&line, 8192);
    buf_appendf(&line, "{\"part\":%u,\"state\":\"%s\",\"fence\":%llu,\"model\":%zu,\"records\":%llu,\"bytes\":%llu,"
                "\"replyTokens\":%llu,\"creating\":%llu,\"file\":\"%s\",\"id\":\"%s\",\"others\":[", part->number,
                    relay_state_names[part->state],
                (unsigned long long)part->fence, (size_t)(part->model - relay->active->models),
                (unsigned long long)part->records, (unsigned long long)part->bytes,
                (unsigned long long)part->reply_tokens, (unsigned long long)part->creating_us, part->file, part->id);
    for (size_t i = 0; i < part->other_count; i++)
        buf_appendf(&line, "%s\"%s\"", i ? "," : "", part->others[i]);
    buf_append_text(&line, "]}\n");
    enum error_code code = line.failed ? error_no_memory(error)
                                       : file_write(relay->log_fd, line.data, line.len, relay->log_path, error);
    if (code == OK && io_fsync(relay->log_fd))
        code = file_fail("sync", relay->log_path, errno, error);
    part->is_unnoted = code != OK;
    buf_deinit(&line);
    return code;
}

static enum error_code add_part(struct relay *relay, struct job_model *model, struct relay_part **part,
                                struct error *error)
{
    void *parts = relay->parts;
    if (!mem_grow(&parts, relay->part_count, &relay->part_cap, sizeof(*relay->parts)))
        return error_no_memory(error);
    relay->parts = parts;
    *part = &relay->parts[relay->part_count];
    **part = (struct relay_part){.relay = relay, .number = (unsigned)relay->part_count, .model = model,
        .results_fd = -1,
                                 .fence = relay->active->claim.fence};
    arena_init(&(*part)->arena, 0);
    (*part)->upstream = upstreams_at(relay->active->runner->options->work->upstreams,
                                     model->model.match.model->upstream);
    relay->part_count++;
    return OK;
}

static void copy_text(yyjson_val *object, const char *name, char *out, size_t size)
{
    (void)snprintf(out, size, STR_FMT, STR_ARG(json_str(yyjson_obj_get(object, name))));
}

static void take_others(struct relay_part *part, yyjson_val *list)
{
    size_t i, max;
    yyjson_val *id;
    part->other_count = 0;
    json_arr_foreach(list, i, max, id)
    {
        if (part->other_count < RELAY_REFUSED_MAX)
            (void)snprintf(part->others[part->other_count++], PROVIDER_ID_MAX, STR_FMT, STR_ARG(json_str(id)));
    }
}

/* What the log says of a part goes over what it said before. */
static enum error_code take_state(struct relay *relay, yyjson_val *root, struct error *error)
{
    const uint64_t number = yyjson_get_uint(yyjson_obj_get(root, "part"));
    const uint64_t model = yyjson_get_uint(yyjson_obj_get(root, "model"));
    const struct str state = json_str(yyjson_obj_get(root, "state"));
    struct relay_part *part = number < relay->part_count ? &relay->parts[number] : NULL;
    if (number > relay->part_count || number >= RELAY_PARTS_MAX || model >= relay->active->model_count ||
        !relay_may(relay->active, &relay->active->models[model]))
        return error_set(error, ERROR_NOT_FOUND, "%s: its model is not relayed any more", relay->log_path);
    enum error_code code = part ? OK : add_part(relay, &relay->active->models[model], &part, error);
    if (code != OK)
        return code;
    for (enum relay_state i = 0; i < RELAY_STATES; i++)
        if (str_eq(state, str_of(relay_state_names[i])))
            part->state = i;
    part->fence = yyjson_get_uint(yyjson_obj_get(root, "fence"));
    part->records = yyjson_get_uint(yyjson_obj_get(root, "records"));
    part->bytes = yyjson_get_uint(yyjson_obj_get(root, "bytes"));
    part->reply_tokens = yyjson_get_uint(yyjson_obj_get(root, "replyTokens"));
    part->creating_us = yyjson_get_uint(yyjson_obj_get(root, "creating"));
    part->must_look = part->state == RELAY_CREATING;
    copy_text(root, "file", part->file, sizeof(part->file));
    copy_text(root, "id", part->id, sizeof(part->id));
    take_others(part, yyjson_obj_get(root, "others"));
    return OK;
}

static enum error_code take_log(struct relay *relay, struct str text, struct error *error)
{
    struct str line;
    enum error_code code = OK;
    while (code == OK && str_split(&text, '\n', &line)) {
        yyjson_doc *doc = NULL;
        if (line.len == 0)
            continue;
        code = json_parse_stored(line, &doc, error);
        if (code == OK)
            code = take_state(relay, yyjson_doc_get_root(doc), error);
        json_free(doc);
    }
    return code;
}

/* A line that was being written when the process died never was. */
static enum error_code read_log(struct relay *relay, struct error *error)
{
    struct stat info;
    struct buf text;
    uint64_t end = 0;
    if (fstat(relay->log_fd, &info) || !file_whole_lines(relay->log_fd, (uint64_t)info.st_size, &end) ||
        ftruncate(relay->log_fd, (off_t)end))
        return file_fail("read", relay->log_path, errno, error);
    buf_init(&text, LOG_BYTES_MAX);
    enum error_code code = buf_reserve(&text, (size_t)end) ? OK : error_no_memory(error);
    if (code == OK && end > 0)
        code = file_read_at(relay->log_fd, text.data, (size_t)end, 0, relay->log_path, error);
    text.len = code == OK ? (size_t)end : 0;
    if (code == OK)
        code = take_log(relay, buf_str(&text), error);
    buf_deinit(&text);
    return code;
}

/* --- what came back before ------------------------------------------------------------------------------------- */

static enum error_code read_numbers(struct relay_part *part, struct error *error)
{
    char path[RELAY_PATH_MAX];
    uint32_t numbers[PIECE_RECORDS];
    int fd;
    enum error_code code = relay_path(part, "numbers", path, error);
    if (code == OK)
        code = file_open(path, O_RDONLY, &fd, error);
    if (code != OK)
        return code;
    for (uint64_t at = 0; code == OK && at < part->records; at += PIECE_RECORDS) {
        const uint64_t left = part->records - at;
        const size_t count = left < PIECE_RECORDS ? (size_t)left : PIECE_RECORDS;
        code = file_read_at(fd, numbers, count * sizeof(*numbers), at * sizeof(*numbers), path, error);
        for (size_t i = 0; code == OK && i < count; i++)
            if (numbers[i] < part->relay->active->job.counts.total)
                part->relay->entries[numbers[i]] =
                    (struct relay_entry){.part = (uint8_t)(part->number + 1), .place = RELAY_AWAY};
    }
    (void)close(fd);
    return code;
}

static enum error_code read_results(struct relay_part *part, struct error *error)
{
    char path[RELAY_PATH_MAX], *piece = mem_alloc(FILE_WRITER_BYTES);
    struct line_reader lines;
    ssize_t len = 1;
    enum error_code code = piece ? relay_path(part, "results", path, error) : error_no_memory(error);
    if (code == OK)
        code = file_open(path, O_RDWR | O_APPEND, &part->results_fd, error);
    line_reader_init(&lines, limit(upstream_reply_bytes), relay_take_line, part);
    while (code == OK && len > 0) {
        len = io_read(part->results_fd, piece, FILE_WRITER_BYTES);
        if (len < 0)
            code = file_fail("read", path, errno, error);
        else
            code = line_reader_feed(&lines, (struct str){piece, (size_t)len}, error);
    }
    line_reader_deinit(&lines);
    mem_free(piece);
    if (code == OK)
        relay_close_results(part);
    return code;
}

static enum error_code load_part(struct relay_part *part, struct error *error)
{
    if (part->state == RELAY_GIVEN_UP)
        return OK;
    const enum error_code code = read_numbers(part, error);
    return code == OK && part->state == RELAY_FETCHED ? read_results(part, error) : code;
}

/* --- what goes there --------------------------------------------------------------------------------------------- */

struct building {
    struct relay *relay;
    struct job_model *model;
    struct relay_part *part; /* NULL: none is begun */
    struct file_writer body, numbers;
    char body_path[RELAY_PATH_MAX], numbers_path[RELAY_PATH_MAX];
    struct arena arena;
    struct buf line, text;
    uint64_t reply_tokens; /* of the record, at most */
};

static enum upstream_kind kind_of(const struct job_model *model)
{
    return model->model.match.model->upstream->kind;
}

/* Whether the record can go there: then building->text has its body in the provider's words. */
static enum error_code write_record(struct building *building, uint64_t number, bool *is_fit, struct error *error)
{
    struct active *active = building->relay->active;
    const struct batch_options *options = active->runner->options;
    const struct job_model *model = building->model;
    struct batch_record record = {0};
    struct chat_request request = {.arena = &building->arena};
    struct error ignored;
    *is_fit = false;
    enum error_code code = input_read(active->input, number, &building->line, NULL, error);
    if (code != OK)
        return code == ERROR_INVALID ? OK : code; /* it was too long */
    code = record_parse(batch_form_of(options, &active->job), buf_str(&building->line), &record, &ignored);
    if (code == OK)
        code = batch_model_parse(options, &model->model, &active->job, record.input, &request, &ignored);
    if (code == OK) {
        buf_clear(&building->text);
        *is_fit = !request.documents &&
                  upstream_backend_write_whole(active->runner->work.backends[TARGET_UPSTREAM], options->config,
                                               &model->model.match, &request, &building->text, &ignored) == OK;
        building->reply_tokens = request.max_tokens ? request.max_tokens : REPLY_TOKENS_MAX;
        codec_request_free(&request);
    }
    record_free(&record);
    arena_reset(&building->arena);
    return code == ERROR_NO_MEMORY ? error_no_memory(error) : OK;
}

static enum error_code begin_part(struct building *building, struct error *error)
{
    struct buf text;
    enum error_code code = add_part(building->relay, building->model, &building->part, error);
    if (code == OK)
        code = relay_path(building->part, "body", building->body_path, error);
    if (code == OK)
        code = relay_path(building->part, "numbers", building->numbers_path, error);
    if (code == OK)
        code = file_writer_open(&building->body, building->body_path, error);
    if (code == OK)
        code = file_writer_open(&building->numbers, building->numbers_path, error);
    buf_init(&text, 4096);
    provider_append_begin(kind_of(building->model), &text);
    if (code == OK)
        code = file_writer_put(&building->body, text.data, text.len, error);
    buf_deinit(&text);
    return code;
}

static enum error_code end_part(struct building *building, enum error_code code, struct error *error)
{
    struct buf text;
    if (!building->part)
        return code;
    buf_init(&text, 4096);
    provider_append_end(kind_of(building->model), &text);
    if (code == OK)
        code = file_writer_put(&building->body, text.data, text.len, error);
    buf_deinit(&text);
    code = file_writer_close(&building->body, code, error);
    code = file_writer_close(&building->numbers, code, error);
    building->part = NULL;
    return code;
}

static enum error_code add_record(struct building *building, uint64_t number, struct error *error)
{
    struct buf text;
    const uint32_t kept = (uint32_t)number;
    enum error_code code = building->part ? OK : begin_part(building, error);
    struct relay_part *part = building->part;
    if (code != OK)
        return code;
    buf_init(&text, building->text.len + 1024);
    provider_append_record(kind_of(building->model), &text, part->records == 0, building->relay->active->job.id, number,
                           buf_str(&building->text));
    code = text.failed ? error_no_memory(error) : file_writer_put(&building->body, text.data, text.len, error);
    buf_deinit(&text);
    if (code == OK)
        code = file_writer_put(&building->numbers, &kept, sizeof(kept), error);
    building->relay->entries[number] =
        (struct relay_entry){.part = (uint8_t)(part->number + 1), .place = RELAY_AWAY};
    part->records++;
    part->bytes += building->text.len;
    part->reply_tokens += building->reply_tokens;
    const bool is_full = part->records == PART_RECORDS_MAX || building->body.offset >= limit(batch_relay_bytes);
    return code == OK && is_full ? end_part(building, OK, error) : code;
}

static bool is_of(struct relay *relay, uint64_t number, const struct job_model *model)
{
    unsigned own = 0;
    bool has = true;
    struct error ignored;
    return input_model(relay->active->input, number, &own, &ignored) == OK && &relay->active->models[own] == model &&
           results_has(relay->active->results, number, &has, &ignored) == OK && !has;
}

static enum error_code build_model(struct building *building, struct error *error)
{
    struct relay *relay = building->relay;
    const uint64_t total = relay->active->job.counts.total;
    uint64_t count = 0;
    enum error_code code = OK;
    for (uint64_t i = 0; i < total; i++)
        count += is_of(relay, i, building->model);
    if (count < limit(batch_relay_records))
        return OK;
    for (uint64_t i = 0; i < total && code == OK && relay->part_count < RELAY_PARTS_MAX; i++) {
        bool is_fit = false;
        if (is_of(relay, i, building->model))
            code = write_record(building, i, &is_fit, error);
        if (code == OK && is_fit)
            code = add_record(building, i, error);
        if (code == OK && atomic_load(&relay->active->is_cancelled))
            code = error_set(error, ERROR_CANCELLED, "the server is stopping");
    }
    return end_part(building, code, error);
}

static enum error_code build(struct relay *relay, struct error *error)
{
    struct building building = {.relay = relay, .body.fd = -1, .numbers.fd = -1};
    enum error_code code = OK;
    arena_init(&building.arena, 0);
    buf_init(&building.line, limit(batch_record_bytes) + 1);
    buf_init(&building.text, 2 * limit(batch_record_bytes) + BODY_EXTRA_BYTES);
    for (size_t i = 0; i < relay->active->model_count && code == OK; i++) {
        building.model = &relay->active->models[i];
        if (relay_may(relay->active, building.model))
            code = build_model(&building, error);
    }
    for (size_t i = 0; i < relay->part_count && code == OK; i++)
        code = relay_note(&relay->parts[i], error);
    arena_deinit(&building.arena);
    buf_deinit(&building.line);
    buf_deinit(&building.text);
    return code;
}

enum error_code relay_load(struct relay *relay, struct error *error)
{
    const struct active *active = relay->active;
    enum error_code code = fenced_path(active->dir, LOG_NAME, active->claim.fence, relay->log_path,
                                       sizeof(relay->log_path), error);
    if (code == OK)
        code = fenced_take(active->dir, LOG_NAME, active->claim.fence, &relay->log_fd, error);
    if (code == OK)
        code = read_log(relay, error);
    for (size_t i = 0; i < relay->part_count && code == OK; i++)
        code = load_part(&relay->parts[i], error);
    if (code == OK && relay->part_count == 0 && active->job.status != BATCH_STOPPING)
        code = build(relay, error);
    return code;
}
