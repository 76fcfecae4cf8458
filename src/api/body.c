/* body.c - the steps of a body, on the I/O thread or on libuv's pool by its size. See body.h. */
#include "api/body.h"

#include "core/json.h"

static enum error_code no_room(struct error *error)
{
    return error_set(error, ERROR_UNAVAILABLE, "Too many large requests are being worked on, try again later.");
}

static void prove(void *ctx)
{
    struct body *body = ctx;
    struct str text = body->call->exchange->request.body;
    body->code = call_prove(body->call, &body->error);
    body->cost = body->code == OK ? json_cost(text) : 0;
}

static void proven(void *ctx, bool is_gone)
{
    struct body *body = ctx;
    if (!is_gone && body->code == OK && !http_charge(body->call->exchange, body->cost))
        body->code = no_room(&body->error);
    body->next(body->ctx, is_gone);
}

void body_open(struct body *body, struct api_call *call, void (*next)(void *ctx, bool is_gone), void *ctx)
{
    *body = (struct body){.call = call, .ctx = ctx, .next = next};
    body->is_large = call->exchange->request.body.len > OFFLOAD_INLINE_BYTES;
    if (body->is_large) {
        offload_start(&body->offload, call->exchange, prove, proven, body);
        return;
    }
    prove(body);
    proven(body, false);
}

void body_step(struct body *body, void (*run)(void *ctx), void (*next)(void *ctx, bool is_gone))
{
    if (body->is_large) {
        offload_start(&body->offload, body->call->exchange, run, next, body->ctx);
        return;
    }
    run(body->ctx);
    next(body->ctx, false);
}

/* --- which model is meant ----------------------------------------------------------------------------- */

static void bring(void *ctx)
{
    struct body *body = ctx;
    const struct api_call *call = body->call;
    yyjson_val *root = yyjson_doc_get_root(body->request->document);
    const size_t before = call->exchange->arena.bytes;
    body->code = call->operation->memory->bring(body->call, root, body->request, &body->error);
    body->is_large = body->is_large || call->exchange->arena.bytes - before > OFFLOAD_INLINE_BYTES;
}

static void brought(void *ctx, bool is_gone)
{
    struct body *body = ctx;
    if (!is_gone && body->code == OK)
        body->code = body_charge_made(body, &body->error);
    body->next(body->ctx, is_gone);
}

static void peek(void *ctx)
{
    struct body *body = ctx;
    struct api_call *call = body->call;
    body->code = json_parse_exact(call->exchange->request.body, &body->request->document, &body->error);
    if (body->code == OK && call->dialect->peek)
        body->code = call->dialect->peek(yyjson_doc_get_root(body->request->document), &call->resource,
                                         &body->wants_stream, &body->error);
}

static void peeked(void *ctx, bool is_gone)
{
    struct body *body = ctx;
    const struct operation_memory *memory = body->call->operation->memory;
    const bool is_read = !is_gone && body->code == OK;
    if (is_read && memory && memory->refers(yyjson_doc_get_root(body->request->document)))
        offload_start(&body->offload, body->call->exchange, bring, brought, body);
    else
        body->next(body->ctx, is_gone);
}

void body_peek(struct body *body, struct chat_request *request, void (*next)(void *ctx, bool is_gone))
{
    body->request = request;
    body->next = next;
    if (body->is_large) {
        offload_start(&body->offload, body->call->exchange, peek, peeked, body);
        return;
    }
    peek(body);
    peeked(body, false);
}

/* --- its size ----------------------------------------------------------------------------------------- */

enum error_code body_charge_made(struct body *body, struct error *error)
{
    struct http_exchange *exchange = body->call->exchange;
    size_t more = exchange->arena.bytes - body->arena_charged + body->made;
    body->made = 0;
    body->arena_charged = exchange->arena.bytes;
    return http_charge(exchange, more) ? OK : no_room(error);
}

void body_drop(struct body *body)
{
    if (body->is_large)
        http_drop_body(body->call->exchange);
}
