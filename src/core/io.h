/* io.h - system calls on files, whole reads and writes, and the place where tests make them fail.
 *
 * io_write and the like are the system calls of the same names. In a test each may fail as a disk does (EINTR,
 * ENOSPC, EIO) or move less than it was asked for: IO_FAIL_EVERY=n and IO_SHORT_EVERY=n in the environment hit one
 * call in n, at places that follow from IO_SEED, failures from the IO_FAIL_FROM-th call on; unit tests call
 * io_fail_every, io_short_every and io_fail_at. Any thread. */
#ifndef CORE_IO_H
#define CORE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

ssize_t io_read(int fd, void *data, size_t len);
ssize_t io_pread(int fd, void *data, size_t len, off_t offset);
ssize_t io_write(int fd, const void *data, size_t len);
ssize_t io_writev(int fd, const struct iovec *parts, int count);
ssize_t io_pwrite(int fd, const void *data, size_t len, off_t offset);
int io_openat(int dir, const char *path, int flags, mode_t mode);
int io_fallocate(int fd, int mode, off_t offset, off_t len);
int io_fsync(int fd);
int io_renameat(int from_dir, const char *from, int to_dir, const char *to);
int io_unlinkat(int dir, const char *path, int flags);

/* False: errno says why; ENOSPC where the file takes no more without saying so. */
bool io_write_all(int fd, const void *data, size_t len);
bool io_write_at(int fd, const void *data, size_t len, uint64_t offset);

/* False: errno says why; 0 where the file ends before. */
bool io_read_at(int fd, void *data, size_t len, uint64_t offset);

/* Of the file system that holds the open file: bytes that may still be written, and in all. False: errno says why. */
bool io_space(int fd, uint64_t *free_bytes, uint64_t *total_bytes);

/* --- for tests --- */

void io_fail_every(uint64_t calls, uint64_t seed);  /* one call in so many fails; 0: none */
void io_short_every(uint64_t calls, uint64_t seed); /* one read or write in so many is short; 0: none */
void io_fail_at(uint64_t nth, int os_errno);        /* that call fails, counted from now on, all threads; 0: none */
uint64_t io_fail_count(void);                       /* calls seen since io_fail_at */
bool io_has_faults(void);                           /* any of these is on */
void io_pretend_space(uint64_t free_bytes);         /* what io_space says is free; UINT64_MAX: the truth */
void io_pretend_silence(bool is_silent);              /* io_space says 0 of 0, as some file systems do */

/* NAME in $TMPDIR, or in /tmp where that is not set; false: the path is longer than `size`. */
bool io_temporary_path(const char *name, char *path, size_t size);

#endif
