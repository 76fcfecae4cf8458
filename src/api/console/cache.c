/* What the workers' caches hold, for whom and for how long; and what was lost to prompts that did not come
 * from them. */
#include "api/console/gather.h"
#include "api/console/numbers.h"

#include "api/console/console.h"
#include "cache/config.h"
#include "ledger/misses.h"

#define PREFIXES_MAX 200 /* of each model */

struct cache_ask {
    struct console_ask base;
    struct console_gather gather;
    struct console_period period;
};

/* An administrator sees the caches as they are, others their own part. */
static void put_model(struct console_reply *reply, const struct cache_ask *ask, const struct gathered *gathered)
{
    const struct cache_config *config = cache_config(ask->base.api->config);
    const struct str tenant = ask->base.asker.tenant;
    struct engine_counters counters;
    engine_counters(ask->base.api->engine, gathered->model->worker, &counters);
    console_open(reply, NULL, '{');
    console_put_text(reply, "model", str_of(gathered->model->name));
    console_put_bool(reply, "answered", gathered->has_answered);
    console_put_uint(reply, "memoryBytes",
                     tenant.data ? gathered_bytes(gathered, tenant, false) : counters.cache_bytes);
    console_put_uint(reply, "diskBytes",
                     tenant.data ? gathered_bytes(gathered, tenant, true) : counters.cache_disk_bytes);
    if (tenant.data) {
        console_put_null(reply, "tokens");
        console_put_null(reply, "evicted");
    } else {
        console_put_uint(reply, "tokens", counters.cache_tokens + counters.cache_disk_tokens);
        console_put_uint(reply, "evicted", counters.cache_evicted);
    }
    console_put_uint(reply, "limitBytes", config->memory_bytes);
    console_put_uint(reply, "diskLimitBytes", config->disk_bytes);
    console_put_bool(reply, "isPartial", gathered->prefixes.is_partial);
    console_close(reply);
}

static void put_prefix(struct console_reply *reply, const struct model *model, const struct engine_prefix *prefix)
{
    console_open(reply, NULL, '{');
    console_put_text(reply, "model", str_of(model->name));
    console_put_text(reply, "tenant", prefix->tenant);
    console_put_uint(reply, "tokens", prefix->tokens);
    console_put_uint(reply, "ownTokens", prefix->own_tokens);
    console_put_uint(reply, "bytes", prefix->bytes);
    console_put_uint(reply, "hits", prefix->hits);
    console_put_text(reply, "tier", prefix->is_on_disk ? STR("disk") : STR("memory"));
    if (prefix->expires_s == ENGINE_NEVER)
        console_put_null(reply, "expiresInSeconds");
    else
        console_put_uint(reply, "expiresInSeconds", prefix->expires_s);
    console_put_uint(reply, "idleSeconds", prefix->idle_s);
    console_close(reply);
}

static void put_misses(struct console_reply *reply, const struct ledger_misses *misses)
{
    console_put_time(reply, "missesFrom", misses->from_us);
    console_open(reply, "misses", '[');
    for (size_t i = 0; i < misses->count; i++) {
        const struct ledger_miss *miss = &misses->items[i];
        console_open(reply, NULL, '{');
        console_put_text(reply, "reason", str_of(miss->reason));
        console_put_uint(reply, "requests", miss->requests);
        console_put_uint(reply, "tokens", miss->tokens);
        console_put_money(reply, "lost", miss->lost);
        console_close(reply);
    }
    console_close(reply);
}

/* A custom model is its tenant's: others see it only where they are asked for all. */
static bool is_shown(const struct cache_ask *ask, const struct gathered *gathered)
{
    return !ask->base.asker.tenant.data || gathered->prefixes.tenant_count > 0 ||
           !str_starts(str_of(gathered->model->name), STR(MODEL_CUSTOM_PREFIX));
}

static enum error_code answer_with(struct console_ask *base, struct ledger_view *view)
{
    struct cache_ask *ask = (struct cache_ask *)base;
    struct console_reply *reply = &base->reply;
    struct ledger_misses misses;
    const enum error_code code = ledger_misses(view, ask->period.from_us, ask->period.to_us, base->asker.tenant,
                                               &misses, &base->error);
    if (code != OK)
        return code;
    console_open(reply, NULL, '{');
    console_open(reply, "models", '[');
    for (size_t i = 0; i < ask->gather.count; i++)
        if (is_shown(ask, &ask->gather.models[i]))
            put_model(reply, ask, &ask->gather.models[i]);
    console_close(reply);
    console_open(reply, "prefixes", '[');
    for (size_t i = 0; i < ask->gather.count; i++)
        for (size_t k = 0; k < ask->gather.models[i].prefixes.count; k++)
            put_prefix(reply, ask->gather.models[i].model, &ask->gather.models[i].prefixes.items[k]);
    console_close(reply);
    put_misses(reply, &misses);
    console_close(reply);
    return OK;
}

static enum error_code answer_cache(struct console_ask *ask)
{
    return console_with_view(ask, answer_with);
}

static void send_off(struct console_ask *ask)
{
    console_ask_send(ask, answer_cache);
}

void console_cache(struct api_call *call)
{
    static const char *const names[] = {"from", "to", NULL};
    struct cache_ask *ask = console_ask_new(call, sizeof(*ask), names, "prefixes");
    if (!ask)
        return;
    if (ask->base.code == OK)
        ask->base.code = console_query_period(call, CONSOLE_DAY_US, &ask->period, &ask->base.error);
    if (ask->base.code == OK)
        console_gather(&ask->gather, &ask->base, PREFIXES_MAX, send_off);
    else
        send_off(&ask->base);
}
