/* upstream_backend.h - upstreams as a backend: the neutral request in their words,
 * their streams into neutral events, their counts as usage. Repeating is
 * upstream/asking.h's, their API's words are the codec's. */
#ifndef GENERATE_UPSTREAM_BACKEND_H
#define GENERATE_UPSTREAM_BACKEND_H

#include "generate/backend.h"
#include "upstream/upstreams.h"

/* On the loop's thread. NULL: no memory. The upstreams stay the caller's. */
struct backend *upstream_backend_new(struct upstreams *upstreams, uv_loop_t *loop, struct error *error);

/* Tokens that a reply may have whose request gives no maximum; 0: what the upstream makes of that. */
uint32_t upstream_backend_max_tokens(const struct config *config, const struct catalog_match *match);

#endif
