/* cache_header.h - `x-fulcrum-cache`: what the prompt cache did for a request, and why it missed. Pure. */
#ifndef API_CACHE_HEADER_H
#define API_CACHE_HEADER_H

#include "core/mem.h"
#include "core/str.h"
#include "engine/engine.h"

/* `hit; read=N; write=N`, or `partial`, `miss`, `off` with `; reason=R` behind; empty without memory. */
struct str cache_header(const struct engine_cache_use *use, struct arena *arena);

/* The reason alone, for the log; "" for a hit. */
struct str cache_reason(const struct engine_cache_use *use, struct arena *arena);

#endif
