/* keeper.c - see keeper.h.
 *
 * The rows say what shall be, the versions below what is. Whatever happens (a row was written, a worker is ready, one
 * is gone) ends in the same place: notes are written, the rows are read, and reconcile compares the two. So nothing
 * depends on the order in which commands, workers and restarts of the server come. */
#include "model/keeper.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "cache/block_store.h"
#include "core/condition.h"
#include "core/log.h"
#include "store/disk.h"

#define DRAIN_MS 50 /* how often is looked whether a model may end */
#define RETRY_MS 1000
#define PATH_BYTES 4096
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

enum note_kind {
    NOTE_STATE,    /* is to be written into a row */
    NOTE_REMOVED,  /* the row goes */
    NOTE_PREFIXES, /* files of the prefixes that a model has left go */
};

/* What the database and the disk are to be told. */
struct note {
    struct note *next;
    enum note_kind kind;
    int64_t revision;
    enum added_state state;
    char text[ERROR_MESSAGE_MAX]; /* the message; of NOTE_PREFIXES the fingerprint of the model's file */
};

struct keeper {
    const struct config *config;
    struct registry *registry;
    struct engine *engine;
    uv_loop_t *loop;
    uv_timer_t drain, retry;
    uv_work_t work;
    bool is_working, must_look, is_stopping;
    struct version *versions;
    struct note *notes, **last_note;
    struct {                     /* of the work: nobody else touches it meanwhile */
        struct sql *sql;
        struct note *notes;
        struct arena arena;
        struct added_row *rows;
        struct error *checks;    /* of the file of each WANTED row */
        size_t row_count;
        enum error_code code;
        struct error error;
    } pass;
};

static void read_rows(struct keeper *keeper);

/* --- notes ------------------------------------------------------------------------------------------ */

/* Without memory nothing is noted; whoever waits for the row waits until the next look. */
static struct note *add_note(struct keeper *keeper)
{
    struct note *note = mem_calloc(1, sizeof(*note));
    if (!note) {
        log_event(LOG_ERROR, "no memory to note what became of a model");
        return NULL;
    }
    *keeper->last_note = note;
    keeper->last_note = &note->next;
    return note;
}

static void note_state(struct keeper *keeper, int64_t revision, enum added_state state, const char *message)
{
    struct note *note = add_note(keeper);
    if (!note)
        return;
    note->revision = revision;
    note->state = state;
    snprintf(note->text, sizeof(note->text), "%s", message);
}

static void note_removed(struct keeper *keeper, int64_t revision)
{
    struct note *note = add_note(keeper);
    if (!note)
        return;
    note->revision = revision;
    note->kind = NOTE_REMOVED;
}

/* Unless another model has the same file. */
static void note_prefixes(struct keeper *keeper, const struct model *gone)
{
    const struct model_list *list = registry_list(keeper->registry);
    bool is_used = gone->fingerprint[0] == '\0';
    for (size_t i = 0; i < list->count; i++)
        is_used |= !strcmp(list->models[i]->fingerprint, gone->fingerprint);
    struct note *note = is_used ? NULL : add_note(keeper);
    if (!note)
        return;
    note->kind = NOTE_PREFIXES;
    snprintf(note->text, sizeof(note->text), "%s", gone->fingerprint);
}

static void free_notes(struct note *note)
{
    while (note) {
        struct note *next = note->next;
        mem_free(note);
        note = next;
    }
}

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
    note_state(version->keeper, version->revision, ADDED_FAILED, message);
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
    note_state(keeper, version->revision, ADDED_READY, "");
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

static void on_gone(void *ctx)
{
    struct version *version = ctx;
    struct keeper *keeper = version->keeper;
    registry_give_up(version->model);
    note_prefixes(keeper, version->model);
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
    return false;
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
        note_state(keeper, row->revision, ADDED_LOADING, "");
        return;
    }
    log_event(LOG_ERROR, "model_failed", LOG_C("model", row->name), LOG_C("error", error.message));
    note_state(keeper, row->revision, ADDED_FAILED, error.message);
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
    for (size_t i = 0; i < keeper->pass.row_count; i++)
        if (is_wanted(&keeper->pass.rows[i]) && !strcmp(keeper->pass.rows[i].name, name))
            found = &keeper->pass.rows[i];
    return found;
}

/* Whether its row is there and wants it. */
static bool is_still_wanted(const struct keeper *keeper, const struct version *version)
{
    for (size_t i = 0; i < keeper->pass.row_count; i++)
        if (keeper->pass.rows[i].revision == version->revision)
            return is_wanted(&keeper->pass.rows[i]);
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
    for (size_t i = 0; i < keeper->pass.row_count; i++) {
        const struct added_row *row = &keeper->pass.rows[i];
        const struct version *serving = find_version(keeper, row->name, PHASE_SERVING);
        if (row != find_target(keeper, row->name) || find_version(keeper, row->name, PHASE_LOADING) ||
            (serving && serving->revision == row->revision))
            continue;
        begin(keeper, row, &keeper->pass.checks[i]);
    }
}

static void note_removals(struct keeper *keeper)
{
    for (size_t i = 0; i < keeper->pass.row_count; i++) {
        const struct added_row *row = &keeper->pass.rows[i];
        if (row->state == ADDED_REMOVING && !has_version(keeper, row->revision))
            note_removed(keeper, row->revision);
    }
}

static void show_condition(const struct keeper *keeper)
{
    char text[CONDITION_TEXT_MAX];
    size_t len = 0;
    for (size_t i = 0; i < keeper->pass.row_count; i++) {
        const struct added_row *row = &keeper->pass.rows[i];
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

/* --- the database; a worker thread ------------------------------------------------------------------ */

static void remove_prefixes(const struct keeper *keeper, const char *fingerprint)
{
    char root[PATH_BYTES];
    const int len = snprintf(root, sizeof(root), "%s/" DISK_PREFIX_DIR, keeper->config->data);
    if (len > 0 && (size_t)len < sizeof(root))
        block_store_forget(root, fingerprint);
}

static enum error_code write_notes(struct keeper *keeper, struct error *error)
{
    enum error_code code = OK;
    for (const struct note *note = keeper->pass.notes; note && code == OK; note = note->next) {
        switch (note->kind) {
        case NOTE_STATE: code = added_set(keeper->pass.sql, note->revision, note->state, note->text, error); break;
        case NOTE_REMOVED: code = added_remove(keeper->pass.sql, note->revision, error); break;
        case NOTE_PREFIXES: remove_prefixes(keeper, note->text); break;
        }
    }
    return code;
}

/* Files are looked at here, since they may lie behind a slow network. */
static enum error_code check_files(struct keeper *keeper, struct error *error)
{
    keeper->pass.checks = ARENA_ARRAY(&keeper->pass.arena, struct error, keeper->pass.row_count + 1);
    if (!keeper->pass.checks)
        return error_no_memory(error);
    for (size_t i = 0; i < keeper->pass.row_count; i++) {
        const struct added_row *row = &keeper->pass.rows[i];
        struct error *check = &keeper->pass.checks[i];
        struct config config;
        check->code = OK;
        const bool is_new = row->state == ADDED_WANTED || row->state == ADDED_FAILED;
        if (!is_new || added_parse(str_of(row->definition), &config, check) != OK)
            continue;
        check->code = added_check_file(&config.models[0], check);
        config_deinit(&config);
    }
    return OK;
}

static void do_pass(struct keeper *keeper)
{
    struct error *error = &keeper->pass.error;
    arena_reset(&keeper->pass.arena);
    keeper->pass.row_count = 0;
    enum error_code code = keeper->pass.sql ? OK : added_open(keeper->config->data, &keeper->pass.sql, error);
    if (code == OK)
        code = write_notes(keeper, error);
    if (code == OK)
        code = added_list(keeper->pass.sql, &keeper->pass.arena, &keeper->pass.rows, &keeper->pass.row_count, error);
    if (code == OK)
        code = check_files(keeper, error);
    keeper->pass.code = code;
}

static void on_work(uv_work_t *work)
{
    do_pass(work->data);
}

static void on_retry(uv_timer_t *timer)
{
    keeper_look(timer->data);
}

/* A database that is busy or full is asked again. Rows that do not know yet what is noted are not looked at. */
static void end_pass(struct keeper *keeper)
{
    if (keeper->pass.code != OK) {
        log_event(LOG_ERROR, "models_not_read", LOG_C("error", keeper->pass.error.message));
        uv_timer_start(&keeper->retry, on_retry, RETRY_MS, 0);
        return;
    }
    free_notes(keeper->pass.notes);
    keeper->pass.notes = NULL;
    if (!keeper->notes)
        reconcile(keeper);
}

static void on_work_done(uv_work_t *work, int status)
{
    struct keeper *keeper = work->data;
    (void)status;
    keeper->is_working = false;
    if (keeper->is_stopping)
        return;
    end_pass(keeper);
    if (keeper->must_look || (keeper->notes && keeper->pass.code == OK))
        read_rows(keeper);
}

/* Notes that could not be written go first. */
static void take_notes(struct keeper *keeper)
{
    struct note **end = &keeper->pass.notes;
    while (*end)
        end = &(*end)->next;
    *end = keeper->notes;
    keeper->notes = NULL;
    keeper->last_note = &keeper->notes;
}

static void read_rows(struct keeper *keeper)
{
    keeper->must_look = false;
    take_notes(keeper);
    keeper->work.data = keeper;
    keeper->is_working = uv_queue_work(keeper->loop, &keeper->work, on_work, on_work_done) == 0;
}

void keeper_look(struct keeper *keeper)
{
    if (keeper->is_stopping)
        return;
    if (keeper->is_working)
        keeper->must_look = true;
    else
        read_rows(keeper);
}

/* --- beginning and end ------------------------------------------------------------------------------ */

/* Another try for those that failed when nothing else of their name is there. */
static void try_again(struct keeper *keeper)
{
    for (size_t i = 0; i < keeper->pass.row_count; i++) {
        struct added_row *row = &keeper->pass.rows[i];
        if (row->state == ADDED_FAILED && !find_target(keeper, row->name))
            row->state = ADDED_WANTED;
    }
}

/* In place: nobody is served yet. On a disk that is full, say, the server starts without what was added, and looks
 * again; a database of a newer program is for that one. */
static enum error_code first_pass(struct keeper *keeper, struct error *error)
{
    do_pass(keeper);
    if (keeper->pass.code == ERROR_INVALID || keeper->pass.code == ERROR_NO_MEMORY) {
        *error = keeper->pass.error;
        return keeper->pass.code;
    }
    if (keeper->pass.code != OK) {
        end_pass(keeper);
        return OK;
    }
    try_again(keeper);
    reconcile(keeper);
    if (keeper->notes)
        read_rows(keeper);
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
    made->loop = loop;
    made->last_note = &made->notes;
    arena_init(&made->pass.arena, 0);
    uv_timer_init(loop, &made->drain);
    uv_timer_init(loop, &made->retry);
    made->drain.data = made->retry.data = made;
    const enum error_code code = first_pass(made, error);
    *keeper = made; /* also after an error: its timers are the loop's */
    return code;
}

void keeper_stop(struct keeper *keeper)
{
    if (!keeper)
        return;
    keeper->is_stopping = true;
    uv_timer_stop(&keeper->drain);
    uv_timer_stop(&keeper->retry);
}

void keeper_free(struct keeper *keeper)
{
    if (!keeper)
        return;
    assert(!keeper->is_working);
    while (keeper->versions)
        drop_version(keeper->versions);
    free_notes(keeper->notes);
    free_notes(keeper->pass.notes);
    arena_deinit(&keeper->pass.arena);
    sql_close(keeper->pass.sql);
    mem_free(keeper);
}
