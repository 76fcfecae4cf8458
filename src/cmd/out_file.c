/* out_file.c - see out_file.h. */
#include "cmd/out_file.h"

#include <errno.h>
#include <unistd.h>

enum error_code out_file_open(const char *path, struct out_file *out, struct error *error)
{
    *out = (struct out_file){.file = path ? NULL : stdout, .path = path};
    if (!path)
        return OK;
    if (snprintf(out->part, sizeof(out->part), "%s.part", path) >= (int)sizeof(out->part))
        return error_set(error, ERROR_IO, "%s: the path is too long", path);
    out->file = fopen(out->part, "we");
    return out->file ? OK : error_set_errno(error, ERROR_IO, errno, "cannot write %s", out->part);
}

enum error_code out_file_flush(struct out_file *out, struct buf *text, size_t threshold, struct error *error)
{
    if (text->failed)
        return error_no_memory(error);
    if (text->len < threshold)
        return OK;
    if (fwrite(buf_str(text).data, 1, text->len, out->file) != text->len || fflush(out->file))
        return error_set(error, ERROR_IO, "cannot write to %s: %m", out->path ? out->path : "standard output");
    buf_clear(text);
    return OK;
}

enum error_code out_file_close(struct out_file *out, bool is_whole, struct error *error)
{
    if (!out->path || !out->file)
        return OK;
    const bool is_closed = fclose(out->file) == 0;
    if (is_whole && is_closed && rename(out->part, out->path) == 0)
        return OK;
    const int reason = errno;
    (void)unlink(out->part);
    return is_whole ? error_set_errno(error, ERROR_IO, reason, "cannot write %s", out->path) : OK;
}
