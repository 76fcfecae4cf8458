/* routers_create.h - the body of CreatePromptRouter. On the exchange's I/O thread. */
#ifndef API_ROUTERS_CREATE_H
#define API_ROUTERS_CREATE_H

#include "api/call.h"

/* Fills in what the request says; strings lie in the exchange's arena. */
enum error_code router_create_parse(struct api_call *call, struct router *router, struct error *error) WARN_UNUSED;

#endif
