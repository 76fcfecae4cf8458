/* upload.h - a body that is too large to be held: it goes to a file on its way in, and the operation finds it there.
 *
 * Pieces come on the I/O thread, a worker of libuv's pool writes them; at most two buffers of 256 KiB and what arrives
 * after a pause are held. When the body is whole, and is what was signed, the operation runs on that pool with the file
 * mapped into memory; then its answer is written on the I/O thread. The file goes with the upload, unless the operation
 * takes it. Once it is refused, what still comes of the body is dropped and the answer follows it: who is sending does
 * not read. */
#ifndef API_UPLOAD_H
#define API_UPLOAD_H

#include "api/call.h"

struct upload {
    struct api_call *call;
    struct str body;             /* the whole of it, mapped */
    const char *path;            /* of its file */
    struct arena *arena;         /* the exchange's: the exchange stays while `run` works */
    void *ctx;                   /* the operation's own, in the arena */
    enum error_code code;
    struct error error;
};

/* At the headers: takes the exchange's body. ERROR_THROTTLED: too many are under way. */
enum error_code upload_begin(struct api_call *call, struct error *error) WARN_UNUSED;
/* Whether the exchange's body is being taken; its call. */
struct api_call *upload_call(const struct http_exchange *exchange);
/* When the body has ended. `run` on the pool, with upload->code OK; it sets code and error. `answer` on the I/O thread
 * after OK: it appends the reply's JSON. */
void upload_end(struct http_exchange *exchange, void (*run)(struct upload *upload),
                void (*answer)(struct upload *upload, struct buf *body));

#endif
