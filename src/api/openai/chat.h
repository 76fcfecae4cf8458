/* chat.h - chat completions and plain completions of OpenAI's own API: a codec, and what its requests say besides the
 * conversation, which Responses say in the same words. Any thread. */
#ifndef API_OPENAI_CHAT_H
#define API_OPENAI_CHAT_H

#include "chat/codec.h"

extern const struct codec openai_chat_codec;

/* `service_tier`, `metadata`, and what names the session; after the body's other members. */
enum error_code openai_parse_options(yyjson_val *root, struct chat_request *request, struct error *error) WARN_UNUSED;

/* The tier that served the request in this API's word; NULL: it asked for none. */
const char *openai_tier(const struct chat_request *request);

/* Of a request's ID without its dashes: "chatcmpl-..." with its quotes. */
void openai_append_id(struct buf *out, const char *prefix, struct str request_id);

#endif
