/* support_engine.h - the engine through its public header: one model, one port, one loop. */
#ifndef TESTS_UNIT_SUPPORT_ENGINE_H
#define TESTS_UNIT_SUPPORT_ENGINE_H

#include <stdbool.h>

#include "engine/engine.h"

struct engine_bed {
    uv_loop_t loop;
    struct config config;
    struct config_model model;
    struct engine *engine;
    struct engine_port *port; /* NULL until it is ready */
    uv_timer_t alarm;
    bool is_late;
};

/* The first model of `config`, which is copied. Its worker may not be there yet, or fail. */
struct engine_bed *engine_bed_new(const struct config *config);
struct engine_bed *engine_bed_open(const struct config *config); /* ready, with a port */
void engine_bed_close(struct engine_bed *bed);

uint64_t engine_bed_restarts(const struct engine_bed *bed); /* of the worker */

/* Fails the test when the condition does not come in a minute. */
#define RUN_UNTIL(bed, condition)                                                  \
    do {                                                                           \
        engine_bed_set_alarm(bed);                                                 \
        while (!(condition) && !(bed)->is_late)                                    \
            uv_run(&(bed)->loop, UV_RUN_ONCE);                                     \
        uv_timer_stop(&(bed)->alarm);                                              \
        assert_true(condition);                                                    \
    } while (0)
void engine_bed_set_alarm(struct engine_bed *bed);

#endif
