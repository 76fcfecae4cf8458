/* server.c - listening, accepting, limits on connections, and the way down when the server ends. What a request means
 * is its handler's. See server.h. */
#include "net/server.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/must.h"
#include "net/conn.h"

#define BACKLOG 1024
#define SWEEP_MS_MAX 500
#define SWEEP_MS_MIN 10
#define DRAIN_SWEEP_MS 20
#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_PROBES 3
#define OTHER_DESCRIPTORS 256           /* that the program needs besides clients' connections */
#define CONNECTIONS_MIN 16              /* per thread, however few descriptors there are */
#define TRIM_BYTES ((size_t)4 << 20)   /* held for bodies, after which memory is given back to the system */

/* Threads report once: ready to accept, or failed. Then they run until drained. */
enum thread_report { THREAD_PENDING, THREAD_READY, THREAD_FAILED };

struct server {
    struct server_options options; /* strings belong to the caller and are used in server_new only */
    struct tls_context *tls;
    uint16_t port;
    struct io_thread *threads[LIMIT_IO_THREADS];
    unsigned thread_count; /* made */
    unsigned running;      /* started and not joined */

    uv_mutex_t mutex; /* guards the rest, which threads and server_new share */
    uv_cond_t reported;
    enum thread_report reports[LIMIT_IO_THREADS];
    struct error error; /* of the first thread that failed */

    _Atomic uint64_t drain_ms; /* how long to drain, once `is_draining` */
    atomic_bool is_draining;
};

/* --- one I/O thread -------------------------------------------------------------------------------- */

static void on_connection(uv_stream_t *stream, int status)
{
    struct io_thread *thread = stream->data;
    if (status == 0 && !conn_accept(thread))
        thread->accept_failed = true; /* libuv holds it and accepts no other: the sweep tries again */
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* its being active is all that counts */
}

static void flush_turn(struct io_thread *thread)
{
    thread->host.now_ms = uv_now(&thread->loop);
    conn_flush_woken(thread);
    if (thread->woken)
        (void)uv_idle_start(&thread->idle, on_idle);
    else
        (void)uv_idle_stop(&thread->idle);
}

/* After polling: whatever this turn's events wrote goes out in one write per connection. */
static void on_check(uv_check_t *check)
{
    flush_turn(check->data);
}

/* Before polling: what timers and closing callbacks wrote. */
static void on_prepare(uv_prepare_t *prepare)
{
    flush_turn(prepare->data);
}

static void close_handle(void *handle)
{
    bool was_opened = uv_handle_get_type(handle) != UV_UNKNOWN_HANDLE; /* zero before that */
    if (was_opened && !uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void stop_thread(struct io_thread *thread)
{
    must(thread->open_count == 0 && !thread->is_stopping, "a thread stops once, when its connections are gone",
         LOG_I("open", thread->open_count));
    const struct server_options *options = &thread->server->options;
    thread->is_stopping = true;
    if (options->thread_stop && thread->user)
        options->thread_stop(thread->user);
    close_handle(&thread->control);
    close_handle(&thread->sweep);
    close_handle(&thread->prepare);
    close_handle(&thread->check);
    close_handle(&thread->idle);
}

static void drain_step(struct io_thread *thread)
{
    if (thread->is_stopping)
        return;
    if (conn_all_quiet(thread) || thread->host.now_ms >= thread->drain_deadline_ms)
        conn_close_all(thread);
    if (thread->open_count == 0)
        stop_thread(thread);
}

/* A walk over the whole heap, with its locks: not for a thread that carries streams. */
static void trim(uv_work_t *work)
{
    (void)work;
    mem_give_back();
}

static void on_trimmed(uv_work_t *work, int status)
{
    struct io_thread *thread = work->data;
    (void)status;
    thread->is_trimming = false;
}

/* After a wave of bodies: what the heap keeps of it goes back to the system. */
static void trim_after_a_wave(struct io_thread *thread)
{
    struct protocol_host *host = &thread->host;
    if (thread->is_trimming || host->body_bytes_peak < TRIM_BYTES || host->body_bytes > host->body_bytes_peak / 8)
        return;
    host->body_bytes_peak = host->body_bytes;
    protocol_host_trim(host);
    conn_free_pool(thread);
    thread->trim.data = thread;
    thread->is_trimming = uv_queue_work(&thread->loop, &thread->trim, trim, on_trimmed) == 0;
}

static void on_sweep(uv_timer_t *timer)
{
    struct io_thread *thread = timer->data;
    thread->host.now_ms = uv_now(&thread->loop);
    conn_sweep(thread);
    trim_after_a_wave(thread);
    if (thread->accept_failed)
        thread->accept_failed = !conn_accept(thread);
    if (thread->is_draining)
        drain_step(thread);
}

static void on_control(uv_async_t *async)
{
    struct io_thread *thread = async->data;
    struct server *server = thread->server;
    if (!atomic_load(&server->is_draining) || thread->is_draining)
        return;
    thread->is_draining = true;
    thread->accept_failed = false;
    thread->host.now_ms = uv_now(&thread->loop);
    thread->drain_deadline_ms = thread->host.now_ms + atomic_load(&server->drain_ms);
    close_handle(&thread->listener);
    conn_drain_all(thread);
    (void)uv_timer_start(&thread->sweep, on_sweep, 0, DRAIN_SWEEP_MS);
}

/* Often enough that a time-out is at most a quarter late. */
static uint64_t sweep_interval(void)
{
    const uint64_t waits[] = {limit(handshake_timeout_ms), limit(header_timeout_ms), limit(body_timeout_ms),
                              limit(idle_timeout_ms), limit(write_timeout_ms), SWEEP_MS_MAX * 4};
    uint64_t shortest = UINT64_MAX;
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
        if (waits[i] < shortest)
            shortest = waits[i];
    return shortest / 4 < SWEEP_MS_MIN ? SWEEP_MS_MIN : shortest / 4;
}

static enum error_code open_handles(struct io_thread *thread, struct error *error)
{
    uv_loop_t *loop = &thread->loop;
    int rv = uv_async_init(loop, &thread->control, on_control);
    if (rv != 0)
        return error_set(error, ERROR_IO, "cannot set up an I/O thread: %s", uv_strerror(rv));
    /* These can't fail: they only join lists of the loop. */
    (void)uv_timer_init(loop, &thread->sweep);
    (void)uv_prepare_init(loop, &thread->prepare);
    (void)uv_check_init(loop, &thread->check);
    (void)uv_idle_init(loop, &thread->idle);
    (void)uv_tcp_init(loop, &thread->listener);
    thread->control.data = thread->sweep.data = thread->prepare.data = thread;
    thread->check.data = thread->idle.data = thread->listener.data = thread;
    (void)uv_timer_start(&thread->sweep, on_sweep, sweep_interval(), sweep_interval());
    (void)uv_prepare_start(&thread->prepare, on_prepare);
    (void)uv_check_start(&thread->check, on_check);
    rv = uv_tcp_open(&thread->listener, thread->fd);
    if (rv != 0)
        return error_set(error, ERROR_IO, "cannot set up an I/O thread: %s", uv_strerror(rv));
    thread->fd = -1;
    return OK;
}

static enum error_code start_serving(struct io_thread *thread, struct error *error)
{
    struct server *server = thread->server;
    enum error_code code = open_handles(thread, error);
    if (code != OK)
        return code;
    thread->user = server->options.ctx;
    if (server->options.thread_start) {
        thread->user = server->options.thread_start(server->options.ctx, thread->index, &thread->loop, error);
        if (!thread->user)
            return error->code != OK ? error->code : error_set(error, ERROR_INTERNAL, "an I/O thread did not start");
    }
    thread->host.loop = &thread->loop;
    thread->host.ctx = thread->user;
    thread->host.on_request = server->options.on_request;
    thread->host.on_head = server->options.on_head;
    thread->host.error_ctx = server->options.ctx;
    thread->host.on_protocol_error = server->options.on_protocol_error;
    int rv = uv_listen((uv_stream_t *)&thread->listener, BACKLOG, on_connection);
    if (rv == 0)
        return OK;
    return error_set(error, ERROR_IO, "cannot listen: %s", uv_strerror(rv));
}

static void report(struct io_thread *thread, enum thread_report result, const struct error *error)
{
    struct server *server = thread->server;
    uv_mutex_lock(&server->mutex);
    server->reports[thread->index] = result;
    if (result == THREAD_FAILED && server->error.code == OK)
        server->error = *error;
    uv_cond_signal(&server->reported);
    uv_mutex_unlock(&server->mutex);
}

static void run_thread(void *arg)
{
    struct io_thread *thread = arg;
    struct error error = {0};
    if (start_serving(thread, &error) == OK) {
        report(thread, THREAD_READY, NULL);
    } else {
        close_handle(&thread->listener);
        stop_thread(thread);
        report(thread, THREAD_FAILED, &error);
    }
    (void)uv_run(&thread->loop, UV_RUN_DEFAULT);
    protocol_host_deinit(&thread->host);
    conn_free_pool(thread);
}

/* --- sockets --------------------------------------------------------------------------------------- */

static enum error_code resolve(const char *host, uint16_t port, struct sockaddr_storage *address, socklen_t *len,
                               struct error *error)
{
    char service[8];
    (void)snprintf(service, sizeof(service), "%u", (unsigned)port);
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int rv = getaddrinfo(host, service, &hints, &found);
    if (rv != 0)
        return error_set(error, ERROR_INVALID, "listen address %s: %s", host, gai_strerror(rv));
    assert(found->ai_addrlen <= sizeof(*address));
    memcpy(address, found->ai_addr, found->ai_addrlen);
    *len = found->ai_addrlen;
    freeaddrinfo(found);
    return OK;
}

static enum error_code listen_failed(const struct server_options *options, int fd, struct error *error)
{
    int os_errno = errno;
    if (fd >= 0)
        (void)close(fd);
    if (os_errno == EADDRINUSE)
        return error_set(error, ERROR_CONFLICT, "cannot listen on %s:%u: another program is listening there",
                         options->host, (unsigned)options->port);
    return error_set_errno(error, ERROR_IO, os_errno, "cannot listen on %s:%u", options->host,
                           (unsigned)options->port);
}

/* SO_REUSEADDR, so that a restart isn't held up by old connections. Accepted
 * sockets inherit TCP_NODELAY, and the probes that find clients whose machine
 * or network went away while their request runs. */
static int open_socket(int family, bool shares_port)
{
    int on = 1, idle_s = KEEPALIVE_IDLE_S, interval_s = KEEPALIVE_INTERVAL_S, probes = KEEPALIVE_PROBES;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
    if (shares_port)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    return fd;
}

/* The first socket takes the address alone: it listens before SO_REUSEPORT is
 * set, so a second server's first socket is refused even while both start at
 * the same moment. Then it shares the port with the other threads' sockets,
 * which the kernel allows to the same user only. */
static enum error_code open_sockets(struct server *server, struct error *error)
{
    const struct server_options *options = &server->options;
    struct sockaddr_storage address;
    socklen_t len;
    enum error_code code = resolve(options->host, options->port, &address, &len, error);
    if (code != OK)
        return code;
    for (unsigned i = 0; i < server->thread_count; i++) {
        int on = 1;
        int fd = open_socket(address.ss_family, i > 0);
        if (fd < 0 || bind(fd, (const struct sockaddr *)&address, len) != 0)
            return listen_failed(options, fd, error);
        if (i == 0 && (listen(fd, BACKLOG) != 0 || getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
                       setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0))
            return listen_failed(options, fd, error);
        server->threads[i]->fd = fd;
        server->threads[i]->is_loopback = conn_address_is_loopback((const struct sockaddr *)&address);
    }
    server->port = ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                                       : ((struct sockaddr_in *)&address)->sin_port);
    return OK;
}

/* --- the server ------------------------------------------------------------------------------------ */

/* A write to a connection that the client has reset raises SIGPIPE, and libuv leaves that to its user. */
static void ignore_broken_pipes(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
}

/* A connection is a descriptor; the customary soft limit of 1,024 is a habit of programs that use select(2). */
static void raise_descriptor_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* As many as are configured, or as descriptors allow; of one address not so many that others find no room. */
static void set_connection_bounds(const struct server *server, struct io_thread *thread)
{
    struct rlimit files;
    uint64_t most = limit(connections), threads = server->options.threads;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY) {
        uint64_t free = files.rlim_cur > OTHER_DESCRIPTORS ? (files.rlim_cur - OTHER_DESCRIPTORS) / threads : 0;
        free = free > CONNECTIONS_MIN ? free : CONNECTIONS_MIN;
        most = most < free ? most : free;
    }
    uint64_t of_one = most < 4 ? most : most * 3 / 4;
    thread->connections_max = (size_t)most;
    thread->address_max = (size_t)(limit(address_connections) < of_one ? limit(address_connections) : of_one);
}

static enum error_code add_thread(struct server *server, unsigned index, struct error *error)
{
    struct io_thread *thread = mem_calloc(1, sizeof(*thread));
    if (!thread)
        return error_no_memory(error);
    enum error_code code = protocol_host_init(&thread->host, error);
    if (code == OK && uv_loop_init(&thread->loop) != 0)
        code = error_set(error, ERROR_IO, "cannot set up an I/O thread: too many open files?");
    if (code != OK) {
        protocol_host_deinit(&thread->host);
        mem_free(thread);
        return code;
    }
    thread->server = server;
    thread->index = index;
    thread->fd = -1;
    thread->tls = server->tls;
    set_connection_bounds(server, thread);
    server->threads[index] = thread;
    server->thread_count = index + 1;
    return OK;
}

static void free_thread(struct io_thread *thread)
{
    if (thread->fd >= 0)
        (void)close(thread->fd);
    protocol_host_deinit(&thread->host); /* of a thread that never ran */
    int rv = uv_loop_close(&thread->loop);
    assert(rv == 0); /* a handle left open: thread_stop has to close its own */
    (void)rv;
    mem_free(thread);
}

static void wait_for_reports(struct server *server)
{
    uv_mutex_lock(&server->mutex);
    for (unsigned i = 0; i < server->running; i++)
        while (server->reports[i] == THREAD_PENDING)
            uv_cond_wait(&server->reported, &server->mutex);
    uv_mutex_unlock(&server->mutex);
}

static enum error_code start_threads(struct server *server, struct error *error)
{
    for (unsigned i = 0; i < server->thread_count; i++) {
        int rv = uv_thread_create(&server->threads[i]->thread, run_thread, server->threads[i]);
        if (rv != 0)
            return error_set(error, ERROR_IO, "cannot start an I/O thread: %s", uv_strerror(rv));
        server->running = i + 1;
    }
    wait_for_reports(server);
    *error = server->error;
    return error->code;
}

static enum error_code set_up(struct server *server, struct error *error)
{
    const struct server_options *options = &server->options;
    if (options->tls_cert) {
        enum error_code code = tls_context_new(options->tls_cert, options->tls_key, &server->tls, error);
        if (code != OK)
            return code;
    }
    for (unsigned i = 0; i < options->threads; i++) {
        enum error_code code = add_thread(server, i, error);
        if (code != OK)
            return code;
    }
    enum error_code code = open_sockets(server, error);
    return code != OK ? code : start_threads(server, error);
}

enum error_code server_new(const struct server_options *options, struct server **server, struct error *error)
{
    assert(options->threads >= 1 && options->threads <= LIMIT_IO_THREADS && options->on_request);
    assert(!options->tls_cert == !options->tls_key);
    *error = (struct error){0};
    raise_descriptor_limit();
    ignore_broken_pipes();
    struct server *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->options = *options;
    if (uv_mutex_init(&made->mutex) != 0 || uv_cond_init(&made->reported) != 0) {
        mem_free(made);
        return error_no_memory(error);
    }
    enum error_code code = set_up(made, error);
    if (code != OK) {
        server_free(made);
        return code;
    }
    *server = made;
    return OK;
}

uint16_t server_port(const struct server *server)
{
    return server->port;
}

void server_counters(const struct server *server, struct server_counters *counters)
{
    *counters = (struct server_counters){0};
    for (unsigned i = 0; i < server->thread_count; i++) {
        const struct io_thread *thread = server->threads[i];
        counters->connections_open += atomic_load_explicit(&thread->connections_open, memory_order_relaxed);
        counters->connections_total += atomic_load_explicit(&thread->connections_total, memory_order_relaxed);
        counters->connections_refused_total +=
            atomic_load_explicit(&thread->connections_refused_total, memory_order_relaxed);
        counters->connections_displaced_total +=
            atomic_load_explicit(&thread->connections_displaced_total, memory_order_relaxed);
        counters->requests_total += atomic_load_explicit(&thread->host.requests_total, memory_order_relaxed);
        counters->protocol_errors_total +=
            atomic_load_explicit(&thread->host.protocol_errors_total, memory_order_relaxed);
        counters->bytes_in_total += atomic_load_explicit(&thread->bytes_in_total, memory_order_relaxed);
        counters->bytes_out_total += atomic_load_explicit(&thread->bytes_out_total, memory_order_relaxed);
    }
}

void server_drain(struct server *server, uint64_t drain_ms)
{
    atomic_store(&server->drain_ms, drain_ms);
    atomic_store(&server->is_draining, true);
    wait_for_reports(server); /* a thread that failed has closed its handles and must not be woken */
    for (unsigned i = 0; i < server->running; i++)
        if (server->reports[i] == THREAD_READY)
            (void)uv_async_send(&server->threads[i]->control);
    for (unsigned i = 0; i < server->running; i++)
        (void)uv_thread_join(&server->threads[i]->thread);
    server->running = 0;
}

void server_free(struct server *server)
{
    if (!server)
        return;
    server_drain(server, 0);
    for (unsigned i = 0; i < server->thread_count; i++)
        free_thread(server->threads[i]);
    tls_context_free(server->tls);
    uv_cond_destroy(&server->reported);
    uv_mutex_destroy(&server->mutex);
    mem_free(server);
}
