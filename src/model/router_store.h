/* router_store.h - the routers that tenants have made by the API: a kind of resources, each a struct router. A name is
 * taken once in a tenant (ERROR_CONFLICT). */
#ifndef MODEL_ROUTER_STORE_H
#define MODEL_ROUTER_STORE_H

#include "model/router.h"

extern const struct resource_kind router_resource;

#endif
