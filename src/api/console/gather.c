/* gather.c - a question to each worker, and their answers into one arena. See gather.h. */
#include "api/console/gather.h"

static void finish(struct console_gather *gather)
{
    struct http_exchange *exchange = gather->ask->call->exchange;
    exchange->user = NULL;
    exchange->on_close = NULL;
    gather->then(gather->ask);
}

static void on_close(struct http_exchange *exchange)
{
    struct console_gather *gather = exchange->user;
    for (size_t i = 0; i < gather->count; i++)
        if (gather->models[i].call)
            engine_cancel(gather->models[i].call);
    call_account(gather->ask->call, CALL_CLIENT_GONE);
    console_reply_deinit(&gather->ask->reply);
}

/* Strings of the answer go with the callback. */
static bool keep(struct arena *arena, const struct engine_prefixes *from, struct engine_prefixes *to)
{
    struct engine_prefix *items = ARENA_ARRAY(arena, struct engine_prefix, from->count + 1);
    struct engine_prefix_tenant *tenants = ARENA_ARRAY(arena, struct engine_prefix_tenant, from->tenant_count + 1);
    bool is_kept = items && tenants;
    for (size_t i = 0; is_kept && i < from->count; i++) {
        items[i] = from->items[i];
        is_kept = arena_str(arena, from->items[i].tenant, &items[i].tenant);
    }
    for (size_t i = 0; is_kept && i < from->tenant_count; i++) {
        tenants[i] = from->tenants[i];
        is_kept = arena_str(arena, from->tenants[i].name, &tenants[i].name);
    }
    *to = *from;
    to->items = items;
    to->tenants = tenants;
    return is_kept;
}

static void on_prefixes(void *ctx, const struct engine_prefixes *prefixes, const struct error *error)
{
    struct gathered *gathered = ctx;
    struct console_gather *gather = gathered->gather;
    gathered->call = NULL;
    if (!error)
        gathered->has_answered = keep(gather->ask->arena, prefixes, &gathered->prefixes);
    if (--gather->pending == 0)
        finish(gather);
}

void console_gather(struct console_gather *gather, struct console_ask *ask, uint32_t most,
                    void (*then)(struct console_ask *ask))
{
    const struct model_list *list = registry_list(ask->api->models);
    struct http_exchange *exchange = ask->call->exchange;
    *gather = (struct console_gather){.ask = ask, .then = then};
    gather->models = ARENA_ARRAY(ask->arena, struct gathered, list->count + 1);
    for (size_t i = 0; gather->models && i < list->count; i++) {
        if (list->models[i]->upstream)
            continue;
        struct gathered *gathered = &gather->models[gather->count++];
        struct error ignored;
        *gathered = (struct gathered){.model = list->models[i], .gather = gather};
        gathered->call = engine_prefixes(ask->call->thread->work.engine, gathered->model->worker, ask->asker.tenant,
                                         most, on_prefixes, gathered, &ignored);
        gather->pending += gathered->call != NULL;
    }
    exchange->user = gather;
    exchange->on_close = on_close;
    if (gather->pending == 0)
        finish(gather);
}

uint64_t gathered_bytes(const struct gathered *gathered, struct str tenant, bool is_on_disk)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < gathered->prefixes.tenant_count; i++) {
        const struct engine_prefix_tenant *item = &gathered->prefixes.tenants[i];
        if (!tenant.data || str_eq(tenant, item->name))
            bytes += is_on_disk ? item->disk_bytes : item->memory_bytes;
    }
    return bytes;
}
