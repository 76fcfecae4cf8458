/* must.c - the end of a process that found itself wrong; see must.h. */
#include "core/must.h"

#include <stdlib.h>

void must_fail(const struct log_field *fields, size_t count)
{
    log_write(LOG_ERROR, "must_hold", fields, count);
    abort();
}
