/* download.c - one file on its way out. At most half of limit(response_buffer_bytes) and one window are held. See
 * download.h. */
#include "api/download.h"

#include <unistd.h>

#include "core/io.h"
#include "core/limits.h"

#define WINDOW_BYTES ((size_t)262144)

struct download {
    struct api_call *call;
    struct http_exchange *exchange; /* NULL: the client has left */
    uv_work_t work;
    int fd;
    uint64_t at, left;
    size_t len; /* in the window */
    bool is_working, has_broken;
    char window[WINDOW_BYTES];
};

static void free_download(struct download *download)
{
    (void)close(download->fd);
    mem_free(download);
}

static void end(struct download *download, int status)
{
    struct http_exchange *exchange = download->exchange;
    call_account(download->call, status);
    exchange->user = NULL;
    exchange->on_close = exchange->on_drain = NULL;
    free_download(download);
    if (status == 200)
        http_respond_end(exchange);
    else
        http_respond_abort(exchange);
}

static void on_work(uv_work_t *work)
{
    struct download *download = work->data;
    download->len = download->left < WINDOW_BYTES ? (size_t)download->left : WINDOW_BYTES;
    download->has_broken = !io_read_at(download->fd, download->window, download->len, download->at);
}

static void read_on(struct download *download);

static void on_worked(uv_work_t *work, int status)
{
    struct download *download = work->data;
    (void)status; /* never cancelled */
    download->is_working = false;
    if (!download->exchange) {
        free_download(download);
        return;
    }
    if (download->has_broken) {
        end(download, 500);
        return;
    }
    http_respond_write(download->exchange, (struct str){download->window, download->len});
    download->at += download->len;
    download->left -= download->len;
    if (download->left == 0)
        end(download, 200);
    else if (http_exchange_unsent(download->exchange) < limit(response_buffer_bytes) / 2)
        read_on(download);
}

static void read_on(struct download *download)
{
    download->is_working = true;
    if (uv_queue_work(download->call->thread->loop, &download->work, on_work, on_worked) == 0)
        return;
    on_work(&download->work);
    on_worked(&download->work, 0);
}

static void on_drain(struct http_exchange *exchange)
{
    struct download *download = exchange->user;
    if (!download->is_working)
        read_on(download);
}

static void on_close(struct http_exchange *exchange)
{
    struct download *download = exchange->user;
    call_account(download->call, CALL_CLIENT_GONE);
    download->exchange = NULL;
    if (!download->is_working)
        free_download(download);
}

void download_start(struct api_call *call, int fd, uint64_t bytes, const char *content_type)
{
    struct download *download = mem_calloc(1, sizeof(*download));
    if (!download) {
        (void)close(fd);
        call_fail_no_memory(call);
        return;
    }
    download->call = call;
    download->exchange = call->exchange;
    download->work.data = download;
    download->fd = fd;
    download->left = bytes;
    call->exchange->user = download;
    call->exchange->on_close = on_close;
    call->exchange->on_drain = on_drain;
    call_add_count_header(call, "content-length", bytes);
    call_start_reply(call, content_type);
    if (bytes == 0)
        end(download, 200);
    else
        read_on(download);
}
