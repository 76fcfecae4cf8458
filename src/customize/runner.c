/* runner.c - the thread that brings customization jobs on: which one, stage by stage, and how it ends. What a stage
 * does stands in its own file. See run.h. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "batch/files.h"
#include "core/log.h"
#include "customize/run.h"

#define LEASE_US 120000000u
#define RENEW_US 10000000u
#define LOOK_US 500000u      /* how often a job's status is looked up */
#define NOTE_US 1000000u
#define RECONCILE_US 1000000u
#define IDLE_MS 1000u
#define RETRY_MS 5000u       /* for a full disk, or a store that is not there */
#define DIRECTORY "customize"
#define INSIGHTS_BYTES_MAX (256u << 20)

/* --- what every stage needs ------------------------------------------------------------------------- */

static struct job_lease lease_of(const struct custom_runner *runner)
{
    const uint64_t now_us = clock_wall_us();
    return (struct job_lease){str_of(runner->owner), now_us, now_us + LEASE_US};
}

/* Of all that this runner has claimed. */
static void renew(struct custom_runner *runner)
{
    const struct job_lease lease = lease_of(runner);
    const uint64_t now_us = clock_now_us();
    struct error ignored; /* of a database that may answer the next time */
    if (now_us - runner->renewed_us < RENEW_US)
        return;
    runner->renewed_us = now_us;
    (void)!jobs_renew(runner->store, &lease, &ignored);
}

/* Deployments that were given another model get it once it is loaded; what a call could not finish is made good. */
static void reconcile(struct custom_runner *runner)
{
    struct error error;
    const uint64_t now_us = clock_now_us();
    if (now_us - runner->reconciled_us < RECONCILE_US)
        return;
    runner->reconciled_us = now_us;
    if (deploy_reconcile(runner->deploy, &error) != OK)
        log_event(LOG_WARN, "deployments_not_reconciled", LOG_C("error", error.message));
}

/* Jobs that wait behind this one and are to be stopped end now. */
static void end_stopped(struct custom_runner *runner);
/* How those are that were put aside. */
static void look_aside(struct custom_runner *runner);

enum error_code run_tick(struct custom_run *run, struct error *error)
{
    const uint64_t now_us = clock_now_us();
    unsigned status = run->job.status;
    if (atomic_load(&run->runner->is_leaving))
        return error_set(error, ERROR_CANCELLED, "the server stops");
    renew(run->runner);
    if (now_us - run->looked_us < LOOK_US && !atomic_load(&run->runner->must_look))
        return OK;
    run->looked_us = now_us;
    atomic_store(&run->runner->must_look, false);
    const enum error_code code = jobs_status(run->runner->store, &run->claim, &status, error);
    if (code == ERROR_CONFLICT)
        return code;
    if (code == OK && status == CUSTOM_STOPPING) {
        run->is_stopping = true;
        return error_set(error, ERROR_CANCELLED, "the job is to be stopped");
    }
    end_stopped(run->runner);
    look_aside(run->runner);
    reconcile(run->runner);
    return OK;
}

static void sleep_ms(struct custom_runner *runner, unsigned ms)
{
    const struct timespec until = clock_after_ms(ms);
    pthread_mutex_lock(&runner->mutex);
    if (!atomic_load(&runner->is_leaving) && !atomic_load(&runner->must_look))
        (void)pthread_cond_timedwait(&runner->woken, &runner->mutex, &until);
    pthread_mutex_unlock(&runner->mutex);
}

enum error_code run_pause(struct custom_run *run, unsigned ms, struct error *error)
{
    sleep_ms(run->runner, ms);
    return run_tick(run, error);
}

enum error_code run_note(struct custom_run *run, struct error *error)
{
    const uint64_t now_us = clock_now_us();
    if (now_us - run->noted_us < NOTE_US)
        return OK;
    run->noted_us = now_us;
    const enum error_code code = custom_jobs_note(run->runner->store, &run->job, &run->claim, error);
    return code == ERROR_CONFLICT ? code : OK; /* a full disk: the next time */
}

struct run_path run_file(const struct custom_run *run, const char *name)
{
    struct run_path path;
    const int len = snprintf(path.text, sizeof(path.text), "%s/%s", run->dir, name);
    assert(len > 0 && (size_t)len < sizeof(path.text)); /* run_begin left room */
    (void)len;
    return path;
}

/* --- stages ----------------------------------------------------------------------------------------- */

typedef enum error_code stage_runner(struct custom_run *run, struct error *error);

static const struct {
    enum custom_stage stage;
    stage_runner *run;
} stages[] = {
    {CUSTOM_VALIDATION, run_validate},
    {CUSTOM_DATA_PROCESSING, run_process},
    {CUSTOM_TRAINING, run_train},
};

static void note_stage(struct custom_run *run, enum custom_stage stage, enum custom_stage_status status)
{
    struct custom_stage_note *note = &run->job.progress.stages[stage];
    const uint64_t now_us = clock_wall_us();
    note->status = status;
    note->created_us = note->created_us ? note->created_us : now_us;
    note->modified_us = now_us;
}

/* Whether it is worth another try by itself. */
static bool may_pass(enum error_code code)
{
    return code == ERROR_UNAVAILABLE || code == ERROR_NO_MEMORY || code == ERROR_DENIED;
}

/* Into the database, whatever it takes: what follows relies on it. */
static enum error_code store(struct custom_run *run, const struct job_move *move, struct error *error)
{
    for (;;) {
        bool has_moved = true;
        const enum error_code code =
            custom_jobs_move(run->runner->store, &run->job, &run->claim, move, &has_moved, error);
        if (code == OK && !has_moved) { /* somebody wants it stopped, meanwhile */
            run->is_stopping = true;
            return error_set(error, ERROR_CANCELLED, "the job is to be stopped");
        }
        if (code == OK || code == ERROR_CONFLICT)
            return code;
        log_event(LOG_WARN, "customization_not_noted", LOG_C("job", run->job.id), LOG_C("error", error->message));
        if (atomic_load(&run->runner->is_leaving))
            return error_set(error, ERROR_CANCELLED, "the server stops");
        sleep_ms(run->runner, RETRY_MS);
    }
}

static enum error_code store_stage(struct custom_run *run, struct error *error)
{
    const struct job_move stay = {CUSTOM_IN_PROGRESS, CUSTOM_IN_PROGRESS, false};
    return store(run, &stay, error);
}

static void say(struct custom_run *run, const char *message)
{
    (void)snprintf(run->message, sizeof(run->message), "%s", message);
    run->job.message = str_of(run->message);
}

static enum error_code finish(struct custom_run *run, struct error *error)
{
    const enum error_code code = run_report(run, error);
    return code == OK ? run_register(run, error) : code;
}

static enum error_code run_stages(struct custom_run *run, struct error *error)
{
    enum error_code code = run_tick(run, error);
    for (size_t i = 0; code == OK && i < sizeof(stages) / sizeof(stages[0]); i++) {
        if (run->job.progress.stages[stages[i].stage].status == STAGE_COMPLETED)
            continue;
        note_stage(run, stages[i].stage, STAGE_IN_PROGRESS);
        code = store_stage(run, error);
        if (code == OK)
            code = stages[i].run(run, error);
        if (code != OK)
            break;
        note_stage(run, stages[i].stage, STAGE_COMPLETED);
        code = store_stage(run, error);
    }
    return code == OK ? finish(run, error) : code;
}

/* --- the end of a job ------------------------------------------------------------------------------- */

static void end_stages(struct custom_run *run, enum custom_stage_status status)
{
    for (size_t i = 0; i < CUSTOM_STAGES; i++)
        if (run->job.progress.stages[i].status == STAGE_IN_PROGRESS)
            note_stage(run, (enum custom_stage)i, status);
}

static void end(struct custom_run *run, enum custom_status from, enum custom_status to)
{
    const struct job_move move = {from, to, true};
    struct error error;
    enum error_code code = store(run, &move, &error);
    if (code == ERROR_CANCELLED && run->is_stopping && from == CUSTOM_IN_PROGRESS) {
        const struct job_move late = {CUSTOM_STOPPING, to, true}; /* it is over all the same */
        code = store(run, &late, &error);
    }
    if (code != OK)
        return;
    log_event(LOG_INFO, "customization_ended", LOG_C("job", run->job.id),
              LOG_C("status", custom_job_kind.statuses[to].name), LOG_C("message", run->message));
    if (directory_remove(run->dir, &error) != OK)
        log_event(LOG_WARN, "customization job's working files stay", LOG_C("error", error.message));
}

/* What was learnt so far is in the curves; the job ends also where they cannot be put anywhere. */
static void end_as_stopped(struct custom_run *run)
{
    struct error ignored;
    run_stop_teacher(run);
    if (run->request && run->job.progress.step > 0)
        (void)!run_report(run, &ignored);
    end_stages(run, STAGE_STOPPED);
    say(run, "");
    end(run, CUSTOM_STOPPING, CUSTOM_STOPPED);
}

static void end_as_failed(struct custom_run *run, const struct error *error)
{
    const char *message = error->code == ERROR_INVALID ? error->message : "The server failed; its log says why.";
    if (error->code != ERROR_INVALID)
        log_event(LOG_ERROR, "customization_failed", LOG_C("job", run->job.id), LOG_C("error", error->message));
    end_stages(run, STAGE_FAILED);
    say(run, message);
    end(run, CUSTOM_IN_PROGRESS, CUSTOM_FAILED);
}

/* The next one has its turn; this one is tried again later, or once its teacher is done. The message says for what it
 * waits. */
static void put_aside(struct custom_run *run, enum error_code code, const struct error *error)
{
    struct error ignored;
    struct custom_runner *runner = run->runner;
    assert(runner->aside_count < CUSTOM_ASIDE_MAX); /* else no job is claimed */
    if (code != ERROR_NOT_READY) {
        log_event(LOG_WARN, "customization_waits", LOG_C("job", run->job.id), LOG_C("error", error->message));
        say(run, error->message);
    }
    run->waits_for_teacher = code == ERROR_NOT_READY;
    run->is_due = false;
    run->aside_us = clock_now_us();
    run->noted_us = 0;
    (void)!run_note(run, &ignored);
    runner->aside[runner->aside_count++] = run;
}

/* True: it is put aside, and goes on later. Else it is over for this runner. */
static bool settle(struct custom_run *run, enum error_code code, struct error *error)
{
    struct error ignored;
    if (code == ERROR_NOT_READY || may_pass(code)) {
        put_aside(run, code, error);
        return true;
    }
    if (code == OK) {
        say(run, "");
        end(run, CUSTOM_IN_PROGRESS, CUSTOM_COMPLETED);
    } else if (code == ERROR_CANCELLED && run->is_stopping) {
        end_as_stopped(run);
    } else if (code == ERROR_CANCELLED) {
        (void)!custom_jobs_note(run->runner->store, &run->job, &run->claim, &ignored);
        (void)!jobs_give_back(run->runner->store, &run->claim, &ignored);
    } else if (code != ERROR_CONFLICT) { /* else it is somebody else's */
        end_as_failed(run, error);
    }
    return false;
}

/* --- claiming --------------------------------------------------------------------------------------- */

enum error_code custom_directory(const char *data, const char *id, char path[CUSTOM_PATH_MAX], struct error *error)
{
    const int len = snprintf(path, CUSTOM_PATH_MAX, "%s/" DIRECTORY "%s%s", data, *id ? "/" : "", id);
    return len > 0 && len < CUSTOM_PATH_MAX - 64 ? OK
                                                 : error_set(error, ERROR_INVALID,
                                                             "data directory: the path is too long");
}

static enum error_code open_run(struct custom_run *run, struct error *error)
{
    enum error_code code = custom_directory(run->runner->options->data, run->job.id, run->dir, error);
    if (code == OK)
        code = directory_make(run->dir, error);
    if (code == OK && !run->request)
        code = json_parse(run->job.request, &run->request, error);
    if (code != OK)
        return code;
    yyjson_val *map = yyjson_obj_get(yyjson_doc_get_root(run->request), "hyperParameters");
    return custom_job_scratch(&run->job) ? hyper_parse_scratch(map, &run->hyper, error)
                                       : hyper_parse(map, &run->hyper, error);
}

/* False: there is none to be had. */
static bool claim(struct custom_run *run, bool takes_new)
{
    const struct job_lease lease = lease_of(run->runner);
    struct error error;
    bool has_job = false;
    const enum error_code code = custom_jobs_claim(run->runner->store, &lease, takes_new, &run->arena, &run->job,
                                                   &run->claim, &has_job, &error);
    if (code != OK)
        log_event(LOG_WARN, "customization_not_claimed", LOG_C("error", error.message));
    return code == OK && has_job;
}

/* Opens a job and brings it as far as it goes. True: it is put aside. */
static bool run_job(struct custom_run *run)
{
    struct error error;
    say(run, "");
    log_event(LOG_INFO, "customization_runs", LOG_C("job", run->job.id), LOG_S("tenant", run->job.tenant));
    run->is_stopping = run->job.status == CUSTOM_STOPPING;
    enum error_code code = open_run(run, &error);
    if (code == OK)
        code = run->is_stopping ? ERROR_CANCELLED : run_stages(run, &error);
    return settle(run, code, &error);
}

static void free_run(struct custom_run *run)
{
    json_free(run->request);
    buf_deinit(&run->insights);
    arena_deinit(&run->arena);
    mem_free(run);
}

static bool run_next(struct custom_runner *runner, bool takes_new)
{
    struct custom_run *run = mem_calloc(1, sizeof(*run));
    if (!run)
        return false;
    run->runner = runner;
    arena_init(&run->arena, 0);
    buf_init(&run->insights, INSIGHTS_BYTES_MAX);
    const bool has_job = claim(run, takes_new);
    bool is_kept = false;
    if (has_job && takes_new)
        is_kept = run_job(run);
    else if (has_job) { /* it waited: nothing of it runs */
        struct error ignored;
        run->is_stopping = true;
        (void)!open_run(run, &ignored);
        end_as_stopped(run);
    }
    if (!is_kept)
        free_run(run);
    return has_job;
}

static void end_stopped(struct custom_runner *runner)
{
    while (run_next(runner, false))
        continue;
}

/* --- jobs that wait --------------------------------------------------------------------------------- */

static struct custom_run *take_aside(struct custom_runner *runner, size_t at)
{
    struct custom_run *run = runner->aside[at];
    runner->aside_count--;
    memmove(&runner->aside[at], &runner->aside[at + 1], (runner->aside_count - at) * sizeof(runner->aside[0]));
    return run;
}

/* False: somebody wants it stopped, or has it. */
static bool look_at(struct custom_run *run)
{
    struct error error;
    unsigned status = run->job.status;
    const enum error_code code = jobs_status(run->runner->store, &run->claim, &status, &error);
    run->is_stopping = code == OK && status == CUSTOM_STOPPING;
    if (run->is_stopping || code == ERROR_CONFLICT) {
        (void)settle(run, run->is_stopping ? ERROR_CANCELLED : ERROR_CONFLICT, &error);
        return false;
    }
    if (run->waits_for_teacher && !run->is_due) {
        run->is_due = run_teacher_has_ended(run);
        (void)!run_note(run, &error);
    }
    run->is_due = run->is_due || (!run->waits_for_teacher && clock_now_us() - run->aside_us > RETRY_MS * 1000u);
    return true;
}

static void look_aside(struct custom_runner *runner)
{
    const uint64_t now_us = clock_now_us();
    if (now_us - runner->looked_aside_us < LOOK_US)
        return;
    runner->looked_aside_us = now_us;
    for (size_t i = 0; i < runner->aside_count;)
        if (look_at(runner->aside[i]))
            i++;
        else
            free_run(take_aside(runner, i));
}

/* False: none that was put aside can go on. */
static bool resume_next(struct custom_runner *runner)
{
    for (size_t i = 0; i < runner->aside_count; i++) {
        if (!runner->aside[i]->is_due)
            continue;
        struct custom_run *run = take_aside(runner, i);
        if (!run_job(run))
            free_run(run);
        return true;
    }
    return false;
}

static void *run_thread(void *ctx)
{
    struct custom_runner *runner = ctx;
    struct error error;
    while (!atomic_load(&runner->is_leaving)) {
        atomic_store(&runner->must_look, false);
        renew(runner);
        reconcile(runner);
        if (runner->aside_count > 0)
            end_stopped(runner); /* run_next(true) may not come to it */
        look_aside(runner);
        if (!resume_next(runner) && (runner->aside_count == CUSTOM_ASIDE_MAX || !run_next(runner, true)))
            sleep_ms(runner, runner->aside_count > 0 ? LOOK_US / 1000 : IDLE_MS);
    }
    while (runner->aside_count > 0) {
        struct custom_run *run = take_aside(runner, 0);
        (void)settle(run, ERROR_CANCELLED, &error);
        free_run(run);
    }
    return NULL;
}

/* --- start and stop --------------------------------------------------------------------------------- */

static bool has_model(const struct custom_model *models, size_t count, struct str job)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(models[i].job, job))
            return true;
    return false;
}

/* What jobs that are over have left, by their IDs, unless a model of theirs is there: the server was killed before it
 * took their files away. */
static void sweep(const struct custom_runner *runner, const char *path, const struct custom_model *models,
                  size_t count)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char stale[CUSTOM_PATH_MAX];
        struct error error;
        bool is_live = true;
        const struct str name = str_of(entry->d_name);
        if (name.len != JOB_ID_LEN || jobs_is_live(runner->store, name, &is_live, &error) != OK || is_live ||
            has_model(models, count, name))
            continue;
        const int len = snprintf(stale, sizeof(stale), "%s/%s", path, entry->d_name);
        if (len < 0 || (size_t)len >= sizeof(stale))
            continue;
        if (directory_remove(stale, &error) != OK)
            log_event(LOG_WARN, "customization job's working files stay", LOG_C("error", error.message));
    }
    if (dir)
        (void)closedir(dir);
}

/* Of models that were deleted. */
static void sweep_models(const struct custom_runner *runner, const char *path)
{
    struct arena arena;
    struct error ignored; /* who knows which ones are there */
    void *models;
    size_t count;
    arena_init(&arena, 0);
    if (resources_list_all(runner->models, &arena, &models, &count, &ignored) == OK)
        sweep(runner, path, models, count);
    arena_deinit(&arena);
}

static enum error_code make_directory(const struct custom_runner *runner, struct error *error)
{
    char path[CUSTOM_PATH_MAX];
    enum error_code code = custom_directory(runner->options->data, "", path, error);
    if (code == OK && mkdir(path, 0700) && errno != EEXIST)
        code = error_set_errno(error, ERROR_IO, errno, "cannot make the directory %s", path);
    if (code == OK)
        sweep(runner, path, NULL, 0);
    if (code == OK && custom_model_directory(runner->options->data, "", path, error) == OK)
        sweep_models(runner, path);
    return code;
}

enum error_code custom_runner_start(struct custom_runner *runner, struct error *error)
{
    pthread_condattr_t monotonic;
    const enum error_code code = make_directory(runner, error);
    if (code != OK)
        return code;
    uuid_v4(runner->owner);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&runner->mutex, NULL);
    pthread_cond_init(&runner->woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    const int failure = pthread_create(&runner->thread, NULL, run_thread, runner);
    if (!failure)
        return OK;
    pthread_cond_destroy(&runner->woken);
    pthread_mutex_destroy(&runner->mutex);
    return error_set_errno(error, ERROR_IO, failure, "cannot start the runner of customization jobs");
}

static void wake(struct custom_runner *runner)
{
    pthread_mutex_lock(&runner->mutex);
    pthread_cond_signal(&runner->woken);
    pthread_mutex_unlock(&runner->mutex);
}

void custom_runner_look(struct custom_runner *runner)
{
    atomic_store(&runner->must_look, true);
    wake(runner);
}

void custom_runner_leave(struct custom_runner *runner)
{
    atomic_store(&runner->is_leaving, true);
    wake(runner);
}

void custom_runner_stop(struct custom_runner *runner)
{
    custom_runner_leave(runner);
    objects_interrupt(runner->options->objects);
    (void)pthread_join(runner->thread, NULL);
    pthread_cond_destroy(&runner->woken);
    pthread_mutex_destroy(&runner->mutex);
}
