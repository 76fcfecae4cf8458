/* charge.c - see charge.h: chat's words for tiers and tokens, in those of the price books. */
#include "generate/charge.h"

void charge_begin(struct charge *charge, const struct charge_subject *subject, const struct placement *placement,
                  enum tier tier, uint64_t time_us)
{
    const struct target *answered = &placement->answered;
    charge->path = (struct price_path){placement->asked.price, placement->routed.price, answered->price};
    charge->line = (struct ledger_line){
        .request_id = subject->request_id,
        .tenant = subject->tenant,
        .dialect = subject->dialect,
        .operation = subject->operation,
        .model_requested = subject->model_requested,
        .model_invoked = str_of(answered->name),
        .price = str_of(answered->price->name),
        .baseline_price = str_of(placement->asked.price->name),
        .profile = subject->profile,
        .tags = subject->tags,
        .time_us = time_us,
        .tier = tier_price(tier),
        .outcome = LEDGER_FAILED, /* unless the end says otherwise */
        .first_token_us = LEDGER_NO_TOKEN,
    };
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

void charge_end(struct charge *charge, enum ledger_outcome outcome, const struct chat_usage *usage,
                uint64_t latency_us, uint64_t first_token_us)
{
    struct ledger_line *line = &charge->line;
    line->outcome = outcome;
    line->usage = price_usage(usage);
    line->quote = price_quote(&charge->path, line->tier, &line->usage);
    line->latency_us = latency_us;
    line->first_token_us = first_token_us;
}
