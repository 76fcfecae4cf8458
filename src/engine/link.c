/* link.c - see link.h. */
#include "engine/link.h"

#include "core/must.h"

#include <unistd.h>

#define READ_LEAST ((size_t)64 << 10)
#define KEEP_MOST ((size_t)1 << 20) /* a buffer that grew past this is given back when empty */

static void release_if_large(struct buf *buf)
{
    if (buf->cap > KEEP_MOST)
        buf_deinit(buf);
    else
        buf_clear(buf);
}

static void link_break(struct link *link)
{
    if (link->is_broken || !link->is_open)
        return;
    link->is_broken = true;
    uv_read_stop((uv_stream_t *)&link->pipe);
    link->handlers.on_broken(link->ctx);
}

/* Room for the rest of the frame at the front of `in`, so that a large frame
 * is read without moving it again and again. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
    struct link *link = handle->data;
    (void)suggested;
    size_t want = READ_LEAST;
    struct frame_header header;
    if (link->in.len >= PROTOCOL_HEADER_LEN && protocol_get_header((const uint8_t *)link->in.data, &header) &&
        header.length + PROTOCOL_HEADER_LEN > link->in.len + want)
        want = header.length + PROTOCOL_HEADER_LEN - link->in.len;
    if (!buf_reserve(&link->in, want)) {
        *room = uv_buf_init(NULL, 0);
        return;
    }
    *room = uv_buf_init(link->in.data + link->in.len, (unsigned)(link->in.cap - link->in.len));
}

/* Bytes taken by whole frames at `from`; 0: none is complete. */
static size_t take_frame(struct link *link, size_t from)
{
    struct frame_header header;
    const size_t left = link->in.len - from;
    if (left < PROTOCOL_HEADER_LEN)
        return 0;
    if (!protocol_get_header((const uint8_t *)link->in.data + from, &header)) {
        link_break(link);
        return 0;
    }
    if (left - PROTOCOL_HEADER_LEN < header.length)
        return 0;
    const struct str payload = {link->in.data + from + PROTOCOL_HEADER_LEN, header.length};
    if (!link->handlers.on_frame(link->ctx, &header, payload))
        link_break(link);
    return PROTOCOL_HEADER_LEN + header.length;
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *room)
{
    struct link *link = stream->data;
    (void)room;
    if (count < 0) {
        link_break(link);
        return;
    }
    link->in.len += (size_t)count;
    size_t done = 0, taken;
    while (link->is_open && !link->is_broken && (taken = take_frame(link, done)) > 0)
        done += taken;
    if (!link->is_open)
        return;
    if (done == link->in.len)
        release_if_large(&link->in);
    else
        buf_consume(&link->in, done);
}

enum error_code link_open(struct link *link, uv_loop_t *loop, int fd, const struct link_handlers *handlers, void *ctx,
                          struct error *error)
{
    *link = (struct link){.handlers = *handlers, .ctx = ctx};
    buf_init(&link->in, PROTOCOL_PAYLOAD_MAX + PROTOCOL_HEADER_LEN + READ_LEAST);
    buf_init(&link->out, LINK_QUEUE_MAX);
    buf_init(&link->sending, LINK_QUEUE_MAX);
    int rc = uv_pipe_init(loop, &link->pipe, 0);
    if (rc != 0) {
        close(fd);
        return error_set(error, ERROR_IO, "link to a worker: %s", uv_strerror(rc));
    }
    link->is_open = true;
    link->pipe.data = link;
    rc = uv_pipe_open(&link->pipe, fd);
    if (rc != 0)
        close(fd);
    else
        rc = uv_read_start((uv_stream_t *)&link->pipe, on_alloc, on_read);
    if (rc != 0) {
        link->is_broken = true;
        return error_set(error, ERROR_IO, "link to a worker: %s", uv_strerror(rc));
    }
    return OK;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct link *link = handle->data;
    buf_deinit(&link->in);
    buf_deinit(&link->out);
    buf_deinit(&link->sending);
    link->handlers.on_closed(link->ctx);
}

void link_close(struct link *link)
{
    if (!link->is_open)
        return;
    link->is_open = false;
    uv_close((uv_handle_t *)&link->pipe, on_handle_closed);
}

struct buf *link_begin(struct link *link)
{
    link->mark = link->out.len;
    return &link->out;
}

bool link_end(struct link *link)
{
    must(link->mark <= link->out.len || link->out.failed, "a frame ends behind its beginning",
         LOG_I("mark", link->mark), LOG_I("len", link->out.len));
    if (!link->out.failed)
        return true;
    link->out.failed = false;
    link->out.len = link->mark;
    return false;
}

static void on_written(uv_write_t *write, int status)
{
    struct link *link = write->handle->data;
    must(link->is_sending, "one write is on its way at a time", LOG_B("open", link->is_open));
    link->is_sending = false;
    if (!link->is_open)
        return;
    release_if_large(&link->sending);
    if (status != 0)
        link_break(link);
    else
        link_flush(link);
}

/* What the socket takes at once goes without a request; the rest is handed to
 * the loop. A failure calls nobody, since callers are in the middle of
 * something: the end of the stream, which follows, does. */
void link_flush(struct link *link)
{
    if (!link->is_open || link->is_broken || link->is_sending || link->is_deaf || link->out.len == 0)
        return;
    uv_buf_t piece = uv_buf_init(link->out.data, (unsigned)link->out.len);
    const int sent = uv_try_write((uv_stream_t *)&link->pipe, &piece, 1);
    if (sent >= 0 && (size_t)sent == link->out.len) {
        release_if_large(&link->out);
        return;
    }
    if (sent < 0 && sent != UV_EAGAIN) {
        link->is_deaf = true;
        buf_deinit(&link->out);
        return;
    }
    const struct buf rest = link->out;
    link->out = link->sending;
    link->sending = rest;
    buf_clear(&link->out);
    const size_t from = sent > 0 ? (size_t)sent : 0;
    piece = uv_buf_init(link->sending.data + from, (unsigned)(link->sending.len - from));
    link->is_sending = true;
    if (uv_write(&link->write, (uv_stream_t *)&link->pipe, &piece, 1, on_written) != 0) {
        link->is_sending = false;
        link->is_deaf = true;
    }
}
