/* GET /fulcrum/models: what is served and at which price, the custom models that tenants have made, and what serves
 * those. */
#include "api/console/ask.h"
#include "api/console/console.h"
#include "core/util.h"
#include "customize/customize.h"
#include "engine/engine.h"
#include "ledger/money.h"
#include "ledger/reads.h"
#include "upstream/upstreams.h"

#define DAY_US UINT64_C(86400000000)

struct models_ask {
    struct console_ask base;
    struct custom_model *customs; /* everybody's, oldest first */
    size_t custom_count;
    struct deployment *deployments;
    size_t deployment_count;
    struct counted { /* requests of the last day, by the model that answered */
        struct str model;
        uint64_t requests;
        struct counted *next;
    } *counted;
};

static struct models_ask *own(struct console_ask *base) { return (struct models_ask *)base; }

/* --- requests of the last day ------------------------------------------------------------------------ */

static enum error_code keep_count(void *ctx, const struct ledger_group *group, struct error *error)
{
    struct models_ask *ask = ctx;
    struct counted *counted = ARENA_NEW(ask->base.arena, struct counted);
    if (!counted || !arena_str(ask->base.arena, group->key, &counted->model))
        return error_no_memory(error);
    counted->requests = ledger_group_requests(group);
    counted->next = ask->counted;
    ask->counted = counted;
    return OK;
}

static enum error_code count_requests(struct models_ask *ask)
{
    struct console_ask *base = &ask->base;
    const struct ledger_query query = {
        .from_us = clock_wall_us() - DAY_US, .tenant = base->asker.tenant, .by = LEDGER_BY_MODEL};
    struct ledger_view *view;
    enum error_code code = ledger_reads_take(base->api->reads, &view, &base->error);
    if (code != OK)
        return code;
    code = ledger_query(view, &query, keep_count, ask, &base->error);
    ledger_reads_give(base->api->reads, view);
    return code;
}

static uint64_t requests_of(const struct models_ask *ask, struct str model)
{
    for (const struct counted *counted = ask->counted; counted; counted = counted->next)
        if (str_eq(counted->model, model))
            return counted->requests;
    return 0;
}

/* --- models that are served -------------------------------------------------------------------------- */

static void put_id(void *ctx, const char *id) { console_put_text(ctx, NULL, str_of(id)); }

static struct str nullable(const char *text) { return text ? str_of(text) : (struct str){NULL, 0}; }

/* What a million tokens cost in the standard tier; null where only the ID that is asked for says it. */
static void put_price(struct console_reply *reply, const struct price_row *row)
{
    static const char *const names[PRICE_CLASSES] = {"input", "cacheRead", "cacheWrite5m", "cacheWrite1h", "output"};
    char text[MONEY_TEXT];
    if (!row || str_eq(str_of(row->name), STR(PRICE_NONE))) {
        console_put_null(reply, "price");
        return;
    }
    console_open(reply, "price", '{');
    console_put_text(reply, "row", str_of(row->name));
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        console_put_text(reply, names[i],
                         str_of(money_dollars((ledger_sum)row->steps[0].rates[TIER_DEFAULT][i], text)));
    console_close(reply);
}

static bool is_configured(const struct config *config, const struct model *model)
{
    for (size_t i = 0; i < config->model_count; i++)
        if (strcmp(config->models[i].name, model->name) == 0)
            return true;
    return false;
}

static const char *kind_of(const struct console_ask *ask, const struct model *model)
{
    if (model->upstream)
        return "upstream";
    if (str_starts(str_of(model->name), STR(MODEL_CUSTOM_PREFIX)))
        return "custom";
    if (!is_configured(ask->api->config, model))
        return "added";
    return model->config->path || model->config->worker ? "file" : "embedded";
}

/* What is known of a server of somebody else's: what it has of us now is all its models'. */
static void put_upstream(struct console_ask *ask, const struct model *model)
{
    struct console_reply *reply = &ask->reply;
    uint64_t running;
    const bool is_ready = upstream_is_there(upstreams_at(ask->api->work->upstreams, model->upstream), &running);
    console_put_bool(reply, "ready", is_ready);
    console_put_uint(reply, "running", running);
    console_put_uint(reply, "queued", 0);
    console_put_null(reply, "parameters");
    console_put_text(reply, "architecture", str_of(model->upstream->name));
}

/* Its worker is there as long as it is held. */
static void put_worker(struct console_ask *ask, const struct model *model)
{
    struct console_reply *reply = &ask->reply;
    const struct engine *engine = ask->api->engine;
    struct engine_counters counters;
    if (model->upstream) {
        put_upstream(ask, model);
        return;
    }
    const bool is_held = model_hold(model);
    const struct engine_model_info *info = is_held ? engine_model_info(engine, model->worker) : NULL;
    engine_counters(engine, model->worker, &counters);
    console_put_bool(reply, "ready", is_held && engine_model_is_ready(engine, model->worker));
    console_put_uint(reply, "running", counters.running);
    console_put_uint(reply, "queued", counters.queue_depth);
    if (info)
        console_put_uint(reply, "parameters", info->parameters);
    else
        console_put_null(reply, "parameters");
    console_put_text(reply, "architecture", info ? str_of(info->architecture) : (struct str){NULL, 0});
    if (is_held)
        model_release(model);
}

/* The custom model that is served under this name; NULL: none of theirs. */
static const struct custom_model *custom_of(const struct models_ask *ask, const struct model *model)
{
    for (size_t i = 0; i < ask->custom_count; i++) {
        const struct str name = deploy_name(&ask->customs[i], ask->base.arena);
        if (name.data && str_eq(name, str_of(model->name)))
            return &ask->customs[i];
    }
    return NULL;
}

static void put_model(struct models_ask *ask, const struct model *model, const struct custom_model *custom)
{
    struct console_ask *base = &ask->base;
    struct console_reply *reply = &base->reply;
    const struct api *api = base->api;
    const struct str id = str_of(model->name);
    console_open(reply, NULL, '{');
    console_put_text(reply, "name", id);
    console_put_text(reply, "kind", str_of(kind_of(base, model)));
    console_put_text(reply, "tenant", custom ? custom->head.tenant : (struct str){NULL, 0});
    console_open(reply, "ids", '[');
    catalog_each_id(api->catalog, api->models, model, put_id, reply);
    console_close(reply);
    put_worker(base, model);
    console_put_uint(reply, "context", model->context);
    console_put_uint(reply, "parallel", model->parallel);
    console_put_bool(reply, "trainable", !custom && customize_can_train(model));
    console_put_text(reply, "adapter", nullable(model->config->adapter));
    console_put_text(reply, "teacher", nullable(model->config->teacher));
    console_put_text(reply, "priceAs", nullable(model->config->price_as));
    put_price(reply, price_book_row_of(api->prices, model->price, catalog_bare_id(id), STR("")));
    console_put_uint(reply, "requests24h", requests_of(ask, id));
    console_close(reply);
}

static void put_models(struct models_ask *ask)
{
    const struct model_list *list = registry_list(ask->base.api->models);
    console_open(&ask->base.reply, "models", '[');
    for (size_t i = 0; i < list->count; i++) {
        const struct model *model = list->models[i];
        const bool is_custom = str_starts(str_of(model->name), STR(MODEL_CUSTOM_PREFIX));
        const struct custom_model *custom = is_custom ? custom_of(ask, model) : NULL;
        if (!is_custom || (custom && console_asker_sees(&ask->base.asker, custom->head.tenant)))
            put_model(ask, model, custom);
    }
    console_close(&ask->base.reply);
}

/* --- custom models and what serves them -------------------------------------------------------------- */

static void put_custom_arn(struct console_reply *reply, const char *name, const char *resource,
                           const struct custom_model *model, const char *id)
{
    struct buf text;
    buf_init(&text, 2048);
    if (custom_append_arn(&text, resource, model->region, model->account, model->base, id))
        console_put_text(reply, name, buf_str(&text));
    else
        console_put_null(reply, name);
    buf_deinit(&text);
}

static void put_custom(struct models_ask *ask, const struct custom_model *model)
{
    struct console_reply *reply = &ask->base.reply;
    char job[JOB_ID_LEN + 1] = "";
    memcpy(job, model->job.data, model->job.len < JOB_ID_LEN ? model->job.len : JOB_ID_LEN);
    const struct str name = deploy_name(model, ask->base.arena);
    console_open(reply, NULL, '{');
    put_custom_arn(reply, "arn", "custom-model", model, model->head.id);
    console_put_text(reply, "name", model->name);
    console_put_text(reply, "tenant", model->head.tenant);
    console_put_text(reply, "base", model->base);
    console_put_text(reply, "customizationType", model->type);
    put_custom_arn(reply, "jobArn", custom_job_kind.resource, model, job);
    console_put_text(reply, "jobName", model->job_name);
    console_put_time(reply, "created", model->head.created_us);
    console_put_bool(reply, "adapter", model->adapter.len > 0);
    console_put_text(reply, "model", name);
    console_put_bool(reply, "served", name.data && registry_find(ask->base.api->models, name.data));
    console_put_json(reply, "details", model->details.len > 0 ? model->details : STR("{}"));
    console_close(reply);
}

static void put_customs(struct models_ask *ask)
{
    console_open(&ask->base.reply, "customModels", '[');
    for (size_t i = ask->custom_count; i > 0; i--)
        if (console_asker_sees(&ask->base.asker, ask->customs[i - 1].head.tenant))
            put_custom(ask, &ask->customs[i - 1]);
    console_close(&ask->base.reply);
}

static const struct custom_model *find_custom(const struct models_ask *ask, const struct deployment *deployment)
{
    for (size_t i = 0; i < ask->custom_count; i++)
        if (str_eq(deployment->model, str_of(ask->customs[i].head.id)) &&
            str_eq(deployment->head.tenant, ask->customs[i].head.tenant))
            return &ask->customs[i];
    return NULL;
}

static void put_deployment(struct models_ask *ask, const struct deployment *deployment,
                           const struct deploy_state *state)
{
    struct console_ask *base = &ask->base;
    struct console_reply *reply = &base->reply;
    const struct custom_model *model = find_custom(ask, deployment);
    const struct str message = state->message.len > 0 ? state->message : state->next_message;
    console_open(reply, NULL, '{');
    console_put_text(reply, "arn", arena_printf(base->arena, "arn:aws:bedrock:" STR_FMT ":" STR_FMT
                                                ":custom-model-deployment/%s", STR_ARG(deployment->region),
                                                STR_ARG(deployment->account), deployment->head.id));
    console_put_text(reply, "name", deployment->name);
    console_put_text(reply, "tenant", deployment->head.tenant);
    console_put_text(reply, "status", str_of(deploy_status_names[state->status]));
    console_put_text(reply, "message", message.len > 0 ? message : (struct str){NULL, 0});
    if (model)
        put_custom_arn(reply, "modelArn", "custom-model", model, model->head.id);
    else
        console_put_null(reply, "modelArn");
    console_put_text(reply, "modelName", model ? model->name : (struct str){NULL, 0});
    console_put_time(reply, "created", deployment->head.created_us);
    console_close(reply);
}

static enum error_code put_deployments(struct models_ask *ask)
{
    struct console_ask *base = &ask->base;
    struct deploy_state *states = ARENA_ARRAY(base->arena, struct deploy_state, ask->deployment_count + 1);
    enum error_code code = states ? deploy_states(customize_deploy(base->api->customize), ask->deployments,
                                                  ask->deployment_count, base->arena, states, &base->error)
                                  : error_no_memory(&base->error);
    if (code != OK)
        return code;
    console_open(&base->reply, "deployments", '[');
    for (size_t i = ask->deployment_count; i > 0; i--)
        if (console_asker_sees(&base->asker, ask->deployments[i - 1].head.tenant))
            put_deployment(ask, &ask->deployments[i - 1], &states[i - 1]);
    console_close(&base->reply);
    return OK;
}

/* --- the answer -------------------------------------------------------------------------------------- */

static enum error_code read_resources(struct models_ask *ask)
{
    struct console_ask *base = &ask->base;
    struct customize *customize = base->api->customize;
    void *found;
    enum error_code code =
        resources_list_all(customize_models(customize), base->arena, &found, &ask->custom_count, &base->error);
    if (code != OK)
        return code;
    ask->customs = found;
    code = resources_list_all(deploy_store(customize_deploy(customize)), base->arena, &found, &ask->deployment_count,
                              &base->error);
    ask->deployments = code == OK ? found : NULL;
    return code;
}

static enum error_code answer_models(struct console_ask *base)
{
    struct models_ask *ask = own(base);
    enum error_code code = read_resources(ask);
    if (code == OK)
        code = count_requests(ask);
    if (code != OK)
        return code;
    console_open(&base->reply, NULL, '{');
    put_models(ask);
    put_customs(ask);
    code = put_deployments(ask);
    console_close(&base->reply);
    return code;
}

/* `list` says which of the three is the table of a CSV. */
void console_models(struct api_call *call)
{
    static const char *const names[] = {"list", NULL};
    static const char *const lists[] = {"models", "customModels", "deployments", NULL};
    size_t list = 0;
    struct models_ask *ask = console_ask_new(call, sizeof(*ask), names, lists[0]);
    if (!ask)
        return;
    if (ask->base.code == OK)
        ask->base.code = console_query_choice(call, "list", lists, &list, &ask->base.error);
    ask->base.list = lists[list];
    console_ask_send(&ask->base, answer_models);
}
