/* active.c - one claimed job: its phases, its records in flight, its end. Which job is claimed is runner.c's. */
#include <assert.h>
#include <errno.h>
#include <sys/stat.h>

#include "batch/files.h"
#include "batch/output.h"
#include "batch/prepare.h"
#include "batch/relay.h"
#include "batch/runner.h"
#include "core/log.h"

#define RETRY_US 1000000u      /* after a full disk, or a store that is not there */
#define NOTE_EVERY_US 1000000u
#define CRASH_PAUSE_US 500000u
#define BUSY_PAUSE_US 100000u
#define SKIPS_AT_ONCE 4096u    /* records that have results already */

struct active *active_new(struct runner *runner)
{
    struct active *active = mem_calloc(1, sizeof(*active));
    if (!active)
        return NULL;
    active->runner = runner;
    active->is_noted = true;
    active->task.ctx = active;
    arena_init(&active->arena, 0);
    buf_init(&active->unbilled, 2 * JOURNAL_RECORD_MAX); /* a reply, and one that was taken back */
    return active;
}

void active_begin(struct active *active)
{
    struct error error;
    active->is_stopping = active->job.status == BATCH_STOPPING;
    enum error_code code = batch_directory(active->runner->options, active->job.id, active->dir, &error);
    assert(code == OK); /* runner_start has tried the length */
    (void)code;
}

static void let_go(struct flight *flight)
{
    struct runner_model *model = flight->shared;
    if (flight->state == FLIGHT_RUNNING)
        model->in_flight--;
    if (model->alone == flight)
        model->alone = NULL;
}

static void drop_flights(struct flight_queue *queue)
{
    for (struct flight *flight; (flight = queue->first);) {
        flight_queue_remove(queue, flight);
        let_go(flight);
        flight_free(flight);
    }
}

void active_drop_running(struct active *active)
{
    drop_flights(&active->running);
}

static void close_files(struct active *active)
{
    input_close(active->input);
    results_close(active->results);
    active->input = NULL;
    active->results = NULL;
}

void active_free(struct active *active)
{
    drop_flights(&active->running);
    drop_flights(&active->again);
    drop_flights(&active->landed);
    flight_free(active->upcoming);
    relay_free(active->relay);
    close_files(active);
    mem_free(active->models);
    buf_deinit(&active->unbilled);
    arena_deinit(&active->arena);
    mem_free(active);
}

bool active_is_over(const struct active *active)
{
    return !active->is_working && (active->is_lost || batch_status_has_ended(active->job.status));
}

static bool is_closing_down(const struct active *active)
{
    return atomic_load(&active->runner->is_draining);
}

/* --- what the database says ------------------------------------------------------------------------- */

/* Unless somebody else has the job now, the next tick tries again. */
static void complain(struct active *active, const struct error *error)
{
    active->is_lost = error->code == ERROR_CONFLICT;
    if (active->is_lost)
        atomic_store(&active->is_cancelled, true);
    active->retry_us = clock_now_us() + RETRY_US;
    log_event(LOG_ERROR, active->is_lost ? "batch job lost" : "batch job cannot be noted",
              LOG_C("job", active->job.id), LOG_C("error", error->message));
}

/* Whether each record has a line in the output, also of a job that was stopped before it began. */
static bool wants_all_lines(const struct active *active)
{
    return batch_form_of(active->runner->options, &active->job)->append_missing != NULL;
}

static void stop_running(struct active *active)
{
    active->is_stopping = true;
    active->job.status = BATCH_STOPPING;
    active->job.stop_us = active->job.stop_us ? active->job.stop_us : clock_wall_us();
    if (active->step == ACTIVE_OPENING && !wants_all_lines(active))
        atomic_store(&active->is_cancelled, true);
}

/* False: somebody wants the job stopped, or the database has to be asked again later. */
static bool move(struct active *active, enum batch_status to, bool releases)
{
    struct error error;
    bool has_moved;
    const struct job_move step = {active->job.status, to, releases};
    if (to == BATCH_IN_PROGRESS && active->job.start_us == 0)
        active->job.start_us = clock_wall_us();
    if (job_db_move(active->runner->store, &active->job, &active->claim, &step, clock_wall_us(), &has_moved, &error) !=
        OK) {
        complain(active, &error);
        return false;
    }
    if (!has_moved) {
        stop_running(active);
        return false;
    }
    active->job.status = to;
    active->is_noted = true;
    log_event(LOG_INFO, "batch job", LOG_C("job", active->job.id), LOG_S("tenant", active->job.tenant),
              LOG_C("status", batch_status_name(to)), LOG_I("total", active->job.counts.total),
              LOG_I("success", active->job.counts.success), LOG_I("errors", active->job.counts.errors));
    return true;
}

static void set_message(struct active *active, const char *message)
{
    snprintf(active->message, sizeof(active->message), "%s", message);
    active->job.message = str_slice(str_of(active->message), 0, str_utf8_valid_len(str_of(active->message)));
    active->is_noted = false;
}

/* The job is over: its files go. */
static void end(struct active *active, enum batch_status to)
{
    struct error error;
    if (!move(active, to, true))
        return;
    relay_free(active->relay);
    active->relay = NULL;
    close_files(active);
    if (directory_remove(active->dir, &error) != OK)
        log_event(LOG_WARN, "batch job's working files stay", LOG_C("error", error.message));
    const struct batch_options *options = active->runner->options;
    if (batch_form_of(options, &active->job)->owns_input)
        (void)!files_delete(options->files, active->job.tenant, active->job.input_uri, &error); /* else at its time */
}

static void tell(struct active *active, const struct error *error)
{
    set_message(active, error->code == ERROR_INTERNAL ? "The server failed on this job; its log says why."
                                                      : error->message);
}

static void fail(struct active *active, const struct error *error)
{
    log_event(LOG_WARN, "batch job failed", LOG_C("job", active->job.id), LOG_C("error", error->message));
    tell(active, error);
    end(active, active->is_stopping ? BATCH_STOPPED : BATCH_FAILED);
}

/* For something that may pass; the job says for what. */
static void wait_for(struct active *active, const struct error *error)
{
    char message[BATCH_MESSAGE_MAX];
    active->retry_us = clock_now_us() + RETRY_US;
    snprintf(message, sizeof(message), "The job waits: %.480s", error->message);
    if (active->is_waiting && !strcmp(active->message, message))
        return;
    active->is_waiting = true;
    set_message(active, message);
    log_event(LOG_ERROR, "batch job waits", LOG_C("job", active->job.id), LOG_C("error", error->message));
}

static void go_on(struct active *active)
{
    if (active->is_waiting)
        set_message(active, "");
    active->is_waiting = false;
}

void active_look(struct active *active)
{
    struct error error;
    unsigned status = BATCH_STATUSES;
    if (active->is_lost || batch_status_has_ended(active->job.status))
        return;
    if (jobs_status(active->runner->store, &active->claim, &status, &error) != OK)
        complain(active, &error);
    else if (status == BATCH_STOPPING && !active->is_stopping)
        stop_running(active);
}

static void note(struct active *active, uint64_t now_us)
{
    struct error error;
    if (active->is_noted || active->is_lost || now_us - active->noted_us < NOTE_EVERY_US)
        return;
    active->noted_us = now_us;
    if (job_db_note(active->runner->store, &active->job, &active->claim, clock_wall_us(), &error) != OK)
        complain(active, &error);
    else
        active->is_noted = true;
}

/* --- opening: in the background ----------------------------------------------------------------------- */

static enum error_code open_files(struct active *active, struct error *error)
{
    struct batch_counts *counts = &active->job.counts;
    struct batch_problems *problems = &active->job.problems;
    enum error_code code = input_open(active->dir, &active->input, error);
    if (code == ERROR_NOT_FOUND && active->may_prepare) {
        code = prepare_input(active->runner->options, &active->job, active->dir, active->claim.fence,
                             &active->is_cancelled, problems, error);
        if (code == OK)
            code = input_open(active->dir, &active->input, error);
    }
    if (code != OK)
        return code;
    *counts = (struct batch_counts){.total = input_total(active->input)};
    return results_open(active->dir, active->claim.fence, counts->total, &active->results, counts, error);
}

static void run_open(void *ctx)
{
    struct active *active = ctx;
    active->outcome = open_files(active, &active->error);
}

static void run_relay(void *ctx)
{
    struct active *active = ctx;
    active->outcome = relay_open(active, &active->relay, &active->error);
}

static void run_put(void *ctx)
{
    struct active *active = ctx;
    const struct output_source source = {
        .options = active->runner->options,
        .job = &active->job,
        .store = active->runner->store,
        .claim = &active->claim,
        .dir = active->dir,
        .input = active->input,
        .results = active->results,
        .is_cancelled = &active->is_cancelled,
        .missing = active->is_stopping         ? BATCH_MISSING_STOPPED
                   : active->broken.code != OK ? BATCH_MISSING_FAILED
                                               : BATCH_MISSING_EXPIRED,
    };
    active->outcome = output_put(&source, &active->error);
}

static void give_task(struct active *active, enum active_step step)
{
    active->step = step;
    active->is_working = true;
    active->may_prepare = !active->is_stopping || wants_all_lines(active);
    active->task.run = step == ACTIVE_OPENING ? run_open : step == ACTIVE_RELAYING ? run_relay : run_put;
    atomic_store(&active->is_cancelled, is_closing_down(active));
    background_give(active->runner->background, &active->task);
}

static enum error_code find_model(struct active *active, struct job_model *wanted, struct error *error)
{
    enum error_code code =
        batch_model_find(active->runner->options, &active->job, wanted->id, &wanted->model, error);
    struct runner_model *shared = code == OK ? runner_model_of(active->runner, wanted->model.match.model) : NULL;
    if (code == OK && !shared)
        code = error_no_memory(error);
    wanted->shared = shared ? shared : &active->runner->nowhere;
    wanted->is_found = code == OK;
    return code;
}

/* The job's own, before it is opened. */
static enum error_code find_own_model(struct active *active, struct error *error)
{
    if (batch_form_of(active->runner->options, &active->job)->names_model)
        return OK;
    mem_free(active->models);
    active->models = mem_calloc(1, sizeof(*active->models));
    active->model_count = active->models ? 1 : 0;
    if (!active->models)
        return error_no_memory(error);
    active->models[0].id = batch_source(&active->job);
    return find_model(active, &active->models[0], error);
}

/* Those that its records name: one that is not there costs the records their results, not the job. */
static enum error_code find_models(struct active *active, struct error *error)
{
    size_t count;
    struct error ignored;
    const struct str *names = input_models(active->input, &count);
    if (!batch_form_of(active->runner->options, &active->job)->names_model)
        return OK;
    mem_free(active->models);
    active->model_count = count + 1;
    active->models = mem_calloc(active->model_count, sizeof(*active->models));
    if (!active->models)
        return error_no_memory(error);
    active->models[count].shared = &active->runner->nowhere; /* of lines that name none */
    for (size_t i = 0; i < count; i++) {
        active->models[i].id = names[i];
        if (find_model(active, &active->models[i], &ignored) == ERROR_NO_MEMORY)
            return error_no_memory(error);
    }
    return OK;
}

static void open_job(struct active *active)
{
    struct error error;
    if (active->job.status == BATCH_SUBMITTED && !move(active, BATCH_VALIDATING, false) && !active->is_stopping)
        return;
    if (find_own_model(active, &error) != OK)
        fail(active, &error);
    else
        give_task(active, ACTIVE_OPENING);
}

/* The line that the last result may lack. */
static enum error_code find_unbilled(struct active *active, struct error *error)
{
    struct buf buf;
    struct result last;
    bool has_last;
    buf_init(&buf, (size_t)512 << 20);
    enum error_code code = results_last(active->results, &buf, &last, &has_last, error);
    if (code == OK && has_last && !buf_append_str(&active->unbilled, last.line))
        code = error_no_memory(error);
    buf_deinit(&buf);
    return code;
}

static void opened(struct active *active)
{
    enum error_code code = active->outcome;
    if (code == OK)
        code = active->outcome = find_unbilled(active, &active->error);
    if (code == OK)
        code = active->outcome = find_models(active, &active->error);
    if (code == OK) {
        go_on(active);
        active->is_noted = false;
        if (active->job.status == BATCH_VALIDATING)
            (void)move(active, BATCH_SCHEDULED, false);
        active->step = ACTIVE_RELAYING;
        return;
    }
    close_files(active);
    if (code == ERROR_CONFLICT)
        complain(active, &active->error);
    else if (active->is_stopping && (code == ERROR_CANCELLED || code == ERROR_NOT_FOUND))
        end(active, BATCH_STOPPED);
    else if (batch_may_pass(code))
        wait_for(active, &active->error);
    else if (code != ERROR_CANCELLED)
        fail(active, &active->error);
}

/* What cannot be relayed is asked as ever. */
static void relayed(struct active *active)
{
    const enum error_code code = active->outcome;
    if (code == OK)
        go_on(active);
    else if (code == ERROR_CONFLICT)
        complain(active, &active->error);
    else if (batch_may_pass(code))
        wait_for(active, &active->error);
    else if (code != ERROR_CANCELLED)
        log_event(LOG_WARN, "batch job is not relayed", LOG_C("job", active->job.id),
                  LOG_C("error", active->error.message));
    if (!batch_may_pass(code) && code != ERROR_CANCELLED)
        active->step = ACTIVE_RUNNING;
}

/* --- the end ---------------------------------------------------------------------------------------- */

static bool is_ending(const struct active *active)
{
    return active->is_stopping || active->is_expired || active->broken.code != OK;
}

static void put(struct active *active)
{
    enum error_code code = active->outcome;
    const struct batch_counts *counts = &active->job.counts;
    bool is_part = counts->success + counts->errors < counts->total;
    if (code == ERROR_CANCELLED)
        return;
    if (code != OK) {
        if (code == ERROR_CONFLICT)
            complain(active, &active->error);
        else if (batch_may_pass(code) || (code == ERROR_DENIED && !is_ending(active)))
            wait_for(active, &active->error);
        else
            fail(active, &active->error);
        return;
    }
    go_on(active);
    if (active->broken.code != OK)
        tell(active, &active->broken);
    else if (!active->is_stopping && is_part)
        set_message(active, "The job's time was up before all of its records were computed.");
    end(active, active->is_stopping         ? BATCH_STOPPED
                : active->broken.code != OK ? BATCH_FAILED
                : is_part                   ? BATCH_PARTIALLY_COMPLETED
                                            : BATCH_COMPLETED);
}

void active_task_done(struct active *active)
{
    active->is_working = false;
    if (active->is_lost)
        return;
    if (active->step == ACTIVE_OPENING)
        opened(active);
    else if (active->step == ACTIVE_RELAYING)
        relayed(active);
    else
        put(active);
}

/* --- records ---------------------------------------------------------------------------------------- */

static enum error_code bill(struct active *active, struct error *error)
{
    struct str lines = buf_str(&active->unbilled);
    enum error_code code = OK;
    while (code == OK && lines.len > 0) {
        struct ledger_line line;
        if (ledger_line_version(lines) > LEDGER_LINE_VERSION)
            return error_set(error, ERROR_UNAVAILABLE, "batch job %s: a later version of this program wrote its last "
                             "result; start that one", active->job.id);
        if (!ledger_line_take(&lines, &line))
            return error_set(error, ERROR_INTERNAL, "batch job %s: the ledger's line of its last result cannot be "
                             "read", active->job.id);
        code = ledger_record(active->runner->options->ledger, &line, error);
    }
    if (code == OK)
        buf_clear(&active->unbilled);
    return code;
}

static enum error_code append(struct active *active, struct flight *flight, struct error *error)
{
    const struct chat_usage *usage = &flight->usage;
    const struct result result = {
        .number = flight->number,
        .is_error = flight->is_error,
        .input_tokens = usage->input_tokens + usage->cache_read_tokens + usage->cache_write_5m_tokens +
                        usage->cache_write_1h_tokens,
        .output_tokens = usage->output_tokens,
        .line = buf_str(&flight->line),
        .outcome = buf_str(&flight->outcome),
    };
    if (!buf_reserve(&active->unbilled, flight->line.len))
        return error_no_memory(error);
    enum error_code code = results_append(active->results, &result, error);
    if (code != OK)
        return code;
    buf_append_str(&active->unbilled, result.line);
    results_count(&active->job.counts, &result);
    active->is_noted = false;
    const struct batch_options *options = active->runner->options;
    const struct str tenant = active->job.tenant;
    if (options->on_billed && !flight->is_error)
        options->on_billed(options->ctx, tenant, flight->answered, usage, &flight->quote);
    if (options->on_billed && flight->doubted)
        options->on_billed(options->ctx, tenant, flight->doubted, &flight->doubted_usage, &flight->doubted_quote);
    return OK;
}

/* The first of the landed goes into the log. One that has a result there already
 * was computed twice: the first result is the one that was billed. */
static enum error_code log_first(struct active *active, struct error *error)
{
    struct flight *flight = active->landed.first;
    enum error_code code = append(active, flight, error);
    if (code != OK && code != ERROR_CONFLICT)
        return code;
    if (code == ERROR_CONFLICT)
        log_event(LOG_ERROR, "batch record was computed twice", LOG_C("job", active->job.id),
                  LOG_C("error", error->message));
    if (code == OK && flight->noted) {
        shadow_give(active->runner->options->work->shadow, flight->noted);
        flight->noted = NULL;
    }
    flight_queue_remove(&active->landed, flight);
    flight_free(flight);
    return OK;
}

/* Results cannot be kept or billed, and that will not pass. No further record is
 * begun, what is in the log is put out, and then the job has failed; what is not
 * in the log was not billed either. */
static void break_off(struct active *active, const struct error *error)
{
    log_event(LOG_ERROR, "batch job breaks off", LOG_C("job", active->job.id), LOG_C("error", error->message));
    active->broken = *error;
    go_on(active);
    tell(active, error);
    buf_clear(&active->unbilled);
    drop_flights(&active->landed);
}

/* Results into the log, and their lines into the ledger, one after the other. */
static void log_landed(struct active *active)
{
    struct error error;
    enum error_code code;
    do
        code = bill(active, &error);
    while (code == OK && active->landed.first && (code = log_first(active, &error)) == OK);
    if (code == OK)
        go_on(active);
    else if (batch_may_pass(code))
        wait_for(active, &error);
    else
        break_off(active, &error);
}

void active_landed(struct flight *flight)
{
    struct active *active = flight->job;
    let_go(flight);
    flight->state = FLIGHT_DONE;
    flight_queue_remove(&active->running, flight);
    flight_queue_add(&active->landed, flight);
    if (active->broken.code != OK)
        drop_flights(&active->landed);
    else if (!active->is_waiting && runner_may_write(active->runner))
        log_landed(active);
    (void)uv_async_send(&active->runner->wake);
}

void active_bounced(struct flight *flight, const struct error *error, bool is_counted)
{
    struct active *active = flight->job;
    struct runner_model *model = flight->shared;
    let_go(flight);
    flight->state = FLIGHT_READY;
    flight_queue_remove(&active->running, flight);
    flight_queue_add(&active->again, flight);
    model->resume_us = clock_now_us() + (is_counted ? CRASH_PAUSE_US : BUSY_PAUSE_US);
    log_event(is_counted ? LOG_WARN : LOG_DEBUG, "batch record is tried again", LOG_C("job", active->job.id),
              LOG_I("record", flight->number), LOG_I("tries", flight->tries), LOG_C("error", error->message));
}

struct flight *active_suspect(const struct active *active, const struct runner_model *model)
{
    uint64_t tries = limit(batch_record_tries);
    for (struct flight *flight = active->again.first; flight; flight = flight->next)
        if (flight->wants->shared == model && flight->tries > 0 && flight->tries + 1 >= tries)
            return flight;
    return NULL;
}

/* Whether the record is at its provider, or the job ends and nothing has come of it there. */
static bool is_passed_over(const struct active *active, uint64_t number)
{
    const enum relay_place place = active->relay ? relay_place_of(active->relay, number) : RELAY_NONE;
    return place == RELAY_AWAY || (place == RELAY_NONE && is_ending(active));
}

/* The next record without a result; NULL: none, or not now. */
static struct flight *next_flight(struct active *active)
{
    struct error error;
    for (size_t i = 0; i < SKIPS_AT_ONCE && active->next_place < active->job.counts.total; i++) {
        uint64_t number;
        bool has = false;
        unsigned model = 0;
        enum error_code code = input_at(active->input, active->next_place, &number, &error);
        if (code == OK)
            code = results_has(active->results, number, &has, &error);
        has = has || is_passed_over(active, number);
        if (code == OK && !has)
            code = input_model(active->input, number, &model, &error);
        if (model >= active->model_count)
            model = (unsigned)active->model_count - 1;
        struct flight *flight = code == OK && !has ? flight_new(active, number, model) : NULL;
        if (code == OK && !has && !flight)
            code = error_no_memory(&error);
        if (code != OK) {
            wait_for(active, &error);
            return NULL;
        }
        active->next_place++;
        if (flight)
            return flight;
    }
    return NULL;
}

const struct flight *active_next(struct active *active, uint64_t now_us)
{
    const bool is_over = is_ending(active) && (!active->relay || active->broken.code != OK);
    bool is_open = active->step == ACTIVE_RUNNING && !active->is_lost && !active->is_waiting && !is_over;
    if (!is_open || now_us < active->retry_us || active->landed.first || active->unbilled.len > 0)
        return NULL;
    if (active->again.first)
        return active->again.first;
    if (!active->upcoming)
        active->upcoming = next_flight(active);
    return active->upcoming;
}

/* The model may have been replaced: its ID leads to another one then. False: to none. */
static bool renew_model(struct active *active, struct job_model *wanted)
{
    const struct job_model before = *wanted;
    struct error ignored;
    if (wanted->is_found && model_state(wanted->model.match.model) == MODEL_READY)
        return true;
    if (wanted->id.len > 0 && find_model(active, wanted, &ignored) == OK)
        return true;
    *wanted = before; /* for what is in flight and what is refused */
    return false;
}

void active_start_next(struct active *active)
{
    if (active->job.status == BATCH_SCHEDULED && !move(active, BATCH_IN_PROGRESS, false))
        return;
    struct flight *flight = active->again.first ? active->again.first : active->upcoming;
    struct flight *suspect = active_suspect(active, flight->wants->shared);
    if (suspect)
        flight = suspect;
    const bool has_model = renew_model(active, flight->wants);
    struct runner_model *model = flight->wants->shared;
    if (suspect)
        model->alone = flight;
    if (flight == active->upcoming)
        active->upcoming = NULL;
    else
        flight_queue_remove(&active->again, flight);
    flight_queue_add(&active->running, flight);
    flight->model = flight->wants->model;
    flight->shared = model;
    model->in_flight++;
    if (has_model)
        flight_start(flight);
    else
        flight_refuse(flight);
}

/* --- time ------------------------------------------------------------------------------------------- */

static void check_expiry(struct active *active)
{
    if (is_ending(active) || clock_wall_us() < active->job.expires_us)
        return;
    if (active->job.status == BATCH_IN_PROGRESS || wants_all_lines(active)) {
        active->is_expired = true;
        return;
    }
    atomic_store(&active->is_cancelled, true);
    if (active->is_working)
        return;
    set_message(active, "The job did not start before its time was up.");
    end(active, BATCH_EXPIRED);
}

/* What the job's end leaves alone: replies that a provider's batch has brought are paid for. */
static void drop_for_end(struct active *active, struct flight_queue *queue)
{
    for (struct flight *flight = queue->first, *next; flight; flight = next) {
        next = flight->next;
        if (flight->is_relayed && active->broken.code == OK)
            continue;
        flight_queue_remove(queue, flight);
        let_go(flight);
        flight_free(flight);
    }
}

/* False: the provider has records of the job. */
static bool run_relayed(struct active *active, uint64_t now_us)
{
    if (!active->relay || active->broken.code != OK)
        return true;
    if (is_ending(active))
        relay_stop(active->relay);
    relay_tick(active->relay, now_us);
    if (relay_has_news(active->relay)) {
        active->next_place = 0;
        (void)uv_async_send(&active->runner->wake);
    }
    return relay_is_over(active->relay);
}

static void end_early(struct active *active)
{
    drop_for_end(active, &active->running);
    drop_for_end(active, &active->again);
    if (active->upcoming && (!active->relay || relay_place_of(active->relay, active->upcoming->number) != RELAY_BACK)) {
        flight_free(active->upcoming);
        active->upcoming = NULL;
    }
}

static void run_on(struct active *active, uint64_t now_us)
{
    if (is_ending(active))
        end_early(active);
    log_landed(active);
    const bool is_here = run_relayed(active, now_us);
    if (active->is_waiting || !is_here || active->running.first || active->again.first || active->upcoming)
        return;
    const bool is_all = active->next_place >= active->job.counts.total; /* maybe before it was taken up again */
    const bool begins = active->job.status == BATCH_SCHEDULED && (is_ending(active) || is_all);
    if (begins && !move(active, BATCH_IN_PROGRESS, false))
        return;
    const bool is_over = is_ending(active) && (!active->relay || active->broken.code != OK);
    if (is_over || is_all)
        give_task(active, ACTIVE_PUTTING);
}

void active_tick(struct active *active, uint64_t now_us)
{
    if (active->is_lost || batch_status_has_ended(active->job.status))
        return;
    check_expiry(active);
    if (active->is_working || is_closing_down(active) || now_us < active->retry_us || active_is_over(active))
        return;
    switch (active->step) {
    case ACTIVE_OPENING: open_job(active); break;
    case ACTIVE_RELAYING: give_task(active, ACTIVE_RELAYING); break;
    case ACTIVE_RUNNING: run_on(active, now_us); break;
    case ACTIVE_PUTTING: give_task(active, ACTIVE_PUTTING); break;
    }
    if (!active->is_working)
        note(active, now_us);
}

bool active_give_back(struct active *active)
{
    if (active->is_lost || batch_status_has_ended(active->job.status))
        return !active->is_working;
    atomic_store(&active->is_cancelled, true);
    if (active->is_working || active->running.first)
        return false;
    enum batch_status status = active->job.status;
    enum batch_status to = status == BATCH_VALIDATING    ? BATCH_SUBMITTED
                           : status == BATCH_IN_PROGRESS ? BATCH_SCHEDULED
                                                         : status;
    (void)move(active, to, true); /* where it fails, the next start finds the job as it is */
    active->is_lost = true;
    return true;
}
