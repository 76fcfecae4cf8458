/* api.h - the gateway's front: what net hands a request to.
 *
 * One struct api per process, made on the main thread once every model is
 * loaded; one api_thread per I/O thread with its own engine port and counters. */
#ifndef API_API_H
#define API_API_H

#include "api/meant.h"
#include "chat/template.h"
#include "core/catalog.h"
#include "model/registry.h"
#include "core/config.h"
#include "engine/engine.h"
#include "generate/work_port.h"
#include "ledger/ledger.h"
#include "net/server.h"
#include "store/objects.h"

struct api;

struct api_options {
    const struct config *config;
    const struct catalog *catalog;
    struct registry *models;
    struct engine *engine; /* all models loaded */
    const struct work_others *others; /* NULL: the engine alone answers */
    struct ledger *ledger;
    struct objects *objects;
    const struct price_book *prices;
    unsigned thread_count;
    unsigned batch_port; /* the engine's port for batch jobs, behind those of the threads */
};

enum error_code api_new(const struct api_options *options, struct api **api, struct error *error) WARN_UNUSED;
void api_set_server(struct api *api, const struct server *server); /* for the counters of /metrics */
void api_begin_drain(struct api *api);                             /* /readyz says 503 from here */
/* Until the records of batch jobs that run are done, or for so long. Not on the main thread. */
void api_wait_for_batch(struct api *api, uint64_t timeout_ms);
void api_stop(struct api *api); /* background work; after the server's threads are joined, before the engine stops */
void api_free(struct api *api);                                    /* after the server's threads are joined */

/* For the callbacks of struct server_options; ctx is the api, thread_ctx what api_thread_start gave. cmd/front.h knows
 * which requests are the API's. */
void *api_thread_start(void *ctx, unsigned index, uv_loop_t *loop, struct error *error);
void api_thread_stop(void *thread_ctx);
void api_on_head(void *thread_ctx, struct http_exchange *exchange, struct meant *meant);
void api_on_request(void *thread_ctx, struct http_exchange *exchange);
/* A request that broke a rule of HTTP or a limit. */
void api_refuse(struct http_exchange *exchange, int status, const char *message, const char *request_id);

#endif
