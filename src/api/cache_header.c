/* cache_header.c - formats one header. The figures are the engine's. See cache_header.h. */
#include "api/cache_header.h"

struct str cache_reason(const struct chat_cache_use *use, struct arena *arena)
{
    switch (use->miss) {
    case CHAT_MISS_NONE: break;
    case CHAT_MISS_FIRST_USE: return STR("first-use");
    case CHAT_MISS_CHANGED: return arena_printf(arena, "changed-at-token=%u", use->miss_value);
    case CHAT_MISS_BELOW_MINIMUM:
        return arena_printf(arena, "below-minimum=%u/%u", use->miss_value, use->miss_need);
    case CHAT_MISS_EXPIRED: return arena_printf(arena, "expired=%u", use->miss_value);
    case CHAT_MISS_EVICTED: return STR("evicted");
    case CHAT_MISS_NO_CHECKPOINT: return STR("no-checkpoint");
    case CHAT_MISS_DISABLED: return STR("disabled");
    }
    return STR("");
}

enum cache_outcome cache_outcome(const struct chat_cache_use *use)
{
    if (use->miss == CHAT_MISS_DISABLED)
        return CACHE_OFF;
    if (use->read_tokens == 0)
        return CACHE_MISS;
    return use->miss == CHAT_MISS_NONE ? CACHE_HIT : CACHE_PARTIAL;
}

const char *cache_outcome_name(enum cache_outcome outcome)
{
    static const char *const names[CACHE_OUTCOMES] = {
        [CACHE_HIT] = "hit", [CACHE_PARTIAL] = "partial", [CACHE_MISS] = "miss", [CACHE_OFF] = "off"};
    return names[outcome];
}

struct str cache_header(const struct chat_cache_use *use, struct arena *arena)
{
    const struct str reason = cache_reason(use, arena);
    return arena_printf(arena, "%s; read=%u; write=%u%s" STR_FMT, cache_outcome_name(cache_outcome(use)),
                        use->read_tokens, use->write_tokens, reason.len ? "; reason=" : "", STR_ARG(reason));
}
