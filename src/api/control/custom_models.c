/* GetCustomModel, ListCustomModels, DeleteCustomModel, and tags of custom models. Questions are answered from memory at
 * once; changes wait for the disk on a thread of libuv's pool. */
#include "api/control/customize.h"
#include "api/control/customize_request.h"
#include "api/control/resource_change.h"
#include "api/control/resource_filter.h"
#include "api/fields.h"
#include "core/limits.h"
#include "customize/customize.h"

#define BODY_MAX (64u << 20)
#define BASE_NAME_MAX 63

/* --- finding one ------------------------------------------------------------------------------------ */

static struct resources *store_of(const struct api_call *call)
{
    return customize_models(call->thread->api->customize);
}

/* The tenant's, newest first. */
static enum error_code list_all(struct api_call *call, struct custom_model **models, size_t *count,
                                struct error *error)
{
    void *found;
    bool has_more;
    enum error_code code = resources_list(store_of(call), str_of(call->identity.tenant), 0,
                                          (size_t)limit(custom_models), &call->exchange->arena, &found, count,
                                          &has_more, error);
    *models = found;
    return code;
}

/* By ARN, ID or name; an ARN means it only in its own region and account. */
static enum error_code find(struct api_call *call, struct str text, const char *member, struct custom_model *model,
                            struct error *error)
{
    struct customize_identifier wanted;
    struct custom_model *models;
    size_t count;
    enum error_code code = customize_identifier_parse(text, "custom-model", member, &wanted, error);
    if (code == OK)
        code = list_all(call, &models, &count, error);
    if (code != OK)
        return code;
    for (size_t i = 0; i < count; i++) {
        const bool is_it = wanted.account.len > 0
                               ? str_eq(wanted.id, str_of(models[i].head.id)) &&
                                     str_eq(wanted.account, models[i].account) &&
                                     str_eq(wanted.region, models[i].region)
                               : str_eq(wanted.id, str_of(models[i].head.id)) || str_eq(wanted.id, models[i].name);
        if (!is_it)
            continue;
        *model = models[i];
        return OK;
    }
    return error_set(error, ERROR_NOT_FOUND, "There is no custom model '%.*s'.",
                     (int)(text.len > 256 ? 256 : text.len), text.data ? text.data : "");
}

/* --- how one is shown ------------------------------------------------------------------------------- */

static void append_arn(struct buf *out, const char *name, const char *resource, const struct custom_model *model,
                       struct str id)
{
    char text[JOB_ID_LEN + 1] = "";
    memcpy(text, id.data, id.len < JOB_ID_LEN ? id.len : JOB_ID_LEN);
    buf_appendf(out, "\"%s\":\"", name);
    custom_append_arn(out, resource, model->region, model->account, model->base, text);
    buf_append_char(out, '"');
}

/* The service's names have one dot, and no version behind a colon. */
static void append_base_name(struct buf *out, struct str base)
{
    const ptrdiff_t colon = str_find_char(base, ':', 0);
    const struct str name = colon < 0 ? base : str_slice(base, 0, (size_t)colon);
    ptrdiff_t dot = str_find_char(name, '.', 0);
    buf_append_text(out, dot < 0 ? ",\"baseModelName\":\"fulcrum." : ",\"baseModelName\":\"");
    for (size_t i = 0; i < name.len && i < BASE_NAME_MAX; i++) {
        const char c = name.data[i];
        const bool is_kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (ptrdiff_t)i == dot;
        buf_append_char(out, is_kept ? c : c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : '-');
    }
    buf_append_char(out, '"');
}

static void append_summary(struct buf *out, const struct custom_model *model)
{
    buf_append_char(out, '{');
    append_arn(out, "modelArn", "custom-model", model, str_of(model->head.id));
    json_append_member(out, "modelName", model->name);
    json_append_time_member(out, "creationTime", model->head.created_us);
    custom_append_base_arn(out, "baseModelArn", model->region, model->base);
    append_base_name(out, model->base);
    json_append_member(out, "customizationType", model->type);
    json_append_member(out, "ownerAccountId", model->account);
    buf_append_text(out, ",\"modelStatus\":\"Active\"}");
}

static void append_model(struct buf *out, const struct custom_model *model)
{
    buf_append_char(out, '{');
    append_arn(out, "modelArn", "custom-model", model, str_of(model->head.id));
    json_append_member(out, "modelName", model->name);
    json_append_member(out, "jobName", model->job_name);
    buf_append_char(out, ',');
    append_arn(out, "jobArn", custom_job_kind.resource, model, model->job);
    custom_append_base_arn(out, "baseModelArn", model->region, model->base);
    json_append_member(out, "customizationType", model->type);
    json_append_time_member(out, "creationTime", model->head.created_us);
    buf_append_text(out, ",\"modelStatus\":\"Active\"");
    if (model->details.len > 2) { /* more than {} */
        buf_append_char(out, ',');
        buf_append_str(out, str_slice(model->details, 1, model->details.len - 1));
    }
    buf_append_char(out, '}');
}

void custom_model_get(struct api_call *call)
{
    struct custom_model model;
    struct error error;
    struct buf body;
    if (find(call, call->resource, "modelIdentifier", &model, &error) != OK) {
        call_fail(call, &error);
        return;
    }
    buf_init(&body, BODY_MAX);
    append_model(&body, &model);
    call_respond_json(call, &body);
    buf_deinit(&body);
}

/* --- list ------------------------------------------------------------------------------------------- */

struct model_filter {
    struct resource_filter common;
    struct str base; /* empty: any */
    bool is_none;    /* other statuses than Active are asked for, or models of others */
};

/* The ID that ends the ARN of a foundation model. */
static void take_base(struct api_call *call, const char *name, struct str *base)
{
    const struct str arn = http_query_get(call->exchange, name);
    const ptrdiff_t at = arn.data ? str_find(arn, STR("foundation-model/"), 0) : -1;
    if (arn.data)
        *base = at < 0 ? arn : str_slice(arn, (size_t)at + 17, arn.len);
}

static enum error_code parse_filter(struct api_call *call, struct model_filter *filter, struct error *error)
{
    static const char *const statuses[] = {"Active", "Creating", "Failed", NULL};
    const struct str status = http_query_get(call->exchange, "modelStatus");
    *filter = (struct model_filter){0};
    if (status.data && fields_index(status, statuses) < 0)
        return field_error(error, "", "modelStatus", "must be Active, Creating or Failed");
    filter->is_none = (status.data && !str_eq(status, STR("Active"))) ||
                      str_eq(http_query_get(call->exchange, "isOwned"), STR("false"));
    take_base(call, "baseModelArnEquals", &filter->base);
    take_base(call, "foundationModelArnEquals", &filter->base);
    return resource_filter_parse(call, "creationTimeAfter", "creationTimeBefore", &filter->common, error);
}

static bool fits(const struct custom_model *model, const struct model_filter *filter)
{
    return !filter->is_none && resource_filter_fits(&filter->common, &model->head, model->name) &&
           (filter->base.len == 0 || str_eq(model->base, filter->base));
}

static void append_page(struct buf *out, const struct custom_model *models, size_t count,
                        const struct model_filter *filter)
{
    size_t shown = 0;
    int64_t last = 0;
    bool has_more = false;
    buf_append_text(out, "{\"modelSummaries\":[");
    for (size_t i = 0; i < count && !has_more; i++) {
        const struct custom_model *model = &models[filter->common.is_ascending ? i : count - 1 - i];
        if (!fits(model, filter))
            continue;
        has_more = shown == filter->common.max;
        if (has_more)
            break;
        buf_append_text(out, shown++ ? "," : "");
        append_summary(out, model);
        last = model->head.sequence;
    }
    buf_append_char(out, ']');
    if (has_more)
        buf_appendf(out, ",\"nextToken\":\"%lld\"", (long long)last);
    buf_append_char(out, '}');
}

void custom_model_list(struct api_call *call)
{
    struct model_filter filter;
    struct custom_model *models;
    size_t count;
    struct error error;
    struct buf body;
    if (parse_filter(call, &filter, &error) != OK || list_all(call, &models, &count, &error) != OK) {
        call_fail(call, &error);
        return;
    }
    buf_init(&body, BODY_MAX);
    append_page(&body, models, count, &filter);
    call_respond_json(call, &body);
    buf_deinit(&body);
}

/* --- delete ----------------------------------------------------------------------------------------- */

struct deletion {
    struct change base;
    struct custom_model model;
};

static enum error_code drop(struct change *base)
{
    const struct deletion *deletion = (const struct deletion *)base;
    return customize_delete_model(base->call->thread->api->customize, deletion->model.head.tenant,
                                  str_of(deletion->model.head.id), &base->error);
}

void custom_model_delete(struct api_call *call)
{
    struct deletion *deletion = change_new(call, sizeof(*deletion));
    if (!deletion)
        return;
    deletion->base.code = find(call, call->resource, "modelIdentifier", &deletion->model, &deletion->base.error);
    change_send(&deletion->base, drop, change_respond_nothing);
}

/* --- tags ------------------------------------------------------------------------------------------- */

bool custom_models_take_tags(struct api_call *call, enum tag_operation operation)
{
    struct tag_request request;
    struct customize_identifier identifier;
    struct custom_model model;
    struct error error;
    if (tag_request_parse(operation, call->exchange->request.body, &call->exchange->arena, &request, &error) != OK ||
        !str_starts(request.resource, STR("arn:")) ||
        customize_identifier_parse(request.resource, "custom-model", "resourceARN", &identifier, &error) != OK)
        return false;
    if (find(call, request.resource, "resourceARN", &model, &error) == OK)
        resource_tags_take(call, store_of(call), sizeof(model), &model.head, operation, &request);
    else
        call_fail(call, &error);
    return true;
}
