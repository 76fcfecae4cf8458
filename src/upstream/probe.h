/* probe.h - asks each upstream once whether it is there, knows us and has its
 * models, without a completion that is paid for. On the caller's thread, which
 * waits. */
#ifndef UPSTREAM_PROBE_H
#define UPSTREAM_PROBE_H

#include "upstream/upstreams.h"

/* Appends a line for each. *failed: how many did not answer as they should. */
enum error_code probe_upstreams(struct upstreams *upstreams, struct buf *out, size_t *failed,
                                struct error *error) WARN_UNUSED;

#endif
