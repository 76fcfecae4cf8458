/* bedrock_error.h - our error codes as the service's errors: name, HTTP status,
 * body, and the exception frames of a stream. Any thread. */
#ifndef API_BEDROCK_ERROR_H
#define API_BEDROCK_ERROR_H

#include "core/buf.h"
#include "core/error.h"
#include "net/http.h"

struct bedrock_error {
    const char *name;   /* for x-amzn-ErrorType */
    int status;         /* HTTP */
    const char *member; /* of the stream's union; the nearest one where the stream has no such member */
};

const struct bedrock_error *bedrock_error_of(enum error_code code);

/* What may be said to a caller: internal errors keep their message for the log. */
const char *bedrock_error_message(const struct error *error);

/* Answers with the error; `request_id` goes into x-amzn-RequestId. The exchange is gone after. */
void bedrock_error_respond(struct http_exchange *exchange, const struct error *error, const char *request_id);

/* The same for errors that have no code of ours (UnknownOperationException 404 and the like). */
void bedrock_error_respond_named(struct http_exchange *exchange, int status, const char *name, const char *message,
                                 const char *request_id, const struct http_header *extra, size_t extra_count);

/* Appends the exception frame of a stream. `has_timeout`: the operation's
 * union has modelTimeoutException (InvokeModelWithResponseStream only). */
bool bedrock_error_append_frame(struct buf *out, const struct error *error, bool has_timeout);

#endif
