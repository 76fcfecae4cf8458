/* http.h - what the layers above see of HTTP, whichever version carries it.
 *
 * An exchange is one request and its reply. It belongs to the I/O thread whose
 * loop accepted it; every function here runs on that thread. The handler is
 * called once, when the whole body is there. It answers now or later, with
 * http_respond or with start / write... / end. When the client goes away first
 * (or the stream is reset), on_close runs once and the exchange is gone after
 * it returns; after http_respond or http_respond_end it is gone as well.
 * on_close and on_drain come from the loop, never out of a function here.
 *
 * A body that is too large to be held comes in pieces: on_head (server.h) runs
 * once the headers are there, and when it sets on_body, each piece is given to
 * that and limit(body_bytes) is not asked. on_request follows the last piece as
 * always, its body empty. Nothing may be answered before; a request that on_head
 * finds wrong sets refuses_body and is answered in on_request. When the client goes
 * away or breaks a rule of HTTP in between, on_close runs. */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/mem.h"
#include "core/str.h"

struct http_header {
    struct str name;  /* lower case */
    struct str value; /* trimmed */
};

struct http_request {
    struct str method;
    struct str target; /* as sent, still percent-encoded */
    struct str path;   /* target up to '?' */
    struct str query;  /* behind '?', empty without */
    struct http_header *headers; /* HTTP/2: ":authority" is kept under that name and also given as "host" */
    size_t header_count;
    struct str body;
    bool has_body;     /* something follows the headers */
    int version;       /* 11 or 20 (1.0 is 10) */
    bool is_tls;
    bool is_loopback;  /* the peer's address */
    uint64_t peer;     /* a hash of that address, of IPv6 of its network; 0: not known */
    uint64_t started_us; /* clock_now_us() at the request's first byte */
};

struct http_exchange {
    struct http_request request; /* valid as long as the exchange */
    struct arena arena;          /* freed with the exchange */
    uv_loop_t *loop;
    void *user;                  /* the handler's own */
    void (*on_close)(struct http_exchange *exchange); /* client gone before the reply's end; may be NULL */
    void (*on_drain)(struct http_exchange *exchange); /* unsent bytes fell below half the limit; may be NULL */
    /* Set by on_head only. */
    void (*on_body)(struct http_exchange *exchange, struct str data);
    size_t body_max;   /* 0: limit(body_bytes) */
    bool refuses_body; /* on_request runs at once, to refuse it; HTTP/1.1 closes after that if a body was to come */
};

/* What is held for the request counts for this owner (budget.h). From on_head, before anything is held. */
void http_set_owner(struct http_exchange *exchange, struct str name);

/* The handler makes so many bytes more of the request, which count as the body does, until the reply's end. False:
 * there is no room for them. */
bool http_charge(struct http_exchange *exchange, size_t bytes);
void http_drop_body(struct http_exchange *exchange); /* what was made of it is enough */

/* The exchange stays while another thread works on what belongs to it, though the client may go: on_close runs then as
 * always, nothing may be answered from there on, and http_unpin ends the exchange. */
void http_pin(struct http_exchange *exchange);
void http_unpin(struct http_exchange *exchange);

/* Asks the client to wait with the body, and to go on. What was read already
 * still comes after a pause: at most 256 KiB. From on_body, or between pieces. */
void http_body_pause(struct http_exchange *exchange);
void http_body_resume(struct http_exchange *exchange);

/* First header of that name (lower case), or data == NULL. */
struct str http_header_get(const struct http_request *request, const char *name);

/* Value of a query parameter, percent-decoded into the arena; data == NULL without. */
struct str http_query_get(struct http_exchange *exchange, const char *name);

/* Decodes %XX once. False on a bad escape. */
bool http_percent_decode(struct str text, struct arena *arena, struct str *decoded);

/* Whole reply; adds content-length. Headers and body are copied. A reply to
 * HEAD may bring its own content-length, its body is not sent. */
void http_respond(struct http_exchange *exchange, int status, const struct http_header *headers, size_t header_count,
                  struct str body);

/* Streamed reply: chunked on HTTP/1.1 (or exactly as many bytes as a
 * content-length among the headers says), DATA frames on HTTP/2. Data is copied
 * and sent without delay (one write per loop turn). Over
 * limit(response_buffer_bytes) unsent the exchange is closed: on_close. */
void http_respond_start(struct http_exchange *exchange, int status, const struct http_header *headers,
                        size_t header_count);
void http_respond_write(struct http_exchange *exchange, struct str data);
void http_respond_end(struct http_exchange *exchange);
/* Breaks a started reply off so that the client notices (RST_STREAM, or closing without the last chunk). */
void http_respond_abort(struct http_exchange *exchange);

size_t http_exchange_unsent(const struct http_exchange *exchange); /* bytes accepted and not yet written */

#endif
