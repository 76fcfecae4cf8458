/* The server on real sockets: threads, TLS, closing in every state, drain. */
#include "support.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/util.h"
#include "net/server.h"

#define BIG_BYTES ((size_t)3000000)

/* --- the handler: what a path does ----------------------------------------------------------------- */

static atomic_int closes, held, threads_started, threads_stopped;
static atomic_uint threads_that_answered; /* a bit each */
static char big[BIG_BYTES];

struct thread_state {
    unsigned index;
    uv_loop_t *loop;
    uv_timer_t timer;
    struct http_exchange *later, *flood; /* at most one of each at a time */
};

static void on_timer(uv_timer_t *timer)
{
    struct thread_state *state = timer->data;
    if (state->later)
        http_respond(state->later, 200, NULL, 0, STR("later"));
    state->later = NULL;
    if (state->flood)
        http_respond_write(state->flood, (struct str){big, 65536});
}

static void *thread_start(void *ctx, unsigned index, uv_loop_t *loop, struct error *error)
{
    if (ctx) { /* tests pass a text to make this fail */
        error_set(error, ERROR_INTERNAL, "%s", (const char *)ctx);
        return NULL;
    }
    struct thread_state *state = mem_must_calloc(1, sizeof(*state));
    state->index = index;
    state->loop = loop;
    (void)uv_timer_init(loop, &state->timer);
    state->timer.data = state;
    (void)uv_timer_start(&state->timer, on_timer, 5, 5);
    atomic_fetch_add(&threads_started, 1);
    return state;
}

static void on_timer_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

static void thread_stop(void *ctx)
{
    struct thread_state *state = ctx;
    atomic_fetch_add(&threads_stopped, 1);
    uv_close((uv_handle_t *)&state->timer, on_timer_closed);
}

static void on_close(struct http_exchange *exchange)
{
    struct thread_state *state = exchange->user;
    if (state->flood == exchange)
        state->flood = NULL;
    if (state->later == exchange)
        state->later = NULL;
    atomic_fetch_add(&closes, 1);
}

static void on_request(void *ctx, struct http_exchange *exchange)
{
    struct thread_state *state = ctx;
    const struct http_request *request = &exchange->request;
    atomic_fetch_or(&threads_that_answered, 1u << state->index);
    assert(exchange->loop == state->loop && request->is_loopback);
    exchange->user = state;
    exchange->on_close = on_close;
    if (str_eq(request->path, STR("/hold"))) {
        atomic_fetch_add(&held, 1);
    } else if (str_eq(request->path, STR("/later"))) {
        state->later = exchange;
    } else if (str_eq(request->path, STR("/flood"))) {
        http_respond_start(exchange, 200, NULL, 0);
        state->flood = exchange;
    } else if (str_eq(request->path, STR("/begin"))) {
        http_respond_start(exchange, 200, NULL, 0);
        http_respond_write(exchange, STR("begun"));
        atomic_fetch_add(&held, 1);
    } else if (str_eq(request->path, STR("/big"))) {
        http_respond(exchange, 200, NULL, 0, (struct str){big, BIG_BYTES});
    } else if (str_eq(request->path, STR("/tls"))) {
        http_respond(exchange, 200, NULL, 0, request->is_tls ? STR("yes") : STR("no"));
    } else {
        http_respond(exchange, 200, NULL, 0, request->body.len > 0 ? request->body : request->target);
    }
}

static struct server *start_with(struct server_options options)
{
    struct server *server;
    struct error error;
    atomic_store(&closes, 0);
    atomic_store(&held, 0);
    options.host = "127.0.0.1";
    options.threads = options.threads ? options.threads : 2;
    options.thread_start = thread_start;
    options.thread_stop = thread_stop;
    options.on_request = on_request;
    if (server_new(&options, &server, &error) != OK)
        fail_msg("%s", error.message);
    return server;
}

static struct server *start(void)
{
    return start_with((struct server_options){0});
}

/* Waits for what another thread will do; gives up after five seconds. */
static void wait_for(atomic_int *counter, int wanted)
{
    for (int i = 0; i < 5000 && atomic_load(counter) != wanted; i++)
        (void)usleep(1000);
    assert_int_equal(atomic_load(counter), wanted);
}

/* --- a client -------------------------------------------------------------------------------------- */

struct wire {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl; /* NULL: plain */
};

static struct wire dial(const struct server *server)
{
    struct wire wire = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(server_port(server))};
    struct timeval patience = {.tv_sec = 20};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(wire.fd >= 0);
    (void)setsockopt(wire.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(wire.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    (void)setsockopt(wire.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    assert_int_equal(connect(wire.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return wire;
}

static struct wire dial_tls(const struct server *server, const char *alpn)
{
    struct wire wire = dial(server);
    wire.ctx = SSL_CTX_new(TLS_client_method());
    wire.ssl = SSL_new(wire.ctx);
    if (alpn)
        (void)SSL_set_alpn_protos(wire.ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn));
    assert_int_equal(SSL_set_fd(wire.ssl, wire.fd), 1);
    assert_int_equal(SSL_connect(wire.ssl), 1);
    return wire;
}

static void hang_up(struct wire *wire)
{
    SSL_free(wire->ssl);
    SSL_CTX_free(wire->ctx);
    (void)close(wire->fd);
}

static void hang_up_hard(struct wire *wire)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    hang_up(wire);
}

static bool put(struct wire *wire, struct str data)
{
    while (data.len > 0) {
        ssize_t n = wire->ssl ? SSL_write(wire->ssl, data.data, (int)data.len)
                              : send(wire->fd, data.data, data.len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        data = str_slice(data, (size_t)n, data.len);
    }
    return true;
}

static ssize_t get(struct wire *wire, char *to, size_t cap)
{
    return wire->ssl ? SSL_read(wire->ssl, to, (int)cap) : recv(wire->fd, to, cap, 0);
}

/* Reads until the head and content-length bytes (or, without a length, the connection's end) are there. */
static void read_reply(struct wire *wire, struct buf *reply)
{
    static char piece[65536];
    buf_init(reply, 1 << 24);
    for (;;) {
        ptrdiff_t end = str_find(buf_str(reply), STR("\r\n\r\n"), 0);
        ptrdiff_t at = str_find(buf_str(reply), STR("content-length: "), 0);
        if (end >= 0 && at >= 0) {
            struct str rest = str_slice(buf_str(reply), (size_t)at + 16, reply->len), number;
            uint64_t length = 0;
            assert_true(str_split(&rest, '\r', &number) && str_to_u64(number, &length));
            if (reply->len >= (size_t)end + 4 + length)
                return;
        }
        ssize_t n = get(wire, piece, sizeof(piece));
        if (n <= 0)
            return;
        buf_append(reply, piece, (size_t)n);
    }
}

static void assert_answers(struct wire *wire, const char *path, const char *body)
{
    struct buf reply;
    char request[200];
    (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    assert_true(put(wire, str_of(request)));
    read_reply(wire, &reply);
    if (!str_starts(buf_str(&reply), STR("HTTP/1.1 200 OK\r\n")) || !str_ends(buf_str(&reply), str_of(body)))
        fail_msg("%s: " STR_FMT, path, STR_ARG(buf_str(&reply)));
    buf_deinit(&reply);
}

static void assert_status(struct wire *wire, int status)
{
    struct buf reply;
    char line[32];
    (void)snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
    read_reply(wire, &reply);
    if (!str_starts(buf_str(&reply), str_of(line)))
        fail_msg("expected %d: " STR_FMT, status, STR_ARG(buf_str(&reply)));
    buf_deinit(&reply);
}

/* --- tests ----------------------------------------------------------------------------------------- */

static void test_requests_on_threads(void **state)
{
    (void)state;
    struct server *server = start();
    struct server_counters counters;
    atomic_store(&threads_that_answered, 0);
    for (int i = 0; i < 64; i++) {
        struct wire wire = dial(server);
        assert_answers(&wire, "/one", "/one");
        assert_answers(&wire, "/later", "later");
        hang_up(&wire);
    }
    assert_int_equal(atomic_load(&threads_that_answered), 3); /* the kernel spreads connections over both */
    server_counters(server, &counters);
    assert_int_equal(counters.connections_total, 64);
    assert_int_equal(counters.requests_total, 128);
    assert_true(counters.bytes_in_total > 64 * 60 && counters.bytes_out_total > 64 * 60);
    server_free(server);
    assert_int_equal(atomic_load(&threads_started), atomic_load(&threads_stopped));
}

static void test_bytes_that_come_one_by_one(void **state)
{
    (void)state;
    struct server *server = start();
    struct wire wire = dial(server);
    struct str request = STR("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    for (size_t i = 0; i < request.len; i++)
        assert_true(put(&wire, str_slice(request, i, i + 1)));
    assert_status(&wire, 200);
    hang_up(&wire);
    server_free(server);
}

static void test_a_second_server_is_refused(void **state)
{
    (void)state;
    struct server *server = start(), *second;
    struct error error;
    struct server_options options = {.host = "127.0.0.1",
                                     .port = server_port(server),
                                     .threads = 2,
                                     .thread_start = thread_start,
                                     .thread_stop = thread_stop,
                                     .on_request = on_request};
    assert_int_equal(server_new(&options, &second, &error), ERROR_CONFLICT);
    assert_non_null(strstr(error.message, "another program is listening"));
    uint16_t port = server_port(server);
    struct wire wire = dial(server);
    assert_answers(&wire, "/still", "/still");
    server_free(server); /* this side closes first, yet its port is free at once */
    hang_up(&wire);
    server = start_with((struct server_options){.port = port});
    assert_int_equal(server_port(server), port);
    server_free(server);
}

static void test_failures_to_start(void **state)
{
    (void)state;
    struct server *server;
    struct error error;
    struct server_options options = {.host = "nobody.invalid", .threads = 1, .on_request = on_request};
    assert_int_equal(server_new(&options, &server, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "nobody.invalid"));
    options = (struct server_options){.host = "127.0.0.1",
                                      .threads = 2,
                                      .ctx = "no such luck",
                                      .thread_start = thread_start,
                                      .thread_stop = thread_stop,
                                      .on_request = on_request};
    assert_int_equal(server_new(&options, &server, &error), ERROR_INTERNAL);
    assert_string_equal(error.message, "no such luck");
    options.host = "192.0.2.1"; /* a documentation address, nobody's */
    assert_int_equal(server_new(&options, &server, &error), ERROR_IO);
    assert_non_null(strstr(error.message, "192.0.2.1"));
}

static void test_closing_in_every_state(void **state)
{
    (void)state;
    static const struct {
        const char *sent;
        int held, closes;
    } cases[] = {
        {"", 0, 0},
        {"PRI * HT", 0, 0},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, 0},
        {"GET / HT", 0, 0},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", 0, 0},
        {"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n", 1, 1},
        {"GET /begin HTTP/1.1\r\nHost: x\r\n\r\n", 1, 1},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 0, 0},
        {"broken", 0, 0},
    };
    struct server *server = start();
    int closed = 0, holding = 0;
    for (int hard = 0; hard <= 1; hard++) {
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            struct wire wire = dial(server);
            assert_true(put(&wire, str_of(cases[i].sent)));
            wait_for(&held, holding += cases[i].held);
            if (hard)
                hang_up_hard(&wire);
            else
                hang_up(&wire);
            wait_for(&closes, closed += cases[i].closes);
        }
    }
    struct server_counters counters;
    for (int i = 0; i < 3000; i++) {
        server_counters(server, &counters);
        if (counters.connections_open == 0)
            break;
        (void)usleep(1000);
    }
    assert_int_equal(counters.connections_open, 0);
    assert_int_equal(atomic_load(&closes), closed);
    server_free(server);
}

static void test_a_reader_that_stops_is_dropped(void **state)
{
    (void)state;
    struct server *server = start();
    struct wire wire = dial(server);
    assert_true(put(&wire, STR("GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")));
    wait_for(&closes, 1);
    hang_up(&wire);
    server_free(server);
}

static void test_a_reader_that_resets_is_dropped(void **state)
{
    (void)state;
    struct server *server = start();
    for (int i = 1; i <= 5; i++) {
        struct wire wire = dial(server);
        char piece[100];
        assert_true(put(&wire, STR("GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")));
        assert_true(get(&wire, piece, sizeof(piece)) > 0);
        hang_up_hard(&wire);
        wait_for(&closes, i);
    }
    server_free(server);
}

static void test_an_upload_that_is_refused_can_be_read_about(void **state)
{
    (void)state;
    uint64_t body_bytes = limit(body_bytes);
    limits_in_force.body_bytes = 1000;
    struct server *server = start();
    for (int i = 0; i < 5; i++) {
        struct wire wire = dial(server);
        assert_true(put(&wire, STR("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")));
        (void)put(&wire, (struct str){big, BIG_BYTES});
        assert_status(&wire, 413);
        hang_up(&wire);
    }
    server_free(server);
    limits_in_force.body_bytes = body_bytes;
}

static void assert_big(struct wire *wire)
{
    struct buf reply;
    assert_true(put(wire, STR("GET /big HTTP/1.1\r\nHost: x\r\n\r\n")));
    (void)usleep(50000); /* so that the server meets a full socket */
    read_reply(wire, &reply);
    assert_true(reply.len > BIG_BYTES);
    assert_memory_equal(reply.data + reply.len - BIG_BYTES, big, BIG_BYTES);
    buf_deinit(&reply);
    assert_answers(wire, "/after", "/after");
}

static void test_large_replies_arrive_whole(void **state)
{
    (void)state;
    struct server *server = start();
    struct wire wire = dial(server);
    assert_big(&wire);
    hang_up(&wire);
    server_free(server);
}

/* Ten thousand requests for three megabytes each, and nobody reads: what the sockets hold is answered and no more. */
static void test_unread_replies_do_not_pile_up(void **state)
{
    (void)state;
    enum { ASKED = 10000 };
    struct server *server = start_with((struct server_options){.threads = 1});
    struct wire greedy = dial(server), other = dial(server);
    struct buf requests;
    buf_init(&requests, 1 << 20);
    for (int i = 0; i < ASKED; i++)
        buf_append_text(&requests, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(put(&greedy, str_slice(buf_str(&requests), 0, 65536)));
    for (int i = 0; i < 20; i++)
        assert_answers(&other, "/other", "/other"); /* the thread has had its turns */
    struct server_counters counters;
    server_counters(server, &counters);
    assert_in_range(counters.requests_total, 21, 100);
    buf_deinit(&requests);
    hang_up_hard(&greedy);
    hang_up(&other);
    server_free(server);
}

static void test_half_a_close_is_no_farewell(void **state)
{
    (void)state;
    struct server *server = start();
    struct wire wire = dial(server);
    assert_true(put(&wire, STR("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /later HTTP/1.1\r\nHost: x\r\n\r\n")));
    (void)shutdown(wire.fd, SHUT_WR);
    struct buf replies;
    char piece[1000];
    buf_init(&replies, 1 << 16);
    for (ssize_t n; (n = get(&wire, piece, sizeof(piece))) > 0;)
        buf_append(&replies, piece, (size_t)n);
    assert_true(str_find(buf_str(&replies), STR("\r\n\r\n/1HTTP/1.1 "), 0) > 0); /* 100, or 200 at once */
    assert_true(str_ends(buf_str(&replies), STR("later")));
    assert_int_equal(atomic_load(&closes), 0);
    buf_deinit(&replies);
    hang_up(&wire);
    server_free(server);
}

static void test_too_many_connections(void **state)
{
    (void)state;
    uint64_t connections = limit(connections);
    limits_in_force.connections = 3;
    struct server *server = start_with((struct server_options){.threads = 1});
    struct wire wires[4];
    for (int i = 0; i < 3; i++) {
        wires[i] = dial(server);
        assert_true(put(&wires[i], STR("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")));
    }
    wait_for(&held, 3);
    wires[3] = dial(server);
    assert_status(&wires[3], 503);
    for (int i = 0; i < 4; i++)
        hang_up_hard(&wires[i]);
    server_free(server);
    limits_in_force.connections = connections;
}

/* The one that has been at rest longest goes; whoever is being answered stays. */
static void test_connections_at_rest_make_room(void **state)
{
    (void)state;
    struct limits before = limits_in_force;
    limits_in_force.connections = 8;
    struct server *server = start_with((struct server_options){.threads = 1});
    struct wire busy = dial(server), used = dial(server), silent[40];
    assert_true(put(&busy, STR("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")));
    wait_for(&held, 1);
    assert_answers(&used, "/used", "/used");
    for (int i = 0; i < 40; i++) {
        silent[i] = dial(server);
        assert_true(put(&silent[i], i % 2 ? STR("GET / HTT") : STR("")));
        struct wire other = dial(server);
        assert_answers(&other, "/other", "/other");
        hang_up(&other);
    }
    char byte;
    assert_int_equal(get(&used, &byte, 1), 0);
    assert_int_equal(get(&silent[0], &byte, 1), 0);
    assert_int_equal(atomic_load(&closes), 0);
    struct server_counters counters;
    server_counters(server, &counters);
    assert_int_equal(counters.connections_refused_total, 0);
    assert_true(counters.connections_displaced_total > 30);
    for (int i = 0; i < 40; i++)
        hang_up(&silent[i]);
    hang_up_hard(&busy);
    hang_up(&used);
    server_free(server);
    limits_in_force = before;
}

static struct wire dial_from(const struct server *server, uint32_t address)
{
    struct wire wire = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(server_port(server))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(wire.fd, (struct sockaddr *)&own, sizeof(own)), 0);
    assert_int_equal(connect(wire.fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return wire;
}

static void test_one_address_leaves_room_for_others(void **state)
{
    (void)state;
    struct limits before = limits_in_force;
    limits_in_force.connections = 8;
    limits_in_force.address_connections = 4;
    struct server *server = start_with((struct server_options){.threads = 1});
    struct wire many[5], other;
    for (int i = 0; i < 4; i++) {
        many[i] = dial_from(server, 0x7f000002);
        assert_true(put(&many[i], STR("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")));
    }
    wait_for(&held, 4);
    many[4] = dial_from(server, 0x7f000002);
    assert_status(&many[4], 503);
    other = dial_from(server, 0x7f000003);
    assert_answers(&other, "/other", "/other");
    for (int i = 0; i < 5; i++)
        hang_up_hard(&many[i]);
    wait_for(&closes, 4);
    many[0] = dial_from(server, 0x7f000002);
    assert_answers(&many[0], "/again", "/again");
    hang_up(&many[0]);
    hang_up(&other);
    server_free(server);
    limits_in_force = before;
}

static void test_timeouts(void **state)
{
    (void)state;
    struct limits before = limits_in_force;
    limits_in_force.header_timeout_ms = 60;
    limits_in_force.idle_timeout_ms = 60;
    struct server *server = start();
    struct wire idle = dial(server), begun = dial(server), undecided = dial(server);
    char byte;
    assert_true(put(&begun, STR("GET / HTTP/1.1\r\nHost:")));
    assert_true(put(&undecided, STR("PRI * H")));
    assert_status(&begun, 408);
    assert_int_equal(get(&idle, &byte, 1), 0);
    assert_int_equal(get(&undecided, &byte, 1), 0);
    hang_up(&idle);
    hang_up(&begun);
    hang_up(&undecided);
    server_free(server);
    limits_in_force = before;
}

struct drain_job {
    struct server *server;
    uint64_t drain_ms, took_us;
};

static void *drain_in_background(void *arg)
{
    struct drain_job *job = arg;
    uint64_t from = clock_now_us();
    server_drain(job->server, job->drain_ms);
    job->took_us = clock_now_us() - from;
    return NULL;
}

static void test_drain(void **state)
{
    (void)state;
    struct drain_job job = {.server = start_with((struct server_options){.threads = 1}), .drain_ms = 60000};
    pthread_t drainer;
    char byte;
    struct wire idle = dial(job.server), half = dial(job.server);
    assert_answers(&idle, "/x", "/x");
    assert_true(put(&half, STR("POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")));
    (void)usleep(20000);
    assert_int_equal(pthread_create(&drainer, NULL, drain_in_background, &job), 0);
    assert_int_equal(get(&idle, &byte, 1), 0); /* closed, as it has nothing to lose */
    hang_up(&idle);
    assert_true(put(&half, STR("body")));
    struct buf reply;
    read_reply(&half, &reply);
    assert_true(str_find(buf_str(&reply), STR("connection: close"), 0) > 0);
    assert_true(str_ends(buf_str(&reply), STR("later")));
    buf_deinit(&reply);
    hang_up(&half);
    assert_int_equal(pthread_join(drainer, NULL), 0);
    assert_true(job.took_us < 60000000);
    server_free(job.server);
}

static void test_drain_has_a_deadline(void **state)
{
    (void)state;
    struct drain_job job = {.server = start(), .drain_ms = 100};
    struct wire wire = dial(job.server);
    assert_true(put(&wire, STR("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")));
    wait_for(&held, 1);
    (void)drain_in_background(&job);
    assert_true(job.took_us >= 90000);
    assert_int_equal(atomic_load(&closes), 1);
    hang_up(&wire);
    server_free(job.server);
}

/* --- TLS ------------------------------------------------------------------------------------------- */

static char cert_file[64], key_file[64], other_key_file[64];

static void write_key(EVP_PKEY *key, char *path)
{
    (void)snprintf(path, sizeof(key_file), "/tmp/fulcrum-test-XXXXXX");
    FILE *file = fdopen(mkstemp(path), "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    (void)fclose(file);
}

static int make_certificate(void **state)
{
    (void)state;
    for (size_t i = 0; i < BIG_BYTES; i++)
        big[i] = (char)(i * 2654435761u >> 24);
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    (void)X509_set_version(cert, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    (void)X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    (void)X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
    (void)X509_set_issuer_name(cert, name);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    (void)snprintf(cert_file, sizeof(cert_file), "/tmp/fulcrum-test-XXXXXX");
    FILE *file = fdopen(mkstemp(cert_file), "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, cert), 1);
    (void)fclose(file);
    write_key(key, key_file);
    write_key(other, other_key_file);
    X509_free(cert);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    return 0;
}

static int remove_certificate(void **state)
{
    (void)state;
    (void)unlink(cert_file);
    (void)unlink(key_file);
    (void)unlink(other_key_file);
    return 0;
}

static struct server *start_tls(void)
{
    return start_with((struct server_options){.tls_cert = cert_file, .tls_key = key_file});
}

static void test_tls(void **state)
{
    (void)state;
    struct server *server = start_tls();
    struct wire plain_alpn = dial_tls(server, "\x08http/1.1"), none = dial_tls(server, NULL);
    assert_answers(&plain_alpn, "/tls", "yes");
    assert_answers(&plain_alpn, "/later", "later");
    assert_answers(&none, "/tls", "yes");
    assert_big(&none);
    assert_int_equal(SSL_shutdown(none.ssl), 0);
    hang_up(&none);
    hang_up_hard(&plain_alpn);
    server_free(server);
}

static void test_tls_with_http2(void **state)
{
    (void)state;
    struct server *server = start_tls();
    struct wire wire = dial_tls(server, "\x08http/1.1\x02h2");
    const unsigned char *chosen;
    unsigned len;
    char head[9];
    SSL_get0_alpn_selected(wire.ssl, &chosen, &len);
    assert_int_equal(len, 2);
    assert_memory_equal(chosen, "h2", 2);
    assert_true(put(&wire, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")));
    assert_int_equal(get(&wire, head, sizeof(head)), sizeof(head));
    assert_int_equal(head[3], 4); /* SETTINGS */
    hang_up(&wire);
    server_free(server);
}

static void test_plain_text_to_a_tls_port(void **state)
{
    (void)state;
    struct server *server = start_tls();
    struct wire wire = dial(server);
    assert_true(put(&wire, STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
    assert_status(&wire, 400);
    hang_up(&wire);
    wire = dial(server);
    assert_true(put(&wire, STR("\x16\x03\x01\x00\x05hello")));
    char piece[100];
    while (get(&wire, piece, sizeof(piece)) > 0) /* an alert, then the end */
        continue;
    hang_up(&wire);
    server_free(server);
}

static void test_a_handshake_has_a_timeout(void **state)
{
    (void)state;
    struct limits before = limits_in_force;
    limits_in_force.handshake_timeout_ms = 60;
    struct server *server = start_tls();
    struct wire wire = dial(server);
    char byte;
    assert_true(put(&wire, STR("\x16\x03\x01")));
    assert_int_equal(get(&wire, &byte, 1), 0);
    hang_up(&wire);
    server_free(server);
    limits_in_force = before;
}

static void test_certificate_errors_name_the_file(void **state)
{
    (void)state;
    struct server *server;
    struct error error;
    struct server_options options = {.host = "127.0.0.1", .threads = 1, .on_request = on_request};
    options.tls_cert = "/nowhere/cert.pem";
    options.tls_key = key_file;
    assert_int_equal(server_new(&options, &server, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "/nowhere/cert.pem"));
    options.tls_cert = cert_file;
    options.tls_key = "/nowhere/key.pem";
    assert_int_equal(server_new(&options, &server, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "/nowhere/key.pem"));
    options.tls_key = other_key_file;
    assert_int_equal(server_new(&options, &server, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "key values mismatch"));
    options.tls_key = cert_file;
    assert_int_equal(server_new(&options, &server, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, cert_file));
}

/* --- memory ---------------------------------------------------------------------------------------- */

static void test_starting_without_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct server_options options = {.host = "127.0.0.1", .threads = 2, .on_request = on_request};
        struct server *server = NULL;
        struct error error;
        mem_fail_at(n);
        enum error_code code = server_new(&options, &server, &error);
        bool untouched = mem_fail_count() < n;
        mem_fail_at(0);
        assert_true(code == OK || code == ERROR_NO_MEMORY);
        if (code == OK)
            server_free(server);
        if (untouched)
            break;
        assert_in_range(n, 1, 100);
    }
}

/* A connection may fail, the server may not: it answers the next one. */
static void test_serving_without_memory(void **state)
{
    (void)state;
    struct server *server = start_with((struct server_options){.threads = 1});
    for (uint64_t n = 1;; n++) {
        mem_fail_at(n);
        struct wire wire = dial(server);
        struct buf reply;
        (void)put(&wire, STR("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"));
        read_reply(&wire, &reply);
        bool answered = str_ends(buf_str(&reply), STR("hello"));
        buf_deinit(&reply);
        hang_up(&wire);
        bool untouched = mem_fail_count() < n;
        mem_fail_at(0);
        if (untouched) {
            assert_true(answered);
            break;
        }
        assert_in_range(n, 1, 200);
    }
    server_free(server);
}

static void test_tls_without_memory(void **state)
{
    (void)state;
    struct server_options options = {.threads = 1, .tls_cert = cert_file, .tls_key = key_file};
    struct server *server = start_with(options);
    for (uint64_t n = 1;; n++) {
        mem_fail_at(n);
        struct wire wire = dial(server);
        wire.ctx = SSL_CTX_new(TLS_client_method());
        wire.ssl = SSL_new(wire.ctx);
        assert_int_equal(SSL_set_fd(wire.ssl, wire.fd), 1);
        bool answered = false;
        if (SSL_connect(wire.ssl) == 1) {
            struct buf reply;
            (void)put(&wire, STR("GET /tls HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
            read_reply(&wire, &reply);
            answered = str_ends(buf_str(&reply), STR("yes"));
            buf_deinit(&reply);
        }
        hang_up(&wire);
        bool untouched = mem_fail_count() < n;
        mem_fail_at(0);
        if (untouched) {
            assert_true(answered);
            break;
        }
        assert_in_range(n, 1, 200);
    }
    server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_on_threads),
        cmocka_unit_test(test_bytes_that_come_one_by_one),
        cmocka_unit_test(test_a_second_server_is_refused),
        cmocka_unit_test(test_failures_to_start),
        cmocka_unit_test(test_closing_in_every_state),
        cmocka_unit_test(test_a_reader_that_stops_is_dropped),
        cmocka_unit_test(test_a_reader_that_resets_is_dropped),
        cmocka_unit_test(test_an_upload_that_is_refused_can_be_read_about),
        cmocka_unit_test(test_large_replies_arrive_whole),
        cmocka_unit_test(test_unread_replies_do_not_pile_up),
        cmocka_unit_test(test_half_a_close_is_no_farewell),
        cmocka_unit_test(test_too_many_connections),
        cmocka_unit_test(test_connections_at_rest_make_room),
        cmocka_unit_test(test_one_address_leaves_room_for_others),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_has_a_deadline),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_tls_with_http2),
        cmocka_unit_test(test_plain_text_to_a_tls_port),
        cmocka_unit_test(test_a_handshake_has_a_timeout),
        cmocka_unit_test(test_certificate_errors_name_the_file),
        cmocka_unit_test(test_starting_without_memory),
        cmocka_unit_test(test_serving_without_memory),
        cmocka_unit_test(test_tls_without_memory),
    };
    return cmocka_run_group_tests(tests, make_certificate, remove_certificate);
}
