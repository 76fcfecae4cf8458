/* HTTP/1.1: a connection's bytes in and out, and whose turn it is. What a request says is http1_parser.c's. */
#include "net/http1_internal.h"

#include <stdio.h>

#include "core/limits.h"
#include "core/mem.h"

#define PIPELINE_BYTES ((size_t)65536)        /* kept while a request runs; then reading pauses */
#define PIPELINE_BYTES_MAX ((size_t)1048576)  /* what was read already when it paused still fits */
#define REPLY_BYTES ((size_t)65536)           /* unsent, over which the next pipelined request waits */
#define KEPT_CONNECTIONS ((size_t)256)        /* idle objects per thread */
#define KEPT_BUFFER_BYTES ((size_t)65536)
#define PROBE_MS 1000                         /* from the first probe to the second; then twice as long */

static void wake(struct http1 *http1)
{
    http1->base.wake(http1->base.link);
}

static void break_off(struct http1 *http1)
{
    http1->base.is_broken = true;
    wake(http1);
}

/* Nothing more is read; the owner closes once everything is written. */
static void finish(struct http1 *http1)
{
    http1->state = HTTP1_CLOSED;
    http1->base.is_finished = true;
}

/* --- input ----------------------------------------------------------------------------------------- */

static void refuse(struct http1 *http1, int status, const char *message)
{
    struct exchange *exchange = &http1->exchange;
    (void)exchange_refuse(exchange, status, message);
    http1->keeps_alive = false;
    http1->state = HTTP1_RUNNING;
    exchange_answer_refusal(exchange);
}

static void refuse_malformed(struct http1 *http1, llhttp_errno_t reason)
{
    struct exchange *exchange = &http1->exchange;
    if (http1->state == HTTP1_IDLE) /* not even a first letter was right */
        http1_message_begin(&http1->parser);
    if (http1_refuses_body(http1) && exchange->refuse_status == 0) {
        http1->keeps_alive = false;
        http1->state = HTTP1_RUNNING;
        exchange_hand_over(exchange);
    } else if (reason == HPE_INVALID_VERSION && !http1_version_is_known(&http1->parser)) {
        /* Of a version that is known, what follows it is wrong. */
        refuse(http1, 505, "the version must be HTTP/1.0 or HTTP/1.1");
    } else if (exchange->refuse_status != 0) {
        refuse(http1, exchange->refuse_status, exchange->refuse_message);
    } else {
        refuse(http1, 400, llhttp_get_error_reason(&http1->parser));
    }
}

static size_t unsent_bytes(const struct http1 *http1)
{
    return http1->base.out.len + http1->base.in_flight;
}

/* The next request may be begun: else replies that are made at once pile up before a client that reads none. */
static bool takes_input(const struct http1 *http1)
{
    return http1->state == HTTP1_HEAD || http1->state == HTTP1_BODY || http1->state == HTTP1_STRANGE ||
           (http1->state == HTTP1_IDLE && unsent_bytes(http1) <= REPLY_BYTES);
}

/* Who words the refusal looks at the path. Without memory for the line there is none. */
static void refuse_strange_line(struct http1 *http1, struct str rest)
{
    struct buf *line = &http1->exchange.head.text;
    (void)exchange_refuse(&http1->exchange, 501, "this method is not implemented");
    if (buf_append_str(line, rest))
        exchange_take_strange_line(&http1->exchange, buf_str(line));
    refuse(http1, 501, "this method is not implemented");
}

/* An unknown method, or a line of another protocol: who doesn't speak HTTP is told nothing, since no words of ours
 * would be understood (a client of HTTP/2 with a broken preface has to see the connection close). */
static size_t read_strange_line(struct http1 *http1, struct str data)
{
    static const char name[] = " HTTP/";
    for (size_t i = 0; i < data.len; i++) {
        bool is_found = http1->name_matched == sizeof(name) - 1;
        if (data.data[i] == '\n' || ++http1->line_bytes > limit(uri_bytes)) {
            if (is_found)
                refuse_strange_line(http1, str_slice(data, 0, i));
            else
                finish(http1);
            return i + 1;
        }
        if (!is_found)
            http1->name_matched = data.data[i] == name[http1->name_matched] ? http1->name_matched + 1
                                                                            : data.data[i] == ' ';
    }
    (void)buf_append_str(&http1->exchange.head.text, data);
    return data.len;
}

static bool begins_strangely(struct http1 *http1, llhttp_errno_t reason, const char *at)
{
    if (reason != HPE_INVALID_METHOD || !at || *at < 'A' || *at > 'Z')
        return false;
    if (http1->state == HTTP1_IDLE)
        http1_message_begin(&http1->parser);
    http1->state = HTTP1_STRANGE;
    http1->line_bytes = http1->name_matched = 0;
    return true;
}

/* Returns how much it took: all, unless a request runs now or the replies before it are not read. */
static size_t http1_parse(struct http1 *http1, struct str data)
{
    size_t at = 0;
    http1->is_parsing = true;
    while (at < data.len && takes_input(http1)) {
        if (http1->state == HTTP1_STRANGE) {
            at += read_strange_line(http1, str_slice(data, at, data.len));
            continue;
        }
        llhttp_errno_t result = llhttp_execute(&http1->parser, data.data + at, data.len - at);
        const char *stopped = llhttp_get_error_pos(&http1->parser);
        if (result == HPE_PAUSED) {
            at = (size_t)(stopped - data.data);
            llhttp_resume(&http1->parser);
            http1->state = HTTP1_RUNNING;
            exchange_hand_over(&http1->exchange);
            continue;
        }
        if (begins_strangely(http1, result, stopped)) {
            at = (size_t)(stopped - data.data);
            continue;
        }
        at = data.len;
        if (result != HPE_OK)
            refuse_malformed(http1, result);
    }
    http1->is_parsing = false;
    return http1->state == HTTP1_CLOSED ? data.len : at;
}

static void set_paused(struct http1 *http1)
{
    http1->base.is_paused = http1->in.len >= PIPELINE_BYTES || http1->exchange.is_body_paused;
}

static void http1_pause(struct exchange *exchange)
{
    struct http1 *http1 = http1_of(exchange->protocol);
    budget_pace_begin(exchange);
    set_paused(http1);
    wake(http1);
}

static void parse_kept(struct http1 *http1)
{
    if (http1->in.len > 0 && takes_input(http1)) {
        buf_consume(&http1->in, http1_parse(http1, buf_str(&http1->in)));
        set_paused(http1);
    }
    /* What came before the end is answered; what is not whole by then never will be. */
    if (http1->has_ended && http1->in.len == 0 && takes_input(http1))
        finish(http1);
}

static void http1_receive(struct protocol *base, struct str data)
{
    struct http1 *http1 = http1_of(base);
    parse_kept(http1);
    size_t taken = http1->in.len > 0 ? 0 : http1_parse(http1, data);
    struct str rest = str_slice(data, taken, data.len);
    if (rest.len == 0 || http1->state == HTTP1_CLOSED)
        return;
    if (!buf_append_str(&http1->in, rest))
        break_off(http1);
    set_paused(http1);
}

/* A client that sends no more either has left or waits for its reply, and which it is shows only when something is
 * sent: one that has left answers with a reset. Nothing of the reply is there yet, so it is an interim response, which
 * every client of HTTP/1.1 skips. The first one goes at once: who has left shall cost no more tokens. */
static void probe(struct http1 *http1)
{
    uint64_t now_ms = http1->base.host->now_ms;
    const struct exchange *exchange = &http1->exchange;
    bool can_probe = exchange->state == EXCHANGE_HANDED && exchange->base.request.version == 11;
    if (!http1->has_ended || !can_probe || now_ms < http1->probe_ms || unsent_bytes(http1) > 0)
        return;
    http1->probe_wait_ms *= 2;
    http1->probe_ms = now_ms + http1->probe_wait_ms;
    buf_append_text(&http1->base.out, HTTP1_CONTINUE);
    wake(http1);
}

static void http1_receive_end(struct protocol *base)
{
    struct http1 *http1 = http1_of(base);
    if (http1->has_ended)
        return;
    http1->has_ended = true;
    http1->probe_wait_ms = PROBE_MS / 2;
    http1->probe_ms = base->host->now_ms;
    parse_kept(http1);
    probe(http1);
}

/* --- output ---------------------------------------------------------------------------------------- */

static size_t http1_unsent(const struct exchange *exchange)
{
    return unsent_bytes(http1_of(exchange->protocol));
}

/* The reply is written as far as the handler is concerned. */
static void reply_done(struct http1 *http1)
{
    exchange_release(&http1->exchange);
    http1->state = HTTP1_IDLE;
    if (!http1->keeps_alive)
        finish(http1);
    http1->deadline_ms = http1->base.host->now_ms + limit(idle_timeout_ms);
    if (http1->base.out.failed)
        http1->base.is_broken = true;
    if (!http1->is_parsing)
        wake(http1);
}

static void append_header(struct buf *out, struct str name, struct str value)
{
    buf_append_str(out, name);
    buf_append(out, ": ", 2);
    http_append_header_value(out, value);
    buf_append(out, "\r\n", 2);
}

static void append_framing(struct http1 *http1, uint64_t length)
{
    struct buf *out = &http1->base.out;
    bool is_old = http1->exchange.base.request.version == 10;
    if (http1->framing == FRAMING_LENGTH) {
        buf_append_text(out, "content-length: ");
        buf_append_u64(out, length);
        buf_append(out, "\r\n", 2);
    } else if (http1->framing == FRAMING_CHUNKED) {
        buf_append_text(out, "transfer-encoding: chunked\r\n");
    }
    if (!http1->keeps_alive)
        buf_append_text(out, "connection: close\r\n");
    else if (is_old)
        buf_append_text(out, "connection: keep-alive\r\n");
}

/* How the reply's end will be found. A content-length among the headers is
 * believed where the body isn't at hand: of a stream, and of a reply to HEAD. */
static enum http1_framing choose_framing(struct http1 *http1, const struct reply *reply, uint64_t *length)
{
    *length = reply->body.len;
    bool is_open = reply->kind == REPLY_STREAM || http1->exchange.is_head_method;
    for (size_t i = 0; is_open && i < reply->header_count; i++)
        if (str_eq(reply->headers[i].name, STR("content-length")) && str_to_u64(reply->headers[i].value, length))
            return FRAMING_LENGTH;
    if (reply->kind == REPLY_WHOLE)
        return FRAMING_LENGTH;
    return http1->exchange.base.request.version == 10 ? FRAMING_CLOSE : FRAMING_CHUNKED;
}

static void append_reply_head(struct http1 *http1, const struct reply *reply)
{
    struct buf *out = &http1->base.out;
    uint64_t length;
    http1->framing = choose_framing(http1, reply, &length);
    http1->length_left = length;
    if (http1->framing == FRAMING_CLOSE)
        http1->keeps_alive = false;
    buf_append_text(out, "HTTP/1.1 ");
    buf_append_u64(out, (uint64_t)reply->status);
    buf_append_char(out, ' ');
    buf_append_text(out, http_reason(reply->status));
    buf_append(out, "\r\n", 2);
    for (size_t i = 0; i < reply->header_count; i++)
        if (!http_header_is_framing(&reply->headers[i]) && !str_eq(reply->headers[i].name, STR("content-length")))
            append_header(out, reply->headers[i].name, reply->headers[i].value);
    if (http_status_has_body(reply->status))
        append_framing(http1, length);
    else if (!http1->keeps_alive)
        buf_append_text(out, "connection: close\r\n");
    buf_append(out, "\r\n", 2);
}

static void http1_respond(struct exchange *exchange, const struct reply *reply)
{
    struct http1 *http1 = http1_of(exchange->protocol);
    append_reply_head(http1, reply);
    if (reply->kind == REPLY_STREAM) {
        wake(http1);
        return;
    }
    if (!exchange->is_head_method && http_status_has_body(reply->status))
        buf_append_str(&http1->base.out, reply->body);
    reply_done(http1);
}

static void append_chunk(struct buf *out, struct str data)
{
    char size[20];
    int len = snprintf(size, sizeof(size), "%zx\r\n", data.len);
    buf_append(out, size, (size_t)len);
    buf_append_str(out, data);
    buf_append(out, "\r\n", 2);
}

static void http1_write(struct exchange *exchange, struct str data)
{
    struct http1 *http1 = http1_of(exchange->protocol);
    if (http1->base.is_broken)
        return;
    size_t unsent = http1_unsent(exchange) + data.len;
    if (unsent > limit(response_buffer_bytes) || (http1->framing == FRAMING_LENGTH && data.len > http1->length_left)) {
        break_off(http1);
        return;
    }
    if (http1->framing == FRAMING_CHUNKED) {
        append_chunk(&http1->base.out, data);
    } else {
        buf_append_str(&http1->base.out, data);
        http1->length_left -= http1->framing == FRAMING_LENGTH ? data.len : 0;
    }
    exchange_note_growth(exchange, unsent);
    if (http1->base.out.failed)
        http1->base.is_broken = true;
    wake(http1);
}

static void http1_end(struct exchange *exchange)
{
    struct http1 *http1 = http1_of(exchange->protocol);
    if (http1->framing == FRAMING_CHUNKED && !exchange->is_head_method)
        buf_append_text(&http1->base.out, "0\r\n\r\n");
    bool is_short = http1->framing == FRAMING_LENGTH && http1->length_left > 0 && !exchange->is_head_method;
    if (is_short)
        http1->keeps_alive = false; /* the missing bytes can't come any more: the client sees the close */
    reply_done(http1);
}

static void http1_abort(struct exchange *exchange)
{
    struct http1 *http1 = http1_of(exchange->protocol);
    /* Without a last chunk the close says it; where the close is the regular end, only a reset does. */
    bool needs_reset = exchange->state == EXCHANGE_HANDED || http1->framing == FRAMING_CLOSE;
    http1->keeps_alive = false;
    reply_done(http1);
    if (needs_reset)
        break_off(http1);
}

/* --- the owner's calls ----------------------------------------------------------------------------- */

static void http1_pull(struct protocol *base)
{
    struct http1 *http1 = http1_of(base);
    struct exchange *exchange = &http1->exchange;
    if (http1->state == HTTP1_BODY && exchange->refuse_status != 0)
        refuse(http1, exchange->refuse_status, exchange->refuse_message);
    parse_kept(http1);
    if (base->out.failed)
        base->is_broken = true;
    if (exchange->state == EXCHANGE_STREAMING && exchange_drain_due(exchange, http1_unsent(exchange)))
        exchange->base.on_drain(&exchange->base);
}

static void http1_tick(struct protocol *base)
{
    struct http1 *http1 = http1_of(base);
    probe(http1);
    if (http1->state == HTTP1_IDLE && unsent_bytes(http1) > 0) /* its reader is slow: the connection's own time-out */
        http1->deadline_ms = base->host->now_ms + limit(idle_timeout_ms);
    bool is_late = http1->state == HTTP1_BODY ? budget_is_late(&http1->exchange)
                                              : base->host->now_ms >= http1->deadline_ms;
    if (http1->state == HTTP1_RUNNING || http1->state == HTTP1_CLOSED || !is_late || http1->exchange.is_body_paused)
        return;
    if (http1->state == HTTP1_IDLE)
        finish(http1);
    else
        refuse(http1, 408, "the request took too long to arrive");
}

static void http1_give_way(struct exchange *exchange)
{
    wake(http1_of(exchange->protocol));
}

static void http1_drain(struct protocol *base)
{
    struct http1 *http1 = http1_of(base);
    http1->is_draining = true;
    http1->keeps_alive = false;
    if (http1->state == HTTP1_IDLE && http1->in.len == 0)
        finish(http1);
}

static bool http1_is_idle(const struct protocol *base)
{
    const struct http1 *http1 = (const struct http1 *)base;
    bool is_between = http1->state == HTTP1_IDLE || http1->state == HTTP1_HEAD || http1->state == HTTP1_STRANGE;
    return is_between && http1->in.len == 0 && unsent_bytes(http1) == 0;
}

static void http1_destroy(struct http1 *http1)
{
    exchange_deinit(&http1->exchange);
    buf_deinit(&http1->in);
    buf_deinit(&http1->base.out);
    mem_free(http1);
}

static void http1_free(struct protocol *base)
{
    struct http1 *http1 = http1_of(base);
    struct protocol_host *host = base->host;
    exchange_run_close(&http1->exchange);
    if (http1->exchange.is_pinned)
        return; /* until http_unpin */
    exchange_release(&http1->exchange);
    if (host->free_http1_count >= KEPT_CONNECTIONS || http1->in.cap > 0 || base->out.cap > KEPT_BUFFER_BYTES) {
        http1_destroy(http1);
        return;
    }
    base->next_free = host->free_http1;
    host->free_http1 = base;
    host->free_http1_count++;
}

static const struct protocol_ops http1_ops = {
    .receive = http1_receive,
    .receive_end = http1_receive_end,
    .pull = http1_pull,
    .tick = http1_tick,
    .drain = http1_drain,
    .is_idle = http1_is_idle,
    .free = http1_free,
    .respond = http1_respond,
    .write = http1_write,
    .end = http1_end,
    .abort = http1_abort,
    .unsent = http1_unsent,
    .pause = http1_pause,
    .give_way = http1_give_way,
};

static struct http1 *take_from_pool(struct protocol_host *host)
{
    struct http1 *http1 = http1_of(host->free_http1);
    if (!http1)
        return mem_calloc(1, sizeof(*http1));
    host->free_http1 = http1->base.next_free;
    host->free_http1_count--;
    struct exchange exchange = http1->exchange;
    struct buf out = http1->base.out;
    *http1 = (struct http1){.exchange = exchange, .base.out = out};
    buf_clear(&http1->base.out);
    return http1;
}

struct protocol *http1_new(struct protocol_host *host, void (*wake_link)(void *link), void *link)
{
    struct http1 *http1 = take_from_pool(host);
    if (!http1)
        return NULL;
    http1->base.ops = &http1_ops;
    http1->base.host = host;
    http1->base.wake = wake_link;
    http1->base.link = link;
    http1->base.out.max = SIZE_MAX; /* streams are bounded by response_buffer_bytes, whole replies by their maker */
    http1->in.max = PIPELINE_BYTES_MAX;
    http1->deadline_ms = host->now_ms + limit(idle_timeout_ms);
    llhttp_init(&http1->parser, HTTP_REQUEST, &http1_parser_settings);
    http1->parser.data = http1;
    return &http1->base;
}

void http1_host_trim(struct protocol_host *host)
{
    while (host->free_http1) {
        struct http1 *http1 = http1_of(host->free_http1);
        host->free_http1 = http1->base.next_free;
        http1_destroy(http1);
    }
    host->free_http1_count = 0;
}
