/* deployment_store.c - deployments as resources: their columns in state.db. Serves none. See deployment_store.h. */
#include "customize/deployment_store.h"

#include "core/limits.h"

static const char *const steps[] = {
    "CREATE TABLE custom_deployment (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
    "tenant TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, "
    "description TEXT NOT NULL, model TEXT NOT NULL, next TEXT NOT NULL, updated TEXT NOT NULL, token TEXT NOT NULL, "
    "tags TEXT NOT NULL, created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL) STRICT",
};

/* All are text. */
#define COLUMNS "account, region, name, description, model, next, updated"
#define COLUMN_COUNT 7

static void list_strings(struct deployment *deployment, struct str *strings[COLUMN_COUNT])
{
    struct str *const all[COLUMN_COUNT] = {&deployment->account,     &deployment->region, &deployment->name,
                                           &deployment->description, &deployment->model,  &deployment->next,
                                           &deployment->updated};
    for (int i = 0; i < COLUMN_COUNT; i++)
        strings[i] = all[i];
}

static bool copy_deployment(void *resource, struct arena *arena)
{
    struct str *strings[COLUMN_COUNT];
    bool is_copied = true;
    list_strings(resource, strings);
    for (int i = 0; i < COLUMN_COUNT; i++)
        is_copied = is_copied && arena_str(arena, *strings[i], strings[i]);
    return is_copied;
}

static enum error_code read_deployment(void *resource, struct sql_statement *row, int column, struct arena *arena,
                                       struct error *error)
{
    struct str *strings[COLUMN_COUNT];
    (void)arena, (void)error;
    list_strings(resource, strings);
    for (int i = 0; i < COLUMN_COUNT; i++)
        *strings[i] = sql_text(row, column + i);
    return OK;
}

static enum error_code bind_deployment(const void *resource, struct sql_statement *query, int parameter,
                                       struct arena *arena, struct error *error)
{
    struct deployment deployment = *(const struct deployment *)resource;
    struct str *strings[COLUMN_COUNT];
    (void)arena, (void)error;
    list_strings(&deployment, strings);
    for (int i = 0; i < COLUMN_COUNT; i++)
        sql_bind_text(query, parameter + i, *strings[i]);
    return OK;
}

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
    .columns = COLUMNS,
    .column_count = COLUMN_COUNT,
    .size = sizeof(struct deployment),
    .copy = copy_deployment,
    .read = read_deployment,
    .bind = bind_deployment,
    .is_same = is_same_request,
    .check = check_name,
    .most = most_deployments,
};
