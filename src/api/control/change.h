/* change.h - one call that changes what is kept on the disk. It is waited for on a thread of libuv's pool; everything
 * else happens on the call's own. */
#ifndef API_CHANGE_H
#define API_CHANGE_H

#include "api/call.h"
#include "api/offload.h"

/* Begins the struct of a kind of change, which lies in the exchange's arena, as all does that it points to. */
struct change {
    struct api_call *call;
    enum error_code code; /* anything but OK, before it is sent off: the request is wrong, as `error` says */
    struct error error;
    enum error_code (*make)(struct change *change); /* on the other thread; it may fill in `error` alone */
    void (*respond)(struct change *change);         /* on the call's own, once it is made */
    struct offload offload;
};

/* `size` bytes that begin with a struct change, zeroed but for the call. NULL: memory is out, and the call has been
 * answered. */
void *change_new(struct api_call *call, size_t size);

/* Makes it and answers, sooner or later. */
void change_send(struct change *change, enum error_code (*make)(struct change *change),
                 void (*respond)(struct change *change));

void change_respond_nothing(struct change *change); /* 200 and an empty object */

#endif
