#include "store/objects_dir.h"

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

bool object_path_of(struct object_path *path, struct str bucket, struct str key)
{
    struct buf text;
    buf_init(&text, sizeof(path->text));
    bool fits = object_path_append(&text, bucket, key);
    if (fits)
        memcpy(path->text, text.data, text.len + 1);
    path->bucket_len = bucket.len;
    buf_deinit(&text);
    return fits;
}

void object_sync_directory(struct objects_dir *dir, const char *path)
{
    int fd = openat(dir->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

/* The directory that holds `path`, or the nearest above it that is still there. */
static void sync_parent(struct objects_dir *dir, const char *path)
{
    char parent[OBJECT_PATH_MAX];
    (void)snprintf(parent, sizeof(parent), "%s", path);
    for (char *slash; (slash = strrchr(parent, '/'));) {
        *slash = '\0';
        int fd = openat(dir->root, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            continue;
        (void)fsync(fd);
        close(fd);
        return;
    }
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
        len = read(fd, window, sizeof(window));
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
    *fd = openat(dir->root, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
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
    if (problem == OBJECTS_OK && (fsync(fd) != 0 || renameat(dir->root, tmp, dir->root, path) != 0))
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

/* --- names that change: the mutex is held --- */

static bool is_file(struct objects_dir *dir, const char *path, struct stat *info)
{
    return fstatat(dir->root, path, info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info->st_mode);
}

static bool step_aside(struct object_path *path)
{
    size_t len = strlen(path->text);
    if (len + sizeof(OBJECT_ASIDE) > sizeof(path->text))
        return false;
    memcpy(path->text + len, OBJECT_ASIDE, sizeof(OBJECT_ASIDE));
    return true;
}

/* Makes the directory `prefix`; a file of that name steps aside. A new one is
 * synced at once: whoever puts an object into it relies on it. */
static bool make_directory(struct objects_dir *dir, const char *prefix)
{
    struct stat info;
    if (mkdirat(dir->root, prefix, 0700) != 0) {
        if (errno != EEXIST || !is_file(dir, prefix, &info))
            return errno == EEXIST;
        struct object_path aside;
        (void)snprintf(aside.text, sizeof(aside.text), "%s", prefix);
        if (!step_aside(&aside) || renameat(dir->root, prefix, dir->root, aside.text) != 0 ||
            mkdirat(dir->root, prefix, 0700) != 0)
            return false;
    }
    sync_parent(dir, prefix);
    return true;
}

/* All directories above the object but the bucket's own. */
static bool make_parents(struct objects_dir *dir, const struct object_path *path)
{
    char prefix[OBJECT_PATH_MAX];
    for (size_t i = path->bucket_len + 1; path->text[i]; i++) {
        if (path->text[i] != '/')
            continue;
        memcpy(prefix, path->text, i);
        prefix[i] = '\0';
        if (!make_directory(dir, prefix))
            return false;
    }
    return true;
}

/* Where the object is, or has to be; *was is it there already. */
static bool find_place(struct objects_dir *dir, struct object_path *path, struct stat *info, bool *is_there)
{
    struct object_path aside = *path;
    if (!step_aside(&aside))
        return false;
    *is_there = is_file(dir, path->text, info);
    if (*is_there)
        return true;
    bool is_taken = fstatat(dir->root, path->text, info, AT_SYMLINK_NOFOLLOW) == 0;
    *is_there = is_file(dir, aside.text, info);
    if (*is_there || is_taken)
        *path = aside;
    return true;
}

static void remove_empty_parents(struct objects_dir *dir, const struct object_path *path)
{
    char parent[OBJECT_PATH_MAX];
    memcpy(parent, path->text, sizeof(parent));
    for (char *slash; (slash = strrchr(parent, '/')) && slash > parent + path->bucket_len;) {
        *slash = '\0';
        if (unlinkat(dir->root, parent, AT_REMOVEDIR) != 0)
            return;
    }
}

/* --- writing --- */

static enum objects_problem rename_to_place(struct objects_dir *dir, struct str bucket, struct object_path *path,
                                            const char *tmp, bool only_new, uint64_t *old_stamp, struct error *error)
{
    struct stat old;
    bool is_there = false;
    pthread_mutex_lock(&dir->mutex);
    bool is_done = make_parents(dir, path) && find_place(dir, path, &old, &is_there) && !(is_there && only_new) &&
                   renameat(dir->root, tmp, dir->root, path->text) == 0;
    int os_errno = errno;
    if (!is_done)
        remove_empty_parents(dir, path);
    pthread_mutex_unlock(&dir->mutex);
    *old_stamp = is_done && is_there ? object_stamp(&old) : 0;
    if (is_done)
        return OBJECTS_OK;
    if (is_there && only_new)
        return objects_fail(error, OBJECTS_EXISTS, "At least one of the pre-conditions you specified did not hold");
    return os_errno == ENOENT ? objects_no_bucket(error, bucket)
                              : objects_fail_errno(error, os_errno, "cannot name an object");
}

enum objects_problem object_publish(struct objects_dir *dir, struct str bucket, struct str key, const char *tmp, int fd,
                                    bool only_new, struct objects_info *info, struct error *error)
{
    struct object_path path;
    uint64_t stamp, old_stamp;
    if (!object_path_of(&path, bucket, key))
        return objects_no_memory(error);
    enum objects_problem problem = object_meta_write(dir, bucket, fd, info, &stamp, error);
    if (problem != OBJECTS_OK)
        return problem;
    problem = rename_to_place(dir, bucket, &path, tmp, only_new, &old_stamp, error);
    if (problem != OBJECTS_OK) {
        object_meta_remove(dir, bucket, stamp);
        return problem;
    }
    sync_parent(dir, path.text);
    if (old_stamp != 0)
        object_meta_remove(dir, bucket, old_stamp);
    return OBJECTS_OK;
}

struct dir_put {
    struct objects_put base; /* first */
    struct objects_dir *dir;
    int fd;
    char tmp[64];
    char bucket[OBJECTS_BUCKET_MAX], key[OBJECTS_KEY_MAX];
    size_t bucket_len, key_len;
};

static enum objects_problem put_append(struct objects_put *base, const void *data, size_t len, struct error *error)
{
    return object_write(((struct dir_put *)base)->fd, data, len, error);
}

static enum objects_problem put_commit(struct objects_put *base, struct error *error)
{
    struct dir_put *put = (struct dir_put *)base;
    enum objects_problem problem =
        object_publish(put->dir, (struct str){put->bucket, put->bucket_len}, (struct str){put->key, put->key_len},
                       put->tmp, put->fd, base->only_new, &base->info, error);
    if (problem == OBJECTS_OK)
        put->tmp[0] = '\0';
    return problem;
}

static void put_free(struct objects_put *base)
{
    struct dir_put *put = (struct dir_put *)base;
    if (put->fd >= 0)
        close(put->fd);
    if (put->tmp[0])
        (void)unlinkat(put->dir->root, put->tmp, 0);
    objects_put_deinit(base);
    mem_free(put);
}

static const struct objects_put_ops put_ops = {.append = put_append, .commit = put_commit, .free = put_free};

static enum objects_problem put_begin(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                      const struct objects_put_options *options, struct objects_put **put,
                                      struct error *error)
{
    struct objects_dir *dir = objects_dir_of(objects);
    enum objects_problem problem = objects_dir_bucket_head(objects, tenant, bucket, error);
    if (problem != OBJECTS_OK)
        return problem;
    struct dir_put *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return objects_no_memory(error);
    made->dir = dir;
    problem = objects_put_init(&made->base, &put_ops, options, error);
    if (problem == OBJECTS_OK)
        problem = object_tmp_open(dir, made->tmp, &made->fd, error);
    if (problem != OBJECTS_OK) {
        objects_put_deinit(&made->base);
        mem_free(made);
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

static int open_regular(struct objects_dir *dir, const char *path, struct stat *info)
{
    int fd = openat(dir->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, info) == 0 && S_ISREG(info->st_mode))
        return fd;
    if (fd >= 0) {
        close(fd);
        errno = ENOENT;
    }
    return -1;
}

static enum objects_problem open_once(struct objects_dir *dir, const struct object_path *path, struct str key, int *fd,
                                      struct stat *file, struct error *error)
{
    struct object_path aside = *path;
    *fd = open_regular(dir, path->text, file);
    if (*fd < 0 && errno == ENOENT && step_aside(&aside))
        *fd = open_regular(dir, aside.text, file);
    if (*fd >= 0)
        return OBJECTS_OK;
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
        return objects_no_key(error, key);
    return objects_fail_errno(error, errno, "cannot open an object");
}

/* A file without a description was put there by hand, or has just been
 * replaced and its description removed: then the name gives another file now. */
enum objects_problem object_open(struct objects_dir *dir, struct str bucket, struct str key, int *fd,
                                 struct objects_info *info, struct error *error)
{
    struct object_path path;
    struct stat file, again = {0};
    if (!object_path_of(&path, bucket, key))
        return objects_no_memory(error);
    for (int i = 0; i < OPEN_TRIES; i++) {
        bool was_found;
        enum objects_problem problem = open_once(dir, &path, key, fd, &file, error);
        if (problem == OBJECTS_OK) {
            problem = object_meta_read(dir, bucket, &file, info, &was_found, error);
            if (problem == OBJECTS_OK && (was_found || (file.st_ino == again.st_ino && file.st_dev == again.st_dev)))
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
        got = wanted > 0 ? pread(reader->fd, data, wanted, (off_t)reader->offset) : 0;
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

static enum objects_problem open_checked(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                         int *fd, struct objects_info *info, struct error *error)
{
    enum objects_problem problem = objects_dir_bucket_head(objects, tenant, bucket, error);
    return problem == OBJECTS_OK ? object_open(objects_dir_of(objects), bucket, key, fd, info, error) : problem;
}

static enum objects_problem reader_open(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                        uint64_t offset, uint64_t len, struct objects_info *info,
                                        struct objects_reader **reader, struct error *error)
{
    int fd;
    struct objects_info found;
    enum objects_problem problem = open_checked(objects, tenant, bucket, key, &fd, &found, error);
    if (problem != OBJECTS_OK)
        return problem;
    if (info)
        *info = found;
    problem = objects_cut_range(found.size, offset, &len, error);
    struct dir_reader *made = problem == OBJECTS_OK ? mem_calloc(1, sizeof(*made)) : NULL;
    if (!made) {
        close(fd);
        return problem == OBJECTS_OK ? objects_no_memory(error) : problem;
    }
    *made = (struct dir_reader){.base.ops = &reader_ops, .fd = fd, .offset = offset, .left = len};
    *reader = &made->base;
    return OBJECTS_OK;
}

static enum objects_problem head(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                 struct objects_info *info, struct error *error)
{
    int fd;
    enum objects_problem problem = open_checked(objects, tenant, bucket, key, &fd, info, error);
    if (problem == OBJECTS_OK)
        close(fd);
    return problem;
}

static enum objects_problem delete(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                   struct error *error)
{
    struct objects_dir *dir = objects_dir_of(objects);
    struct object_path path;
    struct stat info;
    bool is_there = false;
    enum objects_problem problem = objects_dir_bucket_head(objects, tenant, bucket, error);
    if (problem != OBJECTS_OK)
        return problem;
    if (!object_path_of(&path, bucket, key))
        return objects_no_memory(error);
    pthread_mutex_lock(&dir->mutex);
    bool is_done = find_place(dir, &path, &info, &is_there) && (!is_there || unlinkat(dir->root, path.text, 0) == 0);
    int os_errno = errno;
    if (is_done && is_there)
        remove_empty_parents(dir, &path);
    pthread_mutex_unlock(&dir->mutex);
    if (!is_done)
        return objects_fail_errno(error, os_errno, "cannot delete an object");
    if (is_there) {
        sync_parent(dir, path.text);
        object_meta_remove(dir, bucket, object_stamp(&info));
    }
    return OBJECTS_OK;
}

/* --- life --- */

static void dir_close(struct objects *objects)
{
    struct objects_dir *dir = objects_dir_of(objects);
    if (dir->root >= 0)
        close(dir->root);
    pthread_mutex_destroy(&dir->bucket_mutex);
    pthread_mutex_destroy(&dir->mutex);
    mem_free(dir);
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
};

static enum error_code open_root(struct objects_dir *dir, const char *root, struct error *error)
{
    static const char *const needed[] = {OBJECTS_HIDDEN, OBJECTS_BUCKETS, OBJECTS_META, OBJECTS_TMP, OBJECTS_UPLOADS};
    if (mkdir(root, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, ERROR_IO, errno, "cannot make the directory of objects %s", root);
    dir->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir->root < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot open the directory of objects %s", root);
    object_remove_tree(dir->root, OBJECTS_TMP);
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (mkdirat(dir->root, needed[i], 0700) != 0 && errno != EEXIST)
            return error_set_errno(error, ERROR_IO, errno, "cannot make %s/%s", root, needed[i]);
    return OK;
}

enum error_code objects_dir_open(const char *root, struct objects **objects, struct error *error)
{
    struct objects_dir *dir = mem_calloc(1, sizeof(*dir));
    if (!dir)
        return error_no_memory(error);
    dir->base.ops = &dir_ops;
    dir->root = -1;
    pthread_mutex_init(&dir->bucket_mutex, NULL);
    pthread_mutex_init(&dir->mutex, NULL);
    enum error_code code = open_root(dir, root, error);
    if (code == OK)
        *objects = &dir->base;
    else
        dir_close(&dir->base);
    return code;
}
