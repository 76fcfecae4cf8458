/* routers.h - prompt routers: the operations on them, and their tags. On the exchange's I/O thread. */
#ifndef API_ROUTERS_H
#define API_ROUTERS_H

#include "api/call.h"
#include "api/control/tag_request.h"

/* TagResource and the like, when the resource is a prompt router. False: it is something else, or the body makes no
 * sense; nothing has been answered. */
bool routers_take_tags(struct api_call *call, enum tag_operation operation);

void explain_route(struct api_call *call); /* operations of our own (explain.c) */
void describe_router(struct api_call *call);

#endif
