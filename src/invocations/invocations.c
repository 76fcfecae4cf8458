/* invocations.c - from a request to the queue, and the two threads behind it. What a record looks like is record.c's,
 * what waits on the disk spool.c's. See invocations.h. */
#include "invocations/invocations.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "core/handoff.h"
#include "core/limits.h"
#include "core/log.h"
#include "invocations/deliver.h"
#include "invocations/record.h"

#define HEAD_BYTES 1024 /* about what a record takes besides its bodies */

typedef _Atomic uint64_t count;

struct invocations {
    struct settings_store *settings;
    struct spool *spool;
    struct objects *objects;
    pthread_t writer, deliverer;
    bool has_writer, has_deliverer;
    struct handoff queue; /* to the writer; woken when a configuration has changed */
    count queue_bytes;
    count delivered, failed, large_delivered, large_failed, records, lost_memory, lost_disk, lost_destination;
};

static void add(count *counter, uint64_t value)
{
    atomic_fetch_add_explicit(counter, value, memory_order_relaxed);
}

static uint64_t load(const count *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* --- one request ------------------------------------------------------------------------------------ */

static void free_invocation(struct invocation *invocation)
{
    atomic_fetch_sub(&invocation->invocations->queue_bytes, invocation->charged);
    settings_release(invocation->settings);
    buf_deinit(&invocation->head);
    buf_deinit(&invocation->input);
    buf_deinit(&invocation->output);
    mem_free(invocation);
}

/* Room in the queue for `more` bytes; without, the record is lost and its bodies go at once. */
static bool charge(struct invocation *invocation, size_t more)
{
    count *bytes = &invocation->invocations->queue_bytes;
    if (invocation->is_lost)
        return false;
    if (atomic_fetch_add(bytes, more) + more <= limit(invocation_log_queue_bytes)) {
        invocation->charged += more;
        return true;
    }
    atomic_fetch_sub(bytes, more);
    invocation->is_lost = true;
    buf_deinit(&invocation->input);
    buf_deinit(&invocation->output);
    return false;
}

struct invocation *invocation_begin(struct invocations *invocations, struct str tenant, struct str account,
                                    struct str region)
{
    const struct settings *settings = settings_get(invocations->settings, tenant, account, region);
    if (!settings)
        return NULL;
    struct invocation *made = mem_calloc(1, sizeof(*made));
    if (!made) {
        settings_release(settings);
        add(&invocations->lost_memory, 1);
        add(&invocations->failed, 1);
        return NULL;
    }
    made->invocations = invocations;
    made->settings = settings;
    made->wall_us = clock_wall_us();
    buf_init(&made->head, RECORD_LINE_MAX);
    buf_init(&made->input, RECORD_BODY_MAX);
    buf_init(&made->output, RECORD_BODY_MAX);
    (void)charge(made, sizeof(*made) + HEAD_BYTES);
    return made;
}

static bool takes_body(const struct invocation *invocation, size_t len)
{
    return (invocation->settings->kinds & SETTINGS_TEXT) && len > 0 && !invocation->is_lost;
}

void invocation_add_input(struct invocation *invocation, struct str body)
{
    if (invocation->has_input || !takes_body(invocation, body.len))
        return;
    invocation->has_input = true;
    if (charge(invocation, body.len))
        buf_append_str(&invocation->input, body);
}

void invocation_add_event(struct invocation *invocation, struct str name, struct str payload)
{
    struct buf *out = &invocation->output;
    if (!takes_body(invocation, payload.len) || !charge(invocation, payload.len + name.len + 8))
        return;
    buf_append_char(out, invocation->has_events ? ',' : '[');
    invocation->has_events = true;
    if (name.len > 0) {
        buf_append_char(out, '{');
        buf_append_json(out, name);
        buf_append_char(out, ':');
    }
    buf_append_str(out, payload);
    if (name.len > 0)
        buf_append_char(out, '}');
}

void invocation_set_output(struct invocation *invocation, struct str body)
{
    if (!takes_body(invocation, body.len) || !charge(invocation, body.len))
        return;
    buf_clear(&invocation->output);
    invocation->has_events = false;
    buf_append_str(&invocation->output, body);
}

/* The configuration in force now; false: there is none any more. */
static bool renew_settings(struct invocation *invocation)
{
    const struct settings *old = invocation->settings;
    if (!atomic_load(&old->is_over))
        return true;
    invocation->settings =
        settings_get(invocation->invocations->settings, old->tenant, old->account, old->region);
    settings_release(old);
    return invocation->settings != NULL;
}

static void leave_out(struct buf *body)
{
    const size_t max = body->max;
    buf_deinit(body);
    buf_init(body, max);
}

/* What the configuration does not want. A body that nobody could read may carry anything. */
static void leave_out_bodies(struct invocation *invocation, const struct invocation_facts *facts)
{
    const unsigned kinds = invocation->settings->kinds;
    const bool is_unknown = !facts->is_read && kinds != SETTINGS_ALL;
    if (!(kinds & SETTINGS_TEXT) || (facts->carries & ~kinds) || is_unknown)
        leave_out(&invocation->input);
    if (!(kinds & SETTINGS_TEXT))
        leave_out(&invocation->output);
}

static void count_lost(struct invocations *invocations, count *why)
{
    add(why, 1);
    add(&invocations->failed, 1);
}

static bool is_broken(const struct invocation *invocation)
{
    return invocation->is_lost || invocation->head.failed || invocation->input.failed || invocation->output.failed;
}

void invocation_end(struct invocation *invocation, const struct invocation_facts *facts)
{
    struct invocations *invocations = invocation->invocations;
    if (!renew_settings(invocation)) {
        free_invocation(invocation);
        return;
    }
    leave_out_bodies(invocation, facts);
    if (invocation->has_events && invocation->output.len > 0)
        buf_append_char(&invocation->output, ']');
    invocation->has_output = facts->error_code.len == 0 || invocation->output.len > 0 || facts->output_tokens > 0;
    invocation->is_input_json = facts->is_read;
    invocation->input_tokens = facts->input_tokens;
    invocation->output_tokens = facts->output_tokens;
    invocation->cache_read_tokens = facts->cache_read_tokens;
    invocation->cache_write_tokens = facts->cache_write_tokens;
    snprintf(invocation->request_id, sizeof(invocation->request_id), STR_FMT, STR_ARG(facts->request_id));
    record_write_head(invocation, facts);
    if (is_broken(invocation)) {
        count_lost(invocations, &invocations->lost_memory);
        free_invocation(invocation);
        return;
    }
    handoff_leave(&invocations->queue, &invocation->link);
}

/* --- the thread that writes ------------------------------------------------------------------------- */

/* A body over the limit becomes an object. Where that does not work the record goes without. */
static void part_body(struct invocations *invocations, struct invocation *invocation, const char *side,
                      struct buf *body, struct buf *uri)
{
    char name[UUID_LEN + 16];
    struct error error;
    if (body->len <= limit(invocation_log_body_bytes))
        return;
    const int len = snprintf(name, sizeof(name), "%s_%s", invocation->request_id, side);
    if (spool_add_body(invocations->spool, invocation->settings, invocation->wall_us, (struct str){name, (size_t)len},
                       buf_str(body), uri, &error) != OK) {
        add(&invocations->large_failed, 1);
        log_event(LOG_WARN, "a body is missing in the invocation log", LOG_C("id", invocation->request_id),
                  LOG_C("error", error.message));
    }
    leave_out(body);
}

static void write_record(struct invocations *invocations, struct invocation *invocation)
{
    struct buf line, input, output;
    struct error error;
    buf_init(&line, RECORD_LINE_MAX);
    buf_init(&input, RECORD_LINE_MAX);
    buf_init(&output, RECORD_LINE_MAX);
    part_body(invocations, invocation, "input", &invocation->input, &input);
    part_body(invocations, invocation, "output", &invocation->output, &output);
    const struct record_paths paths = {buf_str(&input), buf_str(&output)};
    if (!record_write(invocation, &paths, &line))
        count_lost(invocations, &invocations->lost_memory);
    else if (spool_add(invocations->spool, invocation->settings, buf_str(&line), &error) != OK)
        count_lost(invocations, &invocations->lost_disk);
    buf_deinit(&line);
    buf_deinit(&input);
    buf_deinit(&output);
}

static void *write_records(void *ctx)
{
    struct invocations *invocations = ctx;
    bool is_closing = false;
    handoff_lower_thread(); /* nobody waits for it, requests do */
    while (!is_closing) {
        handoff_wait(&invocations->queue, spool_tend(invocations->spool, clock_now_us()));
        struct handoff_item *item = handoff_take(&invocations->queue, &is_closing);
        while (item) {
            struct invocation *invocation = (struct invocation *)item;
            item = item->next;
            write_record(invocations, invocation);
            free_invocation(invocation);
        }
    }
    spool_end(invocations->spool);
    return NULL;
}

/* --- the thread that delivers ----------------------------------------------------------------------- */

static void account(struct invocations *invocations, const struct spool_file *file, enum delivery outcome,
                    uint64_t lines)
{
    if (outcome == DELIVERED) {
        add(file->is_body ? &invocations->large_delivered : &invocations->delivered, 1);
        add(&invocations->records, file->is_body ? 0 : lines);
        return;
    }
    add(file->is_body ? &invocations->large_failed : &invocations->failed, 1);
    if (outcome == DELIVERY_LOST)
        add(&invocations->lost_destination, file->is_body ? 0 : lines);
}

static void *deliver_files(void *ctx)
{
    struct invocations *invocations = ctx;
    const struct deliverer deliverer = {invocations->spool, invocations->objects, invocations->settings};
    struct spool_file *file;
    struct error error;
    uint64_t lines;
    handoff_lower_thread();
    while (spool_take(invocations->spool, &file)) {
        const enum delivery outcome = deliver(&deliverer, file, &lines, &error);
        account(invocations, file, outcome, lines);
        if (outcome != DELIVERED)
            log_event(LOG_WARN, "an object of the invocation log is not delivered", LOG_C("error", error.message),
                      LOG_B("lost", outcome == DELIVERY_LOST));
        if (outcome == DELIVERED)
            spool_delivered(invocations->spool, file);
        else if (outcome == DELIVERY_FAILED)
            spool_failed(invocations->spool, file, error.message);
        else
            spool_drop(invocations->spool, file);
    }
    return NULL;
}

/* --- configurations --------------------------------------------------------------------------------- */

const struct settings *invocations_get(struct invocations *invocations, struct str tenant, struct str account_id,
                                       struct str region)
{
    return settings_get(invocations->settings, tenant, account_id, region);
}

/* Where the store is only away for a while, the caller may come again. */
static enum error_code check_destination(struct invocations *invocations, const struct settings *wanted,
                                         struct error *error)
{
    const enum objects_problem problem = deliver_check(invocations->objects, wanted, error);
    if (problem == OBJECTS_OK)
        return OK;
    if (problem != OBJECTS_UNAVAILABLE && problem != OBJECTS_FAILED)
        error->code = ERROR_INVALID;
    return error_prefix(error, "loggingConfig.s3Config: Failed to validate permissions for bucket '" STR_FMT "'",
                        STR_ARG(wanted->bucket));
}

enum error_code invocations_put(struct invocations *invocations, const struct settings *wanted, struct error *error)
{
    enum error_code code = check_destination(invocations, wanted, error);
    if (code == OK)
        code = settings_put(invocations->settings, wanted, error);
    if (code == OK) {
        handoff_wake(&invocations->queue);
        spool_retry(invocations->spool, wanted->tenant);
    }
    return code;
}

enum error_code invocations_delete(struct invocations *invocations, struct str tenant, struct str account_id,
                                   struct str region, struct error *error)
{
    const enum error_code code = settings_delete(invocations->settings, tenant, account_id, region, error);
    if (code == OK)
        handoff_wake(&invocations->queue);
    return code;
}

size_t invocations_prefix_max(struct str account_id, struct str region)
{
    return spool_prefix_max(account_id, region);
}

/* --- opening and closing ---------------------------------------------------------------------------- */

static enum error_code start_threads(struct invocations *invocations, struct error *error)
{
    int failure = pthread_create(&invocations->writer, NULL, write_records, invocations);
    invocations->has_writer = failure == 0;
    if (failure == 0) {
        failure = pthread_create(&invocations->deliverer, NULL, deliver_files, invocations);
        invocations->has_deliverer = failure == 0;
    }
    return failure == 0 ? OK : error_set_errno(error, ERROR_IO, failure, "cannot start a thread");
}

enum error_code invocations_open(const char *data, struct objects *objects, struct invocations **invocations,
                                 struct error *error)
{
    struct invocations *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    handoff_init(&made->queue);
    made->objects = objects;
    enum error_code code = settings_open(data, &made->settings, error);
    if (code == OK)
        code = spool_open(data, &made->spool, error);
    if (code == OK)
        code = start_threads(made, error);
    if (code != OK) {
        invocations_close(made);
        return error_prefix(error, "invocation logging");
    }
    *invocations = made;
    return OK;
}

/* A store that does not answer must not hold up the end. */
static void join_deliverer(struct invocations *invocations)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LIMIT_INVOCATION_CLOSE_MS / 1000;
    if (pthread_timedjoin_np(invocations->deliverer, NULL, &until) == 0)
        return;
    objects_interrupt(invocations->objects);
    pthread_join(invocations->deliverer, NULL);
}

void invocations_close(struct invocations *invocations)
{
    if (!invocations)
        return;
    handoff_close(&invocations->queue);
    if (invocations->has_writer)
        pthread_join(invocations->writer, NULL);
    if (invocations->has_deliverer)
        join_deliverer(invocations);
    spool_close(invocations->spool);
    settings_close(invocations->settings);
    handoff_deinit(&invocations->queue);
    mem_free(invocations);
}

void invocations_counters(struct invocations *invocations, struct invocations_counters *counters)
{
    *counters = (struct invocations_counters){
        .delivered = load(&invocations->delivered),
        .failed = load(&invocations->failed),
        .large_delivered = load(&invocations->large_delivered),
        .large_failed = load(&invocations->large_failed),
        .records = load(&invocations->records),
        .lost_memory = load(&invocations->lost_memory),
        .lost_disk = load(&invocations->lost_disk),
        .lost_destination = load(&invocations->lost_destination),
        .queue_bytes = load(&invocations->queue_bytes),
        .spool_bytes = spool_bytes(invocations->spool),
    };
}
