/* deliver.c - compresses what a file of the spool holds, and puts it. When and how often is the spool's business. See
 * deliver.h. */
#include "invocations/deliver.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include "core/io.h"
#include "store/disk.h"

#define CHUNK ((size_t)65536)
#define PATH_BYTES 4096
#define TYPE "application/gzip"
#define GZIP_MODE "wb1" /* the fastest: requests want the CPU */

/* What was read up to the end goes into `out`. */
static enum error_code compress_all(int fd, uint64_t offset, gzFile out, uint64_t *lines, struct error *error)
{
    char bytes[CHUNK];
    for (;;) {
        const ssize_t got = io_pread(fd, bytes, sizeof(bytes), (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(error, ERROR_IO, errno, "cannot read a file of the spool");
        if (got == 0)
            return OK;
        for (ssize_t i = 0; i < got; i++)
            *lines += bytes[i] == '\n';
        if (gzwrite(out, bytes, (unsigned)got) != got)
            return error_set(error, ERROR_UNAVAILABLE, "cannot write a compressed file, the disk may be full");
        offset += (uint64_t)got;
    }
}

static enum error_code compress_file(int fd, uint64_t offset, const char *path, uint64_t *lines, struct error *error)
{
    const int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    gzFile out = to >= 0 ? gzdopen(to, GZIP_MODE) : NULL;
    if (!out) {
        if (to >= 0)
            close(to);
        return error_set(error, ERROR_UNAVAILABLE, "cannot make a compressed file, the disk may be full");
    }
    enum error_code code = compress_all(fd, offset, out, lines, error);
    if (gzclose(out) != Z_OK && code == OK)
        code = error_set(error, ERROR_UNAVAILABLE, "cannot write a compressed file, the disk may be full");
    return code;
}

/* Of the object itself: no later try can be any better. */
static bool is_hopeless(enum objects_problem problem)
{
    return problem == OBJECTS_BAD_BUCKET || problem == OBJECTS_BAD_KEY || problem == OBJECTS_LONG_KEY ||
           problem == OBJECTS_TOO_LARGE;
}

static enum delivery put(const struct deliverer *deliverer, const struct spool_header *header, const char *path,
                         struct error *error)
{
    const enum objects_problem problem = objects_put_file(deliverer->objects, header->tenant, header->bucket,
                                                          header->key, path, STR(TYPE), error);
    if (problem == OBJECTS_OK)
        return DELIVERED;
    const bool is_gone = problem == OBJECTS_NO_BUCKET || problem == OBJECTS_DENIED;
    if (is_hopeless(problem) ||
        (is_gone && !settings_name_bucket(deliverer->settings, header->tenant, header->bucket)))
        return DELIVERY_LOST;
    return DELIVERY_FAILED;
}

enum delivery deliver(const struct deliverer *deliverer, const struct spool_file *file, uint64_t *lines,
                      struct error *error)
{
    char path[PATH_BYTES];
    struct arena arena;
    struct spool_header header = {0};
    uint64_t offset = 0;
    int fd = -1;
    *lines = 0;
    arena_init(&arena, 0);
    enum error_code code = spool_read(deliverer->spool, file, &arena, &header, &fd, &offset, error);
    enum delivery outcome = code == ERROR_INVALID ? DELIVERY_LOST : DELIVERY_FAILED;
    spool_scratch(deliverer->spool, file, path, sizeof(path));
    if (code == OK)
        code = disk_admit(file->bytes / 2, error);
    if (code == OK)
        code = compress_file(fd, offset, path, lines, error);
    if (code == OK && *lines == 0 && !file->is_body) /* no record got onto the disk */
        outcome = DELIVERED;
    else if (code == OK)
        outcome = put(deliverer, &header, path, error);
    (void)unlink(path);
    if (fd >= 0)
        close(fd);
    arena_deinit(&arena);
    return outcome;
}

enum objects_problem deliver_check(struct objects *objects, const struct settings *settings, struct error *error)
{
    const struct objects_put_options options = {.expected_size = 0, .type = STR("application/octet-stream")};
    struct objects_put *put = NULL;
    struct buf key;
    buf_init(&key, 2 * OBJECTS_KEY_MAX);
    spool_append_base(&key, settings);
    buf_append_text(&key, "amazon-bedrock-logs-permission-check");
    enum objects_problem problem = OBJECTS_FAILED;
    if (key.failed)
        (void)error_no_memory(error);
    else
        problem = objects_put_begin(objects, settings->tenant, settings->bucket, buf_str(&key), &options, &put, error);
    if (problem == OBJECTS_OK)
        problem = objects_put_commit(put, NULL, error);
    buf_deinit(&key);
    return problem;
}
