/* default_reply.h - how long replies become. When the request gives no
 * maximum, what the card of the model ID says, and no more than what streams in
 * a time after which clients stop waiting; and for what they will cost, as long
 * as this model's have been lately. Any thread. */
#ifndef GENERATE_DEFAULT_REPLY_H
#define GENERATE_DEFAULT_REPLY_H

#include "core/config.h"
#include "model/resolve.h"

/* Tokens, at the speed that replies of this model have had lately; 0: as many as the context allows. */
uint32_t default_reply_tokens(const struct config *config, const struct catalog_match *match);

/* Microseconds from the first token on after which such a reply ends, whatever was expected of it; 0: none. */
uint64_t default_reply_us(const struct config *config);

/* A reply has ended: what default_reply_tokens goes by. */
void default_reply_learn(const struct model *model, uint64_t output_tokens, uint64_t decode_us);

/* Tokens that a reply of the model has in the mean, at most `max_tokens` (0: no maximum). */
uint32_t expected_reply_tokens(const struct model *model, uint32_t max_tokens);
void expected_reply_learn(const struct model *model, uint64_t output_tokens);

#endif
