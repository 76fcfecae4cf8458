/* dialect.h - the server's own way of saying things, for its console and whoever asks what the console asks: paths
 * below /console and /fulcrum, errors as {"error":{"type":...,"message":...}} by the service's names, and 401 where
 * somebody has to log in. Any thread. */
#ifndef API_CONSOLE_DIALECT_H
#define API_CONSOLE_DIALECT_H

#include "api/dialect.h"
#include "api/operations.h"

extern const struct dialect console_dialect;

extern const struct operations_table console_operations; /* /fulcrum/... */
extern const struct operations_table console_pages;      /* /console... */

/* Of its requests, healthz and metrics apart: without tenants the host that they name must not be one that a stranger's
 * page could stand behind; and a browser must not have been sent by another site, or by a page that has not read the
 * token. ERROR_DENIED. */
enum error_code console_admit(const struct api_call *call, struct error *error) WARN_UNUSED;

#endif
