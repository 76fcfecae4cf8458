/* test_engine_models.c - models that come and go while the engine runs. The worker is bench/instant_worker. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/internal.h"
#include "support.h"
#include "support_engine.h"

#define ROUNDS 10

static char worker_path[4096];

/* A model that is added, and what was heard of it. */
struct added {
    struct config_model config;
    unsigned ready, failed, gone;
    struct error error;
};

static void on_ready(void *ctx)
{
    ((struct added *)ctx)->ready++;
}

static void on_failed(void *ctx, const struct error *error)
{
    ((struct added *)ctx)->failed++;
    ((struct added *)ctx)->error = *error;
}

static void on_gone(void *ctx)
{
    ((struct added *)ctx)->gone++;
}

static enum error_code add_as(struct engine_bed *bed, struct added *added, uint32_t number, const char *fault)
{
    const struct engine_watcher watcher = {on_ready, on_failed, on_gone, added};
    struct error error;
    setenv("INSTANT_FAULT", fault, 1);
    *added = (struct added){.config = {.name = "added", .path = "-", .worker = worker_path}};
    return engine_add(bed->engine, number, &added->config, &watcher, &error);
}

static struct engine_bed *open_bed(void)
{
    const struct config_model model = {.name = "first", .path = "-", .worker = worker_path};
    const struct config config = {.models = (struct config_model *)(uintptr_t)&model, .model_count = 1,
                                  .log_level = LOG_OFF};
    setenv("INSTANT_FAULT", "", 1);
    return engine_bed_open(&config);
}

/* --- calls -------------------------------------------------------------------------------------------- */

struct reply {
    unsigned finished, failed;
    enum error_code code;
};

static void count_finished(void *ctx, const struct engine_finished *finished)
{
    (void)finished;
    ((struct reply *)ctx)->finished++;
}

static void count_failed(void *ctx, const struct error *error)
{
    ((struct reply *)ctx)->failed++;
    ((struct reply *)ctx)->code = error->code;
}

static bool begin(struct engine_bed *bed, uint32_t number, struct reply *reply, struct error *error)
{
    static const struct engine_handlers handlers = {.on_finished = count_finished, .on_failed = count_failed};
    static const struct engine_segment segment = {.text = {"hello", 5}};
    const struct engine_request request = {.segments = &segment, .segment_count = 1};
    *reply = (struct reply){0};
    return engine_generate(bed->port, number, &request, &handlers, reply, error) != NULL;
}

static void answers(struct engine_bed *bed, uint32_t number)
{
    struct error error;
    struct reply reply;
    assert_true(begin(bed, number, &reply, &error));
    RUN_UNTIL(bed, reply.finished + reply.failed > 0);
    assert_int_equal(reply.finished, 1);
}

static unsigned open_files(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    (void)closedir(dir);
    return count;
}

/* --- tests -------------------------------------------------------------------------------------------- */

static void test_comes_and_goes(void **state)
{
    (void)state;
    struct engine_bed *bed = open_bed();
    struct added added;
    struct error error;
    struct reply reply;
    struct engine_counters counters;
    unsigned files = 0;
    for (uint32_t number = 1; number <= ROUNDS; number++) {
        assert_int_equal(add_as(bed, &added, number, ""), OK);
        assert_false(begin(bed, number, &reply, &error));
        assert_int_equal(error.code, ERROR_NOT_READY);
        RUN_UNTIL(bed, added.ready == 1);
        assert_true(engine_model_is_ready(bed->engine, number));
        answers(bed, number);
        answers(bed, 0);
        engine_retire(bed->engine, number);
        engine_retire(bed->engine, number); /* once is enough */
        RUN_UNTIL(bed, added.gone == 1);
        assert_false(engine_model_is_ready(bed->engine, number));
        assert_null(engine_model_info(bed->engine, number));
        RUN_UNTIL(bed, !begin(bed, number, &reply, &error) && error.code == ERROR_UNAVAILABLE);
        engine_counters(bed->engine, number, &counters);
        assert_int_equal(counters.prefilled_tokens + counters.restarts, 0);
        uv_run(&bed->loop, UV_RUN_NOWAIT);
        files = number == 1 ? open_files() : files;
        assert_int_equal(open_files(), files);
        assert_int_equal(atomic_load(&bed->engine->broker.page->slot_count), 2); /* one slot for all of them */
        assert_int_equal(added.ready + added.failed + added.gone, 2);
    }
    answers(bed, 0);
    engine_bed_close(bed);
}

/* Whoever still has a call hears of it. */
static void test_calls_of_one_that_is_retired(void **state)
{
    (void)state;
    struct engine_bed *bed = open_bed();
    struct added added;
    struct error error;
    struct reply reply;
    assert_int_equal(add_as(bed, &added, 1, "stall:1"), OK);
    RUN_UNTIL(bed, added.ready == 1);
    assert_true(begin(bed, 1, &reply, &error));
    engine_retire(bed->engine, 1);
    RUN_UNTIL(bed, added.gone == 1 && reply.failed == 1);
    assert_true(reply.code == ERROR_UNAVAILABLE || reply.code == ERROR_MODEL);
    answers(bed, 0);
    engine_bed_close(bed);
}

static void test_one_that_says_why_it_fails(void **state)
{
    (void)state;
    struct engine_bed *bed = open_bed();
    struct added added;
    assert_int_equal(add_as(bed, &added, 1, "fatal"), OK);
    RUN_UNTIL(bed, added.failed == 1);
    assert_non_null(strstr(added.error.message, "told not to load"));
    assert_int_equal(added.ready + added.gone, 0);
    answers(bed, 0);
    engine_bed_close(bed);
}

static void test_one_that_dies_while_loading(void **state)
{
    (void)state;
    const uint64_t before = limits_in_force.worker_restart_burst;
    limits_in_force.worker_restart_burst = 3;
    struct engine_bed *bed = open_bed();
    struct added added;
    assert_int_equal(add_as(bed, &added, 1, "exit"), OK);
    RUN_UNTIL(bed, added.failed == 1);
    assert_non_null(strstr(added.error.message, "keeps dying"));
    answers(bed, 0);
    engine_bed_close(bed);
    limits_in_force.worker_restart_burst = before;
}

/* Retired at any moment: while it loads, while it waits to be started again, while it dies. */
static void test_retired_before_it_is_ready(void **state)
{
    (void)state;
    struct engine_bed *bed = open_bed();
    struct added added;
    for (uint32_t number = 1; number <= 2 * ROUNDS; number++) {
        assert_int_equal(add_as(bed, &added, number, number % 2 ? "exit" : ""), OK);
        for (uint32_t turn = 0; turn < number / 2 && added.ready == 0; turn++)
            uv_run(&bed->loop, UV_RUN_ONCE);
        engine_retire(bed->engine, number);
        RUN_UNTIL(bed, added.gone + added.failed == 1);
    }
    assert_int_equal(atomic_load(&bed->engine->broker.page->slot_count), 2);
    answers(bed, 0);
    engine_bed_close(bed);
}

static void test_stopped_with_everything_under_way(void **state)
{
    (void)state;
    struct engine_bed *bed = open_bed();
    struct added loading, retiring, ready;
    assert_int_equal(add_as(bed, &retiring, 1, ""), OK);
    assert_int_equal(add_as(bed, &ready, 2, ""), OK);
    RUN_UNTIL(bed, retiring.ready == 1 && ready.ready == 1);
    assert_int_equal(add_as(bed, &loading, 3, ""), OK);
    engine_retire(bed->engine, 1);
    engine_bed_close(bed);
}

int main(void)
{
    char self[2048];
    const ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (len < 0)
        return 1;
    self[len] = '\0';
    *strrchr(self, '/') = '\0';
    snprintf(worker_path, sizeof(worker_path), "%s/../bench/instant_worker", self);
    log_configure(LOG_OFF, LOG_LOGFMT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_and_goes),
        cmocka_unit_test(test_calls_of_one_that_is_retired),
        cmocka_unit_test(test_one_that_says_why_it_fails),
        cmocka_unit_test(test_one_that_dies_while_loading),
        cmocka_unit_test(test_retired_before_it_is_ready),
        cmocka_unit_test(test_stopped_with_everything_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
