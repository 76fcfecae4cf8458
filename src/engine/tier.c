/* tier.c - see tier.h. */
#include "engine/tier.h"

#include "core/limits.h"

static uint64_t either(uint64_t configured, uint64_t usual)
{
    return configured != 0 ? configured : usual;
}

uint64_t engine_deadline_ms(const struct config *config, enum tier tier)
{
    switch (tier) {
    case TIER_PRIORITY: return either(config->tiers[tier].deadline_ms, limit(priority_deadline_ms));
    case TIER_DEFAULT: return either(config->tiers[tier].deadline_ms, limit(queue_deadline_ms));
    case TIER_FLEX: return either(config->tiers[tier].deadline_ms, limit(flex_deadline_ms));
    default: return 0;
    }
}

uint64_t engine_queue_limit(const struct config *config, enum tier tier)
{
    switch (tier) {
    case TIER_PRIORITY: return either(config->tiers[tier].queue, limit(priority_queue_requests));
    case TIER_DEFAULT: return either(config->tiers[tier].queue, limit(queue_requests));
    case TIER_FLEX: return either(config->tiers[tier].queue, limit(flex_queue_requests));
    default: return limit(batch_queue_requests);
    }
}
