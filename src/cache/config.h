/* config.h - `cache:` of fulcrum.yaml, and of a tenant. */
#ifndef CACHE_CONFIG_H
#define CACHE_CONFIG_H

#include "core/config.h"

struct cache_config {
    uint64_t memory_bytes, disk_bytes; /* of each model */
    uint32_t min_tokens;               /* of models that name none */
    const char *policy;                /* lru ttl value */
};
extern const struct config_section cache_section;
const struct cache_config *cache_config(const struct config *config);

/* Of a tenant's prefixes in each model's cache: bytes in memory that others can't
 * push it below, and bytes that it can't exceed (0: none). */
struct cache_share {
    uint64_t floor_bytes, ceiling_bytes;
};
extern const struct config_section cache_share_section;
const struct cache_share *cache_share(const struct config_tenant *tenant);

#endif
