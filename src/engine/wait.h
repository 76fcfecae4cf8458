/* wait.h - the estimate behind Retry-After: when a model that takes nothing more will.
 *
 * How long it takes to read what waits in the tier and those above it, at the rate at which prompts were read so far,
 * replies beside them included: seconds rounded up, 1 to WAIT_MAX_S. 1 where nothing is known yet. Any thread. */
#ifndef ENGINE_WAIT_H
#define ENGINE_WAIT_H

#include "engine/broker.h"

#define WAIT_MAX_S 60u
unsigned wait_estimate_s(const struct broker_slot *slot, enum tier tier);

#endif
