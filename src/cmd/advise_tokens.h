/* advise_tokens.h - counts tokens as a configuration's models do, each of whose vocabularies is read when it is first
 * asked for. One thread. */
#ifndef CMD_ADVISE_TOKENS_H
#define CMD_ADVISE_TOKENS_H

#include "core/config.h"
#include "core/str.h"

struct advise_tokens;
struct advise_tokens *advise_tokens_new(const struct config *config); /* borrowed; NULL: no memory */
void advise_tokens_free(struct advise_tokens *tokens); /* NULL is legal */

/* Of a text, by the model that is named so or has that ID. 0: there is none, or its file can't be read. For
 * intake_counter's `count`. */
uint32_t advise_tokens_count(void *ctx, struct str model, struct str text);

#endif
