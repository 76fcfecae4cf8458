/* config_check.c - checks between keys that one key's type can't express. Reads no file. See config_check.h. */
#include "core/config_check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>


/* The name of the model, other than `self`, that `id` already stands for. */
static const struct config_model *find_claim(const struct config *config, size_t upto, const char *id)
{
    for (size_t i = 0; i < upto; i++) {
        const struct config_model *model = &config->models[i];
        if (!strcmp(model->name, id))
            return model;
        for (size_t j = 0; j < model->id_count; j++) {
            if (!strcmp(model->ids[j], id))
                return model;
        }
    }
    return NULL;
}

static enum error_code check_model_names(struct yaml_reader *reader, const struct config *config, size_t i)
{
    const struct config_model *model = &config->models[i];
    char path[64];
    const struct config_model *claim = find_claim(config, i, model->name);
    if (claim) {
        snprintf(path, sizeof(path), "models[%zu].name", i);
        return yaml_fail_at(reader, path, "'%s' already stands for model '%s'", model->name, claim->name);
    }
    for (size_t j = 0; j < model->id_count; j++) {
        snprintf(path, sizeof(path), "models[%zu].ids[%zu]", i, j);
        claim = find_claim(config, i, model->ids[j]);
        if (claim)
            return yaml_fail_at(reader, path, "'%s' already stands for model '%s'", model->ids[j], claim->name);
        for (size_t k = 0; k < j; k++) {
            if (!strcmp(model->ids[k], model->ids[j]))
                return yaml_fail_at(reader, path, "'%s' stands here twice", model->ids[j]);
        }
    }
    return OK;
}

enum error_code config_check_models(struct yaml_reader *reader, const struct config *config)
{
    for (size_t i = 0; i < config->model_count; i++) {
        const struct config_model *model = &config->models[i];
        enum error_code code = check_model_names(reader, config, i);
        if (code)
            return code;
        char path[64];
        snprintf(path, sizeof(path), "models[%zu]", i);
        if (!model->path && !model->worker && !config_is_embedded_name(str_of(model->name)))
            return yaml_fail_at(reader, path, "the key 'path' is missing (only %s, %s, their -long forms and %s "
                                "are embedded)",
                                CONFIG_EMBEDDED_LARGE, CONFIG_EMBEDDED_SMALL, CONFIG_EMBEDDED_STUDENT);
        if (model->has_price && model->price_as)
            return yaml_fail_at(reader, path, "expected price or price_as, got both");
        if (model->price_share && !model->has_price && !model->price_as)
            return yaml_fail_at(reader, path, "expected price or price_as besides price_share");
        if (model->worker && access(model->worker, X_OK)) {
            snprintf(path, sizeof(path), "models[%zu].worker", i);
            return yaml_fail_at(reader, path, "expected a program, but %s may not be executed", model->worker);
        }
    }
    return OK;
}

/* Two tenants with one credential could not be told apart. */
static enum error_code check_tenant_credentials(struct yaml_reader *reader, const struct config *config, size_t i)
{
    const struct config_tenant *tenant = &config->tenants[i];
    char path[64];
    for (size_t other = 0; other <= i; other++) {
        const struct config_tenant *before = &config->tenants[other];
        for (size_t j = 0; j < tenant->key_count; j++) {
            for (size_t k = 0; k < (other == i ? j : before->key_count); k++) {
                if (strcmp(before->keys[k].id, tenant->keys[j].id))
                    continue;
                snprintf(path, sizeof(path), "tenants[%zu].keys[%zu].id", i, j);
                return yaml_fail_at(reader, path, "'%s' already belongs to tenant '%s'", tenant->keys[j].id,
                                    before->name);
            }
        }
        for (size_t j = 0; j < tenant->bearer_count; j++) {
            for (size_t k = 0; k < (other == i ? j : before->bearer_count); k++) {
                if (strcmp(before->bearer[k].sha256, tenant->bearer[j].sha256))
                    continue;
                snprintf(path, sizeof(path), "tenants[%zu].bearer[%zu]", i, j);
                return yaml_fail_at(reader, path, "this token already belongs to tenant '%s'", before->name);
            }
        }
    }
    return OK;
}

enum error_code config_check_tenants(struct yaml_reader *reader, const struct config *config)
{
    if (config->tenants && config->tenant_count == 0)
        return yaml_fail_at(reader, "tenants", "expected at least one tenant; without the key nobody is asked");
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct config_tenant *tenant = &config->tenants[i];
        char path[64];
        snprintf(path, sizeof(path), "tenants[%zu].name", i);
        for (size_t j = 0; j < i; j++) {
            if (!strcmp(config->tenants[j].name, tenant->name))
                return yaml_fail_at(reader, path, "'%s' is the name of an earlier tenant", tenant->name);
        }
        enum error_code code = check_tenant_credentials(reader, config, i);
        if (code)
            return code;
    }
    return OK;
}
