/* engine_backend.h - the embedded engine as a backend: template, port, reply
 * parser. Beside engine_prompt.h the only place below the dialects that knows
 * both what a request means and what a worker reads. */
#ifndef GENERATE_ENGINE_BACKEND_H
#define GENERATE_ENGINE_BACKEND_H

#include "engine/engine.h"
#include "generate/backend.h"

/* On the port's thread. NULL: no memory. The port stays the caller's. */
struct backend *engine_backend_new(struct engine_port *port, struct error *error);

#endif
