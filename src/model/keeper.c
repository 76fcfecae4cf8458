/* keeper.c - see keeper.h.
 *
 * The rows say what shall be, the versions below what is. Whatever happens (a row was written, a worker is ready, one
 * is gone) ends in the same place: it is noted, the rows are read anew, and reconcile compares the two. So nothing
 * depends on the order in which commands, workers and restarts of the server come. */
#include "model/keeper.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/condition.h"
#include "core/log.h"
#include "model/rows.h"

#define DRAIN_MS 50 /* how often is looked whether a model may end */
#define CONDITION "models"

enum phase {
    PHASE_LOADING,
    PHASE_SERVING,
    PHASE_DRAINING, /* RETIRING in the registry: somebody may still hold it */
    PHASE_ENDING,   /* its worker was told to end */
};

/* One row's model, from the start of its worker until nothing is left of that. */
struct version {
    struct version *next;
    struct keeper *keeper;
    const struct model *model;
    int64_t revision;
    enum phase phase;
};

struct keeper {
    const struct config *config;
    struct registry *registry;
    struct engine *engine;
    struct rows *rows;
    uv_timer_t drain;
    bool is_stopping;
    struct version *versions;
};

/* --- versions --------------------------------------------------------------------------------------- */

static struct version *find_version(const struct keeper *keeper, const char *name, enum phase phase)
{
    struct version *version = keeper->versions;
    while (version && (version->phase != phase || strcmp(version->model->name, name) != 0))
        version = version->next;
    return version;
}

static bool has_version(const struct keeper *keeper, int64_t revision)
{
    for (const struct version *version = keeper->versions; version; version = version->next)
        if (version->revision == revision)
            return true;
    return false;
}

static void drop_version(struct version *version)
{
    struct version **at = &version->keeper->versions;
    while (*at != version)
        at = &(*at)->next;
    *at = version->next;
    mem_free(version);
}

static void on_drain(uv_timer_t *timer);

static void begin_draining(struct version *version)
{
    version->phase = PHASE_DRAINING;
    log_event(LOG_INFO, "model_retiring", LOG_C("model", version->model->name), LOG_I("revision", version->revision));
    uv_timer_start(&version->keeper->drain, on_drain, 0, DRAIN_MS);
}

/* --- a worker's news -------------------------------------------------------------------------------- */

/* What the supervisor says begins with the model's name, which whoever reads the row knows. */
static const char *without_name(const char *message, const char *name)
{
    char known[ERROR_MESSAGE_MAX];
    const int len = snprintf(known, sizeof(known), "model %s: ", name);
    return len > 0 && (size_t)len < sizeof(known) && !strncmp(message, known, (size_t)len) ? message + len : message;
}

static void fail_version(struct version *version, const struct error *error)
{
    const char *name = version->model->name, *message = without_name(error->message, name);
    rows_note_state(version->keeper->rows, version->revision, ADDED_FAILED, message);
    log_event(LOG_ERROR, "model_failed", LOG_C("model", name), LOG_C("error", message));
}

static void on_ready(void *ctx)
{
    struct version *version = ctx;
    struct keeper *keeper = version->keeper;
    const struct model *replaced = NULL;
    struct error error;
    if (version->phase != PHASE_LOADING)
        return;
    enum error_code code = registry_describe(keeper->registry, version->model,
                                             engine_model_info(keeper->engine, version->model->worker), &error);
    struct version *old = find_version(keeper, version->model->name, PHASE_SERVING);
    if (code == OK)
        code = registry_publish(keeper->registry, version->model, &replaced, &error);
    if (code != OK) {
        fail_version(version, &error);
        version->phase = PHASE_ENDING;
        engine_retire(keeper->engine, version->model->worker);
        return;
    }
    assert((old ? old->model : NULL) == replaced);
    version->phase = PHASE_SERVING;
    if (old)
        begin_draining(old);
    log_event(LOG_INFO, "model_ready", LOG_C("model", version->model->name), LOG_I("revision", version->revision));
    rows_note_state(keeper->rows, version->revision, ADDED_READY, "");
    keeper_look(keeper);
}

static void on_failed(void *ctx, const struct error *error)
{
    struct version *version = ctx;
    struct keeper *keeper = version->keeper;
    registry_give_up(version->model);
    if (version->phase == PHASE_LOADING)
        fail_version(version, error);
    drop_version(version);
    keeper_look(keeper);
}

/* Its prefixes on the disk are nobody's, unless another model has the same file. */
static void forget_prefixes(const struct keeper *keeper, const struct model *gone)
{
    const struct model_list *list = registry_list(keeper->registry);
    bool is_used = gone->fingerprint[0] == '\0';
    for (size_t i = 0; i < list->count; i++)
        is_used |= !strcmp(list->models[i]->fingerprint, gone->fingerprint);
    if (!is_used)
        rows_note_prefixes(keeper->rows, gone->fingerprint);
}

static void on_gone(void *ctx)
{
    struct version *version = ctx;
    struct keeper *keeper = version->keeper;
    registry_give_up(version->model);
    forget_prefixes(keeper, version->model);
    log_event(LOG_INFO, "model_retired", LOG_C("model", version->model->name), LOG_I("revision", version->revision));
    drop_version(version);
    keeper_look(keeper);
}

/* Nobody is at it: neither in the engine, nor on the way there. */
static bool may_end(const struct keeper *keeper, const struct model *model)
{
    struct engine_counters counters;
    engine_counters(keeper->engine, model->worker, &counters);
    return counters.running + counters.queue_depth == 0 && model_try_end(model);
}

static void on_drain(uv_timer_t *timer)
{
    struct keeper *keeper = timer->data;
    bool is_draining = false;
    for (struct version *version = keeper->versions; version; version = version->next) {
        if (version->phase != PHASE_DRAINING)
            continue;
        if (may_end(keeper, version->model)) {
            version->phase = PHASE_ENDING;
            engine_retire(keeper->engine, version->model->worker);
        } else {
            is_draining = true;
        }
    }
    if (!is_draining)
        uv_timer_stop(timer);
}

/* --- beginning one ---------------------------------------------------------------------------------- */

static bool stands_for(const struct model *model, const char *id)
{
    bool stands = !strcmp(model->name, id);
    for (size_t i = 0; i < model->id_count && !stands; i++)
        stands = !strcmp(model->ids[i], id);
    return stands;
}

/* The model, other than one of the same name, that the ID stands for already. */
static const struct model *find_claim(const struct keeper *keeper, const char *name, const char *id)
{
    const struct model_list *list = registry_list(keeper->registry);
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->models[i]->name, name) != 0 && stands_for(list->models[i], id))
            return list->models[i];
    for (const struct version *version = keeper->versions; version; version = version->next)
        if (version->phase == PHASE_LOADING && strcmp(version->model->name, name) != 0 &&
            stands_for(version->model, id))
            return version->model;
    return NULL;
}

static bool is_configured(const struct keeper *keeper, const char *name)
{
    for (size_t i = 0; i < keeper->config->model_count; i++)
        if (!strcmp(keeper->config->models[i].name, name))
            return true;
    return upstreams_have_model(keeper->config, name);
}

static enum error_code check_names(const struct keeper *keeper, const struct config_model *config, struct error *error)
{
    if (is_configured(keeper, config->name))
        return error_set(error, ERROR_CONFLICT, "the name %s belongs to the server's configuration", config->name);
    const struct model *claim = find_claim(keeper, config->name, config->name);
    if (claim)
        return error_set(error, ERROR_CONFLICT, "%s stands for model %s already", config->name, claim->name);
    for (size_t i = 0; i < config->id_count; i++) {
        claim = find_claim(keeper, config->name, config->ids[i]);
        if (claim)
            return error_set(error, ERROR_CONFLICT, "%s stands for model %s already", config->ids[i], claim->name);
    }
    return OK;
}

static enum error_code start(struct keeper *keeper, const struct added_row *row, const struct config_model *config,
                             struct error *error)
{
    const struct model *model;
    enum error_code code = check_names(keeper, config, error);
    if (code == OK)
        code = registry_add(keeper->registry, config, &model, error);
    if (code != OK)
        return code;
    struct version *version = mem_calloc(1, sizeof(*version));
    if (!version)
        return error_no_memory(error);
    *version = (struct version){.next = keeper->versions, .keeper = keeper, .model = model, .revision = row->revision};
    const struct engine_watcher watcher = {on_ready, on_failed, on_gone, version};
    keeper->versions = version;
    code = engine_add(keeper->engine, model->worker, model->config, &watcher, error);
    if (code != OK)
        drop_version(version);
    return code;
}

/* Of the row a worker is started, or the reason is noted why not. */
static void begin(struct keeper *keeper, const struct added_row *row, const struct error *check)
{
    struct config config;
    struct error error = *check;
    enum error_code code = check->code;
    if (code == OK)
        code = added_parse(str_of(row->definition), &config, &error);
    if (code == OK) {
        code = start(keeper, row, &config.models[0], &error);
        config_deinit(&config);
    }
    if (code == OK) {
        log_event(LOG_INFO, "model_loading", LOG_C("model", row->name), LOG_I("revision", row->revision));
        rows_note_state(keeper->rows, row->revision, ADDED_LOADING, "");
        return;
    }
    log_event(LOG_ERROR, "model_failed", LOG_C("model", row->name), LOG_C("error", error.message));
    rows_note_state(keeper->rows, row->revision, ADDED_FAILED, error.message);
}

/* --- what shall be and what is ---------------------------------------------------------------------- */

static bool is_wanted(const struct added_row *row)
{
    return row->state == ADDED_WANTED || row->state == ADDED_LOADING || row->state == ADDED_READY;
}

/* The row of the name that counts; NULL: it shall not be there. */
static const struct added_row *find_target(const struct keeper *keeper, const char *name)
{
    const struct added_row *found = NULL;
    for (size_t i = 0; i < rows_view(keeper->rows)->count; i++)
        if (is_wanted(&rows_view(keeper->rows)->items[i]) && !strcmp(rows_view(keeper->rows)->items[i].name, name))
            found = &rows_view(keeper->rows)->items[i];
    return found;
}

/* Whether its row is there and wants it. */
static bool is_still_wanted(const struct keeper *keeper, const struct version *version)
{
    for (size_t i = 0; i < rows_view(keeper->rows)->count; i++)
        if (rows_view(keeper->rows)->items[i].revision == version->revision)
            return is_wanted(&rows_view(keeper->rows)->items[i]);
    return false;
}

static void retire(struct version *version)
{
    struct keeper *keeper = version->keeper;
    struct error error;
    if (registry_retire(keeper->registry, version->model, &error) == OK)
        begin_draining(version);
    else
        log_event(LOG_ERROR, "model_not_retired", LOG_C("model", version->model->name),
                  LOG_C("error", error.message));
}

/* What no row wants any more is drained, or not loaded to the end; nor is what a newer row has overtaken. */
static void retire_unwanted(struct keeper *keeper)
{
    for (struct version *version = keeper->versions; version; version = version->next) {
        const struct added_row *target = find_target(keeper, version->model->name);
        if (version->phase == PHASE_SERVING && !is_still_wanted(keeper, version)) {
            retire(version);
        } else if (version->phase == PHASE_LOADING && (!target || target->revision != version->revision)) {
            version->phase = PHASE_ENDING;
            engine_retire(keeper->engine, version->model->worker);
        }
    }
}

/* The row counts, and neither serves nor is on its way. */
static void begin_wanted(struct keeper *keeper)
{
    for (size_t i = 0; i < rows_view(keeper->rows)->count; i++) {
        const struct added_row *row = &rows_view(keeper->rows)->items[i];
        const struct version *serving = find_version(keeper, row->name, PHASE_SERVING);
        if (row != find_target(keeper, row->name) || find_version(keeper, row->name, PHASE_LOADING) ||
            (serving && serving->revision == row->revision))
            continue;
        begin(keeper, row, &rows_view(keeper->rows)->checks[i]);
    }
}

static void note_removals(struct keeper *keeper)
{
    for (size_t i = 0; i < rows_view(keeper->rows)->count; i++) {
        const struct added_row *row = &rows_view(keeper->rows)->items[i];
        if (row->state == ADDED_REMOVING && !has_version(keeper, row->revision))
            rows_note_removed(keeper->rows, row->revision);
    }
}

static void show_condition(const struct keeper *keeper)
{
    char text[CONDITION_TEXT_MAX];
    size_t len = 0;
    for (size_t i = 0; i < rows_view(keeper->rows)->count; i++) {
        const struct added_row *row = &rows_view(keeper->rows)->items[i];
        if (row->state != ADDED_FAILED || len >= sizeof(text))
            continue;
        const char *what = find_target(keeper, row->name) ? "was not replaced" : "is not served";
        const int more = snprintf(text + len, sizeof(text) - len, "%s%s %s: %s", len ? "; " : "", row->name, what,
                                  row->message);
        len += more > 0 ? (size_t)more : 0;
    }
    if (len)
        condition_set(CONDITION, CONDITION_NOTE, "%s", text);
    else
        condition_clear(CONDITION);
}

static void reconcile(struct keeper *keeper)
{
    retire_unwanted(keeper);
    begin_wanted(keeper);
    note_removals(keeper);
    show_condition(keeper);
}

/* --- beginning and end ------------------------------------------------------------------------------ */

/* Another try for those that failed when nothing else of their name is there. */
static void try_again(struct keeper *keeper)
{
    for (size_t i = 0; i < rows_view(keeper->rows)->count; i++) {
        struct added_row *row = &rows_view(keeper->rows)->items[i];
        if (row->state == ADDED_FAILED && !find_target(keeper, row->name))
            row->state = ADDED_WANTED;
    }
}

void keeper_look(struct keeper *keeper)
{
    if (!keeper->is_stopping)
        rows_look(keeper->rows);
}

static void on_read(void *ctx)
{
    reconcile(ctx);
}

static enum error_code begin_first(struct keeper *keeper, struct error *error)
{
    bool is_read;
    const enum error_code code = rows_read_first(keeper->rows, &is_read, error);
    if (code != OK || !is_read)
        return code;
    try_again(keeper);
    reconcile(keeper);
    if (rows_have_notes(keeper->rows))
        rows_look(keeper->rows);
    return OK;
}

enum error_code keeper_new(const struct config *config, struct registry *registry, struct engine *engine,
                           uv_loop_t *loop, struct keeper **keeper, struct error *error)
{
    struct keeper *made = mem_calloc(1, sizeof(*made));
    *keeper = NULL;
    if (!made)
        return error_no_memory(error);
    made->config = config;
    made->registry = registry;
    made->engine = engine;
    made->rows = rows_new(config->data, loop, on_read, made);
    if (!made->rows) {
        mem_free(made);
        return error_no_memory(error);
    }
    uv_timer_init(loop, &made->drain);
    made->drain.data = made;
    *keeper = made; /* also after an error: its timers are the loop's */
    return begin_first(made, error);
}

void keeper_stop(struct keeper *keeper)
{
    if (!keeper)
        return;
    keeper->is_stopping = true;
    rows_stop(keeper->rows);
    uv_timer_stop(&keeper->drain);
}

void keeper_free(struct keeper *keeper)
{
    if (!keeper)
        return;
    while (keeper->versions)
        drop_version(keeper->versions);
    rows_free(keeper->rows);
    mem_free(keeper);
}
