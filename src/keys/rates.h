/* rates.h - requests and tokens a minute of tenants, as fulcrum.yaml bounds them, whatever credential they come with.
 * Beside them hold those of a tenant's keys (ring.h). One mutex, held for some hundred nanoseconds: any thread. */
#ifndef KEYS_RATES_H
#define KEYS_RATES_H

#include "core/config.h"
#include "keys/meter.h"

/* `rate:` of a tenant. */
extern const struct config_section tenant_rate_section;

struct rates;
/* The configuration outlives them. NULL: no memory. */
struct rates *rates_new(const struct config *config);
void rates_free(struct rates *rates); /* NULL is legal */

bool rates_bound(const struct rates *rates, struct str tenant); /* whether the tenant has a bound */

/* As meter_take, meter_give and meter_undo. A tenant without a bound is always let in. */
enum error_code rates_take(struct rates *rates, struct str tenant, uint64_t tokens, uint64_t now_us,
                           struct error *error) WARN_UNUSED;
void rates_give(struct rates *rates, struct str tenant, uint64_t taken, uint64_t used, uint64_t now_us);
void rates_undo(struct rates *rates, struct str tenant, uint64_t taken);

#endif
