/* The control plane: ListFoundationModels and GetFoundationModel, from the
 * catalogue and fulcrum.yaml. */
#include "api/call.h"
#include "core/json.h"
#include "customize/customize.h"
#include "customize/scratch.h"

#define MODELS_BODY_MAX (8u << 20)

/* The service's bound on names. */
#define BRANDED_NAME_MAX 20

/* One model as the service shows it. */
struct model_card {
    struct str id, name, provider;
    bool is_served, is_trainable; /* requests may name it; customization jobs may begin with it */
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
                         "\"responseStreamingSupported\":true,\"customizationsSupported\":[");
    buf_append_text(out, card->is_trainable ? "\"FINE_TUNING\",\"DISTILLATION\"" : "");
    buf_append_text(out, "],\"inferenceTypesSupported\":[");
    buf_append_text(out, card->is_served ? "\"ON_DEMAND\"" : "");
    buf_append_text(out, "],\"modelLifecycle\":{\"status\":\"ACTIVE\"}}");
}

struct filters {
    struct str provider; /* data NULL: any */
    bool excludes_all;   /* asks for what no model here has */
    bool is_of_trainable; /* asks for what customization jobs may begin with */
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

/* Continued pre-training is none that there is. */
static enum error_code read_customization(struct api_call *call, struct filters *filters, struct error *error)
{
    static const char *const kinds[] = {"FINE_TUNING", "CONTINUED_PRE_TRAINING", "DISTILLATION", NULL};
    const struct str value = http_query_get(call->exchange, "byCustomizationType");
    bool is_other = false;
    const enum error_code code =
        read_filter(call, "byCustomizationType", kinds, value.data ? "FINE_TUNING" : NULL, &is_other, error);
    filters->is_of_trainable = code == OK && value.data && (!is_other || str_eq(value, STR("DISTILLATION")));
    filters->excludes_all = filters->excludes_all || (is_other && !filters->is_of_trainable);
    return code;
}

static enum error_code read_filters(struct api_call *call, struct filters *filters, struct error *error)
{
    static const char *const modalities[] = {"TEXT", "IMAGE", "EMBEDDING", NULL};
    static const char *const inference[] = {"ON_DEMAND", "PROVISIONED", NULL};
    *filters = (struct filters){.provider = http_query_get(call->exchange, "byProvider")};
    enum error_code code =
        read_filter(call, "byOutputModality", modalities, "TEXT", &filters->excludes_all, error);
    if (code == OK)
        code = read_filter(call, "byInferenceType", inference, "ON_DEMAND", &filters->excludes_all, error);
    return code == OK ? read_customization(call, filters, error) : code;
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
    if (filters->excludes_all || (filters->is_of_trainable && !card->is_trainable) ||
        (filters->provider.data && !str_eq_nocase(filters->provider, branded(card->provider))))
        return;
    if (listing->count++ > 0)
        buf_append_char(listing->out, ',');
    append_card(listing->out, listing->call, card);
}

static struct model_card card_of(const struct catalog_match *match, const char *model_name)
{
    if (match->entry)
        return (struct model_card){match->id, str_of(match->entry->name), str_of(match->entry->provider), true,
                                   customize_can_train(match->model)};
    return (struct model_card){match->id, str_of(model_name), STR("Fulcrum"), true,
                               customize_can_train(match->model)};
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

static struct model_card scratch_card(const struct scratch *scratch)
{
    return (struct model_card){str_of(scratch->id), str_of(scratch->name), STR(SCRATCH_PROVIDER), false, true};
}

/* What jobs may begin with besides models. Nobody can ask them anything, so they are in no list of models to ask. */
static void list_scratches(struct listing *listing)
{
    for (size_t i = 0; listing->filters->is_of_trainable && i < SCRATCH_KINDS; i++) {
        const struct model_card card = scratch_card(&scratches[i]);
        list_card(listing, &card);
    }
}

static void list_all(struct listing *listing)
{
    const struct api *api = listing->call->thread->api;
    for (size_t i = 0; i < api->catalog->count; i++) {
        const struct catalog_entry *entry = &api->catalog->entries[i];
        struct catalog_match match;
        struct error ignored;
        if (catalog_resolve(api->catalog, api->models, str_of(entry->id), &match, &ignored) != OK)
            continue;
        const struct model_card card = {str_of(entry->id), str_of(entry->name), str_of(entry->provider), true,
                                        customize_can_train(match.model)};
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
    list_scratches(listing);
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

static void respond_card(struct api_call *call, const struct model_card *card)
{
    struct buf body;
    buf_init(&body, MODELS_BODY_MAX);
    buf_append_text(&body, "{\"modelDetails\":");
    append_card(&body, call, card);
    buf_append_char(&body, '}');
    call_respond_json(call, &body);
    buf_deinit(&body);
}

void control_get_foundation_model(struct api_call *call)
{
    struct error error;
    const struct scratch *scratch = scratch_find(call->resource);
    if (scratch) {
        const struct model_card card = scratch_card(scratch);
        respond_card(call, &card);
        return;
    }
    if (call_resolve_model(call, &error) != OK || call->route) {
        (void)error_set(&error, ERROR_NOT_FOUND,
                        "Could not resolve the foundation model from the provided model identifier.");
        call_fail(call, &error);
        return;
    }
    const struct model_card card = card_of(&call->match, call_model(call)->name);
    respond_card(call, &card);
}
