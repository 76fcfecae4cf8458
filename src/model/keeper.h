/* keeper.h - models that come and go while the server runs: does what the rows of added.h ask for.
 *
 * A new row's model is loaded beside the one it replaces; requests go to it from the moment that it is ready, and the
 * old one ends when nobody holds it any more. One that cannot be loaded leaves everything as it was; its row says why,
 * and the condition "models" with it.
 *
 * Everything here runs on the main thread; the database is asked on one of libuv's worker threads, one piece at a
 * time. */
#ifndef MODEL_KEEPER_H
#define MODEL_KEEPER_H

#include <uv.h>

#include "model/added.h"
#include "model/registry.h"

struct keeper;

/* Reads the rows and starts loading their models; engine_wait waits for those as well. Rows that failed when they were
 * last tried are tried again. */
enum error_code keeper_new(const struct config *config, struct registry *registry, struct engine *engine,
                           uv_loop_t *loop, struct keeper **keeper, struct error *error) WARN_UNUSED;

/* Somebody may have changed the rows. */
void keeper_look(struct keeper *keeper);

/* Before the engine stops: nothing is begun from here on. NULL is legal. */
void keeper_stop(struct keeper *keeper);
/* After the loop has let go of everything. */
void keeper_free(struct keeper *keeper);

#endif
