/* invoke_headers.h - the request headers of InvokeModel and its streaming
 * sibling: honoured, refused, or named as ignored where they can't change a reply. */
#ifndef API_INVOKE_HEADERS_H
#define API_INVOKE_HEADERS_H

#include "api/call.h"
#include "chat/chat.h"

/* Checks them and puts tier and metadata into the request. */
enum error_code invoke_headers_parse(struct api_call *call, bool is_stream, struct chat_request *request,
                                     struct error *error) WARN_UNUSED;

/* Reply headers that say again what was asked for and given. */
void invoke_headers_echo(struct api_call *call, const struct chat_request *request);

#endif
