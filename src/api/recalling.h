/* recalling.h - what a request and its headers say of the response cache (recall/recall.h), and what its reply says.
 *
 * `cache-control` is honoured as proxies do: `no-cache` (an answer is made, and kept), `no-store` (it is not kept
 * either), `max-age=N` (no answer older than N seconds). I/O thread, but for recalling_read. */
#ifndef API_RECALLING_H
#define API_RECALLING_H

#include "generate/work.h"

struct api_call;

struct recalling {
    const struct config_recall *rules; /* NULL: nothing is kept here */
    bool takes_part;
    const char *passed; /* why no answer is looked for, in a word; NULL: one is */
    struct work_recall wish;
};

/* Once the request is read; any thread. */
void recalling_read(struct recalling *recalling, const struct api_call *call, const struct chat_request *request);

void recalling_leave_out(struct recalling *recalling, const char *reason);

/* For work_setup; NULL: the request has no part in it. */
const struct work_recall *recalling_wish(const struct recalling *recalling);

/* `x-fulcrum-response-cache`: "hit; age=12", "miss", or "pass; reason=tools". */
void recalling_add_header(const struct recalling *recalling, struct api_call *call, const struct placement *placement);

#endif
