/* cohere.h - Cohere's native bodies: `prompt` of Command, `message` of Command R. Any thread. */
#ifndef API_COHERE_H
#define API_COHERE_H

#include "chat/codec.h"

/* codec->parse for bodies of either form; which one it was, the body's member `prompt` tells. */
enum error_code cohere_parse(yyjson_val *root, enum codec_use use, struct chat_request *request,
                             struct error *error) WARN_UNUSED;

/* Command R writes types as Python does: "str", "List[int]". The JSON schema's name, or NULL. */
const char *cohere_type(struct str name);

#endif
