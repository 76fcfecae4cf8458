/* support_engine.c - see support_engine.h. */
#include "support_engine.h"

#include <unistd.h>

#include "core/mem.h"
#include "support.h"

#define WAIT_MS 60000

struct engine_bed *engine_bed_new(const struct config *config)
{
    struct error error;
    struct engine_bed *bed = mem_calloc(1, sizeof(*bed));
    assert_non_null(bed);
    uv_loop_init(&bed->loop);
    uv_timer_init(&bed->loop, &bed->alarm);
    bed->alarm.data = &bed->is_late;
    bed->config = *config;
    bed->model = config->models[0];
    bed->config.models = &bed->model;
    bed->config.model_count = 1;
    assert_int_equal(engine_new(&bed->config, &bed->loop, 1, &bed->engine, &error), OK);
    return bed;
}

struct engine_bed *engine_bed_open(const struct config *config)
{
    struct error error;
    struct engine_bed *bed = engine_bed_new(config);
    const enum error_code code = engine_wait(bed->engine, &error);
    if (code != OK)
        print_error("%s\n", error.message);
    assert_int_equal(code, OK);
    bed->port = engine_port_new(bed->engine, 0, &bed->loop, &error);
    assert_non_null(bed->port);
    return bed;
}

void engine_bed_close(struct engine_bed *bed)
{
    if (bed->port != NULL)
        engine_port_close(bed->port);
    uv_close((uv_handle_t *)&bed->alarm, NULL);
    engine_stop(bed->engine);
    while (uv_run(&bed->loop, UV_RUN_NOWAIT) != 0)
        usleep(1000);
    engine_free(bed->engine);
    assert_int_equal(uv_loop_close(&bed->loop), 0);
    mem_free(bed);
}

uint64_t engine_bed_restarts(const struct engine_bed *bed)
{
    struct engine_counters counters;
    engine_counters(bed->engine, 0, &counters);
    return counters.restarts;
}

static void on_alarm(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

void engine_bed_set_alarm(struct engine_bed *bed)
{
    bed->is_late = false;
    uv_timer_start(&bed->alarm, on_alarm, WAIT_MS, 0);
}
