/* out_file.h - where a command writes: standard output, or a file that is there once it is whole. */
#ifndef CMD_OUT_FILE_H
#define CMD_OUT_FILE_H

#include <stdio.h>

#include "core/buf.h"
#include "core/error.h"

#define OUT_FILE_PATH_MAX 4096

struct out_file {
    FILE *file;
    const char *path;             /* NULL: standard output */
    char part[OUT_FILE_PATH_MAX]; /* PATH.part, until it is whole */
};

/* `path` NULL: standard output. */
enum error_code out_file_open(const char *path, struct out_file *out, struct error *error) WARN_UNUSED;

/* Writes `text` and clears it, once it has `threshold` bytes. */
enum error_code out_file_flush(struct out_file *out, struct buf *text, size_t threshold,
                               struct error *error) WARN_UNUSED;

/* It is whole when `is_whole`, else nothing is left of it. */
enum error_code out_file_close(struct out_file *out, bool is_whole, struct error *error) WARN_UNUSED;

#endif
