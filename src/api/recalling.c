/* recalling.c - see recalling.h. */
#include "api/recalling.h"

#include <inttypes.h>

#include "api/call.h"
#include "recall/config.h"

#define SECOND_US UINT64_C(1000000)

static const struct config_recall *route_rules(const struct api_call *call)
{
    if (call->route)
        return call->route->router.config ? call->route->router.config->recall : NULL;
    return call->match.model->config ? call->match.model->config->recall : NULL;
}

static void read_directive(struct work_recall *wish, struct str directive)
{
    struct str name;
    uint64_t seconds;
    if (!str_split(&directive, '=', &name))
        return;
    name = str_trim(name);
    if (str_eq_nocase(name, STR("no-cache")) || str_eq_nocase(name, STR("no-store")))
        wish->reads = false;
    if (str_eq_nocase(name, STR("no-store")))
        wish->keeps = false;
    if (str_eq_nocase(name, STR("max-age")) && str_to_u64(str_trim(directive), &seconds) &&
        seconds < UINT64_MAX / SECOND_US)
        wish->max_age_us = seconds * SECOND_US;
}

void recalling_read(struct recalling *recalling, const struct api_call *call, const struct chat_request *request)
{
    const struct operation_memory *memory = call->operation->memory;
    const bool is_greedy = !call->route && call->match.model->kind == MODEL_WORKER;
    const struct config_recall *rules =
        recall_rules(call->thread->api->config, str_of(call->identity.tenant), route_rules(call));
    *recalling = (struct recalling){.rules = rules};
    if (!rules)
        return;
    struct work_recall *wish = &recalling->wish;
    struct str control = http_header_get(&call->exchange->request, "cache-control"), directive;
    *wish = (struct work_recall){.rules = rules, .reads = true, .keeps = true, .max_age_us = UINT64_MAX};
    while (str_split(&control, ',', &directive))
        read_directive(wish, directive);
    const enum recall_fit fit =
        memory && memory->keeps(request) ? RECALL_STATEFUL : recall_fits(request, rules, is_greedy);
    if (fit != RECALL_FITS)
        recalling->passed = recall_fit_words[fit];
    else if (!wish->keeps)
        recalling->passed = "no-store";
    else if (!recall_digest(request, wish->digest))
        recalling->passed = "memory";
    else
        recalling->takes_part = true;
    if (recalling->takes_part && !wish->reads)
        recalling->passed = "no-cache";
}

void recalling_leave_out(struct recalling *recalling, const char *reason)
{
    recalling->passed = reason;
    recalling->takes_part = false;
}

const struct work_recall *recalling_wish(const struct recalling *recalling)
{
    return recalling->takes_part ? &recalling->wish : NULL;
}

void recalling_add_header(const struct recalling *recalling, struct api_call *call, const struct placement *placement)
{
    struct str value = STR("miss");
    if (!recalling->rules)
        return;
    if (placement->is_recalled)
        value = arena_printf(&call->exchange->arena, "hit; age=%" PRIu64, placement->recalled_age_us / SECOND_US);
    else if (recalling->passed)
        value = arena_printf(&call->exchange->arena, "pass; reason=%s", recalling->passed);
    if (value.data)
        call_add_header(call, "x-fulcrum-response-cache", value);
}
