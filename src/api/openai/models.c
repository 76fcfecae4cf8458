/* The models that may be named, with the members of OpenAI's list and of Anthropic's beside each other: clients of both
 * ask at the same path, and each reads its own. */
#include "api/call.h"
#include "api/openai/dialect.h"
#include "core/json.h"
#include "customize/customize.h"
#include "keys/keys.h"
#include "model/router.h"

#define MODELS_BODY_MAX (8u << 20)
#define OWNER "fulcrum"

/* `tokens`: of one sequence, 0: not known. */
struct listed {
    struct str id, name;
    uint32_t tokens, max_output;
};

static void append_one(struct buf *out, const struct api *api, const struct listed *listed)
{
    buf_append_text(out, "{\"id\":");
    buf_append_json(out, listed->id);
    buf_appendf(out, ",\"object\":\"model\",\"created\":%llu,\"owned_by\":\"" OWNER "\",\"type\":\"model\"",
                (unsigned long long)(api->started_us / 1000000));
    json_append_member(out, "display_name", listed->name);
    json_append_member(out, "name", listed->name);
    json_append_time_member(out, "created_at", api->started_us);
    if (listed->tokens > 0)
        buf_appendf(out, ",\"max_input_tokens\":%u,\"max_model_len\":%u", listed->tokens, listed->tokens);
    if (listed->max_output > 0)
        buf_appendf(out, ",\"max_tokens\":%u", listed->max_output);
    buf_append_char(out, '}');
}

struct listing {
    struct buf *out;
    const struct api *api;
    struct str key; /* virtual one that asks; empty: none */
    struct str first, last;
    size_t count;
};

/* A virtual key is shown what it may ask for. */
static bool may_ask(const struct listing *listing, struct str id, const struct model *model)
{
    const bool is_upstream = model && model->upstream_model;
    const struct str names[] = {id, str_of(model ? model->name : NULL),
                                is_upstream ? str_of(upstream_model_id(model->upstream_model)) : STR("")};
    struct error ignored;
    return listing->key.len == 0 || ring_may_ask(keys_ring(listing->api->keys), listing->key, names,
                                                 sizeof(names) / sizeof(names[0]), &ignored) == OK;
}

static void list_one(struct listing *listing, struct str id, const struct model *model)
{
    if (!may_ask(listing, id, model))
        return;
    if (listing->count++ > 0)
        buf_append_char(listing->out, ',');
    else
        listing->first = id;
    listing->last = id;
    append_one(listing->out, listing->api,
               &(const struct listed){.id = id, .name = id, .tokens = model ? model->context : 0});
}

/* Under the names of fulcrum.yaml, which are what people call them; IDs of the catalogue are understood as well. */
static void list_all(struct listing *listing)
{
    const struct api *api = listing->api;
    const struct model_list *models = registry_list(api->models);
    for (size_t i = 0; i < models->count; i++) {
        const struct model *model = models->models[i];
        if (str_starts(str_of(model->name), STR(MODEL_CUSTOM_PREFIX)))
            continue; /* a tenant's own */
        list_one(listing, str_of(model->name), model);
        for (size_t k = 0; k < model->id_count; k++)
            if (!catalog_is_pattern(str_of(model->ids[k])))
                list_one(listing, str_of(model->ids[k]), model);
    }
    const struct routers_config *routers = routers_config(api->config);
    for (size_t i = 0; i < routers->count; i++)
        list_one(listing, str_of(routers->items[i].name), NULL);
}

void openai_list_models(struct api_call *call)
{
    struct buf body;
    buf_init(&body, MODELS_BODY_MAX);
    struct listing listing = {.out = &body, .api = call->thread->api, .key = str_of(call->identity.key_id)};
    buf_append_text(&body, "{\"object\":\"list\",\"data\":[");
    list_all(&listing);
    buf_append_text(&body, "],\"has_more\":false,\"first_id\":");
    buf_append_json(&body, listing.first);
    json_append_member(&body, "last_id", listing.last);
    buf_append_char(&body, '}');
    call_respond_json(call, &body);
    buf_deinit(&body);
}

void openai_get_model(struct api_call *call)
{
    struct error error;
    struct buf body;
    if (call_resolve_model(call, &error) != OK) {
        call_fail(call, &error);
        return;
    }
    const struct catalog_entry *entry = call->match.entry;
    const struct listed listed = {
        .id = call->resource,
        .name = entry ? str_of(entry->name) : call->resource,
        .tokens = call->route ? 0 : call_model(call)->context,
        .max_output = entry ? entry->max_output : 0,
    };
    buf_init(&body, MODELS_BODY_MAX);
    append_one(&body, call->thread->api, &listed);
    call_respond_json(call, &body);
    buf_deinit(&body);
}
