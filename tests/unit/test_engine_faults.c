/* test_engine_faults.c - what the gateway's side does when a worker misbehaves.
 *
 * The worker is bench/instant_worker, which INSTANT_FAULT tells what to do
 * wrong. Whatever it is, each call must end exactly once, in time. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/util.h"
#include "support.h"
#include "support_engine.h"

#define CALLS 6

static char worker_path[4096];

struct reply {
    struct engine_call *call;
    enum error_code code;
    uint32_t texts, ends;
    bool is_started;
};

/* What the worker is told to do wrong. */
static struct config config_of(const char *fault)
{
    static struct config_model model;
    setenv("INSTANT_FAULT", fault, 1);
    model = (struct config_model){.name = "instant", .path = "-", .worker = worker_path};
    return (struct config){.models = &model, .model_count = 1, .log_level = LOG_OFF};
}

static struct engine_bed *bed_new(const char *fault)
{
    const struct config config = config_of(fault);
    return engine_bed_new(&config);
}

static struct engine_bed *bed_open(const char *fault)
{
    const struct config config = config_of(fault);
    return engine_bed_open(&config);
}

static void on_started(void *ctx, const struct engine_started *started)
{
    (void)started;
    ((struct reply *)ctx)->is_started = true;
}

static void on_text(void *ctx, struct str text, uint32_t tokens)
{
    (void)text;
    (void)tokens;
    ((struct reply *)ctx)->texts++;
}

static void on_finished(void *ctx, const struct engine_finished *finished)
{
    (void)finished;
    ((struct reply *)ctx)->ends++;
}

static void on_failed(void *ctx, const struct error *error)
{
    ((struct reply *)ctx)->ends++;
    ((struct reply *)ctx)->code = error->code;
}

static bool begin(struct engine_bed *bed, struct reply *reply)
{
    static const struct engine_handlers handlers = {on_started, on_text, on_finished, on_failed, NULL, NULL};
    static const struct engine_segment segment = {.text = {"hello", 5}};
    const struct engine_request request = {.segments = &segment, .segment_count = 1};
    struct error error;
    *reply = (struct reply){0};
    reply->call = engine_generate(bed->port, 0, &request, &handlers, reply, &error);
    return reply->call != NULL;
}

static bool all_ended(const struct reply *replies)
{
    for (size_t i = 0; i < CALLS; i++)
        if (replies[i].ends == 0)
            return false;
    return true;
}

/* CALLS calls at once, of which the second meets the fault; all must end, and the engine must come back. */
static void meet(const char *fault, enum error_code second, bool dies)
{
    struct engine_bed *bed = bed_open(fault);
    struct reply replies[CALLS];
    struct engine_counters counters;
    for (size_t i = 0; i < CALLS; i++)
        assert_true(begin(bed, &replies[i]));
    RUN_UNTIL(bed, all_ended(replies));
    assert_int_equal(replies[0].code, OK);
    assert_int_equal(replies[1].code, second);
    for (size_t i = 2; i < CALLS; i++) {
        assert_int_equal(replies[i].ends, 1);
        assert_int_equal(replies[i].code, dies ? ERROR_UNAVAILABLE : OK);
    }
    engine_counters(bed->engine, 0, &counters);
    assert_int_equal(counters.queue_depth, 0);
    assert_int_equal(counters.running, 0);
    RUN_UNTIL(bed, (!dies || engine_bed_restarts(bed) == 1) && engine_model_is_ready(bed->engine, 0));
    struct reply next;
    assert_true(begin(bed, &next));
    RUN_UNTIL(bed, next.ends == 1);
    assert_int_equal(next.code, OK);
    engine_bed_close(bed);
}

static void test_crash(void **state)
{
    (void)state;
    meet("crash:2", ERROR_MODEL, true);
}

static void test_hang(void **state)
{
    (void)state;
    const uint64_t before = limits_in_force.worker_silence_ms;
    limits_in_force.worker_silence_ms = 700;
    meet("hang:2", ERROR_UNAVAILABLE, true);
    limits_in_force.worker_silence_ms = before;
}

/* A model thread in one piece of work for ever, beside a front thread that is well. */
static void test_stuck_model_thread(void **state)
{
    (void)state;
    const uint64_t before = limits_in_force.worker_silence_ms;
    limits_in_force.worker_silence_ms = 700;
    meet("stuck:2", ERROR_UNAVAILABLE, true);
    limits_in_force.worker_silence_ms = before;
}

/* Silence is counted in looks: a machine that stood still (suspended, moved, swapping) kills nobody. */
static void test_machine_stood_still(void **state)
{
    (void)state;
    const uint64_t before = limits_in_force.worker_silence_ms;
    limits_in_force.worker_silence_ms = 2000;
    struct engine_bed *bed = bed_open("");
    const int pid = engine_worker_pid(bed->engine, 0);
    assert_true(pid > 0);
    kill(pid, SIGSTOP);
    usleep(2500000); /* and this loop does not turn either */
    kill(pid, SIGCONT);
    struct reply reply;
    for (unsigned i = 0; i < 20; i++) {
        assert_true(begin(bed, &reply));
        RUN_UNTIL(bed, reply.ends == 1);
        assert_int_equal(reply.code, OK);
        usleep(50000);
    }
    assert_int_equal(engine_bed_restarts(bed), 0);
    engine_bed_close(bed);
    limits_in_force.worker_silence_ms = before;
}

/* Its worker dies once, and cannot be started again before `mend`. */
static void dies_and_comes_back(struct engine_bed *bed, void (*mend)(void))
{
    struct reply reply;
    assert_true(begin(bed, &reply));
    RUN_UNTIL(bed, reply.ends == 1);
    assert_int_equal(reply.code, ERROR_MODEL);
    RUN_UNTIL(bed, engine_bed_restarts(bed) >= 4);
    assert_false(engine_model_is_ready(bed->engine, 0));
    mend();
    RUN_UNTIL(bed, engine_model_is_ready(bed->engine, 0));
    assert_true(begin(bed, &reply));
    RUN_UNTIL(bed, reply.ends == 1);
    assert_int_equal(reply.code, OK);
}

static struct rlimit descriptors;

static void allow_descriptors(void)
{
    setenv("INSTANT_FAULT", "", 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &descriptors), 0);
}

static void test_start_that_fails_for_now(void **state)
{
    (void)state;
    struct engine_bed *bed = bed_open("crash:1");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &descriptors), 0);
    const struct rlimit none = {.rlim_cur = 3, .rlim_max = descriptors.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    dies_and_comes_back(bed, allow_descriptors);
    engine_bed_close(bed);
}

static char link_path[64];

static void put_program_back(void)
{
    setenv("INSTANT_FAULT", "", 1);
    assert_int_equal(symlink(worker_path, link_path), 0);
}

static void test_program_that_is_away(void **state)
{
    (void)state;
    const uint64_t before = limits_in_force.worker_retry_ms;
    limits_in_force.worker_retry_ms = 50;
    snprintf(link_path, sizeof(link_path), "/tmp/fulcrum-worker-%d", (int)getpid());
    assert_int_equal(symlink(worker_path, link_path), 0);
    struct config config = config_of("crash:1");
    struct config_model model = config.models[0];
    model.worker = link_path;
    config.models = &model;
    struct engine_bed *bed = engine_bed_open(&config);
    assert_int_equal(unlink(link_path), 0);
    dies_and_comes_back(bed, put_program_back);
    engine_bed_close(bed);
    assert_int_equal(unlink(link_path), 0);
    limits_in_force.worker_retry_ms = before;
}

static void put_file_back(void)
{
    setenv("INSTANT_FAULT", "", 1);
}

/* What requests were checked against and priced by was the first file. */
static void test_file_that_was_changed(void **state)
{
    (void)state;
    const uint64_t before = limits_in_force.worker_retry_ms;
    limits_in_force.worker_retry_ms = 50;
    struct engine_bed *bed = bed_open("crash:1");
    setenv("INSTANT_FAULT", "other", 1);
    dies_and_comes_back(bed, put_file_back);
    engine_bed_close(bed);
    limits_in_force.worker_retry_ms = before;
}

static void test_garbage(void **state)
{
    (void)state;
    meet("garbage:2", ERROR_UNAVAILABLE, true);
}

static void test_wrong_frame(void **state)
{
    (void)state;
    meet("wrong:2", ERROR_UNAVAILABLE, true);
}

static void test_failed_frame(void **state)
{
    (void)state;
    meet("fail:2", ERROR_MODEL, false);
}

static void test_stalled_reply(void **state)
{
    (void)state;
    const uint64_t before = limits_in_force.token_gap_timeout_ms;
    limits_in_force.token_gap_timeout_ms = 1200;
    meet("stall:2", ERROR_TIMEOUT, false);
    limits_in_force.token_gap_timeout_ms = before;
}

static void test_fatal(void **state)
{
    (void)state;
    struct error error;
    struct engine_bed *bed = bed_new("fatal");
    assert_int_equal(engine_wait(bed->engine, &error), ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "told not to load"));
    engine_bed_close(bed);
}

static void test_dies_while_loading(void **state)
{
    (void)state;
    struct error error;
    const uint64_t before = limits_in_force.worker_restart_burst;
    limits_in_force.worker_restart_burst = 3;
    struct engine_bed *bed = bed_new("exit");
    assert_int_equal(engine_wait(bed->engine, &error), ERROR_UNAVAILABLE);
    assert_int_equal(engine_bed_restarts(bed), 3);
    engine_bed_close(bed);
    limits_in_force.worker_restart_burst = before;
}

static void test_no_such_program(void **state)
{
    (void)state;
    struct error error;
    char saved[sizeof(worker_path)];
    memcpy(saved, worker_path, sizeof(saved));
    snprintf(worker_path, sizeof(worker_path), "/nonexistent/worker");
    struct engine_bed *bed = bed_new("");
    assert_int_equal(engine_wait(bed->engine, &error), ERROR_UNAVAILABLE);
    engine_bed_close(bed);
    memcpy(worker_path, saved, sizeof(saved));
}

/* Cancelled while the worker dies: no handler may run. */
static void test_cancel_and_crash(void **state)
{
    (void)state;
    struct engine_bed *bed = bed_open("crash:1");
    struct reply reply;
    assert_true(begin(bed, &reply));
    engine_cancel(reply.call);
    RUN_UNTIL(bed, engine_bed_restarts(bed) == 1 && engine_model_is_ready(bed->engine, 0));
    assert_int_equal(reply.ends, 0);
    assert_false(reply.is_started);
    engine_bed_close(bed);
}

/* Until a call is answered: a lost link comes back with the next worker. */
static void answer(struct engine_bed *bed)
{
    struct reply reply = {.code = ERROR_UNAVAILABLE};
    for (int i = 0; i < 1000 && reply.code != OK; i++) {
        if (begin(bed, &reply))
            RUN_UNTIL(bed, reply.ends == 1);
        else
            reply.code = ERROR_UNAVAILABLE;
        uv_run(&bed->loop, UV_RUN_NOWAIT);
        usleep(reply.code == OK ? 0 : 10000);
    }
    assert_int_equal(reply.code, OK);
}

/* The n-th allocation from here on fails, for all n: each call is refused or
 * ends, and the engine goes on (after a restart when the failure took a link). */
static void test_out_of_memory(void **state)
{
    (void)state;
    struct engine_bed *bed = bed_open("");
    bool was_reached = true;
    for (uint64_t n = 1; was_reached && n < 100; n++) {
        struct reply reply;
        answer(bed);
        mem_fail_at(n);
        const bool begun = begin(bed, &reply);
        if (begun)
            RUN_UNTIL(bed, reply.ends == 1);
        was_reached = mem_fail_count() >= n;
        mem_fail_at(0);
        assert_true(begun || reply.ends == 0);
    }
    assert_false(was_reached);
    engine_bed_close(bed);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    log_configure(LOG_OFF, LOG_LOGFMT);
    char self[2048];
    const ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (len < 0)
        return 1;
    self[len] = '\0';
    *strrchr(self, '/') = '\0';
    snprintf(worker_path, sizeof(worker_path), "%s/../bench/instant_worker", self);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash),        cmocka_unit_test(test_hang),
        cmocka_unit_test(test_stuck_model_thread), cmocka_unit_test(test_machine_stood_still),
        cmocka_unit_test(test_start_that_fails_for_now), cmocka_unit_test(test_program_that_is_away),
        cmocka_unit_test(test_file_that_was_changed),
        cmocka_unit_test(test_garbage),      cmocka_unit_test(test_wrong_frame),
        cmocka_unit_test(test_failed_frame), cmocka_unit_test(test_stalled_reply),
        cmocka_unit_test(test_fatal),        cmocka_unit_test(test_dies_while_loading),
        cmocka_unit_test(test_no_such_program), cmocka_unit_test(test_cancel_and_crash),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
