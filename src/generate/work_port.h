/* work_port.h - what requests work with: what all threads share, and each
 * thread's own ways to what answers and to the readers of documents. */
#ifndef GENERATE_WORK_PORT_H
#define GENERATE_WORK_PORT_H

#include <uv.h>

#include "document/extractor.h"
#include "engine/engine.h"
#include "generate/backend.h"
#include "generate/default_reply.h"
#include "generate/reservation.h"
#include "ledger/ledger.h"

struct keys;        /* keys/keys.h */
struct upstreams;   /* upstream/upstreams.h */
struct routing;     /* routing.h */
struct work_router; /* work.h */
struct shadow;      /* shadow.h */
struct recall;      /* recall/recall.h */

/* What answers besides the embedded engine, and who chooses; zero: nothing, and nobody. */
struct work_others {
    const struct work_router *router;
    /* A backend of the thread whose loop it is, for targets of kind TARGET_UPSTREAM. */
    struct backend *(*open_upstream)(void *ctx, uv_loop_t *loop, struct error *error);
    void *ctx;
};

/* Filled in before threads start; the pointers are borrowed. */
struct work_shared {
    const struct config *config;
    struct engine *engine;
    const struct registry *models;
    struct extractor *extractor;
    struct ledger *ledger;
    const struct price_book *prices;
    struct reservations *reservations;
    struct keys *keys; /* virtual keys and budgets; NULL: there are none */
    const struct routing *routing; /* who answers where a router is named; NULL: there are none */
    struct upstreams *upstreams; /* servers of others; NULL: there are none */
    struct recall *recall; /* answers that are given again; NULL: none are */
    struct shadow *shadow; /* what routers learn with; NULL: none does */
    struct work_others others;
};

/* One thread's. */
struct work_port {
    const struct work_shared *shared;
    uv_loop_t *loop;
    struct engine_port *engine;
    struct extractor_port *documents;
    struct backend *backends[TARGET_KINDS]; /* NULL: none of that kind */
};

/* `index`: of the engine's ports. On an error nothing is left open but what closes with the loop. */
enum error_code work_port_open(struct work_port *port, const struct work_shared *shared, unsigned index,
                               uv_loop_t *loop, struct error *error) WARN_UNUSED;
void work_port_close(struct work_port *port); /* once no work is left; the loop runs on until its handles are closed */

#endif
