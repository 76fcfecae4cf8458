/* labels.c - see labels.h. */
#include "route/labels.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/io.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/util.h"
#include "route/features.h"

#define CRC_HEAD ",\"crc\":\""
#define CRC_TAIL "\"}"
#define CRC_DIGITS 8
#define CRC_BYTES (sizeof(CRC_HEAD) - 1 + CRC_DIGITS + sizeof(CRC_TAIL) - 1)

/* --- a line ------------------------------------------------------------------------------------------ */

static void append_numbers(struct buf *out, const char *name, const struct label *label, size_t offset)
{
    bool is_first = true;
    buf_appendf(out, ",\"%s\":{", name);
    for (size_t i = 0; i < label->count; i++) {
        double value;
        memcpy(&value, (const char *)&label->models[i] + offset, sizeof(value));
        if (isnan(value))
            continue;
        buf_append_text(out, is_first ? "" : ",");
        is_first = false;
        buf_append_json(out, label->models[i].name);
        buf_appendf(out, ":%.9g", value);
    }
    buf_append_char(out, '}');
}

bool label_write(const struct label *label, struct buf *out)
{
    char time[TIMESTAMP_LEN + 1];
    const size_t from = out->len;
    clock_iso8601(label->time_us, time);
    buf_append_text(out, "{\"id\":");
    buf_append_json(out, label->request_id);
    json_append_member(out, "time", str_of(time));
    json_append_member(out, "router", label->router);
    json_append_member(out, "tenant", label->tenant);
    buf_appendf(out, ",\"group\":\"%016llx\"", (unsigned long long)label->group);
    append_numbers(out, "quality", label, offsetof(struct label_model, quality));
    append_numbers(out, "cost", label, offsetof(struct label_model, cost));
    append_numbers(out, "confidence", label, offsetof(struct label_model, confidence));
    append_numbers(out, "predicted", label, offsetof(struct label_model, predicted));
    buf_appendf(out, ",\"predictor\":\"%016llx\"", (unsigned long long)label->predictor);
    json_append_member(out, "reference", label->reference);
    json_append_member(out, "answered", label->answered);
    json_append_member(out, "by", str_of(label->by));
    buf_append_text(out, ",\"features\":");
    features_append_json(out, label->features);
    if (label->prompt.data)
        json_append_member(out, "prompt", label->prompt);
    if (label->prompt.data && label->system.len > 0)
        json_append_member(out, "system", label->system);
    if (!out->failed)
        buf_appendf(out, CRC_HEAD "%08x" CRC_TAIL "\n", crc32_ieee(0, out->data + from, out->len - from));
    return !out->failed;
}

/* Whether a line is what was written; one without a checksum is taken as it is. */
static bool is_whole(struct str line)
{
    uint32_t crc;
    uint8_t bytes[CRC_DIGITS / 2];
    if (line.len < CRC_BYTES)
        return true;
    const struct str tail = str_slice(line, line.len - CRC_BYTES, line.len);
    const struct str digits = str_slice(tail, sizeof(CRC_HEAD) - 1, sizeof(CRC_HEAD) - 1 + CRC_DIGITS);
    if (!str_starts(tail, STR(CRC_HEAD)))
        return str_find(line, STR(CRC_HEAD), 0) < 0;
    if (!str_ends(tail, STR(CRC_TAIL)) || !hex_decode(digits, bytes, sizeof(bytes)))
        return false;
    crc = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return crc == crc32_ieee(0, line.data, line.len - CRC_BYTES);
}

/* --- features ---------------------------------------------------------------------------------------- */

/* The numbers of a text of many kinds: whatever changes in the rules changes some of them. */
uint32_t features_mark(void)
{
    static const char text[] = "What's the price of 2 boxes (12.50 each)? Compare \"A\" with B; then:\n- one\n- two\n"
                               "```int x = 7;```\n\xc2\xbf" "Cu\xc3\xa1l es? \xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x9f "
                               "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82! {\"json\": [1, 2]}";
    const struct route_prompt prompt = {.user = {{STR(text)}, 1, sizeof(text) - 1},
                                        .system = {{STR("Answer in one word.")}, 1, 19},
                                        .turns = 1, .tools = 2, .documents = 1};
    static _Atomic uint32_t known;
    uint32_t mark = atomic_load(&known);
    struct features *features = mark ? NULL : mem_calloc(1, sizeof(*features));
    if (!features)
        return mark;
    features_read(&prompt, features);
    mark = crc32_ieee(0, features->buckets, features->count * sizeof(features->buckets[0]));
    mark = crc32_ieee(mark, features->words, features->word_count * sizeof(features->words[0]));
    mark = crc32_ieee(mark, features->built, sizeof(features->built));
    mem_free(features);
    atomic_store(&known, mark);
    return mark;
}

void features_append_json(struct buf *out, const struct features *features)
{
    buf_appendf(out, "{\"mark\":\"%08x\",\"system\":%zu,\"buckets\":\"", features_mark(), features->system_words);
    buf_append_base64(out, features->buckets, features->count * sizeof(features->buckets[0]));
    buf_append_text(out, "\",\"words\":\"");
    buf_append_base64(out, features->words, features->word_count * sizeof(features->words[0]));
    buf_append_text(out, "\",\"built\":[");
    for (size_t i = 0; i < FEATURES_BUILT; i++)
        buf_appendf(out, "%s%.9g", i ? "," : "", (double)features->built[i]);
    buf_append_text(out, "]}");
}

/* Numbers of buckets, at most `max`. */
static bool read_buckets(yyjson_val *text, uint16_t *buckets, size_t max, size_t *count)
{
    struct buf bytes;
    buf_init(&bytes, max * sizeof(*buckets));
    const bool is_read =
        yyjson_is_str(text) && base64_decode(json_str(text), &bytes) && bytes.len % sizeof(*buckets) == 0;
    *count = bytes.len / sizeof(*buckets);
    if (is_read && bytes.len > 0)
        memcpy(buckets, bytes.data, bytes.len);
    buf_deinit(&bytes);
    return is_read;
}

bool features_read_json(yyjson_val *object, struct features *features)
{
    char mark[CRC_DIGITS + 1];
    size_t i, count;
    yyjson_val *number, *built = yyjson_obj_get(object, "built"), *system = yyjson_obj_get(object, "system");
    snprintf(mark, sizeof(mark), "%08x", features_mark());
    if (!str_eq(json_str(yyjson_obj_get(object, "mark")), str_of(mark)) || !yyjson_is_uint(system) ||
        yyjson_arr_size(built) != FEATURES_BUILT ||
        !read_buckets(yyjson_obj_get(object, "buckets"), features->buckets, FEATURES_MAX, &features->count) ||
        !read_buckets(yyjson_obj_get(object, "words"), features->words, FEATURES_WORDS, &features->word_count) ||
        yyjson_get_uint(system) > features->word_count)
        return false;
    features->system_words = yyjson_get_uint(system);
    yyjson_arr_foreach(built, i, count, number)
    {
        features->built[i] = (float)yyjson_get_num(number);
        if (!yyjson_is_num(number) || !isfinite(features->built[i]))
            return false;
    }
    return true;
}

/* --- files ------------------------------------------------------------------------------------------- */

enum error_code labels_path(const char *data, struct str router, char path[LABELS_PATH_MAX], struct error *error)
{
    const bool is_name = router.len > 0 && router.len <= 64 && !memchr(router.data, '/', router.len) &&
                         !str_eq(router, STR(".")) && !str_eq(router, STR(".."));
    const int len = snprintf(path, LABELS_PATH_MAX, "%s/routers/" STR_FMT "/labels", data, STR_ARG(router));
    if (!is_name)
        return error_set(error, ERROR_INVALID, "'%.*s' is not a router's name",
                         (int)(router.len > 64 ? 64 : router.len), router.data);
    return len < LABELS_PATH_MAX - 8 ? OK : error_set(error, ERROR_INVALID, "data directory: the path is too long");
}

/* The directories above the file, private as all of the data directory is. */
static enum error_code make_directories(const char *path, struct error *error)
{
    char partial[LABELS_PATH_MAX];
    snprintf(partial, sizeof(partial), "%s", path);
    char *last = strrchr(partial, '/');
    *last = '\0';
    char *above = strrchr(partial, '/');
    *above = '\0';
    if (mkdir(partial, 0700) && errno != EEXIST)
        return error_set_errno(error, ERROR_IO, errno, "cannot make %s", partial);
    *above = '/';
    return mkdir(partial, 0700) && errno != EEXIST ? error_set_errno(error, ERROR_IO, errno, "cannot make %s", partial)
                                                   : OK;
}

/* Beside the files, which are replaced: a lock on one of them would be of one that is gone. -1: errno says why. */
static int take_lock(const char *path)
{
    char file[LABELS_PATH_MAX + 8];
    snprintf(file, sizeof(file), "%s.lock", path);
    const int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    while (flock(fd, LOCK_EX) != 0) {
        const int reason = errno;
        if (reason == EINTR)
            continue;
        close(fd);
        errno = reason;
        return -1;
    }
    return fd;
}

static void older_name(const char *path, char older[LABELS_PATH_MAX + 8])
{
    snprintf(older, LABELS_PATH_MAX + 8, "%s.1", path);
}

/* What is behind the last line feed goes. */
static bool cut_torn(int fd, off_t size, size_t *cut)
{
    uint64_t end;
    if (!file_whole_lines(fd, (uint64_t)size, &end))
        return false;
    *cut = (size_t)size - (size_t)end;
    return *cut == 0 || ftruncate(fd, (off_t)end) == 0;
}

static bool append(const char *path, struct str line, struct labels_written *written)
{
    char older[LABELS_PATH_MAX + 8];
    struct stat stat;
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    bool is_done = fd >= 0 && fstat(fd, &stat) == 0 && cut_torn(fd, stat.st_size, &written->cut);
    if (is_done && (uint64_t)stat.st_size - written->cut + line.len > limit(router_label_bytes) && stat.st_size > 0) {
        older_name(path, older);
        close(fd);
        fd = rename(path, older) ? -1 : open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        is_done = written->is_begun_anew = fd >= 0;
    }
    is_done = is_done && io_write_all(fd, line.data, line.len);
    const int reason = errno;
    if (fd >= 0)
        close(fd);
    errno = reason;
    return is_done;
}

enum error_code labels_append(const char *path, struct str line, struct labels_written *written, struct error *error)
{
    *written = (struct labels_written){0};
    if (make_directories(path, error) != OK)
        return error->code;
    const int lock = take_lock(path);
    if (lock < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot lock %s", path);
    const bool is_done = append(path, line, written);
    const int reason = errno;
    close(lock);
    return is_done ? OK : error_set_errno(error, ERROR_IO, reason, "cannot write %s", path);
}

/* --- reading ----------------------------------------------------------------------------------------- */

/* Made by hand or not: nobody behind this can compute with other numbers. */
static enum error_code check_numbers(yyjson_val *root, const char *member, struct error *error)
{
    yyjson_val *object = yyjson_obj_get(root, member), *key, *value;
    size_t i, max;
    if (object && !yyjson_is_obj(object) && !yyjson_is_null(object))
        return error_set(error, ERROR_INVALID, "%s: expected an object, got %s", member, json_type_name(object));
    json_obj_foreach(object, i, max, key, value)
    {
        const double number = yyjson_get_num(value);
        if (!yyjson_is_null(value) && !yyjson_is_bool(value) &&
            !(yyjson_is_num(value) && number >= 0 && number <= 1))
            return error_set(error, ERROR_INVALID, "%s." STR_FMT ": expected a number from 0 to 1", member,
                             STR_ARG(str_slice(json_str(key), 0, str_utf8_valid_len(str_slice(json_str(key), 0, 64)))));
    }
    return OK;
}

static enum error_code check_time(yyjson_val *root, struct error *error)
{
    yyjson_val *member = yyjson_obj_get(root, "time");
    const struct str time = json_str(member);
    bool is_time = !member || yyjson_is_str(member);
    for (size_t i = 0; i < time.len; i++)
        is_time = is_time && memchr("0123456789-:.TZ", time.data[i], 15) != NULL;
    return is_time && time.len <= TIMESTAMP_LEN
               ? OK
               : error_set(error, ERROR_INVALID, "time: expected one like 2026-11-30T03:12:44.120Z");
}

static enum error_code check_label(yyjson_val *root, struct error *error)
{
    static const char *const members[] = {"quality", "confidence", "predicted"};
    enum error_code code = yyjson_is_obj(root) ? check_time(root, error)
                                               : error_set(error, ERROR_INVALID, "expected an object, got %s",
                                                           json_type_name(root));
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && code == OK; i++)
        code = check_numbers(root, members[i], error);
    return code;
}

static enum error_code read_line(const struct label_reader *reader, struct label_line *line, struct error *error)
{
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse(line->text, &doc, error);
    if (code == OK && yyjson_is_obj(yyjson_doc_get_root(doc)) && !is_whole(line->text))
        code = error_set(error, ERROR_INVALID, "the line is not what was written: its checksum does not fit");
    if (code == OK)
        code = check_label(yyjson_doc_get_root(doc), error);
    if (code == OK) {
        line->root = yyjson_doc_get_root(doc);
        code = reader->each(reader->ctx, line, error);
    } else if (code != ERROR_NO_MEMORY) {
        (void)error_prefix(error, "%s:%zu", line->file, line->number);
        code = reader->fault(reader->ctx, LABEL_DAMAGED, error);
    }
    json_free(doc);
    return code;
}

static enum error_code read_text(const struct label_reader *reader, const char *path, struct str text,
                                 struct error *error)
{
    enum error_code code = OK;
    const bool is_torn = text.len > 0 && text.data[text.len - 1] != '\n';
    struct label_line line = {.file = path, .number = 1};
    for (; code == OK && str_split(&text, '\n', &line.text); line.number++) {
        const bool is_last = text.data == NULL;
        if (is_last && is_torn) {
            (void)error_set(error, ERROR_INVALID, "%s:%zu: the last line was not written to its end", path,
                            line.number);
            return reader->fault(reader->ctx, LABEL_TORN, error);
        }
        if (str_trim(line.text).len > 0)
            code = read_line(reader, &line, error);
    }
    return code;
}

static enum error_code read_file(const struct label_reader *reader, const char *path, struct error *error)
{
    struct buf text;
    buf_init(&text, LIMIT_ROUTE_DATA_BYTES);
    enum error_code code = file_read(path, &text, error);
    if (code == OK)
        code = read_text(reader, path, buf_str(&text), error);
    buf_deinit(&text);
    return code;
}

enum error_code labels_read(const char *path, const struct label_reader *reader, struct error *error)
{
    char older[LABELS_PATH_MAX + 8];
    older_name(path, older);
    const bool has_older = access(older, F_OK) == 0;
    enum error_code code = has_older ? read_file(reader, older, error) : OK;
    if (code == OK && (!has_older || access(path, F_OK) == 0))
        code = read_file(reader, path, error);
    return code;
}

/* --- taking out a tenant ------------------------------------------------------------------------------ */

struct removal {
    struct str tenant;
    struct buf kept;
    size_t removed;
};

static enum error_code keep_others(void *ctx, const struct label_line *line, struct error *error)
{
    struct removal *removal = ctx;
    if (str_eq(json_str(yyjson_obj_get(line->root, "tenant")), removal->tenant)) {
        removal->removed++;
        return OK;
    }
    buf_append_str(&removal->kept, line->text);
    return buf_append_char(&removal->kept, '\n') ? OK : error_no_memory(error);
}

/* What can't be read may be of the tenant. */
static enum error_code drop_fault(void *ctx, enum label_fault fault, struct error *error)
{
    struct removal *removal = ctx;
    (void)error;
    removal->removed += fault == LABEL_DAMAGED;
    return OK;
}

static enum error_code remove_from(const char *path, struct removal *removal, struct error *error)
{
    const struct label_reader reader = {removal, keep_others, drop_fault};
    buf_init(&removal->kept, LIMIT_ROUTE_DATA_BYTES);
    enum error_code code = access(path, F_OK) ? OK : read_file(&reader, path, error);
    if (code == OK && access(path, F_OK) == 0)
        code = file_replace(path, buf_str(&removal->kept), 0600, error);
    buf_deinit(&removal->kept);
    return code;
}

enum error_code labels_remove_tenant(const char *path, struct str tenant, size_t *removed, struct error *error)
{
    char older[LABELS_PATH_MAX + 8];
    struct removal removal = {.tenant = tenant};
    older_name(path, older);
    *removed = 0;
    if (access(path, F_OK) && access(older, F_OK))
        return error_set(error, ERROR_NOT_FOUND, "there are no labels at %s", path);
    const int lock = take_lock(path);
    if (lock < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot lock %s", path);
    enum error_code code = remove_from(older, &removal, error);
    if (code == OK)
        code = remove_from(path, &removal, error);
    close(lock);
    *removed = removal.removed;
    return code;
}
