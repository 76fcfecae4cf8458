/* variants.h - what the teacher is told so that it writes variants of a real prompt, and the list that it replies with.
 * Pure; any thread. */
#ifndef CUSTOMIZE_VARIANTS_H
#define CUSTOMIZE_VARIANTS_H

#include "customize/data.h"

#define VARIANTS_EACH 8             /* that one request wants at most */
#define VARIANTS_REPLY_TOKENS 4096u /* of one reply at most */

/* How many variants of a message fit into a reply: 1 to VARIANTS_EACH, `most` at most. */
uint32_t variants_fitting(struct str message, uint32_t most);

/* A record of a batch job, with its line feed, that wants `count` variants of the seed's last message, which is the
 * user's. `turn`: earlier requests with the same seed. */
bool variants_append_request(struct buf *out, const struct conversation *seed, uint32_t count, uint32_t turn,
                             const char *key);

/* The texts of a reply, `count` at most: a JSON array of strings, or a line each, all of them numbered or all with the
 * same bullet; a fence of three backticks may stand around either. Several lines without a mark are taken where there
 * are as many as were wanted, since prose has lines, too. ERROR_INVALID: it is no such list, and why. Texts are trimmed
 * and not empty, and lie in the arena. */
enum error_code variants_parse(struct str reply, uint32_t count, struct arena *arena, struct str texts[VARIANTS_EACH],
                               size_t *found, struct error *error) WARN_UNUSED;

#endif
