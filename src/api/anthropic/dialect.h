/* dialect.h - Anthropic's API as its own clients speak it: errors, streams as server-sent events, and the operations
 * below /v1/messages. Bodies are read and written by the codec of Bedrock's Anthropic models (native/anthropic.h),
 * which request->api_version tells that this is the API itself. Any thread. */
#ifndef API_ANTHROPIC_DIALECT_H
#define API_ANTHROPIC_DIALECT_H

#include "api/dialect.h"
#include "api/operations.h"

extern const struct dialect anthropic_dialect;
extern const struct dialect_framing anthropic_events;
extern const struct operations_table anthropic_operations;

/* By its header; that of clients that send none. ERROR_INVALID: there is no such version. */
enum error_code anthropic_read_version(const struct http_request *http, struct str *version,
                                       struct error *error) WARN_UNUSED;

#endif
