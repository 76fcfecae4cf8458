/* objects_meta.c - what is known of an object besides its bytes, in a file of its own beside them; and its tags. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "core/io.h"
#include "core/json.h"
#include "core/util.h"
#include "store/objects_dir.h"

#define META_PATH_MAX 160

static void meta_path(char path[META_PATH_MAX], struct str bucket, uint64_t stamp)
{
    (void)snprintf(path, META_PATH_MAX, OBJECTS_META "/" STR_FMT "/%016" PRIx64, STR_ARG(bucket), stamp);
}

static bool compose(const struct object_publication *publication, const struct objects_info *info, struct buf *text)
{
    buf_appendf(text, "{\"size\":%" PRIu64 ",\"etag\":", info->size);
    buf_append_json(text, str_of(info->etag));
    buf_append_text(text, ",\"type\":");
    buf_append_json(text, str_of(info->type));
    buf_append_text(text, ",\"headers\":");
    buf_append_json(text, str_of(info->headers));
    buf_append_text(text, ",\"storageClass\":");
    buf_append_json(text, str_of(info->storage_class));
    buf_append_text(text, ",\"tags\":");
    buf_append_json(text, str_of(info->tags));
    buf_append_text(text, ",\"checksumName\":");
    buf_append_json(text, str_of(info->checksum_name));
    buf_append_text(text, ",\"checksum\":");
    buf_append_json(text, str_of(info->checksum));
    buf_appendf(text, ",\"composite\":%s", info->checksum_is_composite ? "true" : "false");
    if (publication->upload.len > 0)
        buf_appendf(text, ",\"upload\":\"" STR_FMT "\",\"parts\":[" STR_FMT "]", STR_ARG(publication->upload),
                    STR_ARG(publication->parts));
    buf_append_text(text, "}\n");
    return !text->failed;
}

static uint64_t next_stamp(struct objects_dir *dir)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    uint64_t stamp = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    pthread_mutex_lock(&dir->mutex);
    if (stamp <= dir->last_stamp_ns)
        stamp = dir->last_stamp_ns + 1;
    dir->last_stamp_ns = stamp;
    pthread_mutex_unlock(&dir->mutex);
    return stamp;
}

/* File systems keep times with a coarser tick than ours: what counts is what
 * this one has kept. Where that is taken, the next tick is tried. */
static enum objects_problem claim_stamp(struct objects_dir *dir, struct str bucket, int fd, uint64_t *kept,
                                        int *meta_fd, struct error *error)
{
    char path[META_PATH_MAX];
    uint64_t stamp = next_stamp(dir);
    for (uint64_t step = 1; step < UINT64_C(1) << 34; step *= 2) {
        const struct timespec times[2] = {
            {.tv_nsec = UTIME_OMIT},
            {.tv_sec = (time_t)(stamp / 1000000000), .tv_nsec = (long)(stamp % 1000000000)},
        };
        struct stat info;
        if (futimens(fd, times) != 0 || fstat(fd, &info) != 0)
            return objects_fail_errno(error, errno, "cannot set the time of an object");
        *kept = object_stamp(&info);
        meta_path(path, bucket, *kept);
        *meta_fd = io_openat(dir->root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (*meta_fd >= 0)
            return OBJECTS_OK;
        if (errno == ENOENT)
            return objects_no_bucket(error, bucket);
        if (errno != EEXIST)
            return objects_fail_errno(error, errno, "cannot make %s", path);
        stamp += step;
    }
    return objects_fail(error, OBJECTS_FAILED, "the file system keeps no times that tell objects apart");
}

void object_meta_sync(struct objects_dir *dir, struct str bucket)
{
    char path[META_PATH_MAX];
    (void)snprintf(path, sizeof(path), OBJECTS_META "/" STR_FMT, STR_ARG(bucket));
    object_sync_directory(dir, path);
}

enum objects_problem object_meta_write(struct objects_dir *dir, const struct object_publication *publication,
                                       struct objects_info *info, uint64_t *stamp, struct error *error)
{
    const struct str bucket = publication->bucket;
    int fd = publication->fd, meta_fd = -1;
    struct buf text;
    enum objects_problem problem = claim_stamp(dir, bucket, fd, stamp, &meta_fd, error);
    if (problem != OBJECTS_OK)
        return problem;
    buf_init(&text, OBJECTS_META_BYTES);
    problem = compose(publication, info, &text) ? object_write(meta_fd, text.data, text.len, error)
                                                : objects_no_memory(error);
    buf_deinit(&text);
    if (problem == OBJECTS_OK && io_fsync(meta_fd) != 0)
        problem = objects_fail_errno(error, errno, "cannot sync the description of an object");
    close(meta_fd);
    if (problem == OBJECTS_OK && io_fsync(fd) != 0)
        problem = objects_fail_errno(error, errno, "cannot sync an object");
    if (problem != OBJECTS_OK) {
        (void)object_meta_remove(dir, bucket, *stamp);
        return problem;
    }
    object_meta_sync(dir, bucket);
    info->modified_us = *stamp / 1000;
    return OBJECTS_OK;
}

static void take_text(char *out, size_t cap, yyjson_val *root, const char *key)
{
    (void)snprintf(out, cap, STR_FMT, STR_ARG(json_str(yyjson_obj_get(root, key))));
}

/* Counts and sizes in turn. Where the part asked for lies, and how large each is, is noted on the way. */
static unsigned read_parts(yyjson_val *list, struct object_part *part)
{
    uint64_t offset = 0;
    unsigned total = 0;
    for (size_t i = 0; i + 1 < yyjson_arr_size(list); i += 2) {
        uint64_t count = yyjson_get_uint(yyjson_arr_get(list, i)), size = yyjson_get_uint(yyjson_arr_get(list, i + 1));
        if (part && part->number > total && part->number <= total + count) {
            part->is_there = true;
            part->offset = offset + (part->number - total - 1) * size;
            part->len = size;
        }
        for (uint64_t j = 0; part && part->sizes && j < count && total + j < OBJECTS_PARTS_MAX; j++)
            part->sizes[total + j] = size;
        offset += count * size;
        total += (unsigned)count;
    }
    return total;
}

/* ERROR_NO_MEMORY; else, unless OK, it is no description of this file. */
static enum error_code parse(struct str text, const struct stat *file, struct object_description *description,
                             struct object_part *part, struct error *error)
{
    struct objects_info *info = &description->info;
    yyjson_doc *doc = NULL;
    if (json_parse(text, &doc, error) != OK)
        return error->code;
    yyjson_val *root = yyjson_doc_get_root(doc);
    bool is_this = yyjson_get_uint(yyjson_obj_get(root, "size")) == (uint64_t)file->st_size;
    if (is_this) {
        take_text(info->etag, sizeof(info->etag), root, "etag");
        take_text(info->type, sizeof(info->type), root, "type");
        take_text(info->headers, sizeof(info->headers), root, "headers");
        take_text(info->storage_class, sizeof(info->storage_class), root, "storageClass");
        take_text(info->tags, sizeof(info->tags), root, "tags");
        take_text(info->checksum_name, sizeof(info->checksum_name), root, "checksumName");
        take_text(info->checksum, sizeof(info->checksum), root, "checksum");
        take_text(description->upload, sizeof(description->upload), root, "upload");
        info->checksum_is_composite = yyjson_get_bool(yyjson_obj_get(root, "composite"));
        info->part_count = read_parts(yyjson_obj_get(root, "parts"), part);
    }
    json_free(doc);
    return is_this ? OK : ERROR_NOT_FOUND;
}

/* Like a multipart upload's ETag: not an MD5 of the bytes, and it says so. */
static void describe_foreign(const struct stat *file, struct objects_info *info)
{
    char text[96];
    uint8_t digest[SHA256_LEN];
    int len = snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " %" PRIu64, (uint64_t)file->st_size,
                       object_stamp(file), (uint64_t)file->st_ino);
    sha256((struct str){text, (size_t)len}, digest);
    hex_encode(digest, 16, info->etag);
    memcpy(info->etag + 32, "-1", 3);
}

enum objects_problem object_meta_read(struct objects_dir *dir, struct str bucket, const struct stat *file,
                                      struct object_description *description, struct object_part *part,
                                      struct error *error)
{
    char path[META_PATH_MAX];
    struct buf text;
    *description = (struct object_description){
        .info = {.size = (uint64_t)file->st_size, .modified_us = object_stamp(file) / 1000}};
    if (part)
        part->is_there = false;
    meta_path(path, bucket, object_stamp(file));
    buf_init(&text, OBJECTS_META_BYTES);
    enum objects_problem problem = object_read_small(dir->root, path, &text, &description->was_found, error);
    const enum error_code code =
        problem == OBJECTS_OK && description->was_found ? parse(buf_str(&text), file, description, part, error) : OK;
    if (code == ERROR_NO_MEMORY)
        problem = objects_no_memory(error);
    else if (problem == OBJECTS_OK && (!description->was_found || code != OK))
        describe_foreign(file, &description->info);
    buf_deinit(&text);
    if (part && description->info.part_count == 0 && part->number == 1) {
        part->is_there = true;
        part->offset = 0;
        part->len = description->info.size;
    }
    return problem;
}

/* The description with other tags. */
static enum error_code retag(struct str text, struct str tags, struct buf *out, struct error *error)
{
    yyjson_doc *doc = NULL;
    yyjson_val *key, *value;
    size_t i, count;
    if (json_parse(text, &doc, error) != OK)
        return error->code;
    buf_append_char(out, '{');
    json_obj_foreach(yyjson_doc_get_root(doc), i, count, key, value) {
        if (str_eq(json_str(key), STR("tags")))
            continue;
        buf_append_json(out, json_str(key));
        buf_append_char(out, ':');
        json_append(out, value);
        buf_append_char(out, ',');
    }
    buf_append_text(out, "\"tags\":");
    buf_append_json(out, tags);
    buf_append_text(out, "}\n");
    json_free(doc);
    return out->failed ? error_no_memory(error) : OK;
}

enum objects_problem object_meta_write_tags(struct objects_dir *dir, struct str bucket, const struct stat *file,
                                            struct str tags, char tmp[64], struct error *error)
{
    char path[META_PATH_MAX];
    struct buf old, text;
    bool was_found = false;
    int fd = -1;
    meta_path(path, bucket, object_stamp(file));
    buf_init(&old, OBJECTS_META_BYTES);
    buf_init(&text, OBJECTS_META_BYTES);
    enum objects_problem problem = object_read_small(dir->root, path, &old, &was_found, error);
    if (problem == OBJECTS_OK && !was_found)
        problem = objects_fail(error, OBJECTS_DENIED, "The file was put there by hand and has no description that "
                               "tags could be written to: copy the object onto itself first.");
    if (problem == OBJECTS_OK && retag(buf_str(&old), tags, &text, error) != OK)
        problem = objects_fail(error, OBJECTS_FAILED, "cannot change the description of an object");
    if (problem == OBJECTS_OK)
        problem = object_tmp_open(dir, tmp, &fd, error);
    if (problem == OBJECTS_OK)
        problem = object_write(fd, text.data, text.len, error);
    if (problem == OBJECTS_OK && io_fsync(fd) != 0)
        problem = objects_fail_errno(error, errno, "cannot sync the description of an object");
    if (problem != OBJECTS_OK && fd >= 0)
        (void)unlinkat(dir->root, tmp, 0);
    if (fd >= 0)
        close(fd);
    buf_deinit(&old);
    buf_deinit(&text);
    return problem;
}

enum objects_problem object_meta_replace(struct objects_dir *dir, struct str bucket, uint64_t stamp, const char *tmp,
                                         struct error *error)
{
    char path[META_PATH_MAX];
    meta_path(path, bucket, stamp);
    if (io_renameat(dir->root, tmp, dir->root, path) != 0)
        return objects_fail_errno(error, errno, "cannot change the description of an object");
    return OBJECTS_OK;
}

bool object_meta_is_there(struct objects_dir *dir, struct str bucket, uint64_t stamp)
{
    char path[META_PATH_MAX];
    meta_path(path, bucket, stamp);
    return faccessat(dir->root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool object_meta_remove(struct objects_dir *dir, struct str bucket, uint64_t stamp)
{
    char path[META_PATH_MAX];
    meta_path(path, bucket, stamp);
    return unlinkat(dir->root, path, 0) == 0;
}

void object_meta_remove_all(struct objects_dir *dir, struct str bucket)
{
    char path[META_PATH_MAX];
    (void)snprintf(path, sizeof(path), OBJECTS_META "/" STR_FMT, STR_ARG(bucket));
    object_remove_tree(dir->root, path);
}
