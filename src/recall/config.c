/* config.c - see config.h. */
#include "recall/config.h"

#include "core/config_section.h"

const struct config_section tenant_recall_section = {
    .name = "response_cache", .place = CONFIG_OF_TENANT, .table = &config_recall_table};

static const struct config_recall *tenant_rules(const struct config *config, struct str tenant)
{
    for (size_t i = 0; i < config->tenant_count; i++)
        if (str_eq(str_of(config->tenants[i].name), tenant))
            return config_part(config->tenants[i].parts, &tenant_recall_section);
    return NULL;
}

const struct config_recall *recall_rules(const struct config *config, struct str tenant,
                                         const struct config_recall *route)
{
    const struct config_recall *rules = route ? route : tenant_rules(config, tenant);
    return rules && rules->ttl_ms > 0 ? rules : NULL;
}
