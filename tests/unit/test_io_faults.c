/* Disks that fail now and then: writes that are short, calls that end with EINTR, ENOSPC and EIO, at places drawn from
 * a seed. Whatever was said to be kept is there afterwards, once; whatever was refused is not, or as it was before. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "batch/results.h"
#include "cmd/sections.h"
#include "core/config.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "ledger/check.h"
#include "ledger/ledger.h"
#include "ledger/view.h"
#include "store/journal.h"
#include "store/objects.h"

#define SEEDS 3

static int make(void **state)
{
    log_configure(LOG_OFF, LOG_LOGFMT);
    return test_root_make(state);
}

static void no_faults(void)
{
    io_fail_every(0, 0);
    io_short_every(0, 0);
    io_fail_at(0, 0);
}

static int clean_up(void **state)
{
    no_faults();
    return test_root_remove(state);
}

static void faults(uint64_t seed)
{
    io_fail_every(5 + seed, seed);
    io_short_every(3 + seed, seed);
}

/* --- the hook ---------------------------------------------------------------------------------------- */

static int open_file(const char *name)
{
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/%s", test_root, name);
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static void a_chosen_call_fails(void **state)
{
    (void)state;
    char text[8];
    const int fd = open_file("a");
    io_fail_at(2, EIO);
    assert_int_equal(io_write(fd, "abcd", 4), 4);
    assert_int_equal(io_write(fd, "abcd", 4), -1);
    assert_int_equal(errno, EIO);
    assert_int_equal(io_write(fd, "efgh", 4), 4);
    assert_int_equal(io_fail_count(), 3);
    assert_true(io_has_faults());
    no_faults();
    assert_false(io_has_faults());
    assert_true(io_read_at(fd, text, 8, 0));
    assert_memory_equal(text, "abcdefgh", 8);
    close(fd);
}

static void interrupted_and_short_calls_are_whole_in_the_end(void **state)
{
    (void)state;
    static uint8_t bytes[20000], back[20000];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7);
    const int fd = open_file("a");
    for (uint64_t nth = 1; nth < 8; nth++) {
        io_short_every(2, nth);
        io_fail_at(nth, EINTR);
        assert_true(io_write_at(fd, bytes, sizeof(bytes), 100 * nth));
        io_fail_at(nth, EINTR);
        assert_true(io_read_at(fd, back, sizeof(back), 100 * nth));
        assert_memory_equal(bytes, back, sizeof(bytes));
    }
    close(fd);
}

/* --- the journal --------------------------------------------------------------------------------------- */

#define RECORDS 3000u

struct log {
    struct journal *journal;
    char dir[160];
    uint32_t read[RECORDS]; /* in the order in which they came */
    size_t read_count;
    atomic_bool is_over;
};

static bool read_more(struct log *log, struct journal_reader **reader, uint64_t *segment)
{
    struct journal_record record;
    struct error error;
    if (!*reader && journal_reader_open(log->dir, *segment, reader, &error) != OK)
        return false;
    const uint64_t current = journal_current(log->journal);
    const enum journal_read state = journal_reader_next(*reader, &record, &error);
    assert_int_not_equal(state, JOURNAL_DAMAGED);
    if (state == JOURNAL_RECORD) {
        uint32_t number;
        memcpy(&number, record.payload.data, sizeof(number));
        assert_true(log->read_count < RECORDS);
        log->read[log->read_count++] = number;
        return true;
    }
    if (state == JOURNAL_FAILED || *segment == current)
        return state == JOURNAL_FAILED;
    journal_reader_close(*reader);
    *reader = NULL;
    ++*segment;
    return true;
}

/* Reads behind the writer, rolls where the journal wants it, and stops at the end of what there is. */
static void *read_behind(void *ctx)
{
    struct log *log = ctx;
    struct journal_reader *reader = NULL;
    struct error error;
    uint64_t segment = 1;
    for (bool is_last = false;;) {
        if (read_more(log, &reader, &segment))
            continue;
        if (journal_is_due(log->journal, 20000) && journal_roll(log->journal, &error) == OK)
            continue;
        if (is_last && segment == journal_current(log->journal))
            break;
        is_last = atomic_load(&log->is_over);
    }
    journal_reader_close(reader);
    return NULL;
}

static void the_journal_keeps_what_it_took(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        static struct log log;
        static uint32_t kept[RECORDS];
        uint8_t payload[200] = {0};
        struct error error;
        size_t kept_count = 0;
        pthread_t thread;
        log = (struct log){.read_count = 0};
        (void)snprintf(log.dir, sizeof(log.dir), "%s/journal%d", test_root, (int)seed);
        assert_int_equal(journal_open(log.dir, 64u << 20, &log.journal, &error), OK);
        assert_int_equal(pthread_create(&thread, NULL, read_behind, &log), 0);
        faults(seed);
        for (uint32_t i = 0; i < RECORDS; i++) {
            memcpy(payload, &i, sizeof(i));
            const struct str text = {(char *)payload, 4 + i % 190};
            if (journal_append(log.journal, 7, text, 0, &error) == OK)
                kept[kept_count++] = i;
            else
                (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL); /* a new segment may be on its way */
        }
        no_faults();
        atomic_store(&log.is_over, true);
        (void)pthread_join(thread, NULL);
        assert_true(kept_count > RECORDS / 4 && kept_count < RECORDS);
        assert_int_equal(log.read_count, kept_count);
        assert_memory_equal(log.read, kept, kept_count * sizeof(kept[0]));
        journal_close(log.journal);
    }
}

/* --- the ledger ---------------------------------------------------------------------------------------- */

#define LINES 600u

struct seen {
    uint8_t outcomes[LINES + 1]; /* 1 + outcome; 0: none */
    size_t count;
};

static enum error_code see(void *ctx, const struct ledger_line *line, struct error *error)
{
    struct seen *seen = ctx;
    uint64_t number;
    (void)error;
    assert_true(str_to_u64(str_slice(line->request_id, 2, line->request_id.len), &number) && number <= LINES);
    assert_int_equal(seen->outcomes[number], 0); /* never twice */
    seen->outcomes[number] = (uint8_t)(1 + line->outcome);
    seen->count++;
    return OK;
}

static void ignore_damage(void *ctx, const struct ledger_damage *damage)
{
    (void)ctx;
    fail_msg(STR_FMT, STR_ARG(damage->name));
}

/* What every request was told: 0 refused, 1 let in and its end was lost, 2 finished. */
static void serve(struct ledger *ledger, uint8_t told[LINES + 1])
{
    struct error error;
    for (unsigned i = 1; i <= LINES; i++) {
        char id[32];
        (void)snprintf(id, sizeof(id), "r-%u", i);
        struct ledger_line line = {.request_id = str_of(id), .tier = TIER_DEFAULT, .tenant = STR("t"),
                                   .model_requested = STR("m"),
                                   .price = STR("p"), .baseline_price = STR("p"), .time_us = i};
        told[i] = 0;
        if (ledger_accept(ledger, &line, &error) != OK)
            continue;
        line.outcome = LEDGER_COMPLETED;
        line.quote.cost = i;
        told[i] = ledger_finish(ledger, &line, &error) == OK ? 2 : 1;
    }
}

static void the_ledger_has_one_line_each(void **state)
{
    (void)state;
    struct config config;
    struct price_book *book;
    struct error error;
    assert_int_equal(config_parse(STR(""), NULL, program_sections, &config, &error), OK);
    assert_int_equal(price_book_load(&config, &book, &error), OK);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        static uint8_t told[LINES + 1];
        struct seen seen = {.count = 0};
        struct ledger_view *view;
        struct ledger_checked checked;
        struct ledger *ledger;
        char data[160];
        (void)snprintf(data, sizeof(data), "%s/data%d", test_root, (int)seed);
        assert_int_equal(mkdir(data, 0700), 0);
        io_fail_every(UINT64_MAX, 0); /* none, but SQLite shall know of the hook */
        if (ledger_open(data, book, &ledger, &error) != OK)
            fail_msg("%s", error.message);
        faults(seed);
        serve(ledger, told);
        (void)ledger_close(ledger);
        no_faults();
        if (ledger_open(data, book, &ledger, &error) != OK) /* settles what is left */
            fail_msg("%s", error.message);
        assert_true(ledger_close(ledger));
        assert_int_equal(ledger_view_open(data, &view, &error), OK);
        assert_int_equal(ledger_view_lines(view, see, &seen, &error), OK);
        ledger_view_close(view);
        for (unsigned i = 1; i <= LINES; i++) {
            static const uint8_t wanted[] = {0, 1 + LEDGER_FAILED, 1 + LEDGER_COMPLETED};
            assert_int_equal(seen.outcomes[i], wanted[told[i]]);
        }
        assert_true(seen.count > LINES / 10);
        assert_int_equal(ledger_check(data, ignore_damage, NULL, &checked, &error), OK);
        assert_int_equal(checked.lines, seen.count);
    }
    price_book_free(book);
    config_deinit(&config);
}

/* --- results of a batch job ------------------------------------------------------------------------------ */

static void results_are_kept_or_refused(void **state)
{
    (void)state;
    enum { TOTAL = 400 };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct results *results;
        struct batch_counts counts = {0};
        struct error error;
        bool is_kept[TOTAL] = {false};
        uint64_t kept = 0;
        char dir[160], outcome[64];
        struct buf buf;
        (void)snprintf(dir, sizeof(dir), "%s/job%d", test_root, (int)seed);
        assert_int_equal(mkdir(dir, 0700), 0);
        assert_int_equal(results_open(dir, 1, TOTAL, &results, &counts, &error), OK);
        faults(seed);
        for (uint64_t i = 0; i < TOTAL; i++) {
            (void)snprintf(outcome, sizeof(outcome), "outcome of record %d", (int)i);
            const struct result result = {.number = i, .line = STR("line"), .outcome = str_of(outcome)};
            is_kept[i] = results_append(results, &result, &error) == OK;
            kept += is_kept[i];
        }
        no_faults();
        results_close(results);
        assert_true(kept > TOTAL / 4 && kept < TOTAL);
        counts = (struct batch_counts){0};
        assert_int_equal(results_open(dir, 1, TOTAL, &results, &counts, &error), OK);
        assert_int_equal(counts.success, kept);
        buf_init(&buf, 4096);
        for (uint64_t i = 0; i < TOTAL; i++) {
            struct result result;
            (void)snprintf(outcome, sizeof(outcome), "outcome of record %d", (int)i);
            const enum error_code code = results_read(results, i, &buf, &result, &error);
            assert_int_equal(code, is_kept[i] ? OK : ERROR_NOT_FOUND);
            if (is_kept[i])
                assert_str_equal(result.outcome, outcome);
        }
        buf_deinit(&buf);
        results_close(results);
    }
}

/* --- objects ---------------------------------------------------------------------------------------------- */

#define OBJECT_BYTES 70000u

static bool put(struct objects *objects, const char *key, uint8_t fill)
{
    static uint8_t bytes[OBJECT_BYTES];
    struct objects_put *put = NULL;
    struct error error;
    const struct objects_put_options options = {.expected_size = OBJECT_BYTES};
    memset(bytes, fill, sizeof(bytes));
    enum objects_problem problem = objects_put_begin(objects, STR("t"), STR("bucket"), str_of(key), &options, &put,
                                                     &error);
    for (size_t at = 0; problem == OBJECTS_OK && at < OBJECT_BYTES; at += OBJECT_BYTES / 7)
        problem = objects_put_append(put, bytes + at, OBJECT_BYTES / 7, &error);
    if (problem == OBJECTS_OK)
        return objects_put_commit(put, NULL, &error) == OBJECTS_OK;
    objects_put_abort(put);
    return false;
}

/* The byte that fills the object; -1: there is none, or it could not be read. Never another's bytes, never a part. */
static int get(struct objects *objects, const char *key)
{
    static uint8_t bytes[OBJECT_BYTES + 1];
    struct objects_reader *reader;
    struct error error;
    size_t total = 0, len = 1;
    if (objects_reader_open(objects, STR("t"), STR("bucket"), str_of(key), 0, OBJECTS_SIZE_UNKNOWN, NULL, &reader,
                            &error) != OBJECTS_OK)
        return -1;
    enum objects_problem problem = OBJECTS_OK;
    while (problem == OBJECTS_OK && len > 0) {
        problem = objects_reader_read(reader, bytes + total, sizeof(bytes) - total, &len, &error);
        total += problem == OBJECTS_OK ? len : 0;
    }
    objects_reader_close(reader);
    if (problem != OBJECTS_OK)
        return -1;
    assert_int_equal(total, OBJECT_BYTES);
    for (size_t i = 1; i < total; i++)
        assert_int_equal(bytes[i], bytes[0]);
    return bytes[0];
}

static void objects_are_whole_or_as_before(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct objects *objects;
        struct error error;
        char root[160], key[32];
        const struct objects_options options = {.directory = root};
        unsigned kept = 0, refused = 0;
        (void)snprintf(root, sizeof(root), "%s/objects%d", test_root, (int)seed);
        assert_int_equal(objects_open(&options, &objects, &error), OK);
        assert_int_equal(objects_bucket_create(objects, STR("t"), STR("bucket"), STR(""), &error), OBJECTS_OK);
        for (unsigned i = 0; i < 60; i++) {
            (void)snprintf(key, sizeof(key), "folder/key%u", i % 10);
            const int before = get(objects, key);
            io_fail_every(20 + seed, seed * 100 + i);
            io_short_every(3, seed * 100 + i);
            const bool is_kept = put(objects, key, (uint8_t)i);
            const int seen = get(objects, key);
            assert_true(seen == -1 || seen == (is_kept ? (int)i : before));
            no_faults();
            assert_int_equal(get(objects, key), is_kept ? (int)i : before);
            kept += is_kept;
            refused += !is_kept;
        }
        assert_true(kept > 5 && refused > 5);
        objects_close(objects);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, clean_up)
    const struct CMUnitTest tests[] = {
        TEST(a_chosen_call_fails),
        TEST(interrupted_and_short_calls_are_whole_in_the_end),
        TEST(the_journal_keeps_what_it_took),
        TEST(the_ledger_has_one_line_each),
        TEST(results_are_kept_or_refused),
        TEST(objects_are_whole_or_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
