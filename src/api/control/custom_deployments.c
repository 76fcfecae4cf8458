/* CreateCustomModelDeployment, GetCustomModelDeployment, ListCustomModelDeployments, UpdateCustomModelDeployment and
 * DeleteCustomModelDeployment, and tags of deployments. All of them wait for the disk, which says how a deployment is,
 * on a thread of libuv's pool. */
#include "api/control/change.h"
#include "api/control/customize.h"
#include "api/control/customize_request.h"
#include "api/control/request_fields.h"
#include "api/control/resource_change.h"
#include "api/control/resource_filter.h"
#include "api/control/resource_tags.h"
#include "api/fields.h"
#include "core/limits.h"
#include "customize/customize.h"
#include "customize/deploy.h"

#define BODY_MAX (64u << 20)
#define TYPE "custom-model-deployment"
#define NAME_MAX_LEN 63
#define DESCRIPTION_MAX_LEN 2048
#define ARN_MAX_LEN 1011

/* One request about deployments. */
struct deployment_call {
    struct change base;
    struct deploy *deploy;
    struct arena *arena;
    struct deployment deployment;
    struct resource_filter filter;
    int status;     /* that is asked for; -1: any */
    struct str model; /* ID of the custom model that is asked for, or that an update names; empty: any */
    struct deployment *list;
    struct deploy_state *states;
    size_t count;
};

static struct deployment_call *new_call(struct api_call *call)
{
    struct deployment_call *custom = change_new(call, sizeof(*custom));
    if (!custom)
        return NULL;
    custom->deploy = customize_deploy(call->thread->api->customize);
    custom->arena = &call->exchange->arena;
    custom->deployment = (struct deployment){.head = {.tenant = str_of(call->identity.tenant)},
                                             .account = str_of(call->identity.account),
                                             .region = str_of(call->identity.region),
                                             .next = STR(""),
                                             .updated = STR("")};
    return custom;
}

/* --- how one is shown ------------------------------------------------------------------------------- */

static void append_arn(struct buf *out, const struct deployment *deployment)
{
    buf_appendf(out, "\"arn:aws:bedrock:" STR_FMT ":" STR_FMT ":" TYPE "/%s\"", STR_ARG(deployment->region),
                STR_ARG(deployment->account), deployment->head.id);
}

/* Its model may be gone by now: then only the ID is known. */
static void append_model(struct buf *out, const struct deployment_call *custom, const struct deployment *deployment,
                         struct str id)
{
    struct custom_model model;
    struct error ignored;
    struct resources *models = customize_models(custom->base.call->thread->api->customize);
    buf_append_text(out, ",\"modelArn\":\"");
    if (resources_get(models, deployment->head.tenant, id, custom->arena, &model, &ignored) == OK)
        custom_append_arn(out, "custom-model", model.region, model.account, model.base, model.head.id);
    else
        buf_append_str(out, id);
    buf_append_char(out, '"');
}

static void append_update(struct buf *out, const struct deployment_call *custom, const struct deployment *deployment,
                          const struct deploy_state *state)
{
    static const char *const names[] = {"Updating", "UpdateCompleted", "UpdateFailed"};
    if (deployment->updated.len == 0)
        return;
    buf_append_text(out, ",\"updateDetails\":{\"updateStatus\":\"");
    buf_append_text(out, deployment->next.len == 0 ? names[1] : names[state->next]);
    buf_append_char(out, '"');
    append_model(out, custom, deployment, deployment->updated);
    buf_append_char(out, '}');
}

static void append_deployment(struct buf *out, const struct deployment_call *custom, size_t at, bool is_summary)
{
    const struct deployment *deployment = &custom->list[at];
    const struct deploy_state *state = &custom->states[at];
    const struct str message = state->message.len > 0 ? state->message : state->next_message;
    buf_append_text(out, "{\"customModelDeploymentArn\":");
    append_arn(out, deployment);
    json_append_member(out, is_summary ? "customModelDeploymentName" : "modelDeploymentName", deployment->name);
    const bool is_updated = deployment->next.len > 0 && state->next == DEPLOY_ACTIVE; /* noted within a second */
    append_model(out, custom, deployment, is_updated ? deployment->next : deployment->model);
    json_append_time_member(out, "createdAt", deployment->head.created_us);
    json_append_time_member(out, "lastUpdatedAt", deployment->head.updated_us);
    json_append_member(out, "status", str_of(deploy_status_names[state->status]));
    if (message.len > 0)
        json_append_member(out, "failureMessage", message);
    if (!is_summary && deployment->description.len > 0)
        json_append_member(out, "description", deployment->description);
    if (!is_summary)
        append_update(out, custom, deployment, state);
    buf_append_char(out, '}');
}

static void respond_arn(struct change *base)
{
    const struct deployment_call *custom = (const struct deployment_call *)base;
    struct buf body;
    buf_init(&body, BODY_MAX);
    buf_append_text(&body, "{\"customModelDeploymentArn\":");
    append_arn(&body, &custom->deployment);
    buf_append_char(&body, '}');
    if (body.failed)
        call_respond_json(base->call, &body);
    else
        call_respond(base->call, 202, STR("application/json"), buf_str(&body));
    buf_deinit(&body);
}

/* --- finding one ------------------------------------------------------------------------------------ */

/* The tenant's, oldest first, and how they are. */
static enum error_code list_all(struct change *base)
{
    struct deployment_call *custom = (struct deployment_call *)base;
    void *found;
    bool has_more;
    enum error_code code = resources_list(deploy_store(custom->deploy), custom->deployment.head.tenant, 0,
                                          (size_t)limit(custom_deployments), custom->arena, &found, &custom->count,
                                          &has_more, &base->error);
    if (code != OK)
        return code;
    custom->list = found;
    custom->states = ARENA_ARRAY(custom->arena, struct deploy_state, custom->count + 1);
    if (!custom->states)
        return error_no_memory(&base->error);
    return deploy_states(custom->deploy, custom->list, custom->count, custom->arena, custom->states, &base->error);
}

/* By ARN, ID or name; an ARN means it only in its own region and account. */
static enum error_code find(struct deployment_call *custom, struct str text, const char *member, size_t *at,
                            struct error *error)
{
    struct customize_identifier wanted;
    const enum error_code code = customize_identifier_parse(text, TYPE, member, &wanted, error);
    if (code != OK)
        return code;
    for (size_t i = 0; i < custom->count; i++) {
        const struct deployment *deployment = &custom->list[i];
        const bool is_id = str_eq(wanted.id, str_of(deployment->head.id));
        *at = i;
        if (wanted.account.len > 0 ? is_id && str_eq(wanted.account, deployment->account) &&
                                         str_eq(wanted.region, deployment->region)
                                   : is_id || str_eq(wanted.id, deployment->name))
            return OK;
    }
    return error_set(error, ERROR_NOT_FOUND, "There is no custom model deployment '%.*s'.",
                     (int)(text.len > 256 ? 256 : text.len), text.data ? text.data : "");
}

/* The one of the path, as custom->deployment, alone in the list. */
static enum error_code get_one(struct change *base)
{
    struct deployment_call *custom = (struct deployment_call *)base;
    size_t at = 0;
    enum error_code code = list_all(base);
    if (code == OK)
        code = find(custom, base->call->resource, "customModelDeploymentIdentifier", &at, &base->error);
    if (code != OK)
        return code;
    custom->deployment = custom->list[at];
    custom->list += at;
    custom->states += at;
    custom->count = 1;
    return OK;
}

/* The ID of a custom model of the tenant's, by its ARN. */
static enum error_code find_model(struct api_call *call, struct str arn, struct str *id, struct error *error)
{
    struct customize_identifier wanted;
    struct custom_model model;
    enum error_code code = customize_identifier_parse(arn, "custom-model", "modelArn", &wanted, error);
    if (code == OK && wanted.account.len == 0)
        code = field_error(error, "", "modelArn", "must be the ARN of a custom model");
    if (code == OK)
        code = resources_get(customize_models(call->thread->api->customize), str_of(call->identity.tenant), wanted.id,
                             &call->exchange->arena, &model, error);
    if (code == OK && (!str_eq(wanted.account, model.account) || !str_eq(wanted.region, model.region)))
        code = error_set(error, ERROR_NOT_FOUND, "There is no custom model at this ARN.");
    return code == OK && !arena_str(&call->exchange->arena, wanted.id, id) ? error_no_memory(error) : code;
}

/* --- create ----------------------------------------------------------------------------------------- */

static bool is_name(struct str text)
{
    return fields_is_name(text, "") && str_find_char(text, ' ', 0) < 0;
}

static enum error_code parse_create(struct deployment_call *custom, yyjson_val *root, struct error *error)
{
    struct deployment *deployment = &custom->deployment;
    struct job_tags tags;
    struct str arn, description = STR("");
    enum error_code code = request_matching(root, "modelDeploymentName", NAME_MAX_LEN, is_name,
                                            "must be letters and digits, with one _ or - between them", custom->arena,
                                            &deployment->name, error);
    if (code == OK)
        code = fields_need_str(root, "", "modelArn", 1, ARN_MAX_LEN, &arn, error);
    if (code == OK)
        code = fields_get_str(root, "", "description", 1, DESCRIPTION_MAX_LEN, &description, NULL, error);
    yyjson_val *token = yyjson_obj_get(root, "clientRequestToken");
    if (code == OK && token && !yyjson_is_null(token))
        code = request_matching(root, "clientRequestToken", REQUEST_TOKEN_MAX, request_is_token,
                                "must be letters and digits, with hyphens between them", custom->arena,
                                &deployment->head.token, error);
    if (code == OK)
        code = tags_parse(root, custom->arena, &tags, error);
    if (code == OK)
        code = resource_tags_json(&tags, custom->arena, &deployment->head.tags, error);
    if (code == OK && !arena_str(custom->arena, description, &deployment->description))
        code = error_no_memory(error);
    return code == OK ? find_model(custom->base.call, arn, &deployment->model, error) : code;
}

static enum error_code create(struct change *base)
{
    struct deployment_call *custom = (struct deployment_call *)base;
    return deploy_create(custom->deploy, &custom->deployment, &base->error);
}

/* What the body asks for, by its members. */
static void change_by_body(struct api_call *call, const char *const *members,
                           enum error_code (*parse)(struct deployment_call *custom, yyjson_val *root,
                                                    struct error *error),
                           enum error_code (*make)(struct change *base))
{
    struct deployment_call *custom = new_call(call);
    yyjson_doc *doc = NULL;
    if (!custom)
        return;
    struct change *base = &custom->base;
    base->code = json_parse(call->exchange->request.body, &doc, &base->error);
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (base->code == OK && !yyjson_is_obj(root))
        base->code = field_error(&base->error, "", "", "The body: expected an object, got %s", json_type_name(root));
    if (base->code == OK)
        base->code = fields_known(call_unknown_members(call), root, "", members, &base->error);
    if (base->code == OK)
        base->code = parse(custom, root, &base->error);
    json_free(doc);
    change_send(base, make, respond_arn);
}

void custom_deployment_create(struct api_call *call)
{
    static const char *const members[] = {"modelDeploymentName", "modelArn", "description", "tags",
                                          "clientRequestToken", NULL};
    change_by_body(call, members, parse_create, create);
}

/* --- get, update, delete ---------------------------------------------------------------------------- */

static void respond_one(struct change *base)
{
    struct buf body;
    buf_init(&body, BODY_MAX);
    append_deployment(&body, (const struct deployment_call *)base, 0, false);
    call_respond_json(base->call, &body);
    buf_deinit(&body);
}

void custom_deployment_get(struct api_call *call)
{
    struct deployment_call *custom = new_call(call);
    if (custom)
        change_send(&custom->base, get_one, respond_one);
}

static enum error_code update(struct change *base)
{
    struct deployment_call *custom = (struct deployment_call *)base;
    const enum error_code code = get_one(base);
    return code == OK ? deploy_update(custom->deploy, &custom->deployment, custom->model, &base->error) : code;
}

static enum error_code parse_update(struct deployment_call *custom, yyjson_val *root, struct error *error)
{
    struct str arn;
    const enum error_code code = fields_need_str(root, "", "modelArn", 1, ARN_MAX_LEN, &arn, error);
    return code == OK ? find_model(custom->base.call, arn, &custom->model, error) : code;
}

void custom_deployment_update(struct api_call *call)
{
    static const char *const members[] = {"modelArn", NULL};
    change_by_body(call, members, parse_update, update);
}

static enum error_code drop(struct change *base)
{
    struct deployment_call *custom = (struct deployment_call *)base;
    const enum error_code code = get_one(base);
    return code == OK ? deploy_delete(custom->deploy, custom->deployment.head.tenant,
                                      str_of(custom->deployment.head.id), &base->error)
                      : code;
}

void custom_deployment_delete(struct api_call *call)
{
    struct deployment_call *custom = new_call(call);
    if (custom)
        change_send(&custom->base, drop, change_respond_nothing);
}

/* --- list ------------------------------------------------------------------------------------------- */

static bool fits(const struct deployment_call *custom, size_t at)
{
    const struct deployment *deployment = &custom->list[at];
    return resource_filter_fits(&custom->filter, &deployment->head, deployment->name) &&
           (custom->status < 0 || (int)custom->states[at].status == custom->status) &&
           (custom->model.len == 0 || str_eq(custom->model, deployment->model));
}

static void respond_list(struct change *base)
{
    const struct deployment_call *custom = (const struct deployment_call *)base;
    struct buf body;
    size_t shown = 0;
    int64_t last = 0;
    bool has_more = false;
    buf_init(&body, BODY_MAX);
    buf_append_text(&body, "{\"modelDeploymentSummaries\":[");
    for (size_t i = 0; i < custom->count && !has_more; i++) {
        const size_t at = custom->filter.is_ascending ? i : custom->count - 1 - i;
        if (!fits(custom, at))
            continue;
        has_more = shown == custom->filter.max;
        if (has_more)
            break;
        buf_append_text(&body, shown++ ? "," : "");
        append_deployment(&body, custom, at, true);
        last = custom->list[at].head.sequence;
    }
    buf_append_char(&body, ']');
    if (has_more)
        buf_appendf(&body, ",\"nextToken\":\"%lld\"", (long long)last);
    buf_append_char(&body, '}');
    call_respond_json(base->call, &body);
    buf_deinit(&body);
}

void custom_deployment_list(struct api_call *call)
{
    struct deployment_call *custom = new_call(call);
    if (!custom)
        return;
    const struct str status = http_query_get(call->exchange, "statusEquals"),
                     arn = http_query_get(call->exchange, "modelArnEquals");
    struct change *base = &custom->base;
    base->code = resource_filter_parse(call, "createdAfter", "createdBefore", &custom->filter, &base->error);
    custom->status = status.data ? fields_index(status, deploy_status_names) : -1;
    if (base->code == OK && status.data && custom->status < 0)
        base->code = field_error(&base->error, "", "statusEquals", "must be Creating, Active or Failed");
    if (base->code == OK && arn.data && find_model(call, arn, &custom->model, &base->error) != OK)
        custom->model = STR("-"); /* nobody's */
    change_send(base, list_all, respond_list);
}

/* --- tags ------------------------------------------------------------------------------------------- */

bool custom_deployments_take_tags(struct api_call *call, enum tag_operation operation)
{
    struct tag_request request;
    struct customize_identifier wanted;
    struct deployment deployment;
    struct error error;
    if (tag_request_parse(operation, call->exchange->request.body, &call->exchange->arena, &request, &error) != OK ||
        !str_starts(request.resource, STR("arn:")) ||
        customize_identifier_parse(request.resource, TYPE, "resourceARN", &wanted, &error) != OK)
        return false;
    struct resources *store = deploy_store(customize_deploy(call->thread->api->customize));
    if (resources_get(store, str_of(call->identity.tenant), wanted.id, &call->exchange->arena, &deployment, &error) ==
        OK)
        resource_tags_take(call, store, sizeof(deployment), &deployment.head, operation, &request);
    else
        call_fail(call, &error);
    return true;
}
