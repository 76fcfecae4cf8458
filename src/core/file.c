/* Whole files into buffers. See file.h. */
#include "core/file.h"

#include <errno.h>

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
    FILE *file = fopen(path, "re");
    if (!file)
        return error_set_errno(error, ERROR_NOT_FOUND, errno, "cannot open %s", path);
    const enum error_code code = file_read_open(file, path, text, error);
    fclose(file);
    return code;
}
