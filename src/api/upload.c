/* upload.c - one body on its way to a file. Knows no operation. See upload.h. */
#include "api/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/io.h"
#include "core/limits.h"
#include "core/log.h"
#include "store/disk.h"
#include "store/files.h"

#define HIGH_BYTES ((size_t)262144)   /* waiting for a worker; over it the client waits */
#define PIECES_MAX ((size_t)4 << 20)  /* with what arrives after a pause */
#define REPLY_BYTES_MAX ((size_t)16 << 20)

struct taking {
    struct upload base; /* first: the operation holds a pointer to it */
    struct http_exchange *exchange; /* NULL: the client has left */
    struct api_thread *thread;
    uv_work_t work;
    char path[FILES_PATH_MAX];
    int fd;
    uint64_t bytes;
    struct buf incoming; /* the I/O thread's */
    struct buf pending;  /* the worker's */
    bool has_ended;      /* the whole body has come */
    bool is_last;        /* `pending` is its end */
    bool is_working, is_over;
    void *map;
    void (*run)(struct upload *upload);
    void (*answer)(struct upload *upload, struct buf *body);
};

static void free_taking(struct taking *taking)
{
    taking->thread->uploads--;
    if (taking->map)
        (void)munmap(taking->map, (size_t)taking->bytes);
    if (taking->fd >= 0)
        (void)close(taking->fd);
    (void)unlink(taking->path);
    buf_deinit(&taking->incoming);
    buf_deinit(&taking->pending);
    mem_free(taking);
}

/* --- on a worker ------------------------------------------------------------------------------------- */

static enum error_code fail_disk(const char *what, const struct taking *taking, struct error *error)
{
    const bool is_full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    return error_set_errno(error, is_full ? ERROR_UNAVAILABLE : ERROR_IO, errno, "cannot %s %s", what, taking->path);
}

static enum error_code write_pending(struct taking *taking, struct error *error)
{
    if (taking->pending.failed)
        return error_no_memory(error);
    if (taking->fd < 0 && (taking->fd = io_openat(AT_FDCWD, taking->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                                                  0600)) < 0)
        return fail_disk("make", taking, error);
    if (taking->pending.len > limit(upload_bytes) - taking->bytes)
        return error_set(error, ERROR_TOO_LARGE, "The request has more than the limit of %llu bytes.",
                         (unsigned long long)limit(upload_bytes));
    enum error_code code = disk_admit(taking->pending.len, error);
    if (code == OK && !io_write_all(taking->fd, taking->pending.data, taking->pending.len))
        code = fail_disk("write", taking, error);
    taking->bytes += taking->pending.len;
    return code;
}

static enum error_code map_file(struct taking *taking, struct error *error)
{
    if (taking->bytes == 0)
        return error_set(error, ERROR_INVALID, "The request has no body.");
    taking->map = mmap(NULL, (size_t)taking->bytes, PROT_READ, MAP_PRIVATE, taking->fd, 0);
    if (taking->map == MAP_FAILED) {
        taking->map = NULL;
        return error_no_memory(error);
    }
    taking->base.body = (struct str){taking->map, (size_t)taking->bytes};
    return OK;
}

static void finish(struct taking *taking)
{
    struct upload *upload = &taking->base;
    const struct sigv4_proof *proof = upload->call->proof;
    upload->code = map_file(taking, &upload->error);
    if (upload->code == OK && proof)
        upload->code = auth_identify_body(proof, upload->body, &upload->call->identity, &upload->error);
    if (upload->code == OK)
        taking->run(upload);
}

static void do_work(uv_work_t *work)
{
    struct taking *taking = work->data;
    struct upload *upload = &taking->base;
    if (upload->code == OK)
        upload->code = write_pending(taking, &upload->error);
    if (upload->code == OK && taking->is_last)
        finish(taking);
}

/* --- on the I/O thread ------------------------------------------------------------------------------- */

static void respond(struct taking *taking)
{
    struct upload *upload = &taking->base;
    struct buf body;
    taking->exchange->user = NULL;
    taking->exchange->on_close = NULL;
    if (upload->code == OK) {
        buf_init(&body, REPLY_BYTES_MAX);
        taking->answer(upload, &body);
        call_respond_json(upload->call, &body);
        buf_deinit(&body);
    } else {
        call_fail(upload->call, &upload->error);
    }
    free_taking(taking);
}

static void pass_on(struct taking *taking);

static void on_worked(uv_work_t *work, int status)
{
    struct taking *taking = work->data;
    (void)status; /* never cancelled */
    const bool is_gone = !taking->exchange;
    taking->is_working = false;
    struct http_exchange *pinned = taking->is_last ? taking->base.call->exchange : NULL;
    if (is_gone)
        free_taking(taking);
    if (pinned)
        http_unpin(pinned);
    if (is_gone)
        return;
    taking->is_over = taking->is_last || taking->base.code != OK;
    if (!taking->has_ended)
        http_body_resume(taking->exchange);
    if (taking->is_over && taking->has_ended)
        respond(taking);
    else if (!taking->is_over && (taking->has_ended || taking->incoming.len > 0))
        pass_on(taking);
}

static void pass_on(struct taking *taking)
{
    struct buf empty = taking->pending;
    buf_clear(&empty);
    taking->pending = taking->incoming;
    taking->incoming = empty;
    taking->is_last = taking->has_ended;
    taking->is_working = true;
    if (taking->is_last)
        http_pin(taking->exchange);
    if (uv_queue_work(taking->thread->loop, &taking->work, do_work, on_worked) == 0)
        return;
    do_work(&taking->work);
    on_worked(&taking->work, 0);
}

static void on_body(struct http_exchange *exchange, struct str data)
{
    struct taking *taking = exchange->user;
    if (taking->is_over)
        return;
    (void)buf_append_str(&taking->incoming, data); /* the worker that gets it sees that it failed */
    if (taking->incoming.len >= HIGH_BYTES)
        http_body_pause(exchange);
    if (!taking->is_working)
        pass_on(taking);
}

static void on_close(struct http_exchange *exchange)
{
    struct taking *taking = exchange->user;
    call_account(taking->base.call, CALL_CLIENT_GONE);
    taking->exchange = NULL;
    if (!taking->is_working)
        free_taking(taking);
}

enum error_code upload_begin(struct api_call *call, struct error *error)
{
    struct api_thread *thread = call->thread;
    if (thread->uploads >= limit(uploads))
        return error_set(error, ERROR_THROTTLED, "Too many files are being sent, try again later.");
    struct taking *taking = mem_calloc(1, sizeof(*taking));
    if (!taking)
        return error_no_memory(error);
    thread->uploads++;
    taking->base = (struct upload){.call = call, .path = taking->path, .arena = &call->exchange->arena};
    taking->exchange = call->exchange;
    taking->thread = thread;
    taking->work.data = taking;
    taking->fd = -1;
    buf_init(&taking->incoming, PIECES_MAX);
    buf_init(&taking->pending, PIECES_MAX);
    files_spool_path(thread->api->files, taking->path);
    call->exchange->user = taking;
    call->exchange->on_body = on_body;
    call->exchange->on_close = on_close;
    return OK;
}

struct api_call *upload_call(const struct http_exchange *exchange)
{
    const struct taking *taking = exchange->user;
    return exchange->on_body == on_body ? taking->base.call : NULL;
}

void upload_end(struct http_exchange *exchange, void (*run)(struct upload *upload),
                void (*answer)(struct upload *upload, struct buf *body))
{
    struct taking *taking = exchange->user;
    taking->has_ended = true;
    taking->run = run;
    taking->answer = answer;
    if (taking->is_over)
        respond(taking);
    else if (!taking->is_working)
        pass_on(taking);
}
