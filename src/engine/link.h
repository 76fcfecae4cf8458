/* link.h - frames over one Unix stream socket on a libuv loop.
 *
 * Both sides of the worker protocol use it. A link belongs to its loop's
 * thread. Frames are appended to one buffer between link_begin and link_end
 * and leave with the next link_flush, so that all frames of a step cost one
 * system call. What the other side does not read waits here, up to
 * LINK_QUEUE_MAX bytes; past that link_end refuses. */
#ifndef ENGINE_LINK_H
#define ENGINE_LINK_H

#include <stdbool.h>
#include <uv.h>

#include "core/buf.h"
#include "core/error.h"
#include "engine/protocol.h"

#define LINK_QUEUE_MAX ((size_t)160 << 20) /* two of the largest frames and small ones */

struct link;

struct link_handlers {
    /* payload is valid during the call. May close the link. False: the frame
     * makes no sense, on_broken follows. */
    bool (*on_frame)(void *ctx, const struct frame_header *header, struct str payload);
    /* The other side is gone or spoke nonsense. The owner closes the link. */
    void (*on_broken)(void *ctx);
    /* After link_close, once the loop let go: the link's memory may be freed. */
    void (*on_closed)(void *ctx);
};

struct link {
    uv_pipe_t pipe;
    uv_write_t write;
    struct link_handlers handlers;
    void *ctx;
    struct buf in, out, sending; /* sending belongs to the write in flight */
    size_t mark;                 /* of `out` at link_begin */
    bool is_open, is_sending, is_broken;
    bool is_deaf; /* writing failed: the end of the stream is on its way */
};

/* Takes fd, also on failure. */
enum error_code link_open(struct link *link, uv_loop_t *loop, int fd, const struct link_handlers *handlers, void *ctx,
                          struct error *error) WARN_UNUSED;
void link_close(struct link *link);

struct buf *link_begin(struct link *link); /* append exactly one frame to it */
bool link_end(struct link *link);          /* false: too much waits or no memory; the frame is not sent */
void link_flush(struct link *link);

#endif
