/* moment.h - points in time as logs write them: ISO 8601 with or without a zone, SQL's form of it, seconds,
 * milliseconds or microseconds since 1970. Pure, any thread. */
#ifndef ADVISE_MOMENT_H
#define ADVISE_MOMENT_H

#include <stdbool.h>
#include <yyjson.h>

#include "core/str.h"

/* Microseconds since 1970, UTC where no zone is said. False: it is no time, or one outside 1990 to 2200. */
bool moment_read(struct str text, uint64_t *us);
bool moment_of_value(yyjson_val *value, uint64_t *us); /* a string or a number */

#endif
