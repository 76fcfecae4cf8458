/* rates.c - see rates.h: a meter for each tenant of the configuration, by its place there. */
#include "keys/rates.h"

#include <pthread.h>

#include "core/config_section.h"

#define PER_MINUTE_MAX UINT64_C(1000000000000)

static const struct field fields[] = {
    {"requests_per_minute", FIELD_COUNT, FIELD_AT(meter_limits, requests), .low = 1, .high = PER_MINUTE_MAX},
    {"tokens_per_minute", FIELD_COUNT, FIELD_AT(meter_limits, tokens), .low = 1, .high = PER_MINUTE_MAX},
};
static const struct field_table table = FIELD_TABLE(fields, struct meter_limits);
const struct config_section tenant_rate_section = {.name = "rate", .place = CONFIG_OF_TENANT, .table = &table};

struct rates {
    const struct config *config;
    pthread_mutex_t mutex;
    struct meter meters[]; /* of each tenant */
};

struct rates *rates_new(const struct config *config)
{
    struct rates *rates = mem_calloc(1, sizeof(*rates) + config->tenant_count * sizeof(struct meter));
    if (!rates)
        return NULL;
    rates->config = config;
    (void)pthread_mutex_init(&rates->mutex, NULL);
    return rates;
}

void rates_free(struct rates *rates)
{
    if (!rates)
        return;
    (void)pthread_mutex_destroy(&rates->mutex);
    mem_free(rates);
}

/* NULL: the tenant has no bound. */
static const struct meter_limits *find(const struct rates *rates, struct str tenant, size_t *place)
{
    for (size_t i = 0; i < rates->config->tenant_count; i++) {
        if (!str_eq(str_of(rates->config->tenants[i].name), tenant))
            continue;
        const struct meter_limits *limits = config_part(rates->config->tenants[i].parts, &tenant_rate_section);
        *place = i;
        return limits->requests || limits->tokens ? limits : NULL;
    }
    return NULL;
}

bool rates_bound(const struct rates *rates, struct str tenant)
{
    size_t place;
    return find(rates, tenant, &place) != NULL;
}

enum error_code rates_take(struct rates *rates, struct str tenant, uint64_t tokens, uint64_t now_us,
                           struct error *error)
{
    size_t place;
    const struct meter_limits *limits = find(rates, tenant, &place);
    if (!limits)
        return OK;
    (void)pthread_mutex_lock(&rates->mutex);
    const enum error_code code = meter_take(&rates->meters[place], limits, "tenant", tenant, tokens, now_us, error);
    (void)pthread_mutex_unlock(&rates->mutex);
    return code;
}

void rates_give(struct rates *rates, struct str tenant, uint64_t taken, uint64_t used, uint64_t now_us)
{
    size_t place;
    const struct meter_limits *limits = find(rates, tenant, &place);
    if (!limits)
        return;
    (void)pthread_mutex_lock(&rates->mutex);
    meter_give(&rates->meters[place], limits, taken, used, now_us);
    (void)pthread_mutex_unlock(&rates->mutex);
}

void rates_undo(struct rates *rates, struct str tenant, uint64_t taken)
{
    size_t place;
    const struct meter_limits *limits = find(rates, tenant, &place);
    if (!limits)
        return;
    (void)pthread_mutex_lock(&rates->mutex);
    meter_undo(&rates->meters[place], limits, taken);
    (void)pthread_mutex_unlock(&rates->mutex);
}
