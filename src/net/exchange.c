/* exchange.c - what both versions of HTTP do with an exchange: its states, its body, the reply's head. Frames are
 * http1.c's and http2.c's. See exchange.h. */
#include "net/exchange.h"

#include <assert.h>

#include "core/limits.h"
#include "core/must.h"
#include "core/util.h"

/* What an idle exchange may keep for its next request. */
#define KEPT_BUFFER_BYTES ((size_t)16384)
#define KEPT_ARENA_BYTES ((size_t)16384)

/* --- life ------------------------------------------------------------------------------------------ */

static void keep_small(struct buf *buf)
{
    buf_clear(buf);
    if (buf->cap > KEPT_BUFFER_BYTES)
        buf_deinit(buf);
}

static void head_clear(struct request_head *head)
{
    keep_small(&head->text);
    head->method = head->target = (struct header_span){0};
    head->span_count = 0;
    head->bytes = 0;
}

static void give_back_body(struct exchange *exchange)
{
    budget_give_back(exchange);
    share_give(exchange->host, exchange->owner);
    share_give(exchange->host, exchange->address);
    exchange->owner = exchange->address = NULL;
    keep_small(&exchange->body);
}

static void give_back_arena(struct arena *arena)
{
    if (arena->bytes > KEPT_ARENA_BYTES)
        arena_deinit(arena);
    else
        arena_reset(arena);
}

void exchange_begin(struct exchange *exchange, struct protocol *protocol, int version)
{
    exchange->protocol = protocol;
    exchange->host = protocol->host;
    exchange->address = share_ref(protocol->address);
    exchange->state = EXCHANGE_RECEIVING;
    /* A name or value is checked against its limit before it is appended; this bounds method and target. */
    exchange->head.text.max = limit(header_bytes) + limit(uri_bytes);
    exchange->body.max = limit(body_bytes);
    exchange->out.max = SIZE_MAX;
    exchange->base.loop = protocol->host->loop;
    exchange->base.request.version = version;
    exchange->base.request.is_tls = protocol->is_tls;
    exchange->base.request.is_loopback = protocol->is_loopback;
    if (exchange->address)
        exchange->base.request.peer = str_hash((struct str){exchange->address->name, exchange->address->len});
    exchange->base.request.started_us = clock_now_us();
}

void exchange_let_go(struct exchange *exchange)
{
    exchange->state = EXCHANGE_DONE;
    give_back_body(exchange);
    give_back_arena(&exchange->base.arena);
    head_clear(&exchange->head);
    exchange->base.on_close = NULL;
    exchange->base.on_drain = NULL;
    exchange->base.on_body = NULL;
}

void exchange_release(struct exchange *exchange)
{
    must(!exchange->is_pinned, "what is pinned is not given to another request", LOG_I("state", exchange->state));
    if (exchange->host)
        give_back_body(exchange);
    give_back_arena(&exchange->base.arena);
    head_clear(&exchange->head);
    keep_small(&exchange->out);
    struct exchange kept = {.base.arena = exchange->base.arena,
                            .head = exchange->head,
                            .body = exchange->body,
                            .out = exchange->out};
    *exchange = kept;
}

void exchange_deinit(struct exchange *exchange)
{
    exchange_release(exchange);
    arena_deinit(&exchange->base.arena);
    buf_deinit(&exchange->head.text);
    mem_free(exchange->head.spans);
    buf_deinit(&exchange->body);
    buf_deinit(&exchange->out);
    *exchange = (struct exchange){0};
}

void exchange_destroy(struct exchange *exchange)
{
    exchange_deinit(exchange);
    mem_free(exchange);
}

/* --- receiving ------------------------------------------------------------------------------------- */

bool exchange_refuse(struct exchange *exchange, int status, const char *message)
{
    if (exchange->refuse_status == 0) { /* the first reason is the cause of the others */
        exchange->refuse_status = status;
        exchange->refuse_message = message;
    }
    return false;
}

bool exchange_head_count(struct exchange *exchange, size_t len)
{
    exchange->head.bytes += len;
    if (exchange->head.bytes > limit(header_bytes))
        return exchange_refuse(exchange, 431, "the request line and headers are too long (limit header_bytes)");
    return true;
}

static struct str head_slice(const struct request_head *head, uint32_t at, uint32_t len)
{
    return (struct str){len > 0 ? head->text.data + at : "", len};
}

static void lower(struct str name)
{
    char *text = (char *)name.data; /* points into our own head.text */
    for (size_t i = 0; i < name.len; i++)
        if (text[i] >= 'A' && text[i] <= 'Z')
            text[i] = (char)(text[i] + ('a' - 'A'));
}

static bool take_headers(struct exchange *exchange)
{
    struct request_head *head = &exchange->head;
    struct http_request *request = &exchange->base.request;
    /* One more for the `host` that HTTP/2 derives from `:authority`. */
    request->headers = ARENA_ARRAY(&exchange->base.arena, struct http_header, head->span_count + 1);
    if (!request->headers)
        return exchange_refuse(exchange, 503, "out of memory");
    for (size_t i = 0; i < head->span_count; i++) {
        struct header_span span = head->spans[i];
        request->headers[i].name = head_slice(head, span.name, span.name_len);
        request->headers[i].value = str_trim(head_slice(head, span.value, span.value_len));
        lower(request->headers[i].name);
    }
    request->header_count = head->span_count;
    return true;
}

static bool split_target(struct exchange *exchange)
{
    struct http_request *request = &exchange->base.request;
    struct str rest = request->target;
    if (!str_starts(rest, STR("/"))) { /* absolute-form: what stands behind the authority */
        ptrdiff_t scheme = str_find(rest, STR("://"), 0);
        bool is_absolute = scheme == 4 || scheme == 5;
        ptrdiff_t slash = is_absolute ? str_find_char(rest, '/', (size_t)scheme + 3) : -1;
        if (slash >= 0)
            rest = str_slice(rest, (size_t)slash, rest.len);
        else if (is_absolute)
            rest = STR("/");
        else if (!str_eq(rest, STR("*")))
            return exchange_refuse(exchange, 400, "the request target must begin with '/'");
    }
    ptrdiff_t mark = str_find_char(rest, '?', 0);
    request->path = mark < 0 ? rest : str_slice(rest, 0, (size_t)mark);
    request->query = mark < 0 ? STR("") : str_slice(rest, (size_t)mark + 1, rest.len);
    return true;
}

bool exchange_head_complete(struct exchange *exchange)
{
    struct request_head *head = &exchange->head;
    struct http_request *request = &exchange->base.request;
    request->method = head_slice(head, head->method.name, head->method.name_len);
    request->target = head_slice(head, head->target.name, head->target.name_len);
    exchange->is_head_method = str_eq(request->method, STR("HEAD"));
    if (!take_headers(exchange))
        return false;
    bool is_known = http_method_is_known(request->method) ||
                    exchange_refuse(exchange, 501, "this method is not implemented");
    return split_target(exchange) && is_known; /* who words the refusal looks at the path */
}

void exchange_take_strange_line(struct exchange *exchange, struct str line)
{
    struct str target;
    if (!str_split(&line, ' ', &target) || !str_split(&line, ' ', &target))
        return;
    exchange->base.request.target = target;
    (void)split_target(exchange);
}

static size_t body_max(const struct exchange *exchange)
{
    size_t set = exchange->base.body_max;
    return set > 0 && set < limit(body_bytes) ? set : limit(body_bytes);
}

static bool refuse_length(struct exchange *exchange)
{
    bool is_all = body_max(exchange) == limit(body_bytes);
    return exchange_refuse(exchange, 413, is_all ? "the request body is too long (limit body_bytes)"
                                                 : "the request body is too long for this operation");
}

bool exchange_offer_head(struct exchange *exchange, bool has_body, uint64_t length)
{
    struct protocol_host *host = exchange->protocol->host;
    exchange->base.request.body = STR("");
    exchange->base.request.has_body = has_body;
    budget_pace_begin(exchange);
    if (host->on_head)
        host->on_head(host->ctx, &exchange->base);
    if (exchange_streams_body(exchange) || exchange->base.refuses_body)
        return true;
    if (length > 0 && length <= body_max(exchange))
        exchange->body.max = (size_t)length; /* it grows to that and no further */
    return length <= body_max(exchange) || refuse_length(exchange);
}

bool exchange_body_append(struct exchange *exchange, struct str data)
{
    budget_pace(exchange, data.len);
    if (exchange->refuse_status != 0) /* it gave way to others */
        return false;
    if (exchange_streams_body(exchange)) {
        exchange->base.on_body(&exchange->base, data);
        return true;
    }
    if (data.len > body_max(exchange) - exchange->body.len)
        return refuse_length(exchange);
    size_t cap = buf_cap_with(&exchange->body, data.len);
    if (cap > exchange->body_charged && !budget_charge(exchange, cap - exchange->body_charged))
        return exchange_refuse(exchange, 503, "too many request bodies are being received, try again later");
    return buf_append_str(&exchange->body, data) || exchange_refuse(exchange, 503, "out of memory");
}

/* --- the handler's turn ---------------------------------------------------------------------------- */

void exchange_hand_over(struct exchange *exchange)
{
    struct protocol_host *host = exchange->protocol->host;
    budget_leave(exchange);
    if (exchange->is_body_paused) {
        exchange->is_body_paused = false;
        exchange->protocol->ops->pause(exchange);
    }
    must(exchange->state <= EXCHANGE_READY && exchange->refuse_status == 0,
         "a request is handed over once, whole, and not refused", LOG_I("state", exchange->state),
         LOG_I("status", exchange->refuse_status));
    exchange->state = EXCHANGE_HANDED;
    exchange->base.request.body = buf_str(&exchange->body);
    protocol_count(&host->requests_total, 1);
    host->on_request(host->ctx, &exchange->base);
}

static void answer_in_plain_text(struct exchange *exchange)
{
    const struct http_header type = {STR("content-type"), STR("text/plain; charset=utf-8")};
    http_respond(&exchange->base, exchange->refuse_status, &type, 1, str_of(exchange->refuse_message));
}

void exchange_answer_refusal(struct exchange *exchange)
{
    struct protocol_host *host = exchange->protocol->host;
    struct http_request *request = &exchange->base.request;
    protocol_count(&host->protocol_errors_total, 1);
    exchange_run_close(exchange);
    if (!request->headers)
        (void)exchange_head_complete(exchange); /* as much of the request as there is */
    /* What is still missing then, readers should not meet as NULL. */
    struct str *parts[] = {&request->method, &request->target, &request->path, &request->query};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (!parts[i]->data)
            *parts[i] = STR("");
    request->body = STR("");
    exchange->state = EXCHANGE_HANDED;
    if (host->on_protocol_error)
        host->on_protocol_error(host->error_ctx, exchange->refuse_status, exchange->refuse_message, &exchange->base);
    if (exchange->state == EXCHANGE_HANDED)
        answer_in_plain_text(exchange);
}

void exchange_run_close(struct exchange *exchange)
{
    if (!exchange_is_held(exchange) && !exchange_streams_body(exchange))
        return;
    void (*on_close)(struct http_exchange *) = exchange->base.on_close;
    exchange->base.on_close = NULL;
    exchange->base.on_body = NULL;
    if (on_close)
        on_close(&exchange->base);
    exchange->is_orphan = exchange->is_pinned;
    exchange->state = EXCHANGE_DONE;
}

void exchange_note_growth(struct exchange *exchange, size_t unsent)
{
    if (unsent >= limit(response_buffer_bytes) / 2)
        exchange->was_high = true;
}

bool exchange_drain_due(struct exchange *exchange, size_t unsent)
{
    if (!exchange->was_high || unsent >= limit(response_buffer_bytes) / 2)
        return false;
    exchange->was_high = false;
    return exchange->state == EXCHANGE_STREAMING && exchange->base.on_drain;
}

/* --- http.h ---------------------------------------------------------------------------------------- */

void http_respond(struct http_exchange *base, int status, const struct http_header *headers, size_t header_count,
                  struct str body)
{
    struct exchange *exchange = exchange_of(base);
    assert(exchange->state == EXCHANGE_HANDED);
    const struct reply reply = {REPLY_WHOLE, status, headers, header_count, body};
    exchange->protocol->ops->respond(exchange, &reply);
}

void http_respond_start(struct http_exchange *base, int status, const struct http_header *headers,
                        size_t header_count)
{
    struct exchange *exchange = exchange_of(base);
    assert(exchange->state == EXCHANGE_HANDED);
    exchange->state = EXCHANGE_STREAMING;
    const struct reply reply = {REPLY_STREAM, status, headers, header_count, {NULL, 0}};
    exchange->protocol->ops->respond(exchange, &reply);
}

void http_respond_write(struct http_exchange *base, struct str data)
{
    struct exchange *exchange = exchange_of(base);
    assert(exchange->state == EXCHANGE_STREAMING);
    if (data.len > 0 && !exchange->is_head_method)
        exchange->protocol->ops->write(exchange, data);
}

void http_respond_end(struct http_exchange *base)
{
    struct exchange *exchange = exchange_of(base);
    assert(exchange->state == EXCHANGE_STREAMING);
    exchange->protocol->ops->end(exchange);
}

void http_respond_abort(struct http_exchange *base)
{
    struct exchange *exchange = exchange_of(base);
    assert(exchange_is_held(exchange));
    exchange->protocol->ops->abort(exchange);
}

static void set_body_paused(struct http_exchange *base, bool is_paused)
{
    struct exchange *exchange = exchange_of(base);
    if (exchange->is_body_paused == is_paused || exchange->state != EXCHANGE_RECEIVING)
        return;
    exchange->is_body_paused = is_paused;
    exchange->protocol->ops->pause(exchange);
}

void http_body_pause(struct http_exchange *base)
{
    set_body_paused(base, true);
}

void http_body_resume(struct http_exchange *base)
{
    set_body_paused(base, false);
}

void http_set_owner(struct http_exchange *base, struct str name)
{
    struct exchange *exchange = exchange_of(base);
    if (!exchange->owner)
        exchange->owner = share_take(exchange->protocol->host, SHARE_OWNER, name);
}

void http_pin(struct http_exchange *base)
{
    struct exchange *exchange = exchange_of(base);
    assert(exchange_is_held(exchange) && !exchange->is_pinned);
    exchange->is_pinned = true;
}

void http_unpin(struct http_exchange *base)
{
    struct exchange *exchange = exchange_of(base);
    assert(exchange->is_pinned);
    exchange->is_pinned = false;
    if (!exchange->is_orphan)
        return;
    if (exchange->protocol)
        exchange->protocol->ops->free(exchange->protocol);
    else
        exchange_destroy(exchange);
}

void http_drop_body(struct http_exchange *base)
{
    struct exchange *exchange = exchange_of(base);
    budget_give(exchange, exchange->body.cap < exchange->body_charged ? exchange->body.cap : exchange->body_charged);
    buf_deinit(&exchange->body);
    base->request.body = STR("");
}

bool http_charge(struct http_exchange *base, size_t bytes)
{
    return budget_charge(exchange_of(base), bytes);
}

size_t http_exchange_unsent(const struct http_exchange *base)
{
    const struct exchange *exchange = (const struct exchange *)base;
    return exchange->protocol->ops->unsent(exchange);
}
