/* source.c - see source.h. Understands no log. */
#include "advise/source.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "advise/body.h"
#include "advise/moment.h"
#include "advise/table_text.h"
#include "core/limits.h"

#define CHUNK_BYTES (256u << 10)
#define LEDGER_FILE "ledger.db"
#define LOGS_FOLDER "/BedrockModelInvocationLogs/"
#define OBJECTS_FOLDER "/objects/"

/* One file on its way. */
struct reader {
    const struct source_sink *sink;
    const char *root, *path; /* NULL: none */
    bool has_buckets; /* the root is a server's data, of which some buckets alone may be read */
    gzFile file;             /* NULL: `text` is all there is */
    struct buf text;         /* what is read and not yet used from `at` on */
    size_t at;
    bool is_over;            /* nothing comes behind `text` */
    struct arena arena;      /* of one value */
    struct shape_bodies bodies;
    struct str *columns;     /* of a table */
    size_t column_count;
    struct arena head;       /* holds them */
};

/* --- bytes ------------------------------------------------------------------------------------------- */

/* Reads on, after making room by dropping what was used. */
static void read_on(struct reader *reader)
{
    if (reader->is_over)
        return;
    buf_consume(&reader->text, reader->at);
    reader->at = 0;
    if (!buf_reserve(&reader->text, CHUNK_BYTES)) {
        reader->is_over = true;
        reader->sink->flaw(reader->sink->ctx, ADVISE_TOO_LONG);
        return;
    }
    const int got = gzread(reader->file, reader->text.data + reader->text.len, CHUNK_BYTES);
    int status = Z_OK;
    if (got > 0)
        reader->text.len += (size_t)got;
    if (got < (int)CHUNK_BYTES)
        (void)gzerror(reader->file, &status);
    if (got < 0 || (got == 0 && status == Z_BUF_ERROR))
        reader->sink->flaw(reader->sink->ctx, ADVISE_CUT_SHORT);
    reader->is_over = got <= 0;
}

static struct str rest_of(const struct reader *reader)
{
    return str_slice(buf_str(&reader->text), reader->at, reader->text.len);
}

/* --- bodies beside their record ----------------------------------------------------------------------- */

static yyjson_val *read_body(const char *path, struct arena *arena)
{
    struct buf text;
    struct str copy = {NULL, 0};
    gzFile file = gzopen(path, "rb");
    if (!file)
        return NULL;
    buf_init(&text, LIMIT_ADVISE_BODY_BYTES);
    int got = 1;
    while (got > 0 && buf_reserve(&text, CHUNK_BYTES)) {
        got = gzread(file, text.data + text.len, CHUNK_BYTES);
        text.len += got > 0 ? (size_t)got : 0;
    }
    (void)gzclose_r(file);
    const bool is_read = !text.failed && got == 0 && arena_str(arena, buf_str(&text), &copy);
    buf_deinit(&text);
    return is_read ? body_parse(copy, arena) : NULL;
}

/* KEY below FOLDER, then what is left of the key without its first folder, and so on. */
static yyjson_val *find_below(struct str folder, struct str key, struct arena *arena)
{
    while (key.len > 0) {
        char path[PATH_MAX];
        const int len = snprintf(path, sizeof(path), STR_FMT "/" STR_FMT, STR_ARG(folder), STR_ARG(key));
        struct stat status;
        if (len > 0 && (size_t)len < sizeof(path) && stat(path, &status) == 0 && S_ISREG(status.st_mode))
            return read_body(path, arena);
        const ptrdiff_t slash = str_find_char(key, '/', 0);
        key = slash < 0 ? (struct str){NULL, 0} : str_slice(key, (size_t)slash + 1, key.len);
    }
    return NULL;
}

/* The key of s3://BUCKET/KEY; empty where it leads out of the folder. */
static struct str key_of(struct str uri)
{
    const ptrdiff_t slash = str_starts(uri, STR("s3://")) ? str_find_char(uri, '/', 5) : -1;
    const struct str key = slash < 0 ? (struct str){NULL, 0} : str_slice(uri, (size_t)slash + 1, uri.len);
    return str_find(key, STR(".."), 0) >= 0 || memchr(key.data ? key.data : "", '\0', key.len) ? (struct str){NULL, 0}
                                                                                              : key;
}

/* Where its URI says, and nowhere else: who writes a log chooses the URI. */
static yyjson_val *find_in_bucket(const struct reader *reader, struct str uri, struct str key, struct arena *arena)
{
    char path[PATH_MAX];
    const struct str bucket = str_slice(uri, strlen("s3://"), uri.len - key.len - 1);
    const int len = snprintf(path, sizeof(path), "%s" OBJECTS_FOLDER STR_FMT "/" STR_FMT, reader->root,
                             STR_ARG(bucket), STR_ARG(key));
    struct stat status;
    const bool is_there = len > 0 && (size_t)len < sizeof(path) && stat(path, &status) == 0 &&
                          S_ISREG(status.st_mode);
    return is_there && reader->sink->bucket(reader->sink->ctx, reader->root, bucket) ? read_body(path, arena) : NULL;
}

static yyjson_val *find_body(void *ctx, struct str uri, struct arena *arena)
{
    const struct reader *reader = ctx;
    const struct str key = key_of(uri), path = str_of(reader->path);
    size_t end = path.len;
    if (!reader->path || key.len == 0)
        return NULL;
    if (reader->has_buckets)
        return find_in_bucket(reader, uri, key, arena);
    while (end > 0 && path.data[end - 1] != '/')
        end--;
    const struct str folder = end > 1 ? str_slice(path, 0, end - 1) : end == 1 ? STR("/.") : STR(".");
    yyjson_val *body = find_below(folder, key, arena);
    return body || !reader->root ? body : find_below(str_of(reader->root), key, arena);
}

/* --- values ------------------------------------------------------------------------------------------ */

/* Without the time that log exports put before each line. */
static struct str without_time(struct str line)
{
    uint64_t us;
    const ptrdiff_t open = *line.data == '{' ? -1 : str_find_char(line, '{', 0);
    const bool has_time = open > 0 && moment_read(str_slice(line, 0, (size_t)open), &us);
    return has_time ? str_slice(line, (size_t)open, line.len) : line;
}

static bool take_value(struct reader *reader, struct str text)
{
    yyjson_val *value = body_parse(without_time(text), &reader->arena);
    bool goes_on = true;
    if (value)
        goes_on = reader->sink->value(reader->sink->ctx, value, &reader->bodies, &reader->arena);
    else
        reader->sink->flaw(reader->sink->ctx, ADVISE_NOT_JSON);
    arena_reset(&reader->arena);
    return goes_on;
}

static void tell_progress(struct reader *reader)
{
    const z_off_t offset = reader->file ? gzoffset(reader->file) : 0;
    if (reader->sink->progress && offset > 0)
        reader->sink->progress(reader->sink->ctx, (uint64_t)offset);
}

/* Lines, each a value of its own. */
static bool read_lines(struct reader *reader)
{
    size_t seen = 0;
    for (;;) {
        const struct str rest = rest_of(reader);
        const ptrdiff_t end = str_find_char(rest, '\n', seen);
        if (end < 0 && !reader->is_over) {
            seen = rest.len;
            read_on(reader);
            tell_progress(reader);
            continue;
        }
        const struct str line = str_trim(str_slice(rest, 0, end < 0 ? rest.len : (size_t)end));
        if (line.len > 0 && !take_value(reader, line))
            return false;
        if (end < 0)
            return true;
        reader->at += (size_t)end + 1;
        seen = 0;
    }
}

/* The object that begins at the text's start: its end. 0: the text ends before. */
static size_t object_end(struct str text, size_t *at, size_t *depth, bool *is_inside)
{
    for (; *at < text.len; ++*at) {
        const char c = text.data[*at];
        if (*is_inside) {
            if (c == '\\' && *at + 1 == text.len)
                return 0;
            *at += c == '\\';
            *is_inside = c != '"';
        } else if (c == '"') {
            *is_inside = true;
        } else if (c == '{' || c == '[') {
            ++*depth;
        } else if (c == '}' || c == ']') {
            if (--*depth == 0)
                return *at + 1;
        }
    }
    return 0;
}

/* To the next object; what stands between two is the list's own. */
static bool find_object(struct reader *reader)
{
    for (;;) {
        const struct str rest = rest_of(reader);
        const ptrdiff_t open = str_find_char(rest, '{', 0);
        reader->at += open < 0 ? rest.len : (size_t)open;
        if (open >= 0)
            return true;
        if (reader->is_over)
            return false;
        read_on(reader);
    }
}

/* Values that follow each other, whatever their lines. */
static bool read_values(struct reader *reader)
{
    while (find_object(reader)) {
        size_t at = 0, depth = 0, end;
        bool is_inside = false;
        while ((end = object_end(rest_of(reader), &at, &depth, &is_inside)) == 0 && !reader->is_over)
            read_on(reader);
        tell_progress(reader);
        const struct str text = rest_of(reader);
        if (!take_value(reader, end ? str_slice(text, 0, end) : text))
            return false;
        reader->at += end ? end : text.len;
    }
    return true;
}

/* --- tables ------------------------------------------------------------------------------------------ */

static bool keep_columns(struct reader *reader, const struct table_row *row)
{
    reader->columns = ARENA_ARRAY(&reader->head, struct str, row->count + 1);
    reader->column_count = row->count;
    for (size_t i = 0; i < row->count; i++)
        if (!reader->columns || !arena_str(&reader->head, str_trim(row->cells[i]), &reader->columns[i]))
            return false;
    return true;
}

static bool take_row(struct reader *reader, const struct table_row *row)
{
    struct shape_field fields[LIMIT_ADVISE_TABLE_COLUMNS];
    if (row->count == 1 && row->cells[0].len == 0)
        return true;
    if (!reader->columns)
        return keep_columns(reader, row);
    if (row->count != reader->column_count) {
        reader->sink->flaw(reader->sink->ctx, ADVISE_BAD_FIELD);
        return true;
    }
    for (size_t i = 0; i < row->count; i++)
        fields[i] = (struct shape_field){reader->columns[i], row->cells[i]};
    return reader->sink->fields(reader->sink->ctx, fields, row->count, &reader->arena);
}

static bool read_table(struct reader *reader)
{
    struct table_row row;
    while (rest_of(reader).len > 0 || !reader->is_over) {
        struct str rest = rest_of(reader);
        const enum table_take take = table_take_row(&rest, reader->is_over, &reader->arena, &row);
        if (take == TABLE_MORE) {
            read_on(reader);
            tell_progress(reader);
            continue;
        }
        if (take == TABLE_BAD)
            reader->sink->flaw(reader->sink->ctx, ADVISE_BAD_FIELD);
        else if (!take_row(reader, &row))
            return false;
        reader->at = reader->text.len - rest.len;
        arena_reset(&reader->arena);
    }
    return true;
}

/* --- which of the three ------------------------------------------------------------------------------- */

static bool is_table(struct reader *reader, struct str line)
{
    struct table_row row;
    struct str copy = line;
    const bool is_row = table_take_row(&copy, true, &reader->arena, &row) == TABLE_ROW;
    const bool is_known = is_row && shape_knows_columns(row.cells, row.count);
    arena_reset(&reader->arena);
    return is_known;
}

/* A byte order mark and empty lines stand before nothing. */
static struct str first_line(struct reader *reader)
{
    struct str line = {NULL, 0};
    for (;;) {
        struct str rest = rest_of(reader);
        if (str_starts(rest, STR("\xef\xbb\xbf")))
            reader->at += 3;
        rest = rest_of(reader);
        const ptrdiff_t end = str_find_char(rest, '\n', 0);
        if (end < 0 && !reader->is_over) {
            read_on(reader);
            continue;
        }
        line = str_trim(str_slice(rest, 0, end < 0 ? rest.len : (size_t)end));
        if (line.len > 0 || end < 0)
            return line;
        reader->at += (size_t)end + 1;
    }
}

static bool read_all(struct reader *reader)
{
    const struct str line = first_line(reader);
    if (line.len == 0)
        return true;
    if (*line.data == '[' || str_eq(line, STR("{")))
        return read_values(reader);
    if (*line.data != '{' && is_table(reader, line))
        return read_table(reader);
    return read_lines(reader);
}

static bool run(struct reader *reader)
{
    reader->bodies = (struct shape_bodies){find_body, reader};
    arena_init(&reader->arena, 0);
    arena_init(&reader->head, 0);
    const bool goes_on = read_all(reader);
    arena_deinit(&reader->arena);
    arena_deinit(&reader->head);
    return goes_on;
}

bool source_read_text(struct str text, const struct source_sink *sink)
{
    struct reader reader = {.sink = sink, .is_over = true};
    buf_init(&reader.text, text.len + 1);
    const bool goes_on = buf_append_str(&reader.text, text) && run(&reader);
    buf_deinit(&reader.text);
    return goes_on;
}

/* --- files and folders -------------------------------------------------------------------------------- */

static bool read_open(int fd, const char *root, bool has_buckets, const char *path, const struct source_sink *sink)
{
    struct reader reader = {
        .sink = sink, .root = root, .has_buckets = has_buckets, .path = path, .file = gzdopen(fd, "rb")};
    if (!reader.file) {
        (void)close(fd);
        return false;
    }
    (void)gzbuffer(reader.file, CHUNK_BYTES);
    buf_init(&reader.text, LIMIT_ADVISE_LINE_BYTES + 2 * CHUNK_BYTES);
    const bool goes_on = run(&reader);
    buf_deinit(&reader.text);
    (void)gzclose_r(reader.file);
    return goes_on;
}

static bool read_path(const char *root, bool has_buckets, const char *path, const struct source_sink *sink)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        return read_open(fd, root, has_buckets, path, sink);
    sink->flaw(sink->ctx, ADVISE_NO_FILE);
    return true;
}

/* Whether a file of a folder may be a log, by its name; bodies that records name are none. */
static bool is_log_name(struct str name)
{
    static const char *const ends[] = {".json", ".jsonl", ".ndjson", ".log", ".csv", ".out", ".txt"};
    if (str_ends(name, STR(".gz")))
        name = str_slice(name, 0, name.len - 3);
    if (str_ends(name, STR("_input.json")) || str_ends(name, STR("_output.json")) ||
        str_starts(name, STR("manifest.json")) || str_starts(name, STR(".")))
        return false;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (str_ends(name, str_of(ends[i])))
            return true;
    return false;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Files below a folder, in the order of their names. `each` false: end. */
static bool walk(const char *root, bool (*each)(void *ctx, const FTSENT *entry), void *ctx)
{
    char *const roots[] = {(char *)(uintptr_t)root, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
    FTSENT *entry;
    bool goes_on = true;
    if (!tree)
        return false;
    while (goes_on && (entry = fts_read(tree))) {
        const bool is_hidden = entry->fts_level > 0 && entry->fts_name[0] == '.';
        if (entry->fts_info == FTS_D && (is_hidden || entry->fts_level > LIMIT_ADVISE_FOLDERS))
            (void)fts_set(tree, entry, FTS_SKIP);
        if (entry->fts_info == FTS_F && is_log_name(str_of(entry->fts_name)))
            goes_on = each(ctx, entry);
    }
    (void)fts_close(tree);
    return goes_on;
}

struct walk_read {
    const char *root;
    const struct source_sink *sink;
    bool is_data; /* of a server: what is no log in it, its ledger has already */
};

/* Of DATA/objects/BUCKET/...: whether this bucket may be read. */
static bool is_wanted(const struct walk_read *walking, struct str path)
{
    size_t root = strlen(walking->root);
    while (root > 0 && path.data[root - 1] == '/')
        root--;
    const struct str below = str_slice(path, root, path.len);
    if (!str_starts(below, STR(OBJECTS_FOLDER)))
        return false;
    const struct str object = str_slice(below, strlen(OBJECTS_FOLDER), below.len);
    const ptrdiff_t slash = str_find_char(object, '/', 0);
    return slash > 0 && walking->sink->bucket(walking->sink->ctx, walking->root, str_slice(object, 0, (size_t)slash));
}

static bool read_entry(void *ctx, const FTSENT *entry)
{
    const struct walk_read *walking = ctx;
    const bool has_buckets = walking->is_data && walking->sink->bucket;
    if (walking->is_data && !strstr(entry->fts_path, LOGS_FOLDER))
        return true;
    if (has_buckets && !is_wanted(walking, str_of(entry->fts_path)))
        return true;
    return read_path(walking->root, has_buckets, entry->fts_path, walking->sink);
}

static bool add_bytes(void *ctx, const FTSENT *entry)
{
    *(uint64_t *)ctx += (uint64_t)entry->fts_statp->st_size;
    return true;
}

static bool has_ledger(const char *folder)
{
    char path[PATH_MAX];
    const int len = snprintf(path, sizeof(path), "%s/" LEDGER_FILE, folder);
    return len > 0 && (size_t)len < sizeof(path) && access(path, F_OK) == 0;
}

/* Of DATA/ledger.db: DATA. */
static bool data_of(const char *path, char folder[PATH_MAX])
{
    const struct str name = str_of(path);
    if (!str_eq(name, STR(LEDGER_FILE)) && !str_ends(name, STR("/" LEDGER_FILE)))
        return false;
    const int len = (int)(name.len - strlen(LEDGER_FILE));
    return snprintf(folder, PATH_MAX, "%.*s.", len, path) < PATH_MAX;
}

enum error_code source_read(const char *path, const struct source_sink *sink, struct error *error)
{
    struct stat status;
    char folder[PATH_MAX];
    bool goes_on = true;
    if (strcmp(path, "-") == 0) {
        const int fd = dup(STDIN_FILENO);
        goes_on = fd >= 0 && read_open(fd, NULL, false, NULL, sink);
    } else if (stat(path, &status) != 0) {
        return error_set_errno(error, ERROR_NOT_FOUND, errno, "%s", path);
    } else if (data_of(path, folder)) {
        goes_on = sink->ledger(sink->ctx, folder);
    } else if (S_ISDIR(status.st_mode)) {
        const struct walk_read walking = {path, sink, has_ledger(path)};
        goes_on = (!walking.is_data || sink->ledger(sink->ctx, path)) &&
                  walk(path, read_entry, (void *)(uintptr_t)&walking);
    } else {
        goes_on = read_path(NULL, false, path, sink);
    }
    return goes_on ? OK : error_no_memory(error);
}

uint64_t source_bytes(const char *path)
{
    struct stat status;
    uint64_t bytes = 0;
    if (strcmp(path, "-") == 0 || stat(path, &status) != 0)
        return 0;
    if (S_ISREG(status.st_mode))
        return (uint64_t)status.st_size;
    (void)walk(path, add_bytes, &bytes);
    return bytes;
}
