/* relayed_backend.h - a reply that came in a provider's own batch, as a backend: the work that gets it goes through all
 * that a request to the provider does (who may answer, documents, usage, price, line), but nobody is asked.
 *
 * One for each reply; it answers one call, on the loop, after the function that begins it has returned. */
#ifndef GENERATE_RELAYED_BACKEND_H
#define GENERATE_RELAYED_BACKEND_H

#include "generate/backend.h"
#include "upstream/config.h"

struct relayed_backend {
    struct backend backend; /* first: what the work is given (work_setup.instead) */
    struct backend *usual;  /* that would ask the provider: it says what the target takes */
    uv_loop_t *loop;
    enum upstream_kind kind;
    struct str reply;       /* the provider's, whole, JSON; outlives the work */
};

void relayed_backend_init(struct relayed_backend *relayed, struct backend *usual, uv_loop_t *loop,
                          enum upstream_kind kind, struct str reply);

#endif
