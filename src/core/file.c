/* file.c - see file.h. */
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/io.h"

#define PATH_BYTES 4096

enum error_code file_read_open(FILE *file, const char *name, struct buf *text, struct error *error)
{
    char piece[16384];
    for (size_t len; !text->failed && (len = fread(piece, 1, sizeof(piece), file)) > 0;)
        buf_append(text, piece, len);
    if (ferror(file))
        return error_set_errno(error, ERROR_IO, errno, "cannot read %s", name);
    if (text->failed)
        return error_set(error, ERROR_TOO_LARGE, "%s: more than %zu bytes, or memory is out", name, text->max);
    return OK;
}

enum error_code file_read(const char *path, struct buf *text, struct error *error)
{
    struct stat info;
    FILE *file = fopen(path, "re");
    if (!file)
        return error_set_errno(error, ERROR_NOT_FOUND, errno, "cannot open %s", path);
    if (fstat(fileno(file), &info) == 0 && S_ISREG(info.st_mode))
        (void)buf_reserve(text, (size_t)info.st_size); /* at once; where it is refused, appending says so */
    const enum error_code code = file_read_open(file, path, text, error);
    fclose(file);
    return code;
}

static bool write_synced(int fd, struct str text)
{
    const bool is_written = io_write_all(fd, text.data, text.len) && io_fsync(fd) == 0;
    const int reason = errno;
    const bool is_closed = close(fd) == 0;
    errno = is_written ? errno : reason;
    return is_written && is_closed;
}

enum error_code file_replace(const char *path, struct str text, mode_t mode, struct error *error)
{
    char part[PATH_BYTES];
    if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part))
        return error_set(error, ERROR_IO, "%s: the path is too long", path);
    const int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot write %s", part);
    if (write_synced(fd, text) && rename(part, path) == 0)
        return OK;
    (void)error_set_errno(error, ERROR_IO, errno, "cannot write %s", path);
    (void)unlink(part);
    return error->code;
}

bool file_whole_lines(int fd, uint64_t size, uint64_t *end)
{
    char piece[4096];
    for (*end = size; *end > 0;) {
        const size_t len = *end < sizeof(piece) ? (size_t)*end : sizeof(piece);
        if (!io_read_at(fd, piece, len, *end - len))
            return false;
        const char *feed = memrchr(piece, '\n', len);
        *end -= len;
        if (feed) {
            *end += (uint64_t)(feed - piece) + 1;
            return true;
        }
    }
    return true;
}
