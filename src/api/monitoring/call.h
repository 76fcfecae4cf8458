/* call.h - one request of the monitoring service, from the pipeline to its handler and back. On the exchange's I/O
 * thread; handlers run on libuv's pool. */
#ifndef API_MONITORING_CALL_H
#define API_MONITORING_CALL_H

#include "api/call.h"

void monitoring_call(struct api_call *call);  /* the operation is known */
void monitoring_query(struct api_call *call); /* the form in the query or the body names it */

/* Whether a form is meant for this service: it names its version. */
bool monitoring_form_is_meant(struct str form);

/* The row of an operation; NULL: there is none of this name. */
const struct api_operation *monitoring_row(struct str name, size_t *index);

#endif
