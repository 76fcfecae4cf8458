/* objects_bucket.c - buckets of the directory: their records, making, listing and deleting them. Objects inside are
 * objects_dir.c's. */
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

static void record_path(char path[RECORD_PATH_MAX], struct str bucket)
{
    (void)snprintf(path, RECORD_PATH_MAX, OBJECTS_BUCKETS "/" STR_FMT, STR_ARG(bucket));
}

static bool is_directory(struct objects_dir *dir, struct str bucket)
{
    char name[OBJECTS_BUCKET_MAX + 1];
    struct stat info;
    (void)snprintf(name, sizeof(name), STR_FMT, STR_ARG(bucket));
    return fstatat(dir->root, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

static void take_text(char *out, size_t cap, yyjson_val *root, const char *key)
{
    (void)snprintf(out, cap, STR_FMT, STR_ARG(json_str(yyjson_obj_get(root, key))));
}

/* Records of earlier versions have no generation: then the time of creation stands for it. */
/* ERROR_NO_MEMORY, or that it is no record. */
static enum error_code parse_record(struct str text, struct bucket_record *record, struct error *error)
{
    yyjson_doc *doc = NULL;
    if (json_parse(text, &doc, error) != OK)
        return error->code;
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *generation = yyjson_obj_get(root, "generation");
    take_text(record->tenant, sizeof(record->tenant), root, "tenant");
    take_text(record->region, sizeof(record->region), root, "region");
    record->created_us = yyjson_get_uint(yyjson_obj_get(root, "created"));
    record->generation = generation ? yyjson_get_uint(generation) : record->created_us;
    json_free(doc);
    return OK;
}

enum objects_problem bucket_record_read(struct objects_dir *dir, struct str bucket, struct bucket_record *record,
                                        bool *exists, struct error *error)
{
    char path[RECORD_PATH_MAX];
    struct buf text;
    *exists = false;
    *record = (struct bucket_record){0};
    if (!is_directory(dir, bucket))
        return OBJECTS_OK;
    record_path(path, bucket);
    buf_init(&text, RECORD_BYTES);
    enum objects_problem problem = object_read_small(dir->root, path, &text, exists, error);
    const enum error_code code = problem == OBJECTS_OK && *exists ? parse_record(buf_str(&text), record, error) : OK;
    if (code == ERROR_NO_MEMORY)
        problem = objects_no_memory(error);
    else if (code != OK)
        problem = objects_fail(error, OBJECTS_FAILED, "%s is damaged: remove it, and make the bucket again", path);
    buf_deinit(&text);
    return problem;
}

enum objects_problem bucket_find(struct objects_dir *dir, struct str tenant, struct str bucket,
                                 struct bucket_record *record, struct error *error)
{
    bool exists;
    enum objects_problem problem = bucket_record_read(dir, bucket, record, &exists, error);
    if (problem != OBJECTS_OK)
        return problem;
    return exists && str_eq(tenant, str_of(record->tenant)) ? OBJECTS_OK : objects_no_bucket(error, bucket);
}

bool objects_bucket_is_of(const char *directory, struct str tenant, struct str bucket)
{
    struct objects_dir dir = {.root = open(directory, O_DIRECTORY | O_RDONLY | O_CLOEXEC)};
    struct bucket_record record;
    struct error ignored;
    const bool is_of = dir.root >= 0 && objects_check_bucket(bucket, &ignored) == OBJECTS_OK &&
                       bucket_find(&dir, tenant, bucket, &record, &ignored) == OBJECTS_OK;
    if (dir.root >= 0)
        (void)close(dir.root);
    return is_of;
}

enum objects_problem bucket_is_still(struct objects_dir *dir, struct str bucket, uint64_t generation,
                                     struct error *error)
{
    struct bucket_record record;
    bool exists;
    enum objects_problem problem = bucket_record_read(dir, bucket, &record, &exists, error);
    if (problem != OBJECTS_OK)
        return problem;
    return exists && record.generation == generation ? OBJECTS_OK : objects_no_bucket(error, bucket);
}

enum objects_problem objects_dir_bucket_head(struct objects *objects, struct str tenant, struct str bucket,
                                             struct objects_bucket *found, struct error *error)
{
    struct bucket_record record;
    enum objects_problem problem = bucket_find(objects_dir_of(objects), tenant, bucket, &record, error);
    if (problem == OBJECTS_OK && found) {
        *found = (struct objects_bucket){.name = bucket, .created_us = record.created_us};
        memcpy(found->region, record.region, sizeof(found->region));
    }
    return problem;
}

static enum objects_problem write_record(struct objects_dir *dir, struct str tenant, struct str bucket,
                                         struct str region, struct error *error)
{
    char path[RECORD_PATH_MAX];
    uint64_t generation;
    struct buf text;
    random_bytes(&generation, sizeof(generation));
    record_path(path, bucket);
    buf_init(&text, RECORD_BYTES);
    buf_append_text(&text, "{\"tenant\":");
    buf_append_json(&text, tenant);
    buf_append_text(&text, ",\"region\":");
    buf_append_json(&text, region);
    buf_appendf(&text, ",\"created\":%" PRIu64 ",\"generation\":%" PRIu64 "}\n", clock_wall_us(), generation);
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
    return is_directory(dir, bucket) ? OBJECTS_OK
                                     : objects_fail(error, OBJECTS_BUCKET_TAKEN,
                                                    "The requested bucket name is not available: what has it on the "
                                                    "server's disk is no directory.");
}

/* Two who make one bucket at once must not both have it: the winner's record is there before the other looks. A record
 * that a crash has left of an earlier bucket goes before the directory comes back. */
enum objects_problem objects_dir_bucket_create(struct objects *objects, struct str tenant, struct str bucket,
                                               struct str region, struct error *error)
{
    struct objects_dir *dir = objects_dir_of(objects);
    struct bucket_record record;
    char path[RECORD_PATH_MAX];
    bool exists;
    record_path(path, bucket);
    pthread_mutex_lock(&dir->bucket_mutex);
    enum objects_problem problem = bucket_record_read(dir, bucket, &record, &exists, error);
    if (problem == OBJECTS_OK && exists)
        problem = str_eq(tenant, str_of(record.tenant))
                      ? objects_fail(error, OBJECTS_BUCKET_OWNED,
                                     "Your previous request to create the named bucket succeeded and you already own "
                                     "it.")
                      : objects_fail(error, OBJECTS_BUCKET_TAKEN, "The requested bucket name is not available.");
    if (problem == OBJECTS_OK && !is_directory(dir, bucket))
        (void)unlinkat(dir->root, path, 0);
    if (problem == OBJECTS_OK)
        problem = make_directories(dir, bucket, error);
    if (problem == OBJECTS_OK)
        problem = write_record(dir, tenant, bucket, region, error);
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

/* Whoever holds the mutex and finds the record may rely on the directory being that bucket's: the directory goes under
 * the mutex, the record before the name can be taken again. */
enum objects_problem objects_dir_bucket_delete(struct objects *objects, struct str tenant, struct str bucket,
                                               struct error *error)
{
    struct objects_dir *dir = objects_dir_of(objects);
    char path[RECORD_PATH_MAX], name[OBJECTS_BUCKET_MAX + 1];
    struct bucket_record record;
    (void)snprintf(name, sizeof(name), STR_FMT, STR_ARG(bucket));
    record_path(path, bucket);
    pthread_mutex_lock(&dir->bucket_mutex);
    enum objects_problem problem = bucket_find(dir, tenant, bucket, &record, error);
    bool is_removed = false;
    if (problem == OBJECTS_OK) {
        pthread_mutex_lock(&dir->mutex);
        is_removed = remove_empty(dir->root, name);
        pthread_mutex_unlock(&dir->mutex);
    }
    if (is_removed) {
        (void)unlinkat(dir->root, path, 0);
        object_meta_remove_all(dir, bucket);
    }
    pthread_mutex_unlock(&dir->bucket_mutex);
    if (problem != OBJECTS_OK)
        return problem;
    if (!is_removed)
        return objects_fail(error, OBJECTS_BUCKET_NOT_EMPTY, "The bucket you tried to delete is not empty");
    objects_uploads_remove_all(dir, bucket, &record);
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
    struct bucket_record record;
    bool exists;
    struct error ignored;
    if (objects_check_bucket(name, &ignored) != OBJECTS_OK)
        return OBJECTS_OK;
    enum objects_problem problem = bucket_record_read(dir, name, &record, &exists, error);
    if (problem != OBJECTS_OK || !exists || !str_eq(tenant, str_of(record.tenant)))
        return problem;
    struct objects_bucket bucket = {.created_us = record.created_us};
    memcpy(bucket.region, record.region, sizeof(bucket.region));
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
