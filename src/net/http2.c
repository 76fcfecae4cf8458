/* HTTP/2: streams, their turns, replies. What requests bring is http2_receive.c's. */
#include "net/http2_internal.h"

#include "core/limits.h"
#include "core/mem.h"
#include "core/util.h"

#define STREAM_WINDOW 262144
#define CONNECTION_WINDOW 1048576
#define OUT_BYTES ((size_t)65536)   /* frames made ahead of the transport */
#define RESET_BURST 200             /* resets of one connection, by either side: CVE-2023-44487, CVE-2025-8671 */
#define RESET_PER_SECOND 33
#define OUTBOUND_ACKS 256           /* answers to PING and SETTINGS waiting for a reader */
#define QUEUED_FRAMES ((size_t)1024) /* of any kind; over it no input is read until the reader takes some */
#define REPLY_BYTES ((size_t)1048576) /* unsent on a connection, over which its next request waits */
#define CONTINUATIONS 8
#define GOAWAY_DELAY_MS 500         /* between announcing the end and fixing the last stream */
#define HEADERS_MAX 128             /* of a reply */
#define KEPT_EXCHANGES ((size_t)512)

static size_t http2_unsent(const struct exchange *exchange)
{
    return exchange->out.len - exchange->out_sent;
}

/* --- memory and the pool of streams ---------------------------------------------------------------- */

static void *session_malloc(size_t size, void *user)
{
    (void)user;
    return mem_alloc(size);
}

static void session_free(void *ptr, void *user)
{
    (void)user;
    mem_free(ptr);
}

static void *session_calloc(size_t count, size_t size, void *user)
{
    (void)user;
    return mem_calloc(count, size);
}

static void *session_realloc(void *ptr, size_t size, void *user)
{
    (void)user;
    return mem_realloc(ptr, size);
}

struct exchange *http2_take_exchange(struct http2 *http2)
{
    struct protocol_host *host = http2->base.host;
    struct exchange *exchange = host->free_exchanges;
    if (exchange) {
        host->free_exchanges = exchange->next;
        host->free_exchange_count--;
        exchange->next = NULL;
    } else {
        exchange = mem_calloc(1, sizeof(*exchange));
    }
    if (!exchange)
        return NULL;
    exchange_begin(exchange, &http2->base, 20);
    exchange->next = http2->open;
    if (http2->open)
        http2->open->prev = exchange;
    http2->open = exchange;
    return exchange;
}

void http2_drop_exchange(struct http2 *http2, struct exchange *exchange)
{
    struct protocol_host *host = http2->base.host;
    if (exchange->prev)
        exchange->prev->next = exchange->next;
    else
        http2->open = exchange->next;
    if (exchange->next)
        exchange->next->prev = exchange->prev;
    if (!http2->open)
        http2->idle_since_ms = host->now_ms;
    http2->unsent -= exchange->is_whole ? http2_unsent(exchange) : 0;
    if (exchange->is_orphan) { /* work of another thread is not done with it */
        exchange->protocol = NULL;
        return;
    }
    exchange_release(exchange);
    if (host->free_exchange_count >= KEPT_EXCHANGES) {
        exchange_destroy(exchange);
        return;
    }
    exchange->next = host->free_exchanges;
    host->free_exchanges = exchange;
    host->free_exchange_count++;
}

/* --- after nghttp2 has returned -------------------------------------------------------------------- */

void http2_queue(struct http2 *http2, struct exchange *exchange)
{
    if (exchange->is_queued)
        return;
    exchange->is_queued = true;
    exchange->queue_next = NULL;
    if (http2->queue_tail)
        http2->queue_tail->queue_next = exchange;
    else
        http2->queue_head = exchange;
    http2->queue_tail = exchange;
}

/* Replies that are made at once would pile up before a client that reads none: its other requests wait. Streamed ones
 * don't count: their makers wait for the reader, who may take long over one and expect the others meanwhile. */
static bool has_room(const struct http2 *http2)
{
    return http2->unsent + http2->base.in_flight <= REPLY_BYTES;
}

/* The request that has waited longest: the streams' numbers grow. */
static struct exchange *next_waiting(const struct http2 *http2)
{
    struct exchange *first = NULL;
    for (struct exchange *exchange = http2->open; exchange; exchange = exchange->next)
        if (exchange->state == EXCHANGE_READY && !exchange->is_closed &&
            (!first || exchange->stream_id < first->stream_id))
            first = exchange;
    return first;
}

static void settle_one(struct http2 *http2, struct exchange *exchange)
{
    if (exchange->is_closed) {
        exchange_run_close(exchange);
        http2_drop_exchange(http2, exchange);
    } else if (exchange->state == EXCHANGE_RECEIVING && exchange->refuse_status != 0) {
        exchange_answer_refusal(exchange);
    } else if (exchange->state == EXCHANGE_READY && !has_room(http2)) {
        http2->has_waiting = true;
    } else if (exchange->state == EXCHANGE_READY) {
        exchange_hand_over(exchange);
    } else if (exchange_drain_due(exchange, http2_unsent(exchange))) {
        exchange->base.on_drain(&exchange->base);
    }
}

static void settle(struct http2 *http2)
{
    while (http2->queue_head) {
        struct exchange *exchange = http2->queue_head;
        http2->queue_head = exchange->queue_next;
        if (!http2->queue_head)
            http2->queue_tail = NULL;
        exchange->is_queued = false;
        settle_one(http2, exchange);
    }
    while (http2->has_waiting && has_room(http2)) {
        struct exchange *exchange = next_waiting(http2);
        http2->has_waiting = exchange != NULL;
        if (exchange)
            exchange_hand_over(exchange);
    }
}

/* --- nghttp2's callbacks: sending ------------------------------------------------------------------ */

/* True while this connection's resets stay within the rate. */
static bool spend_reset(struct http2 *http2)
{
    uint64_t now = http2->base.host->now_ms;
    http2->reset_tokens += (double)(now - http2->reset_refill_ms) * RESET_PER_SECOND / 1000.0;
    http2->reset_refill_ms = now;
    if (http2->reset_tokens > RESET_BURST)
        http2->reset_tokens = RESET_BURST;
    http2->reset_tokens -= 1;
    return http2->reset_tokens >= 0;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct http2 *http2 = user;
    if (frame->hd.type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code != NGHTTP2_NO_ERROR) {
        if (!spend_reset(http2))
            (void)nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
        return 0;
    }
    bool ends = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
                (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    /* Answered before the whole body came: the client need not send the rest (RFC 9113, 8.1). */
    if (ends && nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0)
        (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    return 0;
}

static ssize_t read_reply(nghttp2_session *session, int32_t stream_id, uint8_t *to, size_t cap, uint32_t *flags,
                          nghttp2_data_source *source, void *user)
{
    (void)session;
    (void)stream_id;
    struct http2 *http2 = user;
    struct exchange *exchange = source->ptr;
    size_t len = http2_unsent(exchange);
    if (len == 0 && !exchange->is_ended) {
        exchange->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (len > cap)
        len = cap;
    if (len > 0)
        memcpy(to, exchange->out.data + exchange->out_sent, len);
    exchange->out_sent += len;
    http2->unsent -= exchange->is_whole ? len : 0;
    exchange->waiting_ms = http2->base.host->now_ms;
    if (http2_unsent(exchange) == 0) {
        buf_clear(&exchange->out);
        exchange->out_sent = 0;
        if (exchange->is_ended)
            *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    if (exchange->was_high)
        http2_queue(http2, exchange);
    return (ssize_t)len;
}

/* --- replies --------------------------------------------------------------------------------------- */

static void wake(struct http2 *http2)
{
    http2->base.wake(http2->base.link);
}

static nghttp2_nv header_of(struct str name, struct str value)
{
    return (nghttp2_nv){(uint8_t *)name.data, (uint8_t *)value.data, name.len, value.len, NGHTTP2_NV_FLAG_NONE};
}

/* Values are copied through `text`, which strips control characters; the spans
 * become pointers once it has stopped growing. */
static size_t collect_headers(const struct reply *reply, bool adds_length, struct buf *text, nghttp2_nv *out)
{
    size_t count = 0;
    buf_appendf(text, "%03d", reply->status);
    out[count++] = header_of(STR(":status"), (struct str){NULL, 3});
    for (size_t i = 0; i < reply->header_count && count < HEADERS_MAX - 1; i++) {
        const struct http_header *header = &reply->headers[i];
        if (http_header_is_framing(header) || (adds_length && str_eq(header->name, STR("content-length"))))
            continue;
        http_append_header_value(text, header->value);
        out[count++] = header_of(header->name, (struct str){NULL, header->value.len});
    }
    if (adds_length) {
        size_t before = text->len;
        buf_append_u64(text, reply->body.len);
        out[count++] = header_of(STR("content-length"), (struct str){NULL, text->len - before});
    }
    if (text->failed)
        return 0;
    uint8_t *at = (uint8_t *)text->data;
    for (size_t i = 0; i < count; i++) {
        out[i].value = at;
        at += out[i].valuelen;
    }
    return count;
}

static bool has_content_length(const struct reply *reply)
{
    for (size_t i = 0; i < reply->header_count; i++)
        if (str_eq(reply->headers[i].name, STR("content-length")))
            return true;
    return false;
}

static bool submit_reply(struct http2 *http2, struct exchange *exchange, const struct reply *reply, bool has_data)
{
    nghttp2_nv headers[HEADERS_MAX];
    struct buf text;
    buf_init(&text, 1048576);
    /* A reply to HEAD may name the length it would have had. */
    bool adds_length = reply->kind == REPLY_WHOLE && http_status_has_body(reply->status) &&
                       !(exchange->is_head_method && has_content_length(reply));
    size_t count = collect_headers(reply, adds_length, &text, headers);
    nghttp2_data_provider provider = {.source.ptr = exchange, .read_callback = read_reply};
    int rv = count == 0 ? NGHTTP2_ERR_NOMEM
                        : nghttp2_submit_response(http2->session, exchange->stream_id, headers, count,
                                                  has_data ? &provider : NULL);
    buf_deinit(&text);
    return rv == 0;
}

static void reset_stream(struct http2 *http2, struct exchange *exchange, uint32_t code)
{
    if (nghttp2_submit_rst_stream(http2->session, NGHTTP2_FLAG_NONE, exchange->stream_id, code) != 0)
        http2->base.is_broken = true;
    wake(http2);
}

static bool append_whole(struct http2 *http2, struct exchange *exchange, struct str body)
{
    exchange->is_whole = buf_append_str(&exchange->out, body);
    http2->unsent += exchange->is_whole ? body.len : 0;
    return exchange->is_whole;
}

static void http2_respond(struct exchange *exchange, const struct reply *reply)
{
    struct http2 *http2 = http2_of(exchange->protocol);
    bool is_whole = reply->kind == REPLY_WHOLE;
    bool has_data = !exchange->is_head_method && http_status_has_body(reply->status) &&
                    (!is_whole || reply->body.len > 0);
    exchange->is_ended = is_whole;
    exchange->waiting_ms = http2->base.host->now_ms;
    bool ok = exchange->is_closed || ((!is_whole || !has_data || append_whole(http2, exchange, reply->body)) &&
                                      submit_reply(http2, exchange, reply, has_data));
    if (is_whole)
        exchange_let_go(exchange);
    if (!ok)
        reset_stream(http2, exchange, NGHTTP2_INTERNAL_ERROR);
    wake(http2);
}

static void resume(struct http2 *http2, struct exchange *exchange)
{
    if (exchange->is_deferred && !exchange->is_closed) {
        exchange->is_deferred = false;
        exchange->waiting_ms = http2->base.host->now_ms;
        (void)nghttp2_session_resume_data(http2->session, exchange->stream_id);
    }
    wake(http2);
}

static void http2_pause(struct exchange *exchange)
{
    struct http2 *http2 = http2_of(exchange->protocol);
    budget_pace_begin(exchange);
    if (exchange->is_body_paused || exchange->is_closed)
        return;
    (void)nghttp2_session_consume_stream(http2->session, exchange->stream_id, exchange->body_owed);
    exchange->body_owed = 0;
    wake(http2);
}

static void http2_write(struct exchange *exchange, struct str data)
{
    struct http2 *http2 = http2_of(exchange->protocol);
    if (exchange->is_closed || exchange->out.failed)
        return;
    size_t unsent = http2_unsent(exchange) + data.len;
    if (unsent > limit(response_buffer_bytes))
        exchange->out.failed = true; /* nothing more is taken, and the reset brings on_close */
    else if (exchange->out_sent > OUT_BYTES) {
        buf_consume(&exchange->out, exchange->out_sent);
        exchange->out_sent = 0;
    }
    if (!buf_append_str(&exchange->out, data)) {
        reset_stream(http2, exchange, NGHTTP2_ENHANCE_YOUR_CALM);
        return;
    }
    exchange_note_growth(exchange, unsent);
    resume(http2, exchange);
}

static void http2_end(struct exchange *exchange)
{
    struct http2 *http2 = http2_of(exchange->protocol);
    exchange->is_ended = true;
    exchange_let_go(exchange);
    resume(http2, exchange);
}

static void http2_abort(struct exchange *exchange)
{
    struct http2 *http2 = http2_of(exchange->protocol);
    exchange_let_go(exchange);
    reset_stream(http2, exchange, NGHTTP2_INTERNAL_ERROR);
}

/* --- the owner's calls ----------------------------------------------------------------------------- */

static void note_end(struct http2 *http2)
{
    if (!nghttp2_session_want_read(http2->session) && !nghttp2_session_want_write(http2->session))
        http2->base.is_finished = true;
}

static void http2_receive(struct protocol *base, struct str data)
{
    struct http2 *http2 = http2_of(base);
    if (base->is_broken || base->is_finished)
        return;
    ssize_t taken = nghttp2_session_mem_recv(http2->session, (const uint8_t *)data.data, data.len);
    if (taken < 0)
        base->is_broken = true;
    settle(http2);
}

static void http2_receive_end(struct protocol *base)
{
    if (http2_of(base)->open)
        base->is_broken = true;
    else
        base->is_finished = true;
}

static void http2_pull(struct protocol *base)
{
    struct http2 *http2 = http2_of(base);
    for (;;) {
        settle(http2);
        if (base->is_broken || base->out.len >= OUT_BYTES)
            break;
        const uint8_t *data;
        ssize_t len = nghttp2_session_mem_send(http2->session, &data);
        if (len < 0 || (len > 0 && !buf_append(&base->out, data, (size_t)len)))
            base->is_broken = true;
        if (len <= 0 && !http2->queue_head)
            break;
    }
    base->is_paused = nghttp2_session_get_outbound_queue_size(http2->session) > QUEUED_FRAMES;
    note_end(http2);
}

static void tick_stream(struct http2 *http2, struct exchange *exchange)
{
    uint64_t now = http2->base.host->now_ms;
    uint64_t waited = now - exchange->waiting_ms;
    if (exchange->state == EXCHANGE_RECEIVING && exchange->refuse_status == 0) {
        if (exchange->is_body_paused)
            return;
        bool has_head = exchange->base.request.headers != NULL;
        if (has_head ? !budget_is_late(exchange) : waited < limit(header_timeout_ms))
            return;
        (void)exchange_refuse(exchange, 408, "the request took too long to arrive");
        if (has_head)
            http2_refuse(http2, exchange);
        else
            http2->base.is_broken = true; /* inside a header block nothing else can be sent or received */
    } else if (http2_unsent(exchange) > 0 && waited >= limit(write_timeout_ms)) {
        reset_stream(http2, exchange, NGHTTP2_CANCEL);
    }
}

static void http2_give_way(struct exchange *exchange)
{
    http2_queue(http2_of(exchange->protocol), exchange);
    wake(http2_of(exchange->protocol));
}

static void http2_tick(struct protocol *base)
{
    struct http2 *http2 = http2_of(base);
    uint64_t now = base->host->now_ms;
    for (struct exchange *exchange = http2->open; exchange; exchange = exchange->next)
        if (!exchange->is_closed)
            tick_stream(http2, exchange);
    bool is_idle = !http2->open && now - http2->idle_since_ms >= limit(idle_timeout_ms);
    bool drain_due = http2->drain_since_ms != 0 && now - http2->drain_since_ms >= GOAWAY_DELAY_MS;
    if (is_idle) {
        (void)nghttp2_session_terminate_session(http2->session, NGHTTP2_NO_ERROR);
    } else if (drain_due && !http2->is_goaway_final) {
        http2->is_goaway_final = true;
        (void)nghttp2_submit_goaway(http2->session, NGHTTP2_FLAG_NONE,
                                    nghttp2_session_get_last_proc_stream_id(http2->session), NGHTTP2_NO_ERROR, NULL, 0);
    }
    wake(http2);
}

/* First a notice with the highest stream number, so that requests on their way
 * are still taken; the real end is announced by tick (RFC 9113, 6.8). A
 * connection without streams ends at once. */
static void http2_drain(struct protocol *base)
{
    struct http2 *http2 = http2_of(base);
    if (http2->drain_since_ms != 0)
        return;
    http2->drain_since_ms = base->host->now_ms + (base->host->now_ms == 0);
    if (http2->open)
        (void)nghttp2_submit_shutdown_notice(http2->session);
    else
        (void)nghttp2_session_terminate_session(http2->session, NGHTTP2_NO_ERROR);
    wake(http2);
}

static bool http2_is_idle(const struct protocol *base)
{
    return !((const struct http2 *)base)->open && base->out.len + base->in_flight == 0;
}

static void http2_free(struct protocol *base)
{
    struct http2 *http2 = http2_of(base);
    while (http2->open) {
        exchange_run_close(http2->open);
        http2_drop_exchange(http2, http2->open);
    }
    nghttp2_session_del(http2->session); /* calls no callbacks for open streams */
    buf_deinit(&base->out);
    mem_free(http2);
}

static const struct protocol_ops http2_ops = {
    .receive = http2_receive,
    .receive_end = http2_receive_end,
    .pull = http2_pull,
    .tick = http2_tick,
    .drain = http2_drain,
    .is_idle = http2_is_idle,
    .free = http2_free,
    .respond = http2_respond,
    .write = http2_write,
    .end = http2_end,
    .abort = http2_abort,
    .unsent = http2_unsent,
    .pause = http2_pause,
    .give_way = http2_give_way,
};

static bool open_session(struct http2 *http2)
{
    struct protocol_host *host = http2->base.host;
    static nghttp2_mem memory = {NULL, session_malloc, session_free, session_calloc, session_realloc};
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)limit(streams_per_connection)},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)limit(header_bytes)},
    };
    if (nghttp2_session_server_new3(&http2->session, host->http2_callbacks, http2, host->http2_options, &memory) != 0)
        return false;
    if (nghttp2_submit_settings(http2->session, NGHTTP2_FLAG_NONE, settings,
                                sizeof(settings) / sizeof(settings[0])) != 0 ||
        nghttp2_session_set_local_window_size(http2->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) != 0) {
        nghttp2_session_del(http2->session);
        return false;
    }
    return true;
}

struct protocol *http2_new(struct protocol_host *host, void (*wake_link)(void *link), void *link)
{
    struct http2 *http2 = mem_calloc(1, sizeof(*http2));
    if (!http2)
        return NULL;
    http2->base.ops = &http2_ops;
    http2->base.host = host;
    http2->base.wake = wake_link;
    http2->base.link = link;
    http2->base.out.max = SIZE_MAX; /* pull stops at OUT_BYTES */
    http2->idle_since_ms = host->now_ms;
    http2->reset_tokens = RESET_BURST;
    http2->reset_refill_ms = host->now_ms;
    if (!open_session(http2)) {
        mem_free(http2);
        return NULL;
    }
    return &http2->base;
}

enum error_code http2_host_init(struct protocol_host *host, struct error *error)
{
    if (nghttp2_session_callbacks_new(&host->http2_callbacks) != 0)
        return error_no_memory(error);
    if (nghttp2_option_new(&host->http2_options) != 0) {
        nghttp2_session_callbacks_del(host->http2_callbacks);
        host->http2_callbacks = NULL;
        return error_no_memory(error);
    }
    http2_receive_callbacks(host->http2_callbacks);
    nghttp2_session_callbacks_set_on_frame_send_callback(host->http2_callbacks, on_frame_send);
    nghttp2_option_set_no_auto_window_update(host->http2_options, 1);
    nghttp2_option_set_max_outbound_ack(host->http2_options, OUTBOUND_ACKS);
    nghttp2_option_set_stream_reset_rate_limit(host->http2_options, RESET_BURST, RESET_PER_SECOND);
    nghttp2_option_set_max_continuations(host->http2_options, CONTINUATIONS);
    return OK;
}

void http2_host_trim(struct protocol_host *host)
{
    while (host->free_exchanges) {
        struct exchange *exchange = host->free_exchanges;
        host->free_exchanges = exchange->next;
        exchange_deinit(exchange);
        mem_free(exchange);
    }
    host->free_exchange_count = 0;
}

void http2_host_deinit(struct protocol_host *host)
{
    nghttp2_option_del(host->http2_options);
    nghttp2_session_callbacks_del(host->http2_callbacks);
    host->http2_options = NULL;
    host->http2_callbacks = NULL;
}
