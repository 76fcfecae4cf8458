/* metrics.h - what /metrics and /readyz say of upstreams and their replicas. Any
 * thread. */
#ifndef UPSTREAM_METRICS_H
#define UPSTREAM_METRICS_H

#include "core/buf.h"
#include "upstream/upstreams.h"

void upstreams_append_metrics(struct upstreams *upstreams, struct buf *out);

/* A line for each replica of a pool that is left alone now: the others have its requests. */
void upstreams_append_notes(struct upstreams *upstreams, struct buf *out);

#endif
