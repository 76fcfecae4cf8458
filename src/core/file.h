/* file.h - the whole of a file, for who needs it in memory. Any thread. */
#ifndef CORE_FILE_H
#define CORE_FILE_H

#include <stdio.h>

#include "core/buf.h"
#include "core/error.h"

/* What is left of `file`, appended to `text`, whose max bounds it. `name` is for messages. ERROR_IO: it can't be read,
 * ERROR_TOO_LARGE. */
enum error_code file_read_open(FILE *file, const char *name, struct buf *text, struct error *error) WARN_UNUSED;

/* The same of the file at a path. ERROR_NOT_FOUND: it can't be opened. */
enum error_code file_read(const char *path, struct buf *text, struct error *error) WARN_UNUSED;

#endif
