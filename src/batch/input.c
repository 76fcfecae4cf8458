/* input.c - copies records out of the object store, and finds them again by number. Parses no record. See input.h. */
#include "batch/input.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "batch/files.h"
#include "core/io.h"
#include "core/json.h"
#include "core/limits.h"

#define ENTRY_LEN 24
#define FLAG_TOO_LONG 1u
#define FLAG_JSON 2u /* not set in what older programs wrote */
#define MODEL_SHIFT 8
#define WINDOW 4096u /* of the order, read at a time */
#define FILES_BYTES_MAX (16u << 20)
#define PATH_BYTES 4096

enum part { PART_INPUT, PART_INDEX, PART_ORDER, PART_FILES, PARTS };
static const char *const part_names[PARTS] = {"input", "index", "order", "files"};

struct paths {
    char of[PARTS][PATH_BYTES];
};

static enum error_code make_paths(const char *dir, struct paths *paths, struct error *error)
{
    for (size_t i = 0; i < PARTS; i++) {
        int len = snprintf(paths->of[i], PATH_BYTES, "%s/%s", dir, part_names[i]);
        if (len < 0 || len >= PATH_BYTES - 16)
            return error_set(error, ERROR_INVALID, "data directory: the path is too long");
    }
    return OK;
}

struct entry {
    uint64_t offset;
    uint32_t len, line, file, flags;
};

/* --- reading ---------------------------------------------------------------------------------------- */

struct input {
    struct paths paths;
    int fds[PART_FILES]; /* input, index, order */
    uint64_t total;
    struct input_file *files;
    size_t file_count;
    struct str *models;
    size_t model_count;
    struct arena arena; /* names */
    uint32_t window[WINDOW];
    uint64_t window_at;
    size_t window_len;
};

static enum error_code read_file(const char *path, struct buf *text, struct error *error)
{
    int fd;
    struct stat info;
    enum error_code code = file_open(path, O_RDONLY, &fd, error);
    if (code != OK)
        return code;
    if (fstat(fd, &info))
        code = error_set_errno(error, ERROR_IO, errno, "cannot read %s", path);
    else if (!buf_reserve(text, (size_t)info.st_size))
        code = error_no_memory(error);
    else
        code = file_read_at(fd, text->data, (size_t)info.st_size, 0, path, error);
    if (code == OK)
        text->len = (size_t)info.st_size;
    close(fd);
    return code;
}

static enum error_code take_files(struct input *input, yyjson_val *list, struct error *error)
{
    size_t idx, max;
    yyjson_val *file;
    input->files = ARENA_ARRAY(&input->arena, struct input_file, yyjson_arr_size(list) + 1);
    if (!input->files)
        return error_no_memory(error);
    yyjson_arr_foreach(list, idx, max, file)
    {
        struct input_file *made = &input->files[input->file_count++];
        made->first = input->total;
        made->count = yyjson_get_uint(yyjson_obj_get(file, "records"));
        input->total += made->count;
        if (!arena_str(&input->arena, json_str(yyjson_obj_get(file, "name")), &made->name))
            return error_no_memory(error);
    }
    return OK;
}

static enum error_code take_models(struct input *input, yyjson_val *list, struct error *error)
{
    size_t idx, max;
    yyjson_val *name;
    input->models = ARENA_ARRAY(&input->arena, struct str, yyjson_arr_size(list) + 1);
    if (!input->models)
        return error_no_memory(error);
    json_arr_foreach(list, idx, max, name)
    {
        if (!arena_str(&input->arena, json_str(name), &input->models[input->model_count++]))
            return error_no_memory(error);
    }
    return OK;
}

static enum error_code read_files(struct input *input, struct error *error)
{
    struct buf text;
    yyjson_doc *doc = NULL;
    buf_init(&text, FILES_BYTES_MAX);
    enum error_code code = read_file(input->paths.of[PART_FILES], &text, error);
    if (code == OK)
        code = json_parse(buf_str(&text), &doc, error);
    if (code == OK)
        code = take_files(input, yyjson_obj_get(yyjson_doc_get_root(doc), "files"), error);
    if (code == OK)
        code = take_models(input, yyjson_obj_get(yyjson_doc_get_root(doc), "models"), error);
    json_free(doc);
    buf_deinit(&text);
    return code;
}

static enum error_code open_parts(const char *dir, struct input **input, struct error *error)
{
    struct input *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    arena_init(&made->arena, 0);
    for (size_t i = 0; i < PART_FILES; i++)
        made->fds[i] = -1;
    enum error_code code = make_paths(dir, &made->paths, error);
    if (code == OK)
        code = read_files(made, error);
    for (size_t i = 0; i < PART_FILES && code == OK; i++)
        code = file_open(made->paths.of[i], O_RDONLY, &made->fds[i], error);
    if (code != OK) {
        input_close(made);
        return code;
    }
    *input = made;
    return OK;
}

enum error_code input_open(const char *dir, struct input **input, struct error *error)
{
    char path[PATH_BYTES];
    int len = snprintf(path, sizeof(path), "%s/" INPUT_DIRECTORY, dir);
    enum error_code code = len < 0 || len >= PATH_BYTES
                               ? error_set(error, ERROR_INVALID, "data directory: the path is too long")
                               : open_parts(path, input, error);
    return code == ERROR_NOT_FOUND ? open_parts(dir, input, error) : code;
}

void input_close(struct input *input)
{
    if (!input)
        return;
    for (size_t i = 0; i < PART_FILES; i++)
        if (input->fds[i] >= 0)
            close(input->fds[i]);
    arena_deinit(&input->arena);
    mem_free(input);
}

uint64_t input_total(const struct input *input)
{
    return input->total;
}

const struct input_file *input_files(const struct input *input, size_t *count)
{
    *count = input->file_count;
    return input->files;
}

static enum error_code read_entry(struct input *input, uint64_t number, struct entry *entry, struct error *error)
{
    uint8_t bytes[ENTRY_LEN];
    enum error_code code = file_read_at(input->fds[PART_INDEX], bytes, sizeof(bytes), number * ENTRY_LEN,
                                        input->paths.of[PART_INDEX], error);
    if (code != OK)
        return code;
    memcpy(&entry->offset, bytes, 8);
    memcpy(&entry->len, bytes + 8, 4);
    memcpy(&entry->line, bytes + 12, 4);
    memcpy(&entry->file, bytes + 16, 4);
    memcpy(&entry->flags, bytes + 20, 4);
    *entry = (struct entry){le64toh(entry->offset), le32toh(entry->len), le32toh(entry->line), le32toh(entry->file),
                            le32toh(entry->flags)};
    return OK;
}

const struct str *input_models(const struct input *input, size_t *count)
{
    *count = input->model_count;
    return input->models;
}

enum error_code input_model(struct input *input, uint64_t number, unsigned *model, struct error *error)
{
    struct entry entry;
    const enum error_code code = read_entry(input, number, &entry, error);
    *model = code == OK ? entry.flags >> MODEL_SHIFT : 0;
    return code;
}

enum error_code input_read(struct input *input, uint64_t number, struct buf *line, bool *is_json, struct error *error)
{
    struct entry entry;
    enum error_code code = read_entry(input, number, &entry, error);
    buf_clear(line);
    if (is_json)
        *is_json = code == OK && (entry.flags & FLAG_JSON) != 0;
    if (code != OK)
        return code;
    if (entry.flags & FLAG_TOO_LONG)
        return error_set(error, ERROR_INVALID, "The line is longer than %llu bytes",
                         (unsigned long long)limit(batch_record_bytes));
    if (!buf_reserve(line, entry.len))
        return error_no_memory(error);
    code = file_read_at(input->fds[PART_INPUT], line->data, entry.len, entry.offset, input->paths.of[PART_INPUT],
                        error);
    line->len = code == OK ? entry.len : 0;
    return code;
}

void input_describe(struct input *input, uint64_t number, struct buf *out)
{
    struct entry entry;
    struct error ignored;
    if (read_entry(input, number, &entry, &ignored) == OK && entry.file < input->file_count)
        buf_appendf(out, STR_FMT ", line %u", STR_ARG(input->files[entry.file].name), entry.line);
}

enum error_code input_at(struct input *input, uint64_t at, uint64_t *number, struct error *error)
{
    bool is_there = at >= input->window_at && at - input->window_at < input->window_len;
    if (!is_there) {
        uint64_t left = input->total - at;
        size_t count = left < WINDOW ? (size_t)left : WINDOW;
        enum error_code code = file_read_at(input->fds[PART_ORDER], input->window, count * sizeof(uint32_t),
                                            at * sizeof(uint32_t), input->paths.of[PART_ORDER], error);
        if (code != OK)
            return code;
        input->window_at = at;
        input->window_len = count;
    }
    *number = le32toh(input->window[at - input->window_at]);
    return OK;
}

/* --- writing ---------------------------------------------------------------------------------------- */

struct input_writer {
    struct paths paths;
    struct file_writer lines, index;
    struct order *order;
    struct buf files, models; /* the lists so far */
    uint64_t total, file_total;
    uint32_t file_count;
};

enum error_code input_writer_new(const char *dir, struct input_writer **writer, struct error *error)
{
    struct input_writer *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->lines.fd = made->index.fd = -1;
    buf_init(&made->files, FILES_BYTES_MAX);
    buf_init(&made->models, FILES_BYTES_MAX);
    buf_append_text(&made->files, "{\"files\":[");
    enum error_code code = make_paths(dir, &made->paths, error);
    if (code == OK)
        code = file_writer_open(&made->lines, made->paths.of[PART_INPUT], error);
    if (code == OK)
        code = file_writer_open(&made->index, made->paths.of[PART_INDEX], error);
    if (code == OK)
        code = order_new(made->paths.of[PART_ORDER], &made->order, error);
    if (code != OK) {
        input_writer_free(made);
        return code;
    }
    *writer = made;
    return OK;
}

void input_writer_free(struct input_writer *writer)
{
    struct error ignored;
    if (!writer)
        return;
    (void)!file_writer_close(&writer->lines, ERROR_CANCELLED, &ignored);
    (void)!file_writer_close(&writer->index, ERROR_CANCELLED, &ignored);
    order_free(writer->order);
    buf_deinit(&writer->files);
    buf_deinit(&writer->models);
    mem_free(writer);
}

static void end_file(struct input_writer *writer)
{
    if (writer->file_count > 0)
        buf_appendf(&writer->files, ",\"records\":%llu}", (unsigned long long)writer->file_total);
    writer->file_total = 0;
}

enum error_code input_writer_file(struct input_writer *writer, struct str name, struct error *error)
{
    end_file(writer);
    buf_append_text(&writer->files, writer->file_count++ ? ",{\"name\":" : "{\"name\":");
    return buf_append_json(&writer->files, name) ? OK : error_no_memory(error);
}

enum error_code input_writer_model(struct input_writer *writer, struct str name, struct error *error)
{
    if (writer->models.len > 0)
        buf_append_char(&writer->models, ',');
    return buf_append_json(&writer->models, name) ? OK : error_no_memory(error);
}

enum error_code input_writer_record(struct input_writer *writer, const struct line *line, bool is_json, unsigned model,
                                    const struct order_key *key, struct error *error)
{
    struct str text = line->is_too_long ? STR("") : line->text;
    const uint64_t offset = htole64(writer->lines.offset);
    const uint32_t flags = (line->is_too_long ? FLAG_TOO_LONG : 0) | (is_json ? FLAG_JSON : 0) | model << MODEL_SHIFT;
    const uint32_t numbers[] = {htole32((uint32_t)text.len), htole32((uint32_t)line->number),
                                htole32(writer->file_count - 1), htole32(flags)};
    uint8_t bytes[ENTRY_LEN];
    memcpy(bytes, &offset, 8);
    memcpy(bytes + 8, numbers, sizeof(numbers));
    enum error_code code = file_writer_put(&writer->lines, text.data, text.len, error);
    if (code == OK)
        code = file_writer_put(&writer->lines, "\n", 1, error);
    if (code == OK)
        code = file_writer_put(&writer->index, bytes, sizeof(bytes), error);
    if (code == OK)
        code = order_add(writer->order, key, error);
    writer->total++;
    writer->file_total++;
    return code;
}

uint64_t input_writer_total(const struct input_writer *writer)
{
    return writer->total;
}

/* Written aside and renamed, so that it is there only whole. */
static enum error_code write_files(struct input_writer *writer, struct error *error)
{
    char path[PATH_BYTES + 8];
    struct file_writer out;
    end_file(writer);
    buf_append_text(&writer->files, "],\"models\":[");
    buf_append_str(&writer->files, buf_str(&writer->models));
    if (!buf_append_text(&writer->files, "]}") || writer->models.failed)
        return error_no_memory(error);
    (void)snprintf(path, sizeof(path), "%s.new", writer->paths.of[PART_FILES]);
    enum error_code code = file_writer_open(&out, path, error);
    if (code != OK)
        return code;
    code = file_writer_put(&out, writer->files.data, writer->files.len, error);
    code = file_writer_close(&out, code, error);
    if (code == OK && io_renameat(AT_FDCWD, path, AT_FDCWD, writer->paths.of[PART_FILES]))
        code = error_set_errno(error, ERROR_IO, errno, "cannot rename %s", path);
    return code;
}

enum error_code input_writer_finish(struct input_writer *writer, struct error *error)
{
    enum error_code code = file_writer_close(&writer->lines, OK, error);
    code = file_writer_close(&writer->index, code, error);
    if (code == OK)
        code = order_finish(writer->order, error);
    return code == OK ? write_files(writer, error) : code;
}
