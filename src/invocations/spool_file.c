/* spool_file.c - names, headers and bytes of the spool's files. Which there are is spool.c's. See spool_file.h. */
#include "invocations/spool_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/file.h"
#include "core/io.h"
#include "core/json.h"
#include "core/util.h"
#include "store/objects.h"

/* PREFIX/ROOT/ACCOUNT/FOLDER/REGION/ and at most KEY_TAIL bytes more. */
#define ROOT "AWSLogs"
#define FOLDER "BedrockModelInvocationLogs"
#define KEY_TAIL 96

/* --- names and keys --------------------------------------------------------------------------------- */

void spool_file_name(char name[SPOOL_NAME_BYTES], uint64_t number, const char *kind)
{
    snprintf(name, SPOOL_NAME_BYTES, "%016llx.%s", (unsigned long long)number, kind);
}

const char *spool_file_kind(bool is_body)
{
    return is_body ? "body" : "records";
}

bool spool_append_base(struct buf *out, const struct settings *settings)
{
    buf_append_str(out, settings->prefix);
    buf_append_text(out, ROOT "/");
    buf_append_str(out, settings->account);
    buf_append_text(out, "/" FOLDER "/");
    buf_append_str(out, settings->region);
    return buf_append_char(out, '/');
}

size_t spool_prefix_max(struct str account, struct str region)
{
    return OBJECTS_KEY_MAX - KEY_TAIL - strlen(ROOT "//" FOLDER "//") - account.len - region.len;
}

/* ...YYYY/MM/DD/HH/ */
static bool append_hour(struct buf *out, const struct settings *settings, const struct tm *time)
{
    spool_append_base(out, settings);
    return buf_appendf(out, "%04d/%02d/%02d/%02d/", time->tm_year + 1900, time->tm_mon + 1, time->tm_mday,
                       time->tm_hour);
}

static void split_time(uint64_t wall_us, struct tm *time)
{
    const time_t seconds = (time_t)(wall_us / 1000000);
    gmtime_r(&seconds, time);
}

bool spool_append_body_key(struct buf *out, const struct settings *settings, uint64_t wall_us, struct str name)
{
    struct tm time;
    split_time(wall_us, &time);
    append_hour(out, settings, &time);
    buf_append_text(out, "data/");
    buf_append_str(out, name);
    return buf_append_text(out, ".json.gz");
}

bool spool_append_batch_key(struct buf *out, const struct settings *settings)
{
    const uint64_t wall_us = clock_wall_us();
    uint8_t noise[8];
    char digits[2 * sizeof(noise) + 1];
    struct tm time;
    split_time(wall_us, &time);
    random_bytes(noise, sizeof(noise));
    hex_encode(noise, sizeof(noise), digits);
    append_hour(out, settings, &time);
    return buf_appendf(out, "%04d%02d%02dT%02d%02d%02d%03uZ_%s.json.gz", time.tm_year + 1900, time.tm_mon + 1,
                       time.tm_mday, time.tm_hour, time.tm_min, time.tm_sec, (unsigned)(wall_us / 1000 % 1000), digits);
}

/* --- headers ---------------------------------------------------------------------------------------- */

bool spool_append_header(struct buf *out, const struct settings *settings, struct str key)
{
    const struct {
        const char *name;
        struct str value;
    } members[] = {{"tenant", settings->tenant}, {"account", settings->account}, {"region", settings->region},
                   {"bucket", settings->bucket}, {"prefix", settings->prefix},   {"key", key}};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        buf_appendf(out, "%c\"%s\":", i ? ',' : '{', members[i].name);
        buf_append_json(out, members[i].value);
    }
    return buf_append_text(out, "}\n");
}

static enum error_code parse_header(struct str text, struct arena *arena, struct spool_header *header,
                                    struct error *error)
{
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse(text, &doc, error);
    if (code != OK)
        return code;
    yyjson_val *root = yyjson_doc_get_root(doc);
    const char *const names[] = {"tenant", "account", "region", "bucket", "prefix", "key"};
    struct str *const values[] = {&header->tenant, &header->account, &header->region,
                                  &header->bucket, &header->prefix,  &header->key};
    for (size_t i = 0; code == OK && i < sizeof(names) / sizeof(names[0]); i++) {
        yyjson_val *value = yyjson_obj_get(root, names[i]);
        if (!yyjson_is_str(value))
            code = error_set(error, ERROR_INVALID, "its header has no %s", names[i]);
        else if (!arena_str(arena, json_str(value), values[i]))
            code = error_no_memory(error);
    }
    json_free(doc);
    return code;
}

enum error_code spool_read_header(int fd, struct arena *arena, struct spool_header *header, uint64_t *offset,
                                   struct error *error)
{
    char *text = mem_alloc(SPOOL_HEADER_MAX);
    if (!text)
        return error_no_memory(error);
    const ssize_t got = io_pread(fd, text, SPOOL_HEADER_MAX, 0);
    const char *end = got > 0 ? memchr(text, '\n', (size_t)got) : NULL;
    enum error_code code = end ? parse_header((struct str){text, (size_t)(end - text)}, arena, header, error)
                               : error_set(error, got < 0 ? ERROR_IO : ERROR_INVALID, "it has no header");
    *offset = end ? (uint64_t)(end - text) + 1 : 0;
    mem_free(text);
    return code;
}

/* --- bytes ------------------------------------------------------------------------------------------ */

enum error_code spool_cannot_write(const char *name, struct error *error)
{
    return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot write " SPOOL_FOLDER "/%s", name);
}

enum error_code spool_append_file(int dir, const char *name, int flags, uint64_t at, struct str first,
                                   struct str rest, struct error *error)
{
    const int fd = io_openat(dir, name, O_WRONLY | O_CLOEXEC | flags, 0600);
    if (fd < 0)
        return spool_cannot_write(name, error);
    enum error_code code = OK;
    if (!io_write_at(fd, first.data, first.len, at) || !io_write_at(fd, rest.data, rest.len, at + first.len)) {
        code = spool_cannot_write(name, error);
        (void)!ftruncate(fd, (off_t)at);
    }
    close(fd);
    return code;
}

uint64_t spool_trim(int fd, uint64_t size)
{
    uint64_t whole;
    if (!file_whole_lines(fd, size, &whole))
        return 0;
    return whole == size || ftruncate(fd, (off_t)whole) == 0 ? whole : 0;
}
