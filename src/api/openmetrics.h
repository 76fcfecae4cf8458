/* openmetrics.h - the text of /metrics in the stricter form that scrapers prefer. Pure, any thread. */
#ifndef API_OPENMETRICS_H
#define API_OPENMETRICS_H

#include "core/buf.h"

#define OPENMETRICS_TYPE "application/openmetrics-text"

/* Appends Prometheus' text as OpenMetrics 1.0: families of counters without `_total`, bounds of buckets as real
 * numbers, an end. A counter whose name has no `_total`, or would be another's without it, is of unknown type. */
bool openmetrics_append(struct buf *out, struct str text);

#endif
