/* routers_create.h - the body of CreatePromptRouter. On the exchange's I/O thread. */
#ifndef API_ROUTERS_CREATE_H
#define API_ROUTERS_CREATE_H

#include "api/call.h"

/* Fills in what the request says; strings lie in the exchange's arena. */
enum error_code router_create_parse(struct api_call *call, struct router *router, struct error *error) WARN_UNUSED;

/* How the service writes a model that is listed by its ID or name alone: as the ARN of a foundation model, or with a
 * geography before it of an inference profile. An ARN stays as it is. In the call's arena; data NULL: no memory. */
struct str router_model_arn(const struct api_call *call, struct str listed);

#endif
