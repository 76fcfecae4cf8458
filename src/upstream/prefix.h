/* prefix.h - a request's prompt as hashes, for affinity.h: which conversation it
 * is of, and block by block what it begins with. Of the neutral request, so it is
 * the same whatever API the client and the upstream speak; of another tenant,
 * model or cache salt every hash is another. Any thread. */
#ifndef UPSTREAM_PREFIX_H
#define UPSTREAM_PREFIX_H

#include "chat/chat.h"
#include "upstream/affinity.h"
#include "upstream/marks.h"

#define PREFIX_BLOCK_BYTES 512
#define PREFIX_BLOCKS_MAX 1024 /* what is behind them is not looked at */

/* The key is the session's where the client has named one (empty: it has not). Else it is that of the prompt up to its
 * first cache point, or to the end of its first message where that comes before: what the next turn begins with too.
 * Blocks lie in the request's arena. False: no memory. */
bool prefix_read(const struct chat_request *request, struct str tenant, struct str model, struct str session,
                 struct affinity_prefix *prefix) WARN_UNUSED;

/* The same walk for marks.h: hashes of what the prompt begins with, up to the end of its tools and system text, and up
 * to the end of each message; none is 0. Files count as FILE_BYTES each. */
#define PREFIX_FILE_BYTES 6000
struct prefix_ends {
    struct marks_prefix fixed;     /* hash 0: it has neither tools nor system text */
    struct marks_prefix *messages; /* in the request's arena */
    size_t count;
    uint64_t salt;                 /* of tenant, model and cache salt */
};
bool prefix_read_ends(const struct chat_request *request, struct str tenant, struct str model,
                      struct prefix_ends *ends) WARN_UNUSED; /* false: no memory */

#endif
