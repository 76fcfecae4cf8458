/* file.h - files as wholes: read into memory, replaced, and cut to whole lines. Any thread. */
#ifndef CORE_FILE_H
#define CORE_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "core/buf.h"
#include "core/error.h"

/* What is left of `file`, appended to `text`, whose max bounds it. `name` is for messages. ERROR_IO: it can't be read,
 * ERROR_TOO_LARGE. */
enum error_code file_read_open(FILE *file, const char *name, struct buf *text, struct error *error) WARN_UNUSED;

/* The same of the file at a path. ERROR_NOT_FOUND: it can't be opened. */
enum error_code file_read(const char *path, struct buf *text, struct error *error) WARN_UNUSED;

/* A file of this text, whole or not at all: it is written to PATH.part, synced and renamed. ERROR_IO. */
enum error_code file_replace(const char *path, struct str text, mode_t mode, struct error *error) WARN_UNUSED;

/* How much of an open file of `size` bytes is whole lines: *end lies behind its last line feed, at 0 without one.
 * False: it can't be read (errno). */
bool file_whole_lines(int fd, uint64_t size, uint64_t *end) WARN_UNUSED;

#endif
