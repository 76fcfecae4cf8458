#include "support_net.h"

#include <stdio.h>

static void log_request(struct peer *peer, const struct http_request *request)
{
    buf_appendf(&peer->log, "%d " STR_FMT " " STR_FMT " path=" STR_FMT " query=" STR_FMT " body=%zu:", request->version,
                STR_ARG(request->method), STR_ARG(request->target), STR_ARG(request->path), STR_ARG(request->query),
                request->body.len);
    buf_append_str(&peer->log, str_slice(request->body, 0, 64));
    buf_append_char(&peer->log, '\n');
    for (size_t i = 0; i < request->header_count; i++)
        buf_appendf(&peer->log, "  " STR_FMT "=" STR_FMT "\n", STR_ARG(request->headers[i].name),
                    STR_ARG(request->headers[i].value));
}

static void on_close(struct http_exchange *exchange)
{
    struct peer *peer = exchange->user;
    peer->closes++;
    for (size_t i = 0; i < peer->held_count; i++)
        if (peer->held[i] == exchange)
            peer->held[i] = NULL;
}

static void on_drain(struct http_exchange *exchange)
{
    struct peer *peer = exchange->user;
    peer->drains++;
}

static void on_piece(struct http_exchange *exchange, struct str data)
{
    struct peer *peer = exchange->user;
    peer->pieces++;
    peer->piece_bytes += data.len;
    if (peer->pauses)
        http_body_pause(exchange);
}

static void on_head(void *ctx, struct http_exchange *exchange)
{
    struct peer *peer = ctx;
    struct str path = exchange->request.path;
    exchange->refuses_body = str_eq(path, STR("/refuse"));
    if (str_starts(path, STR("/own/")))
        http_set_owner(exchange, str_slice(path, 5, path.len));
    if (!str_eq(path, STR("/pieces")))
        return;
    exchange->user = peer;
    exchange->on_body = on_piece;
    exchange->on_close = on_close;
    peer->taking = exchange;
}

static void on_request(void *ctx, struct http_exchange *exchange)
{
    struct peer *peer = ctx;
    const struct http_request *request = &exchange->request;
    const struct http_header type = {STR("content-type"), STR("text/plain")};
    log_request(peer, request);
    exchange->user = peer;
    exchange->on_close = on_close;
    exchange->on_drain = on_drain;
    if (peer->pins && str_starts(request->path, STR("/pin"))) {
        http_pin(exchange);
        peer->pinned = exchange;
    } else if (str_starts(request->path, STR("/hold"))) {
        peer->held[peer->held_count++] = exchange;
    } else if (str_eq(request->path, STR("/stream"))) {
        http_respond_start(exchange, 200, &type, 1);
        http_respond_write(exchange, STR("one "));
        http_respond_write(exchange, STR("two "));
        http_respond_write(exchange, STR("three"));
        http_respond_end(exchange);
    } else if (exchange->on_body) {
        struct str text = arena_printf(&exchange->arena, "%zu bytes", peer->piece_bytes);
        http_respond(exchange, 200, &type, 1, text);
    } else if (str_eq(request->path, STR("/empty"))) {
        http_respond(exchange, 204, NULL, 0, STR(""));
    } else if (request->body.len > 0) {
        http_respond(exchange, 200, &type, 1, request->body);
    } else {
        struct str text = arena_printf(&exchange->arena, STR_FMT " " STR_FMT, STR_ARG(request->method),
                                       STR_ARG(request->target));
        http_respond(exchange, 200, &type, 1, text);
    }
}

static void on_protocol_error(void *ctx, int status, const char *message, struct http_exchange *exchange)
{
    struct peer *peer = ctx;
    buf_appendf(&peer->log, "error %d %s\n", status, message);
    if (peer->error_hook_status < 0)
        return;
    peer->error_hook_status = status;
    const struct http_header type = {STR("x-error"), STR("hook")};
    http_respond(exchange, status, &type, 1, STR("{}"));
}

static void on_wake(void *link)
{
    (void)link; /* every function here pumps before it returns */
}

bool peer_try_open(struct peer *peer, enum protocol_kind kind)
{
    struct error error;
    *peer = (struct peer){.error_hook_status = -1};
    peer->host.ctx = peer->host.error_ctx = peer;
    peer->host.on_request = on_request;
    peer->host.on_head = on_head;
    peer->host.on_protocol_error = on_protocol_error;
    peer->host.now_ms = 1000;
    buf_init(&peer->sent, SIZE_MAX);
    buf_init(&peer->log, SIZE_MAX);
    if (protocol_host_init(&peer->host, &error) != OK)
        return false;
    peer->protocol =
        kind == PROTOCOL_HTTP2 ? http2_new(&peer->host, on_wake, NULL) : http1_new(&peer->host, on_wake, NULL);
    return peer->protocol != NULL;
}

void peer_open(struct peer *peer, enum protocol_kind kind)
{
    if (!peer_try_open(peer, kind))
        abort();
    peer_pump(peer);
}

static void drop(struct peer *peer, enum peer_end end)
{
    peer->end = end;
    peer->protocol->ops->free(peer->protocol);
    peer->protocol = NULL;
}

void peer_pump(struct peer *peer)
{
    while (peer->protocol) {
        struct protocol *protocol = peer->protocol;
        protocol->ops->pull(protocol);
        if (protocol->is_broken) {
            drop(peer, PEER_BROKEN);
        } else if (protocol->out.len > 0 && !peer->takes_nothing) {
            buf_append_str(&peer->sent, buf_str(&protocol->out));
            buf_clear(&protocol->out);
        } else {
            if (protocol->is_finished && protocol->out.len == 0)
                drop(peer, PEER_FINISHED);
            return;
        }
    }
}

void peer_give(struct peer *peer, struct str data)
{
    if (peer->protocol)
        peer->protocol->ops->receive(peer->protocol, data);
    peer_pump(peer);
}

void peer_give_bytewise(struct peer *peer, struct str data)
{
    for (size_t i = 0; i < data.len; i++)
        peer_give(peer, str_slice(data, i, i + 1));
}

void peer_give_randomly(struct peer *peer, struct str data, struct rng *rng)
{
    while (data.len > 0) {
        size_t step = 1 + (size_t)rng_below(rng, rng_below(rng, 2) ? 8 : 300);
        peer_give(peer, str_slice(data, 0, step));
        data = str_slice(data, step, data.len);
    }
}

void peer_pass(struct peer *peer, uint64_t ms)
{
    peer->host.now_ms += ms;
    if (peer->protocol)
        peer->protocol->ops->tick(peer->protocol);
    peer_pump(peer);
}

void peer_end(struct peer *peer)
{
    if (peer->protocol)
        peer->protocol->ops->receive_end(peer->protocol);
    peer_pump(peer);
}

void peer_close(struct peer *peer)
{
    if (peer->protocol)
        peer->protocol->ops->free(peer->protocol);
    protocol_host_deinit(&peer->host);
    buf_deinit(&peer->sent);
    buf_deinit(&peer->log);
}
