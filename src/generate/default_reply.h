/* default_reply.h - how long a reply may become when the request gives no
 * maximum: what the card of the model ID says, and no more than what streams in
 * a time after which clients stop waiting. Any thread. */
#ifndef GENERATE_DEFAULT_REPLY_H
#define GENERATE_DEFAULT_REPLY_H

#include <stdatomic.h>

#include "core/catalog.h"
#include "core/config.h"
#include "core/limits.h"

/* Zero but for `config`: nothing has been seen yet. */
struct default_reply {
    const struct config *config;
    _Atomic uint64_t token_us[LIMIT_MODELS]; /* of each model's replies lately */
};

/* Tokens, at the speed that replies of this model have had lately; 0: as many as the context allows. */
uint32_t default_reply_tokens(const struct default_reply *replies, const struct catalog_match *match);

/* Microseconds from the first token on after which such a reply ends, whatever was expected of it; 0: none. */
uint64_t default_reply_us(const struct default_reply *replies);

/* A reply has ended: what default_reply_tokens goes by. */
void default_reply_learn(struct default_reply *replies, size_t model, uint64_t output_tokens, uint64_t decode_us);

#endif
