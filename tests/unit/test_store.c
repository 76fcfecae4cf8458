/* The journal and SQL: what is written is read, what is torn is cut off, what fails leaves nothing behind. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/util.h"
#include "store/journal.h"
#include "store/sql.h"
#include "store/sql_pack.h"

#define LIMIT (64u << 20)

static char dir[128];

static int make_root(void **state)
{
    const int failed = test_root_make(state);
    (void)snprintf(dir, sizeof(dir), "%s/journal", test_root);
    return failed;
}

static struct journal *open_journal(void)
{
    struct journal *journal;
    struct error error;
    assert_int_equal(journal_open(dir, LIMIT, &journal, &error), OK);
    return journal;
}

static void append(struct journal *journal, const char *text)
{
    struct error error;
    assert_int_equal(journal_append(journal, 7, str_of(text), 0, &error), OK);
}

static void segment_path(char path[256], unsigned number)
{
    (void)snprintf(path, 256, "%s/%012u.journal", dir, number);
}

/* Reads a segment to its end; appends "text," for each record. */
static enum journal_read read_all(uint64_t segment, char *out, size_t cap)
{
    struct journal_reader *reader;
    struct journal_record record;
    struct error error;
    size_t len = 0;
    out[0] = '\0';
    assert_int_equal(journal_reader_open(dir, segment, &reader, &error), OK);
    enum journal_read result;
    while ((result = journal_reader_next(reader, &record, &error)) == JOURNAL_RECORD) {
        assert_int_equal(record.type, 7);
        len += (size_t)snprintf(out + len, cap - len, STR_FMT ",", STR_ARG(record.payload));
    }
    journal_reader_close(reader);
    return result;
}

static void records_come_back(void **state)
{
    (void)state;
    struct journal *journal = open_journal();
    char text[256];
    append(journal, "one");
    append(journal, "");
    append(journal, "three");
    assert_int_equal(read_all(1, text, sizeof(text)), JOURNAL_END);
    assert_string_equal(text, "one,,three,");
    assert_int_equal(journal_current(journal), 1);
    journal_close(journal);
    /* The next process writes a segment of its own. */
    journal = open_journal();
    assert_int_equal(journal_current(journal), 2);
    append(journal, "four");
    assert_int_equal(read_all(2, text, sizeof(text)), JOURNAL_END);
    assert_string_equal(text, "four,");
    uint64_t *segments;
    size_t count;
    struct error error;
    assert_int_equal(journal_list(dir, &segments, &count, &error), OK);
    assert_int_equal(count, 2);
    assert_true(segments[0] == 1 && segments[1] == 2);
    mem_free(segments);
    struct stat info;
    segment_path(text, 1);
    assert_int_equal(stat(text, &info), 0);
    assert_int_equal(info.st_size, 24 + 3 * 16 + 8);
    journal_close(journal);
}

static void reader_follows_the_writer(void **state)
{
    (void)state;
    struct journal *journal = open_journal();
    struct journal_reader *reader;
    struct journal_record record;
    struct error error;
    assert_int_equal(journal_reader_open(dir, 1, &reader, &error), OK);
    assert_int_equal(journal_reader_next(reader, &record, &error), JOURNAL_END);
    char text[64];
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(text, sizeof(text), "record %u", i);
        append(journal, text);
        if (i % 3 == 0)
            continue;
        for (unsigned k = i % 3 == 1 ? i - 1 : i; k <= i; k++) {
            (void)snprintf(text, sizeof(text), "record %u", k);
            assert_int_equal(journal_reader_next(reader, &record, &error), JOURNAL_RECORD);
            assert_str_equal(record.payload, text);
        }
        assert_int_equal(journal_reader_next(reader, &record, &error), JOURNAL_END);
    }
    uint64_t offset = journal_reader_offset(reader);
    append(journal, "again");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(journal_reader_next(reader, &record, &error), JOURNAL_RECORD);
        assert_str_equal(record.payload, "again");
        journal_reader_seek(reader, offset);
    }
    journal_reader_close(reader);
    journal_close(journal);
}

/* Cut at every byte of the last record: it never happened, the ones before did. */
static void torn_tails_are_cut_off(void **state)
{
    (void)state;
    struct journal *journal = open_journal();
    char text[256], path[256];
    append(journal, "kept");
    append(journal, "torn");
    journal_close(journal);
    segment_path(path, 1);
    for (off_t size = 24 + 16 + 4 + 16 + 3; size >= 24 + 16 + 4; size--) {
        assert_int_equal(truncate(path, size), 0);
        assert_int_equal(read_all(1, text, sizeof(text)), size == 44 ? JOURNAL_END : JOURNAL_TORN);
        assert_string_equal(text, "kept,");
    }
    for (off_t size = 24 + 16 + 3; size >= 0; size--) {
        assert_int_equal(truncate(path, size), 0);
        assert_int_equal(read_all(1, text, sizeof(text)), size == 24 || size == 0 ? JOURNAL_END : JOURNAL_TORN);
        assert_string_equal(text, "");
    }
}

/* Any byte of it changed: no record with other bytes is ever given out. */
static void damage_is_seen(void **state)
{
    (void)state;
    struct journal *journal = open_journal();
    char text[256], path[256];
    append(journal, "first");
    append(journal, "second");
    journal_close(journal);
    segment_path(path, 1);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (off_t at = 0; at < 24 + 16 + 5 + 16 + 6; at++) {
        char byte, other;
        if (at >= 20 && at < 24)
            continue; /* of no meaning yet */
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        other = (char)(byte ^ 0x20);
        assert_int_equal(pwrite(fd, &other, 1, at), 1);
        enum journal_read result = read_all(1, text, sizeof(text));
        assert_true(result == JOURNAL_DAMAGED || result == JOURNAL_TORN);
        assert_true(!strcmp(text, "") || !strcmp(text, "first,"));
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    /* Zeros where a record should be: space that a power failure left unwritten. */
    const char zeros[64] = {0};
    assert_int_equal(pwrite(fd, zeros, sizeof(zeros), 24 + 16 + 5), (ssize_t)sizeof(zeros));
    assert_int_equal(read_all(1, text, sizeof(text)), JOURNAL_TORN);
    assert_string_equal(text, "first,");
    close(fd);
}

static void segments_roll_and_go(void **state)
{
    (void)state;
    struct journal *journal = open_journal();
    struct error error;
    char text[256], path[256];
    append(journal, "old");
    assert_false(journal_is_due(journal, 1000));
    assert_true(journal_is_due(journal, 40));
    assert_int_equal(journal_roll(journal, &error), OK);
    assert_int_equal(journal_current(journal), 2);
    append(journal, "new");
    assert_int_equal(read_all(1, text, sizeof(text)), JOURNAL_END);
    assert_string_equal(text, "old,");
    assert_int_equal(read_all(2, text, sizeof(text)), JOURNAL_END);
    assert_string_equal(text, "new,");
    assert_int_equal(journal_bytes(journal), 2 * (24 + 16 + 3));
    assert_int_equal(journal_remove(journal, 1, false, &error), OK);
    assert_int_equal(journal_bytes(journal), 24 + 16 + 3);
    assert_int_equal(journal_remove(journal, 1, false, &error), OK); /* it is gone, as was wanted */
    assert_int_equal(journal_bytes(journal), 24 + 16 + 3);
    assert_int_equal(journal_roll(journal, &error), OK);
    assert_int_equal(journal_remove(journal, 2, true, &error), OK);
    (void)snprintf(path, sizeof(path), "%s/000000000002.damaged", dir);
    assert_int_equal(access(path, F_OK), 0);
    struct journal_reader *reader;
    assert_int_equal(journal_reader_open(dir, 2, &reader, &error), ERROR_NOT_FOUND);
    journal_close(journal);
}

static void limit_holds(void **state)
{
    (void)state;
    struct journal *journal;
    struct error error;
    assert_int_equal(journal_open(dir, 400, &journal, &error), OK);
    /* 24 + 26 a record, as many promised: 24 + 7 * 52 = 388 */
    for (int i = 0; i < 7; i++)
        assert_int_equal(journal_append(journal, 7, STR("0123456789"), 10, &error), OK);
    assert_int_equal(journal_append(journal, 7, STR("0123456789"), 10, &error), ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "/journal has reached its limit of 400 bytes"));
    /* What was promised still goes in. */
    for (int i = 0; i < 7; i++)
        assert_int_equal(journal_append(journal, 7, STR("0123456789"), -10, &error), OK);
    journal_forgive(journal, 10); /* more than there is: nothing underflows */
    assert_int_equal(journal_append(journal, 7, STR("0123456789"), 10, &error), ERROR_UNAVAILABLE);
    static char large[JOURNAL_RECORD_MAX + 1];
    assert_int_equal(journal_append(journal, 7, (struct str){large, sizeof(large)}, 0, &error), ERROR_TOO_LARGE);
    journal_close(journal);
}

/* A write that the disk takes half of is taken back whole. */
static void half_a_write_is_taken_back(void **state)
{
    (void)state;
    struct journal *journal = open_journal();
    struct error error;
    struct rlimit before, small;
    char text[256];
    append(journal, "whole");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    for (rlim_t room = 0; room < 16 + 5; room++) {
        small = before;
        small.rlim_cur = 24 + 16 + 5 + room;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        enum error_code code = journal_append(journal, 7, STR("other"), 0, &error);
        enum error_code promised = journal_append(journal, 7, STR("other"), 5, &error);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(code, ERROR_IO);
        assert_int_equal(promised, ERROR_UNAVAILABLE);
        assert_int_equal(read_all(1, text, sizeof(text)), JOURNAL_END);
        assert_string_equal(text, "whole,");
    }
    append(journal, "other");
    assert_int_equal(read_all(1, text, sizeof(text)), JOURNAL_END);
    assert_string_equal(text, "whole,other,");
    (void)signal(SIGXFSZ, SIG_DFL);
    journal_close(journal);
}

/* A reader that saw the half of a record which was then taken back goes on with what stands at its place now, whatever
 * the lengths: nothing of the window is kept. */
static void what_was_taken_back_is_not_remembered(void **state)
{
    (void)state;
    static const char long_text[] = "a record with a longer payload than all of the others";
    const size_t whole_len = 16 + sizeof(long_text) - 1;
    struct journal_reader *reader;
    struct journal_record record;
    struct error error;
    char path[256];
    uint8_t bytes[128];
    struct journal *journal = open_journal();
    append(journal, "kept");
    append(journal, long_text);
    segment_path(path, 1);
    int fd = open(path, O_RDWR | O_APPEND);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, bytes, whole_len, 44), (ssize_t)whole_len);
    for (size_t torn = 1; torn < whole_len; torn++) {
        assert_int_equal(ftruncate(fd, 44), 0);
        assert_int_equal(journal_reader_open(dir, 1, &reader, &error), OK);
        assert_int_equal(journal_reader_next(reader, &record, &error), JOURNAL_RECORD);
        assert_int_equal(write(fd, bytes, torn), (ssize_t)torn);
        assert_int_equal(journal_reader_next(reader, &record, &error), JOURNAL_TORN);
        assert_int_equal(ftruncate(fd, 44), 0);
        append(journal, "x");
        append(journal, "another");
        assert_int_equal(journal_reader_next(reader, &record, &error), JOURNAL_RECORD);
        assert_str_equal(record.payload, "x");
        assert_int_equal(journal_reader_next(reader, &record, &error), JOURNAL_RECORD);
        assert_str_equal(record.payload, "another");
        assert_int_equal(journal_reader_next(reader, &record, &error), JOURNAL_END);
        journal_reader_close(reader);
    }
    close(fd);
    journal_close(journal);
}

static void bad_directories(void **state)
{
    (void)state;
    struct journal *journal;
    struct error error;
    char path[5000];
    assert_int_equal(journal_open("/proc/no/such", LIMIT, &journal, &error), ERROR_IO);
    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(journal_open(path, LIMIT, &journal, &error), ERROR_INVALID);
    (void)snprintf(path, sizeof(path), "%s/file", test_root);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(journal_open(path, LIMIT, &journal, &error), ERROR_IO);
    uint64_t *segments;
    size_t count;
    assert_int_equal(journal_list("/no/such/directory", &segments, &count, &error), OK);
    assert_int_equal(count, 0);
    assert_null(segments);
}

#define THREADS 4
#define EACH 2000

static void *append_many(void *ctx)
{
    struct error error;
    char text[32];
    for (int i = 0; i < EACH; i++) {
        int len = snprintf(text, sizeof(text), "%d", i);
        if (journal_append(ctx, 7, (struct str){text, (size_t)len}, 0, &error) != OK)
            return ctx;
    }
    return NULL;
}

/* Several write, one reads behind and rolls: every record once. Prints what an append costs. */
static void many_threads(void **state)
{
    (void)state;
    struct journal *journal = open_journal();
    struct journal_reader *reader = NULL;
    struct journal_record record;
    struct error error;
    pthread_t threads[THREADS];
    uint64_t segment = 1, count = 0, begin = clock_now_us();
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, append_many, journal), 0);
    while (count < THREADS * EACH) {
        uint64_t current = journal_current(journal);
        if (!reader)
            assert_int_equal(journal_reader_open(dir, segment, &reader, &error), OK);
        enum journal_read result = journal_reader_next(reader, &record, &error);
        if (result == JOURNAL_RECORD) {
            count++;
            continue;
        }
        assert_true(result == JOURNAL_END || result == JOURNAL_TORN);
        if (segment < current) {
            assert_int_equal(result, JOURNAL_END);
            journal_reader_close(reader);
            reader = NULL;
            assert_int_equal(journal_remove(journal, segment++, false, &error), OK);
        } else if (journal_is_due(journal, 20000)) {
            assert_int_equal(journal_roll(journal, &error), OK);
        } else {
            journal_wait(journal, segment, journal_reader_offset(reader), 100);
        }
    }
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    print_message("%.1f us for each append, %d threads and a reader\n",
                  (double)(clock_now_us() - begin) / (THREADS * EACH), THREADS);
    journal_reader_close(reader);
    journal_close(journal);
}

static void waits_end(void **state)
{
    (void)state;
    struct journal *journal = open_journal();
    uint64_t begin = clock_now_us();
    journal_wait(journal, 1, 24, 30);
    assert_true(clock_now_us() - begin >= 29000);
    journal_wake(journal);
    journal_wait(journal, 1, 24, 60000);
    append(journal, "a");
    journal_wait(journal, 1, 24, 60000);
    journal_close(journal);
}

static void journal_out_of_memory(void **state)
{
    (void)state;
    struct error error = {.code = OK};
    enum error_code code = ERROR_NO_MEMORY;
    journal_close(open_journal());
    for (uint64_t n = 1; code != OK; n++) {
        struct journal *journal = NULL;
        struct journal_reader *reader = NULL;
        mem_fail_at(n);
        code = journal_open(dir, LIMIT, &journal, &error);
        if (code == OK)
            code = journal_reader_open(dir, journal_current(journal), &reader, &error);
        mem_fail_at(0);
        assert_true(code == OK || code == ERROR_NO_MEMORY);
        journal_reader_close(reader);
        journal_close(journal);
    }
}

/* --- SQL --- */

static struct sql *open_sql(enum sql_mode mode)
{
    char path[128];
    struct sql *sql;
    struct error error;
    (void)snprintf(path, sizeof(path), "%s/test.db", test_root);
    if (sql_open(path, mode, &sql, &error) != OK)
        fail_msg("%s", error.message);
    return sql;
}

static void rows_come_back(void **state)
{
    (void)state;
    struct error error;
    struct sql *sql = open_sql(SQL_WRITE);
    struct sql_statement *statement;
    bool has_row;
    int64_t version;
    const char *schema = "CREATE TABLE t (a INTEGER UNIQUE, b TEXT, c TEXT); PRAGMA user_version = 3;";
    assert_int_equal(sql_exec(sql, schema, &error), OK);
    assert_int_equal(sql_version(sql, &version, &error), OK);
    assert_int_equal(version, 3);
    assert_int_equal(sql_prepare(sql, "INSERT INTO t VALUES (?, ?, ?)", &statement, &error), OK);
    for (int i = 0; i < 3; i++) {
        sql_bind_int(statement, 1, INT64_MAX - i);
        sql_bind_text(statement, 2, STR("text\0more"));
        sql_bind_null(statement, 3);
        assert_int_equal(sql_run(statement, &error), OK);
    }
    assert_int_equal(sql_run(statement, &error), ERROR_CONFLICT);
    sql_free(statement);

    struct sql *other = open_sql(SQL_READ);
    assert_int_equal(sql_exec(other, "DELETE FROM t", &error), ERROR_IO);
    assert_int_equal(sql_exec(other, "CREATE TEMP TABLE own (a)", &error), OK);
    assert_int_equal(sql_prepare(other, "SELECT a, b, c FROM t ORDER BY a DESC", &statement, &error), OK);
    assert_int_equal(sql_step(statement, &has_row, &error), OK);
    assert_true(has_row && sql_int(statement, 0) == INT64_MAX && sql_is_null(statement, 2));
    assert_int_equal(sql_text(statement, 1).len, 9);
    assert_int_equal(sql_text(statement, 2).len, 0);
    sql_free(statement);
    sql_close(other);
    assert_int_equal(sql_exec(sql, "BEGIN IMMEDIATE; DELETE FROM t", &error), OK);
    sql_rollback(sql);
    sql_rollback(sql); /* there is none */
    assert_int_equal(sql_prepare(sql, "SELECT COUNT(*) FROM t", &statement, &error), OK);
    assert_int_equal(sql_step(statement, &has_row, &error), OK);
    assert_int_equal(sql_int(statement, 0), 3);
    sql_free(statement);
    sql_close(sql);
}

/* Sums in one column: whatever their sign and size, in rows and packed, and lists that are none. */
static void packed_sums(void **state)
{
    (void)state;
    char path[128];
    struct sql *sql;
    struct sql_statement *row;
    struct error error;
    bool has_row;
    __int128 values[4];
    (void)snprintf(path, sizeof(path), "%s/pack.db", test_root);
    assert_int_equal(sql_open(path, SQL_WRITE, &sql, &error), OK);
    assert_int_equal(sql_exec(sql, "CREATE TABLE t (g, a, b, c); CREATE TABLE p (packed);"
                                   "INSERT INTO t VALUES (1, 9223372036854775807, -9223372036854775808, NULL),"
                                   "(1, 9223372036854775807, -9223372036854775808, 0), (2, 1, -1, NULL), "
                                   "(2, 63, 64, 0);"
                                   "INSERT INTO p SELECT pack(a, b, c) FROM t GROUP BY g", &error), OK);
    assert_int_equal(sql_prepare(sql, "SELECT fold(packed), max(length(packed)), min(packed_at(packed, 1)), "
                                      "fold2(fold(packed), x'0000000a') FROM p", &row, &error), OK);
    assert_int_equal(sql_step(row, &has_row, &error), OK);
    assert_true(has_row && sql_unpack(sql_blob(row, 0), values, 4));
    assert_true(values[0] == (__int128)INT64_MAX * 2 + 64 && values[1] == (__int128)INT64_MIN * 2 + 63);
    assert_true(values[2] == 0 && values[3] == 0 && sql_int(row, 1) == 20);
    assert_true(sql_unpack(sql_blob(row, 3), values, 4) && values[3] == 5);
    assert_false(sql_unpack(sql_blob(row, 3), values, 3)); /* it has more than we know */
    sql_free(row);
    assert_int_equal(sql_exec(sql, "INSERT INTO p VALUES (NULL), (x''); SELECT fold(packed) FROM p", &error), OK);
    assert_int_equal(sql_exec(sql, "INSERT INTO p VALUES (x'80')", &error), OK);
    assert_int_equal(sql_exec(sql, "SELECT fold(packed) FROM p", &error), ERROR_INTERNAL);
    assert_non_null(strstr(error.message, "a packed list is damaged"));
    sql_close(sql);
}

static void sql_errors(void **state)
{
    (void)state;
    char path[128];
    struct sql *sql;
    struct sql_statement *statement;
    struct error error;
    (void)snprintf(path, sizeof(path), "%s/none/x.db", test_root);
    assert_int_equal(sql_open(path, SQL_WRITE, &sql, &error), ERROR_IO);
    assert_non_null(strstr(error.message, "none/x.db: "));
    (void)snprintf(path, sizeof(path), "%s/x.db", test_root);
    assert_int_equal(sql_open(path, SQL_READ, &sql, &error), ERROR_IO);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        assert_true(fputs("this is no database. ", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(sql_open(path, SQL_WRITE, &sql, &error), ERROR_INTERNAL);
    sql = open_sql(SQL_WRITE);
    assert_int_equal(sql_prepare(sql, "SELECT a FROM nowhere", &statement, &error), ERROR_INTERNAL);
    assert_non_null(strstr(error.message, "no such table"));
    assert_int_equal(sql_exec(sql, "SELEC", &error), ERROR_INTERNAL);
    sql_close(sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define EACH_IN_ITS_OWN(test) cmocka_unit_test_setup_teardown(test, make_root, test_root_remove)
        EACH_IN_ITS_OWN(records_come_back),
        EACH_IN_ITS_OWN(reader_follows_the_writer),
        EACH_IN_ITS_OWN(torn_tails_are_cut_off),
        EACH_IN_ITS_OWN(damage_is_seen),
        EACH_IN_ITS_OWN(segments_roll_and_go),
        EACH_IN_ITS_OWN(limit_holds),
        EACH_IN_ITS_OWN(half_a_write_is_taken_back),
        EACH_IN_ITS_OWN(what_was_taken_back_is_not_remembered),
        EACH_IN_ITS_OWN(bad_directories),
        EACH_IN_ITS_OWN(many_threads),
        EACH_IN_ITS_OWN(waits_end),
        EACH_IN_ITS_OWN(journal_out_of_memory),
        EACH_IN_ITS_OWN(rows_come_back),
        EACH_IN_ITS_OWN(packed_sums),
        EACH_IN_ITS_OWN(sql_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
