/* protocol.h - the three protocols that the monitoring service speaks on one port: which of them a request is in, what
 * it asks for, and how errors and replies are written.
 *
 *   AWS JSON 1.0  POST /, X-Amz-Target: GraniteServiceVersion20100801.OPERATION
 *   RPC v2 CBOR   POST /service/GraniteServiceVersion20100801/operation/OPERATION
 *   Query         POST / with a form, or GET / with a query: Action=OPERATION&Version=2010-08-01
 *
 * Pure functions, any thread. */
#ifndef API_MONITORING_PROTOCOL_H
#define API_MONITORING_PROTOCOL_H

#include "api/dialect.h"
#include "api/monitoring/service.h"
#include "api/operations.h"

enum monitoring_protocol { MONITORING_JSON, MONITORING_CBOR, MONITORING_QUERY, MONITORING_PROTOCOLS };

extern const struct operations_table monitoring_table;
extern const struct dialect *const monitoring_dialects[MONITORING_PROTOCOLS];

/* By the headers; `scope`: the service of the request's signature, empty without one. False: it is somebody else's. A
 * Query's operation stands in its body: the match is the row that reads it. */
struct meant;
bool monitoring_match(const struct http_request *request, struct str scope, struct operations_match *match);

/* Which protocol a call is answered in, by its dialect. */
enum monitoring_protocol monitoring_protocol_of(const struct dialect *dialect);
const char *monitoring_content_type(enum monitoring_protocol protocol);

/* A whole reply's body. `output` may be NULL where the operation gives nothing back. */
void monitoring_append_reply(struct buf *out, enum monitoring_protocol protocol,
                             const struct monitoring_operation *operation, yyjson_mut_val *output,
                             const char *request_id);

/* --- errors --- */

struct monitoring_error {
    int status;
    const char *code;  /* the Query protocol's, which users know: "InvalidParameterValue" */
    const char *shape; /* the same in a __type: "InvalidParameterValueException" */
};

/* Of a fault, else of what is wrong by its code. */
const struct monitoring_error *monitoring_error_of(enum monitoring_fault fault, enum error_code code);
void monitoring_append_error(struct buf *out, enum monitoring_protocol protocol, const struct monitoring_error *error,
                             struct str message, const char *request_id);

#endif
