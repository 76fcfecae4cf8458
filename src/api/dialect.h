/* dialect.h - what a protocol of clients says where the pipeline speaks for itself: how errors and refused
 * authentication are named and written, under which header the request's ID goes, how a stream is framed, and where a
 * request says which model it means.
 *
 * One const table per dialect, one pointer in each table of operations (operations.h); the pipeline (inference.c,
 * call.h, api.c) and what breaks the rules of HTTP ask it and know no dialect. Bodies are read and written by codecs
 * (chat/codec.h), of which a dialect may have several. Pure functions, any thread. */
#ifndef API_DIALECT_H
#define API_DIALECT_H

#include <yyjson.h>

#include "auth/sigv4.h"
#include "core/buf.h"
#include "core/error.h"
#include "net/http.h"

struct api_call;

struct dialect_error {
    int status;       /* HTTP */
    const char *name; /* the protocol's own: "ThrottlingException" */
};

struct dialect {
    const char *name;        /* in the ledger: "bedrock" */
    const char *telemetry;   /* gen_ai.provider.name, by which telemetry tells protocols apart; NULL: GENAI_PROVIDER */
    const char *id_header;   /* that carries the request's ID, of every reply */
    const char *name_header; /* that carries an error's name; NULL: the body alone does */
    const char *error_type;  /* content type of errors */
    const char *challenge;   /* www-authenticate of a 401; NULL: never one */
    const char *count_member; /* of a reply that counts a prompt's tokens; NULL: the dialect counts none */
    const char *count_object; /* such a reply's member `object`; NULL: it has none */
    struct str no_memory;    /* the error's body where there is no memory to write one */

    struct dialect_error (*of_code)(enum error_code code);
    struct dialect_error (*of_auth)(enum auth_problem problem); /* never AUTH_OK */
    const char *(*of_status)(int status); /* what broke HTTP's rules, has no operation (404) or not this method (405) */
    bool (*append_error)(struct buf *out, const struct dialect_error *error, struct str message,
                         const char *request_id);

    /* Which dialect a request of its paths is answered in, where two have the same and headers tell. NULL: itself. */
    const struct dialect *(*speaks)(const struct http_request *request);

    /* What its requests must be besides, once it is known who asks and before their body is taken. NULL: nothing. */
    enum error_code (*admit)(const struct api_call *call, struct error *error);

    /* Which model the body names and whether it wants a stream. NULL: the path and the operation say. *model points
     * into the body. */
    enum error_code (*peek)(yyjson_val *root, struct str *model, bool *is_stream, struct error *error);
};

/* How the events of a stream that a codec writes go over the wire. Each appends one event and is false when the buffer
 * failed or the event can't be framed. */
struct dialect_framing {
    const char *content_type;
    bool (*append_event)(struct buf *out, struct str type, struct str payload);
    bool (*append_error)(struct buf *out, const struct error *error); /* the last event of a stream that failed */
    bool (*append_wait)(struct buf *out); /* before the first event, while it keeps waiting; NULL: headers wait, too */
    bool (*append_end)(struct buf *out); /* behind the last event of a whole one; NULL: its end says enough */
    bool names_logged_events; /* in a log an event is {"TYPE":PAYLOAD}; else its payload says what it is */
};

/* For tables of errors by code: the code's, or that of ERROR_INTERNAL. */
struct dialect_error dialect_error_of(const struct dialect_error *errors, size_t count, enum error_code code);
/* `peek` of dialects whose bodies have the members `model` and `stream`. */
enum error_code dialect_peek(yyjson_val *root, struct str *model, bool *is_stream, struct error *error);

/* What may be said to a caller: internal errors keep their message for the log. */
const char *dialect_message(const struct dialect *dialect, const struct error *error);

/* Each answers; the exchange is gone after. `extra` headers come behind the dialect's own. */
void dialect_refuse(const struct dialect *dialect, struct http_exchange *exchange, const struct dialect_error *error,
                    const char *message, const char *request_id, const struct http_header *extra, size_t extra_count);
/* With retry-after where another try is worth it. */
void dialect_fail(const struct dialect *dialect, struct http_exchange *exchange, const struct error *error,
                  const char *request_id);
void dialect_fail_with(const struct dialect *dialect, struct http_exchange *exchange, const struct error *error,
                       const char *request_id, const struct http_header *extra, size_t extra_count); /* two at most */

#endif
