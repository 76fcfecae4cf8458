/* files.c - whole reads and writes of a job's working files, with errors that name them. See files.h. */
#include "batch/files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"
#include "store/disk.h"

enum error_code file_fail(const char *what, const char *path, int os_errno, struct error *error)
{
    bool is_full = os_errno == ENOSPC || os_errno == EDQUOT || os_errno == EFBIG;
    return error_set_errno(error, is_full ? ERROR_UNAVAILABLE : ERROR_IO, os_errno, "cannot %s %s", what, path);
}

enum error_code file_open(const char *path, int flags, int *fd, struct error *error)
{
    *fd = io_openat(AT_FDCWD, path, flags | O_CLOEXEC, 0600);
    if (*fd >= 0)
        return OK;
    return errno == ENOENT && !(flags & O_CREAT) ? error_set(error, ERROR_NOT_FOUND, "%s is not there", path)
                                                 : file_fail("open", path, errno, error);
}

enum error_code file_write(int fd, const void *data, size_t len, const char *path, struct error *error)
{
    if (disk_admit(len, error) != OK)
        return error->code;
    return io_write_all(fd, data, len) ? OK : file_fail("write", path, errno, error);
}

enum error_code file_read_at(int fd, void *data, size_t len, uint64_t offset, const char *path, struct error *error)
{
    if (io_read_at(fd, data, len, offset))
        return OK;
    return errno ? file_fail("read", path, errno, error)
                 : error_set(error, ERROR_IO, "%s is shorter than it should be", path);
}

enum error_code file_writer_open(struct file_writer *writer, const char *path, struct error *error)
{
    *writer = (struct file_writer){.fd = -1, .path = path, .bytes = mem_alloc(FILE_WRITER_BYTES)};
    if (!writer->bytes)
        return error_no_memory(error);
    enum error_code code = file_open(path, O_WRONLY | O_CREAT | O_TRUNC, &writer->fd, error);
    if (code != OK) {
        mem_free(writer->bytes);
        writer->bytes = NULL;
    }
    return code;
}

static enum error_code flush(struct file_writer *writer, struct error *error)
{
    enum error_code code = file_write(writer->fd, writer->bytes, writer->len, writer->path, error);
    writer->len = 0;
    return code;
}

enum error_code file_writer_put(struct file_writer *writer, const void *data, size_t len, struct error *error)
{
    enum error_code code = OK;
    if (len > FILE_WRITER_BYTES - writer->len)
        code = flush(writer, error);
    if (code != OK)
        return code;
    writer->offset += len;
    if (len > FILE_WRITER_BYTES)
        return file_write(writer->fd, data, len, writer->path, error);
    memcpy(writer->bytes + writer->len, data, len);
    writer->len += len;
    return OK;
}

enum error_code file_writer_close(struct file_writer *writer, enum error_code code, struct error *error)
{
    if (writer->fd < 0)
        return code;
    if (code == OK)
        code = flush(writer, error);
    if (code == OK && io_fsync(writer->fd))
        code = file_fail("sync", writer->path, errno, error);
    close(writer->fd);
    writer->fd = -1;
    mem_free(writer->bytes);
    writer->bytes = NULL;
    return code;
}

enum error_code directory_make(const char *path, struct error *error)
{
    return mkdir(path, 0700) && errno != EEXIST ? file_fail("make", path, errno, error) : OK;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

enum error_code directory_remove(const char *path, struct error *error)
{
    if (nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT)
        return OK;
    return file_fail("remove", path, errno, error);
}
