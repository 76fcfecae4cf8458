/* config.c - see config.h. */
#include "cache/config.h"

#include <stdio.h>

#include "cache/policy.h"
#include "core/config_section.h"

static bool is_policy(struct str text)
{
    enum cache_policy_kind kind;
    return cache_policy_parse(text, &kind);
}

static const struct field fields[] = {
    {"memory", FIELD_SIZE, FIELD_AT(cache_config, memory_bytes), .high = CONFIG_VALUE_MAX},
    {"disk", FIELD_SIZE, FIELD_AT(cache_config, disk_bytes), .high = CONFIG_VALUE_MAX},
    {"min_tokens", FIELD_UINT32, FIELD_AT(cache_config, min_tokens), .low = 1, .high = CONFIG_TOKENS_MAX},
    {"policy", FIELD_STRING, FIELD_AT(cache_config, policy), .check = is_policy, .expected = "lru, ttl or value"},
};
static const struct field_table table = FIELD_TABLE(fields, struct cache_config);

static const struct cache_config defaults = {
    .memory_bytes = UINT64_C(2) << 30, .min_tokens = 1024, .policy = "value"};

/* --- a tenant's --------------------------------------------------------------------------------------- */

static const struct field share_fields[] = {
    {"floor", FIELD_SIZE, FIELD_AT(cache_share, floor_bytes), .high = CONFIG_VALUE_MAX},
    {"ceiling", FIELD_SIZE, FIELD_AT(cache_share, ceiling_bytes), .high = CONFIG_VALUE_MAX},
};
static const struct field_table share_table = FIELD_TABLE(share_fields, struct cache_share);
const struct config_section cache_share_section = {
    .name = "cache", .place = CONFIG_OF_TENANT, .table = &share_table};

const struct cache_share *cache_share(const struct config_tenant *tenant)
{
    return config_part(tenant->parts, &cache_share_section);
}

/* What is promised to tenants must be there: all floors together fit into a model's memory. */
static enum error_code check_shares(struct yaml_reader *reader, const struct config *config)
{
    uint64_t left = cache_config(config)->memory_bytes;
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct cache_share *share = cache_share(&config->tenants[i]);
        const uint64_t floor = share->floor_bytes, ceiling = share->ceiling_bytes;
        char path[64];
        snprintf(path, sizeof(path), "tenants[%zu].cache.floor", i);
        if (ceiling && floor > ceiling)
            return yaml_fail_at(reader, path, "expected at most the ceiling, %llu bytes, got %llu",
                                (unsigned long long)ceiling, (unsigned long long)floor);
        if (floor > left)
            return yaml_fail_at(reader, path,
                                "expected floors that fit into cache.memory together; %llu bytes are left for this "
                                "one, got %llu",
                                (unsigned long long)left, (unsigned long long)floor);
        left -= floor;
    }
    return OK;
}

const struct config_section cache_section = {
    .name = "cache", .table = &table, .defaults = &defaults, .check = check_shares};

const struct cache_config *cache_config(const struct config *config)
{
    return config_part(config->parts, &cache_section);
}
