/* api.h - the gateway's front: what net hands a request to.
 *
 * One struct api per process, made on the main thread of what cmd/serve has opened; one api_thread per I/O thread with
 * its own ways to the engine and its own counters. */
#ifndef API_API_H
#define API_API_H

#include "api/meant.h"
#include "batch/batch.h"
#include "core/catalog.h"
#include "generate/work_port.h"
#include "model/registry.h"
#include "net/server.h"
#include "store/objects.h"

struct alarms;
struct api;
struct customize;
struct dashboards;
struct evaluations;
struct files;
struct invocations;
struct metrics;
struct monitor;
struct resources;
struct sessions;
struct traces;

/* All of it is borrowed, and outlives the api. */
struct api_options {
    const struct work_shared *work; /* all models loaded */
    struct sessions *sessions;
    const struct catalog *catalog;
    struct registry *models;
    struct objects *objects;
    struct resources *profiles;
    struct resources *routers;
    struct invocations *invocations;
    struct monitor *monitor;
    struct traces *traces; /* NULL: none are sent */
    struct batch *batch;
    struct files *files;
    struct customize *customize;
    struct evaluations *evaluations;
    struct alarms *alarms;
    struct dashboards *dashboards;
    struct metrics *batch_metrics; /* of its records; the runner's thread counts */
    struct metrics *shadow_metrics; /* of answers that routers learn from; likewise */
    unsigned thread_count;
};

enum error_code api_new(const struct api_options *options, struct api **api, struct error *error) WARN_UNUSED;
void api_set_server(struct api *api, const struct server *server); /* for the counters of /metrics */
void api_begin_drain(struct api *api);                             /* /readyz says 503 from here */
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
