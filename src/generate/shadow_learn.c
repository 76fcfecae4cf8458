/* shadow_learn.c - what is known of each router's labels, and whether its predictor drifts. See shadow_internal.h. */
#include "generate/shadow_internal.h"

#include <math.h>
#include <stdio.h>

#include "core/condition.h"
#include "core/json.h"
#include "core/log.h"

static void add_drift(const struct shadow_router *router, struct shadow_learnt *learnt, struct str model,
                      double predicted, double observed)
{
    for (size_t i = 0; i < router->config->model_count; i++)
        if (str_eq(model, str_of(router->names[i])))
            drift_add(&learnt->drifts[i], predicted, observed);
}

struct looking {
    const struct shadow_router *router;
    struct shadow_learnt *learnt;
};

/* Only what the predictor said that is in use tells of it. */
static enum error_code see_label(void *ctx, const struct label_line *line, struct error *error)
{
    const struct looking *looking = ctx;
    struct shadow_learnt *learnt = looking->learnt;
    yyjson_val *root = line->root, *quality = yyjson_obj_get(root, "quality"), *key, *value;
    const struct str reference = json_str(yyjson_obj_get(root, "reference"));
    char mark[32];
    size_t i, max;
    (void)error;
    learnt->labels++;
    if (learnt->since[0] == '\0')
        snprintf(learnt->since, sizeof(learnt->since), STR_FMT, STR_ARG(json_str(yyjson_obj_get(root, "time"))));
    snprintf(mark, sizeof(mark), "%016llx", (unsigned long long)looking->router->predictor);
    if (!looking->router->predictor || !str_eq(json_str(yyjson_obj_get(root, "predictor")), str_of(mark)))
        return OK;
    json_obj_foreach(yyjson_obj_get(root, "predicted"), i, max, key, value)
    {
        yyjson_val *found = yyjson_obj_getn(quality, yyjson_get_str(key), yyjson_get_len(key));
        if (yyjson_is_num(value) && yyjson_is_num(found) && !str_eq(json_str(key), reference))
            add_drift(looking->router, learnt, json_str(key), yyjson_get_num(value), yyjson_get_num(found));
    }
    return OK;
}

static enum error_code see_fault(void *ctx, enum label_fault fault, struct error *error)
{
    (void)ctx;
    log_event(LOG_WARN, fault == LABEL_TORN ? "a label was not written to its end" : "a label is damaged",
              LOG_C("where", error->message));
    return OK;
}

/* The labels that are there, read while nobody waits for what they say; this thread alone writes any. */
void shadow_look(struct shadow_router *router, struct shadow *shadow)
{
    struct shadow_learnt *learnt = mem_calloc(1, sizeof(*learnt));
    struct looking looking = {router, learnt};
    const struct label_reader reader = {&looking, see_label, see_fault};
    struct error error;
    enum error_code code = learnt ? labels_read(router->path, &reader, &error) : error_no_memory(&error);
    if (code == OK) {
        pthread_mutex_lock(&shadow->mutex);
        router->learnt = *learnt;
        pthread_mutex_unlock(&shadow->mutex);
    } else if (code != ERROR_NOT_FOUND) {
        log_event(LOG_WARN, "a router's labels can't be read", LOG_C("router", router->config->name),
                  LOG_C("error", error.message));
    }
    mem_free(learnt);
}

/* With the mutex held. The model that is off most. */
static bool find_drift(struct shadow_router *router, size_t *model, struct drift_figures *worst)
{
    bool drifts = false;
    for (size_t i = 0; i < router->config->model_count; i++) {
        struct drift_figures figures;
        drift_measure(&router->learnt.drifts[i], &figures);
        if (!figures.drifts || (drifts && fabs(figures.z) <= fabs(worst->z)))
            continue;
        *model = i;
        *worst = figures;
        drifts = true;
    }
    return drifts;
}

/* One of those that drift is named; the others are in the log and in /metrics. */
void shadow_tell_drift(struct shadow *shadow)
{
    const struct shadow_router *drifting = NULL;
    struct drift_figures figures = {0}, worst = {0};
    size_t model = 0, at = 0;
    pthread_mutex_lock(&shadow->mutex);
    for (size_t i = 0; i < shadow->router_count; i++)
        if (shadow->routers[i].config && find_drift(&shadow->routers[i], &at, &figures) &&
            fabs(figures.z) > fabs(worst.z)) {
            drifting = &shadow->routers[i];
            model = at;
            worst = figures;
        }
    pthread_mutex_unlock(&shadow->mutex);
    if (!drifting)
        condition_clear("router-drift");
    else
        condition_set("router-drift", CONDITION_NOTE,
                      "router %s: of %s the quality predicted was %.3f, and found %.3f over the last %zu labels; train "
                      "its predictor again: fulcrum router train --from-ledger --router %s", drifting->config->name,
                      drifting->config->models[model], worst.predicted, worst.observed, worst.count,
                      drifting->config->name);
}

void shadow_learn(struct shadow_router *router, struct shadow *shadow, const struct label *label, bool is_begun_anew)
{
    struct shadow_learnt *learnt = &router->learnt;
    if (is_begun_anew) { /* with it the older file went */
        shadow_look(router, shadow);
    } else {
        pthread_mutex_lock(&shadow->mutex);
        learnt->labels++;
        if (learnt->since[0] == '\0')
            clock_iso8601(label->time_us, learnt->since);
        for (size_t i = 0; i < label->count; i++) {
            const struct label_model *model = &label->models[i];
            if (!isnan(model->quality) && !isnan(model->predicted) && !str_eq(model->name, label->reference))
                add_drift(router, learnt, model->name, model->predicted, model->quality);
        }
        pthread_mutex_unlock(&shadow->mutex);
    }
    shadow_tell_drift(shadow);
}
