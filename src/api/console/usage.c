/* Sums of the ledger: what was asked, what it cost, and what each lever saved of it. */
#include "api/console/numbers.h"

#include <math.h>

#include "api/console/console.h"
#include "api/fields.h"
#include "ledger/fields.h"

#define GROUPS_DEFAULT 1000
#define GROUPS_MAX 10000

struct usage_ask {
    struct console_ask base;
    struct console_period period;
    struct ledger_query query;
    struct str by;
    uint64_t limit;
};

/* --- shared with the other questions ---------------------------------------------------------------- */

enum error_code console_with_view(struct console_ask *ask,
                                  enum error_code (*answer)(struct console_ask *ask, struct ledger_view *view))
{
    struct ledger_view *view;
    enum error_code code = ledger_reads_take(ask->api->reads, &view, &ask->error);
    if (code != OK)
        return code;
    code = answer(ask, view);
    ledger_reads_give(ask->api->reads, view);
    return code;
}

static enum error_code take_sum(void *ctx, const struct ledger_group *group, struct error *error)
{
    struct ledger_group *sum = ctx;
    (void)error;
    *sum = *group;
    sum->key = STR("total");
    return OK;
}

enum error_code console_sum(struct ledger_view *view, const struct ledger_query *query, struct ledger_group *sum,
                            struct error *error)
{
    struct ledger_query all = *query;
    all.by = LEDGER_BY_NOTHING;
    all.limit = 0;
    *sum = (struct ledger_group){.key = STR("total")};
    return ledger_query(view, &all, take_sum, sum, error);
}

double console_hit_rate(const struct ledger_group *group)
{
    const uint64_t tokens = price_input_tokens(&group->usage);
    return tokens ? (double)group->usage.tokens[PRICE_CACHE_READ] / (double)tokens : (double)NAN;
}

static void put_money(struct console_reply *reply, const struct ledger_group *group)
{
    static const char *const classes[PRICE_CLASSES] = {"costInput", "costCacheRead", "costCacheWrite",
                                                       "costCacheWrite1h", "costOutput"};
    console_put_money(reply, "cost", group->cost);
    console_put_money(reply, "baseline", group->baseline);
    console_put_money(reply, "saved", group->baseline - group->cost);
    for (size_t i = 0; i < LEVERS; i++)
        console_put_money(reply, ledger_saved_fields[i], group->saved[i]);
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        console_put_money(reply, classes[i], group->classes[i]);
}

/* Of a sum in microseconds over so many. */
static double mean_ms(uint64_t us, uint64_t count)
{
    return count ? (double)us / (double)count / 1000 : (double)NAN;
}

void console_put_group(struct console_reply *reply, const char *name, const struct ledger_group *group)
{
    static const char *const tokens[PRICE_CLASSES] = {"inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens",
                                                      "cacheWrite1hInputTokens", "outputTokens"};
    console_open(reply, name, '{');
    console_put_text(reply, "key", group->key);
    console_put_uint(reply, "requests", ledger_group_requests(group));
    for (size_t i = 0; i < LEDGER_OUTCOMES; i++)
        console_put_uint(reply, ledger_outcome_names[i], group->outcomes[i]);
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        console_put_uint(reply, tokens[i], group->usage.tokens[i]);
    console_put_number(reply, "hitRate", console_hit_rate(group));
    console_put_uint(reply, "cacheHits", group->cache_hits);
    put_money(reply, group);
    console_put_number(reply, "latencyMs", mean_ms(group->latency_us, ledger_group_requests(group)));
    console_put_number(reply, "timeToFirstTokenMs", mean_ms(group->first_token_us, group->first_tokens));
    console_put_uint(reply, "attempts", group->attempts);
    console_close(reply);
}

/* --- the question ----------------------------------------------------------------------------------- */

static enum error_code give_group(void *ctx, const struct ledger_group *group, struct error *error)
{
    struct usage_ask *ask = ctx;
    struct ledger_group shown = *group;
    (void)error;
    if (ask->query.by == LEDGER_BY_NOTHING)
        shown.key = STR("total");
    console_put_group(&ask->base.reply, NULL, &shown);
    return OK;
}

static enum error_code answer_with(struct console_ask *base, struct ledger_view *view)
{
    struct usage_ask *ask = (struct usage_ask *)base;
    struct console_reply *reply = &base->reply;
    struct ledger_group total;
    ask->query.tenant = base->asker.tenant;
    ask->query.from_us = ask->period.from_us;
    ask->query.to_us = ask->period.to_us;
    ask->query.limit = (uint32_t)ask->limit;
    console_open(reply, NULL, '{');
    console_put_time(reply, "from", ask->period.from_us);
    console_put_time(reply, "to", ask->period.to_us);
    console_put_text(reply, "by", ask->by);
    console_open(reply, "groups", '[');
    enum error_code code = ledger_query(view, &ask->query, give_group, ask, &base->error);
    console_close(reply);
    if (code == OK)
        code = console_sum(view, &ask->query, &total, &base->error);
    if (code != OK)
        return code;
    console_put_group(reply, "total", &total);
    console_close(reply);
    return OK;
}

static enum error_code answer_usage(struct console_ask *ask)
{
    return console_with_view(ask, answer_with);
}

static enum error_code read_question(struct api_call *call, struct usage_ask *ask, struct error *error)
{
    const struct str by = http_query_get(call->exchange, "by"), model = http_query_get(call->exchange, "model");
    ask->by = by.data ? by : str_of(ledger_by_names[LEDGER_BY_NOTHING]);
    ask->limit = GROUPS_DEFAULT;
    ask->query.model = model;
    if (!ledger_by_parse(ask->by, &ask->query.by, &ask->query.tag))
        return field_error(error, "", "by", "must be one of total, " LEDGER_BY_WORDS);
    const enum error_code code = console_query_period(call, 0, &ask->period, error);
    return code == OK ? console_query_number(call, "limit", 1, GROUPS_MAX, &ask->limit, error) : code;
}

void console_usage(struct api_call *call)
{
    static const char *const names[] = {"by", "from", "to", "model", "limit", NULL};
    struct usage_ask *ask = console_ask_new(call, sizeof(*ask), names, "groups");
    if (!ask)
        return;
    if (ask->base.code == OK)
        ask->base.code = read_question(call, ask, &ask->base.error);
    console_ask_send(&ask->base, answer_usage);
}
