/* objects.c - the interface's checks, which hold for a directory and an S3 server alike: names, keys, sizes. Stores
 * nothing. See objects.h. */
#include "store/objects.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/util.h"
#include "store/disk.h"
#include "store/objects_backend.h"

#define FILE_WINDOW_BYTES ((size_t)262144)

/* --- problems --- */

static enum error_code code_of(enum objects_problem problem)
{
    switch (problem) {
    case OBJECTS_OK: return OK;
    case OBJECTS_NO_BUCKET:
    case OBJECTS_NO_KEY:
    case OBJECTS_NO_UPLOAD: return ERROR_NOT_FOUND;
    case OBJECTS_BUCKET_OWNED:
    case OBJECTS_BUCKET_TAKEN:
    case OBJECTS_BUCKET_NOT_EMPTY:
    case OBJECTS_CONDITION: return ERROR_CONFLICT;
    case OBJECTS_TOO_LARGE: return ERROR_TOO_LARGE;
    case OBJECTS_QUOTA:
    case OBJECTS_DENIED: return ERROR_DENIED;
    case OBJECTS_UNAVAILABLE: return ERROR_UNAVAILABLE;
    case OBJECTS_FAILED: return ERROR_IO;
    default: return ERROR_INVALID;
    }
}

enum error_code objects_code(enum objects_problem problem, struct error *error)
{
    if (problem == OBJECTS_OK)
        return OK;
    if (problem == OBJECTS_UNAVAILABLE)
        error->code = ERROR_UNAVAILABLE;
    else if (problem == OBJECTS_FAILED)
        error->code = error->code == ERROR_NO_MEMORY ? ERROR_NO_MEMORY : ERROR_IO;
    else
        error->code = ERROR_INVALID;
    return error->code;
}

enum objects_problem objects_fail(struct error *error, enum objects_problem problem, const char *format, ...)
{
    char message[ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    error_set(error, code_of(problem), "%s", message);
    return problem;
}

enum objects_problem objects_fail_errno(struct error *error, int os_errno, const char *format, ...)
{
    char message[ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (disk_check(error) != OK) /* whatever the call said: there is nothing to find any more */
        return OBJECTS_UNAVAILABLE;
    enum objects_problem problem =
        os_errno == ENOSPC || os_errno == EDQUOT || os_errno == EMFILE || os_errno == ENFILE ? OBJECTS_UNAVAILABLE
                                                                                            : OBJECTS_FAILED;
    error_set_errno(error, code_of(problem), os_errno, "%s", message);
    return problem;
}

enum objects_problem objects_no_memory(struct error *error)
{
    error_no_memory(error);
    return OBJECTS_FAILED;
}

enum objects_problem objects_no_bucket(struct error *error, struct str bucket)
{
    if (disk_check(error) != OK)
        return OBJECTS_UNAVAILABLE;
    return objects_fail(error, OBJECTS_NO_BUCKET, "there is no bucket " STR_FMT, STR_ARG(bucket));
}

enum objects_problem objects_no_key(struct error *error, struct str key)
{
    return objects_fail(error, OBJECTS_NO_KEY, "there is no object " STR_FMT, STR_ARG(str_slice(key, 0, 300)));
}

enum objects_problem objects_cut_range(uint64_t size, uint64_t offset, uint64_t *len, struct error *error)
{
    if (offset > 0 && offset >= size)
        return objects_fail(error, OBJECTS_BAD_RANGE, "the range begins behind the end of the object");
    if (*len > size - offset)
        *len = size - offset;
    return OBJECTS_OK;
}

/* --- names --- */

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool looks_like_ipv4(struct str name)
{
    unsigned groups = 0;
    struct str part;
    while (str_split(&name, '.', &part)) {
        uint64_t number;
        if (part.len > 3 || !str_to_u64(part, &number))
            return false;
        groups++;
    }
    return groups == 4;
}

enum objects_problem objects_check_bucket(struct str bucket, struct error *error)
{
    bool is_good = bucket.len >= 3 && bucket.len <= OBJECTS_BUCKET_MAX && is_letter_or_digit(bucket.data[0]) &&
                   is_letter_or_digit(bucket.data[bucket.len - 1]);
    for (size_t i = 0; is_good && i < bucket.len; i++)
        is_good = is_letter_or_digit(bucket.data[i]) || bucket.data[i] == '-' ||
                  (bucket.data[i] == '.' && bucket.data[i - 1] != '.');
    if (is_good && !looks_like_ipv4(bucket))
        return OBJECTS_OK;
    return objects_fail(error, OBJECTS_BAD_BUCKET,
                        "The specified bucket is not valid: a name has 3 to %d lower-case letters, digits, hyphens "
                        "and single dots, with a letter or digit at both ends, and is no IP address.",
                        OBJECTS_BUCKET_MAX);
}

enum objects_problem objects_check_new_bucket(struct str bucket, struct error *error)
{
    static const char *const beginnings[] = {"xn--", "sthree-", "amzn-s3-demo-"};
    static const char *const ends[] = {"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"};
    const char *reserved = NULL;
    enum objects_problem problem = objects_check_bucket(bucket, error);
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
        if (str_starts(bucket, str_of(beginnings[i])))
            reserved = beginnings[i];
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (str_ends(bucket, str_of(ends[i])))
            reserved = ends[i];
    if (problem != OBJECTS_OK || !reserved)
        return problem;
    return objects_fail(error, OBJECTS_BAD_BUCKET,
                        "The specified bucket is not valid: S3 keeps names with %s at that end to itself.", reserved);
}

enum objects_problem objects_check_key(struct str key, struct error *error)
{
    if (key.len > OBJECTS_KEY_MAX)
        return objects_fail(error, OBJECTS_LONG_KEY, "The key is longer than %d bytes.", OBJECTS_KEY_MAX);
    if (key.len == 0 || !str_is_utf8(key))
        return objects_fail(error, OBJECTS_BAD_KEY, "The key is empty or not UTF-8.");
    return OBJECTS_OK;
}

enum objects_problem objects_parse_uri(struct str uri, struct str *bucket, struct str *key, struct error *error)
{
    struct str rest = uri;
    if (!str_starts(uri, STR("s3://")))
        return objects_fail(error, OBJECTS_BAD_BUCKET, "expected s3://BUCKET/KEY, got '" STR_FMT "'",
                            STR_ARG(str_slice(uri, 0, 200)));
    rest = str_slice(uri, 5, uri.len);
    ptrdiff_t slash = str_find_char(rest, '/', 0);
    *bucket = slash < 0 ? rest : str_slice(rest, 0, (size_t)slash);
    *key = slash < 0 ? str_slice(rest, rest.len, rest.len) : str_slice(rest, (size_t)slash + 1, rest.len);
    enum objects_problem problem = objects_check_bucket(*bucket, error);
    if (problem == OBJECTS_OK && key->len > 0)
        problem = objects_check_key(*key, error);
    return problem;
}

static enum objects_problem check_names(struct str bucket, struct str key, struct error *error)
{
    enum objects_problem problem = objects_check_bucket(bucket, error);
    return problem == OBJECTS_OK ? objects_check_key(key, error) : problem;
}

/* --- conditions --- */

bool objects_etag_is_listed(struct str list, const char *etag)
{
    struct str item;
    while (str_split(&list, ',', &item)) {
        item = str_trim(item);
        if (str_starts(item, STR("W/")))
            item = str_slice(item, 2, item.len);
        if (item.len >= 2 && item.data[0] == '"')
            item = str_slice(item, 1, item.len - 1);
        if (str_eq(item, STR("*")) || str_eq(item, str_of(etag)))
            return true;
    }
    return false;
}

enum objects_problem objects_check_conditions(const struct objects_conditions *conditions,
                                              const struct objects_info *info, struct error *error)
{
    const uint64_t modified_s = info ? info->modified_us / 1000000 : 0;
    bool wants_one = conditions->match.data || conditions->has_unmodified_since || conditions->has_modified ||
                     conditions->has_size;
    if (!info && wants_one)
        return objects_fail(error, OBJECTS_NO_KEY, "The specified key does not exist.");
    if (!info)
        return OBJECTS_OK;
    bool holds = !conditions->match.data || objects_etag_is_listed(conditions->match, info->etag);
    if (!conditions->match.data && conditions->has_unmodified_since)
        holds = modified_s <= conditions->unmodified_since_s;
    holds = holds && !(conditions->none_match.data && objects_etag_is_listed(conditions->none_match, info->etag)) &&
            !(conditions->has_modified && conditions->modified_s != modified_s) &&
            !(conditions->has_size && conditions->size != info->size);
    return holds ? OBJECTS_OK
                 : objects_fail(error, OBJECTS_CONDITION,
                                "At least one of the pre-conditions you specified did not hold");
}

/* --- the store --- */

enum error_code objects_open(const struct objects_options *options, struct objects **objects, struct error *error)
{
    if (options->endpoint)
        return objects_s3_open(options, objects, error);
    return objects_dir_open(options, objects, error);
}

void objects_close(struct objects *objects)
{
    if (objects)
        objects->ops->close(objects);
}

void objects_interrupt(struct objects *objects)
{
    if (objects->ops->interrupt)
        objects->ops->interrupt(objects);
}

bool objects_bytes(struct objects *objects, struct str tenant, uint64_t *bytes)
{
    return objects->ops->bytes && objects->ops->bytes(objects, tenant, bytes);
}

bool objects_is_remote(const struct objects *objects)
{
    return objects->is_remote;
}

enum objects_problem objects_bucket_create(struct objects *objects, struct str tenant, struct str bucket,
                                           struct str region, struct error *error)
{
    enum objects_problem problem = objects_check_new_bucket(bucket, error);
    return problem == OBJECTS_OK ? objects->ops->bucket_create(objects, tenant, bucket, region, error) : problem;
}

enum objects_problem objects_bucket_head(struct objects *objects, struct str tenant, struct str bucket,
                                         struct objects_bucket *found, struct error *error)
{
    enum objects_problem problem = objects_check_bucket(bucket, error);
    return problem == OBJECTS_OK ? objects->ops->bucket_head(objects, tenant, bucket, found, error) : problem;
}

enum objects_problem objects_bucket_delete(struct objects *objects, struct str tenant, struct str bucket,
                                           struct error *error)
{
    enum objects_problem problem = objects_check_bucket(bucket, error);
    return problem == OBJECTS_OK ? objects->ops->bucket_delete(objects, tenant, bucket, error) : problem;
}

enum objects_problem objects_bucket_list(struct objects *objects, struct str tenant, struct arena *arena,
                                         struct objects_bucket **buckets, size_t *count, struct error *error)
{
    return objects->ops->bucket_list(objects, tenant, arena, buckets, count, error);
}

enum objects_problem objects_head(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                  struct objects_info *info, struct error *error)
{
    enum objects_problem problem = check_names(bucket, key, error);
    return problem == OBJECTS_OK ? objects->ops->head(objects, tenant, bucket, key, info, error) : problem;
}

enum objects_problem objects_delete(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                    const struct objects_conditions *conditions, struct error *error)
{
    static const struct objects_conditions none = {0};
    enum objects_problem problem = check_names(bucket, key, error);
    return problem == OBJECTS_OK
               ? objects->ops->delete(objects, tenant, bucket, key, conditions ? conditions : &none, error)
               : problem;
}

enum objects_problem objects_list(struct objects *objects, struct str tenant, struct str bucket,
                                  const struct objects_list_options *options, struct arena *arena,
                                  struct objects_page *page, struct error *error)
{
    *page = (struct objects_page){0};
    enum objects_problem problem = objects_check_bucket(bucket, error);
    return problem == OBJECTS_OK ? objects->ops->list(objects, tenant, bucket, options, arena, page, error) : problem;
}

/* --- writing --- */

enum objects_problem objects_put_init(struct objects_put *put, const struct objects_put_ops *ops,
                                      const struct objects_put_options *options, struct error *error)
{
    if (options->type.len > OBJECTS_TYPE_MAX)
        return objects_fail(error, OBJECTS_TOO_LARGE, "The content type is longer than %d bytes.", OBJECTS_TYPE_MAX);
    if (options->headers.len > OBJECTS_HEADERS_MAX)
        return objects_fail(error, OBJECTS_TOO_LARGE, "The headers kept with an object are over %d bytes.",
                            OBJECTS_HEADERS_MAX);
    assert(options->tags.len <= OBJECTS_TAGS_MAX && options->storage_class.len <= OBJECTS_CLASS_MAX);
    if (options->expected_size != OBJECTS_SIZE_UNKNOWN && options->expected_size > limit(object_bytes))
        return objects_fail(error, OBJECTS_TOO_LARGE, "The object is too large (limit object_bytes).");
    put->ops = ops;
    put->expected_size = options->expected_size;
    put->has_expected_md5 = options->expected_md5 != NULL;
    if (put->has_expected_md5)
        memcpy(put->expected_md5, options->expected_md5, sizeof(put->expected_md5));
    if (options->type.len > 0)
        memcpy(put->info.type, options->type.data, options->type.len);
    if (options->headers.len > 0)
        memcpy(put->info.headers, options->headers.data, options->headers.len);
    if (options->tags.len > 0)
        memcpy(put->info.tags, options->tags.data, options->tags.len);
    if (options->storage_class.len > 0)
        memcpy(put->info.storage_class, options->storage_class.data, options->storage_class.len);
    put->md5 = EVP_MD_CTX_new();
    if (put->md5 && EVP_DigestInit_ex(put->md5, EVP_md5(), NULL) == 1)
        return OBJECTS_OK;
    objects_put_deinit(put);
    return objects_no_memory(error);
}

void objects_put_deinit(struct objects_put *put)
{
    EVP_MD_CTX_free(put->md5);
    put->md5 = NULL;
}

enum objects_problem objects_put_begin(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                       const struct objects_put_options *options, struct objects_put **put,
                                       struct error *error)
{
    *put = NULL;
    enum objects_problem problem = check_names(bucket, key, error);
    return problem == OBJECTS_OK ? objects->ops->put_begin(objects, tenant, bucket, key, options, put, error)
                                 : problem;
}

enum objects_problem objects_put_append(struct objects_put *put, const void *data, size_t len, struct error *error)
{
    enum objects_problem problem = OBJECTS_OK;
    uint64_t size = put->info.size + len;
    if (put->expected_size != OBJECTS_SIZE_UNKNOWN && size > put->expected_size)
        problem = objects_fail(error, OBJECTS_BAD_LENGTH, "There are more bytes than were announced.");
    else if (size > limit(object_bytes))
        problem = objects_fail(error, OBJECTS_TOO_LARGE, "The object is too large (limit object_bytes).");
    else if (len > 0)
        problem = put->ops->append(put, data, len, error);
    if (problem == OBJECTS_OK && put->md5 && EVP_DigestUpdate(put->md5, data, len) != 1)
        problem = objects_no_memory(error);
    put->info.size = size;
    put->has_failed = problem != OBJECTS_OK;
    return problem;
}

void objects_put_checksum(struct objects_put *put, const char *name, struct str value, bool is_composite)
{
    snprintf(put->info.checksum_name, sizeof(put->info.checksum_name), "%s", name);
    snprintf(put->info.checksum, sizeof(put->info.checksum), STR_FMT, STR_ARG(value));
    put->info.checksum_is_composite = is_composite;
}

const char *objects_put_wanted_checksum(const struct objects_put *put)
{
    return put->wanted_checksum;
}

static enum objects_problem check_whole(struct objects_put *put, struct error *error)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (put->has_failed)
        return objects_fail(error, OBJECTS_FAILED, "the object was not written to its end");
    if (put->expected_size != OBJECTS_SIZE_UNKNOWN && put->info.size != put->expected_size)
        return objects_fail(error, OBJECTS_BAD_LENGTH, "There are fewer bytes than were announced.");
    if (!put->md5)
        return OBJECTS_OK;
    if (EVP_DigestFinal_ex(put->md5, digest, NULL) != 1)
        return objects_no_memory(error);
    if (put->has_expected_md5 && memcmp(digest, put->expected_md5, sizeof(put->expected_md5)) != 0)
        return objects_fail(error, OBJECTS_BAD_DIGEST, "The Content-MD5 you specified did not match what we received.");
    hex_encode(digest, 16, put->info.etag);
    return OBJECTS_OK;
}

enum objects_problem objects_put_commit(struct objects_put *put, struct objects_info *info, struct error *error)
{
    enum objects_problem problem = check_whole(put, error);
    if (problem == OBJECTS_OK)
        problem = put->ops->commit(put, error);
    if (problem == OBJECTS_OK && info)
        *info = put->info;
    put->ops->free(put);
    return problem;
}

void objects_put_abort(struct objects_put *put)
{
    if (put)
        put->ops->free(put);
}

static enum objects_problem append_file(struct objects_put *put, int fd, const char *path, struct error *error)
{
    char *window = mem_alloc(FILE_WINDOW_BYTES);
    if (!window)
        return objects_no_memory(error);
    enum objects_problem problem = OBJECTS_OK;
    for (ssize_t len = 1; problem == OBJECTS_OK && len > 0;) {
        len = read(fd, window, FILE_WINDOW_BYTES);
        if (len > 0)
            problem = objects_put_append(put, window, (size_t)len, error);
        else if (len < 0 && errno == EINTR)
            len = 1;
        else if (len < 0)
            problem = objects_fail_errno(error, errno, "cannot read %s", path);
    }
    mem_free(window);
    return problem;
}

enum objects_problem objects_put_file(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                      const char *path, struct str type, struct error *error)
{
    struct stat info;
    struct objects_put *put = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        enum objects_problem problem = objects_fail_errno(error, errno, "cannot read %s", path);
        if (fd >= 0)
            close(fd);
        return problem;
    }
    const struct objects_put_options options = {.expected_size = (uint64_t)info.st_size, .type = type};
    enum objects_problem problem = objects_put_begin(objects, tenant, bucket, key, &options, &put, error);
    if (problem == OBJECTS_OK)
        problem = append_file(put, fd, path, error);
    close(fd);
    if (problem == OBJECTS_OK)
        return objects_put_commit(put, NULL, error);
    objects_put_abort(put);
    return problem;
}

/* --- reading --- */

enum objects_problem objects_reader_open(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                         uint64_t offset, uint64_t len, struct objects_info *info,
                                         struct objects_reader **reader, struct error *error)
{
    *reader = NULL;
    enum objects_problem problem = check_names(bucket, key, error);
    return problem == OBJECTS_OK
               ? objects->ops->reader_open(objects, tenant, bucket, key, offset, len, info, reader, error)
               : problem;
}

enum objects_problem objects_reader_read(struct objects_reader *reader, void *data, size_t cap, size_t *len,
                                         struct error *error)
{
    *len = 0;
    return reader->ops->read(reader, data, cap, len, error);
}

void objects_reader_close(struct objects_reader *reader)
{
    if (reader)
        reader->ops->free(reader);
}
