/* ledger.c - see ledger.h: what any thread calls, and the writer. */
#include "ledger/ledger.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "core/condition.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/util.h"
#include "ledger/drain.h"
#include "ledger/summing.h"
#include "store/disk.h"
#include "store/sql.h"

#define SEGMENT_BYTES (4u << 20)
#define SEGMENT_BYTES_SHORT (256u << 10) /* on a disk that is nearly full: what is in the database shall go soon */
#define WAL_PAGES 1000                   /* of the database's own log, SQLite's default */
#define WAL_PAGES_SHORT 64
#define TEND_ROWS 1000    /* lines of before that are checked at a time */
#define DAMAGES_LOGGED 20
#define SETTLE_TRIES 3
#define WRITER_NICE 5
#define GATHER_MS 100          /* from the first record of a group to its commit */
#define SUM_EVERY_MS 5000
#define SUM_ROWS 8192          /* lines in one step */
#define IDLE_MS 3600000
#define RETRY_MS 1000          /* after the database refused */
#define COMPLAIN_EVERY_US 1000000
#define GROWTH_BYTES 512 /* of a line between its two records: what only the end knows, such as an upstream's ID */

enum complaint { REFUSES, LOST_END, BATCH_WAITS, BEHIND, NOT_SUMMED, COMPLAINTS };

static const char *const complaint_events[COMPLAINTS] = {
    [REFUSES] = "ledger refuses new requests",
    [LOST_END] = "ledger lost the end of a request",
    [BATCH_WAITS] = "ledger takes no lines of batch jobs, they wait",
    [BEHIND] = "ledger.db takes no lines, they wait in the journal",
    [NOT_SUMMED] = "ledger.db takes no sums of its lines, questions about them take longer",
};

struct ledger {
    char journal_path[JOURNAL_PATH_MAX], db_path[JOURNAL_PATH_MAX];
    struct journal *journal;
    struct ledger_db *db; /* the writer's, from its start on */
    const struct price_book *book;
    size_t noted;         /* the writer's: of the rows that were added to the book */
    struct drain *drain;  /* likewise */
    dev_t db_device;      /* of the file that was opened */
    ino_t db_inode;
    bool is_sparing;      /* the writer's: the disk is nearly full */
    bool is_tended;       /* the writer's: all lines of before were looked at */
    struct summing *summing;
    bool is_summed;       /* the writer's: no line waits to be summed... */
    uint64_t summed_us;   /* ...and when some last were, by clock_now_us */
    uint64_t damages;     /* likewise: found among them */
    atomic_bool is_gone;  /* ledger.db is not the file that was opened */
    pthread_t writer;
    atomic_bool is_stopping;
    pthread_mutex_t listening;
    void (*on_lines)(void *ctx);
    void *on_lines_ctx;
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

/* A file that was removed takes lines all the same, and they are lost with it: then the journal keeps them. */
static enum error_code check_db(struct ledger *ledger, struct error *error)
{
    struct stat info;
    const bool is_there = stat(ledger->db_path, &info) == 0 && info.st_dev == ledger->db_device &&
                          info.st_ino == ledger->db_inode;
    if (atomic_exchange(&ledger->is_gone, !is_there) == is_there) {
        if (is_there)
            condition_clear("ledger");
        else
            condition_set("ledger", CONDITION_DOWN,
                          "%.150s was removed or replaced: put it back, or restart the server", ledger->db_path);
    }
    return is_there ? OK : error_set(error, ERROR_UNAVAILABLE, "%s was removed or replaced", ledger->db_path);
}

/* On a disk that is nearly full the database's log stays small. */
static void spare(struct ledger *ledger)
{
    struct error error;
    const bool is_sparing = disk_is_short();
    if (is_sparing == ledger->is_sparing)
        return;
    ledger->is_sparing = is_sparing;
    char text[96];
    (void)snprintf(text, sizeof(text), "PRAGMA wal_autocheckpoint = %d;%s", is_sparing ? WAL_PAGES_SHORT : WAL_PAGES,
                   is_sparing ? " PRAGMA wal_checkpoint(TRUNCATE);" : "");
    if (sql_exec(ledger_db_sql(ledger->db), text, &error) != OK)
        log_event(LOG_WARN, "ledger.db keeps its log as it is", LOG_C("error", error.message));
}

/* One batch; on a full disk the reserve gives until it is in. */
static enum error_code drain_some(struct ledger *ledger, bool *is_behind, bool *has_damage, struct error *error)
{
    enum error_code code;
    do {
        spare(ledger);
        code = drain_batch(ledger->drain, journal_current(ledger->journal), is_behind, has_damage, error);
    } while (code == ERROR_UNAVAILABLE && sql_is_full(ledger_db_sql(ledger->db)) && disk_release());
    return code;
}

/* A model's row is there before the first line that names it. */
static enum error_code note_added(struct ledger *ledger, struct error *error)
{
    const size_t count = price_book_added_count(ledger->book);
    if (count == ledger->noted)
        return OK;
    const enum error_code code = ledger_db_note_added(ledger->db, ledger->book, ledger->noted, count, error);
    ledger->noted = code == OK ? count : ledger->noted;
    return code;
}

/* Everything that is written, committed. */
static enum error_code catch_up(struct ledger *ledger, struct error *error)
{
    bool is_behind = true, has_damage = false;
    enum error_code code = OK;
    while (is_behind && code == OK) {
        code = note_added(ledger, error);
        if (code == OK)
            code = drain_some(ledger, &is_behind, &has_damage, error);
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
    enum error_code code = check_db(ledger, error);
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
    if (code == OK && journal_is_due(ledger->journal, disk_is_short() ? SEGMENT_BYTES_SHORT : SEGMENT_BYTES)) {
        code = journal_roll(ledger->journal, error);
        if (code == OK)
            code = catch_up(ledger, error);
    }
    return code == OK ? retire(ledger, error) : code;
}

/* --- what was written before, looked at again --- */

static void on_damage(void *ctx, int64_t row, struct str request_id)
{
    struct ledger *ledger = ctx;
    if (ledger->damages++ < DAMAGES_LOGGED)
        log_event(LOG_ERROR, "a line in ledger.db is damaged", LOG_I("row", row), LOG_S("request", request_id));
}

static void say_damages(const struct ledger *ledger)
{
    const uint64_t damages = ledger->damages + ledger_db_damaged_prices(ledger->db);
    if (damages)
        condition_set("ledger_lines", CONDITION_NOTE,
                      "%" PRIu64 " lines or price rows of ledger.db are not what was written; `fulcrum ledger check` "
                      "names them", damages);
}

/* Some lines at a time, between the writer's turns. False: all were looked at. */
static bool tend(struct ledger *ledger)
{
    struct error error;
    bool is_done = false;
    if (ledger->is_tended)
        return false;
    const enum error_code code = ledger_db_tend(ledger->db, TEND_ROWS, on_damage, ledger, &is_done, &error);
    if (code != OK) /* on a full disk the next start goes on */
        log_event(LOG_ERROR, "lines in ledger.db cannot be checked", LOG_C("error", error.message));
    ledger->damages += code == ERROR_INTERNAL;
    ledger->is_tended = is_done || code != OK;
    if (ledger->is_tended)
        say_damages(ledger);
    return !ledger->is_tended;
}

/* --- sums --- */

/* Some lines at a time, between the writer's turns: when there are many, or none were for a while. Milliseconds until
 * the next are due. */
static uint64_t sum_up(struct ledger *ledger)
{
    struct error error;
    const uint64_t now_us = clock_now_us(), waited_ms = (now_us - ledger->summed_us) / 1000;
    if (waited_ms < SUM_EVERY_MS)
        return SUM_EVERY_MS - waited_ms;
    if (summing_step(ledger->summing, SUM_ROWS, &ledger->is_summed, &error) != OK)
        complain(ledger, NOT_SUMMED, &error);
    if (ledger->is_summed)
        ledger->summed_us = now_us;
    return ledger->is_summed ? IDLE_MS : 1;
}

/* --- the thread --- */

static void tell_listener(struct ledger *ledger)
{
    (void)pthread_mutex_lock(&ledger->listening);
    if (ledger->on_lines)
        ledger->on_lines(ledger->on_lines_ctx);
    (void)pthread_mutex_unlock(&ledger->listening);
}

static void *write_lines(void *ctx)
{
    struct ledger *ledger = ctx;
    struct error error;
    uint64_t wait_ms = 1; /* there may be lines of before to sum and to check */
    (void)setpriority(PRIO_PROCESS, 0, WRITER_NICE); /* this thread alone: nobody waits for it, requests do */
    while (!atomic_load(&ledger->is_stopping)) {
        journal_wait(ledger->journal, drain_segment(ledger->drain), drain_offset(ledger->drain), wait_ms);
        sleep_ms(ledger, GATHER_MS);
        const uint64_t lines = drain_lines(ledger->drain);
        const bool is_done = turn_over(ledger, &error) == OK;
        ledger->is_summed = ledger->is_summed && drain_lines(ledger->drain) == lines;
        if (drain_lines(ledger->drain) != lines)
            tell_listener(ledger);
        wait_ms = is_done ? IDLE_MS : RETRY_MS; /* also when nothing comes meanwhile */
        if (is_done && !ledger->is_summed)
            wait_ms = sum_up(ledger);
        if (is_done && tend(ledger))
            wait_ms = 1;
        if (is_done)
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
    struct stat info;
    ledger->book = book;
    ledger->noted = 0;
    enum error_code code = ledger_db_open(ledger->db_path, book, &ledger->db, error);
    if (code == OK && stat(ledger->db_path, &info) != 0)
        code = error_set_errno(error, ERROR_IO, errno, "cannot look at %s", ledger->db_path);
    if (code != OK)
        return code;
    ledger->db_device = info.st_dev;
    ledger->db_inode = info.st_ino;
    code = summing_new(ledger_db_sql(ledger->db), &ledger->summing, error);
    if (code == OK)
        code = drain_new(ledger->journal_path, ledger->db, &ledger->drain, error);
    if (code == OK)
        code = journal_open(ledger->journal_path, limit(ledger_journal_bytes), &ledger->journal, error);
    return code == OK ? settle_past(ledger, error) : code;
}

static void close_parts(struct ledger *ledger)
{
    journal_close(ledger->journal);
    drain_free(ledger->drain);
    summing_free(ledger->summing);
    ledger_db_close(ledger->db);
    ledger->summing = NULL;
    ledger->journal = NULL;
    ledger->drain = NULL;
    ledger->db = NULL;
}

enum error_code ledger_open(const char *data, const struct price_book *book, struct ledger **ledger,
                            struct error *error)
{
    struct ledger *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    (void)pthread_mutex_init(&made->listening, NULL);
    enum error_code code = open_parts(made, data, book, error);
    while (code == ERROR_UNAVAILABLE && disk_is_short() && disk_release()) {
        close_parts(made);
        code = open_parts(made, data, book, error);
    }
    if (code == OK) {
        (void)tend(made); /* a small ledger is known before the first request */
        int failure = pthread_create(&made->writer, NULL, write_lines, made);
        if (failure)
            code = error_set_errno(error, ERROR_IO, failure, "cannot start the ledger's writer");
    }
    if (code != OK) {
        close_parts(made);
        (void)pthread_mutex_destroy(&made->listening);
        mem_free(made);
        return error_prefix(error, "ledger");
    }
    *ledger = made;
    return OK;
}

/* Rolling makes the last segment a past one, so that it can go like any other. */
static enum error_code drain_rest(struct ledger *ledger, struct error *error)
{
    enum error_code code = catch_up(ledger, error);
    if (code == OK)
        code = drain_close_open(ledger->drain, error);
    if (code == OK)
        code = journal_roll(ledger->journal, error);
    if (code == OK)
        code = catch_up(ledger, error);
    return code == OK ? retire(ledger, error) : code;
}

/* The next start finds what the journal has, if the journal is where it looks. */
static bool settle(struct ledger *ledger)
{
    struct error error, gone;
    if (disk_check(&gone) != OK || !journal_is_in_place(ledger->journal)) {
        log_event(LOG_ERROR, "the ledger's files were removed: lines that were not in a copy of them are lost",
                  LOG_C("db", ledger->db_path));
        return false;
    }
    bool is_settled = false;
    for (int i = 0; i < SETTLE_TRIES && !is_settled; i++)
        is_settled = drain_rest(ledger, &error) == OK;
    if (!is_settled)
        log_event(LOG_ERROR, "ledger.db takes no lines, the next start puts them in", LOG_C("error", error.message));
    return is_settled;
}

bool ledger_close(struct ledger *ledger)
{
    if (!ledger)
        return true;
    atomic_store(&ledger->is_stopping, true);
    journal_wake(ledger->journal);
    (void)pthread_join(ledger->writer, NULL);
    const bool is_settled = settle(ledger);
    close_parts(ledger);
    (void)pthread_mutex_destroy(&ledger->listening);
    mem_free(ledger);
    return is_settled;
}

/* --- lines --- */

static enum error_code too_long(struct error *error)
{
    return error_set(error, ERROR_TOO_LARGE, "The model identifier is too long for the ledger.");
}

enum error_code ledger_accept(struct ledger *ledger, struct ledger_line *line, struct error *error)
{
    uint8_t payload[JOURNAL_RECORD_MAX];
    assert(line->request_id.len > 0);
    line->outcome = LEDGER_FAILED; /* unless the end says otherwise */
    line->first_token_us = LEDGER_NO_TOKEN;
    size_t len = ledger_line_encode(line, payload);
    if (!len)
        return too_long(error);
    line->promised = (uint32_t)len + GROWTH_BYTES;
    enum error_code code =
        atomic_load(&ledger->is_gone)
            ? error_set(error, ERROR_UNAVAILABLE, "%s was removed or replaced", ledger->db_path)
            : journal_append(ledger->journal, LEDGER_ACCEPTED, (struct str){(char *)payload, len},
                             (int64_t)line->promised, error);
    if (code == OK)
        return OK;
    disk_refused();
    complain(ledger, REFUSES, error);
    return error_set(error, code, "The ledger cannot take a request now; the server's log says why.");
}

/* The record that the accepted one has promised. */
static enum error_code end_line(struct ledger *ledger, enum ledger_record type, const struct ledger_line *line,
                                struct error *error)
{
    uint8_t payload[JOURNAL_RECORD_MAX];
    assert(line->promised > 0); /* it was accepted */
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

void ledger_listen(struct ledger *ledger, void (*on_lines)(void *ctx), void *ctx)
{
    (void)pthread_mutex_lock(&ledger->listening);
    ledger->on_lines = on_lines;
    ledger->on_lines_ctx = ctx;
    (void)pthread_mutex_unlock(&ledger->listening);
}

void ledger_counters(struct ledger *ledger, struct ledger_counters *counters)
{
    *counters = (struct ledger_counters){
        .lines = atomic_load(&ledger->lines),
        .errors = atomic_load(&ledger->errors),
        .journal_bytes = journal_bytes(ledger->journal),
    };
}
