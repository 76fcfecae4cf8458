/* profile_store.h - application inference profiles: names that a tenant gives to a model, so that its lines in the
 * ledger can be told apart. A kind of resources. */
#ifndef API_PROFILE_STORE_H
#define API_PROFILE_STORE_H

#include "store/resource.h"

struct profile {
    struct resource head;
    struct str account, region;
    struct str name, description; /* description may be empty */
    struct str source;            /* ARN of the foundation model or system profile that it stands for */
};

extern const struct resource_kind profile_resource;

#endif
