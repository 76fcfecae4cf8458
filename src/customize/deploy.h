/* deploy.h - custom models that are served: for each one that a deployment names, a model is added at run time
 * (model/added.h), under a name of its own that only its tenant is led to.
 *
 * What shall be served follows from the deployments; deploy_reconcile compares it with the rows of added models and
 * writes what is missing or too much. So nothing depends on the order in which calls, workers and restarts come, and
 * one that was interrupted is made good by the next. A deployment that is given another model answers by the old one
 * until the new one is loaded. Any thread. */
#ifndef CUSTOMIZE_DEPLOY_H
#define CUSTOMIZE_DEPLOY_H

#include "core/config.h"
#include "customize/deployment_store.h"
#include "customize/model_store.h"
#include "model/registry.h"

struct deploy;

struct deploy_options {
    const struct config *config;
    const struct registry *registry;
    struct resources *models;
    void (*on_rows)(void *ctx); /* rows of added models have changed; any thread */
    void *ctx;
};
enum error_code deploy_open(const struct deploy_options *options, struct deploy **deploy,
                            struct error *error) WARN_UNUSED;
void deploy_close(struct deploy *deploy); /* NULL is legal */

struct resources *deploy_store(struct deploy *deploy);

/* "custom-model/BASE/ID", the name under which a custom model is served. */
struct str deploy_name(const struct custom_model *model, struct arena *arena);

/* The name that an ARN of the tenant's stands for: of a deployment, or of a custom model that one of them serves; data
 * NULL: it is neither. Memory alone. ERROR_NOT_READY: it is loading still; ERROR_INVALID: nothing serves it. */
enum error_code deploy_find(struct deploy *deploy, struct str tenant, struct str id, struct arena *arena,
                            struct str *name, struct error *error) WARN_UNUSED;

/* --- what follows waits for the disk --- */

enum error_code deploy_reconcile(struct deploy *deploy, struct error *error) WARN_UNUSED;

enum deploy_status { DEPLOY_CREATING, DEPLOY_ACTIVE, DEPLOY_FAILED, DEPLOY_STATUSES };
extern const char *const deploy_status_names[DEPLOY_STATUSES + 1]; /* "Creating", ...; ends with NULL */

/* How each of these is; messages lie in the arena. */
struct deploy_state {
    enum deploy_status status;
    struct str message;      /* of a failed one */
    enum deploy_status next; /* of the model that it is to be given, where there is one */
    struct str next_message;
};
enum error_code deploy_states(struct deploy *deploy, const struct deployment *deployments, size_t count,
                              struct arena *arena, struct deploy_state *states, struct error *error) WARN_UNUSED;

/* Creates, changes or deletes, and reconciles. ERROR_NOT_FOUND: the model or the deployment is gone. */
enum error_code deploy_create(struct deploy *deploy, struct deployment *deployment, struct error *error) WARN_UNUSED;
enum error_code deploy_update(struct deploy *deploy, const struct deployment *deployment, struct str model,
                              struct error *error) WARN_UNUSED;
enum error_code deploy_delete(struct deploy *deploy, struct str tenant, struct str id,
                              struct error *error) WARN_UNUSED;

/* Deletes a custom model. ERROR_CONFLICT: a deployment of the tenant's needs it. */
enum error_code deploy_delete_model(struct deploy *deploy, const struct custom_model *model,
                                    struct error *error) WARN_UNUSED;

#endif
