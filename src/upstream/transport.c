/* transport.c - see transport.h. libcurl says which sockets it watches and when it wants to be called; its callbacks
 * only put bytes aside. `tell` is the one place that calls handlers. */
#include "upstream/transport.h"

#include <assert.h>
#include <curl/curl.h>

#include "core/limits.h"
#include "core/mem.h"
#include "core/util.h"

#define HEAD_BYTES_MAX ((size_t)65536)
#define TICK_MS 100          /* how exact timeouts are */
#define KEEPALIVE_S 30L      /* boxes between drop what is silent for a minute */
#define RELEASED_MS 1000     /* for the end of a reply that nobody needs any more */
#define CONNECTION_IDLE_S 50L
#define CONNECTION_LIFE_S 600L /* so that changes of addresses are seen */

struct transport {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timer; /* libcurl's */
    uv_timer_t tick;  /* timeouts of ours, while transfers run */
    uv_timer_t news;  /* something is to be told */
    size_t handles;   /* of the loop that are open */
    struct transfer *first;  /* all */
    struct transfer *queue, *queue_last; /* those with news */
    bool is_closing;
};

struct transfer {
    struct transport *transport;
    struct transfer *next, *prev, *queue_next;
    bool is_queued;
    CURL *easy;
    struct curl_slist *headers;
    const struct transfer_events *events;
    void *ctx;
    long status;
    struct buf head, bytes;
    uint64_t begun_us, heard_us; /* when the last byte came; 0: none has */
    uint64_t first_byte_ms, idle_ms;
    curl_off_t body_len;
    bool has_head, is_head_told, is_over, is_done_told;
    bool is_released; /* nobody listens */
    bool is_paused;  /* by its owner */
    bool is_stalled; /* libcurl does not read for it */
    enum transfer_fault fault;
    char what[CURL_ERROR_SIZE];
};

struct watch {
    uv_poll_t poll;
    struct transport *transport;
    curl_socket_t socket;
};

static void tell_soon(struct transport *transport);

/* --- the queue of those with news ------------------------------------------------------------------- */

static void enqueue(struct transfer *transfer)
{
    struct transport *transport = transfer->transport;
    if (transfer->is_queued)
        return;
    transfer->is_queued = true;
    transfer->queue_next = NULL;
    if (transport->queue_last)
        transport->queue_last->queue_next = transfer;
    else
        transport->queue = transfer;
    transport->queue_last = transfer;
}

static struct transfer *dequeue(struct transport *transport)
{
    struct transfer *transfer = transport->queue;
    if (!transfer)
        return NULL;
    transport->queue = transfer->queue_next;
    if (!transport->queue)
        transport->queue_last = NULL;
    transfer->is_queued = false;
    return transfer;
}

static void unqueue(struct transfer *transfer)
{
    struct transport *transport = transfer->transport;
    struct transfer *before = NULL;
    if (!transfer->is_queued)
        return;
    for (struct transfer *at = transport->queue; at != transfer; at = at->queue_next)
        before = at;
    *(before ? &before->queue_next : &transport->queue) = transfer->queue_next;
    if (transport->queue_last == transfer)
        transport->queue_last = before;
    transfer->is_queued = false;
}

/* --- libcurl's callbacks ---------------------------------------------------------------------------- */

static size_t on_header_line(char *data, size_t size, size_t count, void *ctx)
{
    struct transfer *transfer = ctx;
    const struct str line = {data, size * count};
    transfer->heard_us = clock_now_us();
    if (str_starts(line, STR("HTTP/"))) { /* the one that counts comes last, behind "100 Continue" */
        buf_clear(&transfer->head);
        return line.len;
    }
    if (line.len > 2)
        return buf_append_str(&transfer->head, line) ? line.len : 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &transfer->status);
    transfer->has_head = transfer->status >= 200;
    if (transfer->has_head && !transfer->is_released)
        enqueue(transfer);
    return line.len;
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct transfer *transfer = ctx;
    const size_t len = size * count;
    transfer->heard_us = clock_now_us();
    if (transfer->is_released)
        return len;
    if (transfer->bytes.len > 0 && transfer->bytes.len + len > limit(upstream_unread_bytes)) {
        transfer->is_stalled = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    enqueue(transfer);
    return buf_append(&transfer->bytes, data, len) ? len : 0;
}

static void on_unwatched(uv_handle_t *handle)
{
    mem_free(handle->data);
}

static void perform(struct transport *transport, curl_socket_t socket, int flags);

static void on_poll(uv_poll_t *poll, int status, int events)
{
    const struct watch *watch = poll->data;
    int flags = 0;
    if (status < 0)
        flags = CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    perform(watch->transport, watch->socket, flags);
}

static struct watch *new_watch(struct transport *transport, curl_socket_t socket)
{
    struct watch *watch = mem_calloc(1, sizeof(*watch));
    if (!watch)
        return NULL;
    watch->transport = transport;
    watch->socket = socket;
    if (uv_poll_init_socket(transport->loop, &watch->poll, socket) != 0) {
        mem_free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    curl_multi_assign(transport->multi, socket, watch);
    return watch;
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *ctx, void *socket_ctx)
{
    struct transport *transport = ctx;
    struct watch *watch = socket_ctx;
    int events = 0;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch) {
            uv_poll_stop(&watch->poll);
            curl_multi_assign(transport->multi, socket, NULL);
            uv_close((uv_handle_t *)&watch->poll, on_unwatched);
        }
        return 0;
    }
    if (!watch && !(watch = new_watch(transport, socket)))
        return -1;
    if (what & CURL_POLL_IN)
        events |= UV_READABLE;
    if (what & CURL_POLL_OUT)
        events |= UV_WRITABLE;
    return uv_poll_start(&watch->poll, events, on_poll) == 0 ? 0 : -1;
}

static void on_timer(uv_timer_t *timer)
{
    perform(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wanted(CURLM *multi, long timeout_ms, void *ctx)
{
    struct transport *transport = ctx;
    (void)multi;
    if (timeout_ms < 0)
        uv_timer_stop(&transport->timer);
    else
        uv_timer_start(&transport->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

/* --- the end of a transfer -------------------------------------------------------------------------- */

static enum transfer_fault fault_of(const struct transfer *transfer, CURLcode result)
{
    switch (result) {
    case CURLE_OK: return TRANSFER_DONE;
    case CURLE_OUT_OF_MEMORY: return TRANSFER_NO_MEMORY;
    case CURLE_WRITE_ERROR: return transfer->bytes.failed || transfer->head.failed ? TRANSFER_NO_MEMORY
                                                                                  : TRANSFER_BROKEN;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return TRANSFER_UNREACHED;
    case CURLE_OPERATION_TIMEDOUT: return transfer->heard_us ? TRANSFER_LATE : TRANSFER_UNREACHED;
    default: return TRANSFER_BROKEN;
    }
}

static void finish(struct transfer *transfer, enum transfer_fault fault)
{
    transfer->is_over = true;
    transfer->fault = fault;
    curl_multi_remove_handle(transfer->transport->multi, transfer->easy);
    enqueue(transfer);
}

static void take_results(struct transport *transport)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(transport->multi, &left))) {
        struct transfer *transfer;
        const CURLcode result = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        if (transfer->what[0] == '\0')
            (void)snprintf(transfer->what, sizeof(transfer->what), "%s", curl_easy_strerror(result));
        if (transfer->is_released)
            transfer_end(transfer);
        else
            finish(transfer, fault_of(transfer, result));
    }
}

/* Whether something came too late, by our own clocks: libcurl's would take a model that thinks for a dead one. */
static bool is_late(const struct transfer *transfer, uint64_t now_us)
{
    if (transfer->is_over || transfer->is_paused)
        return false;
    if (!transfer->heard_us)
        return now_us - transfer->begun_us > transfer->first_byte_ms * 1000;
    return now_us > transfer->heard_us && now_us - transfer->heard_us > transfer->idle_ms * 1000;
}

static void on_tick(uv_timer_t *timer)
{
    struct transport *transport = timer->data;
    const uint64_t now_us = clock_now_us();
    for (struct transfer *transfer = transport->first, *next; transfer; transfer = next) {
        next = transfer->next;
        if (!is_late(transfer, now_us))
            continue;
        if (transfer->is_released) {
            transfer_end(transfer);
            continue;
        }
        (void)snprintf(transfer->what, sizeof(transfer->what),
                       transfer->heard_us ? "nothing more came in %llu ms" : "no byte came in %llu ms",
                       (unsigned long long)(transfer->heard_us ? transfer->idle_ms : transfer->first_byte_ms));
        finish(transfer, TRANSFER_LATE);
    }
    tell_soon(transport);
}

/* --- telling ---------------------------------------------------------------------------------------- */

/* Each handler may end the transfer, which is NULL then. */
struct telling {
    struct transfer *transfer;
    struct telling *outer;
};
static _Thread_local struct telling *telling;

/* There is room again: libcurl reads on. May put more bytes aside at once. */
static void read_on(struct transfer *transfer)
{
    if (!transfer->is_stalled || transfer->is_paused || transfer->is_over)
        return;
    transfer->is_stalled = false;
    curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
}

static void tell_one(struct transfer *transfer)
{
    struct telling told = {transfer, telling};
    telling = &told;
    if (transfer->has_head && !transfer->is_head_told) {
        const struct transfer_head head = {transfer->status, buf_str(&transfer->head)};
        transfer->is_head_told = true;
        transfer->events->on_head(transfer->ctx, &head);
    }
    if (told.transfer && !transfer->is_paused && transfer->bytes.len > 0) {
        struct buf bytes = transfer->bytes; /* more may come while they are told */
        buf_init(&transfer->bytes, bytes.max);
        transfer->events->on_bytes(transfer->ctx, buf_str(&bytes));
        if (told.transfer && transfer->bytes.cap == 0) {
            buf_clear(&bytes);
            transfer->bytes = bytes;
        } else {
            buf_deinit(&bytes);
        }
    }
    if (told.transfer)
        read_on(transfer);
    if (told.transfer && transfer->is_over && !transfer->is_done_told && transfer->bytes.len == 0) {
        transfer->is_done_told = true;
        transfer->events->on_done(transfer->ctx, transfer->fault, transfer->what);
    }
    telling = told.outer;
}

static void tell(struct transport *transport)
{
    struct transfer *transfer;
    while ((transfer = dequeue(transport)))
        tell_one(transfer);
}

static void on_news(uv_timer_t *timer)
{
    tell(timer->data);
}

static void tell_soon(struct transport *transport)
{
    if (transport->queue && !uv_is_active((uv_handle_t *)&transport->news))
        uv_timer_start(&transport->news, on_news, 0, 0);
}

static void perform(struct transport *transport, curl_socket_t socket, int flags)
{
    int running;
    curl_multi_socket_action(transport->multi, socket, flags, &running);
    take_results(transport);
    tell(transport);
}

/* --- transfers -------------------------------------------------------------------------------------- */

struct str transfer_header(const struct transfer_head *head, const char *name)
{
    struct str rest = head->lines, line, key;
    while (str_split(&rest, '\n', &line)) {
        if (str_split(&line, ':', &key) && str_eq_nocase(str_trim(key), str_of(name)) && line.data)
            return str_trim(line);
    }
    return (struct str){NULL, 0};
}

static bool set_headers(struct transfer *transfer, const struct transfer_request *request)
{
    static const char *const always[] = {"Expect:", "Accept-Encoding: identity",
                                         ("User-Agent: fulcrum/" FULCRUM_VERSION)};
    for (size_t i = 0; i < request->header_count + sizeof(always) / sizeof(always[0]); i++) {
        const char *line = i < request->header_count ? request->headers[i] : always[i - request->header_count];
        struct curl_slist *longer = curl_slist_append(transfer->headers, line);
        if (!longer)
            return false;
        transfer->headers = longer;
    }
    return true;
}

static void set_options(struct transfer *transfer, const struct transfer_request *request)
{
    CURL *easy = transfer->easy;
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, CONNECTION_IDLE_S);
    curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, CONNECTION_LIFE_S);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_ms);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->what);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header_line);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->is_once ? 1L : 0L);
    if (request->ca)
        curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca);
    if (!request->body.data)
        return;
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.data);
}

static void free_transfer(struct transfer *transfer)
{
    if (transfer->easy)
        curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    buf_deinit(&transfer->head);
    buf_deinit(&transfer->bytes);
    mem_free(transfer);
}

struct transfer *transfer_start(struct transport *transport, const struct transfer_request *request,
                                const struct transfer_events *events, void *ctx, struct error *error)
{
    struct transfer *transfer = mem_calloc(1, sizeof(*transfer));
    if (transfer)
        transfer->easy = curl_easy_init();
    if (!transfer || !transfer->easy || !set_headers(transfer, request)) {
        if (transfer)
            free_transfer(transfer);
        (void)error_no_memory(error);
        return NULL;
    }
    assert(!transport->is_closing);
    transfer->transport = transport;
    transfer->events = events;
    transfer->ctx = ctx;
    transfer->begun_us = clock_now_us();
    transfer->first_byte_ms = request->first_byte_ms;
    transfer->idle_ms = request->idle_ms;
    transfer->body_len = (curl_off_t)request->body.len;
    buf_init(&transfer->head, HEAD_BYTES_MAX);
    buf_init(&transfer->bytes, (size_t)limit(upstream_unread_bytes) + CURL_MAX_WRITE_SIZE);
    set_options(transfer, request);
    if (curl_multi_add_handle(transport->multi, transfer->easy) != CURLM_OK) {
        free_transfer(transfer);
        (void)error_no_memory(error);
        return NULL;
    }
    transfer->next = transport->first;
    if (transport->first)
        transport->first->prev = transfer;
    transport->first = transfer;
    if (!uv_is_active((uv_handle_t *)&transport->tick))
        uv_timer_start(&transport->tick, on_tick, TICK_MS, TICK_MS);
    return transfer;
}

void transfer_end(struct transfer *transfer)
{
    struct transport *transport = transfer->transport;
    for (struct telling *told = telling; told; told = told->outer)
        if (told->transfer == transfer)
            told->transfer = NULL;
    unqueue(transfer);
    if (!transfer->is_over)
        curl_multi_remove_handle(transport->multi, transfer->easy);
    *(transfer->prev ? &transfer->prev->next : &transport->first) = transfer->next;
    if (transfer->next)
        transfer->next->prev = transfer->prev;
    free_transfer(transfer);
    if (!transport->first)
        uv_timer_stop(&transport->tick);
}

/* Of a request that is still being sent the body is about to go. */
static bool is_sent(const struct transfer *transfer)
{
    curl_off_t sent = 0;
    return curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_UPLOAD_T, &sent) == CURLE_OK && sent >= transfer->body_len;
}

void transfer_release(struct transfer *transfer)
{
    if (transfer->is_over || transfer->is_stalled || !is_sent(transfer)) {
        transfer_end(transfer);
        return;
    }
    for (struct telling *told = telling; told; told = told->outer)
        if (told->transfer == transfer)
            told->transfer = NULL;
    unqueue(transfer);
    buf_deinit(&transfer->bytes);
    transfer->is_released = true;
    transfer->is_paused = false;
    transfer->heard_us = clock_now_us();
    transfer->idle_ms = RELEASED_MS;
}

void transfer_pause(struct transfer *transfer)
{
    transfer->is_paused = true;
}

void transfer_resume(struct transfer *transfer)
{
    if (!transfer->is_paused)
        return;
    transfer->is_paused = false;
    transfer->heard_us = transfer->heard_us ? clock_now_us() : 0;
    enqueue(transfer);
    tell_soon(transfer->transport);
}

/* --- the transport ---------------------------------------------------------------------------------- */

struct transport *transport_open(uv_loop_t *loop, struct error *error)
{
    struct transport *transport = mem_calloc(1, sizeof(*transport));
    if (transport)
        transport->multi = curl_multi_init();
    if (!transport || !transport->multi) {
        mem_free(transport);
        (void)error_no_memory(error);
        return NULL;
    }
    transport->loop = loop;
    uv_timer_t *const timers[] = {&transport->timer, &transport->tick, &transport->news};
    for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
        uv_timer_init(loop, timers[i]);
        timers[i]->data = transport;
        transport->handles++;
    }
    curl_multi_setopt(transport->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(transport->multi, CURLMOPT_SOCKETDATA, transport);
    curl_multi_setopt(transport->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(transport->multi, CURLMOPT_TIMERDATA, transport);
    curl_multi_setopt(transport->multi, CURLMOPT_MAXCONNECTS, (long)limit(upstream_connections));
    return transport;
}

uv_loop_t *transport_loop(const struct transport *transport)
{
    return transport->loop;
}

static void on_closed(uv_handle_t *handle)
{
    struct transport *transport = handle->data;
    if (--transport->handles == 0)
        mem_free(transport);
}

void transport_close(struct transport *transport)
{
    if (!transport)
        return;
    transport->is_closing = true;
    while (transport->first)
        transfer_end(transport->first);
    curl_multi_cleanup(transport->multi);
    uv_close((uv_handle_t *)&transport->timer, on_closed);
    uv_close((uv_handle_t *)&transport->tick, on_closed);
    uv_close((uv_handle_t *)&transport->news, on_closed);
}
