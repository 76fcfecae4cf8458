/* Multipart uploads: ROOT/.fulcrum/uploads/ID holds `info` and the parts, each
 * NUMBER-ETAG-CHECKSUM with NUMBER in five digits, '/' in base64 written '_',
 * and "-" for no checksum. A part sent again takes the place of the earlier;
 * where a crash has left both, the newer counts. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/checksum.h"
#include "core/io.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/util.h"
#include "store/objects_upload_internal.h"

#define INFO_BYTES 131072

static bool is_upload_id(struct str id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!((id.data[i] >= '0' && id.data[i] <= '9') || (id.data[i] >= 'a' && id.data[i] <= 'f')))
            return false;
    return id.len == OBJECTS_UPLOAD_ID_LEN;
}

static void upload_path(char path[UPLOAD_PATH_MAX], struct str id, const char *name)
{
    (void)snprintf(path, UPLOAD_PATH_MAX, OBJECTS_UPLOADS "/" STR_FMT "%s%s", STR_ARG(id), name ? "/" : "",
                   name ? name : "");
}

enum objects_problem upload_missing(struct error *error)
{
    return objects_fail(error, OBJECTS_NO_UPLOAD,
                        "The specified upload does not exist. The upload ID may be invalid, or the upload may have "
                        "been aborted or completed.");
}

static enum objects_problem refuse_remote(struct objects *objects, struct error *error)
{
    return objects->is_remote
               ? objects_fail(error, OBJECTS_FAILED, "multipart uploads go to the S3 server itself, not through here")
               : OBJECTS_OK;
}

/* --- info --- */

static bool compose_info(struct buf *text, struct str bucket, uint64_t generation, struct str key,
                         const struct objects_put_options *options, const char *checksum_name, bool is_composite)
{
    buf_append_text(text, "{\"bucket\":");
    buf_append_json(text, bucket);
    buf_append_text(text, ",\"key\":");
    buf_append_json(text, key);
    buf_append_text(text, ",\"type\":");
    buf_append_json(text, options->type);
    buf_append_text(text, ",\"headers\":");
    buf_append_json(text, options->headers);
    buf_append_text(text, ",\"storageClass\":");
    buf_append_json(text, options->storage_class);
    buf_append_text(text, ",\"tags\":");
    buf_append_json(text, options->tags);
    buf_append_text(text, ",\"checksumName\":");
    buf_append_json(text, str_of(checksum_name));
    buf_appendf(text, ",\"composite\":%s,\"created\":%" PRIu64 ",\"generation\":%" PRIu64 "}\n",
                is_composite ? "true" : "false", clock_wall_us(), generation);
    return !text->failed;
}

static void take_text(char *out, size_t cap, yyjson_val *root, const char *key)
{
    (void)snprintf(out, cap, STR_FMT, STR_ARG(json_str(yyjson_obj_get(root, key))));
}

/* ERROR_NO_MEMORY; else, unless OK, it is none. */
static enum error_code parse_info(struct str text, struct upload_info *info, struct error *error)
{
    yyjson_doc *doc = NULL;
    *info = (struct upload_info){0};
    if (json_parse(text, &doc, error) != OK)
        return error->code;
    yyjson_val *root = yyjson_doc_get_root(doc);
    take_text(info->bucket, sizeof(info->bucket), root, "bucket");
    take_text(info->key, sizeof(info->key), root, "key");
    take_text(info->object.type, sizeof(info->object.type), root, "type");
    take_text(info->object.headers, sizeof(info->object.headers), root, "headers");
    take_text(info->object.storage_class, sizeof(info->object.storage_class), root, "storageClass");
    take_text(info->object.tags, sizeof(info->object.tags), root, "tags");
    take_text(info->object.checksum_name, sizeof(info->object.checksum_name), root, "checksumName");
    info->object.checksum_is_composite = yyjson_get_bool(yyjson_obj_get(root, "composite"));
    info->created_us = yyjson_get_uint(yyjson_obj_get(root, "created"));
    info->generation = yyjson_get_uint(yyjson_obj_get(root, "generation"));
    json_free(doc);
    return OK;
}

enum objects_problem upload_read_info(struct objects_dir *dir, struct str id, struct upload_info *info,
                                      struct error *error)
{
    char path[UPLOAD_PATH_MAX];
    struct buf text;
    bool was_found = false;
    if (!is_upload_id(id))
        return upload_missing(error);
    upload_path(path, id, "info");
    buf_init(&text, INFO_BYTES);
    enum objects_problem problem = object_read_small(dir->root, path, &text, &was_found, error);
    const enum error_code code = problem == OBJECTS_OK && was_found ? parse_info(buf_str(&text), info, error) : OK;
    if (code == ERROR_NO_MEMORY)
        problem = objects_no_memory(error);
    else if (problem == OBJECTS_OK && (!was_found || code != OK))
        problem = upload_missing(error);
    buf_deinit(&text);
    return problem;
}

bool upload_is_of(const struct upload_info *info, struct str bucket, const struct bucket_record *record)
{
    bool is_same = info->generation ? info->generation == record->generation : info->created_us >= record->created_us;
    return is_same && str_eq(bucket, str_of(info->bucket));
}

static enum objects_problem find_bucket(struct objects *objects, struct str tenant, struct str bucket,
                                        struct bucket_record *record, struct error *error)
{
    enum objects_problem problem = refuse_remote(objects, error);
    if (problem == OBJECTS_OK)
        problem = objects_check_bucket(bucket, error);
    return problem == OBJECTS_OK ? bucket_find(objects_dir_of(objects), tenant, bucket, record, error) : problem;
}

enum objects_problem upload_find(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                 struct str id, struct upload_info *info, struct bucket_record *record,
                                 struct error *error)
{
    struct bucket_record own;
    if (!record)
        record = &own;
    enum objects_problem problem = find_bucket(objects, tenant, bucket, record, error);
    if (problem == OBJECTS_OK)
        problem = objects_check_key(key, error);
    if (problem == OBJECTS_OK)
        problem = upload_read_info(objects_dir_of(objects), id, info, error);
    if (problem != OBJECTS_OK)
        return problem;
    return upload_is_of(info, bucket, record) && str_eq(key, str_of(info->key)) ? OBJECTS_OK : upload_missing(error);
}

enum objects_problem objects_upload_create(struct objects *objects, struct str tenant, struct str bucket,
                                           struct str key, const struct objects_put_options *options,
                                           const char *checksum_name, bool checksum_is_composite,
                                           char id[OBJECTS_UPLOAD_ID_LEN + 1], struct error *error)
{
    struct objects_dir *dir = objects_dir_of(objects);
    char path[UPLOAD_PATH_MAX];
    uint8_t random[OBJECTS_UPLOAD_ID_LEN / 2];
    struct buf text;
    struct bucket_record record;
    enum objects_problem problem = find_bucket(objects, tenant, bucket, &record, error);
    if (problem == OBJECTS_OK)
        problem = objects_check_key(key, error);
    if (problem != OBJECTS_OK)
        return problem;
    if (options->type.len > OBJECTS_TYPE_MAX || options->headers.len > OBJECTS_HEADERS_MAX)
        return objects_fail(error, OBJECTS_TOO_LARGE, "The headers kept with an object are over %d bytes.",
                            OBJECTS_HEADERS_MAX);
    random_bytes(random, sizeof(random));
    hex_encode(random, sizeof(random), id);
    upload_path(path, str_of(id), NULL);
    if (mkdirat(dir->root, path, 0700) != 0)
        return objects_fail_errno(error, errno, "cannot make %s", path);
    buf_init(&text, INFO_BYTES);
    upload_path(path, str_of(id), "info");
    problem = compose_info(&text, bucket, record.generation, key, options, checksum_name, checksum_is_composite)
                  ? object_write_small(dir, path, buf_str(&text), error)
                  : objects_no_memory(error);
    buf_deinit(&text);
    if (problem == OBJECTS_OK)
        problem = bucket_is_still(dir, bucket, record.generation, error);
    upload_path(path, str_of(id), NULL);
    if (problem != OBJECTS_OK)
        object_remove_tree(dir->root, path);
    object_sync_directory(dir, path);
    object_sync_directory(dir, OBJECTS_UPLOADS);
    return problem;
}

static bool parse_part_name(const char *name, struct objects_part *part);

/* Each file is taken off by whoever removes it. */
static uint64_t remove_parts(int fd)
{
    uint64_t bytes = 0;
    struct objects_part part;
    struct stat info;
    DIR *opened = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && !opened)
        close(fd);
    for (struct dirent *entry; opened && (entry = readdir(opened));)
        if (parse_part_name(entry->d_name, &part) && fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            unlinkat(fd, entry->d_name, 0) == 0)
            bytes += (uint64_t)info.st_size;
    if (opened)
        (void)closedir(opened);
    return bytes;
}

void upload_remove(struct objects_dir *dir, struct str tenant, struct str id)
{
    char path[UPLOAD_PATH_MAX];
    upload_path(path, id, "info");
    (void)unlinkat(dir->root, path, 0); /* first: without it there is no upload */
    upload_path(path, id, NULL);
    objects_usage_subtract(&dir->usage, tenant,
                           remove_parts(openat(dir->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)));
    object_remove_tree(dir->root, path);
}

enum objects_problem objects_upload_abort(struct objects *objects, struct str tenant, struct str bucket,
                                          struct str key, struct str id, struct error *error)
{
    struct upload_info info;
    enum objects_problem problem = upload_find(objects, tenant, bucket, key, id, &info, NULL, error);
    if (problem == OBJECTS_OK)
        upload_remove(objects_dir_of(objects), tenant, id);
    return problem;
}

/* --- parts --- */

struct part_put {
    struct objects_put base; /* first */
    struct objects_dir *dir;
    struct objects_charge charge;
    int fd;
    unsigned number;
    char tmp[64], id[OBJECTS_UPLOAD_ID_LEN + 1];
};

static void swap_slashes(char *text, char from, char to)
{
    for (; *text; text++)
        if (*text == from)
            *text = to;
}

static enum objects_problem part_append(struct objects_put *base, const void *data, size_t len, struct error *error)
{
    struct part_put *put = (struct part_put *)base;
    enum objects_problem problem =
        objects_charge_raise(&put->dir->usage, &put->charge, base->info.size + len, error);
    return problem == OBJECTS_OK ? object_write(put->fd, data, len, error) : problem;
}

/* Removes the upload's files of this number but for `kept`; the mutex of uploads is held. Gives their bytes. */
static uint64_t remove_earlier(struct objects_dir *dir, struct str id, unsigned number, const char *kept)
{
    char path[UPLOAD_PATH_MAX];
    struct objects_part part;
    struct stat info;
    uint64_t bytes = 0;
    upload_path(path, id, NULL);
    int fd = openat(dir->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *opened = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && !opened)
        close(fd);
    for (struct dirent *entry; opened && (entry = readdir(opened));)
        if (strcmp(entry->d_name, kept) != 0 && parse_part_name(entry->d_name, &part) && part.number == number &&
            fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && unlinkat(fd, entry->d_name, 0) == 0)
            bytes += (uint64_t)info.st_size;
    if (opened)
        (void)closedir(opened);
    return bytes;
}

/* *replaced: bytes of what had this number before. */
static enum objects_problem name_part(struct part_put *put, const char *name, uint64_t *replaced, struct error *error)
{
    char path[UPLOAD_PATH_MAX];
    struct stat was;
    struct str id = str_of(put->id);
    enum objects_problem problem = OBJECTS_OK;
    upload_path(path, id, name);
    pthread_mutex_lock(&put->dir->upload_mutex);
    bool is_same = fstatat(put->dir->root, path, &was, AT_SYMLINK_NOFOLLOW) == 0;
    if (upload_is_completing(put->dir, id))
        problem = objects_fail(error, OBJECTS_UNAVAILABLE, "The upload is being completed: its parts cannot change.");
    else if (io_renameat(put->dir->root, put->tmp, put->dir->root, path) != 0)
        problem = errno == ENOENT ? upload_missing(error) : objects_fail_errno(error, errno, "cannot name a part");
    else
        *replaced = remove_earlier(put->dir, id, put->number, name) + (is_same ? (uint64_t)was.st_size : 0);
    pthread_mutex_unlock(&put->dir->upload_mutex);
    return problem;
}

static enum objects_problem part_commit(struct objects_put *base, struct error *error)
{
    struct part_put *put = (struct part_put *)base;
    char name[160], checksum[OBJECTS_CHECKSUM_MAX + 1];
    uint64_t replaced = 0;
    struct stat info;
    (void)snprintf(checksum, sizeof(checksum), "%s", base->info.checksum[0] ? base->info.checksum : "-");
    swap_slashes(checksum, '/', '_');
    (void)snprintf(name, sizeof(name), "%05u-%s-%s", put->number, base->info.etag, checksum);
    if (fstat(put->fd, &info) != 0)
        return objects_fail_errno(error, errno, "cannot look at a part");
    enum objects_problem problem = name_part(put, name, &replaced, error);
    if (problem != OBJECTS_OK)
        return problem;
    put->tmp[0] = '\0';
    base->info.modified_us = object_stamp(&info) / 1000;
    objects_charge_keep(&put->dir->usage, &put->charge, base->info.size, replaced);
    return OBJECTS_OK;
}

static void part_free(struct objects_put *base)
{
    struct part_put *put = (struct part_put *)base;
    if (put->fd >= 0)
        close(put->fd);
    if (put->tmp[0])
        (void)unlinkat(put->dir->root, put->tmp, 0);
    objects_charge_drop(&put->dir->usage, &put->charge);
    objects_put_deinit(base);
    mem_free(put);
}

static const struct objects_put_ops part_ops = {.append = part_append, .commit = part_commit, .free = part_free};

enum objects_problem objects_upload_part(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                         struct str id, unsigned number, const struct objects_put_options *options,
                                         struct objects_put **put, struct error *error)
{
    struct upload_info info;
    *put = NULL;
    enum objects_problem problem = upload_find(objects, tenant, bucket, key, id, &info, NULL, error);
    if (problem != OBJECTS_OK)
        return problem;
    if (number < 1 || number > OBJECTS_PARTS_MAX)
        return objects_fail(error, OBJECTS_BAD_PART, "Part number must be an integer between 1 and %d, inclusive",
                            OBJECTS_PARTS_MAX);
    struct part_put *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return objects_no_memory(error);
    made->dir = objects_dir_of(objects);
    made->number = number;
    made->fd = -1;
    (void)snprintf(made->id, sizeof(made->id), STR_FMT, STR_ARG(id));
    memcpy(made->base.wanted_checksum, info.object.checksum_name, sizeof(made->base.wanted_checksum));
    problem = objects_put_init(&made->base, &part_ops, options, error);
    if (problem == OBJECTS_OK)
        problem = object_charge_begin(made->dir, tenant, 0, options->expected_size, &made->charge, error);
    if (problem == OBJECTS_OK)
        problem = object_tmp_open(made->dir, made->tmp, &made->fd, error);
    if (problem != OBJECTS_OK) {
        part_free(&made->base);
        return problem;
    }
    *put = &made->base;
    return OBJECTS_OK;
}

/* NUMBER-ETAG-CHECKSUM */
static bool parse_part_name(const char *name, struct objects_part *part)
{
    uint64_t number;
    struct str text = str_of(name);
    size_t etag = 6, checksum = etag + UPLOAD_MD5_HEX + 1;
    if (text.len <= checksum || text.len > checksum + OBJECTS_CHECKSUM_MAX || name[etag - 1] != '-' ||
        name[checksum - 1] != '-' || !str_to_u64(str_slice(text, 0, etag - 1), &number))
        return false;
    *part = (struct objects_part){.number = (unsigned)number};
    memcpy(part->etag, name + etag, UPLOAD_MD5_HEX);
    if (strcmp(name + checksum, "-") != 0)
        memcpy(part->checksum, name + checksum, text.len - checksum);
    swap_slashes(part->checksum, '_', '/');
    return true;
}

void upload_part_path(char path[UPLOAD_PATH_MAX], struct str id, const struct objects_part *part)
{
    char name[160], checksum[OBJECTS_CHECKSUM_MAX + 1];
    (void)snprintf(checksum, sizeof(checksum), "%s", part->checksum[0] ? part->checksum : "-");
    swap_slashes(checksum, '/', '_');
    (void)snprintf(name, sizeof(name), "%05u-%s-%s", part->number, part->etag, checksum);
    upload_path(path, id, name);
}

static int compare_parts(const void *a, const void *b)
{
    const struct objects_part *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return (x->modified_us > y->modified_us) - (x->modified_us < y->modified_us);
}

static size_t keep_newest(struct objects_part *parts, size_t count)
{
    size_t kept = 0;
    if (count > 1)
        qsort(parts, count, sizeof(*parts), compare_parts);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && parts[kept - 1].number == parts[i].number)
            kept--;
        parts[kept++] = parts[i];
    }
    return kept;
}

enum objects_problem upload_read_parts(struct objects_dir *dir, struct str id, struct objects_part **parts,
                                       size_t *count, struct error *error)
{
    char path[UPLOAD_PATH_MAX];
    size_t cap = 0;
    *parts = NULL;
    *count = 0;
    upload_path(path, id, NULL);
    int fd = openat(dir->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *opened = fd >= 0 ? fdopendir(fd) : NULL;
    if (!opened) {
        if (fd >= 0)
            close(fd);
        return upload_missing(error);
    }
    enum objects_problem problem = OBJECTS_OK;
    for (struct dirent *entry; problem == OBJECTS_OK && (entry = readdir(opened));) {
        struct objects_part part;
        struct stat info;
        if (!parse_part_name(entry->d_name, &part) || fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        part.size = (uint64_t)info.st_size;
        part.modified_us = object_stamp(&info) / 1000;
        if (mem_grow((void **)parts, *count, &cap, sizeof(part)))
            (*parts)[(*count)++] = part;
        else
            problem = objects_no_memory(error);
    }
    (void)closedir(opened);
    *count = keep_newest(*parts, *count);
    return problem;
}

enum objects_problem objects_upload_parts(struct objects *objects, struct str tenant, struct str bucket,
                                          struct str key, struct str id, struct arena *arena,
                                          struct objects_upload *upload, struct objects_part **parts, size_t *count,
                                          struct error *error)
{
    struct upload_info info;
    struct objects_part *found = NULL;
    *count = 0;
    *parts = NULL;
    enum objects_problem problem = upload_find(objects, tenant, bucket, key, id, &info, NULL, error);
    if (problem != OBJECTS_OK)
        return problem;
    *upload = (struct objects_upload){.id = id, .key = key, .created_us = info.created_us};
    memcpy(upload->checksum_name, info.object.checksum_name, sizeof(upload->checksum_name));
    upload->checksum_is_composite = info.object.checksum_is_composite;
    memcpy(upload->storage_class, info.object.storage_class, sizeof(upload->storage_class));
    problem = upload_read_parts(objects_dir_of(objects), id, &found, count, error);
    if (problem == OBJECTS_OK && *count > 0) {
        *parts = arena_array(arena, *count, sizeof(*found));
        if (*parts)
            memcpy(*parts, found, *count * sizeof(*found));
        else
            problem = objects_no_memory(error);
    }
    mem_free(found);
    return problem;
}

/* --- a bucket's uploads --- */

static int compare_uploads(const void *a, const void *b)
{
    const struct objects_upload *x = a, *y = b;
    size_t len = x->key.len < y->key.len ? x->key.len : y->key.len;
    int order = memcmp(x->key.data, y->key.data, len);
    if (order == 0)
        order = (x->key.len > y->key.len) - (x->key.len < y->key.len);
    return order != 0 ? order : memcmp(x->id.data, y->id.data, OBJECTS_UPLOAD_ID_LEN);
}

static enum objects_problem add_upload(struct objects_dir *dir, struct str id, struct str bucket,
                                       const struct bucket_record *record, struct arena *arena, void **found,
                                       size_t *count, size_t *cap, struct error *error)
{
    struct upload_info info;
    struct error ignored;
    if (upload_read_info(dir, id, &info, &ignored) != OBJECTS_OK || !upload_is_of(&info, bucket, record))
        return OBJECTS_OK;
    struct objects_upload upload = {.created_us = info.created_us};
    if (!mem_grow(found, *count, cap, sizeof(upload)) || !arena_str(arena, id, &upload.id) ||
        !arena_str(arena, str_of(info.key), &upload.key))
        return objects_no_memory(error);
    memcpy(upload.checksum_name, info.object.checksum_name, sizeof(upload.checksum_name));
    upload.checksum_is_composite = info.object.checksum_is_composite;
    memcpy(upload.storage_class, info.object.storage_class, sizeof(upload.storage_class));
    ((struct objects_upload *)*found)[(*count)++] = upload;
    return OBJECTS_OK;
}

enum objects_problem objects_upload_list(struct objects *objects, struct str tenant, struct str bucket,
                                         struct arena *arena, struct objects_upload **uploads, size_t *count,
                                         struct error *error)
{
    struct objects_dir *dir = objects_dir_of(objects);
    void *found = NULL;
    size_t cap = 0;
    *count = 0;
    *uploads = NULL;
    struct bucket_record record;
    enum objects_problem problem = find_bucket(objects, tenant, bucket, &record, error);
    if (problem != OBJECTS_OK)
        return problem;
    int fd = openat(dir->root, OBJECTS_UPLOADS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *opened = fd >= 0 ? fdopendir(fd) : NULL;
    if (!opened)
        return objects_fail_errno(error, errno, "cannot list the uploads");
    for (struct dirent *entry; problem == OBJECTS_OK && (entry = readdir(opened));)
        problem = add_upload(dir, str_of(entry->d_name), bucket, &record, arena, &found, count, &cap, error);
    (void)closedir(opened);
    if (problem == OBJECTS_OK && *count > 0) {
        qsort(found, *count, sizeof(struct objects_upload), compare_uploads);
        *uploads = arena_array(arena, *count, sizeof(struct objects_upload));
        if (*uploads)
            memcpy(*uploads, found, *count * sizeof(struct objects_upload));
        else
            problem = objects_no_memory(error);
    }
    mem_free(found);
    return problem;
}

void objects_uploads_remove_all(struct objects_dir *dir, struct str bucket, const struct bucket_record *record)
{
    struct upload_info info;
    struct error ignored;
    int fd = openat(dir->root, OBJECTS_UPLOADS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *opened = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && !opened)
        close(fd);
    for (struct dirent *entry; opened && (entry = readdir(opened));)
        if (upload_read_info(dir, str_of(entry->d_name), &info, &ignored) == OBJECTS_OK &&
            upload_is_of(&info, bucket, record))
            upload_remove(dir, str_of(record->tenant), str_of(entry->d_name));
    if (opened)
        (void)closedir(opened);
}
