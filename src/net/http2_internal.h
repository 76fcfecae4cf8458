/* http2_internal.h - what the two files of HTTP/2 share: http2.c has the connection and replies, http2_receive.c what
 * nghttp2 calls while it reads. */
#ifndef NET_HTTP2_INTERNAL_H
#define NET_HTTP2_INTERNAL_H

#include "net/exchange.h"
#include "net/http2.h"

#define HTTP2_GAPS 16 /* runs of stream numbers that a client left out, remembered */

/* Stream numbers that were never used and never may be. */
struct stream_gap {
    int32_t first, last;
};

struct http2 {
    struct protocol base; /* first */
    nghttp2_session *session;
    struct exchange *open;                     /* every stream that has an exchange */
    struct exchange *queue_head, *queue_tail;  /* those that settle() must look at */
    size_t unsent;                             /* of whole replies, in no frame yet */
    bool has_waiting;                          /* a stream is ready, and its turn comes when `unsent` falls */
    uint64_t idle_since_ms;                    /* no stream since */
    uint64_t drain_since_ms;                   /* 0: not draining */
    bool is_goaway_final;
    int32_t last_stream; /* the highest number that the client has used */
    struct stream_gap gaps[HTTP2_GAPS];
    size_t gap_count;    /* of all times; the last HTTP2_GAPS are kept */
    double reset_tokens;
    uint64_t reset_refill_ms;
};

static inline struct http2 *http2_of(struct protocol *base)
{
    return (struct http2 *)base;
}

/* --- http2.c --- */
struct exchange *http2_take_exchange(struct http2 *http2); /* NULL: no memory */
void http2_drop_exchange(struct http2 *http2, struct exchange *exchange);
/* It is looked at once nghttp2 has returned. */
void http2_queue(struct http2 *http2, struct exchange *exchange);

/* --- http2_receive.c --- */
void http2_receive_callbacks(nghttp2_session_callbacks *callbacks);
/* Its body is dropped, and it is answered with the refusal that it holds. */
void http2_refuse(struct http2 *http2, struct exchange *exchange);

#endif
