/* demo_bed.h - a server of a demo's phase: `fulcrum serve` on a free port with the levers that are pulled there, an
 * empty cache and a data directory of its own, which goes with it. One thread; one at a time. */
#ifndef CMD_DEMO_BED_H
#define CMD_DEMO_BED_H

#include "cmd/api_client.h"
#include "cmd/eval_server.h"
#include "core/config.h"
#include "demo/figures.h"

#define DEMO_LARGE CONFIG_EMBEDDED_LARGE_LONG
#define DEMO_SMALL CONFIG_EMBEDDED_SMALL_LONG
#define DEMO_LARGE_ID "amazon.nova-pro-v1:0" /* as which they are asked for and priced */
#define DEMO_NOTES_ID "us.amazon.nova-pro-v1:0" /* notes are short: CONFIG_EMBEDDED_LARGE writes them */
#define DEMO_SMALL_ID "amazon.nova-lite-v1:0"
#define DEMO_ROUTER "desk"

struct demo_bed {
    struct eval_server server;
    struct api_client *client;
    double engine_s; /* that its models had computed when it was asked last */
};

/* The configuration of such a server. */
void demo_bed_append_config(struct buf *out, bool has_cache, bool has_router);

/* SIGINT and SIGTERM end the server that runs, so that whoever waits for it gives up and cleans up. Once. */
void demo_bed_catch_signals(void);
bool demo_bed_is_interrupted(void);

/* *bed needs demo_bed_stop only after OK. */
enum error_code demo_bed_start(bool has_cache, bool has_router, struct demo_bed *bed,
                               struct error *error) WARN_UNUSED;
void demo_bed_stop(struct demo_bed *bed);

/* Seconds that its models have computed since the last call, or the start. */
enum error_code demo_bed_engine_seconds(struct demo_bed *bed, double *seconds, struct error *error) WARN_UNUSED;
/* Adds all lines of its ledger. */
enum error_code demo_bed_read_ledger(const struct demo_bed *bed, struct demo_figures *figures,
                                     struct error *error) WARN_UNUSED;

#endif
