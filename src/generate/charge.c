/* charge.c - see charge.h: chat's words for tiers and tokens, in those of the price books. */
#include "generate/charge.h"

#include <assert.h>

#include "upstream/config.h"
#include "upstream/upstreams.h"

/* What it costs, or would cost by the one whose place it has taken. */
static const struct price_row *untaught(const struct target *target)
{
    return target->model && target->model->teacher ? target->model->teacher : target->price;
}

void charge_begin(struct charge *charge, const struct charge_subject *subject, const struct placement *placement,
                  struct str session, enum tier tier, uint64_t time_us)
{
    const struct target *answered = &placement->answered;
    charge->path = (struct price_path){untaught(&placement->asked), untaught(&placement->routed), answered->price};
    charge->is_shadow = subject->is_shadow;
    charge->line = (struct ledger_line){
        .request_id = subject->request_id,
        .tenant = subject->tenant,
        .dialect = subject->dialect,
        .operation = subject->operation,
        .model_requested = subject->model_requested,
        .model_invoked = str_of(answered->name),
        .price = str_of(answered->price->name),
        .baseline_price = subject->is_shadow ? STR(PRICE_NONE) : str_of(untaught(&placement->asked)->name),
        .key = subject->key,
        .profile = subject->profile,
        .tags = subject->tags,
        .time_us = time_us,
        .tier = tier_price(tier),
        .outcome = LEDGER_FAILED, /* unless the end says otherwise */
        .first_token_us = LEDGER_NO_TOKEN,
        .session = session,
    };
    charge_place(charge, placement, &(struct chat_cache_use){.miss = CHAT_MISS_NONE});
}

static struct str upstream_model_of(const struct target *target)
{
    const struct model *model = target->model; /* a backend of another kind may have models without one */
    return model && model->upstream_model ? str_of(upstream_model_id(model->upstream_model)) : STR("");
}

struct str charge_session(const struct chat_request *request)
{
    static const char *const keys[] = {"session", "sessionId", "session_id", "session-id"};
    for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
        for (size_t i = 0; i < request->metadata_count; i++)
            if (str_eq(request->metadata[i].key, str_of(keys[k])))
                return request->metadata[i].value;
    return STR("");
}

struct str charge_miss_word(enum chat_cache_miss miss)
{
    static const char *const reasons[] = {
        [CHAT_MISS_NONE] = "",
        [CHAT_MISS_FIRST_USE] = "first-use",
        [CHAT_MISS_CHANGED] = "changed-at-token",
        [CHAT_MISS_BELOW_MINIMUM] = "below-minimum",
        [CHAT_MISS_EXPIRED] = "expired",
        [CHAT_MISS_EVICTED] = "evicted",
        [CHAT_MISS_NO_CHECKPOINT] = "no-checkpoint",
        [CHAT_MISS_DISABLED] = "disabled",
    };
    assert(miss < sizeof(reasons) / sizeof(reasons[0]));
    return str_of(reasons[miss]);
}

static struct str usage_word(enum chat_usage_note note)
{
    switch (note) {
    case CHAT_USAGE_COUNTED: break;
    case CHAT_USAGE_ESTIMATED: return STR("estimated");
    case CHAT_USAGE_ODD: return STR("odd");
    }
    return STR("");
}

/* A probability, or another number that is not below 0. */
static uint64_t millionths_of(double score)
{
    const double millionths = score * 1e6;
    return millionths >= 0 && millionths < 1e12 ? (uint64_t)(millionths + 0.5) : LEDGER_ABSENT;
}

void charge_place(struct charge *charge, const struct placement *placement, const struct chat_cache_use *cache)
{
    struct ledger_line *line = &charge->line;
    const bool has_router = placement->why.len > 0;
    line->provider = str_of(placement->provider);
    line->upstream_id = placement->upstream_id;
    line->replica = placement->replica ? str_of(replica_name(placement->replica)) : STR("");
    charge->is_again = placement->is_recalled;
    line->attempts = placement->attempts + placement->repeats;
    line->router = placement->why;
    line->router_score = has_router ? millionths_of(placement->score) : LEDGER_ABSENT;
    line->upstream_model = upstream_model_of(&placement->answered);
    line->miss_reason = charge_miss_word(cache->miss);
}

void charge_doubt(struct charge *charge, struct str request_id, const struct price_row *none, double chance)
{
    charge->path.asked = none;
    charge->line.request_id = request_id;
    charge->line.baseline_price = str_of(none->name);
    charge->line.router = STR("doubted");
    charge->line.router_score = millionths_of(chance);
}

struct price_usage charge_usage(const struct chat_usage *usage)
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
    const struct price_row *answered = charge->path.answered;
    line->outcome = outcome;
    if (usage && usage->has_tier && line->tier != TIER_BATCH) /* its own word goes before what it was asked for */
        line->tier = tier_price(usage->tier);
    line->usage = charge_usage(usage);
    line->usage_note = usage ? usage_word(usage->note) : STR("");
    if (charge->is_shadow)
        line->quote = price_quote_shadow(answered, line->tier, &line->usage);
    else
        line->quote = (charge->is_again ? price_quote_again : price_quote)(&charge->path, line->tier, &line->usage);
    line->latency_us = latency_us;
    line->first_token_us = first_token_us;
}
