/* server.h - I/O threads: a libuv loop each, one listening socket each with
 * SO_REUSEPORT, one port for HTTP/1.1, h2c with prior knowledge, and TLS with
 * ALPN when a certificate is configured.
 *
 * Listening is exclusive all the same: a first socket without SO_REUSEPORT
 * probes the address, and a second server on it is refused. */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "core/error.h"
#include "net/http.h"

struct server;

struct server_options {
    const char *host;
    uint16_t port;      /* 0: any */
    unsigned threads;
    const char *tls_cert, *tls_key; /* PEM files; NULL: plain */
    void *ctx;
    /* Runs on each I/O thread before it accepts; gives the ctx for on_request.
     * NULL is a failure (fills *error). */
    void *(*thread_start)(void *ctx, unsigned index, uv_loop_t *loop, struct error *error);
    void (*thread_stop)(void *thread_ctx); /* on that thread, its connections closed; close own handles here */
    void (*on_request)(void *thread_ctx, struct http_exchange *exchange);
    /* The headers are there, the body isn't: may set the exchange's user and name its owner, and
     * take the body in pieces (on_body, with on_close), bound it (body_max) or refuse it
     * (refuses_body); nothing else. NULL: every body is held until it is whole. */
    void (*on_head)(void *thread_ctx, struct http_exchange *exchange);
    /* A reply body for errors the net room makes itself (400, 408, 413, 414, 431, 503...):
     * fills headers and body. NULL: plain text. */
    void (*on_protocol_error)(void *ctx, int status, const char *message, struct http_exchange *exchange);
};

struct server_counters { /* sums over all threads, read at any time */
    uint64_t connections_open, connections_total, requests_total, protocol_errors_total;
    uint64_t connections_refused_total;   /* there was no room for them */
    uint64_t connections_displaced_total; /* at rest, closed to make room */
    uint64_t bytes_in_total, bytes_out_total;
};

enum error_code server_new(const struct server_options *options, struct server **server,
                           struct error *error) WARN_UNUSED;
uint16_t server_port(const struct server *server);
void server_counters(const struct server *server, struct server_counters *counters);

/* Stops accepting, GOAWAY / connection: close, waits for running exchanges up
 * to drain_ms, cuts the rest off, joins the threads. From any thread but an I/O thread. */
void server_drain(struct server *server, uint64_t drain_ms);
void server_free(struct server *server);

#endif
