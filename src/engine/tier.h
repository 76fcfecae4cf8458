/* tier.h - who goes first, and how many may wait for how long: as the
 * configuration says, else as the limits do. Names are those of the API, and of
 * the ledger. */
#ifndef ENGINE_TIER_H
#define ENGINE_TIER_H

#include <stdint.h>

#include "core/config.h"

enum engine_tier { ENGINE_PRIORITY, ENGINE_DEFAULT, ENGINE_FLEX, ENGINE_BATCH, ENGINE_TIERS };
extern const char *const engine_tier_names[ENGINE_TIERS];

/* How long a request may wait before it is begun; 0: for ever. */
uint64_t engine_deadline_ms(const struct config *config, enum engine_tier tier);
uint64_t engine_queue_limit(const struct config *config, enum engine_tier tier); /* requests */

#endif
