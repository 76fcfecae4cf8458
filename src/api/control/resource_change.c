/* resource_change.c - sends changes of resources to a thread that may wait, and answers. What is asked for was parsed
 * before. See resource_change.h. */
#include "api/control/resource_change.h"

#include "api/control/resource_tags.h"
#include "store/disk.h"

#define TAGS_BODY_MAX (1u << 20)

struct resource_change *resource_change_new(struct api_call *call, struct resources *resources, size_t size)
{
    struct arena *arena = &call->exchange->arena;
    struct resource_change *change = ARENA_NEW(arena, struct resource_change);
    struct resource *resource = arena_alloc(arena, size);
    if (!change || !resource) {
        struct error error;
        (void)error_no_memory(&error);
        call_fail(call, &error);
        return NULL;
    }
    memset(resource, 0, size);
    resource->tenant = str_of(call->identity.tenant);
    *change = (struct resource_change){.call = call, .resources = resources, .arena = arena, .resource = resource};
    return change;
}

static void run(void *ctx)
{
    struct resource_change *change = ctx;
    change->code = disk_check(&change->error);
    if (change->code == OK)
        change->code = change->make(change);
}

static void on_changed(void *ctx, bool is_gone)
{
    struct resource_change *change = ctx;
    if (is_gone) {
        call_account(change->call, CALL_CLIENT_GONE);
    } else if (change->code != OK) {
        call_fail(change->call, &change->error);
    } else {
        call_add_ignored(change->call);
        change->respond(change);
    }
}

/* Or answers at once. */
static void send_off(struct resource_change *change)
{
    if (change->code == OK)
        offload_start(&change->offload, change->call->exchange, run, on_changed, change);
    else
        on_changed(change, false);
}

static void respond_nothing(struct resource_change *change)
{
    call_respond(change->call, 200, STR("application/json"), STR("{}"));
}

static enum error_code make(struct resource_change *change)
{
    return resources_create(change->resources, change->resource, &change->error);
}

void resource_change_create(struct resource_change *change, void (*respond)(struct resource_change *change))
{
    change->make = make;
    change->respond = respond;
    send_off(change);
}

static enum error_code drop(struct resource_change *change)
{
    return resources_delete(change->resources, change->resource->tenant, str_of(change->resource->id),
                            &change->error);
}

void resource_change_delete(struct resource_change *change)
{
    change->make = drop;
    change->respond = respond_nothing;
    send_off(change);
}

static enum error_code merge_tags(void *ctx, struct str tags, struct arena *arena, struct str *merged,
                                  struct error *error)
{
    const struct tag_request *request = ctx;
    return resource_tags_merge(tags, &request->tags, request->keys, request->key_count, arena, merged, error);
}

static enum error_code tag(struct resource_change *change)
{
    return resources_tag(change->resources, change->resource->tenant, str_of(change->resource->id), merge_tags,
                         &change->tags, &change->error);
}

void resource_change_tag(struct resource_change *change)
{
    change->make = tag;
    change->respond = respond_nothing;
    send_off(change);
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
