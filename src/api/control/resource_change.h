/* resource_change.h - one call that makes, deletes or tags a resource. */
#ifndef API_RESOURCE_CHANGE_H
#define API_RESOURCE_CHANGE_H

#include <stddef.h>

#include "api/control/change.h"
#include "api/control/tag_request.h"
#include "store/resource.h"

struct resource_change {
    struct change base;
    struct resources *resources;
    struct resource *resource; /* what shall be made; or the tenant and the ID of what is changed */
    struct tag_request tags;
    _Alignas(max_align_t) char room[]; /* for the resource */
};

/* `size`: of the kind's struct, which is zeroed but for the tenant. NULL: as of change_new. */
struct resource_change *resource_change_new(struct api_call *call, struct resources *resources, size_t size);

/* Each answers, sooner or later. `respond` tells of what was made. */
void resource_change_create(struct resource_change *change, void (*respond)(struct change *change));
void resource_change_delete(struct resource_change *change);
void resource_change_tag(struct resource_change *change);

/* Of a resource that is there. */
void resource_tags_respond(struct api_call *call, const struct resource *resource);
/* The same, or what else is asked about them; `size` as above. */
void resource_tags_take(struct api_call *call, struct resources *resources, size_t size,
                        const struct resource *resource, enum tag_operation operation,
                        const struct tag_request *request);

#endif
