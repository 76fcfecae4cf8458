/* relayed_backend.c - one reply, read by its API's codec and told as events. See relayed_backend.h. */
#include "generate/relayed_backend.h"

#include "core/json.h"
#include "core/util.h"
#include "generate/collect.h"
#include "upstream/wire.h"

#define ESTIMATE_BYTES 4 /* of text, for a token that the provider has not counted */

struct relayed_call {
    struct backend_call call; /* the first member */
    const struct relayed_backend *relayed;
    const struct chat_request *request;
    const struct backend_events *events;
    void *ctx;
    uv_timer_t timer;
    bool is_ended;
};

static const struct relayed_backend *own(const struct backend *backend)
{
    return (const struct relayed_backend *)(const void *)backend;
}

static enum error_code prepare(const struct backend *backend, struct backend_job *job, struct error *error)
{
    (void)backend, (void)job, (void)error;
    return OK;
}

/* --- telling --------------------------------------------------------------------------------------------- */

/* The provider's own count; where it has none, an estimate, as of any reply of an upstream. */
static void take_usage(struct relayed_call *call, const struct chat_reply *reply)
{
    const struct chat_usage *said = &reply->usage;
    struct chat_usage *usage = &call->call.usage;
    uint64_t bytes = 0;
    for (size_t i = 0; i < reply->block_count; i++)
        bytes += reply->blocks[i].text.len;
    *usage = *said;
    if (said->input_tokens + said->cache_read_tokens + said->cache_write_5m_tokens + said->cache_write_1h_tokens == 0)
        usage->input_tokens = call->relayed->reply.len / ESTIMATE_BYTES;
    if (said->output_tokens == 0)
        usage->output_tokens = bytes / ESTIMATE_BYTES;
    call->call.cache.read_tokens = (uint32_t)usage->cache_read_tokens;
    call->call.cache.write_1h_tokens = (uint32_t)usage->cache_write_1h_tokens;
    call->call.cache.write_tokens = (uint32_t)(usage->cache_write_5m_tokens + usage->cache_write_1h_tokens);
}

/* The call may be ended inside any of the work's events. */
static void tell(struct relayed_call *call, const struct chat_reply *reply)
{
    struct str sequence = {0};
    take_usage(call, reply);
    if (reply->upstream_id.len > 0)
        (void)arena_str(call->request->arena, reply->upstream_id, &call->call.upstream_id);
    call->call.first_token_us = clock_now_us();
    call->events->on_started(call->ctx);
    for (size_t i = 0; i < reply->block_count && !call->is_ended; i++)
        collect_tell_block(&call->events->sink, i, &reply->blocks[i]);
    if (call->is_ended)
        return;
    if (reply->stop == CHAT_STOP_SEQUENCE)
        (void)arena_str(call->request->arena, reply->stop_sequence, &sequence);
    call->events->on_finished(call->ctx, reply->stop, sequence);
}

static void on_timer(uv_timer_t *timer)
{
    struct relayed_call *call = timer->data;
    const struct relayed_backend *relayed = call->relayed;
    struct arena arena;
    struct chat_reply reply;
    struct error error;
    yyjson_doc *doc = NULL;
    arena_init(&arena, 0);
    enum error_code code = json_parse_exact(relayed->reply, &doc, &error);
    if (code == OK)
        code = wire_codec(relayed->kind)->reply_parse(yyjson_doc_get_root(doc), &arena, &reply, &error);
    if (code == OK)
        tell(call, &reply);
    else
        call->events->on_failed(call->ctx, &error);
    json_free(doc);
    arena_deinit(&arena);
}

/* --- the backend ------------------------------------------------------------------------------------------ */

static struct backend_call *start(struct backend *backend, const struct backend_job *job,
                                  const struct backend_events *events, void *ctx, struct error *error)
{
    struct relayed_call *call = mem_calloc(1, sizeof(*call));
    if (!call) {
        (void)error_no_memory(error);
        return NULL;
    }
    call->call.backend = backend;
    call->relayed = own(backend);
    call->request = job->request;
    call->events = events;
    call->ctx = ctx;
    (void)uv_timer_init(call->relayed->loop, &call->timer);
    call->timer.data = call;
    (void)uv_timer_start(&call->timer, on_timer, 0, 0);
    return &call->call;
}

static void on_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

static void end(struct backend_call *base)
{
    struct relayed_call *call = (struct relayed_call *)(void *)base;
    call->is_ended = true;
    uv_close((uv_handle_t *)&call->timer, on_closed);
}

static const struct chat_traits *traits(const struct backend *backend, const struct target *target)
{
    const struct backend *usual = own(backend)->usual;
    return usual->ops->traits(usual, target);
}

static uint32_t context(const struct backend *backend, const struct target *target)
{
    const struct backend *usual = own(backend)->usual;
    return usual->ops->context(usual, target);
}

/* It was paid for. */
static bool may_go_elsewhere(const struct error *error)
{
    (void)error;
    return false;
}

void relayed_backend_init(struct relayed_backend *relayed, struct backend *usual, uv_loop_t *loop,
                          enum upstream_kind kind, struct str reply)
{
    static const struct backend_ops ops = {
        .name = "relayed",
        .prepare = prepare,
        .start = start,
        .end = end,
        .traits = traits,
        .context = context,
        .may_go_elsewhere = may_go_elsewhere,
    };
    *relayed = (struct relayed_backend){.backend.ops = &ops, .usual = usual, .loop = loop, .kind = kind,
        .reply = reply};
}
