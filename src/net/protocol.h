/* protocol.h - the border between bytes and exchanges.
 *
 * A protocol object speaks one version of HTTP on one connection. It knows
 * neither sockets nor clocks: its owner gives it bytes (receive), takes bytes
 * (pull, then `out`) and tells it the time (host->now_ms, tick). So the same
 * code runs behind a socket, in a test that cuts its input anywhere, and under
 * the fuzzer.
 *
 * Handlers never run inside a function of http.h: on_head, on_body and
 * on_request come out of receive or pull, on_close and on_drain out of pull, tick or free. A function
 * of http.h only leaves a mark and wakes the owner, which calls pull soon.
 *
 * Owned by one I/O thread. */
#ifndef NET_PROTOCOL_H
#define NET_PROTOCOL_H

#include <nghttp2/nghttp2.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"
#include "net/budget.h"
#include "net/http.h"

struct exchange;
struct protocol;

/* What all connections of one I/O thread share. */
struct protocol_host {
    uv_loop_t *loop; /* given to exchanges; NULL in tests */
    void *ctx;
    void (*on_request)(void *ctx, struct http_exchange *exchange);
    void (*on_head)(void *ctx, struct http_exchange *exchange); /* may be NULL */
    void *error_ctx;
    void (*on_protocol_error)(void *error_ctx, int status, const char *message, struct http_exchange *exchange);

    uint64_t now_ms;   /* set by the owner before it calls in */

    /* budget.h: what is held for requests, at most limit(body_budget_bytes), and the most since the last trim. */
    size_t body_bytes, body_bytes_peak;
    struct exchange *receiving; /* whose bodies are not whole yet */
    struct share *shares[SHARE_BUCKETS];

    /* Written by this thread only, read by any. */
    _Atomic uint64_t requests_total, protocol_errors_total;

    struct protocol *free_http1; /* connection objects ready for use again */
    size_t free_http1_count;
    struct exchange *free_exchanges; /* HTTP/2 streams ready for use again */
    size_t free_exchange_count;
    nghttp2_session_callbacks *http2_callbacks;
    nghttp2_option *http2_options;
};

enum error_code protocol_host_init(struct protocol_host *host, struct error *error) WARN_UNUSED;
void protocol_host_trim(struct protocol_host *host); /* frees objects that are kept for use again */
void protocol_host_deinit(struct protocol_host *host); /* all its protocol objects freed before */

/* How a reply's end is found. */
enum reply_kind { REPLY_WHOLE, REPLY_STREAM };

struct reply {
    enum reply_kind kind;
    int status;
    const struct http_header *headers;
    size_t header_count;
    struct str body; /* of a whole reply */
};

struct protocol_ops {
    void (*receive)(struct protocol *protocol, struct str data); /* takes all of it */
    void (*receive_end)(struct protocol *protocol); /* the peer sends no more, HTTP/1.1's may still read */
    void (*pull)(struct protocol *protocol);                     /* puts what is to be sent into `out` */
    void (*tick)(struct protocol *protocol);                     /* looks at its time-outs */
    void (*drain)(struct protocol *protocol);                    /* no new requests, close when idle */
    bool (*is_idle)(const struct protocol *protocol); /* no whole request has come that is not answered */
    void (*free)(struct protocol *protocol);                     /* runs on_close of open exchanges */

    void (*respond)(struct exchange *exchange, const struct reply *reply);
    void (*write)(struct exchange *exchange, struct str data);
    void (*end)(struct exchange *exchange);
    void (*abort)(struct exchange *exchange);
    size_t (*unsent)(const struct exchange *exchange);
    void (*pause)(struct exchange *exchange); /* exchange->is_body_paused has changed */
    void (*give_way)(struct exchange *exchange); /* refused while its body came: the answer is due in pull */
};

struct protocol {
    const struct protocol_ops *ops;
    struct protocol_host *host;
    struct protocol *next_free;
    void (*wake)(void *link); /* `pull` has something to do */
    void *link;               /* the owner's connection */
    struct share *address;    /* of the peer, the owner's; NULL: not counted */
    struct buf out;           /* to be sent; the owner consumes it */
    size_t in_flight;         /* taken out of `out` by the owner and not yet written */
    bool is_tls, is_loopback;
    bool is_paused;   /* wants no input for now */
    bool is_finished; /* close once `out` is written; input is read and dropped for a while */
    bool is_broken;   /* close now, with a reset */
};

/* NULL when memory is out. `wake` runs at any time after this. */
struct protocol *http1_new(struct protocol_host *host, void (*wake)(void *link), void *link);
struct protocol *http2_new(struct protocol_host *host, void (*wake)(void *link), void *link);

enum protocol_kind { PROTOCOL_UNDECIDED, PROTOCOL_HTTP1, PROTOCOL_HTTP2 };

/* HTTP/2 with prior knowledge starts with a preface of 24 bytes; the first
 * byte that differs decides for HTTP/1.1. */
enum protocol_kind protocol_detect(struct str first_bytes);
#define PROTOCOL_PREFACE_LEN 24

void protocol_count(_Atomic uint64_t *counter, uint64_t more); /* by the counter's only writer */

#endif
