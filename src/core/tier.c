/* tier.c - see tier.h: one row for each tier. */
#include "core/tier.h"

#include <assert.h>

const char *const tier_names[TIER_NAMES + 1] = {
    [TIER_PRIORITY] = "priority", [TIER_DEFAULT] = "default",   [TIER_FLEX] = "flex",
    [TIER_BATCH] = "batch",       [TIER_ULTRAFAST] = "ultrafast", [TIER_RESERVED] = "reserved",
};

static const struct {
    enum tier queue, price;
    bool may_be_asked;
} traits[TIER_NAMES] = {
    [TIER_PRIORITY] = {TIER_PRIORITY, TIER_PRIORITY, true},
    [TIER_DEFAULT] = {TIER_DEFAULT, TIER_DEFAULT, true},
    [TIER_FLEX] = {TIER_FLEX, TIER_FLEX, true},
    [TIER_BATCH] = {TIER_BATCH, TIER_BATCH, false},
    [TIER_ULTRAFAST] = {TIER_PRIORITY, TIER_ULTRAFAST, false}, /* OpenAI's API has the word */
    [TIER_RESERVED] = {TIER_PRIORITY, TIER_DEFAULT, true}, /* paid for by the month, its tokens count as default */
};

bool tier_find(struct str name, enum tier *tier)
{
    for (unsigned i = 0; i < TIER_NAMES; i++) {
        if (!str_eq(name, str_of(tier_names[i])))
            continue;
        *tier = (enum tier)i;
        return true;
    }
    return false;
}

bool tier_may_be_asked(enum tier tier)
{
    assert(tier < TIER_NAMES);
    return traits[tier].may_be_asked;
}

enum tier tier_queue(enum tier tier)
{
    assert(tier < TIER_NAMES);
    return traits[tier].queue;
}

enum tier tier_price(enum tier tier)
{
    assert(tier < TIER_NAMES);
    return traits[tier].price;
}
