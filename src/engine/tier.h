/* tier.h - who goes first. Names are those of the API, and of the ledger. */
#ifndef ENGINE_TIER_H
#define ENGINE_TIER_H

enum engine_tier { ENGINE_PRIORITY, ENGINE_DEFAULT, ENGINE_FLEX, ENGINE_BATCH, ENGINE_TIERS };
extern const char *const engine_tier_names[ENGINE_TIERS];

#endif
