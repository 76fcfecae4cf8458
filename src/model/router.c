/* router.c - `routers:` and `routing:` of fulcrum.yaml, and the routers of families. Chooses nothing. See router.h. */
#include "model/router.h"

#include <stdio.h>
#include <string.h>

#include "core/config_section.h"
#include "core/config_values.h"
#include "upstream/config.h"

/* --- keys ------------------------------------------------------------------------------------------- */

static bool is_id(struct str text)
{
    return config_is_made_of(text, "._-:/", 2048);
}

/* A part of an ARN, too. */
static bool is_router_name(struct str text)
{
    return config_is_made_of(text, "._-", 64);
}

static bool is_share(struct str text)
{
    double value;
    return str_to_double(text, &value) && value >= 0 && value <= 1;
}

static bool is_percent(struct str text)
{
    double value;
    return str_to_double(text, &value) && value >= 0 && value <= 100;
}

_Static_assert(LIMIT_ESCALATE_HOLD == 1024, "as a message says");

static bool is_hold(struct str text)
{
    uint64_t value;
    return str_to_u64(text, &value) && value <= LIMIT_ESCALATE_HOLD;
}

static const struct field escalate_fields[] = {
    {"below", FIELD_STRING, .is_required = true, FIELD_AT(router_escalate, below), .check = is_share,
     .expected = "a number from 0 to 1: the chance of being right below which an answer is made again"},
    {"share", FIELD_STRING, FIELD_AT(router_escalate, share), .check = is_share, .expected = "a number from 0 to 1"},
    {"hold", FIELD_STRING, FIELD_AT(router_escalate, hold), .check = is_hold,
     .expected = "a number of tokens from 0 (streams are not escalated) to 1024"},
};
static const struct field_table escalate_table = FIELD_TABLE(escalate_fields, struct router_escalate);

static const char *const shadow_tiers[] = {
    [ROUTER_SHADOW_FLEX] = "flex", [ROUTER_SHADOW_BATCH] = "batch", [ROUTER_SHADOW_DEFAULT] = "default", NULL};

static const struct field shadow_fields[] = {
    {"share", FIELD_STRING, .is_required = true, FIELD_AT(router_shadow, share), .check = is_share,
     .expected = "a number from 0 to 1: of how many requests"},
    {"tier", FIELD_CHOICE, FIELD_AT(router_shadow, tier), .choices = shadow_tiers},
    {"judge", FIELD_STRING, FIELD_AT(router_shadow, judge), .check = is_id,
     .expected = "the name of a model or a model ID"},
    {"text", FIELD_BOOL, FIELD_AT(router_shadow, text)},
};
static const struct field_table shadow_table = FIELD_TABLE(shadow_fields, struct router_shadow);

/* A share alone, or a mapping. */
static enum error_code read_shadow(struct yaml_reader *reader, const yaml_node_t *node, void *parent)
{
    struct router_shadow *shadow = &((struct router_config *)parent)->shadow;
    if (node->type != YAML_SCALAR_NODE)
        return yaml_read_object(reader, node, &shadow_table, shadow);
    const struct str text = {(const char *)node->data.scalar.value, node->data.scalar.length};
    if (!is_share(text))
        return yaml_fail_at(reader, reader->path, "expected a number from 0 to 1, or a mapping with share, tier, judge "
                            "and text, got '%.64s'", (const char *)node->data.scalar.value);
    shadow->share = arena_strdup(reader->arena, text);
    return shadow->share ? OK : error_no_memory(reader->error);
}

static const struct field router_fields[] = {
    {"name", FIELD_STRING, .is_required = true, FIELD_AT(router_config, name), .check = is_router_name,
     .expected = "a name of up to 64 letters, digits and ._-"},
    {"models", FIELD_STRINGS, .is_required = true, FIELD_LIST_AT(router_config, models, model_count), .check = is_id,
     .expected = "the name of a model or a model ID"},
    {"fallback", FIELD_STRING, FIELD_AT(router_config, fallback), .check = is_id,
     .expected = "one of the router's models"},
    {"tolerance", FIELD_STRING, FIELD_AT(router_config, tolerance), .check = is_share,
     .expected = "a number from 0 (as good as the best) to 1 (the cheapest)"},
    {"quality_difference", FIELD_STRING, FIELD_AT(router_config, difference), .check = is_percent,
     .expected = "a number from 0 to 100, in percent"},
    {"budget", FIELD_PICO, FIELD_AT(router_config, budget), .low = 1, .high = CONFIG_PRICE_MAX},
    {"margin", FIELD_STRING, FIELD_AT(router_config, margin), .check = is_share, .expected = "a number from 0 to 1"},
    {"escalate", FIELD_OBJECT, FIELD_AT(router_config, escalate), .table = &escalate_table},
    {"shadow", FIELD_CUSTOM, .custom = read_shadow},
    {"response_cache", FIELD_PART, FIELD_AT(router_config, recall), .table = &config_recall_table},
    {"predictor", FIELD_PATH, FIELD_AT(router_config, predictor)},
};
static const struct field_table router_table = FIELD_TABLE(router_fields, struct router_config);

static const struct field fields[] = {
    {"routers", FIELD_OBJECTS, FIELD_LIST_AT(routers_config, items, count), .high = LIMIT_ROUTERS,
     .table = &router_table},
};
static const struct field_table table = FIELD_TABLE(fields, struct routers_config);

static const struct field routing_fields[] = {
    {"tolerance", FIELD_STRING, FIELD_AT(routing_config, tolerance), .check = is_share,
     .expected = "a number from 0 (as good as the best) to 1 (the cheapest)"},
    {"budget", FIELD_PICO, FIELD_AT(routing_config, budget), .low = 1, .high = CONFIG_PRICE_MAX},
    {"margin", FIELD_STRING, FIELD_AT(routing_config, margin), .check = is_share, .expected = "a number from 0 to 1"},
};
static const struct field_table routing_table = FIELD_TABLE(routing_fields, struct routing_config);

/* --- what must hold --------------------------------------------------------------------------------- */

static enum error_code fail_in(struct yaml_reader *reader, size_t router, const char *key, const char *format,
                               const char *value)
{
    char path[64];
    snprintf(path, sizeof(path), "routers[%zu].%s", router, key);
    return yaml_fail_at(reader, path, format, value);
}

static enum error_code check_name(struct yaml_reader *reader, const struct config *config, size_t i)
{
    const struct routers_config *routers = routers_config(config);
    const char *name = routers->items[i].name;
    for (size_t k = 0; k < i; k++)
        if (!strcmp(routers->items[k].name, name))
            return fail_in(reader, i, "name", "'%s' is the name of an earlier router", name);
    for (size_t k = 0; k < config->model_count; k++)
        if (!strcmp(config->models[k].name, name))
            return fail_in(reader, i, "name", "'%s' is the name of a model", name);
    if (upstreams_have_model(config, name))
        return fail_in(reader, i, "name", "'%s' is the name of a model", name);
    if (routers->items[i].shadow.share && strspn(name, ".") == strlen(name)) /* it names a directory */
        return fail_in(reader, i, "name", "'%s' can't be the name of a router with shadow", name);
    if (config->model_count == 0 && config_is_pair_name(str_of(name)))
        return fail_in(reader, i, "name", "'%s' is the name of a model", name);
    return OK;
}

static bool has_model(const struct router_config *router, const char *name, size_t below)
{
    for (size_t i = 0; i < below; i++)
        if (!strcmp(router->models[i], name))
            return true;
    return false;
}

static enum error_code check_models(struct yaml_reader *reader, const struct router_config *router, size_t i)
{
    if (router->model_count < 2 || router->model_count > ROUTER_MODELS_MAX)
        return fail_in(reader, i, "models", "expected 2 to %s models", "8");
    for (size_t k = 1; k < router->model_count; k++)
        if (has_model(router, router->models[k], k))
            return fail_in(reader, i, "models", "'%.100s' is there twice", router->models[k]);
    if (router->fallback && !has_model(router, router->fallback, router->model_count))
        return fail_in(reader, i, "fallback", "expected one of the router's models, got '%.100s'", router->fallback);
    return OK;
}
_Static_assert(ROUTER_MODELS_MAX == 8, "check_models says so");

static enum error_code check(struct yaml_reader *reader, const struct config *config)
{
    const struct routers_config *routers = routers_config(config);
    for (size_t i = 0; i < routers->count; i++) {
        const struct router_config *router = &routers->items[i];
        enum error_code code = check_name(reader, config, i);
        if (code == OK)
            code = check_models(reader, router, i);
        if (code == OK && (router->tolerance != NULL) + (router->difference != NULL) + (router->budget != 0) > 1)
            code = fail_in(reader, i, "name", "expected one of tolerance, quality_difference and budget%s", "");
        if (code != OK)
            return code;
    }
    return OK;
}

static enum error_code check_tenants(struct yaml_reader *reader, const struct config *config)
{
    char path[64];
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct routing_config *routing = routing_config(&config->tenants[i]);
        snprintf(path, sizeof(path), "tenants[%zu].routing.budget", i);
        if (routing->tolerance && routing->budget)
            return yaml_fail_at(reader, path, "expected one of tolerance and budget");
    }
    return OK;
}

const struct config_section routers_section = {.table = &table, .check = check};
const struct config_section tenant_routing_section = {
    .name = "routing", .place = CONFIG_OF_TENANT, .table = &routing_table, .check = check_tenants};

const struct routers_config *routers_config(const struct config *config)
{
    return config_part(config->parts, &routers_section);
}

const struct routing_config *routing_config(const struct config_tenant *tenant)
{
    return config_part(tenant->parts, &tenant_routing_section);
}

/* --- a configured router ---------------------------------------------------------------------------- */

/* The first of both that says something, else `usual`. */
static double number_of(const char *own, const char *tenants, double usual)
{
    double value = usual;
    const char *text = own ? own : tenants;
    if (text && !str_to_double(str_of(text), &value))
        value = usual; /* checked when it was read */
    return value;
}

static void set_terms(const struct router_config *config, const struct config_tenant *tenant, struct router *router)
{
    static const struct routing_config nothing;
    const struct routing_config *tenants = tenant ? routing_config(tenant) : &nothing;
    router->rule = ROUTER_RULE_TOLERANCE;
    if (config && config->difference)
        router->rule = ROUTER_RULE_DIFFERENCE;
    else if ((config && config->budget) || (tenants->budget && !(config && config->tolerance)))
        router->rule = ROUTER_RULE_BUDGET;
    router->difference = number_of(config ? config->difference : NULL, NULL, 0) / 100;
    router->budget = config && config->budget ? config->budget : tenants->budget;
    router->payer = router->rule == ROUTER_RULE_BUDGET && !(config && config->budget) ? tenant : NULL;
    router->tolerance = number_of(config ? config->tolerance : NULL, tenants->tolerance, ROUTER_TOLERANCE);
    router->escalate_below = number_of(config ? config->escalate.below : NULL, NULL, 0);
    router->escalate_share = number_of(config ? config->escalate.share : NULL, NULL, ROUTER_ESCALATE_SHARE);
    router->escalate_hold =
        (uint32_t)number_of(config ? config->escalate.hold : NULL, NULL, ROUTER_ESCALATE_HOLD);
    router->margin = number_of(config ? config->margin : NULL, tenants->margin, ROUTER_MARGIN);
}

void router_of_config(const struct router_config *config, const struct config_tenant *tenant, struct router *router)
{
    *router = (struct router){.kind = ROUTER_CONFIGURED,
                              .name = str_of(config->name),
                              .description = STR(""),
                              .head.tags = STR(""),
                              .fallback = ROUTER_DEAREST,
                              .config = config};
    for (size_t i = 0; i < config->model_count; i++) {
        const struct str model = str_of(config->models[i]);
        router->models[router->model_count++] = (struct router_model){model, model};
        if (config->fallback && !strcmp(config->fallback, config->models[i]))
            router->fallback = i;
    }
    set_terms(config, tenant, router);
}

/* --- families --------------------------------------------------------------------------------------- */

/* The service's own routers, and the models that they choose from. */
static const struct family {
    const char *prefix, *id, *article, *name;
    const char *weak, *strong; /* where both are served; else the cheapest and the dearest that are */
} families[ROUTER_FAMILIES] = {
    {"anthropic.claude", "anthropic.claude:1", "anthropic.claude-prompt-router", "Anthropic Prompt Router",
     "anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-5-sonnet-20240620-v1:0"},
    {"meta.llama", "meta.llama:1", "meta.llama-prompt-router", "Meta Prompt Router",
     "meta.llama3-1-8b-instruct-v1:0", "meta.llama3-1-70b-instruct-v1:0"},
    {"amazon.nova", "amazon.nova:1", "amazon.nova-prompt-router", "Nova Prompt Router", "amazon.nova-lite-v1:0",
     "amazon.nova-pro-v1:0"},
};

int router_family(struct str name)
{
    for (int i = 0; i < ROUTER_FAMILIES; i++)
        if (str_eq(name, str_of(families[i].id)) || str_eq(name, str_of(families[i].article)))
            return i;
    return -1;
}

const char *router_family_id(size_t family)
{
    return families[family].id;
}

#define STRENGTH_INPUT 1000000u /* tokens of a usual request: long prompts, short replies */
#define STRENGTH_OUTPUT 250000u

double router_strength(const struct price_row *price)
{
    const struct price_usage usage = {{[PRICE_INPUT] = STRENGTH_INPUT, [PRICE_OUTPUT] = STRENGTH_OUTPUT}};
    return (double)price_cost_plain(price, &usage);
}

/* What families' routers may stand on. */
struct served {
    const struct catalog *catalog;
    const struct registry *registry;
    const struct price_book *prices;
};

/* What its tokens cost; below zero: it is not served. */
static double strength_of(const struct served *served, const char *id)
{
    struct catalog_match match;
    struct error ignored;
    if (catalog_resolve(served->catalog, served->registry, str_of(id), &match, &ignored) != OK)
        return -1;
    return router_strength(price_book_row_of(served->prices, match.model->price, match.id, match.place));
}

/* The cheapest and the dearest of the family that are served. */
static void find_ends(const struct served *served, const char *prefix, const char **weak, const char **strong)
{
    double low = 0, high = 0;
    *weak = *strong = NULL;
    for (size_t i = 0; i < served->catalog->count; i++) {
        const char *id = served->catalog->entries[i].id;
        const double strength = str_starts(str_of(id), str_of(prefix)) ? strength_of(served, id) : -1;
        if (strength < 0)
            continue;
        if (!*weak || strength < low)
            *weak = id, low = strength;
        if (!*strong || strength > high)
            *strong = id, high = strength;
    }
}

enum error_code router_default(const struct catalog *catalog, const struct registry *registry,
                               const struct price_book *prices, size_t number, const struct config_tenant *tenant,
                               struct arena *arena, struct router *router, struct error *error)
{
    const struct family *family = &families[number];
    const struct served served = {catalog, registry, prices};
    const char *weak = family->weak, *strong = family->strong;
    if (strength_of(&served, weak) < 0 || strength_of(&served, strong) < 0)
        find_ends(&served, family->prefix, &weak, &strong);
    if (!weak || !strong || weak == strong)
        return error_set(error, ERROR_NOT_FOUND,
                         "The prompt router %s chooses between two models of its family, and this server has %s.",
                         family->id, weak ? "one" : "none");
    *router = (struct router){.kind = ROUTER_DEFAULT,
                              .name = str_of(family->name),
                              .description = arena_printf(arena, "Routes requests among models of %s", family->prefix),
                              .head.tags = STR(""),
                              .head.sequence = (int64_t)number,
                              .models = {{str_of(weak), str_of(weak)}, {str_of(strong), str_of(strong)}},
                              .model_count = 2,
                              .fallback = 1};
    set_terms(NULL, tenant, router);
    router->difference = router->tolerance;
    return router->description.data ? OK : error_no_memory(error);
}
