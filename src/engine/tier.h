/* tier.h - `tiers:` of fulcrum.yaml. How many requests of a tier may wait, and
 * for how long: as the configuration says, else as the limits do. */
#ifndef ENGINE_TIER_H
#define ENGINE_TIER_H

#include <stdint.h>

#include "core/config.h"
#include "core/tier.h"

enum tier_share { TIER_SHARE_STRICT, TIER_SHARE_OBJECTIVE };

struct tier_queue {
    uint64_t queue;       /* requests of one model that may wait for their first token; 0: the limit of that name */
    uint64_t deadline_ms; /* that one may wait before its prompt is begun; 0: the limit */
};

struct tier_config {
    enum tier_share share; /* whether batch shares steps with other tiers... */
    double objective;      /* ...and by how many times lower tiers may lengthen those of higher ones; 0: 2 */
    struct tier_queue tiers[TIERS]; /* by enum tier; batch and reserved have none */
};
extern const struct config_section tiers_section;
const struct tier_config *tier_config(const struct config *config);

/* How long a request may wait before it is begun; 0: for ever. */
uint64_t engine_deadline_ms(const struct config *config, enum tier tier);
uint64_t engine_queue_limit(const struct config *config, enum tier tier); /* requests */

#endif
