/* deploy.c - from deployments to added models, and from ARNs to names. Loads no model: that is model/keeper.c. See
 * deploy.h. */
#include "customize/deploy.h"

#include <pthread.h>
#include <string.h>

#include "core/arn.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/limits.h"
#include "customize/job.h"
#include "model/added.h"

#define DEFINITION_MAX (32u << 10)

const char *const deploy_status_names[DEPLOY_STATUSES + 1] = {
    [DEPLOY_CREATING] = "Creating", [DEPLOY_ACTIVE] = "Active", [DEPLOY_FAILED] = "Failed"};

struct deploy {
    struct deploy_options options;
    struct resources *store;
    pthread_mutex_t mutex; /* held by whoever uses the rest */
    struct sql *added;
    bool is_settled; /* nothing is to be done until a deployment changes */
};

enum error_code deploy_open(const struct deploy_options *options, struct deploy **deploy, struct error *error)
{
    struct deploy *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->options = *options;
    pthread_mutex_init(&made->mutex, NULL);
    enum error_code code = resources_open(&deployment_resource, options->config->data, &made->store, error);
    if (code == OK)
        code = added_open(options->config->data, &made->added, error);
    if (code == OK)
        code = deploy_reconcile(made, error);
    if (code != OK) {
        deploy_close(made);
        return code;
    }
    *deploy = made;
    return OK;
}

void deploy_close(struct deploy *deploy)
{
    if (!deploy)
        return;
    resources_close(deploy->store);
    sql_close(deploy->added);
    pthread_mutex_destroy(&deploy->mutex);
    mem_free(deploy);
}

struct resources *deploy_store(struct deploy *deploy)
{
    return deploy->store;
}

/* --- names ------------------------------------------------------------------------------------------ */

static struct str model_arn(const struct custom_model *model, struct arena *arena)
{
    struct buf text;
    struct str arn = {NULL, 0}, copy;
    buf_init(&text, 4096);
    if (custom_append_arn(&text, "custom-model", model->region, model->account, model->base, model->head.id) &&
        arena_str(arena, buf_str(&text), &copy))
        arn = copy;
    buf_deinit(&text);
    return arn;
}

/* The end of its ARN. */
struct str deploy_name(const struct custom_model *model, struct arena *arena)
{
    const struct str arn = model_arn(model, arena);
    const ptrdiff_t at = arn.data ? str_find(arn, STR(MODEL_CUSTOM_PREFIX), 0) : -1;
    return at >= 0 ? str_slice(arn, (size_t)at, arn.len) : (struct str){NULL, 0};
}

static bool is_ready(const struct deploy *deploy, struct str name)
{
    return name.data && registry_find(deploy->options.registry, name.data) != NULL; /* of an arena: ends with NUL */
}

static enum error_code name_of(struct deploy *deploy, struct str tenant, struct str id, struct arena *arena,
                               struct str *name, struct error *error)
{
    struct custom_model model;
    const enum error_code code = resources_get(deploy->options.models, tenant, id, arena, &model, error);
    if (code != OK)
        return code;
    *name = deploy_name(&model, arena);
    return name->data ? OK : error_no_memory(error);
}

/* The model that it was given last, once that is loaded. */
static enum error_code find_deployment(struct deploy *deploy, struct str tenant, const struct arn *arn,
                                       struct arena *arena, struct str *name, struct error *error)
{
    struct deployment deployment;
    enum error_code code = resources_get(deploy->store, tenant, arn->id, arena, &deployment, error);
    if (code == OK && (!str_eq(arn->account, deployment.account) || !str_eq(arn->region, deployment.region)))
        code = error_set(error, ERROR_NOT_FOUND, "There is no custom model deployment at this ARN.");
    if (code == OK && deployment.next.len > 0 && name_of(deploy, tenant, deployment.next, arena, name, error) == OK &&
        is_ready(deploy, *name))
        return OK;
    if (code == OK)
        code = name_of(deploy, tenant, deployment.model, arena, name, error);
    if (code == OK && !is_ready(deploy, *name))
        code = error_set(error, ERROR_NOT_READY, "The custom model deployment '" STR_FMT "' is not active (yet): "
                         "GetCustomModelDeployment says how it is.", STR_ARG(deployment.name));
    return code;
}

static enum error_code find_model(struct deploy *deploy, struct str tenant, const struct arn *arn, struct arena *arena,
                                  struct str *name, struct error *error)
{
    const size_t at = arn->id.len > RESOURCE_ID_LEN ? arn->id.len - RESOURCE_ID_LEN : 0;
    struct custom_model model;
    struct error ignored;
    /* fulcrum.yaml may have such an ARN among the IDs of a model: it is not ours then. */
    if (resources_get(deploy->options.models, tenant, str_slice(arn->id, at, arn->id.len), arena, &model, &ignored) !=
            OK ||
        !str_eq(arn->account, model.account) || !str_eq(arn->region, model.region))
        return OK;
    *name = deploy_name(&model, arena);
    if (!name->data)
        return error_no_memory(error);
    return is_ready(deploy, *name)
               ? OK
               : error_set(error, ERROR_INVALID, "The custom model '" STR_FMT "' is not served: "
                           "CreateCustomModelDeployment does that.", STR_ARG(model.name));
}

enum error_code deploy_find(struct deploy *deploy, struct str tenant, struct str id, struct arena *arena,
                            struct str *name, struct error *error)
{
    struct arn arn;
    *name = (struct str){NULL, 0};
    if (!str_starts(id, STR("arn:")) || str_find(id, STR(":custom-model"), 0) < 0 || !arn_split(id, &arn))
        return OK;
    if (str_eq(arn.type, STR("custom-model-deployment")))
        return find_deployment(deploy, tenant, &arn, arena, name, error);
    return str_eq(arn.type, STR("custom-model")) ? find_model(deploy, tenant, &arn, arena, name, error) : OK;
}

/* --- rows of added models --------------------------------------------------------------------------- */

/* The newest row of the name that is not being removed. */
static const struct added_row *find_row(const struct added_row *rows, size_t count, struct str name)
{
    const struct added_row *found = NULL;
    for (size_t i = 0; i < count; i++)
        if (rows[i].state != ADDED_REMOVING && str_eq(str_of(rows[i].name), name))
            found = &rows[i];
    return found;
}

/* What is wanted: names, each once. */
struct wanted {
    struct str *names;
    const struct custom_model **models;
    size_t count;
    bool is_swapping; /* a deployment waits for its new model */
};

static enum error_code want(struct deploy *deploy, struct str tenant, struct str id, struct arena *arena,
                            struct wanted *wanted, struct error *error)
{
    struct custom_model *model = ARENA_NEW(arena, struct custom_model);
    if (!model)
        return error_no_memory(error);
    if (id.len == 0 || resources_get(deploy->options.models, tenant, id, arena, model, error) != OK)
        return OK; /* its model is gone: nothing can be served */
    const struct str name = deploy_name(model, arena);
    for (size_t i = 0; i < wanted->count; i++)
        if (str_eq(wanted->names[i], name))
            return OK;
    wanted->names[wanted->count] = name;
    wanted->models[wanted->count++] = model;
    return name.data ? OK : error_no_memory(error);
}

static enum error_code define(const struct custom_model *model, struct str name, struct arena *arena, struct buf *out,
                              struct error *error)
{
    const struct str arn = model_arn(model, arena);
    buf_append_text(out, "{\"name\":");
    buf_append_json(out, name);
    json_append_member(out, "path", model->path);
    if (model->adapter.len > 0)
        json_append_member(out, "adapter", model->adapter);
    buf_append_text(out, ",\"ids\":[");
    buf_append_json(out, arn);
    buf_append_char(out, ']');
    buf_append_str(out, model->settings);
    return buf_append_char(out, '}') && arn.data ? OK : error_no_memory(error);
}

static enum error_code add(struct deploy *deploy, const struct custom_model *model, struct str name,
                           struct arena *arena, struct error *error)
{
    struct buf text;
    int64_t revision;
    buf_init(&text, DEFINITION_MAX);
    enum error_code code = define(model, name, arena, &text, error);
    if (code == OK)
        code = added_insert(deploy->added, name.data, buf_str(&text), &revision, error);
    buf_deinit(&text);
    return code;
}

static bool is_wanted(const struct wanted *wanted, struct str name)
{
    for (size_t i = 0; i < wanted->count; i++)
        if (str_eq(wanted->names[i], name))
            return true;
    return false;
}

static enum error_code apply(struct deploy *deploy, const struct wanted *wanted, struct arena *arena, bool *has_changed,
                             struct error *error)
{
    struct added_row *rows;
    size_t count;
    enum error_code code = added_list(deploy->added, arena, &rows, &count, error);
    for (size_t i = 0; code == OK && i < wanted->count; i++) {
        if (find_row(rows, count, wanted->names[i]))
            continue;
        code = add(deploy, wanted->models[i], wanted->names[i], arena, error);
        *has_changed = true;
    }
    for (size_t i = 0; code == OK && i < count; i++) {
        const struct str name = str_of(rows[i].name);
        if (!str_starts(name, STR(MODEL_CUSTOM_PREFIX)) || rows[i].state == ADDED_REMOVING || is_wanted(wanted, name))
            continue;
        code = added_begin_removal(deploy->added, rows[i].name, error);
        *has_changed = true;
    }
    return code;
}

/* A deployment whose new model is loaded has it for good. */
static enum error_code settle(struct deploy *deploy, struct deployment *deployment, struct arena *arena,
                              struct error *error)
{
    struct str name;
    struct error ignored;
    if (deployment->next.len == 0 ||
        name_of(deploy, deployment->head.tenant, deployment->next, arena, &name, &ignored) != OK ||
        !is_ready(deploy, name))
        return OK;
    deployment->model = deployment->next;
    deployment->next = STR("");
    return resources_update(deploy->store, deployment, error);
}

static enum error_code collect(struct deploy *deploy, struct arena *arena, struct wanted *wanted, struct error *error)
{
    void *found;
    size_t count;
    enum error_code code = resources_list_all(deploy->store, arena, &found, &count, error);
    if (code != OK)
        return code;
    struct deployment *deployments = found;
    wanted->names = ARENA_ARRAY(arena, struct str, 2 * count + 1);
    wanted->models = ARENA_ARRAY(arena, const struct custom_model *, 2 * count + 1);
    if (!wanted->names || !wanted->models)
        return error_no_memory(error);
    for (size_t i = 0; code == OK && i < count; i++) {
        code = settle(deploy, &deployments[i], arena, error);
        wanted->is_swapping = wanted->is_swapping || deployments[i].next.len > 0;
        if (code == OK)
            code = want(deploy, deployments[i].head.tenant, deployments[i].model, arena, wanted, error);
        if (code == OK)
            code = want(deploy, deployments[i].head.tenant, deployments[i].next, arena, wanted, error);
    }
    return code;
}

enum error_code deploy_reconcile(struct deploy *deploy, struct error *error)
{
    struct arena arena;
    struct wanted wanted = {0};
    bool has_changed = false;
    arena_init(&arena, 0);
    pthread_mutex_lock(&deploy->mutex);
    enum error_code code = deploy->is_settled ? OK : collect(deploy, &arena, &wanted, error);
    if (code == OK && !deploy->is_settled) {
        code = apply(deploy, &wanted, &arena, &has_changed, error);
        deploy->is_settled = code == OK && !wanted.is_swapping;
    }
    pthread_mutex_unlock(&deploy->mutex);
    arena_deinit(&arena);
    if (has_changed)
        deploy->options.on_rows(deploy->options.ctx);
    return code;
}

/* --- states ----------------------------------------------------------------------------------------- */

static void state_of(const struct added_row *rows, size_t count, struct str name, enum deploy_status *status,
                     struct str *message)
{
    const struct added_row *row = find_row(rows, count, name);
    *message = STR("");
    *status = DEPLOY_CREATING;
    if (row && row->state == ADDED_READY)
        *status = DEPLOY_ACTIVE;
    if (row && row->state == ADDED_FAILED) {
        *status = DEPLOY_FAILED;
        *message = str_of(row->message);
    }
}

enum error_code deploy_states(struct deploy *deploy, const struct deployment *deployments, size_t count,
                              struct arena *arena, struct deploy_state *states, struct error *error)
{
    struct added_row *rows;
    size_t row_count;
    pthread_mutex_lock(&deploy->mutex);
    enum error_code code = added_list(deploy->added, arena, &rows, &row_count, error);
    pthread_mutex_unlock(&deploy->mutex);
    for (size_t i = 0; code == OK && i < count; i++) {
        struct str name;
        states[i] = (struct deploy_state){.message = STR(""), .next_message = STR("")};
        if (name_of(deploy, deployments[i].head.tenant, deployments[i].model, arena, &name, error) == OK)
            state_of(rows, row_count, name, &states[i].status, &states[i].message);
        if (deployments[i].next.len > 0 &&
            name_of(deploy, deployments[i].head.tenant, deployments[i].next, arena, &name, error) == OK)
            state_of(rows, row_count, name, &states[i].next, &states[i].next_message);
    }
    return code;
}

/* --- changes ---------------------------------------------------------------------------------------- */

/* What was there when the request was read may be gone by now: models go under the same lock. */
static enum error_code check_model(struct deploy *deploy, struct str tenant, struct str id, struct error *error)
{
    struct arena arena;
    struct custom_model model;
    arena_init(&arena, 0);
    const enum error_code code = resources_get(deploy->options.models, tenant, id, &arena, &model, error);
    arena_deinit(&arena);
    return code;
}

enum error_code deploy_create(struct deploy *deploy, struct deployment *deployment, struct error *error)
{
    pthread_mutex_lock(&deploy->mutex);
    enum error_code code = check_model(deploy, deployment->head.tenant, deployment->model, error);
    if (code == OK)
        code = resources_create(deploy->store, deployment, error);
    deploy->is_settled = deploy->is_settled && code != OK;
    pthread_mutex_unlock(&deploy->mutex);
    return code == OK ? deploy_reconcile(deploy, error) : code;
}

static enum error_code change_model(struct deploy *deploy, const struct deployment *deployment, struct str model,
                                    struct arena *arena, struct error *error)
{
    struct deployment now; /* it may have got another one meanwhile */
    enum error_code code = check_model(deploy, deployment->head.tenant, model, error);
    if (code == OK)
        code = resources_get(deploy->store, deployment->head.tenant, str_of(deployment->head.id), arena, &now, error);
    if (code != OK)
        return code;
    now.next = str_eq(model, now.model) ? STR("") : model;
    now.updated = model;
    return resources_update(deploy->store, &now, error);
}

enum error_code deploy_update(struct deploy *deploy, const struct deployment *deployment, struct str model,
                              struct error *error)
{
    struct arena arena;
    arena_init(&arena, 0);
    pthread_mutex_lock(&deploy->mutex);
    const enum error_code code = change_model(deploy, deployment, model, &arena, error);
    deploy->is_settled = deploy->is_settled && code != OK;
    pthread_mutex_unlock(&deploy->mutex);
    arena_deinit(&arena);
    return code == OK ? deploy_reconcile(deploy, error) : code;
}

enum error_code deploy_delete(struct deploy *deploy, struct str tenant, struct str id, struct error *error)
{
    pthread_mutex_lock(&deploy->mutex);
    const enum error_code code = resources_delete(deploy->store, tenant, id, error);
    deploy->is_settled = deploy->is_settled && code != OK;
    pthread_mutex_unlock(&deploy->mutex);
    return code == OK ? deploy_reconcile(deploy, error) : code;
}

static enum error_code check_needs(struct deploy *deploy, const struct custom_model *model, struct arena *arena,
                                   struct error *error)
{
    void *found;
    size_t count;
    bool has_more;
    const struct str id = str_of(model->head.id);
    enum error_code code = resources_list(deploy->store, model->head.tenant, 0, (size_t)limit(custom_deployments),
                                          arena, &found, &count, &has_more, error);
    for (size_t i = 0; code == OK && i < count; i++) {
        const struct deployment *deployment = (const struct deployment *)found + i;
        if (str_eq(deployment->model, id) || str_eq(deployment->next, id))
            code = error_set(error, ERROR_CONFLICT, "custom model '" STR_FMT "' is deployed as '" STR_FMT
                             "'; delete the deployment first", STR_ARG(model->name), STR_ARG(deployment->name));
    }
    return code;
}

enum error_code deploy_delete_model(struct deploy *deploy, const struct custom_model *model, struct error *error)
{
    struct arena arena;
    arena_init(&arena, 0);
    pthread_mutex_lock(&deploy->mutex);
    enum error_code code = check_needs(deploy, model, &arena, error);
    if (code == OK)
        code = resources_delete(deploy->options.models, model->head.tenant, str_of(model->head.id), error);
    pthread_mutex_unlock(&deploy->mutex);
    arena_deinit(&arena);
    return code;
}
