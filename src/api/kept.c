/* kept.c - the last step of a reply that is kept, on a thread that may wait. See kept.h. */
#include "api/kept.h"

#include "api/call.h"
#include "api/offload.h"

struct kept {
    struct offload offload;
    struct api_call *call;
    void *noted;
    struct buf out;  /* what is left to be sent */
    struct buf text; /* of a stream: the whole reply, which is kept; else that is `out` */
    bool is_stream;
};

static void keep_reply(void *ctx)
{
    struct kept *kept = ctx;
    const struct buf *reply = kept->is_stream ? &kept->text : &kept->out;
    if (!reply->failed)
        kept->call->operation->memory->keep(kept->noted, buf_str(reply));
}

static void on_kept(void *ctx, bool is_gone)
{
    struct kept *kept = ctx;
    struct api_call *call = kept->call;
    struct http_exchange *exchange = call->exchange;
    struct buf out = kept->out, text = kept->text; /* the arena goes with the exchange */
    if (is_gone) {
        call_account(call, CALL_CLIENT_GONE);
    } else if (kept->is_stream) {
        call_account(call, 200);
        http_respond_write(exchange, buf_str(&out));
        http_respond_end(exchange);
    } else {
        call_respond_json(call, &out);
    }
    buf_deinit(&out);
    buf_deinit(&text);
}

struct kept *kept_new(struct api_call *call, const struct chat_request *request, bool is_stream)
{
    const struct operation_memory *memory = call->operation->memory;
    void *noted = memory ? memory->note(call, request) : NULL;
    struct kept *kept = noted ? ARENA_NEW(&call->exchange->arena, struct kept) : NULL;
    if (kept)
        *kept = (struct kept){.call = call, .noted = noted, .is_stream = is_stream};
    return kept;
}

void kept_end(struct kept *kept, const struct buf *out, const struct buf *text)
{
    kept->out = *out;
    kept->text = text ? *text : (struct buf){0};
    offload_start(&kept->offload, kept->call->exchange, keep_reply, on_kept, kept);
}
