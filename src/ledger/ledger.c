#include "ledger/ledger.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "core/limits.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/util.h"
#include "ledger/drain.h"

#define SEGMENT_BYTES (4u << 20)
#define GATHER_MS 20           /* from the first record of a group to its commit */
#define IDLE_MS 3600000
#define RETRY_MS 1000          /* after the database refused */
#define COMPLAIN_EVERY_US 1000000

enum complaint { REFUSES, LOST_END, BATCH_WAITS, BEHIND, COMPLAINTS };

static const char *const complaint_events[COMPLAINTS] = {
    [REFUSES] = "ledger refuses new requests",
    [LOST_END] = "ledger lost the end of a request",
    [BATCH_WAITS] = "ledger takes no lines of batch jobs, they wait",
    [BEHIND] = "ledger.db takes no lines, they wait in the journal",
};

struct ledger {
    char journal_path[JOURNAL_PATH_MAX], db_path[JOURNAL_PATH_MAX];
    struct journal *journal;
    struct ledger_db *db; /* the writer's, from its start on */
    struct drain *drain;  /* likewise */
    pthread_t writer;
    bool has_writer;
    atomic_bool is_stopping;
    _Atomic uint64_t lines, errors, complained_us[COMPLAINTS];
};

/* Loud, but not once for every request; each complaint by itself, so that none hides another. */
static void complain(struct ledger *ledger, enum complaint complaint, const struct error *error)
{
    _Atomic uint64_t *complained_us = &ledger->complained_us[complaint];
    uint64_t now = clock_now_us(), last = atomic_load(complained_us);
    atomic_fetch_add(&ledger->errors, 1);
    if (last && now - last < COMPLAIN_EVERY_US)
        return;
    if (atomic_compare_exchange_strong(complained_us, &last, now))
        log_event(LOG_ERROR, complaint_events[complaint], LOG_C("error", error->message));
}

/* --- the writer --- */

static void sleep_ms(struct ledger *ledger, uint64_t ms)
{
    const struct timespec slice = {.tv_nsec = 10000000};
    for (uint64_t slept = 0; slept < ms && !atomic_load(&ledger->is_stopping); slept += 10)
        (void)nanosleep(&slice, NULL);
}

/* Everything that is written, committed. */
static enum error_code catch_up(struct ledger *ledger, struct error *error)
{
    bool is_behind = true, has_damage = false;
    enum error_code code = OK;
    while (is_behind && code == OK) {
        code = drain_batch(ledger->drain, journal_current(ledger->journal), &is_behind, &has_damage, error);
        if (code == OK && has_damage)
            code = journal_roll(ledger->journal, error);
        is_behind = is_behind || has_damage;
    }
    atomic_store(&ledger->lines, drain_lines(ledger->drain));
    return code;
}

static enum error_code retire(struct ledger *ledger, struct error *error)
{
    uint64_t segment;
    bool is_damaged;
    enum error_code code = OK;
    while (code == OK && drain_oldest(ledger->drain, &segment, &is_damaged)) {
        code = journal_remove(ledger->journal, segment, is_damaged, error);
        if (code == OK)
            drain_forget_oldest(ledger->drain);
    }
    return code;
}

static enum error_code turn_over(struct ledger *ledger, struct error *error)
{
    enum error_code code = catch_up(ledger, error);
    if (code == OK && journal_is_due(ledger->journal, SEGMENT_BYTES)) {
        code = journal_roll(ledger->journal, error);
        if (code == OK)
            code = catch_up(ledger, error);
    }
    return code == OK ? retire(ledger, error) : code;
}

static void *write_lines(void *ctx)
{
    struct ledger *ledger = ctx;
    struct error error;
    while (!atomic_load(&ledger->is_stopping)) {
        journal_wait(ledger->journal, drain_segment(ledger->drain), drain_offset(ledger->drain), IDLE_MS);
        sleep_ms(ledger, GATHER_MS);
        if (turn_over(ledger, &error) == OK)
            continue;
        complain(ledger, BEHIND, &error);
        sleep_ms(ledger, RETRY_MS);
    }
    return NULL;
}

/* --- opening and closing --- */

/* What an earlier process left becomes lines before anything new is let in. */
static enum error_code settle_past(struct ledger *ledger, struct error *error)
{
    enum error_code code = catch_up(ledger, error);
    if (code == OK)
        code = drain_close_open(ledger->drain, error);
    return code == OK ? retire(ledger, error) : code;
}

static enum error_code open_parts(struct ledger *ledger, const char *data, const struct price_book *book,
                                  struct error *error)
{
    int journal_len = snprintf(ledger->journal_path, JOURNAL_PATH_MAX, "%s/" LEDGER_JOURNAL_DIR, data);
    int db_len = snprintf(ledger->db_path, JOURNAL_PATH_MAX, "%s/" LEDGER_DB_FILE, data);
    if (journal_len < 0 || journal_len >= JOURNAL_PATH_MAX || db_len >= JOURNAL_PATH_MAX)
        return error_set(error, ERROR_INVALID, "data directory: the path is too long");
    enum error_code code = ledger_db_open(ledger->db_path, book, &ledger->db, error);
    if (code == OK)
        code = drain_new(ledger->journal_path, ledger->db, &ledger->drain, error);
    if (code == OK)
        code = journal_open(ledger->journal_path, limit(ledger_journal_bytes), &ledger->journal, error);
    return code == OK ? settle_past(ledger, error) : code;
}

enum error_code ledger_open(const char *data, const struct price_book *book, struct ledger **ledger,
                            struct error *error)
{
    struct ledger *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    enum error_code code = open_parts(made, data, book, error);
    if (code == OK) {
        int failure = pthread_create(&made->writer, NULL, write_lines, made);
        made->has_writer = failure == 0;
        if (failure)
            code = error_set_errno(error, ERROR_IO, failure, "cannot start the ledger's writer");
    }
    if (code != OK) {
        made->has_writer = false;
        journal_close(made->journal);
        drain_free(made->drain);
        ledger_db_close(made->db);
        mem_free(made);
        return error_prefix(error, "ledger");
    }
    *ledger = made;
    return OK;
}

/* Rolling makes the last segment a past one, so that it can go like any other. */
static void drain_rest(struct ledger *ledger)
{
    struct error error;
    enum error_code code = catch_up(ledger, &error);
    if (code == OK)
        code = drain_close_open(ledger->drain, &error);
    if (code == OK)
        code = journal_roll(ledger->journal, &error);
    if (code == OK)
        code = catch_up(ledger, &error);
    if (code == OK)
        code = retire(ledger, &error);
    if (code != OK)
        log_event(LOG_ERROR, "ledger.db takes no lines, the next start puts them in", LOG_C("error", error.message));
}

void ledger_close(struct ledger *ledger)
{
    if (!ledger)
        return;
    atomic_store(&ledger->is_stopping, true);
    journal_wake(ledger->journal);
    (void)pthread_join(ledger->writer, NULL);
    drain_rest(ledger);
    journal_close(ledger->journal);
    drain_free(ledger->drain);
    ledger_db_close(ledger->db);
    mem_free(ledger);
}

/* --- lines --- */

static enum error_code too_long(struct error *error)
{
    return error_set(error, ERROR_TOO_LARGE, "The model identifier is too long for the ledger.");
}

enum error_code ledger_accept(struct ledger *ledger, struct ledger_line *line, struct error *error)
{
    uint8_t payload[JOURNAL_RECORD_MAX];
    line->outcome = LEDGER_FAILED; /* unless the end says otherwise */
    line->first_token_us = LEDGER_NO_TOKEN;
    size_t len = ledger_line_encode(line, payload);
    if (!len)
        return too_long(error);
    line->promised = (uint32_t)len;
    enum error_code code =
        journal_append(ledger->journal, LEDGER_ACCEPTED, (struct str){(char *)payload, len}, (int64_t)len, error);
    if (code == OK)
        return OK;
    complain(ledger, REFUSES, error);
    return error_set(error, code, "The ledger cannot take a request now; the server's log says why.");
}

/* The record that the accepted one has promised. */
static enum error_code end_line(struct ledger *ledger, enum ledger_record type, const struct ledger_line *line,
                                struct error *error)
{
    uint8_t payload[JOURNAL_RECORD_MAX];
    size_t len = ledger_line_encode(line, payload);
    if (!len)
        return too_long(error);
    enum error_code code = journal_append(ledger->journal, type, (struct str){(char *)payload, len},
                                          -(int64_t)line->promised, error);
    if (code == OK)
        return OK;
    journal_forgive(ledger->journal, line->promised);
    complain(ledger, LOST_END, error);
    return code;
}

enum error_code ledger_finish(struct ledger *ledger, const struct ledger_line *line, struct error *error)
{
    return end_line(ledger, LEDGER_FINISHED, line, error);
}

enum error_code ledger_refuse(struct ledger *ledger, const struct ledger_line *line, struct error *error)
{
    return end_line(ledger, LEDGER_REFUSED, line, error);
}

enum error_code ledger_record(struct ledger *ledger, const struct ledger_line *line, struct error *error)
{
    uint8_t payload[JOURNAL_RECORD_MAX];
    size_t len = ledger_line_encode(line, payload);
    if (!len)
        return too_long(error);
    enum error_code code =
        journal_append(ledger->journal, LEDGER_FINISHED, (struct str){(char *)payload, len}, 0, error);
    if (code != OK)
        complain(ledger, BATCH_WAITS, error);
    return code;
}

void ledger_counters(struct ledger *ledger, struct ledger_counters *counters)
{
    *counters = (struct ledger_counters){
        .lines = atomic_load(&ledger->lines),
        .errors = atomic_load(&ledger->errors),
        .journal_bytes = journal_bytes(ledger->journal),
    };
}
