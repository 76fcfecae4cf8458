/* replica_metrics.h - what a local server's /metrics say about how busy it is, in
 * Prometheus' text format by the names of vLLM, SGLang and llama-server. Any
 * thread. */
#ifndef UPSTREAM_REPLICA_METRICS_H
#define UPSTREAM_REPLICA_METRICS_H

#include "core/str.h"
#include "upstream/config.h"

/* Below 0: it does not say. */
struct replica_metrics {
    double running; /* requests */
    double waiting;
    double kv_use;  /* of its KV cache, 0 to 1: what running requests hold */
};

/* Of several models or engines of one server requests are added up, and the fullest cache counts. What can't be read is
 * passed over. UPSTREAM_SERVER_ANY says nothing. */
struct replica_metrics replica_metrics_read(enum upstream_server server, struct str text);

#endif
