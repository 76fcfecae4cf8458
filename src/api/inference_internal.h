/* inference_internal.h - a request for a model's reply from inside: inference.c brings it to a work, inference_reply.c
 * writes what comes of that, inference_end.c tells everybody how it ended. One I/O thread, but for body.h's steps. */
#ifndef API_INFERENCE_INTERNAL_H
#define API_INFERENCE_INTERNAL_H

#include "api/body.h"
#include "api/call.h"
#include "api/recalling.h"
#include "api/traced.h"
#include "api/waiting.h"
#include "generate/work.h"

/* A whole reply: as much as a collected one may have, escaped. */
#define REPLY_BODY_MAX (192u << 20)

struct inference {
    struct api_call *call; /* in the exchange's arena, as this is */
    const struct codec *codec;
    bool is_stream;
    bool has_started; /* the stream's headers are out */
    bool is_placed;   /* somebody has taken the request */
    bool is_noted;    /* its router learns from it */
    bool is_read;     /* the body was understood */
    bool has_line;    /* of the ledger */
    bool is_cache_noted; /* what became of the prompt's cache is in the metrics */
    bool tells_confidence; /* the client asked for it */
    struct recalling recalling; /* once the body is understood */
    struct invocation *logged; /* NULL: it is not */
    struct traced *traced;     /* likewise */
    const struct chat_reply *reply; /* whole, while it is finished; else NULL */
    struct body body;
    struct chat_request request;
    struct work *work; /* NULL until the body is parsed */
    struct waiting *waiting; /* for the first token of a stream that tells of it; else NULL */
    struct codec_stream stream;
    struct buf out; /* frames not yet handed to net */
};

/* --- of inference_reply.c --- */

extern const struct work_handlers inference_handlers;
void inference_open_stream(struct inference *inference); /* once its codec is known */
void inference_on_wait(void *ctx);                       /* waiting.h */

/* --- of inference_end.c --- */

void inference_note_usage(struct inference *inference, const struct chat_usage *usage);
void inference_note_cache(struct inference *inference); /* once: upstreams say only at the end what they read of it */
void inference_stop_waiting(struct inference *inference);

/* Nobody will finish the reply: its line is closed, and what was made of it goes into the log. */
void inference_leave(struct inference *inference, enum ledger_outcome outcome);

/* Once, at the end of any kind and before release: to all that keep something of requests. NULL: it went well. */
void inference_tell_end(struct inference *inference, int status, const char *error_name);
void inference_tell_gone(struct inference *inference);
void inference_tell_no_memory(struct inference *inference);

void inference_release(struct inference *inference); /* all that is not in the arena */

/* The error, as a reply or as the stream's last frame: all of the above, and the exchange is gone. */
void inference_fail(struct inference *inference, const struct error *error);

#endif
