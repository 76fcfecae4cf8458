/* kept.h - a reply that its operation keeps (operations.h) before its last byte is sent. All else of the request is
 * gone then: what is needed lies in the exchange's arena. I/O thread. */
#ifndef API_KEPT_H
#define API_KEPT_H

#include "chat/chat.h"
#include "core/buf.h"

struct api_call;
struct kept;

/* NULL: nothing is to be kept. */
struct kept *kept_new(struct api_call *call, const struct chat_request *request, bool is_stream);

/* Keeps, then sends what is left: `out` is the whole reply, or a stream's last frames, and then `text` is the whole
 * reply that is kept. Both buffers are taken; the exchange is gone when the client has them. */
void kept_end(struct kept *kept, const struct buf *out, const struct buf *text);

#endif
