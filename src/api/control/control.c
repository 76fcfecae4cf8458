/* The control plane: ListFoundationModels and GetFoundationModel, from the
 * catalogue and fulcrum.yaml. */
#include "api/call.h"
#include "core/json.h"

#define MODELS_BODY_MAX (8u << 20)

/* The service's bound on names. */
#define BRANDED_NAME_MAX 20

/* One model as the service shows it. */
struct model_card {
    struct str id, name, provider;
};

static struct str branded(struct str name)
{
    return str_slice(name, 0, BRANDED_NAME_MAX);
}

static void append_card(struct buf *out, const struct api_call *call, const struct model_card *card)
{
    buf_append_text(out, "{\"modelArn\":");
    struct str arn = arena_printf(&call->exchange->arena, "arn:aws:bedrock:%s::foundation-model/" STR_FMT,
                                  call->identity.region, STR_ARG(card->id));
    buf_append_json(out, arn.data ? arn : card->id);
    buf_append_text(out, ",\"modelId\":");
    buf_append_json(out, card->id);
    buf_append_text(out, ",\"modelName\":");
    buf_append_json(out, branded(card->name));
    buf_append_text(out, ",\"providerName\":");
    buf_append_json(out, branded(card->provider));
    buf_append_text(out, ",\"inputModalities\":[\"TEXT\"],\"outputModalities\":[\"TEXT\"],"
                         "\"responseStreamingSupported\":true,\"customizationsSupported\":[],"
                         "\"inferenceTypesSupported\":[\"ON_DEMAND\"],\"modelLifecycle\":{\"status\":\"ACTIVE\"}}");
}

struct filters {
    struct str provider; /* data NULL: any */
    bool excludes_all;   /* asks for what no model here has */
};

static enum error_code read_filter(struct api_call *call, const char *name, const char *const *values,
                                   const char *held, bool *excludes_all, struct error *error)
{
    struct str value = http_query_get(call->exchange, name);
    if (!value.data)
        return OK;
    for (size_t i = 0; values[i]; i++) {
        if (!str_eq(value, str_of(values[i])))
            continue;
        if (!held || !str_eq(value, str_of(held)))
            *excludes_all = true;
        return OK;
    }
    return error_set(error, ERROR_INVALID, "%s: '%.*s' is not a value of this filter", name,
                     (int)(value.len > 64 ? 64 : value.len), value.data);
}

static enum error_code read_filters(struct api_call *call, struct filters *filters, struct error *error)
{
    static const char *const modalities[] = {"TEXT", "IMAGE", "EMBEDDING", NULL};
    static const char *const inference[] = {"ON_DEMAND", "PROVISIONED", NULL};
    static const char *const customizations[] = {"FINE_TUNING", "CONTINUED_PRE_TRAINING", "DISTILLATION", NULL};
    *filters = (struct filters){.provider = http_query_get(call->exchange, "byProvider")};
    enum error_code code =
        read_filter(call, "byOutputModality", modalities, "TEXT", &filters->excludes_all, error);
    if (code == OK)
        code = read_filter(call, "byInferenceType", inference, "ON_DEMAND", &filters->excludes_all, error);
    if (code == OK)
        code = read_filter(call, "byCustomizationType", customizations, NULL, &filters->excludes_all, error);
    return code;
}

struct listing {
    struct buf *out;
    const struct api_call *call;
    const struct filters *filters;
    size_t count;
};

static void list_card(struct listing *listing, const struct model_card *card)
{
    const struct filters *filters = listing->filters;
    if (filters->excludes_all || (filters->provider.data && !str_eq_nocase(filters->provider, branded(card->provider))))
        return;
    if (listing->count++ > 0)
        buf_append_char(listing->out, ',');
    append_card(listing->out, listing->call, card);
}

static struct model_card card_of(const struct catalog_match *match, const char *model_name)
{
    if (match->entry)
        return (struct model_card){match->id, str_of(match->entry->name), str_of(match->entry->provider)};
    return (struct model_card){match->id, str_of(model_name), STR("Fulcrum")};
}

/* IDs of fulcrum.yaml that the catalogue does not have. */
static void list_own(struct listing *listing, const char *id)
{
    const struct api *api = listing->call->thread->api;
    struct catalog_match match;
    struct error ignored;
    if (catalog_find(api->catalog, str_of(id)) || catalog_is_pattern(str_of(id)) ||
        catalog_resolve(api->catalog, api->models, str_of(id), &match, &ignored) != OK)
        return;
    struct model_card card = card_of(&match, match.model->name);
    list_card(listing, &card);
}

static void list_all(struct listing *listing)
{
    const struct api *api = listing->call->thread->api;
    for (size_t i = 0; i < api->catalog->count; i++) {
        const struct catalog_entry *entry = &api->catalog->entries[i];
        struct catalog_match match;
        struct error ignored;
        struct model_card card = {str_of(entry->id), str_of(entry->name), str_of(entry->provider)};
        if (catalog_resolve(api->catalog, api->models, card.id, &match, &ignored) == OK)
            list_card(listing, &card);
    }
    const struct model_list *models = registry_list(api->models);
    for (size_t i = 0; i < models->count; i++) {
        const struct model *model = models->models[i];
        if (str_starts(str_of(model->name), STR(MODEL_CUSTOM_PREFIX)))
            continue; /* ListCustomModels has it, for its tenant */
        list_own(listing, model->name);
        for (size_t k = 0; k < model->id_count; k++)
            list_own(listing, model->ids[k]);
    }
}

void control_list_foundation_models(struct api_call *call)
{
    struct filters filters;
    struct error error;
    if (read_filters(call, &filters, &error) != OK) {
        call_fail(call, &error);
        return;
    }
    struct buf body;
    buf_init(&body, MODELS_BODY_MAX);
    struct listing listing = {.out = &body, .call = call, .filters = &filters};
    buf_append_text(&body, "{\"modelSummaries\":[");
    list_all(&listing);
    buf_append_text(&body, "]}");
    call_respond_json(call, &body);
    buf_deinit(&body);
}

void control_get_foundation_model(struct api_call *call)
{
    struct error error;
    if (call_resolve_model(call, &error) != OK || call->route) {
        (void)error_set(&error, ERROR_NOT_FOUND,
                        "Could not resolve the foundation model from the provided model identifier.");
        call_fail(call, &error);
        return;
    }
    struct buf body;
    buf_init(&body, MODELS_BODY_MAX);
    struct model_card card = card_of(&call->match, call_model(call)->name);
    buf_append_text(&body, "{\"modelDetails\":");
    append_card(&body, call, &card);
    buf_append_char(&body, '}');
    call_respond_json(call, &body);
    buf_deinit(&body);
}
