/* supervisor.c - starts, watches and restarts the worker processes. Main thread.
 *
 * A worker is this program's own image (`worker`, a hidden subcommand) or the
 * program named by the model's `worker:` key. Each start makes fresh sockets:
 * one for control and one per port; the ports get theirs once the worker said
 * HELLO. When the process dies its sockets close, which is how ports learn of it.
 *
 * Restarts: the first at once, then after 100 ms, doubling to 5 s, as long as
 * the worker dies within RUN_WELL_US; after worker_restart_burst in a row one
 * each worker_retry_ms, for ever: what was in its way (memory, processes,
 * descriptors, a file) may be over. A model that has never loaded is given up
 * instead: at its start the server ends with it, of one that was added its watcher
 * hears. A process that cannot be started counts as one that died at once.
 *
 * A worker that retires is told by the end of its control link, killed when that
 * takes longer than STOP_GRACE_MS, and not started again.
 *
 * A worker is killed when its heartbeat stops for worker_silence_ms, its model
 * thread is as long in one piece of work outside a step, one step lasts longer
 * than token_gap_timeout_ms, or a port dropped its link because of what came
 * over it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cache/policy.h"
#include "cache/config.h"
#include "core/log.h"
#include "core/util.h"
#include "engine/internal.h"
#include "store/disk.h"

extern char **environ;

#define RUN_WELL_US 60000000u
#define BACKOFF_FIRST_MS 100u
#define BACKOFF_MAX_MS 5000u
#define WATCH_MS 250u
#define STOP_GRACE_MS 2000u
#define CACHE_DIR_MAX 4096u
#define MODEL_INFO_MAX (16u << 20)
#define DEFAULT_OBJECTIVE 2.0f
#define FIXED_FDS 5 /* standard ones, control, broker */

static struct engine_model *model_of(struct worker *worker)
{
    return engine_model_at(worker->engine, worker->index);
}

/* NULL: there is no model of that number. */
static struct worker *worker_at(const struct engine *engine, size_t number)
{
    struct engine_model *model = engine_model_at(engine, number);
    return model ? &model->worker : NULL;
}

static const char *name_of(struct worker *worker)
{
    return model_of(worker)->config->name;
}

static void drop_port_fds(struct worker *worker)
{
    for (unsigned i = 0; i < worker->engine->port_count; i++) {
        if (worker->port_fds[i] >= 0)
            close(worker->port_fds[i]);
        worker->port_fds[i] = -1;
    }
}

/* Quick restarts would not help. A model that was served before is tried again from time to time. */
static void worker_fail(struct worker *worker, const char *reason)
{
    log_event(LOG_ERROR, "worker_failed", LOG_C("model", name_of(worker)), LOG_C("reason", reason));
    worker->burst = (uint32_t)limit(worker_restart_burst) + 1;
    if (atomic_load(&model_of(worker)->info) != NULL)
        return;
    (void)error_set(&worker->failure, ERROR_UNAVAILABLE, "model %s: %s", name_of(worker), reason);
    worker->state = WORKER_FAILED;
}

/* --- death and restart ------------------------------------------------------------------------------ */

static void on_restart(uv_timer_t *timer)
{
    supervisor_start(timer->data);
}

static void schedule_restart(struct worker *worker)
{
    const uint64_t ran_us = clock_now_us() - worker->started_us;
    const uint64_t most = limit(worker_restart_burst);
    worker->burst = ran_us > RUN_WELL_US ? 0 : worker->burst + 1;
    if (worker->burst == most + 1)
        worker_fail(worker, "the worker keeps dying");
    if (worker->state == WORKER_FAILED)
        return;
    uint64_t delay = worker->burst < 2 ? 0 : BACKOFF_FIRST_MS << (worker->burst - 2 < 8 ? worker->burst - 2 : 8);
    delay = delay > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : delay;
    atomic_fetch_add(&model_of(worker)->restarts, 1);
    uv_timer_start(&worker->restart, on_restart, worker->burst > most ? limit(worker_retry_ms) : delay, 0);
}

/* --- the last of a worker --------------------------------------------------------------------------- */

static void on_last_handle_closed(uv_handle_t *handle)
{
    struct worker *worker = handle->data;
    struct engine_model *model = model_of(worker);
    const struct engine_watcher watcher = worker->watcher;
    worker->has_timer = false;
    worker->state = WORKER_GONE;
    atomic_store(&model->slot, NULL);
    atomic_store(&model->info, NULL);
    arena_deinit(&model->arena);
    log_event(LOG_INFO, "worker_gone", LOG_C("model", name_of(worker)));
    if (worker->is_retiring)
        watcher.on_gone(watcher.ctx);
    else
        watcher.on_failed(watcher.ctx, &worker->failure);
}

/* Of a worker that will not be started again, and is watched. */
static void leave(struct worker *worker)
{
    worker->restart.data = worker;
    uv_close((uv_handle_t *)&worker->restart, on_last_handle_closed);
}

/* Both the process and its control link are gone. */
static void on_worker_gone(struct worker *worker)
{
    const bool is_watched = worker->watcher.on_gone != NULL;
    if (worker->has_process || worker->has_control)
        return;
    drop_port_fds(worker);
    broker_release(&worker->engine->broker, worker->slot);
    if (worker->engine->is_stopping)
        return;
    if (worker->state != WORKER_FAILED && !worker->is_retiring) {
        worker->state = WORKER_DOWN;
        schedule_restart(worker);
    }
    if (worker->is_retiring || (worker->state == WORKER_FAILED && is_watched))
        leave(worker);
}

static void worker_kill(struct worker *worker)
{
    atomic_store(&model_of(worker)->is_ready, false);
    if (worker->has_process)
        (void)uv_process_kill(&worker->process, SIGKILL);
}

static void on_process_closed(uv_handle_t *handle)
{
    struct worker *worker = handle->data;
    worker->has_process = false;
    on_worker_gone(worker);
}

static void on_process_exit(uv_process_t *process, int64_t status, int signal_number)
{
    struct worker *worker = process->data;
    atomic_store(&model_of(worker)->is_ready, false);
    if (!worker->engine->is_stopping && !worker->is_retiring)
        log_event(LOG_WARN, "worker_died", LOG_C("model", name_of(worker)), LOG_I("status", status),
                  LOG_I("signal", signal_number));
    uv_close((uv_handle_t *)process, on_process_closed);
    link_close(&worker->control);
}

/* --- control link ----------------------------------------------------------------------------------- */

/* Templates, contexts and prices were taken from the first process's words; the file may have been changed since. */
static bool is_same_model(struct engine_model *model, struct str hello)
{
    struct engine_model_info info;
    struct arena arena;
    arena_init(&arena, MODEL_INFO_MAX);
    const bool is_same = protocol_get_hello(hello, &arena, &info) &&
                         strcmp(info.fingerprint, model->info_storage.fingerprint) == 0;
    arena_deinit(&arena);
    return is_same;
}

static bool on_hello(struct worker *worker, struct str payload)
{
    struct engine_model *model = model_of(worker);
    const bool is_first = atomic_load(&model->info) == NULL;
    if (worker->state != WORKER_STARTING || worker->is_retiring)
        return false;
    if (is_first) {
        if (!protocol_get_hello(payload, &model->arena, &model->info_storage))
            return false;
        atomic_store(&model->info, &model->info_storage);
    } else if (!is_same_model(model, payload)) {
        worker_fail(worker, "its file is not the one the server started with; put that back, or restart the server");
        return false;
    }
    worker->state = WORKER_READY;
    for (unsigned i = 0; i < worker->engine->port_count; i++) {
        engine_offer(worker->engine, i, worker->index, worker->port_fds[i], worker->generation);
        worker->port_fds[i] = -1;
    }
    atomic_store(&model->is_ready, true);
    if (is_first && worker->watcher.on_ready != NULL)
        worker->watcher.on_ready(worker->watcher.ctx);
    log_event(LOG_INFO, "worker_ready", LOG_C("model", name_of(worker)),
              LOG_I("load_ms", (clock_now_us() - worker->started_us) / 1000),
              LOG_I("parameters", model->info_storage.parameters), LOG_I("context", model->info_storage.context),
              LOG_B("row_independent", model->info_storage.is_row_independent),
              LOG_C("row_hindrance", model->info_storage.row_hindrance));
    return true;
}

static bool on_control_frame(void *ctx, const struct frame_header *header, struct str payload)
{
    struct worker *worker = ctx;
    if (header->type == FRAME_HELLO)
        return on_hello(worker, payload);
    struct str message;
    if (header->type != FRAME_FATAL || !protocol_get_fatal(payload, &message))
        return false;
    char reason[ERROR_MESSAGE_MAX];
    snprintf(reason, sizeof(reason), STR_FMT, STR_ARG(message));
    worker_fail(worker, reason);
    worker_kill(worker);
    return true;
}

static void on_control_broken(void *ctx)
{
    struct worker *worker = ctx;
    worker_kill(worker);
    link_close(&worker->control);
}

static void on_control_closed(void *ctx)
{
    struct worker *worker = ctx;
    worker->has_control = false;
    on_worker_gone(worker);
}

static const struct link_handlers control_handlers = {on_control_frame, on_control_broken, on_control_closed};

static uint8_t policy_of(const struct config *config)
{
    enum cache_policy_kind kind = CACHE_POLICY_VALUE;
    const char *policy = cache_config(config)->policy;
    /* Was checked when it was read. */
    (void)cache_policy_parse(str_of(policy ? policy : "value"), &kind);
    return (uint8_t)kind;
}

/* The tenants that have a share of their own, for mem_free. */
static bool list_tenants(const struct config *config, struct frame_tenant **tenants, size_t *count)
{
    *tenants = mem_calloc(config->tenant_count + 1, sizeof(**tenants));
    if (!*tenants)
        return false;
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct config_tenant *tenant = &config->tenants[i];
        const struct cache_share *share = cache_share(tenant);
        if (share->floor_bytes || share->ceiling_bytes)
            (*tenants)[(*count)++] =
                (struct frame_tenant){str_of(tenant->name), share->floor_bytes, share->ceiling_bytes};
    }
    return true;
}

static bool send_config(struct worker *worker)
{
    const struct config *config = worker->engine->config;
    const struct config_model *model = model_of(worker)->config;
    const struct cache_config *cache = cache_config(config);
    const struct tier_config *tiers = tier_config(config);
    char cache_dir[CACHE_DIR_MAX];
    const int len = snprintf(cache_dir, sizeof(cache_dir), "%s/" DISK_PREFIX_DIR, config->data ? config->data : "");
    const bool has_dir = config->data && cache->disk_bytes > 0 && len > 0 && (size_t)len < sizeof(cache_dir);
    struct frame_tenant *tenants;
    size_t tenant_count = 0;
    if (!list_tenants(config, &tenants, &tenant_count))
        return false;
    const struct frame_config frame = {
        .name = str_of(model->name),
        .path = str_of(model->path),
        .adapter = str_of(model->adapter),
        .context = model->context,
        .parallel = model->parallel,
        .threads = model->threads,
        .broker_slot = worker->slot,
        .deterministic = config->deterministic,
        .log_level = (uint8_t)config->log_level,
        .log_format = (uint8_t)config->log_format,
        .queue_tokens = limit(queue_tokens),
        .prefill_chunk_tokens = limit(prefill_chunk_tokens),
        .kv_bytes = limit(kv_bytes),
        .cache_memory_bytes = model->cache == CACHE_MODE_OFF ? 0 : cache->memory_bytes,
        .cache_policy = policy_of(config),
        .cache_dir = has_dir ? str_of(cache_dir) : (struct str){0},
        .cache_disk_bytes = has_dir ? cache->disk_bytes : 0,
        .is_objective = tiers->share == TIER_SHARE_OBJECTIVE,
        .objective = tiers->objective >= 1 ? (float)tiers->objective : DEFAULT_OBJECTIVE,
        .deadline_ms = {engine_deadline_ms(config, TIER_PRIORITY), engine_deadline_ms(config, TIER_DEFAULT),
                        engine_deadline_ms(config, TIER_FLEX), engine_deadline_ms(config, TIER_BATCH)},
        .age_ms = limit(tier_age_ms),
        .batch_age_ms = limit(batch_age_ms),
        .batch_step_ms = limit(batch_step_ms),
        .parked_bytes = limit(parked_bytes),
        .tenants = tenants,
        .tenant_count = tenant_count,
    };
    protocol_put_config(link_begin(&worker->control), &frame);
    mem_free(tenants);
    const bool sent = link_end(&worker->control);
    link_flush(&worker->control);
    return sent;
}

/* --- start ------------------------------------------------------------------------------------------ */

/* Ours gets non-blocking, theirs is made so by the worker's libuv. */
static bool make_pair(int *ours, int *theirs)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    *ours = pair[0];
    *theirs = pair[1];
    return true;
}

/* The worker's environment: this process's, and the C library's word to ask for large pages where memory comes from
 * the system. A worker's is weights and caches, all of it written at once when a model is loaded: with small pages the
 * faults take a third of the start. What the operator has set stays. Free it; NULL: no memory, and the worker gets this
 * process's. */
static char **environment_new(void)
{
    static char large_pages[] = "GLIBC_TUNABLES=glibc.malloc.hugetlb=1";
    size_t count = 0;
    while (environ[count] != NULL)
        count++;
    char **variables = mem_calloc(count + 2, sizeof(*variables));
    if (variables == NULL)
        return NULL;
    memcpy(variables, environ, count * sizeof(*variables));
    if (getenv("GLIBC_TUNABLES") == NULL)
        variables[count] = large_pages;
    return variables;
}

static int spawn(struct worker *worker, const int *theirs, size_t count)
{
    const struct config_model *config = model_of(worker)->config;
    uv_stdio_container_t stdio[FIXED_FDS + LIMIT_IO_THREADS] = {
        [0] = {.flags = UV_IGNORE},
        [1] = {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO}, /* standard output is the gateway's alone */
        [2] = {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        [PROTOCOL_FD_CONTROL] = {.flags = UV_INHERIT_FD, .data.fd = theirs[0]},
        [PROTOCOL_FD_BROKER] = {.flags = UV_INHERIT_FD, .data.fd = worker->engine->broker.fd},
    };
    for (size_t i = 1; i < count; i++)
        stdio[PROTOCOL_FD_PORTS + i - 1] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = theirs[i]};
    char ports[16], parent[16];
    snprintf(ports, sizeof(ports), "%zu", count - 1);
    snprintf(parent, sizeof(parent), "%d", (int)getpid());
    char *argv[] = {"fulcrum", "worker", "--ports", ports, "--parent", parent, (char *)(uintptr_t)config->name, NULL};
    char **const environment = environment_new();
    const uv_process_options_t options = {
        .exit_cb = on_process_exit,
        .file = config->worker != NULL ? config->worker : "/proc/self/exe",
        .args = argv,
        .env = environment,
        .stdio = stdio,
        .stdio_count = (int)(FIXED_FDS + count - 1),
    };
    worker->process.data = worker;
    const int rc = uv_spawn(worker->engine->loop, &worker->process, &options);
    mem_free(environment);
    return rc;
}

/* Makes all sockets: theirs[0] and the returned one are control, the rest ports. */
static int make_sockets(struct worker *worker, int *theirs, size_t *count)
{
    int control = -1;
    if (!make_pair(&control, &theirs[0]))
        return -1;
    *count = 1;
    for (unsigned i = 0; i < worker->engine->port_count; i++) {
        if (!make_pair(&worker->port_fds[i], &theirs[*count])) {
            close(control);
            return -1;
        }
        (*count)++;
    }
    return control;
}

/* All else (processes, memory, descriptors) may be better in a moment. */
static bool is_there_nothing_to_start(int uv_error)
{
    return uv_error == UV_ENOENT || uv_error == UV_EACCES || uv_error == UV_ENOTDIR || uv_error == UV_ENOTSUP;
}

void supervisor_start(struct worker *worker)
{
    int theirs[1 + LIMIT_IO_THREADS];
    size_t count = 0;
    struct error error;
    worker->started_us = clock_now_us();
    worker->state = WORKER_STARTING;
    worker->generation++;
    worker->heartbeat = worker->step = worker->progress = (struct watched){0};
    atomic_store(&worker->engine->broker.page->slots[worker->slot].heartbeat_us, worker->started_us);
    const int control = make_sockets(worker, theirs, &count);
    if (control < 0) {
        log_event(LOG_ERROR, "worker_not_started", LOG_C("model", name_of(worker)),
                  LOG_C("reason", "no more descriptors for its sockets; raise the limit on open files"));
        on_worker_gone(worker);
        goto close_theirs;
    }
    const int rc = spawn(worker, theirs, count);
    worker->has_process = true; /* the handle exists even when spawning failed */
    if (rc != 0) {
        close(control);
        if (is_there_nothing_to_start(rc))
            worker_fail(worker, uv_strerror(rc));
        else
            log_event(LOG_ERROR, "worker_not_started", LOG_C("model", name_of(worker)),
                      LOG_C("reason", uv_strerror(rc)));
        uv_close((uv_handle_t *)&worker->process, on_process_closed);
        goto close_theirs;
    }
    const enum error_code code =
        link_open(&worker->control, worker->engine->loop, control, &control_handlers, worker, &error);
    worker->has_control = worker->control.is_open;
    if (code != OK || !send_config(worker))
        worker_kill(worker);
close_theirs:
    for (size_t i = 0; i < count; i++)
        close(theirs[i]);
}

/* --- hung workers ----------------------------------------------------------------------------------- */

/* Whether the figure stood still for `ms`. One that is 0 means that there is nothing to wait for. */
static bool stands_still(struct watched *watched, uint64_t value, uint64_t ms)
{
    watched->looks = value != 0 && value == watched->value ? watched->looks + 1 : 0;
    watched->value = value;
    return watched->looks > ms / WATCH_MS;
}

/* Why the worker has to go, or NULL. Every figure is looked at each time. */
static const char *why_hung(struct worker *worker)
{
    const struct broker_slot *slot = &worker->engine->broker.page->slots[worker->slot];
    const uint64_t step_us = atomic_load(&slot->step_began_us);
    const uint64_t progress_us = step_us == 0 ? atomic_load(&slot->progress_us) : 0;
    const bool is_silent =
        stands_still(&worker->heartbeat, atomic_load(&slot->heartbeat_us), limit(worker_silence_ms));
    const bool is_slow = stands_still(&worker->step, step_us, limit(token_gap_timeout_ms));
    const bool is_stuck = stands_still(&worker->progress, progress_us, limit(worker_silence_ms));
    if (atomic_load(&model_of(worker)->lost_generation) == worker->generation)
        return "link";
    return is_silent ? "heartbeat" : is_slow ? "step" : is_stuck ? "model thread" : NULL;
}

static void on_watch(uv_timer_t *timer)
{
    struct engine *engine = timer->data;
    for (size_t i = 0; i < table_count(&engine->models); i++) {
        struct worker *worker = worker_at(engine, i);
        if (!worker || worker->is_retiring)
            continue;
        if (worker->state != WORKER_READY && worker->state != WORKER_STARTING)
            continue;
        const char *reason = why_hung(worker);
        if (reason == NULL)
            continue;
        log_event(LOG_ERROR, "worker_killed", LOG_C("model", name_of(worker)), LOG_C("reason", reason));
        worker_kill(worker);
    }
}

void supervisor_init_worker(struct engine *engine, struct worker *worker, uint32_t index, uint32_t slot)
{
    worker->engine = engine;
    worker->index = index;
    worker->slot = slot;
    for (unsigned port = 0; port < LIMIT_IO_THREADS; port++)
        worker->port_fds[port] = -1;
    uv_timer_init(engine->loop, &worker->restart);
    worker->restart.data = worker;
    worker->has_timer = true;
}

enum error_code supervisor_init(struct engine *engine, struct error *error)
{
    const enum error_code code = broker_create(&engine->broker, error);
    if (code != OK)
        return code;
    uv_timer_init(engine->loop, &engine->watch);
    engine->watch.data = engine;
    engine->has_watch = true;
    uv_timer_start(&engine->watch, on_watch, WATCH_MS, WATCH_MS);
    uv_unref((uv_handle_t *)&engine->watch);
    return OK;
}

/* --- stop ------------------------------------------------------------------------------------------- */

static void on_retirement_over(uv_timer_t *timer)
{
    worker_kill(timer->data);
}

/* One that has not loaded does not listen to its control link yet. */
void supervisor_retire(struct worker *worker)
{
    const bool is_loading = worker->state == WORKER_STARTING;
    if (worker->is_retiring || worker->state == WORKER_FAILED || worker->state == WORKER_GONE)
        return;
    worker->is_retiring = true;
    atomic_store(&model_of(worker)->is_ready, false);
    uv_timer_start(&worker->restart, on_retirement_over, is_loading ? 0 : STOP_GRACE_MS, 0);
    if (worker->has_control)
        link_close(&worker->control);
    if (!worker->has_process && !worker->has_control)
        leave(worker);
}

/* One whose last handle is being closed goes by itself. */
static bool is_anyone_left(const struct engine *engine)
{
    for (size_t i = 0; i < table_count(&engine->models); i++) {
        const struct worker *worker = worker_at(engine, i);
        if (worker && (worker->has_process || worker->has_control ||
                       (worker->has_timer && uv_is_closing((const uv_handle_t *)&worker->restart))))
            return true;
    }
    return false;
}

static void on_grace_over(uv_timer_t *timer)
{
    struct engine *engine = timer->data;
    for (size_t i = 0; i < table_count(&engine->models); i++)
        if (worker_at(engine, i))
            worker_kill(worker_at(engine, i));
}

static void on_timer_closed(uv_handle_t *handle)
{
    *(unsigned *)handle->data -= 1;
}

static void close_timer(uv_timer_t *timer, unsigned *open)
{
    *open += 1;
    timer->data = open;
    uv_close((uv_handle_t *)timer, on_timer_closed);
}

/* A worker exits when its control link ends; one that does not is killed. */
void supervisor_stop(struct engine *engine)
{
    if (!engine->has_watch)
        return;
    unsigned open = 0;
    engine->is_stopping = true;
    uv_timer_start(&engine->watch, on_grace_over, STOP_GRACE_MS, 0);
    uv_ref((uv_handle_t *)&engine->watch);
    for (size_t i = 0; i < table_count(&engine->models); i++) {
        struct worker *worker = worker_at(engine, i);
        if (!worker)
            continue;
        atomic_store(&model_of(worker)->is_ready, false);
        if (worker->has_timer)
            uv_timer_stop(&worker->restart);
        if (worker->has_control)
            link_close(&worker->control);
    }
    while (is_anyone_left(engine))
        uv_run(engine->loop, UV_RUN_ONCE);
    for (size_t i = 0; i < table_count(&engine->models); i++)
        if (worker_at(engine, i) && worker_at(engine, i)->has_timer)
            close_timer(&worker_at(engine, i)->restart, &open);
    close_timer(&engine->watch, &open);
    while (open > 0)
        uv_run(engine->loop, UV_RUN_ONCE);
    engine->has_watch = false;
}
