/* monitor_internal.h - what questions need of the monitor, for query.c alone. */
#ifndef MONITOR_MONITOR_INTERNAL_H
#define MONITOR_MONITOR_INTERNAL_H

#include "monitor/monitor.h"
#include "monitor/series.h"

/* A connection to read with, for this thread until it gives it back. */
enum error_code monitor_reader_take(struct monitor *monitor, struct series_db **db, struct error *error) WARN_UNUSED;
void monitor_reader_give(struct monitor *monitor, struct series_db *db);

const uint64_t *monitor_keep_s(const struct monitor *monitor); /* by grain */

/* A metric of a client's own, as the fields of its series; dimensions in the order of their names. False: no memory. */
bool monitor_own_fields(const struct monitor_metric *metric, struct arena *arena, struct str fields[KIND_FIELDS_MAX]);

#endif
