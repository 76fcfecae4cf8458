/* fenced.c - see fenced.h. */
#include "batch/fenced.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "batch/files.h"
#include "core/io.h"
#include "core/log.h"
#include "core/str.h"

#define PATH_BYTES 4096
#define PIECE_BYTES 16384u
#define TRIES_MAX 100 /* each time somebody else has renamed the file in between */
#define UNFINISHED ".new"

static enum error_code make_path(const char *dir, const char *name, uint64_t fence, const char *suffix, char *path,
                                 size_t size, struct error *error)
{
    int len = fence ? snprintf(path, size, "%s/%s.%llu%s", dir, name, (unsigned long long)fence, suffix)
                    : snprintf(path, size, "%s/%s%s", dir, name, suffix);
    return len >= 0 && (size_t)len < size ? OK
                                          : error_set(error, ERROR_INVALID, "data directory: the path is too long");
}

enum error_code fenced_path(const char *dir, const char *name, uint64_t fence, char *path, size_t size,
                            struct error *error)
{
    return make_path(dir, name, fence, "", path, size, error);
}

/* Whether the entry is NAME or NAME.NUMBER, with `suffix` behind it or not. */
static bool parse(const char *entry, const char *name, const char *suffix, uint64_t *fence)
{
    struct str text = str_of(entry);
    *fence = 0;
    if (str_ends(text, str_of(suffix)))
        text = str_slice(text, 0, text.len - strlen(suffix));
    if (!str_starts(text, str_of(name)))
        return false;
    text = str_slice(text, strlen(name), text.len);
    return text.len == 0 || (text.data[0] == '.' && str_to_u64(str_slice(text, 1, text.len), fence));
}

static enum error_code find_newest(const char *dir, const char *name, uint64_t *newest, bool *has,
                                   struct error *error)
{
    DIR *entries = opendir(dir);
    *newest = 0;
    *has = false;
    if (!entries)
        return file_fail("read", dir, errno, error);
    for (struct dirent *entry; (entry = readdir(entries));) {
        uint64_t fence;
        if (!parse(entry->d_name, name, "", &fence))
            continue;
        *has = true;
        *newest = fence > *newest ? fence : *newest;
    }
    (void)closedir(entries);
    return OK;
}

/* --- taking over ------------------------------------------------------------------------------------- */

static enum error_code copy_bytes(int from, const char *from_path, struct file_writer *writer, struct error *error)
{
    char piece[PIECE_BYTES];
    struct stat info;
    enum error_code code = fstat(from, &info) ? file_fail("read", from_path, errno, error) : OK;
    for (uint64_t at = 0; code == OK && at < (uint64_t)info.st_size;) {
        uint64_t left = (uint64_t)info.st_size - at;
        size_t len = left < sizeof(piece) ? (size_t)left : sizeof(piece);
        code = file_read_at(from, piece, len, at, from_path, error);
        if (code == OK)
            code = file_writer_put(writer, piece, len, error);
        at += len;
    }
    return code;
}

/* Written aside, so that it is there only whole. */
static enum error_code copy(int from, const char *from_path, const char *aside, const char *path,
                            struct error *error)
{
    struct file_writer writer;
    enum error_code code = file_writer_open(&writer, aside, error);
    if (code != OK)
        return code;
    code = copy_bytes(from, from_path, &writer, error);
    code = file_writer_close(&writer, code, error);
    if (code == OK && io_renameat(AT_FDCWD, aside, AT_FDCWD, path))
        code = file_fail("rename", aside, errno, error);
    return code;
}

static bool is_still(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

/* *fd stays -1 where the file has to be opened under its new name, or looked for once more. */
static enum error_code take_over(const char *from_path, const char *aside, const char *path, int *fd,
                                 struct error *error)
{
    int from;
    enum error_code code = file_open(from_path, O_RDWR | O_APPEND, &from, error);
    if (code != OK)
        return code == ERROR_NOT_FOUND ? OK : code; /* renamed by somebody else */
    if (flock(from, LOCK_EX | LOCK_NB) != 0) {
        code = copy(from, from_path, aside, path, error);
    } else if (is_still(from, from_path)) {
        if (io_renameat(AT_FDCWD, from_path, AT_FDCWD, path) == 0) {
            *fd = from;
            return OK;
        }
        code = file_fail("rename", from_path, errno, error);
    }
    close(from);
    return code;
}

/* The file of this fence: nobody else's, so the lock is there to be had where there are locks. */
static enum error_code open_own(const char *path, int *fd, struct error *error)
{
    enum error_code code = file_open(path, O_RDWR | O_CREAT | O_APPEND, fd, error);
    if (code == OK)
        (void)flock(*fd, LOCK_EX | LOCK_NB);
    return code;
}

enum error_code fenced_take(const char *dir, const char *name, uint64_t fence, int *fd, struct error *error)
{
    char path[PATH_BYTES], aside[PATH_BYTES], from[PATH_BYTES];
    enum error_code code = make_path(dir, name, fence, "", path, sizeof(path), error);
    if (code == OK)
        code = make_path(dir, name, fence, UNFINISHED, aside, sizeof(aside), error);
    *fd = -1;
    for (unsigned tries = 0; code == OK && *fd < 0; tries++) {
        uint64_t newest;
        bool has;
        code = find_newest(dir, name, &newest, &has, error);
        if (code == OK && (newest > fence || tries == TRIES_MAX))
            return error_set(error, ERROR_CONFLICT, "another runner has %s", dir);
        if (code == OK && (!has || newest == fence))
            return open_own(path, fd, error);
        if (code == OK)
            code = make_path(dir, name, newest, "", from, sizeof(from), error);
        if (code == OK)
            code = take_over(from, aside, path, fd, error);
    }
    return code;
}

void fenced_sweep(const char *dir, const char *name, uint64_t fence)
{
    DIR *entries = opendir(dir);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        char path[PATH_BYTES];
        struct error error;
        uint64_t older;
        if (!parse(entry->d_name, name, UNFINISHED, &older) || older >= fence)
            continue;
        int len = snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        if (len > 0 && (size_t)len < sizeof(path) && directory_remove(path, &error) != OK)
            log_event(LOG_WARN, "batch job's working files stay", LOG_C("error", error.message));
    }
    if (entries)
        (void)closedir(entries);
}
