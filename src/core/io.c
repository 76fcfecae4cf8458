/* io.c - system calls on files, in a loop until all is done, and the faults that tests ask for. See io.h. */
#include "core/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h> /* renameat */
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/str.h"

/* --- faults ---------------------------------------------------------------------------------------------- */

/* All zero in normal life, and then the cost is one relaxed increment and two loads. */
static _Atomic uint64_t call_count, fail_at, fail_every, fail_from, short_every, random_state;
static atomic_int fail_errno;
static _Atomic uint64_t pretended_free = UINT64_MAX;
static atomic_bool pretends_silence;

static uint64_t env_number(const char *name)
{
    uint64_t value = 0;
    const char *text = getenv(name);
    return text && str_to_u64(str_of(text), &value) ? value : 0;
}

__attribute__((constructor)) static void read_fault_environment(void)
{
    const uint64_t seed = env_number("IO_SEED");
    atomic_store(&fail_from, env_number("IO_FAIL_FROM"));
    io_fail_every(env_number("IO_FAIL_EVERY"), seed);
    io_short_every(env_number("IO_SHORT_EVERY"), seed);
}

/* splitmix64: each call draws a number of its own, whatever the threads do. */
static uint64_t draw(void)
{
    const uint64_t step = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = atomic_fetch_add_explicit(&random_state, step, memory_order_relaxed) + step;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static bool is_hit(const _Atomic uint64_t *every)
{
    const uint64_t calls = atomic_load_explicit(every, memory_order_relaxed);
    return calls != 0 && draw() % calls == 0;
}

/* True: the call fails, with one of the errors that `kinds` names, and errno is set. */
static bool must_fail(const int *kinds, size_t count)
{
    const uint64_t number = atomic_fetch_add_explicit(&call_count, 1, memory_order_relaxed) + 1;
    if (number == atomic_load_explicit(&fail_at, memory_order_relaxed)) {
        errno = atomic_load(&fail_errno);
        return true;
    }
    if (number < atomic_load_explicit(&fail_from, memory_order_relaxed) || !is_hit(&fail_every))
        return false;
    errno = kinds[draw() % count];
    return true;
}

static bool reading_fails(void)
{
    static const int kinds[] = {EINTR, EIO};
    return must_fail(kinds, 2);
}

static bool writing_fails(void)
{
    static const int kinds[] = {EINTR, ENOSPC, EIO};
    return must_fail(kinds, 3);
}

/* Of calls that never say EINTR. */
static bool changing_fails(void)
{
    static const int kinds[] = {ENOSPC, EIO};
    return must_fail(kinds, 2);
}

static bool opening_fails(void)
{
    static const int kinds[] = {EMFILE, EIO};
    return must_fail(kinds, 2);
}

static size_t shorten(size_t len)
{
    return len > 1 && is_hit(&short_every) ? 1 + draw() % (len - 1) : len;
}

void io_fail_every(uint64_t calls, uint64_t seed)
{
    atomic_store(&random_state, seed);
    atomic_store(&fail_every, calls);
}

void io_short_every(uint64_t calls, uint64_t seed)
{
    atomic_store(&random_state, seed);
    atomic_store(&short_every, calls);
}

void io_fail_at(uint64_t nth, int os_errno)
{
    atomic_store(&call_count, 0);
    atomic_store(&fail_errno, os_errno);
    atomic_store(&fail_at, nth);
}

uint64_t io_fail_count(void)
{
    return atomic_load(&call_count);
}

bool io_has_faults(void)
{
    return atomic_load(&fail_every) || atomic_load(&short_every) || atomic_load(&fail_at);
}

void io_pretend_space(uint64_t free_bytes)
{
    atomic_store(&pretended_free, free_bytes);
}

/* --- the calls ------------------------------------------------------------------------------------------- */

ssize_t io_read(int fd, void *data, size_t len)
{
    return reading_fails() ? -1 : read(fd, data, shorten(len));
}

ssize_t io_pread(int fd, void *data, size_t len, off_t offset)
{
    return reading_fails() ? -1 : pread(fd, data, shorten(len), offset);
}

ssize_t io_write(int fd, const void *data, size_t len)
{
    return writing_fails() ? -1 : write(fd, data, shorten(len));
}

/* A short one writes a part of the first piece, which is enough to be torn. */
ssize_t io_writev(int fd, const struct iovec *parts, int count)
{
    if (writing_fails())
        return -1;
    const size_t first = count > 0 ? shorten(parts[0].iov_len) : 0;
    return count > 0 && first < parts[0].iov_len ? write(fd, parts[0].iov_base, first) : writev(fd, parts, count);
}

ssize_t io_pwrite(int fd, const void *data, size_t len, off_t offset)
{
    return writing_fails() ? -1 : pwrite(fd, data, shorten(len), offset);
}

int io_openat(int dir, const char *path, int flags, mode_t mode)
{
    return (flags & O_CREAT ? changing_fails() : opening_fails()) ? -1 : openat(dir, path, flags, mode);
}

int io_fallocate(int fd, int mode, off_t offset, off_t len)
{
    return changing_fails() ? -1 : fallocate(fd, mode, offset, len);
}

int io_fsync(int fd)
{
    return changing_fails() ? -1 : fsync(fd);
}

int io_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return changing_fails() ? -1 : renameat(from_dir, from, to_dir, to);
}

int io_unlinkat(int dir, const char *path, int flags)
{
    return changing_fails() ? -1 : unlinkat(dir, path, flags);
}

/* --- whole ----------------------------------------------------------------------------------------------- */

bool io_write_all(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t written = io_write(fd, at, len);
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

bool io_write_at(int fd, const void *data, size_t len, uint64_t offset)
{
    const char *at = data;
    while (len > 0) {
        ssize_t written = io_pwrite(fd, at, len, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written == 0)
            errno = ENOSPC;
        if (written <= 0)
            return false;
        at += written;
        offset += (uint64_t)written;
        len -= (size_t)written;
    }
    return true;
}

bool io_read_at(int fd, void *data, size_t len, uint64_t offset)
{
    char *at = data;
    while (len > 0) {
        ssize_t got = io_pread(fd, at, len, (off_t)offset);
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

void io_pretend_silence(bool is_silent)
{
    atomic_store(&pretends_silence, is_silent);
}

bool io_space(int fd, uint64_t *free_bytes, uint64_t *total_bytes)
{
    struct statvfs info;
    if (fstatvfs(fd, &info) != 0)
        return false;
    const uint64_t pretended = atomic_load_explicit(&pretended_free, memory_order_relaxed);
    *free_bytes = pretended != UINT64_MAX ? pretended : (uint64_t)info.f_bavail * info.f_frsize;
    *total_bytes = (uint64_t)info.f_blocks * info.f_frsize;
    if (atomic_load_explicit(&pretends_silence, memory_order_relaxed))
        *free_bytes = *total_bytes = 0;
    return true;
}

bool io_temporary_path(const char *name, char *path, size_t size)
{
    const char *folder = getenv("TMPDIR");
    const int len = snprintf(path, size, "%s/%s", folder && *folder ? folder : "/tmp", name);
    return len > 0 && (size_t)len < size;
}
