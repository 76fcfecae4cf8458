/* tier.c - see tier.h. */
#include "engine/tier.h"

#include "core/config_section.h"
#include "core/limits.h"

#define QUEUE_MAX 1000000
#define DEADLINE_MAX_MS (UINT64_C(24) * 3600 * 1000)
#define OBJECTIVE_MAX 100.0

static const struct field queue_fields[] = {
    {"queue", FIELD_COUNT, FIELD_AT(tier_queue, queue), .low = 1, .high = QUEUE_MAX},
    {"deadline", FIELD_MS, FIELD_AT(tier_queue, deadline_ms), .low = 1, .high = DEADLINE_MAX_MS},
};
static const struct field_table queue_table = FIELD_TABLE(queue_fields, struct tier_queue);

static const char *const shares[] = {
    [TIER_SHARE_STRICT] = "strict", [TIER_SHARE_OBJECTIVE] = "objective", NULL};

static const struct field fields[] = {
    {"share", FIELD_CHOICE, FIELD_AT(tier_config, share), .choices = shares},
    {"objective", FIELD_REAL, FIELD_AT(tier_config, objective)},
    {"priority", FIELD_OBJECT, FIELD_AT(tier_config, tiers[TIER_PRIORITY]), .table = &queue_table},
    {"default", FIELD_OBJECT, FIELD_AT(tier_config, tiers[TIER_DEFAULT]), .table = &queue_table},
    {"flex", FIELD_OBJECT, FIELD_AT(tier_config, tiers[TIER_FLEX]), .table = &queue_table},
};
static const struct field_table table = FIELD_TABLE(fields, struct tier_config);

static enum error_code check(struct yaml_reader *reader, const struct config *config)
{
    const double objective = tier_config(config)->objective;
    if (objective == 0 || (objective >= 1 && objective <= OBJECTIVE_MAX))
        return OK;
    return yaml_fail_at(reader, "tiers.objective", "expected 1 to %g: times the unloaded time per output token",
                        OBJECTIVE_MAX);
}

const struct config_section tiers_section = {.name = "tiers", .table = &table, .check = check};

const struct tier_config *tier_config(const struct config *config)
{
    return config_part(config->parts, &tiers_section);
}

static uint64_t either(uint64_t configured, uint64_t usual)
{
    return configured != 0 ? configured : usual;
}

uint64_t engine_deadline_ms(const struct config *config, enum tier tier)
{
    switch (tier) {
    case TIER_PRIORITY: return either(tier_config(config)->tiers[tier].deadline_ms, limit(priority_deadline_ms));
    case TIER_DEFAULT: return either(tier_config(config)->tiers[tier].deadline_ms, limit(queue_deadline_ms));
    case TIER_FLEX: return either(tier_config(config)->tiers[tier].deadline_ms, limit(flex_deadline_ms));
    default: return 0;
    }
}

uint64_t engine_queue_limit(const struct config *config, enum tier tier)
{
    switch (tier) {
    case TIER_PRIORITY: return either(tier_config(config)->tiers[tier].queue, limit(priority_queue_requests));
    case TIER_DEFAULT: return either(tier_config(config)->tiers[tier].queue, limit(queue_requests));
    case TIER_FLEX: return either(tier_config(config)->tiers[tier].queue, limit(flex_queue_requests));
    default: return limit(batch_queue_requests);
    }
}
