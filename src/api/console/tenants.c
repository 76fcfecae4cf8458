/* Tenants: those of fulcrum.yaml and whoever has lines in the ledger, what they spent and saved in 30 days and today,
 * what they may have, and how much of it they use. */
#include "api/console/gather.h"
#include "api/console/numbers.h"

#include <stdlib.h>

#include "api/console/console.h"
#include "cache/config.h"
#include "generate/reservation.h"
#include "ledger/money.h"
#include "model/router.h"
#include "store/objects_config.h"

#define DAYS 30
#define TENANTS_MAX 10000

struct row {
    struct str name;
    const struct config_tenant *config; /* NULL: it is not in fulcrum.yaml */
    struct ledger_group month, today;
};

struct tenants_ask {
    struct console_ask base;
    struct console_gather gather;
    struct row *rows;
    size_t count, cap;
    bool is_today; /* which group is being read */
};

/* --- rows ------------------------------------------------------------------------------------------- */

static struct row *find(struct tenants_ask *ask, struct str name)
{
    for (size_t i = 0; i < ask->count; i++)
        if (str_eq(ask->rows[i].name, name))
            return &ask->rows[i];
    return NULL;
}

/* In the place that it has by its name; NULL: memory is out, or there are too many. */
static struct row *add(struct tenants_ask *ask, struct str name)
{
    void *rows = ask->rows;
    struct str copy;
    if (ask->count == TENANTS_MAX || !arena_str(ask->base.arena, name, &copy) ||
        !mem_grow(&rows, ask->count, &ask->cap, sizeof(*ask->rows)))
        return NULL;
    ask->rows = rows;
    ask->rows[ask->count] = (struct row){.name = copy};
    return &ask->rows[ask->count++];
}

static enum error_code take_group(void *ctx, const struct ledger_group *group, struct error *error)
{
    struct tenants_ask *ask = ctx;
    struct row *row = find(ask, group->key);
    if (!row)
        row = add(ask, group->key);
    if (!row)
        return ask->count == TENANTS_MAX ? OK : error_no_memory(error);
    *(ask->is_today ? &row->today : &row->month) = *group;
    return OK;
}

static enum error_code add_configured(struct tenants_ask *ask)
{
    const struct config *config = ask->base.api->config;
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct str name = str_of(config->tenants[i].name);
        struct row *row = console_asker_sees(&ask->base.asker, name) ? add(ask, name) : NULL;
        if (row)
            row->config = &config->tenants[i];
        else if (console_asker_sees(&ask->base.asker, name))
            return error_no_memory(&ask->base.error);
    }
    return OK;
}

static enum error_code read_groups(struct tenants_ask *ask, struct ledger_view *view)
{
    const uint64_t now_us = clock_wall_us(), day_us = now_us / CONSOLE_DAY_US * CONSOLE_DAY_US;
    struct ledger_query query = {.from_us = day_us - (DAYS - 1) * CONSOLE_DAY_US, .by = LEDGER_BY_TENANT,
                                 .tenant = ask->base.asker.tenant, .limit = TENANTS_MAX};
    enum error_code code = ledger_query(view, &query, take_group, ask, &ask->base.error);
    query.from_us = day_us;
    ask->is_today = true;
    return code == OK ? ledger_query(view, &query, take_group, ask, &ask->base.error) : code;
}

static int by_name(const void *a, const void *b)
{
    const struct str first = ((const struct row *)a)->name, second = ((const struct row *)b)->name;
    const size_t shorter = first.len < second.len ? first.len : second.len;
    const int order = shorter ? memcmp(first.data, second.data, shorter) : 0;
    return order ? order : (first.len > second.len) - (first.len < second.len);
}

/* --- how one is shown ------------------------------------------------------------------------------- */

static void put_reservation(struct console_reply *reply, const struct row *row)
{
    const struct reservation_config *reservation = row->config ? reservation_config(row->config) : NULL;
    if (!reservation || !reservation->model) {
        console_put_null(reply, "reservation");
        return;
    }
    console_open(reply, "reservation", '{');
    console_put_text(reply, "model", str_of(reservation->model));
    console_put_uint(reply, "inputTpm", reservation->input_tpm);
    console_put_uint(reply, "outputTpm", reservation->output_tpm);
    console_close(reply);
}

/* Dollars for a thousand requests, without zeros at its end. */
static void put_budget(struct console_reply *reply, uint64_t picodollars)
{
    char text[MONEY_TEXT];
    struct str dollars = str_of(money_dollars((ledger_sum)picodollars, text));
    while (dollars.len > 0 && dollars.data[dollars.len - 1] == '0')
        dollars.len--;
    if (dollars.len > 0 && dollars.data[dollars.len - 1] == '.')
        dollars.len--;
    console_put_text(reply, "budget", picodollars ? dollars : (struct str){NULL, 0});
}

static void put_routing(struct console_reply *reply, const struct row *row)
{
    const struct routing_config *routing = row->config ? routing_config(row->config) : NULL;
    if (!routing || (!routing->tolerance && !routing->margin && !routing->budget)) {
        console_put_null(reply, "routing");
        return;
    }
    console_open(reply, "routing", '{');
    console_put_text(reply, "tolerance", str_of(routing->tolerance));
    console_put_text(reply, "margin", str_of(routing->margin));
    put_budget(reply, routing->budget);
    console_close(reply);
}

static void put_cache(struct console_reply *reply, const struct tenants_ask *ask, const struct row *row)
{
    const struct cache_share *share = row->config ? cache_share(row->config) : NULL;
    uint64_t bytes = 0;
    for (size_t i = 0; i < ask->gather.count; i++)
        for (int is_on_disk = 0; is_on_disk < 2; is_on_disk++)
            bytes += gathered_bytes(&ask->gather.models[i], row->name, is_on_disk);
    console_put_uint(reply, "cacheFloorBytes", share ? share->floor_bytes : 0);
    if (share && share->ceiling_bytes)
        console_put_uint(reply, "cacheCeilingBytes", share->ceiling_bytes);
    else
        console_put_null(reply, "cacheCeilingBytes");
    console_put_uint(reply, "cacheBytes", bytes);
}

static void put_objects(struct console_reply *reply, const struct api *api, const struct row *row)
{
    const uint64_t quota = objects_quota_of(api->config, row->name);
    uint64_t bytes = 0;
    if (quota)
        console_put_uint(reply, "objectsQuotaBytes", quota);
    else
        console_put_null(reply, "objectsQuotaBytes");
    if (objects_bytes(api->objects, row->name, &bytes))
        console_put_uint(reply, "objectsBytes", bytes);
    else
        console_put_null(reply, "objectsBytes");
}

static void put_row(struct console_reply *reply, const struct tenants_ask *ask, const struct row *row)
{
    console_open(reply, NULL, '{');
    console_put_text(reply, "tenant", row->name);
    console_put_bool(reply, "configured", row->config != NULL);
    console_put_uint(reply, "requests", ledger_group_requests(&row->month));
    console_put_money(reply, "cost", row->month.cost);
    console_put_money(reply, "saved", row->month.baseline - row->month.cost);
    console_put_number(reply, "hitRate", console_hit_rate(&row->month));
    console_open(reply, "today", '{');
    console_put_uint(reply, "requests", ledger_group_requests(&row->today));
    console_put_money(reply, "cost", row->today.cost);
    console_put_money(reply, "saved", row->today.baseline - row->today.cost);
    console_put_number(reply, "hitRate", console_hit_rate(&row->today));
    console_close(reply);
    put_reservation(reply, row);
    put_cache(reply, ask, row);
    put_objects(reply, ask->base.api, row);
    put_routing(reply, row);
    console_close(reply);
}

/* --- the answer ------------------------------------------------------------------------------------- */

static enum error_code answer_with(struct console_ask *base, struct ledger_view *view)
{
    struct tenants_ask *ask = (struct tenants_ask *)base;
    struct console_reply *reply = &base->reply;
    enum error_code code = add_configured(ask);
    if (code == OK)
        code = read_groups(ask, view);
    if (ask->count > 0)
        qsort(ask->rows, ask->count, sizeof(*ask->rows), by_name);
    console_open(reply, NULL, '{');
    console_open(reply, "tenants", '[');
    for (size_t i = 0; i < ask->count; i++)
        put_row(reply, ask, &ask->rows[i]);
    console_close(reply);
    console_close(reply);
    mem_free(ask->rows);
    return code;
}

static enum error_code answer_tenants(struct console_ask *ask)
{
    return console_with_view(ask, answer_with);
}

static void send_off(struct console_ask *ask)
{
    console_ask_send(ask, answer_tenants);
}

void console_tenants(struct api_call *call)
{
    static const char *const names[] = {NULL};
    struct tenants_ask *ask = console_ask_new(call, sizeof(*ask), names, "tenants");
    if (!ask)
        return;
    if (ask->base.code == OK)
        console_gather(&ask->gather, &ask->base, 0, send_off);
    else
        send_off(&ask->base);
}
