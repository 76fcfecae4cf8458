/* engine.c - the part of the engine on the main thread: its workers' beginning and end, and what is known of each. */
#include "engine/engine.h"

#include <assert.h>
#include <unistd.h>

#include "engine/internal.h"

#define MODEL_INFO_MAX ((size_t)16 << 20)

/* --- mailboxes -------------------------------------------------------------------------------------- */

static void mailboxes_init(struct engine *engine)
{
    for (unsigned i = 0; i < LIMIT_IO_THREADS; i++)
        pthread_mutex_init(&engine->mailboxes[i].mutex, NULL);
}

static void mailboxes_deinit(struct engine *engine)
{
    for (unsigned i = 0; i < LIMIT_IO_THREADS; i++) {
        struct mailbox *mailbox = &engine->mailboxes[i];
        for (size_t k = 0; k < mailbox->offer_count; k++)
            close(mailbox->offers[k].fd);
        mem_free(mailbox->offers);
        pthread_mutex_destroy(&mailbox->mutex);
    }
}

/* So that engine_offer never lacks it. */
static bool make_room(struct engine *engine, size_t models)
{
    bool has_room = true;
    for (unsigned i = 0; i < engine->port_count && has_room; i++) {
        struct mailbox *mailbox = &engine->mailboxes[i];
        pthread_mutex_lock(&mailbox->mutex);
        while (mailbox->offer_cap < models && has_room) {
            void *offers = mailbox->offers;
            has_room = mem_grow(&offers, mailbox->offer_cap, &mailbox->offer_cap, sizeof(*mailbox->offers));
            mailbox->offers = offers;
        }
        pthread_mutex_unlock(&mailbox->mutex);
    }
    return has_room;
}

/* The newer process of a model takes the place of one that the port has not looked at. */
void engine_offer(struct engine *engine, unsigned index, uint32_t model, int fd, uint32_t generation)
{
    struct mailbox *mailbox = &engine->mailboxes[index];
    int unclaimed = -1;
    size_t at = 0;
    pthread_mutex_lock(&mailbox->mutex);
    while (at < mailbox->offer_count && mailbox->offers[at].model != model)
        at++;
    assert(at < mailbox->offer_cap);
    if (at < mailbox->offer_count)
        unclaimed = mailbox->offers[at].fd;
    else
        mailbox->offer_count++;
    mailbox->offers[at] = (struct offer){.fd = fd, .model = model, .generation = generation};
    if (mailbox->wake != NULL)
        uv_async_send(mailbox->wake);
    pthread_mutex_unlock(&mailbox->mutex);
    if (unclaimed >= 0)
        close(unclaimed);
}

/* --- models ----------------------------------------------------------------------------------------- */

/* The first slot of the broker's page that no worker has; LIMIT_WORKERS: none. */
static uint32_t free_slot(const struct engine *engine)
{
    bool is_taken[LIMIT_WORKERS] = {false};
    uint32_t slot = 0;
    for (size_t i = 0; i < table_count(&engine->models); i++) {
        const struct engine_model *model = engine_model_at(engine, i);
        if (model != NULL && model->worker.state != WORKER_GONE)
            is_taken[model->worker.slot] = true;
    }
    while (slot < LIMIT_WORKERS && is_taken[slot])
        slot++;
    return slot;
}

enum error_code engine_add(struct engine *engine, uint32_t number, const struct config_model *config,
                           const struct engine_watcher *watcher, struct error *error)
{
    const uint32_t slot = free_slot(engine);
    assert(engine_model_at(engine, number) == NULL && !engine->is_stopping);
    if (slot == LIMIT_WORKERS)
        return error_set(error, ERROR_CONFLICT, "at most %d models at once", LIMIT_WORKERS);
    struct engine_model *model = mem_calloc(1, sizeof(*model));
    if (model == NULL)
        return error_no_memory(error);
    model->config = config;
    arena_init(&model->arena, MODEL_INFO_MAX);
    atomic_store(&model->slot, &engine->broker.page->slots[slot]);
    if (!make_room(engine, table_count(&engine->models) + 1) || !table_put(&engine->models, number, model)) {
        mem_free(model);
        return error_no_memory(error);
    }
    broker_claim(&engine->broker, slot);
    supervisor_init_worker(engine, &model->worker, number, slot);
    if (watcher != NULL)
        model->worker.watcher = *watcher;
    supervisor_start(&model->worker);
    return OK;
}

void engine_retire(struct engine *engine, uint32_t number)
{
    struct engine_model *model = engine_model_at(engine, number);
    assert(model != NULL && model->worker.watcher.on_gone != NULL);
    supervisor_retire(&model->worker);
}

enum error_code engine_new(const struct config *config, uv_loop_t *loop, unsigned port_count, struct engine **result,
                           struct error *error)
{
    *result = NULL;
    if (port_count > LIMIT_IO_THREADS)
        return error_set(error, ERROR_INVALID, "at most %d I/O threads", LIMIT_IO_THREADS);
    struct engine *engine = mem_calloc(1, sizeof(*engine));
    if (engine == NULL)
        return error_no_memory(error);
    engine->config = config;
    engine->loop = loop;
    engine->port_count = port_count;
    engine->broker.fd = -1;
    mailboxes_init(engine);
    enum error_code code = supervisor_init(engine, error);
    for (size_t i = 0; i < config->model_count && code == OK; i++)
        code = engine_add(engine, (uint32_t)i, &config->models[i], NULL, error);
    if (code != OK) {
        engine_free(engine);
        return code;
    }
    *result = engine;
    return OK;
}

/* One that is watched may fail: whoever watches is told. */
enum error_code engine_wait(struct engine *engine, struct error *error)
{
    for (;;) {
        bool is_settled = true;
        for (size_t i = 0; i < table_count(&engine->models); i++) {
            const struct engine_model *model = engine_model_at(engine, i);
            if (model == NULL)
                continue;
            const struct worker *worker = &model->worker;
            if (worker->state == WORKER_FAILED && worker->watcher.on_failed == NULL) {
                *error = worker->failure;
                return worker->failure.code;
            }
            is_settled &= worker->state == WORKER_READY || worker->state == WORKER_GONE;
        }
        if (is_settled)
            return OK;
        uv_run(engine->loop, UV_RUN_ONCE);
    }
}

void engine_stop(struct engine *engine)
{
    supervisor_stop(engine);
}

void engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    supervisor_stop(engine);
    mailboxes_deinit(engine);
    for (size_t i = 0; i < table_count(&engine->models); i++) {
        struct engine_model *model = engine_model_at(engine, i);
        if (model != NULL)
            arena_deinit(&model->arena);
        mem_free(model);
    }
    table_deinit(&engine->models);
    broker_deinit(&engine->broker);
    mem_free(engine);
}

/* --- what is known ---------------------------------------------------------------------------------- */

int engine_broker_fd(const struct engine *engine)
{
    return engine->broker.fd;
}

const struct engine_model_info *engine_model_info(const struct engine *engine, size_t model)
{
    return atomic_load(&engine_model_at(engine, model)->info);
}

bool engine_model_is_ready(const struct engine *engine, size_t model)
{
    return atomic_load(&engine_model_at(engine, model)->is_ready);
}

int engine_worker_pid(const struct engine *engine, size_t model)
{
    const struct worker *worker = &engine_model_at(engine, model)->worker;
    return worker->has_process && worker->state == WORKER_READY ? worker->process.pid : 0;
}

void engine_counters(const struct engine *engine, size_t model, struct engine_counters *counters)
{
    const struct engine_model *m = engine_model_at(engine, model);
    const struct broker_slot *slot = atomic_load(&m->slot);
    *counters = (struct engine_counters){.restarts = atomic_load(&m->restarts)};
    if (slot == NULL)
        return;
    *counters = (struct engine_counters){
        .prefilled_tokens = atomic_load(&slot->prefilled_tokens),
        .generated_tokens = atomic_load(&slot->generated_tokens),
        .restarts = atomic_load(&m->restarts),
        .running = atomic_load(&m->running),
        .steps = atomic_load(&slot->steps),
        .cache_bytes = atomic_load(&slot->cache_bytes),
        .cache_tokens = atomic_load(&slot->cache_tokens),
        .cache_disk_bytes = atomic_load(&slot->cache_disk_bytes),
        .cache_disk_tokens = atomic_load(&slot->cache_disk_tokens),
        .cache_evicted = atomic_load(&slot->cache_evicted),
        .recomputed_tokens = atomic_load(&slot->recomputed_tokens),
        .steps_us = atomic_load(&slot->steps_us),
        .steps_error_us = atomic_load(&slot->steps_error_us),
    };
    for (size_t tier = 0; tier < TIERS; tier++) {
        counters->queue_depth += atomic_load(&m->waiting[tier]);
        counters->tier_queued[tier] = atomic_load(&slot->queued[tier]);
        counters->tier_running[tier] = atomic_load(&slot->running[tier]);
        counters->tier_preempted[tier] = atomic_load(&slot->preempted[tier]);
        counters->tier_preemptions[tier] = atomic_load(&slot->preemptions[tier]);
    }
}
