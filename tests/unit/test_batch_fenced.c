/* Two runners at one batch job, one of which has lost its claim and does not know it yet. */
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "batch/input.h"
#include "batch/job_db.h"
#include "batch/output.h"
#include "batch/results.h"
#include "batch/runner.h"
#include "core/io.h"
#include "core/log.h"

#define TOTAL 6

static struct results *open_log(uint64_t fence, struct batch_counts *counts)
{
    struct results *results;
    struct error error;
    *counts = (struct batch_counts){0};
    assert_int_equal(results_open(test_root, fence, TOTAL, &results, counts, &error), OK);
    return results;
}

static enum error_code append(struct results *results, uint64_t number, const char *whose)
{
    char outcome[64];
    struct error error;
    (void)snprintf(outcome, sizeof(outcome), "%llu of %s", (unsigned long long)number, whose);
    const struct result result = {.number = number, .line = STR("line"), .outcome = str_of(outcome)};
    return results_append(results, &result, &error);
}

/* "0:one 1:two ...": whose result of each record the log has. */
static void check_log(struct results *results, const char *wanted)
{
    char text[256] = "";
    struct buf buf;
    buf_init(&buf, 1000);
    for (uint64_t i = 0; i < TOTAL; i++) {
        struct result result;
        struct error error;
        enum error_code code = results_read(results, i, &buf, &result, &error);
        if (code == ERROR_NOT_FOUND)
            continue;
        assert_int_equal(code, OK);
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), STR_FMT "; ", STR_ARG(result.outcome));
    }
    assert_string_equal(text, wanted);
    buf_deinit(&buf);
}

/* The names in the directory, in order. */
static void check_files(const char *wanted)
{
    struct dirent **entries;
    char text[4096] = "";
    int count = scandir(test_root, &entries, NULL, alphasort);
    assert_true(count >= 0);
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.')
            (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.60s ", entries[i]->d_name);
        free(entries[i]); /* lint: allow(memory) scandir's own */
    }
    free(entries); /* lint: allow(memory) scandir's own */
    assert_string_equal(text, wanted);
}

static ino_t file_of(const char *name)
{
    char path[128];
    struct stat info;
    (void)snprintf(path, sizeof(path), "%s/%s", test_root, name);
    assert_int_equal(stat(path, &info), 0);
    return info.st_ino;
}

/* --- logs of results --------------------------------------------------------------------------------- */

static void who_lost_the_claim_appends_to_a_log_of_its_own(void **state)
{
    (void)state;
    struct batch_counts counts;
    struct error error;
    struct results *one = open_log(1, &counts), *two, *lost;
    assert_int_equal(append(one, 0, "one"), OK);
    assert_int_equal(append(one, 1, "one"), OK);
    two = open_log(2, &counts);
    assert_int_equal(counts.success, 2);
    assert_int_equal(append(one, 2, "one"), OK); /* it does not know */
    assert_int_equal(append(two, 3, "two"), OK);
    assert_int_equal(append(one, 3, "one"), OK);
    assert_int_equal(append(two, 2, "two"), OK);
    assert_int_equal(append(one, 5, "one"), OK);
    check_log(two, "0 of one; 1 of one; 2 of two; 3 of two; ");
    assert_int_equal(results_open(test_root, 1, TOTAL, &lost, &counts, &error), ERROR_CONFLICT);
    results_close(two);
    results_close(one);
    two = open_log(2, &counts); /* the same claim again */
    assert_int_equal(counts.success, 4);
    check_log(two, "0 of one; 1 of one; 2 of two; 3 of two; ");
    check_files("results.2 slots.2 ");
    results_close(two);
}

/* Nobody writes into it any more, so there is nothing to copy. */
static void the_log_of_who_is_gone_is_taken_as_it_is(void **state)
{
    (void)state;
    struct batch_counts counts;
    struct results *results = open_log(3, &counts);
    assert_int_equal(append(results, 4, "three"), OK);
    results_close(results);
    ino_t file = file_of("results.3");
    results = open_log(12, &counts);
    assert_int_equal(counts.success, 1);
    assert_int_equal(append(results, 0, "twelve"), OK);
    check_log(results, "0 of twelve; 4 of three; ");
    check_files("results.12 slots.12 ");
    assert_true(file_of("results.12") == file);
    results_close(results);
}

/* Programs of before named no fence; theirs is older than any. A copy that was broken off counts for nothing. */
static void a_log_without_a_number_is_taken(void **state)
{
    (void)state;
    char from[128], to[128];
    struct batch_counts counts;
    struct results *results = open_log(1, &counts);
    assert_int_equal(append(results, 1, "before"), OK);
    results_close(results);
    (void)snprintf(from, sizeof(from), "%s/results.1", test_root);
    (void)snprintf(to, sizeof(to), "%s/results", test_root);
    assert_int_equal(rename(from, to), 0);
    (void)snprintf(from, sizeof(from), "%s/slots.1", test_root);
    (void)snprintf(to, sizeof(to), "%s/slots", test_root);
    assert_int_equal(rename(from, to), 0);
    (void)snprintf(to, sizeof(to), "%s/results.2.new", test_root);
    int fd = open(to, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "half", 4), 4);
    close(fd);
    results = open_log(3, &counts);
    assert_int_equal(counts.success, 1);
    check_log(results, "1 of before; ");
    check_files("results.3 slots.3 ");
    results_close(results);
}

/* At whatever byte the other one is when its log is copied: each round it is one that has written a part more. */
static void a_copy_ends_with_the_last_whole_result(void **state)
{
    (void)state;
    for (uint64_t fence = 1; fence < 100; fence += 2) {
        char path[128];
        struct batch_counts counts;
        struct stat info;
        struct results *one = open_log(fence, &counts);
        (void)snprintf(path, sizeof(path), "%s/results.%llu", test_root, (unsigned long long)fence);
        assert_int_equal(append(one, 0, "one"), OK);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(append(one, 1, "one"), OK);
        assert_int_equal(truncate(path, info.st_size + (off_t)fence / 2), 0);
        struct results *two = open_log(fence + 1, &counts);
        assert_int_equal(counts.success, 1);
        assert_int_equal(append(two, 1, "two"), OK);
        check_log(two, "0 of one; 1 of two; ");
        results_close(one);
        results_close(two);
        (void)snprintf(path, sizeof(path), "%s/results.%llu", test_root, (unsigned long long)fence + 1);
        assert_int_equal(unlink(path), 0);
    }
}

/* Whichever call on a file fails while a log is taken over, by a new name or by a copy: the next try has all. */
static void a_take_over_that_fails_is_tried_again(void **state)
{
    (void)state;
    struct batch_counts counts;
    uint64_t fence = 1, failures = 0;
    struct results *before = open_log(fence, &counts);
    assert_int_equal(append(before, 0, "one"), OK);
    assert_int_equal(append(before, 3, "one"), OK);
    for (uint64_t n = 1; n < 40; n++) {
        struct results *results = NULL;
        struct error error;
        if (n % 2) { /* its owner is gone */
            results_close(before);
            before = NULL;
        }
        fence++;
        counts = (struct batch_counts){0};
        io_fail_at(n / 2 + 1, ENOSPC);
        enum error_code code = results_open(test_root, fence, TOTAL, &results, &counts, &error);
        io_fail_at(0, 0);
        failures += code != OK;
        if (code != OK)
            results = open_log(fence, &counts);
        assert_int_equal(counts.success, 2);
        check_log(results, "0 of one; 3 of one; ");
        results_close(before);
        before = results;
    }
    assert_true(failures > 5);
    results_close(before);
}

/* --- a runner ---------------------------------------------------------------------------------------- */

#define ID "aaaaaaaaaaaa"

/* One of two gateways on one data directory: it has claimed the job, opened the log, and the engine is at a record. */
struct gateway {
    struct config config;
    struct batch_options options;
    struct runner runner;
    struct runner_model model;
    struct active *active;
};

static void ignore_wake(uv_async_t *wake)
{
    (void)wake;
}

static void gateway_open(struct gateway *gateway, const char *owner, uint64_t now_us)
{
    static const struct job_kind *const kinds[] = {&batch_job_kind};
    struct error error;
    bool has_job;
    struct batch_counts counts = {0};
    const struct job_lease lease = {str_of(owner), now_us, now_us + 100};
    *gateway = (struct gateway){.config = {.data = test_root}};
    gateway->options.config = &gateway->config;
    gateway->runner.options = &gateway->options;
    gateway->runner.renewed_us = clock_now_us();
    assert_int_equal(jobs_open(test_root, kinds, 1, &gateway->runner.store, &error), OK);
    assert_int_equal(uv_loop_init(&gateway->runner.loop), 0);
    assert_int_equal(uv_async_init(&gateway->runner.loop, &gateway->runner.wake, ignore_wake), 0);
    struct active *active = gateway->active = active_new(&gateway->runner);
    assert_int_equal(job_db_claim(gateway->runner.store, &lease, true, &active->arena, &active->job, &active->claim,
                                  &has_job, &error), OK);
    assert_true(has_job && !strcmp(active->job.id, ID));
    active_begin(active);
    (void)mkdir(active->dir, 0700);
    assert_int_equal(results_open(active->dir, active->claim.fence, TOTAL, &active->results, &counts, &error), OK);
    active->models = mem_calloc(1, sizeof(*active->models));
    active->model_count = 1;
    active->models[0].shared = &gateway->model;
    active->job.counts = counts;
    active->job.counts.total = TOTAL;
    active->step = ACTIVE_RUNNING;
}

static void gateway_close(struct gateway *gateway)
{
    active_free(gateway->active);
    jobs_close(gateway->runner.store);
    uv_close((uv_handle_t *)&gateway->runner.wake, NULL);
    (void)uv_run(&gateway->runner.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&gateway->runner.loop), 0);
}

/* The engine is done with the record; it costs nothing, so that no ledger is needed. */
static void land(struct gateway *gateway, uint64_t number, const char *whose)
{
    struct flight *flight = flight_new(gateway->active, number, 0);
    flight->state = FLIGHT_RUNNING;
    gateway->model.in_flight++;
    flight_queue_add(&gateway->active->running, flight);
    buf_appendf(&flight->outcome, "%llu of %s", (unsigned long long)number, whose);
    flight->is_error = true;
    active_landed(flight);
}

static void make_job(void)
{
    static const struct job_kind *const kinds[] = {&batch_job_kind};
    struct jobs *jobs;
    struct error error;
    bool is_new;
    char path[128];
    struct batch_job job = {.id = ID, .tenant = STR("a"), .account = STR(""), .region = STR(""),
                            .name = STR("name"), .token = STR(""), .model_id = STR("tiny"), .role_arn = STR(""),
                            .input_uri = STR(""), .output_uri = STR(""), .request = STR("{}")};
    (void)snprintf(path, sizeof(path), "%s/batch", test_root);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(jobs_open(test_root, kinds, 1, &jobs, &error), OK);
    assert_int_equal(job_db_create(jobs, &job, 1, &is_new, &error), OK);
    jobs_close(jobs);
}

static void two_runners_leave_one_result_of_each_record(void **state)
{
    (void)state;
    struct gateway one, two;
    make_job();
    gateway_open(&one, "one", 1000);
    land(&one, 0, "one");
    land(&one, 1, "one");
    gateway_open(&two, "two", 1101); /* the lease has run out, and its owner thinks that it holds */
    assert_int_equal(two.active->job.counts.errors, 2);
    land(&one, 2, "one");
    land(&two, 2, "two");
    land(&one, 3, "one");
    for (uint64_t i = 3; i < TOTAL; i++)
        land(&two, i, "two");
    check_log(two.active->results, "0 of one; 1 of one; 2 of two; 3 of two; 4 of two; 5 of two; ");
    assert_int_equal(two.active->job.counts.errors, TOTAL);
    active_look(one.active);
    assert_true(one.active->is_lost && active_is_over(one.active));
    active_look(two.active);
    assert_false(two.active->is_lost);
    gateway_close(&one);
    gateway_close(&two);
}

/* A process that stood still longer than a lease asks whose the job is before it writes anything. */
static void a_runner_that_stood_still_asks_first(void **state)
{
    (void)state;
    struct gateway one;
    make_job();
    gateway_open(&one, "one", 1000);
    land(&one, 0, "one");
    check_log(one.active->results, "0 of one; ");
    one.runner.renewed_us -= 60000000; /* a minute ago */
    assert_false(runner_may_write(&one.runner));
    land(&one, 1, "one");
    check_log(one.active->results, "0 of one; ");
    assert_non_null(one.active->landed.first); /* kept, in case the job is still its own */
    gateway_close(&one);
}

/* --- inputs ------------------------------------------------------------------------------------------ */

static void write_input(const char *dir, const char *text)
{
    struct input_writer *writer;
    struct error error;
    const struct order_key key = {{0}};
    const struct line line = {.text = str_of(text), .number = 1};
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(input_writer_new(dir, &writer, &error), OK);
    assert_int_equal(input_writer_file(writer, STR("a.jsonl"), &error), OK);
    assert_int_equal(input_writer_record(writer, &line, true, 0, &key, &error), OK);
    assert_int_equal(input_writer_finish(writer, &error), OK);
    input_writer_free(writer);
}

static void an_input_is_one_claims_or_one_of_before(void **state)
{
    (void)state;
    char before[128], records[160];
    struct input *input;
    struct error error;
    struct buf line;
    buf_init(&line, 100);
    (void)snprintf(before, sizeof(before), "%s/job", test_root);
    (void)snprintf(records, sizeof(records), "%s/" INPUT_DIRECTORY, before);
    write_input(before, "before");
    assert_int_equal(input_open(before, &input, &error), OK);
    assert_int_equal(input_read(input, 0, &line, NULL, &error), OK);
    assert_str_equal(buf_str(&line), "before");
    input_close(input);
    write_input(records, "now");
    assert_int_equal(input_open(before, &input, &error), OK);
    assert_int_equal(input_read(input, 0, &line, NULL, &error), OK);
    assert_str_equal(buf_str(&line), "now");
    input_close(input);
    buf_deinit(&line);
}

/* --- outputs ------------------------------------------------------------------------------------------ */

/* No object store is asked: there is none here. */
static void who_lost_the_claim_puts_no_output(void **state)
{
    (void)state;
    char records[BATCH_PATH_MAX + 16];
    struct gateway one, two;
    struct error error;
    struct input *input;
    const atomic_bool is_cancelled = false;
    make_job();
    gateway_open(&one, "one", 1000);
    (void)snprintf(records, sizeof(records), "%s/" INPUT_DIRECTORY, one.active->dir);
    write_input(records, "{}");
    assert_int_equal(input_open(one.active->dir, &input, &error), OK);
    land(&one, 0, "one");
    gateway_open(&two, "two", 1101);
    one.active->job.output_uri = STR("s3://bucket/out/");
    const struct output_source source = {&one.options,         &one.active->job, one.runner.store,
                                         &one.active->claim,   one.active->dir,  input,
                                         one.active->results, &is_cancelled, BATCH_MISSING_STOPPED};
    assert_int_equal(output_put(&source, &error), ERROR_CONFLICT);
    assert_string_equal(error.message, "another runner has claimed batch job " ID);
    input_close(input);
    gateway_close(&one);
    gateway_close(&two);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_root_make, test_root_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_lost_the_claim_appends_to_a_log_of_its_own),
        TEST(the_log_of_who_is_gone_is_taken_as_it_is),
        TEST(a_log_without_a_number_is_taken),
        TEST(a_copy_ends_with_the_last_whole_result),
        TEST(a_take_over_that_fails_is_tried_again),
        TEST(two_runners_leave_one_result_of_each_record),
        TEST(a_runner_that_stood_still_asks_first),
        TEST(an_input_is_one_claims_or_one_of_before),
        TEST(who_lost_the_claim_puts_no_output),
    };
    log_configure(LOG_OFF, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
