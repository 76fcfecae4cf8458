#include "api/bill.h"

static enum price_tier price_tier(enum chat_tier tier)
{
    switch (tier) {
    case CHAT_TIER_PRIORITY: return PRICE_PRIORITY;
    case CHAT_TIER_FLEX: return PRICE_FLEX;
    case CHAT_TIER_DEFAULT:
    case CHAT_TIER_RESERVED: break; /* what is reserved is paid for by the month; its tokens count as default */
    }
    return PRICE_DEFAULT;
}

enum error_code bill_open(struct bill *bill, struct api_call *call, enum chat_tier tier, struct error *error)
{
    const struct api *api = call->thread->api;
    struct str place = price_place(call->resource, call->match.id);
    const struct price_row *row = price_book_of_model(api->prices, call->match.model, call->match.id, place);
    uint64_t age_us = clock_now_us() - call->exchange->request.started_us;
    bill->path = (struct price_path){.asked = row, .routed = row, .answered = row};
    bill->line = (struct ledger_line){
        .request_id = str_of(call->request_id),
        .tenant = str_of(call->identity.tenant),
        .dialect = STR("bedrock"),
        .operation = str_of(call->operation->name),
        .model_requested = call->resource,
        .model_invoked = str_of(call_model(call)->name),
        .price = str_of(bill->path.answered->name),
        .baseline_price = str_of(bill->path.asked->name),
        .time_us = clock_wall_us() - age_us,
        .tier = price_tier(tier),
    };
    enum error_code code = ledger_accept(api->ledger, &bill->line, error);
    bill->is_open = code == OK;
    return code;
}

static struct price_usage price_usage(const struct chat_usage *usage)
{
    struct price_usage counts = {{0}};
    if (!usage)
        return counts;
    counts.tokens[PRICE_INPUT] = usage->input_tokens;
    counts.tokens[PRICE_CACHE_READ] = usage->cache_read_tokens;
    counts.tokens[PRICE_CACHE_WRITE_5M] = usage->cache_write_5m_tokens;
    counts.tokens[PRICE_CACHE_WRITE_1H] = usage->cache_write_1h_tokens;
    counts.tokens[PRICE_OUTPUT] = usage->output_tokens;
    return counts;
}

enum error_code bill_close(struct bill *bill, struct api_call *call, enum ledger_outcome outcome,
                           const struct chat_usage *usage, struct error *error)
{
    struct ledger_line *line = &bill->line;
    if (!bill->is_open)
        return OK;
    bill->is_open = false;
    line->outcome = outcome;
    line->usage = price_usage(usage);
    line->quote = price_quote(&bill->path, line->tier, &line->usage);
    line->latency_us = clock_now_us() - call->exchange->request.started_us;
    if (call->usage.first_token_us)
        line->first_token_us = call->usage.first_token_us;
    if (ledger_finish(call->thread->api->ledger, line, error) != OK)
        return error_set(error, ERROR_UNAVAILABLE, "The ledger could not record this request.");
    call->cost = line->quote.cost;
    metrics_billed(&call->thread->metrics, call->match.model, line->quote.cost, line->quote.baseline);
    return OK;
}

void bill_drop(struct bill *bill, struct api_call *call)
{
    struct error ignored; /* the ledger has logged it; the line will say failed */
    if (bill->is_open)
        (void)!ledger_refuse(call->thread->api->ledger, &bill->line, &ignored);
    bill->is_open = false;
}
