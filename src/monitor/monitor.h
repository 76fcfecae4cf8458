/* monitor.h - the series of a server: what the ledger's lines say, minute by minute, and what clients put themselves.
 *
 * A thread of the monitor's own, which sleeps until there are lines, takes them out of ledger.db in their order and
 * adds them to DATA/monitor.db, together with the place up to which it has come, in one transaction. So each line
 * counts once, whatever dies in between, and sums are the ledger's. I/O threads do nothing for it, but for requests
 * that were refused before they had a line. docs/MONITORING.md. */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "core/error.h"
#include "monitor/query.h"

struct ledger;

struct monitor_options {
    const char *data;
    struct ledger *ledger; /* NULL: nobody writes lines meanwhile */
    uint32_t keep_days[3]; /* points of a minute, of five minutes, of an hour */
};

/* Opens DATA/monitor.db, makes it where it is missing, and begins with what the ledger has had since. A damaged file is
 * put aside and made again out of the ledger, which is open. */
enum error_code monitor_open(const struct monitor_options *options, struct monitor **monitor,
                             struct error *error) WARN_UNUSED;
/* With all that was noted, before its ledger is closed. NULL is legal. */
void monitor_close(struct monitor *monitor);

/* Takes all lines that are in ledger.db now, at once. For tests and tools; not beside monitor_close. */
enum error_code monitor_settle(struct monitor *monitor, struct error *error) WARN_UNUSED;

/* A request to a model that got no line of the ledger. Any thread; a short mutex. */
enum monitor_refusal { MONITOR_CLIENT_ERROR, MONITOR_SERVER_ERROR, MONITOR_THROTTLE, MONITOR_REFUSALS };
void monitor_refused(struct monitor *monitor, struct str tenant, struct str model, enum monitor_refusal refusal);

/* --- samples of clients --- */

struct monitor_sample {
    struct monitor_metric metric; /* with its unit */
    uint64_t time_s;
    /* `count` values, each so often; or, with `set`, what is known of many. */
    const double *values, *counts;
    size_t count;
    bool is_set;
    double set_count, set_sum, set_min, set_max;
};

/* All or none. ERROR_QUOTA: the tenant has too many series. Any thread; waits for the disk. */
enum error_code monitor_put(struct monitor *monitor, const struct monitor_sample *samples, size_t count,
                            struct error *error) WARN_UNUSED;

#endif
