/* conn.c - from the loop's reads and writes to a protocol object and back, with the deadlines of a connection. Knows
 * no HTTP. See conn.h. */
#include "net/conn.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "core/limits.h"
#include "core/mem.h"
#include "core/must.h"

#define LINGER_MS 2000           /* for the peer to read our last words and close */
#define KEPT_CONNECTIONS ((size_t)256)
#define KEPT_BUFFER_BYTES ((size_t)65536)
#define FLUSH_ROUNDS 16          /* writes of one connection in one turn, so that a fast reader can't keep the loop */
#define TLS_HANDSHAKE_BYTE 0x16

enum conn_state {
    CONN_FRESH,   /* not a byte yet */
    CONN_OPEN,
    CONN_LINGER,  /* all is said; input is read and dropped until the peer closes */
    CONN_CLOSING,
};

struct conn {
    uv_tcp_t tcp; /* first */
    uv_write_t write_request;
    struct io_thread *thread;
    enum conn_state state;
    bool is_reading, is_woken, peer_ended;
    bool is_loopback;
    struct share *address;     /* of the peer; NULL: no memory for it */
    uint64_t active_ms;        /* when bytes last went either way */
    struct protocol *protocol; /* NULL until the first bytes decide */
    struct tls_session *tls;   /* NULL: plain */
    char first[PROTOCOL_PREFACE_LEN];
    size_t first_len;
    struct buf cipher;  /* TLS records to be written */
    struct buf writing; /* with the loop */
    size_t queue_seen;  /* write progress, as the sweep last saw it */
    uint64_t progress_ms;
    uint64_t deadline_ms; /* of FRESH, LINGER, and an unfinished start */
    struct conn *next, *prev;             /* in thread->open */
    struct conn *woken_next, *woken_prev; /* in thread->woken */
};

static void conn_flush(struct conn *conn);
static void conn_close(struct conn *conn, bool with_reset);

/* --- lists and the pool ---------------------------------------------------------------------------- */

static void conn_wake(void *link)
{
    struct conn *conn = link;
    if (conn->is_woken || conn->state == CONN_CLOSING)
        return;
    conn->is_woken = true;
    conn->woken_prev = NULL;
    conn->woken_next = conn->thread->woken;
    if (conn->woken_next)
        conn->woken_next->woken_prev = conn;
    conn->thread->woken = conn;
}

static void unwake(struct conn *conn)
{
    if (!conn->is_woken)
        return;
    conn->is_woken = false;
    if (conn->woken_prev)
        conn->woken_prev->woken_next = conn->woken_next;
    else
        conn->thread->woken = conn->woken_next;
    if (conn->woken_next)
        conn->woken_next->woken_prev = conn->woken_prev;
}

static struct conn *take_conn(struct io_thread *thread)
{
    struct conn *conn = thread->free;
    if (!conn)
        return mem_calloc(1, sizeof(*conn));
    thread->free = conn->next;
    thread->free_count--;
    struct buf cipher = conn->cipher, writing = conn->writing;
    *conn = (struct conn){.cipher = cipher, .writing = writing};
    return conn;
}

static void give_conn(struct io_thread *thread, struct conn *conn)
{
    bool is_big = conn->cipher.cap > KEPT_BUFFER_BYTES || conn->writing.cap > KEPT_BUFFER_BYTES;
    if (is_big || thread->free_count >= KEPT_CONNECTIONS) {
        buf_deinit(&conn->cipher);
        buf_deinit(&conn->writing);
        mem_free(conn);
        return;
    }
    conn->next = thread->free;
    thread->free = conn;
    thread->free_count++;
}

void conn_free_pool(struct io_thread *thread)
{
    while (thread->free) {
        struct conn *conn = thread->free;
        thread->free = conn->next;
        buf_deinit(&conn->cipher);
        buf_deinit(&conn->writing);
        mem_free(conn);
    }
    thread->free_count = 0;
}

/* --- closing --------------------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct conn *conn = (struct conn *)handle;
    struct io_thread *thread = conn->thread;
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        thread->open = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
    thread->open_count--;
    thread->closing_count--;
    atomic_store_explicit(&thread->connections_open, thread->open_count, memory_order_relaxed);
    buf_clear(&conn->cipher);
    buf_clear(&conn->writing);
    give_conn(thread, conn);
}

static void conn_close(struct conn *conn, bool with_reset)
{
    if (conn->state == CONN_CLOSING)
        return;
    struct io_thread *thread = conn->thread;
    conn->state = CONN_CLOSING;
    thread->closing_count++;
    unwake(conn);
    if (conn->protocol)
        conn->protocol->ops->free(conn->protocol);
    conn->protocol = NULL;
    if (conn->address)
        conn->address->connections--;
    share_give(&thread->host, conn->address);
    conn->address = NULL;
    tls_session_free(conn->tls);
    conn->tls = NULL;
    if (!with_reset || uv_tcp_close_reset(&conn->tcp, on_closed) != 0)
        uv_close((uv_handle_t *)&conn->tcp, on_closed);
}

/* Everything is written. Closing at once would make the kernel answer input
 * still on its way with a reset, which can destroy our reply in the client's
 * receive buffer: so the write side is shut and the rest read and dropped. */
static void conn_linger(struct conn *conn)
{
    uv_os_fd_t fd;
    if (conn->peer_ended || uv_fileno((uv_handle_t *)&conn->tcp, &fd) != 0 || shutdown(fd, SHUT_WR) != 0) {
        conn_close(conn, false);
        return;
    }
    conn->state = CONN_LINGER;
    conn->deadline_ms = conn->thread->host.now_ms + LINGER_MS;
    conn->protocol->ops->free(conn->protocol);
    conn->protocol = NULL;
}

/* --- writing --------------------------------------------------------------------------------------- */

static void on_written(uv_write_t *request, int status)
{
    struct conn *conn = (struct conn *)request->data;
    must(conn->writing.len > 0, "a write that ends was on its way", LOG_I("state", conn->state));
    buf_clear(&conn->writing);
    conn->active_ms = conn->thread->host.now_ms;
    if (conn->protocol)
        conn->protocol->in_flight = 0;
    if (conn->state == CONN_CLOSING)
        return;
    if (status < 0)
        conn_close(conn, false);
    else
        conn_flush(conn);
}

/* Writes what the socket takes now and leaves the rest to the loop. */
static bool send_bytes(struct conn *conn, struct buf *from)
{
    uv_buf_t data = uv_buf_init(from->data, (unsigned)from->len);
    int sent = uv_try_write((uv_stream_t *)&conn->tcp, &data, 1);
    if (sent < 0 && sent != UV_EAGAIN)
        return false;
    if (sent > 0) {
        protocol_count(&conn->thread->bytes_out_total, (uint64_t)sent);
        buf_consume(from, (size_t)sent);
    }
    if (from->len == 0)
        return true;
    must(conn->writing.len == 0, "one write is on its way at a time", LOG_I("writing", conn->writing.len),
         LOG_I("more", from->len));
    struct buf empty = conn->writing;
    conn->writing = *from;
    empty.max = from->max;
    *from = empty;
    data = uv_buf_init(conn->writing.data, (unsigned)conn->writing.len);
    conn->write_request.data = conn;
    conn->queue_seen = conn->writing.len;
    conn->progress_ms = conn->thread->host.now_ms;
    protocol_count(&conn->thread->bytes_out_total, conn->writing.len);
    return uv_write(&conn->write_request, (uv_stream_t *)&conn->tcp, &data, 1, on_written) == 0;
}

/* Turns the protocol's bytes into TLS records. */
static bool encrypt(struct conn *conn)
{
    struct buf *out = conn->protocol ? &conn->protocol->out : NULL;
    /* While the socket is full they wait as plaintext, where the protocol counts them. */
    if (out && out->len > 0 && conn->writing.len == 0) {
        if (!tls_session_write(conn->tls, buf_str(out)))
            return false;
        buf_clear(out);
    }
    return tls_session_take(conn->tls, &conn->cipher);
}

/* One round: true when another may send more. */
static bool flush_round(struct conn *conn)
{
    struct protocol *protocol = conn->protocol;
    if (protocol)
        protocol->ops->pull(protocol);
    bool failed = (protocol && protocol->is_broken) || (conn->tls && !encrypt(conn));
    struct buf *from = conn->tls ? &conn->cipher : protocol ? &protocol->out : NULL;
    bool had_bytes = !failed && from && from->len > 0;
    if (had_bytes && conn->writing.len == 0)
        failed = !send_bytes(conn, from);
    if (failed) {
        conn_close(conn, true);
        return false;
    }
    if (protocol)
        protocol->in_flight = conn->writing.len + conn->cipher.len;
    return had_bytes && conn->writing.len == 0;
}

static void set_reading(struct conn *conn);

static void conn_finish(struct conn *conn)
{
    if (conn->tls) {
        tls_session_shut(conn->tls);
        if (!encrypt(conn) || (conn->cipher.len > 0 && !send_bytes(conn, &conn->cipher))) {
            conn_close(conn, false);
            return;
        }
        tls_session_free(conn->tls);
        conn->tls = NULL;
    }
    if (conn->writing.len == 0)
        conn_linger(conn);
}

static void conn_flush(struct conn *conn)
{
    unwake(conn);
    if (conn->state == CONN_CLOSING || conn->state == CONN_LINGER)
        return;
    int rounds = 0;
    while (flush_round(conn))
        if (++rounds == FLUSH_ROUNDS) {
            conn_wake(conn);
            return;
        }
    if (conn->state == CONN_CLOSING)
        return;
    struct protocol *protocol = conn->protocol;
    if (protocol && protocol->is_finished && protocol->out.len == 0 && conn->writing.len == 0)
        conn_finish(conn);
    else
        set_reading(conn);
}

void conn_flush_woken(struct io_thread *thread)
{
    /* Those woken meanwhile come first in the list and wait for the next turn. */
    struct conn *conn = thread->woken;
    thread->woken = NULL;
    while (conn) {
        struct conn *next = conn->woken_next;
        if (next)
            next->woken_prev = NULL;
        conn->is_woken = false;
        conn_flush(conn);
        conn = next;
    }
}

/* --- reading --------------------------------------------------------------------------------------- */

/* For a client that speaks HTTP to a TLS port: an answer that it can show. */
static void refuse_plain(struct conn *conn)
{
    static const char text[] = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 36\r\n"
                               "connection: close\r\n\r\nThis port speaks TLS: use https://.\n";
    uv_buf_t data = uv_buf_init((char *)text, sizeof(text) - 1);
    (void)uv_try_write((uv_stream_t *)&conn->tcp, &data, 1);
    conn_close(conn, false);
}

static bool start_protocol(struct conn *conn, enum protocol_kind kind)
{
    must(kind != PROTOCOL_UNDECIDED && conn->state == CONN_OPEN, "a protocol begins on an open connection, and once",
         LOG_I("kind", kind), LOG_I("state", conn->state));
    struct protocol_host *host = &conn->thread->host;
    struct protocol *protocol =
        kind == PROTOCOL_HTTP2 ? http2_new(host, conn_wake, conn) : http1_new(host, conn_wake, conn);
    if (!protocol)
        return false;
    protocol->is_tls = conn->tls != NULL;
    protocol->is_loopback = conn->is_loopback;
    protocol->address = conn->address;
    conn->protocol = protocol;
    if (conn->thread->is_draining)
        protocol->ops->drain(protocol);
    return true;
}

/* Looks at the first bytes until they tell the protocol. */
static void sniff(struct conn *conn, struct str *data)
{
    enum protocol_kind kind = PROTOCOL_UNDECIDED;
    if (conn->first_len == 0)
        kind = protocol_detect(*data);
    while (kind == PROTOCOL_UNDECIDED && data->len > 0) {
        must(conn->first_len < sizeof(conn->first), "the first bytes tell the protocol before they are too many",
             LOG_I("len", conn->first_len));
        conn->first[conn->first_len++] = data->data[0];
        *data = str_slice(*data, 1, data->len);
        kind = protocol_detect((struct str){conn->first, conn->first_len});
    }
    if (kind == PROTOCOL_UNDECIDED)
        conn->deadline_ms = conn->thread->host.now_ms + limit(header_timeout_ms);
    else if (!start_protocol(conn, kind))
        conn_close(conn, true);
    else if (conn->first_len > 0)
        conn->protocol->ops->receive(conn->protocol, (struct str){conn->first, conn->first_len});
}

static void take_plain(struct conn *conn, struct str data)
{
    if (!conn->protocol)
        sniff(conn, &data);
    if (conn->protocol && data.len > 0)
        conn->protocol->ops->receive(conn->protocol, data);
}

static void take_end(struct conn *conn)
{
    conn->peer_ended = true;
    if (conn->protocol)
        conn->protocol->ops->receive_end(conn->protocol);
    else
        conn_close(conn, false);
}

static void take_cipher(struct conn *conn, struct str data)
{
    if (!tls_session_feed(conn->tls, data)) {
        conn_close(conn, true);
        return;
    }
    enum tls_result result = TLS_DATA;
    while (result == TLS_DATA && conn->state == CONN_OPEN) {
        size_t len;
        result = tls_session_read(conn->tls, conn->thread->plain_buffer, CONN_PLAIN_BYTES, &len);
        if (result == TLS_DATA)
            take_plain(conn, (struct str){conn->thread->plain_buffer, len});
    }
    if (result == TLS_CLOSED) {
        take_end(conn);
    } else if (result == TLS_FAILED) {
        (void)tls_session_take(conn->tls, &conn->cipher); /* the alert */
        if (conn->writing.len == 0 && conn->cipher.len > 0)
            (void)send_bytes(conn, &conn->cipher);
        conn_close(conn, false);
    }
}

static void take_first_byte(struct conn *conn, char byte)
{
    conn->state = CONN_OPEN;
    if (!conn->thread->tls)
        return;
    if (byte != TLS_HANDSHAKE_BYTE) {
        refuse_plain(conn);
        return;
    }
    conn->tls = tls_session_new(conn->thread->tls);
    conn->deadline_ms = conn->thread->host.now_ms + limit(handshake_timeout_ms);
    if (!conn->tls)
        conn_close(conn, true);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *to)
{
    (void)suggested;
    struct conn *conn = (struct conn *)handle;
    *to = uv_buf_init(conn->thread->read_buffer, CONN_READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *from)
{
    struct conn *conn = (struct conn *)stream;
    struct io_thread *thread = conn->thread;
    thread->host.now_ms = uv_now(&thread->loop);
    if (len == 0 || conn->state == CONN_CLOSING)
        return;
    if (len < 0) {
        if (len == UV_EOF && conn->state == CONN_OPEN)
            take_end(conn);
        else
            conn_close(conn, false);
        conn_flush(conn);
        return;
    }
    conn->active_ms = thread->host.now_ms;
    protocol_count(&thread->bytes_in_total, (uint64_t)len);
    if (conn->state == CONN_LINGER)
        return;
    if (conn->state == CONN_FRESH)
        take_first_byte(conn, from->base[0]);
    if (conn->state == CONN_OPEN && conn->tls)
        take_cipher(conn, (struct str){from->base, (size_t)len});
    else if (conn->state == CONN_OPEN)
        take_plain(conn, (struct str){from->base, (size_t)len});
    conn_flush(conn);
}

static void set_reading(struct conn *conn)
{
    bool wanted = !conn->peer_ended && (!conn->protocol || !conn->protocol->is_paused);
    if (wanted == conn->is_reading)
        return;
    conn->is_reading = wanted;
    if (!wanted)
        (void)uv_read_stop((uv_stream_t *)&conn->tcp);
    else if (uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read) != 0)
        conn_close(conn, true);
}

/* --- accepting ------------------------------------------------------------------------------------- */

bool conn_address_is_loopback(const struct sockaddr *address)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (address->sa_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24) == 127;
    if (address->sa_family != AF_INET6)
        return false;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    if (memcmp(six->s6_addr, mapped, sizeof(mapped)) == 0)
        return six->s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(six);
}

/* What tells clients apart: all of an IPv4 address, and of an IPv6 address the network, which is one customer's. */
static struct str address_name(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        return (struct str){(const char *)&((const struct sockaddr_in *)(const void *)address)->sin_addr, 4};
    if (address->ss_family != AF_INET6)
        return STR("");
    const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return IN6_IS_ADDR_V4MAPPED(six) ? (struct str){(const char *)six->s6_addr + 12, 4}
                                     : (struct str){(const char *)six->s6_addr, 8};
}

static void look_at_peer(struct conn *conn)
{
    struct sockaddr_storage address;
    int len = sizeof(address);
    conn->is_loopback = conn->thread->is_loopback;
    if (uv_tcp_getpeername(&conn->tcp, (struct sockaddr *)&address, &len) != 0)
        return;
    conn->is_loopback = conn->is_loopback || conn_address_is_loopback((const struct sockaddr *)&address);
    conn->address = share_take(&conn->thread->host, SHARE_ADDRESS, address_name(&address));
    if (conn->address)
        conn->address->connections++;
}

static bool is_at_rest(const struct conn *conn)
{
    bool is_starting = !conn->protocol || (conn->tls && !tls_session_is_established(conn->tls));
    return conn->state != CONN_CLOSING && (is_starting || conn->protocol->ops->is_idle(conn->protocol));
}

/* Closes the connection that has been at rest longest, of one address or of all (NULL). An idle connection may be
 * closed at any time (RFC 9112, 9.5), and a client that has hundreds of them without a use must not shut others out. */
static bool displace(struct io_thread *thread, const struct conn *newcomer, const struct share *address)
{
    struct conn *oldest = NULL;
    for (struct conn *conn = thread->open; conn; conn = conn->next)
        if (conn != newcomer && (!address || conn->address == address) && is_at_rest(conn) &&
            (!oldest || conn->active_ms <= oldest->active_ms))
            oldest = conn; /* of the same moment the one that came first: newer ones stand in front */
    if (!oldest)
        return false;
    protocol_count(&thread->connections_displaced_total, 1);
    conn_close(oldest, false);
    return true;
}

/* False: there is no room for it. */
static bool find_place(struct conn *conn)
{
    struct io_thread *thread = conn->thread;
    if (conn->address && conn->address->connections > thread->address_max)
        return displace(thread, conn, conn->address);
    return thread->open_count - thread->closing_count <= thread->connections_max || displace(thread, conn, NULL);
}

static void refuse_overload(struct conn *conn)
{
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n"
                               "connection: close\r\n\r\n";
    uv_buf_t data = uv_buf_init((char *)text, sizeof(text) - 1);
    protocol_count(&conn->thread->connections_refused_total, 1);
    if (!conn->thread->tls)
        (void)uv_try_write((uv_stream_t *)&conn->tcp, &data, 1);
    conn_close(conn, false);
}

bool conn_accept(struct io_thread *thread)
{
    struct conn *conn = take_conn(thread);
    if (!conn)
        return false;
    conn->thread = thread;
    conn->cipher.max = conn->writing.max = SIZE_MAX; /* bounded by what protocol objects may hold */
    if (uv_tcp_init(&thread->loop, &conn->tcp) != 0) {
        give_conn(thread, conn);
        return false;
    }
    conn->next = thread->open;
    if (conn->next)
        conn->next->prev = conn;
    thread->open = conn;
    thread->open_count++;
    atomic_store_explicit(&thread->connections_open, thread->open_count, memory_order_relaxed);
    protocol_count(&thread->connections_total, 1);
    thread->host.now_ms = uv_now(&thread->loop);
    conn->active_ms = thread->host.now_ms;
    conn->deadline_ms = thread->host.now_ms + limit(idle_timeout_ms);
    if (uv_accept((uv_stream_t *)&thread->listener, (uv_stream_t *)&conn->tcp) != 0) {
        conn_close(conn, false);
        return true;
    }
    look_at_peer(conn);
    if (find_place(conn))
        set_reading(conn);
    else
        refuse_overload(conn);
    return true;
}

/* --- the thread's view ----------------------------------------------------------------------------- */

static bool write_stalls(struct conn *conn)
{
    uint64_t now = conn->thread->host.now_ms;
    size_t queue = uv_stream_get_write_queue_size((uv_stream_t *)&conn->tcp);
    if (conn->writing.len == 0 || queue != conn->queue_seen) {
        conn->queue_seen = queue;
        conn->progress_ms = now;
        return false;
    }
    return now - conn->progress_ms >= limit(write_timeout_ms);
}

/* After the end of its input nothing is read, so a reset shows in the socket's state only. */
static bool peer_has_left(struct conn *conn)
{
    uv_os_fd_t fd;
    struct tcp_info info;
    socklen_t len = sizeof(info);
    return conn->peer_ended && uv_fileno((uv_handle_t *)&conn->tcp, &fd) == 0 &&
           getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_state == TCP_CLOSE;
}

static void sweep_one(struct conn *conn)
{
    uint64_t now = conn->thread->host.now_ms;
    bool is_starting = !conn->protocol || (conn->tls && !tls_session_is_established(conn->tls));
    if (conn->state == CONN_CLOSING)
        return;
    if (is_starting && now >= conn->deadline_ms) {
        conn_close(conn, false);
    } else if (write_stalls(conn) || peer_has_left(conn)) {
        conn_close(conn, true);
    } else if (conn->protocol) {
        conn->protocol->ops->tick(conn->protocol);
        conn_flush(conn);
    }
}

void conn_sweep(struct io_thread *thread)
{
    for (struct conn *conn = thread->open; conn; conn = conn->next) /* closing unlinks later, so `next` stays good */
        sweep_one(conn);
}

void conn_drain_all(struct io_thread *thread)
{
    for (struct conn *conn = thread->open; conn; conn = conn->next) {
        if (conn->protocol) {
            conn->protocol->ops->drain(conn->protocol);
            conn_flush(conn);
        } else if (conn->state == CONN_FRESH) {
            conn_close(conn, false);
        }
    }
}

bool conn_all_quiet(const struct io_thread *thread)
{
    for (const struct conn *conn = thread->open; conn; conn = conn->next)
        if (conn->state != CONN_CLOSING && conn->state != CONN_LINGER)
            return false;
    return true;
}

void conn_close_all(struct io_thread *thread)
{
    for (struct conn *conn = thread->open; conn; conn = conn->next)
        conn_close(conn, conn->state != CONN_LINGER);
}
