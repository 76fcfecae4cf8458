/* port.c - calls and ports: the part of the engine that runs on I/O threads.
 *
 * A call is a slot in its port's table; the call number on the wire is the
 * slot's index and a sequence number, so that a late frame of an ended call
 * meets nobody. A call is freed before its last handler runs, so handlers may
 * start and cancel calls as they like. */
#include <unistd.h>

#include "core/log.h"
#include "core/must.h"
#include "core/util.h"
#include "engine/engine.h"
#include "engine/internal.h"
#include "engine/wait.h"

#define CALLS_MAX 65536u
#define SWEEP_MS 1000u

/* The last three are questions: one frame there, one back, no place in the queue. */
enum call_state { CALL_WAITING, CALL_STARTED, CALL_EMBEDDING, CALL_COUNTING, CALL_WARMTH, CALL_PREFIXES };

struct engine_call {
    struct engine_port *port;
    uint32_t model, id; /* id: slot in the low 16 bits, sequence above */
    enum call_state state;
    enum tier tier;
    struct engine_handlers handlers;
    void (*on_embedded)(void *ctx, const struct engine_embeddings *embeddings, const struct error *error);
    void (*on_count)(void *ctx, uint32_t tokens, const struct error *error);
    void (*on_warmth)(void *ctx, const struct engine_warmth *warmth, const struct error *error);
    void (*on_prefixes)(void *ctx, const struct engine_prefixes *prefixes, const struct error *error);
    void *ctx;
    uint64_t since_us; /* last sign of progress */
};

/* One port's link to one worker; made anew for every worker process, freed when its handle closed. */
struct port_link {
    struct link link;
    struct engine_port *port;
    uint32_t model, generation;
};

struct engine_port {
    struct engine *engine;
    unsigned index;
    uv_loop_t *loop;
    uv_async_t wake;
    uv_timer_t sweep;
    unsigned handles; /* open ones; the port is freed when none is left */
    bool is_closing;
    struct port_link **links; /* by model, NULL where there is none */
    size_t link_cap;
    struct engine_call **calls; /* slots, NULL where free */
    size_t call_cap;
    size_t next_slot;
    uint16_t sequence;
};

static struct port_link *link_of(const struct engine_port *port, size_t model)
{
    return model < port->link_cap ? port->links[model] : NULL;
}

/* --- calls ------------------------------------------------------------------------------------------ */

static void count_state(struct engine_call *call, int64_t change)
{
    struct engine_model *model = engine_model_at(call->port->engine, call->model);
    if (call->state == CALL_WAITING || call->state == CALL_EMBEDDING)
        atomic_fetch_add(&model->waiting[call->tier], (uint64_t)change);
    else if (call->state == CALL_STARTED)
        atomic_fetch_add(&model->running, (uint64_t)change);
}

static struct engine_call *find_call(const struct engine_port *port, uint32_t model, uint32_t id)
{
    const size_t slot = id & 0xffffu;
    struct engine_call *call = slot < port->call_cap ? port->calls[slot] : NULL;
    return call != NULL && call->id == id && call->model == model ? call : NULL;
}

static void release_call(struct engine_call *call)
{
    const size_t slot = call->id & 0xffffu;
    must(slot < call->port->call_cap && call->port->calls[slot] == call, "a call is in its port's table until it ends",
         LOG_I("slot", slot), LOG_I("cap", call->port->call_cap), LOG_I("state", call->state));
    count_state(call, -1);
    call->port->calls[slot] = NULL;
    mem_free(call);
}

static bool grow_calls(struct engine_port *port)
{
    const size_t cap = port->call_cap == 0 ? 64 : port->call_cap * 2;
    if (cap > CALLS_MAX)
        return false;
    struct engine_call **calls = mem_realloc(port->calls, cap * sizeof(struct engine_call *));
    if (calls == NULL)
        return false;
    memset(calls + port->call_cap, 0, (cap - port->call_cap) * sizeof(struct engine_call *));
    port->calls = calls;
    port->next_slot = port->call_cap;
    port->call_cap = cap;
    return true;
}

static bool find_slot(struct engine_port *port, size_t *slot)
{
    for (size_t i = 0; i < port->call_cap; i++) {
        *slot = (port->next_slot + i) % port->call_cap;
        if (port->calls[*slot] == NULL) {
            port->next_slot = *slot + 1;
            return true;
        }
    }
    if (!grow_calls(port))
        return false;
    *slot = port->next_slot++;
    return true;
}

static struct engine_call *new_call(struct engine_port *port, size_t model, enum call_state state,
                                    enum tier tier, void *ctx, struct error *error)
{
    size_t slot;
    struct engine_call *call = find_slot(port, &slot) ? mem_calloc(1, sizeof(*call)) : NULL;
    if (call == NULL) {
        (void)error_no_memory(error);
        return NULL;
    }
    *call = (struct engine_call){
        .port = port,
        .model = (uint32_t)model,
        .id = (uint32_t)slot | (uint32_t)port->sequence++ << 16,
        .state = state,
        .tier = tier,
        .ctx = ctx,
        .since_us = clock_now_us(),
    };
    port->calls[slot] = call;
    count_state(call, 1);
    return call;
}

static void fail_call(struct engine_call *call, const struct error *error)
{
    const struct engine_call copy = *call;
    release_call(call);
    if (copy.state == CALL_COUNTING)
        copy.on_count(copy.ctx, 0, error);
    else if (copy.state == CALL_EMBEDDING)
        copy.on_embedded(copy.ctx, NULL, error);
    else if (copy.state == CALL_WARMTH)
        copy.on_warmth(copy.ctx, NULL, error);
    else if (copy.state == CALL_PREFIXES)
        copy.on_prefixes(copy.ctx, NULL, error);
    else
        copy.handlers.on_failed(copy.ctx, error);
}

/* --- frames from the worker ------------------------------------------------------------------------- */

static bool on_started(struct engine_call *call, struct str payload)
{
    struct engine_started started;
    if (!protocol_get_started(payload, &started) || call->state != CALL_WAITING)
        return false;
    count_state(call, -1);
    call->state = CALL_STARTED;
    count_state(call, 1);
    call->since_us = clock_now_us();
    if (call->handlers.on_started != NULL)
        call->handlers.on_started(call->ctx, &started);
    return true;
}

static bool on_text(struct engine_call *call, struct str payload)
{
    struct frame_text frame;
    struct token_logprob *logprobs;
    struct arena arena;
    arena_init(&arena, 4 * PROTOCOL_PAYLOAD_MAX); /* which takes nothing where no logprobs came */
    const bool is_good = call->state == CALL_STARTED && protocol_get_text(payload, &arena, &frame, &logprobs) &&
                         str_is_utf8(frame.text);
    if (is_good) {
        const struct engine_handlers handlers = call->handlers;
        void *const ctx = call->ctx;
        call->since_us = clock_now_us();
        if (handlers.on_certainty != NULL && frame.certainty.tokens > 0)
            handlers.on_certainty(ctx, &frame.certainty);
        if (handlers.on_logprobs != NULL && frame.count > 0)
            handlers.on_logprobs(ctx, logprobs, frame.count);
        if (handlers.on_text != NULL)
            handlers.on_text(ctx, frame.text, frame.tokens);
    }
    arena_deinit(&arena);
    return is_good;
}

static bool on_finished(struct engine_call *call, struct str payload)
{
    struct engine_finished finished;
    if (!protocol_get_finished(payload, &finished) || call->state != CALL_STARTED)
        return false;
    const struct engine_call copy = *call;
    release_call(call);
    copy.handlers.on_finished(copy.ctx, &finished);
    return true;
}

/* Refused because much waits: when less will. */
static unsigned retry_s(const struct engine *engine, size_t model, enum tier tier)
{
    const struct broker_slot *slot = atomic_load(&engine_model_at(engine, model)->slot);
    return slot ? wait_estimate_s(slot, tier) : 1;
}

static bool on_failed(struct engine_call *call, struct str payload)
{
    struct error error;
    if (!protocol_get_failed(payload, &error))
        return false;
    if (error.code == ERROR_THROTTLED)
        error.retry_s = retry_s(call->port->engine, call->model, call->tier);
    fail_call(call, &error);
    return true;
}

static bool on_counted(struct engine_call *call, struct str payload)
{
    uint32_t tokens;
    if (!protocol_get_counted(payload, &tokens) || call->state != CALL_COUNTING)
        return false;
    const struct engine_call copy = *call;
    release_call(call);
    copy.on_count(copy.ctx, tokens, NULL);
    return true;
}

static bool on_warm(struct engine_call *call, struct str payload)
{
    struct engine_warmth warmth;
    if (!protocol_get_warm(payload, &warmth) || call->state != CALL_WARMTH)
        return false;
    const struct engine_call copy = *call;
    release_call(call);
    copy.on_warmth(copy.ctx, &warmth, NULL);
    return true;
}

static bool on_kept(struct engine_call *call, struct str payload)
{
    struct engine_prefixes prefixes;
    struct arena arena;
    arena_init(&arena, 2 * PROTOCOL_PAYLOAD_MAX);
    const bool is_good = call->state == CALL_PREFIXES && protocol_get_kept(payload, &arena, &prefixes);
    if (is_good) {
        const struct engine_call copy = *call;
        release_call(call);
        copy.on_prefixes(copy.ctx, &prefixes, NULL);
    }
    arena_deinit(&arena);
    return is_good;
}

static bool on_embedded(struct engine_call *call, struct str payload)
{
    struct engine_embeddings embeddings;
    struct arena arena;
    arena_init(&arena, 2 * PROTOCOL_PAYLOAD_MAX);
    const bool is_good = call->state == CALL_EMBEDDING && protocol_get_embedded(payload, &arena, &embeddings);
    if (is_good) {
        const struct engine_call copy = *call;
        release_call(call);
        copy.on_embedded(copy.ctx, &embeddings, NULL);
    }
    arena_deinit(&arena);
    return is_good;
}

static bool on_port_frame(void *ctx, const struct frame_header *header, struct str payload)
{
    struct port_link *link = ctx;
    struct engine_call *call = find_call(link->port, link->model, header->call);
    if (call == NULL) /* cancelled a moment ago */
        return (header->type >= FRAME_STARTED && header->type <= FRAME_COUNTED) || header->type == FRAME_WARM ||
               header->type == FRAME_KEPT || header->type == FRAME_EMBEDDED;
    switch (header->type) {
    case FRAME_STARTED: return on_started(call, payload);
    case FRAME_TEXT: return on_text(call, payload);
    case FRAME_FINISHED: return on_finished(call, payload);
    case FRAME_FAILED: return on_failed(call, payload);
    case FRAME_COUNTED: return on_counted(call, payload);
    case FRAME_WARM: return on_warm(call, payload);
    case FRAME_KEPT: return on_kept(call, payload);
    case FRAME_EMBEDDED: return on_embedded(call, payload);
    default: return false;
    }
}

/* --- links ------------------------------------------------------------------------------------------ */

static void free_port_if_done(struct engine_port *port)
{
    if (!port->is_closing || port->handles > 0)
        return;
    mem_free(port->calls);
    mem_free(port->links);
    mem_free(port);
}

static void on_link_closed(void *ctx)
{
    struct port_link *link = ctx;
    struct engine_port *port = link->port;
    mem_free(link);
    must(port->handles > 0, "a port lives as long as its handles", LOG_B("closing", port->is_closing));
    port->handles--;
    free_port_if_done(port);
}

/* Ends every call that the worker behind this link held. Handlers may start
 * calls meanwhile; those are refused, since the link is out of the table. */
static void fail_calls_of(struct engine_port *port, uint32_t model)
{
    struct error started, waiting;
    (void)error_set(&started, ERROR_MODEL, "the engine stopped while it answered; the reply is incomplete");
    (void)error_set(&waiting, ERROR_UNAVAILABLE, "the engine stopped before it answered; try again");
    for (size_t slot = 0; slot < port->call_cap; slot++) {
        struct engine_call *call = port->calls[slot];
        if (call != NULL && call->model == model)
            fail_call(call, call->state == CALL_STARTED ? &started : &waiting);
    }
}

static void drop_link(struct engine_port *port, uint32_t model)
{
    struct port_link *link = link_of(port, model);
    if (link == NULL)
        return;
    port->links[model] = NULL;
    link_close(&link->link);
    fail_calls_of(port, model);
}

static void on_link_broken(void *ctx)
{
    struct port_link *link = ctx;
    struct engine_port *port = link->port;
    log_event(LOG_DEBUG, "worker_link_lost", LOG_C("model", engine_model_at(port->engine, link->model)->config->name),
              LOG_I("port", port->index));
    /* A worker that spoke nonsense still lives: the supervisor ends it. */
    atomic_store(&engine_model_at(port->engine, link->model)->lost_generation, link->generation);
    if (link_of(port, link->model) == link)
        drop_link(port, link->model);
}

static bool grow_links(struct engine_port *port, uint32_t model)
{
    size_t cap = port->link_cap ? port->link_cap : 8;
    while (cap <= model)
        cap *= 2;
    if (cap == port->link_cap)
        return true;
    struct port_link **links = mem_realloc(port->links, cap * sizeof(struct port_link *));
    if (links == NULL)
        return false;
    memset(links + port->link_cap, 0, (cap - port->link_cap) * sizeof(struct port_link *));
    port->links = links;
    port->link_cap = cap;
    return true;
}

/* Takes the offer's socket. False: there is no link, and nothing to wait for. */
static bool open_port_link(struct engine_port *port, const struct offer *offer, struct error *error)
{
    static const struct link_handlers handlers = {on_port_frame, on_link_broken, on_link_closed};
    struct port_link *link = grow_links(port, offer->model) ? mem_calloc(1, sizeof(*link)) : NULL;
    if (link == NULL) {
        close(offer->fd);
        (void)error_no_memory(error);
        return false;
    }
    link->port = port;
    link->model = offer->model;
    link->generation = offer->generation;
    if (link_open(&link->link, port->loop, offer->fd, &handlers, link, error) == OK) {
        port->links[offer->model] = link;
        port->handles++;
        return true;
    }
    if (!link->link.is_open) {
        mem_free(link);
        return false;
    }
    port->handles++;
    link_close(&link->link);
    return false;
}

/* A worker that this port cannot reach is started again, until it can. */
static void take_socket(struct engine_port *port, const struct offer *offer)
{
    struct error error;
    drop_link(port, offer->model); /* its process is dead already: a new one took over */
    if (open_port_link(port, offer, &error))
        return;
    log_event(LOG_ERROR, "worker_link", LOG_C("error", error.message));
    atomic_store(&engine_model_at(port->engine, offer->model)->lost_generation, offer->generation);
}

static bool take_offer(struct mailbox *mailbox, struct offer *offer)
{
    pthread_mutex_lock(&mailbox->mutex);
    const bool has_one = mailbox->offer_count > 0;
    if (has_one)
        *offer = mailbox->offers[--mailbox->offer_count];
    pthread_mutex_unlock(&mailbox->mutex);
    return has_one;
}

/* One at a time: calls that end with a link may look into the mailbox themselves. */
static void empty_mailbox(struct engine_port *port)
{
    struct offer offer;
    while (take_offer(&port->engine->mailboxes[port->index], &offer))
        take_socket(port, &offer);
}

static void on_wake(uv_async_t *wake)
{
    struct engine_port *port = wake->data;
    if (!port->is_closing)
        empty_mailbox(port);
}

/* --- ports ------------------------------------------------------------------------------------------ */

/* Flex and batch stand still while others have work: the worker's heartbeat tells
 * whether it lives, the deadline of flex how long a request may wait. */
static bool is_overdue(const struct engine_call *call, uint64_t now_us)
{
    uint64_t allowed_ms = call->state == CALL_STARTED ? limit(token_gap_timeout_ms) : limit(first_token_timeout_ms);
    if (call->tier == TIER_BATCH || (call->tier == TIER_FLEX && call->state == CALL_STARTED))
        return false;
    if (call->tier == TIER_FLEX)
        allowed_ms += engine_deadline_ms(call->port->engine->config, TIER_FLEX);
    return now_us > call->since_us + allowed_ms * 1000;
}

static void send_cancel(const struct engine_call *call)
{
    struct port_link *link = link_of(call->port, call->model);
    if (link == NULL || call->state >= CALL_COUNTING)
        return;
    protocol_put_cancel(link_begin(&link->link), call->id);
    (void)link_end(&link->link); /* a worker that reads nothing any more is about to be killed */
    link_flush(&link->link);
}

static void on_sweep(uv_timer_t *timer)
{
    struct engine_port *port = timer->data;
    const uint64_t now_us = clock_now_us();
    struct error error;
    (void)error_set(&error, ERROR_TIMEOUT, "the model took too long to answer");
    for (size_t slot = 0; slot < port->call_cap; slot++) {
        struct engine_call *call = port->calls[slot];
        if (call == NULL || !is_overdue(call, now_us))
            continue;
        send_cancel(call);
        fail_call(call, &error);
    }
}

static void on_port_handle_closed(uv_handle_t *handle)
{
    struct engine_port *port = handle->data;
    port->handles--;
    free_port_if_done(port);
}

struct engine_port *engine_port_new(struct engine *engine, unsigned index, uv_loop_t *loop, struct error *error)
{
    struct engine_port *port = mem_calloc(1, sizeof(*port));
    if (port == NULL) {
        (void)error_no_memory(error);
        return NULL;
    }
    port->engine = engine;
    port->index = index;
    port->loop = loop;
    const int rc = uv_async_init(loop, &port->wake, on_wake);
    if (rc != 0) {
        (void)error_set(error, ERROR_IO, "I/O thread %u: %s", index, uv_strerror(rc));
        mem_free(port);
        return NULL;
    }
    port->wake.data = port;
    uv_timer_init(loop, &port->sweep);
    port->sweep.data = port;
    uv_timer_start(&port->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    uv_unref((uv_handle_t *)&port->sweep);
    port->handles = 2;
    struct mailbox *mailbox = &engine->mailboxes[index];
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->wake = &port->wake;
    pthread_mutex_unlock(&mailbox->mutex);
    empty_mailbox(port);
    return port;
}

void engine_port_close(struct engine_port *port)
{
    struct mailbox *mailbox = &port->engine->mailboxes[port->index];
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->wake = NULL;
    pthread_mutex_unlock(&mailbox->mutex);
    port->is_closing = true;
    for (size_t slot = 0; slot < port->call_cap; slot++)
        if (port->calls[slot] != NULL)
            release_call(port->calls[slot]);
    for (size_t i = 0; i < port->link_cap; i++) {
        if (port->links[i] != NULL)
            link_close(&port->links[i]->link);
        port->links[i] = NULL;
    }
    uv_close((uv_handle_t *)&port->wake, on_port_handle_closed);
    uv_close((uv_handle_t *)&port->sweep, on_port_handle_closed);
}

/* --- starting calls --------------------------------------------------------------------------------- */

static struct port_link *usable_link(struct engine_port *port, size_t model, struct error *error)
{
    if (link_of(port, model) == NULL && !port->is_closing)
        empty_mailbox(port);
    if (link_of(port, model) != NULL)
        return link_of(port, model);
    const struct engine_model *m = engine_model_at(port->engine, model);
    if (atomic_load(&m->slot) == NULL)
        (void)error_set(error, ERROR_UNAVAILABLE, "model %s was removed", m->config->name);
    else if (atomic_load(&m->info) == NULL)
        (void)error_set(error, ERROR_NOT_READY, "model %s is still loading; try again", m->config->name);
    else
        (void)error_set(error, ERROR_UNAVAILABLE, "model %s is being restarted; try again", m->config->name);
    return NULL;
}

static struct engine_call *submit(struct engine_call *call, struct port_link *link, struct error *error)
{
    if (!link_end(&link->link)) {
        (void)error_set(error, ERROR_THROTTLED, "too much waits for model %s; try again later",
                        engine_model_at(call->port->engine, call->model)->config->name);
        error->retry_s = retry_s(call->port->engine, call->model, call->tier);
        release_call(call);
        return NULL;
    }
    link_flush(&link->link);
    return call;
}

/* A call that has to wait its turn; NULL: there is no place for it. */
static struct engine_call *queue_call(struct engine_port *port, size_t model, enum call_state state, enum tier tier,
                                      void *ctx, struct error *error)
{
    const uint64_t most = engine_queue_limit(port->engine->config, tier);
    if (atomic_load(&engine_model_at(port->engine, model)->waiting[tier]) < most)
        return new_call(port, model, state, tier, ctx, error);
    (void)error_set(error, ERROR_THROTTLED, "%llu requests of tier %s wait for model %s already; try again later",
                    (unsigned long long)most, tier_names[tier], engine_model_at(port->engine, model)->config->name);
    error->retry_s = retry_s(port->engine, model, tier);
    return NULL;
}

struct engine_call *engine_generate(struct engine_port *port, size_t model, const struct engine_request *request,
                                    const struct engine_handlers *handlers, void *ctx, struct error *error)
{
    struct port_link *link = usable_link(port, model, error);
    struct engine_call *call =
        link == NULL ? NULL : queue_call(port, model, CALL_WAITING, request->tier, ctx, error);
    if (call == NULL)
        return NULL;
    call->handlers = *handlers;
    protocol_put_generate(link_begin(&link->link), call->id, request);
    return submit(call, link, error);
}

struct engine_call *engine_embed(struct engine_port *port, size_t model, const struct engine_embed *wanted,
                                 void (*embedded)(void *ctx, const struct engine_embeddings *embeddings,
                                                  const struct error *error),
                                 void *ctx, struct error *error)
{
    struct port_link *link = usable_link(port, model, error);
    struct engine_call *call =
        link == NULL ? NULL : queue_call(port, model, CALL_EMBEDDING, wanted->tier, ctx, error);
    if (call == NULL)
        return NULL;
    call->on_embedded = embedded;
    protocol_put_embed(link_begin(&link->link), call->id, wanted);
    return submit(call, link, error);
}

void engine_cancel(struct engine_call *call)
{
    send_cancel(call);
    release_call(call);
}

struct engine_call *engine_count(struct engine_port *port, size_t model, const struct engine_segment *segments,
                                 size_t segment_count,
                                 void (*on_count)(void *ctx, uint32_t tokens, const struct error *error), void *ctx,
                                 struct error *error)
{
    struct port_link *link = usable_link(port, model, error);
    struct engine_call *call = link == NULL ? NULL : new_call(port, model, CALL_COUNTING, TIER_DEFAULT, ctx, error);
    if (call == NULL)
        return NULL;
    call->on_count = on_count;
    protocol_put_count(link_begin(&link->link), call->id, segments, segment_count);
    return submit(call, link, error);
}

struct engine_call *engine_warmth(struct engine_port *port, size_t model, const struct engine_request *request,
                                  void (*on_warmth)(void *ctx, const struct engine_warmth *warmth,
                                                    const struct error *error),
                                  void *ctx, struct error *error)
{
    struct port_link *link = usable_link(port, model, error);
    struct engine_call *call = link == NULL ? NULL : new_call(port, model, CALL_WARMTH, TIER_DEFAULT, ctx, error);
    if (call == NULL)
        return NULL;
    call->on_warmth = on_warmth;
    protocol_put_warmth(link_begin(&link->link), call->id, request);
    return submit(call, link, error);
}

struct engine_call *engine_prefixes(struct engine_port *port, size_t model, struct str tenant, uint32_t most,
                                    void (*on_prefixes)(void *ctx, const struct engine_prefixes *prefixes,
                                                        const struct error *error),
                                    void *ctx, struct error *error)
{
    struct port_link *link = usable_link(port, model, error);
    const struct frame_prefixes wanted = {tenant, most < ENGINE_PREFIXES_MAX ? most : ENGINE_PREFIXES_MAX};
    if (link != NULL && engine_model_at(port->engine, model)->config->worker != NULL) {
        (void)error_set(error, ERROR_UNAVAILABLE, "the worker of this model is another program");
        return NULL;
    }
    struct engine_call *call = link == NULL ? NULL : new_call(port, model, CALL_PREFIXES, TIER_DEFAULT, ctx, error);
    if (call == NULL)
        return NULL;
    call->on_prefixes = on_prefixes;
    protocol_put_prefixes(link_begin(&link->link), call->id, &wanted);
    return submit(call, link, error);
}
