/* responses.h - OpenAI's Responses: a codec, whose bodies are items instead of messages, and the operations on what is
 * kept of earlier ones (responses_store.h). Bodies of chat completions are read here as well, and those of Responses
 * there, as clients send them to either. */
#ifndef API_OPENAI_RESPONSES_H
#define API_OPENAI_RESPONSES_H

#include "api/call.h"
#include "chat/codec.h"

/* --- any thread --- */

extern const struct codec openai_responses_codec;

/* Which of the two forms a body has. */
bool openai_is_responses(yyjson_val *root);
enum error_code openai_parse_responses(yyjson_val *root, struct chat_request *request, struct error *error) WARN_UNUSED;
/* A codec's parse, for a body of either form. */
enum error_code openai_parse(yyjson_val *root, struct chat_request *request, struct error *error) WARN_UNUSED;

bool openai_is_stored(const struct chat_request *request); /* its reply is to be kept */

/* IDs name the reply: "resp_", "msg_", "fc_", ... and 32 hexadecimal digits, of an item two or more behind them, which
 * say which of the reply's items it is. False: it is no such ID. */
#define OPENAI_KEY_LEN 32
bool openai_read_id(struct str id, struct str *key, size_t *item);

/* --- the call's I/O thread --- */

extern const struct operation_memory openai_memory;

void openai_get_response(struct api_call *call);
void openai_delete_response(struct api_call *call);

#endif
