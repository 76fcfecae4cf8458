/* transport.h - requests to other servers from one thread's loop: libcurl's
 * multi interface driven by libuv, HTTP/1.1 with kept connections.
 *
 * A transfer is one request and its reply. It knows no API and repeats nothing.
 * What libcurl's callbacks bring is kept and told afterwards, from the loop, so
 * that a handler may do what it likes: start transfers, cancel this one or any
 * other. A transfer that is paused is told nothing; what has come meanwhile is
 * bounded by limit(upstream_unread_bytes), then libcurl stops reading.
 *
 * Everything runs on the loop's thread. */
#ifndef UPSTREAM_TRANSPORT_H
#define UPSTREAM_TRANSPORT_H

#include <uv.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"

struct transport;
struct transfer;

/* NULL: no memory. */
struct transport *transport_open(uv_loop_t *loop, struct error *error);
/* Cancels what runs, without an event; its memory goes when the loop has let go of its handles. NULL is legal. */
void transport_close(struct transport *transport);

uv_loop_t *transport_loop(const struct transport *transport);

#define TRANSFER_HEADERS_MAX 32

struct transfer_request {
    const char *url;
    struct str body;      /* borrowed until the transfer ends; data NULL: a GET */
    const char *headers[TRANSFER_HEADERS_MAX]; /* "NAME: VALUE" */
    size_t header_count;
    const char *ca;       /* file of certificates; NULL: the system's */
    uint64_t connect_ms, first_byte_ms, idle_ms;
    bool is_once; /* never sent twice: on a new connection, for what a kept one has swallowed libcurl sends again */
};

enum transfer_fault {
    TRANSFER_DONE,        /* the reply is whole */
    TRANSFER_UNREACHED,   /* nothing was sent: no address, no connection, no TLS */
    TRANSFER_BROKEN,      /* the connection ended before the reply did, or it is no HTTP */
    TRANSFER_LATE,        /* no first byte, or nothing more, in time */
    TRANSFER_NO_MEMORY,
};

struct transfer_head {
    long status;
    struct str lines; /* headers, as they came */
};
/* The first header of that name, trimmed; data NULL: there is none. */
struct str transfer_header(const struct transfer_head *head, const char *name);

/* In this order: on_head at most once, on_bytes any number of times, on_done last and once. Strings are valid during
 * the call. */
struct transfer_events {
    void (*on_head)(void *ctx, const struct transfer_head *head);
    void (*on_bytes)(void *ctx, struct str bytes);
    void (*on_done)(void *ctx, enum transfer_fault fault, const char *what); /* what: for the log */
};

/* NULL: no memory, *error says so. No event comes before this returns. `events` outlive the transfer. */
struct transfer *transfer_start(struct transport *transport, const struct transfer_request *request,
                                const struct transfer_events *events, void *ctx, struct error *error);
/* No event comes after it. Needed once for each transfer, also after on_done, where it only frees. */
void transfer_end(struct transfer *transfer);

/* In place of it, where all that counts of the reply has come: its end is waited for a moment, without an event, so
 * that the connection can be kept. */
void transfer_release(struct transfer *transfer);

void transfer_pause(struct transfer *transfer);
void transfer_resume(struct transfer *transfer);

#endif
