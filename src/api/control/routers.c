/* CreatePromptRouter, GetPromptRouter, ListPromptRouters, DeletePromptRouter, and tags of prompt routers. Questions are
 * answered from memory at once; changes wait for the disk on a thread of libuv's pool. */
#include "api/control/routers.h"
#include "generate/route_doubt.h"

#include "api/control/resource_change.h"
#include "api/control/profiles.h"
#include "api/control/routers_create.h"
#include "api/fields.h"

#define ROUTERS_BODY_MAX (16u << 20)
#define PAGE_MAX 1000
#define COMMON_TOKEN 'c' /* first letter of a page's token: the next is one that all tenants have, */
#define OWN_TOKEN 'o'    /* or one that the tenant has made */

/* --- how a router is shown -------------------------------------------------------------------------- */

static void append_model(struct buf *out, const struct api_call *call, struct str listed)
{
    const struct str arn = router_model_arn(call, listed);
    buf_append_text(out, "{\"modelArn\":");
    buf_append_json(out, arn.data ? arn : listed);
    buf_append_char(out, '}');
}

/* The difference that a rule of another kind comes nearest to. */
static double shown_difference(const struct router *router)
{
    return router->rule == ROUTER_RULE_TOLERANCE ? router->tolerance : router->difference;
}

/* Where the dearest one is the fallback, it is that of a route. */
static struct str shown_fallback(const struct api_call *call, const struct router *router)
{
    const struct routing_asker asker = call_asker(call);
    struct route *route = NULL;
    struct error ignored;
    if (router->fallback != ROUTER_DEAREST)
        return router->models[router->fallback].listed;
    if (route_new(call->thread->api->work->routing, &asker, router->name, &call->exchange->arena, &route, &ignored) !=
            OK ||
        !route)
        return router->models[0].listed;
    return route->targets[0].listed;
}

/* Beyond the service: which answers are made again, and how many rows each model's chances stand on. */
static void append_escalation(struct buf *out, const struct api_call *call, const struct router *router)
{
    const struct routing_asker asker = call_asker(call);
    struct route *route = NULL;
    struct error ignored;
    bool is_first = true;
    if (!(router->escalate_below > 0))
        return;
    buf_appendf(out, ",\"escalate\":{\"below\":%.6g,\"share\":%.6g,\"hold\":%u,\"rows\":{", router->escalate_below,
                router->escalate_share, router->escalate_hold);
    (void)!route_new(call->thread->api->work->routing, &asker, router->name, &call->exchange->arena, &route, &ignored);
    for (size_t i = 0; route && i < route->count; i++) {
        if (!route_doubt_may(route, i))
            continue;
        buf_append_text(out, is_first ? "" : ",");
        is_first = false;
        buf_append_json(out, str_of(route->targets[i].name));
        buf_appendf(out, ":%u", route_doubt_rows(route, i));
    }
    buf_append_text(out, "}}");
}

static void append_router(struct buf *out, const struct api_call *call, const struct router *router)
{
    const struct routing_asker asker = call_asker(call);
    buf_append_text(out, "{\"promptRouterName\":");
    buf_append_json(out, router->name);
    buf_appendf(out, ",\"routingCriteria\":{\"responseQualityDifference\":%.10g}", shown_difference(router) * 100);
    if (router->description.len > 0)
        json_append_member(out, "description", router->description);
    json_append_time_member(out, "createdAt", router->head.created_us);
    json_append_time_member(out, "updatedAt", router->head.updated_us);
    json_append_member(out, "promptRouterArn", router_arn(router, &asker, &call->exchange->arena));
    buf_append_text(out, ",\"models\":[");
    for (size_t i = 0; i < router->model_count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        append_model(out, call, router->models[i].listed);
    }
    buf_append_text(out, "],\"fallbackModel\":");
    append_model(out, call, shown_fallback(call, router));
    append_escalation(out, call, router);
    buf_appendf(out, ",\"status\":\"AVAILABLE\",\"type\":\"%s\"}",
                router->kind == ROUTER_DEFAULT ? "default" : "custom");
}

/* --- get -------------------------------------------------------------------------------------------- */

/* ERROR_NOT_FOUND too for what is no router. */
static enum error_code find(struct api_call *call, struct str text, struct router *router, struct error *error)
{
    const struct routing_asker asker = call_asker(call);
    bool is_router = false;
    enum error_code code = routing_find(call->thread->api->work->routing, &asker, text, &call->exchange->arena, router,
                                        &is_router, error);
    if (code == OK && !is_router)
        code = error_set(error, ERROR_NOT_FOUND, "There is no prompt router '%.*s'.",
                         (int)(text.len > 128 ? 128 : text.len), text.data);
    return code;
}

void router_get(struct api_call *call)
{
    struct error error;
    struct router router;
    struct buf body;
    if (find(call, call->resource, &router, &error) != OK) {
        call_fail(call, &error);
        return;
    }
    buf_init(&body, ROUTERS_BODY_MAX);
    append_router(&body, call, &router);
    call_respond_json(call, &body);
    buf_deinit(&body);
}

/* --- list ------------------------------------------------------------------------------------------- */

struct page {
    bool has_default, has_custom; /* types that are asked for */
    uint64_t skip;                /* common ones that were seen */
    bool is_past_common;
    int64_t beyond;               /* sequence of the last own router that was seen */
    size_t max, count;
    struct str next; /* token of the page behind this one; empty: none */
};

static enum error_code parse_token(struct str token, struct page *page, struct error *error)
{
    uint64_t number;
    if (!token.data)
        return OK;
    if (token.len < 2 || !str_to_u64(str_slice(token, 1, token.len), &number) || number > INT64_MAX ||
        (token.data[0] != COMMON_TOKEN && token.data[0] != OWN_TOKEN))
        return field_error(error, "", "nextToken", "is not one that this operation has given");
    page->is_past_common = token.data[0] == OWN_TOKEN;
    page->skip = page->is_past_common ? 0 : number;
    page->beyond = page->is_past_common ? (int64_t)number : 0;
    return OK;
}

static enum error_code parse_page(struct api_call *call, struct page *page, struct error *error)
{
    const struct str type = http_query_get(call->exchange, "type"), max = http_query_get(call->exchange, "maxResults");
    uint64_t number = PAGE_MAX;
    *page = (struct page){.has_default = true, .has_custom = true};
    if (type.data) {
        page->has_default = str_eq(type, STR("default"));
        page->has_custom = str_eq(type, STR("custom"));
        if (!page->has_default && !page->has_custom)
            return field_error(error, "", "type", "must be custom or default");
    }
    if (max.data && (!str_to_u64(max, &number) || number < 1 || number > PAGE_MAX))
        return field_error(error, "", "maxResults", "must be between 1 and %d", PAGE_MAX);
    page->max = (size_t)number;
    return parse_token(http_query_get(call->exchange, "nextToken"), page, error);
}

static void put_next(struct api_call *call, struct page *page, char kind, long long number)
{
    page->next = arena_printf(&call->exchange->arena, "%c%lld", kind, number);
}

static enum error_code list_common(struct api_call *call, struct page *page, struct buf *out, struct error *error)
{
    const struct routing_asker asker = call_asker(call);
    struct router *routers = ARENA_ARRAY(&call->exchange->arena, struct router, ROUTING_COMMON_MAX);
    if (!routers)
        return error_no_memory(error);
    const size_t count = routing_common(call->thread->api->work->routing, &asker, &call->exchange->arena, routers);
    for (size_t i = page->skip; i < count && page->next.len == 0; i++) {
        if (routers[i].kind == ROUTER_DEFAULT ? !page->has_default : !page->has_custom)
            continue;
        if (page->count == page->max) {
            put_next(call, page, COMMON_TOKEN, (long long)i);
            break;
        }
        if (page->count++ > 0)
            buf_append_char(out, ',');
        append_router(out, call, &routers[i]);
    }
    return OK;
}

static enum error_code list_own(struct api_call *call, struct page *page, struct buf *out, struct error *error)
{
    void *list;
    size_t count;
    bool has_more;
    enum error_code code = resources_list(call->thread->api->routers, str_of(call->identity.tenant), page->beyond,
                                          page->max - page->count, &call->exchange->arena, &list, &count, &has_more,
                                          error);
    if (code != OK)
        return code;
    const struct router *found = list;
    for (size_t i = 0; i < count; i++) {
        if (page->count++ > 0)
            buf_append_char(out, ',');
        append_router(out, call, &found[i]);
    }
    if (has_more)
        put_next(call, page, OWN_TOKEN, (long long)(count ? found[count - 1].head.sequence : page->beyond));
    return OK;
}

void router_list(struct api_call *call)
{
    struct error error;
    struct page page;
    struct buf body;
    enum error_code code = parse_page(call, &page, &error);
    buf_init(&body, ROUTERS_BODY_MAX);
    buf_append_text(&body, "{\"promptRouterSummaries\":[");
    if (code == OK && !page.is_past_common)
        code = list_common(call, &page, &body, &error);
    if (code == OK && page.has_custom && page.next.len == 0)
        code = list_own(call, &page, &body, &error);
    buf_append_char(&body, ']');
    if (code == OK && page.next.len > 0)
        json_append_member(&body, "nextToken", page.next);
    buf_append_char(&body, '}');
    if (code == OK)
        call_respond_json(call, &body);
    else
        call_fail(call, &error);
    buf_deinit(&body);
}

/* --- changes ---------------------------------------------------------------------------------------- */

static void respond_created(struct change *base)
{
    const struct resource_change *change = (const struct resource_change *)base;
    struct api_call *call = base->call;
    const struct routing_asker asker = call_asker(call);
    const struct str arn = router_arn((const struct router *)change->resource, &asker, &call->exchange->arena);
    const struct str body =
        arena_printf(&call->exchange->arena, "{\"promptRouterArn\":\"" STR_FMT "\"}", STR_ARG(arn));
    call_respond(call, 200, STR("application/json"), body.data ? body : STR("{}"));
}

static struct resource_change *new_change(struct api_call *call)
{
    return resource_change_new(call, call->thread->api->routers, sizeof(struct router));
}

void router_create(struct api_call *call)
{
    struct resource_change *change = new_change(call);
    if (!change)
        return;
    struct router *router = (struct router *)change->resource;
    router->account = str_of(call->identity.account);
    router->region = str_of(call->identity.region);
    change->base.code = router_create_parse(call, router, &change->base.error);
    resource_change_create(change, respond_created);
}

/* The router as it is, before it is changed: one that its tenant has made. */
static enum error_code find_changed(struct api_call *call, struct str text, struct resource_change *change,
                                    struct error *error)
{
    struct router router;
    enum error_code code = find(call, text, &router, error);
    if (code == OK && router.kind != ROUTER_CUSTOM)
        code = field_error(error, "", "promptRouterArn", "%s cannot be changed by this API",
                           router.kind == ROUTER_DEFAULT ? "a default router" : "a router of fulcrum.yaml");
    if (code == OK)
        memcpy(change->resource->id, router.head.id, sizeof(router.head.id));
    return code;
}

void router_delete(struct api_call *call)
{
    struct resource_change *change = new_change(call);
    if (!change)
        return;
    change->base.code = find_changed(call, call->resource, change, &change->base.error);
    resource_change_delete(change);
}

/* --- tags ------------------------------------------------------------------------------------------- */

static void list_tags(struct api_call *call, struct str resource)
{
    struct error error;
    struct router router;
    if (find(call, resource, &router, &error) == OK)
        resource_tags_respond(call, &router.head);
    else
        call_fail(call, &error);
}

static bool is_router_arn(struct str text)
{
    return str_starts(text, STR("arn:")) && (str_find(text, STR(":prompt-router/"), 0) > 0 ||
                                             str_find(text, STR(":default-prompt-router/"), 0) > 0);
}

bool routers_take_tags(struct api_call *call, enum tag_operation operation)
{
    struct tag_request request;
    struct error error;
    if (tag_request_parse(operation, call->exchange->request.body, &call->exchange->arena, &request, &error) != OK ||
        !is_router_arn(request.resource))
        return false;
    if (operation == LIST_TAGS) {
        list_tags(call, request.resource);
        return true;
    }
    struct resource_change *change = new_change(call);
    if (!change)
        return true;
    change->tags = request;
    change->base.code = find_changed(call, request.resource, change, &change->base.error);
    resource_change_tag(change);
    return true;
}
