/* alarms.h - the alarms of a server: their store, the thread that looks at all of them each minute, the one that sends
 * their notices, and the alarm that every tenant has without anybody's doing. docs/MONITORING.md. */
#ifndef ALARM_ALARMS_H
#define ALARM_ALARMS_H

#include "alarm/config.h"
#include "alarm/store.h"

struct alarms;

/* Both outlive the alarms. */
enum error_code alarms_open(const struct config *config, struct monitor *monitor, struct alarms **alarms,
                            struct error *error) WARN_UNUSED;
void alarms_close(struct alarms *alarms); /* NULL is legal */

struct alarm_store *alarms_store(const struct alarms *alarms);

/* The first time that a tenant is seen it gets the default alarm. Waits for the disk; failures are logged. */
#define ALARM_DEFAULT_NAME "CacheHitRateBelow60Percent"
void alarms_welcome(struct alarms *alarms, struct str tenant, struct str account, struct str region);

void alarms_look(struct alarms *alarms); /* an alarm is new or has changed: evaluate before the minute is over */
void alarms_send(struct alarms *alarms); /* actions may be queued */

/* fulcrum_alarm_state, of all alarms. */
void alarms_append_metrics(const struct alarms *alarms, struct buf *out);

#endif
