/* cache_header.h - `x-fulcrum-cache`: what the prompt cache did for a request, and why it missed. Pure. */
#ifndef API_CACHE_HEADER_H
#define API_CACHE_HEADER_H

#include "chat/cache_use.h"
#include "core/mem.h"
#include "core/str.h"

/* What became of the prompt's prefix, in the header's words. */
enum cache_outcome { CACHE_HIT, CACHE_PARTIAL, CACHE_MISS, CACHE_OFF, CACHE_OUTCOMES };
enum cache_outcome cache_outcome(const struct chat_cache_use *use);
const char *cache_outcome_name(enum cache_outcome outcome); /* "hit", "partial", "miss", "off" */

/* `hit; read=N; write=N`, or `partial`, `miss`, `off` with `; reason=R` behind; empty without memory. */
struct str cache_header(const struct chat_cache_use *use, struct arena *arena);

/* The reason alone, for the log; "" for a hit. */
struct str cache_reason(const struct chat_cache_use *use, struct arena *arena);

/* The other way round, from the ledger's word; a word that is none: CHAT_MISS_NONE. */
enum chat_cache_miss cache_miss_of(struct str word);

/* For people: why the prompt did not come from the cache whole, and what to do. Without `has_figures` its numbers are
 * not known. In the arena, or a constant. */
struct str cache_explanation(const struct chat_cache_use *use, bool has_figures, struct arena *arena);

/* "system=5m; expected=1.40; tokens=1832, end=none; ...": where marks were placed for a client who placed none, how
 * often what is before them is expected to come back in time, and how long that is; data NULL: no memory. */
struct str cache_marks_header(const struct chat_cache_use *use, struct arena *arena);

#endif
