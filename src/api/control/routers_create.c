/* routers_create.c - checks what a prompt router shall be, by the service's rules. Makes none. See routers_create.h. */
#include "api/control/routers_create.h"

#include <math.h>

#include "api/control/resource_tags.h"
#include "api/control/profiles.h"
#include "api/control/tag_request.h"
#include "api/fields.h"

#define NAME_MAX_LEN 64
#define DESCRIPTION_MAX_LEN 200
#define TOKEN_MAX_LEN 256
#define ARN_MAX_LEN 2048
#define MODELS 2
#define DIFFERENCE_STEP 5

static enum error_code parse_names(yyjson_val *root, struct router *router, struct error *error)
{
    enum error_code code = fields_need_str(root, "", "promptRouterName", 1, NAME_MAX_LEN, &router->name, error);
    if (code == OK && !fields_is_name(router->name, ""))
        return field_error(error, "", "promptRouterName",
                           "may hold letters and digits, with one space, _ or - between them");
    if (code == OK)
        code = fields_get_str(root, "", "description", 1, DESCRIPTION_MAX_LEN, &router->description, NULL, error);
    if (code == OK && router->description.data && !fields_is_name(router->description, ":."))
        return field_error(error, "", "description",
                           "may hold letters, digits, : and ., with one space, _ or - between them");
    if (code == OK)
        code = fields_get_str(root, "", "clientRequestToken", 1, TOKEN_MAX_LEN, &router->head.token, NULL, error);
    if (code == OK && router->head.token.data && !fields_alphabet(router->head.token, "-"))
        return field_error(error, "", "clientRequestToken", "may hold letters, digits and - only");
    return code;
}

static enum error_code parse_criteria(struct api_call *call, yyjson_val *root, struct router *router,
                                      struct error *error)
{
    static const char *const members[] = {"responseQualityDifference", NULL};
    yyjson_val *criteria = NULL;
    double difference = 0;
    bool is_there = false;
    enum error_code code = fields_need_object(root, "", "routingCriteria", &criteria, error);
    if (code == OK)
        code = fields_known(call_unknown_members(call), criteria, "routingCriteria", members, error);
    if (code == OK)
        code = json_get_number(criteria, "routingCriteria", "responseQualityDifference", 0, 100, &difference,
                               &is_there, error);
    if (code == OK && !is_there)
        code = field_error(error, "routingCriteria", "responseQualityDifference", "is missing");
    if (code == OK && fmod(difference, DIFFERENCE_STEP) != 0)
        code = error_set(error, ERROR_INVALID, "Response quality difference must be a value multiple of %d",
                         DIFFERENCE_STEP);
    router->rule = ROUTER_RULE_DIFFERENCE;
    router->difference = difference / 100;
    router->margin = ROUTER_MARGIN;
    return code;
}

struct str router_model_arn(const struct api_call *call, struct str listed)
{
    struct arena *arena = &call->exchange->arena;
    const char *region = call->identity.region, *account = call->identity.account;
    if (str_starts(listed, STR("arn:")))
        return listed;
    if (catalog_bare_id(listed).len < listed.len)
        return arena_printf(arena, "arn:aws:bedrock:%s:%s:inference-profile/" STR_FMT, region, account,
                            STR_ARG(listed));
    return arena_printf(arena, "arn:aws:bedrock:%s::foundation-model/" STR_FMT, region, STR_ARG(listed));
}

/* What an ARN of a model leads to, also by way of an application profile of the caller's. */
static enum error_code parse_model(struct api_call *call, yyjson_val *value, const char *where,
                                   struct router_model *model, struct catalog_match *match, struct error *error)
{
    static const char *const members[] = {"modelArn", NULL};
    const struct api *api = call->thread->api;
    struct str arn, tags;
    if (!yyjson_is_obj(value))
        return field_error(error, where, "", "expected an object, got %s", json_type_name(value));
    enum error_code code = fields_known(call_unknown_members(call), value, where, members, error);
    if (code == OK)
        code = fields_need_str(value, where, "modelArn", 1, ARN_MAX_LEN, &model->listed, error);
    if (code != OK)
        return code;
    model->listed = router_model_arn(call, model->listed);
    if (!model->listed.data)
        return error_no_memory(error);
    model->source = model->listed;
    (void)profiles_find(call, model->listed, &arn, &tags, &model->source);
    const struct routing_asker asker = call_asker(call);
    return routing_resolve(api->work->routing, &asker, model->source, &call->exchange->arena, match, error);
}

static bool is_one_family(const struct catalog_match *a, const struct catalog_match *b)
{
    return a->body == b->body &&
           (!a->entry || !b->entry || str_eq(str_of(a->entry->provider), str_of(b->entry->provider)));
}

static enum error_code parse_models(struct api_call *call, yyjson_val *root, struct router *router,
                                    struct error *error)
{
    struct catalog_match matches[MODELS];
    yyjson_val *list = NULL, *item;
    size_t i, max;
    enum error_code code = fields_need_array(root, "", "models", &list, error);
    if (code == OK && yyjson_arr_size(list) != MODELS)
        code = field_error(error, "", "models", "must name exactly %d models, the fallback among them", MODELS);
    yyjson_arr_foreach(list, i, max, item)
    {
        struct field_path path = field_path_index("", "models", i);
        if (code == OK)
            code = parse_model(call, item, path.text, &router->models[i], &matches[i], error);
    }
    if (code != OK)
        return code;
    router->model_count = MODELS;
    if (str_eq(router->models[0].listed, router->models[1].listed) ||
        (str_eq(matches[0].id, matches[1].id) && str_eq(matches[0].place, matches[1].place)))
        return field_error(error, "", "models", "must name two different models");
    return is_one_family(&matches[0], &matches[1])
               ? OK
               : field_error(error, "", "models", "must be of one family; `routers:` in fulcrum.yaml may mix them");
}

static enum error_code parse_fallback(struct api_call *call, yyjson_val *root, struct router *router,
                                      struct error *error)
{
    struct router_model fallback = {0};
    struct catalog_match match;
    yyjson_val *value = NULL;
    enum error_code code = fields_need_object(root, "", "fallbackModel", &value, error);
    if (code == OK)
        code = parse_model(call, value, "fallbackModel", &fallback, &match, error);
    for (size_t i = 0; code == OK && i < router->model_count; i++) {
        router->fallback = i;
        if (str_eq(router->models[i].listed, fallback.listed))
            return OK;
    }
    return code == OK ? field_error(error, "fallbackModel", "modelArn", "must be one of the models in `models`") : code;
}

static bool keep_strings(struct arena *arena, struct router *router)
{
    bool is_kept = arena_str(arena, router->name, &router->name) &&
                   arena_str(arena, router->description, &router->description) &&
                   arena_str(arena, router->head.token, &router->head.token);
    for (size_t i = 0; is_kept && i < router->model_count; i++)
        is_kept = arena_str(arena, router->models[i].listed, &router->models[i].listed) &&
                  arena_str(arena, router->models[i].source, &router->models[i].source);
    return is_kept;
}

static enum error_code parse(struct api_call *call, yyjson_val *root, struct router *router, struct error *error)
{
    static const char *const members[] = {"clientRequestToken", "promptRouterName", "models", "description",
                                          "routingCriteria", "fallbackModel", "tags", NULL};
    struct arena *arena = &call->exchange->arena;
    struct job_tags tags = {0};
    if (!yyjson_is_obj(root))
        return error_set(error, ERROR_INVALID, "the request body must be a JSON object, got %s", json_type_name(root));
    enum error_code code = fields_known(call_unknown_members(call), root, "", members, error);
    if (code == OK)
        code = parse_names(root, router, error);
    if (code == OK)
        code = parse_models(call, root, router, error);
    if (code == OK)
        code = parse_criteria(call, root, router, error);
    if (code == OK)
        code = parse_fallback(call, root, router, error);
    if (code == OK)
        code = tags_parse(root, arena, &tags, error);
    if (code == OK)
        code = resource_tags_json(&tags, arena, &router->head.tags, error);
    return code == OK && !keep_strings(arena, router) ? error_no_memory(error) : code;
}

enum error_code router_create_parse(struct api_call *call, struct router *router, struct error *error)
{
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse(call->exchange->request.body, &doc, error);
    if (code == OK)
        code = parse(call, yyjson_doc_get_root(doc), router, error);
    json_free(doc);
    return code;
}
