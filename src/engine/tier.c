/* tier.c - see tier.h. */
#include "engine/tier.h"

#include "core/limits.h"

const char *const engine_tier_names[ENGINE_TIERS] = {"priority", "default", "flex", "batch"};

static uint64_t either(uint64_t configured, uint64_t usual)
{
    return configured != 0 ? configured : usual;
}

uint64_t engine_deadline_ms(const struct config *config, enum engine_tier tier)
{
    switch (tier) {
    case ENGINE_PRIORITY: return either(config->tier_priority.deadline_ms, limit(priority_deadline_ms));
    case ENGINE_DEFAULT: return either(config->tier_default.deadline_ms, limit(queue_deadline_ms));
    case ENGINE_FLEX: return either(config->tier_flex.deadline_ms, limit(flex_deadline_ms));
    default: return 0;
    }
}

uint64_t engine_queue_limit(const struct config *config, enum engine_tier tier)
{
    switch (tier) {
    case ENGINE_PRIORITY: return either(config->tier_priority.queue, limit(priority_queue_requests));
    case ENGINE_DEFAULT: return either(config->tier_default.queue, limit(queue_requests));
    case ENGINE_FLEX: return either(config->tier_flex.queue, limit(flex_queue_requests));
    default: return limit(batch_queue_requests);
    }
}
