/* tier.h - how urgent a request is: the one list of tiers, for the API, the
 * engine, the ledger and the configuration. Pure functions, any thread.
 *
 * Ordered by urgency, so that a lower number goes first. Workers are sent these
 * numbers; what is kept on a disk has an order of its own (ledger/line.c). */
#ifndef CORE_TIER_H
#define CORE_TIER_H

#include <stdbool.h>

#include "core/str.h"

enum tier {
    TIER_PRIORITY,
    TIER_DEFAULT,
    TIER_FLEX,
    TIER_BATCH, /* of records of batch jobs; nobody may ask for it */
    TIERS,      /* those that have a queue, a configuration and a price of their own */
    TIER_ULTRAFAST = TIERS, /* of providers alone: a price, and no queue here */
    TIERS_PRICED,           /* those that have a price of their own */
    /* Capacity that a tenant has: runs as priority until it is used up, costs as default. */
    TIER_RESERVED = TIERS_PRICED,
    TIER_NAMES,
};

extern const char *const tier_names[TIER_NAMES + 1]; /* the API's, the ledger's and the metrics'; ends with NULL */

bool tier_find(struct str name, enum tier *tier); /* any of the names */
bool tier_may_be_asked(enum tier tier);           /* by a request of its own, in every API */
enum tier tier_queue(enum tier tier);             /* whose queue a request of the tier waits in; below TIERS */
enum tier tier_price(enum tier tier);             /* whose price it has; below TIERS_PRICED */

#endif
