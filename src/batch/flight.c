/* flight.c - one record on its way: read, given to a work, and its outcome kept until the log has it. What becomes of
 * it is active.c's. */
#include "batch/record.h"
#include "batch/relay.h"
#include "batch/runner.h"
#include "core/log.h"

#define REPLY_BYTES_MAX ((size_t)192 << 20) /* as much as a collected reply may have, escaped */

void flight_queue_add(struct flight_queue *queue, struct flight *flight)
{
    flight->next = NULL;
    flight->previous = queue->last;
    *(queue->last ? &queue->last->next : &queue->first) = flight;
    queue->last = flight;
}

void flight_queue_remove(struct flight_queue *queue, struct flight *flight)
{
    *(flight->previous ? &flight->previous->next : &queue->first) = flight->next;
    *(flight->next ? &flight->next->previous : &queue->last) = flight->previous;
    flight->next = flight->previous = NULL;
}

static const struct batch_form *form_of(const struct flight *flight)
{
    return batch_form_of(flight->job->runner->options, &flight->job->job);
}

struct flight *flight_new(struct active *job, uint64_t number, unsigned model)
{
    struct flight *flight = mem_calloc(1, sizeof(*flight));
    if (!flight)
        return NULL;
    flight->job = job;
    flight->wants = &job->models[model];
    flight->model = flight->wants->model;
    flight->shared = flight->wants->shared;
    flight->number = number;
    arena_init(&flight->arena, 0);
    buf_init(&flight->line, 2 * JOURNAL_RECORD_MAX);
    buf_init(&flight->outcome, REPLY_BYTES_MAX);
    buf_init(&flight->relayed_text, REPLY_BYTES_MAX);
    batch_request_id(job->job.id, number, flight->request_id);
    return flight;
}

/* What one try has taken. */
static void release(struct flight *flight)
{
    work_end(flight->work, LEDGER_FAILED);
    flight->work = NULL;
    flight->route = NULL;
    codec_request_free(&flight->request);
    flight->request = (struct chat_request){0};
    flight->job->runner->flight_bytes -= flight->bytes;
    flight->bytes = 0;
    arena_deinit(&flight->arena);
    arena_init(&flight->arena, 0);
}

void flight_free(struct flight *flight)
{
    if (!flight)
        return;
    shadow_forget(flight->noted);
    release(flight);
    arena_deinit(&flight->arena);
    buf_deinit(&flight->line);
    buf_deinit(&flight->outcome);
    buf_deinit(&flight->relayed_text);
    mem_free(flight);
}

/* --- the end ---------------------------------------------------------------------------------------- */

static void keep_line(struct flight *flight, const struct ledger_line *line)
{
    uint8_t payload[JOURNAL_RECORD_MAX];
    size_t len = ledger_line_encode(line, payload);
    if (!len)
        log_event(LOG_ERROR, "batch record has no line in the ledger: its model ID is too long",
                  LOG_C("job", flight->job->job.id), LOG_I("record", flight->number));
    buf_append(&flight->line, payload, len);
}

/* The lines of the ledger, for the job's log: of the reply, and of one that was taken back for it. */
static void keep_lines(struct flight *flight)
{
    const struct ledger_line *line = work_line(flight->work), *doubted = work_doubted_line(flight->work);
    flight->quote = line->quote;
    flight->doubted = NULL;
    keep_line(flight, line);
    if (!doubted)
        return;
    keep_line(flight, doubted);
    flight->doubted = work_placement(flight->work)->doubted.model;
    flight->doubted_usage = work_doubted_usage(flight->work);
    flight->doubted_quote = doubted->quote;
}

static void land(struct flight *flight)
{
    release(flight);
    active_landed(flight);
}

static void land_error(struct flight *flight, const struct error *error)
{
    struct error no_memory;
    flight->is_error = true;
    buf_clear(&flight->outcome);
    if (!form_of(flight)->append_error(&flight->outcome, error, flight->request_id)) {
        (void)error_no_memory(&no_memory);
        release(flight);
        active_bounced(flight, &no_memory, false);
        return;
    }
    if (error->code != ERROR_INVALID && error->code != ERROR_TOO_LARGE && error->code != ERROR_NOT_FOUND)
        log_event(LOG_WARN, "batch record failed", LOG_C("job", flight->job->job.id),
                  LOG_I("record", flight->number), LOG_C("error", error->message));
    land(flight);
}

/* A model that is not there now will be: no try is lost on what it did not take. */
static bool is_not_there(const struct flight *flight, enum error_code code)
{
    return code == ERROR_UNAVAILABLE && !flight->is_placed && work_reached(flight->work) == WORK_RUN;
}

/* The engine is at fault, or the record is at fault for the engine's death.
 * `cause` may lie in the request's arena. */
static void fail(struct flight *flight, const struct error *cause)
{
    const struct error error = *cause;
    bool is_refused = error.code == ERROR_INVALID || error.code == ERROR_TOO_LARGE;
    bool is_early = error.code == ERROR_THROTTLED || error.code == ERROR_NOT_READY || error.code == ERROR_BUDGET ||
                    error.code == ERROR_NO_MEMORY || (error.code == ERROR_TIMEOUT && !flight->has_token) ||
                    is_not_there(flight, error.code);
    if (is_refused) {
        land_error(flight, &error);
    } else if (is_early || ++flight->tries < limit(batch_record_tries)) {
        release(flight);
        active_bounced(flight, &error, !is_early);
    } else {
        keep_lines(flight);
        land_error(flight, &error);
    }
}

/* --- what becomes of it ----------------------------------------------------------------------------- */

static void on_placed(void *ctx, const struct placement *placement)
{
    struct flight *flight = ctx;
    (void)placement;
    flight->is_placed = true;
}

static void on_started(void *ctx, const struct chat_reply *reply)
{
    struct flight *flight = ctx;
    (void)reply;
    flight->has_token = true;
}

/* What its router learns from it, in a copy. */
static void note(struct flight *flight, const struct chat_reply *reply, const struct work_figures *figures)
{
    const struct active *job = flight->job;
    const struct shadow_source source = {
        .request_id = str_of(flight->request_id),
        .asker = batch_asker(&job->job),
        .body_bytes = flight->bytes,
        .is_batch = true,
        .codec = flight->model.codec,
        .shape = flight->model.match.body,
        .request = &flight->request,
        .time_us = clock_wall_us() - figures->total_us,
    };
    if (flight->is_noted)
        flight->noted = shadow_note(job->runner->options->work->shadow, flight->route, &source,
                                    work_placement(flight->work), reply);
}

/* What was said is the record's outcome, and its line is settled. False: that failed, and the flight has landed. */
static bool settle(struct flight *flight, const struct buf *body, bool is_written, const struct chat_usage *usage)
{
    struct error error;
    buf_clear(&flight->outcome);
    if (!is_written || body->failed ||
        !form_of(flight)->append_output(&flight->outcome, buf_str(body), flight->request_id)) {
        (void)error_no_memory(&error);
        fail(flight, &error);
        return false;
    }
    flight->usage = *usage;
    flight->answered = work_placement(flight->work)->answered.model;
    if (work_settle(flight->work, LEDGER_COMPLETED, &error) != OK) {
        fail(flight, &error);
        return false;
    }
    return true;
}

static void on_finished(void *ctx, const struct chat_reply *reply, const struct work_figures *figures)
{
    struct flight *flight = ctx;
    struct buf body;
    buf_init(&body, REPLY_BYTES_MAX);
    const bool is_written = flight->model.codec->write(&flight->request, reply, &body);
    const bool is_settled = settle(flight, &body, is_written, &reply->usage);
    buf_deinit(&body);
    if (!is_settled)
        return;
    note(flight, reply, figures);
    keep_lines(flight);
    land(flight);
}

/* They are valid only now. */
static void on_embedded(void *ctx, const struct embeddings *embeddings)
{
    struct flight *flight = ctx;
    const struct target *answered = &work_placement(flight->work)->answered;
    const struct str model_id = answered->match ? answered->match->id : flight->model.match.id;
    const struct chat_usage usage = {.input_tokens = embeddings->input_tokens};
    struct buf body;
    buf_init(&body, REPLY_BYTES_MAX);
    const bool is_written = flight->model.embed->write(&flight->request, model_id, embeddings, &body);
    const bool is_settled = settle(flight, &body, is_written, &usage);
    buf_deinit(&body);
    if (!is_settled)
        return;
    keep_lines(flight);
    land(flight);
}

static void on_failed(void *ctx, const struct error *error)
{
    fail(ctx, error);
}

/* --- the start -------------------------------------------------------------------------------------- */

static enum error_code new_work(struct flight *flight, struct error *error)
{
    static const struct work_handlers handlers = {
        .on_placed = on_placed,
        .on_started = on_started,
        .on_finished = on_finished,
        .on_embedded = on_embedded,
        .on_failed = on_failed,
    };
    const struct active *job = flight->job;
    const struct routing_asker asker = batch_asker(&job->job);
    const struct work_shared *shared = job->runner->options->work;
    const struct routing *routing = flight->model.is_router ? shared->routing : NULL;
    enum error_code code = route_new(routing, &asker, flight->model.id, &flight->arena, &flight->route, error);
    if (code != OK)
        return code;
    struct route *route = flight->route;
    if (route)
        route->request_id = str_of(flight->request_id);
    flight->is_noted = route && !flight->model.embed && shadow_wants(shared->shadow, route, str_of(flight->request_id));
    const struct work_setup setup = {
        .port = &job->runner->work,
        .kind = flight->model.embed ? WORK_EMBED : WORK_REPLY,
        .line = WORK_LINE_CALLER,
        .request = &flight->request,
        .match = route ? route_match(route) : &flight->model.match,
        .router = route ? &route->hooks : NULL,
        .subject = {.request_id = str_of(flight->request_id),
                    .tenant = job->job.tenant,
                    .key = job->job.key,
                    .dialect = str_of(form_of(flight)->dialect),
                    .operation = str_of(form_of(flight)->operation(&job->job)),
                    .model_requested = form_of(flight)->names_model ? flight->model.id : job->job.model_id,
                    .profile = job->job.profile,
                    .tags = job->job.profile_tags},
        .native = flight->model.fields,
        .collects = !flight->model.embed,
        .wants_confidence = flight->is_noted,
        .tier = TIER_BATCH,
        .instead = flight->is_relayed ? &flight->relayed.backend : NULL,
        .started_us = clock_now_us(),
    };
    flight->work = work_new(&setup, &handlers, flight);
    return flight->work ? OK : error_no_memory(error);
}

static enum error_code parse(struct flight *flight, struct error *error)
{
    struct active *job = flight->job;
    struct batch_record record = {0};
    struct buf line;
    buf_init(&line, limit(batch_record_bytes) + 1);
    enum error_code code = input_read(job->input, flight->number, &line, NULL, error);
    flight->bytes = line.len;
    job->runner->flight_bytes += line.len;
    if (code == OK)
        code = record_parse(form_of(flight), buf_str(&line), &record, error);
    if (code == ERROR_INVALID && form_of(flight)->echoes_input) {
        buf_clear(&line);
        input_describe(job->input, flight->number, &line);
        code = error_prefix(error, STR_FMT, STR_ARG(buf_str(&line)));
    }
    if (code == OK)
        code = batch_model_parse(job->runner->options, &flight->model, &job->job, record.input, &flight->request,
                                 error);
    if (code == OK) {
        flight->request.document = record.document;
        record.document = NULL;
    }
    record_free(&record);
    buf_deinit(&line);
    return code;
}

void flight_refuse(struct flight *flight)
{
    struct error error;
    flight->state = FLIGHT_RUNNING;
    if (form_of(flight)->names_model && flight->wants->id.len == 0)
        (void)error_set(&error, ERROR_INVALID, "model: required and missing");
    else if (form_of(flight)->names_model)
        (void)error_set(&error, ERROR_NOT_FOUND, "model: " STR_FMT, STR_ARG(str_slice(flight->wants->id, 0, 256)));
    else
        (void)error_set(&error, ERROR_NOT_FOUND, "Model %s, which the job asks for, was removed from the server.",
                        flight->model.match.model->name);
    land_error(flight, &error);
}

/* The reply of one that a provider's batch has brought. False: it is over, or has to be tried again. */
static bool take_relayed(struct flight *flight)
{
    struct active *job = flight->job;
    struct runner *runner = job->runner;
    struct error error;
    const enum relay_place place = job->relay ? relay_place_of(job->relay, flight->number) : RELAY_NONE;
    flight->is_relayed = place == RELAY_BACK;
    if (place != RELAY_BACK && place != RELAY_REFUSED)
        return true;
    buf_clear(&flight->relayed_text);
    if (relay_read(job->relay, flight->number, &flight->relayed_text, &error) != OK) {
        active_bounced(flight, &error, false);
        return false;
    }
    if (place == RELAY_REFUSED) {
        (void)error_set(&error, ERROR_INVALID, STR_FMT, STR_ARG(buf_str(&flight->relayed_text)));
        land_error(flight, &error);
        return false;
    }
    relayed_backend_init(&flight->relayed, runner->work.backends[TARGET_UPSTREAM], &runner->loop,
                         flight->model.match.model->upstream->kind, buf_str(&flight->relayed_text));
    return true;
}

void flight_start(struct flight *flight)
{
    struct error error;
    flight->state = FLIGHT_RUNNING;
    if (!take_relayed(flight))
        return;
    flight->is_placed = flight->has_token = false;
    flight->request = (struct chat_request){.arena = &flight->arena};
    enum error_code code = new_work(flight, &error);
    if (code == ERROR_NO_MEMORY) {
        release(flight);
        active_bounced(flight, &error, false);
        return;
    }
    if (code != OK) { /* the router is gone, or all of its models are */
        land_error(flight, &error);
        return;
    }
    code = parse(flight, &error);
    flight->request.has_tier = false;
    flight->request.tier = TIER_BATCH; /* also of one that could not be read */
    if (code == OK)
        work_begin(flight->work);
    else
        fail(flight, &error);
}
