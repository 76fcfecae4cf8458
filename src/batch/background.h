/* background.h - threads for what takes long: reading inputs, writing outputs.
 * Tasks are given and taken back by one thread, the owner; in between, a task
 * and what it works on belong to the thread that runs it. */
#ifndef BATCH_BACKGROUND_H
#define BATCH_BACKGROUND_H

#include <uv.h>

#include "core/error.h"

struct background_task {
    void (*run)(void *ctx);
    void *ctx;
    struct background_task *next; /* the background's own */
};

struct background;

/* `wake` is sent whenever a task is done; it outlives the background. */
enum error_code background_new(unsigned thread_count, uv_async_t *wake, struct background **background,
                               struct error *error) WARN_UNUSED;
/* After the last task was taken back. NULL is legal. */
void background_free(struct background *background);

void background_give(struct background *background, struct background_task *task); /* tasks start in this order */
struct background_task *background_take(struct background *background);            /* one that is done, or NULL */

#endif
