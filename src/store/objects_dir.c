/* objects_dir.c - objects in a directory: put, get, delete, and how a file gets to its place. Listing is
 * objects_list.c, buckets objects_bucket.c. See objects_dir.h. */
#include "store/objects_dir.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "core/io.h"
#include "core/util.h"
#include "store/disk.h"

#define OPEN_TRIES 100 /* an object replaced again and again while it is being opened */

/* --- small things --- */

void object_sync_directory(struct objects_dir *dir, const char *path)
{
    int fd = openat(dir->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

enum objects_problem object_write(int fd, const void *data, size_t len, struct error *error)
{
    if (disk_admit(len, error) != OK)
        return OBJECTS_UNAVAILABLE;
    return io_write_all(fd, data, len) ? OBJECTS_OK : objects_fail_errno(error, errno, "cannot write an object");
}

enum objects_problem object_read_small(int at, const char *path, struct buf *text, bool *was_found,
                                       struct error *error)
{
    int fd = openat(at, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    *was_found = fd >= 0;
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return OBJECTS_OK;
    if (fd < 0)
        return objects_fail_errno(error, errno, "cannot read %s", path);
    enum objects_problem problem = OBJECTS_OK;
    for (ssize_t len = 1; len > 0 && problem == OBJECTS_OK;) {
        char window[4096];
        do
            len = io_read(fd, window, sizeof(window));
        while (len < 0 && errno == EINTR);
        if (len < 0)
            problem = objects_fail_errno(error, errno, "cannot read %s", path);
        else if (len > 0 && !buf_append(text, window, (size_t)len))
            problem = objects_no_memory(error);
    }
    close(fd);
    return problem;
}

enum objects_problem object_tmp_open(struct objects_dir *dir, char name[64], int *fd, struct error *error)
{
    pthread_mutex_lock(&dir->mutex);
    uint64_t number = dir->next_file++;
    pthread_mutex_unlock(&dir->mutex);
    (void)snprintf(name, 64, OBJECTS_TMP "/%" PRIu64, number);
    *fd = io_openat(dir->root, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return *fd >= 0 ? OBJECTS_OK : objects_fail_errno(error, errno, "cannot make %s", name);
}

enum objects_problem object_write_small(struct objects_dir *dir, const char *path, struct str text,
                                        struct error *error)
{
    char tmp[64];
    int fd;
    enum objects_problem problem = object_tmp_open(dir, tmp, &fd, error);
    if (problem != OBJECTS_OK)
        return problem;
    problem = object_write(fd, text.data, text.len, error);
    if (problem == OBJECTS_OK && (io_fsync(fd) != 0 || io_renameat(dir->root, tmp, dir->root, path) != 0))
        problem = objects_fail_errno(error, errno, "cannot write %s", path);
    close(fd);
    if (problem != OBJECTS_OK)
        (void)unlinkat(dir->root, tmp, 0);
    return problem;
}

void object_remove_tree(int at, const char *path)
{
    int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *opened = fd >= 0 ? fdopendir(fd) : NULL;
    if (!opened) {
        if (fd >= 0)
            close(fd);
        (void)unlinkat(at, path, 0);
        return;
    }
    for (struct dirent *entry; (entry = readdir(opened));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (unlinkat(fd, entry->d_name, 0) != 0)
            object_remove_tree(fd, entry->d_name);
    }
    (void)closedir(opened);
    (void)unlinkat(at, path, AT_REMOVEDIR);
}

/* --- writing --- */

/* The mutex is held. `was` is what is there now; *is_there tells. */
static enum objects_problem check_place(struct objects_dir *dir, const struct object_publication *publication,
                                        struct object_place *place, struct stat *was, bool *is_there,
                                        struct error *error)
{
    const struct objects_conditions *conditions = publication->conditions;
    struct object_description description;
    if (!object_place_find(place, was, is_there))
        return objects_fail_errno(error, errno, "cannot name an object");
    if (!*is_there)
        return objects_check_conditions(conditions, NULL, error);
    if (!objects_is_conditional(conditions))
        return OBJECTS_OK;
    enum objects_problem problem = object_meta_read(dir, publication->bucket, was, &description, NULL, error);
    return problem == OBJECTS_OK ? objects_check_conditions(conditions, &description.info, error) : problem;
}

static enum objects_problem fail_place(struct error *error, struct str bucket, int os_errno)
{
    if (os_errno == ENOENT)
        return objects_no_bucket(error, bucket);
    if (os_errno == ENOTDIR || os_errno == ELOOP)
        return objects_fail(error, OBJECTS_DENIED,
                            "On the server's disk a part of the key is a link or another thing that is no directory: "
                            "it is not followed.");
    return objects_fail_errno(error, os_errno, "cannot name an object");
}

/* *old_stamp: of what was replaced, else 0. */
static enum objects_problem rename_to_place(struct objects_dir *dir, struct object_publication *publication,
                                            struct object_place *place, uint64_t *old_stamp, struct error *error)
{
    struct stat was = {0};
    bool is_there = false;
    *old_stamp = 0;
    pthread_mutex_lock(&dir->mutex);
    enum objects_problem problem = bucket_is_still(dir, publication->bucket, publication->generation, error);
    bool is_made = problem == OBJECTS_OK && object_place_make(place, dir->root, publication->bucket, publication->key);
    if (problem == OBJECTS_OK && !is_made)
        problem = fail_place(error, publication->bucket, errno);
    if (problem == OBJECTS_OK)
        problem = check_place(dir, publication, place, &was, &is_there, error);
    if (problem == OBJECTS_OK && io_renameat(dir->root, publication->tmp, place->parent, place->name) != 0)
        problem = objects_fail_errno(error, errno, "cannot name an object");
    if (problem == OBJECTS_OK && is_there)
        *old_stamp = object_stamp(&was);
    if (is_made && problem != OBJECTS_OK)
        object_place_prune(place);
    pthread_mutex_unlock(&dir->mutex);
    publication->replaced = (uint64_t)was.st_size;
    return problem;
}

enum objects_problem object_publish(struct objects_dir *dir, struct object_publication *publication,
                                    struct objects_info *info, struct error *error)
{
    struct object_place place = {.parent = -1};
    uint64_t stamp, old_stamp;
    enum objects_problem problem = object_meta_write(dir, publication, info, &stamp, error);
    if (problem != OBJECTS_OK)
        return problem;
    problem = rename_to_place(dir, publication, &place, &old_stamp, error);
    if (problem == OBJECTS_OK)
        (void)fsync(place.parent);
    else
        (void)object_meta_remove(dir, publication->bucket, stamp);
    object_place_close(&place);
    if (problem != OBJECTS_OK || old_stamp == 0 || !object_meta_remove(dir, publication->bucket, old_stamp))
        publication->replaced = 0;
    return problem;
}

struct dir_put {
    struct objects_put base; /* first */
    struct objects_dir *dir;
    struct objects_conditions conditions;
    struct objects_charge charge;
    uint64_t generation; /* of the bucket */
    int fd;
    char tmp[64];
    char bucket[OBJECTS_BUCKET_MAX], key[OBJECTS_KEY_MAX];
    size_t bucket_len, key_len;
};

static enum objects_problem put_append(struct objects_put *base, const void *data, size_t len, struct error *error)
{
    struct dir_put *put = (struct dir_put *)base;
    enum objects_problem problem =
        objects_charge_raise(&put->dir->usage, &put->charge, base->info.size + len, error);
    return problem == OBJECTS_OK ? object_write(put->fd, data, len, error) : problem;
}

static enum objects_problem put_commit(struct objects_put *base, struct error *error)
{
    struct dir_put *put = (struct dir_put *)base;
    struct object_publication publication = {.bucket = {put->bucket, put->bucket_len},
                                             .key = {put->key, put->key_len},
                                             .generation = put->generation,
                                             .tmp = put->tmp,
                                             .fd = put->fd,
                                             .conditions = &put->conditions};
    enum objects_problem problem = object_publish(put->dir, &publication, &base->info, error);
    if (problem != OBJECTS_OK)
        return problem;
    put->tmp[0] = '\0';
    objects_charge_keep(&put->dir->usage, &put->charge, base->info.size, publication.replaced);
    return OBJECTS_OK;
}

static void put_free(struct objects_put *base)
{
    struct dir_put *put = (struct dir_put *)base;
    if (put->fd >= 0)
        close(put->fd);
    if (put->tmp[0])
        (void)unlinkat(put->dir->root, put->tmp, 0);
    objects_charge_drop(&put->dir->usage, &put->charge);
    objects_put_deinit(base);
    mem_free(put);
}

static const struct objects_put_ops put_ops = {.append = put_append, .commit = put_commit, .free = put_free};

/* Of what the server wrote under the key; 0 without. */
static uint64_t counted_size(struct objects_dir *dir, struct str bucket, struct str key)
{
    struct object_place place;
    struct stat info;
    bool is_there = false;
    if (!dir->usage.quota || !object_place_open(&place, dir->root, bucket, key))
        return 0;
    bool is_found = object_place_find(&place, &info, &is_there);
    object_place_close(&place);
    return is_found && is_there && object_meta_is_there(dir, bucket, object_stamp(&info)) ? (uint64_t)info.st_size : 0;
}

/* What was announced is counted before the first byte. */
enum objects_problem object_charge_begin(struct objects_dir *dir, struct str tenant, uint64_t replaced,
                                         uint64_t expected_size, struct objects_charge *charge, struct error *error)
{
    enum objects_problem problem = objects_charge_begin(&dir->usage, tenant, replaced, charge, error);
    if (problem == OBJECTS_OK && expected_size != OBJECTS_SIZE_UNKNOWN)
        problem = objects_charge_raise(&dir->usage, charge, expected_size, error);
    return problem;
}

static enum objects_problem put_begin(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                      const struct objects_put_options *options, struct objects_put **put,
                                      struct error *error)
{
    struct objects_dir *dir = objects_dir_of(objects);
    struct bucket_record record;
    enum objects_problem problem = bucket_find(dir, tenant, bucket, &record, error);
    if (problem != OBJECTS_OK)
        return problem;
    if (options->expected_size != OBJECTS_SIZE_UNKNOWN && disk_admit(options->expected_size, error) != OK)
        return OBJECTS_UNAVAILABLE;
    struct dir_put *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return objects_no_memory(error);
    made->dir = dir;
    made->conditions = options->conditions;
    made->generation = record.generation;
    made->fd = -1;
    problem = objects_put_init(&made->base, &put_ops, options, error);
    if (problem == OBJECTS_OK)
        problem = object_charge_begin(dir, tenant, counted_size(dir, bucket, key), options->expected_size,
                                      &made->charge, error);
    if (problem == OBJECTS_OK)
        problem = object_tmp_open(dir, made->tmp, &made->fd, error);
    if (problem != OBJECTS_OK) {
        put_free(&made->base);
        return problem;
    }
    memcpy(made->bucket, bucket.data, bucket.len);
    memcpy(made->key, key.data, key.len);
    made->bucket_len = bucket.len;
    made->key_len = key.len;
    *put = &made->base;
    return OBJECTS_OK;
}

/* --- reading --- */

static enum objects_problem open_once(struct objects_dir *dir, struct str bucket, struct str key, int *fd,
                                      struct stat *file, struct error *error)
{
    struct object_place place;
    *fd = object_place_open(&place, dir->root, bucket, key) ? object_place_read(&place, file) : -1;
    int os_errno = errno;
    object_place_close(&place);
    if (*fd >= 0)
        return OBJECTS_OK;
    return os_errno == ENOENT || os_errno == ENOTDIR ? objects_no_key(error, key)
                                                     : objects_fail_errno(error, os_errno, "cannot open an object");
}

/* A file without a description was put there by hand, or has just been
 * replaced and its description removed: then the name gives another file now. */
enum objects_problem object_open(struct objects_dir *dir, struct str bucket, struct str key, int *fd,
                                 struct object_description *description, struct object_part *part,
                                 struct error *error)
{
    struct stat file, again = {0};
    for (int i = 0; i < OPEN_TRIES; i++) {
        enum objects_problem problem = open_once(dir, bucket, key, fd, &file, error);
        if (problem == OBJECTS_OK) {
            problem = object_meta_read(dir, bucket, &file, description, part, error);
            if (problem == OBJECTS_OK &&
                (description->was_found || (file.st_ino == again.st_ino && file.st_dev == again.st_dev)))
                return OBJECTS_OK;
            close(*fd);
        }
        if (problem != OBJECTS_OK)
            return problem;
        again = file;
    }
    return objects_fail(error, OBJECTS_UNAVAILABLE, "the object changes too fast, try again");
}

struct dir_reader {
    struct objects_reader base; /* first */
    int fd;
    uint64_t offset, left;
};

static enum objects_problem reader_read(struct objects_reader *base, void *data, size_t cap, size_t *len,
                                        struct error *error)
{
    struct dir_reader *reader = (struct dir_reader *)base;
    size_t wanted = cap < reader->left ? cap : (size_t)reader->left;
    ssize_t got;
    do
        got = wanted > 0 ? io_pread(reader->fd, data, wanted, (off_t)reader->offset) : 0;
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return objects_fail_errno(error, errno, "cannot read an object");
    if (got == 0 && wanted > 0)
        return objects_fail(error, OBJECTS_FAILED, "the object was cut short on the disk");
    reader->offset += (uint64_t)got;
    reader->left -= (uint64_t)got;
    *len = (size_t)got;
    return OBJECTS_OK;
}

static void reader_free(struct objects_reader *base)
{
    struct dir_reader *reader = (struct dir_reader *)base;
    close(reader->fd);
    mem_free(reader);
}

static const struct objects_reader_ops reader_ops = {.read = reader_read, .free = reader_free};

/* The bucket is the tenant's before and after: what was opened in between is. */
static enum objects_problem open_checked(struct objects_dir *dir, struct str tenant, struct str bucket, struct str key,
                                         int *fd, struct object_description *description, struct object_part *part,
                                         struct error *error)
{
    struct bucket_record record;
    enum objects_problem problem = bucket_find(dir, tenant, bucket, &record, error);
    if (problem == OBJECTS_OK)
        problem = object_open(dir, bucket, key, fd, description, part, error);
    if (problem != OBJECTS_OK)
        return problem;
    problem = bucket_is_still(dir, bucket, record.generation, error);
    if (problem != OBJECTS_OK)
        close(*fd);
    return problem;
}

static enum objects_problem reader_open(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                        uint64_t offset, uint64_t len, struct objects_info *info,
                                        struct objects_reader **reader, struct error *error)
{
    int fd;
    struct object_description found;
    enum objects_problem problem =
        open_checked(objects_dir_of(objects), tenant, bucket, key, &fd, &found, NULL, error);
    if (problem != OBJECTS_OK)
        return problem;
    if (info)
        *info = found.info;
    problem = objects_cut_range(found.info.size, offset, &len, error);
    struct dir_reader *made = problem == OBJECTS_OK ? mem_calloc(1, sizeof(*made)) : NULL;
    if (!made) {
        close(fd);
        return problem == OBJECTS_OK ? objects_no_memory(error) : problem;
    }
    *made = (struct dir_reader){.base.ops = &reader_ops, .fd = fd, .offset = offset, .left = len};
    *reader = &made->base;
    return OBJECTS_OK;
}

static enum objects_problem describe(struct objects_dir *dir, struct str tenant, struct str bucket, struct str key,
                                     struct objects_info *info, struct object_part *part, struct error *error)
{
    int fd;
    struct object_description found;
    enum objects_problem problem = open_checked(dir, tenant, bucket, key, &fd, &found, part, error);
    if (problem != OBJECTS_OK)
        return problem;
    close(fd);
    *info = found.info;
    return OBJECTS_OK;
}

static enum objects_problem head(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                 struct objects_info *info, struct error *error)
{
    return describe(objects_dir_of(objects), tenant, bucket, key, info, NULL, error);
}

enum objects_problem objects_head_part(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                       unsigned number, struct objects_info *info, uint64_t *offset, uint64_t *len,
                                       struct error *error)
{
    struct object_part part = {.number = number};
    assert(!objects->is_remote);
    enum objects_problem problem = objects_check_bucket(bucket, error);
    if (problem == OBJECTS_OK)
        problem = objects_check_key(key, error);
    if (problem == OBJECTS_OK)
        problem = describe(objects_dir_of(objects), tenant, bucket, key, info, &part, error);
    *offset = part.offset;
    *len = part.len;
    if (problem != OBJECTS_OK || part.is_there)
        return problem;
    return objects_fail(error, OBJECTS_BAD_PART, "The object has %u parts.", info->part_count ? info->part_count : 1);
}

enum objects_problem objects_head_parts(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                        struct objects_info *info, uint64_t *sizes, struct error *error)
{
    struct object_part part = {.sizes = sizes};
    assert(!objects->is_remote);
    enum objects_problem problem = objects_check_bucket(bucket, error);
    if (problem == OBJECTS_OK)
        problem = objects_check_key(key, error);
    return problem == OBJECTS_OK ? describe(objects_dir_of(objects), tenant, bucket, key, info, &part, error) : problem;
}

/* --- deleting --- */

/* The mutex is held. */
static enum objects_problem unlink_object(struct objects_dir *dir, struct str tenant, struct str bucket,
                                          struct str key, const struct objects_conditions *conditions,
                                          struct object_place *place, struct stat *was, bool *is_gone,
                                          struct error *error)
{
    struct bucket_record record;
    struct object_publication publication = {.bucket = bucket, .key = key, .conditions = conditions};
    bool is_there = false;
    enum objects_problem problem = bucket_find(dir, tenant, bucket, &record, error);
    if (problem != OBJECTS_OK)
        return problem;
    if (!object_place_open(place, dir->root, bucket, key))
        return errno == ENOENT || errno == ENOTDIR ? OBJECTS_OK
                                                   : objects_fail_errno(error, errno, "cannot delete an object");
    problem = check_place(dir, &publication, place, was, &is_there, error);
    if (!is_there) /* whatever was asked of it: there is nothing that a deletion could do wrong */
        return problem == OBJECTS_NO_KEY ? OBJECTS_OK : problem;
    if (problem != OBJECTS_OK)
        return problem;
    if (unlinkat(place->parent, place->name, 0) != 0)
        return objects_fail_errno(error, errno, "cannot delete an object");
    *is_gone = true;
    object_place_prune(place);
    return OBJECTS_OK;
}

static enum objects_problem delete(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                   const struct objects_conditions *conditions, struct error *error)
{
    struct objects_dir *dir = objects_dir_of(objects);
    struct object_place place = {.parent = -1};
    struct stat was;
    bool is_gone = false;
    pthread_mutex_lock(&dir->mutex);
    enum objects_problem problem =
        unlink_object(dir, tenant, bucket, key, conditions, &place, &was, &is_gone, error);
    pthread_mutex_unlock(&dir->mutex);
    if (is_gone)
        (void)fsync(place.parent);
    object_place_close(&place);
    if (is_gone && object_meta_remove(dir, bucket, object_stamp(&was)))
        objects_usage_subtract(&dir->usage, tenant, (uint64_t)was.st_size);
    return problem;
}

/* --- life --- */

static void dir_close(struct objects *objects)
{
    struct objects_dir *dir = objects_dir_of(objects);
    if (dir->root >= 0)
        close(dir->root);
    objects_usage_deinit(&dir->usage);
    pthread_mutex_destroy(&dir->upload_mutex);
    pthread_mutex_destroy(&dir->bucket_mutex);
    pthread_mutex_destroy(&dir->mutex);
    mem_free(dir);
}

static bool dir_bytes(struct objects *objects, struct str tenant, uint64_t *bytes)
{
    return objects_usage_bytes(&((struct objects_dir *)objects)->usage, tenant, bytes);
}

static const struct objects_ops dir_ops = {
    .close = dir_close,
    .bucket_create = objects_dir_bucket_create,
    .bucket_head = objects_dir_bucket_head,
    .bucket_delete = objects_dir_bucket_delete,
    .bucket_list = objects_dir_bucket_list,
    .head = head,
    .delete = delete,
    .put_begin = put_begin,
    .reader_open = reader_open,
    .list = objects_dir_list,
    .bytes = dir_bytes,
};

static enum error_code open_root(struct objects_dir *dir, const char *root, struct error *error)
{
    static const char *const needed[] = {OBJECTS_HIDDEN, OBJECTS_BUCKETS, OBJECTS_META, OBJECTS_TMP, OBJECTS_UPLOADS};
    if (mkdir(root, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, ERROR_IO, errno, "cannot make the directory of objects %s", root);
    dir->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir->root < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot open the directory of objects %s", root);
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (mkdirat(dir->root, needed[i], 0700) != 0 && errno != EEXIST)
            return error_set_errno(error, ERROR_IO, errno, "cannot make %s/%s", root, needed[i]);
    return OK;
}

enum error_code objects_dir_open(const struct objects_options *options, struct objects **objects,
                                 struct error *error)
{
    struct objects_dir *dir = mem_calloc(1, sizeof(*dir));
    if (!dir)
        return error_no_memory(error);
    dir->base.ops = &dir_ops;
    dir->root = -1;
    pthread_mutex_init(&dir->bucket_mutex, NULL);
    pthread_mutex_init(&dir->mutex, NULL);
    pthread_mutex_init(&dir->upload_mutex, NULL);
    objects_usage_init(&dir->usage, options->quota, options->quota_ctx);
    enum error_code code = open_root(dir, options->directory, error);
    if (code == OK)
        code = objects_dir_recover(dir, error);
    if (code == OK)
        *objects = &dir->base;
    else
        dir_close(&dir->base);
    return code;
}
