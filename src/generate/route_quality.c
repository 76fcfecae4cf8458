/* route_quality.c - see route_quality.h. Without predictors every router answers by its fallback. */
#include "generate/route_quality.h"

enum error_code route_qualities_open(const struct routers_config *routers, struct route_qualities **qualities,
                                     struct error *error)
{
    (void)routers;
    (void)error;
    *qualities = NULL;
    return OK;
}

void route_qualities_close(struct route_qualities *qualities)
{
    (void)qualities;
}

bool route_qualities_ask(const struct route_qualities *qualities, const struct router_config *router,
                         const struct chat_request *request, struct route_quality *models, size_t count)
{
    (void)qualities;
    (void)router;
    (void)request;
    (void)models;
    (void)count;
    return false;
}
