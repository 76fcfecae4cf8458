/* deployment_store.c - deployments as resources: their columns in state.db. Serves none. See deployment_store.h. */
#include "customize/deployment_store.h"

#include "core/limits.h"

static const char *const steps[] = {
    "CREATE TABLE custom_deployment (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
    "tenant TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, "
    "description TEXT NOT NULL, model TEXT NOT NULL, next TEXT NOT NULL, updated TEXT NOT NULL, token TEXT NOT NULL, "
    "tags TEXT NOT NULL, created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL) STRICT",
};

static const size_t strings[] = {
    offsetof(struct deployment, account), offsetof(struct deployment, region), offsetof(struct deployment, name),
    offsetof(struct deployment, description), offsetof(struct deployment, model), offsetof(struct deployment, next),
    offsetof(struct deployment, updated),
};

static bool is_same_request(const void *one, const void *another)
{
    const struct deployment *a = one, *b = another;
    return str_eq(a->name, b->name) && str_eq(a->description, b->description) && str_eq(a->model, b->model);
}

static enum error_code check_name(const void *other, const void *resource, struct error *error)
{
    const struct deployment *taken = other, *deployment = resource;
    return str_eq(taken->name, deployment->name)
               ? error_set(error, ERROR_INVALID,
                           "modelDeploymentName: a custom model deployment named '" STR_FMT "' exists already",
                           STR_ARG(deployment->name))
               : OK;
}

static uint64_t most_deployments(bool of_all_tenants)
{
    return of_all_tenants ? limit(custom_deployments_all) : limit(custom_deployments);
}

const struct resource_kind deployment_resource = {
    .name = "custom model deployment",
    .names = "custom model deployments",
    .room = "custom_deployments",
    .steps = steps,
    .step_count = sizeof(steps) / sizeof(steps[0]),
    .table = "custom_deployment",
    .columns = "account, region, name, description, model, next, updated",
    .column_count = sizeof(strings) / sizeof(strings[0]),
    .size = sizeof(struct deployment),
    .strings = strings,
    .string_count = sizeof(strings) / sizeof(strings[0]),
    .is_same = is_same_request,
    .check = check_name,
    .most = most_deployments,
};
