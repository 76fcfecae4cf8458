/* resource_change.h - one call that makes, deletes or tags a resource. The disk is waited for on a thread of libuv's
 * pool; everything else happens on the call's own. */
#ifndef API_RESOURCE_CHANGE_H
#define API_RESOURCE_CHANGE_H

#include "api/call.h"
#include "api/control/tag_request.h"
#include "api/offload.h"
#include "store/resource.h"

/* In the exchange's arena, where all that it points to lies too. */
struct resource_change {
    struct api_call *call;
    struct resources *resources;
    struct arena *arena;       /* the exchange's */
    struct resource *resource; /* what shall be made; or the tenant and the ID of what is changed */
    struct tag_request tags;
    enum error_code code; /* anything but OK, before it is sent off: the request is wrong, as `error` says */
    struct error error;
    enum error_code (*make)(struct resource_change *change);
    void (*respond)(struct resource_change *change);
    struct offload offload;
};

/* `size`: of the kind's struct, which is zeroed but for the tenant. NULL: memory is out, and the call has been
 * answered. */
struct resource_change *resource_change_new(struct api_call *call, struct resources *resources, size_t size);

/* Each answers, sooner or later. `respond` tells of what was made. */
void resource_change_create(struct resource_change *change, void (*respond)(struct resource_change *change));
void resource_change_delete(struct resource_change *change);
void resource_change_tag(struct resource_change *change);

/* Of a resource that is there. */
void resource_tags_respond(struct api_call *call, const struct resource *resource);

#endif
