/* wait.c - Retry-After from the counters that a worker keeps in its slot; see wait.h. An estimate by the mean of all
 * that was read since the worker began: a client that comes back a little early is refused once more, and one that was
 * told a guess from a few steps would come back much too early, or an hour too late. */
#include "engine/wait.h"

#include <math.h>

unsigned wait_estimate_s(const struct broker_slot *slot, enum tier tier)
{
    const double read = (double)atomic_load(&slot->prefilled_tokens), busy_us = (double)atomic_load(&slot->steps_us);
    double waiting = 0;
    for (size_t above = 0; above <= tier; above++)
        waiting += (double)atomic_load(&slot->queued_tokens[above]);
    if (read == 0)
        return 1;
    const double seconds = ceil(waiting * busy_us / read / 1e6);
    if (seconds < 1)
        return 1;
    return seconds < WAIT_MAX_S ? (unsigned)seconds : WAIT_MAX_S;
}
