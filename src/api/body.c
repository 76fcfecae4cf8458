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

static void bring(void *ctx)
{
    struct body *body = ctx;
    const size_t before = body->call->exchange->arena.bytes;
    body->code = body->call->operation->memory->bring(body->call, body->root, body->request, &body->error);
    body->is_large = body->is_large || body->call->exchange->arena.bytes - before > OFFLOAD_INLINE_BYTES;
}

static void brought(void *ctx, bool is_gone)
{
    struct body *body = ctx;
    if (!is_gone && body->code == OK)
        body->code = body_charge_made(body, &body->error);
    body->next(body->ctx, is_gone);
}

void body_bring(struct body *body, yyjson_val *root, struct chat_request *request,
                void (*next)(void *ctx, bool is_gone))
{
    const struct operation_memory *memory = body->call->operation->memory;
    if (!memory || !memory->refers(root)) {
        next(body->ctx, false);
        return;
    }
    body->root = root;
    body->request = request;
    body->next = next;
    offload_start(&body->offload, body->call->exchange, bring, brought, body);
}

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
