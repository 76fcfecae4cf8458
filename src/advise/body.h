/* body.h - what bodies of requests and replies say, in any of the shapes that services speak: Converse, Anthropic's
 * messages, Nova's, Llama's prompts, OpenAI's chat completions and responses, whole or as the chunks of a stream.
 *
 * Looser than the codecs that requests are served by: nothing is refused, what is not understood counts by its bytes.
 * One document each, any thread. */
#ifndef ADVISE_BODY_H
#define ADVISE_BODY_H

#include <yyjson.h>

#include "advise/record.h"
#include "core/mem.h"

/* Blocks, tools and flags of a request. False: no memory. */
bool body_read_request(yyjson_val *body, struct arena *arena, struct advise_record *record);

/* The answer's text and what is counted in the reply. `reply`: an object, or an array of chunks. */
bool body_read_reply(yyjson_val *reply, struct arena *arena, struct advise_record *record);

/* An object of counts, under any service's names. False: there is none in it. */
bool body_read_usage(yyjson_val *usage, struct advise_record *record);

/* A member that is a value, or a string with its JSON text; NULL: neither. What it makes lives as long as the arena. */
yyjson_val *body_unpack(yyjson_val *value, struct arena *arena);
yyjson_val *body_parse(struct str text, struct arena *arena);

#endif
