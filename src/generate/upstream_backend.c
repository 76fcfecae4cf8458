/* upstream_backend.c - see upstream_backend.h. A reply is always asked for as a stream, which shows that it lives and
 * can be broken off; a server that answers whole all the same is read whole. */
#include "generate/upstream_call.h"

#include "core/json.h"
#include "core/util.h"
#include "generate/upstream_body.h"
#include "model/resolve.h"

#define MAX_TOKENS_USUAL 4096 /* where an API wants a maximum and nobody has said one */

static const struct upstream *upstream_of(const struct backend *backend, const struct target *target)
{
    const struct upstream_backend *self = (const struct upstream_backend *)(const void *)backend;
    return upstreams_at(self->upstreams, target->model->upstream);
}

static enum error_code prepare(const struct backend *backend, struct backend_job *job, struct error *error)
{
    return upstream_body_write(upstream_of(backend, job->target), job, error);
}

enum error_code upstream_backend_write_whole(const struct backend *backend, const struct config *config,
                                             const struct catalog_match *match, struct chat_request *request,
                                             struct buf *out, struct error *error)
{
    const struct target target = {.kind = TARGET_UPSTREAM, .model = match->model, .name = match->model->name,
                                  .match = match};
    const struct backend_job job = {.use = BACKEND_REPLY, .target = &target, .request = request};
    enum error_code code = chat_request_fits(request, backend->ops->traits(backend, &target), error);
    if (code != OK)
        return code;
    if (request->max_tokens == 0)
        request->max_tokens = upstream_backend_max_tokens(config, match);
    struct codec_form form = upstream_form(match->model->upstream, &job);
    form.is_stream = false;
    return wire_codec(match->model->upstream->kind)->request_write(request, &form, out, error);
}

/* --- the backend ------------------------------------------------------------------------------------ */

/* Of Anthropic's API, where the client speaks it too. */
static struct str api_version_of(const struct chat_request *request)
{
    return request->origin == wire_codec(UPSTREAM_ANTHROPIC) ? request->api_version : (struct str){NULL, 0};
}

struct upstream_call *upstream_call_new(struct backend *backend, const struct backend_job *job, void *ctx,
                                      struct error *error)
{
    const struct upstream_body *body = job->prepared;
    struct upstream_call *call = mem_calloc(1, sizeof(*call));
    if (!call) {
        (void)error_no_memory(error);
        return NULL;
    }
    call->call.backend = backend;
    call->upstream = upstreams_at(upstream_backend_own(backend)->upstreams, job->target->model->upstream);
    call->job = job;
    call->ctx = ctx;
    call->begun_us = clock_now_us();
    call->body_bytes = body->text.len;
    call->marks = body->marks.is_thought_of ? &body->marks : NULL;
    call->passes_on = upstream_is_passed_on(job, call->upstream->config);
    for (size_t i = 0; i < sizeof(call->legs) / sizeof(call->legs[0]); i++) {
        call->legs[i].call = call;
        buf_init(&call->legs[i].whole, (size_t)limit(upstream_reply_bytes));
        buf_init(&call->legs[i].early, (size_t)limit(upstream_event_bytes));
    }
    return call;
}

static enum wire_use wire_use_of(enum backend_use use)
{
    if (use == BACKEND_EMBED)
        return WIRE_EMBED;
    return use == BACKEND_COUNT ? WIRE_COUNT : WIRE_REPLY;
}

static bool begin_leg(struct leg *leg, uint64_t avoided, const struct asking_events *events, struct error *error)
{
    const struct upstream_call *call = leg->call;
    const struct backend_job *job = call->job;
    const struct upstream_body *body = job->prepared;
    struct asking_setup setup = {
        .transport = upstream_backend_own(call->call.backend)->transport,
        .upstream = call->upstream,
        .ask = {.use = wire_use_of(job->use),
                .model = upstream_model_id(job->target->model->upstream_model),
                .body = body->text,
                .hash = body->hash[0] ? body->hash : NULL,
                .api_version = api_version_of(job->request),
                .betas = job->request->origin == wire_codec(UPSTREAM_ANTHROPIC) ? job->request->betas
                                                                                : (struct str){NULL, 0}},
        .prefix = body->has_prefix ? &body->prefix : NULL,
        .avoided = avoided,
        .has_elsewhere = job->has_elsewhere,
        .request_id = job->request_id,
    };
    leg->asking = asking_start(&setup, events, leg, error);
    return leg->asking != NULL;
}

/* NULL: refused at once; the call is gone. */
struct backend_call *upstream_call_ask(struct upstream_call *call, const struct asking_events *events,
                                       struct error *error)
{
    if (begin_leg(&call->legs[0], 0, events, error))
        return &call->call;
    upstream_call_free(call);
    return NULL;
}

/* Once, and only where a replica has room that the first leg does not wait for. */
static bool begin_second(struct upstream_call *call)
{
    struct replica *first = call->legs[0].asking ? asking_replica(call->legs[0].asking) : NULL;
    struct error ignored;
    if (!call->hedge || !first)
        return false;
    upstream_call_drop_hedge(call);
    if (!upstream_has_other(call->upstream, clock_now_us(), replica_bit(first)) ||
        !health_may_repeat(&first->health, true) ||
        !begin_leg(&call->legs[1], replica_bit(first), &upstream_reply_events, &ignored))
        return false;
    call->repeats++;
    return true;
}

static void on_hedge(uv_timer_t *timer)
{
    const struct hedge *hedge = timer->data;
    (void)begin_second(hedge->call);
}

/* Without memory for it there is one leg. */
static void plan_second(struct upstream_call *call)
{
    const uint64_t after_ms = call->upstream->config->hedge_ms;
    struct hedge *hedge = after_ms && call->upstream->affinity ? mem_calloc(1, sizeof(*hedge)) : NULL;
    if (!hedge)
        return;
    hedge->call = call;
    uv_timer_init(transport_loop(upstream_backend_own(call->call.backend)->transport), &hedge->timer);
    hedge->timer.data = hedge;
    uv_timer_start(&hedge->timer, on_hedge, after_ms, 0);
    call->hedge = hedge;
}

static struct backend_call *start(struct backend *backend, const struct backend_job *job,
                                  const struct backend_events *events, void *ctx, struct error *error)
{
    struct upstream_call *call = upstream_call_new(backend, job, ctx, error);
    if (!call)
        return NULL;
    call->events = events;
    struct backend_call *begun = upstream_call_ask(call, &upstream_reply_events, error);
    if (begun)
        plan_second(call);
    return begun;
}

static void hold_back(struct backend_call *common, bool holds)
{
    struct upstream_call *call = (struct upstream_call *)(void *)common;
    for (size_t i = 0; i < sizeof(call->legs) / sizeof(call->legs[0]); i++)
        if (call->legs[i].asking)
            asking_hold_back(call->legs[i].asking, holds);
}

static void end(struct backend_call *common)
{
    struct upstream_call *call = (struct upstream_call *)(void *)common;
    if (call->winner && !call->is_over) /* broken off: what was made of it is charged by our own count */
        health_used(upstream_leg_health(call->winner), call->call.usage.output_tokens, true, false, 0);
    upstream_call_drop_hedge(call);
    for (size_t i = 0; i < sizeof(call->legs) / sizeof(call->legs[0]); i++)
        upstream_leg_end_asking(&call->legs[i]);
    if (call->is_reading)
        call->is_ended = true;
    else
        upstream_call_free(call);
}

static const struct chat_traits *traits(const struct backend *backend, const struct target *target)
{
    const struct upstream_backend *self = (const struct upstream_backend *)(const void *)backend;
    const struct upstream_config *upstream = target->model->upstream;
    return &self->traits[upstream - self->upstreams->items[0].config]
                        [target->model->upstream_model - upstream->models];
}

static uint32_t context(const struct backend *backend, const struct target *target)
{
    (void)backend;
    return target->model->context;
}

static void close_backend(struct backend *backend)
{
    struct upstream_backend *self = upstream_backend_own(backend);
    scrape_close(self->scrape);
    transport_close(self->transport);
    for (size_t i = 0; i < LIMIT_UPSTREAMS; i++)
        mem_free(self->traits[i]);
    mem_free(self);
}

static bool make_traits(struct upstream_backend *self)
{
    for (size_t i = 0; i < self->upstreams->count; i++) {
        const struct upstream_config *upstream = self->upstreams->items[i].config;
        struct chat_traits *made = mem_calloc(upstream->model_count, sizeof(*made));
        if (!made)
            return false;
        self->traits[i] = made;
        for (size_t k = 0; k < upstream->model_count; k++)
            made[k] = (struct chat_traits){.takes = upstream_takes(upstream, &upstream->models[k]),
                                           .dialect = wire_codec(upstream->kind)};
    }
    return true;
}

struct backend *upstream_backend_new(struct upstreams *upstreams, uv_loop_t *loop, struct error *error)
{
    static const struct backend_ops ops = {
        .name = "upstream",
        .prepare = prepare,
        .start = start,
        .count = upstream_count,
        .embed = upstream_embed,
        .hold_back = hold_back,
        .end = end,
        .traits = traits,
        .context = context,
        .may_go_elsewhere = backend_error_passes,
        .close = close_backend,
    };
    struct upstream_backend *made = mem_calloc(1, sizeof(*made));
    if (made) {
        made->backend.ops = &ops;
        made->upstreams = upstreams;
        made->transport = transport_open(loop, error);
        if (made->transport && make_traits(made) && scrape_open(made->transport, upstreams, &made->scrape, error) == OK)
            return &made->backend;
        close_backend(&made->backend);
    }
    (void)error_no_memory(error);
    return NULL;
}

uint32_t upstream_backend_max_tokens(const struct config *config, const struct catalog_match *match)
{
    const struct model *model = match->model;
    if (model->upstream_model->max_tokens)
        return model->upstream_model->max_tokens;
    if (model->upstream->kind != UPSTREAM_ANTHROPIC)
        return 0;
    const uint32_t usual = catalog_default_reply_tokens(config, match);
    return usual ? usual : MAX_TOKENS_USUAL;
}
