#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/json.h"
#include "core/util.h"
#include "store/objects_dir.h"

#define RECORD_BYTES 4096
#define RECORD_PATH_MAX 96

struct record {
    char tenant[OBJECTS_TENANT_MAX + 1];
    uint64_t created_us;
};

static void record_path(char path[RECORD_PATH_MAX], struct str bucket)
{
    (void)snprintf(path, RECORD_PATH_MAX, OBJECTS_BUCKETS "/" STR_FMT, STR_ARG(bucket));
}

/* *exists is true when both the directory and the record are there. */
static enum objects_problem read_record(struct objects_dir *dir, struct str bucket, struct record *record,
                                        bool *exists, struct error *error)
{
    char path[RECORD_PATH_MAX], name[OBJECTS_BUCKET_MAX + 1];
    struct stat info;
    struct buf text;
    yyjson_doc *doc = NULL;
    *exists = false;
    *record = (struct record){0};
    (void)snprintf(name, sizeof(name), STR_FMT, STR_ARG(bucket));
    if (fstatat(dir->root, name, &info, 0) != 0 || !S_ISDIR(info.st_mode))
        return OBJECTS_OK;
    record_path(path, bucket);
    buf_init(&text, RECORD_BYTES);
    enum objects_problem problem = object_read_small(dir->root, path, &text, exists, error);
    if (problem == OBJECTS_OK && *exists && json_parse(buf_str(&text), &doc, error) != OK)
        problem = objects_fail(error, OBJECTS_FAILED, "%s is damaged: remove it, and make the bucket again", path);
    if (doc) {
        yyjson_val *root = yyjson_doc_get_root(doc);
        (void)snprintf(record->tenant, sizeof(record->tenant), STR_FMT,
                       STR_ARG(json_str(yyjson_obj_get(root, "tenant"))));
        record->created_us = yyjson_get_uint(yyjson_obj_get(root, "created"));
    }
    json_free(doc);
    buf_deinit(&text);
    return problem;
}

enum objects_problem objects_dir_bucket_head(struct objects *objects, struct str tenant, struct str bucket,
                                             struct error *error)
{
    struct record record;
    bool exists;
    enum objects_problem problem = read_record(objects_dir_of(objects), bucket, &record, &exists, error);
    if (problem != OBJECTS_OK)
        return problem;
    return exists && str_eq(tenant, str_of(record.tenant)) ? OBJECTS_OK : objects_no_bucket(error, bucket);
}

static enum objects_problem write_record(struct objects_dir *dir, struct str tenant, struct str bucket,
                                         struct error *error)
{
    char path[RECORD_PATH_MAX];
    struct buf text;
    record_path(path, bucket);
    buf_init(&text, RECORD_BYTES);
    buf_append_text(&text, "{\"tenant\":");
    buf_append_json(&text, tenant);
    buf_appendf(&text, ",\"created\":%" PRIu64 "}\n", clock_wall_us());
    enum objects_problem problem =
        text.failed ? objects_no_memory(error) : object_write_small(dir, path, buf_str(&text), error);
    buf_deinit(&text);
    return problem;
}

static enum objects_problem make_directories(struct objects_dir *dir, struct str bucket, struct error *error)
{
    char name[OBJECTS_BUCKET_MAX + 1], meta[128];
    (void)snprintf(name, sizeof(name), STR_FMT, STR_ARG(bucket));
    (void)snprintf(meta, sizeof(meta), OBJECTS_META "/%s", name);
    if ((mkdirat(dir->root, meta, 0700) != 0 && errno != EEXIST) ||
        (mkdirat(dir->root, name, 0700) != 0 && errno != EEXIST))
        return objects_fail_errno(error, errno, "cannot make the bucket %s", name);
    return OBJECTS_OK;
}

/* Two who make one bucket at once must not both have it: the winner's record is there before the other looks. */
enum objects_problem objects_dir_bucket_create(struct objects *objects, struct str tenant, struct str bucket,
                                               struct error *error)
{
    struct objects_dir *dir = objects_dir_of(objects);
    struct record record;
    bool exists;
    pthread_mutex_lock(&dir->bucket_mutex);
    enum objects_problem problem = read_record(dir, bucket, &record, &exists, error);
    if (problem == OBJECTS_OK && exists)
        problem = str_eq(tenant, str_of(record.tenant))
                      ? objects_fail(error, OBJECTS_BUCKET_OWNED,
                                     "Your previous request to create the named bucket succeeded and you already own "
                                     "it.")
                      : objects_fail(error, OBJECTS_BUCKET_TAKEN, "The requested bucket name is not available.");
    if (problem == OBJECTS_OK)
        problem = make_directories(dir, bucket, error);
    if (problem == OBJECTS_OK)
        problem = write_record(dir, tenant, bucket, error);
    pthread_mutex_unlock(&dir->bucket_mutex);
    if (problem != OBJECTS_OK)
        return problem;
    object_sync_directory(dir, OBJECTS_META);
    object_sync_directory(dir, OBJECTS_BUCKETS);
    object_sync_directory(dir, ".");
    return OBJECTS_OK;
}

/* Directories without a file in them are no objects. */
static bool remove_empty(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *opened = fd >= 0 ? fdopendir(fd) : NULL;
    bool is_empty = opened != NULL;
    if (fd >= 0 && !opened)
        close(fd);
    for (struct dirent *entry; is_empty && (entry = readdir(opened));)
        is_empty = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || remove_empty(fd, entry->d_name);
    if (opened)
        (void)closedir(opened);
    return is_empty && unlinkat(at, name, AT_REMOVEDIR) == 0;
}

static void remove_uploads(struct objects *objects, struct str tenant, struct str bucket)
{
    struct arena arena;
    struct objects_upload *uploads;
    size_t count = 0;
    struct error ignored;
    arena_init(&arena, 0);
    if (objects_upload_list(objects, tenant, bucket, &arena, &uploads, &count, &ignored) == OBJECTS_OK)
        for (size_t i = 0; i < count; i++)
            object_upload_remove(objects_dir_of(objects), uploads[i].id);
    arena_deinit(&arena);
}

enum objects_problem objects_dir_bucket_delete(struct objects *objects, struct str tenant, struct str bucket,
                                               struct error *error)
{
    struct objects_dir *dir = objects_dir_of(objects);
    char path[RECORD_PATH_MAX], name[OBJECTS_BUCKET_MAX + 1];
    enum objects_problem problem = objects_dir_bucket_head(objects, tenant, bucket, error);
    if (problem != OBJECTS_OK)
        return problem;
    (void)snprintf(name, sizeof(name), STR_FMT, STR_ARG(bucket));
    record_path(path, bucket);
    remove_uploads(objects, tenant, bucket);
    pthread_mutex_lock(&dir->bucket_mutex);
    pthread_mutex_lock(&dir->mutex);
    bool is_removed = remove_empty(dir->root, name);
    pthread_mutex_unlock(&dir->mutex);
    if (is_removed) {
        (void)unlinkat(dir->root, path, 0);
        object_meta_remove_all(dir, bucket);
    }
    pthread_mutex_unlock(&dir->bucket_mutex);
    if (!is_removed)
        return objects_fail(error, OBJECTS_BUCKET_NOT_EMPTY, "The bucket you tried to delete is not empty");
    object_sync_directory(dir, OBJECTS_BUCKETS);
    object_sync_directory(dir, ".");
    return OBJECTS_OK;
}

static int compare_names(const void *a, const void *b)
{
    const struct objects_bucket *x = a, *y = b;
    size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order = memcmp(x->name.data, y->name.data, len);
    return order != 0 ? order : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

/* One record of the directory; other tenants' and half-made buckets add nothing. */
static enum objects_problem add_bucket(struct objects_dir *dir, struct str name, struct str tenant, struct arena *arena,
                                       void **found, size_t *count, size_t *cap, struct error *error)
{
    struct record record;
    bool exists;
    struct error ignored;
    if (objects_check_bucket(name, &ignored) != OBJECTS_OK)
        return OBJECTS_OK;
    enum objects_problem problem = read_record(dir, name, &record, &exists, error);
    if (problem != OBJECTS_OK || !exists || !str_eq(tenant, str_of(record.tenant)))
        return problem;
    struct objects_bucket bucket = {.created_us = record.created_us};
    if (!mem_grow(found, *count, cap, sizeof(bucket)) || !arena_str(arena, name, &bucket.name))
        return objects_no_memory(error);
    ((struct objects_bucket *)*found)[(*count)++] = bucket;
    return OBJECTS_OK;
}

enum objects_problem objects_dir_bucket_list(struct objects *objects, struct str tenant, struct arena *arena,
                                             struct objects_bucket **buckets, size_t *count, struct error *error)
{
    struct objects_dir *dir = objects_dir_of(objects);
    int fd = openat(dir->root, OBJECTS_BUCKETS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *opened = fd >= 0 ? fdopendir(fd) : NULL;
    void *found = NULL;
    size_t cap = 0;
    *count = 0;
    *buckets = NULL;
    if (!opened)
        return objects_fail_errno(error, errno, "cannot list the buckets");
    enum objects_problem problem = OBJECTS_OK;
    for (struct dirent *entry; problem == OBJECTS_OK && (entry = readdir(opened));)
        problem = add_bucket(dir, str_of(entry->d_name), tenant, arena, &found, count, &cap, error);
    (void)closedir(opened);
    if (problem == OBJECTS_OK && *count > 0) {
        qsort(found, *count, sizeof(struct objects_bucket), compare_names);
        *buckets = arena_array(arena, *count, sizeof(struct objects_bucket));
        if (*buckets)
            memcpy(*buckets, found, *count * sizeof(struct objects_bucket));
        else
            problem = objects_no_memory(error);
    }
    mem_free(found);
    return problem;
}
