/* What an earlier run has left: uploads that are over, and how much each tenant has. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "store/objects_upload_internal.h"

/* Calls `take` for each name of the directory `path`; OK where there is none. */
static enum error_code for_each(struct objects_dir *dir, const char *path,
                                enum error_code (*take)(struct objects_dir *dir, struct str name, struct error *error),
                                struct error *error)
{
    enum error_code code = OK;
    int fd = openat(dir->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *opened = fd >= 0 ? fdopendir(fd) : NULL;
    if (!opened) {
        code = error_set_errno(error, ERROR_IO, errno, "cannot list %s of the directory of objects", path);
        if (fd >= 0)
            close(fd);
        return code;
    }
    for (struct dirent *entry; code == OK && (entry = readdir(opened));)
        if (entry->d_name[0] != '.')
            code = take(dir, str_of(entry->d_name), error);
    (void)closedir(opened);
    return code;
}

static enum error_code remove_unfinished(struct objects_dir *dir, struct str name, struct error *error)
{
    char path[320];
    (void)error;
    (void)snprintf(path, sizeof(path), OBJECTS_TMP "/" STR_FMT, STR_ARG(name));
    object_remove_tree(dir->root, path);
    return OK;
}

/* --- objects --- */

/* Bytes of the files below `at` that have a description. What cannot be looked into has none. */
static uint64_t count_directory(struct objects_dir *dir, struct str bucket, int at, const char *name)
{
    uint64_t bytes = 0;
    struct stat info;
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *opened = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && !opened)
        close(fd);
    for (struct dirent *entry; opened && (entry = readdir(opened));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
            fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISDIR(info.st_mode))
            bytes += count_directory(dir, bucket, fd, entry->d_name);
        else if (S_ISREG(info.st_mode) && object_meta_is_there(dir, bucket, object_stamp(&info)))
            bytes += (uint64_t)info.st_size;
    }
    if (opened)
        (void)closedir(opened);
    return bytes;
}

static enum error_code count_bucket(struct objects_dir *dir, struct str name, struct error *error)
{
    struct bucket_record record;
    struct error ignored;
    char path[OBJECTS_BUCKET_MAX + 1];
    bool exists;
    if (objects_check_bucket(name, &ignored) != OBJECTS_OK ||
        bucket_record_read(dir, name, &record, &exists, &ignored) != OBJECTS_OK || !exists)
        return OK;
    (void)snprintf(path, sizeof(path), STR_FMT, STR_ARG(name));
    uint64_t bytes = count_directory(dir, name, dir->root, path);
    return objects_usage_add(&dir->usage, str_of(record.tenant), bytes, error) == OBJECTS_OK ? OK : error->code;
}

/* --- uploads --- */

/* A crash between the object's name and the end of its upload: completing it again would undo what came after. */
static bool is_completed(struct objects_dir *dir, struct str id, const struct upload_info *info)
{
    struct object_description found;
    struct error ignored;
    int fd;
    if (object_open(dir, str_of(info->bucket), str_of(info->key), &fd, &found, NULL, &ignored) != OBJECTS_OK)
        return false;
    close(fd);
    return str_eq(id, str_of(found.upload));
}

static enum error_code count_parts(struct objects_dir *dir, struct str id, struct str tenant, struct error *error)
{
    struct objects_part *parts;
    size_t count;
    uint64_t bytes = 0;
    enum objects_problem problem = upload_read_parts(dir, id, &parts, &count, error);
    for (size_t i = 0; i < count; i++)
        bytes += parts[i].size;
    mem_free(parts);
    if (problem == OBJECTS_OK)
        problem = objects_usage_add(&dir->usage, tenant, bytes, error);
    return problem == OBJECTS_OK ? OK : error->code;
}

static enum error_code recover_upload(struct objects_dir *dir, struct str id, struct error *error)
{
    struct upload_info info;
    struct bucket_record record;
    bool exists;
    if (id.len != OBJECTS_UPLOAD_ID_LEN)
        return OK;
    enum objects_problem problem = upload_read_info(dir, id, &info, error);
    if (problem == OBJECTS_OK)
        problem = bucket_record_read(dir, str_of(info.bucket), &record, &exists, error);
    if (problem != OBJECTS_OK && problem != OBJECTS_NO_UPLOAD)
        return OK; /* damaged: it stays for somebody to look at */
    if (problem == OBJECTS_NO_UPLOAD || !exists || !upload_is_of(&info, str_of(info.bucket), &record) ||
        is_completed(dir, id, &info)) {
        upload_remove(dir, STR(""), id);
        return OK;
    }
    return dir->usage.quota ? count_parts(dir, id, str_of(record.tenant), error) : OK;
}

enum error_code objects_dir_recover(struct objects_dir *dir, struct error *error)
{
    enum error_code code = for_each(dir, OBJECTS_TMP, remove_unfinished, error);
    if (code == OK)
        code = for_each(dir, OBJECTS_UPLOADS, recover_upload, error);
    if (code == OK && dir->usage.quota)
        code = for_each(dir, OBJECTS_BUCKETS, count_bucket, error);
    return code;
}
