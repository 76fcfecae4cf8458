/* body.h - a request's body on its way to what is made of it, without the I/O thread where it is large.
 *
 * Steps follow one another: each works on the body or what came of it (any thread, the exchange is the step's alone)
 * and then comes back to the I/O thread. Small bodies never leave it. body_open is the first step of all: who asks is
 * proven by the body, and there is room for what parsing makes of it. */
#ifndef API_BODY_H
#define API_BODY_H

#include "api/call.h"
#include "api/offload.h"

/* In the exchange's arena. */
struct body {
    struct api_call *call;
    void *ctx;
    void (*next)(void *ctx, bool is_gone);
    bool is_large;
    size_t cost;          /* of parsing, in bytes */
    size_t arena_charged; /* of the exchange's arena, counted already */
    size_t made;          /* by the last step, besides what is in the arena */
    enum error_code code; /* of the last step */
    struct error error;
    struct offload offload;
    struct chat_request *request; /* body_peek's */
    bool wants_stream;            /* it found that the body does */
};

/* Runs `next` on the I/O thread when the body is known to be the caller's; body->code says whether it is, and error
 * what to answer. `is_gone` as in offload.h: the client has left. */
void body_open(struct body *body, struct api_call *call, void (*next)(void *ctx, bool is_gone), void *ctx);
/* One step: `run` sets body->code and error, `next` finds them. */
void body_step(struct body *body, void (*run)(void *ctx), void (*next)(void *ctx, bool is_gone));

/* A step before the model is known: parses the body as request->document and, where the dialect's bodies say which
 * model is meant (dialect.peek), sets the call's resource and wants_stream. Then what the document refers to is
 * brought, where its operation keeps that (operations.h): on another thread whatever the body's size, for it waits for
 * the disk; what was brought counts as the body does, and makes it a large one. */
void body_peek(struct body *body, struct chat_request *request, void (*next)(void *ctx, bool is_gone));

/* Counts what was made since the last time. ERROR_UNAVAILABLE: there is no room. */
enum error_code body_charge_made(struct body *body, struct error *error) WARN_UNUSED;
void body_drop(struct body *body); /* a large body, once it is parsed */

#endif
