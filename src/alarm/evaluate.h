/* evaluate.h - one look at one alarm: its points from the monitor, what follows from them, and the change, if any.
 * Reads and writes the disk; any thread. */
#ifndef ALARM_EVALUATE_H
#define ALARM_EVALUATE_H

#include "alarm/store.h"

/* What was said by the monitor at `now_us` or before. *has_changed: it has a new state, and history and actions say
 * so. */
enum error_code alarm_evaluate(struct alarm_store *store, struct monitor *monitor, const struct alarm *alarm,
                               uint64_t now_us, bool *has_changed, struct error *error) WARN_UNUSED;

#endif
