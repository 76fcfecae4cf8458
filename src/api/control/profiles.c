/* CreateInferenceProfile, GetInferenceProfile, ListInferenceProfiles,
 * DeleteInferenceProfile, and tags of application profiles. Questions are
 * answered from memory at once; changes wait for the disk on a thread of
 * libuv's pool. */
#include "api/control/profiles.h"

#include "api/control/profile_store.h"
#include "api/control/resource_change.h"
#include "api/control/resource_tags.h"
#include "api/fields.h"
#include "core/arn.h"

#define PROFILES_BODY_MAX (16u << 20)
#define NAME_MAX_LEN 64
#define DESCRIPTION_MAX_LEN 200
#define TOKEN_MAX_LEN 256
#define SOURCE_MAX_LEN 2048
#define PAGE_MAX 1000
#define SYSTEM_TOKEN 's' /* first letter of a page's token: the next is one of the catalogue's, */
#define OWN_TOKEN 'a'    /* or one that the tenant has made */

/* --- ARNs ------------------------------------------------------------------------------------------- */

/* The ID of an application profile, if `text` is one or an ARN of one; else empty. */
static struct str own_id(struct str text, struct arn *arn)
{
    *arn = (struct arn){0};
    if (resource_is_id(text))
        return text;
    return arn_split(text, arn) && str_eq(arn->type, STR("application-inference-profile")) && resource_is_id(arn->id)
               ? arn->id
               : (struct str){NULL, 0};
}

/* The caller's profile by ID or ARN; an ARN means it in its own region and account alone. */
static enum error_code get_own(struct api_call *call, struct str text, struct profile *profile, struct error *error)
{
    struct arn arn;
    struct str id = own_id(text, &arn);
    enum error_code code = resources_get(call->thread->api->profiles, str_of(call->identity.tenant), id,
                                         &call->exchange->arena, profile, error);
    bool is_other = code == OK && arn.id.data &&
                    (!str_eq(arn.region, profile->region) || !str_eq(arn.account, profile->account));
    return is_other ? error_set(error, ERROR_NOT_FOUND, "There is no inference profile at this ARN.") : code;
}

static struct str own_arn(struct api_call *call, const struct profile *profile)
{
    struct str arn = arena_printf(&call->exchange->arena,
                                  "arn:aws:bedrock:" STR_FMT ":" STR_FMT ":application-inference-profile/%s",
                                  STR_ARG(profile->region), STR_ARG(profile->account), profile->head.id);
    return arn.data ? arn : STR("");
}

bool profiles_find(struct api_call *call, struct str id, struct str *arn, struct str *tags, struct str *source)
{
    struct arn ignored;
    struct profile profile;
    struct error error;
    if (!own_id(id, &ignored).data || get_own(call, id, &profile, &error) != OK)
        return false;
    *arn = own_arn(call, &profile);
    *tags = profile.head.tags;
    *source = profile.source;
    return arn->len > 0;
}

/* --- how a profile is shown ------------------------------------------------------------------------- */

static void append_model(struct buf *out, struct str region, struct str id)
{
    buf_appendf(out, "{\"modelArn\":\"arn:aws:bedrock:" STR_FMT "::foundation-model/", STR_ARG(region));
    buf_append_str(out, id); /* letters, digits and ._-: */
    buf_append_text(out, "\"}");
}

/* `models`: the model in each region of the geography, or in the one region. */
static void append_models(struct buf *out, const struct api_call *call, const struct catalog_match *match,
                          struct str region)
{
    const struct catalog_geography *geography =
        match->place.len ? catalog_geography(call->thread->api->catalog, match->place) : NULL;
    buf_append_text(out, ",\"models\":[");
    for (size_t i = 0; geography && i < geography->region_count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        append_model(out, str_of(geography->regions[i]), match->id);
    }
    if (!geography)
        append_model(out, region, match->id);
    buf_append_char(out, ']');
}

static void append_system(struct buf *out, const struct api_call *call, const struct catalog_match *match,
                          struct str id)
{
    const struct catalog_geography *geography = catalog_geography(call->thread->api->catalog, match->place);
    struct str name = match->entry ? str_of(match->entry->name) : match->id;
    struct str place = geography ? str_of(geography->name) : match->place;
    const char *maker = match->entry ? match->entry->provider : "";
    struct str shown = arena_printf(&call->exchange->arena, STR_FMT " %s%s" STR_FMT, STR_ARG(place), maker,
                                    maker[0] ? " " : "", STR_ARG(name));
    buf_append_text(out, "{\"inferenceProfileName\":");
    buf_append_json(out, str_slice(shown, 0, NAME_MAX_LEN));
    struct str description = arena_printf(&call->exchange->arena, "Routes requests to " STR_FMT " in " STR_FMT ".",
                                          STR_ARG(name), STR_ARG(place));
    json_append_member(out, "description", description);
    buf_appendf(out, ",\"inferenceProfileArn\":\"arn:aws:bedrock:%s:%s:inference-profile/", call->identity.region,
                call->identity.account);
    buf_append_str(out, id);
    buf_append_char(out, '"');
    append_models(out, call, match, str_of(call->identity.region));
    json_append_member(out, "inferenceProfileId", id);
    buf_append_text(out, ",\"status\":\"ACTIVE\",\"type\":\"SYSTEM_DEFINED\"}");
}

/* Its model may have left fulcrum.yaml since: then the ID alone is known. */
static void append_own(struct buf *out, struct api_call *call, const struct profile *profile)
{
    const struct api *api = call->thread->api;
    struct catalog_match match;
    struct arn arn = {0};
    struct error ignored;
    bool is_split = arn_split(profile->source, &arn);
    if (catalog_resolve(api->catalog, api->models, profile->source, &match, &ignored) != OK)
        match = (struct catalog_match){.id = is_split ? catalog_bare_id(arn.id) : profile->source};
    buf_append_text(out, "{\"inferenceProfileName\":");
    buf_append_json(out, profile->name);
    if (profile->description.len > 0)
        json_append_member(out, "description", profile->description);
    json_append_time_member(out, "createdAt", profile->head.created_us);
    json_append_time_member(out, "updatedAt", profile->head.updated_us);
    json_append_member(out, "inferenceProfileArn", own_arn(call, profile));
    append_models(out, call, &match, arn.region.len ? arn.region : profile->region);
    json_append_member(out, "inferenceProfileId", str_of(profile->head.id));
    buf_append_text(out, ",\"status\":\"ACTIVE\",\"type\":\"APPLICATION\"}");
}

/* --- get -------------------------------------------------------------------------------------------- */

/* A geography and a model that is served, as an ID or in an ARN. */
static enum error_code find_system(struct api_call *call, struct str text, struct str *id, struct catalog_match *match,
                                   struct error *error)
{
    const struct api *api = call->thread->api;
    struct arn arn;
    *id = text;
    if (arn_split(text, &arn) && str_eq(arn.type, STR("inference-profile")))
        *id = arn.id;
    if (catalog_resolve(api->catalog, api->models, *id, match, error) == OK && match->place.len > 0)
        return OK;
    return error_set(error, ERROR_NOT_FOUND, "There is no inference profile '%.*s'.",
                     (int)(text.len > 128 ? 128 : text.len), text.data);
}

void profile_get(struct api_call *call)
{
    struct error error;
    struct profile profile;
    struct catalog_match match;
    struct arn ignored;
    struct str id;
    struct buf body;
    bool is_own = own_id(call->resource, &ignored).data != NULL;
    enum error_code code = is_own ? get_own(call, call->resource, &profile, &error)
                                  : find_system(call, call->resource, &id, &match, &error);
    if (code != OK) {
        call_fail(call, &error);
        return;
    }
    buf_init(&body, PROFILES_BODY_MAX);
    if (is_own)
        append_own(&body, call, &profile);
    else
        append_system(&body, call, &match, id);
    call_respond_json(call, &body);
    buf_deinit(&body);
}

/* --- list ------------------------------------------------------------------------------------------- */

struct page {
    bool has_system, has_own; /* types that are asked for */
    uint64_t skip;            /* system profiles that were seen */
    bool is_past_system;
    int64_t beyond;           /* sequence of the last own profile that was seen */
    size_t max, count;
    struct str next; /* token of the page behind this one; empty: none */
};

static enum error_code parse_token(struct str token, struct page *page, struct error *error)
{
    uint64_t number;
    if (!token.data)
        return OK;
    if (token.len < 2 || !str_to_u64(str_slice(token, 1, token.len), &number) || number > INT64_MAX ||
        (token.data[0] != SYSTEM_TOKEN && token.data[0] != OWN_TOKEN))
        return field_error(error, "", "nextToken", "is not one that this operation has given");
    page->is_past_system = token.data[0] == OWN_TOKEN;
    page->skip = page->is_past_system ? 0 : number;
    page->beyond = page->is_past_system ? (int64_t)number : 0;
    return OK;
}

static enum error_code parse_page(struct api_call *call, struct page *page, struct error *error)
{
    struct str type = http_query_get(call->exchange, "type"), max = http_query_get(call->exchange, "maxResults");
    uint64_t number = PAGE_MAX;
    *page = (struct page){.has_system = true, .has_own = true};
    if (type.data) {
        page->has_system = str_eq(type, STR("SYSTEM_DEFINED"));
        page->has_own = str_eq(type, STR("APPLICATION"));
        if (!page->has_system && !page->has_own)
            return field_error(error, "", "type", "must be SYSTEM_DEFINED or APPLICATION");
    }
    if (max.data && (!str_to_u64(max, &number) || number < 1 || number > PAGE_MAX))
        return field_error(error, "", "maxResults", "must be between 1 and %d", PAGE_MAX);
    page->max = (size_t)number;
    return parse_token(http_query_get(call->exchange, "nextToken"), page, error);
}

/* One system profile. False: the page is full. */
static bool list_one(struct api_call *call, struct page *page, const char *prefix, const struct catalog_entry *entry,
                     uint64_t number, struct buf *out)
{
    const struct api *api = call->thread->api;
    struct catalog_match match;
    struct error ignored;
    struct str id = arena_printf(&call->exchange->arena, "%s.%s", prefix, entry->id);
    if (!id.data || catalog_resolve(api->catalog, api->models, id, &match, &ignored) != OK)
        return true;
    if (page->count == page->max) {
        page->next = arena_printf(&call->exchange->arena, "%c%llu", SYSTEM_TOKEN, (unsigned long long)number);
        return false;
    }
    if (page->count++ > 0)
        buf_append_char(out, ',');
    append_system(out, call, &match, id);
    return true;
}

static void list_system(struct api_call *call, struct page *page, struct buf *out)
{
    const struct catalog *catalog = call->thread->api->catalog;
    uint64_t number = 0;
    for (size_t i = 0; i < catalog->count; i++) {
        const struct catalog_entry *entry = &catalog->entries[i];
        for (size_t k = 0; k < entry->profile_count; k++, number++)
            if (number >= page->skip && !list_one(call, page, entry->profiles[k], entry, number, out))
                return;
    }
}

static enum error_code list_own(struct api_call *call, struct page *page, struct buf *out, struct error *error)
{
    void *list;
    size_t count;
    bool has_more;
    enum error_code code = resources_list(call->thread->api->profiles, str_of(call->identity.tenant), page->beyond,
                                          page->max - page->count, &call->exchange->arena, &list, &count, &has_more,
                                          error);
    if (code != OK)
        return code;
    const struct profile *found = list;
    for (size_t i = 0; i < count; i++) {
        if (page->count++ > 0)
            buf_append_char(out, ',');
        append_own(out, call, &found[i]);
    }
    if (has_more)
        page->next = arena_printf(&call->exchange->arena, "%c%lld", OWN_TOKEN,
                                  (long long)(count ? found[count - 1].head.sequence : page->beyond));
    return OK;
}

void profile_list(struct api_call *call)
{
    struct error error;
    struct page page;
    struct buf body;
    enum error_code code = parse_page(call, &page, &error);
    buf_init(&body, PROFILES_BODY_MAX);
    buf_append_text(&body, "{\"inferenceProfileSummaries\":[");
    if (code == OK && page.has_system && !page.is_past_system)
        list_system(call, &page, &body);
    if (code == OK && page.has_own && page.next.len == 0)
        code = list_own(call, &page, &body, &error);
    buf_append_char(&body, ']');
    if (page.next.len > 0)
        json_append_member(&body, "nextToken", page.next);
    buf_append_char(&body, '}');
    if (code == OK)
        call_respond_json(call, &body);
    else
        call_fail(call, &error);
    buf_deinit(&body);
}

/* --- create ----------------------------------------------------------------------------------------- */

static enum error_code parse_source(struct api_call *call, yyjson_val *root, struct str *source, struct error *error)
{
    static const char *const members[] = {"copyFrom", NULL};
    const struct api *api = call->thread->api;
    yyjson_val *value = NULL;
    struct arn arn;
    struct catalog_match match;
    enum error_code code = fields_need_object(root, "", "modelSource", &value, error);
    if (code == OK)
        code = fields_known(call_unknown_members(call), value, "modelSource", members, error);
    if (code == OK)
        code = fields_need_str(value, "modelSource", "copyFrom", 1, SOURCE_MAX_LEN, source, error);
    if (code != OK)
        return code;
    if (!arn_split(*source, &arn) ||
        (!str_eq(arn.type, STR("foundation-model")) && !str_eq(arn.type, STR("inference-profile"))))
        return field_error(error, "modelSource", "copyFrom",
                           "must be the ARN of a foundation model or of a system-defined inference profile");
    return catalog_resolve(api->catalog, api->models, *source, &match, error);
}

static enum error_code parse_names(yyjson_val *root, struct profile *profile, struct error *error)
{
    enum error_code code =
        fields_need_str(root, "", "inferenceProfileName", 1, NAME_MAX_LEN, &profile->name, error);
    if (code == OK && !fields_is_name(profile->name, ""))
        return field_error(error, "", "inferenceProfileName",
                           "may hold letters and digits, with one space, _ or - between them");
    if (code == OK)
        code = fields_get_str(root, "", "description", 1, DESCRIPTION_MAX_LEN, &profile->description, NULL, error);
    if (code == OK && profile->description.data && !fields_is_name(profile->description, ":."))
        return field_error(error, "", "description",
                           "may hold letters, digits, : and ., with one space, _ or - between them");
    if (code == OK)
        code = fields_get_str(root, "", "clientRequestToken", 1, TOKEN_MAX_LEN, &profile->head.token, NULL, error);
    if (code == OK && profile->head.token.data && !fields_alphabet(profile->head.token, "-"))
        return field_error(error, "", "clientRequestToken", "may hold letters, digits and - only");
    return code;
}

static bool keep_strings(struct arena *arena, struct profile *profile)
{
    return arena_str(arena, profile->name, &profile->name) &&
           arena_str(arena, profile->description, &profile->description) &&
           arena_str(arena, profile->head.token, &profile->head.token) &&
           arena_str(arena, profile->source, &profile->source);
}

static enum error_code parse_create(struct api_call *call, yyjson_val *root, struct profile *profile,
                                    struct error *error)
{
    static const char *const members[] = {"inferenceProfileName", "description", "clientRequestToken", "modelSource",
                                          "tags", NULL};
    struct arena *arena = &call->exchange->arena;
    struct job_tags tags = {0};
    if (!yyjson_is_obj(root))
        return error_set(error, ERROR_INVALID, "the request body must be a JSON object, got %s", json_type_name(root));
    enum error_code code = fields_known(call_unknown_members(call), root, "", members, error);
    if (code == OK)
        code = parse_names(root, profile, error);
    if (code == OK)
        code = parse_source(call, root, &profile->source, error);
    if (code == OK)
        code = tags_parse(root, arena, &tags, error);
    if (code == OK)
        code = resource_tags_json(&tags, arena, &profile->head.tags, error);
    if (code == OK && !keep_strings(arena, profile))
        code = error_no_memory(error);
    return code;
}

static struct resource_change *new_change(struct api_call *call)
{
    return resource_change_new(call, call->thread->api->profiles, sizeof(struct profile));
}

static void respond_created(struct change *base)
{
    const struct resource_change *change = (const struct resource_change *)base;
    const struct str arn = own_arn(base->call, (const struct profile *)change->resource);
    const struct str body = arena_printf(
        &base->call->exchange->arena, "{\"inferenceProfileArn\":\"" STR_FMT "\",\"status\":\"ACTIVE\"}", STR_ARG(arn));
    call_respond(base->call, 201, STR("application/json"), body.data ? body : STR("{}"));
}

void profile_create(struct api_call *call)
{
    yyjson_doc *doc = NULL;
    struct resource_change *change = new_change(call);
    if (!change)
        return;
    struct profile *profile = (struct profile *)change->resource;
    profile->account = str_of(call->identity.account);
    profile->region = str_of(call->identity.region);
    change->base.code = json_parse(call->exchange->request.body, &doc, &change->base.error);
    if (change->base.code == OK)
        change->base.code = parse_create(call, yyjson_doc_get_root(doc), profile, &change->base.error);
    json_free(doc);
    resource_change_create(change, respond_created);
}

/* --- delete ----------------------------------------------------------------------------------------- */

/* The profile as it is, before it is changed; system profiles can't be. */
static enum error_code find_changed(struct api_call *call, struct str text, struct resource_change *change,
                                    struct error *error)
{
    struct arn ignored;
    struct catalog_match match;
    struct profile profile;
    struct str id;
    if (!own_id(text, &ignored).data)
        return find_system(call, text, &id, &match, error) == OK
                   ? error_set(error, ERROR_INVALID, "inferenceProfileIdentifier: a system-defined profile cannot be "
                                                     "changed")
                   : error->code;
    enum error_code code = get_own(call, text, &profile, error);
    if (code == OK)
        memcpy(change->resource->id, profile.head.id, sizeof(profile.head.id));
    return code;
}

void profile_delete(struct api_call *call)
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
    struct profile profile;
    if (get_own(call, resource, &profile, &error) == OK)
        resource_tags_respond(call, &profile.head);
    else
        call_fail(call, &error);
}

bool profiles_take_tags(struct api_call *call, enum tag_operation operation)
{
    struct tag_request request;
    struct arn arn;
    struct error error;
    if (tag_request_parse(operation, call->exchange->request.body, &call->exchange->arena, &request, &error) != OK ||
        !own_id(request.resource, &arn).data || !arn.id.data)
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
