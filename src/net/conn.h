/* conn.h - one accepted TCP connection: bytes from the loop into a protocol
 * object and back, through TLS where there is any. And the I/O thread's part
 * that connections need. Private to the net room, one thread. */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <uv.h>

#include "net/protocol.h"
#include "net/tls.h"

#define CONN_READ_BYTES 65536
#define CONN_PLAIN_BYTES 16384 /* one TLS record */

struct conn;

struct io_thread {
    struct server *server;
    unsigned index;
    uv_thread_t thread;
    int fd; /* bound socket, -1 once the listener has it */
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_async_t control; /* the server wants something: see control in server.c */
    uv_timer_t sweep;   /* one timer looks at all time-outs */
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle; /* active while connections still wait for a flush, so that the loop doesn't sleep */
    void *user;     /* thread_start's result */
    struct protocol_host host;
    struct tls_context *tls; /* NULL: plain */
    bool is_loopback;        /* nobody else can reach the listening address */
    bool accept_failed;      /* a connection waits for memory */

    struct conn *open;     /* all that are not closed yet */
    size_t open_count, closing_count; /* those that are being closed are among the open ones */
    size_t connections_max, address_max; /* set by the server: limits, and what descriptors allow */
    struct conn *free;     /* ready for use again */
    size_t free_count;
    struct conn *woken;    /* to be flushed at the end of this turn */

    bool is_draining, is_stopping;
    uv_work_t trim;
    bool is_trimming;
    uint64_t drain_deadline_ms;

    /* Written by this thread, read by any. */
    _Atomic uint64_t connections_open, connections_total, bytes_in_total, bytes_out_total;
    _Atomic uint64_t connections_refused_total, connections_displaced_total;

    char read_buffer[CONN_READ_BYTES]; /* shared: whoever reads is done with it before the next read */
    char plain_buffer[CONN_PLAIN_BYTES];
};

bool conn_accept(struct io_thread *thread);   /* false: no memory, try again later */
void conn_flush_woken(struct io_thread *thread);
void conn_sweep(struct io_thread *thread);    /* time-outs */
void conn_drain_all(struct io_thread *thread);
bool conn_all_quiet(const struct io_thread *thread); /* nothing is left but connections waiting for the peer's close */
void conn_close_all(struct io_thread *thread);
void conn_free_pool(struct io_thread *thread); /* connection objects that are kept for use again */
bool conn_address_is_loopback(const struct sockaddr *address);

#endif
