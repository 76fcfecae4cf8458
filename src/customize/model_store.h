/* model_store.h - custom models, which customization jobs have made: a kind of resources, each a struct custom_model. A
 * name is taken once in a tenant (ERROR_CONFLICT). The token of one is its job's ID, so that a job makes one. */
#ifndef CUSTOMIZE_MODEL_STORE_H
#define CUSTOMIZE_MODEL_STORE_H

#include "store/resource.h"

struct custom_model {
    struct resource head;
    struct str account, region, name;
    struct str job, job_name, type; /* type: "FINE_TUNING", ... */
    struct str base;                /* ID of what it began as */
    struct str path;                /* GGUF file of a whole model, or of what the adapter stands beside */
    struct str adapter;             /* empty: it is a whole model */
    struct str settings;             /* as in struct custom_job */
    struct str details;             /* JSON object: members of GetCustomModel, as they are shown */
};

extern const struct resource_kind custom_model_resource;

/* DATA/models/JOB, where the files of a job's model are kept. */
#define CUSTOM_PATH_MAX 4000
enum error_code custom_model_directory(const char *data, const char *job, char path[CUSTOM_PATH_MAX],
                                       struct error *error) WARN_UNUSED;

#endif
