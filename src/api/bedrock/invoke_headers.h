/* invoke_headers.h - the headers of InvokeModel and its streaming sibling. Of a request: honoured, refused, or named as
 * ignored where they can't change a reply; tier and metadata go into the request. Of a reply: what was asked for and
 * given, and the usage of a whole one. */
#ifndef API_INVOKE_HEADERS_H
#define API_INVOKE_HEADERS_H

#include "api/operations.h"

extern const struct operation_headers invoke_headers;

#endif
