/* dialect.h - OpenAI's API as its own clients speak it: errors, streams as server-sent events, and the operations below
 * /v1, also below /openai as Bedrock has them. Bodies of chat completions are read by the codec of Bedrock's models of
 * that form (native/chat_body.h), which request->api_version tells that this is the API itself. Any thread. */
#ifndef API_OPENAI_DIALECT_H
#define API_OPENAI_DIALECT_H

#include "api/dialect.h"
#include "api/operations.h"

#define OPENAI_VERSION "v1" /* request->api_version: the API has no other */

extern const struct dialect openai_dialect;
extern const struct dialect_framing openai_chunks; /* of chat completions */
extern const struct dialect_framing openai_events; /* of responses */
extern const struct operations_table openai_operations;

/* The members "message", "type", "param", "code" of an error, without their braces. */
void openai_append_error(struct buf *out, const struct error *error);

/* Operations on models, which Anthropic's clients ask for at the same paths: headers tell, and dialect.speaks. */
void openai_list_models(struct api_call *call);
void openai_get_model(struct api_call *call);

void openai_create_embedding(struct api_call *call);

#endif
