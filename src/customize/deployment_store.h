/* deployment_store.h - deployments of custom models: a kind of resources, each a struct deployment. A name is taken
 * once in a tenant (ERROR_INVALID). */
#ifndef CUSTOMIZE_DEPLOYMENT_STORE_H
#define CUSTOMIZE_DEPLOYMENT_STORE_H

#include "store/resource.h"

struct deployment {
    struct resource head;
    struct str account, region, name;
    struct str description; /* may be empty */
    struct str model;       /* ID of the custom model that answers */
    struct str next;        /* of the one that is to answer once it is loaded; empty: none is */
    struct str updated;     /* of the one that the last update asked for; empty: there was none */
};

extern const struct resource_kind deployment_resource;

#endif
