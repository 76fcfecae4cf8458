/* GetCustomModel, ListCustomModels, DeleteCustomModel, and tags of custom models. Questions are answered from memory at
 * once; changes wait for the disk on a thread of libuv's pool. */
#include "api/control/customize.h"
#include "api/control/customize_request.h"
#include "api/control/request_fields.h"
#include "api/control/resource_change.h"
#include "api/fields.h"
#include "core/limits.h"
#include "customize/customize.h"

#define BODY_MAX (64u << 20)
#define PAGE_DEFAULT 100
#define PAGE_MAX 1000
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

static void append_summary(struct buf *out, const struct custom_model *model)
{
    buf_append_char(out, '{');
    append_arn(out, "modelArn", "custom-model", model, str_of(model->head.id));
    json_append_member(out, "modelName", model->name);
    json_append_time_member(out, "creationTime", model->head.created_us);
    custom_append_base_arn(out, "baseModelArn", model->region, model->base);
    json_append_member(out, "baseModelName", str_slice(model->base, 0, BASE_NAME_MAX));
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
    uint64_t after_us, before_us; /* 0: no bound */
    struct str name_contains, base; /* empty: any */
    bool is_ascending, is_none; /* none: other statuses than Active are asked for, or models of others */
    int64_t beyond; /* sequence of the last one seen; 0: from the start */
    size_t max;
};

static enum error_code parse_time(struct api_call *call, const char *name, uint64_t *us, struct error *error)
{
    const struct str text = http_query_get(call->exchange, name);
    return !text.data || request_time(text, us) ? OK
                                                : field_error(error, "", name,
                                                              "must be a time such as 2026-11-25T09:00:00Z");
}

/* The ID that ends the ARN of a foundation model. */
static void take_base(struct api_call *call, const char *name, struct str *base)
{
    const struct str arn = http_query_get(call->exchange, name);
    const ptrdiff_t at = arn.data ? str_find(arn, STR("foundation-model/"), 0) : -1;
    if (arn.data)
        *base = at < 0 ? arn : str_slice(arn, (size_t)at + 17, arn.len);
}

static enum error_code parse_page(struct api_call *call, struct model_filter *filter, struct error *error)
{
    const struct str max = http_query_get(call->exchange, "maxResults");
    const struct str token = http_query_get(call->exchange, "nextToken");
    const struct str order = http_query_get(call->exchange, "sortOrder"),
                     by = http_query_get(call->exchange, "sortBy");
    uint64_t number = PAGE_DEFAULT;
    if (max.data && (!str_to_u64(max, &number) || number < 1 || number > PAGE_MAX))
        return field_error(error, "", "maxResults", "must be between 1 and %d", PAGE_MAX);
    filter->max = (size_t)number;
    if (token.data && (!str_to_i64(token, &filter->beyond) || filter->beyond <= 0))
        return field_error(error, "", "nextToken", "is not one of this operation");
    if (by.data && !str_eq(by, STR("CreationTime")))
        return field_error(error, "", "sortBy", "must be CreationTime");
    filter->is_ascending = str_eq(order, STR("Ascending"));
    if (order.data && !filter->is_ascending && !str_eq(order, STR("Descending")))
        return field_error(error, "", "sortOrder", "must be Ascending or Descending");
    return OK;
}

static enum error_code parse_filter(struct api_call *call, struct model_filter *filter, struct error *error)
{
    static const char *const statuses[] = {"Active", "Creating", "Failed", NULL};
    const struct str status = http_query_get(call->exchange, "modelStatus");
    *filter = (struct model_filter){.name_contains = http_query_get(call->exchange, "nameContains")};
    if (status.data && fields_index(status, statuses) < 0)
        return field_error(error, "", "modelStatus", "must be Active, Creating or Failed");
    filter->is_none = (status.data && !str_eq(status, STR("Active"))) ||
                      str_eq(http_query_get(call->exchange, "isOwned"), STR("false"));
    take_base(call, "baseModelArnEquals", &filter->base);
    take_base(call, "foundationModelArnEquals", &filter->base);
    enum error_code code = parse_time(call, "creationTimeAfter", &filter->after_us, error);
    if (code == OK)
        code = parse_time(call, "creationTimeBefore", &filter->before_us, error);
    return code == OK ? parse_page(call, filter, error) : code;
}

static bool fits(const struct custom_model *model, const struct model_filter *filter)
{
    const int64_t sequence = model->head.sequence;
    return !filter->is_none &&
           (filter->beyond == 0 || (filter->is_ascending ? sequence > filter->beyond : sequence < filter->beyond)) &&
           model->head.created_us >= filter->after_us &&
           (filter->before_us == 0 || model->head.created_us <= filter->before_us) &&
           (filter->name_contains.len == 0 || str_find(model->name, filter->name_contains, 0) >= 0) &&
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
        const struct custom_model *model = &models[filter->is_ascending ? i : count - 1 - i];
        if (!fits(model, filter))
            continue;
        has_more = shown == filter->max;
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
    const enum error_code code = find(call, request.resource, "resourceARN", &model, &error);
    if (code == OK && operation == LIST_TAGS) {
        resource_tags_respond(call, &model.head);
        return true;
    }
    if (code != OK) {
        call_fail(call, &error);
        return true;
    }
    struct resource_change *change = resource_change_new(call, store_of(call), sizeof(struct custom_model));
    if (!change)
        return true;
    change->tags = request;
    memcpy(change->resource->id, model.head.id, sizeof(model.head.id));
    resource_change_tag(change);
    return true;
}
