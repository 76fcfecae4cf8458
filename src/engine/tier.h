/* tier.h - how many requests of a tier may wait, and for how long: as the
 * configuration says, else as the limits do. */
#ifndef ENGINE_TIER_H
#define ENGINE_TIER_H

#include <stdint.h>

#include "core/config.h"
#include "core/tier.h"

/* How long a request may wait before it is begun; 0: for ever. */
uint64_t engine_deadline_ms(const struct config *config, enum tier tier);
uint64_t engine_queue_limit(const struct config *config, enum tier tier); /* requests */

#endif
