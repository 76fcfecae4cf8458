/* cache_header.c - formats one header. The figures are the engine's. See cache_header.h. */
#include "api/cache_header.h"

#include "generate/charge.h"

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

static const char *ttl_word(const struct chat_placed_mark *mark)
{
    if (mark->ttl_seconds == 0)
        return "none";
    return mark->ttl_seconds > 300 ? "1h" : "5m";
}

struct str cache_marks_header(const struct chat_cache_use *use, struct arena *arena)
{
    return arena_printf(arena, "system=%s; expected=%.2f; tokens=%u, end=%s; expected=%.2f; tokens=%u",
                        ttl_word(&use->system), use->system.expected, use->system.tokens, ttl_word(&use->end),
                        use->end.expected, use->end.tokens);
}

enum chat_cache_miss cache_miss_of(struct str word)
{
    for (int miss = CHAT_MISS_NONE; miss <= CHAT_MISS_DISABLED; miss++)
        if (str_eq(word, charge_miss_word((enum chat_cache_miss)miss)))
            return (enum chat_cache_miss)miss;
    return CHAT_MISS_NONE;
}

/* Of those whose numbers are not known, and of those that have none. */
static struct str general_explanation(enum chat_cache_miss miss)
{
    switch (miss) {
    case CHAT_MISS_NONE: return STR("All of the prompt that can be read was read from the cache.");
    case CHAT_MISS_FIRST_USE:
        return STR("No prompt that begins like this one was there before. The first one pays, the next ones read.");
    case CHAT_MISS_CHANGED:
        return STR("Prompts that begin like this one were there, but this one goes on otherwise. What changes from "
                   "request to request (a date, an ID, the order of keys in JSON) belongs behind what stays the same.");
    case CHAT_MISS_BELOW_MINIMUM:
        return STR("The prefix is shorter than what the model caches. A longer system prompt in front, or "
                   "cache.min_tokens, would make it worth keeping.");
    case CHAT_MISS_EXPIRED:
        return STR("The prefix was kept, but nobody used it for longer than its time to live. A cache point with ttl "
                   "1h keeps it for an hour.");
    case CHAT_MISS_EVICTED:
        return STR("The prefix was kept and had to go for want of room: cache.memory, cache.disk, or a floor for the "
                   "tenant.");
    case CHAT_MISS_NO_CHECKPOINT:
        return STR("The model caches what a request asks for, and this one has no cache point.");
    case CHAT_MISS_DISABLED: return STR("The cache is off for this model, or for this request.");
    }
    return STR("");
}

struct str cache_explanation(const struct chat_cache_use *use, bool has_figures, struct arena *arena)
{
    const struct str general = general_explanation(use->miss);
    struct str head = {NULL, 0};
    if (has_figures && use->miss == CHAT_MISS_CHANGED)
        head = arena_printf(arena, "It parts from them at token %u. ", use->miss_value);
    else if (has_figures && use->miss == CHAT_MISS_BELOW_MINIMUM)
        head = arena_printf(arena, "It has %u tokens, %u are needed. ", use->miss_value, use->miss_need);
    else if (has_figures && use->miss == CHAT_MISS_EXPIRED)
        head = arena_printf(arena, "It was unused for %u seconds. ", use->miss_value);
    if (!head.data)
        return general;
    const struct str text = arena_printf(arena, STR_FMT " " STR_FMT, STR_ARG(general), STR_ARG(str_trim(head)));
    return text.data ? text : general;
}
