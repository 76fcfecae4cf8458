#include "core/io.h"

#include <errno.h>
#include <unistd.h>

bool io_write_all(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t written = write(fd, at, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written == 0)
            errno = ENOSPC;
        if (written <= 0)
            return false;
        at += written;
        len -= (size_t)written;
    }
    return true;
}

bool io_read_at(int fd, void *data, size_t len, uint64_t offset)
{
    char *at = data;
    while (len > 0) {
        ssize_t got = pread(fd, at, len, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = 0;
        if (got <= 0)
            return false;
        at += got;
        offset += (uint64_t)got;
        len -= (size_t)got;
    }
    return true;
}
