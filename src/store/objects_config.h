/* objects_config.h - `s3:` and `objects:` of fulcrum.yaml: where objects are, and how many each tenant may have. */
#ifndef STORE_OBJECTS_CONFIG_H
#define STORE_OBJECTS_CONFIG_H

#include "core/config.h"

struct s3_config {
    const char *endpoint, *region, *key, *secret; /* endpoint NULL: objects are kept in DATA/objects */
};
extern const struct config_section s3_section;
const struct s3_config *s3_config(const struct config *config);

struct objects_config {
    uint64_t quota_bytes; /* of each tenant's; 0: none */
    const char **hosts;   /* names of this server that buckets stand before; none: localhost */
    size_t host_count;
    bool are_encrypted;   /* by the disk below them, says who runs the server */
};
extern const struct config_section objects_section;
const struct objects_config *objects_config(const struct config *config);

extern const struct config_section tenant_objects_section; /* a quota of its own */

/* Bytes that the tenant's objects may take: its own quota, or that of all; 0: no quota. */
uint64_t objects_quota_of(const struct config *config, struct str tenant);
bool objects_have_quota(const struct config *config); /* has anybody one? */

#endif
