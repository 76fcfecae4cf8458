/* meter.h - requests and tokens a minute: two buckets that fill evenly.
 *
 * A request is let in while both hold something; it takes its prompt's estimated tokens then, and when it ends what it
 * really used, which may leave a debt that the next ones wait off. Whoever owns a meter holds a lock. Times are
 * clock_wall_us(). */
#ifndef KEYS_METER_H
#define KEYS_METER_H

#include <stdint.h>

#include "core/error.h"
#include "core/str.h"

struct meter_limits {
    uint64_t requests, tokens; /* a minute; 0: any number */
};

/* What is left of the minute; below zero: owed. Zeroed: full. */
struct meter {
    double requests, tokens;
    uint64_t filled_us; /* 0: never */
};

/* ERROR_THROTTLED, with the seconds after which the minute holds something again: nothing was taken. `who`, `name`:
 * whose minute it is, for the message ("key", "shop"). */
enum error_code meter_take(struct meter *meter, const struct meter_limits *limits, const char *who, struct str name,
                           uint64_t tokens, uint64_t now_us, struct error *error) WARN_UNUSED;
/* Ended: `taken` were taken, `used` were used. */
void meter_give(struct meter *meter, const struct meter_limits *limits, uint64_t taken, uint64_t used, uint64_t now_us);
/* As if meter_take had never been. */
void meter_undo(struct meter *meter, const struct meter_limits *limits, uint64_t taken);

#endif
