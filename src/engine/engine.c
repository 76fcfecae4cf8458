/* engine.c - the part of the engine on the main thread: its workers' beginning and end, and what is known of each. */
#include "engine/engine.h"

#include <unistd.h>

#include "engine/internal.h"

static void mailboxes_init(struct engine *engine)
{
    for (unsigned i = 0; i < LIMIT_IO_THREADS; i++) {
        pthread_mutex_init(&engine->mailboxes[i].mutex, NULL);
        for (size_t model = 0; model < LIMIT_MODELS; model++)
            engine->mailboxes[i].fds[model] = -1;
    }
}

enum error_code engine_new(const struct config *config, uv_loop_t *loop, unsigned port_count, struct engine **result,
                           struct error *error)
{
    *result = NULL;
    if (config->model_count > LIMIT_MODELS || port_count > LIMIT_IO_THREADS)
        return error_set(error, ERROR_INVALID, "at most %d models and %d I/O threads", LIMIT_MODELS, LIMIT_IO_THREADS);
    struct engine *engine = mem_calloc(1, sizeof(*engine));
    if (engine == NULL)
        return error_no_memory(error);
    engine->config = config;
    engine->loop = loop;
    engine->port_count = port_count;
    engine->model_count = config->model_count;
    engine->broker.fd = -1;
    mailboxes_init(engine);
    for (size_t i = 0; i < engine->model_count; i++) {
        engine->models[i].config = &config->models[i];
        arena_init(&engine->models[i].arena, 16u << 20);
    }
    const enum error_code code = supervisor_init(engine, error);
    if (code != OK) {
        engine_free(engine);
        return code;
    }
    for (size_t i = 0; i < engine->model_count; i++)
        supervisor_start(&engine->models[i].worker);
    *result = engine;
    return OK;
}

enum error_code engine_wait(struct engine *engine, struct error *error)
{
    for (;;) {
        size_t ready = 0;
        for (size_t i = 0; i < engine->model_count; i++) {
            const struct worker *worker = &engine->models[i].worker;
            if (worker->state == WORKER_FAILED) {
                *error = worker->failure;
                return worker->failure.code;
            }
            ready += worker->state == WORKER_READY;
        }
        if (ready == engine->model_count)
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
    for (unsigned i = 0; i < LIMIT_IO_THREADS; i++) {
        for (size_t model = 0; model < LIMIT_MODELS; model++)
            if (engine->mailboxes[i].fds[model] >= 0)
                close(engine->mailboxes[i].fds[model]);
        pthread_mutex_destroy(&engine->mailboxes[i].mutex);
    }
    for (size_t i = 0; i < engine->model_count; i++)
        arena_deinit(&engine->models[i].arena);
    broker_deinit(&engine->broker);
    mem_free(engine);
}

size_t engine_model_count(const struct engine *engine)
{
    return engine->model_count;
}

const struct config_model *engine_model_config(const struct engine *engine, size_t model)
{
    return engine->models[model].config;
}

const struct engine_model_info *engine_model_info(const struct engine *engine, size_t model)
{
    return atomic_load(&engine->models[model].info);
}

bool engine_model_is_ready(const struct engine *engine, size_t model)
{
    return atomic_load(&engine->models[model].is_ready);
}

int engine_worker_pid(const struct engine *engine, size_t model)
{
    const struct worker *worker = &engine->models[model].worker;
    return worker->has_process && worker->state == WORKER_READY ? worker->process.pid : 0;
}

void engine_counters(const struct engine *engine, size_t model, struct engine_counters *counters)
{
    const struct engine_model *m = &engine->models[model];
    const struct broker_slot *slot = &engine->broker.page->slots[model];
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

void engine_offer(struct engine *engine, unsigned index, uint32_t model, int fd, uint32_t generation)
{
    struct mailbox *mailbox = &engine->mailboxes[index];
    pthread_mutex_lock(&mailbox->mutex);
    const int unclaimed = mailbox->fds[model];
    mailbox->fds[model] = fd;
    mailbox->generations[model] = generation;
    if (mailbox->wake != NULL)
        uv_async_send(mailbox->wake);
    pthread_mutex_unlock(&mailbox->mutex);
    if (unclaimed >= 0)
        close(unclaimed);
}
