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

/* Appends the body that asks the match's model for the whole reply, as a batch of its provider takes it; the request's
 * maximum is set where it gives none. ERROR_INVALID: it can't be said there, or the target can't take it. Any thread.
 * */
enum error_code upstream_backend_write_whole(const struct backend *backend, const struct config *config,
                                             const struct catalog_match *match, struct chat_request *request,
                                             struct buf *out, struct error *error) WARN_UNUSED;

#endif
