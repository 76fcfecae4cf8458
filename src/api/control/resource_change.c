/* resource_change.c - changes of resources. What is asked for was parsed before. See resource_change.h. */
#include "api/control/resource_change.h"

#include "api/control/resource_tags.h"

#define TAGS_BODY_MAX (1u << 20)

struct resource_change *resource_change_new(struct api_call *call, struct resources *resources, size_t size)
{
    struct resource_change *change = change_new(call, sizeof(*change) + size);
    if (!change)
        return NULL;
    change->resources = resources;
    change->resource = (struct resource *)(void *)change->room;
    change->resource->tenant = str_of(call->identity.tenant);
    return change;
}

static enum error_code make(struct change *base)
{
    struct resource_change *change = (struct resource_change *)base;
    return resources_create(change->resources, change->resource, &base->error);
}

void resource_change_create(struct resource_change *change, void (*respond)(struct change *change))
{
    change_send(&change->base, make, respond);
}

static enum error_code drop(struct change *base)
{
    struct resource_change *change = (struct resource_change *)base;
    return resources_delete(change->resources, change->resource->tenant, str_of(change->resource->id), &base->error);
}

void resource_change_delete(struct resource_change *change)
{
    change_send(&change->base, drop, change_respond_nothing);
}

static enum error_code merge_tags(void *ctx, struct str tags, struct arena *arena, struct str *merged,
                                  struct error *error)
{
    const struct tag_request *request = ctx;
    return resource_tags_merge(tags, &request->tags, request->keys, request->key_count, arena, merged, error);
}

static enum error_code tag(struct change *base)
{
    struct resource_change *change = (struct resource_change *)base;
    return resources_tag(change->resources, change->resource->tenant, str_of(change->resource->id), merge_tags,
                         &change->tags, &base->error);
}

void resource_change_tag(struct resource_change *change)
{
    change_send(&change->base, tag, change_respond_nothing);
}

void resource_tags_respond(struct api_call *call, const struct resource *resource)
{
    struct job_tags tags;
    struct error error;
    struct buf body;
    if (resource_tags_parse(resource->tags, &call->exchange->arena, &tags, &error) != OK) {
        call_fail(call, &error);
        return;
    }
    buf_init(&body, TAGS_BODY_MAX);
    tags_append(&body, &tags);
    call_respond_json(call, &body);
    buf_deinit(&body);
}

void resource_tags_take(struct api_call *call, struct resources *resources, size_t size,
                        const struct resource *resource, enum tag_operation operation,
                        const struct tag_request *request)
{
    if (operation == LIST_TAGS) {
        resource_tags_respond(call, resource);
        return;
    }
    struct resource_change *change = resource_change_new(call, resources, size);
    if (!change)
        return;
    change->tags = *request;
    memcpy(change->resource->id, resource->id, sizeof(resource->id));
    resource_change_tag(change);
}
