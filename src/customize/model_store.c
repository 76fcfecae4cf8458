/* model_store.c - custom models as resources: their columns in state.db. Makes and serves none. See model_store.h. */
#include "customize/model_store.h"

#include <stdio.h>

#include "core/limits.h"

static const char *const steps[] = {
    "CREATE TABLE custom_model (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
    "tenant TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, job TEXT NOT NULL, "
    "job_name TEXT NOT NULL, type TEXT NOT NULL, base TEXT NOT NULL, path TEXT NOT NULL, adapter TEXT NOT NULL, "
    "settings TEXT NOT NULL, details TEXT NOT NULL, token TEXT NOT NULL, tags TEXT NOT NULL, "
    "created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL) STRICT",
};

static const size_t strings[] = {
    offsetof(struct custom_model, account), offsetof(struct custom_model, region),
    offsetof(struct custom_model, name), offsetof(struct custom_model, job), offsetof(struct custom_model, job_name),
    offsetof(struct custom_model, type), offsetof(struct custom_model, base), offsetof(struct custom_model, path),
    offsetof(struct custom_model, adapter), offsetof(struct custom_model, settings),
    offsetof(struct custom_model, details),
};

static bool is_same_job(const void *one, const void *another)
{
    return str_eq(((const struct custom_model *)one)->job, ((const struct custom_model *)another)->job);
}

static enum error_code check_name(const void *other, const void *resource, struct error *error)
{
    const struct custom_model *taken = other, *model = resource;
    return str_eq(taken->name, model->name)
               ? error_set(error, ERROR_CONFLICT, "customModelName: a custom model named '" STR_FMT "' exists already",
                           STR_ARG(model->name))
               : OK;
}

static uint64_t most_models(bool of_all_tenants)
{
    return of_all_tenants ? limit(custom_models_all) : limit(custom_models);
}

const struct resource_kind custom_model_resource = {
    .name = "custom model",
    .names = "custom models",
    .room = "custom_models",
    .steps = steps,
    .step_count = sizeof(steps) / sizeof(steps[0]),
    .table = "custom_model",
    .columns = "account, region, name, job, job_name, type, base, path, adapter, settings, details",
    .column_count = sizeof(strings) / sizeof(strings[0]),
    .size = sizeof(struct custom_model),
    .strings = strings,
    .string_count = sizeof(strings) / sizeof(strings[0]),
    .is_same = is_same_job,
    .check = check_name,
    .most = most_models,
};

enum error_code custom_model_directory(const char *data, const char *job, char path[CUSTOM_PATH_MAX],
                                       struct error *error)
{
    const int len = snprintf(path, CUSTOM_PATH_MAX, "%s/models%s%s", data, *job ? "/" : "", job);
    return len > 0 && len < CUSTOM_PATH_MAX - 64 ? OK
                                                 : error_set(error, ERROR_INVALID,
                                                             "data directory: the path is too long");
}
