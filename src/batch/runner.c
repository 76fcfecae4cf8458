/* runner.c - the loop that claims jobs and gives their records to the engine. A record's way is flight.c's. See
 * runner.h. */
#include "batch/runner.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "batch/files.h"
#include "core/log.h"
#include "upstream/transport.h"

#define TICK_MS 200
#define LOOK_US 1000000u
#define LEASE_US 30000000u
#define BACKGROUND_THREADS 2
#define STARTS_AT_ONCE 64 /* then the loop looks at its other events */
#define LONGEST_ID "000000000000"
#define QUEUED_RECORDS 4u /* beyond those that the engine runs, so that it never waits for us */

_Static_assert(sizeof(LONGEST_ID) == JOB_ID_LEN + 1, "as long as a job's ID");

/* --- which jobs ------------------------------------------------------------------------------------- */

static struct job_lease lease_of(const struct runner *runner)
{
    uint64_t now_us = clock_wall_us();
    return (struct job_lease){str_of(runner->owner), now_us, now_us + LEASE_US};
}

bool runner_claim(struct runner *runner)
{
    struct error error;
    bool has_job = false, takes_new = runner->job_count < limit(batch_running_jobs);
    const struct job_lease lease = lease_of(runner);
    struct active *active = active_new(runner);
    enum error_code code = active ? job_db_claim(runner->store, &lease, takes_new, &active->arena, &active->job,
                                                 &active->claim, &has_job, &error)
                                  : error_no_memory(&error);
    if (code != OK)
        log_event(LOG_ERROR, "batch jobs cannot be claimed", LOG_C("error", error.message));
    if (!has_job) {
        if (active)
            active_free(active);
        return false;
    }
    active_begin(active);
    struct active **last = &runner->jobs;
    while (*last)
        last = &(*last)->next;
    *last = active;
    runner->job_count++;
    return true;
}

static void look(struct runner *runner)
{
    struct error error;
    runner->looked_us = clock_now_us();
    if (job_db_expire(runner->store, clock_wall_us(), &error) != OK)
        log_event(LOG_ERROR, "batch jobs cannot expire", LOG_C("error", error.message));
    for (struct active *active = runner->jobs; active; active = active->next)
        active_look(active);
    while (runner_claim(runner))
        continue;
}

bool runner_may_write(const struct runner *runner)
{
    return clock_now_us() - runner->renewed_us <= LEASE_US;
}

/* After a pause that was longer than a lease, each job may be somebody else's. */
static void renew(struct runner *runner)
{
    struct error error;
    const struct job_lease lease = lease_of(runner);
    const bool was_late = !runner_may_write(runner);
    runner->tried_us = clock_now_us();
    if (runner->jobs && jobs_renew(runner->store, &lease, &error) != OK) {
        log_event(LOG_ERROR, "batch leases are not renewed", LOG_C("error", error.message));
        return;
    }
    runner->renewed_us = runner->tried_us;
    for (struct active *active = runner->jobs; active && was_late; active = active->next)
        active_look(active);
}

/* False: nothing may be written now. */
static bool hold(struct runner *runner, uint64_t now_us)
{
    if (now_us - runner->renewed_us > LEASE_US / 3 && now_us - runner->tried_us > LOOK_US)
        renew(runner);
    return runner_may_write(runner);
}

static void drop_over(struct runner *runner)
{
    for (struct active **at = &runner->jobs; *at;) {
        struct active *active = *at;
        if (!active_is_over(active)) {
            at = &active->next;
            continue;
        }
        *at = active->next;
        runner->job_count--;
        active_free(active);
    }
}

struct transport *runner_transport(struct runner *runner)
{
    struct error ignored;
    if (!runner->transport)
        runner->transport = transport_open(&runner->loop, &ignored);
    return runner->transport;
}

/* --- which record next ------------------------------------------------------------------------------ */

struct runner_model *runner_model_of(struct runner *runner, const struct model *model)
{
    struct runner_model *known = table_at(&runner->models, model->index);
    if (known)
        return known;
    known = mem_calloc(1, sizeof(*known));
    if (!known || table_put(&runner->models, model->index, known))
        return known;
    mem_free(known);
    return NULL;
}

static unsigned room_of(const struct model *model)
{
    uint64_t most = limit(batch_in_flight), wanted = model->parallel + QUEUED_RECORDS;
    return (unsigned)(wanted < most ? wanted : most);
}

/* A record that may kill the engine waits until nothing else runs, and nothing
 * else starts before: else it would take others with it. */
static bool has_suspect(const struct runner *runner, const struct runner_model *model)
{
    for (const struct active *active = runner->jobs; active; active = active->next)
        if (active_suspect(active, model))
            return true;
    return false;
}

static bool has_room(const struct runner *runner, const struct active *active, const struct flight *next)
{
    const struct runner_model *model = next->wants->shared;
    if (model == &runner->nowhere)
        return true;
    if (model->alone || clock_now_us() < model->resume_us || runner->flight_bytes >= limit(batch_in_flight_bytes))
        return false;
    if (has_suspect(runner, model))
        return model->in_flight == 0 && active_suspect(active, model);
    return model->in_flight < room_of(next->wants->model.match.model);
}

/* One record of each job in turn, as long as there is room. */
static void pump(struct runner *runner)
{
    unsigned started = 0;
    bool has_started = true;
    while (has_started && started < STARTS_AT_ONCE) {
        has_started = false;
        for (struct active *active = runner->jobs; active; active = active->next) {
            const struct flight *next = active_next(active, clock_now_us());
            if (!next || !has_room(runner, active, next))
                continue;
            active_start_next(active);
            has_started = true;
            started++;
        }
    }
    if (has_started)
        (void)uv_async_send(&runner->wake);
}

/* --- the loop --------------------------------------------------------------------------------------- */

static void say_quiet(struct runner *runner)
{
    pthread_mutex_lock(&runner->mutex);
    runner->is_quiet = true;
    pthread_cond_broadcast(&runner->quiet);
    pthread_mutex_unlock(&runner->mutex);
}

static void close_all(struct runner *runner)
{
    if (uv_is_closing((uv_handle_t *)&runner->tick))
        return;
    transport_close(runner->transport);
    runner->transport = NULL;
    work_port_close(&runner->work);
    uv_close((uv_handle_t *)&runner->tick, NULL);
    uv_close((uv_handle_t *)&runner->wake, NULL);
}

/* Records that run are waited for until the server is closing: then they are left. */
static void wind_down(struct runner *runner)
{
    bool is_closing = atomic_load(&runner->is_closing);
    if (is_closing)
        objects_interrupt(runner->options->objects);
    for (struct active *active = runner->jobs; active; active = active->next) {
        if (is_closing && !active->is_working)
            active_drop_running(active);
        (void)active_give_back(active);
    }
    drop_over(runner);
    if (runner->jobs)
        return;
    say_quiet(runner);
    if (is_closing)
        close_all(runner);
}

/* A job that is being opened belongs to its task. */
static void publish(struct runner *runner)
{
    pthread_mutex_lock(&runner->mutex);
    runner->view_count = 0;
    for (const struct active *active = runner->jobs; active; active = active->next) {
        void *views = runner->views;
        bool is_readable = active->step != ACTIVE_OPENING || !active->is_working;
        if (!is_readable || !mem_grow(&views, runner->view_count, &runner->view_cap, sizeof(*runner->views)))
            continue;
        runner->views = views;
        struct job_view *view = &runner->views[runner->view_count++];
        memcpy(view->id, active->job.id, sizeof(view->id));
        view->counts = active->job.counts;
        view->start_us = active->job.start_us;
        view->stop_us = active->job.stop_us;
        snprintf(view->message, sizeof(view->message), STR_FMT, STR_ARG(active->job.message));
    }
    pthread_mutex_unlock(&runner->mutex);
}

bool runner_refresh(struct runner *runner, struct arena *arena, struct batch_job *job)
{
    bool is_kept = true;
    pthread_mutex_lock(&runner->mutex);
    for (size_t i = 0; i < runner->view_count; i++) {
        const struct job_view *view = &runner->views[i];
        if (memcmp(view->id, job->id, sizeof(view->id)) != 0)
            continue;
        job->counts = view->counts;
        job->start_us = view->start_us;
        job->stop_us = view->stop_us;
        is_kept = arena_str(arena, str_of(view->message), &job->message);
    }
    pthread_mutex_unlock(&runner->mutex);
    return is_kept;
}

static void turn(struct runner *runner)
{
    uint64_t now_us = clock_now_us();
    const bool may_write = hold(runner, now_us);
    for (struct background_task *task; (task = background_take(runner->background));)
        active_task_done(task->ctx);
    for (struct active *active = runner->jobs; active && may_write; active = active->next)
        active_tick(active, now_us);
    if (atomic_load(&runner->is_draining)) {
        wind_down(runner);
        return;
    }
    drop_over(runner);
    publish(runner);
    if (!may_write)
        return;
    if (atomic_exchange(&runner->must_look, false) || now_us - runner->looked_us > LOOK_US)
        look(runner);
    pump(runner);
}

static void on_wake(uv_async_t *wake)
{
    turn(wake->data);
}

static void on_tick(uv_timer_t *tick)
{
    turn(tick->data);
}

static void *run(void *ctx)
{
    struct runner *runner = ctx;
    (void)uv_run(&runner->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* --- start and stop --------------------------------------------------------------------------------- */

/* What jobs that are over have left: the server was killed before it took their files away. */
static void sweep(const struct runner *runner, const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char stale[BATCH_PATH_MAX];
        struct error error;
        bool is_live = true;
        struct str name = str_of(entry->d_name);
        if (name.len != JOB_ID_LEN || jobs_is_live(runner->store, name, &is_live, &error) != OK || is_live ||
            batch_directory(runner->options, entry->d_name, stale, &error) != OK)
            continue;
        if (directory_remove(stale, &error) != OK)
            log_event(LOG_WARN, "batch job's working files stay", LOG_C("error", error.message));
    }
    if (dir)
        (void)closedir(dir);
}

static enum error_code make_directory(const struct runner *runner, struct error *error)
{
    char path[BATCH_PATH_MAX];
    enum error_code code = batch_directory(runner->options, LONGEST_ID, path, error);
    if (code == OK)
        code = batch_directory(runner->options, "", path, error);
    if (code == OK && mkdir(path, 0700) && errno != EEXIST)
        code = error_set_errno(error, ERROR_IO, errno, "cannot make the directory %s", path);
    if (code == OK)
        sweep(runner, path);
    return code;
}

static void init_sync(struct runner *runner)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&runner->mutex, NULL);
    pthread_cond_init(&runner->quiet, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static enum error_code set_up(struct runner *runner, struct error *error)
{
    (void)uv_async_init(&runner->loop, &runner->wake, on_wake);
    (void)uv_timer_init(&runner->loop, &runner->tick);
    runner->wake.data = runner->tick.data = runner;
    (void)uv_timer_start(&runner->tick, on_tick, 0, TICK_MS);
    enum error_code code = make_directory(runner, error);
    if (code == OK)
        code = work_port_open(&runner->work, runner->options->work, runner->options->engine_port, &runner->loop, error);
    if (code == OK)
        code = background_new(BACKGROUND_THREADS, &runner->wake, &runner->background, error);
    if (code != OK)
        return code;
    int failure = pthread_create(&runner->thread, NULL, run, runner);
    return failure ? error_set_errno(error, ERROR_IO, failure, "cannot start the runner of batch jobs") : OK;
}

static void free_runner(struct runner *runner)
{
    int rv = uv_loop_close(&runner->loop);
    assert(rv == 0);
    (void)rv;
    background_free(runner->background);
    mem_free(runner->views);
    for (size_t i = 0; i < table_count(&runner->models); i++)
        mem_free(table_at(&runner->models, i));
    table_deinit(&runner->models);
    pthread_cond_destroy(&runner->quiet);
    pthread_mutex_destroy(&runner->mutex);
    mem_free(runner);
}

enum error_code runner_start(const struct batch_options *options, struct jobs *store, struct runner **runner,
                             struct error *error)
{
    struct runner *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    if (uv_loop_init(&made->loop) != 0) {
        mem_free(made);
        return error_set(error, ERROR_IO, "cannot set up the runner of batch jobs: too many open files?");
    }
    made->options = options;
    made->store = store;
    uuid_v4(made->owner);
    init_sync(made);
    enum error_code code = set_up(made, error);
    if (code == OK) {
        *runner = made;
        return OK;
    }
    close_all(made);
    (void)uv_run(&made->loop, UV_RUN_DEFAULT);
    free_runner(made);
    return code;
}

void runner_look(struct runner *runner)
{
    atomic_store(&runner->must_look, true);
    (void)uv_async_send(&runner->wake);
}

void runner_begin_drain(struct runner *runner)
{
    atomic_store(&runner->is_draining, true);
    (void)uv_async_send(&runner->wake);
}

void runner_wait_quiet(struct runner *runner, uint64_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(timeout_ms / 1000);
    pthread_mutex_lock(&runner->mutex);
    while (!runner->is_quiet && pthread_cond_timedwait(&runner->quiet, &runner->mutex, &until) == 0)
        continue;
    pthread_mutex_unlock(&runner->mutex);
}

void runner_stop(struct runner *runner)
{
    atomic_store(&runner->is_closing, true);
    runner_begin_drain(runner);
    (void)pthread_join(runner->thread, NULL);
    free_runner(runner);
}
