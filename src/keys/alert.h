/* alert.h - an alert of a budget, once for each period and share. Waits for the disk; the keys' thread. */
#ifndef KEYS_ALERT_H
#define KEYS_ALERT_H

#include <pthread.h>

#include "alarm/alarms.h"
#include "keys/accounts.h"
#include "keys/store.h"

/* `storing` guards the store, and is held by nobody here when alarms are asked, whose store is another connection to
 * the same file. `alarms` NULL: the log alone is told. */
enum error_code alert_give(const struct account_state *account, struct key_store *store, pthread_mutex_t *storing,
                           struct alarms *alarms, struct error *error) WARN_UNUSED;

#endif
