/* monitor.c - see monitor.h: the thread that follows the ledger, and what others leave for it. */
#include "monitor/monitor.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/condition.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/util.h"
#include "ledger/follow.h"
#include "ledger/ledger.h"
#include "monitor/monitor_internal.h"
#include "monitor/pending.h"
#include "store/sql.h"

#define STEP_LINES 4096u
#define STEP_CELLS 8192u       /* written early when there are so many */
#define GATHER_MS 1000         /* from the first line to its points */
#define RETRY_MS 5000
#define FORGET_EVERY_S 3600
#define READERS_MAX 8
#define REFUSALS_MAX 4096
#define MONITOR_NICE 10        /* nobody waits for it */
#define PATH_MAX_BYTES 4096

_Static_assert(SERIES_MARK_MAX >= LEDGER_MARK_MAX, "a mark of the ledger is kept whole");

/* Requests without a line, of a tenant and model in one minute. */
struct refusal {
    char *tenant, *model;
    uint64_t minute, counts[MONITOR_REFUSALS];
};

struct monitor {
    char data[PATH_MAX_BYTES], path[PATH_MAX_BYTES];
    struct ledger *ledger;
    uint64_t keep_s[SERIES_GRAINS];

    pthread_mutex_t writing; /* the writer's connection */
    struct series_db *writer;
    struct ledger_follow *follow; /* the thread's, from here on */
    int64_t row;
    struct pending pending;
    uint64_t lost, forgot_us;
    bool has_failed;

    pthread_mutex_t reading;
    struct series_db *readers[READERS_MAX];
    size_t reader_count; /* that nobody has now */

    pthread_mutex_t refusing;
    struct refusal *refusals;
    size_t refusal_count, refusal_cap;

    pthread_mutex_t waking;
    pthread_cond_t wake;
    bool has_news;
    atomic_bool is_stopping; /* set with `waking` */
    pthread_t thread;
    bool has_thread;
};

/* --- lines ------------------------------------------------------------------------------------------ */

struct taking {
    struct monitor *monitor;
    struct str tenant;
    uint64_t minute, now_s;
};

static bool take_values(void *ctx, enum monitor_kind kind, const struct str *fields, const double *values)
{
    struct taking *taking = ctx;
    struct pending *pending = &taking->monitor->pending;
    const struct kind *table = &monitor_kinds[kind];
    struct series_key key = {.tenant = taking->tenant, .kind = kind};
    memcpy(key.fields, fields, table->field_count * sizeof(fields[0]));
    struct cell *cells = pending_at(pending, &key, taking->minute);
    for (size_t i = 0; cells && i < table->metric_count; i++)
        if (!isnan(values[i]) && !cell_add(&cells[i], values[i], 1, table->metrics[i].width, &pending->arena))
            return false;
    return cells != NULL;
}

static enum error_code take_line(void *ctx, const struct ledger_line *line, struct error *error)
{
    struct monitor *monitor = ctx;
    const uint64_t now_s = clock_wall_us() / 1000000;
    struct taking taking = {monitor, line->tenant, line->time_us / 60000000, now_s};
    if (line->time_us / 1000000 + monitor->keep_s[SERIES_HOUR] <= now_s)
        return OK;
    if (!kinds_of_line(line, take_values, &taking))
        return error_no_memory(error);
    if (monitor->pending.count < STEP_CELLS)
        return OK;
    const enum error_code code = pending_write(&monitor->pending, monitor->writer, now_s, &monitor->lost, error);
    pending_clear(&monitor->pending);
    return code;
}

/* --- requests without a line ------------------------------------------------------------------------ */

static bool take_refusal(struct monitor *monitor, const struct refusal *refusal)
{
    static const size_t metrics[MONITOR_REFUSALS] = {[MONITOR_CLIENT_ERROR] = BEDROCK_CLIENT_ERRORS,
                                                     [MONITOR_SERVER_ERROR] = BEDROCK_SERVER_ERRORS,
                                                     [MONITOR_THROTTLE] = BEDROCK_THROTTLES};
    const struct series_key key = {
        .tenant = str_of(refusal->tenant), .kind = KIND_BEDROCK, .fields = {str_of(refusal->model)}};
    struct cell *cells = pending_at(&monitor->pending, &key, refusal->minute);
    bool is_good = cells != NULL;
    for (size_t i = 0; is_good && i < MONITOR_REFUSALS; i++)
        if (refusal->counts[i] > 0)
            is_good = cell_add(&cells[metrics[i]], 1, (double)refusal->counts[i], SKETCH_FINE, &monitor->pending.arena);
    return is_good;
}

static void free_refusals(struct refusal *refusals, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(refusals[i].tenant);
        mem_free(refusals[i].model);
    }
    mem_free(refusals);
}

static enum error_code take_refusals(struct monitor *monitor, struct error *error)
{
    bool is_good = true;
    (void)pthread_mutex_lock(&monitor->refusing);
    struct refusal *refusals = monitor->refusals;
    const size_t count = monitor->refusal_count;
    monitor->refusals = NULL;
    monitor->refusal_count = monitor->refusal_cap = 0;
    (void)pthread_mutex_unlock(&monitor->refusing);
    for (size_t i = 0; i < count; i++)
        is_good = is_good && take_refusal(monitor, &refusals[i]);
    free_refusals(refusals, count);
    return is_good ? OK : error_no_memory(error);
}

static void tell(struct monitor *monitor)
{
    (void)pthread_mutex_lock(&monitor->waking);
    monitor->has_news = true;
    (void)pthread_cond_signal(&monitor->wake);
    (void)pthread_mutex_unlock(&monitor->waking);
}

static struct refusal *find_refusal(struct monitor *monitor, struct str tenant, struct str model, uint64_t minute)
{
    for (size_t i = monitor->refusal_count; i-- > 0;) {
        struct refusal *refusal = &monitor->refusals[i];
        if (refusal->minute == minute && str_eq(str_of(refusal->tenant), tenant) &&
            str_eq(str_of(refusal->model), model))
            return refusal;
    }
    void *refusals = monitor->refusals;
    if (monitor->refusal_count == REFUSALS_MAX ||
        !mem_grow(&refusals, monitor->refusal_count, &monitor->refusal_cap, sizeof(*monitor->refusals)))
        return NULL;
    monitor->refusals = refusals;
    struct refusal made = {.tenant = mem_strdup(tenant), .model = mem_strdup(model), .minute = minute};
    if (!made.tenant || !made.model) {
        mem_free(made.tenant);
        mem_free(made.model);
        return NULL;
    }
    monitor->refusals[monitor->refusal_count] = made;
    return &monitor->refusals[monitor->refusal_count++];
}

void monitor_refused(struct monitor *monitor, struct str tenant, struct str model, enum monitor_refusal refusal)
{
    if (!monitor)
        return;
    assert(refusal < MONITOR_REFUSALS);
    (void)pthread_mutex_lock(&monitor->refusing);
    struct refusal *found = find_refusal(monitor, tenant, kinds_model_id(model), clock_wall_us() / 60000000);
    if (found)
        found->counts[refusal]++;
    (void)pthread_mutex_unlock(&monitor->refusing);
    tell(monitor);
}

/* --- the file --------------------------------------------------------------------------------------- */

static void say_lost(const struct monitor *monitor)
{
    if (monitor->lost)
        condition_set("monitor", CONDITION_NOTE,
                      "there are too many metrics (limits.monitor_series_all): points of new ones are left out");
}

/* One step's lines, the refusals of meanwhile and the new place, in one transaction. */
static enum error_code write_step(struct monitor *monitor, bool *has_more, struct error *error)
{
    char mark[LEDGER_MARK_MAX];
    int64_t row = monitor->row;
    const uint64_t now_s = clock_wall_us() / 1000000;
    enum error_code code = ledger_follow_next(monitor->follow, &row, STEP_LINES, take_line, monitor, has_more, error);
    if (code == OK)
        code = ledger_follow_mark(monitor->follow, row, mark, error);
    if (code == OK)
        code = take_refusals(monitor, error);
    if (code == OK)
        code = pending_write(&monitor->pending, monitor->writer, now_s, &monitor->lost, error);
    if (code == OK)
        code = series_db_set_through(monitor->writer, row, mark, error);
    if (code == OK)
        code = series_db_commit(monitor->writer, error);
    monitor->row = code == OK ? row : monitor->row;
    return code;
}

static enum error_code step(struct monitor *monitor, bool *has_more, struct error *error)
{
    (void)pthread_mutex_lock(&monitor->writing);
    enum error_code code = series_db_begin(monitor->writer, error);
    if (code == OK) {
        code = write_step(monitor, has_more, error);
        if (code != OK)
            series_db_rollback(monitor->writer);
    }
    pending_clear(&monitor->pending);
    (void)pthread_mutex_unlock(&monitor->writing);
    say_lost(monitor);
    return code;
}

static enum error_code catch_up(struct monitor *monitor, struct error *error)
{
    bool has_more = true;
    enum error_code code = OK;
    while (code == OK && has_more && !monitor->is_stopping) /* what is left, the next start takes */
        code = step(monitor, &has_more, error);
    return code;
}

static void forget(struct monitor *monitor)
{
    struct error error;
    bool is_done = false;
    const uint64_t now_us = clock_now_us();
    if (monitor->forgot_us && now_us - monitor->forgot_us < FORGET_EVERY_S * UINT64_C(1000000))
        return;
    monitor->forgot_us = now_us;
    while (!is_done && !monitor->is_stopping) {
        (void)pthread_mutex_lock(&monitor->writing);
        if (series_db_tend(monitor->writer, clock_wall_us() / 1000000, &is_done, &error) != OK)
            log_event(LOG_ERROR, "old points of metrics stay", LOG_C("error", error.message));
        (void)pthread_mutex_unlock(&monitor->writing);
    }
}

/* --- the thread ------------------------------------------------------------------------------------- */

/* Until there is news, or, after a failure, for a while; then for more of it. */
static bool wait_for_news(struct monitor *monitor)
{
    (void)pthread_mutex_lock(&monitor->waking);
    struct timespec until = clock_after_ms(RETRY_MS);
    int result = 0;
    while (!monitor->is_stopping && !monitor->has_news && result != ETIMEDOUT)
        result = monitor->has_failed ? pthread_cond_timedwait(&monitor->wake, &monitor->waking, &until)
                                     : pthread_cond_wait(&monitor->wake, &monitor->waking);
    until = clock_after_ms(GATHER_MS);
    result = 0;
    while (!monitor->is_stopping && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&monitor->wake, &monitor->waking, &until);
    monitor->has_news = false;
    const bool goes_on = !monitor->is_stopping;
    (void)pthread_mutex_unlock(&monitor->waking);
    return goes_on;
}

static void work(struct monitor *monitor)
{
    struct error error;
    const bool has_failed = catch_up(monitor, &error) != OK;
    if (has_failed && !monitor->has_failed)
        log_event(LOG_ERROR, "metrics are behind the ledger, and will catch up", LOG_C("error", error.message));
    monitor->has_failed = has_failed;
    if (!has_failed)
        forget(monitor);
}

static void *follow_ledger(void *ctx)
{
    struct monitor *monitor = ctx;
    (void)setpriority(PRIO_PROCESS, 0, MONITOR_NICE); /* this thread alone */
    work(monitor);
    while (wait_for_news(monitor))
        work(monitor);
    return NULL;
}

static void on_lines(void *ctx)
{
    tell(ctx);
}

/* --- opening and closing ---------------------------------------------------------------------------- */

/* With its log, which is no other file's. */
static bool put_aside(const struct monitor *monitor, const char *suffix)
{
    char from[PATH_MAX_BYTES + 16], to[PATH_MAX_BYTES + 32];
    (void)snprintf(from, sizeof(from), "%s%s", monitor->path, suffix);
    (void)snprintf(to, sizeof(to), "%s.damaged%s", monitor->path, suffix);
    return rename(from, to) == 0 || errno == ENOENT;
}

/* What cannot be read is put aside; what came from the ledger comes from it again. */
static enum error_code open_writer(struct monitor *monitor, struct error *error)
{
    enum error_code code = series_db_open(monitor->path, true, monitor->keep_s, &monitor->writer, error);
    if (code != ERROR_INTERNAL)
        return code;
    log_event(LOG_ERROR, "monitor.db is damaged: it is put aside, and made again of the ledger",
              LOG_C("file", monitor->path), LOG_C("error", error->message));
    if (!put_aside(monitor, "-wal") || !put_aside(monitor, "-shm") || !put_aside(monitor, ""))
        return error_set_errno(error, ERROR_IO, errno, "cannot put %s aside", monitor->path);
    return series_db_open(monitor->path, true, monitor->keep_s, &monitor->writer, error);
}

/* A ledger that is not the one of before begins at its first line. */
static enum error_code find_place(struct monitor *monitor, struct error *error)
{
    char kept[SERIES_MARK_MAX], now[LEDGER_MARK_MAX] = "";
    enum error_code code = series_db_through(monitor->writer, &monitor->row, kept, error);
    if (code == OK)
        code = ledger_follow_mark(monitor->follow, monitor->row, now, error);
    if (code != OK || strcmp(kept, now) == 0)
        return code;
    log_event(LOG_WARN, "metrics begin with a new ledger");
    monitor->row = 0;
    return OK;
}

static enum error_code open_parts(struct monitor *monitor, const char *data, struct error *error)
{
    const int len = snprintf(monitor->path, sizeof(monitor->path), "%s/" SERIES_DB_FILE, data);
    if (len < 0 || (size_t)len >= sizeof(monitor->path))
        return error_set(error, ERROR_INVALID, "data directory: the path is too long");
    (void)snprintf(monitor->data, sizeof(monitor->data), "%s", data);
    enum error_code code = open_writer(monitor, error);
    if (code == OK)
        code = ledger_follow_open(data, &monitor->follow, error);
    return code == OK ? find_place(monitor, error) : code;
}

static void init_locks(struct monitor *monitor)
{
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&monitor->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_mutex_init(&monitor->writing, NULL);
    (void)pthread_mutex_init(&monitor->reading, NULL);
    (void)pthread_mutex_init(&monitor->refusing, NULL);
    (void)pthread_mutex_init(&monitor->waking, NULL);
}

enum error_code monitor_open(const struct monitor_options *options, struct monitor **monitor, struct error *error)
{
    struct monitor *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    init_locks(made);
    pending_init(&made->pending);
    for (size_t grain = 0; grain < SERIES_GRAINS; grain++)
        made->keep_s[grain] = (uint64_t)options->keep_days[grain] * 86400;
    enum error_code code = open_parts(made, options->data, error);
    if (code == OK) {
        const int failure = pthread_create(&made->thread, NULL, follow_ledger, made);
        made->has_thread = failure == 0;
        if (failure)
            code = error_set_errno(error, ERROR_IO, failure, "cannot start the monitor's thread");
    }
    if (code != OK) {
        monitor_close(made);
        return error_prefix(error, "monitor");
    }
    made->ledger = options->ledger;
    if (made->ledger)
        ledger_listen(made->ledger, on_lines, made);
    *monitor = made;
    return OK;
}

void monitor_close(struct monitor *monitor)
{
    struct error error;
    bool has_more;
    if (!monitor)
        return;
    if (monitor->ledger)
        ledger_listen(monitor->ledger, NULL, NULL);
    (void)pthread_mutex_lock(&monitor->waking);
    monitor->is_stopping = true;
    (void)pthread_cond_signal(&monitor->wake);
    (void)pthread_mutex_unlock(&monitor->waking);
    if (monitor->has_thread) {
        (void)pthread_join(monitor->thread, NULL);
        if (step(monitor, &has_more, &error) != OK)
            log_event(LOG_WARN, "the last points of metrics come with the next start", LOG_C("error", error.message));
    }
    for (size_t i = 0; i < monitor->reader_count; i++)
        series_db_close(monitor->readers[i]);
    ledger_follow_close(monitor->follow);
    series_db_close(monitor->writer);
    pending_deinit(&monitor->pending);
    free_refusals(monitor->refusals, monitor->refusal_count);
    (void)pthread_cond_destroy(&monitor->wake);
    (void)pthread_mutex_destroy(&monitor->writing);
    (void)pthread_mutex_destroy(&monitor->reading);
    (void)pthread_mutex_destroy(&monitor->refusing);
    (void)pthread_mutex_destroy(&monitor->waking);
    mem_free(monitor);
}

enum error_code monitor_settle(struct monitor *monitor, struct error *error)
{
    bool has_more = true;
    enum error_code code = OK;
    while (code == OK && has_more)
        code = step(monitor, &has_more, error);
    return code;
}

/* --- reading ---------------------------------------------------------------------------------------- */

enum error_code monitor_reader_take(struct monitor *monitor, struct series_db **db, struct error *error)
{
    *db = NULL;
    (void)pthread_mutex_lock(&monitor->reading);
    if (monitor->reader_count > 0)
        *db = monitor->readers[--monitor->reader_count];
    (void)pthread_mutex_unlock(&monitor->reading);
    return *db ? OK : series_db_open(monitor->path, false, monitor->keep_s, db, error);
}

void monitor_reader_give(struct monitor *monitor, struct series_db *db)
{
    (void)pthread_mutex_lock(&monitor->reading);
    const bool is_kept = monitor->reader_count < READERS_MAX;
    if (is_kept)
        monitor->readers[monitor->reader_count++] = db;
    (void)pthread_mutex_unlock(&monitor->reading);
    if (!is_kept)
        series_db_close(db);
}

const uint64_t *monitor_keep_s(const struct monitor *monitor)
{
    return monitor->keep_s;
}

/* --- samples of clients ----------------------------------------------------------------------------- */

static int compare_dimensions(const void *a, const void *b)
{
    const struct monitor_dimension *first = a, *second = b;
    const size_t shorter = first->name.len < second->name.len ? first->name.len : second->name.len;
    const int order = shorter ? memcmp(first->name.data, second->name.data, shorter) : 0;
    return order ? order : (first->name.len > second->name.len) - (first->name.len < second->name.len);
}

bool monitor_own_fields(const struct monitor_metric *metric, struct arena *arena, struct str fields[KIND_FIELDS_MAX])
{
    struct monitor_dimension sorted[MONITOR_DIMENSIONS_MAX];
    struct buf text;
    assert(metric->dimension_count <= MONITOR_DIMENSIONS_MAX);
    if (metric->dimension_count)
        memcpy(sorted, metric->dimensions, metric->dimension_count * sizeof(sorted[0]));
    qsort(sorted, metric->dimension_count, sizeof(sorted[0]), compare_dimensions);
    buf_init(&text, (size_t)1 << 20);
    buf_append_char(&text, '[');
    for (size_t i = 0; i < metric->dimension_count; i++) {
        buf_append_text(&text, i ? ",[" : "[");
        buf_append_json(&text, sorted[i].name);
        buf_append_char(&text, ',');
        buf_append_json(&text, sorted[i].value);
        buf_append_char(&text, ']');
    }
    buf_append_char(&text, ']');
    fields[0] = metric->namespace;
    fields[1] = metric->name;
    fields[3] = metric->unit;
    const bool is_good = !text.failed && arena_str(arena, buf_str(&text), &fields[2]);
    buf_deinit(&text);
    return is_good;
}

/* A set of many whose values nobody said: spread is known where there is none. */
static bool add_set(struct cell *cell, const struct monitor_sample *sample, struct arena *arena)
{
    struct cell set = {.count = sample->set_count, .sum = sample->set_sum, .min = sample->set_min,
                       .max = sample->set_max, .is_unknown = true};
    return sample->set_min == sample->set_max
               ? cell_add(cell, sample->set_min, sample->set_count, SKETCH_FINE, arena)
               : cell_merge(cell, &set, arena);
}

static bool put_sample(struct pending *pending, const struct monitor_sample *sample)
{
    struct series_key key = {.tenant = sample->metric.tenant, .kind = KIND_OWN};
    if (!monitor_own_fields(&sample->metric, &pending->arena, key.fields))
        return false;
    struct cell *cell = pending_at(pending, &key, sample->time_s / 60);
    if (!cell || sample->is_set)
        return cell && add_set(cell, sample, &pending->arena);
    for (size_t i = 0; i < sample->count; i++)
        if (!cell_add(cell, sample->values[i], sample->counts ? sample->counts[i] : 1, SKETCH_FINE, &pending->arena))
            return false;
    return true;
}

enum error_code monitor_put(struct monitor *monitor, const struct monitor_sample *samples, size_t count,
                            struct error *error)
{
    struct pending pending;
    enum error_code code = OK;
    pending_init(&pending);
    for (size_t i = 0; i < count && code == OK; i++)
        code = put_sample(&pending, &samples[i]) ? OK : error_no_memory(error);
    (void)pthread_mutex_lock(&monitor->writing);
    if (code == OK)
        code = series_db_begin(monitor->writer, error);
    if (code == OK) {
        uint64_t lost = 0;
        code = pending_write(&pending, monitor->writer, clock_wall_us() / 1000000, &lost, error);
        if (code == OK)
            code = series_db_commit(monitor->writer, error);
        if (code != OK)
            series_db_rollback(monitor->writer);
    }
    (void)pthread_mutex_unlock(&monitor->writing);
    pending_deinit(&pending);
    return code;
}
