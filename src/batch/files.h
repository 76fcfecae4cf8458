/* files.h - reading and writing a job's working files: whole, or an error that
 * names the file. ERROR_UNAVAILABLE: the disk is full, which may pass; ERROR_IO:
 * it says no for another reason. One thread per file. */
#ifndef BATCH_FILES_H
#define BATCH_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/* "cannot WHAT PATH", and why */
enum error_code file_fail(const char *what, const char *path, int os_errno, struct error *error) WARN_UNUSED;
enum error_code file_open(const char *path, int flags, int *fd, struct error *error) WARN_UNUSED;
enum error_code file_write(int fd, const void *data, size_t len, const char *path, struct error *error) WARN_UNUSED;
enum error_code file_read_at(int fd, void *data, size_t len, uint64_t offset, const char *path,
                             struct error *error) WARN_UNUSED; /* the end of the file within is ERROR_IO */

/* Writes a file from its beginning, buffered. */
#define FILE_WRITER_BYTES (64u << 10)
struct file_writer {
    int fd;
    const char *path; /* outlives the writer */
    size_t len;
    uint64_t offset; /* where the next byte goes */
    char *bytes;
};
enum error_code file_writer_open(struct file_writer *writer, const char *path, struct error *error) WARN_UNUSED;
enum error_code file_writer_put(struct file_writer *writer, const void *data, size_t len,
                                struct error *error) WARN_UNUSED;
/* `code` is how it went so far: unless OK, nothing more is written. Synced. */
enum error_code file_writer_close(struct file_writer *writer, enum error_code code, struct error *error) WARN_UNUSED;

/* Made for its owner alone; it may be there already. Removed with the files in it. */
enum error_code directory_make(const char *path, struct error *error) WARN_UNUSED;
enum error_code directory_remove(const char *path, struct error *error) WARN_UNUSED;

#endif
